// The durable bytes of login activity. A golden file is never refreshed, see record_test.c.
#include "services/auth/record_activity.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(0x18fae27693b40123)
#define RANDOM UINT64_C(0xffaaaaaaaaaaaaaa) // More bits than there is room for.

static struct bytes filled(uint8_t filler, size_t size)
{
    static uint8_t pool[1024];
    CHECK(size <= sizeof pool);
    memset(pool, filler, size);
    return bytes_of(pool, size);
}

// ---- Ids -----------------------------------------------------------------------------------

static void test_ids_tell_their_time_to_the_nanosecond(void **state)
{
    (void)state;
    static const uint64_t times_ns[] = {
        0, 1, 255, 256, 999999, 1000000, NOW_NS, NOW_NS + 1, INT64_MAX, UINT64_MAX,
    };
    for (size_t i = 0; i < ROWS(times_ns); i++) {
        struct id128 id = auth_activity_id(times_ns[i], RANDOM);
        assert_int_equal(auth_activity_at_ns(id), times_ns[i]);
        assert_int_equal(id.bytes[6] >> 4, 7); // A UUID of version 7
        assert_int_equal(id.bytes[8] >> 6, 2); // and of RFC 9562.
        assert_true(id128_compare(auth_activity_id_floor(times_ns[i]), id) < 0);
        if (i == 0) continue;
        struct id128 before = auth_activity_id(times_ns[i] - 1, UINT64_MAX);
        assert_true(id128_compare(before, auth_activity_id_floor(times_ns[i])) < 0);
    }
}

// ---- Activity ------------------------------------------------------------------------------

static struct auth_activity_record sample(enum auth_activity_result result)
{
    struct auth_activity_record activity = {
        .result = result,
        .id = auth_activity_id(NOW_NS, RANDOM),
        .user_id = id_of(0x11),
        .method = 3,
        .terms = 5,
        .score = 60,
        .is_suspicious = true,
        .sealed_origin = filled(0xe1, 60),
    };
    if (result == AUTH_ACTIVITY_SUCCEEDED)
        activity.session_id = id_of(0x22);
    else
        snprintf(activity.reason, sizeof activity.reason, "OTP_INVALID");
    return activity;
}

static struct status decode_failure(struct bytes record)
{
    struct auth_activity_record activity;
    return auth_activity_decode(AUTH_ACTIVITY_FAILED, auth_activity_id(NOW_NS, RANDOM), record,
                                &activity);
}

static struct status decode_success(struct bytes record)
{
    struct auth_activity_record activity;
    return auth_activity_decode(AUTH_ACTIVITY_SUCCEEDED, auth_activity_id(NOW_NS, RANDOM), record,
                                &activity);
}

static void test_activity(void **state)
{
    (void)state;
    struct auth_activity_record failure = sample(AUTH_ACTIVITY_FAILED), decoded;
    struct auth_activity_record success = sample(AUTH_ACTIVITY_SUCCEEDED);
    uint8_t encoded[AUTH_ACTIVITY_BYTES_MAX];
    size_t size = auth_activity_encode(&success, encoded);
    golden_assert_record("auth", "activity_success_v1.hex", bytes_of(encoded, size), decode_success,
                         "AUTH_RECORD_BROKEN");
    size = auth_activity_encode(&failure, encoded);
    golden_assert_record("auth", "activity_failure_v1.hex", bytes_of(encoded, size), decode_failure,
                         "AUTH_RECORD_BROKEN");
    assert_status_ok(
        auth_activity_decode(AUTH_ACTIVITY_FAILED, failure.id, bytes_of(encoded, size), &decoded));
    assert_true(id128_equal(decoded.id, failure.id));
    assert_true(id128_equal(decoded.user_id, failure.user_id));
    assert_string_equal(decoded.reason, "OTP_INVALID");
    assert_int_equal(decoded.score, 60);
    assert_true(decoded.is_suspicious);
    assert_true(bytes_equal(decoded.sealed_origin, failure.sealed_origin));
}

static void test_activity_that_cannot_be(void **state)
{
    (void)state;

    enum { SESSION = 17, METHOD = 33, TERMS, SCORE, SUSPICIOUS, REASON_SIZE, REASON };

    // clang-format off
    static const struct {
        const char *name;
        enum auth_activity_result result;
        size_t at;
        uint8_t byte;
    } rows[] = {
        {"a failure with a session",     AUTH_ACTIVITY_FAILED,    SESSION,    1},
        {"a method that is none",        AUTH_ACTIVITY_FAILED,    METHOD,     5},
        {"a term that is none",          AUTH_ACTIVITY_FAILED,    TERMS,      16},
        {"more points than there are",   AUTH_ACTIVITY_FAILED,    SCORE,      101},
        {"half suspicious",              AUTH_ACTIVITY_FAILED,    SUSPICIOUS, 2},
        {"a reason in small letters",    AUTH_ACTIVITY_FAILED,    REASON,     'o'},
        {"a reason with a NUL",          AUTH_ACTIVITY_FAILED,    REASON + 3, 0},
        {"a reason that is too long",    AUTH_ACTIVITY_FAILED,    REASON_SIZE, 32},
        {"a success with a reason",      AUTH_ACTIVITY_SUCCEEDED, REASON_SIZE, 1},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_activity_record activity = sample(rows[i].result), decoded;
        uint8_t encoded[AUTH_ACTIVITY_BYTES_MAX];
        size_t size = auth_activity_encode(&activity, encoded);
        encoded[rows[i].at] = rows[i].byte;
        if (status_ok(auth_activity_decode(rows[i].result, activity.id, bytes_of(encoded, size),
                                           &decoded)))
            fail_msg("%s", rows[i].name);
    }
    struct auth_activity_record success = sample(AUTH_ACTIVITY_SUCCEEDED), decoded;
    uint8_t encoded[AUTH_ACTIVITY_BYTES_MAX];
    size_t size = auth_activity_encode(&success, encoded);
    assert_refused(
        auth_activity_decode(AUTH_ACTIVITY_FAILED, success.id, bytes_of(encoded, size), &decoded),
        "AUTH_RECORD_BROKEN"); // Under the other result's key.
}

