// Transfers and cash: what is asked for, how often it happens, and what an id stands for.
#include "tests/api/ledger_tests.h"

#include <stdio.h>
#include <string.h>

// clang-format off
#define WITH(members_) "{'id':'$new','amount':'5'," BETWEEN("asha", "binod") "," members_ "}"
#define INVALID "400 VALIDATION_FAILED"
#define LONG_TEXT "0123456789012345678901234567890123456789012345678901234567890123456789" \
                  "01234567890123456789012345678901234567890123456789012345678901234567890"

void test_cash_comes_in_and_goes_out(void **state)
{
    static const struct step steps[] = {
        {"an account", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "a=id"},
        {"cash comes in", TELLER, "POST /v1/accounts/$a/deposit", "{'id':'$new','amount':'900','description':'branch 12'}", "201",
         "debit_account_id=$cash; credit_account_id=$a; amount=900; currency=INR; kind=POSTED; state=POSTED; description=branch 12",
         "in=id"},
        {"the same again", TELLER, "POST /v1/accounts/$a/deposit", "{'id':'$in','amount':'900','description':'branch 12'}", "200",
         "id=$in; @idempotency-replayed=true"},
        {"not by its owner", ASHA, "POST /v1/accounts/$a/deposit", "{'id':'$new','amount':'1'}", "403 PERMISSION_DENIED"},
        {"its owner takes some out", ASHA, "POST /v1/accounts/$a/withdraw", "{'id':'$new','amount':'200'}", "201",
         "debit_account_id=$a; credit_account_id=$cash; amount=200", "out=id"},
        {"the same again", ASHA, "POST /v1/accounts/$a/withdraw", "{'id':'$out','amount':'200'}", "200",
         "id=$out; @idempotency-replayed=true"},
        {"a teller pays some out", TELLER, "POST /v1/accounts/$a/withdraw", "{'id':'$new','amount':'300'}", "201"},
        {"a stranger does not", BINOD, "POST /v1/accounts/$a/withdraw", "{'id':'$new','amount':'1'}", "403 PERMISSION_DENIED"},
        {"what is left", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=400; available=400; currency=INR; exponent=2"},
        {"in, not safe to repeat", TELLER, "POST /v1/accounts/$a/deposit", "{'amount':'1'}", "400 IDEMPOTENCY_REQUIRED",
         "details.field=id"},
        {"out, not safe to repeat", ASHA, "POST /v1/accounts/$a/withdraw", "{'amount':'1'}", "400 IDEMPOTENCY_REQUIRED"},
        {"in, by a key", TELLER, "POST /v1/accounts/$a/deposit", "{'amount':'1'}", "201", NULL, NULL, "Idempotency-Key: in-by-key"},
        {"in, by the key again", TELLER, "POST /v1/accounts/$a/deposit", "{'amount':'1'}", "201", "@idempotency-replayed=true", NULL,
         "Idempotency-Key: in-by-key"},
        {"nothing, in", TELLER, "POST /v1/accounts/$a/deposit", "{'id':'$new','amount':'0'}", "400 AMOUNT_MUST_NOT_BE_ZERO"},
        {"nothing, out", ASHA, "POST /v1/accounts/$a/withdraw", "{'id':'$new','amount':'0'}", "400 AMOUNT_MUST_NOT_BE_ZERO"},
        {"no amount", TELLER, "POST /v1/accounts/$a/deposit", "{'id':'$new'}", INVALID, "errors.0.field=amount; errors.0.reason=REQUIRED"},
        {"cash into cash", TELLER, "POST /v1/accounts/$cash/deposit", "{'id':'$new','amount':'1'}", "400 ACCOUNTS_MUST_DIFFER"},
        {"cash out of cash", TELLER, "POST /v1/accounts/$cash/withdraw", "{'id':'$new','amount':'1'}", "400 ACCOUNTS_MUST_DIFFER"},
        {"into nothing", TELLER, "POST /v1/accounts/$none/deposit", "{'id':'$new','amount':'1'}", "404 ACCOUNT_NOT_FOUND"},
        {"out of nothing", TELLER, "POST /v1/accounts/$none/withdraw", "{'id':'$new','amount':'1'}", "404 ACCOUNT_NOT_FOUND"},
    };
    RUN(*state, steps);
}

void test_transfers_move_money_once(void **state)
{
    static const struct step steps[] = {
        {"the payee", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "a=id"},
        {"a transfer", ASHA, POST, PAY("asha", "a", "250"), "201",
         "kind=POSTED; state=POSTED; amount=250; currency=INR; code=0; description=; balance_after=null; pending_id=null; "
         "reverses_id=null; "
         "timeout_seconds=0; amount_up_to=null; metadata={}; user_data_128=null; user_data_64=0; user_data_32=0; group_id=null; "
         "captured_amount=null; remaining_amount=null; expires_at=null; reversed_amount=null; follow_up_ids=[]; "
         "@idempotency-replayed=absent", "paid=id; paid_at=created_at; value_date=effective_at"},
        {"its value date is its own", ASHA, "GET /v1/transfers/$paid", NULL, "200", "effective_at=$paid_at; created_at=$paid_at"},
        {"the same again", ASHA, POST, "{'id':'$paid','amount':'250'," BETWEEN("asha", "a") "}", "200",
         "id=$paid; created_at=$paid_at; @idempotency-replayed=true"},
        {"by a key", ASHA, POST, "{'amount':'50'," BETWEEN("asha", "a") "}", "201", NULL, "keyed=id", "Idempotency-Key: rent 1"},
        {"by the key again", ASHA, POST, "{'amount':'50'," BETWEEN("asha", "a") "}", "201", "id=$keyed; @idempotency-replayed=true", NULL,
         "Idempotency-Key: rent 1"},
        {"by id and key", ASHA, POST, PAY("asha", "a", "1"), "201", NULL, NULL, "Idempotency-Key: rent 2"},
        {"by neither", ASHA, POST, "{'amount':'50'," BETWEEN("asha", "a") "}", "400 IDEMPOTENCY_REQUIRED", "details.field=id"},
        {"money moved once each time", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=301"},
        {"all that one may say", ASHA, POST,
         WITH("'kind':'POSTED','code':4711,'description':'rent, June','metadata':{'flat':'3','floor':'1'},"
              "'user_data_128':'340282366920938463463374607431768211455',"
              "'user_data_64':'18446744073709551615','user_data_32':4294967295,'effective_at':'2026-06-01T00:00:00Z'"),
         "201", "code=4711; description=rent, June; metadata.flat=3; metadata.floor=1; "
         "user_data_128=340282366920938463463374607431768211455; "
         "user_data_64=18446744073709551615; user_data_32=4294967295; effective_at=2026-06-01T00:00:00.000000000Z"},
        {"as much as is there", ASHA, POST, "{'id':'$new','amount_up_to':'1000'," BETWEEN("a", "asha") "}", "201",
         "amount=301; amount_up_to=1000", "swept=id"},
        {"the same again, though nothing is there now", ASHA, POST, "{'id':'$swept','amount_up_to':'1000'," BETWEEN("a", "asha") "}",
         "200", "amount=301; amount_up_to=1000"},
        {"as much as is there, of nothing", ASHA, POST, "{'id':'$new','amount_up_to':'1000'," BETWEEN("a", "asha") "}",
         "422 INSUFFICIENT_FUNDS"},
        {"a teller moves anybody's", TELLER, POST, PAY("asha", "binod", "1"), "201"},
        {"from another's account", BINOD, POST, PAY("asha", "binod", "1"), "403 PERMISSION_DENIED"},
        {"into the bank's account", ASHA, POST, PAY("asha", "cash", "1"), "403 PERMISSION_DENIED"},
        {"one that is not there", ASHA, "GET /v1/transfers/$none", NULL, "404 TRANSFER_NOT_FOUND"},
        {"a stranger looks at it", CHITRA, "GET /v1/transfers/$paid", NULL, "403 PERMISSION_DENIED"},
        {"a stranger repeats it", BINOD, POST, "{'id':'$paid','amount':'250'," BETWEEN("asha", "a") "}", "403 PERMISSION_DENIED"},
    };
    RUN(*state, steps);
}

void test_malformed_transfers_are_refused_by_field(void **state)
{
    static const struct { const char *given, *body, *field; } rows[] = {
        {"no debit account",          "{'id':'$new','amount':'5','credit_account_id':'$binod','currency':'INR'}", "debit_account_id"},
        {"no credit account",         "{'id':'$new','amount':'5','debit_account_id':'$asha','currency':'INR'}", "credit_account_id"},
        {"no currency",               "{'id':'$new','amount':'5','debit_account_id':'$asha','credit_account_id':'$binod'}", "currency"},
        {"no amount",                 "{'id':'$new'," BETWEEN("asha", "binod") "}", "amount"},
        {"a capture of nothing",      "{'id':'$new','kind':'POST'}", "pending_id"},
        {"a release of nothing",      "{'id':'$new','kind':'VOID'}", "pending_id"},
        {"a reversal of nothing",     "{'id':'$new','kind':'REVERSAL'}", "reverses_id"},
        {"the ledger's own kind",     "{'id':'$new','kind':'EXPIRY','pending_id':'$none'}", "kind"},
        {"a kind nobody knows",       WITH("'kind':'GIFT'"), "kind"},
        {"an id that is no UUID",     "{'id':'seven','amount':'5'," BETWEEN("asha", "binod") "}", "id"},
        {"an amount as a number",     "{'id':'$new','amount':5," BETWEEN("asha", "binod") "}", "amount"},
        {"an amount with a fraction", "{'id':'$new','amount':'5.0'," BETWEEN("asha", "binod") "}", "amount"},
        {"an amount with a zero before", "{'id':'$new','amount':'05'," BETWEEN("asha", "binod") "}", "amount"},
        {"a negative amount",         "{'id':'$new','amount':'-5'," BETWEEN("asha", "binod") "}", "amount"},
        {"an amount of null",         "{'id':'$new','amount':null," BETWEEN("asha", "binod") "}", "amount"},
        {"an amount beyond 128 bits", "{'id':'$new','amount':'340282366920938463463374607431768211456'," BETWEEN("asha", "binod") "}",
         "amount"},
        {"a currency in small letters",
         "{'id':'$new','amount':'5','debit_account_id':'$asha','credit_account_id':'$binod','currency':'inr'}", "currency"},
        {"a code of 17 bits",         WITH("'code':65536"), "code"},
        {"a negative code",           WITH("'code':-1"), "code"},
        {"a description too long",    WITH("'description':'" LONG_TEXT "'"), "description"},
        {"a description of two lines", WITH("'description':'a\\nb'"), "description"},
        {"user data of 65 bits",      WITH("'user_data_64':'18446744073709551616'"), "user_data_64"},
        {"user data of 33 bits",      WITH("'user_data_32':4294967296"), "user_data_32"},
        {"a value date that is none", WITH("'effective_at':'2026-02-30T00:00:00Z'"), "effective_at"},
        {"a negative time-out",       WITH("'kind':'PENDING','timeout_seconds':-1"), "timeout_seconds"},
        {"an unknown member",         WITH("'colour':'red'"), "colour"},
    };
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expect[64];
        snprintf(expect, sizeof expect, "errors.0.field=%s", rows[i].field);
        const struct step step = {rows[i].given, ASHA, POST, rows[i].body, INVALID, expect, NULL, NULL};
        wrong += !api_step(*state, &step, &answer);
    }
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
}

void test_each_kind_takes_its_members_only(void **state)
{
    static const char posted[] = "{'id':'$new','amount':'5'," BETWEEN("asha", "binod") "$extra}";
    static const char pending[] = "{'id':'$new','kind':'PENDING','amount':'5'," BETWEEN("asha", "binod") "$extra}";
    static const char capture[] = "{'id':'$new','kind':'POST','pending_id':'$hold'$extra}";
    static const char release[] = "{'id':'$new','kind':'VOID','pending_id':'$hold'$extra}";
    static const char reversal[] = "{'id':'$new','kind':'REVERSAL','reverses_id':'$paid'$extra}";
    static const struct { const char *kind, *extra, *field; } rows[] = {
        {posted,   ",'pending_id':'$hold'",         "pending_id"},
        {posted,   ",'reverses_id':'$hold'",        "reverses_id"},
        {posted,   ",'timeout_seconds':5",          "timeout_seconds"},
        {posted,   ",'final':true",                 "final"},
        {posted,   ",'amount_up_to':'5'",           "amount_up_to"},
        {pending,  ",'pending_id':'$hold'",         "pending_id"},
        {pending,  ",'reverses_id':'$hold'",        "reverses_id"},
        {pending,  ",'final':false",                "final"},
        {pending,  ",'amount_up_to':'5'",           "amount_up_to"},
        {capture,  ",'reverses_id':'$hold'",        "reverses_id"},
        {capture,  ",'amount_up_to':'5'",           "amount_up_to"},
        {capture,  ",'timeout_seconds':5",          "timeout_seconds"},
        {release,  ",'reverses_id':'$hold'",        "reverses_id"},
        {release,  ",'amount':'5'",                 "amount"},
        {release,  ",'amount_up_to':'5'",           "amount_up_to"},
        {release,  ",'timeout_seconds':5",          "timeout_seconds"},
        {release,  ",'final':true",                 "final"},
        {release,  ",'effective_at':'2026-01-01T00:00:00Z'", "effective_at"},
        {reversal, ",'pending_id':'$hold'",         "pending_id"},
        {reversal, ",'debit_account_id':'$asha'",   "debit_account_id"},
        {reversal, ",'credit_account_id':'$asha'",  "credit_account_id"},
        {reversal, ",'currency':'INR'",             "currency"},
        {reversal, ",'amount_up_to':'5'",           "amount_up_to"},
        {reversal, ",'timeout_seconds':5",          "timeout_seconds"},
        {reversal, ",'final':true",                 "final"},
    };
    static const struct step before[] = {
        {"a hold", ASHA, POST, "{'id':'$new','kind':'PENDING','amount':'5'," BETWEEN("asha", "binod") "}", "201", NULL, "hold=id"},
        {"a payment from Binod", BINOD, POST, PAY("binod", "asha", "5"), "201", NULL, "paid=id"},
    };
    RUN(*state, before);
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expect[64], extra[128], body[512];
        snprintf(expect, sizeof expect, "details.field=%s", rows[i].field);
        snprintf(extra, sizeof extra, "%s", rows[i].extra);
        snprintf(body, sizeof body, "%.*s%s}", (int)(strlen(rows[i].kind) - strlen("$extra}")), rows[i].kind, extra);
        const struct step step = {rows[i].extra, ASHA, POST, body, "400 EXCLUSIVE_FIELDS", expect, NULL, NULL};
        wrong += !api_step(*state, &step, &answer);
    }
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
    static const struct step after[] = {
        {"the hold is let go", ASHA, "POST /v1/transfers/$hold:void", "{'id':'$new'}", "201"},
    };
    RUN(*state, after);
}

