/*
 * DER elements, identifiers, strings and times. decide and gatewayctl run it on certificates whose
 * signatures were checked, but whose issuers may have put anything into them.
 */
#include "gatewayd/decide/der.h"

#include "common/text.h"

#include <stdio.h>

/* The length octets; only the shortest form is DER, and more than 4 octets are never needed. */
static size_t length(struct reader *r)
{
    uint8_t first = reader_u8(r);
    size_t n = first & 0x7f, value = 0;

    if (first < 0x80)
        return first;
    if (n == 0 || n > 4) {
        reader_break(r);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        value = value << 8 | reader_u8(r);
    if (value < 0x80 || value >> (8 * (n - 1)) == 0)
        reader_break(r);
    return value;
}

struct der der_next(struct reader *r)
{
    const uint8_t *start = r->at;
    struct der element = {.tag = reader_u8(r)};

    if ((element.tag & 0x1f) == 0x1f) /* high tag numbers: not in certificates */
        reader_break(r);
    element.content = reader_take(r, length(r));
    if (!reader_ok(r))
        return (struct der){0};
    element.whole = (struct bytes){start, (size_t)(r->at - start)};
    return element;
}

struct der der_expect(struct reader *r, uint8_t tag)
{
    struct der element = der_next(r);

    if (element.tag == tag)
        return element;
    reader_break(r);
    return (struct der){0};
}

bool der_is_next(const struct reader *r, uint8_t tag)
{
    return reader_ok(r) && reader_left(r) > 0 && *r->at == tag;
}

/* One arc in base 128, most significant first, without leading zeros (X.690 8.19.2). */
static bool arc(struct reader *r, uint64_t *ret_arc)
{
    uint64_t value = 0;
    uint8_t octet;

    if (reader_left(r) > 0 && *r->at == 0x80)
        return false;
    do {
        if (value >> 56 != 0)
            return false;
        octet = reader_u8(r);
        value = value << 7 | (octet & 0x7f);
    } while ((octet & 0x80) && reader_ok(r));
    *ret_arc = value;
    return reader_ok(r);
}

bool der_oid_is_good(struct bytes content)
{
    struct reader r = reader_over(content);
    bool good = content.len > 0;
    uint64_t value;

    while (good && reader_left(&r) > 0)
        good = arc(&r, &value);
    return good;
}

bool der_oid_text(struct bytes content, char out[DER_OID_TEXT_MAX])
{
    struct reader r = reader_over(content);
    uint64_t value, top;
    size_t len;

    if (!arc(&r, &value))
        return false;
    top = value < 80 ? value / 40 : 2;
    len = (size_t)snprintf(out, DER_OID_TEXT_MAX, "%u.%llu", (unsigned)top,
                           (unsigned long long)(value - 40 * top));
    while (reader_left(&r) > 0) {
        if (!arc(&r, &value))
            return false;
        len +=
            (size_t)snprintf(out + len, DER_OID_TEXT_MAX - len, ".%llu", (unsigned long long)value);
        if (len >= DER_OID_TEXT_MAX)
            return false;
    }
    return true;
}

/* Appends one arc in base 128; false when it does not fit. */
static bool put_arc(uint64_t value, uint8_t out[DER_OID_MAX], size_t *len)
{
    unsigned groups = 1;

    while (groups < 10 && value >> (7 * groups) != 0)
        groups++;
    if (*len + groups > DER_OID_MAX)
        return false;
    while (groups-- > 0)
        out[(*len)++] = (uint8_t)((value >> (7 * groups) & 0x7f) | (groups ? 0x80 : 0));
    return true;
}

bool der_oid_octets(struct bytes text, uint8_t out[DER_OID_MAX], size_t *ret_len)
{
    uint64_t top = 0;
    size_t len = 0, n = 0;

    for (bool more = true; more; n++) {
        const uint8_t *dot = text.len ? memchr(text.at, '.', text.len) : NULL;
        struct bytes number = {text.at, dot ? (size_t)(dot - text.at) : text.len};
        uint64_t value;

        if (!text_u64(number, &value) || value > UINT32_MAX || (n == 0 && value > 2) ||
            (n == 1 && top < 2 && value >= 40))
            return false;
        if (n == 0)
            top = value;
        else if (!put_arc(n == 1 ? 40 * top + value : value, out, &len))
            return false;
        more = dot != NULL;
        text = (struct bytes){number.at + number.len + more, text.len - number.len - more};
    }
    *ret_len = len;
    return n >= 2;
}

void der_put_hex(struct bytes octets, struct writer *out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t chunk[64];

    while (octets.len > 0) {
        size_t n = octets.len < sizeof(chunk) / 2 ? octets.len : sizeof(chunk) / 2;

        for (size_t i = 0; i < n; i++) {
            chunk[2 * i] = (uint8_t)digits[octets.at[i] >> 4];
            chunk[2 * i + 1] = (uint8_t)digits[octets.at[i] & 0xf];
        }
        writer_put(out, (struct bytes){chunk, 2 * n});
        octets = (struct bytes){octets.at + n, octets.len - n};
    }
}

bool der_time_s(uint8_t tag, struct bytes content, int64_t *ret_seconds)
{
    uint8_t text[15];

    if (tag == DER_GENERALIZED_TIME && content.len == 15)
        return text_generalized_time_s(content, ret_seconds);
    if (tag != DER_UTC_TIME || content.len != 13)
        return false;
    memcpy(text, content.at[0] >= '5' ? "19" : "20", 2); /* RFC 5280 4.1.2.5.1 */
    memcpy(text + 2, content.at, content.len);
    return text_generalized_time_s((struct bytes){text, sizeof(text)}, ret_seconds);
}

static void put_utf8(struct writer *out, uint32_t point)
{
    if (point < 0x80) {
        writer_u8(out, (uint8_t)point);
    } else if (point < 0x800) {
        writer_u8(out, (uint8_t)(0xc0 | point >> 6));
        writer_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
    } else if (point < 0x10000) {
        writer_u8(out, (uint8_t)(0xe0 | point >> 12));
        writer_u8(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
        writer_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
    } else {
        writer_u8(out, (uint8_t)(0xf0 | point >> 18));
        writer_u8(out, (uint8_t)(0x80 | (point >> 12 & 0x3f)));
        writer_u8(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
        writer_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
    }
}

/* BMPString has 2, UniversalString 4 octets a character; surrogates are no characters. */
static bool wide(struct bytes content, size_t width, struct writer *out)
{
    if (content.len % width != 0)
        return false;
    for (size_t i = 0; i < content.len; i += width) {
        uint32_t point = 0;

        for (size_t k = 0; k < width; k++)
            point = point << 8 | content.at[i + k];
        if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return false;
        put_utf8(out, point);
    }
    return true;
}

static bool ascii(struct bytes content, struct writer *out)
{
    for (size_t i = 0; i < content.len; i++)
        if (content.at[i] >= 0x80)
            return false;
    writer_put(out, content);
    return true;
}

bool der_string(uint8_t tag, struct bytes content, struct writer *out)
{
    switch (tag) {
    case DER_UTF8_STRING:
        writer_put(out, content); /* whoever uses it checks text_is_clean */
        return true;
    case DER_NUMERIC_STRING:
    case DER_PRINTABLE_STRING:
    case DER_TELETEX_STRING:
    case DER_IA5_STRING:
    case DER_VISIBLE_STRING:
        return ascii(content, out);
    case DER_BMP_STRING:
        return wide(content, 2, out);
    case DER_UNIVERSAL_STRING:
        return wide(content, 4, out);
    default:
        return false;
    }
}
