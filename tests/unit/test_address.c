/* Addresses and networks: one form for IPv4, no second way to write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cmocka.h>

#include "common/address.h"

static const struct {
    const char *network, *address;
    bool has;
} network_cases[] = {
    {"10.20.0.0/16", "10.20.255.255", true},
    {"10.20.0.0/16", "10.21.0.0", false},
    {"10.20.0.0/17", "10.20.127.1", true},
    {"10.20.0.0/17", "10.20.128.1", false},
    {"192.0.2.7", "192.0.2.7", true},
    {"192.0.2.7", "192.0.2.6", false},
    {"0.0.0.0/0", "203.0.113.9", true},
    {"0.0.0.0/0", "2001:db8::1", false}, /* an IPv4 network holds no IPv6 address */
    {"::/0", "2001:db8::1", true},
    {"2001:db8:20::/48", "2001:db8:20:ffff::1", true},
    {"2001:db8:20::/48", "2001:db8:21::1", false},
    {"2002::/16", "192.0.2.7", false},    /* 6to4 stays IPv6 */
    {"64:ff9b::/96", "192.0.2.7", false}, /* NAT64 stays IPv6 */
};

static void networks_hold_their_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(network_cases); i++) {
        struct network network;
        struct address address;

        assert_true(network_parse(bytes_of(network_cases[i].network), &network, NULL));
        assert_true(address_parse(bytes_of(network_cases[i].address), &address, NULL));
        if (network_has(&network, &address) != network_cases[i].has)
            fail_msg("%s in %s", network_cases[i].address, network_cases[i].network);
    }
}

static void unusable_networks_are_refused(void **state)
{
    static const char *const refused[] = {"10.20.0.1/16",
                                          "::ffff:10.0.0.0/104",
                                          "::ffff:10.0.0.1",
                                          "10.0.0.0/33",
                                          "2001:db8::/129",
                                          "10.0.0.0/",
                                          "10.0.0.0/08",
                                          "fe80::1%eth0/128",
                                          "10.0.0",
                                          "example.org",
                                          "",
                                          "10.0.0.0/-1",
                                          "010.0.0.1",
                                          "2001:db8::1/64"};
    struct network network;
    struct error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (network_parse(bytes_of(refused[i]), &network, &err))
            fail_msg("%s was taken", refused[i]);
}

static void mapped_socket_address_is_ipv4(void **state)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(22)};
    struct address address;
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr), 1);
    address = address_from_sockaddr((const struct sockaddr *)&in6, sizeof(in6));
    assert_true(address_is_v4(&address));
    address_format_port(&address, text);
    assert_string_equal(text, "192.0.2.7:22");
}

static void unix_peer_has_no_address(void **state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct address address = address_from_sockaddr((const struct sockaddr *)&un, sizeof(un));
    struct network all;
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    assert_true(network_parse(bytes_of("::/0"), &all, NULL));
    assert_false(address.known);
    assert_false(network_has(&all, &address)); /* unknown is in no network */
    address_format_port(&address, text);
    assert_string_equal(text, "-");
}

static void ports(void **state)
{
    static const char *const refused[] = {
        "192.0.2.7",     "2001:db8::1:22", "192.0.2.7:65536", ":22",
        "[2001:db8::1]", "192.0.2.7:",     "192.0.2.7:022"};
    struct address address;
    struct sockaddr_storage sa;
    socklen_t len;
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    assert_true(address_parse_port(bytes_of("[2001:db8::1]:8443"), &address, NULL));
    address_format_port(&address, text);
    assert_string_equal(text, "[2001:db8::1]:8443");
    assert_true(address_to_sockaddr(&address, &sa, &len));
    assert_int_equal(sa.ss_family, AF_INET6);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (address_parse_port(bytes_of(refused[i]), &address, NULL))
            fail_msg("%s was taken", refused[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_hold_their_addresses),
        cmocka_unit_test(unusable_networks_are_refused),
        cmocka_unit_test(mapped_socket_address_is_ipv4),
        cmocka_unit_test(unix_peer_has_no_address),
        cmocka_unit_test(ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
