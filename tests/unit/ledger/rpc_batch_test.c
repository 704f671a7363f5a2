// Batches through their handler: three modes, facts of refusals, groups, and the largest one.
#include "common/rpc/execution.h"
#include "services/ledger/expiry.h"
#include "services/ledger/unit.h"
#include "tests/unit/ledger/rpc_world.h"

/// A batch of transfers of these amounts from ASHAS to RAVIS, with ids first_id, first_id + 1 …
static Ledger__BatchCreateTransfersRequest *batch_request(struct world *world, uint8_t first_id,
                                                          size_t count, const u128 *amounts)
{
    Ledger__BatchCreateTransfersRequest *request = arena_alloc(world->arena, sizeof *request);
    ledger__batch_create_transfers_request__init(request);
    request->transfers = arena_alloc(world->arena, count * sizeof(void *));
    request->n_transfers = count;
    for (size_t i = 0; i < count; i++)
        request->transfers[i] =
            transfer_request(world, id_of((uint8_t)(first_id + i)), ASHAS, RAVIS, amounts[i]);
    return request;
}

static void test_batches_in_three_modes(void **state)
{
    struct world *world = *state;
    static const u128 amounts[] = {100, 5000, 200};

    enum { INDEPENDENT = 1, STOP = 2, ATOMIC = 3 };

    static const struct {
        const char *what;
        int mode;
        bool dry_run;
        const char *results[3];
        uint32_t created, refused;
        i128 moved;
        size_t events;
    } rows[] = {
        // clang-format off
        {"each for itself",       0,           false, {"CREATED", "INSUFFICIENT_FUNDS", "CREATED"},           2, 1, 300, 3},
        {"the same, said",        INDEPENDENT, false, {"CREATED", "INSUFFICIENT_FUNDS", "CREATED"},           2, 1, 300, 3},
        {"until one fails",       STOP,        false, {"CREATED", "INSUFFICIENT_FUNDS", "NOT_ATTEMPTED"},     1, 2, 100, 2},
        {"all or none",           ATOMIC,      false, {"GROUP_FAILED", "INSUFFICIENT_FUNDS", "GROUP_FAILED"}, 0, 3, 0,   1},
        {"what would happen",     INDEPENDENT, true,  {"CREATED", "INSUFFICIENT_FUNDS", "CREATED"},           2, 1, 0,   0},
        {"what would not happen", ATOMIC,      true,  {"GROUP_FAILED", "INSUFFICIENT_FUNDS", "GROUP_FAILED"}, 0, 3, 0,   0},
        // clang-format on
    };

    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    for (size_t row = 0; row < ROWS(rows); row++) {
        uint64_t head = event_outbox_head(world->outbox);
        i128 before = balance_of(&world->fixture, ASHAS);
        Ledger__BatchCreateTransfersRequest *request =
            batch_request(world, (uint8_t)(0x40 + 4 * row), 3, amounts);
        request->mode = (Ledger__BatchMode)rows[row].mode;
        request->dry_run = rows[row].dry_run;
        struct status status = call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, "");
        if (!status_ok(status)) fail_msg("%s: %s", rows[row].what, status.reason);
        const Ledger__BatchCreateTransfersResponse *reply =
            REPLY(world, Ledger__BatchCreateTransfersResponse);
        assert_int_equal(reply->n_results, 3);
        assert_int_equal(reply->created, rows[row].created);
        assert_int_equal(reply->refused, rows[row].refused);
        assert_int_equal(reply->dry_run, rows[row].dry_run);
        for (size_t i = 0; i < 3; i++) {
            const Ledger__BatchResult *result = reply->results[i];
            assert_int_equal(result->index, i);
            assert_string_equal(result->result, rows[row].results[i]);
            assert_memory_equal(result->id.data, request->transfers[i]->id.data, ID128_BYTES);
            bool is_created = strcmp(result->result, "CREATED") == 0;
            assert_int_equal(result->transfer != NULL, is_created);
            assert_int_equal(result->message[0] != '\0', !is_created);
            if (is_created)
                assert_memory_equal(result->transfer->group_id.data, reply->group_id.data,
                                    ID128_BYTES);
        }
        assert_int_equal(event_outbox_head(world->outbox), head + rows[row].events);
        assert_int_equal(balance_of(&world->fixture, ASHAS), before - rows[row].moved);
    }
    assert_refused(transfer(world, ASHA, id_of(0x4d), ASHAS, RAVIS, 1, ""), "ID_ALREADY_FAILED");
}

