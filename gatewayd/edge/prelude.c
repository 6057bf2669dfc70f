/*
 * The stage `prelude`. Runs in an edge on strangers' octets and on those of proxies, which are
 * trusted with addresses only. Reads from the socket itself, and exactly what is known not to be
 * TLS.
 */
#include "gatewayd/edge/prelude.h"

#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/listener.h"
#include "gatewayd/edge/postgres.h"
#include "gatewayd/edge/preauth.h"
#include "gatewayd/edge/proxy_accept.h"
#include "gatewayd/edge/stages.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <sys/socket.h>

struct prelude {
    bool proxy_is_behind; /* its header has been read */
    bool is_check;        /* the header said LOCAL, and nothing has come behind it */
    bool refused_gss;     /* a client asks once */
    size_t len;
    uint8_t octets[]; /* room for a header, or for a request only where no proxy is expected */
};

void prelude_free(struct prelude *prelude)
{
    free(prelude);
}

static const struct config_listener *listener_of(const struct connection *c)
{
    return &c->edge->role->config->listener[c->listener];
}

bool prelude_is_proxied(const struct edge *edge, uint32_t listener, const struct address *peer)
{
    const struct config_listener *config = &edge->role->config->listener[listener];

    return config->proxy_protocol != CONFIG_ACCEPT_PROXY_OFF && proxy_is_trusted(config, peer);
}

static bool offers_postgres(const struct connection *c)
{
    const struct config *config = c->edge->role->config;

    for (size_t i = 0; i < config->n_service; i++)
        if (config->service[i].protocol == CONFIG_PROTOCOL_POSTGRES &&
            config_list_has(&config->service[i].listener, listener_of(c)->title))
            return true;
    return false;
}

static struct bytes octets_of(const struct prelude *prelude)
{
    return (struct bytes){prelude->octets, prelude->len};
}

static enum stage_result refuse(struct connection *c, enum reason reason, const char *detail)
{
    c->edge->counters.handshakes_bad++;
    preauth_tell_connection(c, reason, detail, (struct bytes){NULL, 0});
    return connection_end(c, reason, LAST_WORD_ALERT);
}

/* A balancer that looks whether we are there: counted, and no refusal that somebody should read. */
static enum stage_result end_check(struct connection *c)
{
    c->edge->counters.health_checks++;
    return connection_end(c, REASON_CLIENT_CLOSED, LAST_WORD_NONE);
}

/* --- reading ---------------------------------------------------------------------------------- */

enum got { GOT_SOME, GOT_NOTHING_NOW, GOT_END };

static enum got receive(int fd, uint8_t *out, size_t room, int flags, size_t *ret_n)
{
    ssize_t n;

    *ret_n = 0;
    do
        n = recv(fd, out, room, flags);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        *ret_n = (size_t)n;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return GOT_NOTHING_NOW;
    return n > 0 ? GOT_SOME : GOT_END;
}

/* Adds up to want octets, and with `line` none behind a newline. */
static enum got take(struct connection *c, size_t want, bool line)
{
    struct prelude *prelude = c->prelude;
    uint8_t *at = prelude->octets + prelude->len;
    size_t n;
    enum got got;

    if (line) {
        const uint8_t *newline;

        got = receive(c->fd, at, PROXY_V1_MAX - prelude->len, MSG_PEEK, &n);
        newline = got == GOT_SOME ? memchr(at, '\n', n) : NULL;
        want = newline ? (size_t)(newline + 1 - at) : n;
        if (got != GOT_SOME)
            return got;
    }
    got = receive(c->fd, at, want, 0, &n);
    prelude->len += n;
    return got;
}

static enum stage_result wait_for_more(struct connection *c)
{
    connection_watch_client(c, EV_READ);
    return STAGE_WAIT;
}

/* --- the proxy's header ----------------------------------------------------------------------- */

static enum stage_result take_header(struct connection *c, const struct proxy_header *header)
{
    enum reason reason;

    c->prelude->proxy_is_behind = true;
    c->prelude->is_check = header->local;
    c->prelude->len = 0;
    if (!header->local) {
        c->via_proxy = c->source;
        c->source = header->source;
        c->destination = header->destination;
    }
    reason = listener_admit(c);
    if (reason == REASON_OK)
        return STAGE_DONE;
    c->edge->counters.refused++;
    preauth_tell_connection(c, reason, "", (struct bytes){NULL, 0});
    return connection_end(c, reason, LAST_WORD_NONE);
}

static enum stage_result read_header(struct connection *c)
{
    enum config_accept_proxy version = (enum config_accept_proxy)listener_of(c)->proxy_protocol;
    struct proxy_header header;
    size_t want = 0;

    for (;;) {
        switch (proxy_read(version, octets_of(c->prelude), &header, &want)) {
        case PROXY_DONE:
            return take_header(c, &header);
        case PROXY_BAD:
            return refuse(c, REASON_PROXY_HEADER, "malformed, or not of the version expected");
        case PROXY_MORE:
            break;
        }
        switch (take(c, want, version == CONFIG_ACCEPT_PROXY_V1)) {
        case GOT_SOME:
            break;
        case GOT_NOTHING_NOW:
            return wait_for_more(c);
        case GOT_END:
            if (c->prelude->len == 0)
                return end_check(c);
            return refuse(c, REASON_PROXY_HEADER, "the proxy went away");
        }
    }
}

