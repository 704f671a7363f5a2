// What concerns a user: which search rows an event gets, the list by them, and their coming into
// stores that were made without them.
#include "common/base/clock.h"
#include "common/rpc/page.h"
#include "services/audit/convert.h"
#include "services/audit/rpc.h"
#include "services/audit/store.h"
#include "services/audit/tables.h"
#include "tests/unit/audit/fixture.h"

enum { SIZE = 300, ARENA_BYTES = 8 * 1024 * 1024, ROWS_MAX = 4096 };

#define A "users/01890000-0000-7000-8000-00000000000a"
#define B "users/01890000-0000-7000-8000-00000000000b"
#define C "users/01890000-0000-7000-8000-00000000000c"

// ---- Which rows ----------------------------------------------------------------------------

// clang-format off
static const struct {
    const char *given, *actor, *resource, *visible_to[4];
    const char *users[4]; // Whose rows there are, in this order.
} concerned[] = {
    {"nobody",              "services/ledger", "currencies/INR", {NULL},       {NULL}},
    {"who did it",          A,                 "roles/teller",   {NULL},       {A}},
    {"to whom",             "services/auth",   B,                {NULL},       {B}},
    {"who may see it",      "services/ledger", "transfers/1",    {A, C},       {A, C}},
    {"each in another way", A,                 B,                {C},          {A, B, C}},
    {"one in every way",    A,                 A,                {A},          {A}},
    {"twice seen",          "services/kyc",    "cases/1",        {B, B},       {B}},
    {"no user's id",        "users/7",         "users/",         {"users/x/y"}, {NULL}},
    {"another collection",  "services/kyc",    "sessions/01890000-0000-7000-8000-00000000000a",
                                                                 {NULL},       {NULL}},
};

// clang-format on

static struct bytes parts_of(const char *const *names, uint8_t *ret)
{
    size_t size = 0;
    for (size_t i = 0; i < 4 && names[i] != NULL; i++) {
        put_u32_be(ret + size, (uint32_t)strlen(names[i]));
        memcpy(ret + size + 4, names[i], strlen(names[i]));
        size += 4 + strlen(names[i]);
    }
    return bytes_of(ret, size);
}

static void test_an_event_has_one_row_for_each_user_concerned(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(concerned); i++) {
        struct audit_entry entry = {.action = bytes_of_text("ledger.transfer.created"),
                                    .actor = bytes_of_text(concerned[i].actor),
                                    .resource = bytes_of_text(concerned[i].resource)};
        uint8_t parts[512];
        struct audit_search_row rows[AUDIT_SEARCH_ROWS_MAX];
        size_t count =
            audit_core_search_rows(&entry, parts_of(concerned[i].visible_to, parts), rows);
        assert_int_equal(rows[0].kind, AUDIT_SEARCH_ACTION);
        assert_int_equal(rows[1].kind, AUDIT_SEARCH_ACTOR);
        assert_int_equal(rows[2].kind, AUDIT_SEARCH_RESOURCE);
        size_t users = 0;
        for (; users < 4 && concerned[i].users[users] != NULL; users++) {
            uint8_t prefix[AUDIT_NAME_PREFIX_BYTES];
            audit_name_prefix(bytes_of_text(concerned[i].users[users]), prefix);
            if (3 + users >= count) fail_msg("%s: too few", concerned[i].given);
            assert_int_equal(rows[3 + users].kind, AUDIT_SEARCH_USER);
            assert_memory_equal(rows[3 + users].prefix, prefix, sizeof prefix);
        }
        if (count != 3 + users) fail_msg("%s: %zu rows", concerned[i].given, count);
    }
}

static void test_there_are_never_more_rows_than_have_room(void **state)
{
    (void)state;
    static uint8_t parts[64 * 64];
    size_t size = 0;
    for (unsigned i = 0; i < 64; i++) {
        put_u32_be(parts + size, sizeof A - 1);
        memcpy(parts + size + 4, A, sizeof A - 1);
        parts[size + 4 + sizeof A - 2] = (uint8_t)('0' + i % 10);
        parts[size + 4 + sizeof A - 3] = (uint8_t)('0' + i / 10);
        size += 4 + sizeof A - 1;
    }
    struct audit_entry entry = {.actor = bytes_of_text(B), .resource = bytes_of_text(C)};
    struct audit_search_row rows[AUDIT_SEARCH_ROWS_MAX];
    assert_int_equal(audit_core_search_rows(&entry, bytes_of(parts, size), rows),
                     AUDIT_SEARCH_ROWS_MAX);
}

