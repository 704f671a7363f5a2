// Sessions as people see them, their own and others': lists, and ending one or all.
#include "tests/unit/auth/people.h"

static const char ip[] = "192.0.2.7"; // From where people_begin begins.

static struct status list_own(struct caller *caller, int32_t size, const char *token,
                              Auth__ListSessionsResponse **ret)
{
    Auth__ListSessionsRequest request = AUTH__LIST_SESSIONS_REQUEST__INIT;
    request.page_size = size;
    request.page_token = text_of(token);
    return caller_call(caller, AUTH_LIST_SESSIONS, &request, ret);
}

static struct status list_of(struct caller *caller, struct id128 user_id,
                             Auth__ListSessionsResponse **ret)
{
    Auth__ListUserSessionsRequest request = AUTH__LIST_USER_SESSIONS_REQUEST__INIT;
    request.user_id = people_id(&user_id);
    return caller_call(caller, AUTH_LIST_USER_SESSIONS, &request, ret);
}

static struct status end(struct caller *caller, struct id128 session_id)
{
    Auth__DeleteSessionRequest request = AUTH__DELETE_SESSION_REQUEST__INIT;
    request.id = people_id(&session_id);
    return caller_call(caller, AUTH_DELETE_SESSION, &request, NULL);
}

// ---- Lists ---------------------------------------------------------------------------------

static void test_a_session_says_where_it_was_begun(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ListSessionsResponse *page = NULL;
    struct id128 id = people_new(house, &(struct person){.email = "asha@example.com"});
    struct auth_session phone = people_begin(house, id, "Asha's phone");
    house_wait(house, 60);
    struct auth_session tablet = people_begin(house, id, "");
    people_be(caller, id, phone.id);
    assert_status_ok(list_own(caller, 0, "", &page));
    assert_int_equal(page->n_sessions, 2);
    const Auth__Session *first = page->sessions[0], *second = page->sessions[1];
    assert_memory_equal(first->id.data, tablet.id.bytes, ID128_BYTES); // Newest first.
    assert_string_equal(first->device, "");
    assert_false(first->current);
    assert_memory_equal(second->id.data, phone.id.bytes, ID128_BYTES);
    assert_string_equal(second->device, "Asha's phone");
    assert_string_equal(second->client_ip, ip);
    assert_true(second->current);
    assert_int_equal(second->created_at, phone.created_at_ns);
    assert_int_equal(second->refreshed_at, phone.rotated_at_ns);
    assert_int_equal(second->expires_at, phone.rotated_at_ns + 1800 * AUTH_SECOND_NS);
    assert_int_equal(second->aal, 2);
    assert_int_equal(second->n_methods, 2);
    assert_string_equal(second->methods[0], "pwd");
    assert_string_equal(second->methods[1], "otp");
    assert_string_equal(page->next_page_token, "");
}

static void test_only_living_sessions_are_listed(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;

    // clang-format off
    static const struct {
        const char *name, *role;
        uint64_t wait_s;
        bool is_refreshed;      // One second before.
        size_t count;
        uint64_t left_s;        // Until it ends.
    } rows[] = {
        {"new",                                    NULL,     0,     false, 1, 1800},
        {"a customer's, about to idle out",        NULL,     1799,  false, 1, 1},
        {"a customer's, idled out",                NULL,     1800,  false, 0, 0},
        {"a customer's, refreshed",                NULL,     1800,  true,  1, 1799},
        {"staff's, about to idle out",             "teller", 899,   false, 1, 1},
        {"staff's, idled out",                     "teller", 900,   false, 0, 0},
        {"a customer's, about to end for good",    NULL,     43199, true,  1, 1},
        {"a customer's, at its end",               NULL,     43200, true,  0, 0},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__ListSessionsResponse *page = NULL;
        struct id128 id = people_new(house, &(struct person){.role = rows[i].role});
        struct auth_session session = people_begin(house, id, "phone");
        people_be(caller, id, session.id);
        house_wait(house, rows[i].wait_s);
        if (rows[i].is_refreshed)
            people_refreshed(house, session.id, house->now_ns - AUTH_SECOND_NS);
        assert_status_ok(list_own(caller, 0, "", &page));
        if (page->n_sessions != rows[i].count) fail_msg("%s", rows[i].name);
        if (rows[i].count > 0)
            assert_int_equal(page->sessions[0]->expires_at,
                             house->now_ns + rows[i].left_s * AUTH_SECOND_NS);
    }
}

static void test_pages_of_sessions(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;

    enum { SESSIONS = 23 };

    struct id128 ids[SESSIONS];
    struct id128 id = people_new(house, &(struct person){.role = "teller"});
    (void)people_begin(house, people_new(house, &(struct person){0}), "somebody else's");
    for (size_t i = 0; i < SESSIONS; i++)
        ids[i] = people_begin(house, id, "desk").id;
    (void)people_begin(house, people_new(house, &(struct person){0}), "somebody else's");
    people_be(caller, id, ids[0]);

    static const int32_t sizes[] = {1, 5, 23, 1000};
    for (size_t s = 0; s < ROWS(sizes); s++) {
        size_t n = SESSIONS;
        const char *token = "";
        do {
            Auth__ListSessionsResponse *page = NULL;
            assert_status_ok(list_own(caller, sizes[s], token, &page));
            assert_true(page->n_sessions <= (size_t)sizes[s]);
            for (size_t i = 0; i < page->n_sessions; i++)
                assert_memory_equal(page->sessions[i]->id.data, ids[--n].bytes, ID128_BYTES);
            token = page->next_page_token;
            assert_int_equal(token[0] != '\0', n > 0);
        } while (token[0] != '\0');
        assert_int_equal(n, 0);
    }
    assert_refused(list_own(caller, -1, "", NULL), "VALIDATION_FAILED");
    assert_refused(list_own(caller, 5, "bm90IG91cnM", NULL), "PAGE_TOKEN_INVALID");
}

