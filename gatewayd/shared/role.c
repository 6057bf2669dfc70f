/*
 * The common life of every child process. Runs in all of them; trusts the parent, and of the other
 * processes nothing but what channel.c has checked.
 */
#include "gatewayd/shared/role.h"

#include "common/log.h"
#include "gatewayd/shared/limits.h"
#include "gatewayd/shared/lost_peer.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/sandbox.h"
#include "gatewayd/shared/sandbox_try.h"
#include "gatewayd/shared/xalloc.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    PEERS_MAX = 80,               /* 64 edges and one of each other process */
    CONFIG_OCTETS_MAX = 16 << 20, /* of an encoded configuration */
};

struct runner {
    struct role role; /* first: what the calls get is this */
    const struct role_calls *calls;
    struct config *config, *next; /* in force; sent but not yet started */
    uint32_t next_generation;
    struct error file_error; /* the first refused FILE since CONFIGURE */
    bool file_refused;
    bool started;
    struct channel *peers[PEERS_MAX];
    size_t n_peers;
    struct lost_peer *lost; /* went down, and no new channel has come */
    struct {
        int fd;
        enum process_role peer;
        uint32_t slot;
        uint64_t table;
    } early[PEERS_MAX]; /* CHANNELs before START: nobody reads from them yet */
    size_t n_early;
    ev_timer drained;
    bool quiet; /* nothing was left to do at the last look */
};

static struct runner *runner_of(struct role *role)
{
    return (struct runner *)role;
}

