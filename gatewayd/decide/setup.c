/*
 * Setting up decide. Runs with root's rights until decide_prepare has returned; from then on
 * nothing can be opened and no name looked up.
 */
#include "gatewayd/decide/setup.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "gatewayd/decide/data.h"
#include "gatewayd/decide/handoff.h"
#include "gatewayd/decide/hosts.h"
#include "gatewayd/decide/preview.h"
#include "gatewayd/shared/xalloc.h"

#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <malloc.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <unistd.h>

enum { COUNTERS_MAX = 512 };

/* --- state and files -------------------------------------------------------------------------- */

void *decide_create(struct role *role)
{
    struct decide *decide = xcalloc(1, sizeof(*decide));

    /* glibc sets small chunks aside when they are freed and joins them all at once some time later:
     * a hundred milliseconds after a directory of 100,000 entries has gone. */
    (void)mallopt(M_MXFAST, 0);
    decide->role = role;
    decide->loop = role->loop;
    decide->started_ms = clock_monotonic_ms();
    decide->pam_fd = decide->control_fd = -1;
    decide->upstreams = upstreams_new();
    decide->pools = pools_new(decide);
    decide->hosts = hosts_new(decide);
    decide->identities = identity_cache_new(DECIDE_IDENTITIES_MAX);
    decide->texts = texts_new();
    decide->sessions = sessions_new();
    decide->data = data_new(decide);
    decide->resume = resume_new(decide);
    decide->handoff = handoff_new(decide);
    decide->preview = preview_new(decide);
    decide->strangers = strangers_new(clock_monotonic_ms());
    decide->reevaluate = reevaluate_new(decide);
    decide->directory_state = REASON_DIRECTORY_UNREACHABLE; /* nobody has said anything yet */
    return decide;
}

/* What comes again with a reload is the same as before. */
static void keep_first(int *kept, int fd)
{
    if (*kept < 0)
        *kept = fd;
    else
        (void)close(fd);
}

bool decide_file(struct role *role, const struct message_file *file, int fd, struct error *err)
{
    struct decide *decide = role->state;

    switch (file->kind) {
    case FILE_REGISTRY:
        if (!decide->registry)
            return registry_open(fd, &decide->registry, err);
        (void)close(fd);
        return true;
    case FILE_LOCKS:
        if (!decide->locks)
            return locks_open(fd, &decide->locks, err);
        (void)close(fd);
        return true;
    case FILE_UPSTREAM_DIR:
        upstreams_add(decide->upstreams, file->name, fd);
        return true;
    case FILE_LOCAL_USERS:
    case FILE_LOCAL_GROUPS:
        data_local_names(decide, (enum file_kind)file->kind, fd);
        return true;
    case FILE_PAM_SOCKET:
        keep_first(&decide->pam_fd, fd);
        return true;
    case FILE_CONTROL_SOCKET:
        keep_first(&decide->control_fd, fd);
        return true;
    default:
        (void)close(fd);
        return err_set(err, REASON_MSG_MALFORMED, "decide needs no file of kind %u", file->kind);
    }
}

/* --- before the sandbox ----------------------------------------------------------------------- */

static bool resolve_group(const char *name, uint32_t *ret_gid, struct error *err)
{
    const struct group *group = getgrnam(name);

    if (!group)
        return err_set(err, REASON_CONFIG_REFERENCE, "control: there is no group %s", name);
    *ret_gid = group->gr_gid;
    return true;
}

static bool resolve_groups(struct decide *decide, struct error *err)
{
    const struct config_control *control = decide->role->config->control;

    return resolve_group(control->read, &decide->groups.read, err) &&
           resolve_group(control->lock, &decide->groups.lock, err) &&
           resolve_group(control->admin, &decide->groups.admin, err);
}

static void read_boot_id(struct decide *decide)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, decide->boot_id, 36);

    if (fd >= 0)
        (void)close(fd);
    decide->boot_id[n == 36 ? 36 : 0] = '\0';
}

/* Where connects by relative names return to: the empty root, or "/" without privilege. */
static bool open_home(struct decide *decide, struct error *err)
{
    char path[256];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/empty", decide->role->config->gateway->run_dir);
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, REASON_SYSTEM, "/: %m");
    upstreams_set_home(decide->upstreams, fd);
    return true;
}

