/*
 * Policy sets as they arrive. Runs in decide; load is trusted with the content, and its octets are
 * checked like all others.
 */
#include "gatewayd/decide/data_policy.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/xalloc.h"

#include <unistd.h>

enum {
    POLICY_OCTETS_MAX = 256 << 20,
    SLICE_US = 2000, /* of one loop turn ... */
    STEP_RULES = 64, /* ... of which so many rules take a fraction */
};

struct data_policy {
    struct decide *decide;
    struct policy_decoder *decoder; /* NULL: none is being read */
    struct bytes octets;
    struct hash version;
    ev_timer slice;
};

static void drop(struct data_policy *data)
{
    ev_timer_stop(data->decide->loop, &data->slice);
    data->decoder = policy_decoder_free(data->decoder);
    memfd_unmap(data->octets);
    data->octets = (struct bytes){0};
}

/* What waits for the policy may have nothing left to wait for. */
static void tell_waiting(struct decide *decide)
{
    if (!reevaluate_is_busy(decide))
        control_pass_done(decide);
}

static void refuse(struct data_policy *data, const struct error *err)
{
    log_error("policy_refused", err, "%s", ""); /* the last good one stays */
    drop(data);
    tell_waiting(data->decide);
}

static void put_in_force(struct data_policy *data)
{
    struct decide *decide = data->decide;

    decide_forget_evaluation(decide);
    (void)policy_free(decide->policy);
    decide->policy = policy_decoder_take(data->decoder);
    decide->policy_version = data->version;
    drop(data);
    log_event(LOG_LEVEL_INFO, "policy", "rules=%zu", policy_n_rules(decide->policy));
    reevaluate_all(decide, CAUSE_POLICY);
    tell_waiting(decide);
}

static void read_slice(struct data_policy *data)
{
    int64_t end_us = clock_monotonic_us() + SLICE_US;
    bool done = false;
    struct error err;

    do {
        if (!policy_decoder_step(data->decoder, STEP_RULES, &done, &err)) {
            refuse(data, &err);
            return;
        }
    } while (!done && clock_monotonic_us() < end_us);
    if (done) {
        put_in_force(data);
        return;
    }
    ev_timer_set(&data->slice, 0.0, 0.0);
    ev_timer_start(data->decide->loop, &data->slice);
}

static void on_slice(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    read_slice(timer->data);
}

void data_policy_begin(struct data_policy *data, const struct message_policy *msg, int fd)
{
    struct error err;

    drop(data);
    if (fd < 0) {
        (void)err_set(&err, REASON_MSG_MALFORMED, "no descriptor");
        refuse(data, &err);
        return;
    }
    if (!memfd_map(fd, POLICY_OCTETS_MAX, &data->octets, &err)) {
        (void)close(fd);
        refuse(data, &err);
        return;
    }
    (void)close(fd); /* the mapping stays */
    data->version = msg->version;
    data->decoder = policy_decoder_new(data->octets);
    read_slice(data);
}

bool data_policy_is_busy(const struct data_policy *data)
{
    return data->decoder != NULL;
}

struct data_policy *data_policy_new(struct decide *decide)
{
    struct data_policy *data = xcalloc(1, sizeof(*data));

    data->decide = decide;
    ev_init(&data->slice, on_slice);
    data->slice.data = data;
    return data;
}

struct data_policy *data_policy_free(struct data_policy *data)
{
    if (!data)
        return NULL;
    drop(data);
    free(data);
    return NULL;
}
