#include "common/rpc/server.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "common/rpc/executor.h"
#include "common/rpc/idempotency.h"
#include "common/rpc/limits.h"
#include "common/rpc/relisten.h"
#include "common/rpc/transport.h"

#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    IN_FLIGHT_MAX = 4096,
    BATCHES_MAX = 256,
    POOL_QUEUE_MAX = 64,
    SEND_TIMEOUT_MS = 10 * 1000, // A peer that does not take its replies loses its connection.
    SWEEP_EVERY_MS = 10 * 1000,
    CLOSE_WAIT_MS = 1000,
    LISTENERS_MAX = 8,
};

// One batch at a time: receive, run, send, receive again. The contexts of a REP socket are what
// lets many batches be under way at once.
struct lane {
    struct rpc_server *server;
    nng_ctx context;
    nng_aio *receive_aio, *send_aio;
    nng_msg *request; // Calls read their payload in it until the batch has ended.
    nng_pipe pipe;
};

// Expired answers of KEYED methods are deleted in the background, some at a time.
struct sweep {
    struct store_job job;
    nng_aio *aio; // Sleeps until the next turn.
    size_t deleted;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_running; // A job is with the store.
};

/// A thread that looks whether peers are still let in.
struct doorman {
    struct relisten doors[LISTENERS_MAX];
    size_t door_count;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool runs, is_closing;
};

struct rpc_server {
    nng_socket socket;
    struct rpc_executor *executor;
    struct store *store;
    struct sweep sweep;
    struct doorman doorman;
    pthread_mutex_t lane_lock; // lane_count, once serving: it grows with the calls that wait.
    size_t lane_count, lanes_at_first;
    struct lane lanes[]; // lanes_at_first + RPC_PARKED_MAX.
};

// ---- Lanes ---------------------------------------------------------------------------------

static void send_batch(void *context, struct rpc_batch *batch)
{
    struct lane *lane = context;
    nng_msg *reply = NULL;
    CHECK(nng_msg_alloc(&reply, rpc_batch_size(batch)) == 0);
    rpc_batch_write(batch, nng_msg_body(reply));
    nng_msg *request = lane->request;
    lane->request = NULL;
    nng_aio_set_msg(lane->send_aio, reply);
    nng_ctx_send(lane->context, lane->send_aio); // From here on the lane may be in use again.
    rpc_batch_release(batch);
    nng_msg_free(request);
}

static void on_received(void *context)
{
    struct lane *lane = context;
    int error = nng_aio_result(lane->receive_aio);
    if (error == NNG_ECLOSED || error == NNG_ECANCELED) return;
    if (error != 0) {
        nng_ctx_recv(lane->context, lane->receive_aio);
        return;
    }
    lane->request = nng_aio_get_msg(lane->receive_aio);
    lane->pipe = nng_msg_get_pipe(lane->request);
    struct bytes message = bytes_of(nng_msg_body(lane->request), nng_msg_len(lane->request));
    rpc_executor_run(lane->server->executor, message, send_batch, lane);
}

static void on_sent(void *context)
{
    struct lane *lane = context;
    int error = nng_aio_result(lane->send_aio);
    if (error != 0) nng_msg_free(nng_aio_get_msg(lane->send_aio));
    if (error == NNG_ETIMEDOUT) nng_pipe_close(lane->pipe);
    if (error != NNG_ECLOSED && error != NNG_ECANCELED) {
        nng_ctx_recv(lane->context, lane->receive_aio);
    }
}

static struct status open_lane(struct rpc_server *server, struct lane *lane)
{
    lane->server = server;
    int error = nng_ctx_open(&lane->context, server->socket);
    if (error == 0) error = nng_aio_alloc(&lane->receive_aio, on_received, lane);
    if (error == 0) error = nng_aio_alloc(&lane->send_aio, on_sent, lane);
    if (error == 0) nng_aio_set_timeout(lane->send_aio, SEND_TIMEOUT_MS);
    // Requests are waited for without end. Unless told, nng takes the socket's 10 s; and when those
    // run out in the moment of the close, nng 1.5.2 looks at what it has freed, and panics.
    if (error == 0) nng_aio_set_timeout(lane->receive_aio, NNG_DURATION_INFINITE);
    return transport_status(error, "opening a context");
}

// A batch whose call waits keeps its lane, perhaps for half a minute. Others take its place, so
// that those who wait keep nobody out.
static void add_lanes(void *context, size_t parked)
{
    struct rpc_server *server = context;
    pthread_mutex_lock(&server->lane_lock);
    while (server->lane_count < server->lanes_at_first + parked) {
        struct lane *lane = &server->lanes[server->lane_count];
        struct status status = open_lane(server, lane);
        if (!status_ok(status)) {
            log_status(LOG_LEVEL_WARN, "no further batch can be received at once", status);
            break;
        }
        server->lane_count++;
        nng_ctx_recv(lane->context, lane->receive_aio);
    }
    pthread_mutex_unlock(&server->lane_lock);
}

