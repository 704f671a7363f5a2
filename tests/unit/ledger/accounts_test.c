// Accounts: opening, settings, freezes, closing.

#include "common/base/clock.h"
#include "tests/unit/ledger/fixture.h"

#define SECOND NS_PER_SECOND

static struct ledger_details details_of(const char *name, const char *external_ref)
{
    struct ledger_details details = {0};
    snprintf(details.name, sizeof details.name, "%s", name);
    snprintf(details.external_ref, sizeof details.external_ref, "%s", external_ref);
    return details;
}

static struct ledger_details read_details(struct fixture *fixture, uint8_t account)
{
    struct ledger_details details;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    assert_status_ok(ledger_store_get_details(txn, id_of(account), &details));
    return details;
}

// ---- Opening ------------------------------------------------------------------------------------

static const char iban[] = "GB82WEST12345698765432", wrong_iban[] = "GB83WEST12345698765432";

/// ASHAS exists before each row: ASHA's, LIABILITY, INR, "Day", "ref-1".
static void test_an_account_is_opened_once(void **state)
{
    // clang-format off
    enum { LIABILITY = LEDGER_CLASS_LIABILITY, ASSET = LEDGER_CLASS_ASSET };
    const struct {
        const char *name;
        uint8_t who;
        uint8_t owner, id;
        int class;
        const char *currency, *account_name, *external_ref;
        const char *refused;
        bool existed;
    } rows[] = {
        // given                           by       owner id     class      currency name    reference   refused because         existed
        {"a customer's own",               ASHA,    ASHA, 0x20,  LIABILITY, "INR",   "Day",  "",         NULL,                   false},
        {"staff for a customer",           TELLER,  ASHA, 0x21,  LIABILITY, "INR",   "Day",  "",         NULL,                   false},
        {"a customer for another",         ASHA,    RAVI, 0x22,  LIABILITY, "INR",   "Day",  "",         "PERMISSION_DENIED",    false},
        {"the same again",                 ASHA,    ASHA, ASHAS, LIABILITY, "INR",   "Day",  "ref-1",    NULL,                   true},
        {"the same id, another name",      ASHA,    ASHA, ASHAS, LIABILITY, "INR",   "Two",  "ref-1",    "ACCOUNT_EXISTS",       false},
        {"the same id, another currency",  ASHA,    ASHA, ASHAS, LIABILITY, "USD",   "Day",  "ref-1",    "ACCOUNT_EXISTS",       false},
        {"the same id, another reference", ASHA,    ASHA, ASHAS, LIABILITY, "INR",   "Day",  "",         "ACCOUNT_EXISTS",       false},
        {"the same id, another owner",     TELLER,  RAVI, ASHAS, LIABILITY, "INR",   "Day",  "ref-1",    "ACCOUNT_EXISTS",       false},
        {"the same id, another class",     OFFICER, ASHA, ASHAS, ASSET,     "INR",   "Day",  "ref-1",    "ACCOUNT_EXISTS",       false},
        {"an unknown currency",            ASHA,    ASHA, 0x23,  LIABILITY, "XQQ",   "Day",  "",         "CURRENCY_NOT_FOUND",   false},
        {"another's reference",            ASHA,    ASHA, 0x24,  LIABILITY, "INR",   "Day",  "ref-1",    "EXTERNAL_REF_EXISTS",  false},
        {"an IBAN",                        ASHA,    ASHA, 0x25,  LIABILITY, "INR",   "Day",  iban,       NULL,                   false},
        {"an IBAN that is not one",        ASHA,    ASHA, 0x26,  LIABILITY, "INR",   "Day",  wrong_iban, "EXTERNAL_REF_INVALID", false},
        {"a loan, by a customer",          ASHA,    ASHA, 0x27,  ASSET,     "INR",   "Loan", "",         "PERMISSION_DENIED",    false},
        {"a loan, by a teller",            TELLER,  ASHA, 0x27,  ASSET,     "INR",   "Loan", "",         "PERMISSION_DENIED",    false},
        {"a loan",                         OFFICER, ASHA, 0x27,  ASSET,     "INR",   "Loan", "",         NULL,                   false},
    };
    // clang-format on
    struct fixture *fixture = *state;
    struct ledger_details first = details_of("Day", "ref-1");
    struct opening opening = opening_of(ASHA, ASHA, id_of(ASHAS), "INR");
    opening.asked.details = &first;
    assert_status_ok(try_open_account(fixture, &opening));
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].name);
        struct dump before = dump_store(fixture);
        struct ledger_details details = details_of(rows[i].account_name, rows[i].external_ref);
        opening = opening_of(rows[i].who, rows[i].owner, id_of(rows[i].id), rows[i].currency);
        opening.asked.details = &details;
        opening.asked.class = (enum ledger_class)rows[i].class;
        struct status status = try_open_account(fixture, &opening);
        if (rows[i].refused != NULL) {
            assert_refused(status, rows[i].refused);
        } else {
            assert_status_ok(status);
            assert_int_equal(opening.existed, rows[i].existed);
            assert_true(id128_equal(opening.account.owner_id, id_of(rows[i].owner)));
            assert_int_equal(opening.account.class, rows[i].class);
            assert_true(opening.account.no_negative);
            assert_int_equal(opening.account.version, 1);
        }
        if (rows[i].refused != NULL || rows[i].existed)
            assert_same_store(fixture, &before);
        else
            free(before.data);
    }
    assert_clean(fixture);
}

