#include "common/event/subscriber.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/thread.h"
#include "common/event/collector.h"
#include "common/event/reader.h"
#include "common/event/socket.h"
#include "common/event/types.h"
#include "common/rpc/redial.h"

#include <nng/protocol/pubsub0/sub.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define STALE_NS (5 * NS_PER_SECOND)
// Two heartbeats and a half: then PUB is not believed any more and the log itself is asked.
#define SILENCE_NS (2500 * NS_PER_MS)
#define ACKNOWLEDGE_NS NS_PER_SECOND
#define PASSED_NS NS_PER_SECOND

enum {
    RECEIVE_MS = 250, // How long a change of state may go unseen.
    RECEIVE_BUFFER_MESSAGES = 256,
    SILENT_WAIT_MS = 1000,
    GATHER_BYTES_MAX = 4 * 1024 * 1024,
    GATHER_MESSAGES_MAX = 256,
    BACK_OFF_MS_MIN = 20,
    BACK_OFF_MS_MAX = 1000,
};

struct event_subscriber {
    struct event_subscriber_config config;
    char source[EVENT_SOURCE_BYTES_MAX], consumer[EVENT_SOURCE_BYTES_MAX];
    nng_socket socket;
    pthread_t thread;
    struct event_reader *reader;
    struct redial redial; // The thread's own.

    pthread_mutex_t lock;
    pthread_cond_t poked; // Closing, or PUB has connected: back-offs end.
    bool closing, was_connected;
    int pipe_id; // Of the connection; -1: none.

    // For other threads to look at. seq is what was handled or passed over.
    atomic_uint_fast64_t seq, head_seq, fresh_mono_ns, gap_count;
    _Atomic(const char *) stop_reason; // NULL while it goes on.

    // The thread's own.
    struct event_collector collector;
    nng_msg *messages[GATHER_MESSAGES_MAX]; // Of the gathered events.
    size_t message_count;
    uint64_t log_id, not_before_ns;
    bool needs_read, told_stale;
    uint64_t heard_mono_ns;               // When PUB was last heard.
    uint64_t turn_mono_ns;                // When this thread last looked.
    uint64_t mark_seq, mark_mono_ns;      // Fresh as of then, once this seq is handled.
    uint64_t durable_seq, passed_mono_ns; // What the consumer has stored, and was last told.
    uint64_t acknowledged_seq, acknowledged_mono_ns;
    uint32_t back_off_ms;

    struct metric *handled_total, *reads_total, *gaps_total;
};

// ---- What others see -----------------------------------------------------------------------

bool event_subscriber_is_stale(const struct event_subscriber *subscriber)
{
    uint64_t fresh_ns = atomic_load(&subscriber->fresh_mono_ns);
    return fresh_ns == 0 || clock_mono_ns() >= fresh_ns + STALE_NS;
}

void event_subscriber_get_state(struct event_subscriber *subscriber,
                                struct event_subscriber_state *ret)
{
    ret->seq = atomic_load(&subscriber->seq);
    ret->head_seq = atomic_load(&subscriber->head_seq);
    ret->gap_count = atomic_load(&subscriber->gap_count);
    ret->is_stale = event_subscriber_is_stale(subscriber);
    ret->stop_reason = atomic_load(&subscriber->stop_reason);
    ret->is_stopped = ret->stop_reason != NULL;
}

static void tell_stale(struct event_subscriber *subscriber)
{
    bool is_stale = event_subscriber_is_stale(subscriber);
    if (is_stale == subscriber->told_stale) return;
    subscriber->told_stale = is_stale;
    if (is_stale) LOG_WARN("events are stale", LOG_TEXT("source", subscriber->source));
    if (subscriber->config.stale_changed != NULL) {
        subscriber->config.stale_changed(subscriber->config.context, is_stale);
    }
}

// The source's head was head_seq at least since at_mono_ns: when all of it has been handled, we
// know everything that had happened by then.
static void note_head(struct event_subscriber *subscriber, uint64_t head_seq, uint64_t at_mono_ns)
{
    if (head_seq > atomic_load(&subscriber->head_seq)) {
        atomic_store(&subscriber->head_seq, head_seq);
    }
    if (atomic_load(&subscriber->seq) >= head_seq) {
        atomic_store(&subscriber->fresh_mono_ns, at_mono_ns);
        subscriber->mark_mono_ns = 0;
    } else if (subscriber->mark_mono_ns == 0) {
        subscriber->mark_seq = head_seq;
        subscriber->mark_mono_ns = at_mono_ns;
    }
}

