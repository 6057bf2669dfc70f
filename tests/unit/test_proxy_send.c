/*
 * The PROXY v2 header against the layout of haproxy's proxy-protocol.txt, octet by octet: one whole
 * header as it must be, and a decoder of its own that shares no code with the encoder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/crc32c.h"
#include "common/macros.h"
#include "gatewayd/decide/proxy_send.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const two_groups[] = {"staff", "admins"};

static struct proxy_facts facts_of(const char *source, const char *destination)
{
    struct proxy_facts facts = {
        .session = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
        .tls_version = 0x0304,
        .sni = bytes_of("h.example"),
        .alpn = bytes_of("ssh"),
        .cn = bytes_of("Alice"),
        .cipher = bytes_of("TLS_AES_128_GCM_SHA256"),
        .sig_alg = bytes_of("ecdsa-with-SHA256"),
        .key_alg = bytes_of("EC256"),
        .group = bytes_of("x25519"),
        .scheme = bytes_of("ecdsa_secp256r1_sha256"),
        .certificate = bytes_of("0\x82"),
        .user = bytes_of("alice"),
        .groups = two_groups,
        .n_groups = 2};

    if (source)
        assert_true(address_parse_port(bytes_of(source), &facts.source, NULL));
    if (destination)
        assert_true(address_parse_port(bytes_of(destination), &facts.destination, NULL));
    return facts;
}

static struct writer header_of(const struct proxy_facts *facts)
{
    struct writer out = writer_new(PROXY_HEADER_MAX);

    proxy_encode(facts, &out);
    assert_true(writer_ok(&out));
    return out;
}

/* --- a decoder ---------------------------------------------------------------------------------
 */

/* The same sum by another way: octets mirrored, the polynomial as RFC 3720 writes it. */
static uint32_t other_crc32c(const uint8_t *at, size_t len)
{
    uint32_t crc = 0xffffffffu, mirrored = 0;

    for (size_t bit = 0; bit < len * 8; bit++) {
        uint32_t in = at[bit / 8] >> bit % 8 & 1;
        uint32_t top = crc >> 31;

        crc = crc << 1 ^ (top ^ in ? 0x1edc6f41u : 0);
    }
    for (int i = 0; i < 32; i++)
        mirrored |= (crc >> i & 1) << (31 - i);
    return ~mirrored;
}

/* "PROXY tcp4 192.0.2.7:4711 192.0.2.1:8443\n", then "type text" a line, those of SSL indented. */
static void print_tlvs(const uint8_t *at, size_t len, const char *indent, char *out, size_t room)
{
    while (len > 0) {
        size_t n = len >= 3 ? (size_t)at[1] << 8 | at[2] : 0;

        assert_true(len >= 3 && len >= 3 + n);
        (void)snprintf(out + strlen(out), room - strlen(out), "%s%02x ", indent, at[0]);
        if (at[0] == 0x20) {
            assert_true(n >= 5);
            (void)snprintf(out + strlen(out), room - strlen(out), "client %u verify %u\n", at[3],
                           (unsigned)(at[4] | at[5] | at[6] | at[7]));
            print_tlvs(at + 8, n - 5, "  ", out, room);
        } else if (at[0] == 0x03 || at[0] == 0x05) {
            (void)snprintf(out + strlen(out), room - strlen(out), "%zu octets\n", n);
        } else {
            (void)snprintf(out + strlen(out), room - strlen(out), "%.*s\n", (int)n, at + 3);
        }
        at += 3 + n;
        len -= 3 + n;
    }
}

static const uint8_t *find_tlv(const uint8_t *at, size_t len, uint8_t type)
{
    for (; len >= 3;
         len -= 3 + ((size_t)at[1] << 8 | at[2]), at += 3 + ((size_t)at[1] << 8 | at[2]))
        if (at[0] == type)
            return at + 3;
    return NULL;
}

static size_t address_octets(uint8_t family)
{
    return family == 0x11 ? 12 : family == 0x21 ? 36 : 0;
}

