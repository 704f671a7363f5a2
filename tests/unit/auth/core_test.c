// The rules of services/auth/core.c, one row each.
#include "services/auth/core.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(1800000000000000000)
#define S AUTH_SECOND_NS

// ---- The machines --------------------------------------------------------------------------

static void test_registrations_move_as_the_table_says_and_not_otherwise(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        enum auth_registration_state from;
        enum auth_registration_event event;
        enum auth_registration_state to;
    } legal[] = {
        {AUTH_REGISTRATION_PENDING, AUTH_REGISTRATION_RESEND,       AUTH_REGISTRATION_PENDING},
        {AUTH_REGISTRATION_PENDING, AUTH_REGISTRATION_CONFIRM_SOME, AUTH_REGISTRATION_PENDING},
        {AUTH_REGISTRATION_PENDING, AUTH_REGISTRATION_CONFIRM_LAST, AUTH_REGISTRATION_COMPLETED},
        {AUTH_REGISTRATION_PENDING, AUTH_REGISTRATION_EXPIRE,       AUTH_REGISTRATION_EXPIRED},
    };

    // clang-format on
    for (int from = 0; from < AUTH_REGISTRATION_STATE_COUNT; from++) {
        for (int event = 0; event < AUTH_REGISTRATION_EVENT_COUNT; event++) {
            enum auth_registration_state to = AUTH_REGISTRATION_REFUSED_MOVE;
            for (size_t i = 0; i < ROWS(legal); i++)
                if ((int)legal[i].from == from && (int)legal[i].event == event) to = legal[i].to;
            assert_int_equal(auth_core_next_registration((enum auth_registration_state)from,
                                                         (enum auth_registration_event)event),
                             to);
        }
    }
}

static void test_sessions_move_as_the_table_says_and_not_otherwise(void **state)
{
    (void)state;
    for (int from = 0; from < AUTH_SESSION_STATE_COUNT; from++) {
        for (int event = 0; event < AUTH_SESSION_EVENT_COUNT; event++) {
            enum auth_session_state to = AUTH_SESSION_REFUSED_MOVE;
            if (from == AUTH_SESSION_ACTIVE)
                to = event == AUTH_SESSION_REFRESH ? AUTH_SESSION_ACTIVE : AUTH_SESSION_ENDED;
            assert_int_equal(auth_core_next_session((enum auth_session_state)from,
                                                    (enum auth_session_event)event),
                             to);
        }
    }
}

static void test_users_move_as_the_table_says_and_not_otherwise(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        enum auth_user_state from;
        enum auth_user_event event;
        enum auth_user_state to;
        const char *refused;
    } rows[] = {
        {AUTH_USER_ACTIVE,  AUTH_USER_BLOCK,   AUTH_USER_BLOCKED, NULL},
        {AUTH_USER_ACTIVE,  AUTH_USER_UNBLOCK, AUTH_USER_ACTIVE,  "USER_NOT_BLOCKED"},
        {AUTH_USER_ACTIVE,  AUTH_USER_CLOSE,   AUTH_USER_CLOSED,  NULL},
        {AUTH_USER_BLOCKED, AUTH_USER_BLOCK,   AUTH_USER_BLOCKED, "USER_BLOCKED"},
        {AUTH_USER_BLOCKED, AUTH_USER_UNBLOCK, AUTH_USER_ACTIVE,  NULL},
        {AUTH_USER_BLOCKED, AUTH_USER_CLOSE,   AUTH_USER_CLOSED,  NULL},
        {AUTH_USER_CLOSED,  AUTH_USER_BLOCK,   AUTH_USER_CLOSED,  "USER_CLOSED"},
        {AUTH_USER_CLOSED,  AUTH_USER_UNBLOCK, AUTH_USER_CLOSED,  "USER_CLOSED"},
        {AUTH_USER_CLOSED,  AUTH_USER_CLOSE,   AUTH_USER_CLOSED,  NULL},
    };

    // clang-format on
    assert_int_equal(ROWS(rows), AUTH_USER_STATE_LAST * AUTH_USER_EVENT_COUNT);
    for (size_t i = 0; i < ROWS(rows); i++) {
        enum auth_user_state to = rows[i].from;
        struct status status = auth_core_move_user(rows[i].from, rows[i].event, &to);
        if (rows[i].refused != NULL)
            assert_refused(status, rows[i].refused);
        else
            assert_status_ok(status);
        assert_int_equal(to, rows[i].to);
    }
}

