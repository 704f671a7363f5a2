#include "services/audit/office.h"

#include "common/base/clock.h"

#include <string.h>

enum {
    MINUTES_PER_DAY = 24 * 60,
    SECONDS_PER_DAY = MINUTES_PER_DAY * 60,
    DAYS_PER_WEEK = 7,
    OFFSET_MINUTES_MAX = 14 * 60,
    THURSDAY = 3, // 1970 began on one.
};

// ---- Parsing -------------------------------------------------------------------------------

// "HH:MM" at the text's beginning, or -1.
static int parse_time(const char *text)
{
    static const char form[] = "00:00";
    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == ':' ? text[i] != ':' : !is_digit) return -1;
    }
    int hour = (text[0] - '0') * 10 + (text[1] - '0');
    int minute = (text[3] - '0') * 10 + (text[4] - '0');
    return minute < 60 ? hour * 60 + minute : -1;
}

static bool parse_hours(const char *text, struct audit_office *office)
{
    enum { TIME_SIZE = 5 };

    if (strlen(text) != 2 * TIME_SIZE + 1 || text[TIME_SIZE] != '-') return false;
    int from = parse_time(text), to = parse_time(text + TIME_SIZE + 1);
    bool is_sound = from >= 0 && from < MINUTES_PER_DAY && to >= 0 && to <= MINUTES_PER_DAY;
    if (!is_sound || from == to) return false;
    office->from_minute = from;
    office->to_minute = to > from ? to : to + MINUTES_PER_DAY;
    return true;
}

// Days and ranges of them, between commas.
static bool parse_days(const char *text, unsigned *ret_days)
{
    *ret_days = 0;
    for (;;) {
        if (*text == '\0') return false;
        int first = *text++ - '0', last = first;
        if (*text == '-') {
            last = text[1] - '0';
            text += text[1] != '\0' ? 2 : 1;
        }
        if (first < 1 || last < first || last > DAYS_PER_WEEK) return false;
        for (int day = first; day <= last; day++)
            *ret_days |= 1U << (day - 1);
        if (*text == '\0') return true;
        if (*text++ != ',') return false;
    }
}

static bool parse_offset(const char *text, int *ret_minutes)
{
    if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-')) return false;
    int minutes = parse_time(text + 1);
    *ret_minutes = text[0] == '+' ? minutes : -minutes;
    return minutes >= 0 && minutes <= OFFSET_MINUTES_MAX;
}

struct status audit_office_parse(const char *hours, const char *days, const char *utc_offset,
                                 struct audit_office *ret)
{
    struct audit_office office = {.never_closes = hours[0] == '\0'};
    if (!office.never_closes && !parse_hours(hours, &office)) {
        return REFUSE(INVALID_ARGUMENT, OFFICE_HOURS_MALFORMED,
                      "[audit] office_hours must be like 06:00-22:00, or empty");
    }
    if (!parse_days(days, &office.days)) {
        return REFUSE(INVALID_ARGUMENT, OFFICE_DAYS_MALFORMED,
                      "[audit] office_days must be like 1-6 or 1,3,5-7; 1 is Monday");
    }
    if (!parse_offset(utc_offset, &office.offset_minutes)) {
        return REFUSE(INVALID_ARGUMENT, OFFICE_UTC_OFFSET_MALFORMED,
                      "[audit] office_utc_offset must be like +05:30, at most 14 hours");
    }
    *ret = office;
    return STATUS_SUCCESS;
}

// ---- The clock on its wall -----------------------------------------------------------------

static int64_t local_seconds(const struct audit_office *office, uint64_t time_ns)
{
    return (int64_t)(time_ns / NS_PER_SECOND) + (int64_t)office->offset_minutes * 60;
}

static int64_t day_of(int64_t seconds)
{
    int64_t days = seconds / SECONDS_PER_DAY;
    return seconds % SECONDS_PER_DAY < 0 ? days - 1 : days;
}

// Whether it opens on this day since 1970, and from when to when it is open then.
static bool opening_of(const struct audit_office *office, int64_t day, int64_t *ret_from,
                       int64_t *ret_to)
{
    int64_t week_day = (day + THURSDAY) % DAYS_PER_WEEK;
    if (week_day < 0) week_day += DAYS_PER_WEEK;
    *ret_from = day * SECONDS_PER_DAY + (int64_t)office->from_minute * 60;
    *ret_to = day * SECONDS_PER_DAY + (int64_t)office->to_minute * 60;
    return (office->days >> week_day & 1) != 0;
}

bool audit_office_is_open(const struct audit_office *office, uint64_t time_ns)
{
    if (office->never_closes) return true;
    int64_t now = local_seconds(office, time_ns), from, to;
    // Today's opening, or yesterday's past midnight.
    for (int64_t day = day_of(now) - 1; day <= day_of(now); day++) {
        if (opening_of(office, day, &from, &to) && now >= from && now < to) return true;
    }
    return false;
}

int64_t audit_office_closed_since(const struct audit_office *office, uint64_t time_ns)
{
    int64_t now = local_seconds(office, time_ns), from, to;
    // It opens at least once a week.
    for (int64_t day = day_of(now); day >= day_of(now) - DAYS_PER_WEEK - 1; day--) {
        if (opening_of(office, day, &from, &to) && to <= now)
            return to - (int64_t)office->offset_minutes * 60;
    }
    return 0;
}
