// RFC 6962: known roots, every proof of small trees against a naive tree, published proof vectors.
#include "tests/unit/crypto/merkle_support.h"

#include <ftw.h>
#include <jansson.h>

// ---- Known answers -------------------------------------------------------------------------

static void test_empty_tree_and_empty_leaf_are_rfc6962(void **state)
{
    (void)state;
    struct merkle_hash hash;
    merkle_empty(&hash);
    assert_hash_hex(&hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    merkle_leaf(bytes_of(NULL, 0), &hash);
    assert_hash_hex(&hash, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

// The tree of certificate transparency's reference implementation.
// clang-format off
static const struct {
    const char *entry_hex, *root_hex; // The root with this entry as the last.
} reference_tree[] = {
    {"",         "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"00",       "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"10",       "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"2021",     "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"3031",     "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"5051525354555657",
                 "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"606162636465666768696a6b6c6d6e6f",
                 "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

// clang-format on

static void test_frontier_gives_the_reference_roots(void **state)
{
    (void)state;
    struct merkle_frontier frontier = {0};
    for (size_t i = 0; i < sizeof reference_tree / sizeof reference_tree[0]; i++) {
        uint8_t entry[16];
        size_t size = strlen(reference_tree[i].entry_hex) / 2;
        assert_true(hex_decode(reference_tree[i].entry_hex, 2 * size, entry, size));
        struct merkle_hash leaf, root;
        merkle_leaf(bytes_of(entry, size), &leaf);
        merkle_frontier_append(&frontier, &leaf, NULL, NULL);
        merkle_frontier_root(&frontier, &root);
        assert_hash_hex(&root, reference_tree[i].root_hex);
    }
}

// ---- Against a naive tree ------------------------------------------------------------------

enum { TREE_LEAVES = 300, PAIR_LEAVES = 130 };

static struct naive_tree tree;

static int make_tree(void **state)
{
    (void)state;
    naive_tree_fill(&tree, TREE_LEAVES);
    return 0;
}

static void test_roots_are_those_of_the_definition(void **state)
{
    (void)state;
    struct merkle_frontier frontier = {0};
    const struct merkle_reader reader = {naive_tree_read, &tree};
    for (size_t size = 0; size <= TREE_LEAVES; size++) {
        struct merkle_hash expected, grown, read;
        naive_root(&tree, 0, size, &expected);
        merkle_frontier_root(&frontier, &grown);
        assert_status_ok(merkle_root(&reader, size, &read));
        assert_true(merkle_hash_equal(&grown, &expected));
        assert_true(merkle_hash_equal(&read, &expected));
        if (size < TREE_LEAVES) merkle_frontier_append(&frontier, &tree.leaves[size], NULL, NULL);
    }
}

static void test_every_inclusion_proof_is_the_definition_and_verifies(void **state)
{
    (void)state;
    const struct merkle_reader reader = {naive_tree_read, &tree};
    for (size_t size = 1; size <= TREE_LEAVES; size++) {
        struct merkle_hash root;
        naive_root(&tree, 0, size, &root);
        for (size_t index = 0; index < size; index++) {
            struct merkle_proof proof, expected = {0};
            assert_status_ok(merkle_prove_inclusion(&reader, index, size, &proof));
            if (size <= PAIR_LEAVES) {
                naive_path(&tree, index, 0, size, &expected);
                assert_proof_equal(&proof, &expected);
            }
            assert_status_ok(merkle_verify_inclusion(index, size, &tree.leaves[index], proof.hashes,
                                                     proof.count, &root));
        }
    }
}

static void test_every_consistency_proof_is_the_definition_and_verifies(void **state)
{
    (void)state;
    const struct merkle_reader reader = {naive_tree_read, &tree};
    for (size_t size2 = 1; size2 <= PAIR_LEAVES; size2++) {
        struct merkle_hash root1, root2;
        naive_root(&tree, 0, size2, &root2);
        for (size_t size1 = 1; size1 <= size2; size1++) {
            struct merkle_proof proof, expected = {0};
            naive_root(&tree, 0, size1, &root1);
            assert_status_ok(merkle_prove_consistency(&reader, size1, size2, &proof));
            naive_subproof(&tree, size1, 0, size2, true, &expected);
            assert_proof_equal(&proof, &expected);
            assert_status_ok(
                merkle_verify_consistency(size1, size2, proof.hashes, proof.count, &root1, &root2));
        }
    }
}

// ---- What must be refused ------------------------------------------------------------------

static void test_a_changed_inclusion_proof_is_refused(void **state)
{
    (void)state;
    const struct merkle_reader reader = {naive_tree_read, &tree};

    enum { SIZE = 45, INDEX = 37 };
    struct merkle_hash root, leaf = tree.leaves[INDEX];
    struct merkle_proof proof;
    naive_root(&tree, 0, SIZE, &root);
    assert_status_ok(merkle_prove_inclusion(&reader, INDEX, SIZE, &proof));
    for (size_t i = 0; i < proof.count; i++) {
        proof.hashes[i].bytes[i] ^= 1;
        assert_refused(
            merkle_verify_inclusion(INDEX, SIZE, &leaf, proof.hashes, proof.count, &root),
            "PROOF_ROOT_MISMATCH");
        proof.hashes[i].bytes[i] ^= 1;
    }
    proof.hashes[proof.count] = root;
    assert_refused(
        merkle_verify_inclusion(INDEX, SIZE, &leaf, proof.hashes, proof.count - 1, &root),
        "PROOF_LENGTH");
    assert_refused(
        merkle_verify_inclusion(INDEX, SIZE, &leaf, proof.hashes, proof.count + 1, &root),
        "PROOF_LENGTH");
    assert_refused(merkle_verify_inclusion(SIZE, SIZE, &leaf, proof.hashes, proof.count, &root),
                   "PROOF_INDEX_BEYOND_SIZE");
    assert_refused(merkle_verify_inclusion(0, 0, &leaf, NULL, 0, &root), "PROOF_INDEX_BEYOND_SIZE");
    assert_refused(merkle_verify_inclusion(36, SIZE, &leaf, proof.hashes, proof.count, &root),
                   "PROOF_ROOT_MISMATCH");
    assert_refused(
        merkle_verify_inclusion(INDEX, SIZE, &tree.leaves[36], proof.hashes, proof.count, &root),
        "PROOF_ROOT_MISMATCH");
}

static void test_a_changed_consistency_proof_is_refused(void **state)
{
    (void)state;
    const struct merkle_reader reader = {naive_tree_read, &tree};
    struct merkle_hash root1, root2;
    struct merkle_proof proof;
    naive_root(&tree, 0, 11, &root1);
    naive_root(&tree, 0, 45, &root2);
    assert_status_ok(merkle_prove_consistency(&reader, 11, 45, &proof));
    const struct merkle_hash *hashes = proof.hashes;
    assert_refused(merkle_verify_consistency(0, 45, hashes, proof.count, &root1, &root2),
                   "PROOF_SIZES");
    assert_refused(merkle_verify_consistency(46, 45, hashes, proof.count, &root1, &root2),
                   "PROOF_SIZES");
    assert_refused(merkle_verify_consistency(11, 45, hashes, proof.count, &root2, &root1),
                   "PROOF_ROOT_MISMATCH");
    assert_refused(merkle_verify_consistency(11, 45, hashes, proof.count - 1, &root1, &root2),
                   "PROOF_LENGTH");
    assert_refused(merkle_verify_consistency(11, 45, hashes, 0, &root1, &root2), "PROOF_LENGTH");
    assert_refused(merkle_verify_consistency(45, 45, hashes, 1, &root2, &root2), "PROOF_LENGTH");
    assert_refused(merkle_verify_consistency(45, 45, NULL, 0, &root1, &root2),
                   "PROOF_ROOT_MISMATCH");
}

// ---- Published vectors ---------------------------------------------------------------------

enum { VECTORS = 196 }; // All that are published there.

static size_t vector_count;

// Short texts stand for "some other hash" there; zeroes fill them up. Longer than a hash never
// fits.
static bool vector_hash(const json_t *value, struct merkle_hash *ret)
{
    uint8_t bytes[64] = {0};
    size_t size = 0;
    const char *text = json_string_value(value);
    if (text != NULL && !base64_decode(text, strlen(text), bytes, sizeof bytes, &size))
        return false;
    memcpy(ret->bytes, bytes, MERKLE_HASH_BYTES);
    return size > 0 && size <= MERKLE_HASH_BYTES;
}

static bool vector_hash_of(const json_t *vector, const char *member, struct merkle_hash *ret)
{
    return vector_hash(json_object_get(vector, member), ret);
}

// Some indexes are just below 2^64, which the JSON library only takes as reals.
static uint64_t vector_number(const json_t *vector, const char *member)
{
    const json_t *value = json_object_get(vector, member);
    if (json_is_integer(value)) return (uint64_t)json_integer_value(value);
    double number = json_real_value(value);
    return number < 0x1p64 ? (uint64_t)number : UINT64_MAX;
}

static bool vector_holds(const json_t *vector)
{
    static struct merkle_hash hashes[256];
    const json_t *proof = json_object_get(vector, "proof");
    size_t count = json_array_size(proof);
    assert_true(count <= sizeof hashes / sizeof hashes[0]);
    for (size_t i = 0; i < count; i++) {
        if (!vector_hash(json_array_get(proof, i), &hashes[i])) return false;
    }
    struct merkle_hash a, b;
    if (json_object_get(vector, "leafIdx") != NULL) {
        return vector_hash_of(vector, "leafHash", &a) && vector_hash_of(vector, "root", &b) &&
               status_ok(merkle_verify_inclusion(vector_number(vector, "leafIdx"),
                                                 vector_number(vector, "treeSize"), &a, hashes,
                                                 count, &b));
    }
    return vector_hash_of(vector, "root1", &a) && vector_hash_of(vector, "root2", &b) &&
           status_ok(merkle_verify_consistency(vector_number(vector, "size1"),
                                               vector_number(vector, "size2"), hashes, count, &a,
                                               &b));
}

static int check_vector(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)walk;
    size_t size = strlen(path);
    if (kind != FTW_F || size < 5 || strcmp(path + size - 5, ".json") != 0) return 0;
    json_t *vector = json_load_file(path, 0, NULL);
    if (vector == NULL) vector = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
    if (vector == NULL) fail_msg("%s cannot be read", path);
    bool want_refusal = json_is_true(json_object_get(vector, "wantErr"));
    if (vector_holds(vector) == want_refusal)
        fail_msg("%s: should %s", path, want_refusal ? "be refused" : "hold");
    json_decref(vector);
    vector_count++;
    return 0;
}

static void test_published_vectors_give_what_they_want(void **state)
{
    (void)state;
    char path[512];
    const char *data = getenv("FLORIN_DATA_DIR");
    snprintf(path, sizeof path, "%s/merkle/testdata", data != NULL ? data : "../shared/data");
    if (nftw(path, check_vector, 16, FTW_PHYS) != 0) {
        print_message("%s is not there: published vectors skipped\n", path);
        skip();
    }
    print_message("%zu published vectors\n", vector_count);
    assert_int_equal(vector_count, VECTORS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_tree_and_empty_leaf_are_rfc6962),
        cmocka_unit_test(test_frontier_gives_the_reference_roots),
        cmocka_unit_test(test_roots_are_those_of_the_definition),
        cmocka_unit_test(test_every_inclusion_proof_is_the_definition_and_verifies),
        cmocka_unit_test(test_every_consistency_proof_is_the_definition_and_verifies),
        cmocka_unit_test(test_a_changed_inclusion_proof_is_refused),
        cmocka_unit_test(test_a_changed_consistency_proof_is_refused),
        cmocka_unit_test(test_published_vectors_give_what_they_want),
    };
    return cmocka_run_group_tests(tests, make_tree, NULL);
}
