/// @file common/base/check.h
/// CHECK states what must be true if our own code is right; never compiled out, never about input.
/// A failed CHECK logs file, line and expression and aborts: the supervisor restarts the daemon
/// from its durable state, which is always consistent.
#pragma once

#define CHECK(c) ((c) ? (void)0 : check_failed(__FILE__, __LINE__, #c))

_Noreturn void check_failed(const char *file, int line, const char *expression);
