#include "gateway/http/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 4096 };

const struct http_config HTTP_CONFIG_DEFAULT = {
    .address = "127.0.0.1",
    .loop_count = 1,
    .head_timeout_ms = 5000,
    .body_timeout_ms = 10000,
    .body_bytes_per_s = 1024,
    .idle_timeout_ms = 15000,
    .write_timeout_ms = 10000,
    .linger_timeout_ms = 1000,
    .connections_max = 16384,
    .per_address_max = 4096,
    .body_bytes_max = 65536,
    .arena_bytes_max = 1048576,
    .stream_queue_bytes_max = 262144,
};

static struct status read_address(const struct http_config *config, uint16_t port,
                                  struct sockaddr_storage *ret, socklen_t *ret_size)
{
    memset(ret, 0, sizeof *ret);
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)ret;
    if (inet_pton(AF_INET, config->address, &ipv4->sin_addr) == 1) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(port);
        *ret_size = sizeof *ipv4;
        return STATUS_SUCCESS;
    }
    if (inet_pton(AF_INET6, config->address, &ipv6->sin6_addr) == 1) {
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons(port);
        *ret_size = sizeof *ipv6;
        return STATUS_SUCCESS;
    }
    return REFUSE(INVALID_ARGUMENT, LISTEN_ADDRESS_INVALID, "the listen address is no IP address");
}

/// SO_REUSEPORT would let a second server of the same user join the port and take half of its
/// connections without a word. A bind without it tells whether anybody listens there already.
static struct status check_port_is_free(const struct http_config *config)
{
    struct sockaddr_storage address;
    socklen_t address_size;
    if (config->port == 0) return STATUS_SUCCESS; // The kernel picks one that is free.
    RETURN_IF_ERROR(read_address(config, config->port, &address, &address_size));
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return REFUSE(UNAVAILABLE, NO_DESCRIPTORS, "no file descriptor for a listener");
    const int on = 1;
    const bool is_free = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                         bind(fd, (struct sockaddr *)&address, address_size) == 0;
    close(fd);
    return is_free ? STATUS_SUCCESS
                   : REFUSE(UNAVAILABLE, LISTEN_FAILED,
                            "the listen address or port is taken, or not this machine's");
}

/// Each loop has its own listener on the one port, so the kernel spreads connections over them.
static struct status listen_on(const struct http_config *config, uint16_t port, int *ret_fd,
                               uint16_t *ret_port)
{
    struct sockaddr_storage address;
    socklen_t address_size;
    RETURN_IF_ERROR(read_address(config, port, &address, &address_size));
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return REFUSE(UNAVAILABLE, NO_DESCRIPTORS, "no file descriptor for a listener");
    *ret_fd = fd;
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, address_size) != 0 ||
        listen(fd, LISTEN_BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &address_size) != 0) {
        return REFUSE(UNAVAILABLE, LISTEN_FAILED,
                      "the listen address or port is taken, or not this machine's");
    }
    *ret_port = ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                                   : ((struct sockaddr_in6 *)&address)->sin6_port);
    return STATUS_SUCCESS;
}

static struct status open_parts(struct http_server *server)
{
    const struct http_config *config = &server->config;
    if (config->tls_cert_pem != NULL) {
        RETURN_IF_ERROR(
            transport_load_tls(config->tls_cert_pem, config->tls_key_pem, &server->tls));
    }
    // All listeners before any thread: a port that cannot be had leaves nothing half started.
    server->port = config->port;
    RETURN_IF_ERROR(check_port_is_free(config));
    for (uint32_t i = 0; i < config->loop_count; i++) {
        RETURN_IF_ERROR(listen_on(config, server->port, &server->loops[i].listener, &server->port));
    }
    for (uint32_t i = 0; i < config->loop_count; i++) {
        RETURN_IF_ERROR(loop_open(&server->loops[i], server, i));
    }
    atomic_store(&server->listening, config->loop_count);
    for (uint32_t i = 0; i < config->loop_count; i++) {
        RETURN_IF_ERROR(loop_start(&server->loops[i]));
    }
    return STATUS_SUCCESS;
}

struct status http_server_open(const struct http_config *config, const struct http_handler *handler,
                               struct http_server **ret)
{
    CHECK(config->loop_count > 0 && config->body_bytes_per_s > 0);
    CHECK(handler->on_request != NULL);
    struct http_server *server = calloc(1, sizeof *server);
    CHECK(server != NULL);
    server->config = *config;
    server->handler = handler;
    server->addresses = addresses_open(config->connections_max);
    CHECK(pthread_mutex_init(&server->tls_lock, NULL) == 0);
    CHECK(pthread_mutex_init(&server->drain_lock, NULL) == 0);
    pthread_condattr_t monotonic;
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&server->drained, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    server->loops = calloc(config->loop_count, sizeof *server->loops);
    CHECK(server->loops != NULL);
    for (uint32_t i = 0; i < config->loop_count; i++) {
        server->loops[i].listener = server->loops[i].wake_fd = -1;
    }

