// Proofs against the published checkpoint. Each is verified before anybody is shown it.
#include "services/audit/service.h"

#define TREE_REFUSAL(message_) REFUSE(DATA_LOSS, TREE_CORRUPT, message_)

// ---- Inclusion -----------------------------------------------------------------------------

static struct status check_published(struct store_txn *txn, uint64_t index, uint64_t size)
{
    struct merkle_frontier head;
    if (index < size) return STATUS_SUCCESS;
    RETURN_IF_ERROR(audit_store_get_head(txn, &head));
    if (index < head.size) {
        return REFUSE(FAILED_PRECONDITION, ENTRY_NOT_PUBLISHED,
                      "the entry is in the log, but not in a published checkpoint yet");
    }
    return REFUSE(NOT_FOUND, ENTRY_NOT_FOUND, "the log has no entry with this index");
}

// From the entry itself, so that a changed one is noticed; of a pruned one the tree has the hash.
static struct status get_leaf(struct store_txn *txn, const struct merkle_reader *reader,
                              uint64_t index, struct merkle_hash *ret)
{
    uint64_t first;
    struct bytes entry;
    RETURN_IF_ERROR(audit_store_first_index(txn, &first));
    if (index < first) return reader->read(reader->context, 0, index, ret);
    struct status status = audit_store_get_entry(txn, index, &entry);
    if (status.code == STATUS_NOT_FOUND) return TREE_REFUSAL("an entry of the log is missing");
    RETURN_IF_ERROR(status);
    merkle_leaf(entry, ret);
    return STATUS_SUCCESS;
}

struct status audit_service_prove(struct store_txn *txn, uint64_t index, struct audit_proof *ret)
{
    const struct merkle_reader reader = audit_tree_reader(txn);
    RETURN_IF_ERROR(audit_service_checkpoint(txn, &ret->checkpoint, &ret->size, &ret->root));
    RETURN_IF_ERROR(check_published(txn, index, ret->size));
    ret->index = index;
    RETURN_IF_ERROR(get_leaf(txn, &reader, index, &ret->leaf));
    RETURN_IF_ERROR(merkle_prove_inclusion(&reader, index, ret->size, &ret->path));
    struct status status = merkle_verify_inclusion(index, ret->size, &ret->leaf, ret->path.hashes,
                                                   ret->path.count, &ret->root);
    if (status_ok(status)) return STATUS_SUCCESS;
    return TREE_REFUSAL("the stored tree does not prove this entry");
}

// ---- Consistency ---------------------------------------------------------------------------

struct status audit_service_prove_consistency(struct store_txn *txn, uint64_t from, uint64_t to,
                                              struct audit_consistency *ret)
{
    const struct merkle_reader reader = audit_tree_reader(txn);
    uint64_t published;
    struct merkle_hash root;
    RETURN_IF_ERROR(audit_service_checkpoint(txn, &ret->checkpoint, &published, &root));
    if (from == 0 || (to != 0 && from > to))
        return REFUSE(INVALID_ARGUMENT, SIZES_INVALID, "from is 1 or more, and not beyond to");
    if (to == 0) to = published;
    if (from > published || to > published) {
        return REFUSE(FAILED_PRECONDITION, SIZE_NOT_PUBLISHED,
                      "the newest published checkpoint is of a smaller log");
    }
    ret->from = from;
    ret->to = to;
    RETURN_IF_ERROR(merkle_root(&reader, from, &ret->from_root));
    RETURN_IF_ERROR(merkle_root(&reader, to, &ret->to_root));
    RETURN_IF_ERROR(merkle_prove_consistency(&reader, from, to, &ret->path));
    struct status status = merkle_verify_consistency(from, to, ret->path.hashes, ret->path.count,
                                                     &ret->from_root, &ret->to_root);
    bool is_published = to < published || merkle_hash_equal(&ret->to_root, &root);
    if (status_ok(status) && is_published) return STATUS_SUCCESS;
    return TREE_REFUSAL("the stored tree does not prove that it only grew");
}
