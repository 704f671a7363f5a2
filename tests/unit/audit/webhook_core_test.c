// The rules of webhooks: the schedule, what becomes of a message, what becomes of its webhook.
#include "services/audit/webhook_core.h"
#include "tests/unit/support/unit.h"

#define S AUDIT_WEBHOOK_SECOND_NS
#define DAY AUDIT_WEBHOOK_DAY_NS
#define NEVER UINT64_MAX

static void test_the_schedule(void **state)
{
    // clang-format off
    static const struct {
        uint32_t attempts;
        unsigned jitter_permille;
        uint64_t asked_ms, wait_ns;
    } rows[] = {
        {1,  1000, 0,              5 * S},
        {2,  1000, 0,              300 * S},
        {3,  1000, 0,              1800 * S},
        {4,  1000, 0,              7200 * S},
        {5,  1000, 0,              18000 * S},
        {6,  1000, 0,              36000 * S},
        {7,  1000, 0,              50400 * S},
        {8,  1000, 0,              72000 * S},
        {9,  1000, 0,              86400 * S},
        {10, 1000, 0,              NEVER},
        {11, 1000, 0,              NEVER},
        {1,  800,  0,              4 * S},
        {1,  1200, 0,              6 * S},
        {9,  1200, 0,              103680 * S},
        {1,  1000, 4999,           5 * S},           // Shorter than our own.
        {1,  1000, 5001,           5001 * (S / 1000)},
        {1,  1000, 86400000,       DAY},
        {1,  1000, 86400001,       DAY},             // Within a day.
        {1,  1000, UINT64_MAX,     DAY},
        {9,  1200, 86400000,       103680 * S},
        {10, 1000, 1,              NEVER},
    };

    // clang-format on
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t wait_ns =
            audit_webhook_wait_ns(rows[i].attempts, rows[i].jitter_permille, rows[i].asked_ms);
        if (wait_ns != rows[i].wait_ns) fail_msg("row %zu: %llu", i, (unsigned long long)wait_ns);
    }
}

static void test_every_state_and_event(void **state)
{
    enum {
        NO = 0,
        WAITING = AUDIT_DELIVERY_WAITING,
        DELIVERED = AUDIT_DELIVERY_DELIVERED,
        GIVEN_UP = AUDIT_DELIVERY_GIVEN_UP,
        DROPPED = AUDIT_DELIVERY_DROPPED
    };

    // clang-format off
    static const int rows[AUDIT_DELIVERY_STATE_LAST][1 + AUDIT_DELIVERY_EVENT_COUNT] = {
        // state     taken      failed   last      gone     swept    replayed
        {WAITING,    DELIVERED, WAITING, GIVEN_UP, DROPPED, DROPPED, NO},
        {DELIVERED,  NO,        NO,      NO,       NO,      NO,      WAITING},
        {GIVEN_UP,   NO,        NO,      NO,       NO,      NO,      WAITING},
        {DROPPED,    NO,        NO,      NO,       NO,      NO,      WAITING},
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (int event = 0; event < AUDIT_DELIVERY_EVENT_COUNT; event++) {
            enum audit_delivery_state next = 0;
            bool happens = audit_delivery_next((enum audit_delivery_state)rows[i][0],
                                               (enum audit_delivery_event)event, &next);
            if (happens != (rows[i][1 + event] != NO) || (int)next != rows[i][1 + event])
                fail_msg("state %d, event %d: %d", rows[i][0], event, (int)next);
        }
    }
}

