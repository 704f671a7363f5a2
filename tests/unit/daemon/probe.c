// The smallest daemon: what daemon_main gives without any service of its own. It is called as the
// daemon that $PROBE_DAEMON names; as auth it is its own identity.
#include "common/daemon/daemon.h"

#include <stdlib.h>
#include <string.h>

static const struct store_table tables[] = {{STORE_TABLE_SERVICE_FIRST, "probe"}};
static const struct store_schema schema = {
    .name = "probe", .version = 1, .tables = tables, .table_count = 1};

static const struct config_key keys[] = {
    {.section = "probe",
     .name = "limit",
     .type = CONFIG_U64,
     .min = 1,
     .max = 10,
     .default_text = "5",
     .doc = "A row of the service's own."},
};

static bool no_key(void *context, const char *kid, uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                   char ret_issuer[static TOKEN_ISSUER_BYTES_MAX])
{
    (void)context, (void)kid, (void)ret_public_key, (void)ret_issuer;
    return false;
}

static struct status no_session(void *context, const struct token_claims *claims)
{
    (void)context, (void)claims;
    return REFUSE(UNAUTHENTICATED, TOKEN_REVOKED, "there are no sessions here");
}

static void identity_local(void *service, struct identity_config *config)
{
    config->local_lookup = no_key;
    config->local_check = no_session;
    config->local_context = service;
}

static bool part_serves(void *context, const char **ret_detail)
{
    (void)context;
    *ret_detail = "always";
    return true;
}

static struct status open_probe(struct daemon *daemon, void **ret_service)
{
    *ret_service = daemon;
    if (getenv("PROBE_FAILS") != NULL) return REFUSE(FAILED_PRECONDITION, PROBE_FAILS, "as asked");
    daemon_health_add(daemon, "probe", part_serves, NULL);
    return STATUS_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *name = getenv("PROBE_DAEMON");
    struct daemon_spec spec = {.name = name != NULL ? name : "auth",
                               .summary = "a daemon without a service",
                               .keys = keys,
                               .key_count = 1,
                               .schema = &schema,
                               .open = open_probe};
    if (strcmp(spec.name, "auth") == 0) spec.identity_local = identity_local;
    return daemon_main(argc, argv, &spec);
}
