/*
 * The return-code table and how replies lead into it. Runs in the application's process. A cell
 * that is missing is zero, which would be PAM_SUCCESS: outcome_refusal turns it into
 * PAM_SYSTEM_ERR.
 */
#include "pam_mtls/outcome.h"

#include <security/pam_modules.h>

/* clang-format off */
static const struct {
    const char *name;
    int code[PHASE_OPEN + 1]; /* by phase; setcred, close_session and chauthtok have no choice */
} rows[EVENT__COUNT] = {
    [EVENT_ALLOW]         = {"allow", {0}}, /* success is not in this table */
    [EVENT_DENY]          = {"deny",          {[PHASE_AUTH] = PAM_AUTH_ERR,
                             [PHASE_ACCOUNT] = PAM_PERM_DENIED,  [PHASE_OPEN] = PAM_SESSION_ERR}},
    [EVENT_NONE]          = {"none",          {[PHASE_AUTH] = PAM_AUTHINFO_UNAVAIL,
                             [PHASE_ACCOUNT] = PAM_PERM_DENIED,  [PHASE_OPEN] = PAM_SESSION_ERR}},
    [EVENT_WRONG_USER]    = {"wrong_user",    {[PHASE_AUTH] = PAM_AUTH_ERR,
                             [PHASE_ACCOUNT] = PAM_PERM_DENIED,  [PHASE_OPEN] = PAM_SESSION_ERR}},
    [EVENT_EXPIRED]       = {"expired",       {[PHASE_AUTH] = PAM_AUTH_ERR,
                             [PHASE_ACCOUNT] = PAM_ACCT_EXPIRED, [PHASE_OPEN] = PAM_SESSION_ERR}},
    [EVENT_USER_UNKNOWN]  = {"user_unknown",  {[PHASE_AUTH] = PAM_AUTH_ERR, /* nothing told */
                             [PHASE_ACCOUNT] = PAM_USER_UNKNOWN, [PHASE_OPEN] = PAM_SESSION_ERR}},
    [EVENT_OUT_OF_SCOPE]  = {"out_of_scope",  {[PHASE_AUTH] = PAM_IGNORE,
                             [PHASE_ACCOUNT] = PAM_IGNORE,       [PHASE_OPEN] = PAM_IGNORE}},
    [EVENT_LOCAL_USER]    = {"local_user",    {[PHASE_AUTH] = PAM_IGNORE,
                             [PHASE_ACCOUNT] = PAM_IGNORE,       [PHASE_OPEN] = PAM_IGNORE}},
    [EVENT_OBSERVED]      = {"observed",      {[PHASE_AUTH] = PAM_IGNORE,
                             [PHASE_ACCOUNT] = PAM_IGNORE,       [PHASE_OPEN] = PAM_IGNORE}},
    [EVENT_ERROR]         = {"error",         {[PHASE_AUTH] = PAM_AUTHINFO_UNAVAIL,
                             [PHASE_ACCOUNT] = PAM_PERM_DENIED,  [PHASE_OPEN] = PAM_SESSION_ERR}},
    [EVENT_CONVERSATION]  = {"conversation",  {[PHASE_AUTH] = PAM_CONV_ERR,
                             [PHASE_ACCOUNT] = PAM_CONV_ERR,     [PHASE_OPEN] = PAM_CONV_ERR}},
    [EVENT_BAD_ARGUMENTS] = {"bad_arguments", {[PHASE_AUTH] = PAM_SERVICE_ERR,
                             [PHASE_ACCOUNT] = PAM_SERVICE_ERR,  [PHASE_OPEN] = PAM_SERVICE_ERR}},
    [EVENT_NO_MEMORY]     = {"no_memory",     {[PHASE_AUTH] = PAM_BUF_ERR,
                             [PHASE_ACCOUNT] = PAM_BUF_ERR,      [PHASE_OPEN] = PAM_BUF_ERR}},
    [EVENT_SYSTEM]        = {"system",        {[PHASE_AUTH] = PAM_SYSTEM_ERR,
                             [PHASE_ACCOUNT] = PAM_SYSTEM_ERR,   [PHASE_OPEN] = PAM_SYSTEM_ERR}},
};
/* clang-format on */

/* Which replies belong to which request. */
static const struct {
    enum protocol_kind request, reply;
    enum event event;
} replies[] = {
    {PROTOCOL_AUTH_TUNNEL, PROTOCOL_ALLOW, EVENT_ALLOW},
    {PROTOCOL_AUTH_TUNNEL, PROTOCOL_DENY, EVENT_DENY},
    {PROTOCOL_AUTH_TUNNEL, PROTOCOL_EXPIRED, EVENT_EXPIRED},
    {PROTOCOL_AUTH_TUNNEL, PROTOCOL_NONE, EVENT_NONE},
    {PROTOCOL_ACCOUNT, PROTOCOL_ALLOW, EVENT_ALLOW},
    {PROTOCOL_ACCOUNT, PROTOCOL_DENY, EVENT_DENY},
    {PROTOCOL_ACCOUNT, PROTOCOL_EXPIRED, EVENT_EXPIRED},
    {PROTOCOL_ACCOUNT, PROTOCOL_NONE, EVENT_NONE},
    {PROTOCOL_SESSION_OPEN, PROTOCOL_OK, EVENT_ALLOW},
    {PROTOCOL_SESSION_OPEN, PROTOCOL_DENY, EVENT_DENY},
    {PROTOCOL_SESSION_OPEN, PROTOCOL_EXPIRED, EVENT_EXPIRED},
    {PROTOCOL_SESSION_OPEN, PROTOCOL_NONE, EVENT_NONE},
};

/* Reasons that make a DENY more exact. */
static const struct {
    enum reason reason;
    enum event event;
} denials[] = {
    {REASON_WRONG_LOGIN, EVENT_WRONG_USER},  {REASON_NO_USER, EVENT_USER_UNKNOWN},
    {REASON_CERT_EXPIRED, EVENT_EXPIRED},    {REASON_CERT_REVOKED, EVENT_EXPIRED},
    {REASON_ACCOUNT_EXPIRED, EVENT_EXPIRED}, {REASON_TIME_ENDED, EVENT_EXPIRED},
    {REASON_OUTSIDE_HOURS, EVENT_EXPIRED},
};

const char *event_name(enum event event)
{
    return (unsigned)event < EVENT__COUNT ? rows[event].name : "?";
}

int outcome_refusal(enum event event, enum protocol_phase phase)
{
    int code = (unsigned)event < EVENT__COUNT && (unsigned)phase <= PHASE_OPEN
                   ? rows[event].code[phase]
                   : 0;

    return code != 0 ? code : PAM_SYSTEM_ERR;
}

static enum event denial(const struct protocol_message *reply)
{
    enum reason reason;

    if (!reason_from_name(reply->reason, &reason))
        return EVENT_DENY;
    for (size_t i = 0; i < ARRAY_LEN(denials); i++)
        if (denials[i].reason == reason)
            return denials[i].event;
    return EVENT_DENY;
}

enum event outcome_of_reply(enum protocol_kind request, const struct protocol_message *reply)
{
    for (size_t i = 0; i < ARRAY_LEN(replies); i++)
        if (replies[i].request == request && replies[i].reply == reply->kind)
            return replies[i].event == EVENT_DENY ? denial(reply) : replies[i].event;
    return EVENT_ERROR;
}

enum event outcome_of_error(const struct error *err)
{
    if (err->reason == REASON_NO_MEMORY)
        return EVENT_NO_MEMORY;
    return err->reason == REASON_SYSTEM ? EVENT_SYSTEM : EVENT_ERROR;
}
