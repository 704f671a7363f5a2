#include "services/auth/login_enter.h"

#include "common/base/check.h"
#include "services/auth/notice.h"

#include <inttypes.h>
#include <stdio.h>

struct status auth_login_send(const struct auth_service *service, struct store_txn *txn,
                              struct auth_flow *flow, enum auth_channel channel,
                              struct arena *arena, uint64_t now_ns, uint64_t *ret_wait_ns)
{
    struct auth_user_view view; // Read again: what is sealed in one from before a write has ended.
    RETURN_IF_ERROR(auth_service_get_user(service, txn, flow->user_id, arena, &view));
    const char *to =
        view.person.fields[channel == AUTH_EMAIL ? AUTH_PERSON_EMAIL : AUTH_PERSON_MOBILE];
    return auth_flow_send(service, txn, flow, channel, to, "", now_ns, ret_wait_ns);
}

struct status auth_login_bind(struct store_txn *txn, const struct auth_user *user,
                              char ret[static AUTH_LOGIN_BINDING_BYTES])
{
    struct auth_password password;
    RETURN_IF_ERROR(auth_store_get_password_state(txn, user->id, &password));
    int size = snprintf(ret, AUTH_LOGIN_BINDING_BYTES, "%" PRIu64 " %" PRIu64,
                        password.changed_at_ns, user->rights_version);
    CHECK(size > 0 && size < AUTH_LOGIN_BINDING_BYTES);
    return STATUS_SUCCESS;
}

void auth_login_warn(const struct auth_service *service, struct store_txn *txn,
                     struct id128 user_id, const struct auth_client *client, uint64_t now_ns)
{
    char detail[AUTH_DEVICE_BYTES_MAX + AUTH_IP_BYTES + 32];
    const char *device = client->device[0] != '\0' ? client->device : "an unnamed device";
    const char *ip = client->ip[0] != '\0' ? client->ip : "an unknown address";
    int size = snprintf(detail, sizeof detail, "%s, %s", device, ip);
    CHECK(size > 0 && (size_t)size < sizeof detail);
    for (char *at = detail; *at != '\0';
         at++) // A device's name is not to write a letter of its own.
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = ' ';
    auth_notice_queue(service, txn, user_id, AUTH_MESSAGE_LOGIN_SUSPICIOUS, detail, now_ns);
}

struct status auth_login_enter(const struct auth_service *service, struct store_txn *txn,
                               const struct auth_entrance *entrance, struct auth_session *ret)
{
    const struct auth_client *client = entrance->client;
    struct id128 user_id = entrance->user->id;
    uint8_t device_hash[AUTH_DEVICE_HASH_BYTES];
    struct auth_throttle_key key = auth_guess_key(service, txn, user_id, "", client->device);
    RETURN_IF_ERROR(auth_guess_forget(txn, &key, user_id, entrance->now_ns));
    if (client->device[0] != '\0' && entrance->assurance.aal != AUTH_AAL_ENROLMENT) {
        auth_session_hash_device(service, client->device, device_hash);
        RETURN_IF_ERROR(auth_store_remember_device(txn, user_id, device_hash, entrance->now_ns));
    }
    auth_session_begin(service, txn, entrance->user, client, entrance->assurance, entrance->now_ns,
                       ret);
    struct auth_activity activity = {.at_ns = entrance->now_ns,
                                     .user_id = user_id,
                                     .is_success = true,
                                     .reason = "",
                                     .method = entrance->method,
                                     .risk = entrance->risk,
                                     .is_suspicious = entrance->is_suspicious,
                                     .session_id = ret->id,
                                     .client = client};
    auth_activity_record(service, txn, &activity);
    return STATUS_SUCCESS;
}
