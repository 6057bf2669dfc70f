/*
 * The parent: start, signals, end. It stays root and opens what the others may not; its messages
 * are in messages.c, what each child is handed in grants.c. It parses nothing that comes from
 * outside but gatewayd.conf.
 */
#include "gatewayd/parent/parent.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/ending.h"
#include "gatewayd/parent/folders.h"
#include "gatewayd/parent/lists.h"
#include "gatewayd/parent/loading.h"
#include "gatewayd/parent/logins.h"
#include "gatewayd/parent/notify.h"
#include "gatewayd/parent/privilege.h"
#include "gatewayd/parent/reload.h"
#include "gatewayd/parent/sockets.h"
#include "gatewayd/parent/state.h"
#include "gatewayd/parent/succession.h"
#include "gatewayd/parent/upgrade.h"
#include "gatewayd/parent/watches.h"
#include "gatewayd/shared/limits.h"
#include "gatewayd/shared/registry_len.h"
#include "gatewayd/shared/service_users.h"
#include "gatewayd/shared/xalloc.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A second signal does not wait, unless it is the first one's echo (to the process group). */
enum { IMPATIENT_MS = 500 };

uint32_t parent_count_edges(const struct config *config)
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

/* --- signals ---------------------------------------------------------------------------------- */

static void on_child(struct ev_loop *loop, ev_child *watcher, int events)
{
    struct parent *parent = watcher->data;

    (void)loop;
    (void)events;
    if (loading_ended(parent, watcher->rpid, watcher->rstatus) ||
        upgrade_ended(parent, watcher->rpid, watcher->rstatus))
        return;
    children_ended(parent, watcher->rpid, watcher->rstatus);
    reload_answered(parent);
    succession_look(parent);
    ending_look(parent);
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
        ending_begin(parent);
    } else if (clock_monotonic_ms() - parent->end_asked_ms >= IMPATIENT_MS) {
        ev_break(parent->loop, EVBREAK_ALL);
    }
}

static void on_user2(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)loop;
    (void)events;
    upgrade_begin(watcher->data, (struct bytes){NULL, 0}, NULL);
}

static void watch_signals(struct parent *parent)
{
    ev_child_init(&parent->child_ended, on_child, 0, 0);
    ev_signal_init(&parent->hangup, on_hangup, SIGHUP);
    ev_signal_init(&parent->terminate, on_terminate, SIGTERM);
    ev_signal_init(&parent->interrupt, on_terminate, SIGINT);
    ev_signal_init(&parent->user2, on_user2, SIGUSR2);
    parent->child_ended.data = parent->hangup.data = parent->terminate.data =
        parent->interrupt.data = parent->user2.data = parent;
    ev_child_start(parent->loop, &parent->child_ended);
    ev_signal_start(parent->loop, &parent->hangup);
    ev_signal_start(parent->loop, &parent->terminate);
    ev_signal_start(parent->loop, &parent->interrupt);
    ev_signal_start(parent->loop, &parent->user2);
    (void)signal(SIGPIPE, SIG_IGN);
    upgrade_hold_signals(false);
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

static struct parent *make_parent(const char *config_path, struct config *config)
{
    struct parent *parent = xcalloc(1, sizeof(*parent));

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
    upgrade_init(parent);
    succession_init(parent);
    ending_init(parent);
    return parent;
}

static int run(struct parent *parent)
{
    ev_run(parent->loop, 0);
    logins_free(parent);
    sockets_unlink(parent->config);
    log_event(LOG_LEVEL_INFO, "ended", "%s", "");
    return 0;
}

int parent_main(const char *config_path, struct config *config)
{
    struct parent *parent = make_parent(config_path, config);
    uint32_t n_edges = parent_count_edges(config);
    struct error err;

    if (!open_everything(parent, n_edges, &err)) {
        log_error("start_failed", &err, "%s", "");
        return 1;
    }
    watch_signals(parent);
    start_processes(parent, n_edges);
    return run(parent);
}

/* --- in the place of another program ---------------------------------------------------------- */

static bool adopt_everything(struct parent *parent, int state, struct error *err)
{
    bool good = service_users_check(parent->config, err) && limits_raise(parent->config, err) &&
                folders_make(parent->config, err) && state_read(parent, state, err) &&
                sockets_adopt(&parent->sockets, parent->config, err);

    if (!good)
        return false;
    (void)state_keep_open(parent, false);
    folders_fill_resolver(parent->config);
    return privilege_drop(err);
}

int parent_take_over(const char *config_path, struct config *config, int state)
{
    struct parent *parent = make_parent(config_path, config);
    struct error err;

    (void)prctl(PR_SET_NAME, "gatewayd");
    if (!adopt_everything(parent, state, &err)) {
        log_error("take_over_failed", &err, "%s", "");
        return 1;
    }
    children_plan(parent, 0);
    parent->edges_started = parent->ready_told = true;
    watch_signals(parent);
    watches_set(parent);
    log_event(LOG_LEVEL_INFO, "taken_over", "children=%zu logins=%zu", parent->n_children,
              parent->n_logins);
    (void)raise(SIGCHLD); /* who ended while nobody watched */
    succession_begin(parent, parent_count_edges(config));
    return run(parent);
}
