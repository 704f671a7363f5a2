// What is done with users: blocked, let in again, closed, renamed, moved, given roles.
#include "common/rpc/schema.h"
#include "services/auth/counters.h"
#include "tests/unit/auth/people.h"

#include <pthread.h>

static struct id128 make_admin(struct house *house)
{
    struct id128 id =
        people_new(house, &(struct person){.email = "ravi@example.com", .role = "admin"});
    people_be(house->caller, id, ID128_NIL);
    return id;
}

// ---- Blocking, letting in, closing ---------------------------------------------------------

enum { DELETE, BLOCK, UNBLOCK };

static struct status move(struct caller *caller, int method, struct id128 user_id, Auth__User **ret)
{
    Auth__BlockUserRequest block = AUTH__BLOCK_USER_REQUEST__INIT;
    Auth__UnblockUserRequest unblock = AUTH__UNBLOCK_USER_REQUEST__INIT;
    Auth__DeleteUserRequest delete = AUTH__DELETE_USER_REQUEST__INIT;
    block.id = unblock.id = delete.id = people_id(&user_id);
    block.reason = text_of("card reported stolen");
    unblock.reason = text_of("new card issued");
    if (method == BLOCK) return caller_call(caller, AUTH_BLOCK_USER, &block, ret);
    if (method == UNBLOCK) return caller_call(caller, AUTH_UNBLOCK_USER, &unblock, ret);
    return caller_call(caller, AUTH_DELETE_USER, &delete, NULL);
}

#define ENDED2 "auth.session.ended auth.session.ended "

static void test_a_user_moves_as_the_table_says(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;

    enum { ACTIVE = AUTH_USER_ACTIVE, BLOCKED = AUTH_USER_BLOCKED, CLOSED = AUTH_USER_CLOSED };

    // clang-format off
    static const struct {
        int state, method;
        const char *refused;
        int state_after;
        int rights_raised;
        const char *events;
    } rows[] = {
        {ACTIVE,  BLOCK,   NULL,               BLOCKED, 1, "auth.user.blocked " ENDED2},
        {ACTIVE,  UNBLOCK, "USER_NOT_BLOCKED", ACTIVE,  0, ""},
        {ACTIVE,  DELETE,  NULL,               CLOSED,  1, "auth.user.closed " ENDED2},
        {BLOCKED, BLOCK,   "USER_BLOCKED",     BLOCKED, 0, ""},
        {BLOCKED, UNBLOCK, NULL,               ACTIVE,  0, "auth.user.unblocked "},
        {BLOCKED, DELETE,  NULL,               CLOSED,  1, "auth.user.closed " ENDED2},
        {CLOSED,  BLOCK,   "USER_CLOSED",      CLOSED,  0, ""},
        {CLOSED,  UNBLOCK, "USER_CLOSED",      CLOSED,  0, ""},
        {CLOSED,  DELETE,  NULL,               CLOSED,  0, ""},
    };

    // clang-format on
    (void)make_admin(house);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct id128 id =
            people_new(house, &(struct person){.state = (enum auth_user_state)rows[i].state});
        struct id128 session_id = people_begin(house, id, "phone").id;
        (void)people_begin(house, id, "tablet");
        uint64_t before = house_event_head(house);
        Auth__User *user = NULL;
        struct status status = move(caller, rows[i].method, id, &user);
        if (rows[i].refused != NULL)
            assert_refused(status, rows[i].refused);
        else
            assert_status_ok(status);
        assert_string_equal(house_events(caller, before), rows[i].events);
        struct auth_user after = people_get(house, id);
        assert_int_equal(after.state, rows[i].state_after);
        assert_int_equal(after.rights_version, 1 + rows[i].rights_raised);
        assert_int_equal(after.version, rows[i].events[0] != '\0' ? 2 : 1);
        struct auth_session session = house_session(house, session_id);
        bool is_ended = rows[i].rights_raised == 1;
        assert_int_equal(session.state, is_ended ? AUTH_SESSION_ENDED : AUTH_SESSION_ACTIVE);
        if (is_ended) assert_int_equal(session.cause, AUTH_SESSION_BLOCK);
    }
}

