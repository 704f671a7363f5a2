// What the HTTP engine costs: CPU per keep-alive request against libevent's own evhttp in the same
// program, under the same load (wrk), and memory per idle connection.
//
//     http_bench [seconds]        default 3; needs wrk in PATH, prints a table
#include "common/base/check.h"
#include "gateway/http/server.h"
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 64, IDLE_CONNECTIONS = 5000, ROUNDS = 3 };

static const char body[] = "{\"balance\":\"1234567\",\"currency\":\"INR\",\"version\":\"42\"}";

struct measure {
    double requests_per_s;
    double cpu_us_per_request;
};

static double cpu_seconds(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/// Runs wrk against the port; its own CPU time is not ours, so what getrusage adds is the server's.
static struct measure load(uint16_t port, int seconds)
{
    char command[256];
    snprintf(command, sizeof command,
             "wrk -t1 -c%d -d%ds -H 'Authorization: Bearer 0123456789abcdef0123456789abcdef' "
             "-H 'X-Request-Id: 0123456789abcdef' http://127.0.0.1:%u/v1/accounts/1/balance",
             CONNECTIONS, seconds, port);
    const double before = cpu_seconds();
    FILE *wrk = popen(command, "r");
    CHECK(wrk != NULL);
    char line[256];
    double requests = 0;
    struct measure measure = {0};
    while (fgets(line, sizeof line, wrk) != NULL) {
        if (strstr(line, "requests in") != NULL) requests = strtod(line, NULL);
        if (strstr(line, "Non-2xx") != NULL) printf("%s", line);
        const char *rate = strstr(line, "Requests/sec:");
        if (rate != NULL) measure.requests_per_s = strtod(rate + strlen("Requests/sec:"), NULL);
    }
    pclose(wrk);
    if (requests <= 0) {
        fprintf(stderr, "http_bench: wrk gave no figures; is it installed?\n");
        exit(1);
    }
    measure.cpu_us_per_request = (cpu_seconds() - before) * 1e6 / requests;
    return measure;
}

static void answer(struct http_exchange *exchange, void *context)
{
    (void)context;
    static const struct http_field fields[] = {
        {"Content-Type", "application/json"},
        {"Cache-Control", "no-store"},
    };
    http_exchange_respond(exchange,
                          &(struct http_response){.status = 200,
                                                  .fields = fields,
                                                  .field_count = 2,
                                                  .body = bytes_of(body, sizeof body - 1)});
}

struct deferred {
    struct http_job job;
    struct http_exchange *exchange;
};

static void answer_later(struct http_job *job)
{
    answer(((struct deferred *)job)->exchange, NULL);
}

/// As the gateway does it: the answer comes back to the loop as a job.
static void defer(struct http_exchange *exchange, void *context)
{
    (void)context;
    struct deferred *deferred = arena_alloc(http_exchange_arena(exchange), sizeof *deferred);
    deferred->job.run = answer_later;
    deferred->exchange = exchange;
    http_loop_post(http_exchange_loop(exchange), &deferred->job);
}

static struct measure measure_engine(void (*on_request)(struct http_exchange *, void *),
                                     int seconds)
{
    const struct http_handler handler = {.on_request = on_request};
    struct http_server *server = NULL;
    CHECK(status_ok(http_server_open(&HTTP_CONFIG_DEFAULT, &handler, &server)));
    const struct measure measure = load(http_server_port(server), seconds);
    http_server_close(&server);
    return measure;
}

static void answer_evhttp(struct evhttp_request *request, void *context)
{
    (void)context;
    struct evbuffer *buffer = evbuffer_new();
    evbuffer_add(buffer, body, sizeof body - 1);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    evhttp_add_header(headers, "Content-Type", "application/json");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_send_reply(request, 200, "OK", buffer);
    evbuffer_free(buffer);
}

static void stop_evhttp(int fd, short what, void *base)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(base);
}

static void *run_evhttp(void *base)
{
    event_base_dispatch(base);
    return NULL;
}

