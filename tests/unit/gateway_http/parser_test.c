// The head parser as a specification: what is accepted and how it is read, and for every way in
// which a head can be wrong, the one reason it is refused for.
#include "gateway/http/parser.h"
#include "tests/unit/gateway_http/harness.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n"
#define REST "Host: a\r\n\r\n"

#define REFUSES(rule, head, reason)                                                                \
    {                                                                                              \
        (rule), TEXT(head), HTTP_REFUSED_##reason                                                  \
    }
#define ACCEPTS(rule, head, method, path, query, minor, alive, chunked, expects, length)           \
    {                                                                                              \
        (rule), TEXT(head), HTTP_METHOD_##method, (path), (query), (minor), (alive), (chunked),    \
            (expects), (length)                                                                    \
    }

static bool refused_with[HTTP_REFUSAL_COUNT];

/// Parses from an exact-size heap copy, so that ASan sees any read beyond the head.
static enum http_refusal parse(struct bytes data, struct http_head *head, uint8_t **ret_copy)
{
    uint8_t *copy = malloc(data.size > 0 ? data.size : 1);
    assert_non_null(copy);
    if (data.size > 0) memcpy(copy, data.data, data.size);
    const enum http_refusal refusal = http_parse_head(bytes_of(copy, data.size), head);
    refused_with[refusal] = true;
    *ret_copy = copy;
    return refusal;
}

static void assert_reason(const char *name, enum http_refusal actual, enum http_refusal expected)
{
    if (actual == expected) return;
    fail_msg("%s: %s instead of %s", name,
             actual == HTTP_ACCEPTED ? "accepted" : http_refusal_info(actual)->reason,
             expected == HTTP_ACCEPTED ? "accepted" : http_refusal_info(expected)->reason);
}

