#include "tests/unit/gateway/broadcast.h"

#include "common/base/clock.h"
#include "common/rpc/call.h"
#include "florin/audit/v1/audit.pb-c.h"

#include <inttypes.h>

#define TEXT(text_) ((char *)(uintptr_t)(text_))

struct fixture fixture;
struct played played;
struct world world;

// ---- The log -------------------------------------------------------------------------------

static const char *type_at(uint64_t index)
{
    return index % 2 == 0 ? "ledger.transfer.created" : "auth.login.succeeded";
}

const char *broadcast_actor(uint64_t index)
{
    return index % 3 == 0 ? BROADCAST_ASHA : "services/ledger";
}

const char *broadcast_seen_by(uint64_t index)
{
    return index % 5 == 0 ? BROADCAST_BOB : NULL;
}

static bool has_type(const Audit__ReadLogRequest *request, const char *type)
{
    for (size_t i = 0; i < request->n_types; i++) {
        size_t size = strlen(request->types[i]) - 1;
        if (strncmp(request->types[i], type, size) == 0) return true;
    }
    return request->n_types == 0;
}

static bool concerns(const Audit__ReadLogRequest *request, uint64_t index)
{
    char name[64] = "users/";
    if (request->user_id.len == 0) return true;
    id128_format(id128_of(request->user_id.data), name + 6);
    return strcmp(broadcast_actor(index), name) == 0 ||
           (broadcast_seen_by(index) != NULL && strcmp(broadcast_seen_by(index), name) == 0);
}

static Audit__Delivery *make_delivery(struct rpc_call *call, uint64_t index)
{
    Audit__Delivery *delivery = RPC_NEW(call, Audit__Delivery, audit__delivery__init);
    Audit__AuditEvent *event = RPC_NEW(call, Audit__AuditEvent, audit__audit_event__init);
    size_t data_bytes = atomic_load(&played.data_bytes);
    delivery->event = event;
    event->index = index;
    event->action = TEXT(type_at(index));
    event->actor = TEXT(broadcast_actor(index));
    event->client_ip = TEXT("192.0.2.9");
    event->data = arena_alloc(call->arena, data_bytes + 3);
    memset(event->data, 'x', data_bytes + 2);
    event->data[0] = event->data[data_bytes + 1] = '"';
    if (broadcast_seen_by(index) == NULL) return delivery;
    delivery->visible_to = arena_alloc(call->arena, sizeof *delivery->visible_to);
    delivery->visible_to[0] = TEXT(broadcast_seen_by(index));
    delivery->n_visible_to = 1;
    return delivery;
}

static struct status read_log(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    const Audit__ReadLogRequest *request = call->request;
    uint64_t until_ns = clock_mono_ns() + request->wait_ms * NS_PER_MS;
    uint64_t first = atomic_load(&played.first_index);
    atomic_fetch_add(&played.reads, 1);
    while (atomic_load(&played.is_hanging))
        usleep(1000);
    while (atomic_load(&played.size) <= request->from_index && clock_mono_ns() < until_ns &&
           !atomic_load(&played.is_away))
        usleep(1000);
    if (atomic_load(&played.is_away)) return REFUSE(UNAVAILABLE, STARTING, "not there");
    if (request->from_index < first) {
        rpc_call_detail(call, "first_index", arena_format(call->arena, "%" PRIu64, first));
        return REFUSE(OUT_OF_RANGE, ENTRY_PRUNED, "older than what is kept");
    }
    Audit__ReadLogResponse *reply =
        RPC_NEW(call, Audit__ReadLogResponse, audit__read_log_response__init);
    uint64_t size = atomic_load(&played.size), index = request->from_index;
    size_t bytes = 0;
    reply->deliveries = arena_alloc(call->arena, request->limit * sizeof *reply->deliveries);
    for (; index < size && reply->n_deliveries < request->limit && bytes < request->bytes_max;
         index++) {
        if (!has_type(request, type_at(index)) || !concerns(request, index)) continue;
        reply->deliveries[reply->n_deliveries++] = make_delivery(call, index);
        bytes += 200 + atomic_load(&played.data_bytes);
    }
    reply->next_index = index;
    reply->size = size;
    return rpc_call_reply(call, reply);
}

// ---- Who listens ---------------------------------------------------------------------------

static struct status know(struct bytes token, struct token_claims *ret)
{
    static const struct {
        const char *token;
        uint8_t user;
    } people[] = {{"asha", 1}, {"bob", 2}, {"auditor", 3}, {"good", 4}, {"fresh", 5}};

