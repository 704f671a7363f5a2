// Lists of users: by facets and addresses, over pages, while others come and change.
#include "common/base/check.h"
#include "services/auth/store_user.h"
#include "tests/unit/auth/people.h"

enum { PEOPLE = 120 };

static const char *const branches[] = {"pune-1", "pune-2", NULL};

/// The n-th of the crowd: every third a teller, every tenth blocked, every fortieth closed too, one
/// in twelve a program; branches in turn.
static struct person crowd_person(size_t n, char text[static 64])
{
    bool is_program = n % 12 == 5;
    snprintf(text, 64, "user%zu@example.com", n);
    return (struct person){.email = is_program ? NULL : text,
                           .role = n % 3 == 0 ? "teller" : "customer",
                           .other_role = n % 6 == 0 ? "auditor" : NULL,
                           .branch = branches[n % 3],
                           .kind = is_program ? AUTH_USER_SERVICE : AUTH_USER_PERSON,
                           .state = n % 40 == 7   ? AUTH_USER_CLOSED
                                    : n % 10 == 7 ? AUTH_USER_BLOCKED
                                                  : AUTH_USER_ACTIVE};
}

struct crowd {
    struct house *house;
    size_t first, count;
};

static struct status run_crowd(struct store_txn *txn, void *context)
{
    const struct crowd *crowd = context;
    for (size_t n = crowd->first; n < crowd->first + crowd->count; n++) {
        char text[64];
        struct id128 id;
        struct person person = crowd_person(n, text);
        RETURN_IF_ERROR(
            people_put(&crowd->house->service, txn, &person, crowd->house->now_ns + n, &id));
    }
    return STATUS_SUCCESS;
}

static void make_crowd(struct house *house, size_t first, size_t count)
{
    struct crowd crowd = {house, first, count};
    assert_status_ok(store_write_wait(house->store, run_crowd, &crowd));
}

static struct caller *officer(struct house *house, const char *branch, enum rpc_scope scope)
{
    struct caller *caller = house->caller;
    caller->claims = (struct token_claims){.subject = id_of(0x77)};
    if (branch != NULL) snprintf(caller->claims.branch, sizeof caller->claims.branch, "%s", branch);
    caller->is_authenticated = true;
    caller->scope = scope;
    return caller;
}

static struct status list(struct caller *caller, const Auth__ListUsersRequest *request,
                          Auth__ListUsersResponse **ret)
{
    return caller_call(caller, AUTH_LIST_USERS, request, ret);
}

// ---- Filters -------------------------------------------------------------------------------

struct asked {
    const char *status, *role, *branch, *kind; // NULL: any.
};

static bool is_as_asked(const struct asked *asked, size_t n)
{
    char text[64];
    struct person person = crowd_person(n, text);
    bool has_role = asked->role == NULL || strcmp(asked->role, person.role) == 0 ||
                    (person.other_role != NULL && strcmp(asked->role, person.other_role) == 0);
    bool has_branch = asked->branch == NULL ||
                      (person.branch != NULL && strcmp(asked->branch, person.branch) == 0);
    return has_role && has_branch &&
           (asked->status == NULL ||
            strcmp(asked->status, auth_user_state_name(person.state)) == 0) &&
           (asked->kind == NULL || strcmp(asked->kind, auth_user_kind_name(person.kind)) == 0);
}

