#include "tests/unit/ledger/verify_books.h"

#include "common/base/clock.h"
#include "services/ledger/unit.h"

enum { ARENA_BYTES_MAX = 64 << 20 };

// ---- Movements ----------------------------------------------------------------------------------

struct moving {
    const struct ledger_service *service;
    const struct ledger_movement *movements;
    size_t count;
};

static struct status run_moving(struct store_txn *txn, void *context)
{
    const struct moving *moving = context;
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct ledger_unit *unit;
    struct ledger_outcome outcome;
    struct status status = ledger_unit_open(moving->service, txn, arena, moving->count, &unit);
    for (size_t i = 0; i < moving->count && status_ok(status); i++)
        status = ledger_service_move(unit, &teller, &moving->movements[i], &outcome);
    if (status_ok(status)) ledger_unit_flush(unit);
    arena_close(&arena);
    return status;
}

void books_move(struct fixture *fixture, const struct ledger_movement *movements, size_t count)
{
    struct moving moving = {&fixture->service, movements, count};
    run_job(fixture, run_moving, &moving);
}

// ---- Accounts, quotes ---------------------------------------------------------------------------

struct change_job {
    const struct ledger_service *service;
    struct ledger_account_change change;
};

static struct status run_change(struct store_txn *txn, void *context)
{
    const struct change_job *job = context;
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct ledger_unit *unit;
    struct ledger_account account;
    static struct ledger_details details;
    bool changed = false;
    struct ledger_caller caller = teller;
    caller.may_set_limits = true;
    struct status status = ledger_unit_open(job->service, txn, arena, 0, &unit);
    if (status_ok(status))
        status = ledger_service_update_account(unit, &caller, &job->change, &account, &details,
                                               &changed);
    arena_close(&arena);
    return status;
}

/// Two changes: the account is then at version 3.
static void change_account(struct fixture *fixture)
{
    static struct ledger_details details;
    memcpy(details.external_ref, BOOKS_REFERENCE, sizeof BOOKS_REFERENCE);
    struct change_job named = {&fixture->service,
                               {.account_id = id_of(ASHAS),
                                .if_match = UINT64_MAX,
                                .has_external_ref = true,
                                .details = &details}};
    run_job(fixture, run_change, &named);
    struct change_job limited = {&fixture->service,
                                 {.account_id = id_of(ASHAS),
                                  .if_match = UINT64_MAX,
                                  .has_credit_limit = true,
                                  .credit_limit = 5000,
                                  .details = &details}};
    run_job(fixture, run_change, &limited);
}

static struct status run_quotes(struct store_txn *txn, void *context)
{
    const struct ledger_service *service = context;
    static const uint8_t ids[] = {QUOTE, OPEN_QUOTE};
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct status status = STATUS_SUCCESS;
    for (size_t i = 0; i < ROWS(ids) && status_ok(status); i++) {
        struct ledger_unit *unit;
        struct ledger_quote quote = {.id = id_of(ids[i]),
                                     .sell_currency = "USD",
                                     .buy_currency = "INR",
                                     .sell_amount = 100,
                                     .rate_numerator = 83,
                                     .rate_denominator = 1};
        bool existed;
        status = ledger_unit_open(service, txn, arena, 0, &unit);
        if (status_ok(status)) status = ledger_service_quote(unit, &quote, 3600, &existed);
        if (status_ok(status)) ledger_unit_flush(unit);
    }
    arena_close(&arena);
    return status;
}

static struct status run_exchange(struct store_txn *txn, void *context)
{
    const struct ledger_service *service = context;
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct ledger_unit *unit;
    struct ledger_quote quote;
    struct ledger_outcome outcomes[LEDGER_SIDES];
    const struct id128 accounts[LEDGER_SIDES] = {id_of(ASHAS_USD), id_of(ASHAS)};
    bool existed;
    struct status status = ledger_unit_open(service, txn, arena, 2, &unit);
    if (status_ok(status))
        status = ledger_service_exchange(unit, &teller, id_of(QUOTE), accounts, bytes_of(NULL, 0),
                                         &quote, outcomes, &existed);
    if (status_ok(status)) ledger_unit_flush(unit);
    arena_close(&arena);
    return status;
}

// ---- All of it ----------------------------------------------------------------------------------

static void make_holds(struct fixture *fixture)
{
    const struct ledger_movement steps[] = {
        hold_of(id_of(OPEN_HOLD), ASHAS, RAVIS, 100, 0),
        capture_of(id_of(OPEN_CAPTURE), id_of(OPEN_HOLD), 30, false),
        hold_of(id_of(TIMED_HOLD), ASHAS, RAVIS, 50, 3600),
        hold_of(id_of(VOIDED_HOLD), ASHAS, RAVIS, 40, 3600),
        void_of(id_of(VOIDING), id_of(VOIDED_HOLD)),
        hold_of(id_of(POSTED_HOLD), ASHAS, RAVIS, 20, 0),
        capture_of(id_of(POSTING), id_of(POSTED_HOLD), 15, true),
        hold_of(id_of(EXPIRED_HOLD), ASHAS, RAVIS, 10, 60),
        capture_of(id_of(EARLY_CAPTURE), id_of(EXPIRED_HOLD), 4, false),
    };
    for (size_t i = 0; i < ROWS(steps); i++)
        must_move(fixture, steps[i]);
    wait_seconds(61);
    must_move(fixture, transfer_of(id_of(TRIGGER), ASHAS, RAVIS, 1));
}

