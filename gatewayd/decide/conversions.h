#pragma once
/*
 * Other ways to write a value than its canonical form: "serial!ms", "cert!sha1", "sid!bin". One
 * table, one row each; a row says for which kinds of attributes it is. Knows no certificates.
 */
#include "gatewayd/decide/attributes.h"

/* What a conversion is made from. */
enum conversion_input {
    CONVERSION_OCTETS, /* the octets that the canonical form writes in hex */
    CONVERSION_TEXT,   /* the canonical form */
    CONVERSION_RAW,    /* the content octets in the certificate */
    CONVERSION_WHOLE,  /* these with their DER header, whatever they mean */
};

/* How hex is written: "hex_uc". */
struct conversion_hex {
    bool upper, colons, reversed;
};

struct conversion {
    const char *name;
    unsigned kinds; /* a bit for each attribute_kind */
    enum conversion_input input;
    bool hexes;  /* takes _u, _c, _r: upper case, colons, reversed octets */
    bool binary; /* gives octets that are no text */
    /* Appends; gives NULL or what is wrong in static words. */
    const char *(*convert)(const struct conversion *row, struct bytes in,
                           const struct conversion_hex *hex, struct writer *out);
    const char *help;
};

/* The table; static. */
const struct conversion *conversions_all(size_t *ret_n);
/* "hex_uc", for an attribute of this kind; NULL when there is none. */
const struct conversion *conversion_find(struct bytes text, enum attribute_kind kind,
                                         struct conversion_hex *ret_hex);
