/// @file common/daemon/silence.h
/// A daemon that does not answer is asked by nobody for a moment, and then by one for all.
/// Otherwise everybody who needs an answer would wait for a time-out of their own, as many at a
/// time as the pool has threads, and the calls behind them for all of those.
/// Quick      A refusal that comes within SILENCE_QUICK_NS is an answer: it costs nobody any time.
/// Threads    Any.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define SILENCE_NS UINT64_C(250000000)
#define SILENCE_QUICK_NS UINT64_C(100000000)

struct silence {
    pthread_mutex_t lock;
    bool is_silent, is_probed;
    uint64_t until_mono_ns;
};

void silence_init(struct silence *silence);
void silence_reset(struct silence *silence);

/// silence_holds: whoever would ask now would not be let.
bool silence_holds(struct silence *silence);
/// silence_begin_asking: false while it holds. True: ask, and say with silence_end_asking, which is
/// given *ret_begin_ns, whether it went well.
bool silence_begin_asking(struct silence *silence, uint64_t *ret_begin_ns);
void silence_end_asking(struct silence *silence, uint64_t begin_ns, bool is_ok);
