// The service on a real store: each event once and in order, and every entry provable.
#include "common/base/record.h"
#include "tests/unit/audit/fixture.h"

// ---- In ------------------------------------------------------------------------------------

static void test_an_empty_log_has_a_signed_checkpoint(void **state)
{
    assert_int_equal(log_size(*state), 0);
}

static void test_events_come_in_once_however_often_they_are_delivered(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(accept(fixture, "ledger", 1, 10));
    assert_int_equal(log_size(fixture), 10);
    assert_status_ok(accept(fixture, "ledger", 1, 10)); // The reply was lost.
    assert_int_equal(log_size(fixture), 10);
    assert_status_ok(accept(fixture, "ledger", 6, 10)); // Five known, five new.
    assert_int_equal(log_size(fixture), 15);
    assert_status_ok(accept(fixture, "auth", 1, 3)); // Another source has its own mark.
    assert_int_equal(log_size(fixture), 18);
    struct audit_mark mark;
    assert_status_ok(audit_service_mark(&fixture->service, "ledger", &mark));
    assert_int_equal(mark.seq, 15);
    assert_int_equal(mark.log_id, FIXTURE_LOG_ID);
}

static void test_a_gap_is_refused_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(accept(fixture, "ledger", 1, 2));
    assert_refused(accept(fixture, "ledger", 4, 1), "EVENT_GAP");
    assert_refused(accept(fixture, "auth", 2, 1), "EVENT_GAP");
    assert_int_equal(log_size(fixture), 2);
    assert_status_ok(accept(fixture, "ledger", 3, 2));
    assert_int_equal(log_size(fixture), 4);
}

static void test_a_source_whose_store_was_replaced_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(accept(fixture, "ledger", 1, 2));
    struct event_view event = make_event("ledger", 2);
    assert_refused(accept_views(fixture, "ledger", FIXTURE_LOG_ID + 1, &event, 1),
                   "SOURCE_REPLACED");
    assert_int_equal(log_size(fixture), 2);
}

static void test_a_restart_goes_on_where_it_stood(void **state)
{
    struct fixture *fixture = *state;
    uint64_t seq = 1;
    for (size_t count = 1; count <= 40; count += 3, seq += count - 3) {
        assert_status_ok(accept(fixture, "ledger", seq, count));
        assert_int_equal(log_size(fixture), seq + count - 1);
        reopen_log(fixture);
        assert_int_equal(log_size(fixture), seq + count - 1);
        assert_status_ok(accept(fixture, "ledger", seq, count));
        assert_int_equal(log_size(fixture), seq + count - 1);
    }
}

static void test_an_event_is_in_the_log_as_it_was_told(void **state)
{
    struct fixture *fixture = *state;
    struct event_view told = make_event("ledger", 1);
    told.outcome = "refused";
    told.device_id = "";
    assert_status_ok(accept_views(fixture, "ledger", FIXTURE_LOG_ID, &told, 1));
    struct store_txn *txn = begin(fixture);
    struct audit_event event;
    assert_status_ok(audit_service_get(txn, 0, &event));
    assert_int_equal(event.entry.seq, 1);
    assert_int_equal(event.entry.time_ns, told.time_ns);
    assert_true(bytes_equal(event.entry.source, bytes_of_text("ledger")));
    assert_true(bytes_equal(event.entry.action, bytes_of_text(told.type)));
    assert_true(bytes_equal(event.entry.resource, bytes_of_text(told.subject)));
    assert_true(bytes_equal(event.entry.outcome, bytes_of_text("refused")));
    assert_true(bytes_equal(event.side.client_ip, bytes_of_text("203.0.113.7")));
    assert_true(bytes_equal(event.side.payload, bytes_of_text("payload")));
    struct record_reader names = record_read_key(event.side.visible_to);
    assert_true(bytes_equal(record_take_run32(&names), bytes_of_text("users/1")));

    // The address is not in the entry, only what commits to it.
    assert_null(memmem(event.bytes.data, event.bytes.size, "203.0.113.7", 11));
    uint8_t expected[AUDIT_COMMITMENT_BYTES];
    struct bytes commitment = audit_core_commit(event.side.salt, AUDIT_COMMITTED_CLIENT_IP,
                                                event.side.client_ip, expected);
    assert_true(bytes_equal(event.entry.client_ip_commitment, commitment));
    assert_int_equal(event.entry.device_id_commitment.size, 0);
    store_snapshot_end(&txn);
}

static void test_equal_events_have_unequal_entries(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(accept(fixture, "ledger", 1, 1));
    struct event_view again = make_event("ledger", 1);
    again.seq = 2;
    assert_status_ok(accept_views(fixture, "ledger", FIXTURE_LOG_ID, &again, 1));
    struct store_txn *txn = begin(fixture);
    struct audit_event first, second;
    assert_status_ok(audit_service_get(txn, 0, &first));
    assert_status_ok(audit_service_get(txn, 1, &second));
    assert_false(bytes_equal(first.entry.payload_commitment, second.entry.payload_commitment));
    store_snapshot_end(&txn);
}

