/*
 * Nearest misses: how many, in which order, and words that end where their room does without
 * cutting a character in two. The sentences themselves stand in the golden cases.
 */
#include "common/text.h"
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static const char *const services[] = {"web"}, *const cas[] = {"users"};
static const bool confirmed[] = {false};
static const struct policy_world world = {services, confirmed, 1, cas, 1};

static struct policy_decision ask(const char *text, const char *user)
{
    const struct policy_file file = {"p", bytes_of(text)};
    AUTO(policy_freep) struct policy_set *set = NULL;
    struct policy_decision decision;
    const struct policy_request request = {
        .facts[POLICY_FACT_SERVICES] = {.state = POLICY_PRESENT, .values = services, .n_values = 1},
        .facts[POLICY_FACT_USERS] = {.state = POLICY_PRESENT, .values = &user, .n_values = 1}};

    assert_true(policy_load(&file, 1, &world, NULL, &set));
    policy_evaluate(set, &request, &decision);
    return decision;
}

/* The words grow octet by octet over the end of their room. */
static void test_words_end_whole(void **state)
{
    char name[POLICY_NAME_MAX + 1], text[600];

    (void)state;
    for (size_t len = 0; len + 2 < sizeof(name); len++) {
        struct policy_decision decision;
        size_t at;

        memset(name, 'x', len);
        for (at = len; at + 3 < sizeof(name); at += 2)
            memcpy(name + at, "\xc3\xa4", 2);
        name[at] = '\0';
        (void)snprintf(text, sizeof(text), "rule \"r\" { users = {\"%.100s\", \"%s\"} }", "a",
                       name);
        decision = ask(text, "somebody else");
        assert_int_equal(decision.n_misses, 1);
        assert_true(strlen(decision.misses[0].detail) < POLICY_DETAIL_MAX);
        assert_true(text_is_clean(bytes_of(decision.misses[0].detail)));
    }
}

static void test_three_nearest(void **state)
{
    struct policy_decision decision =
        ask("rule \"e\" { users = {\"x\"} }\nrule \"d\" { users = {\"x\"} order = 1 }\n"
            "rule \"c\" { services = {\"web\"} users = {\"x\"} ca = {\"users\"} }\n"
            "rule \"b\" { users = {\"x\"} }\nrule \"a\" { users = {\"x\"} groups = {\"y\"} }\n"
            "rule \"deny\" { effect = \"deny\" users = {\"z\"} }\n",
            "somebody");

    (void)state;
    assert_int_equal(decision.n_misses, POLICY_MISSES_MAX);
    assert_string_equal(decision.misses[0].rule, "d");
    assert_string_equal(decision.misses[1].rule, "b");
    assert_string_equal(decision.misses[2].rule, "e");
    assert_int_equal(decision.misses[2].line, 1);
}

static void test_allowed_has_no_misses(void **state)
{
    struct policy_decision decision =
        ask("rule \"a\" { users = {\"x\"} }\nrule \"b\" { users = {\"alice\"} }\n", "alice");

    (void)state;
    assert_int_equal(decision.verdict, POLICY_ALLOW);
    assert_int_equal(decision.n_misses, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_end_whole),
        cmocka_unit_test(test_three_nearest),
        cmocka_unit_test(test_allowed_has_no_misses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
