#include "services/ledger/service.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/currencies.h"

#include <string.h>

struct status ledger_service_open(struct store *store, struct ledger_service *ret)
{
    struct ledger_service service = {.store = store};
    memcpy(service.tiers, ledger_tiers_default, sizeof service.tiers);
    RETURN_IF_ERROR(ledger_store_open(store, &service.ledger));
    *ret = service;
    return STATUS_SUCCESS;
}

void ledger_service_close(struct ledger_service *service)
{
    ledger_store_close(&service->ledger);
}

struct status ledger_caller_may_touch(const struct ledger_caller *caller, struct id128 owner_id)
{
    bool is_own = !id128_is_nil(owner_id) && id128_equal(caller->user_id, owner_id);
    if (caller->is_any || is_own) return STATUS_SUCCESS;
    return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, "this account is not yours");
}

// ---- Accounts -----------------------------------------------------------------------------------

static struct status check_existing_account(struct store_txn *txn,
                                            const struct ledger_new_account *asked,
                                            const struct ledger_account *existing)
{
    struct ledger_details details;
    RETURN_IF_ERROR(ledger_store_get_details(txn, existing->id, &details));
    bool is_same = id128_equal(asked->owner_id, existing->owner_id) &&
                   strcmp(asked->currency, existing->currency) == 0 &&
                   strcmp(asked->details.name, details.name) == 0;
    if (is_same) return STATUS_SUCCESS;
    return REFUSE(ALREADY_EXISTS, ACCOUNT_EXISTS, "this id belongs to another account");
}

struct status ledger_service_create_account(struct store_txn *txn,
                                            const struct ledger_caller *caller,
                                            const struct ledger_new_account *asked,
                                            struct ledger_account *ret, bool *ret_existed)
{
    CHECK(!id128_is_nil(asked->id) && !id128_is_nil(asked->owner_id));
    RETURN_IF_ERROR(ledger_caller_may_touch(caller, asked->owner_id));
    if (ledger_id_is_system(asked->id))
        return REFUSE(INVALID_ARGUMENT, ACCOUNT_ID_RESERVED, "ids of this form are the ledger's");
    struct status status = ledger_store_get_account(txn, asked->id, ret);
    *ret_existed = status_ok(status);
    if (*ret_existed) return check_existing_account(txn, asked, ret);
    if (status.code != STATUS_NOT_FOUND) return status;
    struct ledger_currency currency;
    struct ledger_state state;
    RETURN_IF_ERROR(ledger_service_get_currency(txn, asked->currency, &currency));
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));

    state.last_time_ns = ledger_time_next(clock_wall_ns(), state.last_time_ns);
    *ret = (struct ledger_account){
        .id = asked->id,
        .owner_id = asked->owner_id,
        .exponent = currency.exponent,
        .class = LEDGER_CLASS_LIABILITY, // What a bank owes its customer.
        .kind = LEDGER_KIND_CUSTOMER,
        .no_negative = true,
        .number = ++state.account_count,
        .version = 1,
        .created_at_ns = state.last_time_ns,
        .changed_at_ns = state.last_time_ns,
    };
    memcpy(ret->currency, asked->currency, sizeof ret->currency);
    ledger_store_add_account(txn, ret, &asked->details);
    ledger_store_put_state(txn, &state);
    return STATUS_SUCCESS;
}

struct status ledger_service_get_account(struct store_txn *txn, const struct ledger_caller *caller,
                                         struct id128 account_id, struct ledger_account *ret)
{
    struct status status = ledger_store_get_account(txn, account_id, ret);
    if (status.code == STATUS_NOT_FOUND) return ledger_reason_status(LEDGER_ACCOUNT_NOT_FOUND);
    RETURN_IF_ERROR(status);
    return ledger_caller_may_touch(caller, ret->owner_id);
}

// ---- Movements ----------------------------------------------------------------------------------

