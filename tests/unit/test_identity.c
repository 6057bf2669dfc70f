/*
 * Attributes of certificates: canonical forms, and what may not be used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs.h"
#include "gatewayd/decide/identity.h"

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }
#define LONG_10  "aaaaaaaaaa"
#define LONG_100 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10
#define LONG_256 LONG_100 LONG_100 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 "aaaaaa"
/* A GeneralNames extension with one short name of a context tag. */
#define SAN1(tag, len, lit) B("\x30" len tag lit)

static const struct {
    const char *name;
    struct cert_spec spec;
    const char *attribute;
    const char *text;  /* NULL: no value, or a fault */
    enum reason fault; /* of the first value */
} cases[] = {
    {"common name", {.subject = {{"CN", .value = "alice"}}}, "subject.cn", "alice", 0},
    {"whole subject, leaf first",
     {.subject = {{"O", .value = "Corp, Inc."}, {"CN", .value = "alice"}}},
     "subject",
     "CN=alice,O=Corp\\, Inc.",
     0},
    {"multi-valued relative name keeps its order",
     {.subject = {{"CN", .value = "alice"}, {"UID", .value = "a1", .joined = true}}},
     "subject",
     "CN=alice+UID=a1",
     0},
    {"unknown type as OID and hex",
     {.subject = {{"2.5.4.97", .value = "X"}}},
     "subject",
     "2.5.4.97=#0c0158",
     0},
    {"spaces at the edges are escaped",
     {.subject = {{"CN", .value = " a b "}}},
     "subject",
     "CN=\\ a b\\ ",
     0},
    {"BMPString becomes UTF-8",
     {.subject = {{"CN", V_ASN1_BMPSTRING, "\0M\0\xfc", 4}}},
     "subject.cn",
     "M\xc3\xbc",
     0},
    {"256 octets are taken", {.subject = {{"CN", .value = LONG_256}}}, "subject.cn", LONG_256, 0},
    {"issuer", {.subject = {{"CN", .value = "a"}}}, "issuer", "CN=Users CA,O=Test", 0},
    {"issuer's common name", {.subject = {{"CN", .value = "a"}}}, "issuer.cn", "Users CA", 0},
    {"serial in hex", {.serial = 0x80ff}, "serial", "80ff", 0},
    {"e-mail domain in lower case",
     {.san = "email:Alice@CORP.Example"},
     "san.email",
     "Alice@corp.example",
     0},
    {"host name in lower case", {.san = "DNS:Host.Example"}, "san.dns", "host.example", 0},
    {"URI as it is", {.san = "URI:spiffe://Prod/x"}, "san.uri", "spiffe://Prod/x", 0},
    {"IPv4 address", {.san = "IP:192.0.2.7"}, "san.ip", "192.0.2.7", 0},
    {"IPv6 address", {.san = "IP:2001:db8:0:0:0:0:0:1"}, "san.ip", "2001:db8::1", 0},
    {"registered id", {.san = "RID:1.2.3"}, "san.rid", "1.2.3", 0},
    {"user principal name",
     {.san = "otherName:msUPN;UTF8:Alice@CORP.example"},
     "san.upn",
     "Alice@corp.example",
     0},
    {"extended key usage by name", {.eku = "clientAuth"}, "eku", "clientAuth", 0},
    {"extended key usage by OID", {.eku = "1.2.3.4"}, "eku", "1.2.3.4", 0},
    {"attribute names ignore case", {.eku = "clientAuth"}, "EKU", "clientAuth", 0},

    {"no such component", {.subject = {{"CN", .value = "a"}}}, "subject.uid", NULL, 0},
    {"no alternative names", {.subject = {{"CN", .value = "a"}}}, "san.email", NULL, 0},
    {"NUL in the common name",
     {.subject = {{"CN", 0, "alice\0.evil", 11}}},
     "subject.cn",
     NULL,
     REASON_BAD_ENCODING},
    {"NUL in the common name spoils the subject",
     {.subject = {{"CN", 0, "alice\0.evil", 11}}},
     "subject",
     NULL,
     REASON_BAD_ENCODING},
    {"newline", {.subject = {{"CN", .value = "a\nb"}}}, "subject.cn", NULL, REASON_BAD_ENCODING},
    {"C1 control",
     {.subject = {{"CN", .value = "a\xc2\x85"}}},
     "subject.cn",
     NULL,
     REASON_BAD_ENCODING},
    {"overlong UTF-8",
     {.subject = {{"CN", .value = "\xc0\xaf"}}},
     "subject.cn",
     NULL,
     REASON_BAD_ENCODING},
    {"cut UTF-8", {.subject = {{"CN", .value = "a\xc3"}}}, "subject.cn", NULL, REASON_BAD_ENCODING},
    {"surrogate in BMPString",
     {.subject = {{"CN", V_ASN1_BMPSTRING, "\xd8\0", 2}}},
     "subject.cn",
     NULL,
     REASON_BAD_ENCODING},
    {"Latin-1 in T61String",
     {.subject = {{"CN", V_ASN1_T61STRING, "M\xfc", 2}}},
     "subject.cn",
     NULL,
     REASON_BAD_ENCODING},
    {"257 octets",
     {.subject = {{"CN", .value = LONG_256 "a"}}},
     "subject.cn",
     NULL,
     REASON_BAD_ENCODING},
    {"common name in a multi-valued relative name",
     {.subject = {{"CN", .value = "a"}, {"UID", .value = "b", .joined = true}}},
     "subject.cn",
     NULL,
     REASON_MULTI_VALUE},
    {"wildcard host", {.san = "DNS:*.example"}, "san.dns", NULL, REASON_BAD_ENCODING},
    {"host with underscore", {.san = "DNS:a_b.example"}, "san.dns", NULL, REASON_BAD_ENCODING},
    {"host with empty label", {.san = "DNS:a..example"}, "san.dns", NULL, REASON_BAD_ENCODING},
    {"host label with hyphen at its end",
     {.san = "DNS:a-.example"},
     "san.dns",
     NULL,
     REASON_BAD_ENCODING},
    {"two @", {.san = "email:a@b@c"}, "san.email", NULL, REASON_BAD_ENCODING},
    {"no local part", {.san = "email:@b"}, "san.email", NULL, REASON_BAD_ENCODING},
    {"no domain", {.san = "email:a"}, "san.email", NULL, REASON_BAD_ENCODING},
    {"NUL in an e-mail address",
     {.san_der = SAN1("\x81", "\x0d",
                      "\x0b"
                      "a@corp\0evil")},
     "san.email",
     NULL,
     REASON_BAD_ENCODING},
    {"empty e-mail address",
     {.san_der = SAN1("\x81", "\x02", "\0")},
     "san.email",
     NULL,
     REASON_BAD_ENCODING},
    {"space in a URI",
     {.san_der = SAN1("\x86", "\x05",
                      "\x03"
                      "a b")},
     "san.uri",
     NULL,
     REASON_BAD_ENCODING},
    {"IP address of five octets",
     {.san_der = SAN1("\x87", "\x07",
                      "\x05"
                      "12345")},
     "san.ip",
     NULL,
     REASON_BAD_ENCODING},
    {"UPN as IA5String", {.san = "otherName:msUPN;IA5:a@b"}, "san.upn", NULL, REASON_BAD_ENCODING},
    {"names behind the end",
     {.san_der = B("\x30\x04\x81\x09"
                   "a@")},
     "san.email",
     NULL,
     REASON_BAD_ENCODING},
    {"octets behind the names",
     {.san_der = B("\x30\x05\x81\x03"
                   "a@b"
                   "\0")},
     "san.email",
     NULL,
     REASON_BAD_ENCODING},
    {"a name of no context class",
     {.san_der = B("\x30\x03\x0c\x01"
                   "a")},
     "san.dns",
     NULL,
     REASON_BAD_ENCODING},
};

