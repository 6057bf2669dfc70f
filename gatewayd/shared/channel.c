/*
 * One end of a SEQPACKET pair on the loop. Runs in every process; trusts nothing that the other
 * end writes: form, sender's right, descriptors and truncation are checked for each message, and
 * the first one that breaks a rule closes the channel.
 */
#include "gatewayd/shared/channel.h"

#include "common/clock.h"
#include "gatewayd/shared/passing.h"
#include "gatewayd/shared/spare_files.h"
#include "gatewayd/shared/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TURN_MAX = 64,           /* messages taken in one loop turn, so that others get theirs */
    SOCKET_BUFFER = 1 << 20, /* octets asked for; the kernel may give less */
    SPARE_FILES = 4,         /* held for what the parent sends: channels to new processes */
    IN_FLIGHT_RETRY_MS = 10, /* wait when too many descriptors are under way (unix(7)) */
};

struct waiting {
    struct waiting *next;
    int fd; /* ours; -1 none */
    size_t len;
    uint8_t octets[];
};

struct channel {
    struct ev_loop *loop;
    int fd;
    enum process_role own, peer;
    uint32_t peer_slot;
    uint64_t table; /* message_table of the other end; decides which decoder it gets */
    bool (*decode)(struct bytes, enum message_id *, union message *, struct error *);
    const struct channel_calls *calls;
    void *context;
    ev_io readable, writable;
    ev_timer retry;
    struct waiting *first, **last;
    size_t n_waiting, waiting_octets;
    struct writer out;
    uint8_t *in; /* MESSAGE_MAX octets: what a decoded message points into */
    struct spare_files spare;
    struct error why;
    bool broken;  /* closed by a rule or the other end; down is told from the loop */
    bool told;    /* down has been called */
    bool in_call; /* a callback runs: a free waits for its return */
    bool dead;    /* freed in that callback */
};

static void close_quietly(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

/* Ends the channel. The loop tells the owner in its next turn, never from inside of a send. */
static void break_channel(struct channel *channel, const struct error *why)
{
    if (channel->broken)
        return;
    channel->broken = true;
    channel->why = *why;
    ev_io_stop(channel->loop, &channel->writable);
    ev_timer_stop(channel->loop, &channel->retry);
    ev_io_stop(channel->loop, &channel->readable);
    ev_feed_event(channel->loop, &channel->readable, EV_READ);
}

static void break_because(struct channel *channel, enum reason reason, const char *what)
{
    struct error why;

    (void)err_set(&why, reason, "channel to %s.%u: %s", process_of(channel->peer)->name,
                  channel->peer_slot, what);
    break_channel(channel, &why);
}

/* --- sending ---------------------------------------------------------------------------------- */

enum sent { SENT, SENT_LATER, SENT_RETRY, SENT_NEVER };

static enum sent send_now(struct channel *channel, struct bytes octets, int fd)
{
    if (passing_send(channel->fd, octets, fd))
        return SENT;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return SENT_LATER;
    return errno == ETOOMANYREFS || errno == ENOBUFS || errno == ENOMEM ? SENT_RETRY : SENT_NEVER;
}

static void drop_first(struct channel *channel)
{
    struct waiting *first = channel->first;

    channel->first = first->next;
    if (!channel->first)
        channel->last = &channel->first;
    channel->n_waiting--;
    channel->waiting_octets -= first->len;
    close_quietly(first->fd);
    free(first);
}

/* Sends what waits, in order, until the socket is full. */
static void flush_waiting(struct channel *channel)
{
    while (channel->first && !channel->broken) {
        struct waiting *first = channel->first;
        enum sent sent = send_now(channel, (struct bytes){first->octets, first->len}, first->fd);

        if (sent == SENT) {
            drop_first(channel);
            continue;
        }
        if (sent == SENT_LATER) {
            ev_io_start(channel->loop, &channel->writable);
            return;
        }
        ev_io_stop(channel->loop, &channel->writable);
        if (sent == SENT_NEVER) {
            break_because(channel, REASON_SYSTEM, "cannot send");
            return;
        }
        ev_timer_set(&channel->retry, IN_FLIGHT_RETRY_MS / 1000.0, 0.0);
        ev_timer_start(channel->loop, &channel->retry);
        return;
    }
    ev_io_stop(channel->loop, &channel->writable);
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)events;
    flush_waiting(io->data);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    flush_waiting(timer->data);
}

static bool put_in_queue(struct channel *channel, struct bytes octets, int fd)
{
    struct waiting *waiting;
    int copy = -1;

    if (fd >= 0) {
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
            return false;
    }
    waiting = xcalloc(1, sizeof(*waiting) + octets.len);
    waiting->fd = copy;
    waiting->len = octets.len;
    memcpy(waiting->octets, octets.at, octets.len);
    *channel->last = waiting;
    channel->last = &waiting->next;
    channel->n_waiting++;
    channel->waiting_octets += octets.len;
    return true;
}

