/// @file tests/api/audit_tests.h
/// The audit log over HTTP, by subject, in the order in which they are run on one world: later
/// tests use nothing of earlier ones but what the fixture made. The last one counts what
/// openapi.json documents and no test was answered.
#pragma once

#include "tests/api/steps.h"

#define AUDIT_TESTS(X)                                                                             \
    /* audit_events.c */                                                                           \
    X(events_are_found)                                                                            \
    X(an_event_says_what_happened)                                                                 \
    X(what_concerns_a_user_is_found)                                                               \
    X(details_are_erased_and_proofs_stay)                                                          \
    X(exports_hold_what_the_list_holds)                                                            \
    /* audit_proofs.c */                                                                           \
    X(an_entry_is_proven)                                                                          \
    X(the_log_only_grows)                                                                          \
    X(tiles_are_named_by_one_path)                                                                 \
    X(somebody_elses_program_verifies_the_log)                                                     \
    /* audit_reports.c */                                                                          \
    X(activity_is_counted)                                                                         \
    X(what_looks_suspicious_is_found)                                                              \
    X(notifications_are_kept_and_read)                                                             \
    /* audit_stream.c */                                                                           \
    X(consumers_are_kept)                                                                          \
    X(streams_say_what_is_wrong_before_they_begin)                                                 \
    /* audit_webhooks.c */                                                                         \
    X(a_webhook_is_made_changed_and_deleted)                                                       \
    X(urls_that_lead_inside_are_refused)                                                           \
    X(who_may_not_read_makes_no_webhook)                                                           \
    X(what_is_posted_can_be_looked_up)                                                             \
    /* audit_callers.c */                                                                          \
    X(each_role_may_do_its_own_in_audit)                                                           \
    X(every_audit_route_refuses_what_it_documents)                                                 \
    X(every_audit_example_is_valid)                                                                \
    X(every_audit_reason_was_answered)

#define AS(name_) "Authorization: Bearer $" name_ "_token"

#define AUDIT_TEST_PROTOTYPE(name_) void test_##name_(void **state);
AUDIT_TESTS(AUDIT_TEST_PROTOTYPE)
#undef AUDIT_TEST_PROTOTYPE
