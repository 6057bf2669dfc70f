/*
 * What pam_mtls asks. Runs in decide. Root asks on behalf of a stranger: the session says who the
 * stranger is, the policy says whether that person may have the login name. One confirmation per
 * session; auth grants, account redeems, both by the same process.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "gatewayd/decide/decide.h"
#include "gatewayd/decide/judge.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

enum { IDENTITY_TEXT_MAX = 512 };

/* An ALLOW that waits for its record. */
struct answer {
    struct local_request *request; /* NULL: it was given up */
    struct decide *decide;
    struct session_id session;
    enum protocol_phase phase;
    struct ledger_wait wait;
};

/* --- replies ---------------------------------------------------------------------------------- */

static void real_rhost(const struct session *session, char out[ADDRESS_TEXT_MAX])
{
    address_format(&session->open.source, out);
    if (!session->open.source.known)
        out[0] = '\0';
}

static void reply_denied(struct local_request *request, const struct session *session,
                         enum reason reason)
{
    struct protocol_message reply;
    char rhost[ADDRESS_TEXT_MAX];
    bool over = reason == REASON_CERT_EXPIRED || reason == REASON_CERT_REVOKED ||
                reason == REASON_TIME_ENDED || reason == REASON_ACCOUNT_EXPIRED;

    real_rhost(session, rhost);
    protocol_message_init(&reply, over ? PROTOCOL_EXPIRED : PROTOCOL_DENY);
    reply.session = session->id;
    reply.reason = bytes_of(reason_name(reason));
    reply.text =
        reason == session->reason ? session_sentence(session) : bytes_of(reason_text(reason));
    reply.real_rhost = bytes_of(rhost);
    local_reply(request, &reply);
}

static uint64_t seconds_left(const struct session *session)
{
    int64_t left = session->valid_until_s == INT64_MAX
                       ? UINT32_MAX
                       : session->valid_until_s - clock_realtime_s();

    return left < 0 ? 0 : left > UINT32_MAX ? UINT32_MAX : (uint64_t)left;
}

static void reply_allowed(struct local_request *request, const struct session *session,
                          enum protocol_phase phase)
{
    struct protocol_message reply;
    char rhost[ADDRESS_TEXT_MAX], identity[IDENTITY_TEXT_MAX];
    struct bytes subject = identity_text(session->identity, "subject");

    real_rhost(session, rhost);
    (void)snprintf(identity, sizeof(identity), "%s %.*s", session->user,
                   subject.len > 400 ? 0 : (int)subject.len, (const char *)subject.at);
    protocol_message_init(&reply, PROTOCOL_ALLOW);
    reply.session = session->id;
    reply.login = bytes_of(session->login);
    reply.real_rhost = bytes_of(rhost);
    reply.identity = bytes_of(identity);
    reply.max_lifetime_s = seconds_left(session);
    if (phase == PHASE_AUTH)
        reply.grant = session->grant;
    if (phase == PHASE_ACCOUNT && session->account &&
        strcmp(session->account->name, session->login) == 0)
        reply.uid = session->account->uid;
    local_reply(request, &reply);
}

/* --- the record comes before ALLOW ------------------------------------------------------------ */

static void durable(void *context)
{
    struct answer *answer = context;
    struct session *session = sessions_find(answer->decide->sessions, &answer->session);

    if (answer->request && session && session->state == SESSION_LIVE)
        reply_allowed(answer->request, session, answer->phase);
    else if (answer->request)
        local_refuse(answer->request, PROTOCOL_DENY, REASON_NOT_CONFIRMED, "");
    free(answer);
}

static void abandoned(struct local_request *request)
{
    struct answer *answer = request->context;

    answer->request = NULL;
}

static void describe(const struct local_request *request, const char *phase,
                     char detail[ERROR_DETAIL_MAX])
{
    const struct protocol_message *msg = &request->msg;

    (void)snprintf(detail, ERROR_DETAIL_MAX, "%s service=%.*s pid=%u tty=%.*s", phase,
                   (int)msg->service.len, (const char *)msg->service.at, request->peer.pid,
                   msg->tty.len > 64 ? 64 : (int)msg->tty.len, (const char *)msg->tty.at);
}

static const char *phase_name(enum protocol_phase phase)
{
    static const char *const names[] = {"?", "auth", "account", "open_session", "close_session"};

    return names[phase];
}

