#include "common/base/check.h"
#include "common/rpc/page.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/events_access.h"
#include "services/auth/rpc_handlers.h"

// ---- Pages ---------------------------------------------------------------------------------

/// A page of a list by name. Items are read one after the other, each after the name before.
struct page {
    struct rpc_call *call;
    struct store_txn *txn;
    char name[AUTH_ROLE_BYTES]; // Of the item read last; "": none yet.
    void **items;               // Messages.
    size_t count, size;
};

/// next reads the item after page->name, moves the name on and gives the message, which is not
/// wanted when ret is NULL. NOT_FOUND: the list has ended.
typedef struct status (*page_next)(struct page *page, void **ret);

static struct status list(struct rpc_call *call, struct store_txn *txn, int32_t page_size,
                          const char *page_token, page_next next, struct page *ret,
                          char **ret_next_token)
{
    struct page page = {.call = call, .txn = txn};
    struct bytes position, filter = {0};
    RETURN_IF_ERROR(page_size_resolve(call, page_size, &page.size));
    RETURN_IF_ERROR(page_token_open(call, page_token, filter, &position));
    CHECK(position.size < sizeof page.name); // We have sealed it ourselves.
    if (position.size > 0) memcpy(page.name, position.data, position.size);
    page.items = arena_alloc(call->arena, page.size * sizeof *page.items);
    if (page.items == NULL) return ARENA_STATUS_EXHAUSTED;

    struct status status = STATUS_SUCCESS;
    while (status_ok(status) && page.count < page.size) {
        status = next(&page, &page.items[page.count]);
        page.count += status_ok(status);
    }
    struct bytes last = bytes_of(arena_text(call->arena, page.name, strlen(page.name)), 0);
    if (last.data == NULL) return ARENA_STATUS_EXHAUSTED;
    last.size = strlen(page.name);
    if (status_ok(status)) status = next(&page, NULL); // Is there more?
    if (status_ok(status)) {
        *ret_next_token = (char *)(uintptr_t)page_token_make(call, filter, last);
        if (*ret_next_token == NULL) return ARENA_STATUS_EXHAUSTED;
    }
    *ret = page;
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

static struct status give(void *message, void **ret)
{
    *ret = message;
    return message != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

// ---- Roles ---------------------------------------------------------------------------------

struct status auth_rpc_list_permissions(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    return rpc_call_reply(call, auth_convert_permissions(call));
}

static struct status next_role(struct page *page, void **ret)
{
    struct auth_role_view view;
    RETURN_IF_ERROR(auth_access_next_role(page->txn, page->name, &view));
    memcpy(page->name, view.role.name, sizeof page->name);
    if (ret == NULL) return STATUS_SUCCESS;
    return give(auth_convert_role(page->call, &view.role, view.is_built_in), ret);
}

struct status auth_rpc_list_roles(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ListRolesRequest *request = call->request;
    struct page page;
    Auth__ListRolesResponse *reply =
        RPC_NEW(call, Auth__ListRolesResponse, auth__list_roles_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(list(call, txn, request->page_size, request->page_token, next_role, &page,
                         &reply->next_page_token));
    reply->roles = (Auth__Role **)page.items;
    reply->n_roles = page.count;
    return rpc_call_reply(call, reply);
}

struct status auth_rpc_get_role(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__GetRoleRequest *request = call->request;
    struct auth_role_view view;
    RETURN_IF_ERROR(auth_access_get_role(txn, request->name, &view));
    return rpc_call_reply(call, auth_convert_role(call, &view.role, view.is_built_in));
}

/// policy 0: nothing changed, and there is nothing to tell.
static struct status answer_role(struct rpc_call *call, struct store_txn *txn, uint64_t policy,
                                 const struct auth_role *role)
{
    if (policy > 0) RETURN_IF_ERROR(auth_events_role_changed(txn, call, policy, role));
    return rpc_call_reply(call, auth_convert_role(call, role, false));
}

struct status auth_rpc_create_role(struct rpc_call *call, struct store_txn *txn)
{
    struct auth_role *role;
    uint64_t policy;
    RETURN_IF_ERROR(auth_convert_new_role(call, call->request, &role));
    RETURN_IF_ERROR(
        auth_access_create_role(call->service, txn, role, call->received_wall_ns, &policy));
    return answer_role(call, txn, policy, role);
}

struct status auth_rpc_update_role(struct rpc_call *call, struct store_txn *txn)
{
    struct auth_role_change change;
    struct auth_role role;
    uint64_t policy;
    RETURN_IF_ERROR(auth_convert_role_change(call, call->request, &change));
    RETURN_IF_ERROR(auth_access_update_role(call->service, txn, &change, call->received_wall_ns,
                                            &role, &policy));
    return answer_role(call, txn, policy, &role);
}

// ---- Branches ------------------------------------------------------------------------------

static struct status next_branch(struct page *page, void **ret)
{
    struct auth_branch branch;
    RETURN_IF_ERROR(auth_store_next_branch(page->txn, page->name, &branch));
    memcpy(page->name, branch.code, sizeof page->name);
    if (ret == NULL) return STATUS_SUCCESS;
    return give(auth_convert_branch(page->call, &branch), ret);
}

struct status auth_rpc_list_branches(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ListBranchesRequest *request = call->request;
    struct page page;
    Auth__ListBranchesResponse *reply =
        RPC_NEW(call, Auth__ListBranchesResponse, auth__list_branches_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(list(call, txn, request->page_size, request->page_token, next_branch, &page,
                         &reply->next_page_token));
    reply->branches = (Auth__Branch **)page.items;
    reply->n_branches = page.count;
    return rpc_call_reply(call, reply);
}

struct status auth_rpc_get_branch(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__GetBranchRequest *request = call->request;
    struct auth_branch branch;
    RETURN_IF_ERROR(auth_store_get_branch(txn, request->code, &branch));
    return rpc_call_reply(call, auth_convert_branch(call, &branch));
}

struct status auth_rpc_create_branch(struct rpc_call *call, struct store_txn *txn)
{
    struct auth_branch branch;
    RETURN_IF_ERROR(auth_convert_new_branch(call, call->request, &branch));
    RETURN_IF_ERROR(auth_access_create_branch(txn, &branch, call->received_wall_ns));
    RETURN_IF_ERROR(auth_events_branch_changed(txn, call, &branch));
    return rpc_call_reply(call, auth_convert_branch(call, &branch));
}

struct status auth_rpc_update_branch(struct rpc_call *call, struct store_txn *txn)
{
    struct auth_branch_change change;
    struct auth_branch branch;
    bool is_changed;
    RETURN_IF_ERROR(auth_convert_branch_change(call, call->request, &change));
    RETURN_IF_ERROR(
        auth_access_update_branch(txn, &change, call->received_wall_ns, &branch, &is_changed));
    if (is_changed) RETURN_IF_ERROR(auth_events_branch_changed(txn, call, &branch));
    return rpc_call_reply(call, auth_convert_branch(call, &branch));
}

// ---- Features ------------------------------------------------------------------------------

static struct status next_feature(struct page *page, void **ret)
{
    struct auth_feature feature;
    RETURN_IF_ERROR(auth_store_next_feature(page->txn, page->name, &feature));
    memcpy(page->name, feature.name, sizeof page->name);
    if (ret == NULL) return STATUS_SUCCESS;
    return give(auth_convert_feature(page->call, &feature), ret);
}

struct status auth_rpc_list_features(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ListFeaturesRequest *request = call->request;
    struct page page;
    Auth__ListFeaturesResponse *reply =
        RPC_NEW(call, Auth__ListFeaturesResponse, auth__list_features_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(list(call, txn, request->page_size, request->page_token, next_feature, &page,
                         &reply->next_page_token));
    reply->features = (Auth__Feature **)page.items;
    reply->n_features = page.count;
    return rpc_call_reply(call, reply);
}

struct status auth_rpc_get_feature(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__GetFeatureRequest *request = call->request;
    struct auth_feature feature;
    RETURN_IF_ERROR(auth_store_get_feature(txn, request->name, &feature));
    return rpc_call_reply(call, auth_convert_feature(call, &feature));
}

static struct status answer_feature(struct rpc_call *call, struct store_txn *txn, uint64_t policy,
                                    const struct auth_feature *feature)
{
    if (policy > 0) RETURN_IF_ERROR(auth_events_feature_changed(txn, call, policy, feature));
    return rpc_call_reply(call, auth_convert_feature(call, feature));
}

struct status auth_rpc_create_feature(struct rpc_call *call, struct store_txn *txn)
{
    struct auth_feature *feature;
    uint64_t policy;
    RETURN_IF_ERROR(auth_convert_new_feature(call, call->request, &feature));
    RETURN_IF_ERROR(auth_access_create_feature(call->service, txn, &call->claims, feature,
                                               call->received_wall_ns, &policy));
    return answer_feature(call, txn, policy, feature);
}

struct status auth_rpc_update_feature(struct rpc_call *call, struct store_txn *txn)
{
    struct auth_feature_change change;
    struct auth_feature feature;
    uint64_t policy;
    RETURN_IF_ERROR(auth_convert_feature_change(call, call->request, &change));
    RETURN_IF_ERROR(auth_access_update_feature(call->service, txn, &change, call->received_wall_ns,
                                               &feature, &policy));
    return answer_feature(call, txn, policy, &feature);
}

// ---- Between the daemons -------------------------------------------------------------------

/// take_all reads the custom roles, or the features, to the end.
static struct status take_all(struct rpc_call *call, struct store_txn *txn, page_next next,
                              size_t count_max, struct page *ret)
{
    *ret = (struct page){.call = call, .txn = txn};
    ret->items = arena_alloc(call->arena, count_max * sizeof *ret->items);
    if (ret->items == NULL) return ARENA_STATUS_EXHAUSTED;
    while (ret->count < count_max) {
        struct status status = next(ret, &ret->items[ret->count]);
        if (status.code == STATUS_NOT_FOUND) break;
        RETURN_IF_ERROR(status);
        ret->count++;
    }
    return STATUS_SUCCESS;
}

static struct status next_custom_role(struct page *page, void **ret)
{
    struct auth_role role;
    RETURN_IF_ERROR(auth_store_next_role(page->txn, page->name, &role));
    memcpy(page->name, role.name, sizeof page->name);
    return give(auth_convert_role(page->call, &role, false), ret);
}

struct status auth_rpc_get_access_policy(struct rpc_call *call, struct store_txn *txn)
{
    struct page roles, features;
    Auth__AccessPolicy *reply = RPC_NEW(call, Auth__AccessPolicy, auth__access_policy__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(auth_store_get_policy_version(txn, &reply->version));
    RETURN_IF_ERROR(take_all(call, txn, next_custom_role, AUTH_ROLES_STORED_MAX, &roles));
    RETURN_IF_ERROR(take_all(call, txn, next_feature, AUTH_FEATURES_MAX, &features));
    reply->roles = (Auth__Role **)roles.items;
    reply->n_roles = roles.count;
    reply->features = (Auth__Feature **)features.items;
    reply->n_features = features.count;
    return rpc_call_reply(call, reply);
}
