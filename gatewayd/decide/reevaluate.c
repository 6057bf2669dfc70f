/*
 * Judging live sessions again. Runs in decide: whatever changes begins a pass over the sessions
 * that it may concern, which is worked off in slices; who is denied ends at once, unless one
 * directory or policy event would end so many that it is more likely a mistake (mass_end_guard).
 */
#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/decide/data.h"
#include "gatewayd/decide/guard.h"
#include "gatewayd/decide/judge.h"
#include "gatewayd/decide/tell_identity.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <utlist.h>

enum {
    SLICE_US = 2000,  /* of one loop turn */
    STEPS = 16,       /* sessions between two looks at the clock */
    LOG_LEAST = 1000, /* a pass over fewer sessions that ends nobody is not worth a line */
    GUARD_LEAST = 20, /* mass_end_guard never holds fewer */
    /* Changes of what answers rest on; the other causes are a session's own. */
    CAUSES_OF_ALL = CAUSE_DIRECTORY | CAUSE_POLICY | CAUSE_LOCK | CAUSE_STALE,
};

/* What a pass does: judge; and then, with those that it would end, one of two things. */
enum phase { PHASE_JUDGE, PHASE_END, PHASE_HOLD };

struct reevaluate {
    struct decide *decide;
    struct judge_memo *memo;
    enum phase phase;
    struct session *due;    /* to be judged, linked by due_prev and due_next */
    unsigned walk_causes;   /* all sessions are to be judged, because of; 0: no walk */
    struct session *doomed; /* of this pass: denied by a directory or policy event */
    size_t n_judged, n_doomed, n_ended;
    ev_timer slice;
    ev_periodic stale;
};

/* --- reasons ---------------------------------------------------------------------------------- */

/* A policy that says no says it because something has changed: the record names that. */
static enum reason reason_of_change(const struct session *session)
{
    switch (session->reason) {
    case REASON_DEFAULT_DENY:
    case REASON_RULE_DENY:
    case REASON_LIMIT:
    case REASON_POLICY_MISSING:
        break;
    default:
        return session->reason;
    }
    if (session->causes & CAUSE_POLICY)
        return REASON_POLICY_CHANGED;
    return session->causes & CAUSE_DIRECTORY ? REASON_GROUPS_CHANGED : REASON_TIME_ENDED;
}

/* Locks, revocation and time are never held back. */
bool reevaluate_would_guard(const struct session *session)
{
    switch (session->reason) {
    case REASON_LOCKED:
    case REASON_DIRECTORY_STALE:
    case REASON_CERT_EXPIRED:
    case REASON_CRL_EXPIRED:
    case REASON_SERVICE_CA:
    case REASON_ACCOUNT_EXPIRED:
    case REASON_SESSION_TOO_LONG:
        return false;
    default:
        return session->chain == REASON_OK;
    }
}

static bool is_guarded(const struct session *session)
{
    return reevaluate_would_guard(session) && !(session->causes & CAUSE_UNTIL) &&
           (session->causes & (CAUSE_DIRECTORY | CAUSE_POLICY));
}

static void describe(const struct session *session, char detail[ERROR_DETAIL_MAX])
{
    if (session->rule[0] != '\0' && session->reason == REASON_RULE_DENY)
        (void)snprintf(detail, ERROR_DETAIL_MAX, "rule %s, %s:%u", session->rule, session->file,
                       session->line);
    else
        (void)snprintf(detail, ERROR_DETAIL_MAX, "%s%s%s", reason_name(session->reason),
                       session->detail[0] ? ": " : "", session->detail);
}

/* The judgement is fresh: the record shows what it rests on. */
static void end_now(struct reevaluate *reevaluate, struct session *session)
{
    enum reason reason = reason_of_change(session);
    char detail[ERROR_DETAIL_MAX];
    struct record_extra extra = {.reason = reason, .detail = detail};

    describe(session, detail);
    (void)record_session(session, RECORD_REEVAL, &extra); /* a loss is counted by the ledger */
    reevaluate->n_ended++;
    session_end(session, reason, detail);
}

/* --- one pass --------------------------------------------------------------------------------- */

static void enlist(struct session **list, struct session *session)
{
    DL_APPEND2(*list, session, due_prev, due_next);
    session->due_list = list;
}

