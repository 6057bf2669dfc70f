#pragma once
/*
 * The compiled form of a mapping rule, shared by its parser (certmap_map.c), what fills it in
 * (certmap_map_run.c) and the warnings (certmap_warnings.c); nobody else looks inside.
 */
#include "gatewayd/decide/certmap_map.h"

#include <openssl/evp.h>

enum certmap_what {
    CERTMAP_FIELD_ISSUER,
    CERTMAP_FIELD_SUBJECT,
    CERTMAP_FIELD_ISSUER_COMPONENT,
    CERTMAP_FIELD_SUBJECT_COMPONENT,
    CERTMAP_FIELD_CERT,
    CERTMAP_FIELD_SAN,
    CERTMAP_FIELD_SERIAL,
    CERTMAP_FIELD_KEY_ID,
    CERTMAP_FIELD_SID,
};

/* What may stand behind "." and "!". */
enum certmap_part { CERTMAP_NO_PART, CERTMAP_SHORT_NAME, CERTMAP_COMPONENT, CERTMAP_RID };
enum certmap_conversion {
    CERTMAP_AS_IS,  /* none allowed */
    CERTMAP_FORM,   /* of a name: ad_x500, ... */
    CERTMAP_OCTETS, /* bin, base64 */
    CERTMAP_HEX_OR_DEC,
    CERTMAP_HEX,
    CERTMAP_DIGEST,
};

/* One row per thing that a rule can insert. */
struct certmap_field {
    const char *name;
    enum certmap_what what;
    enum certmap_san_kind san;
    enum certmap_part part;
    enum certmap_conversion conversion;
    bool u1; /* LDAPU1 alone */
    enum attribute_strength strength;
};

struct certmap_hex {
    bool decimal, upper, colon, reverse;
};

struct certmap_piece {
    char *literal;                     /* NULL: a field */
    const struct certmap_field *field; /* NULL: literal */
    bool part;                         /* .short_name, .rid */
    char *type;                        /* of a component; NULL: any */
    int number;                        /* of a component; 0: none */
    struct certmap_name_form form;
    bool base64;
    struct certmap_hex hex;
    EVP_MD *digest;
};

struct certmap_map {
    struct certmap_piece *pieces;
    size_t n;
};
