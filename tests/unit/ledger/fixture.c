#include "tests/unit/ledger/fixture.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ARENA_BYTES_MAX = 128 << 20 };

const struct ledger_caller teller = {.is_any = true, .user_id = {{0xee}}, .name = "users/teller"};

struct ledger_caller customer(uint8_t owner)
{
    return (struct ledger_caller){.user_id = id_of(owner)};
}

void open_fixture(struct fixture *fixture)
{
    const struct store_schema *schemas[] = {&ledger_store_schema};
    struct store_config config = {.directory = fixture->path, .map_bytes = fixture->map_bytes};
    assert_status_ok(store_open(&config, schemas, 1, &fixture->store));
    assert_status_ok(ledger_service_open(fixture->store, &fixture->service));
    fixture->arena = arena_open(ARENA_BYTES_MAX);
}

void close_fixture(struct fixture *fixture)
{
    store_close(&fixture->store);
    ledger_service_close(&fixture->service);
    arena_close(&fixture->arena);
}

int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->map_bytes = UINT64_C(1) << 30;
    directory_make("ledger", fixture->directory, sizeof fixture->directory);
    snprintf(fixture->path, sizeof fixture->path, "%.240s/store", fixture->directory);
    clock_test_set(TEST_BEGIN_NS, 1);
    open_fixture(fixture);
    *state = fixture;
    return 0;
}

int teardown(void **state)
{
    struct fixture *fixture = *state;
    close_fixture(fixture);
    clock_test_release();
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

void run_job(struct fixture *fixture, struct status (*run)(struct store_txn *txn, void *context),
             void *context)
{
    assert_status_ok(store_write_wait(fixture->store, run, context));
}

// ---- People -------------------------------------------------------------------------------------

struct account_job {
    struct fixture *fixture;
    struct ledger_new_account asked;
};

static struct status run_create_account(struct store_txn *txn, void *context)
{
    struct account_job *job = context;
    struct fixture *fixture = job->fixture;
    struct ledger_unit *unit;
    struct ledger_account account;
    bool existed;
    arena_reset(fixture->arena);
    RETURN_IF_ERROR(ledger_unit_open(&fixture->service, txn, fixture->arena, 1, &unit));
    return ledger_service_create_account(unit, &teller, &job->asked, &account, &existed);
}

void make_account(struct fixture *fixture, uint8_t owner, uint8_t account, const char *currency)
{
    static const struct ledger_details no_details;
    struct account_job job = {
        .fixture = fixture,
        .asked = {.id = id_of(account),
                  .owner_id = id_of(owner),
                  .class = LEDGER_CLASS_LIABILITY,
                  .kind = LEDGER_KIND_CUSTOMER,
                  .details = &no_details},
    };
    memcpy(job.asked.currency, currency, strlen(currency));
    run_job(fixture, run_create_account, &job);
}

struct tier_change {
    struct fixture *fixture;
    struct id128 owner_id;
    const char *tier;
    uint64_t version;
};

static struct status run_set_tier(struct store_txn *txn, void *context)
{
    const struct tier_change *change = context;
    struct ledger_profile profile;
    bool changed;
    return ledger_service_set_tier(&change->fixture->service, txn, change->owner_id, change->tier,
                                   change->version, &profile, &changed);
}

void set_tier(struct fixture *fixture, uint8_t owner, const char *tier, uint64_t version)
{
    struct tier_change change = {fixture, id_of(owner), tier, version};
    run_job(fixture, run_set_tier, &change);
}

void make_customer(struct fixture *fixture, uint8_t owner, uint8_t account)
{
    make_account(fixture, owner, account, "INR");
    set_tier(fixture, owner, "T3", 1);
}

struct settings {
    uint8_t account;
    void (*set)(struct ledger_account *account);
};

static struct status run_set(struct store_txn *txn, void *context)
{
    const struct settings *settings = context;
    struct ledger_account account;
    struct ledger_details before, details;
    RETURN_IF_ERROR(ledger_store_get_account(txn, id_of(settings->account), &account));
    RETURN_IF_ERROR(ledger_store_get_details(txn, account.id, &before));
    settings->set(&account);
    details = before;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        details.freeze[side] = (struct ledger_freeze){0};
        if (account.frozen[side])
            details.freeze[side] =
                (struct ledger_freeze){TEST_BEGIN_NS, "users/officer", "court order"};
    }
    ledger_store_put_account(txn, &account);
    ledger_store_put_details(txn, account.id, &before, &details);
    return STATUS_SUCCESS;
}

void set_account(struct fixture *fixture, uint8_t account,
                 void (*set)(struct ledger_account *account))
{
    struct settings settings = {account, set};
    run_job(fixture, run_set, &settings);
}

// ---- Movements ----------------------------------------------------------------------------------

struct ledger_movement transfer_of(struct id128 id, uint8_t debit, uint8_t credit, u128 amount)
{
    return (struct ledger_movement){.asked = {.id = id,
                                              .kind = LEDGER_TRANSFER_POSTED,
                                              .account_id = {id_of(debit), id_of(credit)},
                                              .amount = amount,
                                              .currency = "INR"},
                                    .has_amount = true};
}

