/*
 * Requests for the upstream. Runs in an edge; the request has been read and found good, what is
 * said of the client comes from decide and from the handshake. Values are made so that no octet of
 * a directory or of a policy can end a header or look like a second value.
 */
#include "gatewayd/edge/http_forward.h"

#include "common/reader.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/evp.h>

/* --- values ----------------------------------------------------------------------------------- */

/* Letters, digits and these stay; the rest, and `%`, becomes %XX. */
static void put_encoded(struct bytes text, const char *others, struct writer *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t octet = text.at[i];
        bool plain = (octet >= '0' && octet <= '9') || (octet >= 'A' && octet <= 'Z') ||
                     (octet >= 'a' && octet <= 'z') || (octet != 0 && strchr(others, octet));

        if (plain)
            writer_u8(out, octet);
        else
            writer_printf(out, "%%%02X", octet);
    }
}

/* A byte sequence of RFC 8941 3.3.5: base64 between colons. */
static void put_octets(struct bytes octets, struct writer *out)
{
    uint8_t *text = xcalloc((octets.len + 2) / 3 * 4 + 1, 1);
    int len = EVP_EncodeBlock(text, octets.at, (int)octets.len);

    writer_text(out, ":");
    writer_put(out, (struct bytes){text, (size_t)len});
    writer_text(out, ":");
    free(text);
}

static void put_certificate(const struct http_client *client, struct writer *out)
{
    put_octets(client->leaf, out);
}

static void put_chain(const struct http_client *client, struct writer *out)
{
    for (size_t i = 0; i < client->n_chain; i++) {
        writer_text(out, i > 0 ? ", " : "");
        put_octets(client->chain[i], out);
    }
}

static void put_session(const struct http_client *client, struct writer *out)
{
    char id[SESSION_ID_TEXT_LEN + 1];

    session_id_format(&client->session, id);
    writer_text(out, id);
}

static void put_user(const struct http_client *client, struct writer *out)
{
    put_encoded(client->user, "-._~@+$", out);
}

static void put_rule(const struct http_client *client, struct writer *out)
{
    put_encoded(client->rule, "-._~@+$", out);
}

/* A list of strings (RFC 8941 3.1, 3.3.3). */
static void put_groups(const struct http_client *client, struct writer *out)
{
    struct reader r = reader_over(client->groups);
    bool first = true;

    while (reader_left(&r) > 0) {
        struct bytes name = reader_block16(&r);

        if (!reader_ok(&r))
            break;
        writer_text(out, first ? "\"" : ", \"");
        put_encoded(name, "-._~@+$ ", out);
        writer_text(out, "\"");
        first = false;
    }
}

static void put_source(const struct http_client *client, struct writer *out)
{
    char text[ADDRESS_TEXT_MAX];

    if (!client->source.known)
        return;
    address_format(&client->source, text);
    writer_text(out, text);
}

static void put_scheme(const struct http_client *client, struct writer *out)
{
    (void)client;
    writer_text(out, "https");
}

static void put_port(const struct http_client *client, struct writer *out)
{
    if (client->port)
        writer_printf(out, "%u", (unsigned)client->port);
}

/* --- our headers ------------------------------------------------------------------------------ */

/* put NULL: dropped and never set. all: every name that begins so. */
static const struct {
    const char *name;
    void (*put)(const struct http_client *client, struct writer *out);
    bool all;
} ours[] = {
    {"Client-Cert", put_certificate, false}, /* RFC 9440 */
    {"Client-Cert-Chain", put_chain, false},
    {"X-Gateway-Session", put_session, false},
    {"X-Gateway-User", put_user, false},
    {"X-Gateway-Groups", put_groups, false},
    {"X-Gateway-Rule", put_rule, false},
    {"X-Gateway-", NULL, true},
    {"X-Forwarded-For", put_source, false},
    {"X-Forwarded-Proto", put_scheme, false},
    {"X-Forwarded-Port", put_port, false},
    {"X-Forwarded-", NULL, true}, /* X-Forwarded-Host is set below, from Host */
    {"Forwarded", NULL, false},
    {"X-Real-IP", put_source, false},
    {"Client-Cert-", NULL, true},
    {"X-Client-Cert", NULL, true},
    {"X-Client-Verify", NULL, false},
    {"X-Client-DN", NULL, false},
    {"SSL-Client-", NULL, true},
    {"X-SSL-", NULL, true}, /* X-SSL-Client- too */
    {"Remote-User", NULL, false},
    {"Remote-Groups", NULL, false},
    {"X-Remote-", NULL, true}, /* X-Remote-User too */
    {"X-WebAuth-User", NULL, false},
    {"X-Auth-Request-", NULL, true},
    {"True-Client-IP", NULL, false},
    {"Proxy", NULL, false}, /* becomes HTTP_PROXY in CGI programs */
};

