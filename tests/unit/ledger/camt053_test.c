// camt.053: the message's structure by a checker that knows the standard and not the writer, and
// what stands in it. The checker itself is tested by messages that are wrong in one way each.
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "services/ledger/statement.h"
#include "tests/unit/ledger/camt053_check.h"
#include "tests/unit/ledger/statement_read.h"
#include "tests/unit/support/unit.h"

#include <pthread.h>

#define MAY UINT64_C(1777593600000000000)  // 2026-05-01T00:00:00Z
#define JUNE UINT64_C(1780272000000000000) // 2026-06-01T00:00:00Z

enum { ARENA_BYTES = LEDGER_STATEMENT_ARENA_BYTES, ENTRIES_MAX = 4 };

struct sample {
    struct arena *arena;
    struct ledger_account account;
    struct ledger_details details;
    struct ledger_statement_entry entries[ENTRIES_MAX];
    struct ledger_statement statement;
};

static struct ledger_statement_entry entry_of(uint8_t filler, enum ledger_side side,
                                              enum ledger_transfer_kind kind, u128 amount,
                                              const char *description)
{
    return (struct ledger_statement_entry){.transfer_id = id_of(filler),
                                           .counterparty_account_id = id_of(0xcc),
                                           .side = side,
                                           .kind = kind,
                                           .code = 65535,
                                           .amount = amount,
                                           .booked_at_ns = MAY + filler,
                                           .effective_at_ns = MAY + filler,
                                           .description = bytes_of_text(description),
                                           .index = filler};
}

/// A customer's May: 10.00 at first, 25.00 in, 5.00 out, 2.00 back.
static struct sample *sample_open(void)
{
    struct sample *sample = calloc(1, sizeof *sample);
    assert_non_null(sample);
    sample->arena = arena_open(ARENA_BYTES);
    sample->account = (struct ledger_account){.id = id_of(0xaa),
                                              .owner_id = id_of(0x0a),
                                              .currency = "INR",
                                              .exponent = 2,
                                              .class = LEDGER_CLASS_LIABILITY};
    memcpy(sample->details.name, "Everyday", sizeof "Everyday");
    sample->entries[0] =
        entry_of(1, LEDGER_CREDIT, LEDGER_TRANSFER_POSTED, 2500, "salary & <bonus> \"May\"");
    sample->entries[1] = entry_of(2, LEDGER_DEBIT, LEDGER_TRANSFER_POST, 500, "");
    sample->entries[2] = entry_of(3, LEDGER_CREDIT, LEDGER_TRANSFER_REVERSAL, 200, "returned");
    sample->statement = (struct ledger_statement){.account = &sample->account,
                                                  .details = &sample->details,
                                                  .from_ns = MAY,
                                                  .to_ns = JUNE,
                                                  .made_at_ns = JUNE + 7,
                                                  .opening_balance = 1000,
                                                  .closing_balance = 3200,
                                                  .total_debits = 500,
                                                  .total_credits = 2700,
                                                  .debit_count = 1,
                                                  .credit_count = 2,
                                                  .entries = sample->entries,
                                                  .entry_count = 3};
    return sample;
}

static void sample_close(struct sample **sample)
{
    arena_close(&(*sample)->arena);
    free(*sample);
    *sample = NULL;
}

static struct bytes write_sample(struct sample *sample)
{
    struct bytes text;
    char problem[CAMT053_PROBLEM_BYTES];
    assert_status_ok(ledger_statement_camt053(&sample->statement, sample->arena, &text));
    if (!camt053_check(text, problem)) fail_msg("%s", problem);
    return text;
}

static struct read_statement read_sample(struct sample *sample)
{
    struct read_statement read;
    statement_read_camt053(write_sample(sample), sample->account.currency, sample->account.exponent,
                           &read);
    return read;
}

// ---- The writer ---------------------------------------------------------------------------------

