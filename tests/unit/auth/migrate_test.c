// A store that schema version 1 wrote, opened by this binary. Version 1 is what it was when it was
// released: its tables, and users in layout 1 (golden/user_v1.hex).
#include "common/base/check.h"
#include "common/daemon/keychain.h"
#include "services/auth/counters.h"
#include "services/auth/store_internal.h"
#include "services/auth/store_user.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(0x18fae27693b40000)

static const struct store_table tables_v1[] = {
    {AUTH_TABLE_KEYS, "auth_keys"},           {AUTH_TABLE_SIGNING, "auth_signing"},
    {AUTH_TABLE_USERS, "auth_users"},         {AUTH_TABLE_IDENTIFIERS, "auth_identifiers"},
    {AUTH_TABLE_PASSWORDS, "auth_passwords"}, {AUTH_TABLE_REGISTRATIONS, "auth_registrations"},
    {AUTH_TABLE_SESSIONS, "auth_sessions"},   {AUTH_TABLE_USER_SESSIONS, "auth_user_sessions"},
    {AUTH_TABLE_DEVICES, "auth_devices"},     {AUTH_TABLE_THROTTLES, "auth_throttles"},
    {AUTH_TABLE_MESSAGES, "auth_messages"},   {AUTH_TABLE_EXPIRIES, "auth_expiries"},
};

static const struct store_schema schema_v1 = {
    .name = "auth", .version = 1, .tables = tables_v1, .table_count = ROWS(tables_v1)};

struct past {
    char directory[200], path[220];
    struct store *store;
    struct auth_store *auth;
};

static const uint8_t kek[SEAL_KEK_BYTES] = {7};

static struct status open_as(struct past *past, const struct store_schema *schema)
{
    const struct store_schema *schemas[] = {schema};
    struct store_config config = {.directory = past->path, .map_bytes = UINT64_C(256) << 20};
    RETURN_IF_ERROR(store_open(&config, schemas, 1, &past->store));
    return auth_store_open(past->store, kek, &past->auth);
}

static void close_store(struct past *past)
{
    store_close(&past->store);
    auth_store_close(&past->auth);
}

static struct status reopen(struct past *past)
{
    close_store(past);
    return open_as(past, &auth_store_schema);
}

// ---- What version 1 wrote ------------------------------------------------------------------

enum { ADMIN, ASHA, MEERA, RAVI, NAMED, CROWD = 600, PEOPLE = NAMED + CROWD };

struct old_user {
    enum auth_user_state state;
    const char *email, *mobile, *full_name, *branch, *roles[2]; // Roles in ascending order.
};

static const struct old_user named[NAMED] = {
    [ADMIN] = {AUTH_USER_ACTIVE, "admin@florin.local", "", "Administrator", "", {"admin"}},
    [ASHA] = {AUTH_USER_ACTIVE, "asha@example.com", "+919800000001", "Asha", "", {"customer"}},
    [MEERA] =
        {AUTH_USER_BLOCKED, "meera@example.com", "", "Meera", "pune-1", {"customer", "teller"}},
    [RAVI] = {AUTH_USER_CLOSED, "ravi@example.com", "", "Ravi", "", {"admin"}},
};

static struct old_user user_of(size_t n, char text[static 64])
{
    if (n < NAMED) return named[n];
    snprintf(text, 64, "user%zu@example.com", n);
    return (struct old_user){AUTH_USER_ACTIVE, text, "", "Somebody", "", {"customer"}};
}

/// Ids rise with time, as they did.
static struct id128 user_id(size_t n)
{
    struct id128 id = {{0x01}};
    put_u64_be(id.bytes + 8, n + 1);
    return id;
}

static void put_run(struct record_writer *writer, const char *text)
{
    record_put_run8(writer, bytes_of_text(text));
}

/// Layout 1: 1 | state | version | rights version | created | updated | branch | roles | sealed
/// owner key | e-mail, mobile, full name.
static size_t encode_v1(const struct old_user *user, const uint8_t sealed_owner_key[static 77],
                        const struct bytes sealed[static 3], uint8_t *ret, size_t bytes_max)
{
    struct record_writer writer = record_write(ret, bytes_max, 1);
    record_put_u8(&writer, (uint8_t)user->state);
    record_put_u64(&writer, 7);
    record_put_u64(&writer, 3);
    record_put_u64(&writer, NOW_NS);
    record_put_u64(&writer, NOW_NS + 9);
    put_run(&writer, user->branch);
    record_put_u8(&writer, user->roles[1] != NULL ? 2 : 1);
    for (size_t i = 0; i < 2 && user->roles[i] != NULL; i++)
        put_run(&writer, user->roles[i]);
    record_put_bytes(&writer, sealed_owner_key, 77);
    for (size_t i = 0; i < 3; i++)
        seal_put_span(&writer, sealed[i], AUTH_PLAIN_BYTES_MAX);
    return record_written(&writer);
}

