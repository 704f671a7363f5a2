// Damages to holds, reversals, expiries, groups, quotes and running totals, each found by name; and
// verifications in small pieces while all of those are being written.
#include "services/ledger/totals.h"
#include "services/ledger/verify.h"
#include "tests/unit/ledger/damage.h"

#include <pthread.h>
#include <stdatomic.h>

// ---- Holds --------------------------------------------------------------------------------------

static struct ledger_progress get_progress(struct store_txn *txn, uint8_t id)
{
    struct ledger_progress progress;
    assert_status_ok(ledger_store_get_progress(txn, number_of(txn, id), &progress));
    return progress;
}

static void change_captured(struct store_txn *txn)
{
    struct ledger_progress progress = get_progress(txn, OPEN_HOLD);
    progress.captured++;
    ledger_store_put_progress(txn, number_of(txn, OPEN_HOLD), &progress);
}

static void change_follow_up(struct store_txn *txn)
{
    struct ledger_progress progress = get_progress(txn, OPEN_HOLD);
    progress.last_follow_up = number_of(txn, VOIDING);
    ledger_store_put_progress(txn, number_of(txn, OPEN_HOLD), &progress);
}

static void lose_progress_of(struct store_txn *txn, uint8_t id)
{
    store_delete(txn, LEDGER_TABLE_PROGRESS, raw_number_key(number_of(txn, id)));
}

static void lose_progress(struct store_txn *txn)
{
    lose_progress_of(txn, OPEN_HOLD);
}

static void lose_final_progress(struct store_txn *txn)
{
    lose_progress_of(txn, VOIDED_HOLD);
}

static void change_final_state(struct store_txn *txn)
{
    struct ledger_progress progress = get_progress(txn, VOIDED_HOLD);
    progress.state = LEDGER_HOLD_EXPIRED;
    ledger_store_put_progress(txn, number_of(txn, VOIDED_HOLD), &progress);
}

static void add_progress(struct store_txn *txn)
{
    const struct ledger_progress progress = {
        .state = LEDGER_HOLD_POSTED, .captured = 1, .last_follow_up = number_of(txn, POSTING)};
    ledger_store_put_progress(txn, number_of(txn, PLAIN_FIRST), &progress);
}

static void change_released_amount(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, VOIDING);
    transfer.amount--;
    raw_put_transfer(txn, &transfer);
}

/// The log's last transfer before TRIGGER is the expiry of EXPIRED_HOLD.
static struct ledger_transfer get_expiry(struct store_txn *txn)
{
    struct ledger_transfer expiry;
    uint64_t number = number_of(txn, TRIGGER) - 1;
    assert_status_ok(ledger_store_get_transfer(txn, NULL, number, &expiry));
    assert_int_equal(expiry.kind, LEDGER_TRANSFER_EXPIRY);
    return expiry;
}

static void change_link(struct store_txn *txn)
{
    struct ledger_transfer expiry = get_expiry(txn);
    expiry.subject_previous = 0; // As if nothing had been captured before.
    raw_put_transfer(txn, &expiry);
}

static void change_subject(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, POSTING);
    transfer.subject_number = number_of(txn, VOIDED_HOLD);
    raw_put_transfer(txn, &transfer);
}

static void change_counterparty(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, VOIDING);
    transfer.account_id[LEDGER_CREDIT] = ledger_system_account_id("INR", LEDGER_CASH);
    raw_put_transfer(txn, &transfer);
}

static void break_progress(struct store_txn *txn)
{
    raw_break_first(txn, LEDGER_TABLE_PROGRESS);
}

// ---- Reversals ----------------------------------------------------------------------------------

static void change_reversed(struct store_txn *txn)
{
    struct ledger_progress progress = get_progress(txn, REVERSED_IN_PART);
    progress.reversed--;
    ledger_store_put_progress(txn, number_of(txn, REVERSED_IN_PART), &progress);
}

static void change_whole_reversed(struct store_txn *txn)
{
    struct ledger_progress progress = get_progress(txn, REVERSED);
    progress.reversed--;
    ledger_store_put_progress(txn, number_of(txn, REVERSED), &progress);
}

static void lose_reversal_progress(struct store_txn *txn)
{
    lose_progress_of(txn, REVERSED_IN_PART);
}

static void reverse_too_much(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, PART_REVERSAL);
    transfer.amount = 6;
    raw_put_transfer(txn, &transfer);
}

static void change_reversal_link(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, LAST_REVERSAL);
    transfer.subject_previous = number_of(txn, PART_REVERSAL);
    raw_put_transfer(txn, &transfer);
}

