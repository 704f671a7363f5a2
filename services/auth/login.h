/// @file services/auth/login.h
/// Logging in. By password in three steps: look (a snapshot), check (the slow hash, no
/// transaction), and the outcome (one transaction). By a second factor, where one is demanded, in
/// one step: what is between the two is a flow (flow.h).
/// Silence    An identifier that nobody has is looked up, hashed, counted and recorded like any
///            other; only right credentials learn that an account is blocked.
/// Throttles  Wrong passwords: guess.h; quietly, as the generic 401. Per network address: 429.
///            Counted with the outcome: as many guesses as the pool has threads may overlap. They
///            are forgotten, and the device is known, when the whole login has succeeded.
/// Factors    mfa.h says which are asked for. The flow is bound to the device, the network, the
///            password and the rights that it began with.
/// Errors     UNAUTHENTICATED / INVALID_CREDENTIALS; PERMISSION_DENIED / ACCOUNT_BLOCKED;
///            RESOURCE_EXHAUSTED / RATE_LIMITED; UNAVAILABLE / OVERLOADED; those of flow.h.
#pragma once

#include "services/auth/activity.h"
#include "services/auth/flow.h"
#include "services/auth/guess.h"

/// What somebody is found by.
struct auth_identity {
    enum auth_channel channel;
    const char *address; // In normal form.
};

struct auth_login {
    struct auth_identity identity;
    const char *password;
    struct auth_client client;
    struct arena *arena;
    uint64_t now_ns;
};

/// One attempt on its way; wipe it (auth_attempt_wipe).
struct auth_attempt {
    bool is_known;
    bool is_throttled; // Whatever is compared, it counts for nothing.
    bool is_right;
    struct id128 user_id; // Nil: nobody's.
    struct auth_throttle_key account;
    char hash[AUTH_HASH_BYTES];
    char stronger_hash[AUTH_HASH_BYTES]; // To replace it; "" when it is strong enough.

    // The outcome.
    const char *reason; // Of a refusal, for the record: clients are told less.
    bool disables_password;
    struct auth_assessment risk;
    bool is_suspicious; // And by the right password.
    enum auth_demand demand;
    struct auth_user user;       // By the right password.
    struct auth_session session; // With AUTH_DEMAND_NOTHING and _ENROLMENT.
    struct auth_flow flow;       // With AUTH_DEMAND_FACTOR.
    uint64_t resend_wait_ns;     // Until another code may be sent.
};

void auth_attempt_wipe(struct auth_attempt *attempt); // For CLEANUP.

/// auth_login_look: RATE_LIMITED, with *ret_wait_ns.
MUST_USE struct status auth_login_look(const struct auth_service *service, struct store_txn *txn,
                                       const struct auth_login *login, struct auth_attempt *ret,
                                       uint64_t *ret_wait_ns);
MUST_USE struct status auth_login_check(const struct auth_service *service,
                                        const struct auth_login *login,
                                        struct auth_attempt *attempt);
/// auth_login_settle counts a failure, begins the session, or asks for a factor. Its verdict is
/// *ret_refusal: what it has counted must be committed, so the status is OK also then. Messages may
/// have been queued: the caller wakes the worker.
MUST_USE struct status auth_login_settle(const struct auth_service *service, struct store_txn *txn,
                                         const struct auth_login *login,
                                         struct auth_attempt *attempt, struct status *ret_refusal);

// ---- The second factor ---------------------------------------------------------------------

struct auth_login_proof {
    struct id128 login_id;
    enum auth_method method;
    const char *code;
    struct auth_client client;
    struct arena *arena;
    uint64_t now_ns;
};

struct auth_login_outcome {
    struct auth_flow_result result; // is_counted: a refusal, too, must be committed.
    struct auth_user user;          // With STATUS_SUCCESS, as all that follows.
    struct auth_session session; // Of AUTH_AAL_ENROLMENT when the policy demands an authenticator.
};

/// auth_login_verify: OTP_EXPIRED also when the password, the rights or the factors were changed
/// since; ACCOUNT_BLOCKED.
MUST_USE struct status auth_login_verify(const struct auth_service *service, struct store_txn *txn,
                                         const struct auth_login_proof *proof,
                                         struct auth_login_outcome *ret);

/// auth_login_resend: proof.code is not looked at, and method is a channel. *ret_wait_ns as of
/// auth_flow_send.
MUST_USE struct status auth_login_resend(const struct auth_service *service, struct store_txn *txn,
                                         const struct auth_login_proof *proof,
                                         uint64_t *ret_wait_ns);
