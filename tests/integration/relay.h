/// @file tests/integration/relay.h
/// A relay between a daemon's clients and the daemon that loses, doubles and delays calls and cuts
/// connections: what a network, a kill or a power cut does at the worst moment.
/// Framing    SP over ipc (nng 1.5): 8 bytes of greeting each way, then messages of 0x01, a length
///            of 8 bytes, big-endian, and the payload. A request's payload begins with its id, 4
///            bytes, which the reply's repeats.
/// Faults     Dealt from a shuffled deck to requests whose payload holds `victim`, while the relay
///            is faulty. Everything else passes, as far as its connection lives.
/// Threads    One of its own; the functions from the test's.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum relay_fault {
    RELAY_PASS,
    RELAY_DELAY,        // Held for a moment; others overtake it.
    RELAY_DOUBLE,       // Two copies, at once.
    RELAY_GHOST,        // A second copy later, by another connection: long after it was answered.
    RELAY_DROP_REQUEST, // Lost on the way; the connection stands for a while.
    RELAY_DROP_REPLY,   // Committed, and the answer is lost; the connection stands for a while.
    RELAY_CUT_REQUEST,  // The connection ends before the daemon sees it.
    RELAY_CUT_RUNNING,  // The connection ends when the daemon has just been given it.
    RELAY_CUT_REPLY,    // The connection ends when the answer is there, which nobody sees.
    RELAY_FAULT_COUNT,
};

struct relay;

/// relay_open listens at one path and connects to the other; aborts when it cannot.
struct relay *relay_open(const char *listen_path, const char *target_path, const char *victim,
                         unsigned seed);
void relay_close(struct relay **relay); // Ends its connections; idempotent.
void relay_set_faulty(struct relay *relay, bool is_faulty);
/// relay_count is how many requests have met this fault.
uint64_t relay_count(struct relay *relay, enum relay_fault fault);
extern const char *const relay_fault_names[RELAY_FAULT_COUNT];
