/// @file services/ledger/statement_text.h
/// What the texts of a statement share: a buffer whose size is bounded before it is written, and
/// amounts and days as text.
/// How        The writer works out an upper bound first, so there is one allocation and nothing is
///            copied twice. Only the limit on a statement's bytes can make a bound too small.
/// Units      Amounts come in minor units and are written in major units.
#pragma once

#include "services/ledger/statement.h"

enum {
    LEDGER_MAJOR_BYTES = 48, // A sign, 39 digits, a point, and the final NUL.
    LEDGER_DAY_BYTES = 11,   // "2026-11-21"
};

struct ledger_text {
    char *data;
    size_t size, room;
    bool is_full; // Something did not fit.
};

/// ledger_text_open: bytes_max beyond LEDGER_STATEMENT_BYTES_MAX is cut to it.
MUST_USE struct status ledger_text_open(struct arena *arena, size_t bytes_max,
                                        struct ledger_text *ret);
void ledger_text_put(struct ledger_text *text, struct bytes bytes);
void ledger_text_put_char(struct ledger_text *text, char character);
/// ledger_text_close gives what was written, or FAILED_PRECONDITION / STATEMENT_TOO_LONG.
MUST_USE struct status ledger_text_close(const struct ledger_text *text, struct bytes *ret);

/// "12.34" of 1234 and exponent 2; "0.05"; "12" with exponent 0.
void ledger_major_format(u128 minor, unsigned exponent, char ret[static LEDGER_MAJOR_BYTES]);
void ledger_major_format_signed(i128 minor, unsigned exponent, char ret[static LEDGER_MAJOR_BYTES]);
/// The UTC day of a time.
void ledger_day_format(uint64_t ns, char ret[static LEDGER_DAY_BYTES]);

struct status ledger_statement_too_long(void);
