#include "common/daemon/permissions.h"
#include "common/rpc/page.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/type/v1/type.pb-c.h"
#include "services/auth/rpc_handlers.h"
#include "services/auth/worker.h"

static void wipe_secret(struct auth_api_key_secret *secret)
{
    key_wipe(secret, sizeof *secret);
}

// ---- Who may -------------------------------------------------------------------------------

#define API_KEY_NOT_FOUND REFUSE(NOT_FOUND, API_KEY_NOT_FOUND, "there is no such API key")
#define DENIED(message_) REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, message_)

/// governs: the caller says who may do what.
static bool governs(const struct rpc_call *call)
{
    for (size_t i = 0; i < permission_count; i++) {
        if (permissions[i].duty == PERMISSION_GOVERNS &&
            rpc_call_scope(call, permissions[i].name) != RPC_SCOPE_NONE)
            return true;
    }
    return false;
}

/// check_duties: who is shown the secret of another's key has what it grants, now and with whatever
/// roles the owner is given later. Nobody raises their own rights, so no such key governs; and
/// whoever governs rights shall not come by money and decisions that way (access.h, duties).
static struct status check_duties(const struct rpc_call *call, const struct auth_user *owner,
                                  const struct auth_api_key *key)
{
    bool is_governor = governs(call);
    if (rpc_call_is_self(call, owner->id)) return STATUS_SUCCESS;
    for (size_t i = 0; i < key->scope_count; i++) {
        size_t index = permission_find(key->scopes[i]);
        if (index == permission_count) continue;
        if (permissions[index].duty == PERMISSION_GOVERNS)
            return REFUSE(PERMISSION_DENIED, SEPARATION_OF_DUTIES,
                          "who governs rights is a person, by a key of their own");
        if (is_governor && permissions[index].duty == PERMISSION_MOVES)
            return REFUSE(PERMISSION_DENIED, SEPARATION_OF_DUTIES,
                          "who governs rights gets no key that moves money or decides cases");
    }
    return STATUS_SUCCESS;
}

/// check_own_rights: a key's own token is cut down to some scopes and addresses; it shall not make
/// itself a key that is not.
static struct status check_own_rights(const struct rpc_call *call, struct id128 key_id)
{
    bool is_cut = call->claims.scope_count > 0;
    if (!is_cut || id128_equal(call->claims.session_id, key_id)) return STATUS_SUCCESS;
    return DENIED("by an API key nothing can be done to API keys but to itself");
}

/// load gives a key whose owner the caller may touch. Whether there is another one is nobody's
/// business.
static struct status load(struct rpc_call *call, struct store_txn *txn,
                          const ProtobufCBinaryData *id, struct auth_api_key *ret,
                          const char **ret_name)
{
    const struct auth_service *service = call->service;
    RETURN_IF_ERROR(auth_store_get_api_key(txn, auth_convert_id(id), ret));
    if (!status_ok(rpc_call_may_touch(call, ret->owner_id))) return API_KEY_NOT_FOUND;
    return auth_store_get_api_key_name(service->auth, txn, ret->id, call->arena, ret_name);
}

// ---- Making --------------------------------------------------------------------------------

/// check_owner: for oneself, or for a service account with scope ALL.
static struct status check_owner(const struct rpc_call *call, struct store_txn *txn,
                                 const struct auth_api_key *key)
{
    struct auth_user owner;
    RETURN_IF_ERROR(rpc_call_may_touch(call, key->owner_id));
    RETURN_IF_ERROR(auth_store_get_user(txn, key->owner_id, &owner));
    if (!rpc_call_is_self(call, owner.id) && owner.kind != AUTH_USER_SERVICE)
        return DENIED("people make their API keys themselves");
    return check_duties(call, &owner, key);
}

struct status auth_rpc_create_api_key(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__CreateApiKeyRequest *request = call->request;
    struct auth_service *service = call->service;
    struct id128 caller_id;
    struct auth_api_key key;
    const char *scope = NULL;
    CLEANUP(wipe_secret) struct auth_api_key_secret secret = {0};
    RETURN_IF_ERROR(auth_convert_user(call, &caller_id));
    RETURN_IF_ERROR(check_own_rights(call, ID128_NIL));
    RETURN_IF_ERROR(auth_convert_api_key_asked(call, caller_id, &key));
    RETURN_IF_ERROR(check_owner(call, txn, &key));
    struct status status = auth_apikey_create(service, txn, request->name, call->received_wall_ns,
                                              &key, &secret, &scope);
    if (!status_ok(status)) {
        if (scope != NULL && strcmp(status.reason, "INVALID_SCOPE") == 0)
            rpc_call_detail(call, "scope", scope);
        return status;
    }
    auth_events_api_key_changed(txn, call, &key, AUTH_API_KEY_IS_CREATED);
    auth_worker_wake_after(service->worker);
    return rpc_call_reply(call, auth_convert_api_key_secret(call, &key, request->name, &secret));
}

