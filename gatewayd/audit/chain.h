#pragma once
/*
 * Chain: turns a record into the next line of the log. A point is where the chain stands; it is a
 * plain value, so that a batch is printed from a copy and the copy is kept only once the lines are
 * durable. Knows no files.
 */
#include "gatewayd/shared/audit_chain.h"

struct chain_point {
    uint64_t seq;     /* of the last line; 0: there is none */
    struct hash hash; /* of that line */
};

/* What all lines of this process have in common. */
struct chain_origin {
    char log[AUDIT_LOG_NAME_LEN + 1];
    char host[65]; /* HOST_NAME_MAX and a terminator */
    char boot[37]; /* text of a UUID and a terminator; empty when the kernel does not say */
};

/* Host name, boot id and a new random name for a log; before the sandbox closes. */
void chain_origin_init(struct chain_origin *origin);

/*
 * Appends the line of a record, newline included, and moves the point to it. False when it is
 * longer than AUDIT_LINE_MAX: nothing was appended. key: empty for the audit process's own records.
 */
bool chain_print(struct chain_point *point, const struct chain_origin *origin,
                 struct audit_hasher *hasher, const struct audit_record *record, struct bytes key,
                 struct writer *out) MUST_CHECK;
