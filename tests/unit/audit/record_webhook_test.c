// The durable bytes of webhooks and their messages. A golden file is never refreshed: a difference
// is a new layout version.
#include "services/audit/record_webhook.h"
#include "tests/unit/support/unit.h"

enum { SEALED_BYTES = AUDIT_WEBHOOK_SECRET_BYTES + SEAL_OVERHEAD_BYTES };

static uint8_t sealed[SEALED_BYTES], old_sealed[SEALED_BYTES];

static struct status decode_webhook(struct bytes record)
{
    struct audit_webhook webhook;
    return audit_webhook_decode(record, &webhook);
}

static struct status decode_progress(struct bytes record)
{
    struct audit_webhook_progress progress;
    return audit_webhook_progress_decode(record, &progress);
}

static struct status decode_delivery(struct bytes record)
{
    struct audit_delivery delivery;
    return audit_delivery_decode(record, &delivery);
}

static void assert_golden(const char *file, const uint8_t *bytes, size_t size, golden_decode decode)
{
    golden_assert_record("audit", file, bytes_of(bytes, size), decode, "RECORD_CORRUPT");
}

static struct audit_webhook make_webhook(void)
{
    memset(sealed, 0x5e, sizeof sealed);
    memset(old_sealed, 0x01, sizeof old_sealed);
    return (struct audit_webhook){
        .is_on = AUDIT_WEBHOOK_ON,
        .created_at_ns = 0x18fae27693b40000,
        .version = 1,
        .sealed_secret = bytes_of(sealed, sizeof sealed),
        .url = bytes_of_text("https://erp.example.com/florin"),
    };
}

static void test_keys_are_these_bytes(void **state)
{
    uint8_t key[AUDIT_DUE_KEY_BYTES];
    (void)state;
    golden_assert("audit", "webhook_key.hex",
                  audit_webhook_key(AUDIT_WEBHOOK_DEFINITION, id_of(0x11), key));
    golden_assert("audit", "webhook_progress_key.hex",
                  audit_webhook_key(AUDIT_WEBHOOK_PROGRESS, id_of(0x11), key));
    golden_assert("audit", "delivery_key.hex", audit_delivery_key(id_of(0x11), 7, key));
    golden_assert("audit", "due_key.hex", audit_due_key(id_of(0x11), 0x18fae27693b40000, 7, key));
}

static void test_keys_are_read_for_their_own_webhook_only(void **state)
{
    uint8_t bytes[AUDIT_DUE_KEY_BYTES];
    struct id128 id;
    uint64_t at_ns, index;
    (void)state;
    struct bytes key = audit_webhook_key(AUDIT_WEBHOOK_PROGRESS, id_of(1), bytes);
    assert_true(audit_webhook_key_decode(key, AUDIT_WEBHOOK_PROGRESS, &id));
    assert_true(id128_equal(id, id_of(1)));
    assert_false(audit_webhook_key_decode(key, AUDIT_WEBHOOK_DEFINITION, &id));
    key.size--;
    assert_false(audit_webhook_key_decode(key, AUDIT_WEBHOOK_PROGRESS, &id));

    key = audit_delivery_key(id_of(1), 7, bytes);
    assert_true(audit_delivery_key_decode(key, id_of(1), &index));
    assert_int_equal(index, 7);
    assert_false(audit_delivery_key_decode(key, id_of(2), &index));
    key.size--;
    assert_false(audit_delivery_key_decode(key, id_of(1), &index));

    key = audit_due_key(id_of(1), 9, 8, bytes);
    assert_true(audit_due_key_decode(key, id_of(1), &at_ns, &index));
    assert_int_equal(at_ns, 9);
    assert_int_equal(index, 8);
    assert_false(audit_due_key_decode(key, id_of(2), &at_ns, &index));
    key.size--;
    assert_false(audit_due_key_decode(key, id_of(1), &at_ns, &index));
}

static void test_webhooks(void **state)
{
    static uint8_t record[AUDIT_WEBHOOK_RECORD_BYTES_MAX];
    struct audit_webhook webhook = make_webhook(), read;
    (void)state;
    assert_golden("webhook_v1.hex", record, audit_webhook_encode(&webhook, record), decode_webhook);

    webhook.is_on = AUDIT_WEBHOOK_FAILING;
    webhook.version = 0x0102;
    webhook.old_secret_until_ns = 0x18fae27693b40001;
    webhook.sealed_old_secret = bytes_of(old_sealed, sizeof old_sealed);
    webhook.description = bytes_of_text("ERP");
    webhook.created_by = bytes_of_text("users/x");
    webhook.types[0] = bytes_of_text("ledger.transfer.*");
    webhook.types[1] = bytes_of_text("kyc.case.decided");
    webhook.type_count = 2;
    size_t size = audit_webhook_encode(&webhook, record);
    assert_golden("webhook_v1_full.hex", record, size, decode_webhook);
    assert_status_ok(audit_webhook_decode(bytes_of(record, size), &read));
    assert_int_equal(read.is_on, AUDIT_WEBHOOK_FAILING);
    assert_int_equal(read.type_count, 2);
    assert_true(bytes_equal(read.types[1], webhook.types[1]));
    assert_true(bytes_equal(read.sealed_old_secret, webhook.sealed_old_secret));
    assert_true(bytes_equal(read.url, webhook.url));
}

