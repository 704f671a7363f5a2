// Tiles: arithmetic against a naive tree, paths. Proof files: round trip, faults, verification.
#include "common/base/check.h"
#include "common/crypto/tlog_proof.h"
#include "common/crypto/tlog_tile.h"
#include "tests/unit/crypto/merkle_support.h"

// ---- Tiles ---------------------------------------------------------------------------------

enum { SIZES = 70000, LEVELS = 3 };

/// What the tree has grown so far, counted as it grows: nodes[L] of tree level 8 L.
struct counted_tree {
    uint64_t nodes[LEVELS];
};

static void count_node(void *context, unsigned level, uint64_t index,
                       const struct merkle_hash *hash)
{
    (void)hash;
    struct counted_tree *counted = context;
    if (level % TLOG_TILE_HEIGHT != 0) return;
    assert_int_equal(index, counted->nodes[level / TLOG_TILE_HEIGHT]);
    counted->nodes[level / TLOG_TILE_HEIGHT]++;
}

static void test_tile_arithmetic_counts_what_a_growing_tree_completes(void **state)
{
    (void)state;
    struct merkle_frontier frontier = {0};
    struct counted_tree counted = {0};
    struct merkle_hash leaf = {{0}};
    for (uint64_t size = 0; size <= SIZES; size++) {
        for (unsigned level = 0; level < LEVELS; level++) {
            uint64_t nodes = counted.nodes[level], last = nodes / TLOG_TILE_WIDTH;
            assert_int_equal(tlog_tile_nodes(level, size), nodes);
            assert_int_equal(tlog_tile_width(level, last, size), nodes % TLOG_TILE_WIDTH);
            assert_int_equal(tlog_tile_width(level, last + 1, size), 0);
            if (last > 0) assert_int_equal(tlog_tile_width(level, last - 1, size), TLOG_TILE_WIDTH);
        }
        merkle_frontier_append(&frontier, &leaf, count_node, &counted);
    }
}

// By the definition of a tile alone: the nodes of a level are the complete runs of 256 nodes of the
// level below it, and a tile holds 256 of them side by side.
static void test_tile_arithmetic_is_that_of_a_naive_tree(void **state)
{
    (void)state;
    static uint64_t naive[LEVELS][SIZES + 1]; // How many nodes each level has, by size.
    for (uint64_t size = 0; size <= SIZES; size++) {
        naive[0][size] = size;
        for (unsigned level = 1; level < LEVELS; level++) {
            uint64_t runs = 0;
            while ((runs + 1) * TLOG_TILE_WIDTH <= naive[level - 1][size])
                runs++;
            naive[level][size] = runs;
        }
    }
    for (uint64_t size = 0; size <= SIZES; size++) {
        for (unsigned level = 0; level < LEVELS; level++) {
            uint64_t tiles = (naive[level][size] + TLOG_TILE_WIDTH - 1) / TLOG_TILE_WIDTH, sum = 0;
            assert_int_equal(tlog_tile_width(level, tiles, size), 0);
            for (uint64_t index = 0; index < tiles; index++) {
                unsigned width = tlog_tile_width(level, index, size);
                assert_true(width > 0);                                      // Never an empty tile,
                assert_true(width == TLOG_TILE_WIDTH || index + 1 == tiles); // and one partial.
                sum += width;
            }
            assert_int_equal(sum, naive[level][size]);
        }
        assert_int_equal(tlog_tile_width(LEVELS, 0, size), 0);
    }
}

static void test_size_70000_is_the_example_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(tlog_tile_width(0, 272, 70000), 256);
    assert_int_equal(tlog_tile_width(0, 273, 70000), 112);
    assert_int_equal(tlog_tile_width(1, 0, 70000), 256);
    assert_int_equal(tlog_tile_width(1, 1, 70000), 17);
    assert_int_equal(tlog_tile_width(2, 0, 70000), 1);
    assert_int_equal(tlog_tile_width(3, 0, 70000), 0);
    assert_int_equal(tlog_tile_width(63, 0, UINT64_MAX), 0);
}

// clang-format off
static const struct {
    struct tlog_tile tile; // index, width, level, entries
    const char *path;
} paths[] = {
    {{0, 256, 0, false},              "tile/0/000"},
    {{0, 1, 2, false},                "tile/2/000.p/1"},
    {{273, 112, 0, false},            "tile/0/273.p/112"},
    {{1000, 256, 1, false},           "tile/1/x001/000"},
    {{1234067, 256, 63, false},       "tile/63/x001/x234/067"},
    {{1234067, 255, 0, true},         "tile/entries/x001/x234/067.p/255"},
    {{UINT64_MAX, 9, 63, false},      "tile/63/x018/x446/x744/x073/x709/x551/615.p/9"},
};

