#pragma once
/*
 * Chains for which a revocation list is missing: `fetch` hears of them where the ca section says
 * "cdp", once in a while, and never more than it can do.
 */
#include "gatewayd/edge/edge.h"

/* A chain that was refused for a missing list; ca: index into the trust data. */
void wanted_refused(struct edge *edge, size_t ca, X509 *leaf, const STACK_OF(X509) * presented);
/* One that is good although the list of a certificate is missing. */
void wanted_unknown(struct edge *edge, const struct chain *chain);
