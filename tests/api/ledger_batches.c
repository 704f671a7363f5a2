// Batches: three modes, dry runs, what refuses the whole, and the largest there may be.
#include "tests/api/ledger_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
#define ITEM(id_, from_, to_, amount_) "{'id':'$" id_ "','amount':'" amount_ "'," BETWEEN(from_, to_) "}"
#define BATCH "POST /v1/transfers:batch"
#define TWO_ACCOUNTS                                                                               \
    {"the payer", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "a=id"},        \
    {"the payee", ASHA, "POST /v1/accounts", "{'currency':'INR'}", "201", NULL, "b=id"},        \
    {"money", ASHA, "POST /v1/transfers", ITEM("new", "asha", "a", "100"), "201"}

void test_batches_in_each_mode(void **state)
{
    static const struct step steps[] = {
        TWO_ACCOUNTS,
        {"each for itself", ASHA, BATCH, "{'transfers':[" ITEM("new", "a", "b", "10") "," ITEM("new", "a", "b", "1000") ","
         ITEM("new", "a", "b", "20") "]}", "200",
         "mode=INDEPENDENT; dry_run=false; created=2; existing=0; refused=1; results.#=3; results.0.result=CREATED; "
         "results.0.index=0; results.0.transfer.amount=10; "
         "results.1.result=INSUFFICIENT_FUNDS; results.1.index=1; results.1.transfer=null; results.2.result=CREATED; "
         "results.2.transfer.state=POSTED", "group=group_id; one=results.0.id; two=results.1.id"},
        {"the group is on its members", ASHA, "GET /v1/transfers/$one", NULL, "200", "group_id=$group"},
        {"and reads as a whole", ASHA, "GET /v1/transfers?group_id=$group", NULL, "200",
         "transfers.#=2; transfers.0.amount=20; transfers.1.amount=10"},
        {"a stranger finds nothing in it", BINOD, "GET /v1/transfers?group_id=$group", NULL, "200", "transfers.#=0"},
        {"the refused id is burnt", ASHA, "POST /v1/transfers", ITEM("two", "a", "b", "1"), "422 ID_ALREADY_FAILED",
         "details.original_reason=INSUFFICIENT_FUNDS"},
        {"a part of it again", ASHA, BATCH, "{'group_id':'$group','transfers':[" ITEM("one", "a", "b", "10") ","
         ITEM("new", "a", "b", "1") "]}", "200",
         "created=1; existing=1; results.0.result=EXISTS; results.0.transfer.amount=10; results.1.result=CREATED"},
        {"as of another group", ASHA, BATCH, "{'group_id':'$chosen_group','transfers':[" ITEM("one", "a", "b", "10") "]}", "200",
         "refused=1; results.0.result=EXISTS_WITH_DIFFERENT_GROUP_ID; results.0.transfer=null"},
        {"as of no group that is named", ASHA, BATCH, "{'transfers':[" ITEM("one", "a", "b", "10") "]}", "200",
         "existing=1; results.0.transfer.group_id=$group"},
        {"by itself", ASHA, "POST /v1/transfers", ITEM("one", "a", "b", "10"), "200", "group_id=$group; @idempotency-replayed=true"},
        {"none after the first refusal", ASHA, BATCH, "{'mode':'STOP_ON_ERROR','transfers':[" ITEM("new", "a", "b", "1") ","
         ITEM("new", "a", "a", "1") "," ITEM("new", "a", "b", "1") "]}", "200",
         "mode=STOP_ON_ERROR; created=1; refused=2; results.0.result=CREATED; results.1.result=ACCOUNTS_MUST_DIFFER; "
         "results.2.result=NOT_ATTEMPTED"},
        {"all or none: one does not fit", ASHA, BATCH, "{'mode':'ATOMIC','transfers':[" ITEM("new", "a", "b", "1") ","
         ITEM("new", "a", "b", "9999") "," ITEM("new", "a", "b", "1") "]}", "200",
         "mode=ATOMIC; created=0; refused=3; results.0.result=GROUP_FAILED; results.1.result=INSUFFICIENT_FUNDS; "
         "results.2.result=GROUP_FAILED; results.0.transfer=null", "free=results.0.id; burnt=results.1.id"},
        {"what failed for another's sake is free", ASHA, "POST /v1/transfers", ITEM("free", "a", "b", "1"), "201"},
        {"what failed for its own is burnt", ASHA, "POST /v1/transfers", ITEM("burnt", "a", "b", "1"), "422 ID_ALREADY_FAILED"},
        {"all or none: all", ASHA, BATCH, "{'mode':'ATOMIC','group_id':'$chosen_group','transfers':[" ITEM("new", "a", "b", "1") ","
         ITEM("new", "b", "a", "1") "]}", "200", "created=2; refused=0; group_id=$chosen_group; results.1.transfer.group_id=$chosen_group"},
        {"others' money is refused one by one", BINOD, BATCH, "{'transfers':[" ITEM("new", "a", "b", "1") ","
         ITEM("new", "binod", "b", "1") "]}", "200", "results.0.result=PERMISSION_DENIED; results.1.result=CREATED"},
        {"a hold and its capture in one", ASHA, BATCH,
         "{'mode':'ATOMIC','transfers':[{'id':'$hold_id','kind':'PENDING','debit_account_id':'$a','credit_account_id':'$b',"
         "'amount':'5','currency':'INR'},{'id':'$new','kind':'POST','pending_id':'$hold_id'}]}", "200",
         "created=2; results.0.transfer.kind=PENDING; results.1.transfer.kind=POST; results.1.transfer.amount=5"},
        {"by a key", ASHA, BATCH, "{'transfers':[{'debit_account_id':'$a','credit_account_id':'$b','amount':'1','currency':'INR'}]}",
         "200", "created=1; @idempotency-replayed=absent", "keyed=results.0.id", "Idempotency-Key: batch 1"},
        {"by the key again", ASHA, BATCH,
         "{'transfers':[{'debit_account_id':'$a','credit_account_id':'$b','amount':'1','currency':'INR'}]}", "200",
         "created=1; results.0.id=$keyed; @idempotency-replayed=true", NULL, "Idempotency-Key: batch 1"},
        // 100 - 10 - 20 - 1 - 1 - 1 (free) - 1 + 1 - 5 - 1
        {"it adds up", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=61; available=61"},
    };
    char id[WORLD_ID_BYTES];
    people_new_id(id);
    api_set(*state, "hold_id", id);
    people_new_id(id);
    api_set(*state, "chosen_group", id);
    RUN(*state, steps);
}

void test_a_dry_run_keeps_nothing(void **state)
{
    static const struct step steps[] = {
        TWO_ACCOUNTS,
        {"what would happen", ASHA, BATCH, "{'dry_run':true,'transfers':[" ITEM("new", "a", "b", "70") "," ITEM("new", "a", "b", "40")
         "]}", "200", "dry_run=true; created=1; refused=1; results.0.result=CREATED; results.0.transfer.amount=70; "
         "results.1.result=INSUFFICIENT_FUNDS", "one=results.0.id; two=results.1.id"},
        {"nothing did", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=100; available=100"},
        {"it is not there", ASHA, "GET /v1/transfers/$one", NULL, "404 TRANSFER_NOT_FOUND"},
        {"no id is used", ASHA, BATCH, "{'transfers':[" ITEM("one", "a", "b", "70") "," ITEM("two", "a", "b", "30") "]}", "200",
         "created=2; refused=0"},
    };
    RUN(*state, steps);
}

void test_batches_are_refused_as_a_whole(void **state)
{
    static const struct step steps[] = {
        {"no transfers", ASHA, BATCH, "{}", "400 VALIDATION_FAILED", "errors.0.field=transfers; errors.0.reason=REQUIRED"},
        {"a list of none", ASHA, BATCH, "{'transfers':[]}", "400 VALIDATION_FAILED", "errors.0.field=transfers"},
        {"a mode nobody knows", ASHA, BATCH, "{'mode':'SOMEHOW','transfers':[" ITEM("new", "asha", "binod", "1") "]}",
         "400 VALIDATION_FAILED", "errors.0.field=mode"},
        {"one without an id", ASHA, BATCH, "{'transfers':[" ITEM("new", "asha", "binod", "1")
         ",{'debit_account_id':'$asha','credit_account_id':'$binod','amount':'1','currency':'INR'}]}", "400 IDEMPOTENCY_REQUIRED",
         "details.field=transfers[1].id"},
        {"one without an amount", ASHA, BATCH, "{'transfers':[" ITEM("new", "asha", "binod", "1")
         ",{'id':'$new','debit_account_id':'$asha','credit_account_id':'$binod','currency':'INR'}]}", "400 VALIDATION_FAILED",
         "errors.0.field=transfers[1].amount; errors.0.reason=REQUIRED"},
        {"one with too much", ASHA, BATCH, "{'transfers':[" ITEM("new", "asha", "binod", "1") ",{'id':'$new','colour':'red'}]}",
         "400 VALIDATION_FAILED", "errors.0.field=transfers[1].colour; errors.0.reason=UNKNOWN_FIELD"},
        {"a group that is no UUID", ASHA, BATCH, "{'group_id':'mine','transfers':[" ITEM("new", "asha", "binod", "1") "]}",
         "400 VALIDATION_FAILED", "errors.0.field=group_id"},
        {"without a token", NOBODY, BATCH, "{'transfers':[" ITEM("new", "asha", "binod", "1") "]}", "401 TOKEN_MISSING"},
        {"by who moves no money", AUDITOR, BATCH, "{'transfers':[" ITEM("new", "asha", "binod", "1") "]}", "403 PERMISSION_DENIED"},
    };
    RUN(*state, steps);
}

// clang-format on

// `count` transfers of one coin, there and back.
static char *make_batch(const struct api *api, size_t count)
{
    enum { ITEM_BYTES = 256 };

    char *body = malloc(count * ITEM_BYTES + 64);
    assert_non_null(body);
    size_t used = (size_t)snprintf(body, ITEM_BYTES, "{\"transfers\":[");
    for (size_t i = 0; i < count; i++) {
        char id[WORLD_ID_BYTES];
        people_new_id(id);
        used +=
            (size_t)snprintf(body + used, ITEM_BYTES,
                             "%s{\"id\":\"%s\",\"debit_account_id\":\"%s\","
                             "\"credit_account_id\":\"%s\",\"amount\":\"1\",\"currency\":\"INR\"}",
                             i > 0 ? "," : "", id, api_get(api, i % 2 == 0 ? "a" : "b"),
                             api_get(api, i % 2 == 0 ? "b" : "a"));
    }
    memcpy(body + used, "]}", 3);
    return body;
}

static void send_batch(struct api *api, size_t count, struct http_answer *ret)
{
    static const char path[] = "/v1/transfers:batch";
    char error[BOOK_ERROR_BYTES];
    char *body = make_batch(api, count);
    http_call(api_client(api), api_token(api, ASHA), "POST", path, body, NULL, ret);
    if (!book_check(api_book(api), "POST", path, body, ret, error))
        fail_msg("%zu transfers: %s", count, error);
    free(body);
}

void test_the_largest_batch_and_one_more(void **state)
{
    enum { LARGEST = 8192 };
    // clang-format off
    static const struct step before[] = {TWO_ACCOUNTS};
    static const struct step after[] = {
        {"it came back", ASHA, "GET /v1/accounts/$a/balance", NULL, "200", "posted=100; debits_posted=8192; credits_posted=8292"},
        {"a page of history at a time", ASHA, "GET /v1/accounts/$a/transfers?page_size=5000", NULL, "200", "transfers.#=1000"},
        {"more entries than a file may hold", ASHA, "GET /v1/accounts/$a/statement", NULL, "422 STATEMENT_TOO_LONG", NULL, NULL,
         "Accept: text/csv"},
        {"in XML as well", ASHA, "GET /v1/accounts/$a/statement", NULL, "422 STATEMENT_TOO_LONG", NULL, NULL, "Accept: application/xml"},
        {"as JSON, a page at a time", ASHA, "GET /v1/accounts/$a/statement?page_size=10", NULL, "200",
         "entries.#=10; closing_balance=100; total_debits=8192"},
    };
    // clang-format on
    struct http_answer answer = {0};
    RUN(*state, before);
    for (unsigned round = 0; round < 2; round++) { // Twice: more than a statement may hold.
        send_batch(*state, LARGEST, &answer);
        assert_int_equal(answer.status, 200);
        const json_t *results = json_object_get(answer.json, "results");
        assert_int_equal(json_integer_value(json_object_get(answer.json, "created")), LARGEST);
        assert_int_equal(json_array_size(results), LARGEST);
        const json_t *last = json_array_get(results, LARGEST - 1);
        assert_int_equal(json_integer_value(json_object_get(last, "index")), LARGEST - 1);
    }
    send_batch(*state, LARGEST + 1, &answer);
    assert_int_equal(answer.status, 400);
    assert_string_equal(http_text(&answer, "reason"), "VALIDATION_FAILED");
    assert_string_equal(http_text(&answer, "errors.0.field"), "transfers");
    http_answer_reset(&answer);
    RUN(*state, after);
}
