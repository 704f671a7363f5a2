/// @file services/ledger/figures.h
/// A configured figure in major units, and the currencies in which it is another one: "10000" or
/// "10000 USD=120 JPY=18000". Pure.
#pragma once

#include "services/ledger/core.h"

enum { LEDGER_FIGURE_EXCEPTIONS_MAX = 64 };

struct ledger_figure_exception {
    char currency[LEDGER_CURRENCY_BYTES];
    uint64_t figure;
};

struct ledger_figures {
    uint64_t figure; // Where no exception says otherwise.
    struct ledger_figure_exception exception[LEDGER_FIGURE_EXCEPTIONS_MAX];
    size_t exception_count;
};

/// ledger_figures_read: false leaves *ret alone: malformed, a currency twice, or too many of them.
bool ledger_figures_read(const char *text, struct ledger_figures *ret);
uint64_t ledger_figures_in(const struct ledger_figures *figures, const char *currency);
