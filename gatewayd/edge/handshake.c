/*
 * The stage `handshake`. Runs in an edge; everything that comes from the socket is a stranger's.
 */
#include "gatewayd/edge/handshake.h"

#include "common/clock.h"
#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/deny.h"
#include "gatewayd/edge/gate.h"
#include "gatewayd/edge/knock.h"
#include "gatewayd/edge/known.h"
#include "gatewayd/edge/preauth.h"
#include "gatewayd/edge/resumption.h"
#include "gatewayd/edge/stages.h"
#include "gatewayd/edge/standing.h"
#include "gatewayd/edge/tls.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <stdio.h>

void handshake_deny(struct connection *c, enum reason reason, const char *detail, struct bytes leaf)
{
    if (c->denial)
        return;
    c->denial = xcalloc(1, sizeof(*c->denial));
    c->denial->reason = reason;
    (void)snprintf(c->denial->detail, sizeof(c->denial->detail), "%s", detail);
    if (leaf.len > 0)
        c->denial->leaf = xbytes(leaf);
}

/* libssl's errors that have a reason of their own. */
static const struct {
    int code;
    enum reason reason;
} tls_reasons[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, REASON_TLS_NO_CERTIFICATE},
    {SSL_R_BAD_SIGNATURE, REASON_TLS_PROOF_FAILED},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, REASON_CERT_CHAIN_TOO_LONG},
};

static void deny_by_error(struct connection *c, int ssl_error)
{
    unsigned long error = ERR_peek_error();
    const char *text = ERR_reason_error_string(error);
    enum reason reason = REASON_TLS_FAILED;
    struct bytes leaf = {NULL, 0};

    for (size_t i = 0; i < ARRAY_LEN(tls_reasons); i++)
        if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == tls_reasons[i].code)
            reason = tls_reasons[i].reason;
    if (c->chain)
        leaf = chain_leaf(c->chain);
    if (c->wire_eof || c->wire_failed || ssl_error == SSL_ERROR_SYSCALL)
        text = "the client went away";
    handshake_deny(c, reason, text ? text : "", leaf);
}

static enum stage_result fails(struct connection *c, int ssl_error)
{
    deny_by_error(c, ssl_error);
    ERR_clear_error();
    c->edge->counters.handshakes_bad++;
    preauth_tell_connection(c, c->denial->reason, c->denial->detail, c->denial->leaf);
    return connection_end(c, c->denial->reason, LAST_WORD_ALERT);
}

/* Refused before TLS has a session. */
static enum stage_result refuse(struct connection *c, const char *detail, enum last_word word)
{
    c->edge->counters.handshakes_bad++;
    preauth_tell_connection(c, REASON_TLS_FAILED, detail, (struct bytes){NULL, 0});
    return connection_end(c, REASON_TLS_FAILED, word);
}

/* What came before TLS; STAGE_DONE: the ClientHello is there. */
static enum stage_result look(struct connection *c)
{
    switch (knock_look(c->fd, &c->hello_waits)) {
    case KNOCK_WAIT:
        connection_watch_client(c, EV_READ);
        return STAGE_WAIT;
    case KNOCK_NO_TLS:
        knock_refuse(c->fd);
        return refuse(c, "this is no TLS", LAST_WORD_ALERT);
    case KNOCK_GONE:
        return refuse(c, "the client went away", LAST_WORD_NONE);
    case KNOCK_HELLO:
        break;
    }
    c->hello_came = true;
    gate_heard(c);
    return STAGE_DONE;
}

/* Everything that computes waits for its turn; what has come stays in the socket meanwhile. */
static enum stage_result stand_in_line(struct connection *c)
{
    enum turn_line line = TURN_FINISH;

    if (!c->ssl)
        line = known_spend(c->edge->known, &c->source) ? TURN_KNOWN : TURN_STRANGER;
    connection_watch_client(c, 0);
    turns_ask(c, line);
    return STAGE_WAIT;
}

static enum stage_result finished(struct connection *c)
{
    resumption_finish(c);
    gate_leave(c);
    known_proved(c->edge->known, &c->source);
    c->handshake_us = (uint32_t)(clock_monotonic_us() - c->accepted_us);
    c->edge->counters.handshakes++;
    c->phase = PHASE_REQUEST;
    return STAGE_DONE;
}

static enum stage_result compute(struct connection *c)
{
    int result, error;

    ERR_clear_error();
    result = SSL_do_handshake(c->ssl);
    if (result == 1)
        return finished(c);
    error = SSL_get_error(c->ssl, result);
    wire_flush(c);
    switch (error) {
    case SSL_ERROR_WANT_READ:
        (void)SSL_free_buffers(c->ssl); /* the client may never answer: 34 KiB */
        connection_watch_client(c, c->unsent.len > 0 ? EV_WRITE : EV_READ);
        return STAGE_WAIT;
    case SSL_ERROR_WANT_WRITE:
        connection_watch_client(c, EV_WRITE);
        return STAGE_WAIT;
    case SSL_ERROR_WANT_CLIENT_HELLO_CB:
        connection_watch_client(c, 0);
        connection_wait(c, &c->edge->waiting_key);
        return STAGE_WAIT;
    default:
        return fails(c, error);
    }
}

enum stage_result edge_handshake(void *connection)
{
    struct connection *c = connection;

    if (!c->hello_came) {
        enum stage_result result = look(c);

        if (result != STAGE_DONE)
            return result;
    }
    if (!c->turn.mine)
        return stand_in_line(c);
    c->turn.mine = false;
    if (!c->ssl) {
        if (knock_gone(c->fd))
            return refuse(c, "the client went away", LAST_WORD_NONE);
        c->ssl = tls_session(c);
    }
    return compute(c);
}

void handshake_or_verdict_late(struct connection *c, enum reason reason)
{
    if (c->phase == PHASE_STATUS) {
        standing_late(c);
        return;
    }
    if (c->phase == PHASE_ASK) {
        (void)deny_late(c, reason);
        return;
    }
    if (c->list == &c->edge->waiting_key)
        reason = REASON_KEY_UNAVAILABLE;
    c->edge->counters.handshakes_bad++;
    preauth_tell_connection(c, reason, c->phase == PHASE_REQUEST ? "no mtls-gw/1 request" : "",
                            c->chain ? chain_leaf(c->chain) : (struct bytes){NULL, 0});
    (void)connection_end(c, reason, LAST_WORD_NONE);
}
