// Which kind of movement takes which members, and whether a repeated id asks for the same again.
#include "common/base/check.h"
#include "services/ledger/core.h"

#include <string.h>

// ---- What was given -----------------------------------------------------------------------------

static struct id128 asked_pending_id(const struct ledger_movement *movement)
{
    bool is_reversal = movement->asked.kind == LEDGER_TRANSFER_REVERSAL;
    return is_reversal ? movement->other_subject_id : movement->asked.subject_id;
}

static struct id128 asked_reverses_id(const struct ledger_movement *movement)
{
    bool is_reversal = movement->asked.kind == LEDGER_TRANSFER_REVERSAL;
    return is_reversal ? movement->asked.subject_id : movement->other_subject_id;
}

static bool has_final(const struct ledger_movement *movement)
{
    return movement->has_final || movement->asked.not_final;
}

static bool has_pending_id(const struct ledger_movement *movement)
{
    return !id128_is_nil(asked_pending_id(movement));
}

static bool has_reverses_id(const struct ledger_movement *movement)
{
    return !id128_is_nil(asked_reverses_id(movement));
}

static bool has_timeout(const struct ledger_movement *movement)
{
    return movement->asked.timeout_seconds != 0;
}

static bool has_debit_account(const struct ledger_movement *movement)
{
    return !id128_is_nil(movement->asked.account_id[LEDGER_DEBIT]);
}

static bool has_credit_account(const struct ledger_movement *movement)
{
    return !id128_is_nil(movement->asked.account_id[LEDGER_CREDIT]);
}

static bool has_amount(const struct ledger_movement *movement)
{
    return movement->has_amount;
}

static bool has_amount_up_to(const struct ledger_movement *movement)
{
    return movement->has_amount_up_to || movement->asked.amount_up_to != 0;
}

static bool has_currency(const struct ledger_movement *movement)
{
    return movement->asked.currency[0] != '\0';
}

static bool has_effective_at(const struct ledger_movement *movement)
{
    return movement->asked.effective_at_ns != 0;
}

static bool has_sca_token(const struct ledger_movement *movement)
{
    return movement->sca_token.size > 0;
}

// ---- Kinds and members --------------------------------------------------------------------------

/// NO: the kind does not take it. MAY: taken from the transfer followed, or worked out, or left
/// empty, when it is not given. MUST: malformed without it.
enum taking { NO, MAY, MUST };

/// Members that every kind takes are not listed: id, code, description, metadata, user_data_*.
/// README.md "Kinds and members" is this table.
static const struct {
    const char *name;
    bool (*is_given)(const struct ledger_movement *movement);
    enum taking taking[LEDGER_TRANSFER_KIND_END];
} members[] = {

// clang-format off
#define KINDS(posted_, pending_, post_, void_, reversal_)                                          \
    {[LEDGER_TRANSFER_POSTED] = posted_, [LEDGER_TRANSFER_PENDING] = pending_,                     \
     [LEDGER_TRANSFER_POST] = post_, [LEDGER_TRANSFER_VOID] = void_,                               \
     [LEDGER_TRANSFER_REVERSAL] = reversal_}
    //                                               POSTED PENDING POST  VOID  REVERSAL
    {"pending_id",        has_pending_id,      KINDS(NO,    NO,     MUST, MUST, NO)},
    {"reverses_id",       has_reverses_id,     KINDS(NO,    NO,     NO,   NO,   MUST)},
    {"debit_account_id",  has_debit_account,   KINDS(MUST,  MUST,   MAY,  MAY,  NO)},
    {"credit_account_id", has_credit_account,  KINDS(MUST,  MUST,   MAY,  MAY,  NO)},
    {"amount",            has_amount,          KINDS(MUST,  MUST,   MAY,  NO,   MAY)},
    {"amount_up_to",      has_amount_up_to,    KINDS(MAY,   MAY,    NO,   NO,   NO)},
    {"currency",          has_currency,        KINDS(MUST,  MUST,   MAY,  MAY,  NO)},
    {"timeout_seconds",   has_timeout,         KINDS(NO,    MAY,    NO,   NO,   NO)},
    {"final",             has_final,           KINDS(NO,    NO,     MAY,  NO,   NO)},
    {"effective_at",      has_effective_at,    KINDS(MAY,   MAY,    MAY,  NO,   MAY)},
    {"sca_token",         has_sca_token,       KINDS(MAY,   MAY,    NO,   NO,   NO)},
#undef KINDS
    // clang-format on
};

