#include "services/audit/record_report.h"

#include "common/base/record.h"

enum { RECORD_VERSION = 1, FLAG_IS_KNOWN = 1 };

#define RECORD_REFUSAL REFUSE(DATA_LOSS, RECORD_CORRUPT, "a record of the reports is damaged")

// ---- Counts --------------------------------------------------------------------------------

struct bytes audit_count_key_encode(const struct audit_count_key *key,
                                    uint8_t ret[static AUDIT_COUNT_KEY_BYTES_MAX])
{
    struct record_writer writer = record_write_key(ret, AUDIT_COUNT_KEY_BYTES_MAX);
    record_put_u64(&writer, key->hour);
    record_put_run8(&writer, key->action);
    record_put_run8(&writer, key->outcome);
    return bytes_of(ret, record_written(&writer));
}

struct status audit_count_key_decode(struct bytes key, struct audit_count_key *ret)
{
    struct record_reader reader = record_read_key(key);
    struct audit_count_key decoded = {.hour = record_take_u64(&reader)};
    decoded.action = record_take_run8(&reader);
    decoded.outcome = record_take_run8(&reader);
    record_expect(&reader, decoded.action.size <= AUDIT_COUNT_ACTION_BYTES_MAX);
    record_expect(&reader, decoded.outcome.size <= AUDIT_COUNT_OUTCOME_BYTES_MAX);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = decoded;
    return STATUS_SUCCESS;
}

struct bytes audit_count_encode(uint64_t count, uint8_t ret[static AUDIT_COUNT_BYTES])
{
    struct record_writer writer = record_write(ret, AUDIT_COUNT_BYTES, RECORD_VERSION);
    record_put_u64(&writer, count);
    return bytes_of(ret, record_written(&writer));
}

struct status audit_count_decode(struct bytes record, uint64_t *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    uint64_t count = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = count;
    return STATUS_SUCCESS;
}

// ---- Suspicion -----------------------------------------------------------------------------

struct bytes audit_watch_key(enum audit_rule rule, struct bytes subject,
                             uint8_t ret[static AUDIT_WATCH_KEY_BYTES])
{
    ret[0] = (uint8_t)rule;
    audit_name_prefix(subject, ret + 1);
    return bytes_of(ret, AUDIT_WATCH_KEY_BYTES);
}

size_t audit_watch_encode(const struct audit_watch *watch,
                          uint8_t ret[static AUDIT_WATCH_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUDIT_WATCH_BYTES_MAX, RECORD_VERSION);
    record_put_u64(&writer, watch->last_ns);
    record_put_u64(&writer, watch->finding_id);
    record_put_u64(&writer, watch->finding_ns);
    record_put_u8(&writer, watch->is_known ? FLAG_IS_KNOWN : 0);
    record_put_u8(&writer, (unsigned)watch->sighting_count);
    for (size_t i = 0; i < watch->sighting_count; i++) {
        record_put_u64(&writer, watch->sightings[i].time_ns);
        record_put_u64(&writer, watch->sightings[i].index);
    }
    record_put_u8(&writer, (unsigned)watch->network_count);
    record_put_bytes(&writer, watch->networks, watch->network_count * AUDIT_NETWORK_BYTES);
    return record_written(&writer);
}

struct status audit_watch_decode(struct bytes record, struct audit_watch *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_watch watch = {.last_ns = record_take_u64(&reader)};
    watch.finding_id = record_take_u64(&reader);
    watch.finding_ns = record_take_u64(&reader);
    watch.is_known = record_take_enum(&reader, 0, FLAG_IS_KNOWN) == FLAG_IS_KNOWN;
    watch.sighting_count = (size_t)record_take_enum(&reader, 0, AUDIT_SIGHTINGS_MAX);
    for (size_t i = 0; i < watch.sighting_count; i++) {
        watch.sightings[i].time_ns = record_take_u64(&reader);
        watch.sightings[i].index = record_take_u64(&reader);
    }
    watch.network_count = (size_t)record_take_enum(&reader, 0, AUDIT_NETWORKS_MAX);
    record_take_bytes(&reader, watch.networks, watch.network_count * AUDIT_NETWORK_BYTES);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = watch;
    return STATUS_SUCCESS;
}

size_t audit_finding_encode(const struct audit_finding *finding,
                            uint8_t ret[static AUDIT_FINDING_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUDIT_FINDING_BYTES_MAX, RECORD_VERSION);
    record_put_u8(&writer, (unsigned)finding->rule);
    record_put_u64(&writer, finding->first_ns);
    record_put_u64(&writer, finding->last_ns);
    record_put_u32(&writer, finding->count);
    record_put_run8(&writer, finding->subject);
    record_put_u8(&writer, (unsigned)finding->index_count);
    for (size_t i = 0; i < finding->index_count; i++)
        record_put_u64(&writer, finding->indexes[i]);
    return record_written(&writer);
}

struct status audit_finding_decode(struct bytes record, struct audit_finding *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_finding finding = {.id = ret->id};
    finding.rule = (enum audit_rule)record_take_enum(&reader, AUDIT_RULE_FAILURES_THEN_SUCCESS,
                                                     AUDIT_RULE_LAST);
    finding.first_ns = record_take_u64(&reader);
    finding.last_ns = record_take_u64(&reader);
    finding.count = record_take_u32(&reader);
    finding.subject = record_take_run8(&reader);
    record_expect(&reader, finding.subject.size <= AUDIT_SUBJECT_BYTES_MAX);
    finding.index_count = (size_t)record_take_enum(&reader, 0, AUDIT_FINDING_INDEXES_MAX);
    for (size_t i = 0; i < finding.index_count; i++)
        finding.indexes[i] = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = finding;
    return STATUS_SUCCESS;
}
