#include "services/auth/session.h"

#include "common/base/check.h"
#include "services/auth/counters.h"
#include "services/auth/notice.h"

#include <stdio.h>

_Static_assert((int)AUTH_ROLES_MAX == (int)TOKEN_ROLES_MAX, "a token holds every role");
_Static_assert((int)AUTH_ROLE_BYTES == (int)TOKEN_ROLE_BYTES_MAX, "of any name");

#define SESSION_EXPIRED REFUSE(UNAUTHENTICATED, SESSION_EXPIRED, "the session has ended")
#define REFRESH_REUSED                                                                             \
    REFUSE(UNAUTHENTICATED, REFRESH_REUSED,                                                        \
           "this refresh token had been replaced: the session has ended")

void auth_session_hash_device(const struct auth_service *service, const char *device,
                              uint8_t ret[static AUTH_DEVICE_HASH_BYTES])
{
    _Static_assert((int)AUTH_DEVICE_HASH_BYTES == (int)AUTH_MAC_BYTES, "a device's hash is a MAC");
    auth_store_mac(service->auth, "device", bytes_of_text(device), ret);
}

// ---- Beginning -----------------------------------------------------------------------------

void auth_session_begin(const struct auth_service *service, struct store_txn *txn,
                        const struct auth_user *user, const struct auth_client *client,
                        struct auth_assurance assurance, uint64_t now_ns, struct auth_session *ret)
{
    const struct auth_session_limits *limits = auth_service_limits(service, &user->roles);
    struct auth_session session = {
        .id = id128_generate(),
        .user_id = user->id,
        .state = AUTH_SESSION_ACTIVE,
        .created_at_ns = now_ns,
        .rotated_at_ns = now_ns,
        .authenticated_at_ns = now_ns,
        .expires_at_ns = now_ns + limits->absolute_ns,
        .aal = assurance.aal,
        .amr = assurance.amr,
    };
    auth_session_hash_device(service, client->device, session.device_hash);
    auth_store_put_new_session(service->auth, txn, &session, client->device, client->ip);
    struct auth_expiry expiry = {.at_ns = session.expires_at_ns, .kind = AUTH_EXPIRY_SESSION};
    memcpy(expiry.row_key, session.id.bytes, ID128_BYTES);
    auth_store_file_expiry(txn, &expiry);
    auth_count(txn, AUTH_COUNT_SESSIONS_STARTED, now_ns);
    auth_gauge_add(txn, AUTH_GAUGE_SESSIONS_ALIVE, 1);
    *ret = session;
}

