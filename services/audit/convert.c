#include "services/audit/convert.h"

#include "common/base/check.h"
#include "common/crypto/tlog_proof.h"
#include "common/rpc/pack.h"
#include "services/audit/event_json.h"

static char text_plain[] = "text/plain; charset=utf-8", octets[] = "application/octet-stream";

// ---- Requests ------------------------------------------------------------------------------

static char nothing[] = "";

static struct status check_action(struct rpc_call *call, struct bytes action)
{
    bool is_good = status_ok(audit_core_check_action(action));
    return is_good ? STATUS_SUCCESS : rpc_call_violation(call, "action", "PATTERN");
}

struct status audit_convert_filter(struct rpc_call *call,
                                   const struct Audit__ListEventsRequest *request,
                                   struct audit_filter *ret)
{
    *ret = (struct audit_filter){
        .actor = bytes_of_text(request->actor),
        .action = bytes_of_text(request->action),
        .resource = bytes_of_text(request->resource),
        .outcome = bytes_of_text(request->outcome),
        .source = bytes_of_text(request->source),
        .from_ns = request->from,
        .to_ns = request->to,
    };
    return check_action(call, ret->action);
}

struct status audit_convert_export_filter(struct rpc_call *call,
                                          const struct Audit__ExportEventsRequest *request,
                                          struct audit_filter *ret)
{
    const Audit__ListEventsRequest same = {
        .actor = request->actor,
        .action = request->action,
        .resource = request->resource,
        .outcome = request->outcome,
        .source = request->source,
        .from = request->from,
        .to = request->to,
    };
    return audit_convert_filter(call, &same, ret);
}

struct status audit_convert_user_filter(struct rpc_call *call,
                                        const struct Audit__ListUserEventsRequest *request,
                                        char ret_user[static AUDIT_USER_NAME_BYTES],
                                        struct audit_filter *ret)
{
    static const char collection[] = "users/";
    memcpy(ret_user, collection, sizeof collection - 1);
    id128_format(id128_of(request->user_id.data), ret_user + sizeof collection - 1);
    *ret = (struct audit_filter){
        .user = bytes_of_text(ret_user),
        .action = bytes_of_text(request->action),
        .from_ns = request->from,
        .to_ns = request->to,
    };
    return check_action(call, ret->action);
}

struct status audit_convert_filter_bytes(struct rpc_call *call,
                                         const struct Audit__ListEventsRequest *request,
                                         struct bytes *ret)
{
    Audit__ListEventsRequest query = *request;
    query.page_size = 0;
    query.page_token = nothing;
    return rpc_pack(&query, call->arena, ret);
}

struct status audit_convert_export_filter_bytes(struct rpc_call *call,
                                                const struct Audit__ExportEventsRequest *request,
                                                struct bytes *ret)
{
    Audit__ExportEventsRequest query = *request;
    query.page_size = 0;
    query.page_token = nothing;
    return rpc_pack(&query, call->arena, ret);
}

struct status audit_convert_user_filter_bytes(struct rpc_call *call,
                                              const struct Audit__ListUserEventsRequest *request,
                                              struct bytes *ret)
{
    Audit__ListUserEventsRequest query = *request;
    query.page_size = 0;
    query.page_token = nothing;
    return rpc_pack(&query, call->arena, ret);
}

uint64_t audit_convert_position(struct bytes position)
{
    if (position.size == 0) return UINT64_MAX;
    CHECK(position.size == AUDIT_POSITION_BYTES); // Sealed: only ours come back.
    return get_u64_be(position.data);
}

// ---- Replies -------------------------------------------------------------------------------

static bool copy_text(struct rpc_call *call, struct bytes text, char **ret)
{
    if (text.size == 0) return true; // The message's own default.
    *ret = arena_text(call->arena, (const char *)text.data, text.size);
    return *ret != NULL;
}

static bool copy_bytes(struct rpc_call *call, struct bytes bytes, ProtobufCBinaryData *ret)
{
    ret->data = arena_copy(call->arena, bytes.data, bytes.size);
    ret->len = bytes.size;
    return ret->data != NULL;
}

static bool copy_hash(struct rpc_call *call, const struct merkle_hash *hash,
                      ProtobufCBinaryData *ret)
{
    return copy_bytes(call, bytes_of(hash->bytes, MERKLE_HASH_BYTES), ret);
}

Audit__AuditEvent *audit_convert_event(struct rpc_call *call, const struct audit_event *event)
{
    Audit__AuditEvent *message;
    return status_ok(audit_event_make(event, call->arena, &message)) ? message : NULL;
}

