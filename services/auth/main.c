#include "common/daemon/daemon.h"
#include "services/auth/bootstrap.h"
#include "services/auth/local.h"
#include "services/auth/rpc.h"
#include "services/auth/settings.h"
#include "services/auth/worker.h"

#include <libgen.h>
#include <stdio.h>

enum { PATH_BYTES = 1024 };

/// shared_path gives the data directory that all daemons share, or a name in it.
static struct status shared_path(struct daemon *daemon, const char *name,
                                 char ret_path[static PATH_BYTES])
{
    char own[PATH_BYTES];
    int own_size = snprintf(own, sizeof own, "%s", daemon_directory(daemon));
    int size = snprintf(ret_path, PATH_BYTES, "%s%s", dirname(own), name);
    if (own_size < 0 || (size_t)own_size >= sizeof own || size < 0 || size >= PATH_BYTES)
        return REFUSE(INVALID_ARGUMENT, DIRECTORY_NAME, "the data directory has too long a name");
    return STATUS_SUCCESS;
}

static void close_service(void *context)
{
    struct auth_service *service = context;
    auth_worker_close(&service->worker);
    auth_service_close(service);
}

static struct status open_service(struct daemon *daemon, void **ret_service)
{
    struct auth_service *service = *ret_service;
    char data[PATH_BYTES], outbox[PATH_BYTES];
    const struct config *config = daemon_config(daemon);
    struct auth_policy policy = auth_settings_policy(config);
    RETURN_IF_ERROR(shared_path(daemon, "", data));
    RETURN_IF_ERROR(shared_path(daemon, "/outbox", outbox));
    RETURN_IF_ERROR(
        auth_service_open(daemon_store(daemon), daemon_keys_directory(daemon), &policy, service));
    RETURN_IF_ERROR(auth_bootstrap(service, data));
    struct auth_delivery_config delivery = auth_settings_delivery(config, outbox);
    return auth_worker_open(service, &delivery, &service->worker);
}

static struct status start_service(struct daemon *daemon, void *service)
{
    (void)daemon;
    auth_worker_start(((struct auth_service *)service)->worker);
    return STATUS_SUCCESS;
}

static void stop_service(void *service)
{
    auth_worker_stop(((struct auth_service *)service)->worker);
}

int main(int argc, char **argv)
{
    const struct daemon_spec spec = {
        .name = "auth",
        .summary = "Florin's identity: registration, login, sessions, tokens, roles.",
        .keys = auth_settings_keys,
        .key_count = auth_settings_key_count,
        .schema = &auth_store_schema,
        .methods = auth_methods,
        .handlers = auth_handlers,
        .method_count = AUTH_METHOD_COUNT,
        .service_bytes = sizeof(struct auth_service),
        .open = open_service,
        .start = start_service,
        .stop = stop_service,
        .close = close_service,
        .identity_local = auth_local_identity,
    };
    return daemon_main(argc, argv, &spec);
}
