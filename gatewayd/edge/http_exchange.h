#pragma once
/*
 * The requests and responses of one connection, in order and one at a time: octets of the client go
 * in and octets for the upstream come out, and the other way. A pure machine between two streams;
 * bodies pass through it without being copied. http_relay.c ties it to a connection.
 */
#include "common/writer.h"
#include "gatewayd/edge/http_chunks.h"
#include "gatewayd/edge/http_forward.h"
#include "gatewayd/edge/http_head.h"
#include "gatewayd/edge/http_response.h"

enum {
    /* Octets that http_exchange_up gives out at once: the head of a request with all our headers,
     * or what 64 KiB of a body become. */
    HTTP_UP_MAX = HTTP_LINE_MAX + 3 * HTTP_FIELDS_LEN_MAX + HTTP_OURS_LEN_MAX,
};

/* Answers what a request needs to know: may it go on, and who asks. */
struct http_calls {
    /* HTTP_NONE, or why a good request may not go on here. */
    enum http_fault (*admit)(void *context, const struct http_request *request);
    /* Valid until the next call. */
    const struct http_client *(*client)(void *context);
    void *context;
};

struct http_exchange {
    const struct http_calls *calls;
    struct http_head head, answer_head;
    struct writer out; /* made by us, for the upstream or the client */
    enum http_side { HTTP_AT_HEAD, HTTP_AT_BODY, HTTP_AT_END, HTTP_AT_RAW } up, down;
    enum http_framing up_framing, down_framing;
    uint64_t up_left, down_left; /* octets of a body of known length */
    struct http_chunks up_chunks, down_chunks;
    struct http_question question;
    bool unsent;       /* set by the caller: something of *ret_out is not with the upstream yet */
    bool early;        /* the response began before the upstream had the whole request */
    bool asked;        /* a request went to the upstream and is not answered to its end */
    bool answer_begun; /* the client has something of the response */
    bool last;         /* no further request: the client said so, or this one is not all read */
    /*
     * The request or its response is the last of this upstream: it says so, or the request has a
     * body, which an upstream that does not read it takes for its next request. It hears
     * Connection: close, too.
     */
    bool uses_up;
    bool spent; /* the response is complete: no further request before http_exchange_renewed */
    bool ended; /* the last response is complete */
    uint64_t n_requests;
    unsigned n_interim;    /* responses to the request that is asked */
    enum http_fault fault; /* why a call gave false */
};

void http_exchange_clear(struct http_exchange *exchange);
/* Gives back what the last call's *ret_out pointed into. */
void http_exchange_rest(struct http_exchange *exchange);
/*
 * Takes octets of the client. *ret_used: how many; none when the exchange takes none before the
 * response is complete. *ret_out: what the upstream gets; points into `in` or into the exchange,
 * until the next call. False: refused, see fault.
 */
bool http_exchange_up(struct http_exchange *exchange, struct bytes in, size_t *ret_used,
                      struct bytes *ret_out) MUST_CHECK;
/* There is another upstream. */
void http_exchange_renewed(struct http_exchange *exchange);
/* The same for octets of the upstream, which it always takes. */
bool http_exchange_down(struct http_exchange *exchange, struct bytes in, size_t *ret_used,
                        struct bytes *ret_out) MUST_CHECK;
/* The upstream sends nothing more. False: in the middle of a response, see fault. */
bool http_exchange_down_end(struct http_exchange *exchange) MUST_CHECK;
/* Octets of the client have to wait: for the response, or for another upstream. */
bool http_exchange_holds(const struct http_exchange *exchange);
/* The head of a request has begun and is not complete. */
bool http_exchange_in_head(const struct http_exchange *exchange);
/* What follows is no HTTP any more. */
bool http_exchange_is_raw(const struct http_exchange *exchange);
/* The client asked by HEAD, as far as one can see: a refusal has no body then. */
bool http_exchange_is_head(const struct http_exchange *exchange);
