/*
 * Draining and the end. Runs in the parent: nobody is let in any more, then sessions end by
 * themselves or are ended, then who serves them, and audit last.
 */
#include "gatewayd/parent/ending.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/notify.h"
#include "gatewayd/parent/sockets.h"

/* How long each step of the end may take; the next one comes at once when it is done. */
enum { END_EDGES_MS = 3000, END_DECIDE_MS = 1500, END_AUDIT_MS = 2000 };

static void end_role(struct parent *parent, enum process_role role)
{
    for (size_t i = 0; i < parent->n_children; i++)
        if (parent->children[i].role == role)
            child_end(&parent->children[i]);
}

static void wait_ms(struct parent *parent, int64_t ms)
{
    ev_timer_stop(parent->loop, &parent->end_timer);
    ev_timer_set(&parent->end_timer, (double)ms / 1000.0, 0.0);
    ev_timer_start(parent->loop, &parent->end_timer);
}

/* One step further: edges, then who decides, then audit with everything that they still said. */
static void end_further(struct parent *parent)
{
    struct message_drain drain = {.now = true};

    switch (parent->ending) {
    case ENDING_NOT:
        parent->ending = ENDING_EDGES;
        parent->draining = true;
        notify_ending();
        children_tell(parent, PROCESS_EDGE, MESSAGE_DRAIN, &drain, -1);
        sockets_stop_listening(&parent->sockets);
        wait_ms(parent, END_EDGES_MS);
        break;
    case ENDING_EDGES:
        parent->ending = ENDING_DECIDE;
        end_role(parent, PROCESS_EDGE);
        end_role(parent, PROCESS_KEY);
        end_role(parent, PROCESS_SPAWN);
        end_role(parent, PROCESS_DIRECTORY);
        end_role(parent, PROCESS_FETCH);
        children_tell(parent, PROCESS_DECIDE, MESSAGE_DRAIN, &drain, -1);
        wait_ms(parent, END_DECIDE_MS);
        break;
    case ENDING_DECIDE:
        parent->ending = ENDING_AUDIT;
        end_role(parent, PROCESS_DECIDE);
        children_tell(parent, PROCESS_AUDIT, MESSAGE_DRAIN, &drain, -1);
        wait_ms(parent, END_AUDIT_MS);
        break;
    case ENDING_AUDIT:
        end_role(parent, PROCESS_AUDIT);
        ev_break(parent->loop, EVBREAK_ALL);
        break;
    }
}

/* A step is done early when the processes that it waits for have ended by themselves. */
void ending_look(struct parent *parent)
{
    static const enum process_role awaited[] = {[ENDING_EDGES] = PROCESS_EDGE,
                                                [ENDING_DECIDE] = PROCESS_DECIDE,
                                                [ENDING_AUDIT] = PROCESS_AUDIT};

    if (parent->ending != ENDING_NOT && !children_running(parent, awaited[parent->ending]))
        end_further(parent);
    else if (parent->ending == ENDING_NOT && parent->draining &&
             !children_running(parent, PROCESS_EDGE))
        ending_begin(parent);
}

static void on_end_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    end_further(timer->data);
}

void ending_begin(struct parent *parent)
{
    if (parent->ending != ENDING_NOT)
        return;
    ev_timer_stop(parent->loop, &parent->drain_timer);
    end_further(parent);
}

/* --- draining --------------------------------------------------------------------------------- */

static void on_drain_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    log_event(LOG_LEVEL_WARNING, "drain_too_long", "%s", "");
    ending_begin(timer->data);
}

/* Clients are refused at once, so that they turn to another gateway. */
static void let_nobody_in(struct parent *parent)
{
    struct message_drain drain = {.now = false};

    if (parent->draining)
        return;
    log_event(LOG_LEVEL_INFO, "draining", "%s", "");
    parent->draining = true;
    sockets_stop_listening(&parent->sockets);
    children_tell(parent, PROCESS_EDGE, MESSAGE_DRAIN, &drain, -1);
}

void ending_drain(struct parent *parent, uint32_t limit_s, bool now)
{
    let_nobody_in(parent);
    ev_timer_stop(parent->loop, &parent->drain_timer);
    if (now) {
        ending_begin(parent);
        return;
    }
    if (limit_s > 0) {
        ev_timer_set(&parent->drain_timer, limit_s, 0.0);
        ev_timer_start(parent->loop, &parent->drain_timer);
    }
    ending_look(parent); /* there may be no edge left */
}

void ending_init(struct parent *parent)
{
    ev_init(&parent->end_timer, on_end_timer);
    ev_init(&parent->drain_timer, on_drain_timer);
    parent->end_timer.data = parent->drain_timer.data = parent;
}
