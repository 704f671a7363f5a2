// `florin keys …`: auth's signing keys, and the keys by which third parties' services are known.
#include "common/base/clock.h"
#include "common/crypto/token.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/auth/v1/auth_methods.h"
#include "services/ctl/client.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROTATE_TIMEOUT_MS = 10 * 1000, ROTATE_ARENA_BYTES = 1 << 20 };

int ctl_keys_rotate(const struct ctl_options *options)
{
    struct ctl_client *client = NULL;
    struct arena *arena = arena_open(ROTATE_ARENA_BYTES);
    Auth__RotateSigningKeysRequest request = AUTH__ROTATE_SIGNING_KEYS_REQUEST__INIT;
    Auth__RotateSigningKeysResponse *rotated = NULL;
    struct status status = ctl_client_open(options, "auth", &client);
    if (status_ok(status))
        status = ctl_client_call(client, &auth_methods[AUTH_ROTATE_SIGNING_KEYS], &request,
                                 ROTATE_TIMEOUT_MS, arena, &rotated);
    int result = status_ok(status) ? CTL_DONE : ctl_complain("keys rotate", status);
    if (status_ok(status)) printf("active %s\nnext   %s\n", rotated->active_kid, rotated->next_kid);
    if (status.code == STATUS_FAILED_PRECONDITION) result = CTL_NO; // The next key is too new.
    ctl_client_close(&client);
    arena_close(&arena);
    return result;
}

// ---- Services of third parties -------------------------------------------------------------

// Whose keys `florin init` makes, and what each is for.
static const struct own_key {
    const char *name, *use;
} own_keys[] = {{"auth", "daemon"},          {"ledger", "daemon"},  {"kyc", "daemon"},
                {"audit", "daemon"},         {"gateway", "daemon"}, {"ops", "operator"},
                {"audit-log", "audit's log"}};

static const char *use_of(const char *name)
{
    for (size_t i = 0; i < sizeof own_keys / sizeof own_keys[0]; i++)
        if (strcmp(name, own_keys[i].name) == 0) return own_keys[i].use;
    return "service";
}

/// open_keys gives the keys directory, and refuses names that are not a third party's to have.
static struct status open_keys(const struct ctl_options *options, const char *name,
                               char ret[static CTL_PATH_BYTES])
{
    if (!ctl_path(ret, options->data, "keys"))
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the data directory's path is too long");
    if (name != NULL && strcmp(use_of(name), "service") != 0)
        return REFUSE(INVALID_ARGUMENT, KEY_NAME_TAKEN, "this name is one of Florin's own");
    // A key's name may be longer than that of a service in a token.
    if (name != NULL && strlen(name) >= TOKEN_ROLE_BYTES_MAX)
        return REFUSE(INVALID_ARGUMENT, KEY_NAME, "a service's name is 1 to 31 of a-z 0-9 _ -");
    return crypto_open();
}

/// check_is_new: a secret that has been handed over is gone from here, and its public half stands;
/// a new secret would not fit that one.
static struct status check_is_new(const char *keys, const char *name)
{
    uint8_t public_key[KEY_PUBLIC_BYTES];
    struct status status = key_public_load(keys, name, public_key);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    if (status_ok(status) || status.code == STATUS_FAILED_PRECONDITION)
        return REFUSE(ALREADY_EXISTS, KEY_EXISTS, "the service has a key already");
    return status;
}

int ctl_keys_add_service(const struct ctl_options *options)
{
    const char *name = options->operands[0];
    char keys[CTL_PATH_BYTES];
    struct status status = open_keys(options, name, keys);
    if (status_ok(status)) status = check_is_new(keys, name);
    if (status_ok(status)) status = key_generate(keys, name);
    if (!status_ok(status)) {
        int result = ctl_complain(name, status);
        return status.code == STATUS_ALREADY_EXISTS ? CTL_NO : result;
    }
    printf("services/%s may follow events: every daemon knows its key from now on.\n"
           "%s/%s.key   is the secret: hand it to the service, in a file of mode 0400, and\n"
           "    delete it here\n"
           "%s/%s.pub   stays here for as long as the service is to be known\n",
           name, keys, name, keys, name);
    return CTL_DONE;
}