// clang-format off
static const struct {
    const char *rule;
    struct bytes head;
    enum http_refusal refusal;
} refusals[] = {
    // The request line.
    REFUSES("a method is a token",            "G@T / HTTP/1.1\r\n" REST,                                 METHOD_INVALID),
    REFUSES("a method has a character",       " / HTTP/1.1\r\n" REST,                                    METHOD_INVALID),
    REFUSES("a method has at most 16",        "ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\n" REST,                   METHOD_INVALID),
    REFUSES("only one empty line before",     "\r\n\r\nGET / HTTP/1.1\r\n" REST,                         METHOD_INVALID),
    REFUSES("a TLS hello is no method",       "\x16\x03\x01\r\n\r\n",                                    METHOD_INVALID),
    REFUSES("one space before the target",    "GET  / HTTP/1.1\r\n" REST,                                REQUEST_LINE_INVALID),
    REFUSES("a space, not a tab",             "GET\t/ HTTP/1.1\r\n" REST,                                REQUEST_LINE_INVALID),
    REFUSES("a line of one word",             "GET\r\n" REST,                                            REQUEST_LINE_INVALID),
    REFUSES("HTTP/0.9 has no version",        "GET /\r\n" REST,                                          REQUEST_LINE_INVALID),
    REFUSES("nothing behind the version",     "GET / HTTP/1.1 \r\n" REST,                                REQUEST_LINE_INVALID),
    REFUSES("one space before the version",   "GET /  HTTP/1.1\r\n" REST,                                VERSION_UNSUPPORTED),
    REFUSES("HTTP/2.0",                       "PRI * HTTP/2.0\r\n\r\n",                                  TARGET_FORM),
    REFUSES("HTTP/2.0 with a path",           "GET / HTTP/2.0\r\n" REST,                                 VERSION_UNSUPPORTED),
    REFUSES("HTTP/1.2",                       "GET / HTTP/1.2\r\n" REST,                                 VERSION_UNSUPPORTED),
    REFUSES("a version in lower case",        "GET / http/1.1\r\n" REST,                                 VERSION_UNSUPPORTED),
    REFUSES("a short version",                "GET / X\r\n\r\n",                                         VERSION_UNSUPPORTED),
    REFUSES("an absolute target",             "GET http://a/ HTTP/1.1\r\n" REST,                         TARGET_FORM),
    REFUSES("a tunnel",                       "CONNECT a:443 HTTP/1.1\r\n" REST,                         TARGET_FORM),
    REFUSES("* is for OPTIONS",               "GET * HTTP/1.1\r\n" REST,                                 TARGET_FORM),
    REFUSES("a relative target",              "GET v1/me HTTP/1.1\r\n" REST,                             TARGET_FORM),
    REFUSES("a fragment",                     "GET /#a HTTP/1.1\r\n" REST,                               TARGET_INVALID),
    REFUSES("NUL in the target",              "GET /\0 HTTP/1.1\r\n" REST,                               TARGET_INVALID),
    REFUSES("bytes above 127 in the target",  "GET /\xc3\xa9 HTTP/1.1\r\n" REST,                         TARGET_INVALID),
    REFUSES("a backslash in the target",      "GET /a\\b HTTP/1.1\r\n" REST,                             TARGET_INVALID),
    REFUSES("an escape has two digits",       "GET /%4 HTTP/1.1\r\n" REST,                               TARGET_INVALID),
    REFUSES("an escape has hex digits",       "GET /?a=%zz HTTP/1.1\r\n" REST,                           TARGET_INVALID),
    // Lines.
    REFUSES("the request line ends in CR LF", "GET / HTTP/1.1\n" REST,                                   BARE_LF),
    REFUSES("a header ends in CR LF",         GET "Host: a\n\r\n",                                       BARE_LF),
    REFUSES("a head ends",                    GET "Host: a\r\n",                                         HEAD_INCOMPLETE),
    REFUSES("a head has more than a method",  "GET",                                                     HEAD_INCOMPLETE),
    REFUSES("a head is not empty",            "",                                                        METHOD_INVALID),
    // Header fields.
    REFUSES("a folded value",                 GET "A: b\r\n c\r\n" REST,                                 OBS_FOLD),
    REFUSES("a value folded by tab",          GET "A: b\r\n\tc\r\n" REST,                                OBS_FOLD),
    REFUSES("space before the first header",  GET " Host: a\r\n\r\n",                                    OBS_FOLD),
    REFUSES("an empty name",                  GET ": b\r\n" REST,                                        HEADER_NAME_EMPTY),
    REFUSES("a name is a token",              GET "A@: b\r\n" REST,                                      HEADER_NAME_INVALID),
    REFUSES("a name has no NUL",              GET "A\0: b\r\n" REST,                                     HEADER_NAME_INVALID),
    REFUSES("a name does not begin with (",   GET "(: b\r\n" REST,                                       HEADER_NAME_INVALID),
    REFUSES("no space before the colon",      GET "A : b\r\n" REST,                                      SPACE_BEFORE_COLON),
    REFUSES("no tab before the colon",        GET "Content-Length\t: 5\r\n" REST,                        SPACE_BEFORE_COLON),
    REFUSES("a header has a colon",           GET "A\r\n" REST,                                          HEADER_COLON_MISSING),
    REFUSES("a value has no NUL",             GET "A: \0\r\n" REST,                                      HEADER_VALUE_INVALID),
    REFUSES("a value has no control",         GET "A: \x01\r\n" REST,                                    HEADER_VALUE_INVALID),
    REFUSES("a value has no DEL",             GET "A: \x7f\r\n" REST,                                    HEADER_VALUE_INVALID),
    REFUSES("a value has no bare CR",         GET "A: b\rc\r\n" REST,                                    HEADER_VALUE_INVALID),
    REFUSES("two principals",                 GET "Authorization: a\r\nauthorization: b\r\n" REST,       HEADER_REPEATED),
    REFUSES("two idempotency keys",           GET "Idempotency-Key: a\r\nIdempotency-Key: a\r\n" REST,   HEADER_REPEATED),
    // Host.
    REFUSES("HTTP/1.1 needs Host",            GET "\r\n",                                                HOST_MISSING),
    REFUSES("one Host",                       GET "Host: a\r\n" REST,                                    HOST_REPEATED),
    REFUSES("an empty Host",                  GET "Host:\r\n\r\n",                                       HOST_INVALID),
    REFUSES("a Host list",                    GET "Host: a, b\r\n\r\n",                                  HOST_INVALID),
    REFUSES("a Host with user",               GET "Host: a@b\r\n\r\n",                                   HOST_INVALID),
    REFUSES("a Host with path",               GET "Host: a/b\r\n\r\n",                                   HOST_INVALID),
    REFUSES("a port is a number",             GET "Host: a:8o\r\n\r\n",                                  HOST_INVALID),
    REFUSES("a port is below 65536",          GET "Host: a:65536\r\n\r\n",                               HOST_INVALID),
    REFUSES("a port alone",                   GET "Host: :80\r\n\r\n",                                   HOST_INVALID),
    REFUSES("an IPv6 address closes",         GET "Host: [::1\r\n\r\n",                                  HOST_INVALID),
    REFUSES("an IPv6 address, then a port",   GET "Host: [::1]a\r\n\r\n",                                HOST_INVALID),
    REFUSES("HTTP/1.0 Host, if there is one", "GET / HTTP/1.0\r\nHost: a b\r\n\r\n",                     HOST_INVALID),
    // Connection and Expect.
    REFUSES("Connection lists tokens",        GET "Connection: a b\r\n" REST,                            CONNECTION_INVALID),
    REFUSES("an unknown expectation",         GET "Expect: 200-ok\r\n" REST,                             EXPECTATION_UNKNOWN),
    // Framing.
    REFUSES("a length with a plus",           POST "Content-Length: +4\r\n" REST,                        CONTENT_LENGTH_INVALID),
    REFUSES("a length with a minus",          POST "Content-Length: -4\r\n" REST,                        CONTENT_LENGTH_INVALID),
    REFUSES("a length with a comma",          POST "Content-Length: 4, 4\r\n" REST,                      CONTENT_LENGTH_INVALID),
    REFUSES("a length with a space",          POST "Content-Length: 4 4\r\n" REST,                       CONTENT_LENGTH_INVALID),
    REFUSES("a length in hexadecimal",        POST "Content-Length: 0x4\r\n" REST,                       CONTENT_LENGTH_INVALID),
    REFUSES("an empty length",                POST "Content-Length:\r\n" REST,                           CONTENT_LENGTH_INVALID),
    REFUSES("a length beyond 64 bits",        POST "Content-Length: 18446744073709551617\r\n" REST,      CONTENT_LENGTH_INVALID),
    REFUSES("two unequal lengths",            POST "Content-Length: 4\r\nContent-Length: 5\r\n" REST,    CONTENT_LENGTH_CONFLICT),
    REFUSES("two equal lengths",              POST "Content-Length: 4\r\ncontent-length: 4\r\n" REST,    CONTENT_LENGTH_CONFLICT),
    REFUSES("length and encoding",            POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" REST, LENGTH_AND_ENCODING),
    REFUSES("encoding and length",            POST "Transfer-Encoding: x\r\nContent-Length: 4\r\n" REST, LENGTH_AND_ENCODING),
    REFUSES("another encoding",               POST "Transfer-Encoding: gzip\r\n" REST,                   TRANSFER_ENCODING_INVALID),
    REFUSES("two encodings in a list",        POST "Transfer-Encoding: gzip, chunked\r\n" REST,          TRANSFER_ENCODING_INVALID),
    REFUSES("identity",                       POST "Transfer-Encoding: identity\r\n" REST,               TRANSFER_ENCODING_INVALID),
    REFUSES("chunked with a control before",  POST "Transfer-Encoding: \x0b" "chunked\r\n" REST,         HEADER_VALUE_INVALID),
    REFUSES("chunked twice",                  POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" REST,
                                                                                                     TRANSFER_ENCODING_INVALID),
    REFUSES("an encoding in HTTP/1.0",        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" REST,  TRANSFER_ENCODING_IN_1_0),
};

static const struct {
    const char *rule;
    struct bytes head;
    enum http_method method;
    const char *path;
    const char *query; // NULL: none.
    int minor_version;
    bool keep_alive;
    bool chunked;
    bool expects_continue;
    int64_t content_length; // -1: none.
} accepted[] = {
    //      rule                        head                                       method   path   query  1.x alive chunks expects length
    ACCEPTS("the smallest",             GET REST,                                  GET,     "/",  NULL, 1, true,  false, false, -1),
    ACCEPTS("an empty line before",     "\r\nGET / HTTP/1.1\r\n" REST,             GET,     "/",  NULL, 1, true,  false, false, -1),
    ACCEPTS("a query",                  "GET /a?b=%20?/ HTTP/1.1\r\n" REST,     GET,     "/a", "b=%20?/", 1, true,  false, false, -1),
    ACCEPTS("an empty query",           "GET /a? HTTP/1.1\r\n" REST,               GET,     "/a", "",   1, true,  false, false, -1),
    ACCEPTS("a verb in the path",       "POST /v1/a/1:close HTTP/1.1\r\n" REST,
                                                                          POST,    "/v1/a/1:close", NULL, 1, true,  false, false, -1),
    ACCEPTS("the server itself",        "OPTIONS * HTTP/1.1\r\n" REST,             OPTIONS, "*",  NULL, 1, true,  false, false, -1),
    ACCEPTS("methods have case",        "get / HTTP/1.1\r\n" REST,                 OTHER,   "/",  NULL, 1, true,  false, false, -1),
    ACCEPTS("16 are not too many",      "ABCDEFGHIJKLMNOP / HTTP/1.1\r\n" REST,    OTHER,   "/",  NULL, 1, true,  false, false, -1),
    ACCEPTS("HTTP/1.0 closes",          "GET / HTTP/1.0\r\n\r\n",                  GET,     "/",  NULL, 0, false, false, false, -1),
    ACCEPTS("unless asked not to",      "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
                                                                                   GET,     "/",  NULL, 0, true,  false, false, -1),
    ACCEPTS("HTTP/1.1 closes if asked", GET "CONNECTION: TE, Close\r\n" REST,      GET,     "/",  NULL, 1, false, false, false, -1),
    ACCEPTS("close wins",               GET "Connection: close\r\nConnection: keep-alive\r\n" REST,
                                                                                   GET,     "/",  NULL, 1, false, false, false, -1),
    ACCEPTS("empty list members",       GET "Connection: ,, TE,\r\n" REST,         GET,     "/",  NULL, 1, true,  false, false, -1),
    ACCEPTS("a length",                 "PUT / HTTP/1.1\r\ncontent-LENGTH: \t 42 \r\n" REST,
                                                                                   PUT,     "/",  NULL, 1, true,  false, false, 42),
    ACCEPTS("a length of 18 digits",    "PUT / HTTP/1.1\r\nContent-Length: 999999999999999999\r\n" REST,
                                                                          PUT,     "/",  NULL, 1, true,  false, false, 999999999999999999),
    ACCEPTS("chunks",                   "PATCH / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n" REST,
                                                                                   PATCH,   "/",  NULL, 1, true,  true,  false, -1),
    ACCEPTS("an expectation",           POST "Expect: 100-Continue\r\nContent-Length: 1\r\n" REST,
                                                                                   POST,    "/",  NULL, 1, true,  false, true,  1),
    ACCEPTS("HTTP/1.0 expects nothing", "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
                                                                                   POST,    "/",  NULL, 0, false, false, false, 1),
    ACCEPTS("bytes above 127 in values","DELETE / HTTP/1.1\r\nUser-Agent: \xc3\xa9\r\n" REST,
                                                                                   DELETE,  "/",  NULL, 1, true,  false, false, -1),
    ACCEPTS("an IPv6 host with port",   "HEAD / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
                                                                                   HEAD,    "/",  NULL, 1, true,  false, false, -1),
    ACCEPTS("the highest port",         "HEAD / HTTP/1.1\r\nHost: a-b.example:65535\r\n\r\n",
                                                                                   HEAD,    "/",  NULL, 1, true,  false, false, -1),
};

// clang-format on

static void test_every_broken_head_is_refused_for_its_own_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct http_head head;
        uint8_t *copy;
        const enum http_refusal refusal = parse(refusals[i].head, &head, &copy);
        assert_reason(refusals[i].rule, refusal, refusals[i].refusal);
        free(copy);
    }
}