/* Checks the frame and the sum; what it says goes to out. */
static void decode(const struct writer *header, char *out, size_t room)
{
    uint8_t *copy = malloc(header->len);
    size_t skip;
    uint8_t *crc;

    memcpy(copy, header->at, header->len);
    assert_memory_equal(copy, "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a", 12);
    assert_int_equal((size_t)copy[14] << 8 | copy[15], header->len - 16);
    skip = 16 + address_octets(copy[13]);
    (void)snprintf(out, room, "%02x %02x\n", copy[12], copy[13]);
    print_tlvs(copy + skip, header->len - skip, "", out, room);
    crc = (uint8_t *)find_tlv(copy + skip, header->len - skip, 0x03);
    assert_non_null(crc);
    memset(crc, 0, 4);
    assert_int_equal((uint32_t)header->at[crc - copy] << 24 | header->at[crc - copy + 1] << 16 |
                         header->at[crc - copy + 2] << 8 | header->at[crc - copy + 3],
                     other_crc32c(copy, header->len));
    free(copy);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_checksum(void **state)
{
    (void)state;
    assert_int_equal(crc32c(bytes_of("123456789")), 0xe3069283u);
    assert_int_equal(crc32c((struct bytes){NULL, 0}), 0);
    assert_int_equal(other_crc32c((const uint8_t *)"123456789", 9), 0xe3069283u);
}

/* Everything, in the order that docs/protocol.md promises. */
static void test_all(void **state)
{
    struct proxy_facts facts = facts_of("192.0.2.7:4711", "192.0.2.1:8443");
    struct writer out = header_of(&facts);
    char said[2048];

    (void)state;
    assert_memory_equal(out.at + 16, "\xc0\0\2\7\xc0\0\2\1\x12\x67\x20\xfb", 12);
    decode(&out, said, sizeof(said));
    assert_string_equal(said, "21 11\n"
                              "01 ssh\n"
                              "02 h.example\n"
                              "03 4 octets\n"
                              "05 16 octets\n"
                              "20 client 7 verify 0\n"
                              "  21 TLSv1.3\n"
                              "  22 Alice\n"
                              "  23 TLS_AES_128_GCM_SHA256\n"
                              "  24 ecdsa-with-SHA256\n"
                              "  25 EC256\n"
                              "  26 x25519\n"
                              "  27 ecdsa_secp256r1_sha256\n"
                              "  28 0\x82\n"
                              "e0 alice\n"
                              "e1 staff\n"
                              "e1 admins\n");
    writer_clear(&out);
}

/* The smallest one, with nothing computed: what must be there and nothing else. */
static void test_golden(void **state)
{
    static const uint8_t before[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x38"
                                    "\xc0\0\2\7\xc0\0\2\1\x12\x67\x20\xfb"
                                    "\x03\0\4";
    static const uint8_t after[] = "\x05\0\x10\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
                                   "\x20\0\x0f\7\0\0\0\0\x21\0\7TLSv1.2";
    struct proxy_facts full = facts_of("192.0.2.7:4711", "192.0.2.1:8443");
    struct proxy_facts facts = {.source = full.source,
                                .destination = full.destination,
                                .session = full.session,
                                .tls_version = 0x0303};
    struct writer out = header_of(&facts);
    size_t begin = sizeof(before) - 1;

    (void)state;
    assert_int_equal(out.len, begin + 4 + sizeof(after) - 1);
    assert_memory_equal(out.at, before, begin);
    assert_memory_equal(out.at + begin + 4, after, sizeof(after) - 1);
    writer_clear(&out);
}

static void test_ipv6(void **state)
{
    struct proxy_facts facts = facts_of("[2001:db8::7]:1", "[2001:db8::1]:2");
    struct writer out = header_of(&facts);
    char said[2048];

    (void)state;
    decode(&out, said, sizeof(said));
    assert_memory_equal(said, "21 21\n", 6);
    assert_memory_equal(out.at + 16, facts.source.octets, 16);
    assert_memory_equal(out.at + 32, facts.destination.octets, 16);
    assert_memory_equal(out.at + 48, "\0\1\0\2", 4);
    writer_clear(&out);
}

/* Both in one family, or none would be true. */
static void test_mixed(void **state)
{
    struct proxy_facts facts = facts_of("192.0.2.7:1", "[2001:db8::1]:2");
    struct writer out = header_of(&facts);

    (void)state;
    assert_int_equal(out.at[13], 0x21);
    assert_memory_equal(out.at + 16, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7", 16);
    writer_clear(&out);
}

/* Empty ones are left out, also a version that is not known. */
static void test_local(void **state)
{
    struct proxy_facts facts = {.session = {{1}}};
    struct writer out = header_of(&facts);
    char said[512];

    (void)state;
    decode(&out, said, sizeof(said));
    assert_string_equal(said, "20 00\n03 4 octets\n05 16 octets\n20 client 7 verify 0\n");
    writer_clear(&out);
}

/* --- limits ------------------------------------------------------------------------------------
 */

enum { LONG = 66000 };

static bool fits(const struct proxy_facts *facts)
{
    struct writer out = writer_new(PROXY_HEADER_MAX);
    bool good;

    proxy_encode(facts, &out);
    good = writer_ok(&out);
    writer_clear(&out);
    return good;
}

static void test_limits(void **state)
{
    static uint8_t octets[LONG];
    static const char *many[PROXY_GROUPS_MAX / 8 + 1];
    struct proxy_facts facts = facts_of("192.0.2.7:1", "192.0.2.1:2");

    (void)state;
    facts.certificate = (struct bytes){octets, 32 * 1024};
    assert_true(fits(&facts));
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = "fives"; /* 8 octets with type and length */
    facts.groups = many;
    facts.n_groups = PROXY_GROUPS_MAX / 8;
    assert_true(fits(&facts));
    facts.n_groups++; /* never cut */
    assert_false(fits(&facts));
    facts.n_groups = 0;
    facts.certificate.len = PROXY_HEADER_MAX;
    assert_false(fits(&facts));
    facts.certificate.len = LONG;
    assert_false(fits(&facts));
    facts.certificate.len = 0;
    facts.cn = (struct bytes){octets, LONG};
    assert_false(fits(&facts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum), cmocka_unit_test(test_all),
        cmocka_unit_test(test_golden),   cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_mixed),    cmocka_unit_test(test_local),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
