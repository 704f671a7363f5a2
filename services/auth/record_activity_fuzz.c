// The records and keys of login activity, see tests/fuzz/round_trip.h.
#include "services/auth/record_activity.h"
#include "tests/fuzz/round_trip.h"

#define ID (auth_activity_id(7, 7))

// clang-format off
ROUND_TRIP(fuzz_failure, auth_activity_record, AUTH_ACTIVITY_BYTES_MAX,
           auth_activity_decode(AUTH_ACTIVITY_FAILED, ID, record, &value), auth_activity_encode)
ROUND_TRIP(fuzz_success, auth_activity_record, AUTH_ACTIVITY_BYTES_MAX,
           auth_activity_decode(AUTH_ACTIVITY_SUCCEEDED, ID, record, &value), auth_activity_encode)
ROUND_TRIP(fuzz_history, auth_history, AUTH_HISTORY_BYTES_MAX,
           auth_history_decode(record, &value), auth_history_encode)
ROUND_TRIP(fuzz_tally, auth_tally, AUTH_TALLY_BYTES_MAX,
           auth_tally_decode(record, &value), auth_tally_encode)

// clang-format on

static void fuzz_small(struct bytes record)
{
    enum auth_activity_result result;
    enum auth_tally_kind kind;
    struct id128 id;
    uint64_t hour_ns;
    struct auth_origin origin;
    uint8_t again[AUTH_ORIGIN_BYTES_MAX];
    if (status_ok(auth_activity_key_decode(record, &result, &id))) {
        auth_activity_key_encode(result, id, again);
        CHECK(bytes_equal(bytes_of(again, AUTH_ACTIVITY_KEY_BYTES), record));
    }
    if (status_ok(auth_tally_key_decode(record, &kind, &hour_ns)))
        CHECK(bytes_equal(bytes_of(again, auth_tally_key_encode(kind, hour_ns, again)), record));
    if (record.size <= AUTH_ORIGIN_BYTES_MAX && status_ok(auth_origin_decode(record, &origin)))
        CHECK(bytes_equal(bytes_of(again, auth_origin_encode(&origin, again)), record));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const round_trip targets[] = {
        fuzz_failure, fuzz_success, fuzz_history, fuzz_tally, fuzz_small,
    };
    return round_trip_run(targets, sizeof targets / sizeof targets[0], data, size);
}
