// Which other origins' pages may call us. Tokens travel in a header, never in a cookie, so no
// credentials are allowed and the list is all there is.
#include "gateway/gateway.h"

const char *gateway_cors_origin(struct gateway_request *request)
{
    const struct gateway_list *origins = &request->gateway->cors_origins;
    if (origins->count == 0) return NULL;
    struct bytes given = http_head_value(http_exchange_head(request->exchange), HTTP_HEADER_ORIGIN);
    for (size_t i = 0; given.size > 0 && i < origins->count; i++) {
        bool is_any = strcmp(origins->items[i], "*") == 0;
        if (is_any || bytes_equal(given, bytes_of_text(origins->items[i]))) {
            return is_any ? "*" : origins->items[i];
        }
    }
    return NULL;
}
