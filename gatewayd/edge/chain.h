#pragma once
/*
 * Presented chains and what path validation said of them: a returning chain costs a hash and a few
 * comparisons of times, not a signature. One object per chain and accepted set, shared by its
 * connections. Only good chains are remembered.
 */
#include "gatewayd/shared/ocsp_known.h"
#include "gatewayd/shared/verify.h"

#include <uthash.h>

struct connection;
struct edge;

/* Trust data as it was mapped, with the stores made from it. */
struct trust_set {
    struct bytes octets;
    struct trust *trust;
    struct verify *verify;
    uint32_t generation;
};

bool trust_set_map(int fd, uint32_t generation, struct trust_set **ret_set,
                   struct error *err) MUST_CHECK;
struct trust_set *trust_set_free(struct trust_set *set); /* accepts NULL, returns NULL */

enum { CHAIN_CA_MAX = 64 }; /* octets of a section's title: config_title_is_good */

/* What decide hears of a good chain. The ca section is named: its index means something else in the
 * next configuration. */
struct chain_facts {
    char ca[CHAIN_CA_MAX + 1];
    int64_t not_before_s, not_after_s;
    uint8_t revocation;
    int64_t crl_this_update_s, crl_valid_until_s;
};

/* Whose certificates are good, and for what. */
struct chain_accepts {
    const struct config_list *cas; /* titles of ca sections, in their order */
    bool server;                   /* an upstream's certificate; else a client's */
};

/* What the connection's service accepts, or its listener while no service is named. */
struct chain_accepts chain_accepts_of(const struct connection *c);

/* Tells apart what is accepted. */
struct hash chain_accepts_hash(const struct chain_accepts *accepts);

struct chain_key {
    struct hash hash;    /* SHA-256 of the presented DER certificates, one behind the other */
    struct hash accepts; /* SHA-256 of what was accepted: the answer holds for nothing else */
};

/* What OCSP has said of the leaf: standing.h. */
struct chain_status {
    bool known;
    enum reason reason; /* OK, CERT_REVOKED, OCSP_UNKNOWN, OCSP_UNAVAILABLE */
    int64_t until_s;    /* when to ask again */
    char *detail;       /* NULL: none */
    struct ocsp_known signed_last;
};

struct status_ask;

struct chain {
    struct chain_key key;
    UT_hash_handle hh;
    size_t refs;                 /* connections that hold it */
    struct chain *newer, *older; /* in the list of those that nobody holds */
    bool in_table;
    uint32_t generation; /* of the trust data that facts rest on */
    struct chain_facts facts;
    struct bytes octets; /* all DER, the leaf first */
    size_t leaf_len;
    struct chain_status status;
    struct status_ask *ask;     /* under way; it holds the chain */
    struct connection *waiting; /* for its answer */
};

enum { CHAIN_IDLE_MAX = 4096 }; /* remembered chains that no connection holds: about 6 MiB */

struct chain_cache {
    struct chain *table; /* uthash */
    struct chain *newest, *oldest;
    size_t n_idle;
};

/*
 * Judges what a peer presented. True: *ret_chain is held for the caller, who gives it back with
 * chain_drop. False: result says why.
 */
bool chain_judge(struct edge *edge, const struct chain_accepts *accepts, X509 *leaf,
                 const STACK_OF(X509) * presented, struct chain **ret_chain,
                 struct verify_result *ret_result) MUST_CHECK;
/*
 * Judges a held chain under the trust data and time of now, and by what is accepted now; *chain may
 * become another one, held in its place. facts of the chain are renewed when it is good; else
 * reason and detail say why not.
 */
bool chain_judge_again(struct edge *edge, struct chain **chain, const struct chain_accepts *accepts,
                       struct error *why);
/* What other trust data would say of it; changes nothing. Facts are zero unless it is good. */
void chain_try(struct edge *edge, struct trust_set *trust, const struct chain *chain,
               const struct chain_accepts *accepts, struct verify_result *ret_result,
               struct chain_facts *ret_facts);
/* Whether it was judged by what is accepted now. */
bool chain_is_for(const struct chain *chain, const struct chain_accepts *accepts);
/* Whether what is remembered holds: the same trust data, and no date has passed. */
bool chain_is_fresh(const struct edge *edge, const struct chain *chain);
/* One more holder; chain must be held. */
struct chain *chain_hold(struct edge *edge, struct chain *chain);
void chain_drop(struct edge *edge, struct chain *chain);
struct bytes chain_leaf(const struct chain *chain);
/* After a reload: listeners may have other ca sections. Forgets what nobody holds. */
void chain_cache_reset(struct edge *edge);
