/*
 * Chunks in a list, each used from its start. Runs where policy sets are made (load, decide,
 * tools).
 */
#include "policy/arena.h"

#include <stddef.h>

enum { CHUNK = 16384 }; /* some hundred rules */

struct arena_chunk {
    struct arena_chunk *before;
    size_t used, room;
    _Alignas(max_align_t) uint8_t octets[];
};

static struct arena_chunk *chunk_new(struct arena *arena, size_t room)
{
    struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + room);

    if (!chunk)
        abort();
    chunk->before = arena->last;
    chunk->room = room;
    arena->last = chunk;
    return chunk;
}

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    struct arena_chunk *chunk = arena->last;
    size_t len;
    void *at;

    if (__builtin_mul_overflow(count, size, &len) || len > SIZE_MAX / 2)
        abort();
    len = (len + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
    if (!chunk || chunk->room - chunk->used < len)
        chunk = chunk_new(arena, len > CHUNK ? len : CHUNK);
    at = chunk->octets + chunk->used;
    chunk->used += len;
    return at;
}

const char *arena_text(struct arena *arena, struct bytes text)
{
    char *copy = arena_take(arena, text.len + 1, 1);

    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    return copy;
}

void arena_clear(struct arena *arena)
{
    while (arena->last) {
        struct arena_chunk *before = arena->last->before;

        free(arena->last);
        arena->last = before;
    }
}
