/*
 * The growing writer. Runs in every process. Out of memory breaks the writer like a full one: the
 * modules in other people's processes must not abort.
 */
#include "common/writer.h"

#include <stdarg.h>
#include <stdio.h>

enum { ROOM_FIRST = 256 }; /* most messages and records fit after one or two doublings */

struct writer writer_new(size_t max)
{
    return (struct writer){.max = max};
}

void writer_clear(struct writer *w)
{
    if (w->at)
        explicit_bzero(w->at, w->room);
    free(w->at);
    *w = (struct writer){.max = w->max};
}

void writer_reset(struct writer *w)
{
    w->len = 0;
    w->broken = false;
}

void writer_truncate(struct writer *w, size_t len)
{
    if (len <= w->len)
        w->len = len;
    w->broken = false;
}

/* realloc would leave a copy of what may be a secret behind. */
static bool grow(struct writer *w, size_t need)
{
    size_t room = w->room ? w->room : ROOM_FIRST;
    uint8_t *at;

    while (room < need)
        room *= 2;
    at = malloc(room);
    if (!at)
        return false;
    if (w->len > 0)
        memcpy(at, w->at, w->len);
    if (w->at)
        explicit_bzero(w->at, w->room);
    free(w->at);
    w->at = at;
    w->room = room;
    return true;
}

/* Where the next len octets go, or NULL and a broken writer. */
static uint8_t *reserve(struct writer *w, size_t len)
{
    if (w->broken)
        return NULL;
    if (len > w->max - w->len || (w->len + len > w->room && !grow(w, w->len + len))) {
        w->broken = true;
        return NULL;
    }
    w->len += len;
    return w->at + w->len - len;
}

void writer_put(struct writer *w, struct bytes in)
{
    uint8_t *out;

    if (in.len == 0)
        return;
    out = reserve(w, in.len);
    if (out)
        memcpy(out, in.at, in.len);
}

static void big_endian(struct writer *w, uint64_t value, size_t len)
{
    uint8_t octets[8];

    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
    writer_put(w, (struct bytes){octets, len});
}

void writer_u8(struct writer *w, uint8_t value)
{
    big_endian(w, value, 1);
}

void writer_u16(struct writer *w, uint16_t value)
{
    big_endian(w, value, 2);
}

void writer_u32(struct writer *w, uint32_t value)
{
    big_endian(w, value, 4);
}

void writer_u64(struct writer *w, uint64_t value)
{
    big_endian(w, value, 8);
}

void writer_block16(struct writer *w, struct bytes in)
{
    if (in.len > UINT16_MAX) {
        w->broken = true;
        return;
    }
    writer_u16(w, (uint16_t)in.len);
    writer_put(w, in);
}

void writer_block32(struct writer *w, struct bytes in)
{
    if (in.len > UINT32_MAX) {
        w->broken = true;
        return;
    }
    writer_u32(w, (uint32_t)in.len);
    writer_put(w, in);
}

void writer_text(struct writer *w, const char *text)
{
    writer_put(w, bytes_of(text));
}

void writer_printf(struct writer *w, const char *fmt, ...)
{
    va_list args, again;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        w->broken = true;
    else {
        /* vsnprintf ends in a NUL: room for it is taken and given back. */
        char *out = (char *)reserve(w, (size_t)len + 1);

        if (out) {
            (void)vsnprintf(out, (size_t)len + 1, fmt, again);
            w->len--;
        }
    }
    va_end(again);
}

bool writer_ok(const struct writer *w)
{
    return !w->broken;
}

struct bytes writer_bytes(const struct writer *w)
{
    if (w->broken)
        return (struct bytes){NULL, 0};
    return (struct bytes){w->at, w->len};
}

uint8_t *writer_take(struct writer *w, size_t *ret_len)
{
    uint8_t *at = w->broken ? NULL : w->at;

    if (!at) {
        writer_clear(w);
        return NULL;
    }
    *ret_len = w->len;
    *w = (struct writer){.max = w->max};
    return at;
}