static void reverse_a_hold(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, PART_REVERSAL);
    transfer.subject_number = number_of(txn, VOIDED_HOLD);
    raw_put_transfer(txn, &transfer);
}

// ---- Expiries -----------------------------------------------------------------------------------

static void lose_expiry(struct store_txn *txn)
{
    raw_lose_first(txn, LEDGER_TABLE_EXPIRIES);
}

static void add_expiry(struct store_txn *txn)
{
    ledger_store_put_expiry(txn, get_transfer(txn, TRIGGER).created_at_ns + 9,
                            number_of(txn, VOIDED_HOLD));
}

static void move_expiry(struct store_txn *txn)
{
    struct ledger_progress progress = get_progress(txn, TIMED_HOLD);
    uint64_t number = number_of(txn, TIMED_HOLD);
    ledger_store_drop_expiry(txn, progress.expires_at_ns, number);
    ledger_store_put_expiry(txn, progress.expires_at_ns + 1, number);
}

static void expire_late(struct store_txn *txn)
{
    struct ledger_transfer expiry = get_expiry(txn);
    expiry.created_at_ns++;
    raw_put_transfer(txn, &expiry);
}

static void expire_never(struct store_txn *txn)
{
    struct ledger_transfer hold = get_transfer(txn, TIMED_HOLD);
    hold.timeout_seconds = 1; // Due before TRIGGER, which was made while it was open.
    raw_put_transfer(txn, &hold);
}

static const struct damage damages_of_holds[] = {
    {"what was captured", change_captured, "HOLD_MISMATCH"},
    {"the last follow-up", change_follow_up, "HOLD_MISMATCH"},
    {"an open hold's progress lost", lose_progress, "HOLD_MISMATCH"},
    {"a voided hold's progress lost", lose_final_progress, "HOLD_MISMATCH"},
    {"what became of a hold", change_final_state, "HOLD_MISMATCH"},
    {"progress of what is no hold", add_progress, "REVERSAL_MISMATCH"},
    {"a void that leaves something", change_released_amount, "HOLD_MISMATCH"},
    {"a follow-up out of its chain", change_link, "HOLD_MISMATCH"},
    {"a capture of what was voided", change_subject, "HOLD_MISMATCH"},
    {"a void between other accounts", change_counterparty, "HOLD_MISMATCH"},
    {"the bytes of a progress row", break_progress, "RECORD_CORRUPT"},
    {"what was reversed", change_reversed, "REVERSAL_MISMATCH"},
    {"a whole reversal", change_whole_reversed, "REVERSAL_MISMATCH"},
    {"a reversed transfer's progress lost", lose_reversal_progress, "REVERSAL_MISMATCH"},
    {"more reversed than was moved", reverse_too_much, "REVERSAL_MISMATCH"},
    {"a reversal out of its chain", change_reversal_link, "REVERSAL_MISMATCH"},
    {"the reversal of a hold", reverse_a_hold, "REVERSAL_MISMATCH"},
    {"a hold that would never expire", lose_expiry, "EXPIRY_MISMATCH"},
    {"an expiry of what is not open", add_expiry, "EXPIRY_MISMATCH"},
    {"an expiry at another time", move_expiry, "EXPIRY_MISMATCH"},
    {"a hold that expired late", expire_late, "EXPIRY_MISMATCH"},
    {"a hold that is overdue", expire_never, "EXPIRY_MISMATCH"},
};

static void test_damages_to_holds_are_found(void **state)
{
    (void)state;
    damage_books(damages_of_holds, ROWS(damages_of_holds));
}

// ---- Groups, quotes, totals ---------------------------------------------------------------------

static void lose_group(struct store_txn *txn)
{
    struct id128 id = id_of(GROUP);
    store_delete(txn, LEDGER_TABLE_GROUPS, id128_bytes(&id));
}

static void change_group(struct store_txn *txn, uint64_t last, uint32_t count)
{
    ledger_store_put_group(txn, id_of(GROUP), &(struct ledger_group){last, count});
}

static void change_group_count(struct store_txn *txn)
{
    change_group(txn, number_of(txn, GROUP_FIRST + 2), 4);
}

static void cut_group(struct store_txn *txn)
{
    change_group(txn, number_of(txn, GROUP_FIRST + 1), 2);
}

static void change_group_link(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, GROUP_FIRST + 2);
    transfer.group_previous = number_of(txn, PLAIN_FIRST);
    raw_put_transfer(txn, &transfer);
}

static void break_group(struct store_txn *txn)
{
    raw_break_first(txn, LEDGER_TABLE_GROUPS);
}

