#include "services/ledger/store.h"

#include "common/base/clock.h"
#include "services/ledger/store_internal.h"
#include "services/ledger/totals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct store_table tables[] = {
    {LEDGER_TABLE_STATE, "ledger_state"},
    {LEDGER_TABLE_ACCOUNTS, "ledger_accounts"},
    {LEDGER_TABLE_ACCOUNT_NUMBERS, "ledger_account_numbers"},
    {LEDGER_TABLE_ACCOUNT_OWNERS, "ledger_account_owners"},
    {LEDGER_TABLE_ACCOUNT_DETAILS, "ledger_account_details"},
    {LEDGER_TABLE_TRANSFERS, "ledger_transfers"},
    {LEDGER_TABLE_IDS, "ledger_ids"},
    {LEDGER_TABLE_PROFILES, "ledger_profiles"},
    {LEDGER_TABLE_COUNTERS, "ledger_counters"},
    {LEDGER_TABLE_CURRENCIES, "ledger_currencies"},
    {LEDGER_TABLE_CURSORS, "ledger_cursors"},
    {LEDGER_TABLE_EXTERNAL_REFS, "ledger_external_refs"},
    {LEDGER_TABLE_ACCOUNT_VERSIONS, "ledger_account_versions"},
    {LEDGER_TABLE_PROGRESS, "ledger_progress"},
    {LEDGER_TABLE_EXPIRIES, "ledger_expiries"},
    {LEDGER_TABLE_GROUPS, "ledger_groups"},
    {LEDGER_TABLE_TOTALS, "ledger_totals"},
    {LEDGER_TABLE_CHECKPOINTS, "ledger_checkpoints"},
    {LEDGER_TABLE_QUOTES, "ledger_quotes"},
    {LEDGER_TABLE_SCA_BURNT, "ledger_sca_burnt"},
    {LEDGER_TABLE_PAYEES, "ledger_payees"},
};
static_assert(sizeof tables / sizeof tables[0] == LEDGER_TABLE_END - LEDGER_TABLE_STATE,
              "every table has a name");

// Version 2 added tables and gave presence bits a meaning; what version 1 wrote is read as it is.
// Version 3 added the tables of approvals, which begin empty: nobody has approved anything before.
static struct status begin_approvals(struct store_txn *txn)
{
    (void)txn;
    return STATUS_SUCCESS;
}

static const struct store_migration migrations[] = {
    {.from = 1, .run = ledger_totals_rebuild},
    {.from = 2, .run = begin_approvals},
};

const struct store_schema ledger_store_schema = {
    .name = "ledger",
    .version = 3,
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .migrations = migrations,
    .migration_count = sizeof migrations / sizeof migrations[0],
};

#define CLOCK_BEHIND_NS_MAX (60 * NS_PER_SECOND)

// ---- Conservation -------------------------------------------------------------------------------

static bool tally_is_of(const struct ledger_tally *tally, const struct ledger_account *account)
{
    return tally->class == account->class && strcmp(tally->currency, account->currency) == 0;
}

static struct ledger_tally *find_tally(struct ledger_store *ledger,
                                       const struct ledger_account *account)
{
    if (ledger->last < ledger->tally_count && tally_is_of(&ledger->tallies[ledger->last], account))
        return &ledger->tallies[ledger->last];
    for (size_t i = 0; i < ledger->tally_count; i++) {
        if (!tally_is_of(&ledger->tallies[i], account)) continue;
        ledger->last = i;
        return &ledger->tallies[i];
    }
    if (ledger->tally_count == ledger->tally_room) {
        ledger->tally_room = ledger->tally_room > 0 ? ledger->tally_room * 2 : 8;
        ledger->tallies =
            realloc(ledger->tallies, ledger->tally_room * sizeof(struct ledger_tally));
        CHECK(ledger->tallies != NULL);
    }
    struct ledger_tally *tally = &ledger->tallies[ledger->tally_count];
    *tally = (struct ledger_tally){.class = account->class};
    memcpy(tally->currency, account->currency, sizeof tally->currency);
    ledger->last = ledger->tally_count++;
    return tally;
}

/// What the job under way changed becomes the group's.
static void keep_job(struct ledger_tally *tally)
{
    static const struct ledger_totals zeros;
    ledger_totals_difference(&tally->change, &tally->job, &zeros);
    tally->is_touched = tally->is_touched || tally->job_is_touched;
    tally->job = zeros;
    tally->job_is_touched = false;
}

