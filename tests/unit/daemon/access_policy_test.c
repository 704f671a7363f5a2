// What a caller may do: roles, scopes of a token, features, duties; and which policy holds when.
#include "common/daemon/access_policy.h"
#include "tests/unit/daemon/harness.h"

#include <pthread.h>
#include <stdatomic.h>

static struct token_claims user_with(const char *const *roles, const char *branch)
{
    struct token_claims claims = {.subject = {{1}}, .aal = 1};
    for (; roles[claims.role_count] != NULL; claims.role_count++)
        snprintf(claims.roles[claims.role_count], TOKEN_ROLE_BYTES_MAX, "%s",
                 roles[claims.role_count]);
    snprintf(claims.branch, sizeof claims.branch, "%s", branch);
    return claims;
}

#define ROLES(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct access_role role_of(const char *name, const char *permission, enum rpc_scope scope)
{
    struct access_role role = {0};
    assert_true(access_name_set(role.name, name));
    access_role_grant(&role, permission, scope);
    return role;
}

static struct access_feature feature_of(const char *name, const char *permission, bool is_enabled,
                                        const char *branch, const char *role)
{
    struct access_feature feature = {.is_enabled = is_enabled};
    assert_true(access_name_set(feature.name, name));
    access_feature_cover(&feature, permission);
    if (branch != NULL) assert_true(access_names_add(&feature.denied_branches, branch));
    if (role != NULL) assert_true(access_names_add(&feature.denied_roles, role));
    return feature;
}

/// The policy of the tables below, at version 1.
static struct access_policy *open_example(void)
{
    struct access_policy *policy = access_policy_open();
    struct access_content content = {.version = 1, .role_count = 3, .feature_count = 3};
    content.roles = calloc(content.role_count, sizeof *content.roles);
    content.features = calloc(content.feature_count, sizeof *content.features);
    CHECK(content.roles != NULL && content.features != NULL);
    content.roles[0] = role_of("cash_desk", "ledger.cash.deposit", RPC_SCOPE_ALL);
    access_role_grant(&content.roles[0], "auth.user.read", RPC_SCOPE_BRANCH);
    content.roles[1] = role_of("switcher", "auth.feature.write", RPC_SCOPE_ALL);
    content.roles[2] = role_of("teller", "audit.read", RPC_SCOPE_ALL); // No built-in one changes.
    content.features[0] = feature_of("withdrawals", "ledger.cash.withdraw", true, "pune-1", NULL);
    content.features[1] = feature_of("fx", "ledger.fx.quote", false, NULL, NULL);
    content.features[2] = feature_of("limits", "ledger.limit.read", true, NULL, "cash_desk");
    assert_true(access_policy_set(policy, &content));
    return policy;
}

#define DEPOSIT "ledger.cash.deposit"
#define DUTIES "separation_of_duties"
#define FEATURE "feature"

