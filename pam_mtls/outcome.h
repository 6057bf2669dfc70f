#pragma once
/*
 * What can happen to a login, and the one table of codes that the module may return for it. Knows
 * the replies of the daemon and PAM's codes; asks nobody.
 */
#include "common/protocol.h"

enum event {
    EVENT_ALLOW, /* a reply said so; has no row in the table of refusals */
    EVENT_DENY,
    EVENT_NONE,         /* no tunnel, no token, no proof */
    EVENT_WRONG_USER,   /* the identity is valid but not for PAM_USER */
    EVENT_EXPIRED,      /* certificate, account or time window */
    EVENT_USER_UNKNOWN, /* not in the directory */
    EVENT_OUT_OF_SCOPE, /* scope= */
    EVENT_LOCAL_USER,   /* local_users= */
    EVENT_OBSERVED,     /* observe=, whatever the verdict was */
    EVENT_ERROR,        /* daemon away or not trusted, late, malformed reply, version */
    EVENT_CONVERSATION, /* PAM has no user and cannot ask for one */
    EVENT_BAD_ARGUMENTS,
    EVENT_NO_MEMORY,
    EVENT_SYSTEM, /* a system call failed */
    EVENT__COUNT
};

const char *event_name(enum event event); /* for the log; static */
/* The code of any event but ALLOW; never PAM_SUCCESS, whatever it is called with. */
int outcome_refusal(enum event event, enum protocol_phase phase);
/*
 * What a reply to the request means. A reply that does not belong to the request is an ERROR;
 * EVENT_ALLOW comes from a parsed ALLOW (AUTH, ACCOUNT) or OK (SESSION_OPEN) and from nothing else.
 */
enum event outcome_of_reply(enum protocol_kind request, const struct protocol_message *reply);
/* What a failure to ask means. */
enum event outcome_of_error(const struct error *err);
