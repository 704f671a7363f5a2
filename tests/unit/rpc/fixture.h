/// @file tests/unit/rpc/fixture.h
/// A server with the echo service and a real store, a channel to it, and calls whose answers stay.
/// Threads    The test's main thread.
#pragma once

#include "common/rpc/channel.h"
#include "tests/unit/rpc/echo_service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// clang-format off: cmocka.h needs the headers above.
#include <cmocka.h>

// clang-format on

/// WAIT_UNTIL polls a condition until it has been true once; half a minute without fails the test.
#define WAIT_UNTIL(condition_)                                                                     \
    do {                                                                                           \
        bool is_true_ = false;                                                                     \
        for (int waits_ = 0; waits_ < 60000 && !(is_true_ = (condition_)); waits_++)               \
            usleep(500);                                                                           \
        if (!is_true_) fail_msg("waited in vain for: %s", #condition_);                            \
    } while (0)

enum { FIXTURE_TEXT_BYTES = 256, FIXTURE_TIMEOUT_MS = 20000 };

struct fixture_options {
    const char *url; // NULL: inproc.
    struct rpc_server_config server;
    struct rpc_channel_config channel;
    bool is_starting; // Not serving yet.
};

struct fixture {
    struct fixture_options options;
    char directory[64];
    char url[128];
    struct store *store;
    struct echo echo;
    struct rpc_builtin builtin;
    struct rpc_server *server;
    struct rpc_channel *channel;
    char caller[TOKEN_BYTES_MAX], other[TOKEN_BYTES_MAX], stranger[TOKEN_BYTES_MAX],
        operator_[TOKEN_BYTES_MAX], expired[TOKEN_BYTES_MAX];
};

void fixture_open(struct fixture *fixture, const struct fixture_options *options);
void fixture_close(struct fixture *fixture);
void fixture_open_server(struct fixture *fixture); // After fixture_close_server: a restart.
void fixture_close_server(struct fixture *fixture);

/// A call under way and, once has_ended, its answer.
struct answer {
    atomic_bool has_ended;
    enum rpc_outcome outcome;
    enum status_code code;
    char reason[FIXTURE_TEXT_BYTES];
    bool replayed;
    uint32_t retry_after_ms, attempt;
    size_t violation_count, detail_count;
    char field[FIXTURE_TEXT_BYTES], violation[FIXTURE_TEXT_BYTES];
    char detail_key[FIXTURE_TEXT_BYTES], detail_value[FIXTURE_TEXT_BYTES];
    uint8_t reply[1024];
    size_t reply_size;
    struct rpc_client_call call;
    uint8_t payload[8192];
};

/// fixture_send packs the request and calls; fixture_wait waits for the answer.
void fixture_send(struct rpc_channel *channel, struct answer *answer,
                  const struct rpc_method *method, const struct rpc_metadata *metadata,
                  const void *request, uint32_t timeout_ms);
void fixture_send_bytes(struct rpc_channel *channel, struct answer *answer,
                        const struct rpc_method *method, const struct rpc_metadata *metadata,
                        struct bytes payload, uint32_t timeout_ms);
void fixture_wait(struct answer *answer);

/// fixture_count calls Count with the caller's token and waits.
void fixture_count(struct fixture *fixture, struct answer *answer, const char *token,
                   const char *key, const char *name, const char *refuse);
uint64_t fixture_counter(struct fixture *fixture, const char *name); // As committed.
/// answer_count is the count in a Count reply.
uint64_t answer_count(const struct answer *answer);

#define assert_ok(answer_)                                                                         \
    do {                                                                                           \
        assert_string_equal((answer_)->reason, "");                                                \
        assert_int_equal((answer_)->code, STATUS_OK);                                              \
        assert_int_equal((answer_)->outcome, RPC_OUTCOME_ANSWERED);                                \
    } while (0)
#define assert_refused(answer_, code_, reason_)                                                    \
    do {                                                                                           \
        assert_string_equal((answer_)->reason, (reason_));                                         \
        assert_int_equal((answer_)->code, (code_));                                                \
    } while (0)
