#include "services/ledger/store_internal.h"

enum {
    FORGOTTEN_AT_ONCE = 4
}; // With each one that is burnt: the oldest leave faster than they come.

static struct status find_trace(struct store_txn *txn, uint8_t table, struct bytes key,
                                uint64_t *ret_number)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, table, key, &value));
    return ledger_trace_decode(value, ret_number);
}

static void put_trace(struct store_txn *txn, uint8_t table, struct bytes key, uint64_t number)
{
    uint8_t record[LEDGER_TRACE_BYTES];
    size_t size = ledger_trace_encode(number, record);
    store_put(txn, table, key, bytes_of(record, size));
}

// ---- Burnt tokens -------------------------------------------------------------------------------

struct status ledger_store_find_burnt(struct store_txn *txn, uint64_t expires_at_s,
                                      struct id128 token_id, uint64_t *ret_number)
{
    uint8_t key[LEDGER_BURNT_KEY_BYTES];
    ledger_burnt_key_encode(expires_at_s, token_id, key);
    return find_trace(txn, LEDGER_TABLE_SCA_BURNT, bytes_of(key, sizeof key), ret_number);
}

/// The oldest one, if it is of no use any more. What cannot be read stays, for verify to find.
static bool find_forgettable(struct store_txn *txn, uint64_t now_s,
                             uint8_t ret_key[static LEDGER_BURNT_KEY_BYTES])
{
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    store_cursor_open(txn, LEDGER_TABLE_SCA_BURNT, &cursor);
    uint64_t expires_at_s;
    struct id128 token_id;
    if (!store_cursor_first(&cursor) ||
        !ledger_burnt_key_decode(cursor.key, &expires_at_s, &token_id))
        return false;
    if (now_s < LEDGER_APPROVAL_KEPT_S || expires_at_s >= now_s - LEDGER_APPROVAL_KEPT_S)
        return false;
    memcpy(ret_key, cursor.key.data, LEDGER_BURNT_KEY_BYTES);
    return true;
}

void ledger_store_burn_token(struct store_txn *txn, uint64_t expires_at_s, struct id128 token_id,
                             uint64_t number, uint64_t now_s)
{
    uint8_t key[LEDGER_BURNT_KEY_BYTES];
    for (int i = 0; i < FORGOTTEN_AT_ONCE && find_forgettable(txn, now_s, key); i++)
        store_delete(txn, LEDGER_TABLE_SCA_BURNT, bytes_of(key, sizeof key));
    ledger_burnt_key_encode(expires_at_s, token_id, key);
    put_trace(txn, LEDGER_TABLE_SCA_BURNT, bytes_of(key, sizeof key), number);
}

// ---- Payees -------------------------------------------------------------------------------------

struct status ledger_store_find_payee(struct store_txn *txn, struct id128 owner_id,
                                      struct id128 account_id, uint64_t *ret_number)
{
    uint8_t key[LEDGER_PAYEE_KEY_BYTES];
    ledger_payee_key_encode(owner_id, account_id, key);
    return find_trace(txn, LEDGER_TABLE_PAYEES, bytes_of(key, sizeof key), ret_number);
}

void ledger_store_put_payee(struct store_txn *txn, struct id128 owner_id, struct id128 account_id,
                            uint64_t number)
{
    uint8_t key[LEDGER_PAYEE_KEY_BYTES];
    ledger_payee_key_encode(owner_id, account_id, key);
    put_trace(txn, LEDGER_TABLE_PAYEES, bytes_of(key, sizeof key), number);
}
