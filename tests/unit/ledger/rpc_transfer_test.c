// Movements of money as handlers answer them: messages in and out, events, refusals that are
// committed, lists.
#include "common/rpc/execution.h"
#include "services/ledger/expiry.h"
#include "services/ledger/unit.h"
#include "tests/unit/ledger/rpc_world.h"

enum { KEYED = 0 }; // An id of none: the Idempotency-Key stands for it.

static struct id128 id_or_nil(uint8_t id)
{
    return id == KEYED ? ID128_NIL : id_of(id);
}

// ---- Cash and plain transfers -------------------------------------------------------------------

static struct status withdraw(struct world *world, enum who who, uint8_t id, uint8_t account,
                              u128 amount)
{
    Ledger__MoveCashRequest request = LEDGER__MOVE_CASH_REQUEST__INIT;
    request.account_id = id_bytes(world, id_of(account));
    request.id = id_bytes(world, id_or_nil(id));
    request.amount = amount_of(world, amount);
    return call_as(world, who, LEDGER_WITHDRAW, &request, "");
}

static void test_a_story_of_money(void **state)
{
    struct world *world = *state;
    assert_refused(deposit(world, TELLER, ID128_NIL, ASHAS, 5, ""), "IDEMPOTENCY_REQUIRED");
    assert_refused(deposit(world, ASHA, id_of(1), ASHAS, 5, ""), "PERMISSION_DENIED");
    assert_refused(deposit(world, TELLER, id_of(1), 0x77, 5, ""), "ACCOUNT_NOT_FOUND");
    assert_status_ok(deposit(world, TELLER, ID128_NIL, ASHAS, 1000, "key-1"));
    assert_newest_event(world, "ledger.transfer.created", "success", "", 1);
    assert_status_ok(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 250, ""));
    const Ledger__Transfer *moved = REPLY(world, Ledger__Transfer);
    assert_int_equal(amount_in(moved->amount), 250);
    assert_string_equal(moved->description, "rent");
    assert_string_equal(moved->currency, "INR");
    assert_string_equal(moved->state, "POSTED");
    assert_int_equal(moved->kind, LEDGER__TRANSFER_KIND__POSTED);
    assert_int_equal(moved->effective_at, moved->created_at);
    assert_null(moved->balance_after);
    assert_null(moved->amount_up_to);
    assert_null(moved->captured_amount);
    assert_null(moved->user_data_128);

    struct event_seen event = event_at(world, 0);
    assert_string_equal(event.type, "ledger.transfer.created");
    assert_string_equal(event.subject, "transfers/02020202-0202-0202-0202-020202020202");
    assert_string_equal(event.actor, "users/1a1a1a1a-1a1a-1a1a-1a1a-1a1a1a1a1a1a");
    assert_string_equal(event.request_id, "req-1");
    assert_int_equal(event.visible_to_count, 2);
    Ledger__TransferCreated *told =
        ledger__transfer_created__unpack(NULL, event.payload.size, event.payload.data);
    assert_non_null(told);
    assert_int_equal(signed_in(told->debit_balance_after), 750);
    assert_int_equal(signed_in(told->credit_balance_after), 250);
    assert_string_equal(told->transfer->description, "rent");
    assert_int_equal(told->transfer->created_at, moved->created_at);
    ledger__transfer_created__free_unpacked(told, NULL);

    uint64_t head = event_outbox_head(world->outbox);
    assert_status_ok(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 250, "")); // Again: once.
    assert_true(world->call.replayed && world->call.not_created);
    assert_refused(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 251, ""),
                   "EXISTS_WITH_DIFFERENT_AMOUNT");
    assert_refused(withdraw(world, RAVI, 3, ASHAS, 1), "PERMISSION_DENIED");
    assert_int_equal(event_outbox_head(world->outbox), head);
    assert_status_ok(withdraw(world, ASHA, 4, ASHAS, 50));
    assert_status_ok(withdraw(world, TELLER, 5, ASHAS, 50));
    assert_int_equal(balance_of(&world->fixture, ASHAS), 650);
}

