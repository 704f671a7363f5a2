// The chunk decoder as a specification: each row is a body as sent, and what it means. Every body
// is decoded whole and cut at each byte; the result must not depend on the cut.
#include "gateway/http/chunks.h"
#include "tests/unit/gateway_http/harness.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static bool refused_with[HTTP_REFUSAL_COUNT];

struct decoded {
    uint8_t data[8192];
    size_t size;
    size_t consumed;
    bool done;
    enum http_refusal refusal;
};

static void feed(struct http_chunks *chunks, struct bytes input, struct decoded *decoded)
{
    size_t at = 0;
    while (decoded->refusal == HTTP_ACCEPTED && at < input.size && !chunks->done) {
        struct http_chunks_step step;
        decoded->refusal =
            http_chunks_decode(chunks, bytes_of(input.data + at, input.size - at), &step);
        if (decoded->refusal != HTTP_ACCEPTED) break;
        assert_true(step.consumed > 0);
        assert_true(decoded->size + step.data.size <= sizeof decoded->data);
        if (step.data.size > 0)
            memcpy(decoded->data + decoded->size, step.data.data, step.data.size);
        decoded->size += step.data.size;
        at += step.consumed;
    }
    decoded->consumed += at;
    decoded->done = chunks->done;
}

static void decode(struct bytes body, size_t cut, struct decoded *ret)
{
    *ret = (struct decoded){0};
    struct http_chunks chunks = {0};
    feed(&chunks, bytes_of(body.data, cut), ret);
    if (!ret->done && ret->refusal == HTTP_ACCEPTED) {
        feed(&chunks, bytes_of(body.data + cut, body.size - cut), ret);
    }
    refused_with[ret->refusal] = true;
}

// clang-format off
static const struct {
    const char *rule;
    struct bytes body;
    const char *data;
    bool done;
    enum http_refusal refusal;
} rows[] = {
    {"no data",                     TEXT("0\r\n\r\n"),                        "",     true,  HTTP_ACCEPTED},
    {"one chunk",                   TEXT("3\r\nabc\r\n0\r\n\r\n"),            "abc",  true,  HTTP_ACCEPTED},
    {"two chunks",                  TEXT("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),   "abc",  true,  HTTP_ACCEPTED},
    {"hexadecimal in either case",  TEXT("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"), "01234567890123456789", true, HTTP_ACCEPTED},
    {"leading zeros",               TEXT("0003\r\nabc\r\n000\r\n\r\n"),       "abc",  true,  HTTP_ACCEPTED},
    {"line ends in data are data",  TEXT("4\r\n\r\n\r\n\r\n0\r\n\r\n"),       "\r\n\r\n", true, HTTP_ACCEPTED},
    {"extensions are dropped",      TEXT("3;a=b;c=\"d\"\r\nabc\r\n0;e\r\n\r\n"), "abc", true, HTTP_ACCEPTED},
    {"trailers are dropped",        TEXT("1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n"), "a",   true,  HTTP_ACCEPTED},
    {"what follows is untouched",   TEXT("0\r\n\r\nGET / HTTP/1.1"),          "",     true,  HTTP_ACCEPTED},
    {"not over yet",                TEXT("3\r\nab"),                          "ab",   false, HTTP_ACCEPTED},
    {"the last line is missing",    TEXT("0\r\n"),                            "",     false, HTTP_ACCEPTED},
    {"no size",                     TEXT("\r\n"),                             "",     false, HTTP_REFUSED_CHUNK_SIZE_INVALID},
    {"a size is a number",          TEXT("g\r\n"),                            "",     false, HTTP_REFUSED_CHUNK_SIZE_INVALID},
    {"a size has no sign",          TEXT("+3\r\nabc\r\n"),                    "",     false, HTTP_REFUSED_CHUNK_SIZE_INVALID},
    {"a size has no 0x",            TEXT("0x3\r\nabc\r\n"),                   "",     false, HTTP_REFUSED_CHUNK_SIZE_INVALID},
    {"no space before a size",      TEXT(" 3\r\nabc\r\n"),                    "",     false, HTTP_REFUSED_CHUNK_SIZE_INVALID},
    {"no space behind a size",      TEXT("3 \r\nabc\r\n"),                    "",     false, HTTP_REFUSED_CHUNK_SIZE_INVALID},
    {"a CR has its LF",             TEXT("3\rabc\r\n"),                       "",     false, HTTP_REFUSED_CHUNK_SIZE_INVALID},
    {"15 digits at most",           TEXT("0000000000000003\r\n"),             "",     false, HTTP_REFUSED_CHUNK_SIZE_OVERFLOW},
    {"no size beyond 64 bits",      TEXT("10000000000000003\r\nabc\r\n"),     "",     false, HTTP_REFUSED_CHUNK_SIZE_OVERFLOW},
    {"a size line ends in CR LF",   TEXT("3\nabc\r\n"),                       "",     false, HTTP_REFUSED_BARE_LF},
    {"an extension ends in CR LF",  TEXT("3;a\nabc\r\n"),                     "",     false, HTTP_REFUSED_BARE_LF},
    {"no control in an extension",  TEXT("3;a\0\r\nabc\r\n"),                 "",     false, HTTP_REFUSED_CHUNK_EXTENSION_INVALID},
    {"data ends where it said",     TEXT("3\r\nabcd\r\n"),                    "abc",  false, HTTP_REFUSED_CHUNK_END_INVALID},
    {"data does not end earlier",   TEXT("3\r\nab\r\n0\r\n\r\n"),             "ab\r", false, HTTP_REFUSED_BARE_LF},
    {"data is followed by CR LF",   TEXT("3\r\nabc\rx"),                      "abc",  false, HTTP_REFUSED_CHUNK_END_INVALID},
    {"data is not followed by LF",  TEXT("3\r\nabc\n0\r\n\r\n"),              "abc",  false, HTTP_REFUSED_BARE_LF},
    {"a trailer has a name",        TEXT("0\r\n: b\r\n\r\n"),                 "",     false, HTTP_REFUSED_TRAILER_INVALID},
    {"a trailer has a colon",       TEXT("0\r\nab\r\n\r\n"),                  "",     false, HTTP_REFUSED_TRAILER_INVALID},
    {"a trailer is not folded",     TEXT("0\r\na: b\r\n c\r\n\r\n"),          "",     false, HTTP_REFUSED_TRAILER_INVALID},
    {"a trailer has no control",    TEXT("0\r\na: \x01\r\n\r\n"),             "",     false, HTTP_REFUSED_TRAILER_INVALID},
    {"a trailer has no bare CR",    TEXT("0\r\na: b\rc\r\n\r\n"),             "",     false, HTTP_REFUSED_TRAILER_INVALID},
    {"a trailer ends in CR LF",     TEXT("0\r\na: b\n\r\n"),                  "",     false, HTTP_REFUSED_BARE_LF},
    {"the last CR has its LF",      TEXT("0\r\n\rX"),                         "",     false, HTTP_REFUSED_TRAILER_INVALID},
};

// clang-format on

static void test_bodies_mean_the_same_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t cut = 0; cut <= rows[i].body.size; cut++) {
            struct decoded decoded;
            decode(rows[i].body, cut, &decoded);
            if (decoded.refusal != rows[i].refusal) {
                fail_msg("%s, cut at %zu: refusal %d", rows[i].rule, cut, (int)decoded.refusal);
            }
            assert_int_equal(decoded.done, rows[i].done);
            assert_int_equal(decoded.size, strlen(rows[i].data));
            assert_memory_equal(decoded.data, rows[i].data, decoded.size);
        }
    }
}

