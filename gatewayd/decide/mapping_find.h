#pragma once
/*
 * The `find` of a mapping: a filter (RFC 4515) whose values may come from the certificate. Compiled
 * at load, evaluated on the replica's indexes, so that no text of a certificate ever becomes part
 * of a filter. Filters are answered exactly as a server would answer them, or refused.
 */
#include "gatewayd/decide/identity.h"
#include "ldap/replica.h"

enum {
    MAPPING_FOUND_MAX = 16, /* entries held; more are ambiguous in any case */
    /* Entries that are looked at one by one; our choice: 1,024 cost well below a millisecond. */
    MAPPING_CANDIDATES_MAX = 1024,
};

struct mapping_find;

struct mapping_found {
    const struct replica_entry *at[MAPPING_FOUND_MAX];
    size_t n;
    bool more; /* there are others, or too many candidates to tell */
};

enum mapping_find_flags {
    MAPPING_FIND_SUBSTRING = 1, /* `*` in the text stands for anything (allow_substring) */
    /* A filter as a client would send it: braces are plain, an absent attribute meets a negation.
     * Without it an entry that lacks something is never found because of it. */
    MAPPING_FIND_LITERAL = 2,
    MAPPING_FIND_CONDITION = 4, /* for mapping_find_holds alone: needs no equality test */
};

/* "(mail={san.email!only})"; the caller owns *ret_find. */
bool mapping_find_compile(struct bytes text, unsigned flags, struct mapping_find **ret_find,
                          struct error *err) MUST_CHECK;
struct mapping_find *mapping_find_free(struct mapping_find *find); /* accepts NULL, returns NULL */
/* Reason NO_VALUE, MULTI_VALUE or BAD_ENCODING in err when the certificate cannot fill it in. */
bool mapping_find_run(const struct mapping_find *find, const struct identity *identity,
                      const struct replica *replica, struct mapping_found *ret_found,
                      struct error *err) MUST_CHECK;
/* Whether this entry fits. The same reasons. */
bool mapping_find_holds(const struct mapping_find *find, const struct identity *identity,
                        const struct replica *replica, const struct replica_entry *entry,
                        bool *ret_holds, struct error *err) MUST_CHECK;
/* Each equality test with its value filled in: what a directory would have to be asked for. */
bool mapping_find_questions(const struct mapping_find *find, const struct identity *identity,
                            void (*each)(void *context, struct bytes attribute, struct bytes value),
                            void *context, struct error *err) MUST_CHECK;
/* The filter with the values filled in, for people only: `gatewayctl identity map --explain`. */
bool mapping_find_print(const struct mapping_find *find, const struct identity *identity,
                        struct writer *out, struct error *err) MUST_CHECK;

DEFINE_AUTO(struct mapping_find *, mapping_find_freep, mapping_find_free)
