#include "common/base/text.h"
#include "services/ledger/record_internal.h"

enum {
    TRANSFER_HAS_DESCRIPTION = 1 << 0,
    TRANSFER_HAS_SUBJECT = 1 << 1,
    TRANSFER_HAS_TIMEOUT = 1 << 2,
    TRANSFER_HAS_USER_DATA_128 = 1 << 3,
    TRANSFER_HAS_USER_DATA_64 = 1 << 4,
    TRANSFER_HAS_USER_DATA_32 = 1 << 5,
    TRANSFER_HAS_EFFECTIVE_AT = 1 << 6,
    TRANSFER_HAS_GROUP = 1 << 7,
    TRANSFER_HAS_METADATA = 1 << 8,
    TRANSFER_HAS_AMOUNT_UP_TO = 1 << 9,
    TRANSFER_HAS_FLAGS = 1 << 10,
    TRANSFER_HAS_AUTHOR = 1 << 11,
    TRANSFER_PRESENCE = (1 << 12) - 1,

    FLAG_NOT_FINAL = 1,
    FLAG_ALL_REMAINING = 2,
    FLAGS = 3,
};

/// Whether the kind follows another transfer, which its record then names.
static bool kind_follows(enum ledger_transfer_kind kind)
{
    return kind > LEDGER_TRANSFER_PENDING && kind < LEDGER_TRANSFER_KIND_END;
}

// ---- Entries ------------------------------------------------------------------------------------

static void put_entry(struct record_writer *writer, uint64_t number,
                      const struct ledger_entry *entry)
{
    CHECK(entry->previous < number && entry->jump <= entry->previous);
    ledger_put_minimal(writer, entry->index);
    ledger_put_distance(writer, number, entry->previous);
    ledger_put_distance(writer, number, entry->jump);
    ledger_put_minimal(writer, entry->after.debits_pending);
    ledger_put_minimal(writer, entry->after.debits_posted);
    ledger_put_minimal(writer, entry->after.credits_pending);
    ledger_put_minimal(writer, entry->after.credits_posted);
}

static void take_entry(struct record_reader *reader, uint64_t number, struct ledger_entry *ret)
{
    ret->index = ledger_take_minimal_u64(reader);
    ret->previous = ledger_take_distance(reader, number);
    ret->jump = ledger_take_distance(reader, number);
    ret->after.debits_pending = ledger_take_minimal(reader, 16);
    ret->after.debits_posted = ledger_take_minimal(reader, 16);
    ret->after.credits_pending = ledger_take_minimal(reader, 16);
    ret->after.credits_posted = ledger_take_minimal(reader, 16);
    record_expect(reader, ret->index > 0 && (ret->index == 1) == (ret->previous == 0));
    record_expect(reader, ret->jump <= ret->previous);
}

// ---- Transfer -----------------------------------------------------------------------------------

static unsigned presence_of(const struct ledger_transfer *transfer)
{
    bool has_flags = transfer->not_final || transfer->all_remaining;
    return (transfer->description.size > 0 ? TRANSFER_HAS_DESCRIPTION : 0u) |
           (!id128_is_nil(transfer->subject_id) ? TRANSFER_HAS_SUBJECT : 0u) |
           (transfer->timeout_seconds > 0 ? TRANSFER_HAS_TIMEOUT : 0u) |
           (transfer->user_data_128 > 0 ? TRANSFER_HAS_USER_DATA_128 : 0u) |
           (transfer->user_data_64 > 0 ? TRANSFER_HAS_USER_DATA_64 : 0u) |
           (transfer->user_data_32 > 0 ? TRANSFER_HAS_USER_DATA_32 : 0u) |
           (transfer->effective_at_ns > 0 ? TRANSFER_HAS_EFFECTIVE_AT : 0u) |
           (!id128_is_nil(transfer->group_id) ? TRANSFER_HAS_GROUP : 0u) |
           (transfer->metadata.size > 0 ? TRANSFER_HAS_METADATA : 0u) |
           (transfer->amount_up_to > 0 ? TRANSFER_HAS_AMOUNT_UP_TO : 0u) |
           (has_flags ? TRANSFER_HAS_FLAGS : 0u) |
           (!id128_is_nil(transfer->author_id) ? TRANSFER_HAS_AUTHOR : 0u);
}

