#include "services/audit/publication.h"

#include "common/base/check.h"

// ---- Opening -------------------------------------------------------------------------------

static unsigned count_cosignatures(struct bytes note, const struct audit_policy *policy)
{
    bool is_signed[AUDIT_WITNESSES_MAX] = {false};
    struct bytes text;
    unsigned count = 0;
    CHECK(policy->witness_count <= AUDIT_WITNESSES_MAX);
    if (!status_ok(note_open_any(note, policy->witnesses, policy->witness_count, &text, is_signed)))
        return 0;
    for (size_t i = 0; i < policy->witness_count; i++)
        count += is_signed[i];
    return count;
}

// What was published is the beginning of what is stored.
static struct status check_published(const struct audit_service *service, struct store_txn *txn,
                                     const struct audit_published *published)
{
    struct checkpoint checkpoint;
    struct merkle_frontier head;
    struct merkle_hash root;
    if (published->note.size == 0) return STATUS_SUCCESS;
    if (!status_ok(checkpoint_open(published->note, &service->verifier, &checkpoint))) {
        return REFUSE(FAILED_PRECONDITION, CHECKPOINT_OF_ANOTHER_LOG,
                      "the published checkpoint was not signed by this key for this origin");
    }
    RETURN_IF_ERROR(audit_store_get_head(txn, &head));
    bool fits = checkpoint.size == published->size && checkpoint.size <= head.size;
    const struct merkle_reader reader = audit_tree_reader(txn);
    if (fits) {
        RETURN_IF_ERROR(merkle_root(&reader, checkpoint.size, &root));
        fits = merkle_hash_equal(&root, &checkpoint.root);
    }
    if (fits) return STATUS_SUCCESS;
    return REFUSE(DATA_LOSS, CHECKPOINT_MISMATCH,
                  "the published checkpoint does not state the stored tree");
}

struct opening {
    struct audit_service *service;
    const struct audit_policy *policy;
    uint64_t published_size;
};

static struct status run_opening(struct store_txn *txn, void *context)
{
    struct opening *opening = context;
    const struct audit_policy *policy = opening->policy;
    struct audit_published stored, published;
    RETURN_IF_ERROR(audit_store_get_published(txn, &stored));
    RETURN_IF_ERROR(check_published(opening->service, txn, &stored));
    published = stored;
    published.needed = policy->needed;
    if (count_cosignatures(stored.note, policy) < policy->needed)
        published = (struct audit_published){.needed = policy->needed};
    opening->published_size = published.size;
    if (published.needed == stored.needed && published.note.size == stored.note.size)
        return STATUS_SUCCESS;
    uint8_t note[AUDIT_PUBLISHED_NOTE_BYTES_MAX];
    if (published.note.size > 0) memcpy(note, published.note.data, published.note.size);
    published.note = bytes_of(note, published.note.size);
    audit_store_put_published(txn, &published);
    return STATUS_SUCCESS;
}

struct status audit_publication_open(struct audit_service *service,
                                     const struct audit_policy *policy)
{
    CHECK(policy->needed <= policy->witness_count);
    struct opening opening = {.service = service, .policy = policy};
    RETURN_IF_ERROR(store_write_wait(service->store, run_opening, &opening));
    atomic_store(&service->witnesses_needed, policy->needed);
    if (policy->needed > 0) metric_set(service->published_size, (int64_t)opening.published_size);
    return STATUS_SUCCESS;
}

// ---- Candidates ----------------------------------------------------------------------------

struct status audit_publication_newest(const struct audit_service *service,
                                       struct audit_candidate *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    struct bytes note, text, lines;
    uint64_t size;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    RETURN_IF_ERROR(audit_store_get_checkpoint(txn, &size, &note));
    // A snapshot may be ahead of the tail by the commit that it is about to tell of. Who cosigned
    // that one and says so at once would seem to have seen more than there is.
    if (size > audit_tail_size(service->tail))
        return REFUSE(UNAVAILABLE, CHECKPOINT_NOT_DURABLE,
                      "the newest checkpoint is being written");
    RETURN_IF_ERROR(note_split(note, &text, &lines));
    CHECK(note.size <= sizeof ret->note);
    ret->size = size;
    ret->note_size = note.size;
    ret->text_size = text.size;
    memcpy(ret->note, note.data, note.size);
    return STATUS_SUCCESS;
}

struct status audit_publication_proof(const struct audit_service *service, uint64_t old,
                                      const struct audit_candidate *candidate,
                                      struct merkle_proof *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    struct merkle_hash old_root, root;
    CHECK(old <= candidate->size);
    ret->count = 0;
    if (old == 0 || old == candidate->size) return STATUS_SUCCESS;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    const struct merkle_reader reader = audit_tree_reader(txn);
    RETURN_IF_ERROR(merkle_root(&reader, old, &old_root));
    RETURN_IF_ERROR(merkle_root(&reader, candidate->size, &root));
    RETURN_IF_ERROR(merkle_prove_consistency(&reader, old, candidate->size, ret));
    struct status status =
        merkle_verify_consistency(old, candidate->size, ret->hashes, ret->count, &old_root, &root);
    if (status_ok(status)) return STATUS_SUCCESS;
    return REFUSE(DATA_LOSS, TREE_CORRUPT, "the stored tree does not prove that it only grew");
}

// ---- Publishing ----------------------------------------------------------------------------

struct publishing {
    struct audit_published published;
    uint8_t note[AUDIT_PUBLISHED_NOTE_BYTES_MAX];
};

static struct status run_publishing(struct store_txn *txn, void *context)
{
    const struct publishing *publishing = context;
    const struct audit_published *next = &publishing->published;
    struct audit_published last;
    RETURN_IF_ERROR(audit_store_get_published(txn, &last));
    bool is_more = next->size == last.size && next->note.size > last.note.size;
    if (next->size > last.size || is_more) audit_store_put_published(txn, next);
    return STATUS_SUCCESS;
}

struct status audit_publication_publish(struct audit_service *service,
                                        const struct audit_candidate *candidate,
                                        const struct bytes *lines, size_t line_count)
{
    unsigned needed = atomic_load(&service->witnesses_needed);
    struct publishing publishing = {.published = {.needed = needed, .size = candidate->size}};
    CHECK(line_count >= needed && line_count <= AUDIT_WITNESSES_MAX);
    size_t size = candidate->note_size;
    memcpy(publishing.note, candidate->note, size);
    for (size_t i = 0; i < line_count; i++) {
        CHECK(lines[i].size <= sizeof publishing.note - size);
        memcpy(publishing.note + size, lines[i].data, lines[i].size);
        size += lines[i].size;
    }
    publishing.published.note = bytes_of(publishing.note, size);
    RETURN_IF_ERROR(store_write_wait(service->store, run_publishing, &publishing));
    if (needed > 0) metric_set(service->published_size, (int64_t)candidate->size);
    return STATUS_SUCCESS;
}
