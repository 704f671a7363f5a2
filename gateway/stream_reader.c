#include "gateway/stream_reader.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "common/crypto/token.h"
#include "common/rpc/limits.h"
#include "common/rpc/pack.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "florin/audit/v1/audit_methods.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    FOLLOW_EVENTS_MAX = 256,
    FOLLOW_BYTES_MAX = 256 * 1024,
    FOLLOW_WAIT_MS = 10 * 1000,
    READ_EVENTS_MAX = 256,
    READ_BYTES_MAX = 128 * 1024,
    CALL_TIMEOUT_MS = 5000, // Beyond what it may wait.
    REQUEST_ARENA_BYTES = 64 * 1024,
    SCRATCH_BYTES_MAX = 160 << 20, // The largest message there is, unpacked, and as JSON.
    STACK_BYTES = 512 * 1024,
};

#define RETRY_NS (200 * NS_PER_MS)

/// One call under way. It outlives a reader that is closed.
struct log_call {
    struct rpc_client_call call;
    struct stream_reader *reader;
    struct stream_read *read; // NULL: the follower's. The thread's alone.
    uint64_t from;
    char token[TOKEN_BYTES_MAX];
    struct arena *arena; // Of request and answer.
    struct log_call *next;
};

struct stream_reader {
    struct stream_reader_config config;
    pthread_t thread;
    bool thread_runs;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    // Under the lock.
    unsigned references; // The owner, and each call under way.
    bool is_closing, is_wanted;
    struct stream_read *first, *last; // Who waits.
    struct log_call *done;
    struct stream_reader_state state;
    // The thread's.
    struct stream_read *reading[STREAM_READS_MAX];
    size_t reading_count;
    bool is_asking, has_failed; // The follower.
    uint64_t locate_from, not_before_ns;
    struct arena *scratch;
};

static const struct status unavailable = {STATUS_UNAVAILABLE, "NOT_SENT",
                                          "the log cannot be reached now; try again"};

// ---- Calls ---------------------------------------------------------------------------------

static void drop_reference(struct stream_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    unsigned left = --reader->references;
    pthread_mutex_unlock(&reader->lock);
    if (left > 0) return;
    arena_close(&reader->scratch);
    pthread_cond_destroy(&reader->changed);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}

static void free_call(struct log_call *log)
{
    arena_close(&log->arena);
    key_wipe(log->token, sizeof log->token);
    free(log);
}

/// keep_answer: it is valid inside done() only.
static void keep_answer(struct log_call *log)
{
    struct rpc_client_call *call = &log->call;
    arena_set_limit(log->arena, arena_used(log->arena) + call->reply.size + REQUEST_ARENA_BYTES);
    const char *reason = call->status.reason, *message = call->status.message;
    if (reason != NULL) call->status.reason = arena_text(log->arena, reason, strlen(reason));
    if (message != NULL) call->status.message = arena_text(log->arena, message, strlen(message));
    for (size_t i = 0; i < call->detail_count; i++) {
        struct rpc_detail *detail = &call->details[i];
        detail->key = arena_text(log->arena, detail->key, strlen(detail->key));
        detail->value = arena_text(log->arena, detail->value, strlen(detail->value));
    }
    void *reply = arena_copy(log->arena, call->reply.data, call->reply.size);
    CHECK(reply != NULL);
    call->reply.data = reply;
}

static void on_answer(struct rpc_client_call *call)
{
    struct log_call *log = call->context;
    struct stream_reader *reader = log->reader;
    keep_answer(log);
    pthread_mutex_lock(&reader->lock);
    bool is_late = reader->is_closing;
    if (!is_late) {
        log->next = reader->done;
        reader->done = log;
        pthread_cond_signal(&reader->changed);
    }
    pthread_mutex_unlock(&reader->lock);
    if (is_late) free_call(log);
    drop_reference(reader);
}

static void call_log(struct stream_reader *reader, struct stream_read *read, uint64_t from,
                     struct bytes request, uint32_t wait_ms)
{
    struct log_call *log = calloc(1, sizeof *log);
    CHECK(log != NULL);
    log->reader = reader;
    log->read = read;
    log->from = from;
    log->arena = arena_open(REQUEST_ARENA_BYTES + request.size);
    reader->config.service_token(reader->config.service_token_context, log->token,
                                 sizeof log->token);
    log->call = (struct rpc_client_call){
        .method = &audit_methods[AUDIT_READ_LOG],
        .metadata = {.access_token = log->token},
        .payload = bytes_of(arena_copy(log->arena, request.data, request.size), request.size),
        .deadline_mono_ns = clock_mono_ns() + (wait_ms + CALL_TIMEOUT_MS) * NS_PER_MS,
        .done = on_answer,
        .context = log};
    CHECK(log->call.payload.data != NULL);
    pthread_mutex_lock(&reader->lock);
    reader->references++;
    pthread_mutex_unlock(&reader->lock);
    rpc_channel_call(reader->config.channel, &log->call);
}

