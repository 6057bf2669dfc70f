/*
 * Accepts connections of decide and starts the row's program with the connection as its standard
 * input and output. Runs in spawn, as root and without a sandbox: what it starts must be able to
 * log people in and run sudo. It never reads from a connection. What it starts outlives it.
 */
#include "gatewayd/spawn/serve.h"

#include "common/log.h"
#include "gatewayd/shared/service_users.h"
#include "gatewayd/shared/xalloc.h"
#include "gatewayd/spawn/pam_stack.h"
#include "gatewayd/spawn/sshd_check.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAM_DIR "/etc/pam.d"
enum {
    ROWS_MAX = 64,
    ACCEPTS_PER_TURN = 16,
    FILES_SOFT = 1024, /* RLIMIT_NOFILE that programs expect (select) */
    PAUSE_MS = 100,    /* when no process or descriptor can be had */
};

struct row {
    struct serve *serve;
    char *title;
    int fd;
    ev_io io;
    struct passwd user; /* strings owned */
    struct sshd_check sshd;
};

struct serve {
    struct role *role;
    struct row *rows[ROWS_MAX];
    size_t n_rows;
    uid_t decide; /* the only one who may connect */
    ev_timer pause;
};

struct serve *serve_new(struct role *role)
{
    struct serve *serve = xcalloc(1, sizeof(*serve));

    serve->role = role;
    return serve;
}

bool serve_add(struct serve *serve, struct bytes title, int fd, struct error *err)
{
    struct row *row;

    if (serve->n_rows == ROWS_MAX) {
        (void)close(fd);
        return err_set(err, REASON_CONFIG_VALUE, "more than %d spawn sections", ROWS_MAX);
    }
    row = xcalloc(1, sizeof(*row));
    row->serve = serve;
    row->title = xtext(title);
    row->fd = fd;
    serve->rows[serve->n_rows++] = row;
    return true;
}

/* --- the new process -------------------------------------------------------------------------- */

static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool reset_limits(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return false;
    files.rlim_cur = files.rlim_max < FILES_SOFT ? files.rlim_max : FILES_SOFT;
    return setrlimit(RLIMIT_NOFILE, &files) == 0;
}

static bool become_user(const struct passwd *user)
{
    if (geteuid() != 0)
        return true; /* started by an ordinary user: everything runs as that one */
    return initgroups(user->pw_name, user->pw_gid) == 0 &&
           setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == 0 &&
           (user->pw_uid == 0 || setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == 0);
}

