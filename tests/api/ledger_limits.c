// Currencies, and what KYC and compliance allow an owner.
#include "tests/api/ledger_tests.h"

// clang-format off
#define PUT "PUT /v1/limits/$deepa_id"
#define ANY "If-Match: *"
#define DEEPA_MAY(limits_) {"limits", COMPLIANCE, PUT, "{'reason':'test','limits':[" limits_ "]}", "200", NULL, NULL, ANY}
#define OWN(limit_, allowed_) "{'currency':'INR','limit':'" limit_ "','allowed':'" allowed_ "'}"

void test_currencies_are_added(void **state)
{
    static const struct step steps[] = {
        {"those of ISO 4217 are there", CHITRA, "GET /v1/currencies?page_size=1000", NULL, "200",
         "currencies.0.code=AED; currencies.0.exponent=2; currencies.0.custom=false"},
        {"a page of them", CHITRA, "GET /v1/currencies?page_size=3", NULL, "200", "currencies.#=3", "token=next_page_token"},
        {"the next", CHITRA, "GET /v1/currencies?page_size=3&page_token=$token", NULL, "200", "currencies.#=3"},
        {"one of our own", ADMIN, "POST /v1/currencies", "{'code':'GOLD18','exponent':18,'name':'Gold, in grams'}", "201",
         "code=GOLD18; exponent=18; name=Gold, in grams; custom=true"},
        {"again", ADMIN, "POST /v1/currencies", "{'code':'GOLD18','exponent':18,'name':'Gold, in grams'}", "409 CURRENCY_EXISTS"},
        {"one of ISO 4217's", ADMIN, "POST /v1/currencies", "{'code':'EUR','exponent':2,'name':'Euro'}", "409 CURRENCY_EXISTS"},
        {"by a customer", ASHA, "POST /v1/currencies", "{'code':'ASHA','name':'x'}", "403 PERMISSION_DENIED"},
        {"with nineteen decimals", ADMIN, "POST /v1/currencies", "{'code':'DUST','exponent':19,'name':'x'}", "400 VALIDATION_FAILED",
         "errors.0.field=exponent"},
        {"of two letters", ADMIN, "POST /v1/currencies", "{'code':'XY','name':'x'}", "400 VALIDATION_FAILED", "errors.0.field=code"},
        {"without a name", ADMIN, "POST /v1/currencies", "{'code':'NONAME'}", "400 VALIDATION_FAILED", "errors.0.field=name"},
        {"money in it", ASHA, "POST /v1/accounts", "{'currency':'GOLD18'}", "201", "currency=GOLD18", "gold=id"},
        {"comes in as any other", TELLER, "POST /v1/accounts/$gold/deposit", "{'id':'$new','amount':'1000000000000000000'}", "201",
         "currency=GOLD18"},
        {"with its decimals", ASHA, "GET /v1/accounts/$gold/balance", NULL, "200",
         "posted=1000000000000000000; exponent=18; currency=GOLD18"},
    };
    RUN(*state, steps);
}

void test_limits_are_replaced_by_version(void **state)
{
    static const struct step steps[] = {
        {"nobody has spoken of her yet", CHITRA, "GET /v1/limits/$chitra_id", NULL, "200",
         "owner_id=$chitra_id; tier=T0; version=1; receive_only=false; debit_freeze=false; credit_freeze=false; reason=; limits=[]; "
         "@etag=\"1\""},
        {"of somebody else", CHITRA, "GET /v1/limits/$asha_id", NULL, "403 PERMISSION_DENIED"},
        {"who is through KYC", DEEPA, "GET /v1/limits/$deepa_id", NULL, "200", "tier=T3; limits=[]", "etag=@etag"},
        {"is known already", DEEPA, "GET /v1/limits/$deepa_id", NULL, "304", "@etag=$etag", NULL, "If-None-Match: $etag"},
        {"by herself", DEEPA, PUT, "{'reason':'x'}", "403 PERMISSION_DENIED", NULL, NULL, "If-Match: $etag"},
        {"by a teller", TELLER, PUT, "{'reason':'x'}", "403 PERMISSION_DENIED", NULL, NULL, "If-Match: $etag"},
        {"without a version", COMPLIANCE, PUT, "{'reason':'x'}", "428 IF_MATCH_REQUIRED"},
        {"of another version", COMPLIANCE, PUT, "{'reason':'x'}", "412 VERSION_MISMATCH", NULL, NULL, "If-Match: \"999\""},
        {"of two versions", COMPLIANCE, PUT, "{'reason':'x'}", "400 IF_MATCH_INVALID", NULL, NULL, "If-Match: \"1\", \"2\""},
        {"without a reason", COMPLIANCE, PUT, "{}", "400 VALIDATION_FAILED", "errors.0.field=reason", NULL, "If-Match: $etag"},
        {"in a currency that is not there", COMPLIANCE, PUT,
         "{'reason':'x','limits':[{'currency':'XQZ','limit':'transfer','allowed':'1'}]}", "404 CURRENCY_NOT_FOUND", NULL, NULL,
         "If-Match: $etag"},
        {"of a name that is none", COMPLIANCE, PUT, "{'reason':'x','limits':[" OWN("per_week", "1") "]}", "400 VALIDATION_FAILED",
         "errors.0.field=limits[0].limit", NULL, "If-Match: $etag"},
        {"without an amount", COMPLIANCE, PUT, "{'reason':'x','limits':[{'currency':'INR','limit':'transfer'}]}", "400 VALIDATION_FAILED",
         "errors.0.field=limits[0].allowed", NULL, "If-Match: $etag"},
        {"twice the same", COMPLIANCE, PUT, "{'reason':'x','limits':[" OWN("transfer", "1") "," OWN("transfer", "2") "]}",
         "400 VALIDATION_FAILED", "errors.0.field=limits[1].limit", NULL, "If-Match: $etag"},
        {"own limits", COMPLIANCE, PUT, "{'receive_only':true,'reason':'salary account','limits':[" OWN("debit_day", "5000") ","
         OWN("transfer", "0") "]}", "200",
         "receive_only=true; reason=salary account; tier=T3; limits.0.limit=transfer; limits.0.allowed=0; limits.0.source=owner; "
         "limits.1.limit=debit_day; limits.1.allowed=5000; " "limits.1.used=0; limits.0.resets_at=null; limits.1.currency=INR",
         "next=@etag", "If-Match: $etag"},
        {"the version has risen", COMPLIANCE, PUT, "{'reason':'x'}", "412 VERSION_MISMATCH", NULL, NULL, "If-Match: $etag"},
        {"replaced as a whole", COMPLIANCE, PUT, "{'reason':'over'}", "200", "receive_only=false; reason=over; limits=[]", NULL,
         "If-Match: $next"},
        {"of one who has no account", COMPLIANCE, "GET /v1/limits/$none", NULL, "200", "tier=T0; version=1"},
        {"of what is no UUID", COMPLIANCE, "GET /v1/limits/me", NULL, "400 VALIDATION_FAILED", "errors.0.field=owner_id"},
    };
    RUN(*state, steps);
}

