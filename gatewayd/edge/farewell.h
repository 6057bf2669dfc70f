#pragma once
/*
 * The end of a client's socket after we have said our last word: the rest is sent, the sending side
 * shut down, and what the client still sends is thrown away for a moment. Closing at once would
 * make the kernel send a reset that destroys the very alert or sentence that we have just written.
 */
#include "gatewayd/edge/wire.h"

enum {
    FAREWELL_MS = 2000,        /* the longest; our choice: a few round trips */
    FAREWELL_MAX = 1024,       /* at the same time; beyond that sockets are closed at once */
    FAREWELL_DISCARD = 1 << 20 /* octets of a client that are read and thrown away */
};

/*
 * Takes fd, and the octets of unsent (which is then empty). stay: our sending side stays open until
 * the client ends or FAREWELL_MS are over.
 */
void farewell_say(struct edge *edge, int fd, struct buffer *unsent, bool stay);
