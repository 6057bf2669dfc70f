#pragma once
/*
 * What decide cannot do itself: look at the process that asked (it has no /proc), keep a handle on
 * the process of a PAM login, and end that login.
 */
#include "gatewayd/parent/parent.h"

#include <jansson.h>

struct message_peer logins_whois(const struct message_whois *whois);
/* Verifies the process and keeps a pidfd of it. */
void logins_opened(struct parent *parent, const struct message_login_opened *opened);
void logins_closed(struct parent *parent, const struct session_id *session);
/* SIGHUP to the login's processes, SIGKILL a second later. Only for a session that was opened. */
void logins_kill(struct parent *parent, const struct session_id *session);
void logins_free(struct parent *parent);
/* For a program that takes over: their pidfds stay open, as numbers in a list. */
json_t *logins_json(const struct parent *parent);
bool logins_adopt(struct parent *parent, const json_t *list) MUST_CHECK;
bool logins_keep_open(const struct parent *parent, bool open);
