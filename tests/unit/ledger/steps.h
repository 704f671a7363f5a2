/// @file tests/unit/ledger/steps.h
/// Stories about two customers as tables: who asks for what, what is answered, what everybody has
/// then. They begin as setup_people leaves them.
/// Failures   Fail the test, with the step's name.
#pragma once

#include "tests/unit/ledger/fixture.h"

enum act {
    HOLD = 1, // Asha to Ravi, for `seconds`.
    CAPTURE,  // Of the subject; amount 0: all that is left. Further captures may follow.
    FINAL,    // A capture that releases the rest.
    VOID,
    REVERSE, // amount 0: all that is left.
    PAY,     // Asha to Ravi.
    WAIT,    // `seconds` go by. Nothing is asked.
};

struct step {
    const char *what;
    enum act act;
    uint8_t who;
    uint8_t id, subject;
    uint64_t amount;
    uint32_t seconds;
    const char *result; // "CREATED", "EXISTS" or why it was refused.
    // Asha's account: posted and held out of it; Ravi's: posted and held into it.
    int64_t ashas, ashas_out, ravis, ravis_in;
};

/// run_steps plays a story and checks after each step: the answer, the balances, and that a refusal
/// left the store's bytes as they were but for an id that it burnt.
void run_steps(struct fixture *fixture, const struct step *steps, size_t count);
