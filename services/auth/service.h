/// @file services/auth/service.h
/// What auth's use cases share, and those about users. One function is what one call reads, decides
/// by core, and writes. registration.h, login.h and session.h hold the others.
/// Rule       Every rule is checked before the first write, so that a refusal has changed nothing,
///            but for what it says itself that it counts.
/// Values     Arguments come from convert.c: lengths and texts are valid, addresses in normal form.
///            now_ns: wall clock, as the call was received.
/// Threads    Functions with a store_txn: the thread that was given it. Those that hash passwords:
///            pool threads, outside transactions.
/// Errors     USER_NOT_FOUND, ROLE_UNKNOWN, SEPARATION_OF_DUTIES.
#pragma once

#include "services/auth/signing.h"

struct auth_policy {
    struct auth_argon2 argon2;
    size_t password_code_points_min;
    struct auth_session_limits customer, staff;
    size_t customer_sessions_max;
    struct auth_rate address_failures;     // Failed logins of one network address.
    struct auth_rate destination_messages; // Messages to one e-mail address or number.
};

extern const struct auth_policy auth_policy_default;

struct auth_worker; // worker.h: delivers messages, clears away what has run out.

/// The service's memory: read-only while serving. rpc_call.service points here.
struct auth_service {
    struct store *store; // The daemon's.
    struct auth_store *auth;
    struct auth_signing *signing;
    struct auth_worker *worker; // NULL: nobody delivers (tests).
    struct auth_policy policy;
    bool (*role_is_known)(const char *role);
    char dummy_hash[AUTH_HASH_BYTES]; // For identifiers that nobody has.
};

/// auth_service_open uses <keys_directory>/kek and makes it with the first store that needs one. A
/// store that has data keys and no KEK refuses to open: NOT_FOUND / KEY_NOT_FOUND.
MUST_USE struct status auth_service_open(struct store *store, const char *keys_directory,
                                         const struct auth_policy *policy,
                                         bool (*role_is_known)(const char *role),
                                         struct auth_service *ret);
void auth_service_close(struct auth_service *service); // Idempotent; leaves the daemon's store.

/// auth_service_limits are those of staff for whoever is more than a customer.
const struct auth_session_limits *auth_service_limits(const struct auth_service *service,
                                                      const struct auth_roles *roles);

/// A user as it is looked at; the texts lie in the arena.
struct auth_user_view {
    struct auth_user user;
    struct auth_person person;
};

MUST_USE struct status auth_service_get_user(const struct auth_service *service,
                                             struct store_txn *txn, struct id128 user_id,
                                             struct arena *arena, struct auth_user_view *ret);

/// auth_service_set_roles replaces the roles; when they differ, all tokens given before end
/// (*ret_changed), and sessions go on with the new rights at their next refresh.
MUST_USE struct status auth_service_set_roles(const struct auth_service *service,
                                              struct store_txn *txn, struct id128 actor_id,
                                              struct id128 user_id, const char *const *roles,
                                              size_t role_count, struct arena *arena,
                                              uint64_t now_ns, struct auth_user_view *ret,
                                              bool *ret_changed);

/// A user who has never been stored: active, in version 1.
struct auth_user auth_service_new_user(const char *role, uint64_t now_ns);
