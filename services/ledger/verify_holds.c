// Holds and reversals: what follows a transfer must fit it, and its progress and expiry rows must
// say what followed. The rows of what is final are compared as soon as the log comes to its end.
#include "common/base/clock.h"
#include "services/ledger/verify_parts.h"

static const char *reason_of(const struct verify_subject *subject)
{
    return subject->is_hold ? "HOLD_MISMATCH" : "REVERSAL_MISMATCH";
}

static u128 remaining_of(const struct verify_subject *subject)
{
    const struct ledger_progress *progress = &subject->progress;
    return subject->amount - (subject->is_hold ? progress->captured : progress->reversed);
}

// ---- What is stored -----------------------------------------------------------------------------

static bool progress_equal(const struct ledger_progress *a, const struct ledger_progress *b)
{
    return a->state == b->state && a->captured == b->captured && a->reversed == b->reversed &&
           a->expires_at_ns == b->expires_at_ns && a->last_follow_up == b->last_follow_up;
}

static void compare_row(struct verifier *verifier, struct verify_subject *subject,
                        const struct ledger_progress *row)
{
    const struct ledger_progress *computed = &subject->progress;
    subject->is_row_right = progress_equal(row, computed);
    if (subject->is_row_right) return;
    char stored_text[U128_TEXT_BYTES], computed_text[U128_TEXT_BYTES];
    u128_format(row->captured + row->reversed, stored_text);
    u128_format(computed->captured + computed->reversed, computed_text);
    verify_find(verifier, reason_of(subject), "transfers", subject->id,
                "its progress: state %d, %s, up to number %ju; must be state %d, %s, up to %ju",
                (int)row->state, stored_text, (uintmax_t)row->last_follow_up, (int)computed->state,
                computed_text, (uintmax_t)computed->last_follow_up);
    subject->is_row_right = true; // Said once.
}

static void look_up_row(struct verifier *verifier, struct store_txn *txn,
                        struct verify_subject *subject)
{
    struct ledger_progress row;
    if (status_ok(ledger_store_get_progress(txn, subject->number, &row)))
        compare_row(verifier, subject, &row);
    else
        verify_find(verifier, "RECORD_CORRUPT", "transfers", subject->id,
                    "its progress cannot be read");
}

/// The row of a transfer of which nothing can become any more was compared when that was so; here
/// it is only asked whether the log knows why there is one.
static void verify_final_row(struct verifier *verifier, struct store_txn *txn, uint64_t number,
                             const struct ledger_progress *row)
{
    struct ledger_transfer transfer, last;
    bool is_right = status_ok(ledger_store_get_transfer(txn, NULL, number, &transfer));
    struct id128 id = is_right ? transfer.id : ID128_NIL;
    bool is_hold = is_right && transfer.kind == LEDGER_TRANSFER_PENDING;
    is_right = is_right && row->state != LEDGER_HOLD_OPEN &&
               is_hold == (row->state != LEDGER_HOLD_NONE) &&
               status_ok(ledger_store_get_transfer(txn, NULL, row->last_follow_up, &last)) &&
               last.subject_number == number;
    if (!is_right)
        verify_find(verifier, is_hold ? "HOLD_MISMATCH" : "REVERSAL_MISMATCH", "transfers", id,
                    "number %ju has a progress row that nothing in the log explains",
                    (uintmax_t)number);
}

void verify_progress_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                         struct bytes value)
{
    uint64_t number = get_u64_be(key.data);
    struct ledger_progress row;
    if (!status_ok(ledger_progress_decode(value, &row))) {
        verify_find(verifier, "RECORD_CORRUPT", "transfers", ID128_NIL,
                    "the progress of number %ju cannot be read", (uintmax_t)number);
        return;
    }
    struct verify_subject *subject = verify_find_subject(verifier, number);
    if (subject != NULL)
        compare_row(verifier, subject, &row);
    else
        verify_final_row(verifier, txn, number, &row);
}

void verify_expiry_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                       struct bytes value)
{
    (void)txn, (void)value;
    uint64_t expires_at_ns, number;
    if (!ledger_expiry_key_decode(key, &expires_at_ns, &number)) {
        verify_find(verifier, "RECORD_CORRUPT", "expiries", ID128_NIL, "a key cannot be read");
        return;
    }
    struct verify_subject *subject = verify_find_subject(verifier, number);
    if (subject != NULL && subject->is_hold && subject->progress.expires_at_ns == expires_at_ns)
        subject->is_expiry_right = true;
    else
        verify_find(verifier, "EXPIRY_MISMATCH", "transfers",
                    subject != NULL ? subject->id : ID128_NIL,
                    "number %ju is to expire at %ju ns, but is no open hold until then",
                    (uintmax_t)number, (uintmax_t)expires_at_ns);
}

