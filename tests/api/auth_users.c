// Users, as staff see and change them.
#include "tests/api/auth_tests.h"

#include <stdlib.h>

// clang-format off

void test_users_are_found(void **state)
{
    auth_new_customer(*state, "aditi");
    static const struct step steps[] = {
        {"newest first", ADMIN, "GET /v1/users?page_size=2", NULL, "200",
         "users.#=2; users.0.id=$aditi_id; users.0.email=aditi@example.com", "next=next_page_token"},
        {"the next", ADMIN, "GET /v1/users?page_size=1&page_token=$next", NULL, "200", "users.#=1"},
        {"by address", ADMIN, "GET /v1/users?email=ADITI@example.com", NULL, "200", "users.#=1; users.0.id=$aditi_id; next_page_token="},
        {"by number", ADMIN, "GET /v1/users?mobile=%2B919899999999", NULL, "200", "users.#=0"},
        {"by role", ADMIN, "GET /v1/users?role=compliance_officer", NULL, "200", "users.#=1; users.0.id=$compliance_id"},
        {"by kind and status", ADMIN, "GET /v1/users?kind=person&status=active&page_size=1", NULL, "200",
         "users.#=1; users.0.id=$aditi_id"},
        {"by what nobody is", ADMIN, "GET /v1/users?role=auditor&status=closed", NULL, "200", "users.#=0; next_page_token="},
        {"no such status", ADMIN, "GET /v1/users?status=asleep", NULL, "400 VALIDATION_FAILED"},
        {"no such kind", ADMIN, "GET /v1/users?kind=robot", NULL, "400 VALIDATION_FAILED"},
        {"a token of another list", ADMIN, "GET /v1/users?role=teller&page_token=$next", NULL, "400 PAGE_TOKEN_INVALID"},
        {"one", SUPPORT, "GET /v1/users/$aditi_id", NULL, "200", "full_name=Test aditi; version=1; @etag=\"1\""},
        {"that is known already", SUPPORT, "GET /v1/users/$aditi_id", NULL, "304", NULL, NULL, "If-None-Match: \"1\""},
        {"nobody", SUPPORT, "GET /v1/users/$none", NULL, "404 USER_NOT_FOUND"},
        {"not for customers", ASHA, "GET /v1/users", NULL, "403 PERMISSION_DENIED"},
        {"nor one", ASHA, "GET /v1/users/$aditi_id", NULL, "403 PERMISSION_DENIED"},
    };
    RUN(*state, steps);
}

void test_users_are_changed_by_version(void **state)
{
    auth_new_customer(*state, "bina");
    static const struct step steps[] = {
        {"what I am called", NOBODY, "PATCH /v1/me", "{'full_name':'Bina Das'}", "200", "full_name=Bina Das; version=2; @etag=\"2\"",
         NULL, AS("bina") "\nIf-Match: \"1\""},
        {"an old version", NOBODY, "PATCH /v1/me", "{'full_name':'Bina Roy'}", "412 VERSION_MISMATCH", NULL, NULL,
         AS("bina") "\nIf-Match: \"1\""},
        {"none", NOBODY, "PATCH /v1/me", "{'full_name':'Bina Roy'}", "428 IF_MATCH_REQUIRED", NULL, NULL, AS("bina")},
        {"nothing", NOBODY, "PATCH /v1/me", "{}", "200", "full_name=Bina Das; version=2", NULL, AS("bina") "\nIf-Match: *"},
        {"no name", NOBODY, "PATCH /v1/me", "{'full_name':''}", "400 VALIDATION_FAILED", NULL, NULL, AS("bina") "\nIf-Match: *"},
        {"a branch", CHIEF, "POST /v1/branches", "{'code':'delhi-1','name':'Delhi'}", "201"},
        {"closed", CHIEF, "PATCH /v1/branches/delhi-1", "{'status':'closed'}", "200", "status=closed", NULL, "If-Match: *"},
        {"is none to move to", CHIEF, "PATCH /v1/users/$bina_id", "{'branch':'delhi-1'}", "400 BRANCH_UNKNOWN", NULL, NULL,
         "If-Match: *"},
        {"open", CHIEF, "PATCH /v1/branches/delhi-1", "{'status':'open'}", "200", "status=open", NULL, "If-Match: *"},
        {"it is", CHIEF, "PATCH /v1/users/$bina_id", "{'branch':'delhi-1'}", "200", "branch=delhi-1; version=3", NULL, "If-Match: \"2\""},
        {"her tokens are made anew", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("bina")},
        {"no branch", CHIEF, "PATCH /v1/users/$bina_id", "{'branch':null}", "200", "branch=", NULL, "If-Match: *"},
        {"an unknown one", CHIEF, "PATCH /v1/users/$bina_id", "{'branch':'moon'}", "400 BRANCH_UNKNOWN", NULL, NULL, "If-Match: *"},
        {"one's own", CHIEF, "PATCH /v1/users/$chief_id", "{'branch':'delhi-1'}", "403 SEPARATION_OF_DUTIES", NULL, NULL, "If-Match: *"},
        {"an old version", CHIEF, "PATCH /v1/users/$bina_id", "{'full_name':'B'}", "412 VERSION_MISMATCH", NULL, NULL, "If-Match: \"1\""},
        {"none", CHIEF, "PATCH /v1/users/$bina_id", "{'full_name':'B'}", "428 IF_MATCH_REQUIRED"},
        {"nobody", CHIEF, "PATCH /v1/users/$none", "{'full_name':'B'}", "404 USER_NOT_FOUND", NULL, NULL, "If-Match: *"},
    };
    RUN(*state, steps);
}

