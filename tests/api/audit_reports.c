// What the log amounts to: counts, suspicion, and what users are told.
#include "tests/api/audit_tests.h"

#include <stdio.h>

// clang-format off

void test_activity_is_counted(void **state)
{
    api_set_time(*state, "soon", 3600000L);
    api_set_time(*state, "before", -3600000L);
    static const struct step counted = {"deposits of the fixture", AUDITOR,
                                        "GET /v1/audit/reports/activity?action=auth.user.registered&interval=all&from=$before&to=$soon",
                                        NULL,
                                        "200", "rows.#=1; rows.0.action=auth.user.registered; rows.0.outcome=success"};
    api_wait(*state, &counted);
    static const struct step steps[] = {
        {"by hour", AUDITOR, "GET /v1/audit/reports/activity?interval=hour", NULL, "200", "truncated=false"},
        {"by day", AUDITOR, "GET /v1/audit/reports/activity?interval=day&action=ledger.*", NULL, "200"},
        {"by fortnight", AUDITOR, "GET /v1/audit/reports/activity?interval=fortnight", NULL, "400 VALIDATION_FAILED"},
        {"backwards", AUDITOR, "GET /v1/audit/reports/activity?from=$soon&to=$before", NULL, "400 PERIOD_INVALID"},
        {"not for everybody", ASHA, "GET /v1/audit/reports/activity", NULL, "403 PERMISSION_DENIED"},
    };
    RUN(*state, steps);
}

void test_what_looks_suspicious_is_found(void **state)
{
    // Three payments just below the limit, INR 100.00 here.
    static const struct step payments[] = {
        {"just below", ASHA, "POST /v1/transfers",
         "{'id':'$new','debit_account_id':'$asha','credit_account_id':'$binod','amount':'9900','currency':'INR'}", "201"},
        {"and again", ASHA, "POST /v1/transfers",
         "{'id':'$new','debit_account_id':'$asha','credit_account_id':'$binod','amount':'9999','currency':'INR'}", "201"},
        {"and again", ASHA, "POST /v1/transfers",
         "{'id':'$new','debit_account_id':'$asha','credit_account_id':'$binod','amount':'9500','currency':'INR'}", "201"},
    };
    RUN(*state, payments);
    static const struct step found = {"it is found", AUDITOR, "GET /v1/audit/reports/suspicious?rule=STRUCTURING&subject=users/$asha_id",
    NULL,
                                      "200", "findings.#=1; findings.0.rule=STRUCTURING; findings.0.count=3; findings.0.indexes.#=3",
                                      "finding=findings.0.id"};
    api_wait(*state, &found);
    static const struct step told = {"and told", AUDITOR,
                                     "GET /v1/audit/events?action=audit.suspicion.found&resource=findings/$finding", NULL,
                                     "200", "events.#=1; events.0.data.rule=STRUCTURING; events.0.data.subject=users/$asha_id"};
    api_wait(*state, &told);
    static const struct step steps[] = {
        {"all rules", COMPLIANCE, "GET /v1/audit/reports/suspicious", NULL, "200", "rules.#=5"},
        {"nobody else", AUDITOR, "GET /v1/audit/reports/suspicious?subject=users/$chitra_id&rule=STRUCTURING", NULL, "200", "findings.#=0"},
        {"a rule that is none", AUDITOR, "GET /v1/audit/reports/suspicious?rule=HUNCH", NULL, "400 RULE_UNKNOWN"},
        {"not for everybody", ASHA, "GET /v1/audit/reports/suspicious", NULL, "403 PERMISSION_DENIED"},
    };
    RUN(*state, steps);
}

void test_notifications_are_kept_and_read(void **state)
{
    char id[WORLD_ID_BYTES], earlier[WORLD_ID_BYTES];
    people_new_id(id);
    people_new_id(earlier);
    api_set(*state, "gift", id);
    api_set(*state, "earlier", earlier);
    static const struct step before[] = {
        {"money", ASHA, "POST /v1/transfers",
         "{'id':'$earlier','debit_account_id':'$asha','credit_account_id':'$binod','amount':'41','currency':'INR'}", "201"},
    };
    // Once he is told of this, he has been told of all that other tests have sent him.
    static const struct step caught_up = {"he is told", BINOD, "GET /v1/notifications?page_size=1", NULL, "200",
                                          "notifications.0.resource=transfers/$earlier"};
    RUN(*state, before);
    api_wait(*state, &caught_up);
    static const struct step pay[] = {
        {"all is read", BINOD, "POST /v1/notifications:mark-read", "{'all':true}", "200", "unread_count=0"},
        {"money", ASHA, "POST /v1/transfers",
         "{'id':'$gift','debit_account_id':'$asha','credit_account_id':'$binod','amount':'4200','currency':'INR'}", "201"},
    };
    RUN(*state, pay);
    static const struct step arrives = {"he is told", BINOD, "GET /v1/notifications?unread_only=true", NULL, "200",
                                        "unread_count=1; notifications.#=1; notifications.0.kind=MONEY_IN; "
                                        "notifications.0.resource=transfers/$gift; notifications.0.read=false",
                                        "told=notifications.0.id"};
    api_wait(*state, &arrives);
    static const struct step steps[] = {
        {"somebody else's are not his", ASHA, "POST /v1/notifications:mark-read", "{'ids':['$told']}", "200"},
        {"still unread", BINOD, "GET /v1/notifications?unread_only=true", NULL, "200", "unread_count=1"},
        {"read", BINOD, "POST /v1/notifications:mark-read", "{'ids':['$told']}", "200", "unread_count=0"},
        {"once more", BINOD, "POST /v1/notifications:mark-read", "{'ids':['$told']}", "200", "unread_count=0"},
        {"none is left", BINOD, "GET /v1/notifications?unread_only=true", NULL, "200", "notifications.#=0; unread_count=0"},
        {"it is still there", BINOD, "GET /v1/notifications?page_size=1", NULL, "200",
         "notifications.0.id=$told; notifications.0.read=true", "next=next_page_token"},
        {"and on", BINOD, "GET /v1/notifications?page_size=1&page_token=$next", NULL, "200"},
        {"neither", BINOD, "POST /v1/notifications:mark-read", "{}", "400 VALIDATION_FAILED"},
        {"both", BINOD, "POST /v1/notifications:mark-read", "{'ids':['1'],'all':true}", "400 VALIDATION_FAILED"},
        {"nobody's", NOBODY, "GET /v1/notifications", NULL, "401 TOKEN_MISSING"},
    };
    RUN(*state, steps);
}
