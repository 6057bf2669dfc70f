/* What a fetched list must be before it is written to disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gatewayd/fetch/list_check.h"
#include "tests/unit/pki.h"

struct made {
    EVP_PKEY *key, *other_key;
    X509 *ca, *other;
    STACK_OF(X509) * issuers;
};

static void make(struct made *m)
{
    m->key = pki_key();
    m->other_key = pki_key();
    m->ca = pki_ca("CA", m->key, NULL, m->key, 1);
    m->other = pki_ca("CA", m->other_key, NULL, m->other_key, 2); /* the same name */
    m->issuers = sk_X509_new_null();
    sk_X509_push(m->issuers, m->ca);
}

static void clear(struct made *m)
{
    sk_X509_free(m->issuers);
    X509_free(m->ca);
    X509_free(m->other);
    EVP_PKEY_free(m->key);
    EVP_PKEY_free(m->other_key);
}

/* Gives the list this number in place of the one that it has; 0: none. */
static void number(X509_CRL *crl, long value, EVP_PKEY *key)
{
    int at = X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1);
    ASN1_INTEGER *number = ASN1_INTEGER_new();

    if (at >= 0)
        X509_EXTENSION_free(X509_CRL_delete_ext(crl, at));
    ASN1_INTEGER_set(number, value);
    if (value > 0)
        X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0);
    ASN1_INTEGER_free(number);
    X509_CRL_sign(crl, key, EVP_sha256());
}

static const struct {
    const char *name;
    bool stranger;                 /* signed by the other CA of the same name */
    long this_update, next_update; /* from now on */
    long number;                   /* 0: none */
    long before_number;            /* of the one that is here; 0: none */
    long before_this_update;       /* 0: there is no list */
    enum reason reason;
} cases[] = {
    {"the first", false, -60, 60, 0, 0, 0, REASON_OK},
    {"the first with a number", false, -60, 60, 7, 0, 0, REASON_OK},
    {"a newer one", false, -60, 60, 8, 7, -120, REASON_OK},
    {"the same again", false, -60, 60, 7, 7, -60, REASON_OK},
    {"newer without a number", false, -60, 60, 0, 0, -120, REASON_OK},
    {"a clock that goes a little wrong", false, 200, 600, 0, 0, 0, REASON_OK},
    {"past its nextUpdate, but newer than nothing", false, -120, -60, 0, 0, 0, REASON_OK},
    {"signed by somebody of the same name", true, -60, 60, 0, 0, 0, REASON_FETCH_REFUSED},
    {"a smaller number", false, -60, 60, 6, 7, -120, REASON_FETCH_REFUSED},
    {"a smaller number that is dated later", false, -10, 60, 6, 7, -120, REASON_FETCH_REFUSED},
    {"dated earlier", false, -120, 60, 0, 0, -60, REASON_FETCH_REFUSED},
    {"dated earlier, now without a number", false, -120, 60, 0, 7, -60, REASON_FETCH_REFUSED},
    {"from the future", false, 4000, 8000, 0, 0, 0, REASON_FETCH_REFUSED},
    {"it ends before it begins", false, -60, -120, 0, 0, 0, REASON_FETCH_REFUSED},
};

static struct list_facts before(size_t i)
{
    struct list_facts facts = {0};

    if (cases[i].before_this_update)
        facts.this_update_s = clock_realtime_s() + cases[i].before_this_update;
    facts.numbered = cases[i].before_number > 0;
    facts.number[LIST_NUMBER_MAX - 1] = (uint8_t)cases[i].before_number;
    return facts;
}

static void test_table(void **state)
{
    struct made m;

    (void)state;
    make(&m);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        EVP_PKEY *key = cases[i].stranger ? m.other_key : m.key;
        X509_CRL *crl = pki_crl(cases[i].stranger ? m.other : m.ca, key, NULL, 0,
                                cases[i].this_update, cases[i].next_update);
        struct list_facts here = before(i), facts;
        struct list_against against = {
            .issuers = m.issuers, .before = &here, .now_s = clock_realtime_s()};
        struct error err = {.reason = REASON_OK};
        struct bytes octets;

        number(crl, cases[i].number, key);
        octets = pki_crl_octets(crl, false);
        here.kind = (struct list_kind){.delta = false};
        if (list_read(octets, &facts, NULL))
            here.kind = facts.kind;
        if (list_check(octets, &against, &facts, &err) != (cases[i].reason == REASON_OK) ||
            err.reason != cases[i].reason)
            fail_msg("%s: %s %s", cases[i].name, reason_name(err.reason), err.detail);
        free((void *)octets.at);
        X509_CRL_free(crl);
    }
    clear(&m);
}

