#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/unit_internal.h"

#include <string.h>

static void put_new_accounts(struct ledger_unit *unit)
{
    for (struct unit_account *item = unit->first_new; item != NULL; item = item->next_new) {
        if (item->details != NULL) {
            ledger_store_add_account(unit->txn, &item->account, item->details);
            continue;
        }
        char currency[LEDGER_CURRENCY_BYTES];
        enum ledger_system_kind kind;
        CHECK(ledger_system_account_parse(item->account.id, currency, &kind));
        struct ledger_details details = {0};
        const char *name = ledger_system_account_name(kind);
        memcpy(details.name, name, strlen(name) + 1);
        ledger_store_add_account(unit->txn, &item->account, &details);
    }
}

static void put_accounts(struct ledger_unit *unit)
{
    for (struct ledger_node *node = unit->accounts.first; node != NULL; node = node->next) {
        struct unit_account *item = (struct unit_account *)node;
        if (item->is_new || !item->is_changed) continue;
        if (item->was != NULL) {
            ledger_store_keep_version(unit->txn, item->was, item->was_since_ns);
            ledger_store_put_details(unit->txn, item->account.id, item->details_before,
                                     item->details);
        }
        ledger_store_put_account(unit->txn, &item->account);
    }
}

static void put_counters(struct ledger_unit *unit)
{
    for (const struct ledger_node *node = unit->allowances.first; node != NULL; node = node->next) {
        const struct unit_allowance *item = (const struct unit_allowance *)node;
        const struct ledger_allowance *allowance = &item->allowance;
        if (!item->is_changed) continue;
        ledger_store_put_counters(unit->txn, allowance->owner_id, allowance->currency,
                                  &allowance->counters);
    }
}

/// Expiry rows are there exactly for open holds with a timeout.
static void put_progress(struct ledger_unit *unit)
{
    for (struct ledger_node *node = unit->progresses.first; node != NULL; node = node->next) {
        const struct unit_progress *item = (const struct unit_progress *)node;
        if (!item->is_changed) continue;
        const struct ledger_progress *progress = &item->progress;
        uint64_t due_ns = progress->state == LEDGER_HOLD_OPEN ? progress->expires_at_ns : 0;
        ledger_store_put_progress(unit->txn, item->number, progress);
        if (due_ns == item->listed_due_ns) continue;
        if (item->listed_due_ns > 0)
            ledger_store_drop_expiry(unit->txn, item->listed_due_ns, item->number);
        if (due_ns > 0) ledger_store_put_expiry(unit->txn, due_ns, item->number);
    }
}

static void put_groups(struct ledger_unit *unit)
{
    for (const struct ledger_node *node = unit->groups.first; node != NULL; node = node->next) {
        const struct unit_group *item = (const struct unit_group *)node;
        if (item->is_changed) ledger_store_put_group(unit->txn, item->id, &item->group);
    }
}

static void put_approvals(struct ledger_unit *unit)
{
    uint64_t now_s = unit->state.last_time_ns / NS_PER_SECOND;
    for (const struct ledger_node *node = unit->burnt.first; node != NULL; node = node->next) {
        const struct unit_burnt *burnt = (const struct unit_burnt *)node;
        ledger_store_burn_token(unit->txn, burnt->expires_at_s, burnt->token_id, burnt->number,
                                now_s);
    }
    for (const struct ledger_node *node = unit->payees.first; node != NULL; node = node->next) {
        const struct unit_payee *payee = (const struct unit_payee *)node;
        ledger_store_put_payee(unit->txn, payee->owner_id, payee->account_id, payee->number);
    }
}

static void put_burnt_ids(struct ledger_unit *unit)
{
    for (const struct ledger_node *node = unit->ids.first; node != NULL; node = node->next) {
        const struct unit_id *item = (const struct unit_id *)node;
        if (item->entry.is_failed) ledger_store_burn_id(unit->txn, item->id, item->entry.reason);
    }
}

/// A refusal that burns an id leaves no other trace: the time it was decided at is not kept.
static bool gives_time(const struct ledger_unit *unit)
{
    if (unit->transfer_count > 0 || unit->first_new != NULL) return true;
    for (const struct ledger_node *node = unit->accounts.first; node != NULL; node = node->next) {
        if (((const struct unit_account *)node)->is_changed) return true;
    }
    return false;
}

bool ledger_unit_has_changes(const struct ledger_unit *unit)
{
    if (gives_time(unit)) return true;
    for (const struct ledger_node *node = unit->ids.first; node != NULL; node = node->next) {
        if (((const struct unit_id *)node)->entry.is_failed) return true;
    }
    return false;
}

void ledger_unit_flush(struct ledger_unit *unit)
{
    CHECK(!unit->is_flushed);
    unit->is_flushed = true;
    if (gives_time(unit)) {
        put_new_accounts(unit);
        put_accounts(unit);
        put_counters(unit);
        for (size_t i = 0; i < unit->transfer_count; i++)
            ledger_store_append_transfer(unit->txn, unit->transfers[i]);
        put_progress(unit);
        put_groups(unit);
        put_approvals(unit);
        ledger_store_put_state(unit->txn, &unit->state);
    }
    put_burnt_ids(unit);
}
