// Who may do what, and what every route refuses alike.
#include "tests/api/ledger_tests.h"
#include "tests/api/refusals.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
static const enum who columns[] = {ASHA, TELLER, COMPLIANCE, AUDITOR, ADMIN, SUPPORT, MAKER, CHECKER, OPS};

/// x: may ask (for something that is not there: whatever it is answered, it is not 403); -: may not.
static const struct access_row matrix[] = {
    // customer, teller, compliance officer, auditor, administrator, support, KYC maker, KYC checker, ops
    {"GET /v1/currencies",                       NULL,                              "x x x x x x x x x"},
    {"POST /v1/currencies",                      "{}",                              "- - - - x - - - -"},
    {"POST /v1/accounts",                        "{}",                              "x x - - x - - - -"},
    {"GET /v1/accounts",                         NULL,                              "x x x x - - - - -"},
    {"GET /v1/accounts/$none",                   NULL,                              "x x x x - - - - -"},
    {"PATCH /v1/accounts/$none",                 "{'name':'x'}",                    "x x x - - - - - -"},
    {"POST /v1/accounts/$none:freeze",           "{'side':'BOTH','reason':'x'}",    "- - x - - - - - -"},
    {"POST /v1/accounts/$none:unfreeze",         "{'side':'BOTH'}",                 "- - x - - - - - -"},
    {"POST /v1/accounts/$none:close",            "{}",                              "x x - - - - - - -"},
    {"GET /v1/accounts/$none/balance",           NULL,                              "x x x x - - - - -"},
    {"GET /v1/accounts/$none/transfers",         NULL,                              "x x x x - - - - -"},
    {"GET /v1/accounts/$none/statement",         NULL,                              "x x x x - - - - -"},
    {"POST /v1/accounts/$none/deposit",          "{'id':'$new','amount':'1'}",      "- x - - - - - - -"},
    {"POST /v1/accounts/$none/withdraw",         "{'id':'$new','amount':'1'}",      "x x - - - - - - -"},
    {"POST /v1/transfers",                       "{}",                              "x x - - - - - - -"},
    {"POST /v1/transfers:batch",                 "{}",                              "x x - - - - - - -"},
    {"GET /v1/transfers",                        NULL,                              "x x x x - - - - -"},
    {"GET /v1/transfers/$none",                  NULL,                              "x x x x - - - - -"},
    {"POST /v1/transfers/$none:post",            "{'id':'$new'}",                   "x x - - - - - - -"},
    {"POST /v1/transfers/$none:void",            "{'id':'$new'}",                   "x x - - - - - - -"},
    {"POST /v1/transfers/$none:reverse",         "{'id':'$new'}",                   "x x - - - - - - -"},
    {"GET /v1/trial-balance",                    NULL,                              "- - x x x - - - x"},
    {"GET /v1/limits/$asha_id",                  NULL,                              "x x x x - - - - -"},
    {"PUT /v1/limits/$none",                     "{}",                              "- - x - - - - - -"},
    {"POST /v1/fx/quotes",                       "{}",                              "- x - - - - - - -"},
    {"GET /v1/fx/quotes/$none",                  NULL,                              "x x x x - - - - -"},
    {"POST /v1/fx/quotes/$none:execute",         "{'debit_account_id':'$none','credit_account_id':'$none'}", "x x - - - - - - -"},
};

// clang-format on

void test_each_role_may_do_its_own(void **state)
{
    enum { ROWS = sizeof matrix / sizeof matrix[0], COLUMNS = sizeof columns / sizeof columns[0] };

    assert_int_equal(ROWS, book_count(api_book(*state))); // A new route needs a row.
    assert_int_equal(refusals_check_matrix(*state, columns, COLUMNS, matrix, ROWS), 0);
}

