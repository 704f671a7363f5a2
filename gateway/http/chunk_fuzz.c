// The first byte says where the rest is cut. Decoded in two pieces or at once, a body is the same.
#include "common/base/check.h"
#include "gateway/http/chunks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_BYTES_MAX = 4096 };

struct decoded {
    uint8_t data[BODY_BYTES_MAX];
    size_t size;
    size_t consumed;
    enum http_refusal refusal;
};

static void feed(struct http_chunks *chunks, struct bytes input, struct decoded *decoded)
{
    size_t at = 0;
    while (decoded->refusal == HTTP_ACCEPTED && at < input.size && !chunks->done) {
        struct http_chunks_step step;
        decoded->refusal =
            http_chunks_decode(chunks, bytes_of(input.data + at, input.size - at), &step);
        if (decoded->refusal != HTTP_ACCEPTED) return;
        CHECK(step.consumed > 0 && step.consumed <= input.size - at);
        CHECK(step.data.size <= step.consumed);
        CHECK(decoded->size + step.data.size <= sizeof decoded->data);
        if (step.data.size > 0) {
            memcpy(decoded->data + decoded->size, step.data.data, step.data.size);
        }
        decoded->size += step.data.size;
        decoded->consumed += step.consumed;
        at += step.consumed;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > BODY_BYTES_MAX) return 0;
    const struct bytes body = bytes_of(data + 1, size - 1);
    const size_t cut = data[0] < body.size ? data[0] : body.size;

    static struct decoded whole, pieces;
    whole = pieces = (struct decoded){0};
    struct http_chunks chunks = {0};
    feed(&chunks, body, &whole);
    struct http_chunks cut_chunks = {0};
    feed(&cut_chunks, bytes_of(body.data, cut), &pieces);
    feed(&cut_chunks, bytes_of(body.data + cut, body.size - cut), &pieces);

    CHECK(whole.refusal == pieces.refusal && chunks.done == cut_chunks.done);
    CHECK(whole.size == pieces.size && memcmp(whole.data, pieces.data, whole.size) == 0);
    CHECK(!chunks.done || whole.consumed == pieces.consumed);
    return 0;
}
