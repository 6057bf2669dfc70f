#pragma once
/*
 * The head of a response: read as strictly as a request, since one that a client reads in another
 * way than we do shifts all answers behind it by one.
 */
#include "gatewayd/edge/http_request.h"

/* What of the request says how its response is framed. */
struct http_question {
    unsigned minor;          /* HTTP/1.minor of the request */
    bool is_head, websocket; /* as in http_request */
};

struct http_response {
    unsigned status;
    enum http_framing framing;
    uint64_t length; /* HTTP_BY_LENGTH, or what a response without body says of its length */
    bool has_length;
    bool interim;             /* 1xx: another head follows */
    bool close;               /* the upstream takes no further request on this connection */
    struct bytes status_text; /* with its phrase; this and fields borrow from the head */
    struct http_field fields[HTTP_ANSWER_FIELDS_MAX];
    size_t n_fields;
};

/* head: complete, http_head_add has seen it. HTTP_ANSWER when it is not to be believed. */
enum http_fault http_response_read(struct bytes head, const struct http_question *question,
                                   struct http_response *ret_response) MUST_CHECK;
