#pragma once
/*
 * Signatures by the key process, from inside of a handshake.
 */
#include "gatewayd/edge/key_provider.h"
#include "gatewayd/shared/messages.h"

struct edge;

enum { SIGNER_WAIT_MS = 250 }; /* architecture.md section 3 */

/* The signer of an edge for keys of one role: context is the struct edge. */
struct key_signer signer_of(struct edge *edge, enum key_role role);
