#include "tests/model/reference.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)
#define DAY (86400 * SECOND)
#define TOTAL_MAX ((ref_amount)-1 >> 1)

static void *grow(void *array, size_t *room, size_t count, size_t size)
{
    if (count < *room) return array;
    *room = *room > 0 ? *room * 2 : 64;
    array = realloc(array, *room * size);
    if (array == NULL) abort();
    return array;
}

void ref_open(struct ref *ref, uint64_t begin_ns)
{
    *ref = (struct ref){.first_day = begin_ns / DAY, .id_room = 1 << 22};
    ref->ids = calloc(ref->id_room, sizeof *ref->ids);
    if (ref->ids == NULL) abort();
}

void ref_close(struct ref *ref)
{
    for (size_t i = 0; i < REF_ACCOUNTS; i++)
        free(ref->accounts[i].entries);
    free(ref->transfers);
    free(ref->ids);
    free(ref->open);
}

struct ref_id *ref_find(struct ref *ref, uint64_t id)
{
    size_t at = (id * UINT64_C(0x9e3779b97f4a7c15)) >> 42;
    while (ref->ids[at].id != 0 && ref->ids[at].id != id)
        at = (at + 1) % ref->id_room;
    return &ref->ids[at];
}

uint64_t ref_next_time(struct ref *ref, uint64_t wall)
{
    return wall > ref->last_at ? wall : ref->last_at + 1;
}

// ---- Limits -------------------------------------------------------------------------------------

static const char *const limit_names[REF_LIMITS] = {
    "transfer",   "debit_day",    "debit_month", "debit_year",
    "credit_day", "credit_month", "credit_year", "balance",
};

static bool same_period(uint64_t a_ns, uint64_t b_ns, int period)
{
    time_t a_s = (time_t)(a_ns / SECOND), b_s = (time_t)(b_ns / SECOND);
    struct tm a, b;
    gmtime_r(&a_s, &a);
    gmtime_r(&b_s, &b);
    if (a.tm_year != b.tm_year) return false;
    if (period == 2) return true;
    return period == 1 ? a.tm_mon == b.tm_mon : a.tm_yday == b.tm_yday;
}

static ref_amount counted_in(const struct ref *ref, uint8_t owner, uint8_t currency,
                             enum ref_side side, int period, uint64_t now)
{
    // Backwards over the days of the period, which end where the period begins.
    ref_amount sum = 0;
    for (uint64_t day = now / DAY; day >= ref->first_day; day--) {
        if (!same_period(day * DAY, now, period)) break;
        sum += ref->owners[owner].counted[currency - 1][side][day - ref->first_day];
    }
    return sum;
}

/// Credits, posted and held, less debits posted.
static __int128 owners_balance(const struct ref *ref, uint8_t owner, uint8_t currency)
{
    __int128 sum = 0;
    for (size_t i = 1; i < REF_ACCOUNTS; i++) {
        const struct ref_account *account = &ref->accounts[i];
        if (!account->exists || account->owner != owner || account->currency != currency) continue;
        sum += (__int128)account->totals.posted[REF_CREDIT] -
               (__int128)account->totals.posted[REF_DEBIT];
        sum += (__int128)account->totals.pending[REF_CREDIT];
    }
    // A hold between two accounts of one owner brings nothing in.
    for (size_t i = 0; i < ref->open_count; i++) {
        const struct ref_transfer *hold = &ref->transfers[ref->open[i]];
        if (ref->accounts[hold->credit].owner == owner && hold->currency == currency &&
            ref->accounts[hold->debit].owner == owner)
            sum -= (__int128)(hold->amount - hold->captured);
    }
    return sum;
}

ref_amount ref_used(const struct ref *ref, uint8_t owner, uint8_t currency, int limit, uint64_t now)
{
    if (limit == 0) return 0;
    if (limit == REF_LIMITS - 1) {
        __int128 balance = owners_balance(ref, owner, currency);
        return balance > 0 ? (ref_amount)balance : 0;
    }
    return counted_in(ref, owner, currency, limit <= 3 ? REF_DEBIT : REF_CREDIT, (limit - 1) % 3,
                      now);
}

