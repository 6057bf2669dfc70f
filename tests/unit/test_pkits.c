/*
 * The Public Key Interoperability Test Suite of NIST (PKITS 1.0.1, public domain) through our path
 * validation. tests/pkits holds its certificates and revocation lists. Each case gets what a
 * directory would give: authorities and lists by the names that the path asks for. Names that begin
 * with Valid and Invalid say what must come out; the table has the rest, and where we differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/shared/config.h"
#include "gatewayd/shared/trust_build.h"
#include "gatewayd/shared/verify.h"
#include "tests/unit/pki.h"

#include <stdio.h>
#include <string.h>

enum { CERTIFICATES_MAX = 512, CRLS_MAX = 256, SET_MAX = 64, OCTETS_MAX = 1 << 20 };

static const int64_t now_s = 1355270400; /* 2012-12-12: within what the suite is valid for */

static struct suite {
    char *names[CERTIFICATES_MAX];
    X509 *certificates[CERTIFICATES_MAX];
    size_t n;
    char *crl_names[CRLS_MAX];
    X509_CRL *crls[CRLS_MAX]; /* NULL: OpenSSL cannot parse it */
    size_t n_crls;
    X509 *root;
} suite;

/* --- reading ---------------------------------------------------------------------------------- */

static void chomp(char *line)
{
    line[strcspn(line, "\n")] = '\0';
}

/* "# NAME" and a PEM block, over and over. */
static void read_pems(const char *path, void (*take)(const char *name, BIO *pem))
{
    FILE *file = fopen(path, "re");
    BIO *pem = BIO_new(BIO_s_mem());
    char line[256], name[128] = "";

    if (!file || !pem)
        fail_msg("%s", path);
    while (fgets(line, sizeof(line), file)) {
        if (line[0] == '#') {
            chomp(line);
            (void)snprintf(name, sizeof(name), "%.120s", line + 2);
            (void)BIO_reset(pem);
            continue;
        }
        BIO_puts(pem, line);
        if (strncmp(line, "-----END", 8) == 0)
            take(name, pem);
    }
    BIO_free(pem);
    (void)fclose(file);
}

static void take_certificate(const char *name, BIO *pem)
{
    X509 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);

    if (!certificate)
        return; /* the negative and long serial numbers parse; nothing else is as odd */
    suite.names[suite.n] = strdup(name);
    suite.certificates[suite.n++] = certificate;
    if (strcmp(name, "TrustAnchorRootCertificate") == 0)
        suite.root = certificate;
}

static void take_crl(const char *name, BIO *pem)
{
    X509_CRL *crl = PEM_read_bio_X509_CRL(pem, NULL, NULL, NULL);

    if (!crl)
        return;
    suite.crl_names[suite.n_crls] = strdup(name);
    suite.crls[suite.n_crls++] = crl;
}

static int read_suite(void **state)
{
    (void)state;
    read_pems("pkits/certificates.pem", take_certificate);
    read_pems("pkits/crls.pem", take_crl);
    assert_true(suite.n > 390 && suite.n_crls > 160 && suite.root);
    return 0;
}

static int free_suite(void **state)
{
    (void)state;
    for (size_t i = 0; i < suite.n; i++) {
        free(suite.names[i]);
        X509_free(suite.certificates[i]);
    }
    for (size_t i = 0; i < suite.n_crls; i++) {
        free(suite.crl_names[i]);
        X509_CRL_free(suite.crls[i]);
    }
    return 0;
}

/* --- what a directory would give -------------------------------------------------------------- */

struct set {
    X509 *authorities[SET_MAX]; /* of the configuration */
    size_t n;
    X509 *presented[SET_MAX]; /* what no configuration may hold comes with the client */
    size_t n_presented;
    X509_CRL *crls[SET_MAX];
    size_t n_crls;
};

static bool is_end_entity(const char *name)
{
    size_t len = strlen(name);

    return len > 2 && strcmp(name + len - 2, "EE") == 0;
}

