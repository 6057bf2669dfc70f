/* Path validation: what is refused, with which reason and alert; few things are accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gatewayd/shared/config.h"
#include "gatewayd/shared/trust_build.h"
#include "gatewayd/shared/verify.h"
#include "tests/unit/pki.h"

#include <stdio.h>

/* One small world: root > inter > leaf; another root of another name, and one of the same name. */
static struct world {
    EVP_PKEY *root_key, *inter_key, *other_key, *twin_key, *weak_key, *leaf_key;
    X509 *root, *inter, *other, *twin, *server_inter, *named_inter;
} w;

static int make_world(void **state)
{
    struct pki_spec inter = {.cn = "Server Inter",
                             .basic = "critical,CA:TRUE",
                             .usage = "critical,keyCertSign,cRLSign",
                             .eku = "serverAuth",
                             .serial = 12};

    (void)state;
    w.root_key = pki_key();
    w.inter_key = pki_key();
    w.other_key = pki_key();
    w.twin_key = pki_key();
    w.leaf_key = pki_key();
    w.weak_key = pki_generate(EVP_PKEY_RSA, 1024);
    w.root = pki_ca("Root", w.root_key, NULL, w.root_key, 1);
    w.inter = pki_ca("Inter", w.inter_key, w.root, w.root_key, 11);
    w.other = pki_ca("Other", w.other_key, NULL, w.other_key, 2);
    w.twin = pki_ca("Root", w.twin_key, NULL, w.twin_key, 3);
    inter.key = w.inter_key;
    inter.issuer = w.root;
    inter.issuer_key = w.root_key;
    w.server_inter = pki_make(&inter);
    inter.cn = "Named Inter";
    inter.eku = NULL;
    inter.constraints = "critical,permitted;DNS:.inside.example";
    inter.serial = 13;
    w.named_inter = pki_make(&inter);
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    EVP_PKEY_free(w.root_key);
    EVP_PKEY_free(w.inter_key);
    EVP_PKEY_free(w.other_key);
    EVP_PKEY_free(w.twin_key);
    EVP_PKEY_free(w.leaf_key);
    EVP_PKEY_free(w.weak_key);
    X509_free(w.root);
    X509_free(w.inter);
    X509_free(w.other);
    X509_free(w.twin);
    X509_free(w.server_inter);
    X509_free(w.named_inter);
    return 0;
}

static void unexpected(void *context, const char *file, bool stops, const struct error *err)
{
    (void)context;
    if (stops)
        fail_msg("%s: %s %s", file, reason_name(err->reason), err->detail);
}

/* Trust data of one ca section, from files to octets to trust to stores. */
struct set {
    struct writer octets;
    struct trust *trust;
    struct verify *verify;
};

struct ca_spec {
    X509 *anchors[2];
    X509 *intermediates[2];
    X509_CRL *crls[3]; /* freed by make_set */
    enum config_revocation revocation;
    int64_t grace;
    int64_t depth; /* 0: 6 */
};

static size_t count(X509 *const *all, size_t max)
{
    size_t n = 0;

    while (n < max && all[n])
        n++;
    return n;
}

static void add_ca(struct trust_build *build, size_t index, const struct ca_spec *spec)
{
    struct bytes pem = pki_pem(spec->anchors, count(spec->anchors, 2));

    trust_build_anchors(build, index, "anchors.pem", pem);
    free((void *)pem.at);
    if (spec->intermediates[0]) {
        pem = pki_pem(spec->intermediates, count(spec->intermediates, 2));
        trust_build_intermediates(build, index, "intermediates.pem", pem);
        free((void *)pem.at);
    }
    for (size_t i = 0; i < 3 && spec->crls[i]; i++) {
        pem = pki_crl_octets(spec->crls[i], i % 2 == 0);
        trust_build_crl(build, index, "list", pem);
        free((void *)pem.at);
        X509_CRL_free(spec->crls[i]);
    }
}

static struct set make_set(const struct ca_spec *specs, size_t n)
{
    struct config_ca sections[3] = {{.title = "a"}, {.title = "b"}, {.title = "c"}};
    struct config config = {.ca = sections, .n_ca = n};
    const struct trust_errors errors = {.found = unexpected};
    struct trust_build *build;
    struct set set = {.octets = writer_new(1 << 20)};
    struct error err;