static void test_system_accounts_belong_to_the_bank(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_details details = details_of("Interest paid", "");
    struct opening opening = opening_of(TELLER, 0, id_of(0x30), "INR");
    opening.asked.details = &details;
    opening.asked.kind = LEDGER_KIND_SYSTEM;
    assert_refused(try_open_account(fixture, &opening), "PERMISSION_DENIED");
    opening.who = OFFICER;
    opening.asked.class = LEDGER_CLASS_EXPENSE;
    assert_status_ok(try_open_account(fixture, &opening));
    assert_false(opening.account.no_negative);
    assert_true(id128_is_nil(opening.account.owner_id));

    opening.asked.id = ledger_system_account_id("INR", LEDGER_CASH);
    assert_refused(try_open_account(fixture, &opening), "ACCOUNT_ID_RESERVED");
    assert_clean(fixture);
}

static void must_hold(struct fixture *fixture, uint8_t debit, uint8_t credit, u128 amount,
                      uint32_t timeout_seconds)
{
    must_move(fixture, hold_of(id128_generate(), debit, credit, amount, timeout_seconds));
}

static void test_what_is_due_expires_before_an_account_is_opened(void **state)
{
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, ASHAS);
    make_customer(fixture, RAVI, RAVIS);
    must_deposit(fixture, ASHAS, 100);
    must_hold(fixture, ASHAS, RAVIS, 60, 10);
    uint64_t due_ns = read_account(fixture, id_of(ASHAS)).changed_at_ns + 10 * SECOND;
    clock_test_advance(60 * SECOND);

    struct ledger_details details = details_of("Second", "");
    struct opening opening = opening_of(ASHA, ASHA, id_of(ASHAS_OTHER), "INR");
    opening.asked.details = &details;
    assert_status_ok(try_open_account(fixture, &opening));
    struct ledger_account held = read_account(fixture, id_of(ASHAS));
    assert_true(held.totals.debits_pending == 0);
    assert_int_equal(held.changed_at_ns, due_ns);
    assert_true(opening.account.created_at_ns > due_ns);
    assert_clean(fixture);
}

// ---- Settings -----------------------------------------------------------------------------------

struct update {
    uint8_t who;
    struct ledger_account_change asked;
    struct ledger_account account;
    struct ledger_details details;
    bool changed;
};

static struct status run_update(struct ledger_unit *unit, void *context)
{
    struct update *update = context;
    const struct ledger_caller caller = caller_of(update->who);
    return ledger_service_update_account(unit, &caller, &update->asked, &update->account,
                                         &update->details, &update->changed);
}

enum { ANY = -1 };

struct update_row {
    const char *name;
    uint8_t who;
    int if_match;
    struct ledger_account_change asked;
    const char *refused;
    bool changed;
};

