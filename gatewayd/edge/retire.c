/*
 * The end of an edge that has sessions left, and the hand-over of its decide. Runs in an edge; the
 * parent says who retires, decide when it hands over.
 */
#include "gatewayd/edge/retire.h"

#include "common/log.h"
#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/listener.h"

#include <unistd.h>

#define LOOK_S 0.25 /* how often a retired edge looks whether it has become empty */

static bool everything_is_told(struct edge *edge)
{
    struct channel *decide = role_channel(edge->role, PROCESS_DECIDE, 0);

    return edge->n_untold == 0 && (!decide || channel_queued(decide) == 0) &&
           channel_queued(edge->role->parent) == 0;
}

/* The kernel sends what lies in the sockets of farewells; their two seconds are not waited for. */
static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct edge *edge = timer->data;

    (void)loop;
    (void)events;
    if (edge->first || edge->n_farewells > 0 || !everything_is_told(edge))
        return;
    log_event(LOG_LEVEL_INFO, "retired", "%s", "");
    _exit(0);
}

void retire_init(struct edge *edge)
{
    ev_init(&edge->retire_timer, on_look);
    edge->retire_timer.data = edge;
    edge->retire_timer.repeat = LOOK_S;
}

static void end_when_empty(struct edge *edge)
{
    listener_pause(edge, PAUSE_DRAIN);
    if (!ev_is_active(&edge->retire_timer))
        ev_timer_again(edge->role->loop, &edge->retire_timer);
}

void retire_begin(struct edge *edge)
{
    end_when_empty(edge);
    listener_close_all(edge);
}

void retire_drain(struct edge *edge, bool now)
{
    struct connection *c, *next;

    end_when_empty(edge);
    for (c = now ? edge->first : NULL; c; c = next) {
        next = c->next;
        if (c->phase != PHASE_ENDED)
            (void)connection_end(c, REASON_DRAINED, LAST_WORD_NONE);
    }
}

/* --- another decide --------------------------------------------------------------------------- */

void retire_hold(struct edge *edge, const struct message_hold *msg)
{
    struct message_held held = {.all = msg->all};
    struct channel *decide = role_channel(edge->role, PROCESS_DECIDE, 0);

    edge->hold = msg->all ? EDGE_HOLD_ALL : EDGE_HOLD_OPENS;
    if (!decide || !channel_send(decide, MESSAGE_HELD, &held, -1))
        log_event(LOG_LEVEL_WARNING, "message_not_sent",
                  "message=HELD"); /* decide waits no longer */
}

void retire_hold_no_more(struct edge *edge)
{
    edge->hold = EDGE_HOLD_NOTHING;
}
