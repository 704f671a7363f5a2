#include "tests/unit/daemon/fake_auth.h"

#include "common/base/text.h"
#include "common/daemon/identity.h"
#include "common/event/event.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/auth/v1/auth_methods.h"
#include "tests/unit/daemon/harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { DEAD_MAX = 64 };

struct order {
    uint32_t command;
    struct id128 id;
    uint64_t number;
};

struct key_signer *fake_auth_signer(uint8_t number)
{
    uint8_t seed[KEY_SEED_BYTES] = {number};
    struct key_signer *signer;
    CHECK(status_ok(key_signer_from_seed(seed, &signer)));
    return signer;
}

// ---- In auth's process ---------------------------------------------------------------------

struct fake {
    struct store *store;
    struct event_outbox *outbox;
    struct key_signer *signers[3];
    atomic_size_t key_count;
    struct id128 dead[DEAD_MAX];
    atomic_size_t dead_count;
    atomic_uint_fast64_t policy_version;
    atomic_bool role_grants;
};

static bool look_up(void *context, const char *kid, uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                    char ret_issuer[static TOKEN_ISSUER_BYTES_MAX])
{
    const struct fake *fake = context;
    for (size_t i = 0; i < atomic_load(&fake->key_count); i++) {
        char own[KEY_ID_TEXT_BYTES];
        key_id(key_signer_public(fake->signers[i]), own);
        if (strcmp(own, kid) != 0) continue;
        memcpy(ret_public_key, key_signer_public(fake->signers[i]), KEY_PUBLIC_BYTES);
        snprintf(ret_issuer, TOKEN_ISSUER_BYTES_MAX, "florin-auth");
        return true;
    }
    return false;
}

static bool is_dead(const struct fake *fake, struct id128 session_id)
{
    for (size_t i = 0; i < atomic_load(&fake->dead_count); i++)
        if (id128_equal(fake->dead[i], session_id)) return true;
    return false;
}

static struct status check(void *context, const struct token_claims *claims)
{
    return is_dead(context, claims->session_id)
               ? REFUSE(UNAUTHENTICATED, TOKEN_REVOKED, "the session has ended")
               : STATUS_SUCCESS;
}

static struct status get_jwks(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    const struct fake *fake = call->service;
    Auth__Jwks *reply = RPC_NEW(call, Auth__Jwks, auth__jwks__init);
    reply->n_keys = atomic_load(&fake->key_count);
    reply->keys = arena_alloc(call->arena, reply->n_keys * sizeof *reply->keys);
    for (size_t i = 0; i < reply->n_keys; i++) {
        const uint8_t *public_key = key_signer_public(fake->signers[i]);
        Auth__Jwk *key = reply->keys[i] = RPC_NEW(call, Auth__Jwk, auth__jwk__init);
        key->kty = "OKP";
        key->crv = "Ed25519";
        key->alg = "EdDSA";
        key->use = "sig";
        key->kid = arena_alloc(call->arena, KEY_ID_TEXT_BYTES);
        key_id(public_key, key->kid);
        key->x = arena_alloc(call->arena, BASE64URL_TEXT_BYTES(KEY_PUBLIC_BYTES));
        base64url_encode(public_key, KEY_PUBLIC_BYTES, key->x);
    }
    return rpc_call_reply(call, reply);
}

static struct status check_session(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    const Auth__CheckSessionRequest *request = call->request;
    Auth__CheckSessionResponse *reply =
        RPC_NEW(call, Auth__CheckSessionResponse, auth__check_session_response__init);
    const struct fake *fake = call->service;
    reply->alive = !is_dead(call->service, id128_of(request->session_id.data));
    reply->policy_version = atomic_load(&fake->policy_version);
    return rpc_call_reply(call, reply);
}

struct fake_role {
    Auth__Grant grant, *grants[1];
    Auth__Role role;
};

static void fill_role(struct fake_role *fake, bool has_grant)
{
    *fake = (struct fake_role){.grant = AUTH__GRANT__INIT, .role = AUTH__ROLE__INIT};
    fake->grant.permission = FAKE_PERMISSION;
    fake->grant.scope = AUTH__SCOPE__ALL;
    fake->grants[0] = &fake->grant;
    fake->role.name = FAKE_ROLE;
    fake->role.grants = fake->grants;
    fake->role.n_grants = has_grant;
}