struct status auth_rpc_rotate_api_key(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__RotateApiKeyRequest *request = call->request;
    struct auth_api_key key;
    struct auth_user owner;
    const char *name;
    CLEANUP(wipe_secret) struct auth_api_key_secret secret = {0};
    RETURN_IF_ERROR(load(call, txn, &request->id, &key, &name));
    RETURN_IF_ERROR(check_own_rights(call, key.id));
    RETURN_IF_ERROR(auth_store_get_user(txn, key.owner_id, &owner));
    RETURN_IF_ERROR(check_duties(call, &owner, &key));
    if (!rpc_call_is_self(call, owner.id) && owner.kind != AUTH_USER_SERVICE)
        return DENIED("people rotate their API keys themselves");
    RETURN_IF_ERROR(auth_apikey_rotate(call->service, txn, request->overlap_s * AUTH_SECOND_NS,
                                       call->received_wall_ns, &key, &secret));
    auth_events_api_key_changed(txn, call, &key, AUTH_API_KEY_IS_ROTATED);
    return rpc_call_reply(call, auth_convert_api_key_secret(call, &key, name, &secret));
}

struct status auth_rpc_revoke_api_key(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__RevokeApiKeyRequest *request = call->request;
    struct auth_api_key key;
    const char *name;
    bool is_revoked;
    RETURN_IF_ERROR(load(call, txn, &request->id, &key, &name));
    RETURN_IF_ERROR(check_own_rights(call, key.id));
    RETURN_IF_ERROR(auth_apikey_revoke(txn, call->received_wall_ns, &key, &is_revoked));
    if (is_revoked) auth_events_api_key_changed(txn, call, &key, AUTH_API_KEY_IS_REVOKED);
    return rpc_call_reply(call, RPC_NEW(call, Type__Empty, type__empty__init));
}

// ---- Looking -------------------------------------------------------------------------------

struct status auth_rpc_get_api_key(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__GetApiKeyRequest *request = call->request;
    struct auth_api_key key;
    const char *name;
    RETURN_IF_ERROR(load(call, txn, &request->id, &key, &name));
    return rpc_call_reply(call, auth_convert_api_key(call, &key, name));
}

struct status auth_rpc_list_api_keys(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ListApiKeysRequest *request = call->request;
    const struct auth_service *service = call->service;
    struct id128 owner_id, before;
    size_t size;
    struct auth_api_key_page page;
    RETURN_IF_ERROR(auth_convert_user(call, &owner_id));
    if (request->owner_id.len > 0) owner_id = auth_convert_id(&request->owner_id);
    RETURN_IF_ERROR(rpc_call_may_touch(call, owner_id));
    struct bytes filter = id128_bytes(&owner_id);
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &size));
    RETURN_IF_ERROR(auth_rpc_open_place(call, request->page_token, filter, &before));
    RETURN_IF_ERROR(auth_apikey_list(txn, owner_id, before, size, call->arena, &page));

    Auth__ListApiKeysResponse *reply =
        RPC_NEW(call, Auth__ListApiKeysResponse, auth__list_api_keys_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->api_keys = arena_alloc(call->arena, page.count * sizeof *reply->api_keys);
    if (reply->api_keys == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < page.count; i++) {
        const char *name;
        RETURN_IF_ERROR(
            auth_store_get_api_key_name(service->auth, txn, page.keys[i].id, call->arena, &name));
        Auth__ApiKey *key = auth_convert_api_key(call, &page.keys[i], name);
        if (key == NULL) return ARENA_STATUS_EXHAUSTED;
        reply->api_keys[reply->n_api_keys++] = key;
    }
    RETURN_IF_ERROR(auth_rpc_make_place(call, filter, page.next_before, &reply->next_page_token));
    return rpc_call_reply(call, reply);
}

// ---- Using ---------------------------------------------------------------------------------

struct status auth_rpc_exchange_api_key(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ExchangeApiKeyRequest *request = call->request;
    struct auth_exchange exchange = {.text = request->key, .client_id = "", .scope = ""};
    auth_convert_exchange(call, request->client_ip, &exchange);
    return auth_rpc_exchange(call, txn, &exchange);
}

// ---- Service accounts ----------------------------------------------------------------------

struct status auth_rpc_create_service_account(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__CreateServiceAccountRequest *request = call->request;
    struct auth_account account = {.name = request->name,
                                   .branch = request->branch,
                                   .roles = (const char *const *)request->roles,
                                   .role_count = request->n_roles};
    struct auth_user_view view;
    // Otherwise whoever may make accounts and keys would make themselves every right there is.
    if (request->n_roles > 0 && rpc_call_scope(call, "auth.user.roles") != RPC_SCOPE_ALL)
        return DENIED("roles are given by who may give them to users");
    RETURN_IF_ERROR(auth_apikey_create_account(call->service, txn, &account, call->received_wall_ns,
                                               call->arena, &view));
    auth_events_account_created(txn, call, &view.user);
    return rpc_call_reply(call, auth_convert_full_view(call, &view));
}
