/* Trust data out of files: each malformed file is an error that stops the set, and says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gatewayd/shared/trust_build.h"
#include "tests/unit/pki.h"

static EVP_PKEY *root_key, *other_key;
static X509 *root, *other, *leaf, *no_crl_sign;

static int make_world(void **state)
{
    (void)state;
    root_key = pki_key();
    other_key = pki_key();
    root = pki_ca("Root", root_key, NULL, root_key, 1);
    other = pki_ca("Other", other_key, NULL, other_key, 2);
    leaf = pki_make(&(struct pki_spec){.cn = "leaf", .issuer = root, .issuer_key = root_key});
    no_crl_sign = pki_make(&(struct pki_spec){.cn = "Root",
                                              .key = root_key,
                                              .basic = "critical,CA:TRUE",
                                              .usage = "critical,keyCertSign"});
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(other_key);
    X509_free(root);
    X509_free(other);
    X509_free(leaf);
    X509_free(no_crl_sign);
    return 0;
}

struct seen {
    size_t n_stops, n_warnings;
    enum reason reason; /* of the last one */
};

static void note(void *context, const char *file, bool stops, const struct error *err)
{
    struct seen *seen = context;

    assert_non_null(file);
    seen->reason = err->reason;
    *(stops ? &seen->n_stops : &seen->n_warnings) += 1;
}

/* Frees crl and extra. */
static struct seen build(X509 *anchor, struct bytes crl, struct bytes extra, size_t *ret_serials)
{
    struct config_ca section = {.title = "a", .revocation = 2, .max_depth = 6, .anchors = "x"};
    struct config config = {.ca = &section, .n_ca = 1};
    struct seen seen = {0};
    const struct trust_errors errors = {.found = note, .context = &seen};
    struct trust_build *b = trust_build_new(&config, &errors);
    struct writer out = writer_new(1 << 24);
    struct bytes pem = anchor ? pki_pem(&anchor, 1) : (struct bytes){NULL, 0};
    struct trust *trust;
    struct error err;
    bool good;

    if (anchor)
        trust_build_anchors(b, 0, "anchors", pem);
    if (extra.at)
        trust_build_anchors(b, 0, "extra", extra);
    if (crl.at)
        trust_build_crl(b, 0, "crl", crl);
    good = trust_build_finish(b, clock_realtime_s(), &out);
    assert_int_equal(good, seen.n_stops == 0);
    if (good) {
        assert_true(trust_decode(writer_bytes(&out), &trust, &err));
        if (ret_serials)
            *ret_serials =
                trust->cas[0].n_crls ? trust->cas[0].crls[0].revoked[0].n_serials : SIZE_MAX;
        trust_free(trust);
    }
    trust_build_free(b);
    writer_clear(&out);
    free((void *)pem.at);
    free((void *)crl.at);
    free((void *)extra.at);
    return seen;
}

static const struct bytes nothing = {NULL, 0};

static struct bytes copy(const char *text, size_t len)
{
    uint8_t *at = malloc(len + 1);

    memcpy(at, text, len);
    return (struct bytes){at, len};
}

static void test_anchors(void **state)
{
    struct seen seen = build(root, nothing, nothing, NULL);
    struct bytes pem;

    (void)state;
    assert_int_equal(seen.n_stops + seen.n_warnings, 0);
    seen = build(NULL, nothing, nothing, NULL);
    assert_int_equal(seen.n_stops, 1);
    assert_int_equal(seen.reason, REASON_TRUST_MISSING);
    seen = build(root, nothing, copy("", 0), NULL);
    assert_int_equal(seen.reason, REASON_FILE_EMPTY);
    seen = build(root, nothing, copy("just text\n", 10), NULL);
    assert_int_equal(seen.reason, REASON_FILE_EMPTY);
    seen = build(root, nothing, pki_pem(&leaf, 1), NULL);
    assert_int_equal(seen.reason, REASON_CERT_NOT_CA);
    pem = pki_pem(&other, 1);
    pem.len -= 40; /* a file that is still being written */
    seen = build(root, nothing, pem, NULL);
    assert_int_equal(seen.n_stops, 1);
    assert_int_equal(seen.reason, REASON_FILE_MALFORMED);
    pem = pki_pem(&other, 1);
    ((uint8_t *)pem.at)[100] = '!';
    seen = build(root, nothing, pem, NULL);
    assert_int_equal(seen.reason, REASON_FILE_MALFORMED);
}

static struct bytes list(X509 *issuer, EVP_PKEY *key, long from, long to, bool pem)
{
    static const uint64_t serials[] = {9, 7, 9, 8};
    X509_CRL *crl = pki_crl(issuer, key, serials, 4, from, to);
    struct bytes octets = pki_crl_octets(crl, pem);

    X509_CRL_free(crl);
    return octets;
}

