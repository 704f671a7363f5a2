/// @file services/auth/password_breached.h
/// Passwords that are known to have leaked: looked up in a file of their hashes.
/// File       Lines of 64 hex digits (SHA-256 of the password's UTF-8 bytes), all upper or all
/// lower
///            case, each with its newline, in rising order, none twice. Any size: it is mapped, and
///            a look-up touches some thirty pages. Replace it by rename, and start again.
/// Threads    Any, once open.
/// Errors     NOT_FOUND / BREACHED_FILE (it cannot be read), INVALID_ARGUMENT / BREACHED_FILE (it
///            is no such file).
/// Source     NIST SP 800-63B-4 section 3.1.1.2; OWASP ASVS 5 section 6.2.12.
#pragma once

#include "common/base/status.h"

#include <stdbool.h>

struct auth_breached;

/// auth_breached_open looks at every line of a file of up to a million lines, and at a million that
/// lie evenly in a larger one.
MUST_USE struct status auth_breached_open(const char *path, struct auth_breached **ret);
void auth_breached_close(struct auth_breached **breached); // Idempotent.
bool auth_breached_has(const struct auth_breached *breached, const char *password);
