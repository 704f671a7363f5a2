// Accounts: opening, listing, settings, freezes, closing.
#include "tests/api/ledger_tests.h"

#include <string.h>

#define IBAN "DE89370400440532013000"

// clang-format off
void test_accounts_are_opened(void **state)
{
    static const struct step steps[] = {
        {"a customer opens one", ASHA, "POST /v1/accounts", "{'currency':'INR','name':'Savings'}", "201",
         "owner_id=$asha_id; currency=INR; class=LIABILITY; kind=CUSTOMER; name=Savings; no_negative=true; closed=false; "
         "version=1; credit_limit=0; min_balance=null; max_balance=null; frozen_debit=null; frozen_credit=null; "
         "external_ref=; metadata={}; @etag=\"1\"", "savings=id; opened_at=created_at"},
        {"it reads as it was opened", ASHA, "GET /v1/accounts/$savings", NULL, "200",
         "id=$savings; created_at=$opened_at; updated_at=$opened_at; @etag=\"1\"; @cache-control=private, no-cache"},
        {"an id for the next", ASHA, "POST /v1/accounts", "{'id':'$new','currency':'INR'}", "201", NULL, "chosen=id"},
        {"a reference and metadata", ASHA, "POST /v1/accounts", "{'currency':'INR','external_ref':'" IBAN
         "','metadata':{'branch':'12','note':'a b'}}", "201", "external_ref=" IBAN "; metadata.branch=12; metadata.note=a b",
         "with_ref=id"},
        {"the same again is the same account", ASHA, "POST /v1/accounts", "{'id':'$chosen','currency':'INR'}", "200",
         "id=$chosen; version=1; @idempotency-replayed=true"},
        {"the id with something else", ASHA, "POST /v1/accounts", "{'id':'$chosen','currency':'USD'}", "409 ACCOUNT_EXISTS"},
        {"a reference that is taken", BINOD, "POST /v1/accounts", "{'currency':'INR','external_ref':'" IBAN "'}",
         "409 EXTERNAL_REF_EXISTS"},
        {"an IBAN with wrong check digits", ASHA, "POST /v1/accounts", "{'currency':'INR','external_ref':'DE88370400440532013000'}",
         "400 EXTERNAL_REF_INVALID"},
        {"an id of the ledger's own form", ASHA, "POST /v1/accounts", "{'id':'$cash','currency':'INR'}", "400 ACCOUNT_ID_RESERVED"},
        {"a currency that is not there", ASHA, "POST /v1/accounts", "{'currency':'XQZ'}", "404 CURRENCY_NOT_FOUND"},
        {"a currency in small letters", ASHA, "POST /v1/accounts", "{'currency':'inr'}", "400 VALIDATION_FAILED",
         "errors.0.field=currency"},
        {"no currency", ASHA, "POST /v1/accounts", "{'name':'x'}", "400 VALIDATION_FAILED",
         "errors.0.field=currency; errors.0.reason=REQUIRED"},
        {"a member nobody knows", ASHA, "POST /v1/accounts", "{'currency':'INR','colour':'red'}", "400 VALIDATION_FAILED",
         "errors.0.field=colour; errors.0.reason=UNKNOWN_FIELD"},
        {"metadata of a wrong type", ASHA, "POST /v1/accounts", "{'currency':'INR','metadata':{'a':1}}", "400 VALIDATION_FAILED"},
        {"metadata of seventeen", ASHA, "POST /v1/accounts",
         "{'currency':'INR','metadata':{'a':'','b':'','c':'','d':'','e':'','f':'','g':'','h':'','i':'','j':'','k':'','l':'','m':'',"
         "'n':'','o':'','p':'','q':''}}", "400 VALIDATION_FAILED", "errors.0.field=metadata"},
        {"for somebody else", ASHA, "POST /v1/accounts", "{'currency':'INR','owner_id':'$binod_id'}", "403 PERMISSION_DENIED"},
        {"a teller may, for a customer", TELLER, "POST /v1/accounts", "{'currency':'INR','owner_id':'$binod_id'}", "201",
         "owner_id=$binod_id"},
        {"a customer opens none of the bank's", ASHA, "POST /v1/accounts", "{'currency':'INR','kind':'SYSTEM','class':'EXPENSE'}",
         "403 PERMISSION_DENIED"},
        {"nor one that is an asset", ASHA, "POST /v1/accounts", "{'currency':'INR','class':'ASSET'}", "403 PERMISSION_DENIED"},
        {"nor does a teller", TELLER, "POST /v1/accounts", "{'currency':'INR','kind':'SYSTEM','class':'EXPENSE'}", "403 PERMISSION_DENIED"},
        {"an administrator does", ADMIN, "POST /v1/accounts", "{'currency':'INR','kind':'SYSTEM','class':'EXPENSE','name':'Rent'}", "201",
         "owner_id=null; kind=SYSTEM; class=EXPENSE; no_negative=false"},
        {"the bank's, of no class", ADMIN, "POST /v1/accounts", "{'currency':'INR','kind':'SYSTEM'}", "400 VALIDATION_FAILED",
         "errors.0.field=class"},
        {"the bank's, with an owner", ADMIN, "POST /v1/accounts",
         "{'currency':'INR','kind':'SYSTEM','class':'ASSET','owner_id':'$asha_id'}", "400 VALIDATION_FAILED", "errors.0.field=owner_id"},
        {"one that is not there", ASHA, "GET /v1/accounts/$none", NULL, "404 ACCOUNT_NOT_FOUND"},
    };
    RUN(*state, steps);
}

