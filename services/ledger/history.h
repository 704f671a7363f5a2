/// @file services/ledger/history.h
/// An account's history as a linked list with jump pointers, and no index to write. Pure.
/// How        The entries of one account are numbered 1, 2, 3 …. Entry n points to entry n - 1 and
///            to one far ancestor, its jump target. Targets follow the skew-binary numbers: think
///            of the list as a row of complete binary trees of 2^k - 1 entries, smallest first; an
///            entry jumps over its own tree. Any ancestor is then at most 3 log2(n) steps away, and
///            where an entry jumps to depends on its index alone.
///            n:     1  2  3  4  5  6  7  8  9 10
///            jump:  0  1  0  3  4  3  0  7  8  7
/// Source     E. W. Myers, "An applicative random-access stack", Information Processing Letters 17
///            (1983).
#pragma once

#include "services/ledger/core.h"

/// ledger_history_jump_index is the index that entry n (>= 1) jumps to; 0: to nothing.
uint64_t ledger_history_jump_index(uint64_t n);

/// ledger_history_chain_index is the index of the entry whose number stands in head->chain[i]: the
/// newest one's for 0, then what each jumps to.
uint64_t ledger_history_chain_index(const struct ledger_head *head, size_t i);

/// ledger_history_wanted says which links of the chain the next entry needs: chain[0 .. result -
/// 1]. Those that are unknown must be looked up first; see unit_post.c.
size_t ledger_history_wanted(const struct ledger_head *head);

/// ledger_history_push makes `number` the account's newest entry and fills index, previous and jump
/// of *ret. The wanted links must be known (CHECK).
void ledger_history_push(struct ledger_head *head, uint64_t number, struct ledger_entry *ret);
