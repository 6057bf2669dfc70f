#pragma once
/*
 * The process table: which processes there are, what each is called, who it runs as. One row each
 * in process.c; architecture.md section 3 says what each holds. Knows nothing of what they do.
 */
#include "common/bytes.h"

enum process_role {
    PROCESS_PARENT,
    PROCESS_SPAWN,
    PROCESS_LOAD,
    PROCESS_EDGE,
    PROCESS_KEY,
    PROCESS_DECIDE,
    PROCESS_DIRECTORY,
    PROCESS_AUDIT,
    PROCESS_FETCH,
    PROCESS__COUNT
};

struct process {
    const char *name;        /* "edge": argument of --role, name in ps, in the log and in status */
    const char *user_suffix; /* runs as CONFIG.user + suffix, "-edge"; NULL: stays root */
    bool sandboxed;
    bool permanent; /* restarted when it ends; load is not */
};

const struct process *process_of(enum process_role role); /* static */
bool process_from_name(struct bytes name, enum process_role *ret_role);
