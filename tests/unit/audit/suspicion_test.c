// Suspicion behind a real log: from events to findings, each told once, whatever dies in between.
#include "common/base/clock.h"
#include "common/base/record.h"
#include "services/audit/convert_report.h"
#include "tests/unit/audit/newsroom.h"

#define ASHA NEWSROOM_USER(1)
#define BINOD NEWSROOM_USER(2)
#define MONDAY_NS (UINT64_C(1794787200) * NS_PER_SECOND) // 2026-11-16, 00:00 UTC
#define NOON_NS (MONDAY_NS + 12 * 3600 * NS_PER_SECOND)
#define LATER_NS (NOON_NS + 3600 * NS_PER_SECOND)

static const Audit__ListSuspiciousResponse *list(const char *rule, const char *subject)
{
    const Audit__ListSuspiciousResponse *reply;
    Audit__ListSuspiciousRequest request = AUDIT__LIST_SUSPICIOUS_REQUEST__INIT;
    request.rule = text_of(rule);
    request.subject = text_of(subject);
    assert_status_ok(
        newsroom_call(AUDIT_LIST_SUSPICIOUS, newsroom_user(9), &request, (const void **)&reply));
    return reply;
}

static void tell_logins(const char *type, uint64_t seconds, size_t count)
{
    struct news news[32];
    for (size_t i = 0; i < count; i++) {
        news[i] = (struct news){.type = type,
                                .subject = ASHA,
                                .actor = ASHA,
                                .client_ip = "203.0.113.7",
                                .time_ns = NOON_NS + seconds * NS_PER_SECOND};
    }
    newsroom_tell(news, count);
}

static void test_failures_and_a_success_are_found_across_restarts(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 5; i++) {
        tell_logins("auth.login.failed", i * 60, 1);
        newsroom_stop();
        newsroom_start();
    }
    newsroom_settle();
    assert_int_equal(list("", "")->n_findings, 0);
    tell_logins("auth.login.succeeded", 300, 1);
    newsroom_stop();
    newsroom_start();
    newsroom_settle();
    const Audit__ListSuspiciousResponse *reply = list("", "");
    assert_int_equal(reply->examined_size, 6);
    assert_int_equal(reply->n_findings, 1);
    const Audit__SuspiciousFinding *finding = reply->findings[0];
    assert_int_equal(finding->id, 1);
    assert_string_equal(finding->rule, "FAILURES_THEN_SUCCESS");
    assert_string_equal(finding->severity, "high");
    assert_string_equal(finding->subject, ASHA);
    assert_int_equal(finding->count, 6);
    assert_int_equal(finding->first_time, NOON_NS);
    assert_int_equal(finding->last_time, NOON_NS + 300 * NS_PER_SECOND);
    assert_int_equal(finding->n_indexes, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(finding->indexes[i], i);
    assert_string_equal(finding->detail, "6 logins, failures and then a success");
    // Not in the stream of whom it is about, who sees what has his name on it.
    assert_int_equal(newsroom_told("audit.suspicion.found"), 1);
    assert_int_equal(newsroom_told_about("audit.suspicion.found", "findings/1"), 1);
}

static void test_a_finding_grows_and_keeps_the_last_indexes(void **state)
{
    (void)state;
    struct news news[30];
    for (size_t i = 0; i < ROWS(news); i++) {
        news[i] = (struct news){.type = "kyc.field.revealed",
                                .subject = ASHA,
                                .actor = BINOD,
                                .time_ns = NOON_NS + i * NS_PER_SECOND};
    }
    newsroom_tell(news, ROWS(news));
    newsroom_settle();
    const Audit__ListSuspiciousResponse *reply = list("REVEAL_BURST", BINOD);
    assert_int_equal(reply->n_findings, 1);
    assert_int_equal(reply->findings[0]->count, 30);
    assert_int_equal(reply->findings[0]->n_indexes, AUDIT_FINDING_INDEXES_MAX);
    assert_int_equal(reply->findings[0]->indexes[0], 14);
    assert_int_equal(reply->findings[0]->indexes[15], 29);
    assert_int_equal(reply->findings[0]->first_time, NOON_NS);
    assert_int_equal(newsroom_told("audit.suspicion.found"), 1); // Growing is not told.
}

