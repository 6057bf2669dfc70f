#pragma once
/*
 * What an edge hears of a client beyond the verdict: account, groups and rule, for the upstreams of
 * HTTP services. Nobody else's upstream is told anything by an edge.
 */
#include "gatewayd/decide/session.h"

/* Whether the account's groups can be told at all; true for services that are told nothing. */
bool tell_identity_fits(const struct session *session);
/*
 * Sends IDENTITY when it is not what the edge has already. False: the edge takes no message, so
 * that what it has must not be used any longer.
 */
bool tell_identity(struct session *session) MUST_CHECK;
