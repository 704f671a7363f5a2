#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/unit/base/capture.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#define LOGFMT_HEAD "time=2026-11-21T00:06:00.123Z level=warn daemon=ledger msg="
#define JSON_HEAD                                                                                  \
    "{\"time\":\"2026-11-21T00:06:00.123Z\",\"level\":\"warn\",\"daemon\":\"ledger\",\"msg\":"

static struct capture captured;

static int freeze_clock(void **state)
{
    (void)state;
    clock_test_set(UINT64_C(1795219560123999999), 0);
    return 0;
}

static int release_clock(void **state)
{
    (void)state;
    clock_test_release();
    return 0;
}

// clang-format off
static void test_values_are_escaped_exactly(void **state)
{
    (void)state;
    static const struct { const char *value, *logfmt, *json; } rows[] = {
        {"plain",         "plain",               "\"plain\""},
        {"a/b:c-1.2",     "a/b:c-1.2",           "\"a/b:c-1.2\""},
        {"",              "\"\"",                "\"\""},
        {"two words",     "\"two words\"",       "\"two words\""},
        {"a=b",           "\"a=b\"",             "\"a=b\""},
        {"say \"hi\"",    "\"say \\\"hi\\\"\"",  "\"say \\\"hi\\\"\""},
        {"back\\slash",   "\"back\\\\slash\"",   "\"back\\\\slash\""},
        {"a\nb\r\tc",     "\"a\\nb\\r\\tc\"",    "\"a\\nb\\r\\tc\""},
        {"\x1b[31m",      "\"\\u001b[31m\"",     "\"\\u001b[31m\""},
        {"\x7f",          "\"\\u007f\"",         "\"\\u007f\""},
        {"\xC2\x9B" "2J", "\"\\u009b2J\"",       "\"\\u009b2J\""},
        {"\xE2\x82\xB9",  "\xE2\x82\xB9",        "\"\xE2\x82\xB9\""},
        {"a\xFFz",        "\"a\\ufffdz\"",       "\"a\\ufffdz\""},
        {"\xE2\x82",      "\"\\ufffd\\ufffd\"",  "\"\\ufffd\\ufffd\""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char expected[512];
        log_open("ledger", LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
        capture_begin(&captured, STDERR_FILENO);
        LOG_WARN("m", LOG_TEXT("k", rows[i].value));
        snprintf(expected, sizeof expected, LOGFMT_HEAD "m k=%s\n", rows[i].logfmt);
        assert_string_equal(capture_end(&captured), expected);

        log_open("ledger", LOG_FORMAT_JSON, LOG_LEVEL_INFO);
        capture_begin(&captured, STDERR_FILENO);
        LOG_WARN("m", LOG_TEXT("k", rows[i].value));
        snprintf(expected, sizeof expected, JSON_HEAD "\"m\",\"k\":%s}\n", rows[i].json);
        assert_string_equal(capture_end(&captured), expected);
    }
}

// clang-format on

static void test_a_line_has_its_fields_in_order(void **state)
{
    (void)state;
    log_open("ledger", LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    capture_begin(&captured, STDERR_FILENO);
    LOG_WARN("peer is away", LOG_TEXT("peer", "kyc"), LOG_TEXT("absent", NULL),
             LOG_U64("retry_ms", UINT64_MAX), LOG_I64("skew", INT64_MIN));
    LOG_WARN("bare");
    log_status(LOG_LEVEL_WARN, "gave up", REFUSE(ABORTED, TRY_AGAIN, "try it later"));
    assert_string_equal(capture_end(&captured),
                        LOGFMT_HEAD "\"peer is away\" peer=kyc retry_ms=18446744073709551615 "
                                    "skew=-9223372036854775808\n" LOGFMT_HEAD "bare\n" LOGFMT_HEAD
                                    "\"gave up\" code=ABORTED reason=TRY_AGAIN "
                                    "error=\"try it later\"\n");
}

static void test_lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    log_open("ledger", LOG_FORMAT_LOGFMT, LOG_LEVEL_WARN);
    capture_begin(&captured, STDERR_FILENO);
    LOG_DEBUG("no");
    LOG_INFO("no");
    log_status(LOG_LEVEL_INFO, "no", STATUS_SUCCESS);
    LOG_WARN("yes");
    log_set_level(LOG_LEVEL_DEBUG);
    LOG_DEBUG("now");
    const char *text = capture_end(&captured);
    assert_null(strstr(text, "no\n"));
    assert_non_null(strstr(text, "yes\n"));
    assert_non_null(strstr(text, "level=debug daemon=ledger msg=now\n"));
}

static void test_a_long_line_is_cut_and_says_so(void **state)
{
    (void)state;
    static char value[3 * LOG_LINE_BYTES_MAX];

    static const struct {
        enum log_format format;
        const char *unit; // Repeated; never cut in the middle of a character or an escape.
        const char *end;
    } rows[] = {
        {LOG_FORMAT_LOGFMT, "x", "x truncated=true\n"},
        {LOG_FORMAT_LOGFMT, "\xE2\x82\xB9", "\xE2\x82\xB9 truncated=true\n"},
        {LOG_FORMAT_LOGFMT, "\n", "\\n\" truncated=true\n"},
        {LOG_FORMAT_LOGFMT, "\x01", "\\u0001\" truncated=true\n"},
        {LOG_FORMAT_JSON, "x", "x\",\"truncated\":true}\n"},
        {LOG_FORMAT_JSON, "\x01", "\\u0001\",\"truncated\":true}\n"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t unit = strlen(rows[i].unit), size = 0;
        for (; size + unit < sizeof value; size += unit) {
            memcpy(value + size, rows[i].unit, unit);
        }
        value[size] = '\0';
        log_open("ledger", rows[i].format, LOG_LEVEL_INFO);
        capture_begin(&captured, STDERR_FILENO);
        LOG_WARN("m", LOG_TEXT("k", value), LOG_TEXT("behind", "is left out"));
        const char *text = capture_end(&captured);
        size_t length = strlen(text);
        assert_in_range(length, LOG_LINE_BYTES_MAX - 48, LOG_LINE_BYTES_MAX);
        assert_string_equal(text + length - strlen(rows[i].end), rows[i].end);
        assert_null(strstr(text, "behind"));
        assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    }
}

static void test_every_length_around_the_limit_makes_one_whole_line(void **state)
{
    (void)state;
    static char value[LOG_LINE_BYTES_MAX + 1];
    log_open("ledger", LOG_FORMAT_JSON, LOG_LEVEL_INFO);
    for (size_t size = LOG_LINE_BYTES_MAX - 200; size < LOG_LINE_BYTES_MAX; size++) {
        memset(value, 'x', size);
        value[size] = '\0';
        capture_begin(&captured, STDERR_FILENO);
        LOG_WARN("m", LOG_TEXT("k", value), LOG_U64("n", UINT64_MAX));
        const char *text = capture_end(&captured);
        size_t length = strlen(text);
        static const char whole_end[] = ",\"n\":18446744073709551615}\n";
        bool whole = strcmp(text + length - (sizeof whole_end - 1), whole_end) == 0;
        bool cut = strcmp(text + length - 19, ",\"truncated\":true}\n") == 0;
        if (whole == cut) fail_msg("%zu: ...%s", size, text + length - 40);
        assert_in_range(length, 1, LOG_LINE_BYTES_MAX);
    }
}

static void test_one_line_is_one_write(void **state)
{
    (void)state;
    int ends[2]; // A packet socket keeps the borders of writes.
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    log_open("ledger", LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    errno = 77;
    LOG_WARN("one", LOG_TEXT("k", "a b"), LOG_U64("n", 1));
    LOG_WARN("two");
    int after = errno;
    dup2(before, STDERR_FILENO);
    close(before);

    char text[512];
    ssize_t size = recv(ends[0], text, sizeof text - 1, MSG_DONTWAIT);
    assert_true(size > 0);
    text[size] = '\0';
    assert_string_equal(text, LOGFMT_HEAD "one k=\"a b\" n=1\n");
    size = recv(ends[0], text, sizeof text - 1, MSG_DONTWAIT);
    assert_true(size > 0);
    text[size] = '\0';
    assert_string_equal(text, LOGFMT_HEAD "two\n");
    assert_int_equal(recv(ends[0], text, sizeof text, MSG_DONTWAIT), -1);
    assert_int_equal(after, 77);
    close(ends[0]);
    close(ends[1]);
}

static void *log_many(void *context)
{
    (void)context;
    for (int i = 0; i < 100; i++) {
        LOG_WARN("m", LOG_TEXT("k", "0123456789"));
    }
    return NULL;
}

static void test_threads_do_not_mix_lines(void **state)
{
    (void)state;
    log_open("ledger", LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    capture_begin(&captured, STDERR_FILENO);
    pthread_t threads[4];
    for (size_t i = 0; i < ROWS(threads); i++) {
        pthread_create(&threads[i], NULL, log_many, NULL);
    }
    for (size_t i = 0; i < ROWS(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    const char *text = capture_end(&captured);
    static const char line[] = LOGFMT_HEAD "m k=0123456789\n";
    assert_int_equal(strlen(text), 400 * (sizeof line - 1));
    for (int i = 0; i < 400; i++, text += sizeof line - 1) {
        assert_memory_equal(text, line, sizeof line - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_escaped_exactly),
        cmocka_unit_test(test_a_line_has_its_fields_in_order),
        cmocka_unit_test(test_lines_below_the_level_are_not_written),
        cmocka_unit_test(test_a_long_line_is_cut_and_says_so),
        cmocka_unit_test(test_every_length_around_the_limit_makes_one_whole_line),
        cmocka_unit_test(test_one_line_is_one_write),
        cmocka_unit_test(test_threads_do_not_mix_lines),
    };
    return cmocka_run_group_tests(tests, freeze_clock, release_clock);
}