static void assert_text(const char *rule, struct bytes actual, const char *expected)
{
    if (expected == NULL ? actual.data != NULL : !bytes_equal(actual, bytes_of_text(expected))) {
        fail_msg("%s: \"%.*s\" instead of \"%s\"", rule, (int)actual.size,
                 (const char *)actual.data, expected != NULL ? expected : "nothing");
    }
}

static void test_a_sound_head_is_read_as_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        struct http_head head;
        uint8_t *copy;
        const char *rule = accepted[i].rule;
        assert_reason(rule, parse(accepted[i].head, &head, &copy), HTTP_ACCEPTED);
        if (head.method != accepted[i].method || head.minor_version != accepted[i].minor_version ||
            head.keep_alive != accepted[i].keep_alive || head.chunked != accepted[i].chunked ||
            head.expects_continue != accepted[i].expects_continue ||
            head.has_content_length != (accepted[i].content_length >= 0) ||
            (head.has_content_length &&
             head.content_length != (uint64_t)accepted[i].content_length)) {
            fail_msg("%s: read as something else", rule);
        }
        assert_text(rule, head.path, accepted[i].path);
        assert_text(rule, head.query, accepted[i].query);
        assert_int_equal(head.head_bytes, accepted[i].head.size);
        free(copy);
    }
}

