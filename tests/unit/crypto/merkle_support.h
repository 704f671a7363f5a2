// A naive Merkle tree: RFC 6962 section 2.1 as it is written, recursively.
#pragma once

#include "common/base/check.h"
#include "common/crypto/merkle.h"
#include "tests/unit/crypto/support.h"

enum { NAIVE_LEAVES_MAX = 512, NAIVE_LEVELS = 10 };

struct naive_tree {
    size_t size;
    struct merkle_hash leaves[NAIVE_LEAVES_MAX];
    struct merkle_hash subtrees[NAIVE_LEVELS][NAIVE_LEAVES_MAX]; // The complete ones, by level.
};

static inline size_t naive_split(size_t count)
{
    size_t split = 1;
    while (split * 2 < count)
        split *= 2;
    return split;
}

/// MTH(D[begin:end])
static inline void naive_root(const struct naive_tree *tree, size_t begin, size_t end,
                              struct merkle_hash *ret)
{
    if (begin == end) {
        merkle_empty(ret);
    } else if (end - begin == 1) {
        *ret = tree->leaves[begin];
    } else {
        size_t middle = begin + naive_split(end - begin);
        struct merkle_hash left, right;
        naive_root(tree, begin, middle, &left);
        naive_root(tree, middle, end, &right);
        merkle_node(&left, &right, ret);
    }
}

static inline void naive_tree_fill(struct naive_tree *tree, size_t size)
{
    CHECK(size <= NAIVE_LEAVES_MAX);
    for (size_t i = 0; i < size; i++) {
        char entry[32];
        int entry_size = snprintf(entry, sizeof entry, "entry %zu", i);
        merkle_leaf(bytes_of(entry, (size_t)entry_size), &tree->leaves[i]);
    }
    tree->size = size;
    for (unsigned level = 0; level < NAIVE_LEVELS; level++) {
        for (size_t i = 0; (i + 1) << level <= size; i++)
            naive_root(tree, i << level, (i + 1) << level, &tree->subtrees[level][i]);
    }
}

/// PATH(index, D[begin:end])
static inline void naive_path(const struct naive_tree *tree, size_t index, size_t begin, size_t end,
                              struct merkle_proof *proof)
{
    if (end - begin == 1) return;
    size_t middle = begin + naive_split(end - begin);
    if (index < middle) {
        naive_path(tree, index, begin, middle, proof);
        naive_root(tree, middle, end, &proof->hashes[proof->count++]);
    } else {
        naive_path(tree, index, middle, end, proof);
        naive_root(tree, begin, middle, &proof->hashes[proof->count++]);
    }
}

/// SUBPROOF(size1, D[begin:end], complete), size1 counted from leaf 0
static inline void naive_subproof(const struct naive_tree *tree, size_t size1, size_t begin,
                                  size_t end, bool complete, struct merkle_proof *proof)
{
    if (size1 == end) {
        if (!complete) naive_root(tree, begin, end, &proof->hashes[proof->count++]);
        return;
    }
    size_t middle = begin + naive_split(end - begin);
    if (size1 <= middle) {
        naive_subproof(tree, size1, begin, middle, complete, proof);
        naive_root(tree, middle, end, &proof->hashes[proof->count++]);
    } else {
        naive_subproof(tree, size1, middle, end, false, proof);
        naive_root(tree, begin, middle, &proof->hashes[proof->count++]);
    }
}

/// A merkle_reader over the tree; asking for a subtree that is not complete is a CHECK.
static inline struct status naive_tree_read(void *context, unsigned level, uint64_t index,
                                            struct merkle_hash *ret)
{
    const struct naive_tree *tree = context;
    CHECK(level < NAIVE_LEVELS && (index + 1) << level <= tree->size);
    *ret = tree->subtrees[level][index];
    return STATUS_SUCCESS;
}

static inline void assert_proof_equal(const struct merkle_proof *proof,
                                      const struct merkle_proof *expected)
{
    assert_int_equal(proof->count, expected->count);
    assert_memory_equal(proof->hashes, expected->hashes, proof->count * MERKLE_HASH_BYTES);
}

static inline void assert_hash_hex(const struct merkle_hash *hash, const char *expected)
{
    char hex[2 * MERKLE_HASH_BYTES + 1];
    hex_encode(hash->bytes, MERKLE_HASH_BYTES, hex);
    assert_string_equal(hex, expected);
}
