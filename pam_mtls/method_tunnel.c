/*
 * Tunnel: sshd (or another service on AF_UNIX) serves a connection that gatewayd made. gatewayd
 * binds its end to the abstract name "gatewayd/session/ID"; the name says which session, and only
 * the uid of the peer proves that gatewayd made it, since anybody can bind such a name. Runs in the
 * application's process, on its descriptors, which it only looks at. Environment variables and pids
 * are not looked at: users can choose both.
 */
#include "common/local_socket.h"
#include "common/text.h"
#include "pam_mtls/method.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TUNNEL_PREFIX "gatewayd/session/"

struct tunnel {
    struct session_id session;
    uid_t uid; /* who made it */
    size_t n;  /* distinct sessions seen */
    bool forged;
};

DEFINE_AUTO(DIR *, dir_closep, closedir)

/* The abstract name of the peer is exactly the prefix and an id. */
static bool peer_session(int fd, struct session_id *ret_session)
{
    static const char prefix[] = TUNNEL_PREFIX;
    struct sockaddr_un peer = {0};
    socklen_t len = sizeof(peer);
    struct bytes name;

    if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 || peer.sun_family != AF_UNIX ||
        len <= offsetof(struct sockaddr_un, sun_path) + sizeof(prefix) || len > sizeof(peer))
        return false;
    name = (struct bytes){(const uint8_t *)peer.sun_path,
                          len - offsetof(struct sockaddr_un, sun_path)};
    if (name.at[0] != '\0' || memcmp(name.at + 1, prefix, sizeof(prefix) - 1) != 0)
        return false;
    return session_id_parse((struct bytes){name.at + sizeof(prefix), name.len - sizeof(prefix)},
                            ret_session);
}

static void look_at(int fd, uid_t decide, struct tunnel *tunnel)
{
    struct session_id session;
    struct ucred maker;
    socklen_t len = sizeof(maker);

    if (!peer_session(fd, &session))
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &len) < 0 || len != sizeof(maker) ||
        maker.uid != decide) {
        tunnel->forged = true;
        return;
    }
    /* sshd has duplicates of its connection. */
    if (tunnel->n > 0 && session_id_equal(&session, &tunnel->session))
        return;
    tunnel->session = session;
    tunnel->uid = maker.uid;
    tunnel->n++;
}

static bool look_at_all(uid_t decide, struct tunnel *ret_tunnel, struct error *err)
{
    AUTO(dir_closep) DIR *dir = opendir("/proc/self/fd");
    struct tunnel tunnel = {.n = 0};
    const struct dirent *entry;

    if (!dir)
        return err_set(err, REASON_SYSTEM, "/proc/self/fd: %m");
    for (;;) {
        uint64_t fd;

        errno = 0;
        entry = readdir(dir);
        if (!entry)
            break;
        if (text_u64(bytes_of(entry->d_name), &fd) && fd <= INT32_MAX)
            look_at((int)fd, decide, &tunnel);
    }
    if (errno != 0)
        return err_set(err, REASON_SYSTEM, "/proc/self/fd: %m");
    *ret_tunnel = tunnel;
    return true;
}

bool method_tunnel_prove(const struct attempt *attempt, struct protocol_message *request,
                         enum event *ret_event, struct error *err)
{
    enum local_trust trust = geteuid() == 0 ? LOCAL_TRUST_ROOT : LOCAL_TRUST_OWN;
    struct tunnel tunnel;
    uid_t decide;

    if (!local_socket_owner(attempt->options.socket, trust, &decide, err) ||
        !look_at_all(decide, &tunnel, err)) {
        *ret_event = outcome_of_error(err);
        return false;
    }
    if (tunnel.forged || tunnel.n > 1) {
        *ret_event = EVENT_DENY;
        return err_set(err, REASON_NOT_A_TUNNEL, "%s",
                       tunnel.forged ? "another uid made it" : "several tunnels");
    }
    if (tunnel.n == 0) {
        *ret_event = EVENT_NONE;
        return err_set(err, REASON_NOT_A_TUNNEL, "no descriptor comes from gatewayd");
    }
    request->session = tunnel.session;
    request->peer_uid = tunnel.uid;
    return true;
}
