// What staff changes: users, rights, keys; and the messages that leave.
#include "services/auth/outbox.h"
#include "tests/crash/scene.h"

#include <unistd.h>

// ---- Users --------------------------------------------------------------------------------------

static void serve_asha(struct scene *scene)
{
    scene_register(scene);
    SCENE_KEEP(scene->current, scene_login(scene, "phone"));
    scene_staff(scene, "admin");
}

static struct status block(struct scene *scene)
{
    Auth__BlockUserRequest request = AUTH__BLOCK_USER_REQUEST__INIT;
    request.id = people_id(&scene->user_id);
    request.reason = text_of("phone stolen");
    return caller_call(scene->caller, AUTH_BLOCK_USER, &request, NULL);
}

static struct status unblock(struct scene *scene)
{
    Auth__UnblockUserRequest request = AUTH__UNBLOCK_USER_REQUEST__INIT;
    request.id = people_id(&scene->user_id);
    request.reason = text_of("phone found");
    return caller_call(scene->caller, AUTH_UNBLOCK_USER, &request, NULL);
}

static struct status close_user(struct scene *scene)
{
    Auth__DeleteUserRequest request = AUTH__DELETE_USER_REQUEST__INIT;
    request.id = people_id(&scene->user_id);
    return caller_call(scene->caller, AUTH_DELETE_USER, &request, NULL);
}

static struct status login(struct scene *scene)
{
    Auth__LoginResponse *reply = NULL;
    return house_login(scene->caller, ASHA, PASSWORD, "phone", &reply);
}

static void check_out(struct scene *scene)
{
    Auth__IssueTokenResponse *issued = NULL;
    assert_refused(house_refresh(scene->caller, scene->current, "phone", &issued),
                   "SESSION_EXPIRED");
    assert_false(people_is_alive(scene->house, &scene->claims));
    scene_sessions(scene, 0);
}

static void check_blocked(struct scene *scene)
{
    scene_ask(scene, login, 1, "ACCOUNT_BLOCKED");
    check_out(scene);
}

static void check_closed(struct scene *scene)
{
    scene_ask(scene, login, 1, "INVALID_CREDENTIALS");
    check_out(scene);
}

static void have_blocked(struct scene *scene)
{
    serve_asha(scene);
    assert_status_ok(block(scene));
}

static void check_unblocked(struct scene *scene)
{
    assert_status_ok(login(scene));
}

static struct status set_roles(struct scene *scene)
{
    char *roles[] = {text_of("customer"), text_of("teller")};
    Auth__SetUserRolesRequest request = AUTH__SET_USER_ROLES_REQUEST__INIT;
    request.id = people_id(&scene->user_id);
    request.roles = roles;
    request.n_roles = ROWS(roles);
    return caller_call(scene->caller, AUTH_SET_USER_ROLES, &request, NULL);
}

static void check_roles(struct scene *scene)
{
    struct auth_user user = people_get(scene->house, scene->user_id);
    assert_int_equal(user.roles.count, 2);
    assert_false(people_is_alive(scene->house, &scene->claims)); // Tokens with the old rights.
}

// ---- Rights -------------------------------------------------------------------------------------

static void be_admin(struct scene *scene)
{
    scene_staff(scene, "admin");
}

static struct status create_role(struct scene *scene)
{
    Auth__Grant grant = AUTH__GRANT__INIT, *grants[] = {&grant};
    Auth__CreateRoleRequest request = AUTH__CREATE_ROLE_REQUEST__INIT;
    grant.permission = text_of("ledger.cash.deposit");
    grant.scope = AUTH__SCOPE__ALL;
    request.name = text_of("cash_desk");
    request.grants = grants;
    request.n_grants = 1;
    return caller_call(scene->caller, AUTH_CREATE_ROLE, &request, NULL);
}

static struct status create_feature(struct scene *scene)
{
    char *permissions[] = {text_of("ledger.cash.withdraw")};
    Auth__CreateFeatureRequest request = AUTH__CREATE_FEATURE_REQUEST__INIT;
    request.name = text_of("withdrawals");
    request.permissions = permissions;
    request.n_permissions = 1;
    return caller_call(scene->caller, AUTH_CREATE_FEATURE, &request, NULL);
}