struct ledger_movement transfer_up_to(struct id128 id, uint8_t debit, uint8_t credit, u128 up_to)
{
    struct ledger_movement movement = transfer_of(id, debit, credit, 0);
    movement.has_amount = false;
    movement.has_amount_up_to = true;
    movement.asked.amount_up_to = up_to;
    return movement;
}

static struct ledger_movement cash_of(struct id128 id, enum ledger_side side, uint8_t account,
                                      u128 amount)
{
    struct ledger_movement movement = {
        .asked = {.id = id, .kind = LEDGER_TRANSFER_POSTED, .amount = amount},
        .has_amount = true,
        .is_deposit = side == LEDGER_CREDIT,
        .is_withdrawal = side == LEDGER_DEBIT};
    movement.asked.account_id[side] = id_of(account);
    return movement;
}

struct ledger_movement deposit_of(struct id128 id, uint8_t account, u128 amount)
{
    return cash_of(id, LEDGER_CREDIT, account, amount);
}

struct ledger_movement withdrawal_of(struct id128 id, uint8_t account, u128 amount)
{
    return cash_of(id, LEDGER_DEBIT, account, amount);
}

struct ledger_movement hold_of(struct id128 id, uint8_t debit, uint8_t credit, u128 amount,
                               uint32_t timeout_seconds)
{
    struct ledger_movement movement = transfer_of(id, debit, credit, amount);
    movement.asked.kind = LEDGER_TRANSFER_PENDING;
    movement.asked.timeout_seconds = timeout_seconds;
    return movement;
}

static struct ledger_movement follow_up_of(struct id128 id, enum ledger_transfer_kind kind,
                                           struct id128 subject_id, u128 amount)
{
    return (struct ledger_movement){
        .asked = {.id = id, .kind = kind, .subject_id = subject_id, .amount = amount},
        .has_amount = amount > 0};
}

struct ledger_movement capture_of(struct id128 id, struct id128 pending_id, u128 amount,
                                  bool is_final)
{
    struct ledger_movement movement = follow_up_of(id, LEDGER_TRANSFER_POST, pending_id, amount);
    movement.has_final = !is_final; // It is the default.
    movement.asked.not_final = !is_final;
    return movement;
}

struct ledger_movement void_of(struct id128 id, struct id128 pending_id)
{
    return follow_up_of(id, LEDGER_TRANSFER_VOID, pending_id, 0);
}

struct ledger_movement reversal_of(struct id128 id, struct id128 reverses_id, u128 amount)
{
    return follow_up_of(id, LEDGER_TRANSFER_REVERSAL, reverses_id, amount);
}

void wait_seconds(uint64_t seconds)
{
    clock_test_advance(seconds * NS_PER_SECOND + NS_PER_MS);
}

struct movement_job {
    struct fixture *fixture;
    struct ledger_caller caller;
    struct ledger_movement movement;
    struct ledger_outcome *outcome;
    struct status answer;
};

// As rpc does: a refusal that burnt the id is answered, and committed.
static struct status run_movement(struct store_txn *txn, void *context)
{
    struct movement_job *job = context;
    struct fixture *fixture = job->fixture;
    struct ledger_unit *unit;
    arena_reset(fixture->arena);
    RETURN_IF_ERROR(ledger_unit_open(&fixture->service, txn, fixture->arena, 1, &unit));
    job->answer = ledger_service_move(unit, &job->caller, &job->movement, job->outcome);
    if (job->outcome->is_created || job->outcome->is_burnt) ledger_unit_flush(unit);
    return job->outcome->is_burnt ? STATUS_SUCCESS : job->answer;
}

struct status move(struct fixture *fixture, struct ledger_caller caller,
                   struct ledger_movement movement, struct ledger_outcome *ret)
{
    struct movement_job job = {
        .fixture = fixture, .caller = caller, .movement = movement, .outcome = ret};
    job.movement.has_key = id128_is_nil(movement.asked.id);
    struct status status = store_write_wait(fixture->store, run_movement, &job);
    if (!ret->is_burnt) assert_int_equal(status.code, job.answer.code);
    return job.answer;
}

void must_move(struct fixture *fixture, struct ledger_movement movement)
{
    struct ledger_outcome outcome;
    assert_status_ok(move(fixture, teller, movement, &outcome));
}

struct status transfer(struct fixture *fixture, struct ledger_caller caller,
                       struct ledger_movement movement, struct ledger_outcome *ret)
{
    return move(fixture, caller, movement, ret);
}

struct status deposit(struct fixture *fixture, struct ledger_movement movement,
                      struct ledger_outcome *ret)
{
    return move(fixture, teller, movement, ret);
}

void must_deposit(struct fixture *fixture, uint8_t account, u128 amount)
{
    must_move(fixture, deposit_of(id128_generate(), account, amount));
}

void must_transfer(struct fixture *fixture, uint8_t debit, uint8_t credit, u128 amount)
{
    must_move(fixture, transfer_of(id128_generate(), debit, credit, amount));
}

