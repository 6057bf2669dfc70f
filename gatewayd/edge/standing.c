/*
 * The stage `status`. Runs in an edge; `fetch` has checked the signature of what it says, and
 * nobody else may say anything. A handshake never waits for it, a connection at most 3 s.
 */
#include "gatewayd/edge/standing.h"

#include "common/clock.h"
#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/live.h"
#include "gatewayd/edge/stages.h"
#include "gatewayd/shared/xalloc.h"

enum {
    ASK_MS = 2900,                /* a little less than the stage: its end is an answer too */
    KEEP_LEAST_S = 2,             /* an answer that ends at once would be asked for in circles */
    KEEP_BAD_S = 60,              /* no answer: nobody is asked again for so long */
    KEEP_MAX_S = 24 * 3600 + 300, /* whatever fetch says */
    CHAIN_OCTETS_MAX = 64 * 1024, /* of a chain that is passed on: a message holds 96 KiB */
};

/* A question under way, for all connections of a chain. */
struct status_ask {
    uint64_t cookie;
    UT_hash_handle hh;
    struct edge *edge;
    struct chain *chain; /* held */
    ev_timer limit;
};

static int64_t mode_of(const struct connection *c)
{
    const struct config_ca *ca =
        c->chain ? config_find_ca(c->edge->role->config, c->chain->facts.ca) : NULL;

    return ca ? ca->ocsp : CONFIG_OCSP_OFF;
}

static bool is_fresh(const struct chain *chain)
{
    return chain->status.known && clock_realtime_s() < chain->status.until_s;
}

void standing_free(struct chain *chain)
{
    free(chain->status.detail);
}

void standing_forget(struct chain *chain)
{
    chain->status.known = false;
    chain->status.signed_last = (struct ocsp_known){.this_update_s = 0};
}

/* Of what has come, or has not: what counts is ocsp_known_take's. this_update_s 0: no answer. */
static void set(struct chain *chain, const struct ocsp_known *said, int64_t until_s,
                const char *detail)
{
    int64_t now_s = clock_realtime_s(), latest_s = now_s + KEEP_MAX_S;
    struct ocsp_known known = chain->status.signed_last;
    enum reason reason = ocsp_known_take(&known, said->reason, said->this_update_s);

    if (reason != said->reason) {
        detail = reason == REASON_CERT_REVOKED ? "" : "the answer is older than one before it";
        latest_s = now_s + KEEP_BAD_S;
    }

    if (until_s < now_s + KEEP_LEAST_S)
        until_s = now_s + KEEP_LEAST_S;
    free(chain->status.detail);
    chain->status = (struct chain_status){.known = true,
                                          .reason = reason,
                                          .until_s = until_s < latest_s ? until_s : latest_s,
                                          .detail = detail[0] ? xstrdup(detail) : NULL,
                                          .signed_last = known};
}

static void set_silent(struct chain *chain, int64_t until_s, const char *why)
{
    set(chain, &(struct ocsp_known){.reason = REASON_OCSP_UNAVAILABLE}, until_s, why);
}

/* --- questions -------------------------------------------------------------------------------- */

/* Wakes whoever waits, and judges who lives with the chain again. */
static void finish(struct status_ask *ask)
{
    struct edge *edge = ask->edge;
    struct chain *chain = ask->chain;

    ev_timer_stop(edge->role->loop, &ask->limit);
    HASH_DEL(edge->status_asks, ask);
    free(ask);
    chain->ask = NULL;
    connection_wake_all(edge, &chain->waiting);
    live_chain(edge, chain);
    chain_drop(edge, chain);
}

static void no_answer(struct status_ask *ask, const char *why)
{
    set_silent(ask->chain, clock_realtime_s() + KEEP_BAD_S, why);
    finish(ask);
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    no_answer(timer->data, "no answer in time");
}