static const char *const bad_paths[] = {
    "", "tile", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/00/000",
    "tile/64/000", "tile/-1/000", "tile/0/x000/000", "tile/0/x001/0", "tile/0/001/000",
    "tile/0/x001", "tile/0/x001/", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256",
    "tile/0/000.p/01", "tile/0/000.p/1/", "tile/0/000/", "/tile/0/000", "tile/entries/",
    "tile/0/x018/x446/x744/x073/x709/x551/616", "tile/0/X001/000", "tile/0/ 00",
};

// clang-format on

static void test_tile_paths_have_one_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char text[TLOG_TILE_PATH_BYTES];
        struct tlog_tile tile;
        tlog_tile_path_format(&paths[i].tile, text);
        assert_string_equal(text, paths[i].path);
        assert_status_ok(tlog_tile_path_parse(bytes_of_text(text), &tile));
        assert_int_equal(tile.index, paths[i].tile.index);
        assert_int_equal(tile.width, paths[i].tile.width);
        assert_int_equal(tile.level, paths[i].tile.level);
        assert_int_equal(tile.entries, paths[i].tile.entries);
    }
    for (size_t i = 0; i < sizeof bad_paths / sizeof bad_paths[0]; i++) {
        struct tlog_tile tile;
        if (status_ok(tlog_tile_path_parse(bytes_of_text(bad_paths[i]), &tile)))
            fail_msg("%s was taken", bad_paths[i]);
    }
}

// ---- Proof files ---------------------------------------------------------------------------

enum { LEAVES = 5, INDEX = 2 };

/// A log of five leaves, its signed checkpoint, and the proof of leaf 2.
struct sample {
    struct naive_tree tree;
    struct note_verifier verifier;
    char note[CHECKPOINT_NOTE_BYTES_MAX];
    struct tlog_proof proof;
    char file[TLOG_PROOF_BYTES_MAX + CHECKPOINT_NOTE_BYTES_MAX + 64];
    size_t file_size;
};

static struct sample sample;

static int make_sample(void **state)
{
    (void)state;
    struct key_signer *signer = NULL;
    assert_status_ok(crypto_open());
    assert_status_ok(key_signer_from_seed(RFC8037_SEED, &signer));
    assert_status_ok(
        note_verifier_make("florin.local/audit", key_signer_public(signer), &sample.verifier));
    naive_tree_fill(&sample.tree, LEAVES);
    struct checkpoint checkpoint = {.origin = "florin.local/audit", .size = LEAVES};
    naive_root(&sample.tree, 0, LEAVES, &checkpoint.root);
    char text[CHECKPOINT_TEXT_BYTES_MAX];
    size_t size = checkpoint_format(&checkpoint, text);
    size =
        note_sign(bytes_of(text, size), &sample.verifier, signer, sample.note, sizeof sample.note);
    sample.proof.index = INDEX;
    sample.proof.checkpoint = bytes_of(sample.note, size);
    const struct merkle_reader reader = {naive_tree_read, &sample.tree};
    assert_status_ok(merkle_prove_inclusion(&reader, INDEX, LEAVES, &sample.proof.path));
    sample.file_size = tlog_proof_format(&sample.proof, sample.file, sizeof sample.file);
    key_signer_close(&signer);
    return 0;
}

static void test_a_proof_file_is_these_lines(void **state)
{
    (void)state;
    char expected[1024];
    char hashes[3][BASE64_TEXT_BYTES(MERKLE_HASH_BYTES)];
    assert_int_equal(sample.proof.path.count, 3);
    for (size_t i = 0; i < 3; i++)
        base64_encode(sample.proof.path.hashes[i].bytes, MERKLE_HASH_BYTES, hashes[i]);
    int size =
        snprintf(expected, sizeof expected, "c2sp.org/tlog-proof@v1\nindex 2\n%s\n%s\n%s\n\n%.*s",
                 hashes[0], hashes[1], hashes[2], (int)sample.proof.checkpoint.size, sample.note);
    assert_int_equal(sample.file_size, size);
    assert_memory_equal(sample.file, expected, sample.file_size);
}

