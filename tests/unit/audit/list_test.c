// Lists against a naive filter over all entries: every combination, every page size, newest first.
#include "tests/unit/audit/fixture.h"

enum { SIZE = 500 };

static int setup_grown(void **state)
{
    setup(state);
    // Two sources, in turns and of different lengths.
    for (uint64_t seq = 1; seq <= SIZE / 2; seq += 10) {
        assert_status_ok(accept(*state, "ledger", seq, 10));
        assert_status_ok(accept(*state, "auth", seq, 10));
    }
    return 0;
}

// Walks page after page and compares with the naive filter; gives how many were found.
static size_t compare(struct fixture *fixture, const struct audit_filter *filter, size_t page_size)
{
    struct store_txn *txn = begin(fixture);
    uint64_t naive = SIZE, before = UINT64_MAX;
    size_t found = 0;
    for (bool more = true; more;) {
        struct audit_list list;
        struct audit_event event, expected;
        enum audit_list_step step;
        assert_status_ok(audit_list_begin(txn, filter, before, &list));
        for (size_t i = 0; i < page_size; i++) {
            assert_status_ok(audit_list_next(&list, &event, &step));
            if (step != AUDIT_LIST_EVENT) break;
            do {
                assert_true(naive > 0);
                assert_status_ok(audit_service_get(txn, --naive, &expected));
            } while (!audit_core_matches(filter, &expected.entry));
            assert_int_equal(event.index, naive);
            assert_true(bytes_equal(event.bytes, expected.bytes));
            found++;
        }
        more = step != AUDIT_LIST_END;
        before = list.before;
        audit_list_end(&list);
    }
    while (naive > 0) { // Nothing that fits may be left.
        struct audit_event event;
        assert_status_ok(audit_service_get(txn, --naive, &event));
        assert_false(audit_core_matches(filter, &event.entry));
    }
    store_snapshot_end(&txn);
    return found;
}

static void test_every_combination_of_filters_is_the_naive_one(void **state)
{
    static const size_t page_sizes[] = {1, 3, 50, 1000};
    // Bit i of the number says whether filter i is set.
    size_t found_by_all = 0;
    for (unsigned set = 0; set < 1U << 7; set++) {
        struct audit_filter filter = {0};
        if (set & 1) filter.actor = bytes_of_text("users/01890000-0000-7000-8000-000000000003");
        if (set & 2) filter.action = bytes_of_text("ledger.transfer.created");
        if (set & 4)
            filter.resource = bytes_of_text("transfers/01890000-0000-7000-8000-00000000001c");
        if (set & 8) filter.outcome = bytes_of_text("refused");
        if (set & 16) filter.source = bytes_of_text("auth");
        if (set & 32) filter.from_ns = 20000;
        if (set & 64) filter.to_ns = 200000;
        size_t found = compare(*state, &filter, page_sizes[set % 4]);
        if (set == 0) assert_int_equal(found, SIZE);
        if (set == (1U << 7) - 1) found_by_all = found;
    }
    assert_int_equal(found_by_all, 1); // Seq 28 of auth.
}

static void test_names_that_nobody_has_give_nothing(void **state)
{
    static const char *const names[] = {"users/", "users/01890000-0000-7000-8000-0000000000ff", "x",
                                        "ledger.transfer.creat"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct audit_filter filter = {.actor = bytes_of_text(names[i])};
        assert_int_equal(compare(*state, &filter, 10), 0);
        filter = (struct audit_filter){.resource = bytes_of_text(names[i])};
        assert_int_equal(compare(*state, &filter, 10), 0);
    }
}

static void test_a_page_ends_early_when_it_has_looked_at_enough(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(accept(fixture, "kyc", 1, 4000));
    assert_status_ok(accept(fixture, "kyc", 4001, 4000));
    struct store_txn *txn = begin(fixture);
    struct audit_filter filter = {.source = bytes_of_text("auth")};
    struct audit_list list;
    struct audit_event event;
    enum audit_list_step step;
    assert_status_ok(audit_list_begin(txn, &filter, UINT64_MAX, &list));
    assert_status_ok(audit_list_next(&list, &event, &step));
    assert_int_equal(step, AUDIT_LIST_PAUSED);
    assert_int_equal(list.before, SIZE + 8000 - AUDIT_ROWS_LOOKED_AT_MAX);
    uint64_t before = list.before;
    audit_list_end(&list);

    assert_status_ok(audit_list_begin(txn, &filter, before, &list));
    assert_status_ok(audit_list_next(&list, &event, &step));
    assert_int_equal(step, AUDIT_LIST_EVENT);
    assert_int_equal(event.index, SIZE - 1);
    audit_list_end(&list);
    store_snapshot_end(&txn);
}

static void test_an_empty_log_lists_nothing(void **state)
{
    struct store_txn *txn = begin(*state);
    struct audit_filter filter = {0};
    struct audit_list list;
    struct audit_event event;
    enum audit_list_step step;
    assert_status_ok(audit_list_begin(txn, &filter, UINT64_MAX, &list));
    assert_status_ok(audit_list_next(&list, &event, &step));
    assert_int_equal(step, AUDIT_LIST_END);
    audit_list_end(&list);
    store_snapshot_end(&txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_combination_of_filters_is_the_naive_one,
                                        setup_grown, teardown),
        cmocka_unit_test_setup_teardown(test_names_that_nobody_has_give_nothing, setup_grown,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_page_ends_early_when_it_has_looked_at_enough,
                                        setup_grown, teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_log_lists_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
