// Tiles and bundles as the world sees them: each hash against a naive tree, at sizes up to 70,000.
#include "services/audit/tiles.h"
#include "tests/unit/audit/fixture.h"

enum { SIZE = 70000, LEVELS = 3, ARENA_BYTES = 16 * 1024 * 1024 };

/// Every hash that a tile may hold, by the definition: each from the 256 below it, pair by pair.
static struct merkle_hash *naive[LEVELS];

static size_t naive_count(unsigned level, uint64_t size)
{
    for (; level > 0; level--)
        size /= TLOG_TILE_WIDTH;
    return (size_t)size;
}

static struct merkle_hash naive_root_of(const struct merkle_hash *hashes, size_t count)
{
    if (count == 1) return hashes[0];
    struct merkle_hash left = naive_root_of(hashes, count / 2);
    struct merkle_hash right = naive_root_of(hashes + count / 2, count / 2);
    merkle_node(&left, &right, &left);
    return left;
}

static struct arena *arena;

static int setup_naive(void **state)
{
    setup(state);
    arena = arena_open(ARENA_BYTES);
    for (unsigned level = 0; level < LEVELS; level++) {
        naive[level] = calloc(naive_count(level, SIZE) + 1, sizeof **naive);
        assert_non_null(naive[level]);
    }
    return 0;
}

static int teardown_naive(void **state)
{
    for (unsigned level = 0; level < LEVELS; level++)
        free(naive[level]);
    arena_close(&arena);
    return teardown(state);
}

// What was appended, read back, and what follows from it.
static void learn(struct fixture *fixture, uint64_t from, uint64_t to)
{
    struct store_txn *txn = begin(fixture);
    for (uint64_t index = from; index < to; index++) {
        struct bytes entry;
        assert_status_ok(audit_store_get_entry(txn, index, &entry));
        merkle_leaf(entry, &naive[0][index]);
    }
    store_snapshot_end(&txn);
    for (unsigned level = 1; level < LEVELS; level++) {
        for (size_t i = naive_count(level, from); i < naive_count(level, to); i++)
            naive[level][i] =
                naive_root_of(naive[level - 1] + i * TLOG_TILE_WIDTH, TLOG_TILE_WIDTH);
    }
}

static void assert_tile(struct store_txn *txn, unsigned level, uint64_t index, unsigned width,
                        uint64_t size)
{
    struct tlog_tile tile = {.index = index, .width = (uint16_t)width, .level = (uint8_t)level};
    struct bytes bytes;
    arena_reset(arena);
    struct status status = audit_tiles_get(txn, &tile, size, arena, &bytes);
    bool is_there = index * TLOG_TILE_WIDTH + width <= naive_count(level, size);
    if (!is_there) {
        assert_refused(status, "TILE_NOT_FOUND");
        return;
    }
    assert_status_ok(status);
    assert_int_equal(bytes.size, width * MERKLE_HASH_BYTES);
    assert_memory_equal(bytes.data, naive[level] + index * TLOG_TILE_WIDTH, bytes.size);
}

// At one size: of each level the tiles at the right edge, in widths around what they have.
static void assert_edge(struct store_txn *txn, uint64_t size)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        uint64_t nodes = naive_count(level, size), last = nodes / TLOG_TILE_WIDTH;
        unsigned width = (unsigned)(nodes % TLOG_TILE_WIDTH);
        for (unsigned around = width > 1 ? width - 1 : 1; around <= width + 1; around++)
            assert_tile(txn, level, last, around, size);
        assert_tile(txn, level, last, TLOG_TILE_WIDTH, size);
        assert_tile(txn, level, last + 1, 1, size);
        if (last == 0) continue;
        assert_tile(txn, level, last - 1, TLOG_TILE_WIDTH, size);
        assert_tile(txn, level, last - 1, 1 + (unsigned)(size % 255), size); // Its beginning.
    }
}

