/*
 * From the wish to the exec. Runs in the parent. The program is opened once: what was checked is
 * what is executed. It belongs to root and nobody else may change it, or a group that may ask for
 * upgrades could become root by one.
 */
#include "gatewayd/parent/upgrade.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/state.h"
#include "gatewayd/parent/status.h"
#include "gatewayd/parent/succession.h"
#include "gatewayd/shared/files.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CHECK_DEADLINE_S = 30,
    SAID_MAX = 16 * 1024, /* octets of what the check says that are kept */
    QUIET_MS = 3000,      /* messages to children are out by then, or there is no upgrade */
    STATE_FD = 3,         /* of the check */
};
#define LOOK_S 0.01 /* whether they are */

/* --- the answer ------------------------------------------------------------------------------- */

static void forget(struct parent *parent)
{
    struct upgrade *upgrade = &parent->upgrade;

    ev_io_stop(parent->loop, &upgrade->readable);
    ev_timer_stop(parent->loop, &upgrade->timer);
    if (upgrade->program >= 0)
        (void)close(upgrade->program);
    if (upgrade->output >= 0)
        (void)close(upgrade->output);
    free(upgrade->path);
    upgrade->path = NULL;
    upgrade->program = upgrade->output = -1;
    upgrade->asked = upgrade->checking = false;
    writer_reset(&upgrade->said);
}

static void answer(struct parent *parent, enum reason reason, struct bytes text)
{
    if (parent->upgrade.has_cookie)
        status_reply(parent, parent->upgrade.cookie, reason, text);
    parent->upgrade.has_cookie = false;
}

static void refuse(struct parent *parent, const struct error *why)
{
    AUTO(writer_clear) struct writer text = writer_new(SAID_MAX + 1024);

    log_error("upgrade_refused", why, "%s", "");
    writer_put(&text, writer_bytes(&parent->upgrade.said));
    writer_printf(&text, "%s\n", why->detail);
    answer(parent, why->reason, writer_bytes(&text));
    forget(parent);
}

/* --- may it be -------------------------------------------------------------------------------- */

static bool is_quiet(const struct parent *parent)
{
    for (size_t i = 0; i < parent->n_children; i++) {
        const struct child *child = &parent->children[i];

        if (child->wanted && child->state != CHILD_READY)
            return false;
        if (child->channel && channel_queued(child->channel) > 0)
            return false;
    }
    return !parent->loading.running && !parent->reload.candidate && !parent->reload.applying;
}

static bool may_begin(const struct parent *parent, struct error *err)
{
    if (parent->ending != ENDING_NOT || parent->draining)
        return err_set(err, REASON_BUSY, "the gateway is ending");
    if (parent->upgrade.asked || succession_runs(parent))
        return err_set(err, REASON_BUSY, "an upgrade is under way");
    if (children_count_programs(parent) >= UPGRADE_PROGRAMS_MAX)
        return err_set(err, REASON_UPGRADE_FULL, "edges of %d programs have sessions left",
                       (int)UPGRADE_PROGRAMS_MAX);
    return true;
}

/* Where this program came from; what lies there now is another one after an installation. */
static bool own_path(char path[PATH_MAX], struct error *err)
{
    static const char gone[] = " (deleted)";
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (n <= 0)
        return err_set(err, REASON_SYSTEM, "/proc/self/exe: %m");
    path[n] = '\0';
    if ((size_t)n > sizeof(gone) && strcmp(path + n - (sizeof(gone) - 1), gone) == 0)
        path[(size_t)n - (sizeof(gone) - 1)] = '\0';
    return true;
}

static bool open_program(struct upgrade *upgrade, struct bytes path, struct error *err)
{
    char text[PATH_MAX];

    if (path.len >= PATH_MAX || (path.len > 0 && path.at[0] != '/'))
        return err_set(err, REASON_USAGE, "the path of the program is absolute");
    if (path.len == 0 && !own_path(text, err))
        return false;
    if (path.len > 0)
        (void)snprintf(text, sizeof(text), "%.*s", (int)path.len, (const char *)path.at);
    upgrade->path = xstrdup(text);
    upgrade->program = file_open(text, FILE_GUARD_TRUSTED, err);
    return upgrade->program >= 0;
}

/* --- the check -------------------------------------------------------------------------------- */

/* In the new process. The descriptors are above STATE_FD: they were opened with others in the way.
 */
static void become_check(const struct parent *parent, int program, int state, int output)
{
    char number[12];
    char *const argv[] = {(char *)"gatewayd",
                          (char *)"--config",
                          (char *)parent->config_path,
                          (char *)"--check-upgrade",
                          number,
                          NULL};
    sigset_t none;

    (void)snprintf(number, sizeof(number), "%d", (int)STATE_FD);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(output, STDERR_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        (state == STATE_FD ? fcntl(state, F_SETFD, 0) : dup2(state, STATE_FD)) < 0)
        _exit(1);
    (void)fexecve(program, argv, environ);
    _exit(1);
}

static void on_output(struct ev_loop *loop, ev_io *io, int events)
{
    struct parent *parent = io->data;
    struct upgrade *upgrade = &parent->upgrade;
    uint8_t octets[1024];
    ssize_t n = read(upgrade->output, octets, sizeof(octets));

    (void)events;
    if (n <= 0) {
        ev_io_stop(loop, io);
        return;
    }
    if (upgrade->said.len + (size_t)n <= SAID_MAX)
        writer_put(&upgrade->said, (struct bytes){octets, (size_t)n});
}