/// walk follows the pages and asserts that they give the crowd's fitting users, newest first.
static size_t walk(struct caller *caller, const struct asked *asked, int32_t page_size)
{
    Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
    Auth__ListUsersResponse *page = NULL;
    size_t n = PEOPLE, count = 0, pages = 0;
    if (asked->status != NULL) request.status = text_of(asked->status);
    if (asked->role != NULL) request.role = text_of(asked->role);
    if (asked->branch != NULL) request.branch = text_of(asked->branch);
    if (asked->kind != NULL) request.kind = text_of(asked->kind);
    request.page_size = page_size;
    do {
        assert_status_ok(list(caller, &request, &page));
        assert_true(page->n_users <= (size_t)page_size);
        for (size_t i = 0; i < page->n_users; i++, count++) {
            do
                assert_true(n-- > 0);
            while (!is_as_asked(asked, n));
            char text[64];
            struct person person = crowd_person(n, text);
            assert_string_equal(page->users[i]->email, person.email != NULL ? text : "");
            assert_string_equal(page->users[i]->kind, auth_user_kind_name(person.kind));
            assert_string_equal(page->users[i]->branch, person.branch != NULL ? person.branch : "");
        }
        request.page_token = page->next_page_token;
        pages++;
    } while (page->next_page_token[0] != '\0');
    while (n-- > 0)
        assert_false(is_as_asked(asked, n));
    assert_true(pages <= count / (size_t)page_size + 1);
    return count;
}

static void test_filters_are_combined(void **state)
{
    struct house *house = *state;
    struct caller *caller = officer(house, NULL, RPC_SCOPE_ALL);

    // clang-format off
    static const struct {
        struct asked asked;
        size_t count;
    } rows[] = {
        //  status     role        branch    kind
        {{NULL,      NULL,       NULL,     NULL},      PEOPLE},
        {{"active",  NULL,       NULL,     NULL},      108},
        {{"blocked", NULL,       NULL,     NULL},      9},
        {{"closed",  NULL,       NULL,     NULL},      3},
        {{NULL,      "teller",   NULL,     NULL},      40},
        {{NULL,      "customer", NULL,     NULL},      80},
        {{NULL,      "auditor",  NULL,     NULL},      20},
        {{NULL,      "king",     NULL,     NULL},      0},
        {{NULL,      NULL,       "pune-1", NULL},      40},
        {{NULL,      NULL,       "pune",   NULL},      0},
        {{NULL,      NULL,       NULL,     "service"}, 10},
        {{"blocked", "teller",   NULL,     NULL},      3},
        {{"active",  "auditor",  "pune-1", NULL},      20},
        {{"active",  "auditor",  "pune-2", NULL},      0},
        {{"active",  "customer", "pune-2", "person"},  36},
        {{"closed",  "customer", "pune-2", "service"}, 0},
    };

    // clang-format on
    make_crowd(house, 0, PEOPLE);
    for (size_t i = 0; i < ROWS(rows); i++) {
        static const int32_t sizes[] = {1, 7, 40, 1000};
        for (size_t s = 0; s < ROWS(sizes); s++) {
            size_t count = walk(caller, &rows[i].asked, sizes[s]);
            if (count != rows[i].count) fail_msg("row %zu gave %zu", i, count);
            arena_reset(caller->arena);
        }
    }
}

