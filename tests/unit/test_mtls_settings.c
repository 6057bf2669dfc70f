/*
 * The settings of mtls and the address of the gateway: what is taken, and every refusal with its
 * line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/mtls.h"

#include <stdlib.h>
#include <string.h>

static void clear(struct mtls_settings *settings)
{
#define X(name, value, help) free((void *)settings->name);
    MTLS_SETTINGS(X)
#undef X
    memset(settings, 0, sizeof(*settings));
}

static const struct {
    const char *name, *text;
    const char *line; /* of the refusal; NULL: taken */
} cases[] = {
    {"nothing", "", NULL},
    {"a comment", "# gateway\n", NULL},
    {"everything", "gateway = \"g:1\"\nname = \"n\"\ncert = \"c\"\nkey = \"k\"\nca = \"a\"\n",
     NULL},
    {"single quotes", "gateway = 'g:1'\n", NULL},
    {"misspelt", "gateway = \"g:1\"\ngatway = \"g:1\"\n", "config:2"},
    {"twice", "ca = \"a\"\nca = \"b\"\n", "config:2"},
    {"a section", "ca \"x\" { }\n", "config:1"},
    {"a list", "ca = {\"a\"}\n", "config:1"},
    {"empty", "ca = \"\"\n", "config:1"},
    {"added to", "ca += \"a\"\n", "config:1"},
    {"environment", "\nca = \"${HOME}/x\"\n", "config:2"},
    {"no value", "ca =\n", "config:"},
    {"not finished", "ca = \"x\n", "config:"},
    {"include", "include(\"/etc/passwd\")\n", "config:1"},
};

static void settings_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mtls_settings settings = {.gateway = NULL};
        struct error err = {.detail = ""};
        bool good = mtls_settings_parse("config", bytes_of(cases[i].text), &settings, &err);

        if (good != (cases[i].line == NULL))
            fail_msg("%s: %s", cases[i].name, err.detail);
        if (!good && !strstr(err.detail, cases[i].line))
            fail_msg("%s: %s", cases[i].name, err.detail);
        clear(&settings);
    }
}

static void what_is_set_already_stays(void **state)
{
    struct mtls_settings settings = {.gateway = strdup("first:1")};
    struct error err;

    (void)state;
    assert_true(mtls_settings_parse("config", bytes_of("gateway = \"second:2\"\nca = \"x\"\n"),
                                    &settings, &err));
    assert_string_equal(settings.gateway, "first:1");
    assert_string_equal(settings.ca, "x");
    clear(&settings);
}

static void a_tilde_is_the_home_directory(void **state)
{
    struct mtls_settings settings = {.gateway = NULL};
    struct error err;

    (void)state;
    assert_int_equal(setenv("HOME", "/home/somebody", 1), 0);
    assert_true(mtls_settings_parse("config", bytes_of("cert = \"~/a.pem\"\nkey = \"~b/a.key\"\n"),
                                    &settings, &err));
    assert_string_equal(settings.cert, "/home/somebody/a.pem");
    assert_string_equal(settings.key, "~b/a.key");
    clear(&settings);
}

static const struct {
    const char *text, *host, *port; /* NULL: refused */
} targets[] = {
    {"gateway.example.test:8443", "gateway.example.test", "8443"},
    {"127.0.0.1:443", "127.0.0.1", "443"},
    {"[2001:db8::1]:443", "2001:db8::1", "443"},
    {"", NULL, NULL},
    {"gateway", NULL, NULL},
    {"gateway:", NULL, NULL},
    {":443", NULL, NULL},
    {"gateway:0", NULL, NULL},
    {"gateway:65536", NULL, NULL},
    {"gateway:ssh", NULL, NULL},
    {"gateway:-1", NULL, NULL},
    {"gateway:443x", NULL, NULL},
    {"2001:db8::1:443", NULL, NULL},
    {"[]:443", NULL, NULL},
    {"[::1]443", NULL, NULL},
};

static void a_gateway_is_a_host_and_a_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct mtls_target target;
        struct error err;
        bool good = mtls_target_parse(targets[i].text, &target, &err);

        if (good != (targets[i].host != NULL))
            fail_msg("%s", targets[i].text);
        if (!good)
            continue;
        assert_string_equal(target.host, targets[i].host);
        assert_string_equal(target.port, targets[i].port);
        assert_string_equal(target.name, targets[i].host);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read_strictly),
        cmocka_unit_test(what_is_set_already_stays),
        cmocka_unit_test(a_tilde_is_the_home_directory),
        cmocka_unit_test(a_gateway_is_a_host_and_a_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
