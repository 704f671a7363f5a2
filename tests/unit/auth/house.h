/// @file tests/unit/auth/house.h
/// An auth service on a store in a temporary directory, and callers: as the RPC server would call,
/// with the request validated, in a snapshot, a write job or a pool thread's place.
/// Threads    One caller each; the house is shared.
#pragma once

#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/events.h"
#include "services/auth/rpc.h"
#include "tests/unit/support/unit.h"

#include <stdatomic.h>

enum { HOUSE_PATH_BYTES = 200, HOUSE_CODE_BYTES = 8 };

struct house {
    char directory[HOUSE_PATH_BYTES];
    struct store *store;
    struct event_outbox *outbox;
    struct auth_service service;
    atomic_uint_fast64_t now_ns; // Of the calls; tests move it.
    struct caller *caller;       // Of the test's own thread.
};

/// house_open and house_close serve as cmocka's setup and teardown. house_reopen is a restart.
int house_open(void **state);
int house_close(void **state);
void house_reopen(struct house *house);
void house_open_store(struct house *house);
void house_close_store(struct house *house);
void house_wait(struct house *house, uint64_t seconds);

struct caller {
    struct house *house;
    struct arena *arena;
    struct rpc_call call; // The last one.
    struct token_claims claims;
    bool is_authenticated;
    enum rpc_scope scope; // Of the method's permission: ALL, unless the test sets another.
    const char *client_ip, *device_id;
};

struct caller *caller_open(struct house *house);
void caller_close(struct caller *caller);

/// caller_call calls one method; ret_reply (address of a message pointer) may be NULL.
struct status caller_call(struct caller *caller, enum auth_method_index method, const void *request,
                          void *ret_reply);
/// caller_be takes the claims of an access token, after verifying it as any daemon does.
void caller_be(struct caller *caller, const char *access_token);
void caller_be_nobody(struct caller *caller);

// ---- What people do ------------------------------------------------------------------------

#define PASSWORD "copper kettle on the hill"

struct status house_register(struct caller *caller, const char *email, const char *mobile,
                             struct id128 *ret_id);
struct status house_verify(struct caller *caller, struct id128 id, const char *channel,
                           const char *code, Auth__VerifyRegistrationResponse **ret);
struct status house_resend(struct caller *caller, struct id128 id, const char *channel);
struct status house_login(struct caller *caller, const char *identifier, const char *password,
                          const char *device, Auth__LoginResponse **ret);
struct status house_refresh(struct caller *caller, const char *refresh_token, const char *device,
                            Auth__IssueTokenResponse **ret);
/// house_new_user registers and verifies.
struct id128 house_new_user(struct caller *caller, const char *email);
/// house_set_user changes a stored user behind auth's back: what later issues do by calls.
void house_set_user(struct house *house, struct id128 id, enum auth_user_state state,
                    const char *added_role);

// ---- What can be seen ----------------------------------------------------------------------

/// house_messages gives the waiting messages to an address, newest last, and their count.
size_t house_messages(struct caller *caller, const char *to, struct auth_message *ret_last);
/// house_code is the newest code that waits for an address.
const char *house_code(struct caller *caller, const char *to);
/// house_events gives the types of all events after `after_seq`, each followed by a blank.
const char *house_events(struct caller *caller, uint64_t after_seq);
uint64_t house_event_head(const struct house *house);
struct auth_session house_session(struct house *house, struct id128 id);