static void test_headers_are_found_by_id_and_by_name(void **state)
{
    (void)state;
    const struct bytes text = TEXT("GET / HTTP/1.1\r\nHOST: a\r\nX-Own:  one \r\naccept: b\r\n"
                                   "Accept: c\r\nX-Empty:\r\nAuthorization: Bearer t\r\n\r\n");
    struct http_head head;
    uint8_t *copy;
    assert_int_equal(parse(text, &head, &copy), HTTP_ACCEPTED);
    assert_int_equal(head.header_count, 6);
    assert_text("by id", http_head_value(&head, HTTP_HEADER_HOST), "a");
    assert_text("the first of two", http_head_value(&head, HTTP_HEADER_ACCEPT), "b");
    assert_text("by name", http_head_find(&head, "x-own"), "one");
    assert_text("empty is not absent", http_head_find(&head, "x-empty"), "");
    assert_text("absent", http_head_find(&head, "x-other"), NULL);
    assert_text("absent by id", http_head_value(&head, HTTP_HEADER_COOKIE), NULL);
    assert_text("an id for no header", http_head_value(&head, HTTP_HEADER_UNKNOWN), NULL);
    assert_int_equal(head.headers[5].id, HTTP_HEADER_AUTHORIZATION);
    free(copy);
}

static void test_every_known_header_is_recognised_in_any_case(void **state)
{
    (void)state;
    static const char *const names[] = {
#define X(name, text, times) text,
        HTTP_HEADERS(X)
#undef X
    };
    for (size_t id = 0; id < HTTP_HEADER_ID_COUNT; id++) {
        char upper[64] = {0};
        for (size_t at = 0; names[id][at] != '\0'; at++)
            upper[at] = (char)(names[id][at] >= 'a' && names[id][at] <= 'z' ? names[id][at] - 32
                                                                            : names[id][at]);
        // HTTP/1.0, so that Host may be the header under test; values that all of them allow.
        const char *value = id == HTTP_HEADER_EXPECT           ? "100-continue"
                            : id == HTTP_HEADER_CONTENT_LENGTH ? "0"
                                                               : "x";
        char text[256];
        const int size = snprintf(text, sizeof text, "GET / HTTP/1.0\r\n%s: %s\r\n%sx: y\r\n\r\n",
                                  upper, value, upper);
        struct http_head head;
        uint8_t *copy;
        const enum http_refusal refusal = parse(bytes_of(text, (size_t)size), &head, &copy);
        assert_int_equal(refusal, id == HTTP_HEADER_TRANSFER_ENCODING
                                      ? HTTP_REFUSED_TRANSFER_ENCODING_IN_1_0
                                      : HTTP_ACCEPTED);
        assert_int_equal(head.headers[0].id, id);
        assert_int_equal(head.headers[1].id, HTTP_HEADER_UNKNOWN);
        free(copy);
    }
}

