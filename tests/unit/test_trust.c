/* The octets of trust data: what encode writes, and what decode refuses of it when it is changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/shared/trust.h"

#include <stdlib.h>

static const uint8_t serials[2 * TRUST_SERIAL_LEN] = {[19] = 5, [38] = 1, [39] = 0};
static const struct bytes anchors[] = {{(const uint8_t *)"anchor", 6}};
static const struct bytes empty_anchor[] = {{(const uint8_t *)"", 0}};

static struct trust_revoked revoked = {
    .issuer = {(const uint8_t *)"issuer", 6}, .serials = serials, .n_serials = 2};
static const struct bytes nameless[] = {{(const uint8_t *)"", 0}};

static struct trust_crl good_crl(void)
{
    return (struct trust_crl){.issuer = bytes_of("issuer"),
                              .scope = TRUST_SCOPE_ALL,
                              .reasons = TRUST_REASONS_ALL,
                              .this_update_s = 100,
                              .next_update_s = 200,
                              .number = bytes_of("7"),
                              .names = anchors,
                              .n_names = 1,
                              .revoked = &revoked,
                              .n_revoked = 1};
}

static struct trust_ca good_ca(const struct trust_crl *crl)
{
    return (struct trust_ca){.name = bytes_of("users"),
                             .revocation = 2,
                             .crl_grace_s = 60,
                             .max_depth = 6,
                             .eku_strict_s = INT64_MIN,
                             .policies = anchors,
                             .n_policies = 1,
                             .anchors = anchors,
                             .n_anchors = 1,
                             .intermediates = anchors,
                             .n_intermediates = 1,
                             .crls = crl,
                             .n_crls = 1};
}

static bool survives(struct trust_ca *cas, size_t n)
{
    struct trust trust = {.cas = cas, .n_cas = n}, *again = NULL;
    struct writer out = writer_new(1 << 20), second = writer_new(1 << 20);
    struct error err;
    bool good;

    trust_encode(&trust, &out);
    good = trust_decode(writer_bytes(&out), &again, &err);
    if (good) {
        trust_encode(again, &second);
        assert_true(bytes_equal(writer_bytes(&out), writer_bytes(&second)));
    } else {
        assert_int_equal(err.reason, REASON_MSG_MALFORMED);
    }
    trust_free(again);
    writer_clear(&out);
    writer_clear(&second);
    return good;
}

static bool crl_survives(struct trust_crl crl)
{
    struct trust_ca ca = good_ca(&crl);

    return survives(&ca, 1);
}

static void test_round_trip(void **state)
{
    struct trust_crl crl = good_crl();
    struct trust_ca cas[2] = {good_ca(&crl), {.name = bytes_of("hosts"), .max_depth = 1}};

    (void)state;
    assert_true(survives(NULL, 0));
    assert_true(survives(cas, 2));
}

static void test_refusals_of_cas(void **state)
{
    struct trust_crl crl = good_crl();
    struct trust_ca cas[2] = {good_ca(&crl), good_ca(&crl)};

    (void)state;
    assert_false(survives(cas, 2)); /* one name twice */
    cas[0].name = bytes_of("");
    assert_false(survives(cas, 1));
    cas[0].name = bytes_of("a\nb");
    assert_false(survives(cas, 1));
    cas[0] = good_ca(&crl);
    cas[0].revocation = 3;
    assert_false(survives(cas, 1));
    cas[0] = good_ca(&crl);
    cas[0].max_depth = 0;
    assert_false(survives(cas, 1));
    cas[0] = good_ca(&crl);
    cas[0].anchors = empty_anchor;
    assert_false(survives(cas, 1));
}

static void test_refusals_of_lists(void **state)
{
    struct trust_crl crl = good_crl();

    (void)state;
    assert_true(crl_survives(crl));
    crl.reasons = 0;
    assert_false(crl_survives(crl));
    crl.reasons = 1; /* unused(0) is no reason */
    assert_false(crl_survives(crl));
    crl.reasons = 0x200;
    assert_false(crl_survives(crl));
    crl = good_crl();
    crl.number = bytes_of("123456789012345678901");
    assert_false(crl_survives(crl));
    crl = good_crl();
    crl.names = nameless;
    assert_false(crl_survives(crl));
    crl = good_crl();
    crl.scope = 0;
    assert_false(crl_survives(crl));
    crl.scope = 4;
    assert_false(crl_survives(crl));
    crl = good_crl();
    crl.next_update_s = 99;
    assert_false(crl_survives(crl));
    crl = good_crl();
    crl.this_update_s = -1;
    assert_false(crl_survives(crl));
    crl = good_crl();
    crl.issuer = bytes_of("");
    assert_false(crl_survives(crl));
    crl = good_crl();
    crl.n_revoked = 0;
    assert_true(crl_survives(crl));
}

/* Every shorter and every longer form is refused, whatever its counts promise. */
static void test_lengths(void **state)
{
    struct trust_crl crl = good_crl();
    struct trust_ca ca = good_ca(&crl);
    struct trust trust = {.cas = &ca, .n_cas = 1}, *again = NULL;
    struct writer out = writer_new(1 << 20);
    struct error err;

    (void)state;
    trust_encode(&trust, &out);
    for (size_t len = 0; len < out.len; len++) {
        uint8_t *copy = malloc(len + 1);

        memcpy(copy, out.at, len);
        assert_false(trust_decode((struct bytes){copy, len}, &again, &err));
        free(copy);
    }
    writer_u8(&out, 0);
    assert_false(trust_decode(writer_bytes(&out), &again, &err));
    for (size_t i = 0; i + 4 <= out.len; i++) {
        uint8_t *copy = malloc(out.len - 1);

        memcpy(copy, out.at, out.len - 1);
        memset(copy + i, 0xff, i + 4 < out.len - 1 ? 4 : 1);
        if (trust_decode((struct bytes){copy, out.len - 1}, &again, &err))
            again = trust_free(again);
        free(copy);
    }
    writer_clear(&out);
}

static void test_search(void **state)
{
    struct trust_revoked crl = revoked;
    const uint8_t longest[21] = {1};

    (void)state;
    assert_true(trust_revoked_has(&crl, bytes_of("\5")));
    assert_true(trust_revoked_has(&crl, (struct bytes){(const uint8_t *)"\1\0", 2}));
    assert_true(trust_revoked_has(&crl, (struct bytes){(const uint8_t *)"\0\5", 2}));
    assert_false(trust_revoked_has(&crl, bytes_of("\1")));
    assert_false(trust_revoked_has(&crl, bytes_of("\6")));
    assert_false(trust_revoked_has(&crl, bytes_of("\5\5")));
    assert_false(trust_revoked_has(&crl, bytes_of("")));
    assert_false(trust_revoked_has(&crl, (struct bytes){longest, sizeof(longest)}));
    crl.n_serials = 0;
    assert_false(trust_revoked_has(&crl, bytes_of("\5")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refusals_of_cas),
        cmocka_unit_test(test_refusals_of_lists),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_search),
    };

    return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
