/*
 * Texts of rules for the comparison with SSSD: grammar first, then a few strokes of bad luck.
 */
#include "certmap_maker.h"

#define PICK(dice, table) (table)[dice_roll(dice, ARRAY_LEN(table))]
/* Behind NULL stands what is no good, and seldom wanted. */
#define PICK_GOOD(dice, table) pick_good(dice, table, ARRAY_LEN(table))

static const char *pick_good(struct dice *dice, const char *const *table, size_t n)
{
    unsigned n_good = 0;

    while (table[n_good])
        n_good++;
    if (dice_percent(dice, 88))
        return table[dice_roll(dice, n_good)];
    return table[n_good + 1 + dice_roll(dice, (unsigned)n - n_good - 1)];
}

static const char *const expressions[] = {
    "CN=",
    "^CN=alice",
    "alice",
    "O=Corp",
    ",O=Corp$",
    ".*",
    "^.*$",
    "[a-z]+@",
    "@corp\\.example$",
    "(alice|bob)",
    "\\\\C3",
    "a{2}",
    "x*",
    "Corp",
    "e",
    "DC=example",
    "^$",
    "S=|T=",
    "spiffe://",
    "[[:alpha:]]+",
    "UNDEF=",
    "E=",
    "^host/",
    "EXAMPLE$",
    "1\\.2",
    "ABCD",
    "klm",
    "^\\.",
    "[^,]*",
    "CN=[^,]+,OU=",
    "a\\+b",
    "x?",
    NULL,
    "(",
    ")",
    "[",
    "a{1",
    "*a",
    "a**",
    "+",
    "a|",
    "^*",
    "\\",
    "a{3,1}",
    "[b-a]",
    "[[:nothing:]]",
    "()",
    "a{,2}",
    "(a)\\1",
    "(a{99}){99}",
    "((x+)+)+(y{200}){90}",
};

static const char *const key_usages[] = {
    "digitalSignature",
    "DIGITALSIGNATURE",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
    "digitalSignature,keyEncipherment",
    " digitalSignature , cRLSign ",
    ",digitalSignature",
    "digitalSignature,",
    ",",
    " ",
    NULL,
    "128",
    "digital",
    "digitalSignature keyAgreement",
};

static const char *const usages[] = {
    "clientAuth",
    "CLIENTAUTH",
    "serverAuth",
    "codeSigning",
    "emailProtection",
    "timeStamping",
    "OCSPSigning",
    "KPClientAuth",
    "pkinit",
    "msScLogin",
    "1.2.3.4",
    "1.3.6.1.5.5.7.3.2",
    "clientAuth,pkinit",
    "clientAuth, 1.2.3.4",
    " clientAuth",
    "clientAuth,",
    NULL,
    "1.2.",
    ".1.2",
    "12",
    "1..2",
    "client",
    "clientAuth,x",
    "2.5.29.37.0",
    "01.2.3.4",
    ",",
    " ",
};

static const char *const san_options[] = {
    ">",
    ":rfc822Name>",
    ":RFC822NAME>",
    ":r>",
    ":re>",
    ":dNSName>",
    ":d>",
    ":directoryName>",
    ":di>",
    ":uniformResourceIdentifier>",
    ":u>",
    ":iPAddress>",
    ":i>",
    ":registeredID>",
    ":pkinitSAN>",
    ":p>",
    ":ntPrincipalName>",
    ":n>",
    ":Principal>",
    ":pr>",
    ":stringOtherName>",
    ":s>",
    ":1.2.3.4>",
    ":1.3.6.1.5.2.2>",
    ":>",
    ":otherName>",
    ":o>",
    ":x400Address>",
    ":ediPartyName>",
    NULL,
    ":rfc822Names>",
    ":what>",
    ":1>",
    ":1.>",
    ":.1>",
    ":rfc822Name",
    "rfc822Name>",
};

static const char *const base64s[] = {
    "YWxpY2U=", "a2xt", "b2N0ZXRz", "DAlrbG0=", "YWxpY2U", "YWxp",
    NULL,       "!!!!", "====",     "YQ==",     "a b c d", "YWxpY2U=YWxpY2U=",
};

static void put_value(struct dice *dice, struct writer *out, const char *key)
{
    if (strcmp(key, "<KU>") == 0)
        writer_text(out, PICK_GOOD(dice, key_usages));
    else if (strcmp(key, "<EKU>") == 0)
        writer_text(out, PICK_GOOD(dice, usages));
    else
        for (unsigned n = 1 + dice_roll(dice, 2); n > 0; n--)
            writer_text(out, PICK_GOOD(dice, expressions));
}

static void put_condition(struct dice *dice, struct writer *out)
{
    static const char *const keys[] = {"<ISSUER>", "<SUBJECT>", "<SUBJECT>", "<KU>", "<EKU>",
                                       "<EKU>",    "<SAN",      "<SAN",      "<SAN"};
    const char *key = PICK(dice, keys);

    writer_text(out, key);
    if (strcmp(key, "<SAN") == 0) {
        const char *option = PICK_GOOD(dice, san_options);
        bool octets = strchr("ox", option[1]) || strncmp(option, ":e", 2) == 0;

        writer_text(out, option);
        if (octets && dice_percent(dice, 90)) {
            writer_text(out, PICK_GOOD(dice, base64s));
            return;
        }
    }
    put_value(dice, out, key);
}

