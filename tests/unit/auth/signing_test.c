// Signing keys: how they move, and that a rotation loses no token. Rules first, then the handler
// over a real store.
#include "services/auth/rotation.h"
#include "services/auth/signing_core.h"
#include "tests/unit/auth/house.h"

#include <pthread.h>

#define NOW_NS UINT64_C(1800000000000000000)
#define S AUTH_SECOND_NS

static const char asha[] = "asha@example.com";

// ---- Rules ---------------------------------------------------------------------------------

static void test_keys_move_as_the_table_says_and_not_otherwise(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        int from;
        enum auth_signing_event event;
        int to;
    } legal[] = {
        {AUTH_SIGNING_GONE,    AUTH_SIGNING_ROTATE, AUTH_SIGNING_NEXT},
        {AUTH_SIGNING_NEXT,    AUTH_SIGNING_ROTATE, AUTH_SIGNING_ACTIVE},
        {AUTH_SIGNING_ACTIVE,  AUTH_SIGNING_ROTATE, AUTH_SIGNING_RETIRED},
        {AUTH_SIGNING_RETIRED, AUTH_SIGNING_ROTATE, AUTH_SIGNING_RETIRED},
        {AUTH_SIGNING_RETIRED, AUTH_SIGNING_FORGET, AUTH_SIGNING_GONE},
    };

    // clang-format on
    for (int from = 0; from < AUTH_SIGNING_STATE_COUNT; from++) {
        for (int event = 0; event < AUTH_SIGNING_EVENT_COUNT; event++) {
            int to = AUTH_SIGNING_REFUSED_MOVE;
            for (size_t i = 0; i < ROWS(legal); i++)
                if (legal[i].from == from && (int)legal[i].event == event) to = legal[i].to;
            assert_int_equal(auth_signing_move(from, (enum auth_signing_event)event), to);
        }
    }
}

static void test_when_a_key_may_sign_is_old_and_is_over(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *given;
        uint64_t after_ns;
        uint64_t wait_ns; // With a lead of 120 s.
        bool is_old;      // With an age of an hour.
        bool is_over;
    } rows[] = {
        {"just made",                     0,            120 * S, false, false},
        {"a moment before it may sign",   120 * S - 1,  1,       false, false},
        {"it may sign",                   120 * S,      0,       false, false},
        {"a moment before it is over",    900 * S - 1,  0,       false, false},
        {"300 s of tokens and 10 min on", 900 * S,      0,       false, true},
        {"a moment before it is old",     3600 * S - 1, 0,       false, true},
        {"old",                           3600 * S,     0,       true,  true},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t now_ns = NOW_NS + rows[i].after_ns;
        if (auth_signing_wait_ns(NOW_NS, 120 * S, now_ns) != rows[i].wait_ns ||
            auth_signing_is_old(NOW_NS, 3600 * S, now_ns) != rows[i].is_old ||
            auth_signing_is_over(NOW_NS, now_ns) != rows[i].is_over)
            fail_msg("%s", rows[i].given);
    }
    // A clock that went back behind the key's making makes nobody hurry.
    assert_int_equal(auth_signing_wait_ns(NOW_NS, 120 * S, NOW_NS - 1), 120 * S);
    assert_false(auth_signing_is_old(NOW_NS, 3600 * S, NOW_NS - 1));
    assert_false(auth_signing_is_over(NOW_NS, NOW_NS - 1));
}

// ---- Rotating ------------------------------------------------------------------------------

/// open_house: a moment after its keys were made.
static int open_house(void **state)
{
    int rc = house_open(state);
    house_wait(*state, 1);
    return rc;
}

static struct status rotate(struct caller *caller, Auth__RotateSigningKeysResponse **ret)
{
    Auth__RotateSigningKeysRequest request = AUTH__ROTATE_SIGNING_KEYS_REQUEST__INIT;
    return caller_call(caller, AUTH_ROTATE_SIGNING_KEYS, &request, ret);
}

/// kids gives the kids of the JWKS, each followed by a blank.
static const char *kids(struct caller *caller)
{
    Auth__GetJwksRequest request = AUTH__GET_JWKS_REQUEST__INIT;
    Auth__Jwks *jwks = NULL;
    assert_status_ok(caller_call(caller, AUTH_GET_JWKS, &request, &jwks));
    char *list = arena_text(caller->arena, "", 0);
    for (size_t i = 0; i < jwks->n_keys; i++)
        list = arena_format(caller->arena, "%s%s ", list, jwks->keys[i]->kid);
    return list;
}