static void test_a_session_ends_at_the_first_of_its_ends(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name;
        uint64_t promised_s, rotated_s, idle_s, absolute_s, end_s; // From its beginning.
    } rows[] = {
        {"it idles",                          3600, 0,    600, 3600, 600},
        {"it idles from its last refresh on", 3600, 500,  600, 3600, 1100},
        {"it was refreshed to its end",       3600, 3500, 600, 3600, 3600},
        {"less is allowed by now",            3600, 1500, 600, 1800, 1800},
        {"more is allowed by now",            3600, 3500, 600, 7200, 3600},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_session session = {.state = AUTH_SESSION_ACTIVE,
                                       .created_at_ns = NOW_NS,
                                       .rotated_at_ns = NOW_NS + rows[i].rotated_s * S,
                                       .expires_at_ns = NOW_NS + rows[i].promised_s * S};
        struct auth_session_limits limits = {.idle_ns = rows[i].idle_s * S,
                                             .absolute_ns = rows[i].absolute_s * S};
        uint64_t end_ns = auth_core_session_end_ns(&session, &limits);
        if (end_ns != NOW_NS + rows[i].end_s * S) fail_msg("%s", rows[i].name);
    }
}

// ---- Codes ---------------------------------------------------------------------------------

static void test_codes_are_compared_five_times_and_not_late(void **state)
{
    (void)state;
    const unsigned both = 1U << AUTH_EMAIL | 1U << AUTH_MOBILE;

    // clang-format off
    static const struct {
        const char *given;
        unsigned channels;
        uint64_t after_ns;
        uint8_t attempts;
        enum auth_confirmation confirmation;
        enum auth_registration_state state;
        const char *refused;
    } rows[] = {
        {"the first attempt",             2, 0,        0, AUTH_CONFIRMATION_OPEN, AUTH_REGISTRATION_PENDING,   NULL},
        {"the fifth",                     2, 0,        4, AUTH_CONFIRMATION_OPEN, AUTH_REGISTRATION_PENDING,   NULL},
        {"the sixth",                     2, 0,        5, AUTH_CONFIRMATION_OPEN, AUTH_REGISTRATION_PENDING,   "OTP_EXHAUSTED"},
        {"one moment before it is over",  2, 300*S-1,  0, AUTH_CONFIRMATION_OPEN, AUTH_REGISTRATION_PENDING,   NULL},
        {"the moment it is over",         2, 300*S,    0, AUTH_CONFIRMATION_OPEN, AUTH_REGISTRATION_PENDING,   "OTP_EXPIRED"},
        {"the sixth, late",               2, 300*S,    5, AUTH_CONFIRMATION_OPEN, AUTH_REGISTRATION_PENDING,   "OTP_EXHAUSTED"},
        {"the registration is over",      2, 1800*S,   0, AUTH_CONFIRMATION_OPEN, AUTH_REGISTRATION_PENDING,   "OTP_EXPIRED"},
        {"done before",                   2, 0,        1, AUTH_CONFIRMATION_DONE, AUTH_REGISTRATION_PENDING,   "OTP_INVALID"},
        {"another channel's",             4, 0,        0, AUTH_CONFIRMATION_NONE, AUTH_REGISTRATION_PENDING,   "OTP_INVALID"},
        {"all done before",               2, 0,        1, AUTH_CONFIRMATION_DONE, AUTH_REGISTRATION_COMPLETED, "OTP_INVALID"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_progress progress = auth_core_begin_registration(both, NOW_NS);
        struct auth_challenge *challenge = auth_progress_challenge(&progress, AUTH_EMAIL);
        challenge->attempts = rows[i].attempts;
        challenge->confirmation = rows[i].confirmation;
        progress.state = rows[i].state;
        struct status status =
            auth_core_count_attempt(&progress, AUTH_EMAIL, NOW_NS + rows[i].after_ns);
        const char *reason = status.reason;
        if ((reason == NULL) != (rows[i].refused == NULL) ||
            (reason != NULL && strcmp(reason, rows[i].refused) != 0))
            fail_msg("%s: %s", rows[i].given, reason != NULL ? reason : "taken");
        assert_int_equal(challenge->attempts, rows[i].attempts + (reason == NULL));
    }
}

static void test_confirming(void **state)
{
    (void)state;
    struct auth_progress progress =
        auth_core_begin_registration(1U << AUTH_EMAIL | 1U << AUTH_MOBILE, NOW_NS);
    assert_int_equal(auth_progress_open_count(&progress), 2);
    assert_status_ok(auth_core_count_attempt(&progress, AUTH_EMAIL, NOW_NS));
    assert_refused(auth_core_confirm(&progress, AUTH_EMAIL, false), "OTP_INVALID");
    assert_status_ok(auth_core_confirm(&progress, AUTH_EMAIL, true));
    assert_int_equal(progress.state, AUTH_REGISTRATION_PENDING);
    assert_status_ok(auth_core_count_attempt(&progress, AUTH_MOBILE, NOW_NS));
    auth_progress_challenge(&progress, AUTH_MOBILE)->is_decoy = true;
    assert_refused(auth_core_confirm(&progress, AUTH_MOBILE, true), "OTP_INVALID");
    auth_progress_challenge(&progress, AUTH_MOBILE)->is_decoy = false;
    assert_status_ok(auth_core_confirm(&progress, AUTH_MOBILE, true));
    assert_int_equal(progress.state, AUTH_REGISTRATION_COMPLETED);
}

static void test_codes_are_sent_again_after_30_60_and_120_seconds(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *given;
        uint64_t after_s, wait_s;
        bool is_sent;
    } rows[] = { // One after the other.
        {"too early",              29,   1, false},
        {"the first",              30,  60, true},
        {"too early",              89,   1, false},
        {"the second",             90, 120, true},
        {"too early",             209,   1, false},
        {"the third and last",    210,   0, true},
        {"there is no fourth",   1000,   0, false},
    };
    // clang-format on
    struct auth_progress progress = auth_core_begin_registration(1U << AUTH_EMAIL, NOW_NS);
    struct auth_challenge *challenge = auth_progress_challenge(&progress, AUTH_EMAIL);
    challenge->attempts = 3;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t wait_ns, now_ns = NOW_NS + rows[i].after_s * S;
        struct status status = auth_core_resend(&progress, AUTH_EMAIL, now_ns, &wait_ns);
        if (status_ok(status) != rows[i].is_sent) fail_msg("%s", rows[i].given);
        if (!rows[i].is_sent) assert_string_equal(status.reason, "OTP_SEND_LIMIT");
        assert_int_equal(wait_ns, rows[i].wait_s * S);
        if (rows[i].is_sent) assert_int_equal(challenge->expires_at_ns, now_ns + 300 * S);
        assert_int_equal(challenge->attempts, 3);
    }
    uint64_t wait_ns;
    assert_refused(auth_core_resend(&progress, AUTH_MOBILE, NOW_NS, &wait_ns), "OTP_INVALID");
    assert_refused(auth_core_resend(&progress, AUTH_EMAIL, NOW_NS + 1800 * S, &wait_ns),
                   "OTP_EXPIRED");
}

