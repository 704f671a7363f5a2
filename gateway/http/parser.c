#include "gateway/http/parser.h"

#include "gateway/http/characters.h"

// What is left to read. Every function below either moves `at` forward or refuses.
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

enum times { ONCE, MANY };

static const char *const known_names[HTTP_HEADER_ID_COUNT] = {
#define X(name, text, times) text,
    HTTP_HEADERS(X)
#undef X
};

// Kept apart from the names so that memchr can pick the few candidates of the right length.
static const uint8_t known_sizes[HTTP_HEADER_ID_COUNT] = {
#define X(name, text, times) sizeof(text) - 1,
    HTTP_HEADERS(X)
#undef X
};

static const uint8_t known_times[HTTP_HEADER_ID_COUNT] = {
#define X(name, text, times) times,
    HTTP_HEADERS(X)
#undef X
};

static const struct {
    const char *name;
    enum http_method method;
} methods[] = {
    {"GET", HTTP_METHOD_GET},         {"POST", HTTP_METHOD_POST},   {"HEAD", HTTP_METHOD_HEAD},
    {"PUT", HTTP_METHOD_PUT},         {"PATCH", HTTP_METHOD_PATCH}, {"DELETE", HTTP_METHOD_DELETE},
    {"OPTIONS", HTTP_METHOD_OPTIONS},
};

static bool equals_lower(struct bytes text, const char *lower, size_t lower_size)
{
    if (text.size != lower_size) return false;
    for (size_t i = 0; i < lower_size; i++) {
        if (http_lower(text.data[i]) != (uint8_t)lower[i]) return false;
    }
    return true;
}

static struct bytes run_between(const uint8_t *begin, const uint8_t *end)
{
    return (struct bytes){.data = begin, .size = (size_t)(end - begin)};
}

