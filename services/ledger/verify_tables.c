// The tables, one walk each, and what is read as a whole: ids, groups, quotes, sums, the state.
#include "common/base/check.h"
#include "services/ledger/verify_parts.h"

#include <assert.h>
#include <string.h>

// ---- Ids ----------------------------------------------------------------------------------------

static void verify_id_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                          struct bytes value)
{
    struct id128 id = id128_of(key.data);
    struct ledger_id_entry entry;
    if (!status_ok(ledger_id_entry_decode(value, &entry))) {
        verify_find(verifier, "RECORD_CORRUPT", "transfers", id, "its id entry cannot be read");
        return;
    }
    if (entry.is_failed) return;
    struct ledger_transfer transfer;
    struct status status = ledger_store_get_transfer(txn, NULL, entry.number, &transfer);
    if (status.code == STATUS_NOT_FOUND)
        verify_find(verifier, "MISSING_TRANSFER", "transfers", id,
                    "its number %ju is not in the log", (uintmax_t)entry.number);
    else if (status_ok(status) && !id128_equal(transfer.id, id))
        verify_find(verifier, "MISSING_TRANSFER", "transfers", id,
                    "its number %ju is another transfer", (uintmax_t)entry.number);
}

// ---- Groups -------------------------------------------------------------------------------------

/// Members lead back from the last one, so a chain ends; those that the log had when the walk over
/// groups began are counted, and must in the end be all of them: no transfer of a group may stand
/// outside its chain.
static void begin_groups(struct verifier *verifier)
{
    verifier->group_end = verifier->last_number;
    verifier->group_expected = verifier->grouped_count;
    verifier->group_found = 0;
}

static void verify_group_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                             struct bytes value)
{
    struct id128 group_id = id128_of(key.data);
    struct ledger_group group;
    if (!status_ok(ledger_group_decode(value, &group))) {
        verify_find(verifier, "RECORD_CORRUPT", "groups", group_id, "it cannot be read");
        return;
    }
    uint64_t number = group.last, before = UINT64_MAX;
    uint32_t count = 0;
    for (; number != 0; count++) {
        struct ledger_transfer member;
        bool is_right = number < before && count < group.count &&
                        status_ok(ledger_store_get_transfer(txn, NULL, number, &member)) &&
                        id128_equal(member.group_id, group_id);
        if (!is_right) break;
        if (number <= verifier->group_end) verifier->group_found++;
        if (verifier->work_left > 0) verifier->work_left--;
        before = number;
        number = member.group_previous;
    }
    if (number != 0 || count != group.count)
        verify_find(verifier, "GROUP_MISMATCH", "groups", group_id,
                    "%ju members from number %ju back: after %ju of them number %ju is none",
                    (uintmax_t)group.count, (uintmax_t)group.last, (uintmax_t)count,
                    (uintmax_t)number);
}

static void end_groups(struct verifier *verifier)
{
    if (verifier->group_found != verifier->group_expected)
        verify_find(verifier, "GROUP_MISMATCH", "groups", ID128_NIL,
                    "%ju transfers belong to groups, and groups lead to %ju",
                    (uintmax_t)verifier->group_expected, (uintmax_t)verifier->group_found);
}

// ---- Quotes -------------------------------------------------------------------------------------

static bool leg_is_right(struct store_txn *txn, const struct ledger_quote *quote,
                         enum ledger_side leg, bool *ret_is_there)
{
    struct ledger_id_entry entry;
    struct ledger_transfer transfer;
    struct status status = ledger_store_find_id(txn, ledger_fx_transfer_id(quote->id, leg), &entry);
    *ret_is_there = status_ok(status) && !entry.is_failed;
    if (!*ret_is_there || !status_ok(ledger_store_get_transfer(txn, NULL, entry.number, &transfer)))
        return false;
    bool is_sell = leg == LEDGER_DEBIT; // The customer's account is debited what is sold.
    return transfer.amount == (is_sell ? quote->sell_amount : quote->buy_amount) &&
           strcmp(transfer.currency, is_sell ? quote->sell_currency : quote->buy_currency) == 0 &&
           id128_equal(transfer.account_id[leg],
                       is_sell ? quote->debit_account_id : quote->credit_account_id) &&
           id128_equal(transfer.group_id, quote->id);
}

static void verify_quote_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                             struct bytes value)
{
    struct id128 id = id128_of(key.data);
    struct ledger_quote quote;
    if (!status_ok(ledger_quote_decode(id, value, &quote))) {
        verify_find(verifier, "RECORD_CORRUPT", "quotes", id, "it cannot be read");
        return;
    }
    for (enum ledger_side leg = 0; leg < LEDGER_SIDES; leg++) {
        bool is_there;
        bool is_right = leg_is_right(txn, &quote, leg, &is_there);
        if (quote.state == LEDGER_QUOTE_EXECUTED ? is_right : !is_there) continue;
        verify_find(verifier, "QUOTE_MISMATCH", "quotes", id,
                    "the %s movement and its state disagree",
                    leg == LEDGER_DEBIT ? "selling" : "buying");
    }
}