/// What a movement works on, gathered before anything is decided.
struct work {
    const struct ledger_service *service;
    struct store_txn *txn;
    struct ledger_state state;
    struct ledger_posting posting;
    struct ledger_allowance allowance[LEDGER_SIDES];
    enum ledger_system_kind new_system_kind; // 0: both accounts exist.
    bool is_cash;
    bool id_is_clients;
};

static struct status refuse(struct ledger_outcome *outcome, struct ledger_refusal refusal)
{
    outcome->is_refused = true;
    outcome->refusal = refusal;
    return ledger_reason_status(refusal.reason);
}

static struct status load_account(struct store_txn *txn, struct id128 account_id,
                                  enum ledger_side side, struct ledger_outcome *outcome)
{
    struct status status = ledger_store_get_account(txn, account_id, &outcome->account[side]);
    outcome->has_account[side] = status_ok(status);
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

/// An id that has been used answers what it answered before, whatever the accounts look like now.
static struct status check_id(struct store_txn *txn, struct ledger_outcome *outcome)
{
    struct ledger_id_entry entry;
    struct status status = ledger_store_find_id(txn, outcome->transfer.id, &entry);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    if (entry.is_failed) {
        outcome->original = ledger_reasons[entry.reason];
        return refuse(outcome, (struct ledger_refusal){.reason = LEDGER_ID_ALREADY_FAILED});
    }
    struct ledger_transfer existing;
    struct ledger_refusal refusal = {0};
    status = ledger_store_get_transfer(txn, entry.number, &existing);
    if (status.code == STATUS_NOT_FOUND)
        return REFUSE(DATA_LOSS, MISSING_TRANSFER, "an id leads to a transfer that is missing");
    RETURN_IF_ERROR(status);
    if (!ledger_core_compare(&outcome->transfer, &existing, &refusal.reason))
        return refuse(outcome, refusal);
    outcome->existed = true;
    outcome->transfer = existing;
    return STATUS_SUCCESS;
}

/// Counters that were not kept, because no limit applied, are worked out from the histories. What
/// moved between the owner's own accounts is counted then: too much rather than too little.
static struct status rebuild_counters(struct work *work, struct id128 owner_id,
                                      const char *currency, struct ledger_counters *ret)
{
    uint64_t now_ns = work->posting.now_ns;
    *ret = (struct ledger_counters){0};
    ledger_limits_roll(ret, now_ns);
    CLEANUP(ledger_account_walk_close) struct ledger_account_walk walk = {0};
    ledger_account_walk_open(work->txn, &owner_id, 0, &walk);
    struct ledger_account account;
    struct status status;
    while (status_ok(status = ledger_account_walk_next(&walk, &account))) {
        if (strcmp(account.currency, currency) != 0) continue;
        struct ledger_totals begin[LEDGER_PERIODS];
        for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
            uint64_t before_ns = ledger_period_begin_ns(period, now_ns) - 1;
            RETURN_IF_ERROR(ledger_store_totals_at(work->txn, &account, before_ns, &begin[period]));
        }
        ledger_limits_add_account(ret, &account.totals, begin);
    }
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

static struct status load_allowance(struct work *work, enum ledger_side side,
                                    struct ledger_outcome *outcome)
{
    const struct ledger_account *account = &outcome->account[side];
    if (account->kind == LEDGER_KIND_SYSTEM) return STATUS_SUCCESS;
    struct ledger_allowance *allowance = &work->allowance[side];
    allowance->owner_id = account->owner_id;
    allowance->exponent = account->exponent;
    struct status status =
        ledger_store_get_profile(work->txn, account->owner_id, &allowance->profile);
    allowance->has_profile = status_ok(status);
    if (!allowance->has_profile && status.code != STATUS_NOT_FOUND) return status;
    allowance->tier = ledger_tier_find(work->service->tiers, allowance->profile.tier);
    outcome->tier[side] = allowance->tier->name;
    work->posting.party[side].allowance = allowance;

