#include "services/ledger/record.h"

#include "common/base/record.h"
#include "common/base/text.h"

#include <string.h>

enum {
    RECORD_VERSION = 1,
    CURRENCY_CHARS = LEDGER_CURRENCY_BYTES - 1,

    ACCOUNT_NO_NEGATIVE = 1,
    ACCOUNT_FROZEN_DEBIT = 2,
    ACCOUNT_FROZEN_CREDIT = 4,
    ACCOUNT_CLOSED = 8,
    ACCOUNT_HAS_MIN = 16,
    ACCOUNT_HAS_MAX = 32,
    ACCOUNT_FLAGS = 63,

    TRANSFER_HAS_DESCRIPTION = 1,
    DETAILS_HAS_NAME = 1,

    PROFILE_RECEIVE_ONLY = 1,
    PROFILE_DEBIT_FREEZE = 2,
    PROFILE_CREDIT_FREEZE = 4,
    PROFILE_FLAGS = 7,

    ID_IS_TRANSFER = 1,
    ID_IS_FAILED = 2,
};

#define CORRUPT(what_) REFUSE(DATA_LOSS, RECORD_CORRUPT, "a stored " what_ " fails its checks")

// ---- Writing ------------------------------------------------------------------------------------

static void put_minimal(struct record_writer *writer, u128 value)
{
    uint8_t bytes[16];
    u128_encode(value, bytes);
    unsigned skip = 0;
    while (skip < sizeof bytes && bytes[skip] == 0) {
        skip++;
    }
    record_put_u8(writer, (unsigned)sizeof bytes - skip);
    record_put_bytes(writer, bytes + skip, sizeof bytes - skip);
}

static void put_currency(struct record_writer *writer, const char *currency)
{
    static const char zeros[CURRENCY_CHARS];
    size_t size = strlen(currency);
    CHECK(size <= sizeof zeros);
    record_put_bytes(writer, currency, size);
    record_put_bytes(writer, zeros, sizeof zeros - size);
}

// ---- Reading ------------------------------------------------------------------------------------

static u128 take_minimal(struct record_reader *reader, size_t bytes_max)
{
    size_t size = record_take_u8(reader);
    record_expect(reader, size <= bytes_max);
    const uint8_t *from = record_take(reader, size);
    if (from == NULL) return 0;
    record_expect(reader, size == 0 || from[0] != 0);
    u128 value = 0;
    for (size_t i = 0; i < size; i++) {
        value = (value << 8) | from[i];
    }
    return value;
}

static uint64_t take_minimal_u64(struct record_reader *reader)
{
    return (uint64_t)take_minimal(reader, 8);
}

/// Copies text that was read into a buffer with room for a final NUL; empty text is never written.
static void take_text(struct record_reader *reader, struct bytes text, char *ret, size_t ret_bytes)
{
    record_expect(reader, text.size > 0 && text.size < ret_bytes);
    if (reader->is_broken) return;
    record_expect(reader, text_is_utf8((const char *)text.data, text.size));
    memcpy(ret, text.data, text.size);
    ret[text.size] = '\0';
}

static bool is_currency(const char *code, size_t size)
{
    if (size < 3 || size > CURRENCY_CHARS) return false;
    for (size_t i = 0; i < size; i++) {
        bool is_letter = code[i] >= 'A' && code[i] <= 'Z';
        bool is_digit = code[i] >= '0' && code[i] <= '9';
        if (!is_letter && (i == 0 || !is_digit)) return false;
    }
    return true;
}

static void take_currency(struct record_reader *reader, struct bytes code,
                          char ret[static LEDGER_CURRENCY_BYTES])
{
    record_expect(reader, is_currency((const char *)code.data, code.size));
    if (reader->is_broken) return;
    memset(ret, 0, LEDGER_CURRENCY_BYTES);
    memcpy(ret, code.data, code.size);
}

