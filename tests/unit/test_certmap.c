/*
 * Rules of SSSD: which texts are refused, what matches, what is filled in, and what may not be
 * used. What SSSD itself says of thousands of pairs is compared in tests/cases/certmap_oracle.c;
 * here stand the traps, among them those at which SSSD crashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs.h"
#include "gatewayd/decide/certmap_warnings.h"
#include "gatewayd/decide/expression.h"

#define B(lit)                                                                                     \
    {                                                                                              \
        (const uint8_t *)(lit), sizeof(lit) - 1                                                    \
    }

static const struct {
    const char *name, *text;
    const char *says; /* NULL: accepted */
} match_texts[] = {
    {"with its type", "KRB5:<EKU>clientAuth", NULL},
    {"without a type", "<EKU>clientAuth", NULL},
    {"with an empty type", ":<EKU>clientAuth", NULL},
    {"a relation", "KRB5:||<EKU>clientAuth<KU>keyAgreement", NULL},
    {"no condition at all", "KRB5:", NULL},
    {"the beginning of a kind", "<SAN:r>a", NULL},
    {"an OID as a kind", "<SAN:1.2.3>a", NULL},
    {"no kind is Principal", "<SAN:>a", NULL},
    {"usages in any case with blanks", "<EKU> CLIENTAUTH , 1.2.3", NULL},
    {"another type", "LDAP:<EKU>clientAuth", "type KRB5"},
    {"a type in small letters", "krb5:<EKU>clientAuth", "begins with <"},
    {"a half relation", "&<EKU>clientAuth", "begins with <"},
    {"text in front", "x<EKU>clientAuth", "begins with <"},
    {"a key in small letters", "<eku>clientAuth", "no such condition"},
    {"a < in a value", "<SUBJECT>a<b", "a value cannot hold <"},
    {"an empty value", "<SUBJECT><EKU>clientAuth", "without a value"},
    {"an empty value at the end", "<SUBJECT>", "without a value"},
    {"an unknown usage", "<KU>digital", "no such key usage"},
    {"a usage as a number", "<KU>128", "no such key usage"},
    {"an unknown extended usage", "<EKU>client", "no such extended"},
    {"an OID that ends with a dot", "<EKU>1.2.", "no such extended"},
    {"a number that is no OID", "<EKU>12", "no such extended"},
    {"a list at which SSSD crashes", "<EKU>,", "a list of nothing"},
    {"blanks at which SSSD crashes", "<EKU> ", "a list of nothing"},
    {"a broken expression", "<SUBJECT>(", "malformed expression"},
    {"an unknown kind", "<SAN:what>a", "no such kind"},
    {"more than the name of a kind", "<SAN:rfc822Names>a", "no such kind"},
    {"a kind without an end", "<SAN:rfc822Name", "without an end"},
    {"octets that are no base64", "<SAN:otherName>!!!!", "not base64"},
    {"exponential time", "<SUBJECT>(a*)*\\1", "back reference"},
    {"memory without bound", "<SUBJECT>((a{99}){99}){99}", "too costly"},
};

static void test_match_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(match_texts); i++) {
        AUTO(certmap_match_freep) struct certmap_match *match = NULL;
        struct error err = {.detail = "accepted"};
        bool good = certmap_match_parse(match_texts[i].text, &match, &err);

        if (good != !match_texts[i].says || (!good && !strstr(err.detail, match_texts[i].says)))
            fail_msg("%s: %s", match_texts[i].name, err.detail);
    }
}

