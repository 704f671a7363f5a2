#include "services/auth/password_breached.h"

#include "common/base/check.h"
#include "common/crypto/keys.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DIGITS = 2 * crypto_hash_sha256_BYTES,
    LINE_BYTES = DIGITS + 1,
    LINES_CHECKED_MAX = 1000000,
};

struct auth_breached {
    const char *lines;
    size_t count;
    const char *alphabet;
};

static const char lower_alphabet[] = "0123456789abcdef", upper_alphabet[] = "0123456789ABCDEF";

#define MALFORMED(message_) REFUSE(INVALID_ARGUMENT, BREACHED_FILE, message_)

static const char *line_at(const struct auth_breached *breached, size_t index)
{
    return breached->lines + index * LINE_BYTES;
}

static bool is_line(const char *line, const char *alphabet)
{
    for (size_t i = 0; i < DIGITS; i++) {
        if (line[i] == '\0' || strchr(alphabet, line[i]) == NULL) return false;
    }
    return line[DIGITS] == '\n';
}

static struct status check_lines(struct auth_breached *breached)
{
    size_t step = breached->count / LINES_CHECKED_MAX + 1;
    const char *before = NULL;
    // One case for all: 64 digits without a letter do not happen, so the first line says which.
    bool is_upper = false;
    for (size_t i = 0; i < DIGITS; i++)
        is_upper |= breached->lines[i] >= 'A' && breached->lines[i] <= 'F';
    breached->alphabet = is_upper ? upper_alphabet : lower_alphabet;
    for (size_t i = 0; i < breached->count; i += step) {
        const char *line = line_at(breached, i);
        if (!is_line(line, breached->alphabet))
            return MALFORMED("the file of breached passwords has a line that is no SHA-256 hash");
        if (before != NULL && memcmp(before, line, DIGITS) >= 0)
            return MALFORMED("the file of breached passwords is not in rising order");
        before = line;
    }
    return STATUS_SUCCESS;
}

static struct status map_file(int fd, struct auth_breached *breached)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        return MALFORMED("the file of breached passwords is no file");
    size_t size = (size_t)facts.st_size;
    if (size == 0 || size % LINE_BYTES != 0)
        return MALFORMED("the file of breached passwords is not made of lines of 64 hex digits");
    void *lines = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (lines == MAP_FAILED) return MALFORMED("the file of breached passwords cannot be mapped");
    (void)madvise(lines, size, MADV_RANDOM);
    breached->lines = lines;
    breached->count = size / LINE_BYTES;
    return STATUS_SUCCESS;
}

struct status auth_breached_open(const char *path, struct auth_breached **ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return REFUSE(NOT_FOUND, BREACHED_FILE, "the file of breached passwords cannot be read");
    CLEANUP(auth_breached_close) struct auth_breached *breached = calloc(1, sizeof *breached);
    CHECK(breached != NULL);
    struct status status = map_file(fd, breached);
    close(fd);
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(check_lines(breached));
    *ret = breached;
    breached = NULL; // The caller's now.
    return STATUS_SUCCESS;
}

void auth_breached_close(struct auth_breached **breached)
{
    struct auth_breached *old = *breached;
    if (old == NULL) return;
    if (old->lines != NULL) munmap((void *)(uintptr_t)old->lines, old->count * LINE_BYTES);
    free(old);
    *breached = NULL;
}

bool auth_breached_has(const struct auth_breached *breached, const char *password)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char wanted[DIGITS];
    size_t low = 0, high = breached->count;
    crypto_hash_sha256(hash, (const unsigned char *)password, strlen(password));
    for (size_t i = 0; i < sizeof hash; i++) {
        wanted[2 * i] = breached->alphabet[hash[i] >> 4];
        wanted[2 * i + 1] = breached->alphabet[hash[i] & 15];
    }
    bool found = false;
    while (low < high && !found) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(line_at(breached, middle), wanted, DIGITS);
        found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    key_wipe(hash, sizeof hash);
    key_wipe(wanted, sizeof wanted);
    return found;
}
