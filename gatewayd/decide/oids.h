#pragma once
/*
 * Object identifiers in the octets of their DER content, so that a comparison is one of octets and
 * no text is made on the way. Each with its dotted form beside it; `gatewayctl identity
 * attributes` prints the dotted forms back.
 */
#include "common/bytes.h"

/* For tables: OID(OID_SAN). Identifiers may hold zero octets, so the length is that of the literal.
 */
#define OID(literal)                                                                               \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* Extensions: 2.5.29.N */
#define OID_SKI               "\x55\x1d\x0e" /* 14 */
#define OID_KEY_USAGE         "\x55\x1d\x0f" /* 15 */
#define OID_SAN               "\x55\x1d\x11" /* 17 */
#define OID_BASIC_CONSTRAINTS "\x55\x1d\x13" /* 19 */
#define OID_POLICIES          "\x55\x1d\x20" /* 32 */
#define OID_AKI               "\x55\x1d\x23" /* 35 */
#define OID_EKU               "\x55\x1d\x25" /* 37 */
/* Microsoft: 1.3.6.1.4.1.311.N */
#define OID_MS           "\x2b\x06\x01\x04\x01\x82\x37"
#define OID_MS_UPN       OID_MS "\x14\x02\x03" /* 20.2.3 */
#define OID_MS_SC_LOGIN  OID_MS "\x14\x02\x02" /* 20.2.2 */
#define OID_MS_SID_EXT   OID_MS "\x19\x02"     /* 25.2, MS-WCCE 2.2.2.7.7.4 */
#define OID_MS_SID_VALUE OID_MS "\x19\x02\x01" /* 25.2.1 */
/* PKIX: 1.3.6.1.5.5.7.N */
#define OID_PKIX      "\x2b\x06\x01\x05\x05\x07"
#define OID_USAGE     OID_PKIX "\x03"     /* 3.N, RFC 5280 4.2.1.12 */
#define OID_PERMID    OID_PKIX "\x08\x03" /* 8.3, RFC 4043 */
#define OID_HWMODULE  OID_PKIX "\x08\x04" /* 8.4, RFC 4108 */
#define OID_SMTP_UTF8 OID_PKIX "\x08\x09" /* 8.9, RFC 9598 */
/* Others */
#define OID_KRB5_NAME   "\x2b\x06\x01\x05\x02\x02"         /* 1.3.6.1.5.2.2, RFC 4556 */
#define OID_PKINIT      "\x2b\x06\x01\x05\x02\x03\x04"     /* 1.3.6.1.5.2.3.4 */
#define OID_FASCN       "\x60\x86\x48\x01\x65\x03\x06\x06" /* 2.16.840.1.101.3.6.6 */
#define OID_TCG_AT      "\x67\x81\x05\x02"                 /* 2.23.133.2 */
#define OID_TCG_MFR     OID_TCG_AT "\x01"
#define OID_TCG_MODEL   OID_TCG_AT "\x02"
#define OID_TCG_VERSION OID_TCG_AT "\x03"
#define OID_TELEPORT    "\x2b\xce\x0f\x03" /* 1.3.9999.3: components of the subject */

/* Types of names: 2.5.4.N, and those of RFC 4519, PKCS #9, EV certificates */
#define OID_AT(number) "\x55\x04" number
#define OID_PILOT      "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01" /* 0.9.2342.19200300.100.1 */
#define OID_PKCS9      "\x2a\x86\x48\x86\xf7\x0d\x01\x09"     /* 1.2.840.113549.1.9 */
#define OID_MS_JURIS   OID_MS "\x3c\x02\x01"                  /* 60.2.1 */
