// Roles, branches and features: who may change them, to what, and that a change holds once it is
// answered.
#include "common/base/check.h"
#include "common/rpc/pack.h"
#include "services/auth/access.h"
#include "tests/unit/auth/house.h"

#include <pthread.h>

static struct caller *be_with(struct house *house, const char *role)
{
    struct caller *caller = house->caller;
    caller->claims = (struct token_claims){.subject = id_of(0xad), .aal = 1, .role_count = 1};
    snprintf(caller->claims.roles[0], sizeof caller->claims.roles[0], "%s", role);
    caller->is_authenticated = true;
    return caller;
}

/// What a user with these roles may do, as auth's own calls are asked.
static enum rpc_scope may(struct house *house, const char *role, const char *permission)
{
    struct token_claims claims = {.subject = id_of(7), .role_count = 1};
    snprintf(claims.roles[0], sizeof claims.roles[0], "%s", role);
    struct access_policy *policy = auth_access_policy(house->service.access);
    assert_true(access_policy_is_current(policy));
    return access_policy_scope(policy, &claims, permission, NULL);
}

// ---- Asking --------------------------------------------------------------------------------

enum { GRANTS_MAX = 4 };

struct grant {
    const char *permission;
    Auth__Scope scope;
};

struct grants {
    Auth__Grant messages[GRANTS_MAX], *pointers[GRANTS_MAX];
    size_t count;
};

static void fill_grants(const struct grant rows[static GRANTS_MAX], struct grants *ret)
{
    for (ret->count = 0; ret->count < GRANTS_MAX && rows[ret->count].permission != NULL;) {
        Auth__Grant *message = &ret->messages[ret->count];
        *message = (Auth__Grant)AUTH__GRANT__INIT;
        message->permission = text_of(rows[ret->count].permission);
        message->scope = rows[ret->count].scope;
        ret->pointers[ret->count++] = message;
    }
}

static struct status create_role(struct caller *caller, const char *name,
                                 const struct grant rows[static GRANTS_MAX], Auth__Role **ret)
{
    Auth__CreateRoleRequest request = AUTH__CREATE_ROLE_REQUEST__INIT;
    struct grants grants;
    fill_grants(rows, &grants);
    request.name = text_of(name);
    request.description = text_of("Made by a test");
    request.grants = grants.pointers;
    request.n_grants = grants.count;
    return caller_call(caller, AUTH_CREATE_ROLE, &request, ret);
}

static struct status update_role(struct caller *caller, const char *name, uint64_t if_match,
                                 const struct grant rows[static GRANTS_MAX], Auth__Role **ret)
{
    Auth__UpdateRoleRequest request = AUTH__UPDATE_ROLE_REQUEST__INIT;
    char *mask[] = {text_of("grants")};
    struct grants grants;
    fill_grants(rows, &grants);
    request.name = text_of(name);
    request.if_match = if_match;
    request.update_mask = mask;
    request.n_update_mask = 1;
    request.grants = grants.pointers;
    request.n_grants = grants.count;
    return caller_call(caller, AUTH_UPDATE_ROLE, &request, ret);
}

static struct status create_branch(struct caller *caller, const char *code, Auth__Branch **ret)
{
    Auth__CreateBranchRequest request = AUTH__CREATE_BRANCH_REQUEST__INIT;
    request.code = text_of(code);
    request.name = text_of("Pune, Camp");
    return caller_call(caller, AUTH_CREATE_BRANCH, &request, ret);
}

struct feature {
    const char *name, *permission;
    bool is_enabled;
    const char *branch, *role;
};

static struct status create_feature(struct caller *caller, const struct feature *feature,
                                    Auth__Feature **ret)
{
    Auth__CreateFeatureRequest request = AUTH__CREATE_FEATURE_REQUEST__INIT;
    char *permission[] = {text_of(feature->permission)};
    char *branch[] = {text_of(feature->branch)}, *role[] = {text_of(feature->role)};
    request.name = text_of(feature->name);
    request.enabled = feature->is_enabled;
    request.permissions = permission;
    request.n_permissions = 1;
    request.denied_branches = branch;
    request.n_denied_branches = feature->branch != NULL;
    request.denied_roles = role;
    request.n_denied_roles = feature->role != NULL;
    return caller_call(caller, AUTH_CREATE_FEATURE, &request, ret);
}