/* What the proxy sends for itself is a client's as soon as an octet of it comes. */
static enum stage_result await_client(struct connection *c)
{
    uint8_t octet;
    size_t n;

    switch (receive(c->fd, &octet, 1, MSG_PEEK, &n)) {
    case GOT_SOME:
        c->prelude->is_check = false;
        break;
    case GOT_NOTHING_NOW:
        return wait_for_more(c);
    case GOT_END:
        return end_check(c);
    }
    return STAGE_DONE;
}

/* --- PostgreSQL ------------------------------------------------------------------------------- */

/*
 * Octets that have come with the request, in clear text, would be taken for the client's own after
 * the handshake if anybody read them (CVE-2021-23214): an honest client waits for the answer.
 */
static bool has_more(const struct connection *c)
{
    uint8_t octet;
    size_t n;

    return receive(c->fd, &octet, 1, MSG_PEEK, &n) != GOT_NOTHING_NOW;
}

/* One octet: a socket that has sent nothing yet takes it. */
static bool answer(struct connection *c, char letter)
{
    c->prelude->len = 0;
    return send(c->fd, &letter, 1, MSG_NOSIGNAL) == 1;
}

static enum stage_result refuse_plain(struct connection *c)
{
    AUTO(writer_clear) struct writer out = writer_new(2 * POSTGRES_ERROR_TEXT_MAX);

    postgres_error("28000", bytes_of(reason_text(REASON_POSTGRES_PLAIN)), &out);
    if (!buffer_keep(&c->unsent, writer_bytes(&out), WIRE_KEPT_MAX))
        c->wire_failed = true;
    return refuse(c, REASON_POSTGRES_PLAIN, "");
}

/* STAGE_WAIT: read on. */
static enum stage_result answer_request(struct connection *c, enum postgres_request request)
{
    if (request == POSTGRES_STARTUP)
        return refuse_plain(c);
    if (request == POSTGRES_CANCEL)
        return refuse(c, REASON_POSTGRES_PRELUDE, "a cancel request has no session here");
    if (request != POSTGRES_SSL && request != POSTGRES_GSS)
        return refuse(c, REASON_POSTGRES_PRELUDE, "no request for TLS");
    if (has_more(c))
        return refuse(c, REASON_POSTGRES_PRELUDE, "octets behind the request for TLS");
    if (request == POSTGRES_GSS && c->prelude->refused_gss)
        return refuse(c, REASON_POSTGRES_PRELUDE, "GSSAPI was refused already");
    c->prelude->refused_gss = request == POSTGRES_GSS;
    if (!answer(c, request == POSTGRES_SSL ? 'S' : 'N'))
        return refuse(c, REASON_POSTGRES_PRELUDE, "the client went away");
    return request == POSTGRES_SSL ? STAGE_DONE : STAGE_WAIT;
}

/* TLS begins with the octet 22, PostgreSQL's requests with 0: nothing is both. */
static enum stage_result read_requests(struct connection *c)
{
    for (;;) {
        enum postgres_request request = postgres_read(octets_of(c->prelude));
        uint8_t first = 0;
        size_t n;
        enum got got;

        if (request != POSTGRES_MORE) {
            enum stage_result result = answer_request(c, request);

            if (result != STAGE_WAIT)
                return result;
            continue;
        }
        got = c->prelude->len > 0 ? GOT_SOME : receive(c->fd, &first, 1, MSG_PEEK, &n);
        if (got == GOT_SOME && first != 0)
            return STAGE_DONE;
        if (got == GOT_SOME)
            got = take(c, POSTGRES_REQUEST_LEN - c->prelude->len, false);
        if (got == GOT_NOTHING_NOW)
            return wait_for_more(c);
        if (got == GOT_END)
            return refuse(c, REASON_TLS_FAILED, "the client went away");
    }
}

/* --- the stage -------------------------------------------------------------------------------- */

enum stage_result edge_prelude(void *connection)
{
    struct connection *c = connection;
    bool proxied = !c->prelude && prelude_is_proxied(c->edge, c->listener, &c->source);
    enum stage_result result = STAGE_DONE;

    if (!c->prelude && !proxied && !offers_postgres(c))
        return STAGE_DONE;
    if (!c->prelude) {
        c->prelude =
            xcalloc(1, sizeof(*c->prelude) + (proxied ? PROXY_V2_MAX : POSTGRES_REQUEST_LEN));
        c->prelude->proxy_is_behind = !proxied;
    }
    if (!c->prelude->proxy_is_behind)
        result = read_header(c);
    if (result == STAGE_DONE && c->prelude->is_check)
        result = await_client(c);
    if (result == STAGE_DONE && offers_postgres(c))
        result = read_requests(c);
    if (result != STAGE_DONE)
        return result;
    prelude_free(c->prelude);
    c->prelude = NULL;
    return STAGE_DONE;
}