// ---- Roles ---------------------------------------------------------------------------------

static void test_roles_are_a_set_in_order(void **state)
{
    (void)state;
    struct auth_roles roles = {0}, same = {0};
    static const char *const names[] = {"teller", "auditor", "teller", "customer"};
    for (size_t i = 0; i < ROWS(names); i++)
        auth_roles_add(&roles, names[i]);
    assert_int_equal(roles.count, 3);
    assert_string_equal(roles.names[0], "auditor");
    assert_string_equal(roles.names[1], "customer");
    assert_string_equal(roles.names[2], "teller");
    assert_true(auth_roles_are_staff(&roles));
    auth_roles_add(&same, "customer");
    assert_false(auth_roles_are_staff(&same));
    assert_false(auth_roles_equal(&roles, &same));
    auth_roles_add(&same, "teller");
    auth_roles_add(&same, "auditor");
    assert_true(auth_roles_equal(&roles, &same));
    assert_false(auth_role_name_is_valid(""));
    assert_false(auth_role_name_is_valid("two words"));
    assert_false(auth_role_name_is_valid("a_name_of_more_than_thirty_one_c"));
    assert_refused(auth_core_may_set_roles(id_of(1), id_of(1)), "SEPARATION_OF_DUTIES");
    assert_status_ok(auth_core_may_set_roles(id_of(1), id_of(2)));
}

// ---- Refreshing ----------------------------------------------------------------------------

