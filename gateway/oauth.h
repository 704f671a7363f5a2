/// @file gateway/oauth.h
/// What the OAuth endpoints (methods that take forms) have beyond the others: a client may show who
/// it is by HTTP Basic, and a refusal also says so in the words of RFC 6749.
/// Ownership  Texts live in the arena, or are static.
/// Threads    Pure.
/// Errors     INVALID_ARGUMENT / BASIC_MALFORMED.
/// Source     RFC 6749 sections 2.3.1 and 5.2, RFC 6750 section 3.1, RFC 7617.
#pragma once

#include "common/base/arena.h"
#include "common/rpc/schema.h"
#include "gateway/http/parser.h"

/// struct oauth_client is what Authorization: Basic says; NULL without one.
struct oauth_client {
    const char *id, *secret;
};

MUST_USE struct status oauth_read_client(const struct http_head *head, struct arena *arena,
                                         struct oauth_client *ret);

/// oauth_error is the `error` of a refusal by this method: of its own reasons, of the gateway's,
/// and by its HTTP status for all others. NULL: the method takes no forms.
const char *oauth_error(const struct rpc_method *method, struct status status,
                        uint16_t http_status);
/// oauth_description keeps what an error_description may hold; other characters become '?'.
const char *oauth_description(const char *text, struct arena *arena);
