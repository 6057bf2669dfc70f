/*
 * Policy, replica and trust generation as they arrive. Runs in decide; load and directory are
 * trusted with the content, and their octets are checked like all others.
 */
#include "gatewayd/decide/data.h"

#include "common/log.h"
#include "gatewayd/decide/data_policy.h"
#include "gatewayd/decide/data_snapshot.h"
#include "gatewayd/decide/hosts.h"
#include "gatewayd/shared/local_names_read.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <unistd.h>

enum {
    CHANGE_OCTETS_MAX = 64 << 20,
};

struct data {
    struct decide *decide;
    struct data_policy *policy;
    struct data_snapshot *snapshot;
    struct local_names *local_users, *local_groups; /* borrowed by the replica */
};

/* --- policy and trust ------------------------------------------------------------------------- */

void data_policy(struct decide *decide, const struct message_policy *msg, int fd)
{
    data_policy_begin(decide->data->policy, msg, fd);
}

bool data_is_busy(const struct decide *decide)
{
    return data_policy_is_busy(decide->data->policy);
}

/* What is in it matters to the edges alone; decide must know which verdicts of theirs are old. */
void data_trust(struct decide *decide, const struct message_trust *msg, int fd)
{
    if (fd >= 0)
        (void)close(fd);
    decide->trust_generation = msg->generation;
}

/* --- the replica ------------------------------------------------------------------------------ */

static void affected_user(void *context, const char *user)
{
    reevaluate_user(context, user, CAUSE_DIRECTORY);
}

static void affected_host(void *context, const char *host)
{
    hosts_changed(context, host);
}

/* A replica that misses a change is none: a new decide gets a whole one. */
static void apply(struct decide *decide, struct bytes octets)
{
    struct replica_affected affected = {
        .user = affected_user, .context = decide, .host = affected_host};
    struct error err;

    decide_who_changed(decide);
    if (!replica_apply(decide->replica, octets, &affected, &err))
        role_die(decide->role, &err);
}

static void set_as_of(struct decide *decide, int64_t as_of_ms)
{
    if (!decide->replica)
        return;
    replica_set_as_of_ms(decide->replica, as_of_ms);
    reevaluate_plan_stale(decide);
}

static bool replica_options_of(const struct decide *decide, struct replica_options *ret_options,
                               struct error *err)
{
    static const char *const schemas[] = {
        [CONFIG_SCHEMA_RFC2307] = "rfc2307", [CONFIG_SCHEMA_RFC2307BIS] = "rfc2307bis"};
    const struct config_directory *directory = decide_directory(decide);

    if (!directory || (size_t)directory->schema >= ARRAY_LEN(schemas))
        return err_set(err, REASON_CONFIG_MISSING, "no directory is configured");
    *ret_options = (struct replica_options){.schema = schemas[directory->schema],
                                            .min_id = (uint32_t)directory->min_id,
                                            .local_users = decide->data->local_users,
                                            .local_groups = decide->data->local_groups};
    return mapping_replica_options(decide->role->config, ret_options, err);
}

/* What is refused leaves what was known; nothing known denies everybody. */
void data_local_names(struct decide *decide, enum file_kind kind, int fd)
{
    struct data *data = decide->data;
    struct local_names *names = kind == FILE_LOCAL_USERS ? data->local_users : data->local_groups;
    bool changed = false;
    struct error err;

    if (!local_names_read(fd, names, &changed, &err))
        log_error("local_names_refused", &err, "%s", "");
    if (!changed)
        return;
    decide_who_changed(decide);
    if (decide->replica)
        reevaluate_all(decide, CAUSE_DIRECTORY);
}

void data_snapshot(struct decide *decide, const struct message_snapshot *msg, int fd)
{
    struct replica_options options;
    struct error err;

    if (replica_options_of(decide, &options, &err)) {
        data_snapshot_begin(decide->data->snapshot, &options, msg, fd);
        return;
    }
    log_error("snapshot_refused", &err, "%s", "");
    if (fd >= 0)
        (void)close(fd);
}

void data_change(struct decide *decide, struct bytes change, int64_t as_of_ms)
{
    struct data_snapshot *snapshot = decide->data->snapshot;

    if (data_snapshot_is_busy(snapshot)) {
        data_snapshot_change(snapshot, change, as_of_ms);
    } else if (decide->replica) {
        apply(decide, change);
        set_as_of(decide, as_of_ms);
    }
}

void data_change_memfd(struct decide *decide, const struct message_change_memfd *msg, int fd)
{
    struct bytes octets;
    struct error err;

    if (fd < 0)
        return;
    if (memfd_map(fd, CHANGE_OCTETS_MAX, &octets, &err)) {
        data_change(decide, octets, msg->as_of_ms);
        memfd_unmap(octets);
    } else {
        role_die(decide->role, &err); /* see apply */
    }
    (void)close(fd);
}

void data_as_of(struct decide *decide, const struct message_as_of *msg)
{
    struct data_snapshot *snapshot = decide->data->snapshot;

    decide->directory_state =
        msg->reason < REASON__COUNT ? (enum reason)msg->reason : REASON_DIRECTORY_BAD_ANSWER;
    (void)snprintf(decide->directory_server, sizeof(decide->directory_server), "%.*s",
                   msg->server.len > 200 ? 200 : (int)msg->server.len,
                   (const char *)msg->server.at);
    if (data_snapshot_is_busy(snapshot))
        data_snapshot_as_of(snapshot, msg->as_of_ms);
    else
        set_as_of(decide, msg->as_of_ms);
}

struct data *data_new(struct decide *decide)
{
    struct data *data = xcalloc(1, sizeof(*data));

    data->decide = decide;
    data->policy = data_policy_new(decide);
    data->snapshot = data_snapshot_new(decide);
    data->local_users = local_names_new();
    data->local_groups = local_names_new();
    return data;
}

struct data *data_free(struct data *data)
{
    if (!data)
        return NULL;
    (void)data_snapshot_free(data->snapshot);
    (void)data_policy_free(data->policy);
    (void)local_names_free(data->local_users);
    (void)local_names_free(data->local_groups);
    free(data);
    return NULL;
}
