// The handlers as the executor calls them: messages in and out, events, refusals that are
// committed.
#include "common/base/clock.h"
#include "common/event/wire.h"
#include "common/rpc/page.h"
#include "florin/event/v1/event.pb-c.h"
#include "florin/kyc/v1/kyc.pb-c.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/feed.h"
#include "services/ledger/rpc.h"
#include "services/ledger/service.h"
#include "tests/unit/support/unit.h"

#include <string.h>
#include <unistd.h>

enum { ASHA = 0x1a, RAVI = 0x2a, ASHAS = 0x11, RAVIS = 0x21, KYC_LOG = 77 };

struct world {
    char directory[256], path[256];
    struct store *store;
    struct event_outbox *outbox;
    struct ledger_service service;
    struct arena *arena;
    struct rpc_call call; // The last one, with its answer.
    struct status answer;
};

// ---- Calls --------------------------------------------------------------------------------------

// What the executor does: a committed refusal is OK to the store.
static struct status run_write(struct store_txn *txn, void *context)
{
    struct world *world = context;
    struct rpc_call *call = &world->call;
    world->answer = ledger_handlers[call->method - ledger_methods](call, txn);
    return call->refusal_committed ? STATUS_SUCCESS : world->answer;
}

/// Calls as a customer, or with user 0 as the bank's own staff.
static struct status call_as(struct world *world, uint8_t user, size_t method, void *request,
                             const char *key)
{
    struct rpc_call *call = &world->call;
    *call = (struct rpc_call){
        .method = &ledger_methods[method],
        .service = &world->service,
        .arena = world->arena,
        .request = request,
        .is_authenticated = true,
        .scope = user != 0 ? RPC_SCOPE_SELF : RPC_SCOPE_ALL,
        .idempotency_key = key,
        .access_token = "",
        .traceparent = "",
        .request_id = "req-1",
        .client_ip = "",
        .device_id = "",
    };
    call->claims.subject = id_of(user != 0 ? user : 0xee);
    if (call->method->access == RPC_ACCESS_WRITE) {
        struct status status = store_write_wait(world->store, run_write, world);
        assert_int_equal(status_ok(status), status_ok(world->answer) || call->refusal_committed);
        return world->answer;
    }
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    if (call->method->access == RPC_ACCESS_READ)
        assert_status_ok(store_snapshot_begin(world->store, &txn));
    return ledger_handlers[method](call, txn);
}

static const char *detail(const struct world *world, const char *key)
{
    for (size_t i = 0; i < world->call.detail_count; i++) {
        if (strcmp(world->call.details[i].key, key) == 0) return world->call.details[i].value;
    }
    return "";
}

static ProtobufCBinaryData bytes_of_id(struct world *world, struct id128 id)
{
    uint8_t *copy = arena_copy(world->arena, id.bytes, ID128_BYTES);
    return (ProtobufCBinaryData){.len = ID128_BYTES, .data = copy};
}

static Type__Uint128 *amount_of(struct world *world, u128 amount)
{
    Type__Uint128 *message = arena_alloc(world->arena, sizeof *message);
    type__uint128__init(message);
    message->high = u128_high(amount);
    message->low = u128_low(amount);
    return message;
}

static struct status create_account(struct world *world, uint8_t user, uint8_t id, uint8_t owner,
                                    char *name)
{
    Ledger__CreateAccountRequest request = LEDGER__CREATE_ACCOUNT_REQUEST__INIT;
    request.id = bytes_of_id(world, id_of(id));
    if (owner != 0) request.owner_id = bytes_of_id(world, id_of(owner));
    request.currency = (char *)"INR";
    request.name = name;
    return call_as(world, user, LEDGER_CREATE_ACCOUNT, &request, "");
}

static struct status deposit(struct world *world, uint8_t user, struct id128 id, uint8_t account,
                             u128 amount, const char *key)
{
    Ledger__MoveCashRequest request = LEDGER__MOVE_CASH_REQUEST__INIT;
    request.account_id = bytes_of_id(world, id_of(account));
    if (!id128_is_nil(id)) request.id = bytes_of_id(world, id);
    request.amount = amount_of(world, amount);
    return call_as(world, user, LEDGER_DEPOSIT, &request, key);
}

