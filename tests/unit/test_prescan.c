/*
 * The pre-scan: which texts it refuses, on which line, and where it says that things stand.
 */
#include "common/prescan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

struct heard {
    char text[2000];
    size_t len;
    uint32_t last_line;
    bool in_order;
};

static void hear(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct heard *heard = context;

    assert_string_equal(file, "t.conf");
    assert_int_equal(err->reason, REASON_POLICY_SYNTAX);
    heard->in_order &= line >= heard->last_line;
    heard->last_line = line;
    heard->len += (size_t)snprintf(heard->text + heard->len, sizeof(heard->text) - heard->len,
                                   "%u: %s\n", (unsigned)line, err->detail);
    assert_true(heard->len < sizeof(heard->text));
}

static struct prescan *scan_of(const char *text, struct heard *heard)
{
    const struct prescan_errors errors = {hear, heard};

    *heard = (struct heard){.in_order = true};
    return prescan_new("t.conf", bytes_of(text), REASON_POLICY_SYNTAX, &errors);
}

static const struct {
    const char *name, *text;
} accepted[] = {
    {"nothing", ""},
    {"blank lines and comments", "\n\t \n# a\n// b\n/* c\n d **/\n"},
    {"an option", "a = 1\n"},
    {"options on one line", "a = 1 b = 'x' c = {\"y\"}"},
    {"a trailing comma", "a = {\"x\", \"y\",}"},
    {"a list over lines with comments", "a = { # one\n \"x\", /* two */ \"y\"\n}\n"},
    {"sections within sections", "s \"t\" { u { a = 1 } }"},
    {"a title without quotes", "s t { a = 1 }"},
    {"the same option in two sections", "s \"t\" { a = 1 } s \"u\" { a = 1 }"},
    {"the same title in two kinds", "s \"t\" { } r \"t\" { }"},
    {"the two escapes of double quotes", "a = \"x\\\\y\\\"z\""},
    {"any backslash in single quotes", "a = 'x\\.y'"},
    {"comment signs inside of a text", "a = \"# // /*\""},
    {"UTF-8", "a = \"\xc3\xa4\" # \xe2\x82\xac\n"},
    {"a dollar that starts nothing", "a = \"$x {y}\""},
};

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct heard heard;
        AUTO(prescan_freep) struct prescan *scan = scan_of(accepted[i].text, &heard);

        if (!prescan_ok(scan) || !prescan_complete(scan))
            fail_msg("%s: %s", accepted[i].name, heard.text);
    }
}

