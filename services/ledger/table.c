#include "services/ledger/table.h"

#include "common/base/check.h"
#include "common/base/u128.h"

#include <string.h>

uint64_t ledger_table_hash(const uint64_t key[static 2], uint64_t a, uint64_t b)
{
    // Two rounds of multiply-and-fold with a secret key: fast, and good enough where guessing one
    // collision gains nothing.
    u128 product = (u128)(a ^ key[0]) * (b ^ key[1]);
    uint64_t folded = u128_high(product) ^ u128_low(product);
    product = (u128)(folded ^ key[1]) * UINT64_C(0x9E3779B97F4A7C15);
    return u128_high(product) ^ u128_low(product);
}

bool ledger_table_open(struct ledger_table *table, struct arena *arena, size_t expected)
{
    size_t room = LEDGER_TABLE_SMALL;
    while (room < 2 * expected)
        room *= 2;
    table->slots = table->small;
    if (room > LEDGER_TABLE_SMALL) table->slots = arena_alloc(arena, room * sizeof(void *));
    table->mask = room - 1;
    return table->slots != NULL;
}

void ledger_table_reset(struct ledger_table *table)
{
    memset(table->slots, 0, (table->mask + 1) * sizeof(void *));
    table->count = 0;
    table->first = table->last = NULL;
}

struct ledger_node *
ledger_table_find(const struct ledger_table *table, uint64_t hash,
                  bool (*is_key)(const struct ledger_node *node, const void *key), const void *key)
{
    for (size_t i = hash & table->mask;; i = (i + 1) & table->mask) {
        struct ledger_node *node = table->slots[i];
        if (node == NULL || (node->hash == hash && is_key(node, key))) return node;
    }
}

static void place(struct ledger_table *table, struct ledger_node *node)
{
    size_t i = node->hash & table->mask;
    while (table->slots[i] != NULL)
        i = (i + 1) & table->mask;
    table->slots[i] = node;
}

static bool grow(struct ledger_table *table, struct arena *arena)
{
    size_t room = 4 * (table->mask + 1);
    struct ledger_node **slots = arena_alloc(arena, room * sizeof(void *));
    if (slots == NULL) return false;
    table->slots = slots;
    table->mask = room - 1;
    for (struct ledger_node *node = table->first; node != NULL; node = node->next)
        place(table, node);
    return true;
}

bool ledger_table_add(struct ledger_table *table, struct arena *arena, struct ledger_node *node,
                      uint64_t hash)
{
    if (2 * (table->count + 1) > table->mask + 1 && !grow(table, arena)) return false;
    node->hash = hash;
    node->next = NULL;
    place(table, node);
    if (table->last != NULL)
        table->last->next = node;
    else
        table->first = node;
    table->last = node;
    table->count++;
    CHECK(table->count <= table->mask); // A free slot is where every search ends.
    return true;
}