static void put_user_v1(const struct past *past, struct store_txn *txn, size_t n)
{
    static const char *const fields[] = {"email", "mobile", "full_name"};
    char text[64];
    struct old_user user = user_of(n, text);
    struct id128 id = user_id(n);
    const char *texts[] = {user.email, user.mobile, user.full_name};
    uint8_t owner_key[SEAL_OWNER_KEY_BYTES], sealed_key[AUTH_OWNER_KEY_SEALED_BYTES];
    uint8_t spans[3 * AUTH_SPAN_BYTES_MAX], row[AUTH_USER_BYTES_MAX];
    struct bytes sealed[3];
    struct record_writer room = record_write_key(spans, sizeof spans);
    struct seal_place place = {"auth_users", "owner_key", id, NULL};
    seal_new_owner_key(past->auth->seal, &place, owner_key, sealed_key);
    for (size_t i = 0; i < 3; i++) {
        struct seal_place field = {"auth_users", fields[i], id, owner_key};
        sealed[i] = seal_text(past->auth->seal, &field, texts[i], &room);
    }
    size_t size = encode_v1(&user, sealed_key, sealed, row, sizeof row);
    store_put(txn, AUTH_TABLE_USERS, id128_bytes(&id), bytes_of(row, size));
}

static struct status run_v1(struct store_txn *txn, void *context)
{
    struct past *past = context;
    for (size_t n = 0; n < PEOPLE; n++)
        put_user_v1(past, txn, n);
    struct auth_session session = {.id = id_of(0x22),
                                   .user_id = user_id(ASHA),
                                   .state = AUTH_SESSION_ACTIVE,
                                   .created_at_ns = NOW_NS,
                                   .rotated_at_ns = NOW_NS,
                                   .expires_at_ns = NOW_NS + 3600 * AUTH_SECOND_NS,
                                   .aal = 1,
                                   .amr = 1};
    auth_store_put_new_session(past->auth, txn, &session, "phone", "192.0.2.1");
    return STATUS_SUCCESS;
}

static int setup(void **state)
{
    struct past *past = calloc(1, sizeof *past);
    CHECK(past != NULL);
    assert_status_ok(crypto_open());
    directory_make("auth", past->directory, sizeof past->directory);
    snprintf(past->path, sizeof past->path, "%s/store", past->directory);
    assert_status_ok(open_as(past, &schema_v1));
    assert_status_ok(store_write_wait(past->store, run_v1, past));
    *state = past;
    return 0;
}

static int teardown(void **state)
{
    struct past *past = *state;
    close_store(past);
    directory_remove(past->directory);
    free(past);
    return 0;
}

// ---- What becomes of it --------------------------------------------------------------------

static void test_layout_1_is_written_here_as_it_was(void **state)
{
    (void)state;
    static const struct old_user teller = {AUTH_USER_ACTIVE,      "", "", "", "pune-1",
                                           {"customer", "teller"}};
    uint8_t sealed_key[77], email[60], name[55], row[512];
    memset(sealed_key, 0xa1, sizeof sealed_key);
    memset(email, 0xb1, sizeof email);
    memset(name, 0xb3, sizeof name);
    struct bytes sealed[3] = {
        bytes_of(email, sizeof email), {NULL, 0}, bytes_of(name, sizeof name)};
    size_t size = encode_v1(&teller, sealed_key, sealed, row, sizeof row);
    golden_assert("auth", "user_v1.hex", bytes_of(row, size));
}

static void assert_migrated(struct past *past, struct store_txn *txn, struct arena *arena, size_t n)
{
    char text[64];
    struct old_user old = user_of(n, text);
    struct auth_user user;
    struct auth_person person;
    struct bytes row;
    struct id128 id = user_id(n);
    unsigned mail = 1U << AUTH_EMAIL, both = mail | 1U << AUTH_MOBILE;
    assert_status_ok(store_get(txn, AUTH_TABLE_USERS, id128_bytes(&id), &row));
    assert_int_equal(row.data[0], AUTH_USER_LAYOUT);
    assert_status_ok(auth_store_get_user(txn, id, &user));
    assert_int_equal(user.state, old.state);
    assert_int_equal(user.kind, AUTH_USER_PERSON);
    assert_int_equal(user.channels, n == ADMIN ? 0 : old.mobile[0] != '\0' ? both : mail);
    assert_int_equal(user.version, 7);
    assert_int_equal(user.rights_version, 3);
    assert_int_equal(user.updated_at_ns, NOW_NS + 9);
    assert_string_equal(user.branch, old.branch);
    assert_int_equal(user.roles.count, old.roles[1] != NULL ? 2 : 1);
    assert_string_equal(user.roles.names[0], old.roles[0]);
    assert_status_ok(auth_store_get_person(past->auth, &user, arena, &person));
    assert_string_equal(person.fields[AUTH_PERSON_EMAIL], old.email);
    assert_string_equal(person.fields[AUTH_PERSON_MOBILE], old.mobile);
    assert_string_equal(person.fields[AUTH_PERSON_FULL_NAME], old.full_name);
    assert_string_equal(person.fields[AUTH_PERSON_STATUS_REASON], "");
}

