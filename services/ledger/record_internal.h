/// @file services/ledger/record_internal.h
/// What the files of the record codec share; nobody else includes it.
///     record.c           ids, state, currencies, cursors, metadata, keys
///     record_account.c   accounts, details, versions of settings
///     record_transfer.c  transfers, progress, groups
///     record_limits.c    profiles, counters
///     record_report.c    totals, checkpoints, quotes
///     record_approval.c  burnt approvals, payees
#pragma once

#include "common/base/record.h"
#include "services/ledger/record.h"

enum {
    LEDGER_RECORD_VERSION = 1,
    LEDGER_CURRENCY_CHARS = LEDGER_CURRENCY_BYTES - 1,
};

#define LEDGER_CORRUPT(what_)                                                                      \
    REFUSE(DATA_LOSS, RECORD_CORRUPT, "a stored " what_ " fails its checks")

static inline void ledger_put_minimal(struct record_writer *writer, u128 value)
{
    uint64_t high = u128_high(value), low = u128_low(value);
    unsigned size = 0;
    if (high != 0)
        size = 16 - (unsigned)__builtin_clzll(high) / 8;
    else if (low != 0)
        size = 8 - (unsigned)__builtin_clzll(low) / 8;
    record_put_u8(writer, size);
    uint8_t *to = record_put_room(writer, size);
    for (unsigned i = size; i-- > 0; value >>= 8)
        to[i] = (uint8_t)value;
}

static inline u128 ledger_take_minimal(struct record_reader *reader, size_t bytes_max)
{
    size_t size = record_take_u8(reader);
    record_expect(reader, size <= bytes_max);
    const uint8_t *from = record_take(reader, size);
    if (from == NULL) return 0;
    record_expect(reader, size == 0 || from[0] != 0);
    u128 value = 0;
    for (size_t i = 0; i < size; i++)
        value = (value << 8) | from[i];
    return value;
}

static inline uint64_t ledger_take_minimal_u64(struct record_reader *reader)
{
    return (uint64_t)ledger_take_minimal(reader, 8);
}

/// A number that lies before `number`, as its distance; 0, for none, stays 0.
static inline void ledger_put_distance(struct record_writer *writer, uint64_t number,
                                       uint64_t earlier)
{
    CHECK(earlier < number);
    ledger_put_minimal(writer, earlier > 0 ? number - earlier : 0);
}

static inline uint64_t ledger_take_distance(struct record_reader *reader, uint64_t number)
{
    uint64_t distance = ledger_take_minimal_u64(reader);
    record_expect(reader, distance < number);
    return distance > 0 && distance < number ? number - distance : 0;
}

/// ledger_take_text copies text that was read into a buffer with room for a final NUL; empty text
/// breaks the reader. ledger_take_optional_text takes it.
void ledger_take_text(struct record_reader *reader, struct bytes text, char *ret, size_t ret_bytes);
void ledger_take_optional_text(struct record_reader *reader, struct bytes text, char *ret,
                               size_t ret_bytes);

void ledger_put_currency(struct record_writer *writer, const char *currency); // NUL-padded.
void ledger_take_currency(struct record_reader *reader, struct bytes code,
                          char ret[static LEDGER_CURRENCY_BYTES]);
void ledger_take_padded_currency(struct record_reader *reader,
                                 char ret[static LEDGER_CURRENCY_BYTES]);

/// Metadata stands in a record as size(2) and bytes, and only where there is some.
void ledger_put_metadata(struct record_writer *writer, struct bytes metadata);
struct bytes ledger_take_metadata(struct record_reader *reader);
