#pragma once
/*
 * Writer: the counterpart of reader. Appends to octets that it owns and grows, up to a limit given
 * at the start; it fails for good at the first write that does not fit, so a caller asks once, with
 * writer_ok. Integers are big-endian (network order).
 */
#include "common/bytes.h"
#include "common/macros.h"

struct writer {
    uint8_t *at;
    size_t len, room, max;
    bool broken;
};

/* Starts empty. Free with writer_clear. max: the most octets that it may hold. */
struct writer writer_new(size_t max);
/* Wipes and frees. Fits AUTO(writer_clear). */
void writer_clear(struct writer *w);
/* Forgets the content, keeps the memory. */
void writer_reset(struct writer *w);
/* Goes back to an earlier length; what broke the writer since then is forgotten. */
void writer_truncate(struct writer *w, size_t len);
void writer_u8(struct writer *w, uint8_t value);
void writer_u16(struct writer *w, uint16_t value);
void writer_u32(struct writer *w, uint32_t value);
void writer_u64(struct writer *w, uint64_t value);
void writer_put(struct writer *w, struct bytes in);
/* u16 or u32 length, then the octets. More than 65,535 octets break block16. */
void writer_block16(struct writer *w, struct bytes in);
void writer_block32(struct writer *w, struct bytes in);
void writer_text(struct writer *w, const char *text);
void writer_printf(struct writer *w, const char *fmt, ...) PRINTF(2, 3);
bool writer_ok(const struct writer *w);
/* What was written; valid until the next write or clear. No octets when the writer is broken. */
struct bytes writer_bytes(const struct writer *w);
/* Gives the memory away (the caller frees it) and leaves the writer empty. NULL when broken. */
uint8_t *writer_take(struct writer *w, size_t *ret_len);
