#include "services/audit/convert.h"

#include "common/base/check.h"
#include "common/crypto/tlog_proof.h"
#include "common/rpc/pack.h"

static char text_plain[] = "text/plain; charset=utf-8";

// ---- Requests ------------------------------------------------------------------------------

struct audit_filter audit_convert_filter(const struct Audit__ListEventsRequest *request)
{
    return (struct audit_filter){
        .actor = bytes_of_text(request->actor),
        .action = bytes_of_text(request->action),
        .resource = bytes_of_text(request->resource),
        .outcome = bytes_of_text(request->outcome),
        .source = bytes_of_text(request->source),
        .from_ns = request->from,
        .to_ns = request->to,
    };
}

struct status audit_convert_filter_bytes(struct rpc_call *call,
                                         const struct Audit__ListEventsRequest *request,
                                         struct bytes *ret)
{
    static char nothing[] = "";
    Audit__ListEventsRequest query = *request;
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
    Audit__AuditEvent *message = RPC_NEW(call, Audit__AuditEvent, audit__audit_event__init);
    if (message == NULL) return NULL;
    const struct audit_entry *entry = &event->entry;
    message->index = event->index;
    message->seq = entry->seq;
    message->time = entry->time_ns;

    const struct {
        struct bytes from;
        char **to;
    } texts[] = {
        {entry->source, &message->source},
        {entry->action, &message->action},
        {entry->actor, &message->actor},
        {entry->resource, &message->resource},
        {entry->outcome, &message->outcome},
        {entry->reason, &message->reason},
        {entry->request_id, &message->request_id},
        {entry->traceparent, &message->traceparent},
        {event->side.client_ip, &message->client_ip},
        {event->side.device_id, &message->device_id},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!copy_text(call, texts[i].from, texts[i].to)) return NULL;
    }
    if (!copy_hash(call, &event->leaf, &message->leaf_hash)) return NULL;
    return copy_bytes(call, event->bytes, &message->entry) ? message : NULL;
}

Audit__InclusionProof *audit_convert_proof(struct rpc_call *call, const struct audit_proof *proof)
{
    Audit__InclusionProof *message =
        RPC_NEW(call, Audit__InclusionProof, audit__inclusion_proof__init);
    if (message == NULL) return NULL;
    message->index = proof->index;
    message->size = proof->size;
    message->n_hashes = proof->path.count;
    message->hashes = arena_alloc(call->arena, proof->path.count * sizeof *message->hashes);
    if (message->hashes == NULL) return NULL;
    for (size_t i = 0; i < proof->path.count; i++) {
        if (!copy_hash(call, &proof->path.hashes[i], &message->hashes[i])) return NULL;
    }
    if (!copy_hash(call, &proof->leaf, &message->leaf_hash)) return NULL;
    if (!copy_hash(call, &proof->root, &message->root_hash)) return NULL;
    return copy_text(call, proof->checkpoint, &message->checkpoint) ? message : NULL;
}

static Google__Api__HttpBody *make_body(struct rpc_call *call, uint8_t *data, size_t size)
{
    Google__Api__HttpBody *message =
        RPC_NEW(call, Google__Api__HttpBody, google__api__http_body__init);
    if (message == NULL || data == NULL) return NULL;
    message->content_type = text_plain;
    message->data = (ProtobufCBinaryData){.data = data, .len = size};
    return message;
}

Google__Api__HttpBody *audit_convert_text(struct rpc_call *call, struct bytes text)
{
    return make_body(call, arena_copy(call->arena, text.data, text.size), text.size);
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
    return make_body(call, (uint8_t *)text, tlog_proof_format(file, text, size_max));
}