static void test_refusals_are_committed_and_told(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    uint64_t head = event_outbox_head(world->outbox);
    assert_refused(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 1001, ""), "INSUFFICIENT_FUNDS");
    assert_true(world->call.refusal_committed);
    assert_string_equal(detail(world, "side"), "debit");
    assert_int_equal(event_outbox_head(world->outbox), head + 1);
    assert_newest_event(world, "ledger.transfer.refused", "refused", "INSUFFICIENT_FUNDS", 0);
    struct event_seen event = event_at(world, 0);
    Ledger__TransferRefused *told =
        ledger__transfer_refused__unpack(NULL, event.payload.size, event.payload.data);
    assert_int_equal(amount_in(told->transfer->amount), 1001);
    assert_string_equal(told->transfer->state, "");
    ledger__transfer_refused__free_unpacked(told, NULL);
    assert_refused(transfer(world, ASHA, id_of(2), ASHAS, RAVIS, 1, ""), "ID_ALREADY_FAILED");
    assert_string_equal(detail(world, "original_reason"), "INSUFFICIENT_FUNDS");
    assert_false(world->call.refusal_committed);
    assert_refused(transfer(world, ASHA, ID128_NIL, ASHAS, RAVIS, 1001, "key-2"),
                   "INSUFFICIENT_FUNDS");
    assert_true(world->call.refusal_committed); // The key keeps it; there is no id to burn.

    // A payer is not told the payee's limits; the teller and the payee are.
    assert_status_ok(deposit(world, TELLER, id_of(3), ASHAS, 5000000, ""));
    assert_refused(transfer(world, ASHA, id_of(4), ASHAS, RAVIS, 1000001, ""),
                   "KYC_LIMIT_EXCEEDED");
    assert_string_equal(detail(world, "limit"), "counterparty");
    assert_string_equal(detail(world, "tier"), "");
    assert_refused(deposit(world, TELLER, id_of(5), RAVIS, 1000001, ""), "KYC_LIMIT_EXCEEDED");
    assert_string_equal(detail(world, "tier"), "T1");
    assert_string_equal(detail(world, "limit"), "credit_month");
    assert_string_equal(detail(world, "used"), "0");
    assert_string_equal(detail(world, "allowed"), "1000000");
    assert_true(strlen(detail(world, "resets_at")) > 0);
}

static void test_members_that_are_missing_or_too_many(void **state)
{
    struct world *world = *state;
    const Ledger__TransferKind posted = LEDGER__TRANSFER_KIND__POSTED,
                               pending = LEDGER__TRANSFER_KIND__PENDING,
                               post = LEDGER__TRANSFER_KIND__POST,
                               release = LEDGER__TRANSFER_KIND__VOID,
                               reversal = LEDGER__TRANSFER_KIND__REVERSAL,
                               expiry = LEDGER__TRANSFER_KIND__EXPIRY;

    const struct {
        Ledger__TransferKind kind;
        uint8_t debit, credit;
        u128 amount;
        uint8_t pending_id, reverses_id;
        uint32_t timeout_seconds;
        const char *refused, *told; // The violation, or the field that is one too many.
    } rows[] = {
        // clang-format off
        {posted,   0,     RAVIS, 5, 0, 0, 0, "VALIDATION_FAILED",          "debit_account_id: REQUIRED"},
        {posted,   ASHAS, 0,     5, 0, 0, 0, "VALIDATION_FAILED",          "credit_account_id: REQUIRED"},
        {pending,  ASHAS, RAVIS, 0, 0, 0, 0, "VALIDATION_FAILED",          "amount: REQUIRED"},
        {post,     0,     0,     0, 0, 0, 0, "VALIDATION_FAILED",          "pending_id: REQUIRED"},
        {release,  0,     0,     0, 0, 0, 0, "VALIDATION_FAILED",          "pending_id: REQUIRED"},
        {reversal, 0,     0,     0, 0, 0, 0, "VALIDATION_FAILED",          "reverses_id: REQUIRED"},
        {expiry,   0,     0,     0, 9, 0, 0, "VALIDATION_FAILED",          "kind: NOT_ALLOWED"},
        {posted,   ASHAS, RAVIS, 5, 9, 0, 0, "EXCLUSIVE_FIELDS",           "pending_id"},
        {posted,   ASHAS, RAVIS, 5, 0, 9, 0, "EXCLUSIVE_FIELDS",           "reverses_id"},
        {posted,   ASHAS, RAVIS, 5, 0, 0, 7, "EXCLUSIVE_FIELDS",           "timeout_seconds"},
        {post,     0,     0,     5, 9, 9, 0, "EXCLUSIVE_FIELDS",           "reverses_id"},
        {release,  0,     0,     5, 9, 0, 0, "EXCLUSIVE_FIELDS",           "amount"},
        {reversal, 0,     0,     5, 9, 9, 0, "EXCLUSIVE_FIELDS",           "pending_id"},
        {posted,   ASHAS, ASHAS, 5, 0, 0, 0, "ACCOUNTS_MUST_DIFFER",       ""},
        {post,     0,     0,     5, 9, 0, 0, "PENDING_TRANSFER_NOT_FOUND", ""},
        {reversal, 0,     0,     5, 0, 9, 0, "TRANSFER_NOT_FOUND",         ""},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Ledger__CreateTransferRequest *request = transfer_request(
            world, id_of((uint8_t)(0x80 + i)), rows[i].debit, rows[i].credit, rows[i].amount);
        request->kind = rows[i].kind;
        request->timeout_seconds = rows[i].timeout_seconds;
        request->pending_id = id_bytes(world, id_or_nil(rows[i].pending_id));
        request->reverses_id = id_bytes(world, id_or_nil(rows[i].reverses_id));
        struct status status = call_as(world, TELLER, LEDGER_CREATE_TRANSFER, request, "");
        if (status_ok(status)) fail_msg("row %zu was not refused", i);
        assert_string_equal(status.reason, rows[i].refused);
        const char *told = violation(world);
        assert_string_equal(told[0] != '\0' ? told : detail(world, "field"), rows[i].told);
    }

    // Zero is an amount, and so is "at most zero".
    Ledger__CreateTransferRequest *zero = transfer_request(world, id_of(7), ASHAS, RAVIS, 0);
    zero->amount_up_to = amount_of(world, 0);
    assert_refused(call_as(world, ASHA, LEDGER_CREATE_TRANSFER, zero, ""),
                   "AMOUNT_MUST_NOT_BE_ZERO");
    zero->amount = amount_of(world, 1);
    assert_refused(call_as(world, ASHA, LEDGER_CREATE_TRANSFER, zero, ""), "EXCLUSIVE_FIELDS");
    assert_string_equal(detail(world, "field"), "amount_up_to");
}

