#include "services/audit/convert_export.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/base/version.h"
#include "common/event/registry.h"
#include "common/event/types.h"
#include "services/audit/event_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { EVENT_BYTES_GUESS = 2048 };

#define WRITE_LITERAL(writer_, text_) json_write_raw((writer_), (text_), sizeof(text_) - 1)

// ---- Severity ------------------------------------------------------------------------------

// The first row that fits; whatever was refused is at least low.
// clang-format off
static const struct { const char *pattern; enum audit_severity severity; } severities[] = {
    {"audit.suspicion.*",       AUDIT_SEVERITY_HIGH},
    {"auth.login.suspicious",   AUDIT_SEVERITY_MEDIUM},
    {"auth.password.disabled",  AUDIT_SEVERITY_MEDIUM},
    {"auth.factor.locked",      AUDIT_SEVERITY_MEDIUM},
    {"auth.user.blocked",       AUDIT_SEVERITY_MEDIUM},
    {"auth.user.factors_reset", AUDIT_SEVERITY_MEDIUM},
    {"audit.details.erased",    AUDIT_SEVERITY_MEDIUM},
    {"auth.role.*",             AUDIT_SEVERITY_LOW},
    {"auth.feature.*",          AUDIT_SEVERITY_LOW},
    {"auth.user.roles_changed", AUDIT_SEVERITY_LOW},
    {"auth.keys.*",             AUDIT_SEVERITY_LOW},
    {"audit.events.exported",   AUDIT_SEVERITY_LOW},
    {"ledger.account.frozen",   AUDIT_SEVERITY_LOW},
};

// clang-format on

enum audit_severity audit_severity_of(const struct audit_entry *entry)
{
    for (size_t i = 0; i < sizeof severities / sizeof severities[0]; i++)
        if (event_pattern_matches(bytes_of_text(severities[i].pattern), entry->action))
            return severities[i].severity;
    bool is_refused = bytes_equal(entry->outcome, bytes_of_text("refused"));
    return is_refused ? AUDIT_SEVERITY_LOW : AUDIT_SEVERITY_INFORMATIONAL;
}

// ---- CSV -----------------------------------------------------------------------------------

#define CSV_HEADER                                                                                 \
    "index,time,source,seq,action,actor,resource,outcome,reason,request_id,traceparent,"           \
    "client_ip,device_id,leaf_hash,before_digest,after_digest,data\r\n"

static void write_quoted_csv(struct json_writer *writer, const char *text, bool is_formula)
{
    WRITE_LITERAL(writer, "\"");
    if (is_formula) WRITE_LITERAL(writer, "'");
    for (;;) {
        size_t size = strcspn(text, "\"");
        json_write_raw(writer, text, size);
        if (text[size] == '\0') break;
        WRITE_LITERAL(writer, "\"\"");
        text += size + 1;
    }
    WRITE_LITERAL(writer, "\"");
}

static void write_csv_value(struct json_writer *writer, const char *text, bool is_last)
{
    bool is_formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
    if (is_formula || strpbrk(text, "\",\r\n") != NULL) {
        write_quoted_csv(writer, text, is_formula);
    } else {
        json_write_raw(writer, text, strlen(text));
    }
    if (is_last) {
        WRITE_LITERAL(writer, "\r\n");
    } else {
        WRITE_LITERAL(writer, ",");
    }
}

enum { HASH_TEXT_BYTES = 2 * HASH_SHA256_BYTES + 1, NUMBER_TEXT_BYTES = 24 };

static const char *hash_text(const ProtobufCBinaryData *hash, char ret[static HASH_TEXT_BYTES])
{
    CHECK(hash->len <= HASH_SHA256_BYTES);
    hex_encode(hash->data, hash->len, ret);
    ret[2 * hash->len] = '\0';
    return ret;
}

static const char *number_text(uint64_t number, char ret[static NUMBER_TEXT_BYTES])
{
    (void)snprintf(ret, NUMBER_TEXT_BYTES, "%" PRIu64, number);
    return ret;
}

static void write_csv(struct json_writer *writer, const struct audit_event *event,
                      const Audit__AuditEvent *message)
{
    (void)event;
    char index[NUMBER_TEXT_BYTES], seq[NUMBER_TEXT_BYTES], time[CLOCK_RFC3339_BYTES];
    char leaf[HASH_TEXT_BYTES], before[HASH_TEXT_BYTES], after[HASH_TEXT_BYTES];
    clock_format_rfc3339(message->time, time);

    const char *const values[] = {
        number_text(message->index, index),
        time,
        message->source,
        number_text(message->seq, seq),
        message->action,
        message->actor,
        message->resource,
        message->outcome,
        message->reason,
        message->request_id,
        message->traceparent,
        message->client_ip,
        message->device_id,
        hash_text(&message->leaf_hash, leaf),
        hash_text(&message->before_digest, before),
        hash_text(&message->after_digest, after),
        message->data,
    };

    enum { VALUES = sizeof values / sizeof values[0] };

    for (size_t i = 0; i < VALUES; i++)
        write_csv_value(writer, values[i], i + 1 == VALUES);
}

// ---- CEF -----------------------------------------------------------------------------------

// In the header | and \ are escaped, in a value = and \; what would end the line becomes \n and \r
// there, and a blank in the header, where there is no word for it.
static void write_cef_text(struct json_writer *writer, const char *text, bool is_header)
{
    for (; *text != '\0'; text++) {
        char c = *text;
        bool is_line_end = c == '\n' || c == '\r';
        if (is_line_end && is_header) {
            WRITE_LITERAL(writer, " ");
        } else if (is_line_end) {
            json_write_raw(writer, c == '\n' ? "\\n" : "\\r", 2);
        } else {
            bool is_special = c == '\\' || c == (is_header ? '|' : '=');
            if (is_special) WRITE_LITERAL(writer, "\\");
            json_write_raw(writer, &c, 1);
        }
    }
}

