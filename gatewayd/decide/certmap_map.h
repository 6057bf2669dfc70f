#pragma once
/*
 * Mapping rules of SSSD: "LDAP:(mail={subject_rfc822_name})", "LDAPU1:..." (sss-certmap(5)). The
 * same texts are accepted and the filters are the same to the octet. Knows no directory.
 */
#include "gatewayd/decide/certmap_match.h"

struct certmap_map;

/* The caller owns *ret_map. CONFIG_VALUE in err when the text is no mapping rule. */
bool certmap_map_parse(const char *text, struct certmap_map **ret_map,
                       struct error *err) MUST_CHECK;
struct certmap_map *certmap_map_free(struct certmap_map *map); /* accepts NULL, returns NULL */
/*
 * Appends the filter for this certificate; of several alternative names of a kind the last one is
 * taken, as SSSD does. escape: values as they may stand in a filter, else as they are. False with
 * NO_VALUE or BAD_ENCODING; what was appended is then of no use.
 */
bool certmap_map_expand(const struct certmap_map *map,
                        const struct certmap_certificate *certificate, bool escape,
                        struct writer *out, struct error *err) MUST_CHECK;
/*
 * Appends the rule as the `find` of a mapping of the same strength, so that the checks for finds
 * can look at it: a value is replaced by a native one that names a holder as well or as badly.
 */
void certmap_map_find(const struct certmap_map *map, struct writer *out);

DEFINE_AUTO(struct certmap_map *, certmap_map_freep, certmap_map_free)
