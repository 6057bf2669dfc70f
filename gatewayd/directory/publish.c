/*
 * What decide is told: the whole replica as a sealed memfd, changes one by one, and every second
 * how fresh it all is. Runs in directory. When the channel takes no more, a snapshot makes up for
 * it.
 */
#include "gatewayd/directory/following.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/shared/memfd.h"

#include <stdio.h>
#include <unistd.h>

enum {
    CHANGE_ROOM = MESSAGE_MAX - 64, /* octets of a change beside the other fields */
    KEEP_S = 30,                    /* decide has read a snapshot by then */
};

static struct channel *decide_of(const struct following *following)
{
    return role_channel(following->role, PROCESS_DECIDE, 0);
}

static int64_t as_of_of(const struct following *following)
{
    return replica_as_of_ms(filler_replica(following->filler));
}

/* The last holder of a large memfd frees its pages, which takes tens of milliseconds: that is to be
 * this process, which may stand still, and not decide. */
static void keep_for_a_while(struct following *following, int fd)
{
    if (following->sent_fd >= 0)
        (void)close(following->sent_fd);
    following->sent_fd = fd;
    following->sent_s = KEEP_S;
}

static void keep_no_longer(struct following *following)
{
    if (following->sent_fd < 0 || --following->sent_s > 0)
        return;
    (void)close(following->sent_fd);
    following->sent_fd = -1;
}

static bool send_memfd(struct following *following, enum message_id id, const void *msg,
                       const char *name, struct bytes octets)
{
    struct error err;
    int fd = memfd_new(name, octets, &err);
    bool sent;

    if (fd < 0) {
        log_error("memfd_failed", &err, "%s", "");
        return false;
    }
    sent = channel_send(decide_of(following), id, msg, fd);
    keep_for_a_while(following, fd);
    return sent;
}

/* --- changes --- */

static void change_send(struct following *following, struct writer *change)
{
    struct channel *decide = decide_of(following);
    struct bytes octets = writer_bytes(change);
    struct message_change small = {.change = octets, .as_of_ms = as_of_of(following)};
    struct message_change_memfd large = {.length = octets.len, .as_of_ms = small.as_of_ms};
    bool sent;

    following->n_changes++;
    if (!decide || following->snapshot_due)
        return; /* the snapshot will hold it */
    if (octets.len <= CHANGE_ROOM)
        sent = channel_send(decide, MESSAGE_CHANGE, &small, -1);
    else
        sent = send_memfd(following, MESSAGE_CHANGE_MEMFD, &large, "change", octets);
    following->snapshot_due = !sent;
}

void publish_put(struct following *following, const struct replica_entry *entry)
{
    AUTO(writer_clear) struct writer change = writer_new((size_t)REPLICA_ENTRY_MAX * 2);

    replica_encode_put(filler_replica(following->filler), entry, &change);
    change_send(following, &change);
}

void publish_removed(struct following *following, const struct replica_uuid *uuid)
{
    AUTO(writer_clear) struct writer change = writer_new(64);

    replica_encode_remove(uuid, &change);
    change_send(following, &change);
}

/* --- everything --- */

void publish_snapshot(struct following *following)
{
    AUTO(writer_clear) struct writer all = writer_new(REPLICA_SNAPSHOT_MAX);
    struct channel *decide = decide_of(following);
    struct message_snapshot snapshot = {.as_of_ms = as_of_of(following)};

    following->snapshot_due = false;
    if (!decide || snapshot.as_of_ms < 0)
        return;
    replica_encode(filler_replica(following->filler), &all);
    if (!writer_ok(&all)) {
        log_event(LOG_LEVEL_ERROR, "snapshot_too_large", "%s", "");
        return;
    }
    snapshot.length = writer_bytes(&all).len;
    if (send_memfd(following, MESSAGE_SNAPSHOT, &snapshot, "replica", writer_bytes(&all)))
        following->n_snapshots++;
    else
        following->snapshot_due = true;
}

/* --- every second --- */

static void as_of_send(struct following *following)
{
    struct channel *decide = decide_of(following);
    struct message_as_of as_of = {.as_of_ms = as_of_of(following),
                                  .server = bytes_of(source_name(following)),
                                  .reason = following->state.reason};

    /* One that is lost is followed by another in a second. */
    if (decide && !channel_send(decide, MESSAGE_AS_OF, &as_of, -1))
        log_event(LOG_LEVEL_WARNING, "as_of_not_sent", "%s", "");
}

static void counters_send(struct following *following)
{
    const struct replica *replica = filler_replica(following->filler);
    char text[sizeof(following->counters)];
    struct message_counters message;

    (void)snprintf(text, sizeof(text),
                   "{\"changes\":%llu,\"groups\":%zu,\"nss_dropped\":%zu,\"nss_generation\":%llu,"
                   "\"reason\":\"%s\",\"snapshots\":%llu,\"users\":%zu}",
                   (unsigned long long)following->n_changes, replica_count(replica, REPLICA_GROUP),
                   following->nss_dropped, (unsigned long long)following->nss_generation,
                   reason_name(following->state.reason), (unsigned long long)following->n_snapshots,
                   replica_count(replica, REPLICA_USER));
    if (strcmp(text, following->counters) == 0)
        return;
    message.text = bytes_of(text);
    if (channel_send(following->role->parent, MESSAGE_COUNTERS, &message, -1))
        memcpy(following->counters, text, sizeof(text));
}

void publish_tick(struct following *following)
{
    if (following->snapshot_due)
        publish_snapshot(following);
    as_of_send(following);
    counters_send(following);
    keep_no_longer(following);
}
