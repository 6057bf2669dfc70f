/*
 * The steps of one call. Runs in the application's process, often as root on behalf of a stranger:
 * PAM items are that stranger's, only the checked socket is believed. No environment, no statics.
 */
#include "pam_mtls/attempt.h"

#include "common/clock.h"
#include "common/local_socket.h"
#include "pam_mtls/scope.h"

#include <fcntl.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

enum {
    TEXT_SHOWN_MAX = 512, /* octets of the daemon's sentence */
    BOOT_ID_LEN = 36,
    PASSWD_MAX = 16384, /* octets of an account's texts; ours have less than 1 KiB */
    QUOTED_MAX = 64,    /* octets of a name in the log */
};

static const char *const phase_names[] = {"?", "auth", "account", "open_session", "close_session"};

static const enum protocol_kind phase_kinds[] = {
    [PHASE_ACCOUNT] = PROTOCOL_ACCOUNT,
    [PHASE_OPEN] = PROTOCOL_SESSION_OPEN,
    [PHASE_CLOSE] = PROTOCOL_SESSION_CLOSE,
};

/* ---- the request ---- */

static struct bytes item(pam_handle_t *pamh, int kind)
{
    const void *text = NULL;

    if (pam_get_item(pamh, kind, &text) != PAM_SUCCESS)
        text = NULL;
    return bytes_of(text);
}

/* Left out where /proc is not mounted; the daemon says whether it can do without. */
static struct bytes boot_id(char out[BOOT_ID_LEN])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, out, BOOT_ID_LEN);

    if (fd >= 0)
        (void)close(fd);
    return (struct bytes){(const uint8_t *)out, len == BOOT_ID_LEN ? BOOT_ID_LEN : 0};
}

static enum protocol_kind kind_of(const struct attempt *attempt)
{
    return attempt->phase == PHASE_AUTH ? attempt->options.method->auth
                                        : phase_kinds[attempt->phase];
}

static void fill_request(pam_handle_t *pamh, const struct attempt *attempt,
                         struct protocol_message *request)
{
    protocol_message_init(request, kind_of(attempt));
    request->service = item(pamh, PAM_SERVICE);
    request->user = bytes_of(attempt->user);
    request->ruser = item(pamh, PAM_RUSER);
    request->rhost = item(pamh, PAM_RHOST);
    request->tty = item(pamh, PAM_TTY);
    request->phase = attempt->phase;
    request->module_version = bytes_of(PAM_MTLS_VERSION);
    if (attempt->options.observe_until_s > 0)
        request->observe = 1;
}

/* After auth a method without proof may go on: the daemon knows the process from its own records.
 */
static bool prove(const struct attempt *attempt, struct protocol_message *request,
                  enum event *ret_event, struct error *err)
{
    const struct method *method = attempt->options.method;
    bool after_account = attempt->phase == PHASE_OPEN || attempt->phase == PHASE_CLOSE;

    if (!method || (attempt->phase != PHASE_AUTH && !method->binds) ||
        method->prove(attempt, request, ret_event, err))
        return true;
    return after_account && *ret_event == EVENT_NONE;
}

static bool ask(pam_handle_t *pamh, const struct attempt *attempt, struct local_reply *ret_reply,
                enum event *ret_event, struct error *err)
{
    enum local_trust trust = geteuid() == 0 ? LOCAL_TRUST_ROOT : LOCAL_TRUST_OWN;
    struct protocol_message request;
    char boot[BOOT_ID_LEN];
    int64_t deadline_ms;

    fill_request(pamh, attempt, &request);
    request.boot_id = boot_id(boot);
    deadline_ms = local_socket_deadline_ms(request.kind);
    if (!prove(attempt, &request, ret_event, err))
        return false;
    if (local_socket_ask(attempt->options.socket, trust, &request, deadline_ms, ret_reply, err))
        return true;
    *ret_event = outcome_of_error(err);
    return false;
}

/* ---- the reply ---- */

/* The login that the daemon confirmed must be the one that PAM logs in. */
static bool login_fits(const struct attempt *attempt, const struct protocol_message *reply)
{
    return reply->login.len == 0 || bytes_equal(reply->login, bytes_of(attempt->user));
}

/* Whom the host logs in under that name must be the account that was judged: a local account of the
 * same name is somebody else. */