static struct bytes trim(struct bytes text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = bytes_of(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

static bool at_byte(const struct cursor *cursor, uint8_t byte)
{
    return cursor->at < cursor->end && *cursor->at == byte;
}

static bool skip_line_end(struct cursor *cursor)
{
    if (cursor->end - cursor->at < 2 || cursor->at[0] != '\r' || cursor->at[1] != '\n') {
        return false;
    }
    cursor->at += 2;
    return true;
}

/// One empty line before a request is ignored, as RFC 9112 2.2 asks; a second one is a refusal.
static size_t leading_line_bytes(struct bytes data)
{
    return data.size >= 2 && data.data[0] == '\r' && data.data[1] == '\n' ? 2 : 0;
}

enum http_refusal http_scan_head(struct bytes data, size_t *scanned, size_t *ret_head_bytes)
{
    *ret_head_bytes = 0;
    const size_t start = leading_line_bytes(data);
    const size_t limit = HTTP_HEAD_BYTES_MAX + start;
    if (*scanned < start) *scanned = start;
    if (data.size > start && !http_is(data.data[start], HTTP_CLASS_TOKEN) &&
        !(start == 0 && data.data[0] == '\r')) {
        return HTTP_REFUSED_METHOD_INVALID;
    }
    // *scanned is the start of the line that has no end yet, so a head is over where a line is
    // empty; only the last, unfinished line is ever read again.
    size_t searched = *scanned;
    while (searched < data.size) {
        const uint8_t *line_feed = memchr(data.data + searched, '\n', data.size - searched);
        if (line_feed == NULL) break;
        const size_t line_feed_at = (size_t)(line_feed - data.data);
        if (line_feed_at == *scanned || data.data[line_feed_at - 1] != '\r') {
            return HTTP_REFUSED_BARE_LF;
        }
        const bool empty_line = line_feed_at == *scanned + 1 && *scanned > start;
        if (line_feed_at + 1 > limit) return HTTP_REFUSED_HEAD_TOO_LARGE;
        searched = line_feed_at + 1;
        if (empty_line) {
            *ret_head_bytes = searched;
            return HTTP_ACCEPTED;
        }
        *scanned = searched;
    }
    // Method, two spaces and version are 27 bytes at most: a longer first line is a long target.
    const bool first_line = *scanned == start;
    if (first_line && data.size > start + HTTP_TARGET_BYTES_MAX + HTTP_METHOD_BYTES_MAX + 11) {
        return HTTP_REFUSED_TARGET_TOO_LONG;
    }
    return data.size >= limit ? HTTP_REFUSED_HEAD_TOO_LARGE : HTTP_ACCEPTED;
}

static enum http_refusal parse_method(struct cursor *cursor, struct http_head *head)
{
    const uint8_t *begin = cursor->at;
    while (cursor->at < cursor->end && http_is(*cursor->at, HTTP_CLASS_TOKEN)) {
        cursor->at++;
    }
    head->method_name = run_between(begin, cursor->at);
    if (head->method_name.size == 0 || head->method_name.size > HTTP_METHOD_BYTES_MAX) {
        head->method_name = (struct bytes){0};
        return HTTP_REFUSED_METHOD_INVALID;
    }
    if (cursor->at == cursor->end) return HTTP_REFUSED_HEAD_INCOMPLETE;
    if (!at_byte(cursor, ' ')) {
        const bool line_over = at_byte(cursor, '\r') || at_byte(cursor, '\t');
        return line_over ? HTTP_REFUSED_REQUEST_LINE_INVALID : HTTP_REFUSED_METHOD_INVALID;
    }
    cursor->at++;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (bytes_equal(head->method_name, bytes_of_text(methods[i].name))) { // Case matters.
            head->method = methods[i].method;
            break;
        }
    }
    return HTTP_ACCEPTED;
}

/// Every '%' must begin an escape of two hexadecimal digits; what it means is the router's matter.
static bool escapes_are_whole(struct bytes target)
{
    const uint8_t *end = target.data + target.size;
    const uint8_t *at = target.data;
    while ((at = memchr(at, '%', (size_t)(end - at))) != NULL) {
        if (end - at < 3 || !http_is(at[1], HTTP_CLASS_HEX) || !http_is(at[2], HTTP_CLASS_HEX)) {
            return false;
        }
        at += 3;
    }
    return true;
}

static enum http_refusal parse_target(struct cursor *cursor, struct http_head *head)
{
    const uint8_t *begin = cursor->at;
    const uint8_t *query = NULL;
    while (cursor->at < cursor->end && http_is(*cursor->at, HTTP_CLASS_TARGET)) {
        if (*cursor->at == '?' && query == NULL) query = cursor->at + 1;
        cursor->at++;
    }
    struct bytes target = run_between(begin, cursor->at);
    if (target.size > HTTP_TARGET_BYTES_MAX) return HTTP_REFUSED_TARGET_TOO_LONG;
    if (cursor->at == cursor->end) return HTTP_REFUSED_HEAD_INCOMPLETE;
    if (target.size == 0 || at_byte(cursor, '\r')) { // Two spaces, or no version (HTTP/0.9).
        const bool line_over = at_byte(cursor, ' ') || at_byte(cursor, '\r');
        return line_over ? HTTP_REFUSED_REQUEST_LINE_INVALID : HTTP_REFUSED_TARGET_INVALID;
    }
    if (!at_byte(cursor, ' ') || !escapes_are_whole(target)) return HTTP_REFUSED_TARGET_INVALID;
    const bool asterisk = target.size == 1 && begin[0] == '*';
    if (begin[0] != '/' && !(asterisk && head->method == HTTP_METHOD_OPTIONS)) {
        return HTTP_REFUSED_TARGET_FORM;
    }
    head->target = target;
    head->path = query != NULL ? run_between(begin, query - 1) : target;
    if (query != NULL) head->query = run_between(query, cursor->at);
    cursor->at++;
    return HTTP_ACCEPTED;
}

static enum http_refusal parse_version(struct cursor *cursor, struct http_head *head)
{
    static const char prefix[] = "HTTP/1.";
    const size_t prefix_bytes = sizeof prefix - 1;
    const size_t left = (size_t)(cursor->end - cursor->at);
    if (memcmp(cursor->at, prefix, left < prefix_bytes ? left : prefix_bytes) != 0) {
        return HTTP_REFUSED_VERSION_UNSUPPORTED;
    }
    if (left < prefix_bytes + 3) return HTTP_REFUSED_HEAD_INCOMPLETE;
    const uint8_t minor = cursor->at[prefix_bytes];
    if (minor != '0' && minor != '1') return HTTP_REFUSED_VERSION_UNSUPPORTED;
    head->minor_version = (uint8_t)(minor - '0');
    cursor->at += prefix_bytes + 1;
    if (!at_byte(cursor, '\r') && !at_byte(cursor, '\n')) return HTTP_REFUSED_REQUEST_LINE_INVALID;
    return skip_line_end(cursor) ? HTTP_ACCEPTED : HTTP_REFUSED_BARE_LF;
}

static uint8_t identify(struct bytes name)
{
    for (size_t id = 0; id < HTTP_HEADER_ID_COUNT; id++) {
        const uint8_t *candidate =
            memchr(known_sizes + id, (int)name.size, HTTP_HEADER_ID_COUNT - id);
        if (candidate == NULL) break;
        id = (size_t)(candidate - known_sizes);
        if (equals_lower(name, known_names[id], known_sizes[id])) return (uint8_t)id;
    }
    return HTTP_HEADER_UNKNOWN;
}

static enum http_refusal parse_header_name(struct cursor *cursor, struct bytes *ret)
{
    const uint8_t *begin = cursor->at;
    while (cursor->at < cursor->end && http_is(*cursor->at, HTTP_CLASS_TOKEN)) {
        cursor->at++;
    }
    if (cursor->at == cursor->end) return HTTP_REFUSED_HEAD_INCOMPLETE;
    const bool space = at_byte(cursor, ' ') || at_byte(cursor, '\t');
    if (cursor->at == begin) {
        if (space) return HTTP_REFUSED_OBS_FOLD;
        return at_byte(cursor, ':') ? HTTP_REFUSED_HEADER_NAME_EMPTY
                                    : HTTP_REFUSED_HEADER_NAME_INVALID;
    }
    if (space) return HTTP_REFUSED_SPACE_BEFORE_COLON;
    if (at_byte(cursor, '\r')) return HTTP_REFUSED_HEADER_COLON_MISSING;
    if (!at_byte(cursor, ':')) return HTTP_REFUSED_HEADER_NAME_INVALID;
    *ret = run_between(begin, cursor->at);
    cursor->at++;
    return HTTP_ACCEPTED;
}

static enum http_refusal parse_header_value(struct cursor *cursor, struct bytes *ret)
{
    const uint8_t *begin = cursor->at;
    while (cursor->at < cursor->end && http_is(*cursor->at, HTTP_CLASS_VALUE)) {
        cursor->at++;
    }
    *ret = trim(run_between(begin, cursor->at));
    if (cursor->at == cursor->end) return HTTP_REFUSED_HEAD_INCOMPLETE;
    if (at_byte(cursor, '\n')) return HTTP_REFUSED_BARE_LF;
    return skip_line_end(cursor) ? HTTP_ACCEPTED : HTTP_REFUSED_HEADER_VALUE_INVALID;
}

static enum http_refusal parse_header(struct cursor *cursor, struct http_head *head)
{
    struct http_header header = {.id = HTTP_HEADER_UNKNOWN};
    enum http_refusal refusal = parse_header_name(cursor, &header.name);
    if (refusal == HTTP_ACCEPTED) refusal = parse_header_value(cursor, &header.value);
    if (refusal != HTTP_ACCEPTED) return refusal;
    if (head->header_count == HTTP_HEADERS_MAX) return HTTP_REFUSED_TOO_MANY_HEADERS;

    header.id = identify(header.name);
    if (header.id != HTTP_HEADER_UNKNOWN) {
        if (head->first[header.id] == 0) {
            head->first[header.id] = (uint8_t)(head->header_count + 1);
        } else if (known_times[header.id] == ONCE) {
            switch (header.id) {
            case HTTP_HEADER_HOST:
                return HTTP_REFUSED_HOST_REPEATED;
            case HTTP_HEADER_CONTENT_LENGTH:
                return HTTP_REFUSED_CONTENT_LENGTH_CONFLICT;
            case HTTP_HEADER_TRANSFER_ENCODING:
                return HTTP_REFUSED_TRANSFER_ENCODING_INVALID;
            default:
                return HTTP_REFUSED_HEADER_REPEATED;
            }
        }
    }
    head->headers[head->header_count++] = header;
    return HTTP_ACCEPTED;
}

/// "[...]" with hexadecimal digits, colons and dots: enough to be sure that nothing hides in it.
static bool skip_ip_literal(struct cursor *cursor)
{
    const uint8_t *begin = ++cursor->at;
    while (cursor->at < cursor->end &&
           (http_is(*cursor->at, HTTP_CLASS_HEX) || *cursor->at == ':' || *cursor->at == '.')) {
        cursor->at++;
    }
    const bool valid = cursor->at - begin >= 2 && at_byte(cursor, ']');
    cursor->at++;
    return valid;
}

static bool host_is_valid(struct bytes host)
{
    struct cursor cursor = {.at = host.data, .end = host.data + host.size};
    if (at_byte(&cursor, '[')) {
        if (!skip_ip_literal(&cursor)) return false;
    } else {
        while (cursor.at < cursor.end && http_is(*cursor.at, HTTP_CLASS_HOST)) {
            cursor.at++;
        }
        if (cursor.at == host.data) return false;
    }
    if (cursor.at == cursor.end) return true;
    if (*cursor.at != ':' || cursor.end - cursor.at > 6) return false;
    uint32_t port = 0;
    for (const uint8_t *at = cursor.at + 1; at < cursor.end; at++) {
        if (*at < '0' || *at > '9') return false;
        port = port * 10 + (uint32_t)(*at - '0');
    }
    return port <= 65535;
}

static enum http_refusal check_host(const struct http_head *head)
{
    if (head->first[HTTP_HEADER_HOST] == 0) {
        return head->minor_version == 0 ? HTTP_ACCEPTED : HTTP_REFUSED_HOST_MISSING;
    }
    const bool valid = host_is_valid(http_head_value(head, HTTP_HEADER_HOST));
    return valid ? HTTP_ACCEPTED : HTTP_REFUSED_HOST_INVALID;
}

static bool is_token(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!http_is(text.data[i], HTTP_CLASS_TOKEN)) return false;
    }
    return text.size > 0;
}

