#include "tests/unit/gateway_http/client.h"

#include "tests/unit/gateway_http/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

void client_open(struct client *client, uint16_t port)
{
    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(client->fd >= 0);
    const struct timeval patience = {.tv_sec = 10};
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const int on = 1;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&to, sizeof to), 0);
}

long client_open_tls(struct client *client, uint16_t port)
{
    client_open(client, port);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    client->tls = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_fd(client->tls, client->fd);
    if (SSL_connect(client->tls) != 1) return 0;
    X509 *shown = SSL_get1_peer_certificate(client->tls);
    assert_non_null(shown);
    const long serial = ASN1_INTEGER_get(X509_get0_serialNumber(shown));
    X509_free(shown);
    return serial;
}

void client_close(struct client *client)
{
    if (client->tls != NULL) SSL_free(client->tls);
    if (client->fd >= 0) close(client->fd);
    free(client->buffer);
    *client = (struct client){.fd = -1};
}

void client_reset(struct client *client)
{
    const struct linger now = {.l_onoff = 1};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    client_close(client);
}

void client_finish_sending(struct client *client)
{
    assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
}

void client_send_bytes(struct client *client, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        const ssize_t sent = client->tls != NULL
                                 ? SSL_write(client->tls, at, size > 16384 ? 16384 : (int)size)
                                 : send(client->fd, at, size, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += sent;
        size -= (size_t)sent;
    }
}

void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

/// One more read; false at the end of the connection, by FIN or RST.
static bool receive_more(struct client *client)
{
    if (client->begin > 0) {
        memmove(client->buffer, client->buffer + client->begin, client->end - client->begin);
        client->end -= client->begin;
        client->begin = 0;
    }
    if (client->end == client->capacity) {
        client->capacity = client->capacity > 0 ? client->capacity * 2 : 65536;
        client->buffer = realloc(client->buffer, client->capacity);
        assert_non_null(client->buffer);
    }
    char *to = client->buffer + client->end;
    const size_t room = client->capacity - client->end;
    const ssize_t got =
        client->tls != NULL ? SSL_read(client->tls, to, (int)room) : recv(client->fd, to, room, 0);
    if (got < 0 && errno == EAGAIN && client->tls == NULL) fail_msg("the server says nothing");
    if (got > 0) client->end += (size_t)got;
    return got > 0;
}

static void need(struct client *client, size_t size)
{
    while (client->end - client->begin < size) {
        if (!receive_more(client)) fail_msg("the server closed in the middle of an answer");
    }
}

/// Size of the text up to and with `mark`, which is waited for.
static size_t need_mark(struct client *client, const char *mark)
{
    for (;;) {
        const char *found = client->end == client->begin
                                ? NULL
                                : memmem(client->buffer + client->begin,
                                         client->end - client->begin, mark, strlen(mark));
        if (found != NULL) {
            return (size_t)(found - client->buffer) - client->begin + strlen(mark);
        }
        need(client, client->end - client->begin + 1);
    }
}

static void append_body(struct client *client, struct reply *reply, size_t size)
{
    need(client, size);
    reply->body = realloc(reply->body, reply->body_size + size + 1);
    assert_non_null(reply->body);
    memcpy(reply->body + reply->body_size, client->buffer + client->begin, size);
    reply->body_size += size;
    reply->body[reply->body_size] = '\0';
    client->begin += size;
}

static void receive_chunks(struct client *client, struct reply *reply)
{
    for (;;) {
        const size_t line = need_mark(client, "\r\n");
        const size_t size = strtoul(client->buffer + client->begin, NULL, 16);
        client->begin += line;
        append_body(client, reply, size);
        need(client, 2);
        assert_memory_equal(client->buffer + client->begin, "\r\n", 2);
        client->begin += 2;
        if (size == 0) return;
    }
}

const char *reply_header(const struct reply *reply, const char *name)
{
    static char value[1024];
    const size_t name_size = strlen(name);
    for (const char *line = strstr(reply->head, "\r\n"); line != NULL && line[2] != '\0';
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, name_size) == 0 && line[2 + name_size] == ':') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line + 4 + name_size, "\r"),
                     line + 4 + name_size);
            return value;
        }
    }
    return NULL;
}

void client_receive(struct client *client, struct reply *ret, bool to_head)
{
    *ret = (struct reply){0};
    const size_t head_size = need_mark(client, "\r\n\r\n");
    assert_true(head_size < sizeof ret->head);
    memcpy(ret->head, client->buffer + client->begin, head_size);
    client->begin += head_size;
    assert_memory_equal(ret->head, "HTTP/1.1 ", 9);
    ret->status = (int)strtol(ret->head + 9, NULL, 10);
    ret->body = calloc(1, 1);
    const bool no_body = to_head || ret->status == 204 || ret->status == 304 || ret->status == 100;
    if (no_body) return;
    const char *length = reply_header(ret, "Content-Length");
    if (length != NULL) {
        append_body(client, ret, strtoul(length, NULL, 10));
    } else if (reply_header(ret, "Transfer-Encoding") != NULL) {
        receive_chunks(client, ret);
    } else {
        while (receive_more(client)) {
        }
        append_body(client, ret, client->end - client->begin);
    }
}

void reply_free(struct reply *reply)
{
    free(reply->body);
    *reply = (struct reply){0};
}

void client_ask(struct client *client, const char *text, int status)
{
    client_send(client, text);
    struct reply reply;
    client_receive(client, &reply, false);
    if (reply.status != status) fail_msg("%s\ninstead of %d to\n%s", reply.head, status, text);
    reply_free(&reply);
}

bool client_sees_end(struct client *client)
{
    return client->begin == client->end && !receive_more(client);
}

void client_skip(struct client *client, size_t size)
{
    need(client, size);
    client->begin += size;
}
