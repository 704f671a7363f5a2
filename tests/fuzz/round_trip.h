/// @file tests/fuzz/round_trip.h
/// What the fuzz targets of records share. The property: what a decoder accepts is canonical, it
/// encodes to the same bytes again. The input's first byte chooses which.
#pragma once

#include "common/base/bytes.h"
#include "common/base/check.h"

/// ROUND_TRIP defines `static void name_(struct bytes record)`: decoded_, an expression of `record`
/// and `&value`, gives a status; encode_(&value, bytes) gives the size.
#define ROUND_TRIP(name_, type_, bytes_max_, decoded_, encode_)                                    \
    static void name_(struct bytes record)                                                         \
    {                                                                                              \
        static uint8_t again[bytes_max_];                                                          \
        struct type_ value;                                                                        \
        if (!status_ok(decoded_)) return;                                                          \
        CHECK(bytes_equal(bytes_of(again, encode_(&value, again)), record));                       \
    }

/// ROUND_TRIP_LAYOUTS is for records of which older layouts are still read: what was of an older
/// one comes out in the newest, and stays as it is from then on.
#define ROUND_TRIP_LAYOUTS(name_, type_, bytes_max_, decoded_, encode_)                            \
    static void name_(struct bytes record)                                                         \
    {                                                                                              \
        static uint8_t again[bytes_max_], newest[bytes_max_];                                      \
        struct type_ value;                                                                        \
        if (!status_ok(decoded_)) return;                                                          \
        size_t size = encode_(&value, newest);                                                     \
        if (record.data[0] != newest[0]) {                                                         \
            record = bytes_of(newest, size);                                                       \
            CHECK(status_ok(decoded_));                                                            \
        }                                                                                          \
        CHECK(bytes_equal(bytes_of(again, encode_(&value, again)), record));                       \
    }

typedef void (*round_trip)(struct bytes record);

/// round_trip_run is a whole LLVMFuzzerTestOneInput.
static inline int round_trip_run(const round_trip *targets, size_t count, const uint8_t *data,
                                 size_t size)
{
    if (size > 0) targets[data[0] % count](bytes_of(data + 1, size - 1));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
