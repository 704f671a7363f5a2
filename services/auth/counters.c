#include "services/auth/counters.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "services/auth/record_activity.h"
#include "services/auth/store.h"

#include <pthread.h>

_Static_assert((int)AUTH_COUNTER_COUNT <= (int)AUTH_TALLY_PLACES, "a row holds every counter");
_Static_assert((int)AUTH_GAUGE_COUNT <= (int)AUTH_TALLY_PLACES, "and every gauge");

// ---- Metrics -------------------------------------------------------------------------------

struct metric_name {
    const char *name, *labels, *help;
};

// clang-format off
static const struct metric_name counter_names[AUTH_COUNTER_COUNT] = {
    [AUTH_COUNT_LOGINS_SUCCEEDED] =
        {"florin_auth_logins_total", "result=\"succeeded\"", "Attempts to log in"},
    [AUTH_COUNT_LOGINS_FAILED] =
        {"florin_auth_logins_total", "result=\"failed\"", "Attempts to log in"},
    [AUTH_COUNT_LOGINS_SUSPICIOUS] =
        {"florin_auth_suspicious_logins_total", NULL, "Attempts that looked suspicious"},
    [AUTH_COUNT_CODES_SENT] =
        {"florin_auth_codes_sent_total", NULL, "One-time codes sent"},
    [AUTH_COUNT_CODES_FAILED] =
        {"florin_auth_codes_failed_total", NULL, "Wrong codes"},
    [AUTH_COUNT_FACTORS_LOCKED] =
        {"florin_auth_factors_locked_total", NULL, "Factors locked for a day"},
    [AUTH_COUNT_PASSWORDS_DISABLED] =
        {"florin_auth_passwords_disabled_total", NULL, "Passwords disabled by failures"},
    [AUTH_COUNT_PASSWORDS_RESET] =
        {"florin_auth_passwords_reset_total", NULL, "Forgotten passwords set anew"},
    [AUTH_COUNT_SESSIONS_STARTED] =
        {"florin_auth_sessions_started_total", NULL, "Sessions begun"},
    [AUTH_COUNT_SESSIONS_ENDED] =
        {"florin_auth_sessions_ended_total", NULL, "Sessions ended"},
    [AUTH_COUNT_REFRESH_REUSED] =
        {"florin_auth_refresh_reused_total", NULL, "Refresh tokens shown twice"},
    [AUTH_COUNT_USERS_REGISTERED] =
        {"florin_auth_users_registered_total", NULL, "Users registered"},
    [AUTH_COUNT_USERS_BLOCKED] =
        {"florin_auth_users_blocked_total", NULL, "Blocks of users"},
};

static const struct metric_name gauge_names[AUTH_GAUGE_COUNT] = {
    [AUTH_GAUGE_SESSIONS_ALIVE] =
        {"florin_auth_sessions", NULL, "Living sessions"},
    [AUTH_GAUGE_USERS_ACTIVE] =
        {"florin_auth_users", "state=\"active\"", "Users"},
    [AUTH_GAUGE_USERS_BLOCKED] =
        {"florin_auth_users", "state=\"blocked\"", "Users"},
    [AUTH_GAUGE_USERS_CLOSED] =
        {"florin_auth_users", "state=\"closed\"", "Users"},
    [AUTH_GAUGE_PASSWORDS_DISABLED] =
        {"florin_auth_passwords_disabled", NULL, "Passwords disabled now"},
};

// clang-format on

static struct {
    pthread_once_t once;
    struct metric *counters[AUTH_COUNTER_COUNT], *gauges[AUTH_GAUGE_COUNT];
} metrics = {.once = PTHREAD_ONCE_INIT};

static void make_metrics(void)
{
    for (size_t i = 0; i < AUTH_COUNTER_COUNT; i++) {
        const struct metric_name *name = &counter_names[i];
        metrics.counters[i] = metric_counter(name->name, name->help, name->labels);
    }
    for (size_t i = 0; i < AUTH_GAUGE_COUNT; i++) {
        const struct metric_name *name = &gauge_names[i];
        metrics.gauges[i] = metric_gauge(name->name, name->help, name->labels);
    }
}

static void open_metrics(void)
{
    CHECK(pthread_once(&metrics.once, make_metrics) == 0);
}