static void test_bytes_behind_the_body_are_left_alone(void **state)
{
    (void)state;
    const struct bytes body = TEXT("1\r\na\r\n0\r\n\r\nGET");
    struct decoded decoded;
    decode(body, body.size, &decoded);
    assert_true(decoded.done);
    assert_int_equal(decoded.consumed, body.size - 3);
}

/// `unit` again and again until the decoder refuses; returns how many bytes it took.
static size_t feed_until_refused(const char *before, const char *unit, enum http_refusal *ret)
{
    struct http_chunks chunks = {0};
    struct decoded decoded = {0};
    feed(&chunks, bytes_of_text(before), &decoded);
    assert_int_equal(decoded.refusal, HTTP_ACCEPTED);
    for (int i = 0; i < 100000 && decoded.refusal == HTTP_ACCEPTED; i++) {
        decoded.size = 0;
        feed(&chunks, bytes_of_text(unit), &decoded);
    }
    refused_with[decoded.refusal] = true;
    *ret = decoded.refusal;
    return decoded.consumed;
}

static void test_what_is_dropped_is_bounded(void **state)
{
    (void)state;
    enum http_refusal refusal;
    size_t bytes = feed_until_refused("1;", "x", &refusal);
    assert_int_equal(refusal, HTTP_REFUSED_CHUNK_EXTENSIONS_TOO_LARGE);
    assert_int_equal(bytes, 2 + HTTP_CHUNK_EXTENSION_BYTES_MAX);

    // Spread over many chunks it is no cheaper: 8 bytes of each chunk are extension.
    bytes = feed_until_refused("", "1;xxxxxxxx\r\na\r\n", &refusal);
    assert_int_equal(refusal, HTTP_REFUSED_CHUNK_EXTENSIONS_TOO_LARGE);
    assert_true(bytes < (HTTP_CHUNK_EXTENSION_BYTES_MAX / 8 + 1) * 15);

    bytes = feed_until_refused("0\r\n", "A: b\r\n", &refusal);
    assert_int_equal(refusal, HTTP_REFUSED_TRAILERS_TOO_LARGE);
    assert_true(bytes <= 3 + HTTP_TRAILER_BYTES_MAX);
}

/// Runs last.
static void test_every_reason_of_chunks_was_seen(void **state)
{
    (void)state;
    for (enum http_refusal refusal = HTTP_REFUSED_CHUNK_SIZE_INVALID;
         refusal <= HTTP_REFUSED_TRAILERS_TOO_LARGE; refusal++) {
        if (!refused_with[refusal]) fail_msg("never seen: %s", http_refusal_info(refusal)->reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_mean_the_same_however_they_are_cut),
        cmocka_unit_test(test_bytes_behind_the_body_are_left_alone),
        cmocka_unit_test(test_what_is_dropped_is_bounded),
        cmocka_unit_test(test_every_reason_of_chunks_was_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
