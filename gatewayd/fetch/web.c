/*
 * HTTP exchanges. Runs in fetch; the octets of the server are looked at in web_answer.c.
 */
#include "gatewayd/fetch/web.h"

#include "gatewayd/fetch/reach.h"
#include "gatewayd/fetch/redirect.h"
#include "gatewayd/fetch/web_answer.h"
#include "gatewayd/shared/fetch_url.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 64 * 1024, QUESTION_MAX = 16 * 1024 };

struct web {
    struct ev_loop *loop;
    struct names *names;
    struct web_request request; /* url and body are owned */
    struct reach reach;
    int fd; /* connected; -1: not yet */
    ev_io io;
    ev_timer limit;
    struct writer question;
    size_t sent;
    struct web_answer answer;
    unsigned redirects;
    char *origin; /* the URL that was asked for first */
};

static void close_connection(struct web *web)
{
    reach_cancel(&web->reach);
    ev_io_stop(web->loop, &web->io);
    if (web->fd >= 0)
        (void)close(web->fd);
    web->fd = -1;
}

void web_cancel(struct web *web)
{
    if (!web)
        return;
    close_connection(web);
    ev_timer_stop(web->loop, &web->limit);
    web_answer_clear(&web->answer);
    writer_clear(&web->question);
    free((void *)web->request.url);
    free((void *)web->request.body.at);
    free(web->origin);
    free(web);
}

static void finish(struct web *web, const struct error *why)
{
    struct web_request request = web->request;

    close_connection(web);
    ev_timer_stop(web->loop, &web->limit);
    request.done(request.context, why ? (struct bytes){NULL, 0} : writer_bytes(&web->answer.body),
                 why);
    web_cancel(web);
}

static void fail(struct web *web, const char *what)
{
    struct error err;

    (void)err_set(&err, REASON_FETCH_FAILED, "%s", what);
    finish(web, &err);
}

/* --- question --------------------------------------------------------------------------------- */

static void write_question(struct web *web, const struct fetch_url *url)
{
    struct writer *out = &web->question;
    bool post = web->request.body.len > 0;

    writer_reset(out);
    web->sent = 0;
    writer_printf(out, "%s %s HTTP/1.1\r\nHost: %s%s%s", post ? "POST" : "GET",
                  url->path[0] ? url->path : "/", url->brackets ? "[" : "", url->host,
                  url->brackets ? "]" : "");
    if (url->port != 80)
        writer_printf(out, ":%u", url->port);
    writer_text(out, "\r\nUser-Agent: gatewayd\r\nAccept: */*\r\nConnection: close\r\n");
    if (post)
        writer_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", web->request.content_type,
                      web->request.body.len);
    writer_text(out, "\r\n");
    writer_put(out, web->request.body);
}

static void begin(struct web *web)
{
    struct fetch_url url;
    struct error err;

    if (!fetch_url_parse(web->request.url, &url, &err)) {
        finish(web, &err);
        return;
    }
    if (url.scheme != FETCH_HTTP) {
        fail(web, "not http");
        return;
    }
    write_question(web, &url);
    reach_begin(&web->reach, web->loop, web->names, url.host, url.port);
}

/* --- answer ----------------------------------------------------------------------------------- */

static void follow(struct web *web)
{
    char *location = xstrdup(web->answer.location);
    struct error err;

    if (web->request.body.len > 0 || web->redirects++ == WEB_REDIRECTS_MAX) {
        free(location);
        fail(web, "redirected too often");
        return;
    }
    if (!redirect_check(web->origin, location, &err)) {
        free(location);
        finish(web, &err);
        return;
    }
    /* The name may have another address now. */
    web->reach.not_local = !redirect_url_is_local(web->origin);
    close_connection(web);
    web_answer_clear(&web->answer);
    web_answer_init(&web->answer, web->request.max, web->request.held);
    free((void *)web->request.url);
    web->request.url = location;
    begin(web);
}

/* False: the exchange is over or goes on elsewhere. */
static bool take(struct web *web, struct bytes octets)
{
    if (!web_answer_take(&web->answer, octets)) {
        struct error err = web->answer.err;

        finish(web, &err);
        return false;
    }
    if (!web->answer.done)
        return true;
    if (web->answer.redirected)
        follow(web);
    else
        finish(web, NULL);
    return false;
}

static void on_readable(struct web *web)
{
    static uint8_t piece[PIECE];
    ssize_t n = recv(web->fd, piece, sizeof(piece), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        fail(web, "the connection broke");
    else
        (void)take(web, (struct bytes){piece, (size_t)n});
}

static void on_writable(struct web *web)
{
    struct bytes octets = writer_bytes(&web->question);
    ssize_t n =
        send(web->fd, octets.at + web->sent, octets.len - web->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        fail(web, "the connection broke");
        return;
    }
    web->sent += n > 0 ? (size_t)n : 0;
    if (web->sent < octets.len)
        return;
    ev_io_stop(web->loop, &web->io);
    ev_io_set(&web->io, web->fd, EV_READ);
    ev_io_start(web->loop, &web->io);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    if (events & EV_READ)
        on_readable(io->data);
    else if (events & EV_WRITE)
        on_writable(io->data);
}

static void connected(void *context, int fd, const struct error *why)
{
    struct web *web = context;

    if (fd < 0) {
        finish(web, why);
        return;
    }
    web->fd = fd;
    ev_io_set(&web->io, fd, EV_WRITE);
    ev_io_start(web->loop, &web->io);
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    fail(timer->data, "no answer in time");
}

struct web *web_begin(struct ev_loop *loop, struct names *names, const struct web_request *request)
{
    struct web *web = xcalloc(1, sizeof(*web));

    web->loop = loop;
    web->names = names;
    web->request = *request;
    web->request.url = xstrdup(request->url);
    web->origin = xstrdup(request->url);
    web->request.body = xbytes(request->body);
    web->fd = -1;
    web->question = writer_new(QUESTION_MAX);
    web_answer_init(&web->answer, request->max, request->held);
    ev_init(&web->io, on_io);
    ev_timer_init(&web->limit, on_limit, (double)request->limit_ms / 1000.0, 0.0);
    web->io.data = web->limit.data = web;
    web->reach.done = connected;
    web->reach.context = web;
    ev_timer_start(loop, &web->limit);
    begin(web);
    return web;
}
