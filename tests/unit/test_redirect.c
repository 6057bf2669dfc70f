/* Whereto a web server may send us; most of it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/fetch/redirect.h"

static const struct {
    const char *from, *to;
    bool good;
} cases[] = {
    {"http://h/a", "http://h/b", true},
    {"http://h/a", "http://H:80/b", true},
    {"http://h:81/a", "http://h:81/b", true},
    {"http://h:81/a", "http://h/b", true},
    {"http://127.0.0.1:81/a", "http://127.0.0.1:81/b", true},
    {"http://h/a", "http://h:81/b", false},
    {"http://h/a", "http://other/b", false},
    {"http://h/a", "http://h.example/b", false},
    {"http://h/a", "http://h@127.0.0.1/b", false},
    {"http://h/a", "http://127.0.0.1/b", false},
    {"http://h/a", "http://127.0.0.1:80/b", false},
    {"http://h/a", "http://[::1]/b", false},
    {"http://h/a", "http://169.254.169.254/latest", false},
    {"http://h/a", "http://localhost/b", false},
    {"http://127.0.0.1/a", "http://127.0.0.2/b", false},
    {"http://h/a", "https://h/b", false},
    {"http://h/a", "ldap://h/cn=b", false},
    {"http://h/a", "/b", false},
    {"http://h/a", "", false},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (redirect_check(cases[i].from, cases[i].to, NULL) != cases[i].good)
            fail_msg("%s to %s", cases[i].from, cases[i].to);
}

static const struct {
    const char *host;
    bool local;
} hosts[] = {
    {"127.0.0.1", true},    {"127.255.0.9", true}, {"0.0.0.0", true},    {"169.254.169.254", true},
    {"::1", true},          {"::", true},          {"fe80::1", true},    {"febf::1", true},
    {"192.0.2.1", false},   {"10.0.0.1", false},   {"128.0.0.1", false}, {"169.253.0.1", false},
    {"2001:db8::1", false}, {"fec0::1", false},    {"::2", false},
};

static void test_addresses(void **state)
{
    struct address unknown = {.known = false};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct address address;

        assert_true(address_parse(bytes_of(hosts[i].host), &address, NULL));
        if (redirect_address_is_local(&address) != hosts[i].local)
            fail_msg("%s", hosts[i].host);
    }
    assert_true(redirect_address_is_local(&unknown));
    assert_true(redirect_url_is_local("http://LOCALHOST/a"));
    assert_true(redirect_url_is_local("http://[::1]:81/a"));
    assert_true(redirect_url_is_local("http://127.0.0.1:81/a"));
    assert_false(redirect_url_is_local("http://localhost.example/a"));
    assert_false(redirect_url_is_local("http://192.0.2.1/a"));
    assert_false(redirect_url_is_local("no URL"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
