// The durable bytes of consumers.
#include "services/audit/record_consumer.h"
#include "tests/unit/support/unit.h"

static struct status decode(struct bytes record)
{
    struct audit_consumer consumer;
    return audit_consumer_decode(record, &consumer);
}

static struct audit_consumer model(void)
{
    return (struct audit_consumer){.id = id_of(5),
                                   .created_at_ns = 0xabcd,
                                   .ack_wait_ms = 30000,
                                   .start = AUDIT_START_TIME,
                                   .start_value = 0xbeef,
                                   .acknowledged = 0x102,
                                   .redeliveries = 3,
                                   .owner = bytes_of_text("services/risk"),
                                   .filter = {.type_count = 2,
                                              .types = {bytes_of_text("ledger.transfer.*"),
                                                        bytes_of_text("kyc.case.submitted")},
                                              .actor = bytes_of_text("users/abc"),
                                              .outcome = bytes_of_text("refused")}};
}

static void test_a_consumer_is_these_bytes(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_CONSUMER_BYTES_MAX];
    struct audit_consumer consumer = model(), again;
    size_t size = audit_consumer_encode(&consumer, bytes);
    golden_assert_record("audit", "consumer_v1.hex", bytes_of(bytes, size), decode,
                         "RECORD_CORRUPT");
    assert_status_ok(audit_consumer_decode(bytes_of(bytes, size), &again));
    assert_true(audit_consumer_is_same(&consumer, &again));
    assert_true(id128_equal(again.id, consumer.id));
    assert_int_equal(again.created_at_ns, 0xabcd);
    assert_int_equal(again.acknowledged, 0x102);
    assert_int_equal(again.redeliveries, 3);
}

static void test_the_largest_consumer_fits(void **state)
{
    (void)state;
    static const char text[AUDIT_STREAM_TEXT_BYTES_MAX] = {'x'};
    uint8_t bytes[AUDIT_CONSUMER_BYTES_MAX];
    struct audit_consumer consumer = model(), again;
    consumer.owner = bytes_of(text, AUDIT_CONSUMER_OWNER_BYTES_MAX);
    consumer.filter.actor = consumer.filter.resource = bytes_of(text, sizeof text);
    consumer.filter.outcome = bytes_of(text, AUDIT_STREAM_OUTCOME_BYTES_MAX);
    consumer.filter.type_count = AUDIT_STREAM_TYPES_MAX;
    for (size_t i = 0; i < AUDIT_STREAM_TYPES_MAX; i++)
        consumer.filter.types[i] = bytes_of(text, AUDIT_TYPE_PATTERN_BYTES_MAX);
    size_t size = audit_consumer_encode(&consumer, bytes);
    assert_status_ok(audit_consumer_decode(bytes_of(bytes, size), &again));
    assert_true(audit_consumer_is_same(&consumer, &again));
}

static void test_what_no_consumer_says_is_damage(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_CONSUMER_BYTES_MAX];
    struct audit_consumer consumer = model();
    consumer.id = ID128_NIL;
    assert_refused(decode(bytes_of(bytes, audit_consumer_encode(&consumer, bytes))),
                   "RECORD_CORRUPT");
    consumer = model();
    consumer.owner = bytes_of("", 0);
    assert_refused(decode(bytes_of(bytes, audit_consumer_encode(&consumer, bytes))),
                   "RECORD_CORRUPT");
    consumer = model();
    consumer.start = (enum audit_consumer_start)5;
    assert_refused(decode(bytes_of(bytes, audit_consumer_encode(&consumer, bytes))),
                   "RECORD_CORRUPT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_consumer_is_these_bytes),
        cmocka_unit_test(test_the_largest_consumer_fits),
        cmocka_unit_test(test_what_no_consumer_says_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
