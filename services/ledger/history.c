#include "services/ledger/history.h"

#include "common/base/check.h"

uint64_t ledger_history_jump_index(uint64_t n)
{
    CHECK(n > 0);
    // Take away the largest trees that fit, until the last one, in which n itself stands, is left.
    uint64_t rest = n, tree = 0;
    while (rest > 0) {
        unsigned bits = 64 - (unsigned)__builtin_clzll(rest);
        tree = UINT64_MAX >> (64 - bits); // 2^bits - 1 ...
        if (tree > rest) tree >>= 1;      // ... or the next smaller tree.
        rest -= tree;
    }
    return n - tree;
}

uint64_t ledger_history_chain_index(const struct ledger_head *head, size_t i)
{
    CHECK(i < LEDGER_CHAIN);
    uint64_t index = head->entry_count;
    for (; i > 0 && index > 0; i--)
        index = ledger_history_jump_index(index);
    return index;
}

size_t ledger_history_wanted(const struct ledger_head *head)
{
    uint64_t n = head->entry_count + 1;
    CHECK(n > 0);
    if (n == 1) return 0;
    if (ledger_history_jump_index(n) == n - 1) return 1;
    // The two first trees grow together under the new entry, which jumps to the third.
    return ledger_history_chain_index(head, 2) > 0 ? 3 : 1;
}

void ledger_history_push(struct ledger_head *head, uint64_t number, struct ledger_entry *ret)
{
    size_t wanted = ledger_history_wanted(head);
    for (size_t i = 0; i < wanted; i++)
        CHECK(head->chain[i] != 0);
    CHECK(number > head->chain[0]);

    const uint64_t *chain = head->chain;
    uint64_t n = head->entry_count + 1;
    bool is_new_tree = n == 1 || ledger_history_jump_index(n) == n - 1;
    ret->index = n;
    ret->previous = chain[0];
    ret->jump = is_new_tree ? chain[0] : chain[2];
    if (is_new_tree)
        *head = (struct ledger_head){n, {number, chain[0], chain[1], chain[2]}};
    else
        *head = (struct ledger_head){n, {number, chain[2], chain[3], 0}};
    CHECK(ledger_history_chain_index(head, 1) == ledger_history_jump_index(n));
}
