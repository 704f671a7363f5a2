/// @file services/auth/address.h
/// What a network address (IPv4, or an IPv6 /64) has failed at, or begun: nobody tries everybody's
/// passwords, or has everybody told of a reset, from one place.
/// Unknown    A caller whose address is not known is not limited: there is nothing to count by.
/// Threads    The thread that was given the store_txn.
#pragma once

#include "services/auth/service.h"

struct auth_address {
    struct auth_throttle_key key;
    struct auth_throttle throttle;
    bool is_allowed;  // One more is.
    bool is_counted;  // There is a limit, and something to count by.
    uint64_t wait_ns; // Until one is, when it is not.
};

/// auth_address_charge reads and counts in memory; auth_address_put keeps it. kind:
/// AUTH_THROTTLE_ADDRESS or AUTH_THROTTLE_FORGOT. network: as of struct auth_client.
MUST_USE struct status auth_address_charge(const struct auth_service *service,
                                           struct store_txn *txn, enum auth_throttle_kind kind,
                                           struct bytes network, uint64_t now_ns,
                                           struct auth_address *ret);
/// auth_address_put keeps nothing of one that was not allowed: it has taken nothing.
void auth_address_put(struct store_txn *txn, const struct auth_address *address);
