/// @file services/auth/destination.h
/// What an address has been sent. Nobody can flood one through us, however many registrations,
/// logins or resets they begin.
/// Apart      What anybody can have sent (registrations, resets) and what takes the owner's
/// password
///            (logins, payments) have a limit each: a stranger who uses the one up keeps nobody
///            from logging in.
/// Threads    The thread that was given the store_txn.
#pragma once

#include "services/auth/service.h"

struct auth_destination {
    struct auth_throttle_key key;
    struct auth_throttle throttle;
    bool is_allowed;  // One more message is.
    uint64_t wait_ns; // Until one is, when it is not.
};

/// auth_destination_charge reads and counts in memory: auth_destination_put keeps it, with the
/// message.
MUST_USE struct status auth_destination_charge(const struct auth_service *service,
                                               struct store_txn *txn, const char *to,
                                               bool is_by_owner, uint64_t now_ns,
                                               struct auth_destination *ret);
void auth_destination_put(const struct auth_service *service, struct store_txn *txn,
                          const struct auth_destination *destination);
