// How a movement follows an earlier one: captures, releases or reverses it, and what became of it.
#include "common/base/check.h"
#include "common/crypto/hash.h"
#include "services/ledger/core.h"

#include <string.h>

// ---- What became of a transfer ------------------------------------------------------------------

u128 ledger_progress_remaining(const struct ledger_transfer *pending,
                               const struct ledger_progress *progress)
{
    if (progress->state != LEDGER_HOLD_OPEN) return 0;
    CHECK(progress->captured <= pending->amount);
    return pending->amount - progress->captured;
}

u128 ledger_core_released(const struct ledger_transfer *transfer,
                          const struct ledger_transfer *subject,
                          const struct ledger_progress *progress)
{
    switch (transfer->kind) {
    case LEDGER_TRANSFER_POST:
        if (transfer->not_final) return transfer->amount;
        return ledger_progress_remaining(subject, progress);
    case LEDGER_TRANSFER_VOID:
    case LEDGER_TRANSFER_EXPIRY:
        return transfer->amount;
    default:
        return 0;
    }
}

static const char *const hold_states[] = {
    [LEDGER_HOLD_NONE] = "PENDING",    [LEDGER_HOLD_OPEN] = "PENDING",
    [LEDGER_HOLD_POSTED] = "POSTED",   [LEDGER_HOLD_VOIDED] = "VOIDED",
    [LEDGER_HOLD_EXPIRED] = "EXPIRED",
};

const char *ledger_transfer_state(const struct ledger_transfer *transfer,
                                  const struct ledger_progress *progress)
{
    static const struct ledger_progress nothing;
    if (progress == NULL) progress = &nothing;
    if (transfer->kind == LEDGER_TRANSFER_PENDING) return hold_states[progress->state];
    return progress->reversed >= transfer->amount ? "REVERSED" : "POSTED"; // Amounts are not 0.
}

const char *ledger_transfer_kind_name(enum ledger_transfer_kind kind)
{
    static const char *const names[LEDGER_TRANSFER_KIND_END] = {
        [LEDGER_TRANSFER_POSTED] = "POSTED",     [LEDGER_TRANSFER_PENDING] = "PENDING",
        [LEDGER_TRANSFER_POST] = "POST",         [LEDGER_TRANSFER_VOID] = "VOID",
        [LEDGER_TRANSFER_REVERSAL] = "REVERSAL", [LEDGER_TRANSFER_EXPIRY] = "EXPIRY",
    };
    CHECK(kind >= LEDGER_TRANSFER_POSTED && kind < LEDGER_TRANSFER_KIND_END);
    return names[kind];
}

bool ledger_kind_moves(enum ledger_transfer_kind kind)
{
    return kind == LEDGER_TRANSFER_POSTED || kind == LEDGER_TRANSFER_POST ||
           kind == LEDGER_TRANSFER_REVERSAL;
}