static bool exceeds_limits(struct ref *ref, const struct ref_transfer *transfer, enum ref_side side,
                           ref_amount amount, uint64_t now)
{
    uint8_t account = side == REF_DEBIT ? transfer->debit : transfer->credit;
    uint8_t other = side == REF_DEBIT ? transfer->credit : transfer->debit;
    uint8_t owner = ref->accounts[account].owner;
    enum ref_kind kind = transfer->asked.kind;
    if (owner == 0) return false;
    const struct ref_owner *of = &ref->owners[owner];
    ref->used = 0;
    if (kind != REF_REVERSAL && (!of->has_tier || !of->may_post))
        ref->limit = "posting";
    else if (side == REF_DEBIT && of->debit_freeze)
        ref->limit = "debit_freeze";
    else if (side == REF_CREDIT && of->credit_freeze)
        ref->limit = "credit_freeze";
    else if (side == REF_DEBIT && of->receive_only && kind != REF_REVERSAL)
        ref->limit = "receive_only";
    else
        ref->limit = NULL;
    if (ref->limit != NULL) return true;
    if (kind != REF_POSTED && kind != REF_PENDING) return false;

    bool is_internal = ref->accounts[other].owner == owner;
    for (int limit = 0; limit < REF_LIMITS; limit++) {
        bool is_debit = limit >= 1 && limit <= 3;
        if (limit > 0 && (is_internal || is_debit != (side == REF_DEBIT))) continue;
        __int128 allowed = of->allowed[transfer->currency - 1][limit];
        if (allowed < 0) continue;
        ref_amount used = ref_used(ref, owner, transfer->currency, limit, now);
        if (used + amount <= (ref_amount)allowed) continue;
        ref->limit = limit_names[limit];
        ref->used = used;
        return true;
    }
    return false;
}

static void count(struct ref *ref, const struct ref_transfer *transfer, uint64_t counted_at,
                  ref_amount amount, bool gives_back)
{
    uint8_t owner[2] = {ref->accounts[transfer->debit].owner,
                        ref->accounts[transfer->credit].owner};
    if (owner[0] == owner[1]) return;
    for (int side = 0; side < 2; side++) {
        if (owner[side] == 0) continue;
        ref_amount *cell =
            &ref->owners[owner[side]]
                 .counted[transfer->currency - 1][side][counted_at / DAY - ref->first_day];
        *cell = gives_back ? *cell - amount : *cell + amount;
    }
}

// ---- Balances -----------------------------------------------------------------------------------

static bool lowers(const struct ref_account *account, enum ref_side side)
{
    return account->is_debit_normal == (side == REF_CREDIT);
}

static __int128 balance(const struct ref_account *account)
{
    __int128 value =
        (__int128)account->totals.posted[REF_CREDIT] - (__int128)account->totals.posted[REF_DEBIT];
    return account->is_debit_normal ? -value : value;
}

static const char *balance_rule(const struct ref_transfer *transfer, const struct ref *ref,
                                ref_amount amount)
{
    const struct ref_account *both[2] = {&ref->accounts[transfer->debit],
                                         &ref->accounts[transfer->credit]};
    static const char *const names[] = {"BALANCE_OVERFLOW", "INSUFFICIENT_FUNDS",
                                        "BELOW_MIN_BALANCE", "ABOVE_MAX_BALANCE"};
    for (int rule = 0; rule < 4; rule++) {
        for (enum ref_side side = REF_DEBIT; side <= REF_CREDIT; side++) {
            const struct ref_account *account = both[side];
            const struct ref_totals *totals = &account->totals;
            bool is_out = lowers(account, side);
            __int128 out =
                (__int128)totals->pending[account->is_debit_normal ? REF_CREDIT : REF_DEBIT];
            __int128 in =
                (__int128)totals->pending[account->is_debit_normal ? REF_DEBIT : REF_CREDIT];
            __int128 left = balance(account) - out;
            bool broken[4] = {
                amount > TOTAL_MAX - totals->pending[side] - totals->posted[side],
                is_out && account->no_negative &&
                    (left + account->credit_limit < 0 ||
                     amount > (ref_amount)(left + account->credit_limit)),
                is_out && account->has_min &&
                    (left < account->min || amount > (ref_amount)(left - account->min)),
                !is_out && account->has_max &&
                    (balance(account) + in > account->max ||
                     amount > (ref_amount)(account->max - balance(account) - in)),
            };
            if (broken[rule]) return names[rule];
        }
    }
    return NULL;
}

