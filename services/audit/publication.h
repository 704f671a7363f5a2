/// @file services/audit/publication.h
/// Which checkpoint is shown to the world: the newest one, or the newest one that enough witnesses
/// have cosigned. It is in the store before anybody is shown it, so that a restart shows no less.
/// Ownership   Notes are copied into the caller's, or into the store.
/// Threads     What takes a transaction: its thread. The others write: not the store's writer.
/// Errors      FAILED_PRECONDITION / CHECKPOINT_OF_ANOTHER_LOG; DATA_LOSS / CHECKPOINT_MISMATCH,
///             TREE_CORRUPT, RECORD_CORRUPT; the store's.
/// Source      design 05 "Witness".
#pragma once

#include "services/audit/service.h"
#include "services/audit/store_published.h"

/// What is asked of the witnesses: n of these keys.
struct audit_policy {
    const struct note_verifier *witnesses;
    size_t witness_count;
    unsigned needed; // At most witness_count.
};

/// audit_publication_open compares what is published with the tree, and with the policy: what has
/// too few cosignatures by now is not published any more. At open, after audit_service_open.
MUST_USE struct status audit_publication_open(struct audit_service *service,
                                              const struct audit_policy *policy);

/// A checkpoint that waits for cosignatures.
struct audit_candidate {
    uint64_t size;
    size_t note_size, text_size; // The text is the note's beginning.
    char note[CHECKPOINT_NOTE_BYTES_MAX];
};

/// audit_publication_newest gives the newest signed checkpoint that is durable.
MUST_USE struct status audit_publication_newest(const struct audit_service *service,
                                                struct audit_candidate *ret);

/// audit_publication_proof: that the candidate's tree begins with that of `old` leaves, old <=
/// size; verified against the stored tree.
MUST_USE struct status audit_publication_proof(const struct audit_service *service, uint64_t old,
                                               const struct audit_candidate *candidate,
                                               struct merkle_proof *ret);

/// audit_publication_publish: the candidate with these cosignature lines, unless something newer,
/// or more of it, is published. Waits until it is durable.
MUST_USE struct status audit_publication_publish(struct audit_service *service,
                                                 const struct audit_candidate *candidate,
                                                 const struct bytes *lines, size_t line_count);
