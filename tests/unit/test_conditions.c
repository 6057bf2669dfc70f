/*
 * The truth table of one test: every state of a fact, positive and negative, in allow and deny.
 */
#include "policy/conditions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NAME(kind_, text_)                                                                         \
    {                                                                                              \
        .kind = VALUE_##kind_, .text = text_, .len = sizeof(text_) - 1                             \
    }

static const char *const alice[] = {"alice"}, *const two[] = {"staff", "alice"};

struct row {
    const char *name;
    struct value values[2];
    size_t n_values;
    enum policy_fact_state state;
    const char *const *is;
    size_t n_is;
    /* of X in allow and deny, of not_X in allow and deny */
    enum truth positive, positive_deny, negative, negative_deny;
};

#define YES   TRUTH_YES
#define NO    TRUTH_NO
#define DUNNO TRUTH_UNSURE
#define LATE  TRUTH_POSTPONED

static const struct row rows[] = {
    {"exact hit", {NAME(EXACT, "alice")}, 1, POLICY_PRESENT, alice, 1, YES, YES, NO, NO},
    {"exact miss", {NAME(EXACT, "bob")}, 1, POLICY_PRESENT, alice, 1, NO, NO, YES, YES},
    {"second of two values",
     {NAME(EXACT, "alice"), NAME(EXACT, "bob")},
     2,
     POLICY_PRESENT,
     two,
     2,
     YES,
     YES,
     NO,
     NO},
    {"prefix hit", {NAME(PREFIX, "ali")}, 1, POLICY_PRESENT, alice, 1, YES, YES, NO, NO},
    {"prefix as long as the name",
     {NAME(PREFIX, "alice")},
     1,
     POLICY_PRESENT,
     alice,
     1,
     YES,
     YES,
     NO,
     NO},
    {"prefix longer than the name",
     {NAME(PREFIX, "alicee")},
     1,
     POLICY_PRESENT,
     alice,
     1,
     NO,
     NO,
     YES,
     YES},
    {"suffix hit", {NAME(SUFFIX, "ice")}, 1, POLICY_PRESENT, alice, 1, YES, YES, NO, NO},
    {"suffix is no prefix", {NAME(SUFFIX, "ali")}, 1, POLICY_PRESENT, alice, 1, NO, NO, YES, YES},
    {"any hit", {NAME(ANY, "")}, 1, POLICY_PRESENT, alice, 1, YES, YES, NO, NO},
    {"none with a value", {NAME(NONE, "")}, 1, POLICY_PRESENT, alice, 1, NO, NO, YES, YES},
    {"unknown", {NAME(EXACT, "alice")}, 1, POLICY_UNKNOWN, NULL, 0, DUNNO, DUNNO, DUNNO, DUNNO},
    {"unknown and any", {NAME(ANY, "")}, 1, POLICY_UNKNOWN, NULL, 0, DUNNO, DUNNO, DUNNO, DUNNO},
    {"unknown and none", {NAME(NONE, "")}, 1, POLICY_UNKNOWN, NULL, 0, DUNNO, DUNNO, DUNNO, DUNNO},
    {"absent", {NAME(EXACT, "alice")}, 1, POLICY_ABSENT, NULL, 0, NO, NO, NO, YES},
    {"absent and any", {NAME(ANY, "")}, 1, POLICY_ABSENT, NULL, 0, NO, NO, NO, YES},
    {"absent and none",
     {NAME(NONE, ""), NAME(EXACT, "bob")},
     2,
     POLICY_ABSENT,
     NULL,
     0,
     YES,
     YES,
     NO,
     NO},
    {"a set without values is absent",
     {NAME(EXACT, "alice")},
     1,
     POLICY_PRESENT,
     alice,
     0,
     NO,
     NO,
     NO,
     YES},
    {"later", {NAME(EXACT, "alice")}, 1, POLICY_LATER, NULL, 0, LATE, LATE, LATE, LATE},
    {"a state that does not exist is unknown",
     {NAME(EXACT, "alice")},
     1,
     (enum policy_fact_state)9,
     alice,
     1,
     DUNNO,
     DUNNO,
     DUNNO,
     DUNNO},
};