static void test_everything_a_transfer_carries_comes_back(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    Ledger__CreateTransferRequest__MetadataEntry entry =
        LEDGER__CREATE_TRANSFER_REQUEST__METADATA_ENTRY__INIT;
    Ledger__CreateTransferRequest__MetadataEntry *entries[] = {&entry};
    entry.key = text_of("invoice");
    entry.value = text_of("2026/81");
    Ledger__CreateTransferRequest *request = transfer_request(world, id_of(2), ASHAS, RAVIS, 0);
    request->amount_up_to = amount_of(world, 5000);
    request->code = 77;
    request->metadata = entries;
    request->n_metadata = 1;
    request->user_data_128 = amount_of(world, U128_MAX);
    request->user_data_64 = 64;
    request->user_data_32 = 32;
    request->effective_at = TEST_BEGIN_NS - 5;
    assert_status_ok(call_as(world, ASHA, LEDGER_CREATE_TRANSFER, request, ""));

    Ledger__GetTransferRequest get = LEDGER__GET_TRANSFER_REQUEST__INIT;
    get.id = id_bytes(world, id_of(2));
    struct event_seen event = event_at(world, 0);
    Ledger__TransferCreated *told =
        ledger__transfer_created__unpack(NULL, event.payload.size, event.payload.data);
    for (int round = 0; round < 3; round++) { // The answer, the event, and what is read back.
        if (round == 2) assert_status_ok(call_as(world, ASHA, LEDGER_GET_TRANSFER, &get, ""));
        const Ledger__Transfer *seen = round == 1 ? told->transfer : REPLY(world, Ledger__Transfer);
        assert_int_equal(amount_in(seen->amount), 1000); // What fitted.
        assert_int_equal(amount_in(seen->amount_up_to), 5000);
        assert_int_equal(seen->code, 77);
        assert_int_equal(seen->n_metadata, 1);
        assert_string_equal(seen->metadata[0]->key, "invoice");
        assert_string_equal(seen->metadata[0]->value, "2026/81");
        assert_true(amount_in(seen->user_data_128) == U128_MAX);
        assert_int_equal(seen->user_data_64, 64);
        assert_int_equal(seen->user_data_32, 32);
        assert_int_equal(seen->effective_at, TEST_BEGIN_NS - 5);
        assert_int_equal(seen->n_follow_up_ids, 0);
    }
    ledger__transfer_created__free_unpacked(told, NULL);
    assert_refused(
        call_as(world, RAVI, LEDGER_GET_TRANSFER,
                &(Ledger__GetTransferRequest){.base = get.base, .id = id_bytes(world, id_of(1))},
                ""),
        "PERMISSION_DENIED");
    entry.value = text_of("2026/82");
    assert_refused(call_as(world, ASHA, LEDGER_CREATE_TRANSFER, request, ""),
                   "EXISTS_WITH_DIFFERENT_METADATA");
    get.id = id_bytes(world, id_of(3));
    assert_refused(call_as(world, ASHA, LEDGER_GET_TRANSFER, &get, ""), "TRANSFER_NOT_FOUND");
}