static void set_seq(struct event_subscriber *subscriber, uint64_t seq)
{
    atomic_store(&subscriber->seq, seq);
    if (subscriber->mark_mono_ns != 0 && seq >= subscriber->mark_seq) {
        atomic_store(&subscriber->fresh_mono_ns, subscriber->mark_mono_ns);
        subscriber->mark_mono_ns = 0;
    }
    tell_stale(subscriber);
}

static void stop(struct event_subscriber *subscriber, const char *reason)
{
    atomic_store(&subscriber->stop_reason, reason);
    LOG_ERROR("events cannot be followed: an operator is needed", LOG_TEXT("reason", reason),
              LOG_TEXT("source", subscriber->source),
              LOG_U64("seq", atomic_load(&subscriber->seq)));
}

// ---- Waiting -------------------------------------------------------------------------------

static bool is_connected(struct event_subscriber *subscriber)
{
    pthread_mutex_lock(&subscriber->lock);
    bool connected = subscriber->pipe_id != -1;
    pthread_mutex_unlock(&subscriber->lock);
    return connected;
}

static bool is_closing(struct event_subscriber *subscriber)
{
    pthread_mutex_lock(&subscriber->lock);
    bool closing = subscriber->closing;
    pthread_mutex_unlock(&subscriber->lock);
    return closing;
}

// True once when PUB has connected anew: what it sent before is lost.
static bool take_connected(struct event_subscriber *subscriber)
{
    pthread_mutex_lock(&subscriber->lock);
    bool was_connected = subscriber->was_connected;
    subscriber->was_connected = false;
    pthread_mutex_unlock(&subscriber->lock);
    return was_connected;
}

// Ends early on closing, and when the source is there again if that is what we wait for.
static void back_off(struct event_subscriber *subscriber, bool until_connected)
{
    uint32_t wait_ms = subscriber->back_off_ms;
    subscriber->back_off_ms = wait_ms < BACK_OFF_MS_MAX / 2 ? 2 * wait_ms : BACK_OFF_MS_MAX;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until); // Time that passes, also when a test holds the clock.
    until.tv_nsec += (long)(wait_ms * NS_PER_MS);
    until.tv_sec += until.tv_nsec / (long)NS_PER_SECOND;
    until.tv_nsec %= (long)NS_PER_SECOND;
    pthread_mutex_lock(&subscriber->lock);
    int rc = 0;
    while (rc == 0 && !subscriber->closing && !(until_connected && subscriber->was_connected)) {
        rc = pthread_cond_timedwait(&subscriber->poked, &subscriber->lock, &until);
    }
    pthread_mutex_unlock(&subscriber->lock);
    tell_stale(subscriber);
}

static void pipe_removed(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    (void)event;
    struct event_subscriber *subscriber = context;
    pthread_mutex_lock(&subscriber->lock);
    if (subscriber->pipe_id == nng_pipe_id(pipe)) subscriber->pipe_id = -1;
    pthread_mutex_unlock(&subscriber->lock);
}

// Before the first byte: nng's "post" may come after the removal of the same pipe.
static void pipe_added(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    (void)event;
    struct event_subscriber *subscriber = context;
    if (!transport_peer_is_ours(pipe)) {
        nng_pipe_close(pipe);
        return;
    }
    pthread_mutex_lock(&subscriber->lock);
    subscriber->pipe_id = nng_pipe_id(pipe);
    subscriber->was_connected = true;
    pthread_cond_broadcast(&subscriber->poked);
    pthread_mutex_unlock(&subscriber->lock);
}

// ---- Handing on ----------------------------------------------------------------------------

static void forget_gathered(struct event_subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->message_count; i++) {
        nng_msg_free(subscriber->messages[i]);
    }
    subscriber->message_count = 0;
    event_collector_reset(&subscriber->collector, atomic_load(&subscriber->seq) + 1);
}

