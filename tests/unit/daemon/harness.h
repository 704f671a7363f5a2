/// @file tests/unit/daemon/harness.h
/// What the tests of common/daemon share: cmocka, and asserts that say why a status was refused.
#pragma once

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "tests/unit/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_S_MAX = 60 };

/// For a condition that comes true by itself, never for time to pass.
#define WAIT_FOR(condition_)                                                                       \
    do {                                                                                           \
        struct timespec now_, until_;                                                              \
        clock_gettime(CLOCK_MONOTONIC, &until_);                                                   \
        while (!(condition_)) {                                                                    \
            clock_gettime(CLOCK_MONOTONIC, &now_);                                                 \
            if (now_.tv_sec > until_.tv_sec + WAIT_S_MAX) fail_msg("never: %s", #condition_);      \
            usleep(1000);                                                                          \
        }                                                                                          \
    } while (0)