static void test_tiles_are_those_of_a_naive_tree(void **state)
{
    struct fixture *fixture = *state;
    uint64_t size = 0;
    for (uint64_t step = 1; size < SIZE; step = step * 7 % 1777 + 1) {
        if (step > SIZE - size) step = SIZE - size;
        assert_status_ok(accept(fixture, "ledger", size + 1, (size_t)step));
        learn(fixture, size, size + step);
        size += step;
        struct store_txn *txn = begin(fixture);
        assert_edge(txn, size);
        // A size that was published before is served as it was.
        assert_edge(txn, size - step / 2);
        store_snapshot_end(&txn);
    }
    struct store_txn *txn = begin(fixture);
    for (unsigned level = 0; level < LEVELS; level++) {
        uint64_t nodes = naive_count(level, SIZE);
        for (uint64_t index = 0; index * TLOG_TILE_WIDTH < nodes; index++)
            assert_tile(txn, level, index, tlog_tile_width(level, index, SIZE), SIZE);
    }
    assert_tile(txn, 2, 0, 1, SIZE);
    struct tlog_tile beyond = {.width = 1, .level = TLOG_TILE_LEVEL_MAX};
    struct bytes bytes;
    assert_refused(audit_tiles_get(txn, &beyond, SIZE, arena, &bytes), "TILE_NOT_FOUND");
    store_snapshot_end(&txn);
}

static void test_bundles_hold_the_entries_after_their_sizes(void **state)
{
    struct fixture *fixture = *state;

    enum { ENTRIES = 300 };

    assert_status_ok(accept(fixture, "ledger", 1, ENTRIES));
    struct store_txn *txn = begin(fixture);
    for (unsigned width = 1; width <= ENTRIES - TLOG_TILE_WIDTH + 1; width++) {
        struct tlog_tile tile = {.index = 1, .width = (uint16_t)width, .entries = true};
        struct bytes bundle;
        arena_reset(arena);
        struct status status = audit_tiles_get(txn, &tile, ENTRIES, arena, &bundle);
        if (width > ENTRIES - TLOG_TILE_WIDTH) {
            assert_refused(status, "TILE_NOT_FOUND");
            continue;
        }
        assert_status_ok(status);
        size_t at = 0;
        for (unsigned i = 0; i < width; i++) {
            struct bytes entry;
            assert_status_ok(audit_store_get_entry(txn, TLOG_TILE_WIDTH + i, &entry));
            assert_int_equal(bundle.data[at] << 8 | bundle.data[at + 1], entry.size);
            assert_memory_equal(bundle.data + at + 2, entry.data, entry.size);
            at += 2 + entry.size;
        }
        assert_int_equal(at, bundle.size);
    }
    store_snapshot_end(&txn);
}

static void test_paths_are_taken_in_their_one_spelling(void **state)
{
    (void)state;

    // clang-format off
    const struct {
        const char *path;
        bool entries, is_good;
    } rows[] = {
        {"0/000",                  false, true},
        {"1/x001/234.p/9",         false, true},
        {"000",                    true,  true},
        {"x001/000.p/255",         true,  true},
        {"entries/000",            false, false}, // Bundles are not for everybody.
        {"entries/000",            true,  false},
        {"0/000",                  true,  false},
        {"000",                    false, false},
        {"0/000.p/0",              false, false},
        {"0/000.p/256",            false, false},
        {"64/000",                 false, false},
        {"0/0",                    false, false},
        {"0/x000/000",             false, false},
        {"0/000/",                 false, false},
        {"",                       false, false},
        {"",                       true,  false},
        {"0/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/001", false, false},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tlog_tile tile;
        struct status status =
            audit_tiles_parse(bytes_of_text(rows[i].path), rows[i].entries, &tile);
        if (status_ok(status) != rows[i].is_good) fail_msg("%s", rows[i].path);
        if (!rows[i].is_good) assert_string_equal(status.reason, "TILE_PATH_MALFORMED");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tiles_are_those_of_a_naive_tree, setup_naive,
                                        teardown_naive),
        cmocka_unit_test_setup_teardown(test_bundles_hold_the_entries_after_their_sizes,
                                        setup_naive, teardown_naive),
        cmocka_unit_test(test_paths_are_taken_in_their_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
