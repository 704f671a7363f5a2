// Exchange at a quoted rate.
#include "tests/api/ledger_tests.h"

#include <string.h>

// clang-format off
#define QUOTE "POST /v1/fx/quotes"
#define RATE "'rate_numerator':8325,'rate_denominator':100,'expires_in':600"
#define USD_INR "'sell_currency':'USD','buy_currency':'INR'"
#define EXECUTE "POST /v1/fx/quotes/$quote:execute"
#define ACCOUNTS "{'debit_account_id':'$usd','credit_account_id':'$inr'}"
#define NEW_QUOTE(members_) {"a quote", TELLER, QUOTE, "{" members_ "}", "201", "state=OPEN", "quote=id"}
#define SIMPLE_QUOTE NEW_QUOTE(USD_INR ",'sell_amount':'100'," RATE)
#define TWO_ACCOUNTS                                                                                             \
    {"dollars", ASHA, "POST /v1/accounts", "{'currency':'USD'}", "201", NULL, "usd=id"},                      \
    {"rupees", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "inr=id"},                       \
    {"money", TELLER, "POST /v1/accounts/$usd/deposit", "{'id':'$new','amount':'100000'}", "201"}

void test_quotes_are_offered(void **state)
{
    static const struct step steps[] = {
        {"so many dollars for rupees", TELLER, QUOTE, "{" USD_INR ",'sell_amount':'10001'," RATE "}", "201",
         "sell_currency=USD; buy_currency=INR; sell_amount=10001; buy_amount=832583; rate_numerator=8325; rate_denominator=100; "
         "state=OPEN; owner_id=null", "quote=id"},
        {"dollars for so many rupees: the customer pays the fraction", TELLER, QUOTE, "{" USD_INR ",'buy_amount':'832584'," RATE "}",
         "201", "sell_amount=10002; buy_amount=832584"},
        {"it can be read", ASHA, "GET /v1/fx/quotes/$quote", NULL, "200", "id=$quote; state=OPEN"},
        {"for one customer", TELLER, QUOTE, "{'id':'$new','owner_id':'$asha_id'," USD_INR ",'sell_amount':'100'," RATE "}", "201",
         "owner_id=$asha_id", "hers=id"},
        {"the same again", TELLER, QUOTE, "{'id':'$hers','owner_id':'$asha_id'," USD_INR ",'sell_amount':'100'," RATE "}", "200",
         "id=$hers; @idempotency-replayed=true"},
        {"the id for another amount", TELLER, QUOTE, "{'id':'$hers','owner_id':'$asha_id'," USD_INR ",'sell_amount':'101'," RATE "}",
         "409 FX_QUOTE_EXISTS"},
        {"she reads it", ASHA, "GET /v1/fx/quotes/$hers", NULL, "200"},
        {"others know nothing of it", BINOD, "GET /v1/fx/quotes/$hers", NULL, "404 FX_QUOTE_NOT_FOUND"},
        {"one that is not there", TELLER, "GET /v1/fx/quotes/$none", NULL, "404 FX_QUOTE_NOT_FOUND"},
        {"a customer makes none", ASHA, QUOTE, "{" USD_INR ",'sell_amount':'100'," RATE "}", "403 PERMISSION_DENIED"},
        {"no amount", TELLER, QUOTE, "{" USD_INR "," RATE "}", "400 VALIDATION_FAILED", "errors.0.field=sell_amount"},
        {"both amounts", TELLER, QUOTE, "{" USD_INR ",'sell_amount':'1','buy_amount':'1'," RATE "}", "400 EXCLUSIVE_FIELDS",
         "details.field=buy_amount"},
        {"one currency", TELLER, QUOTE, "{'sell_currency':'USD','buy_currency':'USD','sell_amount':'1'," RATE "}",
         "400 CURRENCIES_MUST_DIFFER"},
        {"a currency that is not there", TELLER, QUOTE, "{'sell_currency':'USD','buy_currency':'XQZ','sell_amount':'1'," RATE "}",
         "404 CURRENCY_NOT_FOUND"},
        {"so little that nothing comes out", TELLER, QUOTE,
         "{'sell_currency':'INR','buy_currency':'USD','sell_amount':'1','rate_numerator':1,'rate_denominator':83,'expires_in':60}",
         "422 FX_AMOUNT_OUT_OF_RANGE"},
        {"of nothing", TELLER, QUOTE, "{" USD_INR ",'sell_amount':'0'," RATE "}", "422 FX_AMOUNT_OUT_OF_RANGE"},
        {"at a rate of nothing", TELLER, QUOTE, "{" USD_INR ",'sell_amount':'1','rate_numerator':0,'rate_denominator':1,'expires_in':60}",
         "400 VALIDATION_FAILED", "errors.0.field=rate_numerator"},
        {"for no time", TELLER, QUOTE, "{" USD_INR ",'sell_amount':'1','rate_numerator':1,'rate_denominator':1,'expires_in':0}",
         "400 VALIDATION_FAILED", "errors.0.field=expires_in"},
        {"for more than a day", TELLER, QUOTE, "{" USD_INR
         ",'sell_amount':'1','rate_numerator':1,'rate_denominator':1,'expires_in':86401}", "400 VALIDATION_FAILED",
         "errors.0.field=expires_in"},
    };
    RUN(*state, steps);
}

