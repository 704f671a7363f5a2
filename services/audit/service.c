#include "services/audit/service.h"

#include "common/base/check.h"
#include "services/audit/store_published.h"

#include <stdlib.h>

static const char key_name[] = "audit-log";

// ---- Checkpoints ---------------------------------------------------------------------------

static void sign_checkpoint(struct audit_service *service, struct store_txn *txn,
                            const struct merkle_frontier *head)
{
    struct checkpoint checkpoint = {.size = head->size};
    char text[CHECKPOINT_TEXT_BYTES_MAX], note[CHECKPOINT_NOTE_BYTES_MAX];
    memcpy(checkpoint.origin, service->verifier.name, sizeof checkpoint.origin);
    merkle_frontier_root(head, &checkpoint.root);
    size_t size = checkpoint_format(&checkpoint, text);
    size = note_sign(bytes_of(text, size), &service->verifier, service->signer, note, sizeof note);
    audit_store_put_checkpoint(txn, head->size, bytes_of(note, size));
    metric_add(service->checkpoints_total, 1);
}

// Runs once for each group, after its last job: however many batches the group holds, one
// signature.
static struct status follow_tree(void *context, struct store_txn *txn)
{
    struct audit_service *service = context;
    struct merkle_frontier head;
    uint64_t size;
    struct bytes note;
    RETURN_IF_ERROR(audit_store_get_head(txn, &head));
    audit_tail_told(service->tail, head.size);
    struct status status = audit_store_get_checkpoint(txn, &size, &note);
    if (status_ok(status) && size == head.size) return STATUS_SUCCESS;
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    sign_checkpoint(service, txn, &head);
    metric_set(service->log_size, (int64_t)head.size);
    if (atomic_load(&service->witnesses_needed) == 0)
        metric_set(service->published_size, (int64_t)head.size);
    return STATUS_SUCCESS;
}

// ---- Opening -------------------------------------------------------------------------------

static struct status check_checkpoint(const struct audit_service *service, struct store_txn *txn,
                                      const struct merkle_frontier *head)
{
    uint64_t size;
    struct bytes note;
    struct status status = audit_store_get_checkpoint(txn, &size, &note);
    if (status.code == STATUS_NOT_FOUND && head->size == 0) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    struct checkpoint checkpoint;
    struct merkle_hash root;
    if (!status_ok(checkpoint_open(note, &service->verifier, &checkpoint))) {
        return REFUSE(FAILED_PRECONDITION, CHECKPOINT_OF_ANOTHER_LOG,
                      "the stored checkpoint was not signed by this key for this origin");
    }
    merkle_frontier_root(head, &root);
    if (checkpoint.size != head->size || size != head->size ||
        !merkle_hash_equal(&checkpoint.root, &root)) {
        return REFUSE(DATA_LOSS, CHECKPOINT_MISMATCH,
                      "the stored checkpoint does not state the stored tree");
    }
    return STATUS_SUCCESS;
}

static struct status check_log(struct audit_service *service, uint64_t *ret_size)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    struct merkle_frontier head;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    RETURN_IF_ERROR(audit_store_get_head(txn, &head));
    RETURN_IF_ERROR(audit_tree_check(txn, &head));
    RETURN_IF_ERROR(check_checkpoint(service, txn, &head));
    *ret_size = head.size;
    return STATUS_SUCCESS;
}

static struct status open_key(const struct audit_service_config *config,
                              struct audit_service *service)
{
    RETURN_IF_ERROR(crypto_open());
    RETURN_IF_ERROR(key_signer_load(config->keys_directory, key_name, &service->signer));
    RETURN_IF_ERROR(
        note_verifier_make(config->origin, key_signer_public(service->signer), &service->verifier));
    note_verifier_format(&service->verifier, service->verifier_text);
    return STATUS_SUCCESS;
}

// An empty group: the hook signs the empty log.
static struct status do_nothing(struct store_txn *txn, void *context)
{
    (void)txn;
    (void)context;
    return STATUS_SUCCESS;
}

