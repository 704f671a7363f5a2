// Forgotten, reset and changed passwords, and which ones are taken; through the handlers over a
// real store.
#include "common/base/check.h"
#include "services/auth/outbox.h"
#include "services/auth/password_breached.h"
#include "tests/unit/auth/door.h"

#include <sodium.h>

static const char asha[] = "asha@example.com", mobile[] = "+919876543210";
static const char nobody[] = "nobody@example.com", fresh[] = "seven green herons at dusk";

static struct auth_session log_in(struct caller *caller, const char *password)
{
    Auth__LoginResponse *login = NULL;
    assert_status_ok(house_login(caller, asha, password, "phone", &login));
    caller_be(caller, login->access_token);
    return house_session(caller->house, id128_of(login->session_id.data));
}

static struct auth_user get_user(struct house *house, struct id128 id)
{
    struct auth_user user;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_store_get_user(txn, id, &user));
    return user;
}

// ---- Forgotten -----------------------------------------------------------------------------

static void test_a_reset_takes_everything_from_whoever_had_the_old_one(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_message notice = {0};
    struct id128 reset_id;
    Auth__LoginResponse *login = NULL;
    struct id128 user_id = door_new_user(caller, asha, mobile);
    struct auth_session first = log_in(caller, PASSWORD), second = log_in(caller, PASSWORD);
    caller_be_nobody(caller);
    for (int i = 0; i < AUTH_FAILURES_FREE; i++) { // The thief has closed both doors.
        assert_refused(house_login(caller, asha, "wrong", "", &login), "INVALID_CREDENTIALS");
        assert_refused(house_login(caller, asha, "wrong", "phone", &login), "INVALID_CREDENTIALS");
    }
    uint64_t before = house_event_head(house), rights = get_user(house, user_id).rights_version;
    assert_status_ok(door_forgot(caller, mobile, &reset_id));
    assert_string_equal(house_events(caller, before), "");
    (void)house_messages(caller, mobile, &notice);
    assert_int_equal(notice.kind, AUTH_MESSAGE_RESET_CODE);
    const char *code = notice.code;
    house_wait(house, 1);
    assert_status_ok(door_reset(caller, reset_id, code, fresh));
    assert_string_equal(house_events(caller, before),
                        "auth.password.reset auth.session.ended auth.session.ended ");
    assert_int_equal(house_session(house, first.id).cause, AUTH_SESSION_PASSWORD_CHANGED);
    assert_int_equal(house_session(house, second.id).cause, AUTH_SESSION_PASSWORD_CHANGED);
    assert_int_equal(get_user(house, user_id).rights_version, rights + 1);
    assert_int_equal(door_count(caller, AUTH_COUNT_PASSWORDS_RESET), 1);
    (void)house_messages(caller, asha, &notice);
    assert_int_equal(notice.kind, AUTH_MESSAGE_PASSWORD_CHANGED);

    assert_status_ok(house_login(caller, asha, fresh, "", &login));
    assert_status_ok(house_login(caller, asha, fresh, "phone", &login));
    assert_refused(house_login(caller, asha, PASSWORD, "", &login), "INVALID_CREDENTIALS");
    assert_refused(door_reset(caller, reset_id, code, "another long password"), "OTP_INVALID");
}

