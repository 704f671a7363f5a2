// How a movement follows an earlier one: what it takes over, and why it may not.
#include "tests/unit/ledger/rules.h"

#define EXPIRES_NS (NOW_NS + 1000)
#define POST LEDGER_TRANSFER_POST
#define REVERSAL LEDGER_TRANSFER_REVERSAL

/// A subject of 100 from account 0x10 to account 0x20, code 7, made by user 0x11; a follow-up of it
/// that nothing stands against, asked for by user 0x33.
struct chase {
    struct ledger_transfer subject, transfer;
    struct ledger_progress progress;
    struct ledger_movement movement;
    struct ledger_following following;
};

static void set_up(struct chase *chase, enum ledger_transfer_kind kind)
{
    *chase = (struct chase){0};
    bool is_reversal = kind == LEDGER_TRANSFER_REVERSAL;
    chase->subject = (struct ledger_transfer){
        .id = id_of(0x50),
        .kind = is_reversal ? LEDGER_TRANSFER_POSTED : LEDGER_TRANSFER_PENDING,
        .account_id = {id_of(0x10), id_of(0x20)},
        .amount = 100,
        .currency = "INR",
        .code = 7,
        .number = 42,
    };
    chase->progress.state = is_reversal ? LEDGER_HOLD_NONE : LEDGER_HOLD_OPEN;
    chase->progress.expires_at_ns = is_reversal ? 0 : EXPIRES_NS;
    chase->movement.asked =
        (struct ledger_transfer){.id = id_of(0x51), .kind = kind, .subject_id = id_of(0x50)};
    chase->following = (struct ledger_following){
        .movement = kind == LEDGER_TRANSFER_EXPIRY ? NULL : &chase->movement,
        .subject = &chase->subject,
        .progress = &chase->progress,
        .now_ns = NOW_NS,
        .author_id = id_of(0x33),
        .subject_author_id = id_of(0x11),
    };
}

/// NULL: it follows.
static const char *follow(struct chase *chase)
{
    enum ledger_reason reason = LEDGER_REASON_COUNT;
    chase->transfer = chase->movement.asked;
    if (ledger_core_follow(&chase->following, &chase->transfer, &reason)) return NULL;
    assert_memory_equal(&chase->transfer, &chase->movement.asked, sizeof chase->transfer);
    return ledger_reasons[reason].name;
}

static void ask(struct chase *chase, u128 amount)
{
    chase->movement.has_amount = true;
    chase->movement.asked.amount = amount;
}

static void test_what_is_taken_over(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name;
        enum ledger_transfer_kind kind;
        u128 done;   // Captured or reversed before.
        u128 asked;  // 0: no amount is given.
        uint16_t code, code_taken;
        u128 amount;
        bool all_remaining;
    } rows[] = {
        {"all of it",          POST,                    0,   0, 0, 7, 100, true},
        {"all that is left",   POST,                   30,   0, 0, 7,  70, true},
        {"a part",             POST,                    0,  40, 0, 7,  40, false},
        {"exactly the rest",   POST,                   30,  70, 9, 9,  70, false},
        {"a void",             LEDGER_TRANSFER_VOID,   30,   0, 0, 7,  70, false},
        {"an expiry",          LEDGER_TRANSFER_EXPIRY, 30,   0, 0, 7,  70, false},
        {"a reversal",         REVERSAL,                0,   0, 0, 7, 100, true},
        {"a part of it",       REVERSAL,               60,  40, 3, 3,  40, false},
        {"the rest of it",     REVERSAL,               60,   0, 0, 7,  40, true},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct chase chase;
        set_up(&chase, rows[i].kind);
        bool is_reversal = rows[i].kind == REVERSAL;
        *(is_reversal ? &chase.progress.reversed : &chase.progress.captured) = rows[i].done;
        chase.movement.asked.code = rows[i].code;
        if (rows[i].asked > 0) ask(&chase, rows[i].asked);
        struct ledger_transfer subject = chase.subject;
        const char *refused = follow(&chase);
        if (refused != NULL) fail_msg("%s: %s", rows[i].name, refused);
        assert_memory_equal(&chase.subject, &subject, sizeof subject);
        const struct ledger_transfer *transfer = &chase.transfer;
        struct id128 debit = id_of(is_reversal ? 0x20 : 0x10);
        struct id128 credit = id_of(is_reversal ? 0x10 : 0x20);
        assert_true(id128_equal(transfer->account_id[LEDGER_DEBIT], debit));
        assert_true(id128_equal(transfer->account_id[LEDGER_CREDIT], credit));
        assert_string_equal(transfer->currency, "INR");
        assert_int_equal(transfer->code, rows[i].code_taken);
        assert_true(transfer->amount == rows[i].amount);
        assert_int_equal(transfer->all_remaining, rows[i].all_remaining);
        assert_int_equal(transfer->subject_number, 42);
        assert_true(id128_equal(transfer->subject_id, id_of(0x50)));
    }
}

