/// @file common/json/parse.h
/// A JSON text as jansson's tree, or the refusal that the client is told.
/// Ownership  The tree is malloc's and the caller's: CLEANUP(json_decrefp). A text of nothing but
///            empty objects takes 80 times its bytes, 5 MiB of 64 KiB; JSON_VALUES_MAX is what
///            bounds the tree of a large text, to some 64 MiB, and the time for it.
/// Threads    Any.
/// Errors     INVALID_ARGUMENT / JSON_MALFORMED, also for text that is not UTF-8 or holds a NUL
///            byte, and JSON_TOO_DEEP; RESOURCE_EXHAUSTED / REQUEST_TOO_COMPLEX beyond
///            JSON_VALUES_MAX; INVALID_ARGUMENT / VALIDATION_FAILED with one violation:
///            DUPLICATE_FIELD, CONTAINS_NUL (a NUL in a member's name) or RANGE (a number beyond
///            int64 or double). jansson says where in the text that was, not where in the tree, so
///            its path is the member's name alone, as it was written, or "" in a list.
/// Source     RFC 8259; jansson "Decoding".
#pragma once

#include "common/rpc/violations.h"

#include <jansson.h>

enum {
    JSON_DEPTH_MAX = 32,
    JSON_VALUES_MAX = 256 * 1024, // 8,192 items of 31 members.
};

/// json_parse reads one value of any kind and refuses what follows it. NUL stands in a string where
/// \u0000 was written; integers are exact.
MUST_USE struct status json_parse(struct bytes text, struct arena *arena, json_t **ret,
                                  struct rpc_violations *violations);
