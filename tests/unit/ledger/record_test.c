// The durable bytes. A golden file is never refreshed: a difference is a new layout version.
#include "services/ledger/record.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(0x18fae27693b40000)

static void assert_golden(const char *file, const uint8_t *encoded, size_t size,
                          golden_decode decode)
{
    golden_assert_record("ledger", file, bytes_of(encoded, size), decode, "RECORD_CORRUPT");
}

static struct ledger_account sample_account(void)
{
    return (struct ledger_account){
        .id = id_of(0x10),
        .owner_id = id_of(0x11),
        .currency = "INR",
        .exponent = 2,
        .class = LEDGER_CLASS_LIABILITY,
        .kind = LEDGER_KIND_CUSTOMER,
        .no_negative = true,
        .frozen = {[LEDGER_CREDIT] = true},
        .frozen_until_ns = {[LEDGER_CREDIT] = NOW_NS + 0x10000},
        .number = 7,
        .version = 3,
        .created_at_ns = NOW_NS,
        .changed_at_ns = NOW_NS + 9,
        .totals = {1, 0x100, 2, u128_of(1, 0)},
        .credit_limit = 50,
        .has_max_balance = true,
        .max_balance = (i128)u128_of(2, UINT64_MAX),
        .head = {5, {20, 19, 12, 0}},
    };
}

static struct status decode_account(struct bytes record)
{
    struct ledger_account account;
    return ledger_account_decode(id_of(0x10), record, &account);
}

static void test_account(void **state)
{
    (void)state;
    struct ledger_account account = sample_account(), decoded;
    uint8_t encoded[LEDGER_ACCOUNT_BYTES];
    size_t size = ledger_account_encode(&account, encoded);
    assert_golden("account_v1.hex", encoded, size, decode_account);
    assert_status_ok(ledger_account_decode(account.id, bytes_of(encoded, size), &decoded));
    assert_string_equal(decoded.currency, "INR");
    assert_true(decoded.loaded.credits_posted == account.totals.credits_posted);
    uint8_t again[LEDGER_ACCOUNT_BYTES];
    ledger_account_encode(&decoded, again);
    assert_memory_equal(again, encoded, size);
}

static void test_accounts_that_cannot_be(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name;
        size_t offset;
        uint8_t value;
    } rows[] = {
        {"class 0",                        1, 0},
        {"class 6",                        1, 6},
        {"kind 0",                         2, 0},
        {"kind SYSTEM with an owner",      2, 2},
        {"exponent 19",                    3, 19},
        {"an unknown flag",                4, 1},
        {"a flag less: a maximum without", 5, 0x05},
        {"lower case",                     6, 'i'},
        {"bytes behind the currency",     15, 'X'},
        {"a NUL in the currency",          7, 0},
        {"number 0",                      39, 0},
        {"version 0",                     47, 0},
        {"debits frozen until, not frozen", 71, 1},
        {"a total beyond the maximum",   128, 0x80},
        {"a credit limit beyond it",     144, 0x80},
        {"a minimum without its flag",   175, 1},
        {"no entries, but a newest",     199, 0},
        {"a jump that is not earlier",   215, 20},
        {"a link behind an unknown one", 231, 1},
    };
    // clang-format on
    struct ledger_account account = sample_account();
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t encoded[LEDGER_ACCOUNT_BYTES];
        ledger_account_encode(&account, encoded);
        encoded[rows[i].offset] = rows[i].value;
        struct status status = decode_account(bytes_of(encoded, sizeof encoded));
        if (status_ok(status)) fail_msg("%s: was accepted", rows[i].name);
        assert_int_equal(status.code, STATUS_DATA_LOSS);
    }
}

static struct ledger_transfer sample_transfer(void)
{
    return (struct ledger_transfer){
        .id = id_of(0xaa),
        .account_id = {id_of(0x10), id_of(0x20)},
        .amount = 420,
        .currency = "INR",
        .code = 7,
        .kind = LEDGER_TRANSFER_POSTED,
        .description = "hello",
        .number = 20,
        .created_at_ns = NOW_NS + 9,
        .entry = {{6, 19, 12, {0, 420, 0, u128_of(1, 0)}}, {1, 0, 0, {0, 0, 0, 420}}},
    };
}

static struct status decode_transfer(struct bytes record)
{
    struct ledger_transfer transfer;
    return ledger_transfer_decode(20, record, &transfer);
}

static void test_transfer(void **state)
{
    (void)state;
    struct ledger_transfer transfer = sample_transfer(), decoded;
    uint8_t encoded[LEDGER_TRANSFER_BYTES_MAX];
    size_t size = ledger_transfer_encode(&transfer, encoded);
    assert_golden("transfer_v1.hex", encoded, size, decode_transfer);
    assert_status_ok(ledger_transfer_decode(20, bytes_of(encoded, size), &decoded));
    assert_int_equal(decoded.entry[LEDGER_DEBIT].previous, 19);
    assert_int_equal(decoded.entry[LEDGER_DEBIT].jump, 12);
    assert_string_equal(decoded.description, "hello");
    // Distances are told from the number: in the record of another number they may lead nowhere.
    assert_refused(ledger_transfer_decode(8, bytes_of(encoded, size), &decoded), "RECORD_CORRUPT");

    transfer.description[0] = '\0';
    transfer.amount = U128_MAX;
    size_t plain = ledger_transfer_encode(&transfer, encoded);
    assert_status_ok(ledger_transfer_decode(20, bytes_of(encoded, plain), &decoded));
    assert_true(decoded.amount == U128_MAX);
    encoded[3] = 2; // A presence bit that means nothing yet.
    assert_refused(decode_transfer(bytes_of(encoded, plain)), "RECORD_CORRUPT");
}