static uint64_t detail_number(const struct rpc_client_call *call, const char *key)
{
    uint64_t number = 0;
    for (size_t i = 0; i < call->detail_count; i++)
        if (strcmp(call->details[i].key, key) == 0)
            (void)stream_read_index(call->details[i].value, &number).code;
    return number;
}

static bool is_pruned(struct status status)
{
    return status.code == STATUS_OUT_OF_RANGE && strcmp(status.reason, "ENTRY_PRUNED") == 0;
}

/// decode gives the chunk of an answer, and the log's size.
static struct status decode(struct stream_reader *reader, const struct log_call *log,
                            struct stream_chunk **ret_chunk, uint64_t *ret_size)
{
    Audit__ReadLogResponse *answer;
    arena_reset(reader->scratch);
    RETURN_IF_ERROR(rpc_unpack(&audit__read_log_response__descriptor, log->call.reply,
                               reader->scratch, &answer));
    *ret_size = answer->size;
    if (answer->size < log->from) answer->next_index = log->from; // Nothing that would count.
    return stream_chunk_make(answer, log->from, reader->scratch, ret_chunk);
}

// ---- The follower --------------------------------------------------------------------------

static void set_follow(struct stream_reader *reader, enum stream_follow follow, bool went_back)
{
    pthread_mutex_lock(&reader->lock);
    reader->state.follow = follow;
    reader->state.generation += went_back;
    pthread_mutex_unlock(&reader->lock);
}

/// start_over: the log is not the one that it was.
static void start_over(struct stream_reader *reader)
{
    LOG_WARN("the log is shorter than it was: every stream ends");
    stream_ring_reset(reader->config.ring, 0);
    reader->locate_from = 0;
    set_follow(reader, STREAM_LOCATING, true);
}

static void follow_failed(struct stream_reader *reader, struct status status)
{
    if (!reader->has_failed) log_status(LOG_LEVEL_WARN, "the log cannot be read", status);
    reader->has_failed = true;
    reader->not_before_ns = clock_mono_ns() + RETRY_NS;
    pthread_mutex_lock(&reader->lock);
    reader->state.failures++;
    reader->state.failure = unavailable;
    pthread_mutex_unlock(&reader->lock);
}

static void take_followed(struct stream_reader *reader, const struct log_call *log)
{
    struct stream_chunk *chunk = NULL;
    uint64_t size = 0;
    struct status status = log->call.status;
    bool is_locating = reader->state.follow == STREAM_LOCATING;
    uint64_t first_index = detail_number(&log->call, "first_index");
    reader->is_asking = false;
    if (status_ok(status)) status = decode(reader, log, &chunk, &size);
    if (is_locating && !status_ok(status) && is_pruned(status) && first_index > log->from) {
        reader->locate_from = first_index;
    } else if (!is_locating && status.code == STATUS_OUT_OF_RANGE) {
        start_over(reader);
    } else if (!status_ok(status)) {
        follow_failed(reader, status);
    } else if (is_locating) {
        reader->has_failed = false;
        stream_ring_reset(reader->config.ring, size);
        set_follow(reader, STREAM_FOLLOWING, false);
    } else if (size < log->from) {
        start_over(reader);
    } else {
        reader->has_failed = false;
        if (chunk->end > chunk->begin) stream_ring_push(reader->config.ring, chunk);
        if (chunk->end > log->from) chunk = NULL; // It is the ring's.
    }
    stream_chunk_release(&chunk);
}

static void ask_for_more(struct stream_reader *reader)
{
    bool is_locating = reader->state.follow == STREAM_LOCATING;
    Audit__ReadLogRequest request = AUDIT__READ_LOG_REQUEST__INIT;
    request.from_index = is_locating ? reader->locate_from : stream_ring_end(reader->config.ring);
    request.limit = is_locating ? 1 : FOLLOW_EVENTS_MAX;
    request.bytes_max = FOLLOW_BYTES_MAX;
    // After a failure it asks without waiting: is the log still the one that it was?
    request.wait_ms = is_locating || reader->has_failed ? 0 : FOLLOW_WAIT_MS;
    struct bytes packed;
    arena_reset(reader->scratch);
    struct status status = rpc_pack(&request, reader->scratch, &packed);
    CHECK(status_ok(status));
    reader->is_asking = true;
    call_log(reader, NULL, request.from_index, packed, request.wait_ms);
}

