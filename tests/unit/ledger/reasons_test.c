// The README says what the code does: its tables of refusals, kinds and members, row by row.
#include "tests/unit/ledger/rules.h"

enum { CELLS_MAX = 8, CELL_BYTES = 256 };

/// One row of a table, its cells without spaces and backquotes around them.
struct row {
    size_t count;
    char cell[CELLS_MAX][CELL_BYTES];
};

static bool read_row(const char *line, struct row *ret)
{
    ret->count = 0;
    if (line[0] != '|') return false;
    for (const char *at = line + 1; *at != '\0' && *at != '\n';) {
        size_t size = strcspn(at, "|\n");
        if (at[size] != '|') return false;
        const char *begin = at, *end = at + size;
        while (begin < end && (*begin == ' ' || *begin == '`'))
            begin++;
        while (end > begin && (end[-1] == ' ' || end[-1] == '`'))
            end--;
        assert_true(ret->count < CELLS_MAX && end - begin < CELL_BYTES);
        snprintf(ret->cell[ret->count++], CELL_BYTES, "%.*s", (int)(end - begin), begin);
        at += size + 1;
    }
    return true;
}

/// Calls `take` for each row of the first table whose head begins with `head`, in that section.
static size_t read_table(const char *section, const char *head,
                         void (*take)(const struct row *row, size_t place))
{
    char path[512], line[4096];
    const char *source = getenv("FLORIN_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/services/ledger/README.md", source != NULL ? source : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    bool is_section = false, is_table = false;
    size_t place = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        struct row row;
        bool is_row = read_row(line, &row);
        if (line[0] == '#') is_section = strncmp(line + 3, section, strlen(section)) == 0;
        if (is_table && !is_row) break;
        if (is_table && strspn(row.cell[0], "-") != strlen(row.cell[0])) take(&row, place++);
        if (is_section && is_row && strcmp(row.cell[0], head) == 0) is_table = true;
    }
    fclose(file);
    return place;
}

// ---- Refusals -----------------------------------------------------------------------------------

static const char *what_happens_to_the_id(const struct ledger_reason_row *reason)
{
    if (strcmp(reason->name, "ID_ALREADY_FAILED") == 0) return "stays burnt";
    if (reason->code == STATUS_ALREADY_EXISTS) return "is taken";
    return reason->burns_id ? "burns" : "stays free";
}

static void take_refusal(const struct row *row, size_t place)
{
    assert_true(place < LEDGER_REASON_COUNT);
    const struct ledger_reason_row *reason = &ledger_reasons[place];
    assert_int_equal(row->count, 4);
    assert_string_equal(row->cell[0], reason->name);
    if (strcmp(row->cell[1], status_code_name(reason->code)) != 0)
        fail_msg("README: %s: %s", reason->name, row->cell[1]);
    if (strcmp(row->cell[2], what_happens_to_the_id(reason)) != 0)
        fail_msg("README: %s: %s", reason->name, row->cell[2]);
}

static void test_the_readme_lists_every_refusal_in_order(void **state)
{
    (void)state;
    size_t rows = read_table("Refusals, in order", "Reason", take_refusal);
    assert_int_equal(rows, LEDGER_REASON_COUNT);
}

static void test_a_reason_is_found_by_its_name(void **state)
{
    (void)state;
    for (enum ledger_reason reason = 0; reason < LEDGER_REASON_COUNT; reason++) {
        const struct ledger_reason_row *row = &ledger_reasons[reason];
        assert_int_equal(ledger_reason_find(row->name, strlen(row->name)), reason);
        struct status status = ledger_reason_status(reason);
        assert_int_equal(status.code, row->code);
        assert_string_equal(status.reason, row->name);
        assert_true(strlen(status.message) > 10);
        assert_false(row->burns_id && row->code == STATUS_INVALID_ARGUMENT);
    }
    assert_int_equal(ledger_reason_find("ACCOUNT_CLOSE", 13), LEDGER_REASON_COUNT);
    assert_int_equal(ledger_reason_find("ACCOUNT_CLOSED", 13), LEDGER_REASON_COUNT);
    assert_int_equal(ledger_reason_find("", 0), LEDGER_REASON_COUNT);
}

