/// @file tests/unit/rpc/echo_service.h
/// The echo service and an identity with real tokens, for the tests and benchmark of common/rpc.
/// Roles      "caller" is granted echo.call; nobody is granted echo.forbidden.
/// Threads    Any, after echo_open.
#pragma once

#include "common/rpc/builtin.h"
#include "common/rpc/server.h"
#include "florin/echo/v1/echo.pb-c.h"
#include "florin/echo/v1/echo_methods.h"

#include <stdatomic.h>

enum { ECHO_TABLE_COUNTERS = STORE_TABLE_SERVICE_FIRST };

extern const struct store_schema echo_store_schema;

struct echo {
    struct key_signer *signer;
    struct token_cache *tokens;
    struct rpc_identity identity;
    atomic_int runs;            // How often a handler began.
    atomic_int pool_waiting;    // Calls of Pool that hold a thread.
    atomic_bool pool_release;   // Lets them go; at open.
    atomic_uint_fast64_t level; // What Wait waits for; rpc_server_wake says that it rose.
    atomic_int wait_runs;       // How often Wait began.
    atomic_bool is_stale;       // authenticate answers IDENTITY_STALE.
    atomic_bool slow_refuses;   // authenticate_slow answers TOKEN_REVOKED.
    atomic_bool grants_nothing; // authorize answers NONE to everybody.
    atomic_int slow_checks;
};

void echo_open(struct echo *echo);
void echo_close(struct echo *echo);
struct rpc_service echo_service(struct echo *echo);

/// The same as methods of auth, for what holds there alone.
enum { ECHO_OF_AUTH, ECHO_OF_AUTH_ANY_USER, ECHO_OF_AUTH_POOL, ECHO_OF_AUTH_COUNT };

struct rpc_service echo_of_auth(struct echo *echo);

/// A user's token: subject is sixteen times `user`, the role is given; lasts `life_s` seconds.
void echo_token(const struct echo *echo, uint8_t user, const char *role, uint64_t life_s,
                char ret_text[static TOKEN_BYTES_MAX]);
/// scope NULL: not cut down.
void echo_token_of(const struct echo *echo, uint8_t user, const char *role, uint64_t life_s,
                   uint8_t aal, const char *scope, char ret_text[static TOKEN_BYTES_MAX]);
