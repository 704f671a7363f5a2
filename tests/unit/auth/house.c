#include "tests/unit/auth/house.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/daemon/roles.h"
#include "common/rpc/pack.h"
#include "common/rpc/page.h"
#include "common/rpc/server.h"
#include "common/rpc/validate.h"
#include "florin/event/v1/event.pb-c.h"

#include <sys/stat.h>
#include <unistd.h>

// ---- Opening and closing -------------------------------------------------------------------

void house_open_store(struct house *house)
{
    char path[HOUSE_PATH_BYTES + 16], keys[HOUSE_PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/auth", house->directory);
    snprintf(keys, sizeof keys, "%s/keys", house->directory);
    const struct store_schema *schemas[] = {&event_store_schema, &rpc_store_schema,
                                            &auth_store_schema};
    struct store_config config = {.directory = path, .map_bytes = UINT64_C(256) << 20};
    assert_status_ok(store_open(&config, schemas, ROWS(schemas), &house->store));
    assert_status_ok(event_outbox_open(house->store, "auth", &house->outbox));
    assert_status_ok(auth_service_open(house->store, keys, &auth_policy_default, &house->service));
}

void house_close_store(struct house *house)
{
    store_close(&house->store);
    event_outbox_close(&house->outbox);
    auth_service_close(&house->service);
}

void house_reopen(struct house *house)
{
    house_close_store(house);
    house_open_store(house);
}

int house_open(void **state)
{
    static const uint8_t page_key[32] = {1};
    struct house *house = calloc(1, sizeof *house);
    CHECK(house != NULL);
    assert_status_ok(crypto_open());
    page_open(page_key);
    directory_make("auth", house->directory, sizeof house->directory);
    char keys[HOUSE_PATH_BYTES + 16];
    snprintf(keys, sizeof keys, "%s/keys", house->directory);
    CHECK(mkdir(keys, 0700) == 0);
    house->now_ns = clock_wall_ns();
    house_open_store(house);
    house->caller = caller_open(house);
    *state = house;
    return 0;
}

int house_close(void **state)
{
    struct house *house = *state;
    caller_close(house->caller);
    house_close_store(house);
    directory_remove(house->directory);
    free(house);
    return 0;
}

void house_wait(struct house *house, uint64_t seconds)
{
    atomic_fetch_add(&house->now_ns, seconds * AUTH_SECOND_NS);
}

// ---- Calling -------------------------------------------------------------------------------

struct caller *caller_open(struct house *house)
{
    struct caller *caller = calloc(1, sizeof *caller);
    CHECK(caller != NULL);
    *caller = (struct caller){.house = house,
                              .scope = RPC_SCOPE_ALL,
                              .arena = arena_open((size_t)256 << 20),
                              .client_ip = "192.0.2.1",
                              .device_id = ""};
    return caller;
}

void caller_close(struct caller *caller)
{
    arena_close(&caller->arena);
    free(caller);
}

struct write_job {
    struct rpc_call *call;
    rpc_handler handler;
    struct status status;
};

/// As the executor does: a refusal that is to be committed is kept beside an OK.
static struct status run_write(struct store_txn *txn, void *context)
{
    struct write_job *job = context;
    job->call->violations.count = job->call->detail_count = 0;
    job->call->refusal_committed = false;
    job->status = job->handler(job->call, txn);
    return job->call->refusal_committed ? STATUS_SUCCESS : job->status;
}

static struct status run(struct caller *caller, rpc_handler handler)
{
    struct house *house = caller->house;
    struct rpc_call *call = &caller->call;
    if (call->method->access == RPC_ACCESS_POOL) return handler(call, NULL);
    if (call->method->access == RPC_ACCESS_WRITE) {
        struct write_job job = {.call = call, .handler = handler};
        RETURN_IF_ERROR(store_write_wait(house->store, run_write, &job));
        return job.status;
    }
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(house->store, &txn));
    return handler(call, txn);
}

