// What auth tells of risky logins, and of passwords.
#include "services/auth/events.h"

static void append(struct store_txn *txn, const struct rpc_call *call, const char *type,
                   struct id128 user_id, bool is_by_user, const uint8_t *payload, size_t size)
{
    struct auth_story story = {.type = type,
                               .collection = "users",
                               .subject = user_id,
                               .user_id = user_id,
                               .is_by_user = is_by_user};
    auth_events_append(txn, call, &story, payload, size);
}

void auth_events_login_suspicious(struct store_txn *txn, const struct rpc_call *call,
                                  struct id128 user_id, const struct auth_assessment *risk)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_login_suspicious(user_id, risk, payload);
    append(txn, call, "auth.login.suspicious", user_id, false, payload, size);
}

void auth_events_password_changed(struct store_txn *txn, const struct rpc_call *call,
                                  struct id128 user_id)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_credential_changed(user_id, "password", "", payload);
    append(txn, call, "auth.password.changed", user_id, true, payload, size);
}

void auth_events_password_disabled(struct store_txn *txn, const struct rpc_call *call,
                                   struct id128 user_id)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size =
        auth_convert_credential_changed(user_id, "password", "too many wrong ones", payload);
    append(txn, call, "auth.password.disabled", user_id, false, payload, size);
}

void auth_events_password_reset(struct store_txn *txn, const struct rpc_call *call,
                                const struct auth_user *user)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_rights_raised(user, payload);
    append(txn, call, "auth.password.reset", user->id, true, payload, size);
}
