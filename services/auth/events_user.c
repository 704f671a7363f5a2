#include "services/auth/events.h"

static struct auth_story story_of(const char *type, const struct auth_user *user)
{
    return (struct auth_story){
        .type = type, .collection = "users", .subject = user->id, .user_id = user->id};
}

void auth_events_rights_raised(struct store_txn *txn, const struct rpc_call *call,
                               const struct auth_user *user, const char *type)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_rights_raised(user, payload);
    struct auth_story story = story_of(type, user);
    auth_events_append(txn, call, &story, payload, size);
}

void auth_events_user_updated(struct store_txn *txn, const struct rpc_call *call,
                              const struct auth_user *user)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_user_changed(user, "", payload);
    struct auth_story story = story_of("auth.user.updated", user);
    auth_events_append(txn, call, &story, payload, size);
}

void auth_events_user_unblocked(struct store_txn *txn, const struct rpc_call *call,
                                const struct auth_user *user, const char *reason)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_user_changed(user, reason, payload);
    struct auth_story story = story_of("auth.user.unblocked", user);
    story.user_id = ID128_NIL; // What an officer wrote is not for the user to read.
    auth_events_append(txn, call, &story, payload, size);
}
