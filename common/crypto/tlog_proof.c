#include "common/crypto/tlog_proof.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/tlog_text.h"

#include <inttypes.h>
#include <stdio.h>

static const char first_line[] = "c2sp.org/tlog-proof@v1";

#define PROOF_REFUSAL                                                                              \
    REFUSE(INVALID_ARGUMENT, PROOF_MALFORMED, "this is not a c2sp.org/tlog-proof@v1 file")

size_t tlog_proof_format(const struct tlog_proof *proof, char *ret_text, size_t size_max)
{
    CHECK(proof->path.count <= TLOG_PROOF_HASHES_MAX);
    CHECK(size_max >= TLOG_PROOF_BYTES_MAX + proof->checkpoint.size + proof->extra.size);
    int size = snprintf(ret_text, size_max, "%s\n", first_line);
    if (proof->extra.size > 0) {
        size += snprintf(ret_text + size, size_max - (size_t)size, "extra %.*s\n",
                         (int)proof->extra.size, (const char *)proof->extra.data);
    }
    size += snprintf(ret_text + size, size_max - (size_t)size, "index %" PRIu64 "\n", proof->index);
    for (size_t i = 0; i < proof->path.count; i++) {
        char hash[BASE64_TEXT_BYTES(MERKLE_HASH_BYTES)];
        base64_encode(proof->path.hashes[i].bytes, MERKLE_HASH_BYTES, hash);
        size += snprintf(ret_text + size, size_max - (size_t)size, "%s\n", hash);
    }
    ret_text[size++] = '\n';
    memcpy(ret_text + size, proof->checkpoint.data, proof->checkpoint.size);
    return (size_t)size + proof->checkpoint.size;
}

static bool is_base64(struct bytes text)
{
    if (text.size == 0 || text.size % 4 != 0) return false;
    for (size_t i = 0; i < text.size; i += 4) {
        uint8_t three[3];
        size_t size;
        if (!base64_decode((const char *)text.data + i, 4, three, sizeof three, &size))
            return false;
        if (size < sizeof three && i + 4 < text.size) return false; // Padding before the end.
    }
    return true;
}

struct status tlog_proof_parse(struct bytes text, struct tlog_proof *ret)
{
    struct bytes rest = text, line;
    struct tlog_proof proof;
    proof.path.count = 0;
    proof.extra = bytes_of(NULL, 0);
    if (!tlog_text_line(&rest, &line) || !bytes_equal(line, bytes_of_text(first_line)))
        return PROOF_REFUSAL;
    if (!tlog_text_line(&rest, &line)) return PROOF_REFUSAL;
    if (tlog_text_after(&line, "extra ")) {
        if (!is_base64(line)) return PROOF_REFUSAL;
        proof.extra = line;
        if (!tlog_text_line(&rest, &line)) return PROOF_REFUSAL;
    }
    if (!tlog_text_after(&line, "index ") || !tlog_text_u64(line, &proof.index))
        return PROOF_REFUSAL;
    for (;;) {
        if (!tlog_text_line(&rest, &line)) return PROOF_REFUSAL;
        if (line.size == 0) break;
        if (proof.path.count == TLOG_PROOF_HASHES_MAX) return PROOF_REFUSAL;
        if (!tlog_text_hash(line, &proof.path.hashes[proof.path.count++])) return PROOF_REFUSAL;
    }
    if (rest.size == 0) return PROOF_REFUSAL;
    proof.checkpoint = rest;
    *ret = proof;
    return STATUS_SUCCESS;
}

struct status tlog_proof_verify(const struct tlog_proof *proof, const struct merkle_hash *leaf,
                                const struct note_verifier *verifier, struct checkpoint *ret)
{
    struct checkpoint checkpoint;
    RETURN_IF_ERROR(checkpoint_open(proof->checkpoint, verifier, &checkpoint));
    RETURN_IF_ERROR(merkle_verify_inclusion(proof->index, checkpoint.size, leaf, proof->path.hashes,
                                            proof->path.count, &checkpoint.root));
    *ret = checkpoint;
    return STATUS_SUCCESS;
}
