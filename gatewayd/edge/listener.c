/*
 * The door. Runs in an edge; refuses before TLS begins what is over a limit, and stops accepting
 * instead of spinning when there are no descriptors or decide is overloaded.
 */
#include "gatewayd/edge/listener.h"

#include "common/log.h"
#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/gate.h"
#include "gatewayd/edge/preauth.h"
#include "gatewayd/edge/prelude.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPT_TURN = 32, /* connections accepted per turn of the loop: a full backlog drops SYNs */
    DECIDE_QUEUE_HIGH = CHANNEL_QUEUE_MAX / 2, /* messages that wait for decide: stop accepting */
    DECIDE_QUEUE_LOW = CHANNEL_QUEUE_MAX / 8,  /* go on */
};
#define PAUSE_S    0.05 /* how long before we look again */
#define COMPLAIN_S 10.0 /* between two lines of the log about descriptors */

bool listener_index(const struct edge *edge, const char *title, uint32_t *ret_index)
{
    const struct config *config = edge->role->config;

    for (size_t i = 0; i < config->n_listener; i++) {
        if (strcmp(config->listener[i].title, title) != 0)
            continue;
        *ret_index = (uint32_t)i;
        return true;
    }
    return false;
}

/* --- pauses ----------------------------------------------------------------------------------- */

static bool decide_is_full(const struct edge *edge, size_t limit)
{
    struct channel *decide = role_channel(edge->role, PROCESS_DECIDE, 0);

    return decide && channel_queued(decide) > limit;
}

/* Each connection that has been accepted needs one more for its upstream. */
static bool hold_spare(struct edge *edge)
{
    return spare_files_take(&edge->spare, STDERR_FILENO, SPARE_FILES_MAX);
}

/* What was held in reserve is for the verdicts that come now; new clients wait in the backlog. */
static void no_files(struct edge *edge, int why)
{
    double now = ev_now(edge->role->loop);

    spare_files_give(&edge->spare, SPARE_FILES_MAX);
    if (now - edge->complained >= COMPLAIN_S) {
        edge->complained = now;
        log_event(LOG_LEVEL_ERROR, "accept_failed", "errno=%d connections=%u", why,
                  HASH_COUNT(edge->by_number));
    }
    listener_pause(edge, PAUSE_NO_FILES);
}

static void look_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct edge *edge = timer->data;

    (void)events;
    if (hold_spare(edge))
        edge->paused &= ~(unsigned)PAUSE_NO_FILES;
    if (!decide_is_full(edge, DECIDE_QUEUE_LOW))
        edge->paused &= ~(unsigned)PAUSE_DECIDE;
    if (!(edge->paused & (PAUSE_NO_FILES | PAUSE_DECIDE)))
        ev_timer_stop(loop, timer);
    listener_update(edge);
    connection_tell_ended(edge);
    connection_wake_all(edge, &edge->waiting_decide);
}

void listener_pause(struct edge *edge, unsigned why)
{
    edge->paused |= why;
    if (why != PAUSE_DRAIN && !ev_is_active(&edge->pause_timer))
        ev_timer_again(edge->role->loop, &edge->pause_timer);
    listener_update(edge);
}

void listener_update(struct edge *edge)
{
    for (size_t i = 0; i < edge->n_listening; i++) {
        struct listening *listening = edge->listening[i];
        uint32_t index;

        if (edge->paused || !edge->tls || !listener_index(edge, listening->title, &index))
            ev_io_stop(edge->role->loop, &listening->io);
        else
            ev_io_start(edge->role->loop, &listening->io);
    }
}

void listener_init(struct edge *edge)
{
    ev_init(&edge->pause_timer, look_again);
    edge->pause_timer.data = edge;
    edge->pause_timer.repeat = PAUSE_S;
}

/* --- accepting -------------------------------------------------------------------------------- */

static void refuse(struct edge *edge, uint32_t listener, const struct address *source,
                   enum reason reason)
{
    struct preauth_event event = {
        .listener = listener, .source = *source, .reason = reason, .detail = ""};

    edge->counters.refused++;
    preauth_tell(edge, &event);
}

