/*
 * The stage `host`: from a server name to addresses, by the replica of the directory. Runs in
 * decide, for new and live sessions alike. The label comes from the client and is looked up only;
 * the addresses come from the directory and are looked at before anybody connects to them.
 */
#include "gatewayd/decide/hosts.h"

#include "common/clock.h"
#include "gatewayd/decide/decide.h"
#include "gatewayd/decide/judge.h"
#include "gatewayd/decide/stages.h"
#include "gatewayd/shared/config_value.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <strings.h>

struct hosts {
    struct decide *decide;
    char name[REPLICA_HOST_NAME_MAX + 1]; /* the one that has changed */
    bool several;                         /* or more than one */
    ev_timer due;
};

/* Where the directory may lead nobody unless host_networks says so; the last three never. */
static const struct {
    const char *network;
    bool never;
} special[] = {
    {"127.0.0.0/8", false}, {"::1/128", false},    {"169.254.0.0/16", false}, {"fe80::/10", false},
    {"0.0.0.0/8", true},    {"224.0.0.0/3", true}, /* multicast, reserved, broadcast */
    {"ff00::/8", true},     {"::/128", true},
};

static bool in_network(const char *text, const struct address *address)
{
    struct network network;

    return network_parse(bytes_of(text), &network, NULL) && network_has(&network, address);
}

static bool is_allowed(const struct config_service *service, const struct address *address)
{
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if ((special[i].never || service->host_networks.n == 0) &&
            in_network(special[i].network, address))
            return false;
    for (size_t i = 0; i < service->host_networks.n; i++)
        if (in_network(service->host_networks.at[i], address))
            return true;
    return service->host_networks.n == 0;
}

bool hosts_are_meant(const struct config_service *service, uint16_t *ret_port)
{
    struct config_upstream upstream;

    if (service->upstream.n == 0 ||
        !config_upstream_parse(service->upstream.at[0], &upstream, NULL) ||
        upstream.kind != CONFIG_UPSTREAM_HOST)
        return false;
    if (ret_port)
        *ret_port = upstream.address.port;
    return true;
}

static bool find_label(const struct config_service *service, struct bytes sni,
                       struct bytes *ret_label)
{
    for (size_t i = 0; i < service->sni.n; i++)
        if (config_wildcard_label(service->sni.at[i], sni, ret_label))
            return true;
    return false;
}

bool hosts_find(const struct session *session, struct replica_host *ret_host, struct error *err)
{
    const struct config_service *service = session_service(session);
    struct bytes label;

    if (!session->decide->replica || judge_is_stale(session))
        return err_set(err, REASON_DIRECTORY_STALE, "host registry");
    if (!find_label(service, session->open.sni, &label))
        return err_set(err, REASON_NO_HOST,
                       "no server name that a wildcard of the service matches");
    if (!replica_host(session->decide->replica, label, ret_host, err))
        return false;
    for (size_t i = 0; i < ret_host->n; i++) {
        char text[ADDRESS_TEXT_MAX];

        if (is_allowed(service, &ret_host->addresses[i]))
            continue;
        address_format(&ret_host->addresses[i], text);
        return err_set(err, REASON_HOST_ADDRESS, "%.*s is %s", (int)label.len,
                       (const char *)label.at, text);
    }
    return true;
}

/* A live session stays where it is only while its host is there. */
static bool is_still_there(const struct session *session, const struct replica_host *host,
                           struct error *err)
{
    struct address now;

    if (session->state != SESSION_LIVE)
        return true;
    if (session->target && address_parse_port(bytes_of(session->target->where), &now, NULL))
        for (size_t i = 0; i < host->n; i++)
            if (memcmp(now.octets, host->addresses[i].octets, sizeof(now.octets)) == 0)
                return true;
    return err_set(err, REASON_HOST_CHANGED, "no longer %s",
                   session->target ? session->target->where : "known");
}

enum stage_result decide_host(void *context)
{
    struct session *session = context;
    const struct config_service *service = session_service(session);
    struct replica_host host;
    struct error err;

    if (session->reason != REASON_OK || session->deferred || !service ||
        session_is_whoami(session) || !hosts_are_meant(service, NULL))
        return STAGE_DONE;
    if (directory_age_ms(session->decide) != INT64_MAX)
        session->directory_age_s = directory_age_ms(session->decide) / 1000;
    if (!hosts_find(session, &host, &err) || !is_still_there(session, &host, &err))
        session_set_reason(session, err.reason, err.detail);
    return STAGE_DONE;
}

/* --- what changes ----------------------------------------------------------------------------- */

static bool asks_for(const struct session *session, const struct hosts *hosts)
{
    const struct config_service *service = session_service(session);
    size_t len = strlen(hosts->name);

    if (!service || !hosts_are_meant(service, NULL))
        return false;
    return hosts->several ||
           (session->open.sni.len > len && session->open.sni.at[len] == '.' &&
            strncasecmp((const char *)session->open.sni.at, hosts->name, len) == 0);
}

static void judge_if_meant(void *context, struct session *session)
{
    if (asks_for(session, context))
        reevaluate_session(session, CAUSE_DIRECTORY);
}

static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct hosts *hosts = timer->data;

    (void)loop;
    (void)events;
    sessions_each(hosts->decide->sessions, judge_if_meant, hosts);
    hosts->name[0] = '\0';
    hosts->several = false;
}

void hosts_changed(struct decide *decide, const char *name)
{
    struct hosts *hosts = decide->hosts;

    if (hosts->name[0] != '\0' && strcasecmp(hosts->name, name) != 0)
        hosts->several = true; /* many at once: one walk for all of them */
    (void)snprintf(hosts->name, sizeof(hosts->name), "%s", name);
    if (ev_is_active(&hosts->due))
        return;
    ev_timer_set(&hosts->due, 0.0, 0.0);
    ev_timer_start(decide->loop, &hosts->due);
}

struct hosts *hosts_new(struct decide *decide)
{
    struct hosts *hosts = xcalloc(1, sizeof(*hosts));

    hosts->decide = decide;
    ev_init(&hosts->due, on_due);
    hosts->due.data = hosts;
    return hosts;
}

struct hosts *hosts_free(struct hosts *hosts)
{
    if (!hosts)
        return NULL;
    ev_timer_stop(hosts->decide->loop, &hosts->due);
    free(hosts);
    return NULL;
}
