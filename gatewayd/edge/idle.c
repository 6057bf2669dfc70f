/*
 * The wheel of idle connections. Runs in an edge. Fifty thousand idle sessions cost the look at
 * some two hundred of them per second, and a busy one costs two comparisons per turn.
 */
#include "gatewayd/edge/idle.h"

#include "common/clock.h"
#include "gatewayd/edge/connection.h"
#include "gatewayd/shared/xalloc.h"

#include <utlist.h>

enum { SLOTS = 256 /* seconds of one round; a longer timeout stays for several */ };

struct idle {
    struct edge *edge;
    struct connection *slots[SLOTS];
    size_t n;
    uint32_t at_s; /* seconds up to here have been looked at */
    ev_timer second;
};

static uint32_t now_s(void)
{
    return (uint32_t)(clock_monotonic_ms() / 1000);
}

/* Seconds; 0: no limit. */
static uint32_t limit_of(const struct connection *c)
{
    const struct config *config = c->edge->role->config;

    return c->route.service < config->n_service
               ? (uint32_t)config->service[c->route.service].idle_timeout
               : 0;
}

/* Changes with every octet that goes on, also with one that a slow client takes at last. */
static uint64_t moved_of(const struct connection *c)
{
    return c->bytes_in + c->bytes_out - c->unsent.len - c->to_upstream.len;
}

static void put(struct idle *idle, struct connection *c, uint32_t due_s)
{
    c->idle.due_s = due_s;
    DL_APPEND2(idle->slots[due_s % SLOTS], c, idle.prev, idle.next);
    c->idle.watched = true;
    if (idle->n++ > 0)
        return;
    idle->at_s = now_s();
    ev_timer_again(idle->edge->role->loop, &idle->second);
}

void idle_forget(struct connection *c)
{
    struct idle *idle = c->edge->idle;

    if (!c->idle.watched)
        return;
    DL_DELETE2(idle->slots[c->idle.due_s % SLOTS], c, idle.prev, idle.next);
    c->idle.watched = false;
    if (--idle->n == 0)
        ev_timer_stop(idle->edge->role->loop, &idle->second);
}

void idle_watch(struct connection *c)
{
    uint32_t limit_s = limit_of(c);

    if (!c->idle.watched && c->idle.moved_s == 0)
        c->idle.moved_s = now_s();
    idle_forget(c);
    if (limit_s > 0) /* one second more: the first and the last are parts of a second */
        put(c->edge->idle, c, c->idle.moved_s + limit_s + 1);
}

void idle_turn(struct connection *c)
{
    uint64_t moved = moved_of(c);

    if (moved == c->idle.moved)
        return;
    c->idle.moved = moved;
    c->idle.moved_s = now_s();
}

/* One connection whose second has come, or which is due only in a later round. */
static void look_at(struct idle *idle, struct connection *c, uint32_t now)
{
    uint32_t due_s = c->idle.moved_s + limit_of(c) + 1;

    if (c->idle.due_s > now)
        return;
    if (limit_of(c) > 0 && due_s <= now) {
        (void)connection_end(c, REASON_IDLE, LAST_WORD_NONE);
        return;
    }
    idle_forget(c);
    if (limit_of(c) > 0)
        put(idle, c, due_s);
}

static void on_second(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct idle *idle = timer->data;
    uint32_t now = now_s();

    (void)loop;
    (void)events;
    for (size_t n = 0; n < SLOTS && idle->at_s < now; n++) {
        struct connection *c, *next;

        idle->at_s++;
        DL_FOREACH_SAFE2(idle->slots[idle->at_s % SLOTS], c, next, idle.next)
        look_at(idle, c, now);
    }
    idle->at_s = now;
}

struct idle *idle_new(struct edge *edge)
{
    struct idle *idle = xcalloc(1, sizeof(*idle));

    idle->edge = edge;
    ev_timer_init(&idle->second, on_second, 0.0, 1.0);
    idle->second.data = idle;
    return idle;
}
