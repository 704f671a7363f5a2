#include "tests/unit/ledger/written_history.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/history.h"

#include <time.h>

#define HOUR_NS (3600 * NS_PER_SECOND)
#define DAY_NS (24 * HOUR_NS)

uint64_t written_random_below(uint64_t bound)
{
    static uint64_t seed;
    if (seed == 0) {
        const char *text = getenv("FLORIN_TEST_SEED");
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = text != NULL ? strtoull(text, NULL, 10) : (uint64_t)now.tv_nsec + 1;
        print_message("FLORIN_TEST_SEED=%ju\n", (uintmax_t)seed);
    }
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % bound;
}

// ---- Opening ------------------------------------------------------------------------------------

static struct status run_add_accounts(struct store_txn *txn, void *context)
{
    struct written_history *history = context;
    for (size_t i = 0; i < WRITTEN_ACCOUNTS; i++)
        ledger_store_add_account(txn, &history->accounts[i], &history->details);
    ledger_store_put_state(txn, &(struct ledger_state){.last_time_ns = history->last_time_ns,
                                                       .account_count = WRITTEN_ACCOUNTS});
    return STATUS_SUCCESS;
}

void written_open(struct written_history *ret)
{
    *ret = (struct written_history){.last_time_ns = WRITTEN_BEGIN_NS};
    clock_test_set(WRITTEN_BEGIN_NS, 1);
    directory_make("ledger", ret->directory, sizeof ret->directory);
    char path[DIRECTORY_PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s/store", ret->directory);
    const struct store_schema *schemas[] = {&ledger_store_schema};
    struct store_config config = {.directory = path, .map_bytes = UINT64_C(1) << 30};
    assert_status_ok(store_open(&config, schemas, 1, &ret->store));
    assert_status_ok(ledger_store_open(ret->store, &ret->ledger));

    ledger_system_account("INR", 2, LEDGER_CASH, &ret->accounts[WRITTEN_CASH]);
    for (uint8_t i = 0; i < WRITTEN_ACCOUNTS; i++) {
        struct ledger_account *account = &ret->accounts[i];
        if (i != WRITTEN_CASH)
            *account = (struct ledger_account){.id = id_of((uint8_t)(0xa0 + i)),
                                               .owner_id = id_of((uint8_t)(1 + i)),
                                               .currency = "INR",
                                               .exponent = 2,
                                               .class = LEDGER_CLASS_LIABILITY,
                                               .kind = LEDGER_KIND_CUSTOMER,
                                               .version = 1};
        account->number = i + 1u;
        account->created_at_ns = account->changed_at_ns = WRITTEN_BEGIN_NS;
    }
    assert_status_ok(store_write_wait(ret->store, run_add_accounts, ret));
}

void written_close(struct written_history *history)
{
    store_snapshot_end(&history->snapshot);
    store_close(&history->store);
    ledger_store_close(&history->ledger);
    clock_test_release();
    directory_remove(history->directory);
    for (size_t i = 0; i < WRITTEN_ACCOUNTS; i++)
        free(history->entries[i]);
    free(history->holds);
}

// ---- Writing ------------------------------------------------------------------------------------

static void make_room(void **array, size_t count, size_t *room, size_t item_bytes)
{
    if (count < *room) return;
    *room = *room == 0 ? 64 : 2 * *room;
    *array = realloc(*array, *room * item_bytes);
    CHECK(*array != NULL);
}

static void keep_entry(struct written_history *history, int account, enum ledger_side side,
                       const struct ledger_transfer *transfer)
{
    make_room((void **)&history->entries[account], history->entry_count[account],
              &history->entry_room[account], sizeof(struct written_entry));
    const struct ledger_totals *after = &history->accounts[account].totals;
    i128 credit_balance = (i128)after->credits_posted - (i128)after->debits_posted;
    struct written_entry *entry = &history->entries[account][history->entry_count[account]++];
    *entry = (struct written_entry){
        .number = transfer->number,
        .transfer_id = transfer->id,
        .counterparty_id = transfer->account_id[1 - side],
        .side = side,
        .kind = transfer->kind,
        .code = transfer->code,
        .amount = transfer->amount,
        .balance_after = account == WRITTEN_CASH ? -credit_balance : credit_balance,
        .booked_at_ns = transfer->created_at_ns,
        .effective_at_ns =
            transfer->effective_at_ns != 0 ? transfer->effective_at_ns : transfer->created_at_ns,
    };
    memcpy(entry->description, transfer->description.data, transfer->description.size);
}

/// Gives one account its entry; the links that the head lacks are looked up in what was written.
static void post_side(struct written_history *history, int account, enum ledger_side side,
                      struct ledger_transfer *transfer)
{
    struct ledger_account *posted = &history->accounts[account];
    size_t wanted = ledger_history_wanted(&posted->head);
    for (size_t i = 0; i < wanted; i++) {
        uint64_t index = ledger_history_chain_index(&posted->head, i);
        posted->head.chain[i] = history->entries[account][index - 1].number;
    }
    transfer->entry[side].after = posted->totals;
    ledger_history_push(&posted->head, transfer->number, &transfer->entry[side]);
    keep_entry(history, account, side, transfer);
}

static int account_of(const struct written_history *history, struct id128 id)
{
    int account = 0;
    while (!id128_equal(history->accounts[account].id, id))
        account++;
    return account;
}

static void move_totals(struct written_history *history, const struct ledger_transfer *transfer,
                        u128 held)
{
    struct ledger_totals *debit =
        &history->accounts[account_of(history, transfer->account_id[LEDGER_DEBIT])].totals;
    struct ledger_totals *credit =
        &history->accounts[account_of(history, transfer->account_id[LEDGER_CREDIT])].totals;
    bool is_hold = transfer->kind == LEDGER_TRANSFER_PENDING;
    bool is_release =
        transfer->kind == LEDGER_TRANSFER_VOID || transfer->kind == LEDGER_TRANSFER_EXPIRY;
    debit->debits_pending += (is_hold ? transfer->amount : 0) - held;
    credit->credits_pending += (is_hold ? transfer->amount : 0) - held;
    debit->debits_posted += is_hold || is_release ? 0 : transfer->amount;
    credit->credits_posted += is_hold || is_release ? 0 : transfer->amount;
}

/// subject: the open hold that this one ends, or NULL.
static void write_transfer(struct store_txn *txn, struct written_history *history,
                           struct ledger_transfer *transfer, const struct ledger_transfer *subject)
{
    transfer->number = ++history->transfer_count;
    memcpy(transfer->currency, "INR", sizeof "INR");
    history->last_time_ns = transfer->created_at_ns;
    if (subject != NULL) {
        transfer->subject_id = subject->id;
        transfer->subject_number = subject->number;
    }
    bool ends_hold = subject != NULL && transfer->kind != LEDGER_TRANSFER_REVERSAL;
    move_totals(history, transfer, ends_hold ? subject->amount : 0);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        post_side(history, account_of(history, transfer->account_id[side]), side, transfer);
    ledger_store_append_transfer(txn, transfer);
}

static void write_end(struct store_txn *txn, struct written_history *history)
{
    for (size_t i = 0; i < WRITTEN_ACCOUNTS; i++) {
        ledger_store_put_account(txn, &history->accounts[i]);
        history->accounts[i].loaded = history->accounts[i].totals;
    }
    ledger_store_put_state(txn, &(struct ledger_state){.last_time_ns = history->last_time_ns,
                                                       .transfer_count = history->transfer_count,
                                                       .account_count = WRITTEN_ACCOUNTS});
}

struct writing {
    struct written_history *history;
    struct ledger_transfer transfer;
    size_t count;
};

static struct status run_many(struct store_txn *txn, void *context)
{
    struct writing *writing = context;
    for (size_t i = 0; i < writing->count; i++) {
        struct ledger_transfer transfer = writing->transfer;
        if (i > 0) transfer.created_at_ns = writing->history->last_time_ns + 1;
        transfer.id = id128_generate();
        write_transfer(txn, writing->history, &transfer, NULL);
    }
    write_end(txn, writing->history);
    return STATUS_SUCCESS;
}

void written_transfer(struct written_history *history, enum ledger_transfer_kind kind, int debit,
                      int credit, u128 amount, uint64_t at_ns)
{
    CHECK(at_ns > history->last_time_ns);
    struct writing writing = {
        .history = history,
        .count = 1,
        .transfer = {.kind = kind,
                     .account_id = {history->accounts[debit].id, history->accounts[credit].id},
                     .amount = amount,
                     .created_at_ns = at_ns}};
    assert_status_ok(store_write_wait(history->store, run_many, &writing));
}

void written_many(struct written_history *history, enum ledger_transfer_kind kind, size_t count)
{
    struct writing writing = {
        .history = history,
        .count = count,
        .transfer = {.kind = kind,
                     .account_id = {history->accounts[WRITTEN_CASH].id,
                                    history->accounts[WRITTEN_CUSTOMER].id},
                     .amount = 1,
                     .description = bytes_of_text("one of very many, with a text"),
                     .created_at_ns = history->last_time_ns + 1}};
    assert_status_ok(store_write_wait(history->store, run_many, &writing));
}

// ---- Random histories ---------------------------------------------------------------------------

static uint64_t random_time(uint64_t last_ns)
{
    static const uint64_t ends[] = {FEBRUARY_NS, MARCH_NS, APRIL_NS};
    uint64_t next = last_ns + 1 + written_random_below(2 * HOUR_NS);
    if (written_random_below(8) == 0) next = last_ns + 1;
    for (size_t i = 0; i < ROWS(ends); i++) {
        if (last_ns < ends[i] - 1 && next > ends[i] - 1) return ends[i] - 1;
        if (last_ns == ends[i] - 1) return ends[i];
    }
    return next;
}

static const char *random_description(void)
{
    static const char *const texts[] = {
        "",
        "rent",
        "=1+1",
        "'quoted' and \"quoted\"",
        "comma, semicolon; <tag> & more",
        "caf\u00e9 \u20b9 \U0001f600",
        "two\nlines\r\nand a tab\t.",
        "  -spaces before",
    };
    return texts[written_random_below(ROWS(texts))];
}

/// Follows a POSTED transfer at once, with a part of it.
static void write_reversal(struct store_txn *txn, struct written_history *history,
                           const struct ledger_transfer *posted)
{
    struct ledger_transfer reversal = *posted;
    reversal.id = id128_generate();
    reversal.kind = LEDGER_TRANSFER_REVERSAL;
    reversal.account_id[LEDGER_DEBIT] = posted->account_id[LEDGER_CREDIT];
    reversal.account_id[LEDGER_CREDIT] = posted->account_id[LEDGER_DEBIT];
    reversal.amount = 1 + written_random_below((uint64_t)posted->amount);
    reversal.created_at_ns = random_time(history->last_time_ns);
    write_transfer(txn, history, &reversal, posted);
}

static void write_follow_up(struct store_txn *txn, struct written_history *history,
                            struct ledger_transfer *transfer)
{
    if (history->hold_count == 0) return;
    size_t at = (size_t)written_random_below(history->hold_count);
    struct ledger_transfer hold = history->holds[at];
    history->holds[at] = history->holds[--history->hold_count];
    memcpy(transfer->account_id, hold.account_id, sizeof hold.account_id);
    transfer->amount = hold.amount;
    if (transfer->kind == LEDGER_TRANSFER_POST) // In part; what is left is released with it.
        transfer->amount = 1 + written_random_below((uint64_t)hold.amount);
    write_transfer(txn, history, transfer, &hold);
}

static void write_random(struct store_txn *txn, struct written_history *history)
{
    static const enum ledger_transfer_kind kinds[] = {
        LEDGER_TRANSFER_POSTED,  LEDGER_TRANSFER_POSTED,  LEDGER_TRANSFER_POSTED,
        LEDGER_TRANSFER_PENDING, LEDGER_TRANSFER_PENDING, LEDGER_TRANSFER_POST,
        LEDGER_TRANSFER_VOID,    LEDGER_TRANSFER_EXPIRY};

    unsigned debit = (unsigned)written_random_below(WRITTEN_ACCOUNTS);
    unsigned credit = (debit + 1 + (unsigned)written_random_below(2)) % WRITTEN_ACCOUNTS;
    struct ledger_transfer transfer = {
        .id = id128_generate(),
        .kind = kinds[written_random_below(ROWS(kinds))],
        .account_id = {history->accounts[debit].id, history->accounts[credit].id},
        .amount = 1 + written_random_below(1000000),
        .code = (uint16_t)written_random_below(65536),
        .description = bytes_of_text(random_description()),
        .created_at_ns = random_time(history->last_time_ns)};
    if (written_random_below(4) == 0)
        transfer.effective_at_ns = transfer.created_at_ns - written_random_below(3 * DAY_NS);

    if (transfer.kind > LEDGER_TRANSFER_PENDING) {
        write_follow_up(txn, history, &transfer);
        return;
    }
    write_transfer(txn, history, &transfer, NULL);
    if (transfer.kind == LEDGER_TRANSFER_POSTED) {
        if (written_random_below(5) == 0) write_reversal(txn, history, &transfer);
        return;
    }
    make_room((void **)&history->holds, history->hold_count, &history->hold_room, sizeof transfer);
    history->holds[history->hold_count++] = transfer;
}

static struct status run_random(struct store_txn *txn, void *context)
{
    struct writing *writing = context;
    for (size_t i = 0; i < writing->count; i++)
        write_random(txn, writing->history);
    write_end(txn, writing->history);
    return STATUS_SUCCESS;
}

void written_random(struct written_history *history, size_t count)
{
    struct writing writing = {.history = history, .count = count};
    assert_status_ok(store_write_wait(history->store, run_random, &writing));
}
