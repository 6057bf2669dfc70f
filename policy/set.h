#pragma once
/*
 * The compiled set: what load and decode make and evaluate reads. For the files of policy/ and
 * their tests only; everybody else knows policy.h.
 */
#include "policy/arena.h"
#include "policy/policy.h"
#include "policy/window.h"

/* deny and require block; what they block, an allow rule passes only by naming them. */
enum effect { EFFECT_ALLOW, EFFECT_DENY, EFFECT_REQUIRE, EFFECT__COUNT };

enum {
    SET_VALUES_MAX = 4096,   /* values of one list: our choice, far above what people write */
    SET_ORDER_MAX = 1000000, /* rule option order */
    SET_ORDER_DEFAULT = 100,
    SET_OVERRIDES_MAX = 256, /* rules that one rule overrides */
};

/* What a value of a condition says; the order is the order within a test. */
enum value_kind {
    VALUE_ANY,     /* every value, but there must be one */
    VALUE_NONE,    /* the source says that there is no value */
    VALUE_SELF,    /* equal to the account's name */
    VALUE_EXACT,   /* this text */
    VALUE_PREFIX,  /* text* */
    VALUE_SUFFIX,  /* *text */
    VALUE_NETWORK, /* name of a network section */
    VALUE_CIDR,    /* a network written in the rule */
    VALUE_WINDOW,  /* name of a window section */
    VALUE__COUNT
};

struct network_list {
    const char *name; /* of the section */
    const struct network *at;
    size_t n;
};

struct value {
    enum value_kind kind;
    const char *text; /* as written, without the star of a pattern */
    size_t len;
    const struct network_list *networks; /* NETWORK, CIDR */
    const struct window *window;         /* WINDOW */
};

/* One field of a rule. The values are sorted; the EXACT ones lie together, for a binary search. */
struct test {
    enum policy_fact_id fact;
    bool negative; /* not_X */
    struct value *values;
    size_t n_values;
    size_t first_exact, n_exact;
};

struct tests {
    struct test *at; /* in order of fact, X before not_X */
    size_t n;
};

struct rule {
    const char *name, *file;
    uint32_t line;
    enum effect effect;
    bool shadow;      /* judged and reported, never enforced */
    bool overridable; /* of what blocks: an allow rule may override it */
    uint32_t order;
    int64_t from_s;             /* INT64_MIN: since ever */
    int64_t until_s, expires_s; /* INT64_MAX: no end */
    const char **overrides;     /* names of rules, sorted */
    size_t n_overrides;
    const char *owner, *ticket, *message; /* "" when left out */
    struct tests tests;                   /* of a require: whom it is for; may be none */
    struct tests need;                    /* of a require alone */
};

struct rule_index;

/* Sorted by rule_rank: the first that applies is the one to name. */
struct rule_list {
    const struct rule **at;
    size_t n;
    const struct rule_index *index; /* NULL: all are tried */
};

struct rule_lists {
    struct rule_list by_effect[EFFECT__COUNT];
    policy_facts tested;
    bool has_shadow, has_overrides;
    int64_t *instants; /* when some rule begins or ends, ascending */
    size_t n_instants;
    const struct window **windows; /* that some rule tests, each once */
    size_t n_windows;
};

struct service {
    const char *name;
    bool confirmed;
    struct rule_lists lists; /* rules that name it or match it by pattern */
};

struct policy_set {
    struct arena arena;
    struct rule **rules; /* sorted by name; the array is malloc'd, the rest lies in the arena */
    size_t n_rules, room_rules;
    struct network_list **networks; /* sorted by name; malloc'd array */
    size_t n_networks, room_networks;
    const struct zone **zones; /* sorted by name; malloc'd array */
    size_t n_zones, room_zones;
    struct window **windows; /* sorted by name; malloc'd array */
    size_t n_windows, room_windows;
    struct service *services; /* sorted by name */
    size_t n_services;
    struct rule_lists everywhere; /* rules without a word about services, or with "any" */
};

/* An empty set that knows these services. */
struct policy_set *set_new(const char *const *services, const bool *confirmed, size_t n_services);
void set_add_rule(struct policy_set *set, struct rule *rule);
void set_add_network(struct policy_set *set, struct network_list *list);
/* window: its memo is made. */
void set_add_window(struct policy_set *set, struct window *window);
void set_add_zone(struct policy_set *set, const struct zone *zone);
/* After all of them were added: sorts networks, windows and zones, so that they are found. */
void set_sort_definitions(struct policy_set *set);
const struct network_list *set_find_network(const struct policy_set *set, struct bytes name);
const struct window *set_find_window(const struct policy_set *set, struct bytes name);
/* Works before set_sort_definitions, too. */
const struct zone *set_find_zone(const struct policy_set *set, struct bytes name);
const struct service *set_find_service(const struct policy_set *set, const char *name);
/* Sorts the values of a test and finds the EXACT ones. */
void set_finish_test(struct test *test);
/* Sorts the rules and makes the lists; the set is immutable from then on. */
void set_finish(struct policy_set *set);
/* The same in slices of about n_rules, for a set whose rules are sorted by name: true when it is
 * done. The set must stay until the finisher is freed. */
struct set_finisher;
struct set_finisher *set_finisher_new(struct policy_set *set);
bool set_finisher_step(struct set_finisher *finisher, size_t n_rules);
struct set_finisher *set_finisher_free(struct set_finisher *finisher); /* accepts NULL */
/* Whether what the rule says of services is true for this one. */
bool rule_covers(const struct rule *rule, const struct service *service);
/* Which of two rules comes first: lowest order, then latest end, then name. */
int rule_rank(const struct rule *a, const struct rule *b);
/* What holds between the parts of a rule; used by load and decode. */
bool rule_check(const struct rule *rule, struct error *err) MUST_CHECK;
/* For qsort and bsearch over names: const char * each. */
int name_compare(const void *a, const void *b);
/* Same order as the values of a finished test. */
int value_compare(const void *a, const void *b);
