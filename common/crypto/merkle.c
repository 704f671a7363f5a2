#include "common/crypto/merkle.h"

#include "common/base/check.h"
#include "common/crypto/hash.h"

#include <assert.h>
#include <sodium.h>

static_assert(MERKLE_HASH_BYTES == crypto_hash_sha256_BYTES, "the tree is of SHA-256");

enum { LEAF_PREFIX = 0x00, NODE_PREFIX = 0x01 };

void merkle_leaf(struct bytes entry, struct merkle_hash *ret)
{
    static const uint8_t prefix = LEAF_PREFIX;
    const struct bytes parts[] = {bytes_of(&prefix, 1), entry};
    hash_sha256(parts, sizeof parts / sizeof parts[0], ret->bytes);
}

void merkle_node(const struct merkle_hash *left, const struct merkle_hash *right,
                 struct merkle_hash *ret)
{
    uint8_t preimage[1 + 2 * MERKLE_HASH_BYTES] = {NODE_PREFIX};
    memcpy(preimage + 1, left->bytes, MERKLE_HASH_BYTES);
    memcpy(preimage + 1 + MERKLE_HASH_BYTES, right->bytes, MERKLE_HASH_BYTES);
    crypto_hash_sha256(ret->bytes, preimage, sizeof preimage);
}

void merkle_empty(struct merkle_hash *ret)
{
    hash_sha256(NULL, 0, ret->bytes);
}

// ---- Growing -------------------------------------------------------------------------------

void merkle_frontier_append(struct merkle_frontier *frontier, const struct merkle_hash *leaf,
                            merkle_completed completed, void *context)
{
    CHECK(frontier->size < UINT64_MAX);
    uint64_t index = frontier->size;
    struct merkle_hash hash = *leaf;
    unsigned level = 0;
    // Like adding one to a binary number: each set bit is a peak that this leaf's subtree joins.
    for (;; level++, index >>= 1) {
        if (completed != NULL) completed(context, level, index, &hash);
        if ((index & 1) == 0) break;
        merkle_node(&frontier->peaks[level], &hash, &hash);
    }
    frontier->peaks[level] = hash;
    frontier->size++;
}

void merkle_frontier_root(const struct merkle_frontier *frontier, struct merkle_hash *ret)
{
    if (frontier->size == 0) {
        merkle_empty(ret);
        return;
    }
    bool started = false;
    for (unsigned level = 0; level < MERKLE_LEVELS; level++) {
        if ((frontier->size >> level & 1) == 0) continue;
        if (started)
            merkle_node(&frontier->peaks[level], ret, ret);
        else
            *ret = frontier->peaks[level];
        started = true;
    }
}

// ---- Proving -------------------------------------------------------------------------------

// The hash of the leaves from `begin` to `end`, where begin is a multiple of the smallest power of
// two that is not below end - begin: a subtree as RFC 6962 cuts them.
static struct status read_range(const struct merkle_reader *reader, uint64_t begin, uint64_t end,
                                struct merkle_hash *ret)
{
    uint64_t count = end - begin;
    bool started = false;
    // From the smallest, rightmost complete subtree to the largest.
    for (unsigned level = 0; level < MERKLE_LEVELS; level++) {
        if ((count >> level & 1) == 0) continue;
        struct merkle_hash peak;
        end -= UINT64_C(1) << level;
        RETURN_IF_ERROR(reader->read(reader->context, level, end >> level, &peak));
        if (started)
            merkle_node(&peak, ret, ret);
        else
            *ret = peak;
        started = true;
    }
    CHECK(started && end == begin);
    return STATUS_SUCCESS;
}

struct status merkle_root(const struct merkle_reader *reader, uint64_t size,
                          struct merkle_hash *ret)
{
    if (size > 0) return read_range(reader, 0, size, ret);
    merkle_empty(ret);
    return STATUS_SUCCESS;
}

// The largest power of two below count: where RFC 6962 splits.
static uint64_t split_of(uint64_t count)
{
    CHECK(count > 1);
    return UINT64_C(1) << (63 - __builtin_clzll(count - 1));
}

static struct merkle_hash *push(struct merkle_proof *proof)
{
    CHECK(proof->count < MERKLE_PROOF_HASHES_MAX);
    return &proof->hashes[proof->count++];
}

// Proofs are gathered from the root downwards and read from the leaf upwards.
static void turn_over(struct merkle_proof *proof)
{
    for (size_t low = 0, high = proof->count; low + 1 < high; low++) {
        high--;
        struct merkle_hash kept = proof->hashes[low];
        proof->hashes[low] = proof->hashes[high];
        proof->hashes[high] = kept;
    }
}

struct status merkle_prove_inclusion(const struct merkle_reader *reader, uint64_t index,
                                     uint64_t size, struct merkle_proof *ret)
{
    CHECK(index < size);
    ret->count = 0;
    uint64_t begin = 0, end = size;
    while (end - begin > 1) {
        uint64_t middle = begin + split_of(end - begin);
        if (index < middle) {
            RETURN_IF_ERROR(read_range(reader, middle, end, push(ret)));
            end = middle;
        } else {
            RETURN_IF_ERROR(read_range(reader, begin, middle, push(ret)));
            begin = middle;
        }
    }
    turn_over(ret);
    return STATUS_SUCCESS;
}