static void test_what_a_block_does_survives_a_restart(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller, *asha = caller_open(house);
    (void)make_admin(house);
    struct id128 id = house_new_user(asha, "asha@example.com");
    struct auth_session session = people_begin(house, id, "phone");
    people_be(asha, id, session.id);
    assert_true(people_is_alive(house, &asha->claims));
    assert_status_ok(move(caller, BLOCK, id, NULL));
    assert_false(people_is_alive(house, &asha->claims));
    house_reopen(house);
    assert_false(people_is_alive(house, &asha->claims));
    Auth__LoginResponse *login = NULL;
    assert_refused(house_login(asha, "asha@example.com", PASSWORD, "", &login), "ACCOUNT_BLOCKED");
    assert_refused(house_login(asha, "asha@example.com", "wrong password", "", &login),
                   "INVALID_CREDENTIALS"); // Only who knows the password is told.

    assert_status_ok(move(caller, UNBLOCK, id, NULL));
    assert_false(people_is_alive(house, &asha->claims)); // What has ended stays ended.
    assert_status_ok(house_login(asha, "asha@example.com", PASSWORD, "", &login));
    assert_status_ok(move(caller, DELETE, id, NULL));
    assert_refused(house_login(asha, "asha@example.com", PASSWORD, "", &login),
                   "INVALID_CREDENTIALS"); // Not even that there was an account.
    caller_close(asha);
}

static void test_why_a_user_is_blocked_is_for_officers(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller, *asha = caller_open(house);
    Auth__GetMeRequest get_me = AUTH__GET_ME_REQUEST__INIT;
    Auth__GetUserRequest get = AUTH__GET_USER_REQUEST__INIT;
    Auth__User *user = NULL;
    (void)make_admin(house);
    struct id128 id = people_new(house, &(struct person){.email = "asha@example.com"});
    get.id = people_id(&id);
    assert_status_ok(move(caller, BLOCK, id, &user));
    assert_string_equal(user->status, "blocked");
    assert_string_equal(user->status_reason, "card reported stolen");
    assert_string_equal(user->full_name, "Asha Verma"); // Sealed anew, and still hers.
    assert_string_equal(user->email, "asha@example.com");
    assert_status_ok(caller_call(caller, AUTH_GET_USER, &get, &user));
    assert_string_equal(user->status_reason, "card reported stolen");

    people_be(asha, id, ID128_NIL);
    assert_status_ok(caller_call(asha, AUTH_GET_ME, &get_me, &user));
    assert_string_equal(user->status, "blocked");
    assert_string_equal(user->status_reason, "");
    asha->scope = RPC_SCOPE_SELF;
    assert_status_ok(caller_call(asha, AUTH_GET_USER, &get, &user));
    assert_string_equal(user->status_reason, "");

    assert_status_ok(move(caller, UNBLOCK, id, &user));
    assert_string_equal(user->status_reason, "");
    caller_close(asha);
}

static void test_who_may_block_whom(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 id = people_new(house, &(struct person){.branch = "pune-1"});
    struct id128 officer_id =
        people_new(house, &(struct person){.role = "teller", .branch = "pune-1"});
    struct id128 other_id =
        people_new(house, &(struct person){.role = "teller", .branch = "pune-2"});
    struct id128 homeless_id = people_new(house, &(struct person){.role = "teller"});

    // clang-format off
    const struct {
        const char *name;
        struct id128 caller_id, user_id;
        enum rpc_scope scope;
        const char *refused;
    } rows[] = {
        {"oneself",                       officer_id,  officer_id, RPC_SCOPE_ALL,    "SEPARATION_OF_DUTIES"},
        {"nobody",                        officer_id,  id_of(9),   RPC_SCOPE_ALL,    "USER_NOT_FOUND"},
        {"of another branch",             other_id,    id,         RPC_SCOPE_BRANCH, "PERMISSION_DENIED"},
        {"by somebody of no branch",      homeless_id, id,         RPC_SCOPE_BRANCH, "PERMISSION_DENIED"},
        {"both of no branch",             homeless_id, homeless_id,RPC_SCOPE_BRANCH, "PERMISSION_DENIED"},
        {"somebody else, within oneself", officer_id,  id,         RPC_SCOPE_SELF,   "PERMISSION_DENIED"},
        {"of the same branch",            officer_id,  id,         RPC_SCOPE_BRANCH, NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        people_be(caller, rows[i].caller_id, ID128_NIL);
        caller->scope = rows[i].scope;
        for (int method = DELETE; method <= UNBLOCK && rows[i].refused != NULL; method++) {
            struct status status = move(caller, method, rows[i].user_id, NULL);
            if (status_ok(status) || strcmp(status.reason, rows[i].refused) != 0)
                fail_msg("%s, method %d: %s", rows[i].name, method,
                         status_ok(status) ? "was not refused" : status.reason);
        }
        if (rows[i].refused == NULL) assert_status_ok(move(caller, BLOCK, rows[i].user_id, NULL));
    }
    caller->claims = (struct token_claims){.is_service = true, .service = "ledger"};
    caller->scope = RPC_SCOPE_ALL;
    assert_refused(move(caller, UNBLOCK, id, NULL), "PERMISSION_DENIED");
}

static uint64_t gauge(struct house *house, enum auth_gauge which)
{
    uint64_t gauges[AUTH_GAUGE_COUNT];
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_gauges_read(txn, gauges));
    return gauges[which];
}

