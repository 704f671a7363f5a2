/// @file common/event/types.h
/// Patterns of event types, as subscribers give them: one way to choose events everywhere.
/// Shapes     "ledger.transfer.created" is that type; "ledger.transfer.*" every type that begins
///            with "ledger.transfer."; "*" all of them. No other place for the star.
/// Threads    Any; pure.
/// Errors     INVALID_ARGUMENT / TYPE_PATTERN_INVALID.
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

#include <stdbool.h>

enum { EVENT_PATTERN_BYTES_MAX = 64 };

/// event_pattern_check: lower-case words of letters, digits, '_' and '-', joined by dots; the last
/// one may be a star.
MUST_USE struct status event_pattern_check(struct bytes pattern);
bool event_pattern_matches(struct bytes pattern, struct bytes type);
