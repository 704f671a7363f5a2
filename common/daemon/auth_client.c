#include "common/daemon/auth_client.h"

#include "common/base/text.h"
#include "common/rpc/pack.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/auth/v1/auth_methods.h"

enum { ARENA_BYTES_MAX = 256 * 1024 };

#define JWKS_MALFORMED                                                                             \
    REFUSE(DATA_LOSS, JWKS_MALFORMED, "auth's key set holds what is no Ed25519 signing key")

static bool says(const char *text, const char *expected)
{
    return text != NULL && strcmp(text, expected) == 0;
}

static struct status read_key(const Auth__Jwk *jwk, struct keyring_key *ret)
{
    size_t size;
    char kid[KEY_ID_TEXT_BYTES];
    struct keyring_key key = {0};
    if (!says(jwk->kty, "OKP") || !says(jwk->crv, "Ed25519") || !says(jwk->alg, "EdDSA") ||
        !base64url_decode(jwk->x, strlen(jwk->x), key.public_key, sizeof key.public_key, &size) ||
        size != sizeof key.public_key) {
        return JWKS_MALFORMED;
    }
    key_id(key.public_key, kid);
    if (!says(jwk->kid, kid)) return JWKS_MALFORMED;
    memcpy(key.kid, kid, sizeof kid);
    *ret = key;
    return STATUS_SUCCESS;
}

struct status auth_client_get_keys(struct rpc_channel *channel, uint32_t timeout_ms,
                                   struct keyring_key ret_keys[static KEYRING_KEYS_MAX],
                                   size_t *ret_count)
{
    CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    Auth__GetJwksRequest request = AUTH__GET_JWKS_REQUEST__INIT;
    Auth__Jwks *reply;
    struct rpc_metadata metadata = {0};
    struct status status = rpc_channel_call_wait(channel, &auth_methods[AUTH_GET_JWKS], &metadata,
                                                 &request, timeout_ms, arena, &reply);
    // Texts of a refusal live in the arena, which ends here.
    if (!status_ok(status)) return REFUSE(UNAVAILABLE, IDENTITY_UNAVAILABLE, "auth gave no keys");
    if (reply->n_keys > KEYRING_KEYS_MAX) return JWKS_MALFORMED;
    for (size_t i = 0; i < reply->n_keys; i++) {
        RETURN_IF_ERROR(read_key(reply->keys[i], &ret_keys[i]));
    }
    *ret_count = reply->n_keys;
    return STATUS_SUCCESS;
}

struct status auth_client_check_session(struct rpc_channel *channel, const char *service_token,
                                        const struct token_claims *claims, uint32_t timeout_ms,
                                        bool *ret_alive)
{
    CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    Auth__CheckSessionRequest request = AUTH__CHECK_SESSION_REQUEST__INIT;
    request.session_id.data = (uint8_t *)claims->session_id.bytes;
    request.session_id.len = ID128_BYTES;
    request.user_version = claims->user_version;
    Auth__CheckSessionResponse *reply;
    struct rpc_metadata metadata = {.access_token = service_token};
    struct status status = rpc_channel_call_wait(channel, &auth_methods[AUTH_CHECK_SESSION],
                                                 &metadata, &request, timeout_ms, arena, &reply);
    if (!status_ok(status)) {
        return REFUSE(UNAVAILABLE, IDENTITY_UNAVAILABLE,
                      "whether this session still lives cannot be learnt now");
    }
    *ret_alive = reply->alive != 0;
    return STATUS_SUCCESS;
}

// ---- Events --------------------------------------------------------------------------------

#define EVENT_MALFORMED                                                                            \
    REFUSE(DATA_LOSS, EVENT_MALFORMED, "an event that revokes tokens cannot be read")

static struct status revoke_session(const struct event_view *event, struct arena *arena,
                                    struct revocation_set *revocations, uint64_t now_ns)
{
    Auth__SessionEnded *ended;
    RETURN_IF_ERROR(rpc_unpack(&auth__session_ended__descriptor, event->payload, arena, &ended));
    if (ended->session_id.len != ID128_BYTES) return EVENT_MALFORMED;
    revocation_add_session(revocations, id128_of(ended->session_id.data), event->time_ns, now_ns);
    return STATUS_SUCCESS;
}

static struct status revoke_user(const struct event_view *event, struct arena *arena,
                                 struct revocation_set *revocations, uint64_t now_ns)
{
    Auth__UserVersionRaised *raised;
    RETURN_IF_ERROR(
        rpc_unpack(&auth__user_version_raised__descriptor, event->payload, arena, &raised));
    if (raised->user_id.len != ID128_BYTES) return EVENT_MALFORMED;
    revocation_add_user(revocations, id128_of(raised->user_id.data), raised->user_version,
                        event->time_ns, now_ns);
    return STATUS_SUCCESS;
}

static const struct {
    const char *type;
    struct status (*revoke)(const struct event_view *event, struct arena *arena,
                            struct revocation_set *revocations, uint64_t now_ns);
} revoking_events[] = {
    {"auth.session.ended", revoke_session},
    {"auth.user.roles_changed", revoke_user},
    {"auth.user.blocked", revoke_user},
};

struct status auth_client_revoke(const struct event_view *event, struct revocation_set *revocations,
                                 uint64_t now_ns)
{
    for (size_t i = 0; i < sizeof revoking_events / sizeof revoking_events[0]; i++) {
        if (strcmp(revoking_events[i].type, event->type) != 0) continue;
        CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
        struct status status = revoking_events[i].revoke(event, arena, revocations, now_ns);
        return status_ok(status) ? status : EVENT_MALFORMED;
    }
    return STATUS_SUCCESS;
}
