#include "tests/unit/ledger/books.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/history.h"

#include <time.h>

enum { ACCOUNT_TAG = 0xac, TRANSFER_TAG = 0x7f };

// ---- The store ----------------------------------------------------------------------------------

struct status books_open(struct books *books)
{
    const struct store_schema *schemas[] = {&ledger_store_schema};
    struct store_config config = {.directory = books->path, .map_bytes = UINT64_C(1) << 30};
    RETURN_IF_ERROR(store_open(&config, schemas, 1, &books->store));
    return ledger_store_open(books->store, &books->ledger);
}

void books_close(struct books *books)
{
    store_close(&books->store);
    ledger_store_close(&books->ledger);
}

int books_setup(void **state)
{
    struct books *books = calloc(1, sizeof *books);
    assert_non_null(books);
    directory_make("ledger", books->directory, sizeof books->directory);
    snprintf(books->path, sizeof books->path, "%.240s/store", books->directory);
    clock_test_set(BOOKS_BEGIN_NS, 1);
    assert_status_ok(books_open(books));
    *state = books;
    return 0;
}

int books_teardown(void **state)
{
    struct books *books = *state;
    books_close(books);
    clock_test_release();
    directory_remove(books->directory);
    free(books);
    return 0;
}

void books_job(struct books *books, struct status (*run)(struct store_txn *txn, void *context),
               void *context)
{
    assert_status_ok(store_write_wait(books->store, run, context));
}

struct store_txn *books_read(struct books *books)
{
    struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(books->store, &txn));
    return txn;
}

// ---- Accounts -----------------------------------------------------------------------------------

static struct id128 id_with(uint8_t tag, uint64_t n)
{
    struct id128 id = {{tag}};
    put_u64_be(id.bytes + 8, n);
    return id;
}

struct id128 books_account_id(uint64_t n)
{
    return id_with(ACCOUNT_TAG, n);
}

struct id128 books_transfer_id(uint64_t n)
{
    return id_with(TRANSFER_TAG, n);
}

struct ledger_account books_account(uint64_t n)
{
    return (struct ledger_account){
        .id = books_account_id(n),
        .owner_id = id_of(0x11),
        .currency = "INR",
        .exponent = 2,
        .class = LEDGER_CLASS_LIABILITY,
        .kind = LEDGER_KIND_CUSTOMER,
        .version = 1,
    };
}

/// The next ledger time, as the ledger gives it out.
static uint64_t next_time(struct store_txn *txn, uint64_t wall_ns, const struct ledger_state *state)
{
    uint64_t earliest_ns = ledger_store_mark_writing(txn);
    if (wall_ns == 0) wall_ns = clock_wall_ns();
    return ledger_time_next(wall_ns < earliest_ns ? earliest_ns : wall_ns, state->last_time_ns);
}

void books_add_account(struct store_txn *txn, struct ledger_account *account)
{
    static const struct ledger_details no_details;
    struct ledger_state state;
    struct status status = ledger_store_get_state(txn, &state);
    CHECK(status_ok(status));
    state.last_time_ns = next_time(txn, 0, &state);
    account->number = ++state.account_count;
    account->created_at_ns = account->changed_at_ns = state.last_time_ns;
    ledger_store_add_account(txn, account, &no_details);
    ledger_store_put_state(txn, &state);
}

struct ledger_account books_get_account(struct books *books, uint64_t n)
{
    struct ledger_account account;
    CLEANUP(store_snapshot_end) struct store_txn *txn = books_read(books);
    assert_status_ok(ledger_store_get_account(txn, books_account_id(n), &account));
    return account;
}

// ---- Postings -----------------------------------------------------------------------------------

static void apply(const struct books_posting *posting, u128 *pending, u128 *posted)
{
    switch (posting->kind) {
    case LEDGER_TRANSFER_PENDING:
        *pending += posting->amount;
        break;
    case LEDGER_TRANSFER_POST:
        *pending -= posting->released;
        *posted += posting->amount;
        break;
    case LEDGER_TRANSFER_VOID:
    case LEDGER_TRANSFER_EXPIRY:
        *pending -= posting->amount;
        break;
    default:
        *posted += posting->amount;
    }
}

static struct status push_entry(struct store_txn *txn, struct ledger_account *account,
                                enum ledger_side side, struct ledger_transfer *transfer)
{
    uint64_t *chain = account->head.chain;
    size_t wanted = ledger_history_wanted(&account->head);
    for (size_t i = 1; i < wanted; i++) {
        if (chain[i] != 0) continue;
        struct ledger_transfer earlier;
        enum ledger_side earlier_side;
        RETURN_IF_ERROR(ledger_store_get_transfer(txn, NULL, chain[i - 1], &earlier));
        RETURN_IF_ERROR(ledger_transfer_side(&earlier, account->id, &earlier_side));
        chain[i] = earlier.entry[earlier_side].jump;
    }
    transfer->entry[side].after = account->totals;
    ledger_history_push(&account->head, transfer->number, &transfer->entry[side]);
    return STATUS_SUCCESS;
}

struct status books_prepare(struct store_txn *txn, const struct books_posting *posting,
                            struct ledger_state *state,
                            struct ledger_account account[static LEDGER_SIDES],
                            struct ledger_transfer *ret)
{
    const uint64_t names[LEDGER_SIDES] = {posting->debit, posting->credit};
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        RETURN_IF_ERROR(
            ledger_store_get_account(txn, books_account_id(names[side]), &account[side]));
    *ret = (struct ledger_transfer){.kind = posting->kind,
                                    .amount = posting->amount,
                                    .number = ++state->transfer_count,
                                    .created_at_ns = state->last_time_ns,
                                    .subject_number = posting->subject};
    ret->id = books_transfer_id(ret->number);
    if (posting->subject > 0) ret->subject_id = books_transfer_id(posting->subject);
    memcpy(ret->currency, account[LEDGER_DEBIT].currency, sizeof ret->currency);
    struct ledger_totals *debit = &account[LEDGER_DEBIT].totals,
                         *credit = &account[LEDGER_CREDIT].totals;
    apply(posting, &debit->debits_pending, &debit->debits_posted);
    apply(posting, &credit->credits_pending, &credit->credits_posted);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        ret->account_id[side] = account[side].id;
        account[side].changed_at_ns = state->last_time_ns;
        RETURN_IF_ERROR(push_entry(txn, &account[side], side, ret));
    }
    return STATUS_SUCCESS;
}

struct status books_post(struct store_txn *txn, const struct books_posting *posting,
                         struct ledger_transfer *ret)
{
    struct ledger_state state;
    struct ledger_account account[LEDGER_SIDES];
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    state.last_time_ns = next_time(txn, posting->wall_ns, &state);
    RETURN_IF_ERROR(books_prepare(txn, posting, &state, account, ret));
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        ledger_store_put_account(txn, &account[side]);
    ledger_store_append_transfer(txn, ret);
    ledger_store_put_state(txn, &state);
    return STATUS_SUCCESS;
}

uint64_t books_random(uint64_t bound)
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