static struct identity *identity_of(const struct cert_spec *spec)
{
    struct bytes der = cert_make(spec);
    struct identity *identity = NULL;
    struct error err;

    if (!identity_extract(der, &identity, &err))
        print_error("%s\n", err.detail);
    free((void *)der.at);
    assert_non_null(identity);
    return identity;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct identity *identity = identity_of(&cases[i].spec);
        const struct attribute *attribute = attribute_find(bytes_of(cases[i].attribute));
        const struct identity_value *value = NULL, *faulty = NULL;

        assert_non_null(attribute);
        while ((value = identity_next(identity, attribute, value)))
            if (!faulty || value->fault)
                faulty = value;
        if (!faulty != (!cases[i].text && !cases[i].fault) ||
            (faulty && (faulty->fault != cases[i].fault ||
                        (cases[i].text && strcmp((const char *)faulty->text.at, cases[i].text)))))
            fail_msg("%s: %s", cases[i].name,
                     !faulty         ? "nothing"
                     : faulty->fault ? faulty->why
                                     : (const char *)faulty->text.at);
        (void)identity_unref(identity);
    }
}

static size_t count(const struct identity *identity, const char *name)
{
    const struct identity_value *value = NULL;
    size_t n = 0;

    while ((value = identity_next(identity, attribute_find(bytes_of(name)), value)))
        n++;
    return n;
}

static void test_two_common_names(void **state)
{
    struct cert_spec spec = {.subject = {{"CN", .value = "root"}, {"CN", .value = "alice"}}};
    struct identity *identity = identity_of(&spec);

    (void)state;
    assert_int_equal(count(identity, "subject.cn"), 2);
    (void)identity_unref(identity);
}

