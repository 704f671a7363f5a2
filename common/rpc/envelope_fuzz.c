#include "common/base/check.h"
#include "common/rpc/envelope.h"
#include "common/rpc/limits.h"

#include <stdlib.h>

// What was read as a request and written again reads the same.
static void check_request(struct bytes bytes)
{
    struct envelope_request request, again;
    if (!status_ok(envelope_read_request(bytes, &request))) return;
    size_t size = envelope_request_size(&request);
    uint8_t *written = malloc(size);
    CHECK(written != NULL);
    CHECK(envelope_write_request(&request, written) == written + size);

    struct envelope_items items;
    struct bytes item;
    size_t count;
    CHECK(status_ok(envelope_open(bytes_of(written, size), &items, &count)) && count == 1);
    CHECK(envelope_next(&items, &item) && status_ok(envelope_read_request(item, &again)));
    CHECK(again.call_id == request.call_id && again.timeout_ms == request.timeout_ms);
    CHECK(again.attempt == request.attempt && bytes_equal(again.method, request.method));
    CHECK(bytes_equal(again.access_token, request.access_token));
    CHECK(bytes_equal(again.payload, request.payload));
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct envelope_items items;
    struct envelope_answer answer;
    struct bytes item;
    size_t count, seen = 0;
    check_request(bytes_of(data, size));
    (void)!status_ok(envelope_read_reply(bytes_of(data, size), &answer));
    if (!status_ok(envelope_open(bytes_of(data, size), &items, &count))) return 0;
    CHECK(count <= RPC_BATCH_CALLS_MAX);
    for (; envelope_next(&items, &item); seen++) {
        check_request(item);
        if (!status_ok(envelope_read_reply(item, &answer))) continue;
        CHECK(answer.violation_count <= RPC_VIOLATIONS_MAX);
        CHECK(answer.detail_count <= RPC_DETAILS_MAX);
    }
    CHECK(seen == count);
    return 0;
}
