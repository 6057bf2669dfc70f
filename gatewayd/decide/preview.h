#pragma once
/*
 * reload --dry-run: which live sessions a candidate of configuration, policy and trust data would
 * end. Each is judged under the candidate and then again under what is in force; nobody is told.
 */
#include "gatewayd/decide/decide.h"

struct preview;

struct preview *preview_new(struct decide *decide);
struct preview *preview_free(struct preview *preview); /* accepts NULL, returns NULL */
/* Both take fd. The second begins it. */
void preview_config(struct decide *decide, const struct message_preview_config *msg, int fd);
void preview_policy(struct decide *decide, const struct message_preview_policy *msg, int fd);
/* Edges: what the candidate says of a chain, and that this is all. */
void preview_chain(struct decide *decide, uint32_t edge_slot,
                   const struct message_chain_preview *msg);
void preview_chains_done(struct decide *decide, uint32_t edge_slot,
                         const struct message_chains_previewed *msg);
