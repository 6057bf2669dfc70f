/*
 * The stages of a connection. Start reading here: each row names the function that does the work
 * and the folder says which process runs it. What the rows pass on is immutable; a stage sees only
 * what the rows above it have made.
 */
#include "gatewayd/pipeline.h"

#include "common/macros.h"
#include "gatewayd/decide/stages.h"
#include "gatewayd/edge/stages.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct stage stages[] = {
    /* A trusted proxy's header, PostgreSQL's request for TLS: what may stand in front of TLS. */
    {.name = "prelude", .role = PROCESS_EDGE, .in = "socket", .out = "socket at the beginning of TLS",
     .deadline_ms = STAGE_BY_LISTENER, .late = REASON_HANDSHAKE_TIMEOUT, .run = edge_prelude},
    /* The client proves that it holds the key of a valid certificate; nobody is asked but `key`. */
    {.name = "handshake", .role = PROCESS_EDGE, .in = "socket", .out = "TLS session, verified chain",
     .deadline_ms = STAGE_BY_LISTENER, .late = REASON_HANDSHAKE_TIMEOUT, .run = edge_handshake},
    /* SNI, ALPN or the mtls-gw/1 request select the service. */
    {.name = "route", .role = PROCESS_EDGE, .in = "TLS session", .out = "struct message_open",
     .deadline_ms = STAGE_BY_LISTENER, .late = REASON_HANDSHAKE_TIMEOUT, .run = edge_route},
    /* Whether its authority has revoked the certificate, where the ca section has ocsp; `fetch` asks. What
     * denies goes on to decide, which records it. */
    {.name = "status", .role = PROCESS_EDGE, .in = "verified chain", .out = "struct chain_status",
     .deadline_ms = 3000, .late = REASON_OCSP_UNAVAILABLE, .run = edge_status},
    /* The connection waits for the verdict; nothing is read from the client meanwhile. */
    {.name = "ask", .role = PROCESS_EDGE, .in = "struct message_open", .out = "struct message_verdict",
     .deadline_ms = 8000, .late = REASON_DECISION_TIMEOUT, .run = edge_ask},

    /* Registered before it is judged, so that no change falls between the two. */
    {.name = "register", .role = PROCESS_DECIDE, .in = "struct message_open", .out = "struct session",
     .deadline_ms = STAGE_AT_ONCE, .run = decide_register},
    {.name = "chain", .role = PROCESS_DECIDE, .in = "struct message_open", .out = "struct message_chains",
     .deadline_ms = 2000, .late = REASON_DECISION_TIMEOUT, .run = decide_chain},
    {.name = "identity", .role = PROCESS_DECIDE, .in = "leaf DER", .out = "struct identity",
     .deadline_ms = STAGE_AT_ONCE, .run = decide_identity},
    {.name = "locks", .role = PROCESS_DECIDE, .in = "struct identity", .out = "reason", .judge = true,
     .deadline_ms = STAGE_AT_ONCE, .run = decide_locks},
    {.name = "account", .role = PROCESS_DECIDE, .in = "struct identity", .out = "struct account", .judge = true,
     .deadline_ms = STAGE_AT_ONCE, .run = decide_account},
    {.name = "host", .role = PROCESS_DECIDE, .in = "server name", .out = "addresses of a registered host", .judge = true,
     .deadline_ms = STAGE_AT_ONCE, .run = decide_host},
    {.name = "policy", .role = PROCESS_DECIDE, .in = "struct account", .out = "struct policy_decision", .judge = true,
     .deadline_ms = STAGE_AT_ONCE, .run = decide_policy},
    /* The commit of the record and the upstream connect run side by side; both must be done. */
    {.name = "record", .role = PROCESS_DECIDE, .in = "struct policy_decision", .out = "struct audit_record",
     .deadline_ms = STAGE_AT_ONCE, .run = decide_record},
    {.name = "connect", .role = PROCESS_DECIDE, .in = "struct policy_decision", .out = "upstream socket",
     .deadline_ms = 3000, .late = REASON_UPSTREAM_UNREACHABLE, .run = decide_connect},
    {.name = "durable", .role = PROCESS_DECIDE, .in = "struct audit_record", .out = "acknowledgement",
     .deadline_ms = 3000, .late = REASON_AUDIT_UNAVAILABLE, .run = decide_durable},
    {.name = "verdict", .role = PROCESS_DECIDE, .in = "acknowledgement, upstream socket", .out = "struct message_verdict",
     .deadline_ms = STAGE_AT_ONCE, .run = decide_verdict},

    /* Only a client of HTTP comes here again, from the relay: nothing may be sent behind a request with a
     * body, and decide connects the still live session anew. */
    {.name = "renew", .role = PROCESS_EDGE, .in = "struct message_renewed", .out = "upstream socket",
     .deadline_ms = 8000, .late = REASON_UPSTREAM_UNREACHABLE, .run = edge_renew},
    /* TLS to the upstream, where the service asks for it; then the client hears that it is in. */
    {.name = "upstream", .role = PROCESS_EDGE, .in = "struct message_verdict", .out = "upstream session",
     .deadline_ms = 3000, .late = REASON_UPSTREAM_TLS_FAILED, .run = edge_upstream},
    /* First byte. Ends by either side, or by decide: whatever ends it, decide writes the close record. */
    {.name = "relay", .role = PROCESS_EDGE, .in = "struct message_verdict", .out = "struct message_close",
     .deadline_ms = STAGE_NO_DEADLINE, .run = edge_relay},
};
/* clang-format on */