static void test_values_that_no_user_can_have(void **state)
{
    struct house *house = *state;
    struct caller *caller = officer(house, NULL, RPC_SCOPE_ALL);

    static const struct asked rows[] = {
        {.status = "Active"}, {.status = "throttled"}, {.kind = "robot"},
        {.role = "a role"},   {.branch = "pune\n1"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
        if (rows[i].status != NULL) request.status = text_of(rows[i].status);
        if (rows[i].kind != NULL) request.kind = text_of(rows[i].kind);
        if (rows[i].role != NULL) request.role = text_of(rows[i].role);
        if (rows[i].branch != NULL) request.branch = text_of(rows[i].branch);
        assert_refused(list(caller, &request, NULL), "VALIDATION_FAILED");
    }
    Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
    request.page_size = -1;
    assert_refused(list(caller, &request, NULL), "VALIDATION_FAILED");
    request.page_size = 0;
    request.page_token = text_of("bm90IG91cnM");
    assert_refused(list(caller, &request, NULL), "PAGE_TOKEN_INVALID");
}

static void test_an_address_has_one_owner(void **state)
{
    struct house *house = *state;
    struct caller *caller = officer(house, NULL, RPC_SCOPE_ALL);
    (void)people_new(house,
                     &(struct person){.email = "asha@example.com", .mobile = "+919800000001"});
    (void)people_new(house,
                     &(struct person){.email = "meera@example.com", .mobile = "+919800000002"});

    // clang-format off
    static const struct {
        const char *email, *mobile, *status, *found;
    } rows[] = {
        {"asha@example.com",   "",              "",        "asha@example.com"},
        {"Asha@Example.COM",   "",              "",        "asha@example.com"},
        {"",                   "+919800000002", "",        "meera@example.com"},
        {"asha@example.com",   "+919800000001", "",        "asha@example.com"},
        {"asha@example.com",   "+919800000002", "",        NULL},
        {"asha@example.com",   "+919800000003", "",        NULL},
        {"nobody@example.com", "",              "",        NULL},
        {"asha@example.com",   "",              "active",  "asha@example.com"},
        {"asha@example.com",   "",              "blocked", NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
        Auth__ListUsersResponse *page = NULL;
        request.email = text_of(rows[i].email);
        request.mobile = text_of(rows[i].mobile);
        request.status = text_of(rows[i].status);
        assert_status_ok(list(caller, &request, &page));
        assert_int_equal(page->n_users, rows[i].found != NULL ? 1 : 0);
        if (rows[i].found != NULL) assert_string_equal(page->users[0]->email, rows[i].found);
        assert_string_equal(page->next_page_token, "");
    }
}

// ---- Who sees whom -------------------------------------------------------------------------

static size_t count_seen(struct caller *caller, const char *branch)
{
    Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
    Auth__ListUsersResponse *page = NULL;
    request.branch = text_of(branch);
    request.page_size = 1000;
    assert_status_ok(list(caller, &request, &page));
    for (size_t i = 0; i < page->n_users; i++)
        assert_string_equal(page->users[i]->branch, caller->claims.branch);
    return page->n_users;
}

static void test_a_branch_sees_its_own(void **state)
{
    struct house *house = *state;
    Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
    Auth__ListUsersResponse *page = NULL;
    make_crowd(house, 0, PEOPLE);
    struct caller *caller = officer(house, "pune-2", RPC_SCOPE_BRANCH);
    assert_int_equal(count_seen(caller, ""), 40);
    assert_int_equal(count_seen(caller, "pune-2"), 40);
    request.email = text_of("user1@example.com"); // Of pune-2.
    assert_status_ok(list(caller, &request, &page));
    assert_int_equal(page->n_users, 1);
    request.email = text_of("user0@example.com"); // Of pune-1: as if there were nobody.
    assert_status_ok(list(caller, &request, &page));
    assert_int_equal(page->n_users, 0);
    request.branch = text_of("pune-1");
    assert_refused(list(caller, &request, NULL), "PERMISSION_DENIED");

    Auth__ListUsersRequest all = AUTH__LIST_USERS_REQUEST__INIT;
    assert_refused(list(officer(house, NULL, RPC_SCOPE_BRANCH), &all, NULL), "PERMISSION_DENIED");
    assert_refused(list(officer(house, "pune-2", RPC_SCOPE_SELF), &all, NULL), "PERMISSION_DENIED");
}

static void test_a_token_is_good_for_its_list_only(void **state)
{
    struct house *house = *state;
    struct caller *caller = officer(house, "pune-2", RPC_SCOPE_ALL);
    Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
    Auth__ListUsersResponse *page = NULL;
    make_crowd(house, 0, PEOPLE);
    request.page_size = 5;
    request.status = text_of("active");
    assert_status_ok(list(caller, &request, &page));
    request.page_token = page->next_page_token;
    request.page_size = 9; // The size may change.
    assert_status_ok(list(caller, &request, &page));
    request.status = text_of("blocked");
    assert_refused(list(caller, &request, NULL), "PAGE_TOKEN_INVALID");
    request.status = text_of("active");
    request.email = text_of("user1@example.com");
    assert_refused(list(caller, &request, NULL), "PAGE_TOKEN_INVALID");
    request.email = text_of("");
    caller->scope = RPC_SCOPE_BRANCH; // What the caller may see has changed.
    assert_refused(list(caller, &request, NULL), "PAGE_TOKEN_INVALID");
}

// ---- While it is walked --------------------------------------------------------------------

static void test_pages_do_not_shift_under_who_comes_and_goes(void **state)
{
    struct house *house = *state;
    struct caller *caller = officer(house, NULL, RPC_SCOPE_ALL);
    Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
    Auth__ListUsersResponse *page = NULL;
    make_crowd(house, 0, PEOPLE);
    size_t n = PEOPLE;
    request.page_size = 10;
    request.role = text_of("customer");
    do {
        assert_status_ok(list(caller, &request, &page));
        for (size_t i = 0; i < page->n_users; i++) {
            do
                n--;
            while (n % 3 == 0);
            char email[64];
            struct person person = crowd_person(n, email);
            if (person.email != NULL) assert_string_equal(page->users[i]->email, email);
        }
        request.page_token = page->next_page_token;
        make_crowd(house, PEOPLE + 4 * (PEOPLE - n), 4); // Newer ones do not push the others down.
        if (page->n_users > 0) { // The place itself may go: it is where it was.
            struct id128 last = id128_of(page->users[page->n_users - 1]->id.data);
            house_set_user(house, last, AUTH_USER_CLOSED, "auditor");
        }
    } while (page->next_page_token[0] != '\0');
    while (n-- > 0)
        assert_int_equal(n % 3, 0);
}

struct facet_change {
    struct id128 id;
    size_t rows;
};

static struct status count_facets(struct store_txn *txn, void *context)
{
    struct facet_change *change = context;
    struct store_cursor cursor;
    change->rows = 0;
    store_cursor_open(txn, AUTH_TABLE_USER_FACETS, &cursor);
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor)) {
        enum auth_user_facet facet;
        char value[AUTH_ROLE_BYTES];
        struct id128 id;
        CHECK(status_ok(auth_facet_key_decode(cursor.key, &facet, value, &id)));
        change->rows += id128_equal(id, change->id);
    }
    store_cursor_close(&cursor);
    return STATUS_SUCCESS;
}

