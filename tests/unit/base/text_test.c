#include "common/base/text.h"
#include "tests/unit/base/capture.h"

#include <string.h>

static void test_utf8_is_well_formed_or_refused(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *given, *text; size_t size; bool ok; size_t code_points;
    } rows[] = {
        {"nothing",                    "",                  0, true,  0},
        {"ascii",                      "abc",               3, true,  3},
        {"two bytes, the least",       "\xC2\x80",          2, true,  1},
        {"three bytes, the least",     "\xE0\xA0\x80",      3, true,  1},
        {"the last before surrogates", "\xED\x9F\xBF",      3, true,  1},
        {"the first after surrogates", "\xEE\x80\x80",      3, true,  1},
        {"four bytes, the least",      "\xF0\x90\x80\x80",  4, true,  1},
        {"10FFFF",                     "\xF4\x8F\xBF\xBF",  4, true,  1},
        {"rupees",                     "\xE2\x82\xB9" "5",  4, true,  2},
        {"a NUL inside",               "a\0b",              3, false, 0},
        {"a lone continuation",        "\x80",              1, false, 0},
        {"overlong slash",             "\xC0\xAF",          2, false, 0},
        {"overlong, C1",               "\xC1\xBF",          2, false, 0},
        {"overlong, three bytes",      "\xE0\x9F\xBF",      3, false, 0},
        {"overlong, four bytes",       "\xF0\x8F\xBF\xBF",  4, false, 0},
        {"a low surrogate",            "\xED\xA0\x80",      3, false, 0},
        {"a high surrogate",           "\xED\xBF\xBF",      3, false, 0},
        {"110000",                     "\xF4\x90\x80\x80",  4, false, 0},
        {"lead F5",                    "\xF5\x80\x80\x80",  4, false, 0},
        {"lead FF",                    "\xFF",              1, false, 0},
        {"cut after one byte",         "\xE2",              1, false, 0},
        {"cut after two bytes",        "\xE2\x82",          2, false, 0},
        {"cut after three bytes",      "\xF0\x90\x80",      3, false, 0},
        {"third byte is ascii",        "\xE2\x82" "a",      3, false, 0},
    };

    // clang-format on

    for (size_t i = 0; i < ROWS(rows); i++) {
        if (text_is_utf8(rows[i].text, rows[i].size) != rows[i].ok) fail_msg("%s", rows[i].given);
        if (rows[i].ok) {
            assert_int_equal(text_code_points(rows[i].text, rows[i].size), rows[i].code_points);
        }
    }
}

static void test_hex_reads_both_cases_and_writes_lower(void **state)
{
    (void)state;

    // clang-format off
    static const struct { const char *text; bool ok; uint8_t bytes[2]; } rows[] = {
        {"00ff",  true,  {0x00, 0xFF}},
        {"aBcD",  true,  {0xAB, 0xCD}},
        {"00f",   false, {0}},
        {"00fff", false, {0}},
        {"00ff0", false, {0}},
        {"00ff00",false, {0}},
        {"0g00",  false, {0}},
        {" 000",  false, {0}},
        {"+1+1",  false, {0}},
        {"00:/",  false, {0}},
        {"@@``",  false, {0}},
        {"",      false, {0}},
    };

    // clang-format on

    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t bytes[2];
        if (hex_decode(rows[i].text, strlen(rows[i].text), bytes, 2) != rows[i].ok) {
            fail_msg("%s", rows[i].text);
        }
        if (rows[i].ok) assert_memory_equal(bytes, rows[i].bytes, 2);
    }
    char text[5];
    hex_encode((const uint8_t[]){0x0A, 0xF0}, 2, text);
    assert_string_equal(text, "0af0");
}

// RFC 4648 section 10, and bytes that need the last two digits of the alphabets.
// clang-format off
static const struct { const char *bytes, *base64, *base64url; } vectors[] = {
    {"",             "",         ""},
    {"f",            "Zg==",     "Zg"},
    {"fo",           "Zm8=",     "Zm8"},
    {"foo",          "Zm9v",     "Zm9v"},
    {"foob",         "Zm9vYg==", "Zm9vYg"},
    {"fooba",        "Zm9vYmE=", "Zm9vYmE"},
    {"foobar",       "Zm9vYmFy", "Zm9vYmFy"},
    {"\xFB\xFF\xFE", "+//+",     "-__-"},
};

// clang-format on

static void test_base64_meets_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(vectors); i++) {
        const uint8_t *bytes = (const uint8_t *)vectors[i].bytes;
        size_t size = strlen(vectors[i].bytes);
        char text[16];
        uint8_t again[8];
        size_t again_size = 99;
        assert_int_equal(base64_encode(bytes, size, text), strlen(vectors[i].base64));
        assert_string_equal(text, vectors[i].base64);
        assert_true(base64_decode(text, strlen(text), again, size, &again_size));
        assert_int_equal(again_size, size);
        assert_memory_equal(again, bytes, size);

        assert_int_equal(base64url_encode(bytes, size, text), strlen(vectors[i].base64url));
        assert_string_equal(text, vectors[i].base64url);
        assert_true(base64url_decode(text, strlen(text), again, size, &again_size));
        assert_int_equal(again_size, size);
        assert_memory_equal(again, bytes, size);
    }
}

static void test_base64_refuses_what_is_not_canonical(void **state)
{
    (void)state;
    static const char *const bad_url[] = {"Z",   "Zg==", "Zh",    "Zm9", "Zm9v\n",  " Zg",
                                          "Z g", "+//+", "Zm9vY", "Zg=", "\xC3\xA4"};
    static const char *const bad_standard[] = {
        "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "-__-", "Zg==Zg==", "Zm9v====", "=Zg="};
    uint8_t bytes[16];
    size_t size = 99;
    for (size_t i = 0; i < ROWS(bad_url); i++) {
        if (base64url_decode(bad_url[i], strlen(bad_url[i]), bytes, sizeof bytes, &size)) {
            fail_msg("%s", bad_url[i]);
        }
    }
    for (size_t i = 0; i < ROWS(bad_standard); i++) {
        if (base64_decode(bad_standard[i], strlen(bad_standard[i]), bytes, sizeof bytes, &size)) {
            fail_msg("%s", bad_standard[i]);
        }
    }
    assert_int_equal(size, 99);
}

static void test_base64_never_writes_beyond_its_room(void **state)
{
    (void)state;
    uint8_t bytes[3] = {0, 0, 0x77};
    size_t size;
    assert_false(base64url_decode("Zm9v", 4, bytes, 2, &size));
    assert_int_equal(bytes[2], 0x77);
    assert_true(base64url_decode("Zm8", 3, bytes, 2, &size));
    assert_int_equal(bytes[2], 0x77);
    assert_int_equal(BASE64URL_TEXT_BYTES(1), 3);
    assert_int_equal(BASE64URL_TEXT_BYTES(2), 4);
    assert_int_equal(BASE64URL_TEXT_BYTES(3), 5);
    assert_int_equal(BASE64_TEXT_BYTES(1), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_is_well_formed_or_refused),
        cmocka_unit_test(test_hex_reads_both_cases_and_writes_lower),
        cmocka_unit_test(test_base64_meets_the_vectors_of_rfc_4648),
        cmocka_unit_test(test_base64_refuses_what_is_not_canonical),
        cmocka_unit_test(test_base64_never_writes_beyond_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