const struct stage *pipeline_stages(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(stages);
    return stages;
}

static void deadline_passed(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct pipeline *at = timer->data;

    (void)loop;
    (void)events;
    at->late(at->connection, stages[at->row].late);
}

void pipeline_init(struct pipeline *at, struct ev_loop *loop, enum process_role role,
                   int64_t listener_ms, void *connection,
                   void (*late)(void *connection, enum reason reason))
{
    *at = (struct pipeline){.loop = loop,
                            .role = role,
                            .listener_ms = listener_ms,
                            .connection = connection,
                            .late = late};
    ev_init(&at->timer, deadline_passed);
    at->timer.data = at;
}

void pipeline_clear(struct pipeline *at)
{
    ev_timer_stop(at->loop, &at->timer);
}

/* STAGE_BY_LISTENER is one deadline for all stages that carry it: it runs from accept on. */
static void enter(struct pipeline *at)
{
    int64_t ms = stages[at->row].deadline_ms;

    at->entered = true;
    if (ms == STAGE_BY_LISTENER && ev_is_active(&at->timer))
        return;
    ev_timer_stop(at->loop, &at->timer);
    if (ms == STAGE_BY_LISTENER)
        ms = at->listener_ms;
    if (ms <= 0)
        return;
    ev_timer_set(&at->timer, (double)ms / 1000.0, 0.0);
    ev_timer_start(at->loop, &at->timer);
}

void pipeline_continue(struct pipeline *at)
{
    while (at->row < ARRAY_LEN(stages)) {
        const struct stage *stage = &stages[at->row];

        if (stage->role == at->role) {
            enum stage_result result;

            if (!at->entered)
                enter(at);
            result = stage->run(at->connection);
            if (result != STAGE_DONE)
                return;
        }
        at->row++;
        at->entered = false;
    }
    ev_timer_stop(at->loop, &at->timer);
}

static void go_to(struct pipeline *at, size_t first, size_t end, const char *name)
{
    for (size_t row = first; row < end; row++) {
        if (stages[row].role != at->role || strcmp(stages[row].name, name) != 0)
            continue;
        at->row = row;
        at->entered = false;
        pipeline_continue(at);
        return;
    }
    abort(); /* a name that is not in the table, or on the other side of us */
}

void pipeline_jump(struct pipeline *at, const char *name)
{
    go_to(at, at->row + 1, ARRAY_LEN(stages), name);
}

void pipeline_return(struct pipeline *at, const char *name)
{
    go_to(at, 0, at->row, name);
}

void pipeline_judge(void *session)
{
    for (size_t row = 0; row < ARRAY_LEN(stages); row++)
        if (stages[row].judge && stages[row].run(session) != STAGE_DONE)
            abort();
}