static struct status deny_role(struct caller *caller, const char *name, const char *denied)
{
    Auth__UpdateFeatureRequest request = AUTH__UPDATE_FEATURE_REQUEST__INIT;
    char *mask[] = {text_of("denied_roles")}, *role[] = {text_of(denied)};
    request.name = text_of(name);
    request.if_match = RPC_ETAG_ANY;
    request.update_mask = mask;
    request.n_update_mask = 1;
    request.denied_roles = role;
    request.n_denied_roles = 1;
    return caller_call(caller, AUTH_UPDATE_FEATURE, &request, NULL);
}

static struct status switch_feature(struct caller *caller, const char *name, bool is_enabled,
                                    Auth__Feature **ret)
{
    Auth__UpdateFeatureRequest request = AUTH__UPDATE_FEATURE_REQUEST__INIT;
    char *mask[] = {text_of("enabled")};
    request.name = text_of(name);
    request.if_match = RPC_ETAG_ANY;
    request.update_mask = mask;
    request.n_update_mask = 1;
    request.enabled = is_enabled;
    return caller_call(caller, AUTH_UPDATE_FEATURE, &request, ret);
}

static uint64_t policy_version(struct house *house)
{
    Auth__GetAccessPolicyRequest request = AUTH__GET_ACCESS_POLICY_REQUEST__INIT;
    Auth__AccessPolicy *policy;
    assert_status_ok(caller_call(house->caller, AUTH_GET_ACCESS_POLICY, &request, &policy));
    return policy->version;
}

#define SELF AUTH__SCOPE__SELF
#define BRANCH AUTH__SCOPE__BRANCH
#define ALL AUTH__SCOPE__ALL

static const struct grant desk[GRANTS_MAX] = {{"ledger.cash.deposit", ALL},
                                              {"auth.user.read", BRANCH}};

// ---- Roles ---------------------------------------------------------------------------------

static void test_what_a_role_can_be(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");

    static const struct {
        const char *given, *name;
        struct grant grants[GRANTS_MAX];
        const char *reason;
    } rows[] = {
        // clang-format off
        {"two grants",                       "desk",    {{"ledger.cash.deposit", ALL}, {"auth.user.read", BRANCH}}, NULL},
        {"none at all",                      "nothing", {{0}}, NULL},
        {"governing alone",                  "switch",  {{"auth.feature.write", ALL}}, NULL},
        {"governing, and what is one's own", "own",     {{"auth.user.roles", ALL}, {"ledger.transfer.create", SELF}}, NULL},
        {"a name that is taken",             "desk",    {{0}}, "ROLE_EXISTS"},
        {"a built-in one's",                 "teller",  {{0}}, "ROLE_EXISTS"},
        {"the daemons'",                     "service", {{0}}, "ROLE_EXISTS"},
        {"a name in upper case",             "Desk",    {{0}}, "VALIDATION_FAILED"},
        {"a name with a colon",              "a:b",     {{0}}, "VALIDATION_FAILED"},
        {"a permission that is none",        "wrong",   {{"ledger.cash", ALL}}, "PERMISSION_UNKNOWN"},
        {"one longer than any",              "wrong",   {{"ledger.cash.deposit.of.everybody.everywhere", ALL}}, "PERMISSION_UNKNOWN"},
        {"one of daemons",                   "wrong",   {{"auth.session.check", ALL}}, "PERMISSION_UNKNOWN"},
        {"one of operators",                 "wrong",   {{"system.control", ALL}}, "PERMISSION_UNKNOWN"},
        {"a scope that nobody looks at",     "wrong",   {{"ledger.cash.deposit", BRANCH}}, "SCOPE_UNSUPPORTED"},
        {"another",                          "wrong",   {{"auth.user.read", SELF}}, "SCOPE_UNSUPPORTED"},
        {"the same permission twice",        "wrong",   {{"audit.read", ALL}, {"audit.read", ALL}}, "VALIDATION_FAILED"},
        {"no scope",                         "wrong",   {{"audit.read", 0}}, "VALIDATION_FAILED"},
        {"governing, and others' money",     "wrong",   {{"auth.user.roles", ALL}, {"ledger.transfer.create", ALL}},
         "SEPARATION_OF_DUTIES"},
        {"governing, and decisions",         "wrong",   {{"kyc.case.decide", ALL}, {"auth.role.write", ALL}}, "SEPARATION_OF_DUTIES"},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__Role *role = NULL;
        uint64_t before = policy_version(house);
        struct status status = create_role(admin, rows[i].name, rows[i].grants, &role);
        print_message("  %s\n", rows[i].given);
        assert_int_equal(policy_version(house), before + (rows[i].reason == NULL));
        if (rows[i].reason != NULL) {
            assert_refused(status, rows[i].reason);
            continue;
        }
        assert_status_ok(status);
        assert_string_equal(role->name, rows[i].name);
        assert_int_equal(role->version, 1);
        assert_false(role->built_in);
        assert_int_equal(role->created_at, house->now_ns);
    }
}