static struct status run_change(struct store_txn *txn, void *context)
{
    struct facet_change *change = context;
    struct auth_user user;
    RETURN_IF_ERROR(auth_store_get_user(txn, change->id, &user));
    user.state = AUTH_USER_BLOCKED;
    memset(user.branch, 0, sizeof user.branch);
    user.roles = (struct auth_roles){0};
    auth_roles_add(&user.roles, "auditor");
    auth_store_put_user(txn, &user);
    return STATUS_SUCCESS;
}

static void test_a_user_is_filed_as_they_are(void **state)
{
    struct house *house = *state;
    struct caller *caller = officer(house, NULL, RPC_SCOPE_ALL);
    struct facet_change change = {.id = people_new(house, &(struct person){.role = "teller",
                                                                           .other_role = "customer",
                                                                           .branch = "pune-1"})};
    assert_status_ok(store_write_wait(house->store, count_facets, &change));
    assert_int_equal(change.rows, 5);
    assert_status_ok(store_write_wait(house->store, run_change, &change));
    assert_status_ok(store_write_wait(house->store, count_facets, &change));
    assert_int_equal(change.rows, 3); // Nothing is left of what they were.

    static const struct {
        struct asked asked;
        size_t count;
    } rows[] = {
        {{.status = "blocked"}, 1}, {{.status = "active"}, 0}, {{.role = "auditor"}, 1},
        {{.role = "teller"}, 0},    {{.branch = "pune-1"}, 0}, {{.kind = "person"}, 1},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
        Auth__ListUsersResponse *page = NULL;
        if (rows[i].asked.status != NULL) request.status = text_of(rows[i].asked.status);
        if (rows[i].asked.role != NULL) request.role = text_of(rows[i].asked.role);
        if (rows[i].asked.branch != NULL) request.branch = text_of(rows[i].asked.branch);
        if (rows[i].asked.kind != NULL) request.kind = text_of(rows[i].asked.kind);
        assert_status_ok(list(caller, &request, &page));
        assert_int_equal(page->n_users, rows[i].count);
    }
}

