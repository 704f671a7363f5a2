// Random operations against the reference ledger: every answer, every balance, every history.
#include "common/base/clock.h"
#include "services/ledger/expiry.h"
#include "services/ledger/statement.h"
#include "services/ledger/totals.h"
#include "tests/model/drive.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPERATIONS_IN_CI = 100000,
    OPERATIONS_PER_JOB = 100,
    BATCH_MAX = 12,
    ARENA_BYTES = 64 << 20,
    CUSTOMER_ACCOUNTS = 14,
    SYSTEM_ACCOUNTS = 4,
};

/// Owners and what they may: an own limit stands beside tier T3.
static const struct {
    const char *tier; // NULL: kyc has not spoken.
    bool may_post, receive_only;
    int limit;       // An own limit in INR; -1: none.
    int64_t allowed; // Minor units.
} people[REF_OWNERS + 1] = {
    [1] = {"T3", true, false, -1, 0},      [2] = {"T3", true, false, 1, 3000000},
    [3] = {"T2", true, false, -1, 0},      [4] = {"T1", true, true, -1, 0},
    [5] = {NULL, false, false, -1, 0},     [6] = {"T3", true, false, 5, 20000000},
    [7] = {"T3", true, false, 0, 1000000}, [8] = {"T3", true, false, 7, 15000000},
};

static const char *const currencies[] = {"", "INR", "USD"};

// ---- Setting up ---------------------------------------------------------------------------------

static void sync_time(struct model *model, struct store_txn *txn)
{
    struct ledger_state state;
    EXPECT_OK(ledger_store_get_state(txn, &state));
    EXPECT(state.last_time_ns >= model->ref.last_at);
    model->ref.last_at = state.last_time_ns;
}

static void open_account(struct model *model, struct store_txn *txn, uint8_t slot, uint8_t owner,
                         uint8_t currency, enum ledger_class class)
{
    struct ledger_details *details = arena_alloc(model->arena, sizeof *details);
    struct ledger_new_account asked = {.class = class,
                                       .kind =
                                           owner != 0 ? LEDGER_KIND_CUSTOMER : LEDGER_KIND_SYSTEM,
                                       .details = details};
    struct ref_account *account = &model->ref.accounts[slot];
    struct ledger_caller teller_ = model_caller(0);
    struct ledger_account made;
    bool existed;
    if (account->exists) {
        model->generation[slot]++;
        model->recent_count = 0; // What was asked lately may name the account that stood here.
    }
    free(account->entries);
    for (size_t payer = 1; payer <= REF_OWNERS; payer++)
        model->ref.paid[payer][slot] = false;
    *account = (struct ref_account){.exists = true,
                                    .owner = owner,
                                    .currency = currency,
                                    .no_negative = owner != 0,
                                    .is_debit_normal = class == LEDGER_CLASS_ASSET ||
                                                       class == LEDGER_CLASS_EXPENSE};
    asked.id = model_account(model, slot);
    asked.owner_id = model_id(0x40, owner);
    memcpy(asked.currency, currencies[currency], 4);
    struct ledger_unit *unit;
    EXPECT_OK(ledger_unit_open(&model->fixture->service, txn, model->arena, 1, &unit));
    EXPECT_OK(ledger_service_create_account(unit, &teller_, &asked, &made, &existed));
    EXPECT(!existed);
    sync_time(model, txn);
}

static void set_person(struct model *model, struct store_txn *txn, uint8_t owner)
{
    struct ref_owner *of = &model->ref.owners[owner];
    const struct ledger_service *service = &model->fixture->service;
    struct ledger_profile profile, made;
    bool changed;
    of->has_tier = people[owner].tier != NULL;
    of->may_post = people[owner].may_post;
    of->receive_only = people[owner].receive_only;
    memset(of->allowed, 0xff, sizeof of->allowed); // -1: no limit.
    if (!of->has_tier) return;
    EXPECT_OK(ledger_service_set_tier(service, txn, model_id(0x40, owner), people[owner].tier, 1,
                                      &profile, &changed));
    const struct ledger_tier *tier = ledger_tier_find(&service->tiers, people[owner].tier);
    for (size_t limit = 0; limit < REF_LIMITS; limit++) {
        for (size_t currency = 0; tier->max[limit] > 0 && currency < REF_CURRENCIES; currency++)
            of->allowed[currency][limit] = (__int128)tier->max[limit] * 100;
    }
    if (people[owner].limit < 0) return;
    of->allowed[0][people[owner].limit] = people[owner].allowed;
    profile.own[profile.own_count++] = (struct ledger_own_limit){
        .currency = "INR",
        .limit = (enum ledger_limit)people[owner].limit,
        .allowed = (u128)people[owner].allowed,
    };
    EXPECT_OK(ledger_service_update_profile(service, txn, &profile, UINT64_MAX, &made));
}

