#include "common/base/check.h"
#include "common/base/log.h"
#include "common/crypto/hash.h"
#include "common/daemon/daemon.h"
#include "services/ledger/events.h"
#include "services/ledger/expiry.h"
#include "services/ledger/feed.h"
#include "services/ledger/rpc.h"
#include "services/ledger/selfcheck.h"

#include <string.h>

// ---- Configuration ------------------------------------------------------------------------------

enum { LIMIT_TEXT_BYTES_MAX = 512 };

#define FOUR_EYES_MAX UINT64_C(1000000000000000) // A quadrillion major units is "never", too.

// clang-format off

/// X(tier, name, default, what): one key for each limit of each tier that can have one. The figures
/// that are not 0 are those of limits.c.
#define RECEIVES(X, key_, tier_, month_, year_, balance_)                                          \
    X(key_, tier_, BALANCE, "balance", balance_,                                                   \
      "What " tier_ " may hold, in major units; 0: no limit. \"10000 USD=120\": another "          \
      "figure in a currency.")                                                                     \
    X(key_, tier_, CREDIT_DAY,   "credit_day",   "0",    "What " tier_ " may receive in a day.")   \
    X(key_, tier_, CREDIT_MONTH, "credit_month", month_, "What " tier_ " may receive in a month.") \
    X(key_, tier_, CREDIT_YEAR,  "credit_year",  year_,  "What " tier_ " may receive in a year.")
#define SENDS(X, key_, tier_)                                                                      \
    X(key_, tier_, TRANSFER,     "transfer",     "0",    "The largest transfer of " tier_ ".")     \
    X(key_, tier_, DEBIT_DAY,    "debit_day",    "0",    "What " tier_ " may send in a day.")      \
    X(key_, tier_, DEBIT_MONTH,  "debit_month",  "0",    "What " tier_ " may send in a month.")    \
    X(key_, tier_, DEBIT_YEAR,   "debit_year",   "0",    "What " tier_ " may send in a year.")
#define LIMITS(X)                                                                                  \
    RECEIVES(X, "ro", "RO", "0", "0", "0")                                                         \
    RECEIVES(X, "t1", "T1", "10000", "120000", "10000")                                            \
    RECEIVES(X, "t2", "T2", "0", "200000", "100000")   SENDS(X, "t2", "T2")                        \
    RECEIVES(X, "t3", "T3", "0", "0", "0")             SENDS(X, "t3", "T3")                        \
    RECEIVES(X, "t3e", "T3E", "0", "0", "0")           SENDS(X, "t3e", "T3E")                      \
    RECEIVES(X, "b1", "B1", "0", "0", "0")             SENDS(X, "b1", "B1")                        \
    RECEIVES(X, "b2", "B2", "0", "0", "0")             SENDS(X, "b2", "B2")

#define KEY_ROW(key_, tier_, limit_, name_, default_, doc_)                                        \
    {"ledger", key_ "_" name_, CONFIG_TEXT, NULL, 1, LIMIT_TEXT_BYTES_MAX, default_, NULL, doc_},
#define LIMIT_ROW(key_, tier_, limit_, name_, default_, doc_)                                      \
    {key_ "_" name_, tier_, LEDGER_LIMIT_##limit_},

static const struct config_key keys[] = {
    LIMITS(KEY_ROW)
    {"ledger", "four_eyes_above", CONFIG_U64, "major units", 0, FOUR_EYES_MAX, "100000", NULL,
     "A reversal of more needs another person than who made the transfer; 0: never."},
    {"ledger", "sca_above", CONFIG_TEXT, NULL, 0, LIMIT_TEXT_BYTES_MAX, "0", NULL,
     "Customers approve each payment of more, in major units, by a code of their own; 0: never. "
     "\"100000 USD=1200\": another figure in a currency."},
    {"ledger", "sca_new_payee", CONFIG_BOOL, NULL, 0, 0, "false", NULL,
     "Customers approve their first payment to an account so, whatever its amount."},
    {"ledger", "verify_at_start", CONFIG_BOOL, NULL, 0, 0, "true", NULL,
     "Recompute all balances in the background after each start."},
};

/// Which limit of which tier a key sets.
static const struct {
    const char *name, *tier;
    enum ledger_limit limit;
} limits[] = {LIMITS(LIMIT_ROW)};

// clang-format on

static struct status refuse_limit(const char *key)
{
    LOG_ERROR("a limit is malformed", LOG_TEXT("section", "ledger"), LOG_TEXT("key", key),
              LOG_TEXT("expected", "major units, then exceptions: 10000 USD=120 JPY=18000"));
    return REFUSE(INVALID_ARGUMENT, LIMIT_MALFORMED, "a [ledger] limit cannot be read");
}

static struct status set_limits(const struct config *config, struct ledger_tiers *tiers)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const char *text = config_text(config, "ledger", limits[i].name);
        if (!ledger_tiers_set(tiers, limits[i].tier, limits[i].limit, text))
            return refuse_limit(limits[i].name);
    }
    return STATUS_SUCCESS;
}