// The consumer decides: the same events again until it takes them, or until we close.
static bool handle_slice(struct event_subscriber *subscriber, const struct event_view *events,
                         size_t count)
{
    const struct event_subscriber_config *config = &subscriber->config;
    for (;;) {
        struct status status = config->handle(config->context, events, count, subscriber->log_id);
        if (status_ok(status)) break;
        log_status(LOG_LEVEL_WARN, "events were not handled and come again", status);
        back_off(subscriber, false);
        if (is_closing(subscriber)) return false;
    }
    subscriber->back_off_ms = BACK_OFF_MS_MIN;
    subscriber->durable_seq = events[count - 1].seq;
    set_seq(subscriber, subscriber->durable_seq);
    metric_add(subscriber->handled_total, count);
    return true;
}

static void hand_on(struct event_subscriber *subscriber)
{
    const struct event_collector *collector = &subscriber->collector;
    size_t done = 0;
    while (done < collector->count) {
        size_t count = collector->count - done;
        if (count > EVENT_SUBSCRIBER_EVENTS_MAX) count = EVENT_SUBSCRIBER_EVENTS_MAX;
        if (!handle_slice(subscriber, collector->views + done, count)) break;
        done += count;
    }
    // Behind the last chosen event may lie others, which are done with as well.
    uint64_t seq = collector->next_seq - 1;
    if (done == collector->count && seq > atomic_load(&subscriber->seq)) set_seq(subscriber, seq);
    forget_gathered(subscriber);
}

// Not for each event that was not chosen: the consumer's commit costs more than passing them over.
static void tell_passed(struct event_subscriber *subscriber)
{
    const struct event_subscriber_config *config = &subscriber->config;
    uint64_t seq = atomic_load(&subscriber->seq), now_ns = clock_mono_ns();
    if (config->passed == NULL || seq == subscriber->durable_seq) return;
    if (now_ns < subscriber->passed_mono_ns + PASSED_NS) return;
    subscriber->passed_mono_ns = now_ns;
    struct status status = config->passed(config->context, seq, subscriber->log_id);
    if (status_ok(status)) subscriber->durable_seq = seq;
}

// Only what the consumer has stored: what is acknowledged may be trimmed away.
static void acknowledge(struct event_subscriber *subscriber)
{
    uint64_t seq = subscriber->durable_seq, now_ns = clock_mono_ns();
    if (subscriber->consumer[0] == 0 || seq == subscriber->acknowledged_seq) return;
    if (now_ns < subscriber->acknowledged_mono_ns + ACKNOWLEDGE_NS) return;
    if (!event_reader_acknowledge(subscriber->reader, seq)) return;
    subscriber->acknowledged_seq = seq;
    subscriber->acknowledged_mono_ns = now_ns;
}

static bool is_of_our_source(const struct event_subscriber *subscriber,
                             const struct event_batch *batch)
{
    bool is_ours = bytes_equal(batch->source, bytes_of_text(subscriber->source));
    if (is_ours && batch->log_id != 0) return true;
    LOG_WARN("events of another source came", LOG_TEXT("expected", subscriber->source));
    return false;
}

static bool is_of_our_log(struct event_subscriber *subscriber, const struct event_batch *batch)
{
    if (subscriber->log_id == 0) subscriber->log_id = batch->log_id;
    return subscriber->log_id == batch->log_id;
}

/// adopt_log goes over to another log when it is a restored copy of ours that holds all we have
/// handled; any other one stops us.
static bool adopt_log(struct event_subscriber *subscriber, const struct event_batch *batch)
{
    if (!is_of_our_source(subscriber, batch)) return false;
    if (is_of_our_log(subscriber, batch)) return true;
    for (size_t i = 0; i < batch->ancestor_count; i++) {
        const struct event_ancestor *ancestor = &batch->ancestors[i];
        bool holds_all = atomic_load(&subscriber->seq) <= ancestor->head_seq;
        if (ancestor->log_id != subscriber->log_id || !holds_all) continue;
        subscriber->log_id = batch->log_id;
        LOG_INFO("the source was restored and is followed on",
                 LOG_TEXT("source", subscriber->source),
                 LOG_U64("seq", atomic_load(&subscriber->seq)));
        return true;
    }
    stop(subscriber, "SOURCE_REPLACED");
    return false;
}

// ---- Reading what is missing ---------------------------------------------------------------

