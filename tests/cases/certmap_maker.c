/*
 * Certificates for the comparison with SSSD, put together from tables of names and values.
 */
#include "certmap_maker.h"

#include "gatewayd/decide/der.h"

#include <openssl/objects.h>

enum { MADE_MAX = 65536 };

/* Rows of octets, with what is odd about them. */
#define TEXT(tag_, lit)                                                                            \
    {                                                                                              \
        tag_, lit, sizeof(lit) - 1, NULL                                                           \
    }
#define ODD(tag_, lit, why)                                                                        \
    {                                                                                              \
        tag_, lit, sizeof(lit) - 1, why                                                            \
    }
#define ROW(lit)                                                                                   \
    {                                                                                              \
        lit, sizeof(lit) - 1, NULL                                                                 \
    }

unsigned dice_roll(struct dice *dice, unsigned n)
{
    dice->state ^= dice->state << 13;
    dice->state ^= dice->state >> 7;
    dice->state ^= dice->state << 17;
    return (unsigned)(dice->state >> 33) % n;
}

bool dice_percent(struct dice *dice, unsigned percent)
{
    return dice_roll(dice, 100) < percent;
}

/* --- DER -------------------------------------------------------------------------------------- */

static void put_element(struct writer *out, uint8_t tag, struct bytes content)
{
    writer_u8(out, tag);
    if (content.len >= 0x100) {
        writer_u8(out, 0x82);
        writer_u16(out, (uint16_t)content.len);
    } else {
        if (content.len >= 0x80)
            writer_u8(out, 0x81);
        writer_u8(out, (uint8_t)content.len);
    }
    writer_put(out, content);
}

/* Puts the content into an element and forgets it. */
static void wrap(struct writer *out, uint8_t tag, struct writer *content)
{
    put_element(out, tag, writer_bytes(content));
    writer_reset(content);
}

static void put_oid(struct writer *out, const char *dotted)
{
    ASN1_OBJECT *object = OBJ_txt2obj(dotted, 1);

    if (!object)
        abort();
    put_element(out, DER_OID, (struct bytes){OBJ_get0_data(object), OBJ_length(object)});
    ASN1_OBJECT_free(object);
}

/* --- names ------------------------------------------------------------------------------------ */

/* Every row of SSSD's table, some that only OpenSSL knows, and some that nobody does. */
static const char *const types[] = {
    "2.5.4.3",
    "2.5.4.3",
    "2.5.4.3",
    "2.5.4.11",
    "2.5.4.10",
    "0.9.2342.19200300.100.1.25",
    "0.9.2342.19200300.100.1.1",
    "2.5.4.8",
    "2.5.4.46",
    "2.5.4.6",
    "2.5.4.5",
    "2.5.4.7",
    "2.5.4.12",
    "2.5.4.4",
    "2.5.4.42",
    "2.5.4.43",
    "2.5.4.44",
    "0.9.2342.19200300.100.1.3",
    "2.5.4.13",
    "2.5.4.16",
    "2.5.4.17",
    "2.5.4.18",
    "2.5.4.51",
    "1.2.840.113549.1.9.1",
    "2.5.4.9",
    "2.5.4.65",
    "2.5.4.15",
    "2.5.4.41",
    "2.5.4.97",
    "2.5.4.45",
    "1.3.6.1.4.1.311.60.2.1.3",
    "1.2.3.4",
    "2.999.7",
};

static const struct {
    uint8_t tag;
    const char *octets;
    size_t len;
    const char *odd;
} values[] = {
    TEXT(DER_UTF8_STRING, "alice"),
    TEXT(DER_UTF8_STRING, "bob"),
    TEXT(DER_PRINTABLE_STRING, "Corp"),
    TEXT(DER_UTF8_STRING, "Corp, Inc."),
    TEXT(DER_UTF8_STRING, "a+b=c;d"),
    TEXT(DER_UTF8_STRING, "<\"x\">\\y"),
    TEXT(DER_UTF8_STRING, " lead and trail "),
    TEXT(DER_UTF8_STRING, " "),
    TEXT(DER_UTF8_STRING, "#hash"),
    TEXT(DER_UTF8_STRING, "#"),
    TEXT(DER_UTF8_STRING, "a#"),
    TEXT(DER_UTF8_STRING, "M\xc3\xbcller"),
    TEXT(DER_UTF8_STRING, "\xf0\x9f\x94\x91 key"),
    TEXT(DER_UTF8_STRING, "(star*)"),
    TEXT(DER_UTF8_STRING, "{brace}"),
    TEXT(DER_IA5_STRING, "example"),
    TEXT(DER_IA5_STRING, "alice@corp.example"),
    TEXT(DER_TELETEX_STRING, "M\xfcller"),
    TEXT(DER_TELETEX_STRING, "plain"),
    TEXT(DER_BMP_STRING, "\0M\0\xfc\0l"),
    TEXT(DER_BMP_STRING, "\0#"),
    TEXT(DER_UNIVERSAL_STRING, "\0\0\0A\0\1\xf5\x11"),
    TEXT(DER_NUMERIC_STRING, "0815"),
    TEXT(DER_PRINTABLE_STRING, "DE"),
    TEXT(DER_UTF8_STRING, "users"),
    ODD(DER_UTF8_STRING, "nul\0inside", "a NUL in a name"),
    ODD(DER_UTF8_STRING, "tab\there", "a control character in a name"),
    ODD(DER_UTF8_STRING, "bad\xff", "malformed UTF-8 in a name"),
    ODD(DER_PRINTABLE_STRING, "M\xfc", "8-bit octets in a PrintableString"),
    ODD(DER_BMP_STRING, "\0a\0", "half a character"),
    ODD(DER_BIT_STRING, "\0ab", "no string at all"),
    ODD(DER_UTF8_STRING, "", "an empty value"),
};
enum { GOOD_VALUES = 25 };

