/*
 * Live connections: judged again when trust data changes, told to a new decide, ended on demand.
 * Runs in an edge. decide learns only of chains whose facts have changed.
 */
#include "gatewayd/edge/live.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/edge/ask.h"
#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/forecast.h"
#include "gatewayd/edge/resumption.h"
#include "gatewayd/edge/standing.h"

#include <unistd.h>

enum { RESUME_MAX = MESSAGE_MAX - 1024 }; /* octets of an encoded OPEN */

static struct channel *decide_of(const struct edge *edge)
{
    return role_channel(edge->role, PROCESS_DECIDE, 0);
}

/* --- chains ----------------------------------------------------------------------------------- */

static bool facts_equal(const struct chain_facts *a, const struct chain_facts *b)
{
    return strcmp(a->ca, b->ca) == 0 && a->not_after_s == b->not_after_s &&
           a->revocation == b->revocation && a->crl_this_update_s == b->crl_this_update_s &&
           a->crl_valid_until_s == b->crl_valid_until_s;
}

static bool send_chains(struct connection *c, const struct told *now, const char *detail)
{
    struct message_chains msg = {.connection = c->number,
                                 .session = c->session,
                                 .generation = now->generation,
                                 .reason = now->reason,
                                 .detail = bytes_of(detail),
                                 .ca_name = bytes_of(now->facts.ca),
                                 .not_after_s = now->facts.not_after_s,
                                 .revocation = now->facts.revocation,
                                 .crl_this_update_s = now->facts.crl_this_update_s,
                                 .crl_valid_until_s = now->facts.crl_valid_until_s};
    struct channel *decide = decide_of(c->edge);

    return decide && channel_send(decide, MESSAGE_CHAINS, &msg, -1);
}

/* False: decide takes nothing at the moment; try again later. */
static bool judge_one(struct connection *c)
{
    struct edge *edge = c->edge;
    struct error why = {.reason = REASON_OK, .detail = ""};
    struct chain_accepts accepts;
    const char *detail;
    struct told now;

    if (!c->open_sent || c->phase == PHASE_ENDED)
        return true;
    accepts = chain_accepts_of(c);
    (void)chain_judge_again(edge, &c->chain, &accepts, &why);
    if (why.reason == REASON_OK && standing_renew(c))
        return true; /* live_chain comes with the answer */
    now = (struct told){
        .generation = edge->trust->generation, .reason = why.reason, .facts = c->chain->facts};
    standing_apply(c, &now, &detail);
    if (why.reason != REASON_OK)
        detail = why.detail;
    if (!c->verified_asked && now.reason == c->told.reason &&
        facts_equal(&now.facts, &c->told.facts))
        return true;
    if (!send_chains(c, &now, detail))
        return false;
    c->verified_asked = false;
    c->told = now;
    return true;
}

void live_chain(struct edge *edge, const struct chain *chain)
{
    size_t n = chain->refs;

    if (!edge->trust)
        return;
    for (struct connection *c = edge->first; c && n > 0; c = c->next) {
        if (c->chain != chain)
            continue;
        n--;
        if (!judge_one(c)) {
            live_judge_all(edge); /* decide takes nothing at the moment */
            return;
        }
    }
}

static bool send_done(struct edge *edge)
{
    struct message_chains_done msg = {.generation = edge->trust->generation};
    struct channel *decide = decide_of(edge);

    return decide && channel_send(decide, MESSAGE_CHAINS_DONE, &msg, -1);
}

static void again(struct edge *edge, ev_timer *timer, bool soon)
{
    ev_timer_stop(edge->role->loop, timer);
    ev_timer_set(timer, soon ? 0.0 : 0.02, 0.0);
    ev_timer_start(edge->role->loop, timer);
}

/*
 * One slice. Without decide the walk ends: a new one gets all sessions by RESUME, and the walk
 * begins anew after that.
 */
static void judge_slice(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct edge *edge = timer->data;
    int64_t end_us = clock_monotonic_us() + LIVE_SLICE_US;

    (void)loop;
    (void)events;
    if (!edge->live_running || !decide_of(edge)) {
        edge->live_running = false;
        return;
    }
    for (int n = 0; edge->live_at && n < LIVE_SLICE && clock_monotonic_us() < end_us; n++) {
        if (!judge_one(edge->live_at)) {
            again(edge, timer, false);
            return;
        }
        edge->live_at = edge->live_at->next;
    }
    if (edge->live_at || !send_done(edge)) {
        again(edge, timer, edge->live_at != NULL);
        return;
    }
    edge->live_running = false;
}

