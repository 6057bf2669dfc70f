/*
 * Suggestions: near enough to be meant, never a guess.
 */
#include "policy/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {"users", "groups", "services", "networks", "web", "ssh"};

static const struct {
    const char *wrong, *meant; /* NULL: nothing is near */
} cases[] = {
    {"user", "users"},
    {"grops", "groups"},
    {"gropus", "groups"},
    {"serivces", "services"},
    {"wbe", "web"},
    {"shh", "ssh"},
    {"netwokrs", "networks"},
    {"max_session", NULL},
    {"w", NULL},
    {"", NULL},
    {"permit", NULL},
    {"we", NULL},
    {"windows", NULL},
    {"a-name-that-is-longer-than-anything-anybody-would-ever-compare-by-eye", NULL},
};

static void test_suggest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *meant = suggest(cases[i].wrong, names, ARRAY_LEN(names));

        print_message("%s\n", cases[i].wrong);
        if (cases[i].meant) {
            assert_non_null(meant);
            assert_string_equal(meant, cases[i].meant);
        } else
            assert_null(meant);
    }
}

static void test_no_names(void **state)
{
    (void)state;
    assert_null(suggest("users", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suggest),
        cmocka_unit_test(test_no_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
