/*
 * Records on their way to audit: order, numbers, sending again, limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/decide/ledger.h"
#include "gatewayd/shared/xalloc.h"

#include <sys/socket.h>
#include <unistd.h>

enum { EPOCH = 42, SEEN_MAX = 64 };

struct audit {
    struct ev_loop *loop;
    struct channel *ours, *theirs;
    uint64_t seen[SEEN_MAX];
    size_t n_seen;
};

static void on_message(void *context, struct channel *channel, enum message_id id,
                       const union message *msg, int fd)
{
    struct audit *audit = context;

    (void)channel;
    assert_int_equal(id, MESSAGE_RECORD);
    assert_int_equal(msg->record.epoch, EPOCH);
    assert_int_equal(fd, -1);
    if (audit->n_seen < SEEN_MAX)
        audit->seen[audit->n_seen++] = msg->record.counter;
}

static void on_down(void *context, struct channel *channel, const struct error *why)
{
    (void)context;
    (void)why;
    (void)channel_free(channel);
}

static const struct channel_calls calls = {.message = on_message, .down = on_down};

static void audit_up(struct audit *audit)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    audit->ours = channel_new(audit->loop, fds[0], PROCESS_AUDIT, PROCESS_DECIDE, 0, &calls, audit);
    audit->theirs =
        channel_new(audit->loop, fds[1], PROCESS_DECIDE, PROCESS_AUDIT, 0, &calls, audit);
}

static void audit_down(struct audit *audit)
{
    audit->ours = channel_free(audit->ours);
    audit->theirs = channel_free(audit->theirs);
}

static void run(struct audit *audit)
{
    for (int i = 0; i < 20; i++)
        ev_run(audit->loop, EVRUN_NOWAIT);
}

static bool put(struct ledger *ledger, struct ledger_wait *wait)
{
    struct audit_record record;

    audit_record_init(&record);
    record.ev = bytes_of("open");
    return ledger_write(ledger, &record, true, wait);
}

static void count_done(void *context)
{
    ++*(size_t *)context;
}

static void ack(struct ledger *ledger, uint64_t epoch, uint64_t counter)
{
    struct message_ack msg = {.epoch = epoch, .counter = counter};

    ledger_ack(ledger, &msg);
}

static void test_order(void **state)
{
    struct audit audit = {.loop = ev_loop_new(EVFLAG_NOENV)};
    struct ledger *ledger = ledger_new(audit.loop, EPOCH);
    size_t done = 0;
    struct ledger_wait waits[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        waits[i] = (struct ledger_wait){.done = count_done, .context = &done};
        assert_true(put(ledger, &waits[i])); /* before there is an audit process */
    }
    audit_up(&audit);
    ledger_channel(ledger, audit.theirs);
    run(&audit);
    assert_int_equal(audit.n_seen, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(audit.seen[i], i + 1);
    ack(ledger, EPOCH, 2);
    assert_int_equal(done, 2);
    ack(ledger, EPOCH + 1, 3); /* of another life */
    ack(ledger, EPOCH, 99);    /* of records that were never sent */
    assert_int_equal(done, 2);
    ack(ledger, EPOCH, 1); /* late */
    assert_int_equal(ledger_waiting(ledger), 1);
    ledger_forget(ledger, &waits[2]);
    ack(ledger, EPOCH, 3);
    assert_int_equal(done, 2);
    assert_int_equal(ledger_waiting(ledger), 0);
    audit_down(&audit);
    ledger_free(ledger);
    ev_loop_destroy(audit.loop);
}

static void test_sent_again(void **state)
{
    struct audit audit = {.loop = ev_loop_new(EVFLAG_NOENV)};
    struct ledger *ledger = ledger_new(audit.loop, EPOCH);

    (void)state;
    audit_up(&audit);
    ledger_channel(ledger, audit.theirs);
    for (size_t i = 0; i < 4; i++)
        assert_true(put(ledger, NULL));
    run(&audit);
    ack(ledger, EPOCH, 2);
    ledger_channel(ledger, NULL);
    audit_down(&audit);
    assert_true(put(ledger, NULL));
    audit.n_seen = 0;
    audit_up(&audit);
    ledger_channel(ledger, audit.theirs);
    run(&audit);
    assert_int_equal(audit.n_seen, 3); /* 3 and 4 once more, then 5 */
    assert_int_equal(audit.seen[0], 3);
    assert_int_equal(audit.seen[2], 5);
    audit_down(&audit);
    ledger_free(ledger);
    ev_loop_destroy(audit.loop);
}

static void test_states(void **state)
{
    struct audit audit = {.loop = ev_loop_new(EVFLAG_NOENV)};
    struct ledger *ledger = ledger_new(audit.loop, EPOCH);

    (void)state;
    assert_true(ledger_is_ready(ledger)); /* a restart is waited for */
    ledger_set_state(ledger, REASON_AUDIT_UNAVAILABLE);
    assert_false(ledger_is_ready(ledger));
    assert_true(put(ledger, NULL)); /* closes are kept all the same */
    ledger_set_state(ledger, REASON_OK);
    assert_true(ledger_is_ready(ledger));
    ledger_free(ledger);
    ev_loop_destroy(audit.loop);
}

static void test_limits(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOENV);
    struct ledger *ledger = ledger_new(loop, EPOCH);
    struct audit_record record;
    uint8_t *large = xcalloc(MESSAGE_MAX, 1);

    (void)state;
    audit_record_init(&record);
    memset(large, 'a', MESSAGE_MAX);
    record.detail = (struct bytes){large, MESSAGE_MAX};
    assert_false(ledger_write(ledger, &record, true, NULL));
    assert_int_equal(ledger_lost(ledger), 1);
    for (size_t i = 0; i < LEDGER_RECORDS_MAX; i++) {
        if (i == LEDGER_RECORDS_MAX - LEDGER_RESERVE_RECORDS)
            assert_false(ledger_is_ready(ledger)); /* the rest is for what is open already */
        assert_true(put(ledger, NULL));
    }
    assert_false(put(ledger, NULL));
    assert_int_equal(ledger_lost(ledger), 2);
    free(large);
    ledger_free(ledger);
    ev_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_sent_again),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
