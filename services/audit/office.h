/// @file services/audit/office.h
/// When the office is open, by its own clock: for work that is suspicious at other times.
/// Shapes     hours "HH:MM-HH:MM" (to 24:00; "22:00-06:00" goes past midnight and belongs to the
///            day it begins on), or "": it never closes. days "1-6" or "1,3,5-7", 1 is Monday.
///            utc offset "+05:30", at most 14 hours either way; it has no summer time.
/// Threads    Any; pure.
/// Errors     INVALID_ARGUMENT / OFFICE_HOURS_MALFORMED, OFFICE_DAYS_MALFORMED,
///            OFFICE_UTC_OFFSET_MALFORMED.
#pragma once

#include "common/base/status.h"

struct audit_office {
    bool never_closes;
    int from_minute, to_minute; // Of the day it opens on; from < to, beyond 24 hours past midnight.
    unsigned days;              // Bit 0: Monday.
    int offset_minutes;
};

MUST_USE struct status audit_office_parse(const char *hours, const char *days,
                                          const char *utc_offset, struct audit_office *ret);

bool audit_office_is_open(const struct audit_office *office, uint64_t time_ns);

/// audit_office_closed_since gives when the office was closed before a time at which it is closed,
/// in seconds since 1970: the same for all times of one such stretch.
int64_t audit_office_closed_since(const struct audit_office *office, uint64_t time_ns);
