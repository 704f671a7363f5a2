/// @file services/auth/totp.h
/// Time-based codes as authenticator apps show them: RFC 6238 over SHA-1, 6 digits, 30 s.
/// Pure       Secret and time in, code out; no clock, no memory of what was used (factor.h).
/// Units      now_s, steps: wall clock; a step is the number of its 30 s since 1970.
/// Threads    Any.
/// Source     RFC 6238 section 4, RFC 4226 section 5 (by liboath); RFC 4648 section 6 (base32); the
///            Key URI Format of Google Authenticator, which every app reads.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TOTP_SECRET_BYTES = 20, // SHA-1's own size (RFC 4226 section 4, R6).
    TOTP_DIGITS = 6,
    TOTP_CODE_BYTES = TOTP_DIGITS + 1,
    TOTP_PERIOD_S = 30,
    TOTP_STEPS_BACK = 1, // Codes of the step before still count: nobody types in no time.
    TOTP_SECRET_TEXT_BYTES = TOTP_SECRET_BYTES * 8 / 5 + 1,
    TOTP_ADDRESS_BYTES_MAX = 254,
    TOTP_URI_BYTES = 1024,
};

#define BASE32_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#define TOTP_ISSUER "Florin"
#define TOTP_ALGORITHM "SHA1"

uint64_t totp_step(uint64_t now_s);

/// totp_code writes the code of one step.
void totp_code(const uint8_t secret[static TOTP_SECRET_BYTES], uint64_t step,
               char ret_code[static TOTP_CODE_BYTES]);

/// totp_match says whether the code is that of now's step or the one before, and later than
/// `last_step`, the last that was taken; *ret_step: which. It compares in constant time, and as
/// often whatever it finds.
bool totp_match(const uint8_t secret[static TOTP_SECRET_BYTES], const char *code, uint64_t now_s,
                uint64_t last_step, uint64_t *ret_step);

/// totp_secret_text writes the secret as base32, for typing in.
void totp_secret_text(const uint8_t secret[static TOTP_SECRET_BYTES],
                      char ret_text[static TOTP_SECRET_TEXT_BYTES]);

/// totp_uri writes the text of the QR code:
///     otpauth://totp/Florin:asha%40example.com?secret=…&issuer=Florin&algorithm=SHA1&digits=6&…
/// address: the user's, at most TOTP_ADDRESS_BYTES_MAX bytes (CHECK).
void totp_uri(const uint8_t secret[static TOTP_SECRET_BYTES], const char *address,
              char ret_uri[static TOTP_URI_BYTES]);

/// base32_encode writes RFC 4648 base32 without padding, and a NUL: (size * 8 + 4) / 5 + 1 bytes.
void base32_encode(const uint8_t *bytes, size_t size, char *ret_text);