// ---- Why not ------------------------------------------------------------------------------------

static void break_missing(struct chase *chase)
{
    chase->following.subject = NULL;
}

static void break_kind(struct chase *chase)
{
    bool is_reversal = chase->movement.asked.kind == LEDGER_TRANSFER_REVERSAL;
    chase->subject.kind = is_reversal ? LEDGER_TRANSFER_PENDING : LEDGER_TRANSFER_POSTED;
}

static void break_debit(struct chase *chase)
{
    chase->movement.asked.account_id[LEDGER_DEBIT] = id_of(0x20);
}

static void break_credit(struct chase *chase)
{
    chase->movement.asked.account_id[LEDGER_CREDIT] = id_of(0x10);
}

static void break_currency(struct chase *chase)
{
    memcpy(chase->movement.asked.currency, "EUR", 4);
}

static void break_posted(struct chase *chase)
{
    chase->progress.state = LEDGER_HOLD_POSTED;
}

static void break_voided(struct chase *chase)
{
    chase->progress.state = LEDGER_HOLD_VOIDED;
}

static void break_expired(struct chase *chase)
{
    chase->progress.state = LEDGER_HOLD_EXPIRED;
}

static void break_due(struct chase *chase)
{
    chase->following.now_ns = EXPIRES_NS;
}

static void break_amount(struct chase *chase)
{
    ask(chase, 101);
}

static void break_reversed(struct chase *chase)
{
    chase->progress.reversed = 100;
}

static void break_eyes(struct chase *chase)
{
    chase->following.four_eyes_above = 99;
    chase->following.author_id = id_of(0x11);
}

struct breakage {
    void (*breaks)(struct chase *chase);
    enum ledger_reason reason;
    int place; // Those of one place rule each other out.
};

// clang-format off
static const struct breakage of_hold[] = {
    {break_missing,  LEDGER_PENDING_TRANSFER_NOT_FOUND,                       1},
    {break_kind,     LEDGER_PENDING_TRANSFER_NOT_PENDING,                     2},
    {break_debit,    LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID,  3},
    {break_credit,   LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID, 4},
    {break_currency, LEDGER_PENDING_TRANSFER_HAS_DIFFERENT_CURRENCY,          5},
    {break_posted,   LEDGER_PENDING_TRANSFER_ALREADY_POSTED,                  6},
    {break_voided,   LEDGER_PENDING_TRANSFER_ALREADY_VOIDED,                  6},
    {break_expired,  LEDGER_PENDING_TRANSFER_EXPIRED,                         6},
    {break_due,      LEDGER_PENDING_TRANSFER_EXPIRED,                         7},
    {break_amount,   LEDGER_EXCEEDS_PENDING_TRANSFER_AMOUNT,                  8},
};

static const struct breakage of_posted[] = {
    {break_missing,  LEDGER_TRANSFER_NOT_FOUND,        1},
    {break_kind,     LEDGER_TRANSFER_NOT_REVERSIBLE,   2},
    {break_reversed, LEDGER_ALREADY_REVERSED,          3},
    {break_amount,   LEDGER_EXCEEDS_REVERSIBLE_AMOUNT, 4},
    {break_eyes,     LEDGER_FOUR_EYES_REQUIRED,        5},
};

// clang-format on

static void break_some(enum ledger_transfer_kind kind, const struct breakage *breakages,
                       size_t count)
{
    struct chase chase;
    set_up(&chase, kind);
    uint64_t broken = random_u64();
    const char *first = NULL;
    int place = 0;
    for (size_t i = count; i-- > 0;) {
        if ((broken >> i & 1) == 0 || breakages[i].place == place) continue;
        breakages[i].breaks(&chase);
        place = breakages[i].place;
        first = ledger_reasons[breakages[i].reason].name;
    }
    const char *refused = follow(&chase);
    if (first == NULL) {
        if (refused != NULL) fail_msg("refused, %s", refused);
    } else if (refused == NULL || strcmp(refused, first) != 0) {
        fail_msg("set %jx: %s instead of %s", (uintmax_t)broken, refused, first);
    }
}

static void test_of_several_reasons_the_first_answers(void **state)
{
    (void)state;
    for (size_t round = 0; round < 20000; round++) {
        break_some(LEDGER_TRANSFER_POST, of_hold, ROWS(of_hold));
        break_some(LEDGER_TRANSFER_REVERSAL, of_posted, ROWS(of_posted));
    }
}

