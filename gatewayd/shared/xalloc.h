#pragma once
/*
 * Allocation in the daemon: out of memory aborts the process, which the parent replaces. Not for
 * policy/, ldap/, common/ or the modules.
 */
#include "common/bytes.h"
#include "common/macros.h"

void *xcalloc(size_t count, size_t size);
void *xrealloc(void *at, size_t count, size_t size);
char *xstrdup(const char *text);
/* Octets as C string; a NUL inside ends it. Callers have checked the octets before. */
char *xtext(struct bytes octets);
/* A copy of the octets that the caller frees (free((void *)at)). */
struct bytes xbytes(struct bytes octets);
