#include "services/ledger/record.h"

#include "common/base/text.h"
#include "services/ledger/record_internal.h"

#include <stdlib.h>

enum { ID_IS_TRANSFER = 1, ID_IS_FAILED = 2 };

// ---- What several records are made of -----------------------------------------------------------

void ledger_take_optional_text(struct record_reader *reader, struct bytes text, char *ret,
                               size_t ret_bytes)
{
    record_expect(reader, text.size < ret_bytes);
    if (reader->is_broken) return;
    record_expect(reader, text_is_utf8((const char *)text.data, text.size));
    if (text.size > 0) memcpy(ret, text.data, text.size);
    ret[text.size] = '\0';
}

void ledger_take_text(struct record_reader *reader, struct bytes text, char *ret, size_t ret_bytes)
{
    record_expect(reader, text.size > 0);
    ledger_take_optional_text(reader, text, ret, ret_bytes);
}

void ledger_put_currency(struct record_writer *writer, const char *currency)
{
    static const char zeros[LEDGER_CURRENCY_CHARS];
    size_t size = strlen(currency);
    CHECK(size <= sizeof zeros);
    record_put_bytes(writer, currency, size);
    record_put_bytes(writer, zeros, sizeof zeros - size);
}

static bool is_currency(const char *code, size_t size)
{
    if (size < 3 || size > LEDGER_CURRENCY_CHARS) return false;
    for (size_t i = 0; i < size; i++) {
        bool is_letter = code[i] >= 'A' && code[i] <= 'Z';
        bool is_digit = code[i] >= '0' && code[i] <= '9';
        if (!is_letter && (i == 0 || !is_digit)) return false;
    }
    return true;
}

void ledger_take_currency(struct record_reader *reader, struct bytes code,
                          char ret[static LEDGER_CURRENCY_BYTES])
{
    record_expect(reader, is_currency((const char *)code.data, code.size));
    if (reader->is_broken) return;
    memset(ret, 0, LEDGER_CURRENCY_BYTES);
    memcpy(ret, code.data, code.size);
}

void ledger_take_padded_currency(struct record_reader *reader,
                                 char ret[static LEDGER_CURRENCY_BYTES])
{
    const uint8_t *from = record_take(reader, LEDGER_CURRENCY_CHARS);
    if (from == NULL) return;
    size_t size = strnlen((const char *)from, LEDGER_CURRENCY_CHARS);
    for (size_t i = size; i < LEDGER_CURRENCY_CHARS; i++)
        record_expect(reader, from[i] == 0);
    ledger_take_currency(reader, bytes_of(from, size), ret);
}

// ---- Metadata -----------------------------------------------------------------------------------

static int compare_keys(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct ledger_metadata_pair *left = a, *right = b;
    return compare_keys(left->key, right->key);
}

static bool pair_is_valid(const struct ledger_metadata_pair *pair)
{
    return pair->key.size > 0 && pair->key.size <= LEDGER_METADATA_KEY_BYTES_MAX &&
           pair->value.size <= LEDGER_METADATA_VALUE_BYTES_MAX &&
           text_is_utf8((const char *)pair->key.data, pair->key.size) &&
           text_is_utf8((const char *)pair->value.data, pair->value.size);
}

bool ledger_metadata_encode(struct ledger_metadata_pair *pairs, size_t count,
                            uint8_t ret[static LEDGER_METADATA_BYTES_MAX], size_t *ret_size)
{
    if (count > LEDGER_METADATA_KEYS_MAX) return false;
    for (size_t i = 0; i < count; i++) {
        if (!pair_is_valid(&pairs[i])) return false;
    }
    if (count > 0) qsort(pairs, count, sizeof pairs[0], compare_pairs);
    for (size_t i = 1; i < count; i++) {
        if (compare_keys(pairs[i - 1].key, pairs[i].key) == 0) return false;
    }
    *ret_size = 0;
    if (count == 0) return true;

    struct record_writer writer = record_write_key(ret, LEDGER_METADATA_BYTES_MAX);
    record_put_u8(&writer, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        record_put_run8(&writer, pairs[i].key);
        record_put_run16(&writer, pairs[i].value);
    }
    *ret_size = record_written(&writer);
    return true;
}

bool ledger_metadata_decode(struct bytes metadata,
                            struct ledger_metadata_pair ret[static LEDGER_METADATA_KEYS_MAX],
                            size_t *ret_count)
{
    size_t count = 0;
    if (metadata.size > 0) {
        struct record_reader reader = record_read_key(metadata);
        count = record_take_u8(&reader);
        record_expect(&reader, count > 0 && count <= LEDGER_METADATA_KEYS_MAX);
        for (size_t i = 0; i < count && !reader.is_broken; i++) {
            ret[i].key = record_take_run8(&reader);
            ret[i].value = record_take_run16(&reader);
            if (reader.is_broken) break;
            record_expect(&reader, pair_is_valid(&ret[i]));
            record_expect(&reader, i == 0 || compare_keys(ret[i - 1].key, ret[i].key) < 0);
        }
        if (!record_is_whole(&reader)) return false;
    }
    *ret_count = count;
    return true;
}

void ledger_put_metadata(struct record_writer *writer, struct bytes metadata)
{
    CHECK(metadata.size > 0 && metadata.size <= LEDGER_METADATA_BYTES_MAX);
    record_put_run16(writer, metadata);
}

struct bytes ledger_take_metadata(struct record_reader *reader)
{
    struct ledger_metadata_pair pairs[LEDGER_METADATA_KEYS_MAX];
    size_t count;
    struct bytes metadata = record_take_run16(reader);
    record_expect(reader, metadata.size > 0 && ledger_metadata_decode(metadata, pairs, &count));
    return reader->is_broken ? (struct bytes){0} : metadata;
}

