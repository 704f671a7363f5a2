#include "common/base/check.h"
#include "services/auth/store_internal.h"
#include "services/auth/store_user.h"

/* Every list is a run of keys that end in the user's id: the facets' rows, or the users themselves
 * where nothing is asked. */

static void open_list(struct store_txn *txn, struct auth_user_walk *walk, uint8_t table,
                      enum auth_user_facet facet, const char *value)
{
    struct auth_user_list *list = &walk->lists[walk->list_count++];
    if (table == AUTH_TABLE_USER_FACETS)
        list->prefix_size =
            auth_facet_key_encode(facet, value, ID128_NIL, list->key) - (size_t)ID128_BYTES;
    store_cursor_open(txn, table, &list->cursor);
}

static bool is_asked(const struct auth_user_filter *filter, int facet)
{
    return filter->values[facet] != NULL && filter->values[facet][0] != '\0';
}

void auth_user_walk_open(struct store_txn *txn, const struct auth_user_filter *filter,
                         struct id128 before, struct auth_user_walk *ret)
{
    *ret = (struct auth_user_walk){.before = before, .seeks_left = AUTH_USER_WALK_SEEKS_MAX};
    if (id128_is_nil(before)) memset(ret->before.bytes, 0xff, ID128_BYTES);
    for (int i = AUTH_FACET_STATE; i <= AUTH_FACET_LAST; i++)
        if (is_asked(filter, i))
            open_list(txn, ret, AUTH_TABLE_USER_FACETS, (enum auth_user_facet)i, filter->values[i]);
    if (ret->list_count == 0) open_list(txn, ret, AUTH_TABLE_USERS, AUTH_FACET_STATE, "");
}

void auth_user_walk_close(struct auth_user_walk *walk)
{
    for (size_t i = 0; i < walk->list_count; i++)
        store_cursor_close(&walk->lists[i].cursor);
    walk->list_count = 0;
}

/// seek gives the list's newest user that is older than the bound, or, inclusive, not newer.
static bool seek(struct auth_user_list *list, struct id128 bound, bool is_inclusive,
                 struct id128 *ret)
{
    size_t size = list->prefix_size + ID128_BYTES;
    memcpy(list->key + list->prefix_size, bound.bytes, ID128_BYTES);
    list->key[size] = 0; // One byte more sorts just behind the bound's own row.
    struct bytes key = bytes_of(list->key, is_inclusive ? size + 1 : size);
    if (!store_cursor_seek_before(&list->cursor, key)) return false;
    struct bytes found = list->cursor.key;
    if (found.size != size || memcmp(found.data, list->key, list->prefix_size) != 0) return false;
    *ret = id128_of(found.data + list->prefix_size);
    return true;
}

/// after gives the id that follows: "older than it" means "not newer than this one".
static struct id128 after(struct id128 id)
{
    for (size_t i = ID128_BYTES; i-- > 0;)
        if (++id.bytes[i] != 0) break;
    return id;
}

enum auth_walk_step auth_user_walk_next(struct auth_user_walk *walk, struct id128 *ret_user_id)
{
    CHECK(walk->list_count > 0);
    struct id128 candidate = walk->before;
    size_t agreed = 0; // How many lists, one after the other, hold the candidate.
    for (size_t i = walk->lead; agreed < walk->list_count; i = (i + 1) % walk->list_count) {
        struct id128 id;
        if (walk->seeks_left == 0) {
            if (agreed > 0) walk->before = after(candidate);
            return AUTH_WALK_PAUSED;
        }
        walk->seeks_left--;
        if (!seek(&walk->lists[i], candidate, agreed > 0, &id)) return AUTH_WALK_END;
        bool has_leapt = agreed == 0 || !id128_equal(id, candidate);
        if (has_leapt) walk->lead = i;
        agreed = has_leapt ? 1 : agreed + 1;
        candidate = id;
    }
    walk->before = candidate;
    *ret_user_id = candidate;
    return AUTH_WALK_FOUND;
}

static bool holds_role(const struct auth_user *user, const char *role)
{
    for (size_t i = 0; i < user->roles.count; i++)
        if (strcmp(user->roles.names[i], role) == 0) return true;
    return false;
}

bool auth_user_filter_takes(const struct auth_user_filter *filter, const struct auth_user *user)
{
    const char *const *values = filter->values;
    const char *state = auth_user_state_name(user->state), *kind = auth_user_kind_name(user->kind);
    return (!is_asked(filter, AUTH_FACET_STATE) || strcmp(values[AUTH_FACET_STATE], state) == 0) &&
           (!is_asked(filter, AUTH_FACET_KIND) || strcmp(values[AUTH_FACET_KIND], kind) == 0) &&
           (!is_asked(filter, AUTH_FACET_ROLE) || holds_role(user, values[AUTH_FACET_ROLE])) &&
           (!is_asked(filter, AUTH_FACET_BRANCH) ||
            strcmp(values[AUTH_FACET_BRANCH], user->branch) == 0);
}
