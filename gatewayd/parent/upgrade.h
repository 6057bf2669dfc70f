#pragma once
/*
 * Upgrade, or downgrade: another program takes this one's place, with all its sockets and children.
 * It is asked first whether it can; after that there is no way back (succession.h).
 */
#include "gatewayd/parent/parent.h"

enum { UPGRADE_PROGRAMS_MAX = 8 }; /* whose edges may have sessions left at the same time */

void upgrade_init(struct parent *parent);
/* path: of the program; empty: what lies now where this one came from. cookie: of the ASK; NULL for
 * a signal. */
void upgrade_begin(struct parent *parent, struct bytes path, const uint64_t *cookie);
/* Those that would end a program that has no handlers yet wait from before the exec until it has. */
void upgrade_hold_signals(bool on);
/* A process has ended; false when it was not the check. */
bool upgrade_ended(struct parent *parent, pid_t pid, int status);