static void verify_open_hold(struct verifier *verifier, struct store_txn *txn,
                             struct verify_subject *subject)
{
    uint64_t expires_at_ns = subject->progress.expires_at_ns;
    if (expires_at_ns == 0) return;
    // Whoever gives out a ledger time lets everything expire first that is due by then.
    if (expires_at_ns <= verifier->last_decided_ns)
        verify_find(verifier, "EXPIRY_MISMATCH", "transfers", subject->id,
                    "it was due at %ju ns, and later transfers were made while it was open",
                    (uintmax_t)expires_at_ns);
    if (subject->is_expiry_right) return;
    uint8_t key[LEDGER_EXPIRY_KEY_BYTES];
    ledger_expiry_key_encode(expires_at_ns, subject->number, key);
    if (!store_has(txn, LEDGER_TABLE_EXPIRIES, bytes_of(key, sizeof key)))
        verify_find(verifier, "EXPIRY_MISMATCH", "transfers", subject->id,
                    "it is open until %ju ns, and nothing would let it expire",
                    (uintmax_t)expires_at_ns);
}

void verify_subjects(struct verifier *verifier, struct store_txn *txn)
{
    for (size_t i = 0; i < verifier->subject_room; i++) {
        struct verify_subject *subject = &verifier->subjects[i];
        if (subject->number == 0) continue;
        if (!subject->is_row_right) look_up_row(verifier, txn, subject);
        if (subject->is_hold) verify_open_hold(verifier, txn, subject);
    }
}

// ---- What the log says --------------------------------------------------------------------------

static void open_hold(struct verifier *verifier, const struct ledger_transfer *transfer)
{
    struct verify_subject *subject = verify_add_subject(verifier, transfer->number);
    subject->id = transfer->id;
    subject->account_id[LEDGER_DEBIT] = transfer->account_id[LEDGER_DEBIT];
    subject->account_id[LEDGER_CREDIT] = transfer->account_id[LEDGER_CREDIT];
    subject->amount = transfer->amount;
    subject->is_hold = true;
    subject->progress.state = LEDGER_HOLD_OPEN;
    uint64_t timeout_ns = transfer->timeout_seconds * NS_PER_SECOND;
    uint64_t *expires_at_ns = &subject->progress.expires_at_ns;
    if (timeout_ns > 0 &&
        __builtin_add_overflow(transfer->created_at_ns, timeout_ns, expires_at_ns))
        *expires_at_ns = UINT64_MAX;
}

/// What was posted is taken up when it is first reversed. NULL: there is no such transfer, or
/// nothing more could become of it.
static struct verify_subject *find_or_take_up(struct verifier *verifier, struct store_txn *txn,
                                              const struct ledger_transfer *transfer)
{
    struct verify_subject *subject = verify_find_subject(verifier, transfer->subject_number);
    if (subject != NULL) return subject;
    struct ledger_transfer original;
    if (transfer->kind != LEDGER_TRANSFER_REVERSAL || transfer->subject_previous != 0 ||
        transfer->subject_number >= transfer->number ||
        !status_ok(ledger_store_get_transfer(txn, NULL, transfer->subject_number, &original)))
        return NULL;
    if (original.kind != LEDGER_TRANSFER_POSTED && original.kind != LEDGER_TRANSFER_POST)
        return NULL;
    subject = verify_add_subject(verifier, original.number);
    subject->id = original.id;
    // A reversal goes back.
    subject->account_id[LEDGER_DEBIT] = original.account_id[LEDGER_CREDIT];
    subject->account_id[LEDGER_CREDIT] = original.account_id[LEDGER_DEBIT];
    subject->amount = original.amount;
    return subject;
}

