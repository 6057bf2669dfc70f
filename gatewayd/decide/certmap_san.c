/*
 * GeneralNames (RFC 5280 4.2.1.6) with the kinds and the texts of SSSD. decide and gatewayctl run
 * it on octets that an issuer chose.
 */
#include "gatewayd/decide/certmap_san.h"

#include "common/text.h"
#include "gatewayd/shared/xalloc.h"

enum { DER_GENERAL_STRING = 0x1b, PER_NAME = 3 /* entries that one otherName makes */ };

static const char oid_upn[] = "1.3.6.1.4.1.311.20.2.3"; /* MS-PKCA 3.1.5.2.1.3 */
static const char oid_pkinit[] = "1.3.6.1.5.2.2";       /* RFC 4556 3.2.2 */

static struct certmap_san *add(struct certmap_certificate *certificate, enum certmap_san_kind kind,
                               struct bytes text)
{
    struct certmap_san *san = &certificate->sans[certificate->n_sans++];

    *san = (struct certmap_san){.kind = kind, .text = text};
    if (text.len > CERTMAP_TEXT_MAX)
        san->why = "too long";
    return san;
}

static struct certmap_san *add_text(struct certmap_certificate *certificate,
                                    enum certmap_san_kind kind, struct bytes text)
{
    struct certmap_san *san = add(certificate, kind, text);

    if (!san->why && !text_is_clean(text))
        san->why = "a NUL, a control character or malformed UTF-8";
    return san;
}

/* IA5String. SSSD refuses an empty one. */
static bool add_ascii(struct certmap_certificate *certificate, enum certmap_san_kind kind,
                      struct bytes text)
{
    struct certmap_san *san = add_text(certificate, kind, text);

    for (size_t i = 0; i < text.len && !san->why; i++)
        if (text.at[i] >= 0x80)
            san->why = "not plain ASCII";
    return text.len > 0;
}

/* As in SSSD the raw octets as if they were text. */
static bool add_ip(struct certmap_certificate *certificate, struct bytes octets)
{
    struct certmap_san *san = add_text(certificate, CERTMAP_SAN_IP, octets);

    if (octets.len != 4 && octets.len != 16)
        san->why = "neither 4 nor 16 octets";
    return true;
}

static bool add_registered_id(struct certmap_certificate *certificate, struct bytes content)
{
    char oid[DER_OID_TEXT_MAX];
    struct certmap_san *san;

    if (!der_oid_text(content, oid))
        return false;
    san = add(certificate, CERTMAP_SAN_RID, (struct bytes){0});
    san->own = xstrdup(oid);
    san->text = bytes_of(san->own);
    return true;
}

/* EXPLICIT, because Name is a CHOICE (X.680 31.2.7). */
static bool add_directory(struct certmap_certificate *certificate, struct bytes content)
{
    struct reader r = reader_over(content);
    struct der inner = der_expect(&r, DER_SEQUENCE);
    struct certmap_san *san = add(certificate, CERTMAP_SAN_DIRECTORY, (struct bytes){0});

    if (!reader_done(&r) || !certmap_name_read(inner.content, &san->name))
        return false;
    san->why = san->name.why;
    return true;
}

static void add_principal(struct certmap_certificate *certificate, enum certmap_san_kind kind,
                          struct bytes text)
{
    (void)add_text(certificate, kind, text);
    (void)add_text(certificate, CERTMAP_SAN_PRINCIPAL, text);
}

/* One component of a principal. A separator inside of it would make another principal of it. */
static bool put_component(struct reader *names, bool first, struct writer *out)
{
    struct bytes name = der_expect(names, DER_GENERAL_STRING).content;
    bool plain = true;

    if (!first)
        writer_u8(out, '/');
    writer_put(out, name);
    for (size_t i = 0; i < name.len; i++)
        plain = plain && !(name.at[i] && strchr("/@\\", name.at[i]));
    return plain;
}

/*
 * KRB5PrincipalName ::= SEQUENCE { realm [0] GeneralString, principalName [1] SEQUENCE {
 *     name-type [0] INTEGER, name-string [1] SEQUENCE OF GeneralString } }
 */
