// `florin status`: what each daemon says of itself.
#include "common/base/clock.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "services/ctl/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STATUS_TIMEOUT_MS = 2000, STATUS_ARENA_BYTES = 1 << 20 };

static void print_parts(const Envelope__HealthCheckResponse *health)
{
    for (size_t i = 0; i < health->n_parts; i++) {
        const Envelope__HealthPart *part = health->parts[i];
        printf("%s%s%s%s%s", i == 0 ? "" : ", ", part->serving ? "" : "NOT ", part->name,
               part->detail[0] != '\0' ? ": " : "", part->detail);
    }
}

static bool show_daemon(const struct ctl_options *options, const char *daemon)
{
    struct ctl_client *client = NULL;
    struct arena *arena = arena_open(STATUS_ARENA_BYTES);
    Envelope__HealthCheckRequest request = ENVELOPE__HEALTH_CHECK_REQUEST__INIT;
    Envelope__HealthCheckResponse *health = NULL;
    uint64_t begun_ns = clock_mono_ns();
    struct status status = ctl_client_open(options, daemon, &client);
    if (status_ok(status))
        status = ctl_client_call(client, &rpc_methods[RPC_HEALTH_CHECK], &request,
                                 STATUS_TIMEOUT_MS, arena, &health);
    uint64_t took_us = (clock_mono_ns() - begun_ns) / 1000;
    bool serving = status_ok(status) &&
                   health->status == ENVELOPE__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    if (!options->quiet && !status_ok(status)) {
        printf("%-8s away         %s\n", daemon, status.message);
    } else if (!options->quiet) {
        printf("%-8s %-11s  %s, up %" PRIu64 " s, answered in %" PRIu64 " us; ", daemon,
               serving ? "ready" : "NOT READY", health->version, health->uptime_ms / 1000, took_us);
        print_parts(health);
        printf("\n");
    }
    ctl_client_close(&client);
    arena_close(&arena);
    return serving;
}

int ctl_status(const struct ctl_options *options)
{
    bool all = true;
    int asked = 0;
    for (int i = 0; i < ctl_daemon_count; i++) {
        if (options->service != NULL && strcmp(options->service, ctl_daemons[i]) != 0) continue;
        all = show_daemon(options, ctl_daemons[i]) && all;
        asked++;
    }
    if (asked == 0) {
        fprintf(stderr, "florin: status: --service is one of auth, ledger, kyc, audit, gateway\n");
        return CTL_USAGE;
    }
    return all ? CTL_DONE : CTL_NO;
}