static struct status transfer(struct world *world, uint8_t user, struct id128 id, uint8_t debit,
                              uint8_t credit, u128 amount, const char *key)
{
    Ledger__CreateTransferRequest request = LEDGER__CREATE_TRANSFER_REQUEST__INIT;
    if (!id128_is_nil(id)) request.id = bytes_of_id(world, id);
    request.debit_account_id = bytes_of_id(world, id_of(debit));
    request.credit_account_id = bytes_of_id(world, id_of(credit));
    request.amount = amount_of(world, amount);
    request.currency = (char *)"INR";
    request.description = (char *)"rent";
    return call_as(world, user, LEDGER_CREATE_TRANSFER, &request, key);
}

// ---- Events -------------------------------------------------------------------------------------

/// The newest event, unpacked into the arena's life.
static Eventlog__Event *newest_event(struct world *world)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    struct store_cursor cursor;
    assert_status_ok(store_snapshot_begin(world->store, &txn));
    store_cursor_open(txn, STORE_TABLE_EVENT_FIRST, &cursor);
    assert_true(store_cursor_last(&cursor));
    Eventlog__Event *event = eventlog__event__unpack(NULL, cursor.value.size, cursor.value.data);
    store_cursor_close(&cursor);
    assert_non_null(event);
    return event;
}

static void assert_newest_event(struct world *world, const char *type, const char *outcome,
                                const char *reason, size_t visible_to_count)
{
    Eventlog__Event *event = newest_event(world);
    assert_string_equal(event->type, type);
    assert_string_equal(event->outcome, outcome);
    assert_string_equal(event->reason, reason);
    assert_int_equal(event->n_visible_to, visible_to_count);
    eventlog__event__free_unpacked(event, NULL);
}

static struct status tell_tier(struct world *world, uint8_t owner, const char *tier,
                               uint64_t version, uint64_t seq)
{
    Kyc__TierChanged message = KYC__TIER_CHANGED__INIT;
    message.customer_id = bytes_of_id(world, id_of(owner));
    message.tier = (char *)tier;
    message.version = version;
    uint8_t payload[128];
    size_t size = kyc__tier_changed__pack(&message, payload);
    struct event_view event = {.source = "kyc",
                               .type = "kyc.tier.changed",
                               .actor = "users/checker",
                               .request_id = "req-9",
                               .seq = seq,
                               .payload = bytes_of(payload, size)};
    return ledger_feed_handle(world->store, &event, 1, KYC_LOG);
}

// ---- Set-up -------------------------------------------------------------------------------------

static void open_world(struct world *world)
{
    const struct store_schema *schemas[] = {&ledger_store_schema, &event_store_schema};
    struct store_config config = {.directory = world->path, .map_bytes = UINT64_C(1) << 30};
    assert_status_ok(store_open(&config, schemas, 2, &world->store));
    assert_status_ok(event_outbox_open(world->store, "ledger", &world->outbox));
    assert_status_ok(ledger_service_open(world->store, &world->service));
}

static void close_world(struct world *world)
{
    store_close(&world->store);
    event_outbox_close(&world->outbox);
    ledger_service_close(&world->service);
}

static int setup(void **state)
{
    static const uint8_t page_key[32] = {1};
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    directory_make("ledger", world->directory, sizeof world->directory);
    snprintf(world->path, sizeof world->path, "%.240s/store", world->directory);
    world->arena = arena_open((size_t)64 << 20);
    page_open(page_key);
    open_world(world);
    assert_status_ok(create_account(world, ASHA, ASHAS, 0, (char *)"Everyday"));
    assert_status_ok(create_account(world, 0, RAVIS, RAVI, (char *)""));
    assert_status_ok(tell_tier(world, ASHA, "T3", 1, 1));
    assert_status_ok(tell_tier(world, RAVI, "T1", 1, 2));
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    close_world(world);
    arena_close(&world->arena);
    directory_remove(world->directory);
    free(world);
    return 0;
}

// ---- Tests --------------------------------------------------------------------------------------

