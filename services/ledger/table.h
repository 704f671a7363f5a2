/// @file services/ledger/table.h
/// A hash table in an arena, for what a unit of work knows: open addressing, no deletion, growing.
/// Items      Begin with a struct ledger_node; they stay where they are. The list from `first` on
///            is in order of insertion.
/// Cost       A small table is part of its owner: no allocation up to LEDGER_TABLE_SMALL / 2 items.
/// Threads    One.
#pragma once

#include "common/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum { LEDGER_TABLE_SMALL = 8 };

struct ledger_node {
    struct ledger_node *next; // In order of insertion.
    uint64_t hash;
};

struct ledger_table {
    struct ledger_node **slots;
    size_t mask, count;
    struct ledger_node *first, *last;
    struct ledger_node *small[LEDGER_TABLE_SMALL];
};

/// ledger_table_hash is keyed, so that nobody who chooses ids can choose where they collide.
uint64_t ledger_table_hash(const uint64_t key[static 2], uint64_t a, uint64_t b);

/// ledger_table_open makes room for a number of items; false: the arena is exhausted. The table
/// must be zeroed, and must not move afterwards.
bool ledger_table_open(struct ledger_table *table, struct arena *arena, size_t expected);
/// ledger_table_reset forgets all items and keeps the room.
void ledger_table_reset(struct ledger_table *table);

/// ledger_table_find gives the item with this hash for which is_key answers true; NULL: none.
struct ledger_node *
ledger_table_find(const struct ledger_table *table, uint64_t hash,
                  bool (*is_key)(const struct ledger_node *node, const void *key), const void *key);
/// ledger_table_add adds an item whose key is not there; false: the arena is exhausted.
bool ledger_table_add(struct ledger_table *table, struct arena *arena, struct ledger_node *node,
                      uint64_t hash);
