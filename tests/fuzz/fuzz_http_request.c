/*
 * Octets of a client through an exchange, in pieces whose size is the first octet. What goes
 * upstream is read again: it must be one good request after the other, with our headers as we have
 * set them.
 */
#include "gatewayd/edge/http_exchange.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_fault admit(void *context, const struct http_request *request)
{
    (void)context;
    (void)request;
    return HTTP_NONE;
}

static const struct http_client *client_of(void *context)
{
    static const struct http_client client = {.user = {(const uint8_t *)"alice", 5}};

    (void)context;
    return &client;
}

/* Our own reader must find in what we wrote what it found in what we read. */
static void check_head(struct bytes octets)
{
    static const struct http_head_limits wide = {HTTP_LINE_MAX + 64, 1 << 20, HTTP_FIELDS_MAX + 32};
    struct http_field fields[HTTP_FIELDS_MAX + 32];
    struct http_head head = {0};
    struct bytes line;
    size_t used, n, n_users = 0;

    if (http_head_add(&head, &wide, octets, &used) != HTTP_NONE || !head.complete ||
        http_head_split(writer_bytes(&head.octets), &line, fields, ARRAY_LEN(fields), &n) !=
            HTTP_NONE)
        abort();
    for (size_t i = 0; i < n; i++) {
        if (!http_is_ours(fields[i].name))
            continue;
        if (http_is(fields[i].name, "X-Gateway-User"))
            n_users++;
        else if (!http_is(fields[i].name, "X-Gateway-Session") &&
                 !http_is(fields[i].name, "X-Forwarded-Proto") &&
                 !http_is(fields[i].name, "X-Forwarded-Host") &&
                 !http_is(fields[i].name, "Client-Cert"))
            abort();
    }
    if (n_users != 1)
        abort();
    http_head_clear(&head);
}

/* Answers each request, so that the next one is read. */
static void answer(struct http_exchange *exchange)
{
    struct bytes in = bytes_of("HTTP/1.1 204 No Content\r\n\r\n"), out;
    size_t used;

    while (in.len > 0) {
        if (!http_exchange_down(exchange, in, &used, &out))
            abort();
        in.at += used;
        in.len -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct http_calls calls = {.admit = admit, .client = client_of};
    struct http_exchange exchange = {.calls = &calls};
    size_t step, at = 1;

    if (size == 0)
        return 0;
    for (step = (size_t)data[0] + 1; at < size;) {
        struct bytes in = {data + at, size - at < step ? size - at : step}, out;
        uint64_t before = exchange.n_requests;
        size_t used;

        if (!http_exchange_up(&exchange, in, &used, &out))
            break;
        if (exchange.n_requests > before)
            check_head(out);
        if (used == 0 && (exchange.last || exchange.down != HTTP_AT_HEAD))
            break;
        if (exchange.spent)
            http_exchange_renewed(&exchange);
        else if (used == 0)
            answer(&exchange);
        at += used;
    }
    http_exchange_clear(&exchange);
    return 0;
}
