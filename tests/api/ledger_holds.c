// Two-phase transfers and reversals: what follows an earlier transfer.
#include "tests/api/ledger_tests.h"

#include <string.h>

// clang-format off
#define CAPTURE "POST /v1/transfers/$hold:post"
#define RELEASE "POST /v1/transfers/$hold:void"
#define REVERSE "POST /v1/transfers/$paid:reverse"
#define TWO_ACCOUNTS                                                                               \
    {"the payer", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "a=id"},        \
    {"the payee", BINOD, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "b=id"},       \
    {"money", ASHA, POST, PAY("asha", "a", "1000"), "201"}

void test_holds_are_captured_in_parts(void **state)
{
    static const struct step steps[] = {
        TWO_ACCOUNTS,
        {"a hold", ASHA, POST, HOLD_WITH("a", "b", "600", ",'code':7"), "201",
         "kind=PENDING; state=PENDING; captured_amount=0; remaining_amount=600; expires_at=null; timeout_seconds=0",
         "hold=id; held_at=created_at"},
        {"the payer's money is reserved", ASHA, "GET /v1/accounts/$a/balance", NULL, "200",
         "posted=1000; available=400; pending_out=600; pending_in=0; debits_pending=600"},
        {"the payee's is not there yet", BINOD, "GET /v1/accounts/$b/balance", NULL, "200",
         "posted=0; available=0; pending_in=600; credits_pending=600"},
        {"it cannot be spent twice", ASHA, POST, PAY("a", "asha", "401"), "422 INSUFFICIENT_FUNDS"},
        {"nor before it has come", BINOD, POST, PAY("b", "binod", "1"), "422 INSUFFICIENT_FUNDS"},
        {"the payee captures not", BINOD, CAPTURE, ID, "403 PERMISSION_DENIED"},
        {"a stranger captures not", CHITRA, CAPTURE, ID, "403 PERMISSION_DENIED"},
        {"not safe to repeat", ASHA, CAPTURE, "{}", "400 IDEMPOTENCY_REQUIRED", "details.field=id"},
        {"nothing", ASHA, CAPTURE, "{'id':'$new','amount':'0'}", "400 AMOUNT_MUST_NOT_BE_ZERO"},
        {"a part, and more may follow", ASHA, CAPTURE, "{'id':'$new','amount':'100','final':false}", "201",
         "kind=POST; state=POSTED; amount=100; final=false; pending_id=$hold; code=7; currency=INR", "first=id"},
        {"more than is left", ASHA, CAPTURE, "{'id':'$new','amount':'501'}", "422 EXCEEDS_PENDING_TRANSFER_AMOUNT"},
        {"more than is left, asked the other way", ASHA, POST, "{'id':'$new','kind':'POST','pending_id':'$hold','amount':'501'}",
         "422 EXCEEDS_PENDING_TRANSFER_AMOUNT"},
        {"a part, by key", ASHA, CAPTURE, "{'amount':'50','final':false}", "201", "amount=50", "second=id", "Idempotency-Key: second part"},
        {"what became of it", ASHA, "GET /v1/transfers/$hold", NULL, "200",
         "state=PENDING; captured_amount=150; remaining_amount=450; follow_up_ids.0=$second; follow_up_ids.1=$first; "
         "follow_up_ids.#=2; amount=600"},
        {"the last part lets the rest go", ASHA, CAPTURE, "{'id':'$new','amount':'200'}", "201", "final=true; amount=200"},
        {"it is done", BINOD, "GET /v1/transfers/$hold", NULL, "200",
         "state=POSTED; captured_amount=350; remaining_amount=0; follow_up_ids.#=3"},
        {"what was not captured is free", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=650; available=650; pending_out=0"},
        {"the payee has it", BINOD, "GET /v1/accounts/$b/balance", NULL, "200", "posted=350; available=350; pending_in=0"},
        {"once more", ASHA, CAPTURE, ID, "422 PENDING_TRANSFER_ALREADY_POSTED"},
        {"once more, the other way", ASHA, POST, "{'id':'$new','kind':'POST','pending_id':'$hold'}", "422 PENDING_TRANSFER_ALREADY_POSTED"},
        {"let go of what is done", ASHA, RELEASE, ID, "422 PENDING_TRANSFER_ALREADY_POSTED"},
        {"all at once", ASHA, POST, HOLD("a", "b", "10"), "201", NULL, "hold=id"},
        {"all of it", ASHA, CAPTURE, ID, "201", "amount=10; final=true"},
        {"by staff", ASHA, POST, HOLD("a", "b", "10"), "201", NULL, "hold=id"},
        {"all of it", TELLER, CAPTURE, ID, "201", "amount=10"},
    };
    RUN(*state, steps);
}

void test_holds_are_voided(void **state)
{
    static const struct step steps[] = {
        TWO_ACCOUNTS,
        {"a hold", ASHA, POST, HOLD("a", "b", "600"), "201", NULL, "hold=id"},
        {"a part of it", ASHA, CAPTURE, "{'id':'$new','amount':'100','final':false}", "201", NULL, "part=id"},
        {"a stranger", CHITRA, RELEASE, ID, "403 PERMISSION_DENIED"},
        {"not safe to repeat", BINOD, RELEASE, "{}", "400 IDEMPOTENCY_REQUIRED"},
        {"the payee may let it go", BINOD, RELEASE, ID, "201", "kind=VOID; amount=500; pending_id=$hold; state=POSTED"},
        {"it is done", ASHA, "GET /v1/transfers/$hold", NULL, "200", "state=VOIDED; captured_amount=100; remaining_amount=0"},
        {"all but the part is free", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=900; available=900; pending_out=0"},
        {"again", ASHA, RELEASE, ID, "422 PENDING_TRANSFER_ALREADY_VOIDED"},
        {"a capture", ASHA, CAPTURE, ID, "422 PENDING_TRANSFER_ALREADY_VOIDED"},
        {"the other way", ASHA, POST, "{'id':'$new','kind':'VOID','pending_id':'$hold'}", "422 PENDING_TRANSFER_ALREADY_VOIDED"},
        {"a hold on what will be frozen", ASHA, POST, HOLD("a", "b", "5"), "201", NULL, "hold=id"},
        {"frozen", COMPLIANCE, "POST /v1/accounts/$a:freeze", "{'side':'BOTH','reason':'x'}", "200"},
        {"is let go all the same", ASHA, RELEASE, ID, "201", "amount=5"},
    };
    RUN(*state, steps);
}

void test_holds_expire_exactly(void **state)
{
    static const struct step before[] = {
        TWO_ACCOUNTS,
        {"a hold for a second", ASHA, POST, HOLD_WITH("a", "b", "600", ",'timeout_seconds':1"), "201", "state=PENDING; timeout_seconds=1",
         "hold=id; due=expires_at"},
        {"a part in time", ASHA, CAPTURE, "{'id':'$new','amount':'100','final':false}", "201"},
    };
    static const struct step after[] = {
        {"a capture", ASHA, CAPTURE, ID, "422 PENDING_TRANSFER_EXPIRED"},
        {"a release", ASHA, RELEASE, ID, "422 PENDING_TRANSFER_EXPIRED"},
        {"the other way", ASHA, POST, "{'id':'$new','kind':'POST','pending_id':'$hold'}", "422 PENDING_TRANSFER_EXPIRED"},
        {"it stands in the history, at its very time", BINOD, "GET /v1/accounts/$b/transfers?page_size=1", NULL, "200",
         "transfers.0.kind=EXPIRY; transfers.0.pending_id=$hold; transfers.0.amount=500; transfers.0.created_at=$due; "
         "transfers.0.balance_after=100", "expiry=transfers.0.id"},
        {"it is the hold's follow-up", ASHA, "GET /v1/transfers/$hold", NULL, "200",
         "state=EXPIRED; captured_amount=100; remaining_amount=0; follow_up_ids.0=$expiry; expires_at=$due"},
        {"it cannot be reversed", BINOD, "POST /v1/transfers/$expiry:reverse", ID, "422 TRANSFER_NOT_REVERSIBLE"},
        {"the money is free", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=900; available=900; pending_out=0"},
        {"and was from that instant on", ASHA, "GET /v1/accounts/$a/balance?at=$due", NULL, "200", "pending_out=0; available=900"},
    };
    RUN(*state, before);
    // A read alone lets nothing expire: the state is what stands in the log.
    struct http_answer answer = {0};
    static const struct step look = {"the hold", ASHA, "GET /v1/transfers/$hold", NULL, "200"};
    do {
        assert_true(api_step(*state, &look, &answer));
    } while (strcmp(http_text(&answer, "state"), "PENDING") == 0);
    assert_string_equal(http_text(&answer, "state"), "EXPIRED");
    http_answer_reset(&answer);
    RUN(*state, after);
}

#define KIND_POST(more_) "{'id':'$new','kind':'POST','pending_id':'$hold'" more_ "}"

void test_follow_ups_name_why_not(void **state)
{
    static const struct step steps[] = {
        TWO_ACCOUNTS,
        {"a payment", ASHA, POST, PAY("a", "b", "10"), "201", NULL, "paid=id"},
        {"a hold", ASHA, POST, HOLD("a", "b", "10"), "201", NULL, "hold=id"},
        {"a capture of nothing", ASHA, "POST /v1/transfers/$none:post", ID, "404 PENDING_TRANSFER_NOT_FOUND"},
        {"a release of nothing", ASHA, "POST /v1/transfers/$none:void", ID, "404 PENDING_TRANSFER_NOT_FOUND"},
        {"the other way", ASHA, POST, "{'id':'$new','kind':'VOID','pending_id':'$none'}", "404 PENDING_TRANSFER_NOT_FOUND"},
        {"a capture of a payment", ASHA, "POST /v1/transfers/$paid:post", ID, "422 PENDING_TRANSFER_NOT_PENDING"},
        {"a release of a payment", ASHA, "POST /v1/transfers/$paid:void", ID, "422 PENDING_TRANSFER_NOT_PENDING"},
        {"the other way", ASHA, POST, "{'id':'$new','kind':'POST','pending_id':'$paid'}", "422 PENDING_TRANSFER_NOT_PENDING"},
        {"from another account than was held", ASHA, POST, KIND_POST(",'debit_account_id':'$asha'"),
         "422 PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID"},
        {"to another account", ASHA, POST, KIND_POST(",'credit_account_id':'$asha'"),
         "422 PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID"},
        {"in another currency", ASHA, POST, KIND_POST(",'currency':'USD'"), "422 PENDING_TRANSFER_HAS_DIFFERENT_CURRENCY"},
        {"the held ones, said again, are right", ASHA, POST, KIND_POST("," BETWEEN("a", "b")), "201", "amount=10; state=POSTED"},
    };
    RUN(*state, steps);
}

void test_reversals_give_back_once(void **state)
{
    static const struct step steps[] = {
        TWO_ACCOUNTS,
        {"a payment", ASHA, POST, PAY("a", "b", "100"), "201", NULL, "paid=id"},
        {"the payer takes nothing back", ASHA, REVERSE, ID, "403 PERMISSION_DENIED"},
        {"not safe to repeat", BINOD, REVERSE, "{}", "400 IDEMPOTENCY_REQUIRED"},
        {"nothing", BINOD, REVERSE, "{'id':'$new','amount':'0'}", "400 AMOUNT_MUST_NOT_BE_ZERO"},
        {"more than was paid", BINOD, REVERSE, "{'id':'$new','amount':'101'}", "422 EXCEEDS_REVERSIBLE_AMOUNT"},
        {"the payee gives a part back", BINOD, REVERSE, "{'id':'$new','amount':'30','description':'returned goods'}", "201",
         "kind=REVERSAL; state=POSTED; amount=30; reverses_id=$paid; debit_account_id=$b; credit_account_id=$a; currency=INR; "
         "description=returned goods", "back=id"},
        {"the original stays", ASHA, "GET /v1/transfers/$paid", NULL, "200",
         "state=POSTED; amount=100; reversed_amount=30; follow_up_ids.0=$back"},
        {"more than is left", BINOD, REVERSE, "{'id':'$new','amount':'71'}", "422 EXCEEDS_REVERSIBLE_AMOUNT"},
        {"more than is left, the other way", BINOD, POST, "{'id':'$new','kind':'REVERSAL','reverses_id':'$paid','amount':'71'}",
         "422 EXCEEDS_REVERSIBLE_AMOUNT"},
        {"staff give the rest back", TELLER, REVERSE, ID, "201", "amount=70"},
        {"nothing is left", BINOD, "GET /v1/transfers/$paid", NULL, "200", "state=REVERSED; reversed_amount=100; follow_up_ids.#=2"},
        {"again", BINOD, REVERSE, ID, "422 ALREADY_REVERSED"},
        {"again, the other way", BINOD, POST, "{'id':'$new','kind':'REVERSAL','reverses_id':'$paid'}", "422 ALREADY_REVERSED"},
        {"a reversal of a reversal", ASHA, "POST /v1/transfers/$back:reverse", ID, "422 TRANSFER_NOT_REVERSIBLE"},
        {"the other way", ASHA, POST, "{'id':'$new','kind':'REVERSAL','reverses_id':'$back'}", "422 TRANSFER_NOT_REVERSIBLE"},
        {"of nothing", BINOD, "POST /v1/transfers/$none:reverse", ID, "404 TRANSFER_NOT_FOUND"},
        {"of nothing, the other way", BINOD, POST, "{'id':'$new','kind':'REVERSAL','reverses_id':'$none'}", "404 TRANSFER_NOT_FOUND"},
        {"all is as before", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=1000; debits_posted=100; credits_posted=1100"},
        {"a hold", ASHA, POST, HOLD("a", "b", "50"), "201", NULL, "hold=id"},
        {"a hold is voided, not reversed", BINOD, "POST /v1/transfers/$hold:reverse", ID, "422 TRANSFER_NOT_REVERSIBLE"},
        {"its capture", ASHA, CAPTURE, ID, "201", NULL, "paid=id"},
        {"is reversed", BINOD, REVERSE, ID, "201", "amount=50"},
        {"nothing is left of the capture", BINOD, "GET /v1/transfers/$paid", NULL, "200", "state=REVERSED; reversed_amount=50"},
    };
    RUN(*state, steps);
}

// Above four_eyes_above (1,000.00 here) whoever made the transfer may not reverse it.
void test_large_reversals_need_other_eyes(void **state)
{
    static const struct step steps[] = {
        {"a teller pays for Asha", TELLER, POST, PAY("asha", "binod", "100001"), "201", NULL, "paid=id"},
        {"and takes it all back alone", TELLER, REVERSE, ID, "403 FOUR_EYES_REQUIRED"},
        {"the other way", TELLER, POST, "{'id':'$new','kind':'REVERSAL','reverses_id':'$paid'}", "403 FOUR_EYES_REQUIRED"},
        {"a little less is theirs to do", TELLER, REVERSE, "{'id':'$new','amount':'1'}", "201"},
        {"the payee gives the rest back", BINOD, REVERSE, ID, "201", "amount=100000"},
    };
    RUN(*state, steps);
}