    if (!ledger_tier_is_counted(allowance->tier)) return STATUS_SUCCESS;
    status = ledger_store_get_counters(work->txn, account->owner_id, account->currency,
                                       &allowance->counters);
    if (status.code != STATUS_NOT_FOUND) return status;
    return rebuild_counters(work, account->owner_id, account->currency, &allowance->counters);
}

static struct status refuse_and_burn(struct work *work, struct ledger_refusal refusal,
                                     struct ledger_outcome *outcome)
{
    if (work->is_cash && refusal.reason == LEDGER_CREDIT_ACCOUNT_NOT_FOUND)
        refusal.reason = LEDGER_ACCOUNT_NOT_FOUND;
    if (work->id_is_clients && ledger_reasons[refusal.reason].burns_id) {
        ledger_store_burn_id(work->txn, outcome->transfer.id, refusal.reason);
        outcome->is_burnt = true;
    }
    return refuse(outcome, refusal);
}

static void add_system_account(struct work *work, struct ledger_account *account)
{
    struct ledger_details details = {0};
    const char *name = ledger_system_account_name(work->new_system_kind);
    memcpy(details.name, name, strlen(name) + 1);
    ledger_store_add_account(work->txn, account, &details);
}

/// All that a transfer writes. Nothing can be refused any more.
static void write_transfer(struct work *work, struct ledger_outcome *outcome)
{
    bool is_internal = id128_equal(outcome->account[LEDGER_DEBIT].owner_id,
                                   outcome->account[LEDGER_CREDIT].owner_id);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct ledger_account *account = &outcome->account[side];
        if (side == LEDGER_DEBIT && work->new_system_kind != 0)
            add_system_account(work, account);
        else
            ledger_store_put_account(work->txn, account);

        const struct ledger_allowance *allowance = work->posting.party[side].allowance;
        if (allowance == NULL || is_internal || !ledger_tier_is_counted(allowance->tier)) continue;
        ledger_store_put_counters(work->txn, account->owner_id, account->currency,
                                  &allowance->counters);
    }
    ledger_store_append_transfer(work->txn, &outcome->transfer);
    ledger_store_put_state(work->txn, &work->state);
    outcome->is_created = true;
}

static struct status post(struct work *work, struct ledger_outcome *outcome)
{
    struct ledger_transfer *transfer = &outcome->transfer;
    RETURN_IF_ERROR(ledger_store_get_state(work->txn, &work->state));
    uint64_t wall_ns = clock_wall_ns();
    if (work->new_system_kind != 0) {
        struct ledger_account *account = &outcome->account[LEDGER_DEBIT];
        work->state.last_time_ns = ledger_time_next(wall_ns, work->state.last_time_ns);
        account->created_at_ns = account->changed_at_ns = work->state.last_time_ns;
        account->number = ++work->state.account_count;
    }
    work->state.last_time_ns = ledger_time_next(wall_ns, work->state.last_time_ns);
    work->posting.transfer = transfer;
    work->posting.now_ns = work->state.last_time_ns;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        if (!outcome->has_account[side]) continue;
        work->posting.party[side].account = &outcome->account[side];
        RETURN_IF_ERROR(load_allowance(work, side, outcome));
    }
    struct ledger_refusal refusal;
    if (!ledger_core_check(&work->posting, &refusal))
        return refuse_and_burn(work, refusal, outcome);

    transfer->number = ++work->state.transfer_count;
    transfer->created_at_ns = work->state.last_time_ns;
    ledger_core_apply(&work->posting);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        RETURN_IF_ERROR(
            ledger_store_post_entry(work->txn, &outcome->account[side], side, transfer));
    }
    write_transfer(work, outcome);
    return STATUS_SUCCESS;
}

