// The durable bytes of reports and notifications. A golden file is never refreshed: a difference is
// a new layout version.
#include "services/audit/record_inbox.h"
#include "services/audit/record_report.h"
#include "tests/unit/support/unit.h"

#define USER "users/01890000-0000-7000-8000-000000000001"

static void assert_golden(const char *file, struct bytes encoded, golden_decode decode)
{
    golden_assert_record("audit", file, encoded, decode, "RECORD_CORRUPT");
}

// ---- Counts --------------------------------------------------------------------------------

static struct status decode_count_key(struct bytes key)
{
    struct audit_count_key decoded;
    return audit_count_key_decode(key, &decoded);
}

static void test_count_keys_are_these_bytes(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_COUNT_KEY_BYTES_MAX];
    const struct audit_count_key key = {.hour = 0x78b0d,
                                        .action = bytes_of_text("auth.login.failed"),
                                        .outcome = bytes_of_text("refused")};
    struct audit_count_key again;
    struct bytes encoded = audit_count_key_encode(&key, bytes);
    golden_assert_key("audit", "count_key.hex", encoded, decode_count_key, "RECORD_CORRUPT");
    assert_status_ok(audit_count_key_decode(encoded, &again));
    assert_int_equal(again.hour, key.hour);
    assert_true(bytes_equal(again.action, key.action));
    assert_true(bytes_equal(again.outcome, key.outcome));
}

static struct status decode_count(struct bytes record)
{
    uint64_t count;
    return audit_count_decode(record, &count);
}

static void test_count_v1(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_COUNT_BYTES];
    uint64_t count = 0;
    struct bytes record = audit_count_encode(258, bytes);
    assert_golden("count_v1.hex", record, decode_count);
    assert_status_ok(audit_count_decode(record, &count));
    assert_int_equal(count, 258);
}

// ---- Suspicion -----------------------------------------------------------------------------

static struct status decode_watch(struct bytes record)
{
    struct audit_watch watch;
    return audit_watch_decode(record, &watch);
}

static void test_watch_v1(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_WATCH_BYTES_MAX];
    struct audit_watch again, watch = {.last_ns = 0x11,
                                       .finding_id = 2,
                                       .finding_ns = 0x10,
                                       .is_known = true,
                                       .sighting_count = 2,
                                       .sightings = {{0x0f, 6}, {0x11, 7}},
                                       .network_count = 1};
    memset(watch.networks[0], 0xa5, AUDIT_NETWORK_BYTES);
    size_t size = audit_watch_encode(&watch, bytes);
    assert_golden("watch_v1.hex", bytes_of(bytes, size), decode_watch);
    assert_status_ok(audit_watch_decode(bytes_of(bytes, size), &again));
    assert_memory_equal(&again, &watch, sizeof watch);
    golden_assert("audit", "watch_key.hex",
                  audit_watch_key(AUDIT_RULE_STRUCTURING, bytes_of_text(USER), bytes));
}

static struct status decode_finding(struct bytes record)
{
    struct audit_finding finding = {0};
    return audit_finding_decode(record, &finding);
}

static void test_finding_v1(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_FINDING_BYTES_MAX];
    const struct audit_finding finding = {.rule = AUDIT_RULE_REVEAL_BURST,
                                          .first_ns = 0x10,
                                          .last_ns = 0x20,
                                          .count = 21,
                                          .subject = bytes_of_text("users/x"),
                                          .index_count = 2,
                                          .indexes = {5, 9}};
    struct audit_finding again = {.id = 77};
    size_t size = audit_finding_encode(&finding, bytes);
    assert_golden("finding_v1.hex", bytes_of(bytes, size), decode_finding);
    assert_status_ok(audit_finding_decode(bytes_of(bytes, size), &again));
    assert_int_equal(again.id, 77);
    assert_int_equal(again.rule, finding.rule);
    assert_int_equal(again.first_ns, finding.first_ns);
    assert_int_equal(again.last_ns, finding.last_ns);
    assert_int_equal(again.count, finding.count);
    assert_true(bytes_equal(again.subject, finding.subject));
    assert_int_equal(again.index_count, 2);
    assert_int_equal(again.indexes[1], 9);
}

