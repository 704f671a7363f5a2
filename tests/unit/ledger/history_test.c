// Jump pointers against the naive list that they abbreviate.
#include "services/ledger/history.h"
#include "tests/unit/support/unit.h"

enum { ENTRIES = 10000 };

static void test_jump_targets_are_skew_binary(void **state)
{
    (void)state;
    // entry                       1  2  3  4  5  6  7  8  9 10 11  12  13 14 15  16
    static const uint64_t jump[] = {0, 1, 0, 3, 4, 3, 0, 7, 8, 7, 10, 11, 10, 7, 0, 15};
    for (uint64_t n = 1; n <= ROWS(jump); n++)
        assert_int_equal(ledger_history_jump_index(n), jump[n - 1]);
    assert_int_equal(ledger_history_jump_index(UINT64_MAX), 0);
    assert_int_equal(ledger_history_jump_index(UINT64_MAX - 1), UINT64_MAX / 2);
}

/// The naive list: what is known of each entry, by index.
struct list {
    struct ledger_entry entry[ENTRIES + 1];
    uint64_t number[ENTRIES + 1];
};

static uint64_t index_of(const struct list *list, uint64_t number, uint64_t below)
{
    for (uint64_t i = below; i-- > 0;) {
        if (list->number[i] == number) return i;
    }
    fail_msg("number %ju is no entry", (uintmax_t)number);
    return 0;
}

static void test_every_pointer_agrees_with_the_naive_list(void **state)
{
    (void)state;
    struct list *list = calloc(1, sizeof *list);
    assert_non_null(list);
    struct ledger_head head = {0};
    size_t lookups = 0;
    for (uint64_t n = 1; n <= ENTRIES; n++) {
        list->number[n] = 3 * n + n % 3; // Other accounts' transfers lie in between.
        size_t wanted = ledger_history_wanted(&head);
        for (size_t i = 1; i < wanted; i++) {
            if (head.chain[i] != 0) continue;
            uint64_t at = index_of(list, head.chain[i - 1], n);
            head.chain[i] = list->entry[at].jump;
            lookups++;
        }
        ledger_history_push(&head, list->number[n], &list->entry[n]);
        const struct ledger_entry *entry = &list->entry[n];
        assert_int_equal(entry->index, n);
        assert_int_equal(entry->previous, list->number[n - 1]);
        assert_int_equal(entry->jump, list->number[ledger_history_jump_index(n)]);
        assert_int_equal(head.entry_count, n);
        for (size_t i = 0; i < LEDGER_CHAIN && head.chain[i] != 0; i++)
            assert_int_equal(head.chain[i], list->number[ledger_history_chain_index(&head, i)]);
    }
    assert_true(lookups < ENTRIES / 8); // The chain at hand is nearly always enough.

    // From the newest entry to any other, by jumps that do not overshoot and by single steps.
    size_t most = 0;
    for (uint64_t target = 1; target <= ENTRIES; target++) {
        size_t steps = 0;
        uint64_t at = ENTRIES;
        for (; at != target; steps++) {
            uint64_t jump = ledger_history_jump_index(at);
            at = jump >= target ? jump : at - 1;
        }
        if (steps > most) most = steps;
    }
    assert_true(most <= 40); // 3 log2(10,000) = 39.9
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jump_targets_are_skew_binary),
        cmocka_unit_test(test_every_pointer_agrees_with_the_naive_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
