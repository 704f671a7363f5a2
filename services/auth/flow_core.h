/// @file services/auth/flow_core.h
/// The rules of flows: how one may move, how often it is answered, when its code goes out again.
/// Pure: no I/O, clock, allocation or logging. What a flow is for: flow.h.
/// Units      *_ns: wall clock, or lengths of time.
/// Errors     INVALID_ARGUMENT / OTP_INVALID, OTP_EXPIRED, OTP_EXHAUSTED; RESOURCE_EXHAUSTED /
///            OTP_SEND_LIMIT.
/// Source     OWASP ASVS 5 section 6.6, NIST SP 800-63B-4 section 3.1.
#pragma once

#include "services/auth/mfa.h"

#define AUTH_FLOW_LIFE_NS (300 * AUTH_SECOND_NS)

enum auth_flow_purpose { // Stored; never renumber. Part of what a code's MAC is taken of.
    AUTH_FLOW_LOGIN = 1,
    AUTH_FLOW_RESET = 2,
    AUTH_FLOW_SCA = 3,
    AUTH_FLOW_PURPOSE_LAST = AUTH_FLOW_SCA
};

enum auth_flow_state { // Stored; never renumber.
    AUTH_FLOW_REFUSED_MOVE = 0,
    AUTH_FLOW_OPEN = 1,
    AUTH_FLOW_PASSED = 2, // Used up: no second time.
    AUTH_FLOW_DEAD = 3,   // Five wrong codes.
    AUTH_FLOW_EXPIRED = 4,
    AUTH_FLOW_STATE_COUNT
};

enum auth_flow_event {
    AUTH_FLOW_SEND,
    AUTH_FLOW_WRONG,      // A wrong code, and attempts are left.
    AUTH_FLOW_WRONG_LAST, // The last of the attempts.
    AUTH_FLOW_RIGHT,
    AUTH_FLOW_EXPIRE,
    AUTH_FLOW_EVENT_COUNT
};

enum auth_flow_state auth_flow_next(enum auth_flow_state state, enum auth_flow_event event);

enum { AUTH_FLOW_PAYLOAD_BYTES_MAX = 512 };

struct auth_flow {
    struct id128 id, user_id; // user_id nil: nobody's (a decoy).
    enum auth_flow_purpose purpose;
    enum auth_flow_state state;
    bool is_decoy;
    unsigned methods; // Bits 1 << enum auth_method: what may answer it.
    uint64_t created_at_ns, expires_at_ns;
    uint8_t attempts;                            // Of codes, by any method.
    enum auth_channel sent_to;                   // Where the last code went; 0: none was sent.
    struct auth_challenge code;                  // Of the code that was sent last, and its resends.
    uint8_t device_hash[AUTH_DEVICE_HASH_BYTES]; // Login: the device must be the same.
    uint8_t network[9];                          // Login: the network must be the same.
    uint8_t network_size;
    uint8_t risk, risk_score; // Login: activity.h, as assessed when it began.
    // What is approved or goes on after the right code, sealed in the row; "" for none. At most
    // AUTH_FLOW_PAYLOAD_BYTES_MAX. SCA: sca.h.
    const char *payload;
};

/// auth_flow_may_send moves the flow on by one code to this channel, the first or another one.
/// OTP_INVALID: none of its methods; OTP_EXPIRED: it is no longer open; OTP_SEND_LIMIT, with
/// *ret_wait_ns. A refusal has changed nothing but its state to EXPIRED.
MUST_USE struct status auth_flow_may_send(struct auth_flow *flow, enum auth_channel channel,
                                          uint64_t now_ns, uint64_t *ret_wait_ns);

/// auth_flow_count_attempt comes before any comparing: it counts. A refusal has counted nothing:
/// OTP_INVALID (another method, or no code was sent there; it has been passed), OTP_EXPIRED (flow
/// or code), OTP_EXHAUSTED.
MUST_USE struct status auth_flow_count_attempt(struct auth_flow *flow, enum auth_method method,
                                               uint64_t now_ns);
/// auth_flow_judge takes the comparison's result: OTP_INVALID, or the flow is passed.
MUST_USE struct status auth_flow_judge(struct auth_flow *flow, bool is_equal);
