#pragma once
/*
 * The end of the daemon, at once or when the last session is over.
 */
#include "gatewayd/parent/parent.h"

void ending_init(struct parent *parent);
/* Ends sessions and processes, step by step; again: nothing more. */
void ending_begin(struct parent *parent);
/* A child has ended: the next step may come. */
void ending_look(struct parent *parent);
/*
 * Refuses new clients, waits for the sessions, then ends. limit_s: ends them then; 0: never. now:
 * ends them at once. May be asked again with another limit.
 */
void ending_drain(struct parent *parent, uint32_t limit_s, bool now);
