/*
 * inotify on directories: files are usually replaced by renaming a new one over them, which only
 * their directory sees. Runs in the parent.
 */
#include "gatewayd/parent/watches.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/folders.h"
#include "gatewayd/parent/handover.h"
#include "gatewayd/parent/loading.h"
#include "gatewayd/parent/reload.h"
#include "gatewayd/shared/fetched.h"
#include "gatewayd/shared/files.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SETTLE_MS = 100,      /* quiet time before a load: files come in groups */
    SETTLE_MAX_MS = 1000, /* a load at the latest */
    EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB,
};

/* What is done when a file has changed. */
enum {
    USE_LOAD = 1,     /* trust and policy are loaded again */
    USE_LDIF = 2,     /* the directory process gets the file again */
    USE_RESOLVER = 4, /* its copy of what the resolver reads is made again */
    USE_UPSTREAM = 8, /* decide gets the directories of upstreams again */
    USE_LOCAL = 16,   /* decide and directory get the host's accounts and groups again */
    USE_TLS = 32,     /* server certificates and keys are handed over again */
};

static void add(struct watches *watches, const char *dir, const char *name, unsigned use)
{
    int wd = inotify_add_watch(watches->fd, dir, EVENTS | IN_ONLYDIR);

    if (wd < 0) {
        log_event(LOG_LEVEL_WARNING, "not_watched", "directory=%s errno=%d",
                  log_quoted(bytes_of(dir)), errno);
        return;
    }
    watches->at = xrealloc(watches->at, watches->n + 1, sizeof(*watches->at));
    watches->at[watches->n++] =
        (struct watch){.wd = wd, .name = name ? xstrdup(name) : NULL, .use = use};
}

/* A file by its directory; what a symbolic link leads to as well. */
static void add_file(struct watches *watches, const char *path, unsigned use)
{
    char dir[PATH_MAX], real[PATH_MAX];
    const char *slash = path ? strrchr(path, '/') : NULL;

    if (!slash || (size_t)(slash - path) >= sizeof(dir) - 1)
        return;
    (void)snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    add(watches, dir, slash + 1, use);
    if (realpath(path, real) && strcmp(real, path) != 0)
        add_file(watches, real, use);
}

static void add_crl(struct watches *watches, const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        add(watches, path, NULL, USE_LOAD);
    else
        add_file(watches, path, USE_LOAD);
}

/* What fetch brings makes trust data new like any other file. */
static void add_fetched(struct watches *watches, const struct config *config)
{
    char dir[PATH_MAX];

    (void)snprintf(dir, sizeof(dir), "%s/crl", config->gateway->state_dir);
    if (fetched_is_needed(config))
        add(watches, dir, NULL, USE_LOAD);
}

static void add_all(struct watches *watches, const struct config *config)
{
    for (size_t i = 0; i < config->n_ca; i++) {
        add_file(watches, config->ca[i].anchors, USE_LOAD);
        add_file(watches, config->ca[i].intermediates, USE_LOAD);
        for (size_t k = 0; k < config->ca[i].crls.n; k++)
            if (!fetched_is_word(config->ca[i].crls.at[k]))
                add_crl(watches, config->ca[i].crls.at[k]);
    }
    add_fetched(watches, config);
    for (size_t i = 0; i < config->n_tls; i++) {
        add_file(watches, config->tls[i].certificate, USE_TLS);
        add_file(watches, config->tls[i].key, USE_TLS);
    }
    add(watches, config->policy->directory, NULL, USE_LOAD);
    for (size_t i = 0; i < config->n_directory; i++)
        for (size_t k = 0; k < config->directory[i].uri.n; k++)
            if (strncmp(config->directory[i].uri.at[k], "file:", 5) == 0)
                add_file(watches, config->directory[i].uri.at[k] + 5, USE_LDIF);
}

static void add_resolver(struct watches *watches)
{
    static const char *const names[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        add_file(watches, names[i], USE_RESOLVER);
}

static void add_local_names(struct watches *watches)
{
    const char *path;

    for (size_t i = 0; (path = handover_local_path(i)); i++)
        add_file(watches, path, USE_LOCAL);
}

/* A service that is restarted may make the directory of its socket anew. */
static void add_upstreams(struct watches *watches, const struct config *config)
{
    char dir[PATH_MAX];

    for (size_t i = 0; i < config->n_service; i++)
        for (size_t k = 0; k < config->service[i].upstream.n; k++)
            if (handover_upstream_dir(config, config->service[i].upstream.at[k], dir) && dir[1])
                add_file(watches, dir, USE_UPSTREAM);
}

static void clear(struct watches *watches, struct ev_loop *loop)
{
    if (watches->fd >= 0) {
        ev_io_stop(loop, &watches->io);
        (void)close(watches->fd);
    }
    for (size_t i = 0; i < watches->n; i++)
        free(watches->at[i].name);
    free(watches->at);
    watches->at = NULL;
    watches->n = 0;
}

void watches_set(struct parent *parent)
{
    struct watches *watches = &parent->watches;

    clear(watches, parent->loop);
    watches->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watches->fd < 0) {
        log_event(LOG_LEVEL_ERROR, "no_inotify", "errno=%d detail=\"changes need a reload\"",
                  errno);
        return;
    }
    add_all(watches, parent->config);
    add_resolver(watches);
    add_local_names(watches);
    add_upstreams(watches, parent->config);
    ev_io_set(&watches->io, watches->fd, EV_READ);
    ev_io_start(parent->loop, &watches->io);
}

