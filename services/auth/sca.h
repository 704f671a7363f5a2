/// @file services/auth/sca.h
/// Step-up for money: a user approves one payment by a second factor, and gets a token that is
/// worth this payment, once (common/crypto/sca_token.h). The ledger checks and burns it.
/// Methods    The authenticator, when one is enrolled, and the confirmed channels. Without an
///            authenticator a code goes out at once, to the mobile number rather than the address;
///            with one only when it is asked for (resend): it names payee and amount.
/// Whose      Only the user who asked may answer. Attempts and limits are those of flow.h.
/// Errors     INVALID_ARGUMENT / ACTION_UNKNOWN, OTP_INVALID, OTP_EXPIRED, OTP_EXHAUSTED;
///            FAILED_PRECONDITION / FACTOR_REQUIRED; RESOURCE_EXHAUSTED / OTP_SEND_LIMIT.
/// Threads    Functions with a store_txn: the thread that was given it.
/// Source     PSD2 RTS (EU 2018/389) articles 4 and 5.
#pragma once

#include "services/auth/flow.h"
#include "services/auth/sca_core.h"

struct auth_sca_begun {
    struct auth_flow flow;
    char text[AUTH_SCA_TEXT_BYTES]; // What is approved.
    uint64_t resend_wait_ns;        // Until a code may be asked for.
};

/// auth_sca_begin: action as it was asked for. The caller wakes the worker. *ret_wait_ns with
/// OTP_SEND_LIMIT: until a message to this address may go out again.
MUST_USE struct status auth_sca_begin(const struct auth_service *service, struct store_txn *txn,
                                      struct id128 user_id, const char *action,
                                      const struct auth_sca_payment *payment, struct arena *arena,
                                      uint64_t now_ns, struct auth_sca_begun *ret,
                                      uint64_t *ret_wait_ns);

MUST_USE struct status auth_sca_resend(const struct auth_service *service, struct store_txn *txn,
                                       struct id128 user_id, struct id128 sca_id,
                                       enum auth_channel channel, struct arena *arena,
                                       uint64_t now_ns, uint64_t *ret_wait_ns);

struct auth_sca_proof {
    struct id128 user_id, sca_id;
    enum auth_method method;
    const char *code;
    struct arena *arena;
    uint64_t now_ns;
};

struct auth_sca_approved {
    struct auth_flow_result result; // Also with a refusal: what was counted must be committed.
    char token[SCA_TOKEN_BYTES_MAX];
};

void auth_sca_approved_wipe(struct auth_sca_approved *approved); // For CLEANUP.

MUST_USE struct status auth_sca_approve(const struct auth_service *service, struct store_txn *txn,
                                        const struct auth_sca_proof *proof,
                                        struct auth_sca_approved *ret);