static void test_a_role_holds_once_it_is_answered(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    Auth__Role *role;
    assert_int_equal(may(house, "desk", "ledger.cash.deposit"), RPC_SCOPE_NONE);
    assert_status_ok(create_role(admin, "desk", desk, &role));
    assert_int_equal(may(house, "desk", "ledger.cash.deposit"), RPC_SCOPE_ALL);
    assert_int_equal(may(house, "desk", "auth.user.read"), RPC_SCOPE_BRANCH);
    assert_string_equal(role->grants[0]->permission, "auth.user.read"); // By permission.

    static const struct grant less[GRANTS_MAX] = {{"audit.read", ALL}};
    house_wait(house, 5);
    assert_status_ok(update_role(admin, "desk", 1, less, &role));
    assert_int_equal(role->version, 2);
    assert_int_equal(role->updated_at, role->created_at + 5 * AUTH_SECOND_NS);
    assert_int_equal(may(house, "desk", "ledger.cash.deposit"), RPC_SCOPE_NONE);
    assert_int_equal(may(house, "desk", "audit.read"), RPC_SCOPE_ALL);

    house_reopen(house);
    assert_int_equal(may(house, "desk", "audit.read"), RPC_SCOPE_ALL);
    assert_int_equal(access_policy_version(auth_access_policy(house->service.access)), 2);
}

