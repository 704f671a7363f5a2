// The rules of flows, and which factors a login is asked for.
#include "services/auth/flow_core.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(1800000000000000000)
#define S UINT64_C(1000000000)

static void test_flows_move_as_the_table_says_and_not_otherwise(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        enum auth_flow_state from;
        enum auth_flow_event event;
        enum auth_flow_state to;
    } legal[] = {
        {AUTH_FLOW_OPEN, AUTH_FLOW_SEND,       AUTH_FLOW_OPEN},
        {AUTH_FLOW_OPEN, AUTH_FLOW_WRONG,      AUTH_FLOW_OPEN},
        {AUTH_FLOW_OPEN, AUTH_FLOW_WRONG_LAST, AUTH_FLOW_DEAD},
        {AUTH_FLOW_OPEN, AUTH_FLOW_RIGHT,      AUTH_FLOW_PASSED},
        {AUTH_FLOW_OPEN, AUTH_FLOW_EXPIRE,     AUTH_FLOW_EXPIRED},
    };

    // clang-format on
    for (int from = 0; from < AUTH_FLOW_STATE_COUNT; from++) {
        for (int event = 0; event < AUTH_FLOW_EVENT_COUNT; event++) {
            enum auth_flow_state to = AUTH_FLOW_REFUSED_MOVE;
            for (size_t i = 0; i < ROWS(legal); i++)
                if ((int)legal[i].from == from && (int)legal[i].event == event) to = legal[i].to;
            assert_int_equal(
                auth_flow_next((enum auth_flow_state)from, (enum auth_flow_event)event), to);
        }
    }
}

static struct auth_flow flow_of(unsigned methods)
{
    return (struct auth_flow){.id = id_of(1),
                              .user_id = id_of(2),
                              .purpose = AUTH_FLOW_LOGIN,
                              .state = AUTH_FLOW_OPEN,
                              .methods = methods,
                              .created_at_ns = NOW_NS,
                              .expires_at_ns = NOW_NS + AUTH_FLOW_LIFE_NS,
                              .payload = ""};
}

