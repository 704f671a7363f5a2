#include "gateway/connect.h"

#include "common/base/text.h"
#include "common/json/encode.h"
#include "gateway/accept.h"

#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_DIGITS_MAX = 10, DETAIL_BYTES_MAX = 16 * 1024 };

static const struct {
    const char *name;
    uint16_t http_status;
} codes[] = {
    [STATUS_OK] = {"internal", 500},
    [STATUS_CANCELLED] = {"canceled", 499},
    [STATUS_UNKNOWN] = {"unknown", 500},
    [STATUS_INVALID_ARGUMENT] = {"invalid_argument", 400},
    [STATUS_DEADLINE_EXCEEDED] = {"deadline_exceeded", 504},
    [STATUS_NOT_FOUND] = {"not_found", 404},
    [STATUS_ALREADY_EXISTS] = {"already_exists", 409},
    [STATUS_PERMISSION_DENIED] = {"permission_denied", 403},
    [STATUS_RESOURCE_EXHAUSTED] = {"resource_exhausted", 429},
    [STATUS_FAILED_PRECONDITION] = {"failed_precondition", 400},
    [STATUS_ABORTED] = {"aborted", 409},
    [STATUS_OUT_OF_RANGE] = {"out_of_range", 400},
    [STATUS_UNIMPLEMENTED] = {"unimplemented", 501},
    [STATUS_INTERNAL] = {"internal", 500},
    [STATUS_UNAVAILABLE] = {"unavailable", 503},
    [STATUS_DATA_LOSS] = {"data_loss", 500},
    [STATUS_UNAUTHENTICATED] = {"unauthenticated", 401},
};

/// What HTTP itself has a status for.
static const struct {
    const char *reason;
    uint16_t http_status;
} exceptions[] = {{"MEDIA_TYPE_UNSUPPORTED", 415}, {"METHOD_NOT_ALLOWED", 405}};

static int compare_method(const void *path, const void *row)
{
    const struct bytes *name = path;
    const struct rpc_method *method = *(const struct rpc_method *const *)row;
    size_t size = strlen(method->name);
    int order = memcmp(name->data, method->name, name->size < size ? name->size : size);
    return order != 0 ? order : (name->size > size) - (name->size < size);
}

const struct rpc_method *connect_method(struct bytes path, size_t *ret_index)
{
    if (path.size < 2 || path.data[0] != '/') return NULL;
    struct bytes name = bytes_of(path.data + 1, path.size - 1);
    const struct rpc_method *const *found = bsearch(&name, rpc_all_methods, rpc_all_method_count,
                                                    sizeof rpc_all_methods[0], compare_method);
    if (found == NULL || (*found)->is_internal) return NULL;
    // What the gateway serves itself has a route and no RPC, so Connect has nothing to carry.
    if (strcmp((*found)->daemon, "gateway") == 0) return NULL;
    *ret_index = (size_t)(found - rpc_all_methods);
    return *found;
}

enum connect_codec connect_codec_of(const struct http_head *head)
{
    struct bytes type = http_head_value(head, HTTP_HEADER_CONTENT_TYPE);
    if (media_type_is(type, "application/json")) return CONNECT_CODEC_JSON;
    return media_type_is(type, "application/proto") ? CONNECT_CODEC_PROTO : CONNECT_CODEC_NONE;
}

const char *connect_media_type(enum connect_codec codec)
{
    return codec == CONNECT_CODEC_PROTO ? "application/proto" : "application/json";
}