static bool uid_fits(const struct attempt *attempt, const struct protocol_message *reply,
                     struct error *err)
{
    struct passwd user, *found = NULL;
    char room[PASSWD_MAX];

    if (reply->uid == PROTOCOL_NO_NUMBER)
        return true;
    if (getpwnam_r(attempt->user, &user, room, sizeof(room), &found) == 0 && found &&
        found->pw_uid == reply->uid)
        return true;
    return err_set(err, REASON_WRONG_LOGIN, "the host has another uid, not %u",
                   (unsigned)reply->uid);
}

/*
 * sshd on a unix socket says "UNKNOWN": those who log the address or match on it get the real one.
 * Denied ones too: libpam's audit asks DNS for a host that is no address, and the user waits.
 */
static bool set_real_rhost(pam_handle_t *pamh, struct bytes real_rhost)
{
    char text[65]; /* max of the field's row, and a terminator */

    if (real_rhost.len == 0)
        return true;
    if (real_rhost.len >= sizeof(text))
        return false;
    memcpy(text, real_rhost.at, real_rhost.len);
    text[real_rhost.len] = '\0';
    return pam_set_item(pamh, PAM_RHOST, text) == PAM_SUCCESS;
}

/* One sentence and the id, which is all that the user may know; operators ask by the id. */
static void show_denial(pam_handle_t *pamh, int flags, const struct protocol_message *reply)
{
    static const struct session_id none;
    char id[SESSION_ID_TEXT_LEN + 1];
    enum reason reason = REASON_DEFAULT_DENY;
    struct bytes text = reply->text;

    if (flags & PAM_SILENT)
        return;
    if (text.len == 0) {
        (void)reason_from_name(reply->reason, &reason);
        text = bytes_of(reason_text(reason));
    }
    if (text.len > TEXT_SHOWN_MAX)
        text.len = TEXT_SHOWN_MAX;
    session_id_format(&reply->session, id);
    if (session_id_equal(&reply->session, &none))
        (void)pam_error(pamh, "Access denied: %.*s", (int)text.len, (const char *)text.at);
    else
        (void)pam_error(pamh, "Access denied: %.*s (decision %s)", (int)text.len,
                        (const char *)text.at, id);
}

/* For the log: what the daemon said. */
static void note_reply(const struct protocol_message *reply, struct error *err)
{
    enum reason reason = reply->kind == PROTOCOL_ALLOW || reply->kind == PROTOCOL_OK
                             ? REASON_OK
                             : REASON_DEFAULT_DENY;

    (void)reason_from_name(reply->reason, &reason);
    (void)err_set(err, reason, "reply %s", protocol_kind_name(reply->kind));
}

static enum event judge(pam_handle_t *pamh, int flags, const struct attempt *attempt,
                        const struct protocol_message *reply, struct error *err)
{
    enum event event = outcome_of_reply(kind_of(attempt), reply);

    note_reply(reply, err);
    if (event == EVENT_ALLOW && !login_fits(attempt, reply))
        return EVENT_WRONG_USER;
    if (event == EVENT_ALLOW && !uid_fits(attempt, reply, err))
        return EVENT_WRONG_USER;
    if (attempt->phase == PHASE_AUTH && !set_real_rhost(pamh, reply->real_rhost))
        return EVENT_NO_MEMORY;
    if ((reply->kind == PROTOCOL_DENY || reply->kind == PROTOCOL_EXPIRED) &&
        attempt->options.observe_until_s == 0)
        show_denial(pamh, flags, reply);
    return event;
}

/* ---- the steps ---- */

static enum event find_user(pam_handle_t *pamh, const char **ret_user)
{
    const char *user = NULL;
    int code = pam_get_user(pamh, &user, NULL);

    if (code == PAM_BUF_ERR)
        return EVENT_NO_MEMORY;
    if (code != PAM_SUCCESS || !user)
        return EVENT_CONVERSATION;
    *ret_user = user;
    return *user ? EVENT_ALLOW : EVENT_USER_UNKNOWN;
}

/* ALLOW: it is for us. Anything else is final. */
static enum event is_ours(const struct attempt *attempt, struct error *err)
{
    bool local = false;

