// The durable bytes. A golden file is never refreshed: a difference is a new layout version.
#include "services/kyc/record.h"
#include "tests/unit/support/unit.h"

static const uint8_t SEALED[SEAL_OVERHEAD_BYTES + 3] = {
    1,    0,    0,    0,    1,                      // Format, key version.
    0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, // Nonce.
    0xA8, 0xA9, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF, 0xB0, 0xB1,
    0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xC0, 0xC1, 0xC2, // Ciphertext.
    0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7,       // Tag.
    0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF,
};
static const struct bytes SPAN = {SEALED, sizeof SEALED};

static void assert_golden(const char *file, const uint8_t *encoded, size_t size,
                          golden_decode decode)
{
    golden_assert_record("kyc", file, bytes_of(encoded, size), decode, "KYC_RECORD_BROKEN");
}

static struct status decode_customer(struct bytes record)
{
    struct kyc_customer customer;
    return kyc_customer_decode(record, &customer);
}

static void test_customer(void **state)
{
    (void)state;
    struct kyc_customer customer = {.tier = KYC_T3, .tier_version = 2, .case_id = id_of(0xCA)};
    memset(customer.sealed_owner_key, 0x77, sizeof customer.sealed_owner_key);
    uint8_t encoded[KYC_CUSTOMER_BYTES];
    kyc_customer_encode(&customer, encoded);
    assert_golden("customer_v1.hex", encoded, sizeof encoded, decode_customer);
    encoded[1] = KYC_TIER_COUNT;
    assert_refused(decode_customer(bytes_of(encoded, sizeof encoded)), "KYC_RECORD_BROKEN");
}

static struct status decode_profile(struct bytes record)
{
    struct kyc_profile_record profile;
    return kyc_profile_decode(record, &profile);
}

static void test_profile(void **state)
{
    (void)state;
    static uint8_t encoded[KYC_PROFILE_BYTES_MAX];
    struct kyc_profile_record profile = {
        .address_verified = true, .version = 3, .updated_at_ns = 1800000000000000000};
    profile.sealed[KYC_PROFILE_FULL_NAME] = SPAN;
    profile.sealed[KYC_PROFILE_COUNTRY] = SPAN;
    size_t size = kyc_profile_encode(&profile, encoded);
    assert_golden("profile_v1.hex", encoded, size, decode_profile);

    struct kyc_profile_record back;
    assert_status_ok(kyc_profile_decode(bytes_of(encoded, size), &back));
    assert_true(back.address_verified);
    assert_int_equal(back.version, 3);
    assert_true(bytes_equal(back.sealed[KYC_PROFILE_COUNTRY], SPAN));
    assert_int_equal(back.sealed[KYC_PROFILE_CITY].size, 0);
}

static struct status decode_document(struct bytes record)
{
    struct kyc_document_record document;
    return kyc_document_decode(record, &document);
}

static struct kyc_document_record example_document(void)
{
    struct kyc_document_record document = {
        .state = KYC_DOCUMENT_FORMAT_OK,
        .submitted_at_ns = 1800000000000000000,
        .updated_at_ns = 1800000000000000001,
        .case_id = id_of(0xCA),
        .mask = "ABXXXXXXXK",
    };
    memset(document.blind, 0xB1, sizeof document.blind);
    document.sealed[KYC_DOCUMENT_NUMBER] = SPAN;
    document.sealed[KYC_DOCUMENT_NAME] = SPAN;
    return document;
}

static void test_document(void **state)
{
    (void)state;
    static uint8_t encoded[KYC_DOCUMENT_BYTES_MAX];
    struct kyc_document_record document = example_document();
    size_t size = kyc_document_encode(&document, encoded);
    assert_golden("document_v1.hex", encoded, size, decode_document);

    enum { MASK_AT = 1 + 1 + 8 + 8 + 16 + 16 + 32, REFERENCE_AT = 1 + 1 + 8 + 8 + 16 };

    const struct {
        const char *given;
        size_t at;
        uint8_t value;
    } rows[] = {
        {"no state", 1, 0},
        {"a state beyond the last", 1, KYC_DOCUMENT_STATE_COUNT},
        {"a reference and a number", REFERENCE_AT, 1},
        {"an empty mask", MASK_AT, 0},
        {"something behind the mask", MASK_AT + 12, 'x'},
        {"a mask without end", MASK_AT + 15, 'x'},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        size = kyc_document_encode(&document, encoded);
        encoded[rows[i].at] = rows[i].value;
        print_message("  %s\n", rows[i].given);
        assert_refused(decode_document(bytes_of(encoded, size)), "KYC_RECORD_BROKEN");
    }
}

static struct status decode_case(struct bytes record)
{
    struct kyc_case_record kyc_case;
    return kyc_case_decode(id_of(0xCA), record, &kyc_case);
}