void test_a_blocked_user_is_out_at_once(void **state)
{
    auth_new_customer(*state, "chand");
    static const struct step steps[] = {
        {"without a reason", COMPLIANCE, "POST /v1/users/$chand_id:block", "{}", "400 VALIDATION_FAILED"},
        {"blocked", COMPLIANCE, "POST /v1/users/$chand_id:block", "{'reason':'card reported stolen'}", "200",
         "status=blocked; status_reason=card reported stolen"},
        {"again", COMPLIANCE, "POST /v1/users/$chand_id:block", "{'reason':'x'}", "422 USER_BLOCKED"},
        {"out at auth", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("chand")},
        {"at the ledger", NOBODY, "GET /v1/accounts", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("chand")},
        {"at KYC", NOBODY, "GET /v1/kyc/status", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("chand")},
        {"no refresh", NOBODY, "POST /oauth2/token", "{'grant_type':'refresh_token','refresh_token':'$chand_refresh'}",
         "401 SESSION_EXPIRED"},
        {"right credentials learn why", NOBODY, "POST /v1/auth/login", "{'identifier':'chand@example.com','password':'" PASSWORD "'}",
         "403 ACCOUNT_BLOCKED"},
        {"wrong ones do not", NOBODY, "POST /v1/auth/login", "{'identifier':'chand@example.com','password':'not the right one'}",
         "401 INVALID_CREDENTIALS", NULL, NULL, FROM("192.0.2.60")},
        {"found by status", COMPLIANCE, "GET /v1/users?status=blocked&page_size=1", NULL, "200", "users.0.id=$chand_id"},
        {"let in again", COMPLIANCE, "POST /v1/users/$chand_id:unblock", "{'reason':'new card'}", "200", "status=active; status_reason="},
        {"again", COMPLIANCE, "POST /v1/users/$chand_id:unblock", "{'reason':'x'}", "422 USER_NOT_BLOCKED"},
        {"a new login", NOBODY, "POST /v1/auth/login", "{'identifier':'chand@example.com','password':'" PASSWORD "'}", "200"},
        {"nobody", COMPLIANCE, "POST /v1/users/$none:block", "{'reason':'x'}", "404 USER_NOT_FOUND"},
        {"nobody", COMPLIANCE, "POST /v1/users/$none:unblock", "{'reason':'x'}", "404 USER_NOT_FOUND"},
        {"oneself", COMPLIANCE, "POST /v1/users/$compliance_id:block", "{'reason':'x'}", "403 SEPARATION_OF_DUTIES"},
        {"oneself", COMPLIANCE, "POST /v1/users/$compliance_id:unblock", "{'reason':'x'}", "403 SEPARATION_OF_DUTIES"},
    };
    RUN(*state, steps);
}