static void test_users_get_a_kind_and_their_channels(void **state)
{
    struct past *past = *state;
    assert_status_ok(reopen(past));
    struct arena *arena = arena_open((size_t)1 << 20);
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(past->store, &txn));
    for (size_t n = 0; n < PEOPLE; n++)
        assert_migrated(past, txn, arena, n);
    arena_close(&arena);
}

static void test_users_are_filed_under_their_facets(void **state)
{
    struct past *past = *state;

    // clang-format off
    static const struct {
        enum auth_user_facet facet;
        const char *value;
        size_t count;
    } rows[] = {
        {AUTH_FACET_STATE,  "active",   2 + CROWD},
        {AUTH_FACET_STATE,  "blocked",  1},
        {AUTH_FACET_STATE,  "closed",   1},
        {AUTH_FACET_KIND,   "person",   PEOPLE},
        {AUTH_FACET_KIND,   "service",  0},
        {AUTH_FACET_ROLE,   "customer", 2 + CROWD},
        {AUTH_FACET_ROLE,   "teller",   1},
        {AUTH_FACET_ROLE,   "admin",    2},
        {AUTH_FACET_BRANCH, "pune-1",   1},
    };

    // clang-format on
    assert_status_ok(reopen(past));
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(past->store, &txn));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_user_filter filter = {{NULL}};
        struct auth_user_walk walk;
        struct id128 id;
        size_t count = 0;
        filter.values[rows[i].facet] = rows[i].value;
        auth_user_walk_open(txn, &filter, ID128_NIL, &walk);
        while (auth_user_walk_next(&walk, &id) == AUTH_WALK_FOUND)
            count++;
        auth_user_walk_close(&walk);
        if (count != rows[i].count) fail_msg("%s: %zu", rows[i].value, count);
    }
}

static void test_the_report_gets_its_gauges(void **state)
{
    struct past *past = *state;
    uint64_t gauges[AUTH_GAUGE_COUNT];
    assert_status_ok(reopen(past));
    assert_status_ok(reopen(past)); // Not migrated a second time.
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(past->store, &txn));
    assert_status_ok(auth_gauges_read(txn, gauges));
    assert_int_equal(gauges[AUTH_GAUGE_SESSIONS_ALIVE], 1);
    assert_int_equal(gauges[AUTH_GAUGE_USERS_ACTIVE], 2 + CROWD);
    assert_int_equal(gauges[AUTH_GAUGE_USERS_BLOCKED], 1);
    assert_int_equal(gauges[AUTH_GAUGE_USERS_CLOSED], 1);
}

static void test_version_1_does_not_open_it_again(void **state)
{
    struct past *past = *state;
    assert_status_ok(reopen(past));
    close_store(past);
    assert_refused(open_as(past, &schema_v1), "SCHEMA_TOO_NEW");
}

static struct status run_damage(struct store_txn *txn, void *context)
{
    (void)context;
    static const uint8_t record[] = {1, 2, 3};
    struct id128 id = user_id(PEOPLE - 1); // The last one: all others had been rewritten.
    store_put(txn, AUTH_TABLE_USERS, id128_bytes(&id), bytes_of(record, sizeof record));
    return STATUS_SUCCESS;
}

static void test_a_damaged_store_stays_at_version_1(void **state)
{
    struct past *past = *state;
    assert_status_ok(store_write_wait(past->store, run_damage, NULL));
    assert_refused(reopen(past), "AUTH_RECORD_BROKEN");
    close_store(past);
    assert_status_ok(open_as(past, &schema_v1));
}

#define IN_THE_PAST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_1_is_written_here_as_it_was),
        IN_THE_PAST(test_users_get_a_kind_and_their_channels),
        IN_THE_PAST(test_users_are_filed_under_their_facets),
        IN_THE_PAST(test_the_report_gets_its_gauges),
        IN_THE_PAST(test_version_1_does_not_open_it_again),
        IN_THE_PAST(test_a_damaged_store_stays_at_version_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