static const char *state_rule(struct ref *ref, const struct ref_transfer *transfer,
                              ref_amount amount, uint64_t now)
{
    const struct ref_account *both[2] = {&ref->accounts[transfer->debit],
                                         &ref->accounts[transfer->credit]};
    enum ref_kind kind = transfer->asked.kind;
    if (kind == REF_VOID || kind == REF_EXPIRY) return NULL;
    if (both[0]->closed || both[1]->closed) return "ACCOUNT_CLOSED";
    for (int side = 0; side < 2; side++) {
        bool lasts = both[side]->frozen_until[side] == 0 || now < both[side]->frozen_until[side];
        if (both[side]->frozen[side] && lasts) return "ACCOUNT_FROZEN";
    }
    for (enum ref_side side = REF_DEBIT; side <= REF_CREDIT; side++) {
        if (exceeds_limits(ref, transfer, side, amount, now)) return "KYC_LIMIT_EXCEEDED";
    }
    return kind == REF_POST ? NULL : balance_rule(transfer, ref, amount);
}

// ---- Movements ----------------------------------------------------------------------------------

static const char *compare(const struct ref_ask *a, const struct ref_transfer *existing)
{
    const struct ref_ask *b = &existing->asked;
    uint8_t debit = a->debit != 0 ? a->debit : existing->debit;
    uint8_t credit = a->credit != 0 ? a->credit : existing->credit;
    uint8_t currency = a->currency != 0 ? a->currency : existing->currency;
    if (a->kind != b->kind) return "EXISTS_WITH_DIFFERENT_KIND";
    if (a->not_final != b->not_final) return "EXISTS_WITH_DIFFERENT_FINAL";
    if (a->subject != b->subject)
        return a->kind == REF_REVERSAL ? "EXISTS_WITH_DIFFERENT_REVERSES_ID"
                                       : "EXISTS_WITH_DIFFERENT_PENDING_ID";
    if (a->timeout_seconds != b->timeout_seconds) return "EXISTS_WITH_DIFFERENT_TIMEOUT_SECONDS";
    if (debit != existing->debit) return "EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID";
    if (credit != existing->credit) return "EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID";
    if (a->has_amount != b->has_amount || (a->has_amount && a->amount != b->amount))
        return "EXISTS_WITH_DIFFERENT_AMOUNT";
    if (a->up_to != b->up_to) return "EXISTS_WITH_DIFFERENT_AMOUNT_UP_TO";
    if (currency != existing->currency) return "EXISTS_WITH_DIFFERENT_CURRENCY";
    // What follows another transfer has its code unless it names one.
    bool takes_code = a->kind > REF_PENDING && a->code == 0;
    if (!takes_code && a->code != existing->code) return "EXISTS_WITH_DIFFERENT_CODE";
    if (a->description != b->description) return "EXISTS_WITH_DIFFERENT_DESCRIPTION";
    if (a->metadata != b->metadata) return "EXISTS_WITH_DIFFERENT_METADATA";
    if (a->user_data[0] != b->user_data[0]) return "EXISTS_WITH_DIFFERENT_USER_DATA_128";
    if (a->user_data[1] != b->user_data[1]) return "EXISTS_WITH_DIFFERENT_USER_DATA_64";
    if (a->user_data[2] != b->user_data[2]) return "EXISTS_WITH_DIFFERENT_USER_DATA_32";
    if (a->effective_at != b->effective_at) return "EXISTS_WITH_DIFFERENT_EFFECTIVE_AT";
    if (a->group != 0 && a->group != b->group) return "EXISTS_WITH_DIFFERENT_GROUP_ID";
    return "";
}

