// What `florin audit fsck` and `export` see of a log: whole ones, pruned ones, and ones in which
// one byte was changed.
#include "services/audit/check.h"
#include "services/audit/retention.h"
#include "services/audit/tables.h"
#include "services/audit/tiles.h"
#include "services/ctl/log_check.h"
#include "services/ctl/log_export.h"
#include "tests/unit/audit/fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 600, SAYINGS_BYTES = 1 << 16 };

// ---- A log as a source, without the daemon around it ---------------------------------------

static struct status read_path(void *context, const char *path, struct arena *arena,
                               struct bytes *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = begin(context);
    struct bytes note;
    uint64_t size;
    struct merkle_hash root;
    struct tlog_tile tile;
    RETURN_IF_ERROR(audit_service_checkpoint(txn, &note, &size, &root));
    if (strcmp(path, "checkpoint") != 0) {
        RETURN_IF_ERROR(tlog_tile_path_parse(bytes_of_text(path), &tile));
        return audit_tiles_get(txn, &tile, size, arena, ret);
    }
    const uint8_t *copy = arena_copy(arena, note.data, note.size);
    *ret = bytes_of(copy, note.size);
    return copy != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

static struct tile_source source_of(struct fixture *fixture)
{
    return (struct tile_source){.read = read_path, .context = fixture};
}

/// What was found, a line each.
struct sayings {
    char text[SAYINGS_BYTES];
    size_t size;
};

static void say(void *context, const char *what)
{
    struct sayings *sayings = context;
    int size = snprintf(sayings->text + sayings->size, SAYINGS_BYTES - sayings->size, "%s\n", what);
    sayings->size += (size_t)size;
    assert_true(sayings->size < SAYINGS_BYTES);
}

static struct sayings sayings;

static struct log_check_result check(struct tile_source source, struct fixture *fixture)
{
    struct log_check_config config = {
        .source = source, .verifier = &fixture->service.verifier, .find = say, .context = &sayings};
    struct log_check_result result;
    sayings.size = 0;
    sayings.text[0] = '\0';
    assert_status_ok(log_check(&config, &result));
    return result;
}

// The same for what only the store has; in small calls, as the command does it.
static struct audit_check check_store(struct fixture *fixture)
{
    struct audit_check all = {0}, some;
    sayings.size = 0;
    sayings.text[0] = '\0';
    do {
        struct store_txn *txn = begin(fixture);
        assert_status_ok(audit_check_entries(txn, all.next_index, 100, &some));
        store_snapshot_end(&txn);
        assert_true(some.next_index > all.next_index);
        all.next_index = some.next_index;
        all.pruned += some.pruned;
        all.erased += some.erased;
        all.finding_count += some.finding_count;
        for (size_t i = 0; i < some.finding_count; i++) {
            char line[256];
            snprintf(line, sizeof line, "entry %llu: %s",
                     (unsigned long long)some.findings[i].index, some.findings[i].what);
            say(&sayings, line);
        }
    } while (all.next_index < log_size(fixture));
    return all;
}

static int setup_grown(void **state)
{
    setup(state);
    assert_status_ok(accept(*state, "ledger", 1, SIZE));
    return 0;
}

// ---- As it should be -----------------------------------------------------------------------

static void test_logs_of_many_sizes_agree_with_themselves(void **state)
{
    struct fixture *fixture = *state;
    struct log_check_result result = check(source_of(fixture), fixture);
    assert_true(result.is_signed && result.root_agrees && result.findings == 0);
    for (uint64_t size = 0; size < 70000;) {
        size_t step = size < 600 ? 51 : 4009;
        assert_status_ok(accept(fixture, "ledger", size + 1, step));
        size += step;
        result = check(source_of(fixture), fixture);
        if (result.findings > 0 || !result.root_agrees) fail_msg("%s", sayings.text);
        assert_int_equal(result.entries, size);
        assert_int_equal(result.checkpoint.size, size);
    }
    assert_int_equal(check_store(fixture).finding_count, 0);
}

static void prune(struct fixture *fixture)
{
    struct audit_retention *retention = audit_retention_open(&fixture->service, 1);
    uint64_t pruned;
    assert_status_ok(audit_retention_run(retention, 30 * AUDIT_RETENTION_DAY_NS, &pruned));
    assert_int_equal(pruned, 2 * TLOG_TILE_WIDTH);
    audit_retention_close(&retention);
}

static void test_of_pruned_entries_the_hashes_are_checked(void **state)
{
    struct fixture *fixture = *state;
    prune(fixture);
    struct log_check_result result = check(source_of(fixture), fixture);
    assert_true(result.root_agrees && result.findings == 0);
    assert_int_equal(result.entries, SIZE - 2 * TLOG_TILE_WIDTH);
    assert_int_equal(result.hashes_only, 2 * TLOG_TILE_WIDTH);
    assert_int_equal(result.first_index, 2 * TLOG_TILE_WIDTH);
    struct audit_check store = check_store(fixture);
    assert_int_equal(store.finding_count, 0);
    assert_int_equal(store.pruned, 2 * TLOG_TILE_WIDTH);
}

// The first bundle was read; before the second is asked for, both go.
static struct status prune_amid(void *context, const char *path, struct arena *arena,
                                struct bytes *ret)
{
    struct fixture *fixture = context;
    if (strcmp(path, "tile/entries/001") == 0) prune(fixture);
    return read_path(fixture, path, arena, ret);
}

static void test_what_is_pruned_meanwhile_is_no_finding(void **state)
{
    struct fixture *fixture = *state;
    struct log_check_result result = check((struct tile_source){prune_amid, fixture}, fixture);
    if (result.findings > 0) fail_msg("%s", sayings.text);
    assert_true(result.root_agrees);
    assert_int_equal(result.entries, SIZE - TLOG_TILE_WIDTH);
    assert_int_equal(result.hashes_only, TLOG_TILE_WIDTH);
    assert_int_equal(result.first_index, 2 * TLOG_TILE_WIDTH);
}

static struct status erase_tenth(struct store_txn *txn, void *context)
{
    bool erased;
    (void)context;
    return audit_store_erase_side(txn, 10, &erased);
}

static void test_an_erased_side_is_counted_and_no_finding(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(store_write_wait(fixture->store, erase_tenth, NULL));
    struct audit_check store = check_store(fixture);
    assert_int_equal(store.finding_count, 0);
    assert_int_equal(store.erased, 1);
}

// ---- One byte ------------------------------------------------------------------------------

enum { ENTRY = 10 }; // Its tile is full, and not at the right edge that the start looks at.

static uint8_t key_bytes[AUDIT_TILE_KEY_BYTES];

static void test_each_changed_byte_of_an_entry_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct store_txn *txn = begin(fixture);
    struct bytes entry;
    assert_status_ok(audit_store_get_entry(txn, ENTRY, &entry));
    size_t size = entry.size;
    store_snapshot_end(&txn);
    struct bytes key = audit_index_key(ENTRY, key_bytes);
    for (size_t offset = 0; offset < size; offset += 7) {
        tamper(fixture, AUDIT_TABLE_ENTRIES - STORE_TABLE_SERVICE_FIRST, key, offset);
        assert_status_ok(open_log(fixture, ORIGIN));
        struct log_check_result result = check(source_of(fixture), fixture);
        assert_false(result.root_agrees);
        if (strstr(sayings.text, "entry 10: its bytes do not hash to the leaf in tile/0\n") == NULL)
            fail_msg("offset %zu: %s", offset, sayings.text);
        check_store(fixture);
        if (strstr(sayings.text, "entry 10: its bytes are not those") == NULL)
            fail_msg("offset %zu: %s", offset, sayings.text);
        tamper(fixture, AUDIT_TABLE_ENTRIES - STORE_TABLE_SERVICE_FIRST, key, offset);
        assert_status_ok(open_log(fixture, ORIGIN));
    }
    assert_int_equal(check_store(fixture).finding_count, 0);
}