static void test_what_becomes_of_a_message(void **state)
{
    enum { TAKEN = 1, HOPELESS = 2 };

    // clang-format off
    static const struct {
        const char *name;
        uint32_t attempts_before, attempts_max;
        unsigned flags;
        uint32_t http_status;
        enum audit_delivery_state becomes;
        uint32_t attempts;
    } rows[] = {
        {"taken",                      0, 10, TAKEN,    200, AUDIT_DELIVERY_DELIVERED, 1},
        {"taken at last",              9, 10, TAKEN,    204, AUDIT_DELIVERY_DELIVERED, 10},
        {"an error",                   0, 10, 0,        500, AUDIT_DELIVERY_WAITING,   1},
        {"a redirect",                 0, 10, 0,        302, AUDIT_DELIVERY_WAITING,   1},
        {"refused",                    0, 10, 0,        400, AUDIT_DELIVERY_WAITING,   1},
        {"no answer",                  0, 10, 0,        0,   AUDIT_DELIVERY_WAITING,   1},
        {"half an answer",             0, 10, 0,        200, AUDIT_DELIVERY_WAITING,   1},
        {"the one before the last",    8, 10, 0,        500, AUDIT_DELIVERY_WAITING,   9},
        {"the last",                   9, 10, 0,        500, AUDIT_DELIVERY_GIVEN_UP,  10},
        {"a test has one",             0, 1,  0,        500, AUDIT_DELIVERY_GIVEN_UP,  1},
        {"gone",                       0, 10, 0,        410, AUDIT_DELIVERY_DROPPED,   1},
        {"gone at last",               9, 10, 0,        410, AUDIT_DELIVERY_DROPPED,   10},
        {"pruned",                     3, 10, HOPELESS, 0,   AUDIT_DELIVERY_GIVEN_UP,  3},
    };

    // clang-format on
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct audit_delivery delivery = {.state = AUDIT_DELIVERY_WAITING,
                                          .attempts = rows[i].attempts_before,
                                          .last_attempt_ns = 1,
                                          .next_attempt_ns = 2};
        struct audit_attempt attempt = {.at_ns = 90 * S,
                                        .http_status = rows[i].http_status,
                                        .duration_ms = 7,
                                        .jitter_permille = 1000,
                                        .is_taken = (rows[i].flags & TAKEN) != 0,
                                        .is_hopeless = (rows[i].flags & HOPELESS) != 0,
                                        .error = "why"};
        audit_delivery_settle(&delivery, &attempt, rows[i].attempts_max, 100 * S);
        bool waits = rows[i].becomes == AUDIT_DELIVERY_WAITING;
        bool is_attempt = (rows[i].flags & HOPELESS) == 0;
        uint64_t next_ns = waits ? 100 * S + audit_webhook_wait_ns(rows[i].attempts, 1000, 0) : 0;
        if (delivery.state != rows[i].becomes || delivery.attempts != rows[i].attempts ||
            delivery.next_attempt_ns != next_ns || delivery.ended_ns != (waits ? 0 : 100 * S) ||
            delivery.last_attempt_ns != (is_attempt ? 90 * S : 1) ||
            delivery.http_status != rows[i].http_status || delivery.duration_ms != 7 ||
            !bytes_equal(delivery.error, bytes_of_text("why")))
            fail_msg("%s", rows[i].name);
    }
}