// A refusal that depends on the state uses the id up; any other leaves it free.
void test_refused_ids_are_burnt_or_stay_free(void **state)
{
    static const struct step steps[] = {
        {"an account of nothing", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "a=id"},
        {"ids", ASHA, "POST /v1/accounts", "{'id':'$new','currency':'INR'}", "201", NULL, "poor=id"},
        {"ids", ASHA, "POST /v1/accounts", "{'id':'$new','currency':'INR'}", "201", NULL, "same=id"},
        {"more than there is", ASHA, POST, "{'id':'$poor','amount':'1'," BETWEEN("a", "asha") "}", "422 INSUFFICIENT_FUNDS",
         "details.side=debit"},
        {"the same again", ASHA, POST, "{'id':'$poor','amount':'1'," BETWEEN("a", "asha") "}", "422 ID_ALREADY_FAILED",
         "details.original_reason=INSUFFICIENT_FUNDS"},
        {"something else under that id", ASHA, POST, "{'id':'$poor','amount':'1'," BETWEEN("asha", "a") "}", "422 ID_ALREADY_FAILED"},
        {"at the counter", TELLER, "POST /v1/accounts/$asha/deposit", "{'id':'$poor','amount':'1'}", "422 ID_ALREADY_FAILED"},
        {"at the counter, out", ASHA, "POST /v1/accounts/$asha/withdraw", "{'id':'$poor','amount':'1'}", "422 ID_ALREADY_FAILED"},
        {"for sweeping: one coin", ASHA, POST, PAY("asha", "a", "1"), "201", NULL, "paid=id"},
        {"for sweeping", ASHA, "POST /v1/accounts/$a:close", "{'sweep_to':'$asha','id':'$poor'}", "422 ID_ALREADY_FAILED"},
        {"for a capture", ASHA, "POST /v1/transfers/$none:post", "{'id':'$poor'}", "422 ID_ALREADY_FAILED"},
        {"for a release", ASHA, "POST /v1/transfers/$none:void", "{'id':'$poor'}", "422 ID_ALREADY_FAILED"},
        {"for a reversal", ASHA, "POST /v1/transfers/$paid:reverse", "{'id':'$poor'}", "422 ID_ALREADY_FAILED"},
        {"the same account twice", ASHA, POST, "{'id':'$same','amount':'1'," BETWEEN("asha", "asha") "}", "400 ACCOUNTS_MUST_DIFFER"},
        {"nothing at all", ASHA, POST, "{'id':'$same','amount':'0'," BETWEEN("asha", "a") "}", "400 AMOUNT_MUST_NOT_BE_ZERO"},
        {"up to nothing at all", ASHA, POST, "{'id':'$same','amount_up_to':'0'," BETWEEN("asha", "a") "}", "400 AMOUNT_MUST_NOT_BE_ZERO"},
        {"in another currency", ASHA, POST,
         "{'id':'$same','amount':'1','debit_account_id':'$asha','credit_account_id':'$a','currency':'USD'}", "422 CURRENCY_MISMATCH"},
        {"the id was free all the time", ASHA, POST, "{'id':'$same','amount':'1'," BETWEEN("asha", "a") "}", "201"},
        {"from nowhere", TELLER, POST, PAY("none", "asha", "1"), "404 DEBIT_ACCOUNT_NOT_FOUND", NULL, "gone=request_id"},
        {"to nowhere", ASHA, POST, PAY("asha", "none", "1"), "404 CREDIT_ACCOUNT_NOT_FOUND"},
    };
    RUN(*state, steps);
}

