/// @file common/crypto/hash.h
/// SHA-256 over parts, for commitments, prefixes and ids that are not Merkle hashes.
/// Threads    Any; pure.
#pragma once

#include "common/base/bytes.h"

enum { HASH_SHA256_BYTES = 32 };

/// hash_sha256 hashes the parts one after the other, as if they were one.
void hash_sha256(const struct bytes *parts, size_t part_count,
                 uint8_t ret[static HASH_SHA256_BYTES]);
