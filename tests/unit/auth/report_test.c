// The security report: what is counted, when, and what the gauges say after everything that moves
// them.
#include "common/base/check.h"
#include "services/auth/report.h"
#include "services/auth/sweep.h"
#include "tests/unit/auth/diary.h"

#define HOUR_NS AUTH_HOUR_NS
#define DAY_NS (24 * HOUR_NS)
#define T0_NS (UINT64_C(500000) * HOUR_NS) // The beginning of an hour.

static Auth__SecurityReport *report(struct caller *caller, uint64_t from_ns, uint64_t to_ns)
{
    Auth__GetSecurityReportRequest request = AUTH__GET_SECURITY_REPORT_REQUEST__INIT;
    Auth__SecurityReport *reply = NULL;
    request.from = from_ns;
    request.to = to_ns;
    assert_status_ok(caller_call(caller, AUTH_GET_SECURITY_REPORT, &request, &reply));
    return reply;
}

// ---- Counting ------------------------------------------------------------------------------

struct counting {
    enum auth_counter counter;
    uint64_t at_ns;
};

static struct status count_one(struct store_txn *txn, void *context)
{
    const struct counting *counting = context;
    auth_count(txn, counting->counter, counting->at_ns);
    return STATUS_SUCCESS;
}

static void count(struct house *house, enum auth_counter counter, uint64_t at_ns)
{
    struct counting counting = {counter, at_ns};
    assert_status_ok(store_write_wait(house->store, count_one, &counting));
}

static void test_ranges(void **state)
{
    struct house *house = *state;
    atomic_store(&house->now_ns, T0_NS + HOUR_NS / 2);

    // Counted: 1 failure in T0 - 25 h, 10 in T0 - 24 h, 100 in T0 - 1 h, 1,000 in T0.
    static const uint64_t counted_ns[] = {T0_NS - 25 * HOUR_NS, T0_NS - 24 * HOUR_NS, T0_NS - 1,
                                          T0_NS};
    for (size_t i = 0, times = 1; i < ROWS(counted_ns); i++, times *= 10)
        for (size_t j = 0; j < times; j++)
            count(house, AUTH_COUNT_LOGINS_FAILED, counted_ns[i]);

    // clang-format off
    static const struct {
        const char *name;
        uint64_t from_ns, to_ns;
        size_t hours;
        uint64_t failed;
        uint64_t from_shown_ns, to_shown_ns;
    } rows[] = {
        {"the last 24 hours",           0,               0,                  3, 1110, T0_NS - 24 * HOUR_NS, T0_NS + HOUR_NS},
        {"24 hours before a moment",    0,               T0_NS,              2, 110,  T0_NS - 24 * HOUR_NS, T0_NS},
        {"a ns more",                   0,               T0_NS + 1,          3, 1110, T0_NS - 24 * HOUR_NS, T0_NS + HOUR_NS},
        {"from a moment until now",     T0_NS - 1,       0,                  2, 1100, T0_NS - HOUR_NS,      T0_NS + HOUR_NS},
        {"one hour",                    T0_NS,           T0_NS + HOUR_NS,    1, 1000, T0_NS,                T0_NS + HOUR_NS},
        {"a ns of an hour",             T0_NS + 7,       T0_NS + 8,          1, 1000, T0_NS,                T0_NS + HOUR_NS},
        {"31 days",                     T0_NS - 31 * DAY_NS, T0_NS,          3, 111,  T0_NS - 31 * DAY_NS,  T0_NS},
        {"when nothing happened",       T0_NS + DAY_NS,  T0_NS + 2 * DAY_NS, 0, 0,    T0_NS + DAY_NS,       T0_NS + 2 * DAY_NS},
        {"the first hour there is",     1,               2,                  0, 0,    0,                    HOUR_NS},
        {"the last",                    UINT64_MAX - 1,  UINT64_MAX,         0, 0,    UINT64_MAX / HOUR_NS * HOUR_NS, UINT64_MAX},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__SecurityReport *reply = report(house->caller, rows[i].from_ns, rows[i].to_ns);
        if (reply->n_hours != rows[i].hours || reply->totals->logins_failed != rows[i].failed ||
            reply->from != rows[i].from_shown_ns || reply->to != rows[i].to_shown_ns)
            fail_msg("%s: %zu hours, %zu failures, from %zu to %zu", rows[i].name, reply->n_hours,
                     (size_t)reply->totals->logins_failed, (size_t)reply->from, (size_t)reply->to);
    }
    Auth__SecurityReport *reply = report(house->caller, 0, 0);
    assert_int_equal(reply->hours[0]->hour, T0_NS - 24 * HOUR_NS); // Oldest first.
    assert_int_equal(reply->hours[1]->counts->logins_failed, 100);
    assert_int_equal(reply->hours[2]->hour, T0_NS);
}

