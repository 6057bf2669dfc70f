/* Channels: what arrives, what is refused, what waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/macros.h"
#include "gatewayd/shared/channel.h"
#include "gatewayd/shared/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
    struct channel *channel;
    struct ev_loop *loop;
    size_t n_messages, n_downs;
    enum message_id last;
    union message msg;
    int fd;
    struct error why;
    bool free_in_message;
};

static void on_message(void *context, struct channel *channel, enum message_id id,
                       const union message *msg, int fd)
{
    struct end *end = context;

    end->n_messages++;
    end->last = id;
    end->msg = *msg;
    if (end->fd >= 0)
        close(end->fd);
    end->fd = fd;
    if (end->free_in_message)
        end->channel = channel_free(channel);
}

static void on_down(void *context, struct channel *channel, const struct error *why)
{
    struct end *end = context;

    end->n_downs++;
    end->why = *why;
    end->channel = channel_free(channel);
}

static const struct channel_calls calls = {.message = on_message, .down = on_down};

static struct end make(struct ev_loop *loop)
{
    return (struct end){.loop = loop, .fd = -1};
}

static void pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static void turn(struct ev_loop *loop)
{
    for (int i = 0; i < 50; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

static void clear(struct end *end)
{
    channel_free(end->channel);
    if (end->fd >= 0)
        close(end->fd);
}

static void test_message_and_descriptor_arrive(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    struct end decide = make(loop), edge = make(loop);
    struct message_verdict verdict = {.connection = 7, .reason = 3, .text = {(uint8_t *)"no", 2}};
    int fds[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    pair(fds);
    decide.channel = channel_new(loop, fds[0], PROCESS_DECIDE, PROCESS_EDGE, 4, &calls, &decide);
    edge.channel = channel_new(loop, fds[1], PROCESS_EDGE, PROCESS_DECIDE, 0, &calls, &edge);
    assert_int_equal(channel_peer(decide.channel), PROCESS_EDGE);
    assert_int_equal(channel_peer_slot(decide.channel), 4);
    assert_true(channel_send(decide.channel, MESSAGE_VERDICT, &verdict, null));
    turn(loop);
    assert_int_equal(edge.n_messages, 1);
    assert_int_equal(edge.last, MESSAGE_VERDICT);
    assert_int_equal(edge.msg.verdict.connection, 7);
    assert_true(edge.fd >= 0 && edge.fd != null);
    assert_true(fcntl(edge.fd, F_GETFD) & FD_CLOEXEC);
    close(null);
    clear(&decide);
    turn(loop);
    assert_int_equal(edge.n_downs, 1);
    clear(&edge);
    ev_loop_destroy(loop);
}

/* The limit of open files is what is open now, and n more. */
static struct rlimit leave_files(rlim_t n)
{
    struct rlimit old, few;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the lowest that is free */

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)next + n;
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    return old;
}

