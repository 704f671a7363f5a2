#include "services/ledger/core.h"

#include "common/base/check.h"
#include "services/ledger/history.h"
#include "services/ledger/limits.h"

#include <string.h>

// ---- Reasons ------------------------------------------------------------------------------------

#define ROW(reason_, code_, burns_, message_)                                                      \
    [LEDGER_##reason_] = {#reason_, STATUS_##code_, burns_, message_}

const struct ledger_reason_row ledger_reasons[LEDGER_REASON_COUNT] = {
    ROW(IDEMPOTENCY_REQUIRED, INVALID_ARGUMENT, false,
        "give an id or an Idempotency-Key: a retry must not pay twice"),
    ROW(PERMISSION_DENIED, PERMISSION_DENIED, false, "the account to debit is not yours"),
    ROW(ID_ALREADY_FAILED, FAILED_PRECONDITION, false,
        "a transfer with this id was refused before; use a new id"),
    ROW(EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID, ALREADY_EXISTS, false,
        "this id belongs to a transfer with another debit account"),
    ROW(EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID, ALREADY_EXISTS, false,
        "this id belongs to a transfer with another credit account"),
    ROW(EXISTS_WITH_DIFFERENT_AMOUNT, ALREADY_EXISTS, false,
        "this id belongs to a transfer with another amount"),
    ROW(EXISTS_WITH_DIFFERENT_CURRENCY, ALREADY_EXISTS, false,
        "this id belongs to a transfer in another currency"),
    ROW(EXISTS_WITH_DIFFERENT_CODE, ALREADY_EXISTS, false,
        "this id belongs to a transfer with another code"),
    ROW(EXISTS_WITH_DIFFERENT_DESCRIPTION, ALREADY_EXISTS, false,
        "this id belongs to a transfer with another description"),
    ROW(ACCOUNTS_MUST_DIFFER, INVALID_ARGUMENT, false, "debit and credit account are the same"),
    ROW(AMOUNT_MUST_NOT_BE_ZERO, INVALID_ARGUMENT, false, "the amount is zero"),
    ROW(DEBIT_ACCOUNT_NOT_FOUND, NOT_FOUND, true,
        "there is no account with the debit account's id"),
    ROW(CREDIT_ACCOUNT_NOT_FOUND, NOT_FOUND, true,
        "there is no account with the credit account's id"),
    ROW(ACCOUNT_NOT_FOUND, NOT_FOUND, true, "there is no account with this id"),
    ROW(CURRENCY_MISMATCH, FAILED_PRECONDITION, false,
        "both accounts must be in the transfer's currency"),
    ROW(ACCOUNT_CLOSED, FAILED_PRECONDITION, true, "an account is closed"),
    ROW(ACCOUNT_FROZEN, FAILED_PRECONDITION, true, "an account is frozen in this direction"),
    ROW(KYC_LIMIT_EXCEEDED, FAILED_PRECONDITION, true,
        "the account's owner has no KYC tier that allows this"),
    ROW(BALANCE_OVERFLOW, FAILED_PRECONDITION, true,
        "a total would grow beyond what can be counted"),
    ROW(INSUFFICIENT_FUNDS, FAILED_PRECONDITION, true, "the available balance is below the amount"),
    ROW(BELOW_MIN_BALANCE, FAILED_PRECONDITION, true,
        "the balance would fall below the account's minimum"),
    ROW(ABOVE_MAX_BALANCE, FAILED_PRECONDITION, true,
        "the balance would rise above the account's maximum"),
};

struct status ledger_reason_status(enum ledger_reason reason)
{
    CHECK((unsigned)reason < LEDGER_REASON_COUNT);
    const struct ledger_reason_row *row = &ledger_reasons[reason];
    return (struct status){.code = row->code, .reason = row->name, .message = row->message};
}

enum ledger_reason ledger_reason_find(const char *name, size_t size)
{
    enum ledger_reason reason = 0;
    for (; reason < LEDGER_REASON_COUNT; reason++) {
        const char *known = ledger_reasons[reason].name;
        if (strlen(known) == size && memcmp(known, name, size) == 0) break;
    }
    return reason;
}

// ---- Balances -----------------------------------------------------------------------------------

bool ledger_class_is_debit_normal(enum ledger_class class)
{
    return class == LEDGER_CLASS_ASSET || class == LEDGER_CLASS_EXPENSE;
}

i128 ledger_balance_posted(enum ledger_class class, const struct ledger_totals *totals)
{
    i128 credit_balance = (i128)totals->credits_posted - (i128)totals->debits_posted;
    return ledger_class_is_debit_normal(class) ? -credit_balance : credit_balance;
}

u128 ledger_balance_pending_in(enum ledger_class class, const struct ledger_totals *totals)
{
    return ledger_class_is_debit_normal(class) ? totals->debits_pending : totals->credits_pending;
}

u128 ledger_balance_pending_out(enum ledger_class class, const struct ledger_totals *totals)
{
    return ledger_class_is_debit_normal(class) ? totals->credits_pending : totals->debits_pending;
}

// Sums of three amounts that each fit stop at the ends of i128 instead of wrapping: what is
// compared with them never lies beyond.
static i128 add_saturated(i128 a, i128 b)
{
    i128 sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? (i128)LEDGER_TOTAL_MAX : -(i128)LEDGER_TOTAL_MAX;
}

i128 ledger_account_available(const struct ledger_account *account)
{
    i128 posted = ledger_balance_posted(account->class, &account->totals);
    i128 pending_out = (i128)ledger_balance_pending_out(account->class, &account->totals);
    return add_saturated(add_saturated(posted, -pending_out), (i128)account->credit_limit);
}

static u128 pending_of(const struct ledger_totals *totals, enum ledger_side side)
{
    return side == LEDGER_DEBIT ? totals->debits_pending : totals->credits_pending;
}

static u128 *posted_of(struct ledger_totals *totals, enum ledger_side side)
{
    return side == LEDGER_DEBIT ? &totals->debits_posted : &totals->credits_posted;
}

static bool side_lowers_balance(const struct ledger_account *account, enum ledger_side side)
{
    return ledger_class_is_debit_normal(account->class) == (side == LEDGER_CREDIT);
}

// ---- Rules --------------------------------------------------------------------------------------

static bool is_same_account(const struct ledger_posting *posting, struct ledger_refusal *ret)
{
    (void)ret;
    const struct ledger_transfer *transfer = posting->transfer;
    return id128_equal(transfer->account_id[LEDGER_DEBIT], transfer->account_id[LEDGER_CREDIT]);
}

static bool is_zero(const struct ledger_posting *posting, struct ledger_refusal *ret)
{
    (void)ret;
    return posting->transfer->amount == 0;
}

static bool debit_is_missing(const struct ledger_posting *posting, struct ledger_refusal *ret)
{
    (void)ret;
    return posting->party[LEDGER_DEBIT].account == NULL;
}

static bool credit_is_missing(const struct ledger_posting *posting, struct ledger_refusal *ret)
{
    (void)ret;
    return posting->party[LEDGER_CREDIT].account == NULL;
}

static bool currency_differs(const struct ledger_posting *posting, struct ledger_refusal *ret)
{
    (void)ret;
    const char *currency = posting->transfer->currency;
    return strcmp(posting->party[LEDGER_DEBIT].account->currency, currency) != 0 ||
           strcmp(posting->party[LEDGER_CREDIT].account->currency, currency) != 0;
}

/// A rule that looks at one account at a time, the debit account first.
typedef bool (*side_rule)(const struct ledger_posting *posting,
                          const struct ledger_account *account, enum ledger_side side,
                          struct ledger_refusal *ret);

static bool either_side(side_rule is_broken, const struct ledger_posting *posting,
                        struct ledger_refusal *ret)
{
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        ret->side = side;
        if (is_broken(posting, posting->party[side].account, side, ret)) return true;
    }
    return false;
}

