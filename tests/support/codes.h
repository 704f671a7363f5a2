/// @file tests/support/codes.h
/// One-time codes as their owner sees them: what was sent to an address, and what an authenticator
/// app shows. The latter is written from RFC 4226 and 6238 over OpenSSL's HMAC, and shares nothing
/// with what is tested.
/// Threads    One.
#pragma once

#include "tests/support/world.h"

enum { CODES_PEOPLE_MAX = 64 };

/// How many of the messages with a code to each person have been looked at.
struct codes {
    char *names[CODES_PEOPLE_MAX];
    size_t taken[CODES_PEOPLE_MAX];
    size_t count;
};

void codes_reset(struct codes *codes);
/// codes_take waits for a code to <name>@example.com that was not taken yet, and takes the newest.
void codes_take(struct codes *codes, const struct world *world, const char *name,
                char ret[static WORLD_ID_BYTES]);
/// codes_totp is the code of now, or of the step before. It never gives one that is about to
/// change.
void codes_totp(const char *secret_base32, bool is_old, char ret[static WORLD_ID_BYTES]);
