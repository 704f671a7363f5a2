// The engine's own small parts: the table of addresses and the bytes of a response head.
#include "gateway/http/internal.h"
#include "tests/unit/gateway_http/harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static struct address_key read_text(const char *text, char ret[static HTTP_ADDRESS_TEXT_BYTES])
{
    struct sockaddr_storage from = {.ss_family = AF_INET6};
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&from;
    if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {
        from.ss_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&from)->sin6_addr), 1);
    }
    return address_read(&from, ret);
}

static void test_an_address_is_one_ipv4_or_one_ipv6_network(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *a, *b;
        bool same;
        const char *shown_b;
    } rows[] = {
        {"10.0.0.1",           "10.0.0.1",           true,  "10.0.0.1"},
        {"10.0.0.1",           "10.0.0.2",           false, "10.0.0.2"},
        {"10.0.0.1",           "::ffff:10.0.0.1",    true,  "10.0.0.1"},
        {"2001:db8:0:1::1",    "2001:db8:0:1:f::2",  true,  "2001:db8:0:1:f::2"},
        {"2001:db8:0:1::1",    "2001:db8:0:2::1",    false, "2001:db8:0:2::1"},
        {"0.0.0.0",            "::1",                false, "::1"},
    };

    // clang-format on
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char a[HTTP_ADDRESS_TEXT_BYTES], b[HTTP_ADDRESS_TEXT_BYTES];
        const struct address_key left = read_text(rows[i].a, a);
        const struct address_key right = read_text(rows[i].b, b);
        assert_int_equal(left.prefix == right.prefix && left.ipv6 == right.ipv6, rows[i].same);
        assert_string_equal(b, rows[i].shown_b);
    }
}

/// Beside a plain array of counts, through tens of thousands of arrivals and departures.
static void test_the_table_counts_like_an_array(void **state)
{
    (void)state;

    enum { KEYS = 300, CONNECTIONS_MAX = 200, PER_ADDRESS = 3, STEPS = 50000 };
    struct addresses *addresses = addresses_open(CONNECTIONS_MAX);
    uint32_t counts[KEYS] = {0};
    uint32_t total = 0;
    uint64_t random = 1;
    for (int i = 0; i < STEPS; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const size_t key = (size_t)(random >> 33) % KEYS;
        const struct address_key address = {.prefix = key / 2, .ipv6 = key % 2 != 0};
        const bool arrives = (random >> 32) % 2 == 0;
        if (arrives && total < CONNECTIONS_MAX) {
            const bool entered = addresses_enter(addresses, address, PER_ADDRESS);
            assert_int_equal(entered, counts[key] < PER_ADDRESS);
            counts[key] += entered;
            total += entered;
        } else if (counts[key] > 0) {
            addresses_leave(addresses, address);
            counts[key]--;
            total--;
        }
    }
    addresses_close(addresses);
}

static void test_dates_are_written_as_rfc_9110_has_them(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        uint64_t unix_seconds;
        const char *text;
    } rows[] = {
        {784111777,  "Sun, 06 Nov 1994 08:49:37 GMT"}, // The RFC's own example.
        {0,          "Thu, 01 Jan 1970 00:00:00 GMT"},
        {1709164799, "Wed, 28 Feb 2024 23:59:59 GMT"},
        {1709164800, "Thu, 29 Feb 2024 00:00:00 GMT"},
    };

    // clang-format on
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[DATE_TEXT_BYTES];
        response_format_date(rows[i].unix_seconds, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_a_head_says_how_the_message_ends(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        uint16_t status;
        struct response_framing framing;
        const char *head;
    } rows[] = {
        {200, {.minor_version = 1, .keep_alive = true, .content_length = 0},
         "HTTP/1.1 200 OK\r\nDate: D\r\nA: b\r\nContent-Length: 0\r\n\r\n"},
        {422, {.minor_version = 1, .keep_alive = false, .content_length = 1234567890123},
         "HTTP/1.1 422 Unprocessable Content\r\nDate: D\r\nA: b\r\nContent-Length: 1234567890123\r\nConnection: close\r\n\r\n"},
        {200, {.minor_version = 1, .keep_alive = true, .chunked = true, .content_length = -1},
         "HTTP/1.1 200 OK\r\nDate: D\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {204, {.minor_version = 0, .keep_alive = true, .content_length = -1},
         "HTTP/1.1 204 No Content\r\nDate: D\r\nA: b\r\nConnection: keep-alive\r\n\r\n"},
        {299, {.minor_version = 1, .keep_alive = true, .content_length = 7},
         "HTTP/1.1 299 \r\nDate: D\r\nA: b\r\nContent-Length: 7\r\n\r\n"},
    };
    // clang-format on
    const struct http_field fields[] = {{"A", "b"}, {"Absent", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct output out = {0};
        const struct http_response response = {
            .status = rows[i].status, .fields = fields, .field_count = 2};
        response_write_head(&out, &response, rows[i].framing, "D");
        assert_int_equal(out.end, strlen(rows[i].head));
        assert_memory_equal(out.data, rows[i].head, out.end);
        free(out.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_is_one_ipv4_or_one_ipv6_network),
        cmocka_unit_test(test_the_table_counts_like_an_array),
        cmocka_unit_test(test_dates_are_written_as_rfc_9110_has_them),
        cmocka_unit_test(test_a_head_says_how_the_message_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