static void put_component(struct dice *dice, struct writer *out, struct made_certificate *made)
{
    size_t i = dice_roll(dice, dice_percent(dice, 1) ? ARRAY_LEN(values) : GOOD_VALUES);
    AUTO(writer_clear) struct writer pair = writer_new(MADE_MAX);

    put_oid(&pair, types[dice_roll(dice, ARRAY_LEN(types))]);
    put_element(&pair, values[i].tag,
                (struct bytes){(const uint8_t *)values[i].octets, values[i].len});
    if (values[i].odd)
        made->odd = values[i].odd;
    wrap(out, DER_SEQUENCE, &pair);
}

static void put_name(struct dice *dice, struct writer *out, struct made_certificate *made)
{
    AUTO(writer_clear) struct writer name = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer set = writer_new(MADE_MAX);

    for (unsigned n = dice_roll(dice, 6); n > 0; n--) {
        put_component(dice, &set, made);
        if (dice_percent(dice, 15))
            put_component(dice, &set, made);
        wrap(&name, DER_SET, &set);
    }
    wrap(out, DER_SEQUENCE, &name);
}

/* --- alternative names ------------------------------------------------------------------------ */

static const struct {
    uint8_t tag;
    const char *octets;
    size_t len;
    const char *odd;
} plain_names[] = {
    TEXT(0x81, "alice@corp.example"),
    TEXT(0x81, "bob@other.example"),
    TEXT(0x81, "no-at-sign"),
    TEXT(0x81, "(a*b)@corp.example"),
    TEXT(0x81, "two@at@signs"),
    TEXT(0x82, "host.corp.example"),
    TEXT(0x82, "*.corp.example"),
    TEXT(0x82, "short"),
    TEXT(0x86, "spiffe://corp.example/alice"),
    TEXT(0x86, "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1104"),
    TEXT(0x87, "ABCD"),
    TEXT(0x87, "0123456789abcdef"),
    TEXT(0x88, "\x2a\x03\x04"),
    ODD(0x81, "a\0b@corp.example", "a NUL in an address"),
    ODD(0x81, "M\xfcller@corp.example", "an address that is no ASCII"),
    ODD(0x81, "", "an empty address"),
    ODD(0x82, "tab\t.example", "a control character in a host name"),
    ODD(0x86, "", "an empty URI"),
    ODD(0x87, "\x0a\x01\x02\x03", "an address of control characters"),
    ODD(0x87, "\xc0\xa8\x00\x01", "an address with a NUL"),
    ODD(0x87, "ABC", "three octets of address"),
    ODD(0x88, "", "an empty OID"),
};
enum { GOOD_PLAIN = 13 };

static void put_principal(struct dice *dice, struct writer *out, struct made_certificate *made)
{
    static const char *const names[] = {"alice", "host", "web.corp.example", "bob", "x y"};
    AUTO(writer_clear) struct writer inner = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer list = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer principal = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer all = writer_new(MADE_MAX);

    put_element(&inner, 0x1b, bytes_of("CORP.EXAMPLE"));
    wrap(&all, 0xa0, &inner);
    put_element(&inner, DER_INTEGER, (struct bytes){(const uint8_t *)"\1", 1});
    wrap(&principal, 0xa0, &inner);
    for (unsigned n = 1 + dice_roll(dice, 2); n > 0; n--)
        put_element(&list, 0x1b, bytes_of(names[dice_roll(dice, ARRAY_LEN(names))]));
    if (dice_percent(dice, 3)) {
        put_element(&list, 0x1b, bytes_of("root/admin@EVIL"));
        made->odd = "separators in a component";
    }
    wrap(&inner, DER_SEQUENCE, &list);
    wrap(&principal, 0xa1, &inner);
    wrap(&inner, DER_SEQUENCE, &principal);
    wrap(&all, 0xa1, &inner);
    wrap(out, DER_SEQUENCE, &all);
}

