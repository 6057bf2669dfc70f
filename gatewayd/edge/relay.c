/*
 * The stage `relay`: octets both ways until both sides have said their last. Runs in an edge, after
 * the verdict. Back-pressure is not reading; a half-closed side stays half-closed on the other
 * (close_notify <-> shutdown); a client that is cut without close_notify cuts its upstream.
 *
 * decide ends a session by END, and then by shutdown() on its duplicate of the upstream's socket,
 * which looks here like an upstream that has finished. close_notify would tell the client that all
 * is in order, so it waits until every message of the channels has been read.
 */
#include "gatewayd/edge/relay.h"

#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/http_relay.h"
#include "gatewayd/edge/idle.h"
#include "gatewayd/edge/renew.h"
#include "gatewayd/edge/stages.h"
#include "gatewayd/edge/tls.h"
#include "gatewayd/edge/upstream_io.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

enum {
    DOWN_PIECE = 48 * 1024, /* plaintext per turn of which WIRE_OUT_MAX holds the ciphertext */
    DOWN_ROUNDS = 4,        /* recv() calls on the upstream per turn */
};

enum progress {
    PROGRESS_OK,
    PROGRESS_CLIENT_BROKE,
    PROGRESS_UPSTREAM_BROKE,
    PROGRESS_UPSTREAM_DEAF, /* takes nothing more; what it has said may still be there */
    PROGRESS_NO_HTTP,       /* of either side: see http_end */
};

static bool is_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* --- client to upstream ----------------------------------------------------------------------- */

static enum progress send_upstream(struct connection *c, struct bytes octets, size_t *ret_sent)
{
    *ret_sent = 0;
    while (*ret_sent < octets.len) {
        ssize_t n = upstream_send(c, (struct bytes){octets.at + *ret_sent, octets.len - *ret_sent});

        if (n < 0 && errno == EPIPE)
            return PROGRESS_UPSTREAM_DEAF;
        if (n < 0)
            return is_later() ? PROGRESS_OK : PROGRESS_UPSTREAM_BROKE;
        *ret_sent += (size_t)n;
    }
    return PROGRESS_OK;
}

static enum progress send_kept(struct connection *c)
{
    size_t sent;
    enum progress progress = send_upstream(c, buffer_bytes(&c->to_upstream), &sent);

    buffer_drop(&c->to_upstream, sent);
    return progress;
}

/* What does not go now is kept; the caller makes nothing more then. */
static enum progress pass_up(struct connection *c, struct bytes octets)
{
    enum progress progress = PROGRESS_OK;
    size_t sent = 0;

    if (c->to_upstream.len == 0)
        progress = send_upstream(c, octets, &sent);
    if (progress == PROGRESS_OK &&
        !buffer_keep(&c->to_upstream, (struct bytes){octets.at + sent, octets.len - sent},
                     http_up_max(c)))
        return PROGRESS_UPSTREAM_BROKE;
    return progress;
}

static enum progress take_up(struct connection *c, struct bytes octets)
{
    enum progress progress = PROGRESS_OK;
    struct bytes out;

    if (!c->http)
        return pass_up(c, octets);
    while (octets.len > 0 && progress == PROGRESS_OK && c->to_upstream.len == 0) {
        if (!http_up(c, &octets, &out))
            return PROGRESS_NO_HTTP;
        progress = pass_up(c, out);
    }
    if (octets.len > 0 && progress == PROGRESS_OK) /* the upstream's socket is full */
        http_keep(c, octets);
    return progress;
}

/* Decrypts up to one buffer. *ret_len: plaintext in wire.plain; *ret_more: there may be more. */
static enum progress read_client(struct connection *c, size_t *ret_len, bool *ret_more)
{
    enum { RECORD = 16 * 1024 };
    uint8_t *plain = c->edge->wire.plain;
    int n = 1;

