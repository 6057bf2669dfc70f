/*
 * Judging live sessions under what is not in force. Runs in decide. The candidate stands in the
 * place of configuration, mappings and policy only while one session is judged, never over a loop
 * turn.
 */
#include "gatewayd/decide/preview.h"

#include "common/clock.h"
#include "common/log.h"
#include "gatewayd/decide/control.h"
#include "gatewayd/decide/guard.h"
#include "gatewayd/decide/judge.h"
#include "gatewayd/shared/memfd.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <unistd.h>
#include <uthash.h>

enum {
    CONFIG_OCTETS_MAX = 16 << 20,
    POLICY_OCTETS_MAX = 256 << 20,
    SLICE_US = 3000,     /* of one loop turn */
    LIMIT_MS = 50000,    /* the operator's deadline is a minute */
    CHAINS_MAX = 131072, /* as many as sessions */
    LIST_OCTETS = 40000, /* of the sessions listed; the others are counted */
};

/* What an edge has found of a chain. */
struct found_chain {
    struct {
        uint64_t connection;
        uint32_t edge_slot, zero; /* no padding: it is a key */
    } key;
    enum reason reason;
    char *detail, *ca_name;
    int64_t not_after_s, crl_valid_until_s;
    UT_hash_handle hh;
};

struct preview {
    struct decide *decide;
    uint64_t cookie; /* 0: none */
    struct config *config;
    struct mapping_set *mappings;
    struct policy_set *policy;
    struct found_chain *chains;
    bool done[DECIDE_EDGES_MAX];
    int64_t began_ms;
    ev_timer look; /* waits for edges, then judges in slices */
    bool judging, incomplete;
    struct session_id *ids; /* live when the judging began */
    size_t n_ids, at;
    size_t n_dead, n_guarded, n_live;
    json_t *list;
    size_t octets;
};

/* --- life ------------------------------------------------------------------------------------- */

static void drop_chain(struct preview *preview, struct found_chain *chain)
{
    HASH_DEL(preview->chains, chain);
    free(chain->detail);
    free(chain->ca_name);
    free(chain);
}

static void reset(struct preview *preview)
{
    struct decide *decide = preview->decide;

    ev_timer_stop(decide->loop, &preview->look);
    while (preview->chains)
        drop_chain(preview, preview->chains);
    (void)mapping_free(preview->mappings);
    (void)policy_free(preview->policy);
    config_free(preview->config);
    free(preview->ids);
    json_decref(preview->list);
    preview->mappings = NULL;
    preview->policy = NULL;
    preview->config = NULL;
    preview->ids = NULL;
    preview->list = NULL;
    memset(preview->done, 0, sizeof(preview->done));
    preview->n_ids = preview->at = preview->n_dead = preview->n_guarded = preview->n_live = 0;
    preview->octets = 0;
    preview->cookie = 0;
    preview->judging = preview->incomplete = false;
}

/* Edges may be heard before the parent: whoever names a preview first begins it. */
static bool is_current(struct preview *preview, uint64_t cookie)
{
    if (cookie == 0)
        return false;
    if (preview->cookie == 0) {
        preview->cookie = cookie;
        preview->began_ms = clock_monotonic_ms();
        ev_timer_again(preview->decide->loop, &preview->look);
    }
    return preview->cookie == cookie;
}

static void give_up(struct preview *preview, enum reason reason, const char *why)
{
    struct local_request *request = local_server_find(preview->decide->control, preview->cookie);

    if (request)
        local_refuse(request, PROTOCOL_ERROR, reason, why);
    reset(preview);
}

/* --- one session ------------------------------------------------------------------------------ */

/* What a judgement looks at, as it is in force or as it would be. */
struct world {
    const struct config *config;
    struct mapping_set *mappings;
    struct policy_set *policy;
};

static struct world exchange(struct decide *decide, struct world with)
{
    struct world before = {decide->role->config, decide->mappings, decide->policy};

    decide_forget_evaluation(decide);
    decide->role->config = with.config;
    decide->mappings = with.mappings;
    decide->policy = with.policy;
    return before;
}

struct chain_view {
    enum reason chain;
    const char *detail;
    struct bytes ca_name;
    int64_t not_after_s, crl_valid_until_s;
};

static struct chain_view look_through(struct session *session, const struct chain_view *with)
{
    struct chain_view before = {session->chain, session->chain_detail, session->open.ca_name,
                                session->open.not_after_s, session->open.crl_valid_until_s};