static size_t kid_count(struct caller *caller)
{
    const char *list = kids(caller);
    assert_int_equal(strlen(list) % KEY_ID_TEXT_BYTES, 0);
    return strlen(list) / KEY_ID_TEXT_BYTES;
}

/// new_token logs in and says by which key the token is signed.
static const char *new_token(struct caller *caller, const char **ret_kid)
{
    Auth__LoginResponse *login = NULL;
    struct token_parts parts;
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
    assert_status_ok(token_parse(bytes_of_text(login->access_token), &parts));
    *ret_kid = arena_text(caller->arena, parts.kid, strlen(parts.kid));
    return login->access_token;
}

static void test_a_rotation_moves_every_key_on_and_loses_no_token(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__RotateSigningKeysResponse *first = NULL, *second = NULL;
    const char *old_kid, *kid;
    (void)house_new_user(caller, asha);
    const char *old_token = new_token(caller, &old_kid);
    assert_int_equal(kid_count(caller), 2);
    house_wait(house, 120);
    uint64_t before = house_event_head(house);
    const char *told_before = kids(caller);
    assert_status_ok(rotate(caller, &first));
    assert_string_equal(house_events(caller, before), "auth.keys.rotated ");
    assert_non_null(strstr(told_before, first->active_kid)); // It signs what everybody knows,
    assert_null(strstr(told_before, first->next_kid));       // and nobody knew the new one.
    assert_non_null(strstr(kids(caller), first->next_kid));
    assert_int_equal(kid_count(caller), 3);
    (void)new_token(caller, &kid);
    assert_string_equal(kid, first->active_kid);
    assert_string_not_equal(kid, old_kid);
    caller_be(caller, old_token); // Of the retired key, and still good.

    house_wait(house, 120);
    assert_status_ok(rotate(caller, &second));
    assert_string_equal(second->active_kid, first->next_kid);
    assert_int_equal(kid_count(caller), 4);
    (void)new_token(caller, &kid);
    assert_string_equal(kid, second->active_kid);
    house_reopen(house); // A restart changes nothing of it.
    assert_int_equal(kid_count(caller), 4);
    (void)new_token(caller, &kid);
    assert_string_equal(kid, second->active_kid);
}

static void test_a_key_does_not_sign_before_it_has_been_told_for_a_while(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__RotateSigningKeysResponse *rotated = NULL;
    const char *kid;
    (void)house_new_user(caller, asha);
    house_wait(house, 120);
    assert_status_ok(rotate(caller, &rotated));
    const char *told = kids(caller);
    uint64_t before = house_event_head(house);
    assert_refused(rotate(caller, &rotated), "KEY_TOO_NEW");
    assert_int_equal(caller->call.retry_after_ms, 120000);
    house_wait(house, 119);
    assert_refused(rotate(caller, &rotated), "KEY_TOO_NEW");
    assert_int_equal(caller->call.retry_after_ms, 1000);
    assert_string_equal(kids(caller), told);
    assert_string_equal(house_events(caller, before), "");
    (void)new_token(caller, &kid);
    assert_string_equal(kid, rotated->active_kid);
    house_wait(house, 1);
    assert_status_ok(rotate(caller, &rotated));
}

static void test_retired_keys_go_when_nothing_of_theirs_is_alive(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__RotateSigningKeysResponse *rotated = NULL;
    const char *kid;
    (void)house_new_user(caller, asha);
    (void)new_token(caller, &kid);
    house_wait(house, 120);
    assert_status_ok(rotate(caller, &rotated));
    house_wait(house, 899);
    assert_status_ok(auth_tend_keys(&house->service, house->now_ns));
    assert_non_null(strstr(kids(caller), kid));
    house_wait(house, 1);
    uint64_t before = house_event_head(house);
    assert_status_ok(auth_tend_keys(&house->service, house->now_ns));
    assert_null(strstr(kids(caller), kid));
    assert_int_equal(kid_count(caller), 2);
    assert_string_equal(house_events(caller, before), "");
    house_reopen(house);
    assert_int_equal(kid_count(caller), 2);
}

