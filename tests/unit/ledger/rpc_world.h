/// @file tests/unit/ledger/rpc_world.h
/// A ledger as its handlers see it: a fixture with an outbox, whose people have roles, and calls
/// that go the way of the executor: permission, validation, handler, commit.
/// Ownership  Messages, and what answers and events point to, live as long as the world.
/// Failures   Fail the test.
#pragma once

#include "common/base/clock.h"
#include "common/event/event.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/rpc.h"
#include "tests/unit/ledger/fixture.h"

enum { KYC_LOG = 77 };

struct world {
    struct fixture fixture;
    struct event_outbox *outbox;
    struct arena *arena;
    struct rpc_call call; // The last one, with its answer.
    struct status answer;
};

/// A world begins with two accounts in INR: ASHAS, of T3, and RAVIS, of T1.
int world_setup(void **state);
int world_teardown(void **state);

/// Calls a method as somebody; key "": no Idempotency-Key. The answer is world->call.reply.
struct status call_as(struct world *world, enum who who, size_t method, void *request,
                      const char *key);
/// The answer to the last call, as a message.
#define REPLY(world_, type_) ((const type_ *)(const void *)(world_)->call.reply)
/// A fact that the last refusal told; "": it did not.
const char *detail(const struct world *world, const char *key);
/// "field: REASON" of the last refusal's first violation.
const char *violation(struct world *world);

ProtobufCBinaryData id_bytes(struct world *world, struct id128 id);
Type__Uint128 *amount_of(struct world *world, u128 amount);
Type__Int128 *signed_of(struct world *world, i128 amount);
u128 amount_in(const Type__Uint128 *amount); // NULL fails.
i128 signed_in(const Type__Int128 *amount);

struct status create_account(struct world *world, enum who who, uint8_t id, uint8_t owner,
                             const char *name);
struct status deposit(struct world *world, enum who who, struct id128 id, uint8_t account,
                      u128 amount, const char *key);
/// A request for a transfer in INR; what is not given (nil, 0) stays absent.
Ledger__CreateTransferRequest *transfer_request(struct world *world, struct id128 id, uint8_t debit,
                                                uint8_t credit, u128 amount);
struct status transfer(struct world *world, enum who who, struct id128 id, uint8_t debit,
                       uint8_t credit, u128 amount, const char *key);
struct status hold(struct world *world, enum who who, struct id128 id, uint8_t debit,
                   uint8_t credit, u128 amount, uint32_t timeout_seconds);
struct status tell_tier(struct world *world, uint8_t owner, const char *tier, uint64_t version,
                        uint64_t seq);

/// What the newest event must be; its payload stays in the arena for `payload`.
struct event_seen {
    const char *type, *subject, *actor, *request_id, *outcome, *reason;
    size_t visible_to_count;
    struct bytes payload;
};

/// back: 0 is the newest event, 1 the one before …
struct event_seen event_at(struct world *world, size_t back);
void assert_newest_event(struct world *world, const char *type, const char *outcome,
                         const char *reason, size_t visible_to_count);
