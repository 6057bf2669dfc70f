/*
 * Text helpers. Used by every process and program on text from outside; each says what it refuses.
 */
#include "common/text.h"

#include <stdio.h>
#include <time.h>

/* Length of the UTF-8 sequence at `at` and its code point, or 0. RFC 3629 4: no surrogates, no
 * overlong forms. */
static size_t utf8_sequence(const uint8_t *at, size_t left, uint32_t *ret_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = at[0] < 0x80   ? 1
                 : at[0] < 0xc2 ? 0
                 : at[0] < 0xe0 ? 2
                 : at[0] < 0xf0 ? 3
                 : at[0] < 0xf5 ? 4
                                : 0;
    uint32_t point = len < 2 ? at[0] : at[0] & (0x7fu >> len);

    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (at[i] & 0x3f);
    }
    if (point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *ret_point = point;
    return len;
}

bool text_is_clean(struct bytes text)
{
    size_t i = 0;

    while (i < text.len) {
        uint32_t point;
        size_t len = utf8_sequence(text.at + i, text.len - i, &point);

        if (len == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
            return false;
        i += len;
    }
    return true;
}

char *text_dup(struct bytes text)
{
    char *copy;

    if (text.len > 0 && memchr(text.at, '\0', text.len))
        return NULL;
    copy = malloc(text.len + 1);
    if (!copy)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return copy;
}

void text_hex(struct bytes in, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < in.len; i++) {
        *out++ = digits[in.at[i] >> 4];
        *out++ = digits[in.at[i] & 15];
    }
    *out = '\0';
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_unhex(struct bytes text, uint8_t *out, size_t *ret_len)
{
    if (text.len % 2 != 0)
        return false;
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    *ret_len = text.len / 2;
    return true;
}

bool text_u64(struct bytes text, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (text.len == 0 || (text.len > 1 && text.at[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.at[i] - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool text_duration_s(struct bytes text, int64_t *ret_seconds)
{
    static const struct {
        uint8_t unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t number;

    if (text.len < 2 || !text_u64((struct bytes){text.at, text.len - 1}, &number) || number > 36500)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (text.at[text.len - 1] != units[i].unit)
            continue;
        *ret_seconds = (int64_t)number * units[i].seconds;
        return true;
    }
    return false;
}

/* The number in `digits` decimal places at `at`; -1 when one is no digit. */
static int places(const uint8_t *at, size_t digits)
{
    int value = 0;

    for (size_t i = 0; i < digits; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        value = value * 10 + (at[i] - '0');
    }
    return value;
}

/* Refuses dates that do not exist: timegm would move 31 April to 1 May. */
static bool utc_seconds(const int part[6], int64_t *ret_seconds)
{
    struct tm tm = {.tm_year = part[0] - 1900,
                    .tm_mon = part[1] - 1,
                    .tm_mday = part[2],
                    .tm_hour = part[3],
                    .tm_min = part[4],
                    .tm_sec = part[5]};
    time_t seconds;

    for (size_t i = 0; i < 6; i++)
        if (part[i] < 0)
            return false;
    seconds = timegm(&tm);
    if (tm.tm_year != part[0] - 1900 || tm.tm_mon != part[1] - 1 || tm.tm_mday != part[2] ||
        tm.tm_hour != part[3] || tm.tm_min != part[4] || tm.tm_sec != part[5])
        return false;
    *ret_seconds = (int64_t)seconds;
    return true;
}

bool text_time_s(struct bytes text, int64_t *ret_seconds)
{
    const uint8_t *at = text.at;
    int part[6] = {0};

    if (text.len != 10 && text.len != 20)
        return false;
    if (at[4] != '-' || at[7] != '-')
        return false;
    part[0] = places(at, 4);
    part[1] = places(at + 5, 2);
    part[2] = places(at + 8, 2);
    if (text.len == 20) {
        if (at[10] != 'T' || at[13] != ':' || at[16] != ':' || at[19] != 'Z')
            return false;
        part[3] = places(at + 11, 2);
        part[4] = places(at + 14, 2);
        part[5] = places(at + 17, 2);
    }
    return utc_seconds(part, ret_seconds);
}

bool text_generalized_time_s(struct bytes text, int64_t *ret_seconds)
{
    const uint8_t *at = text.at;
    int part[6];

    if (text.len < 15 || at[text.len - 1] != 'Z' ||
        (text.len > 15 && at[14] != '.' && at[14] != ','))
        return false;
    if (text.len > 15 &&
        (text.len < 17 || places(at + 15, text.len - 16 > 9 ? 9 : text.len - 16) < 0))
        return false;
    part[0] = places(at, 4);
    for (size_t i = 1; i < 6; i++)
        part[i] = places(at + 2 + 2 * i, 2);
    return utc_seconds(part, ret_seconds);
}

void text_format_time_ms(int64_t time_ms, char out[32])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm;
    size_t len;

    out[0] = '\0';
    if (!gmtime_r(&seconds, &tm))
        return;
    len = strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + len, 32 - len, ".%03dZ", (int)(time_ms % 1000));
}

static uint8_t fold(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool text_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.at[i]) != fold(b.at[i]))
            return false;
    return true;
}
