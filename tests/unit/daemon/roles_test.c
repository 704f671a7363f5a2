// What roles grant. The rows here are written from the rules, not copied from the table.
#include "common/daemon/identity.h"
#include "florin/event/v1/event_methods.h"
#include "tests/unit/daemon/harness.h"

static struct token_claims user_with(const char *first, const char *second)
{
    struct token_claims claims = {.subject = {{1}}, .role_count = second != NULL ? 2 : 1};
    snprintf(claims.roles[0], sizeof claims.roles[0], "%s", first);
    snprintf(claims.roles[1], sizeof claims.roles[1], "%s", second != NULL ? second : "");
    return claims;
}

static struct token_claims service_named(const char *name)
{
    struct token_claims claims = {.is_service = true};
    snprintf(claims.service, sizeof claims.service, "%s", name);
    return claims;
}

static const struct {
    const char *role, *permission;
    enum rpc_scope scope;
} who_may[] = {
    // clang-format off
    {"customer",    "ledger.transfer.create", RPC_SCOPE_SELF},
    {"customer",    "ledger.account.read",    RPC_SCOPE_SELF},
    {"customer",    "kyc.self.write",         RPC_SCOPE_SELF},
    {"customer",    "ledger.cash.deposit",    RPC_SCOPE_NONE},
    {"customer",    "ledger.cash.withdraw",   RPC_SCOPE_SELF},
    {"customer",    "ledger.account.update",  RPC_SCOPE_SELF},
    {"customer",    "ledger.account.close",   RPC_SCOPE_SELF},
    {"customer",    "ledger.limit.read",      RPC_SCOPE_SELF},
    {"customer",    "ledger.limit.write",     RPC_SCOPE_NONE},
    {"customer",    "ledger.account.freeze",  RPC_SCOPE_NONE},
    {"customer",    "ledger.fx.quote",        RPC_SCOPE_NONE},
    {"customer",    "kyc.case.read",          RPC_SCOPE_NONE},
    {"customer",    "audit.read",             RPC_SCOPE_NONE},
    {"teller",      "ledger.cash.deposit",    RPC_SCOPE_ALL},
    {"teller",      "ledger.currency.create", RPC_SCOPE_NONE},
    {"teller",      "ledger.cash.withdraw",   RPC_SCOPE_ALL},
    {"teller",      "ledger.fx.quote",        RPC_SCOPE_ALL},
    {"teller",      "ledger.account.freeze",  RPC_SCOPE_NONE},
    {"teller",      "ledger.account.limits",  RPC_SCOPE_NONE},
    {"teller",      "ledger.account.system",  RPC_SCOPE_NONE},
    {"teller",      "ledger.report.read",     RPC_SCOPE_NONE},
    {"kyc_maker",   "kyc.case.recommend",     RPC_SCOPE_ALL},
    {"kyc_maker",   "kyc.case.decide",        RPC_SCOPE_NONE},
    {"kyc_checker", "kyc.case.decide",        RPC_SCOPE_ALL},
    {"kyc_checker", "kyc.case.recommend",     RPC_SCOPE_NONE},
    {"compliance_officer", "ledger.account.freeze",  RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.account.limits",  RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.limit.write",     RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.transfer.create", RPC_SCOPE_NONE},
    {"compliance_officer", "ledger.cash.withdraw",   RPC_SCOPE_NONE},
    {"auditor",     "ledger.report.read",     RPC_SCOPE_ALL},
    {"auditor",     "ledger.limit.write",     RPC_SCOPE_NONE},
    {"auditor",     "audit.read",             RPC_SCOPE_ALL},
    {"auditor",     "ledger.transfer.create", RPC_SCOPE_NONE},
    {"admin",       "auth.user.roles",        RPC_SCOPE_ALL},
    {"admin",       "ledger.transfer.create", RPC_SCOPE_NONE},
    {"admin",       "ledger.cash.deposit",    RPC_SCOPE_NONE},
    {"admin",       "kyc.case.decide",        RPC_SCOPE_NONE},
    {"admin",       "kyc.case.recommend",     RPC_SCOPE_NONE},
    {"admin",       "audit.read",             RPC_SCOPE_NONE},
    {"admin",       "ledger.account.system",  RPC_SCOPE_ALL}, // The chart of accounts.
    {"admin",       "ledger.account.create",  RPC_SCOPE_ALL},
    {"admin",       "ledger.cash.withdraw",   RPC_SCOPE_NONE},
    {"admin",       "ledger.account.freeze",  RPC_SCOPE_NONE},
    {"ops",         "system.control",         RPC_SCOPE_ALL},
    {"admin",       "auth.feature.write",     RPC_SCOPE_ALL},
    {"admin",       "auth.token.introspect",  RPC_SCOPE_ALL},
    {"ops",         "ledger.account.read",    RPC_SCOPE_NONE},
    {"ops",         "auth.apikey.write",      RPC_SCOPE_ALL},
    {"ops",         "auth.user.read",         RPC_SCOPE_NONE},
    {"customer",    "auth.apikey.write",      RPC_SCOPE_SELF},
    {"customer",    "auth.user.read",         RPC_SCOPE_NONE},
    {"branch_manager", "auth.user.read",      RPC_SCOPE_BRANCH},
    {"branch_manager", "auth.activity.read",  RPC_SCOPE_BRANCH},
    {"branch_manager", "auth.user.block",     RPC_SCOPE_NONE},
    {"compliance_officer", "auth.user.block", RPC_SCOPE_ALL},
    {"compliance_officer", "auth.user.roles", RPC_SCOPE_NONE},
    {"support",     "auth.session.read",      RPC_SCOPE_ALL},
    {"support",     "auth.session.end",       RPC_SCOPE_NONE},
    {"auditor",     "auth.role.read",         RPC_SCOPE_ALL},
    {"auditor",     "auth.role.write",        RPC_SCOPE_NONE},
    {"service",     "system.events.read",     RPC_SCOPE_NONE}, // Not by a role: by a key.
    {"nobody",      "audit.read",             RPC_SCOPE_NONE},
    {"",            "audit.read",             RPC_SCOPE_NONE},
    // clang-format on
};

static void test_who_may_do_what(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof who_may / sizeof who_may[0]; i++) {
        struct token_claims claims = user_with(who_may[i].role, NULL);
        if (role_claims_scope(&claims, who_may[i].permission) != who_may[i].scope)
            fail_msg("%s: %s", who_may[i].role, who_may[i].permission);
    }
}