static void test_ranges_that_are_none(void **state)
{
    struct house *house = *state;
    atomic_store(&house->now_ns, T0_NS);

    static const struct {
        const char *name;
        uint64_t from_ns, to_ns;
    } rows[] = {
        {"empty", T0_NS, T0_NS},       {"backwards", T0_NS, T0_NS - 1},
        {"that begins now", T0_NS, 0}, {"31 days and a ns", T0_NS - 31 * DAY_NS - 1, T0_NS},
        {"all time", 1, UINT64_MAX},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__GetSecurityReportRequest request = AUTH__GET_SECURITY_REPORT_REQUEST__INIT;
        request.from = rows[i].from_ns;
        request.to = rows[i].to_ns;
        struct status status = caller_call(house->caller, AUTH_GET_SECURITY_REPORT, &request, NULL);
        if (status_ok(status) || strcmp(status.reason, "RANGE_INVALID") != 0)
            fail_msg("a range %s", rows[i].name);
    }
    Auth__GetSecurityReportRequest request = AUTH__GET_SECURITY_REPORT_REQUEST__INIT;
    house->caller->scope = RPC_SCOPE_BRANCH;
    assert_refused(caller_call(house->caller, AUTH_GET_SECURITY_REPORT, &request, NULL),
                   "PERMISSION_DENIED");
}

static void test_each_counter_has_its_field(void **state)
{
    struct house *house = *state;
    for (size_t i = 0; i < AUTH_COUNTER_COUNT; i++)
        for (size_t j = 0; j <= i; j++)
            count(house, (enum auth_counter)i, T0_NS);
    const Auth__SecurityCounts *totals = report(house->caller, T0_NS, T0_NS + 1)->totals;
    const uint64_t fields[AUTH_COUNTER_COUNT] = {
        totals->logins_succeeded,   totals->logins_failed,         totals->logins_suspicious,
        totals->codes_sent,         totals->codes_failed,          totals->factors_locked,
        totals->passwords_disabled, totals->passwords_reset,       totals->sessions_started,
        totals->sessions_ended,     totals->refresh_tokens_reused, totals->users_registered,
        totals->users_blocked,
    };
    for (size_t i = 0; i < AUTH_COUNTER_COUNT; i++)
        assert_int_equal(fields[i], i + 1);
}

static void test_recording_counts(void **state)
{
    struct house *house = *state;
    struct diary_entry failure = {.device = "p", .ip = ""};
    struct diary_entry success = {
        .user_id = id_of(0x11), .is_success = true, .is_suspicious = true, .device = "p", .ip = ""};
    diary_write_many(house, &failure, 3, T0_NS, 1);
    diary_write_many(house, &success, 2, T0_NS, 1);
    const Auth__SecurityCounts *totals = report(house->caller, T0_NS, T0_NS + 1)->totals;
    assert_int_equal(totals->logins_failed, 3);
    assert_int_equal(totals->logins_succeeded, 2);
    assert_int_equal(totals->logins_suspicious, 2);
}

// ---- Gauges --------------------------------------------------------------------------------

struct gauges {
    uint64_t numbers[AUTH_GAUGE_COUNT];
};

static struct gauges read_gauges(struct house *house)
{
    struct gauges gauges;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_gauges_read(txn, gauges.numbers));
    return gauges;
}