static void test_the_longest_transfer_fits(void **state)
{
    (void)state;
    const struct ledger_totals most = {U128_MAX, U128_MAX, U128_MAX, U128_MAX};
    struct ledger_transfer transfer = sample_transfer();
    transfer.number = UINT64_MAX;
    transfer.amount = U128_MAX;
    memcpy(transfer.currency, "ABCDEFGHIJ", 11);
    memset(transfer.description, 'x', sizeof transfer.description - 1);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        transfer.entry[side] = (struct ledger_entry){UINT64_MAX, 2, 1, most};
    uint8_t *encoded = malloc(LEDGER_TRANSFER_BYTES_MAX);
    assert_non_null(encoded);
    size_t size = ledger_transfer_encode(&transfer, encoded);
    struct ledger_transfer decoded;
    assert_status_ok(ledger_transfer_decode(UINT64_MAX, bytes_of(encoded, size), &decoded));
    assert_string_equal(decoded.description, transfer.description);
    free(encoded);
}

static struct status decode_id(struct bytes record)
{
    struct ledger_id_entry entry;
    return ledger_id_entry_decode(record, &entry);
}

static void test_ids(void **state)
{
    (void)state;
    uint8_t encoded[LEDGER_ID_ENTRY_BYTES_MAX];
    size_t size = ledger_id_entry_encode(&(struct ledger_id_entry){.number = 20}, encoded);
    assert_golden("id_transfer_v1.hex", encoded, size, decode_id);
    size = ledger_id_entry_encode(
        &(struct ledger_id_entry){.is_failed = true, .reason = LEDGER_INSUFFICIENT_FUNDS}, encoded);
    assert_golden("id_failed_v1.hex", encoded, size, decode_id);
    for (enum ledger_reason reason = 0; reason < LEDGER_REASON_COUNT; reason++) {
        struct ledger_id_entry entry = {.is_failed = true, .reason = reason}, decoded;
        size = ledger_id_entry_encode(&entry, encoded);
        assert_status_ok(ledger_id_entry_decode(bytes_of(encoded, size), &decoded));
        assert_int_equal(decoded.reason, reason);
    }
}

static struct status decode_state(struct bytes record)
{
    struct ledger_state decoded;
    return ledger_state_decode(record, &decoded);
}

static struct status decode_details(struct bytes record)
{
    struct ledger_details details;
    return ledger_details_decode(record, &details);
}

static struct status decode_profile(struct bytes record)
{
    struct ledger_profile profile;
    return ledger_profile_decode(id_of(0x11), record, &profile);
}

static struct status decode_counters(struct bytes record)
{
    struct ledger_counters counters;
    return ledger_counters_decode(record, &counters);
}

static struct status decode_currency(struct bytes record)
{
    struct ledger_currency currency;
    return ledger_currency_decode(bytes_of_text("POINTS"), record, &currency);
}

static struct status decode_cursor(struct bytes record)
{
    struct ledger_cursor cursor;
    return ledger_cursor_decode(record, &cursor);
}

static void test_small_records(void **state)
{
    (void)state;
    uint8_t encoded[512];
    size_t size = ledger_state_encode(&(struct ledger_state){NOW_NS + 9, 20, 7}, encoded);
    assert_golden("state_v1.hex", encoded, size, decode_state);
    size = ledger_details_encode(&(struct ledger_details){"Everyday"}, encoded);
    assert_golden("details_v1.hex", encoded, size, decode_details);
    size = ledger_profile_encode(
        &(struct ledger_profile){
            .tier = "T2", .debit_freeze = true, .version = 3, .changed_at_ns = NOW_NS + 9},
        encoded);
    assert_golden("profile_v1.hex", encoded, size, decode_profile);
    size =
        ledger_counters_encode(&(struct ledger_counters){.period = {20778, 2026 * 12 + 11, 2026},
                                                         .sum = {{1, 2, 3}, {4, 5, u128_of(1, 0)}},
                                                         .balance = -5},
                               encoded);
    assert_golden("counters_v1.hex", encoded, size, decode_counters);
    size =
        ledger_currency_encode(&(struct ledger_currency){"POINTS", 3, "Loyalty points"}, encoded);
    assert_golden("currency_v1.hex", encoded, size, decode_currency);
    size = ledger_cursor_encode(&(struct ledger_cursor){0xabcd, 0x102}, encoded);
    assert_golden("cursor_v1.hex", encoded, size, decode_cursor);
}

static void test_keys(void **state)
{
    (void)state;
    uint8_t key[LEDGER_COUNTERS_KEY_BYTES];
    uint64_t number = 0;
    ledger_owner_key_encode(id_of(0x11), 7, key);
    golden_assert("ledger", "owner_key.hex", bytes_of(key, LEDGER_OWNER_KEY_BYTES));
    assert_true(
        ledger_owner_key_decode(bytes_of(key, LEDGER_OWNER_KEY_BYTES), id_of(0x11), &number));
    assert_int_equal(number, 7);
    assert_false(
        ledger_owner_key_decode(bytes_of(key, LEDGER_OWNER_KEY_BYTES), id_of(0x12), &number));
    ledger_counters_key_encode(id_of(0x11), "INR", key);
    golden_assert("ledger", "counters_key.hex", bytes_of(key, sizeof key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),  cmocka_unit_test(test_accounts_that_cannot_be),
        cmocka_unit_test(test_transfer), cmocka_unit_test(test_the_longest_transfer_fits),
        cmocka_unit_test(test_ids),      cmocka_unit_test(test_small_records),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