// ---- Events of users -----------------------------------------------------------------------

static struct event_view view_of(uint64_t seq)
{
    static const char *const actors[] = {A, B, "services/ledger"};
    static const char *const subjects[] = {"transfers/01890000-0000-7000-8000-000000000001", C, A,
                                           "roles/teller"};
    static const char *const seen[][2] = {{A, B}, {C, A}, {B, C}};
    struct event_view view = make_event("ledger", seq);
    view.actor = actors[seq % 3];
    view.subject = subjects[seq % 4];
    view.visible_to = seen[seq % 3];
    view.visible_to_count = seq % 5 == 0 ? 2 : seq % 5 == 1 ? 1 : 0;
    return view;
}

static bool concerns(const struct event_view *view, const char *user)
{
    bool is_seen = false;
    for (size_t i = 0; i < view->visible_to_count; i++)
        is_seen = is_seen || strcmp(view->visible_to[i], user) == 0;
    return is_seen || strcmp(view->actor, user) == 0 || strcmp(view->subject, user) == 0;
}

struct stage {
    struct fixture *fixture;
    struct audit_context context;
    struct rpc_call call;
};

static struct stage stage;

static int setup_stage(void **state)
{
    static const uint8_t page_key[32] = {1};
    static struct event_view views[SIZE];
    page_open(page_key);
    setup(state);
    stage = (struct stage){.fixture = *state};
    stage.context.service = stage.fixture->service;
    stage.call = (struct rpc_call){.arena = arena_open(ARENA_BYTES), .service = &stage.context};
    for (size_t i = 0; i < SIZE; i++)
        views[i] = view_of(i + 1);
    assert_status_ok(accept_views(stage.fixture, "ledger", FIXTURE_LOG_ID, views, SIZE));
    return 0;
}

static int teardown_stage(void **state)
{
    arena_close(&stage.call.arena);
    return teardown(state);
}

static struct status list(Audit__ListUserEventsRequest *request,
                          const Audit__ListEventsResponse **ret)
{
    arena_reset(stage.call.arena);
    stage.call.method = &audit_methods[AUDIT_LIST_USER_EVENTS];
    stage.call.request = request;
    struct store_txn *txn = begin(stage.fixture);
    struct status status = audit_handlers[AUDIT_LIST_USER_EVENTS](&stage.call, txn);
    store_snapshot_end(&txn);
    *ret = (const Audit__ListEventsResponse *)stage.call.reply;
    return status;
}

static Audit__ListUserEventsRequest request_of(const char *user, struct id128 *id)
{
    Audit__ListUserEventsRequest request = AUDIT__LIST_USER_EVENTS_REQUEST__INIT;
    assert_status_ok(id128_parse(user + 6, ID128_TEXT_BYTES - 1, id));
    request.user_id = (ProtobufCBinaryData){.data = id->bytes, .len = ID128_BYTES};
    return request;
}

// Every page, against the naive choice among all events.
static void compare(const char *user, const char *type, uint64_t from, uint64_t to,
                    int32_t page_size)
{
    struct id128 id;
    Audit__ListUserEventsRequest request = request_of(user, &id);
    request.from = from;
    request.to = to;
    request.page_size = page_size;
    if (type != NULL) request.action = text_of(type);
    char token[512] = "";
    uint64_t naive = SIZE;
    do {
        const Audit__ListEventsResponse *reply;
        request.page_token = token;
        assert_status_ok(list(&request, &reply));
        for (size_t i = 0; i < reply->n_events; i++) {
            struct event_view view;
            do {
                assert_true(naive > 0);
                view = view_of(naive--);
            } while (!concerns(&view, user) || (type != NULL && strcmp(view.type, type) != 0) ||
                     view.time_ns < from || (to != 0 && view.time_ns >= to));
            assert_int_equal(reply->events[i]->index, naive);
        }
        snprintf(token, sizeof token, "%s", reply->next_page_token);
    } while (token[0] != '\0');
    for (; naive > 0; naive--) {
        struct event_view view = view_of(naive);
        assert_false(concerns(&view, user) && (type == NULL || strcmp(view.type, type) == 0) &&
                     view.time_ns >= from && (to == 0 || view.time_ns < to));
    }
}

