#include "services/kyc/documents.h"
#include "tests/unit/support/unit.h"

/// assert_normalised: the wanted normal form, or refused for a reason and nothing written.
static void assert_normalised(struct status status, const char *reason, const char *normal,
                              const char *wanted)
{
    if (reason == NULL) {
        assert_status_ok(status);
        assert_string_equal(normal, wanted);
        return;
    }
    assert_refused(status, reason);
    assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
    assert_string_equal(normal, "untouched");
}

static void test_aadhaar(void **state)
{
    (void)state;

    static const struct {
        const char *given, *text, *reason, *normal;
    } rows[] = {
        {"a good one", "234123412346", NULL, "234123412346"},
        {"in groups", "2341 2341 2346", NULL, "234123412346"},
        {"with hyphens", "2341-2341-2346", NULL, "234123412346"},
        {"spaces around it", " 234123412346 ", NULL, "234123412346"},
        {"another check digit", "234123412347", "AADHAAR_BAD_CHECKSUM", NULL},
        {"neighbours swapped", "234123412364", "AADHAAR_BAD_CHECKSUM", NULL},
        {"it begins with 1", "123456789012", "AADHAAR_BAD_PREFIX", NULL},
        {"it begins with 0", "043123412346", "AADHAAR_BAD_PREFIX", NULL},
        {"a palindrome, although its check digit fits", "222222222222", "AADHAAR_BAD_FORMAT", NULL},
        {"a letter", "23412341234A", "AADHAAR_BAD_FORMAT", NULL},
        {"a sign", "+23412341234", "AADHAAR_BAD_FORMAT", NULL},
        {"Devanagari digits, 3 bytes each", "२३४१", "AADHAAR_BAD_FORMAT", NULL},
        {"one too few", "23412341234", "AADHAAR_BAD_LENGTH", NULL},
        {"one too many", "2341234123460", "AADHAAR_BAD_LENGTH", NULL},
        {"a virtual id: 16 digits", "2341234123412341", "AADHAAR_BAD_LENGTH", NULL},
        {"very long", "23412341234623412341234623412346", "AADHAAR_BAD_LENGTH", NULL},
        {"nothing", "", "AADHAAR_BAD_LENGTH", NULL},
        {"separators only", " - ", "AADHAAR_BAD_LENGTH", NULL},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char normal[KYC_IDENTIFIER_BYTES] = "untouched";
        print_message("  %s\n", rows[i].given);
        struct status status = kyc_aadhaar_normalise(rows[i].text, normal);
        assert_normalised(status, rows[i].reason, normal, rows[i].normal);
    }
}

/// What Verhoeff's scheme promises, tried on a number whole: no single error, no swap passes.
static void test_verhoeff_finds_every_single_error_and_swap(void **state)
{
    (void)state;
    static const char good[] = "234123412346";
    char bad[KYC_IDENTIFIER_BYTES], normal[KYC_IDENTIFIER_BYTES];
    for (size_t i = 0; i < KYC_AADHAAR_DIGITS; i++) {
        for (char digit = i == 0 ? '2' : '0'; digit <= '9'; digit++) {
            memcpy(bad, good, sizeof good);
            bad[i] = digit;
            if (digit != good[i])
                assert_refused(kyc_aadhaar_normalise(bad, normal), "AADHAAR_BAD_CHECKSUM");
        }
        if (i == 0 || good[i] == good[i - 1]) continue;
        memcpy(bad, good, sizeof good);
        bad[i] = good[i - 1];
        bad[i - 1] = good[i];
        if (bad[0] >= '2')
            assert_refused(kyc_aadhaar_normalise(bad, normal), "AADHAAR_BAD_CHECKSUM");
    }
}

static void test_pan(void **state)
{
    (void)state;

    static const struct {
        const char *given, *text, *name, *reason, *normal;
    } rows[] = {
        {"a good one", "ABCPV1234K", "Asha Verma", NULL, "ABCPV1234K"},
        {"another", "ACUPA7085R", "Rahul Agarwal", NULL, "ACUPA7085R"},
        {"lower case and spaces", "abcpv 1234 k", "asha verma", NULL, "ABCPV1234K"},
        {"the surname stands first", "ABCPV1234K", "Verma Asha", NULL, "ABCPV1234K"},
        {"a single name", "ABCPV1234K", "Vijay", NULL, "ABCPV1234K"},
        {"initials with dots", "ABCPV1234K", "K.V.Raman", NULL, "ABCPV1234K"},
        {"a name in Devanagari cannot be compared", "ABCPV1234K", "आशा वर्मा", NULL, "ABCPV1234K"},
        {"no word begins with V", "ABCPV1234K", "Asha Sharma", "PAN_BAD_COMPONENT", NULL},
        {"a V inside a word is no initial", "ABCPV1234K", "Asha Sivan", "PAN_BAD_COMPONENT", NULL},
        {"a company", "ABCCV1234K", "Asha Verma", "PAN_BAD_COMPONENT", NULL},
        {"no kind of holder", "ABMXV3211G", "Asha Verma", "PAN_BAD_COMPONENT", NULL},
        {"serial 0000", "ACUPA0000R", "Rahul Agarwal", "PAN_BAD_COMPONENT", NULL},
        {"serial 0001", "ACUPA0001R", "Rahul Agarwal", NULL, "ACUPA0001R"},
        {"a digit among the letters", "AB1PV1234K", "Asha Verma", "PAN_BAD_FORMAT", NULL},
        {"a letter among the digits", "ABCPV12E4K", "Asha Verma", "PAN_BAD_FORMAT", NULL},
        {"a digit at the end", "ABCPV12345", "Asha Verma", "PAN_BAD_FORMAT", NULL},
        {"an umlaut: 2 bytes", "ÄBCPV123K", "Asha Verma", "PAN_BAD_FORMAT", NULL},
        {"one too few", "ABCPV1234", "Asha Verma", "PAN_BAD_LENGTH", NULL},
        {"one too many", "ABCPV1234KK", "Asha Verma", "PAN_BAD_LENGTH", NULL},
        {"nothing", "", "Asha Verma", "PAN_BAD_LENGTH", NULL},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char normal[KYC_IDENTIFIER_BYTES] = "untouched";
        print_message("  %s\n", rows[i].given);
        struct status status = kyc_pan_normalise(rows[i].text, rows[i].name, normal);
        assert_normalised(status, rows[i].reason, normal, rows[i].normal);
    }
}

static void test_masks(void **state)
{
    (void)state;
    char mask[KYC_MASK_BYTES];
    kyc_aadhaar_mask("234123412346", mask);
    assert_string_equal(mask, "XXXX XXXX 2346");
    kyc_pan_mask("QRSPV1234Z", mask);
    assert_string_equal(mask, "QRXXXXXXXZ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aadhaar),
        cmocka_unit_test(test_verhoeff_finds_every_single_error_and_swap),
        cmocka_unit_test(test_pan),
        cmocka_unit_test(test_masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
