/// @file tests/unit/kyc/desk.h
/// A KYC service on a store in a temporary directory, and people who call its handlers: as the RPC
/// server would, with the request validated, in a snapshot, a write job or a pool thread's place.
#pragma once

#include "florin/kyc/v1/kyc.pb-c.h"
#include "services/kyc/rpc.h"
#include "services/kyc/service.h"
#include "tests/unit/support/unit.h"

struct event_outbox;

enum { DESK_PATH_BYTES = 200 };

struct desk {
    char directory[DESK_PATH_BYTES];
    struct store *store;
    struct event_outbox *outbox;
    struct kyc_service service;
    struct arena *arena;  // Requests and replies, until the desk is closed.
    uint64_t now_ns;      // Moves on by a second with each call.
    struct rpc_call call; // The last one, with its refusal's violations and details.
};

/// desk_open and desk_close serve as cmocka's setup and teardown. desk_reopen closes and opens the
/// stores, as a restart does.
int desk_open(void **state);
int desk_close(void **state);
void desk_reopen(struct desk *desk);
void desk_open_stores(struct desk *desk);
void desk_close_stores(struct desk *desk);

/// desk_call calls one method as a user; ret_reply (address of a message pointer) may be NULL.
struct status desk_call(struct desk *desk, struct id128 user, enum kyc_method_index method,
                        const void *request, void *ret_reply);

// ---- What people do, with everything that is not said left as in the examples -----------------

struct status desk_put_profile(struct desk *desk, struct id128 user, const char *full_name);
struct status desk_submit_aadhaar(struct desk *desk, struct id128 user, const char *number);
struct status desk_submit_pan(struct desk *desk, struct id128 user, const char *number);
struct status desk_submit(struct desk *desk, struct id128 user);
Kyc__KycStatus *desk_status(struct desk *desk, struct id128 user);
Kyc__Case *desk_case(struct desk *desk, struct id128 case_id);   // As an officer sees it.
struct id128 desk_case_id(struct desk *desk, struct id128 user); // Of his latest case.
struct status desk_recommend(struct desk *desk, struct id128 officer, struct id128 case_id,
                             const char *decision, uint64_t expected_version);
struct status desk_decide(struct desk *desk, struct id128 officer, struct id128 case_id,
                          const char *decision, uint64_t expected_version);
/// desk_settle hands a complete file in, and has it recommended and decided by MAKER and CHECKER.
void desk_settle(struct desk *desk, struct id128 user, const char *decision);

#define ASHA id_of(0xA5)
#define BINA id_of(0xB1)
#define MAKER id_of(0x3A)
#define CHECKER id_of(0xC4)

#define AADHAAR_1 "234123412346"
#define AADHAAR_2 "499118665246"
#define PAN_1 "ABCPV1234K"
#define PAN_2 "QRSPV9876Z"

// ---- Events --------------------------------------------------------------------------------

/// desk_events gives the types of all events after `after_seq`, each followed by a blank.
const char *desk_events(struct desk *desk, uint64_t after_seq);
/// desk_event gives the packed Event of a seq.
struct bytes desk_event(struct desk *desk, uint64_t seq);