void ledger_store_tally(struct store_txn *txn, struct ledger_account *account)
{
    // Totals hold no padding: four u128.
    if (memcmp(&account->totals, &account->loaded, sizeof account->totals) == 0) return;
    struct ledger_store *ledger = ledger_store_of(txn);
    CHECK(ledger != NULL);
    struct ledger_tally *tally = find_tally(ledger, account);
    uint64_t serial = store_txn_serial(txn);
    if (tally->job_serial != serial) keep_job(tally);
    tally->job_serial = serial;
    tally->job_is_touched = true;
    ledger_totals_difference(&tally->job, &account->totals, &account->loaded);
    account->loaded = account->totals;
}

static struct status check_balanced(const struct ledger_store *ledger)
{
    for (size_t i = 0; i < ledger->tally_count; i++) {
        // Classes of one currency are summed with the first of them; sums of later ones are parts.
        struct ledger_totals sum = {0};
        bool is_first = true;
        for (size_t j = 0; j < ledger->tally_count; j++) {
            if (strcmp(ledger->tallies[i].currency, ledger->tallies[j].currency) != 0) continue;
            is_first = is_first && j >= i;
            ledger_totals_difference(&sum, &ledger->tallies[j].change, &(struct ledger_totals){0});
        }
        if (!is_first) continue;
        if (sum.debits_posted != sum.credits_posted || sum.debits_pending != sum.credits_pending)
            return REFUSE(INTERNAL, NOT_CONSERVED, "debits and credits of a commit differ");
    }
    return STATUS_SUCCESS;
}

static struct status add_to_totals(struct ledger_store *ledger, struct store_txn *txn)
{
    bool any = false;
    for (size_t i = 0; i < ledger->tally_count; i++) {
        const struct ledger_tally *tally = &ledger->tallies[i];
        if (!tally->is_touched) continue;
        RETURN_IF_ERROR(ledger_totals_add(txn, tally->currency, tally->class, &tally->change));
        any = true;
    }
    return any ? ledger_totals_checkpoint(txn) : STATUS_SUCCESS;
}

static struct status before_commit(void *context, struct store_txn *txn)
{
    struct ledger_store *ledger = context;
    for (size_t i = 0; i < ledger->tally_count; i++)
        keep_job(&ledger->tallies[i]);
    RETURN_IF_ERROR(check_balanced(ledger));
    RETURN_IF_ERROR(add_to_totals(ledger, txn));
    ledger->tally_count = 0;
    if (!ledger->state_was_put) return STATUS_SUCCESS;
    struct ledger_state state;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    ledger->committing_ns = state.last_time_ns;
    return STATUS_SUCCESS;
}

static void after_commit(void *context)
{
    struct ledger_store *ledger = context;
    if (ledger->state_was_put) atomic_store(&ledger->committed_ns, ledger->committing_ns);
    ledger->state_was_put = false;
    if (atomic_load_explicit(&ledger->is_writing, memory_order_relaxed))
        atomic_store(&ledger->is_writing, false);
}

static void rolled_back(void *context)
{
    struct ledger_store *ledger = context;
    ledger->tally_count = 0;
    ledger->next_expiry_is_known = false;
    ledger->checkpoint_is_known = false;
    ledger->state_was_put = false;
    atomic_store(&ledger->is_writing, false);
}

static void job_refused(void *context, uint64_t serial)
{
    struct ledger_store *ledger = context;
    for (size_t i = 0; i < ledger->tally_count; i++) {
        struct ledger_tally *tally = &ledger->tallies[i];
        if (tally->job_serial != serial) continue;
        tally->job = (struct ledger_totals){0};
        tally->job_is_touched = false;
    }
    ledger->next_expiry_is_known = false;
}

// ---- Opening ------------------------------------------------------------------------------------

struct status ledger_store_open(struct store *store, struct ledger_store **ret)
{
    struct store_txn *txn;
    struct ledger_state state = {0};
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    struct status status = ledger_store_get_state(txn, &state);
    store_snapshot_end(&txn);
    RETURN_IF_ERROR(status);
    uint64_t now_ns = clock_wall_ns();
    if (now_ns < state.last_time_ns && state.last_time_ns - now_ns > CLOCK_BEHIND_NS_MAX) {
        return REFUSE(FAILED_PRECONDITION, CLOCK_BEHIND_LEDGER,
                      "the wall clock is more than 60 s behind the last ledger time");
    }

