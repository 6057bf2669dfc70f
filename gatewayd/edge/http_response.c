/*
 * Heads of responses. Runs in an edge on what an upstream sends; it may be broken or taken over,
 * and must not be able to answer the next request before that was asked.
 */
#include "gatewayd/edge/http_response.h"

#include "gatewayd/edge/http_head.h"

#include <http_parser.h>

/* status-line := "HTTP/1." digit SP 3DIGIT [SP phrase] (RFC 9112 4) */
static bool read_line(struct bytes line, struct http_response *response, unsigned *ret_minor)
{
    enum { PREFIX = 7, UP_TO_STATUS = 9, LEAST = 12 };
    unsigned status = 0;

    if (line.len < LEAST || memcmp(line.at, "HTTP/1.", PREFIX) != 0 || line.at[8] != ' ' ||
        (line.at[7] != '0' && line.at[7] != '1') || (line.len > LEAST && line.at[LEAST] != ' '))
        return false;
    for (size_t i = UP_TO_STATUS; i < LEAST; i++) {
        if (line.at[i] < '0' || line.at[i] > '9')
            return false;
        status = status * 10 + (unsigned)(line.at[i] - '0');
    }
    response->status = status;
    response->status_text = (struct bytes){line.at + UP_TO_STATUS, line.len - UP_TO_STATUS};
    *ret_minor = (unsigned)(line.at[7] - '0');
    return status >= 100 && status <= 599;
}

/* Headers of a response that frame it. */
struct framing_fields {
    size_t n_lengths, n_codings, n_upgrades;
    struct bytes length, coding, upgrade;
};

static void find_fields(const struct http_field *fields, size_t n, struct framing_fields *ret_found)
{
    struct framing_fields found = {0};

    for (size_t i = 0; i < n; i++) {
        if (http_is(fields[i].name, "content-length")) {
            found.length = fields[i].value;
            found.n_lengths++;
        } else if (http_is(fields[i].name, "transfer-encoding")) {
            found.coding = fields[i].value;
            found.n_codings++;
        } else if (http_is(fields[i].name, "upgrade")) {
            found.upgrade = fields[i].value;
            found.n_upgrades++;
        }
    }
    *ret_found = found;
}

/* RFC 9112 6.3 from the other end; *ret_length is what Content-Length says. */
static bool read_framing(const struct framing_fields *found, unsigned minor,
                         const struct http_question *question, struct http_response *response)
{
    bool has_body = !response->interim && response->status != 204 && response->status != 304;

    if (found->n_lengths > 1 || found->n_codings > 1 || (found->n_lengths && found->n_codings))
        return false;
    if (found->n_lengths && !http_read_length(found->length, &response->length))
        return false;
    response->has_length = found->n_lengths > 0 && (has_body || response->status == 304);
    if (found->n_codings && (!http_is(found->coding, "chunked") || minor == 0 ||
                             question->minor == 0 || (!has_body && response->status != 304)))
        return false;
    if (!has_body && response->status != 304 && response->length > 0)
        return false;
    if (!has_body || question->is_head)
        response->framing = HTTP_NO_BODY;
    else if (found->n_codings)
        response->framing = HTTP_BY_CHUNKS;
    else
        response->framing = found->n_lengths ? HTTP_BY_LENGTH : HTTP_UNTIL_CLOSE;
    return true;
}

static bool may_switch(const struct framing_fields *found, unsigned minor,
                       const struct http_question *question)
{
    return question->websocket && minor == 1 && found->n_upgrades == 1 &&
           http_is(found->upgrade, "websocket") && !found->n_codings && !found->n_lengths;
}

/* HTTP/1.0 goes on only where it says so, 1.1 unless it says that it does not (RFC 9112 9.3). */
static bool closes(const struct http_response *response, unsigned minor)
{
    bool closes = minor == 0;

    for (size_t i = 0; i < response->n_fields; i++) {
        struct bytes list = response->fields[i].value, option;

        if (!http_is(response->fields[i].name, "connection"))
            continue;
        while (http_next_element(&list, &option)) {
            if (http_is(option, "close"))
                return true;
            if (http_is(option, "keep-alive"))
                closes = false;
        }
    }
    return closes;
}

static bool parser_agrees(struct bytes head, unsigned status)
{
    http_parser_settings settings;
    http_parser parser;
    size_t n;

    http_parser_settings_init(&settings);
    http_parser_init(&parser, HTTP_RESPONSE);
    n = http_parser_execute(&parser, &settings, (const char *)head.at, head.len);
    return HTTP_PARSER_ERRNO(&parser) == HPE_OK && n == head.len && parser.status_code == status;
}

enum http_fault http_response_read(struct bytes head, const struct http_question *question,
                                   struct http_response *ret_response)
{
    struct http_response response = {0};
    struct framing_fields found;
    struct bytes line;
    unsigned minor;

    if (http_head_split(head, &line, response.fields, HTTP_ANSWER_FIELDS_MAX, &response.n_fields) !=
            HTTP_NONE ||
        !read_line(line, &response, &minor))
        return HTTP_ANSWER;
    response.interim = response.status < 200;
    find_fields(response.fields, response.n_fields, &found);
    response.close = closes(&response, minor);
    if (response.status == 101) {
        if (!may_switch(&found, minor, question))
            return HTTP_ANSWER;
        response.framing = HTTP_SWITCHED;
        response.interim = false;
    } else if (!read_framing(&found, minor, question, &response)) {
        return HTTP_ANSWER;
    }
    if (!parser_agrees(head, response.status))
        return HTTP_ANSWER;
    *ret_response = response;
    return HTTP_NONE;
}