/// A key stands for the ids: there is none to burn, but what was refused is told all the same.
static void test_refused_items_of_a_keyed_batch_are_told(void **state)
{
    struct world *world = *state;
    static const u128 amounts[] = {100, 5000};
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    for (int mode = LEDGER_BATCH_INDEPENDENT; mode <= LEDGER_BATCH_ATOMIC; mode++) {
        bool is_atomic = mode == LEDGER_BATCH_ATOMIC;
        uint64_t head = event_outbox_head(world->outbox);
        Ledger__BatchCreateTransfersRequest *request = batch_request(world, 0x40, 2, amounts);
        request->mode = (Ledger__BatchMode)mode;
        for (size_t i = 0; i < 2; i++)
            request->transfers[i]->id = (ProtobufCBinaryData){0};
        char key[] = {'k', 'e', 'y', (char)('0' + mode), '\0'};
        assert_status_ok(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, key));
        assert_int_equal(event_outbox_head(world->outbox), head + (is_atomic ? 1 : 2));
        assert_newest_event(world, "ledger.transfer.refused", "refused", "INSUFFICIENT_FUNDS", 0);
        request->dry_run = true;
        key[0] = 'd';
        head = event_outbox_head(world->outbox);
        assert_status_ok(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, key));
        assert_int_equal(event_outbox_head(world->outbox), head);
    }
}

static const char *fact(const Ledger__BatchResult *result, const char *key)
{
    for (size_t i = 0; i < result->n_details; i++) {
        if (strcmp(result->details[i]->key, key) == 0) return result->details[i]->value;
    }
    return "";
}

/// Nobody should have to ask again, one by one, to learn why.
static void test_a_refused_item_says_what_a_single_refusal_does(void **state)
{
    struct world *world = *state;
    static const u128 amounts[] = {5000, 1, 1, 1000001};
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    assert_refused(transfer(world, ASHA, id_of(0x41), ASHAS, RAVIS, 5000, ""),
                   "INSUFFICIENT_FUNDS");
    Ledger__BatchCreateTransfersRequest *request = batch_request(world, 0x40, 4, amounts);
    request->transfers[2]->timeout_seconds = 7; // Not a member of POSTED.

    assert_status_ok(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""));
    Ledger__BatchResult **results = REPLY(world, Ledger__BatchCreateTransfersResponse)->results;
    assert_string_equal(results[0]->result, "INSUFFICIENT_FUNDS");
    assert_string_equal(fact(results[0], "side"), "debit");
    assert_string_equal(results[1]->result, "ID_ALREADY_FAILED");
    assert_string_equal(fact(results[1], "original_reason"), "INSUFFICIENT_FUNDS");
    assert_string_equal(results[2]->result, "EXCLUSIVE_FIELDS");
    assert_string_equal(fact(results[2], "field"), "timeout_seconds");
    assert_string_equal(results[3]->result, "KYC_LIMIT_EXCEEDED");
    assert_string_equal(fact(results[3], "limit"), "counterparty"); // Asha is not told Ravi's.
    assert_string_equal(fact(results[3], "used"), "");

    for (size_t i = 0; i < 4; i++)
        request->transfers[i]->id = id_bytes(world, id_of((uint8_t)(0x50 + i)));
    assert_status_ok(call_as(world, TELLER, LEDGER_BATCH_CREATE_TRANSFERS, request, ""));
    const Ledger__BatchResult *told =
        REPLY(world, Ledger__BatchCreateTransfersResponse)->results[3];
    assert_string_equal(fact(told, "tier"), "T1");
    assert_string_equal(fact(told, "limit"), "credit_month");
    assert_string_equal(fact(told, "allowed"), "1000000");
    assert_true(strlen(fact(told, "resets_at")) > 0);
}

