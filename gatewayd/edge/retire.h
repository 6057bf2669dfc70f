#pragma once
/*
 * An edge on its way out, and an edge whose decide is on its way out. RETIRE and DRAIN: nobody is
 * let in any more, those who are there stay, and the process ends when the last of them has gone.
 * HOLD: decide hands over to another; what it would be asked or told waits for the new one.
 */
#include "gatewayd/shared/messages.h"

struct edge;

/* What decide takes no longer, after HOLD. */
enum edge_hold { EDGE_HOLD_NOTHING, EDGE_HOLD_OPENS, EDGE_HOLD_ALL };

void retire_init(struct edge *edge);
/* RETIRE: closes the listening sockets, which live on in the edges of the new program. */
void retire_begin(struct edge *edge);
/* DRAIN. now: the sessions end too. */
void retire_drain(struct edge *edge, bool now);
/* HOLD: answered by HELD, behind everything that was said before. */
void retire_hold(struct edge *edge, const struct message_hold *msg);
/* A new decide has come. */
void retire_hold_no_more(struct edge *edge);
