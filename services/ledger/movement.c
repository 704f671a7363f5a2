#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/unit.h"

#include <string.h>

/// One movement on its way through the rules, in the order of reasons.h.
struct work {
    struct ledger_unit *unit;
    const struct ledger_caller *caller;
    const struct ledger_movement *movement;
    struct ledger_movement cash; // The movement with what cash leaves out filled in.
    struct ledger_outcome *outcome;
    bool id_is_clients;
    const struct ledger_transfer *subject; // What is followed; NULL: nothing, or it is not there.
    struct ledger_account *account[LEDGER_SIDES]; // As named, or the subject's; NULL: not there.
};

static bool is_follow_up(const struct ledger_movement *movement)
{
    enum ledger_transfer_kind kind = movement->asked.kind;
    return kind == LEDGER_TRANSFER_POST || kind == LEDGER_TRANSFER_VOID ||
           kind == LEDGER_TRANSFER_REVERSAL;
}

static bool is_cash(const struct ledger_movement *movement)
{
    return movement->is_deposit || movement->is_withdrawal;
}

static struct status refuse(struct work *work, struct ledger_refusal refusal)
{
    struct ledger_outcome *outcome = work->outcome;
    enum ledger_reason *reason = &refusal.reason;
    if (is_cash(work->movement) &&
        (*reason == LEDGER_DEBIT_ACCOUNT_NOT_FOUND || *reason == LEDGER_CREDIT_ACCOUNT_NOT_FOUND))
        *reason = LEDGER_ACCOUNT_NOT_FOUND;
    if (work->id_is_clients && ledger_reasons[*reason].burns_id) {
        RETURN_IF_ERROR(ledger_unit_burn_id(work->unit, outcome->transfer.id, *reason));
        outcome->is_burnt = true;
    }
    outcome->is_refused = true;
    outcome->refusal = refusal;
    return ledger_reason_status(*reason);
}

static struct status refuse_for(struct work *work, enum ledger_reason reason)
{
    return refuse(work, (struct ledger_refusal){.reason = reason});
}

// ---- Who is concerned ---------------------------------------------------------------------------

static struct status find_account(struct work *work, enum ledger_side side, struct id128 id)
{
    struct status status = ledger_unit_account(work->unit, id, &work->account[side]);
    if (status.code == STATUS_NOT_FOUND) {
        work->account[side] = NULL;
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    work->outcome->has_account[side] = true;
    work->outcome->owner_id[side] = work->account[side]->owner_id;
    return STATUS_SUCCESS;
}

static struct status find_both(struct work *work, const struct id128 id[static LEDGER_SIDES])
{
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        RETURN_IF_ERROR(find_account(work, side, id[side]));
    return STATUS_SUCCESS;
}

/// Cash names one account; the other is the cash account of its currency.
static struct status find_cash(struct work *work)
{
    const struct ledger_movement *movement = work->movement;
    enum ledger_side own = movement->is_deposit ? LEDGER_CREDIT : LEDGER_DEBIT;
    RETURN_IF_ERROR(find_account(work, own, movement->asked.account_id[own]));
    if (work->account[own] == NULL) return STATUS_SUCCESS;

    enum ledger_side other = LEDGER_CREDIT - own;
    const char *currency = work->account[own]->currency;
    struct ledger_transfer *transfer = &work->outcome->transfer;
    transfer->account_id[other] = ledger_system_account_id(currency, LEDGER_CASH);
    memcpy(transfer->currency, currency, sizeof transfer->currency);
    work->cash = *movement;
    work->cash.asked.account_id[other] = transfer->account_id[other];
    memcpy(work->cash.asked.currency, currency, sizeof transfer->currency);
    work->movement = &work->cash;
    return find_account(work, other, transfer->account_id[other]);
}

static struct status find_subject(struct work *work)
{
    struct ledger_id_entry entry;
    const struct ledger_transfer *asked = &work->movement->asked;
    struct status status = ledger_unit_find_id(work->unit, asked->subject_id, &entry);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    if (entry.is_failed) return STATUS_SUCCESS;
    RETURN_IF_ERROR(ledger_unit_transfer(work->unit, entry.number, &work->subject));

