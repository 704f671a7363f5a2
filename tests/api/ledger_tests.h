/// @file tests/api/ledger_tests.h
/// The ledger over HTTP, by subject, in the order in which they are run on one world: later tests
/// use nothing of earlier ones but what the fixture made. The last one counts what openapi.json
/// documents and no test was answered.
#pragma once

#include "tests/api/steps.h"

#define LEDGER_TESTS(X)                                                                            \
    /* ledger_accounts.c */                                                                        \
    X(accounts_are_opened)                                                                         \
    X(accounts_are_listed)                                                                         \
    X(settings_are_changed_by_version)                                                             \
    X(freezes_stop_one_side_or_both)                                                               \
    X(a_freeze_lifts_itself)                                                                       \
    X(accounts_are_closed_and_swept)                                                               \
    /* ledger_transfers.c */                                                                       \
    X(cash_comes_in_and_goes_out)                                                                  \
    X(transfers_move_money_once)                                                                   \
    X(malformed_transfers_are_refused_by_field)                                                    \
    X(each_kind_takes_its_members_only)                                                            \
    X(refused_ids_are_burnt_or_stay_free)                                                          \
    X(a_repeated_id_names_what_differs)                                                            \
    /* ledger_rules.c */                                                                           \
    X(rules_of_money_in_transfers)                                                                 \
    X(rules_of_money_at_the_counter)                                                               \
    X(rules_of_money_when_sweeping)                                                                \
    X(rules_of_money_when_holding_and_reversing)                                                   \
    X(totals_do_not_overflow)                                                                      \
    /* ledger_holds.c */                                                                           \
    X(holds_are_captured_in_parts)                                                                 \
    X(holds_are_voided)                                                                            \
    X(holds_expire_exactly)                                                                        \
    X(follow_ups_name_why_not)                                                                     \
    X(reversals_give_back_once)                                                                    \
    X(large_reversals_need_other_eyes)                                                             \
    /* ledger_batches.c */                                                                         \
    X(batches_in_each_mode)                                                                        \
    X(a_dry_run_keeps_nothing)                                                                     \
    X(batches_are_refused_as_a_whole)                                                              \
    X(the_largest_batch_and_one_more)                                                              \
    /* ledger_limits.c */                                                                          \
    X(currencies_are_added)                                                                        \
    X(limits_are_replaced_by_version)                                                              \
    X(limits_are_kept)                                                                             \
    /* ledger_exchange.c */                                                                        \
    X(quotes_are_offered)                                                                          \
    X(quotes_are_executed_once)                                                                    \
    X(executions_are_refused)                                                                      \
    /* ledger_approvals.c */                                                                       \
    X(large_payments_are_approved)                                                                 \
    X(an_approval_pays_once)                                                                       \
    X(no_way_leads_round_an_approval)                                                              \
    /* ledger_reports.c */                                                                         \
    X(balances_of_any_time)                                                                        \
    X(histories_are_filtered_and_paged)                                                            \
    X(statements_in_three_formats)                                                                 \
    X(statements_that_cannot_be)                                                                   \
    X(the_trial_balance_adds_up)                                                                   \
    /* ledger_callers.c */                                                                         \
    X(each_role_may_do_its_own)                                                                    \
    X(nobody_touches_what_is_anothers)                                                             \
    X(a_key_stands_for_one_request)                                                                \
    X(every_route_refuses_what_it_documents)                                                       \
    X(every_example_is_valid)                                                                      \
    X(every_documented_reason_was_answered)

// What many tables ask for.
#define POST "POST /v1/transfers"
#define ID "{'id':'$new'}"
#define BETWEEN(from_, to_)                                                                        \
    "'debit_account_id':'$" from_ "','credit_account_id':'$" to_ "','currency':'INR'"
#define PAY(from_, to_, amount_) "{'id':'$new','amount':'" amount_ "'," BETWEEN(from_, to_) "}"
#define HOLD_WITH(from_, to_, amount_, more_)                                                      \
    "{'id':'$new','kind':'PENDING','amount':'" amount_ "'," BETWEEN(from_, to_) more_ "}"
#define HOLD(from_, to_, amount_) HOLD_WITH(from_, to_, amount_, "")

#define LEDGER_TEST_PROTOTYPE(name_) void test_##name_(void **state);
LEDGER_TESTS(LEDGER_TEST_PROTOTYPE)
#undef LEDGER_TEST_PROTOTYPE
