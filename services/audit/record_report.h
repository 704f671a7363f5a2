/// @file services/audit/record_report.h
/// What the reports keep, as bytes: counts of what happened, findings, and what the rules of
/// suspicion remember.
/// Shapes     Integers are big-endian. Names that are too long are cut before they come here.
/// Ownership  Decoded texts point into the given bytes.
/// Threads    Any; pure.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "services/audit/record.h"

// ---- Counts --------------------------------------------------------------------------------

enum {
    AUDIT_COUNT_ACTION_BYTES_MAX = 128,
    AUDIT_COUNT_OUTCOME_BYTES_MAX = 32,
    AUDIT_COUNT_KEY_BYTES_MAX =
        8 + 1 + AUDIT_COUNT_ACTION_BYTES_MAX + 1 + AUDIT_COUNT_OUTCOME_BYTES_MAX,
    AUDIT_COUNT_BYTES = 1 + 8,
};

/// Hours since 1970 (UTC), and what happened in that one.
struct audit_count_key {
    uint64_t hour;
    struct bytes action, outcome;
};

/// hour(8) | size(1) action | size(1) outcome
///     0000000000078b0d 11 617574682e6c6f67696e2e6661696c6564 07 72656675736564
/// With empty texts it lies before every other key of its hour.
struct bytes audit_count_key_encode(const struct audit_count_key *key,
                                    uint8_t ret[static AUDIT_COUNT_KEY_BYTES_MAX]);
MUST_USE struct status audit_count_key_decode(struct bytes key, struct audit_count_key *ret);

/// version(1) = 01 | count(8)
struct bytes audit_count_encode(uint64_t count, uint8_t ret[static AUDIT_COUNT_BYTES]);
MUST_USE struct status audit_count_decode(struct bytes record, uint64_t *ret);

// ---- Suspicion -----------------------------------------------------------------------------

/// In keys and records: numbers are never given anew.
enum audit_rule {
    AUDIT_RULE_FAILURES_THEN_SUCCESS = 1,
    AUDIT_RULE_IMPOSSIBLE_TRAVEL,
    AUDIT_RULE_REVEAL_BURST,
    AUDIT_RULE_STRUCTURING,
    AUDIT_RULE_OUT_OF_HOURS,
    AUDIT_RULE_LAST = AUDIT_RULE_OUT_OF_HOURS,
};

enum {
    AUDIT_SIGHTINGS_MAX = 20,
    AUDIT_NETWORKS_MAX = 3,
    AUDIT_NETWORK_BYTES = 16, // Of a keyed hash.
    AUDIT_FINDING_INDEXES_MAX = 16,
    AUDIT_SUBJECT_BYTES_MAX = 128,
    AUDIT_WATCH_KEY_BYTES = 1 + AUDIT_NAME_PREFIX_BYTES,
    AUDIT_WATCH_BYTES_MAX = 1 + 8 + 8 + 8 + 1 + 1 + AUDIT_SIGHTINGS_MAX * 16 + 1 +
                            AUDIT_NETWORKS_MAX * AUDIT_NETWORK_BYTES,
    AUDIT_FINDING_BYTES_MAX =
        1 + 1 + 8 + 8 + 4 + 1 + AUDIT_SUBJECT_BYTES_MAX + 1 + AUDIT_FINDING_INDEXES_MAX * 8,
};

/// An event that a rule has seen.
struct audit_sighting {
    uint64_t time_ns, index;
};

/// What a rule remembers of one subject: version(1) = 01 | last_ns(8) | finding_id(8) |
/// finding_ns(8) | flags(1): 01 is_known | count(1), then time(8) index(8) each | count(1), then
/// network(16) each.
struct audit_watch {
    uint64_t last_ns;    // Of the newest event that it has seen.
    uint64_t finding_id; // The last finding, which may go on; 0: there was none.
    uint64_t finding_ns; // Of that one's last event.
    bool is_known;       // Whether the first network was known before it was last used.
    size_t sighting_count, network_count;
    struct audit_sighting sightings[AUDIT_SIGHTINGS_MAX];      // Oldest first.
    uint8_t networks[AUDIT_NETWORKS_MAX][AUDIT_NETWORK_BYTES]; // Newest first.
};

/// rule(1) | name prefix(20) of the subject
///     04 7dfb4cf6 01890000000070008000000000000001
struct bytes audit_watch_key(enum audit_rule rule, struct bytes subject,
                             uint8_t ret[static AUDIT_WATCH_KEY_BYTES]);
size_t audit_watch_encode(const struct audit_watch *watch,
                          uint8_t ret[static AUDIT_WATCH_BYTES_MAX]);
MUST_USE struct status audit_watch_decode(struct bytes record, struct audit_watch *ret);

/// A finding: version(1) = 01 | rule(1) | first_ns(8) | last_ns(8) | count(4) | size(1) subject |
/// count(1), then index(8) each. Its key is its id(8), from 1 on, in the order of finding.
struct audit_finding {
    uint64_t id; // Of the key.
    enum audit_rule rule;
    uint64_t first_ns, last_ns;
    uint32_t count; // Of the events that make it.
    struct bytes subject;
    size_t index_count;
    uint64_t indexes[AUDIT_FINDING_INDEXES_MAX]; // In the log, of the last of them; oldest first.
};

size_t audit_finding_encode(const struct audit_finding *finding,
                            uint8_t ret[static AUDIT_FINDING_BYTES_MAX]);
/// audit_finding_decode leaves the id alone.
MUST_USE struct status audit_finding_decode(struct bytes record, struct audit_finding *ret);
