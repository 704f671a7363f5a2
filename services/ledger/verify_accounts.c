// Accounts: totals and heads against the books, and every way that leads to an account.
#include "services/ledger/verify_parts.h"

#include <string.h>

// ---- One account --------------------------------------------------------------------------------

static void compare_totals(struct verifier *verifier, const struct ledger_account *account,
                           const struct ledger_totals *computed)
{
    if (verify_totals_equal(computed, &account->totals)) return;
    char stored_text[I128_TEXT_BYTES], computed_text[I128_TEXT_BYTES];
    i128_format(ledger_balance_posted(account->class, &account->totals), stored_text);
    i128_format(ledger_balance_posted(account->class, computed), computed_text);
    verify_find(verifier, "BALANCE_MISMATCH", "accounts", account->id,
                "balance %s, its transfers make %s; or it is what is pending that differs",
                stored_text, computed_text);
    struct ledger_totals *imbalance =
        verify_sum_of(&verifier->imbalances, &verifier->imbalance_count, &verifier->imbalance_room,
                      account->currency, LEDGER_CLASS_ASSET);
    verify_totals_add(imbalance, &account->totals);
    verify_totals_subtract(imbalance, computed);
}

static void compare_head(struct verifier *verifier, const struct ledger_account *account,
                         const struct verify_book *book)
{
    const struct ledger_head *head = &account->head;
    uint64_t entry_count = book != NULL ? book->entry_count : 0, newest = 0;
    size_t root_count = book != NULL ? book->root_count : 0;
    if (root_count > 0) newest = book->roots[root_count - 1];
    bool is_right = head->entry_count == entry_count && head->chain[0] == newest;
    for (size_t i = 1; i < LEDGER_CHAIN && head->chain[i] != 0; i++)
        is_right = is_right && i < root_count && head->chain[i] == book->roots[root_count - 1 - i];
    if (is_right) return;
    verify_find(verifier, "HISTORY_BROKEN", "accounts", account->id,
                "it has %ju entries up to number %ju; must be %ju up to %ju",
                (uintmax_t)head->entry_count, (uintmax_t)head->chain[0], (uintmax_t)entry_count,
                (uintmax_t)newest);
}

static void verify_indexes(struct verifier *verifier, struct store_txn *txn,
                           const struct ledger_account *account)
{
    uint8_t number_key[8], owner_key[LEDGER_OWNER_KEY_BYTES];
    put_u64_be(number_key, account->number);
    ledger_owner_key_encode(account->owner_id, account->number, owner_key);

    const struct {
        uint8_t table;
        struct bytes key;
        const char *what;
    } indexes[] = {
        {LEDGER_TABLE_ACCOUNT_NUMBERS, bytes_of(number_key, sizeof number_key), "number"},
        {LEDGER_TABLE_ACCOUNT_OWNERS, bytes_of(owner_key, sizeof owner_key), "owner"},
    };

    for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        struct bytes value;
        struct status status = store_get(txn, indexes[i].table, indexes[i].key, &value);
        if (status_ok(status) && bytes_equal(value, id128_bytes(&account->id))) continue;
        verify_find(verifier, "INDEX_MISMATCH", "accounts", account->id,
                    "it cannot be found by its %s", indexes[i].what);
    }
}

/// Gives the time since which the account's version stands; 0: not known.
static uint64_t verify_details(struct verifier *verifier, struct store_txn *txn,
                               const struct ledger_account *account)
{
    struct ledger_details *details = &verifier->details;
    if (!status_ok(ledger_store_get_details(txn, account->id, details))) {
        verify_find(verifier, "INDEX_MISMATCH", "accounts", account->id,
                    "its details are missing or cannot be read");
        return 0;
    }
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        if (account->frozen[side] == (details->freeze[side].since_ns != 0)) continue;
        verify_find(verifier, "DETAILS_MISMATCH", "accounts", account->id,
                    "whether its %s side is frozen, and its details, disagree",
                    side == LEDGER_DEBIT ? "debit" : "credit");
    }
    if (details->external_ref[0] != '\0') {
        struct id128 named;
        struct status status = ledger_store_find_ref(txn, details->external_ref, &named);
        if (!status_ok(status) || !id128_equal(named, account->id))
            verify_find(verifier, "REFERENCE_MISMATCH", "accounts", account->id,
                        "it cannot be found by its external_ref");
    }
    return details->updated_at_ns != 0 ? details->updated_at_ns : account->created_at_ns;
}

/// The versions that were: all of them, each later than the one before, the first since the account
/// was opened.
static void verify_versions(struct verifier *verifier, struct store_txn *txn,
                            const struct ledger_account *account, uint64_t since_ns)
{
    uint64_t last_ns = 0;
    for (uint64_t number = 1; number < account->version; number++) {
        uint8_t key[LEDGER_ACCOUNT_VERSION_KEY_BYTES];
        ledger_account_version_key_encode(account->id, number, key);
        struct bytes value;
        struct ledger_account_version version;
        if (verifier->work_left > 0) verifier->work_left--;
        bool is_there = status_ok(store_get(txn, LEDGER_TABLE_ACCOUNT_VERSIONS,
                                            bytes_of(key, sizeof key), &value)) &&
                        status_ok(ledger_account_version_decode(number, value, &version));
        bool is_right = is_there && (number == 1 ? version.since_ns == account->created_at_ns
                                                 : version.since_ns > last_ns);
        if (!is_right)
            verify_find(verifier, "VERSION_MISMATCH", "accounts", account->id,
                        "version %ju of %ju is missing or not in order of time", (uintmax_t)number,
                        (uintmax_t)account->version);
        if (is_there) last_ns = version.since_ns;
    }
    if (since_ns != 0 && since_ns <= last_ns)
        verify_find(verifier, "VERSION_MISMATCH", "accounts", account->id,
                    "version %ju is not later than the one before", (uintmax_t)account->version);
}

