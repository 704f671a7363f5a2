// Lists of transfers against the log as it is: every page of every kind of list, whatever is asked
// for, is what a walk over all transfers finds. And accounts at a time.

#include "common/base/clock.h"
#include "tests/unit/ledger/fixture.h"

enum {
    ACCOUNTS = 6, // 0x11 .. 0x16: the odd ones are ASHA's, the others RAVI's.
    FIRST_ACCOUNT = 0x11,
    TRANSFERS = 400,
    GROUP = 0xb0, // The first of three groups.
    GROUPS = 3,
    ARENA_BYTES_MAX = 64 << 20,
};

#define SECOND NS_PER_SECOND

static uint8_t owner_of(uint8_t account)
{
    return account % 2 == 1 ? ASHA : RAVI;
}

// ---- The log ------------------------------------------------------------------------------------

/// All transfers, by number; [0] is unused.
struct log {
    struct ledger_transfer transfers[2 * TRANSFERS];
    uint64_t count;
};

static void read_log(struct fixture *fixture, struct log *ret)
{
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    struct ledger_state state;
    assert_status_ok(ledger_store_get_state(txn, &state));
    ret->count = state.transfer_count;
    assert_true(ret->count < ROWS(ret->transfers));
    for (uint64_t number = 1; number <= ret->count; number++)
        assert_status_ok(ledger_store_get_transfer(txn, NULL, number, &ret->transfers[number]));
}

static void make_random_log(struct fixture *fixture)
{
    for (uint8_t account = FIRST_ACCOUNT; account < FIRST_ACCOUNT + ACCOUNTS; account++) {
        make_customer(fixture, owner_of(account), account);
        must_deposit(fixture, account, 1000000);
    }
    for (int i = 0; i < TRANSFERS; i++) {
        uint8_t debit = (uint8_t)(FIRST_ACCOUNT + random_below(ACCOUNTS));
        uint8_t credit = (uint8_t)(FIRST_ACCOUNT + random_below(ACCOUNTS));
        if (debit == credit) continue;
        struct ledger_movement movement = random_below(4) == 0
                                              ? hold_of(id128_generate(), debit, credit, 1, 3)
                                              : transfer_of(id128_generate(), debit, credit, 1);
        movement.asked.code = (uint16_t)random_below(3);
        uint64_t group = random_below(GROUPS + 2);
        if (group < GROUPS) movement.asked.group_id = id_of((uint8_t)(GROUP + group));
        must_move(fixture, movement);
        if (random_below(3) == 0) clock_test_advance(random_below(2 * SECOND));
    }
}

// ---- What a list should be ----------------------------------------------------------------------

enum list_kind { OF_ACCOUNT, OF_ALL, OF_OWNER, OF_GROUP, LIST_KINDS };

struct list {
    enum list_kind kind;
    uint8_t account, owner; // OF_ACCOUNT; OF_OWNER.
    uint8_t group;
    struct ledger_caller caller; // OF_GROUP.
    struct ledger_history_query query;
};

static bool touches_owner(const struct ledger_transfer *transfer, struct id128 owner_id)
{
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        uint8_t account = transfer->account_id[side].bytes[0];
        bool is_ours = id128_equal(transfer->account_id[side], id_of(account));
        if (is_ours && id128_equal(id_of(owner_of(account)), owner_id)) return true;
    }
    return false;
}

static bool list_has(const struct list *list, const struct ledger_transfer *transfer)
{
    const struct ledger_history_query *query = &list->query;
    if (transfer->created_at_ns < query->from_ns) return false;
    if (query->to_ns != 0 && transfer->created_at_ns >= query->to_ns) return false;
    if (query->code != 0 && transfer->code != query->code) return false;
    struct id128 account_id = id_of(list->account);
    bool is_side[LEDGER_SIDES] = {id128_equal(transfer->account_id[LEDGER_DEBIT], account_id),
                                  id128_equal(transfer->account_id[LEDGER_CREDIT], account_id)};
    switch (list->kind) {
    case OF_ACCOUNT:
        return query->has_side ? is_side[query->side]
                               : is_side[LEDGER_DEBIT] || is_side[LEDGER_CREDIT];
    case OF_OWNER:
        return touches_owner(transfer, id_of(list->owner));
    case OF_GROUP:
        return id128_equal(transfer->group_id, id_of(list->group)) &&
               (list->caller.is_any || touches_owner(transfer, list->caller.user_id));
    default:
        return true;
    }
}

