/// @file tests/unit/audit/newsroom.h
/// A log with the followers behind it, for the tests of reports and notifications: events go in,
/// and when they have taken effect, the handlers are asked.
/// Threads    One test at a time.
#pragma once

#include "florin/audit/v1/audit.pb-c.h"
#include "services/audit/reports.h"
#include "services/audit/rpc.h"
#include "tests/unit/audit/fixture.h"

#define NEWSROOM_USER(digit_) "users/01890000-0000-7000-8000-00000000000" #digit_
#define NEWSROOM_LIMITS "INR:1000"

/// One event; what is NULL is "".
struct news {
    const char *type;
    const char *actor, *subject, *client_ip, *device_id, *outcome;
    uint64_t time_ns; // 0: now.
    const char *visible_to[EVENT_VISIBLE_TO_MAX];
    struct bytes payload;
};

struct newsroom {
    struct fixture *fixture;
    struct audit_context context;
    struct rpc_call call;
    struct arena *payloads;
    uint64_t seq;
};

extern struct newsroom newsroom;

/// newsroom_setup and newsroom_teardown are cmocka's.
int newsroom_setup(void **state);
int newsroom_teardown(void **state);

/// newsroom_stop ends the followers wherever they are; newsroom_start begins again with the store
/// opened anew.
void newsroom_stop(void);
void newsroom_start(void);

/// newsroom_tell puts events into the log; newsroom_settle waits until all of it has taken effect.
void newsroom_tell(const struct news *news, size_t count);
void newsroom_settle(void);

/// newsroom_user is the id in NEWSROOM_USER(digit).
struct id128 newsroom_user(unsigned digit);
/// newsroom_call asks a handler as the executor does (user_id nil: a service). The reply lives
/// until the next call.
struct status newsroom_call(enum audit_method_index which, struct id128 user_id, void *request,
                            const void **ret_reply);

/// newsroom_told counts the events of this type in audit's own outbox.
size_t newsroom_told(const char *type);
size_t newsroom_told_about(const char *type, const char *subject);

// ---- Payloads; they live until the teardown ------------------------------------------------

struct bytes newsroom_transfer(struct id128 debit_account_id, struct id128 credit_account_id,
                               const char *currency, uint64_t amount);
struct bytes newsroom_account(struct id128 account_id, struct id128 owner_id);
struct bytes newsroom_login(const char *risk); // NULL: nothing unusual.
struct bytes newsroom_credential(const char *factor);
struct bytes newsroom_case(const char *decision);
struct bytes newsroom_tier(const char *tier);