static void try_update(struct fixture *fixture, const struct update_row *row, uint64_t *version)
{
    print_message("%s\n", row->name);
    clock_test_advance(SECOND);
    struct dump before = dump_store(fixture);
    struct update update = {.who = row->who, .asked = row->asked};
    update.asked.account_id = id_of(ASHAS);
    update.asked.if_match = row->if_match == ANY ? UINT64_MAX : (uint64_t)row->if_match;
    struct status status = run_on_unit(fixture, run_update, &update);
    if (row->refused != NULL) {
        assert_refused(status, row->refused);
    } else {
        *version += row->changed;
        assert_status_ok(status);
        assert_int_equal(update.changed, row->changed);
        assert_int_equal(update.account.version, *version);
        if (row->changed) assert_int_equal(update.details.updated_at_ns, clock_wall_ns());
    }
    if (row->refused != NULL || !row->changed)
        assert_same_store(fixture, &before);
    else
        free(before.data);
}

static void test_an_update_changes_what_it_names(void **state)
{
    static const struct ledger_details new = {.name = "Household", .external_ref = "ref-2"};
    static const struct ledger_details taken = {.external_ref = "ravis-ref"};
    static const struct ledger_details wrong = {.external_ref = "GB83WEST12345698765432"};
    static const struct ledger_details none = {0};

    // clang-format off
    const struct update_row rows[] = {
        // given                          by       ver. members                                        refused because         changed
        {"a name",                        ASHA,    1,   {.has_name = true, .details = &new},           NULL,                   true},
        {"the same name again",           ASHA,    2,   {.has_name = true, .details = &new},           NULL,                   false},
        {"an older version",              ASHA,    1,   {.has_name = true, .details = &none},          "VERSION_MISMATCH",     false},
        {"whatever version",              ASHA,    ANY, {.has_external_ref = true, .details = &new},   NULL,                   true},
        {"nothing",                       ASHA,    3,   {.details = NULL},                             NULL,                   false},
        {"another's account",             RAVI,    3,   {.has_name = true, .details = &none},          "PERMISSION_DENIED",    false},
        {"another's reference",           ASHA,    3,   {.has_external_ref = true, .details = &taken}, "EXTERNAL_REF_EXISTS",  false},
        {"an IBAN that is not one",       ASHA,    3,   {.has_external_ref = true, .details = &wrong}, "EXTERNAL_REF_INVALID", false},
        {"its own reference",             ASHA,    3,   {.has_external_ref = true, .details = &new},   NULL,                   false},
        {"no reference",                  ASHA,    3,   {.has_external_ref = true, .details = &none},  NULL,                   true},
        {"a limit, by a customer",        ASHA,    4,   {.has_credit_limit = true, .credit_limit = 5}, "PERMISSION_DENIED",    false},
        {"a limit, by a teller",          TELLER,  4,   {.has_min_balance = true},                     "PERMISSION_DENIED",    false},
        {"a credit limit",                OFFICER, 4,   {.has_credit_limit = true, .credit_limit = 5}, NULL,                   true},
        {"a credit limit out of range",   OFFICER, 5,   {.has_credit_limit = true, .credit_limit = U128_MAX},
                                                                                                       "VALIDATION_FAILED",    false},
        {"a maximum",                     OFFICER, 5,   {.has_max_balance = true, .max_is_set = true, .max_balance = 10},
                                                                                                       NULL,                   true},
        {"a minimum above the maximum",   OFFICER, 6,   {.has_min_balance = true, .min_is_set = true, .min_balance = 11},
                                                                                                       "LIMITS_CONTRADICT",    false},
        {"a minimum the balance breaks",  OFFICER, 6,   {.has_min_balance = true, .min_is_set = true, .min_balance = 10},
                                                                                                       NULL,                   true},
        {"no maximum",                    OFFICER, 7,   {.has_max_balance = true},                     NULL,                   true},
        {"no maximum, again",             OFFICER, 8,   {.has_max_balance = true},                     NULL,                   false},
        {"balances below zero",           OFFICER, 8,   {.has_no_negative = true},                     NULL,                   true},
    };
    // clang-format on
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, ASHAS);
    make_customer(fixture, RAVI, RAVIS);
    struct update ravis = {.who = TELLER,
                           .asked = {.account_id = id_of(RAVIS),
                                     .if_match = UINT64_MAX,
                                     .has_external_ref = true,
                                     .details = &taken}};
    assert_status_ok(run_on_unit(fixture, run_update, &ravis));
    uint64_t version = 1;
    for (size_t i = 0; i < ROWS(rows); i++)
        try_update(fixture, &rows[i], &version);
    struct update nobodys = {.who = OFFICER, .asked = {.account_id = id_of(0x77)}};
    assert_refused(run_on_unit(fixture, run_update, &nobodys), "ACCOUNT_NOT_FOUND");
    struct ledger_account account = read_account(fixture, id_of(ASHAS));
    struct ledger_details details = read_details(fixture, ASHAS);
    assert_string_equal(details.name, "Household");
    assert_string_equal(details.external_ref, "");
    assert_true(account.credit_limit == 5 && account.has_min_balance && account.min_balance == 10);
    assert_false(account.has_max_balance);
    assert_false(account.no_negative);
    assert_clean(fixture);
}

