// How a payment is told to who approves it, and how it is kept until the code comes.
#include "services/auth/sca_core.h"
#include "tests/unit/support/unit.h"

#define PAYEE "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"

static struct auth_sca_payment payment_of(u128 amount, const char *currency)
{
    struct auth_sca_payment payment = {.debit_account_id = id_of(0xaa),
                                       .credit_account_id = id_of(0xbb),
                                       .transfer_id = id_of(0xcc),
                                       .amount = amount};
    snprintf(payment.currency, sizeof payment.currency, "%s", currency);
    return payment;
}

static void test_what_a_payer_reads(void **state)
{
    (void)state;

    // clang-format off
    const struct {
        u128 amount;
        const char *currency, *text;
    } rows[] = {
        {2500000,   "INR",        "Pay 25,000.00 INR to account " PAYEE},
        {1,         "INR",        "Pay 0.01 INR to account " PAYEE},
        {10,        "INR",        "Pay 0.10 INR to account " PAYEE},
        {100,       "INR",        "Pay 1.00 INR to account " PAYEE},
        {99999,     "INR",        "Pay 999.99 INR to account " PAYEE},
        {100000,    "INR",        "Pay 1,000.00 INR to account " PAYEE},
        {123456789, "JPY",        "Pay 123,456,789 JPY to account " PAYEE},
        {1234567,   "KWD",        "Pay 1,234.567 KWD to account " PAYEE},
        {7,         "CLF",        "Pay 0.0007 CLF to account " PAYEE},
        {2500000,   "POINTS",     "Pay 2,500,000 minor units of POINTS to account " PAYEE},
        {U128_MAX,  "ABCDEFGHIJ", "Pay 340,282,366,920,938,463,463,374,607,431,768,211,455 "
                                  "minor units of ABCDEFGHIJ to account " PAYEE},
        {U128_MAX,  "CLF",        "Pay 34,028,236,692,093,846,346,337,460,743,176,821.1455 CLF "
                                  "to account " PAYEE},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[AUTH_SCA_TEXT_BYTES];
        struct auth_sca_payment payment = payment_of(rows[i].amount, rows[i].currency);
        auth_sca_write_text(&payment, text);
        assert_string_equal(text, rows[i].text);
    }
}

#define PAYLOAD                                                                                    \
    "ledger.transfer.create aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa " PAYEE                           \
    " cccccccc-cccc-cccc-cccc-cccccccccccc 2500000 INR"

/// Stored: a difference is a new layout, which flows that are open must outlive.
static void test_what_is_kept(void **state)
{
    (void)state;
    char payload[AUTH_SCA_PAYLOAD_BYTES];
    struct auth_sca_payment payment = payment_of(2500000, "INR"), back;
    auth_sca_payload_encode(&payment, payload);
    assert_string_equal(payload, PAYLOAD);
    assert_status_ok(auth_sca_payload_decode(payload, &back));
    assert_memory_equal(&back, &payment, sizeof back);

    payment = payment_of(U128_MAX, "ABCDEFGHIJ");
    auth_sca_payload_encode(&payment, payload);
    assert_status_ok(auth_sca_payload_decode(payload, &back));
    assert_memory_equal(&back, &payment, sizeof back);
    // Every part of it is linked.
    uint8_t link[SCA_LINK_BYTES], other[SCA_LINK_BYTES];
    auth_sca_link(&payment, link);
    payment.transfer_id = id_of(0xcd);
    auth_sca_link(&payment, other);
    assert_memory_not_equal(link, other, sizeof link);
}

static void test_what_cannot_have_been_kept(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "ledger.transfer.create",
        PAYLOAD " ",
        PAYLOAD "RUPEES!!",
        " " PAYLOAD,
        "kyc.case.decide aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa " PAYEE
        " cccccccc-cccc-cccc-cccc-cccccccccccc 2500000 INR",
        "ledger.transfer.create AAAAAAAA-aaaa-aaaa-aaaa-aaaaaaaaaaaa " PAYEE
        " cccccccc-cccc-cccc-cccc-cccccccccccc 2500000 INR",
        "ledger.transfer.create aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa " PAYEE
        " cccccccc-cccc-cccc-cccc-cccccccccccc 02500000 INR",
        "ledger.transfer.create aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa " PAYEE
        " cccccccc-cccc-cccc-cccc-cccccccccccc 2500000 ",
        "ledger.transfer.create aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa  " PAYEE
        " cccccccc-cccc-cccc-cccc-cccccccccccc 2500000 INR",
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_sca_payment back;
        print_message("  \"%s\"\n", rows[i]);
        assert_refused(auth_sca_payload_decode(rows[i], &back), "AUTH_RECORD_BROKEN");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_payer_reads),
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_what_cannot_have_been_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