/// Reads one Connection header; options other than these two concern nobody here.
static bool read_connection(struct bytes value, bool *close, bool *keep_alive)
{
    const uint8_t *at = value.data;
    const uint8_t *end = value.data + value.size;
    while (at <= end) {
        const uint8_t *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        const struct bytes option = trim(run_between(at, comma != NULL ? comma : end));
        if (option.size > 0 && !is_token(option)) return false; // Empty members are allowed.
        if (equals_lower(option, "close", 5)) *close = true;
        if (equals_lower(option, "keep-alive", 10)) *keep_alive = true;
        if (comma == NULL) break;
        at = comma + 1;
    }
    return true;
}

static enum http_refusal check_connection(struct http_head *head)
{
    bool close = false;
    bool keep_alive = head->minor_version == 1;
    if (head->first[HTTP_HEADER_CONNECTION] != 0) {
        for (size_t i = head->first[HTTP_HEADER_CONNECTION] - 1u; i < head->header_count; i++) {
            if (head->headers[i].id == HTTP_HEADER_CONNECTION &&
                !read_connection(head->headers[i].value, &close, &keep_alive)) {
                return HTTP_REFUSED_CONNECTION_INVALID;
            }
        }
    }
    head->keep_alive = keep_alive && !close;
    return HTTP_ACCEPTED;
}

