/// @file tests/support/cutter.h
/// A wire between a Unix socket's clients and a daemon that the test can cut: bytes pass both ways
/// until then, and end at whatever byte they had come to.
/// Threads    One of its own; the functions from the test's.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cutter;

/// cutter_open listens at one path and connects to the other for each client; aborts when it
/// cannot.
struct cutter *cutter_open(const char *listen_path, const char *target_path);
/// cutter_cut ends every connection that stands, and gives their number. Who comes again gets
/// through, if the wire is whole.
unsigned cutter_cut(struct cutter *cutter);
/// cutter_set_whole: false, and who comes is let in and ended at once, until it is true again.
void cutter_set_whole(struct cutter *cutter, bool is_whole);
void cutter_close(struct cutter **cutter); // Idempotent.
