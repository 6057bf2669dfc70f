#pragma once
/*
 * Which service a ClientHello means: its server name and application protocols against the service
 * sections of a listener. Pure; knows no TLS library. Nothing here is an authorisation: decide
 * judges what was selected.
 */
#include "common/gw1.h"
#include "gatewayd/shared/config.h"
#include "gatewayd/shared/messages.h"

enum {
    ROUTE_NAME_MAX = 253,           /* octets of a server name (RFC 1035 2.3.4) */
    ROUTE_NO_SERVICE = OPEN_WHOAMI, /* not selected yet, or none is wanted */
    ROUTE_UNKNOWN = OPEN_UNKNOWN,   /* what the request names is no service of this listener */
};

struct route {
    uint32_t service; /* index of the section, or ROUTE_NO_SERVICE */
    uint8_t via;      /* enum open_via */
    bool gw1;         /* the client speaks mtls-gw/1 and says more after the handshake */
};

/* Names that a client offers, as they stand in the extensions; empty: the extension was not sent.
 */
struct hello {
    char sni[ROUTE_NAME_MAX + 1]; /* lower case */
    struct bytes alpn;            /* ProtocolNameList: u8 length and octets, repeated */
};

/* Reads the bodies of the two extensions; no octets: not sent. False when they are malformed. */
bool hello_read(struct bytes server_name, struct bytes alpn, struct hello *ret_hello) MUST_CHECK;
bool hello_offers(const struct hello *hello, struct bytes protocol);
/*
 * Selects the service. A service with server names is reached by one of them only; a service with
 * application protocols but no names by one of those; one with neither is the listener's default.
 * known_name: the server name is one that a certificate of the listener carries. False: nobody has
 * this name.
 */
bool route_select(const struct config *config, uint32_t listener, const struct hello *hello,
                  bool known_name, struct route *ret_route) MUST_CHECK;
/* CONNECT name: a service of this listener by its title. */
bool route_by_title(const struct config *config, uint32_t listener, struct bytes title,
                    uint32_t *ret_service) MUST_CHECK;
/* The protocol to answer with: one of the service's that was offered; none: no octets. */
struct bytes route_protocol(const struct config *config, const struct route *route,
                            const struct hello *hello);
/* "*.a.b" matches one label in front of a.b; everything else must be equal. Both lower case. */
bool route_name_fits(const char *pattern, const char *name);