static bool add_pkinit(struct certmap_certificate *certificate, struct der value)
{
    struct writer out = writer_new(CERTMAP_TEXT_MAX + 1);
    struct reader r = reader_over(value.content);
    struct reader realms = reader_over(der_expect(&r, DER_CONTEXT_CONSTRUCTED).content);
    struct reader outer = reader_over(der_expect(&r, DER_CONTEXT_CONSTRUCTED | 1).content);
    struct reader principal = reader_over(der_expect(&outer, DER_SEQUENCE).content);
    struct reader types = reader_over(der_expect(&principal, DER_CONTEXT_CONSTRUCTED).content);
    struct reader lists = reader_over(der_expect(&principal, DER_CONTEXT_CONSTRUCTED | 1).content);
    struct reader names = reader_over(der_expect(&lists, DER_SEQUENCE).content);
    struct bytes realm = der_expect(&realms, DER_GENERAL_STRING).content;
    bool plain = true, first = true;
    struct certmap_san *san;
    size_t len;

    (void)der_expect(&types, DER_INTEGER);
    for (; reader_left(&names) > 0; first = false)
        plain = put_component(&names, first, &out) && plain;
    writer_u8(&out, '@');
    writer_put(&out, realm);
    writer_u8(&out, '\0');
    san = add(certificate, CERTMAP_SAN_PKINIT, (struct bytes){0});
    san->text.len = out.len ? out.len - 1 : 0;
    san->own = (char *)writer_take(&out, &len);
    san->text.at = (const uint8_t *)san->own;
    if (!san->own)
        *san = (struct certmap_san){.kind = CERTMAP_SAN_PKINIT, .why = "too long"};
    else if (!plain || (realm.len > 0 && memchr(realm.at, '@', realm.len)) ||
             !text_is_clean(san->text))
        san->why = "a separator, a NUL or a control character in a name of the principal";
    add(certificate, CERTMAP_SAN_PRINCIPAL, san->text)->why = san->why;
    return value.tag == DER_SEQUENCE && !first && reader_done(&r) && reader_done(&realms) &&
           reader_done(&outer) && reader_done(&principal) && reader_done(&types) &&
           reader_done(&lists) && reader_done(&names);
}

/* otherName ::= [0] { type-id OID, value [0] EXPLICIT ANY }; the value is matched with its header.
 */
static bool add_other(struct certmap_certificate *certificate, struct bytes content)
{
    struct reader r = reader_over(content);
    struct der type = der_expect(&r, DER_OID);
    struct reader inner = reader_over(der_expect(&r, DER_CONTEXT_CONSTRUCTED).content);
    struct der value = der_next(&inner);
    char oid[DER_OID_TEXT_MAX];
    struct certmap_san *san;

    if (!reader_done(&r) || !reader_done(&inner) || !der_oid_text(type.content, oid))
        return false;
    san = add(certificate, CERTMAP_SAN_STRING_OTHER, value.whole);
    san->own = xstrdup(oid);
    san->oid = san->own;
    if (strcmp(oid, oid_pkinit) == 0)
        return add_pkinit(certificate, value);
    if (strcmp(oid, oid_upn) == 0)
        add_principal(certificate, CERTMAP_SAN_NT, value.content);
    return strcmp(oid, oid_upn) != 0 || value.tag == DER_UTF8_STRING;
}

static bool add_name(struct certmap_certificate *certificate, struct der name)
{
    switch (name.tag) {
    case DER_CONTEXT_CONSTRUCTED:
        return add_other(certificate, name.content);
    case DER_CONTEXT | 1:
        return add_ascii(certificate, CERTMAP_SAN_EMAIL, name.content);
    case DER_CONTEXT | 2:
        return add_ascii(certificate, CERTMAP_SAN_DNS, name.content);
    case DER_CONTEXT_CONSTRUCTED |
        3: /* x400Address, ediPartyName: SSSD takes no certificate with */
    case DER_CONTEXT_CONSTRUCTED | 5: /* one or crashes; here no rule can use them */
        return true;
    case DER_CONTEXT_CONSTRUCTED | 4:
        return add_directory(certificate, name.content);
    case DER_CONTEXT | 6:
        return add_ascii(certificate, CERTMAP_SAN_URI, name.content);
    case DER_CONTEXT | 7:
        return add_ip(certificate, name.content);
    case DER_CONTEXT | 8:
        return add_registered_id(certificate, name.content);
    default:
        return false;
    }
}

bool certmap_sans_read(struct bytes content, struct certmap_certificate *certificate)
{
    struct reader r = reader_over(content);
    struct reader names = reader_over(der_expect(&r, DER_SEQUENCE).content);
    struct reader count = names;
    size_t n = 0;

    while (reader_left(&count) > 0 && n <= CERTMAP_SANS_MAX) {
        (void)der_next(&count);
        n++;
    }
    if (!reader_ok(&r) || !reader_done(&r) || !reader_ok(&count))
        return false;
    if (n > CERTMAP_SANS_MAX) {
        certificate->sans_why = "too many alternative names";
        return true;
    }
    certificate->sans = xcalloc(PER_NAME * n + 1, sizeof(*certificate->sans));
    while (reader_left(&names) > 0)
        if (!add_name(certificate, der_next(&names)))
            return false;
    return reader_done(&names);
}
