#include "common/event/reader.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/event/wire.h"
#include "florin/event/v1/event.pb-c.h"
#include "florin/event/v1/event_methods.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_MS_MAX = 3000, REQUEST_BYTES_MAX = 128, ANSWER_BYTES_KEPT = 64 * 1024 };

/// One call at a time of one kind.
struct exchange {
    struct rpc_client_call call;
    struct event_reader *reader;
    char token[TOKEN_BYTES_MAX];
    uint8_t request[REQUEST_BYTES_MAX];
    bool is_under_way;
};

struct event_reader {
    struct rpc_channel *channel;
    const char *source, *consumer;
    void (*token)(void *context, char *ret_text, size_t size);
    void *token_context;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct exchange read, acknowledge;
    enum event_read_outcome outcome;
    char refusal[64]; // Why the last Read failed; "" when it did not.
    uint8_t *answer;
    size_t answer_size, answer_bytes;
};

struct event_reader *event_reader_open(const struct event_subscriber_config *config)
{
    struct event_reader *reader = calloc(1, sizeof *reader);
    CHECK(reader != NULL);
    reader->channel = config->channel;
    reader->source = config->source;
    reader->consumer = config->consumer;
    reader->token = config->token;
    reader->token_context = config->token_context;
    reader->read.reader = reader->acknowledge.reader = reader;
    pthread_mutex_init(&reader->lock, NULL);
    pthread_cond_init(&reader->ended, NULL);
    return reader;
}

static void wait_for_end(struct event_reader *reader, const struct exchange *exchange)
{
    pthread_mutex_lock(&reader->lock);
    while (exchange->is_under_way) { // Each call has a deadline, so this ends.
        pthread_cond_wait(&reader->ended, &reader->lock);
    }
    pthread_mutex_unlock(&reader->lock);
}

void event_reader_close(struct event_reader **reader)
{
    struct event_reader *old = *reader;
    if (old == NULL) return;
    wait_for_end(old, &old->acknowledge);
    pthread_cond_destroy(&old->ended);
    pthread_mutex_destroy(&old->lock);
    free(old->answer);
    free(old);
    *reader = NULL;
}

static void end_exchange(struct exchange *exchange)
{
    struct event_reader *reader = exchange->reader;
    pthread_mutex_lock(&reader->lock);
    exchange->is_under_way = false;
    pthread_cond_broadcast(&reader->ended); // Under the lock: the reader may be freed after it.
    pthread_mutex_unlock(&reader->lock);
}

static void begin_exchange(struct exchange *exchange, const struct rpc_method *method,
                           size_t request_size, uint32_t wait_ms,
                           void (*done)(struct rpc_client_call *call))
{
    struct event_reader *reader = exchange->reader;
    exchange->token[0] = 0;
    if (reader->token != NULL) {
        reader->token(reader->token_context, exchange->token, sizeof exchange->token);
    }
    exchange->call = (struct rpc_client_call){
        .method = method,
        .metadata = {.access_token = exchange->token},
        .payload = bytes_of(exchange->request, request_size),
        .deadline_mono_ns = clock_mono_ns() + (ANSWER_MS_MAX + wait_ms) * NS_PER_MS,
        .done = done,
        .context = exchange,
    };
    exchange->is_under_way = true; // Nobody else looks at it before the call is made.
    rpc_channel_call(reader->channel, &exchange->call);
}

// ---- Read ----------------------------------------------------------------------------------

static enum event_read_outcome outcome_of(const struct rpc_client_call *call)
{
    if (call->outcome == RPC_OUTCOME_ANSWERED && call->status.code == STATUS_OK) {
        return call->reply.size <= EVENT_BATCH_BYTES_MAX ? EVENT_READ_ANSWERED : EVENT_READ_FAILED;
    }
    if (call->status.code != STATUS_OUT_OF_RANGE || call->status.reason == NULL) {
        return EVENT_READ_FAILED;
    }
    if (strcmp(call->status.reason, "SEQ_AHEAD_OF_LOG") == 0) return EVENT_READ_AHEAD;
    if (strcmp(call->status.reason, "SEQ_TRIMMED") == 0) return EVENT_READ_TRIMMED;
    return EVENT_READ_FAILED;
}