static bool side_is_closed(const struct ledger_posting *posting,
                           const struct ledger_account *account, enum ledger_side side,
                           struct ledger_refusal *ret)
{
    (void)posting, (void)side, (void)ret;
    return account->closed;
}

static bool side_is_frozen(const struct ledger_posting *posting,
                           const struct ledger_account *account, enum ledger_side side,
                           struct ledger_refusal *ret)
{
    (void)ret;
    uint64_t until_ns = account->frozen_until_ns[side];
    return account->frozen[side] && (until_ns == 0 || posting->now_ns < until_ns);
}

static bool side_exceeds_limit(const struct ledger_posting *posting,
                               const struct ledger_account *account, enum ledger_side side,
                               struct ledger_refusal *ret)
{
    const struct ledger_allowance *allowance = posting->party[side].allowance;
    CHECK((allowance == NULL) == (account->kind == LEDGER_KIND_SYSTEM));
    if (allowance == NULL) return false;
    const struct ledger_account *debit = posting->party[LEDGER_DEBIT].account;
    const struct ledger_account *credit = posting->party[LEDGER_CREDIT].account;
    bool is_internal = id128_equal(debit->owner_id, credit->owner_id);
    return !ledger_limits_check(allowance, side, posting->transfer->amount, is_internal,
                                posting->now_ns, ret);
}

static bool side_overflows(const struct ledger_posting *posting,
                           const struct ledger_account *account, enum ledger_side side,
                           struct ledger_refusal *ret)
{
    (void)ret;
    struct ledger_totals totals = account->totals;
    u128 used = pending_of(&totals, side) + *posted_of(&totals, side);
    CHECK(used <= LEDGER_TOTAL_MAX); // ledger_account_is_sound
    return posting->transfer->amount > LEDGER_TOTAL_MAX - used;
}

