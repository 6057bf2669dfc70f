/*
 * Supervision. Runs in the parent. Each child is fork + exec of this program with a role; fd 3 is
 * its channel. A child that ends is replaced within a second, later when it keeps ending, never
 * given up.
 */
#include "gatewayd/parent/children.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/parent/handover.h"
#include "gatewayd/parent/messages.h"
#include "gatewayd/parent/succession.h"
#include "gatewayd/shared/config_value.h"
#include "gatewayd/shared/fetched.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/role.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STABLE_MS = 2000,    /* a child that was ready for so long has not failed */
    PAUSE_FIRST_MS = 50, /* before the restart of one that failed; doubles */
    PAUSE_MAX_MS = 5000,
    CONFIG_OCTETS_MAX = 16 << 20,
};

/* Which processes talk to each other; a is the one to replace when they no longer can. */
static const struct {
    enum process_role a, b;
} pairs[] = {
    {PROCESS_EDGE, PROCESS_KEY},
    {PROCESS_EDGE, PROCESS_DECIDE},
    {PROCESS_AUDIT, PROCESS_DECIDE},
    {PROCESS_DIRECTORY, PROCESS_DECIDE},
    {PROCESS_FETCH, PROCESS_EDGE},
};

static void log_file_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    log_error("file_refused", err, "file=%s line=%u", log_quoted(bytes_of(file)), line);
}

const struct config_errors children_log_errors = {.found = log_file_error};

/* --- the plan --------------------------------------------------------------------------------- */

static void on_restart(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    child_start(timer->data);
}

/* A retired one that has ended leaves its place to others. */
static struct child *find_place(struct parent *parent)
{
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].retired && parent->children[i].pid == 0)
            return &parent->children[i];
    return parent->n_children < CHILDREN_MAX ? &parent->children[parent->n_children++] : NULL;
}

struct child *children_add(struct parent *parent, enum process_role role, uint32_t slot)
{
    struct child *child = find_place(parent);

    if (!child)
        return NULL;
    *child = (struct child){.parent = parent, .role = role, .slot = slot, .wanted = true};
    ev_init(&child->restart, on_restart);
    child->restart.data = child;
    return child;
}

bool children_needs_spawn(const struct config *config)
{
    struct config_upstream upstream;

    for (size_t i = 0; i < config->n_service; i++)
        for (size_t k = 0; k < config->service[i].upstream.n; k++)
            if (config_upstream_parse(config->service[i].upstream.at[k], &upstream, NULL) &&
                upstream.kind == CONFIG_UPSTREAM_SPAWN)
                return true;
    return false;
}

void children_plan(struct parent *parent, uint32_t n_edges)
{
    static const enum process_role single[] = {PROCESS_SPAWN,  PROCESS_AUDIT, PROCESS_DIRECTORY,
                                               PROCESS_DECIDE, PROCESS_KEY,   PROCESS_FETCH};

    for (size_t i = 0; i < ARRAY_LEN(single); i++)
        if (!children_find(parent, single[i], 0))
            (void)children_add(parent, single[i], 0);
    for (uint32_t slot = 0; slot < n_edges; slot++)
        (void)children_add(parent, PROCESS_EDGE, slot);
    children_find(parent, PROCESS_SPAWN, 0)->wanted = children_needs_spawn(parent->config);
    children_find(parent, PROCESS_FETCH, 0)->wanted = fetched_is_needed(parent->config);
}

struct child *children_find(struct parent *parent, enum process_role role, uint32_t slot)
{
    struct child *found = NULL;

    for (size_t i = 0; i < parent->n_children; i++) {
        struct child *child = &parent->children[i];

        if (child->role == role && child->slot == slot && (!found || child->wanted))
            found = child;
    }
    return found;
}

static bool runs(const struct child *child)
{
    return child->channel && child->state != CHILD_ENDING;
}

bool children_running(const struct parent *parent, enum process_role role)
{
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].role == role && parent->children[i].pid != 0)
            return true;
    return false;
}

bool children_all_ready(const struct parent *parent)
{
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].wanted && parent->children[i].state != CHILD_READY)
            return false;
    return true;
}

/* --- fork and exec ---------------------------------------------------------------------------- */

static void describe(const struct child *child, char title[40])
{
    const char *name = process_of(child->role)->name;

    if (child->role == PROCESS_EDGE)
        (void)snprintf(title, 40, "gatewayd: %s %u", name, child->slot);
    else
        (void)snprintf(title, 40, "gatewayd: %s", name);
}

/* In the new process: only async-signal-safe calls until exec. */
static void become_child(const struct child *child, int channel, char *title, pid_t parent)
{
    char *const argv[] = {title, (char *)"--role", (char *)process_of(child->role)->name, NULL};
    sigset_t none;
    int null;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        _exit(1);
    if (channel == ROLE_PARENT_FD ? fcntl(channel, F_SETFD, 0) < 0
                                  : dup2(channel, ROLE_PARENT_FD) < 0)
        _exit(1);
    (void)close_range(ROLE_PARENT_FD + 1, ~0u, 0);
    (void)execv("/proc/self/exe", argv);
    _exit(1);
}

