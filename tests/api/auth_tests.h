/// @file tests/api/auth_tests.h
/// Auth over HTTP, by subject, in the order in which they are run on one world: later tests use
/// nothing of earlier ones but what the fixture made. The last one counts what openapi.json
/// documents and no test was answered.
/// The world  Failed logins of one network address are limited, and the gateway believes
///            X-Forwarded-For, so that each test has addresses of its own (FROM).
#pragma once

#include "tests/api/steps.h"

#define AUTH_TESTS(X)                                                                              \
    /* auth_registration.c */                                                                      \
    X(a_user_is_registered_by_two_channels)                                                        \
    X(nobody_learns_who_has_an_address)                                                            \
    X(weak_passwords_are_refused)                                                                  \
    X(codes_of_a_registration_run_out)                                                             \
    /* auth_login.c */                                                                             \
    X(a_login_gives_tokens)                                                                        \
    X(wrong_credentials_look_alike)                                                                \
    X(many_failures_close_the_door_quietly)                                                        \
    X(an_address_is_throttled_aloud)                                                               \
    X(refresh_tokens_rotate)                                                                       \
    X(an_old_refresh_token_ends_the_session)                                                       \
    X(tokens_are_looked_at_and_taken_back)                                                         \
    X(logins_leave_a_trail)                                                                        \
    /* auth_password.c */                                                                          \
    X(a_password_is_changed)                                                                       \
    X(a_forgotten_password_is_set_anew)                                                            \
    X(a_reset_gives_nothing_away)                                                                  \
    /* auth_factors.c */                                                                           \
    X(an_authenticator_is_enrolled)                                                                \
    X(a_login_asks_for_the_authenticator)                                                          \
    X(recovery_codes_are_good_once)                                                                \
    X(five_wrong_codes_end_a_login)                                                                \
    X(an_authenticator_is_taken_away)                                                              \
    /* auth_sessions.c */                                                                          \
    X(sessions_are_listed_and_ended)                                                               \
    X(a_sixth_session_ends_the_first)                                                              \
    /* auth_users.c */                                                                             \
    X(users_are_found)                                                                             \
    X(users_are_changed_by_version)                                                                \
    X(a_blocked_user_is_out_at_once)                                                               \
    X(a_closed_user_stays_closed)                                                                  \
    X(nobody_raises_their_own_rights)                                                              \
    X(the_report_counts)                                                                           \
    /* auth_access.c */                                                                            \
    X(roles_are_made_and_changed)                                                                  \
    X(branches_bound_what_is_seen)                                                                 \
    X(features_deny_whatever_grants)                                                               \
    X(an_auth_key_stands_for_one_request)                                                          \
    /* auth_machines.c */                                                                          \
    X(api_keys_do_what_their_scopes_say)                                                           \
    X(api_keys_are_rotated_and_revoked)                                                            \
    X(service_accounts_work_by_key)                                                                \
    X(oauth_clients_find_their_way)                                                                \
    /* auth_payments.c */                                                                          \
    X(a_payment_is_approved_once)                                                                  \
    X(an_approval_is_for_one_payment)                                                              \
    X(approvals_are_not_asked_for_without_end)                                                     \
    X(there_are_only_so_many_roles_and_features)                                                   \
    /* auth_callers.c */                                                                           \
    X(each_role_may_do_its_own_in_auth)                                                            \
    X(every_auth_route_refuses_what_it_documents)                                                  \
    X(every_auth_example_is_valid)                                                                 \
    X(every_auth_reason_was_answered)

#define FROM(address_) "X-Forwarded-For: " address_

/// A customer of this test alone, registered and logged in: the variables <name>_id, <name>_token
/// and <name>_refresh.
void auth_new_customer(struct api *api, const char *name);
/// auth_log_in does it once more: <name>_token and <name>_refresh are the new session's.
void auth_log_in(struct api *api, const char *name);
/// auth_enrol gives the customer an authenticator, whose secret is totp_secret_<name>; the first
/// recovery code is <name>_recovery, the second <name>_recovery2. Uses up the code of now.
void auth_enrol(struct api *api, const char *name);

#define AS(name_) "Authorization: Bearer $" name_ "_token"
#define PASSWORD "copper kettle on the hill"

#define AUTH_TEST_PROTOTYPE(name_) void test_##name_(void **state);
AUTH_TESTS(AUTH_TEST_PROTOTYPE)
#undef AUTH_TEST_PROTOTYPE
