#pragma once
/*
 * Policy: text in, compiled set out; facts in, decision out. Pure functions: no I/O, no clock, no
 * OpenSSL, no LDAP. docs/policy-guide.md describes the language; read evaluate.c next.
 */
#include "common/address.h"
#include "common/error.h"
#include "common/writer.h"

enum {
    POLICY_MISSES_MAX = 3,        /* nearest misses that a decision names */
    POLICY_RULES_PER_FILE = 2000, /* libconfuse parses titled sections in quadratic time */
    POLICY_FILE_MAX = 4 << 20,    /* octets of one file */
    POLICY_NAME_MAX = 128,        /* octets of a rule, group, user or service name */
    POLICY_DETAIL_MAX = 200,      /* octets of one miss in words */
    POLICY_MESSAGE_MAX = 240,     /* octets of a rule's message, owner or ticket */
    POLICY_ZONE_MAX = 64 * 1024,  /* octets of a TZif file; the largest of tzdata has 4 KiB */
    POLICY_ZONE_NAME_MAX = 64,    /* octets of "America/Argentina/ComodRivadavia" and the like */
};

/* The facts that conditions test: one row each in conditions.c; the order of this enum is their
 * order. */
enum policy_fact_id {
    POLICY_FACT_USERS,    /* the account's name */
    POLICY_FACT_GROUPS,   /* names of all groups, nested ones included */
    POLICY_FACT_SERVICES, /* the service asked for; always one value */
    POLICY_FACT_NETWORKS, /* the client's address: policy_request.source, values unused */
    POLICY_FACT_CA,       /* name of the ca section that the chain ends in */
    POLICY_FACT_LOGIN_AS, /* the login name on the host; LATER at the gateway where confirm = "pam"
                           */
    POLICY_FACT_WINDOWS,  /* the time: policy_request.now_s, values unused; UNKNOWN when unsure */
    POLICY_FACT__COUNT
};

typedef uint64_t policy_facts; /* one bit per policy_fact_id */
#define POLICY_FACT_BIT(id) ((policy_facts)1 << (id))

/* UNKNOWN is 0: what nobody filled in is unknown, and unknown never helps (policy.md, Semantics).
 */
enum policy_fact_state { POLICY_UNKNOWN = 0, POLICY_ABSENT, POLICY_PRESENT, POLICY_LATER };

struct policy_fact {
    enum policy_fact_state state;
    const char *const *values; /* n_values borrowed strings */
    size_t n_values;
    const char *source; /* "certificate", "directory", "connection", "host"; static */
    uint32_t age_s;     /* how old the answer of the source is */
};

struct policy_request {
    struct policy_fact facts[POLICY_FACT__COUNT];
    struct address source; /* value of POLICY_FACT_NETWORKS */
    int64_t now_s;         /* the one time of this evaluation, seconds since 1970 */
    bool clock_unsure;     /* the clock has stepped back: every test of time is UNKNOWN */
    bool brief;            /* a denial need not name the nearest misses: that looks at all rules */
};

enum policy_verdict {
    POLICY_DENY = 0,
    POLICY_ALLOW,
    POLICY_PROVISIONAL, /* allowed as far as is known; tests on LATER facts are still open */
};

struct policy_miss {
    char rule[POLICY_NAME_MAX + 1];
    char file[POLICY_NAME_MAX + 1];
    uint32_t line;
    char detail[POLICY_DETAIL_MAX]; /* "failed only on networks: 192.0.2.7 is not in corp" */
};

struct policy_decision {
    enum policy_verdict verdict;
    enum reason reason; /* OK, DEFAULT_DENY, RULE_DENY, REQUIREMENT_UNMET, LIMIT, POLICY_MISSING (an
                           empty set) */
    /* The rule that decided: the allow used, or the one that blocked; empty for the default. */
    char rule[POLICY_NAME_MAX + 1];
    char file[POLICY_NAME_MAX + 1];
    uint32_t line;
    int64_t valid_until_s; /* judge again then; INT64_MAX: nothing in the policy ends it */
    policy_facts tested;   /* facts that some rule of this service tests */
    /* What the verdict would be if shadow rules were enforced; where that is another one, the rule
     * that would decide. */
    enum policy_verdict shadow_verdict;
    char shadow_rule[POLICY_NAME_MAX + 1];
    size_t n_misses;
    struct policy_miss misses[POLICY_MISSES_MAX]; /* nearest first; only for denials */
    char message[POLICY_MESSAGE_MAX + 1]; /* of the rule that decided: may be shown to the client */
};

