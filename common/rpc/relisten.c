#include "common/rpc/relisten.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/rpc/counters.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_TRIES = 50, ANSWER_PAUSE_MS = 10 }; // nng itself may pause for 100 ms.

struct status relisten_open(nng_socket socket, const char *url, const struct rpc_tls_config *tls,
                            bool allow_plain_tcp, struct relisten *ret)
{
    struct relisten relisten = {.socket = socket, .allow_plain_tcp = allow_plain_tcp};
    RETURN_IF_ERROR(transport_listen(socket, url, tls, allow_plain_tcp, &relisten.listener));
    relisten.url = strdup(url);
    CHECK(relisten.url != NULL);
    relisten.tls = transport_tls_copy(tls);
    *ret = relisten;
    return STATUS_SUCCESS;
}

void relisten_close(struct relisten *relisten)
{
    free(relisten->url);
    transport_tls_free(&relisten->tls);
    *relisten = (struct relisten){0};
}

static struct counters count(const struct relisten *relisten)
{
    return counters_read("listener", nng_listener_id(relisten->listener));
}

// ---- The door ------------------------------------------------------------------------------

static int connect_ipc(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

/// connect_tcp: host:port, as nng takes it.
static int connect_tcp(const char *address)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char host[256];
    const char *port = strrchr(address, ':');
    if (port == NULL || (size_t)(port - address) >= sizeof host) return -1;
    bool has_brackets = address[0] == '[' && port[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(port - address) - 2 * has_brackets,
             address + has_brackets);
    if (getaddrinfo(host[0] != '\0' ? host : "127.0.0.1", port + 1, &hints, &found) != 0) return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0); // Our own: no waiting.
    bool is_in = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    if (is_in) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

/// knock connects, and greets as a REQ socket does; for TLS that is nonsense, which is refused by
/// whoever minds the door.
static int knock(const char *url)
{
    static const uint8_t greeting[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    const char *address = strstr(url, "://") + strlen("://");
    bool is_ipc = strncmp(url, "ipc://", strlen("ipc://")) == 0;
    int fd = is_ipc ? connect_ipc(address) : connect_tcp(address);
    bool is_in =
        fd >= 0 && send(fd, greeting, sizeof greeting, MSG_NOSIGNAL) == (ssize_t)sizeof greeting;
    if (is_in || fd < 0) return fd;
    close(fd);
    return -1;
}

/// A knock at a door with TLS is nonsense, and turned away for a reason that nng cannot explain;
/// at any other it is let in.
static bool has_tls(const struct relisten *relisten)
{
    return strncmp(relisten->url, "tls+tcp", strlen("tls+tcp")) == 0;
}

static uint64_t signs_of_life(const struct relisten *relisten)
{
    struct counters counters = count(relisten);
    // What cannot be explained may be the very failure that has shut the door meanwhile.
    return has_tls(relisten) ? counters.all : counters.all - counters.unexplained;
}

/// is_minded: somebody is let in or turned away, be it us or another peer.
static bool is_minded(const struct relisten *relisten)
{
    uint64_t before = signs_of_life(relisten);
    if (strncmp(relisten->url, "inproc://", strlen("inproc://")) == 0) return true;
    int fd = knock(relisten->url);
    if (fd < 0) return false;
    bool has_moved = false;
    for (int i = 0; i < ANSWER_TRIES && !has_moved; i++) {
        poll(NULL, 0, ANSWER_PAUSE_MS);
        has_moved = signs_of_life(relisten) != before;
    }
    close(fd);
    return has_moved;
}

static void listen_anew(struct relisten *relisten)
{
    nng_listener_close(relisten->listener);
    relisten->listener = (nng_listener)NNG_LISTENER_INITIALIZER;
    struct status status = transport_listen(relisten->socket, relisten->url, &relisten->tls,
                                            relisten->allow_plain_tcp, &relisten->listener);
    if (status_ok(status))
        LOG_WARN("a peer was gone before it was greeted; listening anew",
                 LOG_TEXT("url", relisten->url));
    else
        log_status(LOG_LEVEL_ERROR, "cannot listen anew, which is tried again", status);
}

void relisten_look(struct relisten *relisten)
{
    if (relisten->url == NULL) return;
    bool has_listener = nng_listener_id(relisten->listener) > 0;
    uint64_t failures = count(relisten).unexplained;
    if (has_listener && failures == relisten->failures) return;
    if (!has_listener || !is_minded(relisten)) {
        listen_anew(relisten);
        failures = 0; // Of the new listener.
    }
    // One that came after the knock was let in may have shut the door behind it: it is seen next
    // time. Only with TLS our own knock counts as one.
    relisten->failures = has_tls(relisten) ? count(relisten).unexplained : failures;
}
