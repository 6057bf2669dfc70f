#pragma once
/*
 * HTTP/1 as an edge speaks it for services of `protocol = "http"`: what every file of it shares.
 * Strict on purpose: a message that two programs could read in two ways is refused, never repaired.
 * Pure; knows no sockets, no TLS and no connection (http_relay.h does).
 */
#include "common/bytes.h"
#include "common/macros.h"
#include "common/reason.h"

enum {
    HTTP_LINE_MAX = 8 * 1024,         /* octets of a request or status line */
    HTTP_FIELDS_LEN_MAX = 64 * 1024,  /* octets of all header lines of a request */
    HTTP_FIELDS_MAX = 128,            /* header lines of a request */
    HTTP_ANSWER_LEN_MAX = 32 * 1024,  /* octets of a response's head; wire.out must hold it */
    HTTP_ANSWER_FIELDS_MAX = 256,     /* header lines of a response */
    HTTP_LENGTH_DIGITS_MAX = 18,      /* of Content-Length: fits 63 bits */
    HTTP_CHUNK_DIGITS_MAX = 15,       /* hexadecimal digits of a chunk's size */
    HTTP_HEAD_MS = 30 * 1000,         /* from the first octet of a request to the end of its head */
    HTTP_CHUNK_EXTENSION_MAX = 256,   /* octets of a chunk's extensions, which are dropped */
    HTTP_TRAILERS_LEN_MAX = 8 * 1024, /* octets of a body's trailers, which are dropped */
    HTTP_INTERIM_MAX = 16,            /* interim responses (1xx) to one request */
};

/* What can be wrong: id, status for the client, reason, the words that follow the reason's. */
#define HTTP_FAULTS(X)                                                                             \
    X(NONE, 200, OK, "")                                                                           \
    X(LINE, 400, HTTP_MALFORMED, "the first line")                                                 \
    X(CONTROL, 400, HTTP_MALFORMED, "a control character, or a CR or LF by itself")                \
    X(FOLDED, 400, HTTP_MALFORMED, "a folded header")                                              \
    X(NAME, 400, HTTP_MALFORMED, "a header's name")                                                \
    X(TARGET, 400, HTTP_MALFORMED, "the target")                                                   \
    X(AUTHORITY, 400, HTTP_MALFORMED, "the target and Host name different places")                 \
    X(HOST, 400, HTTP_MALFORMED, "exactly one good Host is needed")                                \
    X(CONNECTION, 400, HTTP_MALFORMED, "the Connection header")                                    \
    X(CHUNK, 400, HTTP_MALFORMED, "the chunks of the body")                                        \
    X(PARSER, 400, HTTP_MALFORMED, "two parsers do not agree on it")                               \
    X(TWO_LENGTHS, 400, HTTP_AMBIGUOUS, "Content-Length and Transfer-Encoding")                    \
    X(LENGTH, 400, HTTP_AMBIGUOUS, "Content-Length must be one number")                            \
    X(CODINGS, 400, HTTP_AMBIGUOUS, "several Transfer-Encoding headers, or one in HTTP/1.0")       \
    X(CODING, 501, HTTP_UNSUPPORTED, "a Transfer-Encoding other than chunked")                     \
    X(METHOD, 405, HTTP_UNSUPPORTED, "CONNECT and TRACE")                                          \
    X(METHOD_UNKNOWN, 501, HTTP_UNSUPPORTED, "the method")                                         \
    X(EXPECT, 417, HTTP_UNSUPPORTED, "an expectation other than 100-continue")                     \
    X(VERSION, 505, HTTP_UNSUPPORTED, "HTTP/1.1 and 1.0 are spoken here")                          \
    X(MISDIRECTED, 421, HTTP_MISDIRECTED, "")                                                      \
    X(LINE_LONG, 414, HTTP_TOO_LARGE, "the first line")                                            \
    X(FIELDS_LONG, 431, HTTP_TOO_LARGE, "the headers")                                             \
    X(FIELDS_MANY, 431, HTTP_TOO_LARGE, "more headers than are allowed")                           \
    X(HEAD_SLOW, 408, HTTP_SLOW, "the headers")                                                    \
    X(ANSWER, 502, HTTP_BAD_RESPONSE, "")                                                          \
    X(ANSWER_UNASKED, 502, HTTP_BAD_RESPONSE, "it came without a request")                         \
    X(ANSWER_INTERIM, 502, HTTP_BAD_RESPONSE, "more interim responses than are allowed")           \
    X(ANSWER_MISSING, 502, HTTP_BAD_RESPONSE, "the service closed without one")                    \
    X(ANSWER_SHORT, 502, HTTP_BAD_RESPONSE, "the service closed in the middle of it")

#define HTTP_FAULT_ID(id, status, reason, text) HTTP_##id,
enum http_fault { HTTP_FAULTS(HTTP_FAULT_ID) HTTP_FAULT__COUNT };
#undef HTTP_FAULT_ID

struct http_fault_row {
    unsigned status;
    enum reason reason;
    const char *text;
};

const struct http_fault_row *http_fault_row(enum http_fault fault); /* static */
const char *http_phrase(unsigned status);                           /* "Bad Request"; static */

/* A header line, without the blanks around the value. */
struct http_field {
    struct bytes name, value;
};

enum http_framing {
    HTTP_NO_BODY,
    HTTP_BY_LENGTH,
    HTTP_BY_CHUNKS,
    HTTP_UNTIL_CLOSE, /* responses only */
    HTTP_SWITCHED,    /* a 101: what follows is no HTTP */
};

/* Case-insensitive, ASCII. */
bool http_is(struct bytes text, const char *word);
bool http_same(struct bytes a, struct bytes b);
bool http_is_token_octet(uint8_t octet); /* tchar of RFC 9110 5.6.2 */
bool http_is_token(struct bytes text);
struct bytes http_trim(struct bytes text); /* without blanks and tabs at both ends */
/*
 * The next element of a comma-separated list (RFC 9110 5.6.1), trimmed; empty ones are skipped.
 * False at the end.
 */
bool http_next_element(struct bytes *list, struct bytes *ret_element);
/* Decimal digits only, at least one. */
bool http_read_length(struct bytes text, uint64_t *ret_length) MUST_CHECK;