// ---- The sweep -----------------------------------------------------------------------------

static struct sweep *sweep_of(struct store_job *job)
{
    return (struct sweep *)((char *)job - offsetof(struct sweep, job));
}

static struct status run_sweep(struct store_job *job, struct store_txn *txn)
{
    sweep_of(job)->deleted = idempotency_sweep(txn, clock_wall_ns());
    return STATUS_SUCCESS;
}

static void sleep_sweep(struct sweep *sweep)
{
    bool more = sweep->deleted == IDEMPOTENCY_SWEEP_ROWS_MAX;
    nng_sleep_aio(more ? 1 : SWEEP_EVERY_MS, sweep->aio); // Does nothing once it is stopped.
}

static void set_running(struct sweep *sweep, bool is_running)
{
    pthread_mutex_lock(&sweep->lock);
    sweep->is_running = is_running;
    if (!is_running) pthread_cond_signal(&sweep->ended);
    pthread_mutex_unlock(&sweep->lock);
}

static void end_sweep(struct store_job *job, struct status status)
{
    struct sweep *sweep = sweep_of(job);
    if (!status_ok(status)) sweep->deleted = 0;
    sleep_sweep(sweep);
    set_running(sweep, false);
}

static bool is_sweep_due(struct store *store)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    return status_ok(store_snapshot_begin(store, &txn)) &&
           idempotency_has_expired(txn, clock_wall_ns());
}

static void on_sweep_due(void *context)
{
    struct rpc_server *server = context;
    struct sweep *sweep = &server->sweep;
    if (nng_aio_result(sweep->aio) != 0) return; // The server closes.
    sweep->deleted = 0;
    sweep->job = (struct store_job){.run = run_sweep, .done = end_sweep, .weight_bytes = 64 << 10};
    set_running(sweep, true);
    if (is_sweep_due(server->store) && status_ok(store_write_submit(server->store, &sweep->job))) {
        return;
    }
    sleep_sweep(sweep);
    set_running(sweep, false);
}

static void open_sweep(struct rpc_server *server)
{
    struct sweep *sweep = &server->sweep;
    pthread_mutex_init(&sweep->lock, NULL);
    pthread_cond_init(&sweep->ended, NULL);
    CHECK(nng_aio_alloc(&sweep->aio, on_sweep_due, server) == 0);
    sleep_sweep(sweep);
}

static void close_sweep(struct sweep *sweep)
{
    if (sweep->aio == NULL) return;
    nng_aio_stop(sweep->aio);
    pthread_mutex_lock(&sweep->lock);
    while (sweep->is_running) {
        pthread_cond_wait(&sweep->ended, &sweep->lock);
    }
    pthread_mutex_unlock(&sweep->lock);
    nng_aio_free(sweep->aio);
    pthread_cond_destroy(&sweep->ended);
    pthread_mutex_destroy(&sweep->lock);
}

// ---- The door ------------------------------------------------------------------------------

/// wait_for_look: false at the end.
static bool wait_for_look(struct doorman *doorman)
{
    uint64_t due_ns = clock_mono_ns() + RELISTEN_LOOK_MS * NS_PER_MS;
    struct timespec until = {.tv_sec = (time_t)(due_ns / NS_PER_SECOND),
                             .tv_nsec = (long)(due_ns % NS_PER_SECOND)};
    pthread_mutex_lock(&doorman->lock);
    int rc = 0;
    while (!doorman->is_closing && rc == 0)
        rc = pthread_cond_timedwait(&doorman->changed, &doorman->lock, &until);
    bool goes_on = !doorman->is_closing;
    pthread_mutex_unlock(&doorman->lock);
    return goes_on;
}

static void *mind_doors(void *context)
{
    struct doorman *doorman = context;
    while (wait_for_look(doorman)) {
        for (size_t i = 0; i < doorman->door_count; i++)
            relisten_look(&doorman->doors[i]);
    }
    return NULL;
}

static void open_doorman(struct doorman *doorman)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    pthread_mutex_init(&doorman->lock, NULL);
    CHECK(pthread_cond_init(&doorman->changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    thread_start(&doorman->thread, "rpc-door", THREAD_STACK_BYTES, mind_doors, doorman);
    doorman->runs = true;
}

static void close_doorman(struct doorman *doorman)
{
    if (doorman->runs) {
        pthread_mutex_lock(&doorman->lock);
        doorman->is_closing = true;
        pthread_cond_signal(&doorman->changed);
        pthread_mutex_unlock(&doorman->lock);
        pthread_join(doorman->thread, NULL);
        pthread_cond_destroy(&doorman->changed);
        pthread_mutex_destroy(&doorman->lock);
    }
    for (size_t i = 0; i < doorman->door_count; i++)
        relisten_close(&doorman->doors[i]);
}

// ---- Life ----------------------------------------------------------------------------------

// A peer of another user is turned away before its first byte is read.
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    (void)event;
    (void)context;
    if (!transport_peer_is_ours(pipe)) nng_pipe_close(pipe);
}