static void test_metadata_is_replaced_as_a_whole(void **state)
{
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, ASHAS);
    const char *values[] = {"12", "13", NULL};
    for (size_t i = 0; i < ROWS(values); i++) {
        struct ledger_metadata_pair pair = {bytes_of_text("branch"), bytes_of_text(values[i])};
        struct ledger_details details = {.name = "not named"};
        size_t size;
        assert_true(ledger_metadata_encode(&pair, values[i] != NULL, details.metadata, &size));
        details.metadata_size = (uint16_t)size;
        struct update update = {.who = TELLER,
                                .asked = {.account_id = id_of(ASHAS),
                                          .if_match = i + 1,
                                          .has_metadata = true,
                                          .details = &details}};
        assert_status_ok(run_on_unit(fixture, run_update, &update));
        assert_true(update.changed);
        struct ledger_details stored = read_details(fixture, ASHAS);
        assert_int_equal(stored.metadata_size, size);
        assert_memory_equal(stored.metadata, details.metadata, size);
        assert_string_not_equal(stored.name, "not named");
    }
}

/// Every version can be looked at as it was, together with the balance of its time.
static void test_settings_are_kept_by_version(void **state)
{
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, ASHAS);
    uint64_t at_ns[5];
    for (size_t i = 0; i < ROWS(at_ns); i++) {
        clock_test_advance(SECOND);
        struct update update = {.who = OFFICER,
                                .asked = {.account_id = id_of(ASHAS),
                                          .if_match = i + 1,
                                          .has_credit_limit = true,
                                          .credit_limit = i + 100}};
        assert_status_ok(run_on_unit(fixture, run_update, &update));
        at_ns[i] = update.details.updated_at_ns;
        must_deposit(fixture, ASHAS, 10);
    }
    clock_test_advance(SECOND);
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    for (size_t i = 0; i < ROWS(at_ns); i++) {
        for (uint64_t before = 0; before <= 1;
             before++) { // The change's own time, and just before.
            struct ledger_account account;
            assert_status_ok(ledger_store_get_account(txn, id_of(ASHAS), &account));
            assert_status_ok(ledger_service_account_at(&fixture->service, txn, at_ns[i] - before,
                                                       clock_wall_ns(), &account));
            uint64_t changes = i + 1 - before;
            assert_int_equal(account.version, changes + 1);
            assert_true(account.credit_limit == (changes == 0 ? 0 : changes + 99));
            assert_true(account.totals.credits_posted == i * 10);
            assert_int_equal(account.head.entry_count, i);
        }
    }
}

// ---- Freezes ------------------------------------------------------------------------------------

struct freeze {
    uint8_t who;
    struct ledger_freeze_change asked;
    struct ledger_account account;
    struct ledger_details details;
    bool changed;
};

static struct status run_freeze(struct ledger_unit *unit, void *context)
{
    struct freeze *freeze = context;
    const struct ledger_caller caller = caller_of(freeze->who);
    return ledger_service_freeze_account(unit, &caller, &freeze->asked, &freeze->account,
                                         &freeze->details, &freeze->changed);
}