    session->chain = with->chain;
    session->chain_detail = with->detail;
    session->open.ca_name = with->ca_name;
    session->open.not_after_s = with->not_after_s;
    session->open.crl_valid_until_s = with->crl_valid_until_s;
    return before;
}

static const struct found_chain *chain_of(const struct preview *preview,
                                          const struct session *session)
{
    struct found_chain *chain = NULL, wanted;

    memset(&wanted.key, 0, sizeof(wanted.key));
    wanted.key.connection = session->open.connection;
    wanted.key.edge_slot = session->edge_slot;
    HASH_FIND(hh, preview->chains, &wanted.key, sizeof(wanted.key), chain);
    return chain;
}

static struct chain_view view_of(const struct preview *preview, const struct session *session)
{
    const struct found_chain *chain = chain_of(preview, session);
    struct chain_view view = {session->chain, session->chain_detail, session->open.ca_name,
                              session->open.not_after_s, session->open.crl_valid_until_s};

    if (!chain)
        return view;
    view.chain = chain->reason;
    view.detail = chain->detail;
    if (chain->reason != REASON_OK)
        return view;
    view.ca_name = bytes_of(chain->ca_name);
    view.not_after_s = chain->not_after_s;
    view.crl_valid_until_s = chain->crl_valid_until_s;
    return view;
}

static void note_dead(struct preview *preview, const struct session *session)
{
    char id[SESSION_ID_TEXT_LEN + 1];
    json_t *one;

    preview->n_dead++;
    preview->n_guarded += reevaluate_would_guard(session);
    session_id_format(&session->id, id);
    one = json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", id, "user", session->user, "service",
                    (const char *)session->open.service_name.at, "reason",
                    reason_name(session->reason), "detail", session->detail ? session->detail : "");
    if (!one)
        return; /* counted all the same */
    preview->octets += json_dumpb(one, NULL, 0, JSON_COMPACT) + 1;
    if (preview->octets <= LIST_OCTETS)
        (void)json_array_append_new(preview->list, one);
    else
        json_decref(one);
}

static void judge_one(struct preview *preview, struct session *session)
{
    struct decide *decide = preview->decide;
    struct chain_view view = view_of(preview, session);
    struct world before =
        exchange(decide, (struct world){preview->config, preview->mappings, preview->policy});
    struct chain_view chain_before = look_through(session, &view);

    judge_session(session);
    if (session->reason != REASON_OK)
        note_dead(preview, session);
    (void)look_through(session, &chain_before);
    (void)exchange(decide, before);
    judge_session(session); /* as if nothing had been */
    preview->n_live++;
}

/* --- all of them ------------------------------------------------------------------------------ */

static void add_id(void *context, struct session *session)
{
    struct preview *preview = context;

    if (session->state == SESSION_LIVE)
        preview->ids[preview->n_ids++] = session->id;
}

static void begin_judging(struct preview *preview)
{
    struct sessions *sessions = preview->decide->sessions;

    preview->judging = true;
    preview->ids = xcalloc(sessions_count(sessions) + 1, sizeof(*preview->ids));
    preview->list = json_array();
    sessions_each(sessions, add_id, preview);
}

static void answer(struct preview *preview)
{
    struct decide *decide = preview->decide;
    struct local_request *request = local_server_find(decide->control, preview->cookie);
    bool hold = reevaluate_is_too_many(preview->config, preview->n_guarded, preview->n_live);
    struct protocol_message reply;
    json_t *json;

    if (request) {
        json = json_pack("{s:O,s:I,s:I,s:I,s:b,s:b}", "sessions", preview->list, "would_end",
                         (json_int_t)preview->n_dead, "live", (json_int_t)preview->n_live,
                         "would_be_held", (json_int_t)(hold ? preview->n_guarded : 0), "held", hold,
                         "incomplete", preview->incomplete);
        protocol_message_init(&reply, PROTOCOL_OK);
        reply.count = preview->n_dead;
        control_reply_json(request, json, &reply);
    }
    reset(preview);
}

static bool edges_are_done(const struct preview *preview)
{
    for (size_t i = 0; i < DECIDE_EDGES_MAX; i++)
        if (preview->decide->edges[i] && !preview->done[i])
            return false;
    return true;
}

