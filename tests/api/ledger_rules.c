// The rules of money, over every route that moves some: closed, frozen, limits, totals, balances.
#include "tests/api/ledger_tests.h"

// clang-format off
#define MAX_TOTAL "170141183460469231731687303715884105727" // 2^127 - 1
#define MAX_LESS_5 "170141183460469231731687303715884105722"
#define OF(currency_, from_, to_, amount_)                                                         \
    "{'id':'$new','debit_account_id':'$" from_ "','credit_account_id':'$" to_ "','amount':'" amount_ "','currency':'" currency_ "'}"
#define OPEN(name_) {"an account", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, name_ "=id"}
#define LIMIT(name_, members_) {"limits of it", COMPLIANCE, "PATCH /v1/accounts/$" name_, members_, "200", NULL, NULL, "If-Match: *"}
#define FREEZE(name_, side_)                                                                       \
    {"a freeze", COMPLIANCE, "POST /v1/accounts/$" name_ ":freeze", "{'side':'" side_ "','reason':'x'}", "200"}
#define CLOSED(name_) {"it ends", ASHA, "POST /v1/accounts/$" name_ ":close", "{}", "200"}
#define IN(name_) "POST /v1/accounts/$" name_ "/deposit", "{'id':'$new','amount':'1'}"
#define OUT(name_) "POST /v1/accounts/$" name_ "/withdraw", "{'id':'$new','amount':'1'}"

/// $closed, $debit_frozen, $credit_frozen, $low (with 10, all of which must stay), $full (takes nothing), $empty.
static const struct step cast[] = {
    OPEN("closed"), CLOSED("closed"),
    OPEN("debit_frozen"),  FREEZE("debit_frozen", "DEBIT"),
    OPEN("credit_frozen"), FREEZE("credit_frozen", "CREDIT"),
    OPEN("low"), {"money for it", ASHA, POST, PAY("asha", "low", "10"), "201", NULL, NULL, NULL}, LIMIT("low", "{'min_balance':'10'}"),
    OPEN("full"), LIMIT("full", "{'max_balance':'0'}"),
    OPEN("empty"),
};

void test_rules_of_money_in_transfers(void **state)
{
    static const struct step steps[] = {
        {"from a closed account", ASHA, POST, PAY("closed", "asha", "1"), "422 ACCOUNT_CLOSED", "details.side=debit"},
        {"to a closed account", ASHA, POST, PAY("asha", "closed", "1"), "422 ACCOUNT_CLOSED", "details.side=credit"},
        {"from a frozen account", ASHA, POST, PAY("debit_frozen", "asha", "1"), "422 ACCOUNT_FROZEN", "details.side=debit"},
        {"to one that is frozen on that side only", ASHA, POST, PAY("asha", "debit_frozen", "1"), "201"},
        {"to a frozen account", ASHA, POST, PAY("asha", "credit_frozen", "1"), "422 ACCOUNT_FROZEN", "details.side=credit"},
        {"by one whom nobody knows yet", CHITRA, POST, PAY("chitra", "asha", "1"), "422 KYC_LIMIT_EXCEEDED",
         "details.side=debit; details.limit=posting; details.tier=T0; details.allowed=0"},
        {"to one whom nobody knows yet: whose limit it is is not told", ASHA, POST, PAY("asha", "chitra", "1"), "422 KYC_LIMIT_EXCEEDED",
         "details.side=credit; details.limit=counterparty; details.tier=absent; details.allowed=absent; details.used=absent"},
        {"to staff it is", TELLER, POST, PAY("asha", "chitra", "1"), "422 KYC_LIMIT_EXCEEDED",
         "details.side=credit; details.limit=posting; details.tier=T0"},
        {"more than there is", ASHA, POST, PAY("low", "asha", "11"), "422 INSUFFICIENT_FUNDS", "details.side=debit"},
        {"what must stay", ASHA, POST, PAY("low", "asha", "1"), "422 BELOW_MIN_BALANCE", "details.side=debit"},
        {"what does not fit", ASHA, POST, PAY("asha", "full", "1"), "422 ABOVE_MAX_BALANCE", "details.side=credit"},
        {"held is held to the same: closed", ASHA, POST, HOLD("asha", "closed", "1"), "422 ACCOUNT_CLOSED"},
        {"held: frozen", ASHA, POST, HOLD("asha", "credit_frozen", "1"), "422 ACCOUNT_FROZEN"},
        {"held: limits", CHITRA, POST, HOLD("chitra", "asha", "1"), "422 KYC_LIMIT_EXCEEDED"},
        {"held: funds", ASHA, POST, HOLD("empty", "asha", "1"), "422 INSUFFICIENT_FUNDS"},
        {"held: minimum", ASHA, POST, HOLD("low", "asha", "1"), "422 BELOW_MIN_BALANCE"},
        {"held: maximum", ASHA, POST, HOLD("asha", "full", "1"), "422 ABOVE_MAX_BALANCE"},
    };
    RUN(*state, cast);
    RUN(*state, steps);
}