// ---- Standings: only whether they can be read ---------------------------------------------------

static void verify_profile_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                               struct bytes value)
{
    (void)txn;
    struct id128 owner_id = id128_of(key.data);
    struct ledger_profile profile;
    if (!status_ok(ledger_profile_decode(owner_id, value, &profile)))
        verify_find(verifier, "RECORD_CORRUPT", "limits", owner_id, "the profile cannot be read");
}

static void verify_counters_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                                struct bytes value)
{
    (void)txn;
    struct ledger_counters counters;
    if (!status_ok(ledger_counters_decode(value, &counters)))
        verify_find(verifier, "RECORD_CORRUPT", "limits", id128_of(key.data),
                    "the counters cannot be read");
}

// ---- Walks --------------------------------------------------------------------------------------

static const struct {
    uint8_t table;
    const char *name;
    size_t key_bytes; // 0: of any size.
    void (*row)(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                struct bytes value);
    void (*begin)(struct verifier *verifier);
    void (*end)(struct verifier *verifier);
} walks[] = {
    {LEDGER_TABLE_ACCOUNTS, "accounts", ID128_BYTES, verify_account_row, NULL, NULL},
    {LEDGER_TABLE_ACCOUNT_NUMBERS, "numbers", 8, verify_number_row, NULL, NULL},
    {LEDGER_TABLE_ACCOUNT_OWNERS, "owners", LEDGER_OWNER_KEY_BYTES, verify_owner_row, NULL, NULL},
    {LEDGER_TABLE_ACCOUNT_DETAILS, "details", ID128_BYTES, verify_details_row, NULL, NULL},
    {LEDGER_TABLE_EXTERNAL_REFS, "refs", 0, verify_ref_row, NULL, NULL},
    {LEDGER_TABLE_ACCOUNT_VERSIONS, "versions", LEDGER_ACCOUNT_VERSION_KEY_BYTES,
     verify_version_row, NULL, NULL},
    {LEDGER_TABLE_PROGRESS, "progress", 8, verify_progress_row, NULL, NULL},
    {LEDGER_TABLE_EXPIRIES, "expiries", LEDGER_EXPIRY_KEY_BYTES, verify_expiry_row, NULL, NULL},
    {LEDGER_TABLE_IDS, "ids", ID128_BYTES, verify_id_row, NULL, NULL},
    {LEDGER_TABLE_GROUPS, "groups", ID128_BYTES, verify_group_row, begin_groups, end_groups},
    {LEDGER_TABLE_QUOTES, "quotes", ID128_BYTES, verify_quote_row, NULL, NULL},
    {LEDGER_TABLE_PROFILES, "profiles", ID128_BYTES, verify_profile_row, NULL, NULL},
    {LEDGER_TABLE_COUNTERS, "counters", LEDGER_COUNTERS_KEY_BYTES, verify_counters_row, NULL, NULL},
    {LEDGER_TABLE_SCA_BURNT, "approvals", LEDGER_BURNT_KEY_BYTES, verify_burnt_row, NULL, NULL},
    {LEDGER_TABLE_PAYEES, "payees", LEDGER_PAYEE_KEY_BYTES, verify_payee_row, NULL, NULL},
};

static_assert(sizeof walks / sizeof walks[0] == VERIFY_WALKS, "as the header says");

static bool to_first_row(struct store_cursor *cursor, const struct verify_position *position)
{
    if (position->key_size == 0) return store_cursor_first(cursor);
    struct bytes last = bytes_of(position->key, position->key_size);
    bool has_row = store_cursor_seek(cursor, last);
    return has_row && bytes_equal(cursor->key, last) ? store_cursor_next(cursor) : has_row;
}

bool verify_walk(struct verifier *verifier, struct store_txn *txn, size_t walk,
                 struct verify_position *position)
{
    CHECK(walk < VERIFY_WALKS);
    if (position->key_size == 0 && walks[walk].begin != NULL) walks[walk].begin(verifier);
    verifier->work_left = verifier->rows_per_snapshot;
    struct store_cursor cursor;
    store_cursor_open(txn, walks[walk].table, &cursor);
    bool has_row = to_first_row(&cursor, position);
    while (has_row && verifier->work_left > 0) {
        verifier->work_left--;
        memcpy(position->key, cursor.key.data, cursor.key.size);
        position->key_size = cursor.key.size;
        if (walks[walk].key_bytes == 0 || walks[walk].key_bytes == cursor.key.size)
            walks[walk].row(verifier, txn, cursor.key, cursor.value);
        else
            verify_find(verifier, "RECORD_CORRUPT", walks[walk].name, ID128_NIL,
                        "a key of %zu bytes cannot be read", cursor.key.size);
        has_row = store_cursor_next(&cursor);
    }
    store_cursor_close(&cursor);
    if (!has_row && walks[walk].end != NULL) walks[walk].end(verifier);
    return !has_row;
}