static void begin_movement(const struct ledger_movement *movement, struct ledger_outcome *ret)
{
    *ret = (struct ledger_outcome){0};
    struct ledger_transfer *transfer = &ret->transfer;
    transfer->id = id128_is_nil(movement->id) ? id128_generate() : movement->id;
    memcpy(transfer->account_id, movement->account_id, sizeof transfer->account_id);
    transfer->amount = movement->amount;
    memcpy(transfer->currency, movement->currency, sizeof transfer->currency);
    transfer->code = movement->code;
    transfer->kind = LEDGER_TRANSFER_POSTED;
    memcpy(transfer->description, movement->description, strlen(movement->description) + 1);
}

struct status ledger_service_create_transfer(const struct ledger_service *service,
                                             struct store_txn *txn,
                                             const struct ledger_caller *caller,
                                             const struct ledger_movement *movement,
                                             struct ledger_outcome *ret)
{
    begin_movement(movement, ret);
    struct work work = {
        .service = service, .txn = txn, .id_is_clients = !id128_is_nil(movement->id)};
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        RETURN_IF_ERROR(load_account(txn, ret->transfer.account_id[side], side, ret));
    // Before the id is looked up: the answer to a repeated id shows the transfer.
    if (ret->has_account[LEDGER_DEBIT] &&
        !status_ok(ledger_caller_may_touch(caller, ret->account[LEDGER_DEBIT].owner_id)))
        return refuse(ret, (struct ledger_refusal){.reason = LEDGER_PERMISSION_DENIED});
    if (work.id_is_clients) RETURN_IF_ERROR(check_id(txn, ret));
    return ret->existed ? STATUS_SUCCESS : post(&work, ret);
}

struct status ledger_service_deposit(const struct ledger_service *service, struct store_txn *txn,
                                     const struct ledger_caller *caller,
                                     const struct ledger_movement *movement,
                                     struct ledger_outcome *ret)
{
    begin_movement(movement, ret);
    struct work work = {.service = service,
                        .txn = txn,
                        .is_cash = true,
                        .id_is_clients = !id128_is_nil(movement->id)};
    if (!caller->is_any)
        return refuse(ret, (struct ledger_refusal){.reason = LEDGER_PERMISSION_DENIED});

    struct ledger_transfer *transfer = &ret->transfer;
    struct ledger_account *cash = &ret->account[LEDGER_DEBIT];
    const struct ledger_account *account = &ret->account[LEDGER_CREDIT];
    RETURN_IF_ERROR(load_account(txn, transfer->account_id[LEDGER_CREDIT], LEDGER_CREDIT, ret));
    if (ret->has_account[LEDGER_CREDIT]) {
        memcpy(transfer->currency, account->currency, sizeof transfer->currency);
        transfer->account_id[LEDGER_DEBIT] =
            ledger_system_account_id(account->currency, LEDGER_CASH);
        RETURN_IF_ERROR(load_account(txn, transfer->account_id[LEDGER_DEBIT], LEDGER_DEBIT, ret));
    }
    if (work.id_is_clients) RETURN_IF_ERROR(check_id(txn, ret));
    if (ret->existed) return STATUS_SUCCESS;

    if (!ret->has_account[LEDGER_CREDIT]) {
        if (transfer->amount == 0)
            return refuse(ret, (struct ledger_refusal){.reason = LEDGER_AMOUNT_MUST_NOT_BE_ZERO});
        return refuse_and_burn(&work, (struct ledger_refusal){.reason = LEDGER_ACCOUNT_NOT_FOUND},
                               ret);
    }
    if (!ret->has_account[LEDGER_DEBIT]) {
        ledger_system_account(account->currency, account->exponent, LEDGER_CASH, cash);
        ret->has_account[LEDGER_DEBIT] = true;
        work.new_system_kind = LEDGER_CASH;
    }
    return post(&work, ret);
}

