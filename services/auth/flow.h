/// @file services/auth/flow.h
/// Flows: one question put to one user, from the asking to the right code. A second factor at
/// login, a code that lets a password be set anew, the approval of a payment. Rules: flow_core.h.
/// Row        One for each flow. It can be answered for 300 s (AUTH_FLOW_LIFE_NS), and stays for as
///            long again, so that who comes late is told so.
/// Attempts   5 a flow, whatever the method; a resend never gives them back. Wrong codes of an
///            account count over all its flows, each factor (messages; authenticator) for itself:
///            code_failures_max a day lock the factor for 24 h, and the owner is told.
/// Resets     Anybody can begin one, so their wrong codes count apart: nobody locks a user's logins
///            by guessing at resets. While they are locked no code fits, without a word.
/// Commit     The attempt is counted in the transaction that compares, and the answer leaves after
///            its commit: a crash gives no attempt back.
/// Silence    A decoy (nobody has the address; the account may not) costs and answers the same: its
///            message has run out before it is queued, and no code fits.
/// Errors     INVALID_ARGUMENT / OTP_INVALID (wrong code, another method, no such flow),
///            OTP_EXPIRED, OTP_EXHAUSTED (the flow is dead, or the factor locked);
///            RESOURCE_EXHAUSTED / OTP_SEND_LIMIT.
/// Source     OWASP ASVS 5 section 6.6, NIST SP 800-63B-4 section 3.1.
#pragma once

#include "services/auth/factor.h"
#include "services/auth/flow_core.h"
#include "services/auth/session.h"

/// auth_flow_begin gives the flow its id and its end, and files it. Nothing is sent yet.
void auth_flow_begin(const struct auth_service *service, struct store_txn *txn, uint64_t now_ns,
                     struct auth_flow *flow);

/// auth_flow_send makes a code for this channel and queues it as a message of the flow's kind:
/// first, again after 30, 60 and 120 s, or by the other channel (which counts as a resend). to: the
/// user's address; detail: of the message, or "". *ret_wait_ns: until the next one is allowed, also
/// with a refusal (0: never again). The caller wakes the worker.
MUST_USE struct status auth_flow_send(const struct auth_service *service, struct store_txn *txn,
                                      struct auth_flow *flow, enum auth_channel channel,
                                      const char *to, const char *detail, uint64_t now_ns,
                                      uint64_t *ret_wait_ns);

/// auth_flow_get reads one for a resend: OTP_INVALID unless it is of this purpose, OTP_EXPIRED when
/// it is no longer open. The payload lies in the arena.
MUST_USE struct status auth_flow_get(const struct auth_service *service, struct store_txn *txn,
                                     struct id128 id, enum auth_flow_purpose purpose,
                                     struct arena *arena, uint64_t now_ns, struct auth_flow *ret);

/// auth_flow_is_from: device and network are those that it began with.
bool auth_flow_is_from(const struct auth_service *service, const struct auth_flow *flow,
                       const struct auth_client *client);

struct auth_flow_answer {
    enum auth_method method; // 0: a code by message, wherever it went.
    const char *code;
    struct arena *arena;
    uint64_t now_ns;
    struct id128 user_id;             // Not nil: the flow must be this user's (SCA).
    const struct auth_client *client; // Not NULL: device and network must be those of its begin.
};

struct auth_flow_result {
    bool is_counted;   // Also with a refusal: something was written that must be committed.
    bool locks_factor; // This failure locked the factor: for the event (the owner has been told).
    struct auth_flow flow; // State PASSED with STATUS_SUCCESS. id nil: there is none.
};

/// auth_flow_look says what no code could change any more (OTP_INVALID, OTP_EXPIRED,
/// OTP_EXHAUSTED), and counts nothing: for whoever has hard work to do before the answer.
MUST_USE struct status auth_flow_look(const struct auth_service *service, struct store_txn *txn,
                                      struct id128 id, enum auth_flow_purpose purpose,
                                      const struct auth_flow_answer *answer);

/// auth_flow_answer counts, compares, and uses the flow up when the code is right.
MUST_USE struct status auth_flow_answer(const struct auth_service *service, struct store_txn *txn,
                                        struct id128 id, enum auth_flow_purpose purpose,
                                        const struct auth_flow_answer *answer,
                                        struct auth_flow_result *ret);
