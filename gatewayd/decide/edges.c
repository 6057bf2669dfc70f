/*
 * What edges say of connections that they hold. Runs in decide; an edge may lie about its own
 * connections, and about no others: each is looked up by the slot that the channel belongs to.
 */
#include "common/clock.h"
#include "gatewayd/decide/decide.h"
#include "gatewayd/decide/judge.h"
#include "gatewayd/decide/targets.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>

/* The edge has ended it. An upstream that does not prove who it is rests like one that is down. */
static void finish_as_told(struct session *session, const struct message_close *msg)
{
    AUTO(char_freep) char *detail = xtext(msg->detail);
    enum reason reason =
        msg->reason < REASON__COUNT ? (enum reason)msg->reason : REASON_RELAY_FAILED;

    session_set_text(session, &session->end_detail, detail);
    if (reason == REASON_UPSTREAM_TLS_FAILED && session->target)
        target_failed(session->target, detail, clock_monotonic_ms());
    session_finish(session, reason);
}

void edges_close(struct decide *decide, uint32_t edge_slot, const struct message_close *msg)
{
    static const struct session_id none;
    struct session *session =
        sessions_find_connection(decide->sessions, edge_slot, msg->connection);

    if (!session || session->state == SESSION_CLOSED)
        return;
    if (!session_id_equal(&msg->session, &none) && !session_id_equal(&msg->session, &session->id))
        return;
    session->bytes_in = msg->bytes_in;
    session->bytes_out = msg->bytes_out;
    session->bytes_known = true;
    if (session->state == SESSION_ENDING)
        session_finish(session, session->end_reason);
    else if (session->login_refused != REASON_OK) /* both ends hang up after that */
        session_finish(session, session->login_refused);
    else
        finish_as_told(session, msg);
}

/* The registry may keep a time that is too early: a new decide looks once more than it must. */
static bool renew(struct session *session, const struct message_chains *msg)
{
    int64_t before_s = session->valid_until_s;

    if (!judge_renew(session, msg))
        return false;
    session->asked_crl = false;
    session_watch(session);
    if (session->valid_until_s < before_s)
        session_save(session, REGISTRY_LIVE);
    return true;
}

void edges_chains(struct decide *decide, uint32_t edge_slot, const struct message_chains *msg)
{
    struct session *session =
        sessions_find_connection(decide->sessions, edge_slot, msg->connection);

    if (!session || session->state > SESSION_LIVE)
        return;
    if (renew(session, msg))
        return;
    judge_take_chains(session, msg);
    session->asked_crl = false;
    if (session->waits == SESSION_WAITS_CHAINS)
        pipeline_continue(session->pipeline);
    else
        reevaluate_session(session, CAUSE_CHAIN);
}

struct lost {
    uint32_t edge_slot;
};

static void lose(void *context, struct session *session)
{
    const struct lost *lost = context;

    if (session->edge_slot != lost->edge_slot || session->state == SESSION_CLOSED)
        return;
    session->bytes_known = false;
    session_finish(session,
                   session->state == SESSION_ENDING ? session->end_reason : REASON_EDGE_LOST);
}

void edges_lost(struct decide *decide, uint32_t edge_slot)
{
    struct lost lost = {edge_slot};

    decide->edges[edge_slot] = NULL;
    sessions_each(decide->sessions, lose, &lost);
}

static void note_refusal(struct decide *decide, const struct message_preauth_denied *msg)
{
    struct decide_refusal *refusal = &decide->refusals[decide->n_refusals++ % DECIDE_DENIALS_KEPT];

    refusal->at_ms = clock_realtime_ms();
    refusal->reason = (enum reason)msg->reason;
    refusal->count = msg->count;
    address_format_port(&msg->source, refusal->source);
    (void)snprintf(refusal->detail, sizeof(refusal->detail), "%.*s",
                   (int)(msg->detail.len < ERROR_DETAIL_MAX ? msg->detail.len : ERROR_DETAIL_MAX),
                   (const char *)msg->detail.at);
}

void edges_refused(struct decide *decide, const struct message_preauth_denied *msg)
{
    decide->counters.refused_handshakes += msg->count;
    note_refusal(decide, msg);
    record_preauth(decide, msg);
}
