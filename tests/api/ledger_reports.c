// Reading: balances of any time, histories, statements, the trial balance.
#include "tests/api/ledger_tests.h"

#include <stdlib.h>
#include <string.h>

// clang-format off
#define STATEMENT "GET /v1/accounts/$a/statement"
/// $a with three entries at $t1, $t2, $t3: +100, -30, +5.
#define HISTORY                                                                                    \
    {"an account", ASHA, "POST /v1/accounts", "{'currency':'INR','name':'Asha, Savings'}", "201", NULL, "a=id; opened=created_at"}, \
    {"in", ASHA, POST, "{'id':'$new','amount':'100','code':7,'description':'=first'," BETWEEN("asha", "a") "}", "201", NULL, \
     "one=id; t1=created_at"},                                                                      \
    {"out", ASHA, POST, "{'id':'$new','amount':'30','code':8," BETWEEN("a", "binod") "}", "201", NULL, "two=id; t2=created_at"}, \
    {"in", ASHA, POST, "{'id':'$new','amount':'5','code':7," BETWEEN("asha", "a") "}", "201", NULL, "three=id; t3=created_at"}

void test_balances_of_any_time(void **state)
{
    static const struct step steps[] = {
        HISTORY,
        {"now", ASHA, "GET /v1/accounts/$a/balance", NULL, "200",
         "posted=75; available=75; debits_posted=30; credits_posted=105; debits_pending=0; credits_pending=0; credit_limit=0"},
        {"when it was opened", ASHA, "GET /v1/accounts/$a/balance?at=$opened", NULL, "200", "posted=0; as_of=$opened"},
        {"at the first entry's very time", ASHA, "GET /v1/accounts/$a/balance?at=$t1", NULL, "200", "posted=100; as_of=$t1"},
        {"at the second's", ASHA, "GET /v1/accounts/$a/balance?at=$t2", NULL, "200", "posted=70; debits_posted=30"},
        {"at the third's", AUDITOR, "GET /v1/accounts/$a/balance?at=$t3", NULL, "200", "posted=75"},
        {"before there was an account", ASHA, "GET /v1/accounts/$a/balance?at=2020-01-01T00:00:00Z", NULL, "404 ACCOUNT_NOT_FOUND"},
        {"in the future", ASHA, "GET /v1/accounts/$a/balance?at=2200-01-01T00:00:00Z", NULL, "400 VALIDATION_FAILED",
         "errors.0.field=at; errors.0.reason=FUTURE"},
        {"at the zero of all times, which is not now", ASHA, "GET /v1/accounts/$a/balance?at=1970-01-01T00:00:00Z", NULL,
         "400 VALIDATION_FAILED", "errors.0.field=at; errors.0.reason=RANGE"},
        {"at no time", ASHA, "GET /v1/accounts/$a/balance?at=yesterday", NULL, "400 VALIDATION_FAILED", "errors.0.field=at"},
        {"of nothing", ASHA, "GET /v1/accounts/$none/balance", NULL, "404 ACCOUNT_NOT_FOUND"},
        {"of the bank's cash: on its own side", AUDITOR, "GET /v1/accounts/$cash/balance", NULL, "200", "currency=INR"},
        {"which no customer sees", ASHA, "GET /v1/accounts/$cash/balance", NULL, "403 PERMISSION_DENIED"},
    };
    RUN(*state, steps);
}

