/*
 * Locks, account and policy of a session: the judging itself, for new and for live ones alike. Runs
 * in decide. Everything is looked up anew; nothing of an older judgement helps.
 */
#include "gatewayd/decide/judge.h"

#include "common/clock.h"
#include "common/text.h"
#include "gatewayd/decide/stages.h"
#include "gatewayd/decide/tell_identity.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>

static void deny(struct session *session, enum reason reason, const char *detail)
{
    if (session->reason == REASON_OK)
        session_set_reason(session, reason, detail);
}

/* --- chain and locks -------------------------------------------------------------------------- */

void judge_take_chains(struct session *session, const struct message_chains *chains)
{
    AUTO(char_freep) char *detail = xtext(chains->detail);

    session->chain =
        chains->reason < REASON__COUNT ? (enum reason)chains->reason : REASON_CERT_INVALID;
    session_set_text(session, &session->chain_detail, detail);
    if (session->chain == REASON_OK) { /* the same certificates may end in another section now */
        const char *before = (const char *)session->open.ca_name.at;

        session->open.ca_name =
            (struct bytes){(const uint8_t *)texts_hold(session->decide->texts, chains->ca_name),
                           chains->ca_name.len};
        texts_drop(session->decide->texts, before); /* it may be gone: only its address counts */
        if ((const char *)session->open.ca_name.at != before)
            session->who_stamp = 0;
    }
    session->open.trust_generation = chains->generation;
    session->open.not_after_s = chains->not_after_s;
    session->open.revocation = chains->revocation;
    session->open.crl_this_update_s = chains->crl_this_update_s;
    session->open.crl_valid_until_s = chains->crl_valid_until_s;
}

/*
 * The edge says which section the chain ends in; what the service accepts is read here, so that an
 * edge cannot bring a certificate of one service into another.
 */
static bool ca_is_accepted(const struct session *session)
{
    const struct config *config = session->decide->role->config;
    const struct config_service *service = session_service(session);
    const struct config_listener *listener =
        config_find_listener(config, (const char *)session->open.listener_name.at);
    const struct config_list *cas = listener ? config_accepted_cas(listener, service) : NULL;

    if (!service) /* nothing is opened: WHOAMI, or denied for that */
        return true;
    for (size_t i = 0; cas && i < cas->n; i++)
        if (bytes_equal(bytes_of(cas->at[i]), session->open.ca_name))
            return true;
    return false;
}

static void check_chain(struct session *session)
{
    int64_t now_s = clock_realtime_s();

    if (session->chain != REASON_OK)
        deny(session, session->chain, session->chain_detail);
    else if (now_s > session->open.not_after_s)
        deny(session, REASON_CERT_EXPIRED, "");
    else if (now_s >= session->open.crl_valid_until_s)
        deny(session, REASON_CRL_EXPIRED, "");
    else if (!ca_is_accepted(session))
        deny(session, REASON_SERVICE_CA, (const char *)session->open.ca_name.at);
}

static void locked(struct session *session, const struct lock *lock)
{
    char detail[512];

    (void)snprintf(detail, sizeof(detail), "lock %s on %s %.100s: %.300s", lock->id,
                   lock_kind_name(lock->kind), lock->value, lock->message);
    deny(session, REASON_LOCKED, detail);
    session_set_text(session, &session->message, lock->message);
}

static void check_lock(struct session *session, enum lock_kind kind, struct bytes value)
{
    const struct locks *locks = session->decide->locks;
    const struct lock *lock;

    if (!locks_has(locks, kind) || value.len == 0)
        return;
    lock = locks_find(locks, kind, value, clock_realtime_s());
    if (lock)
        locked(session, lock);
}

static void check_session_lock(struct session *session)
{
    char id[SESSION_ID_TEXT_LEN + 1];

    if (!locks_has(session->decide->locks, LOCK_SESSION))
        return;
    session_id_format(&session->id, id);
    check_lock(session, LOCK_SESSION, bytes_of(id));
}