static void test_what_a_refresh_token_is_worth(void **state)
{
    (void)state;
    const struct auth_session_limits limits = {.idle_ns = 1800 * S, .absolute_ns = 43200 * S};

    // clang-format off
    static const struct {
        const char *given;
        uint64_t counter, after_s; // After the rotation that made 7 the current one.
        bool is_same_device;
        enum auth_session_state state;
        enum auth_refresh_verdict verdict;
    } rows[] = {
        {"the current one",                    7, 10,    true,  AUTH_SESSION_ACTIVE, AUTH_REFRESH_ROTATE},
        {"the current one, another device",    7, 10,    false, AUTH_SESSION_ACTIVE, AUTH_REFRESH_ROTATE},
        {"the one before, at once",            6, 0,     true,  AUTH_SESSION_ACTIVE, AUTH_REFRESH_REPEAT},
        {"the one before, 30 s later",         6, 30,    true,  AUTH_SESSION_ACTIVE, AUTH_REFRESH_REPEAT},
        {"the one before, 31 s later",         6, 31,    true,  AUTH_SESSION_ACTIVE, AUTH_REFRESH_REUSED},
        {"the one before, another device",     6, 0,     false, AUTH_SESSION_ACTIVE, AUTH_REFRESH_REUSED},
        {"the one before that",                5, 0,     true,  AUTH_SESSION_ACTIVE, AUTH_REFRESH_REUSED},
        {"one that was never given",           8, 0,     true,  AUTH_SESSION_ACTIVE, AUTH_REFRESH_REUSED},
        {"the current one, after idling",      7, 1800,  true,  AUTH_SESSION_ACTIVE, AUTH_REFRESH_EXPIRED},
        {"an old one, after idling",           5, 1800,  true,  AUTH_SESSION_ACTIVE, AUTH_REFRESH_EXPIRED},
        {"the current one, after the end",     7, 10,    true,  AUTH_SESSION_ENDED,  AUTH_REFRESH_ENDED},
        {"an old one, after the end",          5, 10,    true,  AUTH_SESSION_ENDED,  AUTH_REFRESH_ENDED},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_session session = {.state = rows[i].state,
                                       .counter = 7,
                                       .created_at_ns = NOW_NS - 100 * S,
                                       .rotated_at_ns = NOW_NS,
                                       .expires_at_ns = NOW_NS + 43000 * S};
        enum auth_refresh_verdict verdict =
            auth_core_judge_refresh(&session, &limits, rows[i].counter, rows[i].is_same_device,
                                    NOW_NS + rows[i].after_s * S);
        if (verdict != rows[i].verdict) fail_msg("%s: %d", rows[i].given, (int)verdict);
    }
    struct auth_session old = {.state = AUTH_SESSION_ACTIVE,
                               .created_at_ns = NOW_NS,
                               .rotated_at_ns = NOW_NS + 43199 * S,
                               .expires_at_ns = NOW_NS + 43200 * S};
    assert_int_equal(auth_core_judge_refresh(&old, &limits, 0, true, NOW_NS + 43199 * S),
                     AUTH_REFRESH_ROTATE);
    assert_int_equal(auth_core_judge_refresh(&old, &limits, 0, true, NOW_NS + 43200 * S),
                     AUTH_REFRESH_EXPIRED);
}

static void test_a_session_ends_once(void **state)
{
    (void)state;
    struct auth_session session = {.state = AUTH_SESSION_ACTIVE};
    assert_true(auth_core_end_session(&session, AUTH_SESSION_REUSE, 5));
    assert_false(auth_core_end_session(&session, AUTH_SESSION_LOGOUT, 6));
    assert_int_equal(session.cause, AUTH_SESSION_REUSE);
    assert_int_equal(session.ended_at_ns, 5);
    assert_string_equal(auth_session_cause_name(session.cause), "refresh_reused");
}

// ---- Throttles -----------------------------------------------------------------------------

static void test_failures_close_an_account_for_longer_and_longer(void **state)
{
    (void)state;
    static const uint64_t pauses_s[] = {0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900};
    struct auth_throttle throttle = {0};
    uint64_t now_ns = NOW_NS;
    for (size_t i = 0; i < ROWS(pauses_s); i++) {
        auth_core_charge_failure(&throttle, now_ns);
        assert_int_equal(throttle.count, i + 1);
        if (pauses_s[i] == 0) {
            assert_false(auth_core_is_closed(&throttle, now_ns));
            continue;
        }
        assert_true(auth_core_is_closed(&throttle, now_ns + pauses_s[i] * S - 1));
        auth_core_charge_failure(&throttle, now_ns + 1); // While it is closed nothing counts.
        assert_int_equal(throttle.count, i + 1);
        now_ns += pauses_s[i] * S;
        assert_false(auth_core_is_closed(&throttle, now_ns));
    }
    auth_core_charge_failure(&throttle, throttle.last_ns + AUTH_FAILURES_FORGOTTEN_NS);
    assert_int_equal(throttle.count, 1);
    auth_core_reset_throttle(&throttle, now_ns);
    assert_int_equal(throttle.count, 0);
}

