/*
 * Aborting allocation. Runs in every process of the daemon.
 */
#include "gatewayd/shared/xalloc.h"

static void *must(void *at)
{
    if (!at)
        abort();
    return at;
}

void *xcalloc(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *at, size_t count, size_t size)
{
    return must(reallocarray(at, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text)
{
    return must(strdup(text));
}

char *xtext(struct bytes octets)
{
    char *copy = xcalloc(octets.len + 1, 1);

    if (octets.len > 0)
        memcpy(copy, octets.at, octets.len);
    return copy;
}

struct bytes xbytes(struct bytes octets)
{
    uint8_t *copy = xcalloc(octets.len, 1);

    if (octets.len > 0)
        memcpy(copy, octets.at, octets.len);
    return (struct bytes){copy, octets.len};
}