/// The first deposit makes the currency's cash account, at a ledger time of its own: the reference
/// knows of none of that, and follows.
static void make_cash(struct model *model, struct store_txn *txn, uint8_t to)
{
    struct ref_ask ask = {.id = ++model->next_id,
                          .kind = REF_POSTED,
                          .is_deposit = true,
                          .credit = to,
                          .has_amount = true,
                          .amount = 1};
    struct ledger_movement movement = model_movement(model, &ask);
    struct ledger_caller caller = model_caller(0);
    struct ledger_outcome outcome;
    struct ledger_unit *unit;
    uint64_t number;
    EXPECT_OK(ledger_unit_open(&model->fixture->service, txn, model->arena, 1, &unit));
    EXPECT_OK(ledger_service_move(unit, &caller, &movement, &outcome));
    ledger_unit_flush(unit);
    EXPECT(ref_move(&model->ref, &ask, outcome.transfer.created_at_ns, &number) == NULL);
}

static struct status set_up(struct store_txn *txn, void *context)
{
    struct model *model = context;
    for (uint8_t owner = 1; owner <= REF_OWNERS; owner++)
        set_person(model, txn, owner);
    uint8_t slot = 1;
    for (uint8_t i = 0; i < CUSTOMER_ACCOUNTS; i++, slot++)
        open_account(model, txn, slot, (uint8_t)(1 + i % REF_OWNERS), i % 7 == 6 ? 2 : 1,
                     LEDGER_CLASS_LIABILITY);

    static const enum ledger_class classes[SYSTEM_ACCOUNTS] = {
        LEDGER_CLASS_ASSET, LEDGER_CLASS_INCOME, LEDGER_CLASS_EXPENSE, LEDGER_CLASS_EQUITY};

    for (uint8_t i = 0; i < SYSTEM_ACCOUNTS; i++, slot++)
        open_account(model, txn, slot, 0, 1, classes[i]);
    for (uint8_t currency = 1; currency <= REF_CURRENCIES; currency++, slot++) {
        model->ref.cash[currency] = slot;
        model->ref.accounts[slot] =
            (struct ref_account){.exists = true, .currency = currency, .is_debit_normal = true};
        make_cash(model, txn, currency == 1 ? 1 : 7);
    }
    return STATUS_SUCCESS;
}

// ---- Comparing ----------------------------------------------------------------------------------

static void assert_totals(const struct ledger_totals *real, const struct ref_totals *expected)
{
    EXPECT(real->debits_pending == expected->pending[REF_DEBIT]);
    EXPECT(real->debits_posted == expected->posted[REF_DEBIT]);
    EXPECT(real->credits_pending == expected->pending[REF_CREDIT]);
    EXPECT(real->credits_posted == expected->posted[REF_CREDIT]);
}

static bool read_slot(struct model *model, struct store_txn *txn, uint8_t slot,
                      struct ledger_account *ret)
{
    struct status status = ledger_store_get_account(txn, model_account(model, slot), ret);
    if (status.code == STATUS_NOT_FOUND && model->ref.accounts[slot].entry_count == 0) return false;
    EXPECT_OK(status);
    return true;
}

