/// @file services/auth/registration.h
/// From an application to a user: every channel that is named must be confirmed by its code.
/// Silence    Whether an address has an owner is nowhere to be seen: the same answer, the same
/// work.
///            The owner gets a notice; the code of such a channel fits nothing.
/// Errors     WEAK_PASSWORD, OVERLOADED; OTP_INVALID, OTP_EXPIRED, OTP_EXHAUSTED; OTP_SEND_LIMIT;
///            ALREADY_EXISTS (two registrations of one address, both confirmed: the first one won).
#pragma once

#include "services/auth/service.h"

struct auth_application {
    // Addresses in normal form; "" for no mobile. Index: enum auth_applicant_field.
    const char *fields[AUTH_APPLICANT_PASSWORD];
    const char *password;
};

/// auth_registration_hash checks the password against the policy and hashes it: a pool thread's.
MUST_USE struct status auth_registration_hash(const struct auth_service *service,
                                              const struct auth_application *application,
                                              char ret_hash[static AUTH_HASH_BYTES]);

/// auth_registration_begin files the application and queues its messages.
MUST_USE struct status auth_registration_begin(const struct auth_service *service,
                                               struct store_txn *txn,
                                               const struct auth_application *application,
                                               const char *hash, uint64_t now_ns,
                                               struct id128 *ret_id);

struct auth_confirmed {
    bool is_counted; // Also with a refusal: an attempt was counted, which must be committed.
    struct auth_progress progress;
    struct auth_user user; // When progress.state is completed.
};

/// auth_registration_confirm counts, compares, and makes the user with the last channel.
MUST_USE struct status auth_registration_confirm(const struct auth_service *service,
                                                 struct store_txn *txn, struct id128 id,
                                                 enum auth_channel channel, const char *code,
                                                 struct arena *arena, uint64_t now_ns,
                                                 struct auth_confirmed *ret);

/// auth_registration_resend queues a new code. *ret_wait_ns: until the next one is allowed, also
/// with a refusal; 0: never again.
MUST_USE struct status auth_registration_resend(const struct auth_service *service,
                                                struct store_txn *txn, struct id128 id,
                                                enum auth_channel channel, struct arena *arena,
                                                uint64_t now_ns, uint64_t *ret_wait_ns);
