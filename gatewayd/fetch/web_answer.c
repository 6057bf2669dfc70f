/*
 * HTTP answers, read by http_parser. Runs in fetch on octets of any web server: bounded whatever it
 * says. What is taken is signed, so that the server is trusted with nothing.
 */
#include "gatewayd/fetch/web_answer.h"

#include "common/text.h"

#include <string.h>

enum { OK_STATUS = 200 };

static int refuse(struct web_answer *answer, const char *what, unsigned number)
{
    (void)err_set(&answer->err, REASON_FETCH_FAILED, "%s %u", what, number);
    return 1;
}

/* 301, 302, 303, 307, 308 (RFC 9110 15.4) */
static bool is_redirection(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int on_field(http_parser *parser, const char *at, size_t len)
{
    struct web_answer *answer = parser->data;

    if (answer->in_value) { /* a value has ended */
        answer->in_value = false;
        answer->field_len = 0;
    }
    for (size_t i = 0; i < len && answer->field_len < sizeof(answer->field); i++)
        answer->field[answer->field_len++] = at[i];
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct web_answer *answer = parser->data;
    struct bytes name = {(const uint8_t *)answer->field, answer->field_len};

    answer->in_value = true;
    if (!text_equal_nocase(name, bytes_of("location")))
        return 0;
    if (answer->location_len + len > WEB_LOCATION_MAX)
        return refuse(answer, "a redirection longer than", WEB_LOCATION_MAX);
    memcpy(answer->location + answer->location_len, at, len);
    answer->location_len += len;
    return 0;
}

static int on_head(http_parser *parser)
{
    struct web_answer *answer = parser->data;

    answer->head_done = true;
    answer->redirected = is_redirection(parser->status_code);
    if (answer->redirected && answer->location_len > 0) {
        answer->location[answer->location_len] = '\0';
        answer->done = true;
        http_parser_pause(parser, 1);
        return 0;
    }
    if (parser->status_code != OK_STATUS)
        return refuse(answer, "HTTP status", parser->status_code);
    if (parser->content_length != UINT64_MAX && parser->content_length > answer->max) {
        (void)err_set(&answer->err, REASON_FETCH_REFUSED, "%llu octets, at most %zu are taken",
                      (unsigned long long)parser->content_length, answer->max);
        return 1;
    }
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    struct web_answer *answer = parser->data;

    if (len > answer->max - answer->body.len) {
        (void)err_set(&answer->err, REASON_FETCH_REFUSED, "more than %zu octets", answer->max);
        return 1;
    }
    if (len > WEB_HELD_MAX - *answer->held)
        return refuse(answer, "too many answers at once; octets:", WEB_HELD_MAX);
    *answer->held += len;
    writer_put(&answer->body, (struct bytes){(const uint8_t *)at, len});
    return 0;
}

static int on_end(http_parser *parser)
{
    struct web_answer *answer = parser->data;

    answer->done = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_end,
};

void web_answer_init(struct web_answer *answer, size_t max, size_t *held)
{
    memset(answer, 0, sizeof(*answer));
    answer->body = writer_new(max);
    answer->max = max;
    answer->held = held;
    answer->err.reason = REASON_OK;
    http_parser_init(&answer->parser, HTTP_RESPONSE);
    answer->parser.data = answer;
}

void web_answer_clear(struct web_answer *answer)
{
    *answer->held -= answer->body.len;
    writer_clear(&answer->body);
}

bool web_answer_take(struct web_answer *answer, struct bytes octets)
{
    enum http_errno code;

    if (answer->done || answer->err.reason != REASON_OK)
        return answer->err.reason == REASON_OK;
    (void)http_parser_execute(&answer->parser, &settings, (const char *)octets.at, octets.len);
    code = HTTP_PARSER_ERRNO(&answer->parser);
    if (answer->err.reason != REASON_OK)
        return false;
    if (code != HPE_OK && code != HPE_PAUSED)
        return err_set(&answer->err, REASON_FETCH_FAILED, "no HTTP: %s",
                       http_errno_description(code));
    if (!answer->head_done)
        answer->head_len += octets.len;
    if (answer->head_len > WEB_HEAD_MAX)
        return err_set(&answer->err, REASON_FETCH_FAILED, "headers of more than %d octets",
                       WEB_HEAD_MAX);
    if (octets.len == 0 && !answer->done)
        return err_set(&answer->err, REASON_FETCH_FAILED, "the answer ended early");
    return true;
}