static bool write_record(struct session *session, const struct local_request *request,
                         enum protocol_phase phase, enum reason reason, struct ledger_wait *wait)
{
    char detail[ERROR_DETAIL_MAX];
    AUTO(char_freep) char *user = xtext(request->msg.user);
    struct record_extra extra = {
        .reason = reason, .detail = detail, .confirms = user, .urgent = wait != NULL, .wait = wait};

    describe(request, phase_name(phase), detail);
    return record_session(session, RECORD_PAM, &extra);
}

static void allow(struct session *session, struct local_request *request, enum protocol_phase phase)
{
    struct answer *answer = xcalloc(1, sizeof(*answer));

    answer->request = request;
    answer->decide = session->decide;
    answer->session = session->id;
    answer->phase = phase;
    answer->wait.done = durable;
    answer->wait.context = answer;
    request->context = answer;
    request->abandoned = abandoned;
    if (write_record(session, request, phase, REASON_OK, &answer->wait))
        return;
    free(answer);
    request->abandoned = NULL;
    reply_denied(request, session, REASON_AUDIT_UNAVAILABLE);
}

/* Until somebody is in, the session ends for this reason, whoever closes it first. */
static void keep_refusal(struct session *session, struct bytes user, enum reason reason)
{
    char detail[ERROR_DETAIL_MAX];

    if (session->pam != SESSION_PAM_WAITING && session->pam != SESSION_PAM_CONFIRMED)
        return;
    (void)snprintf(detail, sizeof(detail), "login name %.*s",
                   user.len > REGISTRY_USER_MAX ? REGISTRY_USER_MAX : (int)user.len,
                   (const char *)user.at);
    session->login_refused = reason;
    session_set_text(session, &session->end_detail, detail);
}

static void forget_refusal(struct session *session)
{
    session->login_refused = REASON_OK;
    session_set_text(session, &session->end_detail, "");
}

static void refuse(struct session *session, struct local_request *request,
                   enum protocol_phase phase, enum reason reason)
{
    char id[SESSION_ID_TEXT_LEN + 1];

    session_id_format(&session->id, id);
    log_event(LOG_LEVEL_INFO, "login_denied", "session=%s phase=%s reason=%s user=%s pid=%u", id,
              phase_name(phase), reason_name(reason), log_quoted(request->msg.user),
              request->peer.pid);
    keep_refusal(session, request->msg.user, reason);
    denial_note(session->decide, session, reason, request->msg.user);
    (void)write_record(session, request, phase, reason, NULL); /* a loss is counted there */
    reply_denied(request, session, reason);
}

/* --- auth ------------------------------------------------------------------------------------- */

/* REASON_OK when this request may use up the session's one confirmation. */
static enum reason check_tunnel(const struct session *session, const struct local_request *request)
{
    const struct config_service *service = session_service(session);

    if (session->state != SESSION_LIVE || session->pam == SESSION_PAM_OFF)
        return REASON_NOT_A_TUNNEL;
    if (!service || service->confirm != CONFIG_CONFIRM_PAM)
        return REASON_NOT_A_TUNNEL; /* its rules no longer ask whose the login name is */
    if (request->msg.peer_uid != PROTOCOL_NO_NUMBER && request->msg.peer_uid != getuid())
        return REASON_NOT_A_TUNNEL;
    if (session->pam != SESSION_PAM_WAITING)
        return REASON_ALREADY_CONFIRMED;
    if (request->msg.user.len == 0 || request->msg.user.len > REGISTRY_USER_MAX)
        return REASON_WRONG_LOGIN;
    return REASON_OK;
}

static void set_login(struct session *session, struct bytes user)
{
    AUTO(char_freep) char *login = xtext(user);

    session_set_text(session, &session->login, login);
    session->who_stamp = 0;
}

/* A verdict that is merely kept until policy and directory have come opens no login. */
static void judge_login(struct session *session)
{
    judge_session(session);
    if (session->reason == REASON_OK && session->deferred)
        session_set_reason(
            session, session->decide->policy ? REASON_DIRECTORY_STALE : REASON_POLICY_MISSING, "");
}

/* A policy that has no rule for this login name says so in words that help. */
static enum reason reason_of_login(const struct session *session)
{
    bool own = session->account && strcmp(session->account->name, session->login) == 0;

    return session->reason == REASON_DEFAULT_DENY && !own ? REASON_WRONG_LOGIN : session->reason;
}

