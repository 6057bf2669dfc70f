/*
 * One place after the other. Runs in decide. A place that refuses, or is silent for its share of
 * the time while others are left, is marked; the next one is tried at once.
 */
#include "gatewayd/decide/dial.h"

#include "common/clock.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct dial {
    struct dial_request request; /* at and header are our own */
    struct upstream_connect attempt;
    struct target *now; /* the one that is being tried; counted */
    uint64_t tried;
    ev_timer share;
    int fd; /* connected, the header is not yet out; -1 none */
    ev_io io;
    size_t sent;
    char why[DIAL_WHY_MAX + 1];
};

static bool try_next(struct dial *dial);

/* --- what each of them said ------------------------------------------------------------------- */

static void note(struct dial *dial, const char *why)
{
    size_t len = strlen(dial->why);

    /* What does not fit any more is left out whole: the status has it too. */
    if (len + strlen(dial->now->where) + strlen(why) + 4 > DIAL_WHY_MAX)
        return;
    (void)snprintf(dial->why + len, sizeof(dial->why) - len, "%s%s: %s", len ? "; " : "",
                   dial->now->where, why);
}

static void leave(struct dial *dial)
{
    ev_timer_stop(dial->request.loop, &dial->share);
    ev_io_stop(dial->request.loop, &dial->io);
    upstream_cancel(&dial->attempt);
    if (dial->fd >= 0)
        (void)close(dial->fd);
    dial->fd = -1;
    if (dial->now)
        dial->now->n_sessions--;
    dial->now = NULL;
}

static void failed(struct dial *dial, const char *why)
{
    note(dial, why);
    target_failed(dial->now, why, clock_monotonic_ms());
    leave(dial);
}

static void failed_go_on(struct dial *dial, const char *why)
{
    failed(dial, why);
    if (!try_next(dial))
        dial->request.done(dial->request.context, -1, NULL, dial->why);
}

/* --- the header ------------------------------------------------------------------------------- */

static void succeed(struct dial *dial)
{
    struct target *target = dial->now;
    int fd = dial->fd;

    target_works(target);
    dial->now = NULL; /* the count goes over */
    dial->fd = -1;
    leave(dial);
    dial->request.done(dial->request.context, fd, target_ref(target), NULL);
}

/* A fresh socket takes all of it at once, as a rule; a small buffer needs several turns. */
static void send_header(struct dial *dial)
{
    struct bytes header = dial->request.header;
    char why[64];

    while (dial->sent < header.len) {
        ssize_t n = send(dial->fd, header.at + dial->sent, header.len - dial->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            ev_io_start(dial->request.loop, &dial->io);
            return;
        }
        if (n < 0) {
            (void)snprintf(why, sizeof(why), "PROXY header: %m");
            failed_go_on(dial, why);
            return;
        }
        dial->sent += (size_t)n;
    }
    succeed(dial);
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    send_header(io->data);
}

/* --- one attempt ------------------------------------------------------------------------------ */

static void connected(void *context, int fd, const struct error *why)
{
    struct dial *dial = context;

    if (fd < 0) {
        failed_go_on(dial, why->detail);
        return;
    }
    dial->fd = fd;
    dial->sent = 0;
    ev_io_set(&dial->io, fd, EV_WRITE);
    send_header(dial);
}

static void on_share(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    failed_go_on(timer->data, "no answer in time");
}

static bool is_last(const struct dial *dial)
{
    return (size_t)__builtin_popcountll(dial->tried) == dial->request.n;
}

/* False when none is left. */
static bool try_next(struct dial *dial)
{
    const struct dial_request *request = &dial->request;
    size_t number;
    struct error err;

    while (targets_choose(request->targets, request->at, request->n, dial->tried,
                          clock_monotonic_ms(), &number)) {
        dial->tried |= (uint64_t)1 << number;
        dial->now = request->at[number];
        dial->now->n_sessions++;
        if (upstream_begin(&dial->attempt, dial->now->where, request->run_dir, &request->session,
                           &err)) {
            if (!is_last(dial))
                ev_timer_again(request->loop, &dial->share);
            return true;
        }
        failed(dial, err.detail);
    }
    return false;
}

/* --- all of it -------------------------------------------------------------------------------- */

static struct dial *new_dial(const struct dial_request *request)
{
    struct dial *dial = xcalloc(1, sizeof(*dial));
    struct target **at = xcalloc(request->n, sizeof(struct target *));

    for (size_t i = 0; i < request->n; i++)
        at[i] = target_ref(request->at[i]);
    dial->request = *request;
    dial->request.at = at;
    dial->request.header = xbytes(request->header);
    dial->request.run_dir = xstrdup(request->run_dir);
    dial->fd = -1;
    dial->attempt = (struct upstream_connect){
        .loop = request->loop, .upstreams = request->upstreams, .done = connected, .context = dial};
    ev_timer_init(&dial->share, on_share, 0.0, DIAL_SHARE_MS / 1000.0);
    ev_init(&dial->io, on_writable);
    dial->share.data = dial->io.data = dial;
    return dial;
}

struct dial *dial_begin(const struct dial_request *request, char *ret_why)
{
    struct dial *dial = new_dial(request);

    if (try_next(dial))
        return dial;
    memcpy(ret_why, dial->why, sizeof(dial->why));
    return dial_free(dial);
}

const char *dial_late(struct dial *dial)
{
    if (dial->now)
        failed(dial, "no answer in time");
    return dial->why;
}

struct dial *dial_free(struct dial *dial)
{
    if (!dial)
        return NULL;
    leave(dial);
    for (size_t i = 0; i < dial->request.n; i++)
        target_unref(dial->request.at[i]);
    free((void *)dial->request.at);
    free((void *)dial->request.header.at);
    free((char *)dial->request.run_dir);
    free(dial);
    return NULL;
}