static void test_message_says_what_the_statement_says(void **state)
{
    (void)state;
    CLEANUP(sample_close) struct sample *sample = sample_open();
    struct read_statement read = read_sample(sample);
    assert_true(read.from_ns == MAY && read.to_ns == JUNE);
    assert_true(read.opening == 1000 && read.closing == 3200);
    assert_string_equal(read.opening_day, "2026-05-01");
    assert_string_equal(read.closing_day, "2026-05-31"); // The last one that it covers.
    assert_true(read.total_debits == 500 && read.total_credits == 2700);
    assert_true(read.debit_count == 1 && read.credit_count == 2);
    assert_string_equal(read.name, "Everyday");
    assert_false(read.is_iban);
    assert_string_equal(read.account, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");

    assert_int_equal(read.count, 3);
    static const char *const kinds[] = {"POSTED", "POST", "REVERSAL"};
    for (size_t i = 0; i < read.count; i++) {
        const struct ledger_statement_entry *written = &sample->entries[i];
        const struct read_entry *entry = &read.entries[i];
        assert_true(id128_equal(entry->transfer_id, written->transfer_id));
        assert_true(id128_equal(entry->counterparty_id, written->counterparty_account_id));
        assert_string_equal(entry->kind, kinds[i]);
        assert_int_equal(entry->code, 65535);
        assert_int_equal(entry->is_credit, written->side == LEDGER_CREDIT);
        assert_int_equal(entry->is_reversal, i == 2);
        assert_true(entry->amount == written->amount);
        assert_true(entry->booked_at_ns == written->booked_at_ns);
        assert_string_equal(entry->value_date, "2026-05-01");
        assert_memory_equal(entry->description, written->description.data,
                            written->description.size);
    }
    statement_read_free(&read);
}

static void test_statement_keeps_its_id_and_each_message_has_its_own(void **state)
{
    (void)state;
    CLEANUP(sample_close) struct sample *sample = sample_open();
    struct read_statement first = read_sample(sample);
    sample->statement.made_at_ns++;
    struct read_statement again = read_sample(sample);
    assert_string_equal(first.id, again.id);
    assert_string_not_equal(first.message_id, again.message_id);
    sample->statement.to_ns++;
    struct read_statement longer = read_sample(sample);
    assert_string_not_equal(first.id, longer.id);
    statement_read_free(&first);
    statement_read_free(&again);
    statement_read_free(&longer);
}

static void test_zero_entries_are_a_message_too(void **state)
{
    (void)state;
    CLEANUP(sample_close) struct sample *sample = sample_open();
    sample->statement.entry_count = 0;
    sample->details.name[0] = '\0';
    struct read_statement read = read_sample(sample);
    assert_int_equal(read.count, 0);
    assert_string_equal(read.name, "");
    statement_read_free(&read);
}

static void test_balances_say_credit_or_debit_by_the_normal_side(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        enum ledger_class class;
        i128 balance, credit; // credit: as a credit balance, so a debit balance is negative.
    } rows[] = {
        {"a customer has money", LEDGER_CLASS_LIABILITY, 5, 5},
        {"a customer is overdrawn", LEDGER_CLASS_LIABILITY, -5, -5},
        {"cash in the vault", LEDGER_CLASS_ASSET, 5, -5},
        {"cash that is owed", LEDGER_CLASS_ASSET, -5, 5},
        {"fees earned", LEDGER_CLASS_INCOME, 5, 5},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        CLEANUP(sample_close) struct sample *sample = sample_open();
        sample->account.class = rows[i].class;
        sample->statement.closing_balance = rows[i].balance;
        struct read_statement read = read_sample(sample);
        if (read.closing != rows[i].credit) fail_msg("%s", rows[i].name);
        statement_read_free(&read);
    }
    // Zero counts as a credit balance, on either side.
    CLEANUP(sample_close) struct sample *sample = sample_open();
    sample->account.class = LEDGER_CLASS_ASSET;
    sample->statement.opening_balance = sample->statement.closing_balance = 0;
    assert_null(strstr(arena_text(sample->arena, (const char *)write_sample(sample).data, 1300),
                       "DBIT</CdtDbtInd><Dt>"));
}