static const struct {
    const char *name, *text;
    const char *says;
} map_texts[] = {
    {"with its type", "LDAP:(userCertificate;binary={cert!bin})", NULL},
    {"without a type", "(mail={subject_rfc822_name})", NULL},
    {"newer values", "LDAPU1:{serial_number!hex_ucr}{sid.rid}{cert!sha256}", NULL},
    {"braces", "LDAP:{{x}}", NULL},
    {"nothing", "LDAP:", NULL},
    {"a mark without more", "LDAP:{cert!}{cert.}", NULL},
    {"a lone brace ends a value", "LDAP:cert}", NULL},
    {"letters twice", "LDAPU1:{serial_number!HEX_uu}", NULL},
    {"a number with a plus", "LDAPU1:{subject_dn_component.[ +1]}", NULL},
    {"another type", "KRB5:x", "type LDAP or LDAPU1"},
    {"a newer value without U1", "LDAP:{serial_number}", "some need LDAPU1"},
    {"a digest without U1", "LDAP:{cert!sha256}", "some need LDAPU1"},
    {"no closing brace", "LDAP:{cert", "no closing brace"},
    {"a brace in a name", "LDAP:{cert{", "a brace in a name"},
    {"two braces in a name", "LDAP:{cert}}", "two braces"},
    {"an empty name", "LDAP:{}", "no such value"},
    {"an unknown name", "LDAP:{subject}", "no such value"},
    {"an unknown part", "LDAP:{subject_rfc822_name.domain}", "no such value"},
    {"a part where there is none", "LDAP:{subject_uri.short_name}", "no such value"},
    {"an unknown conversion", "LDAP:{subject_dn!openldap}", "no such value"},
    {"a conversion in another case", "LDAP:{cert!BIN}", "no such value"},
    {"two dots", "LDAPU1:{subject_dn_component.2.5.4.3}", "one \".\""},
    {"two marks", "LDAP:{cert!bin!bin}", "one \".\""},
    {"a dot in front", "LDAP:{.cert}", "one \".\""},
    {"a part behind a conversion", "LDAP:{cert!bin.x}", "no such value"},
    {"component 0", "LDAPU1:{subject_dn_component.[0]}", "no such value"},
    {"a component out of all bounds", "LDAPU1:{subject_dn_component.[99999999999]}", "no such"},
    {"text behind a component's number", "LDAPU1:{subject_dn_component.cn[1]x}", "no such value"},
    {"letters behind dec", "LDAPU1:{serial_number!dec_u}", "no such value"},
    {"an unknown letter", "LDAPU1:{serial_number!hex_x}", "no such value"},
    {"dec of a key identifier", "LDAPU1:{subject_key_id!dec}", "no such value"},
    {"a signature as a digest", "LDAPU1:{cert!RSA-SHA256}", "no such value"},
    {"most of a digest's name", "LDAPU1:{cert!sha25x_u}", "no such value"},
};

static void test_map_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(map_texts); i++) {
        AUTO(certmap_map_freep) struct certmap_map *map = NULL;
        struct error err = {.detail = "accepted"};
        bool good = certmap_map_parse(map_texts[i].text, &map, &err);

        if (good != !map_texts[i].says || (!good && !strstr(err.detail, map_texts[i].says)))
            fail_msg("%s: %s", map_texts[i].name, err.detail);
    }
}

/* --- certificates ----------------------------------------------------------------------------- */

struct spec {
    struct cert_spec base;
    struct bytes sid;      /* the octets of the extension with the SID */
    const char *key_usage; /* as openssl.cnf */
};

#define SID_1                                                                                      \
    "\xa0\x1b\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x19\x02\x01\xa0\x0d\x04\x0b"                     \
    "S-1-5-21-42"
#define ALICE .subject = {{"O", .value = "Corp"}, {"CN", .value = "alice"}}

static void add_sid(X509 *x509, struct bytes octets)
{
    ASN1_OBJECT *type = OBJ_txt2obj("1.3.6.1.4.1.311.25.2", 1);
    ASN1_OCTET_STRING *string = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;

    ASN1_OCTET_STRING_set(string, octets.at, (int)octets.len);
    extension = X509_EXTENSION_create_by_OBJ(NULL, type, 0, string);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(string);
    ASN1_OBJECT_free(type);
}

static struct bytes make(const struct spec *spec)
{
    struct bytes der = cert_make(&spec->base);
    const unsigned char *at = der.at;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
    unsigned char *out = NULL;
    int len;

    assert_non_null(x509);
    if (spec->key_usage)
        cert_extension(x509, NID_key_usage, spec->key_usage);
    if (spec->sid.len)
        add_sid(x509, spec->sid);
    X509_sign(x509, cert_key(), EVP_sha256());
    len = i2d_X509(x509, &out);
    X509_free(x509);
    OPENSSL_free((void *)der.at);
    return (struct bytes){out, (size_t)len};
}

