// The log's entries: frozen bytes, the same bytes as protobuf-c gives, and one spelling only.
#include "florin/audit/v1/audit.pb-c.h"
#include "services/audit/entry.h"
#include "tests/unit/support/unit.h"

static uint8_t commitments[3][AUDIT_COMMITMENT_BYTES];

static struct audit_entry sample_entry(void)
{
    memset(commitments[0], 0x11, AUDIT_COMMITMENT_BYTES);
    memset(commitments[1], 0x12, AUDIT_COMMITMENT_BYTES);
    memset(commitments[2], 0x13, AUDIT_COMMITMENT_BYTES);
    return (struct audit_entry){
        .source = bytes_of_text("ledger"),
        .seq = 300,
        .action = bytes_of_text("ledger.transfer.created"),
        .actor = bytes_of_text("users/01890000-0000-7000-8000-000000000001"),
        .resource = bytes_of_text("transfers/01890000-0000-7000-8000-0000000000aa"),
        .outcome = bytes_of_text("refused"),
        .reason = bytes_of_text("INSUFFICIENT_FUNDS"),
        .time_ns = UINT64_C(0x18fae27693b40000),
        .request_id = bytes_of_text("r-1"),
        .traceparent = bytes_of_text("00-a-b-01"),
        .client_ip_commitment = bytes_of(commitments[0], AUDIT_COMMITMENT_BYTES),
        .device_id_commitment = bytes_of(commitments[1], AUDIT_COMMITMENT_BYTES),
        .payload_commitment = bytes_of(commitments[2], AUDIT_COMMITMENT_BYTES),
        .texts_cut = true,
    };
}

static void test_entry_v1_is_these_bytes(void **state)
{
    (void)state;
    static uint8_t encoded[AUDIT_ENTRY_BYTES_MAX];
    struct audit_entry entry = sample_entry(), again;
    struct bytes bytes = bytes_of(encoded, audit_entry_encode(&entry, encoded));
    golden_assert("audit", "entry_v1.hex", bytes);
    assert_status_ok(audit_entry_decode(bytes, &again));
    assert_true(bytes_equal(again.resource, entry.resource));
    assert_int_equal(again.seq, 300);
    assert_int_equal(again.time_ns, entry.time_ns);
    assert_true(again.texts_cut);
}

// Entries with digests, which the first ones did not have: fields behind the last, so that entries
// without them keep their bytes.
static struct audit_entry entry_with_digests(void)
{
    static uint8_t before[HASH_SHA256_BYTES], after[HASH_SHA256_BYTES];
    memset(before, 0x15, sizeof before);
    memset(after, 0x16, sizeof after);
    struct audit_entry entry = sample_entry();
    entry.before_digest = bytes_of(before, sizeof before);
    entry.after_digest = bytes_of(after, sizeof after);
    return entry;
}

static void test_an_entry_with_digests_is_these_bytes(void **state)
{
    (void)state;
    static uint8_t encoded[AUDIT_ENTRY_BYTES_MAX], first[AUDIT_ENTRY_BYTES_MAX];
    struct audit_entry entry = entry_with_digests(), old = sample_entry(), again;
    struct bytes bytes = bytes_of(encoded, audit_entry_encode(&entry, encoded));
    golden_assert("audit", "entry_v1_digests.hex", bytes);
    size_t old_size = audit_entry_encode(&old, first);
    assert_memory_equal(encoded, first, old_size);
    assert_status_ok(audit_entry_decode(bytes, &again));
    assert_true(bytes_equal(again.before_digest, entry.before_digest));
    assert_true(bytes_equal(again.after_digest, entry.after_digest));
}

// ---- protobuf-c as the other implementation ------------------------------------------------

static void test_protobuf_c_reads_and_writes_the_same_bytes(void **state)
{
    (void)state;
    static uint8_t encoded[AUDIT_ENTRY_BYTES_MAX], packed[AUDIT_ENTRY_BYTES_MAX];
    struct audit_entry entries[3] = {sample_entry(), {.seq = 0}, entry_with_digests()};
    entries[1].source = bytes_of_text("auth"); // Nearly everything is left out.
    for (size_t i = 0; i < 3; i++) {
        size_t size = audit_entry_encode(&entries[i], encoded);
        Audit__Entry *message = audit__entry__unpack(NULL, size, encoded);
        assert_non_null(message);
        assert_true(bytes_equal(bytes_of_text(message->source), entries[i].source));
        assert_true(bytes_equal(bytes_of_text(message->actor), entries[i].actor));
        assert_int_equal(message->seq, entries[i].seq);
        assert_int_equal(message->time, entries[i].time_ns);
        assert_int_equal(message->payload_commitment.len, entries[i].payload_commitment.size);
        assert_int_equal(message->after_digest.len, entries[i].after_digest.size);
        assert_int_equal(audit__entry__get_packed_size(message), size);
        assert_int_equal(audit__entry__pack(message, packed), size);
        assert_memory_equal(packed, encoded, size);
        audit__entry__free_unpacked(message, NULL);
    }
}