void test_histories_are_filtered_and_paged(void **state)
{
    static const struct step steps[] = {
        HISTORY,
        {"newest first", ASHA, "GET /v1/accounts/$a/transfers", NULL, "200",
         "transfers.#=3; transfers.0.id=$three; transfers.1.id=$two; transfers.2.id=$one; transfers.0.balance_after=75; "
         "transfers.1.balance_after=70; transfers.2.balance_after=100; next_page_token="},
        {"from a time, inclusive", ASHA, "GET /v1/accounts/$a/transfers?from=$t2", NULL, "200", "transfers.#=2; transfers.1.id=$two"},
        {"to a time, exclusive", ASHA, "GET /v1/accounts/$a/transfers?to=$t2", NULL, "200", "transfers.#=1; transfers.0.id=$one"},
        {"between", ASHA, "GET /v1/accounts/$a/transfers?from=$t2&to=$t3", NULL, "200", "transfers.#=1; transfers.0.id=$two"},
        {"that end before they begin", ASHA, "GET /v1/accounts/$a/transfers?from=$t3&to=$t1", NULL, "400 VALIDATION_FAILED",
         "errors.0.field=to"},
        {"what went out", ASHA, "GET /v1/accounts/$a/transfers?direction=DEBIT", NULL, "200", "transfers.#=1; transfers.0.id=$two"},
        {"what came in", ASHA, "GET /v1/accounts/$a/transfers?direction=CREDIT", NULL, "200", "transfers.#=2"},
        {"both", ASHA, "GET /v1/accounts/$a/transfers?direction=BOTH", NULL, "200", "transfers.#=3"},
        {"in a direction that is none", ASHA, "GET /v1/accounts/$a/transfers?direction=UP", NULL, "400 VALIDATION_FAILED",
         "errors.0.field=direction"},
        {"a page", ASHA, "GET /v1/accounts/$a/transfers?page_size=2", NULL, "200", "transfers.#=2; transfers.0.id=$three",
         "token=next_page_token"},
        {"one that comes in between moves no page", ASHA, POST, PAY("asha", "a", "1"), "201"},
        {"the next page", ASHA, "GET /v1/accounts/$a/transfers?page_size=2&page_token=$token", NULL, "200",
         "transfers.#=1; transfers.0.id=$one; next_page_token="},
        {"its token for another account", ASHA, "GET /v1/accounts/$asha/transfers?page_token=$token", NULL, "400 PAGE_TOKEN_INVALID"},
        {"of nothing", ASHA, "GET /v1/accounts/$none/transfers", NULL, "404 ACCOUNT_NOT_FOUND"},

        {"all of one's own, by code", ASHA, "GET /v1/transfers?code=8&from=$t1", NULL, "200",
         "transfers.#=1; transfers.0.id=$two; transfers.0.balance_after=null"},
        {"of any code, between", ASHA, "GET /v1/transfers?from=$t1&to=$t3", NULL, "200",
         "transfers.#=2; transfers.0.id=$two; transfers.1.id=$one"},
        {"the other party sees only theirs", BINOD, "GET /v1/transfers?from=$t1", NULL, "200", "transfers.#=1; transfers.0.id=$two"},
        {"one without any sees none", CHITRA, "GET /v1/transfers", NULL, "200", "transfers.#=0"},
        {"staff see all, a page at a time", AUDITOR, "GET /v1/transfers?from=$t1&page_size=3", NULL, "200", "transfers.#=3",
         "token=next_page_token"},
        {"the rest", AUDITOR, "GET /v1/transfers?from=$t1&page_size=3&page_token=$token", NULL, "200",
         "transfers.#=1; transfers.0.id=$one; next_page_token="},
        {"by a code of 17 bits", ASHA, "GET /v1/transfers?code=65536", NULL, "400 VALIDATION_FAILED", "errors.0.field=code"},
        {"of a group that is not there", ASHA, "GET /v1/transfers?group_id=$none", NULL, "200", "transfers.#=0"},
    };
    RUN(*state, steps);

    // More accounts with a history than one list is merged of.
    enum { MANY = 257 };
    static const struct step one[] = {
        {"one more account", DEEPA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "many=id"},
        {"with a coin", DEEPA, POST, PAY("deepa", "many", "1"), "201"},
    };
    static const struct step list[] = {
        {"all of hers", DEEPA, "GET /v1/transfers", NULL, "400 TOO_MANY_ACCOUNTS"},
        {"those of one account", DEEPA, "GET /v1/accounts/$many/transfers", NULL, "200", "transfers.#=1"},
    };
    for (unsigned i = 0; i < MANY; i++)
        RUN(*state, one);
    RUN(*state, list);
}