static void test_who_may_change_a_role(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    assert_status_ok(create_role(admin, "desk", desk, NULL));

    static const struct {
        const char *given, *caller, *name;
        uint64_t if_match;
        struct grant grants[GRANTS_MAX];
        const char *reason;
        uint64_t version; // Behind it.
    } rows[] = {
        // clang-format off
        {"another version",              "admin",  "desk",    7,            {{"audit.read", ALL}}, "VERSION_MISMATCH", 1},
        {"a tag that is no version",     "admin",  "desk",    RPC_ETAG_NONE,{{"audit.read", ALL}}, "VERSION_MISMATCH", 1},
        {"a holder",                     "desk",   "desk",    1,            {{"audit.read", ALL}}, "SEPARATION_OF_DUTIES", 1},
        {"a built-in role",              "admin",  "teller",  RPC_ETAG_ANY, {{"audit.read", ALL}}, "ROLE_BUILT_IN", 1},
        {"no role",                      "admin",  "nobody",  RPC_ETAG_ANY, {{"audit.read", ALL}}, "ROLE_NOT_FOUND", 1},
        {"what cannot be a role",        "admin",  "NOBODY",  RPC_ETAG_ANY, {{"audit.read", ALL}}, "ROLE_NOT_FOUND", 1},
        {"what makes it toxic",          "admin",  "desk",    1, {{"auth.user.roles", ALL}, {"ledger.cash.deposit", ALL}},
         "SEPARATION_OF_DUTIES", 1},
        {"an unknown permission",        "admin",  "desk",    1,            {{"audit", ALL}}, "PERMISSION_UNKNOWN", 1},
        {"nothing new",                  "admin",  "desk",    1, {{"auth.user.read", BRANCH}, {"ledger.cash.deposit", ALL}}, NULL, 1},
        {"something new",                "admin",  "desk",    1,            {{"audit.read", ALL}}, NULL, 2},
        {"at whatever version",          "admin",  "desk",    RPC_ETAG_ANY, {{0}}, NULL, 3},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__Role *role = NULL;
        uint64_t head = house_event_head(house), before = policy_version(house);
        print_message("  %s\n", rows[i].given);
        struct status status = update_role(be_with(house, rows[i].caller), rows[i].name,
                                           rows[i].if_match, rows[i].grants, &role);
        if (rows[i].reason != NULL) assert_refused(status, rows[i].reason);
        if (rows[i].reason == NULL) assert_status_ok(status);
        Auth__GetRoleRequest request = AUTH__GET_ROLE_REQUEST__INIT;
        request.name = text_of("desk");
        assert_status_ok(caller_call(admin, AUTH_GET_ROLE, &request, &role));
        bool is_changed = i > 0 && rows[i].version != rows[i - 1].version;
        assert_int_equal(role->version, rows[i].version);
        assert_int_equal(policy_version(house), before + is_changed);
        assert_string_equal(house_events(admin, head), is_changed ? "auth.role.changed " : "");
    }
}

static void test_members_of_an_update(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    assert_status_ok(create_role(admin, "desk", desk, NULL));
    Auth__UpdateRoleRequest request = AUTH__UPDATE_ROLE_REQUEST__INIT;
    Auth__Role *role;
    char *description[] = {text_of("description")}, *unknown[] = {text_of("name")};
    char *twice[] = {text_of("grants"), text_of("grants")};
    request.name = text_of("desk");
    request.if_match = 1;
    request.description = text_of("The cash desk");
    request.update_mask = unknown;
    request.n_update_mask = 1;
    assert_refused(caller_call(admin, AUTH_UPDATE_ROLE, &request, NULL), "VALIDATION_FAILED");
    request.update_mask = twice;
    request.n_update_mask = 2;
    assert_refused(caller_call(admin, AUTH_UPDATE_ROLE, &request, NULL), "VALIDATION_FAILED");
    request.update_mask = description;
    request.n_update_mask = 1;
    assert_status_ok(caller_call(admin, AUTH_UPDATE_ROLE, &request, &role));
    assert_string_equal(role->description, "The cash desk");
    assert_int_equal(role->n_grants, 2); // Not named, so not touched.
}

static void test_roles_by_name(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    static const char *const expected[] = {
        "a.first",  "admin",  "auditor",     "branch_manager", "compliance_officer",
        "customer", "desk",   "kyc_checker", "kyc_maker",      "ops",
        "support",  "teller", "zz",
    };
    static const struct grant nothing[GRANTS_MAX] = {{0}};
    assert_status_ok(create_role(admin, "zz", nothing, NULL));
    assert_status_ok(create_role(admin, "desk", nothing, NULL));
    assert_status_ok(create_role(admin, "a.first", nothing, NULL));
    for (int32_t size = 1; size <= 14; size++) {
        Auth__ListRolesRequest request = AUTH__LIST_ROLES_REQUEST__INIT;
        Auth__ListRolesResponse *page;
        size_t seen = 0;
        request.page_size = size;
        do {
            assert_status_ok(caller_call(admin, AUTH_LIST_ROLES, &request, &page));
            for (size_t i = 0; i < page->n_roles; i++, seen++) {
                assert_true(seen < ROWS(expected));
                assert_string_equal(page->roles[i]->name, expected[seen]);
                assert_int_equal(page->roles[i]->built_in, role_is_known(expected[seen]));
            }
            request.page_token = page->next_page_token;
        } while (page->next_page_token[0] != '\0');
        assert_int_equal(seen, ROWS(expected));
    }
}

