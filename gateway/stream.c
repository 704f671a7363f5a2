// Who may listen, and how many; the loops' lists of streams.
#include "gateway/stream.h"

#include "common/base/check.h"
#include "common/rpc/validate.h"
#include "florin/gateway/v1/gateway.pb-c.h"
#include "florin/gateway/v1/gateway_methods.h"
#include "gateway/stream_internal.h"

#include <stdlib.h>
#include <string.h>

// ---- The loops -----------------------------------------------------------------------------

void stream_wake(struct stream_loop *loop)
{
    if (!atomic_exchange(&loop->is_posted, true)) http_loop_post(loop->loop, &loop->job);
}

static void look_at_all(struct http_job *job)
{
    struct stream_loop *loop =
        (struct stream_loop *)((char *)job - offsetof(struct stream_loop, job));
    atomic_store(&loop->is_posted, false); // Before looking: what comes meanwhile posts again.
    for (struct stream_client *client = loop->clients, *next; client != NULL; client = next) {
        next = client->next;
        stream_client_look(client);
    }
}

/// moved: the reader has something new, or a moment has gone by.
static void moved(void *context)
{
    struct gateway_streams *streams = context;
    pthread_mutex_lock(&streams->lock);
    for (size_t i = 0; streams->count > 0 && i < STREAM_LOOPS_MAX; i++)
        if (streams->loops[i].clients != NULL) stream_wake(&streams->loops[i]);
    pthread_mutex_unlock(&streams->lock);
}

static bool is_same_caller(const struct token_claims *a, const struct token_claims *b)
{
    return a->is_service == b->is_service && id128_equal(a->subject, b->subject) &&
           strcmp(a->service, b->service) == 0;
}

static size_t count_of(const struct gateway_streams *streams, const struct token_claims *claims)
{
    size_t count = 0;
    for (size_t i = 0; i < STREAM_LOOPS_MAX; i++)
        for (const struct stream_client *at = streams->loops[i].clients; at != NULL; at = at->next)
            count += is_same_caller(&at->claims, claims);
    return count;
}

struct status stream_enter(struct stream_client *client)
{
    struct gateway_streams *streams = client->streams;
    struct stream_loop *loop = client->loop;
    bool has_room;
    pthread_mutex_lock(&streams->lock);
    has_room = streams->count < streams->config.streams_max &&
               count_of(streams, &client->claims) < streams->config.per_user_max;
    if (has_room) {
        client->next = loop->clients;
        if (client->next != NULL) client->next->previous = client;
        loop->clients = client;
        client->is_listed = true;
        streams->count++;
    }
    metric_set(streams->open_gauge, (int64_t)streams->count);
    pthread_mutex_unlock(&streams->lock);
    if (!has_room)
        return REFUSE(RESOURCE_EXHAUSTED, TOO_MANY_STREAMS,
                      "so many streams are open already, of the caller or in all");
    stream_reader_listen(streams->reader, true);
    return STATUS_SUCCESS;
}

void stream_leave(struct stream_client *client)
{
    struct gateway_streams *streams = client->streams;
    if (!client->is_listed) return;
    client->is_listed = false;
    pthread_mutex_lock(&streams->lock);
    if (client->previous != NULL) client->previous->next = client->next;
    if (client->next != NULL) client->next->previous = client->previous;
    if (client->loop->clients == client) client->loop->clients = client->next;
    streams->count--;
    // Under the lock, so that it does not come behind somebody who has entered since.
    if (streams->count == 0) stream_reader_listen(streams->reader, false);
    metric_set(streams->open_gauge, (int64_t)streams->count);
    pthread_mutex_unlock(&streams->lock);
}

static struct stream_loop *loop_of(struct gateway_streams *streams, struct http_loop *loop)
{
    uint32_t index = http_loop_index(loop);
    CHECK(index < STREAM_LOOPS_MAX);
    pthread_mutex_lock(&streams->lock); // Whoever wakes it looks at it.
    streams->loops[index].loop = loop;
    pthread_mutex_unlock(&streams->lock);
    return &streams->loops[index];
}

// ---- The request ---------------------------------------------------------------------------

static struct status read_position(const Gateway__StreamEventsRequest *message,
                                   struct stream_client *client)
{
    uint64_t index;
    const char *behind =
        message->last_event_id[0] != '\0' ? message->last_event_id : message->after;
    client->has_position = true;
    if (behind[0] != '\0') {
        RETURN_IF_ERROR(stream_read_index(behind, &index));
        client->cursor.next = index + 1;
    } else if (message->from[0] != '\0') {
        RETURN_IF_ERROR(stream_read_index(message->from, &client->cursor.next));
    } else {
        client->has_position = false;
    }
    return STATUS_SUCCESS;
}