static void compare_account(struct model *model, struct store_txn *txn, uint8_t slot)
{
    const struct ref_account *expected = &model->ref.accounts[slot];
    struct ledger_account account;
    if (slot == 0 || slot == REF_NO_ACCOUNT || !expected->exists) return;
    if (!read_slot(model, txn, slot, &account)) return;
    assert_totals(&account.totals, &expected->totals);
    EXPECT_INT(account.head.entry_count, expected->entry_count);
    if (expected->entry_count == 0) return;
    EXPECT_INT(account.head.chain[0], expected->entries[expected->entry_count - 1].transfer);

    // A balance at a time, anywhere in its history.
    uint64_t first = expected->entries[0].at - 1;
    uint64_t at = first + random_below(model->ref.last_at - first + 2);
    struct ledger_totals then;
    uint64_t index;
    struct ref_totals expected_then = ref_totals_at(expected, at);
    EXPECT_OK(ledger_search_totals(txn, &account, at, &then, &index));
    assert_totals(&then, &expected_then);
}

static void compare_limits(struct model *model, struct store_txn *txn, uint8_t owner)
{
    uint64_t now = ref_next_time(&model->ref, clock_wall_ns()), resets_at;
    struct ledger_allowance allowance;
    EXPECT_OK(ledger_service_load_allowance(&model->fixture->service, txn, model_id(0x40, owner),
                                            "INR", 2, now, &allowance));
    for (int limit = 0; limit < REF_LIMITS; limit++) {
        __int128 allowed = model->ref.owners[owner].allowed[0][limit];
        bool has_tier = model->ref.owners[owner].has_tier;
        EXPECT_INT(allowance.is_limited[limit], has_tier && allowed >= 0);
        if (!has_tier || allowed < 0) continue;
        EXPECT(allowance.allowed[limit] == (u128)allowed);
        u128 used = ledger_limit_used(&allowance, (enum ledger_limit)limit, now, &resets_at);
        EXPECT(used == ref_used(&model->ref, owner, 1, limit, now));
    }
}

