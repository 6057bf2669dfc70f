/*
 * The parent: start, signals, end. It stays root and opens what the others may not; its messages
 * are in messages.c, what each child is handed in grants.c. It parses nothing that comes from
 * outside but gatewayd.conf.
 */
#include "gatewayd/parent/parent.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/folders.h"
#include "gatewayd/parent/lists.h"
#include "gatewayd/parent/loading.h"
#include "gatewayd/parent/logins.h"
#include "gatewayd/parent/notify.h"
#include "gatewayd/parent/privilege.h"
#include "gatewayd/parent/reload.h"
#include "gatewayd/parent/sockets.h"
#include "gatewayd/parent/watches.h"
#include "gatewayd/shared/limits.h"
#include "gatewayd/shared/registry_len.h"
#include "gatewayd/shared/service_users.h"
#include "gatewayd/shared/xalloc.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A second signal does not wait, unless it is the first one's echo (to the process group). */
enum { IMPATIENT_MS = 500 };
/* How long each step of the end may take; the next one comes at once when it is done. */
enum { END_EDGES_MS = 3000, END_DECIDE_MS = 1500, END_AUDIT_MS = 2000 };

static uint32_t count_edges(const struct config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (config->gateway->edges > 0)
        return (uint32_t)config->gateway->edges;
    if (cores < 1)
        return 1;
    return cores > EDGES_MAX ? EDGES_MAX : (uint32_t)cores;
}

static int make_registry(struct error *err)
{
    int fd = memfd_create("registry", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, (off_t)REGISTRY_LEN) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        (void)err_set(err, REASON_SYSTEM, "registry: %m");
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    return fd;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void end_role(struct parent *parent, enum process_role role)
{
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].role == role)
            child_end(&parent->children[i]);
}

static void wait_ms(struct parent *parent, int64_t ms)
{
    ev_timer_stop(parent->loop, &parent->end_timer);
    ev_timer_set(&parent->end_timer, (double)ms / 1000.0, 0.0);
    ev_timer_start(parent->loop, &parent->end_timer);
}

/* One step further: edges, then who decides, then audit with everything that they still said. */
static void end_further(struct parent *parent)
{
    struct message_drain drain = {.now = true};

    switch (parent->ending) {
    case ENDING_NOT:
        parent->ending = ENDING_EDGES;
        parent->draining = true;
        notify_ending();
        children_tell(parent, PROCESS_EDGE, MESSAGE_DRAIN, &drain, -1);
        sockets_stop_listening(&parent->sockets);
        wait_ms(parent, END_EDGES_MS);
        break;
    case ENDING_EDGES:
        parent->ending = ENDING_DECIDE;
        end_role(parent, PROCESS_EDGE);
        end_role(parent, PROCESS_KEY);
        end_role(parent, PROCESS_SPAWN);
        end_role(parent, PROCESS_DIRECTORY);
        end_role(parent, PROCESS_FETCH);
        children_tell(parent, PROCESS_DECIDE, MESSAGE_DRAIN, &drain, -1);
        wait_ms(parent, END_DECIDE_MS);
        break;
    case ENDING_DECIDE:
        parent->ending = ENDING_AUDIT;
        end_role(parent, PROCESS_DECIDE);
        children_tell(parent, PROCESS_AUDIT, MESSAGE_DRAIN, &drain, -1);
        wait_ms(parent, END_AUDIT_MS);
        break;
    case ENDING_AUDIT:
        end_role(parent, PROCESS_AUDIT);
        ev_break(parent->loop, EVBREAK_ALL);
        break;
    }
}

/* A step is done early when the processes that it waits for have ended by themselves. */
static void end_when_gone(struct parent *parent)
{
    static const enum process_role awaited[] = {[ENDING_EDGES] = PROCESS_EDGE,
                                                [ENDING_DECIDE] = PROCESS_DECIDE,
                                                [ENDING_AUDIT] = PROCESS_AUDIT};

    if (parent->ending != ENDING_NOT && !children_running(parent, awaited[parent->ending]))
        end_further(parent);
}

