#pragma once
/*
 * After an upgrade: the children of the program before are replaced one after the other by ones of
 * this program, each in a way that costs no session and refuses no client. What cannot be started
 * leaves the old ones in place.
 */
#include "gatewayd/parent/parent.h"

void succession_init(struct parent *parent);
/* This parent has just taken over. */
void succession_begin(struct parent *parent, uint32_t n_edges);
/* Load is over for the first time, or a child has become ready, or has ended. */
void succession_loaded(struct parent *parent);
void succession_look(struct parent *parent);
/* Whether a child that has ended must not be started again yet. */
bool succession_holds(const struct parent *parent, enum process_role role);
bool succession_runs(const struct parent *parent);
const char *succession_step_name(const struct parent *parent); /* "none", "done"; static */