static void compare_history(struct model *model, struct store_txn *txn, uint8_t slot)
{
    const struct ref_account *expected = &model->ref.accounts[slot];
    struct ledger_account account;
    if (!expected->exists || !read_slot(model, txn, slot, &account)) return;
    size_t left = expected->entry_count;
    struct ledger_history_query query = {.size = 1 + random_below(300)};
    do {
        struct ledger_page page;
        arena_reset(model->arena);
        EXPECT_OK(ledger_service_history(txn, model->arena, &account, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            const struct ref_entry *entry = &expected->entries[--left];
            const struct ledger_transfer *transfer = &page.transfers[i];
            const struct ref_transfer *known = &model->ref.transfers[entry->transfer];
            enum ledger_side side;
            EXPECT_INT(transfer->number, entry->transfer);
            EXPECT_INT(transfer->created_at_ns, entry->at);
            EXPECT(transfer->amount == known->amount);
            EXPECT_INT(transfer->kind, known->asked.kind);
            EXPECT_OK(ledger_transfer_side(transfer, account.id, &side));
            assert_totals(&transfer->entry[side].after, &entry->after);
        }
        query.before_number = page.next_before;
    } while (query.before_number != 0);
    EXPECT_INT(left, 0);
}

static __int128 expected_balance(const struct ref_account *account, uint64_t at)
{
    struct ref_totals then = ref_totals_at(account, at);
    __int128 value = (__int128)then.posted[REF_CREDIT] - (__int128)then.posted[REF_DEBIT];
    return account->is_debit_normal ? -value : value;
}

/// A statement of any period: it opens and closes where the reference says, and adds up.
static void compare_statement(struct model *model, struct store_txn *txn, uint8_t slot)
{
    const struct ref_account *expected = &model->ref.accounts[slot];
    struct ledger_account account;
    if (!expected->exists || expected->entry_count < 2) return;
    if (!read_slot(model, txn, slot, &account)) return;
    struct ledger_details *details = arena_alloc(model->arena, sizeof *details);
    uint64_t first = expected->entries[0].at, span = model->ref.last_at - first;
    uint64_t from = first + random_below(span), to = from + 1 + random_below(span);
    struct ledger_statement_query query = {
        .from_ns = from, .to_ns = to, .settled_ns = model->ref.last_at};
    struct ledger_statement statement;
    struct status status =
        ledger_statement_make(txn, &account, details, &query, model->arena, &statement);
    if (!status_ok(status)) {
        EXPECT_REFUSED(status, "STATEMENT_TOO_LONG");
        return;
    }
    EXPECT(statement.opening_balance == expected_balance(expected, from - 1));
    EXPECT(statement.closing_balance == expected_balance(expected, statement.to_ns - 1));
    __int128 balance = statement.opening_balance;
    for (size_t i = 0; i < statement.entry_count; i++) {
        const struct ledger_statement_entry *entry = &statement.entries[i];
        bool is_in = (entry->side == LEDGER_CREDIT) != expected->is_debit_normal;
        balance += is_in ? (__int128)entry->amount : -(__int128)entry->amount;
        EXPECT(entry->balance_after == balance);
        EXPECT(entry->booked_at_ns >= from && entry->booked_at_ns < to);
    }
    EXPECT(balance == statement.closing_balance);
}

static void compare_trial_balance(struct model *model, struct store_txn *txn)
{
    struct ledger_trial trial;
    arena_reset(model->arena);
    EXPECT_OK(ledger_totals_now(txn, model->arena, &trial));
    for (size_t i = 0; i < trial.row_count; i++) {
        const struct ledger_class_totals *row = &trial.rows[i];
        struct ledger_totals left = row->totals;
        struct ledger_account_walk walk = {0};
        struct ledger_account account;
        ledger_account_walk_open(txn, NULL, 0, &walk);
        while (status_ok(ledger_account_walk_next(&walk, &account))) {
            if (account.class != row->class || strcmp(account.currency, row->currency) != 0)
                continue;
            left.debits_pending -= account.totals.debits_pending;
            left.debits_posted -= account.totals.debits_posted;
            left.credits_pending -= account.totals.credits_pending;
            left.credits_posted -= account.totals.credits_posted;
        }
        ledger_account_walk_close(&walk);
        EXPECT(left.debits_pending == 0 && left.debits_posted == 0);
        EXPECT(left.credits_pending == 0 && left.credits_posted == 0);
    }
}

// ---- Operations ---------------------------------------------------------------------------------

/// Lets the real ledger do what the reference has done already: expire what is due.
static void catch_up(struct model *model, struct store_txn *txn)
{
    bool more = true;
    while (more)
        EXPECT_OK(ledger_expiry_run(&model->fixture->service, txn, &more));
    sync_time(model, txn);
}

static void check_reason(struct model *model, const char *expected, struct status status,
                         const struct ledger_outcome *outcome)
{
    if (expected == NULL) {
        EXPECT_OK(status);
        EXPECT(outcome->is_created);
        model->created++;
    } else if (expected[0] == '\0') {
        EXPECT_OK(status);
        EXPECT(outcome->existed);
        model->existed++;
    } else {
        EXPECT_REFUSED(status, expected);
        model->hits[outcome->refusal.reason]++;
        if (outcome->refusal.reason != LEDGER_KYC_LIMIT_EXCEEDED) return;
        EXPECT_TEXT(outcome->refusal.limit, model->ref.limit);
        EXPECT(outcome->refusal.used == model->ref.used);
    }
}

static void check_transfer(struct model *model, const struct ledger_outcome *outcome,
                           uint64_t number)
{
    const struct ref_transfer *expected = &model->ref.transfers[number];
    const struct ledger_transfer *transfer = &outcome->transfer;
    EXPECT_INT(transfer->number, number);
    EXPECT_INT(transfer->created_at_ns, expected->at);
    EXPECT(transfer->amount == expected->amount);
    EXPECT_INT(transfer->subject_number, expected->subject);
}

static void run_move(struct model *model, struct store_txn *txn)
{
    struct ref_ask ask = model_ask(model);
    struct ledger_movement movement = model_movement(model, &ask);
    struct ledger_caller caller = model_caller(ask.caller);
    struct ledger_unit *unit;
    struct ledger_outcome outcome;
    uint64_t wall = clock_wall_ns(), number = 0;
    EXPECT_OK(ledger_unit_open(&model->fixture->service, txn, model->arena, 1, &unit));
    ref_expire(&model->ref, wall);
    const char *expected = ref_move(&model->ref, &ask, wall, &number);
    struct status status = ledger_service_move(unit, &caller, &movement, &outcome);
    check_reason(model, expected, status, &outcome);
    if (number != 0 && (expected == NULL || expected[0] == '\0'))
        check_transfer(model, &outcome, number);
    if (outcome.is_created || outcome.is_burnt) ledger_unit_flush(unit);
    if (!outcome.is_created) catch_up(model, txn);
    if (ask.id != 0 && (expected == NULL || one_in(4))) model_remember(model, &ask);
    if (number != 0) {
        compare_account(model, txn, model->ref.transfers[number].debit);
        compare_account(model, txn, model->ref.transfers[number].credit);
    }
}

/// What a batch that fails, or is dry, must put back.
struct saved {
    struct ref_account accounts[REF_ACCOUNTS];
    struct ref_owner owners[REF_OWNERS + 1];
    struct ref_transfer subjects[BATCH_MAX + 64];
    uint64_t subject_numbers[BATCH_MAX + 64];
    size_t subject_count, open_count;
    uint64_t *open;
    uint64_t transfer_count, last_at;
};

static void save(struct model *model, const struct ref_ask *asks, size_t count, struct saved *saved)
{
    struct ref *ref = &model->ref;
    memcpy(saved->accounts, ref->accounts, sizeof saved->accounts);
    memcpy(saved->owners, ref->owners, sizeof saved->owners);
    saved->transfer_count = ref->transfer_count;
    saved->last_at = ref->last_at;
    saved->open_count = ref->open_count;
    saved->open = malloc((ref->open_count + 1) * sizeof *saved->open);
    EXPECT(saved->open);
    if (ref->open_count > 0) memcpy(saved->open, ref->open, ref->open_count * sizeof *saved->open);
    saved->subject_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct ref_id *subject = ref_find(ref, asks[i].subject);
        if (asks[i].subject == 0 || subject->number == 0) continue;
        saved->subject_numbers[saved->subject_count] = subject->number;
        saved->subjects[saved->subject_count++] = ref->transfers[subject->number];
    }
}