static void take_padded_currency(struct record_reader *reader,
                                 char ret[static LEDGER_CURRENCY_BYTES])
{
    const uint8_t *from = record_take(reader, CURRENCY_CHARS);
    if (from == NULL) return;
    size_t size = strnlen((const char *)from, CURRENCY_CHARS);
    for (size_t i = size; i < CURRENCY_CHARS; i++) {
        record_expect(reader, from[i] == 0);
    }
    take_currency(reader, bytes_of(from, size), ret);
}

// ---- Account ------------------------------------------------------------------------------------

size_t ledger_account_encode(const struct ledger_account *account,
                             uint8_t ret[static LEDGER_ACCOUNT_BYTES])
{
    CHECK(ledger_account_is_sound(account));
    unsigned flags = (account->no_negative ? ACCOUNT_NO_NEGATIVE : 0u) |
                     (account->frozen[LEDGER_DEBIT] ? ACCOUNT_FROZEN_DEBIT : 0u) |
                     (account->frozen[LEDGER_CREDIT] ? ACCOUNT_FROZEN_CREDIT : 0u) |
                     (account->closed ? ACCOUNT_CLOSED : 0u) |
                     (account->has_min_balance ? ACCOUNT_HAS_MIN : 0u) |
                     (account->has_max_balance ? ACCOUNT_HAS_MAX : 0u);
    struct record_writer writer = record_write(ret, LEDGER_ACCOUNT_BYTES, RECORD_VERSION);
    record_put_u8(&writer, account->class);
    record_put_u8(&writer, account->kind);
    record_put_u8(&writer, account->exponent);
    record_put_u16(&writer, flags);
    put_currency(&writer, account->currency);
    record_put_id(&writer, account->owner_id);
    record_put_u64(&writer, account->number);
    record_put_u64(&writer, account->version);
    record_put_u64(&writer, account->created_at_ns);
    record_put_u64(&writer, account->changed_at_ns);
    record_put_u64(&writer, account->frozen_until_ns[LEDGER_DEBIT]);
    record_put_u64(&writer, account->frozen_until_ns[LEDGER_CREDIT]);
    record_put_u128(&writer, account->totals.debits_pending);
    record_put_u128(&writer, account->totals.debits_posted);
    record_put_u128(&writer, account->totals.credits_pending);
    record_put_u128(&writer, account->totals.credits_posted);
    record_put_u128(&writer, account->credit_limit);
    record_put_u128(&writer, (u128)account->min_balance);
    record_put_u128(&writer, (u128)account->max_balance);
    record_put_u64(&writer, account->head.entry_count);
    for (size_t i = 0; i < LEDGER_CHAIN; i++) {
        record_put_u64(&writer, account->head.chain[i]);
    }
    CHECK(record_written(&writer) == LEDGER_ACCOUNT_BYTES);
    return LEDGER_ACCOUNT_BYTES;
}

struct status ledger_account_decode(struct id128 id, struct bytes value, struct ledger_account *ret)
{
    struct record_reader reader = record_read(value, RECORD_VERSION);
    struct ledger_account account = {.id = id};
    account.class = record_take_u8(&reader);
    account.kind = record_take_u8(&reader);
    account.exponent = record_take_u8(&reader);
    unsigned flags = record_take_u16(&reader);
    take_padded_currency(&reader, account.currency);
    account.owner_id = record_take_id(&reader);
    account.number = record_take_u64(&reader);
    account.version = record_take_u64(&reader);
    account.created_at_ns = record_take_u64(&reader);
    account.changed_at_ns = record_take_u64(&reader);
    account.frozen_until_ns[LEDGER_DEBIT] = record_take_u64(&reader);
    account.frozen_until_ns[LEDGER_CREDIT] = record_take_u64(&reader);
    account.totals.debits_pending = record_take_u128(&reader);
    account.totals.debits_posted = record_take_u128(&reader);
    account.totals.credits_pending = record_take_u128(&reader);
    account.totals.credits_posted = record_take_u128(&reader);
    account.credit_limit = record_take_u128(&reader);
    account.min_balance = (i128)record_take_u128(&reader);
    account.max_balance = (i128)record_take_u128(&reader);
    account.head.entry_count = record_take_u64(&reader);
    for (size_t i = 0; i < LEDGER_CHAIN; i++) {
        account.head.chain[i] = record_take_u64(&reader);
    }

