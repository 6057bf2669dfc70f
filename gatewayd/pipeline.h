#pragma once
/*
 * The product on one page: the stages of a connection, in order, each with its process, its
 * deadline and the reason when it is late. edge and decide run their rows from this table; there is
 * no other order.
 */
#include "common/reason.h"
#include "gatewayd/shared/process.h"

#include <ev.h>

enum stage_result {
    STAGE_DONE, /* go on with the next row */
    STAGE_WAIT, /* something must come first: whoever brings it calls pipeline_continue */
    STAGE_GONE, /* the connection has ended and its memory may be gone: touch nothing */
};

enum { STAGE_AT_ONCE = 0, STAGE_NO_DEADLINE = -1, STAGE_BY_LISTENER = -2 /* handshake_timeout */ };

struct stage {
    const char *name;
    enum process_role role;
    const char *in, *out; /* the structs that it reads and makes, for the reader */
    bool judge;           /* run again whenever a live session is judged again */
    int64_t deadline_ms;  /* from the beginning of the stage, or one of the STAGE_ values */
    enum reason late;     /* why the connection ends when the deadline passes */
    enum stage_result (*run)(void *connection);
};

/* Where one connection stands. Embedded in the connection of edge and of decide. */
struct pipeline {
    struct ev_loop *loop;
    enum process_role role;
    size_t row;
    bool entered; /* the deadline of this row runs already */
    int64_t listener_ms;
    void *connection;
    void (*late)(void *connection,
                 enum reason reason); /* the stage took too long: deny, record, close */
    ev_timer timer;
};

/* Sets it before the role's first row; runs nothing. listener_ms: what STAGE_BY_LISTENER means. */
void pipeline_init(struct pipeline *at, struct ev_loop *loop, enum process_role role,
                   int64_t listener_ms, void *connection,
                   void (*late)(void *connection, enum reason reason));
/* Runs the role's rows from where it stands until one waits, or none is left. */
void pipeline_continue(struct pipeline *at);
/* Jumps to a later row of the role by name and runs from there: "record" after a late stage. */
void pipeline_jump(struct pipeline *at, const char *name);
/* The same to an earlier row: "renew" from the relay. */
void pipeline_return(struct pipeline *at, const char *name);
/* Stops the deadline. Needed before the connection's memory goes. */
void pipeline_clear(struct pipeline *at);
/* Runs the `judge` rows of decide on a live session; each of them must return STAGE_DONE. */
void pipeline_judge(void *session);
/* The table, for tests and the docs; ret_n rows. */
const struct stage *pipeline_stages(size_t *ret_n);
