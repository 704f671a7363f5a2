// Runs a use case on a unit as a job of its own. The job commits whatever the answer was, so that
// what a refusal wrote would stay and be seen.
#pragma once

#include "services/ledger/unit.h"
#include "tests/unit/ledger/fixture.h"

/// run: changes, and flushes if the use case leaves that to its caller. Its answer is given back.
struct status run_on_unit(struct fixture *fixture,
                          struct status (*run)(struct ledger_unit *unit, void *context),
                          void *context);