static void drop_received(struct event_subscriber *subscriber)
{
    nng_msg *message;
    while (nng_recvmsg(subscriber->socket, &message, NNG_FLAG_NONBLOCK) == 0) {
        subscriber->heard_mono_ns = clock_mono_ns();
        nng_msg_free(message);
    }
}

// With not_before_ns the log says where to begin: the first answer's first event, or its head.
static void take_beginning(struct event_subscriber *subscriber, const struct event_batch *batch)
{
    if (subscriber->not_before_ns == 0) return;
    subscriber->not_before_ns = 0;
    uint64_t seq = batch->head_seq;
    struct bytes packed;
    struct event_head head;
    size_t offset = 0;
    if (event_batch_next(batch, &offset, &packed) && status_ok(event_peek(packed, &head))) {
        seq = head.seq - 1;
    }
    set_seq(subscriber, seq);
    subscriber->durable_seq = seq;
    event_collector_reset(&subscriber->collector, seq + 1);
}

static bool take_answer(struct event_subscriber *subscriber, struct bytes answer,
                        uint64_t asked_mono_ns)
{
    struct event_batch batch;
    if (!status_ok(event_batch_parse(answer, &batch))) return false;
    if (!adopt_log(subscriber, &batch)) return false;
    take_beginning(subscriber, &batch);
    enum event_collected collected = event_collector_add(&subscriber->collector, &batch);
    note_head(subscriber, batch.head_seq, asked_mono_ns);
    tell_stale(subscriber);
    hand_on(subscriber);
    if (collected == EVENT_COLLECTED_ALL) return true;
    LOG_ERROR("a source's log is damaged", LOG_TEXT("source", subscriber->source),
              LOG_U64("after_seq", atomic_load(&subscriber->seq)));
    return false;
}

// One Read and what follows from it. Several make up a catch-up: needs_read stays until the answer
// held everything up to the head.
static void read_on(struct event_subscriber *subscriber, uint32_t wait_ms)
{
    uint64_t asked_ns = clock_mono_ns();
    struct event_read read = {.after_seq = atomic_load(&subscriber->seq),
                              .not_before_ns = subscriber->not_before_ns,
                              .limit = EVENT_SUBSCRIBER_EVENTS_MAX,
                              .wait_ms = wait_ms};
    struct bytes answer;
    bool is_good = false;
    metric_add(subscriber->reads_total, 1);
    switch (event_reader_read(subscriber->reader, &read, &answer)) {
    case EVENT_READ_ANSWERED:
        is_good = take_answer(subscriber, answer, asked_ns);
        break;
    case EVENT_READ_AHEAD:
        stop(subscriber, "SEQ_AHEAD_OF_LOG");
        break;
    case EVENT_READ_TRIMMED:
        stop(subscriber, "SEQ_TRIMMED");
        break;
    case EVENT_READ_FAILED:
        break;
    }
    subscriber->turn_mono_ns = clock_mono_ns();
    uint64_t seq = atomic_load(&subscriber->seq);
    subscriber->needs_read = !is_good || seq < atomic_load(&subscriber->head_seq);
    if (is_good && (seq > read.after_seq || !subscriber->needs_read)) {
        subscriber->back_off_ms = BACK_OFF_MS_MIN;
    } else {
        back_off(subscriber, true);
    }
}

// ---- Listening -----------------------------------------------------------------------------

/// What a message told.
struct heard {
    bool is_ours, is_missing;
    bool is_of_other_log; // Which may be ours, restored: only Read tells.
    uint64_t head_seq;
};

static struct heard take_message(struct event_subscriber *subscriber, nng_msg *message)
{
    struct heard heard = {0};
    struct event_batch batch;
    struct bytes topic, body = bytes_of(nng_msg_body(message), nng_msg_len(message));
    if (!status_ok(event_message_parse(body, &topic, &batch)) ||
        !is_of_our_source(subscriber, &batch)) {
        nng_msg_free(message);
        return heard;
    }
    if (!is_of_our_log(subscriber, &batch)) {
        nng_msg_free(message);
        heard.is_of_other_log = true;
        return heard;
    }
    heard = (struct heard){.is_ours = true, .head_seq = batch.head_seq};
    size_t before = subscriber->collector.count;
    if (batch.event_count == 0) {
        heard.is_missing = batch.head_seq >= subscriber->collector.next_seq;
    } else {
        heard.is_missing =
            event_collector_add(&subscriber->collector, &batch) != EVENT_COLLECTED_ALL;
    }
    if (subscriber->collector.count > before) {
        subscriber->messages[subscriber->message_count++] = message; // Views point into it.
    } else {
        nng_msg_free(message);
    }
    return heard;
}