static struct status read_timeout(struct bytes text, uint32_t *ret_ms)
{
    uint64_t ms = 0;
    bool is_number = text.size > 0 && text.size <= TIMEOUT_DIGITS_MAX;
    for (size_t i = 0; is_number && i < text.size; i++) {
        is_number = text.data[i] >= '0' && text.data[i] <= '9';
        ms = ms * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (!is_number || ms == 0) {
        return REFUSE(INVALID_ARGUMENT, CONNECT_TIMEOUT_INVALID,
                      "Connect-Timeout-Ms must be a positive number of at most 10 digits");
    }
    if (ms < *ret_ms) *ret_ms = (uint32_t)ms;
    return STATUS_SUCCESS;
}

struct status connect_check(const struct http_head *head, const struct rpc_method *method,
                            uint32_t *ret_timeout_ms)
{
    struct bytes version = http_head_value(head, HTTP_HEADER_CONNECT_PROTOCOL);
    struct bytes timeout = http_head_value(head, HTTP_HEADER_CONNECT_TIMEOUT_MS);
    struct bytes encoding = http_head_value(head, HTTP_HEADER_CONTENT_ENCODING);
    if (version.data != NULL && !bytes_equal(version, bytes_of_text("1"))) {
        return REFUSE(INVALID_ARGUMENT, CONNECT_VERSION_UNSUPPORTED,
                      "Connect-Protocol-Version must be 1");
    }
    if (encoding.data != NULL && !bytes_equal(encoding, bytes_of_text("identity"))) {
        return REFUSE(UNIMPLEMENTED, COMPRESSION_UNSUPPORTED,
                      "the only Content-Encoding understood is identity");
    }
    *ret_timeout_ms = method->timeout_ms_default;
    return timeout.data != NULL ? read_timeout(timeout, ret_timeout_ms) : STATUS_SUCCESS;
}

uint16_t connect_http_status(struct status status)
{
    for (size_t i = 0; status.reason != NULL && i < sizeof exceptions / sizeof *exceptions; i++) {
        if (strcmp(status.reason, exceptions[i].reason) == 0) return exceptions[i].http_status;
    }
    size_t code = (size_t)status.code;
    return code < sizeof codes / sizeof codes[0] ? codes[code].http_status : 500;
}

// ---- Details: two small messages, written by hand ------------------------------------------

/// A protobuf message of strings and messages of strings, as it is written.
struct wire {
    struct arena *arena;
    uint8_t *data; // NULL when the arena had no room.
    size_t size, room;
};

enum { FIELD_HEAD_BYTES_MAX = 6 }; // Tag and length.

static struct wire wire_open(struct arena *arena, size_t room)
{
    uint8_t *data = arena_alloc(arena, room);
    return (struct wire){.arena = arena, .data = data, .room = data != NULL ? room : 0};
}

// A field of wire type 2. What does not fit is left out: details are a help, not the answer.
static void wire_put(struct wire *wire, uint32_t field, const void *data, size_t size)
{
    if (wire->room - wire->size < size + FIELD_HEAD_BYTES_MAX) return;
    wire->data[wire->size++] = (uint8_t)(field << 3 | 2);
    size_t rest = size;
    for (; rest >= 0x80; rest >>= 7) {
        wire->data[wire->size++] = (uint8_t)(rest | 0x80);
    }
    wire->data[wire->size++] = (uint8_t)rest;
    memcpy(wire->data + wire->size, data, size);
    wire->size += size;
}

// A message of two strings, fields 1 and 2: a map's entry, a field's violation.
static void wire_put_pair(struct wire *wire, uint32_t field, const char *first, const char *second)
{
    size_t room = strlen(first) + strlen(second) + 2 * FIELD_HEAD_BYTES_MAX;
    struct wire pair = wire_open(wire->arena, room);
    if (pair.data == NULL) return;
    wire_put(&pair, 1, first, strlen(first));
    wire_put(&pair, 2, second, strlen(second));
    wire_put(wire, field, pair.data, pair.size);
}

static void write_text(struct json_writer *writer, bool *is_first, const char *name,
                       const char *text)
{
    json_write_member(writer, is_first, name);
    json_write_string(writer, text, strlen(text));
}

static void write_detail(struct json_writer *writer, const char *type, const struct wire *wire)
{
    char *text = arena_alloc(writer->arena, BASE64_TEXT_BYTES(wire->size));
    if (text == NULL || wire->data == NULL) {
        writer->status = ARENA_STATUS_EXHAUSTED;
        return;
    }
    size_t size = base64_encode(wire->data, wire->size, text);
    while (size > 0 && text[size - 1] == '=') {
        size--; // Connect writes base64 without padding.
    }
    bool is_first = true;
    json_write_raw(writer, "{", 1);
    write_text(writer, &is_first, "type", type);
    json_write_member(writer, &is_first, "value");
    json_write_string(writer, text, size);
    json_write_raw(writer, "}", 1);
}

static void write_details(struct json_writer *writer, const struct problem *problem,
                          const char *reason)
{
    struct wire info = wire_open(writer->arena, DETAIL_BYTES_MAX);
    wire_put(&info, 1, reason, strlen(reason));
    wire_put(&info, 2, "florin", strlen("florin"));
    for (size_t i = 0; i < problem->detail_count; i++) {
        wire_put_pair(&info, 3, problem->details[i].key, problem->details[i].value);
    }
    if (problem->request_id != NULL) wire_put_pair(&info, 3, "request_id", problem->request_id);
    json_write_raw(writer, "[", 1);
    write_detail(writer, "google.rpc.ErrorInfo", &info);
    if (problem->violations != NULL && problem->violations->count > 0) {
        struct wire request = wire_open(writer->arena, DETAIL_BYTES_MAX);
        for (size_t i = 0; i < problem->violations->count; i++) {
            wire_put_pair(&request, 1, problem->violations->items[i].field,
                          problem->violations->items[i].reason);
        }
        json_write_raw(writer, ",", 1);
        write_detail(writer, "google.rpc.BadRequest", &request);
    }
    json_write_raw(writer, "]", 1);
}

struct bytes connect_error_encode(const struct problem *problem, struct arena *arena)
{
    static const char fixed[] = "{\"code\":\"internal\",\"message\":\"something went wrong\"}";
    size_t code = (size_t)problem->status.code;
    if (code >= sizeof codes / sizeof codes[0]) code = STATUS_UNKNOWN;
    const char *reason = problem_reason(problem->status);
    const char *message = problem_detail(problem->status);
    struct json_writer writer;
    bool is_first = true;
    json_writer_open(&writer, arena, 512);
    json_write_raw(&writer, "{", 1);
    write_text(&writer, &is_first, "code", codes[code].name);
    if (message != NULL) write_text(&writer, &is_first, "message", message);
    json_write_member(&writer, &is_first, "details");
    write_details(&writer, problem, reason);
    json_write_raw(&writer, "}", 1);
    struct bytes text;
    if (status_ok(json_writer_finish(&writer, &text))) return text;
    return bytes_of(fixed, sizeof fixed - 1);
}
