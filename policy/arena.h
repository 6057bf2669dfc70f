#pragma once
/*
 * Arena: memory that lives and dies with one policy set. Out of memory aborts: only the daemon's
 * processes, which are replaced, and the tools make sets; evaluation allocates nothing.
 */
#include "common/bytes.h"
#include "common/macros.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *last;
};

/* Zeroed and aligned for any type; valid until arena_clear. */
void *arena_take(struct arena *arena, size_t count, size_t size);
/* A copy as C string; callers have checked that there is no NUL inside. */
const char *arena_text(struct arena *arena, struct bytes text);
void arena_clear(struct arena *arena);