/// Other permissions than the method's: as the caller's built-in roles grant them.
static enum rpc_scope authorize(void *context, const struct token_claims *claims,
                                const char *permission)
{
    (void)context;
    return role_claims_scope(claims, permission);
}

static const struct rpc_identity identity = {.authorize = authorize};

struct status caller_call(struct caller *caller, enum auth_method_index method, const void *request,
                          void *ret_reply)
{
    struct rpc_call *call = &caller->call;
    *call = (struct rpc_call){
        .method = &auth_methods[method],
        .service = &caller->house->service,
        .arena = caller->arena,
        .claims = caller->claims,
        .is_authenticated = caller->is_authenticated,
        .scope = caller->scope,
        .identity = &identity,
        .idempotency_key = "",
        .access_token = "",
        .traceparent = "",
        .request_id = "house",
        .client_ip = caller->client_ip,
        .device_id = caller->device_id,
        .received_wall_ns = caller->house->now_ns,
    };
    struct bytes wire; // Through the wire and the validator, as every request comes.
    RETURN_IF_ERROR(rpc_pack(request, caller->arena, &wire));
    RETURN_IF_ERROR(
        rpc_decode(call->method->request, wire, caller->arena, &call->request, &call->violations));
    RETURN_IF_ERROR(run(caller, auth_handlers[method]));
    CHECK(call->reply != NULL && call->reply->descriptor == call->method->reply->descriptor);
    if (ret_reply != NULL) memcpy(ret_reply, &call->reply, sizeof call->reply);
    return STATUS_SUCCESS;
}

static bool look_up(void *context, const char *kid, uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                    char ret_issuer[static TOKEN_ISSUER_BYTES_MAX])
{
    const struct house *house = context;
    snprintf(ret_issuer, TOKEN_ISSUER_BYTES_MAX, "florin-auth");
    return auth_signing_find(house->service.signing, kid, ret_public_key);
}

void caller_be(struct caller *caller, const char *access_token)
{
    struct house *house = caller->house;
    assert_status_ok(token_verify(bytes_of_text(access_token), house->now_ns / AUTH_SECOND_NS,
                                  look_up, house, &caller->claims));
    caller->is_authenticated = true;
}

void caller_be_nobody(struct caller *caller)
{
    caller->claims = (struct token_claims){0};
    caller->is_authenticated = false;
}

// ---- What people do ------------------------------------------------------------------------

struct status house_register(struct caller *caller, const char *email, const char *mobile,
                             struct id128 *ret_id)
{
    Auth__RegisterRequest request = AUTH__REGISTER_REQUEST__INIT;
    Auth__RegisterResponse *reply = NULL;
    request.email = text_of(email);
    request.mobile = text_of(mobile);
    request.password = text_of(PASSWORD);
    request.full_name = text_of("Ashavari Vermillon");
    RETURN_IF_ERROR(caller_call(caller, AUTH_REGISTER_USER, &request, &reply));
    *ret_id = id128_of(reply->registration_id.data);
    return STATUS_SUCCESS;
}

struct status house_verify(struct caller *caller, struct id128 id, const char *channel,
                           const char *code, Auth__VerifyRegistrationResponse **ret)
{
    Auth__VerifyRegistrationRequest request = AUTH__VERIFY_REGISTRATION_REQUEST__INIT;
    request.registration_id = (ProtobufCBinaryData){ID128_BYTES, id.bytes};
    request.channel = text_of(channel);
    request.code = text_of(code);
    return caller_call(caller, AUTH_VERIFY_REGISTRATION, &request, ret);
}

struct status house_resend(struct caller *caller, struct id128 id, const char *channel)
{
    Auth__ResendRegistrationRequest request = AUTH__RESEND_REGISTRATION_REQUEST__INIT;
    request.registration_id = (ProtobufCBinaryData){ID128_BYTES, id.bytes};
    request.channel = text_of(channel);
    return caller_call(caller, AUTH_RESEND_REGISTRATION, &request, NULL);
}

