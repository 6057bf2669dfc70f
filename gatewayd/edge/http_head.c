/*
 * Heads of messages, octet by octet. Runs in an edge on what clients and upstreams send; lines end
 * in CR LF and in nothing else (RFC 9112 2.2 would allow a LF alone: that is how requests are
 * smuggled).
 */
#include "gatewayd/edge/http_head.h"

void http_head_clear(struct http_head *head)
{
    writer_clear(&head->octets);
    *head = (struct http_head){0};
}

/* A line has ended behind the octet `end`. */
static enum http_fault end_line(struct http_head *head, const struct http_head_limits *limits,
                                size_t end)
{
    size_t len = end - head->line_begin - 2;

    if (head->first_len == 0) {
        head->first_len = end;
        if (len == 0)
            return HTTP_LINE;
    } else if (len == 0) {
        head->complete = true;
    } else if (++head->n_fields > limits->fields) {
        return HTTP_FIELDS_MANY;
    }
    head->line_begin = end;
    return HTTP_NONE;
}

static enum http_fault check_room(const struct http_head *head,
                                  const struct http_head_limits *limits, size_t len)
{
    if (head->first_len == 0)
        return len > limits->line_len ? HTTP_LINE_LONG : HTTP_NONE;
    return len - head->first_len > limits->fields_len ? HTTP_FIELDS_LONG : HTTP_NONE;
}

enum http_fault http_head_add(struct http_head *head, const struct http_head_limits *limits,
                              struct bytes in, size_t *ret_used)
{
    size_t before = head->octets.len, used = 0;
    uint8_t last = before > 0 ? head->octets.at[before - 1] : 0;
    enum http_fault fault = HTTP_NONE;

    if (head->octets.max == 0)
        head->octets = writer_new(limits->line_len + limits->fields_len + 2);
    while (used < in.len && !head->complete && fault == HTTP_NONE) {
        uint8_t octet = in.at[used++];

        if (octet == 0 || (last == '\r') != (octet == '\n'))
            return HTTP_CONTROL;
        last = octet;
        fault = check_room(head, limits, before + used);
        if (fault == HTTP_NONE && octet == '\n')
            fault = end_line(head, limits, before + used);
    }
    writer_put(&head->octets, (struct bytes){in.at, used});
    *ret_used = used;
    return fault == HTTP_NONE && !writer_ok(&head->octets) ? HTTP_FIELDS_LONG : fault;
}

/* The next line without its CR LF. The head is complete: each line has one. */
static struct bytes next_line(struct bytes *rest)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->at, '\r', rest->len) : NULL;
    struct bytes line = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t len = line.len + 2 < rest->len ? line.len + 2 : rest->len;

    rest->at += len;
    rest->len -= len;
    return line;
}

static bool is_value(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.at[i] < ' ' && text.at[i] != '\t') || text.at[i] == 0x7f)
            return false;
    return true;
}

/* field-line := token ":" OWS value OWS; a blank in front of the colon is no token (RFC 9112 5.1)
 */
static enum http_fault read_field(struct bytes line, struct http_field *ret_field)
{
    const uint8_t *colon = memchr(line.at, ':', line.len);

    if (line.at[0] == ' ' || line.at[0] == '\t')
        return HTTP_FOLDED;
    if (!colon)
        return HTTP_NAME;
    ret_field->name = (struct bytes){line.at, (size_t)(colon - line.at)};
    ret_field->value = http_trim((struct bytes){colon + 1, line.len - ret_field->name.len - 1});
    if (!http_is_token(ret_field->name))
        return HTTP_NAME;
    return is_value(ret_field->value) ? HTTP_NONE : HTTP_CONTROL;
}

enum http_fault http_head_split(struct bytes head, struct bytes *ret_line,
                                struct http_field *ret_fields, size_t max, size_t *ret_n)
{
    struct bytes rest = head, line;
    size_t n = 0;

    *ret_line = next_line(&rest);
    if (!is_value(*ret_line))
        return HTTP_CONTROL;
    for (line = next_line(&rest); line.len > 0; line = next_line(&rest)) {
        enum http_fault fault;

        if (n == max)
            return HTTP_FIELDS_MANY;
        fault = read_field(line, &ret_fields[n]);
        if (fault != HTTP_NONE)
            return fault;
        n++;
    }
    *ret_n = n;
    return HTTP_NONE;
}
