#include "common/event/outbox.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/event/consumers.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ANCESTOR_VERSION = 1 };

static const struct store_table tables[] = {
    {OUTBOX_TABLE_EVENTS, "event_outbox"},
    {OUTBOX_TABLE_CONSUMERS, "event_consumers"},
    {OUTBOX_TABLE_ANCESTORS, "event_ancestors"},
};

const struct store_schema event_store_schema = {
    .name = "event",
    .version = 1,
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
};

// ---- The head ------------------------------------------------------------------------------

void outbox_wait_moved(struct event_outbox *outbox, uint64_t seq, uint64_t until_mono_ns)
{
    if (atomic_load(&outbox->head) > seq) return;
    struct timespec until = {.tv_sec = (time_t)(until_mono_ns / NS_PER_SECOND),
                             .tv_nsec = (long)(until_mono_ns % NS_PER_SECOND)};
    pthread_cond_timedwait(&outbox->moved, &outbox->lock, &until);
}

static void after_commit(void *context)
{
    struct event_outbox *outbox = context;
    uint64_t head = atomic_load_explicit(&outbox->head, memory_order_relaxed);
    if (outbox->writer_head == head) return;
    metric_add(outbox->appended_total, outbox->writer_head - head);
    metric_set(outbox->head_seq, (int64_t)outbox->writer_head);
    pthread_mutex_lock(&outbox->lock);
    atomic_store(&outbox->head, outbox->writer_head);
    pthread_cond_broadcast(&outbox->moved);
    if (outbox->on_moved != NULL) outbox->on_moved(outbox->on_moved_context);
    pthread_mutex_unlock(&outbox->lock);
}

static void rolled_back(void *context)
{
    struct event_outbox *outbox = context;
    outbox->writer_head = atomic_load_explicit(&outbox->head, memory_order_relaxed);
}

static void job_refused(void *context, uint64_t serial)
{
    struct event_outbox *outbox = context;
    if (serial == outbox->job_serial) outbox->writer_head = outbox->job_base;
}

uint64_t event_outbox_head(const struct event_outbox *outbox)
{
    return atomic_load(&outbox->head);
}

uint64_t outbox_first_seq(struct store_txn *txn, uint64_t head)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, OUTBOX_TABLE_EVENTS, &cursor);
    return store_cursor_first(&cursor) ? get_u64_be(cursor.key.data) : head + 1;
}

static struct status read_head(struct store *store, uint64_t *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, OUTBOX_TABLE_EVENTS, &cursor);
    *ret = store_cursor_last(&cursor) ? get_u64_be(cursor.key.data) : 0;
    return STATUS_SUCCESS;
}

// ---- Ancestors -----------------------------------------------------------------------------

static struct status get_ancestor(struct store_txn *txn, struct event_ancestor *ancestor)
{
    uint8_t key[OUTBOX_KEY_BYTES];
    struct bytes value;
    put_u64_be(key, ancestor->log_id);
    RETURN_IF_ERROR(store_get(txn, OUTBOX_TABLE_ANCESTORS, bytes_of(key, sizeof key), &value));
    if (value.size != OUTBOX_ANCESTOR_BYTES || value.data[0] != ANCESTOR_VERSION) {
        return REFUSE(DATA_LOSS, STORE_CORRUPT, "an ancestor's row is damaged");
    }
    ancestor->head_seq = get_u64_be(value.data + 1);
    return STATUS_SUCCESS;
}

static void put_ancestor(struct store_txn *txn, const struct event_ancestor *ancestor)
{
    uint8_t key[OUTBOX_KEY_BYTES], value[OUTBOX_ANCESTOR_BYTES] = {ANCESTOR_VERSION};
    put_u64_be(key, ancestor->log_id);
    put_u64_be(value + 1, ancestor->head_seq);
    store_put(txn, OUTBOX_TABLE_ANCESTORS, bytes_of(key, sizeof key),
              bytes_of(value, sizeof value));
}

// Those without a row yet: this is the first start on the copy, whose head is what it held of them.
static struct status run_ancestors(struct store_txn *txn, void *context)
{
    struct event_outbox *outbox = context;
    for (size_t i = 0; i < outbox->ancestor_count; i++) {
        struct event_ancestor *ancestor = &outbox->ancestors[i];
        struct status status = get_ancestor(txn, ancestor);
        if (status_ok(status)) continue;
        if (status.code != STATUS_NOT_FOUND) return status;
        ancestor->head_seq = atomic_load(&outbox->head);
        put_ancestor(txn, ancestor);
    }
    return STATUS_SUCCESS;
}

static struct status open_ancestors(struct event_outbox *outbox)
{
    uint64_t ids[STORE_FORMER_IDS_MAX];
    outbox->ancestor_count = store_former_ids(outbox->store, ids);
    for (size_t i = 0; i < outbox->ancestor_count; i++) {
        outbox->ancestors[i].log_id = ids[i];
    }
    if (outbox->ancestor_count == 0) return STATUS_SUCCESS;
    return store_write_wait(outbox->store, run_ancestors, outbox);
}

