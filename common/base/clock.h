/// @file common/base/clock.h
/// The only place that reads time, so that tests can set it.
/// Units      Nanoseconds. Wall: since 1970-01-01 UTC. Mono: since an arbitrary point, never back.
/// Threads    Any thread may read; clock_test_* only before threads start or between their steps.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

uint64_t clock_wall_ns(void);
uint64_t clock_mono_ns(void);

/// clock_test_set freezes both clocks at the given values; clock_test_advance moves both.
/// clock_test_release gives the real clocks back.
void clock_test_set(uint64_t wall_ns, uint64_t mono_ns);
void clock_test_advance(uint64_t ns);
void clock_test_release(void);

/// clock_format_rfc3339 writes UTC with nanoseconds, "2026-11-21T00:06:00.123456789Z", and a NUL;
/// returns the text's length.
enum { CLOCK_RFC3339_BYTES = 31 };

size_t clock_format_rfc3339(uint64_t wall_ns, char ret_text[static CLOCK_RFC3339_BYTES]);

/// clock_parse_rfc3339 reads RFC 3339 date-times from 1970 to INT64_MAX ns (April 2262), any
/// offset, 0 to 9 decimals. Second 60 is refused: the wall clock has no leap seconds. Returns 0 on
/// success, -1 when malformed or out of range (*ret untouched).
int clock_parse_rfc3339(const char *text, size_t size, uint64_t *ret_wall_ns);