/// A name of 256 characters more than a known one must not be taken for it.
static void test_a_long_name_is_nobody(void **state)
{
    (void)state;
    char text[512];
    int size = snprintf(text, sizeof text, "GET / HTTP/1.0\r\nHost");
    memset(text + size, 'x', 256);
    size += 256;
    size += snprintf(text + size, sizeof text - (size_t)size, ": a\r\n\r\n");
    struct http_head head;
    uint8_t *copy;
    assert_int_equal(parse(bytes_of(text, (size_t)size), &head, &copy), HTTP_ACCEPTED);
    assert_int_equal(head.headers[0].id, HTTP_HEADER_UNKNOWN);
    free(copy);
}

/// "GET /aaa... HTTP/1.1 CRLF Host: a CRLF", header_count headers more, and a filler header that
/// makes the head exactly head_bytes long (0: none).
static struct bytes make_head(uint8_t *text, size_t target_bytes, size_t header_count,
                              size_t head_bytes)
{
    size_t at = 0;
    memcpy(text, "GET /", 5);
    at = 5;
    memset(text + at, 'a', target_bytes - 1);
    at += target_bytes - 1;
    memcpy(text + at, " HTTP/1.1\r\nHost: a\r\n", 20);
    at += 20;
    for (size_t i = 0; i < header_count; i++, at += 6)
        memcpy(text + at, "B: c\r\n", 6);
    if (head_bytes > 0) {
        memcpy(text + at, "F: ", 3);
        memset(text + at + 3, 'f', head_bytes - at - 7);
        memcpy(text + head_bytes - 4, "\r\n", 2);
        at = head_bytes - 2;
    }
    memcpy(text + at, "\r\n", 2);
    return bytes_of(text, at + 2);
}

