/*
 * Connecting to services. Runs in decide after ALLOW; where it connects to comes from gatewayd.conf
 * alone. Relative names below descriptors, because decide's root is empty: fchdir, then connect.
 */
#include "gatewayd/decide/upstream.h"

#include "common/address.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

enum { AGAIN_MS = 10 };

struct directory {
    char *path;
    int fd;
};

struct upstreams {
    struct directory *directories;
    size_t n;
    int home;
};

struct upstreams *upstreams_new(void)
{
    struct upstreams *upstreams = xcalloc(1, sizeof(*upstreams));

    upstreams->home = -1;
    return upstreams;
}

struct upstreams *upstreams_free(struct upstreams *upstreams)
{
    if (!upstreams)
        return NULL;
    for (size_t i = 0; i < upstreams->n; i++) {
        free(upstreams->directories[i].path);
        (void)close(upstreams->directories[i].fd);
    }
    free(upstreams->directories);
    if (upstreams->home >= 0)
        (void)close(upstreams->home);
    free(upstreams);
    return NULL;
}

static struct directory *find(const struct upstreams *upstreams, struct bytes path)
{
    for (size_t i = 0; i < upstreams->n; i++)
        if (bytes_equal(bytes_of(upstreams->directories[i].path), path))
            return &upstreams->directories[i];
    return NULL;
}

void upstreams_add(struct upstreams *upstreams, struct bytes path, int fd)
{
    struct directory *directory = find(upstreams, path);

    if (directory) {
        (void)close(directory->fd);
        directory->fd = fd;
        return;
    }
    upstreams->directories =
        xrealloc(upstreams->directories, upstreams->n + 1, sizeof(*upstreams->directories));
    upstreams->directories[upstreams->n++] = (struct directory){xtext(path), fd};
}

void upstreams_set_home(struct upstreams *upstreams, int fd)
{
    if (upstreams->home >= 0)
        (void)close(upstreams->home);
    upstreams->home = fd;
}

/* The client end of the tunnel: "\0gatewayd/session/<32 hex>" (login.md). */
static bool bind_name(int fd, const struct session_id *session, struct error *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    char text[SESSION_ID_TEXT_LEN + 1];
    int len;

    session_id_format(session, text);
    len = snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "gatewayd/session/%s", text);
    if (bind(fd, (struct sockaddr *)&sa,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) + (socklen_t)len) != 0)
        return err_set(err, REASON_UPSTREAM_UNREACHABLE, "bind: %m");
    return true;
}

/* Connects by a name relative to an open directory; the process is back home afterwards. */
static int connect_below(const struct upstreams *upstreams, struct bytes path, const char *name,
                         int fd, struct error *err)
{
    const struct directory *directory = find(upstreams, path);
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int result;

    if (!directory || strlen(name) >= sizeof(sa.sun_path) || name[0] == '\0') {
        (void)err_set(err, REASON_UPSTREAM_UNREACHABLE, "no open directory for %s", name);
        return -1;
    }
    memcpy(sa.sun_path, name, strlen(name) + 1);
    if (fchdir(directory->fd) != 0) {
        (void)err_set(err, REASON_UPSTREAM_UNREACHABLE, "%s: %m", directory->path);
        return -1;
    }
    result = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 ? 0 : errno;
    if (upstreams->home >= 0 && fchdir(upstreams->home) != 0)
        abort(); /* we would stand in a directory that is none of ours */
    return result;
}

static int connect_path(const struct upstreams *upstreams, const char *path, int fd,
                        struct error *err)
{
    const char *slash = strrchr(path, '/');
    struct bytes directory = {(const uint8_t *)path, slash > path ? (size_t)(slash - path) : 1};

    if (path[0] != '/') {
        (void)err_set(err, REASON_UPSTREAM_UNREACHABLE, "no absolute path: %s", path);
        return -1;
    }
    return connect_below(upstreams, directory, slash + 1, fd, err);
}