// clang-format off
void test_nobody_touches_what_is_anothers(void **state)
{
    static const struct step before[] = {
        {"Asha pays Asha", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "a=id"},
        {"something", ASHA, "POST /v1/transfers",
         "{'id':'$new','debit_account_id':'$asha','credit_account_id':'$a','amount':'5','currency':'INR'}", "201", NULL, "paid=id"},
        {"and holds something", ASHA, "POST /v1/transfers",
         "{'id':'$new','kind':'PENDING','debit_account_id':'$asha','credit_account_id':'$a','amount':'5','currency':'INR'}", "201", NULL,
         "hold=id"},
    };
    static const struct { const char *ask, *body; } rows[] = {
        {"POST /v1/accounts", "{'currency':'INR','owner_id':'$asha_id'}"},
        {"GET /v1/accounts?owner_id=$asha_id"},
        {"GET /v1/accounts/$a"},
        {"PATCH /v1/accounts/$a", "{'name':'mine'}"},
        {"POST /v1/accounts/$a:close", "{}"},
        {"GET /v1/accounts/$a/balance"},
        {"GET /v1/accounts/$a/transfers"},
        {"GET /v1/accounts/$a/statement"},
        {"POST /v1/accounts/$a/withdraw", "{'id':'$new','amount':'1'}"},
        {"POST /v1/transfers", "{'id':'$new','debit_account_id':'$a','credit_account_id':'$binod','amount':'1','currency':'INR'}"},
        {"POST /v1/transfers",
         "{'id':'$new','kind':'PENDING','debit_account_id':'$a','credit_account_id':'$binod','amount':'1','currency':'INR'}"},
        {"POST /v1/transfers", "{'id':'$new','kind':'POST','pending_id':'$hold'}"},
        {"POST /v1/transfers", "{'id':'$new','kind':'VOID','pending_id':'$hold'}"},
        {"POST /v1/transfers", "{'id':'$new','kind':'REVERSAL','reverses_id':'$paid'}"},
        {"GET /v1/transfers/$paid"},
        {"POST /v1/transfers/$hold:post", "{'id':'$new'}"},
        {"POST /v1/transfers/$hold:void", "{'id':'$new'}"},
        {"POST /v1/transfers/$paid:reverse", "{'id':'$new'}"},
        {"GET /v1/limits/$asha_id"},
    };
    RUN(*state, before);
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct step step = {"a stranger", BINOD, rows[i].ask, rows[i].body, "403 PERMISSION_DENIED", NULL, NULL, "If-Match: *"};
        wrong += !api_step(*state, &step, &answer);
    }
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
}

