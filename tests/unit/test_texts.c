/*
 * Shared texts: one copy of each, as long as somebody holds it.
 */
#include "gatewayd/decide/texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static void test_one_copy(void **state)
{
    struct texts *texts = texts_new();
    const char *a = texts_hold(texts, bytes_of("ssh")), *b;
    char other[] = "ssh";

    (void)state;
    b = texts_hold(texts, bytes_of(other));
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, other);
    assert_string_equal(a, "ssh");
    assert_int_equal(texts_count(texts), 1);
    texts_drop(texts, b);
    assert_string_equal(a, "ssh");
    assert_ptr_equal(texts_again(a), a);
    texts_drop(texts, a);
    assert_int_equal(texts_count(texts), 1);
    texts_drop(texts, a);
    assert_int_equal(texts_count(texts), 0);
    assert_null(texts_free(texts));
}

static void test_nothing(void **state)
{
    struct texts *texts = texts_new();
    const char *nothing = texts_hold(texts, (struct bytes){NULL, 0});

    (void)state;
    assert_string_equal(nothing, "");
    assert_ptr_equal(texts_hold(texts, bytes_of("")), nothing);
    assert_ptr_equal(texts_again(nothing), nothing);
    for (int i = 0; i < 10; i++)
        texts_drop(texts, nothing); /* as often as anybody likes */
    texts_drop(texts, NULL);
    assert_int_equal(texts_count(texts), 0);
    assert_null(texts_free(texts));
    assert_null(texts_free(NULL));
}

static void test_many(void **state)
{
    enum { N = 3000 };
    struct texts *texts = texts_new();
    static const char *held[N];
    char text[24];

    (void)state;
    for (int i = 0; i < N; i++) {
        (void)snprintf(text, sizeof(text), "text %d", i);
        held[i] = texts_hold(texts, bytes_of(text));
    }
    assert_int_equal(texts_count(texts), N);
    for (int i = 0; i < N; i++) {
        (void)snprintf(text, sizeof(text), "text %d", i);
        assert_string_equal(held[i], text);
        assert_ptr_equal(texts_hold(texts, bytes_of(text)), held[i]);
        texts_drop(texts, held[i]);
        texts_drop(texts, held[i]);
    }
    assert_int_equal(texts_count(texts), 0);
    assert_null(texts_free(texts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_copy),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
