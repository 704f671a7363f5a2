#include "common/event/note.h"
#include "services/ledger/store_internal.h"

#include <string.h>

static const char accounts[] = "accounts";

// ---- Accounts -----------------------------------------------------------------------------------

struct status ledger_store_get_account(struct store_txn *txn, struct id128 account_id,
                                       struct ledger_account *ret)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, LEDGER_TABLE_ACCOUNTS, id128_bytes(&account_id), &value));
    return ledger_account_decode(account_id, value, ret);
}

void ledger_store_put_account(struct store_txn *txn, struct ledger_account *account)
{
    ledger_store_tally(txn, account);
    uint8_t record[LEDGER_ACCOUNT_BYTES];
    size_t size = ledger_account_encode(account, record);
    store_put(txn, LEDGER_TABLE_ACCOUNTS, id128_bytes(&account->id), bytes_of(record, size));
}

static void put_ref(struct store_txn *txn, const char *external_ref, struct id128 account_id)
{
    if (external_ref[0] == '\0') return;
    store_put(txn, LEDGER_TABLE_EXTERNAL_REFS, bytes_of_text(external_ref),
              id128_bytes(&account_id));
}

static void put_details(struct store_txn *txn, struct id128 account_id,
                        const struct ledger_details *details)
{
    uint8_t record[LEDGER_DETAILS_BYTES_MAX];
    size_t size = ledger_details_encode(details, record);
    store_put(txn, LEDGER_TABLE_ACCOUNT_DETAILS, id128_bytes(&account_id), bytes_of(record, size));
}

void ledger_store_add_account(struct store_txn *txn, struct ledger_account *account,
                              const struct ledger_details *details)
{
    uint8_t owner_key[LEDGER_OWNER_KEY_BYTES];
    ledger_owner_key_encode(account->owner_id, account->number, owner_key);
    event_note_member(txn, accounts, account->id, LEDGER_TABLE_ACCOUNTS);
    ledger_store_put_account(txn, account);
    store_append(txn, LEDGER_TABLE_ACCOUNT_NUMBERS, LEDGER_NUMBER_KEY(account->number),
                 id128_bytes(&account->id));
    store_put(txn, LEDGER_TABLE_ACCOUNT_OWNERS, bytes_of(owner_key, sizeof owner_key),
              id128_bytes(&account->id));
    put_ref(txn, details->external_ref, account->id);
    put_details(txn, account->id, details);
}

struct status ledger_store_get_details(struct store_txn *txn, struct id128 account_id,
                                       struct ledger_details *ret)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, LEDGER_TABLE_ACCOUNT_DETAILS, id128_bytes(&account_id), &value));
    return ledger_details_decode(value, ret);
}

void ledger_store_put_details(struct store_txn *txn, struct id128 account_id,
                              const struct ledger_details *before,
                              const struct ledger_details *details)
{
    if (strcmp(before->external_ref, details->external_ref) != 0) {
        if (before->external_ref[0] != '\0')
            store_delete(txn, LEDGER_TABLE_EXTERNAL_REFS, bytes_of_text(before->external_ref));
        put_ref(txn, details->external_ref, account_id);
    }
    put_details(txn, account_id, details);
}

struct status ledger_store_find_ref(struct store_txn *txn, const char *external_ref,
                                    struct id128 *ret)
{
    struct bytes value;
    RETURN_IF_ERROR(
        store_get(txn, LEDGER_TABLE_EXTERNAL_REFS, bytes_of_text(external_ref), &value));
    if (value.size != ID128_BYTES)
        return REFUSE(DATA_LOSS, RECORD_CORRUPT, "an external reference fails its checks");
    *ret = id128_of(value.data);
    return STATUS_SUCCESS;
}

// ---- Versions of settings -----------------------------------------------------------------------

void ledger_store_keep_version(struct store_txn *txn, const struct ledger_account *account,
                               uint64_t since_ns)
{
    const struct ledger_account_version was = {
        .version = account->version,
        .since_ns = since_ns,
        .no_negative = account->no_negative,
        .closed = account->closed,
        .has_min_balance = account->has_min_balance,
        .has_max_balance = account->has_max_balance,
        .frozen = {account->frozen[LEDGER_DEBIT], account->frozen[LEDGER_CREDIT]},
        .credit_limit = account->credit_limit,
        .min_balance = account->min_balance,
        .max_balance = account->max_balance,
    };
    // The account itself is written next. Here and not there: postings write it too.
    event_note_member(txn, accounts, account->id, LEDGER_TABLE_ACCOUNTS);
    uint8_t key[LEDGER_ACCOUNT_VERSION_KEY_BYTES], record[LEDGER_ACCOUNT_VERSION_BYTES];
    ledger_account_version_key_encode(account->id, was.version, key);
    size_t size = ledger_account_version_encode(&was, record);
    store_put(txn, LEDGER_TABLE_ACCOUNT_VERSIONS, bytes_of(key, sizeof key),
              bytes_of(record, size));
}

