/// @file services/auth/session.h
/// Sessions: one row each, from login to their end; access tokens and rotating refresh tokens.
/// Rotation   The current refresh token gives its successor. The one before, shown again within
///            30 s from the same device, gives the same successor, so that a lost answer costs
///            nothing. Anything else means that somebody has a copy: the session ends.
/// Errors     UNAUTHENTICATED / TOKEN_MALFORMED, SESSION_EXPIRED, REFRESH_REUSED, TOKEN_REVOKED.
#pragma once

#include "common/crypto/token.h"
#include "services/auth/refresh.h"
#include "services/auth/service.h"

enum { AUTH_DEVICE_BYTES_MAX = 512, AUTH_IP_BYTES = 64 };

/// From where somebody comes.
struct auth_client {
    const char *device; // As the client names it; "" for unnamed.
    char ip[AUTH_IP_BYTES];
    uint8_t network[9];  // Family and /32, or family and /64.
    size_t network_size; // 0: not known.
};

/// auth_session_begin makes and files the user's new session.
void auth_session_begin(const struct auth_service *service, struct store_txn *txn,
                        const struct auth_user *user, const struct auth_client *client,
                        uint64_t now_ns, struct auth_session *ret);

/// auth_session_crowd_out ends the user's oldest session when there are more than a customer may
/// have; *ret_ended says whether it did. Call until it does not.
MUST_USE struct status auth_session_crowd_out(const struct auth_service *service,
                                              struct store_txn *txn, const struct auth_user *user,
                                              uint64_t now_ns, struct auth_session *ret,
                                              bool *ret_ended);

/// What a client is given.
struct auth_grant {
    char access_token[TOKEN_BYTES_MAX];
    char refresh_token[AUTH_REFRESH_TEXT_BYTES];
    uint32_t expires_in_s;
};

/// auth_session_grant issues the tokens of the session as it stands: the same session gives the
/// same refresh token.
void auth_session_grant(const struct auth_service *service, const struct auth_user *user,
                        const struct auth_session *session, uint64_t now_ns,
                        struct auth_grant *ret);

struct auth_refreshed {
    bool is_ended; // With a refusal: this call ended the session, which must be committed.
    struct auth_session session;
    struct auth_user user;
};

/// auth_session_refresh: text is the refresh token as it was shown.
MUST_USE struct status auth_session_refresh(const struct auth_service *service,
                                            struct store_txn *txn, struct bytes text,
                                            const char *device, uint64_t now_ns,
                                            struct auth_refreshed *ret);

/// auth_session_end: *ret_ended is false when it had ended before, or never was.
MUST_USE struct status auth_session_end(struct store_txn *txn, struct id128 session_id,
                                        enum auth_session_event cause, uint64_t now_ns,
                                        struct auth_session *ret, bool *ret_ended);

/// auth_session_is_alive: the session lives, its user is active, and has had no change of rights
/// since this version of them.
MUST_USE struct status auth_session_is_alive(struct store_txn *txn, struct id128 session_id,
                                             uint64_t rights_version, uint64_t now_ns, bool *ret);

/// auth_session_hash_device is how a device is compared.
void auth_session_hash_device(const struct auth_service *service, const char *device,
                              uint8_t ret[static AUTH_DEVICE_HASH_BYTES]);
