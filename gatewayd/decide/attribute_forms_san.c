/*
 * Canonical forms of alternative names. decide and gatewayctl run them on octets that a
 * certificate's issuer chose; a form that doubts refuses. That a value is short, clean UTF-8
 * without NUL and control characters is checked by who calls them (identity_build.c).
 */
#include "gatewayd/decide/attribute_forms.h"

#include "common/text.h"
#include "gatewayd/decide/der.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool is_ldh(uint8_t c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* Labels of letters, digits and inner hyphens (RFC 1123 2.1); appended in lower case. */
static bool put_domain(struct bytes name, struct writer *out)
{
    size_t label = 0;

    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];

        if (c == '.') {
            if (label == 0 || name.at[i - 1] == '-')
                return false;
            label = 0;
        } else if (!is_ldh(c) || (c == '-' && label == 0) || ++label > 63) {
            return false;
        }
        writer_u8(out, lower(c));
    }
    return label > 0 && name.at[name.len - 1] != '-' && name.len <= 253;
}

const char *form_dns(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    if (raw.len > 0 && raw.at[0] == '*')
        return "a wildcard is no identity";
    return put_domain(raw, out) ? NULL : "not a host name";
}

/* Splits at the only "@"; both sides hold something. */
static bool split(struct bytes raw, struct bytes *ret_local, struct bytes *ret_domain)
{
    const uint8_t *at = raw.len ? memchr(raw.at, '@', raw.len) : NULL;

    if (!at || at == raw.at || at == raw.at + raw.len - 1)
        return false;
    *ret_local = (struct bytes){raw.at, (size_t)(at - raw.at)};
    *ret_domain = (struct bytes){at + 1, raw.len - ret_local->len - 1};
    return !memchr(ret_domain->at, '@', ret_domain->len);
}

static const char no_address[] = "not one local part and one domain";

/* The local part as it is, the domain in lower case; nothing but ASCII (RFC 5280 4.2.1.6). */
const char *form_email(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct bytes local, domain;

    (void)tag;
    if (!split(raw, &local, &domain))
        return no_address;
    for (size_t i = 0; i < local.len; i++)
        if (local.at[i] <= ' ' || local.at[i] >= 0x7f)
            return "a local part that is not plain ASCII";
    writer_put(out, local);
    writer_u8(out, '@');
    return put_domain(domain, out) ? NULL : "a malformed domain";
}

/* RFC 9598 3: a UTF8String, only where the local part needs it, the domain in A-labels. */
const char *form_email8(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct bytes local, domain;
    bool needed = false;

    if (tag != DER_UTF8_STRING)
        return "not a UTF8String";
    if (!split(raw, &local, &domain))
        return no_address;
    for (size_t i = 0; i < local.len; i++) {
        needed = needed || local.at[i] >= 0x80;
        if (local.at[i] <= ' ')
            return "a space in the local part";
    }
    if (!needed)
        return "a plain ASCII address, which belongs into an rfc822Name";
    writer_put(out, local);
    writer_u8(out, '@');
    return put_domain(domain, out) ? NULL : "a malformed domain";
}

/* The suffix need not be a host name, only folded: it compares without regard to case. */
const char *form_upn(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct bytes user, suffix;

    if (tag != DER_UTF8_STRING)
        return "not a UTF8String";
    if (!split(raw, &user, &suffix))
        return "not one user and one suffix";
    writer_put(out, user);
    writer_u8(out, '@');
    for (size_t i = 0; i < suffix.len; i++) {
        if (suffix.at[i] <= ' ')
            return "a space in the suffix";
        writer_u8(out, lower(suffix.at[i]));
    }
    return NULL;
}

const char *form_uri(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    for (size_t i = 0; i < raw.len; i++)
        if (raw.at[i] <= ' ' || raw.at[i] >= 0x7f)
            return "not plain ASCII";
    writer_put(out, raw);
    return NULL;
}

/* An IPv4 address in IPv6 form stays one ("::ffff:192.0.2.7"): it is another value. */
const char *form_ip(struct bytes raw, uint8_t tag, struct writer *out)
{
    char text[INET6_ADDRSTRLEN];
    int family = raw.len == sizeof(struct in_addr) ? AF_INET : AF_INET6;

    (void)tag;
    if (raw.len != sizeof(struct in_addr) && raw.len != sizeof(struct in6_addr))
        return "neither 4 nor 16 octets";
    if (!inet_ntop(family, raw.at, text, sizeof(text)))
        return "not an address";
    writer_text(out, text);
    return NULL;
}

