/// @file services/auth/message_text.h
/// What messages say: one row for each kind, for e-mail and text messages alike.
/// Text       In a text message one or two sentences, at most 160 characters where the detail lets
///            them; in an e-mail also what to do. English.
/// Detail     Others may have chosen it (the name of a device): control and direction characters
///            become blanks.
/// Pure: no I/O, clock or allocation.
#pragma once

#include "services/auth/store_message.h"

enum {
    AUTH_TEXT_BYTES = 2048, // With the final NUL.
    AUTH_TEXT_SMS_DETAIL_CODE_POINTS_MAX = 60,
};

/// auth_message_kind_name: "registration". Stable: scripts and webhooks tell messages apart by it.
const char *auth_message_kind_name(enum auth_message_kind kind);
const char *auth_message_subject(enum auth_message_kind kind);
/// auth_message_write_text: UTF-8, lines end with \n. The caller wipes: a code stands in it.
void auth_message_write_text(const struct auth_message *message, char ret[static AUTH_TEXT_BYTES]);
