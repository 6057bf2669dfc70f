#pragma once
/*
 * The head of a response: read as strictly as a request, since one that a client reads in another
 * way than we do shifts all answers behind it by one.
 */
#include "gatewayd/edge/http_request.h"

/* What of the request says how its response is framed. */
struct http_question {
    unsigned minor; /* HTTP/1.minor of the request */
    bool is_head, websocket;
};

struct http_response {
    unsigned status;
    enum http_framing framing;
    uint64_t length; /* HTTP_BY_LENGTH */
    bool interim;    /* 1xx: another head follows */
};

/* head: complete, http_head_add has seen it. HTTP_ANSWER when it is not to be believed. */
enum http_fault http_response_read(struct bytes head, const struct http_question *question,
                                   struct http_response *ret_response) MUST_CHECK;