static void put_back(struct model *model, const struct ref_ask *asks, const struct ref_id *ids,
                     size_t count, struct saved *saved)
{
    struct ref *ref = &model->ref;
    for (size_t i = 1; i < REF_ACCOUNTS; i++) { // Histories may have moved in memory.
        saved->accounts[i].entries = ref->accounts[i].entries;
        saved->accounts[i].entry_room = ref->accounts[i].entry_room;
    }
    memcpy(ref->accounts, saved->accounts, sizeof saved->accounts);
    memcpy(ref->owners, saved->owners, sizeof saved->owners);
    ref->transfer_count = saved->transfer_count;
    ref->last_at = saved->last_at;
    ref->open_count = saved->open_count;
    if (saved->open_count > 0)
        memcpy(ref->open, saved->open, saved->open_count * sizeof *saved->open);
    for (size_t i = 0; i < saved->subject_count; i++)
        ref->transfers[saved->subject_numbers[i]] = saved->subjects[i];
    for (size_t i = count; i-- > 0;) {
        struct ref_id *id = ref_find(ref, asks[i].id);
        id->number = ids[i].number;
        id->reason = ids[i].reason;
    }
}

/// Asks the reference one by one; fills the results that the mode makes of it.
static void predict_batch(struct model *model, const struct ref_ask *asks, size_t count,
                          enum ledger_batch_mode mode, const char **ret)
{
    struct ref *ref = &model->ref;
    uint64_t wall = clock_wall_ns(), number;
    struct ref_id ids[BATCH_MAX];
    struct saved *saved = calloc(1, sizeof *saved);
    EXPECT(saved);
    save(model, asks, count, saved);
    size_t failed = count;
    for (size_t i = 0; i < count; i++) {
        ids[i] = *ref_find(ref, asks[i].id);
        ref_expire(ref, wall);
        const char *reason =
            failed < count ? "NOT_ATTEMPTED" : ref_move(ref, &asks[i], wall, &number);
        ret[i] = reason == NULL ? "CREATED" : reason[0] == '\0' ? "EXISTS" : reason;
        if (reason != NULL && reason[0] != '\0' && mode != LEDGER_BATCH_INDEPENDENT &&
            failed == count)
            failed = i;
    }
    if (mode == LEDGER_BATCH_ATOMIC && failed < count) {
        struct ref_id burnt = *ref_find(ref, asks[failed].id);
        put_back(model, asks, ids, count, saved);
        for (size_t i = 0; i < count; i++) {
            if (i != failed) ret[i] = "GROUP_FAILED";
        }
        struct ref_id *id = ref_find(ref, asks[failed].id);
        if (burnt.reason != NULL) *id = burnt;
    }
    free(saved->open);
    free(saved);
}

