#pragma once
/*
 * Strangers: how many records clients get that were refused before they had an identity. What is
 * over the budget, or would fill the last of the disk, is counted per reason and network, and a
 * record with the count follows. Knows time only as it is told, and nothing of records' contents.
 */
#include "common/address.h"
#include "common/reason.h"

#include <stddef.h>
#include <stdint.h>

enum {
    STRANGERS_PER_S = 20, /* records of single events */
    STRANGERS_BURST = 100,
    STRANGERS_NETWORKS_MAX = 32, /* counted one by one; the rest shares a count per reason */
};

struct strangers;

/* Events of a reason from a network since the last record of them. */
struct strangers_count {
    enum reason reason;
    struct address network; /* a /24 or /48; unknown: several networks */
    uint32_t n;
};

struct strangers *strangers_new(int64_t now_ms);
struct strangers *strangers_free(struct strangers *strangers); /* accepts NULL, returns NULL */
/* True: the event may have a record of its own. False: it is counted. */
bool strangers_may_record(struct strangers *strangers, int64_t now_ms, enum reason reason,
                          const struct address *source, uint32_t n);
/* The disk has little room left: everything is counted, nothing is recorded. */
void strangers_set_low(struct strangers *strangers, bool low);
/* Takes out a count that is to be recorded; false when there is none, or no room. */
bool strangers_next(struct strangers *strangers, struct strangers_count *ret_count);