static void test_the_list_of_a_user_is_all_that_concerns_them(void **state)
{
    (void)state;
    static const char *const users[] = {A, B, C, "users/01890000-0000-7000-8000-00000000000d"};
    static const int32_t page_sizes[] = {0, 1, 7, 1000};
    for (size_t i = 0; i < ROWS(users); i++) {
        for (size_t k = 0; k < ROWS(page_sizes); k++) {
            compare(users[i], NULL, 0, 0, page_sizes[k]);
            compare(users[i], "ledger.transfer.created", 0, 0, page_sizes[k]);
            compare(users[i], NULL, 1000 * SIZE / 4, 1000 * SIZE / 2, page_sizes[k]);
        }
    }
}

static void test_a_token_is_good_for_its_user_only(void **state)
{
    (void)state;
    struct id128 a, b;
    Audit__ListUserEventsRequest request = request_of(A, &a);
    const Audit__ListEventsResponse *reply;
    char token[512];
    request.page_size = 1;
    assert_status_ok(list(&request, &reply));
    snprintf(token, sizeof token, "%s", reply->next_page_token);
    request = request_of(B, &b);
    request.page_token = token;
    assert_refused(list(&request, &reply), "PAGE_TOKEN_INVALID");
    request.page_token = text_of("");
    request.action = text_of("*.created");
    assert_refused(list(&request, &reply), "VALIDATION_FAILED");
}

// ---- Stores without the rows ---------------------------------------------------------------

/// All keys of the search table.
struct keys {
    size_t count;
    uint8_t keys[ROWS_MAX][AUDIT_SEARCH_KEY_BYTES];
};

static void read_keys(struct store *store, struct keys *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(store, &txn));
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUDIT_TABLE_SEARCH, &cursor);
    ret->count = 0;
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor)) {
        assert_true(ret->count < ROWS_MAX);
        assert_int_equal(cursor.key.size, AUDIT_SEARCH_KEY_BYTES);
        memcpy(ret->keys[ret->count++], cursor.key.data, AUDIT_SEARCH_KEY_BYTES);
    }
}

// The log as version 1 wrote it: the same entries and sides, and no rows of users.
static struct status write_v1(struct store_txn *txn, void *context)
{
    const struct audit_batch *batch = context;
    for (uint64_t index = 0; index < batch->count; index++) {
        const struct audit_item *item = &batch->items[index];
        audit_store_append_entry(txn, index, item->entry, item->side);
        for (size_t i = 0; i < item->row_count; i++)
            if (item->rows[i].kind != AUDIT_SEARCH_USER)
                audit_store_put_search(txn, item->rows[i].kind, item->rows[i].prefix, index);
    }
    return STATUS_SUCCESS;
}

static struct store *open_schema(const char *path, const struct store_schema *schema)
{
    struct store *store = NULL;
    struct store_config config = {.directory = path, .map_bytes = UINT64_C(1) << 28};
    assert_status_ok(store_open(&config, &schema, 1, &store));
    return store;
}

static void test_an_old_store_gets_the_rows_that_a_new_one_has(void **state)
{
    (void)state;
    static struct keys old, new, migrated;
    struct store_schema v1 = audit_store_schema;
    v1.version = 1;
    v1.table_count = 6; // The log's own.
    v1.migration_count = 0;
    char path[FIXTURE_PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s/v1", stage.fixture->directory);
    struct store *store = open_schema(path, &v1);
    assert_status_ok(store_write_wait(store, write_v1, &stage.fixture->batch));
    read_keys(store, &old);
    store_close(&store);
    assert_int_equal(old.count, 3 * SIZE);

    store = open_schema(path, &audit_store_schema);
    read_keys(store, &migrated);
    store_close(&store);
    read_keys(stage.fixture->store, &new);
    assert_true(new.count > old.count);
    assert_int_equal(migrated.count, new.count);
    assert_memory_equal(migrated.keys, new.keys, new.count * sizeof new.keys[0]);

    store = open_schema(path, &audit_store_schema); // Not a second time.
    read_keys(store, &migrated);
    store_close(&store);
    assert_int_equal(migrated.count, new.count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_has_one_row_for_each_user_concerned),
        cmocka_unit_test(test_there_are_never_more_rows_than_have_room),
        cmocka_unit_test_setup_teardown(test_the_list_of_a_user_is_all_that_concerns_them,
                                        setup_stage, teardown_stage),
        cmocka_unit_test_setup_teardown(test_a_token_is_good_for_its_user_only, setup_stage,
                                        teardown_stage),
        cmocka_unit_test_setup_teardown(test_an_old_store_gets_the_rows_that_a_new_one_has,
                                        setup_stage, teardown_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