// ---- Holds and reversals ------------------------------------------------------------------------

static struct status post(struct world *world, enum who who, uint8_t id, uint8_t pending_id,
                          u128 amount, int final)
{
    Ledger__PostTransferRequest request = LEDGER__POST_TRANSFER_REQUEST__INIT;
    request.id = id_bytes(world, id_or_nil(id));
    request.pending_id = id_bytes(world, id_of(pending_id));
    if (amount != 0) request.amount = amount_of(world, amount);
    if (final >= 0) {
        request.final_choice_case = LEDGER__POST_TRANSFER_REQUEST__FINAL_CHOICE_FINAL;
        request.final = final;
    }
    return call_as(world, who, LEDGER_POST_TRANSFER, &request, "");
}

static struct status release(struct world *world, enum who who, uint8_t id, uint8_t pending_id)
{
    Ledger__VoidTransferRequest request = LEDGER__VOID_TRANSFER_REQUEST__INIT;
    request.id = id_bytes(world, id_or_nil(id));
    request.pending_id = id_bytes(world, id_of(pending_id));
    return call_as(world, who, LEDGER_VOID_TRANSFER, &request, "");
}

static struct status reverse(struct world *world, enum who who, uint8_t id, uint8_t reverses_id,
                             u128 amount)
{
    Ledger__ReverseTransferRequest request = LEDGER__REVERSE_TRANSFER_REQUEST__INIT;
    request.id = id_bytes(world, id_or_nil(id));
    request.reverses_id = id_bytes(world, id_of(reverses_id));
    if (amount != 0) request.amount = amount_of(world, amount);
    return call_as(world, who, LEDGER_REVERSE_TRANSFER, &request, "");
}

static const Ledger__Transfer *get_transfer(struct world *world, uint8_t id)
{
    Ledger__GetTransferRequest get = LEDGER__GET_TRANSFER_REQUEST__INIT;
    get.id = id_bytes(world, id_of(id));
    assert_status_ok(call_as(world, TELLER, LEDGER_GET_TRANSFER, &get, ""));
    return REPLY(world, Ledger__Transfer);
}

static void test_a_hold_is_captured_in_parts(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    assert_status_ok(hold(world, ASHA, id_of(2), ASHAS, RAVIS, 600, 90));
    const Ledger__Transfer *held = REPLY(world, Ledger__Transfer);
    assert_string_equal(held->state, "PENDING");
    assert_int_equal(amount_in(held->captured_amount), 0);
    assert_int_equal(amount_in(held->remaining_amount), 600);
    assert_int_equal(held->timeout_seconds, 90);
    assert_int_equal(held->expires_at, held->created_at + 90 * NS_PER_SECOND);
    assert_newest_event(world, "ledger.transfer.held", "success", "", 2);

    assert_refused(post(world, ASHA, KEYED, 2, 100, -1), "IDEMPOTENCY_REQUIRED");
    assert_refused(post(world, RAVI, 3, 2, 100, -1), "PERMISSION_DENIED");
    assert_refused(post(world, ASHA, 3, 2, 601, -1), "EXCEEDS_PENDING_TRANSFER_AMOUNT");
    assert_status_ok(post(world, ASHA, 3, 2, 100, 0));
    const Ledger__Transfer *captured = REPLY(world, Ledger__Transfer);
    assert_int_equal(captured->kind, LEDGER__TRANSFER_KIND__POST);
    assert_memory_equal(captured->pending_id.data, id_of(2).bytes, ID128_BYTES);
    assert_int_equal(captured->reverses_id.len, 0);
    assert_false(captured->final);
    assert_newest_event(world, "ledger.transfer.posted", "success", "", 2);
    assert_status_ok(post(world, ASHA, 3, 2, 100, 0));
    assert_true(world->call.replayed);
    assert_refused(post(world, ASHA, 3, 2, 100, -1), "EXISTS_WITH_DIFFERENT_FINAL");

    held = get_transfer(world, 2);
    assert_string_equal(held->state, "PENDING");
    assert_int_equal(amount_in(held->captured_amount), 100);
    assert_int_equal(amount_in(held->remaining_amount), 500);
    assert_status_ok(post(world, ASHA, 4, 2, 300, -1)); // The last one: 200 are released.
    assert_true(REPLY(world, Ledger__Transfer)->final);
    held = get_transfer(world, 2);
    assert_string_equal(held->state, "POSTED");
    assert_int_equal(amount_in(held->captured_amount), 400);
    assert_int_equal(amount_in(held->remaining_amount), 0);
    assert_int_equal(held->n_follow_up_ids, 2);
    assert_memory_equal(held->follow_up_ids[0].data, id_of(4).bytes, ID128_BYTES);
    assert_memory_equal(held->follow_up_ids[1].data, id_of(3).bytes, ID128_BYTES);
    assert_refused(release(world, ASHA, 5, 2), "PENDING_TRANSFER_ALREADY_POSTED");
    assert_int_equal(balance_of(&world->fixture, ASHAS), 600);
    assert_int_equal(balance_of(&world->fixture, RAVIS), 400);
}

