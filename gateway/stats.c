// /metrics: our own series and every daemon's, asked for at once; a daemon that does not answer in
// time is left out and shown by florin_up.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/pack.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "gateway/exposition.h"
#include "gateway/gateway.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ASK_TIMEOUT_NS NS_PER_SECOND

/// One page under way. Each daemon's answer is copied by the transport thread that brings it; the
/// last one posts the job. Freed with the job.
struct gathering {
    struct gateway_request *request;
    struct http_job job;
    atomic_int open_count;
    char token[TOKEN_BYTES_MAX];

    struct asked {
        struct gathering *gathering;
        struct rpc_client_call call;
        uint8_t *reply;
        size_t reply_bytes;
    } asked[GATEWAY_PEERS];
};

static struct status own_text(struct gateway *gateway, struct arena *arena, struct bytes *ret)
{
    static const char *const labels[GATEWAY_PEERS] = {"peer=\"auth\"", "peer=\"ledger\"",
                                                      "peer=\"kyc\"", "peer=\"audit\""};
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        metric_set(
            metric_gauge("florin_up", "Whether the gateway is connected to the daemon", labels[i]),
            rpc_channel_is_up(gateway->channels[i]));
    }
    struct http_stats stats = http_server_stats(gateway->http);
    metric_set(metric_gauge("florin_http_connections", "HTTP connections open now", NULL),
               (int64_t)stats.connections);
    metric_set(metric_gauge("florin_http_requests_in_flight", "Requests not answered yet", NULL),
               (int64_t)stats.exchanges_inflight);
    return metrics_render(arena, ret);
}

static void respond(struct gathering *gathering)
{
    struct gateway_request *request = gathering->request;
    // Larger than a request's own arena may grow: the page is as large as the daemons make it.
    struct arena *arena = http_exchange_arena(request->exchange);
    arena_set_limit(arena, GATEWAY_ANSWER_ARENA_BYTES);
    struct exposition_part parts[GATEWAY_PEERS + 1] = {{.daemon = "gateway"}};
    size_t count = 1;
    struct status status = own_text(request->gateway, arena, &parts[0].text);
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        struct asked *asked = &gathering->asked[i];
        Envelope__StatsResponse *reply;
        if (asked->reply == NULL) continue;
        if (!status_ok(rpc_unpack(&envelope__stats_response__descriptor,
                                  bytes_of(asked->reply, asked->reply_bytes), arena, &reply))) {
            continue;
        }
        parts[count++] = (struct exposition_part){
            .daemon = gateway_peers[i], .text = bytes_of(reply->text.data, reply->text.len)};
    }
    struct gateway_answer answer = {.status = 200,
                                    .content_type = "text/plain; version=0.0.4; charset=utf-8"};
    if (status_ok(status)) status = exposition_merge(parts, count, arena, &answer.body);
    if (status_ok(status)) {
        gateway_respond(request, &answer);
    } else {
        gateway_refuse(request, status);
    }
}

static void respond_in_loop(struct http_job *job)
{
    struct gathering *gathering =
        (struct gathering *)((char *)job - offsetof(struct gathering, job));
    respond(gathering);
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        free(gathering->asked[i].reply);
    }
    free(gathering);
}

static void one_done(struct gathering *gathering)
{
    if (atomic_fetch_sub(&gathering->open_count, 1) > 1) return;
    struct gateway *gateway = gathering->request->gateway; // The gathering may be gone then.
    gathering->job.run = respond_in_loop;
    http_loop_post(http_exchange_loop(gathering->request->exchange), &gathering->job);
    gateway_call_end(gateway);
}

static void on_stats(struct rpc_client_call *call)
{
    struct asked *asked = call->context;
    if (call->outcome == RPC_OUTCOME_ANSWERED && status_ok(call->status)) {
        asked->reply = malloc(call->reply.size + 1);
        CHECK(asked->reply != NULL);
        memcpy(asked->reply, call->reply.data, call->reply.size);
        asked->reply_bytes = call->reply.size;
    }
    one_done(asked->gathering);
}

void gateway_metrics_serve(struct gateway_request *request)
{
    struct gateway *gateway = request->gateway;
    if (!gateway_call_begin(gateway)) {
        gateway_refuse(request, REFUSE(UNAVAILABLE, DRAINING, "the gateway stops"));
        return;
    }
    struct gathering *gathering = calloc(1, sizeof *gathering);
    CHECK(gathering != NULL);
    gathering->request = request;
    atomic_init(&gathering->open_count, GATEWAY_PEERS);
    gateway->service_token(gateway->service_token_context, gathering->token,
                           sizeof gathering->token);
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        struct asked *asked = &gathering->asked[i];
        asked->gathering = gathering;
        asked->call = (struct rpc_client_call){
            .method = &rpc_methods[RPC_STATS_GET],
            .metadata = {.access_token = gathering->token, .request_id = request->request_id},
            .deadline_mono_ns = clock_mono_ns() + ASK_TIMEOUT_NS,
            .done = on_stats,
            .context = asked};
    }
    for (size_t i = 0; i < GATEWAY_PEERS; i++) { // The gathering is freed by this loop, later.
        rpc_channel_call(gateway->channels[i], &gathering->asked[i].call);
    }
}
