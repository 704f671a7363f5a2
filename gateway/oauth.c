#include "gateway/oauth.h"

#include "common/base/text.h"
#include "gateway/router.h"

#include <string.h>
#include <strings.h>

enum { CREDENTIALS_BYTES_MAX = 1024 };

// ---- Clients -------------------------------------------------------------------------------

#define BASIC_MALFORMED                                                                            \
    REFUSE(INVALID_ARGUMENT, BASIC_MALFORMED, "Authorization: Basic takes base64 of id:secret")

/// decode_part undoes the form-encoding that RFC 6749 asks for below the base64.
static struct status decode_part(struct bytes raw, struct arena *arena, const char **ret)
{
    char *text = arena_alloc(arena, raw.size + 1);
    if (text == NULL) return ARENA_STATUS_EXHAUSTED;
    size_t size = percent_decode(raw, true, text);
    if (size == SIZE_MAX || !text_is_utf8(text, size)) return BASIC_MALFORMED;
    text[size] = '\0';
    *ret = text;
    return STATUS_SUCCESS;
}

struct status oauth_read_client(const struct http_head *head, struct arena *arena,
                                struct oauth_client *ret)
{
    static const char scheme[] = "Basic ";
    struct bytes value = http_head_value(head, HTTP_HEADER_AUTHORIZATION);
    uint8_t *plain = arena_alloc(arena, CREDENTIALS_BYTES_MAX);
    size_t begin = sizeof scheme - 1, size = 0;
    *ret = (struct oauth_client){0};
    if (plain == NULL) return ARENA_STATUS_EXHAUSTED;
    if (value.size < begin || strncasecmp((const char *)value.data, scheme, begin) != 0)
        return STATUS_SUCCESS;
    while (begin < value.size && value.data[begin] == ' ')
        begin++;
    if (!base64_decode((const char *)value.data + begin, value.size - begin, plain,
                       CREDENTIALS_BYTES_MAX, &size))
        return BASIC_MALFORMED;
    const uint8_t *colon = size > 0 ? memchr(plain, ':', size) : NULL;
    if (colon == NULL) return BASIC_MALFORMED;
    size_t id_size = (size_t)(colon - plain);
    RETURN_IF_ERROR(decode_part(bytes_of(plain, id_size), arena, &ret->id));
    return decode_part(bytes_of(colon + 1, size - id_size - 1), arena, &ret->secret);
}

// ---- Refusals ------------------------------------------------------------------------------

const char *oauth_error(const struct rpc_method *method, struct status status, uint16_t http_status)
{
    static const struct {
        const char *reason, *error;
    } by_reason[] = {
        {"INVALID_CREDENTIALS", "invalid_client"},
        {"REFRESH_REUSED", "invalid_grant"},
        {"SESSION_EXPIRED", "invalid_grant"},
        {"UNSUPPORTED_GRANT_TYPE", "unsupported_grant_type"},
        {"INVALID_SCOPE", "invalid_scope"},
        {"RATE_LIMITED", "temporarily_unavailable"},
    };

    static const struct {
        uint16_t http_status;
        bool is_public; // A token is the grant; elsewhere it says who the caller is.
        const char *error;
    } by_status[] = {
        {401, true, "invalid_grant"},           {401, false, "invalid_token"},
        {403, true, "unauthorized_client"},     {403, false, "insufficient_scope"},
        {429, true, "temporarily_unavailable"}, {429, false, "temporarily_unavailable"},
    };

    if (method == NULL || !method->takes_form) return NULL;
    for (size_t i = 0; method->is_public && i < sizeof by_reason / sizeof by_reason[0]; i++) {
        if (status.reason != NULL && strcmp(status.reason, by_reason[i].reason) == 0)
            return by_reason[i].error;
    }
    for (size_t i = 0; i < sizeof by_status / sizeof by_status[0]; i++) {
        if (http_status == by_status[i].http_status && method->is_public == by_status[i].is_public)
            return by_status[i].error;
    }
    if (http_status == 503 || http_status == 504) return "temporarily_unavailable";
    return http_status >= 500 ? "server_error" : "invalid_request";
}

const char *oauth_description(const char *text, struct arena *arena)
{
    if (text == NULL) return NULL;
    char *kept = arena_text(arena, text, strlen(text));
    for (char *at = kept; at != NULL && *at != '\0'; at++)
        if (*at < 0x20 || *at > 0x7e || *at == '"' || *at == '\\') *at = '?';
    return kept;
}
