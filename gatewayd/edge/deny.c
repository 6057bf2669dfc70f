/*
 * The denied client's sentence. Runs in an edge; the client has proved its certificate.
 */
#include "gatewayd/edge/deny.h"

#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/http_answer.h"
#include "gatewayd/edge/postgres.h"
#include "gatewayd/edge/ssh_disconnect.h"
#include "gatewayd/edge/tls.h"

#include <openssl/err.h>

enum { SENTENCE_MAX = GW1_STATUS_MAX + 64 };

static bool has_id(const struct connection *c)
{
    static const struct session_id none = {{0}};

    return !session_id_equal(&c->session, &none);
}

static void write_status(const struct connection *c, const char *text, struct writer *out)
{
    struct gw1_status status = {.result = GW1_DENY, .id = c->session, .text = bytes_of(text)};

    gw1_status_encode(&status, out);
}

/* The id is what `gatewayctl explain` wants; it may stand in the text already. */
static void write_ssh(const struct connection *c, const char *text, struct writer *out)
{
    struct writer sentence = writer_new(SSH_DISCONNECT_TEXT_MAX);
    char id[SESSION_ID_TEXT_LEN + 1];

    session_id_format(&c->session, id);
    writer_printf(&sentence, "gatewayd: %.*s", SSH_DISCONNECT_TEXT_MAX - 128, text);
    if (has_id(c) && !strstr(text, id))
        writer_printf(&sentence, " (decision %s)", id);
    ssh_disconnect(writer_bytes(&sentence), out);
    writer_clear(&sentence);
}

static void write_http(const struct connection *c, enum reason reason, const char *text,
                       struct writer *out)
{
    AUTO(writer_clear) struct writer sentence = writer_new(HTTP_ANSWER_TEXT_MAX);
    bool fault = reason_class(reason) == REASON_FAULT;

    http_sentence(text, "", &c->session, &sentence);
    http_answer(fault ? 503 : 403, writer_bytes(&sentence), c->denied_head, out);
}

static void write_postgres(const struct connection *c, enum reason reason, const char *text,
                           struct writer *out)
{
    AUTO(writer_clear) struct writer sentence = writer_new(HTTP_ANSWER_TEXT_MAX);
    bool fault = reason_class(reason) == REASON_FAULT;

    http_sentence(text, "", &c->session, &sentence);
    /* cannot_connect_now, invalid_authorization_specification */
    postgres_error(fault ? "57P03" : "28000", writer_bytes(&sentence), out);
}

/* Clients of these protocols speak first, and listen after that. */
static bool listens_later(const struct connection *c)
{
    enum config_protocol protocol = connection_protocol(c);

    return !c->route.gw1 &&
           (protocol == CONFIG_PROTOCOL_HTTP || protocol == CONFIG_PROTOCOL_POSTGRES);
}

/* False: it has not spoken yet. What it said is thrown away, but for the method of a request. */
static bool has_spoken(struct connection *c)
{
    static const char head[] = "HEAD ";
    uint8_t *plain = c->edge->wire.plain;
    int n;

    ERR_clear_error();
    n = SSL_read(c->ssl, plain, WIRE_PLAIN_MAX);
    if (n <= 0 && SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ && !tls_too_many_key_updates(c))
        return false;
    c->denied_head = n >= (int)sizeof(head) - 1 && memcmp(plain, head, sizeof(head) - 1) == 0;
    return true;
}

static enum stage_result end_with(struct connection *c, enum reason reason, const char *text)
{
    struct writer out = writer_new(SENTENCE_MAX);
    enum config_protocol protocol = connection_protocol(c);
    bool ssh = !c->route.gw1 && protocol == CONFIG_PROTOCOL_SSH;
    struct bytes octets;

    c->edge->counters.denied++;
    if (c->route.gw1)
        write_status(c, text, &out);
    else if (ssh)
        write_ssh(c, text, &out);
    else if (protocol == CONFIG_PROTOCOL_HTTP)
        write_http(c, reason, text, &out);
    else if (protocol == CONFIG_PROTOCOL_POSTGRES)
        write_postgres(c, reason, text, &out);
    octets = writer_bytes(&out);
    ERR_clear_error();
    if (octets.len > 0)
        (void)SSL_write(c->ssl, octets.at, (int)octets.len);
    ERR_clear_error();
    writer_clear(&out);
    /* ssh sends its key exchange before it reads; it hangs up by itself when it has read. */
    return connection_end(c, reason, ssh ? LAST_WORD_STAY : LAST_WORD_CLEAN);
}

static enum stage_result say_verdict(struct connection *c)
{
    AUTO(char_freep) char *text = STEAL(c->verdict_text);

    return end_with(c, c->verdict, text && text[0] ? text : reason_text(c->verdict));
}

enum stage_result deny_with_verdict(struct connection *c)
{
    if (!listens_later(c) || has_spoken(c))
        return say_verdict(c);
    wire_flush(c);
    connection_watch_client(c, c->unsent.len > 0 ? EV_WRITE : EV_READ);
    return STAGE_WAIT;
}

enum stage_result deny_late(struct connection *c, enum reason reason)
{
    if (c->verdict_came && c->verdict != REASON_OK) /* it did not speak in time */
        return say_verdict(c);
    return end_with(c, reason, reason_text(reason));
}

void deny_now(struct connection *c, enum reason reason)
{
    struct edge *edge = c->edge;

    wire_enter(c);
    (void)deny_late(c, reason);
    wire_leave(edge);
}
