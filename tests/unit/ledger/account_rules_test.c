// What an account is: soundness, the ledger's own accounts, references, time, currencies.
#include "common/base/iso4217.h"
#include "tests/unit/ledger/rules.h"

static void test_system_account_ids(void **state)
{
    (void)state;
    char text[ID128_TEXT_BYTES];
    id128_format(ledger_system_account_id("INR", LEDGER_CASH), text);
    assert_string_equal(text, "494e5200-0000-8100-8000-0000464c524e");
    id128_format(ledger_system_account_id("ABCDEFGHIJ", LEDGER_FX), text);
    assert_string_equal(text, "41424344-4546-8347-8048-494a464c524e");
    assert_true(ledger_id_is_system(ledger_system_account_id("EUR", LEDGER_FEES)));
    assert_false(ledger_id_is_system(id128_generate()));

    struct ledger_account account;
    ledger_system_account("INR", 2, LEDGER_FEES, &account);
    account.number = 1;
    assert_int_equal(account.class, LEDGER_CLASS_INCOME);
    assert_false(account.no_negative);
    assert_true(ledger_account_is_sound(&account));
}

static void test_system_account_ids_are_taken_apart_again(void **state)
{
    (void)state;
    static const char *const codes[] = {"INR", "POINTS", "POINTS7", "ABCDEFGHIJ", "A1B2C3D4"};
    char currency[LEDGER_CURRENCY_BYTES];
    enum ledger_system_kind kind;
    for (size_t i = 0; i < ROWS(codes); i++) {
        for (enum ledger_system_kind made = LEDGER_CASH; made < LEDGER_SYSTEM_END; made++) {
            struct id128 id = ledger_system_account_id(codes[i], made);
            assert_true(ledger_system_account_parse(id, currency, &kind));
            assert_string_equal(currency, codes[i]);
            assert_int_equal(kind, made);
        }
    }

    // clang-format off
    static const struct {
        const char *name;
        size_t byte;
        uint8_t value;
    } damages[] = { // Of INR cash.
        {"no kind",                6, 0x80}, {"a kind that is none",    6, 0x84},
        {"another version",        6, 0x71}, {"another variant",        8, 0x90},
        {"another tag",           15, 'X'},  {"no currency",            0, 0},
        {"a small letter",         1, 'n'},  {"no letter",              2, ' '},
        {"letters behind the end", 4, 'A'},  {"far behind the end",    11, 'A'},
        {"not ASCII",              0, 0xc9}, {"behind it, not ASCII",   7, 0xff},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(damages); i++) {
        struct id128 id = ledger_system_account_id("INR", LEDGER_CASH);
        id.bytes[damages[i].byte] = damages[i].value;
        if (ledger_system_account_parse(id, currency, &kind)) fail_msg("%s", damages[i].name);
    }
}

static void test_references_that_look_like_an_iban_are_checked(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *text;
        bool is_valid;
    } rows[] = {
        {"GB29NWBK60161331926819",             true},
        {"GB29NWBK60161331926818",             false}, // One digit wrong.
        {"GB92NWBK60161331926819",             false}, // Two digits changed places.
        {"GR1601101250000000012300695",        true},
        {"DE89370400440532013000",             true},
        {"NO9386011117947",                    true},  // The shortest there is.
        {"NO9386011117948",                    false},
        {"MT84MALT011000012345MTLCAST001S",    true},
        {"LC55HEMM000100010012001200023015",   true},
        {"GB00NWBK60161331926819",             false},
        {"AB12ABCDEFGHIJKLMNOPQRSTUVWXYZ0123", false}, // 34 characters: still looks like one.
        // Any text:
        {"AB12ABCDEFGHIJKLMNOPQRSTUVWXYZ01234", true}, // Too long.
        {"NO938601111794",                     true},  // Too short.
        {"GB29 NWBK 6016 1331 9268 18",        true},  // Spaces.
        {"gb29nwbk60161331926818",             true},
        {"invoice 2026-17",                    true},
        {"G1B9NWBK60161331926819",             true},
        {"",                                   true},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (ledger_ref_is_valid(rows[i].text) != rows[i].is_valid) fail_msg("%s", rows[i].text);
    }
}

