/*
 * The audit process: set-up and its message table. It holds the audit directory and nothing else;
 * decide sends it records, nobody can make it read back or rewrite one. commit.c is its work.
 */
#include "common/log.h"
#include "gatewayd/audit/commit.h"
#include "gatewayd/shared/role.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DIRECTORY_MODE = 02750, /* set-group-id: files belong to the readers' group */
    COUNTERS_MAX = 512,     /* octets of the JSON text for status */
};

/* How long a record that nobody waits for (a close) may wait for one that somebody does, so that it
 * costs no fdatasync of its own. */
#define LAZY_S 0.02
/* Records that come right after a commit wait so long for their neighbours; one that comes alone is
 * committed at once. */
#define GROUP_S 0.001

struct audit {
    int dir_fd; /* until commit takes it */
    struct commit *commit;
    ev_prepare turn; /* before the loop waits: everything that was read is committed ... */
    bool due;        /* ... if somebody waits for it, or it has waited for long enough itself */
    ev_tstamp committed_at; /* end of the last commit */
    ev_timer lazy;
    ev_timer tick;
    char counters[COUNTERS_MAX]; /* as sent last */
};

static struct audit *audit_of(struct role *role)
{
    return role->state;
}

static uint64_t segment_size(const struct role *role)
{
    return (uint64_t)role->config->audit[0].segment_size;
}

static void *create(struct role *role)
{
    struct audit *audit = xcalloc(1, sizeof(*audit));

    (void)role;
    audit->dir_fd = -1;
    return audit;
}

/* The directory comes again with each reload; its option needs a restart, so the first one stays.
 */
static bool take_file(struct role *role, const struct message_file *file, int fd, struct error *err)
{
    struct audit *audit = audit_of(role);
    bool wanted = file->kind == FILE_AUDIT_DIR;

    if (wanted && audit->dir_fd < 0 && !audit->commit) {
        audit->dir_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (audit->dir_fd < 0) {
            (void)err_set(err, REASON_FILE_UNREADABLE, "audit directory: %m");
            wanted = false;
        }
    } else if (!wanted) {
        (void)err_set(err, REASON_MSG_MALFORMED, "file of kind %u", file->kind);
    }
    (void)close(fd);
    return wanted;
}

/* Gives the directory to the service user and the readers' group, while we are still root. */
static bool hand_over(const struct role *role, int dir_fd, struct error *err)
{
    const char *group_name = role->config->audit[0].reader_group;
    const struct group *group = getgrnam(group_name);
    const struct passwd *user;
    char name[64];

    (void)snprintf(name, sizeof(name), "%s%s", role->config->gateway[0].user,
                   process_of(PROCESS_AUDIT)->user_suffix);
    user = getpwnam(name);
    if (!group || !user)
        return err_set(err, REASON_CONFIG_VALUE, "there is no %s %s", group ? "user" : "group",
                       group ? name : group_name);
    if (fchown(dir_fd, user->pw_uid, group->gr_gid) != 0 || fchmod(dir_fd, DIRECTORY_MODE) != 0)
        return err_set(err, REASON_FILE_WRITE, "audit directory: %m");
    return true;
}

/* --- what commit tells ------------------------------------------------------------------------ */

static void acked(void *context, uint64_t epoch, uint64_t counter)
{
    struct channel *decide = role_channel(context, PROCESS_DECIDE, 0);
    struct message_ack ack = {.epoch = epoch, .counter = counter};

    /* A lost ACK costs nothing: the next one includes it. */
    if (decide && !channel_send(decide, MESSAGE_ACK, &ack, -1))
        log_event(LOG_LEVEL_WARNING, "ack_not_sent", "%s", "");
}

static void state_changed(void *context, const struct error *state, bool low)
{
    struct channel *decide = role_channel(context, PROCESS_DECIDE, 0);
    struct message_audit_state message = {.reason = state->reason, .low = low};

    if (state->reason != REASON_OK)
        message.detail = bytes_of(state->detail);
    if (decide && !channel_send(decide, MESSAGE_AUDIT_STATE, &message, -1))
        log_event(LOG_LEVEL_ERROR, "audit_state_not_sent", "%s", "");
}

static const struct commit_calls commit_calls = {.acked = acked, .state = state_changed};

static bool prepare(struct role *role, struct error *err)
{
    struct audit *audit = audit_of(role);

    if (audit->dir_fd < 0)
        return err_set(err, REASON_SYSTEM, "no audit directory was handed over");
    if (geteuid() == 0 && !hand_over(role, audit->dir_fd, err))
        return false;
    (void)umask(0);
    audit->commit = commit_new(audit->dir_fd, &segment_real_disk, &commit_calls, role);
    audit->dir_fd = -1;
    return true;
}

