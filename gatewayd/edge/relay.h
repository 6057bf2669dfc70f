#pragma once
/*
 * Set-up of the relay; the stage itself is in stages.h.
 */
struct edge;

void relay_init(struct edge *edge);