static void collect(struct set *set, const X509_NAME *issuer);

static bool is_in(X509 *const *all, size_t n, const X509 *certificate)
{
    for (size_t i = 0; i < n; i++)
        if (all[i] == certificate)
            return true;
    return false;
}

static bool may_be_configured(X509 *certificate)
{
    uint32_t usage = X509_get_key_usage(certificate);

    return (usage & KU_CRL_SIGN) || (X509_check_ca(certificate) == 1 && (usage & KU_KEY_CERT_SIGN));
}

static void add_authority(struct set *set, X509 *authority)
{
    if (is_in(set->authorities, set->n, authority) ||
        is_in(set->presented, set->n_presented, authority))
        return;
    assert_true(set->n < SET_MAX && set->n_presented < VERIFY_CHAIN_MAX - 1);
    if (may_be_configured(authority))
        set->authorities[set->n++] = authority;
    else
        set->presented[set->n_presented++] = authority;
    collect(set, X509_get_issuer_name(authority));
}

static void add_crl(struct set *set, X509_CRL *crl)
{
    for (size_t i = 0; i < set->n_crls; i++)
        if (set->crls[i] == crl)
            return;
    assert_true(set->n_crls < SET_MAX);
    set->crls[set->n_crls++] = crl;
}

static void collect(struct set *set, const X509_NAME *issuer)
{
    for (size_t i = 0; i < suite.n_crls; i++)
        if (X509_NAME_cmp(X509_CRL_get_issuer(suite.crls[i]), issuer) == 0)
            add_crl(set, suite.crls[i]);
    for (size_t i = 0; i < suite.n; i++)
        if (!is_end_entity(suite.names[i]) && suite.certificates[i] != suite.root &&
            X509_NAME_cmp(X509_get_subject_name(suite.certificates[i]), issuer) == 0)
            add_authority(set, suite.certificates[i]);
}

static void collect_for(struct set *set, X509 *certificate)
{
    CRL_DIST_POINTS *points =
        X509_get_ext_d2i(certificate, NID_crl_distribution_points, NULL, NULL);

    collect(set, X509_get_issuer_name(certificate));
    for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
        const GENERAL_NAMES *names = sk_DIST_POINT_value(points, i)->CRLissuer;

        for (int k = 0; k < sk_GENERAL_NAME_num(names); k++)
            if (sk_GENERAL_NAME_value(names, k)->type == GEN_DIRNAME)
                collect(set, sk_GENERAL_NAME_value(names, k)->d.directoryName);
    }
    CRL_DIST_POINTS_free(points);
}

/* --- one case --------------------------------------------------------------------------------- */

/* A list that stops the load of trust data is left out here, as the operator would have to. */
static void ignore(void *context, const char *file, bool stops, const struct error *err)
{
    (void)file;
    (void)err;
    *(bool *)context = stops;
}

static bool is_usable(const struct set *set, size_t index)
{
    bool stops = false;
    const struct trust_errors errors = {.found = ignore, .context = &stops};
    struct config_ca section = {.title = "a", .anchors = "x", .eku = "warn", .max_depth = 16};
    struct config config = {.ca = &section, .n_ca = 1};
    struct trust_build *build = trust_build_new(&config, &errors);
    struct writer out = writer_new(OCTETS_MAX);
    struct bytes pem = pki_pem(&suite.root, 1);
    struct bytes list = pki_crl_octets(set->crls[index], true);
    bool good;

    trust_build_anchors(build, 0, "root", pem);
    free((void *)pem.at);
    if (set->n > 0) {
        pem = pki_pem(set->authorities, set->n);
        trust_build_intermediates(build, 0, "authorities", pem);
        free((void *)pem.at);
    }
    stops = false;
    trust_build_crl(build, 0, "list", list);
    good = !stops && trust_build_finish(build, now_s, &out) && !stops;
    free((void *)list.at);
    trust_build_free(build);
    writer_clear(&out);
    return good;
}

