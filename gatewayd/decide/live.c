/*
 * The life of a session after its verdict: timers, the end, the close record. Runs in decide, which
 * holds a duplicate of every upstream socket: a session ends whatever its edge does.
 */
#include "common/clock.h"
#include "gatewayd/decide/connect.h"
#include "gatewayd/decide/decide.h"

#include <sys/socket.h>
#include <unistd.h>

enum { ASK_AGAIN_S = 5 /* the edge has verified the chain again by then; OCSP may take 3 s */ };

/* --- timers ----------------------------------------------------------------------------------- */

/* Not confirmed, or the edge says nothing of an end that it was told. */
static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct session *session = timer->data;

    (void)loop;
    (void)events;
    if (session->state == SESSION_ENDING)
        session_finish(session, session->end_reason);
    else if (session->state == SESSION_LIVE)
        session_end(session, session->login_refused ? session->login_refused : REASON_NOT_CONFIRMED,
                    session->login_refused                ? session->end_detail
                    : session->pam == SESSION_PAM_WAITING ? "nobody logged in"
                                                          : "account did not redeem the login");
}

static void plan_until(struct session *session, int64_t at_s)
{
    struct ev_loop *loop = session->decide->loop;

    ev_periodic_stop(loop, &session->until);
    ev_periodic_set(&session->until, (double)at_s, 0.0, NULL);
    ev_periodic_start(loop, &session->until);
}

/* The list may have a successor by now, which only the edge has seen. */
static bool ask_for_newer_crl(struct session *session, int64_t now_s)
{
    struct channel *edge = session->decide->edges[session->edge_slot];
    struct message_verify verify = {.connection = session->open.connection};

    if (now_s < session->open.crl_valid_until_s || session->asked_crl || !edge)
        return false;
    session->asked_crl = true;
    if (!channel_send(edge, MESSAGE_VERIFY, &verify, -1))
        return false;
    plan_until(session, now_s + ASK_AGAIN_S);
    return true;
}

static void on_until(struct ev_loop *loop, ev_periodic *until, int events)
{
    struct session *session = until->data;

    (void)loop;
    (void)events;
    if (session->state == SESSION_LIVE && !ask_for_newer_crl(session, clock_realtime_s()))
        reevaluate_session(session, CAUSE_UNTIL);
}

static void watch_confirmation(struct session *session)
{
    struct ev_loop *loop = session->decide->loop;
    int64_t deadline_ms = session->pam == SESSION_PAM_WAITING ? session->confirm_deadline_ms
                                                              : session->grant_deadline_ms;
    int64_t left_ms = deadline_ms - clock_monotonic_ms();

    ev_timer_stop(loop, &session->timer);
    if (session->pam != SESSION_PAM_WAITING && session->pam != SESSION_PAM_CONFIRMED)
        return;
    ev_timer_set(&session->timer, left_ms > 0 ? (double)left_ms / 1000.0 : 0.0, 0.0);
    ev_timer_start(loop, &session->timer);
}

void session_watch(struct session *session)
{
    int64_t now_s = clock_realtime_s(), until_s = session->valid_until_s;

    if (!session->timer.data) {
        ev_init(&session->timer, on_timer);
        ev_init(&session->until, on_until);
        session->timer.data = session->until.data = session;
    }
    watch_confirmation(session);
    if (until_s == INT64_MAX)
        ev_periodic_stop(session->decide->loop, &session->until);
    else
        plan_until(session, until_s > now_s ? until_s : now_s + 1);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Locks and revocation end the processes of the login too, and so does an operator (policy.md 8).
 */
static void kill_login(const struct session *session, enum reason reason)
{
    struct message_kill msg = {.session = session->id};

    if (session->pam != SESSION_PAM_OPENED)
        return;
    if (reason == REASON_LOCKED || reason == REASON_CERT_REVOKED || reason == REASON_KILLED)
        (void)!channel_send(session->decide->role->parent, MESSAGE_KILL, &msg, -1);
}

static void tell_edge(const struct session *session, enum reason reason)
{
    struct channel *edge = session->decide->edges[session->edge_slot];
    struct message_end msg = {
        .connection = session->open.connection, .session = session->id, .reason = reason};

    if (edge)
        (void)!channel_send(edge, MESSAGE_END, &msg, -1); /* the socket ends it in any case */
}

void session_end(struct session *session, enum reason reason, const char *detail)
{
    if (session->state == SESSION_OPENING && session->reason == REASON_OK)
        session_set_reason(session, reason, detail);
    if (session->state != SESSION_LIVE)
        return;
    sessions_set_state(session->decide->sessions, session, SESSION_ENDING);
    session->end_reason = reason;
    session_set_text(session, &session->end_detail, detail);
    session->decide->counters.ended++;
    reevaluate_forget(session);
    ev_periodic_stop(session->decide->loop, &session->until);
    session_save(session, REGISTRY_LIVE);
    tell_edge(session, reason);
    if (session->upstream >= 0)
        (void)shutdown(session->upstream, SHUT_RDWR); /* fails when it has ended already */
    kill_login(session, reason);
    ev_timer_stop(session->decide->loop, &session->timer);
    ev_timer_set(&session->timer, DECIDE_CLOSE_MS / 1000.0, 0.0);
    ev_timer_start(session->decide->loop, &session->timer);
}

static void close_login(const struct session *session)
{
    struct message_login_closed msg = {.session = session->id};

    if (session->pam == SESSION_PAM_OPENED)
        (void)!channel_send(session->decide->role->parent, MESSAGE_LOGIN_CLOSED, &msg, -1);
}

static void closed(void *context)
{
    session_free(context);
}

void session_finish(struct session *session, enum reason reason)
{
    struct record_extra extra = {.reason = reason,
                                 .detail = session->end_detail,
                                 /* Whoever ends a session looks for its record at once. */
                                 .urgent = reason != REASON_CLIENT_CLOSED &&
                                           reason != REASON_UPSTREAM_CLOSED &&
                                           reason != REASON_RELAY_FAILED,
                                 .wait = &session->wait};

    if (!session->recorded) {
        session_free(session);
        return;
    }
    ledger_forget(session->decide->ledger, &session->wait);
    reevaluate_forget(session);
    session_leave_pipeline(session);
    ev_timer_stop(session->decide->loop, &session->timer);
    ev_periodic_stop(session->decide->loop, &session->until);
    if (session->upstream >= 0) {
        (void)shutdown(session->upstream,
                       SHUT_RDWR); /* the edge may hold another descriptor of it */
        (void)close(session->upstream);
    }
    session->upstream = -1;
    close_login(session);
    sessions_set_state(session->decide->sessions, session, SESSION_CLOSED);
    session->end_reason = reason;
    session->closed_ms = clock_realtime_ms();
    session_save(session, REGISTRY_CLOSED);
    session->wait.done = closed;
    session->wait.context = session;
    if (record_session(session, RECORD_CLOSE, &extra))
        connect_leave(session);
    else
        session_free(session);
}
