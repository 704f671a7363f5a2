#include "services/ledger/record_internal.h"

enum {
    PROFILE_HAS_VERSION = 1,
    PROFILE_HAS_REASON = 2,
    PROFILE_HAS_OWN = 4,
    PROFILE_PRESENCE = 7,

    PROFILE_RECEIVE_ONLY = 1,
    PROFILE_DEBIT_FREEZE = 2,
    PROFILE_CREDIT_FREEZE = 4,
    PROFILE_FLAGS = 7,
};

// ---- Profile ------------------------------------------------------------------------------------

static void put_own_limits(struct record_writer *writer, const struct ledger_profile *profile)
{
    record_put_u8(writer, (unsigned)profile->own_count);
    for (size_t i = 0; i < profile->own_count; i++) {
        const struct ledger_own_limit *own = &profile->own[i];
        CHECK(own->limit < LEDGER_LIMIT_COUNT);
        record_put_run8(writer, bytes_of_text(own->currency));
        record_put_u8(writer, own->limit);
        ledger_put_minimal(writer, own->allowed);
    }
}

static void take_own_limits(struct record_reader *reader, struct ledger_profile *profile)
{
    profile->own_count = record_take_u8(reader);
    record_expect(reader, profile->own_count > 0 && profile->own_count <= LEDGER_OWN_LIMITS_MAX);
    for (size_t i = 0; i < profile->own_count && !reader->is_broken; i++) {
        struct ledger_own_limit *own = &profile->own[i];
        ledger_take_currency(reader, record_take_run8(reader), own->currency);
        own->limit = (enum ledger_limit)record_take_enum(reader, 0, LEDGER_LIMIT_COUNT - 1);
        own->allowed = ledger_take_minimal(reader, 16);
    }
}

size_t ledger_profile_encode(const struct ledger_profile *profile,
                             uint8_t ret[static LEDGER_PROFILE_BYTES_MAX])
{
    struct bytes tier = bytes_of_text(profile->tier), reason = bytes_of_text(profile->reason);
    CHECK(tier.size < LEDGER_TIER_BYTES && reason.size < LEDGER_REASON_TEXT_BYTES);
    CHECK(profile->version > 0 && profile->own_count <= LEDGER_OWN_LIMITS_MAX);
    bool has_version = profile->version != profile->tier_version + 1;
    struct record_writer writer =
        record_write(ret, LEDGER_PROFILE_BYTES_MAX, LEDGER_RECORD_VERSION);
    record_put_u16(&writer, (has_version ? PROFILE_HAS_VERSION : 0u) |
                                (reason.size > 0 ? PROFILE_HAS_REASON : 0u) |
                                (profile->own_count > 0 ? PROFILE_HAS_OWN : 0u));
    record_put_u8(&writer, (profile->receive_only ? PROFILE_RECEIVE_ONLY : 0u) |
                               (profile->debit_freeze ? PROFILE_DEBIT_FREEZE : 0u) |
                               (profile->credit_freeze ? PROFILE_CREDIT_FREEZE : 0u));
    record_put_u64(&writer, profile->tier_version);
    record_put_u64(&writer, profile->changed_at_ns);
    record_put_run8(&writer, tier);
    if (has_version) record_put_u64(&writer, profile->version);
    if (reason.size > 0) record_put_run16(&writer, reason);
    if (profile->own_count > 0) put_own_limits(&writer, profile);
    return record_written(&writer);
}

struct status ledger_profile_decode(struct id128 owner_id, struct bytes value,
                                    struct ledger_profile *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_profile profile = {.owner_id = owner_id};
    unsigned presence = record_take_u16(&reader);
    unsigned flags = record_take_u8(&reader);
    record_expect(&reader, (presence & ~(unsigned)PROFILE_PRESENCE) == 0);
    record_expect(&reader, (flags & ~(unsigned)PROFILE_FLAGS) == 0);
    profile.receive_only = (flags & PROFILE_RECEIVE_ONLY) != 0;
    profile.debit_freeze = (flags & PROFILE_DEBIT_FREEZE) != 0;
    profile.credit_freeze = (flags & PROFILE_CREDIT_FREEZE) != 0;
    profile.tier_version = record_take_u64(&reader);
    profile.changed_at_ns = record_take_u64(&reader);
    ledger_take_optional_text(&reader, record_take_run8(&reader), profile.tier,
                              sizeof profile.tier);
    // Until compliance has a say, a profile's versions are kyc's.
    profile.version = profile.tier_version + 1;
    if ((presence & PROFILE_HAS_VERSION) != 0) {
        profile.version = record_take_u64(&reader);
        record_expect(&reader, profile.version != profile.tier_version + 1);
    }
    if ((presence & PROFILE_HAS_REASON) != 0)
        ledger_take_text(&reader, record_take_run16(&reader), profile.reason,
                         sizeof profile.reason);
    if ((presence & PROFILE_HAS_OWN) != 0) take_own_limits(&reader, &profile);
    record_expect(&reader, profile.version > 0);
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("limit profile");
    *ret = profile;
    return STATUS_SUCCESS;
}

// ---- Counters -----------------------------------------------------------------------------------

size_t ledger_counters_encode(const struct ledger_counters *counters,
                              uint8_t ret[static LEDGER_COUNTERS_BYTES])
{
    struct record_writer writer = record_write(ret, LEDGER_COUNTERS_BYTES, LEDGER_RECORD_VERSION);
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++)
        record_put_u32(&writer, counters->period[period]);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++)
            record_put_u128(&writer, counters->sum[side][period]);
    }
    record_put_u128(&writer, (u128)counters->balance);
    CHECK(record_written(&writer) == LEDGER_COUNTERS_BYTES);
    return LEDGER_COUNTERS_BYTES;
}

struct status ledger_counters_decode(struct bytes value, struct ledger_counters *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_counters counters = {0};
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++)
        counters.period[period] = record_take_u32(&reader);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++)
            counters.sum[side][period] = record_take_u128(&reader);
    }
    counters.balance = (i128)record_take_u128(&reader);
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("limit counter");
    *ret = counters;
    return STATUS_SUCCESS;
}