/* An intermediate out of the chain that named the list may have signed it. */
static void test_others(void **state)
{
    struct list_facts here = {0}, facts;
    struct list_against against = {.before = &here, .now_s = clock_realtime_s()};
    struct bytes octets;
    struct made m;
    X509_CRL *crl;

    (void)state;
    make(&m);
    crl = pki_crl(m.ca, m.key, NULL, 0, -60, 60);
    octets = pki_crl_octets(crl, false);
    assert_false(list_check(octets, &against, &facts, NULL));
    against.others = m.issuers;
    assert_true(list_check(octets, &against, &facts, NULL));
    free((void *)octets.at);
    X509_CRL_free(crl);
    clear(&m);
}

static void test_form(void **state)
{
    struct list_facts facts;
    struct bytes octets;
    struct made m;
    X509_CRL *crl;

    (void)state;
    make(&m);
    crl = pki_crl(m.ca, m.key, NULL, 0, -60, 60);
    octets = pki_crl_octets(crl, false);
    assert_true(list_read(octets, &facts, NULL));
    for (size_t len = 0; len < octets.len; len++)
        assert_false(list_read((struct bytes){octets.at, len}, &facts, NULL));
    octets.len++; /* pki_take leaves room: one octet behind it */
    assert_false(list_read(octets, &facts, NULL));
    free((void *)octets.at);
    octets = pki_crl_octets(crl, true);
    assert_false(list_read(octets, &facts, NULL)); /* on disk it is DER */
    free((void *)octets.at);
    X509_CRL_free(crl);
    clear(&m);
}

/* PEM is taken as what web servers of people have; the same DER comes out. */
static void test_pem(void **state)
{
    struct writer out = writer_new(1 << 20), twice = writer_new(1 << 20);
    struct bytes pem, der, got;
    struct error err = {.reason = REASON_OK};
    struct made m;
    X509_CRL *crl;

    (void)state;
    make(&m);
    crl = pki_crl(m.ca, m.key, NULL, 0, -60, 60);
    der = pki_crl_octets(crl, false);
    pem = pki_crl_octets(crl, true);
    assert_true(list_to_der(pem, &out, &got, &err));
    assert_true(bytes_equal(got, der));
    writer_reset(&out);
    assert_true(list_to_der(der, &out, &got, &err));
    assert_ptr_equal(got.at, der.at); /* DER stays as it is */
    writer_put(&twice, pem);
    writer_put(&twice, pem);
    assert_false(list_to_der(writer_bytes(&twice), &out, &got, &err));
    assert_int_equal(err.reason, REASON_FETCH_REFUSED);
    for (size_t len = 40; len < pem.len - 24; len += 7) { /* cut before its last line */
        struct list_facts facts;

        writer_reset(&out);
        assert_false(list_to_der((struct bytes){pem.at, len}, &out, &got, &err) &&
                     list_read(got, &facts, &err));
    }
    writer_clear(&out);
    writer_clear(&twice);
    free((void *)der.at);
    free((void *)pem.at);
    X509_CRL_free(crl);
    clear(&m);
}

/* PEM of something else, and text around nothing. */
static void test_pem_of_others(void **state)
{
    static const char *const texts[] = {
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        ("-----BEGIN X509 CRL-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAA=\n"
         "-----END X509 CRL-----\n"),
        "-----BEGIN X509 CRL-----\n",
        "<html>-----BEGIN </html>",
    };
    struct writer out = writer_new(1 << 20);
    struct bytes got;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct error err = {.reason = REASON_OK};

        assert_false(list_to_der(bytes_of(texts[i]), &out, &got, &err));
        assert_int_equal(err.reason, REASON_FETCH_REFUSED);
    }
    writer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),         cmocka_unit_test(test_others),
        cmocka_unit_test(test_form),          cmocka_unit_test(test_pem),
        cmocka_unit_test(test_pem_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
