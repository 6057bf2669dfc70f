/*
 * pam_mtls: the entry points that PAM calls. Runs in sshd, sudo, login and others, mostly as root.
 * Success leaves auth, account and open_session at one place each, behind an allowing reply of the
 * daemon; setcred and close_session decide nothing and always succeed, since their failure would
 * break logins that were allowed.
 */
#include "common/macros.h"
#include "pam_mtls/attempt.h"

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    enum event event = attempt_run(pamh, flags, argc, argv, PHASE_AUTH);

    return event == EVENT_ALLOW ? PAM_SUCCESS : outcome_refusal(event, PHASE_AUTH);
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    enum event event = attempt_run(pamh, flags, argc, argv, PHASE_ACCOUNT);

    return event == EVENT_ALLOW ? PAM_SUCCESS : outcome_refusal(event, PHASE_ACCOUNT);
}

EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    enum event event = attempt_run(pamh, flags, argc, argv, PHASE_OPEN);

    return event == EVENT_ALLOW ? PAM_SUCCESS : outcome_refusal(event, PHASE_OPEN);
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)flags;
    attempt_close(pamh, argc, argv);
    return PAM_SUCCESS;
}

EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh;
    (void)flags;
    (void)argc;
    (void)argv;
    return PAM_SUCCESS;
}

/* There is no password of ours to change, and none may be changed because of us. */
EXPORT int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh;
    (void)argc;
    (void)argv;
    return flags & PAM_PRELIM_CHECK ? PAM_IGNORE : PAM_PERM_DENIED;
}
