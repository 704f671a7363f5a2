/// @file services/audit/stream.h
/// The log read forwards, from an index on, through a filter: for ReadLog and durable consumers.
/// Bounds     One walk looks at AUDIT_STREAM_ROWS_MAX entries, a few milliseconds; stream.next says
///            where the following one goes on. Where the filter names a user, a resource or an
///            actor, only the search rows of that name are looked at.
/// Ownership  Events point into the store: see store_txn.
/// Threads    The transaction's thread.
/// Errors     OUT_OF_RANGE / ENTRY_PRUNED, INDEX_AHEAD_OF_LOG; DATA_LOSS / ENTRY_CORRUPT.
#pragma once

#include "services/audit/filter.h"
#include "services/audit/service.h"
#include "services/audit/store_stream.h"

enum { AUDIT_STREAM_ROWS_MAX = 8192 };

/// End it before the transaction ends.
struct audit_stream {
    struct store_txn *txn;
    const struct audit_stream_filter *filter;
    bool by_name;
    struct audit_search_on search;
    uint64_t next, size; // What is below `next` was given, or does not match.
    uint64_t rows;
};

bool audit_stream_matches(const struct audit_stream_filter *filter,
                          const struct audit_entry *entry);

/// audit_stream_check gives the first entry that is still there. `from` before it: ENTRY_PRUNED,
/// beyond the size INDEX_AHEAD_OF_LOG.
MUST_USE struct status audit_stream_check(struct store_txn *txn, uint64_t from, uint64_t size,
                                          uint64_t *ret_first);

/// audit_stream_begin: entries from `from` (kept, and at most size) to `size`, which is no more
/// than the transaction sees. The filter must outlive the stream.
void audit_stream_begin(struct store_txn *txn, const struct audit_stream_filter *filter,
                        uint64_t from, uint64_t size, struct audit_stream *ret);
/// audit_stream_next: *ret_found false at the end, or when enough was looked at.
MUST_USE struct status audit_stream_next(struct audit_stream *stream, struct audit_event *ret,
                                         bool *ret_found);
void audit_stream_end(struct audit_stream *stream); // Idempotent.

/// audit_stream_seek_time: the first entry from `low` to `size` that is not older, or `size`. Times
/// rise with the index but for sources that were behind and clocks that step, which whoever asks by
/// time has to allow for.
MUST_USE struct status audit_stream_seek_time(struct store_txn *txn, uint64_t low, uint64_t size,
                                              uint64_t not_before_ns, uint64_t *ret);