static void test_keys_rotate_by_age(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    const char *first, *second;
    (void)house_new_user(caller, asha);
    house->service.policy.signing_key_age_ns = 3600 * S;
    (void)new_token(caller, &first);
    house_wait(house, 3500);
    uint64_t before = house_event_head(house);
    assert_status_ok(auth_tend_keys(&house->service, house->now_ns));
    assert_string_equal(house_events(caller, before), "");
    house_wait(house, 100);
    assert_status_ok(auth_tend_keys(&house->service, house->now_ns));
    assert_status_ok(auth_tend_keys(&house->service, house->now_ns)); // Once.
    assert_string_equal(house_events(caller, before), "auth.keys.rotated ");
    (void)new_token(caller, &second);
    assert_string_not_equal(first, second);
    assert_int_equal(kid_count(caller), 3);
    house_wait(house, 3600);
    assert_status_ok(auth_tend_keys(&house->service, house->now_ns));
    assert_null(strstr(kids(caller), first)); // The rotation forgets what is over, too.
    assert_int_equal(kid_count(caller), 3);
}

static void test_there_is_an_end_to_rotating_and_it_is_a_refusal(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__RotateSigningKeysResponse *rotated = NULL;
    const char *kid;
    (void)house_new_user(caller, asha);
    house->service.policy.signing_key_lead_ns = S;
    for (size_t i = 2; i < AUTH_SIGNING_KEYS_MAX; i++) {
        house_wait(house, 1);
        assert_status_ok(rotate(caller, &rotated));
    }
    assert_int_equal(kid_count(caller), AUTH_SIGNING_KEYS_MAX);
    house_wait(house, 1);
    assert_refused(rotate(caller, &rotated), "TOO_MANY_KEYS");
    (void)new_token(caller, &kid);
    assert_string_equal(kid, rotated->active_kid);
    house_wait(house, 900);
    assert_status_ok(rotate(caller, &rotated));
    assert_int_equal(kid_count(caller), 3);
}

// ---- While others sign ---------------------------------------------------------------------

struct signer {
    pthread_t thread;
    struct house *house;
    atomic_bool *stop;
    size_t signed_count;
};

/// Signs, and finds the key that it signed with, as quickly as it can.
static void *keep_signing(void *context)
{
    struct signer *signer = context;
    struct auth_signing *signing = signer->house->service.signing;
    while (!atomic_load(signer->stop)) {
        uint8_t public_key[KEY_PUBLIC_BYTES], signature[KEY_SIGNATURE_BYTES];
        char kid[KEY_ID_TEXT_BYTES];
        struct bytes text = bytes_of_text("text");
        CLEANUP(auth_signing_release)
        const struct auth_signing_set *set = auth_signing_hold(signing);
        key_id(key_signer_public(auth_signing_active(set)), kid);
        key_sign(auth_signing_active(set), text, signature);
        if (!auth_signing_find(signing, kid, public_key)) return NULL;
        if (!key_verify(public_key, text, signature)) return NULL;
        signer->signed_count++;
    }
    return signer;
}

static void test_rotations_and_signatures_do_not_disturb_each_other(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct signer signers[4];
    atomic_bool stop = false;
    Auth__RotateSigningKeysResponse *rotated = NULL;
    for (size_t i = 0; i < ROWS(signers); i++) {
        signers[i] = (struct signer){.house = house, .stop = &stop};
        assert_int_equal(pthread_create(&signers[i].thread, NULL, keep_signing, &signers[i]), 0);
    }
    // Within the minutes in which no key is forgotten: whatever was held is still told.
    house->service.policy.signing_key_lead_ns = S;
    for (size_t i = 2; i < AUTH_SIGNING_KEYS_MAX; i++) {
        house_wait(house, 1);
        assert_status_ok(rotate(caller, &rotated));
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < ROWS(signers); i++) {
        void *result = NULL;
        pthread_join(signers[i].thread, &result);
        assert_non_null(result);
        assert_true(signers[i].signed_count > 0);
    }
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, open_house, house_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_move_as_the_table_says_and_not_otherwise),
        cmocka_unit_test(test_when_a_key_may_sign_is_old_and_is_over),
        TEST(test_a_rotation_moves_every_key_on_and_loses_no_token),
        TEST(test_a_key_does_not_sign_before_it_has_been_told_for_a_while),
        TEST(test_retired_keys_go_when_nothing_of_theirs_is_alive),
        TEST(test_keys_rotate_by_age),
        TEST(test_there_is_an_end_to_rotating_and_it_is_a_refusal),
        TEST(test_rotations_and_signatures_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