static void write_cef_pair(struct json_writer *writer, const char *key, const char *value)
{
    if (value[0] == '\0') return;
    WRITE_LITERAL(writer, " ");
    json_write_raw(writer, key, strlen(key));
    WRITE_LITERAL(writer, "=");
    write_cef_text(writer, value, false);
}

static void write_cef_custom(struct json_writer *writer, const char *key, const char *label,
                             const char *value)
{
    enum { CUSTOM_BYTES_MAX = 4000 }; // Of cs1 to cs6, by the format: beyond it is left out.

    char label_key[16];
    if (value[0] == '\0' || strlen(value) > CUSTOM_BYTES_MAX) return;
    (void)snprintf(label_key, sizeof label_key, "%sLabel", key);
    write_cef_pair(writer, label_key, label);
    write_cef_pair(writer, key, value);
}

static const char *summary_of(const struct audit_event *event, const char *action)
{
    const struct rpc_event_type *type = event_type_find(event->entry.action);
    return type != NULL ? type->summary : action;
}

static void write_cef_extension(struct json_writer *writer, const Audit__AuditEvent *message)
{
    char number[NUMBER_TEXT_BYTES], leaf[HASH_TEXT_BYTES];
    write_cef_pair(writer, "externalId", number_text(message->index, number));
    write_cef_pair(writer, "sourceServiceName", message->source);
    write_cef_pair(writer, "suser", message->actor);
    if (strchr(message->client_ip, ':') == NULL) { // src is for IPv4 alone.
        write_cef_pair(writer, "src", message->client_ip);
    } else {
        write_cef_pair(writer, "c6a2Label", "Source IPv6 Address");
        write_cef_pair(writer, "c6a2", message->client_ip);
    }
    write_cef_pair(writer, "outcome", message->outcome);
    write_cef_pair(writer, "reason", message->reason);
    write_cef_custom(writer, "cs1", "resource", message->resource);
    write_cef_custom(writer, "cs2", "requestId", message->request_id);
    write_cef_custom(writer, "cs3", "traceparent", message->traceparent);
    write_cef_custom(writer, "cs4", "deviceId", message->device_id);
    write_cef_custom(writer, "cs5", "leafHash", hash_text(&message->leaf_hash, leaf));
    write_cef_custom(writer, "cs6", "data", message->data);
}

static void write_cef(struct json_writer *writer, const struct audit_event *event,
                      const Audit__AuditEvent *message)
{
    static const char *const severities_of_cef[] = {
        [AUDIT_SEVERITY_INFORMATIONAL] = "2",
        [AUDIT_SEVERITY_LOW] = "4",
        [AUDIT_SEVERITY_MEDIUM] = "6",
        [AUDIT_SEVERITY_HIGH] = "8",
    };
    const char *const header[] = {
        "Florin",
        "florin-audit",
        florin_version(),
        message->action,
        summary_of(event, message->action),
        severities_of_cef[audit_severity_of(&event->entry)],
    };
    WRITE_LITERAL(writer, "CEF:0|");
    for (size_t i = 0; i < sizeof header / sizeof header[0]; i++) {
        write_cef_text(writer, header[i], true);
        WRITE_LITERAL(writer, "|");
    }
    WRITE_LITERAL(writer, "rt=");
    json_write_integer(writer, false, message->time / NS_PER_MS);
    write_cef_extension(writer, message);
    WRITE_LITERAL(writer, "\n");
}

// ---- All of them ---------------------------------------------------------------------------

const struct audit_export_frame audit_export_frames[AUDIT_EXPORT_FORMATS] = {
    [AUDIT_EXPORT_NDJSON] = {"ndjson", "application/x-ndjson", "", "", ""},
    [AUDIT_EXPORT_CSV] = {"csv", "text/csv; charset=utf-8; header=present", CSV_HEADER, "", ""},
    [AUDIT_EXPORT_OCSF] = {"ocsf", "application/vnd.ocsf+json", "[", ",\n", "]\n"},
    [AUDIT_EXPORT_CEF] = {"cef", "text/x-cef; charset=utf-8", "", "", ""},
};

static struct status write_line(const struct audit_event *event, struct arena *arena,
                                struct bytes *ret)
{
    struct bytes json;
    RETURN_IF_ERROR(audit_event_json(event, arena, &json));
    uint8_t *line = arena_alloc(arena, json.size + 1);
    if (line == NULL) return ARENA_STATUS_EXHAUSTED;
    memcpy(line, json.data, json.size);
    line[json.size] = '\n';
    *ret = bytes_of(line, json.size + 1);
    return STATUS_SUCCESS;
}

struct status audit_export_event(enum audit_export_format format, const struct audit_event *event,
                                 struct arena *arena, struct bytes *ret)
{
    static void (*const writers[AUDIT_EXPORT_FORMATS])(
        struct json_writer *, const struct audit_event *, const Audit__AuditEvent *) = {
        [AUDIT_EXPORT_CSV] = write_csv,
        [AUDIT_EXPORT_OCSF] = audit_export_ocsf,
        [AUDIT_EXPORT_CEF] = write_cef,
    };
    if (format == AUDIT_EXPORT_NDJSON) return write_line(event, arena, ret);
    Audit__AuditEvent *message;
    RETURN_IF_ERROR(audit_event_make(event, arena, &message));
    struct json_writer writer;
    json_writer_open(&writer, arena, EVENT_BYTES_GUESS + strlen(message->data));
    writers[format](&writer, event, message);
    return json_writer_finish(&writer, ret);
}
