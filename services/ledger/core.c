#include "services/ledger/core.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/approval.h"
#include "services/ledger/limits.h"
#include "services/ledger/saturate.h"

#include <string.h>

static u128 *pending_of(struct ledger_totals *totals, enum ledger_side side)
{
    return side == LEDGER_DEBIT ? &totals->debits_pending : &totals->credits_pending;
}

static u128 *posted_of(struct ledger_totals *totals, enum ledger_side side)
{
    return side == LEDGER_DEBIT ? &totals->debits_posted : &totals->credits_posted;
}

static bool side_lowers_balance(const struct ledger_account *account, enum ledger_side side)
{
    return ledger_class_is_debit_normal(account->class) == (side == LEDGER_CREDIT);
}

/// Between two accounts of one owner. (System accounts have none, and no allowance either.)
static bool is_internal(const struct ledger_posting *posting)
{
    return id128_equal(posting->party[LEDGER_DEBIT].account->owner_id,
                       posting->party[LEDGER_CREDIT].account->owner_id);
}

// ---- Rules about the posting as a whole ---------------------------------------------------------

static bool is_same_account(const struct ledger_posting *posting)
{
    const struct ledger_transfer *transfer = posting->transfer;
    return id128_equal(transfer->account_id[LEDGER_DEBIT], transfer->account_id[LEDGER_CREDIT]);
}

static bool is_zero(const struct ledger_posting *posting)
{
    return posting->transfer->amount == 0;
}

static bool debit_is_missing(const struct ledger_posting *posting)
{
    return posting->party[LEDGER_DEBIT].account == NULL;
}

static bool credit_is_missing(const struct ledger_posting *posting)
{
    return posting->party[LEDGER_CREDIT].account == NULL;
}

static bool currency_differs(const struct ledger_posting *posting)
{
    const char *currency = posting->transfer->currency;
    return strcmp(posting->party[LEDGER_DEBIT].account->currency, currency) != 0 ||
           strcmp(posting->party[LEDGER_CREDIT].account->currency, currency) != 0;
}

static bool approval_is_missing(const struct ledger_posting *posting)
{
    return ledger_approval_is_missing(posting->approval, posting->transfer);
}

static bool approval_is_wrong(const struct ledger_posting *posting)
{
    return ledger_approval_is_wrong(posting->approval, posting->transfer, posting->now_ns);
}

// ---- Rules about one side -----------------------------------------------------------------------

/// One account's side of a posting.
struct seat {
    const struct ledger_posting *posting;
    const struct ledger_account *account;
    enum ledger_side side;
    uint8_t degree; // How far the rule applies: the cell of the table below.
};

static struct seat take_seat(const struct ledger_posting *posting, enum ledger_side side,
                             uint8_t degree)
{
    return (struct seat){posting, posting->party[side].account, side, degree};
}

static bool is_closed(const struct seat *seat, struct ledger_refusal *ret)
{
    (void)ret;
    return seat->account->closed;
}

static bool is_frozen(const struct seat *seat, struct ledger_refusal *ret)
{
    (void)ret;
    return ledger_account_is_frozen(seat->account, seat->side, seat->posting->now_ns);
}

static const struct ledger_allowance *allowance_of(const struct seat *seat)
{
    const struct ledger_allowance *allowance = seat->posting->party[seat->side].allowance;
    CHECK((allowance == NULL) == (seat->account->kind == LEDGER_KIND_SYSTEM));
    return allowance;
}

static bool exceeds_limit(const struct seat *seat, struct ledger_refusal *ret)
{
    const struct ledger_allowance *allowance = allowance_of(seat);
    const struct ledger_posting *posting = seat->posting;
    return allowance != NULL &&
           !ledger_limits_check(allowance, seat->degree, seat->side, posting->transfer->amount,
                                is_internal(posting), posting->now_ns, ret);
}

// ---- Room: the largest amount that a rule allows on one side ------------------------------------

static u128 room_for_limits(const struct seat *seat)
{
    const struct ledger_allowance *allowance = allowance_of(seat);
    if (allowance == NULL || seat->degree != LEDGER_CHECK_ALL) return U128_MAX;
    return ledger_limits_room(allowance, seat->side, is_internal(seat->posting),
                              seat->posting->now_ns);
}

static u128 room_for_counting(const struct seat *seat)
{
    struct ledger_totals totals = seat->account->totals;
    u128 used = *pending_of(&totals, seat->side) + *posted_of(&totals, seat->side);
    CHECK(used <= LEDGER_TOTAL_MAX); // ledger_account_is_sound
    return LEDGER_TOTAL_MAX - used;
}

