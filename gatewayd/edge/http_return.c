/*
 * Responses for the client. Runs in an edge; the response has been read and found good, its
 * upstream is trusted with its own words only: how long the body is and what becomes of the
 * client's connection is said by us.
 */
#include "gatewayd/edge/http_return.h"

/* Between the upstream and us alone (RFC 9110 7.6.1, 11.7), or written anew below. */
static const char *const hops[] = {
    "connection",         "keep-alive", "proxy-connection",  "te",
    "proxy-authenticate", "trailer",    "transfer-encoding", "upgrade",
};

/* Each element of each Connection header names a header that goes no further. */
static bool is_named(const struct http_response *response, struct bytes name)
{
    for (size_t i = 0; i < response->n_fields; i++) {
        struct bytes list = response->fields[i].value, option;

        if (!http_is(response->fields[i].name, "connection"))
            continue;
        while (http_next_element(&list, &option))
            if (http_same(name, option))
                return true;
    }
    return false;
}

/* Content-Length stays where it frames nothing and is a fact: of HEAD and 304. */
static bool stays(const struct http_response *response, struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(hops); i++)
        if (http_is(name, hops[i]))
            return false;
    return !http_is(name, "content-length") && !is_named(response, name);
}

static void put_framing(const struct http_response *response, struct writer *out)
{
    if (response->framing == HTTP_BY_CHUNKS)
        writer_text(out, "Transfer-Encoding: chunked\r\n");
    else if (response->has_length)
        writer_printf(out, "Content-Length: %llu\r\n", (unsigned long long)response->length);
}

static void put_connection(const struct http_response *response, enum http_stay stay,
                           struct writer *out)
{
    if (response->framing == HTTP_SWITCHED)
        writer_text(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    else if (response->interim || stay == HTTP_STAYS)
        return;
    else if (stay == HTTP_CLOSES)
        writer_text(out, "Connection: close\r\n");
    else
        writer_text(out, "Connection: keep-alive\r\n");
}

void http_return(const struct http_response *response, enum http_stay stay, struct writer *out)
{
    writer_text(out, "HTTP/1.1 ");
    writer_put(out, response->status_text);
    writer_text(out, "\r\n");
    for (size_t i = 0; i < response->n_fields; i++) {
        const struct http_field *field = &response->fields[i];

        if (!stays(response, field->name))
            continue;
        writer_put(out, field->name);
        writer_text(out, ": ");
        writer_put(out, field->value);
        writer_text(out, "\r\n");
    }
    put_framing(response, out);
    put_connection(response, stay, out);
    writer_text(out, "\r\n");
}