static void test_the_widest_of_several_roles_counts(void **state)
{
    (void)state;
    struct token_claims claims = user_with("customer", "teller");
    assert_int_equal(role_claims_scope(&claims, "ledger.transfer.create"), RPC_SCOPE_ALL);
    claims = user_with("teller", "customer");
    assert_int_equal(role_claims_scope(&claims, "ledger.transfer.create"), RPC_SCOPE_ALL);
    assert_int_equal(role_claims_scope(&claims, "kyc.self.write"), RPC_SCOPE_SELF);
    struct token_claims nobody = {0};
    assert_int_equal(role_claims_scope(&nobody, "kyc.self.write"), RPC_SCOPE_NONE);
}

static void test_services_may_what_their_key_says_whatever_roles_they_claim(void **state)
{
    (void)state;
    struct token_claims claims = service_named("audit");
    snprintf(claims.roles[0], sizeof claims.roles[0], "admin");
    claims.role_count = 1;
    assert_int_equal(role_claims_scope(&claims, "system.events.read"), RPC_SCOPE_ALL);
    assert_int_equal(role_claims_scope(&claims, "auth.session.check"), RPC_SCOPE_ALL);
    assert_int_equal(role_claims_scope(&claims, "auth.policy.read"), RPC_SCOPE_ALL);
    assert_int_equal(role_claims_scope(&claims, "auth.apikey.exchange"), RPC_SCOPE_ALL);
    assert_int_equal(role_claims_scope(&claims, "auth.keys.rotate"), RPC_SCOPE_NONE);
    assert_int_equal(role_claims_scope(&claims, "auth.user.roles"), RPC_SCOPE_NONE);
    assert_int_equal(role_claims_scope(&claims, "ledger.fx.quote"), RPC_SCOPE_ALL);
    assert_int_equal(role_claims_scope(&claims, "ledger.transfer.create"), RPC_SCOPE_NONE);
    assert_int_equal(role_claims_scope(&claims, "system.control"), RPC_SCOPE_NONE);
    claims = service_named("ops");
    assert_int_equal(role_claims_scope(&claims, "system.control"), RPC_SCOPE_ALL);
    assert_int_equal(role_claims_scope(&claims, "ledger.verify"), RPC_SCOPE_ALL);
    assert_int_equal(role_claims_scope(&claims, "auth.session.check"), RPC_SCOPE_NONE);
}

