/// @file services/ledger/unit_internal.h
/// What a unit of work is made of; for unit.c (reading), unit_post.c (time, postings, expiries) and
/// unit_flush.c (writing) only.
#pragma once

#include "services/ledger/table.h"
#include "services/ledger/unit.h"

enum { UNIT_TRANSFERS_SMALL = 4 };

struct unit_allowance {
    struct ledger_node node;
    struct ledger_allowance allowance; // owner_id and currency are the key.
    bool is_changed;                   // The counters are to be written.
};

struct unit_account {
    struct ledger_node node;
    struct ledger_account account;    // id is the key.
    struct unit_allowance *allowance; // NULL: not asked for yet.
    bool is_new;                      // Not in the store; written if it has a number by the flush.
    bool is_changed;                  // To be written.
    struct unit_account *next_new;    // Those with a number, in its order.

    // Of settings that were changed; else NULL.
    const struct ledger_account *was; // As it was read.
    uint64_t was_since_ns;            // When that version began.
    const struct ledger_details *details_before, *details;
};

struct unit_id {
    struct ledger_node node;
    struct id128 id;
    struct ledger_id_entry entry;
};

struct unit_progress {
    struct ledger_node node;
    uint64_t number;
    struct ledger_progress progress;
    uint64_t listed_due_ns;           // The store has an expiry row for it; 0: none.
    bool is_changed;                  // To be written.
    struct unit_progress *next_added; // Of this unit's own holds that have a timeout.
};

struct unit_group {
    struct ledger_node node;
    struct id128 id;
    struct ledger_group group;
    bool is_changed;
};

/// A token that this unit burns.
struct unit_burnt {
    struct ledger_node node;
    uint64_t expires_at_s;
    struct id128 token_id;
    uint64_t number;
};

/// An account that an owner pays for the first time in this unit.
struct unit_payee {
    struct ledger_node node;
    struct id128 owner_id, account_id;
    uint64_t number;
};

struct ledger_unit {
    const struct ledger_service *service;
    struct store_txn *txn;
    struct arena *arena;
    struct ledger_state stored, state; // As it was read, and with what this unit adds.
    struct ledger_table accounts, allowances, ids, progresses, groups, burnt, payees;
    struct unit_account *first_new, *last_new;

    /// Appended transfers: number stored.transfer_count + 1 + i is at i.
    struct ledger_transfer **transfers;
    size_t transfer_count, transfer_room;
    struct ledger_transfer *small[UNIT_TRANSFERS_SMALL];

    /// System accounts that were asked for and have no number yet. Each time that is given out
    /// leaves as many nanoseconds free before it (`reserved_count`), in which they can begin to be.
    size_t unborn_count, reserved_count;

    /// What is next to expire: the first row of the store that this unit has not seen resolved
    /// (UINT64_MAX: none), and this unit's own holds, of which none is due before added_due_ns.
    bool has_listed;
    uint64_t listed_due_ns, listed_number;
    struct unit_progress *first_added;
    uint64_t added_due_ns;

    /// The time that was given out last. state.last_time_ns is the last one that was used: a time
    /// for something that was refused is given out again.
    uint64_t given_ns;
    bool is_marked; // ledger_store_mark_writing was called: it answered earliest_ns.
    uint64_t earliest_ns;
    bool is_flushed;
};

/// unit_get_progress is ledger_unit_progress with what the unit knows of it beside.
MUST_USE struct status unit_get_progress(struct ledger_unit *unit, uint64_t number,
                                         struct unit_progress **ret);
/// unit_known_progress gives NULL for one that nobody asked for in this unit.
struct unit_progress *unit_known_progress(const struct ledger_unit *unit, uint64_t number);
MUST_USE struct status unit_get_group(struct ledger_unit *unit, struct id128 group_id,
                                      struct unit_group **ret);
MUST_USE struct status unit_add_id(struct ledger_unit *unit, struct id128 id,
                                   const struct ledger_id_entry *entry);
/// unit_hash_id is an id's hash for the unit's tables; unit_add_copy adds a copy of an item to one
/// and gives the copy; NULL: the arena is exhausted.
uint64_t unit_hash_id(const struct ledger_unit *unit, struct id128 id);
void *unit_add_copy(struct ledger_unit *unit, struct ledger_table *table, const void *item,
                    size_t size, uint64_t hash);
/// unit_use_time: something now has the time that was given out last.
void unit_use_time(struct ledger_unit *unit);
/// unit_number_account makes an account that is not in the store one that will be.
void unit_number_account(struct ledger_unit *unit, struct unit_account *item);
