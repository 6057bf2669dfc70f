#pragma once
/*
 * The few messages of the PostgreSQL protocol (version 3) that come before or instead of a session.
 * Pure codec; knows no sockets.
 */
#include "common/writer.h"

enum {
    POSTGRES_REQUEST_LEN = 8,       /* octets of SSLRequest and of GSSENCRequest */
    POSTGRES_ERROR_TEXT_MAX = 1024, /* octets of the sentence of an ErrorResponse */
};

enum postgres_request {
    POSTGRES_MORE,    /* not eight octets yet, and right so far */
    POSTGRES_SSL,     /* asks for TLS */
    POSTGRES_GSS,     /* asks for GSSAPI encryption */
    POSTGRES_STARTUP, /* begins a session in clear text */
    POSTGRES_CANCEL,  /* asks in clear text to cancel a query */
    POSTGRES_BAD,
};

/* The first octets of a client, at most POSTGRES_REQUEST_LEN. */
enum postgres_request postgres_read(struct bytes octets);
/* ErrorResponse, FATAL; code: five letters or digits (SQLSTATE). */
void postgres_error(const char *code, struct bytes sentence, struct writer *out);
