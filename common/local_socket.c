/*
 * Asks decide over a local socket. Runs in pam_mtls inside of sshd, sudo and others, and in
 * gatewayctl; trusts root, the file system's owners and the kernel's peer credentials, nothing
 * else.
 */
#include "common/local_socket.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { COMPONENT_MAX = 255 }; /* NAME_MAX */

static void fd_closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static void errno_restore(const int *saved)
{
    errno = *saved;
}

/* ---- the way to the socket ---- */

static bool owner_is_trusted(uid_t owner, enum local_trust trust)
{
    return owner == 0 || (trust == LOCAL_TRUST_OWN && owner == geteuid());
}

static bool check_directory(int fd, bool last, enum local_trust trust, const char *path,
                            struct error *err)
{
    struct stat st;
    bool open_to_others;

    if (fstat(fd, &st) < 0)
        return err_set(err, REASON_SYSTEM, "%s: %m", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, REASON_DAEMON_UNTRUSTED, "%s: not a directory on the way", path);
    if (!owner_is_trusted(st.st_uid, trust))
        return err_set(err, REASON_DAEMON_UNTRUSTED, "%s: a directory on the way belongs to uid %u",
                       path, (unsigned)st.st_uid);
    /* In a sticky directory others cannot rename what root made, but they can make the last name.
     */
    open_to_others = (st.st_mode & (S_IWGRP | S_IWOTH)) && (last || !(st.st_mode & S_ISVTX));
    if (open_to_others)
        return err_set(err, REASON_DAEMON_UNTRUSTED,
                       "%s: others may write to a directory on the way", path);
    return true;
}

/* Takes the next component off *at; false when there is none, or one that walks elsewhere. */
static bool next_component(const char **at, char out[COMPONENT_MAX + 1])
{
    size_t len;

    while (**at == '/')
        (*at)++;
    len = strcspn(*at, "/");
    if (len == 0 || len > COMPONENT_MAX)
        return false;
    memcpy(out, *at, len);
    out[len] = '\0';
    *at += len;
    return strcmp(out, ".") != 0 && strcmp(out, "..") != 0;
}

static bool way_is_lost(const char *path, struct error *err)
{
    bool missing = errno == ENOENT || errno == EACCES;

    return err_set(err, missing ? REASON_DAEMON_AWAY : REASON_DAEMON_UNTRUSTED, "%s: %m", path);
}

/* The socket file, at the end of the way: a socket, whose owner is who listens. */
static bool check_socket(int directory, const char *name, const char *path, uid_t *ret_owner,
                         struct error *err)
{
    struct stat st;

    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return way_is_lost(path, err);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, REASON_DAEMON_UNTRUSTED, "%s: not a socket", path);
    *ret_owner = st.st_uid;
    return true;
}

static bool walk(const char *path, enum local_trust trust, uid_t *ret_owner, struct error *err)
{
    AUTO(fd_closep) int directory = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[COMPONENT_MAX + 1];
    const char *at = path;

    if (directory < 0)
        return err_set(err, REASON_SYSTEM, "/: %m");
    if (*path != '/')
        return err_set(err, REASON_DAEMON_UNTRUSTED, "%s: not an absolute path", path);
    while (next_component(&at, name)) {
        bool last = *at == '\0';
        int next;

        if (!check_directory(directory, last, trust, path, err))
            return false;
        if (last)
            return check_socket(directory, name, path, ret_owner, err);
        next = openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return way_is_lost(path, err);
        (void)close(directory);
        directory = next;
    }
    return err_set(err, REASON_DAEMON_UNTRUSTED, "%s: not the path of a socket", path);
}

bool local_socket_owner(const char *path, enum local_trust trust, uid_t *ret_owner,
                        struct error *err)
{
    AUTO(errno_restore) const int saved = errno;

    (void)saved;
    return walk(path, trust, ret_owner, err);
}

/* ---- talking ---- */

static bool is_late(struct error *err)
{
    return err_set(err, REASON_DAEMON_AWAY, "no answer in time");
}

/* connect() waits for a place in the backlog: SO_SNDTIMEO bounds that, set again after each signal.
 */
static bool connect_until(int fd, const struct sockaddr_un *to, int64_t deadline_ms,
                          struct error *err)
{
    for (;;) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        struct timeval left = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};

        if (left_ms <= 0)
            return is_late(err);
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)) < 0)
            return err_set(err, REASON_SYSTEM, "SO_SNDTIMEO: %m");
        if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
            return true;
        if (errno != EINTR && errno != EAGAIN)
            return err_set(err, REASON_DAEMON_AWAY, "%s: %m", to->sun_path);
    }
}

