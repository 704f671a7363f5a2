/// @file tests/unit/audit/silent.h
/// A server that takes connections and never says a word.
#pragma once

#include <stdint.h>

int silent_listen(uint16_t port); // On 127.0.0.1; close() ends it.
