#pragma once
/*
 * The PROXY protocol header, version 2 (haproxy's proxy-protocol.txt), as the first octets that an
 * upstream gets: who is there, and how that was proved. A pure encoder.
 */
#include "common/address.h"
#include "common/session_id.h"
#include "common/writer.h"

enum { PROXY_HEADER_MAX = 1024 /* 16 + 36 octets, and TLVs of at most 300 */ };

struct proxy_facts {
    struct address source, destination; /* one unknown: a LOCAL header without addresses */
    struct bytes sni;                   /* AUTHORITY; left out when empty */
    struct bytes alpn;
    struct bytes cn, cipher; /* left out when empty */
    struct session_id session;
};

/* Appends the header. */
void proxy_encode(const struct proxy_facts *facts, struct writer *out);
