#pragma once
/*
 * All listening sockets, made once and kept: a process that is restarted gets the same ones again,
 * so that a restart is a wait and not a refusal.
 */
#include "gatewayd/parent/parent.h"

/* Makes one TCP socket per address and edge slot, and the local sockets. */
bool sockets_open(struct sockets *sockets, const struct config *config, uint32_t n_edges,
                  struct error *err) MUST_CHECK;
/* Nobody is let in any more: clients are refused at once, whatever copies of the sockets the edges
 * hold. For good: only a new daemon listens again. */
void sockets_stop_listening(struct sockets *sockets);
/* Removes the local sockets' names at the end of the daemon. */
void sockets_unlink(const struct config *config);
