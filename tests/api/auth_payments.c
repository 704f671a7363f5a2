// Approving a payment: a token that is worth this one, once.
#include "tests/api/auth_tests.h"

// clang-format off

#define PAYMENT(id_, to_, amount_) \
    "'id':'" id_ "','debit_account_id':'$asha','credit_account_id':'" to_ "','amount':'" amount_ "'," \
    "'currency':'INR'"
#define SCA(payment_) "{'action':'ledger.transfer.create','payload':{" payment_ "}}"

void test_a_payment_is_approved_once(void **state)
{
    char id[WORLD_ID_BYTES];
    people_new_id(id);
    api_set(*state, "p", id);
    static const struct step steps[] = {
        {"little needs no approval", ASHA, "POST /v1/transfers", "{" PAYMENT("$new", "$binod", "1000") "}", "201"},
        {"much does", ASHA, "POST /v1/transfers", "{" PAYMENT("$p", "$binod", "150000") "}", "403 INSUFFICIENT_AAL"},
        {"a teller needs none", TELLER, "POST /v1/transfers", "{" PAYMENT("$new", "$binod", "150000") "}", "201"},
        {"asked for", ASHA, "POST /v1/auth/sca", SCA(PAYMENT("$p", "$binod", "150000")), "201",
         "methods.0=email; sent_to=email; expires_in=300; resend_after=30", "s=sca_id"},
        {"a moment ago", ASHA, "POST /v1/auth/sca/resend", "{'sca_id':'$s','method':'email'}", "429 OTP_SEND_LIMIT"},
        {"a wrong code", ASHA, "POST /v1/auth/sca/verify", "{'sca_id':'$s','method':'email','code':'000000'}", "400 OTP_INVALID"},
        {"another's code", BINOD, "POST /v1/auth/sca/verify", "{'sca_id':'$s','method':'email','code':'$code_asha'}", "400 OTP_INVALID"},
        {"the right code", ASHA, "POST /v1/auth/sca/verify", "{'sca_id':'$s','method':'email','code':'$last_code_asha'}", "200",
         "expires_in=120", "sca=sca_token"},
        {"is good once", ASHA, "POST /v1/auth/sca/verify", "{'sca_id':'$s','method':'email','code':'$last_code_asha'}",
         "400 OTP_INVALID"},
        {"the payment", ASHA, "POST /v1/transfers", "{" PAYMENT("$p", "$binod", "150000") ",'sca_token':'$sca'}", "201"},
        {"its replay needs no other", ASHA, "POST /v1/transfers", "{" PAYMENT("$p", "$binod", "150000") ",'sca_token':'$sca'}", "200"},
    };
    RUN(*state, steps);
}

// The day's messages to one address come to an end; and who cannot be reached has nothing to show.
void test_approvals_are_not_asked_for_without_end(void **state)
{
    auth_new_customer(*state, "ishan");
    static const struct step none[] = {
        {"no factor at all", ADMIN, "POST /v1/auth/sca", SCA(PAYMENT("$new", "$binod", "1")), "422 FACTOR_REQUIRED"},
    };
    RUN(*state, none);
    struct http_answer answer = {0};
    for (unsigned i = 0; i < 100 && answer.status != 429; i++) {
        const struct step step = {"and another", NOBODY, "POST /v1/auth/sca", SCA(PAYMENT("$new", "$binod", "1")), "429 OTP_SEND_LIMIT",
            .headers = AS("ishan")};
        if (!api_ask(*state, &step, &answer)) assert_int_equal(answer.status, 201);
    }
    assert_int_equal(answer.status, 429);
    http_answer_reset(&answer);
}

void test_an_approval_is_for_one_payment(void **state)
{
    char id[WORLD_ID_BYTES];
    people_new_id(id);
    api_set(*state, "p", id);
    static const struct step steps[] = {
        {"approved", ASHA, "POST /v1/auth/sca", SCA(PAYMENT("$p", "$binod", "160000")), "201", NULL, "s=sca_id"},
        {"by code", ASHA, "POST /v1/auth/sca/verify", "{'sca_id':'$s','method':'email','code':'$code_asha'}", "200", NULL,
         "sca=sca_token"},
        {"another amount", ASHA, "POST /v1/transfers", "{" PAYMENT("$p", "$binod", "160001") ",'sca_token':'$sca'}", "403 SCA_INVALID"},
        {"another payee", ASHA, "POST /v1/transfers", "{" PAYMENT("$p", "$chitra", "160000") ",'sca_token':'$sca'}", "403 SCA_INVALID"},
        {"another payment", ASHA, "POST /v1/transfers", "{" PAYMENT("$new", "$binod", "160000") ",'sca_token':'$sca'}",
         "403 SCA_INVALID"},
        {"an access token is none", ASHA, "POST /v1/transfers", "{" PAYMENT("$p", "$binod", "160000") ",'sca_token':'abc.def.ghi'}",
         "403 SCA_INVALID"},
        {"this one", ASHA, "POST /v1/transfers", "{" PAYMENT("$p", "$binod", "160000") ",'sca_token':'$sca'}", "201"},
        {"what else could be approved", ASHA, "POST /v1/auth/sca",
         "{'action':'kyc.case.decide','payload':{" PAYMENT("$new", "$binod", "1") "}}", "400 ACTION_UNKNOWN"},
        {"nothing", ASHA, "POST /v1/auth/sca", "{}", "400 VALIDATION_FAILED"},
        {"nothing", ASHA, "POST /v1/auth/sca/verify", "{}", "400 VALIDATION_FAILED"},
        {"no such approval", ASHA, "POST /v1/auth/sca/verify", "{'sca_id':'$none','method':'email','code':'000000'}", "400 OTP_INVALID"},
        {"no such approval", ASHA, "POST /v1/auth/sca/resend", "{'sca_id':'$none','method':'email'}", "400 OTP_INVALID"},
    };
    RUN(*state, steps);

    static const struct step wrong_code = {"a wrong code", ASHA, "POST /v1/auth/sca/verify",
        "{'sca_id':'$s','method':'email','code':'000000'}", "400 OTP_INVALID"};
    static const struct step begun[] = {
        {"another approval", ASHA, "POST /v1/auth/sca", SCA(PAYMENT("$new", "$binod", "170000")), "201", NULL, "s=sca_id"},
    };
    static const struct step over[] = {
        {"the right one comes too late", ASHA, "POST /v1/auth/sca/verify", "{'sca_id':'$s','method':'email','code':'$code_asha'}",
         "400 OTP_EXHAUSTED"},
    };
    RUN(*state, begun);
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (unsigned i = 0; i < 5; i++) wrong += !api_step(*state, &wrong_code, &answer);
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
    RUN(*state, over);
}
