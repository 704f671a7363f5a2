// Programs: API keys and service accounts.
#include "tests/crash/scene.h"

#define HOME_IP "192.0.2.1"

static void be_asha(struct scene *scene)
{
    scene->user_id = people_new(scene->house, &(struct person){.email = ASHA});
    people_be(scene->caller, scene->user_id, id_of(0x77));
    scene->caller->scope = RPC_SCOPE_SELF;
}

static struct status create(struct scene *scene)
{
    Auth__ApiKeyWithSecret *made = NULL;
    RETURN_IF_ERROR(keys_create(scene->caller, &(struct asked_key){0}, &made));
    scene->id = id128_of(made->api_key->id.data);
    SCENE_KEEP(scene->token, made->key);
    return STATUS_SUCCESS;
}

static void have_a_key(struct scene *scene)
{
    be_asha(scene);
    assert_status_ok(create(scene));
}

static struct status use(struct scene *scene)
{
    Auth__IssueTokenResponse *issued = NULL;
    return keys_exchange(scene->caller, scene->token, HOME_IP, &issued);
}

static struct auth_api_key stored(struct scene *scene)
{
    struct auth_api_key key;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(scene->house->store, &txn));
    assert_status_ok(auth_store_get_api_key(txn, scene->id, &key));
    return key;
}

static void check_used(struct scene *scene)
{
    assert_true(stored(scene).last_used_at_ns > 0);
}

static struct status use_wrongly(struct scene *scene)
{
    char wrong[AUTH_API_KEY_TEXT_BYTES], digits[AUTH_API_KEY_SECRET_DIGITS + 1];
    memset(digits, '0', AUTH_API_KEY_SECRET_DIGITS);
    digits[AUTH_API_KEY_SECRET_DIGITS] = '\0';
    auth_api_key_write(id_of(0x55), digits, wrong);
    Auth__IssueTokenResponse *issued = NULL;
    return keys_exchange(scene->caller, wrong, HOME_IP, &issued);
}

static void guess(struct scene *scene)
{
    be_asha(scene);
    scene->house->service.policy.address_failures.burst = 3;
    scene_ask(scene, use_wrongly, 2, "INVALID_CREDENTIALS");
}

static struct status with_key(struct scene *scene,
                              struct status (*ask)(struct caller *caller, const Auth__ApiKey *key))
{
    Auth__ApiKey key = AUTH__API_KEY__INIT;
    key.id = people_id(&scene->id);
    return ask(scene->caller, &key);
}

static struct status ask_rotation(struct caller *caller, const Auth__ApiKey *key)
{
    Auth__ApiKeyWithSecret *made = NULL;
    return keys_rotate(caller, key, 0, &made);
}

static struct status rotate(struct scene *scene)
{
    return with_key(scene, ask_rotation);
}

static struct status revoke(struct scene *scene)
{
    return with_key(scene, keys_revoke);
}

static void check_old_secret_over(struct scene *scene)
{
    scene_ask(scene, use, 1, "INVALID_CREDENTIALS");
}

static void check_revoked(struct scene *scene)
{
    assert_int_equal(stored(scene).state, AUTH_API_KEY_REVOKED);
    scene_ask(scene, use, 1, "INVALID_CREDENTIALS");
    scene_ask(scene, rotate, 1, "API_KEY_ENDED");
}

static void be_admin(struct scene *scene)
{
    scene_staff(scene, "admin");
}

static struct status create_account(struct scene *scene)
{
    Auth__CreateServiceAccountRequest request = AUTH__CREATE_SERVICE_ACCOUNT_REQUEST__INIT;
    request.name = text_of("cash machine");
    return caller_call(scene->caller, AUTH_CREATE_SERVICE_ACCOUNT, &request, NULL);
}

static void check_account(struct scene *scene)
{
    assert_int_equal(door_gauge(scene->caller, AUTH_GAUGE_USERS_ACTIVE),
                     1); // people_new counts none.
}

// clang-format off
const struct deed deeds_program[] = {
    {"program: a key is made", be_asha, create, NULL, "auth.apikey.created ", NULL, NULL},
    {"program: a key is used first", have_a_key, use, NULL, "", check_used, NULL},
    {"program: the last wrong key allowed", guess, use_wrongly, "INVALID_CREDENTIALS", "", NULL, "RATE_LIMITED"},
    {"program: a key is rotated", have_a_key, rotate, NULL, "auth.apikey.rotated ", check_old_secret_over, NULL},
    {"program: a key is revoked", have_a_key, revoke, NULL, "auth.apikey.revoked auth.session.ended ", check_revoked, NULL},
    {"program: an account is made", be_admin, create_account, NULL, "auth.user.created ", check_account, NULL},
};
// clang-format on
const size_t deeds_program_count = ROWS(deeds_program);