/// One account through its life, a step after the other; a second passes before each.
static void test_freezes_stop_one_side_or_both(void **state)
{
    enum { NONE = 0, DEBIT = 1, CREDIT = 2, BOTH = 3 };

    // clang-format off
    static const struct {
        const char *name;
        unsigned sides;
        bool frozen;
        unsigned for_seconds;    // 0: until somebody lifts it.
        const char *reason;
        bool changed;
        unsigned frozen_then;    // Which sides are.
        const char *debit_is, *credit_is; // What the account answers.
    } rows[] = {
        // given                   sides   freeze  s   reason     changed  then    a debit            a credit
        {"lift what is not",       BOTH,   false,  0,  "",        false,   NONE,   NULL,              NULL},
        {"debits",                 DEBIT,  true,   0,  "court",   true,    DEBIT,  "ACCOUNT_FROZEN",  NULL},
        {"the very same again",    DEBIT,  true,   0,  "court",   false,   DEBIT,  "ACCOUNT_FROZEN",  NULL},
        {"for another reason",     DEBIT,  true,   0,  "fraud",   true,    DEBIT,  "ACCOUNT_FROZEN",  NULL},
        {"credits as well",        CREDIT, true,   0,  "fraud",   true,    BOTH,   "ACCOUNT_FROZEN",  "ACCOUNT_FROZEN"},
        {"lift one",               DEBIT,  false,  0,  "",        true,    CREDIT, NULL,              "ACCOUNT_FROZEN"},
        {"lift both",              BOTH,   false,  0,  "",        true,    NONE,   NULL,              NULL},
        {"both for two seconds",   BOTH,   true,   2,  "call",    true,    BOTH,   "ACCOUNT_FROZEN",  "ACCOUNT_FROZEN"},
        {"one for longer",         DEBIT,  true,   9,  "call",    true,    BOTH,   "ACCOUNT_FROZEN",  "ACCOUNT_FROZEN"},
        {"the other lifts itself", CREDIT, false,  0,  "",        false,   BOTH,   "ACCOUNT_FROZEN",  NULL},
    };
    // clang-format on
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, ASHAS);
    make_customer(fixture, RAVI, RAVIS);
    must_deposit(fixture, ASHAS, 1000);
    must_deposit(fixture, RAVIS, 1000);
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].name);
        clock_test_advance(SECOND);
        uint64_t until_ns = rows[i].for_seconds * SECOND;
        if (until_ns > 0) until_ns += clock_wall_ns();
        struct freeze freeze = {.who = OFFICER,
                                .asked = {.account_id = id_of(ASHAS),
                                          .side = {rows[i].sides & DEBIT, rows[i].sides & CREDIT},
                                          .frozen = rows[i].frozen,
                                          .until_ns = until_ns,
                                          .reason = rows[i].reason}};
        assert_status_ok(run_on_unit(fixture, run_freeze, &freeze));
        assert_int_equal(freeze.changed, rows[i].changed);
        for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
            bool is_frozen = (rows[i].frozen_then >> side & 1) != 0;
            assert_int_equal(freeze.account.frozen[side], is_frozen);
            assert_int_equal(freeze.details.freeze[side].since_ns != 0, is_frozen);
            if (!is_frozen) continue;
            assert_string_equal(freeze.details.freeze[side].author, "users/officer");
            assert_true(freeze.details.freeze[side].reason[0] != '\0');
        }
        struct ledger_outcome outcome;
        struct status debit =
            move(fixture, teller, transfer_of(id128_generate(), ASHAS, RAVIS, 1), &outcome);
        struct status credit =
            move(fixture, teller, transfer_of(id128_generate(), RAVIS, ASHAS, 1), &outcome);
        assert_string_equal(status_ok(debit) ? "" : debit.reason,
                            rows[i].debit_is != NULL ? rows[i].debit_is : "");
        assert_string_equal(status_ok(credit) ? "" : credit.reason,
                            rows[i].credit_is != NULL ? rows[i].credit_is : "");
    }
    assert_clean(fixture);
}

// ---- Closing ------------------------------------------------------------------------------------

struct closing {
    uint8_t who;
    struct id128 account_id;
    struct ledger_movement sweep;
    bool has_sweep;
    struct ledger_outcome outcome;
    struct ledger_account account;
    struct ledger_details details;
    bool changed;
};

static struct status run_closing(struct ledger_unit *unit, void *context)
{
    struct closing *closing = context;
    const struct ledger_caller caller = caller_of(closing->who);
    return ledger_service_close_account(
        unit, &caller, closing->account_id, closing->has_sweep ? &closing->sweep : NULL,
        &closing->outcome, &closing->account, &closing->details, &closing->changed);
}

