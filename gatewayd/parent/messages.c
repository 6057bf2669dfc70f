/*
 * Messages from the children. Runs in the parent, which trusts none of them: a message is allowed
 * by its sender (message_rows.h) and does no more than its row here says.
 */
#include "gatewayd/parent/messages.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/parent/children.h"
#include "gatewayd/parent/ending.h"
#include "gatewayd/parent/logins.h"
#include "gatewayd/parent/notify.h"
#include "gatewayd/parent/preview.h"
#include "gatewayd/parent/reload.h"
#include "gatewayd/parent/status.h"
#include "gatewayd/parent/succession.h"
#include "gatewayd/parent/upgrade.h"
#include "gatewayd/shared/xalloc.h"

#include <unistd.h>

enum { COUNTERS_MAX = 16 * 1024 }; /* octets of one process's counters */

static void handle_ready(struct child *child, const union message *msg)
{
    struct parent *parent = child->parent;

    child->answered = msg->ready.generation;
    if (child->state == CHILD_STARTING) {
        child->state = CHILD_READY;
        child->ready_ms = clock_monotonic_ms();
        log_event(LOG_LEVEL_INFO, "process_ready", "process=%s slot=%u pid=%d ms=%lld",
                  process_of(child->role)->name, child->slot, (int)child->pid,
                  (long long)(child->ready_ms - child->started_ms));
    }
    /* Started before a reload, ready after it. */
    if (child->answered != parent->generation && !parent->reload.applying &&
        !child_configure(child, parent->config, parent->generation, true, &children_log_errors))
        child_replace(child);
    notify_when_ready(parent);
    reload_answered(parent);
    succession_look(parent);
}

static void handle_failed(struct child *child, const union message *msg)
{
    AUTO(char_freep) char *detail = xtext(msg->failed.detail);

    child->refused = msg->failed.generation;
    (void)err_set(&child->refusal, (enum reason)msg->failed.reason, "%s", detail);
    log_error("process_refuses", &child->refusal, "process=%s generation=%u",
              process_of(child->role)->name, msg->failed.generation);
    reload_answered(child->parent);
}

static void handle_counters(struct child *child, const union message *msg)
{
    if (msg->counters.text.len > COUNTERS_MAX)
        return;
    free(child->counters);
    child->counters = xtext(msg->counters.text);
}

static void handle_channel_down(struct child *child, const union message *msg)
{
    child_channel_down(child, &msg->channel_down);
}

static void handle_whois(struct child *child, const union message *msg)
{
    struct message_peer peer = logins_whois(&msg->whois);

    if (!channel_send(child->channel, MESSAGE_PEER, &peer, -1))
        log_event(LOG_LEVEL_ERROR, "message_not_sent", "message=PEER");
}

static void handle_login_opened(struct child *child, const union message *msg)
{
    logins_opened(child->parent, &msg->login_opened);
}

static void handle_login_closed(struct child *child, const union message *msg)
{
    logins_closed(child->parent, &msg->login_closed.session);
}

static void handle_kill(struct child *child, const union message *msg)
{
    logins_kill(child->parent, &msg->kill.session);
}

static void handle_ask(struct child *child, const union message *msg)
{
    struct parent *parent = child->parent;

    switch (msg->ask.what) {
    case ASK_STATUS:
        status_answer(parent, msg->ask.cookie);
        break;
    case ASK_RELOAD:
        reload_begin(parent, &msg->ask.cookie);
        break;
    case ASK_DRAIN:
        status_reply(parent, msg->ask.cookie, REASON_OK, (struct bytes){NULL, 0});
        ending_drain(parent, msg->ask.seconds, msg->ask.now);
        break;
    case ASK_PREVIEW:
        preview_begin(parent, msg->ask.cookie);
        break;
    case ASK_UPGRADE:
        upgrade_begin(parent, msg->ask.path, &msg->ask.cookie);
        break;
    default:
        status_reply(parent, msg->ask.cookie, REASON_MSG_MALFORMED, (struct bytes){NULL, 0});
        break;
    }
}

static const struct {
    enum message_id id;
    void (*handle)(struct child *child, const union message *msg);
} handlers[] = {
    {MESSAGE_READY, handle_ready},
    {MESSAGE_FAILED, handle_failed},
    {MESSAGE_COUNTERS, handle_counters},
    {MESSAGE_CHANNEL_DOWN, handle_channel_down},
    {MESSAGE_WHOIS, handle_whois},
    {MESSAGE_LOGIN_OPENED, handle_login_opened},
    {MESSAGE_LOGIN_CLOSED, handle_login_closed},
    {MESSAGE_KILL, handle_kill},
    {MESSAGE_ASK, handle_ask},
};

void messages_handle(void *context, struct channel *channel, enum message_id id,
                     const union message *msg, int fd)
{
    (void)channel;
    if (fd >= 0)
        (void)close(fd); /* none of these carries a descriptor */
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
        if (handlers[i].id == id)
            handlers[i].handle(context, msg);
}

void messages_send_loaded(struct child *child)
{
    const struct parent *parent = child->parent;
    const struct loaded *trust = &parent->loaded[LOADED_TRUST];
    const struct loaded *policy = &parent->loaded[LOADED_POLICY];
    struct message_trust new_trust = {.generation = trust->generation, .version = trust->version};
    struct message_policy new_policy = {.version = policy->sent_version};
    struct message_drain drain = {.now = false};
    bool sent = true;

    if (trust->fd >= 0 && (child->role == PROCESS_EDGE || child->role == PROCESS_DECIDE ||
                           child->role == PROCESS_FETCH))
        sent = channel_send(child->channel, MESSAGE_TRUST, &new_trust, trust->fd);
    if (policy->fd >= 0 && child->role == PROCESS_DECIDE)
        sent = channel_send(child->channel, MESSAGE_POLICY, &new_policy, policy->fd) && sent;
    if (parent->draining && child->role == PROCESS_EDGE)
        sent = channel_send(child->channel, MESSAGE_DRAIN, &drain, -1) && sent;
    if (!sent)
        log_event(LOG_LEVEL_ERROR, "message_not_sent", "process=%s", process_of(child->role)->name);
}