static void put_other(struct dice *dice, struct writer *out, struct made_certificate *made)
{
    static const char *const upns[] = {"alice@corp.example", "bob@CORP.EXAMPLE", "M\xc3\xbcller@x",
                                       "no at"};
    AUTO(writer_clear) struct writer value = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer all = writer_new(MADE_MAX);
    bool odd = dice_percent(dice, 2);

    switch (dice_roll(dice, 4)) {
    case 0:
        put_oid(&all, "1.3.6.1.5.2.2");
        put_principal(dice, &value, made);
        break;
    case 1:
        put_oid(&all, "1.3.6.1.4.1.311.20.2.3");
        put_element(&value, odd ? DER_IA5_STRING : DER_UTF8_STRING,
                    bytes_of(upns[dice_roll(dice, ARRAY_LEN(upns))]));
        made->odd = odd ? "a UPN that is no UTF8String" : made->odd;
        break;
    case 2:
        put_oid(&all, "1.2.3.4");
        put_element(&value, DER_UTF8_STRING, bytes_of("klm alice"));
        break;
    default:
        put_oid(&all, "1.2.3.4");
        put_element(&value, DER_OCTET_STRING,
                    odd ? (struct bytes){(const uint8_t *)"a\0b", 3} : bytes_of("octets"));
        made->odd = odd ? "a NUL in an otherName" : made->odd;
    }
    wrap(&all, 0xa0, &value);
    wrap(out, 0xa0, &all);
}

static void put_alternative_name(struct dice *dice, struct writer *out,
                                 struct made_certificate *made)
{
    AUTO(writer_clear) struct writer name = writer_new(MADE_MAX);
    size_t i;

    if (dice_percent(dice, 35)) {
        put_other(dice, out, made);
    } else if (dice_percent(dice, 15)) {
        put_name(dice, &name, made);
        wrap(out, 0xa4, &name);
    } else {
        i = dice_roll(dice, dice_percent(dice, 5) ? ARRAY_LEN(plain_names) : GOOD_PLAIN);
        put_element(out, plain_names[i].tag,
                    (struct bytes){(const uint8_t *)plain_names[i].octets, plain_names[i].len});
        made->odd = plain_names[i].odd ? plain_names[i].odd : made->odd;
    }
}

/* --- extensions ------------------------------------------------------------------------------- */

/* Takes the content's octets. */
static void put_extension(struct writer *out, const char *oid, struct writer *content)
{
    AUTO(writer_clear) struct writer extension = writer_new(MADE_MAX);

    put_oid(&extension, oid);
    wrap(&extension, DER_OCTET_STRING, content);
    wrap(out, DER_SEQUENCE, &extension);
}

static void put_usages(struct dice *dice, struct writer *out)
{
    static const char *const oids[] = {"1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1",
                                       "1.3.6.1.5.2.3.4",   "1.3.6.1.4.1.311.20.2.2",
                                       "1.2.3.4",           "2.5.29.37.0"};
    AUTO(writer_clear) struct writer list = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer whole = writer_new(MADE_MAX);

    for (size_t i = 0; i < ARRAY_LEN(oids); i++)
        if (dice_percent(dice, i == 0 ? 70 : 25))
            put_oid(&list, oids[i]);
    wrap(&whole, DER_SEQUENCE, &list);
    put_extension(out, "2.5.29.37", &whole);
}

static void put_key_usage(struct dice *dice, struct writer *out, struct made_certificate *made)
{
    static const struct {
        const char *octets;
        size_t len;
        const char *odd;
    } usages[] = {{"\7\x80", 2, NULL},
                  {"\0\xff", 2, NULL},
                  {"\5\xa0", 2, NULL},
                  {"\7\1\x80", 3, NULL},
                  {"\3\x08", 2, NULL},
                  {"\7\x80\x80", 3, NULL},
                  {"\0\0", 2, "a key usage without any bit"}};
    size_t i = dice_roll(dice, dice_percent(dice, 5) ? ARRAY_LEN(usages) : ARRAY_LEN(usages) - 1);
    AUTO(writer_clear) struct writer whole = writer_new(MADE_MAX);

    put_element(&whole, DER_BIT_STRING,
                (struct bytes){(const uint8_t *)usages[i].octets, usages[i].len});
    made->odd = usages[i].odd ? usages[i].odd : made->odd;
    put_extension(out, "2.5.29.15", &whole);
}

