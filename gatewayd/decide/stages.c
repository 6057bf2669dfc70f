/*
 * What decide does with a connection, in the order of pipeline.c. Each stage sees only what the
 * ones before it have made; a denial sets session->reason and goes on to be recorded. The edge is
 * not trusted with any of it: it says what it saw, decide says what that means.
 */
#include "gatewayd/decide/stages.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/decide/connect.h"
#include "gatewayd/decide/decide.h"
#include "gatewayd/decide/judge.h"
#include "gatewayd/decide/tell_identity.h"
#include "gatewayd/shared/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void deny(struct session *session, enum reason reason, const char *detail)
{
    if (session->reason == REASON_OK)
        session_set_reason(session, reason, detail);
}

/* --- register, chain, identity ---------------------------------------------------------------- */

enum stage_result decide_register(void *context)
{
    struct session *session = context;
    struct decide *decide = session->decide;

    if (!decide->serves) {
        session->waits = SESSION_WAITS_READY;
        return STAGE_WAIT;
    }
    session->waits = SESSION_WAITS_FOR_NOTHING;
    if (!registry_take(decide->registry, &session->place)) {
        session->place = UINT32_MAX;
        deny(session, REASON_OVERLOADED, "the session registry is full");
    } else {
        session_save(session, REGISTRY_PENDING);
    }
    if (!ledger_is_ready(decide->ledger))
        deny(session, REASON_AUDIT_UNAVAILABLE, "");
    return STAGE_DONE;
}

/* A chain that was verified with older trust data is verified again by the edge that holds it. */
enum stage_result decide_chain(void *context)
{
    struct session *session = context;
    struct decide *decide = session->decide;
    struct message_verify verify = {.connection = session->open.connection};
    struct channel *edge = decide->edges[session->edge_slot];

    if (session->reason != REASON_OK || session->chain != REASON_OK ||
        session->open.trust_generation >= decide->trust_generation)
        return STAGE_DONE;
    session->waits = SESSION_WAITS_CHAINS;
    if (edge && !channel_send(edge, MESSAGE_VERIFY, &verify, -1))
        deny(session, REASON_OVERLOADED, "the edge takes no message");
    return session->reason == REASON_OK ? STAGE_WAIT : STAGE_DONE;
}

enum stage_result decide_identity(void *context)
{
    struct session *session = context;
    struct error err;

    session->waits = SESSION_WAITS_FOR_NOTHING;
    if (session->reason != REASON_OK || session->identity)
        return STAGE_DONE;
    if (!identity_cache_get(session->decide->identities, session->open.leaf, &session->identity,
                            &err))
        deny(session, err.reason, err.detail);
    if (!connect_sends_header(session))
        session_forget_leaf(session);
    return STAGE_DONE;
}

/* locks, account, policy: judge.c */

/* --- record ----------------------------------------------------------------------------------- */

static void recorded(void *context)
{
    struct session *session = context;

    pipeline_continue(session->pipeline);
}

enum stage_result decide_record(void *context)
{
    struct session *session = context;
    struct record_extra extra = {.reason = session->reason,
                                 .detail = session->detail,
                                 .urgent = true,
                                 .wait = &session->wait};
    enum record_event event = session_is_whoami(session)     ? RECORD_WHOAMI
                              : session->reason == REASON_OK ? RECORD_OPEN
                                                             : RECORD_DENY;

    session->wait.done = recorded;
    session->wait.context = session;
    if (event == RECORD_DENY)
        denial_note(session->decide, session, session->reason, (struct bytes){0});
    if (!record_session(session, event, &extra))
        deny(session, REASON_AUDIT_UNAVAILABLE, "the record was refused");
    else if (event == RECORD_OPEN)
        session->recorded = true;
    session_save(session, REGISTRY_PENDING);
    return STAGE_DONE;
}

/* connect: connect.c */

/* --- durable, verdict ------------------------------------------------------------------------- */

/* A denial waits for its record too, but not where audit cannot write at all. */
enum stage_result decide_durable(void *context)
{
    struct session *session = context;

    if (session->wait.counter == 0)
        return STAGE_DONE;
    if (session->reason != REASON_OK && !ledger_is_ready(session->decide->ledger))
        return STAGE_DONE;
    return STAGE_WAIT;
}

