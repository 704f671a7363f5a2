// Roles, branches and features: who may do what, and where.
#include "tests/api/auth_tests.h"

#include <stdio.h>

// clang-format off

void test_roles_are_made_and_changed(void **state)
{
    auth_new_customer(*state, "farid");
    static const struct step steps[] = {
        {"what can be granted", ADMIN, "GET /v1/permissions", NULL, "200"},
        {"the built-in ones", ADMIN, "GET /v1/roles/teller", NULL, "200", "name=teller; built_in=true; version=1; created_at=null"},
        {"a new one", ADMIN, "POST /v1/roles",
         "{'name':'auditor_of_auth','description':'Reads the report','grants':[{'permission':'auth.report.read',"
         "'scope':'ALL'},{'permission':'auth.activity.read','scope':'ALL'}]}",
         "201", "name=auditor_of_auth; built_in=false; version=1; grants.0.permission=auth.activity.read; "
         "grants.1.permission=auth.report.read; @etag=\"1\""},
        {"is there once", ADMIN, "POST /v1/roles", "{'name':'auditor_of_auth'}", "409 ROLE_EXISTS"},
        {"a built-in name", ADMIN, "POST /v1/roles", "{'name':'teller'}", "409 ROLE_EXISTS"},
        {"an unknown permission", ADMIN, "POST /v1/roles", "{'name':'r1','grants':[{'permission':'moon.walk','scope':'ALL'}]}",
         "400 PERMISSION_UNKNOWN"},
        {"a daemon's permission", ADMIN, "POST /v1/roles", "{'name':'r1','grants':[{'permission':'auth.session.check','scope':'ALL'}]}",
         "400 PERMISSION_UNKNOWN"},
        {"a scope that means nothing there", ADMIN, "POST /v1/roles",
         "{'name':'r1','grants':[{'permission':'auth.report.read','scope':'SELF'}]}", "400 SCOPE_UNSUPPORTED"},
        {"no name", ADMIN, "POST /v1/roles", "{'name':'Not A Name'}", "400 VALIDATION_FAILED"},
        {"nor this", ADMIN, "POST /v1/roles", "{'name':'..'}", "400 VALIDATION_FAILED"},
        {"given", ADMIN, "PUT /v1/users/$farid_id/roles", "{'roles':['customer','auditor_of_auth']}", "200"},
        {"at the next refresh", NOBODY, "POST /oauth2/token", "{'grant_type':'refresh_token','refresh_token':'$farid_refresh'}", "200",
         NULL, "farid_token=access_token"},
        {"it counts", NOBODY, "GET /v1/reports/security", NULL, "200", NULL, NULL, AS("farid")},
        {"changed", ADMIN, "PATCH /v1/roles/auditor_of_auth", "{'grants':[{'permission':'auth.activity.read','scope':'ALL'}]}", "200",
         "version=2; grants.#=1; description=Reads the report", NULL, "If-Match: \"1\""},
        {"at once", NOBODY, "GET /v1/reports/security", NULL, "403 PERMISSION_DENIED", NULL, NULL, AS("farid")},
        {"the rest stays", NOBODY, "GET /v1/login-activity", NULL, "200", NULL, NULL, AS("farid")},
        {"an old version", ADMIN, "PATCH /v1/roles/auditor_of_auth", "{'description':'x'}", "412 VERSION_MISMATCH", NULL, NULL,
         "If-Match: \"1\""},
        {"none", ADMIN, "PATCH /v1/roles/auditor_of_auth", "{'description':'x'}", "428 IF_MATCH_REQUIRED"},
        {"an unknown permission", ADMIN, "PATCH /v1/roles/auditor_of_auth", "{'grants':[{'permission':'moon.walk','scope':'ALL'}]}",
         "400 PERMISSION_UNKNOWN", NULL, NULL, "If-Match: *"},
        {"a scope", ADMIN, "PATCH /v1/roles/auditor_of_auth", "{'grants':[{'permission':'auth.report.read','scope':'BRANCH'}]}",
         "400 SCOPE_UNSUPPORTED", NULL, NULL, "If-Match: *"},
        {"a built-in one", ADMIN, "PATCH /v1/roles/teller", "{'description':'x'}", "422 ROLE_BUILT_IN", NULL, NULL, "If-Match: *"},
        {"one that is not there", ADMIN, "PATCH /v1/roles/none", "{'description':'x'}", "404 ROLE_NOT_FOUND", NULL, NULL, "If-Match: *"},
        {"one that is not there", ADMIN, "GET /v1/roles/none", NULL, "404 ROLE_NOT_FOUND"},
        {"one's own", CHIEF, "PATCH /v1/roles/chief", "{'description':'x'}", "403 SEPARATION_OF_DUTIES", NULL, NULL, "If-Match: *"},
        {"by name", ADMIN, "GET /v1/roles?page_size=2", NULL, "200", "roles.#=2", "next=next_page_token"},
        {"and on", ADMIN, "GET /v1/roles?page_size=1000&page_token=$next", NULL, "200", "next_page_token="},
        {"who gives rights", ADMIN, "POST /v1/roles",
         "{'name':'r2','grants':[{'permission':'auth.user.roles','scope':'ALL'},{'permission':'ledger.transfer.create','scope':'SELF'}]}",
         "201"},
        {"may have an account, and moves nobody else's money", ADMIN, "POST /v1/roles",
         "{'name':'r3','grants':[{'permission':'ledger.transfer.create','scope':'ALL'}]}", "201"},
        {"nor in one role", ADMIN, "POST /v1/roles",
         "{'name':'r4','grants':[{'permission':'auth.user.roles','scope':'ALL'},{'permission':'ledger.transfer.create','scope':'ALL'}]}",
         "403 SEPARATION_OF_DUTIES"},
        {"not both", ADMIN, "PUT /v1/users/$farid_id/roles", "{'roles':['r2','r3']}", "403 SEPARATION_OF_DUTIES"},
    };
    RUN(*state, steps);
}

