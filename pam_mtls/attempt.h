#pragma once
/*
 * One call of the module from its arguments to an event: who is it about, is it ours, what proves
 * it, what does the daemon say. Keeps nothing between calls: what must last lies in the daemon.
 */
#include "pam_mtls/method.h"

#include <security/pam_modules.h>

/* Runs auth, account or open_session; logs what came of it and shows a denied user one sentence. */
enum event attempt_run(pam_handle_t *pamh, int flags, int argc, const char **argv,
                       enum protocol_phase phase);
/* close_session: tells the daemon, whatever comes of it. */
void attempt_close(pam_handle_t *pamh, int argc, const char **argv);