    struct id128 id[LEDGER_SIDES];
    bool goes_back = asked->kind == LEDGER_TRANSFER_REVERSAL;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        id[side] = work->subject->account_id[goes_back ? LEDGER_CREDIT - side : side];
    RETURN_IF_ERROR(find_both(work, id));
    if (work->account[LEDGER_DEBIT] != NULL && work->account[LEDGER_CREDIT] != NULL)
        return STATUS_SUCCESS;
    return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a transfer leads to an account that is missing");
}

static struct status find_parties(struct work *work)
{
    if (is_cash(work->movement)) return find_cash(work);
    if (is_follow_up(work->movement)) return find_subject(work);
    return find_both(work, work->movement->asked.account_id);
}

static bool owns(const struct work *work, enum ledger_side side)
{
    const struct ledger_account *account = work->account[side];
    return account != NULL && status_ok(ledger_caller_may_touch(work->caller, account->owner_id));
}

/// Customers move their own money, to other customers or out; what is not there is nobody's.
static bool may_move(const struct work *work)
{
    const struct ledger_movement *movement = work->movement;
    const struct ledger_account *debit = work->account[LEDGER_DEBIT];
    const struct ledger_account *credit = work->account[LEDGER_CREDIT];
    if (work->caller->is_any) return true;
    if (movement->is_deposit) return false;
    if (movement->asked.kind == LEDGER_TRANSFER_VOID)
        return debit == NULL || owns(work, LEDGER_DEBIT) || owns(work, LEDGER_CREDIT);
    if (debit != NULL && !owns(work, LEDGER_DEBIT)) return false;
    // To debit a loan or another asset of the bank is to draw money: that is for staff.
    if (debit != NULL && ledger_class_is_debit_normal(debit->class)) return false;
    // What was held for the bank may be captured; beyond that nobody pays into its accounts.
    if (movement->is_withdrawal || movement->asked.kind == LEDGER_TRANSFER_POST) return true;
    return credit == NULL || credit->kind == LEDGER_KIND_CUSTOMER;
}

// ---- The id -------------------------------------------------------------------------------------

/// An id that has been used answers what it answered before, whatever the accounts look like now.
static struct status check_id(struct work *work)
{
    struct ledger_outcome *outcome = work->outcome;
    struct ledger_id_entry entry;
    struct status status = ledger_unit_find_id(work->unit, outcome->transfer.id, &entry);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    if (entry.is_failed) {
        outcome->original = ledger_reasons[entry.reason];
        return refuse_for(work, LEDGER_ID_ALREADY_FAILED);
    }
    const struct ledger_transfer *existing;
    struct ledger_progress *progress;
    enum ledger_reason reason;
    RETURN_IF_ERROR(ledger_unit_transfer(work->unit, entry.number, &existing));
    if (!ledger_core_compare(work->movement, existing, &reason)) return refuse_for(work, reason);
    RETURN_IF_ERROR(ledger_unit_progress(work->unit, entry.number, &progress));
    outcome->existed = true;
    outcome->transfer = *existing;
    outcome->progress = *progress;
    return STATUS_SUCCESS;
}

// ---- Deciding -----------------------------------------------------------------------------------

static u128 four_eyes_above(const struct work *work)
{
    u128 above = ledger_unit_service(work->unit)->four_eyes_above;
    const struct ledger_account *account = work->account[LEDGER_DEBIT];
    for (uint8_t i = 0; account != NULL && i < account->exponent; i++)
        above *= 10; // At most 2^64 * 10^18 < 2^124.
    return above;
}

/// Who made the subject: whoever asked for it, else the owner of the account that it debited.
static struct id128 subject_author(const struct work *work)
{
    if (work->subject == NULL) return ID128_NIL;
    if (!id128_is_nil(work->subject->author_id)) return work->subject->author_id;
    bool goes_back = work->movement->asked.kind == LEDGER_TRANSFER_REVERSAL;
    return work->account[goes_back ? LEDGER_CREDIT : LEDGER_DEBIT]->owner_id;
}

/// When the money that a reversal takes back was counted: with the capture's hold, if it had one.
static struct status find_counted_at(struct work *work, struct ledger_posting *posting)
{
    const struct ledger_transfer *hold;
    if (work->movement->asked.kind != LEDGER_TRANSFER_REVERSAL ||
        work->subject->kind != LEDGER_TRANSFER_POST)
        return STATUS_SUCCESS;
    RETURN_IF_ERROR(ledger_unit_transfer(work->unit, work->subject->subject_number, &hold));
    posting->counted_at_ns = hold->created_at_ns;
    return STATUS_SUCCESS;
}

static struct status follow(struct work *work, struct ledger_posting *posting)
{
    static const struct ledger_progress nothing;
    enum ledger_reason reason;
    posting->subject = work->subject;
    if (work->subject != NULL)
        RETURN_IF_ERROR(
            ledger_unit_progress(work->unit, work->subject->number, &posting->progress));
    struct ledger_following following = {
        .movement = work->movement,
        .subject = work->subject,
        .progress = work->subject != NULL ? posting->progress : &nothing,
        .now_ns = posting->now_ns,
        .author_id = work->caller->user_id,
        .subject_author_id = subject_author(work),
        .four_eyes_above = four_eyes_above(work),
    };
    if (!ledger_core_follow(&following, &work->outcome->transfer, &reason))
        return refuse_for(work, reason);
    return find_counted_at(work, posting);
}

static struct status find_allowances(struct work *work, struct ledger_posting *posting)
{
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct ledger_party *party = &posting->party[side];
        party->account = work->account[side];
        if (party->account == NULL) continue;
        RETURN_IF_ERROR(ledger_unit_allowance(work->unit, party->account, &party->allowance));
        if (party->allowance != NULL) work->outcome->tier[side] = party->allowance->tier_name;
    }
    return STATUS_SUCCESS;
}

