#include "common/rpc/page.h"
#include "services/audit/convert.h"
#include "services/audit/rpc_handlers.h"

// Fills one page; *ret_more: there is something below list->before.
static struct status fill_page(struct rpc_call *call, struct audit_list *list, size_t page_size,
                               Audit__ListEventsResponse *reply, bool *ret_more)
{
    for (;;) {
        struct audit_event event;
        enum audit_list_step step;
        RETURN_IF_ERROR(audit_list_next(list, &event, &step));
        *ret_more = step != AUDIT_LIST_END;
        if (step != AUDIT_LIST_EVENT) return STATUS_SUCCESS;
        if (reply->n_events == page_size) {
            list->before = event.index + 1; // It begins the next page.
            return STATUS_SUCCESS;
        }
        Audit__AuditEvent *message = audit_convert_event(call, &event);
        if (message == NULL) return ARENA_STATUS_EXHAUSTED;
        list->bytes += strlen(message->data); // A payload's JSON is longer than the payload.
        reply->events[reply->n_events++] = message;
    }
}

// One page of what the filter lets through; query identifies it for page tokens.
static struct status list_page(struct rpc_call *call, struct store_txn *txn,
                               const struct audit_filter *filter, struct bytes query,
                               int32_t page_size_asked, const char *page_token)
{
    size_t page_size;
    struct bytes position;
    RETURN_IF_ERROR(page_size_resolve(call, page_size_asked, &page_size));
    RETURN_IF_ERROR(page_token_open(call, page_token, query, &position));
    Audit__ListEventsResponse *reply =
        RPC_NEW(call, Audit__ListEventsResponse, audit__list_events_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->events = arena_alloc(call->arena, page_size * sizeof *reply->events);
    if (reply->events == NULL) return ARENA_STATUS_EXHAUSTED;

    CLEANUP(audit_list_end) struct audit_list list = {0};
    bool more;
    RETURN_IF_ERROR(audit_list_begin(txn, filter, audit_convert_position(position), &list));
    RETURN_IF_ERROR(fill_page(call, &list, page_size, reply, &more));
    if (more) {
        uint8_t before[AUDIT_POSITION_BYTES];
        put_u64_be(before, list.before);
        reply->next_page_token =
            (char *)page_token_make(call, query, bytes_of(before, sizeof before));
        if (reply->next_page_token == NULL) return ARENA_STATUS_EXHAUSTED;
    }
    return rpc_call_reply(call, reply);
}

struct status audit_rpc_list_events(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__ListEventsRequest *request = call->request;
    struct audit_filter filter;
    struct bytes query;
    RETURN_IF_ERROR(audit_convert_filter(call, request, &filter));
    RETURN_IF_ERROR(audit_convert_filter_bytes(call, request, &query));
    return list_page(call, txn, &filter, query, request->page_size, request->page_token);
}

struct status audit_rpc_get_event(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__GetEventRequest *request = call->request;
    struct audit_event event;
    RETURN_IF_ERROR(audit_service_get(txn, request->index, &event));
    Audit__AuditEvent *reply = audit_convert_event(call, &event);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

struct status audit_rpc_list_user_events(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__ListUserEventsRequest *request = call->request;
    char user[AUDIT_USER_NAME_BYTES];
    struct audit_filter filter;
    struct bytes query;
    RETURN_IF_ERROR(audit_convert_user_filter(call, request, user, &filter));
    RETURN_IF_ERROR(audit_convert_user_filter_bytes(call, request, &query));
    return list_page(call, txn, &filter, query, request->page_size, request->page_token);
}
