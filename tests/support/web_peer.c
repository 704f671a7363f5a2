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
    struct web_answer answer;
    web_answerer answerer; // Instead of it, unless NULL.
    void *context;
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

void web_received_header(const struct web_received *received, const char *name, char *ret,
                         size_t ret_bytes)
{
    size_t name_size = strlen(name);
    ret[0] = '\0';
    for (const char *line = received->head; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (strncmp(line, name, name_size) != 0 || strncmp(line + name_size, ": ", 2) != 0)
            continue;
        const char *value = line + name_size + 2;
        snprintf(ret, ret_bytes, "%.*s", (int)strcspn(value, "\n"), value);
        return;
    }
}

static void answer(struct peer_line *line, const struct web_answer *answer_)
{
    char head[1024];
    if (answer_->status == NULL) {
        peer_hang(line);
        return;
    }
    if (answer_->status[0] == '\0') return;
    bool has_body = strncmp(answer_->status, "204", 3) != 0;
    const char *body = answer_->body != NULL ? answer_->body : "{}";
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\n", answer_->status);
    (void)peer_write(line, head);
    if (answer_->headers[0] != '\0') (void)peer_write(line, answer_->headers); // Of any length.
    snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", strlen(body));
    (void)peer_write(line, has_body ? head : "\r\n");
    if (has_body && body[0] != '\0') (void)peer_write(line, body);
}

static void talk(struct peer_line *line, void *context)
{
    struct web_peer *peer = context;
    struct web_received *request = malloc(sizeof *request);
    CHECK(request != NULL);
    bool is_whole = (peer->identity == NULL || peer_start_tls(line, peer->identity)) &&
                    read_request(line, request);
    if (is_whole) {
        pthread_mutex_lock(&peer->lock);
        size_t number = peer->received++;
        peer->last = *request;
        struct web_answer said = peer->answer;
        if (peer->answerer != NULL) said = peer->answerer(peer->context, number, request);
        pthread_mutex_unlock(&peer->lock);
        answer(line, &said);
    }
    free(request);
}

struct web_peer *web_peer_open(const struct peer_identity *identity)
{
    struct web_peer *peer = calloc(1, sizeof *peer);
    CHECK(peer != NULL);
    *peer = (struct web_peer){.identity = identity, .answer = {"200 OK", "", NULL}};
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
    peer->answer = (struct web_answer){status, headers, NULL};
    peer->answerer = NULL;
    pthread_mutex_unlock(&peer->lock);
}

void web_peer_set_answerer(struct web_peer *peer, web_answerer answerer, void *context)
{
    pthread_mutex_lock(&peer->lock);
    peer->answerer = answerer;
    peer->context = context;
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
