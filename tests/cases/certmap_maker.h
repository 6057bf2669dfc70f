#pragma once
/*
 * Makes what the comparison with SSSD needs: certificates, most of them ordinary and some odd, and
 * texts of rules, most of them well formed and some not. The same seed makes the same ones.
 */
#include "common/writer.h"

struct dice {
    uint64_t state; /* not 0 */
};

/* 0 to n - 1. */
unsigned dice_roll(struct dice *dice, unsigned n);
/* True in that many of a hundred cases. */
bool dice_percent(struct dice *dice, unsigned percent);

struct made_certificate {
    struct bytes der; /* owned */
    /* What SSSD takes and we refuse where a rule uses it, or what both refuse; NULL: ordinary, so
     * that both must say the same. */
    const char *odd;
    bool has_sid;
};

/* Unsigned: neither of the two looks at the signature. The caller frees ret_made->der.at. */
void make_certificate(struct dice *dice, struct made_certificate *ret_made);
/* Appends a terminated text. */
void make_match(struct dice *dice, struct writer *out);
void make_map(struct dice *dice, struct writer *out);
