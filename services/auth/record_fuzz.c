// The records and keys of auth, see tests/fuzz/round_trip.h.
#include "services/auth/record.h"
#include "services/auth/record_apikey.h"
#include "services/auth/record_factor.h"
#include "services/auth/record_flow.h"
#include "services/auth/record_message.h"
#include "tests/fuzz/round_trip.h"

#define ID ((struct id128){{1}})

// clang-format off
ROUND_TRIP_LAYOUTS(fuzz_user, auth_user, AUTH_USER_BYTES_MAX,
                   auth_user_decode(ID, record, &value), auth_user_encode)
ROUND_TRIP_LAYOUTS(fuzz_password, auth_password_record, AUTH_PASSWORD_RECORD_BYTES_MAX,
                   auth_password_decode(record, &value), auth_password_encode)
ROUND_TRIP(fuzz_factor, auth_factor_record, AUTH_FACTOR_BYTES_MAX,
           auth_factor_decode(record, &value), auth_factor_encode)
ROUND_TRIP(fuzz_flow, auth_flow_record, AUTH_FLOW_BYTES_MAX,
           auth_flow_decode(ID, record, &value), auth_flow_encode)
ROUND_TRIP(fuzz_api_key, auth_api_key_record, AUTH_API_KEY_BYTES_MAX,
           auth_api_key_decode(ID, record, &value), auth_api_key_encode)
ROUND_TRIP(fuzz_registration, auth_registration, AUTH_REGISTRATION_BYTES_MAX,
           auth_registration_decode(ID, record, &value), auth_registration_encode)
ROUND_TRIP(fuzz_session, auth_session_record, AUTH_SESSION_BYTES_MAX,
           auth_session_decode(ID, record, &value), auth_session_encode)
ROUND_TRIP(fuzz_signing, auth_signing_record, AUTH_SIGNING_BYTES,
           auth_signing_decode(record, &value), auth_signing_encode)
ROUND_TRIP(fuzz_throttle, auth_throttle, AUTH_THROTTLE_BYTES,
           auth_throttle_decode(record, &value), auth_throttle_encode)
ROUND_TRIP(fuzz_device, auth_device, AUTH_DEVICE_BYTES,
           auth_device_decode(record, &value), auth_device_encode)
ROUND_TRIP_LAYOUTS(fuzz_message, auth_message_record, AUTH_MESSAGE_BYTES_MAX,
                   auth_message_decode(record, &value), auth_message_encode)
ROUND_TRIP(fuzz_message_key, auth_message_key, AUTH_MESSAGE_KEY_BYTES_MAX,
           auth_message_key_decode(record, &value), auth_message_key_encode)
ROUND_TRIP(fuzz_expiry, auth_expiry, AUTH_EXPIRY_KEY_BYTES_MAX,
           auth_expiry_key_decode(record, &value), auth_expiry_key_encode)

// clang-format on

static void fuzz_small(struct bytes record)
{
    struct id128 first, second;
    enum auth_throttle_kind kind;
    enum auth_user_facet facet;
    char value[AUTH_ROLE_BYTES];
    uint8_t again[AUTH_FACET_KEY_BYTES_MAX];
    if (status_ok(auth_pair_key_decode(record, &first, &second))) {
        auth_pair_key_encode(first, second, again);
        CHECK(bytes_equal(bytes_of(again, AUTH_PAIR_KEY_BYTES), record));
    }
    if (status_ok(auth_identifier_decode(record, &first)))
        CHECK(bytes_equal(bytes_of(again, auth_identifier_encode(first, again)), record));
    if (status_ok(auth_facet_key_decode(record, &facet, value, &first))) {
        size_t size = auth_facet_key_encode(facet, value, first, again);
        CHECK(bytes_equal(bytes_of(again, size), record));
    }
    if (status_ok(auth_throttle_key_decode(record, &kind))) CHECK(kind <= AUTH_THROTTLE_KIND_LAST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // Append only: the corpus names them by their place.
    static const round_trip targets[] = {
        fuzz_user,     fuzz_password,    fuzz_registration, fuzz_session, fuzz_signing,
        fuzz_throttle, fuzz_device,      fuzz_message,      fuzz_expiry,  fuzz_small,
        fuzz_flow,     fuzz_message_key, fuzz_factor,       fuzz_api_key,
    };
    return round_trip_run(targets, sizeof targets / sizeof targets[0], data, size);
}
