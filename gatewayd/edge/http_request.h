#pragma once
/*
 * The head of a request: read twice, by our own strict rules and by http_parser, and refused where
 * the two do not agree. What it means for framing, for the connection and for the name of the
 * service stands in the struct; nothing here is an authorisation.
 */
#include "gatewayd/edge/http.h"

/* Borrows from the head that it was read from. */
struct http_request {
    struct bytes method;
    struct bytes target; /* origin form, or "*" */
    struct bytes host;   /* as in Host, with its port */
    unsigned minor;      /* HTTP/1.minor: 0 or 1 */
    enum http_framing framing;
    uint64_t length; /* HTTP_BY_LENGTH */
    bool is_head;    /* the response has no body */
    bool close;      /* the client makes no further request on this connection */
    bool keep_alive; /* HTTP/1.0 and the client asks for another one */
    bool websocket;  /* the client asks to switch, and may */
    struct bytes connection[HTTP_FIELDS_MAX]; /* headers that are for us alone, by name */
    size_t n_connection;
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t n_fields;
};

/* head: complete, http_head_add has seen it. *ret_request only with HTTP_NONE. */
enum http_fault http_request_read(struct bytes head, struct http_request *ret_request) MUST_CHECK;
/* It has octets behind its head, or chunks. */
bool http_request_has_body(const struct http_request *request);
/* The name in Host, without its port; lower case is not made. */
struct bytes http_host_name(struct bytes host);