    if (options_local_user(&attempt->options, attempt->user))
        return EVENT_LOCAL_USER;
    if (attempt->options.scope != SCOPE_DIRECTORY_USERS)
        return EVENT_ALLOW;
    if (!scope_is_local("/etc/passwd", attempt->user, &local, err))
        return outcome_of_error(err);
    return local ? EVENT_OUT_OF_SCOPE : EVENT_ALLOW;
}

static enum event ask_and_judge(pam_handle_t *pamh, int flags, const struct attempt *attempt,
                                struct error *err)
{
    AUTO(local_reply_clear) struct local_reply reply = {0};
    enum event event = EVENT_ERROR;

    if (attempt->phase == PHASE_AUTH && !attempt->options.method)
        return EVENT_NONE;
    if (!ask(pamh, attempt, &reply, &event, err))
        return event;
    return judge(pamh, flags, attempt, &reply.message, err);
}

/* Printable ASCII only: a log line must stay one line and must not speak for others. */
static void quote(const char *text, char out[QUOTED_MAX + 1])
{
    size_t i = 0;

    for (; text && text[i] && i < QUOTED_MAX; i++)
        out[i] = text[i] > ' ' && text[i] <= '~' && text[i] != '"' ? text[i] : '?';
    out[i] = '\0';
}

static void log_outcome(pam_handle_t *pamh, const struct attempt *attempt, enum event event,
                        enum event verdict, const struct error *err)
{
    char user[QUOTED_MAX + 1], detail[sizeof(err->detail)];
    bool quiet = event == EVENT_ALLOW || event == EVENT_LOCAL_USER || event == EVENT_OUT_OF_SCOPE;
    int priority = event == EVENT_BAD_ARGUMENTS ? LOG_CRIT : quiet ? LOG_DEBUG : LOG_NOTICE;
    size_t i = 0;

    if (quiet && !attempt->options.debug)
        return;
    quote(attempt->user, user);
    for (; err->detail[i]; i++)
        detail[i] = err->detail[i] >= ' ' && err->detail[i] <= '~' ? err->detail[i] : '?';
    detail[i] = '\0';
    pam_syslog(pamh, priority, "phase=%s user=\"%s\" outcome=%s verdict=%s reason=%s detail=\"%s\"",
               phase_names[attempt->phase], user, event_name(event), event_name(verdict),
               reason_name(err->reason), detail);
}

/* Until its date observe= lets nothing depend on us; bad arguments are found before. */
static enum event observed(const struct attempt *attempt, enum event verdict)
{
    bool ours = verdict != EVENT_LOCAL_USER && verdict != EVENT_OUT_OF_SCOPE;

    return ours && clock_realtime_s() < attempt->options.observe_until_s ? EVENT_OBSERVED : verdict;
}

enum event attempt_run(pam_handle_t *pamh, int flags, int argc, const char **argv,
                       enum protocol_phase phase)
{
    struct attempt attempt = {.phase = phase};
    struct error err = {.reason = REASON_OK};
    enum event verdict;

    if (!options_parse(argc, argv, &attempt.options, &err)) {
        log_outcome(pamh, &attempt, EVENT_BAD_ARGUMENTS, EVENT_BAD_ARGUMENTS, &err);
        return EVENT_BAD_ARGUMENTS;
    }
    verdict = find_user(pamh, &attempt.user);
    if (verdict == EVENT_ALLOW)
        verdict = is_ours(&attempt, &err);
    if (verdict == EVENT_ALLOW)
        verdict = ask_and_judge(pamh, flags, &attempt, &err);
    log_outcome(pamh, &attempt, observed(&attempt, verdict), verdict, &err);
    return observed(&attempt, verdict);
}

void attempt_close(pam_handle_t *pamh, int argc, const char **argv)
{
    AUTO(local_reply_clear) struct local_reply reply = {0};
    struct attempt attempt = {.phase = PHASE_CLOSE};
    struct error err = {.reason = REASON_OK};
    enum event event = EVENT_ERROR;

    if (!options_parse(argc, argv, &attempt.options, &err) ||
        find_user(pamh, &attempt.user) != EVENT_ALLOW || is_ours(&attempt, &err) != EVENT_ALLOW)
        return;
    if (!ask(pamh, &attempt, &reply, &event, &err))
        log_outcome(pamh, &attempt, event, event, &err);
}