static bool make_pair(int fds[2], struct error *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return err_set(err, REASON_SYSTEM, "socketpair: %m");
    return true;
}

bool child_run(struct child *child, const struct channel_calls *calls, void *context,
               struct error *err)
{
    pid_t self = getpid();
    char title[40];
    int fds[2];
    pid_t pid;

    if (!make_pair(fds, err))
        return false;
    describe(child, title);
    pid = fork();
    if (pid == 0)
        become_child(child, fds[1], title, self);
    (void)close(fds[1]);
    if (pid < 0) {
        (void)close(fds[0]);
        return err_set(err, REASON_SYSTEM, "fork: %m");
    }
    child->pid = pid;
    child->fd = fds[0];
    child->old = false;
    child->program = child->parent->program;
    child->state = CHILD_STARTING;
    child->started_ms = clock_monotonic_ms();
    child->ready_ms = 0;
    child->answered = child->refused = 0;
    child->channel = channel_new(child->parent->loop, fds[0], PROCESS_PARENT, child->role,
                                 child->slot, calls, context);
    return true;
}

/* --- what a child gets ------------------------------------------------------------------------ */

static bool pass_file(void *context, enum file_kind kind, const char *name, uint32_t index, int fd)
{
    struct child *child = context;
    struct message_file file = {.kind = (uint8_t)kind, .name = bytes_of(name), .index = index};

    return channel_send(child->channel, MESSAGE_FILE, &file, fd);
}

static bool send_config(struct child *child, const struct config *config, uint32_t generation)
{
    struct message_configure configure = {.slot = child->slot, .generation = generation};
    AUTO(writer_clear) struct writer octets = writer_new(CONFIG_OCTETS_MAX);
    struct error err;
    bool good;
    int fd;

    config_encode(config, &octets);
    fd = memfd_new("config", writer_bytes(&octets), &err);
    if (fd < 0) {
        log_error("configure_failed", &err, "%s", "");
        return false;
    }
    good = channel_send(child->channel, MESSAGE_CONFIGURE, &configure, fd);
    (void)close(fd);
    return good;
}

bool child_configure(struct child *child, const struct config *config, uint32_t generation,
                     bool again, const struct config_errors *errors)
{
    const struct grant_sink sink = {.file = pass_file, .context = child};
    struct message_start start = {.generation = generation};

    return send_config(child, config, generation) &&
           handover_give(child, config, again, &sink, errors) &&
           channel_send(child->channel, MESSAGE_START, &start, -1);
}

static bool is_pair(enum process_role a, enum process_role b)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if ((pairs[i].a == a && pairs[i].b == b) || (pairs[i].a == b && pairs[i].b == a))
            return true;
    return false;
}

static void pass_end(struct child *to, const struct child *other, int fd)
{
    struct message_channel channel = {
        .role = (uint8_t)other->role, .slot = other->slot, .table = channel_table(other->channel)};

    if (!channel_send(to->channel, MESSAGE_CHANNEL, &channel, fd))
        log_event(LOG_LEVEL_ERROR, "channel_not_sent", "to=%s", process_of(to->role)->name);
    (void)close(fd);
}

/* A channel to each running process that this one talks to; false when one could not be made. */
static bool pair_with_others(struct child *child)
{
    struct parent *parent = child->parent;

    for (size_t i = 0; i < parent->n_children; i++) {
        struct child *other = &parent->children[i];
        struct error err;
        int fds[2];

        if (other == child || !runs(other) || !is_pair(child->role, other->role))
            continue;
        if (!make_pair(fds, &err)) {
            log_error("channel_not_made", &err, "%s", "");
            return false;
        }
        pass_end(child, other, fds[0]);
        pass_end(other, child, fds[1]);
    }
    return true;
}

/* --- start and end ---------------------------------------------------------------------------- */

static void start_later(struct child *child)
{
    int64_t pause_ms = 0;

    if (child->failures > 0) {
        unsigned doublings = child->failures < 8 ? child->failures - 1 : 7;

        pause_ms = (int64_t)PAUSE_FIRST_MS << doublings;
        pause_ms = pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
    }
    ev_timer_stop(child->parent->loop, &child->restart);
    ev_timer_set(&child->restart, (double)pause_ms / 1000.0, 0.0);
    ev_timer_start(child->parent->loop, &child->restart);
}

void child_replace(struct child *child)
{
    child->channel = channel_free(child->channel);
    child->state = CHILD_ENDING;
    if (child->pid > 0)
        (void)kill(child->pid, SIGKILL);
}

/* The one of two that is replaced when their channel is broken; NULL when they are no pair. */
static struct child *to_replace(struct child *x, struct child *y)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (pairs[i].a == x->role && pairs[i].b == y->role)
            return x;
        if (pairs[i].a == y->role && pairs[i].b == x->role)
            return y;
    }
    return NULL;
}

