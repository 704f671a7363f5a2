// Whatever arrives: no read outside the input, scanning in pieces agrees with scanning at once, and
// what is accepted has one meaning only.
#include "common/base/check.h"
#include "gateway/http/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct bytes part, const uint8_t *data, size_t size)
{
    if (part.data == NULL) return;
    CHECK(part.data >= data && part.data + part.size <= data + size);
    CHECK(memchr(part.data, '\0', part.size) == NULL);
    CHECK(memchr(part.data, '\r', part.size) == NULL && memchr(part.data, '\n', part.size) == NULL);
}

static void check_accepted(const struct http_head *head, const uint8_t *data, size_t size)
{
    CHECK(head->head_bytes <= size);
    CHECK(memcmp(data + head->head_bytes - 4, "\r\n\r\n", 4) == 0);
    CHECK(!(head->chunked && head->has_content_length));
    CHECK(!(head->chunked && head->minor_version == 0));
    CHECK(head->minor_version == 0 || http_head_value(head, HTTP_HEADER_HOST).size > 0);
    CHECK(head->path.size > 0 && (head->path.data[0] == '/' || head->path.data[0] == '*'));
    check_inside(head->method_name, data, size);
    check_inside(head->target, data, size);
    check_inside(head->path, data, size);
    check_inside(head->query, data, size);
    for (size_t i = 0; i < head->header_count; i++) {
        CHECK(head->headers[i].name.size > 0);
        check_inside(head->headers[i].name, data, size);
        check_inside(head->headers[i].value, data, size);
        const struct bytes found = http_head_value(head, head->headers[i].id);
        CHECK(head->headers[i].id == HTTP_HEADER_UNKNOWN || found.data != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_head head;
    const enum http_refusal refusal = http_parse_head(bytes_of(data, size), &head);
    if (refusal == HTTP_ACCEPTED) check_accepted(&head, data, size);

    size_t scanned = 0;
    size_t head_bytes = 0;
    const enum http_refusal whole = http_scan_head(bytes_of(data, size), &scanned, &head_bytes);
    if (refusal == HTTP_ACCEPTED) CHECK(whole == HTTP_ACCEPTED && head_bytes == head.head_bytes);

    // In two pieces; the first may be refused early, but never for nothing.
    scanned = 0;
    size_t cut_bytes = 0;
    const size_t cut = size / 2;
    enum http_refusal pieces = http_scan_head(bytes_of(data, cut), &scanned, &cut_bytes);
    if (pieces == HTTP_ACCEPTED && cut_bytes == 0) {
        pieces = http_scan_head(bytes_of(data, size), &scanned, &cut_bytes);
    }
    if (whole == HTTP_ACCEPTED) CHECK(pieces == HTTP_ACCEPTED && cut_bytes == head_bytes);
    return 0;
}