static const char *structure(const struct ref_ask *ask)
{
    bool is_new = ask->kind == REF_POSTED || ask->kind == REF_PENDING;
    if ((ask->has_amount && ask->up_to != 0) || (ask->up_to != 0 && !is_new) ||
        (ask->has_amount && ask->kind == REF_VOID) ||
        (ask->timeout_seconds != 0 && ask->kind != REF_PENDING) ||
        (ask->not_final && ask->kind != REF_POST) ||
        (ask->effective_at != 0 && ask->kind == REF_VOID) ||
        (ask->kind == REF_REVERSAL && ask->debit + ask->credit + ask->currency != 0) ||
        (ask->subject != 0 && is_new) || (ask->token != REF_NO_TOKEN && !is_new))
        return "EXCLUSIVE_FIELDS";
    if (ask->debit != 0 && ask->debit == ask->credit) return "ACCOUNTS_MUST_DIFFER";
    return ask->has_amount && ask->amount == 0 ? "AMOUNT_MUST_NOT_BE_ZERO" : NULL;
}

static const char *follow_pending(const struct ref_ask *ask, const struct ref_transfer *subject,
                                  uint64_t now, struct ref_transfer *transfer)
{
    if (subject == NULL) return "PENDING_TRANSFER_NOT_FOUND";
    if (subject->asked.kind != REF_PENDING) return "PENDING_TRANSFER_NOT_PENDING";
    if (ask->debit != 0 && ask->debit != subject->debit)
        return "PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID";
    if (ask->credit != 0 && ask->credit != subject->credit)
        return "PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID";
    if (ask->currency != 0 && ask->currency != subject->currency)
        return "PENDING_TRANSFER_HAS_DIFFERENT_CURRENCY";
    if (subject->state == REF_IS_POSTED) return "PENDING_TRANSFER_ALREADY_POSTED";
    if (subject->state == REF_VOIDED) return "PENDING_TRANSFER_ALREADY_VOIDED";
    if (subject->state == REF_EXPIRED) return "PENDING_TRANSFER_EXPIRED";
    if (ask->kind != REF_EXPIRY && subject->expires_at != 0 && now >= subject->expires_at)
        return "PENDING_TRANSFER_EXPIRED";
    ref_amount left = subject->amount - subject->captured;
    if (ask->has_amount && ask->amount > left) return "EXCEEDS_PENDING_TRANSFER_AMOUNT";
    transfer->debit = subject->debit;
    transfer->credit = subject->credit;
    transfer->amount = ask->has_amount ? ask->amount : left;
    return NULL;
}

static const char *follow_posted(const struct ref *ref, const struct ref_ask *ask,
                                 const struct ref_transfer *subject, struct ref_transfer *transfer)
{
    if (subject == NULL) return "TRANSFER_NOT_FOUND";
    if (subject->asked.kind != REF_POSTED && subject->asked.kind != REF_POST)
        return "TRANSFER_NOT_REVERSIBLE";
    ref_amount left = subject->amount - subject->reversed;
    if (left == 0) return "ALREADY_REVERSED";
    if (ask->has_amount && ask->amount > left) return "EXCEEDS_REVERSIBLE_AMOUNT";
    transfer->debit = subject->credit;
    transfer->credit = subject->debit;
    transfer->amount = ask->has_amount ? ask->amount : left;
    bool is_large =
        ref->four_eyes_above > 0 && subject->reversed + transfer->amount > ref->four_eyes_above;
    bool is_by_service = subject->author == REF_SERVICE; // Then it counts as the payer's own.
    uint8_t owner = ref->accounts[subject->debit].owner;
    uint8_t maker = !is_by_service ? subject->author : owner != 0 ? owner : REF_SERVICE;
    if (is_large && ask->caller != REF_SERVICE && maker == ask->caller) return "FOUR_EYES_REQUIRED";
    return NULL;
}

