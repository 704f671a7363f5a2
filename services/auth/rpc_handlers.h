/// @file services/auth/rpc_handlers.h
/// The handlers behind auth_handlers, by file, and what they share.
#pragma once

#include "services/auth/events.h"

// rpc_registration.c
struct status auth_rpc_register_user(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_verify_registration(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_resend_registration(struct rpc_call *call, struct store_txn *txn);

// rpc_login.c
struct status auth_rpc_login(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_verify_login(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_resend_login(struct rpc_call *call, struct store_txn *txn);

// rpc_password.c
struct status auth_rpc_change_password(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_forgot_password(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_reset_password(struct rpc_call *call, struct store_txn *txn);

// rpc_oauth.c
/// auth_rpc_exchange answers with an access token for an API key.
MUST_USE struct status auth_rpc_exchange(struct rpc_call *call, struct store_txn *txn,
                                         const struct auth_exchange *exchange);
struct status auth_rpc_issue_token(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_revoke_token(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_introspect_token(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_get_authorization_server(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_get_jwks(struct rpc_call *call, struct store_txn *txn);

// rpc_session.c
struct status auth_rpc_logout(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_logout_all(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_list_sessions(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_delete_session(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_list_user_sessions(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_check_session(struct rpc_call *call, struct store_txn *txn);

/// auth_rpc_end_sessions ends all sessions of a user but one (nil: all) and tells of each.
MUST_USE struct status auth_rpc_end_sessions(struct rpc_call *call, struct store_txn *txn,
                                             struct id128 user_id, struct id128 except_id,
                                             enum auth_session_event cause);

// rpc_activity.c
struct status auth_rpc_list_my_login_activity(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_list_user_login_activity(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_list_login_activity(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_get_security_report(struct rpc_call *call, struct store_txn *txn);

// rpc_factor.c
struct status auth_rpc_get_factors(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_enrol_totp(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_confirm_totp(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_disable_totp(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_replace_recovery_codes(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_reset_factors(struct rpc_call *call, struct store_txn *txn);

// rpc_sca.c
struct status auth_rpc_create_sca(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_verify_sca(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_resend_sca(struct rpc_call *call, struct store_txn *txn);

// rpc_user.c
struct status auth_rpc_get_me(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_update_me(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_get_user(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_update_user(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_delete_user(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_block_user(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_unblock_user(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_set_user_roles(struct rpc_call *call, struct store_txn *txn);

// rpc_user_list.c
/// Places in lists that are walked by id, as page tokens: nil is the beginning, and no token.
MUST_USE struct status auth_rpc_open_place(struct rpc_call *call, const char *token,
                                           struct bytes filter, struct id128 *ret);
MUST_USE struct status auth_rpc_make_place(struct rpc_call *call, struct bytes filter,
                                           struct id128 place, char **ret_token);
struct status auth_rpc_list_users(struct rpc_call *call, struct store_txn *txn);

// rpc_access.c
struct status auth_rpc_list_permissions(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_list_roles(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_get_role(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_create_role(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_update_role(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_list_branches(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_get_branch(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_create_branch(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_update_branch(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_list_features(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_get_feature(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_create_feature(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_update_feature(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_get_access_policy(struct rpc_call *call, struct store_txn *txn);

// rpc_apikey.c
struct status auth_rpc_create_service_account(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_create_api_key(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_list_api_keys(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_get_api_key(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_rotate_api_key(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_revoke_api_key(struct rpc_call *call, struct store_txn *txn);
struct status auth_rpc_exchange_api_key(struct rpc_call *call, struct store_txn *txn);

// rpc_signing.c
struct status auth_rpc_rotate_signing_keys(struct rpc_call *call, struct store_txn *txn);
