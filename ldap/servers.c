/*
 * Health of LDAP servers and the choice among them. Runs in directory; never waits. Trusts its own
 * clock: what a server says of itself counts for nothing.
 */
#include "ldap/servers.h"

#include "common/clock.h"

enum { LATENCY_PART = 4 /* of a new figure in the moving average */ };

void servers_init(struct servers *servers, const struct directory_config *config)
{
    *servers = (struct servers){.n = config->n_uris};
    for (size_t i = 0; i < config->n_uris; i++)
        servers->at[i] = (struct server){.uri = config->uris[i], .hail.fd = -1};
    (void)err_set(&servers->why, REASON_DIRECTORY_UNREACHABLE, "not yet asked");
}

void servers_clear(struct servers *servers)
{
    for (size_t i = 0; i < servers->n; i++)
        hail_end(&servers->at[i].hail);
}

/* --- when ------------------------------------------------------------------------------------- */

static void rest(struct server *server, int64_t pause_ms)
{
    hail_end(&server->hail);
    server->state = SERVER_RESTS;
    server->since_ms = clock_monotonic_ms();
    server->pause_ms = pause_ms;
}

/* Without a server in use nobody rests long, and who has answered before not at all. */
static int64_t pause_of(const struct server *server, bool alone)
{
    if (!alone)
        return server->pause_ms;
    if (server->bad == 0)
        return 0;
    return server->pause_ms < SERVERS_PAUSE_ALONE ? server->pause_ms : SERVERS_PAUSE_ALONE;
}

void servers_bad(struct servers *servers, size_t i, const struct error *why)
{
    struct server *server = &servers->at[i];
    int64_t pause_ms = server->bad == 0 ? SERVERS_PAUSE_MS : server->pause_ms * 2;

    servers->why = *why;
    server->bad++;
    server->good = 0;
    rest(server, pause_ms < SERVERS_PAUSE_MAX ? pause_ms : SERVERS_PAUSE_MAX);
}

static void average(struct server *server, int64_t latency_us)
{
    if (latency_us < 1)
        latency_us = 1;
    if (server->latency_us == 0)
        server->latency_us = latency_us;
    else
        server->latency_us += (latency_us - server->latency_us) / LATENCY_PART;
}

void servers_good(struct servers *servers, size_t i, int64_t latency_us, int64_t cost_ms)
{
    struct server *server = &servers->at[i];
    int64_t pause_ms = cost_ms * SERVERS_COST;

    average(server, latency_us);
    server->good++;
    server->bad = 0;
    rest(server, pause_ms > SERVERS_PROBE_MS ? pause_ms : SERVERS_PROBE_MS);
}

void servers_leave(struct servers *servers, size_t i)
{
    rest(&servers->at[i], SERVERS_PROBE_MS);
}

void servers_heard(struct servers *servers, size_t i, int64_t latency_us)
{
    average(&servers->at[i], latency_us);
}

/* --- hailing --------------------------------------------------------------------------------- */

/* A hail tries one address. Where nobody is in use it does not matter how long the others take:
 * every second time all of them are tried. */
static bool needs_no_hail(const struct servers *servers, const struct server *server, bool alone)
{
    return (server->bad == 0 && server->good > 0) ||
           (alone && (servers->n == 1 || server->bad % 2 == 1));
}

static void wake(struct servers *servers, size_t i, const struct directory_calls *calls, bool alone)
{
    struct server *server = &servers->at[i];
    struct error err;

    if (needs_no_hail(servers, server, alone)) {
        server->state = SERVER_READY;
        return;
    }
    if (!hail_begin(&server->hail, server->uri, calls, &err)) {
        servers_bad(servers, i, &err);
        return;
    }
    server->state = SERVER_HAILED;
    server->hailed_ms = clock_monotonic_ms();
}

static void listen_at(struct servers *servers, size_t i)
{
    struct server *server = &servers->at[i];
    struct error err;

    switch (hail_look(&server->hail, server->uri, &err)) {
    case HAIL_WAITS:
        break;
    case HAIL_ANSWERED:
        server->state = SERVER_READY;
        break;
    case HAIL_FAILED:
        servers_bad(servers, i, &err);
        break;
    }
}

static int64_t step_one(struct servers *servers, size_t i, const struct directory_calls *calls,
                        bool alone)
{
    struct server *server = &servers->at[i];
    int64_t now = clock_monotonic_ms();

    if (server->state == SERVER_RESTS && now - server->since_ms >= pause_of(server, alone))
        wake(servers, i, calls, alone);
    if (server->state == SERVER_HAILED)
        listen_at(servers, i);
    switch (server->state) {
    case SERVER_RESTS:
        return server->since_ms + pause_of(server, alone);
    case SERVER_HAILED:
        return now + SERVERS_LOOK_MS;
    default:
        return now;
    }
}

int64_t servers_step(struct servers *servers, const struct directory_calls *calls, size_t current)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < servers->n; i++) {
        int64_t at =
            i == current ? INT64_MAX : step_one(servers, i, calls, current == SERVERS_NONE);

        next = at < next ? at : next;
    }
    return next;
}

/* --- choosing --------------------------------------------------------------------------------- */

/* A more preferred server that was hailed just now may still answer. */
static bool waits_for_better(const struct servers *servers, size_t i)
{
    int64_t now = clock_monotonic_ms();

    for (size_t k = 0; k < i; k++)
        if (servers->at[k].state == SERVER_HAILED &&
            now - servers->at[k].hailed_ms < SERVERS_PREFER_MS)
            return true;
    return false;
}

size_t servers_due(const struct servers *servers, size_t current)
{
    for (size_t i = 0; i < servers->n; i++) {
        if (i == current || servers->at[i].state != SERVER_READY)
            continue;
        return current == SERVERS_NONE && waits_for_better(servers, i) ? SERVERS_NONE : i;
    }
    return SERVERS_NONE;
}

bool servers_better(const struct servers *servers, size_t i, size_t current)
{
    const struct server *other = &servers->at[i], *now = &servers->at[current];
    int64_t enough_us =
        now->latency_us * 4 > SERVERS_FAST_US ? now->latency_us * 4 : SERVERS_FAST_US;

    if (i < current)
        return other->good >= SERVERS_STREAK && other->latency_us <= enough_us;
    return now->latency_us > SERVERS_SLOW_US && other->latency_us * 4 < now->latency_us;
}