static const char *may_ask(const struct ref *ref, const struct ref_ask *ask,
                           const struct ref_transfer *subject)
{
    if (ask->caller == 0 || ask->caller == REF_SERVICE) return NULL;
    uint8_t debit = ask->debit, credit = ask->credit;
    if (ask->kind > REF_PENDING) debit = credit = 0; // The transfer followed says whose they are.
    if (subject != NULL && ask->kind > REF_PENDING) {
        debit = ask->kind == REF_REVERSAL ? subject->credit : subject->debit;
        credit = ask->kind == REF_REVERSAL ? subject->debit : subject->credit;
    }
    bool knows_debit = debit != 0 && debit != REF_NO_ACCOUNT;
    bool knows_credit = credit != 0 && credit != REF_NO_ACCOUNT;
    bool owns_debit = knows_debit && ref->accounts[debit].owner == ask->caller;
    bool owns_credit = knows_credit && ref->accounts[credit].owner == ask->caller;
    if (ask->is_deposit) return "PERMISSION_DENIED";
    if (ask->kind == REF_VOID)
        return !knows_debit || owns_debit || owns_credit ? NULL : "PERMISSION_DENIED";
    if (knows_debit && !owns_debit) return "PERMISSION_DENIED";
    // What was held for the bank may be captured; beyond that nobody pays into its accounts.
    if (ask->kind != REF_POST && !ask->is_withdrawal && knows_credit &&
        ref->accounts[credit].owner == 0)
        return "PERMISSION_DENIED";
    return NULL;
}

static const char *accounts_exist(const struct ref *ref, const struct ref_ask *ask,
                                  struct ref_transfer *transfer)
{
    bool is_cash = ask->is_deposit || ask->is_withdrawal;
    if (transfer->debit == REF_NO_ACCOUNT)
        return is_cash ? "ACCOUNT_NOT_FOUND" : "DEBIT_ACCOUNT_NOT_FOUND";
    if (transfer->credit == REF_NO_ACCOUNT)
        return is_cash ? "ACCOUNT_NOT_FOUND" : "CREDIT_ACCOUNT_NOT_FOUND";
    uint8_t currency = ask->currency != 0 ? ask->currency : ref->accounts[transfer->debit].currency;
    transfer->currency = currency;
    if (ref->accounts[transfer->debit].currency != currency ||
        ref->accounts[transfer->credit].currency != currency)
        return "CURRENCY_MISMATCH";
    return NULL;
}

/// A customer pays somebody else: what is much, or to somebody new, is approved.
static bool is_payment(const struct ref *ref, const struct ref_transfer *transfer)
{
    const struct ref_ask *ask = &transfer->asked;
    return ask->kind <= REF_PENDING && ask->caller != 0 && ask->caller != REF_SERVICE &&
           ref->accounts[transfer->debit].owner != ref->accounts[transfer->credit].owner;
}

static const char *approved(const struct ref *ref, const struct ref_ask *ask,
                            const struct ref_transfer *transfer)
{
    if (ask->kind > REF_PENDING) return NULL;
    if (ask->token != REF_NO_TOKEN)
        return ask->token == REF_RIGHT && ask->caller != REF_SERVICE ? NULL : "SCA_INVALID";
    bool is_new_payee = ref->accounts[transfer->credit].owner != 0 &&
                        !ref->paid[ask->caller == REF_SERVICE ? 0 : ask->caller][transfer->credit];
    ref_amount amount = ask->up_to != 0 ? ask->up_to : ask->amount;
    bool is_needed = is_payment(ref, transfer) &&
                     (is_new_payee || amount > ref->approved_above[transfer->currency]);
    return is_needed ? "INSUFFICIENT_AAL" : NULL;
}

static void record_entry(struct ref *ref, uint8_t which, uint64_t number, uint64_t at)
{
    struct ref_account *account = &ref->accounts[which];
    account->entries = grow(account->entries, &account->entry_room, account->entry_count,
                            sizeof *account->entries);
    account->entries[account->entry_count++] =
        (struct ref_entry){.transfer = number, .at = at, .after = account->totals};
}

static void close_hold(struct ref *ref, uint64_t number)
{
    for (size_t i = 0; i < ref->open_count; i++) {
        if (ref->open[i] == number) ref->open[i] = ref->open[--ref->open_count];
    }
}

