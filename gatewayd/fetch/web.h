#pragma once
/*
 * One HTTP exchange on the loop: GET, or POST with a body. Plain http only, redirections to the
 * same host only, three at most; bounded in time and octets. Knows nothing of what it carries.
 */
#include "gatewayd/fetch/names.h"

#include <ev.h>

struct web;

struct web_request {
    const char *url;
    const char *content_type; /* with body: POST */
    struct bytes body;        /* copied; empty: GET */
    size_t max;               /* octets of the answer's body */
    int64_t limit_ms;         /* for everything */
    size_t *held;             /* octets that all answers hold */
    void (*done)(void *context, struct bytes body, const struct error *why); /* why NULL: good */
    void *context;
};

enum { WEB_REDIRECTS_MAX = 3 };

/* done is called once, later, unless web_cancel is; afterwards the exchange is gone. */
struct web *web_begin(struct ev_loop *loop, struct names *names, const struct web_request *request);
void web_cancel(struct web *web); /* accepts NULL */
