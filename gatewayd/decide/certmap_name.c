/*
 * Names of certificates in the forms of SSSD. decide and gatewayctl run it on octets that an issuer
 * chose. Types are called what OpenSSL's table calls them, as SSSD does; no other code of OpenSSL
 * is used, and strings that are none of their type are faults instead of being shown in hex.
 */
#include "gatewayd/decide/certmap_name.h"

#include "common/text.h"
#include "gatewayd/decide/dn.h"
#include "gatewayd/shared/messages.h"
#include "gatewayd/shared/xalloc.h"

#include <openssl/objects.h>
#include <strings.h>

/* Where the three spellings of a type differ. The comma in "OID,0.9..." is SSSD's. */
static const struct {
    const char *openssl, *nss, *ad;
} spellings[] = {
    {"ST", "ST", "S"},
    {"serialNumber", "serialNumber", "SERIALNUMBER"},
    {"title", "title", "T"},
    {"GN", "givenName", "G"},
    {"initials", "initials", "I"},
    {"generationQualifier", "generationQualifier", "OID.2.5.4.44"},
    {"mail", "MAIL", "OID,0.9.2342.19200300.100.1.3"},
    {"UID", "UID", "OID.0.9.2342.19200300.100.1.1"},
    {"description", "OID.2.5.4.13", "Description"},
    {"postalAddress", "postalAddress", "OID.2.5.4.16"},
    {"postalCode", "postalCode", "PostalCode"},
    {"postOfficeBox", "postOfficeBox", "POBox"},
    {"houseIdentifier", "houseIdentifier", "OID.2.5.4.51"},
    {"emailAddress", "E", "E"},
    {"street", "STREET", "STREET"},
    {"pseudonym", "pseudonym", "OID.2.5.4.65"},
    {"businessCategory", "businessCategory", "OID.2.5.4.15"},
    {"name", "name", "OID.2.5.4.41"},
};

static const struct {
    const char *word;
    struct certmap_name_form form;
} forms[] = {
    {"nss", {.ad = false, .x500 = false}},     {"nss_ldap", {.ad = false, .x500 = false}},
    {"nss_x500", {.ad = false, .x500 = true}}, {"ad", {.ad = true, .x500 = true}},
    {"ad_ldap", {.ad = true, .x500 = false}},  {"ad_x500", {.ad = true, .x500 = true}},
};

bool certmap_name_form(struct bytes text, struct certmap_name_form *ret_form)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (!bytes_equal(text, bytes_of(forms[i].word)))
            continue;
        *ret_form = forms[i].form;
        return true;
    }
    return false;
}

static const char *nss_type(const char *oid)
{
    const char *name = OBJ_nid2sn(OBJ_txt2nid(oid));

    for (size_t i = 0; name && i < ARRAY_LEN(spellings); i++)
        if (strcmp(spellings[i].openssl, name) == 0)
            return spellings[i].nss;
    return name ? name : "UNDEF";
}

static const char *ad_type(const char *nss)
{
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
        if (strcmp(spellings[i].nss, nss) == 0)
            return spellings[i].ad;
    return nss;
}

/* --- values ----------------------------------------------------------------------------------- */

/* T61String as everybody but ITU-T writes it: ISO 8859-1. */
static void latin1(struct bytes content, struct writer *out)
{
    for (size_t i = 0; i < content.len; i++) {
        uint8_t c = content.at[i];

        if (c >= 0x80)
            writer_u8(out, (uint8_t)(0xc0 | c >> 6));
        writer_u8(out, c >= 0x80 ? (uint8_t)(0x80 | (c & 0x3f)) : c);
    }
}

static const char *decode(struct der value, struct writer *out)
{
    if (value.tag == DER_TELETEX_STRING)
        latin1(value.content, out);
    else if (!der_string(value.tag, value.content, out))
        return "not a string of its type";
    return text_is_clean(writer_bytes(out)) ? NULL : "a NUL or a control character";
}