static void put_optional(struct record_writer *writer, const struct ledger_transfer *transfer,
                         unsigned presence)
{
    uint64_t number = transfer->number;
    if ((presence & TRANSFER_HAS_DESCRIPTION) != 0) record_put_run16(writer, transfer->description);
    if ((presence & TRANSFER_HAS_SUBJECT) != 0) {
        record_put_id(writer, transfer->subject_id);
        ledger_put_distance(writer, number, transfer->subject_number);
        ledger_put_distance(writer, number, transfer->subject_previous);
    }
    if ((presence & TRANSFER_HAS_TIMEOUT) != 0) record_put_u32(writer, transfer->timeout_seconds);
    if ((presence & TRANSFER_HAS_USER_DATA_128) != 0)
        ledger_put_minimal(writer, transfer->user_data_128);
    if ((presence & TRANSFER_HAS_USER_DATA_64) != 0) record_put_u64(writer, transfer->user_data_64);
    if ((presence & TRANSFER_HAS_USER_DATA_32) != 0) record_put_u32(writer, transfer->user_data_32);
    if ((presence & TRANSFER_HAS_EFFECTIVE_AT) != 0)
        record_put_u64(writer, transfer->effective_at_ns);
    if ((presence & TRANSFER_HAS_GROUP) != 0) {
        record_put_id(writer, transfer->group_id);
        ledger_put_distance(writer, number, transfer->group_previous);
    }
    if ((presence & TRANSFER_HAS_METADATA) != 0) ledger_put_metadata(writer, transfer->metadata);
    if ((presence & TRANSFER_HAS_AMOUNT_UP_TO) != 0)
        ledger_put_minimal(writer, transfer->amount_up_to);
    if ((presence & TRANSFER_HAS_FLAGS) != 0)
        record_put_u8(writer, (transfer->not_final ? FLAG_NOT_FINAL : 0u) |
                                  (transfer->all_remaining ? FLAG_ALL_REMAINING : 0u));
    if ((presence & TRANSFER_HAS_AUTHOR) != 0) record_put_id(writer, transfer->author_id);
}

size_t ledger_transfer_encode(const struct ledger_transfer *transfer,
                              uint8_t ret[static LEDGER_TRANSFER_BYTES_MAX])
{
    CHECK(transfer->number > 0 && transfer->amount > 0);
    CHECK(transfer->kind > 0 && transfer->kind < LEDGER_TRANSFER_KIND_END);
    CHECK(strlen(transfer->currency) < LEDGER_CURRENCY_BYTES);
    CHECK(transfer->description.size <= LEDGER_DESCRIPTION_BYTES_MAX);
    bool follows = kind_follows(transfer->kind);
    CHECK(follows == !id128_is_nil(transfer->subject_id));
    CHECK(follows == (transfer->subject_number > 0));
    CHECK(transfer->subject_previous == 0 || transfer->subject_previous > transfer->subject_number);
    CHECK(transfer->group_previous == 0 || !id128_is_nil(transfer->group_id));

    unsigned presence = presence_of(transfer);
    struct record_writer writer =
        record_write(ret, LEDGER_TRANSFER_BYTES_MAX, LEDGER_RECORD_VERSION);
    record_put_u8(&writer, transfer->kind);
    record_put_u16(&writer, presence);
    record_put_id(&writer, transfer->id);
    record_put_id(&writer, transfer->account_id[LEDGER_DEBIT]);
    record_put_id(&writer, transfer->account_id[LEDGER_CREDIT]);
    record_put_u64(&writer, transfer->created_at_ns);
    record_put_u16(&writer, transfer->code);
    record_put_run8(&writer, bytes_of_text(transfer->currency));
    ledger_put_minimal(&writer, transfer->amount);
    put_entry(&writer, transfer->number, &transfer->entry[LEDGER_DEBIT]);
    put_entry(&writer, transfer->number, &transfer->entry[LEDGER_CREDIT]);
    if (presence != 0) put_optional(&writer, transfer, presence);
    return record_written(&writer);
}

static void take_subject(struct record_reader *reader, struct ledger_transfer *transfer)
{
    transfer->subject_id = record_take_id(reader);
    transfer->subject_number = ledger_take_distance(reader, transfer->number);
    transfer->subject_previous = ledger_take_distance(reader, transfer->number);
    record_expect(reader, !id128_is_nil(transfer->subject_id) && transfer->subject_number > 0);
    record_expect(reader, transfer->subject_previous == 0 ||
                              transfer->subject_previous > transfer->subject_number);
}

static void take_flags(struct record_reader *reader, struct ledger_transfer *transfer)
{
    unsigned flags = record_take_u8(reader);
    record_expect(reader, flags != 0 && (flags & ~(unsigned)FLAGS) == 0);
    transfer->not_final = (flags & FLAG_NOT_FINAL) != 0;
    transfer->all_remaining = (flags & FLAG_ALL_REMAINING) != 0;
}

