#include "common/daemon/daemon.h"
#include "services/kyc/rpc.h"
#include "services/kyc/service.h"

#include <limits.h>
#include <stdio.h>

static bool vault_is_writable(void *context, const char **ret_detail)
{
    const struct kyc_service *service = context;
    bool is_writable = store_is_writable(kyc_vault_store(service->vault));
    *ret_detail = is_writable ? "" : "the vault's store is full";
    return is_writable;
}

static struct status open_service(struct daemon *daemon, void **ret_service)
{
    char vault[PATH_MAX];
    int size = snprintf(vault, sizeof vault, "%s/vault", daemon_directory(daemon));
    if (size < 0 || (size_t)size >= sizeof vault)
        return REFUSE(INVALID_ARGUMENT, DIRECTORY_NAME, "the data directory has too long a name");
    struct kyc_service *service = *ret_service;
    RETURN_IF_ERROR(
        kyc_service_open(daemon_store(daemon), vault, daemon_keys_directory(daemon), service));
    daemon_health_add(daemon, "vault", vault_is_writable, service);
    daemon_store_add(daemon, "vault", kyc_vault_store(service->vault));
    return STATUS_SUCCESS;
}

static void close_service(void *service)
{
    kyc_service_close(service);
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "kyc",
        .summary = "Florin's customer files: evidence, cases with four eyes, tiers.",
        .schema = &kyc_store_schema,
        .methods = kyc_methods,
        .handlers = kyc_handlers,
        .method_count = KYC_METHOD_COUNT,
        .service_bytes = sizeof(struct kyc_service),
        .open = open_service,
        .close = close_service,
    };
    return daemon_main(argc, argv, &spec);
}