static struct measure measure_evhttp(int seconds)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    evhttp_set_gencb(http, answer_evhttp, NULL);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    CHECK(bound != NULL);
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    CHECK(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &size) == 0);
    int stop[2];
    CHECK(pipe(stop) == 0);
    struct event *stop_event = event_new(base, stop[0], EV_READ, stop_evhttp, base);
    event_add(stop_event, NULL);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run_evhttp, base) == 0);
    const struct measure measure = load(ntohs(address.sin_port), seconds);
    CHECK(write(stop[1], "", 1) == 1);
    pthread_join(thread, NULL);
    event_free(stop_event);
    evhttp_free(http);
    event_base_free(base);
    close(stop[0]);
    close(stop[1]);
    return measure;
}

static size_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    size_t pages = 0;
    size_t resident = 0;
    CHECK(fscanf(file, "%zu %zu", &pages, &resident) == 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static int connect_to(uint16_t port)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

/// Each connection asks once and stays. What a client keeps of it is in the kernel, not in our RSS.
static void measure_idle(void)
{
    struct rlimit files;
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
    if (files.rlim_cur < 2 * IDLE_CONNECTIONS + 100) {
        printf("idle connections: skipped, the limit of open files is too low\n");
        return;
    }
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.per_address_max = IDLE_CONNECTIONS;
    config.idle_timeout_ms = 600000;
    const struct http_handler handler = {.on_request = answer};
    struct http_server *server = NULL;
    CHECK(status_ok(http_server_open(&config, &handler, &server)));
    static int clients[IDLE_CONNECTIONS];
    static const char request[] = "GET /v1/me HTTP/1.1\r\nHost: a\r\n\r\n";
    malloc_trim(0);
    const size_t before = resident_bytes();
    for (int i = 0; i < IDLE_CONNECTIONS; i++) {
        char reply[1024];
        clients[i] = connect_to(http_server_port(server));
        CHECK(send(clients[i], request, sizeof request - 1, 0) == (ssize_t)sizeof request - 1);
        CHECK(recv(clients[i], reply, sizeof reply, 0) > 0);
    }
    CHECK(http_server_stats(server).connections == IDLE_CONNECTIONS);
    const double mib = (double)(resident_bytes() - before) / (1024 * 1024);
    printf("%d idle keep-alive connections: %.1f MiB resident (target <= 40)\n", IDLE_CONNECTIONS,
           mib);
    for (int i = 0; i < IDLE_CONNECTIONS; i++)
        close(clients[i]);
    http_server_close(&server);
}

/// Prints both figures of a server and gives the median of its CPU time.
static double print_server(const char *name, const struct measure measures[static ROUNDS])
{
    double rates[ROUNDS], cpu_us[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        rates[i] = measures[i].requests_per_s;
        cpu_us[i] = measures[i].cpu_us_per_request;
    }
    char line[64];
    snprintf(line, sizeof line, "%s, rate", name);
    bench_print_line(line, bench_spread_of(rates, ROUNDS), "requests/s");
    const double median_us = bench_spread_of(cpu_us, ROUNDS).median;
    printf("%-40s %14.2f us CPU a request\n", name, median_us);
    return median_us;
}

int main(int argc, char **argv)
{
    const long given = argc > 1 ? strtol(argv[1], NULL, 10) : 3;
    const int seconds = given > 0 && given < 3600 ? (int)given : 3;
    struct measure direct[ROUNDS], deferred[ROUNDS], peer[ROUNDS];
    // Round by round, so that a disturbance of the machine meets all three.
    for (int i = 0; i < ROUNDS; i++) {
        direct[i] = measure_engine(answer, seconds);
        deferred[i] = measure_engine(defer, seconds);
        peer[i] = measure_evhttp(seconds);
    }
    bench_print_machine();
    printf("one loop, wrk -t1 -c%d, median of %d runs of %d s\n", CONNECTIONS, ROUNDS, seconds);
    const double ours_us = print_server("http engine", direct);
    print_server("http engine, answered by a job", deferred);
    const double theirs_us = print_server("libevent evhttp", peer);
    printf("evhttp needs %.2f times the CPU of the engine (the engine's target: <= 12 us)\n",
           theirs_us / ours_us);
    measure_idle();
    return 0;
}