static void test_what_becomes_of_a_webhook(void **state)
{
    enum { TAKEN = 1, HOPELESS = 2, A_TEST = 4 };

    // clang-format off
    static const struct {
        const char *name;
        uint64_t since_ns, now_ns;
        unsigned flags;
        uint32_t http_status;
        enum audit_webhook_switch becomes;
        uint64_t since_after_ns;
    } rows[] = {
        {"well",                              0, 9 * DAY,         TAKEN,    200, AUDIT_WEBHOOK_ON,      0},
        {"well again",                      DAY, 9 * DAY,         TAKEN,    200, AUDIT_WEBHOOK_ON,      0},
        {"the first failure",                 0, 9 * DAY,         0,        500, AUDIT_WEBHOOK_ON,      9 * DAY},
        {"another",                         DAY, 2 * DAY,         0,        500, AUDIT_WEBHOOK_ON,      DAY},
        {"almost five days of them",        DAY, 6 * DAY - 1,     0,        0,   AUDIT_WEBHOOK_ON,      DAY},
        {"five days of them",               DAY, 6 * DAY,         0,        0,   AUDIT_WEBHOOK_FAILING, DAY},
        {"the clock was set back",      9 * DAY, DAY,             0,        0,   AUDIT_WEBHOOK_ON,      9 * DAY},
        {"gone",                              0, DAY,             0,        410, AUDIT_WEBHOOK_GONE,    0},
        {"gone, after five days",           DAY, 6 * DAY,         0,        410, AUDIT_WEBHOOK_GONE,    DAY},
        {"a test fails after five days",    DAY, 6 * DAY,         A_TEST,   500, AUDIT_WEBHOOK_ON,      DAY},
        {"a test is taken",                 DAY, 6 * DAY,         A_TEST | TAKEN, 200, AUDIT_WEBHOOK_ON, DAY},
        {"a test finds it gone",            DAY, 6 * DAY,         A_TEST,   410, AUDIT_WEBHOOK_GONE,    DAY},
        {"nothing to post",                 DAY, 6 * DAY,         HOPELESS, 0,   AUDIT_WEBHOOK_ON,      DAY},
    };

    // clang-format on
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t since_ns = rows[i].since_ns;
        struct audit_attempt attempt = {.http_status = rows[i].http_status,
                                        .is_taken = (rows[i].flags & TAKEN) != 0,
                                        .is_hopeless = (rows[i].flags & HOPELESS) != 0,
                                        .error = ""};
        enum audit_webhook_switch becomes =
            audit_webhook_judge(&attempt, (rows[i].flags & A_TEST) != 0, rows[i].now_ns, &since_ns);
        if (becomes != rows[i].becomes || since_ns != rows[i].since_after_ns)
            fail_msg("%s", rows[i].name);
    }
}

static void test_message_ids(void **state)
{
    // clang-format off
    static const struct {
        uint8_t webhook;
        const char *source;
        uint64_t seq;
        const char *id;
    } rows[] = {
        {1,    "ledger", 1,          "msg_01010101010101010101010101010101_ledger_1"},
        {0xab, "auth",   7,          "msg_abababababababababababababababab_auth_7"},
        {1,    "a-name-of-thirty-two-characters-x", UINT64_MAX,
         "msg_01010101010101010101010101010101_a-name-of-thirty-two-characters-_18446744073709551615"},
        {1,    "",       0,          "test_01010101010101010101010101010101_0"},
        {1,    "",       12,         "test_01010101010101010101010101010101_12"},
    };

    // clang-format on
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char id[AUDIT_WEBHOOK_MESSAGE_ID_BYTES];
        audit_webhook_message_id(id_of(rows[i].webhook), bytes_of_text(rows[i].source), rows[i].seq,
                                 id);
        assert_string_equal(id, rows[i].id);
        assert_null(strchr(id, '.')); // It would move what is signed.
    }
}

static void test_names_of_states(void **state)
{
    (void)state;
    for (int i = AUDIT_DELIVERY_WAITING; i <= AUDIT_DELIVERY_STATE_LAST; i++) {
        enum audit_delivery_state found = 0;
        const char *name = audit_delivery_state_name((enum audit_delivery_state)i);
        assert_true(audit_delivery_state_find(name, &found));
        assert_int_equal(found, i);
    }
    enum audit_delivery_state found;
    assert_false(audit_delivery_state_find("waiting", &found));
    assert_false(audit_delivery_state_find("", &found));
    assert_string_equal(audit_webhook_switch_name(AUDIT_WEBHOOK_ON), "");
    assert_string_equal(audit_webhook_switch_name(AUDIT_WEBHOOK_BY_USER), "BY_USER");
    assert_string_equal(audit_webhook_switch_name(AUDIT_WEBHOOK_GONE), "GONE");
    assert_string_equal(audit_webhook_switch_name(AUDIT_WEBHOOK_FAILING), "FAILING");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_schedule),
        cmocka_unit_test(test_every_state_and_event),
        cmocka_unit_test(test_what_becomes_of_a_message),
        cmocka_unit_test(test_what_becomes_of_a_webhook),
        cmocka_unit_test(test_message_ids),
        cmocka_unit_test(test_names_of_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
