/* Which service a ClientHello means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gatewayd/edge/route.h"

#include <stdlib.h>

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }

static const struct {
    const char *name;
    struct bytes server_name, alpn;
    bool good;
    const char *sni;
} hellos[] = {
    {"no extensions", B(""), B(""), true, ""},
    {"a name", B("\0\6\0\0\3a.b"), B(""), true, "a.b"},
    {"a name in capitals", B("\0\6\0\0\3A.B"), B(""), true, "a.b"},
    {"a protocol", B(""), B("\0\3\2h2"), true, ""},
    {"two protocols", B(""), B("\0\5\1a\2h2"), true, ""},
    {"a list that is too short", B("\0\7\0\0\3a.b"), B(""), false, NULL},
    {"a list that is too long", B("\0\5\0\0\3a.b"), B(""), false, NULL},
    {"an octet behind", B("\0\6\0\0\3a.bx"), B(""), false, NULL},
    {"two names", B("\0\14\0\0\3a.b\0\0\3c.d"), B(""), false, NULL},
    {"another type", B("\0\6\1\0\3a.b"), B(""), false, NULL},
    {"an empty name", B("\0\3\0\0\0"), B(""), false, NULL},
    {"a NUL in it", B("\0\6\0\0\3a\0b"), B(""), false, NULL},
    {"a slash in it", B("\0\6\0\0\3a/b"), B(""), false, NULL},
    {"a star in it", B("\0\6\0\0\3*.b"), B(""), false, NULL},
    {"an empty label", B("\0\7\0\0\4a..b"), B(""), false, NULL},
    {"a leading dot", B("\0\5\0\0\2.b"), B(""), false, NULL},
    {"a final dot", B("\0\5\0\0\2b."), B(""), false, NULL},
    {"UTF-8", B("\0\5\0\0\2\xc3\xa9"), B(""), false, NULL},
    {"an empty protocol", B(""), B("\0\1\0"), false, NULL},
    {"an empty list of protocols", B(""), B("\0\0"), false, NULL},
    {"a protocol that runs past the end", B(""), B("\0\3\3h2"), false, NULL},
};

static void test_hellos(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hellos) / sizeof(hellos[0]); i++) {
        struct hello hello;

        if (hello_read(hellos[i].server_name, hellos[i].alpn, &hello) != hellos[i].good)
            fail_msg("%s", hellos[i].name);
        if (hellos[i].good)
            assert_string_equal(hello.sni, hellos[i].sni);
    }
}

static const char *const main_list[] = {"main"}, *const other_list[] = {"other"};
static const char *const exact[] = {"ssh.example"}, *const wild[] = {"*.example"};
static const char *const h2[] = {"h2"}, *const pg[] = {"pg"};

enum { SSH, WILD, WILD_H2, PG, DEFAULT, OTHER, N_SERVICES };

static struct config_service services[N_SERVICES] = {
    [SSH] = {.title = "ssh", .listener = {main_list, 1}, .sni = {exact, 1}},
    [WILD] = {.title = "wild", .listener = {main_list, 1}, .sni = {wild, 1}},
    [WILD_H2] = {.title = "wild-h2", .listener = {main_list, 1}, .sni = {wild, 1}, .alpn = {h2, 1}},
    [PG] = {.title = "pg", .listener = {main_list, 1}, .alpn = {pg, 1}},
    [DEFAULT] = {.title = "default", .listener = {main_list, 1}},
    [OTHER] = {.title = "other", .listener = {other_list, 1}, .sni = {exact, 1}},
};
static struct config_listener listeners[] = {{.title = "main"}, {.title = "other"}};

static struct config make(size_t n_services)
{
    return (struct config){
        .service = services, .n_service = n_services, .listener = listeners, .n_listener = 2};
}

static const struct {
    const char *name;
    uint32_t listener;
    const char *sni, *alpn; /* alpn: as in the extension's list */
    bool with_default, known;
    uint32_t service; /* N_SERVICES: refused; ROUTE_NO_SERVICE: named later */
    uint8_t via;
} routes[] = {
    {"exactly", 0, "ssh.example", "", true, false, SSH, OPEN_VIA_SNI},
    {"by wildcard", 0, "a.example", "", true, false, WILD, OPEN_VIA_SNI},
    {"by wildcard and protocol", 0, "a.example", "\2h2", true, false, WILD_H2, OPEN_VIA_SNI},
    {"the exact name counts more than the protocol", 0, "ssh.example", "\2h2", true, false, SSH,
     OPEN_VIA_SNI},
    {"by protocol", 0, "", "\2pg", true, false, PG, OPEN_VIA_ALPN},
    {"by protocol under a foreign name", 0, "x.y", "\2pg", true, false, PG, OPEN_VIA_ALPN},
    {"a protocol of a named service does not reach it", 0, "", "\2h2", false, false, N_SERVICES, 0},
    {"default", 0, "", "", true, false, DEFAULT, OPEN_VIA_DEFAULT},
    {"default under a foreign name", 0, "x.y", "", true, false, DEFAULT, OPEN_VIA_DEFAULT},
    {"no default", 0, "x.y", "", false, false, N_SERVICES, 0},
    {"no default, a known name", 0, "x.y", "", false, true, N_SERVICES, 0},
    {"a service of another listener", 1, "a.example", "", true, false, N_SERVICES, 0},
    {"the same name on another listener", 1, "ssh.example", "", true, false, OTHER, OPEN_VIA_SNI},
    {"mtls-gw/1 without a name", 1, "", "\x09mtls-gw/1", true, false, ROUTE_NO_SERVICE, 0},
    {"mtls-gw/1 with a known name", 1, "gw.example", "\x09mtls-gw/1", true, true, ROUTE_NO_SERVICE,
     0},
    {"mtls-gw/1 with an unknown name", 1, "x.y", "\x09mtls-gw/1", true, false, N_SERVICES, 0},
    {"mtls-gw/1 with a service's name", 0, "ssh.example", "\x09mtls-gw/1", true, false, SSH,
     OPEN_VIA_SNI},
};