enum { DER_GENERAL_STRING = 0x1b };

/* One component or the realm, "/", "@" and "\" quoted as krb5_unparse_name does. */
static bool put_krb5(struct bytes text, struct writer *out)
{
    if (text.len == 0 || !text_is_clean(text))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("/@\\", text.at[i]))
            writer_u8(out, '\\');
        writer_u8(out, text.at[i]);
    }
    return true;
}

static bool put_krb5_names(struct bytes list, struct writer *out)
{
    struct reader names = reader_over(list);
    bool good = reader_left(&names) > 0;

    for (size_t n = 0; good && reader_left(&names) > 0; n++) {
        if (n > 0)
            writer_u8(out, '/');
        good = put_krb5(der_expect(&names, DER_GENERAL_STRING).content, out);
    }
    return good && reader_done(&names);
}

/*
 * KRB5PrincipalName ::= SEQUENCE { realm [0] GeneralString, principalName [1] SEQUENCE {
 *     name-type [0] INTEGER, name-string [1] SEQUENCE OF GeneralString } }, RFC 4556 3.2.2
 */
const char *form_krb5(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct reader r = reader_over(raw);
    struct reader realm = reader_over(der_expect(&r, DER_CONTEXT_CONSTRUCTED).content);
    struct bytes realm_text = der_expect(&realm, DER_GENERAL_STRING).content;
    struct reader name = reader_over(der_expect(&r, DER_CONTEXT_CONSTRUCTED | 1).content);
    struct reader parts = reader_over(der_expect(&name, DER_SEQUENCE).content);
    struct reader type = reader_over(der_expect(&parts, DER_CONTEXT_CONSTRUCTED).content);
    struct reader list = reader_over(der_expect(&parts, DER_CONTEXT_CONSTRUCTED | 1).content);
    struct bytes names = der_expect(&list, DER_SEQUENCE).content;

    (void)der_expect(&type, DER_INTEGER);
    if (tag != DER_SEQUENCE || !reader_done(&r) || !reader_done(&realm) || !reader_done(&name) ||
        !reader_done(&parts) || !reader_done(&type) || !reader_done(&list))
        return "a malformed principal";
    if (!put_krb5_names(names, out))
        return "a component that is empty or not clean";
    writer_u8(out, '@');
    return put_krb5(realm_text, out) ? NULL : "a realm that is empty or not clean";
}

/* HardwareModuleName ::= SEQUENCE { hwType OID, hwSerialNum OCTET STRING }, RFC 4108 5 */
const char *form_hwmodule(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct reader r = reader_over(raw);
    struct der type = der_expect(&r, DER_OID);
    struct der serial = der_expect(&r, DER_OCTET_STRING);

    if (tag != DER_SEQUENCE || !reader_done(&r) || serial.content.len == 0)
        return "a malformed hardware module name";
    if (form_oid(type.content, type.tag, out))
        return "a malformed type";
    writer_u8(out, ':');
    return form_hex(serial.content, serial.tag, out);
}

/*
 * PermanentIdentifier ::= SEQUENCE { identifierValue UTF8String OPTIONAL, assigner OID OPTIONAL },
 * RFC 4043 2. Without assigner the value is the issuer's: ":value".
 */
const char *form_permid(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct reader r = reader_over(raw);
    struct der value = {0}, assigner = {0};

    if (der_is_next(&r, DER_UTF8_STRING))
        value = der_next(&r);
    if (der_is_next(&r, DER_OID))
        assigner = der_next(&r);
    if (tag != DER_SEQUENCE || !reader_done(&r))
        return "a malformed permanent identifier";
    if (value.content.len == 0)
        return "without a value of its own";
    if (assigner.tag && form_oid(assigner.content, assigner.tag, out))
        return "a malformed assigner";
    writer_u8(out, ':');
    writer_put(out, value.content);
    return NULL;
}

enum { FASCN_LEN = 25 }; /* 40 characters of 5 bits (TIG SCEPACS 2.3) */

const char *form_fascn(struct bytes raw, uint8_t tag, struct writer *out)
{
    if (tag != DER_OCTET_STRING || raw.len != FASCN_LEN)
        return "not 25 octets";
    return form_hex(raw, tag, out);
}