/// Whoever is to get no code is told what everybody is told; nothing fits, and nothing is sent.
static void test_who_gets_a_code(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;

    // clang-format off
    static const struct {
        const char *given, *identifier;
        enum auth_user_state state;
        unsigned channels;
        bool is_sent;
    } rows[] = {
        {"by e-mail",                asha,     AUTH_USER_ACTIVE,  6, true},
        {"by e-mail, otherwise",     "ASHA@example.COM", AUTH_USER_ACTIVE, 6, true},
        {"by mobile",                mobile,   AUTH_USER_ACTIVE,  6, true},
        {"e-mail not confirmed",     asha,     AUTH_USER_ACTIVE,  4, false},
        {"mobile not confirmed",     mobile,   AUTH_USER_ACTIVE,  2, false},
        {"blocked",                  asha,     AUTH_USER_BLOCKED, 6, false},
        {"closed",                   asha,     AUTH_USER_CLOSED,  6, false},
        {"nobody",                   nobody,   AUTH_USER_ACTIVE,  6, false},
        {"nobody's number",          "+15550100", AUTH_USER_ACTIVE, 6, false},
        {"no address at all",        "asha",   AUTH_USER_ACTIVE,  6, false},
    };
    // clang-format on
    struct id128 user_id = door_new_user(caller, asha, mobile);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_message message = {0};
        struct id128 reset_id;
        house_set_user(house, user_id, rows[i].state, NULL);
        door_set_channels(house, user_id, rows[i].channels);
        const char *address = i == 1 ? asha : rows[i].identifier;
        uint64_t sent = door_count(caller, AUTH_COUNT_CODES_SENT);
        uint64_t head = house_event_head(house);
        assert_status_ok(door_forgot(caller, rows[i].identifier, &reset_id));
        assert_true(house_messages(caller, address, &message) > 0);
        assert_int_equal(message.kind, AUTH_MESSAGE_RESET_CODE);
        bool is_sent = auth_message_end_ns(&message) > house->now_ns;
        if (is_sent != rows[i].is_sent) fail_msg("%s", rows[i].given);
        assert_int_equal(door_count(caller, AUTH_COUNT_CODES_SENT), sent + rows[i].is_sent);
        assert_int_equal(house_event_head(house), head);

        // Even the code that was made for a decoy fits nothing, and it dies like any other.
        struct auth_flow before = door_flow(caller, reset_id);
        for (int j = 0; j < AUTH_CODE_ATTEMPTS_MAX && !rows[i].is_sent; j++)
            assert_refused(door_reset(caller, reset_id, message.code, fresh), "OTP_INVALID");
        if (!rows[i].is_sent)
            assert_refused(door_reset(caller, reset_id, message.code, fresh), "OTP_EXHAUSTED");
        assert_int_equal(before.is_decoy, !rows[i].is_sent);
    }
}

static void test_a_decoy_s_message_is_taken_away_unsent(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    char line[4096];
    size_t count = 0, lines = 0;
    struct id128 reset_id;
    (void)house_new_user(caller, asha);
    assert_status_ok(door_forgot(caller, nobody, &reset_id));
    assert_status_ok(door_forgot(caller, asha, &reset_id));
    FILE *file = tmpfile();
    CHECK(file != NULL);
    // Also by a clock that has been set back.
    assert_status_ok(auth_outbox_deliver(&house->service, fileno(file),
                                         house->now_ns - 3600 * AUTH_SECOND_NS, &count));
    assert_int_equal(count, 3);
    rewind(file);
    for (; fgets(line, sizeof line, file) != NULL; lines++)
        if (strstr(line, nobody) != NULL) fail_msg("%s", line);
    assert_int_equal(lines, 2); // The registration's, and hers.
    fclose(file);
    struct auth_message message;
    assert_int_equal(house_messages(caller, nobody, &message), 0);
}

static void test_forgetting_is_limited(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_message message = {0};
    struct id128 reset_id;
    (void)house_new_user(caller, asha); // One message.
    caller->client_ip = "198.51.100.1";
    for (int i = 0; i < 20; i++) // More than ten are not sent, and nobody is told.
        assert_status_ok(door_forgot(caller, asha, &reset_id));
    assert_int_equal(house_messages(caller, asha, &message), 10);
    assert_refused(door_reset(caller, reset_id, message.code, fresh), "OTP_INVALID");
    assert_refused(door_forgot(caller, nobody, &reset_id), "RATE_LIMITED");
    assert_int_equal(caller->call.retry_after_ms, 15000);
    caller->client_ip = "198.51.100.2";
    assert_status_ok(door_forgot(caller, nobody, &reset_id));
    caller->client_ip = "198.51.100.1";
    house_wait(house, 15);
    assert_status_ok(door_forgot(caller, nobody, &reset_id));
}

