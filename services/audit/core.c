#include "services/audit/core.h"

#include "common/base/record.h"
#include "common/base/text.h"
#include "common/crypto/hash.h"
#include "common/event/types.h"

struct status audit_core_take(const struct audit_mark *mark, uint64_t log_id, uint64_t first_seq,
                              size_t count, size_t *ret_known)
{
    CHECK(count > 0);
    CHECK(first_seq > 0);
    // A restored source has a new log id and goes on with the next event; the subscriber has seen
    // that it is the same log. What has been taken already never comes again under a new id.
    bool is_other = mark->log_id != 0 && mark->log_id != log_id;
    if (is_other && first_seq <= mark->seq) {
        return REFUSE(FAILED_PRECONDITION, SOURCE_REPLACED,
                      "the source's store is another one than the log has followed");
    }
    if (first_seq > mark->seq && first_seq - mark->seq > 1)
        return REFUSE(FAILED_PRECONDITION, EVENT_GAP, "events before these are not in the log yet");
    uint64_t known = mark->seq - (first_seq - 1);
    *ret_known = known < count ? (size_t)known : count;
    return STATUS_SUCCESS;
}

struct bytes audit_core_commit(const uint8_t salt[static AUDIT_SALT_BYTES],
                               enum audit_committed field, struct bytes value,
                               uint8_t ret[static AUDIT_COMMITMENT_BYTES])
{
    if (value.size == 0) return (struct bytes){0};
    // A key for each field: opening one commitment must not help to guess another, such as an
    // address, of which there are only 2^32.
    const uint8_t label = (uint8_t)field;
    uint8_t key[HASH_SHA256_BYTES];
    const struct bytes key_parts[] = {bytes_of(salt, AUDIT_SALT_BYTES), bytes_of(&label, 1)};
    const struct bytes parts[] = {bytes_of(key, sizeof key), value};
    hash_sha256(key_parts, 2, key);
    hash_sha256(parts, 2, ret);
    return bytes_of(ret, AUDIT_COMMITMENT_BYTES);
}

struct bytes audit_core_cut(struct bytes text, bool *ret_cut)
{
    if (text.size <= AUDIT_TEXT_BYTES_MAX) return text;
    *ret_cut = true;
    size_t size = AUDIT_TEXT_BYTES_MAX;
    while (size > 0 && (text.data[size] & 0xc0) == 0x80) // Amid a character.
        size--;
    return bytes_of(text.data, size);
}

// ---- Search --------------------------------------------------------------------------------

static const char users_prefix[] = "users/";

static bool is_user(struct bytes name)
{
    struct id128 id;
    size_t size = sizeof users_prefix - 1;
    return name.size > size && memcmp(name.data, users_prefix, size) == 0 &&
           status_ok(id128_parse((const char *)name.data + size, name.size - size, &id));
}

// Adds the row of a user, unless it is there already.
static size_t add_user(struct bytes name, size_t count,
                       struct audit_search_row rows[static AUDIT_SEARCH_ROWS_MAX])
{
    if (count == AUDIT_SEARCH_ROWS_MAX || !is_user(name)) return count;
    struct audit_search_row *row = &rows[count];
    row->kind = AUDIT_SEARCH_USER;
    audit_name_prefix(name, row->prefix);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind == AUDIT_SEARCH_USER &&
            memcmp(rows[i].prefix, row->prefix, sizeof row->prefix) == 0) {
            return count;
        }
    }
    return count + 1;
}

size_t audit_core_search_rows(const struct audit_entry *entry, struct bytes visible_to,
                              struct audit_search_row ret[static AUDIT_SEARCH_ROWS_MAX])
{
    const struct {
        enum audit_search_kind kind;
        struct bytes name;
    } names[] = {
        {AUDIT_SEARCH_ACTION, entry->action},
        {AUDIT_SEARCH_ACTOR, entry->actor},
        {AUDIT_SEARCH_RESOURCE, entry->resource},
    };

    size_t count = 0;
    for (; count < sizeof names / sizeof names[0]; count++) {
        ret[count].kind = names[count].kind;
        audit_name_prefix(names[count].name, ret[count].prefix);
    }
    count = add_user(entry->actor, count, ret);
    count = add_user(entry->resource, count, ret);
    struct record_reader parts = record_read_key(visible_to);
    while (!parts.is_broken && record_left(&parts) > 0)
        count = add_user(record_take_run32(&parts), count, ret);
    return count;
}

static bool is_wanted(struct bytes wanted, struct bytes text)
{
    return wanted.size == 0 || bytes_equal(wanted, text);
}

static bool is_pattern(struct bytes action)
{
    return action.size > 0 && action.data[action.size - 1] == '*';
}

struct status audit_core_check_action(struct bytes action)
{
    bool has_star = action.size > 0 && memchr(action.data, '*', action.size) != NULL;
    return has_star ? event_pattern_check(action) : STATUS_SUCCESS;
}

static bool is_wanted_action(struct bytes wanted, struct bytes action)
{
    return is_pattern(wanted) ? event_pattern_matches(wanted, action) : is_wanted(wanted, action);
}

bool audit_core_matches(const struct audit_filter *filter, const struct audit_entry *entry)
{
    if (entry->time_ns < filter->from_ns) return false;
    if (filter->to_ns != 0 && entry->time_ns >= filter->to_ns) return false;
    return is_wanted(filter->resource, entry->resource) && is_wanted(filter->actor, entry->actor) &&
           is_wanted_action(filter->action, entry->action) &&
           is_wanted(filter->outcome, entry->outcome) && is_wanted(filter->source, entry->source);
}

bool audit_core_search_of(const struct audit_filter *filter, enum audit_search_kind *ret_kind,
                          struct bytes *ret_name)
{
    const struct {
        enum audit_search_kind kind;
        struct bytes name;
    } by_selectivity[] = {
        {AUDIT_SEARCH_USER, filter->user},
        {AUDIT_SEARCH_RESOURCE, filter->resource},
        {AUDIT_SEARCH_ACTOR, filter->actor},
        {AUDIT_SEARCH_ACTION, is_pattern(filter->action) ? (struct bytes){0} : filter->action},
    };

    for (size_t i = 0; i < sizeof by_selectivity / sizeof by_selectivity[0]; i++) {
        if (by_selectivity[i].name.size == 0) continue;
        *ret_kind = by_selectivity[i].kind;
        *ret_name = by_selectivity[i].name;
        return true;
    }
    return false;
}
