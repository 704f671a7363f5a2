// Approvals as handlers take them: where a token may stand, what a refusal says, what is told.
#include "common/base/clock.h"
#include "tests/unit/ledger/rpc_world.h"
#include "tests/unit/ledger/sca_fixture.h"

enum { FREE = 100000, MUCH = 100001, APPROVALS_MAX = 64 };

static int setup_approvals(void **state)
{
    world_setup(state);
    struct world *world = *state;
    assert_true(ledger_figures_read("1000", &world->fixture.service.sca.above));
    sca_open(&world->fixture.service);
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 10 * MUCH, ""));
    return 0;
}

static int teardown_approvals(void **state)
{
    sca_close();
    return world_teardown(state);
}

/// What Asha has approved: to another account of hers, his, or cash.
static char *approved(struct world *world, struct id128 id, struct id128 payee, u128 amount)
{
    char *text = arena_alloc(world->arena, SCA_TOKEN_BYTES_MAX);
    struct ledger_movement movement = {
        .asked = {
            .id = id, .account_id = {id_of(ASHAS), payee}, .amount = amount, .currency = "INR"}};
    struct sca_claims claims =
        sca_claims_of(id_of(ASHA), &movement, clock_wall_ns() / NS_PER_SECOND);
    (void)sca_sign(&claims, text);
    return text;
}

static void test_a_refusal_says_what_is_missing(void **state)
{
    struct world *world = *state;
    Ledger__CreateTransferRequest *request = transfer_request(world, id_of(2), ASHAS, RAVIS, MUCH);
    uint64_t head = event_outbox_head(world->outbox);
    struct status status = call_as(world, ASHA, LEDGER_CREATE_TRANSFER, request, "");
    assert_refused(status, "INSUFFICIENT_AAL");
    assert_int_equal(status.code, STATUS_PERMISSION_DENIED);
    assert_string_equal(detail(world, "sca"), "required");
    assert_false(world->call.refusal_committed);

    request->sca_token = approved(world, id_of(2), id_of(RAVIS), MUCH - 1);
    assert_refused(call_as(world, ASHA, LEDGER_CREATE_TRANSFER, request, ""), "SCA_INVALID");
    assert_string_equal(detail(world, "sca"), "");
    assert_int_equal(event_outbox_head(world->outbox), head); // The id is free: nothing is told.

    request->sca_token = approved(world, id_of(2), id_of(RAVIS), MUCH);
    assert_status_ok(call_as(world, ASHA, LEDGER_CREATE_TRANSFER, request, ""));
    assert_newest_event(world, "ledger.transfer.created", "success", "", 2);
    request->sca_token = text_of("");
    assert_status_ok(call_as(world, ASHA, LEDGER_CREATE_TRANSFER, request, ""));
    assert_true(world->call.replayed);
}

/// An id is what an approval is for: without one there is nothing to approve.
static void test_a_key_instead_of_an_id_is_not_approved(void **state)
{
    struct world *world = *state;
    Ledger__CreateTransferRequest *request = transfer_request(world, ID128_NIL, ASHAS, RAVIS, MUCH);
    request->sca_token = approved(world, ID128_NIL, id_of(RAVIS), MUCH);
    assert_refused(call_as(world, ASHA, LEDGER_CREATE_TRANSFER, request, "key-1"), "SCA_INVALID");
}

static void test_cash(void **state)
{
    struct world *world = *state;
    Ledger__MoveCashRequest request = LEDGER__MOVE_CASH_REQUEST__INIT;
    request.account_id = id_bytes(world, id_of(ASHAS));
    request.id = id_bytes(world, id_of(3));
    request.amount = amount_of(world, MUCH);
    assert_refused(call_as(world, ASHA, LEDGER_WITHDRAW, &request, ""), "INSUFFICIENT_AAL");
    request.sca_token =
        approved(world, id_of(3), ledger_system_account_id("INR", LEDGER_CASH), MUCH);
    assert_refused(call_as(world, TELLER, LEDGER_DEPOSIT, &request, ""), "VALIDATION_FAILED");
    assert_string_equal(violation(world), "sca_token: NOT_ALLOWED");
    assert_status_ok(call_as(world, ASHA, LEDGER_WITHDRAW, &request, ""));
}

static void test_a_sweep_to_somebody_else_takes_no_approval(void **state)
{
    struct world *world = *state;
    Ledger__CloseAccountRequest request = LEDGER__CLOSE_ACCOUNT_REQUEST__INIT;
    request.account_id = id_bytes(world, id_of(ASHAS));
    request.sweep_to = id_bytes(world, id_of(RAVIS));
    request.id = id_bytes(world, id_of(4));
    assert_refused(call_as(world, ASHA, LEDGER_CLOSE_ACCOUNT, &request, ""), "INSUFFICIENT_AAL");
    assert_string_equal(detail(world, "sca"), "required");
    assert_status_ok(create_account(world, ASHA, 0x12, ASHA, "Savings"));
    request.sweep_to = id_bytes(world, id_of(0x12));
    assert_status_ok(call_as(world, ASHA, LEDGER_CLOSE_ACCOUNT, &request, ""));
}

static Ledger__BatchCreateTransfersRequest *batch_request(struct world *world, size_t count,
                                                          u128 amount)
{
    Ledger__BatchCreateTransfersRequest *request = arena_alloc(world->arena, sizeof *request);
    ledger__batch_create_transfers_request__init(request);
    request->transfers = arena_alloc(world->arena, count * sizeof(void *));
    request->n_transfers = count;
    for (size_t i = 0; i < count; i++) {
        struct id128 id = id_of((uint8_t)(0x40 + i));
        request->transfers[i] = transfer_request(world, id, ASHAS, RAVIS, amount);
        request->transfers[i]->sca_token = approved(world, id, id_of(RAVIS), amount);
    }
    return request;
}

static void test_batches(void **state)
{
    struct world *world = *state;
    Ledger__BatchCreateTransfersRequest *request = batch_request(world, 2, MUCH);
    request->transfers[1]->sca_token = text_of("");
    assert_status_ok(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""));
    const Ledger__BatchCreateTransfersResponse *reply =
        REPLY(world, Ledger__BatchCreateTransfersResponse);
    assert_string_equal(reply->results[0]->result, "CREATED");
    assert_string_equal(reply->results[1]->result, "INSUFFICIENT_AAL");
    assert_int_equal(reply->results[1]->n_details, 1);
    assert_string_equal(reply->results[1]->details[0]->key, "sca");

    request = batch_request(world, APPROVALS_MAX + 1, 1);
    assert_refused(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""),
                   "VALIDATION_FAILED");
    assert_string_equal(violation(world), "transfers[64].sca_token: TOO_MANY_ITEMS");
    request->transfers[0]->sca_token = text_of("");
    request->transfers[0]->id = id_bytes(world, id_of(2)); // The first one's is taken.
    assert_status_ok(call_as(world, ASHA, LEDGER_BATCH_CREATE_TRANSFERS, request, ""));
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup_approvals, teardown_approvals)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_refusal_says_what_is_missing),
        TEST(test_a_key_instead_of_an_id_is_not_approved),
        TEST(test_cash),
        TEST(test_a_sweep_to_somebody_else_takes_no_approval),
        TEST(test_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
