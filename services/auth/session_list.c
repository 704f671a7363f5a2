#include "common/base/check.h"
#include "services/auth/session.h"

/// Staff may have many sessions that have idled too long and are not swept yet: beyond this many
/// looked at, a page is handed out as it is, with a token that goes on.
enum { LOOKED_AT_MAX = 4096 };

struct status auth_session_list(const struct auth_service *service, struct store_txn *txn,
                                const struct auth_user *user, struct id128 before, size_t size,
                                uint64_t now_ns, struct arena *arena, struct auth_session_page *ret)
{
    const struct auth_session_limits *limits = auth_service_limits(service, &user->roles);
    CHECK(size > 0);
    *ret = (struct auth_session_page){.sessions = arena_alloc(arena, size * sizeof *ret->sessions)};
    if (ret->sessions == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t looked_at = 0;; looked_at++) {
        struct auth_session_view view;
        struct id128 last = before;
        struct status status = auth_store_next_session(txn, user->id, before, &before);
        if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
        RETURN_IF_ERROR(status);
        RETURN_IF_ERROR(auth_store_get_session(txn, before, &view.session));
        view.end_ns = auth_core_session_end_ns(&view.session, limits);
        bool is_alive = view.session.state == AUTH_SESSION_ACTIVE && now_ns < view.end_ns;
        if (looked_at == LOOKED_AT_MAX || (is_alive && ret->count == size)) {
            ret->next_before = last;
            return STATUS_SUCCESS;
        }
        if (!is_alive) continue;
        RETURN_IF_ERROR(auth_store_get_session_origin(
            service->auth, txn, before, arena, &view.session, &view.device, &view.client_ip));
        ret->sessions[ret->count++] = view;
    }
}