static struct status read_request(struct gateway_request *request, struct stream_client *client)
{
    struct rpc_client_call *call = &request->call;
    struct arena *arena = http_exchange_arena(request->exchange);
    const Gateway__StreamEventsRequest *message = NULL;
    if (call->metadata.access_token == NULL)
        return REFUSE(UNAUTHENTICATED, TOKEN_MISSING, "this method needs a token");
    client->token = call->metadata.access_token;
    if (strlen(client->token) >= TOKEN_BYTES_MAX)
        return REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, "the token is too long");
    RETURN_IF_ERROR(rpc_decode(&florin_gateway_v1_stream_events_request_message, call->payload,
                               arena, &message, &call->violations));
    RETURN_IF_ERROR(stream_filter_read_types(message->types, arena, &client->filter));
    client->filter.is_own = message->own;
    return read_position(message, client);
}

void gateway_stream_serve(struct gateway_request *request)
{
    struct gateway_streams *streams = request->gateway->streams;
    struct arena *arena = http_exchange_arena(request->exchange);
    struct stream_client *client = arena_alloc(arena, sizeof *client);
    if (client == NULL) {
        gateway_refuse_local(request, ARENA_STATUS_EXHAUSTED);
        return;
    }
    client->streams = streams;
    client->request = request;
    client->loop = loop_of(streams, http_exchange_loop(request->exchange));
    request->stream = client;
    struct status status = read_request(request, client);
    if (status_ok(status)) {
        stream_client_begin(client);
    } else {
        client->state = STREAM_CLIENT_ENDED;
        gateway_refuse_local(request, status);
    }
}

void gateway_stream_finished(struct gateway_request *request)
{
    struct stream_client *client = request->stream;
    if (client == NULL) return;
    request->stream = NULL;
    stream_leave(client);
    // They come back by their jobs, find nobody, and are freed there.
    if (client->read != NULL) client->read->asker = NULL;
    if (client->check != NULL) client->check->asker = NULL;
    stream_cursor_reset(&client->cursor);
}

// ---- Life ----------------------------------------------------------------------------------

static void set_defaults(struct gateway_streams_config *config)
{
    if (config->heartbeat_ms == 0) config->heartbeat_ms = STREAM_HEARTBEAT_MS;
    if (config->streams_max == 0) config->streams_max = STREAMS_MAX;
    if (config->per_user_max == 0) config->per_user_max = STREAMS_PER_USER_MAX;
    if (config->ring_entries_max == 0) config->ring_entries_max = STREAM_RING_ENTRIES_MAX;
    if (config->ring_bytes_max == 0) config->ring_bytes_max = STREAM_RING_BYTES_MAX;
}

struct gateway_streams *gateway_streams_open(const struct gateway_streams_config *config)
{
    struct gateway_streams *streams = calloc(1, sizeof *streams);
    CHECK(streams != NULL);
    streams->config = *config;
    set_defaults(&streams->config);
    pthread_mutex_init(&streams->lock, NULL);
    streams->open_gauge = metric_gauge("florin_gateway_streams", "Event streams open now", NULL);
    streams->events_total = metric_counter("florin_gateway_stream_events_total",
                                           "Events handed to event streams", NULL);
    for (size_t i = 0; i < STREAM_LOOPS_MAX; i++) {
        streams->loops[i].streams = streams;
        streams->loops[i].job.run = look_at_all;
        atomic_init(&streams->loops[i].is_posted, false);
    }
    streams->ring =
        stream_ring_open(streams->config.ring_entries_max, streams->config.ring_bytes_max);
    streams->checker = stream_checker_open(config->identity);
    const struct stream_reader_config reader = {.channel = config->channel,
                                                .service_token = config->service_token,
                                                .service_token_context =
                                                    config->service_token_context,
                                                .ring = streams->ring,
                                                .moved = moved,
                                                .context = streams};
    streams->reader = stream_reader_open(&reader);
    return streams;
}

void gateway_streams_stop(struct gateway_streams *streams)
{
    stream_reader_stop(streams->reader);
    stream_checker_stop(streams->checker);
}

void gateway_streams_close(struct gateway_streams **streams)
{
    if (*streams == NULL) return;
    CHECK((*streams)->count == 0);
    stream_reader_close(&(*streams)->reader);
    stream_checker_close(&(*streams)->checker);
    stream_ring_close(&(*streams)->ring);
    pthread_mutex_destroy(&(*streams)->lock);
    free(*streams);
    *streams = NULL;
}