static void test_voids_and_reversals(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    assert_status_ok(hold(world, ASHA, id_of(2), ASHAS, RAVIS, 600, 0));
    assert_int_equal(REPLY(world, Ledger__Transfer)->expires_at, 0);
    assert_status_ok(release(world, RAVI, 3, 2)); // The payee may let go, too.
    assert_newest_event(world, "ledger.transfer.voided", "success", "", 2);
    assert_string_equal(get_transfer(world, 2)->state, "VOIDED");
    assert_refused(release(world, ASHA, 4, 2), "PENDING_TRANSFER_ALREADY_VOIDED");

    assert_status_ok(transfer(world, ASHA, id_of(5), ASHAS, RAVIS, 300, ""));
    assert_refused(reverse(world, ASHA, 6, 5, 100), "PERMISSION_DENIED"); // It is the payee's now.
    assert_status_ok(reverse(world, RAVI, 6, 5, 100));
    const Ledger__Transfer *back = REPLY(world, Ledger__Transfer);
    assert_memory_equal(back->debit_account_id.data, id_of(RAVIS).bytes, ID128_BYTES);
    assert_memory_equal(back->reverses_id.data, id_of(5).bytes, ID128_BYTES);
    assert_int_equal(back->pending_id.len, 0);
    assert_newest_event(world, "ledger.transfer.reversed", "success", "", 2);
    const Ledger__Transfer *original = get_transfer(world, 5);
    assert_string_equal(original->state, "POSTED");
    assert_int_equal(amount_in(original->reversed_amount), 100);
    assert_refused(reverse(world, TELLER, 7, 5, 201), "EXCEEDS_REVERSIBLE_AMOUNT");
    assert_status_ok(reverse(world, TELLER, 7, 5, 0)); // All that is left.
    original = get_transfer(world, 5);
    assert_string_equal(original->state, "REVERSED");
    assert_int_equal(original->n_follow_up_ids, 2);
    assert_refused(reverse(world, TELLER, 8, 5, 0), "ALREADY_REVERSED");
    assert_refused(reverse(world, TELLER, 8, 7, 0), "TRANSFER_NOT_REVERSIBLE");
}

static void test_large_reversals_need_four_eyes(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 10000001, ""));
    assert_refused(reverse(world, TELLER, 2, 1, 10000001), "FOUR_EYES_REQUIRED");
    assert_status_ok(reverse(world, TELLER, 3, 1, 10000000));
    assert_status_ok(deposit(world, TELLER, id_of(4), ASHAS, 10000001, ""));
    assert_status_ok(reverse(world, TELLER_2, 5, 4, 0));
    assert_status_ok(deposit(world, PAYMENTS, id_of(6), ASHAS, 10000001, ""));
    assert_status_ok(reverse(world, PAYMENTS, 7, 6, 0)); // A service is nobody's eyes.
}