static void assert_gauges(struct house *house, uint64_t active, uint64_t blocked, uint64_t closed)
{
    assert_int_equal(gauge(house, AUTH_GAUGE_USERS_ACTIVE), active);
    assert_int_equal(gauge(house, AUTH_GAUGE_USERS_BLOCKED), blocked);
    assert_int_equal(gauge(house, AUTH_GAUGE_USERS_CLOSED), closed);
}

static void test_users_are_counted(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 asha = house_new_user(caller, "asha@example.com");
    struct id128 meera = house_new_user(caller, "meera@example.com");
    (void)make_admin(house); // Behind the report's back.
    assert_gauges(house, 2, 0, 0);
    assert_status_ok(move(caller, BLOCK, asha, NULL));
    assert_gauges(house, 1, 1, 0);
    assert_refused(move(caller, BLOCK, asha, NULL), "USER_BLOCKED");
    assert_gauges(house, 1, 1, 0);
    assert_status_ok(move(caller, UNBLOCK, asha, NULL));
    assert_status_ok(move(caller, DELETE, meera, NULL));
    assert_status_ok(move(caller, DELETE, meera, NULL));
    assert_gauges(house, 1, 0, 1);
}

enum { RACERS = 64 };

struct racer {
    pthread_t thread;
    struct caller *caller;
    struct id128 user_id;
    struct status status;
};

static void *race(void *context)
{
    struct racer *racer = context;
    racer->status = move(racer->caller, BLOCK, racer->user_id, NULL);
    return NULL;
}

static void test_one_of_64_blocks(void **state)
{
    struct house *house = *state;
    struct racer racers[RACERS];
    struct id128 admin_id = make_admin(house);
    struct id128 id = people_new(house, &(struct person){.email = "asha@example.com"});
    (void)people_begin(house, id, "phone");
    uint64_t before = house_event_head(house);
    for (size_t i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.caller = caller_open(house), .user_id = id};
        people_be(racers[i].caller, admin_id, ID128_NIL);
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    size_t blocked = 0;
    for (size_t i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
        if (status_ok(racers[i].status))
            blocked++;
        else
            assert_string_equal(racers[i].status.reason, "USER_BLOCKED");
        caller_close(racers[i].caller);
    }
    assert_int_equal(blocked, 1);
    assert_int_equal(people_get(house, id).version, 2);
    assert_string_equal(house_events(house->caller, before),
                        "auth.user.blocked auth.session.ended ");
}

// ---- Names and branches --------------------------------------------------------------------

struct asked {
    const char *name;
    uint64_t if_match;
    const char *members[2];
    const char *full_name, *branch;
    enum rpc_scope scope;
};

static struct status update(struct caller *caller, struct id128 id, const struct asked *asked,
                            Auth__User **ret)
{
    Auth__UpdateUserRequest request = AUTH__UPDATE_USER_REQUEST__INIT;
    char *mask[2] = {text_of(asked->members[0]), text_of(asked->members[1])};
    request.id = people_id(&id);
    request.if_match = asked->if_match;
    request.update_mask = mask;
    request.n_update_mask = (size_t)(asked->members[0] != NULL) + (asked->members[1] != NULL);
    if (asked->full_name != NULL) request.full_name = text_of(asked->full_name);
    if (asked->branch != NULL) request.branch = text_of(asked->branch);
    caller->scope = asked->scope;
    return caller_call(caller, AUTH_UPDATE_USER, &request, ret);
}

