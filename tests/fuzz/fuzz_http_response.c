/*
 * Octets of an upstream through an exchange: the first octet says which question was asked, the
 * second the size of the pieces. Nothing but an interim response to HTTP/1.0 is left out, and
 * nothing is added.
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
    static const struct http_client client = {.port = 0};

    (void)context;
    return &client;
}

static const char *const questions[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct http_calls calls = {.admit = admit, .client = client_of};
    struct http_exchange exchange = {.calls = &calls};
    struct bytes in, out;
    size_t used, taken = 0, given = 0, kind;

    if (size < 2)
        return 0;
    kind = data[0] % ARRAY_LEN(questions);
    in = bytes_of(questions[kind]);
    if (!http_exchange_up(&exchange, in, &used, &out) || used != in.len)
        abort();
    for (size_t at = 2; at < size; at += used) {
        in = (struct bytes){data + at, size - at <= data[1] ? size - at : (size_t)data[1] + 1};
        if (!http_exchange_down(&exchange, in, &used, &out))
            break;
        if (used == 0)
            abort();
        taken += used;
        given += out.len;
        if (given > taken || (kind != 1 && given + exchange.answer_head.octets.len != taken))
            abort();
    }
    if (http_exchange_down_end(&exchange) && exchange.down == HTTP_AT_BODY &&
        exchange.down_framing != HTTP_UNTIL_CLOSE)
        abort();
    http_exchange_clear(&exchange);
    return 0;
}
