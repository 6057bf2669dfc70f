/*
 * Bringing one list, by HTTP or LDAP. Runs in fetch; nothing here blocks but the resolver.
 */
#include "gatewayd/fetch/fetching.h"

#include "gatewayd/shared/fetch_url.h"
#include "ldap/entry_get.h"

#include <string.h>
#include <unistd.h>

void transfer_cancel(struct source *source)
{
    struct ev_loop *loop = source->fetching->role->loop;

    if (!source->running)
        return;
    source->running = false;
    source->fetching->n_running--;
    web_cancel(source->web);
    source->web = NULL;
    reach_cancel(&source->reach);
    ev_io_stop(loop, &source->io);
    ev_timer_stop(loop, &source->limit);
    source->get = entry_get_free(source->get);
}

/* --- HTTP ------------------------------------------------------------------------------------- */

static void web_done(void *context, struct bytes body, const struct error *why)
{
    struct source *source = context;

    source->web = NULL; /* it frees itself */
    transfer_cancel(source);
    sources_took(source, body, why);
}

static void begin_web(struct source *source)
{
    struct fetching *fetching = source->fetching;
    struct web_request request = {.url = source->url,
                                  .max = FETCHED_CRL_MAX,
                                  .limit_ms = TRANSFER_MS,
                                  .held = &fetching->held,
                                  .done = web_done,
                                  .context = source};

    source->web = web_begin(fetching->role->loop, fetching->names, &request);
}

/* --- LDAP ------------------------------------------------------------------------------------- */

/* The next of the directory's servers that can be asked without TLS; false: that was the last. */
static bool find_server(struct source *source, struct fetch_url *ret_server)
{
    const struct config *config = source->fetching->role->config;
    size_t n = 0;

    for (size_t i = 0; i < config->n_directory; i++)
        for (size_t k = 0; k < config->directory[i].uri.n; k++) {
            const char *uri = config->directory[i].uri.at[k];
            char text[FETCH_URL_MAX + 4];

            if (strncmp(uri, "ldap://", strlen("ldap://")) != 0 || n++ != source->server)
                continue;
            (void)snprintf(text, sizeof(text), "%.*s/x",
                           (int)(strlen("ldap://") + strcspn(uri + strlen("ldap://"), "/?")), uri);
            return fetch_url_parse(text, ret_server, NULL);
        }
    return false;
}

static void reach_server(struct source *source, const struct fetch_url *server)
{
    reach_begin(&source->reach, source->fetching->role->loop, source->fetching->names, server->host,
                server->port);
}

static void ldap_done(struct source *source, struct bytes value, const struct error *why)
{
    struct fetch_url url, server;
    struct error err;

    /* ldap:///DN: what one server does not have another may. */
    if (why && fetch_url_parse(source->url, &url, NULL) && url.host[0] == '\0') {
        source->server++;
        if (find_server(source, &server)) {
            ev_io_stop(source->fetching->role->loop, &source->io);
            source->get = entry_get_free(source->get);
            reach_server(source, &server);
            return;
        }
    }
    if (why)
        err = *why;
    sources_took(source, value, why ? &err : NULL);
    transfer_cancel(source);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    struct source *source = io->data;
    struct bytes value = {NULL, 0};
    struct error err;

    (void)loop;
    (void)events;
    switch (entry_get_step(source->get, &value, &err)) {
    case ENTRY_GET_WAIT:
        return;
    case ENTRY_GET_DONE:
        ldap_done(source, value, NULL);
        return;
    case ENTRY_GET_FAILED:
        ldap_done(source, value, &err);
        return;
    }
}

static void connected(void *context, int fd, const struct error *why)
{
    struct source *source = context;
    struct error err;

    if (fd >= 0 && entry_get_begin(fd, source->url, FETCHED_CRL_MAX, &source->get, &err)) {
        ev_io_set(&source->io, fd, EV_READ);
        ev_io_start(source->fetching->role->loop, &source->io);
        return;
    }
    if (fd < 0)
        err = *why;
    ldap_done(source, (struct bytes){NULL, 0}, &err);
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct source *source = timer->data;
    struct error err;

    (void)loop;
    (void)events;
    (void)err_set(&err, REASON_FETCH_FAILED, "no answer in time");
    transfer_cancel(source);
    sources_took(source, (struct bytes){NULL, 0}, &err);
}

static void begin_ldap(struct source *source, struct fetch_url *server)
{
    ev_init(&source->io, on_readable);
    ev_timer_init(&source->limit, on_limit, TRANSFER_MS / 1000.0, 0.0);
    source->io.data = source->limit.data = source;
    source->reach.done = connected;
    source->reach.context = source;
    ev_timer_start(source->fetching->role->loop, &source->limit);
    reach_server(source, server);
}

void transfer_begin(struct source *source)
{
    struct fetch_url url;
    struct error err;

    source->server = 0;
    if (!fetch_url_parse(source->url, &url, &err)) {
        sources_took(source, (struct bytes){NULL, 0}, &err);
        return;
    }
    if (url.scheme == FETCH_LDAP && url.host[0] == '\0' && !find_server(source, &url)) {
        (void)err_set(&err, REASON_FETCH_FAILED, "no directory section has an ldap:// uri");
        sources_took(source, (struct bytes){NULL, 0}, &err);
        return;
    }
    source->running = true;
    source->fetching->n_running++;
    if (url.scheme == FETCH_HTTP)
        begin_web(source);
    else
        begin_ldap(source, &url);
}