static void test_a_built_in_role_is_shown_as_it_is(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    Auth__GetRoleRequest request = AUTH__GET_ROLE_REQUEST__INIT;
    Auth__Role *role;
    request.name = text_of("branch_manager");
    assert_status_ok(caller_call(admin, AUTH_GET_ROLE, &request, &role));
    assert_true(role->built_in);
    assert_int_equal(role->version, 1);
    assert_int_equal(role->created_at, 0);
    assert_int_equal(role->n_grants, 3);
    assert_string_equal(role->grants[2]->permission, "auth.user.read");
    assert_int_equal(role->grants[2]->scope, BRANCH);
    request.name = text_of("service");
    assert_refused(caller_call(admin, AUTH_GET_ROLE, &request, &role), "ROLE_NOT_FOUND");
}

static void test_the_catalogue_is_what_people_can_have(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    Auth__ListPermissionsRequest request = AUTH__LIST_PERMISSIONS_REQUEST__INIT;
    Auth__ListPermissionsResponse *reply;
    assert_status_ok(caller_call(admin, AUTH_LIST_PERMISSIONS, &request, &reply));
    for (size_t i = 0; i < reply->n_permissions; i++) {
        const Auth__Permission *permission = reply->permissions[i];
        struct grant grants[GRANTS_MAX] = {{permission->name, permission->scopes[0]}};
        char name[AUTH_ROLE_BYTES];
        snprintf(name, sizeof name, "role_%zu", i);
        assert_true(permission->n_scopes > 0);
        assert_status_ok(create_role(admin, name, grants, NULL));
    }
    assert_true(reply->n_permissions > 30);
}

static void test_there_are_only_so_many_roles(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    static const struct grant grants[GRANTS_MAX] = {{"audit.read", ALL}};
    char name[AUTH_ROLE_BYTES];
    for (unsigned i = 0; i < AUTH_ROLES_STORED_MAX; i++) {
        snprintf(name, sizeof name, "role_%u", i);
        assert_status_ok(create_role(admin, name, grants, NULL));
    }
    assert_refused(create_role(admin, "one_more", grants, NULL), "TOO_MANY_ROLES");
    assert_int_equal(may(house, "role_255", "audit.read"), RPC_SCOPE_ALL);
    assert_int_equal(may(house, "one_more", "audit.read"), RPC_SCOPE_NONE);
    Auth__GetAccessPolicyRequest request = AUTH__GET_ACCESS_POLICY_REQUEST__INIT;
    Auth__AccessPolicy *policy;
    assert_status_ok(caller_call(admin, AUTH_GET_ACCESS_POLICY, &request, &policy));
    assert_int_equal(policy->n_roles, AUTH_ROLES_STORED_MAX);
    assert_int_equal(policy->version, AUTH_ROLES_STORED_MAX);
}

// ---- Branches ------------------------------------------------------------------------------