static struct closing closing_of(uint8_t who, uint8_t account, uint8_t sweep_to, uint8_t sweep_id)
{
    struct closing closing = {.who = who, .account_id = id_of(account), .has_sweep = sweep_to != 0};
    closing.sweep.asked.id = id_of(sweep_id);
    closing.sweep.asked.kind = LEDGER_TRANSFER_POSTED;
    closing.sweep.asked.account_id[LEDGER_CREDIT] = id_of(sweep_to);
    return closing;
}

static void freeze_side(struct fixture *fixture, uint8_t account, enum ledger_side side)
{
    struct freeze freeze = {
        .who = OFFICER,
        .asked = {
            .account_id = id_of(account),
            .side =
                {[LEDGER_DEBIT] = side == LEDGER_DEBIT, [LEDGER_CREDIT] = side == LEDGER_CREDIT},
            .frozen = true,
            .reason = "test"}};
    assert_status_ok(run_on_unit(fixture, run_freeze, &freeze));
}

enum obstacle { NOTHING, HOLD_OUT, HOLD_IN, HOLD_THAT_IS_DUE, FROZEN, TARGET_FROZEN };

static void set_up_obstacle(struct fixture *fixture, enum obstacle obstacle)
{
    if (obstacle == HOLD_OUT) must_hold(fixture, ASHAS, RAVIS, 1, 0);
    if (obstacle == HOLD_IN) must_hold(fixture, RAVIS, ASHAS, 1, 0);
    if (obstacle == HOLD_THAT_IS_DUE) must_hold(fixture, ASHAS, RAVIS, 1, 5);
    // Ledger time runs a few ns ahead of a wall clock that stands still.
    if (obstacle == HOLD_THAT_IS_DUE) clock_test_advance(5 * SECOND + 1000);
    if (obstacle == FROZEN) freeze_side(fixture, ASHAS, LEDGER_DEBIT);
    if (obstacle == TARGET_FROZEN) freeze_side(fixture, ASHAS_OTHER, LEDGER_CREDIT);
}

/// Each row has a ledger of its own.
static void test_an_account_closes_empty_or_is_swept(void **state)
{
    // clang-format off
    const struct {
        const char *name;
        uint8_t who;
        u128 balance;
        enum obstacle obstacle;
        uint8_t sweep_to;
        const char *refused;
    } rows[] = {
        // given                        by      balance obstacle          sweep to     refused because
        {"nothing on it",               ASHA,   0,      NOTHING,          0,           NULL},
        {"nothing on it, a sweep",      ASHA,   0,      NOTHING,          ASHAS_OTHER, NULL},
        {"a balance, no sweep",         ASHA,   100,    NOTHING,          0,           "BALANCE_NOT_ZERO"},
        {"a balance, a sweep",          ASHA,   100,    NOTHING,          ASHAS_OTHER, NULL},
        {"a sweep to somebody else",    ASHA,   100,    NOTHING,          RAVIS,       NULL},
        {"a sweep by staff",            TELLER, 100,    NOTHING,          ASHAS_OTHER, NULL},
        {"another's account",           RAVI,   0,      NOTHING,          0,           "PERMISSION_DENIED"},
        {"held, out",                   ASHA,   100,    HOLD_OUT,         ASHAS_OTHER, "ACCOUNT_HAS_PENDING"},
        {"held, in",                    ASHA,   100,    HOLD_IN,          ASHAS_OTHER, "ACCOUNT_HAS_PENDING"},
        {"held until just now",         ASHA,   100,    HOLD_THAT_IS_DUE, ASHAS_OTHER, NULL},
        {"frozen",                      ASHA,   100,    FROZEN,           ASHAS_OTHER, "ACCOUNT_FROZEN"},
        {"frozen and empty",            ASHA,   0,      FROZEN,           0,           NULL},
        {"a sweep to a frozen account", ASHA,   100,    TARGET_FROZEN,    ASHAS_OTHER, "ACCOUNT_FROZEN"},
        {"a sweep to nowhere",          ASHA,   100,    NOTHING,          0x77,        "CREDIT_ACCOUNT_NOT_FOUND"},
        {"a sweep to itself",           ASHA,   100,    NOTHING,          ASHAS,       "ACCOUNTS_MUST_DIFFER"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].name);
        if (i > 0) assert_int_equal(teardown(state) | setup(state), 0);
        struct fixture *fixture = *state;
        make_customer(fixture, ASHA, ASHAS);
        make_customer(fixture, RAVI, RAVIS);
        make_account(fixture, ASHA, ASHAS_OTHER, "INR");
        if (rows[i].balance > 0) must_deposit(fixture, ASHAS, rows[i].balance);
        must_deposit(fixture, RAVIS, 5);
        set_up_obstacle(fixture, rows[i].obstacle);

        struct closing closing = closing_of(rows[i].who, ASHAS, rows[i].sweep_to, 0x55);
        struct dump before = dump_store(fixture);
        struct status status = run_on_unit(fixture, run_closing, &closing);
        struct ledger_account account = read_account(fixture, id_of(ASHAS));
        assert_int_equal(account.closed, rows[i].refused == NULL);
        if (rows[i].refused != NULL) {
            assert_refused(status, rows[i].refused);
            assert_true(balance_of(fixture, ASHAS) == (i128)rows[i].balance);
            if (closing.outcome.is_burnt)
                free(before.data);
            else
                assert_same_store(fixture, &before);
        } else {
            assert_status_ok(status);
            assert_true(closing.changed);
            assert_true(balance_of(fixture, ASHAS) == 0);
            assert_int_equal(closing.outcome.is_created, rows[i].balance > 0);
            free(before.data);
        }
        assert_clean(fixture);
    }
}

