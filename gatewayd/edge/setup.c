/*
 * Set-up, reload and end of an edge. Trusts the parent; the configuration has been checked.
 */
#include "gatewayd/edge/setup.h"

#include "common/log.h"
#include "gatewayd/edge/ask.h"
#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/farewell.h"
#include "gatewayd/edge/forecast.h"
#include "gatewayd/edge/gate.h"
#include "gatewayd/edge/idle.h"
#include "gatewayd/edge/known.h"
#include "gatewayd/edge/listener.h"
#include "gatewayd/edge/live.h"
#include "gatewayd/edge/preauth.h"
#include "gatewayd/edge/relay.h"
#include "gatewayd/edge/renew.h"
#include "gatewayd/edge/resumption.h"
#include "gatewayd/edge/signer.h"
#include "gatewayd/edge/standing.h"
#include "gatewayd/edge/tls.h"
#include "gatewayd/edge/upstream_io.h"
#include "gatewayd/edge/upstream_tls.h"
#include "gatewayd/shared/direct_keys.h"
#include "gatewayd/shared/file_read.h"
#include "gatewayd/shared/xalloc.h"

#include <signal.h>
#include <unistd.h>

enum { CERTIFICATE_FILE_MAX = 256 * 1024 }; /* octets of a PEM chain */

static size_t count_edges(const struct config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (config->gateway->edges > 0)
        return (size_t)config->gateway->edges;
    return cores > 0 ? (size_t)cores : 1;
}

void *edge_create(struct role *role)
{
    struct edge *edge = xcalloc(1, sizeof(*edge));
    struct error err;
    bool direct;

    edge->role = role;
    edge->n_edges = count_edges(role->config);
    edge->n_per_listener = xcalloc(role->config->n_listener, sizeof(*edge->n_per_listener));
    (void)signal(SIGPIPE, SIG_IGN); /* libssl writes through our BIO, which uses MSG_NOSIGNAL too */
    /* What OpenSSL reads from files, it must read before the sandbox closes. */
    (void)OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                               OPENSSL_INIT_NO_LOAD_CONFIG,
                           NULL);
    direct = role->config->gateway->direct_keys == CONFIG_DIRECT_KEYS_ON && direct_keys_use();
    if (!key_provider_new(direct, &edge->key_provider, &err))
        role_die(role, &err);
    edge->signers[KEY_ROLE_SERVER] = signer_of(edge, KEY_ROLE_SERVER);
    edge->signers[KEY_ROLE_CLIENT] = signer_of(edge, KEY_ROLE_CLIENT);
    wire_init(&edge->wire);
    edge->resumptions = resumption_cache_new();
    edge->upstream_method = upstream_bio_method();
    edge->preauth = preauth_new(edge);
    edge->forecast = forecast_new(edge);
    edge->gate = gate_new();
    edge->turns = turns_new(edge);
    edge->known = known_new();
    give_back_init(edge);
    edge->idle = idle_new(edge);
    listener_init(edge);
    retire_init(edge);
    live_init(edge);
    relay_init(edge);
    return edge;
}

/* Our certificates: of tls sections, and of upstream_tls sections. */
static bool take_certificate(struct edge *edge, const struct message_file *file, int fd,
                             struct error *err)
{
    struct writer pem = writer_new(CERTIFICATE_FILE_MAX + 1);
    AUTO(char_freep) char *title = xtext(file->name);
    bool good = file_read(fd, CERTIFICATE_FILE_MAX, &pem, err);

    if (!edge->next_tls)
        edge->next_tls = tls_set_new();
    if (!edge->next_upstreams)
        edge->next_upstreams = upstream_set_new();
    good = good && (file->kind == FILE_CERTIFICATE
                        ? tls_set_add(edge->next_tls, title, writer_bytes(&pem), err)
                        : upstream_set_add(edge->next_upstreams, title, writer_bytes(&pem), err));
    writer_clear(&pem);
    (void)close(fd);
    return good;
}

