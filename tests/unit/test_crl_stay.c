/* Which lists in force stay in a section that fetches: only what still holds, and never longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gatewayd/shared/trust_build.h"
#include "tests/unit/pki.h"

enum { GRACE_S = 600, SUB_SERIAL = 77 };

static EVP_PKEY *root_key, *other_key, *sub_key;
static X509 *root, *other, *sub;

static int make_world(void **state)
{
    (void)state;
    root_key = pki_key();
    other_key = pki_key();
    sub_key = pki_key();
    root = pki_ca("Root", root_key, NULL, root_key, 1);
    other = pki_ca("Root", other_key, NULL, other_key, 2); /* the same name */
    sub = pki_ca("Sub", sub_key, root, root_key, SUB_SERIAL);
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(other_key);
    EVP_PKEY_free(sub_key);
    X509_free(root);
    X509_free(other);
    X509_free(sub);
    return 0;
}

static void ignore(void *context, const char *file, bool stops, const struct error *err)
{
    (void)context;
    (void)file;
    (void)stops;
    (void)err;
}

static const struct trust_errors errors = {.found = ignore};

/* One set; word is all that crls has. in_force may be NULL. The caller owns it and out. */
static struct trust *make(const char *word, X509 *anchor, X509 *intermediate, X509_CRL *crl,
                          const struct trust *in_force, struct writer *out)
{
    const char *words[] = {word};
    struct config_ca section = {.title = "a",
                                .revocation = CONFIG_REVOCATION_REQUIRE,
                                .max_depth = 6,
                                .anchors = "x",
                                .crl_grace = GRACE_S,
                                .crls = {.at = words, .n = 1}};
    struct config config = {.ca = &section, .n_ca = 1};
    struct trust_build *build = trust_build_new(&config, &errors);
    struct bytes pem = pki_pem(&anchor, 1);
    struct trust *trust;
    struct error err;

    trust_build_anchors(build, 0, "anchors", pem);
    free((void *)pem.at);
    if (intermediate) {
        pem = pki_pem(&intermediate, 1);
        trust_build_intermediates(build, 0, "intermediates", pem);
        free((void *)pem.at);
    }
    if (crl) {
        struct bytes octets = pki_crl_octets(crl, false);

        trust_build_crl(build, 0, "crl", octets);
        free((void *)octets.at);
    }
    if (in_force)
        trust_build_in_force(build, in_force);
    *out = writer_new(1 << 20);
    assert_true(trust_build_finish(build, clock_realtime_s(), out));
    assert_true(trust_decode(writer_bytes(out), &trust, &err));
    trust_build_free(build);
    return trust;
}

static const struct {
    const char *name, *word;
    long next_update;          /* of the list in force, from now on */
    bool other_anchor;         /* afterwards the section has another anchor of the same name */
    bool by_sub;               /* the list in force is Sub's */
    bool without_sub;          /* ... which is no intermediate any more */
    bool fetched, revokes_sub; /* a list of Root has come */
    size_t n;                  /* lists afterwards */
} cases[] = {
    {"an address: it stays", "http://a/x", 600, false, false, false, false, false, 1},
    {"cdp: it stays", "cdp", 600, false, false, false, false, false, 1},
    {"past nextUpdate, within the grace", "http://a/x", -300, false, false, false, false, false, 1},
    {"past the grace", "http://a/x", -GRACE_S - 60, false, false, false, false, false, 0},
    {"files only", "/a/x", 600, false, false, false, false, false, 0},
    {"another anchor", "http://a/x", 600, true, false, false, false, false, 0},
    {"the fetched one takes its place", "http://a/x", 600, false, false, false, true, false, 1},
    {"of an intermediate", "http://a/x", 600, false, true, false, false, false, 1},
    {"of another issuer beside the fetched", "http://a/x", 600, false, true, false, true, false, 2},
    {"of an unknown issuer", "http://a/x", 600, false, true, true, false, false, 0},
    {"of a revoked issuer", "http://a/x", 600, false, true, false, true, true, 1},
};

static void test_table(void **state)
{
    static const uint64_t revoked[] = {SUB_SERIAL};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool by_sub = cases[i].by_sub;
        X509_CRL *old = pki_crl(by_sub ? sub : root, by_sub ? sub_key : root_key, NULL, 0, -1200,
                                cases[i].next_update);
        X509_CRL *new = cases[i].fetched
                            ? pki_crl(root, root_key, revoked, cases[i].revokes_sub, -60, 600)
                            : NULL;
        struct writer before_octets, after_octets;
        struct trust *before = make("/a/x", root, by_sub ? sub : NULL, old, NULL, &before_octets);
        struct trust *after =
            make(cases[i].word, cases[i].other_anchor ? other : root,
                 by_sub && !cases[i].without_sub ? sub : NULL, new, before, &after_octets);

        assert_int_equal(before->cas[0].n_crls, 1);
        if (after->cas[0].n_crls != cases[i].n)
            fail_msg("%s: %zu lists", cases[i].name, after->cas[0].n_crls);
        trust_free(after);
        trust_free(before);
        writer_clear(&before_octets);
        writer_clear(&after_octets);
        X509_CRL_free(old);
        X509_CRL_free(new);
    }
}

/* What stays keeps its end, over as many loads as there are. */
static void test_it_ends(void **state)
{
    X509_CRL *old = pki_crl(root, root_key, NULL, 0, -1200, 600);
    struct writer octets[3];
    struct trust *first = make("/a/x", root, NULL, old, NULL, &octets[0]);
    struct trust *second = make("cdp", root, NULL, NULL, first, &octets[1]);
    struct trust *third = make("cdp", root, NULL, NULL, second, &octets[2]);

    (void)state;
    assert_int_equal(third->cas[0].n_crls, 1);
    assert_int_equal(third->cas[0].crls[0].next_update_s, first->cas[0].crls[0].next_update_s);
    trust_free(third);
    trust_free(second);
    trust_free(first);
    for (size_t i = 0; i < ARRAY_LEN(octets); i++)
        writer_clear(&octets[i]);
    X509_CRL_free(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_it_ends),
    };

    return cmocka_run_group_tests_name("crl_stay", tests, make_world, free_world);
}
