#include "services/ledger/store.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/history.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct store_table tables[] = {
    {LEDGER_TABLE_STATE, "ledger_state"},
    {LEDGER_TABLE_ACCOUNTS, "ledger_accounts"},
    {LEDGER_TABLE_ACCOUNT_NUMBERS, "ledger_account_numbers"},
    {LEDGER_TABLE_ACCOUNT_OWNERS, "ledger_account_owners"},
    {LEDGER_TABLE_ACCOUNT_DETAILS, "ledger_account_details"},
    {LEDGER_TABLE_TRANSFERS, "ledger_transfers"},
    {LEDGER_TABLE_IDS, "ledger_ids"},
    {LEDGER_TABLE_PROFILES, "ledger_profiles"},
    {LEDGER_TABLE_COUNTERS, "ledger_counters"},
    {LEDGER_TABLE_CURRENCIES, "ledger_currencies"},
    {LEDGER_TABLE_CURSORS, "ledger_cursors"},
};
static_assert(sizeof tables / sizeof tables[0] == LEDGER_TABLE_END - LEDGER_TABLE_STATE,
              "every table has a name");

const struct store_schema ledger_store_schema = {
    .name = "ledger",
    .version = 1,
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
};

enum { STORE_LOCAL_SLOT = 2 };

#define CLOCK_BEHIND_NS_MAX (60 * NS_PER_SECOND)

struct number_key {
    uint8_t bytes[8];
};

static struct number_key number_key(uint64_t number)
{
    struct number_key key;
    put_u64_be(key.bytes, number);
    return key;
}

#define NUMBER_KEY(number_) bytes_of(number_key(number_).bytes, sizeof(struct number_key))

// ---- Conservation -------------------------------------------------------------------------------

/// What the group under way has changed in one currency. Differences of totals, so that they may
/// fall as well as rise: arithmetic is modulo 2^128, and only equality matters.
struct tally {
    char currency[LEDGER_CURRENCY_BYTES];
    struct ledger_totals change;
};

struct ledger_store {
    struct tally *tallies;
    size_t tally_count, tally_room;
    size_t last; // Consecutive transfers are mostly in one currency.
};

static struct tally *find_tally(struct ledger_store *ledger, const char *currency)
{
    if (ledger->last < ledger->tally_count &&
        strcmp(ledger->tallies[ledger->last].currency, currency) == 0)
        return &ledger->tallies[ledger->last];
    for (size_t i = 0; i < ledger->tally_count; i++) {
        if (strcmp(ledger->tallies[i].currency, currency) != 0) continue;
        ledger->last = i;
        return &ledger->tallies[i];
    }
    if (ledger->tally_count == ledger->tally_room) {
        ledger->tally_room = ledger->tally_room > 0 ? ledger->tally_room * 2 : 8;
        ledger->tallies = realloc(ledger->tallies, ledger->tally_room * sizeof(struct tally));
        CHECK(ledger->tallies != NULL);
    }
    struct tally *tally = &ledger->tallies[ledger->tally_count];
    *tally = (struct tally){0};
    memcpy(tally->currency, currency, sizeof tally->currency);
    ledger->last = ledger->tally_count++;
    return tally;
}

static void tally_account(struct store_txn *txn, struct ledger_account *account)
{
    struct ledger_store *ledger = store_txn_local(txn, STORE_LOCAL_SLOT);
    CHECK(ledger != NULL);
    struct ledger_totals *change = &find_tally(ledger, account->currency)->change;
    const struct ledger_totals *now = &account->totals, *before = &account->loaded;
    change->debits_pending += now->debits_pending - before->debits_pending;
    change->debits_posted += now->debits_posted - before->debits_posted;
    change->credits_pending += now->credits_pending - before->credits_pending;
    change->credits_posted += now->credits_posted - before->credits_posted;
    account->loaded = account->totals;
}

static void forget_tallies(void *context)
{
    struct ledger_store *ledger = context;
    ledger->tally_count = 0;
}