static void delist(struct session *session)
{
    DL_DELETE2(*session->due_list, session, due_prev, due_next);
    session->due_list = NULL;
}

/* What others know of a session's judgement: timers, the registry, the edge. */
struct known {
    int64_t until_s;
    const struct person *person;
    const char *rule;
};

static struct known known_of(const struct session *session)
{
    return (struct known){session->valid_until_s, session->person, session->rule};
}

static bool is_timer_right(const struct session *session, const struct known *known)
{
    return session->valid_until_s == known->until_s &&
           (session->valid_until_s == INT64_MAX) == !ev_is_active(&session->until);
}

/* They are told only what has changed: most passes change nothing for most sessions. */
static void keep(struct session *session, const struct known *known)
{
    bool own_causes = session->causes & ~(unsigned)CAUSES_OF_ALL;

    session->held = session->released = false;
    session->causes = 0;
    if (own_causes || !is_timer_right(session, known)) {
        session_watch(session);
        session_save(session, REGISTRY_LIVE);
    }
    if (session->person == known->person && session->rule == known->rule)
        return;
    if (!tell_identity(session)) /* an upstream must not hear of groups that it has no longer */
        session_end(session, REASON_OVERLOADED, "the edge takes no message");
}

/* Judged once more, so that the record shows its own facts. */
static void judge_and_end(struct reevaluate *reevaluate, struct session *session)
{
    struct known known = known_of(session);

    judge_session(session);
    if (session->reason == REASON_OK)
        keep(session, &known);
    else
        end_now(reevaluate, session);
}

static void judge_live(struct reevaluate *reevaluate, struct session *session)
{
    struct known known = known_of(session);

    judge_with_memo(session, reevaluate->memo);
    reevaluate->n_judged++;
    if (session->reason == REASON_OK) {
        keep(session, &known);
    } else if (!is_guarded(session) || session->released) {
        judge_and_end(reevaluate, session);
    } else if (!session->held) { /* else an operator has not yet said what the first event meant */
        enlist(&reevaluate->doomed, session);
        reevaluate->n_doomed++;
    }
}

/* One that waits for its verdict is denied by it; one that was denied already stays so. */
static void judge_waiting(struct session *session)
{
    if (session->reason == REASON_OK && session->recorded)
        judge_session(session);
    session->causes = 0;
}

static void judge(struct reevaluate *reevaluate, struct session *session)
{
    if (session->state == SESSION_LIVE)
        judge_live(reevaluate, session);
    else if (session->state == SESSION_OPENING)
        judge_waiting(session);
}

/* False: all have been judged. */
static bool judge_next(struct reevaluate *reevaluate)
{
    struct session *session = reevaluate->due;

    if (session) {
        delist(session);
        judge(reevaluate, session);
        return true;
    }
    if (!reevaluate->walk_causes)
        return false;
    session = sessions_walk_next(reevaluate->decide->sessions);
    if (!session) {
        reevaluate->walk_causes = 0;
        return false;
    }
    session->causes |= reevaluate->walk_causes;
    if (!session->due_list) /* else it is doomed already */
        judge(reevaluate, session);
    return true;
}

/* --- the guard -------------------------------------------------------------------------------- */

static bool has_lost_host(const struct session *session)
{
    return session->reason == REASON_NO_HOST || session->reason == REASON_HOST_ADDRESS ||
           session->reason == REASON_HOST_CHANGED;
}

/* A change of one account or host in the directory is meant, however many sessions that account
 * holds: else twenty connections would shield their owner. */
static bool is_one_entry(const struct reevaluate *reevaluate)
{
    const struct session *first = reevaluate->doomed, *session;

    DL_FOREACH2(reevaluate->doomed, session, due_next)
    if ((session->causes & CAUSE_POLICY) || (strcmp(session->user, first->user) != 0 &&
                                             !(has_lost_host(session) && has_lost_host(first) &&
                                               bytes_equal(session->open.sni, first->open.sni))))
        return false;
    return true;
}

bool reevaluate_is_too_many(const struct config *config, size_t n_doomed, size_t n_live)
{
    return n_doomed > GUARD_LEAST &&
           n_doomed > n_live * (size_t)config->policy->mass_end_guard / 100;
}

