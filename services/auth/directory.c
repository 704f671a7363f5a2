#include "services/auth/directory.h"

#include "common/base/check.h"
#include "common/rpc/schema.h"
#include "services/auth/access.h"
#include "services/auth/counters.h"

// ---- Lists ---------------------------------------------------------------------------------

static struct status take_user(const struct auth_service *service, struct store_txn *txn,
                               struct id128 user_id, struct arena *arena,
                               struct auth_user_page *page)
{
    struct auth_user_view *view = &page->users[page->count];
    RETURN_IF_ERROR(auth_service_get_user(service, txn, user_id, arena, view));
    page->count++;
    return STATUS_SUCCESS;
}

static bool is_asked(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/// find_addressed gives the one user who has all the addresses that are asked for: nil for nobody.
static struct status find_addressed(const struct auth_service *service, struct store_txn *txn,
                                    const struct auth_user_query *query, struct id128 *ret)
{
    struct id128 found = ID128_NIL;
    *ret = ID128_NIL;
    for (int i = AUTH_EMAIL; i <= AUTH_CHANNEL_LAST; i++) {
        struct id128 id;
        if (!is_asked(query->addresses[i])) continue;
        struct status status = auth_store_find_user(service->auth, txn, (enum auth_channel)i,
                                                    query->addresses[i], &id);
        if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
        RETURN_IF_ERROR(status);
        if (!id128_is_nil(found) && !id128_equal(found, id)) return STATUS_SUCCESS;
        found = id;
    }
    *ret = found;
    return STATUS_SUCCESS;
}

static struct status list_addressed(const struct auth_service *service, struct store_txn *txn,
                                    const struct auth_user_query *query, struct arena *arena,
                                    struct auth_user_page *page)
{
    struct id128 id;
    RETURN_IF_ERROR(find_addressed(service, txn, query, &id));
    if (id128_is_nil(id)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(take_user(service, txn, id, arena, page));
    if (!auth_user_filter_takes(&query->filter, &page->users[0].user)) page->count = 0;
    return STATUS_SUCCESS;
}

static struct status list_walked(const struct auth_service *service, struct store_txn *txn,
                                 const struct auth_user_query *query, struct arena *arena,
                                 struct auth_user_page *page)
{
    CLEANUP(auth_user_walk_close) struct auth_user_walk walk;
    auth_user_walk_open(txn, &query->filter, query->before, &walk);
    for (;;) {
        struct id128 id, last = walk.before;
        enum auth_walk_step step = auth_user_walk_next(&walk, &id);
        if (step == AUTH_WALK_END) return STATUS_SUCCESS;
        bool is_full = page->count == query->size;
        if (is_full || step == AUTH_WALK_PAUSED) {
            page->next_before = is_full ? last : walk.before;
            return STATUS_SUCCESS;
        }
        RETURN_IF_ERROR(take_user(service, txn, id, arena, page));
    }
}

struct status auth_directory_list(const struct auth_service *service, struct store_txn *txn,
                                  const struct auth_user_query *query, struct arena *arena,
                                  struct auth_user_page *ret)
{
    CHECK(query->size > 0);
    *ret = (struct auth_user_page){.users = arena_alloc(arena, query->size * sizeof *ret->users)};
    if (ret->users == NULL) return ARENA_STATUS_EXHAUSTED;
    for (int i = AUTH_EMAIL; i <= AUTH_CHANNEL_LAST; i++)
        if (is_asked(query->addresses[i])) return list_addressed(service, txn, query, arena, ret);
    return list_walked(service, txn, query, arena, ret);
}

// ---- Names and branches --------------------------------------------------------------------

static struct status check_version(const struct auth_user *user, uint64_t if_match)
{
    if (if_match == RPC_ETAG_ANY || if_match == user->version) return STATUS_SUCCESS;
    return REFUSE(ABORTED, VERSION_MISMATCH, "the user is not at this version any more");
}

static struct status check_open(const struct auth_user *user)
{
    if (user->state != AUTH_USER_CLOSED) return STATUS_SUCCESS;
    return REFUSE(FAILED_PRECONDITION, USER_CLOSED, "the user is closed for good");
}

static void touch(struct auth_user *user, bool are_rights_raised, uint64_t now_ns)
{
    user->version++;
    if (are_rights_raised) user->rights_version++;
    user->updated_at_ns = now_ns;
}

struct status auth_directory_update(const struct auth_service *service, struct store_txn *txn,
                                    struct id128 actor_id, const struct auth_user_change *change,
                                    uint64_t now_ns, struct auth_user_view *view,
                                    struct auth_user_changed *ret)
{
    struct auth_user *user = &view->user;
    const char **full_name = &view->person.fields[AUTH_PERSON_FULL_NAME];
    *ret = (struct auth_user_changed){
        .is_renamed = change->has_full_name && strcmp(change->full_name, *full_name) != 0,
        .is_moved = change->has_branch && strcmp(change->branch, user->branch) != 0,
    };
    RETURN_IF_ERROR(check_version(user, change->if_match));
    RETURN_IF_ERROR(check_open(user));
    if (ret->is_moved) RETURN_IF_ERROR(auth_core_may_set_roles(actor_id, user->id));
    if (ret->is_moved && change->branch[0] != '\0')
        RETURN_IF_ERROR(auth_access_branch_is_open(txn, change->branch));
    if (!ret->is_renamed && !ret->is_moved) return STATUS_SUCCESS;

    if (ret->is_renamed) *full_name = change->full_name;
    if (ret->is_moved) {
        size_t size = strlen(change->branch);
        CHECK(size < sizeof user->branch); // len_max of the proto.
        memset(user->branch, 0, sizeof user->branch);
        memcpy(user->branch, change->branch, size);
    }
    touch(user, ret->is_moved, now_ns);
    return auth_store_put_person(service->auth, txn, user, &view->person);
}

// ---- States --------------------------------------------------------------------------------

static void count_move(struct store_txn *txn, enum auth_user_state from, enum auth_user_state to,
                       uint64_t now_ns)
{
    static const enum auth_gauge gauges[AUTH_USER_STATE_LAST + 1] = {
        [AUTH_USER_ACTIVE] = AUTH_GAUGE_USERS_ACTIVE,
        [AUTH_USER_BLOCKED] = AUTH_GAUGE_USERS_BLOCKED,
        [AUTH_USER_CLOSED] = AUTH_GAUGE_USERS_CLOSED,
    };

    auth_gauge_add(txn, gauges[from], -1);
    auth_gauge_add(txn, gauges[to], 1);
    if (to == AUTH_USER_BLOCKED) auth_count(txn, AUTH_COUNT_USERS_BLOCKED, now_ns);
}

struct status auth_directory_move(const struct auth_service *service, struct store_txn *txn,
                                  struct id128 actor_id, enum auth_user_event event,
                                  const char *reason, uint64_t now_ns, struct auth_user_view *view,
                                  bool *ret_changed)
{
    struct auth_user *user = &view->user;
    enum auth_user_state before = user->state, after;
    *ret_changed = false;
    RETURN_IF_ERROR(auth_core_may_set_roles(actor_id, user->id));
    RETURN_IF_ERROR(auth_core_move_user(before, event, &after));
    if (after == before) return STATUS_SUCCESS;
    user->state = after;
    // Letting in again gives nothing that was not there: tokens of before stay ended.
    touch(user, event != AUTH_USER_UNBLOCK, now_ns);
    if (event != AUTH_USER_CLOSE) view->person.fields[AUTH_PERSON_STATUS_REASON] = reason;
    if (event == AUTH_USER_UNBLOCK) view->person.fields[AUTH_PERSON_STATUS_REASON] = "";
    RETURN_IF_ERROR(auth_store_put_person(service->auth, txn, user, &view->person));
    count_move(txn, before, after, now_ns);
    *ret_changed = true;
    return STATUS_SUCCESS;
}

// ---- Roles ---------------------------------------------------------------------------------

static struct status collect_roles(struct store_txn *txn, const char *const *roles,
                                   size_t role_count, struct auth_roles *ret)
{
    *ret = (struct auth_roles){0};
    for (size_t i = 0; i < role_count; i++) {
        if (!auth_role_name_is_valid(roles[i]) || !auth_access_role_exists(txn, roles[i]))
            return REFUSE(INVALID_ARGUMENT, ROLE_UNKNOWN, "there is no such role");
        CHECK(i < AUTH_ROLES_MAX); // items_max of the proto.
        auth_roles_add(ret, roles[i]);
    }
    return STATUS_SUCCESS;
}

struct status auth_directory_set_roles(struct store_txn *txn, struct id128 actor_id,
                                       uint64_t if_match, const char *const *roles,
                                       size_t role_count, uint64_t now_ns,
                                       struct auth_user_view *view, bool *ret_changed)
{
    struct auth_roles wanted;
    struct auth_user *user = &view->user;
    *ret_changed = false;
    RETURN_IF_ERROR(collect_roles(txn, roles, role_count, &wanted));
    RETURN_IF_ERROR(auth_core_may_set_roles(actor_id, user->id));
    if (if_match != 0) RETURN_IF_ERROR(check_version(user, if_match));
    RETURN_IF_ERROR(check_open(user));
    RETURN_IF_ERROR(auth_access_check_roles(txn, &wanted));
    if (auth_roles_equal(&user->roles, &wanted)) return STATUS_SUCCESS;
    user->roles = wanted;
    touch(user, true, now_ns);
    auth_store_put_user(txn, user);
    *ret_changed = true;
    return STATUS_SUCCESS;
}
