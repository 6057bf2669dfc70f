/*
 * Tells the parent of channels that stay down. Runs in every child process; whether the process at
 * the other end has just ended by itself is for the parent to judge, which sees its children.
 */
#include "gatewayd/shared/lost_peer.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/shared/xalloc.h"

#include <utlist.h>

struct lost_peer {
    struct role *role;
    struct lost_peer **list;
    enum process_role peer;
    uint32_t slot;
    int64_t lost_ms;
    struct error why;
    ev_timer timer;
    struct lost_peer *prev, *next;
};

static void forget(struct lost_peer *lost)
{
    ev_timer_stop(lost->role->loop, &lost->timer);
    DL_DELETE(*lost->list, lost);
    free(lost);
}

static void still_lost(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct lost_peer *lost = timer->data;
    struct message_channel_down msg = {.role = (uint8_t)lost->peer,
                                       .slot = lost->slot,
                                       .age_ms = (uint64_t)(clock_monotonic_ms() - lost->lost_ms),
                                       .detail = bytes_of(lost->why.detail)};

    (void)loop;
    (void)events;
    log_event(LOG_LEVEL_DEBUG, "channel_lost", "peer=%s slot=%u detail=%s",
              process_of(lost->peer)->name, lost->slot, log_quoted(bytes_of(lost->why.detail)));
    if (!channel_send(lost->role->parent, MESSAGE_CHANNEL_DOWN, &msg, -1))
        log_event(LOG_LEVEL_ERROR, "message_not_sent", "message=CHANNEL_DOWN");
    forget(lost);
}

void lost_peer_add(struct role *role, struct lost_peer **list, enum process_role peer,
                   uint32_t slot, const struct error *why)
{
    struct lost_peer *lost;

    lost_peer_forget(list, peer, slot);
    lost = xcalloc(1, sizeof(*lost));
    *lost = (struct lost_peer){.role = role,
                               .list = list,
                               .peer = peer,
                               .slot = slot,
                               .lost_ms = clock_monotonic_ms(),
                               .why = *why};
    ev_timer_init(&lost->timer, still_lost, LOST_PEER_MS / 1000.0, 0.0);
    lost->timer.data = lost;
    ev_timer_start(role->loop, &lost->timer);
    DL_APPEND(*list, lost);
}

void lost_peer_forget(struct lost_peer **list, enum process_role peer, uint32_t slot)
{
    struct lost_peer *lost, *next;

    DL_FOREACH_SAFE(*list, lost, next)
    {
        if (lost->peer == peer && lost->slot == slot)
            forget(lost);
    }
}