static void test_a_proof_file_verifies_its_leaf_and_no_other(void **state)
{
    (void)state;
    struct tlog_proof proof;
    struct checkpoint checkpoint;
    const struct merkle_hash *leaves = sample.tree.leaves;
    assert_status_ok(tlog_proof_parse(bytes_of(sample.file, sample.file_size), &proof));
    assert_status_ok(tlog_proof_verify(&proof, &leaves[INDEX], &sample.verifier, &checkpoint));
    assert_int_equal(checkpoint.size, LEAVES);
    assert_refused(tlog_proof_verify(&proof, &leaves[INDEX + 1], &sample.verifier, &checkpoint),
                   "PROOF_ROOT_MISMATCH");
    proof.index = LEAVES;
    assert_refused(tlog_proof_verify(&proof, &leaves[INDEX], &sample.verifier, &checkpoint),
                   "PROOF_INDEX_BEYOND_SIZE");
}

static void test_extra_data_is_carried_and_not_judged(void **state)
{
    (void)state;
    struct tlog_proof proof = sample.proof, again;
    proof.extra = bytes_of_text("ZXh0cmE=");
    char file[sizeof sample.file];
    size_t size = tlog_proof_format(&proof, file, sizeof file);
    assert_status_ok(tlog_proof_parse(bytes_of(file, size), &again));
    assert_true(bytes_equal(again.extra, proof.extra));
    assert_int_equal(again.index, INDEX);
}

#define HASH "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=\n"

// clang-format off
static const struct {
    const char *given, *file;
    bool is_good;
} files[] = {
    {"no hashes",              "c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint",              true},
    {"one hash",               "c2sp.org/tlog-proof@v1\nindex 1\n" HASH "\ncheckpoint",      true},
    {"extra",                  "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 1\n\ncheckpoint",  true},
    {"another version",        "c2sp.org/tlog-proof@v2\nindex 0\n\ncheckpoint",              false},
    {"no index",               "c2sp.org/tlog-proof@v1\n\ncheckpoint",                       false},
    {"a leading zero",         "c2sp.org/tlog-proof@v1\nindex 01\n\ncheckpoint",             false},
    {"an index too large",     "c2sp.org/tlog-proof@v1\nindex 18446744073709551616\n\nc",    false},
    {"extra after the index",  "c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\ncheckpoint",  false},
    {"empty extra",            "c2sp.org/tlog-proof@v1\nextra \nindex 1\n\ncheckpoint",      false},
    {"extra not base64",       "c2sp.org/tlog-proof@v1\nextra AA=A\nindex 1\n\ncheckpoint",  false},
    {"padding amid the extra", "c2sp.org/tlog-proof@v1\nextra AA==AAAA\nindex 1\n\ncp",      false},
    {"a short hash",           "c2sp.org/tlog-proof@v1\nindex 1\nWlpa\n\ncheckpoint",        false},
    {"no blank line",          "c2sp.org/tlog-proof@v1\nindex 1\n" HASH "checkpoint",        false},
    {"no checkpoint",          "c2sp.org/tlog-proof@v1\nindex 1\n" HASH "\n",                false},
    {"CRLF",                   "c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\ncheckpoint",        false},
    {"nothing",                "",                                                           false},
};

// clang-format on

static void test_proof_files_have_one_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct tlog_proof proof;
        struct status status = tlog_proof_parse(bytes_of_text(files[i].file), &proof);
        if (status_ok(status) != files[i].is_good)
            fail_msg("%s: %s", files[i].given, status.reason ? status.reason : "taken");
    }
}

static void test_more_hashes_than_any_tree_has_are_refused(void **state)
{
    (void)state;
    char file[8192];
    for (int count = 64; count <= 65; count++) {
        int size = snprintf(file, sizeof file, "c2sp.org/tlog-proof@v1\nindex 0\n");
        for (int i = 0; i < count; i++)
            size += snprintf(file + size, sizeof file - (size_t)size, "%s", HASH);
        size += snprintf(file + size, sizeof file - (size_t)size, "\ncheckpoint");
        struct tlog_proof proof;
        struct status status = tlog_proof_parse(bytes_of(file, (size_t)size), &proof);
        assert_int_equal(status_ok(status), count == 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tile_arithmetic_counts_what_a_growing_tree_completes),
        cmocka_unit_test(test_tile_arithmetic_is_that_of_a_naive_tree),
        cmocka_unit_test(test_size_70000_is_the_example_of_the_specification),
        cmocka_unit_test(test_tile_paths_have_one_spelling),
        cmocka_unit_test(test_a_proof_file_is_these_lines),
        cmocka_unit_test(test_a_proof_file_verifies_its_leaf_and_no_other),
        cmocka_unit_test(test_extra_data_is_carried_and_not_judged),
        cmocka_unit_test(test_proof_files_have_one_spelling),
        cmocka_unit_test(test_more_hashes_than_any_tree_has_are_refused),
    };
    return cmocka_run_group_tests(tests, make_sample, NULL);
}
