// The records of reports and notifications, see tests/fuzz/round_trip.h.
#include "services/audit/record_follower.h"
#include "services/audit/record_inbox.h"
#include "services/audit/record_report.h"
#include "tests/fuzz/round_trip.h"

ROUND_TRIP(try_watch, audit_watch, AUDIT_WATCH_BYTES_MAX, audit_watch_decode(record, &value),
           audit_watch_encode)
ROUND_TRIP(try_finding, audit_finding, AUDIT_FINDING_BYTES_MAX,
           audit_finding_decode(record, &value), audit_finding_encode)
ROUND_TRIP(try_notice, audit_notice, AUDIT_NOTICE_BYTES_MAX, audit_notice_decode(record, &value),
           audit_notice_encode)

static void try_count_key(struct bytes input)
{
    struct audit_count_key key;
    if (!status_ok(audit_count_key_decode(input, &key))) return;
    uint8_t again[AUDIT_COUNT_KEY_BYTES_MAX];
    CHECK(bytes_equal(audit_count_key_encode(&key, again), input));
}

static void try_count(struct bytes input)
{
    uint64_t count;
    if (!status_ok(audit_count_decode(input, &count))) return;
    uint8_t again[AUDIT_COUNT_BYTES];
    CHECK(bytes_equal(audit_count_encode(count, again), input));
}

static void try_counts(struct bytes input)
{
    struct audit_inbox_counts counts;
    if (!status_ok(audit_inbox_counts_decode(input, &counts))) return;
    uint8_t again[AUDIT_INBOX_COUNTS_BYTES];
    CHECK(bytes_equal(audit_inbox_counts_encode(&counts, again), input));
}

static void try_owner(struct bytes input)
{
    struct id128 owner_id;
    if (!status_ok(audit_owner_decode(input, &owner_id))) return;
    uint8_t again[AUDIT_OWNER_BYTES];
    CHECK(bytes_equal(audit_owner_encode(owner_id, again), input));
}

static void try_cursor(struct bytes input)
{
    uint64_t index;
    if (!status_ok(audit_cursor_decode(input, &index))) return;
    uint8_t again[AUDIT_CURSOR_BYTES];
    CHECK(bytes_equal(audit_cursor_encode(index, again), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const round_trip targets[] = {try_watch, try_finding, try_notice, try_count_key,
                                         try_count, try_counts,  try_owner,  try_cursor};
    return round_trip_run(targets, sizeof targets / sizeof targets[0], data, size);
}
