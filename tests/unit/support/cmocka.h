/// @file tests/unit/support/cmocka.h
/// cmocka.h behind the four headers that it needs and does not include.
#pragma once

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
