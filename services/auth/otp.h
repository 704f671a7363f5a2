/// @file services/auth/otp.h
/// One-time codes: made, and kept as a MAC that says for what they are.
/// Threads    Any.
/// Source     RFC 4086 (randomness), OWASP ASVS 5 section 6.6.
#pragma once

#include "services/auth/flow_core.h"
#include "services/auth/store.h"

enum { AUTH_CODE_TEXT_BYTES = AUTH_CODE_DIGITS + 1 };

/// auth_otp_generate draws each of the million codes with the same probability.
void auth_otp_generate(char ret_code[static AUTH_CODE_TEXT_BYTES]);

/// auth_otp_mac binds the code to the registration and the channel: it is worth nothing elsewhere.
/// CHECK: the code has AUTH_CODE_DIGITS characters.
void auth_otp_mac(const struct auth_store *auth, struct id128 registration_id,
                  enum auth_channel channel, const char *code, uint8_t ret[static AUTH_MAC_BYTES]);
/// auth_otp_flow_mac binds the code of a flow, with a key of its own, to its purpose too.
void auth_otp_flow_mac(const struct auth_store *auth, const struct auth_flow *flow,
                       enum auth_channel channel, const char *code,
                       uint8_t ret[static AUTH_MAC_BYTES]);
