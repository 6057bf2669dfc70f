/*
 * The directory process: set-up and its message table. It alone holds LDAP credentials and talks to
 * LDAP servers; everything that may block lives here. decide and the NSS module get what it knows.
 * source.c is its beginning.
 */
#include "gatewayd/directory/following.h"

#include "common/log.h"
#include "gatewayd/shared/local_names_read.h"
#include "gatewayd/shared/xalloc.h"

#include <fcntl.h>
#include <unistd.h>

static struct following *following_of(struct role *role)
{
    return role->state;
}

const struct config_directory *following_config(const struct following *following)
{
    const struct config *config = following->role->config;

    return config->n_directory > 0 ? &config->directory[0] : NULL;
}

static void *create(struct role *role)
{
    struct following *following = xcalloc(1, sizeof(*following));

    following->role = role;
    following->ldif_fd = following->nss_dir = following->state_dir = following->sent_fd = -1;
    following->disk_as_of_ms = following->nss_as_of_ms = -1;
    following->said = REASON__COUNT;
    (void)err_set(&following->state, REASON_DIRECTORY_UNREACHABLE, "not yet asked");
    following->key = writer_new(SOURCE_KEY_MAX);
    following->local_users = local_names_new();
    following->local_groups = local_names_new();
    credentials_init(&following->credentials);
    return following;
}

static void keep(int *kept, int fd)
{
    if (*kept >= 0)
        (void)close(*kept);
    *kept = fd;
}

/* What is refused leaves what was known; nothing known denies everybody. */
static void take_local_names(struct following *following, struct local_names *names, int fd)
{
    bool changed = false;
    struct error err;

    if (!local_names_read(fd, names, &changed, &err))
        log_error("local_names_refused", &err, "%s", "");
    following->nss_due |= changed;
}

static bool take_file(struct role *role, const struct message_file *file, int fd, struct error *err)
{
    struct following *following = following_of(role);

    switch (file->kind) {
    case FILE_LDIF:
        keep(&following->ldif_fd, fd);
        if (following->filler)
            source_ldif_came(following);
        return true;
    case FILE_STATE_DIR:
        keep(&following->state_dir, fd);
        return true;
    case FILE_LOCAL_USERS:
        take_local_names(following, following->local_users, fd);
        return true;
    case FILE_LOCAL_GROUPS:
        take_local_names(following, following->local_groups, fd);
        return true;
    case FILE_NSS_DIR:
        keep(&following->nss_dir, fd);
        return true;
    default:
        return credentials_take(&following->credentials, (enum file_kind)file->kind, fd, err);
    }
}

static bool prepare(struct role *role, struct error *err)
{
    struct following *following = following_of(role);

    resolve_prepare();
    directory_prepare();
    return credentials_prepare(&following->credentials, following_config(following), err);
}

static void on_second(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct following *following = timer->data;

    (void)loop;
    (void)events;
    if (!following->filler)
        return;
    source_tick(following);
    publish_tick(following);
    nss_tick(following);
    disk_tick(following);
}

static bool start(struct role *role, struct error *err)
{
    struct following *following = following_of(role);

    if (!credentials_enter(&following->credentials, err) || !source_set_up(following, err))
        return false;
    ev_timer_init(&following->second, on_second, 0.1, 1.0);
    following->second.data = following;
    ev_timer_start(role->loop, &following->second);
    return true;
}

static bool reconfigure(struct role *role, const struct config *before, struct error *err)
{
    (void)before;
    return source_set_up(following_of(role), err);
}

/* A new decide gets everything. */
static void channel_up(struct role *role, struct channel *channel)
{
    if (channel_peer(channel) == PROCESS_DECIDE && following_of(role)->filler)
        publish_snapshot(following_of(role));
}

static void on_drain(struct role *role, struct channel *from, const union message *msg, int fd)
{
    (void)from;
    if (fd >= 0)
        (void)close(fd);
    if (msg->drain.now && following_of(role)->filler)
        disk_save(following_of(role));
}

static void on_resolve(struct role *role, struct channel *from, const union message *msg, int fd)
{
    (void)from;
    if (fd >= 0)
        (void)close(fd);
    resolve_name(following_of(role), msg->resolve.name);
}

static const struct role_handler handlers[] = {
    {MESSAGE_RESOLVE, on_resolve},
    {MESSAGE_DRAIN, on_drain},
};

const struct role_calls directory_role = {
    .id = PROCESS_DIRECTORY,
    .create = create,
    .file = take_file,
    .prepare = prepare,
    .start = start,
    .reconfigure = reconfigure,
    .channel_up = channel_up,
    .handlers = handlers,
    .n_handlers = ARRAY_LEN(handlers),
};
