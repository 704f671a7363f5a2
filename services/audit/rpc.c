#include "services/audit/rpc.h"

#include "common/rpc/page.h"
#include "services/audit/convert.h"

// ---- Events --------------------------------------------------------------------------------

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
        reply->events[reply->n_events++] = message;
    }
}

static struct status list_events(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__ListEventsRequest *request = call->request;
    size_t page_size;
    struct bytes query, position;
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &page_size));
    RETURN_IF_ERROR(audit_convert_filter_bytes(call, request, &query));
    RETURN_IF_ERROR(page_token_open(call, request->page_token, query, &position));
    Audit__ListEventsResponse *reply =
        RPC_NEW(call, Audit__ListEventsResponse, audit__list_events_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->events = arena_alloc(call->arena, page_size * sizeof *reply->events);
    if (reply->events == NULL) return ARENA_STATUS_EXHAUSTED;

    struct audit_filter filter = audit_convert_filter(request);
    CLEANUP(audit_list_end) struct audit_list list = {0};
    bool more;
    RETURN_IF_ERROR(audit_list_begin(txn, &filter, audit_convert_position(position), &list));
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

static struct status get_event(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__GetEventRequest *request = call->request;
    struct audit_event event;
    RETURN_IF_ERROR(audit_service_get(txn, request->index, &event));
    Audit__AuditEvent *reply = audit_convert_event(call, &event);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

// ---- Proofs --------------------------------------------------------------------------------

static struct status get_inclusion_proof(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__GetInclusionProofRequest *request = call->request;
    struct audit_proof proof;
    RETURN_IF_ERROR(audit_service_prove(txn, request->index, &proof));
    Audit__InclusionProof *reply = audit_convert_proof(call, &proof);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

static struct status get_inclusion_proof_file(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__GetInclusionProofRequest *request = call->request;
    struct audit_proof proof;
    RETURN_IF_ERROR(audit_service_prove(txn, request->index, &proof));
    Google__Api__HttpBody *reply = audit_convert_proof_file(call, &proof);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

static struct status get_checkpoint(struct rpc_call *call, struct store_txn *txn)
{
    struct bytes note;
    uint64_t size;
    struct merkle_hash root;
    RETURN_IF_ERROR(audit_service_checkpoint(txn, &note, &size, &root));
    Google__Api__HttpBody *reply = audit_convert_text(call, note);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

// ---- Status --------------------------------------------------------------------------------

static struct status add_source(struct rpc_call *call, struct store_txn *txn,
                                struct audit_sources *sources, size_t which,
                                Audit__LogStatus *reply)
{
    Audit__SourceStatus *source = RPC_NEW(call, Audit__SourceStatus, audit__source_status__init);
    if (source == NULL) return ARENA_STATUS_EXHAUSTED;
    struct event_subscriber_state state;
    struct audit_mark mark;
    RETURN_IF_ERROR(audit_store_get_mark(txn, audit_source_names[which], &mark));
    source->source = (char *)audit_source_names[which];
    source->seq = mark.seq;
    source->head_seq = mark.seq;
    source->stale = true;
    if (audit_sources_state(sources, which, &state)) {
        if (state.head_seq > mark.seq) source->head_seq = state.head_seq;
        source->stale = state.is_stale || state.is_stopped;
    }
    reply->sources[reply->n_sources++] = source;
    return STATUS_SUCCESS;
}

static struct status get_status(struct rpc_call *call, struct store_txn *txn)
{
    struct audit_context *context = call->service;
    Audit__LogStatus *reply = RPC_NEW(call, Audit__LogStatus, audit__log_status__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    struct bytes note;
    struct merkle_hash root;
    RETURN_IF_ERROR(audit_service_checkpoint(txn, &note, &reply->size, &root));
    reply->root_hash.data = arena_copy(call->arena, root.bytes, MERKLE_HASH_BYTES);
    reply->root_hash.len = MERKLE_HASH_BYTES;
    reply->origin = context->service.verifier.name;
    reply->verifier_key = context->service.verifier_text;
    reply->sources = arena_alloc(call->arena, AUDIT_SOURCES * sizeof *reply->sources);
    if (reply->root_hash.data == NULL || reply->sources == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < AUDIT_SOURCES; i++)
        RETURN_IF_ERROR(add_source(call, txn, &context->sources, i, reply));
    return rpc_call_reply(call, reply);
}

const rpc_handler audit_handlers[AUDIT_METHOD_COUNT] = {
    [AUDIT_LIST_EVENTS] = list_events,
    [AUDIT_GET_EVENT] = get_event,
    [AUDIT_GET_INCLUSION_PROOF] = get_inclusion_proof,
    [AUDIT_GET_INCLUSION_PROOF_FILE] = get_inclusion_proof_file,
    [AUDIT_GET_CHECKPOINT] = get_checkpoint,
    [AUDIT_GET_STATUS] = get_status,
};
