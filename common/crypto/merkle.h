/// @file common/crypto/merkle.h
/// The Merkle tree of RFC 6962: hashes, tree heads, inclusion and consistency proofs.
/// Shapes     leaf = SHA-256(00 | entry), node = SHA-256(01 | left | right), empty = SHA-256("").
///            A node (level, index) is the complete subtree over the leaves from index << level to
///            (index + 1) << level; level 0 is the leaves.
/// Ownership  Everything is the caller's; nothing allocates.
/// Threads    Any; pure but for the reader that the caller gives.
/// Errors     A proof that does not hold is INVALID_ARGUMENT / PROOF_*; a reader's status is passed
///            on. Proving beyond the tree is a CHECK: the caller knows its size.
/// Source     RFC 6962 section 2.1, RFC 9162 sections 2.1.3.2 and 2.1.4.2 (verification).
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

enum {
    MERKLE_HASH_BYTES = 32,
    MERKLE_LEVELS = 64,
    MERKLE_PROOF_HASHES_MAX = 65, // A consistency proof of 2^64 - 1 leaves has no more.
};

struct merkle_hash {
    uint8_t bytes[MERKLE_HASH_BYTES];
};

static inline bool merkle_hash_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a->bytes, b->bytes, MERKLE_HASH_BYTES) == 0;
}

void merkle_leaf(struct bytes entry, struct merkle_hash *ret);
void merkle_node(const struct merkle_hash *left, const struct merkle_hash *right,
                 struct merkle_hash *ret); // ret may be left or right.
void merkle_empty(struct merkle_hash *ret);

// ---- Growing -------------------------------------------------------------------------------

/// The right edge of a tree: one hash for each bit of size, the complete subtree of that level. It
/// is all that appending and the root need.
struct merkle_frontier {
    uint64_t size;
    struct merkle_hash peaks[MERKLE_LEVELS]; // Where bit `level` of size is set.
};

/// What a leaf completes, itself first, then upwards. May be NULL.
typedef void (*merkle_completed)(void *context, unsigned level, uint64_t index,
                                 const struct merkle_hash *hash);

void merkle_frontier_append(struct merkle_frontier *frontier, const struct merkle_hash *leaf,
                            merkle_completed completed, void *context);
void merkle_frontier_root(const struct merkle_frontier *frontier, struct merkle_hash *ret);

// ---- Proving -------------------------------------------------------------------------------

/// Gives the hash of any complete subtree.
struct merkle_reader {
    struct status (*read)(void *context, unsigned level, uint64_t index, struct merkle_hash *ret);
    void *context;
};

struct merkle_proof {
    size_t count;
    struct merkle_hash hashes[MERKLE_PROOF_HASHES_MAX]; // From the leaf upwards.
};

/// merkle_root reads the tree head of the first `size` leaves.
MUST_USE struct status merkle_root(const struct merkle_reader *reader, uint64_t size,
                                   struct merkle_hash *ret);
/// merkle_prove_inclusion: index < size (CHECK).
MUST_USE struct status merkle_prove_inclusion(const struct merkle_reader *reader, uint64_t index,
                                              uint64_t size, struct merkle_proof *ret);
/// merkle_prove_consistency: 0 < size1 <= size2 (CHECK); equal sizes give an empty proof.
MUST_USE struct status merkle_prove_consistency(const struct merkle_reader *reader, uint64_t size1,
                                                uint64_t size2, struct merkle_proof *ret);

// ---- Verifying -----------------------------------------------------------------------------

/// PROOF_INDEX_BEYOND_SIZE, PROOF_LENGTH, PROOF_ROOT_MISMATCH.
MUST_USE struct status merkle_verify_inclusion(uint64_t index, uint64_t size,
                                               const struct merkle_hash *leaf,
                                               const struct merkle_hash *hashes, size_t count,
                                               const struct merkle_hash *root);
/// PROOF_SIZES (size1 is 0 or greater than size2), PROOF_LENGTH, PROOF_ROOT_MISMATCH.
MUST_USE struct status merkle_verify_consistency(uint64_t size1, uint64_t size2,
                                                 const struct merkle_hash *hashes, size_t count,
                                                 const struct merkle_hash *root1,
                                                 const struct merkle_hash *root2);