static bool queue_has_room(const struct channel *channel, size_t len)
{
    return channel->n_waiting < CHANNEL_QUEUE_MAX &&
           channel->waiting_octets + len <= CHANNEL_QUEUE_OCTETS_MAX;
}

bool channel_send(struct channel *channel, enum message_id id, const void *msg, int fd)
{
    struct bytes octets;
    enum sent sent = SENT_LATER;

    assert(message_allowed(id, channel->own, channel->peer));
    assert(fd < 0 || message_fds(id) > 0);
    if (channel->broken || channel->dead)
        return false;
    writer_reset(&channel->out);
    message_encode(id, msg, &channel->out);
    octets = writer_bytes(&channel->out);
    if (octets.len == 0)
        return false; /* larger than MESSAGE_MAX */
    if (!channel->first)
        sent = send_now(channel, octets, fd);
    if (sent == SENT)
        return true;
    if (sent == SENT_NEVER) {
        break_because(channel, REASON_SYSTEM, "cannot send");
        return false;
    }
    if (!queue_has_room(channel, octets.len) || !put_in_queue(channel, octets, fd))
        return false;
    if (sent == SENT_RETRY && !ev_is_active(&channel->retry)) {
        ev_timer_set(&channel->retry, IN_FLIGHT_RETRY_MS / 1000.0, 0.0);
        ev_timer_start(channel->loop, &channel->retry);
    } else if (sent == SENT_LATER && !ev_is_active(&channel->retry)) {
        ev_io_start(channel->loop, &channel->writable);
    }
    return true;
}

size_t channel_queued(const struct channel *channel)
{
    return channel->n_waiting;
}

/* --- receiving -------------------------------------------------------------------------------- */

enum received { RECEIVED, RECEIVED_NOTHING, RECEIVED_END };

/*
 * Reads one datagram into channel->in. Breaks the channel on anything but a whole message. When
 * this process has no descriptor left, the kernel drops the one that came and says so: the message
 * goes on without it, which never helps whom it is about.
 */
static enum received receive(struct channel *channel, struct bytes *ret_octets, int *ret_fd)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = channel->in, .iov_len = MESSAGE_MAX};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    ssize_t n;
    int fd;

    do
        n = recvmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return RECEIVED_NOTHING;
    if (n <= 0) {
        break_because(channel, REASON_SYSTEM,
                      n == 0 ? "closed by the other end" : "cannot receive");
        return RECEIVED_END;
    }
    if (!passing_take(&msg, &fd) || (msg.msg_flags & MSG_TRUNC) ||
        (fd >= 0 && (msg.msg_flags & MSG_CTRUNC))) {
        close_quietly(fd);
        break_because(channel, REASON_MSG_MALFORMED, "a message was cut short");
        return RECEIVED_END;
    }
    *ret_octets = (struct bytes){channel->in, (size_t)n};
    *ret_fd = fd;
    return RECEIVED;
}

/*
 * Form and rights of one message. Breaks the channel and closes fd when they are not as written.
 * False too for a message that only a newer version of the other end knows.
 */
static bool check(struct channel *channel, struct bytes octets, int fd, enum message_id *ret_id,
                  union message *ret_msg)
{
    struct error why;
    enum message_id id;

    if (!channel->decode(octets, &id, ret_msg, &why)) {
        (void)err_in(&why, "channel to %s.%u", process_of(channel->peer)->name, channel->peer_slot);
    } else if (id == MESSAGE__COUNT) {
        close_quietly(fd);
        return false;
    } else if (!message_allowed(id, channel->peer, channel->own)) {
        (void)err_set(&why, REASON_MSG_MALFORMED, "%s may not send %s to %s",
                      process_of(channel->peer)->name, message_name(id),
                      process_of(channel->own)->name);
    } else if (fd >= 0 && message_fds(id) == 0) {
        (void)err_set(&why, REASON_MSG_MALFORMED, "a descriptor with %s", message_name(id));
    } else {
        *ret_id = id;
        return true;
    }
    close_quietly(fd);
    break_channel(channel, &why);
    return false;
}

static void really_free(struct channel *channel)
{
    while (channel->first)
        drop_first(channel);
    spare_files_give(&channel->spare, SPARE_FILES);
    close_quietly(channel->fd);
    writer_clear(&channel->out);
    free(channel->in);
    free(channel);
}

/* Gives one message to the owner. False when the channel was freed meanwhile: touch nothing. */
static bool deliver(struct channel *channel, enum message_id id, const union message *msg, int fd)
{
    channel->in_call = true;
    channel->calls->message(channel->context, channel, id, msg, fd);
    channel->in_call = false;
    if (!channel->dead)
        return true;
    really_free(channel);
    return false;
}

