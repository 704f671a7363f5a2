/// @file services/ledger/unit.h
/// A unit of work: what one job of the ledger reads and is about to write, in memory. Everything is
/// decided on it before anything is written, so a refusal, a dry run or an ATOMIC group that fails
/// simply does not flush.
/// Rule       Read through the unit, change through the unit, flush once, last.
/// Refuse-before-change
///            (common/store/store.h) then holds by construction.
/// Time       ledger_unit_next_time gives unique, rising ledger times and first lets everything
/// expire
///            that is due by then, so that each EXPIRY has the very time at which it was due and
///            every decision is taken on what is true at its time. A time that nothing came to have
///            (a posting, an account added or changed) is given out again.
/// Ownership  Everything lives in the arena; pointers stay valid until it dies, also over a reset.
/// Threads    The store's writer thread.
/// Errors     NOT_FOUND where said; RESOURCE_EXHAUSTED (the arena); DATA_LOSS;
///            UNAVAILABLE / EXPIRIES_UNDER_WAY (retry at once: more than LEDGER_UNIT_EXPIRIES_MAX
///            holds are due, and the expiry thread is at it).
#pragma once

#include "services/ledger/service.h"

enum {
    LEDGER_UNIT_EXPIRIES_MAX = 2048,
    /// What a movement takes of the arena, at most: two accounts and owners that the unit has not
    /// seen, the transfer, its outcome in a batch. Texts of an earlier transfer come on top.
    LEDGER_UNIT_MOVEMENT_BYTES_MAX = 4096,
};

struct ledger_unit;

/// ledger_unit_open reads nothing but the state. transfers_max: how many movements are expected; it
/// sizes the tables, which grow when it is exceeded.
MUST_USE struct status ledger_unit_open(const struct ledger_service *service, struct store_txn *txn,
                                        struct arena *arena, size_t transfers_max,
                                        struct ledger_unit **ret);
/// ledger_unit_reset forgets every change; times that were given out are given out again.
void ledger_unit_reset(struct ledger_unit *unit);
/// ledger_unit_flush writes everything; once.
void ledger_unit_flush(struct ledger_unit *unit);

struct store_txn *ledger_unit_txn(struct ledger_unit *unit);
struct arena *ledger_unit_arena(struct ledger_unit *unit);
const struct ledger_service *ledger_unit_service(const struct ledger_unit *unit);

MUST_USE struct status ledger_unit_next_time(struct ledger_unit *unit, uint64_t *ret_ns);
/// ledger_unit_expire lets at most `max` holds expire that are due now; *ret_more: others are due.
/// What the expiry thread does; others need ledger_unit_next_time only.
MUST_USE struct status ledger_unit_expire(struct ledger_unit *unit, size_t max, bool *ret_more);

/// An account as it is in this unit: the same pointer each time. The ledger's own accounts (cash,
/// fees, fx of a known currency) are made when they are not there yet (number 0); they get a number
/// and are written only if something is posted to them, at a time given out after this. NOT_FOUND.
MUST_USE struct status ledger_unit_account(struct ledger_unit *unit, struct id128 account_id,
                                           struct ledger_account **ret);
/// ledger_unit_add_account takes a new account into the unit: id, owner, times and settings are the
/// caller's (created_at_ns from ledger_unit_next_time), the number is given here. details: in the
/// arena.
MUST_USE struct status ledger_unit_add_account(struct ledger_unit *unit,
                                               const struct ledger_account *account,
                                               const struct ledger_details *details,
                                               struct ledger_account **ret);
/// ledger_unit_change_account marks an account whose settings were changed in place: the caller has
/// set changed_at_ns to the change's ledger time. The version that was is kept, `version` rises
/// (once for all changes in one unit), and details are written (in the arena; NULL: as they were)
/// with that time as updated_at_ns.
MUST_USE struct status ledger_unit_change_account(struct ledger_unit *unit,
                                                  struct ledger_account *account,
                                                  const struct ledger_details *details_before,
                                                  const struct ledger_details *details);
/// What KYC grants an account's owner, with counters (worked out from the histories when they were
/// not kept): the same pointer each time for one owner and currency. *ret is NULL for SYSTEM.
MUST_USE struct status ledger_unit_allowance(struct ledger_unit *unit,
                                             const struct ledger_account *account,
                                             struct ledger_allowance **ret);

/// Also ids that this unit used or burnt.
MUST_USE struct status ledger_unit_find_id(struct ledger_unit *unit, struct id128 id,
                                           struct ledger_id_entry *ret);
MUST_USE struct status ledger_unit_burn_id(struct ledger_unit *unit, struct id128 id,
                                           enum ledger_reason reason);
/// Approvals and payees, also those of this unit.
MUST_USE struct status ledger_unit_token_is_burnt(struct ledger_unit *unit, uint64_t expires_at_s,
                                                  struct id128 token_id, bool *ret);
/// number: of the transfer that it approved, which this unit has appended.
MUST_USE struct status ledger_unit_burn_token(struct ledger_unit *unit, uint64_t expires_at_s,
                                              struct id128 token_id, uint64_t number);
MUST_USE struct status ledger_unit_payee_is_new(struct ledger_unit *unit, struct id128 owner_id,
                                                struct id128 account_id, bool *ret);
MUST_USE struct status ledger_unit_add_payee(struct ledger_unit *unit, struct id128 owner_id,
                                             struct id128 account_id, uint64_t number);
/// Also transfers that this unit appended.
MUST_USE struct status ledger_unit_transfer(struct ledger_unit *unit, uint64_t number,
                                            const struct ledger_transfer **ret);
/// The same pointer each time; zeros when nothing became of the transfer yet.
MUST_USE struct status ledger_unit_progress(struct ledger_unit *unit, uint64_t number,
                                            struct ledger_progress **ret);

/// ledger_unit_post applies a posting that has passed ledger_core_check, at posting->now_ns: both
/// accounts, counters, the subject's progress; then it gives *transfer (in the arena; what
/// posting->transfer points to) its number, time, entries and links and takes it into the unit.
MUST_USE struct status ledger_unit_post(struct ledger_unit *unit,
                                        const struct ledger_posting *posting,
                                        struct ledger_transfer *transfer);

/// ledger_unit_has_changes is false when a flush would write nothing.
bool ledger_unit_has_changes(const struct ledger_unit *unit);
/// What the unit appended, in order: expiries too.
size_t ledger_unit_transfer_count(const struct ledger_unit *unit);
const struct ledger_transfer *ledger_unit_transfer_at(const struct ledger_unit *unit, size_t i);
