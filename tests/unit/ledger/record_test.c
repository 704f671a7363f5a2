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
        .description = bytes_of_text("hello"),
        .number = 20,
        .created_at_ns = NOW_NS + 9,
        .entry = {{6, 19, 12, {0, 420, 0, u128_of(1, 0)}}, {1, 0, 0, {0, 0, 0, 420}}},
    };
}

/// One with everything that may be present.
static struct ledger_transfer full_transfer(void)
{
    static const uint8_t metadata[] = {2, 1, 'a', 0, 2, 'o', 'n', 1, 'b', 0, 0};
    struct ledger_transfer transfer = sample_transfer();
    transfer.kind = LEDGER_TRANSFER_POST;
    transfer.subject_id = id_of(0xbb);
    transfer.subject_number = 17;
    transfer.subject_previous = 18;
    transfer.timeout_seconds = 3600;
    transfer.user_data_128 = 0x1234;
    transfer.user_data_64 = 0x5678;
    transfer.user_data_32 = 0x9abc;
    transfer.effective_at_ns = NOW_NS - 0x10000;
    transfer.group_id = id_of(0xcc);
    transfer.group_previous = 19;
    transfer.metadata = bytes_of(metadata, sizeof metadata);
    transfer.amount_up_to = 500;
    transfer.not_final = transfer.all_remaining = true;
    transfer.author_id = id_of(0xdd);
    return transfer;
}

static struct status decode_transfer(struct bytes record)
{
    struct ledger_transfer transfer;
    return ledger_transfer_decode(20, record, &transfer);
}

static struct status decode_transfer_300(struct bytes record)
{
    struct ledger_transfer transfer;
    return ledger_transfer_decode(300, record, &transfer);
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
    assert_true(bytes_equal(decoded.description, bytes_of_text("hello")));
    // Distances are told from the number: in the record of another number they may lead nowhere.
    assert_refused(ledger_transfer_decode(8, bytes_of(encoded, size), &decoded), "RECORD_CORRUPT");

    transfer.description = (struct bytes){0};
    size_t plain = ledger_transfer_encode(&transfer, encoded);
    assert_int_equal(plain, size - 2 - strlen("hello")); // What is absent takes no room.
    transfer.amount = U128_MAX;
    plain = ledger_transfer_encode(&transfer, encoded);
    assert_status_ok(ledger_transfer_decode(20, bytes_of(encoded, plain), &decoded));
    assert_true(decoded.amount == U128_MAX);
    encoded[2] = 0x10; // A presence bit that means nothing yet.
    assert_refused(decode_transfer(bytes_of(encoded, plain)), "RECORD_CORRUPT");
}

static void test_a_transfer_with_everything(void **state)
{
    (void)state;
    struct ledger_transfer transfer = full_transfer(), decoded;
    uint8_t encoded[LEDGER_TRANSFER_BYTES_MAX];
    size_t size = ledger_transfer_encode(&transfer, encoded);
    assert_golden("transfer_v1_full.hex", encoded, size, decode_transfer);
    assert_status_ok(ledger_transfer_decode(20, bytes_of(encoded, size), &decoded));
    assert_true(id128_equal(decoded.subject_id, transfer.subject_id));
    assert_int_equal(decoded.subject_number, 17);
    assert_int_equal(decoded.subject_previous, 18);
    assert_int_equal(decoded.timeout_seconds, 3600);
    assert_true(decoded.user_data_128 == 0x1234);
    assert_int_equal(decoded.user_data_64, 0x5678);
    assert_int_equal(decoded.user_data_32, 0x9abc);
    assert_int_equal(decoded.effective_at_ns, NOW_NS - 0x10000);
    assert_true(id128_equal(decoded.group_id, transfer.group_id));
    assert_int_equal(decoded.group_previous, 19);
    assert_true(bytes_equal(decoded.metadata, transfer.metadata));
    assert_true(decoded.amount_up_to == 500);
    assert_true(decoded.not_final && decoded.all_remaining);
    assert_true(id128_equal(decoded.author_id, transfer.author_id));
}

