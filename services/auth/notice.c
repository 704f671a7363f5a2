#include "services/auth/notice.h"

#include "common/base/check.h"
#include "common/base/log.h"

enum { ARENA_BYTES_MAX = 64 * 1024 }; // A person.

/// choose_address: 0 when there is none.
static enum auth_channel choose_address(const struct auth_person *person, const char **ret_to)
{
    static const struct {
        enum auth_channel channel;
        enum auth_person_field field;
    } choices[] = {{AUTH_EMAIL, AUTH_PERSON_EMAIL}, {AUTH_MOBILE, AUTH_PERSON_MOBILE}};

    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        *ret_to = person->fields[choices[i].field];
        if ((*ret_to)[0] != '\0') return choices[i].channel;
    }
    return (enum auth_channel)0;
}

void auth_notice_queue(const struct auth_service *service, struct store_txn *txn,
                       struct id128 user_id, enum auth_message_kind kind, const char *detail,
                       uint64_t now_ns)
{
    CHECK(!auth_message_has_code(kind));
    CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct auth_user_view view;
    struct status status = auth_service_get_user(service, txn, user_id, arena, &view);
    if (status.code == STATUS_NOT_FOUND) return;
    if (!status_ok(status)) { // What it tells about is done all the same.
        log_status(LOG_LEVEL_ERROR, "a notice has no readable address", status);
        return;
    }
    struct auth_message message = {
        .kind = kind, .created_at_ns = now_ns, .code = "", .detail = detail};
    message.channel = choose_address(&view.person, &message.to);
    if (message.channel == 0) return;
    auth_store_put_message(service->auth, txn, &message);
}