static u128 room_for_funds(const struct seat *seat)
{
    if (!seat->account->no_negative || !side_lowers_balance(seat->account, seat->side))
        return U128_MAX;
    i128 available = ledger_account_available(seat->account);
    return available > 0 ? (u128)available : 0;
}

/// The distance between two balances may be wider than an i128; as a u128 it is exact.
static u128 distance(i128 from, i128 to)
{
    return from < to ? (u128)to - (u128)from : 0;
}

// Holds count on the side on which they may hurt: outgoing ones as if they were posted, incoming
// ones not at all for the minimum; and the other way round for the maximum.
static u128 room_above_min(const struct seat *seat)
{
    const struct ledger_account *account = seat->account;
    if (!account->has_min_balance || !side_lowers_balance(account, seat->side)) return U128_MAX;
    i128 lowest =
        i128_add_saturated(ledger_balance_posted(account->class, &account->totals),
                           -(i128)ledger_balance_pending_out(account->class, &account->totals));
    return distance(account->min_balance, lowest);
}

static u128 room_below_max(const struct seat *seat)
{
    const struct ledger_account *account = seat->account;
    if (!account->has_max_balance || side_lowers_balance(account, seat->side)) return U128_MAX;
    i128 highest =
        i128_add_saturated(ledger_balance_posted(account->class, &account->totals),
                           (i128)ledger_balance_pending_in(account->class, &account->totals));
    return distance(highest, account->max_balance);
}

// ---- Rules and kinds ----------------------------------------------------------------------------

enum { NO = 0, YES = 1 };

/// One row per rule, in the order of enum ledger_reason: of several broken rules the first answers,
/// of two sides the debit side. A rule is one of: about the posting, about a side, a room; a room
/// beside a side's rule is the same rule turned round. The columns say which kinds are under it;
/// of KYC limits how far (enum ledger_limit_check).
static const struct rule {
    enum ledger_reason reason;
    bool (*is_broken)(const struct ledger_posting *posting);
    bool (*is_broken_on_side)(const struct seat *seat, struct ledger_refusal *ret);
    u128 (*room)(const struct seat *seat);
    uint8_t degree[LEDGER_TRANSFER_KIND_END];
} rules[] = {

// clang-format off
#define KINDS(posted_, pending_, post_, void_, reversal_, expiry_)                                 \
    {[LEDGER_TRANSFER_POSTED] = posted_, [LEDGER_TRANSFER_PENDING] = pending_,                     \
     [LEDGER_TRANSFER_POST] = post_, [LEDGER_TRANSFER_VOID] = void_,                               \
     [LEDGER_TRANSFER_REVERSAL] = reversal_, [LEDGER_TRANSFER_EXPIRY] = expiry_}
#define ALL      LEDGER_CHECK_ALL
#define STANDING LEDGER_CHECK_STANDING
#define FREEZES  LEDGER_CHECK_FREEZES
    //                                POSTED PENDING POST      VOID REVERSAL EXPIRY
    {LEDGER_ACCOUNTS_MUST_DIFFER,     is_same_account,   NULL,          NULL,
                                KINDS(YES,   YES,    YES,      YES, YES,     YES)},
    {LEDGER_AMOUNT_MUST_NOT_BE_ZERO,  is_zero,           NULL,          NULL,
                                KINDS(YES,   YES,    YES,      YES, YES,     YES)},
    {LEDGER_DEBIT_ACCOUNT_NOT_FOUND,  debit_is_missing,  NULL,          NULL,
                                KINDS(YES,   YES,    YES,      YES, YES,     YES)},
    {LEDGER_CREDIT_ACCOUNT_NOT_FOUND, credit_is_missing, NULL,          NULL,
                                KINDS(YES,   YES,    YES,      YES, YES,     YES)},
    {LEDGER_CURRENCY_MISMATCH,        currency_differs,  NULL,          NULL,
                                KINDS(YES,   YES,    YES,      YES, YES,     YES)},
    {LEDGER_INSUFFICIENT_AAL,       approval_is_missing, NULL,          NULL,
                                KINDS(YES,   YES,    NO,       NO,  NO,      NO)},
    {LEDGER_SCA_INVALID,              approval_is_wrong, NULL,          NULL,
                                KINDS(YES,   YES,    NO,       NO,  NO,      NO)},
    {LEDGER_ACCOUNT_CLOSED,           NULL,              is_closed,     NULL,
                                KINDS(YES,   YES,    YES,      NO,  YES,     NO)},
    {LEDGER_ACCOUNT_FROZEN,           NULL,              is_frozen,     NULL,
                                KINDS(YES,   YES,    YES,      NO,  YES,     NO)},
    {LEDGER_KYC_LIMIT_EXCEEDED,       NULL,              exceeds_limit, room_for_limits,
                                KINDS(ALL,   ALL,    STANDING, NO,  FREEZES, NO)},
    {LEDGER_BALANCE_OVERFLOW,         NULL,              NULL,          room_for_counting,
                                KINDS(YES,   YES,    NO,       NO,  YES,     NO)},
    {LEDGER_INSUFFICIENT_FUNDS,       NULL,              NULL,          room_for_funds,
                                KINDS(YES,   YES,    NO,       NO,  YES,     NO)},
    {LEDGER_BELOW_MIN_BALANCE,        NULL,              NULL,          room_above_min,
                                KINDS(YES,   YES,    NO,       NO,  YES,     NO)},
    {LEDGER_ABOVE_MAX_BALANCE,        NULL,              NULL,          room_below_max,
                                KINDS(YES,   YES,    NO,       NO,  YES,     NO)},
#undef KINDS
#undef ALL
#undef STANDING
#undef FREEZES
    // clang-format on
};