static const struct {
    const char *name, *text, *errors;
    bool complete;
} refused[] = {
    {"an option twice", "a = 1\n\na = 2\n", "3: a is given twice; the first is on line 1\n", true},
    {"an option twice in one section", "s {\na = {\"1\"}\na = {\"2\"} }\n",
     "3: a is given twice; the first is on line 2\n", true},
    {"a title twice", "s \"t\" { }\ns 't' { }\n",
     "2: s \"t\" is given twice; the first is on line 1\n", true},
    {"a title twice, written with an escape", "s 'a\"b' { }\ns \"a\\\"b\" { }\n",
     "2: s \"a\"b\" is given twice; the first is on line 1\n", true},
    {"an untitled section twice", "s { }\ns { }\n", "2: s is given twice; the first is on line 1\n",
     true},
    {"+=", "a += {\"x\"}\n", "1: \"+=\" is not allowed: write the whole list\n", true},
    {"an empty list", "\na = { }\n", "2: a is an empty list: leave it out\n", true},
    {"an empty text", "a = \"\"\n", "1: an empty text: leave the value out\n", true},
    {"an empty text in a list", "a = {\"x\",\n''}\n", "2: an empty text: leave the value out\n",
     true},
    {"an empty title", "s \"\" { }\n", "1: s has an empty title\n", true},
    {"an escape that loses its backslash", "a = \"a\\.b\"\n",
     "1: a backslash in double quotes stands before \\ or \" only: use single quotes\n", true},
    {"an octal escape", "a = \"\\101\"\n",
     "1: a backslash in double quotes stands before \\ or \" only: use single quotes\n", true},
    {"an environment variable in double quotes", "a = \"${HOME}\"\n",
     "1: \"${\" is not expanded here: write the value\n", true},
    {"an environment variable in single quotes", "a = '${HOME}'\n",
     "1: \"${\" is not expanded here: write the value\n", true},
    {"an environment variable without quotes", "a = ${HOME}\n",
     "1: \"${\" is not expanded here: write the value\n", false},
    {"include", "include(\"/etc/passwd\")\na = 1 a = 1\n",
     "1: include is not allowed\n2: a is given twice; the first is on line 2\n", false},
    {"a call", "fetch(\"x\")\n", "1: unexpected \"(\": texts need quotes\n", false},
    {"a text over two lines", "a = \"x\ny\"\n", "1: this text has no closing \" on its line\n",
     false},
    {"a text that never ends", "a = 'x", "1: this text has no closing ' on its line\n", false},
    {"a line that goes on", "a = 'x\\\ny'\n", "1: this text has no closing ' on its line\n", false},
    {"a comment that never ends", "a = 1\n/* x", "2: this comment has no end\n", false},
    {"a section that never ends", "s \"t\" {\na = 1\n",
     "3: the file ends inside of section s t of line 1\n", false},
    {"a brace too many", "s { }\n}\n",
     "2: the name of an option or section expected before \"}\"\n", false},
    {"a quoted option name", "\"a\" = 1\n",
     "1: the name of an option or section expected before \"a\"\n", false},
    {"a name that is none", "A = 1\n",
     "1: the name of an option or section expected before \"A\"\n", false},
    {"a path of names", "a|b = 1\n", "1: unexpected \"|b\": texts need quotes\n", false},
    {"no value", "a = \nb = 1\n", "2: the name of an option or section expected before \"=\"\n",
     false},
    {"no value at the end", "a =", "1: the file ends too early\n", false},
    {"no equals sign", "s { a }\n", "1: = or { expected before \"}\"\n", false},
    {"two titles", "s \"t\" \"u\" { }\n", "1: { expected before \"u\"\n", false},
    {"no comma", "s {\na = {\"x\" \"y\"}\n}\nb = 1\n", "2: a comma or } expected before \"y\"\n",
     false},
    {"two commas", "a = {\"x\",,\"y\"}\n", "1: a value expected before \",\"\n", false},
    {"a list in a list", "a = {{\"x\"}}\n", "1: a value expected before \"{\"\n", false},
    {"a path without quotes", "a = /etc/x\n", "1: unexpected \"/etc/x\": texts need quotes\n",
     false},
    {"a carriage return", "a = 1\r\n", "1: carriage return: lines end in a newline alone\n", false},
    {"a control character", "a = \"\x01\"\n", "1: a control character, or not UTF-8\n", false},
    {"a tab inside of a text", "a\t=\t\"x\ty\"\n", "1: a tab inside of a text\n", true},
    {"not UTF-8", "\na = \"\xff\"\n", "2: a control character, or not UTF-8\n", false},
    {"a byte order mark",
     "\xef\xbb\xbf"
     "a = 1\n",
     "1: unexpected \"\xef\xbb\xbf"
     "a\": texts need quotes\n",
     false},
    {"sections too deep", "s{s{s{s{s{s{s{s{\ns{", "2: sections nest deeper than 8\n", false},
    {"all errors at once", "a = {}\nb = \"\"\nc = \"\\x\"\nd = \n{\"x\"} +\ne += 1\na = 1\n",
     "1: a is an empty list: leave it out\n2: an empty text: leave the value out\n"
     "3: a backslash in double quotes stands before \\ or \" only: use single quotes\n"
     "5: unexpected \"+\": texts need quotes\n6: \"+=\" is not allowed: write the whole list\n"
     "7: a is given twice; the first is on line 1\n",
     false},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct heard heard;
        AUTO(prescan_freep) struct prescan *scan = scan_of(refused[i].text, &heard);

        print_message("%s\n", refused[i].name);
        assert_string_equal(heard.text, refused[i].errors);
        assert_false(prescan_ok(scan));
        assert_int_equal(prescan_complete(scan), refused[i].complete);
        assert_true(heard.in_order);
    }
}

/* libconfuse stops at a NUL: what follows would be lost. */
static void test_refuses_nul(void **state)
{
    static const char text[] = "a = 1\n\0b = 2\n";
    struct heard heard = {.in_order = true};
    const struct prescan_errors errors = {hear, &heard};
    AUTO(prescan_freep)
    struct prescan *scan =
        prescan_new("t.conf", (struct bytes){(const uint8_t *)text, sizeof(text) - 1},
                    REASON_POLICY_SYNTAX, &errors);

    (void)state;
    assert_string_equal(heard.text, "2: a control character, or not UTF-8\n");
    assert_false(prescan_complete(scan));
}