static void test_who_may_do_what(void **state)
{
    (void)state;
    struct access_policy *policy = open_example();

    static const char *const scope_names[] = {"nothing", "self", "branch", "all"};

    const struct {
        const char *given;
        const char *const *roles;
        const char *branch, *token_scope, *permission;
        enum rpc_scope scope;
        const char *because, *value;
    } rows[] = {
        // clang-format off
        {"a custom role grants",             ROLES("cash_desk"), "", NULL, "ledger.cash.deposit", RPC_SCOPE_ALL, NULL, ""},
        {"as far as it says",                ROLES("cash_desk"), "", NULL, "auth.user.read", RPC_SCOPE_BRANCH, NULL, ""},
        {"and nothing else",                 ROLES("cash_desk"), "", NULL, "audit.read", RPC_SCOPE_NONE, NULL, ""},
        {"the widest counts",                ROLES("cash_desk", "support"), "", NULL, "auth.user.read", RPC_SCOPE_ALL, NULL, ""},
        {"whichever comes first",            ROLES("support", "cash_desk"), "", NULL, "auth.user.read", RPC_SCOPE_ALL, NULL, ""},
        {"a built-in role is as it is",      ROLES("teller"), "", NULL, "audit.read", RPC_SCOPE_NONE, NULL, ""},
        {"a role that is gone is nothing",   ROLES("former"), "", NULL, "audit.read", RPC_SCOPE_NONE, NULL, ""},
        {"no person is a daemon",            ROLES("service"), "", NULL, "auth.session.check", RPC_SCOPE_NONE, NULL, ""},
        {"nor the operator",                 ROLES("services/ops"), "", NULL, "ledger.verify", RPC_SCOPE_NONE, NULL, ""},
        {"nor a third party's service",      ROLES("services/*"), "", NULL, "system.events.read", RPC_SCOPE_NONE, NULL, ""},
        {"a permission that is none",        ROLES("admin"), "", NULL, "ledger.account", RPC_SCOPE_NONE, NULL, ""},

        {"a token cut down to it",           ROLES("teller"), "", DEPOSIT, DEPOSIT, RPC_SCOPE_ALL, NULL, ""},
        {"and not to another",               ROLES("teller"), "", DEPOSIT, "ledger.cash.withdraw", RPC_SCOPE_NONE, "scope", DEPOSIT},
        {"scopes give nothing",              ROLES("customer"), "", "audit.read", "audit.read", RPC_SCOPE_NONE, NULL, ""},

        {"on, elsewhere",                    ROLES("teller"), "pune-2", NULL, "ledger.cash.withdraw", RPC_SCOPE_ALL, NULL, ""},
        {"off in this branch",               ROLES("teller"), "pune-1", NULL, "ledger.cash.withdraw", RPC_SCOPE_NONE, FEATURE,
         "withdrawals"},
        {"also for what is one's own",       ROLES("customer"), "pune-1", NULL, "ledger.cash.withdraw", RPC_SCOPE_NONE, FEATURE,
         "withdrawals"},
        {"but not what it does not cover",   ROLES("teller"), "pune-1", NULL, "ledger.cash.deposit", RPC_SCOPE_ALL, NULL, ""},
        {"who has no branch is in none",     ROLES("teller"), "", NULL, "ledger.cash.withdraw", RPC_SCOPE_ALL, NULL, ""},
        {"off for everybody",                ROLES("teller"), "", NULL, "ledger.fx.quote", RPC_SCOPE_NONE, FEATURE, "fx"},
        {"off for a role",                   ROLES("teller", "cash_desk"), "", NULL, "ledger.limit.read", RPC_SCOPE_NONE, FEATURE,
         "limits"},
        {"on for the others",                ROLES("teller"), "", NULL, "ledger.limit.read", RPC_SCOPE_ALL, NULL, ""},

        {"governing is no crime",            ROLES("switcher"), "", NULL, "auth.feature.write", RPC_SCOPE_ALL, NULL, ""},
        {"with money, the money goes",       ROLES("switcher", "teller"), "", NULL, "ledger.cash.deposit", RPC_SCOPE_NONE, DUTIES,
         "auth.feature.write"},
        {"and what is one's own stays",      ROLES("admin", "teller", "customer"), "", NULL, "ledger.transfer.create", RPC_SCOPE_SELF,
         NULL, ""},
        {"with decisions, they go",          ROLES("kyc_checker", "admin"), "", NULL, "kyc.case.decide", RPC_SCOPE_NONE, DUTIES,
         "auth.feature.write"},
        {"reading is no decision",           ROLES("kyc_checker", "admin"), "", NULL, "kyc.case.read", RPC_SCOPE_ALL, NULL, ""},
        {"governing stays",                  ROLES("admin", "teller"), "", NULL, "auth.user.roles", RPC_SCOPE_ALL, NULL, ""},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct token_claims claims = user_with(rows[i].roles, rows[i].branch);
        struct access_denial denial;
        if (rows[i].token_scope != NULL) {
            claims.scope_count = 1;
            snprintf(claims.scopes[0], sizeof claims.scopes[0], "%s", rows[i].token_scope);
        }
        print_message("  %s\n", rows[i].given);
        enum rpc_scope scope = access_policy_scope(policy, &claims, rows[i].permission, &denial);
        assert_string_equal(scope_names[scope], scope_names[rows[i].scope]);
        if (scope != RPC_SCOPE_NONE) continue;
        if (rows[i].because == NULL) assert_null(denial.key);
        if (rows[i].because != NULL) assert_string_equal(denial.key, rows[i].because);
        assert_string_equal(denial.value, rows[i].value);
    }
    access_policy_close(&policy);
}

