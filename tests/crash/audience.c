#include "tests/crash/audience.h"

#include "florin/audit/v1/audit.pb-c.h"
#include "florin/audit/v1/audit_methods.h"
#include "tests/integration/direct.h"
#include "tests/support/event_stream.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PAUSE_MS = 20,
    WAIT_MS = 200,
    HEAD_WAIT_MS = 10000,
    FETCH_MAX = 100,
    DEATHS_ONE_IN = 25,  // Of a consumer's fetches.
    TROUBLE_ONE_IN = 16, // Of first attempts at a message.
};

// ---- All of them ---------------------------------------------------------------------------

static void begin(struct follower *follower, const struct world *world)
{
    memset(follower, 0, sizeof *follower);
    follower->world = world;
}

static void start(struct follower *follower, void *(*follow)(void *), void *context)
{
    if (pthread_create(&follower->thread, NULL, follow, context) != 0) abort();
}

static void stop(struct follower *follower)
{
    atomic_store(&follower->is_stopping, true);
    pthread_join(follower->thread, NULL);
}

static bool goes_on(struct follower *follower)
{
    return !atomic_load(&follower->is_stopping) && !atomic_load(&follower->is_wrong);
}

static void see_wrong(struct follower *follower, const char *came, uint64_t expected)
{
    int size = (int)strcspn(came, "\r\n");
    snprintf(follower->wrong, sizeof follower->wrong, "%.*s came instead of %" PRIu64, size, came,
             expected);
    atomic_store(&follower->is_wrong, true);
}

// ---- The consumer --------------------------------------------------------------------------

static char consumer_name[] = "survivor";

static void call(struct consumer *consumer, enum audit_method_index which, const void *request,
                 struct direct_answer *answer)
{
    char token[TOKEN_BYTES_MAX];
    direct_service_token(consumer->follower.world, "ops", "ops", token);
    const struct rpc_metadata metadata = {.access_token = token};
    direct_call(consumer->channel, &audit_methods[which], &metadata, request, answer);
}

static bool is_answered(const struct direct_answer *answer)
{
    return answer->outcome == RPC_OUTCOME_ANSWERED && status_ok(answer->status);
}

static uint64_t read_next(const struct consumer *consumer)
{
    uint64_t next = 0, index;
    FILE *file = fopen(consumer->path, "re");
    if (file == NULL) abort();
    while (fscanf(file, "%" SCNu64, &index) == 1)
        next = index + 1;
    fclose(file);
    return next;
}

/// deal_with writes an event down, unless that was done before. Nothing may be left out.
static void deal_with(struct consumer *consumer, uint64_t index)
{
    struct follower *follower = &consumer->follower;
    uint64_t next = atomic_load(&follower->next);
    char line[32];
    int size = snprintf(line, sizeof line, "%" PRIu64 "\n", index);
    if (index < consumer->acknowledged) see_wrong(follower, line, next);
    if (index < next) return; // Once more.
    if (write(consumer->fd, line, (size_t)size) != size) abort();
    atomic_store(&follower->next, index + 1);
    if (index > next) see_wrong(follower, line, next);
}

/// consume_some fetches, deals with it, and acknowledges. false: it is to begin anew.
static bool consume_some(struct consumer *consumer, bool restart, struct direct_answer *answer)
{
    Audit__FetchRequest request = AUDIT__FETCH_REQUEST__INIT;
    Audit__AckRequest ack = AUDIT__ACK_REQUEST__INIT;
    request.name = ack.name = consumer_name;
    request.max = FETCH_MAX;
    request.wait_ms = WAIT_MS;
    request.restart = restart;
    call(consumer, AUDIT_FETCH, &request, answer);
    if (!is_answered(answer)) return false;
    const Audit__FetchResponse *reply = direct_unpack(answer, &audit__fetch_response__descriptor);
    for (size_t i = 0; i < reply->n_deliveries; i++)
        deal_with(consumer, reply->deliveries[i]->event->index);
    // Dying here, everything comes again.
    if ((unsigned)rand_r(&consumer->seed) % DEATHS_ONE_IN == 0) return false;
    ack.upto = reply->ack_upto;
    if (reply->n_deliveries == 0) return true;
    call(consumer, AUDIT_ACK, &ack, answer);
    if (is_answered(answer)) consumer->acknowledged = ack.upto + 1;
    return is_answered(answer);
}

static void *consume(void *context)
{
    struct consumer *consumer = context;
    struct follower *follower = &consumer->follower;
    struct direct_answer answer = {0};
    for (bool restart = true; goes_on(follower);) {
        if (restart) {
            follower->beginnings++;
            atomic_store(&follower->next, read_next(consumer));
        }
        restart = !consume_some(consumer, restart, &answer);
        if (restart) poll(NULL, 0, PAUSE_MS);
    }
    direct_reset(&answer);
    return NULL;
}

