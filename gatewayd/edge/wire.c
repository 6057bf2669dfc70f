/*
 * The shared buffers and the BIO over them. Runs in an edge; the octets are a client's. OpenSSL's
 * socket BIO would call recv() twice per record and send() once; this one calls each once per 64
 * KiB.
 */
#include "gatewayd/edge/wire.h"

#include "gatewayd/edge/edge.h"
#include "gatewayd/shared/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

/* --- octets kept for later -------------------------------------------------------------------- */

bool buffer_keep(struct buffer *buffer, struct bytes octets, size_t max)
{
    uint8_t *at;

    if (octets.len == 0)
        return true;
    if (buffer->len > max || octets.len > max - buffer->len)
        return false;
    at = xcalloc(buffer->len + octets.len, 1);
    if (buffer->len > 0)
        memcpy(at, buffer->at + buffer->begin, buffer->len);
    memcpy(at + buffer->len, octets.at, octets.len);
    free(buffer->at);
    *buffer = (struct buffer){.at = at, .len = buffer->len + octets.len};
    return true;
}

void buffer_drop(struct buffer *buffer, size_t n)
{
    buffer->begin += n;
    buffer->len -= n;
    if (buffer->len == 0)
        buffer_clear(buffer);
}

struct bytes buffer_bytes(const struct buffer *buffer)
{
    return (struct bytes){buffer->at ? buffer->at + buffer->begin : NULL, buffer->len};
}

void buffer_clear(struct buffer *buffer)
{
    free(buffer->at);
    *buffer = (struct buffer){0};
}

/* --- the BIO ---------------------------------------------------------------------------------- */

/* Fills wire->in. 1: something is there, 0: the end, -1: an error, or nothing yet. */
static int receive(struct connection *c, BIO *bio)
{
    struct wire *wire = &c->edge->wire;
    ssize_t n;

    if (wire->recv_left == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    do
        n = recv(c->fd, wire->in, WIRE_IN_MAX, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        BIO_set_retry_read(bio);
    if (n <= 0) {
        c->wire_eof = n == 0;
        return n == 0 ? 0 : -1;
    }
    wire->recv_left = n < WIRE_IN_MAX ? 0 : wire->recv_left - 1;
    wire->in_begin = 0;
    wire->in_len = (size_t)n;
    return 1;
}

static int read_octets(BIO *bio, char *out, int room)
{
    struct connection *c = BIO_get_data(bio);
    struct wire *wire = &c->edge->wire;
    size_t n = (size_t)room;

    assert(wire->owner == c);
    BIO_clear_retry_flags(bio);
    if (c->wire_failed)
        return -1;
    if (c->stash.len > 0) {
        n = c->stash.len < n ? c->stash.len : n;
        memcpy(out, buffer_bytes(&c->stash).at, n);
        buffer_drop(&c->stash, n);
        return (int)n;
    }
    if (wire->in_len == 0) {
        int got = receive(c, bio);

        if (got <= 0)
            return got;
    }
    n = wire->in_len < n ? wire->in_len : n;
    memcpy(out, wire->in + wire->in_begin, n);
    wire->in_begin += n;
    wire->in_len -= n;
    return (int)n;
}

static int write_octets(BIO *bio, const char *octets, int len)
{
    struct connection *c = BIO_get_data(bio);
    struct wire *wire = &c->edge->wire;
    size_t n = (size_t)len;

    assert(wire->owner == c);
    BIO_clear_retry_flags(bio);
    if (c->unsent.len == 0 && wire->out_len + n > WIRE_OUT_MAX)
        wire_flush(c);
    if (c->unsent.len > 0 || n > WIRE_OUT_MAX) {
        BIO_set_retry_write(bio);
        return -1;
    }
    if (c->wire_failed)
        return -1;
    memcpy(wire->out + wire->out_len, octets, n);
    wire->out_len += n;
    return len;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    const struct connection *c = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return c->wire_eof;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

BIO *wire_bio(struct connection *c)
{
    BIO *bio = BIO_new(c->edge->wire.method);

    if (!bio)
        abort();
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    return bio;
}

void wire_init(struct wire *wire)
{
    *wire = (struct wire){
        .in = xcalloc(1, WIRE_IN_MAX),
        .out = xcalloc(1, WIRE_OUT_MAX),
        .plain = xcalloc(1, WIRE_PLAIN_MAX),
        .method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "shared buffers")};
    if (!wire->method)
        abort();
    (void)BIO_meth_set_read(wire->method, read_octets);
    (void)BIO_meth_set_write(wire->method, write_octets);
    (void)BIO_meth_set_ctrl(wire->method, control);
}

/* --- turns ------------------------------------------------------------------------------------ */

void wire_enter(struct connection *c)
{
    struct wire *wire = &c->edge->wire;

    assert(!wire->owner && wire->in_len == 0 && wire->out_len == 0);
    wire->owner = c;
    wire->recv_left = WIRE_RECV_ROUNDS;
}

/* Octets that the socket takes now; what it does not take stays for later. */
static size_t send_some(struct connection *c, struct bytes octets)
{
    size_t sent = 0;

    while (sent < octets.len && !c->wire_failed) {
        ssize_t n = send(c->fd, octets.at + sent, octets.len - sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0)
            c->wire_failed = true;
        else
            sent += (size_t)n;
    }
    return sent;
}

void wire_flush(struct connection *c)
{
    struct wire *wire = &c->edge->wire;
    struct bytes all = {wire->out, wire->out_len};
    size_t sent = 0;

    if (all.len == 0)
        return;
    wire->out_len = 0;
    if (c->unsent.len == 0)
        sent = send_some(c, all);
    if (!c->wire_failed)
        c->wire_failed =
            !buffer_keep(&c->unsent, (struct bytes){all.at + sent, all.len - sent}, WIRE_KEPT_MAX);
}

bool wire_flush_unsent(struct connection *c)
{
    if (c->unsent.len > 0)
        buffer_drop(&c->unsent, send_some(c, buffer_bytes(&c->unsent)));
    if (c->wire_failed)
        buffer_clear(&c->unsent);
    return c->unsent.len == 0;
}

void wire_leave(struct edge *edge)
{
    struct wire *wire = &edge->wire;
    struct connection *c = wire->owner;

    if (!c)
        return;
    wire_flush(c);
    if (!buffer_keep(&c->stash, (struct bytes){wire->in + wire->in_begin, wire->in_len},
                     WIRE_KEPT_MAX))
        c->wire_failed = true;
    wire_forget(c);
}

void wire_forget(struct connection *c)
{
    struct wire *wire = &c->edge->wire;

    if (wire->owner != c)
        return;
    wire->owner = NULL;
    wire->in_len = wire->out_len = 0;
}
