#pragma once
/*
 * All listening sockets, made once and kept: a process that is restarted gets the same ones again,
 * so that a restart is a wait and not a refusal.
 */
#include "gatewayd/parent/parent.h"

/* Makes one TCP socket per address and edge slot, and the local sockets. */
bool sockets_open(struct sockets *sockets, const struct config *config, uint32_t n_edges,
                  struct error *err) MUST_CHECK;
/* After a take-over, which has filled *sockets: the local sockets of sections that are new, and
 * none of those that are gone. */
bool sockets_adopt(struct sockets *sockets, const struct config *config,
                   struct error *err) MUST_CHECK;
/*
 * Deals the listening sockets out to new edges, so that each goes on with those of an old one;
 * addresses and edges that are new get new sockets. No socket is closed before its address is gone.
 */
bool sockets_assign(struct sockets *sockets, const struct config *config, const uint32_t *slots,
                    uint32_t n_slots, struct error *err) MUST_CHECK;
/* The same sockets belong to the old edges again. */
void sockets_assign_back(struct sockets *sockets);
/* Nobody is let in any more: clients are refused at once, whatever copies of the sockets the edges
 * hold. For good: only a new daemon listens again. */
void sockets_stop_listening(struct sockets *sockets);
/* Removes the local sockets' names at the end of the daemon. */
void sockets_unlink(const struct config *config);
