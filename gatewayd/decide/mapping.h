#pragma once
/*
 * Mapping: from an identity to an account of the directory by the mapping sections of
 * gatewayd.conf. Rules are compiled once; no filter is ever sent anywhere, the replica is asked.
 * Pure but for that. Used by decide and by `gatewayctl identity map` and `check`. Read mapping.c
 * next.
 */
#include "gatewayd/decide/identity.h"
#include "gatewayd/shared/config.h"

struct replica;
struct replica_entry;
struct mapping_set; /* immutable; keeps nothing of the configuration */

/*
 * Compiles all mapping sections. A set with any error is refused whole: each error goes to
 * errors->found with file and line.
 */
bool mapping_compile(const struct config *config, const struct config_errors *errors,
                     struct mapping_set **ret_set) MUST_CHECK;
struct mapping_set *mapping_free(struct mapping_set *set); /* accepts NULL, returns NULL */

/* Told what is tried, a line each, for --explain. text is gone after the return. */
struct mapping_trace {
    void (*line)(void *context, const char *text);
    void *context;
};

struct mapping_request {
    const struct identity *identity;
    const char *ca;                    /* title of the ca section that the chain ends in */
    const char *requested;             /* login name asked for; NULL: not known (yet) */
    const struct replica *replica;     /* NULL: there is no directory */
    const struct mapping_trace *trace; /* NULL: silent */
};

struct mapping_result {
    enum reason reason; /* OK, NO_RULE, NO_VALUE, MULTI_VALUE, BAD_ENCODING, NO_USER,
                           AMBIGUOUS_USER, WEAK_MAPPING, CERT_OLDER_THAN_ACCOUNT */
    char detail[ERROR_DETAIL_MAX];
    const char *mapping; /* title of the rule that decided; "" none. Lives as long as the set */
    enum config_subject subject;
    bool strong;  /* found by the certificate or its key, not by a name */
    bool by_name; /* several accounts fit and the requested name will choose: entry NULL */
    const struct replica_entry *entry; /* NULL: no account. Lives until the replica changes */
};

/* Total: always fills *ret_result. */
void mapping_apply(const struct mapping_set *set, const struct mapping_request *request,
                   struct mapping_result *ret_result);

DEFINE_AUTO(struct mapping_set *, mapping_freep, mapping_free)
