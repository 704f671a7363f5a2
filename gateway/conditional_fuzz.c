// A tag that If-Match takes for a version is one that If-None-Match knows as that version.
#include "common/base/check.h"
#include "common/rpc/schema.h"
#include "gateway/conditional.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_header(struct http_head *head, enum http_header_id id, struct bytes value)
{
    head->headers[head->header_count] = (struct http_header){.id = (uint8_t)id, .value = value};
    head->header_count++;
    if (head->first[id] == 0) head->first[id] = head->header_count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;
    memset(&head, 0, sizeof head);
    // The first line ends at the first NUL, which no header's value holds.
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
    size_t first_size = nul != NULL ? (size_t)(nul - data) : size;
    for (int i = 0; i < 2; i++) {
        enum http_header_id id = i == 0 ? HTTP_HEADER_IF_MATCH : HTTP_HEADER_IF_NONE_MATCH;
        add_header(&head, id, bytes_of(data, first_size));
        if (nul != NULL) add_header(&head, id, bytes_of(nul + 1, size - first_size - 1));
    }
    uint64_t version;
    struct status status = conditional_if_match(&head, true, &version);
    if (!status_ok(status)) {
        CHECK(version == 0 && strcmp(status.reason, "IF_MATCH_INVALID") == 0);
        (void)conditional_if_none_match(&head, size);
        return 0;
    }
    CHECK(version != 0);
    if (version == RPC_ETAG_ANY) CHECK(conditional_if_none_match(&head, size));
    if (version < RPC_ETAG_NONE) CHECK(conditional_if_none_match(&head, version));
    return 0;
}