static bool side_lacks_funds(const struct ledger_posting *posting,
                             const struct ledger_account *account, enum ledger_side side,
                             struct ledger_refusal *ret)
{
    (void)ret;
    if (!account->no_negative || !side_lowers_balance(account, side)) return false;
    return (i128)posting->transfer->amount > ledger_account_available(account);
}

static bool side_falls_below_min(const struct ledger_posting *posting,
                                 const struct ledger_account *account, enum ledger_side side,
                                 struct ledger_refusal *ret)
{
    (void)ret;
    if (!account->has_min_balance || !side_lowers_balance(account, side)) return false;
    i128 lowest =
        add_saturated(ledger_balance_posted(account->class, &account->totals),
                      -(i128)ledger_balance_pending_out(account->class, &account->totals));
    return add_saturated(lowest, -(i128)posting->transfer->amount) < account->min_balance;
}

static bool side_rises_above_max(const struct ledger_posting *posting,
                                 const struct ledger_account *account, enum ledger_side side,
                                 struct ledger_refusal *ret)
{
    (void)ret;
    if (!account->has_max_balance || side_lowers_balance(account, side)) return false;
    i128 highest = add_saturated(ledger_balance_posted(account->class, &account->totals),
                                 (i128)ledger_balance_pending_in(account->class, &account->totals));
    return add_saturated(highest, (i128)posting->transfer->amount) > account->max_balance;
}

/// One row per rule, in the order of enum ledger_reason: of several broken rules the first answers.
static const struct {
    enum ledger_reason reason;
    bool (*is_broken)(const struct ledger_posting *posting, struct ledger_refusal *ret);
    side_rule is_broken_on_side;
} rules[] = {
    // clang-format off
    {LEDGER_ACCOUNTS_MUST_DIFFER,     is_same_account,   NULL},
    {LEDGER_AMOUNT_MUST_NOT_BE_ZERO,  is_zero,           NULL},
    {LEDGER_DEBIT_ACCOUNT_NOT_FOUND,  debit_is_missing,  NULL},
    {LEDGER_CREDIT_ACCOUNT_NOT_FOUND, credit_is_missing, NULL},
    {LEDGER_CURRENCY_MISMATCH,        currency_differs,  NULL},
    {LEDGER_ACCOUNT_CLOSED,           NULL,              side_is_closed},
    {LEDGER_ACCOUNT_FROZEN,           NULL,              side_is_frozen},
    {LEDGER_KYC_LIMIT_EXCEEDED,       NULL,              side_exceeds_limit},
    {LEDGER_BALANCE_OVERFLOW,         NULL,              side_overflows},
    {LEDGER_INSUFFICIENT_FUNDS,       NULL,              side_lacks_funds},
    {LEDGER_BELOW_MIN_BALANCE,        NULL,              side_falls_below_min},
    {LEDGER_ABOVE_MAX_BALANCE,        NULL,              side_rises_above_max},
    // clang-format on
};

bool ledger_core_check(const struct ledger_posting *posting, struct ledger_refusal *ret)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        struct ledger_refusal refusal = {.reason = rules[i].reason};
        bool is_broken = rules[i].is_broken != NULL
                             ? rules[i].is_broken(posting, &refusal)
                             : either_side(rules[i].is_broken_on_side, posting, &refusal);
        if (is_broken) {
            *ret = refusal;
            return false;
        }
    }
    return true;
}

void ledger_core_apply(const struct ledger_posting *posting)
{
    const struct ledger_transfer *transfer = posting->transfer;
    const struct ledger_account *debit = posting->party[LEDGER_DEBIT].account;
    const struct ledger_account *credit = posting->party[LEDGER_CREDIT].account;
    CHECK(!id128_equal(debit->id, credit->id));
    CHECK(transfer->amount > 0);
    CHECK(strcmp(debit->currency, credit->currency) == 0);

    bool is_internal = id128_equal(debit->owner_id, credit->owner_id);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct ledger_account *account = posting->party[side].account;
        CHECK(id128_equal(account->id, transfer->account_id[side]));
        *posted_of(&account->totals, side) += transfer->amount; // Checked: side_overflows.
        account->changed_at_ns = transfer->created_at_ns;

        struct ledger_allowance *allowance = posting->party[side].allowance;
        if (allowance == NULL || is_internal || !ledger_tier_is_counted(allowance->tier)) continue;
        ledger_limits_count(&allowance->counters, side, transfer->amount, posting->now_ns);
    }
}