    struct ledger_store *ledger = calloc(1, sizeof *ledger);
    CHECK(ledger != NULL);
    atomic_init(&ledger->is_writing, false);
    atomic_init(&ledger->committed_ns, state.last_time_ns);
    atomic_init(&ledger->promised_ns, state.last_time_ns);
    store_set_local(store, LEDGER_STORE_LOCAL_SLOT, ledger);
    store_add_hook(store, &(struct store_hook){.before_commit = before_commit,
                                               .after_commit = after_commit,
                                               .rolled_back = rolled_back,
                                               .job_refused = job_refused,
                                               .context = ledger});
    *ret = ledger;
    return STATUS_SUCCESS;
}

void ledger_store_close(struct ledger_store **ledger)
{
    if (*ledger == NULL) return;
    free((*ledger)->tallies);
    free(*ledger);
    *ledger = NULL;
}

// ---- Settled times ------------------------------------------------------------------------------

// A reader promises that nothing will be added at or before a time; the writer gives out times
// without asking readers. Both announce first and look second:
//     reader  R1 promised_ns := max(promised_ns, time)    R2 read is_writing    R3 read
//     committed_ns writer  W1 is_writing := true    W2 read promised_ns, give out later times only
//             W3 commit    W4 committed_ns := last time    W5 is_writing := false
// All of them are sequentially consistent, so they have one order that everybody agrees on. A group
// whose W1 comes after R2 has its W2 after R1: its times are later than what was promised,
// whatever the clock says, forwards or back. A group whose W1 comes before R2 is either seen at R2,
// or its W5, and so its W4, came before: then R3 finds its last time, or a later group's. When that
// is the snapshot's own last time, the snapshot holds every group up to it. When it is not (the
// snapshot is older, or so new that its group's W4 is still to come), or a group is under way, the
// answer is the snapshot's last time: true of any snapshot, since times only rise. A promise that
// is not kept so has at most made a time later than the clock.
// A group that is rolled back passes W5 without W4: nothing of it is in any snapshot.
// An EXPIRY is the one entry whose time is not taken from the clock: the reader stays before the
// first one that its snapshot says is to come, and a hold that is made later is due later than its
// own time, which is later than the promise.
uint64_t ledger_store_mark_writing(struct store_txn *txn)
{
    struct ledger_store *ledger = ledger_store_of(txn);
    CHECK(ledger != NULL);
    if (!atomic_load_explicit(&ledger->is_writing, memory_order_relaxed)) {
        atomic_store(&ledger->is_writing, true);                     // W1
        ledger->earliest_ns = atomic_load(&ledger->promised_ns) + 1; // W2
    }
    return ledger->earliest_ns;
}

static void raise_to(_Atomic uint64_t *highest, uint64_t value)
{
    uint64_t seen = atomic_load(highest);
    while (seen < value && !atomic_compare_exchange_weak(highest, &seen, value)) {
    }
}

struct status ledger_store_settled(struct ledger_store *ledger, struct store_txn *txn,
                                   uint64_t now_ns, uint64_t *ret_ns)
{
    CHECK(!store_txn_is_write(txn));
    struct ledger_state state;
    uint64_t until_ns = now_ns, expires_at_ns, number;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    struct status status = ledger_store_next_expiry(txn, &expires_at_ns, &number);
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    if (status_ok(status) && expires_at_ns <= until_ns) until_ns = expires_at_ns - 1;

    *ret_ns = state.last_time_ns;
    if (until_ns <= state.last_time_ns) return STATUS_SUCCESS;
    raise_to(&ledger->promised_ns, until_ns);                // R1
    bool is_writing = atomic_load(&ledger->is_writing);      // R2
    uint64_t committed = atomic_load(&ledger->committed_ns); // R3
    if (!is_writing && committed == state.last_time_ns) *ret_ns = until_ns;
    return STATUS_SUCCESS;
}

// ---- State --------------------------------------------------------------------------------------

static const uint8_t state_key[] = {'s'};

struct status ledger_store_get_state(struct store_txn *txn, struct ledger_state *ret)
{
    struct bytes value;
    struct status status =
        store_get(txn, LEDGER_TABLE_STATE, bytes_of(state_key, sizeof state_key), &value);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct ledger_state){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return ledger_state_decode(value, ret);
}

void ledger_store_put_state(struct store_txn *txn, const struct ledger_state *state)
{
    struct ledger_store *ledger = ledger_store_of(txn);
    if (ledger != NULL) ledger->state_was_put = true;
    uint8_t record[LEDGER_STATE_BYTES];
    size_t size = ledger_state_encode(state, record);
    store_put(txn, LEDGER_TABLE_STATE, bytes_of(state_key, sizeof state_key),
              bytes_of(record, size));
}
