#include "tests/support/cutter.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINKS_MAX = 64, CHUNK_BYTES = 64 * 1024, LOOK_MS = 100, SEND_S = 5 };

/// A client's connection and ours for it; -1: none.
struct link {
    int client, server;
};

struct cutter {
    struct sockaddr_un listen_address, target_address;
    int listener;
    pthread_t thread;
    uint8_t chunk[CHUNK_BYTES]; // The thread's.
    pthread_mutex_t lock;       // Everything below.
    bool is_whole, is_closing;
    struct link links[LINKS_MAX];
};

static void give_up(const char *what)
{
    perror(what);
    abort();
}

static void end_link(struct link *link)
{
    if (link->client >= 0) close(link->client);
    if (link->server >= 0) close(link->server);
    *link = (struct link){-1, -1};
}

static void limit_sends(int fd)
{
    const struct timeval limit = {.tv_sec = SEND_S};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) give_up("setsockopt");
}

static void take_client(struct cutter *cutter)
{
    int client = accept(cutter->listener, NULL, NULL);
    if (client < 0) return;
    struct link *link = NULL;
    for (size_t i = 0; i < LINKS_MAX && link == NULL; i++)
        if (cutter->links[i].client < 0) link = &cutter->links[i];
    if (link == NULL || !cutter->is_whole) {
        close(client);
        return;
    }
    *link = (struct link){client, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const struct sockaddr *target = (const struct sockaddr *)&cutter->target_address;
    if (link->server < 0) give_up("socket");
    limit_sends(link->client);
    limit_sends(link->server);
    if (connect(link->server, target, sizeof cutter->target_address) != 0) end_link(link);
}

// What one side sent goes to the other. Both are local and drain quickly, so writes may block; who
// takes nothing for SEND_S is cut off.
static void pass_on(struct link *link, int from, int to, uint8_t chunk[static CHUNK_BYTES])
{
    ssize_t size = recv(from, chunk, CHUNK_BYTES, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    for (ssize_t done = 0; done < size;) {
        ssize_t sent = send(to, chunk + done, (size_t)(size - done), MSG_NOSIGNAL);
        if (sent <= 0) size = 0;
        done += sent;
    }
    if (size <= 0) end_link(link);
}

static void *run(void *context)
{
    struct cutter *cutter = context;
    struct pollfd fds[1 + 2 * LINKS_MAX];
    for (;;) {
        pthread_mutex_lock(&cutter->lock);
        fds[0] = (struct pollfd){.fd = cutter->listener, .events = POLLIN};
        for (size_t i = 0; i < LINKS_MAX; i++) {
            fds[1 + 2 * i] = (struct pollfd){.fd = cutter->links[i].client, .events = POLLIN};
            fds[2 + 2 * i] = (struct pollfd){.fd = cutter->links[i].server, .events = POLLIN};
        }
        bool is_closing = cutter->is_closing;
        pthread_mutex_unlock(&cutter->lock);
        if (is_closing) return NULL;
        // A descriptor that is cut meanwhile, and even used again, costs a look too many.
        if (poll(fds, 1 + 2 * LINKS_MAX, LOOK_MS) < 0 && errno != EINTR) give_up("poll");
        pthread_mutex_lock(&cutter->lock);
        if (fds[0].revents != 0) take_client(cutter);
        for (size_t i = 0; i < LINKS_MAX; i++) {
            struct link *link = &cutter->links[i];
            if (link->client >= 0 && fds[1 + 2 * i].fd == link->client && fds[1 + 2 * i].revents)
                pass_on(link, link->client, link->server, cutter->chunk);
            if (link->client >= 0 && fds[2 + 2 * i].fd == link->server && fds[2 + 2 * i].revents)
                pass_on(link, link->server, link->client, cutter->chunk);
        }
        pthread_mutex_unlock(&cutter->lock);
    }
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (size < 0 || (size_t)size >= sizeof address.sun_path) give_up(path);
    return address;
}

struct cutter *cutter_open(const char *listen_path, const char *target_path)
{
    struct cutter *cutter = calloc(1, sizeof *cutter);
    if (cutter == NULL) give_up("calloc");
    cutter->listen_address = address_of(listen_path);
    cutter->target_address = address_of(target_path);
    cutter->is_whole = true;
    for (size_t i = 0; i < LINKS_MAX; i++)
        cutter->links[i] = (struct link){-1, -1};
    pthread_mutex_init(&cutter->lock, NULL);
    cutter->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const struct sockaddr *at = (const struct sockaddr *)&cutter->listen_address;
    if (cutter->listener < 0 || bind(cutter->listener, at, sizeof cutter->listen_address) != 0 ||
        listen(cutter->listener, LINKS_MAX) != 0)
        give_up(listen_path);
    if (pthread_create(&cutter->thread, NULL, run, cutter) != 0) give_up("pthread_create");
    return cutter;
}

static unsigned end_all(struct cutter *cutter)
{
    unsigned count = 0;
    for (size_t i = 0; i < LINKS_MAX; i++) {
        count += cutter->links[i].client >= 0;
        end_link(&cutter->links[i]);
    }
    return count;
}

unsigned cutter_cut(struct cutter *cutter)
{
    pthread_mutex_lock(&cutter->lock);
    unsigned count = end_all(cutter);
    pthread_mutex_unlock(&cutter->lock);
    return count;
}

void cutter_set_whole(struct cutter *cutter, bool is_whole)
{
    pthread_mutex_lock(&cutter->lock);
    cutter->is_whole = is_whole;
    pthread_mutex_unlock(&cutter->lock);
}

void cutter_close(struct cutter **cutter)
{
    struct cutter *old = *cutter;
    if (old == NULL) return;
    pthread_mutex_lock(&old->lock);
    old->is_closing = true;
    pthread_mutex_unlock(&old->lock);
    pthread_join(old->thread, NULL);
    end_all(old);
    close(old->listener);
    pthread_mutex_destroy(&old->lock);
    free(old);
    *cutter = NULL;
}