struct status house_login(struct caller *caller, const char *identifier, const char *password,
                          const char *device, Auth__LoginResponse **ret)
{
    Auth__LoginRequest request = AUTH__LOGIN_REQUEST__INIT;
    request.identifier = text_of(identifier);
    request.password = text_of(password);
    request.device = text_of(device);
    return caller_call(caller, AUTH_LOGIN, &request, ret);
}

struct status house_refresh(struct caller *caller, const char *refresh_token, const char *device,
                            Auth__IssueTokenResponse **ret)
{
    Auth__IssueTokenRequest request = AUTH__ISSUE_TOKEN_REQUEST__INIT;
    request.grant_type = text_of("refresh_token");
    request.refresh_token = text_of(refresh_token);
    request.device = text_of(device);
    return caller_call(caller, AUTH_ISSUE_TOKEN, &request, ret);
}

struct id128 house_new_user(struct caller *caller, const char *email)
{
    struct id128 id;
    Auth__VerifyRegistrationResponse *reply = NULL;
    assert_status_ok(house_register(caller, email, "", &id));
    assert_status_ok(house_verify(caller, id, "email", house_code(caller, email), &reply));
    assert_int_equal(reply->user_id.len, ID128_BYTES);
    return id128_of(reply->user_id.data);
}

struct user_change {
    struct id128 id;
    enum auth_user_state state;
    const char *added_role;
};

static struct status change_user(struct store_txn *txn, void *context)
{
    const struct user_change *change = context;
    struct auth_user user;
    RETURN_IF_ERROR(auth_store_get_user(txn, change->id, &user));
    user.state = change->state;
    if (change->added_role != NULL) auth_roles_add(&user.roles, change->added_role);
    auth_store_put_user(txn, &user);
    return STATUS_SUCCESS;
}

void house_set_user(struct house *house, struct id128 id, enum auth_user_state state,
                    const char *added_role)
{
    struct user_change change = {id, state, added_role};
    assert_status_ok(store_write_wait(house->store, change_user, &change));
}

// ---- What can be seen ----------------------------------------------------------------------

size_t house_messages(struct caller *caller, const char *to, struct auth_message *ret_last)
{
    enum { MAX = 512 };

    struct auth_message *messages = calloc(MAX, sizeof *messages);
    CHECK(messages != NULL);
    size_t count = 0, found = 0;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(caller->house->store, &txn));
    assert_status_ok(auth_store_get_messages(caller->house->service.auth, txn, &AUTH_MESSAGES_ALL,
                                             caller->arena, messages, MAX, &count));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(messages[i].to, to) != 0) continue;
        *ret_last = messages[i];
        found++;
    }
    free(messages);
    return found;
}

const char *house_code(struct caller *caller, const char *to)
{
    struct auth_message last = {0};
    CHECK(house_messages(caller, to, &last) > 0);
    CHECK(strlen(last.code) == AUTH_CODE_DIGITS);
    return last.code;
}

uint64_t house_event_head(const struct house *house)
{
    return event_outbox_head(house->outbox);
}

const char *house_events(struct caller *caller, uint64_t after_seq)
{
    char *types = arena_text(caller->arena, "", 0);
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(caller->house->store, &txn));
    for (uint64_t seq = after_seq + 1; seq <= house_event_head(caller->house); seq++) {
        uint8_t key[8];
        struct bytes row;
        Eventlog__Event *event = NULL;
        put_u64_be(key, seq);
        assert_status_ok(store_get(txn, STORE_TABLE_EVENT_FIRST, bytes_of(key, sizeof key), &row));
        assert_status_ok(rpc_unpack(&eventlog__event__descriptor, row, caller->arena, &event));
        bool is_refused = strcmp(event->outcome, "refused") == 0;
        types = arena_format(caller->arena, "%s%s%s%s ", types, event->type, is_refused ? "!" : "",
                             event->reason);
    }
    return types;
}

struct auth_session house_session(struct house *house, struct id128 id)
{
    struct auth_session session;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_store_get_session(txn, id, &session));
    return session;
}
