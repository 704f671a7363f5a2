// Webhooks as their owners see them; what is posted, and how, is integration/webhook_test's.
#include "tests/api/audit_tests.h"

#include <stdio.h>
#include <string.h>

// clang-format off

void test_a_webhook_is_made_changed_and_deleted(void **state)
{
    static const struct step steps[] = {
        {"a webhook", OPS, "POST /v1/webhooks", "{'url':'https://hooks.example.com/florin',"
         "'types':['ledger.transfer.*'],'description':'ERP'}",
         "201", "enabled=true; disabled_reason=; version=1; url=https://hooks.example.com/florin; created_by=users/$ops_id; @etag=\"1\"",
         "hook=id; first_secret=secret", "Idempotency-Key: the ERP's webhook"},
        {"the same once more", OPS, "POST /v1/webhooks", "{'url':'https://hooks.example.com/florin',"
         "'types':['ledger.transfer.*'],'description':'ERP'}",
         "201", "id=$hook; secret=$first_secret; @idempotency-replayed=true", NULL, "Idempotency-Key: the ERP's webhook"},
        {"something else by that key", OPS, "POST /v1/webhooks", "{'url':'https://hooks.example.com/other','types':['ledger.*']}",
         "422 IDEMPOTENCY_KEY_REUSED", NULL, NULL, "Idempotency-Key: the ERP's webhook"},
        {"seen without its secret", OPS, "GET /v1/webhooks/$hook", NULL, "200", "id=$hook; secret=; @etag=\"1\""},
        {"known already", OPS, "GET /v1/webhooks/$hook", NULL, "304", NULL, NULL, "If-None-Match: \"1\""},
        {"among the others", AUDITOR, "GET /v1/webhooks?page_size=1", NULL, "200", "webhooks.#=1; webhooks.0.id=$hook"},
        {"changed", OPS, "PATCH /v1/webhooks/$hook", "{'description':'the new ERP','types':['kyc.case.decided']}", "200",
         "version=2; types.#=1; types.0=kyc.case.decided; url=https://hooks.example.com/florin", NULL, "If-Match: \"1\""},
        {"an old version", OPS, "PATCH /v1/webhooks/$hook", "{'description':'x'}", "412 VERSION_MISMATCH", NULL, NULL, "If-Match: \"1\""},
        {"none", OPS, "PATCH /v1/webhooks/$hook", "{'description':'x'}", "428 IF_MATCH_REQUIRED"},
        {"a type that is none", OPS, "PATCH /v1/webhooks/$hook", "{'types':['*.created']}", "400 TYPE_PATTERN_INVALID", NULL, NULL,
         "If-Match: *"},
        {"a url that leads inside", OPS, "PATCH /v1/webhooks/$hook", "{'url':'https://127.0.0.1/'}", "400 URL_NOT_ALLOWED", NULL, NULL,
         "If-Match: *"},
        {"off", OPS, "PATCH /v1/webhooks/$hook", "{'enabled':false}", "200", "enabled=false; disabled_reason=BY_USER", NULL, "If-Match: *"},
        {"is not tested", OPS, "POST /v1/webhooks/$hook:test", "{}", "422 WEBHOOK_DISABLED"},
        {"nor replayed", OPS, "POST /v1/webhooks/$hook:replay", "{'from_index':'0','to_index':'2'}", "422 WEBHOOK_DISABLED"},
        {"on", OPS, "PATCH /v1/webhooks/$hook", "{'enabled':true}", "200", "enabled=true; disabled_reason=", NULL, "If-Match: *"},
        {"a new secret", OPS, "POST /v1/webhooks/$hook:rotate-secret", "{'overlap_seconds':60}", "200", NULL, "second_secret=secret",
         "Idempotency-Key: a new secret"},
        {"and no newer one", OPS, "POST /v1/webhooks/$hook:rotate-secret", "{'overlap_seconds':60}", "200",
         "secret=$second_secret; @idempotency-replayed=true", NULL, "Idempotency-Key: a new secret"},
        {"with another overlap", OPS, "POST /v1/webhooks/$hook:rotate-secret", "{'overlap_seconds':61}", "422 IDEMPOTENCY_KEY_REUSED",
         NULL, NULL, "Idempotency-Key: a new secret"},
        {"of one that is not there", OPS, "POST /v1/webhooks/$none:rotate-secret", "{}", "404 WEBHOOK_NOT_FOUND"},
        {"gone", OPS, "DELETE /v1/webhooks/$hook", NULL, "204"},
        {"once", OPS, "DELETE /v1/webhooks/$hook", NULL, "404 WEBHOOK_NOT_FOUND"},
        {"and not there", OPS, "GET /v1/webhooks/$hook", NULL, "404 WEBHOOK_NOT_FOUND"},
        {"nor to be changed", OPS, "PATCH /v1/webhooks/$hook", "{'description':'x'}", "404 WEBHOOK_NOT_FOUND", NULL, NULL, "If-Match: *"},
        {"a type that is none", OPS, "POST /v1/webhooks", "{'url':'https://hooks.example.com/','types':['Ledger']}",
         "400 TYPE_PATTERN_INVALID"},
    };
    RUN(*state, steps);
    const char *first = api_get(*state, "first_secret"), *second = api_get(*state, "second_secret");
    assert_int_equal(strncmp(first, "whsec_", 6), 0);
    assert_int_equal(strncmp(second, "whsec_", 6), 0);
    assert_string_not_equal(first, second);
    static const struct step logged = {"it is on record", AUDITOR, "GET /v1/audit/events?action=audit.webhook.*&resource=webhooks/$hook",
    NULL,
                                       "200", "events.#=6; events.0.action=audit.webhook.deleted; events.5.action=audit.webhook.created"};
    api_wait(*state, &logged);
}