void verify_account_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                        struct bytes value)
{
    struct id128 id = id128_of(key.data);
    struct ledger_account account;
    if (!status_ok(ledger_account_decode(id, value, &account))) {
        verify_find(verifier, "RECORD_CORRUPT", "accounts", id, "it cannot be read");
        return;
    }
    const struct verify_book *book = verify_find_book(verifier, id);
    struct ledger_totals computed = book != NULL ? book->totals : (struct ledger_totals){0};
    if (book != NULL && strcmp(book->currency, account.currency) != 0)
        verify_find(verifier, "CURRENCY_MISMATCH", "accounts", id, "in %s, its transfers in %s",
                    account.currency, book->currency);
    compare_totals(verifier, &account, &computed);
    compare_head(verifier, &account, book);
    verify_indexes(verifier, txn, &account);
    uint64_t since_ns = verify_details(verifier, txn, &account);
    verify_versions(verifier, txn, &account, since_ns);
}

// ---- What leads to accounts ---------------------------------------------------------------------

/// false: there is no such account; one that cannot be read is found where it lies.
static bool read_named(struct store_txn *txn, struct id128 id, struct ledger_account *ret,
                       bool *ret_is_readable)
{
    struct status status = ledger_store_get_account(txn, id, ret);
    *ret_is_readable = status_ok(status);
    return status.code != STATUS_NOT_FOUND;
}

void verify_number_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                       struct bytes value)
{
    uint64_t number = get_u64_be(key.data);
    if (number != verifier->last_account + 1)
        verify_find(verifier, "INDEX_MISMATCH", "accounts", ID128_NIL,
                    "no accounts with numbers from %ju to %ju",
                    (uintmax_t)verifier->last_account + 1, (uintmax_t)number - 1);
    verifier->last_account = number;
    verifier->result->accounts++;
    struct ledger_account account;
    bool is_readable;
    struct id128 id = value.size == ID128_BYTES ? id128_of(value.data) : ID128_NIL;
    if (!read_named(txn, id, &account, &is_readable))
        verify_find(verifier, "MISSING_ACCOUNT", "accounts", id, "it had the number %ju",
                    (uintmax_t)number);
    else if (is_readable && account.number != number)
        verify_find(verifier, "INDEX_MISMATCH", "accounts", id,
                    "number %ju leads to it, which has %ju", (uintmax_t)number,
                    (uintmax_t)account.number);
}

void verify_owner_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                      struct bytes value)
{
    struct id128 owner_id = id128_of(key.data);
    struct id128 id = value.size == ID128_BYTES ? id128_of(value.data) : ID128_NIL;
    struct ledger_account account;
    bool is_readable;
    uint64_t number;
    bool is_there = read_named(txn, id, &account, &is_readable);
    bool is_right = is_there && (!is_readable || (id128_equal(account.owner_id, owner_id) &&
                                                  ledger_owner_key_decode(key, owner_id, &number) &&
                                                  account.number == number));
    if (!is_right)
        verify_find(verifier, "INDEX_MISMATCH", "accounts", id,
                    "an owner's entry leads to it, and it is not that owner's");
}

void verify_details_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                        struct bytes value)
{
    (void)value; // Read with the account.
    if (!store_has(txn, LEDGER_TABLE_ACCOUNTS, key))
        verify_find(verifier, "MISSING_ACCOUNT", "accounts", id128_of(key.data),
                    "it has details, and is not there");
}

void verify_ref_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                    struct bytes value)
{
    struct ledger_details *details = &verifier->details;
    struct id128 id = value.size == ID128_BYTES ? id128_of(value.data) : ID128_NIL;
    struct status status = ledger_store_get_details(txn, id, details);
    if (status_ok(status) && bytes_equal(bytes_of_text(details->external_ref), key)) return;
    verify_find(verifier, "REFERENCE_MISMATCH", "accounts", id,
                "the reference \"%.*s\" leads to it, and is not its own",
                key.size < LEDGER_FINDING_DETAIL_BYTES ? (int)key.size : 0, (const char *)key.data);
}

void verify_version_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                        struct bytes value)
{
    (void)value; // Read with the account.
    struct id128 id = id128_of(key.data);
    uint64_t version = get_u64_be(key.data + ID128_BYTES);
    struct ledger_account account;
    bool is_readable;
    bool is_there = read_named(txn, id, &account, &is_readable);
    if (is_there && (!is_readable || (version > 0 && version < account.version))) return;
    verify_find(verifier, "VERSION_MISMATCH", "accounts", id,
                "version %ju is kept, and is none that it had", (uintmax_t)version);
}
