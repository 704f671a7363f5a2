/// @file tests/unit/support/unit.h
/// What unit tests share: cmocka, asserts that say why a status was refused, temporary directories,
/// golden files.
/// Failures   Fail the test that called; setting up what is not under test CHECKs.
#pragma once

#include "common/base/bytes.h"
#include "common/base/id128.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "tests/support/directory.h"
#include "tests/unit/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS(table) (sizeof(table) / sizeof(table)[0])

#define assert_status_ok(expression)                                                               \
    do {                                                                                           \
        struct status assert_status_ = (expression);                                               \
        if (!status_ok(assert_status_))                                                            \
            fail_msg("%s: %s (%s)", #expression, assert_status_.reason, assert_status_.message);   \
    } while (0)

#define assert_refused(expression, reason_)                                                        \
    do {                                                                                           \
        struct status assert_status_ = (expression);                                               \
        if (status_ok(assert_status_)) fail_msg("%s was not refused", #expression);                \
        assert_string_equal(assert_status_.reason, (reason_));                                     \
    } while (0)

/// id_of is an id of 16 equal bytes.
struct id128 id_of(uint8_t filler);

/// text_of lends a text to a message of protobuf-c, which never writes to it.
char *text_of(const char *text);

// ---- Golden files --------------------------------------------------------------------------

/// What is durable: tests/unit/<module>/golden/<file>, annotated hex. '#' begins a comment, white
/// space is free. A golden file is never refreshed: a difference is a new layout version.

typedef struct status (*golden_decode)(struct bytes record);

/// golden_read gives a file's bytes, at most bytes_max, and their number.
size_t golden_read(const char *module, const char *file, uint8_t *ret, size_t bytes_max);
/// golden_assert: what is encoded is the file.
void golden_assert(const char *module, const char *file, struct bytes encoded);
/// golden_assert_key: and the decoder takes it, but refuses every cut of it and one byte more.
void golden_assert_key(const char *module, const char *file, struct bytes encoded,
                       golden_decode decode, const char *reason);
/// golden_assert_record: and another layout version, in its first byte.
void golden_assert_record(const char *module, const char *file, struct bytes encoded,
                          golden_decode decode, const char *reason);