static void test_each_changed_byte_of_a_side_is_found(void **state)
{
    struct fixture *fixture = *state;
    uint8_t record[1024];
    struct store_txn *txn = begin(fixture);
    struct audit_side side;
    assert_status_ok(audit_store_get_side(txn, ENTRY, &side));
    size_t size = audit_side_encode(&side, record);
    store_snapshot_end(&txn);
    struct bytes key = audit_index_key(ENTRY, key_bytes);
    for (size_t offset = 0; offset < size; offset += 3) {
        tamper(fixture, AUDIT_TABLE_SIDES - STORE_TABLE_SERVICE_FIRST, key, offset);
        assert_status_ok(open_log(fixture, ORIGIN));
        // The tree does not know sides; the entry's commitments do.
        assert_int_equal(check(source_of(fixture), fixture).findings, 0);
        bool is_found = check_store(fixture).finding_count > 0;
        // A name that it is visible to is committed to by nothing, but users are found by theirs.
        bool is_name = offset < sizeof "users/1" - 1 + 4;
        if (!is_found && !is_name) fail_msg("offset %zu from the end was not found", offset);
        tamper(fixture, AUDIT_TABLE_SIDES - STORE_TABLE_SERVICE_FIRST, key, offset);
        assert_status_ok(open_log(fixture, ORIGIN));
    }
}