struct status audit_service_open(const struct audit_service_config *config,
                                 struct audit_service *ret)
{
    *ret = (struct audit_service){.store = config->store};
    uint64_t size = 0;
    struct status status = open_key(config, ret);
    if (status_ok(status)) status = check_log(ret, &size);
    if (!status_ok(status)) {
        audit_service_close(ret);
        return status;
    }
    ret->log_size = metric_gauge("florin_audit_log_size", "Entries in the log.", NULL);
    ret->checkpoints_total =
        metric_counter("florin_audit_checkpoints_total", "Checkpoints signed.", NULL);
    ret->published_size = metric_gauge("florin_audit_published_size",
                                       "Entries in the checkpoint that is served.", NULL);
    metric_set(ret->log_size, (int64_t)size);
    metric_set(ret->published_size, (int64_t)size);
    ret->tree = calloc(1, sizeof *ret->tree);
    CHECK(ret->tree != NULL);
    ret->tail = audit_tail_open(config->store);
    store_add_hook(config->store,
                   &(struct store_hook){.before_commit = follow_tree, .context = ret});
    return store_write_wait(config->store, do_nothing, NULL);
}

void audit_service_close(struct audit_service *service)
{
    key_signer_close(&service->signer);
    free(service->tree);
    service->tree = NULL;
    audit_tail_close(&service->tail);
}

// ---- In ------------------------------------------------------------------------------------

struct acceptance {
    struct audit_service *service;
    const char *source;
    uint64_t log_id;
    const struct audit_batch *batch;
};

static void append_item(struct audit_tree *tree, const struct audit_item *item)
{
    struct store_txn *txn = tree->txn;
    uint64_t index = tree->head.size;
    audit_store_append_entry(txn, index, item->entry, item->side);
    for (size_t i = 0; i < item->row_count; i++)
        audit_store_put_search(txn, item->rows[i].kind, item->rows[i].prefix, index);
    audit_tree_append(tree, &item->leaf);
}

static struct status run_acceptance(struct store_txn *txn, void *context)
{
    const struct acceptance *acceptance = context;
    const struct audit_batch *batch = acceptance->batch;
    struct audit_tree *tree = acceptance->service->tree;
    struct audit_mark mark;
    size_t known;
    RETURN_IF_ERROR(audit_store_get_mark(txn, acceptance->source, &mark));
    RETURN_IF_ERROR(
        audit_core_take(&mark, acceptance->log_id, batch->first_seq, batch->count, &known));
    if (known == batch->count) return STATUS_SUCCESS;

    RETURN_IF_ERROR(audit_tree_begin(tree, txn));
    for (size_t i = known; i < batch->count; i++)
        append_item(tree, &batch->items[i]);
    RETURN_IF_ERROR(audit_tree_end(tree));
    mark = (struct audit_mark){.seq = batch->first_seq + batch->count - 1,
                               .log_id = acceptance->log_id};
    audit_store_put_mark(txn, acceptance->source, &mark);
    return STATUS_SUCCESS;
}

struct status audit_service_accept(struct audit_service *service, const char *source,
                                   uint64_t log_id, const struct audit_batch *batch)
{
    struct acceptance acceptance = {
        .service = service, .source = source, .log_id = log_id, .batch = batch};
    return store_write_wait(service->store, run_acceptance, &acceptance);
}

struct status audit_service_mark(struct audit_service *service, const char *source,
                                 struct audit_mark *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    return audit_store_get_mark(txn, source, ret);
}

// ---- Out: events ---------------------------------------------------------------------------

static struct status read_event(struct store_txn *txn, uint64_t index, struct audit_event *ret)
{
    ret->index = index;
    RETURN_IF_ERROR(audit_store_get_entry(txn, index, &ret->bytes));
    return audit_entry_decode(ret->bytes, &ret->entry);
}

