/*
 * When to tell the allocator. Runs in an edge. The time it takes grows with what is given back,
 * some milliseconds for PORTION_KIB: so not later than that, and once for what ends together.
 */
#include "gatewayd/edge/give_back.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/edge/edge.h"
#include "gatewayd/edge/gate.h"

#include <malloc.h>

enum {
    HANDSHAKE_KIB = 40,  /* of a handshake that waits for its client */
    CONNECTION_KIB = 20, /* of a session that is idle */
    WORTH_KIB = 1024,    /* less is not worth the time */
    PORTION_KIB = 16384, /* and for so much nobody waits */
};
#define SETTLE_S 1.0 /* what ends together is given back together */

static size_t held_kib(const struct edge *edge)
{
    return gate_count(edge->gate) * HANDSHAKE_KIB +
           HASH_COUNT(edge->by_number) * (size_t)CONNECTION_KIB;
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct edge *edge = timer->data;
    int64_t start_us = clock_monotonic_us();

    (void)events;
    (void)malloc_trim(0);
    if (edge->give_back.portion) {
        ev_timer_set(timer, SETTLE_S, 0.0);
        ev_timer_start(loop, timer);
    }
    edge->give_back.portion = false;
    edge->give_back.most_kib = held_kib(edge);
    log_event(LOG_LEVEL_DEBUG, "memory_given_back", "us=%lld",
              (long long)(clock_monotonic_us() - start_us));
}

void give_back_init(struct edge *edge)
{
    ev_timer_init(&edge->give_back.timer, on_timer, SETTLE_S, 0.0);
    edge->give_back.timer.data = edge;
}

void give_back_grown(struct edge *edge)
{
    size_t kib = held_kib(edge);

    if (kib > edge->give_back.most_kib)
        edge->give_back.most_kib = kib;
}

void give_back_shrunk(struct edge *edge)
{
    struct give_back *give_back = &edge->give_back;
    size_t now_kib = held_kib(edge);
    bool much = now_kib + PORTION_KIB <= give_back->most_kib;

    if (now_kib + WORTH_KIB > give_back->most_kib || (ev_is_active(&give_back->timer) && !much))
        return;
    give_back->portion |= much;
    ev_timer_stop(edge->role->loop, &give_back->timer);
    ev_timer_set(&give_back->timer, much ? 0.0 : SETTLE_S, 0.0);
    ev_timer_start(edge->role->loop, &give_back->timer);
}