static const struct {
    const char *name;
    struct spec spec;
    const char *match;
    bool holds;
    enum reason reason; /* OK: as holds says */
} matches[] = {
    {"subject, leaf first", {{ALICE}}, "<SUBJECT>^CN=alice,O=Corp$", true, 0},
    {"unanchored", {{ALICE}}, "<SUBJECT>lic", true, 0},
    {"case counts", {{ALICE}}, "<SUBJECT>ALICE", false, 0},
    {"issuer", {{ALICE}}, "<ISSUER>CN=Users CA,O=Test", true, 0},
    {"both", {{ALICE}}, "<ISSUER>Users<SUBJECT>bob", false, 0},
    {"either", {{ALICE}}, "||<ISSUER>Users<SUBJECT>bob", true, 0},
    {"no condition", {{ALICE}}, "KRB5:", false, 0},
    {"a usage", {{ALICE, .eku = "clientAuth"}}, "<EKU>clientAuth", true, 0},
    {"one of two usages", {{ALICE, .eku = "clientAuth"}}, "<EKU>clientAuth,pkinit", false, 0},
    {"either of two usages", {{ALICE, .eku = "clientAuth"}}, "||<EKU>clientAuth,pkinit", true, 0},
    {"no usages", {{ALICE}}, "<EKU>clientAuth", false, 0},
    {"any usage is none of them",
     {{ALICE, .eku = "anyExtendedKeyUsage"}},
     "<EKU>clientAuth",
     false,
     0},
    {"no key usage fits all", {{ALICE}}, "<KU>keyCertSign,cRLSign", true, 0},
    {"a key usage", {{ALICE}, .key_usage = "digitalSignature"}, "<KU>digitalSignature", true, 0},
    {"another key usage", {{ALICE}, .key_usage = "digitalSignature"}, "<KU>keyAgreement", false, 0},
    {"decipherOnly", {{ALICE}, .key_usage = "decipherOnly"}, "<KU>decipherOnly", true, 0},
    {"an address", {{ALICE, .san = "email:a@corp.example"}}, "<SAN:rfc822Name>@corp", true, 0},
    {"every address",
     {{ALICE, .san = "email:a@corp.example,email:a@evil.example"}},
     "<SAN:rfc822Name>@corp",
     false,
     0},
    {"no address", {{ALICE, .san = "DNS:corp.example"}}, "<SAN:rfc822Name>.*", false, 0},
    {"a principal of Microsoft",
     {{ALICE, .san = "otherName:msUPN;UTF8:a@CORP"}},
     "<SAN>^a@CORP$",
     true,
     0},
    {"the octets of a principal",
     {{ALICE, .san = "otherName:msUPN;UTF8:a@CORP"}},
     "<SAN:1.3.6.1.4.1.311.20.2.3>^a@CORP",
     false,
     0},
    {"any octets", {{ALICE, .san = "otherName:1.2.3;UTF8:alice"}}, "<SAN:o>YWxpY2U=", true, 0},
    {"other octets", {{ALICE, .san = "otherName:1.2.3;UTF8:bob"}}, "<SAN:o>YWxpY2U=", false, 0},
    {"stringOtherName by its name",
     {{ALICE, .san = "otherName:1.2.3;UTF8:alice"}},
     "<SAN:stringOtherName>alice",
     false,
     0},
    {"an X.400 address is no obstacle",
     {{ALICE, .san_der = B("\x30\x04\xa3\x02\x30\x00"), .eku = "clientAuth"}},
     "<EKU>clientAuth",
     true,
     0},
    {"and no value",
     {{ALICE, .san_der = B("\x30\x04\xa3\x02\x30\x00")}},
     "<SAN:x400Address>MAA=",
     false,
     0},
    {"a NUL that is looked at",
     {{ALICE, .san_der = B("\x30\x0a\x81\x08"
                           "a@b\0evil")}},
     "<SAN:rfc822Name>^a@b$",
     false,
     REASON_BAD_ENCODING},
    {"a NUL that nobody looks at",
     {{ALICE,
       .san_der = B("\x30\x0a\x81\x08"
                    "a@b\0evil"),
       .eku = "clientAuth"}},
     "<EKU>clientAuth",
     true,
     0},
    {"a control character in the subject",
     {{.subject = {{"CN", .value = "a\nb"}}}},
     "<SUBJECT>a",
     false,
     REASON_BAD_ENCODING},
    {"an empty value",
     {{.subject = {{"CN", V_ASN1_UTF8STRING, "a", 1}}, .san_der = B("\x30\x02\x81\x00")}},
     "<SUBJECT>a",
     false,
     REASON_BAD_ENCODING},
    {"two SIDs",
     {{ALICE}, .sid = B("\x30\x3a" SID_1 SID_1)},
     "<SUBJECT>alice",
     false,
     REASON_BAD_ENCODING},
    {"a UPN that is no UTF8String",
     {{ALICE, .san = "otherName:msUPN;IA5:a@CORP"}},
     "<SUBJECT>alice",
     false,
     REASON_BAD_ENCODING},
    {"alternative names cut short",
     {{ALICE, .san_der = B("\x30\x04\x81\x09"
                           "a@")}},
     "<SUBJECT>alice",
     false,
     REASON_BAD_ENCODING},
};

