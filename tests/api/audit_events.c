// Looking events up, one by one and by the thousand.
#include "tests/api/audit_tests.h"

#include <stdio.h>
#include <string.h>

// clang-format off

static void pay(struct api *api)
{
    static const struct step steps[] = {
        {"a payment", ASHA, "POST /v1/transfers",
         "{'id':'$payment','debit_account_id':'$asha','credit_account_id':'$binod','amount':'1700','currency':'INR'}", "201"},
    };
    char id[WORLD_ID_BYTES];
    people_new_id(id);
    api_set(api, "payment", id);
    RUN(api, steps);
    static const struct step arrives = {"its event", AUDITOR, "GET /v1/audit/events?resource=transfers/$payment", NULL, "200",
                                        "events.#=1", "index=events.0.index"};
    api_wait(api, &arrives);
}

void test_events_are_found(void **state)
{
    pay(*state);
    static const struct step steps[] = {
        {"by its subject", AUDITOR, "GET /v1/audit/events?resource=transfers/$payment", NULL, "200",
         "events.#=1; events.0.action=ledger.transfer.created; events.0.actor=users/$asha_id; events.0.outcome=success; "
         "events.0.source=ledger; next_page_token="},
        {"by who did it", AUDITOR, "GET /v1/audit/events?actor=users/$asha_id&action=ledger.transfer.created&page_size=1", NULL, "200",
         "events.0.resource=transfers/$payment"},
        {"by a family of types", AUDITOR, "GET /v1/audit/events?action=ledger.transfer.*&page_size=1", NULL, "200",
         "events.0.resource=transfers/$payment"},
        {"nothing by another family", AUDITOR, "GET /v1/audit/events?action=kyc.*&resource=transfers/$payment", NULL, "200", "events.#=0"},
        {"nothing by another outcome", AUDITOR, "GET /v1/audit/events?resource=transfers/$payment&outcome=refused", NULL, "200",
         "events.#=0"},
        {"nor from another source", AUDITOR, "GET /v1/audit/events?resource=transfers/$payment&source=auth", NULL, "200", "events.#=0"},
        {"nor before there was anything", AUDITOR, "GET /v1/audit/events?to=2001-01-01T00:00:00Z", NULL, "200", "events.#=0"},
        {"in pages", AUDITOR, "GET /v1/audit/events?page_size=3", NULL, "200", "events.#=3", "next=next_page_token"},
        {"and on", AUDITOR, "GET /v1/audit/events?page_size=1000&page_token=$next", NULL, "200"},
        {"a page of another question", AUDITOR, "GET /v1/audit/events?source=kyc&page_token=$next", NULL, "400 PAGE_TOKEN_INVALID"},
        {"a time that is none", AUDITOR, "GET /v1/audit/events?from=yesterday", NULL, "400 VALIDATION_FAILED"},
        {"a filter that is none", AUDITOR, "GET /v1/audit/events?colour=red", NULL, "400 VALIDATION_FAILED"},
    };
    RUN(*state, steps);
}

void test_an_event_says_what_happened(void **state)
{
    pay(*state);
    static const struct step steps[] = {
        {"all of it", AUDITOR, "GET /v1/audit/events/$index", NULL, "200",
         "index=$index; resource=transfers/$payment; data.transfer.amount=1700; data.transfer.id=$payment; before_digest="},
        {"a change", COMPLIANCE, "POST /v1/accounts/$deepa:freeze", "{'reason':'a look','side':'DEBIT'}", "200"},
        {"beyond the end", AUDITOR, "GET /v1/audit/events/99999999", NULL, "404 ENTRY_NOT_FOUND"},
        {"no number", AUDITOR, "GET /v1/audit/events/first", NULL, "400 VALIDATION_FAILED"},
        {"where the log stands", AUDITOR, "GET /v1/audit/status", NULL, "200",
         "sources.#=4; first_index=0; retention_days=0; witnesses_needed=0"},
    };
    RUN(*state, steps);
    static const struct step changed = {"what was changed has digests", AUDITOR,
                                        "GET /v1/audit/events?action=ledger.account.frozen&resource=accounts/$deepa", NULL, "200",
                                        "events.#=1", "before=events.0.before_digest; after=events.0.after_digest"};
    api_wait(*state, &changed);
    const char *before = api_get(*state, "before"), *after = api_get(*state, "after");
    assert_int_equal(strlen(before), 64);
    assert_int_equal(strlen(after), 64);
    assert_string_not_equal(before, after);
}