/* Both ends report, and an end that died is reported too: what is away or new is left alone. */
void child_channel_down(struct child *child, const struct message_channel_down *msg)
{
    struct parent *parent = child->parent;
    struct child *peer = msg->role < PROCESS__COUNT
                             ? children_find(parent, (enum process_role)msg->role, msg->slot)
                             : NULL;
    struct child *bad = peer ? to_replace(child, peer) : NULL;
    int64_t now_ms = clock_monotonic_ms();

    if (!bad || parent->ending != ENDING_NOT || !runs(child) || !runs(peer) ||
        msg->age_ms > (uint64_t)(now_ms - peer->started_ms))
        return;
    log_event(LOG_LEVEL_WARNING, "channel_broken", "process=%s slot=%u pid=%d told_by=%s detail=%s",
              process_of(bad->role)->name, bad->slot, (int)bad->pid, process_of(child->role)->name,
              log_quoted(msg->detail));
    child_replace(bad);
}

static void on_down(void *context, struct channel *channel, const struct error *why)
{
    struct child *child = context;

    (void)channel;
    if (child->state != CHILD_ENDING)
        log_event(LOG_LEVEL_DEBUG, "child_channel_down", "process=%s detail=%s",
                  process_of(child->role)->name, log_quoted(bytes_of(why->detail)));
    child_replace(child);
}

const struct channel_calls children_calls = {.message = messages_handle, .down = on_down};

void child_start(struct child *child)
{
    struct parent *parent = child->parent;
    struct error err;

    if (child->pid != 0 || !child->wanted || parent->ending != ENDING_NOT)
        return;
    if (!child_run(child, &children_calls, child, &err)) {
        log_error("start_failed", &err, "process=%s", process_of(child->role)->name);
        child->failures++;
        start_later(child);
        return;
    }
    log_event(LOG_LEVEL_INFO, "process_started", "process=%s slot=%u pid=%d",
              process_of(child->role)->name, child->slot, (int)child->pid);
    if (!pair_with_others(child) ||
        !child_configure(child, parent->config, parent->generation, false, &children_log_errors)) {
        child_replace(child);
        return;
    }
    messages_send_loaded(child);
}

void children_start(struct parent *parent, enum process_role role)
{
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].role == role)
            child_start(&parent->children[i]);
}

void child_end(struct child *child)
{
    child->wanted = false;
    ev_timer_stop(child->parent->loop, &child->restart);
    child->channel = channel_free(child->channel);
    if (child->pid > 0)
        child->state = CHILD_ENDING;
}

static bool is_told_to_end(const struct child *child)
{
    return child->parent->draining || (child->old && succession_runs(child->parent));
}

static void log_end(const struct child *child, pid_t pid, int status)
{
    const char *name = process_of(child->role)->name;
    bool expected = !child->wanted || is_told_to_end(child) || child->parent->ending != ENDING_NOT;
    enum log_level level = expected ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR;

    if (WIFSIGNALED(status))
        log_event(level, "process_ended", "process=%s slot=%u pid=%d signal=%d", name, child->slot,
                  (int)pid, WTERMSIG(status));
    else
        log_event(level, "process_ended", "process=%s slot=%u pid=%d status=%d", name, child->slot,
                  (int)pid, WEXITSTATUS(status));
}

/* Nobody is let in any more, so a new edge would have nothing to do; and a decide that hands over
 * is followed when its turn comes. */
static bool is_not_replaced(const struct child *child)
{
    return (child->role == PROCESS_EDGE && child->parent->draining) ||
           succession_holds(child->parent, child->role);
}

void children_ended(struct parent *parent, pid_t pid, int status)
{
    for (size_t i = 0; i < parent->n_children; i++) {
        struct child *child = &parent->children[i];
        int64_t now_ms = clock_monotonic_ms();

        if (child->pid != pid)
            continue;
        log_end(child, pid, status);
        child->failures =
            child->ready_ms > 0 && now_ms - child->ready_ms >= STABLE_MS ? 0 : child->failures + 1;
        child->pid = 0;
        child->state = CHILD_AWAY;
        child->channel = channel_free(child->channel);
        free(child->counters);
        child->counters = NULL;
        if (!child->wanted || parent->ending != ENDING_NOT || is_not_replaced(child))
            return;
        if (!is_told_to_end(child))
            child->restarts++;
        start_later(child);
        return;
    }
}

void children_tell(struct parent *parent, enum process_role role, enum message_id id,
                   const void *msg, int fd)
{
    for (size_t i = 0; i < parent->n_children; i++) {
        struct child *child = &parent->children[i];

        if (child->role != role || !runs(child))
            continue;
        if (!channel_send(child->channel, id, msg, fd))
            log_event(LOG_LEVEL_ERROR, "message_not_sent", "process=%s message=%s",
                      process_of(role)->name, message_name(id));
    }
}