static void test_closing_again_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, ASHAS);
    make_account(fixture, ASHA, ASHAS_OTHER, "INR");
    must_deposit(fixture, ASHAS, 100);
    struct closing closing = closing_of(ASHA, ASHAS, ASHAS_OTHER, 0x55);
    assert_status_ok(run_on_unit(fixture, run_closing, &closing));
    assert_int_equal(closing.account.version, 2);
    assert_true(balance_of(fixture, ASHAS_OTHER) == 100);

    struct dump before = dump_store(fixture);
    closing = closing_of(ASHA, ASHAS, ASHAS_OTHER, 0x55);
    assert_status_ok(run_on_unit(fixture, run_closing, &closing));
    assert_false(closing.changed);
    assert_int_equal(closing.account.version, 2);
    assert_same_store(fixture, &before);

    // And nothing else is changed about it, but that a freeze may be lifted.
    struct update update = {.who = OFFICER,
                            .asked = {.account_id = id_of(ASHAS), .if_match = UINT64_MAX}};
    assert_refused(run_on_unit(fixture, run_update, &update), "ACCOUNT_CLOSED");
    struct freeze freeze = {
        .who = OFFICER,
        .asked = {.account_id = id_of(ASHAS), .side = {true}, .frozen = true, .reason = "late"}};
    assert_refused(run_on_unit(fixture, run_freeze, &freeze), "ACCOUNT_CLOSED");
    freeze.asked.frozen = false;
    assert_status_ok(run_on_unit(fixture, run_freeze, &freeze));
}

/// The id of an earlier transfer with the sweep's very content answers for that one, and moves
/// nothing: the account must not be closed on its word.
static void test_a_sweep_that_was_made_before_closes_nothing(void **state)
{
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, ASHAS);
    make_account(fixture, ASHA, ASHAS_OTHER, "INR");
    must_deposit(fixture, ASHAS, 100);
    struct ledger_outcome outcome;
    assert_status_ok(
        move(fixture, customer(ASHA), transfer_of(id_of(0x55), ASHAS, ASHAS_OTHER, 100), &outcome));
    must_deposit(fixture, ASHAS, 100);
    struct dump before = dump_store(fixture);
    struct closing closing = closing_of(ASHA, ASHAS, ASHAS_OTHER, 0x55);
    assert_refused(run_on_unit(fixture, run_closing, &closing), "BALANCE_NOT_ZERO");
    assert_same_store(fixture, &before);
}

static void test_a_refused_sweep_burns_its_id_alone(void **state)
{
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, ASHAS);
    must_deposit(fixture, ASHAS, 100);
    struct closing closing = closing_of(ASHA, ASHAS, 0x77, 0x55);
    assert_refused(run_on_unit(fixture, run_closing, &closing), "CREDIT_ACCOUNT_NOT_FOUND");
    assert_true(closing.outcome.is_burnt);
    make_account(fixture, ASHA, 0x77, "INR");
    closing = closing_of(ASHA, ASHAS, 0x77, 0x55);
    assert_refused(run_on_unit(fixture, run_closing, &closing), "ID_ALREADY_FAILED");
    closing = closing_of(ASHA, ASHAS, 0x77, 0x56);
    assert_status_ok(run_on_unit(fixture, run_closing, &closing));
    assert_clean(fixture);
}

