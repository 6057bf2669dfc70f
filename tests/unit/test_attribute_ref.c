/*
 * References of rules to attributes: indexes of components, identifiers, conversions, and texts
 * that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs.h"
#include "gatewayd/decide/attribute_ref.h"

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }
#define CN(v)                                                                                      \
    {                                                                                              \
        "CN", .value = (v)                                                                         \
    }
#define UID(v)                                                                                     \
    {                                                                                              \
        "UID", .value = (v)                                                                        \
    }

static const struct {
    const char *name;
    struct cert_spec spec;
    const char *ref;
    const char *text;  /* NULL: no value, or a fault */
    enum reason fault; /* of the reference */
} cases[] = {
    {"the leaf by its number", {.subject = {{"O", .value = "x"}, CN("a")}}, "subject.[1]", "a", 0},
    {"the root by its number", {.subject = {{"O", .value = "x"}, CN("a")}}, "subject.[-1]", "x", 0},
    {"the second from the leaf",
     {.subject = {{"O", .value = "x"}, CN("a")}},
     "subject.[2]",
     "x",
     0},
    {"number and type agree", {.subject = {UID("r"), UID("l")}}, "subject.uid[1]", "l", 0},
    {"number and type agree from the root",
     {.subject = {UID("r"), UID("l")}},
     "subject.uid[-1]",
     "r",
     0},
    {"issuer by number", {.subject = {CN("a")}}, "issuer.[-1]", "Test", 0},
    {"issuer by number and type", {.subject = {CN("a")}}, "issuer.cn[1]", "Users CA", 0},
    {"type and number in a shared relative name",
     {.subject = {CN("a"), {"UID", .value = "u", .joined = true}}},
     "subject.uid[1]",
     "u",
     0},
    {"a type without a name",
     {.subject = {{"2.5.4.72", .value = "r"}}},
     "subject.2.5.4.72",
     "r",
     0},
    {"such a type with a number",
     {.subject = {{"2.5.4.72", .value = "r"}, CN("a")}},
     "subject.2.5.4.72[2]",
     "r",
     0},
    {"serial number in decimal", {.serial = 0x80ff}, "serial!dec", "33023", 0},
    {"serial number as AD stores it", {.serial = 0x80ff}, "serial!ms", "FF80", 0},
    {"serial number with colons", {.serial = 0x80ff}, "serial!hex_c", "80:ff", 0},
    {"serial number, all letters", {.serial = 0x80ff}, "serial!hex_rUC", "FF:80", 0},
    {"an otherName by its identifier",
     {.san = "otherName:1.2.3.4;UTF8:abc"},
     "san.other.1.2.3.4",
     "abc",
     0},
    {"its DER", {.san = "otherName:1.2.3.4;UTF8:abc"}, "san.other.1.2.3.4!der", "0c03616263", 0},
    {"its DER in base64",
     {.san = "otherName:1.2.3.4;UTF8:abc"},
     "san.other.1.2.3.4!base64",
     "DANhYmM=",
     0},
    {"the DER of what is no string",
     {.san = "otherName:1.2.3.4;INT:5"},
     "san.other.1.2.3.4!der",
     "020105",
     0},
    {"the DER of a known name", {.san = "email:A@B.c"}, "san.email!der", "81054140422e63", 0},

    {"a number beyond the root", {.subject = {CN("a")}}, "subject.[2]", NULL, 0},
    {"a number beyond the leaf", {.subject = {CN("a")}}, "subject.[-2]", NULL, 0},
    {"number and type disagree", {.subject = {UID("r"), CN("a")}}, "subject.uid[1]", NULL, 0},
    {"another identifier", {.san = "otherName:1.2.3.4;UTF8:abc"}, "san.other.1.2.3", NULL, 0},
    {"a number in a shared relative name",
     {.subject = {CN("a"), {"UID", .value = "u", .joined = true}}},
     "subject.[1]",
     NULL,
     REASON_MULTI_VALUE},
    {"type and number that fit twice",
     {.subject = {CN("a"), {"CN", .value = "b", .joined = true}}},
     "subject.cn[1]",
     NULL,
     REASON_MULTI_VALUE},
    {"a type in a shared relative name",
     {.subject = {CN("a"), {"2.5.4.72", .value = "r", .joined = true}}},
     "subject.2.5.4.72!der",
     NULL,
     REASON_MULTI_VALUE},
    {"a shared component with a NUL",
     {.subject = {CN("a"), {"UID", 0, "u\0v", 3, .joined = true}}},
     "subject.uid[1]",
     NULL,
     REASON_BAD_ENCODING},
    {"no string",
     {.san = "otherName:1.2.3.4;INT:5"},
     "san.other.1.2.3.4",
     NULL,
     REASON_BAD_ENCODING},
    {"the DER of a known name with a NUL",
     {.san_der = B("\x30\x07\x81\x05"
                   "a@\0.b")},
     "san.email!der",
     NULL,
     REASON_BAD_ENCODING},
    {"the DER of a name beside a malformed one",
     {.san_der = B("\x30\x10\xa0\x0b\x06\x03\x2a\x03\x04\xa0\x04\x0c\x02"
                   "ab\x89\x01"
                   "x")},
     "san.other.1.2.3.4!der",
     NULL,
     REASON_BAD_ENCODING},
};

