/*
 * Logins of tunnelled sessions. Runs in the parent. A process is named by a pidfd that was opened
 * before its start time was compared, so that a number used again hits nobody else.
 */
#include "gatewayd/parent/logins.h"

#include "common/log.h"
#include "common/text.h"
#include "gatewayd/parent/proc_files.h"
#include "gatewayd/shared/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LOGINS_MAX = 65536, /* as many sessions as registry records make sense for logins */
    KILL_AFTER_MS = 1000,
    NO_AUDIT_SESSION = UINT32_MAX, /* AU_SESSION_UNSET, proc(5) */
};

struct login {
    struct session_id session;
    struct parent *parent;
    int pidfd;
    uint32_t pid;
    uint32_t audit_session; /* as last seen; pam_loginuid sets it after the session was opened */
    bool killed;
    ev_timer timer; /* looks at the audit session again; later, kills */
    ev_io gone;
    UT_hash_handle hh;
};

static int open_pidfd(uint32_t pid)
{
    return (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
}

static void signal_pidfd(int pidfd, int signal_number)
{
    (void)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
}

struct message_peer logins_whois(const struct message_whois *whois)
{
    struct message_peer peer = {
        .cookie = whois->cookie, .audit_session = NO_AUDIT_SESSION, .login_uid = UINT32_MAX};

    if (!proc_start_time(whois->pid, &peer.start_time))
        return peer;
    (void)proc_number(whois->pid, "sessionid", &peer.audit_session);
    (void)proc_number(whois->pid, "loginuid", &peer.login_uid);
    peer.same_namespaces = proc_same_namespaces(whois->pid);
    return peer;
}

/* --- life of a record ------------------------------------------------------------------------- */

static void drop(struct login *login)
{
    struct parent *parent = login->parent;

    HASH_DEL(parent->logins, login);
    parent->n_logins--;
    ev_timer_stop(parent->loop, &login->timer);
    ev_io_stop(parent->loop, &login->gone);
    (void)close(login->pidfd);
    free(login);
}

static struct login *find(struct parent *parent, const struct session_id *session)
{
    struct login *login = NULL;

    HASH_FIND(hh, parent->logins, session, sizeof(*session), login);
    return login;
}

void logins_closed(struct parent *parent, const struct session_id *session)
{
    struct login *login = find(parent, session);

    if (login && !login->killed)
        drop(login);
}

void logins_free(struct parent *parent)
{
    while (parent->logins)
        drop(parent->logins);
}

/* An audit session that is also ours is no login's: nothing set one (no pam_loginuid, a container).
 */
static void look_at_audit_session(struct login *login)
{
    uint32_t own = NO_AUDIT_SESSION, seen = NO_AUDIT_SESSION;

    (void)proc_number((uint32_t)getpid(), "sessionid", &own);
    if (proc_number(login->pid, "sessionid", &seen) && seen != NO_AUDIT_SESSION && seen != own)
        login->audit_session = seen;
}

static void each_process_of(const struct login *login, int signal_number)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    while (proc && (entry = readdir(proc)) != NULL) {
        uint32_t session = NO_AUDIT_SESSION;
        uint64_t pid;
        int pidfd;

        if (!text_u64(bytes_of(entry->d_name), &pid) || pid > INT32_MAX || pid <= 1 ||
            pid == (uint64_t)getpid())
            continue;
        pidfd = open_pidfd((uint32_t)pid);
        if (pidfd < 0)
            continue;
        if (proc_number((uint32_t)pid, "sessionid", &session) && session == login->audit_session)
            signal_pidfd(pidfd, signal_number);
        (void)close(pidfd);
    }
    if (proc)
        (void)closedir(proc);
}

static void signal_login(struct login *login, int signal_number)
{
    signal_pidfd(login->pidfd, signal_number);
    if (login->audit_session != NO_AUDIT_SESSION)
        each_process_of(login, signal_number);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct login *login = timer->data;

    (void)loop;
    (void)events;
    if (!login->killed) {
        look_at_audit_session(login);
        return;
    }
    signal_login(login, SIGKILL);
    drop(login);
}