enum { MEMBERS = sizeof members / sizeof members[0] };

static bool kind_is_asked_for(enum ledger_transfer_kind kind)
{
    return kind >= LEDGER_TRANSFER_POSTED && kind < LEDGER_TRANSFER_EXPIRY;
}

/// What must be there may be missing all the same, because something else stands for it.
static bool is_stood_for(const struct ledger_movement *movement, size_t i)
{
    if (members[i].is_given == has_amount) return has_amount_up_to(movement);
    if (members[i].is_given == has_currency)
        return movement->is_deposit || movement->is_withdrawal; // The account's.
    if (members[i].is_given == has_debit_account) return movement->is_deposit;
    if (members[i].is_given == has_credit_account) return movement->is_withdrawal;
    return false;
}

const char *ledger_core_missing(const struct ledger_movement *movement)
{
    enum ledger_transfer_kind kind = movement->asked.kind;
    if (!kind_is_asked_for(kind)) return NULL; // Refused by ledger_core_structure.
    for (size_t i = 0; i < MEMBERS; i++) {
        if (members[i].taking[kind] != MUST || members[i].is_given(movement)) continue;
        if (!is_stood_for(movement, i)) return members[i].name;
    }
    return NULL;
}

static const char *exclusive_field(const struct ledger_movement *movement)
{
    enum ledger_transfer_kind kind = movement->asked.kind;
    if (!kind_is_asked_for(kind)) return "kind";
    for (size_t i = 0; i < MEMBERS; i++) {
        if (members[i].taking[kind] == NO && members[i].is_given(movement)) return members[i].name;
    }
    return has_amount(movement) && has_amount_up_to(movement) ? "amount_up_to" : NULL;
}

bool ledger_core_structure(const struct ledger_movement *movement, enum ledger_reason *ret,
                           const char **ret_field)
{
    const struct ledger_transfer *asked = &movement->asked;
    const char *field = exclusive_field(movement);
    bool is_one_account =
        has_debit_account(movement) &&
        id128_equal(asked->account_id[LEDGER_DEBIT], asked->account_id[LEDGER_CREDIT]);
    bool is_zero = (has_amount(movement) && asked->amount == 0) ||
                   (has_amount_up_to(movement) && asked->amount_up_to == 0);

    if (field == NULL && !is_one_account && !is_zero) return true;
    *ret_field = field;
    if (field != NULL)
        *ret = LEDGER_EXCLUSIVE_FIELDS;
    else
        *ret = is_one_account ? LEDGER_ACCOUNTS_MUST_DIFFER : LEDGER_AMOUNT_MUST_NOT_BE_ZERO;
    return false;
}

// ---- Repeated ids -------------------------------------------------------------------------------

/// A movement asked for, and the transfer that its id stands for.
struct repetition {
    const struct ledger_movement *movement;
    const struct ledger_transfer *asked, *existing;
    bool is_follow_up; // As asked for.
};

static bool kind_differs(const struct repetition *r)
{
    return r->asked->kind != r->existing->kind;
}

static bool final_differs(const struct repetition *r)
{
    return r->asked->not_final != r->existing->not_final;
}

static bool pending_id_differs(const struct repetition *r)
{
    bool is_reversal = r->existing->kind == LEDGER_TRANSFER_REVERSAL;
    struct id128 existing = is_reversal ? ID128_NIL : r->existing->subject_id;
    return !id128_equal(asked_pending_id(r->movement), existing);
}

static bool reverses_id_differs(const struct repetition *r)
{
    bool is_reversal = r->existing->kind == LEDGER_TRANSFER_REVERSAL;
    struct id128 existing = is_reversal ? r->existing->subject_id : ID128_NIL;
    return !id128_equal(asked_reverses_id(r->movement), existing);
}

static bool timeout_differs(const struct repetition *r)
{
    return r->asked->timeout_seconds != r->existing->timeout_seconds;
}

