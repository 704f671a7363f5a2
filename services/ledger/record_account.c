#include "services/ledger/record_internal.h"

enum {
    ACCOUNT_NO_NEGATIVE = 1,
    ACCOUNT_FROZEN_DEBIT = 2,
    ACCOUNT_FROZEN_CREDIT = 4,
    ACCOUNT_CLOSED = 8,
    ACCOUNT_HAS_MIN = 16,
    ACCOUNT_HAS_MAX = 32,
    ACCOUNT_FLAGS = 63,

    DETAILS_HAS_NAME = 1,
    DETAILS_HAS_REF = 2,
    DETAILS_HAS_METADATA = 4,
    DETAILS_HAS_DEBIT_FREEZE = 8,
    DETAILS_HAS_CREDIT_FREEZE = 16,
    DETAILS_HAS_UPDATED_AT = 32,
    DETAILS_PRESENCE = 63,
};

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
    struct record_writer writer = record_write(ret, LEDGER_ACCOUNT_BYTES, LEDGER_RECORD_VERSION);
    record_put_u8(&writer, account->class);
    record_put_u8(&writer, account->kind);
    record_put_u8(&writer, account->exponent);
    record_put_u16(&writer, flags);
    ledger_put_currency(&writer, account->currency);
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
    for (size_t i = 0; i < LEDGER_CHAIN; i++)
        record_put_u64(&writer, account->head.chain[i]);
    CHECK(record_written(&writer) == LEDGER_ACCOUNT_BYTES);
    return LEDGER_ACCOUNT_BYTES;
}

struct status ledger_account_decode(struct id128 id, struct bytes value, struct ledger_account *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_account account = {.id = id};
    account.class = record_take_u8(&reader);
    account.kind = record_take_u8(&reader);
    account.exponent = record_take_u8(&reader);
    unsigned flags = record_take_u16(&reader);
    ledger_take_padded_currency(&reader, account.currency);
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
    for (size_t i = 0; i < LEDGER_CHAIN; i++)
        account.head.chain[i] = record_take_u64(&reader);

    account.no_negative = (flags & ACCOUNT_NO_NEGATIVE) != 0;
    account.frozen[LEDGER_DEBIT] = (flags & ACCOUNT_FROZEN_DEBIT) != 0;
    account.frozen[LEDGER_CREDIT] = (flags & ACCOUNT_FROZEN_CREDIT) != 0;
    account.closed = (flags & ACCOUNT_CLOSED) != 0;
    account.has_min_balance = (flags & ACCOUNT_HAS_MIN) != 0;
    account.has_max_balance = (flags & ACCOUNT_HAS_MAX) != 0;
    record_expect(&reader, (flags & ~(unsigned)ACCOUNT_FLAGS) == 0);
    record_expect(&reader, account.class >= LEDGER_CLASS_ASSET && account.class < LEDGER_CLASS_END);
    record_expect(&reader,
                  account.kind == LEDGER_KIND_CUSTOMER || account.kind == LEDGER_KIND_SYSTEM);
    record_expect(&reader, account.exponent <= LEDGER_EXPONENT_MAX);
    if (!record_is_whole(&reader) || !ledger_account_is_sound(&account))
        return LEDGER_CORRUPT("account");
    account.loaded = account.totals;
    *ret = account;
    return STATUS_SUCCESS;
}

// ---- Details ------------------------------------------------------------------------------------

static void put_freeze(struct record_writer *writer, const struct ledger_freeze *freeze)
{
    record_put_u64(writer, freeze->since_ns);
    record_put_run8(writer, bytes_of_text(freeze->author));
    record_put_run16(writer, bytes_of_text(freeze->reason));
}

static void take_freeze(struct record_reader *reader, struct ledger_freeze *ret)
{
    ret->since_ns = record_take_u64(reader);
    record_expect(reader, ret->since_ns > 0);
    ledger_take_optional_text(reader, record_take_run8(reader), ret->author, sizeof ret->author);
    ledger_take_optional_text(reader, record_take_run16(reader), ret->reason, sizeof ret->reason);
}

size_t ledger_details_encode(const struct ledger_details *details,
                             uint8_t ret[static LEDGER_DETAILS_BYTES_MAX])
{
    struct bytes name = bytes_of_text(details->name);
    struct bytes external_ref = bytes_of_text(details->external_ref);
    const struct ledger_freeze *debit = &details->freeze[LEDGER_DEBIT],
                               *credit = &details->freeze[LEDGER_CREDIT];
    CHECK(name.size < LEDGER_NAME_BYTES && external_ref.size < LEDGER_REF_BYTES);
    unsigned presence = (name.size > 0 ? DETAILS_HAS_NAME : 0u) |
                        (external_ref.size > 0 ? DETAILS_HAS_REF : 0u) |
                        (details->metadata_size > 0 ? DETAILS_HAS_METADATA : 0u) |
                        (debit->since_ns > 0 ? DETAILS_HAS_DEBIT_FREEZE : 0u) |
                        (credit->since_ns > 0 ? DETAILS_HAS_CREDIT_FREEZE : 0u) |
                        (details->updated_at_ns > 0 ? DETAILS_HAS_UPDATED_AT : 0u);
    struct record_writer writer =
        record_write(ret, LEDGER_DETAILS_BYTES_MAX, LEDGER_RECORD_VERSION);
    record_put_u16(&writer, presence);
    if (name.size > 0) record_put_run16(&writer, name);
    if (external_ref.size > 0) record_put_run16(&writer, external_ref);
    if (details->metadata_size > 0)
        ledger_put_metadata(&writer, bytes_of(details->metadata, details->metadata_size));
    if (debit->since_ns > 0) put_freeze(&writer, debit);
    if (credit->since_ns > 0) put_freeze(&writer, credit);
    if (details->updated_at_ns > 0) record_put_u64(&writer, details->updated_at_ns);
    return record_written(&writer);
}