#define USED(limit_) {"what is used", DEEPA, "GET /v1/limits/$deepa_id", NULL, "200", limit_}

void test_limits_are_kept(void **state)
{
    static const struct step steps[] = {
        {"another account of hers", DEEPA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "own=id"},

        DEEPA_MAY(OWN("transfer", "50")),
        {"one transfer too large", DEEPA, POST, PAY("deepa", "asha", "51"), "422 KYC_LIMIT_EXCEEDED",
         "details.limit=transfer; details.allowed=50; details.used=0; details.tier=T3; details.side=debit; details.resets_at=absent"},
        {"just right", DEEPA, POST, PAY("deepa", "asha", "50"), "201"},

        DEEPA_MAY(""),
        {"something before the limit", DEEPA, POST, PAY("deepa", "asha", "30"), "201"},
        DEEPA_MAY(OWN("debit_day", "1000")),
        USED("limits.0.limit=debit_day; limits.0.used=80; limits.0.allowed=1000"),
        {"held: it counts", DEEPA, POST,
         "{'id':'$new','kind':'PENDING','debit_account_id':'$deepa','credit_account_id':'$asha','amount':'900','currency':'INR'}", "201",
         NULL, "hold=id"},
        USED("limits.0.used=980"),
        {"beyond the day", DEEPA, POST, PAY("deepa", "asha", "21"), "422 KYC_LIMIT_EXCEEDED",
         "details.limit=debit_day; details.used=980; details.allowed=1000", "resets=details.resets_at"},
        USED("limits.0.resets_at=$resets"),
        {"a part is captured, the rest given back", DEEPA, "POST /v1/transfers/$hold:post", "{'id':'$new','amount':'100'}", "201", NULL,
         "paid=id"},
        USED("limits.0.used=180"),
        {"reversed: it is given back", ASHA, "POST /v1/transfers/$paid:reverse", "{'id':'$new','amount':'60'}", "201"},
        USED("limits.0.used=120"),
        {"between own accounts nothing counts", DEEPA, POST, PAY("deepa", "own", "5000"), "201"},
        USED("limits.0.used=120"),

        DEEPA_MAY(OWN("credit_month", "10")),
        {"more than may come in: to others it is not told", ASHA, POST, PAY("asha", "own", "999999"), "422 KYC_LIMIT_EXCEEDED",
         "details.limit=counterparty; details.side=credit; details.allowed=absent"},
        {"staff are told", TELLER, "POST /v1/accounts/$own/deposit", "{'id':'$new','amount':'999999'}", "422 KYC_LIMIT_EXCEEDED",
         "details.limit=credit_month; details.allowed=10"},

        DEEPA_MAY(OWN("balance", "1")),
        {"more than may be there", TELLER, "POST /v1/accounts/$own/deposit", "{'id':'$new','amount':'1'}", "422 KYC_LIMIT_EXCEEDED",
         "details.limit=balance; details.allowed=1"},

        {"she may only receive", COMPLIANCE, PUT, "{'receive_only':true,'reason':'x'}", "200", NULL, NULL, ANY},
        {"nothing goes out", DEEPA, POST, PAY("deepa", "asha", "1"), "422 KYC_LIMIT_EXCEEDED", "details.limit=receive_only"},
        {"money comes in", ASHA, POST, PAY("asha", "deepa", "1"), "201"},
        {"she is frozen", COMPLIANCE, PUT, "{'debit_freeze':true,'credit_freeze':true,'reason':'x'}", "200", NULL, NULL, ANY},
        {"out", DEEPA, POST, PAY("deepa", "asha", "1"), "422 KYC_LIMIT_EXCEEDED", "details.limit=debit_freeze"},
        {"in", TELLER, "POST /v1/accounts/$own/deposit", "{'id':'$new','amount':'1'}", "422 KYC_LIMIT_EXCEEDED",
         "details.limit=credit_freeze"},
        DEEPA_MAY(""),
        {"all is well again", DEEPA, POST, PAY("deepa", "asha", "1"), "201"},
    };
    RUN(*state, steps);
}