enum { RULES = sizeof rules / sizeof rules[0] };

static bool is_broken_on_a_side(const struct rule *rule, const struct ledger_posting *posting,
                                uint8_t degree, struct ledger_refusal *ret)
{
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct seat seat = take_seat(posting, side, degree);
        ret->side = side;
        bool is_broken = rule->is_broken_on_side != NULL
                             ? rule->is_broken_on_side(&seat, ret)
                             : posting->transfer->amount > rule->room(&seat);
        if (is_broken) return true;
    }
    return false;
}

bool ledger_core_check(const struct ledger_posting *posting, struct ledger_refusal *ret)
{
    enum ledger_transfer_kind kind = posting->transfer->kind;
    CHECK(kind >= LEDGER_TRANSFER_POSTED && kind < LEDGER_TRANSFER_KIND_END);
    for (size_t i = 0; i < RULES; i++) {
        uint8_t degree = rules[i].degree[kind];
        if (degree == NO) continue;
        struct ledger_refusal refusal = {.reason = rules[i].reason};
        bool is_broken = rules[i].is_broken != NULL
                             ? rules[i].is_broken(posting)
                             : is_broken_on_a_side(&rules[i], posting, degree, &refusal);
        if (is_broken) {
            *ret = refusal;
            return false;
        }
    }
    return true;
}

u128 ledger_core_fit(const struct ledger_posting *posting, u128 up_to)
{
    enum ledger_transfer_kind kind = posting->transfer->kind;
    CHECK(kind >= LEDGER_TRANSFER_POSTED && kind < LEDGER_TRANSFER_KIND_END);
    u128 fits = up_to;
    for (size_t i = 0; i < RULES; i++) {
        uint8_t degree = rules[i].degree[kind];
        if (degree == NO || rules[i].room == NULL) continue;
        for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
            struct seat seat = take_seat(posting, side, degree);
            fits = u128_min(fits, rules[i].room(&seat));
        }
    }
    return fits;
}

// ---- Posting ------------------------------------------------------------------------------------

static void check_follows(const struct ledger_posting *posting, u128 released)
{
    const struct ledger_transfer *transfer = posting->transfer, *subject = posting->subject;
    const struct ledger_progress *progress = posting->progress;
    switch (transfer->kind) {
    case LEDGER_TRANSFER_POSTED:
        CHECK(subject == NULL);
        return;
    case LEDGER_TRANSFER_PENDING:
        CHECK(subject == NULL && progress != NULL && progress->state == LEDGER_HOLD_NONE);
        return;
    case LEDGER_TRANSFER_REVERSAL:
        CHECK(subject != NULL && progress != NULL && ledger_kind_moves(subject->kind));
        CHECK(transfer->amount <= subject->amount - progress->reversed);
        return;
    default:
        CHECK(subject != NULL && progress != NULL && subject->kind == LEDGER_TRANSFER_PENDING);
        CHECK(progress->state == LEDGER_HOLD_OPEN && transfer->amount <= released);
        CHECK(released <= ledger_progress_remaining(subject, progress));
    }
}