static void test_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct config config = make(routes[i].with_default ? N_SERVICES : DEFAULT);
        struct hello hello = {.alpn = bytes_of(routes[i].alpn)};
        struct route route = {.service = N_SERVICES};

        memcpy(hello.sni, routes[i].sni, strlen(routes[i].sni) + 1);
        if (route_select(&config, routes[i].listener, &hello, routes[i].known, &route) !=
                (routes[i].service != N_SERVICES) ||
            route.service != routes[i].service)
            fail_msg("%s: service %u", routes[i].name, route.service);
        if (route.service < N_SERVICES)
            assert_int_equal(route.via, routes[i].via);
    }
}

static void test_titles_and_protocols(void **state)
{
    struct config config = make(N_SERVICES);
    struct hello hello = {.alpn = bytes_of("\1x\2h2\2pg")};
    struct route route = {.service = WILD_H2};
    uint32_t service;

    (void)state;
    assert_true(route_by_title(&config, 0, bytes_of("ssh"), &service));
    assert_int_equal(service, SSH);
    assert_false(route_by_title(&config, 0, bytes_of("other"), &service));
    assert_false(route_by_title(&config, 0, bytes_of("SSH"), &service));
    assert_false(route_by_title(&config, 0, bytes_of(""), &service));
    assert_true(bytes_equal(route_protocol(&config, &route, &hello), bytes_of("h2")));
    route.service = SSH;
    assert_int_equal(route_protocol(&config, &route, &hello).len, 0);
    route.service = ROUTE_NO_SERVICE;
    assert_int_equal(route_protocol(&config, &route, &hello).len, 0);
    route.gw1 = true;
    assert_true(bytes_equal(route_protocol(&config, &route, &hello), bytes_of(GW1_ALPN)));
}

static void test_names(void **state)
{
    (void)state;
    assert_true(route_name_fits("a.example", "a.example"));
    assert_true(route_name_fits("A.Example", "a.example"));
    assert_true(route_name_fits("*.example", "a.example"));
    assert_false(route_name_fits("*.example", "example"));
    assert_false(route_name_fits("*.example", ".example"));
    assert_false(route_name_fits("*.example", "a.b.example"));
    assert_false(route_name_fits("a.example", "aa.example"));
    assert_false(route_name_fits("*a.example", "ba.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hellos),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_titles_and_protocols),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
