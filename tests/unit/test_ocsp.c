/* OCSP answers: the few that may be believed, and the many that may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gatewayd/fetch/ocsp.h"
#include "tests/unit/pki.h"

#include <openssl/ocsp.h>

enum { HOUR = 3600 };

/* Who signs the answer. */
enum signer {
    ISSUER,
    ISSUER_UNNAMED,  /* its certificate is not in the answer */
    DELEGATED,       /* a responder of the issuer, with ocsp-nocheck */
    DELEGATED_CHECK, /* the same without */
    NO_EKU,          /* a certificate of the issuer that is no responder's */
    CLIENT,          /* one for clients */
    EXPIRED,         /* a responder whose certificate has expired */
    STRANGER,        /* a responder of another CA */
    STRANGER_CA,     /* another CA of the same name */
    SIGNERS
};

struct made {
    EVP_PKEY *keys[SIGNERS], *client_key;
    X509 *certificates[SIGNERS], *client, *other_client;
};

static EVP_PKEY *ca_key_of(const struct made *m, enum signer who)
{
    return m->keys[who == STRANGER ? STRANGER_CA : ISSUER];
}

static X509 *responder(const struct made *m, enum signer who, const char *eku, long not_after)
{
    const struct pki_spec spec = {.cn = "Responder",
                                  .key = m->keys[who],
                                  .issuer = m->certificates[who == STRANGER ? STRANGER_CA : ISSUER],
                                  .issuer_key = ca_key_of(m, who),
                                  .basic = "CA:FALSE",
                                  .usage = "critical,digitalSignature",
                                  .eku = eku,
                                  .not_before = -2 * HOUR,
                                  .not_after = not_after,
                                  .serial = 50 + (uint64_t)who};
    X509 *certificate = pki_make(&spec);

    if (who == DELEGATED) {
        pki_extension(certificate, spec.issuer, NID_id_pkix_OCSP_noCheck, "ignored");
        pki_sign(certificate, spec.issuer_key, NULL);
    }
    return certificate;
}

static X509 *client(const struct made *m, uint64_t serial)
{
    const struct pki_spec spec = {.cn = "client",
                                  .key = m->client_key,
                                  .issuer = m->certificates[ISSUER],
                                  .issuer_key = m->keys[ISSUER],
                                  .eku = "clientAuth",
                                  .serial = serial};

    return pki_make(&spec);
}

static void make(struct made *m)
{
    for (int i = 0; i < SIGNERS; i++)
        m->keys[i] = pki_key();
    m->client_key = pki_key();
    m->certificates[ISSUER] = pki_ca("CA", m->keys[ISSUER], NULL, m->keys[ISSUER], 1);
    m->certificates[STRANGER_CA] =
        pki_ca("CA", m->keys[STRANGER_CA], NULL, m->keys[STRANGER_CA], 1);
    EVP_PKEY_free(m->keys[ISSUER_UNNAMED]);
    m->keys[ISSUER_UNNAMED] = m->keys[ISSUER];
    m->certificates[ISSUER_UNNAMED] = m->certificates[ISSUER];
    m->certificates[DELEGATED] = responder(m, DELEGATED, "OCSPSigning", HOUR);
    m->certificates[DELEGATED_CHECK] = responder(m, DELEGATED_CHECK, "OCSPSigning", HOUR);
    m->certificates[NO_EKU] = responder(m, NO_EKU, NULL, HOUR);
    m->certificates[CLIENT] = responder(m, CLIENT, "clientAuth", HOUR);
    m->certificates[EXPIRED] = responder(m, EXPIRED, "OCSPSigning", -HOUR);
    m->certificates[STRANGER] = responder(m, STRANGER, "OCSPSigning", HOUR);
    m->client = client(m, 7);
    m->other_client = client(m, 8);
}

static void clear(struct made *m)
{
    for (int i = 0; i < SIGNERS; i++)
        if (i != ISSUER_UNNAMED) {
            EVP_PKEY_free(m->keys[i]);
            X509_free(m->certificates[i]);
        }
    EVP_PKEY_free(m->client_key);
    X509_free(m->client);
    X509_free(m->other_client);
}