static void check_identity_lock(struct session *session, enum lock_kind kind, const char *attribute)
{
    if (locks_has(session->decide->locks, kind))
        check_lock(session, kind, identity_text(session->identity, attribute));
}

/* Begins a judgement: what an older one has left is forgotten (a reason found before stays). */
enum stage_result decide_locks(void *context)
{
    struct session *session = context;

    decide_forget_evaluation(session->decide);
    if (session->reason != REASON_OK)
        return STAGE_DONE;
    check_chain(session);
    check_session_lock(session);
    check_identity_lock(session, LOCK_CERTIFICATE, "cert!sha256");
    check_identity_lock(session, LOCK_ISSUER, "issuer");
    check_lock(session, LOCK_SERVICE, session->open.service_name);
    check_lock(session, LOCK_USER, bytes_of(session->user)); /* also when the account is gone */
    return STAGE_DONE;
}

/* --- account ---------------------------------------------------------------------------------- */

static void check_account_locks(struct session *session)
{
    bool any = locks_has(session->decide->locks, LOCK_GROUP);
    int64_t now_s = any ? clock_realtime_s() : 0;
    const struct lock *lock;

    check_lock(session, LOCK_USER, bytes_of(session->account->name));
    for (size_t i = 0; any && (lock = locks_at(session->decide->locks, i)); i++)
        if (lock->kind == LOCK_GROUP && lock->expires_s > now_s &&
            account_in_group(session->account, bytes_of(lock->value)))
            locked(session, lock);
}

/* A replica that is too old answers nothing: its age is part of each answer (policy.md 9). */
static bool is_stale(const struct session *session, int64_t age_ms)
{
    const struct config_directory *directory = decide_directory(session->decide);
    int64_t max_s =
        session->state == SESSION_LIVE ? directory->max_stale_live : directory->max_stale;

    return age_ms == INT64_MAX || age_ms > max_s * 1000;
}

/* A session never changes its user: one that was deleted or renamed must not fall into a weaker
 * rule (identity.md, "No account is not an error by itself"). */
static void check_same_user(struct session *session)
{
    const char *now = session->account ? session->account->name : "";

    if (session->state == SESSION_OPENING)
        sessions_set_user(session->decide->sessions, session, now);
    else if (strcmp(session->user, now) != 0 && !(session->user[0] == '\0' && session->by_name))
        deny(session, REASON_NO_USER, session->user);
}

static void take_who(struct session *session, const struct memo_who *who)
{
    session_set_text(session, &session->mapping, who->mapping);
    session_set_text(session, &session->candidates, who->candidates);
    session->subject = who->subject;
    session->strong = who->strong;
    /* Until the login is confirmed the name may still choose another of them. */
    session->by_name = who->by_name || (session->by_name && session->user[0] == '\0');
    session_set_person(session, who->person);
    if (who->reason != REASON_OK) {
        deny(session, who->reason, who->detail);
        if (session->state == SESSION_OPENING)
            sessions_set_user(session->decide->sessions, session,
                              session->account ? session->account->name : "");
        return;
    }
    check_same_user(session);
    if (session->account)
        check_account_locks(session);
    else if (!session->by_name && session->subject == CONFIG_SUBJECT_HUMAN)
        deny(session, REASON_NO_USER, "a human needs an account");
}

/* A live session keeps what its service asked of it: with another setting a reload must neither
 * free it of its login name nor make it wait for one. */
static bool expects_login(const struct session *session)
{
    const struct config_service *service = session_service(session);

    if (session->state != SESSION_OPENING)
        return session->pam != SESSION_PAM_OFF;
    return service && service->confirm == CONFIG_CONFIRM_PAM;
}