static void follow_up(struct ref *ref, struct ref_transfer *transfer)
{
    struct ref_transfer *subject = &ref->transfers[transfer->subject];
    enum ref_kind kind = transfer->asked.kind;
    transfer->counted_at = subject->counted_at;
    if (kind == REF_REVERSAL) {
        subject->reversed += transfer->amount;
        count(ref, subject, subject->counted_at, transfer->amount, true);
        return;
    }
    bool is_final = kind != REF_POST || !transfer->asked.not_final ||
                    subject->captured + transfer->amount == subject->amount;
    ref_amount left = subject->amount - subject->captured;
    ref_amount captured = kind == REF_POST ? transfer->amount : 0;
    ref_amount released = is_final ? left : captured;
    for (int side = 0; side < 2; side++) {
        struct ref_totals *totals =
            &ref->accounts[side == 0 ? subject->debit : subject->credit].totals;
        totals->pending[side] -= released;
        totals->posted[side] += captured;
    }
    subject->captured += captured;
    count(ref, subject, subject->counted_at, released - captured, true);
    if (!is_final) return;
    subject->state = kind == REF_POST ? REF_IS_POSTED : kind == REF_VOID ? REF_VOIDED : REF_EXPIRED;
    close_hold(ref, transfer->subject);
}

static uint64_t apply(struct ref *ref, struct ref_transfer *transfer)
{
    ref->transfers =
        grow(ref->transfers, &ref->transfer_room, ref->transfer_count + 1, sizeof *transfer);
    uint64_t number = ++ref->transfer_count;
    enum ref_kind kind = transfer->asked.kind;
    ref->last_at = transfer->counted_at = transfer->at;
    if (transfer->subject != 0) follow_up(ref, transfer);
    for (int side = 0; side < 2; side++) {
        struct ref_totals *totals =
            &ref->accounts[side == 0 ? transfer->debit : transfer->credit].totals;
        if (kind == REF_POSTED || kind == REF_REVERSAL) totals->posted[side] += transfer->amount;
        if (kind == REF_PENDING) totals->pending[side] += transfer->amount;
    }
    if (kind <= REF_PENDING) count(ref, transfer, transfer->at, transfer->amount, false);
    if (kind == REF_PENDING) {
        transfer->state = REF_OPEN;
        uint32_t timeout = transfer->asked.timeout_seconds;
        transfer->expires_at = timeout > 0 ? transfer->at + timeout * SECOND : 0;
        ref->open = grow(ref->open, &ref->open_room, ref->open_count, sizeof *ref->open);
        ref->open[ref->open_count++] = number;
    }
    ref->transfers[number] = *transfer;
    record_entry(ref, transfer->debit, number, transfer->at);
    record_entry(ref, transfer->credit, number, transfer->at);
    return number;
}

void ref_expire(struct ref *ref, uint64_t wall)
{
    for (;;) {
        uint64_t next = 0;
        for (size_t i = 0; i < ref->open_count; i++) {
            uint64_t due = ref->transfers[ref->open[i]].expires_at;
            if (due == 0) continue;
            uint64_t best = next > 0 ? ref->transfers[next].expires_at : UINT64_MAX;
            if (due < best || (due == best && ref->open[i] < next)) next = ref->open[i];
        }
        if (next == 0 || ref->transfers[next].expires_at > ref_next_time(ref, wall)) return;
        const struct ref_transfer *hold = &ref->transfers[next];
        struct ref_transfer expiry = {
            .asked = {.kind = REF_EXPIRY},
            .debit = hold->debit,
            .credit = hold->credit,
            .currency = hold->currency,
            .amount = hold->amount - hold->captured,
            .at = hold->expires_at > ref->last_at ? hold->expires_at : ref->last_at + 1,
            .subject = next,
        };
        apply(ref, &expiry);
    }
}