// ---- Approvals ----------------------------------------------------------------------------------

/// What came with the movement. The signature is checked here, on the writer thread (about 50 us),
/// because only now it is known that there is something to approve: a repeated id, a stranger or an
/// account that is not there have been answered.
static struct status read_token(struct work *work, uint64_t now_ns,
                                struct ledger_approval *approval)
{
    const struct ledger_service *service = ledger_unit_service(work->unit);
    struct sca_claims *claims = &approval->claims;
    approval->is_given = true;
    if (service->verify_sca == NULL) return STATUS_SUCCESS;
    struct status status = service->verify_sca(
        service->verify_sca_context, work->movement->sca_token, now_ns / NS_PER_SECOND, claims);
    if (status.code == STATUS_PERMISSION_DENIED) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    approval->is_genuine = true;
    return ledger_unit_token_is_burnt(work->unit, claims->expires_at_s, claims->token_id,
                                      &approval->is_burnt);
}

/// A customer pays somebody else; what staff and services do is theirs to answer for.
static struct status find_demand(struct work *work, struct ledger_approval *approval)
{
    const struct ledger_sca_policy *policy = &ledger_unit_service(work->unit)->sca;
    const struct ledger_account *debit = work->account[LEDGER_DEBIT];
    const struct ledger_account *credit = work->account[LEDGER_CREDIT];
    approval->free_up_to = U128_MAX;
    if (work->caller->is_any || id128_equal(debit->owner_id, credit->owner_id))
        return STATUS_SUCCESS;
    approval->free_up_to = ledger_sca_free_up_to(policy, debit->currency, debit->exponent);
    if (!policy->for_new_payees || credit->kind != LEDGER_KIND_CUSTOMER) return STATUS_SUCCESS;
    return ledger_unit_payee_is_new(work->unit, debit->owner_id, credit->id,
                                    &approval->payee_is_new);
}

static struct status find_approval(struct work *work, struct ledger_posting *posting,
                                   struct ledger_approval *approval)
{
    bool is_payment = !is_follow_up(work->movement) && work->account[LEDGER_DEBIT] != NULL &&
                      work->account[LEDGER_CREDIT] != NULL;
    if (!is_payment) return STATUS_SUCCESS;
    approval->asker_id = work->caller->user_id;
    RETURN_IF_ERROR(find_demand(work, approval));
    if (work->movement->sca_token.size > 0)
        RETURN_IF_ERROR(read_token(work, posting->now_ns, approval));
    posting->approval = approval;
    return STATUS_SUCCESS;
}

/// In the unit of the payment itself: there is no payment without it, and none of it without one.
static struct status burn_approval(struct work *work, const struct ledger_approval *approval,
                                   uint64_t number)
{
    const struct sca_claims *claims = &approval->claims;
    if (approval->is_given)
        RETURN_IF_ERROR(
            ledger_unit_burn_token(work->unit, claims->expires_at_s, claims->token_id, number));
    if (!approval->payee_is_new) return STATUS_SUCCESS;
    return ledger_unit_add_payee(work->unit, work->account[LEDGER_DEBIT]->owner_id,
                                 work->account[LEDGER_CREDIT]->id, number);
}

