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

/// What is asked for; empty texts and to_ns 0 let everything through.
struct audit_filter {
    struct bytes actor, action, resource, outcome, source;
    uint64_t from_ns, to_ns; // from <= time < to
};

bool audit_core_matches(const struct audit_filter *filter, const struct audit_entry *entry);

/// audit_core_search_of gives the filter's most selective indexed name: resource before actor
/// before action. false: none, so the whole log is walked.
bool audit_core_search_of(const struct audit_filter *filter, enum audit_search_kind *ret_kind,
                          struct bytes *ret_name);