static void test_guessing_at_resets_locks_resets_only(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_message message = {0};
    struct id128 reset_id;
    Auth__LoginResponse *login = NULL, *verified = NULL;
    house->service.policy.destination_messages.burst = 0;
    house->service.policy.mfa_customer = AUTH_MFA_OTP;
    (void)door_new_user(caller, asha, mobile);
    uint64_t before = house_event_head(house);
    for (int i = 0; i < 15; i++) {
        const char *address = i < 10 ? asha : mobile;
        if (i % 5 == 0) assert_status_ok(door_forgot(caller, address, &reset_id));
        const char *other = door_other(caller, house_code(caller, address));
        assert_refused(door_reset(caller, reset_id, other, fresh), "OTP_INVALID");
    }
    assert_string_equal(house_events(caller, before), "auth.factor.locked ");
    (void)house_messages(caller, asha, &message);
    assert_int_equal(message.kind, AUTH_MESSAGE_FACTOR_LOCKED);
    // The right code is as wrong as any other now: the answer says nothing about the account.
    assert_status_ok(door_forgot(caller, mobile, &reset_id));
    const char *code = house_code(caller, mobile);
    for (int i = 0; i < AUTH_CODE_ATTEMPTS_MAX; i++)
        assert_refused(door_reset(caller, reset_id, code, fresh), "OTP_INVALID");
    assert_refused(door_reset(caller, reset_id, code, fresh), "OTP_EXHAUSTED");
    // And the owner logs in, with a code.
    assert_status_ok(house_login(caller, asha, PASSWORD, "phone", &login));
    assert_status_ok(
        door_verify(caller, login, "mobile", house_code(caller, mobile), "phone", &verified));
    house_wait(house, 24 * 3600);
    assert_status_ok(door_forgot(caller, mobile, &reset_id));
    assert_status_ok(door_reset(caller, reset_id, house_code(caller, mobile), fresh));
}

static void test_what_is_weak_is_said_and_does_not_use_the_code_up(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 reset_id;
    Auth__LoginResponse *login = NULL;
    (void)house_new_user(caller, asha);
    assert_status_ok(door_forgot(caller, asha, &reset_id));
    const char *code = house_code(caller, asha), *other = door_other(caller, code);
    // Of any password it is said at once; of this user's only to who has the code.
    assert_refused(door_reset(caller, reset_id, other, "iloveyou1"), "WEAK_PASSWORD");
    assert_int_equal(door_flow(caller, reset_id).attempts, 0);
    assert_refused(door_reset(caller, reset_id, other, "AshavariVermillon"), "OTP_INVALID");
    assert_refused(door_reset(caller, reset_id, other, "kz7!mQ2wq"), "OTP_INVALID");
    assert_int_equal(door_flow(caller, reset_id).attempts, 2);
    assert_refused(door_reset(caller, reset_id, code, "AshavariVermillon"), "WEAK_PASSWORD");
    assert_refused(door_reset(caller, reset_id, code, "kz7!mQ2wq"), "WEAK_PASSWORD"); // Alone.
    assert_int_equal(door_flow(caller, reset_id).attempts, 2);
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login)); // Nothing has changed.
    assert_status_ok(door_reset(caller, reset_id, code, fresh));
}

/// A hash that needs more memory than there is shows when one is computed.
static void test_a_reset_that_nothing_fits_costs_no_hash(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    const struct auth_argon2 usual = house->service.policy.argon2;
    struct id128 unknown_id = id128_generate(), unsent_id, passed_id, dead_id, late_id;
    (void)house_new_user(caller, asha);
    assert_status_ok(door_forgot(caller, asha, &passed_id));
    assert_status_ok(door_reset(caller, passed_id, house_code(caller, asha), fresh));
    assert_status_ok(door_forgot(caller, asha, &dead_id));
    const char *other = door_other(caller, house_code(caller, asha));
    for (int i = 0; i < AUTH_CODE_ATTEMPTS_MAX; i++)
        assert_refused(door_reset(caller, dead_id, other, fresh), "OTP_INVALID");
    assert_status_ok(door_forgot(caller, nobody, &late_id));

    house->service.policy.argon2.memory_bytes = UINT64_C(1) << 42;
    assert_refused(door_reset(caller, unknown_id, other, fresh), "OTP_INVALID");
    assert_refused(door_reset(caller, passed_id, other, fresh), "OTP_INVALID");
    assert_refused(door_reset(caller, dead_id, other, fresh), "OTP_EXHAUSTED");
    assert_refused(door_reset(caller, late_id, other, fresh), "OVERLOADED"); // Still open.
    house_wait(house, 300);
    assert_refused(door_reset(caller, late_id, other, fresh), "OTP_EXPIRED");
    for (int i = 0; i < 10; i++)
        assert_status_ok(door_forgot(caller, asha, &unsent_id));
    assert_refused(door_reset(caller, unsent_id, other, fresh), "OTP_INVALID");
    house->service.policy.argon2 = usual;
}

// ---- Changed -------------------------------------------------------------------------------