static void change_quote(struct store_txn *txn, uint8_t id, enum ledger_quote_state state)
{
    struct ledger_quote quote;
    assert_status_ok(ledger_store_get_quote(txn, id_of(id), &quote));
    quote.state = state;
    bool is_open = state == LEDGER_QUOTE_OPEN;
    quote.debit_account_id = is_open ? ID128_NIL : id_of(ASHAS_USD);
    quote.credit_account_id = is_open ? ID128_NIL : id_of(ASHAS);
    ledger_store_put_quote(txn, &quote);
}

static void forget_execution(struct store_txn *txn)
{
    change_quote(txn, QUOTE, LEDGER_QUOTE_OPEN);
}

static void pretend_execution(struct store_txn *txn)
{
    change_quote(txn, OPEN_QUOTE, LEDGER_QUOTE_EXECUTED);
}

static void change_quoted_amount(struct store_txn *txn)
{
    struct ledger_quote quote;
    assert_status_ok(ledger_store_get_quote(txn, id_of(QUOTE), &quote));
    quote.buy_amount++;
    ledger_store_put_quote(txn, &quote);
}

static void change_totals(struct store_txn *txn)
{
    uint8_t key[LEDGER_TOTALS_KEY_BYTES], record[LEDGER_TOTALS_BYTES];
    struct bytes value;
    struct ledger_totals totals;
    ledger_totals_key_encode("INR", LEDGER_CLASS_LIABILITY, key);
    assert_status_ok(store_get(txn, LEDGER_TABLE_TOTALS, bytes_of(key, sizeof key), &value));
    assert_status_ok(ledger_totals_decode(value, &totals));
    totals.credits_posted++;
    size_t size = ledger_totals_encode(&totals, record);
    store_put(txn, LEDGER_TABLE_TOTALS, bytes_of(key, sizeof key), bytes_of(record, size));
}

static void lose_totals(struct store_txn *txn)
{
    raw_lose_first(txn, LEDGER_TABLE_TOTALS);
}

static void break_totals(struct store_txn *txn)
{
    raw_break_first(txn, LEDGER_TABLE_TOTALS);
}

static void break_profile(struct store_txn *txn)
{
    raw_break_first(txn, LEDGER_TABLE_PROFILES);
}

static void put_checkpoint(struct store_txn *txn, uint64_t time_ns, uint64_t number)
{
    static uint8_t record[4096];
    const struct ledger_class_totals row = {
        .currency = "INR", .class = LEDGER_CLASS_ASSET, .totals = {.debits_posted = 1}};
    assert_true(ledger_checkpoint_bytes(1) <= sizeof record);
    size_t size = ledger_checkpoint_encode(number, &row, 1, record);
    store_put(txn, LEDGER_TABLE_CHECKPOINTS, raw_number_key(time_ns), bytes_of(record, size));
}

static void add_wrong_checkpoint(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, VOIDING);
    put_checkpoint(txn, transfer.created_at_ns, transfer.number);
}

static void add_later_checkpoint(struct store_txn *txn)
{
    put_checkpoint(txn, UINT64_C(1) << 63, 99999);
}

static const struct damage damages_of_sums[] = {
    {"a group lost", lose_group, "GROUP_MISMATCH"},
    {"a group's count", change_group_count, "GROUP_MISMATCH"},
    {"a group without its last member", cut_group, "GROUP_MISMATCH"},
    {"a group's chain", change_group_link, "GROUP_MISMATCH"},
    {"a group's bytes", break_group, "RECORD_CORRUPT"},
    {"an execution forgotten", forget_execution, "QUOTE_MISMATCH"},
    {"an execution that never was", pretend_execution, "QUOTE_MISMATCH"},
    {"a quote's amount", change_quoted_amount, "QUOTE_MISMATCH"},
    {"a running total", change_totals, "TOTALS_MISMATCH"},
    {"... out of balance", change_totals, "NOT_CONSERVED"},
    {"a running total lost", lose_totals, "TOTALS_MISMATCH"},
    {"a running total's bytes", break_totals, "RECORD_CORRUPT"},
    {"a checkpoint that is wrong", add_wrong_checkpoint, "TOTALS_MISMATCH"},
    {"a checkpoint of what is to come", add_later_checkpoint, "TOTALS_MISMATCH"},
    {"a profile's bytes", break_profile, "RECORD_CORRUPT"},
};

static void test_damages_to_sums_are_found(void **state)
{
    (void)state;
    damage_books(damages_of_sums, ROWS(damages_of_sums));
}

// ---- Checkpoints --------------------------------------------------------------------------------

