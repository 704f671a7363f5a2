#include "tests/unit/auth/people.h"

#include "common/base/check.h"

struct status people_put(const struct auth_service *service, struct store_txn *txn,
                         const struct person *person, uint64_t now_ns, struct id128 *ret)
{
    struct auth_user user =
        auth_service_new_user(person->role != NULL ? person->role : "customer", now_ns);
    const char *name = person->full_name != NULL ? person->full_name : "Asha Verma";
    struct auth_person known = {.fields = {[AUTH_PERSON_EMAIL] = person->email,
                                           [AUTH_PERSON_MOBILE] = person->mobile,
                                           [AUTH_PERSON_FULL_NAME] = name}};
    if (person->other_role != NULL) auth_roles_add(&user.roles, person->other_role);
    if (person->branch != NULL) snprintf(user.branch, sizeof user.branch, "%s", person->branch);
    if (person->kind > 0) user.kind = person->kind;
    if (person->state > 0) user.state = person->state;
    if (person->email != NULL) user.channels |= 1U << AUTH_EMAIL;
    if (person->mobile != NULL) user.channels |= 1U << AUTH_MOBILE;
    *ret = user.id;
    return auth_store_put_new_user(service->auth, txn, &user, &known);
}

struct new_person {
    struct house *house;
    const struct person *person;
    struct id128 id;
};

static struct status run_new(struct store_txn *txn, void *context)
{
    struct new_person *new = context;
    return people_put(&new->house->service, txn, new->person, new->house->now_ns, &new->id);
}

struct id128 people_new(struct house *house, const struct person *person)
{
    struct new_person new = {.house = house, .person = person};
    assert_status_ok(store_write_wait(house->store, run_new, &new));
    return new.id;
}

struct new_session {
    struct house *house;
    struct id128 user_id;
    struct auth_client client;
    struct auth_session session;
};

static struct status run_begin(struct store_txn *txn, void *context)
{
    struct new_session *new = context;
    struct auth_user user;
    struct auth_assurance assurance = {.aal = 2, .amr = TOKEN_AMR_PWD | TOKEN_AMR_OTP};
    RETURN_IF_ERROR(auth_store_get_user(txn, new->user_id, &user));
    auth_session_begin(&new->house->service, txn, &user, &new->client, assurance,
                       new->house->now_ns, &new->session);
    return STATUS_SUCCESS;
}

struct auth_session people_begin(struct house *house, struct id128 user_id, const char *device)
{
    struct new_session new = {.house = house,
                              .user_id = user_id,
                              .client = {.device = device, .user_agent = "", .ip = "192.0.2.7"}};
    assert_status_ok(store_write_wait(house->store, run_begin, &new));
    return new.session;
}

struct refreshing {
    struct id128 id;
    uint64_t at_ns;
};

static struct status run_refreshed(struct store_txn *txn, void *context)
{
    const struct refreshing *refreshing = context;
    struct auth_session session;
    RETURN_IF_ERROR(auth_store_get_session(txn, refreshing->id, &session));
    session.rotated_at_ns = refreshing->at_ns;
    return auth_store_update_session(txn, &session);
}

void people_refreshed(struct house *house, struct id128 session_id, uint64_t at_ns)
{
    struct refreshing refreshing = {session_id, at_ns};
    assert_status_ok(store_write_wait(house->store, run_refreshed, &refreshing));
}

struct auth_user people_get(struct house *house, struct id128 user_id)
{
    struct auth_user user;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_store_get_user(txn, user_id, &user));
    memset(user.sealed, 0, sizeof user.sealed); // They end with the snapshot.
    return user;
}

void people_be(struct caller *caller, struct id128 user_id, struct id128 session_id)
{
    struct auth_user user = people_get(caller->house, user_id);
    caller->claims = (struct token_claims){.subject = user_id,
                                           .aal = 1,
                                           .session_id = session_id,
                                           .user_version = user.rights_version,
                                           .role_count = (uint8_t)user.roles.count};
    memcpy(caller->claims.roles, user.roles.names, sizeof user.roles.names);
    memcpy(caller->claims.branch, user.branch, sizeof user.branch);
    caller->is_authenticated = true;
    caller->scope = RPC_SCOPE_ALL;
}

bool people_is_alive(struct house *house, const struct token_claims *claims)
{
    bool is_alive = false;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_session_is_alive(txn, claims->session_id, claims->user_version,
                                           house->now_ns, &is_alive));
    return is_alive;
}

static struct status run_put_branch(struct store_txn *txn, void *context)
{
    auth_store_put_branch(txn, context);
    return STATUS_SUCCESS;
}

void people_put_branch(struct house *house, const char *code, enum auth_branch_status status)
{
    struct auth_branch branch = {.status = status, .revision = {.version = 1}};
    snprintf(branch.code, sizeof branch.code, "%s", code);
    snprintf(branch.name, sizeof branch.name, "Branch %s", code);
    assert_status_ok(store_write_wait(house->store, run_put_branch, &branch));
}

ProtobufCBinaryData people_id(const struct id128 *id)
{
    return (ProtobufCBinaryData){ID128_BYTES, (uint8_t *)(uintptr_t)id->bytes};
}