static void grant(struct session *session, const struct local_request *request)
{
    if (getrandom(&session->grant, sizeof(session->grant), 0) != sizeof(session->grant))
        abort();
    session->grant = session->grant >> 1 | 1; /* neither 0 nor "left out" */
    session->grant_deadline_ms = clock_monotonic_ms() + DECIDE_GRANT_MS;
    session->pam = SESSION_PAM_CONFIRMED;
    forget_refusal(session);
    session->login_pid = request->peer.pid;
    session->login_start_time = request->peer.start_time;
    if (session->by_name && session->account) { /* the name has chosen */
        sessions_set_user(session->decide->sessions, session, session->account->name);
        session->by_name = false;
    }
    session_watch(session);
    session_save(session, REGISTRY_LIVE);
}

static void auth_tunnel(struct session *session, struct local_request *request)
{
    enum reason reason = check_tunnel(session, request);

    if (reason == REASON_OK) {
        set_login(session, request->msg.user);
        judge_login(session);
        reason = reason_of_login(session);
    }
    if (reason == REASON_OK) {
        grant(session, request);
        allow(session, request, PHASE_AUTH);
        return;
    }
    refuse(session, request, PHASE_AUTH, reason);
    if (session->pam != SESSION_PAM_WAITING)
        return;
    session->who_stamp = 0;
    session_set_text(session, &session->login,
                     ""); /* and what the session is without that name is judged again */
    reevaluate_session(session, CAUSE_TIME);
}

/* --- account, session ------------------------------------------------------------------------- */

static bool is_process_of(const struct session *session, const struct local_request *request)
{
    return session->login_pid == request->peer.pid &&
           session->login_start_time == request->peer.start_time;
}

static bool is_login_process(const struct session *session, const struct local_request *request)
{
    return is_process_of(session, request) &&
           bytes_equal(bytes_of(session->login), request->msg.user);
}

static enum reason check_grant(const struct session *session, const struct local_request *request)
{
    const struct protocol_message *msg = &request->msg;

    if (session->state != SESSION_LIVE || session->pam != SESSION_PAM_CONFIRMED ||
        session->grant == 0 || !is_login_process(session, request))
        return REASON_NOT_CONFIRMED;
    if (msg->grant != PROTOCOL_NO_NUMBER && msg->grant != session->grant)
        return REASON_NOT_CONFIRMED;
    return clock_monotonic_ms() > session->grant_deadline_ms ? REASON_NOT_CONFIRMED : REASON_OK;
}

static void account(struct session *session, struct local_request *request)
{
    enum reason reason = check_grant(session, request);

    if (reason == REASON_OK) {
        judge_login(session);
        reason = session->reason;
    }
    if (reason != REASON_OK) {
        refuse(session, request, PHASE_ACCOUNT, reason);
        return;
    }
    session->pam = SESSION_PAM_ACCEPTED;
    forget_refusal(session);
    session->grant = 0;
    session_watch(session);
    session_save(session, REGISTRY_LIVE);
    allow(session, request, PHASE_ACCOUNT);
}

static void reply_ok(struct local_request *request, const struct session *session)
{
    struct protocol_message reply;

    protocol_message_init(&reply, PROTOCOL_OK);
    reply.session = session->id;
    local_reply(request, &reply);
}

static void session_open(struct session *session, struct local_request *request)
{
    struct message_login_opened opened = {
        .session = session->id, .pid = request->peer.pid, .start_time = request->peer.start_time};

    if (session->state != SESSION_LIVE || session->pam != SESSION_PAM_ACCEPTED ||
        !is_login_process(session, request)) {
        refuse(session, request, PHASE_OPEN, REASON_NOT_CONFIRMED);
        return;
    }
    session->pam = SESSION_PAM_OPENED;
    session->login_uid = session->account ? session->account->uid : request->peer.uid;
    session_save(session, REGISTRY_LIVE);
    (void)!channel_send(session->decide->role->parent, MESSAGE_LOGIN_OPENED, &opened, -1);
    (void)write_record(session, request, PHASE_OPEN, REASON_OK, NULL); /* a loss is counted */
    reply_ok(request, session);
}

/* Only who opened it closes it: a user who closed it from inside would keep processes that a lock
 * must end, and session ids are no secrets (/proc/net/unix). */
