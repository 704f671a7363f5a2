/// @file gateway/link.h
/// Header Link (RFC 8288) of answers that are documents and go on: the same URL with another page
/// token.
/// Threads    Pure: any thread, one per arena.
#pragma once

#include "common/base/arena.h"

/// link_next gives "<path?query&page_token=…>; rel=\"next\"": the request's path and query as they
/// came, without the page_token that they had. NULL beyond the arena's limit.
const char *link_next(struct bytes path, struct bytes query, const char *page_token,
                      struct arena *arena);
