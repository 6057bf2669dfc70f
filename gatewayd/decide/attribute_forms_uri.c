/*
 * Names inside of other names: SPIFFE IDs, SIDs and UUIDs in URIs, and the SID extension of Active
 * Directory. decide and gatewayctl run them on octets that a certificate's issuer chose. What a
 * certificate must be to hold a SPIFFE ID is checked in identity_build.c, not here.
 */
#include "gatewayd/decide/attribute_forms.h"

#include "common/text.h"
#include "gatewayd/decide/der.h"
#include "gatewayd/decide/oids.h"

enum {
    SPIFFE_MAX = 2048,       /* SPIFFE ID 2.3 */
    SPIFFE_DOMAIN_MAX = 255, /* SPIFFE ID 2.1 */
    SID_SUBS_MAX = 15,       /* MS-DTYP 2.4.2 */
    UUID_TEXT_LEN = 36,      /* RFC 9562 4 */
};

/* Takes the prefix off; ASCII case ignored. */
static bool take_prefix(struct bytes *text, const char *prefix)
{
    struct bytes start = bytes_of(prefix);

    if (text->len < start.len || !text_equal_nocase((struct bytes){text->at, start.len}, start))
        return false;
    *text = (struct bytes){text->at + start.len, text->len - start.len};
    return true;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_domain(struct bytes domain)
{
    for (size_t i = 0; i < domain.len; i++)
        if (!is_lower(domain.at[i]) && !is_digit(domain.at[i]) && !strchr("._-", domain.at[i]))
            return false;
    return domain.len > 0 && domain.len <= SPIFFE_DOMAIN_MAX && !memchr(domain.at, 0, domain.len);
}

static bool is_segment(struct bytes segment)
{
    for (size_t i = 0; i < segment.len; i++) {
        uint8_t c = segment.at[i];

        if (!is_lower(c) && !is_upper(c) && !is_digit(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return segment.len > 0 && !bytes_equal(segment, bytes_of(".")) &&
           !bytes_equal(segment, bytes_of(".."));
}

/* "/a/b": segments, each behind a slash. */
static bool is_path(struct bytes path)
{
    while (path.len > 0) {
        const uint8_t *start = path.at + 1;
        const uint8_t *end = path.len > 1 ? memchr(start, '/', path.len - 1) : NULL;
        struct bytes segment = {start, end ? (size_t)(end - start) : path.len - 1};

        if (!is_segment(segment))
            return false;
        path = (struct bytes){start + segment.len, path.len - 1 - segment.len};
    }
    return true;
}

/* SPIFFE ID 2: scheme and trust domain in lower case, a path, and nothing else of RFC 3986. */
const char *form_spiffe(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct bytes rest = raw, domain;
    const uint8_t *slash;

    (void)tag;
    if (!take_prefix(&rest, "spiffe:"))
        return attribute_none;
    if (raw.len > SPIFFE_MAX)
        return "longer than 2048 octets";
    if (memcmp(raw.at, "spiffe:", 7) != 0)
        return "a scheme that is not in lower case";
    if (!take_prefix(&rest, "//"))
        return "no trust domain";
    slash = rest.len ? memchr(rest.at, '/', rest.len) : NULL;
    domain = (struct bytes){rest.at, slash ? (size_t)(slash - rest.at) : rest.len};
    if (!is_domain(domain))
        return "a malformed trust domain";
    if (!slash)
        return "a trust domain, which is nobody's identity";
    if (!is_path((struct bytes){slash, rest.len - domain.len}))
        return "a malformed path";
    writer_put(out, raw);
    return NULL;
}

/* A decimal number without leading zeros, up to max, and the hyphen behind it if there is one. */
static bool take_number(struct bytes *text, uint64_t max, uint64_t *ret_number, bool *ret_more)
{
    const uint8_t *end = text->len ? memchr(text->at, '-', text->len) : NULL;
    struct bytes number = {text->at, end ? (size_t)(end - text->at) : text->len};

    if (!text_u64(number, ret_number) || *ret_number > max)
        return false;
    *ret_more = end != NULL;
    *text = (struct bytes){number.at + number.len, text->len - number.len};
    if (end)
        *text = (struct bytes){text->at + 1, text->len - 1};
    return true;
}

static void put_le32(uint32_t value, struct writer *out)
{
    for (unsigned i = 0; i < 4; i++)
        writer_u8(out, (uint8_t)(value >> (8 * i)));
}

/* SID ::= u8 revision, u8 count, u48 authority, count x u32 little-endian; MS-DTYP 2.4.2.2 */
bool form_sid_octets(struct bytes text, struct writer *out)
{
    uint64_t authority, sub[SID_SUBS_MAX];
    size_t n = 0;
    bool more;

    if (text.len < 4 || memcmp(text.at, "S-1-", 4) != 0)
        return false;
    text = (struct bytes){text.at + 4, text.len - 4};
    if (!take_number(&text, UINT32_MAX, &authority, &more)) /* larger ones are written in hex */
        return false;
    while (more)
        if (n == SID_SUBS_MAX || !take_number(&text, UINT32_MAX, &sub[n++], &more))
            return false;
    if (n == 0)
        return false;
    writer_u8(out, 1);
    writer_u8(out, (uint8_t)n);
    writer_u16(out, 0);
    writer_u32(out, (uint32_t)authority);
    for (size_t i = 0; i < n; i++)
        put_le32((uint32_t)sub[i], out);
    return true;
}

static const char not_sid[] = "not a SID (S-1-5-21-...)";

static bool is_sid(struct bytes text)
{
    AUTO(writer_clear) struct writer octets = writer_new(8 + 4 * SID_SUBS_MAX);

    return form_sid_octets(text, &octets);
}

static const char *put_sid(struct bytes text, struct writer *out)
{
    if (!is_sid(text))
        return not_sid;
    writer_put(out, text);
    return NULL;
}

/* GeneralName otherName [0] { OID, [0] EXPLICIT OCTET STRING }, MS-WCCE 2.2.2.7.7.4 */
bool form_sid_text(struct bytes raw, uint8_t tag, struct bytes *ret_text)
{
    struct reader r = reader_over(raw);
    struct der type = der_expect(&r, DER_OID);
    struct reader inner = reader_over(der_expect(&r, DER_CONTEXT_CONSTRUCTED).content);
    struct der text = der_expect(&inner, DER_OCTET_STRING);
    static const struct bytes oid = OID(OID_MS_SID_VALUE);

    if (tag != DER_CONTEXT_CONSTRUCTED || !reader_done(&r) || !reader_done(&inner) ||
        !bytes_equal(type.content, oid))
        return false;
    *ret_text = text.content;
    return true;
}

/* The extension holds nothing else: a name of another kind is a doubt. */
const char *form_sid(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct bytes text;

    return form_sid_text(raw, tag, &text) ? put_sid(text, out) : "a malformed SID extension";
}

const char *form_sid_rid(struct bytes raw, uint8_t tag, struct writer *out)
{
    struct bytes text;
    const uint8_t *last;

    if (!form_sid_text(raw, tag, &text))
        return "a malformed SID extension";
    if (!is_sid(text))
        return not_sid;
    last = memrchr(text.at, '-', text.len);
    writer_put(out, (struct bytes){last + 1, (size_t)(text.at + text.len - last - 1)});
    return NULL;
}

const char *form_sid_uri(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    if (!take_prefix(&raw, "tag:microsoft.com,2022-09-14:sid:"))
        return attribute_none;
    return put_sid(raw, out);
}

static bool is_hex_digit(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

const char *form_uuid(struct bytes raw, uint8_t tag, struct writer *out)
{
    (void)tag;
    if (!take_prefix(&raw, "urn:uuid:"))
        return attribute_none;
    if (raw.len != UUID_TEXT_LEN)
        return "not a UUID";
    for (size_t i = 0; i < raw.len; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

        if (hyphen ? raw.at[i] != '-' : !is_hex_digit(raw.at[i]))
            return "not a UUID";
        writer_u8(out, is_upper(raw.at[i]) ? (uint8_t)(raw.at[i] | 0x20) : raw.at[i]);
    }
    return NULL;
}