static void test_an_iban_is_the_account_only_when_it_is_one(void **state)
{
    (void)state;

    static const struct {
        const char *ref;
        bool is_iban;
    } rows[] = {
        {"DE89370400440532013000", true},
        {"GB82WEST12345698765432", true},
        {"DE89370400440532013001", false}, // Wrong check digits: it was stored by an older version.
        {"de89370400440532013000", false}, // The schema wants upper-case countries.
        {"DE89 3704 0044 0532 0130 00", false},
        {"customer-17", false},
        {"", false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        CLEANUP(sample_close) struct sample *sample = sample_open();
        memcpy(sample->details.external_ref, rows[i].ref, strlen(rows[i].ref) + 1);
        struct read_statement read = read_sample(sample);
        assert_int_equal(read.is_iban, rows[i].is_iban);
        if (rows[i].is_iban) assert_string_equal(read.account, rows[i].ref);
        statement_read_free(&read);
    }
}

static void test_amounts_have_the_currencys_decimals(void **state)
{
    (void)state;

    static const struct {
        const char *currency;
        uint8_t exponent;
        u128 amount;
        const char *text;
    } rows[] = {
        {"INR", 2, 1, ">0.01<"},
        {"INR", 2, 100, ">1.00<"},
        {"JPY", 0, 1, ">1<"},
        {"KWD", 3, 12345, ">12.345<"},
        {"CLF", 4, 10, ">0.0010<"},
        {"ABC", 5, 1, ">0.00001<"},
        {"INR", 2, UINT64_C(999999999999999999), ">9999999999999999.99<"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        CLEANUP(sample_close) struct sample *sample = sample_open();
        memcpy(sample->account.currency, rows[i].currency, 4);
        sample->account.exponent = rows[i].exponent;
        sample->entries[0].amount = sample->statement.total_credits = rows[i].amount;
        struct bytes text = write_sample(sample);
        if (strstr(arena_text(sample->arena, (const char *)text.data, text.size), rows[i].text) ==
            NULL)
            fail_msg("no %s", rows[i].text);
    }
}

static void test_what_the_message_cannot_hold_is_refused(void **state)
{
    (void)state;
    const u128 limit = UINT64_C(1000000000000000000);

    const struct {
        const char *currency;
        uint8_t exponent;
        i128 opening, closing;
        u128 debits, credits;
    } rows[] = {
        {"ABC", 6, 0, 0, 0, 0},
        {"POINTS", 0, 0, 0, 0, 0},
        {"AB1", 0, 0, 0, 0, 0},
        {"INR", 2, (i128)limit, 0, 0, 0},
        {"INR", 2, -(i128)limit, 0, 0, 0},
        {"INR", 2, 0, (i128)limit, 0, 0},
        {"INR", 2, 0, 0, limit, 0},
        {"INR", 2, 0, 0, 0, limit},
        {"INR", 2, 0, 0, 0, LEDGER_TOTAL_MAX},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        CLEANUP(sample_close) struct sample *sample = sample_open();
        struct bytes text;
        memcpy(sample->account.currency, rows[i].currency, strlen(rows[i].currency) + 1);
        sample->account.exponent = rows[i].exponent;
        sample->statement.opening_balance = rows[i].opening;
        sample->statement.closing_balance = rows[i].closing;
        sample->statement.total_debits = rows[i].debits;
        sample->statement.total_credits = rows[i].credits;
        assert_refused(ledger_statement_camt053(&sample->statement, sample->arena, &text),
                       "STATEMENT_NOT_REPRESENTABLE");
        assert_status_ok(ledger_statement_csv(&sample->statement, sample->arena, &text));
    }
}

static void test_what_xml_cannot_carry_is_replaced(void **state)
{
    (void)state;

    static const struct {
        const char *given, *read;
    } rows[] = {
        {"caf\u00e9 \u20b9 \U0001f600", "caf\u00e9 \u20b9 \U0001f600"},
        {"tab\tline\nreturn\r.", "tab\tline\nreturn\r."},
        {"bell\a, escape\x1b[0m", "bell\ufffd, escape\ufffd[0m"},
        {"not a character: \uffff \ufffe", "not a character: \ufffd \ufffd"},
        {"last that is one: \ufffd", "last that is one: \ufffd"},
        {"broken \xff\xfe bytes", "broken \ufffd\ufffd bytes"},
        {"]]> <![CDATA[ &amp; -->", "]]> <![CDATA[ &amp; -->"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        CLEANUP(sample_close) struct sample *sample = sample_open();
        sample->entries[0].description = bytes_of_text(rows[i].given);
        struct read_statement read = read_sample(sample);
        assert_string_equal(read.entries[0].description, rows[i].read);
        statement_read_free(&read);
    }
}

static void test_texts_are_cut_to_what_the_message_allows(void **state)
{
    (void)state;
    CLEANUP(sample_close) struct sample *sample = sample_open();
    char description[LEDGER_DESCRIPTION_BYTES_MAX];
    memset(description, 1, sizeof description); // Each byte becomes U+FFFD: the longest there is.
    sample->entries[0].description = bytes_of(description, sizeof description);
    for (size_t i = 0; i < 80; i++)
        memcpy(sample->details.name + 2 * i, "\u00e9", 2);
    struct read_statement read = read_sample(sample);
    assert_int_equal(
        text_code_points(read.entries[0].description, strlen(read.entries[0].description)), 500);
    assert_int_equal(text_code_points(read.name, strlen(read.name)), 70);
    statement_read_free(&read);
}

static void test_texts_of_any_length_fit_the_bound(void **state)
{
    (void)state;
    // The longest of everything, in one statement: a bound that is too small is a failed CHECK.
    CLEANUP(sample_close) struct sample *sample = sample_open();
    char description[LEDGER_DESCRIPTION_BYTES_MAX];
    memset(description, '"', sizeof description);
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        sample->entries[i] =
            entry_of(9, LEDGER_DEBIT, LEDGER_TRANSFER_REVERSAL, UINT64_C(999999999999999999), "");
        sample->entries[i].index = UINT64_MAX;
        sample->entries[i].description = bytes_of(description, i == 3 ? 0 : sizeof description);
        sample->entries[i].balance_after = INT64_MIN;
    }
    sample->statement.entry_count = ENTRIES_MAX;
    memset(sample->details.name, '"', sizeof sample->details.name - 1);
    write_sample(sample);
    struct bytes text;
    sample->account.exponent = 18;
    memcpy(sample->account.currency, "ABCDEFGHIJ", 11);
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        sample->entries[i].amount = LEDGER_TOTAL_MAX;
        sample->entries[i].balance_after = -(i128)LEDGER_TOTAL_MAX;
    }
    sample->statement.opening_balance = -(i128)LEDGER_TOTAL_MAX;
    assert_status_ok(ledger_statement_csv(&sample->statement, sample->arena, &text));
}

enum { WRITERS = 4, MESSAGES_EACH = 50 };

static void *write_many(void *context)
{
    CLEANUP(sample_close) struct sample *sample = sample_open();
    struct bytes *ret = context;
    for (size_t i = 0; i < MESSAGES_EACH; i++) {
        struct bytes text;
        arena_reset(sample->arena);
        if (!status_ok(ledger_statement_camt053(&sample->statement, sample->arena, &text)))
            return NULL;
        if (i + 1 < MESSAGES_EACH) continue;
        uint8_t *copy = malloc(text.size);
        if (copy == NULL) return NULL;
        memcpy(copy, text.data, text.size);
        *ret = bytes_of(copy, text.size);
    }
    return NULL;
}

static void test_many_threads_write_at_once(void **state)
{
    (void)state;
    pthread_t threads[WRITERS];
    struct bytes texts[WRITERS] = {0};
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &texts[i]), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    CLEANUP(sample_close) struct sample *sample = sample_open();
    struct bytes expected = write_sample(sample);
    for (size_t i = 0; i < WRITERS; i++) {
        assert_true(bytes_equal(texts[i], expected));
        free((void *)(uintptr_t)texts[i].data);
    }
}

