/* When lists are asked for again: time and chance are given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/macros.h"
#include "gatewayd/fetch/plan.h"

enum { NOW = 1000000, HOUR = 3600, DAY = 24 * HOUR };

static const uint32_t chances[] = {0, 1, UINT32_MAX / 2, UINT32_MAX};

static const struct {
    const char *name;
    int64_t next_update_s;      /* from now on */
    int64_t earliest_s, last_s; /* when it may be asked for again */
} after_list[] = {
    {"an hour", HOUR, HOUR * 75 / 100, HOUR * 95 / 100},
    {"a week: once a day all the same", 7 * DAY, DAY * 75 / 100, DAY * 95 / 100},
    {"ten seconds", 10, 7, 10},
    {"it has just ended: like a third failure", 0, 90, 150},
    {"it ended long ago", -DAY, 90, 150},
};

static void test_after_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(after_list); i++)
        for (size_t k = 0; k < ARRAY_LEN(chances); k++) {
            int64_t due_s =
                plan_after_list(NOW, NOW + after_list[i].next_update_s, chances[k]) - NOW;

            if (due_s < after_list[i].earliest_s || due_s > after_list[i].last_s)
                fail_msg("%s: %lld", after_list[i].name, (long long)due_s);
        }
}

/* A hundred gateways with the same list do not come in the same second. */
static void test_spread(void **state)
{
    (void)state;
    assert_true(plan_after_list(NOW, NOW + DAY, 0) - plan_after_list(NOW, NOW + DAY, UINT32_MAX) >
                4 * HOUR);
    assert_true(plan_at_start(NOW, NOW - 2 * DAY, NOW + DAY, UINT32_MAX) -
                    plan_at_start(NOW, NOW - 2 * DAY, NOW + DAY, 0) >=
                20);
}

static void test_after_failure(void **state)
{
    static const int64_t pauses[] = {30, 60, 120, 240, 480, 960, 1800, 1800, 1800};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++)
        for (size_t k = 0; k < ARRAY_LEN(chances); k++) {
            int64_t pause_s = plan_after_failure(NOW, (unsigned)i + 1, chances[k]) - NOW;

            assert_in_range(pause_s, pauses[i] * 75 / 100, pauses[i] * 125 / 100);
        }
    assert_in_range(plan_after_failure(NOW, UINT32_MAX, 0), NOW + 1350, NOW + 2250);
}

static void test_at_start(void **state)
{
    (void)state;
    assert_int_equal(plan_at_start(NOW, 0, 0, 0), NOW);                  /* there is none */
    assert_int_equal(plan_at_start(NOW, NOW - DAY, NOW - 1, 0), NOW);    /* it has ended */
    assert_int_equal(plan_at_start(NOW, NOW + HOUR, NOW + DAY, 0), NOW); /* the clock stepped */
    /* As if the process had lived on. */
    assert_int_equal(plan_at_start(NOW, NOW - 60, NOW + HOUR, 0),
                     plan_after_list(NOW - 60, NOW + HOUR, 0));
    /* It would have been due already: soon, not at once. */
    assert_in_range(plan_at_start(NOW, NOW - 2 * DAY, NOW + HOUR, UINT32_MAX), NOW, NOW + 30);
}

static void test_stepped_clock(void **state)
{
    (void)state;
    assert_int_equal(plan_check(NOW, NOW + HOUR), NOW + HOUR);
    assert_int_equal(plan_check(NOW, NOW + 400 * DAY), NOW + DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_after_list),    cmocka_unit_test(test_spread),
        cmocka_unit_test(test_after_failure), cmocka_unit_test(test_at_start),
        cmocka_unit_test(test_stepped_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
