#include "gateway/request.h"

#include "common/base/text.h"
#include "common/json/decode.h"
#include "common/json/lookup.h"
#include "common/rpc/pack.h"
#include "common/rpc/validate.h"
#include "gateway/accept.h"
#include "gateway/conditional.h"
#include "gateway/oauth.h"

struct binder {
    const struct rpc_message *message;
    ProtobufCMessage *value;
    struct arena *arena;
    struct rpc_violations *violations;
    rpc_field_set in_body, in_path;
};

static void note_in_path(struct binder *binder, const char *name)
{
    const struct json_text text = {.data = name, .size = strlen(name)};
    size_t index = json_find_field(binder->message, text, 0);
    if (index != JSON_NOT_FOUND) binder->in_path |= (rpc_field_set)1 << index;
}

static struct status bind_variables(struct binder *binder, const struct router_match *match,
                                    const struct rpc_route *route)
{
    struct router_variables variables;
    RETURN_IF_ERROR(router_bind(match, route, binder->arena, &variables));
    for (size_t i = 0; i < variables.count; i++) {
        RETURN_IF_ERROR(
            json_bind_text(binder->message, binder->value, bytes_of_text(variables.items[i].field),
                           variables.items[i].value, binder->arena, binder->violations));
        note_in_path(binder, variables.items[i].field);
    }
    return STATUS_SUCCESS;
}

// One side of "name=value", decoded.
static struct status decode_part(struct binder *binder, struct bytes raw, struct bytes *ret)
{
    char *text = arena_alloc(binder->arena, raw.size + 1);
    if (text == NULL) return ARENA_STATUS_EXHAUSTED;
    size_t size = percent_decode(raw, true, text);
    if (size == SIZE_MAX || !text_is_utf8(text, size)) {
        return REFUSE(INVALID_ARGUMENT, QUERY_INVALID,
                      "a query parameter or form field is not percent-encoded UTF-8");
    }
    *ret = bytes_of(text, size);
    return STATUS_SUCCESS;
}

// application/x-www-form-urlencoded, which is also the form of query strings.
static struct status bind_pairs(struct binder *binder, struct bytes pairs)
{
    if (pairs.size == 0) return STATUS_SUCCESS;
    const uint8_t *end = pairs.data + pairs.size;
    for (const uint8_t *at = pairs.data; at < end;) {
        const uint8_t *stop = memchr(at, '&', (size_t)(end - at));
        if (stop == NULL) stop = end;
        const uint8_t *equals = memchr(at, '=', (size_t)(stop - at));
        const uint8_t *name_end = equals != NULL ? equals : stop;
        const uint8_t *value = equals != NULL ? equals + 1 : stop;
        if (stop > at) {
            struct bytes name, text;
            RETURN_IF_ERROR(decode_part(binder, bytes_of(at, (size_t)(name_end - at)), &name));
            RETURN_IF_ERROR(decode_part(binder, bytes_of(value, (size_t)(stop - value)), &text));
            RETURN_IF_ERROR(json_bind_text(binder->message, binder->value, name, text,
                                           binder->arena, binder->violations));
        }
        at = stop + 1;
    }
    return STATUS_SUCCESS;
}

static struct status bind_body(struct binder *binder, const struct http_head *head,
                               struct bytes body, const struct rpc_route *route)
{
    struct bytes encoding = http_head_value(head, HTTP_HEADER_CONTENT_ENCODING);
    if (route->body[0] == '\0') {
        if (body.size == 0) return STATUS_SUCCESS;
        return REFUSE(INVALID_ARGUMENT, BODY_NOT_ALLOWED, "this request takes no body");
    }
    if (encoding.data != NULL && !bytes_equal(encoding, bytes_of_text("identity"))) {
        return REFUSE(INVALID_ARGUMENT, ENCODING_UNSUPPORTED,
                      "the only Content-Encoding understood is identity");
    }
    struct bytes type = http_head_value(head, HTTP_HEADER_CONTENT_TYPE);
    if (body.size > 0 && route->method->takes_form &&
        media_type_is(type, "application/x-www-form-urlencoded")) {
        return bind_pairs(binder, body);
    }
    if (body.size > 0 && !media_type_is(type, "application/json")) {
        return REFUSE(INVALID_ARGUMENT, MEDIA_TYPE_UNSUPPORTED,
                      "the body must be application/json; say so in Content-Type");
    }
    return json_decode(binder->message, route->body, body, binder->arena, binder->value,
                       &binder->in_body, binder->violations);
}

/* What the gateway fills */

// What is required, or bound by the path, is there in every request and says nothing of a change.
static struct status fill_member_mask(struct binder *binder, const struct json_place *mask)
{
    struct json_list names = json_list_open(PROTOBUF_C_TYPE_STRING);
    for (size_t i = 0; i < binder->message->descriptor->n_fields; i++) {
        const struct rpc_field *field = &binder->message->fields[i];
        rpc_field_set bit = (rpc_field_set)1 << i;
        if ((binder->in_body & ~binder->in_path & bit) == 0 || field->required) continue;
        char **item = json_list_grow(&names, binder->arena);
        char *name = arena_text(binder->arena, field->name, field->name_bytes);
        if (item == NULL || name == NULL) return ARENA_STATUS_EXHAUSTED;
        *item = name;
    }
    json_list_store(&names, mask, binder->value);
    return STATUS_SUCCESS;
}

