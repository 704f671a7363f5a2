#include "common/base/check.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"

// ---- Requests ------------------------------------------------------------------------------

static struct status take_scopes(struct rpc_call *call, char *const *scopes, size_t count,
                                 struct auth_api_key *key)
{
    for (size_t i = 0; i < count; i++) {
        if (!auth_role_name_is_valid(scopes[i])) {
            rpc_call_detail(call, "scope", scopes[i]);
            return REFUSE(INVALID_ARGUMENT, INVALID_SCOPE, "there is no such permission");
        }
        auth_api_key_scope_add(key, scopes[i]); // items_max of the proto: there is room.
    }
    return STATUS_SUCCESS;
}

static struct status take_ranges(struct rpc_call *call, char *const *addresses, size_t count,
                                 struct auth_api_key *key)
{
    CHECK(count <= AUTH_API_KEY_RANGES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!auth_address_range_read(addresses[i], &key->ranges[key->range_count++])) {
            rpc_call_detail(call, "address", addresses[i]);
            return REFUSE(INVALID_ARGUMENT, ADDRESS_INVALID,
                          "an address or prefix, without bits behind the prefix");
        }
    }
    return STATUS_SUCCESS;
}

struct status auth_convert_api_key_asked(struct rpc_call *call, struct id128 caller_id,
                                         struct auth_api_key *ret)
{
    const Auth__CreateApiKeyRequest *request = call->request;
    *ret = (struct auth_api_key){.owner_id = caller_id, .expires_at_ns = request->expires_at};
    if (request->owner_id.len > 0) ret->owner_id = auth_convert_id(&request->owner_id);
    if (request->expires_at != 0 && request->expires_at <= call->received_wall_ns)
        return rpc_call_violation(call, "expires_at", "RANGE");
    RETURN_IF_ERROR(take_scopes(call, request->scopes, request->n_scopes, ret));
    return take_ranges(call, request->allowed_addresses, request->n_allowed_addresses, ret);
}

// ---- Replies -------------------------------------------------------------------------------

static bool copy_scopes(struct rpc_call *call, const struct auth_api_key *key, Auth__ApiKey *reply)
{
    reply->scopes = arena_alloc(call->arena, key->scope_count * sizeof *reply->scopes);
    if (reply->scopes == NULL) return false;
    for (size_t i = 0; i < key->scope_count; i++) {
        char *scope = arena_text(call->arena, key->scopes[i], strlen(key->scopes[i]));
        if (scope == NULL) return false;
        reply->scopes[reply->n_scopes++] = scope;
    }
    return true;
}

static bool copy_ranges(struct rpc_call *call, const struct auth_api_key *key, Auth__ApiKey *reply)
{
    reply->allowed_addresses =
        arena_alloc(call->arena, key->range_count * sizeof *reply->allowed_addresses);
    if (reply->allowed_addresses == NULL) return false;
    for (size_t i = 0; i < key->range_count; i++) {
        char text[AUTH_ADDRESS_TEXT_BYTES];
        auth_address_range_write(&key->ranges[i], text);
        char *address = arena_text(call->arena, text, strlen(text));
        if (address == NULL) return false;
        reply->allowed_addresses[reply->n_allowed_addresses++] = address;
    }
    return true;
}

struct Auth__ApiKey *auth_convert_api_key(struct rpc_call *call, const struct auth_api_key *key,
                                          const char *name)
{
    char shown[AUTH_API_KEY_SHOWN_BYTES];
    Auth__ApiKey *reply = RPC_NEW(call, Auth__ApiKey, auth__api_key__init);
    if (reply == NULL || !auth_copy_id(call, key->id, &reply->id) ||
        !auth_copy_id(call, key->owner_id, &reply->owner_id) || !copy_scopes(call, key, reply) ||
        !copy_ranges(call, key, reply))
        return NULL;
    auth_api_key_show(key->id, shown);
    reply->prefix = arena_text(call->arena, shown, strlen(shown));
    if (reply->prefix == NULL) return NULL;
    reply->name = auth_constant(name);
    uint64_t now_ns = call->received_wall_ns;
    reply->status = auth_constant(auth_api_key_state_name(auth_api_key_state_at(key, now_ns)));
    reply->created_at = key->created_at_ns;
    reply->expires_at = key->expires_at_ns;
    reply->last_used_at = key->last_used_at_ns;
    reply->rotated_at = key->rotated_at_ns;
    reply->old_secret_until = now_ns < key->old_until_ns ? key->old_until_ns : 0;
    return reply;
}

struct Auth__ApiKeyWithSecret *auth_convert_api_key_secret(struct rpc_call *call,
                                                           const struct auth_api_key *key,
                                                           const char *name,
                                                           const struct auth_api_key_secret *secret)
{
    Auth__ApiKeyWithSecret *reply =
        RPC_NEW(call, Auth__ApiKeyWithSecret, auth__api_key_with_secret__init);
    if (reply == NULL) return NULL;
    reply->api_key = auth_convert_api_key(call, key, name);
    reply->key = arena_text(call->arena, secret->text, strlen(secret->text));
    return reply->api_key != NULL && reply->key != NULL ? reply : NULL;
}

// ---- Events --------------------------------------------------------------------------------

size_t auth_convert_api_key_changed(const struct auth_api_key *key,
                                    uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__ApiKeyChanged message = AUTH__API_KEY_CHANGED__INIT;
    char *scopes[AUTH_API_KEY_SCOPES_MAX];
    message.api_key_id = auth_borrow_id(&key->id);
    message.owner_id = auth_borrow_id(&key->owner_id);
    for (size_t i = 0; i < key->scope_count; i++)
        scopes[message.n_scopes++] = auth_constant(key->scopes[i]);
    message.scopes = scopes;
    return auth_pack_event(&message.base, ret);
}

size_t auth_convert_api_key_ended(const struct auth_api_key *key,
                                  uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__SessionEnded message = AUTH__SESSION_ENDED__INIT;
    message.session_id = auth_borrow_id(&key->id);
    message.user_id = auth_borrow_id(&key->owner_id);
    message.cause = auth_constant("revoked");
    return auth_pack_event(&message.base, ret);
}