static void test_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
        AUTO(certmap_certificate_freep) struct certmap_certificate *certificate = NULL;
        AUTO(certmap_match_freep) struct certmap_match *match = NULL;
        struct bytes der = make(&matches[i].spec);
        struct error err = {.reason = REASON_OK};
        bool holds = false, good;

        assert_true(certmap_match_parse(matches[i].match, &match, &err));
        good = certmap_certificate_read(der, &certificate, &err) &&
               certmap_match_holds(match, certificate, &holds, &err);
        if (good != (matches[i].reason == REASON_OK) || holds != matches[i].holds ||
            (!good && err.reason != matches[i].reason))
            fail_msg("%s: %d, %s", matches[i].name, holds, good ? "good" : err.detail);
        OPENSSL_free((void *)der.at);
    }
}

static const struct {
    const char *name;
    struct spec spec;
    const char *map;
    const char *filter; /* NULL: refused */
    enum reason reason;
} maps[] = {
    {"an address", {{ALICE, .san = "email:a@b"}}, "(mail={subject_rfc822_name})", "(mail=a@b)", 0},
    {"its first half",
     {{ALICE, .san = "email:a@b"}},
     "(uid={subject_rfc822_name.short_name})",
     "(uid=a)",
     0},
    {"the last of several",
     {{ALICE, .san = "email:a@b,email:c@d"}},
     "{subject_rfc822_name}",
     "c@d",
     0},
    {"what would end a filter is escaped",
     {{.subject = {{"CN", .value = "a)(uid=*"}}}},
     "LDAPU1:(cn={subject_dn_component.cn})",
     "(cn=a\\29\\28uid=\\2a)",
     0},
    {"a backslash twice", {{.subject = {{"CN", .value = "a,b"}}}}, "{subject_dn}", "CN=a\\5c,b", 0},
    {"braces", {{ALICE}}, "{{x}}", "{x}", 0},
    {"nothing", {{ALICE}}, "LDAP:", "", 0},
    {"the spelling of Active Directory",
     {{.subject = {{"ST", .value = "s"}, {"GN", .value = "g"}, {"UID", .value = "u"}}}},
     "{subject_dn!ad_x500}",
     "S=s,G=g,OID.0.9.2342.19200300.100.1.1=u",
     0},
    {"SSSD's comma",
     {{.subject = {{"mail", .value = "m"}}}},
     "{subject_dn!ad}",
     "OID,0.9.2342.19200300.100.1.3=m",
     0},
    {"several in one relative name",
     {{.subject = {{"CN", .value = "a"}, {"UID", .value = "b", .joined = true}}}},
     "{subject_dn!nss_x500}",
     "CN=a,UID=b",
     0},
    {"a type without a name",
     {{.subject = {{"1.2.3.4", .value = "a"}}}},
     "{subject_dn}",
     "UNDEF=a",
     0},
    {"letters that are no ASCII",
     {{.subject = {{"CN", .value = "M\xc3\xbc"}}}},
     "{subject_dn}",
     "CN=M\\5cC3\\5cBC",
     0},
    {"the leaf", {{ALICE}}, "LDAPU1:{subject_dn_component}", "alice", 0},
    {"from the root", {{ALICE}}, "LDAPU1:{subject_dn_component.[-1]}", "Corp", 0},
    {"type and number", {{ALICE}}, "LDAPU1:{subject_dn_component.O[2]}", "Corp", 0},
    {"serial", {{ALICE, .serial = 0x80ff}}, "LDAPU1:{serial_number}", "80ff", 0},
    {"serial, reversed", {{ALICE, .serial = 0x80ff}}, "LDAPU1:{serial_number!hex_ucr}", "FF:80", 0},
    {"serial, decimal", {{ALICE, .serial = 0x80ff}}, "LDAPU1:{serial_number!dec}", "33023", 0},
    {"SID", {{ALICE}, .sid = B("\x30\x1d" SID_1)}, "LDAPU1:{sid}", "S-1-5-21-42", 0},
    {"relative id", {{ALICE}, .sid = B("\x30\x1d" SID_1)}, "LDAPU1:{sid.rid}", "42", 0},
    {"Microsoft's strong form",
     {{.serial = 0x1267}},
     "LDAPU1:(altSecurityIdentities=X509:<I>{issuer_dn!ad_x500}<SR>{serial_number!hex_ur})",
     "(altSecurityIdentities=X509:<I>O=Test,CN=Users\\20CA<SR>6712)",
     0},

    {"no address", {{ALICE}}, "(mail={subject_rfc822_name})", NULL, REASON_NO_VALUE},
    {"no such component", {{ALICE}}, "LDAPU1:{subject_dn_component.uid}", NULL, REASON_NO_VALUE},
    {"another type there", {{ALICE}}, "LDAPU1:{subject_dn_component.cn[2]}", NULL, REASON_NO_VALUE},
    {"not so many", {{ALICE}}, "LDAPU1:{subject_dn_component.[-3]}", NULL, REASON_NO_VALUE},
    {"no subject", {{.serial = 1}}, "LDAPU1:{subject_dn_component}", NULL, REASON_NO_VALUE},
    {"no SID", {{ALICE}}, "LDAPU1:{sid}", NULL, REASON_NO_VALUE},
    {"no SID, where SSSD crashes", {{ALICE}}, "LDAPU1:{sid.rid}", NULL, REASON_NO_VALUE},
    {"no key identifier", {{ALICE}}, "LDAPU1:{subject_key_id}", NULL, REASON_NO_VALUE},
    {"an X.400 address",
     {{ALICE, .san_der = B("\x30\x04\xa3\x02\x30\x00")}},
     "{subject_x400_address}",
     NULL,
     REASON_NO_VALUE},
    {"an IP address",
     {{ALICE, .san = "IP:10.1.2.3"}},
     "{subject_ip_address}",
     NULL,
     REASON_BAD_ENCODING},
    {"a NUL",
     {{ALICE, .san_der = B("\x30\x0a\x81\x08"
                           "a@b\0evil")}},
     "{subject_rfc822_name}",
     NULL,
     REASON_BAD_ENCODING},
    {"a control character",
     {{.subject = {{"CN", .value = "a\nb"}}}},
     "{subject_dn}",
     NULL,
     REASON_BAD_ENCODING},
    {"a SID that is none",
     {{ALICE},
      .sid = B("\x30\x15\xa0\x13\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x19\x02\x01\xa0\x05\x04\x03"
               "*)(")},
     "LDAPU1:{sid}",
     NULL,
     REASON_BAD_ENCODING},
};

