#pragma once
/*
 * The response as the client gets it: its head is built anew, without what is between the upstream
 * and us alone. Pure.
 */
#include "common/writer.h"
#include "gatewayd/edge/http_response.h"

/* What the client hears of its connection. */
enum http_stay {
    HTTP_STAYS,     /* HTTP/1.1: nothing need be said */
    HTTP_STAYS_OLD, /* HTTP/1.0, which must hear it */
    HTTP_CLOSES,
};

enum { HTTP_RETURN_ADDED_MAX = 128 + HTTP_ANSWER_FIELDS_MAX }; /* octets more than the upstream's */

/* Writes the head for the client; the response borrows from the head that was read. */
void http_return(const struct http_response *response, enum http_stay stay, struct writer *out);
