/// @file services/auth/delivery_config.h
/// What `live` delivery needs of its configuration, checked once at the start.
/// Ownership  Texts are the configuration's, but for the secrets, which the caller wipes.
/// Errors     INVALID_ARGUMENT / DELIVERY_CONFIG, and the message says which key.
#pragma once

#include "services/auth/delivery.h"
#include "services/auth/mail.h"

enum { AUTH_DELIVERY_SECRET_BYTES = 512 };

struct auth_delivery_peers {
    struct auth_mail_sender sender;
    char smtp_password[AUTH_DELIVERY_SECRET_BYTES];
    char sms_token[AUTH_DELIVERY_SECRET_BYTES];
};

MUST_USE struct status auth_delivery_check(const struct auth_delivery_config *config,
                                           struct auth_delivery_peers *ret);