/* --- events ----------------------------------------------------------------------------------- */

static void note(struct watches *watches, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        watches->changed = USE_LOAD | USE_LDIF | USE_RESOLVER | USE_UPSTREAM | USE_LOCAL | USE_TLS;
    for (size_t i = 0; i < watches->n; i++) {
        const struct watch *watch = &watches->at[i];

        if (watch->wd != event->wd)
            continue;
        if (watch->name && (event->len == 0 || strcmp(watch->name, event->name) != 0))
            continue;
        watches->changed |= watch->use;
    }
}

static void on_events(struct ev_loop *loop, ev_io *io, int events)
{
    struct parent *parent = io->data;
    struct watches *watches = &parent->watches;
    _Alignas(struct inotify_event) char buffer[4096];
    int64_t now_ms = clock_monotonic_ms();
    bool before = watches->changed != 0;
    ssize_t n;

    (void)events;
    while ((n = read(watches->fd, buffer, sizeof(buffer))) > 0) {
        const struct inotify_event *event;

        for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*event) + event->len)) {
            event = (const struct inotify_event *)(buffer + at);
            note(watches, event);
        }
    }
    if (watches->changed == 0)
        return;
    if (!before)
        watches->first_ms = now_ms;
    else if (now_ms - watches->first_ms >= SETTLE_MAX_MS - SETTLE_MS)
        return; /* the timer that runs is the last one */
    ev_timer_stop(loop, &watches->settle);
    ev_timer_set(&watches->settle, SETTLE_MS / 1000.0, 0.0);
    ev_timer_start(loop, &watches->settle);
}

/* The content of a file: directory, to the process that follows it. */
static void hand_over_ldif(struct parent *parent)
{
    for (size_t i = 0; i < parent->config->n_directory; i++) {
        const struct config_directory *directory = &parent->config->directory[i];

        for (size_t k = 0; k < directory->uri.n; k++) {
            struct message_file file = {
                .kind = FILE_LDIF, .name = bytes_of(directory->title), .index = (uint32_t)k};
            struct error err;
            int fd;

            if (strncmp(directory->uri.at[k], "file:", 5) != 0)
                continue;
            fd = file_open(directory->uri.at[k] + 5, FILE_GUARD_TRUSTED, &err);
            if (fd < 0) {
                log_error("file_refused", &err, "%s", "");
                continue;
            }
            children_tell(parent, PROCESS_DIRECTORY, MESSAGE_FILE, &file, fd);
            (void)close(fd);
        }
    }
}

static bool pass_upstream_dir(void *context, enum file_kind kind, const char *name, uint32_t index,
                              int fd)
{
    struct message_file file = {.kind = (uint8_t)kind, .name = bytes_of(name), .index = index};

    children_tell(context, PROCESS_DECIDE, MESSAGE_FILE, &file, fd);
    return true;
}

static bool pass_local_names(void *context, enum file_kind kind, const char *name, uint32_t index,
                             int fd)
{
    struct message_file file = {.kind = (uint8_t)kind, .name = bytes_of(name), .index = index};

    children_tell(context, PROCESS_DECIDE, MESSAGE_FILE, &file, fd);
    children_tell(context, PROCESS_DIRECTORY, MESSAGE_FILE, &file, fd);
    return true;
}

static void on_settled(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct parent *parent = timer->data;
    struct watches *watches = &parent->watches;
    const struct grant_sink upstreams = {.file = pass_upstream_dir, .context = parent};
    const struct grant_sink local_names = {.file = pass_local_names, .context = parent};
    unsigned changed = watches->changed;

    (void)loop;
    (void)events;
    watches->changed = 0;
    /* A directory may have been replaced, a link may lead elsewhere. Before the files are opened: a
     * change after that is seen by the new watches, one before it by whoever reads the file. */
    watches_set(parent);
    if (changed & USE_LOAD)
        loading_begin(parent, parent->config);
    if (changed & USE_TLS)
        reload_certificates(parent);
    if (changed & USE_LDIF)
        hand_over_ldif(parent);
    if ((changed & USE_UPSTREAM) && !handover_upstream_dirs(parent->config, &upstreams))
        log_event(LOG_LEVEL_WARNING, "upstreams_not_sent", "%s", "");
    if ((changed & USE_LOCAL) && !handover_local_names(parent->config, &local_names))
        log_event(LOG_LEVEL_WARNING, "local_names_not_sent", "%s", "");
    if (changed & USE_RESOLVER)
        folders_fill_resolver(parent->config);
}

void watches_init(struct parent *parent)
{
    struct watches *watches = &parent->watches;

    watches->fd = -1;
    ev_init(&watches->io, on_events);
    ev_init(&watches->settle, on_settled);
    watches->io.data = watches->settle.data = parent;
}