/* --- the loop --------------------------------------------------------------------------------- */

static void on_turn(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    struct role *role = watcher->data;
    struct error why;

    (void)events;
    if (!audit_of(role)->due)
        return;
    audit_of(role)->due = false;
    ev_timer_stop(loop, &audit_of(role)->lazy);
    commit_flush(audit_of(role)->commit, segment_size(role));
    audit_of(role)->committed_at = ev_time();
    if (!commit_must_end(audit_of(role)->commit))
        return;
    (void)err_set(&why, REASON_AUDIT_UNAVAILABLE, "records came faster than the disk took them");
    role_die(role, &why);
}

static void on_lazy(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct role *role = timer->data;

    (void)loop;
    (void)events;
    audit_of(role)->due = true;
}

static void send_counters(struct role *role)
{
    struct audit *audit = audit_of(role);
    struct commit_counters now = commit_counters(audit->commit);
    char text[COUNTERS_MAX];
    struct message_counters message;

    (void)snprintf(text, sizeof(text),
                   "{\"available\":%s,\"batches\":%llu,\"file\":\"%s\",\"longest_commit_us\":%lld,"
                   "\"low\":%s,"
                   "\"pending\":%llu,\"records\":%llu}",
                   now.available ? "true" : "false", (unsigned long long)now.batches, now.file,
                   (long long)now.longest_us, now.low ? "true" : "false",
                   (unsigned long long)now.pending, (unsigned long long)now.records);
    if (strcmp(text, audit->counters) == 0)
        return;
    memcpy(audit->counters, text, sizeof(text));
    message.text = bytes_of(text);
    if (!channel_send(role->parent, MESSAGE_COUNTERS, &message, -1))
        audit->counters[0] = '\0'; /* again with the next tick */
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct role *role = timer->data;

    (void)loop;
    (void)events;
    commit_tick(audit_of(role)->commit, segment_size(role));
    audit_of(role)->due = true;
    send_counters(role);
}

static bool start(struct role *role, struct error *err)
{
    struct audit *audit = audit_of(role);

    (void)err;
    commit_start(audit->commit, segment_size(role));
    ev_prepare_init(&audit->turn, on_turn);
    audit->turn.data = role;
    ev_prepare_start(role->loop, &audit->turn);
    audit->due = true;
    ev_timer_init(&audit->lazy, on_lazy, LAZY_S, 0.0);
    audit->lazy.data = role;
    ev_timer_init(&audit->tick, on_tick, COMMIT_RETRY_S, COMMIT_RETRY_S);
    audit->tick.data = role;
    ev_timer_start(role->loop, &audit->tick);
    return true;
}

/* A new decide learns at once where we stand. */
static void channel_up(struct role *role, struct channel *channel)
{
    if (channel_peer(channel) == PROCESS_DECIDE && audit_of(role)->commit)
        commit_tell(audit_of(role)->commit);
}

/* A timer that is due earlier already stays. */
static void wait_for_neighbours(struct audit *audit, struct ev_loop *loop, ev_tstamp most_s)
{
    ev_tstamp since_s = ev_time() - audit->committed_at;

    if (audit->due || (most_s == GROUP_S && (since_s >= GROUP_S || since_s < 0))) {
        audit->due = true;
        return;
    }
    if (ev_is_active(&audit->lazy) && ev_timer_remaining(loop, &audit->lazy) <= most_s)
        return;
    ev_timer_stop(loop, &audit->lazy);
    ev_timer_set(&audit->lazy, most_s, 0.0);
    ev_timer_start(loop, &audit->lazy);
}

static void on_record(struct role *role, struct channel *from, const union message *msg, int fd)
{
    struct audit *audit = audit_of(role);

    (void)from;
    if (fd >= 0)
        (void)close(fd);
    wait_for_neighbours(audit, role->loop, msg->record.urgent ? GROUP_S : LAZY_S);
    commit_take(audit->commit, msg->record.epoch, msg->record.counter, msg->record.record);
}

static const struct role_handler handlers[] = {
    {MESSAGE_RECORD, on_record},
};

const struct role_calls audit_role = {
    .id = PROCESS_AUDIT,
    .create = create,
    .file = take_file,
    .prepare = prepare,
    .start = start,
    .channel_up = channel_up,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
};