static void close_quietly(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

static void tell_parent(struct runner *runner, enum message_id id, const void *msg)
{
    /* A parent that takes nothing more is gone, and its channel says so next. */
    if (!channel_send(runner->role.parent, id, msg, -1))
        log_event(LOG_LEVEL_ERROR, "parent_deaf", "message=%s", message_name(id));
}

static void tell_failed(struct runner *runner, uint32_t generation, const struct error *why)
{
    struct message_failed failed = {
        .generation = generation, .reason = why->reason, .detail = bytes_of(why->detail)};

    tell_parent(runner, MESSAGE_FAILED, &failed);
}

void role_die(struct role *role, const struct error *why)
{
    log_error("process_ends", why, "%s", "");
    tell_failed(runner_of(role), runner_of(role)->next_generation, why);
    _exit(1);
}

/* --- channels to the others ------------------------------------------------------------------- */

static size_t find_peer(const struct runner *runner, enum process_role peer, uint32_t slot)
{
    size_t i = 0;

    while (i < runner->n_peers &&
           (channel_peer(runner->peers[i]) != peer || channel_peer_slot(runner->peers[i]) != slot))
        i++;
    return i;
}

struct channel *role_channel(struct role *role, enum process_role peer, uint32_t slot)
{
    struct runner *runner = runner_of(role);
    size_t i = find_peer(runner, peer, slot);

    return i < runner->n_peers ? runner->peers[i] : NULL;
}

static void handle(struct runner *runner, struct channel *from, enum message_id id,
                   const union message *msg, int fd)
{
    for (size_t i = 0; i < runner->calls->n_handlers; i++) {
        if (runner->calls->handlers[i].id != id)
            continue;
        runner->calls->handlers[i].handle(&runner->role, from, msg, fd);
        return;
    }
    close_quietly(fd);
    if (id != MESSAGE_DRAIN)
        log_event(LOG_LEVEL_WARNING, "message_unhandled", "message=%s", message_name(id));
}

static void peer_message(void *context, struct channel *channel, enum message_id id,
                         const union message *msg, int fd)
{
    handle(context, channel, id, msg, fd);
}

/* Takes the channel out of the table first, so that role_channel no longer finds it. */
static void lose_peer(struct runner *runner, struct channel *channel, const struct error *why)
{
    for (size_t i = 0; i < runner->n_peers; i++) {
        if (runner->peers[i] != channel)
            continue;
        runner->peers[i] = runner->peers[--runner->n_peers];
        if (runner->calls->channel_down)
            runner->calls->channel_down(&runner->role, channel, why);
        break;
    }
    channel_free(channel);
}

static void peer_down(void *context, struct channel *channel, const struct error *why)
{
    struct runner *runner = context;

    log_event(LOG_LEVEL_DEBUG, "channel_down", "peer=%s slot=%u detail=%s",
              process_of(channel_peer(channel))->name, channel_peer_slot(channel),
              log_quoted(bytes_of(why->detail)));
    lost_peer_add(&runner->role, &runner->lost, channel_peer(channel), channel_peer_slot(channel),
                  why);
    lose_peer(runner, channel, why);
}

static const struct channel_calls peer_calls = {.message = peer_message, .down = peer_down};

static struct channel *add_peer(struct runner *runner, int fd, enum process_role peer,
                                uint32_t slot)
{
    size_t old = find_peer(runner, peer, slot);
    struct channel *channel;
    struct error why;

    if (old < runner->n_peers) {
        (void)err_set(&why, REASON_SYSTEM, "replaced by a new channel");
        lose_peer(runner, runner->peers[old], &why);
    }
    if (runner->n_peers == PEERS_MAX) {
        close_quietly(fd);
        return NULL;
    }
    channel =
        channel_new(runner->role.loop, fd, runner->calls->id, peer, slot, &peer_calls, runner);
    runner->peers[runner->n_peers++] = channel;
    lost_peer_forget(&runner->lost, peer, slot);
    return channel;
}

static void channel_comes(struct runner *runner, const struct message_channel *msg, int fd)
{
    struct channel *channel;

    if (fd < 0 || msg->role >= PROCESS__COUNT ||
        (!runner->started && runner->n_early == PEERS_MAX)) {
        close_quietly(fd);
        return;
    }
    if (!runner->started) {
        runner->early[runner->n_early].fd = fd;
        runner->early[runner->n_early].peer = (enum process_role)msg->role;
        runner->early[runner->n_early].table = msg->table;
        runner->early[runner->n_early++].slot = msg->slot;
        return;
    }
    channel = add_peer(runner, fd, (enum process_role)msg->role, msg->slot);
    if (channel)
        channel_set_table(channel, msg->table);
    if (channel && runner->calls->channel_up)
        runner->calls->channel_up(&runner->role, channel);
}

/* --- configuration ---------------------------------------------------------------------------- */

static void name_process(struct role *role)
{
    const char *name = process_of(role->id)->name;
    char text[24];

    if (role->id == PROCESS_EDGE)
        (void)snprintf(text, sizeof(text), "%s.%u", name, role->slot);
    else
        (void)snprintf(text, sizeof(text), "%s", name);
    log_open(text, (enum log_level)role->config->gateway->log_level);
    (void)prctl(PR_SET_NAME, text);
}

static bool read_config(const struct message_configure *msg, int fd, struct config **ret_config,
                        struct error *err)
{
    struct bytes octets;
    bool good;

    if (fd < 0)
        return config_decode(msg->config, ret_config, err);
    if (!memfd_map(fd, CONFIG_OCTETS_MAX, &octets, err))
        return false;
    good = config_decode(octets, ret_config, err);
    memfd_unmap(octets);
    return good;
}

static void configure(struct runner *runner, const struct message_configure *msg, int fd)
{
    struct role *role = &runner->role;
    struct config *config;
    struct error err;
    bool good = read_config(msg, fd, &config, &err);

    close_quietly(fd);
    runner->next_generation = msg->generation;
    runner->file_refused = false;
    if (!good)
        role_die(role, &err);
    if (runner->config) {
        config_free(runner->next);
        runner->next = config;
        return;
    }
    runner->config = config;
    role->config = config;
    role->slot = msg->slot;
    role->generation = msg->generation;
    name_process(role);
    if (runner->calls->create)
        role->state = runner->calls->create(role);
}

static void file_comes(struct runner *runner, const struct message_file *msg, int fd)
{
    struct error err = {.reason = REASON_MSG_MALFORMED, .detail = "FILE without use"};

    if (fd >= 0 && runner->config && runner->calls->file &&
        runner->calls->file(&runner->role, msg, fd, &err))
        return;
    if (fd >= 0 && (!runner->config || !runner->calls->file))
        close_quietly(fd);
    log_error("file_refused", &err, "name=%s", log_quoted(msg->name));
    if (!runner->file_refused)
        runner->file_error = err;
    runner->file_refused = true;
}

static bool close_sandbox(struct role *role, struct error *err)
{
    const char *prefix = role->config->gateway->user;
    const struct process *process = process_of(role->id);
    struct sandbox sandbox = {.role = role->id, .max_files = limits_open_files(role->config)};
    char user[64], empty_dir[128];

    if (!process->sandboxed)
        return true;
    if (geteuid() == 0) {
        /* These resolve names: their root has copies of what the resolver reads. */
        const char *root =
            role->id == PROCESS_DIRECTORY || role->id == PROCESS_FETCH ? "resolver" : "empty";

        (void)snprintf(user, sizeof(user), "%s%s", prefix, process->user_suffix);
        (void)snprintf(empty_dir, sizeof(empty_dir), "%s/%s", role->config->gateway->run_dir, root);
        sandbox.user = user;
        sandbox.empty_dir = empty_dir;
    }
    if (!sandbox_enter(&sandbox, err))
        return false;
    sandbox_try(role->id);
    return true;
}

static bool start(struct runner *runner, struct error *err)
{
    struct role *role = &runner->role;

    if (runner->file_refused) {
        *err = runner->file_error;
        return false;
    }
    if (runner->calls->prepare && !runner->calls->prepare(role, err))
        return false;
    if (!close_sandbox(role, err))
        return false;
    runner->started = true;
    for (size_t i = 0; i < runner->n_early; i++) {
        struct channel *channel =
            add_peer(runner, runner->early[i].fd, runner->early[i].peer, runner->early[i].slot);

        if (channel)
            channel_set_table(channel, runner->early[i].table);
    }
    if (runner->calls->start && !runner->calls->start(role, err))
        return false;
    for (size_t i = 0; runner->calls->channel_up && i < runner->n_early; i++) {
        struct channel *channel = role_channel(role, runner->early[i].peer, runner->early[i].slot);

        if (channel)
            runner->calls->channel_up(role, channel);
    }
    return true;
}

/* The new configuration is in force during the call; the old one comes back when it is refused. */
static bool reconfigure(struct runner *runner, struct error *err)
{
    struct config *before = runner->config;

    if (!runner->next)
        return err_set(err, REASON_MSG_MALFORMED, "START without CONFIGURE");
    if (runner->file_refused) {
        *err = runner->file_error;
        runner->next = config_free(runner->next);
        return false;
    }
    runner->config = STEAL(runner->next);
    runner->role.config = runner->config;
    if (runner->calls->reconfigure && !runner->calls->reconfigure(&runner->role, before, err)) {
        config_free(runner->config);
        runner->config = before;
        runner->role.config = before;
        return false;
    }
    config_free(before);
    name_process(&runner->role);
    return true;
}

static void start_or_apply(struct runner *runner, const struct message_start *msg)
{
    struct message_ready ready = {.generation = msg->generation};
    bool first = !runner->started;
    struct error err = {.reason = REASON_SYSTEM};

    if (!runner->config || msg->generation != runner->next_generation) {
        (void)err_set(&err, REASON_MSG_MALFORMED, "START before CONFIGURE");
        role_die(&runner->role, &err);
    }
    if (first ? start(runner, &err) : reconfigure(runner, &err)) {
        runner->role.generation = msg->generation;
        tell_parent(runner, MESSAGE_READY, &ready);
        return;
    }
    if (first)
        role_die(&runner->role, &err);
    log_error("reload_refused", &err, "generation=%u", msg->generation);
    tell_failed(runner, msg->generation, &err);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Who must be gone before a process that drains has heard everything; PROCESS__COUNT: nobody. */
static enum process_role speaks_last(enum process_role role)
{
    if (role == PROCESS_DECIDE)
        return PROCESS_EDGE;
    if (role == PROCESS_KEY)
        return PROCESS_EDGE;
    return role == PROCESS_AUDIT ? PROCESS_DECIDE : PROCESS__COUNT;
}

static bool has_nothing_to_do(const struct runner *runner)
{
    for (size_t i = 0; i < runner->n_peers; i++)
        if (channel_peer(runner->peers[i]) == speaks_last(runner->calls->id) ||
            channel_queued(runner->peers[i]) > 0)
            return false;
    return true;
}

/* Two looks, so that what came with the last message has been worked off. */
static void on_drained(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct runner *runner = timer->data;
    bool nothing = has_nothing_to_do(runner);

    (void)loop;
    (void)events;
    if (nothing && runner->quiet)
        _exit(0);
    runner->quiet = nothing;
}

/* DRAIN now: the role ends its sessions, and the process ends when it has told everything. */
static void drain(struct runner *runner)
{
    if (ev_is_active(&runner->drained))
        return;
    ev_timer_init(&runner->drained, on_drained, 0.01, 0.01);
    runner->drained.data = runner;
    ev_timer_start(runner->role.loop, &runner->drained);
}

/* --- the parent ------------------------------------------------------------------------------- */

static void parent_message(void *context, struct channel *channel, enum message_id id,
                           const union message *msg, int fd)
{
    struct runner *runner = context;

    switch (id) {
    case MESSAGE_CONFIGURE:
        configure(runner, &msg->configure, fd);
        break;
    case MESSAGE_CHANNEL:
        channel_comes(runner, &msg->channel, fd);
        break;
    case MESSAGE_FILE:
        file_comes(runner, &msg->file, fd);
        break;
    case MESSAGE_VERSION:
        close_quietly(fd);
        channel_set_table(channel, msg->version.table);
        break;
    case MESSAGE_START:
        close_quietly(fd);
        start_or_apply(runner, &msg->start);
        break;
    case MESSAGE_DRAIN:
        handle(runner, channel, id, msg, fd);
        if (msg->drain.now)
            drain(runner);
        break;
    default:
        handle(runner, channel, id, msg, fd);
        break;
    }
}

/* Parent gone: everything ends (architecture.md, Restart). */
static void parent_down(void *context, struct channel *channel, const struct error *why)
{
    (void)context;
    (void)channel;
    (void)why;
    _exit(0);
}

static const struct channel_calls parent_calls = {.message = parent_message, .down = parent_down};

/* A terminal's Ctrl-C and a service manager's SIGTERM reach all processes: the parent decides. */
static void leave_signals_to_parent(void)
{
    static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP,
                                  SIGPIPE, SIGQUIT, SIGUSR2};

    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
}

int role_main(const struct role_calls *calls)
{
    struct runner *runner = xcalloc(1, sizeof(*runner));

    leave_signals_to_parent();
    /* Times are UTC everywhere; without a zone libc would look for /etc/localtime again and again.
     */
    (void)setenv("TZ", "UTC0", 1);
    tzset();
    log_open(process_of(calls->id)->name, LOG_LEVEL_INFO);
    runner->calls = calls;
    runner->role.id = calls->id;
    runner->role.loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    if (!runner->role.loop)
        abort();
    runner->role.parent = channel_new(runner->role.loop, ROLE_PARENT_FD, calls->id, PROCESS_PARENT,
                                      0, &parent_calls, runner);
    ev_run(runner->role.loop, 0);
    _exit(0); /* no handlers at exit: they know nothing of a closed sandbox */
}
