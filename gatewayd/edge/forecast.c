/*
 * A walk over the live chains under a candidate of the trust data. Runs in an edge, in slices.
 */
#include "gatewayd/edge/forecast.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/live.h"
#include "gatewayd/shared/xalloc.h"

#include <unistd.h>

struct forecast {
    struct edge *edge;
    uint64_t cookie;
    struct trust_set *trust; /* the candidate; NULL: no walk */
    struct connection *at;   /* next one */
    ev_timer slice;
    /* The last answer: sessions of one certificate often stand together. Compared by its hash,
     * since a chain may be gone meanwhile. */
    struct chain_key key;
    struct verify_result result;
    struct chain_facts facts;
    bool has_last;
};

static void end_walk(struct forecast *forecast)
{
    ev_timer_stop(forecast->edge->role->loop, &forecast->slice);
    forecast->trust = trust_set_free(forecast->trust);
    forecast->at = NULL;
    forecast->has_last = false;
}

static void judge(struct forecast *forecast, const struct connection *c)
{
    struct chain_accepts accepts = chain_accepts_of(c);

    if (forecast->has_last && memcmp(&forecast->key, &c->chain->key, sizeof(forecast->key)) == 0 &&
        chain_is_for(c->chain, &accepts))
        return;
    chain_try(forecast->edge, forecast->trust, c->chain, &accepts, &forecast->result,
              &forecast->facts);
    forecast->has_last = chain_is_for(c->chain, &accepts);
    forecast->key = c->chain->key;
}

/* False: decide takes nothing at the moment. */
static bool judge_one(struct forecast *forecast, const struct connection *c)
{
    struct channel *decide = role_channel(forecast->edge->role, PROCESS_DECIDE, 0);
    struct message_chain_preview msg = {.cookie = forecast->cookie, .connection = c->number};

    if (!c->open_sent || !c->chain || c->phase == PHASE_ENDED)
        return true;
    judge(forecast, c);
    msg.reason = forecast->result.reason;
    msg.detail = bytes_of(forecast->result.detail);
    msg.ca_name = bytes_of(forecast->facts.ca);
    msg.not_after_s = forecast->facts.not_after_s;
    msg.crl_valid_until_s = forecast->facts.crl_valid_until_s;
    if (msg.reason == c->told.reason && strcmp(forecast->facts.ca, c->told.facts.ca) == 0 &&
        msg.not_after_s == c->told.facts.not_after_s &&
        msg.crl_valid_until_s == c->told.facts.crl_valid_until_s)
        return true;
    return decide && channel_send(decide, MESSAGE_CHAIN_PREVIEW, &msg, -1);
}

static bool say_done(const struct forecast *forecast)
{
    struct channel *decide = role_channel(forecast->edge->role, PROCESS_DECIDE, 0);
    struct message_chains_previewed msg = {.cookie = forecast->cookie};

    return decide && channel_send(decide, MESSAGE_CHAINS_PREVIEWED, &msg, -1);
}

static void on_slice(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct forecast *forecast = timer->data;
    int64_t end_us = clock_monotonic_us() + LIVE_SLICE_US;
    bool sent = true;

    (void)events;
    while (sent && forecast->at && clock_monotonic_us() < end_us) {
        sent = judge_one(forecast, forecast->at);
        if (sent)
            forecast->at = forecast->at->next;
    }
    if (sent && !forecast->at)
        sent = say_done(forecast);
    if (sent && !forecast->at) {
        end_walk(forecast);
        return;
    }
    ev_timer_set(timer, sent ? 0.0 : 0.02, 0.0);
    ev_timer_start(loop, timer);
}

struct forecast *forecast_new(struct edge *edge)
{
    struct forecast *forecast = xcalloc(1, sizeof(*forecast));

    forecast->edge = edge;
    ev_init(&forecast->slice, on_slice);
    forecast->slice.data = forecast;
    return forecast;
}

void forecast_trust(struct edge *edge, const struct message_preview_trust *msg, int fd)
{
    struct forecast *forecast = edge->forecast;
    struct error err;

    end_walk(forecast);
    if (fd < 0 || !trust_set_map(fd, UINT32_MAX, &forecast->trust, &err)) {
        log_event(LOG_LEVEL_WARNING, "forecast_refused", "%s",
                  ""); /* decide does not wait for ever */
        forecast->trust = NULL;
    }
    if (fd >= 0)
        (void)close(fd);
    if (!forecast->trust)
        return;
    forecast->cookie = msg->cookie;
    forecast->at = edge->first;
    ev_timer_set(&forecast->slice, 0.0, 0.0);
    ev_timer_start(edge->role->loop, &forecast->slice);
}

void forecast_forget(struct edge *edge, struct connection *c)
{
    if (edge->forecast->at == c)
        edge->forecast->at = c->next;
}
