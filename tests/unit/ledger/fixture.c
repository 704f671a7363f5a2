#include "tests/unit/ledger/fixture.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

const struct ledger_caller teller = {.is_any = true, .user_id = {{0xee}}};

struct ledger_caller customer(uint8_t owner)
{
    return (struct ledger_caller){.user_id = id_of(owner)};
}

void open_fixture(struct fixture *fixture)
{
    const struct store_schema *schemas[] = {&ledger_store_schema};
    struct store_config config = {.directory = fixture->path, .map_bytes = UINT64_C(1) << 30};
    assert_status_ok(store_open(&config, schemas, 1, &fixture->store));
    assert_status_ok(ledger_service_open(fixture->store, &fixture->service));
}

void close_fixture(struct fixture *fixture)
{
    store_close(&fixture->store);
    ledger_service_close(&fixture->service);
}

int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
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

static struct status run_create_account(struct store_txn *txn, void *context)
{
    struct ledger_account account;
    bool existed;
    return ledger_service_create_account(txn, &teller, context, &account, &existed);
}

void make_account(struct fixture *fixture, uint8_t owner, uint8_t account, const char *currency)
{
    struct ledger_new_account asked = {.id = id_of(account), .owner_id = id_of(owner)};
    memcpy(asked.currency, currency, strlen(currency));
    run_job(fixture, run_create_account, &asked);
}

struct tier_change {
    struct id128 owner_id;
    const char *tier;
    uint64_t version;
};

static struct status run_set_tier(struct store_txn *txn, void *context)
{
    const struct tier_change *change = context;
    bool changed;
    return ledger_service_set_tier(txn, change->owner_id, change->tier, change->version, &changed);
}

void set_tier(struct fixture *fixture, uint8_t owner, const char *tier, uint64_t version)
{
    struct tier_change change = {id_of(owner), tier, version};
    run_job(fixture, run_set_tier, &change);
}

void make_customer(struct fixture *fixture, uint8_t owner, uint8_t account)
{
    make_account(fixture, owner, account, "INR");
    set_tier(fixture, owner, "T3", 1);
}

// ---- Movements ----------------------------------------------------------------------------------

struct ledger_movement transfer_of(struct id128 id, uint8_t debit, uint8_t credit, u128 amount)
{
    return (struct ledger_movement){
        .id = id, .account_id = {id_of(debit), id_of(credit)}, .amount = amount, .currency = "INR"};
}

struct ledger_movement deposit_of(struct id128 id, uint8_t account, u128 amount)
{
    return (struct ledger_movement){
        .id = id, .account_id = {[LEDGER_CREDIT] = id_of(account)}, .amount = amount};
}

struct movement_job {
    const struct ledger_service *service;
    struct ledger_caller caller;
    struct ledger_movement movement;
    struct ledger_outcome *outcome;
    bool is_deposit;
    struct status answer;
};

// As rpc.c does: a refusal that burnt the id is answered, and committed.
static struct status run_movement(struct store_txn *txn, void *context)
{
    struct movement_job *job = context;
    job->answer = job->is_deposit ? ledger_service_deposit(job->service, txn, &job->caller,
                                                           &job->movement, job->outcome)
                                  : ledger_service_create_transfer(job->service, txn, &job->caller,
                                                                   &job->movement, job->outcome);
    return job->outcome->is_burnt ? STATUS_SUCCESS : job->answer;
}

static struct status move(struct fixture *fixture, struct movement_job *job)
{
    job->service = &fixture->service;
    struct status status = store_write_wait(fixture->store, run_movement, job);
    if (!job->outcome->is_burnt) assert_int_equal(status.code, job->answer.code);
    return job->answer;
}

struct status transfer(struct fixture *fixture, struct ledger_caller caller,
                       struct ledger_movement movement, struct ledger_outcome *ret)
{
    struct movement_job job = {.caller = caller, .movement = movement, .outcome = ret};
    return move(fixture, &job);
}

struct status deposit(struct fixture *fixture, struct ledger_movement movement,
                      struct ledger_outcome *ret)
{
    struct movement_job job = {
        .caller = teller, .movement = movement, .outcome = ret, .is_deposit = true};
    return move(fixture, &job);
}

void must_deposit(struct fixture *fixture, uint8_t account, u128 amount)
{
    struct ledger_outcome outcome;
    assert_status_ok(deposit(fixture, deposit_of(id128_generate(), account, amount), &outcome));
}

void must_transfer(struct fixture *fixture, uint8_t debit, uint8_t credit, u128 amount)
{
    struct ledger_outcome outcome;
    assert_status_ok(
        transfer(fixture, teller, transfer_of(id128_generate(), debit, credit, amount), &outcome));
}

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
