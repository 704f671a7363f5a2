#include "tests/unit/ledger/fixture.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/expiry.h"

enum { ARENA_BYTES_MAX = 128 << 20 };

// ---- Snapshots ----------------------------------------------------------------------------------

enum { READS_MAX = 8 };

static struct read {
    const struct fixture *fixture;
    struct store_txn *txn; // NULL: this place is free.
} reads[READS_MAX];

struct store_txn *read_store(const struct fixture *fixture)
{
    struct read *read = reads;
    while (read->txn != NULL)
        CHECK(++read < reads + READS_MAX);
    assert_status_ok(store_snapshot_begin(fixture->store, &read->txn));
    read->fixture = fixture;
    return read->txn;
}

void end_read(struct store_txn **txn)
{
    for (size_t i = 0; i < READS_MAX && *txn != NULL; i++) {
        if (reads[i].txn != *txn) continue;
        reads[i].txn = NULL;
        store_snapshot_end(txn);
    }
    CHECK(*txn == NULL);
}

static void end_reads_of(const struct fixture *fixture)
{
    for (size_t i = 0; i < READS_MAX; i++)
        if (reads[i].fixture == fixture) store_snapshot_end(&reads[i].txn);
}

// ---- Opening ------------------------------------------------------------------------------------

struct status open_schema(struct fixture *fixture, const struct store_schema *schema)
{
    const struct store_schema *schemas[] = {schema, fixture->beside};
    struct store_config config = {.directory = fixture->path, .map_bytes = fixture->map_bytes};
    size_t count = fixture->beside != NULL ? 2 : 1;
    return store_open(&config, schemas, count, &fixture->store);
}

struct status try_open_fixture(struct fixture *fixture)
{
    RETURN_IF_ERROR(open_schema(fixture, &ledger_store_schema));
    return ledger_service_open(fixture->store, &fixture->service);
}

void open_fixture(struct fixture *fixture)
{
    assert_status_ok(try_open_fixture(fixture));
}

void close_fixture(struct fixture *fixture)
{
    end_reads_of(fixture);
    store_close(&fixture->store);
    ledger_service_close(&fixture->service);
}

void make_fixture(struct fixture *ret)
{
    *ret = (struct fixture){.map_bytes = UINT64_C(1) << 30, .arena = arena_open(ARENA_BYTES_MAX)};
    directory_make("ledger", ret->directory, sizeof ret->directory);
    snprintf(ret->path, sizeof ret->path, "%s/store", ret->directory);
    clock_test_set(TEST_BEGIN_NS, 1);
}

void remove_fixture(struct fixture *fixture)
{
    arena_close(&fixture->arena);
    clock_test_release();
    directory_remove(fixture->directory);
}

int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    make_fixture(fixture);
    open_fixture(fixture);
    *state = fixture;
    return 0;
}

int teardown(void **state)
{
    close_fixture(*state);
    remove_fixture(*state);
    free(*state);
    return 0;
}

// ---- Jobs ---------------------------------------------------------------------------------------

void run_job(struct fixture *fixture, struct status (*run)(struct store_txn *txn, void *context),
             void *context)
{
    assert_status_ok(store_write_wait(fixture->store, run, context));
}

struct unit_job {
    struct fixture *fixture;
    size_t transfers_max;
    struct status (*run)(struct ledger_unit *unit, void *context);
    void *context;
    struct status answer;
};

static struct status run_unit(struct store_txn *txn, void *context)
{
    struct unit_job *job = context;
    struct fixture *fixture = job->fixture;
    struct ledger_unit *unit;
    arena_reset(fixture->arena);
    RETURN_IF_ERROR(
        ledger_unit_open(&fixture->service, txn, fixture->arena, job->transfers_max, &unit));
    job->answer = job->run(unit, job->context);
    return STATUS_SUCCESS;
}

struct status run_on_unit(struct fixture *fixture,
                          struct status (*run)(struct ledger_unit *unit, void *context),
                          void *context)
{
    struct unit_job job = {.fixture = fixture, .transfers_max = 1, .run = run, .context = context};
    run_job(fixture, run_unit, &job);
    return job.answer;
}

struct expiry_job {
    const struct ledger_service *service;
    bool has_more;
};

static struct status run_due(struct store_txn *txn, void *context)
{
    struct expiry_job *job = context;
    return ledger_expiry_run(job->service, txn, &job->has_more);
}

bool let_expire(struct fixture *fixture)
{
    struct expiry_job job = {.service = &fixture->service};
    run_job(fixture, run_due, &job);
    return job.has_more;
}

// ---- People and accounts ------------------------------------------------------------------------

const struct ledger_caller teller = {.is_any = true, .user_id = {{0xee}}, .name = "users/teller"};

struct ledger_caller customer(uint8_t owner)
{
    return (struct ledger_caller){.user_id = id_of(owner), .name = "users/customer"};
}

struct ledger_caller caller_of(uint8_t who)
{
    switch (who) {
    case TELLER:
        return teller;
    case TELLER_2:
        return (struct ledger_caller){.is_any = true, .user_id = id_of(who)};
    case OFFICER:
        return (struct ledger_caller){.is_any = true,
                                      .may_set_limits = true,
                                      .may_open_system = true,
                                      .user_id = id_of(who),
                                      .name = "users/officer"};
    case PAYMENTS:
        return (struct ledger_caller){.is_any = true};
    default:
        return customer(who);
    }
}

int setup_people(void **state)
{
    setup(state);
    make_customer(*state, ASHA, ASHAS);
    make_customer(*state, RAVI, RAVIS);
    must_deposit(*state, ASHAS, 1000);
    return 0;
}