// ---- Life ----------------------------------------------------------------------------------

struct status event_outbox_open(struct store *store, const char *source, struct event_outbox **ret)
{
    uint64_t head;
    RETURN_IF_ERROR(read_head(store, &head));
    CHECK(strlen(source) < EVENT_SOURCE_BYTES_MAX);
    struct event_outbox *outbox = calloc(1, sizeof *outbox);
    CHECK(outbox != NULL);
    outbox->store = store;
    snprintf(outbox->source, sizeof outbox->source, "%s", source);
    outbox->writer_head = head;
    atomic_init(&outbox->head, head);
    pthread_mutex_init(&outbox->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&outbox->moved, &attributes);
    pthread_condattr_destroy(&attributes);
    outbox->appended_total =
        metric_counter("florin_event_appended_total", "Events committed to the outbox", NULL);
    outbox->head_seq =
        metric_gauge("florin_event_outbox_head_seq", "Highest committed event", NULL);
    outbox->first_seq =
        metric_gauge("florin_event_outbox_first_seq", "Lowest event still kept", NULL);
    metric_set(outbox->head_seq, (int64_t)head);
    store_set_local(store, OUTBOX_LOCAL_SLOT, outbox);
    store_add_hook(store, &(struct store_hook){.after_commit = after_commit,
                                               .rolled_back = rolled_back,
                                               .job_refused = job_refused,
                                               .context = outbox});
    *ret = outbox; // Known to the store's hooks: it is closed after the store, also on failure.
    return open_ancestors(outbox);
}

void event_outbox_close(struct event_outbox **outbox)
{
    struct event_outbox *old = *outbox;
    if (old == NULL) return;
    pthread_cond_destroy(&old->moved);
    pthread_mutex_destroy(&old->lock);
    free(old->packed);
    free(old->payload);
    free(old);
    *outbox = NULL;
}

void event_outbox_on_moved(struct event_outbox *outbox, void (*moved)(void *context), void *context)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->on_moved = moved;
    outbox->on_moved_context = context;
    pthread_mutex_unlock(&outbox->lock);
}

// ---- Appending -----------------------------------------------------------------------------

static void grow(uint8_t **buffer, size_t *bytes, size_t wanted)
{
    if (wanted <= *bytes) return;
    free(*buffer);
    *bytes = wanted < 1024 ? 1024 : wanted;
    *buffer = malloc(*bytes);
    CHECK(*buffer != NULL);
}

// The next number, remembered so that a refusal of this job takes it back.
static uint64_t take_seq(struct event_outbox *outbox, const struct store_txn *txn)
{
    uint64_t serial = store_txn_serial(txn);
    if (outbox->job_serial != serial) {
        outbox->job_serial = serial;
        outbox->job_base = outbox->writer_head;
    }
    return ++outbox->writer_head;
}

void event_append(struct store_txn *txn, const struct event *event)
{
    struct event_outbox *outbox = store_txn_local(txn, OUTBOX_LOCAL_SLOT);
    CHECK(outbox != NULL); // The daemon opened its outbox before it serves.
    CHECK(event->type != NULL && event->type[0] != 0);
    CHECK(strlen(event->type) < EVENT_TYPE_BYTES_MAX);
    CHECK(event->payload.size <= EVENT_PAYLOAD_BYTES_MAX);

    char names[EVENT_VISIBLE_TO_MAX][EVENT_NAME_BYTES];
    const char *visible_to[EVENT_VISIBLE_TO_MAX];
    struct event_view view = {
        .source = outbox->source,
        .type = event->type,
        .subject = event->subject,
        .actor = event->actor,
        .request_id = event->request_id,
        .traceparent = event->traceparent,
        .client_ip = event->client_ip,
        .device_id = event->device_id,
        .outcome = event->outcome != NULL ? event->outcome : "success",
        .reason = event->reason,
        .seq = take_seq(outbox, txn),
        .time_ns = clock_wall_ns(),
        .visible_to = visible_to,
        .payload = event->payload,
    };
    for (size_t i = 0; i < EVENT_VISIBLE_TO_MAX; i++) {
        if (id128_is_nil(event->visible_to[i])) continue;
        event_name("users", event->visible_to[i], names[i]);
        visible_to[view.visible_to_count++] = names[i];
    }
    uint8_t digests[OUTBOX_DIGESTS_BYTES];
    outbox_fill_digests(outbox, txn, &view, digests);
    size_t size = event_packed_size(&view);
    CHECK(size <= EVENT_PACKED_BYTES_MAX);
    grow(&outbox->packed, &outbox->packed_bytes, size);
    CHECK(event_pack(&view, outbox->packed) == size);
    uint8_t key[OUTBOX_KEY_BYTES];
    store_append(txn, OUTBOX_TABLE_EVENTS, outbox_key(view.seq, key),
                 bytes_of(outbox->packed, size));
}