struct id128 ledger_id_derive(const char *tag, struct bytes from)
{
    const struct bytes parts[] = {bytes_of_text(tag), from};
    struct id128 id;
    hash_blake2b_128(parts, 2, id.bytes);
    id.bytes[6] = (uint8_t)(0x80 | (id.bytes[6] & 0x0f)); // Version 8 and the variant of RFC 9562.
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

struct id128 ledger_expiry_id(struct id128 pending_id)
{
    return ledger_id_derive("florin ledger expiry", id128_bytes(&pending_id));
}

// ---- Following ----------------------------------------------------------------------------------

/// A follow-up with what its rules look at. A rule is given only subjects that passed those before.
struct pursuit {
    const struct ledger_following *following;
    const struct ledger_transfer *transfer, *subject;
    u128 left;     // Still held by a PENDING subject, or not reversed of a posted one.
    u128 wanted;   // The amount asked for, or all that is left.
    bool is_timed; // The subject's time-out applies: not for its own EXPIRY.
};

static bool is_missing(const struct pursuit *p)
{
    return p->subject == NULL;
}

static bool is_not_pending(const struct pursuit *p)
{
    return p->subject->kind != LEDGER_TRANSFER_PENDING;
}

static bool account_differs(const struct pursuit *p, enum ledger_side side)
{
    struct id128 asked = p->transfer->account_id[side];
    return !id128_is_nil(asked) && !id128_equal(asked, p->subject->account_id[side]);
}

static bool debit_account_differs(const struct pursuit *p)
{
    return account_differs(p, LEDGER_DEBIT);
}

static bool credit_account_differs(const struct pursuit *p)
{
    return account_differs(p, LEDGER_CREDIT);
}

static bool currency_differs(const struct pursuit *p)
{
    const char *asked = p->transfer->currency;
    return asked[0] != '\0' && strcmp(asked, p->subject->currency) != 0;
}

static bool is_posted(const struct pursuit *p)
{
    return p->following->progress->state == LEDGER_HOLD_POSTED;
}

static bool is_voided(const struct pursuit *p)
{
    return p->following->progress->state == LEDGER_HOLD_VOIDED;
}

static bool is_expired(const struct pursuit *p)
{
    const struct ledger_progress *progress = p->following->progress;
    if (progress->state == LEDGER_HOLD_EXPIRED) return true;
    // Due is as good as expired, also before the EXPIRY stands in the log.
    return p->is_timed && progress->expires_at_ns != 0 &&
           p->following->now_ns >= progress->expires_at_ns;
}

static bool exceeds_what_is_left(const struct pursuit *p)
{
    return p->wanted > p->left;
}

static bool is_not_reversible(const struct pursuit *p)
{
    return p->subject->kind != LEDGER_TRANSFER_POSTED && p->subject->kind != LEDGER_TRANSFER_POST;
}

static bool is_reversed(const struct pursuit *p)
{
    return p->left == 0;
}

// All that was reversed counts: a large reversal in small parts is a large reversal.
static bool needs_other_eyes(const struct pursuit *p)
{
    const struct ledger_following *f = p->following;
    return f->four_eyes_above > 0 && f->progress->reversed + p->wanted > f->four_eyes_above &&
           !id128_is_nil(f->author_id) && id128_equal(f->author_id, f->subject_author_id);
}

struct pursuit_rule {
    enum ledger_reason reason;
    bool (*is_broken)(const struct pursuit *pursuit);
};

/// Each in the order of enum ledger_reason.
// clang-format off
static const struct pursuit_rule hold_rules[] = { // POST, VOID, EXPIRY
    {LEDGER_PENDING_TRANSFER_NOT_FOUND,                       is_missing},
    {LEDGER_PENDING_TRANSFER_NOT_PENDING,                     is_not_pending},
    {LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID,  debit_account_differs},
    {LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID, credit_account_differs},
    {LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_CURRENCY,          currency_differs},
    {LEDGER_PENDING_TRANSFER_ALREADY_POSTED,                  is_posted},
    {LEDGER_PENDING_TRANSFER_ALREADY_VOIDED,                  is_voided},
    {LEDGER_PENDING_TRANSFER_EXPIRED,                         is_expired},
    {LEDGER_EXCEEDS_PENDING_TRANSFER_AMOUNT,                  exceeds_what_is_left},
};

static const struct pursuit_rule reversal_rules[] = {
    {LEDGER_TRANSFER_NOT_FOUND,        is_missing},
    {LEDGER_TRANSFER_NOT_REVERSIBLE,   is_not_reversible},
    {LEDGER_ALREADY_REVERSED,          is_reversed},
    {LEDGER_EXCEEDS_REVERSIBLE_AMOUNT, exceeds_what_is_left},
    {LEDGER_FOUR_EYES_REQUIRED,        needs_other_eyes},
};

// clang-format on

static const struct pursuit_rule *first_broken(const struct pursuit *pursuit,
                                               const struct pursuit_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rules[i].is_broken(pursuit)) return &rules[i];
    }
    return NULL;
}

static u128 left_of(const struct ledger_following *following, bool is_reversal)
{
    const struct ledger_transfer *subject = following->subject;
    if (subject == NULL) return 0;
    if (!is_reversal) return ledger_progress_remaining(subject, following->progress);
    CHECK(following->progress->reversed <= subject->amount);
    return subject->amount - following->progress->reversed;
}

static void take_over(const struct pursuit *pursuit, bool has_amount,
                      struct ledger_transfer *transfer)
{
    const struct ledger_transfer *subject = pursuit->subject;
    bool is_reversal = transfer->kind == LEDGER_TRANSFER_REVERSAL;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        enum ledger_side from = is_reversal ? LEDGER_CREDIT - side : side; // Money goes back.
        transfer->account_id[side] = subject->account_id[from];
    }
    memcpy(transfer->currency, subject->currency, sizeof transfer->currency);
    if (transfer->code == 0) transfer->code = subject->code;
    transfer->amount = pursuit->wanted;
    transfer->all_remaining =
        !has_amount && (is_reversal || transfer->kind == LEDGER_TRANSFER_POST);
    transfer->subject_id = subject->id;
    transfer->subject_number = subject->number;
}

bool ledger_core_follow(const struct ledger_following *following, struct ledger_transfer *transfer,
                        enum ledger_reason *ret)
{
    const struct ledger_movement *movement = following->movement;
    bool is_reversal = transfer->kind == LEDGER_TRANSFER_REVERSAL;
    bool is_expiry = transfer->kind == LEDGER_TRANSFER_EXPIRY;
    CHECK(is_reversal || is_expiry || transfer->kind == LEDGER_TRANSFER_POST ||
          transfer->kind == LEDGER_TRANSFER_VOID);
    bool has_amount = movement != NULL && movement->has_amount;
    u128 left = left_of(following, is_reversal);
    const struct pursuit pursuit = {
        .following = following,
        .transfer = transfer,
        .subject = following->subject,
        .left = left,
        .wanted = has_amount ? movement->asked.amount : left,
        .is_timed = !is_expiry,
    };
    const struct pursuit_rule *broken =
        is_reversal
            ? first_broken(&pursuit, reversal_rules, sizeof reversal_rules / sizeof *reversal_rules)
            : first_broken(&pursuit, hold_rules, sizeof hold_rules / sizeof *hold_rules);
    if (broken != NULL) {
        *ret = broken->reason;
        return false;
    }
    CHECK(pursuit.wanted > 0); // Structure refused zero; an open hold holds something.
    take_over(&pursuit, has_amount, transfer);
    return true;
}
