// Opening: the lock, the store id, versions and migrations.
#include "tests/unit/store/fixture.h"

#include <sys/stat.h>
#include <sys/wait.h>

// ---- The lock ------------------------------------------------------------------------------

static void open_in_child(void *context)
{
    struct status status = open_store(context, 0);
    bool refused = status.reason != NULL && strcmp(status.reason, "STORE_IN_USE") == 0;
    _exit(refused ? 42 : 1);
}

static void test_a_second_open_is_refused_in_this_and_another_process(void **state)
{
    struct fixture *fixture = *state;
    struct fixture second = *fixture;
    second.store = NULL;
    assert_refused(open_store(&second, 0), STATUS_FAILED_PRECONDITION, "STORE_IN_USE");
    assert_refused(store_verify(fixture->path), STATUS_FAILED_PRECONDITION, "STORE_IN_USE");
    int status = fork_and_wait(open_in_child, &second);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    assert_ok(put_row(fixture->store, "still", "works"));
    close_store(fixture);
    assert_ok(open_store(fixture, 0));
}

static void use_after_fork(void *context)
{
    struct fixture *fixture = context;
    struct store_txn *snapshot;
    (void)!status_ok(store_snapshot_begin(fixture->store, &snapshot));
}

static void test_a_store_is_not_used_after_fork(void **state)
{
    assert_aborts(use_after_fork, *state);
}

static void test_files_are_private(void **state)
{
    struct fixture *fixture = *state;
    struct stat info;
    char path[2 * PATH_BYTES];
    assert_int_equal(stat(fixture->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/data.mdb", fixture->path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void test_a_directory_that_cannot_be_made_is_an_answer(void **state)
{
    struct fixture *fixture = *state;
    join_path(fixture, "absent/store", fixture->path);
    assert_refused(open_store(fixture, 0), STATUS_NOT_FOUND, "STORE_ABSENT");
}

static void test_the_id_is_random_and_stays(void **state)
{
    struct fixture *fixture = *state;
    uint64_t id = store_id(fixture->store);
    assert_true(id != 0);
    reopen_store(fixture);
    assert_true(store_id(fixture->store) == id);
    close_store(fixture);
    join_path(fixture, "other", fixture->path);
    assert_ok(open_store(fixture, 0));
    assert_true(store_id(fixture->store) != id);
}

// ---- Migrations ----------------------------------------------------------------------------

static const struct store_table table_one[] = {{TABLE_ROWS, "rows"}};
static const struct store_table table_two[] = {{TABLE_ROWS, "rows"}, {TABLE_LOG, "log"}};

static struct status add_greeting(struct store_txn *txn)
{
    store_put(txn, TABLE_ROWS, bytes_of_text("greeting"), bytes_of_text("hello"));
    return STATUS_SUCCESS;
}

static struct status move_greeting(struct store_txn *txn)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, TABLE_ROWS, bytes_of_text("greeting"), &value));
    char copy[16] = {0};
    memcpy(copy, value.data, value.size);
    store_put(txn, TABLE_LOG, bytes_of_text("greeting"), bytes_of_text(copy));
    store_delete(txn, TABLE_ROWS, bytes_of_text("greeting"));
    return STATUS_SUCCESS;
}

static struct status spoil_and_fail(struct store_txn *txn)
{
    store_delete(txn, TABLE_ROWS, bytes_of_text("greeting"));
    return REFUSE(DATA_LOSS, MIGRATION_FAILED, "a record made no sense");
}

static const struct store_migration steps[] = {{1, add_greeting}, {2, move_greeting}};
static const struct store_migration bad_steps[] = {{1, add_greeting}, {2, spoil_and_fail}};
static const struct store_schema version_1 = {
    .name = "part", .version = 1, .tables = table_one, .table_count = 1};
static const struct store_schema version_2 = {.name = "part",
                                              .version = 2,
                                              .tables = table_one,
                                              .table_count = 1,
                                              .migrations = steps,
                                              .migration_count = 1};
static const struct store_schema version_3 = {.name = "part",
                                              .version = 3,
                                              .tables = table_two,
                                              .table_count = 2,
                                              .migrations = steps,
                                              .migration_count = 2};
static const struct store_schema version_3_bad = {.name = "part",
                                                  .version = 3,
                                                  .tables = table_two,
                                                  .table_count = 2,
                                                  .migrations = bad_steps,
                                                  .migration_count = 2};
