/// @file services/auth/events.h
/// What auth tells the others, written in the transaction of what it tells about.
/// Events     auth.user.registered, auth.user.roles_changed (subject users/<id>);
///            auth.login.succeeded, auth.login.failed (users/<id>, or none for an identifier that
///            nobody has); auth.session.ended (sessions/<id>). Payloads in auth.proto, "Events":
///            no personal data. Each is visible to its user.
/// Actor      Who called; the user where the call itself proves who it is (registering, logging in,
///            refreshing). call NULL: auth on its own.
/// Threads    The store's writer thread.
#pragma once

#include "common/event/event.h"
#include "services/auth/convert.h"

void auth_events_user_registered(struct store_txn *txn, const struct rpc_call *call,
                                 const struct auth_user *user, bool is_mobile_verified);
void auth_events_roles_changed(struct store_txn *txn, const struct rpc_call *call,
                               const struct auth_user *user);
void auth_events_login_succeeded(struct store_txn *txn, const struct rpc_call *call,
                                 const struct auth_session *session);
/// user_id nil: unknown.
void auth_events_login_failed(struct store_txn *txn, const struct rpc_call *call,
                              struct id128 user_id, const char *reason);
void auth_events_session_ended(struct store_txn *txn, const struct rpc_call *call,
                               const struct auth_session *session);