static struct status decode_key(struct bytes key)
{
    enum auth_activity_result result;
    struct id128 id;
    return auth_activity_key_decode(key, &result, &id);
}

static void test_keys(void **state)
{
    (void)state;
    struct id128 id = auth_activity_id(NOW_NS, RANDOM);
    uint8_t key[AUTH_ACTIVITY_FACET_KEY_BYTES_MAX];
    auth_activity_key_encode(AUTH_ACTIVITY_SUCCEEDED, id, key);
    golden_assert_key("auth", "activity_key_v1.hex", bytes_of(key, AUTH_ACTIVITY_KEY_BYTES),
                      decode_key, "AUTH_RECORD_BROKEN");
    key[AUTH_ACTIVITY_KEY_BYTES - 10] ^= 0x10; // No UUID of version 7.
    assert_refused(decode_key(bytes_of(key, AUTH_ACTIVITY_KEY_BYTES)), "AUTH_RECORD_BROKEN");
    size_t size = auth_activity_facet_key_encode(AUTH_ACTIVITY_OF_USER, id_of(0x11),
                                                 AUTH_ACTIVITY_FAILED, id, key);
    golden_assert("auth", "activity_of_user_key_v1.hex", bytes_of(key, size));
    size = auth_activity_facet_key_encode(AUTH_ACTIVITY_SUSPICIOUS, id_of(0x11),
                                          AUTH_ACTIVITY_FAILED, id, key);
    golden_assert("auth", "activity_suspicious_key_v1.hex", bytes_of(key, size));
}

static struct status decode_origin(struct bytes plain)
{
    struct auth_origin origin;
    return auth_origin_decode(plain, &origin);
}

static void test_origin(void **state)
{
    (void)state;
    struct auth_origin origin = {
        .fields = {bytes_of_text("192.0.2.1"), bytes_of_text("pixel"), bytes_of_text("")}};
    uint8_t encoded[AUTH_ORIGIN_BYTES_MAX];
    size_t size = auth_origin_encode(&origin, encoded);
    golden_assert_key("auth", "origin_v1.hex", bytes_of(encoded, size), decode_origin,
                      "AUTH_RECORD_BROKEN");
}

// ---- Histories and tallies -----------------------------------------------------------------

static struct status decode_history(struct bytes record)
{
    struct auth_history history;
    return auth_history_decode(record, &history);
}

static void test_history(void **state)
{
    (void)state;
    struct auth_history history = {.last_success_ns = NOW_NS, .failures = 3, .network_count = 2};
    memset(history.networks[0], 0xa1, AUTH_NETWORK_HASH_BYTES);
    memset(history.networks[1], 0xa2, AUTH_NETWORK_HASH_BYTES);
    uint8_t encoded[AUTH_HISTORY_BYTES_MAX];
    size_t size = auth_history_encode(&history, encoded);
    golden_assert_record("auth", "history_v1.hex", bytes_of(encoded, size), decode_history,
                         "AUTH_RECORD_BROKEN");
    memset(history.networks[1], 0xa1, AUTH_NETWORK_HASH_BYTES); // The same one twice.
    size = auth_history_encode(&history, encoded);
    assert_refused(decode_history(bytes_of(encoded, size)), "AUTH_RECORD_BROKEN");
    memset(encoded + 1, 0, 8); // Networks of a success that never was.
    assert_refused(decode_history(bytes_of(encoded, size)), "AUTH_RECORD_BROKEN");
}

static struct status decode_tally(struct bytes record)
{
    struct auth_tally tally;
    return auth_tally_decode(record, &tally);
}

static struct status decode_tally_key(struct bytes key)
{
    enum auth_tally_kind kind;
    uint64_t hour_ns;
    return auth_tally_key_decode(key, &kind, &hour_ns);
}

static void test_tallies(void **state)
{
    (void)state;
    struct auth_tally tally = {.numbers = {7, 0, 2}};
    uint8_t encoded[AUTH_TALLY_BYTES_MAX], key[AUTH_TALLY_KEY_BYTES_MAX];
    size_t size = auth_tally_encode(&tally, encoded);
    golden_assert_record("auth", "tally_v1.hex", bytes_of(encoded, size), decode_tally,
                         "AUTH_RECORD_BROKEN");
    encoded[size - 1] = 0; // A number that is 0 is not written at the end.
    assert_refused(decode_tally(bytes_of(encoded, size)), "AUTH_RECORD_BROKEN");
    size = auth_tally_key_encode(AUTH_TALLY_HOUR, NOW_NS, key);
    golden_assert_key("auth", "tally_hour_key_v1.hex", bytes_of(key, size), decode_tally_key,
                      "AUTH_RECORD_BROKEN");
    size = auth_tally_key_encode(AUTH_TALLY_GAUGES, 0, key);
    assert_int_equal(size, 1);
    assert_status_ok(decode_tally_key(bytes_of(key, size)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_tell_their_time_to_the_nanosecond),
        cmocka_unit_test(test_activity),
        cmocka_unit_test(test_activity_that_cannot_be),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_tallies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
