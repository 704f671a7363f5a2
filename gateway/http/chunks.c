#include "gateway/http/chunks.h"

#include "common/base/check.h"
#include "gateway/http/characters.h"

// One state per place in:  size [;extension] CR LF  data CR LF  ...  0 CR LF  trailers  CR LF
enum state {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START, // At the beginning of a line: a trailer field or the CR that ends the body.
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
};

static uint8_t hex_value(uint8_t digit)
{
    return digit <= '9' ? (uint8_t)(digit - '0') : (uint8_t)((digit | 0x20) - 'a' + 10);
}

static enum http_refusal read_size(struct http_chunks *chunks, uint8_t byte)
{
    if (http_is(byte, HTTP_CLASS_HEX)) {
        if (chunks->digit_count == HTTP_CHUNK_DIGITS_MAX) return HTTP_REFUSED_CHUNK_SIZE_OVERFLOW;
        chunks->digit_count++;
        chunks->chunk_bytes_left = chunks->chunk_bytes_left << 4 | hex_value(byte);
        return HTTP_ACCEPTED;
    }
    if (chunks->digit_count == 0) return HTTP_REFUSED_CHUNK_SIZE_INVALID;
    if (byte == '\n') return HTTP_REFUSED_BARE_LF;
    if (byte != '\r' && byte != ';') return HTTP_REFUSED_CHUNK_SIZE_INVALID;
    chunks->state = byte == '\r' ? SIZE_LF : EXTENSION;
    return HTTP_ACCEPTED;
}

/// Extensions mean nothing to us, but hundreds of bytes of them around each byte of data would be
/// work for nothing: they are counted over the whole body.
static enum http_refusal read_extension(struct http_chunks *chunks, uint8_t byte)
{
    if (byte == '\r') {
        chunks->state = SIZE_LF;
        return HTTP_ACCEPTED;
    }
    if (byte == '\n') return HTTP_REFUSED_BARE_LF;
    if (!http_is(byte, HTTP_CLASS_VALUE)) return HTTP_REFUSED_CHUNK_EXTENSION_INVALID;
    if (chunks->extension_bytes == HTTP_CHUNK_EXTENSION_BYTES_MAX) {
        return HTTP_REFUSED_CHUNK_EXTENSIONS_TOO_LARGE;
    }
    chunks->extension_bytes++;
    return HTTP_ACCEPTED;
}

static enum http_refusal read_trailer(struct http_chunks *chunks, uint8_t byte)
{
    if (chunks->trailer_bytes == HTTP_TRAILER_BYTES_MAX) return HTTP_REFUSED_TRAILERS_TOO_LARGE;
    chunks->trailer_bytes++;
    if (byte == '\n' && chunks->state != TRAILER_LF) return HTTP_REFUSED_BARE_LF;
    switch (chunks->state) {
    case TRAILER_START:
        if (byte != '\r' && !http_is(byte, HTTP_CLASS_TOKEN)) return HTTP_REFUSED_TRAILER_INVALID;
        chunks->state = byte == '\r' ? END_LF : TRAILER_NAME;
        return HTTP_ACCEPTED;
    case TRAILER_NAME:
        if (byte != ':' && !http_is(byte, HTTP_CLASS_TOKEN)) return HTTP_REFUSED_TRAILER_INVALID;
        if (byte == ':') chunks->state = TRAILER_VALUE;
        return HTTP_ACCEPTED;
    case TRAILER_VALUE:
        if (byte != '\r' && !http_is(byte, HTTP_CLASS_VALUE)) return HTTP_REFUSED_TRAILER_INVALID;
        if (byte == '\r') chunks->state = TRAILER_LF;
        return HTTP_ACCEPTED;
    default:
        CHECK(chunks->state == TRAILER_LF);
        if (byte != '\n') return HTTP_REFUSED_TRAILER_INVALID;
        chunks->state = TRAILER_START;
        return HTTP_ACCEPTED;
    }
}

static enum http_refusal expect_byte(struct http_chunks *chunks, uint8_t byte, uint8_t expected,
                                     enum state next, enum http_refusal otherwise)
{
    if (byte != expected) return byte == '\n' ? HTTP_REFUSED_BARE_LF : otherwise;
    chunks->state = (uint8_t)next;
    return HTTP_ACCEPTED;
}

/// Everything but data is read byte by byte: it is a few bytes per chunk.
static enum http_refusal read_byte(struct http_chunks *chunks, uint8_t byte)
{
    switch (chunks->state) {
    case SIZE:
        return read_size(chunks, byte);
    case EXTENSION:
        return read_extension(chunks, byte);
    case SIZE_LF:
        return expect_byte(chunks, byte, '\n', chunks->chunk_bytes_left > 0 ? DATA : TRAILER_START,
                           HTTP_REFUSED_CHUNK_SIZE_INVALID);
    case DATA_CR:
        return expect_byte(chunks, byte, '\r', DATA_LF, HTTP_REFUSED_CHUNK_END_INVALID);
    case DATA_LF:
        chunks->digit_count = 0;
        return expect_byte(chunks, byte, '\n', SIZE, HTTP_REFUSED_CHUNK_END_INVALID);
    case END_LF:
        chunks->done = byte == '\n';
        return chunks->done ? HTTP_ACCEPTED : HTTP_REFUSED_TRAILER_INVALID;
    default:
        return read_trailer(chunks, byte);
    }
}

enum http_refusal http_chunks_decode(struct http_chunks *chunks, struct bytes input,
                                     struct http_chunks_step *ret)
{
    *ret = (struct http_chunks_step){0};
    while (ret->consumed < input.size && !chunks->done) {
        if (chunks->state == DATA) {
            const size_t left = input.size - ret->consumed;
            const size_t size =
                chunks->chunk_bytes_left < left ? (size_t)chunks->chunk_bytes_left : left;
            ret->data = bytes_of(input.data + ret->consumed, size);
            ret->consumed += size;
            chunks->chunk_bytes_left -= size;
            if (chunks->chunk_bytes_left == 0) chunks->state = DATA_CR;
            return HTTP_ACCEPTED;
        }
        const enum http_refusal refusal = read_byte(chunks, input.data[ret->consumed]);
        if (refusal != HTTP_ACCEPTED) return refusal;
        ret->consumed++;
    }
    return HTTP_ACCEPTED;
}
