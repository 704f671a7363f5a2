// Who may do what at auth, and what every route refuses alike.
#include "tests/api/auth_tests.h"
#include "tests/api/refusals.h"

#include <stdlib.h>

// clang-format off
static const enum who columns[] = {ASHA, TELLER, COMPLIANCE, AUDITOR, ADMIN, SUPPORT, MAKER, CHECKER, OPS};

static const struct access_row matrix[] = {
    // customer, teller, compliance officer, auditor, administrator, support, KYC maker, KYC checker, ops
    {"POST /v1/auth/register",                   "{}",              "x x x x x x x x x"},
    {"POST /v1/auth/register/verify",            "{}",              "x x x x x x x x x"},
    {"POST /v1/auth/register/resend",            "{}",              "x x x x x x x x x"},
    {"POST /v1/auth/login",                      "{}",              "x x x x x x x x x"},
    {"POST /v1/auth/login/verify",               "{}",              "x x x x x x x x x"},
    {"POST /v1/auth/login/resend",               "{}",              "x x x x x x x x x"},
    {"POST /oauth2/token",                       "{}",              "x x x x x x x x x"},
    {"POST /oauth2/revoke",                      "{}",              "x x x x x x x x x"},
    {"POST /oauth2/introspect",                  "{}",              "- - - - x - - - -"},
    {"GET /.well-known/oauth-authorization-server", NULL,           "x x x x x x x x x"},
    {"GET /.well-known/jwks.json",               NULL,              "x x x x x x x x x"},
    {"POST /v1/auth/logout",                     "{'x':1}",         "x x x x x x x x x"},
    {"POST /v1/auth/logout-all",                 "{'x':1}",         "x x x x x x x x x"},
    {"GET /v1/auth/sessions",                    NULL,              "x x x x x x x x x"},
    {"DELETE /v1/auth/sessions/$none",           NULL,              "x x x x x x x x x"},
    {"GET /v1/users/$none/sessions",             NULL,              "- - - - x x - - -"},
    {"GET /v1/me",                               NULL,              "x x x x x x x x x"},
    {"PATCH /v1/me",                             "{}",              "x x x x x x x x x"},
    {"POST /v1/me/password",                     "{}",              "x x x x x x x x x"},
    {"POST /v1/auth/password/forgot",            "{}",              "x x x x x x x x x"},
    {"POST /v1/auth/password/reset",             "{}",              "x x x x x x x x x"},
    {"GET /v1/me/login-activity",                NULL,              "x x x x x x x x x"},
    {"GET /v1/me/factors",                       NULL,              "x x x x x x x x x"},
    {"POST /v1/me/totp",                         "{}",              "x x x x x x x x x"},
    {"POST /v1/me/totp:confirm",                 "{}",              "x x x x x x x x x"},
    {"POST /v1/me/totp:disable",                 "{}",              "x x x x x x x x x"},
    {"POST /v1/me/recovery-codes",               "{}",              "x x x x x x x x x"},
    {"POST /v1/users/$none:reset-factors",       "{'reason':'x'}",  "- - - - x - - - -"},
    {"POST /v1/auth/sca",                        "{}",              "x x x x x x x x x"},
    {"POST /v1/auth/sca/verify",                 "{}",              "x x x x x x x x x"},
    {"POST /v1/auth/sca/resend",                 "{}",              "x x x x x x x x x"},
    {"GET /v1/users",                            NULL,              "- x x x x x - - -"},
    {"GET /v1/users/$none",                      NULL,              "- x x x x x - - -"},
    {"PATCH /v1/users/$none",                    "{}",              "- - - - x - - - -"},
    {"DELETE /v1/users/$none",                   NULL,              "- - - - x - - - -"},
    {"POST /v1/users/$none:block",               "{'reason':'x'}",  "- - x - x - - - -"},
    {"POST /v1/users/$none:unblock",             "{'reason':'x'}",  "- - x - x - - - -"},
    {"PUT /v1/users/$none/roles",                "{}",              "- - - - x - - - -"},
    {"GET /v1/users/$none/login-activity",       NULL,              "- - x x x x - - -"},
    {"GET /v1/login-activity",                   NULL,              "- - x x x x - - -"},
    {"GET /v1/reports/security",                 NULL,              "- - x x x - - - x"},
    {"GET /v1/permissions",                      NULL,              "- - - x x - - - -"},
    {"GET /v1/roles",                            NULL,              "- - - x x - - - -"},
    {"GET /v1/roles/none",                       NULL,              "- - - x x - - - -"},
    {"POST /v1/roles",                           "{}",              "- - - - x - - - -"},
    {"PATCH /v1/roles/none",                     "{}",              "- - - - x - - - -"},
    {"GET /v1/branches",                         NULL,              "- - - x x - - - -"},
    {"GET /v1/branches/none",                    NULL,              "- - - x x - - - -"},
    {"POST /v1/branches",                        "{}",              "- - - - x - - - -"},
    {"PATCH /v1/branches/none",                  "{}",              "- - - - x - - - -"},
    {"GET /v1/features",                         NULL,              "- - - x x - - - -"},
    {"GET /v1/features/none",                    NULL,              "- - - x x - - - -"},
    {"POST /v1/features",                        "{}",              "- - - - x - - - -"},
    {"PATCH /v1/features/none",                  "{}",              "- - - - x - - - -"},
    {"POST /v1/service-accounts",                "{}",              "- - - - x - - - -"},
    {"POST /v1/api-keys",                        "{}",              "x - - - x - - - x"},
    {"GET /v1/api-keys",                         NULL,              "x - - - x - - - x"},
    {"GET /v1/api-keys/$none",                   NULL,              "x - - - x - - - x"},
    {"POST /v1/api-keys/$none:rotate",           "{}",              "x - - - x - - - x"},
    {"DELETE /v1/api-keys/$none",                NULL,              "x - - - x - - - x"},
};

