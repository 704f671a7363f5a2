#include "services/witness/core.h"

#include "common/crypto/tlog_text.h"

#define MALFORMED(message_) REFUSE(INVALID_ARGUMENT, REQUEST_MALFORMED, message_)

// ---- What it says --------------------------------------------------------------------------

static struct status parse_proof(struct bytes *rest, struct merkle_proof *ret)
{
    struct bytes line;
    for (ret->count = 0;; ret->count++) {
        if (!tlog_text_line(rest, &line)) return MALFORMED("no empty line before the checkpoint");
        if (line.size == 0) return STATUS_SUCCESS;
        if (ret->count == WITNESS_PROOF_LINES_MAX) return MALFORMED("more than 63 proof lines");
        if (!tlog_text_hash(line, &ret->hashes[ret->count]))
            return MALFORMED("a proof line is not the base64 of a hash");
    }
}

// Whoever signed: malformed lines are told before the question whose they are.
static bool are_signature_lines(struct bytes lines)
{
    struct note_signature signature;
    for (size_t count = 0; lines.size > 0; count++) {
        if (count == NOTE_SIGNATURES_MAX || !note_next_signature(&lines, &signature)) return false;
    }
    return true;
}

struct status witness_core_parse(struct bytes body, struct witness_request *ret)
{
    struct witness_request request = {0};
    struct bytes rest = body, line;
    if (!tlog_text_line(&rest, &line) || !tlog_text_after(&line, "old ") ||
        !tlog_text_u64(line, &request.old_size))
        return MALFORMED("the first line is not \"old\" and a size");
    RETURN_IF_ERROR(parse_proof(&rest, &request.proof));
    request.note = rest;
    if (!status_ok(note_split(rest, &request.text, &request.lines)) ||
        !are_signature_lines(request.lines))
        return MALFORMED("the checkpoint is not a signed note");
    if (request.text.size > COSIGNATURE_TEXT_BYTES_MAX)
        return MALFORMED("the checkpoint's extension lines are too long");
    if (!status_ok(checkpoint_parse(request.text, &request.checkpoint)))
        return MALFORMED("the note is not a checkpoint");
    *ret = request;
    return STATUS_SUCCESS;
}

// ---- Whether it may be cosigned ------------------------------------------------------------

struct status witness_core_authenticate(const struct witness_request *request,
                                        const struct note_verifier *keys, size_t count)
{
    struct note_verifier known[WITNESS_LOG_KEYS_MAX];
    size_t known_count = 0;
    for (size_t i = 0; i < count && known_count < WITNESS_LOG_KEYS_MAX; i++) {
        if (strcmp(keys[i].name, request->checkpoint.origin) == 0) known[known_count++] = keys[i];
    }
    if (known_count == 0)
        return REFUSE(NOT_FOUND, LOG_UNKNOWN, "this witness does not know the log");
    struct bytes text;
    if (!status_ok(note_open_any(request->note, known, known_count, &text, NULL)))
        return REFUSE(PERMISSION_DENIED, NOT_SIGNED, "no known key of the log signed this");
    return STATUS_SUCCESS;
}

static struct status check_consistency(const struct witness_request *request,
                                       const struct witness_head *head)
{
    const struct checkpoint *checkpoint = &request->checkpoint;
    if (request->old_size == 0) {
        if (request->proof.count == 0) return STATUS_SUCCESS; // All trees begin with the empty one.
        return REFUSE(FAILED_PRECONDITION, PROOF_WRONG, "a proof from size 0 has no lines");
    }
    if (request->old_size == checkpoint->size && !merkle_hash_equal(&head->root, &checkpoint->root))
        return REFUSE(FAILED_PRECONDITION, ROOT_DIFFERS, "another tree of this size was seen");
    struct status status =
        merkle_verify_consistency(head->size, checkpoint->size, request->proof.hashes,
                                  request->proof.count, &head->root, &checkpoint->root);
    if (status_ok(status)) return STATUS_SUCCESS;
    return REFUSE(FAILED_PRECONDITION, PROOF_WRONG, "the consistency proof does not hold");
}

struct status witness_core_decide(const struct witness_request *request,
                                  const struct witness_head *head)
{
    const struct checkpoint *checkpoint = &request->checkpoint;
    if (request->old_size > checkpoint->size)
        return REFUSE(INVALID_ARGUMENT, OLD_SIZE_BEYOND, "old is beyond the checkpoint's size");
    if (request->old_size != head->size)
        return REFUSE(ABORTED, SIZE_CONFLICT, "old is not the size that was cosigned last");
    struct merkle_hash empty;
    merkle_empty(&empty);
    if (checkpoint->size == 0 && !merkle_hash_equal(&checkpoint->root, &empty))
        return REFUSE(FAILED_PRECONDITION, EMPTY_ROOT, "that is not the root of an empty tree");
    return check_consistency(request, head);
}

unsigned witness_core_http(struct status status)
{
    switch (status.code) {
    case STATUS_OK:
        return 200;
    case STATUS_INVALID_ARGUMENT:
        return 400;
    case STATUS_PERMISSION_DENIED:
        return 403;
    case STATUS_NOT_FOUND:
        return 404;
    case STATUS_ABORTED:
        return 409;
    case STATUS_FAILED_PRECONDITION:
        return 422;
    default:
        return 503;
    }
}
