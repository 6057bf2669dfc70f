#pragma once
/*
 * Substring tests on an entry of a replica: pieces of a value in their order, "a*b*c".
 */
#include "ldap/replica.h"

enum {
    REPLICA_PIECES_MAX = 8,        /* parts of one test; our choice */
    REPLICA_PIECES_LEN_MAX = 4096, /* octets of all of them */
};

struct replica_pieces {
    const struct bytes *at; /* n of them; none is empty */
    size_t n;
    bool open_start, open_end; /* something may stand before, behind */
};

/*
 * Whether the entry has a value with these pieces, compared by the attribute's rule (RFC 4517
 * 4.1.6). Never for names and numbers, nor for pieces beyond the limits.
 */
bool replica_entry_has_pieces(const struct replica *replica, const struct replica_entry *entry,
                              struct bytes attribute, const struct replica_pieces *pieces);
