#include "common/crypto/checkpoint.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/tlog_text.h"

#include <inttypes.h>
#include <stdio.h>

#define CHECKPOINT_REFUSAL                                                                         \
    REFUSE(INVALID_ARGUMENT, CHECKPOINT_MALFORMED, "this is not the text of a checkpoint")

size_t checkpoint_format(const struct checkpoint *checkpoint,
                         char ret_text[static CHECKPOINT_TEXT_BYTES_MAX])
{
    char root[BASE64_TEXT_BYTES(MERKLE_HASH_BYTES)];
    base64_encode(checkpoint->root.bytes, MERKLE_HASH_BYTES, root);
    int size = snprintf(ret_text, CHECKPOINT_TEXT_BYTES_MAX, "%s\n%" PRIu64 "\n%s\n",
                        checkpoint->origin, checkpoint->size, root);
    CHECK(size > 0 && size < CHECKPOINT_TEXT_BYTES_MAX);
    return (size_t)size;
}

struct status checkpoint_parse(struct bytes text, struct checkpoint *ret)
{
    if (!note_text_is_valid(text)) return CHECKPOINT_REFUSAL;
    struct checkpoint checkpoint = {0};
    struct bytes rest = text, origin, size, root, extension;
    if (!tlog_text_line(&rest, &origin) || !tlog_text_line(&rest, &size) ||
        !tlog_text_line(&rest, &root))
        return CHECKPOINT_REFUSAL;
    if (origin.size == 0 || origin.size >= sizeof checkpoint.origin) return CHECKPOINT_REFUSAL;
    memcpy(checkpoint.origin, origin.data, origin.size);
    if (!tlog_text_u64(size, &checkpoint.size)) return CHECKPOINT_REFUSAL;
    if (!tlog_text_hash(root, &checkpoint.root)) return CHECKPOINT_REFUSAL;
    while (rest.size > 0) {
        if (!tlog_text_line(&rest, &extension) || extension.size == 0) return CHECKPOINT_REFUSAL;
    }
    *ret = checkpoint;
    return STATUS_SUCCESS;
}

struct status checkpoint_open(struct bytes note, const struct note_verifier *verifier,
                              struct checkpoint *ret)
{
    struct bytes text;
    struct checkpoint checkpoint;
    RETURN_IF_ERROR(note_open(note, verifier, &text));
    RETURN_IF_ERROR(checkpoint_parse(text, &checkpoint));
    if (strcmp(checkpoint.origin, verifier->name) != 0) {
        return REFUSE(INVALID_ARGUMENT, CHECKPOINT_ORIGIN,
                      "the checkpoint is of another log than the verifier key's");
    }
    *ret = checkpoint;
    return STATUS_SUCCESS;
}
