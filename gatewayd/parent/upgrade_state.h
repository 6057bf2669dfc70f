#pragma once
/*
 * The parts of the parent's state that belong to an upgrade: before the exec (upgrade.c), and after
 * it (succession.c).
 */
#include "common/error.h"
#include "common/writer.h"

#include <ev.h>
#include <sys/types.h>

/* A program that shall take this one's place: upgrade.c. */
struct upgrade {
    bool asked, checking;
    uint64_t cookie; /* of the ASK that waits for the answer */
    bool has_cookie;
    char *path;  /* of the program */
    int program; /* what was checked is what is executed; -1 none */
    pid_t pid;   /* of the check */
    int output;  /* of the check; -1 none */
    ev_io readable;
    ev_timer timer; /* the check's deadline; then, the next look whether all messages are out */
    int64_t until_ms;
    struct writer said; /* by the check */
};

/* What is left to do after this program has taken another one's place, in order: succession.c. */
enum succession_step {
    SUCCESSION_NONE,
    SUCCESSION_LOAD,
    SUCCESSION_KEY,
    SUCCESSION_EDGES,
    SUCCESSION_DIRECTORY,
    SUCCESSION_FETCH,
    SUCCESSION_DECIDE,
    SUCCESSION_AUDIT,
    SUCCESSION_NEW_DECIDE,
    SUCCESSION_SPAWN,
    SUCCESSION_DONE,
    SUCCESSION_FAILED,
};

struct succession {
    enum succession_step step;
    ev_timer deadline;
    int64_t began_ms;
    uint32_t n_edges;
    struct error failure;
};