    memset(ret, 0, sizeof *ret);
    ret->aal = bytes_equal(token, bytes_of_text("fresh")) ? 0 : 1;
    bool has_left = bytes_equal(token, bytes_of_text("asha")) && atomic_load(&world.asha_left);
    if (has_left) return REFUSE(UNAUTHENTICATED, TOKEN_REVOKED, "the session has ended");
    if (bytes_equal(token, bytes_of_text("late")))
        return REFUSE(UNAUTHENTICATED, TOKEN_EXPIRED, "the token has run out");
    if (bytes_equal(token, bytes_of_text("risk"))) {
        ret->is_service = true;
        memcpy(ret->service, "risk", 5);
        return STATUS_SUCCESS;
    }
    for (size_t i = 0; i < COUNT_OF(people); i++) {
        if (!bytes_equal(token, bytes_of_text(people[i].token))) continue;
        memset(ret->subject.bytes, 7, ID128_BYTES);
        ret->subject.bytes[ID128_BYTES - 1] = people[i].user;
        return STATUS_SUCCESS;
    }
    return REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, "the token is not valid");
}

static struct status authenticate(void *context, struct bytes token, struct token_claims *ret)
{
    (void)context;
    if (atomic_load(&world.is_stale))
        return REFUSE(UNAVAILABLE, IDENTITY_STALE, "this token must be checked with auth");
    return know(token, ret);
}

static struct status authenticate_slow(void *context, struct bytes token, struct token_claims *ret)
{
    (void)context;
    atomic_fetch_add(&world.slow_checks, 1);
    if (atomic_load(&world.auth_away))
        return REFUSE(UNAVAILABLE, IDENTITY_UNAVAILABLE, "auth does not answer");
    return know(token, ret);
}

static enum rpc_scope authorize(void *context, const struct token_claims *claims,
                                const char *permission)
{
    (void)context;
    assert_string_equal(permission, "audit.read");
    bool is_auditor = claims->subject.bytes[ID128_BYTES - 1] >= 3;
    return is_auditor && !atomic_load(&world.auditor_demoted) ? RPC_SCOPE_ALL : RPC_SCOPE_NONE;
}

// ---- Listening -----------------------------------------------------------------------------

struct event_stream *broadcast_listen(const char *token, const char *query, const char *last_id)
{
    const struct event_stream_request request = {.port = http_server_port(fixture.gateway.http),
                                                 .token = token,
                                                 .query = query,
                                                 .last_event_id = last_id};
    return event_stream_open(&request);
}

struct event_stream *broadcast_begun(const char *token, const char *query, const char *last_id)
{
    struct event_stream *stream = broadcast_listen(token, query, last_id);
    int status = event_stream_status(stream, WAIT_MS);
    if (status != 200) fail_msg("%s %s: %s", token, query, event_stream_body(stream, WAIT_MS));
    return stream;
}

void broadcast_append(uint64_t count)
{
    atomic_fetch_add(&played.size, count);
}

uint64_t broadcast_next(struct event_stream *stream)
{
    struct event_stream_event event;
    enum event_stream_result result = event_stream_next(stream, WAIT_MS, &event);
    if (result != EVENT_STREAM_EVENT)
        fail_msg("no event (%d), comment:%s", (int)result, event_stream_last_comment(stream));
    return strtoull(event.id, NULL, 10);
}

void broadcast_expect_run(struct event_stream *stream, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        assert_int_equal(broadcast_next(stream), i);
}

void broadcast_expect_end(struct event_stream *stream, const char *comment)
{
    struct event_stream_event event;
    enum event_stream_result result = event_stream_next(stream, WAIT_MS, &event);
    if (result == EVENT_STREAM_EVENT) fail_msg("an event instead of the end: %s", event.id);
    assert_int_equal(result, EVENT_STREAM_END);
    expect_text("last comment", event_stream_last_comment(stream), comment);
}

void broadcast_expect_quiet(struct event_stream *stream)
{
    struct event_stream_event event;
    enum event_stream_result result = event_stream_next(stream, MOMENT_MS, &event);
    if (result != EVENT_STREAM_QUIET) fail_msg("not quiet: %d", (int)result);
}

// ---- Life ----------------------------------------------------------------------------------

int broadcast_open(void **state)
{
    (void)state;
    static const struct rpc_identity identity = {.authenticate = authenticate,
                                                 .authenticate_slow = authenticate_slow,
                                                 .authorize = authorize};
    const struct fixture_options options = {.read_log = read_log,
                                            .stream_identity = &identity,
                                            .heartbeat_ms = 100,
                                            .streams_max = LISTENERS_MAX,
                                            .per_user_max = PER_USER_MAX,
                                            .ring_entries_max = RING_ENTRIES};
    atomic_store(&played.size, 0);
    atomic_store(&played.first_index, 0);
    atomic_store(&played.data_bytes, 0);
    atomic_store(&played.is_away, false);
    atomic_store(&played.is_hanging, false);
    atomic_store(&world.asha_left, false);
    atomic_store(&world.auditor_demoted, false);
    atomic_store(&world.is_stale, false);
    atomic_store(&world.auth_away, false);
    fixture_open(&fixture, &options);
    return 0;
}

int broadcast_close(void **state)
{
    (void)state;
    atomic_store(&played.is_away, true); // Ends what waits there.
    atomic_store(&played.is_hanging, false);
    fixture_close(&fixture);
    return 0;
}