static void test_daemons_have_what_their_keys_say(void **state)
{
    (void)state;
    struct access_policy *policy = open_example();

    static const struct {
        const char *service, *permission;
        enum rpc_scope scope;
    } rows[] = {
        {"ledger", "auth.policy.read", RPC_SCOPE_ALL},
        {"ledger", "ledger.fx.quote", RPC_SCOPE_ALL}, // Switched off: for people.
        {"ledger", "system.control", RPC_SCOPE_NONE},
        {"ops", "system.control", RPC_SCOPE_ALL},
        {"ops", "auth.keys.rotate", RPC_SCOPE_ALL},
        {"ops", "auth.policy.read", RPC_SCOPE_NONE},
        {"risk", "system.events.read", RPC_SCOPE_ALL}, // A third party's.
        {"risk", "auth.policy.read", RPC_SCOPE_NONE},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct token_claims claims = {.is_service = true, .role_count = 1, .roles = {"admin"}};
        snprintf(claims.service, sizeof claims.service, "%s", rows[i].service);
        assert_int_equal(access_policy_scope(policy, &claims, rows[i].permission, NULL),
                         rows[i].scope);
    }
    access_policy_close(&policy);
}

/// The policy says the same of built-in roles as their table, for each of the two.
static void test_built_in_roles_are_their_table(void **state)
{
    (void)state;
    struct access_policy *policy = access_policy_open();
    for (size_t i = 0; i < built_in_role_count; i++) {
        struct token_claims claims = user_with(ROLES(built_in_roles[i].name), "");
        for (size_t j = 0; j < permission_count; j++) {
            const char *permission = permissions[j].name;
            if (access_policy_scope(policy, &claims, permission, NULL) !=
                role_claims_scope(&claims, permission))
                fail_msg("%s: %s", built_in_roles[i].name, permission);
        }
    }
    access_policy_close(&policy);
}

// ---- Versions ------------------------------------------------------------------------------

enum step_kind { SET, TAKE, FORGET };

static void test_versions(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        enum step_kind kind;
        uint64_t version;
        bool is_taken, is_current; // What the call answers; what holds behind it.
        uint64_t known;
    } rows[] = {
        // clang-format off
        {"a change before there is a policy",     TAKE,   3, false, false, 0},
        {"a whole one that lacks that change",    SET,    2, false, false, 0},
        {"a whole one that has it",               SET,    3, true,  true,  3},
        {"a change that it has already",          TAKE,   2, true,  true,  3},
        {"its own",                               TAKE,   3, true,  true,  3},
        {"the next one",                          TAKE,   4, true,  true,  4},
        {"one behind a gap",                      TAKE,   6, false, false, 4},
        {"what was missing, too late",            TAKE,   5, false, false, 4},
        {"a whole one from before the gap",       SET,    5, false, false, 4},
        {"a whole one from behind it",            SET,    6, true,  true,  6},
        {"an old one that came late",             SET,    5, false, true,  6},
        {"the same once more",                    SET,    6, true,  true,  6},
        {"forgotten",                             FORGET, 0, true,  false, 6},
        {"a change while it is forgotten",        TAKE,   7, false, false, 6},
        {"and a whole one",                       SET,    9, true,  true,  9},
        // clang-format on
    };

    struct access_policy *policy = access_policy_open();
    assert_false(access_policy_is_current(policy));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct access_content content = {.version = rows[i].version};
        struct access_role role = role_of("clerk", "audit.read", RPC_SCOPE_ALL);
        bool is_taken = true;
        print_message("  %s\n", rows[i].given);
        if (rows[i].kind == SET) is_taken = access_policy_set(policy, &content);
        if (rows[i].kind == TAKE)
            is_taken = access_policy_take(policy, rows[i].version, &role, NULL);
        if (rows[i].kind == FORGET) access_policy_forget(policy);
        assert_int_equal(is_taken, rows[i].is_taken);
        assert_int_equal(access_policy_is_current(policy), rows[i].is_current);
        assert_int_equal(access_policy_version(policy), rows[i].known);
    }
    access_policy_close(&policy);
}

static void test_changes_replace_what_had_their_name(void **state)
{
    (void)state;
    struct access_policy *policy = open_example();
    struct token_claims claims = user_with(ROLES("cash_desk", "teller"), "");
    struct access_role role = role_of("cash_desk", "audit.read", RPC_SCOPE_ALL);
    assert_true(access_policy_take(policy, 2, &role, NULL));
    assert_int_equal(access_policy_scope(policy, &claims, "audit.read", NULL), RPC_SCOPE_ALL);
    struct token_claims desk = user_with(ROLES("cash_desk"), "");
    assert_int_equal(access_policy_scope(policy, &desk, "ledger.cash.deposit", NULL),
                     RPC_SCOPE_NONE);
    struct access_feature feature = feature_of("fx", "ledger.fx.quote", true, NULL, NULL);
    assert_true(access_policy_take(policy, 3, NULL, &feature));
    assert_int_equal(access_policy_scope(policy, &claims, "ledger.fx.quote", NULL), RPC_SCOPE_ALL);
    role = role_of("admin", "ledger.cash.deposit", RPC_SCOPE_ALL); // Never a built-in one.
    assert_true(access_policy_take(policy, 4, &role, NULL));
    struct token_claims admin = user_with(ROLES("admin"), "");
    assert_int_equal(access_policy_scope(policy, &admin, "ledger.cash.deposit", NULL),
                     RPC_SCOPE_NONE);
    access_policy_close(&policy);
}

