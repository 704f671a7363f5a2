#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// TAIL_BYTES are kept free for whatever must still follow a cut value: its closing quote, the mark
// of truncation and the end of the line.
enum { TAIL_BYTES = 32, TIME_MS_BYTES = 23, NAME_BYTES = 32 };

static char process_name[NAME_BYTES] = "florin";
static _Atomic(enum log_format) current_format = LOG_FORMAT_LOGFMT;
static _Atomic(enum log_level) current_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

struct line {
    enum log_format format;
    bool truncated; // Nothing may follow but the tail.
    size_t size;
    char text[LOG_LINE_BYTES_MAX];
};

void log_open(const char *daemon_name, enum log_format format, enum log_level level)
{
    snprintf(process_name, sizeof process_name, "%s", daemon_name);
    atomic_store(&current_format, format);
    atomic_store(&current_level, level);
}

void log_set_level(enum log_level level)
{
    atomic_store(&current_level, level);
}

bool log_enabled(enum log_level level)
{
    return level >= atomic_load_explicit(&current_level, memory_order_relaxed);
}

static bool put(struct line *line, const char *text, size_t size)
{
    if (line->truncated || size > sizeof line->text - TAIL_BYTES - line->size) {
        line->truncated = true;
        return false;
    }
    memcpy(line->text + line->size, text, size);
    line->size += size;
    return true;
}

static void put_tail(struct line *line, const char *text)
{
    size_t size = strlen(text);
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

// Which escape a code point needs within quotes; 0 when it stands for itself.
static size_t escape(const char *at, size_t bytes, char ret_escape[static 7])
{
    static const struct {
        char plain;
        const char *escaped;
    } short_forms[] = {
        {'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {'\r', "\\r"}, {'\t', "\\t"},
    };

    unsigned char lead = (unsigned char)at[0];
    for (size_t i = 0; bytes == 1 && i < sizeof short_forms / sizeof short_forms[0]; i++) {
        if (at[0] == short_forms[i].plain) {
            return (size_t)snprintf(ret_escape, 7, "%s", short_forms[i].escaped);
        }
    }
    unsigned control = 0xFFFD;
    if (bytes == 1 && (lead < 0x20 || lead == 0x7F)) {
        control = lead;
    } else if (bytes == 2 && lead == 0xC2 && (unsigned char)at[1] < 0xA0) {
        control = (unsigned char)at[1];
    } else if (bytes > 0) {
        return 0;
    }
    return (size_t)snprintf(ret_escape, 7, "\\u%04x", control);
}

static bool stands_bare(const char *text)
{
    if (text[0] == '\0') return false;
    size_t size = strlen(text);
    char unused[7];
    while (size > 0) {
        size_t bytes = text_next_code_point(text, size);
        if (text[0] == ' ' || text[0] == '=' || escape(text, bytes, unused) > 0) return false;
        text += bytes;
        size -= bytes;
    }
    return true;
}

static void put_text(struct line *line, const char *text)
{
    size_t size = strlen(text);
    bool quoted = line->format == LOG_FORMAT_JSON || !stands_bare(text);
    if (quoted && !put(line, "\"", 1)) return;
    while (size > 0) {
        char escaped[7];
        size_t bytes = text_next_code_point(text, size);
        size_t escaped_size = escape(text, bytes, escaped);
        if (!(escaped_size > 0 ? put(line, escaped, escaped_size) : put(line, text, bytes))) break;
        text += bytes > 0 ? bytes : 1;
        size -= bytes > 0 ? bytes : 1;
    }
    if (quoted) put_tail(line, "\"");
}

// The key and the first byte of its value go in whole or not at all.
static bool put_key(struct line *line, const char *key)
{
    size_t before = line->size;
    bool json = line->format == LOG_FORMAT_JSON;
    const char *lead = before == 0 ? (json ? "{\"" : "") : (json ? ",\"" : " ");
    const char *trail = json ? "\":" : "=";
    if (put(line, lead, strlen(lead)) && put(line, key, strlen(key)) &&
        put(line, trail, strlen(trail)) && sizeof line->text - TAIL_BYTES - line->size >= 21) {
        return true;
    }
    line->truncated = true;
    line->size = before;
    return false;
}

static void put_field(struct line *line, const struct log_field *field)
{
    char number[24];
    if (field->kind == LOG_VALUE_TEXT && field->text == NULL) return;
    if (!put_key(line, field->key)) return;
    switch (field->kind) {
    case LOG_VALUE_TEXT:
        put_text(line, field->text);
        break;
    case LOG_VALUE_U64:
        put(line, number, (size_t)snprintf(number, sizeof number, "%ju", (uintmax_t)field->u64));
        break;
    case LOG_VALUE_I64:
        put(line, number, (size_t)snprintf(number, sizeof number, "%jd", (intmax_t)field->i64));
        break;
    }
}

static void write_line(const struct line *line)
{
    // One call, so that lines of several threads and processes do not mix. A line that the reader
    // does not take is lost: waiting for a log would stop the daemon.
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line->text, line->size);
    } while (written < 0 && errno == EINTR);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count)
{
    int saved_errno = errno;
    char time[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(clock_wall_ns(), time);
    time[TIME_MS_BYTES] = 'Z';
    time[TIME_MS_BYTES + 1] = '\0';

    struct line line;
    line.format = atomic_load_explicit(&current_format, memory_order_relaxed);
    line.truncated = false;
    line.size = 0;
    const struct log_field head[] = {
        LOG_TEXT("time", time),
        LOG_TEXT("level", level_names[level]),
        LOG_TEXT("daemon", process_name),
        LOG_TEXT("msg", message),
    };
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) {
        put_field(&line, &head[i]);
    }
    for (size_t i = 0; i < field_count && !line.truncated; i++) {
        put_field(&line, &fields[i]);
    }

    bool json = line.format == LOG_FORMAT_JSON;
    if (line.truncated) put_tail(&line, json ? ",\"truncated\":true" : " truncated=true");
    put_tail(&line, json ? "}\n" : "\n");
    write_line(&line);
    errno = saved_errno;
}

void log_status(enum log_level level, const char *message, struct status status)
{
    LOG_AT(level, message, LOG_TEXT("code", status_code_name(status.code)),
           LOG_TEXT("reason", status.reason), LOG_TEXT("error", status.message));
}