static void tell_down(struct channel *channel)
{
    struct error why = channel->why;

    if (channel->told)
        return;
    channel->told = true;
    channel->calls->down(channel->context, channel, &why); /* frees it */
}

/* Whatever a process holds, it must hear of a new neighbour. */
static void hold_spare(struct channel *channel)
{
    if (channel->peer == PROCESS_PARENT && !channel->broken)
        (void)spare_files_take(&channel->spare, STDERR_FILENO, SPARE_FILES);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    struct channel *channel = io->data;

    (void)loop;
    (void)events;
    for (int i = 0; i < TURN_MAX && !channel->broken; i++) {
        struct bytes octets;
        union message msg;
        enum message_id id;
        int fd;

        spare_files_give(&channel->spare, 1);
        if (receive(channel, &octets, &fd) != RECEIVED)
            break;
        hold_spare(channel);
        if (check(channel, octets, fd, &id, &msg) && !deliver(channel, id, &msg, fd))
            return;
    }
    hold_spare(channel);
    if (channel->broken)
        tell_down(channel);
}

static bool wait_for_socket(struct channel *channel, int64_t deadline_ms, struct error *err)
{
    struct pollfd poll_fd = {.fd = channel->fd, .events = POLLIN};
    int64_t left = deadline_ms - clock_monotonic_ms();
    int n;

    if (channel->first)
        poll_fd.events |= POLLOUT;
    if (left <= 0)
        return err_set(err, REASON_KEY_UNAVAILABLE, "%s does not answer in time",
                       process_of(channel->peer)->name);
    n = poll(&poll_fd, 1, (int)left);
    if (n < 0 && errno != EINTR)
        return err_set(err, REASON_SYSTEM, "poll: %m");
    if (n > 0 && (poll_fd.revents & POLLOUT))
        flush_waiting(channel);
    return true;
}

bool channel_wait(struct channel *channel, enum message_id id, int64_t timeout_ms,
                  union message *ret_msg, struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;

    while (!channel->broken) {
        enum received received;
        struct bytes octets;
        enum message_id got;
        int fd;

        received = receive(channel, &octets, &fd);
        if (received == RECEIVED_NOTHING && !wait_for_socket(channel, deadline_ms, err))
            return false;
        if (received != RECEIVED || !check(channel, octets, fd, &got, ret_msg))
            continue;
        if (got == id && fd < 0)
            return true;
        close_quietly(fd);
        break_because(channel, REASON_MSG_MALFORMED, "another message than the one waited for");
    }
    *err = channel->why;
    return false;
}

/* --- life ------------------------------------------------------------------------------------- */

struct channel *channel_new(struct ev_loop *loop, int fd, enum process_role own,
                            enum process_role peer, uint32_t peer_slot,
                            const struct channel_calls *calls, void *context)
{
    struct channel *channel = xcalloc(1, sizeof(*channel));
    int size = SOCKET_BUFFER;

    *channel = (struct channel){.loop = loop,
                                .fd = fd,
                                .own = own,
                                .peer = peer,
                                .peer_slot = peer_slot,
                                .table = message_table(),
                                .decode = message_decode,
                                .calls = calls,
                                .context = context,
                                .out = writer_new(MESSAGE_MAX),
                                .in = xcalloc(1, MESSAGE_MAX)};
    channel->last = &channel->first;
    /* A smaller buffer only means that more waits in the queue. */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    ev_io_init(&channel->readable, on_readable, fd, EV_READ);
    ev_io_init(&channel->writable, on_writable, fd, EV_WRITE);
    ev_init(&channel->retry, on_retry);
    /* Before everything else in a loop turn: what decide says of a connection comes before what the
     * connection's sockets say. */
    ev_set_priority(&channel->readable, CHANNEL_PRIORITY);
    channel->readable.data = channel->writable.data = channel->retry.data = channel;
    ev_io_start(loop, &channel->readable);
    return channel;
}

struct channel *channel_free(struct channel *channel)
{
    if (!channel || channel->dead)
        return NULL;
    channel->dead = true;
    ev_io_stop(channel->loop, &channel->readable);
    ev_io_stop(channel->loop, &channel->writable);
    ev_timer_stop(channel->loop, &channel->retry);
    ev_clear_pending(channel->loop, &channel->readable);
    if (!channel->in_call)
        really_free(channel);
    return NULL;
}

enum process_role channel_peer(const struct channel *channel)
{
    return channel->peer;
}

uint32_t channel_peer_slot(const struct channel *channel)
{
    return channel->peer_slot;
}

void channel_set_table(struct channel *channel, uint64_t table)
{
    channel->table = table;
    channel->decode = table == message_table() ? message_decode : message_decode_other;
}

uint64_t channel_table(const struct channel *channel)
{
    return channel->table;
}

bool channel_same_table(const struct channel *channel)
{
    return channel->decode == message_decode;
}
