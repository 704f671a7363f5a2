// Media types that clients like, and those they send.
#include "gateway/accept.h"
#include "tests/unit/gateway/harness.h"

static void test_accept_says_how_much_a_media_type_is_liked(void **state)
{
    (void)state;

    static const struct {
        const char *header, *media_type; // NULL: no such header.
        int quality;
    } rows[] = {
        // clang-format off
        {NULL,                                    "application/json", 1000},
        {"",                                      "application/json", 1000},
        {"*/*",                                   "application/json", 1000},
        {"application/json",                      "application/json", 1000},
        {"APPLICATION/Json",                      "application/json", 1000},
        {"application/json;charset=utf-8",        "application/json", 1000},
        {"application/*",                         "application/json", 1000},
        {"text/plain",                            "application/json", 0},
        {"text/*",                                "application/json", 0},
        {"application/jsonx",                     "application/json", 0},
        {"application/json;q=0.5",                "application/json", 500},
        {"application/json; q=0.5",               "application/json", 500},
        {"application/json ; Q=0.125",            "application/json", 125},
        {"application/json;q=0",                  "application/json", 0},
        {"application/json;q=0.000",              "application/json", 0},
        {"application/json;q=1.000",              "application/json", 1000},
        {"application/json;level=1;q=0.2",        "application/json", 200},
        {"text/plain, application/json;q=0.3",    "application/json", 300},
        {"text/plain, application/json;q=0.3",    "text/plain",       1000},
        {"*/*;q=0.1, application/json;q=0.3",     "application/json", 300}, // The more exact one,
        {"application/json;q=0, */*",             "application/json", 0},   // also when it is less.
        {"text/*;q=0.4, */*;q=0.9",               "text/plain",       400},
        {",, application/json",                   "application/json", 1000},
        {"application/json;q=banana",             "application/json", 1000},
        {"text/html,application/xhtml+xml,*/*;q=0.8", "application/json", 800}, // A browser's.
        // clang-format on
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int quality = accept_quality(bytes_of_text(rows[i].header), rows[i].media_type);
        if (quality != rows[i].quality) {
            fail_msg("Accept: %s likes %s by %d, not %d", rows[i].header, rows[i].media_type,
                     quality, rows[i].quality);
        }
    }
}

static void test_a_content_type_is_compared_without_case_and_parameters(void **state)
{
    (void)state;

    static const struct {
        const char *header;
        bool is_json;
    } rows[] = {
        {"application/json", true},
        {"Application/JSON; charset=utf-8", true},
        {" application/json ;x=y", true},
        {"application/json5", false},
        {"application/jso", false},
        {"text/json", false},
        {"", false},
        {NULL, false},
        {"application/x-www-form-urlencoded", false},
        {"text/plain, application/json", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool is_json = media_type_is(bytes_of_text(rows[i].header), "application/json");
        if (is_json != rows[i].is_json) fail_msg("Content-Type: %s", rows[i].header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept_says_how_much_a_media_type_is_liked),
        cmocka_unit_test(test_a_content_type_is_compared_without_case_and_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
