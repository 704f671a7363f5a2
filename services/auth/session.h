/// @file services/auth/session.h
/// Sessions: one row each, from login to their end; access tokens and rotating refresh tokens.
/// Rotation   The current refresh token gives its successor. The one before, shown again within
///            30 s from the same device, gives the same successor, so that a lost answer costs
///            nothing. Anything else means that somebody has a copy: the session ends, and its
///            owner is told.
/// Errors     UNAUTHENTICATED / TOKEN_MALFORMED, SESSION_EXPIRED, REFRESH_REUSED, TOKEN_REVOKED.
#pragma once

#include "common/crypto/token.h"
#include "services/auth/refresh.h"
#include "services/auth/service.h"

enum { AUTH_DEVICE_BYTES_MAX = 512, AUTH_IP_BYTES = 64 };

/// From where somebody comes.
struct auth_client {
    const char *device;     // As the client names it; "" for unnamed.
    const char *user_agent; // "" for none.
    char ip[AUTH_IP_BYTES];
    uint8_t network[9];  // Family and /32, or family and /64.
    size_t network_size; // 0: not known.
};

/// How somebody has shown who they are.
struct auth_assurance {
    uint8_t aal; // 1 or 2; AUTH_AAL_ENROLMENT.
    uint8_t amr; // Bits TOKEN_AMR_*.
};

/// auth_session_begin makes and files the user's new session.
void auth_session_begin(const struct auth_service *service, struct store_txn *txn,
                        const struct auth_user *user, const struct auth_client *client,
                        struct auth_assurance assurance, uint64_t now_ns, struct auth_session *ret);

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

/// auth_session_read_refresh gives what a refresh token says that we have given: its MAC is right.
/// TOKEN_MALFORMED. Whether it is worth anything, the session knows.
MUST_USE struct status auth_session_read_refresh(const struct auth_service *service,
                                                 struct bytes text, struct auth_refresh *ret);

struct auth_refreshed {
    bool is_ended; // With a refusal: this call ended the session, which must be committed.
    struct auth_session session;
    struct auth_user user;
};

/// auth_session_refresh: text is the refresh token as it was shown.
MUST_USE struct status auth_session_refresh(const struct auth_service *service,
                                            struct store_txn *txn, struct bytes text,
                                            const char *device, struct arena *arena,
                                            uint64_t now_ns, struct auth_refreshed *ret);

/// auth_session_end: *ret_ended is false when it had ended before, or never was.
MUST_USE struct status auth_session_end(struct store_txn *txn, struct id128 session_id,
                                        enum auth_session_event cause, uint64_t now_ns,
                                        struct auth_session *ret, bool *ret_ended);

/// auth_session_end_next ends the oldest living session of the user but this one (nil: any);
/// *ret_ended says whether there was one. Call until it does not.
MUST_USE struct status auth_session_end_next(struct store_txn *txn, struct id128 user_id,
                                             struct id128 except_id, enum auth_session_event cause,
                                             uint64_t now_ns, struct auth_session *ret,
                                             bool *ret_ended);

/// auth_session_is_alive: the session lives, its user is active, and has had no change of rights
/// since this version of them.
MUST_USE struct status auth_session_is_alive(struct store_txn *txn, struct id128 session_id,
                                             uint64_t rights_version, uint64_t now_ns, bool *ret);

/// A living session as its user sees it; the texts lie in the arena.
struct auth_session_view {
    struct auth_session session;
    uint64_t end_ns; // Unless it is refreshed before.
    const char *device, *client_ip;
};

struct auth_session_page {
    struct auth_session_view *sessions; // Newest first, in the arena.
    size_t count;
    struct id128 next_before; // Where the next page begins; nil: this was the last one.
};

/// auth_session_list gives at most `size` sessions of the user that are alive and older than
/// `before` (nil: from the newest on). One that has idled too long is not alive, whether or not
/// anybody has ended it.
MUST_USE struct status auth_session_list(const struct auth_service *service, struct store_txn *txn,
                                         const struct auth_user *user, struct id128 before,
                                         size_t size, uint64_t now_ns, struct arena *arena,
                                         struct auth_session_page *ret);

/// auth_session_hash_device is how a device is compared.
void auth_session_hash_device(const struct auth_service *service, const char *device,
                              uint8_t ret[static AUTH_DEVICE_HASH_BYTES]);