static void on_end_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    end_further(timer->data);
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_child(struct ev_loop *loop, ev_child *watcher, int events)
{
    struct parent *parent = watcher->data;

    (void)loop;
    (void)events;
    if (loading_ended(parent, watcher->rpid, watcher->rstatus))
        return;
    children_ended(parent, watcher->rpid, watcher->rstatus);
    reload_answered(parent);
    end_when_gone(parent);
}

static void on_hangup(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)loop;
    (void)events;
    reload_begin(watcher->data, NULL);
}

static void on_terminate(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct parent *parent = watcher->data;

    (void)loop;
    (void)events;
    log_event(LOG_LEVEL_INFO, "ending", "signal=%d", watcher->signum);
    if (parent->ending == ENDING_NOT) {
        parent->end_asked_ms = clock_monotonic_ms();
        end_further(parent);
    } else if (clock_monotonic_ms() - parent->end_asked_ms >= IMPATIENT_MS) {
        ev_break(parent->loop, EVBREAK_ALL);
    }
}

static void watch_signals(struct parent *parent)
{
    ev_child_init(&parent->child_ended, on_child, 0, 0);
    ev_signal_init(&parent->hangup, on_hangup, SIGHUP);
    ev_signal_init(&parent->terminate, on_terminate, SIGTERM);
    ev_signal_init(&parent->interrupt, on_terminate, SIGINT);
    ev_init(&parent->end_timer, on_end_timer);
    parent->child_ended.data = parent->hangup.data = parent->terminate.data =
        parent->interrupt.data = parent->end_timer.data = parent;
    ev_child_start(parent->loop, &parent->child_ended);
    ev_signal_start(parent->loop, &parent->hangup);
    ev_signal_start(parent->loop, &parent->terminate);
    ev_signal_start(parent->loop, &parent->interrupt);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* --- start ------------------------------------------------------------------------------------ */

static bool open_everything(struct parent *parent, uint32_t n_edges, struct error *err)
{
    if (!service_users_check(parent->config, err) || !limits_raise(parent->config, err) ||
        !folders_make(parent->config, err) || !notify_pid_file(parent, err) ||
        !sockets_open(&parent->sockets, parent->config, n_edges, err))
        return false;
    parent->registry = make_registry(err);
    if (parent->registry < 0)
        return false;
    folders_fill_resolver(parent->config);
    return privilege_drop(err);
}

static void start_processes(struct parent *parent, uint32_t n_edges)
{
    static const enum process_role first[] = {PROCESS_SPAWN,  PROCESS_AUDIT, PROCESS_DIRECTORY,
                                              PROCESS_DECIDE, PROCESS_KEY,   PROCESS_FETCH};

    children_plan(parent, n_edges);
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        children_start(parent, first[i]);
    /* Edges follow when the first load is over: until then clients wait in the backlog. */
    loading_begin(parent, parent->config);
    watches_set(parent);
}

int parent_main(const char *config_path, struct config *config)
{
    struct parent *parent = xcalloc(1, sizeof(*parent));
    uint32_t n_edges = count_edges(config);
    struct error err;

    (void)umask(022);
    log_open("parent", (enum log_level)config->gateway->log_level);
    parent->config_path = config_path;
    parent->config = config;
    parent->generation = 1;
    parent->started_ms = clock_monotonic_ms();
    parent->reloaded_ms = clock_realtime_ms();
    parent->root = geteuid() == 0;
    parent->loop = ev_default_loop(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    if (!parent->loop)
        abort();
    loading_init(parent);
    reload_init(parent);
    watches_init(parent);
    lists_init(parent);
    if (!open_everything(parent, n_edges, &err)) {
        log_error("start_failed", &err, "%s", "");
        return 1;
    }
    watch_signals(parent);
    start_processes(parent, n_edges);
    ev_run(parent->loop, 0);
    logins_free(parent);
    sockets_unlink(parent->config);
    log_event(LOG_LEVEL_INFO, "ended", "%s", "");
    return 0;
}
