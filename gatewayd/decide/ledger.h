#pragma once
/*
 * The ledger: records on their way to the audit process. Numbers them (epoch.counter), keeps each
 * until it is durable, sends them again in order to a new audit process, and says when it can take
 * no more. Knows records only as octets to send.
 */
#include "gatewayd/shared/audit_record.h"
#include "gatewayd/shared/channel.h"

struct ledger;

enum {
    LEDGER_RECORDS_MAX = 65536,     /* records that are not yet durable */
    LEDGER_OCTETS_MAX = 64 << 20,   /* and their octets */
    LEDGER_RESERVE_RECORDS = 32768, /* kept free for closes: new connections are denied before */
};

/* Waits for one record; embedded in what waits. done is called once, when it is durable. */
struct ledger_wait {
    uint64_t counter; /* 0: waits for nothing */
    void (*done)(void *context);
    void *context;
    struct ledger_wait *prev, *next;
};

struct ledger *ledger_new(struct ev_loop *loop, uint64_t epoch);
struct ledger *ledger_free(struct ledger *ledger); /* accepts NULL, returns NULL */
/*
 * Queues the record. wait: told when it is durable; may be NULL. False when there is no room or the
 * record is too large: it is lost and counted (ledger_lost).
 */
bool ledger_write(struct ledger *ledger, const struct audit_record *record, bool urgent,
                  struct ledger_wait *wait);
/* Forgets a wait; the record is written all the same. */
void ledger_forget(struct ledger *ledger, struct ledger_wait *wait);
/* The audit process came (everything that is not durable is sent again) or went (NULL). */
void ledger_channel(struct ledger *ledger, struct channel *channel);
void ledger_ack(struct ledger *ledger, const struct message_ack *ack);
/* AUDIT_STATE: OK or AUDIT_UNAVAILABLE. */
void ledger_set_state(struct ledger *ledger, enum reason state);
/* Whether new connections may rely on it. */
bool ledger_is_ready(const struct ledger *ledger);
enum reason ledger_state(const struct ledger *ledger);
size_t ledger_waiting(const struct ledger *ledger);
uint64_t ledger_lost(const struct ledger *ledger);