static void test_a_change_ends_the_other_sessions(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_message notice = {0};
    Auth__LoginResponse *login = NULL;
    struct id128 user_id = house_new_user(caller, asha);
    struct auth_session other = log_in(caller, PASSWORD), mine = log_in(caller, PASSWORD);
    uint64_t before = house_event_head(house), rights = get_user(house, user_id).rights_version;
    house_wait(house, 1);
    assert_status_ok(door_change(caller, PASSWORD, fresh));
    assert_string_equal(house_events(caller, before), "auth.password.changed auth.session.ended ");
    assert_int_equal(house_session(house, other.id).cause, AUTH_SESSION_PASSWORD_CHANGED);
    assert_int_equal(house_session(house, mine.id).state, AUTH_SESSION_ACTIVE);
    assert_int_equal(get_user(house, user_id).rights_version, rights); // Its tokens go on.
    assert_int_equal(door_password(house, user_id).changed_at_ns, house->now_ns);
    (void)house_messages(caller, asha, &notice);
    assert_int_equal(notice.kind, AUTH_MESSAGE_PASSWORD_CHANGED);
    assert_refused(house_login(caller, asha, PASSWORD, "", &login), "INVALID_CREDENTIALS");
    assert_status_ok(house_login(caller, asha, fresh, "", &login));
}

static void test_a_stolen_session_is_no_place_to_guess_at(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL;
    house->service.policy.password_failures_max = 7;
    struct id128 user_id = house_new_user(caller, asha);
    (void)log_in(caller, PASSWORD);
    for (int i = 0; i < AUTH_FAILURES_FREE; i++)
        assert_refused(door_change(caller, "not it", fresh), "INVALID_CREDENTIALS");
    assert_refused(door_change(caller, PASSWORD, fresh), "INVALID_CREDENTIALS"); // Closed.
    assert_int_equal(door_password(house, user_id).failures, AUTH_FAILURES_FREE);
    house_wait(house, 30);
    assert_refused(door_change(caller, "not it", fresh), "INVALID_CREDENTIALS");
    house_wait(house, 60);
    uint64_t before = house_event_head(house);
    assert_refused(door_change(caller, "not it", fresh), "INVALID_CREDENTIALS");
    assert_string_equal(house_events(caller, before), "auth.password.disabled ");
    house_wait(house, 900);
    assert_refused(door_change(caller, PASSWORD, fresh), "INVALID_CREDENTIALS");
    assert_refused(house_login(caller, asha, PASSWORD, "", &login), "INVALID_CREDENTIALS");
}

static void test_who_may_change(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 user_id = house_new_user(caller, asha);
    (void)log_in(caller, PASSWORD);
    caller->claims.aal = AUTH_AAL_ENROLMENT;
    assert_refused(door_change(caller, PASSWORD, fresh), "INSUFFICIENT_AAL");
    caller->claims.aal = 1;
    assert_refused(door_change(caller, PASSWORD, "iloveyou1"), "WEAK_PASSWORD");
    assert_refused(door_change(caller, PASSWORD, "AshavariVermillon"), "WEAK_PASSWORD");
    assert_refused(door_change(caller, PASSWORD, "short"), "VALIDATION_FAILED");
    // Blocked or closed while the password was compared: the call had begun before.
    house_set_user(house, user_id, AUTH_USER_BLOCKED, NULL);
    assert_refused(door_change(caller, PASSWORD, fresh), "INVALID_CREDENTIALS");
    house_set_user(house, user_id, AUTH_USER_CLOSED, NULL);
    assert_refused(door_change(caller, PASSWORD, fresh), "INVALID_CREDENTIALS");
    caller->claims = (struct token_claims){.is_service = true, .service = "ledger"};
    assert_refused(door_change(caller, PASSWORD, fresh), "PERMISSION_DENIED");
}

// ---- Which passwords -----------------------------------------------------------------------