static struct status get_page(struct fixture *fixture, struct store_txn *txn, struct arena *arena,
                              const struct list *list, struct ledger_page *ret)
{
    (void)fixture;
    struct ledger_account account;
    struct id128 owner_id = id_of(list->owner);
    switch (list->kind) {
    case OF_ACCOUNT:
        RETURN_IF_ERROR(ledger_store_get_account(txn, id_of(list->account), &account));
        return ledger_service_history(txn, arena, &account, &list->query, ret);
    case OF_OWNER:
        return ledger_service_list_transfers(txn, arena, &owner_id, &list->query, ret);
    case OF_GROUP:
        return ledger_service_list_group(txn, arena, &list->caller, id_of(list->group),
                                         &list->query, ret);
    default:
        return ledger_service_list_transfers(txn, arena, NULL, &list->query, ret);
    }
}

/// Walks all pages of a list, and the log beside them. The last page but an empty list's is never
/// empty.
static void assert_list(struct fixture *fixture, const struct log *log, struct list list)
{
    uint64_t number = log->count;
    bool has_more;
    do {
        CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
        CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
        struct ledger_page page;
        assert_status_ok(get_page(fixture, txn, arena, &list, &page));
        for (size_t i = 0; i < page.count; i++, number--) {
            while (number > 0 && !list_has(&list, &log->transfers[number]))
                number--;
            assert_int_equal(page.transfers[i].number, number);
            assert_true(id128_equal(page.transfers[i].id, log->transfers[number].id));
        }
        has_more = page.next_before != 0;
        if (has_more) assert_int_equal(page.count, list.query.size);
        if (list.query.before_number != 0) assert_true(page.count > 0);
        list.query.before_number = page.next_before;
    } while (has_more);
    while (number > 0 && !list_has(&list, &log->transfers[number]))
        number--;
    assert_int_equal(number, 0);
}

static uint64_t random_time(const struct log *log)
{
    uint64_t at_ns = log->transfers[1 + random_below(log->count)].created_at_ns;
    return at_ns - 1 + random_below(3);
}

static void test_every_page_is_what_the_log_says(void **state)
{
    struct fixture *fixture = *state;
    static struct log log;
    make_random_log(fixture);
    clock_test_advance(10 * SECOND);
    must_deposit(fixture, FIRST_ACCOUNT, 1); // Lets the last holds expire.
    read_log(fixture, &log);
    for (int i = 0; i < 2000; i++) {
        struct list list = {
            .kind = (enum list_kind)random_below(LIST_KINDS),
            .account = (uint8_t)(FIRST_ACCOUNT + random_below(ACCOUNTS)),
            .owner = random_below(2) == 0 ? ASHA : RAVI,
            .group = (uint8_t)(GROUP + random_below(GROUPS + 1)), // The last has no members.
            .caller = random_below(2) == 0 ? teller : customer(random_below(2) == 0 ? ASHA : RAVI),
            .query = {.size = 1 + random_below(random_below(2) == 0 ? 8 : 600)},
        };
        if (random_below(2) == 0) list.query.from_ns = random_time(&log);
        if (random_below(2) == 0) list.query.to_ns = random_time(&log);
        if (random_below(3) == 0) list.query.code = (uint16_t)random_below(4);
        if (list.kind == OF_ACCOUNT && random_below(2) == 0) {
            list.query.has_side = true;
            list.query.side = (enum ledger_side)random_below(LEDGER_SIDES);
        }
        assert_list(fixture, &log, list);
    }
}

static void test_lists_of_nothing_are_empty(void **state)
{
    struct fixture *fixture = *state;
    static struct log log;
    make_account(fixture, ASHA, FIRST_ACCOUNT, "INR");
    for (enum list_kind kind = 0; kind < LIST_KINDS; kind++) {
        struct list list = {.kind = kind,
                            .account = FIRST_ACCOUNT,
                            .owner = ASHA,
                            .group = GROUP,
                            .caller = teller,
                            .query = {.size = 10}};
        assert_list(fixture, &log, list);
        list.query.to_ns = TEST_BEGIN_NS + SECOND;
        assert_list(fixture, &log, list);
    }
}