static void test_check_digits_that_are_never_computed(void **state)
{
    (void)state;
    // 01, 00 and 99 leave the same rest as 98, 97 and 02: of each pair ISO 7064 computes one.
    static const char *const pairs[][2] = {{"98", "01"}, {"97", "00"}, {"02", "99"}};
    size_t seen[ROWS(pairs)] = {0};
    for (unsigned account = 0; account < 1000; account++) {
        for (size_t i = 0; i < ROWS(pairs); i++) {
            char text[40];
            snprintf(text, sizeof text, "NO%s%011u", pairs[i][0], account);
            if (!ledger_ref_is_valid(text)) continue;
            seen[i]++;
            memcpy(text + 2, pairs[i][1], 2);
            if (ledger_ref_is_valid(text)) fail_msg("%s", text);
        }
    }
    for (size_t i = 0; i < ROWS(pairs); i++)
        assert_true(seen[i] > 0);
}

static void damage_owner(struct ledger_account *account)
{
    account->owner_id = ID128_NIL;
}

static void damage_system(struct ledger_account *account)
{
    account->kind = LEDGER_KIND_SYSTEM;
}

static void damage_limit(struct ledger_account *account)
{
    account->credit_limit = MAX + 1;
}

static void damage_min(struct ledger_account *account)
{
    account->min_balance = 1; // Though it has none.
}

static void damage_max(struct ledger_account *account)
{
    account->has_max_balance = true;
    account->max_balance = -(i128)MAX - 1;
}

static void damage_until(struct ledger_account *account)
{
    account->frozen_until_ns[LEDGER_DEBIT] = 1;
}

static void damage_number(struct ledger_account *account)
{
    account->number = 0;
}

static void damage_version(struct ledger_account *account)
{
    account->version = 0;
}

static void damage_debits(struct ledger_account *account)
{
    account->totals.debits_posted = MAX;
    account->totals.debits_pending = 1;
}

static void damage_credits(struct ledger_account *account)
{
    account->totals.credits_pending = MAX + 1;
}

static void damage_head(struct ledger_account *account)
{
    account->head.entry_count = 1;
}

static void damage_chain(struct ledger_account *account)
{
    account->head = (struct ledger_head){2, {5, 6}};
}

static void test_what_must_be_true_of_any_account(void **state)
{
    (void)state;
    static void (*const damages[])(struct ledger_account * account) = {
        damage_owner,  damage_system,  damage_limit,  damage_min,     damage_max,  damage_until,
        damage_number, damage_version, damage_debits, damage_credits, damage_head, damage_chain,
    };
    for (size_t i = 0; i < ROWS(damages); i++) {
        struct ledger_account account = customer_account(1);
        assert_true(ledger_account_is_sound(&account));
        damages[i](&account);
        if (ledger_account_is_sound(&account)) fail_msg("damage %zu was not seen", i);
    }
}

static void test_ledger_time_only_rises(void **state)
{
    (void)state;
    assert_int_equal(ledger_time_next(100, 50), 100);
    assert_int_equal(ledger_time_next(100, 100), 101);
    assert_int_equal(ledger_time_next(100, 500), 501);
}

static void test_currencies_are_sorted_and_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < iso4217_currency_count; i++) {
        assert_int_equal(strlen(iso4217_currencies[i].code), 3);
        if (i > 0)
            assert_true(strcmp(iso4217_currencies[i - 1].code, iso4217_currencies[i].code) < 0);
        assert_ptr_equal(iso4217_find(iso4217_currencies[i].code), &iso4217_currencies[i]);
    }
    assert_int_equal(iso4217_find("INR")->exponent, 2);
    assert_int_equal(iso4217_find("JPY")->exponent, 0);
    assert_int_equal(iso4217_find("KWD")->exponent, 3);
    assert_null(iso4217_find("POINTS"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_account_ids),
        cmocka_unit_test(test_system_account_ids_are_taken_apart_again),
        cmocka_unit_test(test_references_that_look_like_an_iban_are_checked),
        cmocka_unit_test(test_check_digits_that_are_never_computed),
        cmocka_unit_test(test_what_must_be_true_of_any_account),
        cmocka_unit_test(test_ledger_time_only_rises),
        cmocka_unit_test(test_currencies_are_sorted_and_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