static void append_for_call(struct store_txn *txn, const struct rpc_call *call,
                            const void *payload_message, struct event *event)
{
    struct event_outbox *outbox = store_txn_local(txn, OUTBOX_LOCAL_SLOT);
    CHECK(outbox != NULL);
    char actor[RPC_ACTOR_BYTES];
    rpc_call_actor(call, actor);
    event->actor = actor;
    event->request_id = call->request_id;
    event->traceparent = call->traceparent;
    event->client_ip = call->client_ip;
    event->device_id = call->device_id;
    if (payload_message != NULL) {
        size_t size = protobuf_c_message_get_packed_size(payload_message);
        grow(&outbox->payload, &outbox->payload_bytes, size);
        protobuf_c_message_pack(payload_message, outbox->payload);
        event->payload = bytes_of(outbox->payload, size);
    }
    event_append(txn, event);
}

void event_append_call(struct store_txn *txn, const struct rpc_call *call, const char *type,
                       const char *subject, const void *payload_message,
                       const struct id128 *visible_to, size_t visible_to_count)
{
    CHECK(visible_to_count <= EVENT_VISIBLE_TO_MAX);
    struct event event = {.type = type, .subject = subject};
    for (size_t i = 0; i < visible_to_count; i++) {
        event.visible_to[i] = visible_to[i];
    }
    append_for_call(txn, call, payload_message, &event);
}

void event_append_refusal(struct store_txn *txn, const struct rpc_call *call, const char *type,
                          const char *subject, const void *payload_message, const char *reason)
{
    struct event event = {.type = type, .subject = subject, .outcome = "refused", .reason = reason};
    append_for_call(txn, call, payload_message, &event);
}

void event_name(const char *collection, struct id128 id, char ret_text[static EVENT_NAME_BYTES])
{
    size_t size = strlen(collection); // By hand: a bulk call names thousands.
    CHECK(size + 1 + ID128_TEXT_BYTES <= EVENT_NAME_BYTES);
    memcpy(ret_text, collection, size);
    ret_text[size] = '/';
    id128_format(id, ret_text + size + 1);
}

// ---- Trimming ----------------------------------------------------------------

// How many of the rows from `first` to `last` one step takes: those that are old enough.
static struct status count_old(struct store_txn *txn, uint64_t first, uint64_t last, size_t *ret)
{
    uint64_t now_ns = clock_wall_ns();
    uint64_t oldest_kept_ns = now_ns > EVENT_KEPT_NS ? now_ns - EVENT_KEPT_NS : 0;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, OUTBOX_TABLE_EVENTS, &cursor);
    size_t count = 0;
    bool row = store_cursor_first(&cursor);
    for (; row && count < OUTBOX_TRIM_STEP && first + count <= last;
         row = store_cursor_next(&cursor)) {
        struct event_head head;
        RETURN_IF_ERROR(event_peek(cursor.value, &head));
        if (head.time_ns >= oldest_kept_ns) break;
        count++;
    }
    *ret = count;
    return STATUS_SUCCESS;
}

static struct status run_trim(struct store_job *job, struct store_txn *txn)
{
    (void)job;
    struct event_outbox *outbox = store_txn_local(txn, OUTBOX_LOCAL_SLOT);
    atomic_store(&outbox->trim_has_more, false);
    uint64_t last, head = outbox->writer_head;
    RETURN_IF_ERROR(outbox_acknowledged_by_all(txn, &last));
    uint64_t kept_from = head > EVENT_KEPT_COUNT ? head - EVENT_KEPT_COUNT : 0;
    if (last > kept_from) last = kept_from;
    uint64_t first = outbox_first_seq(txn, head);
    size_t count;
    RETURN_IF_ERROR(count_old(txn, first, last, &count));
    for (size_t i = 0; i < count; i++) {
        uint8_t key[OUTBOX_KEY_BYTES];
        store_delete(txn, OUTBOX_TABLE_EVENTS, outbox_key(first + i, key));
    }
    metric_set(outbox->first_seq, (int64_t)(first + count));
    atomic_store(&outbox->trim_has_more, count == OUTBOX_TRIM_STEP);
    return STATUS_SUCCESS;
}

static void finish_trim(struct store_job *job, struct status status)
{
    struct event_outbox *outbox =
        (struct event_outbox *)((char *)job - offsetof(struct event_outbox, trim_job));
    if (!status_ok(status)) log_status(LOG_LEVEL_WARN, "the outbox could not be trimmed", status);
    atomic_store(&outbox->trim_is_queued, false);
}

bool outbox_trim(struct event_outbox *outbox)
{
    if (atomic_exchange(&outbox->trim_is_queued, true)) return false;
    bool has_more = atomic_load(&outbox->trim_has_more);
    outbox->trim_job = (struct store_job){.run = run_trim,
                                          .done = finish_trim,
                                          .weight_bytes = OUTBOX_TRIM_STEP * 16,
                                          .refuse_before_change = true};
    if (!status_ok(store_write_submit(outbox->store, &outbox->trim_job))) {
        atomic_store(&outbox->trim_is_queued, false);
    }
    return has_more;
}
