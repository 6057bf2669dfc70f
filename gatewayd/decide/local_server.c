/*
 * Local sockets. Runs in decide; whoever connects is nobody until the kernel has named it, and what
 * it says of itself is not believed.
 */
#include "gatewayd/decide/local_server.h"

#include "common/log.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

enum {
    BACKLOG = 128,
    ACCEPTS_MAX = 64, /* in one loop turn */
    PAUSE_MS = 100,   /* no descriptors left: others must close theirs first */
};

/* The whole request; what handlers see comes first. */
struct pending {
    struct local_request request;
    int fd;
    bool counted_as_root;
    bool asked; /* the parent is asked who it is */
    ev_io io;
    ev_timer timer;
    uint8_t *octets;
    struct pending *prev, *next;
};

struct local_server {
    struct ev_loop *loop;
    int fd;
    enum protocol_socket socket;
    uint32_t own_uid;
    struct local_groups groups;
    struct local_calls calls;
    struct pending *all;
    size_t n, n_root;
    ev_io acceptable;
    ev_timer pause;
};

static uint64_t next_cookie; /* one series for all servers, so that answers find theirs */

static struct pending *pending_of(struct local_request *request)
{
    return (struct pending *)request;
}

static void drop(struct pending *pending)
{
    struct local_server *server = pending->request.server;

    ev_io_stop(server->loop, &pending->io);
    ev_timer_stop(server->loop, &pending->timer);
    DL_DELETE(server->all, pending);
    server->n--;
    server->n_root -= pending->counted_as_root;
    (void)close(pending->fd);
    free(pending->octets);
    free(pending);
}

void local_reply(struct local_request *request, const struct protocol_message *reply)
{
    struct pending *pending = pending_of(request);
    AUTO(writer_clear) struct writer out = writer_new(PROTOCOL_REPLY_MAX);
    struct protocol_message error;

    protocol_encode(reply, &out);
    if (!writer_ok(&out)) {
        log_event(LOG_LEVEL_ERROR, "reply_too_large", "kind=%s", protocol_kind_name(reply->kind));
        writer_clear(&out);
        protocol_message_init(&error, PROTOCOL_ERROR);
        error.reason = bytes_of(reason_name(REASON_SYSTEM));
        protocol_encode(&error, &out);
    }
    (void)send(pending->fd, writer_bytes(&out).at, writer_bytes(&out).len,
               MSG_NOSIGNAL | MSG_DONTWAIT); /* a client that is gone needs no answer */
    drop(pending);
}

void local_refuse(struct local_request *request, enum protocol_kind kind, enum reason reason,
                  const char *text)
{
    struct protocol_message reply;

    protocol_message_init(&reply, kind);
    reply.reason = bytes_of(reason_name(reason));
    reply.text = bytes_of(text[0] ? text : reason_text(reason));
    local_reply(request, &reply);
}

/* --- rights ----------------------------------------------------------------------------------- */

static bool has_group(uint32_t wanted, const struct local_peer *peer, const gid_t *groups, size_t n)
{
    if (wanted == UINT32_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (groups[i] == wanted)
            return true;
    return peer->gid == wanted;
}

static void set_rights(const struct local_server *server, int fd, struct local_peer *peer)
{
    gid_t groups[LOCAL_GROUPS_MAX];
    socklen_t len = sizeof(groups);
    size_t n = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
        n = len / sizeof(groups[0]);
    if (peer->is_root || has_group(server->groups.read, peer, groups, n))
        peer->rights |= SENDER_READ;
    if (peer->is_root || has_group(server->groups.lock, peer, groups, n))
        peer->rights |= SENDER_LOCK;
    if (peer->is_root || has_group(server->groups.admin, peer, groups, n))
        peer->rights |= SENDER_ADMIN;
}

/* OWNER is let through here: the handler knows whose session it is. */
static bool may_ask(const struct protocol_request *row, const struct local_peer *peer)
{
    if (row->senders & (SENDER_ANY | SENDER_OWNER))
        return true;
    if ((row->senders & SENDER_ROOT) && peer->is_root)
        return true;
    return (row->senders & peer->rights) != 0;
}

/* --- one request ------------------------------------------------------------------------------ */

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct pending *pending = timer->data;

    (void)loop;
    (void)events;
    if (pending->request.abandoned)
        pending->request.abandoned(&pending->request);
    if (pending->asked)
        local_refuse(&pending->request, PROTOCOL_ERROR, REASON_DECISION_TIMEOUT, "");
    else
        drop(pending);
}

