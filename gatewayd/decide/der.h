#pragma once
/*
 * DER (X.690) as far as certificates need it: elements with low tags and definite, minimal lengths,
 * object identifiers, strings, times. On top of the bounded reader; knows no certificates.
 */
#include "common/reader.h"
#include "common/writer.h"

enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_UTF8_STRING = 0x0c,
    DER_NUMERIC_STRING = 0x12,
    DER_PRINTABLE_STRING = 0x13,
    DER_TELETEX_STRING = 0x14,
    DER_IA5_STRING = 0x16,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_VISIBLE_STRING = 0x1a,
    DER_UNIVERSAL_STRING = 0x1c,
    DER_BMP_STRING = 0x1e,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT = 0x80,             /* | number: primitive */
    DER_CONTEXT_CONSTRUCTED = 0xa0, /* | number */
    DER_OID_TEXT_MAX = 128,         /* dotted form with terminator; longer ones are refused */
    DER_OID_MAX = 40,               /* content octets of one that a rule names; our choice */
};

struct der {
    uint8_t tag;
    struct bytes content;
    struct bytes whole; /* header included */
};

/* The next element; an empty one with tag 0 and a broken reader when there is none. */
struct der der_next(struct reader *r);
/* The same, which must have this tag. */
struct der der_expect(struct reader *r, uint8_t tag);
/* Whether an element with this tag is next; reads nothing. */
bool der_is_next(const struct reader *r, uint8_t tag);
/* "2.5.4.3" from the content of an OID; false for malformed and very long ones. */
bool der_oid_text(struct bytes content, char out[DER_OID_TEXT_MAX]);
/* Whether the content of an OID is well formed, whatever its length. */
bool der_oid_is_good(struct bytes content);
/*
 * The other way: the content octets of "2.5.4.3". False for anything else than two or more arcs
 * without leading zeros, and for more than DER_OID_MAX octets.
 */
bool der_oid_octets(struct bytes text, uint8_t out[DER_OID_MAX], size_t *ret_len);
/* UTCTime and GeneralizedTime as RFC 5280 4.1.2.5 wants them: Zulu, with seconds, no fraction. */
bool der_time_s(uint8_t tag, struct bytes content, int64_t *ret_seconds);
/*
 * Appends the characters of a string type as UTF-8. False when the tag is no string type or the
 * octets are not of it. T61 is taken as ASCII: nobody agrees on the rest of it.
 */
bool der_string(uint8_t tag, struct bytes content, struct writer *out);
/* Appends lower hex. */
void der_put_hex(struct bytes octets, struct writer *out);
