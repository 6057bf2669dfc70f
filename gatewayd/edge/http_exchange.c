/*
 * The machine between a client and an upstream that speak HTTP/1. Runs in an edge. A request is
 * read only when the response before it is complete, so that no octet of an upstream can be taken
 * for the answer to another question than the one it was given.
 */
#include "gatewayd/edge/http_exchange.h"

#include "gatewayd/edge/http_return.h"

static const struct http_head_limits request_limits = {HTTP_LINE_MAX, HTTP_FIELDS_LEN_MAX,
                                                       HTTP_FIELDS_MAX};
static const struct http_head_limits answer_limits = {
    HTTP_LINE_MAX, HTTP_ANSWER_LEN_MAX - HTTP_LINE_MAX, HTTP_ANSWER_FIELDS_MAX};

void http_exchange_clear(struct http_exchange *exchange)
{
    http_head_clear(&exchange->head);
    http_head_clear(&exchange->answer_head);
    writer_clear(&exchange->out);
}

void http_exchange_rest(struct http_exchange *exchange)
{
    writer_clear(&exchange->out);
}

static bool refuse(struct http_exchange *exchange, enum http_fault fault)
{
    exchange->fault = fault;
    return false;
}

static struct writer *fresh_out(struct http_exchange *exchange)
{
    writer_clear(&exchange->out);
    exchange->out = writer_new(HTTP_UP_MAX);
    return &exchange->out;
}

bool http_exchange_holds(const struct http_exchange *exchange)
{
    return exchange->up == HTTP_AT_END || exchange->spent;
}

bool http_exchange_in_head(const struct http_exchange *exchange)
{
    return exchange->up == HTTP_AT_HEAD && exchange->head.octets.len > 0;
}

bool http_exchange_is_raw(const struct http_exchange *exchange)
{
    return exchange->up == HTTP_AT_RAW;
}

bool http_exchange_is_head(const struct http_exchange *exchange)
{
    const struct writer *octets = &exchange->head.octets;

    if (exchange->asked)
        return exchange->question.is_head;
    return octets->len >= 5 && memcmp(octets->at, "HEAD ", 5) == 0;
}

/*
 * The response is complete. So is the request, and the next one may come; or it is not, and then an
 * upstream that reads no more of it would take the rest for requests of its own.
 */
static void turn_page(struct http_exchange *exchange)
{
    if (exchange->down != HTTP_AT_END)
        return;
    if (exchange->up != HTTP_AT_END) {
        exchange->up = HTTP_AT_END;
        exchange->last = true;
    }
    exchange->asked = exchange->answer_begun = false;
    exchange->down = HTTP_AT_HEAD;
    if (exchange->last) {
        exchange->ended = true; /* nothing more is read of the client */
        return;
    }
    exchange->up = HTTP_AT_HEAD;
    exchange->spent = exchange->uses_up;
}

void http_exchange_renewed(struct http_exchange *exchange)
{
    exchange->spent = false;
}

/* --- client to upstream ----------------------------------------------------------------------- */

static void begin_request(struct http_exchange *exchange, const struct http_request *request)
{
    exchange->up_framing = request->framing;
    exchange->up_left = request->length;
    exchange->up_chunks = (struct http_chunks){0};
    exchange->up = HTTP_AT_BODY;
    if (request->framing == HTTP_NO_BODY ||
        (request->framing == HTTP_BY_LENGTH && request->length == 0))
        exchange->up = HTTP_AT_END;
    exchange->question = (struct http_question){
        .minor = request->minor, .is_head = request->is_head, .websocket = request->websocket};
    exchange->n_interim = 0;
    exchange->asked = true;
    exchange->last = request->close;
    exchange->uses_up = http_request_has_body(request);
    exchange->n_requests++;
}

static bool request_head(struct http_exchange *exchange, struct bytes in, size_t *ret_used,
                         struct bytes *ret_out)
{
    const struct http_calls *calls = exchange->calls;
    enum http_fault fault = http_head_add(&exchange->head, &request_limits, in, ret_used);
    struct http_request request;
    struct writer *out;