static struct status get_access_policy(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    const struct fake *fake = call->service;
    Auth__AccessPolicy *reply = RPC_NEW(call, Auth__AccessPolicy, auth__access_policy__init);
    struct fake_role *role = arena_alloc(call->arena, sizeof *role);
    fill_role(role, atomic_load(&fake->role_grants));
    reply->version = atomic_load(&fake->policy_version);
    reply->roles = arena_alloc(call->arena, sizeof *reply->roles);
    reply->roles[0] = &role->role;
    reply->n_roles = 1;
    return rpc_call_reply(call, reply);
}

static struct status append(struct store_txn *txn, void *context)
{
    const struct order *order = context;
    uint8_t packed[256];
    struct event event = {.payload = {packed, 0}};
    ProtobufCBinaryData id = {.data = (uint8_t *)order->id.bytes, .len = ID128_BYTES};
    if (order->command == FAKE_END_SESSION) {
        Auth__SessionEnded ended = AUTH__SESSION_ENDED__INIT;
        ended.session_id = id;
        event.type = "auth.session.ended";
        event.payload.size = auth__session_ended__pack(&ended, packed);
    } else if (order->command == FAKE_GRANT || order->command == FAKE_GRANT_NOT) {
        Auth__AccessPolicyChanged changed = AUTH__ACCESS_POLICY_CHANGED__INIT;
        struct fake_role role;
        fill_role(&role, order->command == FAKE_GRANT);
        changed.version = order->number;
        changed.role = &role.role;
        event.type = "auth.role.changed";
        event.payload.size = auth__access_policy_changed__pack(&changed, packed);
    } else if (order->command == FAKE_ROTATE_ALOUD) {
        event.type = "auth.keys.rotated"; // What it says is not looked at.
    } else {
        Auth__UserVersionRaised raised = AUTH__USER_VERSION_RAISED__INIT;
        raised.user_id = id;
        raised.user_version = order->number;
        event.type = "auth.user.roles_changed";
        event.payload.size = auth__user_version_raised__pack(&raised, packed);
    }
    event_append(txn, &event);
    return STATUS_SUCCESS;
}

static void obey(struct fake *fake, struct order order)
{
    switch ((enum fake_command)order.command) {
    case FAKE_END_SESSION:
        CHECK(atomic_load(&fake->dead_count) < DEAD_MAX);
        fake->dead[atomic_load(&fake->dead_count)] = order.id; // Before others may look at it.
        atomic_fetch_add(&fake->dead_count, 1);
        CHECK(status_ok(store_write_wait(fake->store, append, &order)));
        break;
    case FAKE_RAISE_USER:
        CHECK(status_ok(store_write_wait(fake->store, append, &order)));
        break;
    case FAKE_ROTATE:
    case FAKE_ROTATE_ALOUD:
        atomic_store(&fake->key_count, (size_t)order.number);
        if (order.command == FAKE_ROTATE) break;
        CHECK(status_ok(store_write_wait(fake->store, append, &order)));
        break;
    case FAKE_GRANT:
    case FAKE_GRANT_NOT:
    case FAKE_GRANT_QUIETLY:
        atomic_store(&fake->role_grants, order.command != FAKE_GRANT_NOT);
        atomic_store(&fake->policy_version, order.number);
        if (order.command == FAKE_GRANT_QUIETLY) break;
        CHECK(status_ok(store_write_wait(fake->store, append, &order)));
        break;
    case FAKE_PING:
        break;
    }
}

static void serve(struct fake *fake, char **argv, bool with_events)
{
    static struct rpc_method methods[3];
    static const rpc_handler handlers[] = {get_jwks, check_session, get_access_policy};
    methods[0] = auth_methods[AUTH_GET_JWKS];
    methods[1] = auth_methods[AUTH_CHECK_SESSION];
    methods[2] = auth_methods[AUTH_GET_ACCESS_POLICY];
    struct identity_config identity_config = {.daemon_name = "auth",
                                              .keys_directory = argv[3],
                                              .local_lookup = look_up,
                                              .local_check = check,
                                              .local_context = fake};
    struct identity *identity;
    CHECK(status_ok(identity_open(&identity_config, &identity)));
    struct rpc_service services[] = {
        {.methods = methods, .handlers = handlers, .count = 3, .context = fake},
        event_outbox_service(fake->outbox)};
    const char *rpc_urls[] = {argv[4]}, *pub_urls[] = {argv[5]};
    struct rpc_server_config config = {.listen_urls = rpc_urls, .listen_url_count = 1};
    struct rpc_server *server;
    struct event_publisher *publisher;
    CHECK(status_ok(rpc_server_open(&config, fake->store, identity_rpc(identity), services,
                                    with_events ? 2 : 1, &server)));
    rpc_server_set_serving(server, true);
    if (with_events) {
        CHECK(status_ok(event_publisher_open(fake->outbox, pub_urls, 1, &config.tls, &publisher)));
    }
}

