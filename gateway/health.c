// Asks each daemon for its health once a second (ten times as often until all are ready), so that
// /readyz and /health answer at once and a probe never waits for a daemon that hangs.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/thread.h"
#include "common/base/version.h"
#include "common/json/encode.h"
#include "common/rpc/pack.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "gateway/gateway.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_TIMEOUT_NS (800 * NS_PER_MS)
#define PAUSE_READY_NS NS_PER_SECOND
#define PAUSE_STARTING_NS (50 * NS_PER_MS)
#define STALE_NS (5 * NS_PER_SECOND) // An older answer is no answer.

enum { HEALTH_TEXT_BYTES = 96, HEALTH_ARENA_BYTES = 256 * 1024 };

struct peer_health {
    struct gateway_health *health;
    struct rpc_client_call call;
    bool is_asked; // A call is under way.
    bool is_serving;
    uint64_t asked_ns, answered_ns, latency_ns;
    char version[32];
    char failing[HEALTH_TEXT_BYTES]; // The part that fails, or why there was no answer.
};

struct gateway_health {
    struct gateway *gateway;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool is_closing;
    struct peer_health peers[GATEWAY_PEERS];
};

static void take_parts(struct peer_health *peer, const Envelope__HealthCheckResponse *reply)
{
    snprintf(peer->version, sizeof peer->version, "%.31s", reply->version);
    peer->is_serving = reply->status == ENVELOPE__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    peer->failing[0] = '\0';
    for (size_t i = 0; i < reply->n_parts && peer->failing[0] == '\0'; i++) {
        const Envelope__HealthPart *part = reply->parts[i];
        if (part->serving) continue;
        snprintf(peer->failing, sizeof peer->failing, "%.40s%s%.40s", part->name,
                 part->detail[0] != '\0' ? ": " : "", part->detail);
    }
}

static void on_health(struct rpc_client_call *call)
{
    struct peer_health *peer = call->context;
    struct gateway_health *health = peer->health;
    struct arena *arena = arena_open(HEALTH_ARENA_BYTES);
    Envelope__HealthCheckResponse *reply = NULL;
    struct status status = call->status;
    if (status_ok(status)) {
        status =
            rpc_unpack(&envelope__health_check_response__descriptor, call->reply, arena, &reply);
    }
    pthread_mutex_lock(&health->lock);
    peer->is_asked = false;
    peer->answered_ns = clock_mono_ns();
    peer->latency_ns = peer->answered_ns - peer->asked_ns;
    if (status_ok(status)) {
        take_parts(peer, reply);
    } else {
        peer->is_serving = false;
        snprintf(peer->failing, sizeof peer->failing, "no answer");
    }
    pthread_cond_broadcast(&health->changed);
    pthread_mutex_unlock(&health->lock);
    arena_close(&arena);
}

static bool all_serve(struct gateway_health *health, const char **ret_failing)
{
    uint64_t now_ns = clock_mono_ns();
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        const struct peer_health *peer = &health->peers[i];
        bool is_fresh = peer->answered_ns != 0 && now_ns - peer->answered_ns < STALE_NS;
        // What was said a moment ago counts for nothing once the connection is gone.
        bool is_up = rpc_channel_is_up(health->gateway->channels[i]);
        if (peer->is_serving && is_fresh && is_up) continue;
        *ret_failing = gateway_peers[i];
        return false;
    }
    return true;
}

static void ask(struct gateway_health *health, size_t index)
{
    struct peer_health *peer = &health->peers[index];
    peer->is_asked = true;
    peer->asked_ns = clock_mono_ns();
    peer->call = (struct rpc_client_call){.method = &rpc_methods[RPC_HEALTH_CHECK],
                                          .deadline_mono_ns = peer->asked_ns + ASK_TIMEOUT_NS,
                                          .done = on_health,
                                          .context = peer};
    // Without the lock: the answer may come before the call returns.
    pthread_mutex_unlock(&health->lock);
    rpc_channel_call(health->gateway->channels[index], &peer->call);
    pthread_mutex_lock(&health->lock);
}

static struct timespec real_time_in(uint64_t ns)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    uint64_t total_ns = (uint64_t)at.tv_nsec + ns;
    at.tv_sec += (time_t)(total_ns / NS_PER_SECOND);
    at.tv_nsec = (long)(total_ns % NS_PER_SECOND);
    return at;
}