static _Noreturn void become_program(const struct row *row, const struct config_spawn *spawn,
                                     int fd)
{
    static char *const environment[] = {
        (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    char **argv = xcalloc(spawn->command.n + 1, sizeof(*argv));

    for (size_t i = 0; i < spawn->command.n; i++)
        argv[i] = (char *)spawn->command.at[i];
    (void)setsid();
    reset_signals();
    (void)prctl(PR_SET_PDEATHSIG, 0);
    (void)umask(022);
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    /* Standard error stays the log of the daemon. */
    if (dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0 &&
        close_range(STDERR_FILENO + 1, ~0u, 0) == 0 && chdir("/") == 0 && reset_limits() &&
        become_user(&row->user))
        (void)execve(argv[0], argv, environment);
    log_event(LOG_LEVEL_ERROR, "exec_failed", "spawn=%s errno=%d", row->title, errno);
    _exit(127);
}

/* --- connections ------------------------------------------------------------------------------ */

static const struct config_spawn *config_of(const struct row *row)
{
    return config_find_spawn(row->serve->role->config, row->title);
}

/* Whether a service that waits for pam_mtls leads to this row. */
static bool needs_pam(const struct row *row)
{
    const struct config *config = row->serve->role->config;

    for (size_t i = 0; i < config->n_service; i++)
        for (size_t k = 0; k < config->service[i].upstream.n; k++)
            if (config->service[i].confirm == CONFIG_CONFIRM_PAM &&
                strncmp(config->service[i].upstream.at[k], "spawn:", 6) == 0 &&
                strcmp(config->service[i].upstream.at[k] + 6, row->title) == 0)
                return true;
    return false;
}

/* The PAM service of sshd is the last part of its argv[0]. */
static bool is_safe(struct row *row, const struct config_spawn *spawn, struct error *err)
{
    const char *service = strrchr(spawn->command.at[0], '/') + 1;

    return !needs_pam(row) || (pam_stack_is_safe(PAM_DIR, service, err) &&
                               sshd_is_safe(spawn, service, &row->sshd, err));
}

static bool comes_from_decide(const struct row *row, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           peer.uid == row->serve->decide;
}

static void serve_one(struct row *row, int fd)
{
    const struct config_spawn *spawn = config_of(row);
    struct error err;
    pid_t pid;

    if (!spawn || !comes_from_decide(row, fd)) {
        log_event(LOG_LEVEL_WARNING, "spawn_refused", "spawn=%s", row->title);
        return;
    }
    if (!is_safe(row, spawn, &err)) {
        log_error("spawn_refused", &err, "spawn=%s", row->title);
        return;
    }
    pid = fork();
    if (pid == 0)
        become_program(row, spawn, fd);
    if (pid < 0)
        log_event(LOG_LEVEL_ERROR, "fork_failed", "spawn=%s errno=%d", row->title, errno);
    else
        log_event(LOG_LEVEL_DEBUG, "spawned", "spawn=%s pid=%d", row->title, (int)pid);
}

static void watch_all(struct serve *serve, bool on)
{
    for (size_t i = 0; i < serve->n_rows; i++)
        if (on)
            ev_io_start(serve->role->loop, &serve->rows[i]->io);
        else
            ev_io_stop(serve->role->loop, &serve->rows[i]->io);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    watch_all(timer->data, true);
}

static void on_connection(struct ev_loop *loop, ev_io *io, int events)
{
    struct row *row = io->data;
    struct serve *serve = row->serve;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(row->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
            watch_all(serve, false);
            ev_timer_set(&serve->pause, PAUSE_MS / 1000.0, 0.0);
            ev_timer_start(loop, &serve->pause);
        }
        if (fd < 0)
            return;
        serve_one(row, fd);
        (void)close(fd);
    }
}

/* --- start ------------------------------------------------------------------------------------ */

static bool find_user(const char *name, struct passwd *ret_user, struct error *err)
{
    const struct passwd *user = getpwnam(name);

    if (!user)
        return err_set(err, REASON_CONFIG_REFERENCE, "there is no user %s", name);
    *ret_user = *user;
    ret_user->pw_name = xstrdup(user->pw_name);
    ret_user->pw_passwd = ret_user->pw_gecos = ret_user->pw_dir = ret_user->pw_shell = NULL;
    return true;
}

bool serve_start(struct serve *serve, struct error *err)
{
    /* Nobody waits for what was started: the kernel reaps it. */
    struct sigaction no_zombies = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};

    if (sigaction(SIGCHLD, &no_zombies, NULL) < 0)
        return err_set(err, REASON_SYSTEM, "sigaction: %m");
    if (!service_user(serve->role->config, PROCESS_DECIDE, &serve->decide, &(gid_t){0}, err))
        return false;
    ev_init(&serve->pause, on_pause_over);
    serve->pause.data = serve;
    for (size_t i = 0; i < serve->n_rows; i++) {
        struct row *row = serve->rows[i];
        const struct config_spawn *spawn = config_of(row);

        if (!spawn || !find_user(spawn->user, &row->user, err))
            return spawn ? err_in(err, "spawn %s", row->title)
                         : err_set(err, REASON_MSG_MALFORMED, "socket of no row");
        ev_io_init(&row->io, on_connection, row->fd, EV_READ);
        row->io.data = row;
        ev_io_start(serve->role->loop, &row->io);
    }
    return true;
}
