/* Which list may take the place of which: an address is bound to the kind of its first one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gatewayd/fetch/list_check.h"
#include "tests/unit/pki.h"

struct made {
    EVP_PKEY *keys[2];
    X509 *cas[2]; /* two authorities of one section */
    STACK_OF(X509) * issuers;
};

static void make(struct made *m)
{
    m->issuers = sk_X509_new_null();
    for (int i = 0; i < 2; i++) {
        m->keys[i] = pki_key();
        m->cas[i] = pki_ca(i ? "Other CA" : "CA", m->keys[i], NULL, m->keys[i], 1);
        sk_X509_push(m->issuers, m->cas[i]);
    }
}

static void clear(struct made *m)
{
    sk_X509_free(m->issuers);
    for (int i = 0; i < 2; i++) {
        X509_free(m->cas[i]);
        EVP_PKEY_free(m->keys[i]);
    }
}

struct list_case {
    int ca;
    const char *key_id;      /* NULL: no authority key id */
    const char *issuer_name; /* beside it, of the authority's certificate; NULL: none */
    const char *point;       /* "onlyuser:TRUE", NULL: none */
    bool delta, twice;       /* twice: the point is there two times */
};

static void add_key_id(X509_CRL *crl, const struct list_case *c)
{
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();

    id->keyid = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(id->keyid, (const unsigned char *)c->key_id, (int)strlen(c->key_id));
    if (c->issuer_name) {
        id->serial = ASN1_INTEGER_new();
        ASN1_INTEGER_set(id->serial, c->issuer_name[0]);
    }
    X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0, 0);
    AUTHORITY_KEYID_free(id);
}

static struct bytes octets_of(const struct made *m, const struct list_case *c)
{
    X509_CRL *crl = pki_crl(m->cas[c->ca], m->keys[c->ca], NULL, 0, -60, 60);
    struct bytes octets;

    if (c->key_id)
        add_key_id(crl, c);
    for (int i = 0; c->point && i < 1 + c->twice; i++) {
        X509_EXTENSION *point =
            X509V3_EXT_nconf_nid(NULL, NULL, NID_issuing_distribution_point, c->point);

        assert_non_null(point);
        X509_CRL_add_ext(crl, point, -1);
        X509_EXTENSION_free(point);
    }
    if (c->delta) {
        ASN1_INTEGER *base = ASN1_INTEGER_new();

        ASN1_INTEGER_set(base, 1);
        X509_CRL_add1_ext_i2d(crl, NID_delta_crl, base, 1, 0);
        ASN1_INTEGER_free(base);
    }
    X509_CRL_sign(crl, m->keys[c->ca], EVP_sha256());
    octets = pki_crl_octets(crl, false);
    X509_CRL_free(crl);
    return octets;
}

#define USERS "critical,onlyuser:TRUE"
#define CAS   "critical,onlyCA:TRUE"

static const struct {
    const char *name;
    struct list_case here, next;
    bool good;
} cases[] = {
    {"the same", {.key_id = "1"}, {.key_id = "1"}, true},
    {"the same without a key id", {.ca = 0}, {.ca = 0}, true},
    {"the same part", {.point = USERS}, {.point = USERS}, true},
    {"a delta after a delta", {.delta = true}, {.delta = true}, true},
    {"its certificate was renewed", {.key_id = "1"}, {.key_id = "1", .issuer_name = "x"}, true},
    {"of the other authority", {.ca = 0}, {.ca = 1}, false},
    {"of another key", {.key_id = "1"}, {.key_id = "2"}, false},
    {"the key id has gone", {.key_id = "1"}, {.ca = 0}, false},
    {"a key id has come", {.ca = 0}, {.key_id = "1"}, false},
    {"of authorities only, for the whole", {.ca = 0}, {.point = CAS}, false},
    {"of authorities only, for users", {.point = USERS}, {.point = CAS}, false},
    {"the whole for a part", {.point = USERS}, {.ca = 0}, false},
    {"some reasons for all", {.ca = 0}, {.point = "critical,onlysomereasons:keyCompromise"}, false},
    {"indirect for direct", {.ca = 0}, {.point = "critical,indirectCRL:TRUE"}, false},
    {"a delta for the whole", {.ca = 0}, {.delta = true}, false},
    {"the whole for a delta", {.delta = true}, {.ca = 0}, false},
    {"its point twice", {.point = USERS}, {.point = USERS, .twice = true}, false},
};

static void test_table(void **state)
{
    struct made m;

    (void)state;
    make(&m);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes here = octets_of(&m, &cases[i].here), next = octets_of(&m, &cases[i].next);
        struct list_facts before = {0}, facts = {0};
        struct list_against against = {
            .issuers = m.issuers, .before = &before, .now_s = clock_realtime_s()};
        struct error err = {.reason = REASON_OK};

        assert_true(list_read(here, &before, NULL)); /* as from disk */
        if (list_check(next, &against, &facts, &err) != cases[i].good)
            fail_msg("%s: %s", cases[i].name, err.detail);
        assert_int_equal(err.reason, cases[i].good ? REASON_OK : REASON_FETCH_REFUSED);
        free((void *)here.at);
        free((void *)next.at);
    }
    clear(&m);
}

/* The first list at an address of a certificate. */
static const struct {
    const char *name;
    bool of_certificate;
    int named; /* the authority that it has its lists from; -1: not known */
    struct list_case list;
    bool good;
} first_cases[] = {
    {"a configured address: any authority", false, -1, {.ca = 1}, true},
    {"of its issuer", true, 0, {.ca = 0}, true},
    {"of the other authority", true, 0, {.ca = 1}, false},
    {"nobody has named anybody", true, -1, {.ca = 0}, false},
    {"a delta", true, 0, {.delta = true}, false},
};

static void test_first(void **state)
{
    struct made m;

    (void)state;
    make(&m);
    for (size_t i = 0; i < ARRAY_LEN(first_cases); i++) {
        struct bytes octets = octets_of(&m, &first_cases[i].list);
        STACK_OF(X509_NAME) *named = sk_X509_NAME_new_null();
        struct list_facts before = {0}, facts = {0};
        struct list_against against = {.issuers = m.issuers,
                                       .before = &before,
                                       .now_s = clock_realtime_s(),
                                       .of_certificate = first_cases[i].of_certificate,
                                       .named = named};
        struct error err = {.reason = REASON_OK};

        if (first_cases[i].named >= 0)
            sk_X509_NAME_push(named, X509_get_subject_name(m.cas[first_cases[i].named]));
        if (list_check(octets, &against, &facts, &err) != first_cases[i].good)
            fail_msg("%s: %s", first_cases[i].name, err.detail);
        assert_int_equal(err.reason, first_cases[i].good ? REASON_OK : REASON_FETCH_REFUSED);
        sk_X509_NAME_free(named);
        free((void *)octets.at);
    }
    clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