static struct status check_conservation(void *context, struct store_txn *txn)
{
    (void)txn;
    const struct ledger_store *ledger = context;
    for (size_t i = 0; i < ledger->tally_count; i++) {
        const struct ledger_totals *change = &ledger->tallies[i].change;
        if (change->debits_posted != change->credits_posted ||
            change->debits_pending != change->credits_pending)
            return REFUSE(INTERNAL, NOT_CONSERVED, "debits and credits of a commit differ");
    }
    forget_tallies(context);
    return STATUS_SUCCESS;
}

struct status ledger_store_open(struct store *store, struct ledger_store **ret)
{
    struct store_txn *txn;
    struct ledger_state state = {0};
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    struct status status = ledger_store_get_state(txn, &state);
    store_snapshot_end(&txn);
    RETURN_IF_ERROR(status);
    uint64_t now_ns = clock_wall_ns();
    if (now_ns < state.last_time_ns && state.last_time_ns - now_ns > CLOCK_BEHIND_NS_MAX) {
        return REFUSE(FAILED_PRECONDITION, CLOCK_BEHIND_LEDGER,
                      "the wall clock is more than 60 s behind the last ledger time");
    }

    struct ledger_store *ledger = calloc(1, sizeof *ledger);
    CHECK(ledger != NULL);
    store_set_local(store, STORE_LOCAL_SLOT, ledger);
    store_add_hook(store, &(struct store_hook){.before_commit = check_conservation,
                                               .rolled_back = forget_tallies,
                                               .context = ledger});
    *ret = ledger;
    return STATUS_SUCCESS;
}

void ledger_store_close(struct ledger_store **ledger)
{
    if (*ledger == NULL) return;
    free((*ledger)->tallies);
    free(*ledger);
    *ledger = NULL;
}

// ---- State --------------------------------------------------------------------------------------

static const uint8_t state_key[] = {'s'};

struct status ledger_store_get_state(struct store_txn *txn, struct ledger_state *ret)
{
    struct bytes value;
    struct status status =
        store_get(txn, LEDGER_TABLE_STATE, bytes_of(state_key, sizeof state_key), &value);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct ledger_state){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return ledger_state_decode(value, ret);
}

void ledger_store_put_state(struct store_txn *txn, const struct ledger_state *state)
{
    uint8_t record[LEDGER_STATE_BYTES];
    size_t size = ledger_state_encode(state, record);
    store_put(txn, LEDGER_TABLE_STATE, bytes_of(state_key, sizeof state_key),
              bytes_of(record, size));
}

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
    tally_account(txn, account);
    uint8_t record[LEDGER_ACCOUNT_BYTES];
    size_t size = ledger_account_encode(account, record);
    store_put(txn, LEDGER_TABLE_ACCOUNTS, id128_bytes(&account->id), bytes_of(record, size));
}

void ledger_store_add_account(struct store_txn *txn, struct ledger_account *account,
                              const struct ledger_details *details)
{
    uint8_t owner_key[LEDGER_OWNER_KEY_BYTES];
    ledger_owner_key_encode(account->owner_id, account->number, owner_key);
    ledger_store_put_account(txn, account);
    store_append(txn, LEDGER_TABLE_ACCOUNT_NUMBERS, NUMBER_KEY(account->number),
                 id128_bytes(&account->id));
    store_put(txn, LEDGER_TABLE_ACCOUNT_OWNERS, bytes_of(owner_key, sizeof owner_key),
              id128_bytes(&account->id));

    uint8_t record[LEDGER_DETAILS_BYTES_MAX];
    size_t size = ledger_details_encode(details, record);
    store_put(txn, LEDGER_TABLE_ACCOUNT_DETAILS, id128_bytes(&account->id), bytes_of(record, size));
}

struct status ledger_store_get_details(struct store_txn *txn, struct id128 account_id,
                                       struct ledger_details *ret)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, LEDGER_TABLE_ACCOUNT_DETAILS, id128_bytes(&account_id), &value));
    return ledger_details_decode(value, ret);
}

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
                                                       : NUMBER_KEY(walk->before));
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

// ---- Transfers ----------------------------------------------------------------------------------

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

struct status ledger_store_get_transfer(struct store_txn *txn, uint64_t number,
                                        struct ledger_transfer *ret)
{
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, LEDGER_TABLE_TRANSFERS, NUMBER_KEY(number), &value));
    return ledger_transfer_decode(number, value, ret);
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

