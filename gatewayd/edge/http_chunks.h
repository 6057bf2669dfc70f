#pragma once
/*
 * A body in chunks (RFC 9112 7.1), followed octet by octet; keeps no octet of it. Extensions and
 * trailers are checked for their form and otherwise ignored.
 */
#include "gatewayd/edge/http.h"

/* Zeroed: at the beginning of a body. */
struct http_chunks {
    int state;
    uint64_t left;   /* octets of the chunk's data, or its size so far */
    unsigned digits; /* of the size */
    size_t aside;    /* octets of the extensions or trailers so far */
    bool named;      /* the trailer line has a name so far */
};

/*
 * Steps over some of `in`: up to the end of data, of the body, or of `in`. *ret_used octets are
 * behind us, of which the last ret_data->len are data; *ret_end: the body ends there. False:
 * broken.
 */
bool http_chunks_step(struct http_chunks *chunks, struct bytes in, size_t *ret_used,
                      struct bytes *ret_data, bool *ret_end) MUST_CHECK;