static void move_totals(const struct ledger_transfer *transfer, enum ledger_side side,
                        u128 released, struct ledger_totals *totals)
{
    u128 *pending = pending_of(totals, side), *posted = posted_of(totals, side);
    CHECK(released <= *pending);
    *pending -= released;
    if (transfer->kind == LEDGER_TRANSFER_PENDING)
        *pending += transfer->amount;
    else if (ledger_kind_moves(transfer->kind))
        *posted += transfer->amount;
    CHECK(*pending <= LEDGER_TOTAL_MAX && *posted <= LEDGER_TOTAL_MAX - *pending);
}

static void move_counters(const struct ledger_posting *posting, enum ledger_side side,
                          u128 released, struct ledger_counters *counters)
{
    const struct ledger_transfer *transfer = posting->transfer, *subject = posting->subject;
    u128 amount = transfer->amount;
    uint64_t now_ns = posting->now_ns;
    switch (transfer->kind) {
    case LEDGER_TRANSFER_POSTED:
        ledger_limits_count(counters, side, amount, now_ns);
        return;
    case LEDGER_TRANSFER_PENDING:
        ledger_limits_reserve(counters, side, amount, now_ns);
        return;
    case LEDGER_TRANSFER_POST:
        ledger_limits_capture(counters, side, amount, now_ns);
        ledger_limits_release(counters, side, released - amount, subject->created_at_ns, now_ns);
        return;
    case LEDGER_TRANSFER_REVERSAL: {
        bool was_held = subject->kind == LEDGER_TRANSFER_POST;
        uint64_t counted_at_ns = was_held ? posting->counted_at_ns : subject->created_at_ns;
        ledger_limits_give_back(counters, LEDGER_CREDIT - side, amount, counted_at_ns, now_ns);
        return;
    }
    default:
        ledger_limits_release(counters, side, released, subject->created_at_ns, now_ns);
    }
}

static uint64_t expires_at(uint64_t now_ns, uint32_t timeout_seconds)
{
    uint64_t at_ns;
    if (timeout_seconds == 0) return 0;
    bool is_beyond = __builtin_add_overflow(now_ns, timeout_seconds * NS_PER_SECOND, &at_ns);
    return is_beyond ? UINT64_MAX : at_ns;
}

static void move_progress(const struct ledger_posting *posting, u128 released)
{
    const struct ledger_transfer *transfer = posting->transfer;
    struct ledger_progress *progress = posting->progress;
    switch (transfer->kind) {
    case LEDGER_TRANSFER_PENDING:
        progress->state = LEDGER_HOLD_OPEN;
        progress->expires_at_ns = expires_at(posting->now_ns, transfer->timeout_seconds);
        return;
    case LEDGER_TRANSFER_POST: {
        // A capture that leaves nothing ends the hold, final or not.
        bool is_last = released == ledger_progress_remaining(posting->subject, progress);
        progress->captured += transfer->amount;
        if (is_last) progress->state = LEDGER_HOLD_POSTED;
        return;
    }
    case LEDGER_TRANSFER_VOID:
        progress->state = LEDGER_HOLD_VOIDED;
        return;
    case LEDGER_TRANSFER_EXPIRY:
        progress->state = LEDGER_HOLD_EXPIRED;
        return;
    case LEDGER_TRANSFER_REVERSAL:
        progress->reversed += transfer->amount;
        return;
    default:
        return;
    }
}

void ledger_core_apply(const struct ledger_posting *posting)
{
    const struct ledger_transfer *transfer = posting->transfer;
    const struct ledger_account *debit = posting->party[LEDGER_DEBIT].account;
    const struct ledger_account *credit = posting->party[LEDGER_CREDIT].account;
    CHECK(!id128_equal(debit->id, credit->id));
    CHECK(transfer->amount > 0);
    CHECK(strcmp(debit->currency, credit->currency) == 0);
    u128 released = ledger_core_released(transfer, posting->subject, posting->progress);
    check_follows(posting, released);

    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct ledger_account *account = posting->party[side].account;
        CHECK(id128_equal(account->id, transfer->account_id[side]));
        move_totals(transfer, side, released, &account->totals);
        account->changed_at_ns = posting->now_ns;

        struct ledger_allowance *allowance = posting->party[side].allowance;
        if (allowance == NULL || !allowance->is_counted || is_internal(posting)) continue;
        move_counters(posting, side, released, &allowance->counters);
    }
    if (posting->progress != NULL) move_progress(posting, released);
}
