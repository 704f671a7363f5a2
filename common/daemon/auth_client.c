#include "common/daemon/auth_client.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/rpc/pack.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/auth/v1/auth_methods.h"

#include <stdlib.h>

enum { ARENA_BYTES_MAX = 256 * 1024, POLICY_ARENA_BYTES_MAX = 32 * 1024 * 1024 };

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
                                        bool *ret_alive, uint64_t *ret_policy_version)
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
    *ret_policy_version = reply->policy_version;
    return STATUS_SUCCESS;
}

// ---- The access policy ---------------------------------------------------------------------

static bool read_role(const Auth__Role *role, struct access_role *ret)
{
    if (!access_name_set(ret->name, role->name)) return false;
    for (size_t i = 0; i < role->n_grants; i++)
        access_role_grant(ret, role->grants[i]->permission, (enum rpc_scope)role->grants[i]->scope);
    return true;
}

static bool read_names(char *const *names, size_t count, struct access_names *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (!access_names_add(ret, names[i])) return false;
    }
    return true;
}

static bool read_feature(const Auth__Feature *feature, struct access_feature *ret)
{
    if (!access_name_set(ret->name, feature->name)) return false;
    ret->is_enabled = feature->enabled != 0;
    for (size_t i = 0; i < feature->n_permissions; i++)
        access_feature_cover(ret, feature->permissions[i]);
    return read_names(feature->denied_branches, feature->n_denied_branches,
                      &ret->denied_branches) &&
           read_names(feature->denied_roles, feature->n_denied_roles, &ret->denied_roles);
}

static bool read_policy(const Auth__AccessPolicy *policy, struct access_content *ret)
{
    if (policy->n_roles > ACCESS_ROLES_MAX || policy->n_features > ACCESS_FEATURES_MAX)
        return false;
    ret->version = policy->version;
    ret->roles = calloc(policy->n_roles + 1, sizeof *ret->roles);
    ret->features = calloc(policy->n_features + 1, sizeof *ret->features);
    CHECK(ret->roles != NULL && ret->features != NULL);
    for (; ret->role_count < policy->n_roles; ret->role_count++) {
        if (!read_role(policy->roles[ret->role_count], &ret->roles[ret->role_count])) return false;
    }
    for (; ret->feature_count < policy->n_features; ret->feature_count++) {
        size_t i = ret->feature_count;
        if (!read_feature(policy->features[i], &ret->features[i])) return false;
    }
    return true;
}

struct status auth_client_get_policy(struct rpc_channel *channel, const char *service_token,
                                     uint32_t timeout_ms, struct access_content *ret)
{
    CLEANUP(arena_close) struct arena *arena = arena_open(POLICY_ARENA_BYTES_MAX);
    Auth__GetAccessPolicyRequest request = AUTH__GET_ACCESS_POLICY_REQUEST__INIT;
    Auth__AccessPolicy *reply;
    struct rpc_metadata metadata = {.access_token = service_token};
    struct status status = rpc_channel_call_wait(channel, &auth_methods[AUTH_GET_ACCESS_POLICY],
                                                 &metadata, &request, timeout_ms, arena, &reply);
    if (!status_ok(status)) return REFUSE(UNAVAILABLE, IDENTITY_UNAVAILABLE, "auth gave no policy");
    CLEANUP(access_content_release) struct access_content content = {0};
    if (!read_policy(reply, &content)) {
        return REFUSE(DATA_LOSS, POLICY_MALFORMED, "auth's access policy cannot be read");
    }
    *ret = content;
    content = (struct access_content){0}; // The caller's now.
    return STATUS_SUCCESS;
}

// ---- Events --------------------------------------------------------------------------------

#define EVENT_MALFORMED                                                                            \
    REFUSE(DATA_LOSS, EVENT_MALFORMED, "an event that changes rights cannot be read")

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
    {"auth.session.ended", revoke_session}, {"auth.user.roles_changed", revoke_user},
    {"auth.user.blocked", revoke_user},     {"auth.user.branch_changed", revoke_user},
    {"auth.user.closed", revoke_user},      {"auth.user.factors_reset", revoke_user},
    {"auth.password.reset", revoke_user},
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

static struct status take_change(const struct event_view *event, struct arena *arena,
                                 struct access_policy *policy, bool *ret_current)
{
    Auth__AccessPolicyChanged *changed;
    struct access_role role = {0};
    struct access_feature feature = {0};
    RETURN_IF_ERROR(
        rpc_unpack(&auth__access_policy_changed__descriptor, event->payload, arena, &changed));
    bool has_role = changed->role != NULL, has_feature = changed->feature != NULL;
    if (has_role == has_feature || (has_role && !read_role(changed->role, &role)) ||
        (has_feature && !read_feature(changed->feature, &feature)))
        return EVENT_MALFORMED;
    *ret_current = access_policy_take(policy, changed->version, has_role ? &role : NULL,
                                      has_feature ? &feature : NULL);
    return STATUS_SUCCESS;
}

struct status auth_client_follow_policy(const struct event_view *event,
                                        struct access_policy *policy, bool *ret_current)
{
    *ret_current = true;
    if (strcmp(event->type, "auth.role.changed") != 0 &&
        strcmp(event->type, "auth.feature.changed") != 0)
        return STATUS_SUCCESS;
    CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct status status = take_change(event, arena, policy, ret_current);
    return status_ok(status) ? status : EVENT_MALFORMED;
}
