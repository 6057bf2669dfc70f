/*
 * Further upstream connections of a live session. Runs in decide; an edge is trusted with nothing
 * but its own connections: it gets a second socket only when the first one is gone, and only while
 * the session may live.
 */
#include "gatewayd/decide/renew.h"

#include "common/log.h"
#include "gatewayd/decide/connect.h"
#include "gatewayd/decide/decide.h"
#include "gatewayd/shared/hash.h"
#include "gatewayd/shared/xalloc.h"

#include <sys/socket.h>
#include <unistd.h>

struct renewal {
    struct session *session;
    struct dial *dial;
    ev_timer limit;
};

struct renewal *renewal_free(struct renewal *renewal)
{
    if (!renewal)
        return NULL;
    ev_timer_stop(renewal->session->decide->loop, &renewal->limit);
    (void)dial_free(renewal->dial);
    free(renewal);
    return NULL;
}

/* fd -1: there is none, and why. An edge that takes no message cannot go on. */
static void answer(struct session *session, int fd, enum reason reason, const char *detail)
{
    struct channel *edge = session->decide->edges[session->edge_slot];
    struct message_renewed msg = {.connection = session->open.connection,
                                  .session = session->id,
                                  .reason = reason,
                                  .detail = bytes_of(detail)};

    if (!edge || !channel_send(edge, MESSAGE_RENEWED, &msg, fd))
        session_end(session, REASON_OVERLOADED, "the edge takes no message");
}

static void give_up(struct session *session, enum reason reason, const char *detail)
{
    session->renewal = renewal_free(session->renewal);
    answer(session, -1, reason, detail);
}

static void drop(int fd, struct target *target)
{
    if (fd < 0)
        return;
    (void)close(fd);
    target->n_sessions--;
    target_unref(target);
}

static void connected(void *context, int fd, struct target *target, const char *why)
{
    struct session *session = context;

    if (session->state != SESSION_LIVE) { /* it has ended meanwhile, and its edge knows */
        session->renewal = renewal_free(session->renewal);
        drop(fd, target);
        return;
    }
    if (fd < 0) {
        AUTO(char_freep) char *detail = xstrdup(why); /* it is the dial's */

        give_up(session, REASON_UPSTREAM_UNREACHABLE, detail);
        return;
    }
    session->renewal = renewal_free(session->renewal);
    session->upstream = fd;
    session->target = target;
    session_save(session, REGISTRY_LIVE);
    answer(session, fd, REASON_OK, "");
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct renewal *renewal = timer->data;
    struct session *session = renewal->session;
    AUTO(char_freep) char *detail = xstrdup(dial_late(renewal->dial));

    (void)loop;
    (void)events;
    if (session->state == SESSION_LIVE)
        give_up(session, REASON_UPSTREAM_UNREACHABLE, detail);
    else
        session->renewal = renewal_free(renewal);
}

/* --- the question ----------------------------------------------------------------------------- */

/* What the edge has had is over, whatever the edge does with it. */
static void end_old(struct session *session)
{
    if (session->upstream >= 0) {
        (void)shutdown(session->upstream, SHUT_RDWR); /* fails when it has ended already */
        (void)close(session->upstream);
    }
    session->upstream = -1;
    connect_leave(session);
}

static void begin(struct session *session)
{
    struct renewal *renewal = xcalloc(1, sizeof(*renewal));
    struct connect_failure failure;

    renewal->session = session;
    ev_timer_init(&renewal->limit, on_limit, RENEW_MS / 1000.0, 0.0);
    renewal->limit.data = renewal;
    renewal->dial = connect_dial(session, connected, session, &failure);
    if (!renewal->dial) {
        (void)renewal_free(renewal);
        answer(session, -1, failure.reason, failure.why);
        return;
    }
    session->renewal = renewal;
    ev_timer_start(session->decide->loop, &renewal->limit);
}

static bool may_renew(const struct session *session, const struct message_renew *msg)
{
    const struct config_service *service = session_service(session);
    struct hash leaf = hash_of(msg->leaf);

    return service && service->protocol == CONFIG_PROTOCOL_HTTP && session->identity &&
           memcmp(leaf.octets, session->identity->sha256.octets, HASH_LEN) == 0;
}

void renew_ask(struct decide *decide, uint32_t edge_slot, const struct message_renew *msg)
{
    struct session *session =
        sessions_find_connection(decide->sessions, edge_slot, msg->connection);

    if (!session || session->state != SESSION_LIVE || session->renewal ||
        !session_id_equal(&msg->session, &session->id)) {
        log_event(LOG_LEVEL_INFO, "renew_refused", "edge=%u connection=%llu", edge_slot,
                  (unsigned long long)msg->connection);
        return; /* an end is on its way to the edge, or it has a deadline of its own */
    }
    end_old(session);
    if (!may_renew(session, msg)) {
        answer(session, -1, REASON_NO_SERVICE, "the session may not have another upstream");
        return;
    }
    session->open.leaf = xbytes(msg->leaf); /* for a PROXY header */
    begin(session);
    session_forget_leaf(session);
}