static const struct store_schema version_3_short = {.name = "part",
                                                    .version = 3,
                                                    .tables = table_two,
                                                    .table_count = 2,
                                                    .migrations = steps + 1,
                                                    .migration_count = 1};
static const struct store_schema other = {.name = "other", .version = 1};

static struct status open_with(struct fixture *fixture, const struct store_schema *schema,
                               const struct store_schema *second)
{
    close_store(fixture);
    const struct store_schema *schemas[] = {schema, second};
    struct store_config config = {.directory = fixture->path, .map_bytes = 1 << 22};
    return store_open(&config, schemas, second != NULL ? 2 : 1, &fixture->store);
}

static void test_migrations_run_in_order_and_once(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(open_with(fixture, &version_1, NULL));
    assert_row(fixture->store, "greeting", NULL);
    assert_ok(open_with(fixture, &version_2, NULL));
    assert_row(fixture->store, "greeting", "hello");
    assert_ok(put_row(fixture->store, "greeting", "changed since"));
    assert_ok(open_with(fixture, &version_2, NULL));
    assert_row(fixture->store, "greeting", "changed since");
    assert_ok(open_with(fixture, &version_3, NULL));
    assert_row(fixture->store, "greeting", NULL);
    assert_int_equal(count_rows(fixture->store, TABLE_LOG), 1);
}

static void test_two_versions_at_once_and_a_new_store_needs_none(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(open_with(fixture, &version_1, NULL));
    assert_ok(open_with(fixture, &version_3, NULL)); // 1 -> 2 -> 3.
    assert_int_equal(count_rows(fixture->store, TABLE_LOG), 1);
    close_store(fixture);
    join_path(fixture, "fresh", fixture->path);
    assert_ok(open_with(fixture, &version_3, NULL));
    assert_int_equal(count_rows(fixture->store, TABLE_LOG), 0);
}

static void test_an_open_that_is_refused_changes_nothing(void **state)
{
    struct fixture *fixture = *state;

    // clang-format off
    static const struct {
        const char *why;
        const struct store_schema *before, *second, *refused;
        enum status_code code;
        const char *reason;
    } rows[] = {
        {"a newer program wrote it", &version_3, NULL, &version_2,
            STATUS_FAILED_PRECONDITION, "SCHEMA_TOO_NEW"},
        {"no migration from there", &version_1, NULL, &version_3_short,
            STATUS_FAILED_PRECONDITION, "SCHEMA_TOO_OLD"},
        {"a migration fails", &version_2, NULL, &version_3_bad,
            STATUS_DATA_LOSS, "MIGRATION_FAILED"},
        {"another daemon's store", &version_2, &other, &version_2,
            STATUS_FAILED_PRECONDITION, "SCHEMA_UNKNOWN"},
    };

    // clang-format on
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("%s\n", rows[i].why);
        close_store(fixture);
        char name[24];
        snprintf(name, sizeof name, "%zu", i);
        join_path(fixture, name, fixture->path);
        assert_ok(open_with(fixture, rows[i].before, rows[i].second));
        assert_ok(put_row(fixture->store, "greeting", "mine"));
        assert_refused(open_with(fixture, rows[i].refused, NULL), rows[i].code, rows[i].reason);
        assert_ok(open_with(fixture, rows[i].before, rows[i].second));
        assert_row(fixture->store, "greeting", "mine");
    }
}

static void test_a_schema_may_join_later(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(open_with(fixture, &version_2, NULL));
    assert_ok(open_with(fixture, &version_2, &other));
    assert_ok(open_with(fixture, &version_2, &other));
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup_store, teardown)
#define DIRECTORY_TEST(name) cmocka_unit_test_setup_teardown(name, setup_directory, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_second_open_is_refused_in_this_and_another_process),
        STORE_TEST(test_a_store_is_not_used_after_fork),
        STORE_TEST(test_files_are_private),
        DIRECTORY_TEST(test_a_directory_that_cannot_be_made_is_an_answer),
        STORE_TEST(test_the_id_is_random_and_stays),
        DIRECTORY_TEST(test_migrations_run_in_order_and_once),
        DIRECTORY_TEST(test_two_versions_at_once_and_a_new_store_needs_none),
        DIRECTORY_TEST(test_an_open_that_is_refused_changes_nothing),
        DIRECTORY_TEST(test_a_schema_may_join_later),
    };
    return cmocka_run_group_tests_name("store schema", tests, NULL, NULL);
}