static struct kyc_case_record example_case(void)
{
    struct kyc_case_record record = {
        .kyc_case = kyc_core_new_case(id_of(0xCA), id_of(0xC0), 1800000000000000000),
        .sealed_recommendation_reason = SPAN,
    };
    record.kyc_case.state = KYC_PENDING_APPROVAL;
    record.kyc_case.risk = KYC_RISK_HIGH;
    record.kyc_case.flags = KYC_FLAG_IDENTITY_ALREADY_REGISTERED;
    record.kyc_case.version = 5;
    record.kyc_case.updated_at_ns = 1800000000000000002;
    record.kyc_case.submitted_at_ns = 1800000000000000001;
    record.kyc_case.recommendation =
        (struct kyc_opinion){KYC_DECISION_APPROVE, id_of(0x0A), 1800000000000000002, ""};
    return record;
}

static void test_case(void **state)
{
    (void)state;
    static uint8_t encoded[KYC_CASE_BYTES_MAX];
    struct kyc_case_record record = example_case(), back;
    size_t size = kyc_case_encode(&record, encoded);
    assert_golden("case_v1.hex", encoded, size, decode_case);

    assert_status_ok(kyc_case_decode(id_of(0xCA), bytes_of(encoded, size), &back));
    assert_true(id128_equal(back.kyc_case.id, id_of(0xCA)));
    assert_int_equal(back.kyc_case.state, KYC_PENDING_APPROVAL);
    assert_int_equal(back.kyc_case.version, 5);
    assert_true(id128_equal(back.kyc_case.recommendation.by, id_of(0x0A)));
    assert_int_equal(back.kyc_case.decision.decision, KYC_DECISION_NONE);

    enum { STATE_AT = 33, FLAGS_AT = 35, VERSION_AT = 39, OPINION_AT = 71 };

    const struct {
        const char *given;
        size_t at;
        uint8_t value;
    } rows[] = {
        {"no state", STATE_AT, 0},
        {"a state beyond the last", STATE_AT, KYC_STATE_COUNT},
        {"no risk", STATE_AT + 1, 0},
        {"an unknown flag", FLAGS_AT + 3, 2},
        {"version 0", VERSION_AT + 7, 0},
        {"an officer without a decision", OPINION_AT, 0},
        {"a decision that is none", OPINION_AT, 3},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        size = kyc_case_encode(&record, encoded);
        encoded[rows[i].at] = rows[i].value;
        print_message("  %s\n", rows[i].given);
        assert_refused(decode_case(bytes_of(encoded, size)), "KYC_RECORD_BROKEN");
    }
}

static struct status decode_vault(struct bytes record)
{
    struct bytes sealed;
    return kyc_vault_decode(record, &sealed);
}

static void test_vault(void **state)
{
    (void)state;
    static uint8_t encoded[KYC_VAULT_BYTES_MAX];
    size_t size = kyc_vault_encode(SPAN, encoded);
    assert_golden("vault_v1.hex", encoded, size, decode_vault);
    static const uint8_t empty[] = {1, 0, 0};
    assert_refused(decode_vault(bytes_of(empty, sizeof empty)), "KYC_RECORD_BROKEN");
}

static void test_keys(void **state)
{
    (void)state;
    uint8_t document_key[KYC_DOCUMENT_KEY_BYTES], queue_key[KYC_QUEUE_KEY_BYTES],
        identity_key[KYC_IDENTITY_KEY_BYTES], blind[BLIND_INDEX_BYTES];
    memset(blind, 0xB1, sizeof blind);

    kyc_document_key_encode(id_of(0xC0), KYC_PAN, 3, document_key);
    golden_assert("kyc", "document_key_v1.hex", bytes_of(document_key, sizeof document_key));

    struct kyc_queue_key key = {KYC_IN_REVIEW, 1800000000000000000, id_of(0xCA)}, back;
    kyc_queue_key_encode(&key, queue_key);
    golden_assert("kyc", "queue_key_v1.hex", bytes_of(queue_key, sizeof queue_key));
    assert_status_ok(kyc_queue_key_decode(bytes_of(queue_key, sizeof queue_key), &back));
    assert_int_equal(back.handed_in_ns, key.handed_in_ns);

    kyc_identity_key_encode(KYC_AADHAAR, blind, id_of(0xC0), identity_key);
    golden_assert("kyc", "identity_key_v1.hex", bytes_of(identity_key, sizeof identity_key));
}

static void test_keys_sort_as_their_meaning(void **state)
{
    (void)state;
    // Oldest hand-in first, drafts last, within one state.
    static const struct kyc_queue_key ordered[] = {
        {KYC_REFUSED_MOVE, UINT64_MAX, {{9}}}, {KYC_DRAFT, 1, {{9}}},
        {KYC_IN_REVIEW, 255, {{9}}},           {KYC_IN_REVIEW, 256, {{1}}},
        {KYC_IN_REVIEW, 256, {{2}}},           {KYC_IN_REVIEW, UINT64_MAX, {{0}}},
    };
    for (size_t i = 1; i < ROWS(ordered); i++) {
        uint8_t a[KYC_QUEUE_KEY_BYTES], b[KYC_QUEUE_KEY_BYTES];
        kyc_queue_key_encode(&ordered[i - 1], a);
        kyc_queue_key_encode(&ordered[i], b);
        assert_true(memcmp(a, b, sizeof a) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_customer),
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_case),
        cmocka_unit_test(test_vault),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_keys_sort_as_their_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