struct status ledger_details_decode(struct bytes value, struct ledger_details *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_details details = {0};
    unsigned presence = record_take_u16(&reader);
    record_expect(&reader, (presence & ~(unsigned)DETAILS_PRESENCE) == 0);
    if ((presence & DETAILS_HAS_NAME) != 0)
        ledger_take_text(&reader, record_take_run16(&reader), details.name, sizeof details.name);
    if ((presence & DETAILS_HAS_REF) != 0)
        ledger_take_text(&reader, record_take_run16(&reader), details.external_ref,
                         sizeof details.external_ref);
    if ((presence & DETAILS_HAS_METADATA) != 0) {
        struct bytes metadata = ledger_take_metadata(&reader);
        details.metadata_size = (uint16_t)metadata.size;
        if (metadata.size > 0) memcpy(details.metadata, metadata.data, metadata.size);
    }
    if ((presence & DETAILS_HAS_DEBIT_FREEZE) != 0)
        take_freeze(&reader, &details.freeze[LEDGER_DEBIT]);
    if ((presence & DETAILS_HAS_CREDIT_FREEZE) != 0)
        take_freeze(&reader, &details.freeze[LEDGER_CREDIT]);
    if ((presence & DETAILS_HAS_UPDATED_AT) != 0) {
        details.updated_at_ns = record_take_u64(&reader);
        record_expect(&reader, details.updated_at_ns > 0);
    }
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("account's details");
    *ret = details;
    return STATUS_SUCCESS;
}

// ---- Versions of an account's settings ----------------------------------------------------------

/// What must be true of settings that stand by themselves; ledger_account_is_sound says the same of
/// those of an account.
static bool version_is_sound(const struct ledger_account_version *version)
{
    return version->version > 0 && version->credit_limit <= LEDGER_TOTAL_MAX &&
           (version->has_min_balance || version->min_balance == 0) &&
           (version->has_max_balance || version->max_balance == 0);
}

size_t ledger_account_version_encode(const struct ledger_account_version *version,
                                     uint8_t ret[static LEDGER_ACCOUNT_VERSION_BYTES])
{
    CHECK(version_is_sound(version));
    unsigned flags = (version->no_negative ? ACCOUNT_NO_NEGATIVE : 0u) |
                     (version->frozen[LEDGER_DEBIT] ? ACCOUNT_FROZEN_DEBIT : 0u) |
                     (version->frozen[LEDGER_CREDIT] ? ACCOUNT_FROZEN_CREDIT : 0u) |
                     (version->closed ? ACCOUNT_CLOSED : 0u) |
                     (version->has_min_balance ? ACCOUNT_HAS_MIN : 0u) |
                     (version->has_max_balance ? ACCOUNT_HAS_MAX : 0u);
    struct record_writer writer =
        record_write(ret, LEDGER_ACCOUNT_VERSION_BYTES, LEDGER_RECORD_VERSION);
    record_put_u16(&writer, flags);
    record_put_u64(&writer, version->since_ns);
    record_put_u128(&writer, version->credit_limit);
    record_put_u128(&writer, (u128)version->min_balance);
    record_put_u128(&writer, (u128)version->max_balance);
    CHECK(record_written(&writer) == LEDGER_ACCOUNT_VERSION_BYTES);
    return LEDGER_ACCOUNT_VERSION_BYTES;
}

struct status ledger_account_version_decode(uint64_t version, struct bytes value,
                                            struct ledger_account_version *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_account_version was = {.version = version};
    unsigned flags = record_take_u16(&reader);
    was.since_ns = record_take_u64(&reader);
    was.credit_limit = record_take_u128(&reader);
    was.min_balance = (i128)record_take_u128(&reader);
    was.max_balance = (i128)record_take_u128(&reader);
    was.no_negative = (flags & ACCOUNT_NO_NEGATIVE) != 0;
    was.frozen[LEDGER_DEBIT] = (flags & ACCOUNT_FROZEN_DEBIT) != 0;
    was.frozen[LEDGER_CREDIT] = (flags & ACCOUNT_FROZEN_CREDIT) != 0;
    was.closed = (flags & ACCOUNT_CLOSED) != 0;
    was.has_min_balance = (flags & ACCOUNT_HAS_MIN) != 0;
    was.has_max_balance = (flags & ACCOUNT_HAS_MAX) != 0;
    record_expect(&reader, (flags & ~(unsigned)ACCOUNT_FLAGS) == 0);
    if (!record_is_whole(&reader) || !version_is_sound(&was))
        return LEDGER_CORRUPT("account's version");
    *ret = was;
    return STATUS_SUCCESS;
}