    account.no_negative = (flags & ACCOUNT_NO_NEGATIVE) != 0;
    account.frozen[LEDGER_DEBIT] = (flags & ACCOUNT_FROZEN_DEBIT) != 0;
    account.frozen[LEDGER_CREDIT] = (flags & ACCOUNT_FROZEN_CREDIT) != 0;
    account.closed = (flags & ACCOUNT_CLOSED) != 0;
    account.has_min_balance = (flags & ACCOUNT_HAS_MIN) != 0;
    account.has_max_balance = (flags & ACCOUNT_HAS_MAX) != 0;
    record_expect(&reader, (flags & ~(unsigned)ACCOUNT_FLAGS) == 0);
    record_expect(&reader,
                  account.class >= LEDGER_CLASS_ASSET && account.class <= LEDGER_CLASS_EXPENSE);
    record_expect(&reader,
                  account.kind == LEDGER_KIND_CUSTOMER || account.kind == LEDGER_KIND_SYSTEM);
    record_expect(&reader, account.exponent <= LEDGER_EXPONENT_MAX);
    if (!record_is_whole(&reader) || !ledger_account_is_sound(&account)) return CORRUPT("account");
    account.loaded = account.totals;
    *ret = account;
    return STATUS_SUCCESS;
}

// ---- Transfer -----------------------------------------------------------------------------------

static void put_entry(struct record_writer *writer, uint64_t number,
                      const struct ledger_entry *entry)
{
    CHECK(entry->previous < number && entry->jump <= entry->previous);
    put_minimal(writer, entry->index);
    put_minimal(writer, entry->previous > 0 ? number - entry->previous : 0);
    put_minimal(writer, entry->jump > 0 ? number - entry->jump : 0);
    put_minimal(writer, entry->after.debits_pending);
    put_minimal(writer, entry->after.debits_posted);
    put_minimal(writer, entry->after.credits_pending);
    put_minimal(writer, entry->after.credits_posted);
}

static void take_entry(struct record_reader *reader, uint64_t number, struct ledger_entry *ret)
{
    ret->index = take_minimal_u64(reader);
    uint64_t to_previous = take_minimal_u64(reader);
    uint64_t to_jump = take_minimal_u64(reader);
    ret->after.debits_pending = take_minimal(reader, 16);
    ret->after.debits_posted = take_minimal(reader, 16);
    ret->after.credits_pending = take_minimal(reader, 16);
    ret->after.credits_posted = take_minimal(reader, 16);
    record_expect(reader, ret->index > 0 && (ret->index == 1) == (to_previous == 0));
    record_expect(reader, to_previous < number && to_jump < number);
    record_expect(reader, to_jump == 0 || (to_previous > 0 && to_jump >= to_previous));
    ret->previous = to_previous > 0 ? number - to_previous : 0;
    ret->jump = to_jump > 0 ? number - to_jump : 0;
}

size_t ledger_transfer_encode(const struct ledger_transfer *transfer,
                              uint8_t ret[static LEDGER_TRANSFER_BYTES_MAX])
{
    CHECK(transfer->number > 0 && transfer->amount > 0);
    struct bytes description = bytes_of_text(transfer->description);
    CHECK(strlen(transfer->currency) < LEDGER_CURRENCY_BYTES);
    CHECK(description.size < LEDGER_DESCRIPTION_BYTES);

    struct record_writer writer = record_write(ret, LEDGER_TRANSFER_BYTES_MAX, RECORD_VERSION);
    record_put_u8(&writer, transfer->kind);
    record_put_u16(&writer, description.size > 0 ? TRANSFER_HAS_DESCRIPTION : 0);
    record_put_id(&writer, transfer->id);
    record_put_id(&writer, transfer->account_id[LEDGER_DEBIT]);
    record_put_id(&writer, transfer->account_id[LEDGER_CREDIT]);
    record_put_u64(&writer, transfer->created_at_ns);
    record_put_u16(&writer, transfer->code);
    record_put_run8(&writer, bytes_of_text(transfer->currency));
    put_minimal(&writer, transfer->amount);
    put_entry(&writer, transfer->number, &transfer->entry[LEDGER_DEBIT]);
    put_entry(&writer, transfer->number, &transfer->entry[LEDGER_CREDIT]);
    if (description.size > 0) record_put_run16(&writer, description);
    return record_written(&writer);
}

