#include "tests/bench/http_load.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 64 * 1024, EVENTS_MAX = 256, SAMPLES_FIRST = 1 << 16 };

struct link {
    int fd;
    uint64_t sent_ns, due_ns;
    bool is_open; // A request is under way.
    size_t used;
    char answer[ANSWER_BYTES_MAX];
};

struct run {
    const struct http_load *load;
    struct http_load_result result;
    struct link *links;
    int epoll_fd;
    uint64_t *samples;
    size_t sample_room;
    uint64_t interval_ns, begin_ns, end_ns, open_count;
};

static int connect_to(uint16_t port)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    return fd;
}

// A request fits the socket's buffer: one send takes it.
static void send_request(struct run *run, struct link *link)
{
    char request[HTTP_LOAD_REQUEST_BYTES];
    size_t size = run->load->make(run->load->context, (size_t)(link - run->links), request);
    CHECK(size > 0 && size <= sizeof request);
    // With a fixed rate, from when it was due: a late start is part of what a client waits.
    link->sent_ns = run->interval_ns > 0 ? link->due_ns : clock_mono_ns();
    link->used = 0;
    CHECK(send(link->fd, request, size, MSG_NOSIGNAL) == (ssize_t)size);
    link->is_open = true;
    run->open_count++;
}

// The size of the whole answer, 0 while its head is not complete.
static size_t answer_size(const struct link *link)
{
    const char *end = memmem(link->answer, link->used, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    const char *length = memmem(link->answer, link->used, "Content-Length: ", 16);
    CHECK(length != NULL && length < end);
    return (size_t)(end - link->answer) + 4 + strtoul(length + 16, NULL, 10);
}

static void note_answer(struct run *run, struct link *link, uint64_t now_ns)
{
    struct http_load_result *result = &run->result;
    if (result->answers == run->sample_room) {
        run->sample_room *= 2;
        run->samples = realloc(run->samples, run->sample_room * sizeof *run->samples);
        CHECK(run->samples != NULL);
    }
    run->samples[result->answers++] = now_ns - link->sent_ns;
    run->open_count--;
    if (link->answer[9] == '2') return;
    if (result->errors++ == 0) {
        snprintf(result->first_error, sizeof result->first_error, "%.*s", (int)link->used,
                 link->answer);
    }
}

static void receive(struct run *run, struct link *link)
{
    ssize_t got = recv(link->fd, link->answer + link->used, ANSWER_BYTES_MAX - link->used, 0);
    CHECK(got > 0); // A connection that closes would be an error of the server.
    link->used += (size_t)got;
    size_t size = answer_size(link);
    if (size == 0 || link->used < size) return;
    uint64_t now_ns = clock_mono_ns();
    link->is_open = false;
    note_answer(run, link, now_ns);
    const struct http_load *load = run->load;
    if (load->take != NULL)
        load->take(load->context, (size_t)(link - run->links), link->answer, link->used);
    if (now_ns >= run->end_ns) return;
    link->due_ns += run->interval_ns;
    if (run->interval_ns == 0) send_request(run, link);
}

// With a fixed rate: sends what is due and gives the time until the next one.
static struct timespec send_due(struct run *run)
{
    uint64_t now_ns = clock_mono_ns(), next_ns = now_ns + NS_PER_SECOND;
    if (run->interval_ns == 0) return (struct timespec){.tv_sec = 1};
    for (size_t i = 0; i < run->load->connections && now_ns < run->end_ns; i++) {
        struct link *link = &run->links[i];
        if (link->is_open) continue;
        if (link->due_ns <= now_ns) {
            send_request(run, link);
        } else if (link->due_ns < next_ns) {
            next_ns = link->due_ns;
        }
    }
    uint64_t wait_ns = next_ns - now_ns;
    return (struct timespec){.tv_sec = (time_t)(wait_ns / NS_PER_SECOND),
                             .tv_nsec = (long)(wait_ns % NS_PER_SECOND)};
}

static void open_links(struct run *run)
{
    size_t count = run->load->connections;
    run->links = calloc(count, sizeof *run->links);
    CHECK(run->links != NULL);
    run->begin_ns = clock_mono_ns();
    run->end_ns = run->begin_ns + (uint64_t)(run->load->seconds * 1e9);
    for (size_t i = 0; i < count; i++) {
        struct link *link = &run->links[i];
        link->fd = connect_to(run->load->port);
        link->due_ns = run->begin_ns + run->interval_ns * i / count;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
        CHECK(epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, link->fd, &event) == 0);
        if (run->interval_ns == 0) send_request(run, link);
    }
}

static void close_links(struct run *run)
{
    for (size_t i = 0; i < run->load->connections; i++) {
        close(run->links[i].fd);
    }
    free(run->links);
    free(run->samples);
    close(run->epoll_fd);
}

struct http_load_result http_load_run(const struct http_load *load)
{
    struct run run = {.load = load, .sample_room = SAMPLES_FIRST};
    run.samples = malloc(run.sample_room * sizeof *run.samples);
    run.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    CHECK(run.samples != NULL && run.epoll_fd >= 0);
    if (load->requests_per_s > 0) {
        run.interval_ns = (uint64_t)(1e9 * (double)load->connections / load->requests_per_s);
    }
    open_links(&run);
    while (run.open_count > 0 || clock_mono_ns() < run.end_ns) {
        struct epoll_event events[EVENTS_MAX];
        struct timespec wait = send_due(&run);
        int count = epoll_pwait2(run.epoll_fd, events, EVENTS_MAX, &wait, NULL);
        for (int i = 0; i < count; i++) {
            receive(&run, events[i].data.ptr);
        }
    }
    struct http_load_result result = run.result;
    double seconds = (double)(clock_mono_ns() - run.begin_ns) / 1e9;
    result.per_s = (double)result.answers / seconds;
    if (result.answers > 0) {
        size_t count = (size_t)result.answers;
        result.p50_ns = bench_percentile(run.samples, count, 0.5);
        result.p99_ns = bench_percentile(run.samples, count, 0.99);
        result.max_ns = bench_percentile(run.samples, count, 1.0);
    }
    close_links(&run);
    return result;
}
