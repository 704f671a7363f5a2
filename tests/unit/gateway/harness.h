/// @file tests/unit/gateway/harness.h
/// cmocka with the headers it needs before itself, and what tables of texts need.
#pragma once

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

#define COUNT_OF(array_) (sizeof(array_) / sizeof((array_)[0]))

/// expect_text fails the test with the row's name when two texts differ; NULL is a text of its own.
static inline void expect_text(const char *given, const char *actual, const char *expected)
{
    const char *have = actual != NULL ? actual : "(none)";
    const char *want = expected != NULL ? expected : "(none)";
    if (strcmp(have, want) != 0) fail_msg("%s:\n  is     %s\n  wanted %s", given, have, want);
}