static struct status get_version(struct store_txn *txn, struct id128 account_id, uint64_t version,
                                 struct ledger_account_version *ret)
{
    uint8_t key[LEDGER_ACCOUNT_VERSION_KEY_BYTES];
    struct bytes value;
    ledger_account_version_key_encode(account_id, version, key);
    RETURN_IF_ERROR(store_get_or(
        txn, LEDGER_TABLE_ACCOUNT_VERSIONS, bytes_of(key, sizeof key),
        REFUSE(DATA_LOSS, MISSING_VERSION, "a version of an account's settings is missing"),
        &value));
    return ledger_account_version_decode(version, value, ret);
}

static void restore_settings(struct ledger_account *account,
                             const struct ledger_account_version *was)
{
    account->version = was->version;
    account->no_negative = was->no_negative;
    account->closed = was->closed;
    account->has_min_balance = was->has_min_balance;
    account->has_max_balance = was->has_max_balance;
    account->credit_limit = was->credit_limit;
    account->min_balance = was->min_balance;
    account->max_balance = was->max_balance;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        account->frozen[side] = was->frozen[side];
        account->frozen_until_ns[side] = 0;
    }
}

struct status ledger_store_settings_at(struct store_txn *txn, uint64_t at_ns,
                                       struct ledger_account *account)
{
    if (account->version == 1) return STATUS_SUCCESS;
    struct ledger_details details;
    RETURN_IF_ERROR(ledger_store_get_details(txn, account->id, &details));
    if (at_ns >= details.updated_at_ns) return STATUS_SUCCESS;

    // Every version but the present one is kept, and each began after the one before it.
    struct ledger_account_version was;
    uint64_t first = 1, last = account->version - 1;
    while (first < last) {
        uint64_t middle = last - (last - first) / 2;
        RETURN_IF_ERROR(get_version(txn, account->id, middle, &was));
        if (was.since_ns <= at_ns)
            first = middle;
        else
            last = middle - 1;
    }
    RETURN_IF_ERROR(get_version(txn, account->id, first, &was));
    restore_settings(account, &was);
    return STATUS_SUCCESS;
}

// ---- Walks --------------------------------------------------------------------------------------

void ledger_account_walk_open(struct store_txn *txn, const struct id128 *owner_id, uint64_t before,
                              struct ledger_account_walk *ret)
{
    *ret = (struct ledger_account_walk){.is_of_owner = owner_id != NULL,
                                        .before = before > 0 ? before : UINT64_MAX};
    if (owner_id != NULL) ret->owner_id = *owner_id;
    store_cursor_open(txn,
                      owner_id != NULL ? LEDGER_TABLE_ACCOUNT_OWNERS : LEDGER_TABLE_ACCOUNT_NUMBERS,
                      &ret->cursor);
}

static bool walk_to_next(struct ledger_account_walk *walk)
{
    if (walk->is_started) return store_cursor_prev(&walk->cursor);
    walk->is_started = true;
    uint8_t owner_key[LEDGER_OWNER_KEY_BYTES];
    ledger_owner_key_encode(walk->owner_id, walk->before, owner_key);
    return store_cursor_seek_before(&walk->cursor, walk->is_of_owner
                                                       ? bytes_of(owner_key, sizeof owner_key)
                                                       : LEDGER_NUMBER_KEY(walk->before));
}

struct status ledger_account_walk_next(struct ledger_account_walk *walk, struct ledger_account *ret)
{
    if (!walk_to_next(walk)) return REFUSE(NOT_FOUND, END, "no more accounts");
    uint64_t number;
    if (walk->is_of_owner && !ledger_owner_key_decode(walk->cursor.key, walk->owner_id, &number))
        return REFUSE(NOT_FOUND, END, "no more accounts");
    if (walk->cursor.value.size != ID128_BYTES)
        return REFUSE(DATA_LOSS, RECORD_CORRUPT, "an index entry of an account fails its checks");
    struct status status =
        ledger_store_get_account(walk->cursor.txn, id128_of(walk->cursor.value.data), ret);
    if (status.code == STATUS_NOT_FOUND)
        return REFUSE(DATA_LOSS, RECORD_CORRUPT, "an index entry names an account that is missing");
    return status;
}

void ledger_account_walk_close(struct ledger_account_walk *walk)
{
    store_cursor_close(&walk->cursor);
}