// ---- Kinds and members --------------------------------------------------------------------------

static void set_member(struct ledger_movement *movement, const char *name, bool given)
{
    struct ledger_transfer *asked = &movement->asked;
    bool is_reversal = asked->kind == LEDGER_TRANSFER_REVERSAL;
    struct id128 id = given ? id_of((uint8_t)name[0]) : ID128_NIL;
    if (strcmp(name, "pending_id") == 0)
        *(is_reversal ? &movement->other_subject_id : &asked->subject_id) = id;
    else if (strcmp(name, "reverses_id") == 0)
        *(is_reversal ? &asked->subject_id : &movement->other_subject_id) = id;
    else if (strcmp(name, "debit_account_id") == 0)
        asked->account_id[LEDGER_DEBIT] = id;
    else if (strcmp(name, "credit_account_id") == 0)
        asked->account_id[LEDGER_CREDIT] = id;
    else if (strcmp(name, "amount") == 0)
        movement->has_amount = given, asked->amount = given;
    else if (strcmp(name, "amount_up_to") == 0)
        movement->has_amount_up_to = given, asked->amount_up_to = given;
    else if (strcmp(name, "currency") == 0)
        memcpy(asked->currency, given ? "INR" : "\0\0\0", 4);
    else if (strcmp(name, "timeout_seconds") == 0)
        asked->timeout_seconds = given;
    else if (strcmp(name, "final") == 0)
        movement->has_final = given;
    else if (strcmp(name, "effective_at") == 0)
        asked->effective_at_ns = given;
    else if (strcmp(name, "sca_token") == 0)
        movement->sca_token = bytes_of_text(given ? "a.b.c" : "");
    else
        fail_msg("README: there is no member %s", name);
}

/// How a kind takes a member, as its behaviour shows.
static const char *taking(enum ledger_transfer_kind kind, const char *name)
{
    static const char *const always[][5] = {
        [LEDGER_TRANSFER_POSTED] = {"debit_account_id", "credit_account_id", "amount", "currency"},
        [LEDGER_TRANSFER_PENDING] = {"debit_account_id", "credit_account_id", "amount", "currency"},
        [LEDGER_TRANSFER_POST] = {"pending_id"},
        [LEDGER_TRANSFER_VOID] = {"pending_id"},
        [LEDGER_TRANSFER_REVERSAL] = {"reverses_id"},
    };
    struct ledger_movement movement = {.asked = {.kind = kind}};
    for (size_t i = 0; always[kind][i] != NULL; i++)
        set_member(&movement, always[kind][i], true);
    assert_null(ledger_core_missing(&movement));

    enum ledger_reason reason;
    const char *field = NULL;
    set_member(&movement, name, false);
    const char *missing = ledger_core_missing(&movement);
    if (missing != NULL) {
        assert_string_equal(missing, name);
        return "must";
    }
    set_member(&movement, name, true);
    if (strcmp(name, "amount_up_to") == 0 && kind <= LEDGER_TRANSFER_PENDING)
        set_member(&movement, "amount", false); // It stands instead.
    assert_null(ledger_core_missing(&movement));
    if (ledger_core_structure(&movement, &reason, &field)) return "may";
    assert_int_equal(reason, LEDGER_EXCLUSIVE_FIELDS);
    assert_string_equal(field, name);
    return "-";
}

static void take_member(const struct row *row, size_t place)
{
    (void)place;
    assert_int_equal(row->count, 6);
    for (enum ledger_transfer_kind kind = LEDGER_TRANSFER_POSTED; kind < LEDGER_TRANSFER_EXPIRY;
         kind++) {
        const char *does = taking(kind, row->cell[0]), *says = row->cell[kind];
        if (strcmp(does, says) != 0)
            fail_msg("README: %s, %s: %s", ledger_transfer_kind_name(kind), row->cell[0], says);
    }
}

static void test_the_readme_says_what_each_kind_takes(void **state)
{
    (void)state;
    assert_int_equal(read_table("Kinds and members", "Member", take_member), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_readme_lists_every_refusal_in_order),
        cmocka_unit_test(test_a_reason_is_found_by_its_name),
        cmocka_unit_test(test_the_readme_says_what_each_kind_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