static bool is_accident(const struct reevaluate *reevaluate)
{
    const struct decide *decide = reevaluate->decide;

    return reevaluate_is_too_many(decide->role->config, reevaluate->n_doomed,
                                  sessions_count_live(decide->sessions)) &&
           !is_one_entry(reevaluate);
}

static void raise_alarm(struct reevaluate *reevaluate)
{
    struct decide *decide = reevaluate->decide;
    struct record_extra extra = {.reason = REASON_MASS_END_GUARD, .detail = decide->alarm};
    size_t live = sessions_count_live(decide->sessions);

    (void)snprintf(decide->alarm, sizeof(decide->alarm),
                   "one change would end %zu of %zu sessions; none was ended", reevaluate->n_doomed,
                   live);
    log_event(LOG_LEVEL_ERROR, "mass_end_guard", "would_end=%zu sessions=%zu", reevaluate->n_doomed,
              live);
    (void)record_event(decide, RECORD_REEVAL, &extra);
}

static void hold(struct session *session)
{
    session->held = true;
    if (session->causes & ~(unsigned)(CAUSE_DIRECTORY | CAUSE_POLICY))
        reevaluate_session(session, CAUSE_TIME); /* a lock that came meanwhile is not held */
}

/* False: none of them is left. */
static bool treat_doomed(struct reevaluate *reevaluate)
{
    struct session *session = reevaluate->doomed;

    if (!session)
        return false;
    reevaluate->n_doomed--;
    delist(session);
    if (reevaluate->phase == PHASE_HOLD)
        hold(session);
    else
        judge_and_end(reevaluate, session);
    return true;
}

/* --- one pass --------------------------------------------------------------------------------- */

static void finish_pass(struct reevaluate *reevaluate)
{
    struct decide *decide = reevaluate->decide;

    judge_memo_clear(reevaluate->memo);
    if (decide->alarm[0] != '\0' && reevaluate_count_pending(decide) == 0)
        decide->alarm[0] = '\0';
    if (reevaluate->n_ended > 0 || reevaluate->n_judged >= LOG_LEAST)
        log_event(LOG_LEVEL_INFO, "reevaluated", "judged=%zu ended=%zu", reevaluate->n_judged,
                  reevaluate->n_ended);
    reevaluate->n_judged = reevaluate->n_ended = 0;
    if (!reevaluate_is_busy(decide))
        control_pass_done(decide);
}

/* False: the pass is over. What comes while the doomed are treated is judged afterwards. */
static bool step(struct reevaluate *reevaluate)
{
    if (reevaluate->phase == PHASE_JUDGE) {
        if (judge_next(reevaluate))
            return true;
        if (!reevaluate->doomed)
            return false;
        reevaluate->phase = is_accident(reevaluate) ? PHASE_HOLD : PHASE_END;
        if (reevaluate->phase == PHASE_HOLD)
            raise_alarm(reevaluate);
    }
    if (treat_doomed(reevaluate))
        return true;
    reevaluate->phase = PHASE_JUDGE;
    return reevaluate->due || reevaluate->walk_causes;
}

static void start_slice(struct reevaluate *reevaluate)
{
    if (ev_is_active(&reevaluate->slice))
        return;
    ev_timer_set(&reevaluate->slice, 0.0, 0.0);
    ev_timer_start(reevaluate->decide->loop, &reevaluate->slice);
}

static void on_slice(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct reevaluate *reevaluate = timer->data;
    int64_t end_us = clock_monotonic_us() + SLICE_US;

    (void)loop;
    (void)events;
    do {
        for (int i = 0; i < STEPS; i++) {
            if (step(reevaluate))
                continue;
            finish_pass(reevaluate);
            return;
        }
    } while (clock_monotonic_us() < end_us);
    start_slice(reevaluate);
}

/* --- what puts sessions on the list ----------------------------------------------------------- */

void reevaluate_session(struct session *session, enum session_cause cause)
{
    struct reevaluate *reevaluate = session->decide->reevaluate;

    if (cause & CAUSES_OF_ALL)
        judge_memo_clear(reevaluate->memo);
    if (session->state > SESSION_LIVE)
        return;
    session->causes |= cause;
    if (session->due_list)
        return;
    enlist(&reevaluate->due, session);
    start_slice(reevaluate);
}