static void test_maps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        AUTO(certmap_certificate_freep) struct certmap_certificate *certificate = NULL;
        AUTO(certmap_map_freep) struct certmap_map *map = NULL;
        AUTO(writer_clear) struct writer out = writer_new(65536);
        struct bytes der = make(&maps[i].spec);
        struct error err = {.reason = REASON_OK};
        bool good;

        assert_true(certmap_map_parse(maps[i].map, &map, &err));
        good = certmap_certificate_read(der, &certificate, &err) &&
               certmap_map_expand(map, certificate, true, &out, &err);
        if (good != (maps[i].filter != NULL) || (!good && err.reason != maps[i].reason) ||
            (good && !bytes_equal(writer_bytes(&out), bytes_of(maps[i].filter))))
            fail_msg("%s: %.*s", maps[i].name, good ? (int)out.len : 200,
                     good ? (const char *)out.at : err.detail);
        OPENSSL_free((void *)der.at);
    }
}

/* --- warnings --------------------------------------------------------------------------------- */

static const struct {
    const char *match, *map;
    const char *names; /* in order, with a blank behind each */
} warnings[] = {
    {"<EKU>clientAuth", "LDAP:(userCertificate;binary={cert!bin})", ""},
    {"<SUBJECT>^CN=[a-z]+$<EKU>clientAuth", "LDAPU1:{serial_number}", ""},
    {"<SUBJECT>CN=a$<EKU>clientAuth", "x", "unanchored "},
    {"<SUBJECT>^a|b$<EKU>clientAuth", "x", "branches "},
    {"<SUBJECT>^(a|b)$<EKU>clientAuth", "x", ""},
    {"<ISSUER>^CN=CA$<EKU>clientAuth", "x", "issuer-text "},
    {"KRB5:", "x", "never "},
    {"<SUBJECT>^a$", "x", "no-eku "},
    {"||<SUBJECT>^a$<EKU>clientAuth", "x", "any "},
    {"<SAN:r>^a$<EKU>clientAuth", "x", "san-all san-prefix "},
    {"<KU>digitalSignature<EKU>clientAuth", "x", "ku-absent "},
    {"<KU>,<EKU>clientAuth", "x", "ku-absent ku-nothing "},
    {"<SAN:1.2.3>^a$<EKU>clientAuth", "x", "san-all other-der "},
    {"<SAN:otherName>YWxpY2U=<EKU>clientAuth", "x", "san-all other-anywhere "},
    {"<SAN:ediPartyName>YWxpY2U=<EKU>clientAuth", "x", "san-all never "},
    {"<SAN:iPAddress>^a$<EKU>clientAuth", "x", "san-all ip-octets "},
    {"<EKU>clientAuth", "{subject_nt_principal.short_name}", "last-name short-name "},
    {"<EKU>clientAuth", "LDAPU1:{subject_dn_component.ou}", "first-component "},
    {"<EKU>clientAuth", "LDAPU1:{subject_dn_component.ou[2]}", ""},
    {"<EKU>clientAuth", "{issuer_dn}", "flat-name "},
    {"<EKU>clientAuth", "{subject_x400_address}", "last-name no-value "},
    {"<EKU>clientAuth", "{subject_ip_address}", "last-name ip-octets "},
    {"<EKU>clientAuth", "LDAPU1:{subject_key_id}", "key-id "},
    {"<EKU>clientAuth", "LDAPU1:{sid.rid}", "rid "},
    {"<EKU>clientAuth", "LDAPU1:{cert!sha1}{cert!sha256}", "weak-digest "},
};

