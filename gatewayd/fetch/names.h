#pragma once
/*
 * Host names to addresses, remembered for a while: the resolver blocks, so that a name is asked for
 * rarely, and one that nobody answers for even more rarely.
 */
#include "common/address.h"

struct names;

enum { NAMES_ADDRESSES_MAX = 8 /* of one name that are tried */ };

struct names *names_new(void);
struct names *names_free(struct names *names); /* accepts NULL, returns NULL */
/* Before the sandbox closes: what the resolver reads of the system. */
void names_prepare(void);
/*
 * Addresses of a host, with the port: a literal one or a name. May block for some seconds. False:
 * FETCH_FAILED.
 */
bool names_find(struct names *names, const char *host, uint16_t port,
                struct address ret_addresses[NAMES_ADDRESSES_MAX], size_t *ret_n,
                struct error *err) MUST_CHECK;