static void check(const struct row *row, bool negative, enum side side, enum truth expected)
{
    struct value values[2] = {row->values[0], row->values[1]};
    struct test test = {.fact = POLICY_FACT_GROUPS,
                        .negative = negative,
                        .values = values,
                        .n_values = row->n_values};
    struct policy_request request = {.facts[POLICY_FACT_GROUPS] = {.state = row->state,
                                                                   .values = row->is,
                                                                   .n_values = row->n_is}};
    const struct query query = {.request = &request, .confirmed = true};

    set_finish_test(&test);
    if (condition_test(&query, &test, side) != expected)
        fail_msg("%s, %s in %s", row->name, negative ? "not_X" : "X",
                 side == SIDE_HELPS ? "allow" : "deny");
}

static void test_truth_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(&rows[i], false, SIDE_HELPS, rows[i].positive);
        check(&rows[i], false, SIDE_STOPS, rows[i].positive_deny);
        check(&rows[i], true, SIDE_HELPS, rows[i].negative);
        check(&rows[i], true, SIDE_STOPS, rows[i].negative_deny);
    }
}

/* LATER on a service without confirmation would stay open: it is UNKNOWN there. */
static void test_later_needs_confirmation(void **state)
{
    const struct policy_request request = {.facts[POLICY_FACT_LOGIN_AS] = {.state = POLICY_LATER}};
    const struct query query = {.request = &request, .confirmed = false};

    (void)state;
    assert_int_equal(condition_state(&query, POLICY_FACT_LOGIN_AS), POLICY_UNKNOWN);
}

static const struct {
    const char *name;
    enum policy_fact_state users;
    const char *login;
    enum truth positive, negative, negative_deny;
} selves[] = {
    {"own name", POLICY_PRESENT, "alice", YES, NO, NO},
    {"other name", POLICY_PRESENT, "root", NO, YES, YES},
    {"part of the name", POLICY_PRESENT, "alic", NO, YES, YES},
    {"account unknown", POLICY_UNKNOWN, "alice", DUNNO, DUNNO, DUNNO},
    {"no account", POLICY_ABSENT, "alice", NO, NO, YES},
    {"account later", POLICY_LATER, "alice", LATE, LATE, LATE},
};

static void test_self(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(selves); i++) {
        struct value value = NAME(SELF, "");
        struct test test = {.fact = POLICY_FACT_LOGIN_AS, .values = &value, .n_values = 1};
        struct policy_request request = {
            .facts[POLICY_FACT_USERS] = {.state = selves[i].users, .values = alice, .n_values = 1},
            .facts[POLICY_FACT_LOGIN_AS] = {
                .state = POLICY_PRESENT, .values = &selves[i].login, .n_values = 1}};
        const struct query query = {.request = &request, .confirmed = true};

        print_message("%s\n", selves[i].name);
        assert_int_equal(condition_test(&query, &test, SIDE_HELPS), selves[i].positive);
        assert_int_equal(condition_test(&query, &test, SIDE_STOPS), selves[i].positive);
        test.negative = true;
        assert_int_equal(condition_test(&query, &test, SIDE_HELPS), selves[i].negative);
        assert_int_equal(condition_test(&query, &test, SIDE_STOPS), selves[i].negative_deny);
    }
}

static void test_table(void **state)
{
    enum policy_fact_id fact;
    bool negative;

    (void)state;
    for (size_t i = 0; i < POLICY_FACT__COUNT; i++) {
        const char *name = policy_fact_name((enum policy_fact_id)i);

        assert_true(condition_find(name, &fact, &negative));
        assert_int_equal(fact, i);
        assert_false(negative);
        assert_true(
            condition_find(condition_of((enum policy_fact_id)i)->not_name, &fact, &negative));
        assert_int_equal(fact, i);
        assert_true(negative);
    }
    assert_false(condition_find("not_", &fact, &negative));
    assert_false(condition_find("", &fact, &negative));
    assert_string_equal(policy_fact_name((enum policy_fact_id)99), "?");
    assert_string_equal(policy_fact_state_name(POLICY_LATER), "later");
    assert_string_equal(policy_fact_state_name((enum policy_fact_state)99), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truth_table),
        cmocka_unit_test(test_later_needs_confirmation),
        cmocka_unit_test(test_self),
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
