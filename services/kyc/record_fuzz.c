// The records and keys of KYC, see tests/fuzz/round_trip.h.
#include "services/kyc/record.h"
#include "tests/fuzz/round_trip.h"

// clang-format off
ROUND_TRIP(fuzz_customer, kyc_customer, KYC_CUSTOMER_BYTES,
           kyc_customer_decode(record, &value), kyc_customer_encode)
ROUND_TRIP(fuzz_profile, kyc_profile_record, KYC_PROFILE_BYTES_MAX,
           kyc_profile_decode(record, &value), kyc_profile_encode)
ROUND_TRIP(fuzz_document, kyc_document_record, KYC_DOCUMENT_BYTES_MAX,
           kyc_document_decode(record, &value), kyc_document_encode)
ROUND_TRIP(fuzz_case, kyc_case_record, KYC_CASE_BYTES_MAX,
           kyc_case_decode(ID128_NIL, record, &value), kyc_case_encode)
ROUND_TRIP(fuzz_queue_key, kyc_queue_key, KYC_QUEUE_KEY_BYTES,
           kyc_queue_key_decode(record, &value), kyc_queue_key_encode)

// clang-format on

static void fuzz_vault(struct bytes record)
{
    static uint8_t again[KYC_VAULT_BYTES_MAX];
    struct bytes sealed;
    if (!status_ok(kyc_vault_decode(record, &sealed))) return;
    CHECK(bytes_equal(bytes_of(again, kyc_vault_encode(sealed, again)), record));
}

static void fuzz_keys(struct bytes key)
{
    struct id128 customer_id;
    enum kyc_document_type type;
    uint32_t sequence;
    uint8_t again[KYC_DOCUMENT_KEY_BYTES];
    fuzz_queue_key(key);
    if (!status_ok(kyc_document_key_decode(key, &customer_id, &type, &sequence))) return;
    kyc_document_key_encode(customer_id, type, sequence, again);
    CHECK(bytes_equal(bytes_of(again, sizeof again), key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const round_trip targets[] = {
        fuzz_customer, fuzz_profile, fuzz_document, fuzz_case, fuzz_vault, fuzz_keys,
    };
    return round_trip_run(targets, sizeof targets / sizeof targets[0], data, size);
}