void test_a_closed_user_stays_closed(void **state)
{
    auth_new_customer(*state, "dev");
    static const struct step steps[] = {
        {"closed", ADMIN, "DELETE /v1/users/$dev_id", NULL, "204"},
        {"again is as good", ADMIN, "DELETE /v1/users/$dev_id", NULL, "204"},
        {"out", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("dev")},
        {"still on record", ADMIN, "GET /v1/users/$dev_id", NULL, "200", "status=closed; email=dev@example.com"},
        {"nobody logs in", NOBODY, "POST /v1/auth/login", "{'identifier':'dev@example.com','password':'" PASSWORD "'}",
         "401 INVALID_CREDENTIALS", NULL, NULL, FROM("192.0.2.61")},
        {"no block", ADMIN, "POST /v1/users/$dev_id:block", "{'reason':'x'}", "422 USER_CLOSED"},
        {"no unblock", ADMIN, "POST /v1/users/$dev_id:unblock", "{'reason':'x'}", "422 USER_CLOSED"},
        {"no roles", ADMIN, "PUT /v1/users/$dev_id/roles", "{'roles':['teller']}", "422 USER_CLOSED"},
        {"no change", ADMIN, "PATCH /v1/users/$dev_id", "{'full_name':'x'}", "422 USER_CLOSED", NULL, NULL, "If-Match: *"},
        {"nobody", ADMIN, "DELETE /v1/users/$none", NULL, "404 USER_NOT_FOUND"},
        {"oneself", CHIEF, "DELETE /v1/users/$chief_id", NULL, "403 SEPARATION_OF_DUTIES"},
        {"not by everybody", COMPLIANCE, "DELETE /v1/users/$asha_id", NULL, "403 PERMISSION_DENIED"},
    };
    RUN(*state, steps);
}

void test_nobody_raises_their_own_rights(void **state)
{
    auth_new_customer(*state, "esha");
    static const struct step steps[] = {
        {"one's own roles", CHIEF, "PUT /v1/users/$chief_id/roles", "{'roles':['admin']}", "403 SEPARATION_OF_DUTIES"},
        {"who gives roles moves no money", ADMIN, "PUT /v1/users/$esha_id/roles", "{'roles':['admin','teller']}",
         "403 SEPARATION_OF_DUTIES"},
        {"and decides no case", ADMIN, "PUT /v1/users/$esha_id/roles", "{'roles':['admin','kyc_checker']}", "403 SEPARATION_OF_DUTIES"},
        {"an unknown role", ADMIN, "PUT /v1/users/$esha_id/roles", "{'roles':['wizard']}", "400 ROLE_UNKNOWN"},
        {"a daemon's", ADMIN, "PUT /v1/users/$esha_id/roles", "{'roles':['service']}", "400 ROLE_UNKNOWN"},
        {"an old version", ADMIN, "PUT /v1/users/$esha_id/roles", "{'roles':['teller']}", "412 VERSION_MISMATCH", NULL, NULL,
         "If-Match: \"7\""},
        {"a role", ADMIN, "PUT /v1/users/$esha_id/roles", "{'roles':['teller','customer']}", "200",
         "roles.0=customer; roles.1=teller; version=2", NULL, "If-Match: \"1\""},
        {"her tokens end", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("esha")},
        {"and come back with it", NOBODY, "POST /oauth2/token", "{'grant_type':'refresh_token','refresh_token':'$esha_refresh'}", "200",
         NULL, "esha_token=access_token"},
        {"she is a teller", NOBODY, "GET /v1/users/$asha_id", NULL, "200", NULL, NULL, AS("esha")},
        {"nobody", ADMIN, "PUT /v1/users/$none/roles", "{'roles':['teller']}", "404 USER_NOT_FOUND"},
    };
    RUN(*state, steps);
}

void test_the_report_counts(void **state)
{
    static const struct step steps[] = {
        {"today", AUDITOR, "GET /v1/reports/security", NULL, "200", "passwords_disabled=0",
         "before=totals.logins_failed; users=users_active"},
        {"a failure", NOBODY, "POST /v1/auth/login", "{'identifier':'asha@example.com','password':'not the right one'}",
         "401 INVALID_CREDENTIALS", NULL, NULL, FROM("192.0.2.70")},
        {"wrong order", AUDITOR, "GET /v1/reports/security?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", NULL, "400 RANGE_INVALID"},
        {"too long", AUDITOR, "GET /v1/reports/security?from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", NULL, "400 RANGE_INVALID"},
        {"a day in which nothing was", AUDITOR, "GET /v1/reports/security?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z", NULL, "200",
         "hours.#=0; totals.logins_failed=0; users_active=$users"},
        {"not for customers", ASHA, "GET /v1/reports/security", NULL, "403 PERMISSION_DENIED"},
    };
    RUN(*state, steps);
    struct http_answer answer = {0};
    http_expect(api_client(*state), api_token(*state, AUDITOR), "GET", "/v1/reports/security", NULL, 200, &answer);
    const json_t *totals = json_object_get(answer.json, "totals");
    long before = strtol(api_get(*state, "before"), NULL, 10);
    assert_int_equal(strtol(json_string_value(json_object_get(totals, "logins_failed")), NULL, 10), before + 1);
    http_answer_reset(&answer);
}