static void test_long_common_name(void **state)
{
    char *value = malloc(10001);
    struct cert_spec spec = {.subject = {{"CN", .value = value, .len = 10000}}, .san = "email:a@b"};
    struct identity *identity;

    (void)state;
    memset(value, 'a', 10000);
    value[10000] = '\0';
    identity = identity_of(&spec);
    assert_int_equal(identity_text(identity, "subject.cn").len, 0);
    assert_int_equal(identity_text(identity, "subject").len, 0);
    assert_int_equal(identity_text(identity, "san.email").len, 3); /* others stay usable */
    (void)identity_unref(identity);
    free(value);
}

static void test_many_names(void **state)
{
    char san[4096] = "";
    struct cert_spec spec = {.san = san};
    struct identity *identity;

    (void)state;
    for (size_t i = 0; i < IDENTITY_SANS_MAX; i++)
        (void)snprintf(san + strlen(san), sizeof(san) - strlen(san), "%sDNS:h%zu.x", i ? "," : "",
                       i);
    identity = identity_of(&spec);
    assert_int_equal(count(identity, "san.dns"), IDENTITY_SANS_MAX);
    assert_int_equal(count(identity, "san.email"), 0);
    (void)identity_unref(identity);
    (void)snprintf(san + strlen(san), sizeof(san) - strlen(san), ",DNS:more.x");
    identity = identity_of(&spec);
    assert_int_equal(count(identity, "san.dns"), IDENTITY_SANS_MAX + 1); /* the last is the fault */
    assert_int_equal(count(identity, "san.email"), 1);
    (void)identity_unref(identity);
}

static void test_digests(void **state)
{
    struct cert_spec spec = {.subject = {{"CN", .value = "a"}}};
    struct bytes der = cert_make(&spec);
    unsigned char digest[32];
    struct identity *identity;
    struct error err;

    (void)state;
    EVP_Digest(der.at, der.len, digest, NULL, EVP_sha256(), NULL);
    assert_true(identity_extract(der, &identity, &err));
    assert_memory_equal(identity->sha256.octets, digest, 32);
    assert_int_equal(identity_text(identity, "cert!sha256").len, 64);
    assert_true(identity->not_after_s - identity->not_before_s == 7200);
    assert_int_equal(identity_text(identity, "not_after").len, strlen("2026-11-24T22:10:00Z"));
    assert_true(bytes_equal(identity_next(identity, attribute_find(bytes_of("cert")), NULL)->raw,
                            identity->der));
    (void)identity_unref(identity);
    free((void *)der.at);
}

/* Every prefix and every single changed octet: an answer, and never a read outside. */
static void test_damaged(void **state)
{
    struct cert_spec spec = {.subject = {{"CN", .value = "alice"}}, .san = "email:a@b"};
    struct bytes der = cert_make(&spec);
    uint8_t *copy = malloc(der.len);
    struct identity *identity;
    struct error err;

    (void)state;
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *exact = malloc(len ? len : 1);

        memcpy(exact, der.at, len);
        assert_false(identity_extract((struct bytes){exact, len}, &identity, &err));
        assert_int_equal(err.reason, REASON_CERT_MALFORMED);
        free(exact);
    }
    for (size_t i = 0; i < der.len; i++) {
        memcpy(copy, der.at, der.len);
        copy[i] ^= 0x21;
        if (identity_extract((struct bytes){copy, der.len}, &identity, &err))
            (void)identity_unref(identity);
    }
    free(copy);
    free((void *)der.at);
}

static void test_extension_twice(void **state)
{
    struct error err;
    struct identity *identity;
    X509 *x509 = X509_new();
    unsigned char *der = NULL;
    int len;

    (void)state;
    X509_set_version(x509, 2);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 60);
    X509_set_pubkey(x509, cert_key());
    cert_raw_extension(x509, NID_subject_alt_name,
                       (struct bytes)B("\x30\x05\x81\x03"
                                       "a@b"));
    cert_raw_extension(x509, NID_subject_alt_name,
                       (struct bytes)B("\x30\x05\x81\x03"
                                       "c@b"));
    X509_sign(x509, cert_key(), EVP_sha256());
    len = i2d_X509(x509, &der);
    assert_false(identity_extract((struct bytes){der, (size_t)len}, &identity, &err));
    assert_int_equal(err.reason, REASON_CERT_MALFORMED);
    OPENSSL_free(der);
    X509_free(x509);
}

static void test_table(void **state)
{
    size_t n;
    const struct attribute *rows = attributes_all(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        bool named = !rows[i].open && !rows[i].shown;

        assert_true(attribute_find(bytes_of(rows[i].name)) == (named ? &rows[i] : NULL));
        assert_true(rows[i].form || rows[i].binary || rows[i].shape == ATTRIBUTE_BITS);
        assert_true(i == 0 || rows[i].source >= rows[i - 1].source); /* attributes_of needs it */
        assert_true(rows[i].help[0] != '\0');
    }
    assert_null(attribute_find(bytes_of("subject.")));
    assert_null(attribute_find(bytes_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_two_common_names),
        cmocka_unit_test(test_long_common_name),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_extension_twice),
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
