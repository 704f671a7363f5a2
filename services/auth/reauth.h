/// @file services/auth/reauth.h
/// The password once more: of somebody who is logged in and wants to change how they log in.
/// Throttles  Those of a login (guess.h): wrong passwords count for the account, or for the device
///            when the account knows it, so that a stolen session is no better place to guess at.
///            While they are closed nothing is compared, and the answer is the same.
/// Threads    A pool thread, outside transactions: it hashes.
/// Errors     UNAUTHENTICATED / INVALID_CREDENTIALS; UNAVAILABLE / OVERLOADED; those of `then`.
#pragma once

#include "services/auth/session.h"

struct auth_confirmation_request {
    struct id128 user_id;
    const char *device;   // As the client names it; "" for unnamed.
    const char *password; // As it was given.
    uint64_t now_ns;
    // This wrong one disabled the password (guess.h): for the event. NULL: nobody asks. Given the
    // context of `then`.
    void (*disabled)(struct store_txn *txn, void *context);
};

/// auth_password_confirm compares, and when the password is right runs `then` in the transaction
/// that says so: a password that was changed meanwhile does not count. A status of `then` other
/// than OK is the answer, and nothing of it stays; what has to stay with a refusal keeps that
/// beside an OK.
MUST_USE struct status
auth_password_confirm(const struct auth_service *service,
                      const struct auth_confirmation_request *request,
                      struct status (*then)(struct store_txn *txn, void *context), void *context);