/// What a clock wrote that was an hour fast, and is set right: nobody waits for the hour.
static void test_a_clock_that_was_fast_closes_nothing_for_long(void **state)
{
    (void)state;
    const struct auth_rate rate = {.interval_ns = 15 * S, .burst = 3};
    const uint64_t fast_ns = NOW_NS + 3600 * S;
    struct auth_throttle failures = {0}, sent = {0};
    uint64_t wait_ns;
    for (int i = 0; i < AUTH_FAILURES_FREE; i++)
        auth_core_charge_failure(&failures, fast_ns);
    assert_true(auth_core_is_closed(&failures, fast_ns));
    assert_true(auth_core_is_closed(&failures, fast_ns - S)); // Of a call that was overtaken.
    assert_false(auth_core_is_closed(&failures, NOW_NS));
    auth_core_charge_failure(&failures, NOW_NS); // And the failures are still known.
    assert_true(auth_core_is_closed(&failures, NOW_NS + 60 * S - 1));
    assert_false(auth_core_is_closed(&failures, NOW_NS + 60 * S));

    for (uint32_t i = 0; i < rate.burst; i++)
        assert_true(auth_core_charge_rate(&sent, &rate, fast_ns, &wait_ns));
    assert_false(auth_core_charge_rate(&sent, &rate, fast_ns, &wait_ns));
    assert_false(auth_core_charge_rate(&sent, &rate, fast_ns - S, &wait_ns));
    for (uint32_t i = 0; i < rate.burst; i++)
        assert_true(auth_core_charge_rate(&sent, &rate, NOW_NS, &wait_ns));
    assert_false(auth_core_charge_rate(&sent, &rate, NOW_NS, &wait_ns));
    assert_int_equal(wait_ns, 15 * S);
}

static void test_rates(void **state)
{
    (void)state;
    const struct auth_rate rate = {.interval_ns = 15 * S, .burst = 3}, none = {0};

    // clang-format off
    static const struct {
        uint64_t after_s;
        bool is_taken;
        uint64_t wait_s;
    } rows[] = {
        {0,  true,   0},
        {0,  true,   0},
        {0,  true,   0},
        {0,  false, 15},
        {14, false,  1},
        {15, true,   0},
        {15, false, 15},
        {60, true,   0}, // 45 s later all three are back.
        {60, true,   0},
        {60, true,   0},
        {60, false, 15},
    };
    // clang-format on
    struct auth_throttle throttle = {0};
    uint64_t wait_ns;
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool is_taken =
            auth_core_charge_rate(&throttle, &rate, NOW_NS + rows[i].after_s * S, &wait_ns);
        if (is_taken != rows[i].is_taken) fail_msg("row %zu", i);
        assert_int_equal(wait_ns, rows[i].wait_s * S);
    }
    for (int i = 0; i < 1000; i++)
        assert_true(auth_core_charge_rate(&throttle, &none, NOW_NS, &wait_ns));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registrations_move_as_the_table_says_and_not_otherwise),
        cmocka_unit_test(test_sessions_move_as_the_table_says_and_not_otherwise),
        cmocka_unit_test(test_users_move_as_the_table_says_and_not_otherwise),
        cmocka_unit_test(test_a_session_ends_at_the_first_of_its_ends),
        cmocka_unit_test(test_codes_are_compared_five_times_and_not_late),
        cmocka_unit_test(test_confirming),
        cmocka_unit_test(test_codes_are_sent_again_after_30_60_and_120_seconds),
        cmocka_unit_test(test_roles_are_a_set_in_order),
        cmocka_unit_test(test_what_a_refresh_token_is_worth),
        cmocka_unit_test(test_a_session_ends_once),
        cmocka_unit_test(test_failures_close_an_account_for_longer_and_longer),
        cmocka_unit_test(test_a_clock_that_was_fast_closes_nothing_for_long),
        cmocka_unit_test(test_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
