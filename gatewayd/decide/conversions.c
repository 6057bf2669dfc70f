/*
 * The conversion table. decide and gatewayctl run it on values that identity.c found well formed,
 * or on exact octets of a certificate.
 */
#include "gatewayd/decide/conversions.h"

#include "common/text.h"
#include "gatewayd/decide/attribute_forms.h"
#include "gatewayd/decide/der.h"

#include <openssl/evp.h>

enum {
    DECIMAL_OCTETS_MAX = 64, /* RFC 5280 4.1.2.2: serial numbers have 20; our choice */
    CARD_CHARACTERS = 40,    /* of five bits */
};

#define KIND(kind) (1u << ATTRIBUTE_##kind)
#define ANY_KIND   ((1u << ATTRIBUTE_KINDS) - 1)

static void put_hex(struct bytes in, const struct conversion_hex *hex, struct writer *out)
{
    const char *digits = hex->upper ? "0123456789ABCDEF" : "0123456789abcdef";

    for (size_t i = 0; i < in.len; i++) {
        uint8_t octet = in.at[hex->reversed ? in.len - 1 - i : i];

        if (hex->colons && i > 0)
            writer_u8(out, ':');
        writer_u8(out, (uint8_t)digits[octet >> 4]);
        writer_u8(out, (uint8_t)digits[octet & 0xf]);
    }
}

static const char *to_hex(const struct conversion *row, struct bytes in,
                          const struct conversion_hex *hex, struct writer *out)
{
    (void)row;
    put_hex(in, hex, out);
    return NULL;
}

/* As Active Directory stores serial numbers in altSecurityIdentities: reversed, upper case. */
static const char *to_ms(const struct conversion *row, struct bytes in,
                         const struct conversion_hex *hex, struct writer *out)
{
    static const struct conversion_hex ms = {.upper = true, .reversed = true};

    (void)row;
    (void)hex;
    put_hex(in, &ms, out);
    return NULL;
}

/* Divides the number by ten in place and gives the rest. */
static unsigned divide(uint8_t *number, size_t len)
{
    unsigned rest = 0;

    for (size_t i = 0; i < len; i++) {
        rest = rest << 8 | number[i];
        number[i] = (uint8_t)(rest / 10);
        rest %= 10;
    }
    return rest;
}

static const char *to_decimal(const struct conversion *row, struct bytes in,
                              const struct conversion_hex *hex, struct writer *out)
{
    uint8_t number[DECIMAL_OCTETS_MAX], digits[3 * DECIMAL_OCTETS_MAX];
    size_t start = 0, n = 0;

    (void)row;
    (void)hex;
    if (in.len == 0 || in.len > sizeof(number))
        return "too long a number";
    memcpy(number, in.at, in.len);
    while (start < in.len) {
        digits[sizeof(digits) - ++n] = (uint8_t)('0' + divide(number + start, in.len - start));
        while (start < in.len && number[start] == 0)
            start++;
    }
    writer_put(out, (struct bytes){digits + sizeof(digits) - n, n});
    return NULL;
}

static const char *to_digest(const struct conversion *row, struct bytes in,
                             const struct conversion_hex *hex, struct writer *out)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t len;

    if (!EVP_Q_digest(NULL, row->name, NULL, in.at, in.len, digest, &len))
        return "no such digest here";
    put_hex((struct bytes){digest, len}, hex, out);
    return NULL;
}

static const char *to_base64(const struct conversion *row, struct bytes in,
                             const struct conversion_hex *hex, struct writer *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    (void)row;
    (void)hex;
    for (size_t i = 0; i < in.len; i += 3) {
        size_t n = in.len - i < 3 ? in.len - i : 3;
        uint32_t group = (uint32_t)in.at[i] << 16 | (n > 1 ? (uint32_t)in.at[i + 1] << 8 : 0) |
                         (n > 2 ? in.at[i + 2] : 0);

        for (size_t k = 0; k < 4; k++)
            writer_u8(out, k <= n ? (uint8_t)digits[group >> (18 - 6 * k) & 0x3f] : '=');
    }
    return NULL;
}

static const char *to_sid(const struct conversion *row, struct bytes in,
                          const struct conversion_hex *hex, struct writer *out)
{
    (void)row;
    (void)hex;
    return form_sid_octets(in, out) ? NULL : "not a SID";
}

/* The five bits of character n, the first of them in the highest bit of its octet. */
static unsigned card_character(struct bytes card, size_t n)
{
    unsigned bits = 0;

    for (size_t i = 5 * n; i < 5 * n + 5; i++)
        bits = bits << 1 | (card.at[i / 8] >> (7 - i % 8) & 1u);
    return bits;
}

/* Four data bits, lowest first, and one that makes the number of ones odd. */
static bool card_value(unsigned bits, unsigned *ret_value)
{
    *ret_value =
        (bits >> 4 & 1) | (bits >> 3 & 1) << 1 | (bits >> 2 & 1) << 2 | (bits >> 1 & 1) << 3;
    return __builtin_popcount(bits) % 2 == 1;
}

