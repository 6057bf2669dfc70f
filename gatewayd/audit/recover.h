#pragma once
/*
 * Recovery: finds out where the log ended, when the audit process starts. Reads the last file's
 * end, sets a torn last line aside, makes what stands there durable. Reads nothing else, ever.
 */
#include "gatewayd/audit/chain.h"

struct recovered {
    bool found;               /* there is a log to continue */
    struct chain_point point; /* its last line */
    char log[AUDIT_LOG_NAME_LEN + 1];
    char file[AUDIT_NAME_LEN + 1]; /* the file that it stands in */
    char torn[AUDIT_NAME_LEN + 8]; /* where a torn line was moved to; empty when there was none */
    uint64_t epoch, counter;       /* last key in the log; 0.0 none: drops duplicates */
};

/*
 * False when the directory cannot be read or the log cannot be continued as it is. A last line that
 * is no record is moved aside like a torn one.
 */
bool recover(int dir_fd, struct recovered *ret_recovered, struct error *err) MUST_CHECK;