static void test_an_expiry(void **state)
{
    (void)state;
    struct ledger_transfer transfer = sample_transfer();
    transfer.kind = LEDGER_TRANSFER_EXPIRY;
    transfer.code = 0;
    transfer.number = 300;
    transfer.description = (struct bytes){0};
    transfer.subject_id = id_of(0xbb);
    transfer.subject_number = 20;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        transfer.entry[side] = (struct ledger_entry){2, 20, 20, {0}};
    uint8_t encoded[LEDGER_TRANSFER_BYTES_MAX];
    size_t size = ledger_transfer_encode(&transfer, encoded);
    assert_golden("transfer_v1_expiry.hex", encoded, size, decode_transfer_300);
}

// Whatever has a value that is never written, or that fits nothing else, is refused. Offsets are
// those of transfer_v1_full.hex.
static void test_transfers_that_cannot_be(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name;
        size_t offset, size;
        uint8_t with[16];
    } rows[] = {
        {"kind 0",                          1,  1, {0}},
        {"kind 7",                          1,  1, {7}},
        {"POSTED, but it follows another",  1,  1, {1}},
        {"PENDING, but it follows another", 1,  1, {2}},
        {"lower-case currency",            63,  1, {'i'}},
        {"an amount with a leading zero",  67,  1, {0}},
        {"entry 0",                        70,  1, {0}},
        {"a jump that is nearer",          74,  1, {0}},
        {"description not UTF-8",         102,  1, {0xff}},
        {"no subject",                    107, 16, {0}},
        {"a subject beyond the first",    124,  1, {20}},
        {"a follow-up before its subject", 126, 1, {4}},
        {"timeout 0",                     127,  4, {0}},
        {"user_data_128 with a zero",     132,  1, {0}},
        {"user_data_64 0",                134,  8, {0}},
        {"user_data_32 0",                142,  4, {0}},
        {"effective at 0",                146,  8, {0}},
        {"no group",                      154, 16, {0}},
        {"metadata of no pairs",          174,  1, {0}},
        {"metadata, keys that fall",      182,  1, {'a'}},
        {"amount_up_to with a zero",      186,  1, {0}},
        {"flags 0",                       188,  1, {0}},
        {"an unknown flag",               188,  1, {4}},
        {"no author",                     189, 16, {0}},
    };
    // clang-format on
    struct ledger_transfer transfer = full_transfer();
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t encoded[LEDGER_TRANSFER_BYTES_MAX];
        size_t size = ledger_transfer_encode(&transfer, encoded);
        if (memcmp(encoded + rows[i].offset, rows[i].with, rows[i].size) == 0)
            fail_msg("%s: nothing was changed", rows[i].name);
        memcpy(encoded + rows[i].offset, rows[i].with, rows[i].size);
        if (status_ok(decode_transfer(bytes_of(encoded, size))))
            fail_msg("%s: was accepted", rows[i].name);
    }
}