static enum http_refusal check_expect(struct http_head *head)
{
    if (head->first[HTTP_HEADER_EXPECT] == 0) return HTTP_ACCEPTED;
    if (!equals_lower(http_head_value(head, HTTP_HEADER_EXPECT), "100-continue", 12)) {
        return HTTP_REFUSED_EXPECTATION_UNKNOWN;
    }
    head->expects_continue = head->minor_version == 1; // RFC 9110 10.1.1: 1.0 is ignored.
    return HTTP_ACCEPTED;
}

static bool read_content_length(struct bytes text, uint64_t *ret)
{
    enum { DIGITS_MAX = 18 }; // No number of 18 digits overflows 63 bits.

    if (text.size == 0 || text.size > DIGITS_MAX) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret = value;
    return true;
}

static enum http_refusal check_framing(struct http_head *head)
{
    const bool length = head->first[HTTP_HEADER_CONTENT_LENGTH] != 0;
    const bool encoding = head->first[HTTP_HEADER_TRANSFER_ENCODING] != 0;
    if (length && encoding) return HTTP_REFUSED_LENGTH_AND_ENCODING;
    if (length) {
        head->has_content_length = true;
        const struct bytes value = http_head_value(head, HTTP_HEADER_CONTENT_LENGTH);
        return read_content_length(value, &head->content_length)
                   ? HTTP_ACCEPTED
                   : HTTP_REFUSED_CONTENT_LENGTH_INVALID;
    }
    if (encoding) {
        if (head->minor_version == 0) return HTTP_REFUSED_TRANSFER_ENCODING_IN_1_0;
        head->chunked =
            equals_lower(http_head_value(head, HTTP_HEADER_TRANSFER_ENCODING), "chunked", 7);
        return head->chunked ? HTTP_ACCEPTED : HTTP_REFUSED_TRANSFER_ENCODING_INVALID;
    }
    return HTTP_ACCEPTED;
}

