/// @file services/auth/login_enter.h
/// What the two steps of a login share: the code on its way, the warning, and the door itself.
/// Threads    The thread that was given the store_txn.
#pragma once

#include "services/auth/login.h"

#define AUTH_ACCOUNT_BLOCKED REFUSE(PERMISSION_DENIED, ACCOUNT_BLOCKED, "the account is blocked")

/// auth_login_send sends the flow's code to its user's own address.
MUST_USE struct status auth_login_send(const struct auth_service *service, struct store_txn *txn,
                                       struct auth_flow *flow, enum auth_channel channel,
                                       struct arena *arena, uint64_t now_ns, uint64_t *ret_wait_ns);

enum { AUTH_LOGIN_BINDING_BYTES = 64 };

/// auth_login_bind writes what must still be so when the factor is shown: which password it was,
/// and which rights.
MUST_USE struct status auth_login_bind(struct store_txn *txn, const struct auth_user *user,
                                       char ret[static AUTH_LOGIN_BINDING_BYTES]);

/// auth_login_warn tells the owner that somebody with the password looked suspicious.
void auth_login_warn(const struct auth_service *service, struct store_txn *txn,
                     struct id128 user_id, const struct auth_client *client, uint64_t now_ns);

/// A whole login.
struct auth_entrance {
    const struct auth_user *user;
    const struct auth_client *client;
    struct auth_assurance assurance;
    uint8_t method; // enum auth_method; 0: the password.
    struct auth_assessment risk;
    bool is_suspicious;
    uint64_t now_ns;
};

/// auth_login_enter begins the session, forgets the failures, records the login, and knows the
/// device from here on, unless the session is good for enrolling only.
MUST_USE struct status auth_login_enter(const struct auth_service *service, struct store_txn *txn,
                                        const struct auth_entrance *entrance,
                                        struct auth_session *ret);