    if (fault != HTTP_NONE)
        return refuse(exchange, fault);
    if (!exchange->head.complete)
        return true;
    fault = http_request_read(writer_bytes(&exchange->head.octets), &request);
    if (fault == HTTP_NONE)
        fault = calls->admit(calls->context, &request);
    if (fault != HTTP_NONE)
        return refuse(exchange, fault);
    out = fresh_out(exchange);
    http_forward(&request, calls->client(calls->context), out);
    if (!writer_ok(out))
        return refuse(exchange, HTTP_FIELDS_LONG);
    begin_request(exchange, &request);
    http_head_clear(&exchange->head);
    *ret_out = writer_bytes(out);
    return true;
}

/*
 * Chunks are made anew: neither extensions nor trailers get through, in neither direction. False:
 * broken.
 */
static bool pass_chunks(struct http_chunks *chunks, struct bytes in, size_t *ret_used,
                        struct writer *out, bool *ret_end)
{
    bool end = false;

    *ret_used = 0;
    while (*ret_used < in.len && !end) {
        struct bytes data;
        size_t used;

        if (!http_chunks_step(chunks, (struct bytes){in.at + *ret_used, in.len - *ret_used}, &used,
                              &data, &end))
            return false;
        *ret_used += used;
        if (data.len > 0) {
            writer_printf(out, "%zx\r\n", data.len);
            writer_put(out, data);
            writer_text(out, "\r\n");
        }
    }
    if (end)
        writer_text(out, "0\r\n\r\n");
    *ret_end = end;
    return writer_ok(out);
}

static bool request_chunks(struct http_exchange *exchange, struct bytes in, size_t *ret_used,
                           struct bytes *ret_out)
{
    struct writer *out = fresh_out(exchange);
    bool end;

    if (!pass_chunks(&exchange->up_chunks, in, ret_used, out, &end))
        return refuse(exchange, HTTP_CHUNK);
    if (end)
        exchange->up = HTTP_AT_END;
    *ret_out = writer_bytes(out);
    return true;
}

static void pass_some(struct bytes in, uint64_t *left, size_t *ret_used, struct bytes *ret_out)
{
    *ret_used = in.len < *left ? in.len : (size_t)*left;
    *ret_out = (struct bytes){in.at, *ret_used};
    *left -= *ret_used;
}

static bool request_body(struct http_exchange *exchange, struct bytes in, size_t *ret_used,
                         struct bytes *ret_out)
{
    if (exchange->up_framing == HTTP_BY_CHUNKS)
        return request_chunks(exchange, in, ret_used, ret_out);
    pass_some(in, &exchange->up_left, ret_used, ret_out);
    if (exchange->up_left == 0)
        exchange->up = HTTP_AT_END;
    return true;
}

bool http_exchange_up(struct http_exchange *exchange, struct bytes in, size_t *ret_used,
                      struct bytes *ret_out)
{
    bool good = true;

    *ret_used = 0;
    *ret_out = (struct bytes){NULL, 0};
    if (exchange->spent)
        return true;
    switch (exchange->up) {
    case HTTP_AT_HEAD:
        good = request_head(exchange, in, ret_used, ret_out);
        break;
    case HTTP_AT_BODY:
        good = request_body(exchange, in, ret_used, ret_out);
        break;
    case HTTP_AT_RAW:
        *ret_used = in.len;
        *ret_out = in;
        break;
    case HTTP_AT_END:
        break;
    }
    if (good)
        turn_page(exchange);
    return good;
}

/* --- upstream to client ----------------------------------------------------------------------- */

static void begin_answer(struct http_exchange *exchange, const struct http_response *response)
{
    if (exchange->early || response->framing == HTTP_UNTIL_CLOSE)
        exchange->last = true;
    exchange->uses_up |= response->close;
    exchange->down_framing = response->framing;
    exchange->down_left = response->length;
    exchange->down_chunks = (struct http_chunks){0};
    exchange->down = HTTP_AT_BODY;
    if (response->framing == HTTP_NO_BODY ||
        (response->framing == HTTP_BY_LENGTH && response->length == 0))
        exchange->down = HTTP_AT_END;
    if (response->framing == HTTP_SWITCHED)
        exchange->up = exchange->down = HTTP_AT_RAW;
    exchange->answer_begun = true;
}