static void test_the_longest_transfer_fits(void **state)
{
    (void)state;
    const struct ledger_totals most = {U128_MAX, U128_MAX, U128_MAX, U128_MAX};
    static char description[LEDGER_DESCRIPTION_BYTES_MAX], value[LEDGER_METADATA_VALUE_BYTES_MAX];
    static char keys[LEDGER_METADATA_KEYS_MAX][LEDGER_METADATA_KEY_BYTES_MAX];
    static uint8_t metadata[LEDGER_METADATA_BYTES_MAX];
    struct ledger_metadata_pair pairs[LEDGER_METADATA_KEYS_MAX];
    memset(description, 'x', sizeof description);
    memset(value, 'x', sizeof value);
    for (size_t i = 0; i < ROWS(pairs); i++) {
        memset(keys[i], 'a' + (int)i, sizeof keys[i]);
        pairs[i] = (struct ledger_metadata_pair){bytes_of(keys[i], sizeof keys[i]),
                                                 bytes_of(value, sizeof value)};
    }
    size_t metadata_size;
    assert_true(ledger_metadata_encode(pairs, ROWS(pairs), metadata, &metadata_size));
    assert_int_equal(metadata_size, LEDGER_METADATA_BYTES_MAX);

    struct ledger_transfer transfer = full_transfer();
    transfer.number = UINT64_MAX;
    transfer.amount = transfer.amount_up_to = transfer.user_data_128 = U128_MAX;
    memcpy(transfer.currency, "ABCDEFGHIJ", 11);
    transfer.subject_number = transfer.group_previous = 1;
    transfer.subject_previous = 2;
    transfer.description = bytes_of(description, sizeof description);
    transfer.metadata = bytes_of(metadata, metadata_size);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        transfer.entry[side] = (struct ledger_entry){UINT64_MAX, 2, 1, most};
    uint8_t *encoded = malloc(LEDGER_TRANSFER_BYTES_MAX);
    assert_non_null(encoded);
    size_t size = ledger_transfer_encode(&transfer, encoded);
    assert_int_equal(size, LEDGER_TRANSFER_BYTES_MAX); // The bound is exact.
    struct ledger_transfer decoded;
    assert_status_ok(ledger_transfer_decode(UINT64_MAX, bytes_of(encoded, size), &decoded));
    assert_true(bytes_equal(decoded.description, transfer.description));
    free(encoded);
}

// ---- Metadata -----------------------------------------------------------------------------------

static struct ledger_metadata_pair pair(const char *key, const char *value)
{
    return (struct ledger_metadata_pair){bytes_of_text(key), bytes_of_text(value)};
}

static void test_metadata_is_sorted(void **state)
{
    (void)state;
    struct ledger_metadata_pair pairs[] = {pair("b", ""), pair("ab", "2"), pair("a", "1")},
                                read[16];
    static uint8_t encoded[LEDGER_METADATA_BYTES_MAX];
    size_t size, count;
    assert_true(ledger_metadata_encode(pairs, ROWS(pairs), encoded, &size));
    const uint8_t expected[] = {3, 1, 'a', 0, 1, '1', 2, 'a', 'b', 0, 1, '2', 1, 'b', 0, 0};
    assert_true(bytes_equal(bytes_of(encoded, size), bytes_of(expected, sizeof expected)));
    assert_true(ledger_metadata_decode(bytes_of(encoded, size), read, &count));
    assert_int_equal(count, 3);
    assert_true(bytes_equal(read[1].key, bytes_of_text("ab")));
    assert_true(bytes_equal(read[1].value, bytes_of_text("2")));
    for (size_t cut = 1; cut < size; cut++)
        assert_false(ledger_metadata_decode(bytes_of(encoded, cut), read, &count));

    assert_true(ledger_metadata_encode(pairs, 0, encoded, &size));
    assert_int_equal(size, 0);
    assert_true(ledger_metadata_decode((struct bytes){0}, read, &count));
    assert_int_equal(count, 0);
}