static void compare_follow_up(struct verifier *verifier, const struct verify_subject *subject,
                              const struct ledger_transfer *transfer)
{
    u128 remaining = remaining_of(subject);
    bool takes_all =
        transfer->kind == LEDGER_TRANSFER_VOID || transfer->kind == LEDGER_TRANSFER_EXPIRY;
    uint64_t expires_at_ns = subject->progress.expires_at_ns;
    bool is_late = transfer->kind != LEDGER_TRANSFER_EXPIRY && expires_at_ns != 0 &&
                   transfer->created_at_ns >= expires_at_ns;

    const struct {
        bool is_wrong;
        const char *what;
    } checks[] = {
        {!id128_equal(subject->id, transfer->subject_id), "names another id"},
        {subject->is_hold == (transfer->kind == LEDGER_TRANSFER_REVERSAL), "is of the wrong kind"},
        {!id128_equal(subject->account_id[LEDGER_DEBIT], transfer->account_id[LEDGER_DEBIT]) ||
             !id128_equal(subject->account_id[LEDGER_CREDIT], transfer->account_id[LEDGER_CREDIT]),
         "is between other accounts"},
        {transfer->subject_previous != subject->progress.last_follow_up,
         "does not follow the one before"},
        {transfer->amount > remaining, "takes more than was left"},
        {takes_all && transfer->amount < remaining, "does not take all that was left"},
        {is_late, "came after it was to expire"},
    };

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (!checks[i].is_wrong) continue;
        verify_find(verifier, reason_of(subject), "transfers", transfer->id,
                    "number %ju, which follows number %ju, %s", (uintmax_t)transfer->number,
                    (uintmax_t)subject->number, checks[i].what);
    }
}

/// Exactly when it was due, or right behind others that were due at that time.
static void verify_expiry_time(struct verifier *verifier, const struct verify_subject *subject,
                               const struct ledger_transfer *transfer)
{
    uint64_t due_ns = subject->progress.expires_at_ns, at_ns = transfer->created_at_ns;
    bool is_behind_others = verifier->last_expiry_ns != 0 && at_ns == verifier->last_expiry_ns + 1;
    if (due_ns != 0 && (at_ns == due_ns || (at_ns > due_ns && is_behind_others))) return;
    verify_find(verifier, "EXPIRY_MISMATCH", "transfers", transfer->id,
                "number %ju expired at %ju ns, due at %ju ns", (uintmax_t)transfer->number,
                (uintmax_t)at_ns, (uintmax_t)due_ns);
}

/// Takes a follow-up into the subject's progress; gives what it takes out of pending.
static u128 advance(struct verify_subject *subject, const struct ledger_transfer *transfer)
{
    static const enum ledger_hold_state closes[LEDGER_TRANSFER_KIND_END] = {
        [LEDGER_TRANSFER_POST] = LEDGER_HOLD_POSTED,
        [LEDGER_TRANSFER_VOID] = LEDGER_HOLD_VOIDED,
        [LEDGER_TRANSFER_EXPIRY] = LEDGER_HOLD_EXPIRED,
    };
    struct ledger_progress *progress = &subject->progress;
    progress->last_follow_up = transfer->number;
    subject->is_row_right = subject->is_expiry_right = false;
    u128 remaining = remaining_of(subject);
    u128 amount = transfer->amount < remaining ? transfer->amount : remaining;
    if (!subject->is_hold) {
        progress->reversed += amount;
        return 0;
    }
    if (transfer->kind == LEDGER_TRANSFER_POST) progress->captured += amount;
    u128 released = transfer->not_final ? amount : remaining;
    // A capture that leaves nothing ends the hold, final or not.
    if (released == remaining) progress->state = closes[transfer->kind];
    return released;
}

u128 verify_follow(struct verifier *verifier, struct store_txn *txn,
                   const struct ledger_transfer *transfer)
{
    bool is_first = transfer->kind == LEDGER_TRANSFER_POSTED;
    if (transfer->kind == LEDGER_TRANSFER_PENDING) open_hold(verifier, transfer);
    if (is_first || transfer->kind == LEDGER_TRANSFER_PENDING) return 0;

    bool is_reversal = transfer->kind == LEDGER_TRANSFER_REVERSAL;
    struct verify_subject *subject = find_or_take_up(verifier, txn, transfer);
    if (subject == NULL) {
        verify_find(verifier, is_reversal ? "REVERSAL_MISMATCH" : "HOLD_MISMATCH", "transfers",
                    transfer->id, "number %ju follows number %ju, of which nothing was left",
                    (uintmax_t)transfer->number, (uintmax_t)transfer->subject_number);
        return is_reversal ? 0 : transfer->amount;
    }
    compare_follow_up(verifier, subject, transfer);
    if (transfer->kind == LEDGER_TRANSFER_EXPIRY) verify_expiry_time(verifier, subject, transfer);
    u128 released = advance(subject, transfer);
    bool is_final = subject->is_hold ? subject->progress.state != LEDGER_HOLD_OPEN
                                     : subject->progress.reversed == subject->amount;
    if (is_final) {
        look_up_row(verifier, txn, subject);
        verify_drop_subject(verifier, subject->number);
    }
    return released;
}