void test_what_concerns_a_user_is_found(void **state)
{
    pay(*state);
    static const struct step steps[] = {
        {"who paid", AUDITOR, "GET /v1/audit/users/$asha_id?action=ledger.transfer.created&page_size=1", NULL, "200",
         "events.0.resource=transfers/$payment"},
        {"who was paid", AUDITOR, "GET /v1/audit/users/$binod_id?action=ledger.transfer.created&page_size=1", NULL, "200",
         "events.0.resource=transfers/$payment"},
        {"not somebody else", AUDITOR, "GET /v1/audit/users/$chitra_id?action=ledger.transfer.created", NULL, "200", "events.#=0"},
        {"in pages", AUDITOR, "GET /v1/audit/users/$asha_id?page_size=2", NULL, "200", "events.#=2", "next=next_page_token"},
        {"and on", AUDITOR, "GET /v1/audit/users/$asha_id?page_size=2&page_token=$next", NULL, "200"},
        {"not with another's page", AUDITOR, "GET /v1/audit/users/$binod_id?page_token=$next", NULL, "400 PAGE_TOKEN_INVALID"},
        {"nobody", AUDITOR, "GET /v1/audit/users/$none", NULL, "200", "events.#=0"},
        {"no id", AUDITOR, "GET /v1/audit/users/asha", NULL, "400 VALIDATION_FAILED"},
    };
    RUN(*state, steps);
}

void test_details_are_erased_and_proofs_stay(void **state)
{
    static const struct step before[] = {
        {"somebody's failure", NOBODY, "POST /v1/auth/login", "{'identifier':'deepa@example.com','password':'not hers'}",
         "401 INVALID_CREDENTIALS"},
    };
    static const struct step told = {"it is told", AUDITOR, "GET /v1/audit/users/$deepa_id?action=auth.login.failed", NULL, "200",
                                     "events.0.client_ip=127.0.0.1", "index=events.0.index"};
    RUN(*state, before);
    api_wait(*state, &told);
    static const struct step steps[] = {
        {"a reason is needed", COMPLIANCE, "POST /v1/audit/users/$deepa_id:erase", "{}", "400 VALIDATION_FAILED"},
        {"not by who only reads", AUDITOR, "POST /v1/audit/users/$deepa_id:erase", "{'reason':'Art. 17'}", "403 PERMISSION_DENIED"},
        {"not one's own", COMPLIANCE, "POST /v1/audit/users/$compliance_id:erase", "{'reason':'mine'}", "403 SEPARATION_OF_DUTIES"},
        {"the details go", COMPLIANCE, "POST /v1/audit/users/$deepa_id:erase", "{'reason':'GDPR Art. 17, request 9'}", "200"},
        {"and are gone", AUDITOR, "GET /v1/audit/events/$index", NULL, "200", "client_ip=; data=null; action=auth.login.failed"},
        {"the proof stays", AUDITOR, "GET /v1/audit/events/$index/proof", NULL, "200", "index=$index"},
        {"there is no more to erase", COMPLIANCE, "POST /v1/audit/users/$none:erase", "{'reason':'x'}", "200", "erased=0"},
    };
    RUN(*state, steps);
    static const struct step logged = {"it is on record", AUDITOR,
    "GET /v1/audit/events?action=audit.details.erased&resource=users/$deepa_id",
                                       NULL, "200", "events.#=1; events.0.actor=users/$compliance_id"};
    api_wait(*state, &logged);
    static const struct step again[] = {
        {"nothing is left to erase", COMPLIANCE, "POST /v1/audit/users/$deepa_id:erase", "{'reason':'once more'}", "200", "erased=0"},
        {"and why it was done stays", AUDITOR, "GET /v1/audit/events?action=audit.details.erased&resource=users/$deepa_id", NULL, "200",
         "events.0.data.reason=GDPR Art. 17, request 9"},
    };
    RUN(*state, again);
}

static size_t lines_of(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

void test_exports_hold_what_the_list_holds(void **state)
{
    pay(*state);
    struct http_answer answer = {0};
    static const struct { const char *media, *holds; size_t head; } rows[] = {
        {"application/x-ndjson", "\"resource\":\"transfers/", 0},
        {"text/csv", "ledger.transfer.created", 1},
        {"application/vnd.ocsf+json", "\"class_uid\"", 0},
        {"text/x-cef", "CEF:0|Florin|", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char headers[96];
        snprintf(headers, sizeof headers, "Accept: %s", rows[i].media);
        const struct step step = {rows[i].media, AUDITOR, "GET /v1/audit/events?action=ledger.transfer.created&page_size=2", NULL, "200",
                                  NULL, NULL, headers};
        assert_true(api_step(*state, &step, &answer));
        assert_non_null(strstr(answer.text, rows[i].holds));
        assert_non_null(http_header(&answer, "link")); // There are more than two.
        if (i != 2) assert_int_equal(lines_of(answer.text), 2 + rows[i].head);
    }
    http_answer_reset(&answer);
    static const struct step steps[] = {
        {"too many", AUDITOR, "GET /v1/audit/events?page_size=10001", NULL, "400 VALIDATION_FAILED", NULL, NULL, "Accept: text/csv"},
        {"not for everybody", ASHA, "GET /v1/audit/events", NULL, "403 PERMISSION_DENIED", NULL, NULL, "Accept: text/csv"},
        {"nothing that we write", AUDITOR, "GET /v1/audit/events", NULL, "406 NOT_ACCEPTABLE", NULL, NULL, "Accept: image/png"},
    };
    RUN(*state, steps);
    static const struct step logged = {"who took what", AUDITOR, "GET /v1/audit/events?action=audit.events.exported", NULL, "200",
                                       "events.#=4; events.0.actor=users/$auditor_id"};
    api_wait(*state, &logged);
}
