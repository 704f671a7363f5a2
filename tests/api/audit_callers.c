// Who may do what at audit, and what every route refuses alike.
#include "tests/api/audit_tests.h"
#include "tests/api/refusals.h"

#include <stdlib.h>

// clang-format off
static const enum who columns[] = {ASHA, TELLER, COMPLIANCE, AUDITOR, ADMIN, SUPPORT, MAKER, CHECKER, OPS};

static const struct access_row matrix[] = {
    // customer, teller, compliance officer, auditor, administrator, support, KYC maker, KYC checker, ops
    {"GET /v1/audit/events",                     NULL,              "- - x x - - - - x"},
    {"GET /v1/audit/events/0",                   NULL,              "- - x x - - - - x"},
    {"GET /v1/audit/users/$none",                NULL,              "- - x x - - - - x"},
    {"POST /v1/audit/users/$none:erase",         "{'reason':'x'}",  "- - x - - - - - -"},
    {"GET /v1/audit/reports/activity",           NULL,              "- - x x - - - - x"},
    {"GET /v1/audit/reports/suspicious",         NULL,              "- - x x - - - - x"},
    {"GET /v1/audit/events/0/proof",             NULL,              "- - x x - - - - x"},
    {"GET /v1/audit/consistency?from=1",         NULL,              "- - x x - - - - x"},
    {"GET /v1/audit/log/checkpoint",             NULL,              "x x x x x x x x x"},
    {"GET /v1/audit/log/tile/0/000.p/1",         NULL,              "x x x x x x x x x"},
    {"GET /v1/audit/log/tile/entries/000.p/1",   NULL,              "- - x x - - - - x"},
    {"GET /v1/audit/status",                     NULL,              "- - x x - - - - x"},
    {"POST /v1/audit/consumers",                 "{}",              "- - - - - - - - x"},
    {"GET /v1/audit/consumers",                  NULL,              "- - - - - - - - x"},
    {"GET /v1/audit/consumers/none",             NULL,              "- - - - - - - - x"},
    {"DELETE /v1/audit/consumers/none",          NULL,              "- - - - - - - - x"},
    {"POST /v1/webhooks",                        "{}",              "- - - - - - - - x"},
    {"GET /v1/webhooks",                         NULL,              "- - x x - - - - x"},
    {"GET /v1/webhooks/$none",                   NULL,              "- - x x - - - - x"},
    {"PATCH /v1/webhooks/$none",                 "{}",              "- - - - - - - - x"},
    {"DELETE /v1/webhooks/$none",                NULL,              "- - - - - - - - x"},
    {"POST /v1/webhooks/$none:rotate-secret",    "{}",              "- - - - - - - - x"},
    {"POST /v1/webhooks/$none:test",             "{}",              "- - - - - - - - x"},
    {"POST /v1/webhooks/$none:replay",           "{}",              "- - - - - - - - x"},
    {"GET /v1/webhooks/$none/deliveries",        NULL,              "- - x x - - - - x"},
    {"GET /v1/notifications",                    NULL,              "x x x x x x x x x"},
    {"POST /v1/notifications:mark-read",         "{'all':true}",    "x x x x x x x x x"},
};

void test_each_role_may_do_its_own_in_audit(void **state)
{
    enum { ROWS = sizeof matrix / sizeof matrix[0], COLUMNS = sizeof columns / sizeof columns[0] };

    assert_int_equal(ROWS, book_count(api_book(*state))); // A new route needs a row.
    assert_int_equal(refusals_check_matrix(*state, columns, COLUMNS, matrix, ROWS), 0);
}

static const struct provocation provocations[] = {
    {"PERMISSION_DENIED",       "403", NOBODY, "{}",  "", "Authorization: Bearer $narrow\nIf-Match: *"},
    {"IF_MATCH_INVALID",        "400", CHIEF,  "{}",  "", "If-Match: seven"},
};

// clang-format on

void test_every_audit_route_refuses_what_it_documents(void **state)
{
    refusals_prepare(*state, "GET /v1/notifications");
    assert_int_equal(refusals_provoke(*state, "$asha_id", provocations,
                                      sizeof provocations / sizeof provocations[0]),
                     0);
}

void test_every_audit_example_is_valid(void **state)
{
    size_t seen;
    assert_int_equal(refusals_check_examples(*state, &seen), 0);
    assert_true(seen > 5);
}

/// What is documented and cannot be provoked from outside here, and why.
static const struct book_exception exceptions[] = {
    {NULL, NULL, "OVERLOADED", "only while more calls wait than the pool takes", true},
    {NULL, NULL, "INSUFFICIENT_AAL", "only where a factor must be enrolled: integration/mfa_test",
     true},
    {NULL, NULL, "NOT_A_USER", "only daemons are none, and they come by RPC: unit/audit", false},
    {NULL, NULL, "CHECKPOINT_NOT_PUBLISHED", "only with witnesses: integration/witness_test",
     false},
    {NULL, NULL, "ENTRY_PRUNED", "only after a day of retention: unit tests move the clock", false},
    {NULL, NULL, "START_PRUNED", "only after a day of retention: unit tests move the clock", false},
    {NULL, NULL, "ENTRY_NOT_PUBLISHED", "only with witnesses: integration/witness_test", false},
    {NULL, NULL, "TOO_MANY_CONSUMERS", "256 of them: unit/audit", false},
    {NULL, NULL, "TOO_MANY_WEBHOOKS", "64 of them: unit/audit", false},
    {NULL, NULL, "TOO_MANY_WAITING", "10,000 of them: unit/audit", false},
    {NULL, NULL, "REPLAY_RUNNING", "a replay ends at once when there is nobody: unit/audit", true},
};

void test_every_audit_reason_was_answered(void **state)
{
    if (getenv("FLORIN_TEST") != NULL) skip(); // Only after all the others.
    assert_int_equal(
        book_count_missing(api_book(*state), exceptions, sizeof exceptions / sizeof exceptions[0]),
        0);
}