/* Without a free descriptor a message comes without the one that was sent; the channel stays. */
static void test_no_descriptor_is_left(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    struct end decide = make(loop), edge = make(loop);
    struct message_verdict verdict = {.connection = 7, .text = {(uint8_t *)"", 0}};
    int fds[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct rlimit old;

    (void)state;
    pair(fds);
    decide.channel = channel_new(loop, fds[0], PROCESS_DECIDE, PROCESS_EDGE, 4, &calls, &decide);
    edge.channel = channel_new(loop, fds[1], PROCESS_EDGE, PROCESS_DECIDE, 0, &calls, &edge);
    turn(loop);
    old = leave_files(0);
    assert_true(channel_send(decide.channel, MESSAGE_VERDICT, &verdict, null));
    turn(loop);
    assert_int_equal(edge.n_messages, 1);
    assert_int_equal(edge.fd, -1);
    assert_int_equal(edge.n_downs, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_true(channel_send(decide.channel, MESSAGE_VERDICT, &verdict, null));
    turn(loop);
    assert_int_equal(edge.n_messages, 2);
    assert_true(edge.fd >= 0);
    close(null);
    clear(&decide);
    clear(&edge);
    ev_loop_destroy(loop);
}

/* What the parent sends finds a descriptor that was kept for it. */
static void test_the_parent_is_heard_without_files(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    struct end parent = make(loop), edge = make(loop);
    struct message_channel msg = {.role = PROCESS_DECIDE};
    struct message_drain drain = {.now = false};
    int fds[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct rlimit old;

    (void)state;
    pair(fds);
    parent.channel = channel_new(loop, fds[0], PROCESS_PARENT, PROCESS_EDGE, 0, &calls, &parent);
    edge.channel = channel_new(loop, fds[1], PROCESS_EDGE, PROCESS_PARENT, 0, &calls, &edge);
    assert_true(channel_send(parent.channel, MESSAGE_DRAIN, &drain, -1));
    turn(loop);
    assert_int_equal(edge.n_messages, 1);
    old = leave_files(0);
    for (size_t i = 2; i < 5; i++) {
        int got;

        assert_true(channel_send(parent.channel, MESSAGE_CHANNEL, &msg, null));
        turn(loop);
        assert_int_equal(edge.n_messages, i);
        got = edge.fd;
        edge.fd = -1; /* stays open */
        assert_true(got >= 0);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(null);
    clear(&parent);
    clear(&edge);
    ev_loop_destroy(loop);
}

/* Octets that a taken process could write. */
static const struct {
    const char *name;
    struct bytes octets;
    size_t n_fds;
} attacks[] = {
    {"unknown id", {(const uint8_t *)"\xff\xff", 2}, 0},
    {"one octet", {(const uint8_t *)"\0", 1}, 0},
    {"RECORD, which an edge may not send to decide", {NULL, 0}, 0}, /* filled in below */
    {"a descriptor where none may be", {NULL, 0}, 1},
    {"two descriptors", {NULL, 0}, 2},
    {"more descriptors than fit", {NULL, 0}, 9},
};

static void send_raw(int fd, struct bytes octets, size_t n_fds)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(16 * sizeof(int))];
    } control = {.room = {0}};
    struct iovec part = {.iov_base = (void *)octets.at, .iov_len = octets.len};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (n_fds > 0) {
        msg.msg_control = control.room;
        msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memset(CMSG_DATA(CMSG_FIRSTHDR(&msg)), 0, n_fds * sizeof(int)); /* stdin, often */
    }
    assert_int_equal(sendmsg(fd, &msg, 0), octets.len);
}

static size_t count_descriptors(void)
{
    size_t n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_attacks_close_the_channel(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
        struct end decide = make(loop);
        AUTO(writer_clear) struct writer w = writer_new(MESSAGE_MAX);
        struct message_record record = {.epoch = 1, .counter = 1};
        struct message_chains_done done = {.generation = 1};
        size_t before = count_descriptors();
        int fds[2];

        pair(fds);
        decide.channel =
            channel_new(loop, fds[0], PROCESS_DECIDE, PROCESS_EDGE, 0, &calls, &decide);
        if (i == 2)
            message_encode(MESSAGE_RECORD, &record, &w);
        else if (attacks[i].octets.len > 0)
            writer_put(&w, attacks[i].octets);
        else
            message_encode(MESSAGE_CHAINS_DONE, &done, &w);
        send_raw(fds[1], writer_bytes(&w), attacks[i].n_fds);
        turn(loop);
        if (decide.n_downs != 1 || decide.n_messages != 0)
            fail_msg("not refused: %s", attacks[i].name);
        assert_int_equal(decide.why.reason, REASON_MSG_MALFORMED);
        close(fds[1]);
        if (count_descriptors() != before)
            fail_msg("a descriptor is left: %s", attacks[i].name);
        ev_loop_destroy(loop);
    }
}

/* A decide that was upgraded under an edge that was not. */
static void test_other_version(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    struct end decide = make(loop);
    AUTO(writer_clear) struct writer longer = writer_new(MESSAGE_MAX);
    struct message_chains_done done = {.generation = 5};
    size_t before = count_descriptors();
    int fds[2];

    (void)state;
    message_encode(MESSAGE_CHAINS_DONE, &done, &longer);
    writer_u32(&longer, 77);
    pair(fds);
    decide.channel = channel_new(loop, fds[0], PROCESS_DECIDE, PROCESS_EDGE, 0, &calls, &decide);
    assert_true(channel_same_table(decide.channel));
    channel_set_table(decide.channel, message_table() + 1);
    assert_false(channel_same_table(decide.channel));
    assert_true(channel_table(decide.channel) == message_table() + 1);
    send_raw(fds[1], (struct bytes){(const uint8_t *)"\7FORGIVE", 8}, 1);
    send_raw(fds[1], writer_bytes(&longer), 0);
    turn(loop);
    assert_int_equal(decide.n_downs, 0);
    assert_int_equal(decide.n_messages, 1); /* the one that only they know is dropped */
    assert_int_equal(decide.msg.chains_done.generation, 5);
    assert_int_equal(count_descriptors(), before + 2);
    /* As soon as both are of one version again, all is as strict as ever. */
    channel_set_table(decide.channel, message_table());
    send_raw(fds[1], writer_bytes(&longer), 0);
    turn(loop);
    assert_int_equal(decide.n_downs, 1);
    assert_int_equal(decide.why.reason, REASON_MSG_MALFORMED);
    close(fds[1]);
    clear(&decide);
    ev_loop_destroy(loop);
}

static void test_queue_is_bounded_and_keeps_order(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    struct end decide = make(loop), audit = make(loop);
    struct message_record record = {.epoch = 1};
    size_t sent = 0;
    int fds[2];

    (void)state;
    pair(fds);
    decide.channel = channel_new(loop, fds[0], PROCESS_DECIDE, PROCESS_AUDIT, 0, &calls, &decide);
    while (sent < 100000) {
        record.counter = sent + 1;
        if (!channel_send(decide.channel, MESSAGE_RECORD, &record, -1))
            break;
        sent++;
    }
    assert_true(sent > CHANNEL_QUEUE_MAX && sent < 100000);
    assert_int_equal(channel_queued(decide.channel), CHANNEL_QUEUE_MAX);
    audit.channel = channel_new(loop, fds[1], PROCESS_AUDIT, PROCESS_DECIDE, 0, &calls, &audit);
    for (int i = 0; i < 1000 && audit.n_messages < sent; i++) {
        turn(loop);
        assert_int_equal(audit.msg.record.counter, audit.n_messages);
    }
    assert_int_equal(audit.n_messages, sent);
    assert_int_equal(channel_queued(decide.channel), 0);
    clear(&decide);
    clear(&audit);
    ev_loop_destroy(loop);
}

static void test_descriptors_in_the_queue_are_closed(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    struct end parent = make(loop);
    struct message_trust trust = {.generation = 1};
    size_t before = count_descriptors();
    int fds[2];

    (void)state;
    pair(fds);
    parent.channel = channel_new(loop, fds[0], PROCESS_PARENT, PROCESS_EDGE, 0, &calls, &parent);
    while (channel_queued(parent.channel) < 20)
        assert_true(channel_send(parent.channel, MESSAGE_TRUST, &trust, 0));
    clear(&parent);
    close(fds[1]);
    assert_int_equal(count_descriptors(), before);
    ev_loop_destroy(loop);
}

static void test_free_inside_of_a_message(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    struct end decide = make(loop), audit = make(loop);
    struct message_record record = {.epoch = 1, .counter = 1};
    int fds[2];

    (void)state;
    pair(fds);
    decide.channel = channel_new(loop, fds[0], PROCESS_DECIDE, PROCESS_AUDIT, 0, &calls, &decide);
    audit.channel = channel_new(loop, fds[1], PROCESS_AUDIT, PROCESS_DECIDE, 0, &calls, &audit);
    audit.free_in_message = true;
    assert_true(channel_send(decide.channel, MESSAGE_RECORD, &record, -1));
    assert_true(channel_send(decide.channel, MESSAGE_RECORD, &record, -1));
    turn(loop);
    assert_int_equal(audit.n_messages, 1);
    assert_int_equal(audit.n_downs, 0);
    assert_int_equal(decide.n_downs, 1);
    ev_loop_destroy(loop);
}

static void test_send_after_the_end_is_refused(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    struct end decide = make(loop);
    struct message_record record = {.epoch = 1, .counter = 1};
    int fds[2];

    (void)state;
    pair(fds);
    decide.channel = channel_new(loop, fds[0], PROCESS_DECIDE, PROCESS_AUDIT, 0, &calls, &decide);
    close(fds[1]);
    assert_false(channel_send(decide.channel, MESSAGE_RECORD, &record, -1));
    assert_int_equal(decide.n_downs, 0); /* told from the loop, not from the send */
    turn(loop);
    assert_int_equal(decide.n_downs, 1);
    ev_loop_destroy(loop);
}

static void test_wait_for_an_answer(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOTIMERFD | EVFLAG_NOENV);
    struct end edge = make(loop), key = make(loop);
    struct message_signature signature = {.cookie = 5, .reason = REASON_OK};
    struct error err = {.reason = REASON_OK};
    union message msg;
    int fds[2];

    (void)state;
    pair(fds);
    edge.channel = channel_new(loop, fds[0], PROCESS_EDGE, PROCESS_KEY, 0, &calls, &edge);
    key.channel = channel_new(loop, fds[1], PROCESS_KEY, PROCESS_EDGE, 0, &calls, &key);
    assert_false(channel_wait(edge.channel, MESSAGE_SIGNATURE, 30, &msg, &err));
    assert_int_equal(err.reason, REASON_KEY_UNAVAILABLE);
    assert_true(channel_send(key.channel, MESSAGE_SIGNATURE, &signature, -1));
    assert_true(channel_wait(edge.channel, MESSAGE_SIGNATURE, 30, &msg, &err));
    assert_int_equal(msg.signature.cookie, 5);
    clear(&key);
    assert_false(channel_wait(edge.channel, MESSAGE_SIGNATURE, 30, &msg, &err));
    turn(loop);
    assert_int_equal(edge.n_downs, 1);
    ev_loop_destroy(loop);
}

