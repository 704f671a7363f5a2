/// @file services/audit/consumer_core.h
/// The rules of durable consumers: what is delivered next, what may be acknowledged, when it comes
/// again.
/// Two halves  What a consumer has acknowledged is durable (struct audit_consumer, in the store).
///             What is on its way to it is this process's memory (struct audit_flight): after a
///             restart nothing is, and everything unacknowledged comes again.
/// Positions   Indexes of the log. acknowledged <= delivered <= reach: below acknowledged all is
///             dealt with, or does not match; below delivered all is with the consumer, or does not
///             match; what is below reach was so once, perhaps before it had to go back.
/// Threads     Any; pure: no I/O, clock, allocation or logging. Times are monotonic ns.
/// Errors      OUT_OF_RANGE / NOT_DELIVERED; RESOURCE_EXHAUSTED / TOO_MANY_UNACKNOWLEDGED.
/// Source      proto/florin/audit/v1/audit.proto, "The stream".
#pragma once

#include "common/base/id128.h"
#include "common/base/status.h"
#include "services/audit/filter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AUDIT_CONSUMERS_MAX = 256,
    AUDIT_UNACKNOWLEDGED_MAX = 65536,
    AUDIT_CONSUMER_NAME_BYTES_MAX = 64,
    AUDIT_CONSUMER_OWNER_BYTES_MAX = 64,
    AUDIT_ACK_WAIT_MS_MIN = 1000,
    AUDIT_ACK_WAIT_MS_MAX = 3600 * 1000,
    AUDIT_ACK_WAIT_MS_DEFAULT = 30 * 1000,
    AUDIT_STRETCHES_MAX = 32,
    AUDIT_LAZY_ENTRIES = 4096, // Entries that do not match are acknowledged so many at a time.
};

/// Where a consumer was to begin; the numbers are the record's.
enum audit_consumer_start {
    AUDIT_START_FIRST = 1,
    AUDIT_START_LAST = 2,
    AUDIT_START_INDEX = 3,
    AUDIT_START_TIME = 4,
};

/// A durable consumer, as it is stored. Its name is the key.
struct audit_consumer {
    struct id128 id; // Another one with every creation.
    uint64_t created_at_ns;
    uint32_t ack_wait_ms;
    enum audit_consumer_start start;
    uint64_t start_value; // An index or a time.
    uint64_t acknowledged, redeliveries;
    struct bytes owner;
    struct audit_stream_filter filter;
};

/// audit_consumer_is_same: whether they were asked for in the same words, by the same.
bool audit_consumer_is_same(const struct audit_consumer *a, const struct audit_consumer *b);

/// What one Fetch gave: the entries up to `upto` (not included) from where the one before ended.
struct audit_stretch {
    uint64_t upto, due_ns; // Comes again at due_ns.
    uint32_t count;
};

struct audit_flight {
    struct id128 id; // Of the consumer; nil: this place is free.
    uint64_t acknowledged, delivered, reach;
    uint64_t epoch;       // From 1; another one each time it goes back.
    uint64_t again_below; // What is below has been delivered attempt - 1 times.
    uint32_t attempt;
    uint64_t redeliveries; // Times that it went back with something unacknowledged.
    size_t stretch_count;  // Of those with something unacknowledged, oldest first.
    struct audit_stretch stretches[AUDIT_STRETCHES_MAX];
};

/// audit_flight_begin: reach is what may have been delivered by another process, or
/// consumer->acknowledged when there was none.
void audit_flight_begin(struct audit_flight *flight, const struct audit_consumer *consumer,
                        uint64_t reach);

/// audit_flight_follow takes over what the store says is acknowledged: call it before the others.
void audit_flight_follow(struct audit_flight *flight, const struct audit_consumer *consumer);

/// audit_flight_settled is the position below which nothing is on its way: the acknowledged one, or
/// beyond it when nothing is unacknowledged and what followed did not match.
uint64_t audit_flight_settled(const struct audit_flight *flight);

/// audit_flight_restart goes back to what is acknowledged; whoever waits for the old epoch is
/// superseded.
void audit_flight_restart(struct audit_flight *flight);
/// audit_flight_due is when what was delivered first comes again; UINT64_MAX: nothing does.
uint64_t audit_flight_due(const struct audit_flight *flight);
/// audit_flight_expire goes back when that time has come.
void audit_flight_expire(struct audit_flight *flight, uint64_t now_ns);

/// audit_flight_check_room: TOO_MANY_UNACKNOWLEDGED.
MUST_USE struct status audit_flight_check_room(const struct audit_flight *flight);
/// audit_flight_deliver: the entries from `from` to `to` (not included) were looked at, `count` of
/// them match and are being answered. false, and nothing is changed: somebody else was quicker, or
/// it went back meanwhile.
bool audit_flight_deliver(struct audit_flight *flight, uint64_t epoch, uint64_t from, uint64_t to,
                          size_t count, uint64_t due_ns);
/// audit_flight_attempt: how often the entry is delivered, with this time.
uint32_t audit_flight_attempt(const struct audit_flight *flight, uint64_t index);

/// audit_flight_acknowledge says where the consumer's acknowledged position comes to be (*ret, the
/// old one when there is nothing new) when all up to `upto` (included) is dealt with. It changes
/// nothing: audit_flight_follow does, once that is stored.
MUST_USE struct status audit_flight_acknowledge(const struct audit_flight *flight, uint64_t upto,
                                                uint64_t *ret);
