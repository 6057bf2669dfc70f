/*
 * The PROXY v2 header against the layout of haproxy's proxy-protocol.txt, octet by octet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/reader.h"
#include "gatewayd/decide/proxy_send.h"

static struct proxy_facts facts_of(const char *source, const char *destination)
{
    struct proxy_facts facts = {
        .sni = bytes_of("h.example"),
        .alpn = bytes_of("ssh"),
        .cn = bytes_of("Alice"),
        .cipher = bytes_of("TLS_AES_128_GCM_SHA256"),
        .session = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}};

    if (source)
        assert_true(address_parse_port(bytes_of(source), &facts.source, NULL));
    if (destination)
        assert_true(address_parse_port(bytes_of(destination), &facts.destination, NULL));
    return facts;
}

static struct writer header_of(const struct proxy_facts *facts)
{
    struct writer out = writer_new(2048);

    proxy_encode(facts, &out);
    assert_true(writer_ok(&out));
    return out;
}

/* Signature, command, family, length of all that follows. */
static struct reader begin(const struct writer *out, uint8_t command, uint8_t family)
{
    struct reader r = reader_over(writer_bytes(out));

    assert_memory_equal(reader_take(&r, 12).at, "\r\n\r\n\0\r\nQUIT\n", 12);
    assert_int_equal(reader_u8(&r), command);
    assert_int_equal(reader_u8(&r), family);
    assert_int_equal(reader_u16(&r), out->len - 16);
    return r;
}

static void expect_tlv(struct reader *r, uint8_t type, struct bytes value)
{
    struct bytes got;

    assert_int_equal(reader_u8(r), type);
    got = reader_block16(r);
    assert_int_equal(got.len, value.len);
    assert_memory_equal(got.at, value.at, value.len);
}

static void test_ipv4(void **state)
{
    struct proxy_facts facts = facts_of("192.0.2.7:4711", "192.0.2.1:8443");
    struct writer out = header_of(&facts);
    struct reader r = begin(&out, 0x21, 0x11), ssl;

    (void)state;
    assert_memory_equal(reader_take(&r, 12).at, "\xc0\0\2\7\xc0\0\2\1\x12\x67\x20\xfb", 12);
    expect_tlv(&r, 0x01, bytes_of("ssh"));
    expect_tlv(&r, 0x02, bytes_of("h.example"));
    expect_tlv(&r, 0x05, (struct bytes){facts.session.octets, 16});
    assert_int_equal(reader_u8(&r), 0x20);
    ssl = reader_over(reader_block16(&r));
    assert_true(reader_done(&r));
    assert_int_equal(reader_u8(&ssl), 0x07);
    assert_int_equal(reader_u32(&ssl), 0); /* verified */
    expect_tlv(&ssl, 0x21, bytes_of("TLSv1.3"));
    expect_tlv(&ssl, 0x22, bytes_of("Alice"));
    expect_tlv(&ssl, 0x23, bytes_of("TLS_AES_128_GCM_SHA256"));
    assert_true(reader_done(&ssl));
    writer_clear(&out);
}

static void test_ipv6(void **state)
{
    struct proxy_facts facts = facts_of("[2001:db8::7]:1", "[2001:db8::1]:2");
    struct writer out = header_of(&facts);
    struct reader r = begin(&out, 0x21, 0x21);

    (void)state;
    assert_memory_equal(reader_take(&r, 16).at, facts.source.octets, 16);
    assert_memory_equal(reader_take(&r, 16).at, facts.destination.octets, 16);
    assert_int_equal(reader_u16(&r), 1);
    assert_int_equal(reader_u16(&r), 2);
    writer_clear(&out);
}

/* Both in one family, or none would be true. */
static void test_mixed(void **state)
{
    struct proxy_facts facts = facts_of("192.0.2.7:1", "[2001:db8::1]:2");
    struct writer out = header_of(&facts);
    struct reader r = begin(&out, 0x21, 0x21);

    (void)state;
    assert_memory_equal(reader_take(&r, 16).at, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7", 16);
    writer_clear(&out);
}

static void test_local(void **state)
{
    struct proxy_facts facts = facts_of(NULL, "192.0.2.1:2");
    struct writer out;
    struct reader r;

    (void)state;
    facts.sni = facts.alpn = facts.cn = (struct bytes){0};
    out = header_of(&facts);
    r = begin(&out, 0x20, 0x00);
    expect_tlv(&r, 0x05, (struct bytes){facts.session.octets, 16}); /* empty ones are left out */
    writer_clear(&out);
}

static void test_too_long(void **state)
{
    static uint8_t octets[PROXY_HEADER_MAX];
    struct proxy_facts facts = facts_of("192.0.2.7:1", "192.0.2.1:2");
    struct writer out = writer_new(4096);

    (void)state;
    facts.cn = (struct bytes){octets, sizeof(octets)};
    proxy_encode(&facts, &out);
    assert_false(writer_ok(&out));
    writer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipv4),  cmocka_unit_test(test_ipv6),     cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_local), cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
