/*
 * The bounded reader. Runs in every process; trusts nothing of what it reads.
 */
#include "common/reader.h"

struct reader reader_over(struct bytes in)
{
    return (struct reader){.at = in.at, .end = in.at ? in.at + in.len : NULL};
}

size_t reader_left(const struct reader *r)
{
    return r->broken ? 0 : (size_t)(r->end - r->at);
}

void reader_break(struct reader *r)
{
    r->broken = true;
}

bool reader_ok(const struct reader *r)
{
    return !r->broken;
}

bool reader_done(const struct reader *r)
{
    return !r->broken && r->at == r->end;
}

struct bytes reader_take(struct reader *r, size_t len)
{
    struct bytes out = {.at = r->at, .len = len};

    if (len > reader_left(r)) {
        r->broken = true;
        return (struct bytes){.at = NULL, .len = 0};
    }
    if (len > 0)
        r->at += len;
    return out;
}

static uint64_t big_endian(struct reader *r, size_t len)
{
    struct bytes in = reader_take(r, len);
    uint64_t value = 0;

    for (size_t i = 0; i < in.len; i++)
        value = value << 8 | in.at[i];
    return value;
}

uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)big_endian(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)big_endian(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)big_endian(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
    return big_endian(r, 8);
}

struct bytes reader_block16(struct reader *r)
{
    return reader_take(r, reader_u16(r));
}

struct bytes reader_block32(struct reader *r)
{
    return reader_take(r, reader_u32(r));
}

void reader_copy(struct reader *r, void *out, size_t len)
{
    struct bytes in = reader_take(r, len);

    memset(out, 0, len);
    if (in.len > 0)
        memcpy(out, in.at, in.len);
}
