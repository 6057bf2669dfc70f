#pragma once
/*
 * mtls-gw/1: the few octets that `mtls` and an edge exchange inside of TLS before the raw bytes of
 * the service begin. Pure codec, libc only; docs/protocol.md "mtls-gw/1" has the layout. Knows no
 * TLS and no sockets.
 */
#include "common/session_id.h"
#include "common/writer.h"

#define GW1_ALPN "mtls-gw/1"

enum {
    GW1_NAME_MAX = 255,   /* octets of a service name; a policy name has 128, a DNS name 253 */
    GW1_TEXT_MAX = 16384, /* octets of a status text; the list of services of WHOAMI */
    GW1_REQUEST_MAX = 3 + GW1_NAME_MAX,
    GW1_STATUS_MAX = 1 + SESSION_ID_LEN + 2 + GW1_TEXT_MAX,
};

enum gw1_kind { GW1_CONNECT = 1, GW1_WHOAMI = 2 };
enum gw1_result { GW1_OK = 0, GW1_DENY = 1 };

/* Borrows the name from the octets that it was decoded from. */
struct gw1_request {
    enum gw1_kind kind;
    struct bytes name; /* CONNECT: a service; empty: the one that the SNI names. WHOAMI: empty */
};

struct gw1_status {
    enum gw1_result result;
    struct session_id id; /* decision id */
    struct bytes text;    /* clean UTF-8 but for newlines: a denial's sentence, WHOAMI's answer */
};

enum gw1_progress {
    GW1_MORE, /* right so far; more octets are needed */
    GW1_DONE, /* *ret_used octets were the request or status; raw bytes may follow them */
    GW1_BAD,  /* never becomes right */
};

/* A name that does not fit, or a text that is too long, breaks the writer. */
void gw1_request_encode(const struct gw1_request *request, struct writer *out);
void gw1_status_encode(const struct gw1_status *status, struct writer *out);
/* Reads from the start of `in`, which may hold less or more than one. Outputs only with GW1_DONE.
 */
enum gw1_progress gw1_request_decode(struct bytes in, struct gw1_request *ret_request,
                                     size_t *ret_used) MUST_CHECK;
enum gw1_progress gw1_status_decode(struct bytes in, struct gw1_status *ret_status,
                                    size_t *ret_used) MUST_CHECK;