struct batch_job {
    struct fixture *fixture;
    struct ledger_caller caller;
    struct ledger_batch *batch;
};

static struct status run_batch(struct store_txn *txn, void *context)
{
    struct batch_job *job = context;
    struct fixture *fixture = job->fixture;
    struct ledger_unit *unit;
    arena_reset(fixture->arena);
    RETURN_IF_ERROR(
        ledger_unit_open(&fixture->service, txn, fixture->arena, job->batch->count, &unit));
    RETURN_IF_ERROR(ledger_service_batch(unit, &job->caller, job->batch));
    if (job->batch->has_changes) ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

struct status batch(struct fixture *fixture, struct ledger_caller caller,
                    struct ledger_batch *asked)
{
    struct batch_job job = {.fixture = fixture, .caller = caller, .batch = asked};
    return store_write_wait(fixture->store, run_batch, &job);
}

// ---- Reading ------------------------------------------------------------------------------------

struct ledger_account read_account(struct fixture *fixture, struct id128 id)
{
    struct ledger_account account;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(fixture->store, &txn));
    assert_status_ok(ledger_store_get_account(txn, id, &account));
    return account;
}

i128 balance_of(struct fixture *fixture, uint8_t account)
{
    struct ledger_account read = read_account(fixture, id_of(account));
    return ledger_balance_posted(read.class, &read.totals);
}

void assert_balance(struct fixture *fixture, uint8_t account, int64_t posted, int64_t pending_out,
                    int64_t pending_in)
{
    struct ledger_account read = read_account(fixture, id_of(account));
    assert_int_equal(ledger_balance_posted(read.class, &read.totals), posted);
    assert_int_equal(ledger_balance_pending_out(read.class, &read.totals), pending_out);
    assert_int_equal(ledger_balance_pending_in(read.class, &read.totals), pending_in);
}

struct ledger_transfer read_transfer(struct fixture *fixture, struct id128 id,
                                     struct ledger_progress *ret_progress)
{
    struct ledger_transfer transfer;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(fixture->store, &txn));
    assert_status_ok(
        ledger_service_get_transfer(txn, fixture->arena, &teller, id, &transfer, ret_progress));
    return transfer;
}

// ---- Looking at everything ----------------------------------------------------------------------

static void add_to_dump(struct dump *dump, const void *data, size_t size)
{
    if (dump->size + size > dump->room) {
        dump->room = (dump->size + size) * 2;
        dump->data = realloc(dump->data, dump->room);
        CHECK(dump->data != NULL);
    }
    memcpy(dump->data + dump->size, data, size);
    dump->size += size;
}

struct dump dump_store(struct fixture *fixture)
{
    struct dump dump = {0};
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(fixture->store, &txn));
    for (uint8_t table = LEDGER_TABLE_STATE; table < LEDGER_TABLE_END; table++) {
        struct store_cursor cursor;
        store_cursor_open(txn, table, &cursor);
        for (bool has = store_cursor_first(&cursor); has; has = store_cursor_next(&cursor)) {
            size_t sizes[3] = {table, cursor.key.size, cursor.value.size};
            add_to_dump(&dump, sizes, sizeof sizes);
            add_to_dump(&dump, cursor.key.data, cursor.key.size);
            add_to_dump(&dump, cursor.value.data, cursor.value.size);
        }
        store_cursor_close(&cursor);
    }
    return dump;
}

void assert_same_store(struct fixture *fixture, struct dump *before)
{
    struct dump after = dump_store(fixture);
    assert_int_equal(before->size, after.size);
    assert_memory_equal(before->data, after.data, after.size);
    free(before->data);
    free(after.data);
    *before = (struct dump){0};
}

void assert_only_the_id_is_new(struct fixture *fixture, struct dump *before, struct id128 id,
                               const char *reason)
{
    struct dump after = dump_store(fixture);
    size_t row = 3 * sizeof(size_t) + ID128_BYTES + 2 + strlen(reason);
    assert_int_equal(after.size, before->size + row);
    size_t same = 0;
    while (same < before->size && before->data[same] == after.data[same])
        same++;
    // The new row may share its first bytes with the row behind it: look for it just before.
    size_t at = same;
    while (memcmp(after.data + at + 3 * sizeof(size_t), id.bytes, ID128_BYTES) != 0) {
        assert_true(at > 0);
        at--;
    }
    assert_memory_equal(before->data, after.data, at);
    assert_memory_equal(before->data + at, after.data + at + row, before->size - at);
    assert_memory_equal(after.data + at + row - strlen(reason), reason, strlen(reason));
    free(after.data);
    free(before->data);
    *before = (struct dump){0};
}

void assert_clean(struct fixture *fixture)
{
    static struct ledger_verification result;
    assert_status_ok(ledger_verify(fixture->store, NULL, &result));
    if (result.finding_count > 0)
        fail_msg("%ju findings, first %s: %s: %s", (uintmax_t)result.finding_count,
                 result.findings[0].reason, result.findings[0].subject, result.findings[0].detail);
}

uint64_t random_below(uint64_t bound)
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
