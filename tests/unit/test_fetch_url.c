/* URLs that may be asked, and the many that may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/shared/fetch_url.h"
#include "gatewayd/shared/fetched.h"

#include <string.h>

static const struct {
    const char *name, *text;
    enum fetch_scheme scheme;
    const char *host; /* NULL: must be refused */
    unsigned port;
    const char *path;
} cases[] = {
    {"plain", "http://pki.example/a.crl", FETCH_HTTP, "pki.example", 80, "/a.crl"},
    {"without a path", "http://pki.example", FETCH_HTTP, "pki.example", 80, ""},
    {"with a port and a query", "http://h:8080/a?b=c", FETCH_HTTP, "h", 8080, "/a?b=c"},
    {"IPv6", "http://[::1]:81/a", FETCH_HTTP, "::1", 81, "/a"},
    {"LDAP", "ldap://h/cn=a?b;binary", FETCH_LDAP, "h", 389, "/cn=a?b;binary"},
    {"LDAP without a host", "ldap:///cn=a", FETCH_LDAP, "", 389, "/cn=a"},
    {"https", "https://h/a", 0, NULL, 0, NULL},
    {"ldaps", "ldaps://h/cn=a", 0, NULL, 0, NULL},
    {"file", "file:///etc/passwd", 0, NULL, 0, NULL},
    {"another scheme", "ftp://h/a", 0, NULL, 0, NULL},
    {"no scheme", "h/a", 0, NULL, 0, NULL},
    {"nothing", "", 0, NULL, 0, NULL},
    {"no host", "http:///a", 0, NULL, 0, NULL},
    {"a user", "http://u@h/a", 0, NULL, 0, NULL},
    {"a user and a password", "http://u:p@h/a", 0, NULL, 0, NULL},
    {"port zero", "http://h:0/a", 0, NULL, 0, NULL},
    {"a port above all", "http://h:65536/a", 0, NULL, 0, NULL},
    {"an empty port", "http://h:/a", 0, NULL, 0, NULL},
    {"a port that is none", "http://h:8o/a", 0, NULL, 0, NULL},
    {"a space", "http://h/a b", 0, NULL, 0, NULL},
    {"a line break", "http://h/a\r\nHost: x", 0, NULL, 0, NULL},
    {"a fragment", "http://h/a#b", 0, NULL, 0, NULL},
    {"beyond ASCII", "http://h/\xc3\xa4", 0, NULL, 0, NULL},
    {"an open bracket", "http://[::1/a", 0, NULL, 0, NULL},
    {"octets behind a bracket", "http://[::1]x/a", 0, NULL, 0, NULL},
    {"empty brackets", "http://[]/a", 0, NULL, 0, NULL},
    {"a name in brackets", "http://[host]/a", 0, NULL, 0, NULL},
    {"a query alone", "http://h?a", 0, NULL, 0, NULL},
    {"a host that looks like an option", "http://-h/a", 0, NULL, 0, NULL},
    {"LDAP without a DN", "ldap://h/", 0, NULL, 0, NULL},
    {"LDAP with a host alone", "ldap://h", 0, NULL, 0, NULL},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fetch_url url;
        struct error err;
        bool good = fetch_url_parse(cases[i].text, &url, &err);

        if (good != (cases[i].host != NULL))
            fail_msg("%s: %s", cases[i].name, good ? "taken" : err.detail);
        if (!good)
            continue;
        assert_int_equal(url.scheme, cases[i].scheme);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.path, cases[i].path);
    }
}

static void test_long(void **state)
{
    char text[FETCH_URL_MAX + 2];
    struct fetch_url url;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "http://h/", 9);
    text[FETCH_URL_MAX + 1] = '\0';
    assert_false(fetch_url_parse(text, &url, NULL));
    text[FETCH_URL_MAX] = '\0';
    assert_true(fetch_url_parse(text, &url, NULL));
    memset(text + 7, 'h', FETCH_HOST_MAX + 1);
    assert_false(fetch_url_parse(text, &url, NULL));
}

/* A file belongs to the section whose whole title it begins with. */
static void test_names(void **state)
{
    char name[FETCHED_NAME_MAX], other[FETCHED_NAME_MAX];

    (void)state;
    fetched_name("users", "http://h/a", name);
    fetched_name("users", "http://h/b", other);
    assert_string_not_equal(name, other);
    assert_true(fetched_is_of(name, "users"));
    assert_false(fetched_is_of(name, "user"));
    assert_false(fetched_is_of(name, "users2"));
    assert_false(fetched_is_word("/a/path"));
    assert_true(fetched_is_word("cdp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
