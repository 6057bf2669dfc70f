/*
 * Heads of requests. Runs in an edge on what a client with a good certificate sends, which may
 * still be another one's words: whatever two programs could read in two ways is refused (RFC
 * 9112 11.2).
 */
#include "gatewayd/edge/http_request.h"

#include "gatewayd/edge/http_head.h"

#include <http_parser.h>

enum { HOST_MAX = 253 + 6 }; /* octets of Host: a name, a colon, a port */

/* --- the first line --------------------------------------------------------------------------- */

/* request-line := method SP target SP "HTTP/1." digit, one blank each (RFC 9112 3) */
static enum http_fault read_line(struct bytes line, struct http_request *request)
{
    const uint8_t *blank = memchr(line.at, ' ', line.len);
    const uint8_t *last = memrchr(line.at, ' ', line.len);
    struct bytes version;

    if (!blank || blank == last)
        return HTTP_LINE;
    request->method = (struct bytes){line.at, (size_t)(blank - line.at)};
    request->target = (struct bytes){blank + 1, (size_t)(last - blank - 1)};
    version = (struct bytes){last + 1, (size_t)(line.at + line.len - last - 1)};
    if (!http_is_token(request->method) || request->target.len == 0)
        return HTTP_LINE;
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 || version.at[6] != '.')
        return HTTP_LINE;
    request->minor = (unsigned)(version.at[7] - '0');
    if (version.at[5] != '1' || request->minor > 1)
        return HTTP_VERSION;
    for (size_t i = 0; i < request->target.len; i++)
        if (request->target.at[i] <= ' ' || request->target.at[i] >= 0x7f ||
            request->target.at[i] == '#')
            return HTTP_TARGET;
    return HTTP_NONE;
}

static enum http_fault check_method(struct http_request *request)
{
    struct bytes method = request->method;

    if (bytes_equal(method, bytes_of("CONNECT")) || bytes_equal(method, bytes_of("TRACE")))
        return HTTP_METHOD;
    request->is_head = bytes_equal(method, bytes_of("HEAD"));
    return HTTP_NONE;
}

/* --- Host and target -------------------------------------------------------------------------- */

static bool is_name(struct bytes name)
{
    bool v6 = name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']';

    for (size_t i = v6 ? 1 : 0; i < name.len - (v6 ? 1 : 0); i++) {
        uint8_t octet = name.at[i];

        if (v6 ? !strchr("0123456789abcdefABCDEF:.", octet) || octet == 0
               : !http_is_token_octet(octet) || strchr("!#$%&'*+^`|~", octet))
            return false;
    }
    return name.len > 0;
}

struct bytes http_host_name(struct bytes host)
{
    const uint8_t *colon = host.len > 0 ? memrchr(host.at, ':', host.len) : NULL;
    const uint8_t *bracket = host.len > 0 ? memrchr(host.at, ']', host.len) : NULL;

    if (colon && (!bracket || colon > bracket))
        host.len = (size_t)(colon - host.at);
    return host;
}

/* Host := name [":" port]; no user, no blank, nothing percent-encoded (RFC 9110 7.2) */
static bool is_host(struct bytes host)
{
    struct bytes name = http_host_name(host);
    struct bytes port = {host.at + name.len, host.len - name.len};
    uint64_t number;

    if (host.len > HOST_MAX || !is_name(name))
        return false;
    if (port.len == 0)
        return true;
    return http_read_length((struct bytes){port.at + 1, port.len - 1}, &number) && number > 0 &&
           number <= UINT16_MAX;
}

static bool same_host(struct bytes a, struct bytes b)
{
    char text[HOST_MAX + 1];

    if (b.len > HOST_MAX)
        return false;
    memcpy(text, b.at, b.len);
    text[b.len] = '\0';
    return http_is(a, text);
}

/* absolute-form becomes origin-form; its authority must be the Host (RFC 9112 3.2.2) */
static enum http_fault check_target(struct http_request *request)
{
    static const char scheme[] = "https://";
    struct bytes target = request->target, authority;
    size_t skip = sizeof(scheme) - 1;

