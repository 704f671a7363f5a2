// What no HTTP client would send: request smuggling, broken framing, slow clients. Each row is the
// bytes of one request and the status line it must get; the connection must be closed afterwards,
// so that nothing behind the bad request is ever taken for a request.
#include "tests/support/world.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 65536, ANSWER_WAIT_MS = 5000 };

static int connect_raw(const struct world *world)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)world->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

// Reads until the server closes: true. False when it does not within the time.
static bool read_to_end(int fd, char ret[static ANSWER_BYTES], int wait_ms)
{
    size_t used = 0;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, wait_ms) != 1) break;
        ssize_t got = read(fd, ret + used, ANSWER_BYTES - 1 - used);
        if (got <= 0) {
            ret[used] = '\0';
            return true; // Closed, or reset because we had more to say.
        }
        used += (size_t)got;
    }
    ret[used] = '\0';
    return false;
}

static void send_all(int fd, const char *bytes, size_t size)
{
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

#define BYTES(text_) text_, sizeof(text_) - 1
#define LOGIN "POST /v1/auth/login HTTP/1.1\r\nHost: a\r\n"
#define GET "GET /livez HTTP/1.1\r\nHost: a\r\n"
#define SMUGGLED "GET /livez HTTP/1.1\r\nHost: smuggled\r\n\r\n"

// clang-format off
static const struct row {
    const char *given;
    const char *bytes;
    size_t size;
    int status;
} rows[] = {
    {"Content-Length and chunked", BYTES(LOGIN "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED), 400},
    {"two unequal Content-Lengths", BYTES(LOGIN "Content-Length: 4\r\nContent-Length: 5\r\n\r\n{}  " SMUGGLED), 400},
    {"two equal Content-Lengths", BYTES(LOGIN "Content-Length: 4\r\nContent-Length: 4\r\n\r\n{}  " SMUGGLED), 400},
    {"Content-Length with a sign", BYTES(LOGIN "Content-Length: +4\r\n\r\n{}  " SMUGGLED), 400},
    {"Content-Length list", BYTES(LOGIN "Content-Length: 4, 4\r\n\r\n{}  " SMUGGLED), 400},
    {"a coding that is not chunked", BYTES(LOGIN "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" SMUGGLED), 400},
    {"a folded header", BYTES(GET "X-A: 1\r\n 2\r\n\r\n" SMUGGLED), 400},
    {"a NUL in a header", BYTES(GET "X-A: 1\0002\r\n\r\n" SMUGGLED), 400},
    {"an empty header name", BYTES(GET ": 1\r\n\r\n" SMUGGLED), 400},
    {"a space before the colon", BYTES(GET "X-A : 1\r\n\r\n" SMUGGLED), 400},
    {"bare line feeds", BYTES("GET /livez HTTP/1.1\nHost: a\n\n" SMUGGLED), 400},
    {"no Host", BYTES("GET /livez HTTP/1.1\r\n\r\n" SMUGGLED), 400},
    {"two Hosts", BYTES(GET "Host: b\r\n\r\n" SMUGGLED), 400},
    {"HTTP/2.0 in words", BYTES("GET /livez HTTP/2.0\r\nHost: a\r\n\r\n" SMUGGLED), 400},
    {"a chunk size that overflows",
     BYTES(LOGIN "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" SMUGGLED), 400},
    {"an absolute target", BYTES("GET http://a/livez HTTP/1.1\r\nHost: a\r\n\r\n" SMUGGLED), 400},
};

// clang-format on

static void test_broken_framing_is_refused_and_the_connection_closed(void **state)
{
    const struct world *world = *state;
    static char answer[ANSWER_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int fd = connect_raw(world);
        send_all(fd, rows[i].bytes, rows[i].size);
        bool closed = read_to_end(fd, answer, ANSWER_WAIT_MS);
        close(fd);
        char wanted[32];
        snprintf(wanted, sizeof wanted, "HTTP/1.1 %d ", rows[i].status);
        if (strncmp(answer, wanted, strlen(wanted)) != 0 || !closed)
            fail_msg("%s: %s (%s)", rows[i].given, answer, closed ? "closed" : "left open");
        if (strstr(answer, "application/problem+json") == NULL)
            fail_msg("%s: not a problem: %s", rows[i].given, answer);
        // One answer only: what stood behind the bad request was not taken for another.
        const char *second = strstr(answer, "HTTP/1.1 200 ");
        if (second != NULL) fail_msg("%s: two answers: %s", rows[i].given, answer);
    }
}

static void test_a_head_beyond_its_limit_is_refused(void **state)
{
    const struct world *world = *state;
    static char answer[ANSWER_BYTES], head[32768];

    static const struct {
        const char *format;
        int padding, status;
    } cases[] = {
        {"GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", 9000, 414},
        {"GET / HTTP/1.1\r\nHost: a\r\nX-A: %0*d\r\n\r\n", 17000, 431},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        // The formats are the two constants above.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        int size = snprintf(head, sizeof head, cases[i].format, cases[i].padding, 0);
#pragma GCC diagnostic pop
        char wanted[32];
        snprintf(wanted, sizeof wanted, "HTTP/1.1 %d ", cases[i].status);
        int fd = connect_raw(world);
        send_all(fd, head, (size_t)size);
        assert_true(read_to_end(fd, answer, ANSWER_WAIT_MS));
        close(fd);
        if (strncmp(answer, wanted, strlen(wanted)) != 0)
            fail_msg("expected %s: %.200s", wanted, answer);
    }
}

// The world of this test gives a head half a second.
static void test_a_slow_head_is_ended_by_its_deadline(void **state)
{
    const struct world *world = *state;
    static char answer[ANSWER_BYTES];
    int fd = connect_raw(world);
    static const char head[] = GET "X-A: ";
    send_all(fd, BYTES(head));
    bool closed = false;
    for (int i = 0; i < 100 && !closed; i++) { // A byte each 50 ms must not keep it alive.
        closed = read_to_end(fd, answer, 50) || send(fd, "a", 1, MSG_NOSIGNAL) != 1;
    }
    close(fd);
    assert_true(closed);
    assert_true(answer[0] == '\0' || strncmp(answer, "HTTP/1.1 408 ", 13) == 0);
}

static int open_world(void **state)
{
    static struct world world = {.ini = "[gateway]\nhead_timeout = 500ms\n"};
    world_open(&world);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    world_close(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_framing_is_refused_and_the_connection_closed),
        cmocka_unit_test(test_a_head_beyond_its_limit_is_refused),
        cmocka_unit_test(test_a_slow_head_is_ended_by_its_deadline),
    };
    return cmocka_run_group_tests_name("raw", tests, open_world, close_world);
}