static void make_room(struct edge *edge, struct connection *victim)
{
    edge->counters.refused++;
    preauth_tell_connection(victim, REASON_TOO_MANY_HANDSHAKES, "dropped to make room",
                            (struct bytes){NULL, 0});
    (void)connection_end(victim, REASON_TOO_MANY_HANDSHAKES, LAST_WORD_NONE);
}

enum reason listener_admit(struct connection *c)
{
    struct connection *victim;
    enum reason reason = gate_check(c->edge, c->listener, &c->source, &victim);

    if (victim)
        make_room(c->edge, victim);
    if (reason == REASON_OK)
        gate_enter(c);
    return reason;
}

/* False: nothing more to accept now. */
static bool accept_one(struct listening *listening, uint32_t index)
{
    struct edge *edge = listening->edge;
    static const struct address nowhere;
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct connection *victim;
    struct address source;
    enum reason reason;
    int fd = accept4(listening->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        no_files(edge, errno);
        return false;
    }
    if (fd < 0)
        return errno == EINTR || errno == ECONNABORTED;
    source = address_from_sockaddr((struct sockaddr *)&sa, len);
    /* All clients of a proxy come from its address: what counts is theirs, in listener_admit. */
    reason = gate_check(edge, index, prelude_is_proxied(edge, index, &source) ? &nowhere : &source,
                        &victim);
    if (victim)
        make_room(edge, victim);
    if (reason == REASON_OK) {
        connection_begin(edge, index, fd, &source);
        return true;
    }
    (void)close(fd);
    refuse(edge, index, &source, reason);
    return true;
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    struct listening *listening = io->data;
    uint32_t index;

    (void)loop;
    (void)events;
    if (!hold_spare(listening->edge)) {
        no_files(listening->edge, EMFILE);
        return;
    }
    if (decide_is_full(listening->edge, DECIDE_QUEUE_HIGH)) {
        listener_pause(listening->edge, PAUSE_DECIDE);
        return;
    }
    for (int i = 0; i < ACCEPT_TURN && !listening->edge->paused; i++)
        if (!listener_index(listening->edge, listening->title, &index) ||
            !accept_one(listening, index))
            return;
}

/* --- sockets ---------------------------------------------------------------------------------- */

static struct listening *find(const struct edge *edge, const char *title, uint32_t index)
{
    for (size_t i = 0; i < edge->n_listening; i++)
        if (edge->listening[i]->index == index && strcmp(edge->listening[i]->title, title) == 0)
            return edge->listening[i];
    return NULL;
}

/* What is accepted inherits TCP_NODELAY. Upstream sockets come with it from decide. */
static void set_socket(struct listening *listening, int fd)
{
    struct ev_loop *loop = listening->edge->role->loop;
    int on = 1;

    ev_io_stop(loop, &listening->io);
    if (listening->fd >= 0)
        (void)close(listening->fd);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only speed */
    listening->fd = fd;
    ev_io_set(&listening->io, fd, EV_READ);
}

bool listener_add(struct edge *edge, const struct message_file *file, int fd, struct error *err)
{
    AUTO(char_freep) char *title = xtext(file->name);
    struct listening *listening = find(edge, title, file->index);
    int listens = 0;
    socklen_t len = sizeof(listens);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens) {
        (void)close(fd);
        return err_set(err, REASON_MSG_MALFORMED, "listener %s: not a listening socket", title);
    }
    if (!listening) {
        listening = xcalloc(1, sizeof(*listening));
        *listening =
            (struct listening){.edge = edge, .title = STEAL(title), .index = file->index, .fd = -1};
        ev_init(&listening->io, on_readable);
        listening->io.data = listening;
        edge->listening =
            xrealloc(edge->listening, edge->n_listening + 1, sizeof(*edge->listening));
        edge->listening[edge->n_listening++] = listening;
    }
    set_socket(listening, fd);
    listener_update(edge);
    return true;
}

void listener_close_all(struct edge *edge)
{
    for (size_t i = 0; i < edge->n_listening; i++) {
        struct listening *listening = edge->listening[i];

        ev_io_stop(edge->role->loop, &listening->io);
        (void)close(listening->fd);
        free(listening->title);
        free(listening);
    }
    edge->n_listening = 0;
}