static void test_each_reason_by_itself(void **state)
{
    (void)state;
    struct chase chase;
    for (size_t i = 0; i < ROWS(of_hold); i++) {
        for (enum ledger_transfer_kind kind = LEDGER_TRANSFER_POST; kind <= LEDGER_TRANSFER_VOID;
             kind++) {
            bool takes_amount = kind == LEDGER_TRANSFER_POST;
            if (of_hold[i].breaks == break_amount && !takes_amount) continue;
            set_up(&chase, kind);
            assert_null(follow(&chase));
            of_hold[i].breaks(&chase);
            assert_string_equal(follow(&chase), ledger_reasons[of_hold[i].reason].name);
        }
    }
    for (size_t i = 0; i < ROWS(of_posted); i++) {
        set_up(&chase, LEDGER_TRANSFER_REVERSAL);
        assert_null(follow(&chase));
        of_posted[i].breaks(&chase);
        assert_string_equal(follow(&chase), ledger_reasons[of_posted[i].reason].name);
    }
}

static void test_members_that_are_the_pending_transfers_are_welcome(void **state)
{
    (void)state;
    struct chase chase;
    set_up(&chase, LEDGER_TRANSFER_POST);
    memcpy(chase.movement.asked.account_id, chase.subject.account_id,
           sizeof chase.subject.account_id);
    memcpy(chase.movement.asked.currency, "INR", 4);
    assert_null(follow(&chase));
}

static void test_a_hold_expires_to_the_nanosecond(void **state)
{
    (void)state;
    struct chase chase;
    set_up(&chase, LEDGER_TRANSFER_VOID);
    chase.following.now_ns = EXPIRES_NS - 1;
    assert_null(follow(&chase));
    chase.following.now_ns = EXPIRES_NS;
    assert_string_equal(follow(&chase), "PENDING_TRANSFER_EXPIRED");
    chase.progress.expires_at_ns = 0; // Never.
    chase.following.now_ns = UINT64_MAX;
    assert_null(follow(&chase));

    set_up(&chase, LEDGER_TRANSFER_EXPIRY); // The ledger's own comes when it is due.
    chase.following.now_ns = EXPIRES_NS;
    assert_null(follow(&chase));
    chase.progress.state = LEDGER_HOLD_VOIDED;
    assert_string_equal(follow(&chase), "PENDING_TRANSFER_ALREADY_VOIDED");
}

static void test_only_posted_money_can_be_reversed(void **state)
{
    (void)state;
    for (enum ledger_transfer_kind kind = LEDGER_TRANSFER_POSTED; kind < LEDGER_TRANSFER_KIND_END;
         kind++) {
        struct chase chase;
        set_up(&chase, LEDGER_TRANSFER_REVERSAL);
        chase.subject.kind = kind;
        bool may = kind == LEDGER_TRANSFER_POSTED || kind == LEDGER_TRANSFER_POST;
        const char *refused = follow(&chase);
        assert_int_equal(refused == NULL, may);
        if (!may) assert_string_equal(refused, "TRANSFER_NOT_REVERSIBLE");
    }
}

static void test_four_eyes(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name;
        u128 above, asked; // asked 0: no amount, so what is left of 100.
        u128 reversed;     // Before.
        uint8_t author;    // 0: a service.
        bool refused;
    } rows[] = {
        {"who made it, above the amount",  99,   0,  0, 0x11, true},
        {"a part above it",                39,  40,  0, 0x11, true},
        {"a part that is not",             40,  40,  0, 0x11, false},
        {"a part that is with the others", 40,  30, 11, 0x11, true},
        {"a part that just is not",        40,  30, 10, 0x11, false},
        {"just the amount",               100,   0,  0, 0x11, false},
        {"somebody else",                  99,   0,  0, 0x33, false},
        {"a service",                      99,   0,  0, 0,    false},
        {"not configured",                  0,   0,  0, 0x11, false},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct chase chase;
        set_up(&chase, LEDGER_TRANSFER_REVERSAL);
        chase.following.four_eyes_above = rows[i].above;
        chase.following.author_id = id_of(rows[i].author);
        chase.progress.reversed = rows[i].reversed;
        if (rows[i].asked > 0) ask(&chase, rows[i].asked);
        const char *refused = follow(&chase);
        if ((refused != NULL) != rows[i].refused) fail_msg("%s: %s", rows[i].name, refused);
        if (refused != NULL) assert_string_equal(refused, "FOUR_EYES_REQUIRED");
    }
    // What a service made has no author: a service that reverses it is not the same person.
    struct chase chase;
    set_up(&chase, LEDGER_TRANSFER_REVERSAL);
    chase.following.four_eyes_above = 1;
    chase.following.author_id = chase.following.subject_author_id = ID128_NIL;
    assert_null(follow(&chase));
}

