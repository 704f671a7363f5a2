#include "common/base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

enum { SECONDS_PER_DAY = 86400, DAYS_TO_1970 = 719468, DAYS_PER_ERA = 146097 };

static atomic_bool test_frozen;
static _Atomic uint64_t test_wall_ns;
static _Atomic uint64_t test_mono_ns;

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); // Cannot fail for the two clocks that every Linux has.
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_wall_ns(void)
{
    if (atomic_load_explicit(&test_frozen, memory_order_acquire)) return atomic_load(&test_wall_ns);
    return read_clock(CLOCK_REALTIME);
}

uint64_t clock_mono_ns(void)
{
    if (atomic_load_explicit(&test_frozen, memory_order_acquire)) return atomic_load(&test_mono_ns);
    return read_clock(CLOCK_MONOTONIC);
}

void clock_test_set(uint64_t wall_ns, uint64_t mono_ns)
{
    atomic_store(&test_wall_ns, wall_ns);
    atomic_store(&test_mono_ns, mono_ns);
    atomic_store_explicit(&test_frozen, true, memory_order_release);
}

void clock_test_advance(uint64_t ns)
{
    atomic_fetch_add(&test_wall_ns, ns);
    atomic_fetch_add(&test_mono_ns, ns);
}

void clock_test_release(void)
{
    atomic_store_explicit(&test_frozen, false, memory_order_release);
}

// Years are counted from 1 March, so that the leap day is a year's last day and month lengths
// follow one linear formula; an era is the 400 years after which the calendar repeats.
struct civil {
    unsigned year, month, day;
};

static struct civil civil_of_days(uint64_t days_since_1970)
{
    uint64_t days = days_since_1970 + DAYS_TO_1970;
    unsigned era = (unsigned)(days / DAYS_PER_ERA);
    unsigned day_of_era = (unsigned)(days % DAYS_PER_ERA);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * day_of_year + 2) / 153;

    struct civil civil = {.day = day_of_year - (153 * month_from_march + 2) / 5 + 1};
    civil.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    civil.year = year_of_era + era * 400 + (civil.month <= 2 ? 1 : 0);
    return civil;
}

static int64_t days_of_civil(struct civil civil)
{
    unsigned year = civil.year - (civil.month <= 2 ? 1 : 0);
    unsigned month_from_march = civil.month > 2 ? civil.month - 3 : civil.month + 9;
    unsigned year_of_era = year % 400;
    unsigned day_of_year = (153 * month_from_march + 2) / 5 + civil.day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)(year / 400) * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

static void put_digits(char *to, int count, uint64_t value)
{
    for (int i = count - 1; i >= 0; i--, value /= 10) {
        to[i] = (char)('0' + value % 10);
    }
}

size_t clock_format_rfc3339(uint64_t wall_ns, char ret_text[static CLOCK_RFC3339_BYTES])
{
    uint64_t seconds = wall_ns / NS_PER_SECOND;
    uint64_t second_of_day = seconds % SECONDS_PER_DAY;
    struct civil civil = civil_of_days(seconds / SECONDS_PER_DAY);

    static const char shape[CLOCK_RFC3339_BYTES] = "0000-00-00T00:00:00.000000000Z";
    for (size_t i = 0; i < sizeof shape; i++) {
        ret_text[i] = shape[i];
    }
    put_digits(ret_text, 4, civil.year);
    put_digits(ret_text + 5, 2, civil.month);
    put_digits(ret_text + 8, 2, civil.day);
    put_digits(ret_text + 11, 2, second_of_day / 3600);
    put_digits(ret_text + 14, 2, second_of_day / 60 % 60);
    put_digits(ret_text + 17, 2, second_of_day % 60);
    put_digits(ret_text + 20, 9, wall_ns % NS_PER_SECOND);
    return CLOCK_RFC3339_BYTES - 1;
}

// A cursor over the text; a failed take leaves failed set, so that one test at the end suffices.
struct reader {
    const char *at, *end;
    bool failed;
};

static char peek(const struct reader *reader)
{
    if (reader->at == reader->end) return '\0';
    return *reader->at;
}

static bool peek_digit(const struct reader *reader)
{
    return peek(reader) >= '0' && peek(reader) <= '9';
}

static unsigned take_digits(struct reader *reader, int count)
{
    unsigned value = 0;
    for (int i = 0; i < count; i++) {
        if (!peek_digit(reader)) {
            reader->failed = true;
            return 0;
        }
        value = value * 10 + (unsigned)(*reader->at++ - '0');
    }
    return value;
}

static void take_char(struct reader *reader, char first, char second)
{
    if (reader->at < reader->end && (*reader->at == first || *reader->at == second)) {
        reader->at++;
    } else {
        reader->failed = true;
    }
}

static uint64_t take_fraction_ns(struct reader *reader)
{
    if (peek(reader) != '.') return 0;
    reader->at++;
    if (!peek_digit(reader)) reader->failed = true;

    uint64_t ns = 0;
    for (uint64_t unit = NS_PER_SECOND / 10; unit > 0 && peek_digit(reader); unit /= 10) {
        ns += take_digits(reader, 1) * unit;
    }
    return ns; // A tenth decimal is left over and fails where the offset is expected.
}

static int64_t take_offset_seconds(struct reader *reader)
{
    char sign = peek(reader);
    if (sign == 'Z' || sign == 'z') {
        reader->at++;
        return 0;
    }
    take_char(reader, '+', '-');
    unsigned hours = take_digits(reader, 2);
    take_char(reader, ':', ':');
    unsigned minutes = take_digits(reader, 2);
    if (hours > 23 || minutes > 59) reader->failed = true;
    int64_t seconds = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    return sign == '-' ? -seconds : seconds;
}

int clock_parse_rfc3339(const char *text, size_t size, uint64_t *ret_wall_ns)
{
    if (size == 0) return -1;
    struct reader reader = {.at = text, .end = text + size};
    struct civil civil;
    civil.year = take_digits(&reader, 4);
    take_char(&reader, '-', '-');
    civil.month = take_digits(&reader, 2);
    take_char(&reader, '-', '-');
    civil.day = take_digits(&reader, 2);
    take_char(&reader, 'T', 't');
    unsigned hour = take_digits(&reader, 2);
    take_char(&reader, ':', ':');
    unsigned minute = take_digits(&reader, 2);
    take_char(&reader, ':', ':');
    unsigned second = take_digits(&reader, 2);
    uint64_t fraction_ns = take_fraction_ns(&reader);
    int64_t offset_seconds = take_offset_seconds(&reader);
    if (reader.failed || reader.at != reader.end) return -1;

    if (civil.year < 1969 || civil.month < 1 || civil.month > 12) return -1;
    if (civil.day < 1 || civil.day > days_in_month(civil.year, civil.month)) return -1;
    if (hour > 23 || minute > 59 || second > 59) return -1;

    int64_t seconds = days_of_civil(civil) * SECONDS_PER_DAY + (int64_t)hour * 3600 +
                      (int64_t)minute * 60 + second - offset_seconds;
    // Beyond INT64_MAX nanoseconds (April 2262) other languages' clocks cannot hold the instant.
    if (seconds < 0 || (uint64_t)seconds > (uint64_t)INT64_MAX / NS_PER_SECOND) return -1;
    uint64_t wall_ns = (uint64_t)seconds * NS_PER_SECOND + fraction_ns;
    if (wall_ns > (uint64_t)INT64_MAX) return -1;
    *ret_wall_ns = wall_ns;
    return 0;
}