static void test_a_batch_again_is_the_same_group(void **state)
{
    struct world *world = *state;
    static const u128 amounts[] = {100, 200};
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    Ledger__BatchCreateTransfersRequest *request = batch_request(world, 0x40, 2, amounts);
    assert_status_ok(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""));
    const Ledger__BatchCreateTransfersResponse *reply =
        REPLY(world, Ledger__BatchCreateTransfersResponse);
    struct id128 group_id = id128_of(reply->group_id.data);
    assert_status_ok(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""));
    reply = REPLY(world, Ledger__BatchCreateTransfersResponse);
    assert_int_equal(reply->existing, 2);
    assert_string_equal(reply->results[0]->result, "EXISTS");
    assert_non_null(reply->results[0]->transfer);
    assert_memory_equal(reply->group_id.data, group_id.bytes, ID128_BYTES);
    request->group_id = id_bytes(world, id_of(0x99));
    assert_status_ok(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""));
    reply = REPLY(world, Ledger__BatchCreateTransfersResponse);
    assert_string_equal(reply->results[1]->result, "EXISTS_WITH_DIFFERENT_GROUP_ID");

    // A group is read back as a whole; a customer sees what touches own accounts.
    Ledger__ListTransfersRequest list = LEDGER__LIST_TRANSFERS_REQUEST__INIT;
    list.group_id = id_bytes(world, group_id);
    assert_status_ok(call_as(world, RAVI, LEDGER_LIST_TRANSFERS, &list, ""));
    const Ledger__ListTransfersResponse *page = REPLY(world, Ledger__ListTransfersResponse);
    assert_int_equal(page->n_transfers, 2);
    assert_memory_equal(page->transfers[0]->id.data, id_of(0x41).bytes, ID128_BYTES);
    assert_null(page->transfers[0]->balance_after);
}

static void test_a_malformed_item_refuses_the_batch(void **state)
{
    struct world *world = *state;
    static const u128 amounts[] = {100, 200};
    Ledger__BatchCreateTransfersRequest *request = batch_request(world, 0x40, 2, amounts);
    request->transfers[1]->currency = text_of("");
    assert_refused(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""),
                   "VALIDATION_FAILED");
    assert_string_equal(violation(world), "transfers[1].currency: REQUIRED");
    request = batch_request(world, 0x40, 2, amounts);
    request->transfers[1]->id = (ProtobufCBinaryData){0};
    assert_refused(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""),
                   "IDEMPOTENCY_REQUIRED");
    assert_string_equal(detail(world, "field"), "transfers[1].id");
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    assert_status_ok(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, "key-1"));
    const Ledger__BatchCreateTransfersResponse *reply =
        REPLY(world, Ledger__BatchCreateTransfersResponse);
    assert_int_equal(reply->created, 2);
    assert_int_equal(reply->results[1]->id.len, ID128_BYTES); // One was made.
    request->n_transfers = 0;
    assert_refused(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""),
                   "VALIDATION_FAILED");
}

enum {
    LARGE_COUNT = 8192,
    LARGE_REQUEST_BYTES_MAX = 4 << 20,
    LARGE_MESSAGE_BYTES_MAX = 8 << 20,
};

static struct id128 large_id(uint8_t kind, size_t i)
{
    struct id128 id = {{kind}};
    put_u64_be(id.bytes + 8, i);
    return id;
}

