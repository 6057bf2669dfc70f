/*
 * Chunked bodies. Runs in an edge on octets of clients and upstreams. A size that is not plain
 * hexadecimal, a LF alone, a blank behind the size: all of these have smuggled requests somewhere.
 */
#include "gatewayd/edge/http_chunks.h"

enum state {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* at the beginning of a line, or in its name */
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    END,
};

static int hex_digit(uint8_t octet)
{
    if (octet >= '0' && octet <= '9')
        return octet - '0';
    if (octet >= 'a' && octet <= 'f')
        return octet - 'a' + 10;
    return octet >= 'A' && octet <= 'F' ? octet - 'A' + 10 : -1;
}

static bool is_text(uint8_t octet)
{
    return (octet >= ' ' && octet != 0x7f) || octet == '\t';
}

static bool size_octet(struct http_chunks *chunks, uint8_t octet)
{
    int digit = hex_digit(octet);

    if (digit >= 0) {
        chunks->left = chunks->left << 4 | (uint64_t)digit;
        return ++chunks->digits <= HTTP_CHUNK_DIGITS_MAX;
    }
    chunks->state = octet == '\r' ? SIZE_LF : EXTENSION;
    chunks->aside = 0;
    return chunks->digits > 0 && (octet == '\r' || octet == ';');
}

static bool extension_octet(struct http_chunks *chunks, uint8_t octet)
{
    if (octet == '\r')
        chunks->state = SIZE_LF;
    return octet == '\r' || (is_text(octet) && ++chunks->aside <= HTTP_CHUNK_EXTENSION_MAX);
}

static bool trailer_octet(struct http_chunks *chunks, uint8_t octet)
{
    if (++chunks->aside > HTTP_TRAILERS_LEN_MAX)
        return false;
    if (octet == '\r' && !chunks->named) {
        chunks->state = END_LF;
        return true;
    }
    if (octet == ':' && chunks->named) {
        chunks->state = TRAILER_VALUE;
        return true;
    }
    chunks->named = true;
    return http_is_token_octet(octet);
}

static bool trailer_value_octet(struct http_chunks *chunks, uint8_t octet)
{
    if (octet == '\r')
        chunks->state = TRAILER_LF;
    return ++chunks->aside <= HTTP_TRAILERS_LEN_MAX && (octet == '\r' || is_text(octet));
}

/* An octet that must be this one. */
static bool expect(struct http_chunks *chunks, uint8_t octet, uint8_t wanted, enum state next)
{
    chunks->state = (int)next;
    return octet == wanted;
}

static bool begin_size(struct http_chunks *chunks, uint8_t octet)
{
    chunks->left = chunks->digits = 0;
    return expect(chunks, octet, '\n', SIZE);
}

static bool begin_trailer(struct http_chunks *chunks, uint8_t octet)
{
    chunks->named = false;
    return expect(chunks, octet, '\n', TRAILER);
}

/* Behind the line of the size: data, or the trailers behind the last chunk, whose size is 0. */
static bool end_size(struct http_chunks *chunks, uint8_t octet)
{
    chunks->aside = 0;
    return chunks->left > 0 ? expect(chunks, octet, '\n', DATA) : begin_trailer(chunks, octet);
}

static bool step_octet(struct http_chunks *chunks, uint8_t octet)
{
    switch ((enum state)chunks->state) {
    case SIZE:
        return size_octet(chunks, octet);
    case EXTENSION:
        return extension_octet(chunks, octet);
    case SIZE_LF:
        return end_size(chunks, octet);
    case DATA_CR:
        return expect(chunks, octet, '\r', DATA_LF);
    case DATA_LF:
        return begin_size(chunks, octet);
    case TRAILER:
        return trailer_octet(chunks, octet);
    case TRAILER_VALUE:
        return trailer_value_octet(chunks, octet);
    case TRAILER_LF:
        return begin_trailer(chunks, octet);
    case END_LF:
        return expect(chunks, octet, '\n', END);
    case DATA:
    case END:
        break;
    }
    return false;
}

bool http_chunks_step(struct http_chunks *chunks, struct bytes in, size_t *ret_used,
                      struct bytes *ret_data, bool *ret_end)
{
    size_t used = 0;

    *ret_data = (struct bytes){in.at, 0};
    while (used < in.len && chunks->state != DATA && chunks->state != END)
        if (!step_octet(chunks, in.at[used++]))
            return false;
    if (chunks->state == DATA && used < in.len) {
        size_t n = in.len - used < chunks->left ? in.len - used : (size_t)chunks->left;

        *ret_data = (struct bytes){in.at + used, n};
        used += n;
        chunks->left -= n;
        if (chunks->left == 0)
            chunks->state = DATA_CR;
    }
    *ret_used = used;
    *ret_end = chunks->state == END;
    return true;
}
