#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/event/event.h"
#include "common/rpc/page.h"
#include "services/audit/convert.h"
#include "services/audit/export.h"
#include "services/audit/rpc_handlers.h"

enum {
    EVENTS_MAX = 10000,
    BODY_BYTES_MAX = 4 * 1024 * 1024,
    EVENT_ARENA_BYTES_MAX = 16 * 1024 * 1024, // One event in every form on the way.
    ROWS_PER_SNAPSHOT = 2000, // A snapshot that is held long keeps pages from reuse.
    ROWS_MAX = 200000,        // Looked at by one export; it ends early then.
};

#define TIME_LEFT_NS (UINT64_C(1500) * NS_PER_MS) // For the commit and the way back.

/// One export under way.
struct export
{
    struct rpc_call *call;
    enum audit_export_format format;
    struct audit_filter filter;
    struct arena *scratch; // Of one event.
    uint8_t *body;         // BODY_BYTES_MAX of them.
    size_t size, count, count_max;
    uint64_t before; // Indexes from here on are done.
    uint64_t rows, first_index, last_index;
    bool is_full, is_at_end;
};

static bool put(struct export *export, const void *data, size_t size)
{
    const struct audit_export_frame *frame = &audit_export_frames[export->format];
    if (size + strlen(frame->tail) > BODY_BYTES_MAX - export->size) return false;
    memcpy(export->body + export->size, data, size);
    export->size += size;
    return true;
}

static bool put_text(struct export *export, const char *text)
{
    return put(export, text, strlen(text));
}

// Takes the event into the body, unless it has no room: then it begins the next page. Whatever one
// event takes, it fits an empty body: its data has at most 1 MiB, and CSV doubles its quotes.
static struct status put_event(struct export *export, const struct audit_event *event)
{
    const struct audit_export_frame *frame = &audit_export_frames[export->format];
    struct bytes text;
    arena_reset(export->scratch);
    RETURN_IF_ERROR(audit_export_event(export->format, event, export->scratch, &text));
    size_t size = export->size;
    bool is_first = export->count == 0;
    if (!put_text(export, is_first ? frame->head : frame->between) ||
        !put(export, text.data, text.size)) {
        CHECK(!is_first);
        export->size = size;
        export->is_full = true;
        return STATUS_SUCCESS;
    }
    if (is_first) export->first_index = event->index;
    export->last_index = event->index;
    export->before = event->index;
    export->count++;
    return STATUS_SUCCESS;
}

// As much as one snapshot may give.
static struct status walk_snapshot(struct export *export, struct store *store)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    CLEANUP(audit_list_end) struct audit_list list = {0};
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    RETURN_IF_ERROR(audit_list_begin(txn, &export->filter, export->before, &list));
    enum audit_list_step step = AUDIT_LIST_EVENT;
    while (list.rows < ROWS_PER_SNAPSHOT && step == AUDIT_LIST_EVENT && !export->is_full) {
        struct audit_event event;
        RETURN_IF_ERROR(audit_list_next(&list, &event, &step));
        if (step != AUDIT_LIST_EVENT) break;
        if (export->count == export->count_max) {
            export->is_full = true; // And there is at least this one more.
        } else {
            RETURN_IF_ERROR(put_event(export, &event));
        }
    }
    if (!export->is_full) export->before = list.before;
    export->is_at_end = step == AUDIT_LIST_END;
    export->rows += list.rows;
    return STATUS_SUCCESS;
}

static struct status walk(struct export *export, struct store *store)
{
    while (!export->is_full && !export->is_at_end && export->rows < ROWS_MAX) {
        if (clock_mono_ns() + TIME_LEFT_NS > export->call->deadline_mono_ns) break;
        RETURN_IF_ERROR(walk_snapshot(export, store));
    }
    const struct audit_export_frame *frame = &audit_export_frames[export->format];
    if (export->count == 0) CHECK(put_text(export, frame->head));
    memcpy(export->body + export->size, frame->tail, strlen(frame->tail)); // put left room for it.
    export->size += strlen(frame->tail);
    return STATUS_SUCCESS;
}