#define ALL RPC_SCOPE_ALL
#define BRANCH RPC_SCOPE_BRANCH
#define NAME "full_name"

static void test_names_and_branches_are_changed(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    people_put_branch(house, "pune-1", AUTH_BRANCH_OPEN);
    people_put_branch(house, "pune-2", AUTH_BRANCH_OPEN);
    people_put_branch(house, "pune-3", AUTH_BRANCH_CLOSED);
    struct id128 officer_id =
        people_new(house, &(struct person){.role = "admin", .branch = "pune-1"});

    // clang-format off
    static const struct {
        struct asked asked; // Of Asha Verma, of pune-1, in version 1.
        const char *refused, *name_after, *branch_after, *events;
    } rows[] = {
        {{"a name",                1, {NAME},           "Asha Rao", NULL, ALL},     NULL, "Asha Rao", "pune-1", "auth.user.updated "},
        {{"whatever version",      RPC_ETAG_ANY, {NAME},"Asha Rao", NULL, ALL},     NULL, "Asha Rao", "pune-1", "auth.user.updated "},
        {{"the same name",         1, {NAME},           "Asha Verma", NULL, ALL},   NULL, "Asha Verma", "pune-1", ""},
        {{"nothing",               1, {NULL},           NULL, NULL, ALL},           NULL, "Asha Verma", "pune-1", ""},
        {{"what is not in the mask", 1, {NULL},         "Asha Rao", "pune-2", ALL}, NULL, "Asha Verma", "pune-1", ""},
        {{"a branch",              1, {"branch"},       NULL, "pune-2", ALL},       NULL, "Asha Verma", "pune-2",
         "auth.user.branch_changed "},
        {{"no branch any more",    1, {"branch"},       NULL, "", ALL},             NULL, "Asha Verma", "", "auth.user.branch_changed "},
        {{"both",                  1, {"branch", NAME}, "Asha Rao", "pune-2", ALL}, NULL, "Asha Rao", "pune-2",
         "auth.user.updated auth.user.branch_changed "},
        {{"a name, in the branch", 1, {NAME},           "Asha Rao", NULL, BRANCH},  NULL, "Asha Rao", "pune-1", "auth.user.updated "},
        {{"an old version",        2, {NAME},           "Asha Rao", NULL, ALL},     "VERSION_MISMATCH", "Asha Verma", "pune-1", ""},
        {{"a version that is none", RPC_ETAG_NONE, {NAME}, "Asha Rao", NULL, ALL},  "VERSION_MISMATCH", "Asha Verma", "pune-1", ""},
        {{"no version",            0, {NAME},           "Asha Rao", NULL, ALL},     "VALIDATION_FAILED", "Asha Verma", "pune-1", ""},
        {{"no name",               1, {NAME},           "", NULL, ALL},             "VALIDATION_FAILED", "Asha Verma", "pune-1", ""},
        {{"a name of two lines",   1, {NAME},           "Asha\nRao", NULL, ALL},    "VALIDATION_FAILED", "Asha Verma", "pune-1", ""},
        {{"a member that is none", 1, {"email"},        NULL, NULL, ALL},           "VALIDATION_FAILED", "Asha Verma", "pune-1", ""},
        {{"the id",                1, {"id"},           NULL, NULL, ALL},           "VALIDATION_FAILED", "Asha Verma", "pune-1", ""},
        {{"a member twice",        1, {NAME, NAME},     "Asha Rao", NULL, ALL},     "VALIDATION_FAILED", "Asha Verma", "pune-1", ""},
        {{"an unknown branch",     1, {"branch"},       NULL, "pune-9", ALL},       "BRANCH_UNKNOWN", "Asha Verma", "pune-1", ""},
        {{"a closed branch",       1, {"branch", NAME}, "Asha Rao", "pune-3", ALL}, "BRANCH_UNKNOWN", "Asha Verma", "pune-1", ""},
        {{"out of one's reach",    1, {"branch"},       NULL, "pune-2", BRANCH},    "PERMISSION_DENIED", "Asha Verma", "pune-1", ""},
        {{"out of any branch",     1, {"branch"},       NULL, "", BRANCH},          "PERMISSION_DENIED", "Asha Verma", "pune-1", ""},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__GetUserRequest get = AUTH__GET_USER_REQUEST__INIT;
        Auth__User *user = NULL;
        struct id128 id = people_new(house, &(struct person){.branch = "pune-1"});
        get.id = people_id(&id);
        people_be(caller, officer_id, ID128_NIL);
        uint64_t before = house_event_head(house);
        struct status status = update(caller, id, &rows[i].asked, &user);
        bool is_right = rows[i].refused == NULL
                            ? status_ok(status)
                            : !status_ok(status) && strcmp(status.reason, rows[i].refused) == 0;
        if (!is_right) fail_msg("%s: %s", rows[i].asked.name, status.reason);
        caller->scope = ALL;
        assert_status_ok(caller_call(caller, AUTH_GET_USER, &get, &user));
        assert_string_equal(user->full_name, rows[i].name_after);
        assert_string_equal(user->branch, rows[i].branch_after);
        assert_string_equal(house_events(caller, before), rows[i].events);
        assert_int_equal(user->version, rows[i].events[0] != '\0' ? 2 : 1);
        bool is_moved = strcmp(rows[i].branch_after, "pune-1") != 0;
        assert_int_equal(people_get(house, id).rights_version, is_moved ? 2 : 1);
    }
}