static void test_networks_are_told_apart_and_not_remembered_in_clear(void **state)
{
    (void)state;

    static const struct {
        const char *first, *second;
        bool is_found;
    } rows[] = {
        {"203.0.113.7", "203.0.113.200", false},
        {"203.0.113.7", "203.0.114.7", true},
        {"::ffff:203.0.113.7", "203.0.113.9", false},
        {"2001:db8:1::1", "2001:db8:1:ffff::1", false},
        {"2001:db8:1::1", "2001:db8:2::1", true},
        {"2001:db8:1::1", "203.0.113.7", true},
        {"203.0.113.7", "", false},
        {"203.0.113.7", "elsewhere", false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char user[64];
        snprintf(user, sizeof user, "users/01890000-0000-7000-8000-0000000001%02zu", i);
        const struct news news[] = {
            {.type = "auth.login.succeeded",
             .subject = user,
             .actor = user,
             .client_ip = rows[i].first,
             .time_ns = NOON_NS},
            {.type = "auth.login.succeeded",
             .subject = user,
             .actor = user,
             .client_ip = rows[i].second,
             .time_ns = NOON_NS + NS_PER_SECOND},
        };
        newsroom_tell(news, ROWS(news));
        newsroom_settle();
        if ((list("IMPOSSIBLE_TRAVEL", user)->n_findings == 1) != rows[i].is_found)
            fail_msg("%s and %s", rows[i].first, rows[i].second);
        struct store_txn *txn = begin(newsroom.fixture);
        struct audit_watch watch;
        static const uint8_t clear[3] = {203, 0, 113};
        assert_status_ok(
            audit_store_get_watch(txn, AUDIT_RULE_IMPOSSIBLE_TRAVEL, bytes_of_text(user), &watch));
        assert_true(watch.network_count > 0);
        assert_null(memmem(watch.networks, sizeof watch.networks, clear, sizeof clear));
        store_snapshot_end(&txn);
    }
}

static struct news payment(const char *type, const char *debit_owner, const char *credit_owner,
                           uint64_t amount, uint64_t seconds)
{
    return (struct news){.type = type,
                         .subject = "transfers/x",
                         .actor = "services/till",
                         .time_ns = NOON_NS + seconds * NS_PER_SECOND,
                         .visible_to = {debit_owner, credit_owner},
                         .payload = newsroom_transfer(id_of(1), id_of(2), "INR", amount)};
}

static void test_payments_just_below_the_limit_are_structuring(void **state)
{
    (void)state;
    struct news broken = payment("ledger.transfer.created", ASHA, BINOD, 900, 50);
    broken.payload = bytes_of("\xff\xff", 2); // Says nothing, and stops nobody.
    const struct news news[] = {
        payment("ledger.transfer.created", ASHA, BINOD, 990, 0),
        payment("ledger.transfer.created", ASHA, BINOD, 100, 10), // Far below.
        payment("ledger.transfer.held", ASHA, BINOD, 990, 20),    // Did not move.
        broken,
        payment("ledger.transfer.posted", ASHA, BINOD, 850, 60),
        payment("ledger.transfer.created", BINOD, ASHA, 900, 70), // Another's.
        payment("ledger.transfer.created", ASHA, NULL, 999, 80),  // With the bank.
    };
    newsroom_tell(news, ROWS(news));
    newsroom_settle();
    const Audit__ListSuspiciousResponse *reply = list("STRUCTURING", "");
    assert_int_equal(reply->n_findings, 1);
    assert_string_equal(reply->findings[0]->subject, ASHA);
    assert_string_equal(reply->findings[0]->severity, "medium");
    assert_int_equal(reply->findings[0]->count, 3);
    assert_int_equal(reply->findings[0]->indexes[2], 6);
}

static void test_administration_at_night_is_one_finding(void **state)
{
    (void)state;
    const uint64_t night_ns = MONDAY_NS + 23 * 3600 * NS_PER_SECOND;
    const struct news news[] = {
        {.type = "auth.role.changed", .subject = "roles/x", .actor = BINOD, .time_ns = NOON_NS},
        {.type = "auth.role.changed", .subject = "roles/x", .actor = BINOD, .time_ns = night_ns},
        {.type = "auth.user.blocked", .subject = ASHA, .actor = BINOD, .time_ns = night_ns + 1},
        {.type = "auth.keys.rotated", .actor = "services/auth", .time_ns = night_ns + 2},
    };
    newsroom_tell(news, ROWS(news));
    newsroom_settle();
    const Audit__ListSuspiciousResponse *reply = list("OUT_OF_HOURS", "");
    assert_int_equal(reply->n_findings, 1);
    assert_int_equal(reply->findings[0]->count, 2);
    assert_string_equal(reply->findings[0]->severity, "low");
}

static void test_what_is_told_says_what_was_found(void **state)
{
    (void)state;
    const struct audit_finding finding = {.id = 3,
                                          .rule = AUDIT_RULE_STRUCTURING,
                                          .first_ns = 10,
                                          .last_ns = 20,
                                          .count = 5,
                                          .subject = bytes_of_text(ASHA),
                                          .index_count = 2,
                                          .indexes = {7, 9}};
    uint8_t payload[AUDIT_SUSPICION_FOUND_BYTES_MAX];
    size_t size = audit_convert_suspicion_found(&finding, payload);
    Audit__SuspicionFound *told = audit__suspicion_found__unpack(NULL, size, payload);
    assert_non_null(told);
    assert_int_equal(told->finding_id, 3);
    assert_string_equal(told->rule, "STRUCTURING");
    assert_string_equal(told->severity, "medium");
    assert_string_equal(told->subject, ASHA);
    assert_int_equal(told->count, 5);
    assert_int_equal(told->n_indexes, 2);
    assert_int_equal(told->indexes[1], 9);
    audit__suspicion_found__free_unpacked(told, NULL);
}

// ---- The list ------------------------------------------------------------------------------

enum { ACTORS = 23 };

static void find_many(void)
{
    static struct news news[ACTORS];
    static char actors[ACTORS][64];
    for (size_t i = 0; i < ACTORS; i++) {
        snprintf(actors[i], sizeof actors[i], "users/01890000-0000-7000-8000-0000000001%02zu", i);
        news[i] = (struct news){.type = "auth.role.changed",
                                .subject = "roles/x",
                                .actor = actors[i],
                                .time_ns = MONDAY_NS + i * NS_PER_SECOND};
    }
    newsroom_tell(news, ACTORS);
    newsroom_settle();
}

static void test_pages_give_every_finding_once_newest_first(void **state)
{
    (void)state;
    find_many();
    static const int32_t page_sizes[] = {1, 7, ACTORS - 1, ACTORS, ACTORS + 1, 0};
    for (size_t i = 0; i < ROWS(page_sizes); i++) {
        char token[512] = "";
        uint64_t expected = ACTORS;
        do {
            const Audit__ListSuspiciousResponse *reply;
            Audit__ListSuspiciousRequest request = AUDIT__LIST_SUSPICIOUS_REQUEST__INIT;
            request.page_size = page_sizes[i];
            request.page_token = token;
            assert_status_ok(newsroom_call(AUDIT_LIST_SUSPICIOUS, newsroom_user(9), &request,
                                           (const void **)&reply));
            assert_true(reply->n_findings > 0);
            for (size_t k = 0; k < reply->n_findings; k++)
                assert_int_equal(reply->findings[k]->id, expected--);
            snprintf(token, sizeof token, "%s", reply->next_page_token);
        } while (token[0] != '\0');
        assert_int_equal(expected, 0);
    }
}

static void test_the_list_is_filtered(void **state)
{
    (void)state;
    find_many();
    const Audit__ListSuspiciousResponse *reply;
    Audit__ListSuspiciousRequest request = AUDIT__LIST_SUSPICIOUS_REQUEST__INIT;
    request.from = MONDAY_NS + 3 * NS_PER_SECOND;
    request.to = MONDAY_NS + 6 * NS_PER_SECOND;
    assert_status_ok(
        newsroom_call(AUDIT_LIST_SUSPICIOUS, newsroom_user(9), &request, (const void **)&reply));
    assert_int_equal(reply->n_findings, 3);
    assert_int_equal(reply->n_rules, AUDIT_RULE_LAST);
    for (size_t i = 0; i < AUDIT_RULE_LAST; i++)
        assert_true(strlen(reply->rules[i]->summary) > 20);
    assert_non_null(strstr(reply->rules[AUDIT_RULE_STRUCTURING - 1]->summary, "INR 10.00"));
    assert_int_equal(list("STRUCTURING", "")->n_findings, 0);
    assert_int_equal(list("OUT_OF_HOURS", "")->n_findings, ACTORS);
    assert_int_equal(list("", "users/01890000-0000-7000-8000-000000000105")->n_findings, 1);
    request.rule = text_of("HUNCH");
    assert_refused(
        newsroom_call(AUDIT_LIST_SUSPICIOUS, newsroom_user(9), &request, (const void **)&reply),
        "RULE_UNKNOWN");
}

static void test_a_page_token_is_good_for_its_own_query_only(void **state)
{
    (void)state;
    find_many();
    char token[512];
    const Audit__ListSuspiciousResponse *reply;
    Audit__ListSuspiciousRequest request = AUDIT__LIST_SUSPICIOUS_REQUEST__INIT;
    request.page_size = 1;
    assert_status_ok(
        newsroom_call(AUDIT_LIST_SUSPICIOUS, newsroom_user(9), &request, (const void **)&reply));
    snprintf(token, sizeof token, "%s", reply->next_page_token);
    request.page_token = token;
    request.rule = text_of("OUT_OF_HOURS");
    assert_refused(
        newsroom_call(AUDIT_LIST_SUSPICIOUS, newsroom_user(9), &request, (const void **)&reply),
        "PAGE_TOKEN_INVALID");
}

// ---- Clearing away -------------------------------------------------------------------------

static void test_what_is_remembered_is_cleared_away(void **state)
{
    (void)state;

    enum { USERS = AUDIT_WATCH_ROWS_PER_MINUTE + 300 };

    static struct news news[USERS];
    static char users[USERS][64];
    for (size_t i = 0; i < USERS; i++) {
        snprintf(users[i], sizeof users[i], "users/01890000-0000-7000-8000-%012zu", i);
        news[i] = (struct news){.type = "auth.login.failed",
                                .subject = users[i],
                                .actor = "anonymous",
                                .time_ns = i < 100 ? LATER_NS : NOON_NS};
    }
    newsroom_tell(news, 1000);
    newsroom_tell(news + 1000, USERS - 1000);
    newsroom_settle();
    // By hand from here on.
    audit_tail_stop(newsroom.fixture->service.tail);
    audit_followers_stop(newsroom.context.followers);
    struct audit_suspicion *suspicion = newsroom.context.reports->suspicion;
    size_t dropped, all = 0;
    bool is_end;
    for (size_t i = 0; i < 3; i++) {
        assert_status_ok(audit_suspicion_clear(suspicion, LATER_NS, &dropped, &is_end));
        assert_true(dropped <= AUDIT_WATCH_ROWS_PER_MINUTE);
        all += dropped;
        if (is_end) break;
    }
    assert_true(is_end);
    assert_int_equal(all, USERS - 100);
    assert_status_ok(audit_suspicion_clear(suspicion, LATER_NS, &dropped, &is_end));
    assert_int_equal(dropped, 0);
    assert_true(is_end);
}

#define SUSPICION_TEST(test_)                                                                      \
    cmocka_unit_test_setup_teardown(test_, newsroom_setup, newsroom_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUSPICION_TEST(test_failures_and_a_success_are_found_across_restarts),
        SUSPICION_TEST(test_a_finding_grows_and_keeps_the_last_indexes),
        SUSPICION_TEST(test_networks_are_told_apart_and_not_remembered_in_clear),
        SUSPICION_TEST(test_payments_just_below_the_limit_are_structuring),
        SUSPICION_TEST(test_administration_at_night_is_one_finding),
        SUSPICION_TEST(test_what_is_told_says_what_was_found),
        SUSPICION_TEST(test_pages_give_every_finding_once_newest_first),
        SUSPICION_TEST(test_the_list_is_filtered),
        SUSPICION_TEST(test_a_page_token_is_good_for_its_own_query_only),
        SUSPICION_TEST(test_what_is_remembered_is_cleared_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