static void put_sid(struct dice *dice, struct writer *out, struct made_certificate *made)
{
    AUTO(writer_clear) struct writer inner = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer name = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer list = writer_new(MADE_MAX);
    const char *sid = "S-1-5-21-3623811015-3361044348-30300820-1013";
    unsigned times = dice_percent(dice, 3) ? 2 : 1;

    if (dice_percent(dice, 5)) {
        sid = "no sid-";
        made->odd = "a SID that is none";
    }
    made->odd = times == 2 ? "two SIDs" : made->odd;
    made->has_sid = true;
    for (; times > 0; times--) {
        put_oid(&name, "1.3.6.1.4.1.311.25.2.1");
        put_element(&inner, DER_OCTET_STRING, bytes_of(sid));
        wrap(&name, 0xa0, &inner);
        wrap(&list, 0xa0, &name);
    }
    wrap(&inner, DER_SEQUENCE, &list);
    put_extension(out, "1.3.6.1.4.1.311.25.2", &inner);
}

static void put_extensions(struct dice *dice, struct writer *out, struct made_certificate *made)
{
    AUTO(writer_clear) struct writer list = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer inner = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer names = writer_new(MADE_MAX);

    if (dice_percent(dice, 80))
        put_usages(dice, &list);
    if (dice_percent(dice, 60))
        put_key_usage(dice, &list, made);
    if (dice_percent(dice, 40))
        put_sid(dice, &list, made);
    if (dice_percent(dice, 50)) {
        put_element(&inner, DER_OCTET_STRING, (struct bytes){(const uint8_t *)"\1\xab\0\xcd", 4});
        put_extension(&list, "2.5.29.14", &inner);
    }
    if (dice_percent(dice, 85)) {
        for (unsigned n = 1 + dice_roll(dice, 5); n > 0; n--)
            put_alternative_name(dice, &names, made);
        wrap(&inner, DER_SEQUENCE, &names);
        put_extension(&list, "2.5.29.17", &inner);
    }
    if (list.len == 0)
        return;
    wrap(&inner, DER_SEQUENCE, &list);
    wrap(out, 0xa3, &inner);
}

static void put_serial(struct dice *dice, struct writer *out, struct made_certificate *made)
{
    static const struct {
        const char *octets;
        size_t len;
        const char *odd;
    } serials[] = {ROW("\1"),
                   ROW("\x12\x67"),
                   ROW("\0\xff"),
                   ROW("\x2b\0\0\0\0\x11\xac\0\0\0\0\x12"),
                   ROW("\0\x80\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"),
                   {"\0", 1, "a serial number of zero"},
                   {"\x80", 1, "a negative serial number"}};
    size_t i = dice_roll(dice, dice_percent(dice, 3) ? ARRAY_LEN(serials) : 5);

    put_element(out, DER_INTEGER,
                (struct bytes){(const uint8_t *)serials[i].octets, serials[i].len});
    made->odd = serials[i].odd ? serials[i].odd : made->odd;
}

void make_certificate(struct dice *dice, struct made_certificate *ret_made)
{
    /* ecdsa-with-SHA256; a P-256 key is nobody's business here. */
    static const char algorithm[] = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    static const char validity[] = "\x30\x1e\x17\x0d"
                                   "260101000000Z\x17\x0d"
                                   "360101000000Z";
    static const char key[] = "\x30\x0a\x30\x05\x06\x03\x2b\x65\x70\x03\x01\0";
    AUTO(writer_clear) struct writer tbs = writer_new(MADE_MAX);
    AUTO(writer_clear) struct writer outer = writer_new(MADE_MAX);
    struct writer whole = writer_new(MADE_MAX);
    size_t len;

    *ret_made = (struct made_certificate){.odd = NULL};
    writer_put(&tbs, (struct bytes){(const uint8_t *)"\xa0\3\2\1\2", 5});
    put_serial(dice, &tbs, ret_made);
    writer_put(&tbs, (struct bytes){(const uint8_t *)algorithm, sizeof(algorithm) - 1});
    put_name(dice, &tbs, ret_made);
    writer_put(&tbs, (struct bytes){(const uint8_t *)validity, sizeof(validity) - 1});
    put_name(dice, &tbs, ret_made);
    writer_put(&tbs, (struct bytes){(const uint8_t *)key, sizeof(key) - 1});
    put_extensions(dice, &tbs, ret_made);
    wrap(&outer, DER_SEQUENCE, &tbs);
    writer_put(&outer, (struct bytes){(const uint8_t *)algorithm, sizeof(algorithm) - 1});
    put_element(&outer, DER_BIT_STRING, (struct bytes){(const uint8_t *)"\0sig", 4});
    wrap(&whole, DER_SEQUENCE, &outer);
    ret_made->der.at = writer_take(&whole, &len);
    ret_made->der.len = len;
}
