/*
 * Records between decide and audit. Runs in decide; believes audit that a record is durable, since
 * nobody else could know.
 */
#include "gatewayd/decide/ledger.h"

#include "common/log.h"
#include "gatewayd/shared/xalloc.h"

#include <utlist.h>

struct queued {
    uint64_t counter;
    bool urgent;
    struct bytes octets; /* owned */
    struct queued *next;
};

struct ledger {
    struct ev_loop *loop;
    struct channel *channel;
    uint64_t epoch, counter;
    struct queued *first, **last; /* not yet durable, in order */
    struct queued *unsent;        /* the first that this channel has not taken */
    size_t n, octets;
    struct ledger_wait *waits;
    enum reason state;
    uint64_t lost;
    ev_timer again; /* the channel was full */
    struct writer out;
};

enum { AGAIN_MS = 20 };

static void send_unsent(struct ledger *ledger)
{
    while (ledger->channel && ledger->unsent) {
        struct queued *queued = ledger->unsent;
        struct message_record record = {.epoch = ledger->epoch,
                                        .counter = queued->counter,
                                        .urgent = queued->urgent,
                                        .record = queued->octets};

        if (!channel_send(ledger->channel, MESSAGE_RECORD, &record, -1)) {
            ev_timer_set(&ledger->again, AGAIN_MS / 1000.0, 0.0);
            ev_timer_start(ledger->loop, &ledger->again);
            return;
        }
        ledger->unsent = queued->next;
    }
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    send_unsent(timer->data);
}

struct ledger *ledger_new(struct ev_loop *loop, uint64_t epoch)
{
    struct ledger *ledger = xcalloc(1, sizeof(*ledger));

    ledger->loop = loop;
    ledger->epoch = epoch;
    ledger->last = &ledger->first;
    ledger->out = writer_new(MESSAGE_MAX - 64);
    ev_init(&ledger->again, on_again);
    ledger->again.data = ledger;
    return ledger;
}

static void drop_first(struct ledger *ledger)
{
    struct queued *first = ledger->first;

    ledger->first = first->next;
    if (!ledger->first)
        ledger->last = &ledger->first;
    if (ledger->unsent == first)
        ledger->unsent = first->next;
    ledger->n--;
    ledger->octets -= first->octets.len;
    free((void *)first->octets.at);
    free(first);
}

struct ledger *ledger_free(struct ledger *ledger)
{
    if (!ledger)
        return NULL;
    ev_timer_stop(ledger->loop, &ledger->again);
    while (ledger->first)
        drop_first(ledger);
    writer_clear(&ledger->out);
    free(ledger);
    return NULL;
}

static void append(struct ledger *ledger, struct bytes octets, bool urgent)
{
    struct queued *queued = xcalloc(1, sizeof(*queued));

    queued->counter = ++ledger->counter;
    queued->urgent = urgent;
    queued->octets = xbytes(octets);
    *ledger->last = queued;
    ledger->last = &queued->next;
    if (!ledger->unsent)
        ledger->unsent = queued;
    ledger->n++;
    ledger->octets += octets.len;
}

bool ledger_write(struct ledger *ledger, const struct audit_record *record, bool urgent,
                  struct ledger_wait *wait)
{
    struct bytes octets;

    writer_reset(&ledger->out);
    audit_record_encode(record, &ledger->out);
    octets = writer_bytes(&ledger->out);
    if (octets.len == 0 || ledger->n >= LEDGER_RECORDS_MAX ||
        ledger->octets + octets.len > LEDGER_OCTETS_MAX) {
        ledger->lost++;
        log_event(LOG_LEVEL_ERROR, "audit_record_lost", "waiting=%zu lost=%llu", ledger->n,
                  (unsigned long long)ledger->lost);
        return false;
    }
    append(ledger, octets, urgent);
    if (wait) {
        wait->counter = ledger->counter;
        DL_APPEND(ledger->waits, wait);
    }
    if (!ev_is_active(&ledger->again))
        send_unsent(ledger);
    return true;
}

void ledger_forget(struct ledger *ledger, struct ledger_wait *wait)
{
    if (wait->counter == 0)
        return;
    DL_DELETE(ledger->waits, wait);
    wait->counter = 0;
}

void ledger_channel(struct ledger *ledger, struct channel *channel)
{
    ledger->channel = channel;
    ledger->unsent = ledger->first; /* duplicates are dropped by their key */
    ev_timer_stop(ledger->loop, &ledger->again);
    if (channel)
        ledger->state = REASON_OK; /* a new process says it when it cannot write */
    send_unsent(ledger);
}

/* Waits lie in the order of their records. */
static void tell_waits(struct ledger *ledger, uint64_t counter)
{
    while (ledger->waits && ledger->waits->counter <= counter) {
        struct ledger_wait *wait = ledger->waits;

        ledger_forget(ledger, wait);
        wait->done(wait->context);
    }
}

void ledger_ack(struct ledger *ledger, const struct message_ack *ack)
{
    if (ack->epoch != ledger->epoch || ack->counter > ledger->counter)
        return;
    while (ledger->first && ledger->first->counter <= ack->counter)
        drop_first(ledger);
    tell_waits(ledger, ack->counter);
}

void ledger_set_state(struct ledger *ledger, enum reason state)
{
    ledger->state = state;
}

enum reason ledger_state(const struct ledger *ledger)
{
    return ledger->state;
}

bool ledger_is_ready(const struct ledger *ledger)
{
    return ledger->state == REASON_OK && ledger->n < LEDGER_RECORDS_MAX - LEDGER_RESERVE_RECORDS &&
           ledger->octets < LEDGER_OCTETS_MAX / 2;
}

size_t ledger_waiting(const struct ledger *ledger)
{
    return ledger->n;
}

uint64_t ledger_lost(const struct ledger *ledger)
{
    return ledger->lost;
}