void test_statements_in_three_formats(void **state)
{
    static const struct step steps[] = {
        HISTORY,
        {"all of it", ASHA, STATEMENT, NULL, "200",
         "account_id=$a; owner_id=$asha_id; name=Asha, Savings; currency=INR; exponent=2; from=$opened; opening_balance=0; "
         "closing_balance=75; total_debits=30; total_credits=105; "
         "entries.#=3; entries.0.transfer_id=$one; entries.0.direction=CREDIT; entries.0.amount=100; entries.0.balance_after=100; "
         "entries.0.counterparty_account_id=$asha; entries.0.code=7; "
         "entries.0.kind=POSTED; entries.0.booked_at=$t1; entries.0.effective_at=$t1; entries.1.direction=DEBIT; "
         "entries.1.balance_after=70; entries.2.balance_after=75; next_page_token=; " "@content-type=application/json"},
        {"a period", ASHA, STATEMENT "?from=$t2&to=$t3", NULL, "200",
         "from=$t2; to=$t3; opening_balance=100; closing_balance=70; entries.#=1; total_debits=30; total_credits=0"},
        {"the next opens where it closed", ASHA, STATEMENT "?from=$t3", NULL, "200", "opening_balance=70; closing_balance=75; entries.#=1"},
        {"a page", ASHA, STATEMENT "?page_size=2", NULL, "200", "entries.#=2; closing_balance=75", "token=next_page_token; to=to"},
        {"what comes in between", ASHA, POST, PAY("asha", "a", "1"), "201"},
        {"is not on the next page", ASHA, STATEMENT "?page_size=2&page_token=$token", NULL, "200",
         "entries.#=1; closing_balance=75; to=$to; next_page_token="},
        {"its token with another period", ASHA, STATEMENT "?from=$t2&page_token=$token", NULL, "400 PAGE_TOKEN_INVALID"},
        {"as whatever", ASHA, STATEMENT, NULL, "200", "@content-type=application/json", NULL, "Accept: */*"},
        {"rather as JSON", ASHA, STATEMENT, NULL, "200", "@content-type=application/json", NULL,
         "Accept: text/csv;q=0.5, application/json"},
        {"as an image", ASHA, STATEMENT, NULL, "406 NOT_ACCEPTABLE", NULL, NULL, "Accept: image/png"},
        {"as no CSV, and nothing else", ASHA, STATEMENT, NULL, "406 NOT_ACCEPTABLE", NULL, NULL, "Accept: text/csv;q=0"},
    };
    static const struct step csv = {"as CSV", ASHA, STATEMENT "?to=$to", NULL, "200", NULL, NULL, "Accept: text/csv"};
    static const struct step xml =
        {"as XML", AUDITOR, STATEMENT "?to=$to", NULL, "200", NULL, NULL, "Accept: application/json;q=0.1, application/xml"};
    RUN(*state, steps);
    struct http_answer answer = {0};
    assert_true(api_step(*state, &csv, &answer));
    assert_ptr_equal(strstr(http_header(&answer, "content-type"), "text/csv"), http_header(&answer, "content-type"));
    unsigned lines = 0;
    for (const char *at = answer.text; (at = strstr(at, "\r\n")) != NULL; at += 2)
        lines++;
    assert_int_equal(lines, 1 + 1 + 3 + 1); // Names, opening balance, entries, closing balance.
    assert_non_null(strstr(answer.text, "'=first"));
    assert_non_null(strstr(answer.text, "0.75"));
    assert_string_equal(http_header(&answer, "vary"), "Accept");

    assert_true(api_step(*state, &xml, &answer));
    assert_ptr_equal(strstr(http_header(&answer, "content-type"), "application/xml"), http_header(&answer, "content-type"));
    assert_non_null(strstr(answer.text, "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"));
    unsigned entries = 0;
    for (const char *at = answer.text; (at = strstr(at, "<Ntry>")) != NULL; at++)
        entries++;
    assert_int_equal(entries, 3);
    http_answer_reset(&answer);
}

