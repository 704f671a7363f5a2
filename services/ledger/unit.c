#include "services/ledger/unit.h"

#include "common/base/check.h"
#include "services/ledger/unit_internal.h"

#include <stddef.h>
#include <string.h>

// ---- A unit -------------------------------------------------------------------------------------

static void forget_expiries(struct ledger_unit *unit)
{
    unit->has_listed = false;
    unit->first_added = NULL;
    unit->added_due_ns = UINT64_MAX;
}

static bool open_tables(struct ledger_unit *unit, size_t transfers_max)
{
    struct arena *arena = unit->arena;
    size_t many = transfers_max > UNIT_TRANSFERS_SMALL ? transfers_max : 0;
    unit->transfers = unit->small;
    unit->transfer_room = UNIT_TRANSFERS_SMALL;
    if (many > 0) {
        unit->transfers = arena_alloc(arena, many * sizeof(struct ledger_transfer *));
        unit->transfer_room = many;
    }
    // The others grow when they are used: most movements have none.
    return unit->transfers != NULL && ledger_table_open(&unit->accounts, arena, many) &&
           ledger_table_open(&unit->allowances, arena, many) &&
           ledger_table_open(&unit->ids, arena, many) &&
           ledger_table_open(&unit->progresses, arena, 0) &&
           ledger_table_open(&unit->groups, arena, 0) &&
           ledger_table_open(&unit->burnt, arena, 0) && ledger_table_open(&unit->payees, arena, 0);
}

struct status ledger_unit_open(const struct ledger_service *service, struct store_txn *txn,
                               struct arena *arena, size_t transfers_max, struct ledger_unit **ret)
{
    struct ledger_unit *unit = arena_alloc(arena, sizeof *unit);
    if (unit == NULL) return ARENA_STATUS_EXHAUSTED;
    unit->service = service;
    unit->txn = txn;
    unit->arena = arena;
    if (!open_tables(unit, transfers_max)) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &unit->stored));
    unit->state = unit->stored;
    forget_expiries(unit);
    *ret = unit;
    return STATUS_SUCCESS;
}

void ledger_unit_reset(struct ledger_unit *unit)
{
    CHECK(!unit->is_flushed);
    struct ledger_table *tables[] = {&unit->accounts,   &unit->allowances, &unit->ids,
                                     &unit->progresses, &unit->groups,     &unit->burnt,
                                     &unit->payees};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        ledger_table_reset(tables[i]);
    unit->state = unit->stored;
    unit->first_new = unit->last_new = NULL;
    unit->transfer_count = 0;
    unit->unborn_count = unit->reserved_count = 0;
    unit->given_ns = 0;
    forget_expiries(unit);
}

struct store_txn *ledger_unit_txn(struct ledger_unit *unit)
{
    return unit->txn;
}

struct arena *ledger_unit_arena(struct ledger_unit *unit)
{
    return unit->arena;
}

const struct ledger_service *ledger_unit_service(const struct ledger_unit *unit)
{
    return unit->service;
}

size_t ledger_unit_transfer_count(const struct ledger_unit *unit)
{
    return unit->transfer_count;
}

const struct ledger_transfer *ledger_unit_transfer_at(const struct ledger_unit *unit, size_t i)
{
    CHECK(i < unit->transfer_count);
    return unit->transfers[i];
}

uint64_t unit_hash_id(const struct ledger_unit *unit, struct id128 id)
{
    uint64_t halves[2];
    memcpy(halves, id.bytes, sizeof halves);
    return ledger_table_hash(unit->service->hash_key, halves[0], halves[1]);
}

void *unit_add_copy(struct ledger_unit *unit, struct ledger_table *table, const void *item,
                    size_t size, uint64_t hash)
{
    struct ledger_node *node = arena_copy(unit->arena, item, size);
    bool is_added = node != NULL && ledger_table_add(table, unit->arena, node, hash);
    return is_added ? node : NULL;
}

