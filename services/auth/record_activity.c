#include "services/auth/record_activity.h"

enum { LAYOUT_VERSION = 1, RANDOM_BITS = 54, NS_LOW_BITS = 8, MS_NS = 1000000 };

#define BROKEN REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored auth record fails its checks")

// ---- Ids -----------------------------------------------------------------------------------

struct id128 auth_activity_id(uint64_t at_ns, uint64_t random)
{
    struct id128 id;
    uint64_t ms = at_ns / MS_NS, ns = at_ns % MS_NS;
    uint64_t random_mask = (UINT64_C(1) << RANDOM_BITS) - 1;
    uint64_t ns_low = ns & ((1 << NS_LOW_BITS) - 1);
    put_u64_be(id.bytes, ms << 16 | UINT64_C(7) << 12 | ns >> NS_LOW_BITS);
    put_u64_be(id.bytes + 8, UINT64_C(2) << 62 | ns_low << RANDOM_BITS | (random & random_mask));
    return id;
}

struct id128 auth_activity_id_floor(uint64_t at_ns)
{
    return auth_activity_id(at_ns, 0);
}

uint64_t auth_activity_at_ns(struct id128 id)
{
    uint64_t high = get_u64_be(id.bytes), low = get_u64_be(id.bytes + 8);
    uint64_t ns_low = low >> RANDOM_BITS & ((1 << NS_LOW_BITS) - 1);
    return (high >> 16) * MS_NS + ((high & 0xfff) << NS_LOW_BITS | ns_low);
}

/// take_activity_id also breaks the reader at an id that no time makes.
static struct id128 take_activity_id(struct record_reader *reader)
{
    struct id128 id = record_take_id(reader);
    uint64_t random = get_u64_be(id.bytes + 8);
    record_expect(reader, id128_equal(id, auth_activity_id(auth_activity_at_ns(id), random)));
    return id;
}

// ---- Keys ----------------------------------------------------------------------------------

void auth_activity_key_encode(enum auth_activity_result result, struct id128 id,
                              uint8_t ret[static AUTH_ACTIVITY_KEY_BYTES])
{
    ret[0] = (uint8_t)result;
    memcpy(ret + 1, id.bytes, ID128_BYTES);
}

struct status auth_activity_key_decode(struct bytes key, enum auth_activity_result *ret_result,
                                       struct id128 *ret_id)
{
    struct record_reader reader = record_read_key(key);
    int result = record_take_enum(&reader, AUTH_ACTIVITY_FAILED, AUTH_ACTIVITY_RESULT_LAST);
    struct id128 id = take_activity_id(&reader);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret_result = (enum auth_activity_result)result;
    *ret_id = id;
    return STATUS_SUCCESS;
}

size_t auth_activity_facet_key_encode(enum auth_activity_facet facet, struct id128 user_id,
                                      enum auth_activity_result result, struct id128 id,
                                      uint8_t ret[static AUTH_ACTIVITY_FACET_KEY_BYTES_MAX])
{
    struct record_writer writer = record_write_key(ret, AUTH_ACTIVITY_FACET_KEY_BYTES_MAX);
    record_put_u8(&writer, (uint8_t)facet);
    if (facet == AUTH_ACTIVITY_OF_USER) record_put_id(&writer, user_id);
    record_put_u8(&writer, (uint8_t)result);
    record_put_id(&writer, id);
    return record_written(&writer);
}

size_t auth_tally_key_encode(enum auth_tally_kind kind, uint64_t hour_ns,
                             uint8_t ret[static AUTH_TALLY_KEY_BYTES_MAX])
{
    struct record_writer writer = record_write_key(ret, AUTH_TALLY_KEY_BYTES_MAX);
    record_put_u8(&writer, (uint8_t)kind);
    if (kind == AUTH_TALLY_HOUR) record_put_u64(&writer, hour_ns);
    return record_written(&writer);
}

struct status auth_tally_key_decode(struct bytes key, enum auth_tally_kind *ret_kind,
                                    uint64_t *ret_hour_ns)
{
    struct record_reader reader = record_read_key(key);
    int kind = record_take_enum(&reader, AUTH_TALLY_HOUR, AUTH_TALLY_KIND_LAST);
    uint64_t hour_ns = kind == AUTH_TALLY_HOUR ? record_take_u64(&reader) : 0;
    if (!record_is_whole(&reader)) return BROKEN;
    *ret_kind = (enum auth_tally_kind)kind;
    *ret_hour_ns = hour_ns;
    return STATUS_SUCCESS;
}

// ---- Activity ------------------------------------------------------------------------------

