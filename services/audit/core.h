/// @file services/audit/core.h
/// The rules of the log: which events are new, what stands in an entry, what a filter lets through.
/// Threads    Any; pure: no I/O, clock, allocation or logging.
/// Errors     FAILED_PRECONDITION / EVENT_GAP, SOURCE_REPLACED.
/// Source     design 05 "What goes in".
#pragma once

#include "services/audit/entry.h"
#include "services/audit/record.h"

/// audit_core_take: of `count` consecutive events from first_seq on, how many are in the log
/// already (ret_known of them, from the first). EVENT_GAP when one between the mark and them is
/// missing; SOURCE_REPLACED when known ones come from another store than the mark was made with.
MUST_USE struct status audit_core_take(const struct audit_mark *mark, uint64_t log_id,
                                       uint64_t first_seq, size_t count, size_t *ret_known);

/// audit_core_commit gives the commitment to a value of this field, or nothing for an empty value.
struct bytes audit_core_commit(const uint8_t salt[static AUDIT_SALT_BYTES],
                               enum audit_committed field, struct bytes value,
                               uint8_t ret[static AUDIT_COMMITMENT_BYTES]);

/// audit_core_cut gives at most AUDIT_TEXT_BYTES_MAX bytes of UTF-8 text, ending with a whole
/// character; *ret_cut becomes true when something was left off and is untouched else.
struct bytes audit_core_cut(struct bytes text, bool *ret_cut);

/// audit_core_search_rows lists the rows that an entry is found by, and their number: its action,
/// its actor, its resource, and once for each user concerned ("users/<uuid>" as actor, resource or
/// in visible_to, which are the side's parts). Append, pruning, fsck and the migration all use it.
/// An erased side still says whom it concerns, so the rows stay the same.
size_t audit_core_search_rows(const struct audit_entry *entry, struct bytes visible_to,
                              struct audit_search_row ret[static AUDIT_SEARCH_ROWS_MAX]);

/// What is asked for; empty texts and to_ns 0 let everything through.
struct audit_filter {
    struct bytes actor, resource, outcome, source;
    struct bytes action;     // A type, or a pattern of types that ends with a star.
    struct bytes user;       // "users/<uuid>": what concerns them, by their search rows alone.
    uint64_t from_ns, to_ns; // from <= time < to
};

/// audit_core_check_action: a pattern must be one of common/event/types.h; any other text is a
/// type, known or not. INVALID_ARGUMENT / TYPE_PATTERN_INVALID.
MUST_USE struct status audit_core_check_action(struct bytes action);

bool audit_core_matches(const struct audit_filter *filter, const struct audit_entry *entry);

/// audit_core_search_of gives the filter's most selective indexed name: user before resource before
/// actor before action (which has rows only when it is no pattern). false: none, so the whole log
/// is walked.
bool audit_core_search_of(const struct audit_filter *filter, enum audit_search_kind *ret_kind,
                          struct bytes *ret_name);
