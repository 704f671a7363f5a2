// The data keys of a store, on a real one in a temporary directory.
#include "common/crypto/keys.h"
#include "common/daemon/keychain.h"
#include "tests/unit/support/unit.h"

enum { TABLE_KEYS = STORE_TABLE_SERVICE_FIRST };

static const struct store_table tables[] = {{TABLE_KEYS, "keys"}};
static const struct store_schema schema = {
    .name = "test", .version = 1, .tables = tables, .table_count = 1};

struct fixture {
    char directory[DIRECTORY_PATH_BYTES];
    struct store *store;
};

static int setup(void **state)
{
    static struct fixture fixture;
    const struct store_schema *schemas[] = {&schema};
    assert_status_ok(crypto_open());
    directory_make("keychain", fixture.directory, sizeof fixture.directory);
    struct store_config config = {.directory = fixture.directory, .map_bytes = UINT64_C(1) << 24};
    assert_status_ok(store_open(&config, schemas, 1, &fixture.store));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(&fixture->store);
    directory_remove(fixture->directory);
    return 0;
}

// ---- The bytes -----------------------------------------------------------------------------

static struct status decode(struct bytes record)
{
    struct bytes wrapped;
    return keychain_record_decode(record, &wrapped);
}

static void test_records_are_those_of_auth_and_of_kyc(void **state)
{
    (void)state;

    static const struct {
        const char *module;
        uint8_t filler;
    } rows[] = {{"auth", 0xf3}, {"kyc", 0x99}};

    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t wrapped[SEAL_WRAPPED_KEY_BYTES], record[KEYCHAIN_RECORD_BYTES];
        memset(wrapped, rows[i].filler, sizeof wrapped);
        keychain_record_encode(wrapped, record);
        golden_assert_record(rows[i].module, "wrapped_v1.hex", bytes_of(record, sizeof record),
                             decode, "KEYCHAIN_BROKEN");
    }
}

// ---- Keys of a store -----------------------------------------------------------------------

static void test_the_first_opening_makes_the_key_that_later_ones_find(void **state)
{
    struct fixture *fixture = *state;
    const uint8_t kek[SEAL_KEK_BYTES] = {1}, other_kek[SEAL_KEK_BYTES] = {2};
    bool exists = true;
    struct seal *first = NULL, *second = NULL;
    assert_status_ok(keychain_exists(fixture->store, TABLE_KEYS, &exists));
    assert_false(exists);
    assert_status_ok(keychain_open(fixture->store, TABLE_KEYS, kek, &first));
    assert_status_ok(keychain_exists(fixture->store, TABLE_KEYS, &exists));
    assert_true(exists);

    struct seal_place place = {"table", "field", id_of(1), NULL};
    uint8_t sealed[5 + SEAL_OVERHEAD_BYTES], plain[5];
    size_t size = seal_value(first, &place, bytes_of_text("words"), sealed);
    assert_status_ok(keychain_open(fixture->store, TABLE_KEYS, kek, &second));
    assert_int_equal(seal_newest_version(second), 1);
    assert_status_ok(unseal_into(second, &place, bytes_of(sealed, size), plain));
    assert_memory_equal(plain, "words", 5);
    seal_close(&first);
    seal_close(&second);
    assert_refused(keychain_open(fixture->store, TABLE_KEYS, other_kek, &first), "SEAL_KEY_BROKEN");
    assert_null(first);
}

static struct status put_row(struct store_txn *txn, void *context)
{
    const struct bytes *row = context; // Key, value.
    store_put(txn, TABLE_KEYS, row[0], row[1]);
    return STATUS_SUCCESS;
}

static void test_rows_that_are_no_keys_are_refused(void **state)
{
    struct fixture *fixture = *state;
    const uint8_t kek[SEAL_KEK_BYTES] = {1}, record[KEYCHAIN_RECORD_BYTES] = {1};
    static const uint8_t key[KEYCHAIN_KEY_BYTES + 1] = {0, 0, 0, 1, 0};

    const struct {
        const char *given;
        struct bytes row[2];
        const char *reason;
    } rows[] = {
        {"a version of five bytes", {{key, 5}, {record, sizeof record}}, "KEYCHAIN_BROKEN"},
        {"a record that is cut", {{key, 4}, {record, sizeof record - 1}}, "KEYCHAIN_BROKEN"},
        {"a record of zeros", {{key, 4}, {record, sizeof record}}, "SEAL_KEY_BROKEN"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        teardown(state);
        setup(state);
        print_message("  %s\n", rows[i].given);
        struct bytes row[2] = {rows[i].row[0], rows[i].row[1]};
        struct seal *seal = NULL;
        assert_status_ok(store_write_wait(fixture->store, put_row, row));
        assert_refused(keychain_open(fixture->store, TABLE_KEYS, kek, &seal), rows[i].reason);
    }
}

// ---- The key that wraps --------------------------------------------------------------------

static void test_only_a_new_store_makes_the_key_that_wraps(void **state)
{
    const struct fixture *fixture = *state;
    uint8_t first[SEAL_KEK_BYTES], second[SEAL_KEK_BYTES];
    struct status status = keychain_load_kek(fixture->directory, false, first);
    assert_int_equal(status.code, STATUS_NOT_FOUND);
    assert_status_ok(keychain_load_kek(fixture->directory, true, first));
    assert_status_ok(keychain_load_kek(fixture->directory, false, second));
    assert_memory_equal(first, second, sizeof first);
    assert_status_ok(keychain_load_kek(fixture->directory, true, second)); // Never made anew.
    assert_memory_equal(first, second, sizeof first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_are_those_of_auth_and_of_kyc),
        cmocka_unit_test_setup_teardown(test_the_first_opening_makes_the_key_that_later_ones_find,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_that_are_no_keys_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_a_new_store_makes_the_key_that_wraps, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