static struct status create_branch(struct scene *scene)
{
    Auth__CreateBranchRequest request = AUTH__CREATE_BRANCH_REQUEST__INIT;
    request.code = text_of("pune-1");
    request.name = text_of("Pune, MG Road");
    return caller_call(scene->caller, AUTH_CREATE_BRANCH, &request, NULL);
}

// ---- Keys that sign -----------------------------------------------------------------------------

static void have_an_old_key(struct scene *scene)
{
    Auth__LoginResponse *reply = NULL;
    scene_register(scene);
    assert_status_ok(house_login(scene->caller, ASHA, PASSWORD, "phone", &reply));
    SCENE_KEEP(scene->token, reply->access_token);
    house_wait(scene->house, 121);
    scene_staff(scene, "ops");
}

static struct status rotate_keys(struct scene *scene)
{
    Auth__RotateSigningKeysRequest request = AUTH__ROTATE_SIGNING_KEYS_REQUEST__INIT;
    return caller_call(scene->caller, AUTH_ROTATE_SIGNING_KEYS, &request, NULL);
}

/// Tokens of the old key are good, and so are those that are issued now.
static void check_rotated(struct scene *scene)
{
    Auth__GetJwksRequest request = AUTH__GET_JWKS_REQUEST__INIT;
    Auth__Jwks *jwks = NULL;
    assert_status_ok(caller_call(scene->caller, AUTH_GET_JWKS, &request, &jwks));
    assert_int_equal(jwks->n_keys, 3);
    caller_be(scene->caller, scene->token);
    (void)scene_login(scene, "phone");
}

// ---- Messages -----------------------------------------------------------------------------------

static struct status deliver(struct scene *scene)
{
    int fd;
    size_t count;
    RETURN_IF_ERROR(auth_outbox_open(scene->house->directory, &fd));
    struct status status =
        auth_outbox_deliver(&scene->house->service, fd, scene->house->now_ns, &count);
    close(fd);
    return status;
}

static void have_a_message(struct scene *scene)
{
    assert_status_ok(house_register(scene->caller, ASHA, "", &scene->id));
    SCENE_KEEP(scene->code, house_code(scene->caller, ASHA));
}

/// Once, or twice when the first time was not known to be durable; each a line of its own.
static void check_delivered(struct scene *scene)
{
    struct auth_message unused = {0};
    char path[HOUSE_PATH_BYTES + 32], line[2048];
    unsigned whole = 0;
    assert_int_equal(house_messages(scene->caller, ASHA, &unused), 0);
    snprintf(path, sizeof path, "%s/messages.jsonl", scene->house->directory);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        bool is_whole = line[0] == '{' && strcmp(line + strlen(line) - 2, "}\n") == 0;
        if (is_whole) assert_non_null(strstr(line, scene->code));
        whole += is_whole;
    }
    fclose(file);
    assert_in_range(whole, 1, 2);
}

// ---- All of them --------------------------------------------------------------------------------

#define ENDED "auth.session.ended "

// clang-format off
const struct deed deeds_office[] = {
    {"office: a user is blocked", serve_asha, block, NULL, "auth.user.blocked " ENDED, check_blocked, "USER_BLOCKED"},
    {"office: a user is unblocked", have_blocked, unblock, NULL, "auth.user.unblocked ", check_unblocked, "USER_NOT_BLOCKED"},
    {"office: a user is closed",       serve_asha,      close_user,     NULL, "auth.user.closed " ENDED,  check_closed,    NULL},
    {"office: roles are given",        serve_asha,      set_roles,      NULL, "auth.user.roles_changed ", check_roles,     NULL},
    {"office: a role is made",         be_admin,        create_role,    NULL, "auth.role.changed ",       NULL,            "ROLE_EXISTS"},
    {"office: a feature is made", be_admin, create_feature, NULL, "auth.feature.changed ", NULL, "FEATURE_EXISTS"},
    {"office: a branch is made", be_admin, create_branch, NULL, "auth.branch.changed ", NULL, "BRANCH_EXISTS"},
    {"office: signing keys rotate",    have_an_old_key, rotate_keys,    NULL, "auth.keys.rotated ",  check_rotated, "KEY_TOO_NEW"},
    {"office: a message is delivered", have_a_message,  deliver,        NULL, "",                         check_delivered, NULL},
};
// clang-format on
const size_t deeds_office_count = ROWS(deeds_office);