static void test_whose_branch_is_not_changed(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__User *user = NULL;
    people_put_branch(house, "pune-1", AUTH_BRANCH_OPEN);
    struct id128 admin_id = make_admin(house);
    struct id128 closed_id = people_new(house, &(struct person){.state = AUTH_USER_CLOSED});
    struct asked move_it = {"", RPC_ETAG_ANY, {"branch"}, NULL, "pune-1", ALL};
    struct asked rename_it = {"", RPC_ETAG_ANY, {NAME}, "Somebody Else", NULL, ALL};
    assert_refused(update(caller, admin_id, &move_it, &user), "SEPARATION_OF_DUTIES");
    assert_status_ok(update(caller, admin_id, &rename_it, &user));
    assert_refused(update(caller, closed_id, &move_it, &user), "USER_CLOSED");
    assert_refused(update(caller, closed_id, &rename_it, &user), "USER_CLOSED");
    assert_refused(update(caller, id_of(9), &rename_it, &user), "USER_NOT_FOUND");

    struct id128 id = people_new(house, &(struct person){.branch = NULL});
    struct auth_session session = people_begin(house, id, "phone");
    struct caller *moved = caller_open(house);
    people_be(moved, id, session.id);
    assert_status_ok(update(caller, id, &move_it, &user));
    assert_false(people_is_alive(house, &moved->claims)); // The token names the old branch.
    people_be(moved, id, session.id);
    assert_true(people_is_alive(house, &moved->claims)); // The session goes on.
    caller_close(moved);
}

static void test_people_change_what_they_are_called(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__UpdateMeRequest request = AUTH__UPDATE_ME_REQUEST__INIT;
    Auth__User *user = NULL;
    char *mask[] = {text_of(NAME), text_of("branch")};
    struct id128 id = people_new(house, &(struct person){.email = "asha@example.com"});
    people_be(caller, id, ID128_NIL);
    request.if_match = 1;
    request.update_mask = mask;
    request.n_update_mask = 1;
    request.full_name = text_of("Asha Verma-Rao");
    uint64_t before = house_event_head(house);
    assert_status_ok(caller_call(caller, AUTH_UPDATE_ME, &request, &user));
    assert_string_equal(user->full_name, "Asha Verma-Rao");
    assert_string_equal(user->email, "asha@example.com");
    assert_int_equal(user->version, 2);
    assert_int_equal(people_get(house, id).rights_version, 1);
    assert_string_equal(house_events(caller, before), "auth.user.updated ");
    assert_refused(caller_call(caller, AUTH_UPDATE_ME, &request, &user), "VERSION_MISMATCH");
    request.n_update_mask = 2; // Nobody moves themselves.
    assert_refused(caller_call(caller, AUTH_UPDATE_ME, &request, &user), "VALIDATION_FAILED");
    house_reopen(house);
    Auth__GetMeRequest get_me = AUTH__GET_ME_REQUEST__INIT;
    assert_status_ok(caller_call(caller, AUTH_GET_ME, &get_me, &user));
    assert_string_equal(user->full_name, "Asha Verma-Rao");
    assert_string_equal(user->kind, "person");
}