struct status auth_session_crowd_out(const struct auth_service *service, struct store_txn *txn,
                                     const struct auth_user *user, uint64_t now_ns,
                                     struct auth_session *ret, bool *ret_ended)
{
    size_t count = 0;
    struct id128 oldest = ID128_NIL;
    *ret_ended = false;
    if (auth_roles_are_staff(&user->roles)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(auth_store_list_sessions(txn, user->id, &count, &oldest));
    if (count <= service->policy.customer_sessions_max) return STATUS_SUCCESS;
    return auth_session_end(txn, oldest, AUTH_SESSION_CROWD_OUT, now_ns, ret, ret_ended);
}

// ---- Tokens --------------------------------------------------------------------------------

static void write_refresh_token(const struct auth_service *service,
                                const struct auth_session *session,
                                char ret_text[static AUTH_REFRESH_TEXT_BYTES])
{
    struct auth_refresh token = {.session_id = session->id, .counter = session->counter};
    uint8_t signed_bytes[AUTH_REFRESH_SIGNED_BYTES], mac[AUTH_MAC_BYTES];
    auth_refresh_signed(&token, signed_bytes);
    auth_store_mac(service->auth, "refresh", bytes_of(signed_bytes, sizeof signed_bytes), mac);
    auth_refresh_encode(&token, mac, ret_text);
}

void auth_session_grant(const struct auth_service *service, const struct auth_user *user,
                        const struct auth_session *session, uint64_t now_ns, struct auth_grant *ret)
{
    const struct auth_session_limits *limits = auth_service_limits(service, &user->roles);
    uint64_t now_s = now_ns / AUTH_SECOND_NS;
    struct token_claims claims = {
        .issuer = TOKEN_ISSUER_AUTH,
        .subject = user->id,
        .token_id = id128_generate(),
        .session_id = session->id,
        .user_version = user->rights_version,
        .issued_at_s = now_s,
        .not_before_s = now_s,
        .expires_at_s = now_s + limits->token_life_s,
        .auth_time_s = session->authenticated_at_ns / AUTH_SECOND_NS,
        .aal = session->aal,
        .amr = session->amr,
        .role_count = (uint8_t)user->roles.count,
    };
    memcpy(claims.roles, user->roles.names, sizeof claims.roles);
    memcpy(claims.branch, user->branch, sizeof claims.branch);
    CLEANUP(auth_signing_release)
    const struct auth_signing_set *keys = auth_signing_hold(service->signing);
    token_issue(&claims, auth_signing_active(keys), ret->access_token);
    write_refresh_token(service, session, ret->refresh_token);
    ret->expires_in_s = (uint32_t)limits->token_life_s;
}

struct status auth_session_read_refresh(const struct auth_service *service, struct bytes text,
                                        struct auth_refresh *ret)
{
    uint8_t signed_bytes[AUTH_REFRESH_SIGNED_BYTES], mac[AUTH_MAC_BYTES], expected[AUTH_MAC_BYTES];
    RETURN_IF_ERROR(auth_refresh_decode(text, ret, mac));
    auth_refresh_signed(ret, signed_bytes);
    auth_store_mac(service->auth, "refresh", bytes_of(signed_bytes, sizeof signed_bytes), expected);
    return key_equal(mac, expected, sizeof mac) ? STATUS_SUCCESS : AUTH_TOKEN_MALFORMED;
}

/// put_ended files and counts an end that core has agreed to.
static struct status put_ended(struct store_txn *txn, const struct auth_session *session)
{
    unsigned counters = 1U << AUTH_COUNT_SESSIONS_ENDED;
    if (session->cause == AUTH_SESSION_REUSE) counters |= 1U << AUTH_COUNT_REFRESH_REUSED;
    RETURN_IF_ERROR(auth_store_update_session(txn, session));
    auth_count_each(txn, counters, session->ended_at_ns);
    auth_gauge_add(txn, AUTH_GAUGE_SESSIONS_ALIVE, -1);
    return STATUS_SUCCESS;
}

// ---- Refreshing ----------------------------------------------------------------------------

/// load_both: a session that has been cleared away has expired.
static struct status load_both(struct store_txn *txn, struct id128 session_id,
                               struct auth_refreshed *ret)
{
    struct status status = auth_store_get_session(txn, session_id, &ret->session);
    if (status.code == STATUS_NOT_FOUND) return SESSION_EXPIRED;
    RETURN_IF_ERROR(status);
    return auth_store_get_user(txn, ret->session.user_id, &ret->user);
}

static struct status end_refreshed(struct store_txn *txn, struct auth_refreshed *refreshed,
                                   enum auth_session_event cause, uint64_t now_ns,
                                   struct status refusal)
{
    CHECK(auth_core_end_session(&refreshed->session, cause, now_ns));
    RETURN_IF_ERROR(put_ended(txn, &refreshed->session));
    refreshed->is_ended = true;
    return refusal;
}

/// warn tells the owner whose copy it was: the device as it was named at login, not by whoever has
/// the copy.
static void warn(const struct auth_service *service, struct store_txn *txn,
                 const struct auth_refreshed *refreshed, struct arena *arena, uint64_t now_ns)
{
    struct auth_session unused;
    const char *device = "", *client_ip;
    struct status status = auth_store_get_session_origin(service->auth, txn, refreshed->session.id,
                                                         arena, &unused, &device, &client_ip);
    if (!status_ok(status)) device = ""; // The session ends all the same.
    auth_notice_queue(service, txn, refreshed->user.id, AUTH_MESSAGE_REFRESH_REUSED, device,
                      now_ns);
}

struct status auth_session_refresh(const struct auth_service *service, struct store_txn *txn,
                                   struct bytes text, const char *device, struct arena *arena,
                                   uint64_t now_ns, struct auth_refreshed *ret)
{
    struct auth_refresh token;
    uint8_t device_hash[AUTH_DEVICE_HASH_BYTES];
    *ret = (struct auth_refreshed){0};
    RETURN_IF_ERROR(auth_session_read_refresh(service, text, &token));
    RETURN_IF_ERROR(load_both(txn, token.session_id, ret));
    struct auth_session *session = &ret->session;
    auth_session_hash_device(service, device, device_hash);
    bool is_same_device = key_equal(device_hash, session->device_hash, sizeof device_hash);
    const struct auth_session_limits *limits = auth_service_limits(service, &ret->user.roles);

    if (session->state == AUTH_SESSION_ACTIVE && ret->user.state != AUTH_USER_ACTIVE)
        return end_refreshed(txn, ret, AUTH_SESSION_BLOCK, now_ns, SESSION_EXPIRED);
    switch (auth_core_judge_refresh(session, limits, token.counter, is_same_device, now_ns)) {
    case AUTH_REFRESH_ROTATE:
        session->counter++;
        session->rotated_at_ns = now_ns;
        return auth_store_update_session(txn, session);
    case AUTH_REFRESH_REPEAT:
        return STATUS_SUCCESS;
    case AUTH_REFRESH_REUSED:
        warn(service, txn, ret, arena, now_ns);
        return end_refreshed(txn, ret, AUTH_SESSION_REUSE, now_ns, REFRESH_REUSED);
    case AUTH_REFRESH_EXPIRED:
        return end_refreshed(txn, ret, AUTH_SESSION_EXPIRE, now_ns, SESSION_EXPIRED);
    case AUTH_REFRESH_ENDED:
        break;
    }
    return session->cause == AUTH_SESSION_REUSE ? REFRESH_REUSED : SESSION_EXPIRED;
}

// ---- Ending --------------------------------------------------------------------------------

struct status auth_session_end(struct store_txn *txn, struct id128 session_id,
                               enum auth_session_event cause, uint64_t now_ns,
                               struct auth_session *ret, bool *ret_ended)
{
    *ret_ended = false;
    struct status status = auth_store_get_session(txn, session_id, ret);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    if (!auth_core_end_session(ret, cause, now_ns)) return STATUS_SUCCESS;
    *ret_ended = true;
    return put_ended(txn, ret);
}

struct status auth_session_end_next(struct store_txn *txn, struct id128 user_id,
                                    struct id128 except_id, enum auth_session_event cause,
                                    uint64_t now_ns, struct auth_session *ret, bool *ret_ended)
{
    struct id128 next;
    *ret_ended = false;
    RETURN_IF_ERROR(auth_store_oldest_session(txn, user_id, except_id, &next));
    if (id128_is_nil(next)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(auth_session_end(txn, next, cause, now_ns, ret, ret_ended));
    CHECK(*ret_ended); // The user's list holds living sessions only.
    return STATUS_SUCCESS;
}

struct status auth_session_is_alive(struct store_txn *txn, struct id128 session_id,
                                    uint64_t rights_version, uint64_t now_ns, bool *ret)
{
    struct auth_session session;
    struct auth_user user;
    *ret = false;
    struct status status = auth_store_get_session(txn, session_id, &session);
    if (status_ok(status)) status = auth_store_get_user(txn, session.user_id, &user);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    // How long a session may idle is asked at a refresh; a token in hand lives its few minutes.
    bool is_alive = session.state == AUTH_SESSION_ACTIVE && now_ns < session.expires_at_ns;
    *ret = is_alive && user.state == AUTH_USER_ACTIVE && rights_version >= user.rights_version;
    return STATUS_SUCCESS;
}