// ---- What the log says of it ---------------------------------------------------------------

static struct status append_exported(struct store_txn *txn, void *context)
{
    const struct export *export = context;
    const Audit__ExportEventsRequest *request = export->call->request;
    Audit__EventsExported message;
    audit__events_exported__init(&message);
    message.format = (char *)(uintptr_t)audit_export_frames[export->format].name;
    message.count = export->count;
    message.first_index = export->first_index;
    message.last_index = export->last_index;
    message.actor = request->actor;
    message.action = request->action;
    message.resource = request->resource;
    message.outcome = request->outcome;
    message.source = request->source;
    message.from = request->from;
    message.to = request->to;
    event_append_call(txn, export->call, "audit.events.exported", "events", &message, NULL, 0);
    return STATUS_SUCCESS;
}

// ---- Handlers ------------------------------------------------------------------------------

static struct status reply(struct export *export, struct bytes query)
{
    struct rpc_call *call = export->call;
    Google__Api__HttpBody *message =
        RPC_NEW(call, Google__Api__HttpBody, google__api__http_body__init);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    message->content_type = (char *)(uintptr_t)audit_export_frames[export->format].media_type;
    message->data = (ProtobufCBinaryData){.data = export->body, .len = export->size};
    if (!export->is_at_end) {
        uint8_t before[AUDIT_POSITION_BYTES];
        put_u64_be(before, export->before);
        message->next_page_token =
            (char *)(uintptr_t)page_token_make(call, query, bytes_of(before, sizeof before));
        if (message->next_page_token == NULL) return ARENA_STATUS_EXHAUSTED;
    }
    return rpc_call_reply(call, message);
}

static struct status export_events(struct rpc_call *call, enum audit_export_format format)
{
    const Audit__ExportEventsRequest *request = call->request;
    const struct audit_context *context = call->service;
    struct export export = {.call = call, .format = format, .count_max = EVENTS_MAX};
    struct bytes query, position;
    if (request->page_size < 0) return rpc_call_violation(call, "page_size", "OUT_OF_RANGE");
    if (request->page_size > 0 && request->page_size < EVENTS_MAX)
        export.count_max = (size_t)request->page_size;
    RETURN_IF_ERROR(audit_convert_export_filter(call, request, &export.filter));
    RETURN_IF_ERROR(audit_convert_export_filter_bytes(call, request, &query));
    RETURN_IF_ERROR(page_token_open(call, request->page_token, query, &position));
    export.before = audit_convert_position(position);
    export.body = arena_alloc(call->arena, BODY_BYTES_MAX);
    if (export.body == NULL) return ARENA_STATUS_EXHAUSTED;

    CLEANUP(arena_close) struct arena *scratch = arena_open(EVENT_ARENA_BYTES_MAX);
    export.scratch = scratch;
    RETURN_IF_ERROR(walk(&export, context->service.store));
    // Who took events out is itself an event, and nothing leaves before that one is durable.
    RETURN_IF_ERROR(store_write_wait(context->service.store, append_exported, &export));
    return reply(&export, query);
}

struct status audit_rpc_export_events_ndjson(struct rpc_call *call, struct store_txn *no_txn)
{
    (void)no_txn; // POOL, like the others.
    return export_events(call, AUDIT_EXPORT_NDJSON);
}

struct status audit_rpc_export_events_csv(struct rpc_call *call, struct store_txn *no_txn)
{
    (void)no_txn;
    return export_events(call, AUDIT_EXPORT_CSV);
}

struct status audit_rpc_export_events_ocsf(struct rpc_call *call, struct store_txn *no_txn)
{
    (void)no_txn;
    return export_events(call, AUDIT_EXPORT_OCSF);
}

struct status audit_rpc_export_events_cef(struct rpc_call *call, struct store_txn *no_txn)
{
    (void)no_txn;
    return export_events(call, AUDIT_EXPORT_CEF);
}