static void test_metadata_that_cannot_be(void **state)
{
    (void)state;
    static char long_key[LEDGER_METADATA_KEY_BYTES_MAX + 2];
    static char long_value[LEDGER_METADATA_VALUE_BYTES_MAX + 2];
    memset(long_key, 'k', sizeof long_key - 1);
    memset(long_value, 'v', sizeof long_value - 1);

    const struct {
        const char *name;
        struct ledger_metadata_pair pairs[2];
    } rows[] = {
        {"an empty key", {pair("", "1"), pair("b", "2")}},
        {"a key twice", {pair("a", "1"), pair("a", "2")}},
        {"a key too long", {pair(long_key, "1"), pair("b", "2")}},
        {"a value too long", {pair("a", long_value), pair("b", "2")}},
        {"a key not UTF-8", {pair("\xff", "1"), pair("b", "2")}},
        {"a value not UTF-8", {pair("a", "\xc0\x80"), pair("b", "2")}},
    };

    static uint8_t encoded[LEDGER_METADATA_BYTES_MAX];
    size_t size;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_metadata_pair pairs[2] = {rows[i].pairs[0], rows[i].pairs[1]};
        if (ledger_metadata_encode(pairs, 2, encoded, &size))
            fail_msg("%s: was accepted", rows[i].name);
    }
    struct ledger_metadata_pair many[LEDGER_METADATA_KEYS_MAX + 1];
    char names[ROWS(many)][2];
    for (size_t i = 0; i < ROWS(many); i++) {
        names[i][0] = (char)('a' + i);
        names[i][1] = '\0';
        many[i] = pair(names[i], "");
    }
    assert_false(ledger_metadata_encode(many, ROWS(many), encoded, &size));
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
    static struct ledger_details details;
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
    static uint8_t encoded[LEDGER_DETAILS_BYTES_MAX];
    static const struct ledger_details details = {.name = "Everyday"};
    size_t size = ledger_state_encode(&(struct ledger_state){NOW_NS + 9, 20, 7}, encoded);
    assert_golden("state_v1.hex", encoded, size, decode_state);
    size = ledger_details_encode(&details, encoded);
    assert_golden("details_v1.hex", encoded, size, decode_details);
    size = ledger_profile_encode(&(struct ledger_profile){.tier = "T2",
                                                          .debit_freeze = true,
                                                          .tier_version = 3,
                                                          .version = 4,
                                                          .changed_at_ns = NOW_NS + 9},
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

// ---- Since schema version 2 ---------------------------------------------------------------------

static void test_details_with_everything(void **state)
{
    (void)state;
    static const uint8_t metadata[] = {1, 1, 'k', 0, 2, 'v', 'v'};
    static struct ledger_details details = {
        .name = "Everyday",
        .external_ref = "ACC-1",
        .metadata_size = sizeof metadata,
        .freeze = {{NOW_NS + 1, "services/audit!", "court"}, {.since_ns = NOW_NS + 2}},
        .updated_at_ns = NOW_NS + 3,
    };
    static struct ledger_details decoded;
    static uint8_t encoded[LEDGER_DETAILS_BYTES_MAX];
    memcpy(details.metadata, metadata, sizeof metadata);
    size_t size = ledger_details_encode(&details, encoded);
    assert_golden("details_v1_full.hex", encoded, size, decode_details);
    assert_status_ok(ledger_details_decode(bytes_of(encoded, size), &decoded));
    assert_string_equal(decoded.external_ref, "ACC-1");
    assert_string_equal(decoded.freeze[LEDGER_DEBIT].reason, "court");
    assert_int_equal(decoded.freeze[LEDGER_CREDIT].since_ns, NOW_NS + 2);
    assert_int_equal(decoded.updated_at_ns, NOW_NS + 3);
    assert_int_equal(decoded.metadata_size, sizeof metadata);
    encoded[2] = 0x40; // A presence bit that means nothing yet.
    assert_refused(decode_details(bytes_of(encoded, size)), "RECORD_CORRUPT");
}

static struct status decode_account_version(struct bytes record)
{
    struct ledger_account_version version;
    return ledger_account_version_decode(3, record, &version);
}

static struct status decode_progress(struct bytes record)
{
    struct ledger_progress progress;
    return ledger_progress_decode(record, &progress);
}

static struct status decode_group(struct bytes record)
{
    struct ledger_group group;
    return ledger_group_decode(record, &group);
}

static void test_versions_progress_and_groups(void **state)
{
    (void)state;
    uint8_t encoded[LEDGER_ACCOUNT_VERSION_BYTES + LEDGER_PROGRESS_BYTES_MAX];
    size_t size = ledger_account_version_encode(
        &(struct ledger_account_version){.version = 3,
                                         .since_ns = NOW_NS + 9,
                                         .no_negative = true,
                                         .closed = true,
                                         .has_min_balance = true,
                                         .has_max_balance = true,
                                         .frozen = {[LEDGER_DEBIT] = true},
                                         .credit_limit = 50,
                                         .min_balance = -10,
                                         .max_balance = (i128)u128_of(2, UINT64_MAX)},
        encoded);
    assert_golden("account_version_v1.hex", encoded, size, decode_account_version);
    encoded[2] = 0x2b; // A minimum without its flag.
    assert_refused(decode_account_version(bytes_of(encoded, size)), "RECORD_CORRUPT");

    size = ledger_progress_encode(
        &(struct ledger_progress){LEDGER_HOLD_OPEN, 300, 5, NOW_NS + 9, 18}, encoded);
    assert_golden("progress_v1.hex", encoded, size, decode_progress);
    encoded[1] = LEDGER_HOLD_EXPIRED + 1;
    assert_refused(decode_progress(bytes_of(encoded, size)), "RECORD_CORRUPT");

    size = ledger_group_encode(&(struct ledger_group){20, 3}, encoded);
    assert_golden("group_v1.hex", encoded, size, decode_group);
}

static void test_a_profile_with_everything(void **state)
{
    (void)state;
    uint8_t encoded[LEDGER_PROFILE_BYTES_MAX];
    struct ledger_profile profile = {.tier = "T2",
                                     .receive_only = true,
                                     .credit_freeze = true,
                                     .tier_version = 3,
                                     .version = 9,
                                     .changed_at_ns = NOW_NS + 9,
                                     .reason = "review",
                                     .own = {{"INR", LEDGER_LIMIT_BALANCE, 10000},
                                             {"POINTS", LEDGER_LIMIT_TRANSFER, 0}},
                                     .own_count = 2},
                          decoded;
    size_t size = ledger_profile_encode(&profile, encoded);
    assert_golden("profile_v1_full.hex", encoded, size, decode_profile);
    assert_status_ok(ledger_profile_decode(id_of(0x11), bytes_of(encoded, size), &decoded));
    assert_int_equal(decoded.version, 9);
    assert_int_equal(decoded.own_count, 2);
    assert_string_equal(decoded.own[1].currency, "POINTS");
    assert_true(decoded.own[0].allowed == 10000);

    // Before kyc has spoken there is no tier.
    size = ledger_profile_encode(&(struct ledger_profile){.version = 2}, encoded);
    assert_status_ok(ledger_profile_decode(id_of(0x11), bytes_of(encoded, size), &decoded));
    assert_string_equal(decoded.tier, "");
    assert_int_equal(decoded.version, 2);
    // The longest there is.
    memset(profile.tier, 'T', sizeof profile.tier - 1);
    memset(profile.reason, 'r', sizeof profile.reason - 1);
    profile.own_count = LEDGER_OWN_LIMITS_MAX;
    for (size_t i = 0; i < profile.own_count; i++)
        profile.own[i] = (struct ledger_own_limit){"ABCDEFGHIJ", LEDGER_LIMIT_BALANCE, U128_MAX};
    size = ledger_profile_encode(&profile, encoded);
    assert_status_ok(ledger_profile_decode(id_of(0x11), bytes_of(encoded, size), &decoded));
}

static struct status decode_totals(struct bytes record)
{
    struct ledger_totals totals;
    return ledger_totals_decode(record, &totals);
}

static struct status decode_checkpoint(struct bytes record)
{
    struct ledger_class_totals rows[2];
    uint64_t number;
    size_t row_count;
    return ledger_checkpoint_decode(record, &number, rows, ROWS(rows), &row_count);
}

static void test_totals_and_checkpoints(void **state)
{
    (void)state;
    uint8_t encoded[256];
    size_t size =
        ledger_totals_encode(&(struct ledger_totals){1, 0x100, 2, u128_of(1, 0)}, encoded);
    assert_golden("totals_v1.hex", encoded, size, decode_totals);

    const struct ledger_class_totals rows[] = {
        {"INR", LEDGER_CLASS_ASSET, {1, 0x100, 0, 0}},
        {"INR", LEDGER_CLASS_LIABILITY, {0, 0, 1, 0x100}},
    };
    struct ledger_class_totals decoded[2];
    uint64_t number;
    size_t row_count;
    assert_true(ledger_checkpoint_bytes(ROWS(rows)) <= sizeof encoded);
    size = ledger_checkpoint_encode(4096, rows, ROWS(rows), encoded);
    assert_golden("checkpoint_v1.hex", encoded, size, decode_checkpoint);
    assert_refused(
        ledger_checkpoint_decode(bytes_of(encoded, size), &number, decoded, 1, &row_count),
        "RECORD_CORRUPT"); // No room for the second.
    assert_status_ok(
        ledger_checkpoint_decode(bytes_of(encoded, size), &number, decoded, 2, &row_count));
    assert_int_equal(number, 4096);
    assert_memory_equal(&decoded[1].totals, &rows[1].totals, sizeof rows[1].totals);
    encoded[21] = LEDGER_CLASS_LIABILITY; // Twice the same row.
    assert_refused(decode_checkpoint(bytes_of(encoded, size)), "RECORD_CORRUPT");
}

static struct status decode_quote(struct bytes record)
{
    struct ledger_quote quote;
    return ledger_quote_decode(id_of(0xff), record, &quote);
}

static void test_quotes(void **state)
{
    (void)state;
    uint8_t encoded[LEDGER_QUOTE_BYTES_MAX];
    struct ledger_quote quote = {.owner_id = id_of(0x11),
                                 .sell_currency = "INR",
                                 .buy_currency = "JPY",
                                 .sell_exponent = 2,
                                 .sell_amount = 10000,
                                 .buy_amount = 177,
                                 .rate_numerator = 355,
                                 .rate_denominator = 200,
                                 .created_at_ns = NOW_NS + 9,
                                 .expires_at_ns = NOW_NS + 0x10009,
                                 .state = LEDGER_QUOTE_OPEN};
    size_t size = ledger_quote_encode(&quote, encoded);
    assert_golden("quote_v1.hex", encoded, size, decode_quote);
    encoded[3] = LEDGER_QUOTE_EXECUTED; // Without accounts.
    assert_refused(decode_quote(bytes_of(encoded, size)), "RECORD_CORRUPT");

    quote.state = LEDGER_QUOTE_EXECUTED;
    quote.owner_id = ID128_NIL;
    quote.debit_account_id = id_of(0x10);
    quote.credit_account_id = id_of(0x20);
    size = ledger_quote_encode(&quote, encoded);
    assert_golden("quote_v1_executed.hex", encoded, size, decode_quote);

    memcpy(quote.sell_currency, "ABCDEFGHIJ", 11);
    memcpy(quote.buy_currency, "ABCDEFGHIJ", 11);
    quote.sell_amount = quote.buy_amount = U128_MAX;
    size = ledger_quote_encode(&quote, encoded);
    assert_int_equal(size, LEDGER_QUOTE_BYTES_MAX); // The bound is exact.
}

static void test_keys(void **state)
{
    (void)state;
    uint8_t key[LEDGER_COUNTERS_KEY_BYTES];
    uint64_t number = 0, expires_at_ns = 0;
    ledger_owner_key_encode(id_of(0x11), 7, key);
    golden_assert("ledger", "owner_key.hex", bytes_of(key, LEDGER_OWNER_KEY_BYTES));
    assert_true(
        ledger_owner_key_decode(bytes_of(key, LEDGER_OWNER_KEY_BYTES), id_of(0x11), &number));
    assert_int_equal(number, 7);
    assert_false(
        ledger_owner_key_decode(bytes_of(key, LEDGER_OWNER_KEY_BYTES), id_of(0x12), &number));
    ledger_counters_key_encode(id_of(0x11), "INR", key);
    golden_assert("ledger", "counters_key.hex", bytes_of(key, sizeof key));
    ledger_account_version_key_encode(id_of(0x10), 3, key);
    golden_assert("ledger", "account_version_key.hex",
                  bytes_of(key, LEDGER_ACCOUNT_VERSION_KEY_BYTES));

    ledger_expiry_key_encode(NOW_NS + 9, 20, key);
    golden_assert("ledger", "expiry_key.hex", bytes_of(key, LEDGER_EXPIRY_KEY_BYTES));
    assert_true(
        ledger_expiry_key_decode(bytes_of(key, LEDGER_EXPIRY_KEY_BYTES), &expires_at_ns, &number));
    assert_int_equal(expires_at_ns, NOW_NS + 9);
    assert_int_equal(number, 20);
    assert_false(ledger_expiry_key_decode(bytes_of(key, LEDGER_EXPIRY_KEY_BYTES - 1),
                                          &expires_at_ns, &number));

    char currency[LEDGER_CURRENCY_BYTES];
    enum ledger_class class;
    ledger_totals_key_encode("INR", LEDGER_CLASS_LIABILITY, key);
    golden_assert("ledger", "totals_key.hex", bytes_of(key, LEDGER_TOTALS_KEY_BYTES));
    assert_true(ledger_totals_key_decode(bytes_of(key, LEDGER_TOTALS_KEY_BYTES), currency, &class));
    assert_string_equal(currency, "INR");
    assert_int_equal(class, LEDGER_CLASS_LIABILITY);
    key[LEDGER_TOTALS_KEY_BYTES - 1] = LEDGER_CLASS_END;
    assert_false(
        ledger_totals_key_decode(bytes_of(key, LEDGER_TOTALS_KEY_BYTES), currency, &class));
}

static struct status decode_trace(struct bytes record)
{
    uint64_t number;
    return ledger_trace_decode(record, &number);
}

static void test_approvals_and_payees(void **state)
{
    (void)state;
    uint8_t record[LEDGER_TRACE_BYTES], key[LEDGER_PAYEE_KEY_BYTES];
    struct id128 id = ID128_NIL, account_id = ID128_NIL;
    uint64_t number = 0, expires_at_s = 0;
    size_t size = ledger_trace_encode(20, record);
    assert_golden("trace_v1.hex", record, size, decode_trace);
    assert_status_ok(ledger_trace_decode(bytes_of(record, size), &number));
    assert_int_equal(number, 20);
    record[size - 1] = 0; // Nothing came of transfer 0.
    assert_refused(decode_trace(bytes_of(record, size)), "RECORD_CORRUPT");

    ledger_burnt_key_encode(1800000120, id_of(0x22), key);
    golden_assert("ledger", "burnt_key.hex", bytes_of(key, LEDGER_BURNT_KEY_BYTES));
    assert_true(ledger_burnt_key_decode(bytes_of(key, LEDGER_BURNT_KEY_BYTES), &expires_at_s, &id));
    assert_int_equal(expires_at_s, 1800000120);
    assert_true(id128_equal(id, id_of(0x22)));
    assert_false(
        ledger_burnt_key_decode(bytes_of(key, LEDGER_BURNT_KEY_BYTES - 1), &expires_at_s, &id));

    ledger_payee_key_encode(id_of(0x11), id_of(0x20), key);
    golden_assert("ledger", "payee_key.hex", bytes_of(key, LEDGER_PAYEE_KEY_BYTES));
    assert_true(ledger_payee_key_decode(bytes_of(key, LEDGER_PAYEE_KEY_BYTES), &id, &account_id));
    assert_true(id128_equal(id, id_of(0x11)) && id128_equal(account_id, id_of(0x20)));
    assert_false(
        ledger_payee_key_decode(bytes_of(key, LEDGER_PAYEE_KEY_BYTES - 1), &id, &account_id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_accounts_that_cannot_be),
        cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_a_transfer_with_everything),
        cmocka_unit_test(test_an_expiry),
        cmocka_unit_test(test_transfers_that_cannot_be),
        cmocka_unit_test(test_the_longest_transfer_fits),
        cmocka_unit_test(test_metadata_is_sorted),
        cmocka_unit_test(test_metadata_that_cannot_be),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_small_records),
        cmocka_unit_test(test_details_with_everything),
        cmocka_unit_test(test_versions_progress_and_groups),
        cmocka_unit_test(test_a_profile_with_everything),
        cmocka_unit_test(test_totals_and_checkpoints),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_approvals_and_payees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
