#include "services/ledger/store_internal.h"

// ---- Ids ----------------------------------------------------------------------------------------

struct status ledger_store_find_id(struct store_txn *txn, struct id128 id,
                                   struct ledger_id_entry *ret)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, LEDGER_TABLE_IDS, id128_bytes(&id), &value));
    return ledger_id_entry_decode(value, ret);
}

static void put_id(struct store_txn *txn, struct id128 id, const struct ledger_id_entry *entry)
{
    uint8_t record[LEDGER_ID_ENTRY_BYTES_MAX];
    size_t size = ledger_id_entry_encode(entry, record);
    store_put(txn, LEDGER_TABLE_IDS, id128_bytes(&id), bytes_of(record, size));
}

void ledger_store_burn_id(struct store_txn *txn, struct id128 id, enum ledger_reason reason)
{
    CHECK(ledger_reasons[reason].burns_id);
    put_id(txn, id, &(struct ledger_id_entry){.is_failed = true, .reason = reason});
}

// ---- Transfers ----------------------------------------------------------------------------------

static bool copy_bytes(struct arena *arena, struct bytes *bytes)
{
    if (bytes->size == 0) return true;
    bytes->data = arena_copy(arena, bytes->data, bytes->size);
    return bytes->data != NULL;
}

struct status ledger_store_get_transfer(struct store_txn *txn, struct arena *arena, uint64_t number,
                                        struct ledger_transfer *ret)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, LEDGER_TABLE_TRANSFERS, LEDGER_NUMBER_KEY(number), &value));
    RETURN_IF_ERROR(ledger_transfer_decode(number, value, ret));
    if (arena == NULL) return STATUS_SUCCESS;
    if (copy_bytes(arena, &ret->description) && copy_bytes(arena, &ret->metadata))
        return STATUS_SUCCESS;
    return ARENA_STATUS_EXHAUSTED;
}

void ledger_store_append_transfer(struct store_txn *txn, const struct ledger_transfer *transfer)
{
    uint8_t record[LEDGER_TRANSFER_BYTES_MAX];
    size_t size = ledger_transfer_encode(transfer, record);
    store_append(txn, LEDGER_TABLE_TRANSFERS, LEDGER_NUMBER_KEY(transfer->number),
                 bytes_of(record, size));
    put_id(txn, transfer->id, &(struct ledger_id_entry){.number = transfer->number});
}

struct status ledger_transfer_side(const struct ledger_transfer *transfer, struct id128 account_id,
                                   enum ledger_side *ret)
{
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        if (!id128_equal(transfer->account_id[side], account_id)) continue;
        *ret = side;
        return STATUS_SUCCESS;
    }
    return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a history leads to a transfer of other accounts");
}

struct status ledger_store_get_progress(struct store_txn *txn, uint64_t number,
                                        struct ledger_progress *ret)
{
    struct bytes value;
    struct status status = store_get(txn, LEDGER_TABLE_PROGRESS, LEDGER_NUMBER_KEY(number), &value);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct ledger_progress){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return ledger_progress_decode(value, ret);
}

void ledger_store_put_progress(struct store_txn *txn, uint64_t number,
                               const struct ledger_progress *progress)
{
    uint8_t record[LEDGER_PROGRESS_BYTES_MAX];
    size_t size = ledger_progress_encode(progress, record);
    store_put(txn, LEDGER_TABLE_PROGRESS, LEDGER_NUMBER_KEY(number), bytes_of(record, size));
}

// ---- Expiries -----------------------------------------------------------------------------------

// Every write asks for the next expiry, because nothing may be given a time after one that is due.
// So the writer remembers it: a group that makes and resolves no hold does not look.

static const struct status no_expiry = {STATUS_NOT_FOUND, "END", "no transfer is to expire"};

/// The first expiry at or, with `is_after`, behind a key; an empty key: the first of all.
static struct status seek_expiry(struct store_txn *txn, struct bytes key, bool is_after,
                                 uint64_t *ret_expires_at_ns, uint64_t *ret_number)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    store_cursor_open(txn, LEDGER_TABLE_EXPIRIES, &cursor);
    bool found = store_cursor_seek(&cursor, key);
    if (found && is_after && bytes_equal(cursor.key, key)) found = store_cursor_next(&cursor);
    // After a write that failed a cursor has no rows, which proves nothing.
    if (!found && store_txn_is_write(txn)) RETURN_IF_ERROR(store_txn_status(txn));
    if (!found) return no_expiry;
    if (!ledger_expiry_key_decode(cursor.key, ret_expires_at_ns, ret_number))
        return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a key of an expiry fails its checks");
    return STATUS_SUCCESS;
}

