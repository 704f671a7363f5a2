/// @file common/rpc/page.h
/// Pages: the size rule and opaque tokens that are sealed positions, bound to method, filter and
/// caller, so that a token made for one list cannot be used on another.
#pragma once

#include "common/rpc/call.h"

enum { PAGE_SIZE_DEFAULT = 50, PAGE_SIZE_MAX = 1000, PAGE_POSITION_BYTES_MAX = 128 };

/// page_size_resolve: 0 gives the default, more than the maximum the maximum; negative refuses.
MUST_USE struct status page_size_resolve(struct rpc_call *call, int32_t asked, size_t *ret);

/// page_token_make gives token text in the arena (NULL beyond its limit). filter: any bytes that
/// identify the query.
const char *page_token_make(struct rpc_call *call, struct bytes filter, struct bytes position);
/// page_token_open: INVALID_ARGUMENT / PAGE_TOKEN_INVALID unless made by page_token_make for the
/// same method, filter and caller. An empty token gives an empty position.
MUST_USE struct status page_token_open(struct rpc_call *call, const char *token,
                                       struct bytes filter, struct bytes *ret_position);

/// page_open sets the key, 32 secret bytes that outlive restarts; once per process.
void page_open(const uint8_t key[static 32]);