static void test_each_changed_hash_of_a_tile_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct bytes key = audit_tile_key(0, 0, key_bytes);
    uint8_t table = AUDIT_TABLE_TILES - STORE_TABLE_SERVICE_FIRST;
    for (size_t hash = 0; hash < AUDIT_TILE_HASHES_MAX; hash += 8) {
        size_t offset = (AUDIT_TILE_HASHES_MAX - 1 - hash) * MERKLE_HASH_BYTES + hash % 32;
        bool is_row_node = hash % AUDIT_TILE_ROW_HASHES == AUDIT_TILE_ROW_NODES;
        tamper(fixture, table, key, offset);
        assert_status_ok(open_log(fixture, ORIGIN));
        struct log_check_result result = check(source_of(fixture), fixture);
        assert_true(result.root_agrees); // The entries are as they were signed.
        assert_int_equal(result.findings, is_row_node ? 0 : 1);
        check_store(fixture);
        if (strstr(sayings.text, "entry 0: a tile of the tree that begins with it") == NULL)
            fail_msg("hash %zu: %s", hash, sayings.text);
        tamper(fixture, table, key, offset);
        assert_status_ok(open_log(fixture, ORIGIN));
    }
}

static struct status delete_row(struct store_txn *txn, void *context)
{
    const struct {
        uint8_t table;
        struct bytes key;
    } *row = context;

    store_delete(txn, row->table, row->key);
    return STATUS_SUCCESS;
}

static struct bytes row_key(enum audit_search_kind kind, const char *name)
{
    static uint8_t key[AUDIT_SEARCH_KEY_BYTES];
    uint8_t prefix[AUDIT_NAME_PREFIX_BYTES];
    audit_name_prefix(bytes_of_text(name), prefix);
    return audit_search_key(kind, prefix, ENTRY, key);
}

static void test_each_missing_row_is_found(void **state)
{
    struct fixture *fixture = *state;
    const struct event_view event = make_event("ledger", ENTRY + 1);

    // clang-format off
    const struct {
        uint8_t table;
        enum audit_search_kind kind;
        const char *name, *says;
        bool breaks_tree;
    } rows[] = {
        {AUDIT_TABLE_SEARCH,  AUDIT_SEARCH_ACTION,   event.type,    "entry 10: it is not found by its action\n", false},
        {AUDIT_TABLE_SEARCH,  AUDIT_SEARCH_ACTOR,    event.actor,   "entry 10: it is not found by its actor\n", false},
        {AUDIT_TABLE_SEARCH,  AUDIT_SEARCH_RESOURCE, event.subject, "entry 10: it is not found by its resource\n", false},
        {AUDIT_TABLE_SEARCH,  AUDIT_SEARCH_USER,     event.actor,   "entry 10: it is not found by its user\n", false},
        {AUDIT_TABLE_SIDES,   0,                     NULL,          "entry 10: its side record is missing\n", false},
        {AUDIT_TABLE_ENTRIES, 0,                     NULL,          "entry 10: it is missing\n", true},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct {
            uint8_t table;
            struct bytes key;
        } row = {rows[i].table, rows[i].name != NULL ? row_key(rows[i].kind, rows[i].name)
                                                     : audit_index_key(ENTRY, key_bytes)};

        assert_status_ok(store_write_wait(fixture->store, delete_row, &row));
        check_store(fixture);
        if (strstr(sayings.text, rows[i].says) == NULL) fail_msg("%s", sayings.text);
        assert_int_equal(check(source_of(fixture), fixture).findings > 0, rows[i].breaks_tree);
    }
}