/// A debt is not swept: nobody pays it by closing the account.
static void test_an_account_below_zero_stays_open(void **state)
{
    struct fixture *fixture = *state;
    make_customer(fixture, ASHA, ASHAS);
    make_customer(fixture, RAVI, RAVIS);
    struct update update = {.who = OFFICER,
                            .asked = {.account_id = id_of(ASHAS),
                                      .if_match = UINT64_MAX,
                                      .has_credit_limit = true,
                                      .credit_limit = 50}};
    assert_status_ok(run_on_unit(fixture, run_update, &update));
    must_transfer(fixture, ASHAS, RAVIS, 20);
    struct dump before = dump_store(fixture);
    struct closing closing = closing_of(TELLER, ASHAS, RAVIS, 0x55);
    assert_refused(run_on_unit(fixture, run_closing, &closing), "BALANCE_NOT_ZERO");
    assert_same_store(fixture, &before);
}

/// What others owe is swept the other way: the account that takes it over is debited.
static void test_a_debit_normal_account_is_swept_the_other_way(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_details details = details_of("Loan", "");
    for (uint8_t id = 0x40; id <= 0x41; id++) {
        struct opening opening = opening_of(OFFICER, 0, id_of(id), "INR");
        opening.asked.details = &details;
        opening.asked.kind = LEDGER_KIND_SYSTEM;
        opening.asked.class = LEDGER_CLASS_ASSET;
        assert_status_ok(try_open_account(fixture, &opening));
    }
    make_customer(fixture, ASHA, ASHAS);
    must_transfer(fixture, 0x40, ASHAS, 70);
    struct closing closing = closing_of(TELLER, 0x40, 0x41, 0x55);
    assert_refused(run_on_unit(fixture, run_closing, &closing), "PERMISSION_DENIED");
    closing = closing_of(OFFICER, 0x40, 0x41, 0x55);
    assert_status_ok(run_on_unit(fixture, run_closing, &closing));
    assert_true(balance_of(fixture, 0x40) == 0);
    assert_true(balance_of(fixture, 0x41) == 70);
    assert_clean(fixture);
}

/// A customer's loan is an asset of the bank: who owes it may pay it back, and not draw on it.
static void test_a_customer_does_not_draw_on_a_loan(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    struct ledger_details details = details_of("Loan", "");
    make_customer(fixture, ASHA, ASHAS);
    struct opening opening = opening_of(OFFICER, ASHA, id_of(0x40), "INR");
    opening.asked.details = &details;
    opening.asked.class = LEDGER_CLASS_ASSET;
    assert_status_ok(try_open_account(fixture, &opening));
    assert_refused(move(fixture, customer(ASHA), transfer_of(id_of(1), 0x40, ASHAS, 50), &outcome),
                   "PERMISSION_DENIED");
    must_transfer(fixture, 0x40, ASHAS, 50);
    assert_status_ok(
        move(fixture, customer(ASHA), transfer_of(id_of(2), ASHAS, 0x40, 20), &outcome));
    assert_true(balance_of(fixture, 0x40) == 30);
    assert_clean(fixture);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_account_is_opened_once),
        TEST(test_system_accounts_belong_to_the_bank),
        TEST(test_what_is_due_expires_before_an_account_is_opened),
        TEST(test_an_update_changes_what_it_names),
        TEST(test_metadata_is_replaced_as_a_whole),
        TEST(test_settings_are_kept_by_version),
        TEST(test_freezes_stop_one_side_or_both),
        TEST(test_an_account_closes_empty_or_is_swept),
        TEST(test_closing_again_changes_nothing),
        TEST(test_a_sweep_that_was_made_before_closes_nothing),
        TEST(test_a_refused_sweep_burns_its_id_alone),
        TEST(test_an_account_below_zero_stays_open),
        TEST(test_a_debit_normal_account_is_swept_the_other_way),
        TEST(test_a_customer_does_not_draw_on_a_loan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
