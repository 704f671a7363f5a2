// The durable bytes of the witness. A golden file is never refreshed: a difference is a new layout.
#include "services/witness/record.h"
#include "tests/unit/support/unit.h"

static struct status decode(struct bytes record)
{
    struct witness_state state;
    return witness_state_decode(record, &state);
}

static void test_state_v1(void **state)
{
    (void)state;
    static uint8_t bytes[WITNESS_STATE_BYTES_MAX];
    struct witness_state last = {
        .head.size = 7, .time_s = 1679315147, .note = bytes_of_text("signed note\n")};
    memset(last.head.root.bytes, 0x5a, MERKLE_HASH_BYTES);
    struct bytes record = bytes_of(bytes, witness_state_encode(&last, bytes));
    golden_assert("witness", "state_v1.hex", record);
    struct witness_state again;
    assert_status_ok(witness_state_decode(record, &again));
    assert_int_equal(again.head.size, 7);
    assert_int_equal(again.time_s, 1679315147);
    assert_memory_equal(&again.head.root, &last.head.root, MERKLE_HASH_BYTES);
    assert_true(bytes_equal(again.note, last.note));
}

// The note runs to the record's end, so only what cuts into the fixed part is seen as damage; the
// note itself is signed.
static void test_other_bytes_are_refused(void **state)
{
    (void)state;
    static uint8_t bytes[WITNESS_STATE_BYTES_MAX + 1];
    struct witness_state last = {.head.size = 7, .note = bytes_of_text("n")};
    size_t size = witness_state_encode(&last, bytes);
    for (size_t cut = 0; cut < size; cut++)
        assert_refused(decode(bytes_of(bytes, cut)), "RECORD_CORRUPT");
    assert_refused(decode(bytes_of(bytes, sizeof bytes)), "RECORD_CORRUPT");
    bytes[0] = 2;
    assert_refused(decode(bytes_of(bytes, size)), "RECORD_CORRUPT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_v1),
        cmocka_unit_test(test_other_bytes_are_refused),
    };
    return cmocka_run_group_tests_name("witness record", tests, NULL, NULL);
}
