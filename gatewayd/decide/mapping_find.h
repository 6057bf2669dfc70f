#pragma once
/*
 * The `find` of a mapping: a filter of equality tests, joined by and/or, whose values may come from
 * the certificate. Compiled at load by a strict subset of RFC 4515; evaluated on the replica, so
 * that no text of a certificate ever becomes part of a filter.
 */
#include "gatewayd/decide/identity.h"
#include "ldap/replica.h"

enum { MAPPING_FOUND_MAX = 16 /* entries held; more are ambiguous in any case */ };

struct mapping_find;

struct mapping_found {
    const struct replica_entry *at[MAPPING_FOUND_MAX];
    size_t n;
    bool more; /* there are others */
};

/* "(mail={san.email!only})"; the caller owns *ret_find. */
bool mapping_find_compile(struct bytes text, struct mapping_find **ret_find,
                          struct error *err) MUST_CHECK;
struct mapping_find *mapping_find_free(struct mapping_find *find); /* accepts NULL, returns NULL */
/* ATTRIBUTE_STRONG when every way through it tests the certificate, its key, or issuer and serial.
 */
enum attribute_strength mapping_find_strength(const struct mapping_find *find);
/* Reason NO_VALUE, MULTI_VALUE or BAD_ENCODING in err when the certificate cannot fill it in. */
bool mapping_find_run(const struct mapping_find *find, const struct identity *identity,
                      const struct replica *replica, struct mapping_found *ret_found,
                      struct error *err) MUST_CHECK;
/* The filter with the values filled in, for people only: `gatewayctl identity map --explain`. */
bool mapping_find_print(const struct mapping_find *find, const struct identity *identity,
                        struct writer *out, struct error *err) MUST_CHECK;

DEFINE_AUTO(struct mapping_find *, mapping_find_freep, mapping_find_free)