/// A page of a group begins at a member; a number that is none, which no page gave out, at none.
static void test_a_group_is_entered_at_its_members_only(void **state)
{
    struct fixture *fixture = *state;
    make_random_log(fixture);
    static struct log log;
    read_log(fixture, &log);
    for (uint64_t before = 1; before <= log.count + 2; before++) {
        CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
        CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
        struct ledger_history_query query = {.size = 1, .before_number = before};
        struct ledger_page page;
        assert_status_ok(
            ledger_service_list_group(txn, arena, &teller, id_of(GROUP), &query, &page));
        bool is_member = before - 1 <= log.count && before > 1 &&
                         id128_equal(log.transfers[before - 1].group_id, id_of(GROUP));
        assert_int_equal(page.count, is_member);
        if (is_member) assert_int_equal(page.transfers[0].number, before - 1);
    }
}

// ---- Bounds -------------------------------------------------------------------------------------

enum { MANY = LEDGER_LOOKED_AT_MAX + 100 };

static void post_many(struct fixture *fixture)
{
    static struct ledger_movement movements[MANY];
    for (size_t i = 0; i < MANY; i++) {
        movements[i] = transfer_of(id128_generate(), FIRST_ACCOUNT, FIRST_ACCOUNT + 1, 1);
        movements[i].asked.code = i == 0 ? 7 : 1;
    }
    must_move_all(fixture, movements, MANY / 2);
    must_move_all(fixture, movements + MANY / 2, MANY - MANY / 2);
}

/// One that fits lies behind more than a page may look at: the page comes back empty, and the next
/// one finds it.
static void test_a_page_looks_at_a_bounded_number(void **state)
{
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, FIRST_ACCOUNT);
    make_customer(fixture, RAVI, FIRST_ACCOUNT + 1);
    must_deposit(fixture, FIRST_ACCOUNT, MANY);
    post_many(fixture);
    for (enum list_kind kind = OF_ACCOUNT; kind <= OF_OWNER; kind++) {
        struct list list = {.kind = kind,
                            .account = FIRST_ACCOUNT,
                            .owner = ASHA,
                            .query = {.size = 10, .code = 7}};
        CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
        CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
        struct ledger_page page;
        assert_status_ok(get_page(fixture, txn, arena, &list, &page));
        assert_int_equal(page.count, 0);
        assert_int_equal(page.next_before, MANY + 1 - LEDGER_LOOKED_AT_MAX + 1);
        list.query.before_number = page.next_before;
        assert_status_ok(get_page(fixture, txn, arena, &list, &page));
        assert_int_equal(page.count, 1);
        assert_int_equal(page.transfers[0].code, 7);
        assert_int_equal(page.next_before, 0);
    }
}

static void test_an_owner_of_too_many_accounts_is_told(void **state)
{
    struct fixture *fixture = *state;
    make_customer(fixture, RAVI, 0xf0);
    make_customer(fixture, RAVI, 0xf1);
    must_deposit(fixture, 0xf0, 10000);
    set_tier(fixture, ASHA, "T3", 1);
    struct id128 owner_id = id_of(ASHA);
    for (int i = 0; i <= LEDGER_MERGED_ACCOUNTS_MAX; i++) {
        struct id128 id = id_of(FIRST_ACCOUNT);
        put_u16_be(id.bytes, (uint16_t)i);
        struct opening opening = opening_of(TELLER, ASHA, id, "INR");
        assert_status_ok(try_open_account(fixture, &opening));
        struct ledger_movement movement = transfer_of(id128_generate(), 0xf0, 0xf1, 1);
        movement.asked.account_id[LEDGER_CREDIT] = id;
        must_move(fixture, movement);

        CLEANUP(arena_close) struct arena *arena = arena_open(ARENA_BYTES_MAX);
        CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
        struct ledger_history_query query = {.size = 1};
        struct ledger_page page;
        struct status status = ledger_service_list_transfers(txn, arena, &owner_id, &query, &page);
        if (i < LEDGER_MERGED_ACCOUNTS_MAX)
            assert_status_ok(status);
        else
            assert_refused(status, "TOO_MANY_ACCOUNTS");
    }
}

// ---- At a time ----------------------------------------------------------------------------------