static enum http_stay stay_of(const struct http_exchange *exchange)
{
    if (exchange->last)
        return HTTP_CLOSES;
    return exchange->question.minor == 0 ? HTTP_STAYS_OLD : HTTP_STAYS;
}

static bool answer_head(struct http_exchange *exchange, struct bytes in, size_t *ret_used,
                        struct bytes *ret_out)
{
    struct http_response response;
    struct writer *out;

    if (!exchange->asked)
        return refuse(exchange, HTTP_ANSWER_UNASKED);
    if (exchange->answer_head.octets.len == 0) /* an interim one's is asked again for the final */
        exchange->early = exchange->up != HTTP_AT_END || exchange->unsent;
    if (http_head_add(&exchange->answer_head, &answer_limits, in, ret_used) != HTTP_NONE)
        return refuse(exchange, HTTP_ANSWER);
    if (!exchange->answer_head.complete)
        return true;
    if (http_response_read(writer_bytes(&exchange->answer_head.octets), &exchange->question,
                           &response) != HTTP_NONE)
        return refuse(exchange, HTTP_ANSWER);
    if (response.interim && ++exchange->n_interim > HTTP_INTERIM_MAX)
        return refuse(exchange, HTTP_ANSWER_INTERIM);
    if (!response.interim)
        begin_answer(exchange, &response);
    out = fresh_out(exchange);
    /* HTTP/1.0 knows no interim responses. */
    if (!response.interim || exchange->question.minor == 1)
        http_return(&response, stay_of(exchange), out);
    http_head_clear(&exchange->answer_head);
    *ret_out = writer_bytes(out);
    return writer_ok(out) || refuse(exchange, HTTP_ANSWER);
}

static bool answer_chunks(struct http_exchange *exchange, struct bytes in, size_t *ret_used,
                          struct bytes *ret_out)
{
    struct writer *out = fresh_out(exchange);
    bool end;

    if (!pass_chunks(&exchange->down_chunks, in, ret_used, out, &end))
        return refuse(exchange, HTTP_ANSWER);
    if (end)
        exchange->down = HTTP_AT_END;
    *ret_out = writer_bytes(out);
    return true;
}

static bool answer_body(struct http_exchange *exchange, struct bytes in, size_t *ret_used,
                        struct bytes *ret_out)
{
    if (exchange->down_framing == HTTP_BY_CHUNKS)
        return answer_chunks(exchange, in, ret_used, ret_out);
    if (exchange->down_framing == HTTP_UNTIL_CLOSE) {
        *ret_used = in.len;
        *ret_out = in;
        return true;
    }
    pass_some(in, &exchange->down_left, ret_used, ret_out);
    if (exchange->down_left == 0)
        exchange->down = HTTP_AT_END;
    return true;
}

bool http_exchange_down(struct http_exchange *exchange, struct bytes in, size_t *ret_used,
                        struct bytes *ret_out)
{
    bool good = true;

    *ret_used = 0;
    *ret_out = (struct bytes){NULL, 0};
    if (exchange->spent) { /* an answer to what it took for a request: nobody gets it */
        *ret_used = in.len;
        return true;
    }
    switch (exchange->down) {
    case HTTP_AT_HEAD:
        good = answer_head(exchange, in, ret_used, ret_out);
        break;
    case HTTP_AT_BODY:
        good = answer_body(exchange, in, ret_used, ret_out);
        break;
    case HTTP_AT_RAW:
        *ret_used = in.len;
        *ret_out = in;
        break;
    case HTTP_AT_END: /* turn_page leaves none */
        good = refuse(exchange, HTTP_ANSWER_UNASKED);
        break;
    }
    if (good)
        turn_page(exchange);
    return good;
}

bool http_exchange_down_end(struct http_exchange *exchange)
{
    if (exchange->down == HTTP_AT_RAW || exchange->down == HTTP_AT_END || !exchange->asked)
        return true;
    if (exchange->down == HTTP_AT_BODY && exchange->down_framing == HTTP_UNTIL_CLOSE)
        return true;
    return refuse(exchange, exchange->down == HTTP_AT_HEAD && exchange->answer_head.octets.len == 0
                                ? HTTP_ANSWER_MISSING
                                : HTTP_ANSWER_SHORT);
}