/* Whether a character may stand where the layout says d(igit), S(tart), F(ield), E(nd). */
static bool card_fits(char place, unsigned value)
{
    return place == 'd'   ? value <= 9
           : place == 'S' ? value == 0xb
           : place == 'F' ? value == 0xd
           : place == 'E' ? value == 0xf
                          : false;
}

/*
 * FASC-N (TIG SCEPACS 2.3, 6.1): agency, system, credential, series, issue, then person (10),
 * category, organization (4) and association in one; the last character checks all others. Gives
 * the digits, with "-" where the fields are separated.
 */
static const char *to_card_digits(const struct conversion *row, struct bytes in,
                                  const struct conversion_hex *hex, struct writer *out)
{
    static const char layout[] = "SddddFddddFddddddFdFdFddddddddddddddddE";
    unsigned value, check = 0;

    (void)row;
    (void)hex;
    if (in.len * 8 != 5 * CARD_CHARACTERS)
        return "not 25 octets";
    for (size_t n = 0; n < CARD_CHARACTERS - 1; n++) {
        if (!card_value(card_character(in, n), &value) || !card_fits(layout[n], value))
            return "a malformed FASC-N";
        check ^= value;
        if (layout[n] == 'd')
            writer_u8(out, (uint8_t)('0' + value));
        else if (layout[n] == 'F')
            writer_u8(out, '-');
    }
    if (!card_value(card_character(in, CARD_CHARACTERS - 1), &value) || value != check)
        return "a FASC-N with a wrong check character";
    return NULL;
}

#define NUMBERS (KIND(NUMBER) | KIND(OCTETS) | KIND(CARD))
#define HEX(name_, kinds_, input_, convert_, help_)                                                \
    {                                                                                              \
        .name = (name_), .kinds = (kinds_), .input = CONVERSION_##input_, .hexes = true,           \
        .convert = (convert_), .help = (help_)                                                     \
    }
#define PLAIN(name_, kinds_, input_, convert_, help_)                                              \
    {                                                                                              \
        .name = (name_), .kinds = (kinds_), .input = CONVERSION_##input_, .convert = (convert_),   \
        .help = (help_)                                                                            \
    }

/* clang-format off */
static const struct conversion conversions[] = {
    HEX("hex", NUMBERS, OCTETS, to_hex, "lower hex"),
    PLAIN("dec", KIND(NUMBER), OCTETS, to_decimal, "decimal"),
    PLAIN("ms", KIND(NUMBER), OCTETS, to_ms, "as altSecurityIdentities has it: reversed, upper hex"),
    PLAIN("digits", KIND(CARD), OCTETS, to_card_digits, "its digits, fields separated by -"),
    HEX("sha1", KIND(DIGEST), RAW, to_digest, "SHA-1, lower hex"),
    HEX("sha256", KIND(DIGEST), RAW, to_digest, "SHA-256, lower hex"),
    HEX("sha384", KIND(DIGEST), RAW, to_digest, "SHA-384, lower hex"),
    HEX("sha512", KIND(DIGEST), RAW, to_digest, "SHA-512, lower hex"),
    {.name = "bin", .kinds = KIND(SID), .input = CONVERSION_TEXT, .binary = true, .convert = to_sid,
     .help = "the octets of objectSid"},
    HEX("der", ANY_KIND, WHOLE, to_hex, "its DER element, lower hex"),
    PLAIN("base64", ANY_KIND, WHOLE, to_base64, "its DER element in base64"),
};
/* clang-format on */

const struct conversion *conversions_all(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(conversions);
    return conversions;
}

/* "_uc" behind the name; each letter once, in either case. */
static bool take_hex(struct bytes letters, struct conversion_hex *ret_hex)
{
    struct conversion_hex hex = {.upper = false};

    for (size_t i = 0; i < letters.len; i++) {
        uint8_t letter = letters.at[i] | 0x20;
        bool *flag = letter == 'u'   ? &hex.upper
                     : letter == 'c' ? &hex.colons
                     : letter == 'r' ? &hex.reversed
                                     : NULL;

        if (!flag || *flag)
            return false;
        *flag = true;
    }
    *ret_hex = hex;
    return true;
}

const struct conversion *conversion_find(struct bytes text, enum attribute_kind kind,
                                         struct conversion_hex *ret_hex)
{
    const uint8_t *mark = text.len ? memchr(text.at, '_', text.len) : NULL;
    struct bytes name = {text.at, mark ? (size_t)(mark - text.at) : text.len};
    struct bytes letters = {mark ? mark + 1 : NULL, mark ? text.len - name.len - 1 : 0};

    for (size_t i = 0; i < ARRAY_LEN(conversions); i++) {
        const struct conversion *row = &conversions[i];

        if (!(row->kinds & (1u << kind)) || !text_equal_nocase(name, bytes_of(row->name)))
            continue;
        if (mark && (!row->hexes || letters.len == 0))
            return NULL;
        return take_hex(letters, ret_hex) ? row : NULL;
    }
    return NULL;
}
