#pragma once
/*
 * A stand-in for decide in a process of its own: listens in a private directory, answers each
 * request in one way, good or bad, and hands what it was asked to the test.
 */
#include "common/protocol.h"

#include <sys/types.h>

enum fake_act {
    FAKE_REPLY,   /* sends `octets` */
    FAKE_CLOSE,   /* reads the request, closes */
    FAKE_RESET,   /* closes before it reads */
    FAKE_DIE,     /* kills itself with the request read */
    FAKE_HANG,    /* never answers */
    FAKE_DEAF,    /* a bound socket that nobody listens to */
    FAKE_FULL,    /* listens, never accepts, backlog full */
    FAKE_MISSING, /* no socket file */
};

struct fake_script {
    enum fake_act act;
    struct bytes octets;
    uid_t listener, owner; /* uid that listens, uid of the socket file; the test's own if 0 */
    mode_t directory_mode; /* 0: 0755 */
};

struct fake {
    pid_t pid;
    int requests; /* pipe: what it was asked */
    char directory[64], path[96];
};

/* Asserts on failure. */
void fake_start(struct fake *fake, const struct fake_script *script);
/* The next request that came, decoded; texts live in a static buffer. */
bool fake_request(struct fake *fake, struct protocol_message *ret_msg);
void fake_stop(struct fake *fake);