/// As many owners as transfers, so that a batch has to know all of them.
static struct status run_make_crowd(struct store_txn *txn, void *context)
{
    struct world *world = context;
    for (size_t i = 0; i < LARGE_COUNT; i++) {
        struct opening opening = opening_of(PAYMENTS, 0, large_id(0x51, i), "INR");
        struct ledger_profile profile;
        struct ledger_unit *unit;
        bool is_changed;
        opening.asked.owner_id = large_id(0x52, i);
        RETURN_IF_ERROR(ledger_unit_open(&world->fixture.service, txn, world->arena, 1, &unit));
        RETURN_IF_ERROR(run_opening(unit, &opening));
        RETURN_IF_ERROR(ledger_service_set_tier(
            &world->fixture.service, txn, opening.asked.owner_id, "T1", 1, &profile, &is_changed));
    }
    return STATUS_SUCCESS;
}

/// An item that says as much about itself as an item can.
static Ledger__CreateTransferRequest *large_item(struct world *world, size_t i, char *description,
                                                 Ledger__CreateTransferRequest__MetadataEntry **map)
{
    Ledger__CreateTransferRequest *item =
        transfer_request(world, large_id(0x53, i), ASHAS, RAVIS, 0);
    item->kind = LEDGER__TRANSFER_KIND__PENDING;
    item->credit_account_id = id_bytes(world, large_id(0x51, i));
    item->amount_up_to = amount_of(world, 1 + i);
    item->timeout_seconds = UINT32_MAX;
    item->code = UINT16_MAX;
    item->description = description;
    item->metadata = map;
    item->n_metadata = 1;
    item->user_data_128 = amount_of(world, U128_MAX);
    item->user_data_64 = UINT64_MAX;
    item->user_data_32 = UINT32_MAX;
    item->effective_at = TEST_BEGIN_NS - 1;
    return item;
}

static void test_the_answer_to_the_largest_batch_fits_a_message(void **state)
{
    struct world *world = *state;
    char description[141] = "", value[257] = "";
    memset(description, 'x', sizeof description - 1);
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, (u128)1 << 60, ""));
    run_job(&world->fixture, run_make_crowd, world);
    Ledger__BatchCreateTransfersRequest *request = arena_alloc(world->arena, sizeof *request);
    ledger__batch_create_transfers_request__init(request);
    request->transfers = arena_alloc(world->arena, LARGE_COUNT * sizeof(void *));
    request->n_transfers = LARGE_COUNT;
    request->group_id = id_bytes(world, id_of(0x99));
    Ledger__CreateTransferRequest__MetadataEntry entry =
        LEDGER__CREATE_TRANSFER_REQUEST__METADATA_ENTRY__INIT;
    Ledger__CreateTransferRequest__MetadataEntry *map[] = {&entry};
    entry.key = text_of("key");
    entry.value = value;
    for (size_t i = 0; i < LARGE_COUNT; i++)
        request->transfers[i] = large_item(world, i, description, map);
    size_t size = 0;
    while (protobuf_c_message_get_packed_size(&request->base) <= LARGE_REQUEST_BYTES_MAX) {
        assert_true(size < sizeof value - 1);
        value[size++] = 'y';
    }
    value[size - 1] = '\0'; // As large as a request may be.

    size_t before = arena_used(world->arena);
    assert_status_ok(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""));
    size_t used = arena_used(world->arena) - before;
    size_t bytes = protobuf_c_message_get_packed_size(world->call.reply);
    print_message("answer %zu bytes, arena %zu bytes\n", bytes, used);
    assert_int_equal(REPLY(world, Ledger__BatchCreateTransfersResponse)->created, LARGE_COUNT);
    assert_true(bytes < LARGE_MESSAGE_BYTES_MAX - RPC_METADATA_BYTES_MAX);
    size_t room = handler_bytes_max(&ledger_methods[LEDGER_BATCH_CREATE_TRANSFERS]);
    assert_true(used + bytes < room - room / 4); // Debit accounts, too, may all be different.
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_batches_in_three_modes),
        TEST(test_refused_items_of_a_keyed_batch_are_told),
        TEST(test_a_refused_item_says_what_a_single_refusal_does),
        TEST(test_a_batch_again_is_the_same_group),
        TEST(test_a_malformed_item_refuses_the_batch),
        TEST(test_the_answer_to_the_largest_batch_fits_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
