// The durable bytes. A golden file is never refreshed: a difference is a new layout version.
#include "services/auth/record.h"
#include "services/auth/refresh.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(0x18fae27693b40000)
#define S UINT64_C(1000000000)

static struct bytes filled(uint8_t filler, size_t size)
{
    static uint8_t pool[4096];
    static size_t used;
    if (used + size > sizeof pool) used = 0;
    uint8_t *at = pool + used;
    used += size;
    memset(at, filler, size);
    return bytes_of(at, size);
}

static void assert_golden(const char *file, const uint8_t *encoded, size_t size,
                          golden_decode decode)
{
    golden_assert_record("auth", file, bytes_of(encoded, size), decode, "AUTH_RECORD_BROKEN");
}

static void assert_golden_key(const char *file, const uint8_t *encoded, size_t size,
                              golden_decode decode)
{
    golden_assert_key("auth", file, bytes_of(encoded, size), decode, "AUTH_RECORD_BROKEN");
}

// ---- Users ---------------------------------------------------------------------------------

static struct auth_user sample_user(void)
{
    struct auth_user user = {
        .id = id_of(0x11),
        .state = AUTH_USER_BLOCKED,
        .kind = AUTH_USER_PERSON,
        .channels = 1U << AUTH_EMAIL,
        .version = 7,
        .rights_version = 3,
        .created_at_ns = NOW_NS,
        .updated_at_ns = NOW_NS + 9,
        .branch = "pune-1",
        .sealed = {[AUTH_PERSON_EMAIL] = filled(0xb1, 60),
                   [AUTH_PERSON_FULL_NAME] = filled(0xb3, 55),
                   [AUTH_PERSON_STATUS_REASON] = filled(0xb5, 52)},
    };
    auth_roles_add(&user.roles, "teller");
    auth_roles_add(&user.roles, "customer");
    memset(user.sealed_owner_key, 0xa1, sizeof user.sealed_owner_key);
    return user;
}

static struct status decode_user(struct bytes record)
{
    struct auth_user user;
    return auth_user_decode(id_of(0x11), record, &user);
}

static void test_user(void **state)
{
    (void)state;
    struct auth_user user = sample_user(), decoded;
    uint8_t encoded[AUTH_USER_BYTES_MAX];
    size_t size = auth_user_encode(&user, encoded);
    assert_golden("user_v2.hex", encoded, size, decode_user);
    assert_status_ok(auth_user_decode(user.id, bytes_of(encoded, size), &decoded));
    assert_int_equal(decoded.rights_version, 3);
    assert_string_equal(decoded.branch, "pune-1");
    assert_true(auth_roles_equal(&decoded.roles, &user.roles));
    assert_true(bytes_equal(decoded.sealed[AUTH_PERSON_EMAIL], user.sealed[AUTH_PERSON_EMAIL]));
    assert_int_equal(decoded.sealed[AUTH_PERSON_MOBILE].size, 0);
    assert_int_equal(decoded.kind, AUTH_USER_PERSON);
    assert_int_equal(decoded.channels, 1U << AUTH_EMAIL);
}

static void test_a_user_of_layout_1_is_still_read(void **state)
{
    (void)state;
    struct auth_user user = sample_user(), decoded;
    uint8_t old[AUTH_USER_BYTES_MAX];
    size_t size = golden_read("auth", "user_v1.hex", old, sizeof old);
    assert_status_ok(auth_user_decode(user.id, bytes_of(old, size), &decoded));
    assert_int_equal(decoded.state, AUTH_USER_ACTIVE);
    assert_int_equal(decoded.kind, AUTH_USER_PERSON);
    assert_int_equal(decoded.channels, 1U << AUTH_EMAIL);
    assert_int_equal(decoded.rights_version, 3);
    assert_true(
        bytes_equal(decoded.sealed[AUTH_PERSON_FULL_NAME], user.sealed[AUTH_PERSON_FULL_NAME]));
    assert_int_equal(decoded.sealed[AUTH_PERSON_STATUS_REASON].size, 0);
    for (size_t cut = 0; cut < size; cut++)
        assert_refused(decode_user(bytes_of(old, cut)), "AUTH_RECORD_BROKEN");

    uint8_t newest[AUTH_USER_BYTES_MAX]; // Written again, it is of layout 2, and the same user.
    struct auth_user again;
    size = auth_user_encode(&decoded, newest);
    assert_int_equal(newest[0], AUTH_USER_LAYOUT);
    assert_status_ok(auth_user_decode(user.id, bytes_of(newest, size), &again));
    assert_int_equal(again.channels, decoded.channels);
    assert_true(auth_roles_equal(&again.roles, &user.roles));
}

