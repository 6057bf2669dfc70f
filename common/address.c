/*
 * Addresses and networks in one 128-bit form. Edges make them from sockets, the policy from text.
 */
#include "common/address.h"

#include "common/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

bool address_is_v4(const struct address *address)
{
    return address->known && memcmp(address->octets, v4_prefix, sizeof(v4_prefix)) == 0;
}

static void set_v4(uint8_t octets[16], const struct in_addr *in)
{
    memcpy(octets, v4_prefix, sizeof(v4_prefix));
    memcpy(octets + sizeof(v4_prefix), in, sizeof(*in));
}

struct address address_from_sockaddr(const struct sockaddr *sa, socklen_t len)
{
    struct address address = {.known = false};

    if (len >= sizeof(struct sockaddr_in) && sa->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sa, sizeof(in));
        set_v4(address.octets, &in.sin_addr);
        address.port = ntohs(in.sin_port);
        address.known = true;
    } else if (len >= sizeof(struct sockaddr_in6) && sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sa, sizeof(in6));
        memcpy(address.octets, &in6.sin6_addr, sizeof(address.octets));
        address.port = ntohs(in6.sin6_port);
        address.known = true;
    }
    return address;
}

bool address_to_sockaddr(const struct address *address, struct sockaddr_storage *ret_sa,
                         socklen_t *ret_len)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};

    if (!address->known)
        return false;
    if (address_is_v4(address)) {
        memcpy(&in.sin_addr, address->octets + sizeof(v4_prefix), sizeof(in.sin_addr));
        memcpy(ret_sa, &in, sizeof(in));
        *ret_len = sizeof(in);
    } else {
        memcpy(&in6.sin6_addr, address->octets, sizeof(in6.sin6_addr));
        memcpy(ret_sa, &in6, sizeof(in6));
        *ret_len = sizeof(in6);
    }
    return true;
}

bool address_parse(struct bytes text, struct address *ret_address, struct error *err)
{
    char copy[INET6_ADDRSTRLEN];
    struct address address = {.known = true};
    struct in_addr in;

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.at, '\0', text.len))
        return err_set(err, REASON_CONFIG_VALUE, "not an address: %.*s", (int)text.len,
                       (const char *)text.at);
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, &in) == 1)
        set_v4(address.octets, &in);
    else if (inet_pton(AF_INET6, copy, address.octets) != 1)
        return err_set(err, REASON_CONFIG_VALUE, "not an address: %s", copy);
    else if (address_is_v4(&address))
        return err_set(err, REASON_CONFIG_VALUE, "write the IPv4 address plainly: %s", copy);
    *ret_address = address;
    return true;
}

bool address_parse_port(struct bytes text, struct address *ret_address, struct error *err)
{
    const uint8_t *colon = text.len ? memrchr(text.at, ':', text.len) : NULL;
    struct bytes host, port_text;
    struct address address;
    uint64_t port;

    if (!colon)
        return err_set(err, REASON_CONFIG_VALUE, "no port: %.*s", (int)text.len,
                       (const char *)text.at);
    host = (struct bytes){text.at, (size_t)(colon - text.at)};
    port_text = (struct bytes){colon + 1, text.len - host.len - 1};
    if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
        host = (struct bytes){host.at + 1, host.len - 2};
    else if (memchr(host.at, ':', host.len))
        return err_set(err, REASON_CONFIG_VALUE, "write [address]:port: %.*s", (int)text.len,
                       (const char *)text.at);
    if (!text_u64(port_text, &port) || port > UINT16_MAX)
        return err_set(err, REASON_CONFIG_VALUE, "not a port: %.*s", (int)port_text.len,
                       (const char *)port_text.at);
    if (!address_parse(host, &address, err))
        return false;
    address.port = (uint16_t)port;
    *ret_address = address;
    return true;
}

void address_format(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    bool v4 = address_is_v4(address);

    if (!address->known ||
        !inet_ntop(v4 ? AF_INET : AF_INET6, address->octets + (v4 ? 12 : 0), out, ADDRESS_TEXT_MAX))
        (void)snprintf(out, ADDRESS_TEXT_MAX, "-");
}

void address_format_port(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    char plain[ADDRESS_TEXT_MAX];

    address_format(address, plain);
    if (!address->known)
        (void)snprintf(out, ADDRESS_TEXT_MAX, "-");
    else
        (void)snprintf(out, ADDRESS_TEXT_MAX, address_is_v4(address) ? "%.46s:%u" : "[%.46s]:%u",
                       plain, (unsigned)address->port);
}

/* True when no bit behind the first `bits` is set. */
static bool no_host_bits(const uint8_t octets[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++)
        if (octets[i / 8] & (0x80u >> i % 8))
            return false;
    return true;
}

bool network_parse(struct bytes text, struct network *ret_network, struct error *err)
{
    const uint8_t *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
    struct bytes host = {text.at, slash ? (size_t)(slash - text.at) : text.len};
    struct address address;
    uint64_t bits = 128;

    if (!address_parse(host, &address, err))
        return false;
    if (slash) {
        uint64_t most = address_is_v4(&address) ? 32 : 128;

        if (!text_u64((struct bytes){slash + 1, text.len - host.len - 1}, &bits) || bits > most)
            return err_set(err, REASON_CONFIG_VALUE, "not a network: %.*s", (int)text.len,
                           (const char *)text.at);
        bits += 128 - most;
    }
    if (!no_host_bits(address.octets, (unsigned)bits))
        return err_set(err, REASON_CONFIG_VALUE, "host bits are set: %.*s", (int)text.len,
                       (const char *)text.at);
    memcpy(ret_network->octets, address.octets, sizeof(ret_network->octets));
    ret_network->bits = (uint8_t)bits;
    return true;
}

bool network_has(const struct network *network, const struct address *address)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);

    if (!address->known || memcmp(network->octets, address->octets, whole) != 0)
        return false;
    /* A wide IPv6 network such as ::/0 has the mapped form inside, but nobody means IPv4 by it. */
    if (network->bits < 96 && address_is_v4(address))
        return false;
    return rest == 0 || ((network->octets[whole] ^ address->octets[whole]) & mask) == 0;
}