static bool wait_until(int fd, short events, int64_t deadline_ms, struct error *err)
{
    for (;;) {
        struct pollfd one = {.fd = fd, .events = events};
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        int n;

        if (left_ms <= 0)
            return is_late(err);
        n = poll(&one, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return err_set(err, REASON_SYSTEM, "poll: %m");
    }
}

static bool check_peer(int fd, uid_t owner, struct error *err)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || len != sizeof(peer))
        return err_set(err, REASON_SYSTEM, "SO_PEERCRED: %m");
    if (peer.uid != owner && peer.uid != 0)
        return err_set(err, REASON_DAEMON_UNTRUSTED, "uid %u listens, the socket is of uid %u",
                       (unsigned)peer.uid, (unsigned)owner);
    return true;
}

static bool send_until(int fd, struct bytes request, int64_t deadline_ms, struct error *err)
{
    for (;;) {
        ssize_t n = send(fd, request.at, request.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n == (ssize_t)request.len)
            return true;
        if (n >= 0)
            return err_set(err, REASON_SYSTEM, "sent %zd of %zu octets", n, request.len);
        if (errno != EINTR && errno != EAGAIN)
            return err_set(err, REASON_DAEMON_AWAY, "send: %m");
        if (!wait_until(fd, POLLOUT, deadline_ms, err))
            return false;
    }
}

/* One message. Descriptors that came with it are closed by the kernel, as no room is given. */
static bool receive_until(int fd, uint8_t *at, size_t room, int64_t deadline_ms,
                          struct bytes *ret_reply, struct error *err)
{
    for (;;) {
        ssize_t n;

        if (!wait_until(fd, POLLIN, deadline_ms, err))
            return false;
        n = recv(fd, at, room, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return err_set(err, REASON_DAEMON_AWAY,
                           n < 0 ? "receive: %m" : "closed without answer");
        if ((size_t)n > room)
            return err_set(err, REASON_MSG_MALFORMED, "reply of %zd octets", n);
        *ret_reply = (struct bytes){at, (size_t)n};
        return true;
    }
}

static bool exchange(const struct sockaddr_un *to, uid_t owner, struct bytes request, uint8_t *at,
                     int64_t deadline_ms, struct bytes *ret_reply, struct error *err)
{
    AUTO(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return err_set(err, REASON_SYSTEM, "socket: %m");
    return connect_until(fd, to, deadline_ms, err) && check_peer(fd, owner, err) &&
           send_until(fd, request, deadline_ms, err) &&
           receive_until(fd, at, PROTOCOL_REPLY_MAX, deadline_ms, ret_reply, err);
}

static bool address_of(const char *path, struct sockaddr_un *ret_to, struct error *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if (len >= sizeof(to.sun_path))
        return err_set(err, REASON_DAEMON_UNTRUSTED, "path of %zu octets", len);
    memcpy(to.sun_path, path, len + 1);
    *ret_to = to;
    return true;
}

static bool read_reply(struct bytes octets, struct protocol_message *ret_msg, struct error *err)
{
    if (!protocol_decode_reply(octets, ret_msg, err))
        return false;
    if (ret_msg->kind == PROTOCOL_ERR_VERSION)
        return err_set(err, REASON_MSG_VERSION, "the daemon serves %d to %d",
                       (int)ret_msg->version_min, (int)ret_msg->version_max);
    return true;
}

static bool ask(const char *path, enum local_trust trust, struct protocol_message *request,
                int64_t deadline_ms, struct local_reply *ret_reply, struct error *err)
{
    AUTO(writer_clear) struct writer out = writer_new(PROTOCOL_REQUEST_MAX);
    AUTO(octets_freep) uint8_t *octets = NULL;
    int64_t left_ms = deadline_ms - clock_monotonic_ms();
    struct protocol_message msg;
    struct sockaddr_un to;
    struct bytes reply;
    uid_t owner;

    if (!address_of(path, &to, err) || !walk(path, trust, &owner, err))
        return false;
    request->deadline_ms = left_ms > 0 ? (uint64_t)left_ms : 0;
    protocol_encode(request, &out);
    if (!writer_ok(&out))
        return err_set(err, REASON_MSG_MALFORMED, "the request breaks its form");
    octets = malloc(PROTOCOL_REPLY_MAX);
    if (!octets)
        return err_set(err, REASON_NO_MEMORY, "reply");
    if (!exchange(&to, owner, writer_bytes(&out), octets, deadline_ms, &reply, err) ||
        !read_reply(reply, &msg, err))
        return false;
    ret_reply->message = msg;
    ret_reply->octets = STEAL(octets);
    return true;
}

bool local_socket_ask(const char *path, enum local_trust trust, struct protocol_message *request,
                      int64_t deadline_ms, struct local_reply *ret_reply, struct error *err)
{
    AUTO(errno_restore) const int saved = errno;

    (void)saved;
    return ask(path, trust, request, deadline_ms, ret_reply, err);
}

int64_t local_socket_deadline_ms(enum protocol_kind kind)
{
    const struct protocol_request *row = protocol_request_of(kind);

    return clock_monotonic_ms() + (row ? row->deadline_ms : 0);
}

void local_reply_clear(struct local_reply *reply)
{
    if (reply->octets)
        explicit_bzero(reply->octets, PROTOCOL_REPLY_MAX);
    free(reply->octets);
    *reply = (struct local_reply){0};
}