static void test_memfd_must_be_sealed(void **state)
{
    struct bytes octets = {(const uint8_t *)"abc", 3}, map;
    struct error err;
    int fd = memfd_new("t", octets, &err), open_one = memfd_create("u", MFD_CLOEXEC);

    (void)state;
    assert_true(fd >= 0 && open_one >= 0);
    assert_true(memfd_map(fd, 3, &map, &err));
    assert_true(bytes_equal(map, octets));
    memfd_unmap(map);
    assert_false(memfd_map(fd, 2, &map, &err));
    assert_false(memfd_map(open_one, 3, &map, &err));
    assert_false(memfd_map(0, 3, &map, &err));
    assert_int_equal(write(fd, "x", 1), -1);
    close(fd);
    close(open_one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_and_descriptor_arrive),
        cmocka_unit_test(test_no_descriptor_is_left),
        cmocka_unit_test(test_the_parent_is_heard_without_files),
        cmocka_unit_test(test_attacks_close_the_channel),
        cmocka_unit_test(test_other_version),
        cmocka_unit_test(test_queue_is_bounded_and_keeps_order),
        cmocka_unit_test(test_descriptors_in_the_queue_are_closed),
        cmocka_unit_test(test_free_inside_of_a_message),
        cmocka_unit_test(test_send_after_the_end_is_refused),
        cmocka_unit_test(test_wait_for_an_answer),
        cmocka_unit_test(test_memfd_must_be_sealed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