static void test_branches(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    Auth__Branch *branch;
    uint64_t head = house_event_head(house);
    assert_status_ok(create_branch(admin, "pune-2", NULL));
    assert_status_ok(create_branch(admin, "pune-1", &branch));
    assert_string_equal(branch->status, "open");
    assert_int_equal(branch->version, 1);
    assert_refused(create_branch(admin, "pune-1", NULL), "BRANCH_EXISTS");
    assert_refused(create_branch(admin, "Pune", NULL), "VALIDATION_FAILED");
    assert_string_equal(house_events(admin, head), "auth.branch.changed auth.branch.changed ");

    Auth__UpdateBranchRequest update = AUTH__UPDATE_BRANCH_REQUEST__INIT;
    char *mask[] = {text_of("status")};
    update.code = text_of("pune-1");
    update.if_match = 1;
    update.update_mask = mask;
    update.n_update_mask = 1;
    update.status = text_of("gone");
    assert_refused(caller_call(admin, AUTH_UPDATE_BRANCH, &update, NULL), "VALIDATION_FAILED");
    update.status = text_of("closed");
    assert_status_ok(caller_call(admin, AUTH_UPDATE_BRANCH, &update, &branch));
    assert_string_equal(branch->status, "closed");
    assert_string_equal(branch->name, "Pune, Camp"); // Not named.
    assert_refused(caller_call(admin, AUTH_UPDATE_BRANCH, &update, NULL), "VERSION_MISMATCH");
    update.code = text_of("pune-9");
    assert_refused(caller_call(admin, AUTH_UPDATE_BRANCH, &update, NULL), "BRANCH_NOT_FOUND");

    Auth__ListBranchesRequest list = AUTH__LIST_BRANCHES_REQUEST__INIT;
    Auth__ListBranchesResponse *page;
    list.page_size = 1;
    assert_status_ok(caller_call(admin, AUTH_LIST_BRANCHES, &list, &page));
    assert_string_equal(page->branches[0]->code, "pune-1");
    list.page_token = page->next_page_token;
    assert_status_ok(caller_call(admin, AUTH_LIST_BRANCHES, &list, &page));
    assert_string_equal(page->branches[0]->code, "pune-2");
    assert_string_equal(page->next_page_token, "");
    assert_int_equal(policy_version(house), 0); // Branches are no part of the policy.
}

// ---- Features ------------------------------------------------------------------------------

static void test_what_a_feature_can_be(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    assert_status_ok(create_branch(admin, "pune-1", NULL));

    static const struct {
        const char *given;
        struct feature feature;
        const char *reason;
    } rows[] = {
        // clang-format off
        {"on",                        {"fx", "ledger.fx.quote", true, NULL, NULL}, NULL},
        {"off in a branch",           {"cash", "ledger.cash.withdraw", true, "pune-1", NULL}, NULL},
        {"off for a role",            {"limits", "ledger.limit.read", true, NULL, "support"}, NULL},
        {"a name that is taken",      {"fx", "ledger.fx.quote", true, NULL, NULL}, "FEATURE_EXISTS"},
        {"a name in upper case",      {"FX", "ledger.fx.quote", true, NULL, NULL}, "VALIDATION_FAILED"},
        {"an unknown permission",     {"x", "ledger.fx", true, NULL, NULL}, "PERMISSION_UNKNOWN"},
        {"a permission of daemons",   {"x", "auth.policy.read", true, NULL, NULL}, "PERMISSION_UNKNOWN"},
        {"an unknown branch",         {"x", "ledger.fx.quote", true, "pune-2", NULL}, "BRANCH_UNKNOWN"},
        {"what can be no branch",     {"x", "ledger.fx.quote", true, "Pune", NULL}, "BRANCH_UNKNOWN"},
        {"an unknown role",           {"x", "ledger.fx.quote", true, NULL, "king"}, "ROLE_UNKNOWN"},
        {"the daemons' role",         {"x", "ledger.fx.quote", true, NULL, "service"}, "ROLE_UNKNOWN"},
        {"what would lock us all out", {"x", "auth.feature.write", false, NULL, NULL}, "SEPARATION_OF_DUTIES"},
        {"or some of us",             {"x", "auth.feature.write", true, NULL, "admin"}, "SEPARATION_OF_DUTIES"},
        {"what we could not undo",    {"x", "auth.user.roles", true, NULL, "admin"}, "SEPARATION_OF_DUTIES"},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__Feature *feature = NULL;
        uint64_t before = policy_version(house);
        print_message("  %s\n", rows[i].given);
        struct status status = create_feature(admin, &rows[i].feature, &feature);
        assert_int_equal(policy_version(house), before + (rows[i].reason == NULL));
        if (rows[i].reason != NULL) {
            assert_refused(status, rows[i].reason);
        } else {
            assert_status_ok(status);
            assert_string_equal(feature->permissions[0], rows[i].feature.permission);
        }
    }
}

