#pragma once
/*
 * One address type for all: 128 bits. IPv4 lives in ::ffff:0:0/96 and is unmapped once, here, so
 * that no rule can be passed by writing an address the other way. Knows no sockets but their
 * address form.
 */
#include "common/error.h"

#include <sys/socket.h>

enum { ADDRESS_TEXT_MAX = 54 }; /* "[" INET6 address "]:65535" and a terminator */

struct address {
    uint8_t octets[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint16_t port;      /* host order; 0 where there is none */
    bool known;         /* false: the peer has no IP address (AF_UNIX) */
};

struct network {
    uint8_t octets[16];
    uint8_t bits; /* 0..128, counted in the 128-bit form: an IPv4 /8 is 104 */
};

/* AF_INET and AF_INET6 give a known address, everything else an unknown one. */
struct address address_from_sockaddr(const struct sockaddr *sa, socklen_t len);
/* Fills ret_sa for connect() or bind(); false for an unknown address. */
bool address_to_sockaddr(const struct address *address, struct sockaddr_storage *ret_sa,
                         socklen_t *ret_len);
/* "192.0.2.7" or "2001:db8::1"; no port, no zone, no mapped form. */
bool address_parse(struct bytes text, struct address *ret_address, struct error *err) MUST_CHECK;
/* "192.0.2.7:22", "[2001:db8::1]:22". */
bool address_parse_port(struct bytes text, struct address *ret_address,
                        struct error *err) MUST_CHECK;
/* Address text without port ("-" when unknown), and with it. */
void address_format(const struct address *address, char out[ADDRESS_TEXT_MAX]);
void address_format_port(const struct address *address, char out[ADDRESS_TEXT_MAX]);
bool address_is_v4(const struct address *address);
/* CIDR without host bits; a plain address is a network of one. Refuses mapped forms and zone ids.
 */
bool network_parse(struct bytes text, struct network *ret_network, struct error *err) MUST_CHECK;
/* False for an unknown address. */
bool network_has(const struct network *network, const struct address *address);