// Of the bank's own accounts only those on the debit side are lowered by what comes in.
#define BANK(name_)                                                                                \
    {"an account of the bank's", ADMIN, "POST /v1/accounts", "{'currency':'INR','kind':'SYSTEM','class':'EXPENSE'}", "201", NULL, \
     name_ "=id"}

void test_rules_of_money_at_the_counter(void **state)
{
    static const struct step steps[] = {
        BANK("rent"), LIMIT("rent", "{'no_negative':true,'max_balance':'0'}"),
        BANK("stock"), LIMIT("stock", "{'min_balance':'0'}"),
        {"in: closed", TELLER, IN("closed"), "422 ACCOUNT_CLOSED", "details.side=credit"},
        {"in: frozen", TELLER, IN("credit_frozen"), "422 ACCOUNT_FROZEN"},
        {"in: limits", TELLER, IN("chitra"), "422 KYC_LIMIT_EXCEEDED", "details.limit=posting; details.tier=T0"},
        {"in: maximum", TELLER, IN("full"), "422 ABOVE_MAX_BALANCE"},
        {"in: funds of the bank's", TELLER, IN("rent"), "422 INSUFFICIENT_FUNDS", "details.side=credit"},
        {"in: minimum of the bank's", TELLER, IN("stock"), "422 BELOW_MIN_BALANCE", "details.side=credit"},
        {"out: closed", ASHA, OUT("closed"), "422 ACCOUNT_CLOSED", "details.side=debit"},
        {"out: frozen", ASHA, OUT("debit_frozen"), "422 ACCOUNT_FROZEN"},
        {"out: limits", CHITRA, OUT("chitra"), "422 KYC_LIMIT_EXCEEDED", "details.limit=posting"},
        {"out: funds", ASHA, OUT("empty"), "422 INSUFFICIENT_FUNDS"},
        {"out: minimum", ASHA, OUT("low"), "422 BELOW_MIN_BALANCE"},
        {"out: maximum of the bank's", TELLER, OUT("rent"), "422 ABOVE_MAX_BALANCE", "details.side=debit"},
    };
    RUN(*state, cast);
    RUN(*state, steps);
}

#define SWEEP(name_, to_) "POST /v1/accounts/$" name_ ":close", "{'id':'$new','sweep_to':'$" to_ "'}"

