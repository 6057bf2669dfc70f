#pragma once
/*
 * Asking the daemon through its control socket, for all commands that need it.
 */
#include "cli/ctl.h"
#include "common/local_socket.h"

/*
 * One request, one reply; false when there is no reply, and then *ret_exit is the exit code and the
 * error has been printed. A reply DENY or ERROR is printed too and gives false.
 */
bool ask(const struct ctl *ctl, struct protocol_message *request, struct local_reply *ret_reply,
         int *ret_exit) MUST_CHECK;
/* The same without a word on stderr. Anything but OK is false. */
bool ask_quietly(const struct ctl *ctl, struct protocol_message *request,
                 struct local_reply *ret_reply, struct error *err) MUST_CHECK;
/* The JSON of a reply; the caller owns it. NULL when there is none. */
json_t *ask_json(const struct local_reply *reply);
/* Reply to a command that only does something: its text or JSON. Gives the exit code. */
int ask_print(const struct ctl *ctl, const struct local_reply *reply);