void test_quotes_are_executed_once(void **state)
{
    static const struct step steps[] = {
        TWO_ACCOUNTS, NEW_QUOTE(USD_INR ",'sell_amount':'10000'," RATE),
        {"both move", ASHA, EXECUTE, ACCOUNTS, "201",
         "quote.id=$quote; quote.state=EXECUTED; transfers.#=2; transfers.0.debit_account_id=$usd; transfers.0.amount=10000; "
         "transfers.0.currency=USD; transfers.0.group_id=$quote; "
         "transfers.1.credit_account_id=$inr; transfers.1.amount=832500; transfers.1.currency=INR; transfers.1.group_id=$quote",
         "out=transfers.0.id; in=transfers.1.id"},
        {"the same again", ASHA, EXECUTE, ACCOUNTS, "200", "transfers.0.id=$out; transfers.1.id=$in; @idempotency-replayed=true"},
        {"with other accounts", ASHA, EXECUTE, "{'debit_account_id':'$usd','credit_account_id':'$asha'}", "409 FX_QUOTE_ALREADY_EXECUTED"},
        {"dollars went", ASHA, "GET /v1/accounts/$usd/balance", NULL, "200", "posted=90000"},
        {"rupees came", ASHA, "GET /v1/accounts/$inr/balance", NULL, "200", "posted=832500"},
        {"as a group", ASHA, "GET /v1/transfers?group_id=$quote", NULL, "200", "transfers.#=2"},
        {"it is done", ASHA, "GET /v1/fx/quotes/$quote", NULL, "200", "state=EXECUTED"},
        // 100.00 USD at 3 points a dollar; points have no decimals.
        {"a currency of our own", ADMIN, "POST /v1/currencies", "{'code':'STARS','name':'Stars'}", "201"},
        {"an account in it", ASHA, "POST /v1/accounts", "{'currency':'STARS'}", "201", NULL, "inr=id"},
        NEW_QUOTE("'sell_currency':'USD','buy_currency':'STARS','sell_amount':'10050','rate_numerator':3,"
                  "'rate_denominator':1,'expires_in':60"),
        {"is exchanged as any other", ASHA, EXECUTE, ACCOUNTS, "201",
         "quote.buy_amount=301; transfers.1.currency=STARS; transfers.1.amount=301"},
        {"a statement in it has no place in camt.053", ASHA, "GET /v1/accounts/$inr/statement", NULL, "422 STATEMENT_NOT_REPRESENTABLE",
         NULL, NULL, "Accept: application/xml"},
        {"it has in CSV", ASHA, "GET /v1/accounts/$inr/statement", NULL, "200", NULL, NULL, "Accept: text/csv"},
    };
    RUN(*state, steps);
}

#define LIMIT(name_, members_) {"limits of it", COMPLIANCE, "PATCH /v1/accounts/$" name_, members_, "200", NULL, NULL, "If-Match: *"}
#define FX_INR "494e5200-0000-8300-8000-0000464c524e"

