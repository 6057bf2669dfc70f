#pragma once
/*
 * Sessions and the places that they are connected to: each session counts once at its place, from
 * the first attempt to the end.
 */
#include "gatewayd/decide/session.h"

/* Whether the service begins with a PROXY header, which needs the leaf. */
bool connect_sends_header(const struct session *session);

/* As the done of struct dial_request (dial.h). */
typedef void connect_done(void *context, int fd, struct target *target, const char *why);
struct connect_failure {
    enum reason reason;
    char why[DIAL_WHY_MAX + 1];
};
/*
 * Begins to connect to where the session's service leads at this moment; changes nothing of the
 * session. NULL when it is clear at once that there is no connection. The caller frees the dial.
 */
struct dial *connect_dial(struct session *session, connect_done *done, void *context,
                          struct connect_failure *ret_failure);
/* The stage is late: what was tried until now is the detail. */
void connect_late(struct session *session, enum reason reason);
/* The session ends: it is counted nowhere any more. Harmless when it is not. */
void connect_leave(struct session *session);
/* A session of the decide before counts at its place again; key: target_key of the place. */
void connect_resume(struct session *session, uint64_t key);
