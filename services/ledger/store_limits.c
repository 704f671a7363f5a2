#include "common/event/note.h"
#include "services/ledger/store_internal.h"

#include <stdio.h>
#include <string.h>

// ---- Profiles, counters -------------------------------------------------------------------------

struct status ledger_store_get_profile(struct store_txn *txn, struct id128 owner_id,
                                       struct ledger_profile *ret)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, LEDGER_TABLE_PROFILES, id128_bytes(&owner_id), &value));
    return ledger_profile_decode(owner_id, value, ret);
}

void ledger_store_put_profile(struct store_txn *txn, const struct ledger_profile *profile)
{
    uint8_t record[LEDGER_PROFILE_BYTES_MAX];
    size_t size = ledger_profile_encode(profile, record);
    event_note_member(txn, "users", profile->owner_id, LEDGER_TABLE_PROFILES);
    store_put(txn, LEDGER_TABLE_PROFILES, id128_bytes(&profile->owner_id), bytes_of(record, size));
}

struct status ledger_store_get_counters(struct store_txn *txn, struct id128 owner_id,
                                        const char *currency, struct ledger_counters *ret)
{
    uint8_t key[LEDGER_COUNTERS_KEY_BYTES];
    ledger_counters_key_encode(owner_id, currency, key);
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, LEDGER_TABLE_COUNTERS, bytes_of(key, sizeof key), &value));
    return ledger_counters_decode(value, ret);
}

void ledger_store_put_counters(struct store_txn *txn, struct id128 owner_id, const char *currency,
                               const struct ledger_counters *counters)
{
    uint8_t key[LEDGER_COUNTERS_KEY_BYTES], record[LEDGER_COUNTERS_BYTES];
    ledger_counters_key_encode(owner_id, currency, key);
    size_t size = ledger_counters_encode(counters, record);
    store_put(txn, LEDGER_TABLE_COUNTERS, bytes_of(key, sizeof key), bytes_of(record, size));
}

/// Drops every row of counters whose key begins so; an empty prefix: all.
static void drop_counters(struct store_txn *txn, struct bytes prefix)
{
    // A cursor must be closed before its table is written: find one row, drop it, look again.
    for (;;) {
        uint8_t key[LEDGER_COUNTERS_KEY_BYTES];
        struct store_cursor cursor;
        store_cursor_open(txn, LEDGER_TABLE_COUNTERS, &cursor);
        bool found = store_cursor_seek(&cursor, prefix) && cursor.key.size == sizeof key &&
                     (prefix.size == 0 || memcmp(cursor.key.data, prefix.data, prefix.size) == 0);
        if (found) memcpy(key, cursor.key.data, sizeof key);
        store_cursor_close(&cursor);
        if (!found) return;
        store_delete(txn, LEDGER_TABLE_COUNTERS, bytes_of(key, sizeof key));
        if (!status_ok(store_txn_status(txn))) return; // The row is still there.
    }
}

void ledger_store_drop_counters(struct store_txn *txn, struct id128 owner_id)
{
    drop_counters(txn, id128_bytes(&owner_id));
}

void ledger_store_note_limits(struct store_txn *txn, struct bytes identity)
{
    static const uint8_t limits_key[] = {'l'};
    struct bytes key = bytes_of(limits_key, sizeof limits_key), known;
    struct status status = store_get(txn, LEDGER_TABLE_STATE, key, &known);
    if (status_ok(status) && bytes_equal(known, identity)) return;
    drop_counters(txn, (struct bytes){0});
    store_put(txn, LEDGER_TABLE_STATE, key, identity);
}

// ---- Currencies ---------------------------------------------------------------------------------

struct status ledger_store_get_currency(struct store_txn *txn, const char *code,
                                        struct ledger_currency *ret)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, LEDGER_TABLE_CURRENCIES, bytes_of_text(code), &value));
    return ledger_currency_decode(bytes_of_text(code), value, ret);
}

void ledger_store_put_currency(struct store_txn *txn, const struct ledger_currency *currency)
{
    uint8_t record[LEDGER_CURRENCY_RECORD_BYTES_MAX];
    size_t size = ledger_currency_encode(currency, record);
    char subject[sizeof "currencies/" + LEDGER_CURRENCY_BYTES];
    (void)snprintf(subject, sizeof subject, "currencies/%s", currency->code);
    event_note(txn, subject, LEDGER_TABLE_CURRENCIES, bytes_of_text(currency->code));
    store_put(txn, LEDGER_TABLE_CURRENCIES, bytes_of_text(currency->code), bytes_of(record, size));
}

struct status ledger_store_next_currency(struct store_txn *txn, const char *after_code,
                                         struct ledger_currency *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    store_cursor_open(txn, LEDGER_TABLE_CURRENCIES, &cursor);
    bool found = after_code[0] == '\0' ? store_cursor_first(&cursor)
                                       : store_cursor_seek(&cursor, bytes_of_text(after_code));
    if (found && bytes_equal(cursor.key, bytes_of_text(after_code)))
        found = store_cursor_next(&cursor);
    if (!found) return REFUSE(NOT_FOUND, END, "no more currencies");
    return ledger_currency_decode(cursor.key, cursor.value, ret);
}

// ---- Quotes, cursors ----------------------------------------------------------------------------

struct status ledger_store_get_quote(struct store_txn *txn, struct id128 id,
                                     struct ledger_quote *ret)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, LEDGER_TABLE_QUOTES, id128_bytes(&id), &value));
    return ledger_quote_decode(id, value, ret);
}

void ledger_store_put_quote(struct store_txn *txn, const struct ledger_quote *quote)
{
    uint8_t record[LEDGER_QUOTE_BYTES_MAX];
    size_t size = ledger_quote_encode(quote, record);
    store_put(txn, LEDGER_TABLE_QUOTES, id128_bytes(&quote->id), bytes_of(record, size));
}

struct status ledger_store_get_cursor(struct store_txn *txn, const char *source,
                                      struct ledger_cursor *ret)
{
    struct bytes value;
    struct status status = store_get(txn, LEDGER_TABLE_CURSORS, bytes_of_text(source), &value);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct ledger_cursor){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return ledger_cursor_decode(value, ret);
}

void ledger_store_put_cursor(struct store_txn *txn, const char *source,
                             const struct ledger_cursor *cursor)
{
    uint8_t record[LEDGER_CURSOR_BYTES];
    size_t size = ledger_cursor_encode(cursor, record);
    store_put(txn, LEDGER_TABLE_CURSORS, bytes_of_text(source), bytes_of(record, size));
}