    *ret_len = 0;
    *ret_more = true;
    while (*ret_len + RECORD <= WIRE_PLAIN_MAX) {
        n = SSL_read(c->ssl, plain + *ret_len, (int)(WIRE_PLAIN_MAX - *ret_len));
        if (n <= 0)
            break;
        *ret_len += (size_t)n;
    }
    if (n > 0)
        return PROGRESS_OK;
    *ret_more = false;
    switch (SSL_get_error(c->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: /* an answer to KeyUpdate that does not go out now */
        return PROGRESS_OK;
    case SSL_ERROR_ZERO_RETURN:
        c->client_done = true;
        return PROGRESS_OK;
    default:
        return PROGRESS_CLIENT_BROKE;
    }
}

/* The client has finished and everything of it has gone on. */
static void pass_client_end(struct connection *c)
{
    if (!c->client_done || c->told_upstream || c->to_upstream.len > 0 || http_keeps(c))
        return;
    c->told_upstream = upstream_finish(c);
}

static enum progress pump_up(struct connection *c)
{
    enum progress progress = c->to_upstream.len > 0 ? send_kept(c) : PROGRESS_OK;
    bool more = !c->client_done && !c->told_upstream;

    if (progress == PROGRESS_OK && http_keeps(c) && !http_holds(c) && c->to_upstream.len == 0)
        progress =
            take_up(c, (struct bytes){c->edge->wire.plain, http_take_kept(c, c->edge->wire.plain)});
    while (progress == PROGRESS_OK && more && c->to_upstream.len == 0 && !http_holds(c)) {
        enum progress client;
        size_t len;

        ERR_clear_error();
        client = read_client(c, &len, &more);
        c->bytes_in += len;
        c->edge->counters.bytes_in += len;
        progress = take_up(c, (struct bytes){c->edge->wire.plain, len});
        if (client != PROGRESS_OK)
            return client;
    }
    if (progress == PROGRESS_OK)
        pass_client_end(c);
    return progress;
}

/* --- upstream to client ----------------------------------------------------------------------- */

/* Encrypts into wire.out, which has been flushed and has room for all of it. */
static enum progress write_client(struct connection *c, struct bytes octets)
{
    while (octets.len > 0) {
        int n;

        ERR_clear_error();
        n = SSL_write(c->ssl, octets.at, (int)octets.len);
        if (n <= 0)
            return PROGRESS_CLIENT_BROKE;
        octets.at += n;
        octets.len -= (size_t)n;
    }
    return PROGRESS_OK;
}

static enum progress take_down(struct connection *c, struct bytes octets)
{
    enum progress progress = PROGRESS_OK;
    struct bytes out;

    if (!c->http)
        return write_client(c, octets);
    while (octets.len > 0 && progress == PROGRESS_OK) {
        if (!http_down(c, &octets, &out))
            return PROGRESS_NO_HTTP;
        progress = write_client(c, out);
    }
    return progress;
}

static void pass_upstream_end(struct connection *c)
{
    if (!c->upstream_done || c->told_client || c->unsent.len > 0)
        return;
    if (!c->end_is_upstreams) {
        connection_wait(c, &c->edge->waiting_end);
        ev_idle_start(c->edge->role->loop, &c->edge->end_idle);
        return;
    }
    c->told_client = true;
    tls_say_end(c);
    wire_flush(c);
}

static void nothing_to_say(struct ev_loop *loop, ev_idle *idle, int events)
{
    struct edge *edge = idle->data;
    struct connection *c;

    (void)events;
    ev_idle_stop(loop, idle);
    while ((c = edge->waiting_end)) {
        connection_wait_no_more(c);
        c->end_is_upstreams = true;
        connection_turn(c);
    }
}

void relay_init(struct edge *edge)
{
    ev_idle_init(&edge->end_idle, nothing_to_say);
    ev_set_priority(&edge->end_idle, CHANNEL_PRIORITY); /* looks at events of channels only */
    edge->end_idle.data = edge;
}

/* The end of the upstream. One that takes nothing more either is gone: so ends the client's side.
 */
static void note_upstream_end(struct connection *c)
{
    struct pollfd poll_fd = {.fd = c->upstream, .events = 0};

    c->upstream_done = true;
    if (poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLHUP | POLLERR)))
        c->told_upstream = true;
}

static enum progress pump_down(struct connection *c)
{
    enum progress progress = PROGRESS_OK;