static void set_timer(struct pending *pending, uint32_t ms)
{
    struct ev_loop *loop = pending->request.server->loop;

    ev_timer_stop(loop, &pending->timer);
    ev_timer_set(&pending->timer, (double)ms / 1000.0, 0.0);
    ev_timer_start(loop, &pending->timer);
}

static void reply_version(struct pending *pending)
{
    struct protocol_message reply;

    protocol_message_init(&reply, PROTOCOL_ERR_VERSION);
    reply.version_min = PROTOCOL_VERSION_MIN;
    reply.version_max = PROTOCOL_VERSION;
    local_reply(&pending->request, &reply);
}

/* Asked of a socket that serves it, by somebody who may: else an answer and the end. */
static void take(struct pending *pending, size_t len)
{
    struct local_server *server = pending->request.server;
    struct local_request *request = &pending->request;
    const struct protocol_request *row;
    struct error err;

    if (!protocol_decode_request((struct bytes){pending->octets, len}, &request->msg, &err)) {
        if (err.reason == REASON_MSG_VERSION)
            reply_version(pending);
        else
            local_refuse(request, PROTOCOL_ERROR, REASON_MSG_MALFORMED, "");
        return;
    }
    row = protocol_request_of(request->msg.kind);
    if (row->socket != server->socket || !may_ask(row, &request->peer)) {
        log_event(LOG_LEVEL_WARNING, "request_refused", "kind=%s pid=%u uid=%u", row->name,
                  request->peer.pid, request->peer.uid);
        local_refuse(request, PROTOCOL_ERROR, REASON_NOT_PERMITTED, "");
        return;
    }
    pending->asked = true;
    set_timer(pending, row->deadline_ms);
    server->calls.whois(server->calls.context, request->cookie, request->peer.pid,
                        request->peer.uid);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    struct pending *pending = io->data;
    ssize_t n = recv(pending->fd, pending->octets, PROTOCOL_REQUEST_MAX + 1, MSG_DONTWAIT);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    ev_io_stop(loop, io);
    if (n <= 0)
        drop(pending);
    else
        take(pending, (size_t)n);
}

bool local_server_peer(struct local_server *server, const struct message_peer *peer)
{
    struct pending *pending;

    DL_SEARCH_SCALAR(server->all, pending, request.cookie, peer->cookie);
    if (!pending || !pending->asked)
        return false;
    if (!peer->same_namespaces || peer->start_time == 0) {
        local_refuse(&pending->request, PROTOCOL_ERROR, REASON_NOT_PERMITTED, "");
        return true;
    }
    pending->request.peer.start_time = peer->start_time;
    pending->request.peer.audit_session = peer->audit_session;
    pending->request.peer.login_uid = peer->login_uid;
    server->calls.request(server->calls.context, &pending->request);
    return true;
}

/* --- accepting -------------------------------------------------------------------------------- */

static size_t count_uid(const struct local_server *server, uint32_t uid)
{
    const struct pending *pending;
    size_t n = 0;

    DL_FOREACH(server->all, pending)
    n += pending->request.peer.uid == uid;
    return n;
}

static bool has_room(const struct local_server *server, const struct local_peer *peer)
{
    if (peer->is_root)
        return server->n < LOCAL_REQUESTS_MAX;
    return server->n - server->n_root < LOCAL_REQUESTS_MAX - LOCAL_RESERVE &&
           server->n < LOCAL_REQUESTS_MAX && count_uid(server, peer->uid) < LOCAL_PER_UID_MAX;
}