static bool account_differs(const struct repetition *r, enum ledger_side side)
{
    struct id128 asked = r->asked->account_id[side];
    if (id128_is_nil(asked)) {
        if (r->is_follow_up) return false; // The original's, whichever they are.
        asked = ledger_system_account_id(r->existing->currency, LEDGER_CASH);
    }
    return !id128_equal(asked, r->existing->account_id[side]);
}

static bool debit_account_differs(const struct repetition *r)
{
    return account_differs(r, LEDGER_DEBIT);
}

static bool credit_account_differs(const struct repetition *r)
{
    return account_differs(r, LEDGER_CREDIT);
}

static bool amount_differs(const struct repetition *r)
{
    const struct ledger_transfer *existing = r->existing;
    bool is_release =
        existing->kind == LEDGER_TRANSFER_VOID || existing->kind == LEDGER_TRANSFER_EXPIRY;
    bool was_given = !existing->all_remaining && existing->amount_up_to == 0 && !is_release;
    if (r->movement->has_amount != was_given) return true;
    return was_given && r->asked->amount != existing->amount;
}

static bool amount_up_to_differs(const struct repetition *r)
{
    return r->asked->amount_up_to != r->existing->amount_up_to;
}

static bool currency_differs(const struct repetition *r)
{
    return has_currency(r->movement) && strcmp(r->asked->currency, r->existing->currency) != 0;
}

static bool code_differs(const struct repetition *r)
{
    if (r->is_follow_up && r->asked->code == 0) return false; // The original's.
    return r->asked->code != r->existing->code;
}

static bool description_differs(const struct repetition *r)
{
    return !bytes_equal(r->asked->description, r->existing->description);
}

static bool metadata_differs(const struct repetition *r)
{
    return !bytes_equal(r->asked->metadata, r->existing->metadata);
}

static bool user_data_128_differs(const struct repetition *r)
{
    return r->asked->user_data_128 != r->existing->user_data_128;
}

static bool user_data_64_differs(const struct repetition *r)
{
    return r->asked->user_data_64 != r->existing->user_data_64;
}

static bool user_data_32_differs(const struct repetition *r)
{
    return r->asked->user_data_32 != r->existing->user_data_32;
}

static bool effective_at_differs(const struct repetition *r)
{
    return r->asked->effective_at_ns != r->existing->effective_at_ns;
}

/// A group is content only for who names it: what was sent in a batch may be repeated alone, or in
/// a batch whose group id is made.
static bool group_id_differs(const struct repetition *r)
{
    if (r->movement->group_is_made || id128_is_nil(r->asked->group_id)) return false;
    return !id128_equal(r->asked->group_id, r->existing->group_id);
}

/// In the order of enum ledger_reason.
static const struct {
    enum ledger_reason reason;
    bool (*differs)(const struct repetition *repetition);
} comparisons[] = {
    // clang-format off
    {LEDGER_EXISTS_WITH_DIFFERENT_KIND,              kind_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_FINAL,             final_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_PENDING_ID,        pending_id_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_REVERSES_ID,       reverses_id_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_TIMEOUT_SECONDS,   timeout_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID,  debit_account_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID, credit_account_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT,            amount_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT_UP_TO,      amount_up_to_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_CURRENCY,          currency_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_CODE,              code_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_DESCRIPTION,       description_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_METADATA,          metadata_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_USER_DATA_128,     user_data_128_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_USER_DATA_64,      user_data_64_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_USER_DATA_32,      user_data_32_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_EFFECTIVE_AT,      effective_at_differs},
    {LEDGER_EXISTS_WITH_DIFFERENT_GROUP_ID,          group_id_differs},
    // clang-format on
};

bool ledger_core_compare(const struct ledger_movement *movement,
                         const struct ledger_transfer *existing, enum ledger_reason *ret)
{
    bool is_follow_up = movement->asked.kind == LEDGER_TRANSFER_POST ||
                        movement->asked.kind == LEDGER_TRANSFER_VOID ||
                        movement->asked.kind == LEDGER_TRANSFER_REVERSAL;
    const struct repetition repetition = {
        .movement = movement,
        .asked = &movement->asked,
        .existing = existing,
        .is_follow_up = is_follow_up,
    };
    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
        if (!comparisons[i].differs(&repetition)) continue;
        *ret = comparisons[i].reason;
        return false;
    }
    return true;
}