static void test_texts_beyond_the_limit_are_cut_and_the_entry_says_so(void **state)
{
    struct fixture *fixture = *state;
    static char text[5000];
    memset(text, 'x', sizeof text - 1);
    struct event_view event = make_event("ledger", 1);
    event.request_id = text;
    assert_status_ok(accept_views(fixture, "ledger", FIXTURE_LOG_ID, &event, 1));
    struct store_txn *txn = begin(fixture);
    struct audit_event got;
    assert_status_ok(audit_service_get(txn, 0, &got));
    assert_true(got.entry.texts_cut);
    assert_int_equal(got.entry.request_id.size, AUDIT_TEXT_BYTES_MAX);
    store_snapshot_end(&txn);
}

// ---- Proofs --------------------------------------------------------------------------------

static void prove_all(struct fixture *fixture, uint64_t size)
{
    struct store_txn *txn = begin(fixture);
    struct audit_proof proof;
    struct audit_event event;
    for (uint64_t index = 0; index < size; index++) {
        struct checkpoint checkpoint;
        assert_status_ok(audit_service_prove(txn, index, &proof));
        assert_status_ok(audit_service_get(txn, index, &event));
        assert_true(merkle_hash_equal(&event.leaf, &proof.leaf));
        assert_int_equal(proof.size, size);
        assert_status_ok(merkle_verify_inclusion(index, size, &proof.leaf, proof.path.hashes,
                                                 proof.path.count, &proof.root));
        if (index != size / 2) continue; // The signature is the same for all.
        assert_status_ok(
            checkpoint_open(proof.checkpoint, &fixture->service.verifier, &checkpoint));
        assert_true(merkle_hash_equal(&checkpoint.root, &proof.root));
    }
    assert_refused(audit_service_prove(txn, size, &proof), "ENTRY_NOT_FOUND");
    assert_refused(audit_service_get(txn, size, &event), "ENTRY_NOT_FOUND");
    store_snapshot_end(&txn);
}

static void test_every_entry_of_trees_of_1_to_300_is_proven(void **state)
{
    for (uint64_t size = 1; size <= 300; size++) {
        assert_status_ok(accept(*state, "ledger", size, 1));
        prove_all(*state, size);
    }
}

static void test_a_tree_of_three_tile_levels_is_proven(void **state)
{
    enum { SIZE = 66000 };
    struct fixture *fixture = *state;
    for (uint64_t seq = 1; seq <= SIZE;) {
        size_t count = SIZE + 1 - seq < 4000 ? (size_t)(SIZE + 1 - seq) : 4000;
        assert_status_ok(accept(fixture, "ledger", seq, count));
        seq += count;
    }
    reopen_log(fixture); // Its check walks three levels.
    assert_int_equal(log_size(fixture), SIZE);
    struct store_txn *txn = begin(fixture);
    for (uint64_t index = 0; index < SIZE; index += 251) {
        struct audit_proof proof;
        assert_status_ok(audit_service_prove(txn, index, &proof));
    }
    struct merkle_frontier naive = {0};
    for (uint64_t index = 0; index < SIZE; index++) {
        struct audit_event event;
        assert_status_ok(audit_service_get(txn, index, &event));
        merkle_frontier_append(&naive, &event.leaf, NULL, NULL);
    }
    struct merkle_hash expected, root;
    struct bytes note;
    uint64_t size;
    merkle_frontier_root(&naive, &expected);
    assert_status_ok(audit_service_checkpoint(txn, &note, &size, &root));
    assert_true(merkle_hash_equal(&expected, &root));
    store_snapshot_end(&txn);
}

// Each checkpoint that could have been served is consistent with every later one.
static void test_every_checkpoint_is_consistent_with_the_last(void **state)
{
    enum { STEPS = 60 };
    struct fixture *fixture = *state;
    static struct merkle_hash roots[STEPS];
    static uint64_t sizes[STEPS];
    uint64_t seq = 1;
    for (size_t i = 0; i < STEPS; i++) {
        size_t count = i % 11 + 1;
        assert_status_ok(accept(fixture, "ledger", seq, count));
        seq += count;
        struct store_txn *txn = begin(fixture);
        struct bytes note;
        assert_status_ok(audit_service_checkpoint(txn, &note, &sizes[i], &roots[i]));
        store_snapshot_end(&txn);
    }
    struct store_txn *txn = begin(fixture);
    const struct merkle_reader reader = audit_tree_reader(txn);
    for (size_t i = 0; i < STEPS; i++) {
        struct merkle_proof proof;
        assert_status_ok(merkle_prove_consistency(&reader, sizes[i], sizes[STEPS - 1], &proof));
        assert_status_ok(merkle_verify_consistency(sizes[i], sizes[STEPS - 1], proof.hashes,
                                                   proof.count, &roots[i], &roots[STEPS - 1]));
    }
    store_snapshot_end(&txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_log_has_a_signed_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events_come_in_once_however_often_they_are_delivered,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_gap_is_refused_and_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_source_whose_store_was_replaced_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_restart_goes_on_where_it_stood, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_event_is_in_the_log_as_it_was_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_equal_events_have_unequal_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_texts_beyond_the_limit_are_cut_and_the_entry_says_so,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_entry_of_trees_of_1_to_300_is_proven, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_tree_of_three_tile_levels_is_proven, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_every_checkpoint_is_consistent_with_the_last, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
