#include "common/daemon/roles.h"

#include <string.h>

// clang-format off
const struct role built_in_roles[] = { // By name.
    {"admin",              "Users, rights, currencies and the chart of accounts"},
    {"auditor",            "Reads everything that is on record; changes nothing"},
    {"branch_manager",     "Looks after the users of the own branch"},
    {"compliance_officer", "Blocks users, freezes accounts, sets limits"},
    {"customer",           "Has accounts and uses them"},
    {"kyc_checker",        "Decides KYC cases"},
    {"kyc_maker",          "Recommends decisions of KYC cases"},
    {"ops",                "Runs the installation"},
    {ROLE_SERVICE,         "What daemons are by their keys; no user has it"},
    {"support",            "Helps users: sees who they are and how they log in"},
    {"teller",             "Serves customers at the counter"},
};
// clang-format on
const size_t built_in_role_count = sizeof built_in_roles / sizeof built_in_roles[0];

// admin manages users, rights, currencies and the chart of accounts; it moves no money and decides
// no KYC case. compliance_officer blocks users, freezes accounts and sets limits, and moves no
// money either.
// clang-format off
const struct role_grant role_grants[] = {
    {"customer",           "auth.apikey.read",             RPC_SCOPE_SELF},
    {"customer",           "auth.apikey.write",            RPC_SCOPE_SELF},
    {"customer",           "kyc.self.read",                RPC_SCOPE_SELF},
    {"customer",           "kyc.self.write",               RPC_SCOPE_SELF},
    {"customer",           "ledger.account.close",         RPC_SCOPE_SELF},
    {"customer",           "ledger.account.create",        RPC_SCOPE_SELF},
    {"customer",           "ledger.account.read",          RPC_SCOPE_SELF},
    {"customer",           "ledger.account.update",        RPC_SCOPE_SELF},
    {"customer",           "ledger.cash.withdraw",         RPC_SCOPE_SELF},
    {"customer",           "ledger.limit.read",            RPC_SCOPE_SELF},
    {"customer",           "ledger.transfer.create",       RPC_SCOPE_SELF},
    {"teller",             "auth.user.read",               RPC_SCOPE_ALL},
    {"teller",             "ledger.account.close",         RPC_SCOPE_ALL},
    {"teller",             "ledger.account.create",        RPC_SCOPE_ALL},
    {"teller",             "ledger.account.read",          RPC_SCOPE_ALL},
    {"teller",             "ledger.account.update",        RPC_SCOPE_ALL},
    {"teller",             "ledger.cash.deposit",          RPC_SCOPE_ALL},
    {"teller",             "ledger.cash.withdraw",         RPC_SCOPE_ALL},
    {"teller",             "ledger.fx.quote",              RPC_SCOPE_ALL},
    {"teller",             "ledger.limit.read",            RPC_SCOPE_ALL},
    {"teller",             "ledger.transfer.create",       RPC_SCOPE_ALL},
    {"branch_manager",     "auth.activity.read",           RPC_SCOPE_BRANCH},
    {"branch_manager",     "auth.session.read",            RPC_SCOPE_BRANCH},
    {"branch_manager",     "auth.user.read",               RPC_SCOPE_BRANCH},
    {"kyc_maker",          "kyc.case.read",                RPC_SCOPE_ALL},
    {"kyc_maker",          "kyc.case.recommend",           RPC_SCOPE_ALL},
    {"kyc_checker",        "kyc.case.decide",              RPC_SCOPE_ALL},
    {"kyc_checker",        "kyc.case.read",                RPC_SCOPE_ALL},
    {"compliance_officer", "audit.erase",                  RPC_SCOPE_ALL},
    {"compliance_officer", "audit.read",                   RPC_SCOPE_ALL},
    {"compliance_officer", "audit.webhook.read",           RPC_SCOPE_ALL},
    {"compliance_officer", "auth.activity.read",           RPC_SCOPE_ALL},
    {"compliance_officer", "auth.report.read",             RPC_SCOPE_ALL},
    {"compliance_officer", "auth.user.block",              RPC_SCOPE_ALL},
    {"compliance_officer", "auth.user.read",               RPC_SCOPE_ALL},
    {"compliance_officer", "kyc.case.read",                RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.account.freeze",        RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.account.limits",        RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.account.read",          RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.account.update",        RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.limit.read",            RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.limit.write",           RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.report.read",           RPC_SCOPE_ALL},
    {"auditor",            "audit.read",                   RPC_SCOPE_ALL},
    {"auditor",            "audit.webhook.read",           RPC_SCOPE_ALL},
    {"auditor",            "auth.activity.read",           RPC_SCOPE_ALL},
    {"auditor",            "auth.branch.read",             RPC_SCOPE_ALL},
    {"auditor",            "auth.feature.read",            RPC_SCOPE_ALL},
    {"auditor",            "auth.report.read",             RPC_SCOPE_ALL},
    {"auditor",            "auth.role.read",               RPC_SCOPE_ALL},
    {"auditor",            "auth.user.read",               RPC_SCOPE_ALL},
    {"auditor",            "ledger.account.read",          RPC_SCOPE_ALL},
    {"auditor",            "ledger.limit.read",            RPC_SCOPE_ALL},
    {"auditor",            "ledger.report.read",           RPC_SCOPE_ALL},
    {"support",            "auth.activity.read",           RPC_SCOPE_ALL},
    {"support",            "auth.session.read",            RPC_SCOPE_ALL},
    {"support",            "auth.user.read",               RPC_SCOPE_ALL},
    {"admin",              "auth.activity.read",           RPC_SCOPE_ALL},
    {"admin",              "auth.apikey.read",             RPC_SCOPE_ALL},
    {"admin",              "auth.apikey.write",            RPC_SCOPE_ALL},
    {"admin",              "auth.branch.read",             RPC_SCOPE_ALL},
    {"admin",              "auth.branch.write",            RPC_SCOPE_ALL},
    {"admin",              "auth.feature.read",            RPC_SCOPE_ALL},
    {"admin",              "auth.feature.write",           RPC_SCOPE_ALL},
    {"admin",              "auth.report.read",             RPC_SCOPE_ALL},
    {"admin",              "auth.role.read",               RPC_SCOPE_ALL},
    {"admin",              "auth.role.write",              RPC_SCOPE_ALL},
    {"admin",              "auth.service_account.create",  RPC_SCOPE_ALL},
    {"admin",              "auth.session.end",             RPC_SCOPE_ALL},
    {"admin",              "auth.session.read",            RPC_SCOPE_ALL},
    {"admin",              "auth.token.introspect",        RPC_SCOPE_ALL},
    {"admin",              "auth.user.block",              RPC_SCOPE_ALL},
    {"admin",              "auth.user.close",              RPC_SCOPE_ALL},
    {"admin",              "auth.user.factors",            RPC_SCOPE_ALL},
    {"admin",              "auth.user.read",               RPC_SCOPE_ALL},
    {"admin",              "auth.user.roles",              RPC_SCOPE_ALL},
    {"admin",              "auth.user.write",              RPC_SCOPE_ALL},
    {"admin",              "ledger.account.create",        RPC_SCOPE_ALL},
    {"admin",              "ledger.account.system",        RPC_SCOPE_ALL},
    {"admin",              "ledger.currency.create",       RPC_SCOPE_ALL},
    {"admin",              "ledger.report.read",           RPC_SCOPE_ALL},
    {"admin",              "system.stats.read",            RPC_SCOPE_ALL},
    {"ops",                "audit.consume",                RPC_SCOPE_ALL},
    {"ops",                "audit.read",                   RPC_SCOPE_ALL},
    {"ops",                "audit.webhook.read",           RPC_SCOPE_ALL},
    {"ops",                "audit.webhook.write",          RPC_SCOPE_ALL},
    {"ops",                "auth.apikey.read",             RPC_SCOPE_ALL},
    {"ops",                "auth.apikey.write",            RPC_SCOPE_ALL},
    {"ops",                "auth.report.read",             RPC_SCOPE_ALL},
    {"ops",                "ledger.report.read",           RPC_SCOPE_ALL},
    {"ops",                "system.control",               RPC_SCOPE_ALL},
    {"ops",                "system.events.read",           RPC_SCOPE_ALL},
    {"ops",                "system.stats.read",            RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "audit.consume",                RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "auth.apikey.exchange",         RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "auth.policy.read",             RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "auth.session.check",           RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "auth.token.introspect",        RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "ledger.fx.quote",              RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "system.events.read",           RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "system.stats.read",            RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "audit.consume",                RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "audit.read",                   RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "auth.keys.rotate",             RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "ledger.account.read",          RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "ledger.report.read",           RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "ledger.verify",                RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "system.control",               RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "system.events.read",           RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "system.stats.read",            RPC_SCOPE_ALL},
    {ROLE_SUBSCRIBER,      "audit.consume",                RPC_SCOPE_ALL},
    {ROLE_SUBSCRIBER,      "system.events.read",           RPC_SCOPE_ALL},
};
// clang-format on
const size_t role_grant_count = sizeof role_grants / sizeof role_grants[0];

enum rpc_scope role_scope(const char *role, const char *permission)
{
    for (size_t i = 0; i < role_grant_count; i++) {
        const struct role_grant *grant = &role_grants[i];
        if (strcmp(grant->permission, permission) == 0 && strcmp(grant->role, role) == 0) {
            return grant->scope;
        }
    }
    return RPC_SCOPE_NONE;
}

bool role_is_known(const char *role)
{
    for (size_t i = 0; i < built_in_role_count; i++) {
        if (strcmp(built_in_roles[i].name, role) == 0) return true;
    }
    return false;
}

const char *role_of_service(const char *service)
{
    static const char *const daemons[] = {"audit", "auth", "gateway", "kyc", "ledger"};
    if (strcmp(service, "ops") == 0) return ROLE_OPERATOR;
    for (size_t i = 0; i < sizeof daemons / sizeof daemons[0]; i++)
        if (strcmp(service, daemons[i]) == 0) return ROLE_SERVICE;
    return ROLE_SUBSCRIBER;
}

bool role_is_of_keys(const char *role)
{
    return strcmp(role, ROLE_SERVICE) == 0 || strcmp(role, ROLE_OPERATOR) == 0 ||
           strcmp(role, ROLE_SUBSCRIBER) == 0;
}

enum rpc_scope role_claims_scope(const struct token_claims *claims, const char *permission)
{
    if (claims->is_service) return role_scope(role_of_service(claims->service), permission);
    enum rpc_scope widest = RPC_SCOPE_NONE;
    for (size_t i = 0; i < claims->role_count && i < TOKEN_ROLES_MAX; i++) {
        if (role_is_of_keys(claims->roles[i])) continue;
        enum rpc_scope scope = role_scope(claims->roles[i], permission);
        if (scope > widest) widest = scope;
    }
    return widest;
}
