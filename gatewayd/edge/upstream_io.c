/*
 * The upstream's side of the relay. Runs in an edge, after the verdict; an upstream is trusted no
 * further than its own octets. libssl is given a BIO of ours, so that an upstream that floods us
 * with messages of the handshake can be stopped inside of one SSL_read().
 */
#include "gatewayd/edge/upstream_io.h"

#include "gatewayd/edge/edge.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>

enum { RECORD_MAX = 16 * 1024 /* plaintext of a TLS record (RFC 8446 5.1) */ };

/* Failures of libssl as those of a socket. result: of the call; number: errno after it. */
static ssize_t failed(struct connection *c, int result, int number)
{
    int error = SSL_get_error(c->upstream_ssl, result);

    c->upstream_blocked = error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        errno = EAGAIN;
    else if (error == SSL_ERROR_SYSCALL && number != 0)
        errno = number;
    else
        errno = EPROTO;
    ERR_clear_error();
    return -1;
}

ssize_t upstream_send(struct connection *c, struct bytes octets)
{
    int n;

    if (!c->upstream_ssl)
        return send(c->upstream, octets.at, octets.len, MSG_NOSIGNAL);
    ERR_clear_error();
    errno = 0;
    n = SSL_write(c->upstream_ssl, octets.at, (int)octets.len);
    return n > 0 ? n : failed(c, n, errno);
}

static ssize_t recv_tls(struct connection *c, uint8_t *out, size_t room)
{
    size_t have = 0;
    int n = 1, number = 0;

    ERR_clear_error();
    c->upstream_blocked = c->upstream_more = false;
    while (n > 0 && have + RECORD_MAX <= room) {
        errno = 0;
        n = SSL_read(c->upstream_ssl, out + have, (int)(room - have));
        number = errno;
        have += n > 0 ? (size_t)n : 0;
    }
    if (have > 0) { /* an end behind it is told by the next call, and no event of the socket is */
        c->upstream_more = n <= 0 && failed(c, n, number) < 0 && errno != EAGAIN;
        return (ssize_t)have;
    }
    if (SSL_get_error(c->upstream_ssl, n) == SSL_ERROR_ZERO_RETURN)
        return 0;
    return failed(c, n, number);
}

ssize_t upstream_recv(struct connection *c, uint8_t *out, size_t room)
{
    return c->upstream_ssl ? recv_tls(c, out, room) : recv(c->upstream, out, room, 0);
}

bool upstream_finish(struct connection *c)
{
    int result;

    if (!c->upstream_ssl) {
        (void)shutdown(c->upstream, SHUT_WR);
        return true;
    }
    ERR_clear_error();
    errno = 0;
    result = SSL_shutdown(c->upstream_ssl);
    if (result >= 0)
        return true; /* close_notify is out; the other direction goes on */
    return failed(c, result, errno) < 0 && errno != EAGAIN; /* broken: there is nothing to say */
}

/* --- the BIO ---------------------------------------------------------------------------------- */

static int read_octets(BIO *bio, char *out, int room)
{
    struct connection *c = BIO_get_data(bio);
    ssize_t n;

    BIO_clear_retry_flags(bio);
    if (c->upstream_floods) {
        errno = EPROTO;
        return -1;
    }
    do
        n = recv(c->upstream, out, (size_t)room, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        BIO_set_retry_read(bio);
    c->upstream_eof = n == 0;
    return (int)n;
}

static int write_octets(BIO *bio, const char *octets, int len)
{
    struct connection *c = BIO_get_data(bio);
    ssize_t n;

    BIO_clear_retry_flags(bio);
    do
        n = send(c->upstream, octets, (size_t)len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        BIO_set_retry_write(bio);
    return (int)n;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    const struct connection *c = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return c->upstream_eof;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

BIO_METHOD *upstream_bio_method(void)
{
    BIO_METHOD *method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "an upstream's socket");

    if (!method)
        abort();
    (void)BIO_meth_set_read(method, read_octets);
    (void)BIO_meth_set_write(method, write_octets);
    (void)BIO_meth_set_ctrl(method, control);
    return method;
}

BIO *upstream_bio(struct connection *c)
{
    BIO *bio = BIO_new(c->edge->upstream_method);

    if (!bio)
        abort();
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    return bio;
}
