// CSV: the very bytes (RFC 4180), and texts that a spreadsheet would take for a formula.
#include "common/base/arena.h"
#include "services/ledger/statement.h"
#include "services/ledger/statement_text.h"
#include "tests/unit/ledger/statement_read.h"
#include "tests/unit/support/unit.h"

#define MAY UINT64_C(1777593600000000000)  // 2026-05-01T00:00:00Z
#define JUNE UINT64_C(1780272000000000000) // 2026-06-01T00:00:00Z

static struct bytes write_csv(struct arena *arena, uint8_t exponent, struct bytes description)
{
    struct ledger_account account = {
        .id = id_of(0xaa), .currency = "INR", .class = LEDGER_CLASS_LIABILITY};
    account.exponent = exponent;
    struct ledger_details details = {0};
    struct ledger_statement_entry entry = {.transfer_id = id_of(0x11),
                                           .counterparty_account_id = id_of(0xcc),
                                           .side = LEDGER_DEBIT,
                                           .kind = LEDGER_TRANSFER_POSTED,
                                           .code = 7,
                                           .amount = 2505,
                                           .balance_after = -1505,
                                           .booked_at_ns = MAY + 123456789,
                                           .effective_at_ns = MAY - 1,
                                           .description = description,
                                           .index = 1};
    struct ledger_statement statement = {.account = &account,
                                         .details = &details,
                                         .from_ns = MAY,
                                         .to_ns = JUNE,
                                         .opening_balance = 1000,
                                         .closing_balance = -1505,
                                         .total_debits = 2505,
                                         .debit_count = 1,
                                         .entries = &entry,
                                         .entry_count = 1};
    struct bytes text;
    assert_status_ok(ledger_statement_csv(&statement, arena, &text));
    return text;
}

static void test_the_bytes_of_a_statement(void **state)
{
    (void)state;
    static const char expected[] =
        "booked_at,value_date,transfer_id,kind,direction,amount,currency,balance,"
        "counterparty_account_id,code,description\r\n"
        "2026-05-01T00:00:00.000000000Z,2026-05-01,,OPENING_BALANCE,,,INR,10.00,,,\r\n"
        "2026-05-01T00:00:00.123456789Z,2026-04-30,11111111-1111-1111-1111-111111111111,POSTED,"
        "DEBIT,25.05,INR,-15.05,cccccccc-cccc-cccc-cccc-cccccccccccc,7,\"rent, \"\"May\"\"\"\r\n"
        "2026-06-01T00:00:00.000000000Z,2026-05-31,,CLOSING_BALANCE,,,INR,-15.05,,,\r\n";
    CLEANUP(arena_close) struct arena *arena = arena_open(1 << 20);
    struct bytes text = write_csv(arena, 2, bytes_of_text("rent, \"May\""));
    assert_string_equal(arena_text(arena, (const char *)text.data, text.size), expected);
}

static void test_descriptions_are_data_and_never_a_formula(void **state)
{
    (void)state;

    static const struct {
        const char *description, *field;
    } rows[] = {
        {"plain", ",\"plain\"\r\n"},
        {"", ",\r\n"},
        {"=HYPERLINK(\"http://x\")", ",\"'=HYPERLINK(\"\"http://x\"\")\"\r\n"},
        {"+1", ",\"'+1\"\r\n"},
        {"-1", ",\"'-1\"\r\n"},
        {"@SUM(A1)", ",\"'@SUM(A1)\"\r\n"},
        {"\t=1", ",\"'\t=1\"\r\n"},
        {"\r=1", ",\"'\r=1\"\r\n"},
        {"\n=1", ",\"'\n=1\"\r\n"},
        {"  =1", ",\"'  =1\"\r\n"},
        {"\uff1d1", ",\"'\uff1d1\"\r\n"},
        {"'=1", ",\"''=1\"\r\n"},
        {"a=1", ",\"a=1\"\r\n"},
        {"a,b", ",\"a,b\"\r\n"},
        {"two\r\nlines", ",\"two\r\nlines\"\r\n"},
        {"\"", ",\"\"\"\"\r\n"},
        {"   ", ",\"   \"\r\n"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        CLEANUP(arena_close) struct arena *arena = arena_open(1 << 20);
        struct bytes text = write_csv(arena, 2, bytes_of_text(rows[i].description));
        const char *written = arena_text(arena, (const char *)text.data, text.size);
        if (strstr(written, rows[i].field) == NULL) fail_msg("%s in %s", rows[i].field, written);
        struct read_statement read;
        statement_read_csv(text, "INR", 2, &read);
        assert_int_equal(read.count, 1);
        assert_string_equal(read.entries[0].description, rows[i].description);
        statement_read_free(&read);
    }
}

static void test_amounts_in_major_units(void **state)
{
    (void)state;

    const struct {
        i128 minor;
        unsigned exponent;
        const char *text;
    } rows[] = {
        {0, 0, "0"},
        {0, 2, "0.00"},
        {5, 2, "0.05"},
        {50, 2, "0.50"},
        {-5, 2, "-0.05"},
        {100, 2, "1.00"},
        {-12345, 2, "-123.45"},
        {12345, 0, "12345"},
        {1, 18, "0.000000000000000001"},
        {(i128)LEDGER_TOTAL_MAX, 0, "170141183460469231731687303715884105727"},
        {-(i128)LEDGER_TOTAL_MAX, 18, "-170141183460469231731.687303715884105727"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[LEDGER_MAJOR_BYTES];
        ledger_major_format_signed(rows[i].minor, rows[i].exponent, text);
        assert_string_equal(text, rows[i].text);
    }
    CLEANUP(arena_close) struct arena *arena = arena_open(1 << 20);
    struct read_statement read;
    statement_read_csv(write_csv(arena, 18, bytes_of_text("")), "INR", 18, &read);
    assert_true(read.entries[0].amount == 2505 && read.closing == -1505);
    statement_read_free(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bytes_of_a_statement),
        cmocka_unit_test(test_descriptions_are_data_and_never_a_formula),
        cmocka_unit_test(test_amounts_in_major_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