static bool learn_peer(const struct local_server *server, int fd, struct local_peer *ret_peer)
{
    struct ucred creds;
    socklen_t len = sizeof(creds);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &len) != 0 || creds.pid <= 0)
        return false; /* 0: from a pid namespace that we do not see into */
    *ret_peer = (struct local_peer){.pid = (uint32_t)creds.pid, .uid = creds.uid, .gid = creds.gid};
    ret_peer->is_root = creds.uid == 0 || creds.uid == server->own_uid;
    set_rights(server, fd, ret_peer);
    return true;
}

static void begin(struct local_server *server, int fd, const struct local_peer *peer)
{
    struct pending *pending = xcalloc(1, sizeof(*pending));

    pending->request.server = server;
    pending->request.cookie = ++next_cookie;
    pending->request.peer = *peer;
    pending->fd = fd;
    pending->counted_as_root = peer->is_root;
    pending->octets = xcalloc(PROTOCOL_REQUEST_MAX + 1, 1);
    DL_APPEND(server->all, pending);
    server->n++;
    server->n_root += peer->is_root;
    ev_io_init(&pending->io, on_readable, fd, EV_READ);
    ev_init(&pending->timer, on_timer);
    pending->io.data = pending->timer.data = pending;
    ev_io_start(server->loop, &pending->io);
    set_timer(pending, LOCAL_READ_MS);
}

static void on_acceptable(struct ev_loop *loop, ev_io *io, int events)
{
    struct local_server *server = io->data;

    (void)events;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct local_peer peer;
        int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
            ev_io_stop(loop, io);
            ev_timer_set(&server->pause, PAUSE_MS / 1000.0, 0.0);
            ev_timer_start(loop, &server->pause);
        }
        if (fd < 0)
            return;
        if (learn_peer(server, fd, &peer) && has_room(server, &peer))
            begin(server, fd, &peer);
        else
            (void)close(fd);
    }
}

static void on_pause(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct local_server *server = timer->data;

    (void)events;
    ev_io_start(loop, &server->acceptable);
}

bool local_server_new(struct ev_loop *loop, int fd, enum protocol_socket socket, uint32_t own_uid,
                      const struct local_calls *calls, struct local_server **ret_server,
                      struct error *err)
{
    struct local_server *server;

    if (listen(fd, BACKLOG) != 0)
        return err_set(err, REASON_SYSTEM, "listen: %m");
    server = xcalloc(1, sizeof(*server));
    *server = (struct local_server){.loop = loop,
                                    .fd = fd,
                                    .socket = socket,
                                    .own_uid = own_uid,
                                    .groups = {UINT32_MAX, UINT32_MAX, UINT32_MAX},
                                    .calls = *calls};
    ev_io_init(&server->acceptable, on_acceptable, fd, EV_READ);
    ev_init(&server->pause, on_pause);
    server->acceptable.data = server->pause.data = server;
    ev_io_start(loop, &server->acceptable);
    *ret_server = server;
    return true;
}

struct local_server *local_server_free(struct local_server *server)
{
    if (!server)
        return NULL;
    while (server->all)
        drop(server->all);
    ev_io_stop(server->loop, &server->acceptable);
    ev_timer_stop(server->loop, &server->pause);
    (void)close(server->fd);
    free(server);
    return NULL;
}

void local_server_set_groups(struct local_server *server, const struct local_groups *groups)
{
    server->groups = *groups;
}

struct local_request *local_server_find(const struct local_server *server, uint64_t cookie)
{
    struct pending *pending;

    DL_SEARCH_SCALAR(server->all, pending, request.cookie, cookie);
    return pending ? &pending->request : NULL;
}

size_t local_server_count(const struct local_server *server)
{
    return server->n;
}
