/*
 * Options by rows: what a command line gives, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/options.h"
#include "common/clock.h"

#include <stdio.h>
#include <string.h>

struct values {
    bool flag;
    const char *text;
    struct option_texts texts;
    int64_t count, time_s;
};

static bool parse(struct values *values, const char *line, bool stop, struct option_arguments *rest,
                  struct error *err)
{
    static char words[256];
    const struct option_row rows[] = {
        {"flag", OPTION_FLAG, &values->flag, NULL, "", 'f'},
        {"text", OPTION_TEXT, &values->text, "TEXT", "", 't'},
        {"texts", OPTION_TEXTS, &values->texts, "TEXT", "", 0},
        {"count", OPTION_COUNT, &values->count, "N", "", 0},
        {"time", OPTION_TIME, &values->time_s, "TIME", "", 0},
    };
    static char *argv[128];
    int argc = 0;

    argv[argc++] = (char *)"command";
    (void)snprintf(words, sizeof(words), "%s", line);
    for (char *at = words, *word; (word = strsep(&at, " ")) != NULL;)
        if (word[0])
            argv[argc++] = word;
    argv[argc] = NULL;
    memset(values, 0, sizeof(*values));
    return options_parse(rows, ARRAY_LEN(rows), argc, argv, stop, rest, err);
}

static void all_kinds_are_read(void **state)
{
    struct option_arguments rest;
    struct values values;
    struct error err;

    (void)state;
    assert_true(parse(&values,
                      "one -f --text a --texts b --texts c --count 7 two --time 2026-01-01 "
                      "-- --three",
                      false, &rest, &err));
    assert_true(values.flag);
    assert_string_equal(values.text, "a");
    assert_int_equal(values.texts.n, 2);
    assert_string_equal(values.texts.at[1], "c");
    assert_int_equal(values.count, 7);
    assert_int_equal(values.time_s, 1767225600);
    assert_int_equal(rest.n, 3);
    assert_string_equal(rest.at[0], "one");
    assert_string_equal(rest.at[1], "two");
    assert_string_equal(rest.at[2], "--three");
}

static void a_command_ends_the_options(void **state)
{
    struct option_arguments rest;
    struct values values;
    struct error err;

    (void)state;
    assert_true(parse(&values, "-f command --text a", true, &rest, &err));
    assert_true(values.flag);
    assert_null(values.text);
    assert_int_equal(rest.n, 3);
}

static void a_time_may_be_from_now(void **state)
{
    struct option_arguments rest;
    struct values values;
    struct error err;

    (void)state;
    assert_true(parse(&values, "--time +4h", false, &rest, &err));
    assert_in_range(values.time_s - clock_realtime_s(), 4 * 3600 - 5, 4 * 3600);
}

static void bad_lines_are_refused(void **state)
{
    static const char *const bad[] = {
        "--unknown",
        "-x",
        "--text",
        "-t",
        "--flag=yes",
        "--count x",
        "--count -1",
        "--count 1.5",
        "--count 99999999999999999999",
        "--time today",
        "--time +4",
        "--time +-4h",
        "--time 2026-13-01",
        "--te a",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct option_arguments rest;
        struct values values;
        struct error err;

        if (parse(&values, bad[i], false, &rest, &err))
            fail_msg("%s", bad[i]);
        assert_int_equal(err.reason, REASON_USAGE);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_are_read),
        cmocka_unit_test(a_command_ends_the_options),
        cmocka_unit_test(a_time_may_be_from_now),
        cmocka_unit_test(bad_lines_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
