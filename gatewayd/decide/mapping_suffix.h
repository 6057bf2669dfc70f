#pragma once
/*
 * Names with a domain: which values of a certificate weak_suffixes speaks about, and whether they
 * end so. Knows the references of a find, no accounts.
 */
#include "gatewayd/decide/mapping_find.h"

/* Whether the find reads some name that has a domain. */
bool mapping_suffix_applies(const struct mapping_find *find);
/*
 * Whether every value of every such name ends in one of the suffixes, letters of either case; false
 * when there is no value. ret_name: the first that does not; borrowed from the identity.
 */
bool mapping_suffix_holds(const struct mapping_find *find, const struct identity *identity,
                          char *const *suffixes, size_t n_suffixes, struct bytes *ret_name);