    for (size_t i = 0; i < n; i++) {
        sections[i].eku = "strict";
        sections[i].revocation = specs[i].revocation;
        sections[i].crl_grace = specs[i].grace;
        sections[i].max_depth = specs[i].depth ? specs[i].depth : 6;
    }
    build = trust_build_new(&config, &errors);
    for (size_t i = 0; i < n; i++)
        add_ca(build, i, &specs[i]);
    assert_true(trust_build_finish(build, clock_realtime_s(), &set.octets));
    trust_build_free(build);
    assert_true(trust_decode(writer_bytes(&set.octets), &set.trust, &err));
    assert_true(verify_new(set.trust, &set.verify, &err));
    return set;
}

static void free_set(struct set *set)
{
    verify_free(set->verify);
    trust_free(set->trust);
    writer_clear(&set->octets);
}

static struct verify_result run(const struct set *set, X509 *leaf, X509 *next, int64_t from_now_s)
{
    static const size_t cas[] = {0, 1, 2};
    struct verify_request request = {
        .now_s = clock_realtime_s() + from_now_s, .cas = cas, .n_cas = set->trust->n_cas};
    struct bytes presented[2] = {pki_der(leaf), next ? pki_der(next) : (struct bytes){NULL, 0}};
    struct verify_result result;

    verify_chain(set->verify, &request, presented, next ? 2 : 1, &result);
    free((void *)presented[0].at);
    free((void *)presented[1].at);
    return result;
}

static void expect(const char *name, const struct verify_result *result, enum reason reason)
{
    if (result->reason != reason)
        fail_msg("%s: %s instead of %s (%s)", name, reason_name(result->reason),
                 reason_name(reason), result->detail);
    assert_int_equal(result->alert, verify_alert(reason));
    assert_true((reason == REASON_OK) == (result->detail[0] == '\0'));
}

/* --- the chain -------------------------------------------------------------------------------- */

enum { BY_ROOT, BY_INTER, BY_OTHER, BY_TWIN, BY_SERVER_INTER, BY_NAMED_INTER };

static const struct {
    const char *name;
    int issuer;
    bool send_issuer;
    struct pki_spec spec;
    enum reason reason;
    uint8_t alert;
} leaves[] = {
    {"issued by the root", BY_ROOT, false, {.eku = "clientAuth"}, REASON_OK, 0},
    {"issued by an intermediate that is sent", BY_INTER, true, {.eku = "clientAuth"}, REASON_OK, 0},
    {"clientAuth among others", BY_ROOT, false, {.eku = "serverAuth,clientAuth"}, REASON_OK, 0},
    {"key usage with digitalSignature",
     BY_ROOT,
     false,
     {.eku = "clientAuth", .usage = "digitalSignature"},
     REASON_OK,
     0},
    {"an intermediate that is missing",
     BY_INTER,
     false,
     {.eku = "clientAuth"},
     REASON_CERT_UNKNOWN_CA,
     48},
    {"another root", BY_OTHER, false, {.eku = "clientAuth"}, REASON_CERT_UNKNOWN_CA, 48},
    {"another root that is sent",
     BY_OTHER,
     true,
     {.eku = "clientAuth"},
     REASON_CERT_UNKNOWN_CA,
     48},
    {"self-signed", -1, false, {.eku = "clientAuth"}, REASON_CERT_UNKNOWN_CA, 48},
    {"a root of the same name", BY_TWIN, false, {.eku = "clientAuth"}, REASON_CERT_SIGNATURE, 42},
    {"expired",
     BY_ROOT,
     false,
     {.eku = "clientAuth", .not_before = -100, .not_after = -10},
     REASON_CERT_EXPIRED,
     45},
    {"not yet valid",
     BY_ROOT,
     false,
     {.eku = "clientAuth", .not_before = 100, .not_after = 200},
     REASON_CERT_NOT_YET_VALID,
     45},
    {"no extended key usage", BY_ROOT, false, {.eku = NULL}, REASON_CERT_EKU, 43},
    {"serverAuth only", BY_ROOT, false, {.eku = "serverAuth"}, REASON_CERT_EKU, 43},
    {"anyExtendedKeyUsage only",
     BY_ROOT,
     false,
     {.eku = "anyExtendedKeyUsage"},
     REASON_CERT_EKU,
     43},
    {"key usage without digitalSignature",
     BY_ROOT,
     false,
     {.eku = "clientAuth", .usage = "keyAgreement"},
     REASON_CERT_KEY_USAGE,
     43},
    {"a CA certificate as client",
     BY_ROOT,
     false,
     {.eku = "clientAuth", .basic = "critical,CA:TRUE", .usage = "keyCertSign,digitalSignature"},
     REASON_CERT_IS_CA,
     43},
    {"an intermediate for servers only",
     BY_SERVER_INTER,
     true,
     {.eku = "clientAuth"},
     REASON_CERT_EKU,
     43},
    {"a name outside of the constraint",
     BY_NAMED_INTER,
     true,
     {.eku = "clientAuth", .san = "DNS:a.outside.example"},
     REASON_CERT_NAME_CONSTRAINT,
     42},
    {"a name inside of the constraint",
     BY_NAMED_INTER,
     true,
     {.eku = "clientAuth", .san = "DNS:a.inside.example"},
     REASON_OK,
     0},
    {"a serial number of zero",
     BY_ROOT,
     false,
     {.eku = "clientAuth", .no_serial = true},
     REASON_CERT_SERIAL,
     42},
};