void test_each_role_may_do_its_own_in_auth(void **state)
{
    enum { ROWS = sizeof matrix / sizeof matrix[0], COLUMNS = sizeof columns / sizeof columns[0] };

    assert_int_equal(ROWS, book_count(api_book(*state))); // A new route needs a row.
    assert_int_equal(refusals_check_matrix(*state, columns, COLUMNS, matrix, ROWS), 0);
}

static const struct provocation provocations[] = {
    {"PERMISSION_DENIED",       "403", NOBODY,  "{}",  "", "Authorization: Bearer $narrow\nIf-Match: *"},
    {"IF_MATCH_INVALID",        "400", CHIEF,   "{}",  "", "If-Match: seven"},
};

// clang-format on

void test_every_auth_route_refuses_what_it_documents(void **state)
{
    refusals_prepare(*state, "GET /v1/me");
    assert_int_equal(refusals_provoke(*state, "$asha_id", provocations,
                                      sizeof provocations / sizeof provocations[0]),
                     0);
}

void test_every_auth_example_is_valid(void **state)
{
    size_t seen;
    assert_int_equal(refusals_check_examples(*state, &seen), 0);
    assert_true(seen > 10);
}

/// What is documented and cannot be provoked from outside here, and why.
static const struct book_exception exceptions[] = {
    {NULL, NULL, "OVERLOADED", "only while more logins wait than the pool takes", true},
    {NULL, NULL, "OTP_EXPIRED", "only after five minutes: unit tests move the clock", true},
    {"POST", "/v1/auth/login/resend", "OTP_SEND_LIMIT",
     "only where a code is sent: integration/mfa_test", false},
    {NULL, NULL, "INSUFFICIENT_AAL", "only where a factor must be enrolled: integration/mfa_test",
     true},
};

void test_every_auth_reason_was_answered(void **state)
{
    if (getenv("FLORIN_TEST") != NULL) skip(); // Only after all the others.
    assert_int_equal(
        book_count_missing(api_book(*state), exceptions, sizeof exceptions / sizeof exceptions[0]),
        0);
}