struct status ledger_service_get_transfer(struct store_txn *txn, const struct ledger_caller *caller,
                                          struct id128 transfer_id, struct ledger_transfer *ret)
{
    const struct status absent =
        REFUSE(NOT_FOUND, TRANSFER_NOT_FOUND, "there is no transfer with this id");
    struct ledger_id_entry entry;
    struct status status = ledger_store_find_id(txn, transfer_id, &entry);
    if (status.code == STATUS_NOT_FOUND || (status_ok(status) && entry.is_failed)) return absent;
    RETURN_IF_ERROR(status);
    status = ledger_store_get_transfer(txn, entry.number, ret);
    if (status.code == STATUS_NOT_FOUND)
        return REFUSE(DATA_LOSS, MISSING_TRANSFER, "an id leads to a transfer that is missing");
    RETURN_IF_ERROR(status);
    if (caller->is_any) return STATUS_SUCCESS;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct ledger_account account;
        RETURN_IF_ERROR(ledger_store_get_account(txn, ret->account_id[side], &account));
        if (status_ok(ledger_caller_may_touch(caller, account.owner_id))) return STATUS_SUCCESS;
    }
    return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, "neither account of it is yours");
}

// ---- Currencies and limits ----------------------------------------------------------------------

static void fill_currency(const struct ledger_currency_row *row, struct ledger_currency *ret)
{
    *ret = (struct ledger_currency){.exponent = row->exponent};
    memcpy(ret->code, row->code, sizeof row->code);
    memcpy(ret->name, row->name, strlen(row->name) + 1);
}

struct status ledger_service_get_currency(struct store_txn *txn, const char *code,
                                          struct ledger_currency *ret)
{
    const struct ledger_currency_row *row = ledger_currency_find(code);
    if (row != NULL) {
        fill_currency(row, ret);
        return STATUS_SUCCESS;
    }
    struct status status = ledger_store_get_currency(txn, code, ret);
    if (status.code == STATUS_NOT_FOUND)
        return REFUSE(NOT_FOUND, CURRENCY_NOT_FOUND, "there is no currency with this code");
    return status;
}

struct status ledger_service_next_currency(struct store_txn *txn, const char *after_code,
                                           struct ledger_currency *ret)
{
    const struct ledger_currency_row *row = ledger_currencies,
                                     *end = ledger_currencies + ledger_currency_count;
    while (row < end && strcmp(row->code, after_code) <= 0)
        row++;
    struct status status = ledger_store_next_currency(txn, after_code, ret);
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    bool built_in_is_next = row < end && (!status_ok(status) || strcmp(row->code, ret->code) < 0);
    if (!built_in_is_next) return status;
    fill_currency(row, ret);
    return STATUS_SUCCESS;
}

struct status ledger_service_create_currency(struct store_txn *txn,
                                             const struct ledger_currency *currency)
{
    struct ledger_currency existing;
    struct status status = ledger_service_get_currency(txn, currency->code, &existing);
    if (status_ok(status))
        return REFUSE(ALREADY_EXISTS, CURRENCY_EXISTS, "there is a currency with this code");
    if (status.code != STATUS_NOT_FOUND) return status;
    ledger_store_put_currency(txn, currency);
    return STATUS_SUCCESS;
}

struct status ledger_service_set_tier(struct store_txn *txn, struct id128 owner_id,
                                      const char *tier, uint64_t version, bool *ret_changed)
{
    struct ledger_profile profile = {0};
    struct status status = ledger_store_get_profile(txn, owner_id, &profile);
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    *ret_changed = !status_ok(status) || version > profile.version;
    if (!*ret_changed) return STATUS_SUCCESS;

    profile = (struct ledger_profile){
        .owner_id = owner_id, .version = version, .changed_at_ns = clock_wall_ns()};
    size_t size = strlen(tier);
    if (size == 0 || size >= sizeof profile.tier)
        return REFUSE(INVALID_ARGUMENT, TIER_MALFORMED, "a tier's name has 1 to 15 characters");
    memcpy(profile.tier, tier, size);
    ledger_store_put_profile(txn, &profile);
    // They were kept for the old tier, or not at all; the next posting works them out anew.
    ledger_store_drop_counters(txn, owner_id);
    return STATUS_SUCCESS;
}