static void *run(void *context)
{
    struct gateway_health *health = context;
    pthread_mutex_lock(&health->lock);
    while (!health->is_closing) {
        for (size_t i = 0; i < GATEWAY_PEERS; i++) {
            if (!health->peers[i].is_asked) ask(health, i);
        }
        const char *failing;
        bool ready = all_serve(health, &failing);
        struct timespec until = real_time_in(ready ? PAUSE_READY_NS : PAUSE_STARTING_NS);
        int rc = 0;
        while (rc == 0 && !health->is_closing) {
            rc = pthread_cond_timedwait(&health->changed, &health->lock, &until);
        }
    }
    bool waits = true;
    while (waits) { // Their calls point into this struct.
        waits = false;
        for (size_t i = 0; i < GATEWAY_PEERS; i++) {
            waits = waits || health->peers[i].is_asked;
        }
        if (waits) pthread_cond_wait(&health->changed, &health->lock);
    }
    pthread_mutex_unlock(&health->lock);
    return NULL;
}

struct gateway_health *gateway_health_open(struct gateway *gateway)
{
    struct gateway_health *health = calloc(1, sizeof *health);
    CHECK(health != NULL);
    health->gateway = gateway;
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&health->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&health->lock, NULL);
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        health->peers[i].health = health;
        snprintf(health->peers[i].failing, HEALTH_TEXT_BYTES, "not asked yet");
    }
    thread_start(&health->thread, "health", THREAD_STACK_BYTES, run, health);
    return health;
}

void gateway_health_close(struct gateway_health **health)
{
    if (*health == NULL) return;
    pthread_mutex_lock(&(*health)->lock);
    (*health)->is_closing = true;
    pthread_cond_broadcast(&(*health)->changed);
    pthread_mutex_unlock(&(*health)->lock);
    pthread_join((*health)->thread, NULL);
    pthread_cond_destroy(&(*health)->changed);
    pthread_mutex_destroy(&(*health)->lock);
    free(*health);
    *health = NULL;
}

bool gateway_health_is_ready(struct gateway_health *health, const char **ret_failing)
{
    pthread_mutex_lock(&health->lock);
    bool ready = all_serve(health, ret_failing);
    pthread_mutex_unlock(&health->lock);
    return ready;
}

static void write_text(struct json_writer *writer, bool *is_first, const char *name,
                       const char *text)
{
    json_write_member(writer, is_first, name);
    json_write_string(writer, text, strlen(text));
}

static void write_peer(struct json_writer *writer, const struct peer_health *peer)
{
    bool is_first = true;
    json_write_raw(writer, "{", 1);
    write_text(writer, &is_first, "status", peer->is_serving ? "serving" : "not_serving");
    write_text(writer, &is_first, "version", peer->version);
    json_write_member(writer, &is_first, "latency_us");
    json_write_integer(writer, false, peer->latency_ns / 1000);
    if (peer->failing[0] != '\0') write_text(writer, &is_first, "failing", peer->failing);
    json_write_raw(writer, "}", 1);
}

struct bytes gateway_health_write(struct gateway_health *health, struct arena *arena)
{
    struct json_writer writer;
    struct bytes text = bytes_of(NULL, 0);
    bool is_first = true, is_first_peer = true;
    const char *failing = NULL;
    pthread_mutex_lock(&health->lock);
    bool ready = all_serve(health, &failing);
    json_writer_open(&writer, arena, 1024);
    json_write_raw(&writer, "{", 1);
    write_text(&writer, &is_first, "status", ready ? "ready" : "not_ready");
    if (!ready) write_text(&writer, &is_first, "failing", failing);
    write_text(&writer, &is_first, "version", florin_version());
    json_write_member(&writer, &is_first, "services");
    json_write_raw(&writer, "{", 1);
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        json_write_member(&writer, &is_first_peer, gateway_peers[i]);
        write_peer(&writer, &health->peers[i]);
    }
    json_write_raw(&writer, "}}", 2);
    pthread_mutex_unlock(&health->lock);
    struct status status = json_writer_finish(&writer, &text);
    return status_ok(status) ? text : bytes_of_text("{}");
}
