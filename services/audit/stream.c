#include "services/audit/stream.h"

#include "common/event/types.h"

// ---- Filters -------------------------------------------------------------------------------

static bool matches_types(const struct audit_stream_filter *filter, struct bytes type)
{
    for (size_t i = 0; i < filter->type_count; i++)
        if (event_pattern_matches(filter->types[i], type)) return true;
    return filter->type_count == 0;
}

static bool matches_text(struct bytes wanted, struct bytes text)
{
    return wanted.size == 0 || bytes_equal(wanted, text);
}

bool audit_stream_matches(const struct audit_stream_filter *filter, const struct audit_entry *entry)
{
    return matches_text(filter->outcome, entry->outcome) &&
           matches_text(filter->resource, entry->resource) &&
           matches_text(filter->actor, entry->actor) && matches_types(filter, entry->action);
}

// The name with the fewest rows, as a rule.
static bool search_of(const struct audit_stream_filter *filter, enum audit_search_kind *ret_kind,
                      struct bytes *ret_name)
{
    const struct {
        enum audit_search_kind kind;
        struct bytes name;
    } names[] = {
        {AUDIT_SEARCH_USER, filter->user},
        {AUDIT_SEARCH_RESOURCE, filter->resource},
        {AUDIT_SEARCH_ACTOR, filter->actor},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].name.size == 0) continue;
        *ret_kind = names[i].kind;
        *ret_name = names[i].name;
        return true;
    }
    return false;
}

// ---- Walking -------------------------------------------------------------------------------

struct status audit_stream_check(struct store_txn *txn, uint64_t from, uint64_t size,
                                 uint64_t *ret_first)
{
    RETURN_IF_ERROR(audit_store_first_index(txn, ret_first));
    if (from < *ret_first) {
        return REFUSE(OUT_OF_RANGE, ENTRY_PRUNED, "the log no longer has entries from there on");
    }
    if (from > size) {
        return REFUSE(OUT_OF_RANGE, INDEX_AHEAD_OF_LOG,
                      "the log ends before this index: was it restored from an older copy?");
    }
    return STATUS_SUCCESS;
}

void audit_stream_begin(struct store_txn *txn, const struct audit_stream_filter *filter,
                        uint64_t from, uint64_t size, struct audit_stream *ret)
{
    *ret = (struct audit_stream){.txn = txn, .filter = filter, .next = from, .size = size};
    enum audit_search_kind kind;
    struct bytes name;
    ret->by_name = search_of(filter, &kind, &name);
    if (ret->by_name) audit_search_on_open(txn, kind, name, from, &ret->search);
}

// The next entry to look at; at the end there is none, and `next` is the end.
static bool next_index(struct audit_stream *stream, uint64_t *ret_index)
{
    bool found = true;
    *ret_index = stream->next;
    if (stream->by_name) found = audit_search_on_next(&stream->search, ret_index);
    if (found && *ret_index < stream->size) return true;
    stream->next = stream->size;
    return false;
}

struct status audit_stream_next(struct audit_stream *stream, struct audit_event *ret,
                                bool *ret_found)
{
    uint64_t index;
    *ret_found = false;
    while (stream->rows < AUDIT_STREAM_ROWS_MAX && next_index(stream, &index)) {
        struct bytes bytes;
        struct audit_entry entry;
        stream->rows++;
        RETURN_IF_ERROR(audit_store_get_entry(stream->txn, index, &bytes));
        RETURN_IF_ERROR(audit_entry_decode(bytes, &entry));
        stream->next = index + 1;
        if (!audit_stream_matches(stream->filter, &entry)) continue;
        *ret_found = true;
        return audit_service_get(stream->txn, index, ret);
    }
    return STATUS_SUCCESS;
}

void audit_stream_end(struct audit_stream *stream)
{
    if (stream->by_name) audit_search_on_close(&stream->search);
    stream->by_name = false;
}

// ---- By time -------------------------------------------------------------------------------

struct status audit_stream_seek_time(struct store_txn *txn, uint64_t low, uint64_t size,
                                     uint64_t not_before_ns, uint64_t *ret)
{
    uint64_t high = size;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct bytes bytes;
        struct audit_entry entry;
        RETURN_IF_ERROR(audit_store_get_entry(txn, middle, &bytes));
        RETURN_IF_ERROR(audit_entry_decode(bytes, &entry));
        if (entry.time_ns < not_before_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret = low;
    return STATUS_SUCCESS;
}
