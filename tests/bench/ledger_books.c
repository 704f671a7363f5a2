#include "tests/bench/ledger_books.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/event/event.h"
#include "services/ledger/unit.h"
#include "tests/bench/bench.h"

#include <assert.h>

enum { CHUNK = 500, ARENA_BYTES_MAX = 64 << 20, COMMITS = 1000, PAYLOAD_BYTES = 300 };

#define DEPOSIT UINT64_C(1000000000000)

const struct ledger_caller books_bank = {.is_any = true, .name = "services/bench"};

struct id128 books_account_id(uint64_t index)
{
    struct id128 id = {{0}};
    put_u64_be(id.bytes, index * UINT64_C(0x9E3779B97F4A7C15));
    put_u64_be(id.bytes + 8, index + 1);
    return id;
}

struct making {
    struct ledger_service *service;
    uint64_t first;
};

static struct status make_account(struct making *making, struct store_txn *txn, struct arena *arena,
                                  struct id128 id)
{
    struct ledger_details *details = arena_alloc(arena, sizeof *details);
    CHECK(details != NULL);
    struct ledger_new_account asked = {.id = id,
                                       .owner_id = id,
                                       .currency = "INR",
                                       .class = LEDGER_CLASS_LIABILITY,
                                       .kind = LEDGER_KIND_CUSTOMER,
                                       .details = details};
    struct ledger_account account;
    struct ledger_profile profile;
    struct ledger_unit *unit;
    bool existed;
    RETURN_IF_ERROR(ledger_unit_open(making->service, txn, arena, 0, &unit));
    RETURN_IF_ERROR(ledger_service_create_account(unit, &books_bank, &asked, &account, &existed));
    RETURN_IF_ERROR(ledger_service_set_tier(making->service, txn, id, "T3", 1, &profile, &existed));

    struct ledger_movement deposit = {.is_deposit = true, .has_amount = true, .has_key = true};
    deposit.asked.kind = LEDGER_TRANSFER_POSTED;
    deposit.asked.account_id[LEDGER_CREDIT] = id;
    deposit.asked.amount = DEPOSIT;
    struct ledger_outcome outcome;
    RETURN_IF_ERROR(ledger_unit_open(making->service, txn, arena, 1, &unit));
    RETURN_IF_ERROR(ledger_service_move(unit, &books_bank, &deposit, &outcome));
    ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

static struct status make_accounts(struct store_txn *txn, void *context)
{
    struct making *making = context;
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct status status = STATUS_SUCCESS;
    for (uint64_t i = 0; i < CHUNK && status_ok(status); i++) {
        status = make_account(making, txn, arena, books_account_id(making->first + i));
        arena_reset(arena);
    }
    arena_close(&arena);
    return status;
}

void books_make(struct ledger_service *service)
{
    static_assert(BOOKS_ACCOUNTS % CHUNK == 0, "whole chunks");
    struct making making = {.service = service};
    for (; making.first < BOOKS_ACCOUNTS; making.first += CHUNK)
        CHECK(status_ok(store_write_wait(service->store, make_accounts, &making)));
}

uint64_t books_pick(uint64_t *random, uint64_t bound)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (*random >> 33) % bound;
}

struct ledger_movement books_transfer(uint64_t *random, bool is_hot)
{
    uint64_t debit = is_hot ? 0 : books_pick(random, BOOKS_ACCOUNTS);
    uint64_t credit = (debit + 1 + books_pick(random, BOOKS_ACCOUNTS - 1)) % BOOKS_ACCOUNTS;
    struct ledger_movement movement = {.has_amount = true};
    movement.asked.id = id128_generate();
    movement.asked.kind = LEDGER_TRANSFER_POSTED;
    movement.asked.account_id[LEDGER_DEBIT] = books_account_id(debit);
    movement.asked.account_id[LEDGER_CREDIT] = books_account_id(credit);
    movement.asked.amount = 1;
    memcpy(movement.asked.currency, "INR", sizeof "INR");
    return movement;
}

// ---- One commit ---------------------------------------------------------------------------------

struct commit {
    struct ledger_service *service;
    struct arena *arena;
    struct ledger_movement movement;
};

static struct status run_commit(struct store_txn *txn, void *context)
{
    static const uint8_t payload[PAYLOAD_BYTES];
    struct commit *commit = context;
    struct ledger_unit *unit;
    struct ledger_outcome outcome;
    RETURN_IF_ERROR(ledger_unit_open(commit->service, txn, commit->arena, 1, &unit));
    RETURN_IF_ERROR(ledger_service_move(unit, &books_bank, &commit->movement, &outcome));
    ledger_unit_flush(unit);
    char subject[EVENT_NAME_BYTES];
    event_name("transfers", outcome.transfer.id, subject);
    event_append(txn, &(struct event){.type = "ledger.transfer.created",
                                      .subject = subject,
                                      .actor = books_bank.name,
                                      .payload = bytes_of(payload, sizeof payload)});
    return STATUS_SUCCESS;
}

static double measure_commit(struct ledger_service *service)
{
    static uint64_t samples[COMMITS];
    uint64_t random = 7;
    struct commit commit = {.service = service, .arena = arena_open(ARENA_BYTES_MAX)};
    for (size_t i = 0; i < COMMITS; i++) {
        commit.movement = books_transfer(&random, false);
        uint64_t begin_ns = clock_mono_ns();
        CHECK(status_ok(store_write_wait(service->store, run_commit, &commit)));
        samples[i] = clock_mono_ns() - begin_ns;
        arena_reset(commit.arena);
    }
    arena_close(&commit.arena);
    return (double)bench_percentile(samples, COMMITS, 0.5) / 1000;
}

double books_commit_us(const char *root)
{
    char directory[BENCH_PATH_BYTES];
    struct store *store;
    struct event_outbox *outbox;
    struct ledger_service service;
    const struct store_schema *schemas[] = {&event_store_schema, &ledger_store_schema};
    directory_make_in(root, "commit", directory, sizeof directory);
    struct store_config config = {.directory = directory};
    CHECK(status_ok(store_open(&config, schemas, 2, &store)));
    CHECK(status_ok(event_outbox_open(store, "ledger", &outbox)));
    CHECK(status_ok(ledger_service_open(store, &service)));
    books_make(&service);
    double commit_us = measure_commit(&service);
    store_close(&store);
    ledger_service_close(&service);
    event_outbox_close(&outbox);
    directory_remove(directory);
    return commit_us;
}

void books_make_in(const char *directory)
{
    struct store *store;
    struct ledger_service service;
    const struct store_schema *schemas[] = {&ledger_store_schema};
    struct store_config config = {.directory = directory};
    CHECK(status_ok(store_open(&config, schemas, 1, &store)));
    CHECK(status_ok(ledger_service_open(store, &service)));
    books_make(&service);
    store_close(&store);
    ledger_service_close(&service);
}
