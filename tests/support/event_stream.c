#include "tests/support/event_stream.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_BYTES = 8192, READ_BYTES = 64 * 1024, COMMENT_BYTES = 128 };

struct buffer {
    char *data; // NUL behind it.
    size_t size, capacity;
};

enum body { BODY_SIZED, BODY_CHUNKED, BODY_UNTIL_CLOSE };

struct event_stream {
    int fd;
    bool is_closed;     // By the other end.
    struct buffer raw;  // Received, and not taken apart yet.
    struct buffer head; // Complete when status is set.
    struct buffer body; // De-chunked.
    size_t body_taken;  // Of it, by lines.
    int status;
    enum body framing;
    size_t left; // Of a sized body or of the chunk.
    bool is_complete;
    struct buffer id, type, data; // Of the event that is being read.
    bool has_data, is_given;
    size_t comments;
    char comment[COMMENT_BYTES];
    uint64_t retry_ms;
};

// ---- Buffers -------------------------------------------------------------------------------

static void append(struct buffer *buffer, const char *data, size_t size)
{
    if (buffer->size + size + 1 > buffer->capacity) {
        buffer->capacity = 2 * (buffer->size + size + 1);
        buffer->data = realloc(buffer->data, buffer->capacity);
        CHECK(buffer->data != NULL);
    }
    if (size > 0) memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
}

static void cut(struct buffer *buffer, size_t size)
{
    memmove(buffer->data, buffer->data + size, buffer->size - size + 1);
    buffer->size -= size;
}

static void clear(struct buffer *buffer)
{
    buffer->size = 0;
    append(buffer, "", 0);
}

// ---- HTTP ----------------------------------------------------------------------------------

