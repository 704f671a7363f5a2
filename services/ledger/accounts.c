#include "common/base/check.h"
#include "services/ledger/unit.h"

#include <string.h>

// ---- What all of them need ----------------------------------------------------------------------

struct status ledger_service_get_account(struct store_txn *txn, const struct ledger_caller *caller,
                                         struct id128 account_id, struct ledger_account *ret)
{
    struct status status = ledger_store_get_account(txn, account_id, ret);
    if (status.code == STATUS_NOT_FOUND) return ledger_reason_status(LEDGER_ACCOUNT_NOT_FOUND);
    RETURN_IF_ERROR(status);
    return ledger_caller_may_touch(caller, ret->owner_id);
}

/// An account under change, and its details before and after.
struct change {
    struct ledger_unit *unit;
    struct ledger_account *account;
    struct ledger_details *before, *details; // In the unit's arena: 20 KiB each.
    uint64_t now_ns;
};

/// The account must be stored: the ledger's own ones, which a unit makes when they are missing, are
/// made by a posting and by nothing else.
static struct status open_change(struct ledger_unit *unit, const struct ledger_caller *caller,
                                 struct id128 account_id, struct change *ret)
{
    struct store_txn *txn = ledger_unit_txn(unit);
    struct arena *arena = ledger_unit_arena(unit);
    struct ledger_account stored;
    *ret = (struct change){.unit = unit};
    RETURN_IF_ERROR(ledger_service_get_account(txn, caller, account_id, &stored));
    // First of all: what expires by now is released before anything is decided.
    RETURN_IF_ERROR(ledger_unit_next_time(unit, &ret->now_ns));
    RETURN_IF_ERROR(ledger_unit_account(unit, account_id, &ret->account));
    ret->before = arena_alloc(arena, sizeof *ret->before);
    ret->details = arena_alloc(arena, sizeof *ret->details);
    if (ret->before == NULL || ret->details == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(ledger_store_get_details(txn, account_id, ret->before));
    *ret->details = *ret->before;
    return STATUS_SUCCESS;
}

static struct status finish_change(struct change *change, bool is_changed,
                                   struct ledger_account *ret, struct ledger_details *ret_details,
                                   bool *ret_changed)
{
    if (is_changed) {
        change->account->changed_at_ns = change->details->updated_at_ns = change->now_ns;
        RETURN_IF_ERROR(ledger_unit_change_account(change->unit, change->account, change->before,
                                                   change->details));
        ledger_unit_flush(change->unit);
    }
    *ret = *change->account;
    *ret_details = *change->details;
    *ret_changed = is_changed;
    return STATUS_SUCCESS;
}

/// A reference may be the account's own already.
static struct status check_ref(struct store_txn *txn, const char *external_ref,
                               struct id128 account_id)
{
    if (external_ref[0] == '\0') return STATUS_SUCCESS;
    if (!ledger_ref_is_valid(external_ref)) {
        return REFUSE(INVALID_ARGUMENT, EXTERNAL_REF_INVALID,
                      "the reference looks like an IBAN, and its check digits are wrong");
    }
    struct id128 holder;
    struct status status = ledger_store_find_ref(txn, external_ref, &holder);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    if (id128_equal(holder, account_id)) return STATUS_SUCCESS;
    return REFUSE(ALREADY_EXISTS, EXTERNAL_REF_EXISTS, "another account has this reference");
}

static bool same_metadata(const struct ledger_details *a, const struct ledger_details *b)
{
    return a->metadata_size == b->metadata_size &&
           memcmp(a->metadata, b->metadata, a->metadata_size) == 0;
}

// ---- Opening ------------------------------------------------------------------------------------

static struct status check_may_open(const struct ledger_caller *caller,
                                    const struct ledger_new_account *asked)
{
    bool is_system = asked->kind == LEDGER_KIND_SYSTEM;
    CHECK(!id128_is_nil(asked->id) && is_system == id128_is_nil(asked->owner_id));
    if (!is_system) RETURN_IF_ERROR(ledger_caller_may_touch(caller, asked->owner_id));
    if ((is_system || asked->class != LEDGER_CLASS_LIABILITY) && !caller->may_open_system) {
        return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED,
                      "the bank's own accounts and classes need ledger.account.system");
    }
    if (ledger_id_is_system(asked->id))
        return REFUSE(INVALID_ARGUMENT, ACCOUNT_ID_RESERVED, "ids of this form are the ledger's");
    return STATUS_SUCCESS;
}