static void test_what_is_not_known_here_is_left_out(void **state)
{
    (void)state;
    struct access_role role = {0};
    access_role_grant(&role, "loan.approve", RPC_SCOPE_ALL);           // Of a later release.
    access_role_grant(&role, "audit.read", RPC_SCOPE_BRANCH);          // Which nobody looks at.
    access_role_grant(&role, "ledger.report.read", (enum rpc_scope)7); // Nor this.
    struct access_role nothing = {0};
    assert_memory_equal(&role, &nothing, sizeof role);
    struct access_feature feature = {0};
    access_feature_cover(&feature, "loan.approve");
    assert_int_equal(feature.permissions, 0);
    assert_false(access_name_set(role.name, ""));
    assert_false(access_name_set(role.name, "a_name_that_is_longer_than_any_may_be"));
    for (size_t i = 0; i < ACCESS_NAMES_MAX; i++)
        assert_true(access_names_add(&feature.denied_roles, "clerk"));
    assert_false(access_names_add(&feature.denied_roles, "clerk"));
}

// ---- Under load ----------------------------------------------------------------------------

struct race {
    struct access_policy *policy;
    atomic_bool is_over;
    atomic_size_t asked_count;
};

/// Both of a role's grants change together: nobody ever sees one without the other.
static void *ask(void *context)
{
    struct race *race = context;
    struct token_claims claims = user_with(ROLES("cash_desk"), "");
    while (!atomic_load(&race->is_over)) {
        enum rpc_scope scope =
            access_policy_scope(race->policy, &claims, "ledger.cash.deposit", NULL);
        CHECK(scope == RPC_SCOPE_NONE || scope == RPC_SCOPE_ALL);
        atomic_fetch_add(&race->asked_count, 1);
    }
    return NULL;
}

static void test_asking_while_it_changes(void **state)
{
    (void)state;

    enum { THREADS = 4, CHANGES = 2000 };

    struct race race = {.policy = open_example()};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &race), 0);
    for (uint64_t i = 0; i < CHANGES; i++) {
        char name[TOKEN_ROLE_BYTES_MAX];
        snprintf(name, sizeof name, i % 2 == 0 ? "cash_desk" : "role_%03u", (unsigned)(i % 200));
        struct access_role role = role_of(name, "ledger.cash.deposit", RPC_SCOPE_ALL);
        if (i % 4 == 0) role = role_of(name, "audit.read", RPC_SCOPE_ALL);
        assert_true(access_policy_take(race.policy, 2 + i, &role, NULL));
    }
    atomic_store(&race.is_over, true);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    access_policy_close(&race.policy);
}

static void test_asking_costs_little(void **state)
{
    (void)state;

    enum { ROUNDS = 200000 };

    struct access_policy *policy = open_example();
    for (unsigned i = 0; i < 250; i++) { // As full as it gets.
        char name[TOKEN_ROLE_BYTES_MAX];
        snprintf(name, sizeof name, "role_%03u", i);
        struct access_role role = role_of(name, "audit.read", RPC_SCOPE_ALL);
        assert_true(access_policy_take(policy, 2 + 2 * i, &role, NULL));
        struct access_feature feature = feature_of(name, "audit.read", true, "pune-9", NULL);
        assert_true(access_policy_take(policy, 3 + 2 * i, NULL, &feature));
    }
    struct token_claims claims = user_with(ROLES("customer", "role_120"), "pune-2");
    uint64_t begin_ns = clock_mono_ns();
    for (int i = 0; i < ROUNDS; i++)
        CHECK(access_policy_scope(policy, &claims, "ledger.transfer.create", NULL) ==
              RPC_SCOPE_SELF);
    print_message("a check: %u ns\n", (unsigned)((clock_mono_ns() - begin_ns) / ROUNDS));
    access_policy_close(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may_do_what),
        cmocka_unit_test(test_daemons_have_what_their_keys_say),
        cmocka_unit_test(test_built_in_roles_are_their_table),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_changes_replace_what_had_their_name),
        cmocka_unit_test(test_what_is_not_known_here_is_left_out),
        cmocka_unit_test(test_asking_while_it_changes),
        cmocka_unit_test(test_asking_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
