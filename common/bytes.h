#pragma once
/*
 * Octets and their length: the only form in which data from outside travels.
 * Owns nothing; whoever hands one out says how long it stays valid.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *at;
    size_t len;
};

/* The octets of a C string, without its terminator. NULL gives no octets. */
static inline struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, text ? strlen(text) : 0};
}

/* Not constant-time: for public data only. */
static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