static void follow(struct stream_reader *reader, bool is_wanted)
{
    if (reader->is_asking) return;
    enum stream_follow now = reader->state.follow; // Nobody else writes it.
    if (!is_wanted) {
        if (now == STREAM_IDLE) return;
        // It keeps its place: whoever comes now may still take this for the end of the log.
        stream_ring_reset(reader->config.ring, stream_ring_end(reader->config.ring));
        set_follow(reader, STREAM_IDLE, false);
        return;
    }
    if (now == STREAM_IDLE) {
        reader->locate_from = 0;
        set_follow(reader, STREAM_LOCATING, false);
    }
    if (clock_mono_ns() >= reader->not_before_ns) ask_for_more(reader);
}

// ---- Reads for those who are behind --------------------------------------------------------

struct stream_read *stream_read_make(uint64_t from, const struct stream_filter *filter)
{
    struct stream_read *read = calloc(1, sizeof *read);
    CHECK(read != NULL);
    read->from = from;
    read->arena = arena_open(REQUEST_ARENA_BYTES);
    char *types[STREAM_TYPES_MAX];
    for (size_t i = 0; i < filter->type_count; i++)
        types[i] = (char *)(uintptr_t)filter->types[i];
    Audit__ReadLogRequest request = AUDIT__READ_LOG_REQUEST__INIT;
    request.from_index = from;
    request.limit = READ_EVENTS_MAX;
    request.bytes_max = READ_BYTES_MAX;
    request.n_types = filter->type_count;
    request.types = types;
    if (filter->is_own) {
        request.user_id.data = (uint8_t *)(uintptr_t)filter->viewer.bytes;
        request.user_id.len = ID128_BYTES;
    }
    struct status status = rpc_pack(&request, read->arena, &read->request);
    CHECK(status_ok(status)); // 64 types of 64 bytes.
    return read;
}

void stream_read_free(struct stream_read **read)
{
    if (*read == NULL) return;
    stream_chunk_release(&(*read)->chunk);
    arena_close(&(*read)->arena);
    free(*read);
    *read = NULL;
}

static void finish(struct stream_read *read, struct status status)
{
    read->status = status;
    http_loop_post(read->loop, &read->job);
}

static void forget_reading(struct stream_reader *reader, const struct stream_read *read)
{
    size_t i = 0;
    while (reader->reading[i] != read)
        i++;
    reader->reading[i] = reader->reading[--reader->reading_count];
}

static void take_read(struct stream_reader *reader, const struct log_call *log)
{
    struct stream_read *read = log->read;
    struct status status = log->call.status;
    forget_reading(reader, read);
    if (status_ok(status)) {
        status = decode(reader, log, &read->chunk, &read->size);
    } else if (is_pruned(status)) {
        read->first_index = detail_number(&log->call, "first_index");
        finish(read, REFUSE(NOT_FOUND, ENTRY_PRUNED, "the log does not keep what is so old"));
        return;
    } else if (status.code == STATUS_OUT_OF_RANGE) {
        status = STATUS_SUCCESS; // Beyond the end: read->size is 0, and there is no chunk.
    } else if (status.code != STATUS_UNAVAILABLE) { // The follower says that once for all.
        log_status(LOG_LEVEL_WARN, "the log cannot be read for a stream", status);
    }
    finish(read, status_ok(status) ? status : unavailable);
}

static void start_reads(struct stream_reader *reader)
{
    while (reader->reading_count < STREAM_READS_MAX) {
        pthread_mutex_lock(&reader->lock);
        struct stream_read *read = reader->first;
        if (read != NULL) reader->first = read->next;
        if (reader->first == NULL) reader->last = NULL;
        pthread_mutex_unlock(&reader->lock);
        if (read == NULL) return;
        reader->reading[reader->reading_count++] = read;
        call_log(reader, read, read->from, read->request, 0);
    }
}

void stream_reader_read(struct stream_reader *reader, struct stream_read *read)
{
    bool is_closing;
    read->next = NULL;
    pthread_mutex_lock(&reader->lock);
    is_closing = reader->is_closing;
    if (!is_closing && reader->last != NULL) reader->last->next = read;
    if (!is_closing && reader->first == NULL) reader->first = read;
    if (!is_closing) reader->last = read;
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
    if (is_closing) finish(read, REFUSE(UNAVAILABLE, DRAINING, "the gateway stops; try again"));
}

