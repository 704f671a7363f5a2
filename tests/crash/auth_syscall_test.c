// Auth dies at every write system call of everything that it does; each time the whole effect is
// there with its events, or nothing is, and what was answered is there. FLORIN_TEST picks deeds by
// a pattern of their names.
#include "common/base/check.h"
#include "services/auth/bootstrap.h"
#include "tests/crash/death.h"
#include "tests/crash/scene.h"

#include <sys/stat.h>

// ---- The store in bytes -------------------------------------------------------------------------

struct dump {
    uint8_t *data;
    size_t size, room;
};

static void add(struct dump *dump, const void *data, size_t size)
{
    if (dump->size + size > dump->room) {
        dump->room = (dump->size + size) * 2;
        dump->data = realloc(dump->data, dump->room);
        CHECK(dump->data != NULL);
    }
    memcpy(dump->data + dump->size, data, size);
    dump->size += size;
}

static void add_table(struct dump *dump, struct store_txn *txn, uint8_t table)
{
    struct store_cursor cursor;
    store_cursor_open(txn, table, &cursor);
    for (bool has = store_cursor_first(&cursor); has; has = store_cursor_next(&cursor)) {
        const size_t sizes[] = {table, cursor.key.size, cursor.value.size};
        add(dump, sizes, sizeof sizes);
        add(dump, cursor.key.data, cursor.key.size);
        add(dump, cursor.value.data, cursor.value.size);
    }
    store_cursor_close(&cursor);
}

static struct dump dump_store(struct house *house)
{
    static const struct store_schema *const schemas[] = {&event_store_schema, &rpc_store_schema,
                                                         &auth_store_schema};
    struct dump dump = {0};
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    for (size_t i = 0; i < ROWS(schemas); i++)
        for (size_t j = 0; j < schemas[i]->table_count; j++)
            add_table(&dump, txn, schemas[i]->tables[j].number);
    return dump;
}

// ---- The stage ----------------------------------------------------------------------------------

struct stage {
    const struct deed *deed;
    struct scene scene, found;       // found: as each run finds it.
    char original[HOUSE_PATH_BYTES]; // The house as the deed finds it, closed.
    struct auth_policy policy;
    uint64_t now_ns, head; // The time, and the last event.
    struct token_claims claims;
    bool is_authenticated;
    struct dump before;
    char how[64]; // The run that is judged; "": none is.
};

static struct stage stage;

static void open_stage(void)
{
    struct house *house = stage.scene.house;
    house_open_store(house);
    house->service.policy = stage.policy;
    house->now_ns = stage.now_ns;
    house->caller->claims = stage.claims;
    house->caller->is_authenticated = stage.is_authenticated;
}

/// set_up makes the house and leaves it closed.
static void set_up(void)
{
    struct house *house;
    assert_int_equal(house_open((void **)&house), 0);
    stage.scene.house = house;
    stage.scene.caller = house->caller;
    stage.deed->prepare(&stage.scene);
    memcpy(stage.original, house->directory, sizeof stage.original);
    stage.policy = house->service.policy;
    stage.now_ns = house->now_ns;
    stage.claims = house->caller->claims;
    stage.is_authenticated = house->caller->is_authenticated;
    stage.found = stage.scene;
    house_reopen(house); // Opening changes nothing: what is seen now is what each run finds.
    stage.head = house_event_head(house);
    stage.before = dump_store(house);
    house_close_store(house);
}

static void tear_down(void)
{
    struct house *house = stage.scene.house;
    memcpy(house->directory, stage.original, sizeof house->directory);
    free(stage.before.data);
    assert_int_equal(house_close((void **)&house), 0);
}

static void prepare(void *context)
{
    (void)context;
    struct house *house = stage.scene.house;
    stage.scene = stage.found;
    int size = snprintf(house->directory, sizeof house->directory, "%.180s-run", stage.original);
    assert_true(size > 0 && (size_t)size < sizeof house->directory);
    directory_copy(stage.original, house->directory);
}

static void expect(const char *reason, const char *when)
{
    struct status status = stage.deed->act(&stage.scene);
    const char *found = status_ok(status) ? "OK" : status.reason;
    const char *wanted = reason != NULL ? reason : "OK";
    if (strcmp(found, wanted) != 0)
        fail_msg("%s, %s: %s instead of %s", stage.how, when, found, wanted);
}

static void live(void *context)
{
    (void)context;
    open_stage();
    SCENE_KEEP(stage.how, "in the child");
    death_arm();
    expect(stage.deed->answer, "done");
    death_tell();
}

static bool is_as_before(void)
{
    struct dump now = dump_store(stage.scene.house);
    bool is_same =
        now.size == stage.before.size && memcmp(now.data, stage.before.data, now.size) == 0;
    free(now.data);
    return is_same;
}

