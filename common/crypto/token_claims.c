#include "common/crypto/token_claims.h"

#include "common/base/check.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#define SERVICE_PREFIX "services/"
#define MALFORMED(message_) REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, message_)

/// Values of amr (RFC 8176) and their bits, in the order in which they are written.
static const struct {
    const char *name;
    uint8_t bit;
} amr_values[] = {
    {"pwd", TOKEN_AMR_PWD}, {"otp", TOKEN_AMR_OTP}, {"sms", TOKEN_AMR_SMS},
    {"mfa", TOKEN_AMR_MFA}, {"hwk", TOKEN_AMR_HWK},
};

enum { AMR_VALUE_COUNT = sizeof amr_values / sizeof amr_values[0] };

/// Names need no escaping in JSON, by their alphabet.
static bool is_name(const char *text, size_t size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";
    return size > 0 && strspn(text, alphabet) == size;
}

// ---- Writing -------------------------------------------------------------------------------

struct writer {
    char *text;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static void add(struct writer *writer, const char *format,
                                                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(writer->text + writer->size, TOKEN_PAYLOAD_BYTES_MAX - writer->size,
                         format, arguments);
    va_end(arguments);
    CHECK(size >= 0 && (size_t)size < TOKEN_PAYLOAD_BYTES_MAX - writer->size);
    writer->size += (size_t)size;
}

static void add_id(struct writer *writer, const char *name, struct id128 id)
{
    char text[ID128_TEXT_BYTES];
    id128_format(id, text);
    add(writer, ",\"%s\":\"%s\"", name, text);
}

static void add_roles(struct writer *writer, const struct token_claims *claims)
{
    CHECK(claims->role_count <= TOKEN_ROLES_MAX);
    add(writer, ",\"roles\":[");
    for (size_t i = 0; i < claims->role_count; i++) {
        CHECK(is_name(claims->roles[i], strnlen(claims->roles[i], TOKEN_ROLE_BYTES_MAX)));
        add(writer, "%s\"%s\"", i > 0 ? "," : "", claims->roles[i]);
    }
    add(writer, "]");
}

/// add_scopes writes what RFC 9068 calls scope: one string, with blanks between.
static void add_scopes(struct writer *writer, const struct token_claims *claims)
{
    CHECK(claims->scope_count <= TOKEN_SCOPES_MAX);
    if (claims->scope_count == 0) return;
    add(writer, ",\"scope\":\"");
    size_t begin = writer->size;
    for (size_t i = 0; i < claims->scope_count; i++) {
        CHECK(is_name(claims->scopes[i], strnlen(claims->scopes[i], TOKEN_SCOPE_BYTES_MAX)));
        add(writer, "%s%s", i > 0 ? " " : "", claims->scopes[i]);
    }
    CHECK(writer->size - begin <= TOKEN_SCOPE_TEXT_BYTES_MAX);
    add(writer, "\"");
}

static void add_amr(struct writer *writer, uint8_t amr)
{
    const char *comma = "";
    add(writer, ",\"amr\":[");
    for (size_t i = 0; i < AMR_VALUE_COUNT; i++) {
        if ((amr & amr_values[i].bit) == 0) continue;
        add(writer, "%s\"%s\"", comma, amr_values[i].name);
        comma = ",";
    }
    add(writer, "]");
}

/// check_rules states what token_claims_read demands, about claims that we made ourselves.
static void check_rules(const struct token_claims *claims)
{
    CHECK(is_name(claims->issuer, strnlen(claims->issuer, sizeof claims->issuer)));
    CHECK(claims->expires_at_s <= INT64_MAX && claims->not_before_s <= INT64_MAX);
    CHECK(claims->issued_at_s <= INT64_MAX && claims->auth_time_s <= INT64_MAX);
    CHECK(claims->user_version <= INT64_MAX);
    CHECK((claims->amr & ~TOKEN_AMR_ALL) == 0);
    CHECK(claims->aal <= 3);
    if (claims->is_service) {
        CHECK(is_name(claims->service, strnlen(claims->service, sizeof claims->service)));
        CHECK(id128_is_nil(claims->subject) && id128_is_nil(claims->session_id));
        CHECK(claims->amr == 0 && claims->branch[0] == 0 && claims->scope_count == 0);
        CHECK(claims->user_version == 0);
    } else {
        CHECK(claims->service[0] == 0);
        CHECK(!id128_is_nil(claims->subject) && !id128_is_nil(claims->session_id));
    }
}

size_t token_claims_write(const struct token_claims *claims,
                          char ret_json[static TOKEN_PAYLOAD_BYTES_MAX])
{
    check_rules(claims);
    struct writer writer = {.text = ret_json};
    add(&writer, "{\"iss\":\"%s\"", claims->issuer);
    if (claims->is_service)
        add(&writer, ",\"sub\":\"" SERVICE_PREFIX "%s\"", claims->service);
    else
        add_id(&writer, "sub", claims->subject);
    add(&writer, ",\"aud\":\"" TOKEN_AUDIENCE "\"");
    add(&writer, ",\"exp\":%" PRIu64 ",\"nbf\":%" PRIu64 ",\"iat\":%" PRIu64, claims->expires_at_s,
        claims->not_before_s, claims->issued_at_s);
    add_id(&writer, "jti", claims->token_id);
    if (!claims->is_service) {
        add_id(&writer, "sid", claims->session_id);
        add(&writer, ",\"uv\":%" PRIu64, claims->user_version);
    }
    add_roles(&writer, claims);
    if (claims->branch[0] != 0) {
        CHECK(is_name(claims->branch, strnlen(claims->branch, sizeof claims->branch)));
        add(&writer, ",\"br\":\"%s\"", claims->branch);
    }
    add_scopes(&writer, claims);
    if (!claims->is_service || claims->aal > 0) add(&writer, ",\"aal\":%u", claims->aal);
    if (!claims->is_service) add_amr(&writer, claims->amr);
    if (!claims->is_service || claims->auth_time_s > 0)
        add(&writer, ",\"auth_time\":%" PRIu64, claims->auth_time_s);
    add(&writer, "}");
    return writer.size;
}

// ---- Reading -------------------------------------------------------------------------------

/// read_name copies a string member of the names' alphabet that fits with its NUL.
static bool read_name(const json_t *value, char *ret, size_t ret_bytes)
{
    const char *text = json_string_value(value); // NULL when absent or of another type.
    if (text == NULL) return false;
    size_t size = json_string_length(value);
    if (size >= ret_bytes || !is_name(text, size)) return false;
    memcpy(ret, text, size + 1);
    return true;
}

static bool read_id(const json_t *value, struct id128 *ret)
{
    const char *text = json_string_value(value);
    return text != NULL && status_ok(id128_parse(text, json_string_length(value), ret)) &&
           !id128_is_nil(*ret);
}

static bool read_number(const json_t *value, uint64_t *ret)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *ret = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_subject(const json_t *value, struct token_claims *ret)
{
    static const size_t prefix_size = sizeof SERVICE_PREFIX - 1;
    const char *text = json_string_value(value);
    if (text == NULL) return false;
    ret->is_service = strncmp(text, SERVICE_PREFIX, prefix_size) == 0;
    if (!ret->is_service) return read_id(value, &ret->subject);

    size_t name_size = json_string_length(value) - prefix_size;
    if (name_size >= sizeof ret->service || !is_name(text + prefix_size, name_size)) return false;
    memcpy(ret->service, text + prefix_size, name_size + 1);
    return true;
}

static bool read_roles(const json_t *array, struct token_claims *ret)
{
    if (!json_is_array(array) || json_array_size(array) > TOKEN_ROLES_MAX) return false;
    ret->role_count = (uint8_t)json_array_size(array);
    for (size_t i = 0; i < ret->role_count; i++) {
        if (!read_name(json_array_get(array, i), ret->roles[i], sizeof ret->roles[i])) return false;
    }
    return true;
}

static bool read_amr(const json_t *array, uint8_t *ret)
{
    if (!json_is_array(array)) return false;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = json_string_value(json_array_get(array, i));
        if (name == NULL) return false;
        for (size_t j = 0; j < AMR_VALUE_COUNT; j++) {
            if (strcmp(name, amr_values[j].name) == 0) *ret |= amr_values[j].bit;
        }
    }
    return true;
}

