#pragma once
/*
 * Bounded reader over octets from outside. It fails for good at the first short read and gives
 * zeros from then on, so a parser reads like the layout and asks once, with reader_done. Integers
 * are big-endian (network order).
 */
#include "common/bytes.h"

struct reader {
    const uint8_t *at, *end;
    bool broken;
};

/* Borrows the octets: what reader_take gives points into them. */
struct reader reader_over(struct bytes in);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* The next len octets, or none and a broken reader. */
struct bytes reader_take(struct reader *r, size_t len);
/* u16 length or u32 length, then that many octets. */
struct bytes reader_block16(struct reader *r);
struct bytes reader_block32(struct reader *r);
/* Copies exactly len octets to out; zeros when they are not there. */
void reader_copy(struct reader *r, void *out, size_t len);
size_t reader_left(const struct reader *r);
/* For parsers that find a value they cannot accept. */
void reader_break(struct reader *r);
/* True when nothing failed so far. */
bool reader_ok(const struct reader *r);
/* True when nothing failed and nothing is left over. */
bool reader_done(const struct reader *r);
