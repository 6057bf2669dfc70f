/*
 * Connecting without blocking. Runs in fetch.
 */
#include "gatewayd/fetch/reach.h"

#include "gatewayd/fetch/redirect.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void stop(struct reach *reach)
{
    ev_io_stop(reach->loop, &reach->io);
    ev_timer_stop(reach->loop, &reach->timer);
    if (reach->fd >= 0)
        (void)close(reach->fd);
    reach->fd = -1;
}

void reach_cancel(struct reach *reach)
{
    if (reach->loop)
        stop(reach);
}

/* Through the loop, so that nobody is called back before reach_begin has returned. */
static void soon(struct reach *reach)
{
    ev_timer_set(&reach->timer, 0.0, 0.0);
    ev_timer_start(reach->loop, &reach->timer);
}

static bool connect_next(struct reach *reach)
{
    const struct address *address = &reach->addresses[reach->next++];
    struct sockaddr_storage sa;
    socklen_t len;

    if (!address_to_sockaddr(address, &sa, &len))
        return err_set(&reach->last, REASON_FETCH_FAILED, "no address");
    reach->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (reach->fd < 0)
        return err_set(&reach->last, REASON_FETCH_FAILED, "socket: %m");
    if (connect(reach->fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) {
        (void)err_set(&reach->last, REASON_FETCH_FAILED, "connect: %m");
        (void)close(reach->fd);
        reach->fd = -1;
        return false;
    }
    ev_io_set(&reach->io, reach->fd, EV_WRITE);
    ev_io_start(reach->loop, &reach->io);
    ev_timer_set(&reach->timer, REACH_ADDRESS_MS / 1000.0, 0.0);
    ev_timer_start(reach->loop, &reach->timer);
    return true;
}

static void go_on(struct reach *reach)
{
    while (reach->next < reach->n)
        if (connect_next(reach))
            return;
    reach->done(reach->context, -1, &reach->last);
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    struct reach *reach = io->data;
    int state = 0, fd = reach->fd;
    socklen_t len = sizeof(state);

    (void)events;
    ev_io_stop(loop, io);
    ev_timer_stop(loop, &reach->timer);
    reach->fd = -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &state, &len) == 0 && state == 0) {
        reach->done(reach->context, fd, NULL);
        return;
    }
    errno = state;
    (void)err_set(&reach->last, REASON_FETCH_FAILED, "connect: %m");
    (void)close(fd);
    go_on(reach);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct reach *reach = timer->data;

    (void)loop;
    (void)events;
    if (reach->fd >= 0) {
        stop(reach);
        (void)err_set(&reach->last, REASON_FETCH_FAILED, "connect: no answer");
    }
    go_on(reach);
}

static void leave_out_local(struct reach *reach)
{
    size_t n = 0;

    for (size_t i = 0; i < reach->n; i++)
        if (!redirect_address_is_local(&reach->addresses[i]))
            reach->addresses[n++] = reach->addresses[i];
    if (n < reach->n)
        (void)err_set(&reach->last, REASON_FETCH_REFUSED, "redirected to an address of this host");
    reach->n = n;
}

void reach_begin(struct reach *reach, struct ev_loop *loop, struct names *names, const char *host,
                 uint16_t port)
{
    reach->loop = loop;
    reach->fd = -1;
    reach->n = reach->next = 0;
    ev_init(&reach->io, on_writable);
    ev_init(&reach->timer, on_timer);
    reach->io.data = reach->timer.data = reach;
    (void)err_set(&reach->last, REASON_FETCH_FAILED, "no address");
    if (!names_find(names, host, port, reach->addresses, &reach->n, &reach->last))
        reach->n = 0;
    if (reach->not_local)
        leave_out_local(reach);
    soon(reach);
}
