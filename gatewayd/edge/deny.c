/*
 * The denied client's sentence. Runs in an edge; the client has proved its certificate.
 */
#include "gatewayd/edge/deny.h"

#include "gatewayd/edge/connection.h"
#include "gatewayd/edge/ssh_disconnect.h"

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

static bool speaks_ssh(const struct connection *c)
{
    const struct config *config = c->edge->role->config;

    return c->route.service < config->n_service &&
           config->service[c->route.service].protocol == CONFIG_PROTOCOL_SSH;
}

static enum stage_result end_with(struct connection *c, enum reason reason, const char *text)
{
    struct writer out = writer_new(SENTENCE_MAX);
    bool ssh = !c->route.gw1 && speaks_ssh(c);
    struct bytes octets;

    c->edge->counters.denied++;
    if (c->route.gw1)
        write_status(c, text, &out);
    else if (ssh)
        write_ssh(c, text, &out);
    octets = writer_bytes(&out);
    ERR_clear_error();
    if (octets.len > 0)
        (void)SSL_write(c->ssl, octets.at, (int)octets.len);
    ERR_clear_error();
    writer_clear(&out);
    /* ssh sends its key exchange before it reads; it hangs up by itself when it has read. */
    return connection_end(c, reason, ssh ? LAST_WORD_STAY : LAST_WORD_CLEAN);
}

enum stage_result deny_with_verdict(struct connection *c)
{
    AUTO(char_freep) char *text = STEAL(c->verdict_text);

    return end_with(c, c->verdict, text && text[0] ? text : reason_text(c->verdict));
}

enum stage_result deny_late(struct connection *c, enum reason reason)
{
    return end_with(c, reason, reason_text(reason));
}

void deny_now(struct connection *c, enum reason reason)
{
    struct edge *edge = c->edge;

    wire_enter(c);
    (void)deny_late(c, reason);
    wire_leave(edge);
}
