#include "common/base/check.h"
#include "common/rpc/page.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/rpc_handlers.h"

#define NEEDS_ALL(message_) REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, message_)

// ---- Lists ---------------------------------------------------------------------------------

struct listing {
    struct auth_activity_filter filter;
    uint64_t from_ns, to_ns; // 0: not bounded.
    const char *result;
    int32_t page_size;
    const char *page_token;
};

enum { FILTER_BYTES = ID128_BYTES + 1 + 1 + 8 + 8 };

/// What a page token is bound to.
static void encode_filter(const struct listing *listing, uint8_t ret[static FILTER_BYTES])
{
    struct record_writer writer = record_write_key(ret, FILTER_BYTES);
    record_put_id(&writer, listing->filter.user_id);
    record_put_u8(&writer, listing->filter.is_suspicious);
    record_put_u8(&writer, (unsigned)listing->filter.result);
    record_put_u64(&writer, listing->from_ns);
    record_put_u64(&writer, listing->to_ns);
}

/// A page begins before the last activity of the one before, or with the newest that fits.
static struct id128 first_bound(const struct listing *listing, struct bytes position)
{
    if (position.size == ID128_BYTES) return id128_of(position.data);
    if (listing->to_ns != 0) return auth_activity_id_floor(listing->to_ns);
    struct id128 newest;
    memset(newest.bytes, 0xff, sizeof newest.bytes);
    return newest;
}

/// fill_page takes one page from the walk. *ret_has_more: the list goes on behind it.
static struct status fill_page(struct rpc_call *call, struct auth_activity_walk *walk,
                               uint64_t from_ns, size_t size,
                               Auth__ListLoginActivityResponse *reply, bool *ret_has_more,
                               struct id128 *ret_last)
{
    struct id128 floor = auth_activity_id_floor(from_ns);
    for (;;) {
        struct auth_activity_record activity;
        struct id128 next = auth_activity_walk_peek(walk);
        bool is_over = id128_is_nil(next) || id128_compare(next, floor) < 0;
        *ret_has_more = !is_over;
        if (is_over || reply->n_login_activity == size) return STATUS_SUCCESS;
        RETURN_IF_ERROR(auth_activity_walk_next(walk, &activity));
        RETURN_IF_ERROR(auth_convert_activity(call, &activity,
                                              &reply->login_activity[reply->n_login_activity]));
        reply->n_login_activity++;
        *ret_last = activity.id;
    }
}

static struct status list(struct rpc_call *call, struct store_txn *txn, struct listing *listing)
{
    size_t size;
    struct bytes position;
    uint8_t filter_bytes[FILTER_BYTES];
    struct bytes filter = bytes_of(filter_bytes, sizeof filter_bytes);
    RETURN_IF_ERROR(auth_convert_activity_result(call, listing->result, &listing->filter.result));
    RETURN_IF_ERROR(page_size_resolve(call, listing->page_size, &size));
    encode_filter(listing, filter_bytes);
    RETURN_IF_ERROR(page_token_open(call, listing->page_token, filter, &position));
    Auth__ListLoginActivityResponse *reply =
        RPC_NEW(call, Auth__ListLoginActivityResponse, auth__list_login_activity_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->login_activity = arena_alloc(call->arena, size * sizeof *reply->login_activity);
    if (reply->login_activity == NULL) return ARENA_STATUS_EXHAUSTED;

    bool has_more = false;
    struct id128 last = ID128_NIL;
    CLEANUP(auth_activity_walk_close) struct auth_activity_walk walk = {0};
    auth_activity_walk_open(txn, &listing->filter, first_bound(listing, position), &walk);
    RETURN_IF_ERROR(fill_page(call, &walk, listing->from_ns, size, reply, &has_more, &last));
    if (!has_more) return rpc_call_reply(call, reply);
    reply->next_page_token = (char *)(uintptr_t)page_token_make(call, filter, id128_bytes(&last));
    if (reply->next_page_token == NULL) return ARENA_STATUS_EXHAUSTED;
    return rpc_call_reply(call, reply);
}

struct status auth_rpc_list_my_login_activity(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ListMyLoginActivityRequest *request = call->request;
    struct listing listing = {.result = request->result,
                              .page_size = request->page_size,
                              .page_token = request->page_token};
    RETURN_IF_ERROR(auth_convert_user(call, &listing.filter.user_id));
    return list(call, txn, &listing);
}

struct status auth_rpc_list_user_login_activity(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ListUserLoginActivityRequest *request = call->request;
    struct listing listing = {.filter = {.user_id = auth_convert_id(&request->user_id)},
                              .result = request->result,
                              .page_size = request->page_size,
                              .page_token = request->page_token};
    struct auth_user user;
    RETURN_IF_ERROR(auth_store_get_user(txn, listing.filter.user_id, &user));
    RETURN_IF_ERROR(rpc_call_may_touch_in(call, user.id, user.branch));
    return list(call, txn, &listing);
}

struct status auth_rpc_list_login_activity(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ListLoginActivityRequest *request = call->request;
    struct listing listing = {.filter = {.is_suspicious = request->suspicious},
                              .from_ns = request->from,
                              .to_ns = request->to,
                              .result = request->result,
                              .page_size = request->page_size,
                              .page_token = request->page_token};
    // Attempts have no branch: an identifier that nobody has is of none.
    if (call->scope != RPC_SCOPE_ALL)
        return NEEDS_ALL("everybody's login activity needs scope ALL; list a user's");
    if (request->to != 0 && request->from > request->to)
        return rpc_call_violation(call, "to", "RANGE");
    return list(call, txn, &listing);
}

// ---- The report ----------------------------------------------------------------------------

struct status auth_rpc_get_security_report(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__GetSecurityReportRequest *request = call->request;
    struct auth_report report;
    if (call->scope != RPC_SCOPE_ALL) return NEEDS_ALL("the security report needs scope ALL");
    RETURN_IF_ERROR(auth_report_read(txn, request->from, request->to, call->received_wall_ns,
                                     call->arena, &report));
    return rpc_call_reply(call, auth_convert_report(call, &report));
}
