/*
 * The stage `ask`. Runs in an edge; decide is trusted with the verdict, the client with nothing:
 * none of its octets are read meanwhile.
 */
#include "gatewayd/edge/ask.h"

#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/deny.h"
#include "gatewayd/edge/listener.h"
#include "gatewayd/edge/stages.h"
#include "gatewayd/edge/standing.h"
#include "gatewayd/edge/tls_words.h"
#include "gatewayd/shared/xalloc.h"

#include <sys/socket.h>
#include <unistd.h>

static struct bytes negotiated_protocol(const struct connection *c)
{
    const unsigned char *at = NULL;
    unsigned len = 0;

    SSL_get0_alpn_selected(c->ssl, &at, &len);
    return (struct bytes){at, len};
}

static struct bytes requested_name(const struct connection *c)
{
    struct gw1_request request;
    size_t used;

    if (!c->request ||
        gw1_request_decode((struct bytes){c->request, c->request_len}, &request, &used) != GW1_DONE)
        return (struct bytes){NULL, 0};
    return request.name;
}

/* Titles, not indexes, say what is meant: decide may have reloaded already, or not yet. */
static struct bytes service_name(const struct connection *c)
{
    const struct config *config = c->edge->role->config;

    if (c->route.service == ROUTE_UNKNOWN)
        return requested_name(c);
    return c->route.service < config->n_service ? bytes_of(config->service[c->route.service].title)
                                                : (struct bytes){NULL, 0};
}

static bool sends_proxy(const struct connection *c)
{
    const struct config *config = c->edge->role->config;

    return c->ssl && c->route.service < config->n_service &&
           config->service[c->route.service].send_proxy != CONFIG_PROXY_OFF;
}

struct message_open ask_open(struct connection *c)
{
    static struct tls_words words; /* the message borrows them until the next one is made */
    const struct chain *chain = c->chain;
    const struct config *config = c->edge->role->config;

    words = (struct tls_words){.group = ""};
    if (sends_proxy(c))
        tls_words_of(c->ssl, &words);
    const char *detail;

    c->told =
        (struct told){.generation = chain->generation, .reason = REASON_OK, .facts = chain->facts};
    standing_apply(c, &c->told, &detail);
    return (struct message_open){
        .connection = c->number,
        .accepted_ms = c->accepted_ms,
        .handshake_us = c->handshake_us,
        .listener = c->listener,
        .service = c->route.service,
        .listener_name = bytes_of(config->listener[c->listener].title),
        .service_name = service_name(c),
        .ca_name = bytes_of(chain->facts.ca),
        .via = c->route.via,
        .source = c->source,
        .destination = c->destination,
        .sni = bytes_of(c->sni),
        .alpn = c->ssl ? negotiated_protocol(c) : (struct bytes){NULL, 0},
        .cipher = bytes_of(c->ssl ? SSL_get_cipher_name(c->ssl) : ""),
        .chain_hash = chain->key.hash,
        .trust_generation = chain->generation,
        .not_after_s = chain->facts.not_after_s,
        .revocation = chain->facts.revocation,
        .crl_this_update_s = chain->facts.crl_this_update_s,
        .crl_valid_until_s = c->told.facts.crl_valid_until_s,
        .chain_reason = c->told.reason,
        .chain_detail = bytes_of(detail),
        .leaf = chain_leaf(chain),
        .tls_version = c->ssl ? (uint32_t)SSL_version(c->ssl) : 0,
        .via_proxy = c->via_proxy,
        .tls_group = bytes_of(words.group),
        .tls_scheme = bytes_of(words.scheme),
        .server_sig_alg = bytes_of(words.sig_alg),
        .server_key_alg = bytes_of(words.key_alg),
    };
}

/* False: decide is away, still resuming, or has no room; the connection waits in the list. */
static bool send_open(struct connection *c)
{
    struct edge *edge = c->edge;
    struct channel *decide = role_channel(edge->role, PROCESS_DECIDE, 0);
    struct message_open open;

    if (!decide || edge->resume_running || edge->hold != EDGE_HOLD_NOTHING)
        return false;
    open = ask_open(c);
    c->open_sent = channel_send(decide, MESSAGE_OPEN, &open, -1);
    if (!c->open_sent)
        listener_pause(edge, PAUSE_DECIDE); /* looks again by itself */
    return c->open_sent;
}

enum stage_result edge_ask(void *connection)
{
    struct connection *c = connection;

    c->phase = PHASE_ASK;
    connection_watch_client(c, c->unsent.len > 0 ? EV_WRITE : 0);
    if (!c->open_sent && !send_open(c)) {
        connection_wait(c, &c->edge->waiting_decide);
        return STAGE_WAIT;
    }
    if (!c->verdict_came)
        return STAGE_WAIT;
    if (c->verdict != REASON_OK)
        return deny_with_verdict(c);
    if (c->upstream < 0 && c->route.service != ROUTE_NO_SERVICE)
        return connection_end(c, REASON_UPSTREAM_UNREACHABLE, LAST_WORD_NONE);
    return STAGE_DONE;
}

void ask_verdict(struct edge *edge, const struct message_verdict *msg, int fd)
{
    struct connection *c = connection_find(edge, msg->connection);

    if (!c || c->phase != PHASE_ASK || !c->open_sent || c->verdict_came) {
        if (fd >= 0) {
            (void)shutdown(fd, SHUT_RDWR);
            (void)close(fd);
        }
        return;
    }
    c->verdict_came = true;
    c->verdict = (enum reason)msg->reason;
    c->session = msg->session;
    c->verdict_text = xtext(msg->text);
    c->upstream = fd;
    connection_turn(c);
}

/* Whoever has asked gets no answer any more; the new decide does not know the question. */
void ask_decide_lost(struct edge *edge)
{
    struct connection *c, *next;

    for (c = edge->first; c; c = next) {
        next = c->next;
        if (!c->open_sent || c->verdict_came)
            continue;
        c->open_sent = false;
        if (c->phase == PHASE_ENDED)
            connection_forget(c);
        else
            deny_now(c, REASON_DECIDE_LOST);
    }
}
