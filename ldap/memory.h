#pragma once
/*
 * Allocation in ldap/: out of memory aborts, because a replica with half a change in it would be
 * worse than none. Its processes are supervised.
 */
#include "common/bytes.h"
#include "common/macros.h"

/* Zeroed; never NULL. */
static inline void *memory_new(size_t count, size_t size)
{
    void *at = calloc(count ? count : 1, size);

    if (!at)
        abort();
    return at;
}

/* Never NULL. */
static inline void *memory_grow(void *at, size_t count, size_t size)
{
    void *grown = reallocarray(at, count ? count : 1, size);

    if (!grown)
        abort();
    return grown;
}

/* A terminated copy; never NULL. */
static inline char *memory_text(struct bytes text)
{
    char *copy = memory_new(text.len + 1, 1);

    if (text.len)
        memcpy(copy, text.at, text.len);
    return copy;
}
