#pragma once
/*
 * What a denied client gets, by what it understands: a status (mtls-gw/1), an SSH disconnect, or
 * only close_notify. It learns the sentence and the decision id, never the policy. All of these end
 * the connection.
 */
#include "gatewayd/pipeline.h"

struct connection;

/* The verdict that has come is a denial. */
enum stage_result deny_with_verdict(struct connection *c);
/* The verdict did not come in time. */
enum stage_result deny_late(struct connection *c, enum reason reason);
/* The same as deny_late, from outside of a turn. */
void deny_now(struct connection *c, enum reason reason);