static void test_what_expires_is_told_as_the_ledgers_own_doing(void **state)
{
    struct world *world = *state;
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    assert_status_ok(hold(world, ASHA, id_of(2), ASHAS, RAVIS, 600, 90));
    uint64_t expires_at = REPLY(world, Ledger__Transfer)->expires_at;
    clock_test_advance(91 * NS_PER_SECOND);
    // In somebody's call: before what was asked for, at its own time.
    assert_status_ok(transfer(world, ASHA, id_of(3), ASHAS, RAVIS, 1000, ""));
    struct event_seen event = event_at(world, 1);
    assert_string_equal(event.type, "ledger.transfer.expired");
    assert_string_equal(event.actor, "services/ledger");
    assert_string_equal(event.request_id, "");
    assert_int_equal(event.visible_to_count, 2);
    Ledger__TransferCreated *told =
        ledger__transfer_created__unpack(NULL, event.payload.size, event.payload.data);
    assert_int_equal(told->transfer->created_at, expires_at);
    assert_memory_equal(told->transfer->pending_id.data, id_of(2).bytes, ID128_BYTES);
    ledger__transfer_created__free_unpacked(told, NULL);
    assert_string_equal(event_at(world, 0).request_id, "req-1");
    assert_string_equal(get_transfer(world, 2)->state, "EXPIRED");
    assert_refused(post(world, ASHA, 4, 2, 0, -1), "PENDING_TRANSFER_EXPIRED");

    // In nobody's.
    assert_status_ok(deposit(world, TELLER, id_of(7), ASHAS, 10, ""));
    assert_status_ok(hold(world, ASHA, id_of(8), ASHAS, RAVIS, 10, 90));
    clock_test_advance(91 * NS_PER_SECOND);
    uint64_t head = event_outbox_head(world->outbox);
    assert_false(let_expire(&world->fixture));
    assert_int_equal(event_outbox_head(world->outbox), head + 1);
    assert_newest_event(world, "ledger.transfer.expired", "success", "", 2);
}

// ---- Lists --------------------------------------------------------------------------------------

static void test_history_by_page(void **state)
{
    struct world *world = *state;

    enum { MOVES = 25, PAGE = 10 };

    for (uint8_t i = 0; i < MOVES; i++)
        assert_status_ok(
            deposit(world, TELLER, id_of((uint8_t)(0x60 + i)), ASHAS, (u128)i + 1, ""));
    Ledger__ListAccountTransfersRequest list = LEDGER__LIST_ACCOUNT_TRANSFERS_REQUEST__INIT;
    list.id = id_bytes(world, id_of(ASHAS));
    list.page_size = PAGE;
    size_t seen = 0, pages = 0;
    uint64_t balance = MOVES * (MOVES + 1) / 2;
    do {
        assert_status_ok(call_as(world, ASHA, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""));
        const Ledger__ListTransfersResponse *page = REPLY(world, Ledger__ListTransfersResponse);
        for (size_t i = 0; i < page->n_transfers; i++, seen++) { // Newest first.
            assert_int_equal(amount_in(page->transfers[i]->amount), MOVES - seen);
            assert_int_equal(signed_in(page->transfers[i]->balance_after), balance);
            balance -= MOVES - seen;
        }
        // What comes in meanwhile is newer and moves no page.
        if (pages == 0) assert_status_ok(deposit(world, TELLER, id_of(0x5f), ASHAS, 1, ""));
        list.page_token = page->next_page_token;
        pages++;
    } while (list.page_token[0] != '\0');
    assert_int_equal(seen, MOVES);
    assert_int_equal(pages, 3);

    // A token is good for its list, its filters and its caller only.
    list.page_token = text_of("");
    assert_status_ok(call_as(world, ASHA, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""));
    list.page_token = REPLY(world, Ledger__ListTransfersResponse)->next_page_token;
    assert_refused(call_as(world, TELLER, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""),
                   "PAGE_TOKEN_INVALID");
    list.direction = LEDGER__SIDE__CREDIT;
    assert_refused(call_as(world, ASHA, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""),
                   "PAGE_TOKEN_INVALID");
    list.id = id_bytes(world, id_of(RAVIS));
    assert_refused(call_as(world, ASHA, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""),
                   "PERMISSION_DENIED");
    list.page_size = -1;
    assert_refused(call_as(world, RAVI, LEDGER_LIST_ACCOUNT_TRANSFERS, &list, ""),
                   "VALIDATION_FAILED");
}