struct status ledger_transfer_decode(uint64_t number, struct bytes value,
                                     struct ledger_transfer *ret)
{
    struct record_reader reader = record_read(value, RECORD_VERSION);
    struct ledger_transfer transfer = {.number = number};
    transfer.kind = record_take_u8(&reader);
    unsigned presence = record_take_u16(&reader);
    transfer.id = record_take_id(&reader);
    transfer.account_id[LEDGER_DEBIT] = record_take_id(&reader);
    transfer.account_id[LEDGER_CREDIT] = record_take_id(&reader);
    transfer.created_at_ns = record_take_u64(&reader);
    transfer.code = record_take_u16(&reader);
    take_currency(&reader, record_take_run8(&reader), transfer.currency);
    transfer.amount = take_minimal(&reader, 16);
    take_entry(&reader, number, &transfer.entry[LEDGER_DEBIT]);
    take_entry(&reader, number, &transfer.entry[LEDGER_CREDIT]);
    if ((presence & TRANSFER_HAS_DESCRIPTION) != 0) {
        take_text(&reader, record_take_run16(&reader), transfer.description,
                  sizeof transfer.description);
    }

    record_expect(&reader, number > 0 && transfer.amount > 0);
    record_expect(&reader, transfer.kind == LEDGER_TRANSFER_POSTED);
    record_expect(&reader, (presence & ~(unsigned)TRANSFER_HAS_DESCRIPTION) == 0);
    if (!record_is_whole(&reader)) return CORRUPT("transfer");
    *ret = transfer;
    return STATUS_SUCCESS;
}

// ---- Ids ----------------------------------------------------------------------------------------

size_t ledger_id_entry_encode(const struct ledger_id_entry *entry,
                              uint8_t ret[static LEDGER_ID_ENTRY_BYTES_MAX])
{
    struct record_writer writer = record_write_key(ret, LEDGER_ID_ENTRY_BYTES_MAX);
    record_put_u8(&writer, entry->is_failed ? ID_IS_FAILED : ID_IS_TRANSFER);
    if (entry->is_failed) {
        // The name, not the number: enum ledger_reason may be reordered, stored bytes may not.
        const char *name = ledger_reasons[entry->reason].name;
        record_put_run8(&writer, bytes_of_text(name));
    } else {
        CHECK(entry->number > 0);
        record_put_u64(&writer, entry->number);
    }
    return record_written(&writer);
}

struct status ledger_id_entry_decode(struct bytes value, struct ledger_id_entry *ret)
{
    struct record_reader reader = record_read_key(value);
    struct ledger_id_entry entry = {0};
    uint8_t type = record_take_u8(&reader);
    if (type == ID_IS_FAILED) {
        entry.is_failed = true;
        struct bytes name = record_take_run8(&reader);
        entry.reason = ledger_reason_find((const char *)name.data, name.size);
        record_expect(&reader, entry.reason != LEDGER_REASON_COUNT);
    } else {
        record_expect(&reader, type == ID_IS_TRANSFER);
        entry.number = record_take_u64(&reader);
        record_expect(&reader, entry.number > 0);
    }
    if (!record_is_whole(&reader)) return CORRUPT("id");
    *ret = entry;
    return STATUS_SUCCESS;
}

// ---- State, details, profile, counters, currency, cursor ----------------------------------------