static void test_what_may_be_tried(void **state)
{
    (void)state;

    enum { E = 1 << AUTH_METHOD_EMAIL, M = 1 << AUTH_METHOD_MOBILE, T = 1 << AUTH_METHOD_TOTP };

    // clang-format off
    static const struct {
        const char *given;
        unsigned methods;
        enum auth_channel sent_to;
        enum auth_flow_state state;
        uint64_t after_ns;
        enum auth_method method;
        const char *refused;
    } rows[] = {
        {"a code that was sent",           E,   AUTH_EMAIL,  AUTH_FLOW_OPEN,   0,           AUTH_METHOD_EMAIL,  NULL},
        {"of the other channel",           E|M, AUTH_EMAIL,  AUTH_FLOW_OPEN,   0,           AUTH_METHOD_MOBILE, "OTP_INVALID"},
        {"before one was sent",            E,   0,           AUTH_FLOW_OPEN,   0,           AUTH_METHOD_EMAIL,  "OTP_INVALID"},
        {"an authenticator's",             T,   0,           AUTH_FLOW_OPEN,   0,           AUTH_METHOD_TOTP,   NULL},
        {"an authenticator's, not asked",  E,   AUTH_EMAIL,  AUTH_FLOW_OPEN,   0,           AUTH_METHOD_TOTP,   "OTP_INVALID"},
        {"a message's, not asked",         T,   0,           AUTH_FLOW_OPEN,   0,           AUTH_METHOD_EMAIL,  "OTP_INVALID"},
        {"the last moment",                T,   0,           AUTH_FLOW_OPEN,   300 * S - 1, AUTH_METHOD_TOTP,   NULL},
        {"one moment later",               T,   0,           AUTH_FLOW_OPEN,   300 * S,     AUTH_METHOD_TOTP,   "OTP_EXPIRED"},
        {"used up",                        E,   AUTH_EMAIL,  AUTH_FLOW_PASSED, 0,           AUTH_METHOD_EMAIL,  "OTP_INVALID"},
        {"dead",                           E,   AUTH_EMAIL,  AUTH_FLOW_DEAD,   0,           AUTH_METHOD_EMAIL,  "OTP_EXHAUSTED"},
        {"dead, and later",                E,   AUTH_EMAIL,  AUTH_FLOW_DEAD,   400 * S,     AUTH_METHOD_EMAIL,  "OTP_EXHAUSTED"},
        {"expired before",                 E,   AUTH_EMAIL,  AUTH_FLOW_EXPIRED, 0,          AUTH_METHOD_EMAIL,  "OTP_EXPIRED"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_flow flow = flow_of(rows[i].methods);
        flow.state = rows[i].state;
        flow.sent_to = rows[i].sent_to;
        flow.code.expires_at_ns = NOW_NS + 300 * S;
        struct status status =
            auth_flow_count_attempt(&flow, rows[i].method, NOW_NS + rows[i].after_ns);
        const char *reason = status.reason;
        if ((reason == NULL) != (rows[i].refused == NULL) ||
            (reason != NULL && strcmp(reason, rows[i].refused) != 0))
            fail_msg("%s: %s", rows[i].given, reason != NULL ? reason : "taken");
        assert_int_equal(flow.attempts, reason == NULL);
    }
}

static void test_the_fifth_wrong_code_is_the_last(void **state)
{
    (void)state;
    struct auth_flow flow = flow_of(1U << AUTH_METHOD_TOTP);
    for (int i = 1; i <= AUTH_CODE_ATTEMPTS_MAX; i++) {
        assert_status_ok(auth_flow_count_attempt(&flow, AUTH_METHOD_TOTP, NOW_NS));
        assert_refused(auth_flow_judge(&flow, false), "OTP_INVALID");
        assert_int_equal(flow.state, i < AUTH_CODE_ATTEMPTS_MAX ? AUTH_FLOW_OPEN : AUTH_FLOW_DEAD);
    }
    assert_refused(auth_flow_count_attempt(&flow, AUTH_METHOD_TOTP, NOW_NS), "OTP_EXHAUSTED");

    flow = flow_of(1U << AUTH_METHOD_TOTP); // The fifth may be right.
    flow.attempts = AUTH_CODE_ATTEMPTS_MAX - 1;
    assert_status_ok(auth_flow_count_attempt(&flow, AUTH_METHOD_TOTP, NOW_NS));
    assert_status_ok(auth_flow_judge(&flow, true));
    assert_int_equal(flow.state, AUTH_FLOW_PASSED);

    flow = flow_of(1U << AUTH_METHOD_EMAIL); // No code fits a decoy.
    flow.is_decoy = true;
    flow.sent_to = AUTH_EMAIL;
    flow.code.expires_at_ns = NOW_NS + 300 * S;
    assert_status_ok(auth_flow_count_attempt(&flow, AUTH_METHOD_EMAIL, NOW_NS));
    assert_refused(auth_flow_judge(&flow, true), "OTP_INVALID");
}

static void test_codes_are_sent_at_once_and_after_30_60_and_120_seconds(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *given;
        uint64_t after_s;
        enum auth_channel channel;
        uint64_t wait_s;
        const char *refused;
    } rows[] = { // One after the other.
        {"the first one",                   0,   AUTH_MOBILE,  30, NULL},
        {"too early",                      29,   AUTH_MOBILE,   1, "OTP_SEND_LIMIT"},
        {"too early, by the other one",    29,   AUTH_EMAIL,    1, "OTP_SEND_LIMIT"},
        {"by the other one",               30,   AUTH_EMAIL,   60, NULL},
        {"the second",                     90,   AUTH_MOBILE, 120, NULL},
        {"the third and last",            210,   AUTH_MOBILE,   0, NULL},
        {"there is no fourth",            290,   AUTH_MOBILE,   0, "OTP_SEND_LIMIT"},
        {"too late",                      300,   AUTH_MOBILE,   0, "OTP_EXPIRED"},
    };
    // clang-format on
    struct auth_flow flow = flow_of(AUTH_METHODS_CHANNELS);
    flow.attempts = 3;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t wait_ns, now_ns = NOW_NS + rows[i].after_s * S;
        struct status status = auth_flow_may_send(&flow, rows[i].channel, now_ns, &wait_ns);
        if (status_ok(status) != (rows[i].refused == NULL)) fail_msg("%s", rows[i].given);
        if (rows[i].refused != NULL) assert_string_equal(status.reason, rows[i].refused);
        assert_int_equal(wait_ns, rows[i].wait_s * S);
        assert_int_equal(flow.attempts, 3);
        if (rows[i].refused != NULL) continue;
        assert_int_equal(flow.sent_to, rows[i].channel);
        assert_int_equal(flow.code.expires_at_ns, NOW_NS + 300 * S); // Never after the flow's end.
    }
    uint64_t wait_ns;
    flow = flow_of(1U << AUTH_METHOD_TOTP);
    assert_refused(auth_flow_may_send(&flow, AUTH_EMAIL, NOW_NS, &wait_ns), "OTP_INVALID");
    assert_int_equal(flow.sent_to, 0);
}

// ---- Which factors -------------------------------------------------------------------------

