/* Heads of requests: what is read, what is refused and with which status, what goes upstream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/edge/http_forward.h"
#include "gatewayd/edge/http_head.h"

#include <stdio.h>
#include <stdlib.h>

static const struct http_head_limits limits = {HTTP_LINE_MAX, HTTP_FIELDS_LEN_MAX, HTTP_FIELDS_MAX};

/* Collects and reads a head; *ret_head must be cleared when the request is no longer looked at. */
static enum http_fault read_head(struct bytes octets, struct http_head *ret_head,
                                 struct http_request *ret_request)
{
    size_t used;
    enum http_fault fault = http_head_add(ret_head, &limits, octets, &used);

    if (fault != HTTP_NONE)
        return fault;
    if (!ret_head->complete)
        fail_msg("not complete: %s", (const char *)octets.at);
    return http_request_read(writer_bytes(&ret_head->octets), ret_request);
}

#define GET  "GET / HTTP/1.1\r\nHost: a.example\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a.example\r\n"

static const struct {
    const char *name;
    const char *octets;
    unsigned status; /* 200: good */
} heads[] = {
    /* good */
    {"plain", GET "\r\n", 200},
    {"HTTP/1.0 with Host", "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n", 200},
    {"a port in Host", "GET / HTTP/1.1\r\nHost: a.example:8443\r\n\r\n", 200},
    {"an IPv6 Host", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n", 200},
    {"absolute form", "GET https://a.example/x HTTP/1.1\r\nHost: A.example\r\n\r\n", 200},
    {"absolute form without path", "GET https://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n",
     200},
    {"odd characters in a target",
     "GET /a|b\\^`{}<>\"?c=[d]&e='f' HTTP/1.1\r\nHost: a.example\r\n\r\n", 200},
    {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", 200},
    {"a length", POST "Content-Length: 5\r\n\r\n", 200},
    {"a length of zero", POST "Content-Length: 0\r\n\r\n", 200},
    {"chunks", POST "Transfer-Encoding: chunked\r\n\r\n", 200},
    {"chunks in capitals", POST "TRANSFER-ENCODING: Chunked\r\n\r\n", 200},
    {"an empty value", GET "X-Empty:\r\n\r\n", 200},
    {"a tab in a value", GET "X: a\tb\r\n\r\n", 200},
    {"UTF-8 in a value", GET "X: \xc3\xa9\r\n\r\n", 200},
    {"100-continue", POST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n", 200},
    {"PROPFIND", "PROPFIND /d HTTP/1.1\r\nHost: a.example\r\nDepth: 1\r\n\r\n", 200},
    {"keep-alive, te", GET "Connection: keep-alive, TE\r\nTE: trailers\r\n\r\n", 200},
    {"an empty element of Connection", GET "Connection: , close\r\n\r\n", 200},
    /* lengths that can be read in two ways */
    {"length and chunks", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"chunks and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"two lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
    {"two equal lengths", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"a list of lengths", POST "Content-Length: 5, 5\r\n\r\n", 400},
    {"a signed length", POST "Content-Length: +5\r\n\r\n", 400},
    {"a negative length", POST "Content-Length: -5\r\n\r\n", 400},
    {"a hexadecimal length", POST "Content-Length: 0x5\r\n\r\n", 400},
    {"an empty length", POST "Content-Length:\r\n\r\n", 400},
    {"a length with a blank inside", POST "Content-Length: 1 2\r\n\r\n", 400},
    {"a length with a dot", POST "Content-Length: 5.0\r\n\r\n", 400},
    {"a length that overflows", POST "Content-Length: 18446744073709551621\r\n\r\n", 400},
    {"a length with a vertical tab", POST "Content-Length: \v5\r\n\r\n", 400},
    {"two Transfer-Encodings",
     POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"Transfer-Encoding in HTTP/1.0",
     "POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"chunked twice in a list", POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 501},
    {"identity", POST "Transfer-Encoding: identity\r\n\r\n", 501},
    {"chunked, identity", POST "Transfer-Encoding: chunked, identity\r\n\r\n", 501},
    {"xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n", 501},
    {"quoted chunked", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 501},
    {"chunked with a parameter", POST "Transfer-Encoding: chunked;q=1\r\n\r\n", 501},
    {"an empty Transfer-Encoding", POST "Transfer-Encoding:\r\n\r\n", 501},
    {"chunked behind a vertical tab", POST "Transfer-Encoding: \vchunked\r\n\r\n", 400},
    /* the form of lines */
    {"a folded header", GET "X: a\r\n b\r\n\r\n", 400},
    {"a folded Transfer-Encoding", POST "Transfer-Encoding:\r\n chunked\r\n\r\n", 400},
    {"a header folded with a tab", GET "X: a\r\n\tb\r\n\r\n", 400},
    {"a folded line at once", "GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", 400},
    {"a blank in front of the colon", POST "Content-Length : 5\r\n\r\n", 400},
    {"a tab in front of the colon", POST "Transfer-Encoding\t: chunked\r\n\r\n", 400},
    {"no name", GET ": x\r\n\r\n", 400},
    {"no colon", GET "X\r\n\r\n", 400},
    {"a blank in a name", GET "X Y: a\r\n\r\n", 400},
    {"a parenthesis in a name", GET "X(y): a\r\n\r\n", 400},
    {"a slash in a name", GET "X/y: a\r\n\r\n", 400},
    {"UTF-8 in a name", GET "X\xc3\xa9: a\r\n\r\n", 400},
    {"a control character in a name", GET "X\001: a\r\n\r\n", 400},
    {"a control character in a value", GET "X: a\001b\r\n\r\n", 400},
    {"DEL in a value", GET "X: a\177b\r\n\r\n", 400},
    {"a LF alone behind the first line", "GET / HTTP/1.1\nHost: a.example\r\n\r\n", 400},
    {"a LF alone behind a header", "GET / HTTP/1.1\r\nHost: a.example\n\r\n", 400},
    {"a LF alone inside a value", GET "X: a\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"LF LF at the end", "GET / HTTP/1.1\r\nHost: a.example\r\n\n", 400},
    {"a CR alone inside a value", GET "X: a\rb\r\n\r\n", 400},
    {"CR CR LF", GET "X: a\r\r\n\r\n", 400},
    {"an empty line first", "\r\n" GET "\r\n", 400},
    /* the first line */
    {"two blanks", "GET  / HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"a tab instead of a blank", "GET\t/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"a blank in the target", "GET /a b HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"a blank at the end", "GET / HTTP/1.1 \r\nHost: a.example\r\n\r\n", 400},
    {"a blank first", " GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"no version", "GET /\r\nHost: a.example\r\n\r\n", 400},
    {"a version without a digit", "GET / HTTP/1.x\r\nHost: a.example\r\n\r\n", 505},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a.example\r\n\r\n", 505},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a.example\r\n\r\n", 505},
    {"HTTP/0.9", "GET / HTTP/0.9\r\nHost: a.example\r\n\r\n", 505},
    {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a.example\r\n\r\n", 400},
    {"http/1.1", "GET / http/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\n", 505},
    {"CONNECT", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", 405},
    {"TRACE", "TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n", 405},
    {"an unknown method", "BREW /pot HTTP/1.1\r\nHost: a.example\r\n\r\n", 501},
    {"a method in small letters", "get / HTTP/1.1\r\nHost: a.example\r\n\r\n", 501},
    {"a method that is no token", "G(T / HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"a fragment", "GET /a#b HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"UTF-8 in the target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"a relative target", "GET a/b HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"* with GET", "GET * HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    /* Host */
    {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 400},
    {"two Hosts", GET "Host: b.example\r\n\r\n", 400},
    {"two equal Hosts", GET "Host: a.example\r\n\r\n", 400},
    {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"a list in Host", "GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", 400},
    {"a user in Host", "GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n", 400},
    {"a path in Host", "GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n", 400},
    {"a bad port", "GET / HTTP/1.1\r\nHost: a.example:x\r\n\r\n", 400},
    {"an empty port", "GET / HTTP/1.1\r\nHost: a.example:\r\n\r\n", 400},
    {"a port that is too large", "GET / HTTP/1.1\r\nHost: a.example:65536\r\n\r\n", 400},
    {"half an IPv6 address", "GET / HTTP/1.1\r\nHost: [2001:db8::1\r\n\r\n", 400},
    {"another authority", "GET https://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"an authority with another port",
     "GET https://a.example:1/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"an authority with a user", "GET https://u@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
     400},
    {"another scheme", "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    {"absolute form with a query at once",
     "GET https://a.example?x HTTP/1.1\r\nHost: a.example\r\n\r\n", 400},
    /* the rest */
    {"another expectation", POST "Expect: the-best\r\n\r\n", 417},
    {"Connection: Host", GET "Connection: Host\r\n\r\n", 400},
    {"Connection: Content-Length", POST "Content-Length: 3\r\nConnection: content-length\r\n\r\n",
     400},
    {"Connection: Cookie", GET "Connection: close, Cookie\r\n\r\n", 400},
    {"Connection that is no list of tokens", GET "Connection: a b\r\n\r\n", 400},
};

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct http_head head = {0};
        struct http_request request;
        enum http_fault fault = read_head(bytes_of(heads[i].octets), &head, &request);

        if (http_fault_row(fault)->status != heads[i].status)
            fail_msg("%s: %u (%s)", heads[i].name, http_fault_row(fault)->status,
                     http_fault_row(fault)->text);
        http_head_clear(&head);
    }
}

static void test_nul(void **state)
{
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a.example\r\nX: a\0b\r\n\r\n";
    struct http_head head = {0};
    struct http_request request;

    (void)state;
    assert_int_equal(
        read_head((struct bytes){(const uint8_t *)nul, sizeof(nul) - 1}, &head, &request),
        HTTP_CONTROL);
    http_head_clear(&head);
}

/* --- limits ----------------------------------------------------------------------------------- */

static enum http_fault add_repeated(struct http_head *head, const char *part, size_t times)
{
    enum http_fault fault = HTTP_NONE;

    for (size_t i = 0; i < times && fault == HTTP_NONE; i++) {
        size_t used;

        fault = http_head_add(head, &limits, bytes_of(part), &used);
    }
    return fault;
}

static void test_limits(void **state)
{
    struct http_head head = {0};

    (void)state;
    assert_int_equal(add_repeated(&head, "GET /", 1), HTTP_NONE);
    assert_int_equal(add_repeated(&head, "x", HTTP_LINE_MAX - 5), HTTP_NONE);
    assert_int_equal(add_repeated(&head, "x", 1), HTTP_LINE_LONG);
    http_head_clear(&head);
    assert_int_equal(add_repeated(&head, GET, 1), HTTP_NONE);
    assert_int_equal(add_repeated(&head, "X: a\r\n", HTTP_FIELDS_MAX - 1), HTTP_NONE);
    assert_int_equal(add_repeated(&head, "X: a\r\n", 1), HTTP_FIELDS_MANY);
    http_head_clear(&head);
    assert_int_equal(add_repeated(&head, GET, 1), HTTP_NONE);
    assert_int_equal(add_repeated(&head, "X", HTTP_FIELDS_LEN_MAX), HTTP_FIELDS_LONG);
    http_head_clear(&head);
}

/* A head is refused in pieces as it is in one. */
static void test_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct http_head whole = {0}, pieces = {0};
        struct http_request request;
        enum http_fault expected = read_head(bytes_of(heads[i].octets), &whole, &request);
        enum http_fault fault = HTTP_NONE;

        for (const char *at = heads[i].octets; *at && fault == HTTP_NONE && !pieces.complete;
             at++) {
            size_t used;

            fault = http_head_add(&pieces, &limits, (struct bytes){(const uint8_t *)at, 1}, &used);
        }
        if (fault == HTTP_NONE)
            fault = http_request_read(writer_bytes(&pieces.octets), &request);
        if (fault != expected)
            fail_msg("%s: %d and %d", heads[i].name, fault, expected);
        http_head_clear(&whole);
        http_head_clear(&pieces);
    }
}

/* --- what goes upstream ----------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool ours;
} names[] = {
    {"Client-Cert", true},
    {"client-cert", true},
    {"Client_Cert", true},
    {"CLIENT_CERT_CHAIN", true},
    {"X-Gateway-User", true},
    {"x_gateway_user", true},
    {"X-Gateway_Groups", true},
    {"X-Gateway-Anything-Later", true},
    {"X.Gateway.User", true},
    {"X+Gateway+Groups", true},
    {"X-Gateway~User", true},
    {"x!gateway#user", true},
    {"Remote.User", true},
    {"Client|Cert", true},
    {"X-WebAuth-User", true},
    {"X-WEBAUTH_USER", true},
    {"X-Auth-Request-User", true},
    {"X-Auth-Request-Email", true},
    {"X_Auth.Request_Groups", true},
    {"X-Client-DN", true},
    {"X-SSL-Client-S-DN", true},
    {"SSL-Client-Verify", true},
    {"True-Client-IP", true},
    {"True_Client_IP", true},
    {"X.Real.IP", true},
    {"X-Forwarded-For", true},
    {"X_Forwarded_For", true},
    {"X-Forwarded-Client-Cert", true},
    {"X-Forwarded-User", true},
    {"Forwarded", true},
    {"X-Real-IP", true},
    {"SSL_CLIENT_S_DN", true},
    {"X-SSL-Client-CN", true},
    {"Remote-User", true},
    {"X-Remote-User", true},
    {"Proxy", true},
    {"Client-Certain", false},
    {"XGatewayUser", false},
    {"X-Gateway", false},
    {"X--Gateway-User", false},
    {"X-WebAuth-Users", false},
    {"X-Auth-Requests", false},
    {"X-Client-DNS", false},
    {"True-Client-IPs", false},
    {"X-Auth-Token", false},
    {"Remote.Users", false},
    {"Client", false},
    {"Forwarded-To", false},
    {"X-Gatewa", false},
    {"Proxy-Thing", false},
    {"Cookie", false},
    {"Authorization", false},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (http_is_ours(bytes_of(names[i].name)) != names[i].ours)
            fail_msg("%s", names[i].name);
}

/* The certificates of RFC 9440 appendix A are long; any octets show the encoding. */
static const struct http_client client = {
    .session = {{0x01}},
    .user = {(const uint8_t *)"al,\r\nice", 8},
    .groups = {(const uint8_t *)"\0\1a\0\7b\"c,d e", 12},
    .rule = {(const uint8_t *)"staff", 5},
    .leaf = {(const uint8_t *)"\x30\x03\x01\x02\xff", 5},
    .chain = {{(const uint8_t *)"\x30\x01\x41", 3}, {(const uint8_t *)"\x30\x01\x42", 3}},
    .n_chain = 2,
    .port = 8443,
};

static const struct {
    const char *name, *request, *upstream; /* without our headers */
} forwarded[] = {
    {"as it is", GET "Accept: */*\r\n\r\n", GET "Accept: */*\r\n"},
    {"ours are dropped",
     GET "X-Gateway-User: root\r\nx_gateway_user: root\r\nClient-Cert: :AA==:\r\nX: y\r\n\r\n",
     GET "X: y\r\n"},
    {"hop-by-hop headers are dropped",
     GET "Connection: X-Hop, close\r\nx-hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nY: z\r\n\r\n",
     GET "Y: z\r\nConnection: close\r\n"},
    {"the name of one in another spelling too",
     POST "Content-Length: 5\r\nContent_Length: 6\r\nTransfer_Encoding: chunked\r\n\r\n",
     POST "Content-Length: 5\r\nConnection: close\r\n"},
    {"blanks around values", GET "X:  \ta b \t\r\n\r\n", GET "X: a b\r\n"},
    {"chunks", POST "Transfer-Encoding: Chunked\r\nTrailer: X\r\n\r\n",
     POST "Transfer-Encoding: chunked\r\nConnection: close\r\n"},
    {"a websocket",
     GET "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
     GET "Sec-WebSocket-Version: 13\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"},
    {"no other upgrade",
     GET "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
         "HTTP2-Settings: AA\r\n\r\n",
     GET},
    {"no two upgrades", GET "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
     GET},
    {"no upgrade with a body",
     GET "Content-Length: 1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
     GET "Content-Length: 1\r\nConnection: close\r\n"},
    {"no upgrade that Connection does not name", GET "Upgrade: websocket\r\n\r\n", GET},
    {"absolute form", "GET https://a.example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n",
     "GET /x?y HTTP/1.1\r\nHost: a.example\r\n"},
    {"HTTP/1.0 ends", "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n",
     "GET / HTTP/1.0\r\nHost: a.example\r\nConnection: close\r\n"},
    {"HTTP/1.0 goes on", "GET / HTTP/1.0\r\nHost: a.example\r\nConnection: Keep-Alive\r\n\r\n",
     "GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n"},
};

static const char our_lines[] = "X-Forwarded-Host: a.example\r\n"
                                "Client-Cert: :MAMBAv8=:\r\n"
                                "Client-Cert-Chain: :MAFB:, :MAFC:\r\n"
                                "X-Gateway-Session: 01000000000000000000000000000000\r\n"
                                "X-Gateway-User: al%2C%0D%0Aice\r\n"
                                "X-Gateway-Groups: \"a\", \"b%22c%2Cd e\"\r\n"
                                "X-Gateway-Rule: staff\r\n"
                                "X-Forwarded-Proto: https\r\n"
                                "X-Forwarded-Port: 8443\r\n"
                                "\r\n";

static void test_forwarded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forwarded); i++) {
        AUTO(writer_clear) struct writer out = writer_new(64 * 1024);
        char expected[4096];
        struct http_head head = {0};
        struct http_request request;

        if (read_head(bytes_of(forwarded[i].request), &head, &request) != HTTP_NONE)
            fail_msg("%s", forwarded[i].name);
        http_forward(&request, &client, &out);
        (void)snprintf(expected, sizeof(expected), "%s%s", forwarded[i].upstream, our_lines);
        if (!bytes_equal(writer_bytes(&out), bytes_of(expected)))
            fail_msg("%s: %.*s", forwarded[i].name, (int)out.len, (const char *)out.at);
        http_head_clear(&head);
    }
}

/* What does not fit is refused whole, never cut. */
static void test_forwarded_too_long(void **state)
{
    AUTO(writer_clear) struct writer whole = writer_new(64 * 1024);
    struct http_head head = {0};
    struct http_request request;

    (void)state;
    assert_int_equal(read_head(bytes_of(GET "X: y\r\n\r\n"), &head, &request), HTTP_NONE);
    http_forward(&request, &client, &whole);
    assert_true(writer_ok(&whole));
    for (size_t max = 1; max < whole.len; max++) {
        AUTO(writer_clear) struct writer out = writer_new(max);

        http_forward(&request, &client, &out);
        assert_false(writer_ok(&out));
    }
    http_head_clear(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_forwarded_too_long),
    };

    return cmocka_run_group_tests_name("http_request", tests, NULL, NULL);
}