/// read_strength reads how and when the caller was authenticated; services may say neither.
static bool read_strength(const json_t *root, struct token_claims *ret)
{
    const json_t *aal_value = json_object_get(root, "aal");
    const json_t *time_value = json_object_get(root, "auth_time");
    uint64_t aal = 0;
    if (aal_value != NULL && (!read_number(aal_value, &aal) || aal > 3)) return false;
    if (aal_value != NULL && aal == 0 && ret->is_service) return false;
    if (time_value != NULL && !read_number(time_value, &ret->auth_time_s)) return false;
    ret->aal = (uint8_t)aal;
    return ret->is_service || (aal_value != NULL && time_value != NULL);
}

/// read_scopes: a scope that is there names something; one that names nothing would look like none,
/// and a token without any is not cut down.
static bool read_scopes(const json_t *value, struct token_claims *ret)
{
    if (value == NULL) return true;
    const char *text = json_string_value(value);
    size_t size = text != NULL ? json_string_length(value) : 0;
    if (size == 0 || size > TOKEN_SCOPE_TEXT_BYTES_MAX || strlen(text) != size) return false;
    for (;; text++) {
        size_t name_size = strcspn(text, " ");
        if (ret->scope_count == TOKEN_SCOPES_MAX || name_size >= TOKEN_SCOPE_BYTES_MAX)
            return false;
        char *scope = ret->scopes[ret->scope_count++];
        memcpy(scope, text, name_size);
        if (!is_name(scope, name_size)) return false; // Also two blanks, or one at an end.
        text += name_size;
        if (*text == '\0') return true;
    }
}