static struct status check_existing_account(struct ledger_unit *unit,
                                            const struct ledger_new_account *asked,
                                            const struct ledger_account *existing)
{
    struct ledger_details *details = arena_alloc(ledger_unit_arena(unit), sizeof *details);
    if (details == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(ledger_store_get_details(ledger_unit_txn(unit), existing->id, details));
    bool is_same = id128_equal(asked->owner_id, existing->owner_id) &&
                   strcmp(asked->currency, existing->currency) == 0 &&
                   asked->class == existing->class && asked->kind == existing->kind &&
                   strcmp(asked->details->name, details->name) == 0 &&
                   strcmp(asked->details->external_ref, details->external_ref) == 0 &&
                   same_metadata(asked->details, details);
    if (is_same) return STATUS_SUCCESS;
    return REFUSE(ALREADY_EXISTS, ACCOUNT_EXISTS, "this id belongs to another account");
}

static struct status add_account(struct ledger_unit *unit, const struct ledger_new_account *asked,
                                 uint8_t exponent, struct ledger_account *ret)
{
    struct ledger_account new = {
        .id = asked->id,
        .owner_id = asked->owner_id,
        .exponent = exponent,
        .class = asked->class,
        .kind = asked->kind,
        .no_negative = asked->kind == LEDGER_KIND_CUSTOMER,
        .version = 1,
    };
    struct ledger_account *account;
    memcpy(new.currency, asked->currency, sizeof new.currency);
    RETURN_IF_ERROR(ledger_unit_next_time(unit, &new.created_at_ns));
    new.changed_at_ns = new.created_at_ns;
    RETURN_IF_ERROR(ledger_unit_add_account(unit, &new, asked->details, &account));
    ledger_unit_flush(unit);
    *ret = *account;
    return STATUS_SUCCESS;
}

struct status ledger_service_create_account(struct ledger_unit *unit,
                                            const struct ledger_caller *caller,
                                            const struct ledger_new_account *asked,
                                            struct ledger_account *ret, bool *ret_existed)
{
    struct store_txn *txn = ledger_unit_txn(unit);
    struct ledger_currency currency;
    RETURN_IF_ERROR(check_may_open(caller, asked));
    struct status status = ledger_store_get_account(txn, asked->id, ret);
    *ret_existed = status_ok(status);
    if (*ret_existed) return check_existing_account(unit, asked, ret);
    if (status.code != STATUS_NOT_FOUND) return status;
    RETURN_IF_ERROR(ledger_service_get_currency(txn, asked->currency, &currency));
    RETURN_IF_ERROR(check_ref(txn, asked->details->external_ref, asked->id));
    return add_account(unit, asked, currency.exponent, ret);
}

/// Nobody gives themselves credit, or lifts the freeze of their own account.
static struct status refuse_own(const struct ledger_caller *caller,
                                const struct ledger_account *account)
{
    bool is_own = !id128_is_nil(caller->user_id) && id128_equal(caller->user_id, account->owner_id);
    if (!is_own) return STATUS_SUCCESS;
    return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED,
                  "limits and freezes of one's own account are another person's to change");
}

// ---- Settings -----------------------------------------------------------------------------------

static bool change_names_limits(const struct ledger_account_change *change)
{
    return change->has_credit_limit || change->has_min_balance || change->has_max_balance ||
           change->has_no_negative;
}

/// What an account has of the members that a change may name.
struct limits {
    u128 credit_limit;
    bool has_min, has_max, no_negative;
    i128 min, max;
};

static struct limits limits_of(const struct ledger_account *account)
{
    return (struct limits){.credit_limit = account->credit_limit,
                           .has_min = account->has_min_balance,
                           .has_max = account->has_max_balance,
                           .no_negative = account->no_negative,
                           .min = account->min_balance,
                           .max = account->max_balance};
}

