#include "common/rpc/page.h"
#include "services/audit/convert.h"
#include "services/audit/convert_report.h"
#include "services/audit/inbox.h"
#include "services/audit/rpc_handlers.h"

// Daemons and machines have no inbox.
static struct status read_caller(const struct rpc_call *call, struct id128 *ret_user_id)
{
    const struct token_claims *claims = &call->claims;
    if (!call->is_authenticated || claims->is_service || id128_is_nil(claims->subject))
        return REFUSE(PERMISSION_DENIED, NOT_A_USER, "only users have notifications");
    *ret_user_id = claims->subject;
    return STATUS_SUCCESS;
}

// Fills one page; *ret_before is where the next one begins, 0: there is none.
static struct status put_notices(struct rpc_call *call, struct audit_notice_walk *walk,
                                 bool unread_only, size_t page_size,
                                 Audit__ListNotificationsResponse *reply, uint64_t *ret_before)
{
    *ret_before = 0;
    for (;;) {
        struct audit_notice notice;
        bool more;
        RETURN_IF_ERROR(audit_store_notices_next(walk, &notice, &more));
        if (!more) return STATUS_SUCCESS;
        if (unread_only && notice.is_read) continue;
        if (reply->n_notifications == page_size) {
            *ret_before = notice.index + 1;
            return STATUS_SUCCESS;
        }
        Audit__Notification *message = audit_convert_notification(call, &notice);
        if (message == NULL) return ARENA_STATUS_EXHAUSTED;
        reply->notifications[reply->n_notifications++] = message;
    }
}

static struct status list_notices(struct rpc_call *call, struct store_txn *txn,
                                  struct id128 user_id, Audit__ListNotificationsResponse *reply)
{
    const Audit__ListNotificationsRequest *request = call->request;
    const uint8_t query_byte = request->unread_only != 0;
    struct bytes query = bytes_of(&query_byte, 1), position;
    size_t page_size;
    uint64_t before;
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &page_size));
    RETURN_IF_ERROR(page_token_open(call, request->page_token, query, &position));
    reply->notifications = arena_alloc(call->arena, page_size * sizeof *reply->notifications);
    if (reply->notifications == NULL) return ARENA_STATUS_EXHAUSTED;
    CLEANUP(audit_store_notices_close) struct audit_notice_walk walk;
    audit_store_notices_open(txn, user_id, audit_convert_position(position), &walk);
    RETURN_IF_ERROR(put_notices(call, &walk, request->unread_only != 0, page_size, reply, &before));
    if (before == 0) return STATUS_SUCCESS;
    uint8_t next[AUDIT_POSITION_BYTES];
    put_u64_be(next, before);
    reply->next_page_token = (char *)page_token_make(call, query, bytes_of(next, sizeof next));
    return reply->next_page_token != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

struct status audit_rpc_list_notifications(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 user_id;
    struct audit_inbox_counts counts;
    RETURN_IF_ERROR(read_caller(call, &user_id));
    Audit__ListNotificationsResponse *reply =
        RPC_NEW(call, Audit__ListNotificationsResponse, audit__list_notifications_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(audit_store_get_inbox_counts(txn, user_id, &counts));
    reply->unread_count = counts.unread;
    RETURN_IF_ERROR(list_notices(call, txn, user_id, reply));
    return rpc_call_reply(call, reply);
}

struct status audit_rpc_mark_notifications_read(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__MarkNotificationsReadRequest *request = call->request;
    struct id128 user_id;
    struct audit_inbox_counts counts;
    RETURN_IF_ERROR(read_caller(call, &user_id));
    if (request->all && request->n_ids > 0)
        return rpc_call_violation(call, "all", "EXCLUSIVE_FIELDS");
    if (!request->all && request->n_ids == 0) return rpc_call_violation(call, "ids", "REQUIRED");
    // Ids that are nobody's, or somebody else's, are passed over: the count tells what is left.
    RETURN_IF_ERROR(request->all
                        ? audit_store_mark_all_read(txn, user_id)
                        : audit_store_mark_read(txn, user_id, request->ids, request->n_ids));
    RETURN_IF_ERROR(audit_store_get_inbox_counts(txn, user_id, &counts));
    Audit__MarkNotificationsReadResponse *reply = RPC_NEW(
        call, Audit__MarkNotificationsReadResponse, audit__mark_notifications_read_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->unread_count = counts.unread;
    return rpc_call_reply(call, reply);
}
