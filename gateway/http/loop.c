#include "gateway/http/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ACCEPTS_PER_WAKE = 64, ACCEPT_RETRY_US = 100000 };

void http_loop_post(struct http_loop *loop, struct http_job *job)
{
    struct http_job *first = atomic_load_explicit(&loop->jobs, memory_order_relaxed);
    do {
        job->next = first;
    } while (!atomic_compare_exchange_weak_explicit(&loop->jobs, &first, job, memory_order_release,
                                                    memory_order_relaxed));
    // Whoever posts to an empty queue rings; the others know that the bell has been rung.
    if (first != NULL) return;
    const uint64_t one = 1;
    CHECK(write(loop->wake_fd, &one, sizeof one) == (ssize_t)sizeof one);
}

uint32_t http_loop_index(const struct http_loop *loop)
{
    return loop->index;
}

static void run_jobs(struct http_loop *loop)
{
    struct http_job *job = atomic_exchange_explicit(&loop->jobs, NULL, memory_order_acquire);
    struct http_job *in_order = NULL;
    while (job != NULL) {
        struct http_job *next = job->next;
        job->next = in_order;
        in_order = job;
        job = next;
    }
    while (in_order != NULL) {
        struct http_job *next = in_order->next; // run may free its job.
        in_order->run(in_order);
        in_order = next;
    }
}

static void on_wake(int fd, short what, void *context)
{
    (void)what;
    struct http_loop *loop = context;
    uint64_t rings;
    // Before the jobs are taken: a post after this rings again, one before it is among the jobs.
    (void)!read(fd, &rings, sizeof rings);
    run_jobs(loop);
    if (atomic_load(&loop->stopping)) event_base_loopbreak(loop->base);
}

static void on_accept(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    // Not without end: the connections that are open want their turn as well.
    for (int i = 0; i < ACCEPTS_PER_WAKE && loop_accept(context); i++) {
    }
}

static void on_accept_retry(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct http_loop *loop = context;
    if (loop->listener >= 0) event_add(&loop->accept_event, NULL);
}

bool loop_accept(struct http_loop *loop)
{
    if (loop->listener < 0) return false;
    struct sockaddr_storage from;
    socklen_t from_size = sizeof from;
    const int fd =
        accept4(loop->listener, (struct sockaddr *)&from, &from_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        connection_open(loop, fd, &from);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        // The client waits in the backlog; asking again at once would only spin.
        event_del(&loop->accept_event);
        evtimer_add(&loop->accept_retry_event, &(struct timeval){.tv_usec = ACCEPT_RETRY_US});
        return false;
    }
    return errno != EAGAIN; // Anything else (ECONNABORTED, ...) concerns that one client only.
}

void loop_close_listener(struct http_loop *loop)
{
    if (loop->listener < 0) return;
    event_del(&loop->accept_event);
    event_del(&loop->accept_retry_event);
    close(loop->listener);
    loop->listener = -1;
}

const char *loop_date(struct http_loop *loop)
{
    const uint64_t second = clock_wall_ns() / NS_PER_SECOND;
    if (second != loop->date_second) {
        loop->date_second = second;
        response_format_date(second, loop->date);
    }
    return loop->date;
}

bool loop_is_current(const struct http_loop *loop)
{
    return pthread_equal(pthread_self(), loop->thread) != 0;
}

struct status loop_open(struct http_loop *loop, struct http_server *server, uint32_t index)
{
    loop->server = server;
    loop->index = index;
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct event_config *config = event_config_new();
    CHECK(config != NULL);
    // Only the loop's own thread touches its base, so libevent need not lock.
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    if (loop->wake_fd < 0 || loop->base == NULL) {
        return REFUSE(UNAVAILABLE, NO_DESCRIPTORS, "no file descriptors for an event loop");
    }
    if (server->config.tls_cert_pem != NULL) {
        loop->tls_scratch = malloc(TLS_RECORD_BYTES);
        CHECK(loop->tls_scratch != NULL);
    }
    event_assign(&loop->accept_event, loop->base, loop->listener, EV_READ | EV_PERSIST, on_accept,
                 loop);
    event_assign(&loop->wake_event, loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    evtimer_assign(&loop->accept_retry_event, loop->base, on_accept_retry, loop);
    CHECK(event_add(&loop->accept_event, NULL) == 0);
    CHECK(event_add(&loop->wake_event, NULL) == 0);
    return STATUS_SUCCESS;
}

static void *run_loop(void *context)
{
    struct http_loop *loop = context;
    loop->thread = pthread_self(); // pthread_create may store it later than we need it.
    event_base_dispatch(loop->base);
    return NULL;
}

struct status loop_start(struct http_loop *loop)
{
    // Signals are the main thread's. SIGPIPE too: OpenSSL writes without MSG_NOSIGNAL.
    sigset_t all, before;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    pthread_t thread;
    const int error = pthread_create(&thread, NULL, run_loop, loop);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (error != 0) return REFUSE(UNAVAILABLE, NO_THREADS, "no thread for an event loop");
    pthread_setname_np(thread, "http-loop");
    loop->join_thread = thread;
    loop->thread_started = true;
    return STATUS_SUCCESS;
}

void loop_stop(struct http_loop *loop)
{
    if (loop->thread_started) {
        atomic_store(&loop->stopping, true);
        const uint64_t one = 1;
        CHECK(write(loop->wake_fd, &one, sizeof one) == (ssize_t)sizeof one);
        CHECK(pthread_join(loop->join_thread, NULL) == 0);
        loop->thread_started = false;
    }
    loop->thread = pthread_self(); // What is left of its work is done by the closing thread.
    run_jobs(loop);
}

static void free_spares(struct http_loop *loop)
{
    while (loop->free_buffers != NULL) {
        struct spare_buffer *buffer = loop->free_buffers;
        loop->free_buffers = buffer->next;
        free(buffer);
    }
    while (loop->free_exchanges != NULL) {
        struct http_exchange *exchange = loop->free_exchanges;
        loop->free_exchanges = exchange->next_free;
        exchange_free(exchange);
    }
}

void loop_close(struct http_loop *loop)
{
    if (loop->base != NULL) {
        while (loop->connections != NULL) {
            connection_drop(loop->connections);
        }
        loop_close_listener(loop);
        event_del(&loop->wake_event);
        event_base_free(loop->base);
    }
    if (loop->listener >= 0) close(loop->listener);
    if (loop->wake_fd >= 0) close(loop->wake_fd);
    free_spares(loop);
    free(loop->tls_scratch);
}
