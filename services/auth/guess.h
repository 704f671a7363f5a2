/// @file services/auth/guess.h
/// Wrong passwords: what they are counted by, and what comes of too many.
/// Throttle   Per account, one for each device that it knows and one for all others: 5 failures,
///            then 30 s doubling to 15 min (core.h). Nobody locks an owner's own device out.
/// In a row   policy.password_failures_max of an account, from all devices, with no login in
///            between: the password is disabled until it is reset, and the owner is told.
/// Silence    An identifier that nobody has is counted like any other: its throttle, and the row of
///            the nil user (record.h).
/// Threads    Functions with a store_txn: the thread that was given it.
#pragma once

#include "services/auth/session.h"
#include "services/auth/store_password.h"

/// auth_guess_key: user_id nil: nobody's, counted by the identifier. device: "" for unnamed.
struct auth_throttle_key auth_guess_key(const struct auth_service *service, struct store_txn *txn,
                                        struct id128 user_id, const char *identifier,
                                        const char *device);

/// auth_guess_count counts a wrong password. *ret_disables: this one disabled it, for the event
/// (notice and counter are done).
MUST_USE struct status auth_guess_count(const struct auth_service *service, struct store_txn *txn,
                                        const struct auth_throttle_key *key, struct id128 user_id,
                                        uint64_t now_ns, bool *ret_disables);

/// auth_guess_forget: a whole login from this device, by the right password.
MUST_USE struct status auth_guess_forget(struct store_txn *txn, const struct auth_throttle_key *key,
                                         struct id128 user_id, uint64_t now_ns);

/// auth_guess_forget_all: the password was reset; every throttle of the account is open again.
MUST_USE struct status auth_guess_forget_all(const struct auth_service *service,
                                             struct store_txn *txn, struct id128 user_id,
                                             uint64_t now_ns);