bool fake_auth_run(int argc, char **argv, int *ret_code)
{
    if (argc != 6 || strncmp(argv[1], "--fake-auth", strlen("--fake-auth")) != 0) return false;
    static struct fake fake;
    CHECK(status_ok(crypto_open()));
    for (uint8_t i = 0; i < 3; i++)
        fake.signers[i] = fake_auth_signer((uint8_t)(i + 1));
    atomic_init(&fake.key_count, 1);
    char path[FAKE_PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/store", argv[2]);
    const struct store_schema *schemas[] = {&event_store_schema};
    struct store_config config = {.directory = path, .map_bytes = UINT64_C(64) << 20};
    CHECK(status_ok(store_open(&config, schemas, 1, &fake.store)));
    CHECK(status_ok(event_outbox_open(fake.store, "auth", &fake.outbox)));
    serve(&fake, argv, strcmp(argv[1], "--fake-auth") == 0);
    struct order order;
    while (read(STDIN_FILENO, &order, sizeof order) == (ssize_t)sizeof order) {
        obey(&fake, order);
        CHECK(write(STDOUT_FILENO, "", 1) == 1);
    }
    *ret_code = 0;
    _exit(0);
}

// ---- In the test's process -----------------------------------------------------------------

void fake_auth_make(struct fake_auth *auth)
{
    *auth = (struct fake_auth){.to_fd = -1, .from_fd = -1};
    directory_make("identity", auth->directory, sizeof auth->directory);
    snprintf(auth->keys, sizeof auth->keys, "%s/keys", auth->directory);
    CHECK(mkdir(auth->keys, 0700) == 0);
    snprintf(auth->rpc_url, sizeof auth->rpc_url, "ipc://%s/auth.sock", auth->directory);
    snprintf(auth->pub_url, sizeof auth->pub_url, "ipc://%s/auth-events.sock", auth->directory);
    assert_status_ok(key_generate(auth->keys, "auth"));
    assert_status_ok(key_generate(auth->keys, "ledger"));
}

void fake_auth_remove(struct fake_auth *auth)
{
    fake_auth_kill(auth);
    directory_remove(auth->directory);
}

void fake_auth_start(struct fake_auth *auth, bool with_events)
{
    int to[2], from[2];
    CHECK(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
    auth->pid = fork();
    CHECK(auth->pid >= 0);
    if (auth->pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        execl("/proc/self/exe", "auth", with_events ? "--fake-auth" : "--fake-auth-mute",
              auth->directory, auth->keys, auth->rpc_url, auth->pub_url, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    auth->to_fd = to[1];
    auth->from_fd = from[0];
    fake_auth_tell(auth, FAKE_PING, ID128_NIL, 0); // It serves when it answers.
}

void fake_auth_hang(struct fake_auth *auth)
{
    int stopped;
    CHECK(kill(auth->pid, SIGSTOP) == 0);
    CHECK(waitpid(auth->pid, &stopped, WUNTRACED) == auth->pid && WIFSTOPPED(stopped));
}

void fake_auth_go_on(struct fake_auth *auth)
{
    CHECK(kill(auth->pid, SIGCONT) == 0);
}

void fake_auth_kill(struct fake_auth *auth)
{
    if (auth->pid <= 0) return;
    kill(auth->pid, SIGKILL);
    CHECK(waitpid(auth->pid, NULL, 0) == auth->pid);
    close(auth->to_fd);
    close(auth->from_fd);
    auth->pid = 0;
}

void fake_auth_tell(struct fake_auth *auth, enum fake_command command, struct id128 id,
                    uint64_t number)
{
    struct order order = {.command = (uint32_t)command, .id = id, .number = number};
    char done;
    CHECK(write(auth->to_fd, &order, sizeof order) == (ssize_t)sizeof order);
    CHECK(read(auth->from_fd, &done, 1) == 1);
}
