#include "gateway/http/internal.h"

#include <stdlib.h>
#include <time.h>

static const struct {
    uint16_t status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *phrase_of(uint16_t status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].status == status) return phrases[i].phrase;
    }
    return ""; // RFC 9112 section 4: the phrase may be absent, the space before it may not.
}

static void reserve(struct output *output, size_t size)
{
    if (output->begin == output->end) output->begin = output->end = 0;
    if (output->capacity - output->end >= size) return;
    if (output->begin > 0) {
        memmove(output->data, output->data + output->begin, output->end - output->begin);
        output->end -= output->begin;
        output->begin = 0;
        if (output->capacity - output->end >= size) return;
    }
    size_t capacity = output->capacity > 0 ? output->capacity : 1024;
    while (capacity - output->end < size) {
        capacity *= 2;
    }
    output->data = realloc(output->data, capacity);
    CHECK(output->data != NULL);
    output->capacity = capacity;
}

void output_append(struct output *output, const void *data, size_t size)
{
    if (size == 0) return;
    reserve(output, size);
    memcpy(output->data + output->end, data, size);
    output->end += size;
}

void output_reset(struct output *output)
{
    output->begin = output->end = 0;
    if (output->capacity > KEPT_OUTPUT_BYTES) {
        free(output->data);
        *output = (struct output){0};
    }
}

static void append_text(struct output *output, const char *text)
{
    output_append(output, text, strlen(text));
}

static void append_u64(struct output *output, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    output_append(output, digits + at, sizeof digits - at);
}

static void append_field(struct output *out, const char *name, const char *value)
{
    append_text(out, name);
    append_text(out, ": ");
    const size_t value_bytes = strlen(value);
    output_append(out, value, value_bytes);
    // A value may come from outside: a line break in it must not become a header of ours.
    for (uint8_t *at = out->data + out->end - value_bytes; at < out->data + out->end; at++) {
        if ((*at < ' ' && *at != '\t') || *at == 127) *at = ' ';
    }
    append_text(out, "\r\n");
}

bool response_may_have_body(uint16_t status)
{
    return status != 204 && status != 304;
}

void response_write_head(struct output *out, const struct http_response *response,
                         struct response_framing framing, const char *date)
{
    append_text(out, "HTTP/1.1 ");
    append_u64(out, response->status);
    append_text(out, " ");
    append_text(out, phrase_of(response->status));
    append_text(out, "\r\nDate: ");
    append_text(out, date);
    append_text(out, "\r\n");
    for (size_t i = 0; i < response->field_count; i++) {
        const struct http_field *field = &response->fields[i];
        if (field->value != NULL) append_field(out, field->name, field->value);
    }
    if (framing.chunked) append_text(out, "Transfer-Encoding: chunked\r\n");
    if (framing.content_length >= 0) {
        append_text(out, "Content-Length: ");
        append_u64(out, (uint64_t)framing.content_length);
        append_text(out, "\r\n");
    }
    if (!framing.keep_alive) append_text(out, "Connection: close\r\n");
    if (framing.keep_alive && framing.minor_version == 0) {
        append_text(out, "Connection: keep-alive\r\n");
    }
    append_text(out, "\r\n");
}

void response_format_date(uint64_t unix_seconds, char ret_text[static DATE_TEXT_BYTES])
{
    // Not strftime: its names follow the process's locale.
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t seconds = (time_t)unix_seconds;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char text[64];
    snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday],
             utc.tm_mday, months[utc.tm_mon], (utc.tm_year + 1900) % 10000, utc.tm_hour, utc.tm_min,
             utc.tm_sec);
    memcpy(ret_text, text, DATE_TEXT_BYTES - 1);
    ret_text[DATE_TEXT_BYTES - 1] = '\0';
}