static void test_users_that_cannot_be(void **state)
{
    (void)state;

    enum { STATE = 1, KIND = 2, CHANNELS = 3, BRANCH = 36, ROLES = 43, FIRST_ROLE = 44 };

    // clang-format off
    static const struct {
        const char *name;
        size_t at;
        uint8_t byte;
    } rows[] = {
        {"no state",                       STATE,          0},
        {"a state that is none",           STATE,          4},
        {"no kind",                        KIND,           0},
        {"a kind that is none",            KIND,           3},
        {"a channel that is none",         CHANNELS,       8},
        {"a branch with a blank",          BRANCH + 1,     ' '},
        {"a branch with a NUL inside",     BRANCH + 2,     0},
        {"a role that is empty",           FIRST_ROLE,     0},
        {"roles out of order",             FIRST_ROLE + 1, 'z'},
        {"seventeen roles",                ROLES,          17},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_user user = sample_user();
        uint8_t encoded[AUTH_USER_BYTES_MAX];
        size_t size = auth_user_encode(&user, encoded);
        assert_status_ok(decode_user(bytes_of(encoded, size)));
        encoded[rows[i].at] = rows[i].byte;
        if (status_ok(decode_user(bytes_of(encoded, size)))) fail_msg("%s", rows[i].name);
    }
}

static struct status decode_password(struct bytes record)
{
    struct auth_password_record password;
    return auth_password_decode(record, &password);
}

static void test_password(void **state)
{
    (void)state;
    struct auth_password_record password = {.changed_at_ns = NOW_NS,
                                            .failures = 100,
                                            .disabled_at_ns = NOW_NS + 60 * S,
                                            .sealed_hash = filled(0xc1, 140)};
    uint8_t encoded[AUTH_PASSWORD_RECORD_BYTES_MAX];
    size_t size = auth_password_encode(&password, encoded);
    assert_golden("password_v2.hex", encoded, size, decode_password);
}

static void test_a_password_of_layout_1_is_still_read(void **state)
{
    (void)state;
    struct auth_password_record decoded;
    uint8_t old[AUTH_PASSWORD_RECORD_BYTES_MAX];
    size_t size = golden_read("auth", "password_v1.hex", old, sizeof old);
    assert_status_ok(auth_password_decode(bytes_of(old, size), &decoded));
    assert_int_equal(decoded.changed_at_ns, NOW_NS);
    assert_int_equal(decoded.failures, 0);
    assert_int_equal(decoded.disabled_at_ns, 0);
    assert_true(bytes_equal(decoded.sealed_hash, filled(0xc1, 140)));
    for (size_t cut = 0; cut < size; cut++)
        assert_refused(decode_password(bytes_of(old, cut)), "AUTH_RECORD_BROKEN");
}

// ---- Registrations and sessions ------------------------------------------------------------

static struct auth_registration sample_registration(void)
{
    struct auth_registration registration = {
        .id = id_of(0x33),
        .progress = {.state = AUTH_REGISTRATION_PENDING,
                     .created_at_ns = NOW_NS,
                     .expires_at_ns = NOW_NS + 1800 * S,
                     .challenges = {{.confirmation = AUTH_CONFIRMATION_DONE,
                                     .attempts = 2,
                                     .resends = 1,
                                     .sent_at_ns = NOW_NS + 31 * S,
                                     .expires_at_ns = NOW_NS + 331 * S},
                                    {.confirmation = AUTH_CONFIRMATION_OPEN,
                                     .is_decoy = true,
                                     .attempts = 5,
                                     .sent_at_ns = NOW_NS,
                                     .expires_at_ns = NOW_NS + 300 * S}}},
        .sealed = {filled(0xb1, 60), filled(0xb2, 58), filled(0xb3, 55), filled(0xc1, 140)},
    };
    memset(registration.progress.challenges[0].mac, 0xd1, AUTH_MAC_BYTES);
    memset(registration.progress.challenges[1].mac, 0xd2, AUTH_MAC_BYTES);
    return registration;
}

