/*
 * Ties an HTTP exchange to a connection. Runs in an edge after the verdict. Who the client is comes
 * from decide (user, groups, rule) and from the handshake (certificates), never from a request.
 */
#include "gatewayd/edge/http_relay.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/edge/http_answer.h"
#include "gatewayd/edge/http_exchange.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/err.h>
#include <stdio.h>

enum { DETAIL_MAX = 300 /* octets: "Host: " and a name; a longer one is cut */ };

struct http {
    struct connection *c;
    struct http_exchange exchange;
    struct http_calls calls;
    struct http_client client; /* of the request that is being forwarded */
    struct buffer kept;        /* plaintext of the client that waits for the response */
    bool upstream_ended;
    ev_timer head_second; /* runs while the head of a request has begun and is not complete */
    int64_t head_ms;      /* monotonic: when it began */
};

/* --- who asks --------------------------------------------------------------------------------- */

static void free_identity(struct client_identity *identity)
{
    if (!identity)
        return;
    free(identity->user);
    free(identity->rule);
    free((void *)identity->groups.at);
    free(identity);
}

void http_identity(struct edge *edge, const struct message_identity *msg)
{
    struct connection *c = connection_find(edge, msg->connection);

    if (!c || !c->open_sent)
        return;
    free_identity(c->identity);
    c->identity = xcalloc(1, sizeof(*c->identity));
    *c->identity = (struct client_identity){
        .user = xtext(msg->user), .rule = xtext(msg->rule), .groups = xbytes(msg->groups)};
}

/* The certificates behind the leaf, in the order of the handshake; all of them or none. */
static void set_chain(const struct connection *c, struct http_client *client)
{
    struct bytes rest = {c->chain->octets.at + c->chain->leaf_len,
                         c->chain->octets.len - c->chain->leaf_len};

    client->n_chain = 0;
    if (rest.len > HTTP_CHAIN_LEN_MAX)
        return;
    while (rest.len > 0) {
        const unsigned char *at = rest.at;
        long len;
        int tag, class;

        if ((ASN1_get_object(&at, &len, &tag, &class, (long)rest.len) & 0x81) != 0 ||
            client->n_chain == HTTP_CHAIN_MAX) {
            client->n_chain = 0;
            return;
        }
        len += at - rest.at;
        client->chain[client->n_chain++] = (struct bytes){rest.at, (size_t)len};
        rest.at += len;
        rest.len -= (size_t)len;
    }
}

static const struct http_client *client_of(void *context)
{
    struct http *http = context;
    const struct connection *c = http->c;

    http->client = (struct http_client){.session = c->session,
                                        .user = bytes_of(c->identity->user),
                                        .groups = c->identity->groups,
                                        .rule = bytes_of(c->identity->rule),
                                        .leaf = chain_leaf(c->chain),
                                        .source = c->source,
                                        .port = c->destination.port};
    set_chain(c, &http->client);
    return &http->client;
}

/* --- which name it asks for ------------------------------------------------------------------- */

/*
 * A name that the service has, and under a wildcard the very one of the handshake: what was judged
 * may have gone to an upstream of that name (RFC 9110 15.5.20).
 */
static enum http_fault admit(void *context, const struct http_request *request)
{
    const struct http *http = context;
    const struct connection *c = http->c;
    const struct config_service *service = &c->edge->role->config->service[c->route.service];
    struct bytes host = http_host_name(request->host);
    char name[ROUTE_NAME_MAX + 1];

    if (service->sni.n == 0)
        return HTTP_NONE;
    if (host.len > ROUTE_NAME_MAX)
        return HTTP_MISDIRECTED;
    memcpy(name, host.at, host.len);
    name[host.len] = '\0';
    for (size_t i = 0; i < service->sni.n; i++) {
        const char *pattern = service->sni.at[i];
        bool free_choice = pattern[0] != '*' || c->route.via == OPEN_VIA_REQUEST;

        if (route_name_fits(pattern, name) && (free_choice || (c->sni && http_is(host, c->sni))))
            return HTTP_NONE;
    }
    return HTTP_MISDIRECTED;
}

/* --- how long it takes ------------------------------------------------------------------------ */

/* Octet by octet a head would be no idle connection, and hold its place for as long as it likes. */
static void on_second(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct connection *c = timer->data;
    struct edge *edge = c->edge;

    (void)loop;
    (void)events;
    if (clock_monotonic_ms() - c->http->head_ms < HTTP_HEAD_MS)
        return;
    c->http->exchange.fault = HTTP_HEAD_SLOW;
    wire_enter(c);
    (void)http_end(c);
    wire_leave(edge);
}

static void watch_head(struct http *http)
{
    struct ev_loop *loop = http->c->edge->role->loop;
    bool in_head = http_exchange_in_head(&http->exchange);

    if (in_head == (bool)ev_is_active(&http->head_second))
        return;
    if (!in_head) {
        ev_timer_stop(loop, &http->head_second);
        return;
    }
    http->head_ms = clock_monotonic_ms();
    ev_timer_again(loop, &http->head_second);
}

/* --- life ------------------------------------------------------------------------------------- */

bool http_begin(struct connection *c)
{
    struct http *http;

    if (!c->identity)
        return false;
    http = xcalloc(1, sizeof(*http));
    http->c = c;
    http->calls = (struct http_calls){.admit = admit, .client = client_of, .context = http};
    http->exchange.calls = &http->calls;
    ev_timer_init(&http->head_second, on_second, 0.0, 1.0);
    http->head_second.data = c;
    c->http = http;
    return true;
}

void http_stop(struct connection *c)
{
    if (c->http)
        ev_timer_stop(c->edge->role->loop, &c->http->head_second);
}

