#pragma once
/*
 * URLs of revocation lists and OCSP responders, from gatewayd.conf and out of certificates. Pure;
 * resolves nothing.
 */
#include "common/error.h"

enum fetch_scheme { FETCH_HTTP, FETCH_LDAP };

enum {
    FETCH_URL_MAX = 1024, /* octets of a URL: our choice; real ones have 60 */
    FETCH_HOST_MAX = 253, /* octets of a host name (RFC 1035 2.3.4) */
};

struct fetch_url {
    enum fetch_scheme scheme;
    char host[FETCH_HOST_MAX + 1]; /* without brackets; "" in ldap:///DN */
    uint16_t port;
    bool brackets;    /* the host is an IPv6 address */
    const char *path; /* from the first "/" on, "" when there is none; points into the text */
};

/*
 * http://HOST[:PORT][/PATH] or ldap://[HOST[:PORT]]/DN..., printable ASCII without user, password
 * and fragment. CONFIG_VALUE with what is wrong; https is refused, and the detail says why.
 */
bool fetch_url_parse(const char *text, struct fetch_url *ret_url, struct error *err) MUST_CHECK;
