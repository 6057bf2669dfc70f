#pragma once
/*
 * The PROXY protocol header, version 2 (haproxy's proxy-protocol.txt), as the first octets that an
 * upstream gets: who is there, and how that was proved. Layout in docs/protocol.md, "PROXY header".
 * A pure encoder.
 */
#include "common/address.h"
#include "common/session_id.h"
#include "common/writer.h"

enum {
    PROXY_GROUPS_MAX = 8 * 1024,  /* octets of all group TLVs; more is refused, never cut */
    PROXY_HEADER_MAX = 60 * 1024, /* a certificate of 32 KiB, the groups, names; u16 by protocol */
};

struct proxy_facts {
    struct address source, destination; /* one unknown: a LOCAL header without addresses */
    struct session_id session;
    uint32_t tls_version; /* 0x0304 */
    struct bytes sni;     /* AUTHORITY; what is empty is left out, here and below */
    struct bytes alpn;
    struct bytes cn, cipher;
    struct bytes sig_alg, key_alg; /* of the gateway's certificate */
    struct bytes group, scheme;    /* of the handshake */
    struct bytes certificate;      /* DER of the client's leaf */
    struct bytes user;             /* name of the account */
    const char *const *groups;
    size_t n_groups;
};

/* Appends the header. A broken writer: it would be longer than its limits allow. */
void proxy_encode(const struct proxy_facts *facts, struct writer *out);
