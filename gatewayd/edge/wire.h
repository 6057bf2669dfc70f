#pragma once
/*
 * Octets between TLS and the sockets: one pair of 64 KiB buffers for all connections of the
 * process, so that an idle connection needs none. Whoever works on a connection enters it first and
 * leaves it at the end; what is left over then is kept with the connection.
 */
#include "common/bytes.h"
#include "common/macros.h"

#include <openssl/bio.h>

struct connection;
struct edge;

enum {
    WIRE_IN_MAX = 64 * 1024,  /* octets per recv() */
    WIRE_OUT_MAX = 96 * 1024, /* ciphertext of WIRE_PLAIN_MAX and of what TLS adds to it */
    WIRE_PLAIN_MAX = 64 * 1024,
    /* Octets that a buffer of a connection keeps at most; of to_upstream: HTTP_UP_MAX for an HTTP
     * service. A side that does not read makes the other wait, so that a slow reader costs one of
     * them; all three have 224 KiB (relay.c). */
    WIRE_KEPT_MAX = WIRE_OUT_MAX,
    WIRE_RECV_ROUNDS = 4, /* recv() calls per turn of one connection: the others wait meanwhile */
};

/* Octets kept for later; owned. */
struct buffer {
    uint8_t *at;
    size_t begin, len; /* the octets are at[begin .. begin + len) */
};

/* Appends a copy. False: the buffer would hold more than max octets; it is as it was. */
bool buffer_keep(struct buffer *buffer, struct bytes octets, size_t max) MUST_CHECK;
void buffer_drop(struct buffer *buffer, size_t n); /* from its front; frees when empty */
struct bytes buffer_bytes(const struct buffer *buffer);
void buffer_clear(struct buffer *buffer);

struct wire {
    BIO_METHOD *method;
    struct connection *owner; /* the connection that is being worked on */
    int recv_left;
    size_t in_begin, in_len, out_len;
    uint8_t *in, *out, *plain;
};

void wire_init(struct wire *wire);
/* The BIO of a connection. */
BIO *wire_bio(struct connection *c);
void wire_enter(struct connection *c);
/* Sends what is in `out`; what the socket does not take goes to c->unsent. */
void wire_flush(struct connection *c);
/* Sends c->unsent; true when nothing is left of it. */
bool wire_flush_unsent(struct connection *c);
/* Flushes and keeps the rest; does nothing when the connection has ended meanwhile. */
void wire_leave(struct edge *edge);
/* The connection goes away: nothing of it may stay in the shared buffers. */
void wire_forget(struct connection *c);