/// read_session reads what only a user's token has.
static bool read_session(const json_t *root, struct token_claims *ret)
{
    const json_t *branch = json_object_get(root, "br");
    if (branch != NULL && !read_name(branch, ret->branch, sizeof ret->branch)) return false;
    return read_scopes(json_object_get(root, "scope"), ret) &&
           read_id(json_object_get(root, "sid"), &ret->session_id) &&
           read_number(json_object_get(root, "uv"), &ret->user_version) &&
           read_amr(json_object_get(root, "amr"), &ret->amr);
}

static struct status read_claims(const json_t *root, struct token_claims *ret)
{
    const char *audience = json_string_value(json_object_get(root, "aud"));
    if (audience == NULL || strcmp(audience, TOKEN_AUDIENCE) != 0)
        return MALFORMED("the token is for another audience");
    if (!read_name(json_object_get(root, "iss"), ret->issuer, sizeof ret->issuer))
        return MALFORMED("the token's iss is missing or malformed");
    if (!read_subject(json_object_get(root, "sub"), ret))
        return MALFORMED("the token's sub is missing or malformed");
    if (!read_number(json_object_get(root, "exp"), &ret->expires_at_s) ||
        !read_number(json_object_get(root, "nbf"), &ret->not_before_s) ||
        !read_number(json_object_get(root, "iat"), &ret->issued_at_s))
        return MALFORMED("one of the token's times is missing or not a whole number");
    if (!read_id(json_object_get(root, "jti"), &ret->token_id))
        return MALFORMED("the token's jti is missing or malformed");
    if (!read_roles(json_object_get(root, "roles"), ret))
        return MALFORMED("the token's roles are missing, malformed or too many");
    if (!read_strength(root, ret))
        return MALFORMED("the token's aal or auth_time is missing or malformed");
    if (ret->is_service && json_object_get(root, "scope") != NULL)
        return MALFORMED("a service's token cannot be cut down");
    if (!ret->is_service && !read_session(root, ret))
        return MALFORMED("one of the token's session claims is missing or malformed");
    return STATUS_SUCCESS;
}

struct status token_claims_read(struct bytes json, struct token_claims *ret)
{
    // Without JSON_DISABLE_EOF_CHECK jansson refuses what follows the object.
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL) return MALFORMED("the token's payload is not one JSON object");
    struct token_claims claims = {0};
    struct status status = json_is_object(root)
                               ? read_claims(root, &claims)
                               : MALFORMED("the token's payload is not a JSON object");
    json_decref(root);
    if (status_ok(status)) *ret = claims;
    return status;
}