void test_accounts_are_listed(void **state)
{
    static const struct step steps[] = {
        {"three more", BINOD, "POST /v1/accounts", "{'currency':'EUR'}", "201", NULL, "one=id"},
        {"one with a reference", BINOD, "POST /v1/accounts", "{'currency':'EUR','external_ref':'shop 7'}", "201", NULL, "two=id"},
        {"the newest", BINOD, "POST /v1/accounts", "{'currency':'EUR'}", "201", NULL, "three=id"},
        {"newest first, by currency", BINOD, "GET /v1/accounts?currency=EUR", NULL, "200",
         "accounts.0.id=$three; accounts.1.id=$two; accounts.2.id=$one; accounts.#=3; next_page_token="},
        {"a page", BINOD, "GET /v1/accounts?currency=EUR&page_size=2", NULL, "200", "accounts.#=2", "token=next_page_token"},
        {"the next page", BINOD, "GET /v1/accounts?currency=EUR&page_size=2&page_token=$token", NULL, "200",
         "accounts.#=1; accounts.0.id=$one; next_page_token="},
        {"its token with another filter", BINOD, "GET /v1/accounts?currency=USD&page_token=$token", NULL, "400 PAGE_TOKEN_INVALID"},
        {"its token in another hand", ASHA, "GET /v1/accounts?currency=EUR&page_token=$token", NULL, "400 PAGE_TOKEN_INVALID"},
        {"a page of less than nothing", BINOD, "GET /v1/accounts?page_size=-1", NULL, "400 VALIDATION_FAILED", "errors.0.field=page_size"},
        {"by reference", BINOD, "GET /v1/accounts?external_ref=shop%207", NULL, "200", "accounts.#=1; accounts.0.id=$two"},
        {"by a reference of somebody else's", ASHA, "GET /v1/accounts?external_ref=shop%207", NULL, "200", "accounts.#=0"},
        {"staff find it", AUDITOR, "GET /v1/accounts?external_ref=shop%207", NULL, "200", "accounts.#=1"},
        {"staff ask by owner", AUDITOR, "GET /v1/accounts?owner_id=$binod_id&currency=EUR", NULL, "200", "accounts.#=3"},
        {"a customer by another owner", ASHA, "GET /v1/accounts?owner_id=$binod_id", NULL, "403 PERMISSION_DENIED"},
        {"a customer sees own ones", CHITRA, "GET /v1/accounts", NULL, "200", "accounts.#=1; accounts.0.id=$chitra"},
        {"an unknown parameter", BINOD, "GET /v1/accounts?colour=red", NULL, "400 VALIDATION_FAILED", "errors.0.field=colour"},
    };
    RUN(*state, steps);
}

