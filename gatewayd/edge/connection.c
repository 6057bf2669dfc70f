/*
 * Connections: made, turned, ended. Runs in an edge. Each socket is shut down before it is closed,
 * since decide holds a duplicate of the upstream's.
 */
#include "gatewayd/edge/connection.h"

#include "common/clock.h"
#include "gatewayd/edge/farewell.h"
#include "gatewayd/edge/gate.h"
#include "gatewayd/edge/handshake.h"
#include "gatewayd/edge/http_relay.h"
#include "gatewayd/edge/idle.h"
#include "gatewayd/edge/listener.h"
#include "gatewayd/edge/live.h"
#include "gatewayd/edge/prelude.h"
#include "gatewayd/edge/resumption.h"
#include "gatewayd/edge/tls.h"
#include "gatewayd/shared/xalloc.h"

#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

enum { UNTOLD_MAX = 65536 }; /* ended connections whose CLOSE waits for decide */

/* --- watching --------------------------------------------------------------------------------- */

static void watch(struct edge *edge, ev_io *io, int fd, int events)
{
    if (ev_is_active(io) && (io->events & (EV_READ | EV_WRITE)) == events && io->fd == fd)
        return;
    ev_io_stop(edge->role->loop, io);
    if (events == 0 || fd < 0)
        return;
    /* What is set anew costs a system call even if it is what the kernel knows already. */
    if (io->fd == fd)
        ev_io_modify(io, events);
    else
        ev_io_set(io, fd, events);
    ev_io_start(edge->role->loop, io);
}

void connection_watch_client(struct connection *c, int events)
{
    watch(c->edge, &c->client_io, c->fd, events);
}

void connection_watch_upstream(struct connection *c, int events)
{
    watch(c->edge, &c->upstream_io, c->upstream, events);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    connection_turn(io->data);
}

void connection_turn(struct connection *c)
{
    struct edge *edge = c->edge;

    wire_enter(c);
    if (wire_flush_unsent(c) || c->phase == PHASE_RELAY)
        pipeline_continue(&c->pipeline);
    wire_leave(edge);
}

/* --- beginning -------------------------------------------------------------------------------- */

static void late(void *context, enum reason reason)
{
    struct connection *c = context;
    struct edge *edge = c->edge;

    wire_enter(c);
    handshake_or_verdict_late(c, reason);
    wire_leave(edge);
}

static struct address local_address(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    memset(&sa, 0, sizeof(sa));
    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        len = 0;
    return address_from_sockaddr((struct sockaddr *)&sa, len);
}

static void add(struct edge *edge, struct connection *c)
{
    HASH_ADD(hh, edge->by_number, number, sizeof(c->number), c);
    c->prev = edge->last;
    *(edge->last ? &edge->last->next : &edge->first) = c;
    edge->last = c;
    edge->n_per_listener[c->listener]++;
}

void connection_begin(struct edge *edge, uint32_t listener, int fd, const struct address *source)
{
    struct connection *c = xcalloc(1, sizeof(*c));

    *c = (struct connection){.edge = edge,
                             .number = ++edge->next_number,
                             .fd = fd,
                             .upstream = -1,
                             .source = *source,
                             .destination = local_address(fd),
                             .listener = listener,
                             .route = {.service = ROUTE_NO_SERVICE},
                             .accepted_ms = clock_realtime_ms(),
                             .accepted_us = clock_monotonic_us()};
    ev_init(&c->client_io, on_io);
    ev_init(&c->upstream_io, on_io);
    c->client_io.data = c->upstream_io.data = c;
    add(edge, c);
    if (!prelude_is_proxied(edge, listener, source))
        gate_enter(c);
    give_back_grown(edge);
    edge->counters.accepted++;
    pipeline_init(&c->pipeline, edge->role->loop, PROCESS_EDGE,
                  edge->role->config->listener[listener].handshake_timeout * 1000, c, late);
    connection_turn(c);
}

struct connection *connection_find(struct edge *edge, uint64_t number)
{
    struct connection *c;

    HASH_FIND(hh, edge->by_number, &number, sizeof(number), c);
    return c && c->phase != PHASE_ENDED ? c : NULL;
}

enum config_protocol connection_protocol(const struct connection *c)
{
    const struct config *config = c->edge->role->config;

    return c->route.service < config->n_service
               ? (enum config_protocol)config->service[c->route.service].protocol
               : CONFIG_PROTOCOL_TCP;
}

/* --- waiting ---------------------------------------------------------------------------------- */

void connection_wait_no_more(struct connection *c)
{
    if (c->list)
        DL_DELETE2(*c->list, c, list_prev, list_next);
    c->list = NULL;
}