void live_judge_all(struct edge *edge)
{
    if (!edge->trust)
        return;
    edge->live_running = true;
    edge->live_at = edge->first;
    again(edge, &edge->live_timer, true);
}

void live_trust(struct edge *edge, const struct message_trust *msg, int fd)
{
    struct trust_set *set;
    struct error err;

    if (!trust_set_map(fd, msg->generation, &set, &err)) {
        log_error("trust_refused", &err, "generation=%u", msg->generation);
        (void)close(fd);
        return;
    }
    (void)close(fd);
    resumption_forget_all(edge);
    trust_set_free(edge->trust);
    edge->trust = set;
    log_event(LOG_LEVEL_INFO, "trust", "generation=%u cas=%zu", set->generation, set->trust->n_cas);
    live_judge_all(edge);
}

void live_verify(struct edge *edge, const struct message_verify *msg)
{
    struct connection *c = connection_find(edge, msg->connection);

    if (!c || !c->open_sent || !edge->trust)
        return;
    c->verified_asked = true;
    /*
     * decide has heard of this generation: it knows of a newer one that has not come yet, and the
     * answer waits for it. Otherwise, or when time has run out on the chain, there is news.
     */
    if (edge->trust->generation == c->told.generation && c->told.reason == REASON_OK &&
        chain_is_fresh(edge, c->chain) && clock_realtime_s() < c->told.facts.crl_valid_until_s)
        return;
    if (!judge_one(c))
        live_judge_all(edge);
}

void live_end(struct edge *edge, const struct message_end *msg)
{
    struct connection *c = connection_find(edge, msg->connection);

    if (!c || !c->verdict_came || !session_id_equal(&c->session, &msg->session))
        return;
    /* Not close_notify: the client must see that it was cut off. */
    (void)connection_end(c, (enum reason)msg->reason, LAST_WORD_NONE);
}

/* --- a new decide ----------------------------------------------------------------------------- */

static bool resume_one(struct connection *c)
{
    struct writer open_octets = writer_new(RESUME_MAX);
    struct message_open open = ask_open(c);
    struct message_resume msg = {.session = c->session};
    struct channel *decide = decide_of(c->edge);
    bool good;

    message_encode(MESSAGE_OPEN, &open, &open_octets);
    msg.open = writer_bytes(&open_octets);
    good = decide && channel_send(decide, MESSAGE_RESUME, &msg, c->upstream);
    writer_clear(&open_octets);
    return good;
}

static bool is_session(const struct connection *c)
{
    return c->open_sent && c->verdict_came && c->verdict == REASON_OK &&
           (c->upstream >= 0 || c->renewal != RENEWAL_NONE);
}

static bool finish_resume(struct edge *edge)
{
    struct message_resume_done msg = {.count = edge->n_resumed};
    struct channel *decide = decide_of(edge);

    if (!decide || !channel_send(decide, MESSAGE_RESUME_DONE, &msg, -1))
        return false;
    edge->resume_running = false;
    connection_tell_ended(edge);
    connection_wake_all(edge, &edge->waiting_decide);
    live_judge_all(edge);
    return true;
}

static void resume_slice(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct edge *edge = timer->data;

    (void)loop;
    (void)events;
    if (!edge->resume_running || !decide_of(edge))
        return;
    for (int n = 0; edge->resume_at && n < LIVE_SLICE; edge->resume_at = edge->resume_at->next) {
        if (!is_session(edge->resume_at))
            continue;
        if (!resume_one(edge->resume_at)) {
            again(edge, timer, false);
            return;
        }
        edge->n_resumed++;
        n++;
    }
    if (edge->resume_at || !finish_resume(edge))
        again(edge, timer, edge->resume_at != NULL);
}

void live_resume(struct edge *edge)
{
    edge->resume_running = true;
    edge->resume_at = edge->first;
    edge->n_resumed = 0;
    resume_slice(edge->role->loop, &edge->resume_timer, 0);
}

/* --- life ------------------------------------------------------------------------------------- */

void live_init(struct edge *edge)
{
    ev_init(&edge->live_timer, judge_slice);
    ev_init(&edge->resume_timer, resume_slice);
    edge->live_timer.data = edge->resume_timer.data = edge;
}

void live_forget(struct edge *edge, struct connection *c)
{
    if (edge->live_at == c)
        edge->live_at = c->next;
    if (edge->resume_at == c)
        edge->resume_at = c->next;
    forecast_forget(edge, c);
}