// ---- The same id for something else -------------------------------------------------------------

/// One way to ask, for which a transfer of the same id is made first, with something more ($extra).
struct family {
    const char *name;
    enum who maker, who;
    const char *before, *keep;        // POST /v1/transfers by Asha, before each row. NULL: nothing.
    const char *make;                 // POST /v1/transfers
    const char *ask, *body;
    bool gives_code, gives_value_date;  // Compares a code, takes a value date.
};

static const struct family families[] = {
    {"transfer", ASHA, ASHA, NULL, NULL, "{'id':'$id','amount':'1'," BETWEEN("asha", "binod") "$extra}", POST, "{'id':'$id','amount':'1',"
     BETWEEN("asha", "binod") "}", true, true},
    {"deposit", TELLER, TELLER, NULL, NULL, "{'id':'$id','amount':'1'," BETWEEN("cash", "asha") "$extra}",
     "POST /v1/accounts/$asha/deposit", "{'id':'$id','amount':'1'}", true, true},
    {"withdraw", TELLER, ASHA, NULL, NULL, "{'id':'$id','amount':'1'," BETWEEN("asha", "cash") "$extra}",
     "POST /v1/accounts/$asha/withdraw", "{'id':'$id','amount':'1'}", true, true},
    {"close", ASHA, ASHA, "{'id':'$new','amount':'1'," BETWEEN("asha", "small") "}", NULL, "{'id':'$id','amount':'1',"
     BETWEEN("small", "asha") "$extra}", "POST /v1/accounts/$small:close", "{'id':'$id','sweep_to':'$asha'}", true, true},
    {"post", ASHA, ASHA, "{'id':'$new','kind':'PENDING','amount':'9'," BETWEEN("asha", "binod") "}", "hold=id",
     "{'id':'$id','kind':'POST','pending_id':'$hold','amount':'1','final':false$extra}", "POST /v1/transfers/$hold:post",
     "{'id':'$id','amount':'1','final':false}", false, true},
    {"void", ASHA, ASHA, "{'id':'$new','kind':'PENDING','amount':'9'," BETWEEN("asha", "binod") "}", "hold=id",
     "{'id':'$id','kind':'VOID','pending_id':'$hold'$extra}", "POST /v1/transfers/$hold:void", "{'id':'$id'}", false, false},
    {"reverse", BINOD, BINOD, "{'id':'$new','amount':'9'," BETWEEN("asha", "binod") "}", "paid=id",
     "{'id':'$id','kind':'REVERSAL','reverses_id':'$paid','amount':'1'$extra}", "POST /v1/transfers/$paid:reverse",
     "{'id':'$id','amount':'1'}", false, true},
};

