/// @file tests/unit/ledger/statement_read.h
/// Reads statements back from CSV and camt.053, as a receiver would; shares no code with what
/// writes them. What is malformed fails the test.
#pragma once

#include "common/base/bytes.h"
#include "common/base/id128.h"
#include "common/base/u128.h"

enum { READ_TEXT_BYTES = 2048 };

struct read_entry {
    uint64_t booked_at_ns;
    char value_date[11];
    struct id128 transfer_id, counterparty_id;
    char kind[16];
    bool is_credit, is_reversal; // is_reversal: as camt.053 says it.
    u128 amount;
    i128 balance; // CSV only.
    unsigned code;
    char description[READ_TEXT_BYTES];
};

struct read_statement {
    uint64_t from_ns, to_ns;
    i128 opening, closing;            // In CSV on the normal side; in camt.053 credit is positive.
    u128 total_debits, total_credits; // camt.053 only, as its summary says,
    uint64_t debit_count, credit_count;    // and these.
    char opening_day[11], closing_day[11]; // camt.053 only.
    char id[64], message_id[64];           // camt.053 only.
    char account[64], name[READ_TEXT_BYTES];
    bool is_iban;
    struct read_entry *entries; // Freed by statement_read_free.
    size_t count;
};

void statement_read_csv(struct bytes text, const char *currency, unsigned exponent,
                        struct read_statement *ret);
void statement_read_camt053(struct bytes text, const char *currency, unsigned exponent,
                            struct read_statement *ret);
void statement_read_free(struct read_statement *statement);