static void test_how_long_a_password_must_be(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    static const char eight[] = "kz7!mQ2w", fourteen[] = "kz7!mQ2wkx9#Tp",
                      fifteen[] = "kz7!mQ2wkx9#TpZ";

    // clang-format off
    static const struct {
        enum auth_mfa policy;
        bool has_totp;
        const char *password;
        bool is_taken;
    } rows[] = {
        {AUTH_MFA_OFF,      false, eight,    false},
        {AUTH_MFA_OFF,      false, fourteen, false},
        {AUTH_MFA_OFF,      false, fifteen,  true},
        {AUTH_MFA_OPTIONAL, false, fourteen, false},
        {AUTH_MFA_OTP,      false, eight,    true},
        {AUTH_MFA_TOTP,     false, eight,    true},
        {AUTH_MFA_OFF,      true,  eight,    true}, // The authenticator is always asked for.
    };
    // clang-format on
    struct auth_recovery_codes codes;
    const char *current = PASSWORD;
    struct id128 user_id = house_new_user(caller, asha);
    (void)log_in(caller, PASSWORD);
    for (size_t i = 0; i < ROWS(rows); i++) {
        house->service.policy.mfa_customer = rows[i].policy;
        if (rows[i].has_totp) door_enrol(house, user_id, &codes);
        struct status status = door_change(caller, current, rows[i].password);
        if (status_ok(status) != rows[i].is_taken) fail_msg("row %zu", i);
        if (rows[i].is_taken) current = rows[i].password;
        if (rows[i].has_totp) continue;

        Auth__RegisterRequest request = AUTH__REGISTER_REQUEST__INIT; // The same rule.
        request.email = text_of(nobody);
        request.password = text_of(rows[i].password);
        request.full_name = text_of("Ravi");
        status = caller_call(caller, AUTH_REGISTER_USER, &request, NULL);
        if (status_ok(status) != rows[i].is_taken) fail_msg("registering, row %zu", i);
        if (!rows[i].is_taken) assert_string_equal(status.reason, "WEAK_PASSWORD");
    }
}

static void test_breached_passwords_are_refused_everywhere(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    static const char leaked[] = "the quick brown fox of 2019";
    char path[HOUSE_PATH_BYTES + 16], line[66];
    uint8_t hash[crypto_hash_sha256_BYTES];
    struct id128 reset_id, registration_id;
    (void)house_new_user(caller, asha);
    snprintf(path, sizeof path, "%s/breached", house->directory);
    crypto_hash_sha256(hash, (const uint8_t *)leaked, strlen(leaked));
    sodium_bin2hex(line, sizeof line, hash, sizeof hash);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fprintf(file, "%s\n", line) == 65 && fclose(file) == 0);
    assert_status_ok(auth_breached_open(path, &house->service.breached));

    assert_status_ok(door_forgot(caller, asha, &reset_id));
    assert_refused(door_reset(caller, reset_id, house_code(caller, asha), leaked), "WEAK_PASSWORD");
    (void)log_in(caller, PASSWORD);
    assert_refused(door_change(caller, PASSWORD, leaked), "WEAK_PASSWORD");
    Auth__RegisterRequest request = AUTH__REGISTER_REQUEST__INIT;
    request.email = text_of(nobody);
    request.password = text_of(leaked);
    request.full_name = text_of("Ravi");
    assert_refused(caller_call(caller, AUTH_REGISTER_USER, &request, NULL), "WEAK_PASSWORD");
    assert_status_ok(house_register(caller, nobody, "", &registration_id));
    assert_status_ok(door_change(caller, PASSWORD, fresh));
}

static void test_a_service_with_a_broken_file_does_not_open(void **state)
{
    struct house *house = *state;
    struct auth_policy policy = auth_policy_default;
    struct auth_service service;
    char keys[HOUSE_PATH_BYTES + 16];
    snprintf(keys, sizeof keys, "%s/keys", house->directory);
    policy.breached_file = "/nowhere/breached";
    assert_refused(auth_service_open(house->store, keys, &policy, &service), "BREACHED_FILE");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_reset_takes_everything_from_whoever_had_the_old_one),
        TEST(test_who_gets_a_code),
        TEST(test_a_decoy_s_message_is_taken_away_unsent),
        TEST(test_forgetting_is_limited),
        TEST(test_guessing_at_resets_locks_resets_only),
        TEST(test_what_is_weak_is_said_and_does_not_use_the_code_up),
        TEST(test_a_reset_that_nothing_fits_costs_no_hash),
        TEST(test_a_change_ends_the_other_sessions),
        TEST(test_a_stolen_session_is_no_place_to_guess_at),
        TEST(test_who_may_change),
        TEST(test_how_long_a_password_must_be),
        TEST(test_breached_passwords_are_refused_everywhere),
        TEST(test_a_service_with_a_broken_file_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
