/// @file tests/bench/http_load.h
/// Many keep-alive connections from one thread, each with one request under way: as cheap as a load
/// can be, since it shares the machine with what it measures.
/// Units      Latencies from the first byte sent to the last byte received, nanoseconds.
/// Threads    One; http_load_run blocks.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { HTTP_LOAD_REQUEST_BYTES = 4096 };

struct http_load {
    uint16_t port;
    size_t connections;
    double seconds;
    double requests_per_s; // 0: as fast as answers come.
    /// Writes a whole request and gives its size, at most HTTP_LOAD_REQUEST_BYTES.
    size_t (*make)(void *context, size_t connection, char *ret_request);
    /// Looks at a whole answer, head and body; NULL: nobody does.
    void (*take)(void *context, size_t connection, const char *answer, size_t size);
    void *context;
};

struct http_load_result {
    uint64_t answers;
    uint64_t errors; // Of them, those not 2xx.
    double per_s;
    uint64_t p50_ns, p99_ns, max_ns;
    char first_error[512]; // What the first error said.
};

struct http_load_result http_load_run(const struct http_load *load);
