// Those who follow the log: durable consumers (made over HTTP, fetched by RPC) and event streams.
#include "tests/api/audit_tests.h"

// clang-format off

void test_consumers_are_kept(void **state)
{
    static const struct step steps[] = {
        {"a consumer", OPS, "POST /v1/audit/consumers", "{'name':'risk','types':['ledger.transfer.*'],'start':'FIRST'}", "201",
         "name=risk; next_index=0; owner=users/$ops_id; ack_wait_ms=30000; types.0=ledger.transfer.*"},
        {"the same again", OPS, "POST /v1/audit/consumers", "{'name':'risk','types':['ledger.transfer.*'],'start':'FIRST'}", "200",
         "name=risk"},
        {"another by that name", OPS, "POST /v1/audit/consumers", "{'name':'risk','types':['kyc.*']}", "409 CONSUMER_EXISTS"},
        {"a type that is none", OPS, "POST /v1/audit/consumers", "{'name':'r2','types':['led*']}", "400 TYPE_PATTERN_INVALID"},
        {"a name that is none", OPS, "POST /v1/audit/consumers", "{'name':'a b'}", "400 VALIDATION_FAILED"},
        {"too patient", OPS, "POST /v1/audit/consumers", "{'name':'r2','ack_wait_ms':3600001}", "400 VALIDATION_FAILED"},
        {"from now on", OPS, "POST /v1/audit/consumers", "{'name':'late'}", "201", "lag=0"},
        {"all of them", OPS, "GET /v1/audit/consumers", NULL, "200", "consumers.#=2"},
        {"one", OPS, "GET /v1/audit/consumers/risk", NULL, "200", "name=risk"},
        {"one that is not there", OPS, "GET /v1/audit/consumers/none", NULL, "404 CONSUMER_NOT_FOUND"},
        {"not for everybody", AUDITOR, "GET /v1/audit/consumers", NULL, "403 PERMISSION_DENIED"},
        {"not somebody else's", CHIEF, "DELETE /v1/audit/consumers/risk", NULL, "403 CONSUMER_OF_ANOTHER"},
        {"forgotten", OPS, "DELETE /v1/audit/consumers/risk", NULL, "204"},
        {"and the other", OPS, "DELETE /v1/audit/consumers/late", NULL, "204"},
        {"once", OPS, "DELETE /v1/audit/consumers/risk", NULL, "404 CONSUMER_NOT_FOUND"},
    };
    RUN(*state, steps);
    static const struct step logged = {"it is on record", AUDITOR, "GET /v1/audit/events?action=audit.consumer.*&actor=users/$ops_id", NULL,
                                       "200", "events.#=4"};
    api_wait(*state, &logged);
}

void test_streams_say_what_is_wrong_before_they_begin(void **state)
{
    static const struct step steps[] = {
        {"nobody's", NOBODY, "GET /v1/events/stream", NULL, "401 TOKEN_MISSING"},
        {"an id that is none", ASHA, "GET /v1/events/stream", NULL, "400 LAST_EVENT_ID_INVALID", NULL, NULL, "Last-Event-ID: seven"},
        {"types that are none", ASHA, "GET /v1/events/stream?types=Ledger", NULL, "400 TYPE_PATTERN_INVALID"},
    };
    RUN(*state, steps);
}