/// The transfer at a place in an account's history, and the account's entry in it.
static struct status get_entry(struct store_txn *txn, struct id128 account_id, uint64_t number,
                               struct ledger_transfer *ret_transfer, struct ledger_entry *ret)
{
    enum ledger_side side;
    struct status status = ledger_store_get_transfer(txn, number, ret_transfer);
    if (status.code == STATUS_NOT_FOUND)
        return REFUSE(DATA_LOSS, MISSING_TRANSFER, "a history leads to a transfer that is missing");
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(ledger_transfer_side(ret_transfer, account_id, &side));
    *ret = ret_transfer->entry[side];
    return STATUS_SUCCESS;
}

struct status ledger_store_post_entry(struct store_txn *txn, struct ledger_account *account,
                                      enum ledger_side side, struct ledger_transfer *transfer)
{
    uint64_t *chain = account->head.chain;
    size_t wanted = ledger_history_wanted(&account->head);
    for (size_t i = 1; i < wanted; i++) {
        if (chain[i] != 0) continue;
        struct ledger_transfer earlier;
        struct ledger_entry entry;
        RETURN_IF_ERROR(get_entry(txn, account->id, chain[i - 1], &earlier, &entry));
        if (entry.jump == 0 || entry.jump >= chain[i - 1])
            return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a history has no jump where one must be");
        chain[i] = entry.jump;
    }
    transfer->entry[side].after = account->totals;
    ledger_history_push(&account->head, transfer->number, &transfer->entry[side]);
    return STATUS_SUCCESS;
}

void ledger_store_append_transfer(struct store_txn *txn, const struct ledger_transfer *transfer)
{
    uint8_t record[LEDGER_TRANSFER_BYTES_MAX];
    size_t size = ledger_transfer_encode(transfer, record);
    store_append(txn, LEDGER_TABLE_TRANSFERS, NUMBER_KEY(transfer->number), bytes_of(record, size));
    put_id(txn, transfer->id, &(struct ledger_id_entry){.number = transfer->number});
}

struct status ledger_store_totals_at(struct store_txn *txn, const struct ledger_account *account,
                                     uint64_t at_ns, struct ledger_totals *ret)
{
    struct ledger_transfer transfer, target;
    struct ledger_entry entry, target_entry;
    uint64_t number = account->head.chain[0];
    while (number != 0) {
        RETURN_IF_ERROR(get_entry(txn, account->id, number, &transfer, &entry));
        if (transfer.created_at_ns <= at_ns) {
            *ret = entry.after;
            return STATUS_SUCCESS;
        }
        number = entry.previous;
        // Far ahead as long as that does not overshoot; else one step.
        if (entry.jump == 0 || entry.jump == entry.previous) continue;
        RETURN_IF_ERROR(get_entry(txn, account->id, entry.jump, &target, &target_entry));
        if (target.created_at_ns > at_ns) number = entry.jump;
    }
    *ret = (struct ledger_totals){0};
    return STATUS_SUCCESS;
}

// ---- Limits, currencies, cursors ----------------------------------------------------------------

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

void ledger_store_drop_counters(struct store_txn *txn, struct id128 owner_id)
{
    // A cursor must be closed before its table is written: find one row, drop it, look again.
    for (;;) {
        uint8_t key[LEDGER_COUNTERS_KEY_BYTES];
        struct store_cursor cursor;
        store_cursor_open(txn, LEDGER_TABLE_COUNTERS, &cursor);
        bool found = store_cursor_seek(&cursor, id128_bytes(&owner_id)) &&
                     cursor.key.size == sizeof key &&
                     memcmp(cursor.key.data, owner_id.bytes, ID128_BYTES) == 0;
        if (found) memcpy(key, cursor.key.data, sizeof key);
        store_cursor_close(&cursor);
        if (!found) return;
        store_delete(txn, LEDGER_TABLE_COUNTERS, bytes_of(key, sizeof key));
        if (!status_ok(store_txn_status(txn))) return; // The row is still there.
    }
}

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
