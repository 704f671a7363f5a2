/// @file services/auth/bootstrap.h
/// The first start: a store without any user gets its administrator, whose password lies in a file.
/// Order      File first (written whole, synced), user second. A crash in between leaves a file
///            whose password the next start takes over: whoever reads it can log in, always.
/// Errors     UNAVAILABLE / ADMIN_PASSWORD_FILE: it cannot be written, or holds something else.
#pragma once

#include "services/auth/service.h"

#define AUTH_ADMIN_EMAIL "admin@florin.local"

enum {
    AUTH_ADMIN_PASSWORD_CHARACTERS = 24, // Of 56: 139 bits.
    AUTH_ADMIN_PASSWORD_BYTES = AUTH_ADMIN_PASSWORD_CHARACTERS + 1,
};

/// auth_bootstrap writes <directory>/admin-password, mode 0400.
MUST_USE struct status auth_bootstrap(const struct auth_service *service, const char *directory);