/* What is between the client and us alone (RFC 9110 7.6.1), or is written anew below. */
static const char *const hops[] = {
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "content-length",
    "host",
};

/* CGI and its kin make one name of all that differ in these only. */
static char as_spelled(uint8_t octet)
{
    bool kept = (octet >= '0' && octet <= '9') || (octet >= 'A' && octet <= 'Z') ||
                (octet >= 'a' && octet <= 'z');

    return kept ? (char)octet : '-';
}

/*
 * Whether a name, in which every octet that is no letter or digit stands for `-`, begins with the
 * word, and ends there if `whole`.
 */
static bool is_spelling_of(struct bytes name, const char *word, bool whole)
{
    size_t len = strlen(word);

    if (name.len < len || (whole && name.len != len))
        return false;
    for (size_t i = 0; i < len; i++) {
        char octet = as_spelled(name.at[i]);

        if (!http_is((struct bytes){(const uint8_t *)&octet, 1}, (const char[]){word[i], '\0'}))
            return false;
    }
    return true;
}

bool http_is_ours(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (is_spelling_of(name, ours[i].name, !ours[i].all))
            return true;
    return false;
}

static bool is_hop(const struct http_request *request, struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(hops); i++)
        if (is_spelling_of(name, hops[i], true))
            return true;
    for (size_t i = 0; i < request->n_connection; i++) {
        struct bytes option = request->connection[i];

        if (name.len == option.len &&
            strncasecmp((const char *)name.at, (const char *)option.at, name.len) == 0)
            return true;
    }
    return request->minor == 0 && http_is(name, "expect");
}

/* Empty values are left out: no header is no statement. */
static void put_ours(const struct http_client *client, struct writer *out)
{
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        size_t begin = out->len, value;

        if (!ours[i].put || !writer_ok(out)) /* truncating would forget that it broke */
            continue;
        writer_printf(out, "%s: ", ours[i].name);
        value = out->len;
        ours[i].put(client, out);
        if (out->len == value && writer_ok(out))
            writer_truncate(out, begin);
        else
            writer_text(out, "\r\n");
    }
}

static void put_field(const char *name, struct bytes value, struct writer *out)
{
    writer_printf(out, "%s: ", name);
    writer_put(out, value);
    writer_text(out, "\r\n");
}

static void put_framing(const struct http_request *request, struct writer *out)
{
    if (request->framing == HTTP_BY_LENGTH)
        writer_printf(out, "Content-Length: %llu\r\n", (unsigned long long)request->length);
    else if (request->framing == HTTP_BY_CHUNKS)
        put_field("Transfer-Encoding", bytes_of("chunked"), out);
    if (request->websocket)
        writer_text(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    else if (request->close || http_request_has_body(request)) /* see http_exchange.h, uses_up */
        put_field("Connection", bytes_of("close"), out);
    else if (request->keep_alive)
        put_field("Connection", bytes_of("keep-alive"), out);
}

void http_forward(const struct http_request *request, const struct http_client *client,
                  struct writer *out)
{
    writer_put(out, request->method);
    writer_text(out, " ");
    writer_put(out, request->target);
    writer_printf(out, " HTTP/1.%u\r\n", request->minor);
    put_field("Host", request->host, out);
    for (size_t i = 0; i < request->n_fields; i++) {
        const struct http_field *field = &request->fields[i];

        if (is_hop(request, field->name) || http_is_ours(field->name))
            continue;
        writer_put(out, field->name);
        writer_text(out, ": ");
        writer_put(out, field->value);
        writer_text(out, "\r\n");
    }
    put_framing(request, out);
    put_field("X-Forwarded-Host", request->host, out);
    put_ours(client, out);
    writer_text(out, "\r\n");
}