static bool is_reason(struct bytes text)
{
    bool is_sound = text.size < AUTH_REASON_BYTES;
    for (size_t i = 0; i < text.size; i++) {
        char c = (char)text.data[i];
        is_sound &= (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    }
    return is_sound;
}

/// A success has a session and no reason, a failure has a reason and no session.
static bool is_coherent(const struct auth_activity_record *activity)
{
    bool is_success = activity->result == AUTH_ACTIVITY_SUCCEEDED;
    return is_success == (activity->reason[0] == '\0') &&
           is_success == !id128_is_nil(activity->session_id);
}

size_t auth_activity_encode(const struct auth_activity_record *activity,
                            uint8_t ret[static AUTH_ACTIVITY_BYTES_MAX])
{
    struct bytes reason = bytes_of_text(activity->reason);
    CHECK(is_coherent(activity) && is_reason(reason) && activity->sealed_origin.size > 0);
    CHECK(activity->method <= AUTH_ACTIVITY_METHOD_LAST);
    CHECK(activity->terms <= AUTH_ACTIVITY_TERMS_ALL && activity->score <= AUTH_ACTIVITY_SCORE_MAX);
    struct record_writer writer = record_write(ret, AUTH_ACTIVITY_BYTES_MAX, LAYOUT_VERSION);
    record_put_id(&writer, activity->user_id);
    record_put_id(&writer, activity->session_id);
    record_put_u8(&writer, activity->method);
    record_put_u8(&writer, activity->terms);
    record_put_u8(&writer, activity->score);
    record_put_u8(&writer, activity->is_suspicious);
    record_put_run8(&writer, reason);
    seal_put_span(&writer, activity->sealed_origin, AUTH_ORIGIN_BYTES_MAX);
    return record_written(&writer);
}

struct status auth_activity_decode(enum auth_activity_result result, struct id128 id,
                                   struct bytes record, struct auth_activity_record *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct auth_activity_record activity = {.result = result, .id = id};
    activity.user_id = record_take_id(&reader);
    activity.session_id = record_take_id(&reader);
    activity.method = (uint8_t)record_take_enum(&reader, 0, AUTH_ACTIVITY_METHOD_LAST);
    activity.terms = (uint8_t)record_take_enum(&reader, 0, AUTH_ACTIVITY_TERMS_ALL);
    activity.score = (uint8_t)record_take_enum(&reader, 0, AUTH_ACTIVITY_SCORE_MAX);
    activity.is_suspicious = record_take_enum(&reader, 0, 1) == 1;
    struct bytes reason = record_take_run8(&reader);
    record_expect(&reader, is_reason(reason));
    if (!reader.is_broken && reason.size > 0) memcpy(activity.reason, reason.data, reason.size);
    activity.sealed_origin = seal_take_span(&reader, AUTH_ORIGIN_BYTES_MAX);
    record_expect(&reader, activity.sealed_origin.size > 0);
    if (!record_is_whole(&reader) || !is_coherent(&activity)) return BROKEN;
    *ret = activity;
    return STATUS_SUCCESS;
}

size_t auth_origin_encode(const struct auth_origin *origin,
                          uint8_t ret[static AUTH_ORIGIN_BYTES_MAX])
{
    struct record_writer writer = record_write_key(ret, AUTH_ORIGIN_BYTES_MAX);
    for (size_t i = 0; i < AUTH_ORIGIN_FIELD_COUNT; i++) {
        record_put_run16(&writer, origin->fields[i]);
    }
    return record_written(&writer);
}

struct status auth_origin_decode(struct bytes plain, struct auth_origin *ret)
{
    struct record_reader reader = record_read_key(plain);
    struct auth_origin origin;
    for (size_t i = 0; i < AUTH_ORIGIN_FIELD_COUNT; i++) {
        origin.fields[i] = record_take_run16(&reader);
    }
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = origin;
    return STATUS_SUCCESS;
}

// ---- Histories -----------------------------------------------------------------------------

static bool is_network_before(const struct auth_history *history, size_t place)
{
    const uint8_t *network = history->networks[place];
    for (size_t i = 0; i < place; i++) {
        if (memcmp(history->networks[i], network, AUTH_NETWORK_HASH_BYTES) == 0) return true;
    }
    return false;
}

size_t auth_history_encode(const struct auth_history *history,
                           uint8_t ret[static AUTH_HISTORY_BYTES_MAX])
{
    CHECK(history->network_count <= AUTH_NETWORKS_MAX);
    CHECK((history->last_success_ns == 0) == (history->network_count == 0));
    struct record_writer writer = record_write(ret, AUTH_HISTORY_BYTES_MAX, LAYOUT_VERSION);
    record_put_u64(&writer, history->last_success_ns);
    record_put_u32(&writer, history->failures);
    record_put_u8(&writer, (unsigned)history->network_count);
    record_put_bytes(&writer, history->networks, history->network_count * AUTH_NETWORK_HASH_BYTES);
    return record_written(&writer);
}

struct status auth_history_decode(struct bytes record, struct auth_history *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct auth_history history = {.last_success_ns = record_take_u64(&reader)};
    history.failures = record_take_u32(&reader);
    history.network_count = (size_t)record_take_enum(&reader, 0, AUTH_NETWORKS_MAX);
    for (size_t i = 0; i < history.network_count; i++) {
        record_take_bytes(&reader, history.networks[i], AUTH_NETWORK_HASH_BYTES);
        record_expect(&reader, !is_network_before(&history, i));
    }
    record_expect(&reader, (history.last_success_ns == 0) == (history.network_count == 0));
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = history;
    return STATUS_SUCCESS;
}

// ---- Tallies -------------------------------------------------------------------------------

size_t auth_tally_encode(const struct auth_tally *tally, uint8_t ret[static AUTH_TALLY_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUTH_TALLY_BYTES_MAX, LAYOUT_VERSION);
    unsigned count = AUTH_TALLY_PLACES;
    while (count > 0 && tally->numbers[count - 1] == 0)
        count--;
    record_put_u8(&writer, count);
    for (unsigned i = 0; i < count; i++) {
        record_put_u64(&writer, tally->numbers[i]);
    }
    return record_written(&writer);
}

struct status auth_tally_decode(struct bytes record, struct auth_tally *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct auth_tally tally = {0};
    size_t count = (size_t)record_take_enum(&reader, 0, AUTH_TALLY_PLACES);
    for (size_t i = 0; i < count; i++) {
        tally.numbers[i] = record_take_u64(&reader);
    }
    record_expect(&reader, count == 0 || tally.numbers[count - 1] != 0);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = tally;
    return STATUS_SUCCESS;
}