void test_urls_that_lead_inside_are_refused(void **state)
{
    static const char *const urls[] = {
        "http://hooks.example.com/",      "ftp://hooks.example.com/",      "https://127.0.0.1/",          "https://127.1/",
        "https://2130706433/",            "https://0x7f.0.0.1/",           "https://[::1]/",              "https://10.1.2.3/",
        "https://172.16.0.1/",            "https://192.168.1.1/",          "https://169.254.169.254/",    "https://100.64.0.1/",
        "https://[fd00::1]/",             "https://[fe80::1]/",            "https://[::ffff:10.0.0.1]/",  "https://0.0.0.0/",
        "https://[64:ff9b::a00:1]/",      "https://user:pw@example.com/",  "https://example.com/#a",      "https:///x",
        "//hooks.example.com/",           "hooks.example.com",             "https://exa mple.com/",       "https://localhost/",
    };
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        char body[256];
        snprintf(body, sizeof body, "{'url':'%s'}", urls[i]);
        const struct step step = {urls[i], OPS, "POST /v1/webhooks", body, "400 URL_NOT_ALLOWED"};
        wrong += !api_step(*state, &step, &answer);
    }
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
}

// A webhook shows what its maker might not read.
void test_who_may_not_read_makes_no_webhook(void **state)
{
    static const struct step steps[] = {
        {"a role that may have webhooks", ADMIN, "POST /v1/roles",
         "{'name':'hooker','grants':[{'permission':'audit.webhook.write','scope':'ALL'},{'permission':'audit.webhook.read',"
         "'scope':'ALL'}]}", "201"},
        {"given", ADMIN, "PUT /v1/users/$support_id/roles", "{'roles':['hooker']}", "200"},
        {"a new token", NOBODY, "POST /v1/auth/login", "{'identifier':'$support_email','password':'copper kettle on the hill'}", "200",
         NULL,
         "hooker_token=access_token"},
        {"she may see them", NOBODY, "GET /v1/webhooks", NULL, "200", NULL, NULL, AS("hooker")},
        {"and make none", NOBODY, "POST /v1/webhooks", "{'url':'https://hooks.example.com/'}", "403 PERMISSION_DENIED", NULL, NULL,
         AS("hooker")},
        {"as before", ADMIN, "PUT /v1/users/$support_id/roles", "{'roles':['support']}", "200"},
    };
    api_set(*state, "support_email", api_person(*state, SUPPORT)->email);
    RUN(*state, steps);
}

void test_what_is_posted_can_be_looked_up(void **state)
{
    static const struct step steps[] = {
        // 203.0.113.0/24 is nobody's (RFC 5737): nothing answers there.
        {"a webhook", OPS, "POST /v1/webhooks", "{'url':'https://203.0.113.7/hook'}", "201", NULL, "hook=id"},
        {"a test", OPS, "POST /v1/webhooks/$hook:test", "{}", "202", "type=webhook.test; state=WAITING", "message=message_id"},
        {"is in the list", OPS, "GET /v1/webhooks/$hook/deliveries", NULL, "200"},
        {"by state", OPS, "GET /v1/webhooks/$hook/deliveries?state=DELIVERED", NULL, "200", "deliveries.#=0"},
        {"by a state that is none", OPS, "GET /v1/webhooks/$hook/deliveries?state=LOST", NULL, "400 VALIDATION_FAILED"},
        {"of one that is not there", OPS, "GET /v1/webhooks/$none/deliveries", NULL, "404 WEBHOOK_NOT_FOUND"},
        {"a replay", OPS, "POST /v1/webhooks/$hook:replay", "{'from_index':'0'}", "202", "from_index=0", NULL,
         "Idempotency-Key: all of it again"},
        {"not twice", OPS, "POST /v1/webhooks/$hook:replay", "{'from_index':'0'}", "202", "from_index=0; @idempotency-replayed=true",
         NULL, "Idempotency-Key: all of it again"},
        {"by that key another range", OPS, "POST /v1/webhooks/$hook:replay", "{'from_index':'1'}", "422 IDEMPOTENCY_KEY_REUSED", NULL,
         NULL, "Idempotency-Key: all of it again"},
        {"backwards", OPS, "POST /v1/webhooks/$hook:replay", "{'from_index':'9','to_index':'3'}", "400 RANGE_INVALID"},
        {"of one that is not there", OPS, "POST /v1/webhooks/$none:replay", "{'from_index':'0'}", "404 WEBHOOK_NOT_FOUND"},
        {"a test of one that is not there", OPS, "POST /v1/webhooks/$none:test", "{}", "404 WEBHOOK_NOT_FOUND"},
        {"gone", OPS, "DELETE /v1/webhooks/$hook", NULL, "204"},
    };
    RUN(*state, steps);
}