static void test_who_sees_whose_sessions(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ListSessionsResponse *page = NULL;
    struct id128 asha = people_new(house, &(struct person){.branch = "pune-1"});
    struct id128 manager =
        people_new(house, &(struct person){.role = "branch_manager", .branch = "pune-1"});
    struct id128 other =
        people_new(house, &(struct person){.role = "branch_manager", .branch = "pune-2"});
    struct auth_session phone = people_begin(house, asha, "phone");
    people_be(caller, manager, phone.id);
    caller->scope = RPC_SCOPE_BRANCH;
    assert_status_ok(list_of(caller, asha, &page));
    assert_int_equal(page->n_sessions, 1);
    assert_refused(list_of(caller, other, &page), "PERMISSION_DENIED");
    assert_refused(list_of(caller, id_of(9), &page), "USER_NOT_FOUND");
    people_be(caller, other, ID128_NIL);
    caller->scope = RPC_SCOPE_BRANCH;
    assert_refused(list_of(caller, asha, &page), "PERMISSION_DENIED");
    caller->scope = RPC_SCOPE_ALL;
    assert_status_ok(list_of(caller, asha, &page));
    assert_int_equal(page->n_sessions, 1);
    assert_false(page->sessions[0]->current);
}

// ---- Ending --------------------------------------------------------------------------------

static void test_who_ends_whose_session(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 asha = people_new(house, &(struct person){.branch = "pune-1"});
    struct id128 meera = people_new(house, &(struct person){.branch = "pune-1"});
    struct id128 teller = people_new(house, &(struct person){.role = "teller", .branch = "pune-1"});
    struct id128 admin = people_new(house, &(struct person){.role = "admin"});

    // clang-format off
    const struct {
        const char *name;
        struct id128 caller_id;
        const char *refused;
    } rows[] = {
        {"her own",                       asha,   NULL},
        {"another customer's",            meera,  "SESSION_NOT_FOUND"},
        {"by staff without the right",    teller, "SESSION_NOT_FOUND"},
        {"by staff with auth.session.end", admin, NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_session session = people_begin(house, asha, "phone");
        people_be(caller, rows[i].caller_id, ID128_NIL);
        uint64_t before = house_event_head(house);
        struct status status = end(caller, session.id);
        bool is_right = rows[i].refused == NULL
                            ? status_ok(status)
                            : !status_ok(status) && strcmp(status.reason, rows[i].refused) == 0;
        if (!is_right) fail_msg("%s: %s", rows[i].name, status.reason);
        bool is_ended = house_session(house, session.id).state == AUTH_SESSION_ENDED;
        assert_int_equal(is_ended, rows[i].refused == NULL);
        assert_string_equal(house_events(caller, before), is_ended ? "auth.session.ended " : "");
        if (!is_ended) continue;
        assert_status_ok(end(caller, session.id)); // Once more changes nothing.
        assert_string_equal(house_events(caller, before), "auth.session.ended ");
        assert_int_equal(house_session(house, session.id).cause, AUTH_SESSION_LOGOUT);
    }
    people_be(caller, admin, ID128_NIL);
    assert_refused(end(caller, id_of(9)), "SESSION_NOT_FOUND");
    caller->claims = (struct token_claims){.is_service = true, .service = "ledger"};
    assert_refused(end(caller, people_begin(house, asha, "").id), "PERMISSION_DENIED");
}

static void test_logging_out_everywhere(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LogoutAllRequest request = AUTH__LOGOUT_ALL_REQUEST__INIT;
    Auth__ListSessionsResponse *page = NULL;
    struct id128 asha = people_new(house, &(struct person){0});
    struct id128 meera = people_new(house, &(struct person){0});
    struct auth_session other = people_begin(house, meera, "phone"), own = {0};
    for (size_t i = 0; i < 3; i++)
        own = people_begin(house, asha, "phone");
    people_be(caller, asha, own.id);
    assert_true(people_is_alive(house, &caller->claims));
    uint64_t before = house_event_head(house);
    assert_status_ok(caller_call(caller, AUTH_LOGOUT_ALL, &request, NULL));
    assert_string_equal(house_events(caller, before),
                        "auth.session.ended auth.session.ended auth.session.ended ");
    house_reopen(house);
    assert_false(people_is_alive(house, &caller->claims)); // This one, too.
    assert_status_ok(list_own(caller, 0, "", &page));
    assert_int_equal(page->n_sessions, 0);
    assert_int_equal(house_session(house, other.id).state, AUTH_SESSION_ACTIVE);
}

#define IN_A_HOUSE(test) cmocka_unit_test_setup_teardown(test, house_open, house_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_HOUSE(test_a_session_says_where_it_was_begun),
        IN_A_HOUSE(test_only_living_sessions_are_listed),
        IN_A_HOUSE(test_pages_of_sessions),
        IN_A_HOUSE(test_who_sees_whose_sessions),
        IN_A_HOUSE(test_who_ends_whose_session),
        IN_A_HOUSE(test_logging_out_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