// ---- Accounts -----------------------------------------------------------------------------------

static bool is_account(const struct ledger_node *node, const void *key)
{
    return id128_equal(((const struct unit_account *)node)->account.id, *(const struct id128 *)key);
}

static struct unit_account *account_item(struct ledger_account *account)
{
    return (struct unit_account *)((char *)account - offsetof(struct unit_account, account));
}

/// One of the ledger's own accounts, which nobody has used yet; NOT_FOUND: the id is not of one.
static struct status make_system_account(struct ledger_unit *unit, struct id128 id,
                                         struct ledger_account *ret)
{
    char code[LEDGER_CURRENCY_BYTES];
    enum ledger_system_kind kind;
    struct ledger_currency currency;
    if (!ledger_system_account_parse(id, code, &kind))
        return ledger_reason_status(LEDGER_ACCOUNT_NOT_FOUND);
    RETURN_IF_ERROR(ledger_service_get_currency(unit->txn, code, &currency));
    ledger_system_account(code, currency.exponent, kind, ret);
    return STATUS_SUCCESS;
}

struct status ledger_unit_account(struct ledger_unit *unit, struct id128 account_id,
                                  struct ledger_account **ret)
{
    uint64_t hash = unit_hash_id(unit, account_id);
    struct unit_account *item =
        (void *)ledger_table_find(&unit->accounts, hash, is_account, &account_id);
    if (item == NULL) {
        struct unit_account made = {0};
        struct status status = ledger_store_get_account(unit->txn, account_id, &made.account);
        if (status.code == STATUS_NOT_FOUND) {
            RETURN_IF_ERROR(make_system_account(unit, account_id, &made.account));
            made.is_new = true;
        } else {
            RETURN_IF_ERROR(status);
        }
        item = unit_add_copy(unit, &unit->accounts, &made, sizeof made, hash);
        if (item == NULL) return ARENA_STATUS_EXHAUSTED;
        if (item->is_new) unit->unborn_count++;
    }
    *ret = &item->account;
    return STATUS_SUCCESS;
}

void unit_number_account(struct ledger_unit *unit, struct unit_account *item)
{
    CHECK(item->is_new && item->account.number == 0);
    item->account.number = ++unit->state.account_count;
    if (unit->last_new != NULL)
        unit->last_new->next_new = item;
    else
        unit->first_new = item;
    unit->last_new = item;
}

struct status ledger_unit_add_account(struct ledger_unit *unit,
                                      const struct ledger_account *account,
                                      const struct ledger_details *details,
                                      struct ledger_account **ret)
{
    CHECK(account->created_at_ns == unit->given_ns && details != NULL);
    uint64_t hash = unit_hash_id(unit, account->id);
    CHECK(ledger_table_find(&unit->accounts, hash, is_account, &account->id) == NULL);
    struct unit_account made = {.account = *account, .is_new = true, .details = details};
    made.account.number = 0;
    struct unit_account *item = unit_add_copy(unit, &unit->accounts, &made, sizeof made, hash);
    if (item == NULL) return ARENA_STATUS_EXHAUSTED;
    unit_use_time(unit);
    unit_number_account(unit, item);
    *ret = &item->account;
    return STATUS_SUCCESS;
}