static bool same_totals(const struct ledger_totals *a, const struct ledger_totals *b)
{
    return a->debits_pending == b->debits_pending && a->debits_posted == b->debits_posted &&
           a->credits_pending == b->credits_pending && a->credits_posted == b->credits_posted;
}

/// The totals that the log gives an account at a time, and how many entries it has then.
static uint64_t totals_by_log(const struct log *log, uint8_t account, uint64_t at_ns,
                              struct ledger_totals *ret)
{
    uint64_t entries = 0;
    *ret = (struct ledger_totals){0};
    for (uint64_t number = 1; number <= log->count; number++) {
        const struct ledger_transfer *transfer = &log->transfers[number];
        if (transfer->created_at_ns > at_ns) break;
        for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
            if (!id128_equal(transfer->account_id[side], id_of(account))) continue;
            *ret = transfer->entry[side].after;
            entries++;
        }
    }
    return entries;
}

static void test_an_account_at_a_time_is_as_its_log_left_it(void **state)
{
    struct fixture *fixture = *state;
    static struct log log;
    make_random_log(fixture);
    clock_test_advance(10 * SECOND);
    must_deposit(fixture, FIRST_ACCOUNT, 1);
    read_log(fixture, &log);
    for (int i = 0; i < 5000; i++) {
        uint8_t id = (uint8_t)(FIRST_ACCOUNT + random_below(ACCOUNTS));
        uint64_t at_ns = random_time(&log);
        CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
        struct ledger_account account;
        struct ledger_totals expected;
        assert_status_ok(ledger_store_get_account(txn, id_of(id), &account));
        uint64_t created_at_ns = account.created_at_ns;
        struct status status =
            ledger_service_account_at(&fixture->service, txn, at_ns, clock_wall_ns(), &account);
        if (at_ns < created_at_ns) {
            assert_refused(status, "ACCOUNT_NOT_FOUND");
            continue;
        }
        uint64_t last_ns = log.transfers[log.count].created_at_ns;
        if (at_ns > last_ns && at_ns > clock_wall_ns()) {
            assert_refused(status, "NOT_SETTLED");
            continue;
        }
        assert_status_ok(status);
        assert_int_equal(account.head.entry_count, totals_by_log(&log, id, at_ns, &expected));
        assert_true(same_totals(&account.totals, &expected));
    }
}

/// A hold that is due has expired at its time, although nobody has written so yet: what lies behind
/// that time is not settled.
static void test_what_is_due_unsettles_what_comes_after(void **state)
{
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, FIRST_ACCOUNT);
    make_customer(fixture, RAVI, FIRST_ACCOUNT + 1);
    must_deposit(fixture, FIRST_ACCOUNT, 100);
    must_move(fixture, hold_of(id128_generate(), FIRST_ACCOUNT, FIRST_ACCOUNT + 1, 10, 5));
    struct ledger_account account = read_account(fixture, id_of(FIRST_ACCOUNT));
    uint64_t due_ns = account.changed_at_ns + 5 * SECOND;
    clock_test_advance(60 * SECOND);
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    struct ledger_account then = account;
    assert_status_ok(
        ledger_service_account_at(&fixture->service, txn, due_ns - 1, clock_wall_ns(), &then));
    assert_true(then.totals.debits_pending == 10);
    then = account;
    assert_refused(
        ledger_service_account_at(&fixture->service, txn, due_ns, clock_wall_ns(), &then),
        "NOT_SETTLED");
    end_read(&txn);
    must_deposit(fixture, FIRST_ACCOUNT, 1);
    txn = read_store(fixture);
    then = read_account(fixture, id_of(FIRST_ACCOUNT));
    assert_status_ok(
        ledger_service_account_at(&fixture->service, txn, due_ns, clock_wall_ns(), &then));
    assert_true(then.totals.debits_pending == 0);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_page_is_what_the_log_says),
        TEST(test_lists_of_nothing_are_empty),
        TEST(test_a_group_is_entered_at_its_members_only),
        TEST(test_a_page_looks_at_a_bounded_number),
        TEST(test_an_owner_of_too_many_accounts_is_told),
        TEST(test_an_account_at_a_time_is_as_its_log_left_it),
        TEST(test_what_is_due_unsettles_what_comes_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