bool edge_file(struct role *role, const struct message_file *file, int fd, struct error *err)
{
    if (file->kind == FILE_CERTIFICATE || file->kind == FILE_UPSTREAM_CERTIFICATE)
        return take_certificate(role->state, file, fd, err);
    if (file->kind == FILE_LISTENER)
        return listener_add(role->state, file, fd, err);
    (void)close(fd);
    return err_set(err, REASON_MSG_MALFORMED, "FILE without use");
}

/* The certificates that have come replace the ones in force; running sessions keep theirs. */
static bool swap_tls(struct edge *edge, struct error *err)
{
    if (!tls_set_complete(edge, edge->next_tls, err) ||
        !tls_set_bind_keys(edge, edge->next_tls, err) ||
        !upstream_set_bind(edge, edge->next_upstreams, err)) {
        edge->next_tls = tls_set_free(edge->next_tls);
        edge->next_upstreams = upstream_set_free(edge->next_upstreams);
        return false;
    }
    tls_set_free(edge->tls);
    upstream_set_free(edge->upstreams);
    edge->tls = STEAL(edge->next_tls);
    edge->upstreams = STEAL(edge->next_upstreams);
    return true;
}

bool edge_start(struct role *role, struct error *err)
{
    struct edge *edge = role->state;

    if (!swap_tls(edge, err))
        return false;
    counters_start(edge);
    listener_update(edge);
    return true;
}

/* --- reload ----------------------------------------------------------------------------------- */

/* The new index of a section by the title at the old one; false when it is gone. */
static bool moved_listener(const struct edge *edge, const struct config *before, uint32_t *index)
{
    return listener_index(edge, before->listener[*index].title, index);
}

static bool moved_service(const struct config *before, const struct config *after, uint32_t *index)
{
    if (*index >= before->n_service) /* none, or an unknown one */
        return true;
    for (size_t i = 0; i < after->n_service; i++) {
        if (strcmp(after->service[i].title, before->service[*index].title) != 0)
            continue;
        *index = (uint32_t)i;
        return true;
    }
    return false;
}

/* Connections whose listener or service is gone end; the others learn their new indexes. */
static void move_connections(struct edge *edge, const struct config *before)
{
    const struct config *after = edge->role->config;
    struct connection *c, *next;
    size_t *counts = xcalloc(after->n_listener + before->n_listener, sizeof(*counts));

    free(edge->n_per_listener);
    edge->n_per_listener = counts;
    for (c = edge->first; c; c = next) {
        bool stays = moved_listener(edge, before, &c->listener) &&
                     moved_service(before, after, &c->route.service);

        next = c->next;
        if (c->chain)
            c->chain->generation = 0; /* its listener may accept other ca sections now */
        if (c->phase == PHASE_ENDED) {
            if (!stays)
                connection_forget(c);
            continue;
        }
        counts[c->listener]++;
        if (!stays)
            (void)connection_end(c, REASON_NO_SERVICE, LAST_WORD_NONE);
        else if (c->phase == PHASE_RELAY)
            idle_watch(c);
    }
}

bool edge_reconfigure(struct role *role, const struct config *before, struct error *err)
{
    struct edge *edge = role->state;

    if (!swap_tls(edge, err))
        return false;
    move_connections(edge, before);
    resumption_forget_all(edge);
    chain_cache_reset(edge);
    live_judge_all(edge);
    listener_update(edge);
    return true;
}

/* --- channels --------------------------------------------------------------------------------- */

void edge_channel_up(struct role *role, struct channel *channel)
{
    struct edge *edge = role->state;

    if (channel_peer(channel) == PROCESS_KEY)
        connection_wake_all(edge, &edge->waiting_key);
    if (channel_peer(channel) == PROCESS_DECIDE) {
        retire_hold_no_more(edge);
        live_resume(edge);
    }
}

void edge_channel_down(struct role *role, struct channel *channel, const struct error *why)
{
    (void)why;
    if (channel_peer(channel) == PROCESS_DECIDE) {
        ask_decide_lost(role->state);
        renew_decide_lost(role->state);
    }
    if (channel_peer(channel) == PROCESS_FETCH)
        standing_fetch_lost(role->state);
}
