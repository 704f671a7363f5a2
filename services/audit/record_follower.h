/// @file services/audit/record_follower.h
/// How far a follower of the log has come, as bytes. The key is its name.
/// Threads    Any; pure.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

enum { AUDIT_CURSOR_BYTES = 1 + 8 };

/// version(1) = 01 | index(8): the first entry that it has not dealt with.
struct bytes audit_cursor_encode(uint64_t index, uint8_t ret[static AUDIT_CURSOR_BYTES]);
MUST_USE struct status audit_cursor_decode(struct bytes record, uint64_t *ret);