    const struct status status = open_parts(server);
    if (status_ok(status)) {
        *ret = server;
    } else {
        http_server_close(&server);
    }
    return status;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

struct http_loop *http_server_loop(struct http_server *server, uint32_t index)
{
    CHECK(index < server->config.loop_count);
    return &server->loops[index];
}

struct status http_server_reload_tls(struct http_server *server)
{
    if (server->tls == NULL) return STATUS_SUCCESS;
    SSL_CTX *fresh = NULL;
    RETURN_IF_ERROR(
        transport_load_tls(server->config.tls_cert_pem, server->config.tls_key_pem, &fresh));
    pthread_mutex_lock(&server->tls_lock);
    SSL_CTX *old = server->tls;
    server->tls = fresh;
    pthread_mutex_unlock(&server->tls_lock);
    SSL_CTX_free(old); // Connections that use it hold a reference of their own.
    return STATUS_SUCCESS;
}

void server_announce_drained(struct http_server *server)
{
    pthread_mutex_lock(&server->drain_lock);
    pthread_cond_broadcast(&server->drained);
    pthread_mutex_unlock(&server->drain_lock);
}

static bool is_drained(struct http_server *server)
{
    return atomic_load(&server->listening) == 0 && atomic_load(&server->connections) == 0;
}

static void drain_loop(struct http_job *job)
{
    struct http_loop *loop =
        (struct http_loop *)((uint8_t *)job - offsetof(struct http_loop, drain_job));
    // Closing a listener resets whoever still stands in its backlog.
    for (int i = 0; i < LISTEN_BACKLOG && loop_accept(loop); i++) {
    }
    loop_close_listener(loop);
    struct connection *next = NULL;
    for (struct connection *at = loop->connections; at != NULL; at = next) {
        next = at->next; // Draining frees at most the connection itself.
        connection_drain(at);
    }
    if (atomic_fetch_sub(&loop->server->listening, 1) == 1) server_announce_drained(loop->server);
}

bool http_server_drain(struct http_server *server, uint32_t timeout_ms)
{
    if (!atomic_exchange(&server->draining, true)) {
        for (uint32_t i = 0; i < server->config.loop_count; i++) {
            server->loops[i].drain_job.run = drain_loop;
            http_loop_post(&server->loops[i], &server->loops[i].drain_job);
        }
    }
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline); // pthread_cond_timedwait needs the kernel's own.
    const uint64_t deadline_ns = (uint64_t)deadline.tv_nsec + timeout_ms * NS_PER_MS;
    deadline.tv_sec += (time_t)(deadline_ns / NS_PER_SECOND);
    deadline.tv_nsec = (long)(deadline_ns % NS_PER_SECOND);
    int error = 0;
    pthread_mutex_lock(&server->drain_lock);
    while (!is_drained(server) && error == 0) {
        error = pthread_cond_timedwait(&server->drained, &server->drain_lock, &deadline);
    }
    pthread_mutex_unlock(&server->drain_lock);
    return is_drained(server);
}

void http_server_close(struct http_server **server_place)
{
    struct http_server *server = *server_place;
    if (server == NULL) return;
    for (uint32_t i = 0; i < server->config.loop_count; i++) {
        loop_stop(&server->loops[i]);
    }
    for (uint32_t i = 0; i < server->config.loop_count; i++) {
        loop_close(&server->loops[i]);
    }
    SSL_CTX_free(server->tls);
    addresses_close(server->addresses);
    pthread_mutex_destroy(&server->tls_lock);
    pthread_mutex_destroy(&server->drain_lock);
    pthread_cond_destroy(&server->drained);
    free(server->loops);
    free(server);
    *server_place = NULL;
}

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct http_stats http_server_stats(const struct http_server *server)
{
    struct http_stats stats = {.connections = atomic_load(&server->connections)};
    for (uint32_t i = 0; i < server->config.loop_count; i++) {
        const struct http_loop *loop = &server->loops[i];
        // Finished is read first: it may lag behind what was begun, never run ahead of it.
        const uint64_t finished = read_counter(&loop->exchanges_finished);
        stats.connections_total += read_counter(&loop->connections_total);
        stats.connections_shed += read_counter(&loop->connections_shed);
        stats.tls_failures += read_counter(&loop->tls_failures);
        stats.exchanges_total += finished;
        stats.exchanges_inflight += read_counter(&loop->exchanges_begun) - finished;
    }
    return stats;
}