static void test_another_key_stops_at_the_checkpoint(void **state)
{
    struct fixture *fixture = *state;
    const char *other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    struct note_verifier mine = fixture->service.verifier;
    assert_status_ok(note_verifier_parse(bytes_of_text(other), &fixture->service.verifier));
    struct log_check_result result = check(source_of(fixture), fixture);
    fixture->service.verifier = mine;
    assert_false(result.is_signed);
    assert_int_equal(result.findings, 1);
    assert_non_null(strstr(sayings.text, "NOTE_NOT_SIGNED"));
}

static struct status fail_to_read(void *context, const char *path, struct arena *arena,
                                  struct bytes *ret)
{
    if (strstr(path, "tile/0/001") == NULL) return read_path(context, path, arena, ret);
    return REFUSE(UNAVAILABLE, NOT_SENT, "nobody is there");
}

static void test_what_cannot_be_asked_is_not_a_finding(void **state)
{
    struct fixture *fixture = *state;
    struct log_check_config config = {.source = {fail_to_read, fixture},
                                      .verifier = &fixture->service.verifier,
                                      .find = say,
                                      .context = &sayings};
    struct log_check_result result;
    assert_refused(log_check(&config, &result), "NOT_SENT");
}

// ---- Copies --------------------------------------------------------------------------------

static struct status prove(void *context, uint64_t from, uint64_t to, struct merkle_proof *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = begin(context);
    struct audit_consistency proof;
    RETURN_IF_ERROR(audit_service_prove_consistency(txn, from, to, &proof));
    *ret = proof.path;
    return STATUS_SUCCESS;
}