void test_statements_that_cannot_be(void **state)
{
    static const char *const types[] = {"Accept: application/json", "Accept: text/csv", "Accept: application/xml"};
    static const struct step history[] = {HISTORY};
    RUN(*state, history);
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct step steps[] = {
            {"of nothing", ASHA, "GET /v1/accounts/$none/statement", NULL, "404 ACCOUNT_NOT_FOUND", NULL, NULL, types[i]},
            {"of another's", BINOD, STATEMENT, NULL, "403 PERMISSION_DENIED", NULL, NULL, types[i]},
            {"that ends before it begins", ASHA, STATEMENT "?from=$t3&to=$t1", NULL, "400 PERIOD_INVALID", NULL, NULL, types[i]},
            {"of the future", ASHA, STATEMENT "?from=2200-01-01T00:00:00Z", NULL, "400 PERIOD_INVALID", NULL, NULL, types[i]},
            {"of no time", ASHA, STATEMENT "?from=yesterday", NULL, "400 VALIDATION_FAILED", "errors.0.field=from", NULL, types[i]},
            {"with more", ASHA, STATEMENT "?colour=red", NULL, "400 VALIDATION_FAILED", "errors.0.field=colour", NULL, types[i]},
        };
        for (size_t j = 0; j < sizeof steps / sizeof steps[0]; j++)
            wrong += !api_step(*state, &steps[j], &answer);
    }
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
}

static const json_t *currency_of(const struct http_answer *answer, const char *code)
{
    const json_t *currencies = json_object_get(answer->json, "currencies");
    for (size_t i = 0; i < json_array_size(currencies); i++) {
        const json_t *one = json_array_get(currencies, i);
        if (strcmp(json_string_value(json_object_get(one, "currency")), code) == 0) return one;
    }
    fail_msg("no %s in the trial balance", code);
    return NULL;
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

void test_the_trial_balance_adds_up(void **state)
{
    static const struct step before[] = {
        {"a currency of its own", ADMIN, "POST /v1/currencies", "{'code':'TRIAL','name':'Trial'}", "201"},
        {"an account", ASHA, "POST /v1/accounts", "{'currency':'TRIAL'}", "201", NULL, "a=id"},
        {"money", TELLER, "POST /v1/accounts/$a/deposit", "{'id':'$new','amount':'100'}", "201", NULL, "t1=created_at"},
        {"out", ASHA, "POST /v1/accounts/$a/withdraw", "{'id':'$new','amount':'30'}", "201"},
    };
    static const struct step now = {"now", AUDITOR, "GET /v1/trial-balance", NULL, "200"};
    static const struct step then = {"then", AUDITOR, "GET /v1/trial-balance?at=$t1", NULL, "200", "at=$t1"};
    static const struct step after[] = {
        {"in the future", AUDITOR, "GET /v1/trial-balance?at=2200-01-01T00:00:00Z", NULL, "400 VALIDATION_FAILED", "errors.0.field=at"},
        {"before all", AUDITOR, "GET /v1/trial-balance?at=2020-01-01T00:00:00Z", NULL, "200", "currencies=[]"},
        {"for a customer", ASHA, "GET /v1/trial-balance", NULL, "403 PERMISSION_DENIED"},
    };
    RUN(*state, before);
    struct http_answer answer = {0};
    assert_true(api_step(*state, &now, &answer));
    for (size_t i = 0; i < json_array_size(json_object_get(answer.json, "currencies")); i++) {
        const json_t *one = json_array_get(json_object_get(answer.json, "currencies"), i);
        assert_string_equal(member(one, "debits_posted"), member(one, "credits_posted"));
        assert_string_equal(member(one, "debits_pending"), member(one, "credits_pending"));
    }
    const json_t *rows = json_object_get(currency_of(&answer, "TRIAL"), "rows");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(member(json_array_get(rows, 0), "class"), "ASSET"); // Cash.
    assert_string_equal(member(json_array_get(rows, 0), "balance"), "70");
    assert_string_equal(member(json_array_get(rows, 1), "class"), "LIABILITY"); // Customers.
    assert_string_equal(member(json_array_get(rows, 1), "balance"), "70");
    assert_string_equal(member(json_array_get(rows, 1), "debits_posted"), "30");

    assert_true(api_step(*state, &then, &answer));
    assert_string_equal(member(currency_of(&answer, "TRIAL"), "debits_posted"), "100");
    http_answer_reset(&answer);
    RUN(*state, after);
}