/* OpenSSL, and so SSSD, takes no certificate with a name of broken UTF-8 or of half characters. */
static bool is_broken(struct der value)
{
    AUTO(writer_clear) struct writer out = writer_new(MESSAGE_CERTIFICATE_MAX * 2);

    if (value.tag == DER_BMP_STRING || value.tag == DER_UNIVERSAL_STRING)
        return !der_string(value.tag, value.content, &out);
    if (value.tag != DER_UTF8_STRING)
        return false;
    for (size_t i = 0; i < value.content.len; i++) {
        uint8_t c = value.content.at[i];

        writer_u8(&out, c < 0x20 || c == 0x7f ? 'x' : c);
    }
    return !text_is_clean(writer_bytes(&out));
}

/* Everything that is no ASCII is escaped. The last character's rule replaces the first one's, so
 * that a lone "#" stays as it is. */
static void escape(struct bytes text, struct writer *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool last = i == text.len - 1, first = i == 0 && !last;

        if (c >= 0x7f || c < 0x20) {
            writer_u8(out, '\\');
            writer_u8(out, digits[c >> 4]);
            writer_u8(out, digits[c & 15]);
            continue;
        }
        if (strchr("\"+,;<>\\", c) || (c == '#' && first) || (c == ' ' && (first || last)))
            writer_u8(out, '\\');
        writer_u8(out, c);
    }
}

static bool add_component(struct certmap_name *name, const struct dn_component *from)
{
    AUTO(writer_clear) struct writer plain = writer_new(CERTMAP_NAME_MAX);
    struct writer escaped = writer_new(CERTMAP_NAME_MAX);
    struct certmap_component *component;
    char oid[DER_OID_TEXT_MAX];
    size_t len;

    if (from->value.content.len == 0 || is_broken(from->value) ||
        name->n == CERTMAP_COMPONENTS_MAX || !der_oid_text(from->oid, oid))
        return false;
    name->at = xrealloc(name->at, name->n + 1, sizeof(*name->at));
    component = &name->at[name->n++];
    *component =
        (struct certmap_component){.type = nss_type(oid), .why = decode(from->value, &plain)};
    escape(writer_bytes(&plain), &escaped);
    writer_u8(&escaped, '\0');
    component->value = (char *)writer_take(&escaped, &len);
    if (!component->value || !writer_ok(&plain)) {
        component->why = "too long";
        free(component->value);
        component->value = xstrdup("");
    }
    if (!name->why)
        name->why = component->why;
    return true;
}

bool certmap_name_read(struct bytes content, struct certmap_name *ret_name)
{
    struct certmap_name name = {.n = 0};
    struct dn_walk walk = dn_walk(content);
    struct dn_component component;
    bool good = true;

    while (good && dn_next(&walk, &component))
        good = add_component(&name, &component);
    if (!good || !dn_walk_ok(&walk)) {
        certmap_name_clear(&name);
        return false;
    }
    *ret_name = name;
    return true;
}

void certmap_name_clear(struct certmap_name *name)
{
    for (size_t i = 0; i < name->n; i++)
        free(name->at[i].value);
    free(name->at);
    *name = (struct certmap_name){.n = 0};
}

void certmap_name_text(const struct certmap_name *name, struct certmap_name_form form,
                       struct writer *out)
{
    for (size_t i = 0; i < name->n; i++) {
        const struct certmap_component *component = &name->at[form.x500 ? i : name->n - 1 - i];

        if (i > 0)
            writer_u8(out, ',');
        writer_text(out, form.ad ? ad_type(component->type) : component->type);
        writer_u8(out, '=');
        writer_text(out, component->value);
    }
}

static const struct certmap_component *first_of(const struct certmap_name *name, const char *type)
{
    for (size_t i = name->n; i-- > 0;)
        if (strcasecmp(name->at[i].type, type) == 0)
            return &name->at[i];
    return NULL;
}

const struct certmap_component *certmap_name_component(const struct certmap_name *name,
                                                       const char *type, int number)
{
    int64_t n = (int64_t)name->n, at = number > 0 ? n - number : -(int64_t)number - 1;

    if (number == 0 && type)
        return first_of(name, type);
    if (number == 0)
        at = n - 1;
    if (at < 0 || at >= n || (type && strcasecmp(name->at[at].type, type) != 0))
        return NULL;
    return &name->at[at];
}
