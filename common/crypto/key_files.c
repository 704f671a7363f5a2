// Keys on disk: hex in small files, written once and never changed, secrets readable by their owner
// alone. A key appears under its name only when all its bytes are durable (temporary file, fsync,
// link), so that a crash leaves either no key or a whole one.
#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_FILE_HEX_DIGITS = 64, KEY_FILE_MODE_SECRET = 0400, KEY_FILE_MODE_PUBLIC = 0444 };

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static struct status check_name(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size > KEY_NAME_CHARACTERS_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != size)
        return REFUSE(INVALID_ARGUMENT, KEY_NAME, "a key's name is 1 to 40 of a-z 0-9 _ -");
    return STATUS_SUCCESS;
}

static struct status join_path(const char *directory, const char *name, const char *suffix,
                               char ret[static PATH_MAX])
{
    RETURN_IF_ERROR(check_name(name));
    int size = snprintf(ret, PATH_MAX, "%s/%s.%s", directory, name, suffix);
    CHECK(size > 0);
    if (size >= PATH_MAX) return REFUSE(INVALID_ARGUMENT, KEY_NAME, "a key's path is too long");
    return STATUS_SUCCESS;
}

/// read_key reads one file of 64 hex digits whose mode has none of the forbidden bits.
static struct status read_key(const char *path, mode_t forbidden_mode, uint8_t ret[static 32])
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return REFUSE(NOT_FOUND, KEY_NOT_FOUND, "the key file does not exist");
    if (fd < 0) return REFUSE(UNAVAILABLE, KEY_FILE_UNREADABLE, "the key file cannot be opened");

    struct stat info;
    CHECK(fstat(fd, &info) == 0);
    if (!S_ISREG(info.st_mode) || (info.st_mode & forbidden_mode) != 0)
        return REFUSE(FAILED_PRECONDITION, KEY_FILE_MODE,
                      "the key file's mode lets others in: secrets need 0400, public keys 0444");

    char text[KEY_FILE_HEX_DIGITS + 2]; // A newline, and one byte more to see what is too long.
    size_t size = 0;
    ssize_t got;
    while (size < sizeof text && (got = read(fd, text + size, sizeof text - size)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            key_wipe(text, sizeof text);
            return REFUSE(UNAVAILABLE, KEY_FILE_UNREADABLE, "the key file cannot be read");
        }
        size += (size_t)got;
    }
    if (size == KEY_FILE_HEX_DIGITS + 1 && text[KEY_FILE_HEX_DIGITS] == '\n') size--;
    uint8_t key[32];
    bool whole = hex_decode(text, size, key, sizeof key);
    key_wipe(text, sizeof text);
    if (whole) memcpy(ret, key, sizeof key);
    key_wipe(key, sizeof key);
    if (!whole) return REFUSE(FAILED_PRECONDITION, KEY_MALFORMED, "a key file holds 64 hex digits");
    return STATUS_SUCCESS;
}

static bool write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, text, size);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        text += put;
        size -= (size_t)put;
    }
    return fsync(fd) == 0;
}

static bool sync_directory_of(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    CLEANUP(close_fd) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0;
}

/// write_key makes a new file; ALREADY_EXISTS / KEY_EXISTS leaves the old one as it is.
static struct status write_key(const char *path, mode_t mode, const uint8_t key[static 32])
{
    const struct status unwritable =
        REFUSE(UNAVAILABLE, KEY_FILE_UNWRITABLE, "the key file cannot be written");
    char temporary[PATH_MAX];
    int size = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (size < 0 || (size_t)size >= sizeof temporary) return unwritable;
    CLEANUP(close_fd) int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) return unwritable;

    char text[KEY_FILE_HEX_DIGITS + 1];
    hex_encode(key, 32, text);
    text[KEY_FILE_HEX_DIGITS] = '\n'; // Takes the NUL's place: the file is text, not a C string.
    bool written = write_all(fd, text, sizeof text) && fchmod(fd, mode) == 0;
    key_wipe(text, sizeof text);

    int link_error = 0;
    if (written && link(temporary, path) != 0) link_error = errno;
    unlink(temporary);
    if (link_error == EEXIST) return REFUSE(ALREADY_EXISTS, KEY_EXISTS, "the key exists already");
    if (!written || link_error != 0 || !sync_directory_of(path)) return unwritable;
    return STATUS_SUCCESS;
}

struct status key_secret_load(const char *path, uint8_t ret[static KEY_SECRET_BYTES])
{
    return read_key(path, 07777 & ~(mode_t)KEY_FILE_MODE_SECRET, ret);
}

struct status key_secret_generate(const char *path)
{
    uint8_t secret[KEY_SECRET_BYTES];
    key_random(secret, sizeof secret);
    struct status status = write_key(path, KEY_FILE_MODE_SECRET, secret);
    key_wipe(secret, sizeof secret);
    return status;
}

struct status key_signer_load(const char *directory, const char *name, struct key_signer **ret)
{
    char path[PATH_MAX];
    RETURN_IF_ERROR(join_path(directory, name, "key", path));
    uint8_t seed[KEY_SEED_BYTES];
    RETURN_IF_ERROR(key_secret_load(path, seed));
    struct status status = key_signer_from_seed(seed, ret);
    key_wipe(seed, sizeof seed);
    return status;
}

struct status key_public_load(const char *directory, const char *name,
                              uint8_t ret[static KEY_PUBLIC_BYTES])
{
    char path[PATH_MAX];
    RETURN_IF_ERROR(join_path(directory, name, "pub", path));
    return read_key(path, 022, ret); // Who can change a public key can sign as its owner.
}

struct status key_generate(const char *directory, const char *name)
{
    char secret_path[PATH_MAX], public_path[PATH_MAX];
    RETURN_IF_ERROR(join_path(directory, name, "key", secret_path));
    RETURN_IF_ERROR(join_path(directory, name, "pub", public_path));

    struct status made = key_secret_generate(secret_path);
    if (!status_ok(made) && made.code != STATUS_ALREADY_EXISTS) return made;
    struct key_signer *signer = NULL;
    RETURN_IF_ERROR(key_signer_load(directory, name, &signer));
    // The secret comes first, so that a .pub never stands for a key that nobody has; a crash
    // between the two is healed by the next call, which finds the secret and writes its half.
    struct status published =
        write_key(public_path, KEY_FILE_MODE_PUBLIC, key_signer_public(signer));
    key_signer_close(&signer);
    if (!status_ok(published) && published.code != STATUS_ALREADY_EXISTS) return published;
    return made;
}
