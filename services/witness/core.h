/// @file services/witness/core.h
/// The rules of a witness: what an add-checkpoint request says, and whether it may be cosigned.
/// Input      Everything is untrusted until witness_core_authenticate and witness_core_decide have
///            both said OK.
/// Ownership  A request points into the body that it was parsed from.
/// Threads    Any; pure.
/// Errors     In the order in which they are looked for, with HTTP's status in front:
///            400 INVALID_ARGUMENT / REQUEST_MALFORMED
///            404 NOT_FOUND / LOG_UNKNOWN          no key for the checkpoint's origin
///            403 PERMISSION_DENIED / NOT_SIGNED   none of the log's keys signed it, or wrongly
///            400 INVALID_ARGUMENT / OLD_SIZE_BEYOND
///            409 ABORTED / SIZE_CONFLICT          old is not what this witness saw last
///            422 FAILED_PRECONDITION / EMPTY_ROOT, ROOT_DIFFERS (a fork), PROOF_WRONG
/// Source     c2sp.org/tlog-witness.
#pragma once

#include "common/crypto/checkpoint.h"
#include "common/crypto/cosignature.h"

enum {
    WITNESS_BODY_BYTES_MAX = 64 * 1024,
    WITNESS_PROOF_LINES_MAX = 63,
    WITNESS_LOG_KEYS_MAX = 8, // Of one log: the old and the new one, while keys change.
};

struct witness_request {
    uint64_t old_size;
    struct merkle_proof proof;
    struct bytes note; // The checkpoint as a signed note, and its parts.
    struct bytes text, lines;
    struct checkpoint checkpoint; // What the text says.
};

MUST_USE struct status witness_core_parse(struct bytes body, struct witness_request *ret);

/// witness_core_authenticate: at least one of these keys signed, and none of them wrongly. keys are
/// all that are known; those of other logs are left aside.
MUST_USE struct status witness_core_authenticate(const struct witness_request *request,
                                                 const struct note_verifier *keys, size_t count);

/// What the witness saw last of a log; of one never seen: size 0, and the root does not matter.
struct witness_head {
    uint64_t size;
    struct merkle_hash root;
};

MUST_USE struct status witness_core_decide(const struct witness_request *request,
                                           const struct witness_head *head);

/// witness_core_http gives the protocol's HTTP status; 503 for what is not the request's fault.
unsigned witness_core_http(struct status status);
