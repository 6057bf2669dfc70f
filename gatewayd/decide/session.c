/*
 * One session's memory: made from OPEN, kept in the registry, freed after its last record. Runs in
 * decide.
 */
#include "gatewayd/decide/session.h"

#include "common/clock.h"
#include "gatewayd/decide/connect.h"
#include "gatewayd/decide/decide.h"
#include "gatewayd/shared/xalloc.h"

#include <stdio.h>
#include <unistd.h>

/* Terminated, so that titles may be compared as C strings. */
static struct bytes copy_text(struct bytes text)
{
    return (struct bytes){(const uint8_t *)xtext(text), text.len};
}

static void copy_open(const struct message_open *open, struct message_open *ret_copy)
{
    *ret_copy = *open;
    ret_copy->listener_name = copy_text(open->listener_name);
    ret_copy->service_name = copy_text(open->service_name);
    ret_copy->ca_name = copy_text(open->ca_name);
    ret_copy->sni = copy_text(open->sni);
    ret_copy->alpn = copy_text(open->alpn);
    ret_copy->cipher = copy_text(open->cipher);
    ret_copy->leaf = xbytes(open->leaf);
}

struct session *session_new(struct decide *decide, uint32_t edge_slot,
                            const struct message_open *open)
{
    struct session *session = xcalloc(1, sizeof(*session));

    *session = (struct session){.decide = decide,
                                .id = session_id_new(clock_realtime_ms()),
                                .place = UINT32_MAX,
                                .edge_slot = edge_slot,
                                .mapping = xstrdup(""),
                                .rule = xstrdup(""),
                                .file = xstrdup(""),
                                .message = xstrdup(""),
                                .detail = xstrdup(""),
                                .chain_detail = xstrdup(""),
                                .end_detail = xstrdup(""),
                                .valid_until_s = INT64_MAX,
                                .directory_age_s = AUDIT_NO_NUMBER,
                                .upstream = -1};
    copy_open(open, &session->open);
    return session;
}

static void free_open(struct message_open *open)
{
    free((void *)open->listener_name.at);
    free((void *)open->service_name.at);
    free((void *)open->ca_name.at);
    free((void *)open->sni.at);
    free((void *)open->alpn.at);
    free((void *)open->cipher.at);
    free((void *)open->leaf.at);
}

static void stop_timers(struct session *session)
{
    struct ev_loop *loop = session->decide->loop;

    if (session->pipeline.loop)
        pipeline_clear(&session->pipeline);
    ev_timer_stop(loop, &session->timer);
    ev_periodic_stop(loop, &session->until);
    connect_leave(session);
}

static void give_back_place(struct session *session)
{
    struct registry_record nothing = {.state = REGISTRY_FREE};

    if (session->place == UINT32_MAX)
        return;
    registry_write(session->decide->registry, session->place, &nothing);
    session->place = UINT32_MAX;
}

void session_free(struct session *session)
{
    stop_timers(session);
    if (session->decide->judged == session)
        decide_forget_evaluation(session->decide);
    reevaluate_forget(session);
    ledger_forget(session->decide->ledger, &session->wait);
    sessions_remove(session->decide->sessions, session);
    give_back_place(session);
    if (session->upstream >= 0)
        (void)close(session->upstream);
    free_open(&session->open);
    (void)identity_unref(session->identity);
    (void)account_free(session->account);
    free(session->groups);
    free(session->mapping);
    free(session->rule);
    free(session->file);
    free(session->message);
    free(session->detail);
    free(session->chain_detail);
    free(session->end_detail);
    free(session);
}

void session_set_text(char **text, const char *value)
{
    char *copy = xstrdup(value);

    free(*text);
    *text = copy;
}

void session_set_reason(struct session *session, enum reason reason, const char *detail)
{
    session->reason = reason;
    session_set_text(&session->detail, detail);
}

const struct config_service *session_service(const struct session *session)
{
    if (session->open.service == OPEN_UNKNOWN) /* a name of a service of another listener */
        return NULL;
    return config_find_service(session->decide->role->config,
                               (const char *)session->open.service_name.at);
}

bool session_is_whoami(const struct session *session)
{
    return session->open.service == OPEN_WHOAMI;
}

struct bytes session_sentence(const struct session *session)
{
    bool own_words = session->reason == REASON_RULE_DENY || session->reason == REASON_LOCKED;

    if (own_words && session->message[0] != '\0')
        return bytes_of(session->message);
    return bytes_of(reason_text(session->reason));
}

void session_save(struct session *session, enum registry_state state)
{
    struct registry_record record;

    if (session->place == UINT32_MAX)
        return;
    memset(&record, 0, sizeof(record)); /* padding too: the check covers it */
    record.state = (uint8_t)state;
    record.pam = (uint8_t)session->pam;
    record.recorded = session->recorded;
    record.close_reason = session->end_reason;
    record.edge_slot = session->edge_slot;
    record.connection = session->open.connection;
    record.id = session->id;
    record.opened_ms = session->open.accepted_ms;
    record.confirm_deadline_ms = session->confirm_deadline_ms;
    record.valid_until_s = session->valid_until_s;
    record.login_start_time = session->login_start_time;
    record.login_pid = session->login_pid;
    record.login_uid = session->login_uid;
    record.bytes_in = session->bytes_in;
    record.bytes_out = session->bytes_out;
    record.closed_ms = session->closed_ms;
    if (session->identity)
        record.leaf = session->identity->sha256;
    record.parts = session->parts;
    (void)snprintf(record.service, sizeof(record.service), "%s",
                   (const char *)session->open.service_name.at);
    (void)snprintf(record.user, sizeof(record.user), "%s", session->user);
    (void)snprintf(record.login, sizeof(record.login), "%s", session->login);
    address_format_port(&session->open.source, record.source);
    record.target = session->target ? target_key(session->target) : 0;
    registry_write(session->decide->registry, session->place, &record);
}
