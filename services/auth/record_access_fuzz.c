// The records of roles, branches and features, see tests/fuzz/round_trip.h.
#include "services/auth/record_access.h"
#include "tests/fuzz/round_trip.h"

#define KEY bytes_of_text("pune-1")

// clang-format off
ROUND_TRIP(fuzz_role, auth_role, AUTH_ROLE_RECORD_BYTES_MAX,
           auth_role_decode(KEY, record, &value), auth_role_encode)
ROUND_TRIP(fuzz_branch, auth_branch, AUTH_BRANCH_RECORD_BYTES_MAX,
           auth_branch_decode(KEY, record, &value), auth_branch_encode)
ROUND_TRIP(fuzz_feature, auth_feature, AUTH_FEATURE_RECORD_BYTES_MAX,
           auth_feature_decode(KEY, record, &value), auth_feature_encode)

// clang-format on

static void fuzz_small(struct bytes record)
{
    uint64_t version;
    char name[AUTH_ROLE_BYTES];
    uint8_t again[AUTH_POLICY_BYTES];
    if (status_ok(auth_policy_decode(record, &version)))
        CHECK(bytes_equal(bytes_of(again, auth_policy_encode(version, again)), record));
    if (status_ok(auth_access_key_decode(record, name)))
        CHECK(bytes_equal(bytes_of_text(name), record) && auth_access_name_is_valid(name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const round_trip targets[] = {fuzz_role, fuzz_branch, fuzz_feature, fuzz_small};
    return round_trip_run(targets, sizeof targets / sizeof targets[0], data, size);
}
