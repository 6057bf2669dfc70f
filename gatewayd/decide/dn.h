#pragma once
/*
 * Distinguished names in DER: walking their components and writing them as text (RFC 4514, leaf
 * first). Knows no certificates and no directory.
 */
#include "gatewayd/decide/der.h"

struct dn_component {
    struct bytes oid; /* content octets of a well-formed identifier */
    struct der value;
    unsigned position; /* of its relative name: 1 is the root */
    bool first;        /* of its relative name */
    bool shared;       /* its relative name has several components */
};

struct dn_walk {
    struct reader names; /* relative names left */
    struct reader set;   /* components left in the current one */
    unsigned position;
    bool shared, first;
};

/* content: of the SEQUENCE. Components come in the order of the DER: root first. */
struct dn_walk dn_walk(struct bytes content);
/* False at the end or when the name is malformed: dn_walk_ok tells which. */
bool dn_next(struct dn_walk *walk, struct dn_component *ret_component);
bool dn_walk_ok(const struct dn_walk *walk);
/*
 * Appends the name as text. False when it is malformed or a value of a known type is no string;
 * types without a short name are written as OID=#hex.
 */
bool dn_text(struct bytes content, struct writer *out);