static void test_accounts_in_and_out(void **state)
{
    struct world *world = *state;
    assert_status_ok(create_account(world, ASHA, 0x12, 0, (char *)"Holiday"));
    const Ledger__Account *account = (const void *)world->call.reply;
    assert_string_equal(account->name, "Holiday");
    assert_int_equal(account->class_, LEDGER__ACCOUNT_CLASS__LIABILITY);
    assert_int_equal(account->kind, LEDGER__ACCOUNT_KIND__CUSTOMER);
    assert_memory_equal(account->owner_id.data, id_of(ASHA).bytes, ID128_BYTES);
    assert_false(world->call.replayed);
    assert_newest_event(world, "ledger.account.created", "success", "", 1);

    uint64_t head = event_outbox_head(world->outbox);
    assert_status_ok(create_account(world, ASHA, 0x12, 0, (char *)"Holiday"));
    assert_true(world->call.replayed && world->call.not_created);
    assert_int_equal(event_outbox_head(world->outbox), head);
    assert_refused(create_account(world, ASHA, 0x13, RAVI, (char *)""), "PERMISSION_DENIED");

    Ledger__GetAccountRequest get = LEDGER__GET_ACCOUNT_REQUEST__INIT;
    get.id = bytes_of_id(world, id_of(0x12));
    assert_status_ok(call_as(world, ASHA, LEDGER_GET_ACCOUNT, &get, ""));
    assert_string_equal(((const Ledger__Account *)(const void *)world->call.reply)->name,
                        "Holiday");
    assert_refused(call_as(world, RAVI, LEDGER_GET_ACCOUNT, &get, ""), "PERMISSION_DENIED");
    get.id = bytes_of_id(world, id_of(0x66));
    assert_refused(call_as(world, ASHA, LEDGER_GET_ACCOUNT, &get, ""), "ACCOUNT_NOT_FOUND");
}

static void test_a_story_of_money(void **state)
{
    struct world *world = *state;
    assert_refused(deposit(world, 0, ID128_NIL, ASHAS, 5, ""), "IDEMPOTENCY_REQUIRED");
    assert_refused(deposit(world, ASHA, id_of(1), ASHAS, 5, ""), "PERMISSION_DENIED");
    assert_status_ok(deposit(world, 0, ID128_NIL, ASHAS, 1000, "key-1"));
    assert_newest_event(world, "ledger.transfer.created", "success", "", 1);
    assert_status_ok(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 250, ""));
    const Ledger__Transfer *moved = (const void *)world->call.reply;
    assert_int_equal(moved->amount->low, 250);
    assert_string_equal(moved->description, "rent");
    assert_null(moved->balance_after);
    assert_newest_event(world, "ledger.transfer.created", "success", "", 2);

    Eventlog__Event *event = newest_event(world);
    Ledger__TransferCreated *created =
        ledger__transfer_created__unpack(NULL, event->payload.len, event->payload.data);
    assert_non_null(created);
    assert_int_equal(created->debit_balance_after->low, 750);
    assert_int_equal(created->credit_balance_after->low, 250);
    assert_string_equal(event->request_id, "req-1");
    ledger__transfer_created__free_unpacked(created, NULL);
    eventlog__event__free_unpacked(event, NULL);

    uint64_t head = event_outbox_head(world->outbox);
    assert_status_ok(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 250, "")); // Again: once.
    assert_true(world->call.replayed && world->call.not_created);
    assert_refused(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 251, ""),
                   "EXISTS_WITH_DIFFERENT_AMOUNT");
    assert_int_equal(event_outbox_head(world->outbox), head);

    Ledger__GetBalanceRequest get = LEDGER__GET_BALANCE_REQUEST__INIT;
    get.id = bytes_of_id(world, id_of(ASHAS));
    assert_status_ok(call_as(world, ASHA, LEDGER_GET_BALANCE, &get, ""));
    const Ledger__Balance *balance = (const void *)world->call.reply;
    assert_int_equal(balance->posted->low, 750);
    assert_int_equal(balance->available->low, 750);
    assert_int_equal(balance->credits_posted->low, 1000);
    assert_string_equal(balance->currency, "INR");
    assert_int_equal(balance->exponent, 2);
    assert_int_equal(balance->version, 3); // Made, and two entries.
    assert_refused(call_as(world, RAVI, LEDGER_GET_BALANCE, &get, ""), "PERMISSION_DENIED");
}

static void test_refusals_are_committed_and_told(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, 0, id_of(1), ASHAS, 1000, ""));
    uint64_t head = event_outbox_head(world->outbox);
    assert_refused(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 1001, ""), "INSUFFICIENT_FUNDS");
    assert_true(world->call.refusal_committed);
    assert_string_equal(detail(world, "side"), "debit");
    assert_int_equal(event_outbox_head(world->outbox), head + 1);
    assert_newest_event(world, "ledger.transfer.refused", "refused", "INSUFFICIENT_FUNDS", 0);
    assert_refused(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 1, ""), "ID_ALREADY_FAILED");
    assert_string_equal(detail(world, "original_reason"), "INSUFFICIENT_FUNDS");
    assert_false(world->call.refusal_committed);
    assert_refused(transfer(world, ASHA, ID128_NIL, ASHAS, RAVIS, 1001, "key-2"),
                   "INSUFFICIENT_FUNDS");
    assert_true(world->call.refusal_committed); // The key keeps it; there is no id to burn.

    // A payer is not told the payee's limits; the teller and the payee are.
    assert_status_ok(deposit(world, 0, id_of(3), ASHAS, 5000000, ""));
    assert_refused(transfer(world, ASHA, id_of(4), ASHAS, RAVIS, 1000001, ""),
                   "KYC_LIMIT_EXCEEDED");
    assert_string_equal(detail(world, "limit"), "counterparty");
    assert_string_equal(detail(world, "tier"), "");
    assert_refused(deposit(world, 0, id_of(5), RAVIS, 1000001, ""), "KYC_LIMIT_EXCEEDED");
    assert_string_equal(detail(world, "tier"), "T1");
    assert_string_equal(detail(world, "limit"), "credit_month");
    assert_string_equal(detail(world, "used"), "0");
    assert_string_equal(detail(world, "allowed"), "1000000");
    assert_true(strlen(detail(world, "resets_at")) > 0);
}

