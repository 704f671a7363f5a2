#include "gateway/http/refusal.h"

#include "common/base/check.h"

static const struct http_refusal_info rows[HTTP_REFUSAL_COUNT] = {
#define X(name, status_, message_)                                                                 \
    [HTTP_REFUSED_##name] = {.status = (status_), .reason = #name, .message = (message_)},
    HTTP_REFUSALS(X)
#undef X
};

const struct http_refusal_info *http_refusal_info(enum http_refusal refusal)
{
    CHECK(refusal > HTTP_ACCEPTED && refusal < HTTP_REFUSAL_COUNT);
    return &rows[refusal];
}
