#pragma once
/*
 * Mapping: from an identity to an account of the directory by the mapping sections of
 * gatewayd.conf. Rules are compiled once; no filter is ever sent anywhere, the replica is asked.
 * Pure but for that. Used by decide and by `gatewayctl identity map` and `check`. Read mapping.c
 * next.
 */
#include "gatewayd/decide/identity.h"
#include "gatewayd/shared/config.h"
#include "ldap/replica.h"

struct mapping_set; /* immutable; keeps nothing of the configuration. See mapping_rule.h */

/*
 * Compiles all mapping sections. A set with any error is refused whole: each error goes to
 * errors->found with file and line.
 */
bool mapping_compile(const struct config *config, const struct config_errors *errors,
                     struct mapping_set **ret_set) MUST_CHECK;
struct mapping_set *mapping_free(struct mapping_set *set); /* accepts NULL, returns NULL */

/* The i-th section finds accounts by names alone and does not allow it: it never gives one. */
bool mapping_is_too_weak(const struct mapping_set *set, size_t i);

/* The i-th section takes any name of its authorities: neither match nor an exception limits it. */
bool mapping_is_wide(const struct mapping_set *set, size_t i);

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
    int64_t now_s;                     /* for the state of the account */
    const struct mapping_trace *trace; /* NULL: silent */
};

struct mapping_result {
    /* OK, NO_RULE, NO_VALUE, MULTI_VALUE, BAD_ENCODING, NO_USER, AMBIGUOUS_USER, WRONG_LOGIN,
     * WEAK_MAPPING, CERT_OLDER_THAN_ACCOUNT, SID_MISMATCH, CONFIRM_MISMATCH, or why the account may
     * not be used. */
    enum reason reason;
    char detail[ERROR_DETAIL_MAX];
    const char *mapping; /* title of the rule that decided; "" none. Lives as long as the set */
    enum config_subject subject;
    bool asked;   /* a rule that applies has a find: the directory's age matters */
    bool strong;  /* found by the certificate or its key, not by a name */
    bool by_name; /* several accounts fit and the requested name will choose: no account yet */
    /* NULL: no account. The caller owns it; also set when the account may not be used. */
    struct account *account;
    char *candidates; /* AMBIGUOUS_USER: the DNs, a line each; NULL none. Never for the client */
};

/* Total: always fills *ret_result, which mapping_result_clear frees. */
void mapping_apply(const struct mapping_set *set, const struct mapping_request *request,
                   struct mapping_result *ret_result);

void mapping_result_clear(struct mapping_result *result); /* fits AUTO */
/*
 * Each equality test of the rules that are for the certificate, with its value: what a directory
 * that is searched on demand has to be asked for.
 */
void mapping_questions(const struct mapping_set *set, const struct mapping_request *request,
                       void (*each)(void *context, struct bytes attribute, struct bytes value),
                       void *context);
/* Adds the attributes that the finds name, so that the replica keeps them. */
bool mapping_replica_options(const struct config *config, struct replica_options *options,
                             struct error *err) MUST_CHECK;

DEFINE_AUTO(struct mapping_set *, mapping_freep, mapping_free)
