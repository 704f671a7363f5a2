// Who may send how much: by address, and by token. What is refused here reaches no daemon.
#include "common/base/clock.h"
#include "gateway/gateway.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

// A client with an IPv6 address has a whole /64 to choose from.
static struct bytes address_key(const char *address, uint8_t key[static 16])
{
    if (inet_pton(AF_INET6, address, key) == 1) return bytes_of(key, 8);
    return bytes_of_text(address);
}

// "address";q=200;w=2, "principal";q=…
static const char *append(struct gateway_request *request, const char *list, const char *item)
{
    struct arena *arena = http_exchange_arena(request->exchange);
    const char *longer = list == NULL ? item : arena_format(arena, "%s, %s", list, item);
    return longer != NULL ? longer : list;
}

static struct status charge(struct gateway_request *request, struct rate_limiter *limiter,
                            struct bytes client, uint32_t cost)
{
    struct arena *arena = http_exchange_arena(request->exchange);
    struct rate_verdict verdict = rate_take(limiter, client, cost, clock_mono_ns());
    const char *name = rate_name(limiter);
    const char *state = arena_format(arena, "\"%s\";r=%" PRIu32 ";t=%" PRIu32, name,
                                     verdict.remaining, verdict.reset_s);
    request->rate_policy = append(request, request->rate_policy, rate_policy(limiter));
    if (state != NULL) request->rate_state = append(request, request->rate_state, state);
    if (verdict.is_allowed) return STATUS_SUCCESS;

    struct rpc_client_call *call = &request->call; // As if the daemon had refused.
    call->outcome = RPC_OUTCOME_REFUSED;
    call->retry_after_ms = verdict.retry_after_ms;
    call->details[0] = (struct rpc_detail){.key = "policy", .value = name};
    call->detail_count = 1;
    call->status = REFUSE(RESOURCE_EXHAUSTED, RATE_LIMITED, "too many requests; come back later");
    return call->status;
}

struct status gateway_limit(struct gateway_request *request, uint32_t cost)
{
    struct gateway *gateway = request->gateway;
    if (cost == 0) return STATUS_SUCCESS;
    if (gateway->address_rate != NULL) {
        uint8_t key[16];
        RETURN_IF_ERROR(
            charge(request, gateway->address_rate, address_key(request->client_ip, key), cost));
    }
    struct bytes token = gateway_bearer(http_exchange_head(request->exchange));
    if (gateway->principal_rate == NULL || token.size == 0) return STATUS_SUCCESS;
    return charge(request, gateway->principal_rate, token, cost);
}
