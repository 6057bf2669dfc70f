/*
 * The process that terminates TLS and moves the bytes: its calls and its message table. The logic
 * is in the other files; start with the stages (stages.h), in the order of pipeline.c.
 */
#include "gatewayd/edge/ask.h"
#include "gatewayd/edge/forecast.h"
#include "gatewayd/edge/http_relay.h"
#include "gatewayd/edge/live.h"
#include "gatewayd/edge/renew.h"
#include "gatewayd/edge/retire.h"
#include "gatewayd/edge/setup.h"
#include "gatewayd/edge/standing.h"

static void handle_trust(struct role *role, struct channel *from, const union message *msg, int fd)
{
    (void)from;
    live_trust(role->state, &msg->trust, fd);
}

static void handle_verdict(struct role *role, struct channel *from, const union message *msg,
                           int fd)
{
    (void)from;
    ask_verdict(role->state, &msg->verdict, fd);
}

static void handle_identity(struct role *role, struct channel *from, const union message *msg,
                            int fd)
{
    (void)from;
    (void)fd;
    http_identity(role->state, &msg->identity);
}

static void handle_renewed(struct role *role, struct channel *from, const union message *msg,
                           int fd)
{
    (void)from;
    renew_answer(role->state, &msg->renewed, fd);
}

static void handle_end(struct role *role, struct channel *from, const union message *msg, int fd)
{
    (void)from;
    (void)fd;
    live_end(role->state, &msg->end);
}

static void handle_verify(struct role *role, struct channel *from, const union message *msg, int fd)
{
    (void)from;
    (void)fd;
    live_verify(role->state, &msg->verify);
}

static void handle_drain(struct role *role, struct channel *from, const union message *msg, int fd)
{
    (void)from;
    (void)fd;
    retire_drain(role->state, msg->drain.now);
}

static void handle_retire(struct role *role, struct channel *from, const union message *msg, int fd)
{
    (void)from;
    (void)msg;
    (void)fd;
    retire_begin(role->state);
}

static void handle_preview(struct role *role, struct channel *from, const union message *msg,
                           int fd)
{
    (void)from;
    forecast_trust(role->state, &msg->preview_trust, fd);
}

static void handle_hold(struct role *role, struct channel *from, const union message *msg, int fd)
{
    (void)from;
    (void)fd;
    retire_hold(role->state, &msg->hold);
}

static void handle_status(struct role *role, struct channel *from, const union message *msg, int fd)
{
    (void)from;
    (void)fd;
    standing_answer(role->state, &msg->status);
}

/* An answer that came too late: its handshake has ended. */
static void handle_signature(struct role *role, struct channel *from, const union message *msg,
                             int fd)
{
    (void)role;
    (void)from;
    (void)msg;
    (void)fd;
}

static const struct role_handler handlers[] = {
    {MESSAGE_TRUST, handle_trust},
    {MESSAGE_VERDICT, handle_verdict},
    {MESSAGE_END, handle_end},
    {MESSAGE_VERIFY, handle_verify},
    {MESSAGE_RETIRE, handle_retire},
    {MESSAGE_HOLD, handle_hold},
    {MESSAGE_DRAIN, handle_drain},
    {MESSAGE_SIGNATURE, handle_signature},
    {MESSAGE_IDENTITY, handle_identity},
    {MESSAGE_RENEWED, handle_renewed},
    {MESSAGE_STATUS, handle_status},
    {MESSAGE_PREVIEW_TRUST, handle_preview},
};

const struct role_calls edge_role = {
    .id = PROCESS_EDGE,
    .create = edge_create,
    .file = edge_file,
    .start = edge_start,
    .reconfigure = edge_reconfigure,
    .channel_up = edge_channel_up,
    .channel_down = edge_channel_down,
    .handlers = handlers,
    .n_handlers = ARRAY_LEN(handlers),
};
