#include "tests/support/web_peer.h"

#include "common/base/check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct web_peer {
    const struct peer_identity *identity;
    struct peer *peer;
    pthread_mutex_t lock; // Of what follows.
    const char *status, *headers;
    size_t received;
    struct web_received last;
};

static bool read_request(struct peer_line *line, struct web_received *ret)
{
    char text[1024];
    size_t size = 0, body_size = 0;
    while (peer_read_line(line, text, sizeof text) && text[0] != '\0') {
        if (strncmp(text, "Content-Length: ", 16) == 0) body_size = strtoul(text + 16, NULL, 10);
        int added = snprintf(ret->head + size, sizeof ret->head - size, "%s\n", text);
        CHECK(added > 0 && (size_t)added < sizeof ret->head - size);
        size += (size_t)added;
    }
    CHECK(body_size < sizeof ret->body);
    ret->body[body_size] = '\0';
    return size > 0 && peer_read(line, ret->body, body_size);
}

static void talk(struct peer_line *line, void *context)
{
    struct web_peer *peer = context;
    struct web_received request;
    char answer[1024];
    if (peer->identity != NULL && !peer_start_tls(line, peer->identity)) return;
    if (!read_request(line, &request)) return;
    pthread_mutex_lock(&peer->lock);
    peer->received++;
    peer->last = request;
    const char *status = peer->status, *headers = peer->headers;
    pthread_mutex_unlock(&peer->lock);
    if (status == NULL) {
        peer_hang(line);
    } else if (status[0] != '\0') {
        bool has_body = strncmp(status, "204", 3) != 0;
        snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\n%s%s", status, headers,
                 has_body ? "Content-Length: 2\r\n\r\n{}" : "\r\n");
        (void)peer_write(line, answer);
    }
}

struct web_peer *web_peer_open(const struct peer_identity *identity)
{
    struct web_peer *peer = calloc(1, sizeof *peer);
    CHECK(peer != NULL);
    *peer = (struct web_peer){.identity = identity, .status = "200 OK", .headers = ""};
    pthread_mutex_init(&peer->lock, NULL);
    peer->peer = peer_open(0, talk, peer);
    return peer;
}

void web_peer_close(struct web_peer **peer)
{
    if (*peer == NULL) return;
    peer_close(&(*peer)->peer);
    pthread_mutex_destroy(&(*peer)->lock);
    free(*peer);
    *peer = NULL;
}

uint16_t web_peer_port(const struct web_peer *peer)
{
    return peer_port(peer->peer);
}

void web_peer_set_answer(struct web_peer *peer, const char *status, const char *headers)
{
    pthread_mutex_lock(&peer->lock);
    peer->status = status;
    peer->headers = headers;
    pthread_mutex_unlock(&peer->lock);
}

size_t web_peer_received(struct web_peer *peer, struct web_received *ret_last)
{
    pthread_mutex_lock(&peer->lock);
    size_t count = peer->received;
    if (ret_last != NULL) *ret_last = peer->last;
    pthread_mutex_unlock(&peer->lock);
    return count;
}