struct answer_case {
    const char *name;
    enum signer signer;
    int status;                    /* V_OCSP_CERTSTATUS_ */
    long this_update, next_update; /* from now on; next 0: none */
    bool other;                    /* about another certificate */
    bool sha1;                     /* signed with SHA-1 */
    bool revoked;                  /* a list names the responder */
    enum reason reason;
    long until; /* from now on, when it is believed */
};

static const struct answer_case cases[] = {
    {"good, by the issuer", ISSUER, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 0, 0, REASON_OK, HOUR},
    {"the issuer need not show itself", ISSUER_UNNAMED, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 0, 0,
     REASON_OK, HOUR},
    {"good, by a responder", DELEGATED, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 0, 0, REASON_OK,
     HOUR},
    {"by one that may be revoked and is not", DELEGATED_CHECK, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0,
     0, 0, REASON_OK, HOUR},
    {"nocheck: no list is asked", DELEGATED, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 0, 1, REASON_OK,
     HOUR},
    {"revoked", ISSUER, V_OCSP_CERTSTATUS_REVOKED, -60, HOUR, 0, 0, 0, REASON_CERT_REVOKED, HOUR},
    {"unknown", ISSUER, V_OCSP_CERTSTATUS_UNKNOWN, -60, HOUR, 0, 0, 0, REASON_OCSP_UNKNOWN, HOUR},
    {"no nextUpdate: a day from thisUpdate", ISSUER, V_OCSP_CERTSTATUS_GOOD, -HOUR, 0, 0, 0, 0,
     REASON_OK, 23 * HOUR},
    {"a week: asked again after a day", ISSUER, V_OCSP_CERTSTATUS_GOOD, -60, 168 * HOUR, 0, 0, 0,
     REASON_OK, 24 * HOUR},
    {"a clock that is a little fast", ISSUER, V_OCSP_CERTSTATUS_GOOD, 200, HOUR, 0, 0, 0, REASON_OK,
     HOUR},
    {"ended within the skew", ISSUER, V_OCSP_CERTSTATUS_GOOD, -HOUR, -100, 0, 0, 0, REASON_OK, 1},
    {"by a responder that a list names", DELEGATED_CHECK, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 0,
     1, REASON_OCSP_UNAVAILABLE, 0},
    {"by a certificate without purpose", NO_EKU, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 0, 0,
     REASON_OCSP_UNAVAILABLE, 0},
    {"by a client", CLIENT, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 0, 0, REASON_OCSP_UNAVAILABLE, 0},
    {"by an expired responder", EXPIRED, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 0, 0,
     REASON_OCSP_UNAVAILABLE, 0},
    {"by another CA's responder", STRANGER, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 0, 0,
     REASON_OCSP_UNAVAILABLE, 0},
    {"by another CA of the same name", STRANGER_CA, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 0, 0,
     REASON_OCSP_UNAVAILABLE, 0},
    {"revoked, by another CA", STRANGER_CA, V_OCSP_CERTSTATUS_REVOKED, -60, HOUR, 0, 0, 0,
     REASON_OCSP_UNAVAILABLE, 0},
    {"about another certificate", ISSUER, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 1, 0, 0,
     REASON_OCSP_UNAVAILABLE, 0},
    {"signed with SHA-1", ISSUER, V_OCSP_CERTSTATUS_GOOD, -60, HOUR, 0, 1, 0,
     REASON_OCSP_UNAVAILABLE, 0},
    {"too old", ISSUER, V_OCSP_CERTSTATUS_GOOD, -2 * HOUR, -HOUR, 0, 0, 0, REASON_OCSP_UNAVAILABLE,
     0},
    {"too old without nextUpdate", ISSUER, V_OCSP_CERTSTATUS_GOOD, -25 * HOUR, 0, 0, 0, 0,
     REASON_OCSP_UNAVAILABLE, 0},
    {"from the future", ISSUER, V_OCSP_CERTSTATUS_GOOD, HOUR, 2 * HOUR, 0, 0, 0,
     REASON_OCSP_UNAVAILABLE, 0},
    {"it ends before it begins", ISSUER, V_OCSP_CERTSTATUS_GOOD, -60, -120, 0, 0, 0,
     REASON_OCSP_UNAVAILABLE, 0},
};

