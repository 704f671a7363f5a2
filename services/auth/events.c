#include "services/auth/events.h"

#include <stdio.h>

void auth_events_append(struct store_txn *txn, const struct rpc_call *call,
                        const struct auth_story *story, const uint8_t *payload, size_t size)
{
    char subject[EVENT_NAME_BYTES] = "", actor[EVENT_NAME_BYTES] = "services/auth";
    if (story->name != NULL)
        snprintf(subject, sizeof subject, "%s/%s", story->collection, story->name);
    if (!id128_is_nil(story->subject)) event_name(story->collection, story->subject, subject);
    struct event event = {
        .type = story->type,
        .subject = subject,
        .actor = actor,
        .outcome = story->reason != NULL ? "refused" : NULL,
        .reason = story->reason,
        .visible_to = {story->user_id},
        .payload = bytes_of(payload, size),
    };
    if (call != NULL) {
        char name[RPC_ACTOR_BYTES];
        rpc_call_actor(call, name);
        snprintf(actor, sizeof actor, "%s", name);
        if (story->is_by_user) event_name("users", story->user_id, actor);
        event.request_id = call->request_id;
        event.traceparent = call->traceparent;
        event.client_ip = call->client_ip;
        event.device_id = call->device_id;
    }
    event_append(txn, &event);
}

void auth_events_user_registered(struct store_txn *txn, const struct rpc_call *call,
                                 const struct auth_user *user, bool is_mobile_verified)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_user_registered(user, is_mobile_verified, payload);
    struct auth_story story = {.type = "auth.user.registered",
                               .collection = "users",
                               .subject = user->id,
                               .user_id = user->id,
                               .is_by_user = true};
    auth_events_append(txn, call, &story, payload, size);
}

void auth_events_roles_changed(struct store_txn *txn, const struct rpc_call *call,
                               const struct auth_user *user)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_rights_raised(user, payload);
    struct auth_story story = {.type = "auth.user.roles_changed",
                               .collection = "users",
                               .subject = user->id,
                               .user_id = user->id};
    auth_events_append(txn, call, &story, payload, size);
}

void auth_events_login_succeeded(struct store_txn *txn, const struct rpc_call *call,
                                 const struct auth_session *session, unsigned risk)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_login_attempted(session->user_id, session->id, risk, payload);
    struct auth_story story = {.type = "auth.login.succeeded",
                               .collection = "users",
                               .subject = session->user_id,
                               .user_id = session->user_id,
                               .is_by_user = true};
    auth_events_append(txn, call, &story, payload, size);
}

void auth_events_login_failed(struct store_txn *txn, const struct rpc_call *call,
                              struct id128 user_id, const char *reason)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_login_attempted(user_id, ID128_NIL, 0, payload);
    struct auth_story story = {.type = "auth.login.failed",
                               .collection = "users",
                               .subject = user_id,
                               .user_id = user_id,
                               .reason = reason};
    auth_events_append(txn, call, &story, payload, size);
}

void auth_events_session_ended(struct store_txn *txn, const struct rpc_call *call,
                               const struct auth_session *session)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_session_ended(session, payload);
    struct auth_story story = {.type = "auth.session.ended",
                               .collection = "sessions",
                               .subject = session->id,
                               .user_id = session->user_id};
    auth_events_append(txn, call, &story, payload, size);
}
