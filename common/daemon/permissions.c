#include "common/daemon/permissions.h"

#include <string.h>

enum {
    SELF = 1 << RPC_SCOPE_SELF,
    BRANCH = 1 << RPC_SCOPE_BRANCH,
    ALL = 1 << RPC_SCOPE_ALL,
};

// clang-format off
const struct permission permissions[] = { // By name.
    // name                        scopes        people duty
    {"audit.consume",              ALL,          true,  PERMISSION_PLAIN},
    {"audit.erase",                ALL,          true,  PERMISSION_PLAIN},
    {"audit.read",                 ALL,          true,  PERMISSION_PLAIN},
    {"audit.webhook.read",         ALL,          true,  PERMISSION_PLAIN},
    {"audit.webhook.write",        ALL,          true,  PERMISSION_PLAIN},
    {"auth.activity.read",         BRANCH | ALL, true,  PERMISSION_PLAIN},
    {"auth.apikey.exchange",       ALL,          false, PERMISSION_PLAIN},
    {"auth.apikey.read",           SELF | ALL,   true,  PERMISSION_PLAIN},
    {"auth.apikey.write",          SELF | ALL,   true,  PERMISSION_PLAIN},
    {"auth.branch.read",           ALL,          true,  PERMISSION_PLAIN},
    {"auth.branch.write",          ALL,          true,  PERMISSION_PLAIN},
    {"auth.feature.read",          ALL,          true,  PERMISSION_PLAIN},
    {"auth.feature.write",         ALL,          true,  PERMISSION_GOVERNS},
    {"auth.keys.rotate",           ALL,          false, PERMISSION_PLAIN},
    {"auth.policy.read",           ALL,          false, PERMISSION_PLAIN},
    {"auth.report.read",           ALL,          true,  PERMISSION_PLAIN},
    {"auth.role.read",             ALL,          true,  PERMISSION_PLAIN},
    {"auth.role.write",            ALL,          true,  PERMISSION_GOVERNS},
    {"auth.service_account.create", ALL,         true,  PERMISSION_PLAIN},
    {"auth.session.check",         ALL,          false, PERMISSION_PLAIN},
    {"auth.session.end",           BRANCH | ALL, true,  PERMISSION_PLAIN},
    {"auth.session.read",          BRANCH | ALL, true,  PERMISSION_PLAIN},
    {"auth.token.introspect",      ALL,          true,  PERMISSION_PLAIN},
    {"auth.user.block",            BRANCH | ALL, true,  PERMISSION_PLAIN},
    {"auth.user.close",            ALL,          true,  PERMISSION_PLAIN},
    {"auth.user.factors",          ALL,          true,  PERMISSION_PLAIN},
    {"auth.user.read",             BRANCH | ALL, true,  PERMISSION_PLAIN},
    {"auth.user.roles",            ALL,          true,  PERMISSION_GOVERNS},
    {"auth.user.write",            BRANCH | ALL, true,  PERMISSION_PLAIN},
    {"kyc.case.decide",            ALL,          true,  PERMISSION_MOVES},
    {"kyc.case.read",              ALL,          true,  PERMISSION_PLAIN},
    {"kyc.case.recommend",         ALL,          true,  PERMISSION_MOVES},
    {"kyc.self.read",              SELF,         true,  PERMISSION_PLAIN},
    {"kyc.self.write",             SELF,         true,  PERMISSION_PLAIN},
    {"ledger.account.close",       SELF | ALL,   true,  PERMISSION_PLAIN},
    {"ledger.account.create",      SELF | ALL,   true,  PERMISSION_PLAIN},
    {"ledger.account.freeze",      ALL,          true,  PERMISSION_PLAIN},
    {"ledger.account.limits",      ALL,          true,  PERMISSION_MOVES}, // Credit is money.
    {"ledger.account.read",        SELF | ALL,   true,  PERMISSION_PLAIN},
    {"ledger.account.system",      ALL,          true,  PERMISSION_PLAIN},
    {"ledger.account.update",      SELF | ALL,   true,  PERMISSION_PLAIN},
    {"ledger.cash.deposit",        ALL,          true,  PERMISSION_MOVES},
    {"ledger.cash.withdraw",       SELF | ALL,   true,  PERMISSION_MOVES},
    {"ledger.currency.create",     ALL,          true,  PERMISSION_PLAIN},
    {"ledger.fx.quote",            ALL,          true,  PERMISSION_MOVES},
    {"ledger.limit.read",          SELF | ALL,   true,  PERMISSION_PLAIN},
    {"ledger.limit.write",         ALL,          true,  PERMISSION_PLAIN},
    {"ledger.report.read",         ALL,          true,  PERMISSION_PLAIN},
    {"ledger.transfer.create",     SELF | ALL,   true,  PERMISSION_MOVES},
    {"ledger.verify",              ALL,          false, PERMISSION_PLAIN},
    {"system.control",             ALL,          false, PERMISSION_PLAIN},
    {"system.events.read",         ALL,          false, PERMISSION_PLAIN},
    {"system.stats.read",          ALL,          false, PERMISSION_PLAIN},
};
// clang-format on

const size_t permission_count = sizeof permissions / sizeof permissions[0];
_Static_assert(sizeof permissions / sizeof permissions[0] <= PERMISSIONS_MAX,
               "a set of permissions is 64 bits");

size_t permission_find(const char *name)
{
    size_t low = 0, high = permission_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(permissions[middle].name, name);
        if (order == 0) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return permission_count;
}

bool permission_supports(size_t index, enum rpc_scope scope)
{
    return index < permission_count && scope > RPC_SCOPE_NONE && scope <= RPC_SCOPE_ALL &&
           (permissions[index].scopes & (1U << scope)) != 0;
}
