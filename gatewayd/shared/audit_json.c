/*
 * Walks one JSON value (RFC 8259) without building it. Runs in audit on what decide sent; trusts
 * nothing of it.
 */
#include "gatewayd/shared/audit_json.h"

#include "common/reader.h"
#include "common/text.h"

static bool value(struct reader *r, int depth);

/* The next octet without taking it; NUL at the end, which no JSON value begins with. */
static uint8_t peek(const struct reader *r)
{
    return reader_left(r) > 0 ? *r->at : 0;
}

static bool word(struct reader *r, const char *text)
{
    return bytes_equal(reader_take(r, strlen(text)), bytes_of(text));
}

static bool escape(struct reader *r)
{
    uint8_t kind = reader_u8(r);
    uint8_t two[2];
    size_t len;

    if (kind != 'u')
        return kind != 0 && strchr("\"\\/bfnrt", kind) != NULL;
    return text_unhex(reader_take(r, 2), two, &len) && len == 1 &&
           text_unhex(reader_take(r, 2), two, &len) && len == 1;
}

static bool string(struct reader *r)
{
    if (reader_u8(r) != '"')
        return false;
    for (;;) {
        uint8_t c = reader_u8(r);

        if (!reader_ok(r) || c < ' ')
            return false;
        if (c == '"')
            return true;
        if (c == '\\' && !escape(r))
            return false;
    }
}

static bool number(struct reader *r)
{
    size_t digits = 0;

    if (peek(r) == '-')
        (void)reader_u8(r);
    for (; peek(r) >= '0' && peek(r) <= '9'; digits++) {
        bool leading = digits == 0 && peek(r) == '0';

        (void)reader_u8(r);
        if (leading)
            return peek(r) < '0' || peek(r) > '9';
    }
    return digits > 0 && digits <= 19;
}

/* The members of an object or array, whose first octet is taken already. */
static bool members(struct reader *r, uint8_t end, int depth)
{
    if (peek(r) == end)
        return reader_u8(r) == end;
    for (;;) {
        uint8_t next;

        if (end == '}' && (!string(r) || reader_u8(r) != ':'))
            return false;
        if (!value(r, depth))
            return false;
        next = reader_u8(r);
        if (next == end)
            return true;
        if (next != ',')
            return false;
    }
}

static bool value(struct reader *r, int depth)
{
    uint8_t first = peek(r);

    if (depth == AUDIT_JSON_DEPTH_MAX)
        return false;
    switch (first) {
    case '{':
    case '[':
        (void)reader_u8(r);
        return members(r, first == '{' ? '}' : ']', depth + 1);
    case '"':
        return string(r);
    case 't':
        return word(r, "true");
    case 'f':
        return word(r, "false");
    case 'n':
        return word(r, "null");
    default:
        return number(r);
    }
}

bool audit_json_is_value(struct bytes text)
{
    struct reader r = reader_over(text);

    /* Control characters stand outside of clean text, so they need not be looked for in strings. */
    return text.len > 0 && text_is_clean(text) && value(&r, 0) && reader_done(&r);
}