enum http_refusal http_parse_head(struct bytes data, struct http_head *ret)
{
    // headers[] beyond header_count is never read, so the 4 KiB of it are not cleared.
    memset(ret, 0, offsetof(struct http_head, headers));
    const size_t start = leading_line_bytes(data);
    if (data.size > HTTP_HEAD_BYTES_MAX + start) return HTTP_REFUSED_HEAD_TOO_LARGE;
    struct cursor cursor = {.at = data.data + start, .end = data.data + data.size};

    enum http_refusal refusal = parse_method(&cursor, ret);
    if (refusal == HTTP_ACCEPTED) refusal = parse_target(&cursor, ret);
    if (refusal == HTTP_ACCEPTED) refusal = parse_version(&cursor, ret);
    while (refusal == HTTP_ACCEPTED && !skip_line_end(&cursor)) {
        refusal = parse_header(&cursor, ret);
    }
    // Framing comes before the rest: where the message ends matters more than whom it is for.
    if (refusal == HTTP_ACCEPTED) refusal = check_framing(ret);
    if (refusal == HTTP_ACCEPTED) refusal = check_host(ret);
    if (refusal == HTTP_ACCEPTED) refusal = check_connection(ret);
    if (refusal == HTTP_ACCEPTED) refusal = check_expect(ret);
    if (refusal == HTTP_ACCEPTED) ret->head_bytes = (size_t)(cursor.at - data.data);
    return refusal;
}

struct bytes http_head_value(const struct http_head *head, enum http_header_id id)
{
    if (id >= HTTP_HEADER_ID_COUNT || head->first[id] == 0) return (struct bytes){0};
    return head->headers[head->first[id] - 1].value;
}

struct bytes http_head_find(const struct http_head *head, const char *name)
{
    const size_t name_size = strlen(name);
    for (size_t i = 0; i < head->header_count; i++) {
        if (equals_lower(head->headers[i].name, name, name_size)) return head->headers[i].value;
    }
    return (struct bytes){0};
}