    for (int i = 0; i < DOWN_ROUNDS && !c->upstream_done && !http_is_spent(c); i++) {
        uint8_t *plain = c->edge->wire.plain;
        ssize_t n;

        wire_flush(c);
        if (c->unsent.len > 0 || c->wire_failed)
            break;
        n = upstream_recv(c, plain, DOWN_PIECE);
        if (n < 0 && is_later())
            break;
        if (n < 0)
            return PROGRESS_UPSTREAM_BROKE;
        if (n == 0) {
            note_upstream_end(c);
            if (c->http && !http_down_end(c))
                progress = PROGRESS_NO_HTTP;
            break;
        }
        progress = take_down(c, (struct bytes){plain, (size_t)n});
        c->bytes_out += (uint64_t)n;
        c->edge->counters.bytes_out += (uint64_t)n;
        if (n < DOWN_PIECE || progress != PROGRESS_OK)
            break;
    }
    wire_flush(c);
    if (progress != PROGRESS_OK)
        return progress;
    if (http_is_over(c)) {
        c->upstream_done = c->told_upstream = true;
        buffer_clear(&c->to_upstream); /* nothing of a request behind its response */
    }
    if (http_is_spent(c) && c->client_done && !http_keeps(c))
        c->upstream_done = c->told_upstream = true; /* nobody asks for another one */
    pass_upstream_end(c);
    return c->wire_failed ? PROGRESS_CLIENT_BROKE : PROGRESS_OK;
}

/* --- both ------------------------------------------------------------------------------------- */

static void watch(struct connection *c)
{
    int client = 0, upstream = 0;

    if (c->unsent.len > 0)
        client |= EV_WRITE;
    if (!c->client_done && !c->told_upstream && c->to_upstream.len == 0 && !http_holds(c))
        client |= EV_READ;
    if (c->to_upstream.len > 0 || c->upstream_blocked)
        upstream |= EV_WRITE;
    if (!c->upstream_done && !c->upstream_blocked && c->unsent.len == 0 && !http_is_spent(c))
        upstream |= EV_READ;
    connection_watch_client(c, client);
    connection_watch_upstream(c, upstream);
    if (c->upstream_more && (upstream & EV_READ))
        ev_feed_event(c->edge->role->loop, &c->upstream_io, EV_READ);
}

static bool is_idle(const struct connection *c)
{
    return c->unsent.len == 0 && c->to_upstream.len == 0 && c->stash.len == 0;
}

/* The side that has finished first is why the session will have ended. */
static void note_first_end(struct connection *c, bool done, enum reason reason)
{
    if (done && c->end_reason == REASON_OK)
        c->end_reason = reason;
}

enum stage_result edge_relay(void *connection)
{
    struct connection *c = connection;
    enum progress progress = pump_up(c);

    note_first_end(c, c->client_done, REASON_CLIENT_CLOSED);
    if (progress == PROGRESS_UPSTREAM_DEAF) {
        c->told_upstream = true;
        buffer_clear(&c->to_upstream);
        progress = PROGRESS_OK;
    }
    if (progress == PROGRESS_OK)
        progress = pump_down(c);
    note_first_end(c, c->upstream_done, REASON_UPSTREAM_CLOSED);
    ERR_clear_error();
    if (progress == PROGRESS_NO_HTTP)
        return http_end(c);
    if (progress == PROGRESS_UPSTREAM_BROKE)
        return connection_end(c, REASON_UPSTREAM_CLOSED, LAST_WORD_NONE);
    if (progress == PROGRESS_CLIENT_BROKE || tls_too_many_key_updates(c))
        return connection_end(c, REASON_RELAY_FAILED, LAST_WORD_NONE);
    if (c->told_client && c->told_upstream)
        return connection_end(c, c->end_reason, LAST_WORD_ALERT);
    if (http_is_spent(c) && c->renewal == RENEWAL_NONE)
        renew_let_go(c);
    if (c->renewal == RENEWAL_NEEDED && http_keeps(c) && c->unsent.len == 0)
        return renew_begin(c);
    if (is_idle(c)) {
        (void)SSL_free_buffers(c->ssl);
        if (c->upstream_ssl)
            (void)SSL_free_buffers(c->upstream_ssl);
        http_rest(c);
    }
    idle_turn(c);
    watch(c);
    http_go_on(c);
    return STAGE_WAIT;
}
