#pragma once
/*
 * The host registry of a replica: entries of class ipHost (RFC 2307) by name. Knows nothing of who
 * may connect where.
 */
#include "common/address.h"
#include "ldap/replica.h"

enum {
    REPLICA_HOST_NAME_MAX = 63,      /* octets of a host's name: one label (RFC 1035 2.3.4) */
    REPLICA_HOST_ADDRESSES_MAX = 16, /* of one host; our choice, real ones have 1-4 */
};

/* A host of the registry (RFC 2307 ipHost): its addresses, without ports. */
struct replica_host {
    struct address addresses[REPLICA_HOST_ADDRESSES_MAX];
    size_t n; /* at least one */
};
/* Letters, digits and inner hyphens. */
bool replica_host_name_is_good(struct bytes name);
/* The one entry whose cn is name, in any case of letters. NO_HOST: none, or several; HOST_ADDRESS:
 * no address, too many, or a value that is none. */
bool replica_host(const struct replica *replica, struct bytes name, struct replica_host *ret_host,
                  struct error *err) MUST_CHECK;