static void collect(void *context, const char *name, const char *text, const char *value)
{
    assert_true(strlen(text) > 0 && value);
    writer_printf(context, "%s ", name);
}

static void test_warnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(warnings); i++) {
        AUTO(certmap_match_freep) struct certmap_match *match = NULL;
        AUTO(certmap_map_freep) struct certmap_map *map = NULL;
        AUTO(writer_clear) struct writer out = writer_new(4096);
        struct error err;

        assert_true(certmap_match_parse(warnings[i].match, &match, &err));
        assert_true(certmap_map_parse(warnings[i].map, &map, &err));
        certmap_warnings(match, map, collect, &out);
        writer_u8(&out, '\0');
        assert_string_equal(out.at, warnings[i].names);
    }
}

static const struct {
    const char *text;
    bool risk;
} expressions[] = {
    {"^CN=[a-z]+,OU=(users|guests),O=Corp$", false},
    {"a{200}", false},
    {"(a{10}b{10}){10}", false},
    {"[](){}*+?]+", false},
    {"[^]a]{3}", false},
    {"[[:alpha:]*]{3}", false},
    {"a{,3}", false},
    {"\\(a\\)\\{99\\}", false},
    {"(a)\\1", true},
    {"(a{99}){99}", true},
    {"((((((((((((x+)+)+)+)+)+)+)+)+)+)+)+)+", true},
    {"a{32767}", true},
    {"a{1,32767}", true},
    {"a{99999999999999999999}", true},
    {"((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))", true},
};

static void test_expressions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expressions); i++)
        if ((expression_risk(expressions[i].text) != NULL) != expressions[i].risk)
            fail_msg("%s", expressions[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match_texts), cmocka_unit_test(test_map_texts),
        cmocka_unit_test(test_matches),     cmocka_unit_test(test_maps),
        cmocka_unit_test(test_warnings),    cmocka_unit_test(test_expressions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
