/// @file common/rpc/pattern.h
/// The named text patterns of florin.Pattern and the DATE format, as pure functions.
/// Source     proto/florin/options.proto; RFC 5321 and 5322 (addresses), ITU-T E.164, ISO 4217,
///            ISO 3166-1, ISO 8601 (dates).
#pragma once

#include "common/rpc/schema.h"

/// rpc_pattern_matches: text is well-formed UTF-8 without NUL. RPC_PATTERN_NONE matches all.
bool rpc_pattern_matches(enum rpc_pattern pattern, const char *text, size_t size);

/// rpc_date_is_real is true for "YYYY-MM-DD" of a day that the Gregorian calendar has, from 0001.
bool rpc_date_is_real(const char *text, size_t size);