static bool has_room(const struct event_subscriber *subscriber)
{
    return subscriber->message_count < GATHER_MESSAGES_MAX &&
           subscriber->collector.count < EVENT_SUBSCRIBER_EVENTS_MAX &&
           subscriber->collector.bytes < GATHER_BYTES_MAX;
}

static bool is_silent(const struct event_subscriber *subscriber)
{
    return clock_mono_ns() >= subscriber->heard_mono_ns + SILENCE_NS;
}

static void linger(const struct event_subscriber *subscriber)
{
    uint64_t wait_ns = subscriber->config.linger_ms * NS_PER_MS;
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / NS_PER_SECOND),
                            .tv_nsec = (long)(wait_ns % NS_PER_SECOND)};
    if (wait_ns > 0) (void)nanosleep(&wait, NULL); // A signal may cut it short: no harm.
}

// Waits for a message (unless flags say otherwise) and takes what else has come, so that the
// consumer gets many at once.
static void hear(struct event_subscriber *subscriber, int flags)
{
    bool was_away = clock_mono_ns() >= subscriber->turn_mono_ns + SILENCE_NS;
    bool is_missing = false, is_drained = false, was_heard = false, is_of_other_log = false;
    uint64_t head_seq = 0;
    // Counted, because a message without chosen events takes no room.
    for (size_t i = 0; i < GATHER_MESSAGES_MAX; i++) {
        if (is_missing || is_of_other_log || !has_room(subscriber)) break;
        nng_msg *message;
        int rc = nng_recvmsg(subscriber->socket, &message, flags);
        if (rc != 0) {
            is_drained = true;
            break;
        }
        struct heard heard = take_message(subscriber, message);
        if (flags != NNG_FLAG_NONBLOCK && subscriber->collector.count > 0) linger(subscriber);
        flags = NNG_FLAG_NONBLOCK;
        is_of_other_log = heard.is_of_other_log;
        if (!heard.is_ours) continue;
        was_heard = true;
        is_missing = heard.is_missing;
        head_seq = heard.head_seq;
    }
    subscriber->turn_mono_ns = clock_mono_ns();
    if (was_heard) {
        subscriber->heard_mono_ns = subscriber->turn_mono_ns;
        // What lay in the buffer while we were away proves nothing about now.
        if (is_drained && !was_away) note_head(subscriber, head_seq, subscriber->turn_mono_ns);
    }
    hand_on(subscriber);
    if (is_missing) {
        metric_add(subscriber->gaps_total, 1);
        atomic_fetch_add(&subscriber->gap_count, 1);
    }
    subscriber->needs_read = is_missing || is_of_other_log || was_away;
}

static void turn(struct event_subscriber *subscriber)
{
    if (take_connected(subscriber)) subscriber->needs_read = true;
    if (!subscriber->needs_read && !is_silent(subscriber)) {
        hear(subscriber, 0);
        return;
    }
    if (!is_silent(subscriber)) {
        drop_received(subscriber); // The Read is newer than all of it.
        read_on(subscriber, 0);
        return;
    }
    // PUB has gone quiet, or we were slow: the log itself is asked until PUB is heard again.
    hear(subscriber, NNG_FLAG_NONBLOCK);
    read_on(subscriber, is_silent(subscriber) ? SILENT_WAIT_MS : 0);
}

static void *subscriber_main(void *context)
{
    struct event_subscriber *subscriber = context;
    while (!is_closing(subscriber)) {
        tell_stale(subscriber);
        tell_passed(subscriber);
        acknowledge(subscriber);
        (void)redial_look(&subscriber->redial, is_connected(subscriber));
        if (atomic_load(&subscriber->stop_reason) == NULL) {
            turn(subscriber);
            continue;
        }
        drop_received(subscriber);
        back_off(subscriber, false);
    }
    return NULL;
}

// ---- Life ----------------------------------------------------------------------------------

