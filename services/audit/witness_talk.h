/// @file services/audit/witness_talk.h
/// The log's side of c2sp.org/tlog-witness: what is posted, and what an answer means.
/// Input      Answers are untrusted: only what the witness's key signed counts as a cosignature.
/// Threads    Any; pure.
#pragma once

#include "common/crypto/cosignature.h"
#include "common/crypto/merkle.h"

enum {
    AUDIT_WITNESS_PROOF_LINES_MAX = 63,
    AUDIT_WITNESS_REQUEST_BYTES_MAX = 32 + AUDIT_WITNESS_PROOF_LINES_MAX * 45 + 1,
};

/// audit_witness_request writes the body and gives its size; room for the note and
/// AUDIT_WITNESS_REQUEST_BYTES_MAX (CHECK).
size_t audit_witness_request(uint64_t old, const struct merkle_proof *proof, struct bytes note,
                             char *ret, size_t bytes_max);

enum audit_witness_meaning {
    AUDIT_WITNESS_COSIGNED, // `line` is its cosignature.
    AUDIT_WITNESS_HAS_SIZE, // It has seen `size`, not `old`.
    AUDIT_WITNESS_DENIES,   // It has seen another history.
    AUDIT_WITNESS_UNUSABLE, // `what` says why: it does not know us, or is out of order.
};

struct audit_witness_answer {
    enum audit_witness_meaning meaning;
    uint64_t size;
    struct bytes line; // In the body.
    const char *what;  // Static.
};

/// audit_witness_understand: code 0 is no answer at all; text is the checkpoint's.
struct audit_witness_answer audit_witness_understand(uint32_t code, const char *content_type,
                                                     struct bytes body, struct bytes text,
                                                     const struct note_verifier *verifier);