static void move_many(struct fixture *fixture, size_t count)
{
    struct ledger_movement *movements = calloc(count, sizeof *movements);
    assert_non_null(movements);
    for (size_t i = 0; i < count; i++)
        movements[i] = transfer_of(id128_generate(), i % 2 == 0 ? ASHAS : RAVIS,
                                   i % 2 == 0 ? RAVIS : ASHAS, 1);
    must_move_all(fixture, movements, count);
    free(movements);
}

static struct status run_change_checkpoint(struct store_txn *txn, void *context)
{
    (void)context;
    struct store_cursor cursor;
    struct ledger_class_totals rows[16];
    size_t count;
    uint64_t number, time_ns;
    store_cursor_open(txn, LEDGER_TABLE_CHECKPOINTS, &cursor);
    assert_true(store_cursor_last(&cursor));
    time_ns = get_u64_be(cursor.key.data);
    assert_status_ok(ledger_checkpoint_decode(cursor.value, &number, rows, ROWS(rows), &count));
    store_cursor_close(&cursor);
    static uint8_t record[4096];
    rows[0].totals.debits_posted++;
    size_t size = ledger_checkpoint_encode(number, rows, count, record);
    store_put(txn, LEDGER_TABLE_CHECKPOINTS, raw_number_key(time_ns), bytes_of(record, size));
    return STATUS_SUCCESS;
}

static void test_checkpoints_are_compared_where_they_were_made(void **state)
{
    static struct ledger_verification result;
    struct fixture *fixture = *state;
    move_many(fixture, LEDGER_CHECKPOINT_TRANSFERS);
    move_many(fixture, 10); // The checkpoint is not at the log's end.
    assert_clean(fixture);
    run_job(fixture, run_change_checkpoint, NULL);
    assert_status_ok(ledger_verify(fixture->store, NULL, &result));
    assert_int_equal(result.finding_count, 1);
    assert_string_equal(result.findings[0].reason, "TOTALS_MISMATCH");
}

// ---- While the ledger is being written to -------------------------------------------------------

enum { WRITES = 400, PIECE = 7 };

struct writer {
    struct fixture *fixture;
    atomic_bool is_done;
};

/// Holds that are captured, voided or left open, transfers that are reversed, and groups, in turns.
static void write_once(struct fixture *fixture, unsigned turn)
{
    struct id128 first_id = id128_generate(), next_id = id128_generate();
    struct ledger_movement moves[2] = {hold_of(first_id, ASHAS, RAVIS, 2, 3600)};
    size_t count = 2;
    switch (turn % 5) {
    case 0:
        moves[1] = capture_of(next_id, first_id, 1, turn % 2 == 0);
        break;
    case 1:
        moves[1] = void_of(next_id, first_id);
        break;
    case 2:
        moves[0] = transfer_of(first_id, ASHAS, RAVIS, 2);
        moves[1] = reversal_of(next_id, first_id, 1 + turn % 2);
        break;
    case 3:
        moves[0] = transfer_of(first_id, ASHAS, RAVIS, 2);
        moves[1] = transfer_of(next_id, RAVIS, ASHAS, 2);
        moves[0].asked.group_id = moves[1].asked.group_id = id_of((uint8_t)(0xc0 + turn % 16));
        break;
    default:
        count = 1;
    }
    for (size_t i = 0; i < count; i++)
        must_move(fixture, moves[i]);
    wait_seconds(30); // Some of the holds expire under way.
}

static void *write_on(void *context)
{
    struct writer *writer = context;
    for (unsigned turn = 0; turn < WRITES; turn++)
        write_once(writer->fixture, turn);
    atomic_store(&writer->is_done, true);
    return NULL;
}

static void test_books_that_are_being_written_are_clean(void **state)
{
    static struct ledger_verification result;
    struct writer writer = {.fixture = *state};
    pthread_t thread;
    unsigned verified = 0;
    assert_int_equal(pthread_create(&thread, NULL, write_on, &writer), 0);
    bool was_done;
    do {
        was_done = atomic_load(&writer.is_done);
        assert_status_ok(ledger_verify_in_pieces(writer.fixture->store, PIECE, NULL, &result));
        if (result.finding_count > 0)
            fail_msg("%s: %s: %s", result.findings[0].reason, result.findings[0].subject,
                     result.findings[0].detail);
        verified++;
    } while (!was_done);
    pthread_join(thread, NULL);
    assert_true(verified > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damages_to_holds_are_found),
        cmocka_unit_test(test_damages_to_sums_are_found),
        cmocka_unit_test_setup_teardown(test_checkpoints_are_compared_where_they_were_made,
                                        setup_books, teardown),
        cmocka_unit_test_setup_teardown(test_books_that_are_being_written_are_clean, setup_books,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
