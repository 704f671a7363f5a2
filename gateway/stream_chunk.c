#include "gateway/stream_chunk.h"

#include "common/base/check.h"
#include "common/json/encode.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "florin/audit/v1/audit_methods.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MALFORMED REFUSE(INTERNAL, REPLY_MALFORMED, "what the log answers makes no sense")
#define USERS "users/"

/// An event before it has its place in the chunk.
struct draft {
    struct bytes type, text[STREAM_VIEW_COUNT];
    struct id128 actor, *users;
    size_t user_count;
};

// ---- Texts ---------------------------------------------------------------------------------

/// on_one_line: a line break would end the field. In JSON it can only stand between tokens.
static void on_one_line(char *text, size_t size, char instead)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\n' || text[i] == '\r') text[i] = instead;
}

static struct status write_text(const Audit__AuditEvent *event, struct arena *arena,
                                struct bytes *ret)
{
    struct bytes json;
    RETURN_IF_ERROR(json_encode(&florin_audit_v1_audit_event_message, &event->base, arena, &json));
    char *type = arena_text(arena, event->action, strlen(event->action));
    if (type == NULL) return ARENA_STATUS_EXHAUSTED;
    on_one_line(type, strlen(type), ' ');
    on_one_line((char *)(uintptr_t)json.data, json.size, ' ');
    // Not by one format with %.*s: that takes an int, and looks for a NUL.
    char *head = arena_format(arena, "id: %" PRIu64 "\nevent: %s\ndata: ", event->index, type);
    if (head == NULL) return ARENA_STATUS_EXHAUSTED;
    size_t head_bytes = strlen(head);
    char *text = arena_alloc(arena, head_bytes + json.size + 2);
    if (text == NULL) return ARENA_STATUS_EXHAUSTED;
    memcpy(text, head, head_bytes);
    memcpy(text + head_bytes, json.data, json.size);
    memcpy(text + head_bytes + json.size, "\n\n", 2);
    *ret = bytes_of(text, head_bytes + json.size + 2);
    return STATUS_SUCCESS;
}

static Audit__AuditEvent brief_of(const Audit__AuditEvent *event)
{
    Audit__AuditEvent brief = AUDIT__AUDIT_EVENT__INIT;
    brief.index = event->index;
    brief.source = event->source;
    brief.seq = event->seq;
    brief.action = event->action;
    brief.resource = event->resource;
    brief.outcome = event->outcome;
    brief.reason = event->reason;
    brief.time = event->time;
    return brief;
}

static Audit__AuditEvent own_of(const Audit__AuditEvent *event)
{
    Audit__AuditEvent own = brief_of(event);
    own.actor = event->actor;
    own.request_id = event->request_id;
    own.client_ip = event->client_ip;
    own.device_id = event->device_id;
    return own;
}

static struct status write_views(const Audit__AuditEvent *event, struct arena *arena,
                                 struct draft *draft)
{
    RETURN_IF_ERROR(write_text(event, arena, &draft->text[STREAM_VIEW_FULL]));
    if (draft->user_count == 0) return STATUS_SUCCESS; // Nobody gets a part of it.
    Audit__AuditEvent brief = brief_of(event), own = own_of(event);
    RETURN_IF_ERROR(write_text(&brief, arena, &draft->text[STREAM_VIEW_BRIEF]));
    if (id128_is_nil(draft->actor)) return STATUS_SUCCESS;
    return write_text(&own, arena, &draft->text[STREAM_VIEW_OWN]);
}

// ---- Whom it concerns ----------------------------------------------------------------------

/// user_of is the user that a name such as users/<uuid> names, else nil.
static struct id128 user_of(const char *name)
{
    struct id128 id = ID128_NIL;
    const size_t prefix_bytes = sizeof USERS - 1;
    if (strncmp(name, USERS, prefix_bytes) != 0) return ID128_NIL;
    const char *text = name + prefix_bytes;
    return status_ok(id128_parse(text, strlen(text), &id)) ? id : ID128_NIL;
}

static void add_user(struct draft *draft, struct id128 user)
{
    if (id128_is_nil(user)) return;
    for (size_t i = 0; i < draft->user_count; i++)
        if (id128_equal(draft->users[i], user)) return;
    draft->users[draft->user_count++] = user;
}

