/*
 * Sessions as operators see them. Runs in decide for requests of the control socket.
 */
#include "gatewayd/decide/session_filter.h"

#include "common/clock.h"
#include "common/text.h"

static bool is_one(uint64_t number)
{
    return number == 1;
}

bool session_filter_narrows(const struct protocol_message *msg)
{
    static const struct session_id none;

    return msg->user.len > 0 || msg->service.len > 0 || msg->rule.len > 0 ||
           msg->certificate.len > 0 || msg->age_s != PROTOCOL_NO_NUMBER || is_one(msg->pending) ||
           is_one(msg->would_die) || !session_id_equal(&msg->session, &none);
}

static bool fits_text(struct bytes wanted, const char *value)
{
    return wanted.len == 0 || bytes_equal(wanted, bytes_of(value));
}

static bool fits_certificate(struct bytes wanted, const struct session *session)
{
    return wanted.len == 0 ||
           (session->identity &&
            text_equal_nocase(wanted, identity_text(session->identity, "cert!sha256")));
}

static bool fits_age(uint64_t age_s, const struct session *session)
{
    int64_t age = (clock_realtime_ms() - session->open.accepted_ms) / 1000;

    return age_s == PROTOCOL_NO_NUMBER || (age >= 0 && (uint64_t)age >= age_s);
}

/* Judging leaves a trace in the session, so a later event judges it again in any case. */
static bool would_die(struct session *session)
{
    return session->state == SESSION_LIVE && reevaluate_try(session) != REASON_OK;
}

bool session_filter_fits(const struct protocol_message *msg, struct session *session)
{
    static const struct session_id none;

    if (session->state > SESSION_ENDING)
        return false;
    if (!session_id_equal(&msg->session, &none) && !session_id_equal(&msg->session, &session->id))
        return false;
    return fits_text(msg->user, session->user) &&
           fits_text(msg->service, (const char *)session->open.service_name.at) &&
           fits_text(msg->rule, session->rule) && fits_certificate(msg->certificate, session) &&
           fits_age(msg->age_s, session) && (!is_one(msg->pending) || session->held) &&
           (!is_one(msg->would_die) || would_die(session));
}

/* --- JSON ------------------------------------------------------------------------------------- */

static const char *state_word(const struct session *session)
{
    static const char *const words[] = {"opening", "live", "ending", "closed"};

    return words[session->state];
}

static const char *pam_word(const struct session *session)
{
    static const char *const words[] = {"off",      "waiting", "confirmed",
                                        "accepted", "opened",  "closed"};

    return words[session->pam];
}

static void set_text(json_t *json, const char *name, struct bytes text)
{
    json_t *value = text.len > 0 ? json_stringn((const char *)text.at, text.len) : NULL;

    if (value)
        (void)json_object_set_new(json, name, value);
}

static void set_certificate(json_t *json, const struct identity *identity)
{
    set_text(json, "certificate", identity_text(identity, "cert!sha256"));
    set_text(json, "subject", identity_text(identity, "subject"));
    set_text(json, "issuer", identity_text(identity, "issuer"));
    set_text(json, "serial", identity_text(identity, "serial"));
}

json_t *session_filter_json(const struct session *session)
{
    json_t *json = json_object();
    char id[SESSION_ID_TEXT_LEN + 1], source[ADDRESS_TEXT_MAX];

    session_id_format(&session->id, id);
    address_format_port(&session->open.source, source);
    set_text(json, "id", bytes_of(id));
    set_text(json, "state", bytes_of(state_word(session)));
    set_text(json, "pam", bytes_of(pam_word(session)));
    set_text(json, "user", bytes_of(session->user));
    set_text(json, "login", bytes_of(session->login));
    set_text(json, "service", session->open.service_name);
    set_text(json, "listener", session->open.listener_name);
    set_text(json, "ca", session->open.ca_name);
    set_text(json, "source", bytes_of(source));
    set_text(json, "mapping", bytes_of(session->mapping));
    set_text(json, "rule", bytes_of(session->rule));
    set_text(json, "file", bytes_of(session->file));
    (void)json_object_set_new(json, "line", json_integer(session->line));
    (void)json_object_set_new(json, "opened_ms", json_integer(session->open.accepted_ms));
    (void)json_object_set_new(json, "held", json_boolean(session->held));
    (void)json_object_set_new(json, "edge", json_integer(session->edge_slot));
    if (session->valid_until_s != INT64_MAX)
        (void)json_object_set_new(json, "valid_until", json_integer(session->valid_until_s));
    if (session->identity)
        set_certificate(json, session->identity);
    return json;
}
