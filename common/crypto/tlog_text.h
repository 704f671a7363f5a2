/// @file common/crypto/tlog_text.h
/// What the line formats of transparency logs have in common: lines, decimals, hashes. Not for
/// other modules.
/// Threads    Any; pure.
/// Source     c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof.
#pragma once

#include "common/crypto/merkle.h"

/// tlog_text_line takes the first line off the rest, without its newline; false without a newline.
bool tlog_text_line(struct bytes *rest, struct bytes *ret_line);
/// tlog_text_after takes `prefix` off the beginning of the line; false when it begins otherwise.
bool tlog_text_after(struct bytes *line, const char *prefix);
/// tlog_text_u64 reads decimal digits without leading zeroes, up to 2^64 - 1.
bool tlog_text_u64(struct bytes text, uint64_t *ret);
/// tlog_text_hash reads canonical base64 of 32 bytes.
bool tlog_text_hash(struct bytes text, struct merkle_hash *ret);