static bool start_check_process(struct parent *parent, struct error *err)
{
    struct upgrade *upgrade = &parent->upgrade;
    int state = state_write(parent, err), output[2];

    if (state < 0)
        return false;
    if (pipe2(output, O_CLOEXEC) < 0) {
        (void)close(state);
        return err_set(err, REASON_SYSTEM, "pipe: %m");
    }
    upgrade->pid = fork();
    if (upgrade->pid == 0)
        become_check(parent, upgrade->program, state, output[1]);
    (void)close(state);
    (void)close(output[1]);
    upgrade->output = output[0];
    if (upgrade->pid < 0)
        return err_set(err, REASON_SYSTEM, "fork: %m");
    upgrade->checking = true;
    ev_io_set(&upgrade->readable, upgrade->output, EV_READ);
    ev_io_start(parent->loop, &upgrade->readable);
    ev_timer_set(&upgrade->timer, CHECK_DEADLINE_S, 0.0);
    ev_timer_start(parent->loop, &upgrade->timer);
    return true;
}

void upgrade_begin(struct parent *parent, struct bytes path, const uint64_t *cookie)
{
    struct upgrade *upgrade = &parent->upgrade;
    struct error err;

    if (!may_begin(parent, &err)) {
        log_error("upgrade_refused", &err, "%s", "");
        if (cookie)
            status_reply(parent, *cookie, err.reason, bytes_of(err.detail));
        return;
    }
    upgrade->asked = true;
    upgrade->has_cookie = cookie != NULL;
    if (cookie)
        upgrade->cookie = *cookie;
    if (!open_program(upgrade, path, &err) || !start_check_process(parent, &err))
        refuse(parent, &err);
    else
        log_event(LOG_LEVEL_INFO, "upgrade_asked", "program=%s",
                  log_quoted(bytes_of(upgrade->path)));
}

/* --- the exec --------------------------------------------------------------------------------- */

void upgrade_hold_signals(bool on)
{
    static const int held[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        (void)sigaddset(&set, held[i]);
    (void)sigprocmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* Comes back only when it has failed; then everything is as it was. */
static void replace_program(struct parent *parent, struct error *err)
{
    char number[12];
    char *const argv[] = {(char *)"gatewayd",
                          (char *)"--config",
                          (char *)parent->config_path,
                          (char *)"--take-over",
                          number,
                          NULL};
    int state = state_write(parent, err);

    if (state < 0)
        return;
    (void)snprintf(number, sizeof(number), "%d", state);
    if (state_keep_open(parent, true) && fcntl(state, F_SETFD, 0) == 0) {
        log_event(LOG_LEVEL_INFO, "upgrading", "program=%s",
                  log_quoted(bytes_of(parent->upgrade.path)));
        upgrade_hold_signals(true);
        (void)fexecve(parent->upgrade.program, argv, environ);
    }
    (void)err_set(err, REASON_SYSTEM, "%s: %m", parent->upgrade.path);
    upgrade_hold_signals(false);
    (void)state_keep_open(parent, false);
    (void)close(state);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct parent *parent = timer->data;
    struct upgrade *upgrade = &parent->upgrade;
    struct error err;

    (void)events;
    if (upgrade->checking) {
        (void)kill(upgrade->pid, SIGKILL); /* upgrade_ended follows */
        return;
    }
    if (is_quiet(parent)) {
        replace_program(parent, &err);
        refuse(parent, &err);
        return;
    }
    if (clock_monotonic_ms() >= upgrade->until_ms) {
        (void)err_set(&err, REASON_BUSY, "processes are being started or configured");
        refuse(parent, &err);
        return;
    }
    ev_timer_set(timer, LOOK_S, 0.0);
    ev_timer_start(loop, timer);
}

/* Whatever the check said last may still lie in its pipe. */
static void read_rest(struct parent *parent)
{
    while (ev_is_active(&parent->upgrade.readable))
        on_output(parent->loop, &parent->upgrade.readable, EV_READ);
}

static bool says_yes(const struct upgrade *upgrade, int status)
{
    struct bytes said = writer_bytes(&upgrade->said);

    return WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
           bytes_equal(said, bytes_of(STATE_CAN_TAKE_OVER));
}

bool upgrade_ended(struct parent *parent, pid_t pid, int status)
{
    struct upgrade *upgrade = &parent->upgrade;
    struct error err;

    if (!upgrade->checking || upgrade->pid != pid)
        return false;
    upgrade->checking = false;
    ev_timer_stop(parent->loop, &upgrade->timer);
    read_rest(parent);
    if (!says_yes(upgrade, status)) {
        (void)err_set(&err, REASON_UPGRADE_REFUSED, "%s", upgrade->path);
        refuse(parent, &err);
        return true;
    }
    answer(parent, REASON_OK, (struct bytes){NULL, 0});
    upgrade->until_ms = clock_monotonic_ms() + QUIET_MS;
    ev_timer_set(&upgrade->timer, LOOK_S, 0.0);
    ev_timer_start(parent->loop, &upgrade->timer);
    return true;
}

void upgrade_init(struct parent *parent)
{
    struct upgrade *upgrade = &parent->upgrade;

    upgrade->program = upgrade->output = -1;
    upgrade->said = writer_new(SAID_MAX);
    ev_init(&upgrade->readable, on_output);
    ev_init(&upgrade->timer, on_timer);
    upgrade->readable.data = upgrade->timer.data = parent;
}