static void test_lists(void **state)
{
    size_t serials = 0;
    struct seen seen = build(root, list(root, root_key, -60, 60, true), nothing, &serials);
    struct bytes der;

    (void)state;
    assert_int_equal(seen.n_stops + seen.n_warnings, 0);
    assert_int_equal(serials, 3); /* sorted, no twins */
    seen = build(root, list(root, root_key, -60, 60, false), nothing, &serials);
    assert_int_equal(seen.n_stops, 0);
    seen = build(root, list(root, root_key, -60, -30, true), nothing, &serials);
    assert_int_equal(seen.n_stops, 0);
    assert_int_equal(seen.n_warnings, 1);
    assert_int_equal(seen.reason, REASON_CRL_EXPIRED);
    assert_int_equal(serials, 3);
    seen = build(root, list(other, other_key, -60, 60, true), nothing, &serials);
    assert_int_equal(seen.n_stops, 0);
    assert_int_equal(seen.reason, REASON_CERT_UNKNOWN_CA); /* a warning: it means nobody here */
    assert_true(serials == SIZE_MAX);
    seen = build(root, list(root, other_key, -60, 60, true), nothing, NULL);
    assert_int_equal(seen.n_stops, 1);
    assert_int_equal(seen.reason, REASON_CERT_SIGNATURE);
    seen = build(no_crl_sign, list(root, root_key, -60, 60, true), nothing, NULL);
    assert_int_equal(seen.reason, REASON_CERT_SIGNATURE);
    seen = build(root, list(root, root_key, -60, -90, true), nothing, NULL);
    assert_int_equal(seen.reason, REASON_FILE_MALFORMED);
    seen = build(root, copy("", 0), nothing, NULL);
    assert_int_equal(seen.reason, REASON_FILE_EMPTY);
    seen = build(root, copy("\x30\x03\x02\x01\x01", 5), nothing, NULL);
    assert_int_equal(seen.reason, REASON_FILE_MALFORMED);
    der = list(root, root_key, -60, 60, false);
    der.len++; /* the terminator behind it */
    seen = build(root, der, nothing, NULL);
    assert_int_equal(seen.reason, REASON_FILE_MALFORMED);
}

static struct seen with_extension(int nid, const char *der, size_t len, int critical)
{
    uint64_t serial = 7;
    X509_CRL *crl = pki_crl(root, root_key, &serial, 1, -60, 60);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;
    struct bytes octets;

    ASN1_OCTET_STRING_set(value, (const unsigned char *)der, (int)len);
    extension = X509_EXTENSION_create_by_NID(NULL, nid, critical, value);
    if (nid == NID_crl_number)
        X509_EXTENSION_free(X509_CRL_delete_ext(crl, 0)); /* pki_crl's own */
    X509_CRL_add_ext(crl, extension, -1);
    X509_CRL_sign(crl, root_key, EVP_sha256());
    octets = pki_crl_octets(crl, true);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    X509_CRL_free(crl);
    return build(root, octets, nothing, NULL);
}

static const struct {
    const char *name;
    int nid, critical;
    const char *der;
    size_t len;
    bool good;
} extensions[] = {
    {"a number", NID_crl_number, 0, "\x02\x01\x05", 3, true},
    {"a critical number", NID_crl_number, 1, "\x02\x01\x05", 3, true},
    {"a number of 21 octets", NID_crl_number, 0,
     "\x02\x15\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 23, false},
    {"an unknown critical extension", NID_netscape_comment, 1, "\x16\x01x", 3, false},
    {"an unknown extension", NID_netscape_comment, 0, "\x16\x01x", 3, true},
    {"a number that is no number", NID_crl_number, 0, "\x05\0", 2, false},
    {"a delta of a number that is no number", NID_delta_crl, 1, "\x05\0", 2, false},
    {"for users only", NID_issuing_distribution_point, 1, "\x30\x03\x81\x01\xff", 5, true},
    {"for CAs only", NID_issuing_distribution_point, 1, "\x30\x03\x82\x01\xff", 5, true},
    {"for both only", NID_issuing_distribution_point, 1, "\x30\x06\x81\x01\xff\x82\x01\xff", 8,
     false},
    {"for some reasons", NID_issuing_distribution_point, 1, "\x30\x04\x83\x02\x01\x06", 6, true},
    {"for no reason", NID_issuing_distribution_point, 1, "\x30\x03\x83\x01\0", 5, false},
    {"indirect", NID_issuing_distribution_point, 1, "\x30\x03\x84\x01\xff", 5, true},
    {"for attribute certificates", NID_issuing_distribution_point, 1, "\x30\x03\x85\x01\xff", 5,
     false},
    {"a point that is no DER", NID_issuing_distribution_point, 1, "\x30\x04\x81", 3, false},
};

/* A list that verify could not use rightly stops the set: half of a revocation is none. */
static void test_partial_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        struct seen seen = with_extension(extensions[i].nid, extensions[i].der, extensions[i].len,
                                          extensions[i].critical);

        if ((seen.n_stops == 0) != extensions[i].good)
            fail_msg("%s", extensions[i].name);
        if (!extensions[i].good)
            assert_int_equal(seen.reason, REASON_FILE_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_anchors),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_partial_lists),
    };

    return cmocka_run_group_tests_name("trust_build", tests, make_world, free_world);
}