// ---- Counting ------------------------------------------------------------------------------

struct tally_key {
    uint8_t bytes[AUTH_TALLY_KEY_BYTES_MAX];
    size_t size;
};

static struct tally_key key_of(enum auth_tally_kind kind, uint64_t hour_ns)
{
    struct tally_key key;
    key.size = auth_tally_key_encode(kind, hour_ns, key.bytes);
    return key;
}

static struct status get_tally(struct store_txn *txn, const struct tally_key *key,
                               struct auth_tally *ret)
{
    struct bytes row;
    struct status status =
        store_get(txn, AUTH_TABLE_COUNTERS, bytes_of(key->bytes, key->size), &row);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct auth_tally){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return auth_tally_decode(row, ret);
}

/// get_tally_anyway: of a store that has failed the next write says so; a broken row begins anew.
static struct auth_tally get_tally_anyway(struct store_txn *txn, const struct tally_key *key)
{
    struct auth_tally tally = {0};
    struct status status = get_tally(txn, key, &tally);
    if (status.code == STATUS_DATA_LOSS)
        log_status(LOG_LEVEL_ERROR, "a row of counters was broken and begins anew", status);
    return tally;
}

static void put_tally(struct store_txn *txn, const struct tally_key *key,
                      const struct auth_tally *tally)
{
    uint8_t row[AUTH_TALLY_BYTES_MAX];
    size_t size = auth_tally_encode(tally, row);
    store_put(txn, AUTH_TABLE_COUNTERS, bytes_of(key->bytes, key->size), bytes_of(row, size));
}

void auth_count_each(struct store_txn *txn, unsigned counters, uint64_t now_ns)
{
    CHECK(counters < 1U << AUTH_COUNTER_COUNT);
    open_metrics();
    struct tally_key key = key_of(AUTH_TALLY_HOUR, now_ns - now_ns % AUTH_HOUR_NS);
    struct auth_tally tally = get_tally_anyway(txn, &key);
    for (unsigned i = 0; i < AUTH_COUNTER_COUNT; i++) {
        if ((counters & 1U << i) == 0) continue;
        tally.numbers[i]++;
        metric_add(metrics.counters[i], 1);
    }
    put_tally(txn, &key, &tally);
}

void auth_count(struct store_txn *txn, enum auth_counter counter, uint64_t now_ns)
{
    auth_count_each(txn, 1U << counter, now_ns);
}

void auth_gauge_add(struct store_txn *txn, enum auth_gauge gauge, int change)
{
    CHECK(gauge < AUTH_GAUGE_COUNT && (change == 1 || change == -1));
    struct tally_key key = key_of(AUTH_TALLY_GAUGES, 0);
    struct auth_tally tally = get_tally_anyway(txn, &key);
    uint64_t *number = &tally.numbers[gauge];
    // After a row that began anew, more goes than the gauge knows of.
    if (change > 0 || *number > 0) *number += (uint64_t)(int64_t)change;
    put_tally(txn, &key, &tally);
}

static struct status count_users(struct store_txn *txn, struct auth_tally *tally)
{
    static const enum auth_gauge gauge_of[AUTH_USER_STATE_LAST + 1] = {
        [AUTH_USER_ACTIVE] = AUTH_GAUGE_USERS_ACTIVE,
        [AUTH_USER_BLOCKED] = AUTH_GAUGE_USERS_BLOCKED,
        [AUTH_USER_CLOSED] = AUTH_GAUGE_USERS_CLOSED,
    };
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_USERS, &cursor);
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor)) {
        struct auth_user user;
        RETURN_IF_ERROR(auth_user_decode(ID128_NIL, cursor.value, &user));
        tally->numbers[gauge_of[user.state]]++;
    }
    return STATUS_SUCCESS;
}

static struct status count_passwords(struct store_txn *txn, struct auth_tally *tally)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_PASSWORDS, &cursor);
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor)) {
        struct auth_password_record password;
        RETURN_IF_ERROR(auth_password_decode(cursor.value, &password));
        if (password.disabled_at_ns != 0) tally->numbers[AUTH_GAUGE_PASSWORDS_DISABLED]++;
    }
    return STATUS_SUCCESS;
}

