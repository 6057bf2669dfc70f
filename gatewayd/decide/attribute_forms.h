#pragma once
/*
 * Canonical forms of single values, for the rows of attributes.c. Each takes content octets and
 * their DER tag and says what is wrong, in static words (attribute_form in attributes.h).
 */
#include "gatewayd/decide/attributes.h"

/* attribute_forms.c: fields, names and extensions */
attribute_form form_string, form_name, form_hex, form_serial, form_time, form_oid, form_usage,
    form_key_id, form_authority, form_policy;
/* attribute_forms_san.c: alternative names */
attribute_form form_dns, form_email, form_email8, form_upn, form_uri, form_ip, form_krb5,
    form_hwmodule, form_permid, form_fascn;
/* attribute_forms_uri.c: what certain URIs and the extension of Microsoft mean */
attribute_form form_spiffe, form_sid, form_sid_rid, form_sid_uri, form_uuid;

/* The name of bit n of keyUsage (RFC 5280 4.2.1.3); NULL beyond the last. */
const char *form_usage_bit(size_t n);
/* The text of the SID that stands in one GeneralName of the extension; false when it is another. */
bool form_sid_text(struct bytes raw, uint8_t tag, struct bytes *ret_text);
/* "S-1-5-21-1-2-3-1105": the octets of objectSid (MS-DTYP 2.4.2.2). False when it is no SID. */
bool form_sid_octets(struct bytes text, struct writer *out);
