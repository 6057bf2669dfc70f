#pragma once
/*
 * Commit: takes records, writes all that came in one loop turn with one write and one fdatasync,
 * then acknowledges them. Keeps every record until it is durable, whatever the disk does, and says
 * when none can be written. Knows no channels (proc.c) and no loop.
 */
#include "gatewayd/audit/segment.h"

enum {
    COMMIT_BATCH_MAX = 4 << 20,    /* octets of lines in one write; more go in the next */
    COMMIT_PENDING_MAX = 64 << 20, /* octets of records kept while the disk does not take them */
    COMMIT_RETRY_S = 1,            /* between attempts while it does not */
    COMMIT_LOW_WATER = 8 << 20,    /* octets free: below, only records that must be are written */
    COMMIT_LOW_OVER = 10 << 20,    /* and this much ends that */
};

struct commit_calls {
    /* This record and all before it are durable. */
    void (*acked)(void *context, uint64_t epoch, uint64_t counter);
    /* Changed: OK, or AUDIT_UNAVAILABLE with the error. low: see COMMIT_LOW_WATER. */
    void (*state)(void *context, const struct error *state, bool low);
};

struct commit_counters {
    uint64_t records, batches, pending;
    int64_t longest_us; /* of one batch, since the last call of commit_counters */
    bool available, low;
    const char *file; /* borrowed until the next flush */
};

struct commit;

/* Takes dir_fd. Nothing is read or written before commit_start. */
struct commit *commit_new(int dir_fd, const struct segment_disk *disk,
                          const struct commit_calls *calls, void *context);
struct commit *commit_free(struct commit *commit); /* accepts NULL, returns NULL */
/* Continues the log that is there, or begins one. A disk that cannot be used is a state. */
void commit_start(struct commit *commit, uint64_t segment_size);
/* One record as it came; repeated ones are dropped. */
void commit_take(struct commit *commit, uint64_t epoch, uint64_t counter, struct bytes record);
/* At the end of a loop turn: makes everything durable that was taken. */
void commit_flush(struct commit *commit, uint64_t segment_size);
/* Every COMMIT_RETRY_S. */
void commit_tick(struct commit *commit, uint64_t segment_size);
/* Tells state and last acknowledgement again, to a new peer. */
void commit_tell(struct commit *commit);
/*
 * More came than COMMIT_PENDING_MAX while the disk did not take it, and now all that was kept is
 * durable: the process must end, and its successor gets the rest from the sender.
 */
bool commit_must_end(const struct commit *commit);
struct commit_counters commit_counters(struct commit *commit);
