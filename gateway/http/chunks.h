/// @file gateway/http/chunks.h
/// Decoder of the chunked transfer coding: a small state that eats bytes as they arrive and hands
/// back the runs of data among them. Extensions and trailers are checked, bounded and dropped.
/// Ownership  Data runs point into the caller's input; nothing is copied or allocated.
/// Threads    Pure: one thread at a time per state.
/// Errors     enum http_refusal; a state that refused must not be fed again.
/// Source     RFC 9112 section 7.1.
#pragma once

#include "common/base/bytes.h"
#include "gateway/http/refusal.h"

#include <stdbool.h>

enum {
    HTTP_CHUNK_DIGITS_MAX = 15, // 60 bits: no sum with a body limit can overflow 64.
    HTTP_CHUNK_EXTENSION_BYTES_MAX = 4 * 1024,
    HTTP_TRAILER_BYTES_MAX = 4 * 1024,
};

/// A zeroed struct is a decoder at the start of a body.
struct http_chunks {
    uint8_t state;
    uint8_t digit_count;
    bool done; // The last chunk and the trailers have been read: the body is complete.
    uint16_t extension_bytes;
    uint16_t trailer_bytes;
    uint64_t chunk_bytes_left;
};

struct http_chunks_step {
    size_t consumed;   // Bytes of the input that were read, data included.
    struct bytes data; // A run of body bytes at the end of what was consumed; may be empty.
};

/// http_chunks_decode reads until the input ends, a run of data was found, or the body is done
/// (bytes behind the body are not touched). Call again with the rest until consumed == size.
enum http_refusal http_chunks_decode(struct http_chunks *chunks, struct bytes input,
                                     struct http_chunks_step *ret);
