#include "services/witness/service.h"

#include "common/base/check.h"
#include "common/base/clock.h"

// ---- The checkpoint as it is kept ----------------------------------------------------------

static void add_text(struct witness_call *call, struct bytes text)
{
    CHECK(text.size <= sizeof call->note - call->note_size);
    memcpy(call->note + call->note_size, text.data, text.size);
    call->note_size += text.size;
}

// One line for each of the log's keys that signed: what strangers wrote below is not kept.
static void compose_note(struct witness_call *call)
{
    const struct witness_service *service = call->service;
    const struct witness_request *request = &call->request;
    size_t added = 0;
    call->note_size = 0;
    add_text(call, request->text);
    add_text(call, bytes_of_text("\n"));
    for (size_t i = 0; i < service->log_key_count && added < WITNESS_LOG_KEYS_MAX; i++) {
        const struct note_verifier *key = &service->log_keys[i];
        struct bytes lines = request->lines;
        struct note_signature signature;
        if (strcmp(key->name, request->checkpoint.origin) != 0) continue;
        while (note_next_signature(&lines, &signature)) {
            if (!note_signature_is_by(&signature, key)) continue;
            add_text(call, signature.line);
            added++;
            break;
        }
    }
}

// ---- Compare, remember, cosign -------------------------------------------------------------

static struct witness_call *call_of(struct store_job *job)
{
    return (struct witness_call *)((char *)job - offsetof(struct witness_call, job));
}

static struct status run(struct store_job *job, struct store_txn *txn)
{
    struct witness_call *call = call_of(job);
    const struct witness_service *service = call->service;
    const struct checkpoint *checkpoint = &call->request.checkpoint;
    struct witness_state last = {0};
    struct status status = witness_store_get(txn, checkpoint->origin, &last);
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    call->size = last.head.size;
    RETURN_IF_ERROR(witness_core_decide(&call->request, &last.head));

    // Signed here, because the time is part of what is said: then this was the largest one.
    struct witness_state now = {.head = {.size = checkpoint->size, .root = checkpoint->root},
                                .time_s = clock_wall_ns() / NS_PER_SECOND};
    call->line_size = cosignature_sign(call->request.text, now.time_s, &service->verifier,
                                       service->signer, call->line);
    size_t without_line = call->note_size;
    add_text(call, bytes_of(call->line, call->line_size));
    now.note = bytes_of(call->note, call->note_size);
    witness_store_put(txn, checkpoint->origin, &now);
    call->note_size = without_line; // The job may be run again.
    return STATUS_SUCCESS;
}

static void end(struct store_job *job, struct status status)
{
    struct witness_call *call = call_of(job);
    call->status = status;
    call->done(call);
}

void witness_service_submit(const struct witness_service *service, struct witness_call *call)
{
    call->service = service;
    struct status status = witness_core_parse(call->body, &call->request);
    if (status_ok(status))
        status =
            witness_core_authenticate(&call->request, service->log_keys, service->log_key_count);
    if (status_ok(status)) {
        compose_note(call);
        call->job = (struct store_job){.run = run,
                                       .done = end,
                                       .weight_bytes = (uint32_t)call->note_size,
                                       .refuse_before_change = true};
        status = store_write_submit(service->store, &call->job);
    }
    if (!status_ok(status)) end(&call->job, status);
}
