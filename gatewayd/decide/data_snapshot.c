/*
 * Snapshots of the directory as they arrive. Runs in decide; `directory` is trusted with the
 * content, and its octets are checked like all others.
 */
#include "gatewayd/decide/data_snapshot.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/xalloc.h"

#include <unistd.h>

enum {
    SLICE_US = 2000,   /* of one loop turn ... */
    STEP_ENTRIES = 32, /* ... of which so many entries take a fraction */
    WAITING_MAX = 4096 /* changes that come while a snapshot is read */
};

/* A change that came while a snapshot is being read: applied to it afterwards. */
struct waiting {
    struct bytes octets;
    struct waiting *next;
};

struct data_snapshot {
    struct decide *decide;
    struct replica_decoder *decoder; /* NULL: none is being read */
    struct bytes octets;
    struct replica *next; /* read; changes are still waiting */
    int64_t as_of_ms;     /* of the snapshot and of what came behind it */
    struct waiting *first, **last;
    size_t n_waiting;
    struct replica *old; /* being freed; NULL: none */
    ev_timer slice;
};

static void again(struct data_snapshot *data)
{
    if (ev_is_active(&data->slice) || (!data_snapshot_is_busy(data) && !data->old))
        return;
    ev_timer_set(&data->slice, 0.0, 0.0);
    ev_timer_start(data->decide->loop, &data->slice);
}

static struct waiting *drop_first(struct data_snapshot *data)
{
    struct waiting *first = data->first;

    data->first = first->next;
    if (!data->first)
        data->last = &data->first;
    data->n_waiting--;
    free((void *)first->octets.at);
    free(first);
    return data->first;
}

/* What is read; the old replica goes on to go. */
static void drop(struct data_snapshot *data)
{
    data->decoder = replica_decoder_free(data->decoder);
    data->next = replica_free(data->next);
    memfd_unmap(data->octets);
    data->octets = (struct bytes){0};
    while (data->first)
        (void)drop_first(data);
}

/* --- slices ----------------------------------------------------------------------------------- */

static void put_in_force(struct data_snapshot *data)
{
    struct decide *decide = data->decide;

    (void)replica_free(data->old); /* two within a second: the one before at once */
    data->old = decide->replica;
    decide->replica = STEAL(data->next);
    decide_who_changed(decide);
    replica_set_as_of_ms(decide->replica, data->as_of_ms);
    reevaluate_plan_stale(decide);
    log_event(LOG_LEVEL_INFO, "directory_snapshot", "users=%zu groups=%zu",
              replica_count(decide->replica, REPLICA_USER),
              replica_count(decide->replica, REPLICA_GROUP));
    reevaluate_all(decide, CAUSE_DIRECTORY);
}

static void read_some(struct data_snapshot *data)
{
    bool done = false;
    struct error err;

    if (!replica_decoder_step(data->decoder, STEP_ENTRIES, &done, &err)) {
        log_error("snapshot_refused", &err, "%s", "");
        drop(data);
    } else if (done) {
        data->next = replica_decoder_take(data->decoder);
        data->decoder = replica_decoder_free(data->decoder);
        memfd_unmap(data->octets);
        data->octets = (struct bytes){0};
    }
}

/* Nobody is told whom a change concerns: everybody is judged again anyway. A replica that misses a
 * change is none: a new decide gets a whole one. */
static void catch_up(struct data_snapshot *data)
{
    struct error err;

    if (!data->first)
        put_in_force(data);
    else if (replica_apply(data->next, data->first->octets, NULL, &err))
        (void)drop_first(data);
    else
        role_die(data->decide->role, &err);
}

static void step(struct data_snapshot *data)
{
    if (data->decoder)
        read_some(data);
    else if (data->next)
        catch_up(data);
    else if (data->old)
        data->old = replica_free_some(data->old, STEP_ENTRIES);
}

static void run(struct data_snapshot *data, int64_t end_us)
{
    do
        step(data);
    while ((data_snapshot_is_busy(data) || data->old) && clock_monotonic_us() < end_us);
    again(data);
}

static void on_slice(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    run(timer->data, clock_monotonic_us() + SLICE_US);
}

/* --- what comes ------------------------------------------------------------------------------- */

static bool begin(struct data_snapshot *data, const struct replica_options *options, int fd,
                  struct error *err)
{
    if (fd < 0)
        return err_set(err, REASON_MSG_MALFORMED, "no descriptor");
    return memfd_map(fd, REPLICA_SNAPSHOT_MAX, &data->octets, err) &&
           replica_decoder_new(options, data->octets, &data->decoder, err);
}

void data_snapshot_begin(struct data_snapshot *data, const struct replica_options *options,
                         const struct message_snapshot *msg, int fd)
{
    struct error err;
    bool good;

    drop(data);
    good = begin(data, options, fd, &err);
    if (fd >= 0)
        (void)close(fd); /* the mapping stays */
    if (!good) {
        log_error("snapshot_refused", &err, "%s", "");
        drop(data);
        return;
    }
    data->as_of_ms = msg->as_of_ms;
    run(data, clock_monotonic_us() + SLICE_US);
}

bool data_snapshot_is_busy(const struct data_snapshot *data)
{
    return data->decoder || data->next;
}

void data_snapshot_change(struct data_snapshot *data, struct bytes octets, int64_t as_of_ms)
{
    struct waiting *waiting = xcalloc(1, sizeof(*waiting));

    waiting->octets = xbytes(octets);
    *data->last = waiting;
    data->last = &waiting->next;
    data->n_waiting++;
    data_snapshot_as_of(data, as_of_ms);
    while (data->n_waiting > WAITING_MAX) /* at once: the memory that waits is bounded */
        step(data);
}

void data_snapshot_as_of(struct data_snapshot *data, int64_t as_of_ms)
{
    if (as_of_ms > data->as_of_ms)
        data->as_of_ms = as_of_ms;
}

/* --- life ------------------------------------------------------------------------------------- */

struct data_snapshot *data_snapshot_new(struct decide *decide)
{
    struct data_snapshot *data = xcalloc(1, sizeof(*data));

    data->decide = decide;
    data->last = &data->first;
    ev_init(&data->slice, on_slice);
    data->slice.data = data;
    return data;
}

struct data_snapshot *data_snapshot_free(struct data_snapshot *data)
{
    if (!data)
        return NULL;
    ev_timer_stop(data->decide->loop, &data->slice);
    drop(data);
    (void)replica_free(data->old);
    free(data);
    return NULL;
}