static void session_close(struct session *session, struct local_request *request)
{
    struct message_login_closed closed = {.session = session->id};

    if (!request->peer.is_root && !is_process_of(session, request)) {
        local_refuse(request, PROTOCOL_ERROR, REASON_NOT_PERMITTED, "");
        return;
    }
    if (session->pam == SESSION_PAM_OPENED) {
        session->pam = SESSION_PAM_ENDED;
        session_save(session, session->state == SESSION_CLOSED ? REGISTRY_CLOSED : REGISTRY_LIVE);
        (void)!channel_send(session->decide->role->parent, MESSAGE_LOGIN_CLOSED, &closed, -1);
        (void)write_record(session, request, PHASE_CLOSE, REASON_OK, NULL); /* a loss is counted */
    }
    reply_ok(request, session);
}

/* --- the table -------------------------------------------------------------------------------- */

static void ping(struct decide *decide, struct local_request *request)
{
    struct protocol_message reply;

    protocol_message_init(&reply, PROTOCOL_OK);
    reply.version_min = PROTOCOL_VERSION_MIN;
    reply.version_max = PROTOCOL_VERSION;
    reply.generation = decide->role->generation;
    local_reply(request, &reply);
}

static const struct {
    enum protocol_kind kind;
    void (*handle)(struct session *session, struct local_request *request);
} handlers[] = {
    {PROTOCOL_AUTH_TUNNEL, auth_tunnel},
    {PROTOCOL_ACCOUNT, account},
    {PROTOCOL_SESSION_OPEN, session_open},
    {PROTOCOL_SESSION_CLOSE, session_close},
};

/* A login that goes round the gateway leaves its trace too. */
static void refuse_without_session(struct decide *decide, struct local_request *request)
{
    enum protocol_phase phase = request->msg.kind == PROTOCOL_AUTH_TUNNEL ? PHASE_AUTH
                                : request->msg.kind == PROTOCOL_ACCOUNT   ? PHASE_ACCOUNT
                                                                          : PHASE_OPEN;
    char detail[ERROR_DETAIL_MAX];
    AUTO(char_freep) char *user = xtext(request->msg.user);
    struct record_extra extra = {.reason = REASON_NOT_A_TUNNEL, .detail = detail, .confirms = user};

    if (request->msg.kind != PROTOCOL_SESSION_CLOSE) { /* which anybody may send */
        describe(request, phase_name(phase), detail);
        (void)record_event(decide, RECORD_PAM, &extra); /* a loss is counted by the ledger */
        denial_note(decide, NULL, REASON_NOT_A_TUNNEL, request->msg.user);
    }
    local_refuse(request, PROTOCOL_DENY, REASON_NOT_A_TUNNEL, "");
}

struct by_process {
    const struct local_request *request;
    struct session *found;
};

static void match_process(void *context, struct session *session)
{
    struct by_process *search = context;

    if (session->pam >= SESSION_PAM_CONFIRMED && session->state <= SESSION_ENDING &&
        is_process_of(session, search->request))
        search->found = session;
}

/* The session that the module named, or the one whose login the asking process is. */
static struct session *session_of(struct decide *decide, const struct local_request *request)
{
    static const struct session_id none;
    struct by_process search = {.request = request};

    if (!session_id_equal(&request->msg.session, &none))
        return sessions_find(decide->sessions, &request->msg.session);
    if (request->msg.kind != PROTOCOL_AUTH_TUNNEL)
        sessions_each(decide->sessions, match_process, &search);
    return search.found;
}

void pam_request(void *context, struct local_request *request)
{
    struct decide *decide = context;
    const struct protocol_message *msg = &request->msg;
    struct session *session;

    if (msg->kind == PROTOCOL_PING) {
        ping(decide, request);
        return;
    }
    if (!decide->ready) {
        local_refuse(request, PROTOCOL_ERROR, REASON_DECIDE_LOST, "");
        return;
    }
    if (msg->boot_id.len > 0 && decide->boot_id[0] &&
        !bytes_equal(msg->boot_id, bytes_of(decide->boot_id))) {
        local_refuse(request, PROTOCOL_ERROR, REASON_NOT_PERMITTED, "another machine");
        return;
    }
    session = session_of(decide, request);
    if (!session) {
        refuse_without_session(decide, request);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        if (handlers[i].kind == msg->kind) {
            handlers[i].handle(session, request);
            return;
        }
    }
    local_refuse(request, PROTOCOL_ERROR, REASON_MSG_MALFORMED, "");
}