static struct status read_users(const Audit__Delivery *delivery, struct arena *arena,
                                struct draft *draft)
{
    const Audit__AuditEvent *event = delivery->event;
    draft->users = arena_alloc(arena, (delivery->n_visible_to + 2) * sizeof *draft->users);
    if (draft->users == NULL) return ARENA_STATUS_EXHAUSTED;
    draft->actor = user_of(event->actor);
    add_user(draft, draft->actor);
    add_user(draft, user_of(event->resource));
    for (size_t i = 0; i < delivery->n_visible_to; i++)
        add_user(draft, user_of(delivery->visible_to[i]));
    return STATUS_SUCCESS;
}

// ---- The chunk -----------------------------------------------------------------------------

static struct status make_drafts(const Audit__ReadLogResponse *answer, uint64_t from,
                                 struct arena *arena, struct draft *drafts)
{
    uint64_t next = from;
    if (answer->next_index < from) return REPLY_MALFORMED;
    for (size_t i = 0; i < answer->n_deliveries; i++) {
        const Audit__Delivery *delivery = answer->deliveries[i];
        const Audit__AuditEvent *event = delivery->event;
        if (event == NULL || event->index < next || event->index >= answer->next_index)
            return REPLY_MALFORMED;
        next = event->index + 1;
        drafts[i].type = bytes_of_text(event->action);
        RETURN_IF_ERROR(read_users(delivery, arena, &drafts[i]));
        RETURN_IF_ERROR(write_views(event, arena, &drafts[i]));
    }
    return STATUS_SUCCESS;
}

static struct bytes place(uint8_t **at, struct bytes bytes)
{
    if (bytes.size > 0) memcpy(*at, bytes.data, bytes.size);
    struct bytes placed = bytes_of(*at, bytes.size);
    *at += bytes.size;
    return placed;
}

static size_t total_bytes(const struct draft *drafts, size_t count)
{
    size_t bytes = sizeof(struct stream_chunk) + count * sizeof(struct stream_event);
    for (size_t i = 0; i < count; i++) {
        bytes += drafts[i].type.size + drafts[i].user_count * sizeof(struct id128);
        for (enum stream_view view = 0; view < STREAM_VIEW_COUNT; view++)
            bytes += drafts[i].text[view].size;
    }
    return bytes;
}

/// fill_events: users are bytes, too, so that nothing has to be aligned.
static void fill_events(struct stream_chunk *chunk, const struct draft *drafts)
{
    uint8_t *at = (uint8_t *)&chunk->events[chunk->event_count];
    for (size_t i = 0; i < chunk->event_count; i++)
        chunk->events[i].text[STREAM_VIEW_FULL] = place(&at, drafts[i].text[STREAM_VIEW_FULL]);
    for (size_t i = 0; i < chunk->event_count; i++) {
        struct stream_event *event = &chunk->events[i];
        const struct draft *draft = &drafts[i];
        struct bytes users = bytes_of(draft->users, draft->user_count * sizeof *draft->users);
        event->actor = draft->actor;
        event->users = (const struct id128 *)(const void *)place(&at, users).data;
        event->user_count = draft->user_count;
        event->type = place(&at, draft->type);
        event->text[STREAM_VIEW_BRIEF] = place(&at, draft->text[STREAM_VIEW_BRIEF]);
        event->text[STREAM_VIEW_OWN] = place(&at, draft->text[STREAM_VIEW_OWN]);
    }
    CHECK(at == (uint8_t *)chunk + chunk->bytes);
}

struct status stream_chunk_make(const struct Audit__ReadLogResponse *answer, uint64_t from,
                                struct arena *scratch, struct stream_chunk **ret)
{
    struct draft *drafts = arena_alloc(scratch, answer->n_deliveries * sizeof *drafts);
    if (drafts == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(make_drafts(answer, from, scratch, drafts));
    size_t bytes = total_bytes(drafts, answer->n_deliveries);
    struct stream_chunk *chunk = malloc(bytes);
    CHECK(chunk != NULL);
    atomic_init(&chunk->references, 1);
    chunk->begin = from;
    chunk->end = answer->next_index;
    chunk->bytes = bytes;
    chunk->event_count = answer->n_deliveries;
    for (size_t i = 0; i < chunk->event_count; i++)
        chunk->events[i].index = answer->deliveries[i]->event->index;
    fill_events(chunk, drafts);
    *ret = chunk;
    return STATUS_SUCCESS;
}

struct stream_chunk *stream_chunk_hold(struct stream_chunk *chunk)
{
    CHECK(atomic_fetch_add(&chunk->references, 1) > 0);
    return chunk;
}

void stream_chunk_release(struct stream_chunk **chunk)
{
    struct stream_chunk *released = *chunk;
    *chunk = NULL;
    if (released != NULL && atomic_fetch_sub(&released->references, 1) == 1) free(released);
}
