#include "services/audit/witness_talk.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/tlog_text.h"

#include <inttypes.h>
#include <stdio.h>

size_t audit_witness_request(uint64_t old, const struct merkle_proof *proof, struct bytes note,
                             char *ret, size_t bytes_max)
{
    CHECK(proof->count <= AUDIT_WITNESS_PROOF_LINES_MAX);
    CHECK(bytes_max >= AUDIT_WITNESS_REQUEST_BYTES_MAX + note.size);
    int first = snprintf(ret, bytes_max, "old %" PRIu64 "\n", old);
    CHECK(first > 0);
    size_t size = (size_t)first;
    for (size_t i = 0; i < proof->count; i++) {
        size += base64_encode(proof->hashes[i].bytes, MERKLE_HASH_BYTES, ret + size);
        ret[size++] = '\n';
    }
    ret[size++] = '\n';
    memcpy(ret + size, note.data, note.size);
    return size + note.size;
}

static struct audit_witness_answer unusable(const char *what)
{
    return (struct audit_witness_answer){.meaning = AUDIT_WITNESS_UNUSABLE, .what = what};
}

static struct audit_witness_answer understand_cosignature(struct bytes body, struct bytes text,
                                                          const struct note_verifier *verifier)
{
    struct bytes line;
    uint64_t time_s;
    if (!status_ok(cosignature_find(body, text, verifier, &line, &time_s)))
        return unusable("what it answered is no cosignature by its key");
    return (struct audit_witness_answer){.meaning = AUDIT_WITNESS_COSIGNED, .line = line};
}

// Only with the protocol's own content type: other servers have conflicts of their own.
static struct audit_witness_answer understand_conflict(const char *content_type, struct bytes body)
{
    struct audit_witness_answer answer = {.meaning = AUDIT_WITNESS_HAS_SIZE};
    struct bytes line;
    if (strcmp(content_type, "text/x.tlog.size") != 0)
        return unusable("its conflict does not say a size");
    if (!tlog_text_line(&body, &line) || body.size > 0 || !tlog_text_u64(line, &answer.size))
        return unusable("the size in its conflict is malformed");
    return answer;
}

struct audit_witness_answer audit_witness_understand(uint32_t code, const char *content_type,
                                                     struct bytes body, struct bytes text,
                                                     const struct note_verifier *verifier)
{
    switch (code) {
    case 200:
        return understand_cosignature(body, text, verifier);
    case 409:
        return understand_conflict(content_type, body);
    case 422:
        return (struct audit_witness_answer){.meaning = AUDIT_WITNESS_DENIES};
    case 403:
        return unusable("it does not know this log's key");
    case 404:
        return unusable("it does not know this log");
    case 400:
        return unusable("it does not understand the request");
    case 0:
        return unusable("it does not answer");
    default:
        return unusable("it answers an error");
    }
}