static void count_sessions(struct store_txn *txn, struct auth_tally *tally)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_USER_SESSIONS, &cursor); // Of living sessions only.
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor))
        tally->numbers[AUTH_GAUGE_SESSIONS_ALIVE]++;
}

struct status auth_gauges_rebuild(struct store_txn *txn)
{
    struct tally_key key = key_of(AUTH_TALLY_GAUGES, 0);
    struct auth_tally tally = {0};
    RETURN_IF_ERROR(count_users(txn, &tally));
    RETURN_IF_ERROR(count_passwords(txn, &tally));
    count_sessions(txn, &tally);
    put_tally(txn, &key, &tally);
    return STATUS_SUCCESS;
}

// ---- Reading -------------------------------------------------------------------------------

struct status auth_counters_read(struct store_txn *txn, uint64_t from_ns, uint64_t to_ns,
                                 struct arena *arena, size_t hours_max, struct auth_hour **ret,
                                 size_t *ret_count)
{
    struct tally_key key = key_of(AUTH_TALLY_HOUR, from_ns);
    struct auth_hour *hours = arena_alloc(arena, hours_max * sizeof *hours);
    size_t count = 0;
    if (hours == NULL) return ARENA_STATUS_EXHAUSTED;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_COUNTERS, &cursor);
    bool row = store_cursor_seek(&cursor, bytes_of(key.bytes, key.size));
    for (; row && count < hours_max; row = store_cursor_next(&cursor)) {
        enum auth_tally_kind kind;
        struct auth_tally tally;
        struct auth_hour *hour = &hours[count];
        RETURN_IF_ERROR(auth_tally_key_decode(cursor.key, &kind, &hour->hour_ns));
        if (kind != AUTH_TALLY_HOUR || hour->hour_ns >= to_ns) break;
        RETURN_IF_ERROR(auth_tally_decode(cursor.value, &tally));
        memcpy(hour->counts, tally.numbers, sizeof hour->counts);
        count++;
    }
    *ret = hours;
    *ret_count = count;
    return STATUS_SUCCESS;
}

struct status auth_gauges_read(struct store_txn *txn, uint64_t ret[static AUTH_GAUGE_COUNT])
{
    struct tally_key key = key_of(AUTH_TALLY_GAUGES, 0);
    struct auth_tally tally;
    RETURN_IF_ERROR(get_tally(txn, &key, &tally));
    memcpy(ret, tally.numbers, AUTH_GAUGE_COUNT * sizeof *ret);
    return STATUS_SUCCESS;
}

struct status auth_gauges_publish(struct store_txn *txn)
{
    uint64_t gauges[AUTH_GAUGE_COUNT];
    open_metrics();
    RETURN_IF_ERROR(auth_gauges_read(txn, gauges));
    for (size_t i = 0; i < AUTH_GAUGE_COUNT; i++) {
        metric_set(metrics.gauges[i], (int64_t)gauges[i]);
    }
    return STATUS_SUCCESS;
}

// ---- Forgetting ----------------------------------------------------------------------------

/// first_hour gives the oldest hour when it ended before this time. A key that cannot be read
/// stays.
static bool first_hour(struct store_txn *txn, uint64_t before_ns, uint64_t *ret_hour_ns)
{
    enum auth_tally_kind kind;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_COUNTERS, &cursor);
    return store_cursor_first(&cursor) &&
           status_ok(auth_tally_key_decode(cursor.key, &kind, ret_hour_ns)) &&
           kind == AUTH_TALLY_HOUR && before_ns >= AUTH_HOUR_NS &&
           *ret_hour_ns <= before_ns - AUTH_HOUR_NS;
}

bool auth_counters_are_due(struct store_txn *txn, uint64_t before_ns)
{
    uint64_t unused_ns;
    return first_hour(txn, before_ns, &unused_ns);
}

size_t auth_counters_forget(struct store_txn *txn, uint64_t before_ns, size_t rows_max)
{
    size_t count = 0;
    uint64_t hour_ns;
    for (; count < rows_max && first_hour(txn, before_ns, &hour_ns); count++) {
        struct tally_key key = key_of(AUTH_TALLY_HOUR, hour_ns);
        store_delete(txn, AUTH_TABLE_COUNTERS, bytes_of(key.bytes, key.size));
    }
    return count;
}
