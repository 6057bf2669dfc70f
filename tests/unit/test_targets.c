/*
 * Which place the next connection goes to: a table of what the places have been through, with the
 * time given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "gatewayd/decide/targets.h"

#include <stdio.h>

enum { N = 3, NOW = 100000, STEPS_MAX = 8, NONE = 9 };

/* What happens to place `which`, and what is chosen: '0'..'2', '-' nobody is left. */
struct step {
    enum { END, SESSIONS, FAIL, WORK, CHECKED, WAIT, CHOOSE, TRIED } what;
    unsigned which; /* place; milliseconds of WAIT; the choice expected; bits of TRIED */
    unsigned n;     /* SESSIONS */
};

static const struct {
    const char *name;
    struct step steps[12];
} cases[] = {
    {"they take turns", {{CHOOSE, 0, 0}, {CHOOSE, 1, 0}, {CHOOSE, 2, 0}, {CHOOSE, 0, 0}}},
    {"the fewest sessions first",
     {{SESSIONS, 0, 5}, {SESSIONS, 1, 2}, {SESSIONS, 2, 3}, {CHOOSE, 1, 0}, {CHOOSE, 1, 0}}},
    {"turns among those with equally few",
     {{SESSIONS, 0, 1},
      {SESSIONS, 1, 2},
      {SESSIONS, 2, 1},
      {CHOOSE, 0, 0},
      {CHOOSE, 2, 0},
      {CHOOSE, 0, 0}}},
    {"one that fails is left out", {{FAIL, 0, 0}, {CHOOSE, 1, 0}, {CHOOSE, 2, 0}, {CHOOSE, 1, 0}}},
    {"however few sessions it has",
     {{SESSIONS, 1, 90}, {SESSIONS, 2, 90}, {FAIL, 0, 0}, {CHOOSE, 1, 0}, {CHOOSE, 2, 0}}},
    {"until it works", {{FAIL, 0, 0}, {CHOOSE, 1, 0}, {WORK, 0, 0}, {CHOOSE, 0, 0}}},
    {"not yet after almost a second", {{FAIL, 0, 0}, {WAIT, 999, 0}, {CHOOSE, 1, 0}}},
    {"one connection finds out after a second, the next go elsewhere",
     {{FAIL, 0, 0}, {WAIT, 1000, 0}, {CHOOSE, 0, 0}, {CHOOSE, 1, 0}, {CHOOSE, 2, 0}}},
    {"the second failure lasts for two seconds",
     {{FAIL, 0, 0},
      {WAIT, 1000, 0},
      {CHOOSE, 0, 0},
      {FAIL, 0, 0},
      {WAIT, 1999, 0},
      {CHOOSE, 1, 0},
      {WAIT, 1, 0},
      {CHOOSE, 2, 0},
      {CHOOSE, 0, 0}}},
    {"failures at the same moment count once",
     {{FAIL, 0, 0}, {FAIL, 0, 0}, {FAIL, 0, 0}, {WAIT, 1000, 0}, {CHOOSE, 0, 0}}},
    {"the pause does not grow beyond thirty seconds",
     {{FAIL, 0, 0},
      {WAIT, 30000, 0},
      {FAIL, 0, 0},
      {WAIT, 30000, 0},
      {FAIL, 0, 0},
      {WAIT, 900000, 0},
      {FAIL, 0, 0},
      {WAIT, 900000, 0},
      {FAIL, 0, 0},
      {WAIT, 30000, 0},
      {CHOOSE, 0, 0}}},
    {"one that is checked comes back by its check alone",
     {{CHECKED, 0, 0},
      {FAIL, 0, 0},
      {WAIT, 90000, 0},
      {CHOOSE, 1, 0},
      {WORK, 0, 0},
      {CHOOSE, 0, 0}}},
    {"when none works the one that is due first",
     {{FAIL, 2, 0}, {WAIT, 10, 0}, {FAIL, 1, 0}, {WAIT, 10, 0}, {FAIL, 0, 0}, {CHOOSE, 2, 0}}},
    {"checked ones too",
     {{CHECKED, 0, 0},
      {CHECKED, 1, 0},
      {CHECKED, 2, 0},
      {FAIL, 1, 0},
      {WAIT, 10, 0},
      {FAIL, 0, 0},
      {FAIL, 2, 0},
      {CHOOSE, 1, 0}}},
    {"what was tried is not tried again",
     {{TRIED, 1, 0}, {CHOOSE, 1, 0}, {TRIED, 3, 0}, {CHOOSE, 2, 0}}},
    {"nobody is left", {{TRIED, 7, 0}, {CHOOSE, NONE, 0}}},
    {"the last one, though it is down", {{FAIL, 2, 0}, {TRIED, 3, 0}, {CHOOSE, 2, 0}}},
};

static void run(const char *name, const struct step *steps)
{
    struct targets *targets = targets_new();
    struct target *at[N];
    int64_t now = NOW;
    uint64_t tried = 0;

    for (size_t i = 0; i < N; i++)
        at[i] = targets_get(targets, (const char *const[]){"a:1", "b:1", "c:1"}[i]);
    for (size_t i = 0; steps[i].what != END; i++) {
        unsigned which = steps[i].which;
        size_t number = NONE;

        switch (steps[i].what) {
        case SESSIONS:
            at[which]->n_sessions = steps[i].n;
            break;
        case FAIL:
            target_failed(at[which], "refused", now);
            break;
        case WORK:
            target_works(at[which]);
            break;
        case CHECKED:
            at[which]->checked = true;
            break;
        case WAIT:
            now += which;
            break;
        case TRIED:
            tried = which;
            break;
        default:
            if (!targets_choose(targets, at, N, tried, now, &number))
                number = NONE;
            if (number != which)
                fail_msg("%s, step %zu: %zu instead of %u", name, i, number, which);
        }
    }
    for (size_t i = 0; i < N; i++)
        target_unref(at[i]);
    (void)targets_free(targets);
}

static void test_choice(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        run(cases[i].name, cases[i].steps);
}

/* A place that nobody names any more is forgotten, but not at once what it has done. */
static void test_memory(void **state)
{
    struct targets *targets = targets_new();
    struct target *target = targets_get(targets, "192.0.2.1:22");
    uint64_t key = target_key(target);

    (void)state;
    assert_ptr_equal(targets_get(targets, "192.0.2.1:22"), target);
    target_unref(target);
    assert_ptr_equal(targets_find(targets, key), target);
    assert_null(targets_find(targets, key + 1));
    target_unref(target);
    target_failed(target, "refused", NOW);
    targets_sweep(targets, clock_monotonic_ms() + TARGET_REMEMBERED_MS - 1000);
    assert_ptr_equal(targets_find(targets, key), target);
    assert_ptr_equal(targets_get(targets, "192.0.2.1:22"), target);
    targets_sweep(targets, clock_monotonic_ms() + 2 * TARGET_REMEMBERED_MS); /* it is in use */
    assert_true(targets_find(targets, key)->down);
    target_unref(target);
    targets_sweep(targets, clock_monotonic_ms() + TARGET_REMEMBERED_MS + 1);
    assert_null(targets_find(targets, key));
    (void)targets_free(targets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice),
                                       cmocka_unit_test(test_memory)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