static void test_which_factors_a_login_is_asked_for(void **state)
{
    (void)state;

    enum {
        E = 1 << AUTH_METHOD_EMAIL,
        M = 1 << AUTH_METHOD_MOBILE,
        T = 1 << AUTH_METHOD_TOTP,
        R = 1 << AUTH_METHOD_RECOVERY_CODE,
        IN = AUTH_DEMAND_NOTHING,
        ASK = AUTH_DEMAND_FACTOR,
        ENROL = AUTH_DEMAND_ENROLMENT
    };

    // clang-format off
    static const struct {
        enum auth_mfa policy;
        struct auth_mfa_means means; // totp, recovery codes, channels
        bool is_suspicious;
        int demand;
        unsigned methods;
        int send_to;
    } rows[] = {
        {AUTH_MFA_OFF,      {false, false, E|M}, false, IN,    0,   0},
        {AUTH_MFA_OFF,      {false, false, E|M}, true,  IN,    0,   0},
        {AUTH_MFA_OFF,      {false, false, 0},   true,  IN,    0,   0},
        {AUTH_MFA_OFF,      {true,  true,  E|M}, false, ASK,   T|R, 0},
        {AUTH_MFA_OFF,      {true,  false, E|M}, false, ASK,   T,   0},
        {AUTH_MFA_OPTIONAL, {false, false, E},   false, IN,    0,   0},
        {AUTH_MFA_OPTIONAL, {false, false, E},   true,  ASK,   E,   AUTH_EMAIL},
        {AUTH_MFA_OPTIONAL, {false, false, 0},   false, IN,    0,   0},
        {AUTH_MFA_OPTIONAL, {false, false, 0},   true,  ENROL, 0,   0},
        {AUTH_MFA_OPTIONAL, {true,  true,  E},   false, ASK,   T|R, 0},
        {AUTH_MFA_OTP,      {false, false, E},   false, ASK,   E,   AUTH_EMAIL},
        {AUTH_MFA_OTP,      {false, false, M},   false, ASK,   M,   AUTH_MOBILE},
        {AUTH_MFA_OTP,      {false, false, E|M}, false, ASK,   E|M, AUTH_MOBILE},
        {AUTH_MFA_OTP,      {false, false, 0},   false, ENROL, 0,   0},
        {AUTH_MFA_OTP,      {true,  true,  E|M}, true,  ASK,   T|R, 0},
        {AUTH_MFA_TOTP,     {true,  true,  E|M}, false, ASK,   T|R, 0},
        {AUTH_MFA_TOTP,     {false, false, E|M}, false, ASK,   E|M, AUTH_MOBILE},
        {AUTH_MFA_TOTP,     {false, false, 0},   false, ENROL, 0,   0},
        {AUTH_MFA_TOTP,     {false, true,  0},   true,  ENROL, 0,   0},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_mfa_decision decision =
            auth_mfa_decide(rows[i].policy, &rows[i].means, rows[i].is_suspicious);
        if ((int)decision.demand != rows[i].demand || decision.methods != rows[i].methods ||
            (int)decision.send_to != rows[i].send_to)
            fail_msg("row %zu: %d %x %d", i, (int)decision.demand, decision.methods,
                     (int)decision.send_to);
    }
}

static void test_who_still_has_to_enrol_and_what_a_password_alone_is(void **state)
{
    (void)state;
    for (int policy = 0; policy < AUTH_MFA_COUNT; policy++) {
        enum auth_mfa mfa = (enum auth_mfa)policy;
        bool owes = mfa == AUTH_MFA_TOTP;
        assert_int_equal(auth_mfa_leaves_to_enrol(mfa, AUTH_METHOD_EMAIL), owes);
        assert_int_equal(auth_mfa_leaves_to_enrol(mfa, AUTH_METHOD_MOBILE), owes);
        assert_false(auth_mfa_leaves_to_enrol(mfa, AUTH_METHOD_TOTP));
        assert_false(auth_mfa_leaves_to_enrol(mfa, AUTH_METHOD_RECOVERY_CODE));
        assert_false(auth_mfa_is_password_alone(mfa, true));
        bool is_alone = mfa == AUTH_MFA_OFF || mfa == AUTH_MFA_OPTIONAL;
        assert_int_equal(auth_mfa_is_password_alone(mfa, false), is_alone);
    }
}

static void test_sessions_of_one_policy_are_not_good_for_one_that_asks_for_more(void **state)
{
    (void)state;
    // clang-format off
    static const bool is_more[AUTH_MFA_COUNT][AUTH_MFA_COUNT] = { // [policy][before]
        //                   off    optional otp    totp
        [AUTH_MFA_OFF]      = {false, false, false, false},
        [AUTH_MFA_OPTIONAL] = {false, false, false, false}, // Asks nobody who looks as ever.
        [AUTH_MFA_OTP]      = {true,  true,  false, false},
        [AUTH_MFA_TOTP]     = {true,  true,  true,  false},
    };
    // clang-format on
    for (int policy = 0; policy < AUTH_MFA_COUNT; policy++)
        for (int before = 0; before < AUTH_MFA_COUNT; before++)
            assert_int_equal(auth_mfa_is_more((enum auth_mfa)policy, (enum auth_mfa)before),
                             is_more[policy][before]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flows_move_as_the_table_says_and_not_otherwise),
        cmocka_unit_test(test_what_may_be_tried),
        cmocka_unit_test(test_the_fifth_wrong_code_is_the_last),
        cmocka_unit_test(test_codes_are_sent_at_once_and_after_30_60_and_120_seconds),
        cmocka_unit_test(test_which_factors_a_login_is_asked_for),
        cmocka_unit_test(test_who_still_has_to_enrol_and_what_a_password_alone_is),
        cmocka_unit_test(test_sessions_of_one_policy_are_not_good_for_one_that_asks_for_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