static struct bytes answer_octets(const struct made *m, const struct answer_case *c)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    ASN1_TIME *this_update = X509_gmtime_adj(NULL, c->this_update);
    ASN1_TIME *next_update = c->next_update ? X509_gmtime_adj(NULL, c->next_update) : NULL;
    ASN1_TIME *when = X509_gmtime_adj(NULL, -HOUR);
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), c->other ? m->other_client : m->client,
                                      m->certificates[ISSUER]);
    OCSP_RESPONSE *response;
    BIO *bio = BIO_new(BIO_s_mem());

    assert_non_null(OCSP_basic_add1_status(basic, id, c->status, OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                                           c->status == V_OCSP_CERTSTATUS_REVOKED ? when : NULL,
                                           this_update, next_update));
    assert_int_equal(OCSP_basic_sign(basic, m->certificates[c->signer], m->keys[c->signer],
                                     c->sha1 ? EVP_sha1() : EVP_sha256(), NULL,
                                     c->signer == ISSUER_UNNAMED ? OCSP_NOCERTS : 0),
                     1);
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    i2d_OCSP_RESPONSE_bio(bio, response);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(this_update);
    ASN1_TIME_free(next_update);
    ASN1_TIME_free(when);
    return pki_take(bio);
}

static bool is_revoked(void *context, const X509 *certificate)
{
    (void)certificate;
    return *(bool *)context;
}

static struct ocsp_about about_of(const struct made *m, bool *revoked)
{
    return (struct ocsp_about){.leaf = m->client,
                               .issuer = m->certificates[ISSUER],
                               .now_s = clock_realtime_s(),
                               .is_revoked = is_revoked,
                               .context = revoked};
}

static void check(const struct made *m, const struct answer_case *c)
{
    bool revoked = c->revoked;
    struct ocsp_about about = about_of(m, &revoked);
    struct bytes octets = answer_octets(m, c);
    struct ocsp_result result = {.reason = REASON_OK};
    struct error err = {.reason = REASON_OK};
    bool good = ocsp_answer(octets, &about, &result, &err);
    enum reason reason = good ? result.reason : err.reason;

    if (reason != c->reason)
        fail_msg("%s: %s %s", c->name, reason_name(reason), err.detail);
    if (good && (result.until_s < about.now_s + c->until - 3 ||
                 result.until_s > about.now_s + c->until + 3))
        fail_msg("%s: until %lld", c->name, (long long)(result.until_s - about.now_s));
    free((void *)octets.at);
}

static void test_table(void **state)
{
    struct made m;

    (void)state;
    make(&m);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&m, &cases[i]);
    clear(&m);
}

static void test_form(void **state)
{
    bool revoked = false;
    struct ocsp_result result;
    struct ocsp_about about;
    struct bytes octets;
    OCSP_RESPONSE *busy;
    struct made m;
    BIO *bio = BIO_new(BIO_s_mem());

    (void)state;
    make(&m);
    about = about_of(&m, &revoked);
    octets = answer_octets(&m, &cases[0]);
    assert_true(ocsp_answer(octets, &about, &result, NULL));
    for (size_t len = 0; len < octets.len; len++)
        assert_false(ocsp_answer((struct bytes){octets.at, len}, &about, &result, NULL));
    for (size_t at = 0; at < octets.len; at += 3) {
        ((uint8_t *)octets.at)[at] ^= 1;
        /* A broken time of signing, or the like, may be what changed: the status never does. */
        if (ocsp_answer(octets, &about, &result, NULL))
            assert_int_equal(result.reason, REASON_OK);
        ((uint8_t *)octets.at)[at] ^= 1;
    }
    free((void *)octets.at);
    busy = OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, NULL);
    i2d_OCSP_RESPONSE_bio(bio, busy);
    OCSP_RESPONSE_free(busy);
    octets = pki_take(bio);
    assert_false(ocsp_answer(octets, &about, &result, NULL));
    free((void *)octets.at);
    clear(&m);
}

static void test_question(void **state)
{
    AUTO(writer_clear) struct writer out = writer_new(4096);
    bool revoked = false;
    const unsigned char *at;
    struct ocsp_about about;
    OCSP_REQUEST *request;
    struct made m;

    (void)state;
    make(&m);
    about = about_of(&m, &revoked);
    assert_true(ocsp_question(&about, &out, NULL));
    at = out.at;
    request = d2i_OCSP_REQUEST(NULL, &at, (long)out.len);
    assert_non_null(request);
    assert_int_equal(OCSP_request_onereq_count(request), 1);
    OCSP_REQUEST_free(request);
    clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