static void test_a_switch_holds_once_it_is_answered(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    const struct feature cash = {"cash", "ledger.cash.withdraw", true, NULL, "support"};
    Auth__Feature *feature;
    assert_status_ok(create_feature(admin, &cash, &feature));
    assert_int_equal(may(house, "teller", "ledger.cash.withdraw"), RPC_SCOPE_ALL);
    uint64_t head = house_event_head(house);
    assert_status_ok(switch_feature(admin, "cash", false, &feature));
    assert_int_equal(feature->version, 2);
    assert_int_equal(feature->n_denied_roles, 1); // Not named.
    assert_int_equal(may(house, "teller", "ledger.cash.withdraw"), RPC_SCOPE_NONE);
    assert_status_ok(switch_feature(admin, "cash", false, &feature)); // Nothing new.
    assert_int_equal(feature->version, 2);
    assert_string_equal(house_events(admin, head), "auth.feature.changed ");
    house_reopen(house);
    assert_int_equal(may(house, "teller", "ledger.cash.withdraw"), RPC_SCOPE_NONE);
    assert_status_ok(switch_feature(admin, "cash", true, &feature));
    assert_int_equal(may(house, "teller", "ledger.cash.withdraw"), RPC_SCOPE_ALL);
    assert_refused(switch_feature(admin, "cards", true, NULL), "FEATURE_NOT_FOUND");
    assert_refused(switch_feature(be_with(house, "support"), "cash", true, NULL),
                   "SEPARATION_OF_DUTIES"); // For whose role it is off.
    admin = be_with(house, "admin");
    assert_status_ok(switch_feature(admin, "cash", false, NULL));
    assert_refused(deny_role(admin, "cash", "admin"), "SEPARATION_OF_DUTIES");
    assert_status_ok(deny_role(admin, "cash", "teller"));
}

// ---- What the other parts ask --------------------------------------------------------------

static void test_which_roles_go_together(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    static const struct grant switching[GRANTS_MAX] = {{"auth.feature.write", ALL}};
    assert_status_ok(create_role(admin, "desk", desk, NULL));
    assert_status_ok(create_role(admin, "switcher", switching, NULL));

    static const struct {
        const char *first, *second;
        bool is_refused;
    } rows[] = {
        {"admin", "customer", false},  {"admin", "support", false},
        {"teller", "customer", false}, {"teller", "kyc_checker", false},
        {"admin", "teller", true},     {"admin", "kyc_checker", true},
        {"admin", "kyc_maker", true},  {"desk", "customer", false},
        {"desk", "admin", true},       {"desk", "switcher", true},
        {"switcher", "admin", false},  {"switcher", "teller", true},
    };

    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_roles roles = {0};
        auth_roles_add(&roles, rows[i].first);
        auth_roles_add(&roles, rows[i].second);
        struct status status = auth_access_check_roles(txn, &roles);
        print_message("  %s and %s\n", rows[i].first, rows[i].second);
        if (rows[i].is_refused) assert_refused(status, "SEPARATION_OF_DUTIES");
        if (!rows[i].is_refused) assert_status_ok(status);
    }
}