/* True when the answer rests on a directory that is too old to ask. */
static bool check_age(struct session *session)
{
    int64_t age_ms = directory_age_ms(session->decide);

    if (age_ms != INT64_MAX)
        session->directory_age_s = age_ms / 1000;
    if (!is_stale(session, age_ms))
        return false;
    session_set_reason(session, REASON_DIRECTORY_STALE, "");
    return true;
}

static void use_who(struct session *session, const struct memo_who *who)
{
    session->who_stamp = who->reason == REASON_OK ? session->decide->who_stamp : 0;
    session->who_asked = who->asked;
    session->directory_age_s = AUDIT_NO_NUMBER;
    if (who->asked && decide_directory(session->decide) && check_age(session))
        return;
    take_who(session, who);
    if (session->by_name && !expects_login(session))
        deny(session, REASON_AMBIGUOUS_USER, "no login name will choose among the accounts");
}

static void map_anew(struct session *session)
{
    struct decide *decide = session->decide;
    struct mapping_request request = {
        .identity = session->identity,
        .ca = (const char *)session->open.ca_name.at,
        .requested = session->login[0] ? session->login : NULL,
        .replica = decide_directory(decide) ? decide->replica : NULL,
        .now_s = clock_realtime_s(),
    };
    struct mapping_result result;
    struct memo_who who;

    mapping_apply(decide->mappings, &request, &result);
    who = (struct memo_who){.reason = result.reason,
                            .detail = result.detail,
                            .mapping = result.mapping,
                            .subject = result.subject,
                            .asked = result.asked,
                            .by_name = result.by_name,
                            .strong = result.strong,
                            .candidates = result.candidates ? result.candidates : "",
                            .person = session_person_of(session, STEAL(result.account))};
    judge_memo_keep_who(decide->memo, session, &who);
    use_who(session, &who);
    (void)person_unref(who.person);
    mapping_result_clear(&result);
}

/* In a pass: nothing that the session's account was found by has changed since, nor has time
 * changed the account's state. */
static bool is_who_known(const struct session *session)
{
    const struct decide *decide = session->decide;

    return decide->memo && session->who_stamp == decide->who_stamp &&
           (!session->account || clock_realtime_s() < session->account->state_until_s);
}

static void map(struct session *session)
{
    const struct memo_who *who;

    if (is_who_known(session)) {
        const struct memo_who same = {.reason = REASON_OK,
                                      .detail = "",
                                      .mapping = session->mapping,
                                      .subject = session->subject,
                                      .asked = session->who_asked,
                                      .by_name = session->by_name,
                                      .strong = session->strong,
                                      .candidates = session->candidates,
                                      .person = session->person};

        use_who(session, &same);
        return;
    }
    who = judge_memo_who(session->decide->memo, session);
    if (who)
        use_who(session, who);
    else
        map_anew(session);
}

/* A live session of the decide before keeps its verdict until there is something to judge it on;
 * locks and chain have been looked at, and the lock on its user is. */
static bool is_deferred(const struct session *session)
{
    const struct config_directory *directory = decide_directory(session->decide);

    return session->state == SESSION_LIVE && directory && !session->decide->replica &&
           clock_monotonic_ms() - session->decide->started_ms <= directory->max_stale_live * 1000;
}

enum stage_result decide_account(void *context)
{
    struct session *session = context;

    session->deferred = is_deferred(session);
    if (session->reason == REASON_OK && session->deferred)
        check_lock(session, LOCK_USER, bytes_of(session->user));
    else if (session->reason == REASON_OK)
        map(session);
    return STAGE_DONE;
}

/* --- policy ----------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool judge_is_stale(const struct session *session)
{
    return is_stale(session, directory_age_ms(session->decide));
}

/* When the service ends a session that began so. */
static int64_t longest_s(const struct session *session, const struct config_service *service)
{
    return service->max_duration > 0
               ? (session->open.accepted_ms + 999) / 1000 + service->max_duration
               : INT64_MAX;
}