void http_clear(struct connection *c)
{
    http_stop(c);
    if (c->http) {
        http_exchange_clear(&c->http->exchange);
        buffer_clear(&c->http->kept);
    }
    free(c->http);
    c->http = NULL;
    free_identity(c->identity);
    c->identity = NULL;
}

/* --- both ways -------------------------------------------------------------------------------- */

bool http_up(struct connection *c, struct bytes *in, struct bytes *ret_out)
{
    size_t used;

    if (!http_exchange_up(&c->http->exchange, *in, &used, ret_out))
        return false;
    watch_head(c->http);
    in->at += used;
    in->len -= used;
    if (in->len > 0 && http_exchange_holds(&c->http->exchange)) {
        http_keep(c, *in);
        in->len = 0;
    }
    return true;
}

void http_keep(struct connection *c, struct bytes octets)
{
    /* Only when nothing is kept is anything read of the client: never more than one buffer. */
    if (!buffer_keep(&c->http->kept, octets, WIRE_PLAIN_MAX))
        c->wire_failed = true;
}

size_t http_up_max(const struct connection *c)
{
    return c->http ? HTTP_UP_MAX : WIRE_KEPT_MAX;
}

bool http_keeps(const struct connection *c)
{
    return c->http && c->http->kept.len > 0;
}

bool http_holds(const struct connection *c)
{
    return http_keeps(c) && http_exchange_holds(&c->http->exchange);
}

size_t http_take_kept(struct connection *c, uint8_t *out)
{
    size_t len = http_keeps(c) ? c->http->kept.len : 0;

    if (len == 0)
        return 0;
    memcpy(out, buffer_bytes(&c->http->kept).at, len); /* it came out of such a buffer */
    buffer_clear(&c->http->kept);
    return len;
}

bool http_down(struct connection *c, struct bytes *in, struct bytes *ret_out)
{
    size_t used;

    c->http->exchange.unsent = c->to_upstream.len > 0;
    if (!http_exchange_down(&c->http->exchange, *in, &used, ret_out))
        return false;
    in->at += used;
    in->len -= used;
    return true;
}

bool http_down_end(struct connection *c)
{
    c->http->upstream_ended = true;
    return http_exchange_down_end(&c->http->exchange);
}

bool http_is_over(const struct connection *c)
{
    const struct http *http = c->http;

    return http && (http->exchange.ended ||
                    (http->upstream_ended && !http_exchange_is_raw(&http->exchange)));
}

bool http_is_spent(const struct connection *c)
{
    return c->http && c->http->exchange.spent;
}

void http_renewed(struct connection *c)
{
    http_exchange_renewed(&c->http->exchange);
}

bool http_keeps_head(const struct connection *c)
{
    static const char head[] = "HEAD ";
    struct bytes kept = http_keeps(c) ? buffer_bytes(&c->http->kept) : (struct bytes){NULL, 0};

    return kept.len >= sizeof(head) - 1 && memcmp(kept.at, head, sizeof(head) - 1) == 0;
}

void http_go_on(struct connection *c)
{
    if (http_keeps(c) && !http_holds(c) && c->to_upstream.len == 0)
        ev_feed_event(c->edge->role->loop, &c->client_io, EV_READ);
}

void http_rest(struct connection *c)
{
    if (c->http)
        http_exchange_rest(&c->http->exchange);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* A browser asks again by itself when a connection that it used before ends without an answer. */
static bool is_said(const struct http_exchange *exchange)
{
    return !exchange->answer_begun && exchange->fault != HTTP_ANSWER_UNASKED &&
           !(exchange->fault == HTTP_ANSWER_MISSING && exchange->n_requests > 1);
}

static void say(struct connection *c, const struct http_fault_row *row)
{
    AUTO(writer_clear) struct writer sentence = writer_new(HTTP_ANSWER_TEXT_MAX);
    AUTO(writer_clear) struct writer out = writer_new(2 * HTTP_ANSWER_TEXT_MAX);
    struct bytes octets;

    http_sentence(reason_text(row->reason), row->text, &c->session, &sentence);
    http_answer(row->status, writer_bytes(&sentence), http_exchange_is_head(&c->http->exchange),
                &out);
    octets = writer_bytes(&out);
    ERR_clear_error();
    if (octets.len > 0)
        (void)SSL_write(c->ssl, octets.at, (int)octets.len);
    ERR_clear_error();
}

/* What the record and the log say; the head of a request that is refused is still there. */
static void describe_fault(const struct http_exchange *exchange, char out[DETAIL_MAX])
{
    struct http_request request;

    (void)snprintf(out, DETAIL_MAX, "%s", http_fault_row(exchange->fault)->text);
    if (exchange->fault == HTTP_MISDIRECTED &&
        http_request_read(writer_bytes(&exchange->head.octets), &request) == HTTP_NONE)
        (void)snprintf(out, DETAIL_MAX, "Host: %.*s", (int)request.host.len,
                       (const char *)request.host.at);
}

enum stage_result http_end(struct connection *c)
{
    const struct http_exchange *exchange = &c->http->exchange;
    const struct http_fault_row *row = http_fault_row(exchange->fault);
    enum last_word word = exchange->answer_begun ? LAST_WORD_NONE : LAST_WORD_CLEAN;
    char id[SESSION_ID_TEXT_LEN + 1], detail[DETAIL_MAX];

    describe_fault(exchange, detail);
    session_id_format(&c->session, id);
    log_event(LOG_LEVEL_INFO, "http_refused", "id=%s answer=%u reason=%s detail=%s", id,
              row->status, reason_name(row->reason), log_quoted(bytes_of(detail)));
    if (detail[0])
        connection_set_detail(c, detail);
    if (is_said(exchange))
        say(c, row);
    return connection_end(c, row->reason, word);
}