// Every route that takes an Idempotency-Key: once, then the key for something else.
void test_a_key_stands_for_one_request(void **state)
{
    static const struct step before[] = {
        {"an account to close", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "a=id"},
        {"a hold", ASHA, "POST /v1/transfers",
         "{'id':'$new','kind':'PENDING','debit_account_id':'$asha','credit_account_id':'$binod','amount':'5','currency':'INR'}", "201",
         NULL, "hold=id"},
        {"a hold", ASHA, "POST /v1/transfers",
         "{'id':'$new','kind':'PENDING','debit_account_id':'$asha','credit_account_id':'$binod','amount':'5','currency':'INR'}", "201",
         NULL, "hold2=id"},
        {"a payment", ASHA, "POST /v1/transfers",
         "{'id':'$new','debit_account_id':'$asha','credit_account_id':'$binod','amount':'5','currency':'INR'}", "201", NULL, "paid=id"},
        {"dollars", ASHA, "POST /v1/accounts", "{'currency':'USD'}", "201", NULL, "usd=id"},
        {"some", TELLER, "POST /v1/accounts/$usd/deposit", "{'id':'$new','amount':'100'}", "201"},
        {"a quote", TELLER, "POST /v1/fx/quotes",
         "{'sell_currency':'USD','buy_currency':'INR','sell_amount':'1','rate_numerator':83,'rate_denominator':1,'expires_in':600}",
         "201", NULL, "quote=id"},
    };
    static const struct { enum who who; const char *ask, *body, *status, *other; } rows[] = {
        {ADMIN, "POST /v1/currencies", "{'code':'KEYED','name':'x'}", "201", "{'code':'KEYED','name':'y'}"},
        {ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", "{'currency':'USD'}"},
        {COMPLIANCE, "POST /v1/accounts/$a:freeze", "{'side':'DEBIT','reason':'x'}", "200", "{'side':'DEBIT','reason':'y'}"},
        {COMPLIANCE, "POST /v1/accounts/$a:unfreeze", "{'side':'DEBIT','reason':'x'}", "200", "{'side':'DEBIT','reason':'y'}"},
        {TELLER, "POST /v1/accounts/$asha/deposit", "{'amount':'1'}", "201", "{'amount':'2'}"},
        {ASHA, "POST /v1/accounts/$asha/withdraw", "{'amount':'1'}", "201", "{'amount':'2'}"},
        {ASHA, "POST /v1/transfers", "{'debit_account_id':'$asha','credit_account_id':'$binod','amount':'1','currency':'INR'}", "201",
         "{'debit_account_id':'$asha','credit_account_id':'$binod','amount':'2','currency':'INR'}"},
        {ASHA, "POST /v1/transfers:batch",
         "{'transfers':[{'debit_account_id':'$asha','credit_account_id':'$binod','amount':'1','currency':'INR'}]}", "200",
         "{'transfers':[{'debit_account_id':'$asha','credit_account_id':'$binod','amount':'2','currency':'INR'}]}"},
        {ASHA, "POST /v1/transfers/$hold:post", "{'amount':'1','final':false}", "201", "{'amount':'2','final':false}"},
        {ASHA, "POST /v1/transfers/$hold2:void", "{}", "201", "{'description':'x'}"},
        {BINOD, "POST /v1/transfers/$paid:reverse", "{'amount':'1'}", "201", "{'amount':'2'}"},
        {TELLER, "POST /v1/fx/quotes",
         "{'sell_currency':'USD','buy_currency':'INR','sell_amount':'1','rate_numerator':83,'rate_denominator':1,'expires_in':600}",
         "201", "{'sell_currency':'USD','buy_currency':'INR','sell_amount':'2','rate_numerator':83,'rate_denominator':1,'expires_in':600}"},
        {ASHA, "POST /v1/fx/quotes/$quote:execute", "{'debit_account_id':'$usd','credit_account_id':'$asha'}", "201",
         "{'debit_account_id':'$usd','credit_account_id':'$a'}"},
        {ASHA, "POST /v1/accounts/$a:close", "{}", "200", "{'sweep_to':'$asha'}"},
    };
    RUN(*state, before);
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char key[64];
        snprintf(key, sizeof key, "Idempotency-Key: one request, number %zu", i);
        const struct step steps[] = {
            {"with a key", rows[i].who, rows[i].ask, rows[i].body, rows[i].status, "@idempotency-replayed=absent", NULL, key},
            {"the same with the key", rows[i].who, rows[i].ask, rows[i].body, rows[i].status, "@idempotency-replayed=true", NULL, key},
            {"something else with the key", rows[i].who, rows[i].ask, rows[i].other, "422 IDEMPOTENCY_KEY_REUSED", NULL, NULL, key},
        };
        for (size_t j = 0; j < sizeof steps / sizeof steps[0]; j++)
            wrong += !api_step(*state, &steps[j], &answer);
    }
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
}

// clang-format on

// ---- What every route refuses -------------------------------------------------------------------

// clang-format off
static const struct provocation provocations[] = {
    {"PERMISSION_DENIED",       "403", SUPPORT, "{}",  "", "If-Match: *"},
    {"IF_MATCH_INVALID",        "400", CHIEF,   "{'reason':'x'}", "", "If-Match: seven"},
};

// clang-format on

void test_every_route_refuses_what_it_documents(void **state)
{
    refusals_prepare(*state, "GET /v1/currencies");
    assert_int_equal(refusals_provoke(*state, "$asha", provocations,
                                      sizeof provocations / sizeof provocations[0]),
                     0);
}

void test_every_example_is_valid(void **state)
{
    size_t seen;
    assert_int_equal(refusals_check_examples(*state, &seen), 0);
    assert_true(seen > 10);
}

/// What is documented and cannot be provoked from outside, and why.
static const struct book_exception exceptions[] = {
    {NULL, NULL, "NOT_SETTLED", "only while a commit that began earlier is still under way", true},
    {NULL, NULL, "INSUFFICIENT_AAL", "only where a factor must be enrolled, or a payment approved",
     true},
    {NULL, NULL, "SCA_INVALID", "auth_payments.c", true},
    {NULL, NULL, "EXPIRIES_UNDER_WAY", "only while thousands of holds expire at once", true},
};

void test_every_documented_reason_was_answered(void **state)
{
    if (getenv("FLORIN_TEST") != NULL) skip(); // Only after all the others.
    assert_int_equal(
        book_count_missing(api_book(*state), exceptions, sizeof exceptions / sizeof exceptions[0]),
        0);
}
