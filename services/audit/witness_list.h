/// @file services/audit/witness_list.h
/// The file [audit] witnesses: "<verifier key> <URL>" on each line, # for comments.
///     witness.example/w1+eb762cc2+BNda… https://witness.example/tlog
/// The key is of type 04, the URL the witness's submission prefix: checkpoints are posted to
/// <URL>/add-checkpoint.
/// Errors     What is wrong in which line is logged; FAILED_PRECONDITION / WITNESSES_MALFORMED,
///            WITNESSES_TOO_FEW (fewer than are needed), and those of lines.h.
#pragma once

#include "common/crypto/note.h"
#include "services/audit/record_published.h"

enum { AUDIT_WITNESS_URL_BYTES = 2048 + 16 };

struct audit_witness_list {
    size_t count;
    struct note_verifier keys[AUDIT_WITNESSES_MAX];
    char urls[AUDIT_WITNESSES_MAX][AUDIT_WITNESS_URL_BYTES]; // With "/add-checkpoint".
};

/// audit_witness_list_load: an empty path is an empty list.
MUST_USE struct status audit_witness_list_load(const char *path, uint64_t needed,
                                               struct audit_witness_list *ret);