static X509 *make_leaf(int issuer, const struct pki_spec *base)
{
    struct pki_spec spec = *base;

    spec.cn = "leaf";
    switch (issuer) {
    case BY_ROOT:
        spec.issuer = w.root;
        spec.issuer_key = w.root_key;
        break;
    case BY_INTER:
        spec.issuer = w.inter;
        spec.issuer_key = w.inter_key;
        break;
    case BY_OTHER:
        spec.issuer = w.other;
        spec.issuer_key = w.other_key;
        break;
    case BY_TWIN:
        spec.issuer = w.twin;
        spec.issuer_key = w.twin_key;
        break;
    case BY_SERVER_INTER:
        spec.issuer = w.server_inter;
        spec.issuer_key = w.inter_key;
        break;
    case BY_NAMED_INTER:
        spec.issuer = w.named_inter;
        spec.issuer_key = w.inter_key;
        break;
    default:
        spec.key = w.leaf_key;
        break;
    }
    return pki_make(&spec);
}

static X509 *issuer_of(int issuer)
{
    X509 *const all[] = {w.root, w.inter, w.other, w.twin, w.server_inter, w.named_inter};

    return all[issuer];
}

static void test_leaves(void **state)
{
    struct set set = make_set(&(struct ca_spec){.anchors = {w.root}}, 1);

    (void)state;
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        X509 *leaf = make_leaf(leaves[i].issuer, &leaves[i].spec);
        struct verify_result result =
            run(&set, leaf, leaves[i].send_issuer ? issuer_of(leaves[i].issuer) : NULL, 0);

        expect(leaves[i].name, &result, leaves[i].reason);
        assert_int_equal(result.alert, leaves[i].alert);
        if (result.reason == REASON_OK)
            assert_int_equal(result.revocation, REVOCATION_NOT_CHECKED);
        X509_free(leaf);
    }
    free_set(&set);
}

static void test_weak_keys(void **state)
{
    struct set set = make_set(&(struct ca_spec){.anchors = {w.root}}, 1);
    X509 *leaf = make_leaf(BY_ROOT, &(struct pki_spec){.eku = "clientAuth", .key = w.weak_key});
    struct verify_result result = run(&set, leaf, NULL, 0);

    (void)state;
    expect("RSA 1024", &result, REASON_CERT_WEAK_KEY);
    X509_free(leaf);
    leaf = make_leaf(BY_ROOT, &(struct pki_spec){.eku = "clientAuth", .digest = EVP_sha1()});
    result = run(&set, leaf, NULL, 0);
    expect("SHA-1", &result, REASON_CERT_WEAK_KEY);
    X509_free(leaf);
    free_set(&set);
}

static void test_intermediates_and_depth(void **state)
{
    X509 *leaf = make_leaf(BY_INTER, &(struct pki_spec){.eku = "clientAuth"});
    struct set set =
        make_set(&(struct ca_spec){.anchors = {w.root}, .intermediates = {w.inter}}, 1);
    struct verify_result result = run(&set, leaf, NULL, 0);

    (void)state;
    expect("an intermediate of the configuration", &result, REASON_OK);
    free_set(&set);

    set = make_set(&(struct ca_spec){.anchors = {w.inter}}, 1);
    result = run(&set, leaf, NULL, 0);
    expect("an intermediate as anchor", &result, REASON_OK);
    free_set(&set);

    set = make_set(&(struct ca_spec){.anchors = {w.root}, .depth = 2}, 1);
    result = run(&set, leaf, w.inter, 0);
    expect("two below the anchor, two allowed", &result, REASON_OK);
    free_set(&set);

    set = make_set(&(struct ca_spec){.anchors = {w.root}, .depth = 1}, 1);
    result = run(&set, leaf, w.inter, 0);
    expect("two below the anchor, one allowed", &result, REASON_CERT_CHAIN_TOO_LONG);
    free_set(&set);
    X509_free(leaf);
}