static void run_batch(struct model *model, struct store_txn *txn)
{
    struct ref_ask asks[BATCH_MAX];
    struct ledger_movement movements[BATCH_MAX];
    struct ledger_batch_result results[BATCH_MAX] = {0};
    const char *expected[BATCH_MAX];
    size_t count = 1 + random_below(BATCH_MAX);
    uint64_t group = ++model->next_group;
    for (size_t i = 0; i < count; i++) {
        do
            asks[i] = model_ask(model);
        while (asks[i].id == 0 || asks[i].is_deposit || asks[i].is_withdrawal);
        asks[i].caller = 0;
        asks[i].group = group;
        movements[i] = model_movement(model, &asks[i]);
    }
    struct ledger_caller caller = model_caller(0);
    struct ledger_batch batch = {.movements = movements,
                                 .count = count,
                                 .mode = (enum ledger_batch_mode)(1 + random_below(3)),
                                 .group_id = model_id(0x60, group),
                                 .dry_run = one_in(6),
                                 .results = results};
    // Both begin with nothing due, so that what a failed batch undoes is its own.
    ref_expire(&model->ref, clock_wall_ns());
    catch_up(model, txn);

    struct saved *saved = calloc(1, sizeof *saved);
    struct ref_id ids[BATCH_MAX];
    EXPECT(saved);
    for (size_t i = 0; i < count; i++)
        ids[i] = *ref_find(&model->ref, asks[i].id);
    save(model, asks, count, saved);
    predict_batch(model, asks, count, batch.mode, expected);
    if (batch.dry_run) put_back(model, asks, ids, count, saved);
    free(saved->open);
    free(saved);

    struct ledger_unit *unit;
    EXPECT_OK(ledger_unit_open(&model->fixture->service, txn, model->arena, count, &unit));
    EXPECT_OK(ledger_service_batch(unit, &caller, &batch));
    for (size_t i = 0; i < count; i++)
        EXPECT_TEXT(results[i].result, expected[i]);
    if (!batch.dry_run && batch.has_changes) ledger_unit_flush(unit);
    ref_expire(&model->ref, clock_wall_ns());
    catch_up(model, txn);
    for (uint8_t slot = 1; slot < REF_ACCOUNTS; slot++)
        compare_account(model, txn, slot);
    for (size_t i = 0; i < count; i++) {
        if (!batch.dry_run) model_remember(model, &asks[i]);
    }
    model->batches++;
}

static uint8_t customer_slot(void)
{
    return (uint8_t)(1 + random_below(CUSTOMER_ACCOUNTS));
}

static void run_freeze(struct model *model, struct store_txn *txn)
{
    uint8_t slot = customer_slot();
    struct ref_account *account = &model->ref.accounts[slot];
    struct ledger_caller caller = model_caller(0);
    struct ledger_freeze_change change = {
        .account_id = model_account(model, slot), .frozen = one_in(3), .reason = "model"};
    unsigned side = (unsigned)random_below(2);
    if (account->closed) return;
    change.side[side] = true;
    if (change.frozen && !one_in(3))
        change.until_ns = clock_wall_ns() + 60 * NS_PER_SECOND + random_below(30 * NS_PER_SECOND);
    struct ledger_unit *unit;
    struct ledger_account made;
    struct ledger_details *details = arena_alloc(model->arena, sizeof *details);
    bool changed;
    EXPECT_OK(ledger_unit_open(&model->fixture->service, txn, model->arena, 1, &unit));
    EXPECT_OK(ledger_service_freeze_account(unit, &caller, &change, &made, details, &changed));
    account->frozen[side] = change.frozen;
    account->frozen_until[side] = change.frozen ? change.until_ns : 0;
}

