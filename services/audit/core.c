#include "services/audit/core.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/hash.h"

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

static bool is_wanted(struct bytes wanted, struct bytes text)
{
    return wanted.size == 0 || bytes_equal(wanted, text);
}

bool audit_core_matches(const struct audit_filter *filter, const struct audit_entry *entry)
{
    if (entry->time_ns < filter->from_ns) return false;
    if (filter->to_ns != 0 && entry->time_ns >= filter->to_ns) return false;
    return is_wanted(filter->resource, entry->resource) && is_wanted(filter->actor, entry->actor) &&
           is_wanted(filter->action, entry->action) && is_wanted(filter->outcome, entry->outcome) &&
           is_wanted(filter->source, entry->source);
}

bool audit_core_search_of(const struct audit_filter *filter, enum audit_search_kind *ret_kind,
                          struct bytes *ret_name)
{
    const struct {
        enum audit_search_kind kind;
        struct bytes name;
    } by_selectivity[] = {
        {AUDIT_SEARCH_RESOURCE, filter->resource},
        {AUDIT_SEARCH_ACTOR, filter->actor},
        {AUDIT_SEARCH_ACTION, filter->action},
    };

    for (size_t i = 0; i < sizeof by_selectivity / sizeof by_selectivity[0]; i++) {
        if (by_selectivity[i].name.size == 0) continue;
        *ret_kind = by_selectivity[i].kind;
        *ret_name = by_selectivity[i].name;
        return true;
    }
    return false;
}
