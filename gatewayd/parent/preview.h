#pragma once
/*
 * gatewayctl reload --dry-run: the files as they are now are parsed, checked and loaded as for a
 * reload, and handed to edges and decide to say what would become of the live sessions. Nothing is
 * put in force.
 */
#include "gatewayd/parent/parent.h"

/* cookie: of the ASK. Errors are answered from here, everything else by decide. */
void preview_begin(struct parent *parent, uint64_t cookie);
/* A run of load is over: true when it was for a preview, which is then on its way. */
bool preview_loaded(struct parent *parent);
