/*
 * The process that decides: its calls and its message table. The logic is in the other files; start
 * with stages.c, in the order of pipeline.c.
 */
#include "gatewayd/decide/data.h"
#include "gatewayd/decide/handoff.h"
#include "gatewayd/decide/preview.h"
#include "gatewayd/decide/renew.h"
#include "gatewayd/decide/setup.h"

#include <unistd.h>

#define HANDLER(name)                                                                              \
    static void name(struct role *role, struct channel *from, const union message *msg, int fd)

static void close_unused(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

HANDLER(on_trust)
{
    (void)from;
    data_trust(role->state, &msg->trust, fd);
}

HANDLER(on_policy)
{
    (void)from;
    data_policy(role->state, &msg->policy, fd);
}

HANDLER(on_snapshot)
{
    (void)from;
    data_snapshot(role->state, &msg->snapshot, fd);
}

HANDLER(on_change)
{
    (void)from;
    close_unused(fd);
    data_change(role->state, msg->change.change, msg->change.as_of_ms);
}

HANDLER(on_change_memfd)
{
    (void)from;
    data_change_memfd(role->state, &msg->change_memfd, fd);
}

HANDLER(on_as_of)
{
    (void)from;
    close_unused(fd);
    data_as_of(role->state, &msg->as_of);
}

HANDLER(on_resolved)
{
    struct decide *decide = role->state;

    (void)from;
    close_unused(fd);
    pools_resolved(decide->pools, &msg->resolved);
}

HANDLER(on_open)
{
    close_unused(fd);
    decide_open(role->state, channel_peer_slot(from), &msg->open);
}

HANDLER(on_close)
{
    close_unused(fd);
    edges_close(role->state, channel_peer_slot(from), &msg->close);
}

HANDLER(on_preauth_denied)
{
    (void)from;
    close_unused(fd);
    edges_refused(role->state, &msg->preauth_denied);
}

HANDLER(on_chains)
{
    close_unused(fd);
    edges_chains(role->state, channel_peer_slot(from), &msg->chains);
}

/* All live chains of that edge are judged: what was affected has come by CHAINS. */
HANDLER(on_chains_done)
{
    (void)role;
    (void)from;
    (void)msg;
    close_unused(fd);
}

HANDLER(on_resume)
{
    resume_session(role->state, channel_peer_slot(from), &msg->resume, fd);
}

HANDLER(on_resume_done)
{
    (void)msg;
    close_unused(fd);
    resume_done(role->state, channel_peer_slot(from));
}

HANDLER(on_ack)
{
    struct decide *decide = role->state;

    (void)from;
    close_unused(fd);
    ledger_ack(decide->ledger, &msg->ack);
}

HANDLER(on_audit_state)
{
    (void)from;
    close_unused(fd);
    decide_audit_state(role->state, &msg->audit_state);
}

HANDLER(on_peer)
{
    struct decide *decide = role->state;

    (void)from;
    close_unused(fd);
    if (!decide->pam || !local_server_peer(decide->pam, &msg->peer))
        (void)(decide->control && local_server_peer(decide->control, &msg->peer));
}

HANDLER(on_answer)
{
    (void)from;
    close_unused(fd);
    control_answer(role->state, &msg->answer);
}

HANDLER(on_preview_config)
{
    (void)from;
    preview_config(role->state, &msg->preview_config, fd);
}

HANDLER(on_preview_policy)
{
    (void)from;
    preview_policy(role->state, &msg->preview_policy, fd);
}

HANDLER(on_chain_preview)
{
    close_unused(fd);
    preview_chain(role->state, channel_peer_slot(from), &msg->chain_preview);
}

HANDLER(on_chains_previewed)
{
    close_unused(fd);
    preview_chains_done(role->state, channel_peer_slot(from), &msg->chains_previewed);
}

HANDLER(on_retire)
{
    (void)from;
    close_unused(fd);
    handoff_begin(role->state, &msg->retire);
}

HANDLER(on_held)
{
    close_unused(fd);
    handoff_held(role->state, channel_peer_slot(from), &msg->held);
}

HANDLER(on_renew)
{
    close_unused(fd);
    renew_ask(role->state, channel_peer_slot(from), &msg->renew);
}

static const struct role_handler handlers[] = {
    {MESSAGE_TRUST, on_trust},
    {MESSAGE_POLICY, on_policy},
    {MESSAGE_SNAPSHOT, on_snapshot},
    {MESSAGE_CHANGE, on_change},
    {MESSAGE_CHANGE_MEMFD, on_change_memfd},
    {MESSAGE_AS_OF, on_as_of},
    {MESSAGE_RESOLVED, on_resolved},
    {MESSAGE_OPEN, on_open},
    {MESSAGE_CLOSE, on_close},
    {MESSAGE_PREAUTH_DENIED, on_preauth_denied},
    {MESSAGE_CHAINS, on_chains},
    {MESSAGE_CHAINS_DONE, on_chains_done},
    {MESSAGE_RESUME, on_resume},
    {MESSAGE_RESUME_DONE, on_resume_done},
    {MESSAGE_PREVIEW_CONFIG, on_preview_config},
    {MESSAGE_PREVIEW_POLICY, on_preview_policy},
    {MESSAGE_CHAIN_PREVIEW, on_chain_preview},
    {MESSAGE_CHAINS_PREVIEWED, on_chains_previewed},
    {MESSAGE_RETIRE, on_retire},
    {MESSAGE_HELD, on_held},
    {MESSAGE_ACK, on_ack},
    {MESSAGE_AUDIT_STATE, on_audit_state},
    {MESSAGE_PEER, on_peer},
    {MESSAGE_ANSWER, on_answer},
    {MESSAGE_RENEW, on_renew},
};

const struct role_calls decide_role = {
    .id = PROCESS_DECIDE,
    .create = decide_create,
    .file = decide_file,
    .prepare = decide_prepare,
    .start = decide_start,
    .reconfigure = decide_reconfigure,
    .channel_up = decide_channel_up,
    .channel_down = decide_channel_down,
    .handlers = handlers,
    .n_handlers = ARRAY_LEN(handlers),
};
