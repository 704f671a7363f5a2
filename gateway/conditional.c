#include "gateway/conditional.h"

#include "common/rpc/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VERSION_TEXT_BYTES = 21 }; // 20 digits and a NUL.

enum tag_kind {
    TAG_NONE, // The list is at its end.
    TAG_STRONG,
    TAG_WEAK,
    TAG_ANY, // *
    TAG_BROKEN,
};

// A header that may come in several lines, which together are one list.
struct tags {
    const struct http_head *head;
    enum http_header_id id;
    size_t line;       // The next one to look at.
    struct bytes rest; // Of the line before it.
};

static struct tags tags_of(const struct http_head *head, enum http_header_id id)
{
    return (struct tags){.head = head, .id = id};
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static void skip(struct bytes *rest, size_t count)
{
    *rest = bytes_of(rest->data + count, rest->size - count);
}

// Goes to the next element; lists may have empty ones (RFC 9110 section 5.6.1).
static bool find_element(struct tags *tags)
{
    for (;;) {
        while (tags->rest.size > 0 && (is_space(tags->rest.data[0]) || tags->rest.data[0] == ',')) {
            skip(&tags->rest, 1);
        }
        if (tags->rest.size > 0) return true;
        while (tags->line < tags->head->header_count &&
               tags->head->headers[tags->line].id != tags->id) {
            tags->line++;
        }
        if (tags->line == tags->head->header_count) return false;
        tags->rest = tags->head->headers[tags->line++].value;
    }
}

static bool is_tag_character(uint8_t c)
{
    return c == 0x21 || (c >= 0x23 && c <= 0x7E) || c >= 0x80;
}

// entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE. *ret_opaque is what stands between the quotes.
static enum tag_kind next_tag(struct tags *tags, struct bytes *ret_opaque)
{
    if (!find_element(tags)) return TAG_NONE;
    struct bytes *rest = &tags->rest;
    enum tag_kind kind = TAG_STRONG;
    if (rest->data[0] == '*') {
        kind = TAG_ANY;
        skip(rest, 1);
    } else {
        if (rest->size >= 2 && memcmp(rest->data, "W/", 2) == 0) {
            kind = TAG_WEAK;
            skip(rest, 2);
        }
        size_t end = 1;
        if (rest->size == 0 || rest->data[0] != '"') return TAG_BROKEN;
        while (end < rest->size && is_tag_character(rest->data[end])) {
            end++;
        }
        if (end == rest->size || rest->data[end] != '"') return TAG_BROKEN;
        *ret_opaque = bytes_of(rest->data + 1, end - 1);
        skip(rest, end + 1);
    }
    while (rest->size > 0 && is_space(rest->data[0])) {
        skip(rest, 1);
    }
    return rest->size == 0 || rest->data[0] == ',' ? kind : TAG_BROKEN;
}

// Versions begin at 1 and are written without leading zeros, as the ETag was.
static uint64_t version_of(struct bytes opaque)
{
    uint64_t version = 0;
    bool is_version = opaque.size > 0 && opaque.data[0] != '0';
    for (size_t i = 0; is_version && i < opaque.size; i++) {
        uint8_t c = opaque.data[i];
        is_version = c >= '0' && c <= '9' && !__builtin_mul_overflow(version, 10U, &version) &&
                     !__builtin_add_overflow(version, (uint64_t)(c - '0'), &version);
    }
    return is_version && version < RPC_ETAG_NONE ? version : RPC_ETAG_NONE;
}

static const struct status invalid = {STATUS_INVALID_ARGUMENT, "IF_MATCH_INVALID",
                                      "If-Match must be one entity tag, as in the ETag of the "
                                      "answer that was read, or *"};

struct status conditional_if_match(const struct http_head *head, bool is_required,
                                   uint64_t *ret_version)
{
    *ret_version = 0;
    if (http_head_value(head, HTTP_HEADER_IF_MATCH).data == NULL) {
        if (!is_required) return STATUS_SUCCESS;
        return REFUSE(FAILED_PRECONDITION, IF_MATCH_REQUIRED,
                      "say in If-Match which version is changed: the ETag that was read");
    }
    struct tags tags = tags_of(head, HTTP_HEADER_IF_MATCH);
    struct bytes opaque = bytes_of(NULL, 0), other;
    enum tag_kind kind = next_tag(&tags, &opaque);
    if (kind == TAG_NONE || kind == TAG_BROKEN || next_tag(&tags, &other) != TAG_NONE) {
        return invalid;
    }
    *ret_version = kind == TAG_ANY      ? RPC_ETAG_ANY
                   : kind == TAG_STRONG ? version_of(opaque)
                                        : RPC_ETAG_NONE;
    return STATUS_SUCCESS;
}

bool conditional_if_none_match(const struct http_head *head, uint64_t version)
{
    char text[VERSION_TEXT_BYTES];
    int size = snprintf(text, sizeof text, "%" PRIu64, version);
    struct bytes own = bytes_of(text, (size_t)size), opaque;
    struct tags tags = tags_of(head, HTTP_HEADER_IF_NONE_MATCH);
    for (;;) {
        enum tag_kind kind = next_tag(&tags, &opaque);
        if (kind == TAG_NONE || kind == TAG_BROKEN) return false;
        if (kind == TAG_ANY || bytes_equal(opaque, own)) return true;
    }
}