/// A minimum or maximum that the balance breaks already is fine: it stops further movements.
static struct status apply_limits(const struct ledger_account_change *asked, struct limits *limits)
{
    if (asked->has_credit_limit) limits->credit_limit = asked->credit_limit;
    if (asked->has_no_negative) limits->no_negative = asked->no_negative;
    if (asked->has_min_balance) {
        limits->has_min = asked->min_is_set;
        limits->min = asked->min_is_set ? asked->min_balance : 0;
    }
    if (asked->has_max_balance) {
        limits->has_max = asked->max_is_set;
        limits->max = asked->max_is_set ? asked->max_balance : 0;
    }
    if (limits->credit_limit > LEDGER_TOTAL_MAX)
        return REFUSE(INVALID_ARGUMENT, VALIDATION_FAILED, "credit_limit is beyond any balance");
    if (limits->has_min && limits->has_max && limits->min > limits->max) {
        return REFUSE(INVALID_ARGUMENT, LIMITS_CONTRADICT,
                      "min_balance is above max_balance: no balance would do");
    }
    return STATUS_SUCCESS;
}

/// true when something of the account is different now.
static bool put_limits(const struct limits *limits, struct ledger_account *account)
{
    struct limits old = limits_of(account);
    account->credit_limit = limits->credit_limit;
    account->no_negative = limits->no_negative;
    account->has_min_balance = limits->has_min;
    account->min_balance = limits->min;
    account->has_max_balance = limits->has_max;
    account->max_balance = limits->max;
    return old.credit_limit != limits->credit_limit || old.no_negative != limits->no_negative ||
           old.has_min != limits->has_min || old.min != limits->min ||
           old.has_max != limits->has_max || old.max != limits->max;
}

static void apply_details(const struct ledger_account_change *asked, struct ledger_details *details)
{
    const struct ledger_details *new = asked->details;
    if (asked->has_name) memcpy(details->name, new->name, sizeof details->name);
    if (asked->has_external_ref)
        memcpy(details->external_ref, new->external_ref, sizeof details->external_ref);
    if (asked->has_metadata) {
        details->metadata_size = new->metadata_size;
        memcpy(details->metadata, new->metadata, new->metadata_size);
    }
}

static bool details_differ(const struct ledger_details *a, const struct ledger_details *b)
{
    return strcmp(a->name, b->name) != 0 || strcmp(a->external_ref, b->external_ref) != 0 ||
           !same_metadata(a, b);
}

struct status ledger_service_update_account(struct ledger_unit *unit,
                                            const struct ledger_caller *caller,
                                            const struct ledger_account_change *asked,
                                            struct ledger_account *ret,
                                            struct ledger_details *ret_details, bool *ret_changed)
{
    struct change change;
    RETURN_IF_ERROR(open_change(unit, caller, asked->account_id, &change));
    if (change_names_limits(asked) && !caller->may_set_limits) {
        return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED,
                      "what an account may hold is changed with ledger.account.limits");
    }
    if (change_names_limits(asked)) RETURN_IF_ERROR(refuse_own(caller, change.account));
    if (asked->if_match != UINT64_MAX && asked->if_match != change.account->version)
        return REFUSE(ABORTED, VERSION_MISMATCH, "the account is not at this version any more");
    if (change.account->closed) return ledger_reason_status(LEDGER_ACCOUNT_CLOSED);

    struct limits limits = limits_of(change.account);
    RETURN_IF_ERROR(apply_limits(asked, &limits));
    apply_details(asked, change.details);
    if (asked->has_external_ref) {
        RETURN_IF_ERROR(
            check_ref(ledger_unit_txn(unit), change.details->external_ref, change.account->id));
    }
    bool is_changed = put_limits(&limits, change.account);
    is_changed = details_differ(change.before, change.details) || is_changed;
    return finish_change(&change, is_changed, ret, ret_details, ret_changed);
}

// ---- Freezes ------------------------------------------------------------------------------------

static bool freeze_side(struct change *change, const struct ledger_caller *caller,
                        const struct ledger_freeze_change *asked, enum ledger_side side)
{
    struct ledger_account *account = change->account;
    struct ledger_freeze *freeze = &change->details->freeze[side];
    bool is_same = ledger_account_is_frozen(account, side, change->now_ns) &&
                   account->frozen_until_ns[side] == asked->until_ns &&
                   strcmp(freeze->reason, asked->reason) == 0 &&
                   strcmp(freeze->author, caller->name) == 0;
    if (is_same) return false;
    size_t size = strlen(asked->reason);
    CHECK(size < sizeof freeze->reason);
    account->frozen[side] = true;
    account->frozen_until_ns[side] = asked->until_ns;
    *freeze = (struct ledger_freeze){.since_ns = change->now_ns};
    memcpy(freeze->author, caller->name, sizeof freeze->author);
    memcpy(freeze->reason, asked->reason, size + 1);
    return true;
}

