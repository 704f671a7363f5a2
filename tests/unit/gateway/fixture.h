/// @file tests/unit/gateway/fixture.h
/// A gateway on a free port before daemons that are not: one RPC server plays all four and does
/// what the test tells it to do.
/// Tokens     "good" may everything, "weak" nothing, "stale" is revoked; any other is refused.
/// API keys   fl_live_good and others give "good", for a minute; fl_live_brief for 5 s;
///            fl_live_dead "stale", fl_live_stale that first and "good" later; fl_live_bad,
///            fl_live_often, fl_live_broken and what is too long are refused.
/// Threads    The test's main thread; acts are read by transport threads.
#pragma once

#include "common/rpc/builtin.h"
#include "gateway/gateway.h"
#include "tests/unit/gateway/harness.h"
#include "tests/unit/gateway_http/client.h"

#include <unistd.h>

/// WAIT_UNTIL polls a condition; half a minute without it fails the test.
#define WAIT_UNTIL(condition_)                                                                     \
    do {                                                                                           \
        int waits_ = 0;                                                                            \
        while (!(condition_) && waits_ < 30000) {                                                  \
            usleep(1000);                                                                          \
            waits_++;                                                                              \
        }                                                                                          \
        if (!(condition_)) fail_msg("waited in vain for: %s", #condition_);                        \
    } while (0)

enum act {
    ACT_REPLY, // An empty reply; an Account says in its name what came with the call.
    ACT_NOT_CREATED,
    ACT_REPLAYED,
    ACT_REFUSE,    // FAILED_PRECONDITION / INSUFFICIENT_FUNDS with a detail.
    ACT_VIOLATION, // INVALID_ARGUMENT / VALIDATION_FAILED with a field.
    ACT_BUSY,      // RESOURCE_EXHAUSTED / STORE_BUSY, come back in 2.5 s.
    ACT_BREAK,     // INTERNAL with a text that is not for clients.
    ACT_PAGE,      // ListAccounts: 1,000 items with names of 64 KiB in all.
    ACT_WAIT,      // Replies once fixture_release was called.
};

struct fixture_options {
    // SHAPES_METHOD_COUNT of them: the ledger's daemon also serves the test's own protos
    // (tests/unit/proto), at their own routes.
    const rpc_handler *shapes_handlers;
    rpc_handler read_log;                       // NULL: as every other method.
    const struct rpc_identity *stream_identity; // Who listens; NULL: the daemons'.
    uint32_t heartbeat_ms;                      // Of event streams, and their bounds; 0: defaults.
    size_t streams_max, per_user_max, ring_entries_max;
    const char *absent;     // Of gateway_peers: nobody listens at its address.
    const char *unwell;     // Part of the daemons' health that fails.
    const char *ledger_url; // NULL: as the others.
    struct rate_limiter *address_rate, *principal_rate; // The fixture closes them.
    struct gateway_list cors_origins, trusted_proxies;
};

struct fixture {
    struct fixture_options options;
    char directory[64], url[96], absent_url[96];
    struct store *store;
    struct rpc_identity identity;
    struct rpc_builtin builtin;
    struct rpc_server *server;
    struct gateway gateway;
    struct http_handler handler;
    struct client client;
    atomic_int act, waiting, runs;
    atomic_int exchanges;       // API keys that auth was asked to exchange.
    atomic_bool exchange_waits; // Until it is taken back.
    char exchanged_for[64];     // The client's address of the last one.
    atomic_int aborted;         // Exchanges whose client had gone.
    atomic_bool is_released;
};

void fixture_open(struct fixture *fixture, const struct fixture_options *options);
void fixture_close(struct fixture *fixture);
void fixture_release(struct fixture *fixture);

/// fixture_ask sends bytes on the fixture's connection and reads one answer; method is the first
/// word of text. fixture_get asks GET path with headers ("A: b\r\n", may be "").
void fixture_ask(struct fixture *fixture, const char *text, struct reply *ret);
void fixture_get(struct fixture *fixture, const char *path, const char *headers, struct reply *ret);
/// fixture_post sends a JSON body with the good token.
void fixture_post(struct fixture *fixture, const char *path, const char *headers, const char *body,
                  struct reply *ret);
/// fixture_wait_ready waits for /readyz to answer with the status.
void fixture_wait_ready(struct fixture *fixture, int status);
