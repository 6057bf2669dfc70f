#pragma once
/*
 * The compiled form of a matching rule, shared by its parser (certmap_match.c), its evaluation
 * (certmap_match_run.c) and the warnings (certmap_warnings.c); nobody else looks inside.
 */
#include "gatewayd/decide/certmap_match.h"

#include <regex.h>

/* In the order in which they are tested. */
enum certmap_key { CERTMAP_ISSUER, CERTMAP_SUBJECT, CERTMAP_KU, CERTMAP_EKU, CERTMAP_SAN };

struct certmap_condition {
    enum certmap_key key;
    char *value; /* as it is written */
    bool has_expression;
    regex_t expression; /* of ISSUER, SUBJECT and most kinds of SAN */
    uint32_t usage;     /* of KU */
    char **oids;        /* of EKU, dotted */
    size_t n_oids;
    enum certmap_san_kind san; /* of SAN */
    char *oid;                 /* of STRING_OTHER; NULL: the kind was called by its name */
    struct bytes octets;       /* of the kinds that are matched by base64; owned */
    bool short_kind;           /* the kind was written as a prefix of its name */
};

struct certmap_match {
    bool any; /* || */
    struct certmap_condition conditions[CERTMAP_CONDITIONS_MAX];
    size_t n;
};

/* Both kinds of rules begin with an optional type of capitals and digits and a colon; an empty one
 * is none. */
struct bytes certmap_rule_type(const char *text, const char **ret_rest);