bool ledger_core_compare(const struct ledger_transfer *asked,
                         const struct ledger_transfer *existing, enum ledger_reason *ret)
{
    const struct id128 *a = asked->account_id, *b = existing->account_id;

    const struct {
        bool differs;
        enum ledger_reason reason;
    } fields[] = {
        {!id128_equal(a[LEDGER_DEBIT], b[LEDGER_DEBIT]),
         LEDGER_EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID},
        {!id128_equal(a[LEDGER_CREDIT], b[LEDGER_CREDIT]),
         LEDGER_EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID},
        {asked->amount != existing->amount, LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT},
        {strcmp(asked->currency, existing->currency) != 0, LEDGER_EXISTS_WITH_DIFFERENT_CURRENCY},
        {asked->code != existing->code, LEDGER_EXISTS_WITH_DIFFERENT_CODE},
        {strcmp(asked->description, existing->description) != 0,
         LEDGER_EXISTS_WITH_DIFFERENT_DESCRIPTION},
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!fields[i].differs) continue;
        *ret = fields[i].reason;
        return false;
    }
    return true;
}

// ---- Accounts -----------------------------------------------------------------------------------

static bool totals_are_sound(const struct ledger_totals *totals)
{
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct ledger_totals copy = *totals;
        u128 pending = pending_of(&copy, side), posted = *posted_of(&copy, side);
        if (pending > LEDGER_TOTAL_MAX || posted > LEDGER_TOTAL_MAX - pending) return false;
    }
    return true;
}

static bool head_is_sound(const struct ledger_head *head)
{
    if ((head->entry_count == 0) != (head->chain[0] == 0)) return false;
    bool known = true; // Once a link is not known, none behind it is.
    for (size_t i = 1; i < LEDGER_CHAIN; i++) {
        uint64_t link = head->chain[i];
        known = known && head->chain[i - 1] != 0;
        if (link == 0) continue;
        if (!known || link >= head->chain[i - 1]) return false;
        if (ledger_history_chain_index(head, i) == 0) return false;
    }
    return true;
}

bool ledger_account_is_sound(const struct ledger_account *account)
{
    bool is_system = account->kind == LEDGER_KIND_SYSTEM;
    if (is_system != id128_is_nil(account->owner_id)) return false;
    if (account->credit_limit > LEDGER_TOTAL_MAX) return false;
    if (!account->has_min_balance && account->min_balance != 0) return false;
    if (!account->has_max_balance && account->max_balance != 0) return false;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        if (!account->frozen[side] && account->frozen_until_ns[side] != 0) return false;
    }
    if (account->number == 0 || account->version == 0) return false;
    return totals_are_sound(&account->totals) && head_is_sound(&account->head);
}

static const uint8_t system_id_tag[4] = {'F', 'L', 'R', 'N'};

static const struct {
    enum ledger_class class;
    const char *name;
} system_kinds[] = {
    [LEDGER_CASH] = {LEDGER_CLASS_ASSET, "cash"},
    [LEDGER_FEES] = {LEDGER_CLASS_INCOME, "fees"},
    [LEDGER_FX] = {LEDGER_CLASS_ASSET, "fx"},
};

struct id128 ledger_system_account_id(const char *currency, enum ledger_system_kind kind)
{
    char code[LEDGER_CURRENCY_BYTES] = {0};
    size_t size = strlen(currency);
    CHECK(size > 0 && size < sizeof code);
    memcpy(code, currency, size);

    struct id128 id;
    memcpy(id.bytes, code, 6);
    id.bytes[6] = (uint8_t)(0x80 | (unsigned)kind);
    id.bytes[7] = (uint8_t)code[6];
    id.bytes[8] = 0x80;
    memcpy(id.bytes + 9, code + 7, 3);
    memcpy(id.bytes + 12, system_id_tag, sizeof system_id_tag);
    return id;
}

bool ledger_id_is_system(struct id128 id)
{
    return (id.bytes[6] & 0xf0) == 0x80 && id.bytes[8] == 0x80 &&
           memcmp(id.bytes + 12, system_id_tag, sizeof system_id_tag) == 0;
}

void ledger_system_account(const char *currency, uint8_t exponent, enum ledger_system_kind kind,
                           struct ledger_account *ret)
{
    *ret = (struct ledger_account){
        .id = ledger_system_account_id(currency, kind),
        .exponent = exponent,
        .class = system_kinds[kind].class,
        .kind = LEDGER_KIND_SYSTEM,
        .version = 1,
    };
    memcpy(ret->currency, currency, strlen(currency)); // Length: ledger_system_account_id.
}

const char *ledger_system_account_name(enum ledger_system_kind kind)
{
    return system_kinds[kind].name;
}

uint64_t ledger_time_next(uint64_t wall_ns, uint64_t last_ns)
{
    CHECK(last_ns < UINT64_MAX);
    return wall_ns > last_ns ? wall_ns : last_ns + 1;
}