static void test_a_third_partys_key_follows_events_and_does_nothing_else(void **state)
{
    (void)state;
    struct token_claims claims = service_named("risk");
    snprintf(claims.roles[0], sizeof claims.roles[0], "service");
    claims.role_count = 1;
    for (size_t i = 0; i < role_grant_count; i++) {
        const char *permission = role_grants[i].permission;
        bool is_granted = strcmp(permission, "system.events.read") == 0 ||
                          strcmp(permission, "audit.consume") == 0;
        if (role_claims_scope(&claims, permission) != (is_granted ? RPC_SCOPE_ALL : RPC_SCOPE_NONE))
            fail_msg("%s", permission);
    }
}

static void test_money_and_kyc_decisions_are_never_one_persons(void **state)
{
    (void)state;
    for (size_t i = 0; i < role_grant_count; i++) {
        const char *role = role_grants[i].role;
        bool decides = role_scope(role, "kyc.case.decide") != RPC_SCOPE_NONE;
        assert_false(decides && role_scope(role, "kyc.case.recommend") != RPC_SCOPE_NONE);
        assert_false(decides && role_scope(role, "ledger.transfer.create") != RPC_SCOPE_NONE);
    }
}

/// What parts of a request need beyond their method's permission.
static const char *const permissions_within[] = {"auth.session.end", "ledger.account.limits",
                                                 "ledger.account.system"};

static void test_every_permission_of_a_method_is_somebodys(void **state)
{
    (void)state;
    for (size_t i = 0; i < rpc_all_method_count; i++) {
        const char *permission = rpc_all_methods[i]->permission;
        if (permission == NULL) continue;
        bool is_granted = false;
        for (size_t j = 0; j < role_grant_count; j++)
            is_granted |= strcmp(role_grants[j].permission, permission) == 0;
        if (!is_granted) fail_msg("%s is nobody's", permission);
    }
    for (size_t j = 0; j < role_grant_count; j++) { // And none is spelt wrong.
        bool is_used = false;
        for (size_t i = 0; i < rpc_all_method_count; i++) {
            const char *permission = rpc_all_methods[i]->permission;
            is_used |= permission != NULL && strcmp(permission, role_grants[j].permission) == 0;
        }
        for (size_t i = 0; i < sizeof permissions_within / sizeof permissions_within[0]; i++)
            is_used |= strcmp(permissions_within[i], role_grants[j].permission) == 0;
        if (!is_used) fail_msg("no method asks for %s", role_grants[j].permission);
    }
}

static void test_known_roles(void **state)
{
    (void)state;
    assert_true(role_is_known("customer"));
    assert_true(role_is_known("branch_manager"));
    assert_false(role_is_known(ROLE_OPERATOR));
    assert_false(role_is_known("Customer"));
    assert_false(role_is_known(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may_do_what),
        cmocka_unit_test(test_the_widest_of_several_roles_counts),
        cmocka_unit_test(test_services_may_what_their_key_says_whatever_roles_they_claim),
        cmocka_unit_test(test_a_third_partys_key_follows_events_and_does_nothing_else),
        cmocka_unit_test(test_money_and_kyc_decisions_are_never_one_persons),
        cmocka_unit_test(test_every_permission_of_a_method_is_somebodys),
        cmocka_unit_test(test_known_roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