static const char *copy_path(struct fixture *fixture)
{
    static char path[FIXTURE_PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s/copy", fixture->directory);
    return path;
}

static struct status export(struct fixture *fixture, bool without_entries,
                            struct log_export_result *ret)
{
    struct log_export_config config = {.source = source_of(fixture),
                                       .verifier = &fixture->service.verifier,
                                       .directory = copy_path(fixture),
                                       .without_entries = without_entries,
                                       .prove = prove,
                                       .prove_context = fixture};
    return log_export(&config, ret);
}

static void test_a_copy_is_the_log_and_grows_with_it(void **state)
{
    struct fixture *fixture = *state;
    struct log_export_result result;
    assert_status_ok(export(fixture, false, &result));
    // Level 0: two full and one partial; level 1: one partial; and three bundles.
    assert_int_equal(result.written, 7);
    assert_int_equal(result.kept, 0);
    struct tile_source copy = tile_directory_source(copy_path(fixture));
    struct log_check_result checked = check(copy, fixture);
    assert_true(checked.root_agrees && checked.findings == 0);
    assert_int_equal(checked.entries, SIZE);

    assert_status_ok(accept(fixture, "ledger", SIZE + 1, 300));
    assert_status_ok(export(fixture, false, &result));
    assert_int_equal(result.kept, 4); // Two full tiles, two full bundles.
    checked = check(copy, fixture);
    assert_true(checked.root_agrees && checked.findings == 0);
    assert_int_equal(checked.entries, SIZE + 300);
}

static void test_a_copy_without_entries_or_of_a_pruned_log_is_checked_by_its_hashes(void **state)
{
    struct fixture *fixture = *state;
    struct log_export_result result;
    struct tile_source copy = tile_directory_source(copy_path(fixture));
    assert_status_ok(export(fixture, true, &result));
    struct log_check_result checked = check(copy, fixture);
    assert_true(checked.root_agrees && checked.findings == 0);
    assert_int_equal(checked.hashes_only, SIZE);
    prune(fixture);
    assert_status_ok(export(fixture, false, &result));
    assert_int_equal(result.pruned, 2 * TLOG_TILE_WIDTH);
    checked = check(copy, fixture);
    assert_true(checked.root_agrees && checked.findings == 0);
    assert_int_equal(checked.entries, SIZE - 2 * TLOG_TILE_WIDTH);
}

static void test_a_copy_is_not_overwritten_by_another_history(void **state)
{
    struct fixture *fixture = *state;
    struct log_export_result result;
    assert_status_ok(export(fixture, false, &result));

    // The same key signs another log, smaller at first.
    struct fixture other = {.is_open = false};
    snprintf(other.directory, sizeof other.directory, "%.200s/other", fixture->directory);
    snprintf(other.store_path, sizeof other.store_path, "%.200s/store", other.directory);
    snprintf(other.keys_path, sizeof other.keys_path, "%s", fixture->keys_path);
    assert_int_equal(mkdir(other.directory, 0700), 0);
    audit_batch_open(&other.batch);
    assert_status_ok(open_log(&other, ORIGIN));
    assert_status_ok(accept(&other, "kyc", 1, SIZE - 1));
    snprintf(other.directory, sizeof other.directory, "%s", fixture->directory);
    assert_refused(export(&other, false, &result), "LOG_SHRANK");
    assert_status_ok(accept(&other, "kyc", SIZE, 1));
    assert_refused(export(&other, false, &result), "LOG_REWRITTEN");
    assert_status_ok(accept(&other, "kyc", SIZE + 1, 100));
    assert_refused(export(&other, false, &result), "LOG_REWRITTEN");
    close_log(&other);
    audit_batch_close(&other.batch);

    struct log_check_result checked = check(tile_directory_source(copy_path(fixture)), fixture);
    assert_int_equal(checked.findings, 0);
    assert_int_equal(checked.checkpoint.size, SIZE);
}

static void change_file(struct fixture *fixture, const char *name, off_t offset)
{
    char path[2 * FIXTURE_PATH_BYTES];
    uint8_t byte;
    snprintf(path, sizeof path, "%s/%s", copy_path(fixture), name);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    close(fd);
}

static void test_a_changed_file_of_a_copy_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct log_export_result result;
    struct tile_source copy = tile_directory_source(copy_path(fixture));
    assert_status_ok(export(fixture, false, &result));

    // clang-format off
    static const struct {
        const char *file;
        off_t offset;
        const char *says;
    } rows[] = {
        {"checkpoint",               30, "checkpoint: "},
        {"tile/0/000",               64, "entry 2: its bytes do not hash to the leaf in tile/0\n"},
        {"tile/0/002.p/88",          32, "entry 513: its bytes do not hash to the leaf in tile/0\n"},
        {"tile/1/000.p/2",           32, "tile/1: hash 1 is not that of the leaves below it\n"},
        {"tile/entries/001",          0, "tile/entries/001: these are not 256 entries\n"},
        {"tile/entries/001",          9, "entry 256: its bytes do not hash to the leaf in tile/0\n"},
        {"tile/entries/002.p/88",    50, "entry 512: its bytes do not hash to the leaf in tile/0\n"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        change_file(fixture, rows[i].file, rows[i].offset);
        check(copy, fixture);
        if (strstr(sayings.text, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].file, sayings.text);
        change_file(fixture, rows[i].file, rows[i].offset);
    }
    static const char *const files[] = {"tile/0/001", "tile/1/000.p/2", "tile/entries/001",
                                        "checkpoint"};
    for (size_t i = 0; i < ROWS(files); i++) {
        char path[2 * FIXTURE_PATH_BYTES], aside[2 * FIXTURE_PATH_BYTES + 8];
        snprintf(path, sizeof path, "%s/%s", copy_path(fixture), files[i]);
        snprintf(aside, sizeof aside, "%s.aside", path);
        assert_int_equal(rename(path, aside), 0);
        assert_true(check(copy, fixture).findings > 0);
        assert_non_null(strstr(sayings.text, files[i]));
        assert_int_equal(rename(aside, path), 0);
    }
    assert_int_equal(check(copy, fixture).findings, 0);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup_grown, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_logs_of_many_sizes_agree_with_themselves, setup,
                                        teardown),
        TEST(test_of_pruned_entries_the_hashes_are_checked),
        TEST(test_what_is_pruned_meanwhile_is_no_finding),
        TEST(test_an_erased_side_is_counted_and_no_finding),
        TEST(test_each_changed_byte_of_an_entry_is_found),
        TEST(test_each_changed_byte_of_a_side_is_found),
        TEST(test_each_changed_hash_of_a_tile_is_found),
        TEST(test_each_missing_row_is_found),
        TEST(test_another_key_stops_at_the_checkpoint),
        TEST(test_what_cannot_be_asked_is_not_a_finding),
        TEST(test_a_copy_is_the_log_and_grows_with_it),
        TEST(test_a_copy_without_entries_or_of_a_pruned_log_is_checked_by_its_hashes),
        TEST(test_a_copy_is_not_overwritten_by_another_history),
        TEST(test_a_changed_file_of_a_copy_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