struct opening opening_of(uint8_t who, uint8_t owner, struct id128 id, const char *currency)
{
    static const struct ledger_details no_details;
    struct opening opening = {.who = who,
                              .asked = {.id = id,
                                        .owner_id = id_of(owner),
                                        .class = LEDGER_CLASS_LIABILITY,
                                        .kind = LEDGER_KIND_CUSTOMER,
                                        .details = &no_details}};
    snprintf(opening.asked.currency, sizeof opening.asked.currency, "%s", currency);
    return opening;
}

struct status run_opening(struct ledger_unit *unit, void *context)
{
    struct opening *opening = context;
    const struct ledger_caller caller = caller_of(opening->who);
    return ledger_service_create_account(unit, &caller, &opening->asked, &opening->account,
                                         &opening->existed);
}

struct status try_open_account(struct fixture *fixture, struct opening *opening)
{
    return run_on_unit(fixture, run_opening, opening);
}

void make_account(struct fixture *fixture, uint8_t owner, uint8_t account, const char *currency)
{
    struct opening opening = opening_of(TELLER, owner, id_of(account), currency);
    assert_status_ok(try_open_account(fixture, &opening));
}

struct tier_change {
    const struct ledger_service *service;
    struct id128 owner_id;
    const char *tier;
    uint64_t version;
    bool is_changed;
};

static struct status run_set_tier(struct store_txn *txn, void *context)
{
    struct tier_change *change = context;
    struct ledger_profile profile;
    return ledger_service_set_tier(change->service, txn, change->owner_id, change->tier,
                                   change->version, &profile, &change->is_changed);
}

bool set_tier(struct fixture *fixture, uint8_t owner, const char *tier, uint64_t version)
{
    struct tier_change change = {&fixture->service, id_of(owner), tier, version, false};
    run_job(fixture, run_set_tier, &change);
    return change.is_changed;
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
    struct ledger_caller caller;
    struct ledger_movement movement;
    struct ledger_outcome *outcome;
};

static struct status run_movement(struct ledger_unit *unit, void *context)
{
    struct movement_job *job = context;
    struct ledger_outcome *outcome = job->outcome;
    struct status answer = ledger_service_move(unit, &job->caller, &job->movement, outcome);
    if (outcome->is_created || outcome->is_burnt) ledger_unit_flush(unit);
    return answer;
}

struct status move(struct fixture *fixture, struct ledger_caller caller,
                   struct ledger_movement movement, struct ledger_outcome *ret)
{
    struct movement_job job = {.caller = caller, .movement = movement, .outcome = ret};
    job.movement.has_key = id128_is_nil(movement.asked.id);
    return run_on_unit(fixture, run_movement, &job);
}

struct batch_job {
    struct ledger_caller caller;
    struct ledger_batch *batch;
};

static struct status run_batch(struct ledger_unit *unit, void *context)
{
    struct batch_job *job = context;
    RETURN_IF_ERROR(ledger_service_batch(unit, &job->caller, job->batch));
    if (job->batch->has_changes) ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

struct status batch(struct fixture *fixture, struct ledger_caller caller,
                    struct ledger_batch *asked)
{
    struct batch_job asking = {.caller = caller, .batch = asked};
    struct unit_job job = {
        .fixture = fixture, .transfers_max = asked->count, .run = run_batch, .context = &asking};
    run_job(fixture, run_unit, &job);
    return job.answer;
}

void must_move(struct fixture *fixture, struct ledger_movement movement)
{
    struct ledger_outcome outcome;
    assert_status_ok(move(fixture, teller, movement, &outcome));
}

void must_move_all(struct fixture *fixture, const struct ledger_movement *movements, size_t count)
{
    static struct ledger_batch_result results[LEDGER_BATCH_TRANSFERS_MAX];
    struct ledger_batch asked = {.movements = movements,
                                 .count = count,
                                 .mode = LEDGER_BATCH_ATOMIC,
                                 .group_id = id128_generate(),
                                 .results = results};
    assert_true(count <= ROWS(results));
    assert_status_ok(batch(fixture, teller, &asked));
    assert_int_equal(asked.created, count);
}

void must_deposit(struct fixture *fixture, uint8_t account, u128 amount)
{
    must_move(fixture, deposit_of(id128_generate(), account, amount));
}

void must_transfer(struct fixture *fixture, uint8_t debit, uint8_t credit, u128 amount)
{
    must_move(fixture, transfer_of(id128_generate(), debit, credit, amount));
}

// ---- Reading ------------------------------------------------------------------------------------

struct ledger_account read_account(struct fixture *fixture, struct id128 id)
{
    struct ledger_account account;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
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
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    assert_status_ok(
        ledger_service_get_transfer(txn, fixture->arena, &teller, id, &transfer, ret_progress));
    return transfer;
}

size_t count_rows(struct fixture *fixture, uint8_t table)
{
    size_t count = 0;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    store_cursor_open(txn, table, &cursor);
    for (bool has = store_cursor_first(&cursor); has; has = store_cursor_next(&cursor))
        count++;
    return count;
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
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
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

bool assert_answer(struct fixture *fixture, struct status status, const char *refused,
                   struct dump *before)
{
    if (refused == NULL) {
        assert_status_ok(status);
        free(before->data);
        return true;
    }
    assert_refused(status, refused);
    assert_same_store(fixture, before);
    return false;
}

void assert_clean(struct fixture *fixture)
{
    static struct ledger_verification result;
    assert_status_ok(ledger_verify(fixture->store, NULL, &result));
    if (result.finding_count > 0)
        fail_msg("%ju findings, first %s: %s: %s", (uintmax_t)result.finding_count,
                 result.findings[0].reason, result.findings[0].subject, result.findings[0].detail);
}
