#include "common/base/check.h"
#include "common/rpc/page.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/rpc_handlers.h"

struct status auth_rpc_open_place(struct rpc_call *call, const char *token, struct bytes filter,
                                  struct id128 *ret)
{
    struct bytes position;
    RETURN_IF_ERROR(page_token_open(call, token, filter, &position));
    CHECK(position.size == 0 || position.size == ID128_BYTES); // Sealed: only ours come back.
    *ret = position.size > 0 ? id128_of(position.data) : ID128_NIL;
    return STATUS_SUCCESS;
}

struct status auth_rpc_make_place(struct rpc_call *call, struct bytes filter, struct id128 place,
                                  char **ret_token)
{
    if (id128_is_nil(place)) return STATUS_SUCCESS; // Of the last page: the message has "".
    *ret_token = (char *)(uintptr_t)page_token_make(call, filter, id128_bytes(&place));
    return *ret_token != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

struct status auth_rpc_list_users(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ListUsersRequest *request = call->request;
    struct auth_user_asked asked;
    struct auth_user_page page;
    struct auth_user_query query = {
        .filter = {.values = {[AUTH_FACET_STATE] = asked.state,
                              [AUTH_FACET_ROLE] = asked.role,
                              [AUTH_FACET_BRANCH] = asked.branch,
                              [AUTH_FACET_KIND] = asked.kind}},
        .addresses = {[AUTH_EMAIL] = asked.email, [AUTH_MOBILE] = asked.mobile}};
    struct bytes filter = bytes_of(&asked, sizeof asked);
    RETURN_IF_ERROR(auth_convert_user_asked(call, &asked));
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &query.size));
    RETURN_IF_ERROR(auth_rpc_open_place(call, request->page_token, filter, &query.before));
    RETURN_IF_ERROR(auth_directory_list(call->service, txn, &query, call->arena, &page));
    Auth__ListUsersResponse *reply = auth_convert_users(call, &page);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(auth_rpc_make_place(call, filter, page.next_before, &reply->next_page_token));
    return rpc_call_reply(call, reply);
}