/// A freeze that has lifted itself is none: nothing changes.
static bool unfreeze_side(struct change *change, enum ledger_side side)
{
    if (!ledger_account_is_frozen(change->account, side, change->now_ns)) return false;
    change->account->frozen[side] = false;
    change->account->frozen_until_ns[side] = 0;
    change->details->freeze[side] = (struct ledger_freeze){0};
    return true;
}

struct status ledger_service_freeze_account(struct ledger_unit *unit,
                                            const struct ledger_caller *caller,
                                            const struct ledger_freeze_change *asked,
                                            struct ledger_account *ret,
                                            struct ledger_details *ret_details, bool *ret_changed)
{
    struct change change;
    RETURN_IF_ERROR(open_change(unit, caller, asked->account_id, &change));
    RETURN_IF_ERROR(refuse_own(caller, change.account));
    if (asked->frozen && change.account->closed) return ledger_reason_status(LEDGER_ACCOUNT_CLOSED);
    bool is_changed = false;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        if (!asked->side[side]) continue;
        bool side_changed = asked->frozen ? freeze_side(&change, caller, asked, side)
                                          : unfreeze_side(&change, side);
        is_changed = is_changed || side_changed;
    }
    return finish_change(&change, is_changed, ret, ret_details, ret_changed);
}

// ---- Closing ------------------------------------------------------------------------------------

static struct status balance_not_zero(void)
{
    return REFUSE(FAILED_PRECONDITION, BALANCE_NOT_ZERO,
                  "only an account without a balance can be closed; sweep what is left");
}

/// Moves what is left to where the client says; on a debit-normal account, whose balance is what
/// others owe, the money flows the other way.
static struct status sweep_out(struct change *change, const struct ledger_caller *caller,
                               struct ledger_movement *sweep, struct ledger_outcome *ret_sweep)
{
    struct ledger_account *account = change->account;
    i128 posted = ledger_balance_posted(account->class, &account->totals);
    if (posted == 0) return STATUS_SUCCESS;
    if (sweep == NULL || posted < 0) return balance_not_zero();

    struct ledger_transfer *asked = &sweep->asked;
    bool is_debit_normal = ledger_class_is_debit_normal(account->class);
    if (is_debit_normal) asked->account_id[LEDGER_DEBIT] = asked->account_id[LEDGER_CREDIT];
    asked->account_id[is_debit_normal ? LEDGER_CREDIT : LEDGER_DEBIT] = account->id;
    asked->kind = LEDGER_TRANSFER_POSTED;
    asked->amount = (u128)posted;
    sweep->has_amount = true;
    memcpy(asked->currency, account->currency, sizeof asked->currency);
    struct status status = ledger_service_move(change->unit, caller, sweep, ret_sweep);
    if (ret_sweep->is_burnt) ledger_unit_flush(change->unit);
    RETURN_IF_ERROR(status);
    // The id of an earlier transfer of the very same content moves nothing now.
    if (!ret_sweep->is_created) return balance_not_zero();
    CHECK(ledger_balance_posted(account->class, &account->totals) == 0);
    return ledger_unit_next_time(change->unit, &change->now_ns);
}

struct status ledger_service_close_account(struct ledger_unit *unit,
                                           const struct ledger_caller *caller,
                                           struct id128 account_id, struct ledger_movement *sweep,
                                           struct ledger_outcome *ret_sweep,
                                           struct ledger_account *ret,
                                           struct ledger_details *ret_details, bool *ret_changed)
{
    struct change change;
    *ret_sweep = (struct ledger_outcome){0};
    RETURN_IF_ERROR(open_change(unit, caller, account_id, &change));
    const struct ledger_totals *totals = &change.account->totals;
    if (change.account->kind == LEDGER_KIND_SYSTEM && !caller->may_open_system) {
        return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED,
                      "the bank's own accounts are closed with ledger.account.system");
    }
    if (change.account->closed) return finish_change(&change, false, ret, ret_details, ret_changed);
    if (totals->debits_pending != 0 || totals->credits_pending != 0) {
        return REFUSE(FAILED_PRECONDITION, ACCOUNT_HAS_PENDING,
                      "pending transfers of the account must be posted or voided first");
    }
    RETURN_IF_ERROR(sweep_out(&change, caller, sweep, ret_sweep));
    change.account->closed = true;
    return finish_change(&change, true, ret, ret_details, ret_changed);
}