static bool send_ask(struct edge *edge, const struct chain *chain, uint64_t cookie)
{
    struct channel *fetch = role_channel(edge->role, PROCESS_FETCH, 0);
    struct message_status_ask msg = {
        .cookie = cookie, .ca_name = bytes_of(chain->facts.ca), .chain = chain->octets};

    return fetch && chain->octets.len <= CHAIN_OCTETS_MAX &&
           channel_send(fetch, MESSAGE_STATUS_ASK, &msg, -1);
}

/* False: nobody can be asked, and that is known now. */
static bool begin(struct edge *edge, struct chain *chain)
{
    struct status_ask *ask;

    if (chain->ask)
        return true;
    if (!send_ask(edge, chain, edge->next_cookie + 1)) {
        set_silent(chain, 0, "nobody can be asked");
        return false;
    }
    ask = xcalloc(1, sizeof(*ask));
    ask->cookie = ++edge->next_cookie;
    ask->edge = edge;
    ask->chain = chain_hold(edge, chain);
    chain->ask = ask;
    HASH_ADD(hh, edge->status_asks, cookie, sizeof(ask->cookie), ask);
    ev_timer_init(&ask->limit, on_limit, ASK_MS / 1000.0, 0.0);
    ask->limit.data = ask;
    ev_timer_start(edge->role->loop, &ask->limit);
    return true;
}

void standing_answer(struct edge *edge, const struct message_status *msg)
{
    AUTO(char_freep) char *detail = xtext(msg->detail);
    enum reason reason = msg->reason == REASON_OK || msg->reason == REASON_CERT_REVOKED ||
                                 msg->reason == REASON_OCSP_UNKNOWN
                             ? (enum reason)msg->reason
                             : REASON_OCSP_UNAVAILABLE;
    struct status_ask *ask;

    HASH_FIND(hh, edge->status_asks, &msg->cookie, sizeof(msg->cookie), ask);
    if (!ask)
        return; /* too late: that it has not come in time is known already */
    set(ask->chain, &(struct ocsp_known){.reason = reason, .this_update_s = msg->this_update_s},
        msg->until_s, detail);
    finish(ask);
}

void standing_fetch_lost(struct edge *edge)
{
    struct status_ask *ask, *next;

    HASH_ITER(hh, edge->status_asks, ask, next)
    no_answer(ask, "the process that asks was lost");
}

/* --- the stage -------------------------------------------------------------------------------- */

enum stage_result edge_status(void *connection)
{
    struct connection *c = connection;

    c->phase = PHASE_STATUS;
    connection_watch_client(c, c->unsent.len > 0 ? EV_WRITE : 0);
    if (mode_of(c) == CONFIG_OCSP_OFF || is_fresh(c->chain) || !begin(c->edge, c->chain))
        return STAGE_DONE;
    connection_wait(c, &c->chain->waiting);
    return STAGE_WAIT;
}

void standing_late(struct connection *c)
{
    connection_wait_no_more(c);
    if (!is_fresh(c->chain))
        set_silent(c->chain, 0, "no answer in time");
    pipeline_jump(&c->pipeline, "ask");
}

/* --- what decide hears ------------------------------------------------------------------------ */

void standing_apply(const struct connection *c, struct told *told, const char **ret_detail)
{
    const struct chain_status *status = &c->chain->status;
    int64_t mode = mode_of(c);
    enum reason reason = status->known ? status->reason : REASON_OCSP_UNAVAILABLE;

    *ret_detail = "";
    if (mode == CONFIG_OCSP_OFF || told->reason != REASON_OK)
        return;
    if (reason == REASON_CERT_REVOKED || (reason != REASON_OK && mode == CONFIG_OCSP_REQUIRE)) {
        told->reason = reason;
        *ret_detail = status->detail                  ? status->detail
                      : reason == REASON_CERT_REVOKED ? "certificate 0: by OCSP"
                                                      : "";
        return;
    }
    if (status->known && status->until_s < told->facts.crl_valid_until_s)
        told->facts.crl_valid_until_s = status->until_s;
}

bool standing_renew(struct connection *c)
{
    return mode_of(c) != CONFIG_OCSP_OFF && !is_fresh(c->chain) && begin(c->edge, c->chain);
}
