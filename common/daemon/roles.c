#include "common/daemon/identity.h"

#include <string.h>

// The built-in roles. branch_manager holds no grant until branches exist: a grant that reaches for
// a branch means nothing without them.
static const char *const role_names[] = {
    "customer", "teller",  "branch_manager", "kyc_maker", "kyc_checker", "compliance_officer",
    "ops",      "auditor", "support",        "admin",     "service",
};

// admin manages users, currencies and the chart of accounts; it moves no money and decides no KYC
// case. compliance_officer freezes accounts and sets limits, and moves no money either.
// clang-format off
const struct role_grant role_grants[] = {
    {"customer",           "kyc.self.write",         RPC_SCOPE_SELF},
    {"customer",           "kyc.self.read",          RPC_SCOPE_SELF},
    {"customer",           "ledger.account.create",  RPC_SCOPE_SELF},
    {"customer",           "ledger.account.read",    RPC_SCOPE_SELF},
    {"customer",           "ledger.account.update",  RPC_SCOPE_SELF},
    {"customer",           "ledger.account.close",   RPC_SCOPE_SELF},
    {"customer",           "ledger.cash.withdraw",   RPC_SCOPE_SELF},
    {"customer",           "ledger.limit.read",      RPC_SCOPE_SELF},
    {"customer",           "ledger.transfer.create",RPC_SCOPE_SELF},
    {"teller",             "auth.user.read",         RPC_SCOPE_ALL},
    {"teller",             "ledger.account.create",  RPC_SCOPE_ALL},
    {"teller",             "ledger.account.read",    RPC_SCOPE_ALL},
    {"teller",             "ledger.account.update",  RPC_SCOPE_ALL},
    {"teller",             "ledger.account.close",   RPC_SCOPE_ALL},
    {"teller",             "ledger.cash.deposit",    RPC_SCOPE_ALL},
    {"teller",             "ledger.cash.withdraw",   RPC_SCOPE_ALL},
    {"teller",             "ledger.fx.quote",        RPC_SCOPE_ALL},
    {"teller",             "ledger.limit.read",      RPC_SCOPE_ALL},
    {"teller",             "ledger.transfer.create",RPC_SCOPE_ALL},
    {"kyc_maker",          "kyc.case.read",          RPC_SCOPE_ALL},
    {"kyc_maker",          "kyc.case.recommend",     RPC_SCOPE_ALL},
    {"kyc_checker",        "kyc.case.read",          RPC_SCOPE_ALL},
    {"kyc_checker",        "kyc.case.decide",        RPC_SCOPE_ALL},
    {"compliance_officer", "audit.read",             RPC_SCOPE_ALL},
    {"compliance_officer", "kyc.case.read",          RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.account.read",    RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.account.update",  RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.account.limits",  RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.account.freeze",  RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.limit.read",      RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.limit.write",     RPC_SCOPE_ALL},
    {"compliance_officer", "ledger.report.read",     RPC_SCOPE_ALL},
    {"auditor",            "audit.read",             RPC_SCOPE_ALL},
    {"auditor",            "ledger.account.read",    RPC_SCOPE_ALL},
    {"auditor",            "ledger.limit.read",      RPC_SCOPE_ALL},
    {"auditor",            "ledger.report.read",     RPC_SCOPE_ALL},
    {"support",            "auth.user.read",         RPC_SCOPE_ALL},
    {"admin",              "auth.user.read",         RPC_SCOPE_ALL},
    {"admin",              "auth.user.roles",        RPC_SCOPE_ALL},
    {"admin",              "ledger.account.create",  RPC_SCOPE_ALL},
    {"admin",              "ledger.account.system",  RPC_SCOPE_ALL},
    {"admin",              "ledger.currency.create",RPC_SCOPE_ALL},
    {"admin",              "ledger.report.read",     RPC_SCOPE_ALL},
    {"admin",              "system.stats.read",      RPC_SCOPE_ALL},
    {"ops",                "ledger.report.read",     RPC_SCOPE_ALL},
    {"ops",                "system.stats.read",      RPC_SCOPE_ALL},
    {"ops",                "system.control",         RPC_SCOPE_ALL},
    {"ops",                "system.events.read",     RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "system.events.read",     RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "system.stats.read",      RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "auth.session.check",     RPC_SCOPE_ALL},
    {ROLE_SERVICE,         "ledger.fx.quote",        RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "system.stats.read",      RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "system.control",         RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "system.events.read",     RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "ledger.verify",          RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "ledger.account.read",    RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "ledger.report.read",     RPC_SCOPE_ALL},
    {ROLE_OPERATOR,        "audit.read",             RPC_SCOPE_ALL},
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
    for (size_t i = 0; i < sizeof role_names / sizeof role_names[0]; i++) {
        if (strcmp(role_names[i], role) == 0) return true;
    }
    return false;
}

enum rpc_scope role_claims_scope(const struct token_claims *claims, const char *permission)
{
    if (claims->is_service) {
        bool is_operator = strcmp(claims->service, "ops") == 0;
        return role_scope(is_operator ? ROLE_OPERATOR : ROLE_SERVICE, permission);
    }
    enum rpc_scope widest = RPC_SCOPE_NONE;
    for (size_t i = 0; i < claims->role_count && i < TOKEN_ROLES_MAX; i++) {
        // What daemons may do hangs on their keys; no user gets it by a role.
        if (strcmp(claims->roles[i], ROLE_SERVICE) == 0) continue;
        enum rpc_scope scope = role_scope(claims->roles[i], permission);
        if (scope > widest) widest = scope;
    }
    return widest;
}