// What of a header may be shown and fits; a field that the client has no header for stays empty.
static struct status fill_from_header(struct binder *binder, const struct http_head *head,
                                      const struct json_place *place)
{
    struct bytes value = http_head_find(head, place->field->header);
    size_t size = value.size < place->field->len_max ? value.size : place->field->len_max;
    char *text = arena_text(binder->arena, size > 0 ? (const char *)value.data : "", size);
    if (text == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) text[i] = '?';
    }
    *(char **)place->member = text;
    return STATUS_SUCCESS;
}

static struct status fill(struct binder *binder, const struct http_head *head)
{
    for (size_t i = 0; i < binder->message->descriptor->n_fields; i++) {
        struct json_place place = json_place_of(binder->message, i, binder->value);
        if (place.field->is_etag) {
            RETURN_IF_ERROR(conditional_if_match(head, place.field->required, place.member));
        } else if (place.field->is_member_mask) {
            RETURN_IF_ERROR(fill_member_mask(binder, &place));
        } else if (place.field->from_header) {
            RETURN_IF_ERROR(fill_from_header(binder, head, &place));
        }
    }
    return STATUS_SUCCESS;
}

// The text of the field with that name, or NULL when the message has none.
static char **find_text(struct binder *binder, const char *name)
{
    const struct json_text text = {.data = name, .size = strlen(name)};
    size_t index = json_find_field(binder->message, text, 0);
    if (index == JSON_NOT_FOUND) return NULL;
    return json_place_of(binder->message, index, binder->value).member;
}

// A client says once who it is: in the form, or by HTTP Basic.
static struct status fill_client(struct binder *binder, const struct http_head *head,
                                 const struct rpc_method *method)
{
    char **id = find_text(binder, "client_id"), **secret = find_text(binder, "client_secret");
    struct oauth_client client;
    if (!method->takes_form || id == NULL || secret == NULL) return STATUS_SUCCESS;
    RETURN_IF_ERROR(oauth_read_client(head, binder->arena, &client));
    if (client.id == NULL) return STATUS_SUCCESS;
    if ((*id)[0] != '\0' || (*secret)[0] != '\0')
        return REFUSE(INVALID_ARGUMENT, CLIENT_TWICE,
                      "a client says who it is in the body or by Authorization, not both");
    *id = (char *)(uintptr_t)client.id; // Nobody writes to them.
    *secret = (char *)(uintptr_t)client.secret;
    return STATUS_SUCCESS;
}

static struct status open_binder(const struct rpc_method *method, struct arena *arena,
                                 struct rpc_violations *violations, struct binder *ret)
{
    *ret = (struct binder){.message = method->request,
                           .value = rpc_message_new(method->request, arena),
                           .arena = arena,
                           .violations = violations};
    return ret->value != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

struct status request_pack_json(const struct http_head *head, const struct rpc_method *method,
                                struct bytes body, struct arena *arena, struct bytes *ret_payload,
                                struct rpc_violations *ret_violations)
{
    struct binder binder;
    RETURN_IF_ERROR(open_binder(method, arena, ret_violations, &binder));
    RETURN_IF_ERROR(json_decode(binder.message, "*", body, arena, binder.value, &binder.in_body,
                                ret_violations));
    RETURN_IF_ERROR(fill(&binder, head));
    return rpc_pack(binder.value, arena, ret_payload);
}

struct status request_pack(const struct http_head *head, struct bytes body,
                           const struct router_match *match, const struct rpc_route *route,
                           struct arena *arena, struct bytes *ret_payload,
                           struct rpc_violations *ret_violations)
{
    struct binder binder;
    RETURN_IF_ERROR(open_binder(route->method, arena, ret_violations, &binder));
    RETURN_IF_ERROR(bind_body(&binder, head, body, route));
    // Behind the body, so that a field in both places is refused as a duplicate.
    RETURN_IF_ERROR(bind_variables(&binder, match, route));
    if (strcmp(route->body, "*") == 0 && head->query.size > 0) {
        return REFUSE(INVALID_ARGUMENT, QUERY_NOT_ALLOWED,
                      "this request takes its fields from the body, not from the query");
    }
    RETURN_IF_ERROR(bind_pairs(&binder, head->query));
    RETURN_IF_ERROR(rpc_violations_status(ret_violations));
    RETURN_IF_ERROR(fill_client(&binder, head, route->method));
    // Conditions come last: a request that is wrong in itself is wrong for every version.
    RETURN_IF_ERROR(fill(&binder, head));
    return rpc_pack(binder.value, arena, ret_payload);
}
