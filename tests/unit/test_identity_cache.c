/*
 * The cache of identities: equal certificates are one, and it stays within its bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs.h"
#include "gatewayd/decide/identity_cache.h"

static struct bytes certificate(long serial)
{
    struct cert_spec spec = {.subject = {{"CN", .value = "a"}}, .serial = serial};

    return cert_make(&spec);
}

static void test_shared(void **state)
{
    struct identity_cache *cache = identity_cache_new(8);
    struct bytes der = certificate(1);
    struct identity *first, *second;
    struct error err;

    (void)state;
    assert_true(identity_cache_get(cache, der, &first, &err));
    assert_true(identity_cache_get(cache, der, &second, &err));
    assert_ptr_equal(first, second);
    assert_int_equal(identity_cache_count(cache), 1);
    (void)identity_cache_free(cache);
    assert_int_equal(identity_text(first, "serial").len, 2); /* held by its references */
    (void)identity_unref(first);
    (void)identity_unref(second);
    free((void *)der.at);
}

static void test_bounded(void **state)
{
    struct identity_cache *cache = identity_cache_new(3);
    struct bytes ders[5];
    struct identity *identity, *kept;
    struct error err;

    (void)state;
    for (long i = 0; i < 5; i++) {
        ders[i] = certificate(i + 1);
        if (i == 3) { /* used again: not the oldest any more */
            assert_true(identity_cache_get(cache, ders[0], &kept, &err));
            (void)identity_unref(kept);
        }
        assert_true(identity_cache_get(cache, ders[i], &identity, &err));
        (void)identity_unref(identity);
        assert_true(identity_cache_count(cache) <= 3);
    }
    for (long i = 0; i < 5; i++)
        free((void *)ders[i].at);
    (void)identity_cache_free(cache);
}

static void test_garbage_is_not_kept(void **state)
{
    struct identity_cache *cache = identity_cache_new(3);
    struct identity *identity;
    struct error err;

    (void)state;
    assert_false(identity_cache_get(cache, bytes_of("garbage"), &identity, &err));
    assert_false(identity_cache_get(cache, (struct bytes){0}, &identity, &err));
    assert_int_equal(identity_cache_count(cache), 0);
    (void)identity_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_garbage_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
