/*
 * The stage `route`: SNI and ALPN have selected the service already, or an mtls-gw/1 client names
 * it now. Runs in an edge; the client has proved its certificate but not yet any right.
 */
#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/deny.h"
#include "gatewayd/edge/preauth.h"
#include "gatewayd/edge/stages.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>

static enum stage_result malformed(struct connection *c)
{
    preauth_tell_connection(c, REASON_MSG_MALFORMED, "mtls-gw/1 request", chain_leaf(c->chain));
    return connection_end(c, REASON_MSG_MALFORMED, LAST_WORD_CLEAN);
}

static enum stage_result went_away(struct connection *c)
{
    preauth_tell_connection(c, REASON_TLS_FAILED, "the client went away", chain_leaf(c->chain));
    return connection_end(c, REASON_CLIENT_CLOSED, LAST_WORD_CLEAN);
}

/*
 * The handshake went by what was accepted then: the listener's or the server name's own set. The
 * service named now may accept another one, and only that counts.
 */
static enum stage_result named(struct connection *c)
{
    struct chain_accepts accepts = chain_accepts_of(c);
    struct error why;

    if (c->route.service >= c->edge->role->config->n_service ||
        chain_judge_again(c->edge, &c->chain, &accepts, &why))
        return STAGE_DONE;
    if (why.reason == REASON_CERT_UNKNOWN_CA)
        why.reason = REASON_SERVICE_CA;
    preauth_tell_connection(c, why.reason, why.detail, chain_leaf(c->chain));
    return deny_late(c, why.reason);
}

/* The service that the request means. decide denies what there is not, as it does all else. */
static enum stage_result use(struct connection *c, const struct gw1_request *request)
{
    if (request->kind == GW1_WHOAMI) {
        c->route.service = ROUTE_NO_SERVICE;
        c->route.via = OPEN_VIA_REQUEST;
        return STAGE_DONE;
    }
    if (request->name.len == 0 && c->route.service != ROUTE_NO_SERVICE)
        return named(c);
    if (!route_by_title(c->edge->role->config, c->listener, request->name, &c->route.service))
        c->route.service = ROUTE_UNKNOWN;
    c->route.via = OPEN_VIA_REQUEST;
    return named(c);
}

/*
 * Reads no octet more than the request: what follows belongs to the service and stays in TLS until
 * the decision. The length stands in the first three octets.
 */
static size_t wanted(const struct connection *c)
{
    enum { HEAD = 3 };

    if (c->request_len < HEAD)
        return HEAD - c->request_len;
    return HEAD + ((size_t)c->request[1] << 8 | c->request[2]) - c->request_len;
}

enum stage_result edge_route(void *connection)
{
    struct connection *c = connection;

    if (!c->route.gw1)
        return STAGE_DONE;
    if (!c->request)
        c->request = xcalloc(GW1_REQUEST_MAX, 1);
    for (;;) {
        struct bytes have = {c->request, c->request_len};
        struct gw1_request request;
        size_t used;
        int n;

        switch (gw1_request_decode(have, &request, &used)) {
        case GW1_DONE:
            return use(c, &request);
        case GW1_BAD:
            return malformed(c);
        case GW1_MORE:
            break;
        }
        ERR_clear_error();
        n = SSL_read(c->ssl, c->request + c->request_len, (int)wanted(c));
        if (n > 0) {
            c->request_len += (size_t)n;
            continue;
        }
        if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
            return went_away(c);
        wire_flush(c);
        connection_watch_client(c, c->unsent.len > 0 ? EV_WRITE : EV_READ);
        return STAGE_WAIT;
    }
}
