#pragma once
/*
 * A TCP connection to the first address that takes one, on the loop.
 */
#include "gatewayd/fetch/names.h"

#include <ev.h>

struct reach {
    struct ev_loop *loop;
    struct address addresses[NAMES_ADDRESSES_MAX];
    size_t n, next;
    int fd; /* while it connects */
    ev_io io;
    ev_timer timer; /* one address that does not answer leaves time for the next */
    struct error last;
    bool not_local; /* addresses of this machine and its link are left out */
    void (*done)(void *context, int fd, const struct error *why); /* fd -1: why; not reentrant */
    void *context;
};

enum { REACH_ADDRESS_MS = 4000 }; /* for one address; the caller has the deadline of all */

/* Begins; done is called later, once, unless reach_cancel is. It owns the descriptor. */
void reach_begin(struct reach *reach, struct ev_loop *loop, struct names *names, const char *host,
                 uint16_t port);
void reach_cancel(struct reach *reach);