static void test_sizes_have_exact_limits(void **state)
{
    (void)state;
    static uint8_t text[HTTP_HEAD_BYTES_MAX + 64];

    // clang-format off
    static const struct {
        const char *rule;
        size_t target_bytes, header_count, head_bytes;
        enum http_refusal refusal;
    } rows[] = {
        {"the longest target",   HTTP_TARGET_BYTES_MAX,      0, 0, HTTP_ACCEPTED},
        {"one byte longer",      HTTP_TARGET_BYTES_MAX + 1,  0, 0, HTTP_REFUSED_TARGET_TOO_LONG},
        {"a hundred headers",    1, HTTP_HEADERS_MAX - 1,       0, HTTP_ACCEPTED},
        {"one header more",      1, HTTP_HEADERS_MAX,           0, HTTP_REFUSED_TOO_MANY_HEADERS},
        {"the largest head",     1, 0, HTTP_HEAD_BYTES_MAX,        HTTP_ACCEPTED},
        {"one byte larger",      1, 0, HTTP_HEAD_BYTES_MAX + 1,    HTTP_REFUSED_HEAD_TOO_LARGE},
    };

    // clang-format on
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct bytes data =
            make_head(text, rows[i].target_bytes, rows[i].header_count, rows[i].head_bytes);
        if (rows[i].head_bytes > 0) assert_int_equal(data.size, rows[i].head_bytes);
        struct http_head head;
        uint8_t *copy;
        assert_reason(rows[i].rule, parse(data, &head, &copy), rows[i].refusal);
        free(copy);
        // The scan, which sees the bytes first, has the same limits on the whole head.
        size_t scanned = 0;
        size_t head_bytes = 0;
        const enum http_refusal refusal = http_scan_head(data, &scanned, &head_bytes);
        if (rows[i].refusal == HTTP_REFUSED_HEAD_TOO_LARGE) {
            assert_reason(rows[i].rule, refusal, rows[i].refusal);
        } else {
            assert_reason(rows[i].rule, refusal, HTTP_ACCEPTED);
            assert_int_equal(head_bytes, data.size);
        }
    }
}