static void test_the_largest_webhook_fits(void **state)
{
    static uint8_t record[AUDIT_WEBHOOK_RECORD_BYTES_MAX];
    static char url[AUDIT_WEBHOOK_URL_BYTES_MAX + 1], text[AUDIT_WEBHOOK_TEXT_BYTES_MAX + 1],
        type[AUDIT_WEBHOOK_TYPE_BYTES_MAX + 1];
    struct audit_webhook webhook = make_webhook();
    (void)state;
    memset(url, 'a', sizeof url - 1);
    memset(text, 'a', sizeof text - 1);
    memset(type, 'a', sizeof type - 1);
    webhook.sealed_old_secret = bytes_of(old_sealed, sizeof old_sealed);
    webhook.url = bytes_of_text(url);
    webhook.description = webhook.created_by = bytes_of_text(text);
    for (size_t i = 0; i < AUDIT_WEBHOOK_TYPES_MAX; i++)
        webhook.types[i] = bytes_of_text(type);
    webhook.type_count = AUDIT_WEBHOOK_TYPES_MAX;
    size_t size = audit_webhook_encode(&webhook, record);
    assert_int_equal(size, AUDIT_WEBHOOK_RECORD_BYTES_MAX);
    assert_status_ok(decode_webhook(bytes_of(record, size)));
}

static void test_progress(void **state)
{
    uint8_t record[AUDIT_WEBHOOK_PROGRESS_BYTES];
    struct audit_webhook_progress progress = {.is_dropping = true,
                                              .next_index = 0x0101,
                                              .replay_next = 5,
                                              .replay_to = 9,
                                              .failing_since_ns = 0x18fae27693b40000,
                                              .tests = 3,
                                              .waiting = 17,
                                              .ended = 10000};
    (void)state;
    size_t size = audit_webhook_progress_encode(&progress, record);
    assert_int_equal(size, sizeof record);
    assert_golden("webhook_progress_v1.hex", record, size, decode_progress);
    record[2 + 8 + 7] = 10; // The replay's place beyond its end.
    assert_refused(decode_progress(bytes_of(record, size)), "RECORD_CORRUPT");
}

static void test_messages(void **state)
{
    uint8_t record[AUDIT_DELIVERY_RECORD_BYTES_MAX];
    struct audit_delivery waiting = {.state = AUDIT_DELIVERY_WAITING,
                                     .attempts = 2,
                                     .last_attempt_ns = 0x18fae27693b40000,
                                     .next_attempt_ns = 0x18fae27693b40001,
                                     .duration_ms = 15000,
                                     .error = bytes_of_text("Timeout was reached"),
                                     .type = bytes_of_text("kyc.case.decided"),
                                     .source = bytes_of_text("kyc"),
                                     .seq = 0x0203};
    struct audit_delivery ended = {.state = AUDIT_DELIVERY_DELIVERED,
                                   .attempts = 1,
                                   .last_attempt_ns = 0x18fae27693b40000,
                                   .ended_ns = 0x18fae27693b40002,
                                   .http_status = 204,
                                   .duration_ms = 12,
                                   .type = bytes_of_text("webhook.test")};
    (void)state;
    size_t size = audit_delivery_encode(&waiting, record);
    assert_golden("delivery_v1_waiting.hex", record, size, decode_delivery);
    record[1] = AUDIT_DELIVERY_GIVEN_UP; // What has ended is not due, and has ended some time.
    assert_refused(decode_delivery(bytes_of(record, size)), "RECORD_CORRUPT");
    assert_golden("delivery_v1_ended.hex", record, audit_delivery_encode(&ended, record),
                  decode_delivery);
}

static void test_long_texts_of_a_message_are_cut(void **state)
{
    uint8_t record[AUDIT_DELIVERY_RECORD_BYTES_MAX];
    char text[300];
    struct audit_delivery delivery = {.state = AUDIT_DELIVERY_WAITING, .next_attempt_ns = 1}, read;
    (void)state;
    memset(text, 'a', sizeof text);
    delivery.error = delivery.type = delivery.source = bytes_of(text, sizeof text);
    size_t size = audit_delivery_encode(&delivery, record);
    assert_int_equal(size, sizeof record);
    assert_status_ok(audit_delivery_decode(bytes_of(record, size), &read));
    assert_int_equal(read.error.size, AUDIT_DELIVERY_ERROR_BYTES_MAX);
    assert_int_equal(read.type.size, AUDIT_DELIVERY_TYPE_BYTES_MAX);
    assert_int_equal(read.source.size, AUDIT_WEBHOOK_SOURCE_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_these_bytes),
        cmocka_unit_test(test_keys_are_read_for_their_own_webhook_only),
        cmocka_unit_test(test_webhooks),
        cmocka_unit_test(test_the_largest_webhook_fits),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_long_texts_of_a_message_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