// ---- Notifications -------------------------------------------------------------------------

static struct status decode_notice(struct bytes record)
{
    struct audit_notice notice = {0};
    return audit_notice_decode(record, &notice);
}

static void test_notice_v1(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_NOTICE_BYTES_MAX];
    const struct audit_notice notice = {.kind = AUDIT_NOTICE_MONEY_IN,
                                        .is_read = true,
                                        .time_ns = 0x0102,
                                        .currency = "INR",
                                        .amount = u128_of(1, 2),
                                        .word = bytes_of_text("T2"),
                                        .resource = bytes_of_text("transfers/x")};
    struct audit_notice again = {.index = 77};
    size_t size = audit_notice_encode(&notice, bytes);
    assert_golden("notice_v1.hex", bytes_of(bytes, size), decode_notice);
    assert_status_ok(audit_notice_decode(bytes_of(bytes, size), &again));
    assert_int_equal(again.index, 77);
    assert_int_equal(again.kind, notice.kind);
    assert_true(again.is_read);
    assert_int_equal(again.time_ns, notice.time_ns);
    assert_string_equal(again.currency, "INR");
    assert_true(again.amount == notice.amount);
    assert_true(bytes_equal(again.word, notice.word));
    assert_true(bytes_equal(again.resource, notice.resource));
}

static void test_inbox_keys_give_their_index_to_their_user_only(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_INBOX_KEY_BYTES];
    uint64_t index = 0;
    struct id128 mine = id_of(1), another = id_of(2);
    struct bytes key = audit_inbox_key(mine, 9, bytes);
    golden_assert("audit", "inbox_key.hex", key);
    assert_true(audit_inbox_key_decode(key, mine, &index));
    assert_int_equal(index, 9);
    assert_false(audit_inbox_key_decode(key, another, &index));
    assert_false(audit_inbox_key_decode(id128_bytes(&mine), mine, &index)); // Of the counts.
}

static struct status decode_counts(struct bytes record)
{
    struct audit_inbox_counts counts;
    return audit_inbox_counts_decode(record, &counts);
}

static void test_inbox_counts_v1(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_INBOX_COUNTS_BYTES];
    struct audit_inbox_counts counts = {.unread = 2, .total = 3}, again;
    struct bytes record = audit_inbox_counts_encode(&counts, bytes);
    assert_golden("inbox_counts_v1.hex", record, decode_counts);
    assert_status_ok(audit_inbox_counts_decode(record, &again));
    assert_int_equal(again.unread, 2);
    assert_int_equal(again.total, 3);
    // More unread ones than there are.
    counts.unread = 4;
    assert_refused(audit_inbox_counts_decode(audit_inbox_counts_encode(&counts, bytes), &again),
                   "RECORD_CORRUPT");
}

static struct status decode_owner(struct bytes record)
{
    struct id128 owner_id;
    return audit_owner_decode(record, &owner_id);
}

static void test_owner_v1(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_OWNER_BYTES];
    struct id128 again;
    struct bytes record = audit_owner_encode(id_of(0x5a), bytes);
    assert_golden("owner_v1.hex", record, decode_owner);
    assert_status_ok(audit_owner_decode(record, &again));
    assert_true(id128_equal(again, id_of(0x5a)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_keys_are_these_bytes),
        cmocka_unit_test(test_count_v1),
        cmocka_unit_test(test_watch_v1),
        cmocka_unit_test(test_finding_v1),
        cmocka_unit_test(test_notice_v1),
        cmocka_unit_test(test_inbox_keys_give_their_index_to_their_user_only),
        cmocka_unit_test(test_inbox_counts_v1),
        cmocka_unit_test(test_owner_v1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
