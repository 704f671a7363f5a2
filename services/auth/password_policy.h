/// @file services/auth/password_policy.h
/// Whether a new password is good enough: password.h, with what the policy says of its user.
/// Threads    Any. Some hundred microseconds.
/// Errors     INVALID_ARGUMENT / WEAK_PASSWORD.
#pragma once

#include "services/auth/service.h"

/// auth_password_admit_any is what can be said without knowing whose it is: nobody learns from it
/// what only concerns its user.
MUST_USE struct status auth_password_admit_any(const struct auth_service *service,
                                               const char *password);

/// auth_password_admit: longer where nothing else stands before the account; no near copy of the
/// user's own data. own: as of auth_password_check.
MUST_USE struct status auth_password_admit(const struct auth_service *service, enum auth_mfa mfa,
                                           bool has_totp, const char *password,
                                           const char *const *own, size_t own_count);