static struct status rebuild(struct store_txn *txn, void *context)
{
    (void)context;
    return auth_gauges_rebuild(txn);
}

static struct status lose_gauges(struct store_txn *txn, void *context)
{
    const struct bytes *broken = context;
    uint8_t key[AUTH_TALLY_KEY_BYTES_MAX];
    size_t size = auth_tally_key_encode(AUTH_TALLY_GAUGES, 0, key);
    if (broken != NULL)
        store_put(txn, AUTH_TABLE_COUNTERS, bytes_of(key, size), *broken);
    else
        store_delete(txn, AUTH_TABLE_COUNTERS, bytes_of(key, size));
    return STATUS_SUCCESS;
}

/// Gauges that a store of the first release would get when it is migrated.
static struct gauges rebuilt_gauges(struct house *house)
{
    assert_status_ok(store_write_wait(house->store, lose_gauges, NULL));
    assert_status_ok(store_write_wait(house->store, rebuild, NULL));
    return read_gauges(house);
}

static Auth__LoginResponse *log_in(struct caller *caller, const char *email)
{
    Auth__LoginResponse *reply = NULL;
    assert_status_ok(house_login(caller, email, PASSWORD, "pixel", &reply));
    return reply;
}

static void test_gauges_stay_true(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LogoutRequest logout = AUTH__LOGOUT_REQUEST__INIT;
    (void)house_new_user(caller, "asha@example.com");
    struct id128 other_id = house_new_user(caller, "bela@example.com");
    uint64_t from_ns = house->now_ns;
    Auth__LoginResponse *first = log_in(caller, "asha@example.com");
    for (size_t i = 0; i < 5; i++) // The sixth session crowds the first one out.
        (void)log_in(caller, "bela@example.com");
    (void)log_in(caller, "bela@example.com");
    caller_be(caller, first->access_token);
    assert_status_ok(caller_call(caller, AUTH_LOGOUT, &logout, NULL));
    assert_status_ok(caller_call(caller, AUTH_LOGOUT, &logout, NULL)); // Ended already.
    caller_be_nobody(caller);

    struct gauges gauges = read_gauges(house);
    assert_int_equal(gauges.numbers[AUTH_GAUGE_USERS_ACTIVE], 2);
    assert_int_equal(gauges.numbers[AUTH_GAUGE_SESSIONS_ALIVE], 5);
    struct gauges again = rebuilt_gauges(house);
    assert_memory_equal(again.numbers, gauges.numbers, sizeof gauges.numbers);
    Auth__SecurityReport *reply = report(caller, 0, from_ns + 1);
    assert_int_equal(reply->totals->users_registered, 2);
    assert_int_equal(reply->totals->sessions_started, 7);
    assert_int_equal(reply->totals->sessions_ended, 2);
    assert_int_equal(reply->sessions_alive, 5);
    assert_int_equal(reply->users_active, 2);

    house_set_user(house, other_id, AUTH_USER_BLOCKED, NULL); // Behind the gauges' back.
    again = rebuilt_gauges(house);
    assert_int_equal(again.numbers[AUTH_GAUGE_USERS_ACTIVE], 1);
    assert_int_equal(again.numbers[AUTH_GAUGE_USERS_BLOCKED], 1);
}

static void test_disabled_passwords_are_counted(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *reply = NULL;
    house->service.policy.password_failures_max = 2;
    (void)house_new_user(caller, "asha@example.com");
    (void)house_new_user(caller, "bela@example.com");
    for (size_t i = 0; i < 3; i++)
        assert_refused(house_login(caller, "asha@example.com", "wrong", "", &reply),
                       "INVALID_CREDENTIALS");
    struct gauges gauges = read_gauges(house), again = rebuilt_gauges(house);
    assert_int_equal(gauges.numbers[AUTH_GAUGE_PASSWORDS_DISABLED], 1);
    assert_memory_equal(again.numbers, gauges.numbers, sizeof gauges.numbers);
    Auth__SecurityReport *seen = report(caller, 0, house->now_ns + 1);
    assert_int_equal(seen->totals->passwords_disabled, 1);
    assert_int_equal(seen->passwords_disabled, 1);
    assert_int_equal(seen->totals->logins_failed, 3);
}

