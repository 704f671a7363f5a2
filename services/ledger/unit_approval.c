// What a unit of work knows of approvals and payees beyond the store.
#include "common/base/check.h"
#include "services/ledger/unit_internal.h"

// ---- Burnt tokens -------------------------------------------------------------------------------

static bool is_token(const struct ledger_node *node, const void *key)
{
    return id128_equal(((const struct unit_burnt *)node)->token_id, *(const struct id128 *)key);
}

struct status ledger_unit_token_is_burnt(struct ledger_unit *unit, uint64_t expires_at_s,
                                         struct id128 token_id, bool *ret)
{
    uint64_t hash = unit_hash_id(unit, token_id), number;
    *ret = ledger_table_find(&unit->burnt, hash, is_token, &token_id) != NULL;
    if (*ret) return STATUS_SUCCESS;
    struct status status = ledger_store_find_burnt(unit->txn, expires_at_s, token_id, &number);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    *ret = status_ok(status);
    return status;
}

struct status ledger_unit_burn_token(struct ledger_unit *unit, uint64_t expires_at_s,
                                     struct id128 token_id, uint64_t number)
{
    CHECK(number > unit->stored.transfer_count && number <= unit->state.transfer_count);
    struct unit_burnt made = {.expires_at_s = expires_at_s, .token_id = token_id, .number = number};
    uint64_t hash = unit_hash_id(unit, token_id);
    bool is_added = unit_add_copy(unit, &unit->burnt, &made, sizeof made, hash) != NULL;
    return is_added ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

// ---- Payees -------------------------------------------------------------------------------------

struct payee_key {
    struct id128 owner_id, account_id;
};

static bool is_payee(const struct ledger_node *node, const void *key)
{
    const struct unit_payee *payee = (const struct unit_payee *)node;
    const struct payee_key *wanted = key;
    return id128_equal(payee->owner_id, wanted->owner_id) &&
           id128_equal(payee->account_id, wanted->account_id);
}

struct status ledger_unit_payee_is_new(struct ledger_unit *unit, struct id128 owner_id,
                                       struct id128 account_id, bool *ret)
{
    // By the account alone: few owners pay the same one in one unit.
    const struct payee_key key = {owner_id, account_id};
    uint64_t hash = unit_hash_id(unit, account_id), number;
    *ret = ledger_table_find(&unit->payees, hash, is_payee, &key) == NULL;
    if (!*ret) return STATUS_SUCCESS;
    struct status status = ledger_store_find_payee(unit->txn, owner_id, account_id, &number);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    *ret = !status_ok(status);
    return status;
}

struct status ledger_unit_add_payee(struct ledger_unit *unit, struct id128 owner_id,
                                    struct id128 account_id, uint64_t number)
{
    CHECK(number > unit->stored.transfer_count && number <= unit->state.transfer_count);
    struct unit_payee made = {.owner_id = owner_id, .account_id = account_id, .number = number};
    uint64_t hash = unit_hash_id(unit, account_id);
    bool is_added = unit_add_copy(unit, &unit->payees, &made, sizeof made, hash) != NULL;
    return is_added ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}