// ---- The rest -----------------------------------------------------------------------------------

static void compare_class(struct verifier *verifier, const struct ledger_class_totals *row)
{
    struct ledger_totals computed = verify_class_totals(verifier, row->currency, row->class);
    if (verify_totals_equal(&row->totals, &computed)) return;
    verify_find(verifier, "TOTALS_MISMATCH", "totals", ID128_NIL,
                "%s, class %d: the running totals are not the sum of the transfers", row->currency,
                (int)row->class);
    struct ledger_totals *imbalance =
        verify_sum_of(&verifier->imbalances, &verifier->imbalance_count, &verifier->imbalance_room,
                      row->currency, LEDGER_CLASS_LIABILITY);
    verify_totals_add(imbalance, &row->totals);
    verify_totals_subtract(imbalance, &computed);
}

static void verify_class_rows(struct verifier *verifier, struct store_txn *txn)
{
    size_t found = 0, expected = 0;
    struct store_cursor cursor;
    store_cursor_open(txn, LEDGER_TABLE_TOTALS, &cursor);
    for (bool has_row = store_cursor_first(&cursor); has_row;
         has_row = store_cursor_next(&cursor)) {
        struct ledger_class_totals row = {0};
        if (ledger_totals_key_decode(cursor.key, row.currency, &row.class) &&
            status_ok(ledger_totals_decode(cursor.value, &row.totals))) {
            compare_class(verifier, &row);
            found += !verify_totals_equal(&row.totals, &(struct ledger_totals){0});
            continue;
        }
        verify_find(verifier, "RECORD_CORRUPT", "totals", ID128_NIL, "a row cannot be read");
    }
    store_cursor_close(&cursor);
    for (size_t i = 0; i < verifier->class_count; i++)
        expected += !verify_totals_equal(&verifier->classes[i].totals, &(struct ledger_totals){0});
    if (found != expected)
        verify_find(verifier, "TOTALS_MISMATCH", "totals", ID128_NIL,
                    "%zu classes have moved money, %zu have running totals", expected, found);
}

/// What transfers make is balanced by its nature; so only what differs from it can be out of
/// balance.
static void verify_conservation(struct verifier *verifier)
{
    for (size_t i = 0; i < verifier->imbalance_count; i++) {
        const struct ledger_totals *sum = &verifier->imbalances[i].totals;
        if (sum->debits_posted == sum->credits_posted &&
            sum->debits_pending == sum->credits_pending)
            continue;
        verify_find(verifier, "NOT_CONSERVED", "currencies", ID128_NIL,
                    "%s: all debits and all credits differ", verifier->imbalances[i].currency);
    }
}

static uint64_t last_account_number(struct store_txn *txn)
{
    struct store_cursor cursor;
    store_cursor_open(txn, LEDGER_TABLE_ACCOUNT_NUMBERS, &cursor);
    bool has_row = store_cursor_last(&cursor) && cursor.key.size == sizeof(uint64_t);
    uint64_t number = has_row ? get_u64_be(cursor.key.data) : 0;
    store_cursor_close(&cursor);
    return number;
}

static struct status verify_state(struct verifier *verifier, struct store_txn *txn)
{
    struct ledger_state state;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    if (state.transfer_count > verifier->last_number)
        verify_find(verifier, "MISSING_TRANSFER", "transfers", ID128_NIL,
                    "the log ends at number %ju, %ju were counted",
                    (uintmax_t)verifier->last_number, (uintmax_t)state.transfer_count);
    uint64_t account_count = last_account_number(txn);
    bool is_behind = state.transfer_count < verifier->last_number ||
                     state.last_time_ns < verifier->last_time_ns ||
                     state.last_time_ns < verifier->last_checkpoint_ns ||
                     state.account_count != account_count;
    if (is_behind)
        verify_find(verifier, "STATE_MISMATCH", "state", ID128_NIL,
                    "counts %ju accounts and %ju transfers; there are %ju and %ju",
                    (uintmax_t)state.account_count, (uintmax_t)state.transfer_count,
                    (uintmax_t)account_count, (uintmax_t)verifier->last_number);
    if (verifier->next_checkpoint != UINT64_MAX)
        verify_find(verifier, "TOTALS_MISMATCH", "checkpoints", ID128_NIL,
                    "the one of %ju ns follows number %ju, which is not in the log",
                    (uintmax_t)verifier->next_checkpoint_ns, (uintmax_t)verifier->next_checkpoint);
    return STATUS_SUCCESS;
}

struct status verify_rest(struct verifier *verifier, struct store_txn *txn)
{
    verify_subjects(verifier, txn);
    verify_class_rows(verifier, txn);
    verify_conservation(verifier);
    return verify_state(verifier, txn);
}