static void make(const struct set *set, const char *policy, struct writer *out)
{
    bool stops = false;
    const struct trust_errors errors = {.found = ignore, .context = &stops};
    struct config_ca section = {.title = "a",
                                .anchors = "x",
                                .eku = "warn",
                                .max_depth = 16,
                                .revocation = CONFIG_REVOCATION_REQUIRE,
                                .policies = {&policy, policy ? 1 : 0}};
    struct config config = {.ca = &section, .n_ca = 1};
    struct trust_build *build = trust_build_new(&config, &errors);
    struct bytes pem = pki_pem(&suite.root, 1);

    trust_build_anchors(build, 0, "root", pem);
    free((void *)pem.at);
    if (set->n > 0) {
        pem = pki_pem(set->authorities, set->n);
        trust_build_intermediates(build, 0, "authorities", pem);
        free((void *)pem.at);
    }
    for (size_t i = 0; i < set->n_crls; i++) {
        struct bytes list = pki_crl_octets(set->crls[i], true);

        if (is_usable(set, i))
            trust_build_crl(build, 0, "list", list);
        free((void *)list.at);
    }
    if (!trust_build_finish(build, now_s, out))
        fail_msg("trust data");
    trust_build_free(build);
}

static struct verify_result judge(X509 *leaf, const char *policy)
{
    static const size_t cas[] = {0};
    const struct verify_request request = {.now_s = now_s, .cas = cas, .n_cas = 1};
    struct writer out = writer_new(OCTETS_MAX);
    struct set set = {.n = 0};
    struct bytes ders[VERIFY_CHAIN_MAX] = {pki_der(leaf)};
    struct verify_result result;
    struct verify *verify;
    struct trust *trust;
    struct error err;

    collect_for(&set, leaf);
    make(&set, policy, &out);
    assert_true(trust_decode(writer_bytes(&out), &trust, &err));
    assert_true(verify_new(trust, &verify, &err));
    for (size_t i = 0; i < set.n_presented; i++)
        ders[i + 1] = pki_der(set.presented[i]);
    verify_chain(verify, &request, ders, set.n_presented + 1, &result);
    for (size_t i = 0; i <= set.n_presented; i++)
        free((void *)ders[i].at);
    verify_free(verify);
    trust_free(trust);
    writer_clear(&out);
    return result;
}

/* --- expectations ----------------------------------------------------------------------------- */

#define P1 "2.16.840.1.101.3.2.1.48.1"
#define P2 "2.16.840.1.101.3.2.1.48.2"
#define P3 "2.16.840.1.101.3.2.1.48.3"
#define P6 "2.16.840.1.101.3.2.1.48.6"

/* Sections 4.8 to 4.12 with an initial policy, and cases whose names do not say what must come out.
 */