// Megabytes while catching up, little afterwards: the buffer follows, so that an idle subscriber
// holds nothing.
static void keep_answer(struct event_reader *reader, struct bytes reply)
{
    bool is_too_large = reader->answer_bytes > ANSWER_BYTES_KEPT;
    if (reply.size > reader->answer_bytes || (is_too_large && reply.size < ANSWER_BYTES_KEPT)) {
        free(reader->answer);
        reader->answer_bytes = reply.size;
        reader->answer = malloc(reply.size);
        CHECK(reader->answer != NULL);
    }
    if (reply.size > 0) memcpy(reader->answer, reply.data, reply.size);
    reader->answer_size = reply.size;
}

// Said once, not at each try: a source may be away for hours.
static void note_refusal(struct event_reader *reader, const char *reason)
{
    if (strcmp(reader->refusal, reason) == 0) return;
    snprintf(reader->refusal, sizeof reader->refusal, "%s", reason);
    LOG_WARN("events cannot be read, which is tried again", LOG_TEXT("reason", reason),
             LOG_TEXT("source", reader->source));
}

static void read_done(struct rpc_client_call *call)
{
    struct exchange *exchange = call->context;
    struct event_reader *reader = exchange->reader;
    reader->outcome = outcome_of(call);
    if (reader->outcome == EVENT_READ_ANSWERED) {
        reader->refusal[0] = 0;
        keep_answer(reader, call->reply);
    } else if (reader->outcome == EVENT_READ_FAILED) {
        note_refusal(reader, call->status.reason != NULL ? call->status.reason : "UNKNOWN");
    }
    end_exchange(exchange);
}

enum event_read_outcome event_reader_read(struct event_reader *reader,
                                          const struct event_read *read, struct bytes *ret_batch)
{
    Eventlog__ReadRequest request = EVENTLOG__READ_REQUEST__INIT;
    request.after_seq = read->after_seq;
    request.not_before_ns = read->not_before_ns;
    request.limit = read->limit;
    request.wait_ms = read->wait_ms;
    size_t size = eventlog__read_request__get_packed_size(&request);
    CHECK(size <= sizeof reader->read.request);
    eventlog__read_request__pack(&request, reader->read.request);
    begin_exchange(&reader->read, &event_methods[EVENT_READ], size, read->wait_ms, read_done);
    wait_for_end(reader, &reader->read);
    if (reader->outcome == EVENT_READ_ANSWERED) {
        *ret_batch = bytes_of(reader->answer, reader->answer_size);
    }
    return reader->outcome;
}

// ---- Acknowledge ---------------------------------------------------------------------------

static void acknowledge_done(struct rpc_client_call *call)
{
    // A lost one is made good by the next; until then the source keeps more than it must.
    end_exchange(call->context);
}

bool event_reader_acknowledge(struct event_reader *reader, uint64_t upto_seq)
{
    pthread_mutex_lock(&reader->lock);
    bool is_under_way = reader->acknowledge.is_under_way;
    pthread_mutex_unlock(&reader->lock);
    if (is_under_way) return false;
    Eventlog__AcknowledgeRequest request = EVENTLOG__ACKNOWLEDGE_REQUEST__INIT;
    request.consumer = (char *)reader->consumer;
    request.upto_seq = upto_seq;
    size_t size = eventlog__acknowledge_request__get_packed_size(&request);
    CHECK(size <= sizeof reader->acknowledge.request); // Consumers' names are our own constants.
    eventlog__acknowledge_request__pack(&request, reader->acknowledge.request);
    begin_exchange(&reader->acknowledge, &event_methods[EVENT_ACKNOWLEDGE], size, 0,
                   acknowledge_done);
    return true;
}