size_t ledger_state_encode(const struct ledger_state *state, uint8_t ret[static LEDGER_STATE_BYTES])
{
    struct record_writer writer = record_write(ret, LEDGER_STATE_BYTES, RECORD_VERSION);
    record_put_u64(&writer, state->last_time_ns);
    record_put_u64(&writer, state->transfer_count);
    record_put_u64(&writer, state->account_count);
    return record_written(&writer);
}

struct status ledger_state_decode(struct bytes value, struct ledger_state *ret)
{
    struct record_reader reader = record_read(value, RECORD_VERSION);
    struct ledger_state state = {0};
    state.last_time_ns = record_take_u64(&reader);
    state.transfer_count = record_take_u64(&reader);
    state.account_count = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return CORRUPT("state");
    *ret = state;
    return STATUS_SUCCESS;
}

size_t ledger_details_encode(const struct ledger_details *details,
                             uint8_t ret[static LEDGER_DETAILS_BYTES_MAX])
{
    struct bytes name = bytes_of_text(details->name);
    CHECK(name.size < LEDGER_NAME_BYTES);
    struct record_writer writer = record_write(ret, LEDGER_DETAILS_BYTES_MAX, RECORD_VERSION);
    record_put_u16(&writer, name.size > 0 ? DETAILS_HAS_NAME : 0);
    if (name.size > 0) record_put_run16(&writer, name);
    return record_written(&writer);
}

struct status ledger_details_decode(struct bytes value, struct ledger_details *ret)
{
    struct record_reader reader = record_read(value, RECORD_VERSION);
    struct ledger_details details = {0};
    unsigned presence = record_take_u16(&reader);
    if ((presence & DETAILS_HAS_NAME) != 0) {
        take_text(&reader, record_take_run16(&reader), details.name, sizeof details.name);
    }
    record_expect(&reader, (presence & ~(unsigned)DETAILS_HAS_NAME) == 0);
    if (!record_is_whole(&reader)) return CORRUPT("account's details");
    *ret = details;
    return STATUS_SUCCESS;
}

size_t ledger_profile_encode(const struct ledger_profile *profile,
                             uint8_t ret[static LEDGER_PROFILE_BYTES_MAX])
{
    struct bytes tier = bytes_of_text(profile->tier);
    CHECK(tier.size > 0 && tier.size < LEDGER_TIER_BYTES);
    struct record_writer writer = record_write(ret, LEDGER_PROFILE_BYTES_MAX, RECORD_VERSION);
    record_put_u16(&writer, 0);
    record_put_u8(&writer, (profile->receive_only ? PROFILE_RECEIVE_ONLY : 0u) |
                               (profile->debit_freeze ? PROFILE_DEBIT_FREEZE : 0u) |
                               (profile->credit_freeze ? PROFILE_CREDIT_FREEZE : 0u));
    record_put_u64(&writer, profile->version);
    record_put_u64(&writer, profile->changed_at_ns);
    record_put_run8(&writer, tier);
    return record_written(&writer);
}

struct status ledger_profile_decode(struct id128 owner_id, struct bytes value,
                                    struct ledger_profile *ret)
{
    struct record_reader reader = record_read(value, RECORD_VERSION);
    struct ledger_profile profile = {.owner_id = owner_id};
    record_expect(&reader, record_take_u16(&reader) == 0);
    unsigned flags = record_take_u8(&reader);
    record_expect(&reader, (flags & ~(unsigned)PROFILE_FLAGS) == 0);
    profile.receive_only = (flags & PROFILE_RECEIVE_ONLY) != 0;
    profile.debit_freeze = (flags & PROFILE_DEBIT_FREEZE) != 0;
    profile.credit_freeze = (flags & PROFILE_CREDIT_FREEZE) != 0;
    profile.version = record_take_u64(&reader);
    profile.changed_at_ns = record_take_u64(&reader);
    take_text(&reader, record_take_run8(&reader), profile.tier, sizeof profile.tier);
    if (!record_is_whole(&reader)) return CORRUPT("limit profile");
    *ret = profile;
    return STATUS_SUCCESS;
}