static void test_sections(void **state)
{
    const struct ca_spec specs[] = {
        {.anchors = {w.other}}, {.anchors = {w.twin}}, {.anchors = {w.root}}};
    struct set set = make_set(specs, 3);
    X509 *leaf = make_leaf(BY_ROOT, &(struct pki_spec){.eku = "clientAuth"});
    X509 *expired = make_leaf(
        BY_OTHER, &(struct pki_spec){.eku = "clientAuth", .not_before = -9, .not_after = -5});
    struct verify_result result = run(&set, leaf, NULL, 0);

    (void)state;
    expect("the third section has the anchor, the second one of the same name", &result, REASON_OK);
    assert_int_equal(result.ca, 2);
    result = run(&set, expired, NULL, 0);
    expect("the section with the anchor decides", &result, REASON_CERT_EXPIRED);
    X509_free(leaf);
    X509_free(expired);
    free_set(&set);
}

/* --- revocation ------------------------------------------------------------------------------- */

static X509_CRL *root_list(uint64_t revoked, long this_update, long next_update)
{
    return pki_crl(w.root, w.root_key, &revoked, 1, this_update, next_update);
}

static X509_CRL *inter_list(uint64_t revoked, long this_update, long next_update)
{
    return pki_crl(w.inter, w.inter_key, &revoked, 1, this_update, next_update);
}

#define REQUIRE    CONFIG_REVOCATION_REQUIRE
#define IF_PRESENT CONFIG_REVOCATION_IF_PRESENT

/* The leaf has serial 1000 and is issued by inter, which has serial 11. */
static void check_revocation(const char *name, struct ca_spec *spec, long from_now_s,
                             enum reason reason, enum revocation_state revocation)
{
    X509 *leaf = make_leaf(
        BY_INTER, &(struct pki_spec){.eku = "clientAuth", .not_before = -60, .not_after = 6000});
    struct verify_result result;
    struct set set;

    spec->anchors[0] = w.root;
    spec->intermediates[0] = w.inter;
    set = make_set(spec, 1);
    result = run(&set, leaf, NULL, from_now_s);
    expect(name, &result, reason);
    if (reason == REASON_OK)
        assert_int_equal(result.revocation, revocation);
    if (result.revocation == REVOCATION_GOOD && reason == REASON_OK) {
        assert_true(result.crl_this_update_s > 0);
        assert_int_equal(result.crl_valid_until_s == INT64_MAX, spec->revocation != REQUIRE);
    }
    X509_free(leaf);
    free_set(&set);
}

static void test_revocation(void **state)
{
    (void)state;
    check_revocation("both lists are there",
                     &(struct ca_spec){.revocation = REQUIRE,
                                       .crls = {root_list(5, -60, 600), inter_list(6, -60, 600)}},
                     0, REASON_OK, REVOCATION_GOOD);
    check_revocation(
        "the leaf is revoked",
        &(struct ca_spec){.revocation = REQUIRE,
                          .crls = {root_list(5, -60, 600), inter_list(1000, -60, 600)}},
        0, REASON_CERT_REVOKED, 0);
    check_revocation("the intermediate is revoked",
                     &(struct ca_spec){.revocation = REQUIRE,
                                       .crls = {root_list(11, -60, 600), inter_list(6, -60, 600)}},
                     0, REASON_CERT_REVOKED, 0);
    check_revocation(
        "the leaf's serial in the root's list means another certificate",
        &(struct ca_spec){.revocation = REQUIRE,
                          .crls = {root_list(1000, -60, 600), inter_list(6, -60, 600)}},
        0, REASON_OK, REVOCATION_GOOD);
    check_revocation("the intermediate's list is missing",
                     &(struct ca_spec){.revocation = REQUIRE, .crls = {root_list(5, -60, 600)}}, 0,
                     REASON_CRL_MISSING, 0);
    check_revocation("the root's list is missing",
                     &(struct ca_spec){.revocation = REQUIRE, .crls = {inter_list(5, -60, 600)}}, 0,
                     REASON_CRL_MISSING, 0);
    check_revocation("no list at all", &(struct ca_spec){.revocation = REQUIRE}, 0,
                     REASON_CRL_MISSING, 0);
    check_revocation("no list at all, if-present", &(struct ca_spec){.revocation = IF_PRESENT}, 0,
                     REASON_OK, REVOCATION_UNKNOWN);
    check_revocation(
        "one list of two, if-present, and it names the leaf",
        &(struct ca_spec){.revocation = IF_PRESENT, .crls = {inter_list(1000, -60, 600)}}, 0,
        REASON_CERT_REVOKED, 0);
    check_revocation("both lists, if-present",
                     &(struct ca_spec){.revocation = IF_PRESENT,
                                       .crls = {root_list(5, -60, 600), inter_list(6, -60, 600)}},
                     0, REASON_OK, REVOCATION_GOOD);
    check_revocation("revoked, but the section does not look",
                     &(struct ca_spec){.revocation = CONFIG_REVOCATION_OFF,
                                       .crls = {inter_list(1000, -60, 600)}},
                     0, REASON_OK, REVOCATION_NOT_CHECKED);
}