static void make_reversals(struct fixture *fixture)
{
    must_move(fixture, reversal_of(id_of(PART_REVERSAL), id_of(REVERSED_IN_PART), 2));
    must_move(fixture, reversal_of(id_of(WHOLE_REVERSAL), id_of(REVERSED), 3));
    must_move(fixture, reversal_of(id_of(LAST_REVERSAL), id_of(REVERSED), 0));
}

static void make_group(struct fixture *fixture)
{
    struct ledger_movement movements[3];
    for (size_t i = 0; i < ROWS(movements); i++) {
        movements[i] = transfer_of(id_of((uint8_t)(GROUP_FIRST + i)), ASHAS, RAVIS, 1);
        movements[i].asked.group_id = id_of(GROUP);
    }
    books_move(fixture, movements, ROWS(movements));
}

int setup_books(void **state)
{
    setup(state);
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, ASHAS);
    make_customer(fixture, RAVI, RAVIS);
    make_account(fixture, ASHA, ASHAS_USD, "USD");
    must_move(fixture, deposit_of(id_of(FUNDING), ASHAS, 1000));
    for (uint8_t i = 0; i < PLAIN_COUNT; i++) {
        uint8_t from = i % 3 == 2 ? RAVIS : ASHAS, to = i % 3 == 2 ? ASHAS : RAVIS;
        must_move(fixture, transfer_of(id_of((uint8_t)(PLAIN_FIRST + i)), from, to, i + 1u));
    }
    make_holds(fixture);
    make_reversals(fixture);
    make_group(fixture);
    change_account(fixture);
    must_move(fixture, deposit_of(id_of(FUNDING + 1), ASHAS_USD, 500));
    run_job(fixture, run_quotes, &fixture->service);
    run_job(fixture, run_exchange, &fixture->service);
    return 0;
}

uint64_t books_number(struct store_txn *txn, uint8_t id)
{
    struct ledger_id_entry entry;
    assert_status_ok(ledger_store_find_id(txn, id_of(id), &entry));
    assert_false(entry.is_failed);
    return entry.number;
}

struct ledger_transfer books_transfer(struct store_txn *txn, uint8_t id)
{
    struct ledger_transfer transfer;
    assert_status_ok(ledger_store_get_transfer(txn, NULL, books_number(txn, id), &transfer));
    return transfer;
}

// ---- Damages ------------------------------------------------------------------------------------

static struct status run_damage(struct store_txn *txn, void *context)
{
    const struct damage *damage = context;
    damage->make(txn);
    return STATUS_SUCCESS;
}

void books_expect_found(const struct damage *damages, size_t count)
{
    static struct ledger_verification result;
    for (size_t i = 0; i < count; i++) {
        void *books;
        setup_books(&books);
        struct fixture *fixture = books;
        assert_clean(fixture);
        run_job(fixture, run_damage, (void *)&damages[i]);
        assert_status_ok(ledger_verify(fixture->store, NULL, &result));
        bool found = false;
        for (size_t k = 0; k < result.finding_count && k < LEDGER_FINDINGS_MAX; k++)
            found = found || strcmp(result.findings[k].reason, damages[i].finding) == 0;
        if (!found)
            fail_msg("%s: %s was not among the %ju findings, first %s", damages[i].name,
                     damages[i].finding, (uintmax_t)result.finding_count,
                     result.finding_count > 0 ? result.findings[0].reason : "none");
        teardown(&books);
    }
}

struct bytes raw_number_key(uint64_t number)
{
    static uint8_t key[8];
    put_u64_be(key, number);
    return bytes_of(key, sizeof key);
}

void raw_put_transfer(struct store_txn *txn, const struct ledger_transfer *transfer)
{
    static uint8_t record[LEDGER_TRANSFER_BYTES_MAX];
    size_t size = ledger_transfer_encode(transfer, record);
    store_put(txn, LEDGER_TABLE_TRANSFERS, raw_number_key(transfer->number),
              bytes_of(record, size));
}

void raw_put_account(struct store_txn *txn, const struct ledger_account *account)
{
    uint8_t record[LEDGER_ACCOUNT_BYTES]; // Past the conservation check, which would stop us.
    ledger_account_encode(account, record);
    store_put(txn, LEDGER_TABLE_ACCOUNTS, id128_bytes(&account->id),
              bytes_of(record, sizeof record));
}

/// A copy of the first row's key: writing may move what it points to.
static struct bytes first_key(struct store_txn *txn, uint8_t table)
{
    static uint8_t key[STORE_KEY_BYTES_MAX];
    struct store_cursor cursor;
    store_cursor_open(txn, table, &cursor);
    assert_true(store_cursor_first(&cursor));
    size_t size = cursor.key.size;
    memcpy(key, cursor.key.data, size);
    store_cursor_close(&cursor);
    return bytes_of(key, size);
}

void raw_break_first(struct store_txn *txn, uint8_t table)
{
    store_put(txn, table, first_key(txn, table), bytes_of_text("?"));
}

void raw_lose_first(struct store_txn *txn, uint8_t table)
{
    store_delete(txn, table, first_key(txn, table));
}