static void test_positions(void **state)
{
    struct heard heard;
    AUTO(prescan_freep)
    struct prescan *scan = scan_of("# first\nrule \"r1\" { effect = \"deny\"\n"
                                   "  groups = { \"a\",\n    'b' } }\n"
                                   "rule \"r2\" {\n  inner { users = {\"u\"} }\n}\nedges = 4\n",
                                   &heard);
    size_t r1 = prescan_find(scan, PRESCAN_FILE, "rule", "r1");
    size_t r2 = prescan_find(scan, PRESCAN_FILE, "rule", "r2");
    size_t groups = prescan_find(scan, r1, "groups", NULL);
    size_t inner = prescan_find(scan, r2, "inner", NULL);

    (void)state;
    assert_int_equal(prescan_n_items(scan), 7);
    assert_int_equal(prescan_line(scan, r1), 2);
    assert_int_equal(prescan_line(scan, prescan_find(scan, r1, "effect", NULL)), 2);
    assert_int_equal(prescan_line(scan, groups), 3);
    assert_int_equal(prescan_value_line(scan, groups, 0), 3);
    assert_int_equal(prescan_value_line(scan, groups, 1), 4);
    assert_int_equal(prescan_value_line(scan, groups, 2), 3);
    assert_int_equal(prescan_item(scan, groups)->n_values, 2);
    assert_string_equal(prescan_value(scan, groups, 1), "b");
    assert_null(prescan_value(scan, groups, 2));
    assert_null(prescan_value(scan, r1, 0));
    assert_true(prescan_item(scan, groups)->is_list);
    assert_int_equal(prescan_item(scan, groups)->parent, r1);
    assert_int_equal(prescan_line(scan, r2), 5);
    assert_true(prescan_item(scan, inner)->is_section);
    assert_int_equal(prescan_line(scan, prescan_find(scan, inner, "users", NULL)), 6);
    assert_int_equal(prescan_line(scan, prescan_find(scan, PRESCAN_FILE, "edges", NULL)), 8);
    assert_int_equal(prescan_find(scan, r2, "groups", NULL), 0);
    assert_int_equal(prescan_find(scan, PRESCAN_FILE, "rule", "r3"), 0);
    assert_int_equal(prescan_find(scan, PRESCAN_FILE, "rule", NULL), 0);
    assert_int_equal(prescan_line(scan, 0), 1);
    assert_null(prescan_item(scan, 0));
    assert_null(prescan_item(scan, 8));
}

static void test_text_without_comments(void **state)
{
    struct heard heard;
    AUTO(prescan_freep)
    struct prescan *scan = scan_of("a = 1 # x\n/* \" \n */b = '#' // y", &heard);

    (void)state;
    assert_string_equal(prescan_text(scan), "a = 1    \n     \n   b = '#'     ");
}

static void count(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)file;
    (void)line;
    (void)err;
    ++*(size_t *)context;
}

static const struct {
    const char *name, *line;
    size_t times, errors;
} floods[] = {
    {"errors beyond the limit are not told", "}\n", 1000, PRESCAN_ERRORS_MAX},
    {"so many items are read", "s{s{}}\n", 1, 0},
    {"more items are not", "a { b=1 }\n", PRESCAN_ITEMS_MAX, PRESCAN_ERRORS_MAX},
};

static void test_floods(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
        size_t len = strlen(floods[i].line), n = 0;
        const struct prescan_errors errors = {count, &n};
        AUTO(char_freep) char *text = malloc(len * floods[i].times);

        assert_non_null(text);
        for (size_t k = 0; k < floods[i].times; k++)
            memcpy(text + k * len, floods[i].line, len);
        AUTO(prescan_freep)
        struct prescan *scan =
            prescan_new("t", (struct bytes){(const uint8_t *)text, len * floods[i].times},
                        REASON_POLICY_SYNTAX, &errors);
        assert_int_equal(n, floods[i].errors);
        assert_int_equal(prescan_ok(scan), n == 0);
        assert_true(prescan_n_items(scan) <= PRESCAN_ITEMS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refuses_nul),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_text_without_comments),
        cmocka_unit_test(test_floods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