struct status ledger_store_next_expiry(struct store_txn *txn, uint64_t *ret_expires_at_ns,
                                       uint64_t *ret_number)
{
    struct ledger_store *ledger = ledger_store_of(txn);
    if (ledger == NULL)
        return seek_expiry(txn, (struct bytes){0}, false, ret_expires_at_ns, ret_number);
    if (!ledger->next_expiry_is_known) {
        struct status status =
            seek_expiry(txn, (struct bytes){0}, false, &ledger->next_expires_at_ns,
                        &ledger->next_expiry_number);
        if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
        ledger->has_next_expiry = status_ok(status);
        ledger->next_expiry_is_known = true;
    }
    if (!ledger->has_next_expiry) return no_expiry;
    *ret_expires_at_ns = ledger->next_expires_at_ns;
    *ret_number = ledger->next_expiry_number;
    return STATUS_SUCCESS;
}

struct status ledger_store_expiry_after(struct store_txn *txn, uint64_t expires_at_ns,
                                        uint64_t number, uint64_t *ret_expires_at_ns,
                                        uint64_t *ret_number)
{
    uint8_t key[LEDGER_EXPIRY_KEY_BYTES];
    ledger_expiry_key_encode(expires_at_ns, number, key);
    return seek_expiry(txn, bytes_of(key, sizeof key), true, ret_expires_at_ns, ret_number);
}

static bool is_before_next(const struct ledger_store *ledger, uint64_t expires_at_ns,
                           uint64_t number)
{
    if (!ledger->has_next_expiry || expires_at_ns < ledger->next_expires_at_ns) return true;
    return expires_at_ns == ledger->next_expires_at_ns && number < ledger->next_expiry_number;
}

void ledger_store_put_expiry(struct store_txn *txn, uint64_t expires_at_ns, uint64_t number)
{
    CHECK(expires_at_ns > 0 && number > 0);
    static const uint8_t here[] = {1};
    uint8_t key[LEDGER_EXPIRY_KEY_BYTES];
    ledger_expiry_key_encode(expires_at_ns, number, key);
    store_put(txn, LEDGER_TABLE_EXPIRIES, bytes_of(key, sizeof key), bytes_of(here, sizeof here));
    struct ledger_store *ledger = ledger_store_of(txn);
    if (ledger == NULL || !ledger->next_expiry_is_known) return;
    if (!is_before_next(ledger, expires_at_ns, number)) return;
    ledger->has_next_expiry = true;
    ledger->next_expires_at_ns = expires_at_ns;
    ledger->next_expiry_number = number;
}

void ledger_store_drop_expiry(struct store_txn *txn, uint64_t expires_at_ns, uint64_t number)
{
    uint8_t key[LEDGER_EXPIRY_KEY_BYTES];
    ledger_expiry_key_encode(expires_at_ns, number, key);
    store_delete(txn, LEDGER_TABLE_EXPIRIES, bytes_of(key, sizeof key));
    struct ledger_store *ledger = ledger_store_of(txn);
    if (ledger == NULL) return;
    if (ledger->has_next_expiry && ledger->next_expires_at_ns == expires_at_ns &&
        ledger->next_expiry_number == number)
        ledger->next_expiry_is_known = false;
}

// ---- Groups -------------------------------------------------------------------------------------

struct status ledger_store_get_group(struct store_txn *txn, struct id128 group_id,
                                     struct ledger_group *ret)
{
    struct bytes value;
    struct status status = store_get(txn, LEDGER_TABLE_GROUPS, id128_bytes(&group_id), &value);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct ledger_group){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return ledger_group_decode(value, ret);
}

void ledger_store_put_group(struct store_txn *txn, struct id128 group_id,
                            const struct ledger_group *group)
{
    uint8_t record[LEDGER_GROUP_BYTES];
    size_t size = ledger_group_encode(group, record);
    store_put(txn, LEDGER_TABLE_GROUPS, id128_bytes(&group_id), bytes_of(record, size));
}