/* What gatewayd.conf declares; names used in rules must be among them. */
struct policy_world {
    const char *const *services; /* n_services names */
    const bool *confirmed;       /* per service: confirm = "pam", so that login_as may be tested */
    size_t n_services;
    const char *const *cas;
    size_t n_cas;
    /* The octets of a time zone's TZif file, "Europe/Berlin", borrowed until the load returns;
     * false: there is none. NULL: no zone is known. */
    bool (*zone)(void *context, const char *name, struct bytes *ret_tzif);
    void *context;
};

struct policy_file {
    const char *name; /* shown in errors and decisions; no directory part is needed */
    struct bytes text;
};

/* Receives each error of a load, in order of files and lines; the load goes on to find all. */
struct policy_errors {
    void (*found)(void *context, const char *file, uint32_t line, const struct error *err);
    void *context;
};

struct policy_set; /* immutable after load or decode */

/*
 * Compiles all files to one set; the caller owns *ret_set. False when any error was found; each was
 * given to errors->found. No files, or files without rules, give a set that denies everything.
 */
bool policy_load(const struct policy_file *files, size_t n_files, const struct policy_world *world,
                 const struct policy_errors *errors, struct policy_set **ret_set) MUST_CHECK;
struct policy_set *policy_free(struct policy_set *set); /* accepts NULL, returns NULL */
size_t policy_n_rules(const struct policy_set *set);

/* A value that a rule tests a fact for. */
struct policy_use {
    const char *rule, *file;
    uint32_t line;
    const char *name; /* NULL: a pattern or a word, no name */
};

/* Every such value of all rules, in order of the rules' names. */
void policy_each_use(const struct policy_set *set, enum policy_fact_id fact,
                     void (*each)(void *context, const struct policy_use *use), void *context);

/*
 * The canonical octets of a set: what travels to the deciding process and what its version is the
 * SHA-256 of. Equal sets give equal octets whatever the order of their files.
 */
void policy_encode(const struct policy_set *set, struct writer *out);
/* Rebuilds a set from octets of policy_encode; the octets may go away afterwards. Refuses all
 * others. */
bool policy_decode(struct bytes in, struct policy_set **ret_set, struct error *err) MUST_CHECK;
/* The same in slices, for loops that may not stand still: new, step until *ret_done, take. `in`
 * must stay until then; after a false step only free is allowed. */
struct policy_decoder;
struct policy_decoder *policy_decoder_new(struct bytes in);
/* Goes on by about n_rules rules' worth of work; SIZE_MAX: all of it. */
bool policy_decoder_step(struct policy_decoder *decoder, size_t n_rules, bool *ret_done,
                         struct error *err) MUST_CHECK;
struct policy_set *policy_decoder_take(struct policy_decoder *decoder);
struct policy_decoder *policy_decoder_free(struct policy_decoder *decoder); /* accepts NULL */

/* Total and bounded: always fills *ret_decision. set may be NULL: POLICY_MISSING. */
void policy_evaluate(const struct policy_set *set, const struct policy_request *request,
                     struct policy_decision *ret_decision);

/* What the rules for this service test, whoever asks. set may be NULL. */
policy_facts policy_tested(const struct policy_set *set, const char *service);

/* Name of a fact as written in rules: "groups". Static. */
const char *policy_fact_name(enum policy_fact_id id);
const char *policy_fact_state_name(enum policy_fact_state state);

DEFINE_AUTO(struct policy_set *, policy_freep, policy_free)
DEFINE_AUTO(struct policy_decoder *, policy_decoder_freep, policy_decoder_free)
