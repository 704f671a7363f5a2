#include "gateway/problem.h"

#include "common/json/encode.h"
#include "gateway/oauth.h"

#include <stdio.h>
#include <string.h>

/// google.rpc.Code to HTTP, with the title that goes with it.
static const struct {
    uint16_t http_status;
    bool is_ours; // The text is for our log, not for the client.
    const char *title;
} codes[] = {
    [STATUS_OK] = {500, true, "Internal error"},
    [STATUS_CANCELLED] = {499, false, "The client went away"},
    [STATUS_UNKNOWN] = {500, true, "Internal error"},
    [STATUS_INVALID_ARGUMENT] = {400, false, "The request is not valid"},
    [STATUS_DEADLINE_EXCEEDED] = {504, false, "No answer in time"},
    [STATUS_NOT_FOUND] = {404, false, "Not found"},
    [STATUS_ALREADY_EXISTS] = {409, false, "It exists already"},
    [STATUS_PERMISSION_DENIED] = {403, false, "Not allowed"},
    [STATUS_RESOURCE_EXHAUSTED] = {429, false, "Too much"},
    [STATUS_FAILED_PRECONDITION] = {422, false, "Refused"},
    [STATUS_ABORTED] = {409, false, "In conflict with the present state"},
    [STATUS_OUT_OF_RANGE] = {400, false, "Out of range"},
    [STATUS_UNIMPLEMENTED] = {501, false, "Not implemented"},
    [STATUS_INTERNAL] = {500, true, "Internal error"},
    [STATUS_UNAVAILABLE] = {503, false, "Not available"},
    [STATUS_DATA_LOSS] = {500, true, "Internal error"},
    [STATUS_UNAUTHENTICATED] = {401, false, "Who are you?"},
};

/// Reasons whose HTTP status is not their code's.
static const struct {
    const char *reason;
    uint16_t http_status;
} exceptions[] = {
    {"METHOD_NOT_ALLOWED", 405},
    {"NOT_ACCEPTABLE", 406},
    {"REQUEST_TOO_LARGE", 413},
    {"REQUEST_TOO_COMPLEX", 413},
    {"METADATA_TOO_LARGE", 431},
    {"MEDIA_TYPE_UNSUPPORTED", 415},
    {"ENCODING_UNSUPPORTED", 415},
    {"IDEMPOTENCY_KEY_REUSED", 422},
    {"VERSION_MISMATCH", 412},
    {"IF_MATCH_REQUIRED", 428},
    {"OVERLOADED", 503},
    {"STORE_FULL", 503},
    {"STORE_BUSY", 503},
    {"STREAM_FULL", 503},
    {"NO_MEMORY", 503},
    {"REPLY_TOO_LARGE", 500},
};

uint16_t problem_http_status(struct status status)
{
    for (size_t i = 0; status.reason != NULL && i < sizeof exceptions / sizeof *exceptions; i++) {
        if (strcmp(status.reason, exceptions[i].reason) == 0) return exceptions[i].http_status;
    }
    size_t code = (size_t)status.code;
    return code < sizeof codes / sizeof codes[0] ? codes[code].http_status : 500;
}

static void write_text_member(struct json_writer *writer, bool *is_first, const char *name,
                              const char *text)
{
    if (text == NULL) return;
    json_write_member(writer, is_first, name);
    json_write_string(writer, text, strlen(text));
}

static void write_violations(struct json_writer *writer, const struct rpc_violations *violations)
{
    json_write_raw(writer, "[", 1);
    for (size_t i = 0; i < violations->count; i++) {
        bool is_first = true;
        json_write_raw(writer, i == 0 ? "{" : ",{", i == 0 ? 1 : 2);
        write_text_member(writer, &is_first, "field", violations->items[i].field);
        write_text_member(writer, &is_first, "reason", violations->items[i].reason);
        json_write_raw(writer, "}", 1);
    }
    json_write_raw(writer, "]", 1);
}

static void write_details(struct json_writer *writer, const struct problem *problem)
{
    bool is_first = true;
    json_write_raw(writer, "{", 1);
    for (size_t i = 0; i < problem->detail_count; i++) {
        write_text_member(writer, &is_first, problem->details[i].key, problem->details[i].value);
    }
    json_write_raw(writer, "}", 1);
}

// The row of a status; a code that nobody knows counts as UNKNOWN.
static size_t code_of(struct status status)
{
    size_t code = (size_t)status.code;
    return code < sizeof codes / sizeof codes[0] ? code : STATUS_UNKNOWN;
}

const char *problem_reason(struct status status)
{
    size_t code = code_of(status);
    bool is_told = !codes[code].is_ours && status.reason != NULL;
    return is_told ? status.reason : status_code_name((enum status_code)code);
}

const char *problem_detail(struct status status)
{
    return codes[code_of(status)].is_ours ? "something went wrong on our side; quote the request_id"
                                          : status.message;
}

static void write_oauth(struct json_writer *writer, const struct problem *problem, bool *is_first)
{
    if (problem->oauth_error == NULL) return;
    write_text_member(writer, is_first, "error", problem->oauth_error);
    write_text_member(writer, is_first, "error_description",
                      oauth_description(problem_detail(problem->status), writer->arena));
}

static void write_members(struct json_writer *writer, const struct problem *problem)
{
    size_t code = code_of(problem->status);
    const char *reason = problem_reason(problem->status);
    uint16_t http_status =
        problem->http_status != 0 ? problem->http_status : problem_http_status(problem->status);
    bool is_first = true;
    char type[128] = "about:blank";
    if (!codes[code].is_ours) snprintf(type, sizeof type, "urn:florin:problem:%.100s", reason);
    write_text_member(writer, &is_first, "type", type);
    write_text_member(writer, &is_first, "title", codes[code].title);
    json_write_member(writer, &is_first, "status");
    json_write_integer(writer, false, http_status);
    write_text_member(writer, &is_first, "detail", problem_detail(problem->status));
    if (problem->instance != NULL) {
        json_write_member(writer, &is_first, "instance");
        json_write_string(writer, problem->instance, problem->instance_size);
    }
    write_text_member(writer, &is_first, "code", status_code_name((enum status_code)code));
    write_text_member(writer, &is_first, "reason", reason);
    write_text_member(writer, &is_first, "request_id", problem->request_id);
    if (problem->violations != NULL && problem->violations->count > 0) {
        json_write_member(writer, &is_first, "errors");
        write_violations(writer, problem->violations);
    }
    if (problem->detail_count > 0) {
        json_write_member(writer, &is_first, "details");
        write_details(writer, problem);
    }
    write_oauth(writer, problem, &is_first);
}

struct bytes problem_encode(const struct problem *problem, struct arena *arena)
{
    static const char fixed[] = "{\"type\":\"about:blank\",\"title\":\"Internal error\","
                                "\"status\":500,\"code\":\"INTERNAL\",\"reason\":\"INTERNAL\"}";
    struct json_writer writer;
    json_writer_open(&writer, arena, 512);
    json_write_raw(&writer, "{", 1);
    write_members(&writer, problem);
    json_write_raw(&writer, "}", 1);
    struct bytes text;
    if (status_ok(json_writer_finish(&writer, &text))) return text;
    return bytes_of(fixed, sizeof fixed - 1);
}
