// `florin backup`, `florin restore`, `florin verify`: copies of the stores.
#include "common/store/store.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "services/ctl/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKUP_TIMEOUT_MS = 3600 * 1000, BACKUP_ARENA_BYTES = 1 << 20 };

/// The stores, by their directories. Each is a daemon's of the same name, but for those inside
/// another's directory: that daemon's backup copies them too.
/// Who follows events stands before whose events it follows: then no copy has handled an event that
/// the copy of its source does not hold, and all of them go on where they stood when restored.
static const char *const stores[] = {"audit", "ledger", "kyc", "kyc/vault", "auth"};

enum { STORE_COUNT = sizeof stores / sizeof stores[0] };

typedef struct status (*store_action)(const struct ctl_options *options, const char *name,
                                      struct arena *arena);

static bool is_asked(const struct ctl_options *options, const char *name)
{
    if (options->service == NULL) return true;
    size_t size = strlen(options->service);
    return strncmp(options->service, name, size) == 0 && (name[size] == 0 || name[size] == '/');
}

// Does one thing to each store that was asked for; stops at the first that fails.
static int for_each_store(const struct ctl_options *options, const char *what, store_action action)
{
    int asked = 0;
    struct status status = STATUS_SUCCESS;
    struct arena *arena = arena_open(BACKUP_ARENA_BYTES);
    for (int i = 0; i < STORE_COUNT && status_ok(status); i++) {
        if (!is_asked(options, stores[i])) continue;
        asked++;
        status = action(options, stores[i], arena);
        if (!status_ok(status)) ctl_complain(stores[i], status);
    }
    arena_close(&arena);
    if (asked == 0) {
        fprintf(stderr, "florin: %s: --service is one of auth, ledger, kyc, audit\n", what);
        return CTL_USAGE;
    }
    if (status_ok(status)) return CTL_DONE;
    return status.code == STATUS_DATA_LOSS ? CTL_NO : CTL_FAILED;
}

static struct status absolute(const char *path, char ret[static CTL_PATH_BYTES])
{
    char here[CTL_PATH_BYTES];
    bool fits = path[0] == '/' ? ctl_path(ret, path, NULL)
                               : getcwd(here, sizeof here) != NULL && ctl_path(ret, here, path);
    return fits ? STATUS_SUCCESS : REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the path is too long");
}

static struct status backup_store(const struct ctl_options *options, const char *name,
                                  struct arena *arena)
{
    char root[CTL_PATH_BYTES], directory[CTL_PATH_BYTES];
    if (strchr(name, '/') != NULL) return STATUS_SUCCESS; // Part of the backup before.
    RETURN_IF_ERROR(absolute(options->operands[0], root));
    if (!ctl_path(directory, root, name))
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the path is too long");
    if (mkdir(root, 0700) != 0 && errno != EEXIST)
        return REFUSE(FAILED_PRECONDITION, DIRECTORY_NOT_MADE,
                      "the backup directory cannot be made");

    struct ctl_client *client = NULL;
    Envelope__BackupRequest request = ENVELOPE__BACKUP_REQUEST__INIT;
    request.directory = directory;
    request.bytes_per_second_max = options->rate_bytes;
    Envelope__BackupResponse *reply = NULL;
    struct status status = ctl_client_open(options, name, &client);
    if (status_ok(status))
        status = ctl_client_call(client, &rpc_methods[RPC_CONTROL_BACKUP], &request,
                                 BACKUP_TIMEOUT_MS, arena, &reply);
    if (status_ok(status))
        printf("%-9s %" PRIu64 " bytes, events up to %" PRIu64 "\n", name, reply->bytes,
               reply->event_seq);
    ctl_client_close(&client);
    return status;
}

static struct status restore_store(const struct ctl_options *options, const char *name,
                                   struct arena *arena)
{
    (void)arena;
    char from[CTL_PATH_BYTES], to[CTL_PATH_BYTES];
    if (!ctl_path(from, options->operands[0], name) || !ctl_path(to, options->data, name))
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the path is too long");
    RETURN_IF_ERROR(store_restore(from, to));
    printf("%-9s restored\n", name);
    return STATUS_SUCCESS;
}

static struct status verify_store(const struct ctl_options *options, const char *name,
                                  struct arena *arena)
{
    (void)arena;
    char directory[CTL_PATH_BYTES];
    if (!ctl_path(directory, options->data, name))
        return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the path is too long");
    RETURN_IF_ERROR(store_verify(directory));
    printf("%-9s sound\n", name);
    return STATUS_SUCCESS;
}

int ctl_backup(const struct ctl_options *options)
{
    return for_each_store(options, "backup", backup_store);
}

int ctl_restore(const struct ctl_options *options)
{
    struct status status = ctl_data_make(options->data);
    if (!status_ok(status)) return ctl_complain(options->data, status);
    return for_each_store(options, "restore", restore_store);
}

int ctl_verify(const struct ctl_options *options)
{
    return for_each_store(options, "verify", verify_store);
}