static void take_optional(struct record_reader *reader, struct ledger_transfer *transfer,
                          unsigned presence)
{
    if ((presence & TRANSFER_HAS_DESCRIPTION) != 0) {
        struct bytes text = record_take_run16(reader);
        record_expect(reader, text.size <= LEDGER_DESCRIPTION_BYTES_MAX);
        record_expect(reader, text_is_utf8((const char *)text.data, text.size));
        transfer->description = text;
    }
    if ((presence & TRANSFER_HAS_SUBJECT) != 0) take_subject(reader, transfer);
    if ((presence & TRANSFER_HAS_TIMEOUT) != 0) transfer->timeout_seconds = record_take_u32(reader);
    if ((presence & TRANSFER_HAS_USER_DATA_128) != 0)
        transfer->user_data_128 = ledger_take_minimal(reader, 16);
    if ((presence & TRANSFER_HAS_USER_DATA_64) != 0)
        transfer->user_data_64 = record_take_u64(reader);
    if ((presence & TRANSFER_HAS_USER_DATA_32) != 0)
        transfer->user_data_32 = record_take_u32(reader);
    if ((presence & TRANSFER_HAS_EFFECTIVE_AT) != 0)
        transfer->effective_at_ns = record_take_u64(reader);
    if ((presence & TRANSFER_HAS_GROUP) != 0) {
        transfer->group_id = record_take_id(reader);
        transfer->group_previous = ledger_take_distance(reader, transfer->number);
    }
    if ((presence & TRANSFER_HAS_METADATA) != 0) transfer->metadata = ledger_take_metadata(reader);
    if ((presence & TRANSFER_HAS_AMOUNT_UP_TO) != 0)
        transfer->amount_up_to = ledger_take_minimal(reader, 16);
    if ((presence & TRANSFER_HAS_FLAGS) != 0) take_flags(reader, transfer);
    if ((presence & TRANSFER_HAS_AUTHOR) != 0) transfer->author_id = record_take_id(reader);
}

struct status ledger_transfer_decode(uint64_t number, struct bytes value,
                                     struct ledger_transfer *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_transfer transfer = {.number = number};
    transfer.kind = record_take_u8(&reader);
    unsigned presence = record_take_u16(&reader);
    transfer.id = record_take_id(&reader);
    transfer.account_id[LEDGER_DEBIT] = record_take_id(&reader);
    transfer.account_id[LEDGER_CREDIT] = record_take_id(&reader);
    transfer.created_at_ns = record_take_u64(&reader);
    transfer.code = record_take_u16(&reader);
    ledger_take_currency(&reader, record_take_run8(&reader), transfer.currency);
    transfer.amount = ledger_take_minimal(&reader, 16);
    take_entry(&reader, number, &transfer.entry[LEDGER_DEBIT]);
    take_entry(&reader, number, &transfer.entry[LEDGER_CREDIT]);
    if (presence != 0) take_optional(&reader, &transfer, presence);

    record_expect(&reader, number > 0 && transfer.amount > 0);
    record_expect(&reader, transfer.kind > 0 && transfer.kind < LEDGER_TRANSFER_KIND_END);
    record_expect(&reader, kind_follows(transfer.kind) == (transfer.subject_number > 0));
    // What is present is not zero: else the same transfer would have two records.
    record_expect(&reader, presence_of(&transfer) == presence);
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("transfer");
    *ret = transfer;
    return STATUS_SUCCESS;
}

// ---- Progress, groups ---------------------------------------------------------------------------

size_t ledger_progress_encode(const struct ledger_progress *progress,
                              uint8_t ret[static LEDGER_PROGRESS_BYTES_MAX])
{
    CHECK(progress->state <= LEDGER_HOLD_EXPIRED);
    struct record_writer writer =
        record_write(ret, LEDGER_PROGRESS_BYTES_MAX, LEDGER_RECORD_VERSION);
    record_put_u8(&writer, progress->state);
    ledger_put_minimal(&writer, progress->captured);
    ledger_put_minimal(&writer, progress->reversed);
    record_put_u64(&writer, progress->expires_at_ns);
    record_put_u64(&writer, progress->last_follow_up);
    return record_written(&writer);
}

struct status ledger_progress_decode(struct bytes value, struct ledger_progress *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_progress progress = {0};
    progress.state =
        (enum ledger_hold_state)record_take_enum(&reader, LEDGER_HOLD_NONE, LEDGER_HOLD_EXPIRED);
    progress.captured = ledger_take_minimal(&reader, 16);
    progress.reversed = ledger_take_minimal(&reader, 16);
    progress.expires_at_ns = record_take_u64(&reader);
    progress.last_follow_up = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("transfer's progress");
    *ret = progress;
    return STATUS_SUCCESS;
}

size_t ledger_group_encode(const struct ledger_group *group, uint8_t ret[static LEDGER_GROUP_BYTES])
{
    CHECK(group->last > 0 && group->count > 0);
    struct record_writer writer = record_write(ret, LEDGER_GROUP_BYTES, LEDGER_RECORD_VERSION);
    record_put_u64(&writer, group->last);
    record_put_u32(&writer, group->count);
    return record_written(&writer);
}

struct status ledger_group_decode(struct bytes value, struct ledger_group *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_group group = {0};
    group.last = record_take_u64(&reader);
    group.count = record_take_u32(&reader);
    record_expect(&reader, group.last > 0 && group.count > 0);
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("group");
    *ret = group;
    return STATUS_SUCCESS;
}
