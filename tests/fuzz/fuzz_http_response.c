/*
 * Octets of an upstream through an exchange: the first octet says which question was asked, the
 * second the size of the pieces. What comes out is what came in, without what is between the
 * upstream and us, and no longer than our own lines, blanks and sizes of chunks make it.
 */
#include "gatewayd/edge/http_exchange.h"
#include "gatewayd/edge/http_return.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHUNK_ADDED = 24 /* octets around the data that one call gives out: size and line ends */ };

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
    size_t used, taken = 0, given = 0, n = 0, kind;

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
        n++;
        if (given > taken + HTTP_RETURN_ADDED_MAX * (HTTP_INTERIM_MAX + 1) + n * CHUNK_ADDED)
            abort();
    }
    if (http_exchange_down_end(&exchange) && exchange.down == HTTP_AT_BODY &&
        exchange.down_framing != HTTP_UNTIL_CLOSE)
        abort();
    http_exchange_clear(&exchange);
    return 0;
}