static void run_limits(struct model *model, struct store_txn *txn)
{
    uint8_t slot = customer_slot();
    struct ref_account *account = &model->ref.accounts[slot];
    struct ledger_caller caller = model_caller(0);
    if (account->closed) return;
    account->credit_limit = one_in(3) ? 0 : (__int128)random_below(50000);
    account->has_min = one_in(3);
    account->has_max = one_in(3);
    account->min = account->has_min ? (__int128)random_below(20000) - 10000 : 0;
    account->max = account->has_max ? (__int128)random_below(40000000) + 200000 : 0;
    struct ledger_account_change change = {
        .account_id = model_account(model, slot),
        .if_match = UINT64_MAX,
        .has_credit_limit = true,
        .has_min_balance = true,
        .has_max_balance = true,
        .credit_limit = (u128)account->credit_limit,
        .min_is_set = account->has_min,
        .max_is_set = account->has_max,
        .min_balance = account->min,
        .max_balance = account->max,
    };
    struct ledger_unit *unit;
    struct ledger_account made;
    struct ledger_details *details = arena_alloc(model->arena, sizeof *details);
    change.details = arena_alloc(model->arena, sizeof *details);
    bool changed;
    EXPECT_OK(ledger_unit_open(&model->fixture->service, txn, model->arena, 1, &unit));
    EXPECT_OK(ledger_service_update_account(unit, &caller, &change, &made, details, &changed));
}

static void run_flags(struct model *model, struct store_txn *txn)
{
    uint8_t owner = (uint8_t)(1 + random_below(REF_OWNERS));
    struct ref_owner *of = &model->ref.owners[owner];
    struct ledger_profile profile, made;
    if (!of->has_tier) return;
    EXPECT_OK(ledger_service_get_profile(txn, model_id(0x40, owner), &profile));
    profile.debit_freeze = of->debit_freeze = one_in(12);
    profile.credit_freeze = of->credit_freeze = one_in(12);
    EXPECT_OK(ledger_service_update_profile(&model->fixture->service, txn, &profile,
                                            profile.version, &made));
}

/// Closes an account, sweeping what is left, and opens another in its place.
static void run_close(struct model *model, struct store_txn *txn)
{
    uint8_t slot = customer_slot(), to = customer_slot();
    struct ref_account *account = &model->ref.accounts[slot];
    struct ref *ref = &model->ref;
    struct ledger_caller caller = model_caller(0);
    uint64_t wall = clock_wall_ns(), number;
    ref_expire(ref, wall);
    catch_up(model, txn);
    if (account->closed) {
        uint8_t owner = account->owner, currency = account->currency;
        open_account(model, txn, slot, owner, currency, LEDGER_CLASS_LIABILITY);
        return;
    }
    __int128 left =
        (__int128)account->totals.posted[REF_CREDIT] - (__int128)account->totals.posted[REF_DEBIT];
    struct ref_ask ask = {.id = ++model->next_id,
                          .kind = REF_POSTED,
                          .debit = slot,
                          .credit = to,
                          .currency = account->currency,
                          .has_amount = true,
                          .amount = (ref_amount)left};
    struct ledger_movement sweep = model_movement(model, &ask);
    struct ledger_unit *unit;
    struct ledger_outcome outcome = {0};
    struct ledger_account made;
    struct ledger_details *details = arena_alloc(model->arena, sizeof *details);
    bool changed, is_held = account->totals.pending[0] + account->totals.pending[1] > 0;
    bool has_sweep = one_in(2);
    const char *expected = NULL;
    if (is_held)
        expected = "ACCOUNT_HAS_PENDING";
    else if (left < 0 || (left > 0 && !has_sweep))
        expected = "BALANCE_NOT_ZERO";
    else if (left > 0)
        expected = ref_move(ref, &ask, wall, &number);

    EXPECT_OK(ledger_unit_open(&model->fixture->service, txn, model->arena, 1, &unit));
    struct status status =
        ledger_service_close_account(unit, &caller, model_account(model, slot),
                                     has_sweep ? &sweep : NULL, &outcome, &made, details, &changed);
    if (expected != NULL)
        EXPECT_REFUSED(status, expected);
    else {
        EXPECT_OK(status);
        account->closed = true;
        EXPECT(made.closed);
    }
    catch_up(model, txn);
    compare_account(model, txn, slot);
}