void test_rules_of_money_when_sweeping(void **state)
{
    static const struct step steps[] = {
        OPEN("a"), {"money in it", ASHA, POST, PAY("asha", "a", "5"), "201", NULL, NULL, NULL},
        {"dollars", ASHA, "POST /v1/accounts", "{'currency':'USD'}", "201", NULL, "dollars=id"},
        BANK("rent"), {"the bank pays rent", TELLER, POST, PAY("rent", "asha", "7"), "201", NULL, NULL, NULL},
        {"to a closed account", ASHA, SWEEP("a", "closed"), "422 ACCOUNT_CLOSED", "details.side=credit"},
        {"to a frozen account", ASHA, SWEEP("a", "credit_frozen"), "422 ACCOUNT_FROZEN"},
        {"to one whom nobody knows yet", ASHA, SWEEP("a", "chitra"), "422 KYC_LIMIT_EXCEEDED", "details.limit=counterparty"},
        {"to one that takes nothing", ASHA, SWEEP("a", "full"), "422 ABOVE_MAX_BALANCE"},
        {"what must stay", ASHA, SWEEP("low", "asha"), "422 BELOW_MIN_BALANCE"},
        {"in another currency", ASHA, SWEEP("a", "dollars"), "422 CURRENCY_MISMATCH"},
        {"the bank's is closed by who may open it", TELLER, SWEEP("rent", "asha"), "403 PERMISSION_DENIED"},
        {"what the bank is owed, by nobody", CHIEF, SWEEP("rent", "none"), "404 DEBIT_ACCOUNT_NOT_FOUND"},
        {"what the bank is owed, by one who has nothing", CHIEF, SWEEP("rent", "empty"), "422 INSUFFICIENT_FUNDS"},
        {"what the bank is owed is paid", CHIEF, SWEEP("rent", "asha"), "200", "closed=true"},
        {"nothing was swept", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=5"},
    };
    RUN(*state, cast);
    RUN(*state, steps);
}

void test_rules_of_money_when_holding_and_reversing(void **state)
{
    static const struct step steps[] = {
        // A capture: what was held does not ask for funds again, but a freeze stops it.
        OPEN("a"), {"money in it", ASHA, POST, PAY("asha", "a", "50"), "201", NULL, NULL, NULL},
        {"a hold", ASHA, POST, HOLD("a", "binod", "50"), "201", NULL, "hold=id"},
        FREEZE("a", "DEBIT"),
        {"a capture from what is frozen", ASHA, "POST /v1/transfers/$hold:post", ID, "422 ACCOUNT_FROZEN", "details.side=debit"},
        {"the same", ASHA, POST, "{'id':'$new','kind':'POST','pending_id':'$hold'}", "422 ACCOUNT_FROZEN"},
        {"the owner is stopped too", COMPLIANCE, "PUT /v1/limits/$asha_id", "{'debit_freeze':true,'reason':'x'}", "200", NULL, NULL,
         "If-Match: *"},
        {"the freeze ends", COMPLIANCE, "POST /v1/accounts/$a:unfreeze", "{'side':'DEBIT'}", "200"},
        {"a capture from who is stopped", ASHA, "POST /v1/transfers/$hold:post", ID, "422 KYC_LIMIT_EXCEEDED",
         "details.limit=debit_freeze; details.side=debit"},
        {"nothing is stopped", COMPLIANCE, "PUT /v1/limits/$asha_id", "{'reason':'x'}", "200", NULL, NULL, "If-Match: *"},
        {"a minimum that only now is there", COMPLIANCE, "PATCH /v1/accounts/$a", "{'min_balance':'50'}", "200", NULL, NULL, "If-Match: *"},
        {"a second step breaks no limit", ASHA, "POST /v1/transfers/$hold:post", ID, "201", "amount=50"},

        // A reversal goes the other way, and every rule but the sums applies.
        OPEN("payer"), OPEN("payee"),
        {"money in it", ASHA, POST, PAY("asha", "payer", "100"), "201"},
        {"a payment", ASHA, POST, PAY("payer", "payee", "40"), "201", NULL, "paid=id"},
        {"the payee spends", ASHA, POST, PAY("payee", "asha", "35"), "201"},
        {"what is not there", ASHA, "POST /v1/transfers/$paid:reverse", ID, "422 INSUFFICIENT_FUNDS", "details.side=debit"},
        LIMIT("payee", "{'min_balance':'5'}"),
        {"what must stay", ASHA, "POST /v1/transfers/$paid:reverse", "{'id':'$new','amount':'1'}", "422 BELOW_MIN_BALANCE"},
        LIMIT("payee", "{'min_balance':null}"), LIMIT("payer", "{'max_balance':'60'}"),
        {"what does not fit", ASHA, "POST /v1/transfers/$paid:reverse", "{'id':'$new','amount':'1'}", "422 ABOVE_MAX_BALANCE"},
        LIMIT("payer", "{'max_balance':null}"), FREEZE("payee", "DEBIT"),
        {"from what is frozen", ASHA, "POST /v1/transfers/$paid:reverse", "{'id':'$new','amount':'1'}", "422 ACCOUNT_FROZEN",
         "details.side=debit"},
        {"the freeze ends", COMPLIANCE, "POST /v1/accounts/$payee:unfreeze", "{'side':'DEBIT'}", "200"},
        {"the owner is stopped", COMPLIANCE, "PUT /v1/limits/$asha_id", "{'credit_freeze':true,'reason':'x'}", "200", NULL, NULL,
         "If-Match: *"},
        {"to who is stopped", ASHA, "POST /v1/transfers/$paid:reverse", "{'id':'$new','amount':'1'}", "422 KYC_LIMIT_EXCEEDED",
         "details.limit=credit_freeze; details.side=credit"},
        {"nothing is stopped", COMPLIANCE, "PUT /v1/limits/$asha_id", "{'reason':'x'}", "200", NULL, NULL, "If-Match: *"},
        {"the payer leaves", ASHA, "POST /v1/accounts/$payer:close", "{'id':'$new','sweep_to':'$asha'}", "200"},
        {"to what is closed", ASHA, "POST /v1/transfers/$paid:reverse", "{'id':'$new','amount':'1'}", "422 ACCOUNT_CLOSED",
         "details.side=credit"},
    };
    RUN(*state, steps);
}

void test_totals_do_not_overflow(void **state)
{
    static const struct step steps[] = {
        {"a currency to fill up", ADMIN, "POST /v1/currencies", "{'code':'MILES','name':'Miles'}", "201",
         "code=MILES; exponent=0; custom=true", "miles_cash=cash_account_id"},
        {"where miles come from", ADMIN, "POST /v1/accounts", "{'currency':'MILES','kind':'SYSTEM','class':'LIABILITY'}", "201", NULL,
         "mint=id"},
        {"an account", ASHA, "POST /v1/accounts", "{'currency':'MILES'}", "201", NULL, "a=id"},
        {"another", ASHA, "POST /v1/accounts", "{'currency':'MILES'}", "201", NULL, "b=id"},
        {"five", TELLER, POST, OF("MILES", "mint", "a", "5"), "201", NULL, "paid=id"},
        {"five more", TELLER, POST, OF("MILES", "mint", "b", "5"), "201"},
        {"one more than can be counted", TELLER, "POST /v1/accounts/$a/deposit",
         "{'id':'$new','amount':'170141183460469231731687303715884105723'}", "422 BALANCE_OVERFLOW", "details.side=credit"},
        {"all that can be counted", TELLER, "POST /v1/accounts/$a/deposit", "{'id':'$new','amount':'" MAX_LESS_5 "'}", "201"},
        {"it is there", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=" MAX_TOTAL "; available=" MAX_TOTAL "; credits_posted="
         MAX_TOTAL},
        {"one more", ASHA, POST, OF("MILES", "b", "a", "1"), "422 BALANCE_OVERFLOW", "details.side=credit"},
        {"one more, held", ASHA, POST,
         "{'id':'$new','kind':'PENDING','debit_account_id':'$b','credit_account_id':'$a','amount':'1','currency':'MILES'}",
         "422 BALANCE_OVERFLOW"},
        {"swept into it", ASHA, "POST /v1/accounts/$b:close", "{'id':'$new','sweep_to':'$a'}", "422 BALANCE_OVERFLOW"},
        {"all goes out", ASHA, "POST /v1/accounts/$a/withdraw", "{'id':'$new','amount':'" MAX_LESS_5 "'}", "201"},
        {"the rest", ASHA, POST, OF("MILES", "a", "b", "5"), "201"},
        {"one more goes out", ASHA, "POST /v1/accounts/$a/withdraw", "{'id':'$new','amount':'1'}", "422 BALANCE_OVERFLOW",
         "details.side=debit"},
        {"the first five go back", TELLER, "POST /v1/transfers/$paid:reverse", ID, "422 BALANCE_OVERFLOW", "details.side=debit"},
        {"the statement is longer than XML's decimals", ASHA, "GET /v1/accounts/$a/statement", NULL, "422 STATEMENT_NOT_REPRESENTABLE",
         NULL, NULL, "Accept: application/xml"},
    };
    RUN(*state, steps);
}