static void test_lists_by_filter(void **state)
{
    struct world *world = *state;
    uint64_t second = TEST_BEGIN_NS + NS_PER_SECOND;
    assert_status_ok(create_account(world, ASHA, 0x12, 0, ""));
    assert_status_ok(deposit(world, TELLER, id_of(1), ASHAS, 1000, ""));
    assert_status_ok(deposit(world, TELLER, id_of(2), RAVIS, 1000, ""));
    clock_test_advance(NS_PER_SECOND);
    Ledger__CreateTransferRequest *own = transfer_request(world, id_of(3), ASHAS, 0x12, 5);
    own->code = 9;
    assert_status_ok(call_as(world, ASHA, LEDGER_CREATE_TRANSFER, own, ""));
    assert_status_ok(transfer(world, ASHA, id_of(4), ASHAS, RAVIS, 5, ""));

    const struct {
        enum who who;
        uint8_t account; // 0: all transfers.
        uint64_t from, to;
        uint32_t code;
        Ledger__Side direction;
        size_t count;
    } rows[] = {
        // clang-format off
        {ASHA,   ASHAS, 0,      0,      0, LEDGER__SIDE__SIDE_UNSPECIFIED, 3},
        {ASHA,   ASHAS, 0,      0,      0, LEDGER__SIDE__BOTH,             3},
        {ASHA,   ASHAS, 0,      0,      0, LEDGER__SIDE__DEBIT,            2},
        {ASHA,   ASHAS, 0,      0,      0, LEDGER__SIDE__CREDIT,           1},
        {ASHA,   ASHAS, second, 0,      0, LEDGER__SIDE__SIDE_UNSPECIFIED, 2},
        {ASHA,   ASHAS, 0,      second, 0, LEDGER__SIDE__SIDE_UNSPECIFIED, 1},
        {TELLER, 0,     0,      0,      0, LEDGER__SIDE__SIDE_UNSPECIFIED, 4},
        {TELLER, 0,     0,      0,      9, LEDGER__SIDE__SIDE_UNSPECIFIED, 1},
        {TELLER, 0,     second, 0,      0, LEDGER__SIDE__SIDE_UNSPECIFIED, 2},
        {ASHA,   0,     0,      0,      0, LEDGER__SIDE__SIDE_UNSPECIFIED, 3},
        {RAVI,   0,     0,      0,      0, LEDGER__SIDE__SIDE_UNSPECIFIED, 2},
        {RAVI,   0,     0,      second, 0, LEDGER__SIDE__SIDE_UNSPECIFIED, 1},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Ledger__ListAccountTransfersRequest one = LEDGER__LIST_ACCOUNT_TRANSFERS_REQUEST__INIT;
        Ledger__ListTransfersRequest all = LEDGER__LIST_TRANSFERS_REQUEST__INIT;
        one.id = id_bytes(world, id_or_nil(rows[i].account));
        one.from = all.from = rows[i].from;
        one.to = all.to = rows[i].to;
        one.page_size = all.page_size = 2;
        one.direction = rows[i].direction;
        all.code = rows[i].code;
        size_t seen = 0;
        do {
            size_t method =
                rows[i].account != 0 ? LEDGER_LIST_ACCOUNT_TRANSFERS : LEDGER_LIST_TRANSFERS;
            void *request = rows[i].account != 0 ? (void *)&one : (void *)&all;
            assert_status_ok(call_as(world, rows[i].who, method, request, ""));
            const Ledger__ListTransfersResponse *page = REPLY(world, Ledger__ListTransfersResponse);
            seen += page->n_transfers;
            one.page_token = all.page_token = page->next_page_token;
        } while (one.page_token[0] != '\0');
        if (seen != rows[i].count) fail_msg("row %zu: %zu transfers", i, seen);
    }
    Ledger__ListTransfersRequest list = LEDGER__LIST_TRANSFERS_REQUEST__INIT;
    list.from = 2;
    list.to = 1;
    assert_refused(call_as(world, TELLER, LEDGER_LIST_TRANSFERS, &list, ""), "VALIDATION_FAILED");
    assert_string_equal(violation(world), "to: RANGE");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_story_of_money),
        TEST(test_refusals_are_committed_and_told),
        TEST(test_members_that_are_missing_or_too_many),
        TEST(test_everything_a_transfer_carries_comes_back),
        TEST(test_a_hold_is_captured_in_parts),
        TEST(test_voids_and_reversals),
        TEST(test_large_reversals_need_four_eyes),
        TEST(test_what_expires_is_told_as_the_ledgers_own_doing),
        TEST(test_history_by_page),
        TEST(test_lists_by_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
