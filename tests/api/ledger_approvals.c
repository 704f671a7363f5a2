// Payments that a customer must approve one by one: in this world those of more than one franc.
#include "tests/api/ledger_tests.h"

// clang-format off
#define PAY_NOW "POST /v1/transfers"
#define PAYMENT(id_, to_, amount_)                                                                               \
    "'id':'" id_ "','debit_account_id':'$francs','credit_account_id':'" to_ "','amount':'" amount_ "','currency':'CHF'"
#define FRANCS                                                                                                   \
    {"francs", ASHA, "POST /v1/accounts", "{'currency':'CHF'}", "201", NULL, "francs=id"},                    \
    {"his", BINOD, "POST /v1/accounts", "{'currency':'CHF'}", "201", NULL, "his=id"},                         \
    {"money", TELLER, "POST /v1/accounts/$francs/deposit", "{'id':'$new','amount':'10000'}", "201"}

void test_large_payments_are_approved(void **state)
{
    static const struct step steps[] = {
        FRANCS,
        {"an id", ASHA, PAY_NOW, "{" PAYMENT("$new", "$his", "1") "}", "201", NULL, "before=id"},
        {"one franc", ASHA, PAY_NOW, "{" PAYMENT("$new", "$his", "100") "}", "201"},
        {"more", ASHA, PAY_NOW, "{" PAYMENT("$new", "$his", "101") "}", "403 INSUFFICIENT_AAL", "details.sca=required"},
        {"held", ASHA, PAY_NOW, "{" PAYMENT("$new", "$his", "101") ",'kind':'PENDING'}", "403 INSUFFICIENT_AAL"},
        {"up to more", ASHA, PAY_NOW,
         "{'id':'$new','debit_account_id':'$francs','credit_account_id':'$his','amount_up_to':'101','currency':'CHF'}",
         "403 INSUFFICIENT_AAL"},
        {"what is no approval", ASHA, PAY_NOW, "{" PAYMENT("$new", "$his", "101") ",'sca_token':'a.b.c'}", "403 SCA_INVALID"},
        {"nor where none is needed", ASHA, PAY_NOW, "{" PAYMENT("$new", "$his", "1") ",'sca_token':'a.b.c'}", "403 SCA_INVALID"},
        {"where none can be", ASHA, PAY_NOW, "{'kind':'VOID','id':'$new','pending_id':'$before','sca_token':'a.b.c'}",
         "400 EXCLUSIVE_FIELDS", "details.field=sca_token"},
        {"in a batch", ASHA, "POST /v1/transfers:batch", "{'transfers':[{" PAYMENT("$new", "$his", "101") "}],'dry_run':true}", "200",
         "results.0.result=INSUFFICIENT_AAL; results.0.details.sca=required"},
        {"a teller", TELLER, PAY_NOW, "{" PAYMENT("$new", "$his", "101") "}", "201"},
    };
    RUN(*state, steps);
}

void test_an_approval_pays_once(void **state)
{
    static const struct step steps[] = {
        FRANCS,
        {"an id that stays free", ASHA, PAY_NOW, "{" PAYMENT("$francs", "$his", "5000") "}", "403 INSUFFICIENT_AAL"},
        {"asked for", ASHA, "POST /v1/auth/sca",
         "{'action':'ledger.transfer.create','payload':{" PAYMENT("$francs", "$his", "5000") "}}", "201",
         "text=Pay 50.00 CHF to account $his", "sca=sca_id"},
        {"by code", ASHA, "POST /v1/auth/sca/verify", "{'sca_id':'$sca','method':'email','code':'$code_asha'}", "200", NULL,
         "token=sca_token"},
        {"for another amount", ASHA, PAY_NOW, "{" PAYMENT("$francs", "$his", "5001") ",'sca_token':'$token'}", "403 SCA_INVALID"},
        {"for another payee", ASHA, PAY_NOW, "{" PAYMENT("$francs", "$asha", "5000") ",'sca_token':'$token'}", "422 CURRENCY_MISMATCH"},
        {"by another payer", BINOD, PAY_NOW,
         "{'id':'$francs','debit_account_id':'$his','credit_account_id':'$francs','amount':'5000','currency':'CHF','sca_token':'$token'}",
         "403 SCA_INVALID"},
        {"for this one", ASHA, PAY_NOW, "{" PAYMENT("$francs", "$his", "5000") ",'sca_token':'$token'}", "201", "amount=5000"},
        {"again, without", ASHA, PAY_NOW, "{" PAYMENT("$francs", "$his", "5000") "}", "200", "@idempotency-replayed=true"},
        {"for another", ASHA, PAY_NOW, "{" PAYMENT("$new", "$his", "5000") ",'sca_token':'$token'}", "403 SCA_INVALID"},
    };
    RUN(*state, steps);
}

void test_no_way_leads_round_an_approval(void **state)
{
    static const struct step steps[] = {
        FRANCS,
        {"to an own account", ASHA, "POST /v1/accounts", "{'currency':'CHF'}", "201", NULL, "savings=id"},
        {"nothing is asked", ASHA, PAY_NOW, "{" PAYMENT("$new", "$savings", "500") "}", "201"},
        {"cash", ASHA, "POST /v1/accounts/$francs/withdraw", "{'id':'$new','amount':'101'}", "403 INSUFFICIENT_AAL"},
        {"with what is no approval", ASHA, "POST /v1/accounts/$francs/withdraw", "{'id':'$new','amount':'101','sca_token':'a.b.c'}",
         "403 SCA_INVALID"},
        {"a little cash", ASHA, "POST /v1/accounts/$francs/withdraw", "{'id':'$new','amount':'100'}", "201"},
        {"a deposit is none", TELLER, "POST /v1/accounts/$francs/deposit", "{'id':'$new','amount':'100','sca_token':'a.b.c'}",
         "400 VALIDATION_FAILED", "errors.0.field=sca_token; errors.0.reason=NOT_ALLOWED"},
        {"swept to him", ASHA, "POST /v1/accounts/$francs:close", "{'id':'$new','sweep_to':'$his'}", "403 INSUFFICIENT_AAL"},
        {"a quote", TELLER, "POST /v1/fx/quotes",
         "{'sell_currency':'CHF','buy_currency':'INR','sell_amount':'101','rate_numerator':95,'rate_denominator':1,"
         "'expires_in':600}", "201", NULL, "quote=id"},
        {"exchanged for him", ASHA, "POST /v1/fx/quotes/$quote:execute", "{'debit_account_id':'$francs','credit_account_id':'$binod'}",
         "403 INSUFFICIENT_AAL"},
        {"for herself", ASHA, "POST /v1/fx/quotes/$quote:execute", "{'debit_account_id':'$francs','credit_account_id':'$asha'}", "201"},
        {"swept to herself", ASHA, "POST /v1/accounts/$francs:close", "{'id':'$new','sweep_to':'$savings'}", "200"},
    };
    RUN(*state, steps);
}

// clang-format on
