// Small text files of the operator: what counts as a line.
#include "common/base/lines.h"
#include "tests/unit/support/unit.h"

// clang-format off
static const struct {
    const char *given, *file, *lines; // Those that come, each with its number and a bar behind it.
} files[] = {
    {"nothing",                "",                         ""},
    {"one line",               "a b\n",                    "1 a b|"},
    {"no final newline",       "a\nb",                     "1 a|2 b|"},
    {"blank lines",            "\n\n  \t\na\n\n",          "4 a|"},
    {"white space around",     "  a  b\t\r\n",             "1 a  b|"},
    {"a comment",              "# a\nb # c\n#\n",          "2 b|"},
};

// clang-format on

static void test_lines_are_what_has_something_in_it(void **state)
{
    (void)state;
    char directory[256], path[300];
    directory_make("lines", directory, sizeof directory);
    snprintf(path, sizeof path, "%s/file", directory);
    for (size_t i = 0; i < ROWS(files); i++) {
        char got[256] = "";
        struct lines lines;
        struct bytes line;
        FILE *file = fopen(path, "we");
        assert_true(file != NULL && fputs(files[i].file, file) >= 0 && fclose(file) == 0);
        assert_status_ok(lines_open(path, &lines));
        while (lines_next(&lines, &line)) {
            size_t size = strlen(got);
            snprintf(got + size, sizeof got - size, "%u %.*s|", lines.number, (int)line.size,
                     (const char *)line.data);
        }
        lines_close(&lines);
        lines_close(&lines);
        if (strcmp(got, files[i].lines) != 0) fail_msg("%s: %s", files[i].given, got);
    }
    directory_remove(directory);
}

static void test_words_are_taken_one_by_one(void **state)
{
    (void)state;
    struct bytes line = bytes_of_text("one\ttwo  three");
    static const char *const words[] = {"one", "two", "three", "", ""};
    for (size_t i = 0; i < ROWS(words); i++)
        assert_true(bytes_equal(lines_word(&line), bytes_of_text(words[i])));
}

static void test_what_cannot_be_read_says_so(void **state)
{
    (void)state;
    char directory[256], path[300];
    struct lines lines;
    directory_make("lines", directory, sizeof directory);
    snprintf(path, sizeof path, "%s/file", directory);
    assert_refused(lines_open(path, &lines), "FILE_UNREADABLE");
    assert_refused(lines_open(directory, &lines), "FILE_UNREADABLE");
    for (int beyond = 0; beyond <= 1; beyond++) {
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        for (int i = 0; i < LINES_BYTES_MAX + beyond; i++)
            putc('x', file);
        assert_int_equal(fclose(file), 0);
        struct status status = lines_open(path, &lines);
        if (beyond == 0) {
            assert_status_ok(status);
            lines_close(&lines);
        } else {
            assert_refused(status, "FILE_TOO_LARGE");
        }
    }
    directory_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_what_has_something_in_it),
        cmocka_unit_test(test_words_are_taken_one_by_one),
        cmocka_unit_test(test_what_cannot_be_read_says_so),
    };
    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