/// What an account's settings were before this unit, and since when: they become a version kept.
static struct status keep_settings(struct ledger_unit *unit, struct unit_account *item,
                                   const struct ledger_details *before)
{
    struct ledger_account *was = arena_alloc(unit->arena, sizeof *was);
    if (was == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(ledger_store_get_account(unit->txn, item->account.id, was));
    item->was = was;
    item->details_before = before;
    item->was_since_ns = before->updated_at_ns > 0 ? before->updated_at_ns : was->created_at_ns;
    item->account.version = was->version + 1;
    return STATUS_SUCCESS;
}

struct status ledger_unit_change_account(struct ledger_unit *unit, struct ledger_account *account,
                                         const struct ledger_details *details_before,
                                         const struct ledger_details *details)
{
    struct unit_account *item = account_item(account);
    CHECK(account->changed_at_ns == unit->given_ns);
    CHECK(account->number > 0); // Settings of what nobody has used yet are not there to change.
    struct ledger_details *after = arena_alloc(unit->arena, sizeof *after);
    if (after == NULL) return ARENA_STATUS_EXHAUSTED;
    if (details_before == NULL) {
        struct ledger_details *before = arena_alloc(unit->arena, sizeof *before);
        if (before == NULL) return ARENA_STATUS_EXHAUSTED;
        RETURN_IF_ERROR(ledger_store_get_details(unit->txn, account->id, before));
        details_before = before;
    }
    if (!item->is_new && item->was == NULL)
        RETURN_IF_ERROR(keep_settings(unit, item, details_before));
    const struct ledger_details *latest = item->details != NULL ? item->details : details_before;
    *after = details != NULL ? *details : *latest;
    after->updated_at_ns = item->is_new ? 0 : account->changed_at_ns;
    item->details = after;
    item->is_changed = true;
    unit_use_time(unit);
    return STATUS_SUCCESS;
}

// ---- Allowances ---------------------------------------------------------------------------------

static bool is_allowance(const struct ledger_node *node, const void *key)
{
    const struct ledger_allowance *allowance = &((const struct unit_allowance *)node)->allowance;
    const struct ledger_account *account = key;
    return id128_equal(allowance->owner_id, account->owner_id) &&
           strcmp(allowance->currency, account->currency) == 0;
}

static uint64_t hash_of_allowance(const struct ledger_unit *unit,
                                  const struct ledger_account *account)
{
    // Ten characters of the currency are folded into the owner's eight last bytes.
    uint64_t halves[2], code = 0;
    memcpy(halves, account->owner_id.bytes, sizeof halves);
    for (const char *c = account->currency; *c != '\0'; c++)
        code = code * 31 + (uint8_t)*c;
    return ledger_table_hash(unit->service->hash_key, halves[0] + code, halves[1]);
}

struct status ledger_unit_allowance(struct ledger_unit *unit, const struct ledger_account *account,
                                    struct ledger_allowance **ret)
{
    // The unit's own pointers come back to it: it may write to what it gave out as const.
    struct unit_account *of = account_item((struct ledger_account *)account);
    *ret = NULL;
    if (account->kind == LEDGER_KIND_SYSTEM) return STATUS_SUCCESS;
    if (of->allowance == NULL) {
        uint64_t hash = hash_of_allowance(unit, account);
        of->allowance = (void *)ledger_table_find(&unit->allowances, hash, is_allowance, account);
        if (of->allowance == NULL) {
            struct unit_allowance made = {0};
            RETURN_IF_ERROR(ledger_service_load_allowance(
                unit->service, unit->txn, account->owner_id, account->currency, account->exponent,
                unit->given_ns, &made.allowance));
            of->allowance = unit_add_copy(unit, &unit->allowances, &made, sizeof made, hash);
            if (of->allowance == NULL) return ARENA_STATUS_EXHAUSTED;
        }
    }
    *ret = &of->allowance->allowance;
    return STATUS_SUCCESS;
}

// ---- Ids ----------------------------------------------------------------------------------------

static bool is_id(const struct ledger_node *node, const void *key)
{
    return id128_equal(((const struct unit_id *)node)->id, *(const struct id128 *)key);
}

struct status ledger_unit_find_id(struct ledger_unit *unit, struct id128 id,
                                  struct ledger_id_entry *ret)
{
    const struct unit_id *item = NULL;
    if (unit->ids.count > 0)
        item = (void *)ledger_table_find(&unit->ids, unit_hash_id(unit, id), is_id, &id);
    if (item == NULL) return ledger_store_find_id(unit->txn, id, ret);
    *ret = item->entry;
    return STATUS_SUCCESS;
}

struct status unit_add_id(struct ledger_unit *unit, struct id128 id,
                          const struct ledger_id_entry *entry)
{
    struct unit_id made = {.id = id, .entry = *entry};
    void *item = unit_add_copy(unit, &unit->ids, &made, sizeof made, unit_hash_id(unit, id));
    return item != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

struct status ledger_unit_burn_id(struct ledger_unit *unit, struct id128 id,
                                  enum ledger_reason reason)
{
    CHECK(ledger_reasons[reason].burns_id);
    return unit_add_id(unit, id, &(struct ledger_id_entry){.is_failed = true, .reason = reason});
}

// ---- Transfers and what became of them ----------------------------------------------------------

struct status ledger_unit_transfer(struct ledger_unit *unit, uint64_t number,
                                   const struct ledger_transfer **ret)
{
    const struct status missing =
        REFUSE(DATA_LOSS, MISSING_TRANSFER, "something leads to a transfer that is missing");
    if (number == 0 || number > unit->state.transfer_count) return missing;
    if (number > unit->stored.transfer_count) {
        *ret = unit->transfers[number - unit->stored.transfer_count - 1];
        return STATUS_SUCCESS;
    }
    struct ledger_transfer *transfer = arena_alloc(unit->arena, sizeof *transfer);
    if (transfer == NULL) return ARENA_STATUS_EXHAUSTED;
    struct status status = ledger_store_get_transfer(unit->txn, unit->arena, number, transfer);
    if (status.code == STATUS_NOT_FOUND) return missing;
    RETURN_IF_ERROR(status);
    *ret = transfer;
    return STATUS_SUCCESS;
}

static bool is_progress(const struct ledger_node *node, const void *key)
{
    return ((const struct unit_progress *)node)->number == *(const uint64_t *)key;
}

static uint64_t hash_of_number(const struct ledger_unit *unit, uint64_t number)
{
    return ledger_table_hash(unit->service->hash_key, number, 0);
}

struct unit_progress *unit_known_progress(const struct ledger_unit *unit, uint64_t number)
{
    if (unit->progresses.count == 0) return NULL;
    return (void *)ledger_table_find(&unit->progresses, hash_of_number(unit, number), is_progress,
                                     &number);
}

struct status unit_get_progress(struct ledger_unit *unit, uint64_t number,
                                struct unit_progress **ret)
{
    *ret = unit_known_progress(unit, number);
    if (*ret != NULL) return STATUS_SUCCESS;
    struct unit_progress made = {.number = number};
    if (number <= unit->stored.transfer_count)
        RETURN_IF_ERROR(ledger_store_get_progress(unit->txn, number, &made.progress));
    if (made.progress.state == LEDGER_HOLD_OPEN) made.listed_due_ns = made.progress.expires_at_ns;
    *ret = unit_add_copy(unit, &unit->progresses, &made, sizeof made, hash_of_number(unit, number));
    return *ret != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

struct status ledger_unit_progress(struct ledger_unit *unit, uint64_t number,
                                   struct ledger_progress **ret)
{
    struct unit_progress *item;
    RETURN_IF_ERROR(unit_get_progress(unit, number, &item));
    *ret = &item->progress;
    return STATUS_SUCCESS;
}

static bool is_group(const struct ledger_node *node, const void *key)
{
    return id128_equal(((const struct unit_group *)node)->id, *(const struct id128 *)key);
}

struct status unit_get_group(struct ledger_unit *unit, struct id128 group_id,
                             struct unit_group **ret)
{
    uint64_t hash = unit_hash_id(unit, group_id);
    *ret = (void *)ledger_table_find(&unit->groups, hash, is_group, &group_id);
    if (*ret != NULL) return STATUS_SUCCESS;
    struct unit_group made = {.id = group_id};
    RETURN_IF_ERROR(ledger_store_get_group(unit->txn, group_id, &made.group));
    *ret = unit_add_copy(unit, &unit->groups, &made, sizeof made, hash);
    return *ret != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}