static void test_sessions_that_run_out_are_alive_no_more(void **state)
{
    struct house *house = *state;
    size_t count;
    (void)house_new_user(house->caller, "asha@example.com");
    (void)log_in(house->caller, "asha@example.com");
    assert_int_equal(read_gauges(house).numbers[AUTH_GAUGE_SESSIONS_ALIVE], 1);
    house_wait(house, 13 * 3600);
    assert_status_ok(auth_sweep(&house->service, house->now_ns, &count));
    assert_int_equal(read_gauges(house).numbers[AUTH_GAUGE_SESSIONS_ALIVE], 0);
}

static void test_a_refresh_token_shown_twice_is_counted(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__IssueTokenResponse *reply = NULL;
    (void)house_new_user(caller, "asha@example.com");
    Auth__LoginResponse *login = log_in(caller, "asha@example.com");
    assert_status_ok(house_refresh(caller, login->refresh_token, "pixel", &reply));
    house_wait(house, 31);
    assert_refused(house_refresh(caller, login->refresh_token, "pixel", &reply), "REFRESH_REUSED");
    assert_refused(house_refresh(caller, login->refresh_token, "pixel", &reply), "REFRESH_REUSED");
    Auth__SecurityReport *seen = report(caller, 0, house->now_ns + 1);
    assert_int_equal(seen->totals->refresh_tokens_reused, 1);
    assert_int_equal(seen->totals->sessions_ended, 1);
    assert_int_equal(seen->sessions_alive, 0);
}

static void test_codes_of_registrations_are_counted(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 id;
    (void)house_new_user(caller, "asha@example.com");
    assert_status_ok(house_register(caller, "asha@example.com", "", &id)); // A notice, no code.
    assert_status_ok(house_register(caller, "bela@example.com", "", &id));
    const char *code = house_code(caller, "bela@example.com");
    char wrong[AUTH_CODE_DIGITS + 1];
    snprintf(wrong, sizeof wrong, "%s", code);
    wrong[0] = (char)(wrong[0] == '9' ? '0' : wrong[0] + 1);
    assert_refused(house_verify(caller, id, "email", wrong, NULL), "OTP_INVALID");
    Auth__SecurityReport *seen = report(caller, 0, house->now_ns + 1);
    assert_int_equal(seen->totals->codes_sent, 2);
    assert_int_equal(seen->totals->codes_failed, 1);
}

/// A row of numbers that is broken keeps nobody out.
static void test_broken_gauges_begin_anew(void **state)
{
    struct house *house = *state;
    struct bytes broken = bytes_of_text("x");
    (void)house_new_user(house->caller, "asha@example.com");
    Auth__LoginResponse *login = log_in(house->caller, "asha@example.com");
    Auth__LogoutRequest logout = AUTH__LOGOUT_REQUEST__INIT;
    assert_status_ok(store_write_wait(house->store, lose_gauges, &broken));
    caller_be(house->caller, login->access_token);
    assert_status_ok(caller_call(house->caller, AUTH_LOGOUT, &logout, NULL));
    assert_int_equal(read_gauges(house).numbers[AUTH_GAUGE_SESSIONS_ALIVE], 0); // And not -1.
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ranges, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_ranges_that_are_none, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_each_counter_has_its_field, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_recording_counts, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_gauges_stay_true, house_open, house_close),
        cmocka_unit_test_setup_teardown(test_disabled_passwords_are_counted, house_open,
                                        house_close),
        cmocka_unit_test_setup_teardown(test_sessions_that_run_out_are_alive_no_more, house_open,
                                        house_close),
        cmocka_unit_test_setup_teardown(test_a_refresh_token_shown_twice_is_counted, house_open,
                                        house_close),
        cmocka_unit_test_setup_teardown(test_codes_of_registrations_are_counted, house_open,
                                        house_close),
        cmocka_unit_test_setup_teardown(test_broken_gauges_begin_anew, house_open, house_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