struct event_stream *event_stream_open(const struct event_stream_request *request)
{
    struct event_stream *stream = calloc(1, sizeof *stream);
    CHECK(stream != NULL);
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(stream->fd >= 0);
    if (request->receive_bytes > 0)
        CHECK(setsockopt(stream->fd, SOL_SOCKET, SO_RCVBUF, &request->receive_bytes,
                         sizeof request->receive_bytes) == 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)request->port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (connect(stream->fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        close(stream->fd);
        free(stream);
        return NULL;
    }
    char text[REQUEST_BYTES];
    const char *token = request->token, *last = request->last_event_id;
    int size = snprintf(
        text, sizeof text,
        "%s /v1/events/stream%s HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n"
        "%s%s%s%s%s%s%s\r\n",
        request->method != NULL ? request->method : "GET",
        request->query != NULL ? request->query : "", token != NULL ? "Authorization: Bearer " : "",
        token != NULL ? token : "", token != NULL ? "\r\n" : "",
        last != NULL ? "Last-Event-ID: " : "", last != NULL ? last : "", last != NULL ? "\r\n" : "",
        request->headers != NULL ? request->headers : "");
    CHECK(size > 0 && (size_t)size < sizeof text);
    CHECK(send(stream->fd, text, (size_t)size, MSG_NOSIGNAL) == size);
    struct buffer *const buffers[] = {&stream->raw, &stream->head, &stream->body,
                                      &stream->id,  &stream->type, &stream->data};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        clear(buffers[i]);
    return stream;
}

void event_stream_close(struct event_stream **stream)
{
    struct event_stream *closed = *stream;
    if (closed == NULL) return;
    close(closed->fd);
    struct buffer *const buffers[] = {&closed->raw, &closed->head, &closed->body,
                                      &closed->id,  &closed->type, &closed->data};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        free(buffers[i]->data);
    free(closed);
    *stream = NULL;
}

static const char *header(const struct event_stream *stream, const char *name)
{
    for (const char *at = stream->head.data; (at = strstr(at, "\r\n")) != NULL;) {
        at += 2;
        size_t size = strlen(name);
        if (strncasecmp(at, name, size) == 0 && at[size] == ':') return at + size + 2;
    }
    return NULL;
}

static void read_head(struct event_stream *stream)
{
    const char *end = strstr(stream->raw.data, "\r\n\r\n");
    if (end == NULL) return;
    size_t size = (size_t)(end - stream->raw.data) + 4;
    append(&stream->head, stream->raw.data, size);
    cut(&stream->raw, size);
    CHECK(strncmp(stream->head.data, "HTTP/1.1 ", 9) == 0);
    stream->status = (int)strtol(stream->head.data + 9, NULL, 10);
    const char *length = header(stream, "content-length"),
               *coding = header(stream, "transfer-encoding");
    stream->framing = BODY_UNTIL_CLOSE;
    if (length != NULL) {
        stream->framing = BODY_SIZED;
        stream->left = strtoul(length, NULL, 10);
    } else if (coding != NULL) {
        CHECK(strncmp(coding, "chunked\r\n", 9) == 0);
        stream->framing = BODY_CHUNKED;
    }
}

static void take_raw(struct event_stream *stream, size_t size)
{
    append(&stream->body, stream->raw.data, size);
    cut(&stream->raw, size);
    if (stream->framing != BODY_UNTIL_CLOSE) stream->left -= size;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void read_chunks(struct event_stream *stream)
{
    while (!stream->is_complete) {
        if (stream->left > 2) { // The data and the line end behind it.
            size_t size = smaller(stream->left - 2, stream->raw.size);
            if (size == 0) return;
            take_raw(stream, size);
        } else if (stream->left > 0) {
            if (stream->raw.size < 2) return;
            CHECK(memcmp(stream->raw.data, "\r\n", 2) == 0);
            cut(&stream->raw, 2);
            stream->left = 0;
        } else {
            const char *end = strstr(stream->raw.data, "\r\n");
            if (end == NULL) return;
            char *digits_end;
            size_t size = strtoul(stream->raw.data, &digits_end, 16);
            CHECK(digits_end == end && digits_end > stream->raw.data);
            if (size == 0 && stream->raw.size < 5) return;
            if (size == 0) CHECK(strcmp(stream->raw.data, "0\r\n\r\n") == 0);
            cut(&stream->raw, size == 0 ? 5 : (size_t)(end - stream->raw.data) + 2);
            stream->is_complete = size == 0;
            stream->left = size + 2;
        }
    }
}

static void take_apart(struct event_stream *stream)
{
    if (stream->status == 0) read_head(stream);
    if (stream->status == 0 || stream->is_complete) return;
    if (stream->framing == BODY_CHUNKED) {
        read_chunks(stream);
    } else if (stream->framing == BODY_SIZED) {
        take_raw(stream, smaller(stream->left, stream->raw.size));
        stream->is_complete = stream->left == 0;
    } else {
        take_raw(stream, stream->raw.size);
        stream->is_complete = stream->is_closed;
    }
}

/// receive waits for bytes; false: none within the time, or no more.
static bool receive(struct event_stream *stream, int timeout_ms)
{
    char data[READ_BYTES];
    struct pollfd watched = {.fd = stream->fd, .events = POLLIN};
    if (stream->is_closed || stream->is_complete) return false;
    if (poll(&watched, 1, timeout_ms) <= 0) return false;
    ssize_t size = recv(stream->fd, data, sizeof data, 0);
    stream->is_closed = size <= 0;
    if (size > 0) append(&stream->raw, data, (size_t)size);
    take_apart(stream);
    return true;
}

static int time_left_ms(uint64_t until_ns)
{
    uint64_t now_ns = clock_mono_ns();
    return now_ns < until_ns ? (int)((until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

int event_stream_status(struct event_stream *stream, int timeout_ms)
{
    uint64_t until_ns = clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    while (stream->status == 0 && receive(stream, time_left_ms(until_ns))) {
    }
    return stream->status;
}

const char *event_stream_head(const struct event_stream *stream)
{
    return stream->head.data;
}

const char *event_stream_body(struct event_stream *stream, int timeout_ms)
{
    uint64_t until_ns = clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    while (!stream->is_complete && receive(stream, time_left_ms(until_ns))) {
    }
    return stream->body.data;
}

// ---- Events --------------------------------------------------------------------------------

static void begin_event(struct event_stream *stream)
{
    clear(&stream->type);
    clear(&stream->data);
    stream->has_data = stream->is_given = false;
}

static void take_field(struct event_stream *stream, const char *name, const char *value)
{
    if (strcmp(name, "id") == 0) {
        clear(&stream->id);
        append(&stream->id, value, strlen(value));
    } else if (strcmp(name, "event") == 0) {
        clear(&stream->type);
        append(&stream->type, value, strlen(value));
    } else if (strcmp(name, "data") == 0) {
        if (stream->has_data) append(&stream->data, "\n", 1);
        append(&stream->data, value, strlen(value));
        stream->has_data = true;
    } else if (strcmp(name, "retry") == 0) {
        stream->retry_ms = strtoull(value, NULL, 10);
    } else {
        CHECK(false && "a field that the gateway never writes");
    }
}

/// take_line is true when the line ends an event.
static bool take_line(struct event_stream *stream, char *line)
{
    if (*line == '\0') return stream->has_data;
    if (*line == ':') {
        stream->comments++;
        snprintf(stream->comment, sizeof stream->comment, "%s", line + 1);
        return false;
    }
    char *colon = strchr(line, ':');
    CHECK(colon != NULL);
    *colon = '\0';
    take_field(stream, line, colon[1] == ' ' ? colon + 2 : colon + 1);
    return false;
}

static bool read_event(struct event_stream *stream)
{
    for (;;) {
        char *line = stream->body.data + stream->body_taken;
        char *end = memchr(line, '\n', stream->body.size - stream->body_taken);
        if (end == NULL) break;
        *end = '\0';
        stream->body_taken += (size_t)(end - line) + 1;
        CHECK(strchr(line, '\r') == NULL && strlen(line) == (size_t)(end - line));
        if (take_line(stream, line)) return true;
    }
    cut(&stream->body, stream->body_taken);
    stream->body_taken = 0;
    return false;
}

enum event_stream_result event_stream_next(struct event_stream *stream, int timeout_ms,
                                           struct event_stream_event *ret)
{
    uint64_t until_ns = clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    if (stream->is_given) begin_event(stream);
    while (!read_event(stream)) {
        if (stream->is_complete) return EVENT_STREAM_END;
        if (stream->is_closed) return EVENT_STREAM_CUT;
        if (!receive(stream, time_left_ms(until_ns)) && !stream->is_closed)
            return EVENT_STREAM_QUIET;
    }
    stream->is_given = true;
    *ret = (struct event_stream_event){stream->id.data, stream->type.data, stream->data.data};
    return EVENT_STREAM_EVENT;
}

int event_stream_fd(const struct event_stream *stream)
{
    return stream->fd;
}

size_t event_stream_comments(const struct event_stream *stream)
{
    return stream->comments;
}

const char *event_stream_last_comment(const struct event_stream *stream)
{
    return stream->comment;
}

uint64_t event_stream_retry_ms(const struct event_stream *stream)
{
    return stream->retry_ms;
}