static void test_a_head_is_found_however_it_is_cut(void **state)
{
    (void)state;
    const struct bytes data = TEXT("\r\nPOST /a HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\nrest\r\n\r\n");
    const size_t whole = data.size - 8;
    for (size_t cut = 0; cut <= data.size; cut++) {
        size_t scanned = 0;
        size_t head_bytes = 0;
        assert_int_equal(http_scan_head(bytes_of(data.data, cut), &scanned, &head_bytes),
                         HTTP_ACCEPTED);
        assert_int_equal(head_bytes, cut >= whole ? whole : 0);
        if (head_bytes > 0) continue;
        assert_int_equal(http_scan_head(data, &scanned, &head_bytes), HTTP_ACCEPTED);
        assert_int_equal(head_bytes, whole);
    }
}

static void test_what_cannot_become_a_head_is_refused_before_its_end(void **state)
{
    (void)state;
    static uint8_t long_line[HTTP_HEAD_BYTES_MAX];
    memset(long_line, 'a', sizeof long_line);
    static uint8_t many_lines[HTTP_HEAD_BYTES_MAX + 8];
    for (size_t at = 0; at < sizeof many_lines; at += 8)
        memcpy(many_lines + at, "aaaa:a\r\n", 8);

    // clang-format off
    const struct {
        const char *rule;
        struct bytes data;
        enum http_refusal refusal;
    } rows[] = {
        {"a line that ends in LF",       TEXT("GET / HTTP/1.1\n"),   HTTP_REFUSED_BARE_LF},
        {"an LF alone",                  TEXT("\n"),                 HTTP_REFUSED_METHOD_INVALID},
        {"an LF as the empty line",      TEXT("G / H\r\n\n"),        HTTP_REFUSED_BARE_LF},
        {"a first byte of no method",    TEXT("\x16"),               HTTP_REFUSED_METHOD_INVALID},
        {"a second empty line",          TEXT("\r\n\r"),             HTTP_REFUSED_METHOD_INVALID},
        {"a first line without an end",  bytes_of(long_line, HTTP_TARGET_BYTES_MAX + 28), HTTP_REFUSED_TARGET_TOO_LONG},
        {"one that may still end",       bytes_of(long_line, HTTP_TARGET_BYTES_MAX + 27), HTTP_ACCEPTED},
        {"a head without an end",        bytes_of(many_lines, HTTP_HEAD_BYTES_MAX), HTTP_REFUSED_HEAD_TOO_LARGE},
        {"one byte less",                bytes_of(many_lines, HTTP_HEAD_BYTES_MAX - 1), HTTP_ACCEPTED},
    };

    // clang-format on
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t scanned = 0;
        size_t head_bytes = 0;
        const enum http_refusal refusal = http_scan_head(rows[i].data, &scanned, &head_bytes);
        refused_with[refusal] = true;
        assert_reason(rows[i].rule, refusal, rows[i].refusal);
        assert_int_equal(head_bytes, 0);
    }
}

/// Runs last: a reason that no table above reaches is either dead or untested.
static void test_every_reason_of_the_head_was_seen(void **state)
{
    (void)state;
    for (enum http_refusal refusal = HTTP_REFUSED_HEAD_INCOMPLETE;
         refusal <= HTTP_REFUSED_LENGTH_AND_ENCODING; refusal++) {
        if (!refused_with[refusal]) fail_msg("never seen: %s", http_refusal_info(refusal)->reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_broken_head_is_refused_for_its_own_reason),
        cmocka_unit_test(test_a_sound_head_is_read_as_it_says),
        cmocka_unit_test(test_headers_are_found_by_id_and_by_name),
        cmocka_unit_test(test_every_known_header_is_recognised_in_any_case),
        cmocka_unit_test(test_a_long_name_is_nobody),
        cmocka_unit_test(test_sizes_have_exact_limits),
        cmocka_unit_test(test_a_head_is_found_however_it_is_cut),
        cmocka_unit_test(test_what_cannot_become_a_head_is_refused_before_its_end),
        cmocka_unit_test(test_every_reason_of_the_head_was_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