static const struct {
    const char *name, *policy;
    bool good;
} policies[] = {
    {"ValidCertificatePathTest1EE", P1, true}, /* 4.8.1 */
    {"ValidCertificatePathTest1EE", P2, false},
    {"AllCertificatesNoPoliciesTest2EE", NULL, true},
    {"AllCertificatesNoPoliciesTest2EE", P1, false},
    {"DifferentPoliciesTest3EE", NULL, true},
    {"DifferentPoliciesTest3EE", P1, false},
    {"DifferentPoliciesTest3EE", P2, false},
    {"DifferentPoliciesTest4EE", P1, false},
    {"DifferentPoliciesTest5EE", P1, false},
    {"DifferentPoliciesTest7EE", P1, false},
    {"DifferentPoliciesTest8EE", P1, false},
    {"DifferentPoliciesTest9EE", P1, false},
    {"AllCertificatesSamePoliciesTest10EE", P1, true},
    {"AllCertificatesSamePoliciesTest10EE", P2, true},
    {"AllCertificatesanyPolicyTest11EE", P1, true},
    {"DifferentPoliciesTest12EE", P1, false},
    {"AllCertificatesSamePoliciesTest13EE", P1, true},
    {"AllCertificatesSamePoliciesTest13EE", P2, true},
    {"AllCertificatesSamePoliciesTest13EE", P3, true},
    {"AnyPolicyTest14EE", P1, true},
    {"AnyPolicyTest14EE", P2, false},
    {"UserNoticeQualifierTest15EE", P1, true},
    {"UserNoticeQualifierTest16EE", P1, true},
    {"UserNoticeQualifierTest17EE", P1, true},
    {"UserNoticeQualifierTest18EE", P1, true},
    {"UserNoticeQualifierTest18EE", P2, true},
    {"UserNoticeQualifierTest19EE", P1, true},
    {"CPSPointerQualifierTest20EE", P1, true},
    {"ValidPolicyMappingTest1EE", P1, true}, /* 4.10.1 */
    {"ValidPolicyMappingTest1EE", P2, false},
    {"ValidPolicyMappingTest3EE", P1, false},
    {"ValidPolicyMappingTest3EE", P2, true},
    {"ValidPolicyMappingTest5EE", P1, true},
    {"ValidPolicyMappingTest5EE", P6, false},
    {"ValidPolicyMappingTest6EE", P1, true},
    {"ValidPolicyMappingTest6EE", P6, false},
    {"ValidPolicyMappingTest12EE", P1, true},
    {"ValidPolicyMappingTest12EE", P2, true},
    {"inhibitAnyPolicyTest3EE", NULL, true}, /* 4.12.3 */
};

/* What the suite accepts and a gateway of today does not. */
static const struct {
    const char *name;
    enum reason reason;
} differences[] = {
    {"ValidDSASignaturesTest4EE", REASON_CERT_WEAK_KEY},
    {"ValidDSAParameterInheritanceTest5EE", REASON_CERT_WEAK_KEY},
    /* Their end entities are CA certificates. */
    {"OverlappingPoliciesTest6EE", REASON_CERT_IS_CA},
    {"ValidonlyContainsCACertsTest13EE", REASON_CERT_IS_CA},
    {"ValidpathLenConstraintTest8EE", REASON_CERT_IS_CA},
    {"ValidpathLenConstraintTest14EE", REASON_CERT_IS_CA},
};

static void test_policies(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
        for (size_t k = 0; k < suite.n; k++) {
            struct verify_result result;

            if (strcmp(suite.names[k], policies[i].name) != 0)
                continue;
            result = judge(suite.certificates[k], policies[i].policy);
            if ((result.reason == REASON_OK) == policies[i].good &&
                (policies[i].good || result.reason == REASON_CERT_POLICY))
                continue;
            print_error("%s %s: %s %s\n", policies[i].name,
                        policies[i].policy ? policies[i].policy : "", reason_name(result.reason),
                        result.detail);
            wrong++;
        }
    assert_int_equal(wrong, 0);
}

static bool is_expected(const char *name, enum reason reason)
{
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++)
        if (strcmp(differences[i].name, name) == 0)
            return reason == differences[i].reason;
    if (strncmp(name, "Valid", 5) == 0)
        return reason == REASON_OK;
    return reason != REASON_OK && reason != REASON_CERT_INVALID;
}

/* All cases whose names say what must come out: no refusal without a reason that means something.
 */
static void test_names(void **state)
{
    size_t n = 0, wrong = 0;

    (void)state;
    for (size_t i = 0; i < suite.n; i++) {
        const char *name = suite.names[i];
        struct verify_result result;

        if (!is_end_entity(name) ||
            (strncmp(name, "Valid", 5) != 0 && strncmp(name, "Invalid", 7) != 0 &&
             strncmp(name, "Overlapping", 11) != 0))
            continue;
        result = judge(suite.certificates[i], NULL);
        n++;
        if (is_expected(name, result.reason))
            continue;
        print_error("%s: %s %s\n", name, reason_name(result.reason), result.detail);
        wrong++;
    }
    assert_true(n > 180);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_policies),
    };

    return cmocka_run_group_tests_name("pkits", tests, read_suite, free_suite);
}