void connection_wait(struct connection *c, struct connection **list)
{
    if (c->list == list)
        return;
    connection_wait_no_more(c);
    DL_APPEND2(*list, c, list_prev, list_next);
    c->list = list;
}

void connection_wake_all(struct edge *edge, struct connection **list)
{
    uint64_t last = edge->next_number;
    size_t n = 0;
    struct connection *c;

    DL_COUNT2(*list, c, n, list_next);
    /* One that must wait again goes to the end of the list. */
    while (n-- > 0 && (c = *list) && c->number <= last) {
        connection_wait_no_more(c);
        connection_turn(c);
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static void free_denial(struct denial *denial)
{
    if (denial)
        free((void *)denial->leaf.at);
    free(denial);
}

static void free_connection(struct connection *c)
{
    struct edge *edge = c->edge;

    live_forget(edge, c);
    HASH_DEL(edge->by_number, c);
    *(c->prev ? &c->prev->next : &edge->first) = c->next;
    *(c->next ? &c->next->prev : &edge->last) = c->prev;
    if (c->upstream >= 0)
        (void)close(c->upstream);
    resumption_end(c);
    chain_drop(edge, c->chain);
    free_denial(c->denial);
    http_clear(c);
    prelude_free(c->prelude);
    free(c->sni);
    free(c->verdict_text);
    free(c->request);
    SSL_free(c->upstream_ssl);
    free(c->upstream_name);
    free(c->end_detail);
    free(c);
    give_back_shrunk(edge);
}

/* The client's side: nothing of it is needed any more, not even for decide. */
static void release_client(struct connection *c, enum last_word word)
{
    struct edge *edge = c->edge;

    connection_watch_client(c, 0);
    if (c->ssl && word == LAST_WORD_CLEAN && edge->wire.owner == c)
        tls_say_end(c);
    if (edge->wire.owner == c && word != LAST_WORD_NONE)
        wire_flush(c);
    wire_forget(c);
    SSL_free(c->ssl);
    c->ssl = NULL;
    /* A client that has said its end sends nothing that could make the kernel reset the rest. */
    if (word != LAST_WORD_NONE && !c->wire_failed && (!c->client_done || c->unsent.len > 0)) {
        farewell_say(edge, c->fd, &c->unsent, word == LAST_WORD_STAY);
    } else {
        (void)shutdown(c->fd, SHUT_RDWR);
        (void)close(c->fd);
    }
    c->fd = -1;
    buffer_clear(&c->stash);
    buffer_clear(&c->unsent);
    buffer_clear(&c->to_upstream);
}

static bool tell_close(struct connection *c)
{
    struct channel *decide = role_channel(c->edge->role, PROCESS_DECIDE, 0);
    struct message_close msg = {.connection = c->number,
                                .session = c->session,
                                .reason = c->end_reason,
                                .bytes_in = c->bytes_in,
                                .bytes_out = c->bytes_out,
                                .detail = bytes_of(c->end_detail)};

    return decide && !c->edge->resume_running && c->edge->hold != EDGE_HOLD_ALL &&
           channel_send(decide, MESSAGE_CLOSE, &msg, -1);
}

void connection_set_detail(struct connection *c, const char *detail)
{
    free(c->end_detail);
    c->end_detail = xstrdup(detail);
}

enum stage_result connection_end(struct connection *c, enum reason reason, enum last_word word)
{
    struct edge *edge = c->edge;
    /* A denied one is finished for decide with its verdict. */
    bool owed = c->open_sent && (!c->verdict_came || c->verdict == REASON_OK);

    pipeline_clear(&c->pipeline);
    connection_wait_no_more(c);
    turns_forget(c);
    gate_leave(c);
    idle_forget(c);
    http_stop(c);
    edge->n_per_listener[c->listener]--;
    edge->counters.closed++;
    connection_watch_upstream(c, 0);
    if (c->upstream >= 0)
        (void)shutdown(c->upstream, SHUT_RDWR);
    release_client(c, word);
    c->phase = PHASE_ENDED;
    c->end_reason = reason;
    if (owed && !tell_close(c) && edge->n_untold < UNTOLD_MAX) {
        connection_wait(c, &edge->untold);
        edge->n_untold++;
        if (role_channel(edge->role, PROCESS_DECIDE, 0) && !edge->resume_running &&
            edge->hold == EDGE_HOLD_NOTHING)
            listener_pause(edge, PAUSE_DECIDE); /* no room there: looks again by itself */
    } else {
        free_connection(c);
    }
    return STAGE_GONE;
}

void connection_forget(struct connection *c)
{
    connection_wait_no_more(c);
    c->edge->n_untold--;
    free_connection(c);
}

void connection_tell_ended(struct edge *edge)
{
    struct connection *c;

    while ((c = edge->untold) && tell_close(c))
        connection_forget(c);
}