// ---- Posting ------------------------------------------------------------------------------------

/// The rules of money; with amount_up_to they also say how much.
static struct status check(struct work *work, const struct ledger_posting *posting)
{
    struct ledger_transfer *transfer = &work->outcome->transfer;
    struct ledger_refusal refusal;
    bool is_up_to = transfer->amount_up_to > 0;
    if (is_up_to) transfer->amount = 1; // If not even that fits, its reason is the answer.
    if (!ledger_core_check(posting, &refusal)) {
        if (is_up_to) transfer->amount = 0;
        return refuse(work, refusal);
    }
    if (!is_up_to) return STATUS_SUCCESS;
    transfer->amount = ledger_core_fit(posting, transfer->amount_up_to);
    CHECK(transfer->amount > 0 && ledger_core_check(posting, &refusal));
    return STATUS_SUCCESS;
}

static struct status post(struct work *work, struct ledger_posting *posting)
{
    struct ledger_outcome *outcome = work->outcome;
    const struct ledger_account *debit = work->account[LEDGER_DEBIT];
    bool is_owners = id128_equal(work->caller->user_id, debit->owner_id);
    outcome->transfer.author_id = is_owners ? ID128_NIL : work->caller->user_id;
    struct ledger_transfer *transfer =
        arena_copy(ledger_unit_arena(work->unit), &outcome->transfer, sizeof *transfer);
    if (transfer == NULL) return ARENA_STATUS_EXHAUSTED;
    posting->transfer = transfer;
    RETURN_IF_ERROR(ledger_unit_post(work->unit, posting, transfer));
    if (posting->approval != NULL)
        RETURN_IF_ERROR(burn_approval(work, posting->approval, transfer->number));
    if (transfer->kind == LEDGER_TRANSFER_PENDING) {
        struct ledger_progress *progress;
        RETURN_IF_ERROR(ledger_unit_progress(work->unit, transfer->number, &progress));
        outcome->progress = *progress;
    }
    outcome->transfer = *transfer;
    outcome->is_created = true;
    return STATUS_SUCCESS;
}

static struct status decide(struct work *work)
{
    struct ledger_refusal refusal = {0};
    if (!ledger_core_structure(work->movement, &refusal.reason, &refusal.field))
        return refuse(work, refusal);
    struct ledger_posting posting = {.transfer = &work->outcome->transfer};
    struct ledger_approval approval = {0};
    RETURN_IF_ERROR(ledger_unit_next_time(work->unit, &posting.now_ns));
    if (is_follow_up(work->movement)) RETURN_IF_ERROR(follow(work, &posting));
    RETURN_IF_ERROR(find_allowances(work, &posting));
    RETURN_IF_ERROR(find_approval(work, &posting, &approval));
    RETURN_IF_ERROR(check(work, &posting));
    return post(work, &posting);
}

struct status ledger_service_move(struct ledger_unit *unit, const struct ledger_caller *caller,
                                  const struct ledger_movement *movement,
                                  struct ledger_outcome *ret)
{
    *ret = (struct ledger_outcome){.transfer = movement->asked};
    struct work work; // Its copy of the movement stays unwritten but for cash.
    work.unit = unit;
    work.caller = caller;
    work.movement = movement;
    work.outcome = ret;
    work.id_is_clients = !id128_is_nil(movement->asked.id);
    work.subject = NULL;
    if (!work.id_is_clients) ret->transfer.id = id128_generate();
    if (!movement->has_amount) ret->transfer.amount = 0;

    if (!work.id_is_clients && !movement->has_key)
        return refuse_for(&work, LEDGER_IDEMPOTENCY_REQUIRED);
    // Who asks comes before the id is looked up: the answer to a repeated id shows the transfer.
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        work.account[side] = NULL;
    RETURN_IF_ERROR(find_parties(&work));
    if (!may_move(&work)) return refuse_for(&work, LEDGER_PERMISSION_DENIED);
    if (work.id_is_clients) RETURN_IF_ERROR(check_id(&work));
    return ret->existed ? STATUS_SUCCESS : decide(&work);
}
