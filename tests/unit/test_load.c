/*
 * Loading: limits, the order of errors, and names over several files. What the fields accept and
 * refuse stands in the golden cases.
 */
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

struct heard {
    char text[4000];
    size_t len, n;
};

static void hear(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct heard *heard = context;

    heard->n++;
    if (heard->len < sizeof(heard->text) - 400)
        heard->len += (size_t)snprintf(heard->text + heard->len, sizeof(heard->text) - heard->len,
                                       "%s:%u: %s\n", file, (unsigned)line, err->detail);
}

/* Loads and returns what was said; the set, if any, is freed. */
static bool loads(const struct policy_file *files, size_t n, struct heard *heard)
{
    const struct policy_errors errors = {hear, heard};
    AUTO(policy_freep) struct policy_set *set = NULL;
    bool loaded;

    *heard = (struct heard){.n = 0};
    loaded = policy_load(files, n, &world, &errors, &set);
    assert_int_equal(loaded, set != NULL);
    assert_int_equal(loaded, heard->n == 0);
    return loaded;
}

static void test_errors_come_in_order(void **state)
{
    const struct policy_file files[] = {
        {"b.conf",
         bytes_of("rule \"x\" { users = {\"x\"} services = {\"nope\"} }\nrlue \"y\" { }\n")},
        {"a.conf",
         bytes_of("rule \"z\" { users = {\"*\"}\n users = {\"y\"} }\nrule \"x\" { ca = {\"users\"} "
                  "}\n")}};
    struct heard heard;

    (void)state;
    assert_false(loads(files, 2, &heard));
    assert_string_equal(heard.text,
                        "b.conf:1: no service is called \"nope\"\n"
                        "b.conf:2: no section is called \"rlue\"; did you mean \"rule\"?\n"
                        "a.conf:1: \"*\": write \"any\", as the only value\n"
                        "a.conf:2: users is given twice; the first is on line 1\n"
                        "a.conf:3: rule \"x\" is given twice; the first is in b.conf, line 1\n");
}

static void test_nobody_listens(void **state)
{
    const struct policy_file file = {"a.conf", bytes_of("rule \"z\" { }\n")};
    struct policy_set *set = NULL;

    (void)state;
    assert_false(policy_load(&file, 1, &world, NULL, &set));
    assert_null(set);
}

/* "line" n times, %u being the number. */
static char *repeat(const char *line, unsigned n, size_t *ret_len)
{
    size_t room = (size_t)n * (strlen(line) + 10) + 1, len = 0;
    char *text = malloc(room);

    assert_non_null(text);
    for (unsigned i = 0; i < n; i++) {
        const char *number = strchr(line, '%');

        len += (size_t)snprintf(text + len, room - len, "%.*s%u%s\n", (int)(number - line), line, i,
                                number + 1);
    }
    *ret_len = len;
    return text;
}

static const struct {
    const char *name, *line;
    unsigned n;
    const char *error; /* NULL: loads */
} sizes[] = {
    {"2000 rules in a file", "rule \"r%\" { users = {\"x\"} }", 2000, NULL},
    {"one more", "rule \"r%\" { users = {\"x\"} }", 2001,
     "p.conf:2001: more than 2000 sections: use several files\n"},
    {"more octets than a file may have", "# % and more of the same, which is long enough for it",
     90000, "p.conf:1: more than 4194304 octets\n"},
};

static void test_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t len;
        AUTO(char_freep) char *text = repeat(sizes[i].line, sizes[i].n, &len);
        const struct policy_file file = {"p.conf", {(const uint8_t *)text, len}};
        struct heard heard;

        print_message("%s\n", sizes[i].name);
        assert_int_equal(loads(&file, 1, &heard), sizes[i].error == NULL);
        assert_string_equal(heard.text, sizes[i].error ? sizes[i].error : "");
    }
}

static void test_long_names(void **state)
{
    char name[300], text[800];
    struct heard heard;

    (void)state;
    memset(name, 'n', sizeof(name));
    for (int len = 127; len <= 130; len++) {
        struct policy_file file = {"p.conf", {NULL, 0}};

        (void)snprintf(text, sizeof(text), "rule \"%.*s\" { users = {\"x\"} }", len, name);
        file.text = bytes_of(text);
        assert_int_equal(loads(&file, 1, &heard), len <= POLICY_NAME_MAX);
        (void)snprintf(text, sizeof(text), "rule \"r\" { users = {\"%.*s\"} }", len, name);
        file.text = bytes_of(text);
        assert_int_equal(loads(&file, 1, &heard), len <= POLICY_NAME_MAX);
    }
    (void)snprintf(text, sizeof(text), "rule \"r\" { users = {\"x\"} message = \"%.*s\" }",
                   POLICY_MESSAGE_MAX + 1, name);
    const struct policy_file file = {"p.conf", bytes_of(text)};
    assert_false(loads(&file, 1, &heard));
    name[POLICY_NAME_MAX + 1] = '\0';
    const struct policy_file named = {name, bytes_of("rule \"r\" { users = {\"x\"} }")};
    assert_false(loads(&named, 1, &heard));
}

/* A thousand and one errors are counted, a thousand are told. */
static void test_many_errors(void **state)
{
    struct heard heard;
    size_t len;
    AUTO(char_freep)
    char *text = repeat("rule \"r%\" { users = {\"*\"} groups = {\"*\"} }", 1500, &len);
    const struct policy_file file = {"p.conf", {(const uint8_t *)text, len}};

    (void)state;
    assert_false(loads(&file, 1, &heard));
    assert_int_equal(heard.n, 1000);
}

static void test_no_files(void **state)
{
    struct heard heard;

    (void)state;
    assert_true(loads(NULL, 0, &heard));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_come_in_order),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_many_errors),
        cmocka_unit_test(test_no_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