/// The largest amount up to `most` that no rule stands against, by halving.
static ref_amount fit(struct ref *ref, const struct ref_transfer *transfer, ref_amount most,
                      uint64_t now)
{
    ref_amount low = 0, high = most;
    while (low < high) {
        ref_amount middle = low + (high - low + 1) / 2;
        if (state_rule(ref, transfer, middle, now) == NULL)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static bool burns(const char *reason)
{
    static const char *const names[] = {
        "PENDING_TRANSFER_NOT_FOUND",
        "TRANSFER_NOT_FOUND",
        "DEBIT_ACCOUNT_NOT_FOUND",
        "CREDIT_ACCOUNT_NOT_FOUND",
        "ACCOUNT_NOT_FOUND",
        "ACCOUNT_CLOSED",
        "ACCOUNT_FROZEN",
        "KYC_LIMIT_EXCEEDED",
        "BALANCE_OVERFLOW",
        "INSUFFICIENT_FUNDS",
        "BELOW_MIN_BALANCE",
        "ABOVE_MAX_BALANCE",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], reason) == 0) return true;
    }
    return false;
}

static const char *decide(struct ref *ref, const struct ref_ask *ask,
                          const struct ref_transfer *subject, uint64_t wall,
                          struct ref_transfer *transfer)
{
    const char *reason = structure(ask);
    if (reason != NULL) return reason;
    uint64_t now = ref_next_time(ref, wall);
    if (ask->kind == REF_POST || ask->kind == REF_VOID)
        reason = follow_pending(ask, subject, now, transfer);
    if (ask->kind == REF_REVERSAL) reason = follow_posted(ref, ask, subject, transfer);
    if (reason == NULL) reason = accounts_exist(ref, ask, transfer);
    if (reason == NULL) reason = approved(ref, ask, transfer);
    if (reason != NULL) return reason;
    transfer->at = now;
    if (ask->up_to != 0) {
        transfer->amount = fit(ref, transfer, ask->up_to, now);
        return transfer->amount > 0 ? NULL : state_rule(ref, transfer, 1, now);
    }
    return state_rule(ref, transfer, transfer->amount, now);
}

const char *ref_move(struct ref *ref, const struct ref_ask *asked, uint64_t wall,
                     uint64_t *ret_number)
{
    struct ref_ask ask = *asked;
    if (ask.id == 0) return "IDEMPOTENCY_REQUIRED"; // Without a key too.
    struct ref_id *known = ref_find(ref, ask.id);
    if (ask.is_deposit || ask.is_withdrawal) {
        uint8_t account = ask.is_deposit ? ask.credit : ask.debit;
        ask.currency = account == REF_NO_ACCOUNT ? 0 : ref->accounts[account].currency;
        *(ask.is_deposit ? &ask.debit : &ask.credit) = ref->cash[ask.currency];
    }
    const struct ref_id *of_subject = ask.subject != 0 ? ref_find(ref, ask.subject) : NULL;
    const struct ref_transfer *subject =
        of_subject != NULL && of_subject->id != 0 && of_subject->number != 0
            ? &ref->transfers[of_subject->number]
            : NULL;
    const char *reason = may_ask(ref, &ask, subject);
    if (reason != NULL) return reason;
    if (known->reason != NULL) return "ID_ALREADY_FAILED";
    if (known->number != 0) {
        *ret_number = known->number;
        return compare(&ask, &ref->transfers[known->number]);
    }
    struct ref_transfer transfer = {.asked = ask,
                                    .debit = ask.debit,
                                    .credit = ask.credit,
                                    .code = ask.code,
                                    .amount = ask.amount,
                                    .author = ask.caller};
    if (subject != NULL) transfer.subject = of_subject->number;
    if (subject != NULL && transfer.code == 0) transfer.code = subject->code;
    reason = decide(ref, &ask, subject, wall, &transfer);
    if (reason != NULL && !burns(reason)) return reason;
    *known = (struct ref_id){.id = ask.id, .reason = reason};
    if (reason != NULL) return reason;
    if (is_payment(ref, &transfer)) ref->paid[ask.caller][transfer.credit] = true;
    known->number = *ret_number = apply(ref, &transfer);
    return NULL;
}

struct ref_totals ref_totals_at(const struct ref_account *account, uint64_t at)
{
    size_t low = 0, high = account->entry_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (account->entries[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? account->entries[low - 1].after : (struct ref_totals){{0}, {0}};
}