static void on_gone(struct ev_loop *loop, ev_io *io, int events)
{
    struct login *login = io->data;

    (void)events;
    ev_io_stop(loop, io);
    if (!login->killed)
        drop(login);
}

static struct login *add(struct parent *parent, const struct session_id *session, uint32_t pid,
                         int pidfd)
{
    struct login *login = xcalloc(1, sizeof(*login));

    *login = (struct login){.session = *session,
                            .parent = parent,
                            .pidfd = pidfd,
                            .pid = pid,
                            .audit_session = NO_AUDIT_SESSION};
    look_at_audit_session(login);
    ev_timer_init(&login->timer, on_timer, 2.0, 0.0);
    ev_io_init(&login->gone, on_gone, pidfd, EV_READ);
    login->timer.data = login->gone.data = login;
    ev_timer_start(parent->loop, &login->timer);
    ev_io_start(parent->loop, &login->gone);
    HASH_ADD(hh, parent->logins, session, sizeof(login->session), login);
    parent->n_logins++;
    return login;
}

void logins_opened(struct parent *parent, const struct message_login_opened *opened)
{
    struct login *login = find(parent, &opened->session);
    uint64_t start_time = 0;
    int pidfd;

    if (login || parent->n_logins == LOGINS_MAX || opened->pid <= 1)
        return;
    pidfd = open_pidfd(opened->pid);
    if (pidfd < 0 || !proc_start_time(opened->pid, &start_time) ||
        start_time != opened->start_time) {
        log_event(LOG_LEVEL_WARNING, "login_unknown", "pid=%u", opened->pid);
        if (pidfd >= 0)
            (void)close(pidfd);
        return;
    }
    (void)add(parent, &opened->session, opened->pid, pidfd);
}

void logins_kill(struct parent *parent, const struct session_id *session)
{
    struct login *login = find(parent, session);

    if (!login || login->killed)
        return;
    look_at_audit_session(login);
    login->killed = true;
    log_event(LOG_LEVEL_INFO, "login_killed", "pid=%u", login->pid);
    signal_login(login, SIGHUP);
    ev_timer_stop(parent->loop, &login->timer);
    ev_timer_set(&login->timer, KILL_AFTER_MS / 1000.0, 0.0);
    ev_timer_start(parent->loop, &login->timer);
}

/* --- for a program that takes over ------------------------------------------------------------ */

json_t *logins_json(const struct parent *parent)
{
    json_t *list = json_array();

    for (const struct login *login = parent->logins; login; login = login->hh.next) {
        char id[SESSION_ID_TEXT_LEN + 1];

        session_id_format(&login->session, id);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:I,s:i,s:I,s:b}", "session", id, "pid", (json_int_t)login->pid,
                            "pidfd", login->pidfd, "audit_session",
                            (json_int_t)login->audit_session, "killed", login->killed));
    }
    return list;
}

bool logins_adopt(struct parent *parent, const json_t *list)
{
    json_t *value;
    size_t i;

    json_array_foreach(list, i, value)
    {
        struct session_id session;
        json_int_t pid, audit_session;
        const char *id;
        int pidfd, killed;
        struct login *login;

        if (json_unpack(value, "{s:s,s:I,s:i,s:I,s:b}", "session", &id, "pid", &pid, "pidfd",
                        &pidfd, "audit_session", &audit_session, "killed", &killed) < 0 ||
            !session_id_parse(bytes_of(id), &session) || pid <= 1 || pid > INT32_MAX ||
            fcntl(pidfd, F_SETFD, FD_CLOEXEC) < 0)
            return false;
        login = add(parent, &session, (uint32_t)pid, pidfd);
        login->audit_session = (uint32_t)audit_session;
        login->killed = killed; /* its timer ends it for good */
    }
    return true;
}

bool logins_keep_open(const struct parent *parent, bool open)
{
    for (const struct login *login = parent->logins; login; login = login->hh.next)
        if (fcntl(login->pidfd, F_SETFD, open ? 0 : FD_CLOEXEC) < 0)
            return false;
    return true;
}
