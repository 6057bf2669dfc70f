#pragma once
/*
 * The attributes of a certificate that rules, records and headers may name: one table, one row
 * each. A row says where the value stands and how its canonical form is made. Ways to write a value
 * otherwise ("serial!ms") are in conversions.h, references of rules in attribute_ref.h.
 */
#include "common/error.h"
#include "common/writer.h"

enum attribute_source {
    ATTRIBUTE_FIELD,         /* a fixed field of TBSCertificate: identity_walk.c knows each */
    ATTRIBUTE_SUBJECT,       /* a component of the subject; oid says which */
    ATTRIBUTE_ISSUER,        /* a component of the issuer */
    ATTRIBUTE_SAN,           /* a GeneralName; tag says which (RFC 5280 4.2.1.6) */
    ATTRIBUTE_SAN_OTHER,     /* an otherName; oid says which */
    ATTRIBUTE_SAN_DIRECTORY, /* a component of a directoryName */
    ATTRIBUTE_EXTENSION,     /* an extension of the certificate; oid says which */
    ATTRIBUTE_SOURCES,
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
    ATTRIBUTE_FIELD_SPKI,
    ATTRIBUTE_FIELD_SPKI_SHA256,
    ATTRIBUTE_FIELD_PUBKEY,
};

/* How far a value names one certificate holder for all time (identity.md D6). */
enum attribute_strength {
    ATTRIBUTE_WEAK,   /* a name: may be given to somebody else later */
    ATTRIBUTE_HALF,   /* issuer or serial: strong when both are tested together */
    ATTRIBUTE_STRONG, /* the certificate or its key itself, or the account's id */
};

/* How the values stand in an extension. */
enum attribute_shape {
    ATTRIBUTE_ONE,  /* the whole extension is one value */
    ATTRIBUTE_EACH, /* a SEQUENCE OF values: the form is called for each */
    ATTRIBUTE_BITS, /* named bits of a BIT STRING: key usage */
};

/* What the octets behind a value are, which decides about its conversions (conversions.h). */
enum attribute_kind {
    ATTRIBUTE_TEXT,
    ATTRIBUTE_NUMBER, /* a positive INTEGER */
    ATTRIBUTE_OCTETS,
    ATTRIBUTE_NAME,   /* a distinguished name */
    ATTRIBUTE_DIGEST, /* to be hashed: the certificate, its key */
    ATTRIBUTE_SID,
    ATTRIBUTE_CARD, /* FASC-N */
    ATTRIBUTE_KINDS,
};

/* A form's answer for octets that are something else than this attribute: no value, no fault. */
extern const char attribute_none[];

/*
 * Appends the canonical form of one value (its content octets without DER header; tag: its DER
 * tag). Gives NULL, attribute_none, or in static words what is wrong with it. Checks of length and
 * cleanness are the caller's.
 */
typedef const char *attribute_form(struct bytes raw, uint8_t tag, struct writer *out);

struct attribute {
    const char *name; /* as in rules: "san.email"; `open`: the part before the identifier */
    enum attribute_source source;
    enum attribute_field field;
    enum attribute_shape shape;
    enum attribute_kind kind;
    enum attribute_strength strength;
    uint8_t tag;      /* of a GeneralName */
    uint16_t max;     /* octets of its text; 0: IDENTITY_VALUE_MAX */
    struct bytes oid; /* content octets */
    attribute_form *form;
    bool binary; /* the value is `raw`: it has no text and can only be used in a find */
    bool open;   /* stands for all identifiers without a row: "san.other.1.2.3" */
    bool single; /* two of it contradict each other: both are a fault */
    bool by_ca;  /* weak unless the certificate's ca section vouches for it */
    bool shown;  /* only shown: no rule may name it */
    const char *help;
};

/* The table; ret_n rows, static, in the order of their sources. */
const struct attribute *attributes_all(size_t *ret_n);
/* The rows of one source. */
const struct attribute *attributes_of(enum attribute_source source, size_t *ret_n);
/* By name ("subject.cn"), ASCII case ignored; NULL when there is none that a rule may name. */
const struct attribute *attribute_find(struct bytes name);