static void set_until(struct session *session)
{
    const struct config_service *service = session_service(session);
    int64_t until = earlier(session->policy_until_s, longest_s(session, service));

    if (session->open.not_after_s < INT64_MAX)
        until = earlier(until, session->open.not_after_s + 1);
    until = earlier(until, session->open.crl_valid_until_s);
    if (session->account)
        until = earlier(until, session->account->state_until_s);
    session->valid_until_s = until;
}

bool judge_renew(struct session *session, const struct message_chains *chains)
{
    const struct message_open *open = &session->open;

    if (session->state != SESSION_LIVE || session->chain != REASON_OK || session->causes ||
        chains->reason != REASON_OK || chains->not_after_s != open->not_after_s ||
        chains->revocation != open->revocation || !bytes_equal(chains->ca_name, open->ca_name) ||
        !session_service(session))
        return false;
    session->open.trust_generation = chains->generation;
    session->open.crl_this_update_s = chains->crl_this_update_s;
    session->open.crl_valid_until_s = chains->crl_valid_until_s;
    set_until(session);
    return true;
}

static void take_decision(struct session *session, const struct memo_decision *decision)
{
    session_set_text(session, &session->rule, decision->rule);
    session_set_text(session, &session->file, decision->file);
    session_set_text(session, &session->message, decision->message);
    session->line = decision->line;
    session->policy_until_s = decision->valid_until_s;
    session->provisional = decision->verdict == POLICY_PROVISIONAL;
    set_until(session);
    if (decision->verdict == POLICY_DENY)
        deny(session, decision->reason == REASON_OK ? REASON_DEFAULT_DENY : decision->reason, "");
    else if (session->provisional && session->login[0] != '\0')
        deny(session, REASON_DEFAULT_DENY, "a condition is still open after the login");
    else if (!tell_identity_fits(session))
        deny(session, REASON_IDENTITY_TOO_LARGE, "");
}

static void evaluate(struct session *session, const struct config_service *service)
{
    struct decide *decide = session->decide;
    const struct policy_decision *fresh = &decide->decision;
    bool confirmed = expects_login(session);
    const struct memo_decision *known = judge_memo_decision(decide->memo, session, confirmed);
    struct memo_decision decision;

    if (known) {
        take_decision(session, known);
        return;
    }
    decide_evaluate(session, service->title, confirmed);
    decision = (struct memo_decision){.verdict = fresh->verdict,
                                      .reason = fresh->reason,
                                      .rule = fresh->rule,
                                      .file = fresh->file,
                                      .message = fresh->message,
                                      .line = fresh->line,
                                      .valid_until_s = fresh->valid_until_s};
    judge_memo_keep_decision(decide->memo, session, confirmed, &decision, fresh->tested);
    take_decision(session, &decision);
}

enum stage_result decide_policy(void *context)
{
    struct session *session = context;
    const struct config_service *service = session_service(session);

    session->deferred |= session->state == SESSION_LIVE && !session->decide->policy;
    if (session->reason != REASON_OK || session->deferred || session_is_whoami(session))
        return STAGE_DONE;
    if (!service) {
        deny(session,
             session->open.service_name.len > 0 ? REASON_NO_SERVICE : REASON_NO_SERVICE_NAMED,
             (const char *)session->open.service_name.at);
        return STAGE_DONE;
    }
    if (clock_realtime_s() >= longest_s(session, service)) {
        deny(session, REASON_SESSION_TOO_LONG, "");
        return STAGE_DONE;
    }
    evaluate(session, service);
    return STAGE_DONE;
}

void judge_with_memo(struct session *session, struct judge_memo *memo)
{
    if (judge_memo_look_at_clock(memo)) /* account states of later times say nothing */
        decide_who_changed(session->decide);
    session->decide->memo = memo;
    judge_session(session);
    session->decide->memo = NULL;
}

void judge_session(struct session *session)
{
    session_set_reason(session, REASON_OK, "");
    session->decide->counters.judged++;
    pipeline_judge(session);
}
