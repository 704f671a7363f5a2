// Random movements of every kind between a few accounts, by core alone: what must hold after each.
#include "tests/unit/ledger/rules.h"

enum { STEPS = 60000, ACCOUNTS = 6, HISTORY = 400 };

struct parties {
    struct ledger_account account[ACCOUNTS];
    struct ledger_allowance allowance[ACCOUNTS];
};

struct walk {
    struct parties all;
    struct ledger_transfer transfer[HISTORY]; // The newest ones, in a ring.
    struct ledger_progress progress[HISTORY];
    uint64_t pending_created_at_ns[HISTORY]; // Of a POST: when what it captured was counted.
    size_t done, refused[LEDGER_REASON_COUNT], moved[LEDGER_TRANSFER_KIND_END];
    uint64_t now_ns;
};

/// Account 0 is the bank's; 1 is overdrawn at times; 2 has a minimum and a maximum; 3 and 4 belong
/// to one owner; 5 is limited.
static void set_up(struct walk *walk)
{
    *walk = (struct walk){.now_ns = NOW_NS};
    for (size_t i = 0; i < ACCOUNTS; i++) {
        struct ledger_profile profile = {.tier = "T3"};
        struct ledger_account *account = &walk->all.account[i];
        *account = customer_account((uint8_t)(0x10 * (i + 1)));
        if (i == 0) ledger_system_account("INR", 2, LEDGER_CASH, account);
        if (i == 1) account->credit_limit = 500;
        if (i == 2) {
            account->has_min_balance = account->has_max_balance = true;
            account->min_balance = 100;
            account->max_balance = 3000;
        }
        if (i == 4) account->owner_id = walk->all.account[3].owner_id;
        if (i == 5) {
            profile.own_count = 3;
            profile.own[0] = (struct ledger_own_limit){"INR", LEDGER_LIMIT_DEBIT_DAY, 5000};
            profile.own[1] = (struct ledger_own_limit){"INR", LEDGER_LIMIT_CREDIT_MONTH, 50000};
            profile.own[2] = (struct ledger_own_limit){"INR", LEDGER_LIMIT_BALANCE, 2000};
        }
        account->number = i + 1;
        ledger_allowance_of(&ledger_tiers_default, &profile, account->owner_id, "INR", 2,
                            &walk->all.allowance[i]);
    }
}

static size_t account_index(const struct walk *walk, struct id128 id)
{
    for (size_t i = 0; i < ACCOUNTS; i++) {
        if (id128_equal(walk->all.account[i].id, id)) return i;
    }
    fail_msg("a transfer of an account that is none of ours");
    return 0;
}

static struct ledger_movement draw(struct walk *walk, size_t *ret_subject)
{
    static const enum ledger_transfer_kind kinds[] = {
        LEDGER_TRANSFER_POSTED,   LEDGER_TRANSFER_POSTED,  LEDGER_TRANSFER_POSTED,
        LEDGER_TRANSFER_PENDING,  LEDGER_TRANSFER_PENDING, LEDGER_TRANSFER_POST,
        LEDGER_TRANSFER_POST,     LEDGER_TRANSFER_POST,    LEDGER_TRANSFER_VOID,
        LEDGER_TRANSFER_REVERSAL, LEDGER_TRANSFER_EXPIRY,
    };
    struct ledger_movement movement = {.asked.kind = kinds[random_below(ROWS(kinds))]};
    struct ledger_transfer *asked = &movement.asked;
    *ret_subject = HISTORY;
    if (asked->kind <= LEDGER_TRANSFER_PENDING) {
        size_t debit = random_below(ACCOUNTS);
        asked->account_id[LEDGER_DEBIT] = walk->all.account[debit].id;
        asked->account_id[LEDGER_CREDIT] =
            walk->all.account[(debit + 1 + random_below(ACCOUNTS - 1)) % ACCOUNTS].id;
        memcpy(asked->currency, "INR", 4);
        asked->amount = 1 + random_below(600);
        movement.has_amount = true;
        if (asked->kind == LEDGER_TRANSFER_PENDING)
            asked->timeout_seconds = (uint32_t)random_below(3) * 3600;
        return movement;
    }
    *ret_subject = random_below(walk->done < HISTORY ? walk->done + 1 : HISTORY);
    asked->not_final = asked->kind == LEDGER_TRANSFER_POST && random_below(2) > 0;
    bool takes_amount =
        asked->kind == LEDGER_TRANSFER_POST || asked->kind == LEDGER_TRANSFER_REVERSAL;
    movement.has_amount = takes_amount && random_below(2) > 0;
    if (movement.has_amount) asked->amount = 1 + random_below(400);
    return movement;
}

/// What must be true of all accounts together, after any number of movements.
static void assert_books(const struct walk *walk)
{
    struct ledger_totals all = {0}, held[ACCOUNTS] = {{0}};
    for (size_t i = 0; i < HISTORY; i++) {
        const struct ledger_transfer *transfer = &walk->transfer[i];
        u128 left = ledger_progress_remaining(transfer, &walk->progress[i]);
        if (left == 0) continue;
        held[account_index(walk, transfer->account_id[LEDGER_DEBIT])].debits_pending += left;
        held[account_index(walk, transfer->account_id[LEDGER_CREDIT])].credits_pending += left;
    }
    for (size_t i = 0; i < ACCOUNTS; i++) {
        const struct ledger_account *account = &walk->all.account[i];
        const struct ledger_totals *totals = &account->totals;
        assert_true(ledger_account_is_sound(account));
        assert_true(totals->debits_pending == held[i].debits_pending); // Exactly the open holds.
        assert_true(totals->credits_pending == held[i].credits_pending);
        // What is held can always be captured: no second step breaks a limit.
        if (account->no_negative) assert_true(ledger_account_available(account) >= 0);
        all.debits_pending += totals->debits_pending;
        all.debits_posted += totals->debits_posted;
        all.credits_pending += totals->credits_pending;
        all.credits_posted += totals->credits_posted;
    }
    assert_true(all.debits_posted == all.credits_posted);
    assert_true(all.debits_pending == all.credits_pending);

    const struct ledger_account *bounded = &walk->all.account[2];
    i128 posted = ledger_balance_posted(bounded->class, &bounded->totals);
    i128 highest = posted + (i128)bounded->totals.credits_pending;
    if (highest > 0) assert_true(highest <= 3000);

    const struct ledger_account *limited = &walk->all.account[5];
    i128 counted = (i128)limited->totals.credits_posted + (i128)limited->totals.credits_pending -
                   (i128)limited->totals.debits_posted;
    assert_true(walk->all.allowance[5].counters.balance == counted);
}