static void until_too_many(struct api *api, const char *ask, const char *more, const char *reason)
{
    enum { MAX = 256 };

    char body[256];
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (unsigned i = 0; i <= MAX && answer.status != 422; i++) {
        snprintf(body, sizeof body, "{'name':'many-%u'%s}", i, more);
        const struct step step = {"one more", ADMIN, ask, body, "201"};
        if (!api_ask(api, &step, &answer)) wrong += answer.status != 422;
    }
    assert_string_equal(http_text(&answer, "reason"), reason);
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
}

void test_there_are_only_so_many_roles_and_features(void **state)
{
    until_too_many(*state, "POST /v1/roles", "", "TOO_MANY_ROLES");
    until_too_many(*state, "POST /v1/features", ",'permissions':['ledger.fx.quote'],'enabled':true", "TOO_MANY_FEATURES");
}

// Every route that takes an Idempotency-Key: once, then the key for something else.
void test_an_auth_key_stands_for_one_request(void **state)
{
    static const struct { const char *ask, *body, *other; } rows[] = {
        {"POST /v1/roles", "{'name':'keyed'}", "{'name':'keyed2'}"},
        {"POST /v1/branches", "{'code':'keyed','name':'x'}", "{'code':'keyed','name':'y'}"},
        {"POST /v1/features", "{'name':'keyed','permissions':['ledger.fx.quote'],'enabled':true}",
         "{'name':'keyed','permissions':['ledger.fx.quote']}"},
        {"POST /v1/service-accounts", "{'name':'keyed'}", "{'name':'keyed2'}"},
    };
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char key[64];
        snprintf(key, sizeof key, "Idempotency-Key: one request of auth, number %zu", i);
        const struct step steps[] = {
            {"with a key", CHIEF, rows[i].ask, rows[i].body, "201", "@idempotency-replayed=absent", NULL, key},
            {"the same with the key", CHIEF, rows[i].ask, rows[i].body, "201", "@idempotency-replayed=true", NULL, key},
            {"something else with the key", CHIEF, rows[i].ask, rows[i].other, "422 IDEMPOTENCY_KEY_REUSED", NULL, NULL, key},
        };
        for (size_t j = 0; j < sizeof steps / sizeof steps[0]; j++)
            wrong += !api_step(*state, &steps[j], &answer);
    }
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
}

