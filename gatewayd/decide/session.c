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

/* The texts of an OPEN: what is not listed here would point into a message that is gone. */
static const size_t open_texts[] = {
    offsetof(struct message_open, listener_name),  offsetof(struct message_open, service_name),
    offsetof(struct message_open, ca_name),        offsetof(struct message_open, sni),
    offsetof(struct message_open, alpn),           offsetof(struct message_open, cipher),
    offsetof(struct message_open, tls_group),      offsetof(struct message_open, tls_scheme),
    offsetof(struct message_open, server_sig_alg), offsetof(struct message_open, server_key_alg),
};

static struct bytes *open_text(struct message_open *open, size_t number)
{
    return (struct bytes *)(void *)((uint8_t *)open + open_texts[number]);
}

/* Terminated, so that titles may be compared as C strings. */
static void copy_open(struct texts *texts, const struct message_open *open,
                      struct message_open *ret_copy)
{
    *ret_copy = *open;
    for (size_t i = 0; i < ARRAY_LEN(open_texts); i++) {
        struct bytes *text = open_text(ret_copy, i);

        text->at = (const uint8_t *)texts_hold(texts, *text);
    }
    ret_copy->leaf = xbytes(open->leaf);
}

static const size_t texts[] = {
    offsetof(struct session, mapping),    offsetof(struct session, rule),
    offsetof(struct session, file),       offsetof(struct session, message),
    offsetof(struct session, detail),     offsetof(struct session, chain_detail),
    offsetof(struct session, end_detail), offsetof(struct session, user),
    offsetof(struct session, login),      offsetof(struct session, candidates),
};

static const char **text_of(struct session *session, size_t number)
{
    return (const char **)(void *)((uint8_t *)session + texts[number]);
}

/* The handshake has let through what OCSP denies: it is denied like a chain that became bad later. */
static void take_chain_reason(struct session *session, const struct message_open *open)
{
    AUTO(char_freep) char *detail = xtext(open->chain_detail);

    session->open.chain_detail = (struct bytes){0};
    session->chain = open->chain_reason < REASON__COUNT ? (enum reason)open->chain_reason
                                                        : REASON_CERT_INVALID;
    session_set_text(session, &session->chain_detail, detail);
}

struct session *session_new(struct decide *decide, uint32_t edge_slot,
                            const struct message_open *open)
{
    struct session *session = xcalloc(1, sizeof(*session));

    *session = (struct session){.decide = decide,
                                .id = session_id_new(clock_realtime_ms()),
                                .place = UINT32_MAX,
                                .edge_slot = edge_slot,
                                .policy_until_s = INT64_MAX,
                                .valid_until_s = INT64_MAX,
                                .directory_age_s = AUDIT_NO_NUMBER,
                                .upstream = -1};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *text_of(session, i) = texts_hold(decide->texts, bytes_of(""));
    copy_open(decide->texts, open, &session->open);
    take_chain_reason(session, open);
    return session;
}

void session_forget_leaf(struct session *session)
{
    free((void *)session->open.leaf.at);
    session->open.leaf = (struct bytes){0};
}

static void drop_texts(struct session *session)
{
    struct texts *all = session->decide->texts;

    for (size_t i = 0; i < ARRAY_LEN(open_texts); i++)
        texts_drop(all, (const char *)open_text(&session->open, i)->at);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        texts_drop(all, *text_of(session, i));
    session_forget_leaf(session);
}

void session_leave_pipeline(struct session *session)
{
    if (session->pipeline)
        pipeline_clear(session->pipeline);
    free(session->pipeline);
    session->pipeline = NULL;
}

static void stop_timers(struct session *session)
{
    struct ev_loop *loop = session->decide->loop;

    session_leave_pipeline(session);
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
    drop_texts(session);
    (void)identity_unref(session->identity);
    (void)person_unref(session->person);
    free(session);
}

void session_set_text(struct session *session, const char **text, const char *value)
{
    const char *copy;

    if (strcmp(*text, value) == 0)
        return;
    copy = texts_hold(session->decide->texts, bytes_of(value));
    texts_drop(session->decide->texts, *text);
    *text = copy;
}

struct person *session_person_of(const struct session *session, struct account *account)
{
    const struct session *first =
        account ? sessions_first_of_user(session->decide->sessions, account->name) : NULL;
    struct person *alike[] = {session->person, first ? first->person : NULL};

    for (size_t i = 0; account && i < ARRAY_LEN(alike); i++)
        if (alike[i] && account_equal(alike[i]->account, account)) {
            (void)account_free(account);
            return person_ref(alike[i]);
        }
    return account ? person_new(account) : NULL;
}

void session_set_person(struct session *session, struct person *person)
{
    (void)person_ref(person);
    (void)person_unref(session->person);
    session->person = person;
    session->account = person ? person->account : NULL;
    session->groups = person ? person->groups : NULL;
}

void session_set_reason(struct session *session, enum reason reason, const char *detail)
{
    session->reason = reason;
    session_set_text(session, &session->detail, detail);
}

const struct config_service *session_service(const struct session *session)
{
    const struct config *config = session->decide->role->config;
    const char *name = (const char *)session->open.service_name.at;
    uint32_t index = session->open.service;

    if (index == OPEN_UNKNOWN) /* a name of a service of another listener */
        return NULL;
    /* The edge's index is where the service most likely is: after a reload it may be anywhere. */
    if (index < config->n_service && strcmp(config->service[index].title, name) == 0)
        return &config->service[index];
    return config_find_service(config, name);
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
    /* Only unknown names are longer than a title: nobody goes live under one. */
    (void)snprintf(record.service, sizeof(record.service), "%.*s", REGISTRY_NAME_MAX,
                   (const char *)session->open.service_name.at);
    (void)snprintf(record.user, sizeof(record.user), "%s", session->user);
    (void)snprintf(record.login, sizeof(record.login), "%s", session->login);
    record.source = session->open.source;
    record.target = session->target ? target_key(session->target) : 0;
    registry_write(session->decide->registry, session->place, &record);
}
