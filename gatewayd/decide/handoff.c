/*
 * Handing over to another decide in order, at an upgrade: what was asked is answered, what was
 * recorded is durable, and only then the process ends. Runs in decide; edges are not trusted to
 * answer: the time is limited, and what is left over then is closed as after a crash.
 */
#include "gatewayd/decide/handoff.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/shared/xalloc.h"

#include <unistd.h>

#define LOOK_S 0.005 /* how often it looks whether it may end */

enum {
    LIMIT_MAX_MS = 60000, /* whatever the parent says */
    LAST_WORD_MS = 200,   /* from HOLD{all} on: records become durable, edges say HELD */
};

struct handoff {
    struct decide *decide;
    bool waits_for[DECIDE_EDGES_MAX]; /* HELD of this edge */
    bool all;                         /* HOLD{all} went out */
    int64_t deadline_ms;
    ev_timer look;
};

static void hold(struct handoff *handoff, bool all)
{
    struct message_hold msg = {.all = all};

    handoff->all = all;
    for (size_t i = 0; i < DECIDE_EDGES_MAX; i++) {
        struct channel *edge = handoff->decide->edges[i];

        handoff->waits_for[i] = edge && channel_send(edge, MESSAGE_HOLD, &msg, -1);
    }
}

static bool waits_for_edges(const struct handoff *handoff)
{
    for (size_t i = 0; i < DECIDE_EDGES_MAX; i++)
        if (handoff->waits_for[i] && handoff->decide->edges[i])
            return true;
    return false;
}

/* Grants are in this memory alone: a login between its two questions is waited for. */
static void count_busy(void *context, struct session *session)
{
    bool granted = session->state == SESSION_LIVE && session->pam == SESSION_PAM_CONFIRMED;

    *(size_t *)context += session->state == SESSION_OPENING || granted || session->renewal;
}

static size_t count_requests(const struct decide *decide)
{
    return (decide->pam ? local_server_count(decide->pam) : 0) +
           (decide->control ? local_server_count(decide->control) : 0);
}

static bool is_idle(const struct decide *decide)
{
    size_t n = 0;

    sessions_each(decide->sessions, count_busy, &n);
    return n == 0 && count_requests(decide) == 0 && !reevaluate_is_busy(decide);
}

static bool is_told(const struct decide *decide)
{
    for (size_t i = 0; i < DECIDE_EDGES_MAX; i++)
        if (decide->edges[i] && channel_queued(decide->edges[i]) > 0)
            return false;
    return ledger_waiting(decide->ledger) == 0 && channel_queued(decide->role->parent) == 0;
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct handoff *handoff = timer->data;
    struct decide *decide = handoff->decide;
    bool late = clock_monotonic_ms() >= handoff->deadline_ms;

    (void)loop;
    (void)events;
    if (!handoff->all) {
        if (!late && (waits_for_edges(handoff) || !is_idle(decide)))
            return;
        hold(handoff, true);
        handoff->deadline_ms = clock_monotonic_ms() + LAST_WORD_MS;
        return;
    }
    if (!late && (waits_for_edges(handoff) || !is_told(decide)))
        return;
    log_event(LOG_LEVEL_INFO, "retired", "records=%zu", ledger_waiting(decide->ledger));
    _exit(0);
}

struct handoff *handoff_new(struct decide *decide)
{
    struct handoff *handoff = xcalloc(1, sizeof(*handoff));

    handoff->decide = decide;
    ev_init(&handoff->look, on_look);
    handoff->look.data = handoff;
    handoff->look.repeat = LOOK_S;
    return handoff;
}

struct handoff *handoff_free(struct handoff *handoff)
{
    if (!handoff)
        return NULL;
    ev_timer_stop(handoff->decide->loop, &handoff->look);
    free(handoff);
    return NULL;
}

void handoff_begin(struct decide *decide, const struct message_retire *msg)
{
    struct handoff *handoff = decide->handoff;
    int64_t limit_ms =
        msg->limit_ms > 0 && msg->limit_ms < LIMIT_MAX_MS ? msg->limit_ms : LIMIT_MAX_MS;

    if (ev_is_active(&handoff->look))
        return;
    handoff->deadline_ms = clock_monotonic_ms() + limit_ms;
    hold(handoff, false);
    ev_timer_again(decide->loop, &handoff->look);
}

void handoff_held(struct decide *decide, uint32_t edge_slot, const struct message_held *msg)
{
    if (edge_slot < DECIDE_EDGES_MAX && msg->all == decide->handoff->all)
        decide->handoff->waits_for[edge_slot] = false;
}