struct status merkle_prove_consistency(const struct merkle_reader *reader, uint64_t size1,
                                       uint64_t size2, struct merkle_proof *ret)
{
    CHECK(size1 > 0 && size1 <= size2);
    ret->count = 0;
    uint64_t begin = 0, end = size2;
    while (size1 < end) {
        uint64_t middle = begin + split_of(end - begin);
        if (size1 <= middle) {
            RETURN_IF_ERROR(read_range(reader, middle, end, push(ret)));
            end = middle;
        } else {
            RETURN_IF_ERROR(read_range(reader, begin, middle, push(ret)));
            begin = middle;
        }
    }
    // With begin at 0 the remaining subtree is the old tree itself, whose root the verifier knows.
    if (begin > 0) RETURN_IF_ERROR(read_range(reader, begin, end, push(ret)));
    turn_over(ret);
    return STATUS_SUCCESS;
}

// ---- Verifying -----------------------------------------------------------------------------

#define PROOF_LENGTH_REFUSAL                                                                       \
    REFUSE(INVALID_ARGUMENT, PROOF_LENGTH, "the proof has not the length that the sizes ask for")
#define PROOF_ROOT_REFUSAL                                                                         \
    REFUSE(INVALID_ARGUMENT, PROOF_ROOT_MISMATCH, "the proof leads to another root")

/// A walk from a leaf to the root: where we are, and the last position of that level.
struct climb {
    uint64_t position, last;
};

// Whether the next hash of the proof stands to our left. If so, the levels on which we are the
// rightmost node without a sibling are passed: they have no hash in the proof.
static bool climb_takes_left(struct climb *climb)
{
    if ((climb->position & 1) == 0 && climb->position != climb->last) return false;
    while ((climb->position & 1) == 0 && climb->position != 0) {
        climb->position >>= 1;
        climb->last >>= 1;
    }
    return true;
}

static void climb_up(struct climb *climb)
{
    climb->position >>= 1;
    climb->last >>= 1;
}

struct status merkle_verify_inclusion(uint64_t index, uint64_t size, const struct merkle_hash *leaf,
                                      const struct merkle_hash *hashes, size_t count,
                                      const struct merkle_hash *root)
{
    if (index >= size) {
        return REFUSE(INVALID_ARGUMENT, PROOF_INDEX_BEYOND_SIZE,
                      "the index is not below the size of the tree");
    }
    struct climb climb = {.position = index, .last = size - 1};
    struct merkle_hash hash = *leaf;
    for (size_t i = 0; i < count; i++) {
        if (climb.last == 0) return PROOF_LENGTH_REFUSAL;
        if (climb_takes_left(&climb))
            merkle_node(&hashes[i], &hash, &hash);
        else
            merkle_node(&hash, &hashes[i], &hash);
        climb_up(&climb);
    }
    if (climb.last != 0) return PROOF_LENGTH_REFUSAL;
    return merkle_hash_equal(&hash, root) ? STATUS_SUCCESS : PROOF_ROOT_REFUSAL;
}

struct status merkle_verify_consistency(uint64_t size1, uint64_t size2,
                                        const struct merkle_hash *hashes, size_t count,
                                        const struct merkle_hash *root1,
                                        const struct merkle_hash *root2)
{
    if (size1 == 0 || size1 > size2) {
        return REFUSE(INVALID_ARGUMENT, PROOF_SIZES,
                      "the first size must be above 0 and not above the second");
    }
    if (size1 == size2) {
        if (count != 0) return PROOF_LENGTH_REFUSAL;
        return merkle_hash_equal(root1, root2) ? STATUS_SUCCESS : PROOF_ROOT_REFUSAL;
    }
    struct climb climb = {.position = size1 - 1, .last = size2 - 1};
    while ((climb.position & 1) == 1)
        climb_up(&climb);
    // A complete old tree is itself the first node: the proof leaves it out.
    size_t next = 0;
    struct merkle_hash old_hash = *root1;
    if (climb.position != 0) {
        if (count == 0) return PROOF_LENGTH_REFUSAL;
        old_hash = hashes[next++];
    }
    struct merkle_hash new_hash = old_hash;
    for (; next < count; next++) {
        if (climb.last == 0) return PROOF_LENGTH_REFUSAL;
        if (climb_takes_left(&climb)) {
            merkle_node(&hashes[next], &old_hash, &old_hash);
            merkle_node(&hashes[next], &new_hash, &new_hash);
        } else {
            merkle_node(&new_hash, &hashes[next], &new_hash);
        }
        climb_up(&climb);
    }
    if (climb.last != 0) return PROOF_LENGTH_REFUSAL;
    bool holds = merkle_hash_equal(&old_hash, root1) && merkle_hash_equal(&new_hash, root2);
    return holds ? STATUS_SUCCESS : PROOF_ROOT_REFUSAL;
}
