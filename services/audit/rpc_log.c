#include "common/rpc/limits.h"
#include "services/audit/check.h"
#include "services/audit/convert.h"
#include "services/audit/retention.h"
#include "services/audit/rpc_handlers.h"
#include "services/audit/tiles.h"

#include <assert.h>

enum { CHECK_ENTRIES = 1024 }; // In one call, where nothing is said.

// ---- Proofs --------------------------------------------------------------------------------

struct status audit_rpc_get_inclusion_proof(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__GetInclusionProofRequest *request = call->request;
    struct audit_proof proof;
    RETURN_IF_ERROR(audit_service_prove(txn, request->index, &proof));
    Audit__InclusionProof *reply = audit_convert_proof(call, &proof);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

struct status audit_rpc_get_inclusion_proof_file(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__GetInclusionProofRequest *request = call->request;
    struct audit_proof proof;
    RETURN_IF_ERROR(audit_service_prove(txn, request->index, &proof));
    Google__Api__HttpBody *reply = audit_convert_proof_file(call, &proof);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

struct status audit_rpc_get_consistency_proof(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__GetConsistencyProofRequest *request = call->request;
    struct audit_consistency proof;
    RETURN_IF_ERROR(audit_service_prove_consistency(txn, request->from, request->to, &proof));
    Audit__ConsistencyProof *reply = audit_convert_consistency(call, &proof);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

struct status audit_rpc_get_checkpoint(struct rpc_call *call, struct store_txn *txn)
{
    struct bytes note;
    uint64_t size;
    struct merkle_hash root;
    RETURN_IF_ERROR(audit_service_checkpoint(txn, &note, &size, &root));
    if (note.size == 0) {
        return REFUSE(NOT_FOUND, CHECKPOINT_NOT_PUBLISHED,
                      "no checkpoint has the cosignatures that it needs yet");
    }
    Google__Api__HttpBody *reply = audit_convert_text(call, note);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

// ---- Status --------------------------------------------------------------------------------

static struct status add_source(struct rpc_call *call, struct store_txn *txn,
                                struct audit_sources *sources, size_t which,
                                Audit__LogStatus *reply)
{
    Audit__SourceStatus *source = RPC_NEW(call, Audit__SourceStatus, audit__source_status__init);
    if (source == NULL) return ARENA_STATUS_EXHAUSTED;
    struct event_subscriber_state state;
    struct audit_mark mark;
    RETURN_IF_ERROR(audit_store_get_mark(txn, audit_source_names[which], &mark));
    source->source = (char *)audit_source_names[which];
    source->seq = mark.seq;
    source->head_seq = mark.seq;
    source->stale = true;
    if (audit_sources_state(sources, which, &state)) {
        if (state.head_seq > mark.seq) source->head_seq = state.head_seq;
        source->stale = state.is_stale || state.is_stopped;
    }
    reply->sources[reply->n_sources++] = source;
    return STATUS_SUCCESS;
}

struct status audit_rpc_get_status(struct rpc_call *call, struct store_txn *txn)
{
    struct audit_context *context = call->service;
    Audit__LogStatus *reply = RPC_NEW(call, Audit__LogStatus, audit__log_status__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    struct merkle_frontier head;
    struct bytes note;
    struct merkle_hash root, published_root;
    RETURN_IF_ERROR(audit_store_get_head(txn, &head));
    RETURN_IF_ERROR(audit_service_checkpoint(txn, &note, &reply->published_size, &published_root));
    RETURN_IF_ERROR(audit_store_first_index(txn, &reply->first_index));
    merkle_frontier_root(&head, &root);
    reply->size = head.size;
    reply->witnesses_needed = atomic_load(&context->service.witnesses_needed);
    reply->retention_days = audit_retention_days(context->retention);
    reply->root_hash.data = arena_copy(call->arena, root.bytes, MERKLE_HASH_BYTES);
    reply->root_hash.len = MERKLE_HASH_BYTES;
    reply->origin = context->service.verifier.name;
    reply->verifier_key = context->service.verifier_text;
    reply->sources = arena_alloc(call->arena, AUDIT_SOURCES * sizeof *reply->sources);
    if (reply->root_hash.data == NULL || reply->sources == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < AUDIT_SOURCES; i++)
        RETURN_IF_ERROR(add_source(call, txn, &context->sources, i, reply));
    return rpc_call_reply(call, reply);
}

// ---- Tiles ---------------------------------------------------------------------------------

static_assert(AUDIT_BUNDLE_BYTES_MAX + RPC_CALL_OVERHEAD_BYTES_MAX <= RPC_MESSAGE_BYTES_MAX,
              "the largest bundle fits a message");

static struct status get_tile(struct rpc_call *call, struct store_txn *txn, bool entries)
{
    const Audit__GetTileRequest *request = call->request;
    struct tlog_tile tile;
    struct bytes note, bytes;
    uint64_t size;
    struct merkle_hash root;
    RETURN_IF_ERROR(audit_tiles_parse(bytes_of_text(request->path), entries, &tile));
    RETURN_IF_ERROR(audit_service_checkpoint(txn, &note, &size, &root));
    RETURN_IF_ERROR(audit_tiles_get(txn, &tile, size, call->arena, &bytes));
    Google__Api__HttpBody *reply = audit_convert_bytes(call, bytes);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

struct status audit_rpc_get_tile(struct rpc_call *call, struct store_txn *txn)
{
    return get_tile(call, txn, false);
}

struct status audit_rpc_get_entry_bundle(struct rpc_call *call, struct store_txn *txn)
{
    return get_tile(call, txn, true);
}

// ---- Checking ------------------------------------------------------------------------------

struct status audit_rpc_check_entries(struct rpc_call *call, struct store_txn *unused)
{
    (void)unused; // On a pool thread.
    const Audit__CheckEntriesRequest *request = call->request;
    const struct audit_context *context = call->service;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    struct audit_check *check = arena_alloc(call->arena, sizeof *check);
    if (check == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(store_snapshot_begin(context->service.store, &txn));
    RETURN_IF_ERROR(audit_check_entries(
        txn, request->from_index, request->limit > 0 ? request->limit : CHECK_ENTRIES, check));
    Audit__CheckEntriesResponse *reply = audit_convert_check(call, check);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}
