#pragma once
/*
 * Sources from where valid certificates were proved lately. Their ClientHellos have a better place
 * when there are too many, nothing else: a stranger who has such an address gains only that, and
 * spends it with each handshake.
 */
#include "common/address.h"

#include <stdbool.h>
#include <stddef.h>

struct known;

enum {
    KNOWN_MAX = 8192,     /* sources; the one that proved longest ago is forgotten first */
    KNOWN_PER_PROOF = 8,  /* ClientHellos that a proof is good for ... */
    KNOWN_CREDIT_MAX = 64 /* ... and so many at most, however many proofs there were */
};

struct known *known_new(void);
struct known *known_free(struct known *known); /* accepts NULL */
/* A client of that source has finished its handshake with a valid certificate. */
void known_proved(struct known *known, const struct address *source);
/* True: the source is known and has credit, of which this is one. */
bool known_spend(struct known *known, const struct address *source);
size_t known_count(const struct known *known);
