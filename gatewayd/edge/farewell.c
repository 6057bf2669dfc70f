/*
 * Lingering closes. Runs in an edge; the client is done with whatever it does here.
 */
#include "gatewayd/edge/farewell.h"

#include "gatewayd/edge/edge.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

struct farewell {
    struct farewell *next, *prev;
    struct edge *edge;
    int fd;
    struct buffer unsent;
    size_t discarded;
    bool stay;
    ev_io io;
    ev_timer timer;
};

static void end(struct farewell *farewell)
{
    struct edge *edge = farewell->edge;

    ev_io_stop(edge->role->loop, &farewell->io);
    ev_timer_stop(edge->role->loop, &farewell->timer);
    DL_DELETE(edge->farewells, farewell);
    edge->n_farewells--;
    (void)close(farewell->fd);
    buffer_clear(&farewell->unsent);
    free(farewell);
}

static void too_late(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    end(timer->data);
}

static bool is_later(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* False: the socket is broken. */
static bool send_rest(struct farewell *farewell)
{
    struct bytes rest = buffer_bytes(&farewell->unsent);
    ssize_t n;

    if (rest.len == 0)
        return true;
    n = send(farewell->fd, rest.at, rest.len, MSG_NOSIGNAL);
    if (n < 0)
        return is_later(n);
    buffer_drop(&farewell->unsent, (size_t)n);
    if (farewell->unsent.len == 0 && !farewell->stay)
        (void)shutdown(farewell->fd, SHUT_WR);
    return true;
}

/* False: the client is done, or has sent more than we care to read. */
static bool discard(struct farewell *farewell)
{
    struct wire *wire = &farewell->edge->wire;
    ssize_t n = recv(farewell->fd, wire->plain, WIRE_PLAIN_MAX, 0);

    if (n <= 0)
        return is_later(n);
    farewell->discarded += (size_t)n;
    return farewell->discarded <= FAREWELL_DISCARD;
}

static void watch(struct farewell *farewell)
{
    int events = EV_READ | (farewell->unsent.len > 0 ? EV_WRITE : 0);

    ev_io_stop(farewell->edge->role->loop, &farewell->io);
    ev_io_set(&farewell->io, farewell->fd, events);
    ev_io_start(farewell->edge->role->loop, &farewell->io);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct farewell *farewell = io->data;

    (void)loop;
    if ((events & EV_WRITE) && !send_rest(farewell)) {
        end(farewell);
        return;
    }
    if ((events & EV_READ) && !discard(farewell)) {
        end(farewell);
        return;
    }
    watch(farewell);
}

void farewell_say(struct edge *edge, int fd, struct buffer *unsent, bool stay)
{
    struct farewell *farewell;

    if (edge->n_farewells >= FAREWELL_MAX) {
        buffer_clear(unsent);
        (void)shutdown(fd, SHUT_RDWR);
        (void)close(fd);
        return;
    }
    farewell = xcalloc(1, sizeof(*farewell));
    *farewell = (struct farewell){.edge = edge, .fd = fd, .unsent = *unsent, .stay = stay};
    *unsent = (struct buffer){0};
    if (farewell->unsent.len == 0 && !stay)
        (void)shutdown(fd, SHUT_WR);
    ev_io_init(&farewell->io, on_io, fd, EV_READ);
    ev_timer_init(&farewell->timer, too_late, FAREWELL_MS / 1000.0, 0.0);
    farewell->io.data = farewell->timer.data = farewell;
    DL_APPEND(edge->farewells, farewell);
    edge->n_farewells++;
    ev_timer_start(edge->role->loop, &farewell->timer);
    watch(farewell);
}
