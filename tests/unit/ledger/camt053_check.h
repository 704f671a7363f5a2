/// @file tests/unit/ledger/camt053_check.h
/// Is a text a camt.053.001.08 message, in namespace, element order, cardinality and simple types?
/// Knows the part of the message definition that the ledger may write, from the standard and not
/// from the writer: the two share no code, and what is not in the tables here is refused.
/// Source     ISO 20022 message definition BankToCustomerStatementV08.
#pragma once

#include "common/base/bytes.h"

enum { CAMT053_PROBLEM_BYTES = 256 };

/// camt053_check: false, and *ret_problem says where and what ("Ntry: Sts is missing before
/// ValDt").
bool camt053_check(struct bytes text, char ret_problem[static CAMT053_PROBLEM_BYTES]);