// ---- The bound -----------------------------------------------------------------------------

enum { APART = 5000, TOGETHER_EVERY = 2499 };

/// Active tellers and blocked customers in turn, and now and then a blocked teller: the worst for a
/// walk that asks for blocked tellers.
static struct status run_apart(struct store_txn *txn, void *context)
{
    struct house *house = context;
    for (size_t n = 0; n < APART; n++) {
        struct id128 id;
        bool is_both = n % TOGETHER_EVERY == 1;
        struct person person = {.role = n % 2 == 0 || is_both ? "teller" : "customer",
                                .state =
                                    n % 2 == 1 || is_both ? AUTH_USER_BLOCKED : AUTH_USER_ACTIVE};
        RETURN_IF_ERROR(people_put(&house->service, txn, &person, house->now_ns + n, &id));
    }
    return STATUS_SUCCESS;
}

static void test_a_page_stops_where_too_much_was_looked_at(void **state)
{
    struct house *house = *state;
    struct caller *caller = officer(house, NULL, RPC_SCOPE_ALL);
    Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
    Auth__ListUsersResponse *page = NULL;
    size_t found = 0, pages = 0;
    assert_status_ok(store_write_wait(house->store, run_apart, house));
    request.role = text_of("teller");
    request.status = text_of("blocked");
    do {
        assert_status_ok(list(caller, &request, &page));
        found += page->n_users;
        if (++pages == 1) assert_int_equal(page->n_users, 2); // Short, and yet not the last one.
        request.page_token = page->next_page_token;
    } while (page->next_page_token[0] != '\0');
    assert_int_equal(found, 3);
    assert_int_equal(pages, APART / AUTH_USER_WALK_SEEKS_MAX + 1);
}

static size_t seeks_of(struct house *house, const struct auth_user_filter *filter, size_t count)
{
    struct id128 id;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    CLEANUP(auth_user_walk_close) struct auth_user_walk walk;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    auth_user_walk_open(txn, filter, ID128_NIL, &walk);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(auth_user_walk_next(&walk, &id), AUTH_WALK_FOUND);
    return AUTH_USER_WALK_SEEKS_MAX - walk.seeks_left;
}

static void test_a_user_costs_a_seek_for_each_facet(void **state)
{
    struct house *house = *state;
    struct auth_user_filter none = {{NULL}};
    struct auth_user_filter rare = {.values = {[AUTH_FACET_KIND] = "service"}};
    struct auth_user_filter both = {
        .values = {[AUTH_FACET_KIND] = "service", [AUTH_FACET_STATE] = "active"}};
    make_crowd(house, 0, PEOPLE);
    assert_int_equal(seeks_of(house, &none, 50), 50);
    assert_int_equal(seeks_of(house, &rare, 9),
                     9); // One in twelve, and nobody between is looked at.
    assert_true(seeks_of(house, &both, 8) <= 8 * 3);
}

#define IN_A_HOUSE(test) cmocka_unit_test_setup_teardown(test, house_open, house_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_HOUSE(test_filters_are_combined),
        IN_A_HOUSE(test_values_that_no_user_can_have),
        IN_A_HOUSE(test_an_address_has_one_owner),
        IN_A_HOUSE(test_a_branch_sees_its_own),
        IN_A_HOUSE(test_a_token_is_good_for_its_list_only),
        IN_A_HOUSE(test_pages_do_not_shift_under_who_comes_and_goes),
        IN_A_HOUSE(test_a_user_is_filed_as_they_are),
        IN_A_HOUSE(test_a_page_stops_where_too_much_was_looked_at),
        IN_A_HOUSE(test_a_user_costs_a_seek_for_each_facet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
