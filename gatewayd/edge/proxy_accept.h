#pragma once
/*
 * The header of the PROXY protocol (versions 1 and 2, haproxy's proxy-protocol.txt) that a trusted
 * proxy puts in front of a client's octets. Pure: says how much of it is there and what it means.
 */
#include "common/address.h"
#include "gatewayd/shared/config.h"

enum {
    PROXY_V1_MAX = 107,       /* octets of a line of version 1 with its end */
    PROXY_V2_FIXED = 16,      /* octets of version 2 up to the addresses */
    PROXY_V2_MAX = 4096 + 16, /* octets of a header of version 2; the protocol would allow 64 KiB */
};

enum proxy_progress {
    PROXY_MORE, /* right so far; *ret_want further octets belong to it for sure */
    PROXY_DONE,
    PROXY_BAD,
};

struct proxy_header {
    bool
        local; /* the proxy speaks for itself (its health checks): the addresses are the socket's */
    struct address source, destination;
};

/*
 * octets: the beginning of the connection. PROXY_MORE: *ret_want octets more may be taken off the
 * socket, as they belong to the header whatever they are. PROXY_DONE: all of octets was the header;
 * *ret_header is set.
 */
enum proxy_progress proxy_read(enum config_accept_proxy version, struct bytes octets,
                               struct proxy_header *ret_header, size_t *ret_want) MUST_CHECK;
/* Whether a listener takes headers from there, and then nothing else. */
bool proxy_is_trusted(const struct config_listener *listener, const struct address *peer);