/* libcrypto, libc and jansson open files at their first use: it must lie before the sandbox. */
static void warm_up(void)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char text[32];

    SHA256((const uint8_t *)"", 0, digest);
    text_format_time_ms(0, text);
    json_object_seed(0);
}

bool decide_prepare(struct role *role, struct error *err)
{
    struct decide *decide = role->state;

    decide->own_uid = geteuid();
    read_boot_id(decide);
    warm_up();
    return resolve_groups(decide, err) && open_home(decide, err);
}

/* --- counters --------------------------------------------------------------------------------- */

static void send_counters(struct decide *decide)
{
    const struct decide_counters *now = &decide->counters;
    char text[COUNTERS_MAX];
    struct message_counters msg;

    (void)snprintf(text, sizeof(text),
                   "{\"allowed\":%llu,\"denied\":%llu,\"ended\":%llu,\"identities\":%zu,"
                   "\"judged\":%llu,\"live\":%zu,\"opened\":%llu,\"records_waiting\":%zu}",
                   (unsigned long long)now->allowed, (unsigned long long)now->denied,
                   (unsigned long long)now->ended, identity_cache_count(decide->identities),
                   (unsigned long long)now->judged, sessions_count_live(decide->sessions),
                   (unsigned long long)now->opened, ledger_waiting(decide->ledger));
    if (strcmp(text, decide->counters_sent) == 0)
        return;
    msg.text = bytes_of(text);
    if (channel_send(decide->role->parent, MESSAGE_COUNTERS, &msg, -1))
        (void)snprintf(decide->counters_sent, sizeof(decide->counters_sent), "%s", text);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    send_counters(timer->data);
    record_preauth_counts(timer->data);
    pools_tick(((struct decide *)timer->data)->pools);
}

/* --- start ------------------------------------------------------------------------------------ */

static void found_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct error *first = context;

    log_error("mapping_refused", err, "file=%s line=%u", file, line);
    if (first->reason != REASON_OK)
        return;
    *first = *err;
    (void)err_in(first, "%s:%u", file, line);
}

static bool compile_mappings(struct decide *decide, struct error *err)
{
    struct error first = {.reason = REASON_OK};
    struct config_errors errors = {.found = found_error, .context = &first};
    struct mapping_set *set;

    if (!mapping_compile(decide->role->config, &errors, &set)) {
        *err = first;
        return false;
    }
    decide_forget_evaluation(decide);
    (void)mapping_free(decide->mappings);
    decide->mappings = set;
    decide_who_changed(decide);
    return true;
}

static void ask_whois(void *context, uint64_t cookie, uint32_t pid, uint32_t uid)
{
    struct decide *decide = context;
    struct message_whois msg = {.cookie = cookie, .pid = pid, .uid = uid};

    (void)!channel_send(decide->role->parent, MESSAGE_WHOIS, &msg, -1); /* the deadline answers */
}

static bool open_sockets(struct decide *decide, struct error *err)
{
    struct local_calls pam = {.request = pam_request, .whois = ask_whois, .context = decide};
    struct local_calls control = {
        .request = control_request, .whois = ask_whois, .context = decide};

    if (decide->pam_fd >= 0 && !local_server_new(decide->loop, decide->pam_fd, SOCKET_PAM,
                                                 decide->own_uid, &pam, &decide->pam, err))
        return false;
    if (decide->control_fd >= 0 &&
        !local_server_new(decide->loop, decide->control_fd, SOCKET_CONTROL, decide->own_uid,
                          &control, &decide->control, err))
        return false;
    if (decide->control)
        local_server_set_groups(decide->control, &decide->groups);
    return true;
}

bool decide_start(struct role *role, struct error *err)
{
    struct decide *decide = role->state;

    if (!decide->registry)
        return err_set(err, REASON_SYSTEM, "no session registry has come");
    if (!compile_mappings(decide, err))
        return false;
    decide->epoch = registry_next_epoch(decide->registry, clock_realtime_ms());
    decide->ledger = ledger_new(decide->loop, decide->epoch);
    pools_configure(decide->pools);
    if (!open_sockets(decide, err))
        return false;
    ev_timer_init(&decide->tick, on_tick, 1.0, 1.0);
    decide->tick.data = decide;
    ev_timer_start(decide->loop, &decide->tick);
    resume_begin(decide);
    return true;
}

