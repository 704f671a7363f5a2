#include "common/base/check.h"
#include "common/base/metrics.h"
#include "common/daemon/parts.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static bool is_serving(void *context)
{
    const struct daemon *daemon = context;
    return atomic_load(&daemon->is_serving);
}

static struct rpc_health_part store_part(const struct daemon *daemon)
{
    bool is_writable = store_is_writable(daemon->store);
    // The gateway asks for health once a second, which is fresh enough for an alert.
    metric_set(metric_gauge("florin_store_full", "1 while the store refuses writes", NULL),
               !is_writable);
    return (struct rpc_health_part){.name = "store",
                                    .is_serving = is_writable,
                                    .detail = is_writable ? NULL : "full: reads only"};
}

static struct rpc_health_part identity_part(const struct daemon *daemon)
{
    bool is_ready = identity_is_ready(daemon->identity);
    return (struct rpc_health_part){.name = "identity",
                                    .is_serving = is_ready,
                                    .detail = is_ready ? NULL : "auth's keys are not known yet"};
}

static size_t health(void *context, struct rpc_health_part *ret_parts)
{
    struct daemon *daemon = context;
    size_t count = 0;
    if (daemon->store != NULL) ret_parts[count++] = store_part(daemon);
    ret_parts[count++] = identity_part(daemon);
    pthread_mutex_lock(&daemon->lock);
    for (size_t i = 0; i < daemon->peer_count; i++) {
        const struct daemon_peer *peer = &daemon->peers[i];
        if (peer->channel == NULL) continue;
        // For the operator to see: a peer that is away does not make this daemon unhealthy.
        ret_parts[count++] = (struct rpc_health_part){
            .name = peer->name,
            .is_serving = true,
            .detail = rpc_channel_is_up(peer->channel) ? "connected" : "away"};
    }
    for (size_t i = 0; i < daemon->added_count; i++) {
        const struct daemon_health_row *row = &daemon->added[i];
        struct rpc_health_part part = {.name = row->part};
        part.is_serving = row->serving(row->context, &part.detail);
        ret_parts[count++] = part;
    }
    pthread_mutex_unlock(&daemon->lock);
    return count;
}

static_assert(2 + DAEMON_PEERS_MAX + DAEMON_HEALTH_ADDED_MAX <= RPC_HEALTH_PARTS_MAX,
              "every part has room");

void daemon_health_add(struct daemon *daemon, const char *part,
                       bool (*serving)(void *context, const char **ret_detail), void *context)
{
    pthread_mutex_lock(&daemon->lock);
    CHECK(daemon->added_count < DAEMON_HEALTH_ADDED_MAX);
    daemon->added[daemon->added_count++] =
        (struct daemon_health_row){.part = part, .serving = serving, .context = context};
    pthread_mutex_unlock(&daemon->lock);
}

// The main thread waits for this signal, so a drain by RPC is the same as one by the supervisor.
static void drain(void *context)
{
    (void)context;
    kill(getpid(), SIGTERM);
}

void daemon_store_add(struct daemon *daemon, const char *name, struct store *store)
{
    CHECK(daemon->store_count < DAEMON_STORES_ADDED_MAX);
    daemon->stores[daemon->store_count++] = (struct daemon_added_store){name, store};
}

// After the main store: what that one refers to is durable in the others first, so their later
// copies hold at least everything that its copy refers to.
static struct status backup_added(const struct daemon *daemon, const char *directory,
                                  uint64_t bytes_per_second_max, uint64_t *ret_bytes)
{
    for (size_t i = 0; i < daemon->store_count; i++) {
        char path[SETTINGS_PATH_BYTES];
        int size = snprintf(path, sizeof path, "%s/%s", directory, daemon->stores[i].name);
        if (size < 0 || (size_t)size >= sizeof path) {
            return REFUSE(INVALID_ARGUMENT, PATH_TOO_LONG, "the backup's path is too long");
        }
        uint64_t bytes;
        RETURN_IF_ERROR(store_backup(daemon->stores[i].store, path, bytes_per_second_max, &bytes));
        *ret_bytes += bytes;
    }
    return STATUS_SUCCESS;
}

static struct status backup(void *context, const struct rpc_call *call, const char *directory,
                            uint64_t bytes_per_second_max, uint64_t *ret_bytes,
                            uint64_t *ret_event_seq)
{
    struct daemon *daemon = context;
    if (!atomic_load(&daemon->is_serving)) {
        return REFUSE(UNAVAILABLE, DRAINING, "the daemon is about to end");
    }
    // Read first: the copy holds at least this much.
    *ret_event_seq = event_outbox_head(daemon->outbox);
    RETURN_IF_ERROR(store_backup(daemon->store, directory, bytes_per_second_max, ret_bytes));
    RETURN_IF_ERROR(backup_added(daemon, directory, bytes_per_second_max, ret_bytes));
    return daemon_tell_backup(daemon, call, *ret_bytes, *ret_event_seq);
}

void daemon_control_open(struct daemon *daemon)
{
    daemon->builtin = (struct rpc_builtin){.daemon = daemon->spec->name,
                                           .services = daemon->services,
                                           .service_count = daemon->service_count,
                                           .context = daemon,
                                           .is_serving = is_serving,
                                           .health = health,
                                           .drain = drain,
                                           .backup = daemon->store != NULL ? backup : NULL};
}