// ---- One spelling --------------------------------------------------------------------------

// clang-format off
static const struct {
    const char *given, *hex;
    bool is_good;
} spellings[] = {
    {"nothing at all",                 "",                       true},
    {"a source",                       "0a0161",                 true},
    {"source and seq",                 "0a01611001",             true},
    {"the largest seq",                "10ffffffffffffffffff01", true},
    {"fields out of order",            "10010a0161",             false},
    {"a field twice",                  "0a01610a0162",           false},
    {"an empty text said aloud",       "0a00",                   false},
    {"a zero said aloud",              "1000",                   false},
    {"a number longer than needed",    "108100",                 false},
    {"a length longer than needed",    "0a810061",               false},
    {"a number beyond 64 bits",        "10ffffffffffffffffff02", false},
    {"a number without end",           "1080",                   false},
    {"an unknown field",               "880101",                 false},
    {"a digest as a number",           "7801",                   false},
    {"a digest of three bytes",        "7a03616263",             false},
    {"a tag longer than needed",       "8a00016100",             false},
    {"a tag cut short",                "82",                     false},
    {"another wire type",              "0801",                   false},
    {"a text longer than the rest",    "0a0261",                 false},
    {"a text that is not UTF-8",       "0a01ff",                 false},
    {"a text with a NUL",              "0a0100",                 false},
    {"time cut short",                 "4100000000000000",       false},
    {"time zero said aloud",           "410000000000000000",     false},
    {"a commitment of three bytes",    "5a03616263",             false},
    {"a flag that is 2",               "7002",                   false},
    {"a flag that is set",             "7001",                   true},
    {"something behind the last",      "700100",                 false},
};

// clang-format on

static void test_entries_have_one_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        size_t size = strlen(spellings[i].hex) / 2;
        uint8_t *bytes = malloc(size > 0 ? size : 1); // Exact, for ASan.
        assert_non_null(bytes);
        assert_true(hex_decode(spellings[i].hex, 2 * size, bytes, size));
        struct audit_entry entry;
        struct status status = audit_entry_decode(bytes_of(bytes, size), &entry);
        if (status_ok(status) != spellings[i].is_good)
            fail_msg("%s: %s", spellings[i].given, status.reason ? status.reason : "taken");
        free(bytes);
    }
}

static void test_a_text_at_its_limit_and_one_beyond(void **state)
{
    (void)state;
    static uint8_t bytes[3 + AUDIT_TEXT_BYTES_MAX + 1];
    memset(bytes, 'x', sizeof bytes);
    struct audit_entry entry;
    memcpy(bytes, "\x0a\x80\x08", 3); // 1,024
    assert_status_ok(audit_entry_decode(bytes_of(bytes, sizeof bytes - 1), &entry));
    memcpy(bytes, "\x0a\x81\x08", 3); // 1,025
    assert_refused(audit_entry_decode(bytes_of(bytes, sizeof bytes), &entry), "ENTRY_CORRUPT");
}

static void test_the_longest_entry_fits(void **state)
{
    (void)state;
    static char text[AUDIT_TEXT_BYTES_MAX];
    static uint8_t encoded[AUDIT_ENTRY_BYTES_MAX];
    memset(text, 'x', sizeof text);
    struct audit_entry entry = sample_entry(), again;
    struct bytes longest = bytes_of(text, sizeof text);
    entry.source = entry.action = entry.actor = entry.resource = longest;
    entry.outcome = entry.reason = entry.request_id = entry.traceparent = longest;
    entry.seq = entry.time_ns = UINT64_MAX;
    size_t size = audit_entry_encode(&entry, encoded);
    assert_status_ok(audit_entry_decode(bytes_of(encoded, size), &again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_v1_is_these_bytes),
        cmocka_unit_test(test_an_entry_with_digests_is_these_bytes),
        cmocka_unit_test(test_protobuf_c_reads_and_writes_the_same_bytes),
        cmocka_unit_test(test_entries_have_one_spelling),
        cmocka_unit_test(test_a_text_at_its_limit_and_one_beyond),
        cmocka_unit_test(test_the_longest_entry_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