static bool find_subject(struct walk *walk, size_t subject, struct ledger_posting *posting)
{
    if (walk->transfer[subject].amount == 0) return false;
    posting->subject = &walk->transfer[subject];
    posting->progress = &walk->progress[subject];
    posting->counted_at_ns = walk->pending_created_at_ns[subject];
    return true;
}

/// The place in the ring for the next transfer: one that nothing is held by any more.
static size_t free_place(const struct walk *walk)
{
    if (walk->done < HISTORY) return walk->done;
    for (size_t tries = 0; tries < 100 * HISTORY; tries++) {
        size_t place = random_below(HISTORY);
        if (walk->progress[place].state != LEDGER_HOLD_OPEN) return place;
    }
    fail_msg("nothing but open holds");
    return 0;
}

static void remember(struct walk *walk, size_t place, const struct ledger_transfer *transfer,
                     const struct ledger_progress *progress, uint64_t counted_at_ns)
{
    walk->transfer[place] = *transfer;
    walk->progress[place] = *progress;
    walk->pending_created_at_ns[place] = counted_at_ns;
    walk->done++;
}

static void step(struct walk *walk)
{
    size_t subject;
    struct ledger_movement movement = draw(walk, &subject);
    struct ledger_transfer transfer = movement.asked;
    struct ledger_progress own = {0};
    struct ledger_posting posting = {.transfer = &transfer, .now_ns = walk->now_ns};
    struct ledger_refusal refusal = {.reason = LEDGER_REASON_COUNT};
    enum ledger_transfer_kind kind = transfer.kind;
    if (kind == LEDGER_TRANSFER_PENDING) posting.progress = &own;
    if (subject < HISTORY) {
        bool found = find_subject(walk, subject, &posting);
        const struct ledger_following following = {
            .movement = kind == LEDGER_TRANSFER_EXPIRY ? NULL : &movement,
            .subject = found ? posting.subject : NULL,
            .progress = posting.progress,
            .now_ns = walk->now_ns,
        };
        if (!ledger_core_follow(&following, &transfer, &refusal.reason)) {
            walk->refused[refusal.reason]++;
            return;
        }
    }
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        size_t i = account_index(walk, transfer.account_id[side]);
        posting.party[side].account = &walk->all.account[i];
        // One owner, one allowance, as the service hands it out.
        posting.party[side].allowance = i == 0 ? NULL : &walk->all.allowance[i == 4 ? 3 : i];
    }
    const struct parties before = walk->all;
    bool may = ledger_core_check(&posting, &refusal);
    assert_memory_equal(&walk->all, &before, sizeof before); // A check changes nothing.
    if (!may) {
        walk->refused[refusal.reason]++;
        return;
    }
    ledger_core_apply(&posting);
    transfer.created_at_ns = walk->now_ns;
    walk->moved[kind]++;
    uint64_t counted_at_ns = kind == LEDGER_TRANSFER_POST ? posting.subject->created_at_ns : 0;
    remember(walk, free_place(walk), &transfer, &own, counted_at_ns);
}

static void test_books_hold_after_any_movements(void **state)
{
    (void)state;
    struct walk *walk = malloc(sizeof *walk);
    assert_non_null(walk);
    set_up(walk);
    for (size_t i = 0; i < STEPS; i++) {
        walk->now_ns += 1 + random_below(UINT64_C(600000000000)); // Up to ten minutes.
        step(walk);
        assert_books(walk);
    }
    // The walk went everywhere.
    for (enum ledger_transfer_kind kind = 1; kind < LEDGER_TRANSFER_KIND_END; kind++)
        assert_true(walk->moved[kind] > 100);

    static const enum ledger_reason met[] = {
        LEDGER_PENDING_TRANSFER_NOT_PENDING,
        LEDGER_PENDING_TRANSFER_ALREADY_POSTED,
        LEDGER_PENDING_TRANSFER_ALREADY_VOIDED,
        LEDGER_PENDING_TRANSFER_EXPIRED,
        LEDGER_EXCEEDS_PENDING_TRANSFER_AMOUNT,
        LEDGER_TRANSFER_NOT_REVERSIBLE,
        LEDGER_ALREADY_REVERSED,
        LEDGER_EXCEEDS_REVERSIBLE_AMOUNT,
        LEDGER_KYC_LIMIT_EXCEEDED,
        LEDGER_INSUFFICIENT_FUNDS,
        LEDGER_BELOW_MIN_BALANCE,
        LEDGER_ABOVE_MAX_BALANCE,
    };

    for (size_t i = 0; i < ROWS(met); i++) {
        if (walk->refused[met[i]] == 0) fail_msg("%s was never met", ledger_reasons[met[i]].name);
    }
    free(walk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_books_hold_after_any_movements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