#define PATCH "PATCH /v1/accounts/$a"

void test_settings_are_changed_by_version(void **state)
{
    static const struct step steps[] = {
        {"an account", ASHA, "POST /v1/accounts", "{'currency':'INR','name':'One','metadata':{'a':'1'}}", "201", NULL, "a=id"},
        {"another's reference", BINOD, "POST /v1/accounts", "{'currency':'INR','external_ref':'taken'}", "201"},
        {"is known already", ASHA, "GET /v1/accounts/$a", NULL, "304", "@etag=\"1\"", NULL, "If-None-Match: \"1\""},
        {"is among those known", ASHA, "GET /v1/accounts/$a", NULL, "304", NULL, NULL, "If-None-Match: \"9\", W/\"1\""},
        {"is whatever is known", ASHA, "GET /v1/accounts/$a", NULL, "304", NULL, NULL, "If-None-Match: *"},
        {"is not the one known", ASHA, "GET /v1/accounts/$a", NULL, "200", "@etag=\"1\"", NULL, "If-None-Match: \"2\""},
        {"without a version", ASHA, PATCH, "{'name':'Two'}", "428 IF_MATCH_REQUIRED"},
        {"of another version", ASHA, PATCH, "{'name':'Two'}", "412 VERSION_MISMATCH", NULL, NULL, "If-Match: \"7\""},
        {"of a weak version", ASHA, PATCH, "{'name':'Two'}", "412 VERSION_MISMATCH", NULL, NULL, "If-Match: W/\"1\""},
        {"of two versions", ASHA, PATCH, "{'name':'Two'}", "400 IF_MATCH_INVALID", NULL, NULL, "If-Match: \"1\", \"2\""},
        {"only what is named changes", ASHA, PATCH, "{'name':'Two'}", "200", "name=Two; metadata.a=1; version=2; @etag=\"2\"", NULL,
         "If-Match: \"1\""},
        {"nothing new", ASHA, PATCH, "{'name':'Two'}", "200", "version=2", NULL, "If-Match: \"2\""},
        {"nothing at all", ASHA, PATCH, "{}", "200", "version=2", NULL, "If-Match: \"2\""},
        {"whatever the version", ASHA, PATCH, "{'metadata':{'b':'2'}}", "200", "metadata={\"b\":\"2\"}; version=3", NULL, "If-Match: *"},
        {"null clears metadata", ASHA, PATCH, "{'metadata':null}", "200", "metadata={}; name=Two; version=4", NULL, "If-Match: *"},
        {"null clears a name", ASHA, PATCH, "{'name':null}", "200", "name=; version=5", NULL, "If-Match: *"},
        {"a reference", ASHA, PATCH, "{'external_ref':'mine'}", "200", "external_ref=mine", NULL, "If-Match: *"},
        {"its own reference again", ASHA, PATCH, "{'external_ref':'mine'}", "200", "version=6", NULL, "If-Match: *"},
        {"a reference that is taken", ASHA, PATCH, "{'external_ref':'taken'}", "409 EXTERNAL_REF_EXISTS", NULL, NULL, "If-Match: *"},
        {"an IBAN that is wrong", ASHA, PATCH, "{'external_ref':'GB82WEST12345698765433'}", "400 EXTERNAL_REF_INVALID", NULL, NULL,
         "If-Match: *"},
        {"null clears a reference", ASHA, PATCH, "{'external_ref':null}", "200", "external_ref=", NULL, "If-Match: *"},
        {"an unknown member", ASHA, PATCH, "{'colour':'red'}", "400 VALIDATION_FAILED",
         "errors.0.field=colour; errors.0.reason=UNKNOWN_FIELD", NULL, "If-Match: *"},
        {"a member that does not change", ASHA, PATCH, "{'currency':'USD'}", "400 VALIDATION_FAILED", "errors.0.field=currency", NULL,
         "If-Match: *"},
        {"the mask itself", ASHA, PATCH, "{'update_mask':['name']}", "400 VALIDATION_FAILED", "errors.0.field=update_mask", NULL,
         "If-Match: *"},
        {"a name of a wrong type", ASHA, PATCH, "{'name':7}", "400 VALIDATION_FAILED", "errors.0.field=name", NULL, "If-Match: *"},
        {"limits by the owner", ASHA, PATCH, "{'credit_limit':'500'}", "403 PERMISSION_DENIED", NULL, NULL, "If-Match: *"},
        {"limits by a teller", TELLER, PATCH, "{'no_negative':false}", "403 PERMISSION_DENIED", NULL, NULL, "If-Match: *"},
        {"limits by compliance", COMPLIANCE, PATCH, "{'credit_limit':'500','min_balance':'-500','max_balance':'9000'}", "200",
         "credit_limit=500; min_balance=-500; max_balance=9000", NULL, "If-Match: *"},
        {"the limit is available", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=0; available=500; credit_limit=500"},
        {"null clears limits", COMPLIANCE, PATCH, "{'credit_limit':null,'min_balance':null,'max_balance':null}", "200",
         "credit_limit=0; min_balance=null; max_balance=null", NULL, "If-Match: *"},
        {"an officer's own account", TELLER, "POST /v1/accounts",
         "{'id':'$new','owner_id':'$compliance_id','currency':'INR','name':'Own'}", "201", NULL,
         "officers=id"},
        {"gets its credit from another officer", COMPLIANCE, "PATCH /v1/accounts/$officers", "{'credit_limit':'500'}",
         "403 PERMISSION_DENIED", NULL,
         NULL, "If-Match: *"},
        {"and its freezes", COMPLIANCE, "POST /v1/accounts/$officers:unfreeze", "{'side':'DEBIT','reason':'x'}", "403 PERMISSION_DENIED"},
        {"and its owner the limits", COMPLIANCE, "PUT /v1/limits/$compliance_id", "{'reason':'x'}", "403 PERMISSION_DENIED", NULL, NULL,
         "If-Match: *"},
        {"a minimum above the maximum", COMPLIANCE, PATCH, "{'min_balance':'10','max_balance':'9'}", "400 LIMITS_CONTRADICT", NULL, NULL,
         "If-Match: *"},
        {"a negative credit limit", COMPLIANCE, PATCH, "{'credit_limit':'-1'}", "400 VALIDATION_FAILED", "errors.0.field=credit_limit",
         NULL, "If-Match: *"},
        {"a limit as a number", COMPLIANCE, PATCH, "{'credit_limit':5}", "400 VALIDATION_FAILED", "errors.0.field=credit_limit", NULL,
         "If-Match: *"},
        {"a limit beyond any total", COMPLIANCE, PATCH, "{'credit_limit':'340282366920938463463374607431768211455'}",
         "400 VALIDATION_FAILED", "errors.0.field=credit_limit", NULL, "If-Match: *"},
        {"a stranger, whatever the version", BINOD, PATCH, "{'name':'x'}", "403 PERMISSION_DENIED", NULL, NULL, "If-Match: \"abc\""},
        {"nothing, whatever the version", ASHA, "PATCH /v1/accounts/$none", "{'name':'x'}", "404 ACCOUNT_NOT_FOUND", NULL, NULL,
         "If-Match: \"abc\""},
        {"it ends", ASHA, "POST /v1/accounts/$a:close", "{}", "200", "closed=true"},
        {"a closed account", ASHA, PATCH, "{'name':'x'}", "422 ACCOUNT_CLOSED", NULL, NULL, "If-Match: *"},
    };
    RUN(*state, steps);
}

#define FREEZE "POST /v1/accounts/$a:freeze"
#define UNFREEZE "POST /v1/accounts/$a:unfreeze"

void test_freezes_stop_one_side_or_both(void **state)
{
    static const struct step steps[] = {
        {"an account", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "a=id"},
        {"with money", ASHA, "POST /v1/transfers", PAY("asha", "a", "100"), "201"},
        {"by its owner", ASHA, FREEZE, "{'side':'DEBIT','reason':'x'}", "403 PERMISSION_DENIED"},
        {"by a teller", TELLER, FREEZE, "{'side':'DEBIT','reason':'x'}", "403 PERMISSION_DENIED"},
        {"no side", COMPLIANCE, FREEZE, "{'reason':'x'}", "400 VALIDATION_FAILED", "errors.0.field=side; errors.0.reason=REQUIRED"},
        {"a side that is none", COMPLIANCE, FREEZE, "{'side':'LEFT','reason':'x'}", "400 VALIDATION_FAILED", "errors.0.field=side"},
        {"no reason", COMPLIANCE, FREEZE, "{'side':'DEBIT'}", "400 VALIDATION_FAILED", "errors.0.field=reason"},
        {"until yesterday", COMPLIANCE, FREEZE, "{'side':'DEBIT','reason':'x','until':'2020-01-01T00:00:00Z'}", "400 VALIDATION_FAILED",
         "errors.0.field=until"},
        {"nothing", COMPLIANCE, "POST /v1/accounts/$none:freeze", "{'side':'DEBIT','reason':'x'}", "404 ACCOUNT_NOT_FOUND"},
        {"debits stop", COMPLIANCE, FREEZE, "{'side':'DEBIT','reason':'court order 17/2026'}", "200",
         "frozen_debit.reason=court order 17/2026; frozen_debit.author=users/$compliance_id; frozen_debit.until=null; "
         "frozen_credit=null; version=2; @etag=\"2\""},
        {"the same again changes nothing", COMPLIANCE, FREEZE, "{'side':'DEBIT','reason':'court order 17/2026'}", "200", "version=2"},
        {"nothing goes out", ASHA, "POST /v1/transfers", PAY("a", "asha", "1"), "422 ACCOUNT_FROZEN", "details.side=debit"},
        {"money still comes in", ASHA, "POST /v1/transfers", PAY("asha", "a", "1"), "201"},
        {"both sides stop", COMPLIANCE, FREEZE, "{'side':'BOTH','reason':'deceased'}", "200",
         "frozen_debit.reason=deceased; frozen_credit.reason=deceased; version=3"},
        {"nothing comes in", ASHA, "POST /v1/transfers", PAY("asha", "a", "1"), "422 ACCOUNT_FROZEN", "details.side=credit"},
        {"its owner lifts it not", ASHA, UNFREEZE, "{'side':'BOTH'}", "403 PERMISSION_DENIED"},
        {"one side is lifted", COMPLIANCE, UNFREEZE, "{'side':'CREDIT','reason':'order lifted'}", "200",
         "frozen_credit=null; frozen_debit.reason=deceased; @etag=\"4\""},
        {"what is not frozen", COMPLIANCE, UNFREEZE, "{'side':'CREDIT'}", "200", "version=4"},
        {"no side to lift", COMPLIANCE, UNFREEZE, "{}", "400 VALIDATION_FAILED", "errors.0.field=side"},
        {"nothing to lift", COMPLIANCE, "POST /v1/accounts/$none:unfreeze", "{'side':'BOTH'}", "404 ACCOUNT_NOT_FOUND"},
        {"all is lifted", COMPLIANCE, UNFREEZE, "{'side':'BOTH'}", "200", "frozen_debit=null"},
        {"money goes out again", ASHA, "POST /v1/transfers", PAY("a", "asha", "101"), "201"},
        {"it ends", ASHA, "POST /v1/accounts/$a:close", "{}", "200"},
        {"what is closed", COMPLIANCE, FREEZE, "{'side':'DEBIT','reason':'x'}", "422 ACCOUNT_CLOSED"},
    };
    RUN(*state, steps);
}

void test_a_freeze_lifts_itself(void **state)
{
    static const struct step before[] = {
        {"an account", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "a=id"},
        {"frozen for a moment", COMPLIANCE, FREEZE, "{'side':'CREDIT','reason':'check','until':'$soon'}", "200",
         "frozen_credit.until=$soon"},
        {"nothing comes in", ASHA, "POST /v1/transfers", PAY("asha", "a", "1"), "422 ACCOUNT_FROZEN"},
    };
    static const struct step then = {"money comes in again", ASHA, "POST /v1/transfers", PAY("asha", "a", "1"), "201"};
    static const struct step after[] = {
        {"it is not shown any more", ASHA, "GET /v1/accounts/$a", NULL, "200", "frozen_credit=null"},
    };
    api_set_time(*state, "soon", 1500);
    RUN(*state, before);
    api_wait(*state, &then);
    RUN(*state, after);
}

#define CLOSE "POST /v1/accounts/$a:close"

void test_accounts_are_closed_and_swept(void **state)
{
    static const struct step steps[] = {
        {"an account", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "a=id"},
        {"with money", ASHA, "POST /v1/transfers", PAY("asha", "a", "700"), "201"},
        {"a stranger", BINOD, CLOSE, "{}", "403 PERMISSION_DENIED"},
        {"nothing", ASHA, "POST /v1/accounts/$none:close", "{}", "404 ACCOUNT_NOT_FOUND"},
        {"with money in it", ASHA, CLOSE, "{}", "422 BALANCE_NOT_ZERO"},
        {"swept, but not safe to repeat", ASHA, CLOSE, "{'sweep_to':'$asha'}", "400 IDEMPOTENCY_REQUIRED"},
        {"a hold", ASHA, "POST /v1/transfers",
         "{'id':'$new','kind':'PENDING','debit_account_id':'$a','credit_account_id':'$binod','amount':'1','currency':'INR'}", "201", NULL,
         "hold=id"},
        {"with a hold on it", ASHA, CLOSE, "{'sweep_to':'$asha','id':'$new'}", "422 ACCOUNT_HAS_PENDING"},
        {"the hold is let go", ASHA, "POST /v1/transfers/$hold:void", "{'id':'$new'}", "201"},
        {"swept into itself", ASHA, CLOSE, "{'sweep_to':'$a','id':'$new'}", "400 ACCOUNTS_MUST_DIFFER"},
        {"swept into the bank's", ASHA, CLOSE, "{'sweep_to':'$cash','id':'$new'}", "403 PERMISSION_DENIED"},
        {"swept to nowhere", ASHA, CLOSE, "{'sweep_to':'$none','id':'$new'}", "404 CREDIT_ACCOUNT_NOT_FOUND"},
        {"swept", ASHA, CLOSE, "{'sweep_to':'$asha','id':'$new'}", "200", "closed=true; @etag=\"2\""},
        {"closed again", ASHA, CLOSE, "{}", "200", "closed=true; version=2"},
        {"nothing is left", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=0; debits_posted=700; credits_posted=700"},
        {"its history stays", ASHA, "GET /v1/accounts/$a/transfers?direction=DEBIT&page_size=1", NULL, "200",
         "transfers.0.amount=700; transfers.0.credit_account_id=$asha; transfers.0.kind=POSTED"},
        {"nothing comes in", ASHA, "POST /v1/transfers", PAY("asha", "a", "1"), "422 ACCOUNT_CLOSED", "details.side=credit"},
        {"nothing goes out", ASHA, "POST /v1/transfers", PAY("a", "asha", "1"), "422 ACCOUNT_CLOSED", "details.side=debit"},
    };
    RUN(*state, steps);
}