static const struct { const char *extra, *reason; bool is_code, is_value_date; } more[] = {
    {",'code':7",                             "EXISTS_WITH_DIFFERENT_CODE", true, false},
    {",'description':'x'",                    "EXISTS_WITH_DIFFERENT_DESCRIPTION", false, false},
    {",'metadata':{'a':'b'}",                 "EXISTS_WITH_DIFFERENT_METADATA", false, false},
    {",'user_data_128':'7'",                  "EXISTS_WITH_DIFFERENT_USER_DATA_128", false, false},
    {",'user_data_64':'7'",                   "EXISTS_WITH_DIFFERENT_USER_DATA_64", false, false},
    {",'user_data_32':7",                     "EXISTS_WITH_DIFFERENT_USER_DATA_32", false, false},
    {",'effective_at':'2026-01-01T00:00:00Z'", "EXISTS_WITH_DIFFERENT_EFFECTIVE_AT", false, true},
};

// clang-format on

static size_t run_family(struct api *api, const struct family *family, const char *extra,
                         const char *reason)
{
    char id[WORLD_ID_BYTES], make[1024], answer_text[80];
    struct http_answer answer = {0};
    people_new_id(id);
    api_set(api, "id", id);
    size_t wrong = 0;
    if (family->before != NULL) {
        const struct step before = {family->name, ASHA, POST,         family->before,
                                    "201",        NULL, family->keep, NULL};
        wrong += !api_step(api, &before, &answer);
    }
    const char *place = strstr(family->make, "$extra");
    snprintf(make, sizeof make, "%.*s%s%s", (int)(place - family->make), family->make, extra,
             place + strlen("$extra"));
    snprintf(answer_text, sizeof answer_text, "409 %s", reason);
    const struct step steps[] = {
        {family->name, family->maker, POST, make, "201"},
        {family->name, family->who, family->ask, family->body, answer_text},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        wrong += !api_step(api, &steps[i], &answer);
    http_answer_reset(&answer);
    return wrong;
}

// clang-format off
static const struct step repetitions[] = {
    {"a hold", ASHA, POST, "{'id':'$new','kind':'PENDING','amount':'9','timeout_seconds':600," BETWEEN("asha", "binod") "}", "201",
     NULL, "hold=id"},
    {"another hold", ASHA, POST, "{'id':'$new','kind':'PENDING','amount':'9'," BETWEEN("asha", "binod") "}", "201", NULL, "hold2=id"},
    {"a payment", ASHA, POST, PAY("asha", "binod", "9"), "201", NULL, "paid=id"},
    {"another payment", ASHA, POST, PAY("asha", "binod", "9"), "201", NULL, "paid2=id"},
    {"one of what fits", ASHA, POST, "{'id':'$new','amount_up_to':'9'," BETWEEN("asha", "binod") "}", "201", NULL, "up_to=id"},
    {"a capture", ASHA, "POST /v1/transfers/$hold:post", "{'id':'$new','amount':'1','final':false}", "201", NULL, "capture=id"},
    {"a reversal", BINOD, "POST /v1/transfers/$paid:reverse", "{'id':'$new','amount':'1'}", "201", NULL, "reversal=id"},
    {"a release", ASHA, "POST /v1/transfers/$hold2:void", "{'id':'$new'}", "201", NULL, "release=id"},
    {"two more coins", ASHA, POST, PAY("asha", "small", "2"), "201"},
    {"a payment from the small one, which keeps two", ASHA, POST, PAY("small", "asha", "1"), "201", NULL, "small_paid=id"},

    {"a hold's id, paid", ASHA, POST, "{'id':'$hold','amount':'9'," BETWEEN("asha", "binod") "}", "409 EXISTS_WITH_DIFFERENT_KIND"},
    {"in", TELLER, "POST /v1/accounts/$asha/deposit", "{'id':'$hold','amount':'9'}", "409 EXISTS_WITH_DIFFERENT_KIND"},
    {"out", ASHA, "POST /v1/accounts/$asha/withdraw", "{'id':'$hold','amount':'9'}", "409 EXISTS_WITH_DIFFERENT_KIND"},
    {"swept", ASHA, "POST /v1/accounts/$small:close", "{'id':'$hold','sweep_to':'$asha'}", "409 EXISTS_WITH_DIFFERENT_KIND"},
    {"captured", ASHA, "POST /v1/transfers/$hold:post", "{'id':'$hold'}", "409 EXISTS_WITH_DIFFERENT_KIND"},
    {"released", ASHA, "POST /v1/transfers/$hold:void", "{'id':'$hold'}", "409 EXISTS_WITH_DIFFERENT_KIND"},
    {"reversed", BINOD, "POST /v1/transfers/$paid:reverse", "{'id':'$hold'}", "409 EXISTS_WITH_DIFFERENT_KIND"},

    {"a capture, now final", ASHA, "POST /v1/transfers/$hold:post", "{'id':'$capture','amount':'1'}",
     "409 EXISTS_WITH_DIFFERENT_FINAL"},
    {"the same", ASHA, POST, "{'id':'$capture','kind':'POST','pending_id':'$hold','amount':'1'}", "409 EXISTS_WITH_DIFFERENT_FINAL"},
    {"of another hold", ASHA, "POST /v1/transfers/$hold2:post", "{'id':'$capture','amount':'1','final':false}",
     "409 EXISTS_WITH_DIFFERENT_PENDING_ID"},
    {"the same", ASHA, POST, "{'id':'$capture','kind':'POST','pending_id':'$hold2','amount':'1','final':false}",
     "409 EXISTS_WITH_DIFFERENT_PENDING_ID"},
    {"a release of another hold", ASHA, "POST /v1/transfers/$hold:void", "{'id':'$release'}", "409 EXISTS_WITH_DIFFERENT_PENDING_ID"},
    {"a reversal of another payment", BINOD, "POST /v1/transfers/$paid2:reverse", "{'id':'$reversal','amount':'1'}",
     "409 EXISTS_WITH_DIFFERENT_REVERSES_ID"},
    {"the same", BINOD, POST, "{'id':'$reversal','kind':'REVERSAL','reverses_id':'$paid2','amount':'1'}",
     "409 EXISTS_WITH_DIFFERENT_REVERSES_ID"},
    {"a hold with another time-out", ASHA, POST, "{'id':'$hold','kind':'PENDING','amount':'9','timeout_seconds':601,"
     BETWEEN("asha", "binod") "}", "409 EXISTS_WITH_DIFFERENT_TIMEOUT_SECONDS"},
    {"from another account", ASHA, POST, "{'id':'$paid','amount':'9'," BETWEEN("other", "binod") "}",
     "409 EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID"},
    {"to another account", ASHA, POST, "{'id':'$paid','amount':'9'," BETWEEN("asha", "other") "}",
     "409 EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID"},
    {"in, of another currency", TELLER, "POST /v1/accounts/$asha/deposit", "{'id':'$in_dollars','amount':'100'}",
     "409 EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID"},
    {"in, made a payment of", TELLER, "POST /v1/accounts/$asha/deposit", "{'id':'$paid','amount':'9'}",
     "409 EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID"},
    {"in, once", TELLER, "POST /v1/accounts/$asha/deposit", "{'id':'$new','amount':'9'}", "201", NULL, "in=id"},
    {"in, to another account", TELLER, "POST /v1/accounts/$other/deposit", "{'id':'$in','amount':'9'}",
     "409 EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID"},
    {"in, another amount", TELLER, "POST /v1/accounts/$asha/deposit", "{'id':'$in','amount':'8'}", "409 EXISTS_WITH_DIFFERENT_AMOUNT"},
    {"out, once", ASHA, "POST /v1/accounts/$asha/withdraw", "{'id':'$new','amount':'9'}", "201", NULL, "out=id"},
    {"out, of another account", ASHA, "POST /v1/accounts/$other/withdraw", "{'id':'$out','amount':'9'}",
     "409 EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID"},
    {"out, made a payment of", ASHA, "POST /v1/accounts/$asha/withdraw", "{'id':'$paid','amount':'9'}",
     "409 EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID"},
    {"out, another amount", ASHA, "POST /v1/accounts/$asha/withdraw", "{'id':'$out','amount':'8'}", "409 EXISTS_WITH_DIFFERENT_AMOUNT"},
    {"swept, another's payment", ASHA, "POST /v1/accounts/$small:close", "{'id':'$paid','sweep_to':'$binod'}",
     "409 EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID"},
    {"swept elsewhere", ASHA, "POST /v1/accounts/$small:close", "{'id':'$small_paid','sweep_to':'$binod'}",
     "409 EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID"},
    {"swept, another amount", ASHA, "POST /v1/accounts/$small:close", "{'id':'$small_paid','sweep_to':'$asha'}",
     "409 EXISTS_WITH_DIFFERENT_AMOUNT"},
    {"another amount", ASHA, POST, "{'id':'$paid','amount':'8'," BETWEEN("asha", "binod") "}", "409 EXISTS_WITH_DIFFERENT_AMOUNT"},
    {"captured, another amount", ASHA, "POST /v1/transfers/$hold:post", "{'id':'$capture','amount':'2','final':false}",
     "409 EXISTS_WITH_DIFFERENT_AMOUNT"},
    {"reversed, another amount", BINOD, "POST /v1/transfers/$paid:reverse", "{'id':'$reversal','amount':'2'}",
     "409 EXISTS_WITH_DIFFERENT_AMOUNT"},
    {"reversed, all of it", BINOD, "POST /v1/transfers/$paid:reverse", "{'id':'$reversal'}", "409 EXISTS_WITH_DIFFERENT_AMOUNT"},
    {"up to another amount", ASHA, POST, "{'id':'$up_to','amount_up_to':'8'," BETWEEN("asha", "binod") "}",
     "409 EXISTS_WITH_DIFFERENT_AMOUNT_UP_TO"},
    {"in another currency", ASHA, POST,
     "{'id':'$paid','amount':'9','debit_account_id':'$asha','credit_account_id':'$binod','currency':'USD'}",
     "409 EXISTS_WITH_DIFFERENT_CURRENCY"},
    {"the first that differs is named", ASHA, POST, "{'id':'$paid','amount':'8','description':'x'," BETWEEN("asha", "other") "}",
     "409 EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID"},
    {"the capture again", ASHA, "POST /v1/transfers/$hold:post", "{'id':'$capture','amount':'1','final':false}", "200",
     "id=$capture; @idempotency-replayed=true"},
    {"the release again", ASHA, "POST /v1/transfers/$hold2:void", "{'id':'$release'}", "200",
     "id=$release; @idempotency-replayed=true"},
    {"the reversal again", BINOD, "POST /v1/transfers/$paid:reverse", "{'id':'$reversal','amount':'1'}", "200",
     "id=$reversal; @idempotency-replayed=true"},
    {"the hold is let go", ASHA, "POST /v1/transfers/$hold:void", "{'id':'$new'}", "201"},
};

void test_a_repeated_id_names_what_differs(void **state)
{
    static const struct step before[] = {
        {"an account that one coin stays in", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "small=id"},
        {"the coin", ASHA, POST, PAY("asha", "small", "1"), "201"},
        {"another account", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "other=id"},
        {"one in dollars", ASHA, "POST /v1/accounts", "{'currency':'USD'}", "201", NULL, "dollars=id"},
        {"dollars", TELLER, "POST /v1/accounts/$dollars/deposit", "{'id':'$new','amount':'100'}", "201", NULL, "in_dollars=id"},
        {"dollars out", ASHA, "POST /v1/accounts/$dollars/withdraw", "{'id':'$new','amount':'1'}", "201", NULL, "out_dollars=id"},
    };
    RUN(*state, before);
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const struct family *family = &families[i];
        for (size_t j = 0; j < sizeof more / sizeof more[0]; j++) {
            bool is_compared = (!more[j].is_code || family->gives_code) && (!more[j].is_value_date || family->gives_value_date);
            if (is_compared) wrong += run_family(*state, family, more[j].extra, more[j].reason);
        }
    }
    assert_int_equal(wrong, 0);

    RUN(*state, repetitions);
}