void consumer_start(struct consumer *consumer, const struct world *world, unsigned seed)
{
    Audit__CreateConsumerRequest request = AUDIT__CREATE_CONSUMER_REQUEST__INIT;
    struct direct_answer answer = {0};
    begin(&consumer->follower, world);
    consumer->seed = seed;
    consumer->acknowledged = 0;
    snprintf(consumer->path, sizeof consumer->path, "%s/survivor.txt", world->data);
    consumer->fd = open(consumer->path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (consumer->fd < 0) abort();
    consumer->channel = direct_open(world, "audit");
    direct_wait_up(consumer->channel);
    request.name = consumer_name;
    request.start = AUDIT__CONSUMER_START__FIRST;
    call(consumer, AUDIT_CREATE_CONSUMER, &request, &answer);
    if (!is_answered(&answer)) abort();
    direct_reset(&answer);
    start(&consumer->follower, consume, consumer);
}

void consumer_stop(struct consumer *consumer)
{
    stop(&consumer->follower);
    close(consumer->fd);
}

// ---- The listener --------------------------------------------------------------------------

static bool come_back(struct listener *listener)
{
    struct follower *follower = &listener->follower;
    uint64_t next = atomic_load(&follower->next);
    char last_id[24];
    snprintf(last_id, sizeof last_id, "%" PRIu64, next - 1);
    const struct event_stream_request request = {.port = follower->world->port,
                                                 .query = next == 0 ? "?from=0" : NULL,
                                                 .token = listener->token,
                                                 .last_event_id = next == 0 ? NULL : last_id};
    listener->stream = event_stream_open(&request);
    int status = 0;
    if (listener->stream != NULL) status = event_stream_status(listener->stream, HEAD_WAIT_MS);
    if (status == 200) {
        follower->beginnings++;
        return true;
    }
    if (status != 0 && status != 503)
        see_wrong(follower, event_stream_head(listener->stream), next);
    event_stream_close(&listener->stream);
    return false;
}

static void *listen_on(void *context)
{
    struct listener *listener = context;
    struct follower *follower = &listener->follower;
    while (goes_on(follower)) {
        struct event_stream_event event;
        if (listener->stream == NULL && !come_back(listener)) {
            poll(NULL, 0, PAUSE_MS); // As a client would: not at once again.
            continue;
        }
        enum event_stream_result result = event_stream_next(listener->stream, WAIT_MS, &event);
        uint64_t next = atomic_load(&follower->next);
        if (result == EVENT_STREAM_QUIET) continue;
        if (result != EVENT_STREAM_EVENT) {
            event_stream_close(&listener->stream);
        } else if (strtoull(event.id, NULL, 10) != next) {
            see_wrong(follower, event.id, next);
        } else {
            atomic_store(&follower->next, next + 1);
        }
    }
    event_stream_close(&listener->stream);
    return NULL;
}

void listener_start(struct listener *listener, const struct world *world, const char *token)
{
    begin(&listener->follower, world);
    listener->token = token;
    listener->stream = NULL;
    start(&listener->follower, listen_on, listener);
}

void listener_stop(struct listener *listener)
{
    stop(&listener->follower);
}

// ---- The receiver --------------------------------------------------------------------------

static uint64_t index_of(const struct web_received *received)
{
    json_t *json = json_loads(received->body, 0, NULL);
    const char *text = json_string_value(json_object_get(json_object_get(json, "data"), "index"));
    if (text == NULL) abort(); // On the receiver's thread.
    uint64_t index = strtoull(text, NULL, 10);
    json_decref(json);
    if (index >= AUDIENCE_EVENTS_MAX) abort();
    return index;
}

static struct web_answer receive(void *context, size_t number, const struct web_received *received)
{
    static const char *const troubles[] = {"500 Oh", ""};
    struct receiver *receiver = context;
    char id[AUDIENCE_MESSAGE_ID_BYTES] = "";
    uint64_t index = index_of(received);
    web_received_header(received, "webhook-id", id, sizeof id);
    pthread_mutex_lock(&receiver->lock);
    bool is_first = receiver->ids[index][0] == '\0';
    const char *status = "204 No Content";
    if (is_first && (unsigned)rand_r(&receiver->seed) % TROUBLE_ONE_IN == 0)
        status = troubles[number % 2]; // Only once: the third attempt comes after minutes.
    if (!is_first && strcmp(receiver->ids[index], id) != 0)
        snprintf(receiver->wrong, sizeof receiver->wrong, "%" PRIu64 " came with two ids", index);
    memcpy(receiver->ids[index], id, sizeof id);
    receiver->received++;
    receiver->repeated += !is_first;
    if (status[0] == '2' && receiver->taken[index] < UINT8_MAX) receiver->taken[index]++;
    pthread_mutex_unlock(&receiver->lock);
    return (struct web_answer){status, "", NULL};
}

void receiver_open(struct receiver *receiver, unsigned seed)
{
    memset(receiver, 0, sizeof *receiver);
    receiver->seed = seed;
    receiver->ids = calloc(AUDIENCE_EVENTS_MAX, sizeof *receiver->ids);
    receiver->taken = calloc(AUDIENCE_EVENTS_MAX, sizeof *receiver->taken);
    if (receiver->ids == NULL || receiver->taken == NULL) abort();
    pthread_mutex_init(&receiver->lock, NULL);
    receiver->web = web_peer_open(NULL);
    web_peer_set_answerer(receiver->web, receive, receiver);
}

void receiver_close(struct receiver *receiver)
{
    web_peer_close(&receiver->web);
    pthread_mutex_destroy(&receiver->lock);
    free(receiver->ids);
    free(receiver->taken);
}

uint64_t receiver_count_taken(struct receiver *receiver)
{
    uint64_t count = 0;
    pthread_mutex_lock(&receiver->lock);
    for (size_t i = 0; i < AUDIENCE_EVENTS_MAX; i++)
        count += receiver->taken[i] > 0;
    pthread_mutex_unlock(&receiver->lock);
    return count;
}
