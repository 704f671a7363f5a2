#include "common/daemon/daemon.h"
#include "services/ledger/feed.h"
#include "services/ledger/rpc.h"
#include "services/ledger/selfcheck.h"

#include <stddef.h>
#include <string.h>

#define LIMIT_MAX UINT64_C(1000000000000000) // A quadrillion major units is no limit any more.

// clang-format off
#define LIMIT_ROW(name_, default_, doc_)                                                           \
    {"ledger", name_, CONFIG_U64, "major units", 0, LIMIT_MAX, default_, NULL, doc_}

static const struct config_key keys[] = {
    LIMIT_ROW("t1_balance_max",      "10000",  "Balance of a T1 customer; 0: no limit."),
    LIMIT_ROW("t1_credit_month_max", "10000",  "What T1 may receive in a month."),
    LIMIT_ROW("t1_credit_year_max",  "120000", "What T1 may receive in a year."),
    LIMIT_ROW("t2_balance_max",      "100000", "Balance of a T2 customer."),
    LIMIT_ROW("t2_credit_year_max",  "200000", "What T2 may receive in a year."),
    LIMIT_ROW("t2_debit_day_max",    "0",      "What T2 may send in a day."),
    LIMIT_ROW("t3_balance_max",      "0",      "Balance of a T3 customer."),
    LIMIT_ROW("t3_transfer_max",     "0",      "The largest single transfer of T3."),
    LIMIT_ROW("t3_debit_day_max",    "0",      "What T3 may send in a day."),
    {"ledger", "verify_at_start", CONFIG_BOOL, NULL, 0, 0, "true", NULL,
     "Recompute all balances in the background after each start."},
};

#define OFFSET(member_) offsetof(struct ledger_tier, member_)

/// Which limit of which tier a key sets.
static const struct {
    const char *name, *tier;
    size_t offset;
} limits[] = {
    {"t1_balance_max",      "T1", OFFSET(balance_max)},
    {"t1_credit_month_max", "T1", OFFSET(sum_max[LEDGER_CREDIT][LEDGER_MONTH])},
    {"t1_credit_year_max",  "T1", OFFSET(sum_max[LEDGER_CREDIT][LEDGER_YEAR])},
    {"t2_balance_max",      "T2", OFFSET(balance_max)},
    {"t2_credit_year_max",  "T2", OFFSET(sum_max[LEDGER_CREDIT][LEDGER_YEAR])},
    {"t2_debit_day_max",    "T2", OFFSET(sum_max[LEDGER_DEBIT][LEDGER_DAY])},
    {"t3_balance_max",      "T3", OFFSET(balance_max)},
    {"t3_transfer_max",     "T3", OFFSET(transfer_max)},
    {"t3_debit_day_max",    "T3", OFFSET(sum_max[LEDGER_DEBIT][LEDGER_DAY])},
};

// clang-format on

/// What this daemon holds: the service, and what runs beside it.
struct daemon_parts {
    struct ledger_service service; // First: it is what handlers are given.
    struct event_subscriber *kyc;
    struct ledger_selfcheck *selfcheck;
};

static void set_limits(const struct config *config, struct ledger_service *service)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        uint64_t value = config_u64(config, "ledger", limits[i].name);
        for (size_t tier = 0; tier < LEDGER_TIER_COUNT; tier++) {
            if (strcmp(service->tiers[tier].name, limits[i].tier) == 0) {
                memcpy((char *)&service->tiers[tier] + limits[i].offset, &value, sizeof value);
            }
        }
    }
}

static struct status open_parts(struct daemon *daemon, void **ret_service)
{
    struct daemon_parts *own = *ret_service;
    RETURN_IF_ERROR(ledger_service_open(daemon_store(daemon), &own->service));
    set_limits(daemon_config(daemon), &own->service);
    return STATUS_SUCCESS;
}

static struct status start_parts(struct daemon *daemon, void *service)
{
    struct daemon_parts *own = service;
    struct store *store = daemon_store(daemon);
    struct ledger_cursor cursor;
    RETURN_IF_ERROR(ledger_feed_cursor(store, &cursor));
    struct event_subscriber_config config = {
        .consumer = "ledger",
        .after_seq = cursor.seq,
        .log_id = cursor.log_id,
        .handle = ledger_feed_handle,
        .context = store,
    };
    RETURN_IF_ERROR(daemon_subscribe(daemon, "kyc", &config, &own->kyc));
    if (config_bool(daemon_config(daemon), "ledger", "verify_at_start")) {
        ledger_selfcheck_open(store, &own->selfcheck);
        daemon_health_add(daemon, "books", ledger_selfcheck_is_clean, own->selfcheck);
    }
    return STATUS_SUCCESS;
}

static void stop_parts(void *service)
{
    struct daemon_parts *own = service;
    event_subscriber_close(&own->kyc);
    if (own->selfcheck != NULL) ledger_selfcheck_stop(own->selfcheck);
}

static void close_parts(void *service)
{
    struct daemon_parts *own = service;
    ledger_selfcheck_close(&own->selfcheck); // Health may have asked it until now.
    ledger_service_close(&own->service);
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "ledger",
        .summary = "Florin's double-entry ledger: accounts, transfers, limits.",
        .keys = keys,
        .key_count = sizeof keys / sizeof keys[0],
        .schema = &ledger_store_schema,
        .methods = ledger_methods,
        .handlers = ledger_handlers,
        .method_count = LEDGER_METHOD_COUNT,
        .service_bytes = sizeof(struct daemon_parts),
        .open = open_parts,
        .start = start_parts,
        .stop = stop_parts,
        .close = close_parts,
    };
    return daemon_main(argc, argv, &spec);
}
