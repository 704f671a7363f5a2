#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/saturate.h"
#include "services/ledger/service.h"

#include <stdlib.h>
#include <string.h>

// ---- Counters -----------------------------------------------------------------------------------

/// What an account holds for other accounts of its owner. Such a hold is no part of the owner's
/// balance: neither its capture nor its release will be counted. Open holds are looked for from the
/// newest entry back, until all that is held is found.
static struct status find_own_holds(struct store_txn *txn, const struct ledger_account *account,
                                    u128 *ret)
{
    u128 to_find = account->totals.debits_pending;
    struct ledger_transfer entry;
    enum ledger_side side;
    *ret = 0;
    if (to_find == 0) return STATUS_SUCCESS;
    struct status status = ledger_search(txn, account, LEDGER_BY_NUMBER, UINT64_MAX, &entry, &side);
    for (size_t i = 0; i < LEDGER_LOOKED_AT_MAX && to_find > 0 && status_ok(status); i++) {
        if (entry.kind == LEDGER_TRANSFER_PENDING && side == LEDGER_DEBIT) {
            struct ledger_progress progress;
            struct ledger_account other;
            RETURN_IF_ERROR(ledger_store_get_progress(txn, entry.number, &progress));
            RETURN_IF_ERROR(ledger_store_get_account(txn, entry.account_id[LEDGER_CREDIT], &other));
            u128 held = ledger_progress_remaining(&entry, &progress);
            to_find = u128_subtract_saturated(to_find, held);
            if (id128_equal(other.owner_id, account->owner_id)) *ret += held;
        }
        status = ledger_search_step(txn, account, &entry, &side);
    }
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

/// Counters that were not kept, because no limit applied, are worked out from the histories. What
/// moved between the owner's own accounts is in the sums then, and in the balance a hold between
/// them that LEDGER_LOOKED_AT_MAX entries have followed: too much rather than too little.
static struct status rebuild_counters(struct store_txn *txn, struct id128 owner_id,
                                      const char *currency, uint64_t now_ns,
                                      struct ledger_counters *ret)
{
    *ret = (struct ledger_counters){0};
    ledger_limits_roll(ret, now_ns);
    CLEANUP(ledger_account_walk_close) struct ledger_account_walk walk = {0};
    ledger_account_walk_open(txn, &owner_id, 0, &walk);
    struct ledger_account account;
    struct status status;
    while (status_ok(status = ledger_account_walk_next(&walk, &account))) {
        if (strcmp(account.currency, currency) != 0) continue;
        struct ledger_totals begin[LEDGER_PERIODS];
        for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
            uint64_t before_ns = ledger_period_begin_ns(period, now_ns) - 1, index;
            RETURN_IF_ERROR(ledger_search_totals(txn, &account, before_ns, &begin[period], &index));
        }
        ledger_limits_add_account(ret, &account.totals, begin);
        u128 own_holds; // At most LEDGER_TOTAL_MAX: of one account.
        RETURN_IF_ERROR(find_own_holds(txn, &account, &own_holds));
        ret->balance = i128_add_saturated(ret->balance, -(i128)own_holds);
    }
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

static struct status load_counters(struct store_txn *txn, uint64_t now_ns,
                                   struct ledger_allowance *allowance)
{
    if (!allowance->is_counted) return STATUS_SUCCESS;
    struct status status = ledger_store_get_counters(txn, allowance->owner_id, allowance->currency,
                                                     &allowance->counters);
    if (status.code != STATUS_NOT_FOUND) return status;
    return rebuild_counters(txn, allowance->owner_id, allowance->currency, now_ns,
                            &allowance->counters);
}

struct status ledger_service_load_allowance(const struct ledger_service *service,
                                            struct store_txn *txn, struct id128 owner_id,
                                            const char *currency, uint8_t exponent, uint64_t now_ns,
                                            struct ledger_allowance *ret)
{
    struct ledger_profile profile;
    struct status status = ledger_store_get_profile(txn, owner_id, &profile);
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    ledger_allowance_of(&service->tiers, status_ok(status) ? &profile : NULL, owner_id, currency,
                        exponent, ret);
    return load_counters(txn, now_ns, ret);
}

// ---- The currencies of an owner -----------------------------------------------------------------

struct owned {
    char currency[LEDGER_CURRENCY_BYTES];
    uint8_t exponent;
};

enum { OWNED_MAX = 64 };

struct owned_list {
    struct owned list[OWNED_MAX];
    size_t count;
    bool is_cut; // There are more.
};

static void add_owned(struct owned_list *owned, const char *currency, uint8_t exponent)
{
    for (size_t i = 0; i < owned->count; i++) {
        if (strcmp(owned->list[i].currency, currency) == 0) return;
    }
    owned->is_cut = owned->is_cut || owned->count == OWNED_MAX;
    if (owned->is_cut) return;
    struct owned *new = &owned->list[owned->count++];
    memcpy(new->currency, currency, sizeof new->currency);
    new->exponent = exponent;
}

static struct status add_accounts(struct store_txn *txn, struct id128 owner_id,
                                  struct owned_list *owned)
{
    CLEANUP(ledger_account_walk_close) struct ledger_account_walk walk = {0};
    ledger_account_walk_open(txn, &owner_id, 0, &walk);
    struct ledger_account account;
    struct status status;
    while (status_ok(status = ledger_account_walk_next(&walk, &account)))
        add_owned(owned, account.currency, account.exponent);
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

static struct status add_own_limits(struct store_txn *txn, const struct ledger_profile *profile,
                                    struct owned_list *owned)
{
    for (size_t i = 0; i < profile->own_count; i++) {
        struct ledger_currency currency;
        RETURN_IF_ERROR(ledger_service_get_currency(txn, profile->own[i].currency, &currency));
        add_owned(owned, currency.code, currency.exponent);
    }
    return STATUS_SUCCESS;
}

static int compare_owned(const void *a, const void *b)
{
    return strcmp(((const struct owned *)a)->currency, ((const struct owned *)b)->currency);
}

struct status ledger_service_allowances(const struct ledger_service *service, struct store_txn *txn,
                                        const struct ledger_profile *profile,
                                        struct ledger_allowance *ret, size_t room,
                                        size_t *ret_count)
{
    struct owned_list owned = {.count = 0};
    struct ledger_state state;
    RETURN_IF_ERROR(add_own_limits(txn, profile, &owned));
    RETURN_IF_ERROR(add_accounts(txn, profile->owner_id, &owned));
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    qsort(owned.list, owned.count, sizeof owned.list[0], compare_owned);

    uint64_t now_ns = ledger_time_next(clock_wall_ns(), state.last_time_ns);
    *ret_count = owned.count < room ? owned.count : room;
    for (size_t i = 0; i < *ret_count; i++) {
        ledger_allowance_of(&service->tiers, profile->version > 1 ? profile : NULL,
                            profile->owner_id, owned.list[i].currency, owned.list[i].exponent,
                            &ret[i]);
        RETURN_IF_ERROR(load_counters(txn, now_ns, &ret[i]));
    }
    return STATUS_SUCCESS;
}

// ---- Profiles -----------------------------------------------------------------------------------

struct status ledger_service_get_profile(struct store_txn *txn, struct id128 owner_id,
                                         struct ledger_profile *ret)
{
    struct status status = ledger_store_get_profile(txn, owner_id, ret);
    if (status.code != STATUS_NOT_FOUND) return status;
    *ret = (struct ledger_profile){.owner_id = owner_id, .version = 1};
    return STATUS_SUCCESS;
}

/// Sums are kept in the currencies where a limit needs them. Where one does so only from now on,
/// what is stored is as old as the last limit that did: it is worked out anew.
static struct status catch_up_counters(const struct ledger_service *service, struct store_txn *txn,
                                       const struct ledger_profile *before,
                                       const struct ledger_profile *after)
{
    if (!ledger_profile_is_counted(&service->tiers, after)) return STATUS_SUCCESS;
    struct owned_list owned = {.count = 0};
    struct ledger_state state;
    RETURN_IF_ERROR(add_accounts(txn, after->owner_id, &owned));
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    if (owned.is_cut) { // Dropped in all currencies; each is rebuilt by its next posting.
        ledger_store_drop_counters(txn, after->owner_id);
        return STATUS_SUCCESS;
    }
    uint64_t now_ns = ledger_time_next(clock_wall_ns(), state.last_time_ns);
    for (size_t i = 0; i < owned.count; i++) {
        const struct owned *one = &owned.list[i];
        struct ledger_allowance was, is;
        ledger_allowance_of(&service->tiers, before, after->owner_id, one->currency, one->exponent,
                            &was);
        ledger_allowance_of(&service->tiers, after, after->owner_id, one->currency, one->exponent,
                            &is);
        if (was.is_counted || !is.is_counted) continue;
        RETURN_IF_ERROR(
            rebuild_counters(txn, after->owner_id, one->currency, now_ns, &is.counters));
        ledger_store_put_counters(txn, after->owner_id, one->currency, &is.counters);
    }
    return STATUS_SUCCESS;
}

/// The version rises with each change, and stays above the tier's: then a profile that only kyc
/// has spoken of needs no version of its own in the store.
static struct status put_profile(const struct ledger_service *service, struct store_txn *txn,
                                 const struct ledger_profile *before, struct ledger_profile *after)
{
    after->version = before->version + 1;
    if (after->version <= after->tier_version) after->version = after->tier_version + 1;
    after->changed_at_ns = clock_wall_ns();
    RETURN_IF_ERROR(catch_up_counters(service, txn, before->version > 1 ? before : NULL, after));
    ledger_store_put_profile(txn, after);
    return STATUS_SUCCESS;
}

struct status ledger_service_set_tier(const struct ledger_service *service, struct store_txn *txn,
                                      struct id128 owner_id, const char *tier, uint64_t version,
                                      struct ledger_profile *ret, bool *ret_changed)
{
    struct ledger_profile before;
    RETURN_IF_ERROR(ledger_service_get_profile(txn, owner_id, &before));
    *ret = before;
    *ret_changed = before.tier[0] == '\0' || version > before.tier_version;
    if (!*ret_changed) return STATUS_SUCCESS;

    size_t size = strlen(tier);
    if (size == 0 || size >= sizeof ret->tier || version == UINT64_MAX)
        return REFUSE(INVALID_ARGUMENT, TIER_MALFORMED, "a tier's name has 1 to 15 characters");
    memset(ret->tier, 0, sizeof ret->tier);
    memcpy(ret->tier, tier, size);
    ret->tier_version = version;
    return put_profile(service, txn, &before, ret);
}

struct status ledger_service_update_profile(const struct ledger_service *service,
                                            struct store_txn *txn,
                                            const struct ledger_profile *asked, uint64_t if_match,
                                            struct ledger_profile *ret)
{
    CHECK(asked->own_count <= LEDGER_OWN_LIMITS_MAX);
    struct ledger_profile before;
    RETURN_IF_ERROR(ledger_service_get_profile(txn, asked->owner_id, &before));
    if (if_match != UINT64_MAX && if_match != before.version)
        return REFUSE(ABORTED, VERSION_MISMATCH, "the limits are not at this version any more");
    for (size_t i = 0; i < asked->own_count; i++) {
        struct ledger_currency currency;
        RETURN_IF_ERROR(ledger_service_get_currency(txn, asked->own[i].currency, &currency));
    }
    *ret = before;
    ret->receive_only = asked->receive_only;
    ret->debit_freeze = asked->debit_freeze;
    ret->credit_freeze = asked->credit_freeze;
    memcpy(ret->reason, asked->reason, sizeof ret->reason);
    memcpy(ret->own, asked->own, sizeof ret->own);
    ret->own_count = asked->own_count;
    return put_profile(service, txn, &before, ret);
}