static struct status decode_registration(struct bytes record)
{
    struct auth_registration registration;
    return auth_registration_decode(id_of(0x33), record, &registration);
}

static void test_registration(void **state)
{
    (void)state;
    struct auth_registration registration = sample_registration(), decoded;
    uint8_t encoded[AUTH_REGISTRATION_BYTES_MAX];
    size_t size = auth_registration_encode(&registration, encoded);
    assert_golden("registration_v1.hex", encoded, size, decode_registration);
    assert_status_ok(auth_registration_decode(registration.id, bytes_of(encoded, size), &decoded));
    assert_true(decoded.progress.challenges[1].is_decoy);
    assert_int_equal(decoded.progress.challenges[1].attempts, 5);

    encoded[1] = AUTH_REGISTRATION_COMPLETED; // And yet no user.
    assert_refused(decode_registration(bytes_of(encoded, size)), "AUTH_RECORD_BROKEN");
    encoded[1] = AUTH_REGISTRATION_PENDING;
    encoded[36] = AUTH_CODE_ATTEMPTS_MAX + 1;
    assert_refused(decode_registration(bytes_of(encoded, size)), "AUTH_RECORD_BROKEN");
}

static struct status decode_session(struct bytes record)
{
    struct auth_session_record session;
    return auth_session_decode(id_of(0x22), record, &session);
}

static void test_session(void **state)
{
    (void)state;
    struct auth_session_record record = {
        .session = {.id = id_of(0x22),
                    .user_id = id_of(0x11),
                    .state = AUTH_SESSION_ENDED,
                    .cause = AUTH_SESSION_REUSE,
                    .counter = 4,
                    .created_at_ns = NOW_NS,
                    .rotated_at_ns = NOW_NS + 5,
                    .expires_at_ns = NOW_NS + 43200 * S,
                    .ended_at_ns = NOW_NS + 7,
                    .authenticated_at_ns = NOW_NS + 1,
                    .aal = 1,
                    .amr = 1},
        .sealed_device = filled(0xe2, 50),
    };
    memset(record.session.device_hash, 0xe1, sizeof record.session.device_hash);
    uint8_t encoded[AUTH_SESSION_BYTES_MAX];
    size_t size = auth_session_encode(&record, encoded);
    assert_golden("session_v1.hex", encoded, size, decode_session);

    encoded[1] = AUTH_SESSION_ACTIVE; // With a cause of its end.
    assert_refused(decode_session(bytes_of(encoded, size)), "AUTH_RECORD_BROKEN");
    encoded[2] = AUTH_SESSION_REFRESH;
    assert_status_ok(decode_session(bytes_of(encoded, size)));
}

// ---- The small ones ------------------------------------------------------------------------

static struct status decode_signing(struct bytes record)
{
    struct auth_signing_record key;
    return auth_signing_decode(record, &key);
}

static struct status decode_throttle(struct bytes record)
{
    struct auth_throttle throttle;
    return auth_throttle_decode(record, &throttle);
}

static struct status decode_device(struct bytes record)
{
    struct auth_device device;
    return auth_device_decode(record, &device);
}

static struct status decode_identifier(struct bytes record)
{
    struct id128 user_id;
    return auth_identifier_decode(record, &user_id);
}

static void test_small_records(void **state)
{
    (void)state;
    uint8_t encoded[AUTH_SIGNING_BYTES];
    struct auth_signing_record key = {AUTH_SIGNING_ACTIVE, NOW_NS, NOW_NS + 3, {0}, {0}};
    memset(key.public_key, 0xf1, sizeof key.public_key);
    memset(key.sealed_seed, 0xf2, sizeof key.sealed_seed);
    assert_golden("signing_v1.hex", encoded, auth_signing_encode(&key, encoded), decode_signing);

    struct auth_throttle throttle = {7, NOW_NS, NOW_NS + 120 * S};
    assert_golden("throttle_v1.hex", encoded, auth_throttle_encode(&throttle, encoded),
                  decode_throttle);
    struct auth_device device = {NOW_NS, NOW_NS + 8};
    assert_golden("device_v1.hex", encoded, auth_device_encode(&device, encoded), decode_device);

    auth_identifier_encode(id_of(0x11), encoded);
    assert_golden("identifier_v1.hex", encoded, AUTH_IDENTIFIER_BYTES, decode_identifier);
}

