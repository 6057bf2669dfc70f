/*
 * The stage `upstream`: TLS to the upstream where its service says so, and then the client hears
 * that it is in. Runs in an edge after the verdict; nothing of the client is read meanwhile.
 */
#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/deny.h"
#include "gatewayd/edge/http_relay.h"
#include "gatewayd/edge/idle.h"
#include "gatewayd/edge/stages.h"
#include "gatewayd/edge/upstream_tls.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>

/* The status of mtls-gw/1 stands before everything else. */
static bool say_ok(struct connection *c)
{
    struct gw1_status status = {
        .result = GW1_OK, .id = c->session, .text = bytes_of(c->verdict_text)};
    struct writer out = writer_new(GW1_STATUS_MAX);
    struct bytes octets;
    int n;

    gw1_status_encode(&status, &out);
    octets = writer_bytes(&out);
    ERR_clear_error();
    n = octets.len > 0 ? SSL_write(c->ssl, octets.at, (int)octets.len) : -1;
    writer_clear(&out);
    return n > 0 && (size_t)n == octets.len;
}

/* Everything is there: the relay begins. WHOAMI has its answer and ends. */
static enum stage_result welcome(struct connection *c)
{
    if (c->http) { /* it was in already: renew.h */
        c->phase = PHASE_RELAY;
        return STAGE_DONE;
    }
    if (connection_protocol(c) == CONFIG_PROTOCOL_HTTP && !http_begin(c))
        return deny_late(c, REASON_IDENTITY_MISSING);
    c->edge->counters.allowed++;
    if (c->route.gw1 && !say_ok(c))
        return connection_end(c, REASON_RELAY_FAILED, LAST_WORD_NONE);
    if (c->route.service == ROUTE_NO_SERVICE)
        return connection_end(c, REASON_CLIENT_CLOSED, LAST_WORD_CLEAN);
    free(c->verdict_text);
    free(c->request);
    c->verdict_text = NULL;
    c->request = NULL;
    c->phase = PHASE_RELAY;
    idle_watch(c);
    return STAGE_DONE;
}

/* Which check failed goes into the record; the client reads one sentence. */
static enum stage_result fails(struct connection *c, int error)
{
    unsigned long code = ERR_peek_error();
    const char *text = ERR_reason_error_string(code);
    enum reason reason = c->denial ? c->denial->reason : REASON_UPSTREAM_TLS_FAILED;

    if (c->denial)
        text = c->denial->detail;
    else if (c->upstream_eof || error == SSL_ERROR_SYSCALL)
        text = "the upstream has hung up in the handshake";
    connection_set_detail(c, text ? text : "");
    ERR_clear_error();
    return deny_late(c, reason);
}

static enum stage_result shake(struct connection *c)
{
    int result, error;

    ERR_clear_error();
    result = SSL_do_handshake(c->upstream_ssl);
    if (result == 1) {
        connection_set_detail(c, "");
        return STAGE_DONE;
    }
    error = SSL_get_error(c->upstream_ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return fails(c, error);
    connection_watch_upstream(c, error == SSL_ERROR_WANT_READ ? EV_READ : EV_WRITE);
    return STAGE_WAIT;
}

enum stage_result edge_upstream(void *connection)
{
    struct connection *c = connection;
    const struct config_upstream_tls *tls = c->upstream >= 0 ? upstream_tls_of(c) : NULL;

    connection_watch_client(c, c->unsent.len > 0 ? EV_WRITE : 0);
    if (tls && !c->upstream_ssl) {
        c->upstream_ssl = upstream_tls_session(c, tls);
        connection_set_detail(c, "the handshake was not over in time"); /* stands until it is */
    }
    if (c->upstream_ssl) {
        enum stage_result result = shake(c);

        if (result != STAGE_DONE)
            return result;
    }
    return welcome(c);
}
