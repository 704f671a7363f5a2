// A log whose rows do not agree is not opened; damage that the start does not see is not proven.
#include "tests/unit/audit/fixture.h"

enum { TABLE_ENTRIES, TABLE_SIDES, TABLE_TILES, TABLE_SEARCH, TABLE_MARKS, TABLE_LOG };

enum { SIZE = 600 }; // Two full tiles and one of 88 on level 0, one of 2 on level 1.

static int setup_grown(void **state)
{
    setup(state);
    assert_status_ok(accept(*state, "ledger", 1, SIZE));
    return 0;
}

static struct bytes tile_key(unsigned level, uint64_t index)
{
    static uint8_t key[AUDIT_TILE_KEY_BYTES];
    return audit_tile_key(level, index, key);
}

static struct bytes index_key(uint64_t index)
{
    static uint8_t key[AUDIT_INDEX_KEY_BYTES];
    return audit_index_key(index, key);
}

static void test_damage_at_the_right_edge_refuses_to_start(void **state)
{
    struct fixture *fixture = *state;
    struct bytes head = bytes_of_text("head"), checkpoint = bytes_of_text("checkpoint");

    // clang-format off
    const struct {
        const char *given;
        uint8_t table;
        uint8_t level;
        uint64_t index;
        struct bytes key; // For the tables that have no index.
        size_t offset_from_end;
        const char *reason;
    } rows[] = {
        {"the last leaf",             TABLE_TILES,   0, 2, head,       0,        "TREE_CORRUPT"},
        {"a row's node",              TABLE_TILES,   0, 2, head,       8 * 32 + 1, "TREE_CORRUPT"},
        {"the last full tile",        TABLE_TILES,   0, 1, head,       8000,     "TREE_CORRUPT"},
        {"a full tile's hash",        TABLE_TILES,   1, 0, head,       40,       "TREE_CORRUPT"},
        {"the last entry",            TABLE_ENTRIES, 0, SIZE - 1, head, 3,       "TREE_CORRUPT"},
        {"a peak of the head",        TABLE_LOG,     0, 0, head,       0,        "TREE_CORRUPT"},
        {"the checkpoint's signature", TABLE_LOG,    0, 0, checkpoint, 30,       "CHECKPOINT_OF_ANOTHER_LOG"},
        {"the checkpoint's text",     TABLE_LOG,     0, 0, checkpoint, 150,      "CHECKPOINT_OF_ANOTHER_LOG"},
    };

    // clang-format on
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes key = rows[i].table == TABLE_TILES     ? tile_key(rows[i].level, rows[i].index)
                           : rows[i].table == TABLE_ENTRIES ? index_key(rows[i].index)
                                                            : rows[i].key;
        tamper(fixture, rows[i].table, key, rows[i].offset_from_end);
        struct status status = open_log(fixture, ORIGIN);
        if (status.reason == NULL || strcmp(status.reason, rows[i].reason) != 0)
            fail_msg("%s: %s", rows[i].given, status.reason ? status.reason : "opened");
        tamper(fixture, rows[i].table, key, rows[i].offset_from_end); // Flipped back.
        assert_status_ok(open_log(fixture, ORIGIN));
    }
    assert_int_equal(log_size(fixture), SIZE);
}

static struct status put_old(struct store_txn *writing, void *context)
{
    store_put(writing, STORE_TABLE_SERVICE_FIRST + TABLE_LOG, bytes_of_text("checkpoint"),
              *(const struct bytes *)context);
    return STATUS_SUCCESS;
}

static void test_an_older_checkpoint_refuses_to_start(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t old[4096];
    struct store_txn *txn = begin(fixture);
    struct bytes note;
    uint64_t size;
    struct merkle_hash root;
    assert_status_ok(audit_service_checkpoint(txn, &note, &size, &root));
    size_t old_size = audit_checkpoint_encode(size, note, old);
    store_snapshot_end(&txn);
    assert_status_ok(accept(fixture, "ledger", SIZE + 1, 1));

    // Truthful size and signature, but of the tree before.
    close_log(fixture);
    const struct store_schema *schemas[] = {&audit_store_schema, &event_store_schema};
    struct store_config config = {.directory = fixture->store_path, .map_bytes = UINT64_C(1) << 30};
    assert_status_ok(store_open(&config, schemas, ROWS(schemas), &fixture->store));
    struct bytes record = bytes_of(old, old_size);
    assert_status_ok(store_write_wait(fixture->store, put_old, &record));
    store_close(&fixture->store);
    assert_refused(open_log(fixture, ORIGIN), "CHECKPOINT_MISMATCH");
}

static void test_another_origin_or_key_refuses_to_start(void **state)
{
    struct fixture *fixture = *state;
    close_log(fixture);
    assert_refused(open_log(fixture, "florin.local/other"), "CHECKPOINT_OF_ANOTHER_LOG");
    assert_refused(open_log(fixture, "not a name"), "VERIFIER_KEY_MALFORMED");
    assert_status_ok(open_log(fixture, ORIGIN));
}

static void test_damage_inside_the_tree_is_not_proven(void **state)
{
    struct fixture *fixture = *state;
    tamper(fixture, TABLE_TILES, tile_key(0, 0), 8000); // Not at the right edge.
    assert_status_ok(open_log(fixture, ORIGIN));
    struct store_txn *txn = begin(fixture);
    struct audit_proof proof;
    size_t refused = 0;
    for (uint64_t index = 0; index < 256; index++) {
        struct status status = audit_service_prove(txn, index, &proof);
        if (status_ok(status)) continue;
        assert_string_equal(status.reason, "TREE_CORRUPT");
        refused++;
    }
    assert_true(refused > 0 && refused < 256);
    store_snapshot_end(&txn);
}

static void test_a_damaged_entry_is_not_shown(void **state)
{
    struct fixture *fixture = *state;
    tamper(fixture, TABLE_ENTRIES, index_key(10), 0); // A commitment's last byte.
    assert_status_ok(open_log(fixture, ORIGIN));
    struct store_txn *txn = begin(fixture);
    struct audit_proof proof;
    assert_refused(audit_service_prove(txn, 10, &proof), "TREE_CORRUPT");
    assert_status_ok(audit_service_prove(txn, 11, &proof));
    store_snapshot_end(&txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_damage_at_the_right_edge_refuses_to_start, setup_grown,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_older_checkpoint_refuses_to_start, setup_grown,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_another_origin_or_key_refuses_to_start, setup_grown,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_damage_inside_the_tree_is_not_proven, setup_grown,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_entry_is_not_shown, setup_grown, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