static struct status remove_file(const char *keys, const char *name, const char *suffix,
                                 bool *ret_was_there)
{
    char path[CTL_PATH_BYTES + KEY_NAME_CHARACTERS_MAX + 8];
    snprintf(path, sizeof path, "%s/%s%s", keys, name, suffix);
    if (unlink(path) == 0) *ret_was_there = true;
    if (*ret_was_there || errno == ENOENT) return STATUS_SUCCESS;
    return REFUSE(UNAVAILABLE, KEY_FILE_UNWRITABLE, "the key file cannot be removed");
}

int ctl_keys_remove_service(const struct ctl_options *options)
{
    const char *name = options->operands[0];
    char keys[CTL_PATH_BYTES];
    uint8_t public_key[KEY_PUBLIC_BYTES];
    bool was_there = false;
    struct status status = open_keys(options, name, keys);
    if (status_ok(status)) status = key_public_load(keys, name, public_key);
    if (status.code == STATUS_FAILED_PRECONDITION) status = STATUS_SUCCESS; // Damaged: goes too.
    // The public half first: were the secret gone first and this failed, the service would live on.
    if (status_ok(status)) status = remove_file(keys, name, ".pub", &was_there);
    if (status_ok(status)) status = remove_file(keys, name, ".key", &was_there);
    if (!status_ok(status)) {
        int result = ctl_complain(name, status);
        return status.code == STATUS_NOT_FOUND ? CTL_NO : result;
    }
    printf("services/%s is known no longer: at every daemon within a minute.\n"
           "The event sockets ask for no token: take its access to those away as well, that is,\n"
           "its user's on this host, or its certificate.\n",
           name);
    return CTL_DONE;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_public_key(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 4 && size <= KEY_NAME_CHARACTERS_MAX + 4 &&
           strcmp(entry->d_name + size - 4, ".pub") == 0;
}

static void print_key(const char *keys, const char *file)
{
    char name[KEY_NAME_CHARACTERS_MAX + 1], kid[KEY_ID_TEXT_BYTES], secret[CTL_PATH_BYTES + 64];
    uint8_t public_key[KEY_PUBLIC_BYTES];
    snprintf(name, sizeof name, "%.*s", (int)strlen(file) - 4, file);
    struct status status = key_public_load(keys, name, public_key);
    if (!status_ok(status)) {
        printf("%-24s %-22s %s\n", name, "-", status.reason);
        return;
    }
    key_id(public_key, kid);
    snprintf(secret, sizeof secret, "%s/%s.key", keys, name);
    bool is_here = access(secret, F_OK) == 0;
    printf("%-24s %-22s %s%s\n", name, kid, use_of(name),
           is_here && strcmp(use_of(name), "service") == 0 ? ", its secret lies here too" : "");
}

int ctl_keys_list(const struct ctl_options *options)
{
    char keys[CTL_PATH_BYTES];
    struct dirent **entries = NULL;
    struct status status = open_keys(options, NULL, keys);
    int count = status_ok(status) ? scandir(keys, &entries, is_public_key, by_name) : -1;
    if (status_ok(status) && count < 0)
        status = REFUSE(NOT_FOUND, KEY_NOT_FOUND, "the data directory has no keys");
    if (!status_ok(status)) return ctl_complain("keys list", status);
    for (int i = 0; i < count; i++) {
        print_key(keys, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return CTL_DONE;
}

int ctl_keys_token(const struct ctl_options *options)
{
    const char *name = options->operands[0];
    char keys[CTL_PATH_BYTES], token[TOKEN_BYTES_MAX];
    struct key_signer *signer = NULL;
    struct status status = open_keys(options, name, keys);
    if (status_ok(status)) status = key_signer_load(keys, name, &signer);
    if (!status_ok(status)) return ctl_complain(name, status);
    token_issue_service(name, signer, clock_wall_ns() / NS_PER_SECOND, TOKEN_SERVICE_LIFE_S, token);
    key_signer_close(&signer);
    printf("%s\n", token);
    return CTL_DONE;
}
