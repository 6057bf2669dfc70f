#pragma once
/*
 * The ways to prove who logs in: one method_*.c and one row in method.c each. A method finds its
 * proof and writes it into the request; the daemon judges it. It never decides.
 */
#include "pam_mtls/options.h"
#include "pam_mtls/outcome.h"

/* One call of the module: what all steps share. */
struct attempt {
    struct options options;
    enum protocol_phase phase;
    const char *user; /* PAM_USER */
};

struct method {
    const char *name;        /* mode=NAME */
    enum protocol_kind auth; /* what is asked in the auth phase */
    bool observable;         /* may stand beside observe= */
    bool binds;              /* the proof is still there after auth, and account needs it again */
    /* Fills in the proof; false: *ret_event says why there is none, err has the detail for the log.
     */
    bool (*prove)(const struct attempt *attempt, struct protocol_message *request,
                  enum event *ret_event, struct error *err);
};

const struct method *method_of(const char *name); /* NULL: no such method; static */

bool method_tunnel_prove(const struct attempt *attempt, struct protocol_message *request,
                         enum event *ret_event, struct error *err);