static bool send_verdict(struct session *session, struct bytes text)
{
    struct channel *edge = session->decide->edges[session->edge_slot];
    struct message_verdict verdict = {.connection = session->open.connection,
                                      .session = session->id,
                                      .reason = session->reason,
                                      .text = text};

    return edge && channel_send(edge, MESSAGE_VERDICT, &verdict,
                                session->reason == REASON_OK ? session->upstream : -1);
}

/* Denied, or asked WHOAMI: the edge closes it by itself. An open record that is out wants a close.
 */
static void leave(struct session *session)
{
    session_set_text(session, &session->end_detail, session->detail);
    if (session->recorded)
        session_finish(session, session->reason);
    else
        session_free(session);
}

static void answer_whoami(struct session *session)
{
    AUTO(writer_clear) struct writer text = writer_new(32 * 1024);

    whoami_text(session, &text);
    session->reason = REASON_OK;
    (void)!send_verdict(session, writer_bytes(&text)); /* an edge that is gone needs none */
    leave(session);
}

static void go_live(struct session *session)
{
    const struct config_service *service = session_service(session);

    sessions_set_state(session->decide->sessions, session, SESSION_LIVE);
    session_leave_pipeline(session);
    if (service && service->confirm == CONFIG_CONFIRM_PAM) {
        session->pam = SESSION_PAM_WAITING;
        session->confirm_deadline_ms = clock_monotonic_ms() + DECIDE_CONFIRM_MS;
    }
    session_save(session, REGISTRY_LIVE);
    session->decide->counters.allowed++;
    session_watch(session);
}

/* Who holds a good certificate may read what it is here, also when that opens nothing. */
static bool may_know_itself(const struct session *session)
{
    return session->identity && session->chain == REASON_OK && session->wait.counter == 0 &&
           session->reason != REASON_AUDIT_UNAVAILABLE && session->reason != REASON_LOCKED;
}

enum stage_result decide_verdict(void *context)
{
    struct session *session = context;

    if (session_is_whoami(session) && may_know_itself(session)) {
        answer_whoami(session);
        return STAGE_GONE;
    }
    if (session->reason != REASON_OK) {
        (void)!send_verdict(session,
                            session_sentence(session)); /* an edge that is gone needs none */
        leave(session);
        return STAGE_GONE;
    }
    go_live(session);
    if (!tell_identity(session) || !send_verdict(session, (struct bytes){0}))
        session_end(session, REASON_OVERLOADED, "the edge takes no message");
    return STAGE_GONE;
}

/* --- the frame -------------------------------------------------------------------------------- */

/* A stage took too long. What is recorded already stays; the verdict says the rest. */
static void late(void *context, enum reason reason)
{
    struct session *session = context;
    bool waits_for_record = session->connected || !session->dial;

    session->waits = SESSION_WAITS_FOR_NOTHING;
    if (!session->recorded && session->wait.counter == 0) {
        deny(session, reason, "");
        pipeline_jump(session->pipeline, "record");
    } else if (!waits_for_record) {
        connect_late(session, reason);
        pipeline_jump(session->pipeline, "durable");
    } else {
        deny(session, reason, "no acknowledgement in time");
        pipeline_jump(session->pipeline, "verdict");
    }
}

void decide_open(struct decide *decide, uint32_t edge_slot, const struct message_open *open)
{
    struct session *session;

    if (edge_slot >= DECIDE_EDGES_MAX ||
        sessions_find_connection(decide->sessions, edge_slot, open->connection)) {
        log_event(LOG_LEVEL_WARNING, "open_refused", "edge=%u connection=%llu", edge_slot,
                  (unsigned long long)open->connection);
        return;
    }
    session = session_new(decide, edge_slot, open);
    decide->counters.opened++;
    sessions_add(decide->sessions, session);
    session->pipeline = xcalloc(1, sizeof(*session->pipeline));
    pipeline_init(session->pipeline, decide->loop, PROCESS_DECIDE, 0, session, late);
    pipeline_continue(session->pipeline);
}

static void continue_ready(void *context, struct session *session)
{
    (void)context;
    if (session->waits == SESSION_WAITS_READY)
        pipeline_continue(session->pipeline);
}

void decide_serve(struct decide *decide)
{
    decide->serves = true;
    sessions_each(decide->sessions, continue_ready, NULL);
}
