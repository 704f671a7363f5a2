/// @file common/crypto/hash.h
/// SHA-256 over parts, for commitments and prefixes that are not Merkle hashes, HMAC-SHA-256 (RFC
/// 2104), which others check, and BLAKE2b-128 for ids that are worked out from other ids.
/// Threads    Any; pure.
#pragma once

#include "common/base/bytes.h"

enum { HASH_SHA256_BYTES = 32, HASH_BLAKE2B_128_BYTES = 16 };

/// hash_sha256 hashes the parts one after the other, as if they were one.
void hash_sha256(const struct bytes *parts, size_t part_count,
                 uint8_t ret[static HASH_SHA256_BYTES]);

/// hash_blake2b_128 does likewise: unkeyed BLAKE2b with an output of 16 bytes (RFC 7693).
void hash_blake2b_128(const struct bytes *parts, size_t part_count,
                      uint8_t ret[static HASH_BLAKE2B_128_BYTES]);

/// hash_hmac_sha256 authenticates the parts with a key of any size.
void hash_hmac_sha256(struct bytes key, const struct bytes *parts, size_t part_count,
                      uint8_t ret[static HASH_SHA256_BYTES]);