/// Auth's keys say which approvals are genuine.
static struct status set_approvals(struct daemon *daemon, struct ledger_service *service)
{
    const struct config *config = daemon_config(daemon);
    const char *above = config_text(config, "ledger", "sca_above");
    service->sca.for_new_payees = config_bool(config, "ledger", "sca_new_payee");
    service->verify_sca = identity_verify_sca;
    service->verify_sca_context = daemon_identity(daemon);
    if (above[0] == '\0' || ledger_figures_read(above, &service->sca.above)) return STATUS_SUCCESS;
    return refuse_limit("sca_above");
}

// ---- The limits' identity -----------------------------------------------------------------------

/// Counters are only kept where a limit needs them; so that a limit which is new can trust them,
/// the store knows for which limits they were kept.
struct identity {
    uint8_t bytes[HASH_SHA256_BYTES];
};

static uint8_t *put_u64(uint8_t *to, uint64_t value)
{
    put_u64_be(to, value);
    return to + 8;
}

static struct identity identify(const struct ledger_tiers *tiers)
{
    uint8_t text[LEDGER_TIER_COUNT * (LEDGER_TIER_BYTES + 8 * (2 + LEDGER_LIMIT_COUNT)) +
                 LEDGER_TIER_EXCEPTIONS_MAX * (3 * 8 + LEDGER_CURRENCY_BYTES)];
    uint8_t *to = text;
    for (size_t i = 0; i < LEDGER_TIER_COUNT; i++) {
        const struct ledger_tier *tier = &tiers->tier[i];
        size_t size = strlen(tier->name);
        CHECK(size < LEDGER_TIER_BYTES);
        memset(to, 0, LEDGER_TIER_BYTES);
        memcpy(to, tier->name, size);
        to = put_u64(to + LEDGER_TIER_BYTES, tier->may_post);
        to = put_u64(to, tier->receive_only);
        for (size_t limit = 0; limit < LEDGER_LIMIT_COUNT; limit++)
            to = put_u64(to, tier->max[limit]);
    }
    for (size_t i = 0; i < tiers->exception_count; i++) {
        const struct ledger_tier_exception *exception = &tiers->exception[i];
        to = put_u64(to, exception->tier);
        to = put_u64(to, exception->limit);
        to = put_u64(to, exception->max);
        memcpy(to, exception->currency, LEDGER_CURRENCY_BYTES);
        to += LEDGER_CURRENCY_BYTES;
    }
    struct identity identity;
    const struct bytes part = bytes_of(text, (size_t)(to - text));
    CHECK(part.size <= sizeof text);
    hash_sha256(&part, 1, identity.bytes);
    return identity;
}

static struct status note_limits(struct store_txn *txn, void *context)
{
    const struct identity *identity = context;
    ledger_store_note_limits(txn, bytes_of(identity->bytes, sizeof identity->bytes));
    return STATUS_SUCCESS;
}

// ---- Life ---------------------------------------------------------------------------------------

/// What this daemon holds: the service, and what runs beside it.
struct daemon_parts {
    struct ledger_service service; // First: it is what handlers are given.
    struct event_subscriber *kyc;
    struct ledger_expiry *expiry;
    struct ledger_selfcheck *selfcheck;
};

static struct status open_parts(struct daemon *daemon, void **ret_service)
{
    struct daemon_parts *own = *ret_service;
    struct ledger_service *service = &own->service;
    const struct config *config = daemon_config(daemon);
    RETURN_IF_ERROR(ledger_service_open(daemon_store(daemon), service));
    RETURN_IF_ERROR(set_limits(config, &service->tiers));
    RETURN_IF_ERROR(set_approvals(daemon, service));
    service->four_eyes_above = config_u64(config, "ledger", "four_eyes_above");
    service->announce = ledger_events_announce;
    struct identity identity = identify(&service->tiers);
    return store_write_wait(daemon_store(daemon), note_limits, &identity);
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
        .context = &own->service,
    };
    RETURN_IF_ERROR(daemon_subscribe(daemon, "kyc", &config, &own->kyc));
    ledger_expiry_open(&own->service, &own->expiry);
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
    if (own->expiry != NULL) ledger_expiry_stop(own->expiry);
    if (own->selfcheck != NULL) ledger_selfcheck_stop(own->selfcheck);
}

static void close_parts(void *service)
{
    struct daemon_parts *own = service;
    ledger_expiry_close(&own->expiry);
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