size_t ledger_counters_encode(const struct ledger_counters *counters,
                              uint8_t ret[static LEDGER_COUNTERS_BYTES])
{
    struct record_writer writer = record_write(ret, LEDGER_COUNTERS_BYTES, RECORD_VERSION);
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        record_put_u32(&writer, counters->period[period]);
    }
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
            record_put_u128(&writer, counters->sum[side][period]);
        }
    }
    record_put_u128(&writer, (u128)counters->balance);
    CHECK(record_written(&writer) == LEDGER_COUNTERS_BYTES);
    return LEDGER_COUNTERS_BYTES;
}

struct status ledger_counters_decode(struct bytes value, struct ledger_counters *ret)
{
    struct record_reader reader = record_read(value, RECORD_VERSION);
    struct ledger_counters counters = {0};
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        counters.period[period] = record_take_u32(&reader);
    }
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
            counters.sum[side][period] = record_take_u128(&reader);
        }
    }
    counters.balance = (i128)record_take_u128(&reader);
    if (!record_is_whole(&reader)) return CORRUPT("limit counter");
    *ret = counters;
    return STATUS_SUCCESS;
}

size_t ledger_currency_encode(const struct ledger_currency *currency,
                              uint8_t ret[static LEDGER_CURRENCY_RECORD_BYTES_MAX])
{
    struct bytes name = bytes_of_text(currency->name);
    CHECK(name.size > 0 && name.size < LEDGER_NAME_BYTES);
    struct record_writer writer =
        record_write(ret, LEDGER_CURRENCY_RECORD_BYTES_MAX, RECORD_VERSION);
    record_put_u8(&writer, currency->exponent);
    record_put_run16(&writer, name);
    return record_written(&writer);
}

struct status ledger_currency_decode(struct bytes code, struct bytes value,
                                     struct ledger_currency *ret)
{
    struct record_reader reader = record_read(value, RECORD_VERSION);
    struct ledger_currency currency = {0};
    take_currency(&reader, code, currency.code);
    currency.exponent = record_take_u8(&reader);
    record_expect(&reader, currency.exponent <= LEDGER_EXPONENT_MAX);
    take_text(&reader, record_take_run16(&reader), currency.name, sizeof currency.name);
    if (!record_is_whole(&reader)) return CORRUPT("currency");
    *ret = currency;
    return STATUS_SUCCESS;
}

size_t ledger_cursor_encode(const struct ledger_cursor *cursor,
                            uint8_t ret[static LEDGER_CURSOR_BYTES])
{
    struct record_writer writer = record_write(ret, LEDGER_CURSOR_BYTES, RECORD_VERSION);
    record_put_u64(&writer, cursor->log_id);
    record_put_u64(&writer, cursor->seq);
    return record_written(&writer);
}

struct status ledger_cursor_decode(struct bytes value, struct ledger_cursor *ret)
{
    struct record_reader reader = record_read(value, RECORD_VERSION);
    struct ledger_cursor cursor = {0};
    cursor.log_id = record_take_u64(&reader);
    cursor.seq = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return CORRUPT("cursor");
    *ret = cursor;
    return STATUS_SUCCESS;
}

// ---- Keys ---------------------------------------------------------------------------------------

void ledger_owner_key_encode(struct id128 owner_id, uint64_t number,
                             uint8_t ret[static LEDGER_OWNER_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret, LEDGER_OWNER_KEY_BYTES);
    record_put_id(&writer, owner_id);
    record_put_u64(&writer, number);
}

bool ledger_owner_key_decode(struct bytes key, struct id128 owner_id, uint64_t *ret_number)
{
    if (key.size != LEDGER_OWNER_KEY_BYTES) return false;
    if (memcmp(key.data, owner_id.bytes, ID128_BYTES) != 0) return false;
    *ret_number = get_u64_be(key.data + ID128_BYTES);
    return true;
}

void ledger_counters_key_encode(struct id128 owner_id, const char *currency,
                                uint8_t ret[static LEDGER_COUNTERS_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret, LEDGER_COUNTERS_KEY_BYTES);
    record_put_id(&writer, owner_id);
    put_currency(&writer, currency);
}