    if (target.at[0] == '/')
        return HTTP_NONE;
    if (bytes_equal(target, bytes_of("*")))
        return bytes_equal(request->method, bytes_of("OPTIONS")) ? HTTP_NONE : HTTP_TARGET;
    if (target.len <= skip || !http_is((struct bytes){target.at, skip}, scheme))
        return HTTP_TARGET;
    authority = (struct bytes){target.at + skip, 0};
    while (skip + authority.len < target.len && !strchr("/?", authority.at[authority.len]))
        authority.len++;
    skip += authority.len;
    if (!same_host(authority, request->host))
        return HTTP_AUTHORITY;
    request->target = (struct bytes){target.at + skip, target.len - skip};
    if (request->target.len == 0)
        request->target = bytes_of("/");
    return request->target.at[0] == '/' ? HTTP_NONE : HTTP_TARGET;
}

static enum http_fault read_host(struct http_request *request)
{
    size_t n = 0;

    for (size_t i = 0; i < request->n_fields; i++) {
        if (!http_is(request->fields[i].name, "host"))
            continue;
        request->host = request->fields[i].value;
        n++;
    }
    if (n != 1 || !is_host(request->host))
        return HTTP_HOST;
    return check_target(request);
}

/* --- framing ---------------------------------------------------------------------------------- */

/* RFC 9112 6.3, without any of its mercy. */
static enum http_fault read_framing(struct http_request *request)
{
    size_t n_lengths = 0, n_codings = 0;
    struct bytes length = {NULL, 0}, coding = {NULL, 0};

    for (size_t i = 0; i < request->n_fields; i++) {
        if (http_is(request->fields[i].name, "content-length")) {
            length = request->fields[i].value;
            n_lengths++;
        } else if (http_is(request->fields[i].name, "transfer-encoding")) {
            coding = request->fields[i].value;
            n_codings++;
        }
    }
    if (n_lengths > 0 && n_codings > 0)
        return HTTP_TWO_LENGTHS;
    if (n_codings > 1 || (n_codings > 0 && request->minor == 0))
        return HTTP_CODINGS;
    if (n_codings == 1 && !http_is(coding, "chunked"))
        return HTTP_CODING;
    if (n_lengths > 1 || (n_lengths == 1 && !http_read_length(length, &request->length)))
        return HTTP_LENGTH;
    request->framing = n_codings ? HTTP_BY_CHUNKS : n_lengths ? HTTP_BY_LENGTH : HTTP_NO_BODY;
    return HTTP_NONE;
}

static enum http_fault read_expectations(const struct http_request *request)
{
    for (size_t i = 0; i < request->n_fields; i++)
        if (http_is(request->fields[i].name, "expect") &&
            !http_is(request->fields[i].value, "100-continue"))
            return HTTP_EXPECT;
    return HTTP_NONE;
}

/* --- Connection ------------------------------------------------------------------------------- */

/* Headers that no client may have removed on the way by naming them in Connection. */
static bool is_indispensable(struct bytes name)
{
    return http_is(name, "host") || http_is(name, "content-length") ||
           http_is(name, "transfer-encoding") || http_is(name, "cookie") ||
           http_is(name, "authorization");
}

static enum http_fault take_option(struct http_request *request, struct bytes option,
                                   bool *ret_upgrade)
{
    if (!http_is_token(option) || is_indispensable(option) ||
        request->n_connection == HTTP_FIELDS_MAX)
        return HTTP_CONNECTION;
    if (http_is(option, "close"))
        request->close = true;
    else if (http_is(option, "keep-alive"))
        request->keep_alive = request->minor == 0;
    else if (http_is(option, "upgrade"))
        *ret_upgrade = true;
    else
        request->connection[request->n_connection++] = option;
    return HTTP_NONE;
}

static bool upgrades_to_websocket(const struct http_request *request)
{
    size_t n = 0;
    bool websocket = false;

    for (size_t i = 0; i < request->n_fields; i++) {
        if (!http_is(request->fields[i].name, "upgrade"))
            continue;
        websocket = http_is(request->fields[i].value, "websocket");
        n++;
    }
    return n == 1 && websocket;
}

