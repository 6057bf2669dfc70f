#pragma once
/*
 * Which sessions an operator means, and how they are shown: the filters of CTL_SESSIONS and
 * CTL_SESSION_KILL, and one session as JSON.
 */
#include "gatewayd/decide/decide.h"

#include <jansson.h>

/* Whether the request narrows the sessions at all. */
bool session_filter_narrows(const struct protocol_message *msg);
/* All filters that are given hold. */
bool session_filter_fits(const struct protocol_message *msg, struct session *session);
/* Never NULL. */
json_t *session_filter_json(const struct session *session);
