/// @file services/auth/service.h
/// What auth's use cases share, and those about users. One function is what one call reads, decides
/// by core, and writes. registration.h, login.h and session.h hold the others.
/// Rule       Every rule is checked before the first write, so that a refusal has changed nothing,
///            but for what it says itself that it counts.
/// Values     Arguments come from convert.c: lengths and texts are valid, addresses in normal form.
///            now_ns: wall clock, as the call was received.
/// Threads    Functions with a store_txn: the thread that was given it. Those that hash passwords:
///            pool threads, outside transactions.
/// Errors     USER_NOT_FOUND.
#pragma once

#include "services/auth/mfa.h"
#include "services/auth/signing.h"
#include "services/auth/store_message.h"

struct auth_policy {
    struct auth_argon2 argon2;
    size_t password_code_points_min;
    size_t password_code_points_alone_min; // Where it is the only factor (policy off, optional).
    const char *breached_file;             // Hashes of breached passwords (password.h); "": none.
    enum auth_mfa mfa_customer, mfa_staff;
    uint32_t password_failures_max; // In a row: the password is disabled then. 0: never.
    uint32_t code_failures_max;     // Wrong codes of an account in a day, each factor for itself.
    uint32_t risk_threshold;        // Score from which a login is suspicious; above 100: none is.
    uint64_t activity_kept_ns;      // Login activity is forgotten after that.
    uint64_t signing_key_age_ns;    // The next key takes over then.
    uint64_t signing_key_lead_ns;   // Not before it has been told for so long.
    const char *public_url;         // "https://bank.example": of the OAuth metadata. No final '/'.
    struct auth_session_limits customer, staff;
    size_t customer_sessions_max;
    struct auth_rate address_failures;     // Failed logins of one network address.
    struct auth_rate address_forgotten;    // Forgotten passwords of one network address.
    struct auth_rate destination_messages; // Messages to one e-mail address or number.
};

extern const struct auth_policy auth_policy_default;

struct auth_access; // access.h: the roles and features that hold.
struct auth_breached;
struct auth_worker; // worker.h: delivers messages, clears away what has run out.

/// The service's memory: read-only while serving. rpc_call.service points here.
struct auth_service {
    struct store *store; // The daemon's.
    struct auth_store *auth;
    struct auth_signing *signing;
    struct auth_access *access;
    struct auth_worker *worker; // NULL: nobody delivers (tests).
    struct auth_policy policy;
    struct auth_breached *breached;   // password_breached.h; NULL: no such file.
    char dummy_hash[AUTH_HASH_BYTES]; // For identifiers that nobody has.
};

/// auth_service_open uses <keys_directory>/kek and makes it with the first store that needs one. A
/// store that has data keys and no KEK refuses to open: NOT_FOUND / KEY_NOT_FOUND. Also a file of
/// breached passwords that is none: BREACHED_FILE.
MUST_USE struct status auth_service_open(struct store *store, const char *keys_directory,
                                         const struct auth_policy *policy,
                                         struct auth_service *ret);
void auth_service_close(struct auth_service *service); // Idempotent; leaves the daemon's store.

/// auth_service_limits are those of staff for whoever is more than a customer.
const struct auth_session_limits *auth_service_limits(const struct auth_service *service,
                                                      const struct auth_roles *roles);

/// auth_service_mfa is what the policy demands of whoever has these roles.
enum auth_mfa auth_service_mfa(const struct auth_service *service, const struct auth_roles *roles);

/// A user as it is looked at; the texts lie in the arena.
struct auth_user_view {
    struct auth_user user;
    struct auth_person person;
};

MUST_USE struct status auth_service_get_user(const struct auth_service *service,
                                             struct store_txn *txn, struct id128 user_id,
                                             struct arena *arena, struct auth_user_view *ret);

/// A user who has never been stored: a person, active, in version 1, without a confirmed channel.
struct auth_user auth_service_new_user(const char *role, uint64_t now_ns);