// ---- Ids ----------------------------------------------------------------------------------------

size_t ledger_id_entry_encode(const struct ledger_id_entry *entry,
                              uint8_t ret[static LEDGER_ID_ENTRY_BYTES_MAX])
{
    struct record_writer writer = record_write_key(ret, LEDGER_ID_ENTRY_BYTES_MAX);
    record_put_u8(&writer, entry->is_failed ? ID_IS_FAILED : ID_IS_TRANSFER);
    if (entry->is_failed) {
        // The name, not the number: enum ledger_reason may be reordered, stored bytes may not.
        CHECK(entry->reason < LEDGER_REASON_COUNT);
        record_put_run8(&writer, bytes_of_text(ledger_reasons[entry->reason].name));
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
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("id");
    *ret = entry;
    return STATUS_SUCCESS;
}

// ---- State, currencies, cursors -----------------------------------------------------------------

size_t ledger_state_encode(const struct ledger_state *state, uint8_t ret[static LEDGER_STATE_BYTES])
{
    struct record_writer writer = record_write(ret, LEDGER_STATE_BYTES, LEDGER_RECORD_VERSION);
    record_put_u64(&writer, state->last_time_ns);
    record_put_u64(&writer, state->transfer_count);
    record_put_u64(&writer, state->account_count);
    return record_written(&writer);
}

struct status ledger_state_decode(struct bytes value, struct ledger_state *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_state state = {0};
    state.last_time_ns = record_take_u64(&reader);
    state.transfer_count = record_take_u64(&reader);
    state.account_count = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("state");
    *ret = state;
    return STATUS_SUCCESS;
}

size_t ledger_currency_encode(const struct ledger_currency *currency,
                              uint8_t ret[static LEDGER_CURRENCY_RECORD_BYTES_MAX])
{
    struct bytes name = bytes_of_text(currency->name);
    CHECK(name.size > 0 && name.size < LEDGER_NAME_BYTES);
    struct record_writer writer =
        record_write(ret, LEDGER_CURRENCY_RECORD_BYTES_MAX, LEDGER_RECORD_VERSION);
    record_put_u8(&writer, currency->exponent);
    record_put_run16(&writer, name);
    return record_written(&writer);
}

struct status ledger_currency_decode(struct bytes code, struct bytes value,
                                     struct ledger_currency *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_currency currency = {0};
    ledger_take_currency(&reader, code, currency.code);
    currency.exponent = record_take_u8(&reader);
    record_expect(&reader, currency.exponent <= LEDGER_EXPONENT_MAX);
    ledger_take_text(&reader, record_take_run16(&reader), currency.name, sizeof currency.name);
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("currency");
    *ret = currency;
    return STATUS_SUCCESS;
}

size_t ledger_cursor_encode(const struct ledger_cursor *cursor,
                            uint8_t ret[static LEDGER_CURSOR_BYTES])
{
    struct record_writer writer = record_write(ret, LEDGER_CURSOR_BYTES, LEDGER_RECORD_VERSION);
    record_put_u64(&writer, cursor->log_id);
    record_put_u64(&writer, cursor->seq);
    return record_written(&writer);
}

struct status ledger_cursor_decode(struct bytes value, struct ledger_cursor *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_cursor cursor = {0};
    cursor.log_id = record_take_u64(&reader);
    cursor.seq = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("cursor");
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
    ledger_put_currency(&writer, currency);
}

void ledger_account_version_key_encode(struct id128 account_id, uint64_t version,
                                       uint8_t ret[static LEDGER_ACCOUNT_VERSION_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret, LEDGER_ACCOUNT_VERSION_KEY_BYTES);
    record_put_id(&writer, account_id);
    record_put_u64(&writer, version);
}

void ledger_expiry_key_encode(uint64_t expires_at_ns, uint64_t number,
                              uint8_t ret[static LEDGER_EXPIRY_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret, LEDGER_EXPIRY_KEY_BYTES);
    record_put_u64(&writer, expires_at_ns);
    record_put_u64(&writer, number);
}

bool ledger_expiry_key_decode(struct bytes key, uint64_t *ret_expires_at_ns, uint64_t *ret_number)
{
    struct record_reader reader = record_read_key(key);
    uint64_t expires_at_ns = record_take_u64(&reader), number = record_take_u64(&reader);
    record_expect(&reader, expires_at_ns > 0 && number > 0);
    if (!record_is_whole(&reader)) return false;
    *ret_expires_at_ns = expires_at_ns;
    *ret_number = number;
    return true;
}

void ledger_totals_key_encode(const char *currency, enum ledger_class class,
                              uint8_t ret[static LEDGER_TOTALS_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret, LEDGER_TOTALS_KEY_BYTES);
    ledger_put_currency(&writer, currency);
    record_put_u8(&writer, class);
}

bool ledger_totals_key_decode(struct bytes key, char ret_currency[static LEDGER_CURRENCY_BYTES],
                              enum ledger_class *ret_class)
{
    struct record_reader reader = record_read_key(key);
    char currency[LEDGER_CURRENCY_BYTES] = {0};
    ledger_take_padded_currency(&reader, currency);
    int class = record_take_enum(&reader, LEDGER_CLASS_ASSET, LEDGER_CLASS_END - 1);
    if (!record_is_whole(&reader)) return false;
    memcpy(ret_currency, currency, sizeof currency);
    *ret_class = (enum ledger_class) class;
    return true;
}