static struct status decode_expiry(struct bytes key)
{
    struct auth_expiry expiry;
    return auth_expiry_key_decode(key, &expiry);
}

static struct status decode_facet(struct bytes key)
{
    enum auth_user_facet facet;
    char value[AUTH_ROLE_BYTES];
    struct id128 user_id;
    return auth_facet_key_decode(key, &facet, value, &user_id);
}

static void test_keys(void **state)
{
    (void)state;
    uint8_t facet_key[AUTH_FACET_KEY_BYTES_MAX];
    size_t size = auth_facet_key_encode(AUTH_FACET_ROLE, "teller", id_of(0x11), facet_key);
    assert_golden_key("facet_key_v1.hex", facet_key, size, decode_facet);
    uint8_t key[AUTH_EXPIRY_KEY_BYTES_MAX];
    auth_identifier_key_encode(AUTH_MOBILE, filled(0xd3, BLIND_INDEX_BYTES).data, key);
    golden_assert("auth", "identifier_key_v1.hex", bytes_of(key, AUTH_IDENTIFIER_KEY_BYTES));

    struct auth_expiry expiry = {.at_ns = NOW_NS, .kind = AUTH_EXPIRY_SESSION};
    memset(expiry.row_key, 0x22, ID128_BYTES);
    assert_golden_key("expiry_key_v1.hex", key, auth_expiry_key_encode(&expiry, key),
                      decode_expiry);
    expiry.kind = AUTH_EXPIRY_THROTTLE;
    auth_throttle_key_encode(AUTH_THROTTLE_PASSWORD, filled(0xd4, BLIND_INDEX_BYTES).data,
                             expiry.row_key);
    assert_golden_key("expiry_key_throttle_v1.hex", key, auth_expiry_key_encode(&expiry, key),
                      decode_expiry);
}

// ---- Refresh tokens ------------------------------------------------------------------------

static void test_refresh_tokens_have_one_text(void **state)
{
    (void)state;
    struct auth_refresh token = {.session_id = id_of(0x22), .counter = 258}, decoded;
    uint8_t mac[AUTH_MAC_BYTES], decoded_mac[AUTH_MAC_BYTES];
    char text[AUTH_REFRESH_TEXT_BYTES], other[AUTH_REFRESH_TEXT_BYTES + 2];
    memset(mac, 0x5a, sizeof mac);
    auth_refresh_encode(&token, mac, text);
    assert_string_equal(text, "ASIiIiIiIiIiIiIiIiIiIiIAAAAAAAABAlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpa"
                              "WlpaWlpa");
    assert_status_ok(auth_refresh_decode(bytes_of_text(text), &decoded, decoded_mac));
    assert_true(id128_equal(decoded.session_id, token.session_id));
    assert_int_equal(decoded.counter, 258);
    assert_memory_equal(decoded_mac, mac, sizeof mac);

    // clang-format off
    static const struct {
        const char *name;
        size_t at;
        const char *put;
    } rows[] = {
        {"another version",     0,  "Ag"},
        {"a blank",             10, " "},
        {"padding",             75, "="},
        {"standard alphabet",   20, "+"},
        {"a NUL",               30, ""},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        snprintf(other, sizeof other, "%s", text);
        memcpy(other + rows[i].at, rows[i].put, rows[i].put[0] != '\0' ? strlen(rows[i].put) : 1);
        struct bytes bytes = bytes_of(other, AUTH_REFRESH_TEXT_BYTES - 1);
        if (status_ok(auth_refresh_decode(bytes, &decoded, decoded_mac)))
            fail_msg("%s was taken", rows[i].name);
    }
    for (size_t size = 0; size < AUTH_REFRESH_TEXT_BYTES - 1; size++)
        assert_refused(auth_refresh_decode(bytes_of(text, size), &decoded, decoded_mac),
                       "TOKEN_MALFORMED");
    snprintf(other, sizeof other, "%sA", text);
    assert_refused(auth_refresh_decode(bytes_of_text(other), &decoded, decoded_mac),
                   "TOKEN_MALFORMED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_a_user_of_layout_1_is_still_read),
        cmocka_unit_test(test_users_that_cannot_be),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_a_password_of_layout_1_is_still_read),
        cmocka_unit_test(test_registration),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_small_records),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_refresh_tokens_have_one_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