void test_executions_are_refused(void **state)
{
    static const struct step steps[] = {
        TWO_ACCOUNTS,
        {"a poor account", ASHA, "POST /v1/accounts", "{'currency':'USD'}", "201", NULL, "poor=id"},
        {"a closed account", ASHA, "POST /v1/accounts", "{'currency':'USD'}", "201", NULL, "closed=id"},
        {"it ends", ASHA, "POST /v1/accounts/$closed:close", "{}", "200"},
        SIMPLE_QUOTE,
        {"nothing", ASHA, "POST /v1/fx/quotes/$none:execute", ACCOUNTS, "404 FX_QUOTE_NOT_FOUND"},
        {"without accounts", ASHA, EXECUTE, "{}", "400 VALIDATION_FAILED", "errors.0.field=debit_account_id"},
        {"with another's money", BINOD, EXECUTE, ACCOUNTS, "403 PERMISSION_DENIED"},
        {"from nowhere", TELLER, EXECUTE, "{'debit_account_id':'$none','credit_account_id':'$inr'}", "404 DEBIT_ACCOUNT_NOT_FOUND"},
        {"to nowhere", ASHA, EXECUTE, "{'debit_account_id':'$usd','credit_account_id':'$none'}", "404 CREDIT_ACCOUNT_NOT_FOUND"},
        {"the wrong way round", ASHA, EXECUTE, "{'debit_account_id':'$inr','credit_account_id':'$usd'}", "422 CURRENCY_MISMATCH"},
        {"into the bank's own", TELLER, EXECUTE, "{'debit_account_id':'$usd','credit_account_id':'" FX_INR "'}",
         "400 ACCOUNTS_MUST_DIFFER"},
        {"more than there is", ASHA, EXECUTE, "{'debit_account_id':'$poor','credit_account_id':'$inr'}", "422 INSUFFICIENT_FUNDS"},
        {"from what is closed", ASHA, EXECUTE, "{'debit_account_id':'$closed','credit_account_id':'$inr'}", "422 ACCOUNT_CLOSED"},
        {"to one whom nobody knows yet", ASHA, EXECUTE, "{'debit_account_id':'$usd','credit_account_id':'$chitra'}",
         "422 KYC_LIMIT_EXCEEDED", "details.limit=counterparty"},
        LIMIT("usd", "{'min_balance':'100000'}"),
        {"what must stay", ASHA, EXECUTE, ACCOUNTS, "422 BELOW_MIN_BALANCE"},
        LIMIT("usd", "{'min_balance':null}"), LIMIT("inr", "{'max_balance':'1'}"),
        {"what does not fit", ASHA, EXECUTE, ACCOUNTS, "422 ABOVE_MAX_BALANCE"},
        LIMIT("inr", "{'max_balance':null}"),
        {"frozen", COMPLIANCE, "POST /v1/accounts/$inr:freeze", "{'side':'CREDIT','reason':'x'}", "200"},
        {"to what is frozen", ASHA, EXECUTE, ACCOUNTS, "422 ACCOUNT_FROZEN"},
        {"no more", COMPLIANCE, "POST /v1/accounts/$inr:unfreeze", "{'side':'CREDIT'}", "200"},
        {"nothing has moved", ASHA, "GET /v1/accounts/$usd/balance", NULL, "200", "posted=100000; debits_posted=0"},
        {"once the reasons are gone it is done", ASHA, EXECUTE, ACCOUNTS, "201"},

        {"a full account", ADMIN, "POST /v1/currencies", "{'code':'DROPS','name':'Drops'}", "201"},
        {"", ASHA, "POST /v1/accounts", "{'currency':'DROPS'}", "201", NULL, "sea=id"},
        {"", TELLER, "POST /v1/accounts/$sea/deposit", "{'id':'$new','amount':'170141183460469231731687303715884105727'}", "201"},
        NEW_QUOTE("'sell_currency':'USD','buy_currency':'DROPS','sell_amount':'100','rate_numerator':1,"
                  "'rate_denominator':1,'expires_in':60"),
        {"a drop too much", ASHA, EXECUTE, "{'debit_account_id':'$usd','credit_account_id':'$sea'}", "422 BALANCE_OVERFLOW",
         "details.side=credit"},

        NEW_QUOTE(USD_INR ",'sell_amount':'100','rate_numerator':83,'rate_denominator':1,'expires_in':1"),
    };
    static const struct step expired = {"its time is over", ASHA, "GET /v1/fx/quotes/$quote", NULL, "200"};
    static const struct step after[] = {
        {"too late", ASHA, EXECUTE, ACCOUNTS, "422 FX_QUOTE_EXPIRED"},
    };
    RUN(*state, steps);
    struct http_answer answer = {0};
    do {
        assert_true(api_step(*state, &expired, &answer));
    } while (strcmp(http_text(&answer, "state"), "OPEN") == 0);
    assert_string_equal(http_text(&answer, "state"), "EXPIRED");
    http_answer_reset(&answer);
    RUN(*state, after);
}