void test_branches_bound_what_is_seen(void **state)
{
    auth_new_customer(*state, "gopal");
    auth_new_customer(*state, "harini");
    static const struct step steps[] = {
        {"a branch", ADMIN, "POST /v1/branches", "{'code':'pune-1','name':'Pune, MG Road'}", "201",
         "code=pune-1; status=open; version=1; @etag=\"1\""},
        {"once", ADMIN, "POST /v1/branches", "{'code':'pune-1','name':'x'}", "409 BRANCH_EXISTS"},
        {"renamed", ADMIN, "PATCH /v1/branches/pune-1", "{'name':'Pune, Camp'}", "200", "name=Pune, Camp; version=2", NULL,
         "If-Match: \"1\""},
        {"an old version", ADMIN, "PATCH /v1/branches/pune-1", "{'name':'x'}", "412 VERSION_MISMATCH", NULL, NULL, "If-Match: \"1\""},
        {"none", ADMIN, "PATCH /v1/branches/pune-1", "{'name':'x'}", "428 IF_MATCH_REQUIRED"},
        {"no such status", ADMIN, "PATCH /v1/branches/pune-1", "{'status':'ajar'}", "400 VALIDATION_FAILED", NULL, NULL, "If-Match: *"},
        {"not there", ADMIN, "PATCH /v1/branches/moon", "{'name':'x'}", "404 BRANCH_NOT_FOUND", NULL, NULL, "If-Match: *"},
        {"not there", ADMIN, "GET /v1/branches/moon", NULL, "404 BRANCH_NOT_FOUND"},
        {"there", AUDITOR, "GET /v1/branches/pune-1", NULL, "200", "name=Pune, Camp"},
        {"a list", AUDITOR, "GET /v1/branches?page_size=1", NULL, "200", "branches.#=1"},
        {"a manager of Pune", ADMIN, "PUT /v1/users/$gopal_id/roles", "{'roles':['branch_manager']}", "200"},
        {"of Pune", ADMIN, "PATCH /v1/users/$gopal_id", "{'branch':'pune-1'}", "200", "branch=pune-1", NULL, "If-Match: *"},
        {"a customer elsewhere", NOBODY, "POST /oauth2/token", "{'grant_type':'refresh_token','refresh_token':'$gopal_refresh'}", "200",
         NULL, "gopal_token=access_token; gopal_refresh=refresh_token"},
        {"is not seen", NOBODY, "GET /v1/users/$harini_id", NULL, "403 PERMISSION_DENIED", NULL, NULL, AS("gopal")},
        {"nor her sessions", NOBODY, "GET /v1/users/$harini_id/sessions", NULL, "403 PERMISSION_DENIED", NULL, NULL, AS("gopal")},
        {"nor her logins", NOBODY, "GET /v1/users/$harini_id/login-activity", NULL, "403 PERMISSION_DENIED", NULL, NULL, AS("gopal")},
        {"she comes to Pune", ADMIN, "PATCH /v1/users/$harini_id", "{'branch':'pune-1'}", "200", NULL, NULL, "If-Match: *"},
        {"and is", NOBODY, "GET /v1/users/$harini_id", NULL, "200", "branch=pune-1", NULL, AS("gopal")},
        {"with her sessions", NOBODY, "GET /v1/users/$harini_id/sessions", NULL, "200", NULL, NULL, AS("gopal")},
        {"and her logins", NOBODY, "GET /v1/users/$harini_id/login-activity", NULL, "200", NULL, NULL, AS("gopal")},
        {"his list is Pune's", NOBODY, "GET /v1/users", NULL, "200", "users.#=2; users.0.id=$harini_id; users.1.id=$gopal_id", NULL,
         AS("gopal")},
        {"and no other's", NOBODY, "GET /v1/users?branch=delhi-1", NULL, "403 PERMISSION_DENIED", NULL, NULL, AS("gopal")},
    };
    RUN(*state, steps);
}