static void test_history_by_page(void **state)
{
    struct world *world = *state;

    enum { MOVES = 25, PAGE = 10 };

    for (uint8_t i = 0; i < MOVES; i++)
        assert_status_ok(deposit(world, 0, id_of((uint8_t)(0x60 + i)), ASHAS, (u128)i + 1, ""));
    Ledger__ListAccountTransfersRequest list = LEDGER__LIST_ACCOUNT_TRANSFERS_REQUEST__INIT;
    list.id = bytes_of_id(world, id_of(ASHAS));
    list.page_size = PAGE;
    size_t seen = 0, pages = 0;
    uint64_t balance = MOVES * (MOVES + 1) / 2;
    do {
        assert_status_ok(call_as(world, ASHA, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""));
        const Ledger__ListTransfersResponse *page = (const void *)world->call.reply;
        for (size_t i = 0; i < page->n_transfers; i++, seen++) { // Newest first.
            assert_int_equal(page->transfers[i]->amount->low, MOVES - seen);
            assert_int_equal(page->transfers[i]->balance_after->low, balance);
            balance -= MOVES - seen;
        }
        // What comes in meanwhile is newer and moves no page.
        if (pages == 0) assert_status_ok(deposit(world, 0, id_of(0x5f), ASHAS, 1, ""));
        list.page_token = page->next_page_token;
        pages++;
    } while (list.page_token[0] != '\0');
    assert_int_equal(seen, MOVES);
    assert_int_equal(pages, 3);

    // A token is good for its list and its caller only.
    list.page_token = (char *)"";
    assert_status_ok(call_as(world, ASHA, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""));
    list.page_token =
        ((const Ledger__ListTransfersResponse *)(const void *)world->call.reply)->next_page_token;
    assert_refused(call_as(world, 0, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""),
                   "PAGE_TOKEN_INVALID");
    list.id = bytes_of_id(world, id_of(RAVIS));
    assert_refused(call_as(world, ASHA, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""),
                   "PERMISSION_DENIED");
    list.page_size = -1;
    assert_refused(call_as(world, RAVI, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""),
                   "VALIDATION_FAILED");
}

static void test_accounts_by_page_and_filter(void **state)
{
    struct world *world = *state;
    for (uint8_t i = 0; i < 7; i++)
        assert_status_ok(
            create_account(world, 0, (uint8_t)(0x30 + i), i % 2 == 0 ? ASHA : RAVI, (char *)""));

    static const struct {
        uint8_t user, owner;
        const char *currency;
        size_t count;
    } rows[] = {
        {ASHA, 0, "", 5}, {RAVI, 0, "", 4},       {0, 0, "", 9},
        {0, RAVI, "", 4}, {ASHA, ASHA, "INR", 5}, {ASHA, 0, "EUR", 0},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Ledger__ListAccountsRequest list = LEDGER__LIST_ACCOUNTS_REQUEST__INIT;
        if (rows[i].owner != 0) list.owner_id = bytes_of_id(world, id_of(rows[i].owner));
        list.currency = (char *)rows[i].currency;
        list.page_size = 2;
        size_t seen = 0;
        do {
            assert_status_ok(call_as(world, rows[i].user, LEDGER_LIST_ACCOUNTS, &list, ""));
            const Ledger__ListAccountsResponse *page = (const void *)world->call.reply;
            assert_true(page->n_accounts <= 2);
            seen += page->n_accounts;
            list.page_token = page->next_page_token;
        } while (list.page_token[0] != '\0');
        assert_int_equal(seen, rows[i].count);
    }
    Ledger__ListAccountsRequest list = LEDGER__LIST_ACCOUNTS_REQUEST__INIT;
    list.owner_id = bytes_of_id(world, id_of(RAVI));
    assert_refused(call_as(world, ASHA, LEDGER_LIST_ACCOUNTS, &list, ""), "PERMISSION_DENIED");
}

