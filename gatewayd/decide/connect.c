/*
 * The stage `connect`: from a service to a connected socket with its PROXY header on it. Runs in
 * decide after ALLOW, side by side with the record's commit. Where it leads comes from
 * gatewayd.conf, never from the client.
 */
#include "gatewayd/decide/connect.h"

#include "gatewayd/decide/decide.h"
#include "gatewayd/decide/hosts.h"
#include "gatewayd/decide/proxy_send.h"
#include "gatewayd/decide/renew.h"
#include "gatewayd/decide/stages.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static enum stage_result refuse(struct session *session, enum reason reason, const char *detail)
{
    if (session->reason == REASON_OK)
        session_set_reason(session, reason, detail);
    return STAGE_DONE;
}

bool connect_sends_header(const struct session *session)
{
    const struct config_service *service = session_service(session);

    return service && service->send_proxy == CONFIG_PROXY_V2;
}

static bool make_header(const struct session *session, struct writer *out, struct error *err)
{
    const struct message_open *open = &session->open;
    struct proxy_facts facts = {.source = open->source,
                                .destination = open->destination,
                                .session = session->id,
                                .tls_version = open->tls_version,
                                .sni = open->sni,
                                .alpn = open->alpn,
                                .cn = identity_text(session->identity, "subject.cn"),
                                .cipher = open->cipher,
                                .sig_alg = open->server_sig_alg,
                                .key_alg = open->server_key_alg,
                                .group = open->tls_group,
                                .scheme = open->tls_scheme,
                                .certificate = open->leaf,
                                .user = bytes_of(session->user),
                                .groups = session->person ? session->person->groups : NULL,
                                .n_groups = session->account ? session->account->n_groups : 0};

    proxy_encode(&facts, out);
    return writer_ok(out) || err_set(err, REASON_IDENTITY_TOO_LARGE, "PROXY header");
}

/* --- the dial --------------------------------------------------------------------------------- */

static struct dial *fail(struct connect_failure *failure, enum reason reason, const char *why)
{
    failure->reason = reason;
    (void)snprintf(failure->why, sizeof(failure->why), "%s", why);
    return NULL;
}

/* No place at all: names without an address. */
static struct dial *nowhere(const struct session *session, const struct config_service *service,
                            struct connect_failure *failure)
{
    AUTO(writer_clear) struct writer why = writer_new(DIAL_WHY_MAX);

    pools_missing(session->decide->pools, service->title, &why);
    writer_u8(&why, '\0');
    return fail(failure, REASON_UPSTREAM_UNREACHABLE,
                writer_ok(&why) ? (const char *)why.at : "none of the names has an address");
}

/* The addresses of the host as they are at this moment; the dial takes references of its own. */
static bool find_host(struct session *session, uint16_t port, struct dial_request *request,
                      struct target **at, struct error *err)
{
    struct replica_host host;
    char where[ADDRESS_TEXT_MAX];

    if (!hosts_find(session, &host, err))
        return false;
    for (; request->n < host.n; request->n++) {
        host.addresses[request->n].port = port;
        address_format_port(&host.addresses[request->n], where);
        at[request->n] = targets_get(request->targets, where);
    }
    request->at = at;
    return true;
}

static struct dial *begin(const struct dial_request *request, struct connect_failure *failure)
{
    failure->reason = REASON_UPSTREAM_UNREACHABLE;
    return dial_begin(request, failure->why);
}

static struct dial *dial_host(struct session *session, uint16_t port, struct dial_request *request,
                              struct connect_failure *failure)
{
    struct target *at[REPLICA_HOST_ADDRESSES_MAX];
    struct dial *dial;
    struct error err;

    if (!find_host(session, port, request, at, &err))
        return fail(failure, err.reason, err.detail);
    dial = begin(request, failure);
    for (size_t i = 0; i < request->n; i++)
        target_unref(at[i]);
    return dial;
}

struct dial *connect_dial(struct session *session, connect_done *done, void *context,
                          struct connect_failure *ret_failure)
{
    struct decide *decide = session->decide;
    const struct config_service *service = session_service(session);
    AUTO(writer_clear) struct writer header = writer_new(PROXY_HEADER_MAX);
    struct error err;
    uint16_t port;
    struct dial_request request = {.loop = decide->loop,
                                   .targets = pools_targets(decide->pools),
                                   .upstreams = decide->upstreams,
                                   .run_dir = decide->role->config->gateway->run_dir,
                                   .session = session->id,
                                   .done = done,
                                   .context = context};

    if (!service)
        return fail(ret_failure, REASON_NO_SERVICE, "");
    if (service->send_proxy == CONFIG_PROXY_V2 && !make_header(session, &header, &err))
        return fail(ret_failure, err.reason, err.detail);
    request.header = writer_bytes(&header);
    if (hosts_are_meant(service, &port))
        return dial_host(session, port, &request, ret_failure);
    request.n = pools_of_service(decide->pools, service->title, &request.at);
    if (request.n == 0)
        return nowhere(session, service, ret_failure);
    return begin(&request, ret_failure);
}

/* --- the stage -------------------------------------------------------------------------------- */

static void connected(void *context, int fd, struct target *target, const char *why)
{
    struct session *session = context;

    session->connected = true;
    if (fd < 0)
        (void)refuse(session, REASON_UPSTREAM_UNREACHABLE, why);
    session->upstream = fd;
    session->target = target;
    session->dial = dial_free(session->dial);
    session_forget_leaf(session);
    pipeline_continue(session->pipeline);
}

enum stage_result decide_connect(void *context)
{
    struct session *session = context;
    struct connect_failure failure;

    if (session->reason != REASON_OK || session->connected || session_is_whoami(session))
        return STAGE_DONE;
    if (!session->dial)
        session->dial = connect_dial(session, connected, session, &failure);
    return session->dial ? STAGE_WAIT : refuse(session, failure.reason, failure.why);
}

/* --- afterwards ------------------------------------------------------------------------------- */

void connect_late(struct session *session, enum reason reason)
{
    (void)refuse(session, reason, dial_late(session->dial));
    session->dial = dial_free(session->dial);
}

void connect_leave(struct session *session)
{
    session->dial = dial_free(session->dial);
    session->renewal = renewal_free(session->renewal);
    if (!session->target)
        return;
    session->target->n_sessions--;
    target_unref(session->target);
    session->target = NULL;
}

void connect_resume(struct session *session, uint64_t key)
{
    struct targets *targets = pools_targets(session->decide->pools);
    struct target *target = targets_find(targets, key);
    char where[ADDRESS_TEXT_MAX];
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct address address;

    if (session->target || session->upstream < 0)
        return;
    if (target) {
        session->target = target_ref(target);
    } else if (getpeername(session->upstream, (struct sockaddr *)&sa, &len) == 0) {
        address = address_from_sockaddr((struct sockaddr *)&sa, len);
        if (!address.known)
            return; /* a socket path that no service names any more */
        address_format_port(&address, where);
        session->target = targets_get(targets, where);
    } else {
        return;
    }
    session->target->tried = true;
    session->target->n_sessions++;
}