// ---- Roles ---------------------------------------------------------------------------------

static void test_roles_are_replaced(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 admin_id = make_admin(house);

    // clang-format off
    static const struct {
        const char *name;
        const char *roles[3];
        uint64_t if_match;
        enum auth_user_state state;
        const char *refused, *events;
    } rows[] = {
        {"another",                {"teller"},             0, AUTH_USER_ACTIVE, NULL, "auth.user.roles_changed "},
        {"two",                    {"teller", "customer"}, 1, AUTH_USER_ACTIVE, NULL, "auth.user.roles_changed "},
        {"the same",               {"customer"},           0, AUTH_USER_ACTIVE, NULL, ""},
        {"one twice",              {"customer", "customer"}, 0, AUTH_USER_ACTIVE, NULL, ""},
        {"none",                   {NULL},                 0, AUTH_USER_ACTIVE, NULL, "auth.user.roles_changed "},
        {"of a blocked user",      {"teller"},             0, AUTH_USER_BLOCKED, NULL, "auth.user.roles_changed "},
        {"of a closed user",       {"teller"},             0, AUTH_USER_CLOSED, "USER_CLOSED", ""},
        {"of an old version",      {"teller"},             7, AUTH_USER_ACTIVE, "VERSION_MISMATCH", ""},
        {"that is none",           {"teller", "king"},     0, AUTH_USER_ACTIVE, "ROLE_UNKNOWN", ""},
        {"of daemons",             {"service"},            0, AUTH_USER_ACTIVE, "ROLE_UNKNOWN", ""},
        {"of the operator",        {"services/ops"},       0, AUTH_USER_ACTIVE, "VALIDATION_FAILED", ""},
        {"rights and money",       {"admin", "teller"},    0, AUTH_USER_ACTIVE, "SEPARATION_OF_DUTIES", ""},
        {"rights and decisions",   {"admin", "kyc_checker"}, 0, AUTH_USER_ACTIVE, "SEPARATION_OF_DUTIES", ""},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__SetUserRolesRequest request = AUTH__SET_USER_ROLES_REQUEST__INIT;
        struct id128 id = people_new(house, &(struct person){.state = rows[i].state});
        char *roles[3];
        Auth__User *user = NULL;
        request.id = people_id(&id);
        request.roles = roles;
        request.if_match = rows[i].if_match;
        for (size_t r = 0; r < 3 && rows[i].roles[r] != NULL; r++)
            roles[request.n_roles++] = text_of(rows[i].roles[r]);
        uint64_t before = house_event_head(house);
        struct status status = caller_call(caller, AUTH_SET_USER_ROLES, &request, &user);
        bool is_right = rows[i].refused == NULL
                            ? status_ok(status)
                            : !status_ok(status) && strcmp(status.reason, rows[i].refused) == 0;
        if (!is_right) fail_msg("%s: %s", rows[i].name, status.reason);
        assert_string_equal(house_events(caller, before), rows[i].events);
        bool is_changed = rows[i].events[0] != '\0';
        assert_int_equal(people_get(house, id).rights_version, is_changed ? 2 : 1);
    }
    Auth__SetUserRolesRequest own = AUTH__SET_USER_ROLES_REQUEST__INIT;
    own.id = people_id(&admin_id);
    assert_refused(caller_call(caller, AUTH_SET_USER_ROLES, &own, NULL), "SEPARATION_OF_DUTIES");
}

#define IN_A_HOUSE(test) cmocka_unit_test_setup_teardown(test, house_open, house_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_HOUSE(test_a_user_moves_as_the_table_says),
        IN_A_HOUSE(test_what_a_block_does_survives_a_restart),
        IN_A_HOUSE(test_why_a_user_is_blocked_is_for_officers),
        IN_A_HOUSE(test_who_may_block_whom),
        IN_A_HOUSE(test_users_are_counted),
        IN_A_HOUSE(test_one_of_64_blocks),
        IN_A_HOUSE(test_names_and_branches_are_changed),
        IN_A_HOUSE(test_whose_branch_is_not_changed),
        IN_A_HOUSE(test_people_change_what_they_are_called),
        IN_A_HOUSE(test_roles_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