static void test_currencies_by_page(void **state)
{
    struct world *world = *state;
    Ledger__CreateCurrencyRequest create = LEDGER__CREATE_CURRENCY_REQUEST__INIT;
    create.code = (char *)"POINTS";
    create.name = (char *)"Loyalty points";
    assert_status_ok(call_as(world, 0, LEDGER_CREATE_CURRENCY, &create, ""));
    assert_refused(call_as(world, 0, LEDGER_CREATE_CURRENCY, &create, ""), "CURRENCY_EXISTS");
    Ledger__ListCurrenciesRequest list = LEDGER__LIST_CURRENCIES_REQUEST__INIT;
    size_t seen = 0, custom = 0;
    do {
        assert_status_ok(call_as(world, ASHA, LEDGER_LIST_CURRENCIES, &list, ""));
        const Ledger__ListCurrenciesResponse *page = (const void *)world->call.reply;
        for (size_t i = 0; i < page->n_currencies; i++, seen++)
            custom += (size_t)page->currencies[i]->custom;
        list.page_token = page->next_page_token;
    } while (list.page_token[0] != '\0');
    assert_true(seen > 150);
    assert_int_equal(custom, 1);
}

static void test_tiers_come_once_and_in_order(void **state)
{
    struct world *world = *state;
    uint64_t head = event_outbox_head(world->outbox);
    assert_status_ok(tell_tier(world, RAVI, "T3", 2, 3));
    assert_int_equal(event_outbox_head(world->outbox), head + 1);
    assert_newest_event(world, "ledger.limit.changed", "success", "", 1);
    Eventlog__Event *event = newest_event(world);
    assert_string_equal(event->actor, "users/checker");
    eventlog__event__free_unpacked(event, NULL);
    assert_status_ok(tell_tier(world, RAVI, "T3", 2, 3)); // The same batch again.
    assert_status_ok(tell_tier(world, RAVI, "T1", 1, 4)); // An older version that comes late.
    assert_int_equal(event_outbox_head(world->outbox), head + 1);
    struct ledger_cursor cursor;
    assert_status_ok(ledger_feed_cursor(world->store, &cursor));
    assert_int_equal(cursor.seq, 4);
    assert_int_equal(cursor.log_id, KYC_LOG);
    assert_status_ok(deposit(world, 0, id_of(1), RAVIS, 99999999, ""));

    // An event that cannot be read stops the feed, before its cursor moves.
    struct event_view broken = {
        .type = "kyc.tier.changed", .seq = 5, .payload = bytes_of("\xff", 1)};
    assert_refused(ledger_feed_handle(world->store, &broken, 1, KYC_LOG), "EVENT_MALFORMED");
    struct event_view other = {.type = "kyc.case.decided", .seq = 5};
    assert_status_ok(ledger_feed_handle(world->store, &other, 1, KYC_LOG));
    assert_status_ok(ledger_feed_cursor(world->store, &cursor));
    assert_int_equal(cursor.seq, 5);
}

static void test_transfers_and_verification(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, 0, id_of(1), ASHAS, 10, ""));
    Ledger__GetTransferRequest get = LEDGER__GET_TRANSFER_REQUEST__INIT;
    get.id = bytes_of_id(world, id_of(1));
    assert_status_ok(call_as(world, ASHA, LEDGER_GET_TRANSFER, &get, ""));
    assert_refused(call_as(world, RAVI, LEDGER_GET_TRANSFER, &get, ""), "PERMISSION_DENIED");
    get.id = bytes_of_id(world, id_of(2));
    assert_refused(call_as(world, ASHA, LEDGER_GET_TRANSFER, &get, ""), "TRANSFER_NOT_FOUND");
    Ledger__VerifyRequest verify = LEDGER__VERIFY_REQUEST__INIT;
    assert_status_ok(call_as(world, 0, LEDGER_VERIFY, &verify, ""));
    const Ledger__VerifyResponse *result = (const void *)world->call.reply;
    assert_int_equal(result->accounts, 3);
    assert_int_equal(result->transfers, 1);
    assert_int_equal(result->finding_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_accounts_in_and_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_story_of_money, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals_are_committed_and_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_history_by_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_accounts_by_page_and_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_currencies_by_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tiers_come_once_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transfers_and_verification, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