/* 0, an errno, or -1 with err set. */
static int connect_unix(const struct upstream_connect *attempt, struct error *err)
{
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 128];

    if (strncmp(attempt->where, "unix:", 5) == 0)
        return connect_path(attempt->upstreams, attempt->where + 5, attempt->fd, err);
    (void)snprintf(path, sizeof(path), "%s/spawn/%s", attempt->run_dir, attempt->where + 6);
    return connect_path(attempt->upstreams, path, attempt->fd, err);
}

static bool is_unix(const char *where)
{
    return strncmp(where, "unix:", 5) == 0 || strncmp(where, "spawn:", 6) == 0;
}

static void finish(struct upstream_connect *attempt, const struct error *why)
{
    int fd = why ? -1 : attempt->fd;

    if (!why)
        attempt->fd = 0;
    upstream_cancel(attempt);
    attempt->done(attempt->context, fd, why);
}

static void finish_errno(struct upstream_connect *attempt, int number)
{
    struct error why;

    if (number == 0) {
        finish(attempt, NULL);
        return;
    }
    errno = number;
    (void)err_set(&why, REASON_UPSTREAM_UNREACHABLE, "%m");
    finish(attempt, &why);
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    struct upstream_connect *attempt = io->data;
    int number = 0;
    socklen_t len = sizeof(number);

    (void)loop;
    (void)events;
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0)
        number = errno;
    finish_errno(attempt, number);
}

/* Tells the result of an immediate connect from the loop, and asks again where a backlog is full.
 */
static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct upstream_connect *attempt = timer->data;
    struct error why;
    int number;

    (void)events;
    number = connect_unix(attempt, &why);
    if (number == EISCONN)
        number = 0;
    if (number == EAGAIN) {
        ev_timer_set(timer, AGAIN_MS / 1000.0, 0.0);
        ev_timer_start(loop, timer);
    } else if (number == -1) {
        finish(attempt, &why);
    } else {
        finish_errno(attempt, number);
    }
}

static bool begin_tcp(struct upstream_connect *attempt, struct error *err)
{
    struct sockaddr_storage sa;
    struct address address;
    socklen_t len;
    int one = 1;

    if (!address_parse_port(bytes_of(attempt->where), &address, err) ||
        !address_to_sockaddr(&address, &sa, &len))
        return false;
    attempt->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attempt->fd <= 0)
        return err_set(err, REASON_UPSTREAM_UNREACHABLE, "socket: %m");
    (void)setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* only speed */
    if (connect(attempt->fd, (struct sockaddr *)&sa, len) != 0 && errno != EINPROGRESS)
        return err_set(err, REASON_UPSTREAM_UNREACHABLE, "%m");
    ev_io_init(&attempt->io, on_writable, attempt->fd, EV_WRITE);
    attempt->io.data = attempt;
    ev_io_start(attempt->loop, &attempt->io);
    return true;
}

static bool begin_unix(struct upstream_connect *attempt, struct error *err)
{
    attempt->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attempt->fd <= 0)
        return err_set(err, REASON_UPSTREAM_UNREACHABLE, "socket: %m");
    if (attempt->named && !bind_name(attempt->fd, &attempt->session, err))
        return false;
    ev_timer_start(attempt->loop, &attempt->again);
    return true;
}

bool upstream_begin(struct upstream_connect *attempt, const char *where, const char *run_dir,
                    const struct session_id *session, struct error *err)
{
    bool good;

    attempt->where = xstrdup(where);
    attempt->run_dir = xstrdup(run_dir);
    attempt->named = session != NULL;
    if (session)
        attempt->session = *session;
    ev_timer_init(&attempt->again, on_again, 0.0, 0.0);
    attempt->again.data = attempt;
    good = is_unix(where) ? begin_unix(attempt, err) : begin_tcp(attempt, err);
    if (!good)
        upstream_cancel(attempt);
    return good;
}

void upstream_cancel(struct upstream_connect *attempt)
{
    if (!attempt->where)
        return;
    ev_io_stop(attempt->loop, &attempt->io);
    ev_timer_stop(attempt->loop, &attempt->again);
    if (attempt->fd > 0)
        (void)close(attempt->fd);
    attempt->fd = 0;
    free(attempt->where);
    free(attempt->run_dir);
    attempt->where = attempt->run_dir = NULL;
}
