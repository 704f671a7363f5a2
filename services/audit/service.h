/// @file services/audit/service.h
/// The log's use cases: take events in, list them, prove them.
/// Invariants  Every event of a source up to its mark is in the log, once, in order. The stored
///             checkpoint states the stored tree: it is signed in the transaction that grows the
///             tree, so it is durable before anybody can be shown it.
/// Ownership   Bytes given point into the store: see store_txn.
/// Threads     accept: any but the writer's, one at a time for each batch. What takes a
///             transaction: the transaction's thread.
/// Errors      NOT_FOUND / ENTRY_NOT_FOUND; FAILED_PRECONDITION / EVENT_GAP, SOURCE_REPLACED; open:
///             FAILED_PRECONDITION / CHECKPOINT_OF_ANOTHER_LOG, DATA_LOSS / CHECKPOINT_MISMATCH,
///             TREE_CORRUPT, and what loading the key says; DATA_LOSS / ENTRY_CORRUPT, TREE_CORRUPT
///             when reading.
/// Source      design 05.
#pragma once

#include "common/base/metrics.h"
#include "common/crypto/checkpoint.h"
#include "services/audit/batch.h"
#include "services/audit/tail.h"
#include "services/audit/tree.h"

#include <stdatomic.h>

enum {
    AUDIT_ROWS_LOOKED_AT_MAX = 5000,    // By one page, a few milliseconds: it ends early beyond.
    AUDIT_PAGE_BYTES_MAX = 1024 * 1024, // Of entries in one page.
};

struct audit_service {
    struct store *store;
    struct key_signer *signer;
    struct note_verifier verifier; // Its name is the log's origin.
    char verifier_text[NOTE_VERIFIER_TEXT_BYTES];
    struct audit_tree *tree; // The writer thread's.
    struct audit_tail *tail;
    atomic_uint witnesses_needed; // Set by publication.h; 0: every checkpoint is published.
    struct metric *log_size, *published_size, *checkpoints_total;
};

struct audit_service_config {
    struct store *store;        // With audit_store_schema; nothing is served yet.
    const char *keys_directory; // Has audit-log.key.
    const char *origin;
};

/// audit_service_open loads the key, checks the stored tree and checkpoint, signs the empty log's
/// checkpoint at the first start. Adds a hook to the store, which the service must outlive.
MUST_USE struct status audit_service_open(const struct audit_service_config *config,
                                          struct audit_service *ret);
void audit_service_close(
    struct audit_service *service); // Idempotent; after the store's last group.

// ---- In ------------------------------------------------------------------------------------

/// audit_service_accept puts what is new of a batch into the log and waits until it is durable.
MUST_USE struct status audit_service_accept(struct audit_service *service, const char *source,
                                            uint64_t log_id, const struct audit_batch *batch);
/// audit_service_mark says where a source stands.
MUST_USE struct status audit_service_mark(struct audit_service *service, const char *source,
                                          struct audit_mark *ret);

// ---- Out -----------------------------------------------------------------------------------

/// One event of the log.
struct audit_event {
    uint64_t index;
    struct bytes bytes; // The entry as it was hashed.
    struct audit_entry entry;
    struct audit_side side; // Without salt and values when it was erased.
    struct merkle_hash leaf;
};

MUST_USE struct status audit_service_get(struct store_txn *txn, uint64_t index,
                                         struct audit_event *ret);

/// A walk over what a filter lets through, newest first. End it before the transaction ends.
struct audit_list {
    struct store_txn *txn;
    const struct audit_filter *filter;
    bool by_name; // By the search rows, else over the whole log.
    struct audit_search search;
    uint64_t before; // Where the next page begins: indexes below this one.
    uint64_t first;  // Older ones are pruned.
    uint64_t rows, bytes;
};

/// audit_list_begin: events with an index below `before` (UINT64_MAX: from the newest on). The
/// filter must outlive the list.
MUST_USE struct status audit_list_begin(struct store_txn *txn, const struct audit_filter *filter,
                                        uint64_t before, struct audit_list *ret);

enum audit_list_step {
    AUDIT_LIST_EVENT,  // *ret is the next one.
    AUDIT_LIST_PAUSED, // Enough was looked at for one page; it goes on below list.before.
    AUDIT_LIST_END,    // There is no more.
};

MUST_USE struct status audit_list_next(struct audit_list *list, struct audit_event *ret,
                                       enum audit_list_step *ret_step);
void audit_list_end(struct audit_list *list); // Idempotent.

/// A proof against the newest checkpoint.
struct audit_proof {
    uint64_t index, size;
    struct merkle_hash leaf, root;
    struct merkle_proof path;
    struct bytes checkpoint; // The signed note.
};

/// audit_service_prove verifies what it gives: a damaged tile is DATA_LOSS / TREE_CORRUPT, not a
/// proof that fails elsewhere. A pruned entry is proven by the hash that is left of it. Beyond the
/// published size: NOT_FOUND / ENTRY_NOT_FOUND, or FAILED_PRECONDITION / ENTRY_NOT_PUBLISHED.
MUST_USE struct status audit_service_prove(struct store_txn *txn, uint64_t index,
                                           struct audit_proof *ret);

/// A proof that the log of size `to` begins with the log of size `from`.
struct audit_consistency {
    uint64_t from, to;
    struct merkle_hash from_root, to_root;
    struct merkle_proof path;
    struct bytes checkpoint; // The newest published one, of size `to` or more.
};

/// audit_service_prove_consistency: to 0 is the published size. Verified like the others.
/// INVALID_ARGUMENT / SIZES_INVALID (from 0, or beyond to), FAILED_PRECONDITION /
/// SIZE_NOT_PUBLISHED.
MUST_USE struct status audit_service_prove_consistency(struct store_txn *txn, uint64_t from,
                                                       uint64_t to, struct audit_consistency *ret);
/// audit_service_checkpoint gives the published checkpoint, with the cosignatures that it has, and
/// the tree head that it states. Size 0 and an empty note: not enough witnesses have signed any.
MUST_USE struct status audit_service_checkpoint(struct store_txn *txn, struct bytes *ret_note,
                                                uint64_t *ret_size, struct merkle_hash *ret_root);
