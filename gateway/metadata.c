// What the headers of a request say to the daemon that will answer it.
#include "gateway/gateway.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum {
    IDEMPOTENCY_KEY_BYTES_MAX = 255,
    DEVICE_ID_BYTES_MAX = 128,
    METADATA_VALUE_BYTES_MAX = 4096,
};

static struct bytes header(const struct gateway_request *request, enum http_header_id id)
{
    return http_head_value(http_exchange_head(request->exchange), id);
}

static const char *keep_text(struct gateway_request *request, struct bytes value)
{
    if (value.data == NULL || value.size > METADATA_VALUE_BYTES_MAX) return NULL;
    return arena_text(http_exchange_arena(request->exchange), (const char *)value.data, value.size);
}

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e) return false;
    }
    return text.size > 0;
}

struct bytes gateway_bearer(const struct http_head *head)
{
    static const char scheme[] = "Bearer ";
    const size_t scheme_bytes = sizeof scheme - 1;
    struct bytes value = http_head_value(head, HTTP_HEADER_AUTHORIZATION);
    if (value.size <= scheme_bytes ||
        strncasecmp((const char *)value.data, scheme, scheme_bytes) != 0) {
        return bytes_of(NULL, 0); // Any other scheme is no token for us.
    }
    struct bytes token = bytes_of(value.data + scheme_bytes, value.size - scheme_bytes);
    while (token.size > 0 && token.data[0] == ' ') {
        token = bytes_of(token.data + 1, token.size - 1);
    }
    return token;
}

static struct status read_idempotency_key(struct gateway_request *request)
{
    struct bytes given = header(request, HTTP_HEADER_IDEMPOTENCY_KEY);
    if (given.data == NULL) return STATUS_SUCCESS;
    if (given.size > IDEMPOTENCY_KEY_BYTES_MAX || !is_printable(given)) {
        return REFUSE(INVALID_ARGUMENT, IDEMPOTENCY_KEY_INVALID,
                      "Idempotency-Key must be 1 to 255 printable ASCII characters");
    }
    request->call.metadata.idempotency_key = keep_text(request, given);
    return STATUS_SUCCESS;
}

// W3C Trace Context: 00-<32 hex>-<16 hex>-<2 hex>. Anything else is not passed on.
static bool is_traceparent(struct bytes text)
{
    static const char shape[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    static const char hex[] = "0123456789abcdef";
    if (text.size != sizeof shape - 1) return false;
    for (size_t i = 0; i < text.size; i++) {
        bool is_hex = memchr(hex, text.data[i], sizeof hex - 1) != NULL;
        if (shape[i] == 'h' ? !is_hex : text.data[i] != '-') return false;
    }
    return true;
}

struct status gateway_read_metadata(struct gateway_request *request)
{
    struct rpc_metadata *metadata = &request->call.metadata;
    RETURN_IF_ERROR(read_idempotency_key(request));
    metadata->access_token =
        keep_text(request, gateway_bearer(http_exchange_head(request->exchange)));
    metadata->request_id = request->request_id;
    metadata->client_ip = request->client_ip;
    struct bytes device = header(request, HTTP_HEADER_X_DEVICE_ID);
    if (device.size <= DEVICE_ID_BYTES_MAX && is_printable(device)) {
        metadata->device_id = keep_text(request, device);
    }
    struct bytes trace = header(request, HTTP_HEADER_TRACEPARENT);
    if (is_traceparent(trace)) metadata->traceparent = keep_text(request, trace);
    return STATUS_SUCCESS;
}

// ---- The client's address ------------------------------------------------------------------

static bool is_trusted(const struct gateway *gateway, const char *address)
{
    for (size_t i = 0; i < gateway->trusted_proxies.count; i++) {
        if (strcmp(gateway->trusted_proxies.items[i], address) == 0) return true;
    }
    return false;
}

// Cuts the last item off a list by commas; false when nothing is left.
static bool cut_last(struct bytes *list, struct bytes *ret_item)
{
    if (list->data == NULL) return false;
    size_t begin = list->size;
    while (begin > 0 && list->data[begin - 1] != ',') {
        begin--;
    }
    struct bytes item = bytes_of(list->data + begin, list->size - begin);
    *list = begin > 0 ? bytes_of(list->data, begin - 1) : bytes_of(NULL, 0);
    while (item.size > 0 && (item.data[0] == ' ' || item.data[0] == '\t')) {
        item = bytes_of(item.data + 1, item.size - 1);
    }
    while (item.size > 0 && (item.data[item.size - 1] == ' ' || item.data[item.size - 1] == '\t')) {
        item.size--;
    }
    *ret_item = item;
    return true;
}

static const char *read_address(struct gateway_request *request, struct bytes item)
{
    char text[HTTP_ADDRESS_TEXT_BYTES];
    struct in6_addr address;
    if (item.size == 0 || item.size >= sizeof text) return NULL;
    memcpy(text, item.data, item.size);
    text[item.size] = '\0';
    bool is_address =
        inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
    return is_address ? keep_text(request, item) : NULL;
}

// Each proxy appends whom it was asked by, so the list is read from its end, for as long as trusted
// proxies speak. Several X-Forwarded-For headers are one list, in order.
const char *gateway_client_ip(struct gateway_request *request)
{
    const struct http_head *head = http_exchange_head(request->exchange);
    const char *client = http_exchange_peer(request->exchange);
    if (!is_trusted(request->gateway, client)) return client;
    for (size_t i = head->header_count; i > 0; i--) {
        if (head->headers[i - 1].id != HTTP_HEADER_X_FORWARDED_FOR) continue;
        struct bytes list = head->headers[i - 1].value, item;
        while (cut_last(&list, &item)) {
            const char *address = read_address(request, item);
            if (address == NULL) return client; // Nothing before it can be believed.
            client = address;
            if (!is_trusted(request->gateway, client)) return client;
        }
    }
    return client;
}
