#include "services/auth/events.h"

static void tell_of_tokens(struct store_txn *txn, const struct rpc_call *call,
                           const struct auth_api_key *key)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_api_key_ended(key, payload);
    struct auth_story story = {.type = "auth.session.ended",
                               .collection = "sessions",
                               .subject = key->id,
                               .user_id = key->owner_id};
    auth_events_append(txn, call, &story, payload, size);
}

void auth_events_api_key_changed(struct store_txn *txn, const struct rpc_call *call,
                                 const struct auth_api_key *key, enum auth_api_key_change change)
{
    static const char *const types[] = {
        [AUTH_API_KEY_IS_CREATED] = "auth.apikey.created",
        [AUTH_API_KEY_IS_ROTATED] = "auth.apikey.rotated",
        [AUTH_API_KEY_IS_REVOKED] = "auth.apikey.revoked",
    };

    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_api_key_changed(key, payload);
    struct auth_story story = {.type = types[change],
                               .collection = "api-keys",
                               .subject = key->id,
                               .user_id = key->owner_id};
    auth_events_append(txn, call, &story, payload, size);
    if (change == AUTH_API_KEY_IS_REVOKED) tell_of_tokens(txn, call, key);
}

void auth_events_account_created(struct store_txn *txn, const struct rpc_call *call,
                                 const struct auth_user *user)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_user_changed(user, "", payload);
    struct auth_story story = {.type = "auth.user.created",
                               .collection = "users",
                               .subject = user->id,
                               .user_id = user->id};
    auth_events_append(txn, call, &story, payload, size);
}