static struct status complete_event(struct store_txn *txn, struct audit_event *event)
{
    merkle_leaf(event->bytes, &event->leaf);
    event->side = (struct audit_side){0};
    struct status status = audit_store_get_side(txn, event->index, &event->side);
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

struct status audit_service_get(struct store_txn *txn, uint64_t index, struct audit_event *ret)
{
    RETURN_IF_ERROR(read_event(txn, index, ret));
    return complete_event(txn, ret);
}

struct status audit_list_begin(struct store_txn *txn, const struct audit_filter *filter,
                               uint64_t before, struct audit_list *ret)
{
    *ret = (struct audit_list){.txn = txn, .filter = filter, .before = before};
    struct merkle_frontier head;
    RETURN_IF_ERROR(audit_store_get_head(txn, &head));
    RETURN_IF_ERROR(audit_store_first_index(txn, &ret->first));
    if (before > head.size) ret->before = head.size;
    enum audit_search_kind kind;
    struct bytes name;
    ret->by_name = audit_core_search_of(filter, &kind, &name);
    if (ret->by_name) audit_store_search_open(txn, kind, name, ret->before, &ret->search);
    return STATUS_SUCCESS;
}

static bool next_index(struct audit_list *list, uint64_t *ret_index)
{
    if (list->by_name) return audit_store_search_next(&list->search, ret_index);
    if (list->before <= list->first) return false;
    *ret_index = list->before - 1;
    return true;
}

struct status audit_list_next(struct audit_list *list, struct audit_event *ret,
                              enum audit_list_step *ret_step)
{
    for (;;) {
        if (list->rows >= AUDIT_ROWS_LOOKED_AT_MAX || list->bytes >= AUDIT_PAGE_BYTES_MAX) {
            *ret_step = AUDIT_LIST_PAUSED;
            return STATUS_SUCCESS;
        }
        uint64_t index;
        if (!next_index(list, &index)) {
            *ret_step = AUDIT_LIST_END;
            return STATUS_SUCCESS;
        }
        list->before = index;
        list->rows++;
        struct status status = read_event(list->txn, index, ret);
        if (list->by_name && status.code == STATUS_NOT_FOUND) continue; // Rows are only hints.
        RETURN_IF_ERROR(status);
        if (!audit_core_matches(list->filter, &ret->entry)) continue;
        list->bytes += ret->bytes.size;
        *ret_step = AUDIT_LIST_EVENT;
        return complete_event(list->txn, ret);
    }
}

void audit_list_end(struct audit_list *list)
{
    if (list->by_name) audit_store_search_close(&list->search);
}

// ---- Out: proofs ---------------------------------------------------------------------------

// The newest one that is signed; the hook writes it with the head, in one transaction.
static struct status newest_checkpoint(struct store_txn *txn, const struct merkle_frontier *head,
                                       struct bytes *ret_note)
{
    uint64_t size;
    RETURN_IF_ERROR(audit_store_get_checkpoint(txn, &size, ret_note));
    CHECK(size == head->size);
    return STATUS_SUCCESS;
}

// The root that a note of ours states: it was verified before it was stored.
static struct status stated_root(struct bytes note, struct merkle_hash *ret)
{
    struct bytes text, lines;
    struct checkpoint checkpoint;
    if (!status_ok(note_split(note, &text, &lines)) ||
        !status_ok(checkpoint_parse(text, &checkpoint)))
        return REFUSE(DATA_LOSS, RECORD_CORRUPT, "the published checkpoint is damaged");
    *ret = checkpoint.root;
    return STATUS_SUCCESS;
}

struct status audit_service_checkpoint(struct store_txn *txn, struct bytes *ret_note,
                                       uint64_t *ret_size, struct merkle_hash *ret_root)
{
    struct merkle_frontier head;
    struct audit_published published;
    RETURN_IF_ERROR(audit_store_get_head(txn, &head));
    RETURN_IF_ERROR(audit_store_get_published(txn, &published));
    bool has_note = published.note.size > 0;
    if (published.needed == 0 && !(has_note && published.size == head.size)) {
        RETURN_IF_ERROR(newest_checkpoint(txn, &head, ret_note));
        *ret_size = head.size;
        merkle_frontier_root(&head, ret_root);
        return STATUS_SUCCESS;
    }
    *ret_note = published.note;
    *ret_size = published.size;
    if (has_note) return stated_root(published.note, ret_root);
    merkle_empty(ret_root);
    return STATUS_SUCCESS;
}