static void judge_slice(struct preview *preview)
{
    int64_t end_us = clock_monotonic_us() + SLICE_US;

    while (preview->at < preview->n_ids && clock_monotonic_us() < end_us) {
        struct session *session =
            sessions_find(preview->decide->sessions, &preview->ids[preview->at++]);

        if (session && session->state == SESSION_LIVE)
            judge_one(preview, session);
    }
    if (preview->at == preview->n_ids)
        answer(preview);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct preview *preview = timer->data;
    bool late = clock_monotonic_ms() - preview->began_ms > LIMIT_MS / 2;

    (void)loop;
    (void)events;
    if (clock_monotonic_ms() - preview->began_ms > LIMIT_MS) {
        give_up(preview, REASON_DECISION_TIMEOUT, "the preview takes too long");
    } else if (preview->judging) {
        judge_slice(preview);
    } else if (preview->policy && (late || edges_are_done(preview))) {
        preview->incomplete = !edges_are_done(preview);
        begin_judging(preview);
    }
}

/* --- what comes ------------------------------------------------------------------------------- */

static void first_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct error *first = context;

    if (first->reason == REASON_OK) {
        *first = *err;
        (void)err_in(first, "%s:%u", file, line);
    }
}

static bool read_config(struct preview *preview, int fd, struct error *err)
{
    struct error first = {.reason = REASON_OK};
    struct config_errors errors = {.found = first_error, .context = &first};
    struct bytes octets;
    bool good;

    if (!memfd_map(fd, CONFIG_OCTETS_MAX, &octets, err))
        return false;
    good = config_decode(octets, &preview->config, err);
    memfd_unmap(octets);
    if (!good)
        return false;
    if (mapping_compile(preview->config, &errors, &preview->mappings))
        return true;
    *err = first;
    return false;
}

void preview_config(struct decide *decide, const struct message_preview_config *msg, int fd)
{
    struct preview *preview = decide->preview;
    struct error err = {.reason = REASON_MSG_MALFORMED, .detail = ""};

    if (preview->cookie != msg->cookie)
        reset(preview); /* an older one that nobody waits for any more */
    if (!is_current(preview, msg->cookie) || preview->config || fd < 0 ||
        !read_config(preview, fd, &err))
        give_up(preview, err.reason, err.detail);
    if (fd >= 0)
        (void)close(fd);
}

static bool read_policy(struct preview *preview, int fd, struct error *err)
{
    struct bytes octets;
    bool good;

    if (!memfd_map(fd, POLICY_OCTETS_MAX, &octets, err))
        return false;
    good = policy_decode(octets, &preview->policy, err);
    memfd_unmap(octets);
    return good;
}

void preview_policy(struct decide *decide, const struct message_preview_policy *msg, int fd)
{
    struct preview *preview = decide->preview;
    struct error err = {.reason = REASON_MSG_MALFORMED, .detail = ""};

    if (preview->cookie == msg->cookie && preview->config && !preview->policy &&
        (fd < 0 || !read_policy(preview, fd, &err)))
        give_up(preview, err.reason, err.detail);
    if (fd >= 0)
        (void)close(fd);
}

void preview_chain(struct decide *decide, uint32_t edge_slot,
                   const struct message_chain_preview *msg)
{
    struct preview *preview = decide->preview;
    struct found_chain *chain, *before;

    if (!is_current(preview, msg->cookie) || preview->judging ||
        HASH_COUNT(preview->chains) == CHAINS_MAX)
        return;
    chain = xcalloc(1, sizeof(*chain));
    chain->key.connection = msg->connection;
    chain->key.edge_slot = edge_slot;
    chain->reason = (enum reason)msg->reason;
    chain->detail = xtext(msg->detail);
    chain->ca_name = xtext(msg->ca_name);
    chain->not_after_s = msg->not_after_s;
    chain->crl_valid_until_s = msg->crl_valid_until_s;
    HASH_FIND(hh, preview->chains, &chain->key, sizeof(chain->key), before);
    if (before)
        drop_chain(preview, before);
    HASH_ADD(hh, preview->chains, key, sizeof(chain->key), chain);
}

void preview_chains_done(struct decide *decide, uint32_t edge_slot,
                         const struct message_chains_previewed *msg)
{
    if (is_current(decide->preview, msg->cookie) && edge_slot < DECIDE_EDGES_MAX)
        decide->preview->done[edge_slot] = true;
}

struct preview *preview_new(struct decide *decide)
{
    struct preview *preview = xcalloc(1, sizeof(*preview));

    preview->decide = decide;
    ev_init(&preview->look, on_look);
    preview->look.data = preview;
    preview->look.repeat = 0.005;
    return preview;
}

struct preview *preview_free(struct preview *preview)
{
    if (!preview)
        return NULL;
    reset(preview);
    free(preview);
    return NULL;
}