// ---- The checker --------------------------------------------------------------------------------

/// The text with the first `what` replaced.
static struct bytes edit(struct arena *arena, struct bytes text, const char *what, const char *with)
{
    const char *whole = arena_text(arena, (const char *)text.data, text.size);
    const char *at = strstr(whole, what);
    if (at == NULL) fail_msg("the message has no %s", what);
    char *edited = arena_alloc(arena, text.size + strlen(with) + 1);
    size_t before = (size_t)(at - whole);
    memcpy(edited, whole, before);
    memcpy(edited + before, with, strlen(with));
    memcpy(edited + before + strlen(with), at + strlen(what), text.size - before - strlen(what));
    return bytes_of(edited, text.size - strlen(what) + strlen(with));
}

#define LONG_35 "1234567890123456789012345678901234567"

static void test_checker_refuses_what_is_wrong_in_one_way(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name, *what, *with;
        const char *problem; // How it begins; NULL: there is none.
    } rows[] = {
        {"reordered: Ccy after Nm", "<Ccy>INR</Ccy><Nm>Everyday</Nm>", "<Nm>Everyday</Nm><Ccy>INR</Ccy>",
         "Acct: unknown here, or out of order: Ccy"},
        {"reordered: indicator before amount", "<Amt Ccy=\"INR\">25.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>",
         "<CdtDbtInd>CRDT</CdtDbtInd><Amt Ccy=\"INR\">25.00</Amt>",
         "Ntry: Amt is missing before CdtDbtInd"},
        {"left out: what is optional", "<AcctSvcrRef>01010101010101010101010101010101</AcctSvcrRef><BkTxCd>", "<BkTxCd>", NULL},
        {"missing: status", "<Sts><Cd>BOOK</Cd></Sts>", "", "Ntry: Sts is missing before BookgDt"},
        {"missing: indicator", "<CdtDbtInd>CRDT</CdtDbtInd><Dt>", "<Dt>", "Bal: CdtDbtInd is missing before Dt"},
        {"missing: message id", "<GrpHdr>", "<GrpHdr><CreDtTm>2026-06-01T00:00:00Z</CreDtTm>", "GrpHdr: MsgId is missing before CreDtTm"},
        {"missing: at the end", "<ToDtTm>2026-06-01T00:00:00.000000000Z</ToDtTm>", "", "FrToDt: at its end lacks ToDtTm"},
        {"missing: choice", "<Othr><Id>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</Id></Othr>", "", "Id: needs one element of a choice"},
        {"missing: currency", "<Amt Ccy=\"INR\">25.00", "<Amt>25.00", "Amt: lacks the attribute Ccy"},
        {"doubled: name", "<Nm>Everyday</Nm>", "<Nm>Everyday</Nm><Nm>Everyday</Nm>", "Acct: has too many Nm"},
        {"doubled: choice", "<Othr>", "<IBAN>DE89370400440532013000</IBAN><Othr>", "Id: has too many Othr"},
        {"doubled: reversal", "<RvslInd>true</RvslInd>", "<RvslInd>true</RvslInd><RvslInd>true</RvslInd>", "Ntry: has too many RvslInd"},
        {"unknown: element", "<Nm>Everyday</Nm>", "<Name>Everyday</Name>", "Acct: unknown here, or out of order: Name"},
        {"unknown: attribute", "<Nm>", "<Nm lang=\"en\">", "Nm: may not have the attribute lang"},
        {"unknown: namespace", "camt.053.001.08", "camt.053.001.02", "Document: is in another namespace"},
        {"unknown: namespace of one element", "<Nm>", "<Nm xmlns=\"urn:other\">", "Nm: is in another namespace: urn:other"},
        {"type: amount with six decimals", ">25.00<", ">25.000001<", "Amt: is no ActiveOrHistoricCurrencyAndAmount: 25.000001"},
        {"type: amount of 19 digits", ">25.00<", ">12345678901234567.89<", "Amt: is no ActiveOrHistoricCurrencyAndAmount"},
        {"type: negative amount", ">25.00<", ">-25.00<", "Amt: is no ActiveOrHistoricCurrencyAndAmount"},
        {"type: amount with a comma", ">25.00<", ">25,00<", "Amt: is no ActiveOrHistoricCurrencyAndAmount"},
        {"type: empty amount", ">25.00<", "><", "Amt: is no ActiveOrHistoricCurrencyAndAmount"},
        {"type: currency", "Ccy=\"INR\"", "Ccy=\"inr\"", "Amt: is no ActiveOrHistoricCurrencyCode: inr"},
        {"type: indicator", ">CRDT<", ">CREDIT<", "CdtDbtInd: is no CreditDebitCode: CREDIT"},
        {"type: balance code", ">OPBD<", ">OPEN<", "Cd: is no ExternalBalanceType1Code: OPEN"},
        {"type: status code", ">BOOK<", ">BOOKED<", "Cd: is no ExternalEntryStatus1Code: BOOKED"},
        {"type: id that is too long", "<MsgId>", "<MsgId>" LONG_35, "MsgId: is no Max35Text"},
        {"type: account of 36 characters", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
         "Id: is no Max34Text"},
        {"type: empty name", "<Nm>Everyday</Nm>", "<Nm/>", "Nm: is no Max70Text"},
        {"type: a day that is none", "<Dt>2026-05-01</Dt>", "<Dt>2026-02-29</Dt>", "Dt: is no ISODate: 2026-02-29"},
        {"type: time without T", "2026-06-01T00:00:00.000000000Z</ToDtTm>", "2026-06-01 00:00:00Z</ToDtTm>", "ToDtTm: is no ISODateTime"},
        {"type: boolean", "<RvslInd>true", "<RvslInd>yes", "RvslInd: is no TrueFalseIndicator: yes"},
        {"type: count", "<NbOfNtries>2", "<NbOfNtries>two", "NbOfNtries: is no Max15NumericText: two"},
        {"type: sum", "<Sum>27.00", "<Sum>1e3", "Sum: is no DecimalNumber: 1e3"},
        {"type: IBAN", "<Othr><Id>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</Id></Othr>", "<IBAN>de89</IBAN>",
         "IBAN: is no IBAN2007Identifier: de89"},
        {"text between elements", "<GrpHdr>", "<GrpHdr>hello", "GrpHdr: holds elements, not text"},
        {"elements in text", "<Nm>Everyday", "<Nm><B/>Everyday", "Nm: holds text, not B"},
        {"not closed", "</Document>", "", ""},
        {"something after it", "</Document>", "</Document><x/>", ""},
        {"a bare ampersand", "salary &amp;", "salary &", ""},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        CLEANUP(sample_close) struct sample *sample = sample_open();
        struct bytes text = edit(sample->arena, write_sample(sample), rows[i].what, rows[i].with);
        char problem[CAMT053_PROBLEM_BYTES];
        bool fits = camt053_check(text, problem);
        if (fits != (rows[i].problem == NULL)) fail_msg("%s: %s", rows[i].name, problem);
        if (!fits && strstr(problem, rows[i].problem) != problem)
            fail_msg("%s: %s", rows[i].name, problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_threads_write_at_once), // First: libxml2 is not initialized yet.
        cmocka_unit_test(test_message_says_what_the_statement_says),
        cmocka_unit_test(test_statement_keeps_its_id_and_each_message_has_its_own),
        cmocka_unit_test(test_zero_entries_are_a_message_too),
        cmocka_unit_test(test_balances_say_credit_or_debit_by_the_normal_side),
        cmocka_unit_test(test_an_iban_is_the_account_only_when_it_is_one),
        cmocka_unit_test(test_amounts_have_the_currencys_decimals),
        cmocka_unit_test(test_what_the_message_cannot_hold_is_refused),
        cmocka_unit_test(test_what_xml_cannot_carry_is_replaced),
        cmocka_unit_test(test_texts_are_cut_to_what_the_message_allows),
        cmocka_unit_test(test_texts_of_any_length_fit_the_bound),
        cmocka_unit_test(test_checker_refuses_what_is_wrong_in_one_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
