#pragma once
/*
 * A channel: one end of a SEQPACKET pair between two processes, on the loop of this one. Sends
 * never block: what the socket does not take waits in a bounded queue. Receives check the sender's
 * right to the message (message_allowed), its form, its descriptors and MSG_CTRUNC. Knows no role.
 */
#include "gatewayd/shared/messages.h"

#include <ev.h>

struct channel;

struct channel_calls {
    /*
     * A message came. Octets in msg are valid until the return. fd: the descriptor that came with
     * it or -1; the callee owns it.
     */
    void (*message)(void *context, struct channel *channel, enum message_id id,
                    const union message *msg, int fd);
    /* The other end is gone or broke the rules: the channel is closed; free it. Called once, last.
     */
    void (*down)(void *context, struct channel *channel, const struct error *why);
};

/* Takes fd. own: this process, for the checks of message_allowed. */
struct channel *channel_new(struct ev_loop *loop, int fd, enum process_role own,
                            enum process_role peer, uint32_t peer_slot,
                            const struct channel_calls *calls, void *context);
struct channel *
channel_free(struct channel *channel); /* accepts NULL, returns NULL; drops the queue */
enum process_role channel_peer(const struct channel *channel);
uint32_t channel_peer_slot(const struct channel *channel);
/*
 * The other end's message_table, when it is another program than this one. With another table its
 * messages may have more or fewer fields at their end, and those that we do not know are dropped.
 * At first it is taken for ours.
 */
void channel_set_table(struct channel *channel, uint64_t table);
uint64_t channel_table(const struct channel *channel);
/* Whether both ends have the same table: what is encoded inside of its messages is as ours. */
bool channel_same_table(const struct channel *channel);

/*
 * Sends msg (the struct of id), with a duplicate of fd unless it is -1. False when the queue is
 * full or the channel is down: nothing was sent, and the caller follows the rule of its message
 * (towards decide: stop accepting; towards audit: audit_unavailable).
 */
bool channel_send(struct channel *channel, enum message_id id, const void *msg, int fd) MUST_CHECK;
/* Messages that wait in the queue, and how many it holds at most. */
size_t channel_queued(const struct channel *channel);
enum { CHANNEL_QUEUE_MAX = 16384, CHANNEL_QUEUE_OCTETS_MAX = 64 << 20 };
/* Of received messages, as libev counts: they come before all other events of a loop turn. */
enum { CHANNEL_PRIORITY = EV_MAXPRI };

/*
 * Waits up to timeout_ms for the next message of one id and gives it, outside of the loop (other
 * messages are refused with MSG_MALFORMED). For edge -> key only: a signature inside of a
 * handshake. msg's octets are valid until the next receive on the channel.
 */
bool channel_wait(struct channel *channel, enum message_id id, int64_t timeout_ms,
                  union message *ret_msg, struct error *err) MUST_CHECK;
