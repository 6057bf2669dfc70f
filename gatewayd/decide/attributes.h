#pragma once
/*
 * The attributes of a certificate that rules, records and headers may name: one table, one row
 * each. A row says where the value stands and how its canonical form is made.
 */
#include "common/error.h"
#include "common/writer.h"

enum attribute_source {
    ATTRIBUTE_FIELD,     /* a fixed field of TBSCertificate: identity.c knows each */
    ATTRIBUTE_SUBJECT,   /* a component of the subject; oid says which */
    ATTRIBUTE_ISSUER,    /* a component of the issuer */
    ATTRIBUTE_SAN,       /* a GeneralName; tag says which (RFC 5280 4.2.1.6) */
    ATTRIBUTE_SAN_OTHER, /* an otherName; oid says which */
    ATTRIBUTE_EXTENSION, /* an extension of the certificate; oid says which */
};

enum attribute_field {
    ATTRIBUTE_FIELD_NONE,
    ATTRIBUTE_FIELD_SUBJECT,
    ATTRIBUTE_FIELD_ISSUER,
    ATTRIBUTE_FIELD_SERIAL,
    ATTRIBUTE_FIELD_NOT_BEFORE,
    ATTRIBUTE_FIELD_NOT_AFTER,
    ATTRIBUTE_FIELD_CERT,
    ATTRIBUTE_FIELD_CERT_SHA256,
    ATTRIBUTE_FIELD_SPKI_SHA256,
};

/* How far a value names one certificate holder for all time (identity.md D6). */
enum attribute_strength {
    ATTRIBUTE_WEAK,   /* a name: may be given to somebody else later */
    ATTRIBUTE_HALF,   /* issuer or serial: strong when both are tested together */
    ATTRIBUTE_STRONG, /* the certificate or its key itself */
};

/*
 * Appends the canonical form of one value (its content octets without DER header; tag: its DER
 * tag). Gives NULL, or in static words what is wrong with it. Checks of length and cleanness are
 * the caller's.
 */
typedef const char *attribute_form(struct bytes raw, uint8_t tag, struct writer *out);

struct attribute {
    const char *name; /* as in rules: "san.email" */
    enum attribute_source source;
    enum attribute_field field;
    uint8_t tag;     /* context tag of a GeneralName */
    const char *oid; /* dotted */
    attribute_form *form;
    enum attribute_strength strength;
    bool binary; /* the value is `raw`: it has no text and can only be used in a find */
    bool many;   /* an extension with several values: the form is called for each */
    const char *help;
};

/* The table; ret_n rows, static. */
const struct attribute *attributes_all(size_t *ret_n);
/* By name ("subject.cn"), ASCII case ignored; NULL when there is none. */
const struct attribute *attribute_find(struct bytes name);