static struct status open_socket(struct event_subscriber *subscriber)
{
    nng_socket socket;
    RETURN_IF_ERROR(transport_status(nng_sub0_open(&socket), "opening SUB"));
    subscriber->socket = socket;
    const struct event_subscriber_config *config = &subscriber->config;
    struct status status = transport_set_common(socket);
    int error = nng_socket_set(socket, NNG_OPT_SUB_SUBSCRIBE, "", 0);
    if (error == 0) error = nng_socket_set_int(socket, NNG_OPT_RECVBUF, RECEIVE_BUFFER_MESSAGES);
    if (error == 0) error = nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, RECEIVE_MS);
    if (error == 0) error = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, pipe_added, subscriber);
    if (error == 0) {
        error = nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, pipe_removed, subscriber);
    }
    if (status_ok(status)) status = transport_status(error, "setting SUB's options");
    if (status_ok(status)) {
        status = redial_open(socket, config->pub_url, &config->tls, &subscriber->redial);
    }
    if (!status_ok(status)) nng_close(socket);
    return status;
}

static void close_parts(struct event_subscriber *subscriber)
{
    event_reader_close(&subscriber->reader);
    event_collector_close(&subscriber->collector);
    redial_close(&subscriber->redial);
}

struct status event_subscriber_open(const struct event_subscriber_config *config,
                                    struct event_subscriber **ret)
{
    CHECK(config->handle != NULL && config->channel != NULL && config->pub_url != NULL);
    CHECK(config->consumer == NULL || config->type_count == 0 || config->passed != NULL);
    for (size_t i = 0; i < config->type_count; i++)
        RETURN_IF_ERROR(event_pattern_check(bytes_of_text(config->types[i])));
    struct event_subscriber *subscriber = calloc(1, sizeof *subscriber);
    CHECK(subscriber != NULL);
    subscriber->config = *config;
    int size = snprintf(subscriber->source, sizeof subscriber->source, "%s", config->source);
    CHECK(size > 0 && (size_t)size < sizeof subscriber->source);
    subscriber->config.source = subscriber->source;
    if (config->consumer != NULL) {
        size = snprintf(subscriber->consumer, sizeof subscriber->consumer, "%s", config->consumer);
        CHECK(size > 0 && (size_t)size < sizeof subscriber->consumer);
        subscriber->config.consumer = subscriber->consumer;
    }
    pthread_mutex_init(&subscriber->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&subscriber->poked, &attributes);
    pthread_condattr_destroy(&attributes);
    atomic_init(&subscriber->seq, config->after_seq);
    subscriber->durable_seq = config->after_seq;
    subscriber->log_id = config->log_id;
    subscriber->not_before_ns = config->after_seq == 0 ? config->not_before_ns : 0;
    subscriber->needs_read = true;
    subscriber->told_stale = true;
    subscriber->pipe_id = -1;
    subscriber->heard_mono_ns = subscriber->turn_mono_ns = clock_mono_ns();
    subscriber->back_off_ms = BACK_OFF_MS_MIN;
    subscriber->handled_total =
        metric_counter("florin_event_handled_total", "Events handed on to a consumer", NULL);
    subscriber->reads_total = metric_counter(
        "florin_event_reads_total", "Reads of a source's log: catching up, gaps, silence", NULL);
    subscriber->gaps_total =
        metric_counter("florin_event_gaps_total", "Times that PUB had lost events", NULL);
    subscriber->reader = event_reader_open(&subscriber->config);
    event_collector_open(&subscriber->collector, config->types, config->type_count,
                         config->after_seq + 1);
    struct status status = open_socket(subscriber);
    if (!status_ok(status)) {
        close_parts(subscriber); // The rest may be known to a socket: see event_subscriber_close.
        return status;
    }
    thread_start(&subscriber->thread, "event-sub", THREAD_STACK_BYTES, subscriber_main, subscriber);
    *ret = subscriber;
    return STATUS_SUCCESS;
}

void event_subscriber_close(struct event_subscriber **subscriber)
{
    struct event_subscriber *old = *subscriber;
    if (old == NULL) return;
    pthread_mutex_lock(&old->lock);
    old->closing = true;
    pthread_cond_broadcast(&old->poked);
    pthread_mutex_unlock(&old->lock);
    pthread_join(old->thread, NULL);
    close_parts(old);
    // The socket and what its callback points to stay until the process ends: nng 1.5.2 can wait
    // for ever in nng_close when a message arrives at that moment.
    *subscriber = NULL;
}