static bool serves_keyed(const struct rpc_service *services, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t row = 0; row < services[i].count; row++) {
            if (services[i].methods[row].is_keyed) return true;
        }
    }
    return false;
}

static struct status open_socket(struct rpc_server *server, const struct rpc_server_config *config)
{
    RETURN_IF_ERROR(transport_set_common(server->socket));
    int error = nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, server);
    RETURN_IF_ERROR(transport_status(error, "watching for peers"));
    for (size_t i = 0; i < server->lane_count; i++) {
        RETURN_IF_ERROR(open_lane(server, &server->lanes[i]));
    }
    CHECK(config->listen_url_count <= LISTENERS_MAX);
    for (size_t i = 0; i < config->listen_url_count; i++) {
        RETURN_IF_ERROR(relisten_open(server->socket, config->listen_urls[i], &config->tls,
                                      config->allow_plain_tcp, &server->doorman.doors[i]));
        server->doorman.door_count++;
    }
    return STATUS_SUCCESS;
}

static uint32_t or_default(uint32_t value, uint32_t default_value)
{
    return value != 0 ? value : default_value;
}

static uint32_t core_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint32_t)count : 1;
}

struct status rpc_server_open(const struct rpc_server_config *config, struct store *store,
                              const struct rpc_identity *identity,
                              const struct rpc_service *services, size_t service_count,
                              struct rpc_server **ret)
{
    uint32_t lane_count = or_default(config->batches_max, BATCHES_MAX);
    CLEANUP(rpc_server_close)
    struct rpc_server *server =
        calloc(1, sizeof *server + (lane_count + RPC_PARKED_MAX) * sizeof(struct lane));
    CHECK(server != NULL);
    const struct rpc_executor_config chain = {
        .store = store,
        .identity = identity,
        .services = services,
        .service_count = service_count,
        .in_flight_max = or_default(config->in_flight_max, IN_FLIGHT_MAX),
        .pool_threads = or_default(config->pool_threads, core_count()),
        .pool_queue_max = or_default(config->pool_queue_max, POOL_QUEUE_MAX),
        .parked = add_lanes,
        .parked_context = server};
    pthread_mutex_init(&server->lane_lock, NULL);
    server->store = store;
    server->lane_count = server->lanes_at_first = lane_count;
    RETURN_IF_ERROR(transport_status(nng_rep0_open(&server->socket), "opening a socket"));
    server->executor = rpc_executor_open(&chain);
    RETURN_IF_ERROR(open_socket(server, config));

    for (size_t i = 0; i < lane_count; i++) {
        nng_ctx_recv(server->lanes[i].context, server->lanes[i].receive_aio);
    }
    if (serves_keyed(services, service_count)) open_sweep(server);
    open_doorman(&server->doorman);
    *ret = server;
    server = NULL;
    return STATUS_SUCCESS;
}

void rpc_server_set_serving(struct rpc_server *server, bool serving)
{
    rpc_executor_set_serving(server->executor, serving);
}

void rpc_server_wake(struct rpc_server *server)
{
    rpc_executor_wake(server->executor);
}

bool rpc_server_drain(struct rpc_server *server, uint32_t timeout_ms)
{
    return rpc_executor_drain(server->executor, timeout_ms);
}

uint64_t rpc_server_in_flight(const struct rpc_server *server)
{
    return rpc_executor_in_flight(server->executor);
}

void rpc_server_close(struct rpc_server **server)
{
    struct rpc_server *closed = *server;
    if (closed == NULL) return;
    *server = NULL;
    if (closed->executor != NULL) {
        while (!rpc_executor_drain(closed->executor, CLOSE_WAIT_MS)) {
            LOG_WARN("rpc server waits for calls before it closes",
                     LOG_U64("calls", rpc_executor_in_flight(closed->executor)));
        }
    }
    close_doorman(&closed->doorman);
    close_sweep(&closed->sweep);
    for (size_t i = 0; i < closed->lane_count; i++) { // The last replies are on their way.
        if (closed->lanes[i].send_aio != NULL) nng_aio_wait(closed->lanes[i].send_aio);
    }
    if (closed->socket.id != 0) nng_close(closed->socket);
    for (size_t i = 0; i < closed->lane_count; i++) {
        nng_aio_stop(closed->lanes[i].receive_aio);
    }
    rpc_executor_close(&closed->executor); // What the last callbacks began has ended.
    for (size_t i = 0; i < closed->lane_count; i++) {
        nng_aio_stop(closed->lanes[i].send_aio);
        nng_aio_free(closed->lanes[i].receive_aio);
        nng_aio_free(closed->lanes[i].send_aio);
    }
    pthread_mutex_destroy(&closed->lane_lock);
    free(closed);
}