/* Names can be looked up at the start only: a sandboxed process has no /etc. */
static bool groups_differ(const struct config *before, const struct config *after)
{
    return strcmp(before->control->read, after->control->read) != 0 ||
           strcmp(before->control->lock, after->control->lock) != 0 ||
           strcmp(before->control->admin, after->control->admin) != 0;
}

bool decide_reconfigure(struct role *role, const struct config *before, struct error *err)
{
    struct decide *decide = role->state;

    if (groups_differ(before, role->config))
        return err_set(err, REASON_CONFIG_VALUE, "%s:%u: control: other groups need a restart",
                       role->config->control->place.file ? role->config->control->place.file : "",
                       role->config->control->place.line);
    if (!compile_mappings(decide, err))
        return false;
    if (!decide_directory(decide))
        decide->replica = replica_free(decide->replica);
    pools_configure(decide->pools);
    reevaluate_plan_stale(decide);
    reevaluate_all(decide, CAUSE_POLICY);
    return true;
}

/* --- channels --------------------------------------------------------------------------------- */

void decide_channel_up(struct role *role, struct channel *channel)
{
    struct decide *decide = role->state;
    uint32_t slot = channel_peer_slot(channel);

    switch (channel_peer(channel)) {
    case PROCESS_EDGE:
        if (slot < DECIDE_EDGES_MAX)
            decide->edges[slot] = channel;
        break;
    case PROCESS_AUDIT:
        ledger_channel(decide->ledger, channel);
        break;
    case PROCESS_DIRECTORY:
        decide->directory = channel;
        pools_ask_all(decide->pools);
        break;
    default:
        break;
    }
}

void decide_channel_down(struct role *role, struct channel *channel, const struct error *why)
{
    struct decide *decide = role->state;
    uint32_t slot = channel_peer_slot(channel);

    (void)why;
    switch (channel_peer(channel)) {
    case PROCESS_EDGE:
        if (slot < DECIDE_EDGES_MAX && decide->edges[slot] == channel)
            edges_lost(decide, slot);
        break;
    case PROCESS_AUDIT:
        ledger_channel(decide->ledger, NULL);
        break;
    case PROCESS_DIRECTORY:
        if (decide->directory == channel)
            decide->directory = NULL;
        decide->directory_state = REASON_DIRECTORY_UNREACHABLE; /* the replica stays, and ages */
        break;
    default:
        break;
    }
}

static void end_for_audit(void *context, struct session *session)
{
    (void)context;
    if (session->state == SESSION_LIVE)
        session_end(session, REASON_AUDIT_UNAVAILABLE, "");
}

void decide_audit_state(struct decide *decide, const struct message_audit_state *msg)
{
    enum reason state = msg->reason == REASON_OK ? REASON_OK : REASON_AUDIT_UNAVAILABLE;

    if (state != ledger_state(decide->ledger))
        log_event(state == REASON_OK ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "audit_state",
                  "reason=%s detail=%s", reason_name(state), log_quoted(msg->detail));
    ledger_set_state(decide->ledger, state);
    strangers_set_low(decide->strangers, msg->low);
    if (state != REASON_OK && decide->role->config->audit->on_loss == CONFIG_ON_LOSS_KILL)
        sessions_each(decide->sessions, end_for_audit, NULL);
}

void decide_destroy(struct decide *decide)
{
    ev_timer_stop(decide->loop, &decide->tick);
    control_clear(decide);
    (void)local_server_free(decide->pam);
    (void)local_server_free(decide->control);
    (void)sessions_free(decide->sessions);
    (void)reevaluate_free(decide->reevaluate);
    (void)texts_free(decide->texts);
    (void)resume_free(decide->resume);
    (void)handoff_free(decide->handoff);
    (void)preview_free(decide->preview);
    (void)strangers_free(decide->strangers);
    (void)replica_free(decide->replica);
    (void)data_free(decide->data);
    (void)policy_free(decide->policy);
    (void)mapping_free(decide->mappings);
    (void)ledger_free(decide->ledger);
    (void)locks_free(decide->locks);
    (void)identity_cache_free(decide->identities);
    (void)pools_free(decide->pools);
    (void)hosts_free(decide->hosts);
    (void)upstreams_free(decide->upstreams);
    (void)registry_free(decide->registry);
    free(decide);
}
