#pragma once
/*
 * Memory of connections that have ended, back to the system: the allocator keeps what it once had,
 * so that a flood of an hour ago would be paid for until the next restart.
 */
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

struct edge;

/* Part of an edge. */
struct give_back {
    size_t most_kib; /* what connections have held since the last time, by estimate */
    bool portion;    /* more may follow */
    ev_timer timer;
};

void give_back_init(struct edge *edge);
void give_back_grown(struct edge *edge);  /* a connection has come */
void give_back_shrunk(struct edge *edge); /* one has gone, or its handshake is over */
