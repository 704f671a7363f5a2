/// @file common/base/status.h
/// The one error type. A status is what the world did; a failed CHECK is what we did wrong.
/// Ownership  Both texts are static or live in the request's arena; nobody frees them.
/// Source     google.rpc.Code numbers; AIP-193 (code, reason, message).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define CLEANUP(function) __attribute__((cleanup(function)))

/// enum status_code is google.rpc.Code: it crosses the wire as is, the gateway maps it to HTTP.
enum status_code {
    STATUS_OK = 0,
    STATUS_CANCELLED = 1,
    STATUS_UNKNOWN = 2,
    STATUS_INVALID_ARGUMENT = 3,
    STATUS_DEADLINE_EXCEEDED = 4,
    STATUS_NOT_FOUND = 5,
    STATUS_ALREADY_EXISTS = 6,
    STATUS_PERMISSION_DENIED = 7,
    STATUS_RESOURCE_EXHAUSTED = 8,
    STATUS_FAILED_PRECONDITION = 9,
    STATUS_ABORTED = 10,
    STATUS_OUT_OF_RANGE = 11,
    STATUS_UNIMPLEMENTED = 12,
    STATUS_INTERNAL = 13,
    STATUS_UNAVAILABLE = 14,
    STATUS_DATA_LOSS = 15,
    STATUS_UNAUTHENTICATED = 16,
};

struct status {
    enum status_code code;
    const char *reason;  // Stable UPPER_SNAKE id that clients may branch on; NULL when OK.
    const char *message; // English, for developers; static or in the request arena, never freed.
};

#define STATUS_SUCCESS ((struct status){.code = STATUS_OK, .reason = NULL, .message = NULL})
#define REFUSE(code_, reason_, message_) ((struct status){STATUS_##code_, #reason_, message_})

/* The one macro that may return, and its name says so. */
#define RETURN_IF_ERROR(expression)                                                                \
    do {                                                                                           \
        struct status s_ = (expression);                                                           \
        if (s_.code != STATUS_OK) return s_;                                                       \
    } while (0)

/// status_code_name is the code's gRPC name ("INVALID_ARGUMENT"); "UNKNOWN" for a foreign number.
const char *status_code_name(enum status_code code);

static inline bool status_ok(struct status status)
{
    return status.code == STATUS_OK;
}
