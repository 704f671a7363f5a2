#include "services/auth/bootstrap.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/auth/counters.h"
#include "services/auth/events.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_REFUSED(message_) REFUSE(UNAVAILABLE, ADMIN_PASSWORD_FILE, message_)

/* No 0, 1, I, O, l, o: it may have to be read aloud. */
static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz";

static void generate(char ret_password[static AUTH_ADMIN_PASSWORD_BYTES])
{
    const unsigned count = sizeof alphabet - 1, fair_below = 256 - 256 % count;
    for (size_t i = 0; i < AUTH_ADMIN_PASSWORD_CHARACTERS;) {
        uint8_t byte;
        key_random(&byte, sizeof byte);
        if (byte < fair_below) ret_password[i++] = alphabet[byte % count];
    }
    ret_password[AUTH_ADMIN_PASSWORD_CHARACTERS] = '\0';
}

// ---- The file ------------------------------------------------------------------------------

/// read_file: NOT_FOUND, or the password of an earlier start that did not come to its end.
static struct status read_file(const char *path,
                               char ret_password[static AUTH_ADMIN_PASSWORD_BYTES])
{
    char line[AUTH_ADMIN_PASSWORD_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return REFUSE(NOT_FOUND, ADMIN_PASSWORD_FILE, "none yet");
    if (fd < 0) return FILE_REFUSED("the administrator's password file cannot be read");
    ssize_t size = read(fd, line, sizeof line);
    close(fd);
    bool is_ours = size == AUTH_ADMIN_PASSWORD_BYTES && line[size - 1] == '\n';
    if (is_ours) line[size - 1] = '\0';
    if (!is_ours || strspn(line, alphabet) != AUTH_ADMIN_PASSWORD_CHARACTERS)
        return FILE_REFUSED("the administrator's password file holds something else; remove it");
    memcpy(ret_password, line, AUTH_ADMIN_PASSWORD_BYTES);
    key_wipe(line, sizeof line);
    return STATUS_SUCCESS;
}

static bool write_synced(int fd, const char *password)
{
    char line[AUTH_ADMIN_PASSWORD_BYTES];
    memcpy(line, password, AUTH_ADMIN_PASSWORD_CHARACTERS);
    line[AUTH_ADMIN_PASSWORD_CHARACTERS] = '\n';
    bool is_written = write(fd, line, sizeof line) == (ssize_t)sizeof line && fsync(fd) == 0;
    key_wipe(line, sizeof line);
    return is_written;
}

/// write_file makes the file appear whole or not at all.
static struct status write_file(const char *directory, const char *path, const char *password)
{
    char partial[PATH_MAX];
    int size = snprintf(partial, sizeof partial, "%s.partial", path);
    CHECK(size > 0 && (size_t)size < sizeof partial);
    (void)unlink(partial); // Of a start that was cut off.
    int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
    if (fd < 0) return FILE_REFUSED("the administrator's password file cannot be made");
    bool is_written = write_synced(fd, password);
    close(fd);
    int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    is_written =
        is_written && directory_fd >= 0 && rename(partial, path) == 0 && fsync(directory_fd) == 0;
    if (directory_fd >= 0) close(directory_fd);
    return is_written ? STATUS_SUCCESS
                      : FILE_REFUSED("the administrator's password file cannot be written");
}

// ---- The user ------------------------------------------------------------------------------

struct administrator {
    const struct auth_service *service;
    char password[AUTH_ADMIN_PASSWORD_BYTES];
    char hash[AUTH_HASH_BYTES];
};

static void wipe(struct administrator *administrator)
{
    key_wipe(administrator->password, sizeof administrator->password);
    key_wipe(administrator->hash, sizeof administrator->hash);
}

static struct status put_administrator(struct store_txn *txn, void *context)
{
    const struct administrator *administrator = context;
    const struct auth_service *service = administrator->service;
    uint64_t now_ns = clock_wall_ns();
    struct auth_user user = auth_service_new_user("admin", now_ns);
    struct auth_person person = {.fields = {[AUTH_PERSON_EMAIL] = AUTH_ADMIN_EMAIL,
                                            [AUTH_PERSON_MOBILE] = "",
                                            [AUTH_PERSON_FULL_NAME] = "Administrator",
                                            [AUTH_PERSON_STATUS_REASON] = ""}};
    RETURN_IF_ERROR(auth_store_put_new_user(service->auth, txn, &user, &person));
    auth_store_put_password(service->auth, txn, user.id, administrator->hash, now_ns);
    auth_gauge_add(txn, AUTH_GAUGE_USERS_ACTIVE,
                   1); // Made, not registered: counted as a user only.
    auth_events_user_registered(txn, NULL, &user, false);
    return STATUS_SUCCESS;
}

static struct status look_for_users(const struct auth_service *service, bool *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    *ret = auth_store_has_users(txn);
    return STATUS_SUCCESS;
}

struct status auth_bootstrap(const struct auth_service *service, const char *directory)
{
    char path[PATH_MAX - 16];
    bool has_users = false;
    RETURN_IF_ERROR(look_for_users(service, &has_users));
    if (has_users) return STATUS_SUCCESS;
    int size = snprintf(path, sizeof path, "%s/admin-password", directory);
    if (size < 0 || (size_t)size >= sizeof path)
        return FILE_REFUSED("the data directory has too long a name");

    CLEANUP(wipe) struct administrator administrator = {.service = service};
    struct status status = read_file(path, administrator.password);
    if (status.code == STATUS_NOT_FOUND) {
        generate(administrator.password);
        status = write_file(directory, path, administrator.password);
    }
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(
        auth_password_hash(&service->policy.argon2, administrator.password, administrator.hash));
    return store_write_wait(service->store, put_administrator, &administrator);
}