static void move_clock(struct model *model)
{
    uint64_t jumps = model->operations_max / 400; // Days to go, about; REF_DAYS bounds them.
    uint64_t wall = clock_wall_ns();
    bool has_days_left = wall / (86400 * NS_PER_SECOND) + 4 < model->ref.first_day + REF_DAYS;
    if (has_days_left && one_in(model->operations_max / (jumps < 400 ? jumps + 1 : 400) + 1))
        clock_test_advance(random_below(2 * 86400) * NS_PER_SECOND);
    else if (one_in(300))
        clock_test_set(wall - random_below(30) * NS_PER_SECOND, clock_mono_ns());
    else
        clock_test_advance(random_below(one_in(10) ? 5 * NS_PER_SECOND : NS_PER_SECOND / 10));
}

/// What takes a ledger time may let something expire: both begin with nothing due.
static void run_rare(struct model *model, struct store_txn *txn)
{
    static void (*const rare[])(struct model *, struct store_txn *) = {run_freeze, run_limits,
                                                                       run_flags, run_close};
    ref_expire(&model->ref, clock_wall_ns());
    catch_up(model, txn);
    rare[random_below(sizeof rare / sizeof rare[0])](model, txn);
}

static struct status run_operations(struct store_txn *txn, void *context)
{
    struct model *model = context;
    for (size_t i = 0; i < OPERATIONS_PER_JOB; i++, model->operations++) {
        arena_reset(model->arena);
        model_operation = model->operations;
        if (one_in(40))
            run_batch(model, txn);
        else if (one_in(40))
            run_rare(model, txn);
        else
            run_move(model, txn);
        sync_time(model, txn);
        move_clock(model);
        compare_limits(model, txn, (uint8_t)(1 + random_below(REF_OWNERS)));
    }
    return STATUS_SUCCESS;
}

static struct status compare_everything(struct store_txn *txn, void *context)
{
    struct model *model = context;
    for (uint8_t slot = 1; slot < REF_ACCOUNTS; slot++) {
        compare_account(model, txn, slot);
        compare_history(model, txn, slot);
        for (int i = 0; i < 5; i++) {
            arena_reset(model->arena);
            compare_statement(model, txn, slot);
        }
    }
    compare_trial_balance(model, txn);
    return STATUS_SUCCESS;
}

/// What main.c takes from the configuration, in a service that was opened anew.
static void set_policy(struct ledger_service *service)
{
    service->four_eyes_above = 5000;
    service->sca.for_new_payees = true;
    service->verify_sca = model_verify_sca;
    EXPECT(ledger_figures_read("10000 USD=5000", &service->sca.above));
}

static size_t operations_asked = OPERATIONS_IN_CI;

static void test_the_ledger_is_what_the_reference_is(void **state)
{
    struct model *model = calloc(1, sizeof *model);
    EXPECT(model);
    model->fixture = *state;
    set_policy(&model->fixture->service);
    model->operations_max = operations_asked;
    model->arena = arena_open(ARENA_BYTES);
    ref_open(&model->ref, TEST_BEGIN_NS);
    model->ref.four_eyes_above = 500000;
    model->ref.approved_above[1] = 1000000;
    model->ref.approved_above[2] = 500000;
    run_job(model->fixture, set_up, model);
    size_t part = operations_asked / 10;
    for (size_t next = part; model->operations < operations_asked;) {
        run_job(model->fixture, run_operations, model);
        if (model->operations < next) continue;
        next += part;
        run_job(model->fixture, compare_everything, model);
        assert_clean(model->fixture);
        close_fixture(model->fixture);
        open_fixture(model->fixture);
        set_policy(&model->fixture->service);
    }
    print_message("%zu created, %zu repeated, %zu batches, %zu transfers in all\n", model->created,
                  model->existed, model->batches, (size_t)model->ref.transfer_count);
    size_t never = 0;
    for (enum ledger_reason reason = 0; reason < LEDGER_REASON_COUNT; reason++) {
        if (getenv("FLORIN_MODEL_VERBOSE") != NULL)
            print_message("%8zu %s\n", model->hits[reason], ledger_reasons[reason].name);
        if (model->hits[reason] == 0)
            print_message("%s was never the answer\n", ledger_reasons[reason].name);
        never += model->hits[reason] == 0;
    }
    assert_int_equal(never, 0);
    arena_close(&model->arena);
    ref_close(&model->ref);
    free(model);
}

int main(int argc, char **argv)
{
    if (argc > 1) operations_asked = (size_t)strtoull(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_ledger_is_what_the_reference_is, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