static ProtobufCBinaryData *copy_path(struct rpc_call *call, const struct merkle_proof *path)
{
    ProtobufCBinaryData *hashes = arena_alloc(call->arena, path->count * sizeof *hashes);
    if (hashes == NULL) return NULL;
    for (size_t i = 0; i < path->count; i++) {
        if (!copy_hash(call, &path->hashes[i], &hashes[i])) return NULL;
    }
    return hashes;
}

Audit__InclusionProof *audit_convert_proof(struct rpc_call *call, const struct audit_proof *proof)
{
    Audit__InclusionProof *message =
        RPC_NEW(call, Audit__InclusionProof, audit__inclusion_proof__init);
    if (message == NULL) return NULL;
    message->index = proof->index;
    message->size = proof->size;
    message->n_hashes = proof->path.count;
    message->hashes = copy_path(call, &proof->path);
    if (message->hashes == NULL) return NULL;
    if (!copy_hash(call, &proof->leaf, &message->leaf_hash)) return NULL;
    if (!copy_hash(call, &proof->root, &message->root_hash)) return NULL;
    return copy_text(call, proof->checkpoint, &message->checkpoint) ? message : NULL;
}

Audit__ConsistencyProof *audit_convert_consistency(struct rpc_call *call,
                                                   const struct audit_consistency *proof)
{
    Audit__ConsistencyProof *message =
        RPC_NEW(call, Audit__ConsistencyProof, audit__consistency_proof__init);
    if (message == NULL) return NULL;
    message->from = proof->from;
    message->to = proof->to;
    message->n_hashes = proof->path.count;
    message->hashes = copy_path(call, &proof->path);
    if (message->hashes == NULL) return NULL;
    if (!copy_hash(call, &proof->from_root, &message->from_root_hash)) return NULL;
    if (!copy_hash(call, &proof->to_root, &message->to_root_hash)) return NULL;
    return copy_text(call, proof->checkpoint, &message->checkpoint) ? message : NULL;
}

Audit__CheckEntriesResponse *audit_convert_check(struct rpc_call *call,
                                                 const struct audit_check *check)
{
    Audit__CheckEntriesResponse *message =
        RPC_NEW(call, Audit__CheckEntriesResponse, audit__check_entries_response__init);
    if (message == NULL) return NULL;
    message->next_index = check->next_index;
    message->pruned = check->pruned;
    message->erased = check->erased;
    message->findings = arena_alloc(call->arena, check->finding_count * sizeof *message->findings);
    if (message->findings == NULL) return NULL;
    for (size_t i = 0; i < check->finding_count; i++) {
        Audit__EntryFinding *finding =
            RPC_NEW(call, Audit__EntryFinding, audit__entry_finding__init);
        if (finding == NULL) return NULL;
        finding->index = check->findings[i].index;
        finding->what = (char *)check->findings[i].what;
        message->findings[message->n_findings++] = finding;
    }
    return message;
}

size_t audit_convert_pruned(uint64_t from_index, uint64_t to_index,
                            uint8_t ret[static AUDIT_PRUNED_BYTES_MAX])
{
    Audit__LogPruned message = AUDIT__LOG_PRUNED__INIT;
    message.from_index = from_index;
    message.to_index = to_index;
    CHECK(audit__log_pruned__get_packed_size(&message) <= AUDIT_PRUNED_BYTES_MAX);
    return audit__log_pruned__pack(&message, ret);
}

static Google__Api__HttpBody *make_body(struct rpc_call *call, char *type, uint8_t *data,
                                        size_t size)
{
    Google__Api__HttpBody *message =
        RPC_NEW(call, Google__Api__HttpBody, google__api__http_body__init);
    if (message == NULL || data == NULL) return NULL;
    message->content_type = type;
    message->data = (ProtobufCBinaryData){.data = data, .len = size};
    return message;
}

Google__Api__HttpBody *audit_convert_bytes(struct rpc_call *call, struct bytes bytes)
{
    return make_body(call, octets, (uint8_t *)bytes.data, bytes.size);
}

Google__Api__HttpBody *audit_convert_text(struct rpc_call *call, struct bytes text)
{
    return make_body(call, text_plain, arena_copy(call->arena, text.data, text.size), text.size);
}

Google__Api__HttpBody *audit_convert_proof_file(struct rpc_call *call,
                                                const struct audit_proof *proof)
{
    struct tlog_proof *file = arena_alloc(call->arena, sizeof *file);
    size_t size_max = TLOG_PROOF_BYTES_MAX + proof->checkpoint.size;
    char *text = arena_alloc(call->arena, size_max);
    if (file == NULL || text == NULL) return NULL;
    *file = (struct tlog_proof){
        .index = proof->index, .path = proof->path, .checkpoint = proof->checkpoint};
    return make_body(call, text_plain, (uint8_t *)text, tlog_proof_format(file, text, size_max));
}