static void judge(void *context, unsigned told, const char *how)
{
    (void)context;
    struct house *house = stage.scene.house;
    const struct deed *deed = stage.deed;
    scene_keep(stage.how, sizeof stage.how, how);
    open_stage();
    bool is_nothing = is_as_before();
    if (is_nothing && told > 0) fail_msg("%s: what was answered has not happened", how);
    if (is_nothing) expect(deed->answer, "begun anew");
    const char *events = house_events(stage.scene.caller, stage.head);
    if (strcmp(events, deed->events) != 0)
        fail_msg("%s: the events are '%s' instead of '%s'", how, events, deed->events);
    if (deed->check != NULL) deed->check(&stage.scene);
    house->caller->claims = stage.claims;
    house->caller->is_authenticated = stage.is_authenticated;
    expect(deed->again, "once more");
    house_close_store(house);
    directory_remove(house->directory);
    stage.how[0] = '\0';
}

static void test_deed(void **state)
{
    static const struct death_play play = {prepare, live, judge};
    stage = (struct stage){.deed = *state};
    set_up();
    unsigned deaths = death_play_all(&play, NULL);
    tear_down();
    print_message("%u deaths\n", deaths);
}

/// A check that fails does not know in which run.
static int tell_run(void **state)
{
    (void)state;
    if (stage.how[0] != '\0') print_error("that was after a %s\n", stage.how);
    stage.how[0] = '\0';
    return 0;
}

// ---- The first start ----------------------------------------------------------------------------

struct start {
    struct house *house;
    char password[AUTH_ADMIN_PASSWORD_BYTES + 1]; // As it was first seen in the file.
};

static void prepare_start(void *context)
{
    struct start *start = context;
    char keys[HOUSE_PATH_BYTES + 16];
    directory_make("auth", start->house->directory, sizeof start->house->directory);
    snprintf(keys, sizeof keys, "%s/keys", start->house->directory);
    assert_int_equal(mkdir(keys, 0700), 0);
}

static void live_start(void *context)
{
    struct start *start = context;
    death_arm();
    house_open_store(start->house);
    assert_status_ok(auth_bootstrap(&start->house->service, start->house->directory));
    death_tell();
}

static bool read_password(const struct start *start, char ret[static AUTH_ADMIN_PASSWORD_BYTES + 1])
{
    char path[HOUSE_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/admin-password", start->house->directory);
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    assert_non_null(fgets(ret, AUTH_ADMIN_PASSWORD_BYTES + 1, file));
    fclose(file);
    ret[strcspn(ret, "\n")] = '\0';
    return true;
}

/// The next start finishes what was begun, and whoever has read the file can log in by it.
static void judge_start(void *context, unsigned told, const char *how)
{
    struct start *start = context;
    struct house *house = start->house;
    char password[AUTH_ADMIN_PASSWORD_BYTES + 1], read_before[AUTH_ADMIN_PASSWORD_BYTES + 1];
    Auth__LoginResponse *login = NULL;
    bool was_there = read_password(start, read_before);
    if (told > 0 && !was_there) fail_msg("%s: there is no password", how);
    house_open_store(house);
    assert_status_ok(auth_bootstrap(&house->service, house->directory));
    assert_true(read_password(start, password));
    if (was_there && strcmp(password, read_before) != 0) fail_msg("%s: another password", how);
    assert_status_ok(house_login(house->caller, AUTH_ADMIN_EMAIL, password, "", &login));
    assert_string_equal(house_events(house->caller, 0),
                        "auth.user.registered auth.login.succeeded ");
    house_close_store(house);
    directory_remove(house->directory);
}

static void test_the_first_start(void **state)
{
    (void)state;
    static const struct death_play play = {prepare_start, live_start, judge_start};
    struct start start;
    assert_int_equal(house_open((void **)&start.house), 0);
    house_close_store(start.house);
    char directory[HOUSE_PATH_BYTES];
    memcpy(directory, start.house->directory, sizeof directory);
    unsigned deaths = death_play_all(&play, &start);
    memcpy(start.house->directory, directory, sizeof directory);
    assert_int_equal(house_close((void **)&start.house), 0);
    print_message("%u deaths\n", deaths);
}

// ---- All of them --------------------------------------------------------------------------------

enum { TESTS_MAX = 100 };

int main(void)
{
    const struct {
        const struct deed *deeds;
        size_t count;
    } parts[] = {
        {deeds_entry, deeds_entry_count},       {deeds_session, deeds_session_count},
        {deeds_password, deeds_password_count}, {deeds_factor, deeds_factor_count},
        {deeds_office, deeds_office_count},     {deeds_program, deeds_program_count},
    };
    static struct CMUnitTest tests[TESTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < ROWS(parts); i++) {
        for (size_t j = 0; j < parts[i].count; j++) {
            CHECK(count + 1 < TESTS_MAX);
            tests[count++] = (struct CMUnitTest){
                .name = parts[i].deeds[j].name,
                .test_func = test_deed,
                .teardown_func = tell_run,
                .initial_state = (void *)(uintptr_t)&parts[i].deeds[j],
            };
        }
    }
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_the_first_start);
    const char *pattern = getenv("FLORIN_TEST");
    if (pattern != NULL) cmocka_set_test_filter(pattern);
    return _cmocka_run_group_tests("auth dies", tests, count, NULL, NULL);
}