// ---- What became of it --------------------------------------------------------------------------

static void test_states_as_json_shows_them(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        enum ledger_transfer_kind kind;
        struct ledger_progress progress;
        const char *state;
    } rows[] = {
        {LEDGER_TRANSFER_PENDING,  {.state = LEDGER_HOLD_OPEN},                   "PENDING"},
        {LEDGER_TRANSFER_PENDING,  {.state = LEDGER_HOLD_OPEN, .captured = 10},   "PENDING"},
        {LEDGER_TRANSFER_PENDING,  {.state = LEDGER_HOLD_POSTED, .captured = 10}, "POSTED"},
        {LEDGER_TRANSFER_PENDING,  {.state = LEDGER_HOLD_VOIDED},                 "VOIDED"},
        {LEDGER_TRANSFER_PENDING,  {.state = LEDGER_HOLD_EXPIRED},                "EXPIRED"},
        {LEDGER_TRANSFER_POSTED,   {0},                                           "POSTED"},
        {LEDGER_TRANSFER_POSTED,   {.reversed = 99},                              "POSTED"},
        {LEDGER_TRANSFER_POSTED,   {.reversed = 100},                             "REVERSED"},
        {LEDGER_TRANSFER_POST,     {.reversed = 100},                             "REVERSED"},
        {LEDGER_TRANSFER_REVERSAL, {0},                                           "POSTED"},
        {LEDGER_TRANSFER_VOID,     {0},                                           "POSTED"},
        {LEDGER_TRANSFER_EXPIRY,   {0},                                           "POSTED"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_transfer transfer = {.kind = rows[i].kind, .amount = 100};
        assert_string_equal(ledger_transfer_state(&transfer, &rows[i].progress), rows[i].state);
    }
    struct ledger_transfer transfer = {.kind = LEDGER_TRANSFER_POSTED, .amount = 100};
    assert_string_equal(ledger_transfer_state(&transfer, NULL), "POSTED");
}

static void test_what_is_released(void **state)
{
    (void)state;
    struct ledger_transfer pending = {.kind = LEDGER_TRANSFER_PENDING, .amount = 100};
    struct ledger_progress progress = {.state = LEDGER_HOLD_OPEN, .captured = 30};

    static const struct {
        enum ledger_transfer_kind kind;
        u128 amount;
        bool not_final;
        u128 released;
    } rows[] = {
        {LEDGER_TRANSFER_POST, 20, true, 20},     {LEDGER_TRANSFER_POST, 20, false, 70},
        {LEDGER_TRANSFER_VOID, 70, false, 70},    {LEDGER_TRANSFER_EXPIRY, 70, false, 70},
        {LEDGER_TRANSFER_POSTED, 20, false, 0},   {LEDGER_TRANSFER_PENDING, 20, false, 0},
        {LEDGER_TRANSFER_REVERSAL, 20, false, 0},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_transfer transfer = {
            .kind = rows[i].kind, .amount = rows[i].amount, .not_final = rows[i].not_final};
        assert_true(ledger_core_released(&transfer, &pending, &progress) == rows[i].released);
    }
}

static void test_kinds(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        bool moves;
    } rows[LEDGER_TRANSFER_KIND_END] = {
        [1] = {"POSTED", true}, {"PENDING", false}, {"POST", true},
        [4] = {"VOID", false},  {"REVERSAL", true}, {"EXPIRY", false},
    };

    for (enum ledger_transfer_kind kind = 1; kind < LEDGER_TRANSFER_KIND_END; kind++) {
        assert_string_equal(ledger_transfer_kind_name(kind), rows[kind].name);
        assert_int_equal(ledger_kind_moves(kind), rows[kind].moves);
    }
}

static void test_the_id_of_an_expiry_can_be_worked_out(void **state)
{
    (void)state;
    char text[ID128_TEXT_BYTES]; // Worked out by Python's hashlib.blake2b.
    id128_format(ledger_expiry_id(id_of(0x11)), text);
    assert_string_equal(text, "7352f2bf-2c01-8dd0-babe-8e7f17f2aa40");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_taken_over),
        cmocka_unit_test(test_of_several_reasons_the_first_answers),
        cmocka_unit_test(test_each_reason_by_itself),
        cmocka_unit_test(test_members_that_are_the_pending_transfers_are_welcome),
        cmocka_unit_test(test_a_hold_expires_to_the_nanosecond),
        cmocka_unit_test(test_only_posted_money_can_be_reversed),
        cmocka_unit_test(test_four_eyes),
        cmocka_unit_test(test_states_as_json_shows_them),
        cmocka_unit_test(test_what_is_released),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_the_id_of_an_expiry_can_be_worked_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