// ---- The thread ----------------------------------------------------------------------------

/// wait_for_work gives what was answered, in the order of the answers; false: it is the end.
static bool wait_for_work(struct stream_reader *reader, struct log_call **ret_done,
                          bool *ret_is_wanted)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(STREAM_TICK_MS * NS_PER_MS);
    until.tv_sec += until.tv_nsec / (long)NS_PER_SECOND;
    until.tv_nsec %= (long)NS_PER_SECOND;
    int rc = 0;
    pthread_mutex_lock(&reader->lock);
    while (rc == 0 && !reader->is_closing && reader->done == NULL) {
        bool has_room = reader->reading_count < STREAM_READS_MAX;
        if (reader->first != NULL && has_room) break;
        bool is_idle = reader->state.follow == STREAM_IDLE;
        if (is_idle && reader->is_wanted) break;
        rc = is_idle ? pthread_cond_wait(&reader->changed, &reader->lock)
                     : pthread_cond_timedwait(&reader->changed, &reader->lock, &until);
    }
    struct log_call *done = reader->done, *in_order = NULL;
    reader->done = NULL;
    *ret_is_wanted = reader->is_wanted;
    bool goes_on = !reader->is_closing;
    pthread_mutex_unlock(&reader->lock);
    while (done != NULL) {
        struct log_call *next = done->next;
        done->next = in_order;
        in_order = done;
        done = next;
    }
    *ret_done = in_order;
    return goes_on;
}

static void take_all(struct stream_reader *reader, struct log_call *done)
{
    while (done != NULL) {
        struct log_call *log = done;
        done = log->next;
        if (log->read != NULL) {
            take_read(reader, log);
        } else {
            take_followed(reader, log);
        }
        free_call(log);
    }
}

static void refuse_rest(struct stream_reader *reader)
{
    const struct status draining = REFUSE(UNAVAILABLE, DRAINING, "the gateway stops; try again");
    for (size_t i = 0; i < reader->reading_count; i++)
        finish(reader->reading[i], draining);
    while (reader->first != NULL) { // Nobody adds to it any more.
        struct stream_read *read = reader->first;
        reader->first = read->next;
        finish(read, draining);
    }
    pthread_mutex_lock(&reader->lock);
    reader->state.follow = STREAM_STOPPED;
    reader->state.failure = draining;
    pthread_mutex_unlock(&reader->lock);
}

static void *run(void *context)
{
    struct stream_reader *reader = context;
    struct log_call *done;
    bool is_wanted;
    while (wait_for_work(reader, &done, &is_wanted)) {
        take_all(reader, done);
        follow(reader, is_wanted);
        start_reads(reader);
        reader->config.moved(reader->config.context);
    }
    take_all(reader, done);
    refuse_rest(reader);
    reader->config.moved(reader->config.context); // Who waits for the follower is told by that.
    return NULL;
}

struct stream_reader *stream_reader_open(const struct stream_reader_config *config)
{
    struct stream_reader *reader = calloc(1, sizeof *reader);
    CHECK(reader != NULL);
    reader->config = *config;
    reader->references = 1;
    reader->scratch = arena_open(SCRATCH_BYTES_MAX);
    pthread_mutex_init(&reader->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&reader->changed, &clock);
    pthread_condattr_destroy(&clock);
    thread_start(&reader->thread, "stream-reader", STACK_BYTES, run, reader);
    reader->thread_runs = true;
    return reader;
}

void stream_reader_stop(struct stream_reader *reader)
{
    if (!reader->thread_runs) return;
    pthread_mutex_lock(&reader->lock);
    reader->is_closing = true;
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
    pthread_join(reader->thread, NULL);
    reader->thread_runs = false;
}

void stream_reader_close(struct stream_reader **reader)
{
    if (*reader == NULL) return;
    stream_reader_stop(*reader);
    drop_reference(*reader);
    *reader = NULL;
}

void stream_reader_listen(struct stream_reader *reader, bool is_wanted)
{
    pthread_mutex_lock(&reader->lock);
    reader->is_wanted = is_wanted;
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
}

struct stream_reader_state stream_reader_state(struct stream_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    struct stream_reader_state state = reader->state;
    pthread_mutex_unlock(&reader->lock);
    return state;
}
