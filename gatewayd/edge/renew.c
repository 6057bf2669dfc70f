/*
 * The stage `renew`. Runs in an edge; none of the client's octets are read meanwhile. The first
 * time a connection comes through here it has what decide's verdict brought.
 */
#include "gatewayd/edge/renew.h"

#include "gatewayd/edge/deny.h"
#include "gatewayd/edge/http_relay.h"
#include "gatewayd/edge/listener.h"
#include "gatewayd/edge/stages.h"
#include "gatewayd/edge/upstream_io.h"
#include "gatewayd/shared/xalloc.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

void renew_let_go(struct connection *c)
{
    connection_watch_upstream(c, 0);
    if (c->upstream_ssl)
        (void)upstream_finish(c); /* close_notify, where it takes it */
    (void)shutdown(c->upstream, SHUT_RDWR);
    (void)close(c->upstream);
    c->upstream = -1;
    SSL_free(c->upstream_ssl);
    free(c->upstream_name);
    c->upstream_ssl = NULL;
    c->upstream_name = NULL;
    c->upstream_eof = c->upstream_floods = c->upstream_more = c->upstream_blocked = false;
    c->upstream_messages = 0;
    c->told_upstream = c->upstream_done; /* one that was deaf says nothing of the next one */
    buffer_clear(&c->to_upstream);
    c->renewal = RENEWAL_NEEDED;
}

enum stage_result renew_begin(struct connection *c)
{
    c->phase = PHASE_ASK;
    pipeline_return(&c->pipeline, "renew");
    return STAGE_WAIT; /* whatever became of it */
}

/* False: decide is away, hands over, or has no room; the connection waits in the list. */
static bool ask(struct connection *c)
{
    struct edge *edge = c->edge;
    struct channel *decide = role_channel(edge->role, PROCESS_DECIDE, 0);
    struct message_renew msg = {
        .connection = c->number, .session = c->session, .leaf = chain_leaf(c->chain)};

    if (!decide || edge->resume_running || edge->hold != EDGE_HOLD_NOTHING)
        return false;
    if (!channel_send(decide, MESSAGE_RENEW, &msg, -1)) {
        listener_pause(edge, PAUSE_DECIDE); /* looks again by itself */
        return false;
    }
    c->renewal = RENEWAL_ASKED;
    return true;
}

enum stage_result edge_renew(void *connection)
{
    struct connection *c = connection;

    if (c->renewal == RENEWAL_NONE)
        return STAGE_DONE;
    connection_watch_client(c, c->unsent.len > 0 ? EV_WRITE : 0);
    c->denied_head = http_keeps_head(c);
    if (c->renewal == RENEWAL_NEEDED && !ask(c))
        connection_wait(c, &c->edge->waiting_decide);
    return STAGE_WAIT;
}

void renew_answer(struct edge *edge, const struct message_renewed *msg, int fd)
{
    struct connection *c = connection_find(edge, msg->connection);
    int on = 1;

    if (!c || c->renewal != RENEWAL_ASKED || !session_id_equal(&c->session, &msg->session)) {
        if (fd >= 0) {
            (void)shutdown(fd, SHUT_RDWR);
            (void)close(fd);
        }
        return;
    }
    if (fd < 0) {
        AUTO(char_freep) char *detail = xtext(msg->detail);

        connection_set_detail(c, detail);
        deny_now(c,
                 msg->reason != REASON_OK ? (enum reason)msg->reason : REASON_UPSTREAM_UNREACHABLE);
        return;
    }
    c->upstream = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* or it is a unix socket */
    c->renewal = RENEWAL_NONE;
    http_renewed(c);
    connection_turn(c);
}

void renew_decide_lost(struct edge *edge)
{
    for (struct connection *c = edge->first; c; c = c->next) {
        if (c->renewal != RENEWAL_ASKED || c->phase == PHASE_ENDED)
            continue;
        c->renewal = RENEWAL_NEEDED;
        connection_wait(c, &edge->waiting_decide);
    }
}
