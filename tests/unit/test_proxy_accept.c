/* PROXY headers, versions 1 and 2: what is read, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/edge/postgres.h"
#include "gatewayd/edge/proxy_accept.h"

#include <stdio.h>
#include <stdlib.h>

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES "\300\0\2\7\300\0\2\10\1\2\40\373" /* 192.0.2.7:258 192.0.2.8:8443 */

static const struct {
    const char *name;
    enum config_accept_proxy version;
    struct bytes octets;
    enum proxy_progress progress;
    const char *source; /* of PROXY_DONE; NULL: local */
} headers[] = {
    {"version 1", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 192.0.2.7 192.0.2.8 258 8443\r\n"),
     PROXY_DONE, "192.0.2.7:258"},
    {"version 1, IPv6", CONFIG_ACCEPT_PROXY_V1,
     B("PROXY TCP6 2001:db8::7 2001:db8::8 258 8443\r\n"), PROXY_DONE, "[2001:db8::7]:258"},
    {"nothing yet", CONFIG_ACCEPT_PROXY_V1, B(""), PROXY_MORE, NULL},
    {"a part of version 1", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 192.0.2.7 192."), PROXY_MORE,
     NULL},
    {"all but the LF", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 192.0.2.7 192.0.2.8 258 8443\r"),
     PROXY_MORE, NULL},
    {"UNKNOWN", CONFIG_ACCEPT_PROXY_V1, B("PROXY UNKNOWN\r\n"), PROXY_BAD, NULL},
    {"UNKNOWN with addresses", CONFIG_ACCEPT_PROXY_V1,
     B("PROXY UNKNOWN 192.0.2.7 192.0.2.8 258 8443\r\n"), PROXY_BAD, NULL},
    {"small letters", CONFIG_ACCEPT_PROXY_V1, B("proxy "), PROXY_BAD, NULL},
    {"TLS", CONFIG_ACCEPT_PROXY_V1, B("\26\3\1"), PROXY_BAD, NULL},
    {"a LF alone", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 192.0.2.7 192.0.2.8 258 8443\n"),
     PROXY_BAD, NULL},
    {"octets behind", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 192.0.2.7 192.0.2.8 258 8443\r\nx"),
     PROXY_BAD, NULL},
    {"IPv6 as TCP4", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 2001:db8::7 2001:db8::8 258 8443\r\n"),
     PROXY_BAD, NULL},
    {"IPv4 as TCP6", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP6 192.0.2.7 192.0.2.8 258 8443\r\n"),
     PROXY_BAD, NULL},
    {"mapped IPv4 as TCP6", CONFIG_ACCEPT_PROXY_V1,
     B("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 258 8443\r\n"), PROXY_BAD, NULL},
    {"two blanks", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4  192.0.2.7 192.0.2.8 258 8443\r\n"),
     PROXY_BAD, NULL},
    {"a blank at the end", CONFIG_ACCEPT_PROXY_V1,
     B("PROXY TCP4 192.0.2.7 192.0.2.8 258 8443 \r\n"), PROXY_BAD, NULL},
    {"a word too many", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 192.0.2.7 192.0.2.8 258 8443 1\r\n"),
     PROXY_BAD, NULL},
    {"no ports", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 192.0.2.7 192.0.2.8\r\n"), PROXY_BAD, NULL},
    {"a large port", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 192.0.2.7 192.0.2.8 65536 8443\r\n"),
     PROXY_BAD, NULL},
    {"a leading zero", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 192.0.2.7 192.0.2.8 0258 8443\r\n"),
     PROXY_BAD, NULL},
    {"a name", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 a.example 192.0.2.8 258 8443\r\n"), PROXY_BAD,
     NULL},
    {"a NUL", CONFIG_ACCEPT_PROXY_V1, B("PROXY TCP4 192.0.2.7\0 192.0.2.8 258 8443\r\n"), PROXY_BAD,
     NULL},
    {"version 2 where 1 is expected", CONFIG_ACCEPT_PROXY_V1,
     B(SIGNATURE "\x21\x11\0\14" ADDRESSES), PROXY_BAD, NULL},

    {"version 2", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x21\x11\0\14" ADDRESSES), PROXY_DONE,
     "192.0.2.7:258"},
    {"version 2, IPv6", CONFIG_ACCEPT_PROXY_V2,
     B(SIGNATURE "\x21\x21\0\44\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7\x20\1\xd\xb8\0\0\0\0\0\0\0\0"
                 "\0\0\0\10\1\2\40\373"),
     PROXY_DONE, "[2001:db8::7]:258"},
    {"with TLVs", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x21\x11\0\23" ADDRESSES "\1\0\1x\4\0\0"),
     PROXY_DONE, "192.0.2.7:258"},
    {"LOCAL", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x20\0\0\0"), PROXY_DONE, NULL},
    {"LOCAL with anything", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x20\x11\0\2xy"), PROXY_DONE,
     NULL},
    {"a part of the signature", CONFIG_ACCEPT_PROXY_V2, B("\r\n\r\n"), PROXY_MORE, NULL},
    {"a part of the addresses", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x21\x11\0\14\300\0"),
     PROXY_MORE, NULL},
    {"a part of the TLVs", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x21\x11\0\23" ADDRESSES "\1\0\1"),
     PROXY_MORE, NULL},
    {"another signature", CONFIG_ACCEPT_PROXY_V2, B("\r\n\r\n\0\r\nQUIT\r"), PROXY_BAD, NULL},
    {"TLS in version 2", CONFIG_ACCEPT_PROXY_V2, B("\26\3\1"), PROXY_BAD, NULL},
    {"version 1 where 2 is expected", CONFIG_ACCEPT_PROXY_V2, B("PROXY TCP4"), PROXY_BAD, NULL},
    {"version 3", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x31\x11\0\14" ADDRESSES), PROXY_BAD, NULL},
    {"an unknown command", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x22\x11\0\14" ADDRESSES),
     PROXY_BAD, NULL},
    {"no family", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x21\0\0\14" ADDRESSES), PROXY_BAD, NULL},
    {"UDP", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x21\x12\0\14" ADDRESSES), PROXY_BAD, NULL},
    {"a unix socket", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x21\x31\0\14" ADDRESSES), PROXY_BAD,
     NULL},
    {"too short for its addresses", CONFIG_ACCEPT_PROXY_V2,
     B(SIGNATURE "\x21\x11\0\13\300\0\2\7\300\0\2\10\1\2\40"), PROXY_BAD, NULL},
    {"longer than allowed", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x21\x11\x10\1"), PROXY_BAD, NULL},
    {"octets behind version 2", CONFIG_ACCEPT_PROXY_V2,
     B(SIGNATURE "\x21\x11\0\14" ADDRESSES "\26"), PROXY_BAD, NULL},
    {"a TLV that runs past the end", CONFIG_ACCEPT_PROXY_V2,
     B(SIGNATURE "\x21\x11\0\20" ADDRESSES "\1\0\2x"), PROXY_BAD, NULL},
    {"half a TLV", CONFIG_ACCEPT_PROXY_V2, B(SIGNATURE "\x21\x11\0\16" ADDRESSES "\1\0"), PROXY_BAD,
     NULL},
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct proxy_header header = {.local = false};
        char source[ADDRESS_TEXT_MAX];
        size_t want = 0;

        if (proxy_read(headers[i].version, headers[i].octets, &header, &want) !=
            headers[i].progress)
            fail_msg("%s", headers[i].name);
        if (headers[i].progress == PROXY_MORE && want == 0)
            fail_msg("%s: wants nothing", headers[i].name);
        if (headers[i].progress != PROXY_DONE)
            continue;
        address_format_port(&header.source, source);
        assert_int_equal(header.local, headers[i].source == NULL);
        if (headers[i].source)
            assert_string_equal(source, headers[i].source);
    }
}

/* However the octets come, no octet behind the header is asked for. */
static void test_wants(void **state)
{
    static const char octets[] = SIGNATURE "\x21\x11\0\23" ADDRESSES "\1\0\1x\4\0\0";
    struct proxy_header header;
    size_t have = 0, want;

    (void)state;
    while (have < sizeof(octets) - 1) {
        assert_int_equal(proxy_read(CONFIG_ACCEPT_PROXY_V2,
                                    (struct bytes){(const uint8_t *)octets, have}, &header, &want),
                         PROXY_MORE);
        assert_true(have + want <= sizeof(octets) - 1);
        have++;
    }
}

static void test_long_line(void **state)
{
    uint8_t line[PROXY_V1_MAX];
    struct proxy_header header;
    size_t want;

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY ", 6);
    assert_int_equal(
        proxy_read(CONFIG_ACCEPT_PROXY_V1, (struct bytes){line, sizeof(line) - 1}, &header, &want),
        PROXY_MORE);
    assert_int_equal(
        proxy_read(CONFIG_ACCEPT_PROXY_V1, (struct bytes){line, sizeof(line)}, &header, &want),
        PROXY_BAD);
}

static void test_trust(void **state)
{
    static const char *const networks[] = {"192.0.2.0/24", "2001:db8::7"};
    const struct config_listener listener = {.trusted_proxies = {networks, 2}};
    static const struct {
        const char *peer;
        bool trusted;
    } peers[] = {{"192.0.2.9", true},
                 {"2001:db8::7", true},
                 {"192.0.3.9", false},
                 {"2001:db8::8", false},
                 {"127.0.0.1", false}};
    const struct address unknown = {.known = false};

    (void)state;
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        struct address peer;

        assert_true(address_parse(bytes_of(peers[i].peer), &peer, NULL));
        if (proxy_is_trusted(&listener, &peer) != peers[i].trusted)
            fail_msg("%s", peers[i].peer);
    }
    assert_false(proxy_is_trusted(&listener, &unknown));
}

/* --- PostgreSQL ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct bytes octets;
    enum postgres_request request;
} requests[] = {
    {"SSLRequest", B("\0\0\0\10\4\xd2\x16\x2f"), POSTGRES_SSL},
    {"GSSENCRequest", B("\0\0\0\10\4\xd2\x16\x30"), POSTGRES_GSS},
    {"CancelRequest", B("\0\0\0\20\4\xd2\x16\x2e"), POSTGRES_CANCEL},
    {"StartupMessage", B("\0\0\0\51\0\3\0\0"), POSTGRES_STARTUP},
    {"nothing", B(""), POSTGRES_MORE},
    {"a part", B("\0\0\0\10\4"), POSTGRES_MORE},
    {"TLS", B("\26\3\1\0\1\0\0\0"), POSTGRES_BAD},
    {"SSLRequest of another length", B("\0\0\0\11\4\xd2\x16\x2f"), POSTGRES_BAD},
    {"an unknown code", B("\0\0\0\10\4\xd2\x16\x2d"), POSTGRES_BAD},
    {"version 2", B("\0\0\1\50\0\2\0\0"), POSTGRES_BAD},
    {"version 4", B("\0\0\0\51\0\4\0\0"), POSTGRES_BAD},
    {"a StartupMessage without content", B("\0\0\0\10\0\3\0\0"), POSTGRES_BAD},
    {"a huge StartupMessage", B("\0\1\0\0\0\3\0\0"), POSTGRES_BAD},
    {"zeros", B("\0\0\0\0\0\0\0\0"), POSTGRES_BAD},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        if (postgres_read(requests[i].octets) != requests[i].request)
            fail_msg("%s", requests[i].name);
}

static void test_error(void **state)
{
    static const char expected[] = "E\0\0\0\44SFATAL\0VFATAL\0C28000\0Mno entry\0";
    struct writer out = writer_new(256);

    (void)state;
    postgres_error("28000", bytes_of("no entry"), &out);
    assert_int_equal(out.len, sizeof(expected));
    assert_memory_equal(out.at, expected, sizeof(expected));
    writer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),   cmocka_unit_test(test_wants),
        cmocka_unit_test(test_long_line), cmocka_unit_test(test_trust),
        cmocka_unit_test(test_requests),  cmocka_unit_test(test_error),
    };

    return cmocka_run_group_tests_name("proxy_accept", tests, NULL, NULL);
}