static void test_revocation_ages(void **state)
{
    (void)state;
    check_revocation("expired, within the grace",
                     &(struct ca_spec){.revocation = REQUIRE,
                                       .grace = 100,
                                       .crls = {root_list(5, -60, 600), inter_list(6, -60, 600)}},
                     690, REASON_OK, REVOCATION_GOOD);
    check_revocation("expired, past the grace",
                     &(struct ca_spec){.revocation = REQUIRE,
                                       .grace = 100,
                                       .crls = {root_list(5, -60, 600), inter_list(6, -60, 600)}},
                     702, REASON_CRL_EXPIRED, 0);
    check_revocation("expired without grace",
                     &(struct ca_spec){.revocation = REQUIRE,
                                       .crls = {root_list(5, -60, 600), inter_list(6, -60, 900)}},
                     602, REASON_CRL_EXPIRED, 0);
    check_revocation("expired, if-present",
                     &(struct ca_spec){.revocation = IF_PRESENT,
                                       .crls = {root_list(5, -60, 600), inter_list(6, -60, 900)}},
                     602, REASON_OK, REVOCATION_UNKNOWN);
    check_revocation("expired, and it names the leaf",
                     &(struct ca_spec){.revocation = IF_PRESENT,
                                       .crls = {root_list(5, -60, 600), inter_list(1000, -60, 60)}},
                     100, REASON_CERT_REVOKED, 0);
    check_revocation("the newer of two lists counts",
                     &(struct ca_spec){.revocation = REQUIRE,
                                       .crls = {root_list(5, -60, 600), inter_list(1000, -30, 600),
                                                inter_list(6, -60, 600)}},
                     0, REASON_CERT_REVOKED, 0);
}

/* --- odd input -------------------------------------------------------------------------------- */

static void test_no_trust(void **state)
{
    X509 *leaf = make_leaf(BY_ROOT, &(struct pki_spec){.eku = "clientAuth"});
    struct bytes der = pki_der(leaf);
    struct verify_request request = {.now_s = clock_realtime_s()};
    struct verify_result result;

    (void)state;
    verify_chain(NULL, &request, &der, 1, &result);
    expect("no trust data", &result, REASON_TRUST_MISSING);
    free((void *)der.at);
    X509_free(leaf);
}

static void test_odd_octets(void **state)
{
    struct set set = make_set(&(struct ca_spec){.anchors = {w.root}}, 1);
    X509 *leaf = make_leaf(BY_ROOT, &(struct pki_spec){.eku = "clientAuth"});
    struct bytes der = pki_der(leaf), cut = {der.at, der.len - 1}, longer = {der.at, der.len + 1};
    struct bytes many[VERIFY_CHAIN_MAX + 1];
    const size_t first = 0;
    struct verify_request request = {.now_s = clock_realtime_s(), .cas = &first, .n_cas = 1};
    struct verify_result result;

    (void)state;
    verify_chain(set.verify, &request, &der, 1, &result);
    expect("the whole", &result, REASON_OK);
    verify_chain(set.verify, &request, &cut, 1, &result);
    expect("one octet less", &result, REASON_CERT_MALFORMED);
    verify_chain(set.verify, &request, &longer, 1, &result);
    expect("one octet more", &result, REASON_CERT_MALFORMED);
    verify_chain(set.verify, &request, NULL, 0, &result);
    expect("none", &result, REASON_TLS_NO_CERTIFICATE);
    for (size_t i = 0; i < VERIFY_CHAIN_MAX + 1; i++)
        many[i] = der;
    verify_chain(set.verify, &request, many, VERIFY_CHAIN_MAX + 1, &result);
    expect("too many", &result, REASON_CERT_CHAIN_TOO_LONG);
    request.n_cas = 0;
    verify_chain(set.verify, &request, &der, 1, &result);
    expect("a listener without ca sections", &result, REASON_CERT_UNKNOWN_CA);
    free((void *)der.at);
    X509_free(leaf);
    free_set(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_weak_keys),
        cmocka_unit_test(test_intermediates_and_depth),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_revocation),
        cmocka_unit_test(test_revocation_ages),
        cmocka_unit_test(test_no_trust),
        cmocka_unit_test(test_odd_octets),
    };

    return cmocka_run_group_tests_name("verify", tests, make_world, free_world);
}
