#pragma once
/*
 * Whose handshake computes next. A step of a handshake costs some tenths of a millisecond; whoever
 * sends many ClientHellos must not take the time of the others. So no step runs where its octets
 * arrive: connections stand in line by source, the sources of a line are served in turn, and each
 * turn of the loop computes for TURNS_BUDGET_US only, so that relaying and channels go on.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address;
struct connection;
struct edge;
struct turns;

enum {
    TURNS_BUDGET_US = 1000, /* then the loop looks at sockets and channels again */
    TURNS_QUANTUM_US = 500, /* what a source may compute per round; about one step */
};

/* The lines, by what a connection waits for. None ever waits for another to be empty. */
enum turn_line {
    TURN_FINISH,   /* the client has answered: nearly done, and it holds memory */
    TURN_KNOWN,    /* a ClientHello from where a certificate was proved lately (known.h) */
    TURN_STRANGER, /* any other ClientHello */
    TURN__LINES,
};

/* Where a connection stands; part of it. */
struct turn {
    struct turn_source *source; /* NULL: in no line */
    struct connection *next, *prev;
    bool mine; /* this is its turn */
};

struct turns *turns_new(struct edge *edge);
struct turns *turns_free(struct turns *turns); /* accepts NULL; nobody may stand in line */
/* The connection waits for its turn; harmless when it does already. */
void turns_ask(struct connection *c, enum turn_line line);
void turns_forget(struct connection *c); /* may be called again */
size_t turns_waiting(const struct turns *turns);
/* Whose turn it is, or NULL; it stays in its line. */
struct connection *turns_next(struct turns *turns);
/* A step of that source has taken so long. */
void turns_charge(struct turns *turns, enum turn_line line, const struct address *from,
                  int64_t took_us);