/* Changes, removes or doubles a character, now and then. */
static void spoil(struct dice *dice, struct writer *out)
{
    static const char strokes[] = "<>&|:,.![](){}*+?^$\\ aKRLDAPU15_";
    size_t at;

    if (out->len == 0 || !dice_percent(dice, 8))
        return;
    at = dice_roll(dice, (unsigned)out->len);
    if (dice_percent(dice, 30)) {
        memmove(out->at + at, out->at + at + 1, out->len - at - 1);
        writer_truncate(out, out->len - 1);
    } else {
        out->at[at] = (uint8_t)strokes[dice_roll(dice, sizeof(strokes) - 1)];
    }
}

void make_match(struct dice *dice, struct writer *out)
{
    static const char *const types[] = {"KRB5:", "KRB5:", "KRB5:", "KRB5:", "",      "",    "",
                                        "",      ":",     "KRB4:", "krb5:", "LDAP:", "KRB5"};
    static const char *const relations[] = {"",   "",   "",   "",  "",    "&&",
                                            "||", "||", "||", "&", "&&||"};

    writer_text(out, PICK(dice, types));
    writer_text(out, PICK(dice, relations));
    for (unsigned n = dice_percent(dice, 3) ? 0 : 1 + dice_roll(dice, 3); n > 0; n--)
        put_condition(dice, out);
    spoil(dice, out);
    writer_u8(out, '\0');
}

/* --- mapping ---------------------------------------------------------------------------------- */

static const char *const fields[] = {
    "issuer_dn",
    "subject_dn",
    "cert",
    "subject_rfc822_name",
    "subject_dns_name",
    "subject_x400_address",
    "subject_directory_name",
    "subject_ediparty_name",
    "subject_uri",
    "subject_ip_address",
    "subject_registered_id",
    "subject_pkinit_principal",
    "subject_nt_principal",
    "subject_principal",
    "serial_number",
    "subject_key_id",
    "subject_dn_component",
    "issuer_dn_component",
    "sid",
    NULL,
    "subject",
    "",
};

static const char *const parts[] = {
    ".short_name",
    ".SHORT_NAME",
    ".cn",
    ".CN",
    ".E",
    ".uid",
    ".ou",
    ".givenName",
    ".[1]",
    ".[2]",
    ".[-1]",
    ".[-2]",
    ".[0]",
    ".[ +1]",
    ".[99]",
    ".cn[1]",
    ".cn[-1]",
    ".o[2]",
    ".[1",
    ".[]",
    ".[a]",
    ".cn[1]x",
    ".[99999999999]",
    ".[-2147483648]",
    ".rid",
    ".",
    ".a.b",
    ".UNDEF",
    ".]",
};

static const char *const conversions[] = {
    "!ad",
    "!ad_x500",
    "!ad_ldap",
    "!nss",
    "!nss_x500",
    "!nss_ldap",
    "!bin",
    "!base64",
    "!hex",
    "!HEX",
    "!hex_u",
    "!hex_ucr",
    "!hex_rr",
    "!hex_",
    "!hex_x",
    "!dec",
    "!DEC",
    "!dec_u",
    "!sha256",
    "!SHA256",
    "!sha1",
    "!sha",
    "!md5",
    "!sha512-256",
    "!sha3-256",
    "!blake2b512",
    "!shake128",
    "!RSA-SHA256",
    "!sha256WithRSAEncryption",
    "!ripemd160",
    "!rmd160",
    "!ssl3-sha1",
    "!md5-sha1",
    "!sm3",
    "!whirlpool",
    "!md4",
    "!null",
    "!sha2566",
    "!",
    "!a!b",
    "!bin.x",
    "!AD",
    "!id-sha256",
};

static const char *const literals[] = {
    "(",
    ")",
    "mail=",
    "(uid=",
    "x",
    "(&(objectClass=person)",
    "(altSecurityIdentities=X509:<I>",
    "<S>",
    "<SR>",
    "{{",
    "}}",
    " ",
    "(userCertificate;binary=",
    "*",
    "\\2a",
};

static void put_field(struct dice *dice, struct writer *out)
{
    writer_text(out, "{");
    writer_text(out, PICK_GOOD(dice, fields));
    if (dice_percent(dice, 35))
        writer_text(out, PICK(dice, parts));
    if (dice_percent(dice, 40))
        writer_text(out, PICK(dice, conversions));
    writer_text(out, "}");
}

void make_map(struct dice *dice, struct writer *out)
{
    static const char *const types[] = {
        "LDAP:", "LDAP:", "LDAPU1:", "LDAPU1:", "LDAPU1:", "LDAPU1:", "", ":", "LDAPU2:", "ldap:"};

    writer_text(out, PICK(dice, types));
    for (unsigned n = 1 + dice_roll(dice, 4); n > 0; n--) {
        if (dice_percent(dice, 50))
            writer_text(out, PICK(dice, literals));
        if (dice_percent(dice, 60))
            put_field(dice, out);
    }
    spoil(dice, out);
    writer_u8(out, '\0');
}