bool http_request_has_body(const struct http_request *request)
{
    return request->framing == HTTP_BY_CHUNKS || request->length > 0;
}

static enum http_fault read_connection(struct http_request *request)
{
    bool upgrade = false;

    for (size_t i = 0; i < request->n_fields; i++) {
        struct bytes list = request->fields[i].value, option;

        if (!http_is(request->fields[i].name, "connection"))
            continue;
        while (http_next_element(&list, &option)) {
            enum http_fault fault = take_option(request, option, &upgrade);

            if (fault != HTTP_NONE)
                return fault;
        }
    }
    if (request->minor == 0 && !request->keep_alive)
        request->close = true;
    request->websocket = upgrade && request->minor == 1 && request->framing == HTTP_NO_BODY &&
                         bytes_equal(request->method, bytes_of("GET")) &&
                         upgrades_to_websocket(request);
    return HTTP_NONE;
}

/* --- the other parser ------------------------------------------------------------------------- */

/* What http_parser saw; compared with what we saw. */
struct seen {
    const struct http_request *request;
    size_t n_fields;
    bool differs, complete;
};

static int saw_name(http_parser *parser, const char *at, size_t len)
{
    struct seen *seen = parser->data;
    struct bytes name = {(const uint8_t *)at, len};

    if (seen->n_fields >= seen->request->n_fields ||
        !bytes_equal(seen->request->fields[seen->n_fields].name, name))
        seen->differs = true;
    seen->n_fields++;
    return 0;
}

static int saw_end(http_parser *parser)
{
    struct seen *seen = parser->data;
    const struct http_request *request = seen->request;
    bool chunked = (parser->flags & F_CHUNKED) != 0;
    bool length = parser->content_length != UINT64_MAX && !chunked;

    seen->complete = true;
    if (parser->http_major != 1 || parser->http_minor != request->minor ||
        seen->n_fields != request->n_fields || chunked != (request->framing == HTTP_BY_CHUNKS) ||
        length != (request->framing == HTTP_BY_LENGTH) ||
        (length && parser->content_length != request->length) ||
        !bytes_equal(request->method, bytes_of(http_method_str((enum http_method)parser->method))))
        seen->differs = true;
    return 0;
}

static enum http_fault ask_parser(struct bytes head, const struct http_request *request)
{
    struct seen seen = {.request = request};
    http_parser_settings settings;
    http_parser parser;
    size_t n;

    http_parser_settings_init(&settings);
    settings.on_header_field = saw_name;
    settings.on_headers_complete = saw_end;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &seen;
    n = http_parser_execute(&parser, &settings, (const char *)head.at, head.len);
    if (HTTP_PARSER_ERRNO(&parser) == HPE_INVALID_METHOD)
        return HTTP_METHOD_UNKNOWN;
    if (HTTP_PARSER_ERRNO(&parser) != HPE_OK || n != head.len || seen.differs || !seen.complete)
        return HTTP_PARSER;
    return HTTP_NONE;
}

/* --- all of it -------------------------------------------------------------------------------- */

enum http_fault http_request_read(struct bytes head, struct http_request *ret_request)
{
    struct http_request request = {.minor = 1};
    struct bytes line;
    enum http_fault fault =
        http_head_split(head, &line, request.fields, HTTP_FIELDS_MAX, &request.n_fields);
    static enum http_fault (*const steps[])(struct http_request * request) = {
        check_method, read_framing, read_host, read_connection};

    if (fault != HTTP_NONE)
        return fault;
    fault = read_line(line, &request);
    for (size_t i = 0; i < ARRAY_LEN(steps) && fault == HTTP_NONE; i++)
        fault = steps[i](&request);
    if (fault == HTTP_NONE)
        fault = read_expectations(&request);
    if (fault == HTTP_NONE)
        fault = ask_parser(head, &request);
    if (fault == HTTP_NONE)
        *ret_request = request;
    return fault;
}