static void reevaluate_each(void *context, struct session *session)
{
    reevaluate_session(session, *(enum session_cause *)context);
}

void reevaluate_user(struct decide *decide, const char *user, enum session_cause cause)
{
    sessions_each_of_user(decide->sessions, user, reevaluate_each, &cause);
}

/* A change that comes while a walk is under way joins it: all are judged from the beginning. */
void reevaluate_all(struct decide *decide, enum session_cause cause)
{
    struct reevaluate *reevaluate = decide->reevaluate;

    judge_memo_clear(reevaluate->memo);
    reevaluate->walk_causes |= cause;
    sessions_walk_begin(decide->sessions);
    start_slice(reevaluate);
}

void reevaluate_forget(struct session *session)
{
    struct reevaluate *reevaluate = session->decide->reevaluate;

    if (!session->due_list)
        return;
    if (session->due_list == &reevaluate->doomed)
        reevaluate->n_doomed--;
    delist(session);
}

bool reevaluate_is_busy(const struct decide *decide)
{
    return ev_is_active(&decide->reevaluate->slice) || data_is_busy(decide);
}

enum reason reevaluate_try(struct session *session)
{
    judge_session(session);
    return session->reason;
}

/* --- what the guard holds --------------------------------------------------------------------- */

static void count_held(void *context, struct session *session)
{
    *(size_t *)context += session->held && session->state == SESSION_LIVE;
}

size_t reevaluate_count_pending(const struct decide *decide)
{
    size_t n = 0;

    sessions_each(decide->sessions, count_held, &n);
    return n;
}

static void release(void *context, struct session *session)
{
    if (!session->held || session->state != SESSION_LIVE)
        return;
    ++*(size_t *)context;
    session->held = false;
    session->released = true;
    reevaluate_session(session, CAUSE_TIME);
}

size_t reevaluate_end_pending(struct decide *decide)
{
    size_t n = 0;

    sessions_each(decide->sessions, release, &n);
    decide->alarm[0] = '\0';
    return n;
}

/* --- staleness -------------------------------------------------------------------------------- */

static void on_stale(struct ev_loop *loop, ev_periodic *stale, int events)
{
    struct reevaluate *reevaluate = stale->data;

    (void)loop;
    (void)events;
    log_event(LOG_LEVEL_WARNING, "directory_stale", "live=%zu",
              sessions_count_live(reevaluate->decide->sessions));
    reevaluate_all(reevaluate->decide, CAUSE_STALE);
}

void reevaluate_plan_stale(struct decide *decide)
{
    struct reevaluate *reevaluate = decide->reevaluate;
    const struct config_directory *directory = decide_directory(decide);
    int64_t as_of_ms = decide->replica ? replica_as_of_ms(decide->replica) : -1;

    ev_periodic_stop(decide->loop, &reevaluate->stale);
    if (!directory || as_of_ms < 0)
        return;
    /* One second more: ages are compared in whole milliseconds, timers are not. */
    ev_periodic_set(&reevaluate->stale,
                    (double)as_of_ms / 1000.0 + (double)directory->max_stale_live + 1.0, 0.0, NULL);
    ev_periodic_start(decide->loop, &reevaluate->stale);
}

struct reevaluate *reevaluate_new(struct decide *decide)
{
    struct reevaluate *reevaluate = xcalloc(1, sizeof(*reevaluate));

    reevaluate->decide = decide;
    reevaluate->memo = judge_memo_new(decide->texts);
    ev_init(&reevaluate->slice, on_slice);
    ev_init(&reevaluate->stale, on_stale);
    reevaluate->slice.data = reevaluate->stale.data = reevaluate;
    return reevaluate;
}

struct reevaluate *reevaluate_free(struct reevaluate *reevaluate)
{
    if (!reevaluate)
        return NULL;
    ev_timer_stop(reevaluate->decide->loop, &reevaluate->slice);
    ev_periodic_stop(reevaluate->decide->loop, &reevaluate->stale);
    (void)judge_memo_free(reevaluate->memo);
    free(reevaluate);
    return NULL;
}