static void test_roles_and_branches_that_exist(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    assert_status_ok(create_role(admin, "desk", desk, NULL));
    assert_status_ok(create_branch(admin, "pune-1", NULL));
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_true(auth_access_role_exists(txn, "desk"));
    assert_true(auth_access_role_exists(txn, "teller"));
    assert_false(auth_access_role_exists(txn, "service"));
    assert_false(auth_access_role_exists(txn, "king"));
    assert_false(auth_access_role_exists(txn, ""));
    assert_status_ok(auth_access_branch_is_open(txn, "pune-1"));
    assert_refused(auth_access_branch_is_open(txn, "pune-2"), "BRANCH_UNKNOWN");

    enum rpc_scope scope;
    struct auth_roles roles = {0};
    auth_roles_add(&roles, "desk");
    auth_roles_add(&roles, "customer");
    auth_roles_add(&roles, "gone");
    assert_status_ok(auth_access_scope(txn, &roles, "auth.user.read", &scope));
    assert_int_equal(scope, RPC_SCOPE_BRANCH);
    assert_status_ok(auth_access_scope(txn, &roles, "ledger.transfer.create", &scope));
    assert_int_equal(scope, RPC_SCOPE_SELF);
    assert_status_ok(auth_access_scope(txn, &roles, "audit.read", &scope));
    assert_int_equal(scope, RPC_SCOPE_NONE);
    assert_status_ok(auth_access_scope(txn, &roles, "auth.session.check", &scope));
    assert_int_equal(scope, RPC_SCOPE_NONE);
}

// ---- Many at once --------------------------------------------------------------------------

enum { THREADS = 64, CHANGES = 4 };

struct changer {
    pthread_t thread;
    struct caller *caller;
    unsigned number;
};

static void *change_roles(void *context)
{
    struct changer *changer = context;
    char name[AUTH_ROLE_BYTES];
    static const struct grant first[GRANTS_MAX] = {{"audit.read", ALL}};
    snprintf(name, sizeof name, "role_%u", changer->number % (THREADS / 2));
    (void)create_role(changer->caller, name, first, NULL); // Half of them are second.
    for (int i = 0; i < CHANGES; i++) {
        struct grant grants[GRANTS_MAX] = {{i % 2 == 0 ? "audit.read" : "ledger.report.read", ALL}};
        CHECK(status_ok(update_role(changer->caller, name, RPC_ETAG_ANY, grants, NULL)));
    }
    return NULL;
}

static void test_what_is_in_memory_is_what_is_stored(void **state)
{
    struct house *house = *state;
    struct caller *admin = be_with(house, "admin");
    struct changer changers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        changers[i] = (struct changer){.caller = caller_open(house), .number = i};
        changers[i].caller->claims = admin->claims;
        changers[i].caller->is_authenticated = true;
        assert_int_equal(pthread_create(&changers[i].thread, NULL, change_roles, &changers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(changers[i].thread, NULL);
        caller_close(changers[i].caller);
    }
    struct access_policy *policy = auth_access_policy(house->service.access);
    assert_int_equal(access_policy_version(policy), policy_version(house));
    for (unsigned i = 0; i < THREADS / 2; i++) { // Each ends with its last change.
        char name[AUTH_ROLE_BYTES];
        snprintf(name, sizeof name, "role_%u", i);
        assert_int_equal(may(house, name, "ledger.report.read"), RPC_SCOPE_ALL);
        assert_int_equal(may(house, name, "audit.read"), RPC_SCOPE_NONE);
    }
}

#define HOUSE_TEST(test_) cmocka_unit_test_setup_teardown(test_, house_open, house_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_what_a_role_can_be),
        HOUSE_TEST(test_a_role_holds_once_it_is_answered),
        HOUSE_TEST(test_who_may_change_a_role),
        HOUSE_TEST(test_members_of_an_update),
        HOUSE_TEST(test_roles_by_name),
        HOUSE_TEST(test_a_built_in_role_is_shown_as_it_is),
        HOUSE_TEST(test_the_catalogue_is_what_people_can_have),
        HOUSE_TEST(test_there_are_only_so_many_roles),
        HOUSE_TEST(test_branches),
        HOUSE_TEST(test_what_a_feature_can_be),
        HOUSE_TEST(test_a_switch_holds_once_it_is_answered),
        HOUSE_TEST(test_which_roles_go_together),
        HOUSE_TEST(test_roles_and_branches_that_exist),
        HOUSE_TEST(test_what_is_in_memory_is_what_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
