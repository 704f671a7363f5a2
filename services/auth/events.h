/// @file services/auth/events.h
/// What auth tells the others, written in the transaction of what it tells about.
/// Events     auth.user.registered, .roles_changed, .branch_changed, .blocked, .unblocked, .closed,
///            .updated (subject users/<id>);
///            auth.login.succeeded, auth.login.failed (users/<id>, or none for an identifier that
///            nobody has); auth.session.ended (sessions/<id>). Payloads in auth.proto, "Events":
///            no personal data. Each is visible to its user, but for .unblocked.
/// Actor      Who called; the user where the call itself proves who it is (registering, logging in,
///            refreshing). call NULL: auth on its own.
/// Threads    The store's writer thread.
#pragma once

#include "common/event/event.h"
#include "services/auth/convert.h"

/// What all events have in common.
struct auth_story {
    const char *type, *collection;
    struct id128 subject; // Nil: none.
    const char *name;     // Instead of a subject that has no id: roles/<name>.
    struct id128 user_id; // Whom it concerns, and who may see it; nil: nobody known.
    bool is_by_user;      // The call itself proved who it is.
    const char *reason;   // Of a refusal; NULL: a success.
};

/// auth_events_append is what the functions of events*.c end in: payload as packed by convert*.c.
void auth_events_append(struct store_txn *txn, const struct rpc_call *call,
                        const struct auth_story *story, const uint8_t *payload, size_t size);

// events.c
void auth_events_user_registered(struct store_txn *txn, const struct rpc_call *call,
                                 const struct auth_user *user, bool is_mobile_verified);
void auth_events_roles_changed(struct store_txn *txn, const struct rpc_call *call,
                               const struct auth_user *user);
/// risk: bits auth_risk.
void auth_events_login_succeeded(struct store_txn *txn, const struct rpc_call *call,
                                 const struct auth_session *session, unsigned risk);
/// user_id nil: unknown.
void auth_events_login_failed(struct store_txn *txn, const struct rpc_call *call,
                              struct id128 user_id, const char *reason);
void auth_events_session_ended(struct store_txn *txn, const struct rpc_call *call,
                               const struct auth_session *session);

// events_user.c

/// auth_events_rights_raised: auth.user.blocked, auth.user.closed, auth.user.branch_changed. Tokens
/// given before end.
void auth_events_rights_raised(struct store_txn *txn, const struct rpc_call *call,
                               const struct auth_user *user, const char *type);
void auth_events_user_updated(struct store_txn *txn, const struct rpc_call *call,
                              const struct auth_user *user);
/// reason: as the officer gave it. The event is not visible to the user.
void auth_events_user_unblocked(struct store_txn *txn, const struct rpc_call *call,
                                const struct auth_user *user, const char *reason);

// events_factor.c
enum auth_factor_change {
    AUTH_FACTOR_ENROLLED,
    AUTH_FACTOR_DISABLED,
    AUTH_FACTOR_LOCKED,
    AUTH_FACTOR_RECOVERY_CODE_USED,
    AUTH_FACTOR_RECOVERY_CODES_REPLACED,
};

/// auth_events_factor_changed tells of auth.factor.*; method: which factor; reason: as an officer
/// gave it, or "".
void auth_events_factor_changed(struct store_txn *txn, const struct rpc_call *call,
                                struct id128 user_id, enum auth_factor_change change,
                                enum auth_method method, const char *reason);
/// auth_events_factors_reset (auth.user.factors_reset): the tokens given before end everywhere.
void auth_events_factors_reset(struct store_txn *txn, const struct rpc_call *call,
                               const struct auth_user *user);

// events_signing.c
void auth_events_keys_rotated(struct store_txn *txn, const struct rpc_call *call,
                              const struct auth_rotated *rotated);

// events_login.c

/// auth_events_login_suspicious: the password was right.
void auth_events_login_suspicious(struct store_txn *txn, const struct rpc_call *call,
                                  struct id128 user_id, const struct auth_assessment *risk);
void auth_events_password_changed(struct store_txn *txn, const struct rpc_call *call,
                                  struct id128 user_id);
/// auth_events_password_disabled: by too many wrong ones.
void auth_events_password_disabled(struct store_txn *txn, const struct rpc_call *call,
                                   struct id128 user_id);
/// auth_events_password_reset: the tokens given before end everywhere.
void auth_events_password_reset(struct store_txn *txn, const struct rpc_call *call,
                                const struct auth_user *user);

// events_sca.c

/// auth_events_sca_approved: what was approved stands in the ledger.
void auth_events_sca_approved(struct store_txn *txn, const struct rpc_call *call,
                              struct id128 user_id, struct id128 sca_id);

// events_apikey.c
enum auth_api_key_change {
    AUTH_API_KEY_IS_CREATED,
    AUTH_API_KEY_IS_ROTATED,
    AUTH_API_KEY_IS_REVOKED,
};

/// auth_events_api_key_changed tells of auth.apikey.*; with a revocation also of the end of its
/// tokens (auth.session.ended).
void auth_events_api_key_changed(struct store_txn *txn, const struct rpc_call *call,
                                 const struct auth_api_key *key, enum auth_api_key_change change);
/// auth_events_account_created (auth.user.created): of a service account.
void auth_events_account_created(struct store_txn *txn, const struct rpc_call *call,
                                 const struct auth_user *user);