static struct identity *identity_of(const struct cert_spec *spec)
{
    struct bytes der = cert_make(spec);
    struct identity *identity = NULL;
    struct error err;

    assert_true(identity_extract(der, &identity, &err));
    free((void *)der.at);
    return identity;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(identity_unrefp) struct identity *identity = identity_of(&cases[i].spec);
        AUTO(writer_clear) struct writer out = writer_new(1024);
        const struct identity_value *value = NULL;
        struct error err = {.reason = REASON_OK};
        struct attribute_ref ref;
        enum reason fault = REASON_OK;

        if (!attribute_ref_parse(bytes_of(cases[i].ref), &ref, &err))
            fail_msg("%s: %s", cases[i].name, err.detail);
        while ((value = attribute_ref_next(&ref, identity, value)))
            if (!attribute_ref_put(&ref, identity, value, &out, &err))
                fault = err.reason;
        if (fault != cases[i].fault)
            fail_msg("%s: %s", cases[i].name, reason_name(fault));
        if (!fault && !bytes_equal(writer_bytes(&out), bytes_of(cases[i].text)))
            fail_msg("%s: %.*s", cases[i].name, (int)out.len, (char *)out.at);
    }
}

static const char *const no_references[] = {
    "",
    "subject.",
    "subject.[0]",
    "subject.[]",
    "subject.[-]",
    "subject.[1",
    "subject.[01]",
    "subject.[+1]",
    "subject.[1]x",
    "subject.[129]",
    "subject.uid[1][2]",
    "subject[1]",
    "san.email[1]",
    "serial[1]",
    "subject.nosuch",
    "subject.3.1",
    "subject.2.5.4.3", /* is subject.cn */
    "subject.2..5",
    "subject.02.5",
    "san.other.",
    "san.other.1",
    "san.other.1.3.6.1.4.1.311.20.2.3", /* is san.upn */
    "san.other.1.2.3.4.99999999999999999999",
    "san.x400", /* only shown */
    "serial!",
    "serial!oct",
    "serial!dec_u",
    "serial!hex_",
    "serial!hex_uu",
    "serial!hex_x",
    "serial!hex!dec",
    "!hex",
    "san.email!hex",
    "subject.cn!dec",
    "ski!dec",
    "ski!sha1",
    "sid!sha1",
    "cert!md5",
    "not_after!hex",
};

static void test_no_references(void **state)
{
    struct attribute_ref ref;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(no_references); i++) {
        struct error err = {.reason = REASON_OK};

        if (attribute_ref_parse(bytes_of(no_references[i]), &ref, &err))
            fail_msg("\"%s\"", no_references[i]);
        assert_int_equal(err.reason, REASON_CONFIG_VALUE);
    }
}

static void expect(const struct identity *identity, const char *text, struct bytes expected)
{
    AUTO(writer_clear) struct writer out = writer_new(4096);
    const struct identity_value *value;
    struct attribute_ref ref;
    struct error err;

    assert_true(attribute_ref_parse(bytes_of(text), &ref, &err));
    value = attribute_ref_next(&ref, identity, NULL);
    assert_non_null(value);
    assert_null(attribute_ref_next(&ref, identity, value));
    assert_true(attribute_ref_put(&ref, identity, value, &out, &err));
    if (!bytes_equal(writer_bytes(&out), expected))
        fail_msg("%s: %.*s", text, (int)out.len, (char *)out.at);
}

/* What OpenSSL says about the same octets. */
static void test_digests(void **state)
{
    static const struct {
        const char *ref;
        const char *digest;
        bool key;
    } digests[] = {{"cert!sha1", "SHA1", false},     {"cert!sha256", "SHA256", false},
                   {"cert!sha384", "SHA384", false}, {"cert!sha512", "SHA512", false},
                   {"pubkey!sha1", "SHA1", true},    {"ski!rfc", "SHA1", true}};
    const struct cert_spec spec = {.subject = {CN("a")}};
    struct bytes der = cert_make(&spec);
    const uint8_t *at = der.at;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
    AUTO(identity_unrefp) struct identity *identity = NULL;
    struct error err;

    (void)state;
    assert_true(identity_extract(der, &identity, &err));
    for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
        const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(x509);
        uint8_t digest[EVP_MAX_MD_SIZE];
        char text[2 * EVP_MAX_MD_SIZE + 1];
        size_t len;

        EVP_Q_digest(NULL, digests[i].digest, NULL, digests[i].key ? key->data : der.at,
                     digests[i].key ? (size_t)key->length : der.len, digest, &len);
        for (size_t k = 0; k < len; k++)
            (void)snprintf(text + 2 * k, 3, "%02x", digest[k]);
        expect(identity, digests[i].ref, bytes_of(text));
    }
    X509_free(x509);
    free((void *)der.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_no_references),
        cmocka_unit_test(test_digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