void test_features_deny_whatever_grants(void **state)
{
    static const struct step off = {"off for everybody, at the ledger too", ASHA, "GET /v1/limits/$asha_id", NULL,
        "403 PERMISSION_DENIED"};
    static const struct step on = {"on", ASHA, "GET /v1/limits/$asha_id", NULL, "200"};
    static const struct step made[] = {
        {"it is granted", ASHA, "GET /v1/limits/$asha_id", NULL, "200"},
        {"a switch", ADMIN, "POST /v1/features", "{'name':'own_limits','permissions':['ledger.limit.read'],'enabled':false}", "201",
         "enabled=false; version=1; @etag=\"1\""},
        {"once", ADMIN, "POST /v1/features", "{'name':'own_limits','permissions':['ledger.limit.read'],'enabled':true}",
         "409 FEATURE_EXISTS"},
        {"over nothing", ADMIN, "POST /v1/features", "{'name':'f1','enabled':true}", "400 VALIDATION_FAILED"},
        {"over what is not", ADMIN, "POST /v1/features", "{'name':'f1','permissions':['moon.walk']}", "400 PERMISSION_UNKNOWN"},
        {"for what is not", ADMIN, "POST /v1/features", "{'name':'f1','permissions':['ledger.limit.read'],'denied_branches':['moon']}",
         "400 BRANCH_UNKNOWN"},
        {"for whom is not", ADMIN, "POST /v1/features", "{'name':'f1','permissions':['ledger.limit.read'],'denied_roles':['wizard']}",
         "400 ROLE_UNKNOWN"},
        {"that locks everybody out", ADMIN, "POST /v1/features", "{'name':'f1','permissions':['auth.feature.write']}",
         "403 SEPARATION_OF_DUTIES"},
        {"there", AUDITOR, "GET /v1/features/own_limits", NULL, "200", "permissions.0=ledger.limit.read"},
        {"not there", AUDITOR, "GET /v1/features/none", NULL, "404 FEATURE_NOT_FOUND"},
        {"a list", AUDITOR, "GET /v1/features", NULL, "200", "features.#=1"},
    };
    static const struct step changed[] = {
        {"on again, but not for tellers", ADMIN, "PATCH /v1/features/own_limits", "{'enabled':true,'denied_roles':['teller']}", "200",
         "enabled=true; version=2; permissions.#=1", NULL, "If-Match: \"1\""},
    };
    static const struct step refused[] = {
        {"an old version", ADMIN, "PATCH /v1/features/own_limits", "{'enabled':true}", "412 VERSION_MISMATCH", NULL, NULL,
         "If-Match: \"1\""},
        {"none", ADMIN, "PATCH /v1/features/own_limits", "{'enabled':true}", "428 IF_MATCH_REQUIRED"},
        {"not there", ADMIN, "PATCH /v1/features/none", "{'enabled':true}", "404 FEATURE_NOT_FOUND", NULL, NULL, "If-Match: *"},
        {"over what is not", ADMIN, "PATCH /v1/features/own_limits", "{'permissions':['moon.walk']}", "400 PERMISSION_UNKNOWN", NULL,
         NULL, "If-Match: *"},
        {"for what is not", ADMIN, "PATCH /v1/features/own_limits", "{'denied_branches':['moon']}", "400 BRANCH_UNKNOWN", NULL, NULL,
         "If-Match: *"},
        {"for whom is not", ADMIN, "PATCH /v1/features/own_limits", "{'denied_roles':['wizard']}", "400 ROLE_UNKNOWN", NULL, NULL,
         "If-Match: *"},
        {"lock-out", ADMIN, "PATCH /v1/features/own_limits", "{'enabled':false,'permissions':['auth.feature.write']}",
         "403 SEPARATION_OF_DUTIES", NULL, NULL, "If-Match: *"},
    };
    static const struct step teller = {"the role that is denied", TELLER, "GET /v1/limits/$asha_id", NULL, "403 PERMISSION_DENIED"};
    RUN(*state, made);
    api_wait(*state, &off);
    RUN(*state, changed);
    api_wait(*state, &on);
    api_wait(*state, &teller);
    RUN(*state, refused);
}
